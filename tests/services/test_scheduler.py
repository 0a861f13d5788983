"""The scheduler over a real sequencer: each date once, whatever fails, and all of it told."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest

from ledger.core import proposals
from ledger.core.answered import Attempted, Receipt
from ledger.core.asked import AskedChange, AskedDecision, Caller
from ledger.core.book import Book
from ledger.core.dates import moment_of
from ledger.core.faults import LedgerFault, OutcomeUnknown, StoreUnavailable, WriterReplaced
from ledger.core.leaves import (
    AnyLeaf,
    BatchPosted,
    BatchProposed,
    BatchRefused,
    DayOpened,
    Occurrence,
    SettingsChanged,
)
from ledger.core.model import DaysBy, Decision, Role, Status
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import ApprovalRule, PolicySet, Schedule, ScheduleSet
from ledger.core.schedules import SCHEDULER, Standing
from ledger.core.scheduling import (
    Agenda,
    AskedHolidays,
    AskedSchedule,
    Due,
    agenda,
    batch_of,
    cancel_schedule,
    set_holidays,
    set_schedule,
)
from ledger.journal.canonical import decode_leaf
from ledger.sequencer.desk import Sequencer
from ledger.services.scheduler import CALLER, POLL_S, WAVE_MAX, Scheduler, waves
from tests.sequencer.houses import OPERATOR, START, House, balance, batch, furnish, pay

ZONE = ZoneInfo("America/Mexico_City")
TODAY = date(2023, 11, 14)  # At START it is thirteen past four in the afternoon.
TOMORROW = TODAY + timedelta(days=1)
OP_7: dict[str, Any] = {"by": "op-7", "may": lambda _: True}  # Who may change any schedule.
MINUTE = 60_000_000
DAY = 1440 * MINUTE


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "notary")


def scheduler_of(desk: Sequencer, house: House, **more: float) -> Scheduler:
    return Scheduler(desk, registry=CollectorRegistry(), clock=house.clock, **more)


async def plan(desk: Sequencer, code: str = "rent", **more: object) -> None:
    """A schedule of 5.00 from cash to ana, tomorrow at six."""
    fields: dict[str, object] = {
        "debit_account": "cash",
        "credit_account": "ana",
        "amount": "5.00",
        "currency": "MXN",
        "kind": "rent",
        "first": TOMORROW,
        "reason": "asked",
        **more,
    }
    asked = AskedSchedule(**fields)  # type: ignore[arg-type]

    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], object] | Refusal:
        return set_schedule(book, code, asked, zone=ZONE, recorded_at=now, **OP_7)

    assert not isinstance(await desk.change_rule("caja", build), Refusal)


async def cancel(desk: Sequencer, code: str = "rent") -> None:
    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], object] | Refusal:
        return cancel_schedule(book, code, "asked", recorded_at=now, **OP_7)

    assert not isinstance(await desk.change_rule("caja", build), Refusal)


async def record(desk: Sequencer, line: AnyLeaf) -> None:
    await desk.change_rule("caja", lambda book, now: ([replace(line, recorded_at=now)], None))


def at(house: House, day: date, minute: int = 360, more_us: int = 0) -> None:
    """Let it be that minute of that day."""
    house.now = moment_of(day, minute, ZONE) + more_us


async def settle(desk: Sequencer, scheduler: Scheduler) -> None:
    """Turns until nothing is due."""
    for _ in range(200):
        if await scheduler.turn("caja") > 0:
            return
    raise AssertionError("something is due, turn after turn")


def leaves(house: House) -> list[AnyLeaf]:
    return [decode_leaf(line) for line in house.database.ledgers[1].lines]


def own(house: House) -> list[BatchPosted | BatchRefused]:
    """The leaves of what the scheduler posted, or tried to."""
    return [
        leaf
        for leaf in leaves(house)
        if isinstance(leaf, BatchPosted | BatchRefused) and leaf.key == SCHEDULER
    ]


def outcomes(book: Book, code: str = "rent") -> list[tuple[str, str, int]]:
    done = book.schedules.by_code[code].done
    return [(str(each.date), each.outcome, each.attempts) for each in done]


async def due_of(desk: Sequencer, house: House) -> Agenda:
    return await desk.read("caja", lambda book: agenda(book, house.clock(), ZONE, most=99))


# ---- on its date, once


async def test_posted_on_its_minute_and_not_a_second_before(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, reference="RENT-")
        scheduler = scheduler_of(desk, house)
        at(house, TOMORROW, 360, -1_000)
        await settle(desk, scheduler)
        assert own(house) == []
        assert (await due_of(desk, house)).next == moment_of(TOMORROW, 360, ZONE)
        at(house, TOMORROW)
        await settle(desk, scheduler)
        await settle(desk, scheduler)
        (leaf,) = own(house)
        assert isinstance(leaf, BatchPosted)
        assert (leaf.poster, leaf.business_date) == (SCHEDULER, TOMORROW)
        assert await balance(desk, "ana") == 500
        body = house.database.ledgers[1].batches[leaf.batch].body
        assert b'"entered_by":"op-7"' in body
        assert b'"reference":"RENT-2023-11-15"' in body
    book = house.book()
    assert outcomes(book) == [("2023-11-15", "posted", 1)]
    assert book.schedules.by_code["rent"].done[0].sequence == leaf.first_sequence
    async with house.serving() as desk:
        await settle(desk, scheduler_of(desk, house))
        assert len(own(house)) == 1
        live = await desk.read("caja", lambda book: book.schedules.state())
    assert live == book.schedules.state()


async def test_after_downtime_it_catches_up_in_order(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, "rent", every="day", count=4)
        fee = {"debit_account": "ana", "credit_account": "cash", "at": "05:00"}
        await plan(desk, "fee", every="day", count=4, **fee)
        await plan(desk, "late", first=TOMORROW + timedelta(days=2), debit_account="eva")
    at(house, TOMORROW + timedelta(days=9))
    async with house.serving() as desk:
        await settle(desk, scheduler_of(desk, house))
        moved = house.database.ledgers[1].rows()
    # The fee of the first day comes before there is anything to pay it from.
    assert [row.debit_account for row in moved] == [1, 2, 1, 2, 1, 2, 1]
    tried = [leaf.code if isinstance(leaf, BatchRefused) else "" for leaf in own(house)]
    assert [i for i, code in enumerate(tried) if code] == [0, 5]
    assert [outcome for _, outcome, _ in outcomes(house.book(), "fee")] == [
        "refused",
        "posted",
        "posted",
        "posted",
    ]


async def test_a_snapshot_takes_it_along(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, every="day")
        at(house, TOMORROW)
        await settle(desk, scheduler_of(desk, house))
        await desk.writer("caja").snapshot_soon()
        before = await desk.read("caja", lambda book: book.schedules.state())
    async with house.serving() as desk:
        assert await desk.read("caja", lambda book: book.schedules.state()) == before
        await settle(desk, scheduler_of(desk, house))
        assert len(own(house)) == 1
        at(house, TOMORROW + timedelta(days=1))
        await settle(desk, scheduler_of(desk, house))
    assert len(own(house)) == 2
    assert [day for day, _, _ in outcomes(house.book())] == ["2023-11-15", "2023-11-16"]


# ---- refused


async def test_refused_for_funds_it_is_tried_again_later(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, debit_account="eva", retries=2, retry_minutes=30)
        scheduler = scheduler_of(desk, house)
        at(house, TOMORROW)
        await settle(desk, scheduler)
        at(house, TOMORROW, 389)
        await settle(desk, scheduler)
        assert [leaf.code for leaf in own(house)] == ["exceeds_credit_limit"]  # type: ignore[union-attr]
        assert (await due_of(desk, house)).next is not None
        await desk.post("caja", batch(1, pay("cash", "eva", "5.00")), OPERATOR)
        at(house, TOMORROW, 391)
        await settle(desk, scheduler)
    first, second = own(house)
    assert isinstance(second, BatchPosted)
    assert second.batch != first.batch
    assert outcomes(house.book()) == [("2023-11-15", "posted", 2)]


async def test_after_the_last_try_the_date_is_over(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, every="day", debit_account="eva", retries=1, retry_minutes=1)
        at(house, TOMORROW, 600)
        scheduler = scheduler_of(desk, house)
        for _ in range(4):
            await settle(desk, scheduler)
            house.now += 2 * MINUTE
    assert outcomes(house.book()) == [("2023-11-15", "refused", 2)]
    assert len(own(house)) == 2


async def test_a_frozen_account_is_not_tried_again(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, retries=9)
        asked = AskedChange(reason="test", status=Status.FROZEN)
        await desk.change_account("caja", "ana", asked, OPERATOR)
        at(house, TOMORROW)
        await settle(desk, scheduler_of(desk, house))
    assert outcomes(house.book()) == [("2023-11-15", "refused", 1)]


async def test_up_to_what_there_is(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "eva", "3.20")), OPERATOR)
        await plan(desk, debit_account="eva", up_to="debit")
        at(house, TOMORROW)
        await settle(desk, scheduler_of(desk, house))
        assert await balance(desk, "ana") == 320


# ---- skipped, missed, and no day for it


async def test_a_holiday_is_skipped_and_a_weekend_moved(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        asked = AskedHolidays(dates=[TOMORROW], reason="calendar")
        await desk.change_rule(
            "caja", lambda book, now: set_holidays(book, 2023, asked, recorded_at=now, by="x")
        )
        rules = {"on_holiday": "skip", "on_weekend": "after"}
        await plan(desk, every="day", count=4, **rules)  # Wednesday to Saturday.
        scheduler = scheduler_of(desk, house)
        posted_on = []
        for day in range(7):
            at(house, TODAY + timedelta(days=day), 361)
            await settle(desk, scheduler)
            posted_on += [TODAY + timedelta(days=day)] * (len(own(house)) - len(posted_on))
    assert [day.day for day in posted_on] == [16, 17, 20]
    assert [outcome for _, outcome, _ in outcomes(house.book())] == [
        "skipped",
        "posted",
        "posted",
        "posted",
    ]


async def test_too_late_it_is_missed(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, every="day", count=2, miss_after_minutes=60)
    at(house, TOMORROW, 420, 1_000_000)
    async with house.serving() as desk:
        await settle(desk, scheduler_of(desk, house))
        assert outcomes(desk.facts("caja")) == [("2023-11-15", "missed", 0)]
        at(house, TOMORROW + timedelta(days=1), 420, -1_000)
        await settle(desk, scheduler_of(desk, house))
    assert outcomes(house.book())[1] == ("2023-11-16", "posted", 1)


async def test_it_waits_for_a_day_that_is_open(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await record(desk, SettingsChanged(recorded_at=0, by="x", days=DaysBy.COMMAND))
        await plan(desk)
        at(house, TOMORROW)
        scheduler = scheduler_of(desk, house)
        assert await scheduler.turn("caja") > 0
        assert own(house) == []
        await record(desk, DayOpened(recorded_at=0, by="x", date=TOMORROW))
        await settle(desk, scheduler)
    assert outcomes(house.book()) == [("2023-11-15", "posted", 1)]


# ---- changed meanwhile


async def one_due(desk: Sequencer, house: House) -> Due:
    (due,) = (await due_of(desk, house)).due
    return due


async def test_cancelled_during_a_try_nothing_is_posted(house: House) -> None:
    """What was due when the scheduler looked is asked of the book again as it is decided."""
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk)
        at(house, TOMORROW)
        due = await one_due(desk, house)
        scheduler = scheduler_of(desk, house)
        await asyncio.gather(cancel(desk), scheduler._post("caja", due))
        assert own(house) == []
        assert house.book().schedules.by_code == {}
        await plan(desk, first=TOMORROW)
        await scheduler._post("caja", due)  # Of the schedule that was.
        assert own(house) == []
        await settle(desk, scheduler)
        assert len(own(house)) == 1


async def test_a_clock_that_was_wrong_brings_nothing_about_too_early(house: House) -> None:
    """Set right after the scheduler looked: the ledger's own time has the last word."""
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, "rent")
        await plan(desk, "dues", miss_after_minutes=5)
        at(house, TOMORROW, 370)
        scheduler = scheduler_of(desk, house)
        (missed, posted) = (await due_of(desk, house)).due
        assert missed.line is not None
        at(house, TOMORROW, 359)
        await scheduler._attempt("caja", posted)
        at(house, TOMORROW, 364)
        await scheduler._attempt("caja", missed)
        assert own(house) == []
        assert not any(isinstance(leaf, Occurrence) for leaf in leaves(house))
        await settle(desk, scheduler)
    assert [outcomes(house.book(), code) for code in ("rent", "dues")] == [
        [("2023-11-15", "posted", 1)]
    ] * 2


async def test_cancelled_while_it_is_noted_as_missed_nothing_is_noted(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, miss_after_minutes=1)
        at(house, TOMORROW, 400)
        due = await one_due(desk, house)
        await cancel(desk)
        await scheduler_of(desk, house)._attempt("caja", due)
        assert not [leaf for leaf in leaves(house) if isinstance(leaf, Occurrence)]
        assert await balance(desk, "ana") == 0  # And it goes on serving.


async def test_changed_during_a_try_the_new_order_is_carried_out(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, every="day")
        at(house, TOMORROW)
        due = await one_due(desk, house)
        scheduler = scheduler_of(desk, house)
        await plan(desk, every="day", amount="7.00")
        await scheduler._post("caja", due)
        assert own(house) == []
        await settle(desk, scheduler)
        assert await balance(desk, "ana") == 700


async def test_set_again_after_it_was_posted_it_is_not_posted_again(house: House) -> None:
    """Also where an order of once is sent again, which somebody does who got no answer."""
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk)
        await plan(desk, "daily", every="day")
        at(house, TOMORROW)
        scheduler = scheduler_of(desk, house)
        await settle(desk, scheduler)
        size = house.database.ledgers[1].head.size
        await plan(desk)
        assert house.database.ledgers[1].head.size == size
        await plan(desk, "daily", every="day", amount="9.00")
        await settle(desk, scheduler)
        assert await balance(desk, "ana") == 1000


async def test_an_id_that_somebody_else_spent(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk)
        at(house, TOMORROW)
        due = await one_due(desk, house)
        theirs = batch(batch_of(desk.facts("caja"), due).id.int, pay("cash", "eva", "1.00"))
        assert isinstance(await desk.post("caja", theirs, OPERATOR), Receipt)
        await settle(desk, scheduler_of(desk, house))
        assert await balance(desk, "ana") == 500
    noted = [leaf.outcome for leaf in leaves(house) if isinstance(leaf, Occurrence)]
    assert noted == ["id_used"]
    assert outcomes(house.book()) == [("2023-11-15", "posted", 1)]


async def test_a_date_that_others_must_approve_waits_for_them(house: House) -> None:
    """It is proposed once, cannot be changed under the approvers, and then is the date's."""
    async with house.serving() as desk:
        await furnish(desk)
        rule = ApprovalRule(approvals=1, expires_after=86_400 * 9, kinds=["rent"])
        policy = PolicySet(recorded_at=0, code="rents", by="x", reason="board", rule=rule)
        await record(desk, policy)
        await plan(desk, every="day", miss_after_minutes=60)
        at(house, TOMORROW)
        scheduler = scheduler_of(desk, house)
        await settle(desk, scheduler)
        assert own(house) == []
        house.now += 2 * DAY
        await settle(desk, scheduler)
        (proposed,) = [leaf for leaf in leaves(house) if isinstance(leaf, BatchProposed)]
        cancelled = ScheduleSet(recorded_at=house.now, code="rent", by="x", reason="x")
        refusal = await desk.read("caja", lambda book: book.refuse(cancelled))
        assert refusal == Refusal(code=RefusalCode.PROPOSAL_PENDING)
        asked = AskedDecision(batch=proposed.batch, decision="approved", user="eva")
        await desk.decide("caja", asked, Caller(key="key-2", role=Role.APPROVER))
        assert await balance(desk, "ana") == 500
        assert outcomes(desk.facts("caja")) == [("2023-11-15", "posted", 1)]
        await settle(desk, scheduler)
    found = [outcome for _, outcome, _ in outcomes(house.book())]
    assert found == ["posted", "missed", "missed"][: len(found)]
    assert len(found) > 1


@pytest.mark.parametrize("decision", ["accepted", "declined"])
async def test_a_payment_by_a_workflow_waits_for_the_other(
    house: House, decision: Decision
) -> None:
    """It is started once; accepted it is the date's, declined it ends the date."""
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, workflow="credit", every="day", count=2)
        at(house, TOMORROW)
        scheduler = scheduler_of(desk, house)
        tried, more = await scheduler.run_due("caja")
        assert [(one.outcome, one.date) for one in tried] == [("proposed", TOMORROW)]
        assert not more
        (line,) = [leaf for leaf in leaves(house) if isinstance(leaf, BatchProposed)]
        assert (line.workflow, line.accepts, line.made_by) == ("credit", "payee", ["op-7"])
        assert await scheduler.run_due("caja") == ([], False)
        asked = AskedDecision(batch=line.batch, decision=decision)
        await desk.decide("caja", asked, OPERATOR)
        await settle(desk, scheduler)
        assert await balance(desk, "ana") == (500 if decision == "accepted" else 0)
    is_paid = decision == "accepted"
    expected = [("2023-11-15", "posted" if is_paid else "refused", 1)]
    assert outcomes(house.book()) == expected
    assert house.book().schedules.by_code["rent"].date == TOMORROW + timedelta(days=1)


async def test_what_cannot_be_kept_back_for_approval_ends_like_any_other(house: House) -> None:
    """Tried again as the rule says, then over; and not offered every minute for ever."""
    async with house.serving() as desk:
        await furnish(desk)
        rule = ApprovalRule(approvals=1, expires_after=86_400, kinds=["rent"], hold=True)
        policy = PolicySet(recorded_at=0, code="rents", by="x", reason="board", rule=rule)
        await record(desk, policy)
        await plan(desk, debit_account="eva", retries=1, retry_minutes=30)
        at(house, TOMORROW)
        scheduler = scheduler_of(desk, house)
        for _ in range(3):
            await settle(desk, scheduler)
            house.now += 31 * MINUTE
    assert [leaf.code for leaf in own(house)] == ["exceeds_credit_limit"] * 2  # type: ignore[union-attr]
    assert outcomes(house.book()) == [("2023-11-15", "refused", 2)]


# ---- whatever fails


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_commit_that_fails_or_is_not_heard_of(house: House, when: str) -> None:
    """The answer is lost between the post and what it moves on: they are one leaf."""
    store = house.store()
    async with house.serving(store) as desk:
        await furnish(desk)
        await plan(desk)
        at(house, TOMORROW)
        fault = StoreUnavailable("cut") if when == "before" else OutcomeUnknown("cut")
        store.fail_next_commit(**{when: fault})
        scheduler = scheduler_of(desk, house)
        for _ in range(3):
            try:
                await settle(desk, scheduler)
            except LedgerFault:
                await asyncio.sleep(0)
        assert len(own(house)) == 1
        assert await balance(desk, "ana") == 500


async def test_a_second_writer_takes_over(house: House) -> None:
    async with house.serving() as old:
        await furnish(old)
        await plan(old, every="day", count=2)
        at(house, TOMORROW)
        due = await one_due(old, house)
        async with house.serving(owner="second") as new:
            await settle(new, scheduler_of(new, house))
            with pytest.raises(WriterReplaced):
                await scheduler_of(old, house)._attempt("caja", due)
            at(house, TOMORROW + timedelta(days=1))
            with pytest.raises(WriterReplaced):
                await settle(old, scheduler_of(old, house))
            await settle(new, scheduler_of(new, house))
    assert [outcome for _, outcome, _ in outcomes(house.book())] == ["posted", "posted"]
    assert len(own(house)) == 2


@pytest.mark.parametrize("seed", range(12))
async def test_each_date_once_whatever_fails(tmp_path: Path, seed: int) -> None:
    """Ten days of faults, restarts, changes and repeats; then all dates are posted, once."""
    house, chance = House(tmp_path / "notary", seed), random.Random(seed)
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, "rent", every="day", count=10)
        await plan(desk, "fee", every="day", step=3, count=4, debit_account="eva", retries=50)
    for day in range(1, 11):
        at(house, TODAY + timedelta(days=day), 360 + chance.randrange(200))
        store = house.store()
        async with house.serving(store) as desk:
            scheduler = scheduler_of(desk, house)
            for _ in range(chance.randrange(6)):
                match chance.randrange(4):
                    case 0:
                        store.fail_next_commit(before=StoreUnavailable("cut"))
                    case 1:
                        store.fail_next_commit(after=OutcomeUnknown("cut"))
                    case 2:
                        amount = f"{chance.randrange(1, 9)}.00"
                        if not desk.facts("caja").schedules.by_code["rent"].date:
                            continue
                        with suppress(LedgerFault):
                            await plan(desk, "rent", every="day", count=10, amount=amount)
                try:
                    await scheduler.turn("caja")
                except LedgerFault:
                    await asyncio.sleep(0)
    at(house, TODAY + timedelta(days=11), 1439)
    async with house.serving() as desk:
        await desk.post("caja", batch(1, pay("cash", "eva", "90.00")), OPERATOR)
        for _ in range(4):
            await settle(desk, scheduler_of(desk, house))
            house.now += 61 * MINUTE
    book = house.book()
    for code, step, count in (("rent", 1, 10), ("fee", 3, 4)):
        days = [TOMORROW + timedelta(days=step * i) for i in range(count)]
        assert [d for d, _, _ in outcomes(book, code)] == [str(day) for day in days]
        assert {outcome for _, outcome, _ in outcomes(book, code)} == {"posted"}
    posted = Counter(type(leaf).__name__ for leaf in own(house))
    assert posted["BatchPosted"] == 14
    assert len({leaf.batch for leaf in own(house)}) == len(own(house))


# ---- the loop


async def test_it_runs_by_itself(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        scheduler = scheduler_of(desk, house, poll_s=0.01)
        task = asyncio.create_task(scheduler.run())
        await asyncio.sleep(0.03)
        await plan(desk)
        at(house, TOMORROW)
        async with asyncio.timeout(10):
            while not own(house):  # noqa: ASYNC110 - It is another's work.
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert outcomes(house.book()) == [("2023-11-15", "posted", 1)]


async def test_what_an_operator_watches(house: House, caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk)
        await plan(desk, "fee", debit_account="eva", credit_account="ben")
        at(house, TOMORROW, 361)
        with caplog.at_level("INFO", "ledger.services.scheduler"):
            scheduler = Scheduler(desk, registry=registry, clock=house.clock)
            await scheduler.turn("caja")
            assert registry.get_sample_value("ledger_schedules_due") == 2
            await settle(desk, scheduler)
    for outcome in ("posted", "refused"):
        labels = {"outcome": outcome}
        assert registry.get_sample_value("ledger_schedule_attempts_total", labels) == 1
    assert registry.get_sample_value("ledger_schedule_late_seconds_count") == 2
    assert registry.get_sample_value("ledger_schedules_due") == 0
    assert b"caja" not in generate_latest(registry), "anybody may read it, without a key"
    told = {(r.schedule, r.date, r.attempt) for r in caplog.records}  # type: ignore[attr-defined]
    assert told == {("rent", "2023-11-15", 1), ("fee", "2023-11-15", 1)}


async def test_bounded_at_once_and_one_of_an_account(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        for i in range(3):
            await plan(desk, f"a{i}")
            await plan(desk, f"b{i}", debit_account="eva", credit_account="ben")
        at(house, TOMORROW)
        found = await due_of(desk, house)
        assert [[due.code for due in wave] for wave in waves(found.due)] == [
            ["a0"],
            ["a1"],
            ["a2", "b0"],
            ["b1"],
            ["b2"],
        ]
        few = await desk.read("caja", lambda book: agenda(book, house.now, ZONE, most=2))
        assert [due.code for due in few.due] == ["a0", "a1"]
        assert few.next == house.now


def a_due(code: str, debit: int, credit: int) -> Due:
    schedule = Schedule(
        amount=1,
        at=0,
        credit_account=credit,
        debit_account=debit,
        every="once",
        first=TODAY,
        kind="rent",
    )
    standing = Standing(leaf=1, by="x", schedule=schedule, number=0)
    return Due(code=code, standing=standing, day=TODAY, date=TODAY, at=0)


def test_a_wave_is_bounded_and_has_no_account_twice() -> None:
    """Also where the account stands at its beginning; on either side."""
    mixed = [a_due("a", 1, 2), a_due("b", 3, 4), a_due("c", 5, 1), a_due("d", 6, 7)]
    assert [[due.code for due in wave] for wave in waves(mixed)] == [["a", "b"], ["c", "d"]]
    many = [a_due(f"{i}", 2 * i, 2 * i + 1) for i in range(2 * WAVE_MAX + 1)]
    assert [len(wave) for wave in waves(many)] == [WAVE_MAX, WAVE_MAX, 1]


async def test_it_comes_again_when_the_next_is_due(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk)
        at(house, TOMORROW, 360, -1_000_000)
        assert 0.9 < await scheduler_of(desk, house).turn("caja") <= 1
        at(house, TODAY)
        assert await scheduler_of(desk, house).turn("caja") == POLL_S


async def test_a_fault_ends_the_turn(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that its keeper waits longer after each, and asks nobody who is down all the time."""

    async def down(*_: object, **__: object) -> None:
        raise StoreUnavailable("cut")

    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk)
        at(house, TOMORROW)
        scheduler = scheduler_of(desk, house)
        monkeypatch.setattr(desk, "post", down)
        with pytest.raises(StoreUnavailable):
            await scheduler.turn("caja")
        monkeypatch.undo()
        await settle(desk, scheduler)
        assert await balance(desk, "ana") == 500


async def test_where_too_much_waits_for_approval_it_is_tried_a_minute_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = CollectorRegistry()
    async with house.serving() as desk:
        await furnish(desk)
        rule = ApprovalRule(approvals=1, expires_after=86_400, kinds=["rent"])
        policy = PolicySet(recorded_at=0, code="rents", by="x", reason="board", rule=rule)
        await record(desk, policy)
        await plan(desk)
        at(house, TOMORROW)
        scheduler = Scheduler(desk, registry=registry, clock=house.clock)
        monkeypatch.setattr(proposals, "OPEN_MAX", 0)
        await settle(desk, scheduler)
        labels = {"outcome": "put_off"}
        assert registry.get_sample_value("ledger_schedule_attempts_total", labels) == 1
        monkeypatch.undo()
        house.now += MINUTE // 2
        await settle(desk, scheduler)
        assert [leaf for leaf in leaves(house) if isinstance(leaf, BatchProposed)] == []
        house.now += MINUTE // 2
        await settle(desk, scheduler)
        assert len([leaf for leaf in leaves(house) if isinstance(leaf, BatchProposed)]) == 1


# ---- at once, when somebody asks for it


async def test_a_run_does_what_is_due_and_says_what_became_of_it(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, "a", every="day", count=2)
        await plan(desk, "b", debit_account="eva", retries=1)
        await plan(desk, "c", on_weekend="skip", first=date(2023, 11, 18))
        await plan(desk, "d", first=date(2023, 11, 16), miss_after_minutes=1)
        scheduler = scheduler_of(desk, house)
        assert await scheduler.run_due("caja") == ([], False)
        at(house, date(2023, 11, 19))
        size = desk.facts("caja").size
        dry = await scheduler.run_due("caja", dry_run=True)
        assert ([one.code for one in dry[0]], dry[1]) == (["a", "b"], True)
        assert {one.outcome for one in dry[0]} == {None}
        assert (desk.facts("caja").size, own(house)) == (size, [])
        found: list[Attempted] = []
        for _ in range(9):
            tried, more = await scheduler.run_due("caja")
            found += tried
            if not more:
                break
        told = [(one.code, one.date.day, one.attempt, one.outcome, one.why) for one in found]
        assert told == [
            ("a", 15, 1, "posted", None),
            ("b", 15, 1, "refused", "exceeds_credit_limit"),
            ("a", 16, 1, "posted", None),
            ("d", 16, 1, "missed", None),
            ("c", 18, 1, "skipped", None),
        ]
        assert [one.at for one in found[:1]] == [moment_of(TOMORROW, 360, ZONE)]
        batches = [one.leaf for one in found if one.leaf is not None]
        assert [leaves(house)[n] for n in batches] == own(house)
        assert await scheduler.run_due("caja") == ([], False)  # The second try is due later.


async def test_a_run_beside_the_schedulers_own_turn_does_nothing_twice(house: House) -> None:
    registry = CollectorRegistry()
    async with house.serving() as desk:
        await furnish(desk)
        for n in range(20):
            await plan(desk, f"rent-{n}")
        at(house, TOMORROW)
        scheduler = Scheduler(desk, registry=registry, clock=house.clock)
        runs = await asyncio.gather(
            scheduler.run_due("caja"), scheduler.turn("caja"), scheduler.run_due("caja")
        )
        assert runs[0][1:] == runs[2][1:] == (False,)  # type: ignore[index]
        tried = [one for run in (runs[0], runs[2]) for one in run[0]]  # type: ignore[index]
        assert len(tried) == len(own(house)) == 20
        labels = {"outcome": "posted"}
        assert registry.get_sample_value("ledger_schedule_attempts_total", labels) == 20


async def test_a_run_does_not_wait_for_what_was_put_off(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await plan(desk, workflow="credit")
        at(house, TOMORROW)
        scheduler = scheduler_of(desk, house)
        monkeypatch.setattr(proposals, "OPEN_MAX", 0)
        for _ in range(2):
            (one,) = (await scheduler.run_due("caja"))[0]
            assert (one.outcome, one.why, one.leaf) == ("put_off", "proposals_full", None)
        monkeypatch.undo()
        await settle(desk, scheduler)
        assert not [leaf for leaf in leaves(house) if isinstance(leaf, BatchProposed)]
        (one,) = (await scheduler.run_due("caja"))[0]
        assert one.outcome == "proposed"


async def test_its_key_is_nobody_elses(house: House) -> None:
    assert CALLER.key == SCHEDULER
    assert "key-" not in SCHEDULER  # As all are called that are given.
    assert START < moment_of(TOMORROW, 0, ZONE) < START + DAY


async def test_a_refusal_of_the_precondition_leaves_no_trace(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        size = house.database.ledgers[1].head.size
        no = Refusal(code=RefusalCode.OCCURRENCE_NOT_DUE)
        asked = batch(1, pay("cash", "ana", "1.00"))
        assert await desk.post("caja", asked, OPERATOR, unless=lambda _, __: no) == no
        assert house.database.ledgers[1].head.size == size
        assert isinstance(await desk.post("caja", asked, OPERATOR), Receipt)
        receipt = await desk.post("caja", asked, OPERATOR, unless=lambda _, __: no)
        assert isinstance(receipt, Receipt)
        assert receipt.replayed
