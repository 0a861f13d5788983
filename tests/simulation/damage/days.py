"""Business days damaged."""

from ledger.core import deadlines
from ledger.core.days import Days
from ledger.sequencer import clock
from tests.simulation.damage.damage import DECIDED, Patch, damage


@damage(f"posted where no day is open|{DECIDED}")
def open_every_day(patch: Patch) -> None:
    patch.setattr(Days, "is_open", lambda self, day, current: day <= current)


@damage("another count of a day|the live book differs: total")
def count_nothing_for_a_day(patch: Patch) -> None:
    patch.setattr(Days, "count", lambda *_: None)


@damage("closed while one before|closed, though|closing of a day twice")
def close_any_day(patch: Patch) -> None:
    patch.setattr(Days, "_refuse_closing", lambda *_: None)


@damage("marked so, though|days of it are open|nobody's decision")
def mark_any_period(patch: Patch) -> None:
    patch.setattr(Days, "_refuse_period", lambda *_: None)


@damage("reopened under a final month|final, though one before it is not")
def change_what_is_final(patch: Patch) -> None:
    patch.setattr(Days, "_is_final_after", lambda *_: False)
    patch.setattr(Days, "_is_all_final_before", lambda *_: True)


@damage(DECIDED)
def refuse_what_is_late(patch: Patch) -> None:
    patch.setattr(Days, "next_open", lambda *_: None)


@damage(DECIDED)
def adjust_an_open_year(patch: Patch) -> None:
    patch.setattr(Days, "is_closed", lambda *_: True)


@damage("another business date|closed before it began|limits as they never were")
def begin_every_day_at_midnight(patch: Patch) -> None:
    patch.setattr(clock, "business_day", lambda moment, zone, _: moment.astimezone(zone).date())


@damage("closed by the clock too early|should have closed is open|live state|without reason")
def close_a_day_early(patch: Patch) -> None:
    end_of = deadlines.end_of
    patch.setattr(deadlines, "end_of", lambda *asked: end_of(*asked) - 86_400_000_000)


@damage("should have closed is open")
def leave_days_open(patch: Patch) -> None:
    patch.setattr(deadlines, "next_closing", lambda *_: None)
