"""How accounts are frozen, freed, closed and opened again, and what an order changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.book import Book
from ledger.core.faults import JournalBroken
from ledger.core.leaves import StatusChanged
from ledger.core.model import Status
from ledger.core.refusals import Refusal
from ledger.journal.canonical import decode_leaf, encode_line
from tests.core.books import add, batch, opened, pay, post
from tests.core.test_limits import again


@pytest.fixture
def book() -> Book:
    book = opened()
    add(book, "ana", -10_000)
    add(book, "shop", None, None)
    return book


def to(book: Book, status: Status, order: str = "") -> StatusChanged:
    more = {"order": order} if order else {}
    return StatusChanged(
        recorded_at=book.recorded_at, account=1, status=status, reason="x", by="y", **more
    )


def change(book: Book, status: Status, order: str = "") -> str:
    """Change ana's status; why not, or nothing."""
    line = to(book, status, order)
    refusal = book.refuse(line)
    if refusal is not None:
        with pytest.raises(JournalBroken, match=refusal.code):
            book.apply(line)
        return refusal.code.value
    assert decode_leaf(encode_line(line)) == line
    book.apply(line)
    return ""


def test_who_frees_what_an_order_froze_cites_an_order(book: Book) -> None:
    assert change(book, Status.FROZEN, "UEI/117/2026") == ""
    refusal = post(book, batch(pay("ana", "shop", "1.00")))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "debit_account_frozen"  # And no word of an order.
    book = again(book)
    for status in Status:
        assert change(book, status) == "account_frozen_by_order"
    assert change(book, Status.FROZEN_DEBITS, "UEI/118/2026") == ""
    assert change(book, Status.OPEN) == "account_frozen_by_order"
    assert change(book, Status.OPEN, "UEI/119/2026") == ""
    assert change(book, Status.FROZEN) == ""  # An order of the past binds nobody.
    assert change(book, Status.OPEN) == ""


def test_a_closed_account_is_as_it_was_once_it_is_open_again(book: Book) -> None:
    assert change(book, Status.CLOSED) == ""
    for status in set(Status) - {Status.OPEN}:
        assert change(book, status) == "account_closed"
        assert change(book, status, "UEI/117/2026") == "account_closed"
    assert change(book, Status.OPEN) == ""
    assert book.account(1).lower == -10_000


@given(st.lists(st.tuples(st.sampled_from(Status), st.sampled_from(["", "A-1", "B/2"]))))
def test_orders_against_a_plain_model(steps: list[tuple[Status, str]]) -> None:
    book = opened()
    add(book, "ana")
    status, order = Status.OPEN, ""
    for new, cited in steps:
        if status is Status.CLOSED and new is not Status.OPEN:
            expected = "account_closed"
        elif order and not cited:
            expected = "account_frozen_by_order"
        else:
            expected = ""
            status = new
            order = "" if new is Status.OPEN else cited or order
        assert change(book, new, cited) == expected
        assert book.account(1).status is status
        assert book.orders.by_account.get(1, "") == order
    again(book)
