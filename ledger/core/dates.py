"""Dates of a schedule: which days a rule names, where they move to, and when that is.

Nothing here knows a clock. A time zone is an argument, and is asked only for moments: what
the book keeps are days and minutes.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from msgspec import UNSET

from ledger.core.days import A_DAY, last_day
from ledger.core.rule_leaves import Schedule

LAST_DATE: Final = date(2199, 12, 31)  # Microseconds since 1970 end in 2255.
SHIFT_MAX: Final = 31  # Days that a date is moved at most.
_DAYS: Final = {"day": 1, "week": 7}
_MONTHS: Final = {"month": 1, "year": 12}


def date_of(rule: Schedule, number: int) -> date | None:
    """The date of a number, counted from 0 for the first; None after the last.

    The day of the month is that of the first, or the last day of a month without it: after
    31 January comes 28 February and then 31 March, and 29 February comes back in leap years.
    """
    if rule.count is not UNSET and number >= rule.count:
        return None
    day = _dated(rule, number)
    if day is None or day > LAST_DATE or (rule.last is not UNSET and day > rule.last):
        return None
    return day


def _dated(rule: Schedule, number: int) -> date | None:
    first, steps = rule.first, number * rule.step
    if rule.every == "once":
        return first if number == 0 else None
    if rule.every in _DAYS:
        days = steps * _DAYS[rule.every]
        return None if days > (date.max - first).days else first + timedelta(days=days)
    year, month = divmod(12 * first.year + first.month - 1 + steps * _MONTHS[rule.every], 12)
    if year >= date.max.year:
        return None
    return date(year, month + 1, min(first.day, last_day(year, month + 1).day))


def number_from(rule: Schedule, day: date) -> int:
    """The number of the first date that is not before a day, whether there is one or not."""
    if day <= rule.first:
        return 0
    if rule.every == "once":
        return 1
    if rule.every in _DAYS:
        return -((rule.first - day).days // (rule.step * _DAYS[rule.every]))
    months = 12 * (day.year - rule.first.year) + day.month - rule.first.month
    number = months // (rule.step * _MONTHS[rule.every])
    while (dated := _dated(rule, number)) is not None and dated < day:
        number += 1
    return number


def shifted(rule: Schedule, day: date, is_holiday: Callable[[date], bool]) -> date | None:
    """The day on which a date of a rule is posted, or None where it is skipped.

    A date that is a holiday moves as `on_holiday` says, else one on a weekend as `on_weekend`
    does, until neither rule minds the day. Where that takes too long it stays.
    """

    def shift(of: date) -> str:
        if rule.on_holiday != "as_is" and is_holiday(of):
            return rule.on_holiday
        return rule.on_weekend if of.weekday() >= 5 else "as_is"

    how = shift(day)
    if how == "skip":
        return None
    if how == "as_is":
        return day
    step = A_DAY if how == "after" else -A_DAY
    for days in range(1, SHIFT_MAX + 1):
        if shift(day + days * step) == "as_is":
            return day + days * step
    return day


def day_at(moment: int, zone: tzinfo) -> date:
    """The date in a zone at a moment, in microseconds since 1970."""
    return datetime.fromtimestamp(moment // 1_000_000, UTC).astimezone(zone).date()


def moment_of(day: date, minute: int, zone: tzinfo) -> int:
    """When it is that minute of that day in a zone, in microseconds since 1970.

    Of a time that comes twice the first; for one that does not come, the first that does.
    """
    local = datetime.combine(day, time(minute // 60, minute % 60), zone)
    moment = int(local.timestamp())
    if _offset(moment, zone) == local.utcoffset():
        return moment * 1_000_000
    # The clocks were set forward over it: between what its minute would have been before
    # and after, there is the moment at which they were.
    early = int(local.replace(fold=1).timestamp())
    late = moment
    while late - early > 1:
        middle = (early + late) // 2
        if _offset(middle, zone) == _offset(moment, zone):
            late = middle
        else:
            early = middle
    return late * 1_000_000


def _offset(seconds: int, zone: tzinfo) -> timedelta | None:
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone).utcoffset()
