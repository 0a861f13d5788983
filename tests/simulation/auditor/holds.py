"""Holds, and what stands in suspense: what they keep back, and that it ends."""

from typing import Any

from tests.simulation.auditor.books import Books, Entry, always, due, line, needs, shown
from tests.simulation.auditor.forms import must
from tests.simulation.auditor.rules import keep_back
from tests.simulation.auditor.state import Hold, Item

EXPIRED_MAX = 2048  # Holds that one line says are expired.


@line("expired")
def _expired(books: Books, entry: Entry) -> None:
    """All whose time is up by then, and nothing else; those that ended first, first."""
    now = entry.fields["recorded_at"]
    due = [(one.expires, n) for n, one in books.all_now("hold").items() if one.expires <= now]
    expected = sorted(n for _, n in sorted(due)[:EXPIRED_MAX])
    must(entry.fields["holds"] == expected, "others expired than were due", due)
    for sequence in expected:
        hold = books.shelf.at("hold", sequence, entry.index)
        keep_back(books, hold, hold, 0)
        books.shelve("hold", sequence, None)


@shown("hold")
def _holds(book: Any) -> dict[Any, Any]:
    return {
        n: Hold(one.debit, one.credit, one.amount, one.left, one.expires)
        for n, one in book.holds.open.items()
    }


@shown("item")
def _items(book: Any) -> dict[Any, Any]:
    return {
        n: Item(one.account, one.side, one.left, one.since, one.meant_for, one.why)
        for n, one in book.suspense.open.items()
    }


@needs("account_has_holds")
def _is_held(books: Books, number: int, size: int) -> bool:
    place = books.at(number, size)
    return place is not None and bool(place.pending_debits or place.pending_credits)


@needs("account_has_suspense")
def _is_in_suspense(books: Books, number: int, size: int) -> bool:
    return any(item.account == number for item in books.shelf.all_at("item", size).values())


@always
def _kept_back(books: Books, entry: Entry) -> None:
    """What accounts keep back is what is held."""
    found = [
        sum(one.pending_debits for one in books.sums.values()),
        sum(one.pending_credits for one in books.sums.values()),
    ]
    held = sum(hold.left for hold in books.all_now("hold").values())
    waiting = books.all_now("proposal").values()
    held += sum(one["amount"] for proposal in waiting for one in proposal.reserved)
    must(found == [held, held], "kept back is not what is held", found, held)


@due
def _ended(books: Books, at: int) -> None:
    late = [n for n, hold in books.all_now("hold").items() if hold.expires <= at]
    must(not late, "held after its end", late)
