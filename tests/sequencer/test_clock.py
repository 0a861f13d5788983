"""What the clock records by itself by the calendar: days that it closes, disputes overdue."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from msgspec import UNSET

from ledger.core.answered import Receipt, RefusedReceipt
from ledger.core.asked import AskedDays, AskedTerms
from ledger.core.days import Days
from ledger.core.leaves import AnyLeaf, DayClosed, DisputeOverdue, HoldsExpired
from ledger.core.model import Action, DaysBy, Late
from ledger.core.refusals import Refusal, RefusalCode
from ledger.journal.canonical import decode_leaf
from ledger.memory.store import MemoryStore
from ledger.sequencer import writer as writer_module
from ledger.sequencer.desk import Sequencer
from tests.core.test_terms import at
from tests.sequencer.houses import OPERATOR, House, batch, furnish, pay
from tests.sequencer.test_days import DAY, TODAY, micros, reloaded_is_live
from tests.sequencer.test_writer import until

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
MIDNIGHT = micros(2023, 11, 15, 0, 0, zone="America/Mexico_City")  # The end of TODAY.


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "notary")


@pytest.fixture
async def desk(house: House) -> AsyncIterator[Sequencer]:
    """The furnished caja, whose days the clock closes an hour after they are over."""
    async with house.serving() as desk:
        await furnish(desk)
        await close_after(desk, 60)
        yield desk


async def close_after(desk: Sequencer, minutes: int, **settings: object) -> None:
    asked = AskedDays(days=DaysBy.CLOCK, close_after_minutes=minutes, **settings)  # type: ignore[arg-type]
    assert not isinstance(await desk.set_days("caja", asked, OPERATOR), Refusal)


async def posted(desk: Sequencer, number: int, **more: object) -> Receipt | RefusedReceipt:
    late = more.pop("late", UNSET)
    asked = batch(number, pay("cash", "ana", "1.00", **more), late=late)
    outcome = await desk.post("caja", asked, OPERATOR)
    assert isinstance(outcome, Receipt | RefusedReceipt)
    return outcome


def lines(house: House, kind: type[AnyLeaf]) -> list[AnyLeaf]:
    leaves = map(decode_leaf, house.database.ledgers[1].lines)
    return [leaf for leaf in leaves if isinstance(leaf, kind)]


def closed(house: House) -> list[tuple[date, int, bool]]:
    """Days that were closed, with how many rows, and whether by the clock."""
    return [
        (leaf.date, leaf.count, leaf.by is UNSET)
        for leaf in lines(house, DayClosed)
        if isinstance(leaf, DayClosed)
    ]


async def look(desk: Sequencer) -> None:
    """Let the writer look at its clock."""
    await desk.read("caja", lambda book: None)


# ---- days


async def test_the_clock_closes_a_day_with_what_it_came_to(
    desk: Sequencer, house: House
) -> None:
    """Yesterday at once, since it was over; today an hour after midnight, not before."""
    await posted(desk, 1)
    house.now = MIDNIGHT + HOUR_US - 1_000
    late = await posted(desk, 2, business_date=TODAY)  # A late branch.
    assert isinstance(late, Receipt)
    assert closed(house) == [(TODAY - DAY, 0, True)]
    house.now = MIDNIGHT + HOUR_US
    await look(desk)
    assert closed(house) == [(TODAY - DAY, 0, True), (TODAY, 2, True)]
    leaf = lines(house, DayClosed)[-1]
    assert leaf.recorded_at - (MIDNIGHT + HOUR_US) < 1_000
    refused = await posted(desk, 3, business_date=TODAY)
    assert isinstance(refused, RefusedReceipt)
    assert refused.leaf.code == "business_date_not_open"
    moved = await posted(desk, 4, business_date=TODAY, late=Late.NEXT_OPEN_DAY)
    assert isinstance(moved, Receipt)
    assert moved.posted.notes[0].business_date == TODAY + DAY
    assert await reloaded_is_live(house)


async def test_the_clock_closes_by_itself_and_nobody_asks(
    desk: Sequencer, house: House
) -> None:
    house.now = MIDNIGHT + HOUR_US - 50_000  # So many microseconds by the loop's clock, too.
    await look(desk)
    house.now = MIDNIGHT + HOUR_US
    await until(lambda: len(closed(house)) == 2)
    assert closed(house)[-1] == (TODAY, 0, True)


async def test_days_that_passed_while_the_service_stood_are_closed_at_its_start(
    house: House,
) -> None:
    """In order, each with its own; once, however often it starts."""
    async with house.serving() as desk:
        await furnish(desk)
        await close_after(desk, 3 * 1_440)
        for number, back in enumerate((0, 2, 1, 2), 1):
            receipt = await posted(desk, number, business_date=TODAY - back * DAY)
            assert isinstance(receipt, Receipt)
        await desk.writer("caja").snapshot_soon()
    assert closed(house) == [(TODAY - 4 * DAY, 0, True)]
    house.now = MIDNIGHT + 9 * DAY_US
    expected = [
        (TODAY - 4 * DAY, 0, True),
        (TODAY - 2 * DAY, 2, True),
        (TODAY - DAY, 1, True),
        (TODAY, 1, True),
        (TODAY + 6 * DAY, 0, True),
    ]
    for _ in range(3):
        async with house.serving() as desk:
            await look(desk)
        assert closed(house) == expected
    assert await reloaded_is_live(house)


async def test_what_a_person_closed_first_the_clock_leaves(
    desk: Sequencer, house: House
) -> None:
    await posted(desk, 1)
    outcome = await desk.close_day("caja", TODAY, OPERATOR)
    assert not isinstance(outcome, Refusal)
    house.now = MIDNIGHT + HOUR_US
    await look(desk)
    assert closed(house) == [(TODAY - DAY, 0, True), (TODAY, 1, False)]
    house.now += DAY_US
    await look(desk)
    assert closed(house)[2:] == [(TODAY + DAY, 0, True)]


async def test_without_the_setting_it_closes_no_more(desk: Sequencer, house: House) -> None:
    """And with a new cut-off it closes by that."""
    asked = AskedDays(days=DaysBy.CLOCK)
    dry = await desk.set_days("caja", asked, OPERATOR, dry_run=True)
    assert not isinstance(dry, Refusal)
    assert dry.close_after is UNSET
    assert not isinstance(await desk.set_days("caja", asked, OPERATOR), Refusal)
    house.now = MIDNIGHT + 5 * DAY_US - HOUR_US
    await look(desk)
    assert closed(house) == [(TODAY - DAY, 0, True)]
    await close_after(desk, 0, cut_off="16:30")
    await look(desk)
    assert closed(house)[1:] == [(TODAY + 5 * DAY, 0, True)]


async def test_an_open_hold_does_not_keep_a_day_open(desk: Sequencer, house: House) -> None:
    """It is posted on the day on which it is, and expires by its own moment."""
    await posted(desk, 1)
    terms = AskedTerms(action=Action.HOLD, expires=at(MIDNIGHT + 2 * DAY_US))
    for number in (2, 3):
        hold = pay("ana", "eva", "0.25", terms=terms)
        assert isinstance(await desk.post("caja", batch(number, hold), OPERATOR), Receipt)
    house.now = MIDNIGHT + HOUR_US
    terms = AskedTerms(action=Action.POST, target=2)
    receipt = await desk.post(
        "caja", batch(4, pay("ana", "eva", "0.25", terms=terms)), OPERATOR
    )
    assert isinstance(receipt, Receipt)
    assert receipt.leaf.business_date == TODAY + DAY
    assert closed(house)[1:] == [(TODAY, 1, True)]
    house.now = MIDNIGHT + 2 * DAY_US
    await look(desk)
    assert [leaf.holds for leaf in lines(house, HoldsExpired)] == [[3]]  # type: ignore[union-attr]
    assert closed(house)[2:] == [(TODAY + DAY, 1, True)]
    assert await reloaded_is_live(house)


async def test_a_day_that_cannot_be_closed_is_told_once(
    desk: Sequencer,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No rule keeps the clock from it; were there one, the ledger would go on without."""
    refuse = Days.refuse
    asked = 0

    def never(days: Days, line: AnyLeaf) -> Refusal | None:
        nonlocal asked
        if isinstance(line, DayClosed):
            asked += 1
            return Refusal(code=RefusalCode.DAY_BEFORE_IS_OPEN)
        return refuse(days, line)

    monkeypatch.setattr(Days, "refuse", never)
    house.now = MIDNIGHT + 2 * HOUR_US
    with caplog.at_level(logging.ERROR):
        for number in range(1, 20):
            assert isinstance(await posted(desk, number), Receipt)
    told = [r for r in caplog.records if r.getMessage().startswith("The clock cannot")]
    assert [(r.what, r.why) for r in told] == [("day 2023-11-14", "day_before_is_open")]  # type: ignore[attr-defined]
    assert asked == 1
    house.now += 2 * HOUR_US
    await look(desk)
    assert asked == 2
    monkeypatch.setattr(Days, "refuse", refuse)
    house.now += 2 * HOUR_US
    await look(desk)
    assert closed(house)[1:] == [(TODAY, 0, True)]
    assert len(told) == 1


async def test_a_clock_that_is_ahead_does_not_try_without_end(
    desk: Sequencer, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database refuses what it asks for; it rests, and closes nothing too early."""
    monkeypatch.setattr(writer_module, "CLOCK_REST_S", 0.05)
    commits = 0
    commit = MemoryStore.commit

    async def counted(store: MemoryStore, group: object) -> None:
        nonlocal commits
        commits += 1
        await commit(store, group)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryStore, "commit", counted)
    before = house.now
    house.database.now_us = lambda: before
    house.now = MIDNIGHT + HOUR_US
    await look(desk)
    await until(lambda: commits >= 3)  # It is tried again after each rest,
    assert closed(house) == [(TODAY - DAY, 0, True)]
    began, commits = asyncio.get_running_loop().time(), 0
    for _ in range(200):
        await asyncio.sleep(0)
    rests = (asyncio.get_running_loop().time() - began) / 0.05
    assert commits <= rests + 1  # and not at every turn.
    house.database.now_us = lambda: house.now
    await until(lambda: len(closed(house)) == 2)
    assert closed(house)[1:] == [(TODAY, 0, True)]


# ---- disputes


async def test_a_dispute_is_overdue_when_its_day_is_over(desk: Sequencer, house: House) -> None:
    """Once, in the ledger's zone; what has no day, or ended before, never."""
    for number in range(1, 5):
        await posted(desk, number)
    for target, due in ((1, TODAY + DAY), (2, TODAY), (3, UNSET), (4, TODAY)):
        outcome = await desk.open_dispute("caja", target, "wrong", due, OPERATOR)
        assert outcome is None
    assert await desk.end_dispute("caja", 4, "upheld", UNSET, OPERATOR) is None
    house.now = MIDNIGHT - 1_000
    await look(desk)
    assert lines(house, DisputeOverdue) == []
    house.now = MIDNIGHT
    await look(desk)
    assert [leaf.target for leaf in lines(house, DisputeOverdue)] == [2]  # type: ignore[union-attr]
    house.now = MIDNIGHT + 9 * DAY_US
    async with house.serving(owner="second") as other:  # Also by one that takes over.
        await look(other)
        found = await other.read("caja", lambda book: dict(book.disputes.open))
        assert {n: one.overdue is not UNSET for n, one in found.items()} == {
            1: True,
            2: True,
            3: False,
        }
        assert await other.end_dispute("caja", 2, "reversed", 3, OPERATOR) is None
        gone = await other.end_dispute("caja", 2, "reversed", 3, OPERATOR)
        assert isinstance(gone, Refusal)
        assert gone.code == "dispute_not_open"
    assert [leaf.target for leaf in lines(house, DisputeOverdue)] == [2, 1]  # type: ignore[union-attr]
    assert await reloaded_is_live(house)
