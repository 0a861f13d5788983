"""Levies: which there are, and what was told of setting them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.simulation.auditor.books import Books, Entry, line, needs, shown
from tests.simulation.auditor.forms import NONE, Broken, must

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.refusals import Refusal


@line("levy")
def _levy(books: Books, entry: Entry) -> None:
    code, levy = entry.fields["code"], entry.fields.get("levy")
    if levy is None:
        must(books.shelf.at("levy", code, entry.index), "no such levy to remove", code)
    else:
        must(books.now(levy["treasury"]).status != "closed", "paid to a closed account", levy)
        must(levy["n"] <= levy["d"], "a levy of more than there is")
        must(levy.get("minimum", 0) <= levy.get("maximum", NONE), "bounds are crossed")
    books.shelve("levy", code, levy)


@needs("account_in_use")
def _is_treasury(books: Books, number: int, size: int) -> bool:
    return any(one["treasury"] == number for one in books.shelf.all_at("levy", size).values())


@shown("levy")
def _levies(book: Any) -> dict[Any, Any]:
    return {code: _levy_of(one) for code, one in book.levies.rules.items()}


def _levy_of(levy: Any) -> dict[str, Any]:
    """As it stands in a line: without what is as it would be without being said."""
    names = ("d", "kinds", "n", "payer", "treasury", "fixed", "minimum", "maximum")
    fields = {name: getattr(levy, name) for name in names}
    optional = {"fixed", "minimum", "maximum"}
    return {
        name: value
        for name, value in fields.items()
        if name not in optional or (isinstance(value, int) and value)
    }


def levied(
    books: Books,
    code: str,
    rule: Mapping[str, Any] | None,
    fund: str,
    refusal: "Refusal | None",
    signed: int,
) -> None:
    """A levy was set so, or removed, or there is a reason why not."""
    books.read()
    stood = books.shelf.stood("levy", code)
    match refusal and refusal.code:
        case None if rule is None:
            is_there = any(one is None and size <= signed for size, one in stood)
            must(is_there, "never removed", code)
        case None:
            expected = {**rule, "treasury": books.numbers[fund]} if rule else {}
            is_there = any(
                one and expected.items() <= one.items() and size <= signed
                for size, one in stood
            )
            must(is_there, "never levied so", code, rule)
        case "levy_not_found":
            must(rule is None, "a new levy is not found", code)
        case "account_not_found":
            pass  # It may have been opened since.
        case "account_closed":
            closed = (one.status == "closed" for _, one in books.ever(books.numbers[fund]))
            must(any(closed), "never closed", fund)
        case "bounds_crossed":
            must(rule and rule["minimum"] > rule["maximum"], "bounds not crossed", rule)
        case "rate_above_one":
            must(rule and rule["n"] > rule["d"], "not above one", rule)
        case other:
            raise Broken(f"a levy refused as {other}")
