"""Schedules and holidays: set, changed, cancelled; and time, which passes."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import convert

from ledger.core.asked import AskedBatch
from ledger.core.book import Book
from ledger.core.leaves import AnyLeaf
from ledger.core.refusals import Refusal
from ledger.core.scheduling import (
    AskedHolidays,
    AskedSchedule,
    cancel_schedule,
    set_holidays,
    set_schedule,
)
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import schedules as audit
from tests.simulation.workload.batches import send
from tests.simulation.workload.client import (
    OPERATOR,
    Client,
    Request,
    Sent,
    command,
    outcome_of,
)
from tests.simulation.workload.transfers import decimal, minor, transfer

PLANS = ["rent", "wage", "dues"]
SHIFTS = ["as_is", "as_is", "before", "after", "skip"]


def _asked(client: Client) -> dict[str, Any]:
    """A schedule as people write it, its fields that are not as they would be anyway."""
    chance = client.random
    paid = transfer(client, client.currency())
    every = chance.choice(["once", "day", "day", "day", "week", "month", "year"])
    first = client.day([0, 0, 0, -1, 1, -3, 20])
    fields: dict[str, Any] = {
        "debit_account": paid.debit_account,
        "credit_account": paid.credit_account,
        "amount": decimal(max(1, minor(paid.amount, paid.currency)), paid.currency),
        "currency": paid.currency,
        "kind": chance.choice(["payment", "rent", "payroll"]),
        "first": first,
        "every": every,
        "at": chance.choice(["00:00", "06:00", "09:30", "23:59"]),
        "on_holiday": chance.choice(SHIFTS),
        "on_weekend": chance.choice(SHIFTS),
    }
    if every != "once" and chance.random() < 0.8:  # Or time that passes makes too many.
        fields["count"] = chance.randint(1, 7)
    elif every == "day":
        fields["last"] = first + timedelta(days=chance.randint(0, 6))
    if chance.random() < 0.5:
        fields["retries"] = chance.choice([1, 2])
        fields["retry_minutes"] = chance.choice([1, 30, 600])
    if chance.random() < 0.3:
        fields["miss_after_minutes"] = chance.choice([1, 60, 1440])
    if chance.random() < 0.2:
        fields["up_to"] = chance.choice(["debit", "both"])
    if chance.random() < 0.2:
        fields["reference"] = chance.choice(["RENT-", "R"])
    if every != "once" and chance.random() < 0.2:
        fields["step"] = chance.choice([2, 3])
    return fields


def _rule(fields: dict[str, Any]) -> dict[str, Any]:
    """The same as it stands in the journal, but with codes of accounts."""
    hours, minutes = fields["at"].split(":")
    rule = {name: value for name, value in fields.items() if value != "as_is"}
    if "miss_after_minutes" in rule:
        rule["miss_after"] = rule.pop("miss_after_minutes")
    currency = rule.pop("currency")
    rule |= {"amount": minor(rule["amount"], currency), "at": 60 * int(hours) + int(minutes)}
    days = {name: str(rule[name]) for name in ("first", "last") if name in rule}
    return rule | days


@command(2)
def plan(client: Client) -> Request:
    """A schedule, or another in its place; or no more."""
    chance, ledger, world = client.random, client.ledger, client.world
    code, since = chance.choice(PLANS), 0
    there = sorted(client.books.all_now("schedule")) if client.is_open() else []
    is_end = bool(there) and chance.random() < 0.15
    code = chance.choice(there) if is_end else code
    fields = None if is_end else _asked(client)
    dry_run = chance.random() < 0.08

    async def ask(desk: Sequencer) -> Any:
        def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], object] | Refusal:
            assert book.opening is not None
            zone = ZoneInfo(book.opening.time_zone)
            whose: dict[str, Any] = {"may": lambda _: True, "by": OPERATOR.key}
            if fields is None:
                return cancel_schedule(book, code, "x", recorded_at=now, **whose)
            asked = convert({**fields, "reason": "x"}, AskedSchedule)
            return set_schedule(book, code, asked, zone=zone, recorded_at=now, **whose)

        nonlocal since
        since = client.knows(desk, ledger)
        return await desk.change_rule(ledger, build, dry_run=dry_run)

    def tell(outcome: Any, signed: int) -> str:
        refusal = outcome if isinstance(outcome, Refusal) else None
        rule = None if fields is None else _rule(fields)
        latest = world.now() + max(world.skews)
        if refusal is not None or not dry_run:
            books = world.auditor.books(ledger)
            audit.schedule_told(books, code, rule, refusal, signed, since, latest)
        return outcome_of(refusal)

    verb = "would plan" if dry_run else "plans"
    what = "no more" if fields is None else f"{fields['every']} from {fields['first']}"
    return Request(f"{verb} {code} in {ledger}, {what}", ask, tell, ledger)


@command(0.8)
def keep_holidays(client: Client) -> Request:
    """The holidays of a year, or one day of another among them."""
    chance, ledger = client.random, client.ledger
    year = client.day([0, 0, 40]).year
    days = [client.day([-2, 0, 1, 2, 3, 5, 8]) for _ in range(chance.choice([0, 1, 2, 4]))]
    plans = client.books.all_now("schedule").values() if client.is_open() else ()
    days += [one.day for one in plans if one.day and chance.random() < 0.5]
    if chance.random() < 0.9:
        days = [day for day in days if day.year == year]
    asked = AskedHolidays(dates=days, reason="x")

    async def ask(desk: Sequencer) -> Any:
        def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], object] | Refusal:
            return set_holidays(book, year, asked, recorded_at=now, by=OPERATOR.key)

        return await desk.change_rule(ledger, build)

    def tell(outcome: Any, signed: int) -> str:
        refusal = outcome if isinstance(outcome, Refusal) else None
        books = client.world.auditor.books(ledger)
        audit.holidays_told(books, year, days, refusal, signed)
        return outcome_of(refusal)

    return Request(f"keeps {len(days)} holidays of {year} in {ledger}", ask, tell, ledger)


@command(0.3)
def take_its_id(client: Client) -> Request | None:
    """A batch of one's own under the id that a date of a schedule would have."""
    if not client.is_open():
        return None
    chance, books = client.random, client.books
    due = [one for one in books.all_now("schedule").items() if one[1].day is not None]
    if not due:
        return None
    batch = audit.attempt_id(books, *chance.choice(due))
    if batch in books.spent:
        return None
    asked = AskedBatch(id=batch, transfers=[transfer(client, "MXN")])
    one = Sent(asked, OPERATOR, client.ledger)
    client.outbox.sent.append(one)
    client.outbox.perhaps_recorded[batch] = None  # The scheduler may do it at any time.
    return send(client, one, "takes for itself")


@command(2)
def let_time_pass(client: Client) -> Request:
    """Minutes or days in which nobody asks for anything."""
    world = client.world
    seconds = client.random.choice([60, 3600, 40_000, 86_400, 86_400, 200_000])

    async def ask(desk: Sequencer) -> None:
        world.skew += seconds * 1_000_000

    def tell(outcome: None, signed: int) -> str:
        return "it is later"

    return Request(f"waits {seconds} seconds", ask, tell, "caja")
