"""Reserves: what circulates of a backed currency never passes what its reserve backs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.simulation.auditor.books import Books, Entry, always, line, needs, shown
from tests.simulation.auditor.forms import must, rule_of
from tests.simulation.auditor.state import HELD, Place, Stand
from tests.simulation.auditor.told import When, changed

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.refusals import Refusal

Rule = Mapping[str, Any]


@line("reserve")
def _reserve(books: Books, entry: Entry) -> None:
    code, rule = entry.fields["currency"], entry.fields.get("rule")
    if rule is None:
        must(books.get("reserve", code), "no such reserve to remove", code)
    else:
        must(books.currencies[code][1] == "backed", "not a currency that is backed", code)
        issuer, reserve = books.now(rule["issuer"]), books.now(rule["reserve"])
        must(issuer.currency == code, "issued from an account of another currency", rule)
        must(issuer.number != reserve.number, "backed by itself", rule)
        statuses = (issuer.status, reserve.status)
        must("closed" not in statuses, "backed by a closed account", rule)
        must(books.get("reserve", code) != rule, "a line that changes nothing")
    books.shelve("reserve", code, rule)


@needs("account_in_use")
def _is_backing(books: Books, number: int, size: int) -> bool:
    rules = books.shelf.all_at("reserve", size).values()
    return any(number in (rule["issuer"], rule["reserve"]) for rule in rules)


class Backing:
    """Both sides of a rule as they stand: what circulates, and what the reserve has."""

    def __init__(self, state: Stand, rule: Rule) -> None:
        self._rule = rule
        self._issuer: Place = state.get("place", rule["issuer"])
        self._reserve: Place = state.get("place", rule["reserve"])
        issued, kept = self._issuer.currency, self._reserve.currency
        self._up = rule["n"] * 10 ** state.get("scale", issued)
        self._down = rule["d"] * 10 ** state.get("scale", kept)

    @property
    def circulates(self) -> int:
        return self._issuer.pending_debits - self._issuer.balance

    @property
    def backs(self) -> int:
        place = self._reserve
        if place.nature == "debit":
            return -place.balance - place.pending_credits
        return place.balance - place.pending_debits

    def holds(self, debit: int = 0, credit: int = 0, amount: int = 0) -> bool:
        """Whether the rule would be kept after so much more from one account to another."""
        return self._circulation(debit, credit, amount) * self._down <= (
            self._backing(debit, credit, amount) * self._up
        )

    def _circulation(self, debit: int, credit: int, amount: int) -> int:
        return self.circulates + amount * (debit == self._issuer.number)

    def _backing(self, debit: int, credit: int, amount: int) -> int:
        takes = credit if self._reserve.nature == "debit" else debit
        return self.backs - amount * (takes == self._reserve.number)

    def concerns(self, debit: int, credit: int) -> bool:
        """Whether any amount between them circulates more, or leaves less in the reserve."""
        more = self._circulation(debit, credit, 1) > self.circulates
        return more or self._backing(debit, credit, 1) < self.backs


def available(
    state: Stand, rules: Mapping[str, Rule], debit: int, credit: int, amount: int
) -> int | None:
    """The largest amount that the first rule lets pass that is against this one."""
    for _, rule in sorted(rules.items()):
        backing = Backing(state, rule)
        if backing.concerns(debit, credit) and not backing.holds(debit, credit, amount):
            low, high = 0, amount  # The largest that it holds for lies in between.
            while high - low > 1:
                middle = (low + high) // 2
                is_held = backing.holds(debit, credit, middle)
                low, high = (middle, high) if is_held else (low, middle)
            return low
    return None


@always
def _backed(books: Books, entry: Entry) -> None:
    """Whoever just issued, or took from a reserve, left it so that it backs what circulates."""
    for rule in books.all_now("reserve").values():
        backing = Backing(books, rule)
        is_held = [leg for leg in entry.legs if leg.phase == HELD]
        moved = [leg for leg in entry.legs if leg.moves and not leg.hold]
        if any(backing.concerns(leg.debit, leg.credit) for leg in [*is_held, *moved]):
            must(backing.holds(), "more circulates than is backed", rule, vars(backing))


@shown("reserve")
def _reserves(book: Any) -> dict[Any, Any]:
    return {code: rule_of(rule) for code, rule in book.reserves.rules.items()}


def backed(
    books: Books,
    code: str,
    asked: Mapping[str, Any] | None,
    refusal: "Refusal | None",
    signed: int,
    since: int,
) -> None:
    """A currency was backed so, or is no more.

    Args:
        asked: issuer and reserve by their codes, and the ratio as n and d; None to remove it.
    """
    ends = ("issuer", "reserve")

    def is_so(size: int) -> bool:
        rule = books.shelf.at("reserve", code, size)
        if asked is None or rule is None:
            return asked is None and rule is None
        named = {name: books.numbers.get(asked[name]) for name in ends}
        return bool(rule == {**asked, **named})

    def is_missing(size: int) -> bool:
        return asked is not None and not all(
            books.number_at(asked[name], size) for name in ends
        )

    def is_shut(size: int) -> bool:
        numbers = [books.number_at(asked[name], size) for name in ends] if asked else []
        places = (books.at(number, size) for number in numbers)
        return any(place is not None and place.status == "closed" for place in places)

    def is_of_another(size: int) -> bool:
        place = books.at(books.number_at(asked["issuer"], size), size) if asked else None
        return place is not None and place.currency != code

    excuses: Mapping[str, When] = {
        "account_not_found": is_missing,
        "account_closed": is_shut,
        "currency_not_found": lambda size: books.scale(code, size) is None,
        "currency_not_backed": lambda _: books.currencies[code][1] != "backed",
        "currency_must_match_accounts": is_of_another,
        "accounts_must_differ": lambda _: bool(asked and asked["issuer"] == asked["reserve"]),
        "reserve_not_found": lambda size: books.shelf.at("reserve", code, size) is None,
    }
    changed(books, refusal, signed, since, is_so, excuses)
