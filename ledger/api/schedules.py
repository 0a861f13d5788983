"""Schedules and holidays over HTTP: set, tried dry, read, cancelled, and what came of it."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from itertools import islice
from typing import Annotated, Final, TypeVar

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.api.answers.base import show_time
from ledger.api.answers.dry_run import DryRun
from ledger.api.answers.schedules import (
    AttemptAnswer,
    AttemptsAnswer,
    ComingAnswer,
    DoneAnswer,
    HolidaysAnswer,
    HolidaysPage,
    OccurrencesAnswer,
    ScheduleAnswer,
    SchedulesPage,
)
from ledger.api.auth import POSTERS
from ledger.api.changing import changed, was_removed, was_set
from ledger.api.problems import Problem
from ledger.api.queries import PAGE, Limit, NoQuery, RemoveQuery, WriteQuery
from ledger.api.service import Call, answer, zone_of
from ledger.core import scheduling
from ledger.core.amounts import show_amount
from ledger.core.answered import Attempted
from ledger.core.book import Book
from ledger.core.faults import MalformedRequest
from ledger.core.leaves import AnyLeaf
from ledger.core.model import OpaqueId, Party, Role
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import Schedule
from ledger.core.schedules import Standing
from ledger.core.scheduling import AskedHolidays, AskedSchedule, Coming, coming
from ledger.core.state_lines import Done

T = TypeVar("T")
S = TypeVar("S", bound=Struct)

COMING_MAX: Final = 100
YEARS: Final = range(1970, 2200)
_CODE: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)  # model.OpaqueId.


class SchedulesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those after a code, in the order of codes."""

    after: OpaqueId | UnsetType = UNSET
    limit: Limit = PAGE


class OccurrencesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many of the dates that come."""

    coming: Annotated[int, Meta(ge=0, le=COMING_MAX)] = 12


# ---- schedules


async def get_schedules(call: Call) -> web.Response:
    """Schedules of accounts that the key reads, with their next date and their last outcome."""
    query = call.query(SchedulesQuery)

    def look(book: Book) -> list[ScheduleAnswer]:
        codes = sorted(book.schedules.by_code)
        readable = (
            code
            for code in codes
            if (query.after is UNSET or code > query.after) and _is_readable(call, book, code)
        )
        some = islice(readable, query.limit + 1)
        return [schedule_answer(book, code, book.schedules.by_code[code]) for code in some]

    found = await call.desk.read(call.ledger, look)
    page = found[: query.limit]
    following = page[-1].code if len(found) > len(page) else UNSET
    return answer(SchedulesPage(schedules=page, next=following))


async def get_schedule(call: Call) -> web.Response:
    """One schedule."""
    call.query(NoQuery)
    return answer(await _seen(call, schedule_answer))


async def get_occurrences(call: Call) -> web.Response:
    """The last twelve dates that are over, and what became of them; and those that come.

    What comes is as holidays stand now. A reference followed by a date finds older transfers.
    """
    query = call.query(OccurrencesQuery)

    def look(book: Book, code: str, standing: Standing) -> OccurrencesAnswer:
        return OccurrencesAnswer(
            past=[done_answer(each) for each in standing.done],
            coming=[
                coming_answer(each)
                for each in islice(coming(book, standing, zone_of(book)), query.coming)
            ],
        )

    return answer(await _seen(call, look))


async def put_schedule(call: Call) -> web.Response:
    """Set a schedule, or change it. What is so already is not written again.

    Dates before today are over, but for one that was not tried to its end. Dates that were
    posted under this code are never posted again by a change. Who may not post transfers
    names a workflow; the account is then that of the side that starts it.
    """
    code, asked = _code_of(call), await call.asked(AskedSchedule)
    dry_run = call.query(WriteQuery).dry_run
    starts = await _check_may(call, asked)

    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], ScheduleAnswer] | Refusal:
        if _starts(book, asked.workflow) != starts:
            raise MalformedRequest("was changed meanwhile", field="workflow")
        unsigned = book.posters.why_unsigned(call.caller.posts_as, UNSET, book.size)
        if unsigned is not None:
            return unsigned
        built = scheduling.set_schedule(
            book,
            code,
            asked,
            may=partial(_may, call, book),
            zone=zone_of(book),
            recorded_at=now,
            by=call.caller.key,
        )
        if isinstance(built, Refusal):
            return built
        lines, standing = built
        return lines, schedule_answer(book, code, standing)

    shown = await changed(call, build, dry_run)
    return was_set("schedule", shown, dry_run)


async def delete_schedule(call: Call) -> web.Response:
    """Cancel a schedule. What was posted stays where it is."""
    code, query = _code_of(call), call.query(RemoveQuery)

    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], ScheduleAnswer] | Refusal:
        built = scheduling.cancel_schedule(
            book,
            code,
            query.reason,
            may=partial(_may, call, book),
            recorded_at=now,
            by=call.caller.key,
        )
        if isinstance(built, Refusal):
            return built
        lines, standing = built
        return lines, schedule_answer(book, code, standing)

    shown = await changed(call, build, query.dry_run)
    return was_removed("schedule", shown, query.dry_run)


async def post_run(call: Call) -> web.Response:
    """Attempt what is due now, and whatever was put off; dry, say what that is.

    The service does so by itself. Each date is posted once, whoever asks for it.
    """
    runs = call.service.schedule_runs
    if runs is None:
        raise Problem("not_ready")
    dry_run = call.query(WriteQuery).dry_run
    work = runs.run_due(call.ledger, dry_run=dry_run)
    tried, more = await call.service.undisturbed(work)
    found = AttemptsAnswer(attempts=list(map(_attempt_answer, tried)), more=more)
    return answer(DryRun(dry_run=True, due=found) if dry_run else found)


def _attempt_answer(one: Attempted) -> AttemptAnswer:
    return AttemptAnswer(
        code=one.code,
        date=one.date,
        attempt=one.attempt,
        at=show_time(one.at),
        outcome=UNSET if one.outcome is None else one.outcome,
        leaf_index=UNSET if one.leaf is None else one.leaf,
        why=UNSET if one.why is None else one.why,
    )


# ---- who may


async def _check_may(call: Call, asked: AskedSchedule) -> Party | None:
    """Raise Problem unless this caller may make such a transfer, or start such a payment.

    Answers who starts it by its workflow; None where it has none.
    """
    starts = await call.desk.read(call.ledger, lambda book: _starts(book, asked.workflow))
    if asked.workflow is not UNSET and starts is None:
        raise Problem(RefusalCode.WORKFLOW_NOT_FOUND)
    if call.caller.role is not Role.OPERATOR:
        if starts == "third" or (starts is None and call.caller.role not in POSTERS):
            raise Problem("role_not_allowed")
        call.check_reach(asked.credit_account if starts == "payee" else asked.debit_account)
    return starts


def _may(call: Call, book: Book, schedule: Schedule) -> bool:
    """Whether this caller might have set a schedule that is there."""
    if call.caller.role is Role.OPERATOR:
        return True
    starts = _starts(book, schedule.workflow)
    if starts == "third" or (starts is None and call.caller.role not in POSTERS):
        return False
    number = schedule.credit_account if starts == "payee" else schedule.debit_account
    return book.codes[number] in call.reach


def _starts(book: Book, workflow: str | UnsetType) -> Party | None:
    rule = None if workflow is UNSET else book.workflows.get(workflow)
    return None if rule is None else rule.starts


# ---- holidays


async def get_holidays(call: Call) -> web.Response:
    """The holidays of all years that have any."""
    call.query(NoQuery)

    def look(book: Book) -> list[HolidaysAnswer]:
        years = sorted(book.schedules.holidays.items())
        return [HolidaysAnswer(year=year, dates=dates) for year, dates in years]

    return answer(HolidaysPage(years=await call.desk.read(call.ledger, look)))


async def put_holidays(call: Call) -> web.Response:
    """Set the holidays of a year: all of them. They move dates of schedules still to come."""
    text, asked = call.part("year"), await call.asked(AskedHolidays)
    dry_run = call.query(WriteQuery).dry_run
    year = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else 0
    if year not in YEARS:
        raise Problem("malformed_request", field="year", reason="not from 1970 to 2199")

    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], HolidaysAnswer] | Refusal:
        built = scheduling.set_holidays(book, year, asked, recorded_at=now, by=call.caller.key)
        if isinstance(built, Refusal):
            return built
        lines, dates = built
        return lines, HolidaysAnswer(year=year, dates=dates)

    shown = await changed(call, build, dry_run)
    return was_set("holidays", shown, dry_run)


# ---- in common


async def _seen(call: Call, look: Callable[[Book, str, Standing], T]) -> T:
    """What a look sees of the schedule in the path, where the key may read it."""
    code = _code_of(call)

    def found(book: Book) -> T | None:
        standing = book.schedules.by_code.get(code)
        if standing is None or not _is_readable(call, book, code):
            return None
        return look(book, code, standing)

    seen = await call.desk.read(call.ledger, found)
    if seen is None:
        raise Problem(RefusalCode.SCHEDULE_NOT_FOUND)
    return seen


def _is_readable(call: Call, book: Book, code: str) -> bool:
    """Who reads one of its accounts reads a schedule, as with transfers."""
    rule = book.schedules.by_code[code].schedule
    return any(
        book.codes[number] in call.reach for number in (rule.debit_account, rule.credit_account)
    )


def _code_of(call: Call) -> str:
    code = call.part("code")
    if not _CODE.fullmatch(code):
        raise Problem("malformed_request", field="code", reason="not a code of a schedule")
    return code


def schedule_answer(book: Book, code: str, standing: Standing) -> ScheduleAnswer:
    """A schedule as people read it."""
    rule = standing.schedule
    currency = book.currency_of(rule.debit_account)
    following = next(coming(book, standing, zone_of(book)), None)
    return ScheduleAnswer(
        code=code,
        leaf_index=standing.leaf,
        by=standing.by,
        debit_account=book.codes[rule.debit_account],
        credit_account=book.codes[rule.credit_account],
        amount=show_amount(rule.amount, book.scales[currency]),
        currency=currency,
        kind=rule.kind,
        first=rule.first,
        every=rule.every,
        step=rule.step,
        at=f"{rule.at // 60:02}:{rule.at % 60:02}",
        count=rule.count,
        last=rule.last,
        on_holiday=rule.on_holiday,
        on_weekend=rule.on_weekend,
        retries=rule.retries,
        retry_minutes=rule.retry_minutes,
        miss_after_minutes=rule.miss_after,
        up_to=rule.up_to,
        workflow=rule.workflow,
        reference=rule.reference or UNSET,
        attempt=standing.attempt if following is not None else UNSET,
        next=UNSET if following is None else coming_answer(following),
        last_outcome=UNSET if standing.last is None else done_answer(standing.last),
    )


def coming_answer(one: Coming) -> ComingAnswer:
    """A date to come as people read it."""
    day: date | UnsetType = UNSET if one.day is None else one.day
    return ComingAnswer(date=one.date, posted_on=day, at=show_time(one.at))


def done_answer(done: Done) -> DoneAnswer:
    """A date that is over as people read it."""
    return DoneAnswer(
        date=done.date,
        outcome=done.outcome,
        attempts=done.attempts,
        leaf_index=done.leaf,
        sequence=done.sequence,
        code=done.code,
    )
