"""Deadlines: what time asks for by the calendar of a ledger's zone.

A business day that the clock closes; a dispute that should have ended by a day. The book knows
days and no zone, so that replay needs to know nothing of zones either: who records has one.
"""

from collections.abc import Iterator
from datetime import date, tzinfo

from msgspec import UNSET, Struct

from ledger.core.dates import LAST_DATE, day_at, moment_of
from ledger.core.days import A_DAY, MINUTE_US, Days
from ledger.core.leaves import AnyLeaf, DisputeOverdue
from ledger.core.state import State


class Deadline(Struct, frozen=True):
    """A day, and the moment at which time asks for something about it. Microseconds."""

    day: date
    at: int


def end_of(day: date, days: Days, zone: tzinfo) -> int:
    """The moment at which a business day is over, which is the first of the next one.

    A cut-off that comes twice ends it the first time; one that does not come, when the clocks
    are set forward over it.
    """
    settings = days.settings
    if settings is None or settings.cut_off is UNSET:
        return moment_of(day + A_DAY, 0, zone)
    return moment_of(day, settings.cut_off, zone)


def next_closing(days: Days, zone: tzinfo, now: int) -> Deadline | None:
    """The day that the clock closes next, and when; it may be past. None: it closes none.

    Of days that nobody opened only those have a line on which something was posted, and the
    last of those whose time has come: with that one all before it are closed.
    """
    if days.settings is None or days.settings.close_after is UNSET:
        return None
    after = days.settings.close_after * MINUTE_US

    def closes(day: date) -> Deadline:
        return Deadline(day, end_of(day, days, zone) + after)

    if days.by_command:
        return closes(min(days.open)) if days.open else None
    last = day_at(now, zone) + A_DAY
    while closes(last).at > now:
        last -= A_DAY
    if last <= days.closed_through:
        following = days.closed_through + A_DAY if days.closed_through < LAST_DATE else None
        return None if following is None else closes(following)
    return closes(min((day for day in days.unclosed() if day <= last), default=last))


def next_overdue(state: State, zone: tzinfo) -> tuple[Deadline, int] | None:
    """The dispute that is overdue next, by the end of its day in the zone."""
    first = state.disputes.dues.first()
    if first is None or (day := date.fromordinal(first[0])) > LAST_DATE:
        return None
    return Deadline(day, moment_of(day + A_DAY, 0, zone)), first[1]


def next_deadline(state: State, zone: tzinfo, now: int) -> int | None:
    """When the calendar next asks for a line; None for never. It may be past."""
    closing, overdue = next_closing(state.days, zone, now), next_overdue(state, zone)
    moments = [] if closing is None else [closing.at]
    moments += [] if overdue is None else [overdue[0].at]
    return min(moments, default=None)


def lines_due(state: State, zone: tzinfo, now: int) -> Iterator[AnyLeaf]:
    """Lines that the calendar asks for now, of each kind the first one."""
    closing, overdue = next_closing(state.days, zone, now), next_overdue(state, zone)
    if closing is not None and closing.at <= now:
        yield state.days.closing(closing.day, now)
    if overdue is not None and overdue[0].at <= now:
        yield DisputeOverdue(recorded_at=now, target=overdue[1])
