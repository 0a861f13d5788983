"""Business days and periods: how they are kept, what each came to, which are open or closed."""

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from typing import Annotated, Final, NamedTuple

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.api.answers.base import show_time
from ledger.api.answers.days import (
    ClosedDayAnswer,
    ClosingAnswer,
    DayAnswer,
    DaysPage,
    DaysSettings,
    DayTotalAnswer,
    LateDayAnswer,
    PeriodAnswer,
    PeriodsPage,
)
from ledger.api.answers.dry_run import DryRun
from ledger.api.posting import newest_checkpoint
from ledger.api.problems import Problem, shown
from ledger.api.queries import PAGE, Limit, NoQuery, WriteQuery
from ledger.api.receipts import refusal_problem
from ledger.api.service import Call, answer, zone_of
from ledger.core.amounts import show_amount
from ledger.core.asked import AskedDays, AskedMark
from ledger.core.book import Book
from ledger.core.changes import DAYS_BY_CLOCK
from ledger.core.days import A_DAY, ADJUSTMENTS, summed
from ledger.core.deadlines import next_closing
from ledger.core.leaves import DayClosed, DayTotal, LateDay, PeriodMarked, SettingsChanged
from ledger.core.model import DATE_MIN
from ledger.core.refusals import Refusal
from ledger.journal.canonical import decode_leaf

DATE_MAX: Final = date(9999, 12, 31)
PERIOD: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-3])", re.ASCII)
PeriodText = Annotated[str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-3])\Z")]
_ISO_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class DaysQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days that are open or not closed, or with `closed` those that were; after a date."""

    after: date | UnsetType = UNSET
    closed: bool = False
    limit: Limit = PAGE


class PeriodsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those after one."""

    after: PeriodText | UnsetType = UNSET
    limit: Limit = PAGE


# ---- how days are kept


async def put_days(call: Call) -> web.Response:
    """Say how days are kept from now on: by the clock or by command, and from when."""
    asked = await call.asked(AskedDays)
    dry_run = call.query(WriteQuery).dry_run
    work = call.desk.set_days(call.ledger, asked, call.caller, dry_run=dry_run)
    outcome = await call.service.undisturbed(work)
    if isinstance(outcome, Refusal):
        raise refusal_problem(call, outcome)
    settings = _settings(outcome)
    return answer(DryRun(dry_run=True, settings=settings) if dry_run else settings)


def _settings(line: SettingsChanged) -> DaysSettings:
    cut_off: str | UnsetType = UNSET
    if line.cut_off is not UNSET:
        cut_off = "{:02}:{:02}".format(*divmod(line.cut_off, 60))
    return DaysSettings(
        days=line.days,
        cut_off=cut_off,
        value_days_back=line.value_days_back,
        close_after_minutes=line.close_after,
    )


def _closing(book: Book, now: int) -> ClosingAnswer | UnsetType:
    """What the clock closes next, and where that is past, why it could not."""
    closing = next_closing(book.days, zone_of(book), now)
    if closing is None:
        return UNSET
    refusal = None
    if closing.at <= now:
        refusal = book.refuse(book.days.closing(closing.day, now))
    return ClosingAnswer(
        date=closing.day,
        at=show_time(closing.at),
        code=UNSET if refusal is None else refusal.code.value,
    )


# ---- days


async def open_day(call: Call) -> web.Response:
    """Open a business day, where days are opened by command. Again is no harm."""
    day = _date(call)
    dry_run = call.query(WriteQuery).dry_run
    work = call.desk.open_day(call.ledger, day, call.caller, dry_run=dry_run)
    refusal = await call.service.undisturbed(work)
    if refusal is not None:
        raise refusal_problem(call, refusal)
    if dry_run:
        opened = DayAnswer(date=day, status="open", count=0, totals=[])
        return answer(DryRun(dry_run=True, day=opened))
    return answer((await _seen(call, day)).answer)


async def close_day(call: Call) -> web.Response:
    """Close a business day; the journal says what it came to. Nothing opens it again."""
    day = _date(call)
    dry_run = call.query(WriteQuery).dry_run
    work = call.desk.close_day(call.ledger, day, call.caller, dry_run=dry_run)
    outcome = await call.service.undisturbed(work)
    if isinstance(outcome, Refusal):
        raise refusal_problem(call, outcome)
    scales = call.desk.facts(call.ledger).scales
    if outcome.leaf_index is None:
        would = _as_closed(scales, outcome.line, UNSET, b"")
        return answer(DryRun(dry_run=True, day=would))
    [found] = await _closings(call, day, day, 1)
    return answer(_closed(call, scales, *found))


async def get_days(call: Call) -> web.Response:
    """How days are kept, which are open, and what each has come to; or those closed."""
    query = call.query(DaysQuery)
    today, now = call.desk.today(call.ledger), int(call.service.now() * 1e6)
    first = DATE_MIN if query.after is UNSET else min(query.after, DATE_MAX - A_DAY) + A_DAY

    def look(book: Book) -> DaysPage:
        days, scales = book.days, book.scales
        current = days.current(today)
        is_any_open = days.is_open(current, current)
        open_days = {*days.open, *days.totals, *([current] if is_any_open else [])}
        page = sorted(day for day in open_days if day >= first)[: query.limit + 1]
        found = [_as_open(book, scales, day, current) for day in page[: query.limit]]
        return DaysPage(
            settings=_settings(days.settings or DAYS_BY_CLOCK),
            days=[] if query.closed else found,
            current=current if is_any_open else UNSET,
            closing=_closing(book, now),
            closed_through=UNSET if days.closed_through == date.min else days.closed_through,
            next=UNSET if query.closed or len(page) <= query.limit else page[-2],
        )

    seen = await call.desk.read(call.ledger, look)
    if not query.closed:
        return answer(seen)
    scales = call.desk.facts(call.ledger).scales
    closings = await _closings(call, first, DATE_MAX, query.limit + 1)
    page = closings[: query.limit]
    closed = [_as_closed(scales, leaf, index, line) for index, line, leaf in page]
    return answer(
        msgspec.structs.replace(
            seen, days=closed, next=UNSET if page == closings else closed[-1].date
        )
    )


async def get_day(call: Call) -> web.Response:
    """A business day: what it came to, or so far; of a closed one its leaf."""
    call.query(NoQuery)
    day = _date(call)
    seen = await _seen(call, day)
    now = seen.answer
    if now.status not in ("closed", "reopened"):
        return answer(ClosedDayAnswer(day=now))
    closings = await _closings(call, day, day, 1)
    if closings:
        closed = _closed(call, seen.scales, *closings[0])
    else:  # Nothing was posted on it by then, and one after it was closed.
        closed = ClosedDayAnswer(
            day=DayAnswer(date=day, status="closed", count=0, totals=[]),
            checkpoint=newest_checkpoint(call),
        )
    late = [
        (i, one) for i, leaf in await _late_of(call, day) for one in leaf if one.date == day
    ]
    totals = _totals(seen.scales, summed([*(one.shown for _, one in late), seen.totals]))
    shown = msgspec.structs.replace(
        closed.day,
        status=now.status,
        late=totals or UNSET,
        late_count=now.count + sum(one.count for _, one in late) if totals else UNSET,
        late_leaves=[index for index, _ in late] or UNSET,
    )
    return answer(msgspec.structs.replace(closed, day=shown))


async def _late_of(call: Call, day: date) -> list[tuple[int, list[LateDay]]]:
    """What the leaves that closed a month again say of its days, with their indexes."""
    ledger_id = await call.service.ledger_id(call.ledger)
    found = []
    for index, line in await call.reads.reclosings(ledger_id, day.year, day.month):
        leaf = decode_leaf(line)
        assert isinstance(leaf, PeriodMarked), "a leaf that closed a month again"
        found.append((index, list(leaf.late or ())))
    return found


class _Seen(NamedTuple):
    """A day as the book sees it, and the currencies its totals are in."""

    answer: DayAnswer
    scales: dict[str, int]
    totals: list[DayTotal]


async def _seen(call: Call, day: date) -> _Seen:
    today = call.desk.today(call.ledger)

    def look(book: Book) -> _Seen:
        found = _as_open(book, book.scales, day, book.days.current(today))
        return _Seen(found, dict(book.scales), book.days.totals_of([day]))

    return await call.desk.read(call.ledger, look)


def _as_open(book: Book, scales: dict[str, int], day: date, current: date) -> DayAnswer:
    """A day as the book knows it, which forgets what those that are closed came to."""
    days = book.days
    totals = days.totals_of([day])
    status = "open" if days.is_open(day, current) else "not_open"
    if days.is_closed(day):
        status = "reopened" if days.is_open(day, current) else "closed"
    return DayAnswer(
        date=day,
        status=status,  # type: ignore[arg-type]
        count=sum(total.count for total in totals),
        totals=_totals(scales, totals),
    )


async def _closings(
    call: Call, first: date, last: date, limit: int
) -> list[tuple[int, bytes, DayClosed]]:
    ledger_id = await call.service.ledger_id(call.ledger)
    found: list[tuple[int, bytes, DayClosed]] = []
    for index, line in await call.reads.closings(ledger_id, first, last, limit):
        leaf = decode_leaf(line)
        assert isinstance(leaf, DayClosed), "a leaf that closed a day"
        found.append((index, line, leaf))
    return found


def _closed(
    call: Call, scales: dict[str, int], index: int, line: bytes, leaf: DayClosed
) -> ClosedDayAnswer:
    return ClosedDayAnswer(
        day=_as_closed(scales, leaf, index, line),
        line=line.decode(),
        checkpoint=newest_checkpoint(call),
    )


def _as_closed(
    scales: dict[str, int], leaf: DayClosed, index: int | UnsetType, line: bytes
) -> DayAnswer:
    """A day as its leaf says, or as it would."""
    return DayAnswer(
        date=leaf.date,
        status="closed",
        count=leaf.count,
        totals=_totals(scales, leaf.shown),
        closed_at=show_time(leaf.recorded_at),
        closed_by=leaf.by,
        totals_hash=leaf.totals.hex(),
        leaf_index=index,
        leaf_hash=sha256(b"\0" + line).hexdigest() if line else UNSET,
    )


def _totals(scales: dict[str, int], totals: Iterable[DayTotal]) -> list[DayTotalAnswer]:
    return [
        DayTotalAnswer(
            currency=total.currency,
            kind=total.kind,
            source=total.source,
            count=total.count,
            amount=show_amount(int(total.amount), scales[total.currency]),
        )
        for total in totals
    ]


def _date(call: Call) -> date:
    text = call.part("date")
    try:
        if not _ISO_DAY.fullmatch(text) or text < DATE_MIN.isoformat():
            raise ValueError("another form")
        return date.fromisoformat(text)
    except ValueError:
        raise Problem("malformed_request", field="date", reason=shown(text)) from None


# ---- periods


async def mark_period(call: Call) -> web.Response:
    """Close a month for now, reopen it by an act, or close it for ever."""
    year, month = months_of(call.part("period"))
    asked = await call.asked(AskedMark)
    dry_run = call.query(WriteQuery).dry_run
    work = call.desk.mark_period(call.ledger, year, month, asked, call.caller, dry_run=dry_run)
    outcome = await call.service.undisturbed(work)
    if isinstance(outcome, Refusal):
        raise refusal_problem(call, outcome)
    late = [] if outcome is None else outcome.late or []
    scales = call.desk.facts(call.ledger).scales
    marked = PeriodAnswer(
        period=show_period(year, month),
        mark=asked.mark,
        late=[_late_day(scales, one) for one in late] or UNSET,
    )
    return answer(DryRun(dry_run=True, period=marked) if dry_run else marked)


def _late_day(scales: dict[str, int], one: LateDay) -> LateDayAnswer:
    return LateDayAnswer(
        date=one.date,
        count=one.count,
        totals=_totals(scales, one.shown),
        totals_hash=one.totals.hex(),
    )


async def get_periods(call: Call) -> web.Response:
    """Months that were closed or reopened, as they are marked now."""
    query = call.query(PeriodsQuery)
    after = (0, 0) if query.after is UNSET else months_of(query.after)
    marks = await call.desk.read(call.ledger, lambda book: dict(book.days.periods))
    found = sorted(month for month in marks if month > after)
    page = found[: query.limit]
    periods = [
        PeriodAnswer(period=show_period(*month), mark=marks[month])  # type: ignore[arg-type]
        for month in page
    ]
    return answer(
        PeriodsPage(periods=periods, next=UNSET if page == found else periods[-1].period)
    )


def months_of(text: str) -> tuple[int, int]:
    """Year and month of a period, 1 to 13. Raises Problem where it is none."""
    found = PERIOD.fullmatch(text)
    if found is None or int(found[1]) < DATE_MIN.year:
        raise Problem("malformed_request", field="period", reason=shown(text))
    return int(found[1]), int(found[2])


def show_period(year: int, month: int) -> str:
    """A period as it is written."""
    return f"{year:04}-{month:02}"


def dates_of(year: int, month: int) -> tuple[date, date]:
    """The first and last day of a month; of month 13 both are the year's last."""
    last = date(year, min(month, 12), monthrange(year, min(month, 12))[1])
    return (last if month == ADJUSTMENTS else last.replace(day=1)), last
