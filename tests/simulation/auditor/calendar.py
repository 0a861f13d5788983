"""The auditor's own calendar: which business days are open, closed, late. Nothing of ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Calendar:
    """How a ledger's days stand. By the clock a day is open until it is closed."""

    is_by_command: bool = False
    cut_off: int | None = None  # Minutes after midnight when the next day begins.
    value_days_back: int | None = None
    close_after: int | None = None  # Minutes after which the clock closes a day that is over.
    closed: date = date.min  # The latest that was,
    opened: date = date.min  # and the latest that was opened by command.
    open: frozenset[date] = frozenset()  # By command.
    marks: Mapping[tuple[int, int], str] = field(default_factory=dict)  # The last of a month.

    def today(self, at: int, zone: str) -> date:
        """The day of the clock: the date in a zone, after the cut-off the next one's.

        A cut-off that comes twice, when clocks are set back, ends the day the first time.
        """
        moment = datetime.fromtimestamp(at // 1_000_000, UTC)
        local = moment.astimezone(ZoneInfo(zone))
        day = local.date()
        if self.cut_off is None:
            return day
        end = time(self.cut_off // 60, self.cut_off % 60)
        first = datetime.combine(day, end, ZoneInfo(zone)).astimezone(UTC)
        return day + A_DAY if local.time() >= end or moment >= first else day

    def over(self, at: int, zone: str) -> date:
        """The last day that the clock closes by a time: so long ago it was a later one."""
        assert self.close_after is not None
        return self.today(at - self.close_after * 60_000_000, zone) - A_DAY

    def current(self, today: date) -> date:
        """The day of what names none."""
        if self.is_by_command:
            return max(self.open, default=today)
        return max(today, _next(self.closed))

    def takes(self, day: date, current: date) -> bool:
        """Whether a day is open."""
        if self.marks.get((day.year, day.month)) == "reopened":
            return True
        if self.is_by_command:
            return day in self.open
        return self.closed < day <= current

    def next_open(self, day: date, current: date) -> date | None:
        """The first day from this one on that is open."""
        if self.is_by_command:
            return min((other for other in self.open if other > day), default=None)
        following = max(day, _next(self.closed))
        return following if following <= current else None

    def adjusts(self, day: date) -> bool:
        """Whether the thirteenth month of the year that ends on a day is open."""
        is_closed = day <= self.closed and day not in self.open
        mark = self.marks.get((day.year, 13))
        is_last = (day.month, day.day) == (12, 31) and not self.fixes((day.year, 13))
        return is_last and is_closed and mark in (None, "reopened")

    def fixes(self, month: tuple[int, int]) -> bool:
        """Whether a later month is final, which stands on what this one came to."""
        return "final" in [mark for one, mark in self.marks.items() if one > month]

    def before(self, month: tuple[int, int]) -> list[tuple[int, int]]:
        """The months before one that were ever marked, and the thirteenths of their years."""
        marked = [one for one in self.marks if one < month]
        ended = [(year, 13) for year, one in marked if one == 12 and year != month[0]]
        return [*marked, *ended]

    def allows_value(self, value: date, day: date) -> bool:
        """Whether interest may run from a date."""
        return self.value_days_back is None or (day - value).days <= self.value_days_back

    def is_over(self, year: int, month: int) -> bool:
        """Whether all days of a month are closed; of month 13 those of its year."""
        last = date(year, 12, 31) if month > 11 else date(year, month + 1, 1) - A_DAY
        return self.closed >= last and not any(day <= last for day in self.open)


def _next(day: date) -> date:
    return day + A_DAY if day < date.max else day
