"""Fees: what accounts of some kinds pay each period."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.simulation.auditor.books import Books, Entry, line, needs, shown
from tests.simulation.auditor.forms import must, rule_of
from tests.simulation.auditor.told import When, changed

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.refusals import Refusal


@line("fee")
def _fee(books: Books, entry: Entry) -> None:
    code, fee = entry.fields["code"], entry.fields.get("fee")
    if fee is None:
        must(books.get("fee", code), "no such fee to remove", code)
    else:
        treasury = books.now(fee["treasury"])
        must(treasury.currency == fee["currency"], "paid to one of another currency", fee)
        must(treasury.status != "closed", "paid to a closed account", fee)
        must(books.get("fee", code) != fee, "a line that changes nothing")
    books.shelve("fee", code, fee)


@needs("account_in_use")
def _is_treasury(books: Books, number: int, size: int) -> bool:
    return any(one["treasury"] == number for one in books.shelf.all_at("fee", size).values())


@shown("fee")
def _fees(book: Any) -> dict[Any, Any]:
    return {code: rule_of(fee) for code, fee in book.fees.rules.items()}


def set_so(
    books: Books,
    code: str,
    asked: Mapping[str, Any] | None,
    refusal: "Refusal | None",
    signed: int,
    since: int,
) -> None:
    """A fee was set so, or removed.

    Args:
        asked: as in a line, with the treasury by its code and without the amount.
    """

    def is_so(size: int) -> bool:
        fee = books.shelf.at("fee", code, size)
        if asked is None or fee is None:
            return asked is None and fee is None
        expected = {**asked, "treasury": books.numbers.get(asked["treasury"])}
        return expected.items() <= fee.items()

    def is_of_another(size: int) -> bool:
        place = books.at(books.number_at(asked["treasury"], size), size) if asked else None
        return place is not None and asked is not None and place.currency != asked["currency"]

    excuses: dict[str, When] = {
        "account_not_found": lambda size: bool(
            asked and not books.number_at(asked["treasury"], size)
        ),
        "account_closed": lambda size: bool(
            asked and books.is_closed(books.numbers[asked["treasury"]], size)
        ),
        "currency_not_found": lambda size: bool(
            asked and books.scale(asked["currency"], size) is None
        ),
        "currency_must_match_accounts": is_of_another,
        "fee_not_found": lambda size: books.shelf.at("fee", code, size) is None,
    }
    changed(books, refusal, signed, since, is_so, excuses)
