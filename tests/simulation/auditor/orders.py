"""Orders: what an authority ordered, only whoever serves it changes."""

from typing import TYPE_CHECKING, Any

from tests.simulation.auditor.books import Books, Entry, shown
from tests.simulation.auditor.forms import must
from tests.simulation.auditor.state import Place
from tests.simulation.auditor.told import When, changed

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.asked import AskedChange
    from ledger.core.refusals import Refusal

COMPLIANCE = "compliance"  # The key of those who serve authorities.


def take(books: Books, entry: Entry, old: Place) -> None:
    """A status: one that is under an order cites another, or the same when it ends."""
    fields, there = entry.fields, books.get("order", old.number)
    order, status = fields.get("order"), fields["status"]
    is_other = order is not None and order != there and status != "open"
    must(old.status != status or is_other, "a line that changes nothing")
    must(there is None or order, "changed without an order, though one was given", old, there)
    is_served = fields["by"] == COMPLIANCE
    must(is_served is (order is not None), "an order by another than who serves it", fields)
    if order is not None:
        books.shelve("order", old.number, None if status == "open" else order)


@shown("order")
def _orders(book: Any) -> dict[Any, Any]:
    return dict(book.orders.by_account)


def ordered(
    books: Books,
    code: str,
    asked: "AskedChange",
    refusal: "Refusal | None",
    signed: int,
    since: int,
) -> None:
    """An authority's order was carried out, or ended."""
    number = books.numbers.get(code, 0)

    def is_so(size: int) -> bool:
        place, order = books.at(number, size), books.shelf.at("order", number, size)
        expected = None if asked.status == "open" else asked.order
        return place is not None and (place.status, order) == (asked.status, expected)

    def is_closed(size: int) -> bool:
        place = books.at(number, size)
        return place is not None and place.status == "closed"

    excuses: dict[str, When] = {
        "account_not_found": lambda size: not books.number_at(code, size),
        "account_closed": is_closed,
    }
    changed(books, refusal, signed, since, is_so, excuses)
