"""Business days and periods: which day a transfer may count for, and what each day came to."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from hashlib import sha256
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ledger.core.leaves import (
    TOTALS_SHOWN_MAX,
    AnyLeaf,
    DayClosed,
    DayOpened,
    DayTotal,
    LateDay,
    PeriodMarked,
    SettingsChanged,
)
from ledger.core.lines import Manifest
from ledger.core.model import DATE_MIN, DaysBy, Late
from ledger.core.parts import Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.state_lines import AnyState, StateDays, StateDayTotal, StatePeriod

A_DAY: Final = timedelta(days=1)
ADJUSTMENTS: Final = 13  # The month after the year's last, for adjustments to the year.
DAYS_AHEAD_MAX: Final = 31  # That a day may be opened before it comes.
# How far a ledger's day can be ahead of the date in UTC: a zone, and then a cut-off.
ZONE_DAYS_MAX: Final = 2
DAY_US: Final = 86_400_000_000
MINUTE_US: Final = 60_000_000
DAY_MINUTES: Final = 1440

_encoder = msgspec.json.Encoder(order="sorted")

T = TypeVar("T")
Key = tuple[str, str, str]  # Currency, kind, source.


class Rows(Struct, frozen=True, kw_only=True):
    """What of a batch counts for the days: columns of its posted rows."""

    source: str
    currencies: list[str] | str
    kinds: list[str] | str
    days: list[date] | date
    amounts: Sequence[int]

    def by_key(self) -> dict[tuple[date, str, str], Sequence[int]]:
        """The amounts by day, currency and kind; most batches have one of each."""
        match self.days, self.currencies, self.kinds:
            case date() as day, str() as currency, str() as kind:
                return {(day, currency, kind): self.amounts}
        count = len(self.amounts)
        found: dict[tuple[date, str, str], list[int]] = {}
        for *key, amount in zip(
            _each(self.days, count),
            _each(self.currencies, count),
            _each(self.kinds, count),
            self.amounts,
            strict=True,
        ):
            found.setdefault(tuple(key), []).append(amount)  # type: ignore[arg-type]
        return dict(found)


class Days(Part):
    """Open and closed days, periods, and the totals of every day that is not closed.

    By the clock a day is open until it is closed, in order; by command only those are that
    were opened. A closed month takes transfers again only while it is reopened.
    """

    takes = (SettingsChanged, DayOpened, DayClosed, PeriodMarked)
    keeps = (StateDays, StateDayTotal, StatePeriod)

    def __init__(self) -> None:
        self.settings: SettingsChanged | None = None
        self.closed_through = date.min  # The latest day that was closed,
        self.opened_through = date.min  # or opened by command.
        self.open: set[date] = set()  # By command.
        self.periods: dict[tuple[int, int], str] = {}  # The last mark of each.
        self.totals: dict[
            date, dict[Key, list[int]]
        ] = {}  # Count and sum of what is not closed.

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Days) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment] # It changes.

    # ---- which day

    @property
    def by_command(self) -> bool:
        """Whether days are opened by command, not by the clock."""
        return self.settings is not None and self.settings.days is DaysBy.COMMAND

    def current(self, today: date) -> date:
        """The day of what gives none; `today` is the clock's, after the cut-off."""
        if self.by_command:
            return max(self.open, default=today)
        return max(today, self._after(self.closed_through))

    def is_open(self, day: date, current: date) -> bool:
        """Whether a day takes transfers while `current` is the ledger's day."""
        if self.periods.get((day.year, day.month)) == "reopened":
            return True
        if self.by_command:
            return day in self.open
        return self.closed_through < day <= current

    def next_open(self, day: date, current: date) -> date | None:
        """The first open day that is not before `day`."""
        if self.is_open(day, current):
            return day
        if self.by_command:
            return min((other for other in self.open if other > day), default=None)
        following = max(day, self._after(self.closed_through))
        return following if following <= current else None

    def is_adjusting_open(self, day: date) -> bool:
        """Whether the year that ends on a day takes adjustments: once that day is closed."""
        return (
            (day.month, day.day) == (12, 31)
            and self.is_closed(day)
            and self.periods.get((day.year, ADJUSTMENTS)) in (None, "reopened")
            and not self._is_final_after((day.year, ADJUSTMENTS))
        )

    def is_closed(self, day: date) -> bool:
        """Whether a day was closed, or left behind by one that was."""
        return day <= self.closed_through and day not in self.open

    def is_value_allowed(self, value: date, day: date) -> bool:
        """Whether interest may run from a date before the business date."""
        back = UNSET if self.settings is None else self.settings.value_days_back
        return back is UNSET or (day - value).days <= back

    @staticmethod
    def _after(day: date) -> date:
        return day + A_DAY if day < date.max else day

    # ---- what a day comes to

    def count(self, rows: Rows, sign: int = 1) -> None:
        """Add what a batch posted to its days; or take it away, where it is undone."""
        for (day, currency, kind), amounts in rows.by_key().items():
            self._add(rows, day, currency, kind, sign, amounts)

    def _add(
        self, rows: Rows, day: date, currency: str, kind: str, sign: int, some: Sequence[int]
    ) -> None:
        totals = self.totals.setdefault(day, {})
        total = totals.setdefault((currency, kind, rows.source), [0, 0])
        total[0] += sign * len(some)
        total[1] += sign * sum(some)
        if not total[0]:
            del totals[(currency, kind, rows.source)]
            if not totals:
                del self.totals[day]

    def totals_of(self, days: Iterable[date]) -> list[DayTotal]:
        """Counts and sums over some days by currency, kind and source, in their order."""
        sums: dict[Key, list[int]] = {}
        for day in days:
            for key, (count, amount) in self.totals.get(day, {}).items():
                total = sums.setdefault(key, [0, 0])
                total[0] += count
                total[1] += amount
        return _as_totals(sums)

    def closing(self, day: date, recorded_at: int, by: str | UnsetType = UNSET) -> DayClosed:
        """The line that closes a day, with what it came to; without `by` the clock's."""
        totals = self.totals_of([day])
        return DayClosed(
            recorded_at=recorded_at,
            date=day,
            count=sum(total.count for total in totals),
            totals=hash_of(totals),
            shown=totals[:TOTALS_SHOWN_MAX],
            by=by,
        )

    def late_in(self, year: int, month: int) -> list[LateDay]:
        """What came on closed days of a month, as the line says that closes it again."""
        found: list[LateDay] = []
        room = TOTALS_SHOWN_MAX
        for day in self._late_days(year, month):
            totals = self.totals_of([day])
            found.append(
                LateDay(
                    date=day,
                    count=sum(total.count for total in totals),
                    totals=hash_of(totals),
                    shown=totals[:room],
                )
            )
            room -= len(found[-1].shown)
        return found

    def _late_days(self, year: int, month: int) -> list[date]:
        days = (day for day in self.totals if (day.year, day.month) == (year, month))
        return sorted(day for day in days if day <= self.closed_through)

    # ---- as the journal says

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why a day or period cannot be marked so."""
        match line:
            case SettingsChanged(days=DaysBy.CLOCK) if self.open:
                return Refusal(code=RefusalCode.DAY_BEFORE_IS_OPEN)
            case DayOpened() if not self.by_command:
                return Refusal(code=RefusalCode.DAYS_KEPT_BY_CLOCK)
            case DayOpened() if line.date <= max(self.opened_through, self.closed_through):
                return Refusal(code=RefusalCode.DAY_NOT_NEW)
            case DayOpened() if line.date > _latest(line.recorded_at, DAYS_AHEAD_MAX):
                return Refusal(code=RefusalCode.DAY_TOO_EARLY)
            case DayClosed():
                return self._refuse_closing(line)
            case PeriodMarked():
                return self._refuse_period(line)
        return None

    def _refuse_closing(self, line: DayClosed) -> Refusal | None:
        if self.by_command and line.date not in self.open:
            return Refusal(code=RefusalCode.DAY_NOT_OPEN)
        if not self.by_command and line.date <= self.closed_through:
            return Refusal(code=RefusalCode.DAY_NOT_OPEN)
        if not self.by_command and line.date > _latest(line.recorded_at):
            return Refusal(code=RefusalCode.DAY_TOO_EARLY)
        if not self.by_command and any(day < line.date for day in self.unclosed()):
            return Refusal(code=RefusalCode.DAY_BEFORE_IS_OPEN)
        if line.by is UNSET and not self._is_due(line):
            return Refusal(code=RefusalCode.DAY_NOT_DUE)
        totals = self.totals_of([line.date])
        if (line.count, line.totals, line.shown) != (
            sum(total.count for total in totals),
            hash_of(totals),
            totals[:TOTALS_SHOWN_MAX],
        ):
            return Refusal(code=RefusalCode.DAY_TOTALS_DIFFER)
        return None

    def unclosed(self) -> list[date]:
        """Days after the last closed one on which something was posted, in order."""
        return sorted(day for day in self.totals if day > self.closed_through)

    def _is_due(self, line: DayClosed) -> bool:
        """Whether the clock may say this: the day is over somewhere, and so long ago.

        In which zone it must be is for whoever records: here nobody asks what zones were.
        """
        settings = self.settings
        if settings is None or settings.close_after is UNSET:
            return False
        ends = DAY_MINUTES if settings.cut_off is UNSET else settings.cut_off
        minutes = ends + settings.close_after - DAY_MINUTES  # No zone is a day ahead of UTC.
        day_us = (line.date - DATE_MIN).days * DAY_US
        return day_us + minutes * MINUTE_US <= line.recorded_at

    def _refuse_period(self, line: PeriodMarked) -> Refusal | None:
        mark = self.periods.get((line.year, line.month))
        before = {
            "preliminary": (None, "reopened"),
            "reopened": ("preliminary",),
            "final": ("preliminary",),
        }
        is_closing = line.mark == "preliminary"
        if is_closing and not self._is_over(line.year, line.month):
            return Refusal(code=RefusalCode.DAY_BEFORE_IS_OPEN)
        late = self.late_in(line.year, line.month) if is_closing else []
        if line.late != (late or UNSET):
            return Refusal(code=RefusalCode.DAY_TOTALS_DIFFER)
        if mark == "final":
            return Refusal(code=RefusalCode.PERIOD_FINAL)
        if mark not in before[line.mark]:
            return Refusal(code=RefusalCode.PERIOD_NOT_MARKED_SO)
        period = (line.year, line.month)
        if line.mark == "reopened" and self._is_final_after(period):
            return Refusal(code=RefusalCode.PERIOD_FINAL)
        if line.mark == "final" and not self._is_all_final_before(period):
            return Refusal(code=RefusalCode.PERIOD_BEFORE_IS_OPEN)
        if line.mark == "reopened" and line.act is UNSET:
            return Refusal(code=RefusalCode.ACT_MISSING)
        return None

    def _is_final_after(self, period: tuple[int, int]) -> bool:
        """Whether a later month is final, whose opening balances stand on this one."""
        return any(p > period for p, mark in self.periods.items() if mark == "final")

    def _is_all_final_before(self, period: tuple[int, int]) -> bool:
        """Whether no earlier month that was marked can change, nor a year's adjustments."""
        before = {p for p in self.periods if p < period}
        before |= {(y, ADJUSTMENTS) for y, month in before if month == 12 and y < period[0]}
        return all(self.periods.get(p) == "final" for p in before)

    def _is_over(self, year: int, month: int) -> bool:
        """Whether all days of a month are closed; of month 13, whether its year is."""
        last = last_day(year, min(month, 12))
        return self.closed_through >= last and not any(day <= last for day in self.open)

    def apply(self, line: AnyLeaf) -> None:
        """Take a mark."""
        match line:
            case SettingsChanged():
                if line.days is DaysBy.COMMAND and not self.by_command:
                    self._keep_open()
                self.settings = line
            case DayOpened():
                self.open.add(line.date)
                self.opened_through = line.date
            case DayClosed():
                self.open.discard(line.date)
                self.closed_through = max(self.closed_through, line.date)
                self.totals.pop(line.date, None)
            case PeriodMarked():
                self.periods[line.year, line.month] = line.mark
                if line.mark != "reopened":  # The line says what they came to.
                    for day in self._late_days(line.year, line.month):
                        del self.totals[day]

    def _keep_open(self) -> None:
        """Let days of the clock on which something was posted be open by command."""
        self.open.update(self.unclosed())
        self.opened_through = max(self.opened_through, *self.open, date.min)

    def state(self) -> list[AnyState]:
        """All of it as lines of a snapshot."""
        if self == Days():
            return []
        return [
            StateDays(
                settings=UNSET if self.settings is None else self.settings,
                closed_through=_unset(self.closed_through),
                opened_through=_unset(self.opened_through),
                open=sorted(self.open),
            ),
            *(
                StateDayTotal(
                    date=day,
                    amount=total.amount,
                    count=total.count,
                    currency=total.currency,
                    kind=total.kind,
                    source=total.source,
                )
                for day in sorted(self.totals)
                for total in self.totals_of([day])
            ),
            *(
                StatePeriod(year=year, month=month, mark=mark)  # type: ignore[arg-type]
                for (year, month), mark in sorted(self.periods.items())
            ),
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        match line:
            case StateDays():
                self.settings = None if line.settings is UNSET else line.settings
                self.closed_through = _or_min(line.closed_through)
                self.opened_through = _or_min(line.opened_through)
                self.open = set(line.open)
            case StateDayTotal():
                totals = self.totals.setdefault(line.date, {})
                key = line.currency, line.kind, line.source
                totals[key] = [line.count, int(line.amount)]
            case StatePeriod():
                self.periods[line.year, line.month] = line.mark


def summed(many: Iterable[Iterable[DayTotal]]) -> list[DayTotal]:
    """Totals of several days or closings in one, in their order."""
    sums: dict[Key, list[int]] = {}
    for totals in many:
        for one in totals:
            total = sums.setdefault((one.currency, one.kind, one.source), [0, 0])
            total[0] += one.count
            total[1] += int(one.amount)
    return _as_totals(sums)


def _as_totals(sums: Mapping[Key, Sequence[int]]) -> list[DayTotal]:
    return [
        DayTotal(amount=str(amount), count=count, currency=currency, kind=kind, source=source)
        for (currency, kind, source), (count, amount) in sorted(sums.items())
    ]


def hash_of(totals: Iterable[DayTotal]) -> bytes:
    """SHA-256 over the lines of a day's totals, each with its line feed."""
    return sha256(_encoder.encode_lines(list(totals))).digest()


def _latest(recorded_at: int, ahead: int = 0) -> date:
    """The latest day that can be a ledger's at a moment, wherever it is, and some days more."""
    return DATE_MIN + (recorded_at // DAY_US + ZONE_DAYS_MAX + ahead) * A_DAY


def last_day(year: int, month: int) -> date:
    """The last day of a month, the 29th of February where there is one."""
    if month == 12:
        return date(year, 12, 31)
    return date(year, month + 1, 1) - A_DAY


def late_of(manifest: Manifest) -> Late:
    """What the poster wants of transfers for a day that is closed."""
    return Late.REFUSE if manifest.late is UNSET else manifest.late


def _each(value: list[T] | T, count: int) -> list[T]:
    """One value for each row, where all have the same."""
    return value if isinstance(value, list) else [value] * count


def _unset(day: date) -> date | UnsetType:
    return UNSET if day == date.min else day


def _or_min(day: date | UnsetType) -> date:
    return date.min if day is UNSET else day
