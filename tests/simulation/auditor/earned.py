"""Earned limits: a lower bound that follows what an account was paid."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.simulation.auditor.books import Books, Entry, always, line, shown
from tests.simulation.auditor.forms import must, rule_of
from tests.simulation.auditor.plans import is_planned
from tests.simulation.auditor.state import AMOUNT_MAX, Place, Stand


@dataclass(frozen=True)
class Earned:
    """A rule, what was received since it was set, and the first row that may count."""

    rule: Mapping[str, Any]
    received: int
    since: int

    @property
    def limit(self) -> int:
        rule = self.rule
        earned: int = rule["base"] + self.received * rule["n"] // rule["d"]
        return min(rule["cap"], earned)


@line("limit_earned")
def _earned(books: Books, entry: Entry) -> None:
    number, rule = entry.fields["account"], entry.fields.get("rule")
    place, old = books.now(number), books.get("earned", number)
    must(place.status != "closed", "a closed account changes no more")
    must(not is_planned(books, number), "earned, though it is planned")
    if rule is None:
        must(old, "no rule to end")
        books.shelve("earned", number, None)
        return
    must(rule["base"] <= rule["cap"], "a limit that begins above its cap", rule)
    must(place.upper is None or place.upper >= 0, "bounds are crossed")
    must(old is None or old.rule != rule, "a line that changes nothing")
    since = books.transfers[-1] + 1
    new = Earned(rule, 0, since) if old is None else replace(old, rule=rule)
    books.shelve("earned", number, new)
    follow(books, number)


def follow(state: Stand, number: int) -> None:
    """Let the lower bound be what the rule gives by now, or what is used already."""
    earned: Earned | None = state.get("earned", number)
    if earned is None:
        return
    place: Place = state.get("place", number)
    used = place.pending_debits - place.balance
    lower = -min(max(earned.limit, used), AMOUNT_MAX)
    state.shelve("place", number, replace(place, lower=lower))


def receive(state: Stand, number: int, kind: str, amount: int) -> None:
    """Count what an account was paid, where it counts."""
    earned: Earned | None = state.get("earned", number)
    if earned is not None and kind in earned.rule.get("kinds", [kind]):
        more = replace(earned, received=earned.received + amount)
        state.shelve("earned", number, more)
        follow(state, number)


def give_back(state: Stand, number: int, row: int, kind: str, amount: int) -> None:
    """Count what of a row that counted was taken back from the account that it had paid."""
    earned: Earned | None = state.get("earned", number)
    if earned and row >= earned.since and kind in earned.rule.get("kinds", [kind]):
        less = replace(earned, received=max(0, earned.received - amount))
        state.shelve("earned", number, less)
        follow(state, number)


@always
def _follows(books: Books, entry: Entry) -> None:
    """After every line each earned limit is what its rule says of what counts."""
    for number, earned in books.all_now("earned").items():
        place = books.now(number)
        used = place.pending_debits - place.balance
        must(place.lower == -max(earned.limit, used), "not the limit that was earned", place)


@shown("earned")
def _shown(book: Any) -> dict[Any, Any]:
    return {
        number: Earned(rule_of(rule), book.earned.received[number], book.earned._since[number])
        for number, rule in book.earned.rules.items()
    }
