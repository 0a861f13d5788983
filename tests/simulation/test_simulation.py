"""Two hundred short histories, and proofs that the simulation would notice what it looks for.

A theme of the ledger has three files of one name, or fewer: in workload/ what clients ask for,
in auditor/ what is looked for, in damage/ what must be noticed. workload/client.py and
auditor/books.py say what belongs where; a history that fails says how to see it again.
"""

import ast
import asyncio
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from ledger.core.leaves import AnyLeaf
from tests.simulation.auditor.books import LINES
from tests.simulation.auditor.terms import GOES_WITH
from tests.simulation.history import run
from tests.simulation.loop import Life, SimulatedLoop, Stuck
from tests.simulation.outside import Fault
from tests.simulation.workload.themes import COMMANDS, NAMES
from tests.simulation.world import Rates

ROOT = Path(__file__).parents[2]
HISTORIES = 200
STEPS = 50

lived = cache(run)


@pytest.mark.parametrize("first", range(0, HISTORIES, 20))
def test_histories(first: int) -> None:
    """Whatever happens to it, nothing that was acknowledged is lost, doubled or unfounded."""
    for seed in range(first, first + 20):
        lived(seed, STEPS)


def test_everything_happens_somewhere() -> None:
    """Every command is asked and answered; every write fails before and after its effect.

    Every line that the auditor knows is written, and every term leads to something posted.
    What is seldom asked for is so more often where a history is about it.
    """
    histories = [lived(seed, STEPS) for seed in range(HISTORIES)]
    histories += [lived(seed, STEPS, theme) for theme in NAMES for seed in range(6)]
    faults: Counter[str] = Counter()
    for history in histories:
        faults.update(history.faults)
    writes = ("create", "take", "COPY", "COMMIT", "checkpoint", "snapshot", "drop", "key")
    expected = {f"{write} {fault}" for write in writes for fault in (Fault.BEFORE, Fault.AFTER)}
    expected |= {f"COMMIT {fault}" for fault in Fault}
    expected |= {f"signer's state {when}" for when in ("before", "after", "torn")}
    expected |= {"signature is never asked for", "signature never leaves"}
    expected |= {"answer lost", "a read fails", "COMMIT is not carried out"}
    assert expected <= faults.keys(), expected - faults.keys()
    answered = {name for history in histories for name in history.answered}
    assert answered == {make.__name__ for make, _ in COMMANDS}
    happened = {what for history in histories for what in history.happened}
    actions = {"hold", "post", "void", "reverse", "clear"}
    notes = {"suspense", "flags", "beside", "business_date", "fraction", "levies went back"}
    expected = {*LINES, *GOES_WITH, *actions, *notes}
    assert expected <= happened, expected - happened


# ---- the same byte for byte


def simulate(*words: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_seed_repeats_everything_whatever_the_hash_seed() -> None:
    """Times stand on lines with the word seconds only, and the last line is the hash."""
    outputs = []
    for hash_seed in ("1", "2"):
        ended = simulate("--seed", "9", "--steps", "150", hash_seed=hash_seed)
        assert ended.returncode == 0, ended.stderr
        lines = ended.stdout.splitlines()
        outputs.append([line for line in lines if "seconds" not in line])
    assert outputs[0] == outputs[1]
    assert outputs[0][-1] == f"history {run(9, 150).sha256}"
    assert outputs[0][-1] != f"history {run(10, 150).sha256}"


def test_for_minutes() -> None:
    ended = simulate("--seed", "3", "--steps", "10", "--minutes", "0.002")
    assert ended.returncode == 0, ended.stderr
    first, *_, last = ended.stdout.splitlines()
    assert first.startswith("seed 3: ")
    assert last.startswith("history ")


# ---- what the auditor may know


def test_the_auditor_shares_no_code_with_the_ledger() -> None:
    """It names the ledger's types for those who read it, and imports none of them."""
    own = "tests.simulation.auditor"
    for file in sorted((Path(__file__).parent / "auditor").glob("*.py")):
        for node in ast.parse(file.read_text()).body:
            # What stands under TYPE_CHECKING is not among them.
            names = [alias.name for alias in getattr(node, "names", [])]
            names.append(getattr(node, "module", "") or "")
            first = {name.split(".")[0] for name in names if not name.startswith(own)}
            assert not first & {"ledger", "tests"}, file


# Lines that no command of the workload leads to yet. A new one belongs into LINES instead.
AWAITED: frozenset[str] = frozenset()


def test_the_auditor_knows_every_line() -> None:
    tags = {leaf.__struct_config__.tag for leaf in get_args(AnyLeaf)}
    assert tags - LINES.keys() <= AWAITED
    assert not LINES.keys() & AWAITED


# ---- the loop


def test_time_jumps_and_what_is_due_together_keeps_its_order() -> None:
    async def work() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        seen: list[tuple[str, float]] = []
        for name in "abc":
            loop.call_later(3600, lambda name=name: seen.append((name, loop.time())))
        await asyncio.sleep(3601)
        return seen

    assert SimulatedLoop().run(work()) == [(name, 3600.0) for name in "abc"]


def test_who_waits_for_nothing_is_told() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        SimulatedLoop().run(work())


def test_who_waits_while_something_ticks_is_told_too() -> None:
    async def tick() -> None:
        while True:  # noqa: ASYNC110 - As a scheduler does.
            await asyncio.sleep(0.1)

    async def work() -> None:
        Life().begin(tick(), ticks=True)
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        SimulatedLoop().run(work())


def test_a_life_that_ended_does_nothing_more() -> None:
    """No `except` and no `finally` of it, as long as anything else runs."""
    seen: list[str] = []

    async def last_words() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            seen.append("too late")

    async def work() -> list[str]:
        life = Life()
        life.begin(last_words())
        await asyncio.sleep(0.5)
        life.has_ended = True
        await asyncio.sleep(10)
        return list(seen)

    assert SimulatedLoop().run(work()) == []


def test_a_calm_history_has_no_faults() -> None:
    histories = [lived(seed, STEPS) for seed in range(40)]
    calm = [one for one in histories if f"roughness: {Rates()}" in "\n".join(one.lines)]
    assert calm
    assert not any(one.faults for one in calm)
