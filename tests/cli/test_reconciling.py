"""Two sides of a day beside each other: what is told twice is one, and nothing is lost."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.cli.reconciling import Compared, Comparison, Entry, read_file
from ledger.cli.rows import Reading
from ledger.cli.words import Stop

FIELDS = ("reference", "debit_account", "credit_account", "amount", "currency")
READING = Reading(columns={name: name for name in FIELDS}, constants={})


def entry(reference: str = "", amount: str = "1.00", debit: str = "cash") -> Entry:
    return Entry(reference, debit, "ana", amount, "MXN")


def compared(file: list[Entry], ledger: list[Entry]) -> Compared:
    comparison = Comparison({"MXN": 2})
    for row, one in enumerate(file, 2):
        comparison.add_row(row, one)
    for sequence, one in enumerate(ledger, 1):
        comparison.add_transfer(sequence, one)
    return comparison.end()


def seen(file: list[Entry], ledger: list[Entry]) -> tuple[int, list[int], list[int], int]:
    found = compared(file, ledger)
    return (
        found.matched,
        [placed.place for placed in found.only_in_file],
        [placed.place for placed in found.only_in_ledger],
        len(found.different),
    )


@pytest.mark.parametrize(
    ("file", "ledger", "expected"),
    [
        ([], [], (0, [], [], 0)),
        ([entry("R1")], [entry("R1")], (1, [], [], 0)),
        ([entry("R1")], [], (0, [2], [], 0)),
        ([], [entry("R1")], (0, [], [1], 0)),
        # One reference told in two ways is different, and not two.
        ([entry("R1", "1.01")], [entry("R1", "1.00")], (0, [], [], 1)),
        ([entry("R1", debit="box")], [entry("R1")], (0, [], [], 1)),
        # Two references are two transfers, though they say the same.
        ([entry("R1")], [entry("R2")], (0, [2], [1], 0)),
        # One without any reference may be any of the same content; one only.
        ([entry()], [entry("R2")], (1, [], [], 0)),
        ([entry("R1")], [entry()], (1, [], [], 0)),
        ([entry("R1")], [entry(), entry()], (1, [], [2], 0)),
        ([entry(), entry(), entry()], [entry(), entry()], (2, [4], [], 0)),
        ([entry(amount="1.01")], [entry()], (0, [2], [1], 0)),
        # A reference that comes twice: as many as are on both sides.
        ([entry("R1"), entry("R1")], [entry("R1")], (1, [3], [], 0)),
        ([entry("R1"), entry("R1", "2.00")], [entry("R1", "2.00")], (1, [2], [], 0)),
        # The same reference first, though another row would fit.
        ([entry("R1", "2.00"), entry()], [entry("R1")], (0, [3], [], 1)),
    ],
)
def test_one_beside_the_other(
    file: list[Entry], ledger: list[Entry], expected: tuple[int, list[int], list[int], int]
) -> None:
    assert seen(file, ledger) == expected


ENTRIES = st.lists(
    st.builds(entry, st.sampled_from(["", "R1", "R2"]), st.sampled_from(["1.00", "2.00"])),
    max_size=8,
)


@given(ENTRIES, ENTRIES)
def test_nothing_is_lost_and_nothing_is_told_twice(
    file: list[Entry], ledger: list[Entry]
) -> None:
    found = compared(file, ledger)
    pairs = found.matched + len(found.different)
    assert pairs + len(found.only_in_file) == len(file)
    assert pairs + len(found.only_in_ledger) == len(ledger)
    assert found.matched >= (Counter(file) & Counter(ledger)).total()
    if Counter(file) == Counter(ledger):
        assert found.is_equal


@given(ENTRIES)
def test_a_day_is_equal_to_itself_in_any_order(file: list[Entry]) -> None:
    assert compared(file, file[::-1]).is_equal


def test_sums_are_of_all_entries() -> None:
    comparison = Comparison({"MXN": 2})
    for row, amount in enumerate(("1.00", "2.50"), 2):
        comparison.add_row(row, entry(f"R{row}", amount))
    comparison.add_transfer(1, entry("R2"))
    assert (comparison.file.counts, comparison.file.sums) == ({"MXN": 2}, {"MXN": 350})
    assert (comparison.ledger.counts, comparison.ledger.sums) == ({"MXN": 1}, {"MXN": 100})


def test_a_file_with_and_without_references(tmp_path: Path) -> None:
    file = tmp_path / "core.csv"
    file.write_text("debit_account,credit_account,amount,currency\ncash,ana,1,MXN\n")
    [placed] = read_file(file, READING, {"MXN": 2})
    assert (placed.place, placed.entry) == (2, entry())
    columns = {**READING.columns, "reference": "folio"}
    with pytest.raises(Stop, match="folio"):
        list(read_file(file, Reading(columns=columns, constants={}), {"MXN": 2}))
    file.write_text("folio,debit_account,credit_account,amount,currency\nR1,cash,ana,1e0,MXN\n")
    [placed] = read_file(file, Reading(columns=columns, constants={}), {"MXN": 2})
    assert placed.entry == entry("R1")


@pytest.mark.parametrize(
    "row", ["R1,cash,ana,1.001,MXN", "R1,cash,ana,-1,MXN", "R1,cash,ana,1,XTS", "R1,cash,ana"]
)
def test_a_row_that_is_no_transfer_is_named(tmp_path: Path, row: str) -> None:
    file = tmp_path / "core.csv"
    file.write_text(f"{','.join(FIELDS)}\nR0,cash,ana,1,MXN\n{row}\n")
    with pytest.raises(Stop, match="row 3"):
        list(read_file(file, READING, {"MXN": 2}))
