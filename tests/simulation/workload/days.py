"""Business days and periods: kept, opened, closed, marked."""

from datetime import timedelta
from typing import Any

from msgspec import UNSET

from ledger.core.asked import AskedAct, AskedDays, AskedMark
from ledger.core.model import DaysBy
from ledger.core.refusals import Refusal
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import days as audit
from tests.simulation.workload.client import OPERATOR, Client, Request, command, outcome_of


@command(0.7)
def set_days(client: Client) -> Request:
    """How days are kept from now on."""
    chance, ledger = client.random, client.ledger
    asked = AskedDays(
        days=chance.choice([DaysBy.CLOCK] * 3 + [DaysBy.COMMAND]),
        cut_off=chance.choice(["16:30", "23:45", "00:15", "02:30", UNSET, UNSET]),
        value_days_back=chance.choice([0, 3, UNSET]),
        close_after_minutes=chance.choice([0, 90, 1_440, 4_000, UNSET, UNSET]),
    )

    async def ask(desk: Sequencer) -> Any:
        return await desk.set_days(ledger, asked, OPERATOR)

    def tell(outcome: Any, signed: int) -> str:
        refusal = outcome if isinstance(outcome, Refusal) else None
        is_by_command = asked.days is DaysBy.COMMAND
        back = asked.value_days_back
        audit.days_told(
            client.world.auditor.books(ledger),
            refusal,
            signed,
            lambda days: (
                (days.is_by_command, days.value_days_back)
                == (is_by_command, back if isinstance(back, int) else None)
            ),
            {"day_before_is_open": lambda days: bool(days.open) and not is_by_command},
        )
        return outcome_of(refusal)

    return Request(f"has the days of {ledger} by {asked.days.value}", ask, tell, ledger)


@command(0.8)
def let_days_pass(client: Client) -> Request:
    """Nobody does anything for a while."""
    world, ledger = client.world, client.ledger
    days = client.random.choice([1, 1, 1, 2, 7, 31])

    async def ask(desk: Sequencer) -> None:
        world.skew += days * 86_400_000_000

    return Request(f"lets {days} days pass", ask, lambda told, signed: "so it is", ledger)


@command(3)
def open_day(client: Client) -> Request | None:
    """A day opened by command; some in a row, or one that is not new."""
    ledger, world = client.ledger, client.world
    calendar = client.calendar()
    if not calendar.is_by_command and client.random.random() < 0.99:
        return None
    day = client.day([0, 0, 1, 1, 2, -1, 40])

    async def ask(desk: Sequencer) -> Any:
        return await desk.open_day(ledger, day, OPERATOR)

    def tell(refusal: Refusal | None, signed: int) -> str:
        audit.days_told(
            world.auditor.books(ledger),
            refusal,
            signed,
            lambda days: day in days.open,
            {
                "days_kept_by_clock": lambda days: not days.is_by_command,
                "day_not_new": lambda days: day <= max(days.opened, days.closed),
                "day_too_early": lambda _: True,
            },
        )
        return outcome_of(refusal)

    return Request(f"opens {day} in {ledger}", ask, tell, ledger)


@command(1.6)
def close_day(client: Client) -> Request:
    """The end of a day: mostly of one that is open, at times long past or still to come."""
    chance, ledger = client.random, client.ledger
    calendar = client.calendar()
    days = [
        client.day([-1]),
        client.day([-1, 0, 0, 1, 2]),
        client.month_end(),
        client.year_end(),
    ]
    day = chance.choice(sorted(calendar.open) if calendar.open else days)
    dry_run = chance.random() < 0.15

    async def ask(desk: Sequencer) -> Any:
        return await desk.close_day(ledger, day, OPERATOR, dry_run=dry_run)

    def tell(outcome: Any, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        refusal = outcome if isinstance(outcome, Refusal) else None
        if refusal is None and not dry_run:
            audit.closed_day(books, day, outcome, signed)
        if refusal is not None or not dry_run:
            audit.days_told(
                books,
                refusal,
                signed,
                lambda days: day <= days.closed and day not in days.open,
                {
                    "day_not_open": lambda days: (
                        day <= days.closed or (days.is_by_command and day not in days.open)
                    ),
                    "day_before_is_open": lambda days: not days.is_by_command,
                    "day_too_early": lambda days: not days.is_by_command,
                },
            )
        return outcome_of(refusal)

    verb = "tries to close" if dry_run else "closes"
    return Request(f"{verb} {day} in {ledger}", ask, tell, ledger)


@command(1.1)
def mark_period(client: Client) -> Request:
    """A month closed for now, reopened or closed for ever; and the thirteenth."""
    chance, ledger = client.random, client.ledger
    end, year = client.month_end(), client.year_end().year
    before = end.replace(day=1) - timedelta(days=1)
    month = chance.choice(
        [(end.year, end.month), (before.year, before.month), (year, 12), (year, 13)]
    )
    was = client.calendar().marks.get(month)
    may: dict[Any, list[Any]] = {None: ["preliminary"], "preliminary": ["reopened", "final"]}
    mark: Any = chance.choice([*may.get(was, []) * 2, "preliminary", "reopened"])
    act: Any = AskedAct(number="A-1", date=end, hash="00" * 32)
    asked = AskedMark(mark=mark, act=act if chance.random() < 0.9 else UNSET)

    async def ask(desk: Sequencer) -> Any:
        return await desk.mark_period(ledger, *month, asked, OPERATOR)

    def tell(outcome: Any, signed: int) -> str:
        refusal = outcome if isinstance(outcome, Refusal) else None
        audit.days_told(
            client.world.auditor.books(ledger),
            refusal,
            signed,
            lambda days: days.marks.get(month) == mark,
            {
                "period_final": lambda days: (
                    days.marks.get(month) == "final"
                    or (mark == "reopened" and days.fixes(month))
                ),
                "period_before_is_open": lambda days: any(
                    days.marks.get(one) != "final" for one in days.before(month)
                ),
                "period_not_marked_so": lambda days: days.marks.get(month) != mark,
                "day_before_is_open": lambda days: not days.is_over(*month),
                "act_missing": lambda _: asked.act is UNSET,
            },
        )
        return outcome_of(refusal)

    text = f"marks month {month[1]} of {month[0]} in {ledger} {mark}"
    return Request(text, ask, tell, ledger)
