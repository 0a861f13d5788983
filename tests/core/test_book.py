"""The book's edges, and the leaves that cannot follow; test_histories.py has the rest."""

import pytest

from ledger.core.book import Book, Posted
from ledger.core.faults import JournalBroken
from ledger.core.leaves import AccountOpened, CurrencyAdded, StatusChanged
from ledger.core.model import CurrencyKind, Nature, Status
from ledger.core.refusals import Refusal
from ledger.journal.batches import root_of_lines
from ledger.journal.snapshots import Chunk, chunks_of, restore_chunk
from tests.core.books import NOW, add, batch, bound, opened, pay, post, set_status


def a_book() -> Book:
    book = opened(currencies=("MXN", "HRS"))
    for code, lower, upper, currency in [
        ("cash", None, None, "MXN"),
        ("ana", 0, None, "MXN"),
        ("ben", -200, 200, "MXN"),
        ("eva", -50, 500, "MXN"),
        ("hour", None, None, "HRS"),
    ]:
        add(book, code, lower, upper, currency)
    return book


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        (b'"balance":"0"', b'"balance":"no"'),
        (b'"number":2', b'"number":9'),
        (b'"currency":"MXN"', b'"currency":"XXX"'),
        (b'"status":"open"', b'"status":"ajar"'),
        (b'{"balance"', b'{ "balance"'),
    ],
)
def test_damaged_lines_of_a_snapshot_break_it(there: bytes, instead: bytes) -> None:
    """Also where their hash is right, which until the end is only the database's word."""
    book = a_book()
    (chunk,) = chunks_of(book)
    data = chunk.data.replace(there, instead)
    assert data != chunk.data
    with pytest.raises(JournalBroken, match="snapshot"):
        restore_chunk(Book(), Chunk(data, root_of_lines(data)))


def test_no_bound_and_a_bound_at_the_edge_of_bigint() -> None:
    """A balance without bounds stops at 2^63-1, where a database column ends."""
    book = opened()
    add(book, "cash", None)
    add(book, "ana", None)
    book.balance[1], book.balance[2] = -(2**63 - 1) + 5, 2**63 - 1 - 5
    assert isinstance(post(book, batch(pay("cash", "ana", "0.05"))), Posted)
    refusal = post(book, batch(pay("cash", "ana", "0.01"), number=2))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "exceeds_credit_limit"


def test_a_batch_can_be_taken_back() -> None:
    """A preview is a posting that is taken back and leaves nothing."""
    book = opened()
    add(book, "cash", None)
    add(book, "ana")
    before = list(book.state())
    outcome = post(book, batch(pay("cash", "ana", "5.00"), pay("ana", "cash", "2.00")))
    assert isinstance(outcome, Posted)
    book.unpost(outcome)
    assert list(book.state()) == before


def test_a_frozen_book_stays_as_it_was() -> None:
    """A snapshot is written while the book goes on."""
    book = a_book()
    frozen = book.frozen()
    before = frozen.slice(0, frozen.count).lines()
    post(book, batch(pay("ben", "cash", "1.00")))
    bound(book, "ben", -300, 300)
    set_status(book, "eva", Status.FROZEN)
    add(book, "late")
    assert frozen.slice(0, frozen.count).lines() == before
    assert list(book.state()) != before


def account_line(book: Book, **changes: object) -> AccountOpened:
    fields = {
        "recorded_at": NOW,
        "number": book.accounts + 1,
        "code": "new",
        "currency": "MXN",
        "nature": Nature.CREDIT,
        "kind": "member",
        "holder": bytes(16),
        "by": "x",
    }
    return AccountOpened(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"code": "ana"}, "account_code_used"),
        ({"currency": "EUR"}, "currency_not_found"),
        ({"lower": 5, "upper": 4}, "bounds_crossed"),
        ({"number": 99}, "out of order"),
        ({"recorded_at": NOW - 1}, "went back"),
    ],
)
def test_an_account_that_cannot_follow_breaks_the_journal(
    changes: dict[str, object], why: str
) -> None:
    book = a_book()
    with pytest.raises(JournalBroken, match=why):
        book.apply(account_line(book, **changes))


def test_other_leaves_that_cannot_follow() -> None:
    book = a_book()
    post(book, batch(pay("cash", "ana", "5.00")))
    for line, why in [
        (
            CurrencyAdded(recorded_at=NOW, code="MXN", kind=CurrencyKind.TIME, scale=0, by="x"),
            "currency_code_used",
        ),
        (
            StatusChanged(recorded_at=NOW, account=2, status=Status.CLOSED, reason="r", by="x"),
            "account_not_at_zero",
        ),
        (
            StatusChanged(
                recorded_at=NOW, account=99, status=Status.CLOSED, reason="r", by="x"
            ),
            "account_not_found",
        ),
        (book.opening, "one opening"),
    ]:
        assert line is not None
        with pytest.raises(JournalBroken, match=why):
            book.apply(line)
    with pytest.raises(JournalBroken, match="one opening"):
        Book().apply(account_line(book))


def test_a_closed_account_is_only_opened_again() -> None:
    book = a_book()
    set_status(book, "ana", Status.CLOSED)
    for status in set(Status) - {Status.OPEN}:
        with pytest.raises(JournalBroken, match="account_closed"):
            set_status(book, "ana", status)
    with pytest.raises(JournalBroken, match="account_closed"):
        bound(book, "ana", -1, 1)
    set_status(book, "ana", Status.OPEN)
    bound(book, "ana", -1, 1)


def test_a_bound_may_be_set_below_what_is_owed() -> None:
    """Money that came in before stays; only what would make it worse is refused."""
    book = a_book()
    post(book, batch(pay("ben", "cash", "2.00")))
    bound(book, "ben", -100, 200)
    refused = post(book, batch(pay("ben", "cash", "0.01"), number=2))
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.available) == ("exceeds_credit_limit", 0)
    assert isinstance(post(book, batch(pay("cash", "ben", "0.50"), number=3)), Posted)
