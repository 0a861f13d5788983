"""Days and months: which are open, and what each has come to, told from the first line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from json import dumps
from typing import TYPE_CHECKING

from tests.core.plain.nouns import (
    A_DAY,
    NEVER,
    Leaf,
    No,
    Row,
    day_in_utc,
    moment_here,
    moment_in_utc,
)

if TYPE_CHECKING:
    from tests.core.plain.ledger import Plain

Key = tuple[str, str, str]  # Currency, kind, source.


@dataclass
class Calendar:
    """How days and months stand."""

    settings: Leaf = field(default_factory=lambda: {"days": "clock"})
    opened_through: date = NEVER
    closed_through: date = NEVER
    open: set[date] = field(default_factory=set)  # By command.
    marks: dict[tuple[int, int], str] = field(default_factory=dict)  # The last of each month.
    totals: dict[date, dict[Key, tuple[int, int]]] = field(default_factory=dict)

    @property
    def by_command(self) -> bool:
        return bool(self.settings["days"] == "command")

    def current(self, today: date) -> date:
        """The ledger's day: the latest that is open, or else the clock's."""
        if self.by_command:
            return max(self.open) if self.open else today
        after = NEVER if self.closed_through == NEVER else self.closed_through + A_DAY
        return max(today, after)

    def is_open(self, day: date, current: date) -> bool:
        if self.marks.get((day.year, day.month)) == "reopened":
            return True
        if self.by_command:
            return day in self.open
        return self.closed_through < day <= current

    def next_open(self, day: date, current: date) -> date | None:
        """The first after it that is open, reopened months aside."""
        while day < max(current, *self.open, NEVER):
            day += A_DAY
            if self.by_command and day in self.open:
                return day
            if not self.by_command and self.closed_through < day <= current:
                return day
        return None

    def takes_adjustments(self, day: date) -> bool:
        """Whether it ends a year that is over, but not its thirteenth month."""
        is_last = (day.month, day.day) == (12, 31)
        is_over = day <= self.closed_through and day not in self.open
        is_open = self.marks.get((day.year, 13)) in (None, "reopened")
        return is_last and is_over and is_open and not self.is_final_after((day.year, 13))

    def is_final_after(self, month: tuple[int, int]) -> bool:
        """Whether a later month is final."""
        return any(other > month for other, mark in self.marks.items() if mark == "final")

    def is_final_before(self, month: tuple[int, int]) -> bool:
        """Whether every earlier month that was marked is, and month 13 of years that ended."""
        before = [other for other in self.marks if other < month]
        before += [(year, 13) for year, other in before if other == 12 and year < month[0]]
        return all(self.marks.get(other) == "final" for other in before)

    def allows_value(self, value: date, day: date) -> bool:
        back = self.settings.get("value_days_back")
        return back is None or (day - value).days <= back

    def totals_of(self, day: date) -> list[Leaf]:
        return [
            {
                "amount": str(amount),
                "count": count,
                "currency": currency,
                "kind": kind,
                "source": source,
            }
            for (currency, kind, source), (count, amount) in sorted(
                self.totals.get(day, {}).items()
            )
        ]

    def late_in(self, year: int, month: int) -> list[Leaf]:
        """What a line says that closes a month again: of its closed days all that came."""
        days = [d for d in self.totals if (d.year, d.month) == (year, month)]
        late: list[Leaf] = []
        for day in sorted(d for d in days if d <= self.closed_through):
            totals = self.totals_of(day)
            shown = 200 - sum(len(one["shown"]) for one in late)
            late.append(
                {
                    "date": day,
                    "count": sum(total["count"] for total in totals),
                    "totals": hash_of(totals),
                    "shown": totals[:shown],
                }
            )
        return late


class Days:
    """What is asked of the days of a ledger."""

    def __init__(self, plain: "Plain") -> None:
        self.plain = plain

    def calendar(self) -> Calendar:
        """From the first line on."""
        told = Calendar()
        for each in self.plain.story():
            if isinstance(each, Row):
                self._count(told, each)
                continue
            match each["line"]:
                case "settings":
                    was_by_command, told.settings = told.by_command, each
                    if told.by_command and not was_by_command:
                        told.open = {d for d in told.totals if d > told.closed_through}
                        told.opened_through = max(told.opened_through, *told.open, NEVER)
                case "day_opened":
                    told.open.add(each["date"])
                    told.opened_through = each["date"]
                case "day_closed":
                    told.open.discard(each["date"])
                    told.closed_through = max(told.closed_through, each["date"])
                    told.totals.pop(each["date"], None)
                case "period":
                    month = each["year"], each["month"]
                    told.marks[month] = each["mark"]
                    for day in list(told.totals) if each["mark"] != "reopened" else ():
                        if (day.year, day.month) == month and day <= told.closed_through:
                            del told.totals[day]
        return told

    def _count(self, told: Calendar, row: Row) -> None:
        if row.phase != "posted":
            return
        key = self.plain.currency(row.debit), row.kind, row.source
        totals = told.totals.setdefault(row.day, {})
        count, amount = totals.get(key, (0, 0))
        totals[key] = count + 1, amount + row.amount

    def current(self) -> date:
        return self.calendar().current(self.plain.today)

    # ---- why a line cannot follow

    def against_settings(self, line: Leaf) -> Iterator[No]:
        if line["days"] == "clock" and self.calendar().open:
            yield No("day_before_is_open")

    def against_opening(self, line: Leaf) -> Iterator[No]:
        told, day = self.calendar(), line["date"]
        if not told.by_command:
            yield No("days_kept_by_clock")
        if day <= told.opened_through or day <= told.closed_through:
            yield No("day_not_new")
        if day > day_in_utc(self.plain.now) + 33 * A_DAY:
            yield No("day_too_early")

    def against_closing(self, line: Leaf) -> Iterator[No]:
        told, day = self.calendar(), line["date"]
        if told.by_command:
            if day not in told.open:
                yield No("day_not_open")
        else:
            if day <= told.closed_through:
                yield No("day_not_open")
            if day > day_in_utc(self.plain.now) + 2 * A_DAY:
                yield No("day_too_early")
            if any(told.closed_through < other < day for other in told.totals):
                yield No("day_before_is_open")
        if "by" not in line and not self._may_be_over(told, day):
            yield No("day_not_due")
        totals = told.totals_of(day)
        facts = line["count"], line["totals"], line["shown"]
        if facts != (sum(t["count"] for t in totals), hash_of(totals), totals[:200]):
            yield No("day_totals_differ")

    def _may_be_over(self, told: Calendar, day: date) -> bool:
        """Whether the clock may close a day: it is over somewhere, and so long ago."""
        after = told.settings.get("close_after")
        if after is None:
            return False
        minute = told.settings.get("cut_off", 1440) + after - 1440
        return moment_in_utc(day, minute) <= self.plain.now

    def due(self) -> list[date]:
        """Days that the clock should have closed by now, in the ledger's zone."""
        told = self.calendar()
        after = told.settings.get("close_after")
        if after is None:
            return []
        unclosed = told.open if told.by_command else told.totals
        days = [day for day in unclosed if told.by_command or day > told.closed_through]
        minute = told.settings.get("cut_off", 1440) + after
        return sorted(day for day in days if moment_here(day, minute) <= self.plain.now)

    def against_period(self, line: Leaf) -> Iterator[No]:
        told = self.calendar()
        year, month, mark = line["year"], line["month"], line["mark"]
        last = told.marks.get((year, month))
        may_follow = {
            None: ("preliminary",),
            "reopened": ("preliminary",),
            "preliminary": ("reopened", "final"),
            "final": (),
        }
        if last == "final":
            yield No("period_final")
        elif mark not in may_follow[last]:
            yield No("period_not_marked_so")
        if mark == "reopened" and told.is_final_after((year, month)):
            yield No("period_final")
        if mark == "final" and not told.is_final_before((year, month)):
            yield No("period_before_is_open")
        if mark == "preliminary":
            day = date(year, min(month, 12), 28)
            while (day + A_DAY).month == day.month:
                day += A_DAY
            if day > told.closed_through or any(other <= day for other in told.open):
                yield No("day_before_is_open")
        late = told.late_in(year, month) if mark == "preliminary" else []
        if line.get("late", []) != late:
            yield No("day_totals_differ")
        if mark == "reopened" and "act" not in line:
            yield No("act_missing")


def hash_of(totals: list[Leaf]) -> bytes:
    lines = [dumps(total, separators=(",", ":")) + "\n" for total in totals]
    return sha256("".join(lines).encode()).digest()
