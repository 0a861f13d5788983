"""A batch that was read elsewhere is decided as if it was read here, to the last line."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET

from ledger.api.passed import pass_lines, take_lines
from ledger.core.book import Book
from ledger.core.columns import Columns, sides_of
from ledger.core.leaves import SettingsChanged
from ledger.core.lines import Manifest, Terms, Transfer
from ledger.core.model import DaysBy, Mode, Side
from ledger.core.rule_leaves import Levy, LevySet
from ledger.core.written import WrittenBatch
from ledger.journal.batches import read_written, write_body
from ledger.journal.checkpoints import batch_origin
from tests.core.books import NOW, ORIGIN, TODAY, add, opened

BEFORE = TODAY - timedelta(days=1)
LONG_AGO = date(1990, 1, 1)
DAYS = st.sampled_from([UNSET, TODAY, BEFORE])
REST = Terms(up_to=Side.DEBIT, rest=1)
transfers = st.builds(
    Transfer,
    amount=st.integers(1, 40),
    debit_account=st.sampled_from([1, 1, 1, 1, 2, 3, 4, 5, 0]),
    credit_account=st.sampled_from([2, 2, 3, 3, 3, 3, 1, 4, 5, 0]),
    kind=st.sampled_from(["payment", "taxed"]),
    reference=st.sampled_from(["", "R-1"]),
    business_date=DAYS,
    value_date=DAYS | st.just(LONG_AGO),
    terms=st.sampled_from([UNSET, UNSET, UNSET, REST]),
)


def plain(**more: Any) -> Transfer:
    return Transfer(amount=5, debit_account=1, credit_account=2, kind="payment", **more)


DATED = plain(business_date=BEFORE)
TAXED = Transfer(amount=7, debit_account=1, credit_account=3, kind="taxed")
ALL = Mode.ATOMIC


def a_book(unique: bool, levied: bool) -> Book:
    book = opened(unique_references=unique)
    days = SettingsChanged(recorded_at=NOW, by="x", days=DaysBy.CLOCK, value_days_back=30)
    book.apply(days)
    for code in ("cash", "ana", "ben"):
        add(book, code, lower=None if code == "cash" else 0, upper=100_000)
    if levied:
        levy = Levy(kinds=["taxed"], payer="debit", treasury=1, n=1, d=10)
        book.apply(
            LevySet(recorded_at=NOW, code="tax", by="operator", reason="test", levy=levy)
        )
    return book


def written(lines: list[Transfer], mode: Mode) -> WrittenBatch:
    batch = UUID(int=1)
    manifest = Manifest(
        origin=batch_origin(ORIGIN, batch),
        created=NOW,
        expires=NOW + 1,
        count=len(lines),
        mode=mode,
        salt=bytes(16),
    )
    return read_written(write_body(manifest, lines).data)


def decided(book: Book, batch: WrittenBatch, today: date) -> tuple[Any, Any]:
    """What came of it, and all the lines of the book then."""
    outcome = book.post(batch.manifest, batch.transfers, recorded_at=NOW, business_date=today)
    frozen = book.frozen()
    return outcome, frozen.slice(0, frozen.count).lines()


@given(
    lines=st.lists(transfers, min_size=1, max_size=8),
    times=st.sampled_from([1, 1, 40]),
    mode=st.sampled_from(Mode),
    unique=st.booleans(),
    levied=st.booleans(),
)
@example(lines=[plain()], times=200, mode=ALL, unique=False, levied=False)
@example(lines=[plain(value_date=LONG_AGO)], times=200, mode=ALL, unique=False, levied=True)
@example(lines=[plain(), TAXED], times=1, mode=ALL, unique=False, levied=False)
@example(lines=[plain(), TAXED], times=1, mode=ALL, unique=False, levied=True)
@example(lines=[DATED, plain()], times=1, mode=Mode.EACH, unique=True, levied=False)
def test_columns_are_decided_as_lines_are(
    lines: list[Transfer], times: int, mode: Mode, unique: bool, levied: bool
) -> None:
    read = written(lines * times, mode)
    passed = take_lines(pass_lines(read, b"packed"), UNSET)
    assert passed.packed == b"packed"
    one = decided(a_book(unique, levied), read, TODAY)
    other = decided(a_book(unique, levied), passed, TODAY)
    assert one == other
    assert passed.transfers == read.transfers
    assert [*passed.transfers] == read.transfers
    assert passed.transfers[-1] == read.transfers[-1]


@pytest.mark.parametrize(
    ("line", "plainly"),
    [(plain(), True), (plain(value_date=TODAY), False), (plain(terms=REST), False)],
)
def test_what_is_plain_is_decided_without_a_line(line: Transfer, plainly: bool) -> None:
    """Nobody reads the lines of a plain batch; of another somebody must."""
    passed = take_lines(pass_lines(written([line] * 200, Mode.ATOMIC), b""), UNSET)
    columns = passed.transfers
    assert isinstance(columns, Columns)
    decided(a_book(unique=False, levied=False), passed, TODAY)
    assert (columns._lines is None) is plainly
    assert sides_of(columns) == ([1] * 200, [2] * 200, [5] * 200)
