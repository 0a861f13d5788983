"""Periods of the calendar: weeks from Monday, months, quarters and years, by their days."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, Literal

from msgspec import Struct

Period = Literal["week", "month", "quarter", "year"]

_A_DAY: Final = timedelta(days=1)
_MONTHS: Final[dict[Period, int]] = {"month": 1, "quarter": 3, "year": 12}
_TEXT: Final = re.compile(r"([0-9]{4})(?:-(?:W([0-9]{2})|Q([1-4])|([0-9]{2})))?", re.ASCII)


class Span(Struct, frozen=True, order=True):
    """The first and the last day of a period."""

    first: date
    last: date


def span_of(period: Period, day: date) -> Span:
    """The period that a day lies in.

    >>> span_of("month", date(2028, 2, 3)).last
    datetime.date(2028, 2, 29)
    """
    if period == "week":
        first = day - day.weekday() * _A_DAY
        return Span(first, first + 6 * _A_DAY)
    months = _MONTHS[period]
    first = date(day.year, day.month - (day.month - 1) % months, 1)
    return Span(first, _months_after(first, months) - _A_DAY)


def spans(period: Period, since: date, through: date) -> Iterator[Span]:
    """The whole periods from a day on, and through another, in order."""
    span = span_of(period, since)
    if span.first < since:
        span = span_of(period, span.last + _A_DAY)
    while span.last <= through:
        yield span
        span = span_of(period, span.last + _A_DAY)


def _months_after(first: date, months: int) -> date:
    total = first.year * 12 + first.month - 1 + months
    return date(total // 12, total % 12 + 1, 1)


def parse_period(text: str) -> tuple[Period, Span] | None:
    """What a person means by 2026-11, 2026-W48, 2026-Q4 or 2026; None where it is none.

    >>> parse_period("2026-Q4")[1].last
    datetime.date(2026, 12, 31)
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    year, week, quarter, month = found.groups()
    try:
        if week is not None:
            return "week", span_of("week", date.fromisocalendar(int(year), int(week), 1))
        if quarter is not None:
            return "quarter", span_of("quarter", date(int(year), 3 * int(quarter), 1))
        if month is not None:
            return "month", span_of("month", date(int(year), int(month), 1))
        return "year", span_of("year", date(int(year), 1, 1))
    except ValueError:
        return None
