"""Schedules damaged, and the scheduler."""

import itertools
from typing import Any
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import replace

from ledger.core import schedules, scheduling
from ledger.core.schedules import Schedules
from ledger.services import scheduler
from ledger.services.scheduler import Scheduler
from tests.simulation.damage.damage import Patch, damage

A_DAY_US = 86_400_000_000
SHOWN = "live book differs: (schedule|holidays)|shown otherwise: (schedule|holidays)"
SHOWN += "|live state|without reason"


@damage("before its moment|against its rule|though it is skipped|left out")
def work_on_holidays(patch: Patch) -> None:
    patch.setattr(Schedules, "is_holiday", lambda *_: False)


@damage(f"before its moment|no date that is next|{SHOWN}")
def leave_every_other_date_out(patch: Patch) -> None:
    after = schedules._after

    def skip(standing: Any, done: Any) -> Any:
        following = after(standing, done)
        return replace(following, number=following.number + 1)

    patch.setattr(schedules, "_after", skip)


@damage("before its moment|given up too early")
def look_at_tomorrow(patch: Patch) -> None:
    agenda = scheduler.agenda

    def early(book: Any, now: int, zone: Any, **more: Any) -> Any:
        return agenda(book, now + A_DAY_US, zone, **more)

    patch.setattr(scheduler, "agenda", early)
    patch.setattr(scheduler, "no_more_due", lambda *_: None)


@damage("a date was left out")
def never_look(patch: Patch) -> None:
    async def nothing(self: Scheduler, ledger: str) -> float:
        return self._poll_s

    patch.setattr(Scheduler, "turn", nothing)


@damage("no date that is next|what nobody asked for")
def post_under_any_id(patch: Patch) -> None:
    batch_of, numbers = scheduler.batch_of, itertools.count(10**9)

    def anew(*asked: Any) -> Any:
        return replace(batch_of(*asked), id=UUID(int=next(numbers)))

    patch.setattr(scheduler, "batch_of", anew)


@damage("posted what was not planned|refused something else|what nobody asked for")
def post_more_than_planned(patch: Patch) -> None:
    batch_of = scheduler.batch_of

    def more(*asked: Any) -> Any:
        batch = batch_of(*asked)
        transfers = [replace(t, amount=f"1{t.amount}") for t in batch.transfers]
        return replace(batch, transfers=transfers)

    patch.setattr(scheduler, "batch_of", more)


@damage("given up too early")
def give_up_at_once(patch: Patch) -> None:
    patch.setattr(
        scheduling, "_is_missed", lambda due, _: due.standing.schedule.miss_after is not UNSET
    )


@damage(f"before its moment|{SHOWN}")
def try_again_at_once(patch: Patch) -> None:
    patch.setattr(schedules, "MINUTE_US", 1)


@damage(f"no date that is next|{SHOWN}|left out")
def forget_what_was_done(patch: Patch) -> None:
    patch.setattr(Schedules, "state", lambda _: [])
