"""The list of mutants fits the code as it is, and its command tells the truth."""

import json
from pathlib import Path

import pytest

from tests.mutants import run
from tests.mutants.mutant import Mutant
from tests.mutants.mutants import MUTANTS

NOTICED = ("a decimal too many is taken", "small letters hide a person")
FEW = ("tests/core/test_amounts.py", "tests/core/test_changes.py")
HARMLESS = Mutant(
    "ledger/core/amounts.py", "digits, a point, a sign", "digits", "a shorter comment", FEW
)
GONE = Mutant("ledger/core/amounts.py", "no such text", "", "nothing", FEW)
BROKEN = Mutant("ledger/core/amounts.py", "def show_amount(", "def (", "no Python", FEW)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.meaning)
def test_each_can_still_be_made(mutant: Mutant) -> None:
    """Its text stands exactly once; where it does not, the list is out of date."""
    assert run.mutated(mutant)
    assert all((run.ROOT / name).exists() for name in mutant.tests)


def test_each_means_something_else() -> None:
    meanings = [(mutant.file, mutant.meaning) for mutant in MUTANTS]
    assert len(meanings) == len(set(meanings)) >= 40


def test_a_few_are_noticed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which test noticed is said; what nobody notices, or cannot be made, fails the run."""
    few = [mutant for mutant in MUTANTS if mutant.meaning in NOTICED]
    assert len(few) == len(NOTICED)
    few = [Mutant(m.file, m.old, m.new, m.meaning, FEW) for m in few]
    before = {mutant.file: Path(run.ROOT / mutant.file).read_bytes() for mutant in few}
    monkeypatch.setattr(run, "MUTANTS", few)
    assert run.main(["--jobs", "2"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    summary = json.loads(last)
    assert (summary["mutants"], summary["killed"], summary["survived"]) == (2, 2, [])
    assert [line.split()[0] for line in lines] == ["killed", "killed"]
    assert "tests/core/test_amounts.py::test_refused" in lines[0]
    assert "tests/core/test_changes.py::test_what_looks_like" in lines[1]

    monkeypatch.setattr(run, "MUTANTS", [HARMLESS, GONE, BROKEN])
    assert run.main(["--jobs", "1"]) == 1
    *lines, last = capsys.readouterr().out.splitlines()
    summary = json.loads(last)
    assert summary["survived"] == ["ledger/core/amounts.py: a shorter comment"]
    assert len(summary["not_found"]) == 2
    assert [line.split()[0] for line in lines] == ["SURVIVED", "NOT", "NOT"]
    assert before == {name: Path(run.ROOT / name).read_bytes() for name in before}
