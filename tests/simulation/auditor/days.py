"""Business days and periods: opened, closed, marked, and what they came to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tests.simulation.auditor.books import Books, Entry, due, line, shown
from tests.simulation.auditor.calendar import Calendar
from tests.simulation.auditor.forms import canonical, in_base64, must
from tests.simulation.auditor.state import POSTED, Leg

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.answered import ClosedDay
    from ledger.core.refusals import Refusal

TOTALS_SHOWN_MAX = 200  # Totals of a day that stand in its line; all are in the hash.
DAYS_AHEAD_MAX = 31  # That a day may be opened before it comes.

Totals = dict[tuple[str, str, str], tuple[int, int]]  # By currency, kind and source.


@line("settings")
def _settings(books: Books, entry: Entry) -> None:
    old, fields = books.calendar(entry.index), entry.fields
    is_by_command = fields["days"] == "command"
    must(is_by_command or not old.open, "left to the clock while a day is open")
    new = replace(
        old,
        is_by_command=is_by_command,
        cut_off=fields.get("cut_off"),
        value_days_back=fields.get("value_days_back"),
        close_after=fields.get("close_after"),
    )
    if is_by_command and not old.is_by_command:  # What was begun by the clock stays open.
        new = replace(
            new, open=frozenset(day for day in books.all_now("total") if day > old.closed)
        )
        new = replace(new, opened=max(new.opened, *new.open, date.min))
    books.shelve("calendar", "", new)
    books.shelve("days kept so", "", entry.fields["recorded_at"])


@line("day_opened")
def _day_opened(books: Books, entry: Entry) -> None:
    calendar, day = books.calendar(entry.index), date.fromisoformat(entry.fields["date"])
    must(calendar.is_by_command, "opened, though the clock opens days", day)
    must(day > max(calendar.opened, calendar.closed), "opened, though it is not new", day)
    ahead = day - books.today(entry.fields["recorded_at"], entry.index)
    must(ahead <= timedelta(days=DAYS_AHEAD_MAX), "opened long before it comes", day)
    books.shelve("calendar", "", replace(calendar, open=calendar.open | {day}, opened=day))
    books.shelve("days kept so", "", entry.fields["recorded_at"])


@line("day_closed")
def _day_closed(books: Books, entry: Entry) -> None:
    calendar, day = books.calendar(entry.index), date.fromisoformat(entry.fields["date"])
    books.once("closing of a day", day)
    books.closed.add(day)
    if calendar.is_by_command:
        must(day in calendar.open, "closed, though it was not open", day)
    else:
        must(day > calendar.closed, "closed, though it was not open", day)
        today = books.today(entry.fields["recorded_at"], entry.index)
        must(day <= today, "closed before it began", day)
        before = [one for one in books.all_now("total") if calendar.closed < one < day]
        must(not before, "closed while one before it is open", day, before)
    if "by" not in entry.fields:
        must(calendar.close_after is not None, "closed by a clock that closes none", day)
        over = _over(books, calendar, entry.fields["recorded_at"])
        must(day <= over, "closed by the clock too early", day, over)
        is_first = not calendar.open or day == min(calendar.open)
        must(is_first, "closed by the clock before one that was open longer", day)
    _check_totals(books, books.entries, entry.fields, day, TOTALS_SHOWN_MAX)
    books.shelve("total", day, None)
    closed = max(calendar.closed, day)
    books.shelve("calendar", "", replace(calendar, open=calendar.open - {day}, closed=closed))


@due
def _closed_in_time(books: Books, at: int) -> None:
    """The clock closed what it had to, but for what it has to since then only."""
    calendar = books.calendar(len(books.entries))
    if calendar.close_after is None or books.get("days kept so", "") >= at:
        return
    over = _over(books, calendar, at)
    is_closed = calendar.is_by_command or calendar.closed >= over
    is_closed = is_closed and not any(day <= over for day in calendar.open)
    must(is_closed, "a day that the clock should have closed is open", over)


def _over(books: Books, calendar: Calendar, at: int) -> date:
    return calendar.over(at, str(books.entries[0].fields["time_zone"]))


@line("period")
def _period(books: Books, entry: Entry) -> None:
    calendar, mark = books.calendar(entry.index), entry.fields["mark"]
    month = (entry.fields["year"], entry.fields["month"])
    before = {
        "preliminary": (None, "reopened"),
        "reopened": ("preliminary",),
        "final": ("preliminary",),
    }
    was = calendar.marks.get(month)
    must(was in before[mark], "marked so, though it was not as it must be", was, mark)
    is_over = calendar.is_over(*month)
    must(mark != "preliminary" or is_over, "closed while days of it are open", month)
    must(mark != "reopened" or "act" in entry.fields, "reopened by nobody's decision", month)
    must(mark != "reopened" or not calendar.fixes(month), "reopened under a final month", month)
    changeable = [one for one in calendar.before(month) if calendar.marks.get(one) != "final"]
    must(mark != "final" or not changeable, "final, though one before it is not", changeable)
    if mark == "preliminary":
        _check_late(books, entry, month)
    else:
        must("late" not in entry.fields, "late where nothing can be", month)
    if mark == "reopened":
        books.shelve("reopened", month, entry.index)
    else:
        for day in [one for one in books.all_now("total") if (one.year, one.month) == month]:
            if day <= calendar.closed:
                books.shelve("total", day, None)
    books.shelve("calendar", "", replace(calendar, marks={**calendar.marks, month: mark}))


def _check_late(books: Books, entry: Entry, month: tuple[int, int]) -> None:
    """A month closed again says what each day of it got since it was reopened."""
    reopened = books.get("reopened", month)
    since = [] if reopened is None else books.entries[reopened:]
    rows = [leg for posted in since for leg in posted.legs if leg.phase == POSTED]
    days = sorted({leg.day for leg in rows if (leg.day.year, leg.day.month) == month})
    late = entry.fields.get("late", [])
    must([one["date"] for one in late] == [day.isoformat() for day in days], "other days", late)
    must(late or "late" not in entry.fields, "late, but nothing", month)
    room = TOTALS_SHOWN_MAX
    for one, day in zip(late, days, strict=True):
        _check_totals(books, since, one, day, room)
        room -= len(one["shown"])


def check_day(books: Books, entry: Entry) -> None:
    day = books.day(entry.fields["recorded_at"], entry.index)
    shown = entry.fields["business_date"]
    must(shown == day.isoformat(), "another business date", shown, day)


def _check_totals(
    books: Books, entries: Sequence[Entry], fields: Mapping[str, Any], day: date, room: int
) -> None:
    """What a day came to, summed once more from the rows that count for it."""
    sums: Totals = {}
    for posted in entries:
        for leg in posted.legs:
            if leg.day == day and leg.phase == POSTED:
                _add(sums, books.now(leg.debit).currency, posted.source, leg)
    totals = [
        {
            "amount": str(total),
            "count": count,
            "currency": currency,
            "kind": kind,
            "source": source,
        }
        for (currency, kind, source), (count, total) in sorted(sums.items())
    ]
    lines = b"".join(canonical(one) + b"\n" for one in totals)
    must(fields["count"] == sum(one[0] for one in sums.values()), "another count of a day")
    must(fields["totals"] == in_base64(sha256(lines).digest()), "other totals of a day", day)
    must(fields["shown"] == totals[:room], "other totals are shown", day)


def count(books: Books, source: str, legs: Sequence[Leg]) -> None:
    """Count rows for the days that they are of."""
    for leg in legs:
        if leg.phase == POSTED:
            sums = dict(books.get("total", leg.day) or {})
            _add(sums, books.now(leg.debit).currency, source, leg)
            books.shelve("total", leg.day, sums)


def _add(sums: Totals, currency: str, source: str, leg: Leg) -> None:
    """Count one more row."""
    key = (currency, leg.kind, source)
    count, total = sums.get(key, (0, 0))
    sums[key] = (count + 1, total + leg.amount)


@shown("total")
def _totals(book: Any) -> dict[Any, Any]:
    return {
        day: {key: (count, total) for key, (count, total) in of.items()}
        for day, of in book.days.totals.items()
    }


@shown("calendar")
def _calendar(book: Any) -> dict[Any, Any]:
    days = book.days
    settings = days.settings
    names = ("cut_off", "value_days_back", "close_after")
    cut_off, back, after = (getattr(settings, name, None) for name in names)
    calendar = Calendar(
        is_by_command=settings is not None and settings.days == "command",
        cut_off=cut_off if isinstance(cut_off, int) else None,
        value_days_back=back if isinstance(back, int) else None,
        close_after=after if isinstance(after, int) else None,
        closed=days.closed_through,
        opened=days.opened_through,
        open=frozenset(days.open),
        marks=dict(days.periods),
    )
    return {"": calendar}


def days_told(
    books: Books,
    refusal: "Refusal | None",
    signed: int,
    so: Callable[[Calendar], bool],
    excuses: Mapping[str, Callable[[Calendar], bool]],
) -> None:
    """Days stood so after some leaf that is signed, or there is an excuse.

    Args:
        excuses: codes of refusals, and whether a calendar gives reason for them.
    """
    books.read()
    stood = [(0, Calendar()), *books.shelf.stood("calendar", "")]
    if refusal is None:
        is_so = any(size <= signed and so(calendar) for size, calendar in stood)
        must(is_so, "days that never stood so")
    else:
        excuse = excuses.get(refusal.code)
        must(excuse is not None, "refused for what cannot be", refusal.code)
        is_so = any(excuse is not None and excuse(calendar) for _, calendar in stood)
        must(is_so, "refused without reason", refusal.code)


def closed_day(books: Books, day: date, told: "ClosedDay", signed: int) -> None:
    """A day was closed with what it came to, and is told so."""
    books.read()
    index = told.leaf_index
    must(index is not None and index < signed, "closed before it was signed", index)
    assert index is not None
    fields = books.entries[index].fields
    shown = (fields["line"], fields["date"], fields["count"], fields["totals"])
    line = told.line
    expected = ("day_closed", day.isoformat(), line.count, in_base64(line.totals))
    must(shown == expected, "another closing than was told", shown, expected)
