"""Limits: what was told of changing those of accounts, and how they were shown to stand."""

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tests.simulation.auditor import payments
from tests.simulation.auditor.books import Books
from tests.simulation.auditor.earned import Earned
from tests.simulation.auditor.forms import must, or_none, place_of, rule_of
from tests.simulation.auditor.plans import Plan
from tests.simulation.auditor.state import Draft
from tests.simulation.auditor.told import changed, perhaps

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.answered import Standing
    from ledger.core.asked import AskedLimits
    from ledger.core.refusals import Refusal


def limited(
    books: Books,
    asked: "AskedLimits",
    refusal: "Refusal | None",
    signed: int,
    since: int,
) -> None:
    """Limits of accounts were changed, all or none."""
    numbers = [books.numbers.get(code, 0) for code in asked.accounts]

    def is_closed(size: int) -> bool:
        places = [books.at(number, size) for number in numbers]
        return any(place is not None and place.status == "closed" for place in places)

    def is_missing(size: int) -> bool:
        return any(not number or books.at(number, size) is None for number in numbers)

    def is_planned(size: int) -> bool:
        return any(one.account in numbers for one in books.shelf.all_at("plan", size).values())

    def is_no_plan(size: int) -> bool:
        plan: Plan | None = books.shelf.at("plan", asked.unplan, size)
        return plan is None or bool(plan.begun) or plan.account not in numbers

    excuses = {
        "account_not_found": is_missing,
        "account_closed": is_closed,
        "bounds_crossed": perhaps,  # What each would be with the bounds that it has.
        "limit_is_earned": lambda size: any(books.shelf.at("earned", n, size) for n in numbers),
        "limit_is_planned": is_planned,
        "limit_plan_over": lambda _: or_none(asked.ends) is not None,
        "limit_plan_not_found": is_no_plan,
    }

    def was_so(number: int, size: int) -> bool:
        return any(_is_so(books, asked, number, before) for before in range(size, -1, -1))

    def is_so(size: int) -> bool:  # Of many, each by its own leaf.
        return all(was_so(number, size) for number in numbers)

    changed(books, refusal, signed, since, is_so, excuses)


def _is_so(books: Books, asked: "AskedLimits", number: int, size: int) -> bool:
    """Whether an account stood so after so many leaves, as far as it was asked for."""
    if books.at(number, size) is None:
        return False
    earned: Earned | None = books.shelf.at("earned", number, size)
    if hasattr(asked.earned, "cap"):
        rate = earned and (earned.rule["n"], earned.rule["d"])
        if rate != (asked.earned.n, asked.earned.d):
            return False
    elif asked.earned == "none" and earned is not None:
        return False
    if hasattr(asked.payments, "week"):
        limits = books.shelf.at("payments", number, size)
        names = {n for n in payments.NAMES if or_none(getattr(asked.payments, n)) is not None}
        if (limits.limits.keys() if limits else set()) != names:
            return False
    starts, ends = or_none(asked.starts), or_none(asked.ends)
    if starts or ends:
        return any(
            one.account == number
            and (not starts or one.starts == _midnight(books, starts))
            and one.ends == (_midnight(books, ends + timedelta(days=1)) if ends else None)
            for one in books.shelf.all_at("plan", size).values()
        )
    return or_none(asked.unplan) is None or books.shelf.at("plan", asked.unplan, size) is None


def _midnight(books: Books, day: date) -> int:
    """When a day begins in the zone of the ledger, in microseconds since 1970."""
    zone = ZoneInfo(books.entries[0].fields["time_zone"])
    return int(datetime.combine(day, time(), zone).timestamp()) * 1_000_000


def stands(books: Books, standing: "Standing", since: int) -> None:
    """An account was shown to stand so towards its limits as it did at some size."""
    books.read()
    sizes = range(len(books.entries), since - 1, -1)
    must(any(_stands(books, standing, size) for size in sizes), "limits as they never were")


def _stands(books: Books, standing: "Standing", size: int) -> bool:
    number, earned = standing.account.number, None
    kept: Earned | None = books.shelf.at("earned", number, size)
    if standing.earned is not None:
        earned = Earned(rule_of(standing.earned), standing.received, kept.since if kept else 0)
    left = payments.left(Draft(books.shelf, size, size), number, standing.today)
    return (
        place_of(standing.account) == books.at(number, size)
        and standing.today == books.day(standing.now, size)
        and (standing.left, earned) == (left, kept)
    )
