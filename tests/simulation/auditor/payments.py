"""Payment limits: how much may be debited of an account in a transfer, a day, a week and on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tests.simulation.auditor.books import Books, Entry, always, line, shown
from tests.simulation.auditor.forms import must, or_none
from tests.simulation.auditor.state import Leg, Place, Stand

PERIODS = ("day", "week", "month", "year")
NAMES = ("transfer", *PERIODS)


@dataclass(frozen=True)
class Payments:
    """The limits of an account, and every payment since there are any, with its day."""

    limits: Mapping[str, int]
    paid: tuple[tuple[date, int], ...] = ()

    def day(self, today: date) -> date:
        """The day that a payment counts for: days do not go back."""
        return max(today, self.paid[-1][0]) if self.paid else today

    def in_period(self, period: str, day: date) -> int:
        """What was paid in the period that a day lies in."""
        return sum(amount for paid, amount in self.paid if _same(period, paid, day))


def _same(period: str, one: date, other: date) -> bool:
    if period == "week":
        return one.isocalendar()[:2] == other.isocalendar()[:2]
    parts = {"day": 3, "month": 2, "year": 1}[period]
    return one.timetuple()[:parts] == other.timetuple()[:parts]


@line("payment_limits")
def _limits(books: Books, entry: Entry) -> None:
    number = entry.fields["account"]
    limits = {name: entry.fields[name] for name in NAMES if name in entry.fields}
    old: Payments = books.get("payments", number) or Payments({})
    must(books.now(number).status != "closed", "a closed account changes no more")
    must(limits != old.limits, "a line that changes nothing")
    books.shelve("payments", number, Payments(limits, old.paid) if limits else None)


def left(state: Stand, number: int, today: date) -> dict[str, int]:
    """What each limit of an account leaves, with what its holds keep back."""
    one: Payments | None = state.get("payments", number)
    if one is None:
        return {}
    place: Place = state.get("place", number)
    day = one.day(today)
    return {
        name: limit
        if name == "transfer"
        else max(0, limit - one.in_period(name, day) - place.pending_debits)
        for name, limit in one.limits.items()
    }


def pay(state: Stand, number: int, today: date, amount: int) -> None:
    """Count a payment."""
    one: Payments | None = state.get("payments", number)
    if one is not None:
        more = (*one.paid, (one.day(today), amount))
        state.shelve("payments", number, replace(one, paid=more))


@always
def _never_passed(books: Books, entry: Entry) -> None:
    """Whoever just paid has paid no more than all limits, counted anew from all rows.

    What was held is posted whatever was paid since.
    """
    for number, one in books.all_now("payments").items():
        just = list(_payments(entry, number))
        if not just or any(leg.hold for leg in just):
            continue
        first = _first(books, number)
        for name, limit in one.limits.items():
            if name == "transfer":
                total = max(leg.amount for leg in just)
            else:
                last = max(_day_of(each) for each in books.entries[first:] if each.legs)
                total = sum(
                    leg.amount
                    for each in books.entries[first:]
                    if each.legs and _same(name, _day_of(each), last)
                    for leg in _payments(each, number)
                )
            must(total <= limit, "more was paid than its limit", number, name, total, limit)


def _first(books: Books, number: int) -> int:
    """The size since which an account has limits."""
    first = 0
    for size, one in books.shelf.stood("payments", number):
        first = size if one is None or not first else first
    return first


def _payments(entry: Entry, number: int) -> Iterator[Leg]:
    """What an account paid in a batch: own rows and rests, but not what puts right."""
    for leg in entry.legs:
        is_own = leg.debit == number and leg.moves and not leg.is_levy
        if is_own and entry.wanted[leg.position].is_payment:
            yield leg


def _day_of(entry: Entry) -> date:
    return date.fromisoformat(entry.fields["business_date"])


def _summed(payments: dict[Any, Payments]) -> dict[Any, Any]:
    return {
        number: (
            dict(one.limits),
            [one.in_period(name, one.paid[-1][0]) if one.paid else 0 for name in PERIODS],
        )
        for number, one in payments.items()
    }


@shown("payments", as_=_summed)
def _shown(book: Any) -> dict[Any, Any]:
    found = {}
    for number, limits in book.payments.limits.items():
        named = {name: or_none(getattr(limits, name)) for name in NAMES}
        paid = book.payments.paid[number]
        found[number] = (
            {name: limit for name, limit in named.items() if limit is not None},
            [getattr(paid, name) for name in PERIODS],
        )
    return found
