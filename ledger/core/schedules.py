"""Schedules: transfers that are posted on their dates, without anybody asking again.

A date of a schedule is posted as a batch of one, by the ledger itself. Its id follows from
the schedule, the date and the attempt, and an id is spent once: so is the date. Here stands
which date and which attempt is next; the leaf of the batch moves it on, live and at replay.
The book knows days and minutes, and no time zone: who posts does.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Struct
from msgspec.structs import replace

from ledger.core.dates import date_of, number_from, shifted
from ledger.core.days import A_DAY
from ledger.core.leaves import AnyLeaf, BatchPosted, BatchRefused, Occurrence
from ledger.core.parts import Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import HolidaysSet, Schedule, ScheduleSet
from ledger.core.state_lines import AnyState, Done, StateHolidays, StateSchedule

if TYPE_CHECKING:
    from ledger.core.state import State

SCHEDULER: Final = "tequio.schedules"  # The key of what the ledger posts for its schedules.
DONE_KEPT: Final = 12  # Dates of a schedule whose outcome is kept at hand: a year of months.
MINUTE_US: Final = 60_000_000
# What may be otherwise in a while, so that it is worth another attempt.
PASSING: Final = frozenset(
    {
        RefusalCode.EXCEEDS_CREDIT_LIMIT,
        RefusalCode.EXCEEDS_BALANCE_LIMIT,
        RefusalCode.EXCEEDS_PAYMENT_LIMIT,
    }
)

Place = tuple[date, int, str]  # The day it is posted on, its minute, the code.


class Standing(Struct, frozen=True, kw_only=True):
    """A schedule and how far it is: which of its dates is next, and which attempt at it."""

    leaf: int
    by: str
    schedule: Schedule
    number: int
    attempt: int = 1
    refused: int = 0
    not_before: int = 0  # Microseconds since 1970.
    done: Sequence[Done] = ()  # The last of those that are over, in order.

    @property
    def last(self) -> Done | None:
        """The last of its dates that is over."""
        return self.done[-1] if self.done else None

    @property
    def date(self) -> date | None:
        """The next of its dates, as the rule has it; None when there are no more."""
        return date_of(self.schedule, self.number)


def attempt_id(origin: str, code: str, leaf: int, day: date, attempt: int) -> UUID:
    """The id of the batch that is an attempt at a date of a schedule."""
    name = f"schedule/{code}/{leaf}/{day}/{attempt}"
    return uuid5(uuid5(NAMESPACE_URL, origin), name)


class Schedules(Part):
    """The schedules of a ledger by their codes, and its holidays."""

    takes = (ScheduleSet, Occurrence, HolidaysSet)
    hears = (BatchPosted, BatchRefused)
    keeps = (StateSchedule, StateHolidays)

    def __init__(self, state: "State") -> None:
        self.by_code: dict[str, Standing] = {}
        self.holidays: dict[int, list[date]] = {}  # By year.
        self.queue: list[Place] = []  # In order: all that have a date to come.
        self._all_holidays: set[date] = set()
        self._places: dict[str, Place] = {}
        # Whose attempt an id is. None after a snapshot, which is read without the origin.
        self._codes: dict[UUID, str] | None = {}
        self._state = state

    # ---- reading

    def is_holiday(self, day: date) -> bool:
        return day in self._all_holidays

    def day_of(self, standing: Standing) -> date | None:
        """The day on which its next date is posted; None where that is skipped."""
        assert standing.date is not None, "it is not over"
        return shifted(standing.schedule, standing.date, self.is_holiday)

    def id_of(self, code: str) -> UUID:
        """The id of the next attempt of a schedule that is not over."""
        assert self._state.opening is not None
        standing = self.by_code[code]
        day = standing.date
        assert day is not None, "it is not over"
        origin = self._state.opening.origin
        return attempt_id(origin, code, standing.leaf, day, standing.attempt)

    def waits(self, code: str) -> bool:
        """Whether the next attempt of a schedule was made, and waits for others."""
        waiting = self._state.proposals.open
        return bool(waiting) and code in self._places and self.id_of(code) in waiting

    def go_by(self, workflow: str) -> bool:
        """Whether a schedule with a date to come starts its payments by this workflow."""
        return any(self.by_code[code].schedule.workflow == workflow for code in self._places)

    def begins(self, line: ScheduleSet) -> int:
        """The number of the first date that a schedule has from now on.

        What was posted or given up under its code before is over, whatever it was then.
        """
        assert line.schedule is not UNSET
        day = line.schedule.first if line.since is UNSET else line.since
        there = self.by_code.get(line.code)
        if there is not None and there.last is not None:
            day = max(day, there.last.date + A_DAY)
        return number_from(line.schedule, day)

    # ---- as the journal says

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why this may not follow."""
        match line:
            case ScheduleSet():
                return self._refuse_schedule(line)
            case Occurrence():
                return self._refuse_occurrence(line)
            case HolidaysSet():
                in_order = line.dates == sorted(set(line.dates))
                if not in_order or any(day.year != line.year for day in line.dates):
                    return Refusal(code=RefusalCode.HOLIDAYS_NOT_OF_YEAR)
        return None

    def _refuse_schedule(self, line: ScheduleSet) -> Refusal | None:
        state, schedule, refusal = self._state, line.schedule, None
        if schedule is UNSET:
            if line.code not in self.by_code:
                return Refusal(code=RefusalCode.SCHEDULE_NOT_FOUND)
        else:
            sides = schedule.debit_account, schedule.credit_account
            refusal = state.why_gone(*sides)
            if refusal is not None:
                return refusal
            if date_of(schedule, self.begins(line)) is None:
                return Refusal(code=RefusalCode.SCHEDULE_EMPTY)
            workflow = schedule.workflow
            if workflow is not UNSET and state.workflows.get(workflow) is None:
                return Refusal(code=RefusalCode.WORKFLOW_NOT_FOUND)
            refusal = state.why_never(0, *sides)
        if self.waits(line.code):
            return Refusal(code=RefusalCode.PROPOSAL_PENDING)
        return refusal and Refusal(code=refusal.code, account=refusal.account)

    def _refuse_occurrence(self, line: Occurrence) -> Refusal | None:
        standing = self.by_code.get(line.code)
        if standing is None or (standing.leaf, standing.date, standing.attempt) != (
            line.schedule,
            line.date,
            line.attempt,
        ):
            return Refusal(code=RefusalCode.OCCURRENCE_NOT_DUE)
        is_skipped = self.day_of(standing) is None
        if is_skipped is not (line.outcome == "skipped"):
            return Refusal(code=RefusalCode.OCCURRENCE_NOT_DUE)
        return None

    def _accounts(self, code: str) -> tuple[int, int]:
        rule = self.by_code[code].schedule
        return rule.debit_account, rule.credit_account

    def needs(self, account: int) -> RefusalCode | None:
        """Schedules with a date to come pay from it or to it."""
        is_one = any(account in self._accounts(code) for code in self._places)
        return RefusalCode.ACCOUNT_IN_USE if is_one else None

    def apply(self, line: AnyLeaf) -> None:
        """Take a schedule, what became of a date, or the holidays of a year."""
        match line:
            case ScheduleSet():
                self._set(line)
            case Occurrence():
                standing = self.by_code[line.code]
                if line.outcome == "id_used":
                    self._put(line.code, replace(standing, attempt=standing.attempt + 1))
                else:
                    leaf = self._state.size
                    tried = standing.refused
                    done = Done(date=line.date, leaf=leaf, outcome=line.outcome, attempts=tried)
                    self._put(line.code, _after(standing, done))
            case HolidaysSet():
                self._set_holidays(line.year, line.dates)
                for code, standing in self.by_code.items():
                    self._put(code, standing)

    def _set(self, line: ScheduleSet) -> None:
        if line.schedule is UNSET:
            self._take_out(line.code)
            del self.by_code[line.code]
            return
        there = self.by_code.get(line.code)
        standing = Standing(
            leaf=self._state.size,
            by=line.by,
            schedule=line.schedule,
            number=self.begins(line),
            done=() if there is None else there.done,
        )
        self._put(line.code, standing)

    def heard(self, line: AnyLeaf) -> None:
        """A batch was posted or refused; perhaps it is what a schedule waits for."""
        if line.key != SCHEDULER:  # type: ignore[union-attr] # Of all but a few.
            return
        assert isinstance(line, BatchPosted | BatchRefused)
        code = self._ids().get(line.batch)
        if code is None:
            return
        standing, leaf = self.by_code[code], self._state.size
        day = standing.date
        assert day is not None, "it was waited for"
        if isinstance(line, BatchPosted):
            done = Done(
                date=day,
                leaf=leaf,
                outcome="posted",
                attempts=standing.refused + 1,
                sequence=line.first_sequence,
            )
        elif line.code in PASSING and standing.refused < standing.schedule.retries:
            wait = standing.schedule.retry_minutes * MINUTE_US
            again = replace(
                standing,
                attempt=standing.attempt + 1,
                refused=standing.refused + 1,
                not_before=line.recorded_at + wait,
            )
            self._put(code, again)
            return
        else:
            done = Done(
                date=day,
                leaf=leaf,
                outcome="refused",
                attempts=standing.refused + 1,
                code=line.code,
            )
        self._put(code, _after(standing, done))

    def _ids(self) -> dict[UUID, str]:
        if self._codes is None:
            self._codes = {self.id_of(code): code for _, _, code in self.queue}
        return self._codes

    def _put(self, code: str, standing: Standing) -> None:
        """Keep a schedule as it stands now, in its place in the queue."""
        self._take_out(code)
        self.by_code[code] = standing
        if standing.date is None:
            return
        day = self.day_of(standing) or standing.date
        place = self._places[code] = day, standing.schedule.at, code
        insort(self.queue, place)
        if self._codes is not None:
            self._codes[self.id_of(code)] = code

    def _take_out(self, code: str) -> None:
        """Take a schedule out of the queue, where it is in it."""
        place = self._places.pop(code, None)
        if place is None:
            return
        if self._codes is not None:
            del self._codes[self.id_of(code)]
        del self.queue[bisect_left(self.queue, place)]

    def _set_holidays(self, year: int, dates: Sequence[date]) -> None:
        self._all_holidays.difference_update(self.holidays.pop(year, ()))
        if dates:
            self.holidays[year] = list(dates)
            self._all_holidays.update(dates)

    # ---- in a snapshot

    def state(self) -> list[AnyState]:
        """Holidays in the order of years, then schedules in that of their codes."""
        return [
            *(
                StateHolidays(year=year, dates=dates)
                for year, dates in sorted(self.holidays.items())
            ),
            *(
                StateSchedule(
                    code=code,
                    leaf=each.leaf,
                    by=each.by,
                    schedule=each.schedule,
                    number=each.number,
                    attempt=each.attempt,
                    refused=each.refused,
                    not_before=each.not_before,
                    done=list(each.done),
                )
                for code, each in sorted(self.by_code.items())
            ),
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        self._codes = None
        match line:
            case StateHolidays():
                self._set_holidays(line.year, line.dates)
            case StateSchedule():
                standing = Standing(
                    leaf=line.leaf,
                    by=line.by,
                    schedule=line.schedule,
                    number=line.number,
                    attempt=line.attempt,
                    refused=line.refused,
                    not_before=line.not_before,
                    done=tuple(line.done),
                )
                self._put(line.code, standing)


def _after(standing: Standing, done: Done) -> Standing:
    """The same schedule, once a date of it is over."""
    return replace(
        standing,
        number=standing.number + 1,
        attempt=1,
        refused=0,
        not_before=0,
        done=(*standing.done, done)[-DONE_KEPT:],
    )
