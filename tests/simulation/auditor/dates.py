"""The auditor's own dates of schedules: which there are, where they move, when they begin.

Written from JOURNAL.md ("Schedules") and slowly on purpose: dates are counted one by one, and
a moment is found by looking at the clock on the wall until it shows it. Rules are objects as
they stand in the journal's lines.
"""

import calendar
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

A_DAY = timedelta(days=1)
LAST_DATE = date(2199, 12, 31)
SHIFT_MAX = 31  # Days that a date moves at most.
HOUR_S, MINUTE_S = 3600, 60

Rule = Mapping[str, Any]


def day_of(rule: Rule, number: int) -> date | None:
    """The date of a number, from 0; None where the rule has none."""
    day = _stepped(rule, number * rule.get("step", 1))
    last = date.fromisoformat(rule["last"]) if "last" in rule else LAST_DATE
    is_counted = number < rule.get("count", number + 1)
    is_one = rule["every"] != "once" or number == 0
    return day if is_counted and is_one and day <= min(last, LAST_DATE) else None


def _stepped(rule: Rule, steps: int) -> date:
    """So many days, weeks, months or years after the first; a short month ends sooner."""
    first = date.fromisoformat(rule["first"])
    if rule["every"] in ("once", "day", "week"):
        return first + steps * A_DAY * {"week": 7}.get(rule["every"], 1)
    months = first.month - 1 + steps * {"month": 1, "year": 12}[rule["every"]]
    year, month = first.year + months // 12, months % 12 + 1
    return date(year, month, min(first.day, calendar.monthrange(year, month)[1]))


def number_from(rule: Rule, day: date) -> int | None:
    """The number of the first date that is not before a day; None where there is none."""
    number = 0
    while (found := day_of(rule, number)) is not None:
        if found >= day:
            return number
        number += 1
    return None


def moved(rule: Rule, day: date, is_holiday: Callable[[date], bool]) -> date | None:
    """The day on which a date is posted; None where it is skipped."""

    def how(of: date) -> str:
        on_holiday = rule.get("on_holiday", "as_is") if is_holiday(of) else "as_is"
        is_weekend = of.isoweekday() in (6, 7)
        on_weekend = rule.get("on_weekend", "as_is") if is_weekend else "as_is"
        return str(on_weekend if on_holiday == "as_is" else on_holiday)

    if how(day) == "skip":
        return None
    step = {"as_is": 0, "before": -1, "after": 1}[how(day)]
    days = [day + n * step * A_DAY for n in range(SHIFT_MAX + 1)]
    return next((one for one in days if how(one) == "as_is"), day)


@lru_cache(maxsize=4096)
def moment_of(day: date, minute: int, zone: str) -> int:
    """When the clock on the wall first shows that minute of that day, or has passed it.

    Microseconds since 1970.
    """
    wall = datetime(day.year, day.month, day.day, minute // 60, minute % 60)  # noqa: DTZ001

    def is_shown(seconds: int) -> bool:
        moment = datetime.fromtimestamp(seconds, UTC)
        return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) >= wall

    seconds = int(wall.replace(tzinfo=UTC).timestamp()) - 15 * HOUR_S  # In no zone yet.
    while not is_shown(seconds + HOUR_S):
        seconds += HOUR_S
    while not is_shown(seconds):
        seconds += MINUTE_S
    return seconds * 1_000_000
