"""Days as the ledger's clock keeps them, days by command, and what is posted as one closes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec import UNSET

from ledger.core.answered import ClosedDay, Receipt, RefusedReceipt
from ledger.core.asked import (
    AskedAccount,
    AskedAct,
    AskedCurrency,
    AskedDays,
    AskedLedger,
    AskedMark,
)
from ledger.core.leaves import DayClosed
from ledger.core.model import CurrencyKind, DaysBy, Late
from ledger.core.refusals import Refusal
from ledger.journal.canonical import decode_leaf
from ledger.sequencer.clock import business_day
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.loading import load
from ledger.sequencer.snapshotting import Snapshotter
from tests.sequencer.houses import OPERATOR, House, batch, furnish, pay

DAY = timedelta(days=1)
TODAY = date(2023, 11, 14)  # Of a House, in every zone of America.
QUARTER = timedelta(minutes=15)


def micros(*when: int, zone: str, fold: int = 0) -> int:
    """A moment of a wall clock."""
    local = datetime(*when, tzinfo=ZoneInfo(zone), fold=fold)  # type: ignore[misc, arg-type]
    return int(local.timestamp()) * 1_000_000


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "notary")


@asynccontextmanager
async def caja(house: House, zone: str, **settings: object) -> AsyncIterator[Sequencer]:
    """A ledger in a time zone, with its days kept as given."""
    async with house.serving() as desk:
        asked = AskedLedger(code="caja", name="Caja", time_zone=zone)
        assert not isinstance(await desk.open_ledger(asked, OPERATOR), Refusal)
        mxn = AskedCurrency(code="MXN", kind=CurrencyKind.NATIONAL, scale=2)
        assert await desk.add_currency("caja", mxn, OPERATOR) is None
        accounts = [
            AskedAccount(code="cash", currency="MXN", lower_bound="none"),
            AskedAccount(code="ana", currency="MXN"),
        ]
        assert not isinstance(await desk.open_accounts("caja", accounts, OPERATOR), Refusal)
        if settings:
            await keep(desk, **settings)
        yield desk


async def keep(desk: Sequencer, **settings: object) -> None:
    asked = AskedDays(**{"days": DaysBy.CLOCK, **settings})  # type: ignore[arg-type]
    assert not isinstance(await desk.set_days("caja", asked, OPERATOR), Refusal)


async def day_of(desk: Sequencer, number: int) -> date:
    """The business day of what is posted now and names none."""
    receipt = await desk.post("caja", batch(number, pay("cash", "ana", "1.00")), OPERATOR)
    assert isinstance(receipt, Receipt)
    return receipt.leaf.business_date


async def close(desk: Sequencer, day: date) -> ClosedDay:
    closed = await desk.close_day("caja", day, OPERATOR)
    assert isinstance(closed, ClosedDay), closed
    return closed


def code(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code.value


# ---- the clock


@pytest.mark.parametrize(
    ("zone", "length", "year", "month", "day"),
    [
        ("America/Santiago", 23, 2025, 9, 7),  # From 24:00 of the day before to 01:00.
        ("America/Santiago", 25, 2025, 4, 5),  # 24:00 is 23:00 once more.
        ("Europe/Madrid", 23, 2025, 3, 30),
        ("Europe/Madrid", 25, 2025, 10, 26),
        ("America/Havana", 23, 2025, 3, 9),  # It begins at 01:00.
        ("America/Havana", 25, 2025, 11, 2),  # From 01:00 back to 00:00.
        ("America/Mexico_City", 24, 2024, 2, 29),
        ("Asia/Kathmandu", 24, 2024, 2, 29),
    ],
)
async def test_a_day_is_as_long_as_its_zone_makes_it(
    house: House, zone: str, length: int, year: int, month: int, day: int
) -> None:
    """Posted at its first and last quarter and at those beside, seen by the date alone."""
    the_day = date(year, month, day)
    wall = ZoneInfo(zone)
    moments = [
        moment
        for quarter in range(4 * 72)
        if (moment := datetime(year, month, day, tzinfo=UTC) - DAY + quarter * QUARTER)
        .astimezone(wall)
        .date()
        == the_day
    ]
    assert moments[-1] + QUARTER - moments[0] == timedelta(hours=length)
    house.now = int(moments[0].timestamp()) * 1_000_000 - 5_000_000_000
    async with caja(house, zone) as desk:
        for number, (moment, expected) in enumerate(
            [
                (moments[0] - timedelta(seconds=1), the_day - DAY),
                (moments[0], the_day),
                (moments[-1] + QUARTER - timedelta(seconds=1), the_day),
                (moments[-1] + QUARTER, the_day + DAY),
            ],
            1,
        ):
            house.now = int(moment.timestamp()) * 1_000_000
            assert await day_of(desk, number) == expected
            assert desk.today("caja") == expected


@pytest.mark.parametrize(
    ("zone", "cut_off", "first"),
    [
        # What begins the next day: a plain one, one set forward over, one that comes twice.
        ("America/Mexico_City", "16:30", (2023, 11, 14, 16, 30)),
        ("Europe/Madrid", "02:30", (2025, 3, 30, 3, 0)),
        ("Europe/Madrid", "02:30", (2025, 10, 26, 2, 30)),
        ("America/Santiago", "23:30", (2025, 4, 5, 23, 30)),
        ("America/Havana", "00:30", (2025, 11, 2, 0, 30)),
        ("America/Havana", "00:45", (2025, 3, 9, 1, 0)),
    ],
)
async def test_after_the_cut_off_it_is_the_next_day_and_stays_so(
    house: House, zone: str, cut_off: str, first: tuple[int, ...]
) -> None:
    begins = micros(*first, zone=zone)
    house.now = begins - 5_000_000_000
    async with caja(house, zone, cut_off=cut_off) as desk:
        expected = date(*first[:3])  # type: ignore[arg-type]
        house.now = begins - 1_000_000
        assert await day_of(desk, 1) == expected
        for quarter in range(24):  # Six hours, those that come twice among them.
            house.now = begins + quarter * 900_000_000
            assert await day_of(desk, 2 + quarter) == expected + DAY


def test_a_business_day_never_goes_back() -> None:
    """Whatever the zone, the cut-off and the quarter; over the changes of a year."""
    for name in ("America/Santiago", "Europe/Madrid", "America/Havana", "Australia/Lord_Howe"):
        zone = ZoneInfo(name)
        for cut_off in (UNSET, 15, 30, 120, 150, 990, 1395, 1425):
            moment, before = datetime(2025, 1, 1, tzinfo=UTC), date.min
            while moment.year == 2025:
                if moment.month in (3, 4, 9, 10, 11):
                    day = business_day(moment, zone, cut_off)
                    assert day >= before, (name, cut_off, moment)
                    before = day
                moment += QUARTER


async def test_a_new_cut_off_holds_at_once(house: House) -> None:
    """14 November at 16:13 in Mexico."""
    async with caja(house, "America/Mexico_City") as desk:
        assert await day_of(desk, 1) == TODAY
        await keep(desk, cut_off="16:00")
        assert await day_of(desk, 2) == TODAY + DAY
        await keep(desk)
        assert await day_of(desk, 3) == TODAY
    assert await reloaded_is_live(house)


async def test_the_same_settings_again_leave_no_line(house: House) -> None:
    async with caja(house, "UTC") as desk:
        size = desk.facts("caja").size
        await keep(desk)
        assert desk.facts("caja").size == size
        for _ in range(2):
            await keep(desk, cut_off="16:30", value_days_back=3)
        settings = desk.facts("caja").days.settings
        assert settings is not None
        assert (settings.cut_off, settings.value_days_back, settings.by) == (990, 3, "operator")
        asked = AskedDays(days=DaysBy.COMMAND)
        dry = await desk.set_days("caja", asked, OPERATOR, dry_run=True)
        assert not isinstance(dry, Refusal)
        assert dry.days is DaysBy.COMMAND
        assert desk.facts("caja").size == size + 1


# ---- closing


async def test_a_day_is_closed_with_what_it_came_to(house: House) -> None:
    """And the line's hash is of lines that anybody can write."""
    async with caja(house, "America/Mexico_City") as desk:
        await desk.post("caja", batch(1, pay("cash", "ana", "1.50"), source="till"), OPERATOR)
        dry = await desk.close_day("caja", TODAY, OPERATOR, dry_run=True)
        closed = await close(desk, TODAY)
        assert isinstance(dry, ClosedDay)
        assert (dry.line.totals, dry.leaf_index) == (closed.line.totals, None)
        line = b'{"amount":"150","count":1,"currency":"MXN","kind":"payment","source":"till"}\n'
        assert closed.line.totals == sha256(line).digest()
        assert closed.leaf_index is not None
        leaf = decode_leaf(house.database.ledgers[1].lines[closed.leaf_index])
        assert leaf == closed.line
        again = await desk.close_day("caja", TODAY, OPERATOR)
        assert code(again) == "day_not_open"
        assert code(await desk.close_day("caja", TODAY + DAY, OPERATOR)) == "day_too_early"
        assert await day_of(desk, 2) == TODAY + DAY
    assert await reloaded_is_live(house)


async def test_what_was_decided_before_a_day_closed_is_in_its_totals(house: House) -> None:
    """Posts in flight and a closing among them: in or refused, and never beside."""
    for late in (Late.REFUSE, Late.NEXT_OPEN_DAY):
        number = 1000 * (1 + list(Late).index(late))
        day = TODAY + list(Late).index(late) * DAY
        async with house.serving() as desk:
            if not desk.ledgers():
                await furnish(desk)
            house.now += 86_400_000_000 * (day > TODAY)
            dated = pay("cash", "ana", "1.00", business_date=day)
            tasks: list[asyncio.Task[object]] = []
            for i in range(60):
                asked = batch(number + i, dated, late=late)
                tasks.append(asyncio.create_task(desk.post("caja", asked, OPERATOR)))
                if i == 30:
                    tasks.append(asyncio.create_task(desk.close_day("caja", day, OPERATOR)))
                if i % 7 == 0:
                    await asyncio.sleep(0)
            outcomes = await asyncio.gather(*tasks)
        closed = next(o for o in outcomes if isinstance(o, ClosedDay))
        assert closed.leaf_index is not None
        before = [
            o for o in outcomes if isinstance(o, Receipt) and o.leaf_index < closed.leaf_index
        ]
        after = [
            o for o in outcomes if isinstance(o, Receipt) and o.leaf_index > closed.leaf_index
        ]
        refused = [o for o in outcomes if isinstance(o, RefusedReceipt)]
        assert closed.line.count == len(before) == 31
        assert len(after) + len(refused) == 29
        assert all(o.leaf.code == "business_date_not_open" for o in refused)
        assert (len(after) == 0) is (late is Late.REFUSE)
        for moved in after:
            assert moved.posted.notes[0].business_date == day + DAY
        dates = [row.business_date for row in house.database.ledgers[1].rows()]
        assert dates.count(day) == 31
    assert await reloaded_is_live(house)


async def reloaded_is_live(house: House) -> bool:
    """Whether replay from the first leaf, and a start, find the same days."""
    replayed = house.book()
    loaded = await load(house.store(), house.database.ledgers[1].head, Snapshotter())
    assert loaded.book.days == replayed.days
    assert list(loaded.book.state()) == list(replayed.state())
    async with house.serving(owner="second") as desk:
        live = await desk.read("caja", lambda book: list(book.state()))
    return live == list(replayed.state())


async def test_a_start_from_a_snapshot_knows_the_days(house: House) -> None:
    async with caja(house, "America/Mexico_City", cut_off="16:30") as desk:
        await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        await close(desk, TODAY)
        await desk.post("caja", batch(2, pay("cash", "ana", "2.00")), OPERATOR)
        await desk.writer("caja").snapshot_soon()
        await desk.post("caja", batch(3, pay("cash", "ana", "3.00")), OPERATOR)
    assert await reloaded_is_live(house)
    async with house.serving() as desk:
        house.now += 86_400_000_000
        closed = await close(desk, TODAY + DAY)
        assert [(t.count, t.amount) for t in closed.line.shown] == [(2, "500")]


# ---- by command, and periods


async def test_days_by_command(house: House) -> None:
    async with caja(house, "America/Mexico_City", days=DaysBy.COMMAND) as desk:
        refused = await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        assert isinstance(refused, RefusedReceipt)
        assert refused.leaf.code == "no_day_open"
        for dry_run in (True, False, False):
            assert await desk.open_day("caja", TODAY, OPERATOR, dry_run=dry_run) is None
            if dry_run:
                assert desk.facts("caja").days.open == set()
        assert await day_of(desk, 2) == TODAY
        far = await desk.open_day("caja", TODAY + 32 * DAY, OPERATOR)
        assert code(far) == "day_too_early"
        assert await desk.open_day("caja", TODAY + 31 * DAY, OPERATOR) is None
        assert await day_of(desk, 3) == TODAY + 31 * DAY
        await close(desk, TODAY)
        assert code(await desk.open_day("caja", TODAY, OPERATOR)) == "day_not_new"
    lines = [decode_leaf(line) for line in house.database.ledgers[1].lines]
    assert len([line for line in lines if isinstance(line, DayClosed)]) == 1
    assert await reloaded_is_live(house)


async def test_a_period_is_reopened_by_an_act_that_stands_in_the_journal(house: House) -> None:
    async with caja(house, "America/Mexico_City") as desk:
        await close(desk, date(2023, 10, 31))

        async def mark(how: str, act: bool = False, dry_run: bool = False) -> str:
            cited = AskedAct(number="A-1/2023", date=TODAY, hash="ab" * 32)
            asked = AskedMark(mark=how, act=cited if act else UNSET)  # type: ignore[arg-type]
            told = await desk.mark_period("caja", 2023, 10, asked, OPERATOR, dry_run=dry_run)
            return told.code.value if isinstance(told, Refusal) else ""

        assert await mark("preliminary", dry_run=True) == ""
        size = desk.facts("caja").size
        assert await mark("preliminary") == await mark("preliminary") == ""
        assert desk.facts("caja").size == size + 1
        assert await mark("reopened") == "act_missing"
        assert await mark("reopened", act=True) == ""
        late = pay("cash", "ana", "1.00", business_date=date(2023, 10, 31))
        assert isinstance(await desk.post("caja", batch(1, late), OPERATOR), Receipt)
        assert await mark("preliminary") == await mark("final") == ""
        assert await mark("reopened", act=True) == "period_final"
        refused = await desk.post("caja", batch(2, late), OPERATOR)
        assert isinstance(refused, RefusedReceipt)
    assert b'"act":{"date":"2023-11-14","hash":"' in b"".join(house.database.ledgers[1].lines)
    assert await reloaded_is_live(house)
