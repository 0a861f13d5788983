"""Scheduling: what people ask of schedules, as lines; and what is due of them, as batches.

The zone is an argument: with it days and minutes become moments.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, tzinfo
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from ledger.core.amounts import parse_amount, show_amount
from ledger.core.asked import AskedBatch, AskedTerms, AskedTransfer
from ledger.core.book import Book
from ledger.core.dates import LAST_DATE, date_of, day_at, moment_of, shifted
from ledger.core.faults import MalformedRequest
from ledger.core.leaves import AnyLeaf, Occurrence
from ledger.core.model import DATE_MIN, AccountCode, CurrencyCode, Side, Word
from ledger.core.personal import looks_personal
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import (
    HOLIDAYS_MAX,
    Every,
    HolidaysSet,
    Schedule,
    ScheduleSet,
    Shift,
)
from ledger.core.schedules import MINUTE_US, SCHEDULER, Standing, attempt_id

TimeText = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]


class AskedSchedule(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A transfer to be posted on dates: from `first`, `every` so many (`step`) days or months.

    It ends after `count` dates, or with `last`. A date on a holiday or a weekend is kept, moved
    or skipped. `at` is a time of the ledger's zone. When funds or limits do not allow it, it is
    tried `retries` times again, after `retry_minutes` each; with `up_to` it posts what they do
    allow. With `miss_after_minutes` it is given up when it could not be tried for so long. With
    `workflow` each is started as a payment by it, which may wait until it is accepted. The date
    follows on `reference`. The reason is a code.
    """

    debit_account: AccountCode
    credit_account: AccountCode
    amount: Annotated[str, Meta(max_length=24)]
    currency: CurrencyCode
    kind: Word
    first: date
    reason: Word
    every: Every = "once"
    step: Annotated[int, Meta(ge=1, le=1000)] = 1
    at: TimeText = "06:00"
    count: Annotated[int, Meta(ge=1, le=100_000)] | UnsetType = UNSET
    last: date | UnsetType = UNSET
    on_holiday: Shift = "as_is"
    on_weekend: Shift = "as_is"
    retries: Annotated[int, Meta(ge=0, le=100)] = 0
    retry_minutes: Annotated[int, Meta(ge=1, le=44_640)] = 60
    miss_after_minutes: Annotated[int, Meta(ge=1, le=527_040)] | UnsetType = UNSET
    up_to: Side | UnsetType = UNSET
    workflow: Word | UnsetType = UNSET
    reference: Annotated[str, Meta(pattern=r"^([A-Za-z0-9][A-Za-z0-9./_:#+-]{0,23})?\Z")] = ""


class AskedHolidays(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The holidays of a year: all of them, in any order. The reason is a code."""

    dates: Annotated[list[date], Meta(max_length=HOLIDAYS_MAX)]
    reason: Word


May = Callable[[Schedule], bool]

BODIES: Final[tuple[type[Struct], ...]] = (AskedSchedule, AskedHolidays)


# ---- setting


def set_schedule(
    book: Book,
    code: str,
    asked: AskedSchedule,
    *,
    may: May,
    zone: tzinfo,
    recorded_at: int,
    by: str,
) -> tuple[Sequence[AnyLeaf], Standing] | Refusal:
    """A schedule from now on, unless it is so already; and how it stands then.

    Dates before today are over, but for one that was not tried to its end.

    Args:
        may: whether who asks may change the one that is there under this code.

    Raises:
        MalformedRequest: a field that cannot be meant.
    """
    for field, day in (("first", asked.first), ("last", asked.last)):
        if day is not UNSET and not DATE_MIN <= day <= LAST_DATE:
            raise MalformedRequest(f"not from {DATE_MIN} to {LAST_DATE}", field=field)
    if looks_personal(code) or looks_personal(asked.reference):
        raise MalformedRequest("looks like a person's CURP or RFC", field="code, reference")
    schedule = _rule(book, asked)
    if isinstance(schedule, Refusal):
        return schedule
    there = book.schedules.by_code.get(code)
    if there is not None and not may(there.schedule):
        return Refusal(code=RefusalCode.SCHEDULE_CODE_USED)
    if there is not None and there.schedule == schedule:
        return [], there
    since = day_at(recorded_at, zone)
    if there is not None and there.date is not None:
        since = min(since, there.date)
    line = ScheduleSet(
        recorded_at=recorded_at,
        code=code,
        by=by,
        reason=asked.reason,
        schedule=schedule,
        since=since if since > schedule.first else UNSET,
    )
    refusal = book.refuse(line)
    if refusal is not None:
        return refusal
    standing = Standing(
        leaf=book.size,
        by=by,
        schedule=schedule,
        number=book.schedules.begins(line),
        done=() if there is None else there.done,
    )
    return [line], standing


def _rule(book: Book, asked: AskedSchedule) -> Schedule | Refusal:
    scale = book.scales.get(asked.currency)
    if scale is None:
        return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND)
    debit = book.numbers.get(asked.debit_account, 0)
    credit = book.numbers.get(asked.credit_account, 0)
    if not debit or not credit:
        return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
    if book.currency_of(debit) != asked.currency:
        return Refusal(code=RefusalCode.CURRENCY_MUST_MATCH_ACCOUNTS, account=debit)
    hours, minutes = asked.at.split(":")
    return Schedule(
        amount=parse_amount(asked.amount, scale),
        at=60 * int(hours) + int(minutes),
        credit_account=credit,
        debit_account=debit,
        every=asked.every,
        first=asked.first,
        kind=asked.kind,
        count=asked.count,
        last=asked.last,
        miss_after=asked.miss_after_minutes,
        on_holiday=asked.on_holiday,
        on_weekend=asked.on_weekend,
        reference=asked.reference,
        retries=asked.retries,
        retry_minutes=asked.retry_minutes,
        step=asked.step,
        up_to=asked.up_to,
        workflow=asked.workflow,
    )


def cancel_schedule(
    book: Book, code: str, reason: str, *, may: May, recorded_at: int, by: str
) -> tuple[Sequence[AnyLeaf], Standing] | Refusal:
    """No such schedule from now on; beside the line, how it stood.

    One that who asks may not cancel is as if it were not there.
    """
    there = book.schedules.by_code.get(code)
    if there is not None and not may(there.schedule):
        return Refusal(code=RefusalCode.SCHEDULE_NOT_FOUND)
    line = ScheduleSet(recorded_at=recorded_at, code=code, by=by, reason=reason)
    return book.refuse(line) or ([line], book.schedules.by_code[code])


def set_holidays(
    book: Book, year: int, asked: AskedHolidays, *, recorded_at: int, by: str
) -> tuple[Sequence[AnyLeaf], list[date]] | Refusal:
    """The holidays of a year, unless they are so already."""
    dates = sorted(set(asked.dates))
    if dates == book.schedules.holidays.get(year, []):
        return [], dates
    line = HolidaysSet(
        recorded_at=recorded_at, year=year, dates=dates, by=by, reason=asked.reason
    )
    return book.refuse(line) or ([line], dates)


# ---- what comes


class Coming(Struct, frozen=True, kw_only=True):
    """A date of a schedule that is to come: the rule's, and the day it is posted on."""

    day: date | None  # None: it is skipped.
    date: date
    at: int  # Microseconds since 1970; of a date that is skipped, when that is noted.


def coming(book: Book, standing: Standing, zone: tzinfo) -> Iterator[Coming]:
    """The dates of a schedule that are not over, in order, as holidays stand now."""
    number = standing.number
    while (day := date_of(standing.schedule, number)) is not None:
        moved = shifted(standing.schedule, day, book.schedules.is_holiday)
        at = moment_of(moved or day, standing.schedule.at, zone)
        if number == standing.number:
            at = max(at, standing.not_before)
        yield Coming(date=day, day=moved, at=at)
        number += 1


# ---- what is due


class Due(Struct, frozen=True, kw_only=True):
    """An attempt at a date of a schedule, whose moment has come."""

    code: str
    standing: Standing
    day: date | None  # None: it is skipped.
    date: date
    at: int  # Microseconds since 1970.
    line: Occurrence | None = None  # What is recorded in place of a batch.


class Agenda(Struct, frozen=True):
    """What is due now, in order, and when to look again; None: when something changes."""

    due: list[Due]
    next: int | None


def agenda(
    book: Book, now: int, zone: tzinfo, *, most: int, without: Collection[str] = ()
) -> Agenda:
    """What of all schedules is due. Nothing while no business day is open.

    After a stop of days it is cut where a schedule in it has its next date, so that what is of
    an earlier date comes before what is of a later one, whosever it is.

    Args:
        most: how many at most; where there are more, `next` is now.
        without: codes to pass over.
    """
    if not _is_day_open(book):
        return Agenda([], None)
    found: list[Due] = []
    following: int | None = None
    at, of = 0, (date.min, -1)
    end = date.max
    for day, minute, code in book.schedules.queue:
        if (day, minute) != of:
            at, of = moment_of(day, minute, zone), (day, minute)
        if at > now:
            following = at if following is None else min(at, following)
            break
        standing = book.schedules.by_code[code]
        due = max(at, standing.not_before)
        if due > now:
            following = due if following is None else min(due, following)
        elif code not in without and not book.schedules.waits(code):
            if len(found) == most or day >= end:
                return Agenda(found, now)
            found.append(_due(book, code, standing, due, now))
            end = min(end, date_of(standing.schedule, standing.number + 1) or end)
    return Agenda(found, following)


def _due(book: Book, code: str, standing: Standing, at: int, now: int) -> Due:
    assert standing.date is not None, "what is in the queue is not over"
    due = Due(
        code=code,
        standing=standing,
        date=standing.date,
        day=book.schedules.day_of(standing),
        at=at,
    )
    if due.day is None:
        return replace(due, line=_occurrence(due, "skipped", now))
    if _is_missed(due, now):
        return replace(due, line=_occurrence(due, "missed", now))
    return due


def _is_missed(due: Due, now: int) -> bool:
    """Whether it could not be tried for so long that it is given up."""
    miss_after = due.standing.schedule.miss_after
    return miss_after is not UNSET and now - due.at > miss_after * MINUTE_US


def _occurrence(due: Due, outcome: str, now: int) -> Occurrence:
    return Occurrence(
        recorded_at=now,
        code=due.code,
        schedule=due.standing.leaf,
        date=due.date,
        attempt=due.standing.attempt,
        outcome=outcome,  # type: ignore[arg-type]
    )


def id_used(due: Due, now: int) -> Occurrence:
    """The line that says that somebody else has spent the id of an attempt."""
    return _occurrence(due, "id_used", now)


def no_more_due(book: Book, due: Due, now: int) -> Refusal | None:
    """Why an attempt is not to be made: it was, the schedule is another, or it is not yet time.

    `now` is the ledger's; who looked at what is due may have had another clock.
    """
    there = book.schedules.by_code.get(due.code)
    is_as_it_was = there is not None and there == due.standing and _is_day_open(book)
    is_given_up = due.line is not None and due.line.outcome == "missed"
    is_time = _is_missed(due, now) if is_given_up else due.at <= now
    if is_as_it_was and is_time and book.schedules.day_of(due.standing) == due.day:
        return None
    return Refusal(code=RefusalCode.OCCURRENCE_NOT_DUE)


def _is_day_open(book: Book) -> bool:
    """Whether a batch would have a day: by the clock one is open at any time."""
    return not book.days.by_command or bool(book.days.open)


def batch_of(book: Book, due: Due) -> AskedBatch:
    """The batch of an attempt: the same whenever it is made."""
    assert book.opening is not None
    rule, standing = due.standing.schedule, due.standing
    currency = book.currency_of(rule.debit_account)
    transfer = AskedTransfer(
        debit_account=book.codes[rule.debit_account],
        credit_account=book.codes[rule.credit_account],
        amount=show_amount(rule.amount, book.scales[currency]),
        currency=currency,
        kind=rule.kind,
        reference=f"{rule.reference}{due.date}" if rule.reference else "",
        entered_by=standing.by,
        terms=UNSET if rule.up_to is UNSET else AskedTerms(up_to=rule.up_to),
    )
    origin = book.opening.origin
    batch = attempt_id(origin, due.code, standing.leaf, due.date, standing.attempt)
    return AskedBatch(id=batch, transfers=[transfer], source=SCHEDULER)
