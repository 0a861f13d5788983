"""The account index: at every place of its cursor readers see what a plain scan would show."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import pytest

from ledger.core.amounts import AMOUNT_MAX
from ledger.core.faults import StoreUnavailable
from ledger.core.lines import Terms
from ledger.core.ports import Reads
from ledger.core.store import Group, Store
from ledger.pg import indexer as indexing
from ledger.pg import postings
from ledger.pg.follower import Follower
from ledger.pg.indexer import Indexer
from ledger.pg.pool import Database
from ledger.pg.reads import PgReads
from tests.store.beginnings import HOLD, begun
from tests.store.places import MemoryPlace, PgPlace
from tests.store.scribe import DAY, Scribe, transfer
from tests.store.test_reads import closing

STEP, PART = 7, 8  # Steps end inside parts and at their ends; two partitions are needed.
YEAR_END = date(2025, 12, 31)
DAYS = [YEAR_END, *(DAY + timedelta(days=n) for n in range(-3, 1))]
ACCOUNTS = 6
DONE = "SELECT coalesce(max(done), 0) FROM cursors WHERE name = 'accounts'"


class Both:
    """One history in PostgreSQL and in memory, whose reads are plain scans."""

    def __init__(self, place: PgPlace, scribe: Scribe, stores: tuple[Store, Store]) -> None:
        self.scribe = scribe
        self.database = place.database
        self.indexer = self.new_indexer()
        self.reads: Reads = PgReads(place.database, place.follower, part=PART)
        self.plain: Reads
        self._stores = stores

    def new_indexer(self, database: Database | None = None) -> Indexer:
        return Indexer(database or self.database, lag_min=1, step_max=STEP, part=PART)

    async def commit(self) -> None:
        group: Group = self.scribe.group()
        for store in self._stores:
            await store.commit(group)

    async def done(self) -> int:
        done: int = await self.database.fetchval(DONE)
        return done


@pytest.fixture
async def both(pg_place: PgPlace, monkeypatch: pytest.MonkeyPatch) -> Both:
    monkeypatch.setattr(postings, "CHUNK", 2)
    memory = MemoryPlace()
    stores = pg_place.store(), memory.store()
    scribe = await begun(stores[0])
    twin = await begun(stores[1])
    assert twin.head == scribe.head, "the same ledger in both"
    scribe.open_accounts(ACCOUNTS - 4)
    found = Both(pg_place, scribe, stores)
    found.plain = memory.reads
    return found


def post(scribe: Scribe, rng: random.Random, number: int) -> None:
    """A batch of some transfers; holds, and adjustments once the year's last day is closed."""
    transfers = []
    for _ in range(rng.randint(1, 6)):
        debit, credit = rng.sample(range(1, ACCOUNTS + 1), 2)
        day, amount = rng.choice(DAYS[1:]), rng.choice([1, 17, 2**52])
        terms: Terms | None = None
        if number < 3:
            day = YEAR_END
        elif rng.random() < 0.2:
            terms = HOLD
        elif rng.random() < 0.2:
            terms, day = Terms(adjusting=True), YEAR_END
        transfers.append(transfer(debit, credit, amount, day=day, terms=terms))
    scribe.post(UUID(int=number), *transfers)


async def write(both: Both, rng: random.Random, numbers: range) -> None:
    for number in numbers:
        if number == 3:
            both.scribe.put(closing(both.scribe, YEAR_END))
        post(both.scribe, rng, number)
    await both.commit()


async def compare(both: Both, rng: random.Random, times: int) -> None:
    """Whatever is asked, both say the same."""
    ledger_id, count = both.scribe.head.ledger_id, both.scribe.book.transfers
    asked: list[tuple[str, tuple[object, ...], dict[str, object]]] = []
    for _ in range(times):
        account = rng.randint(1, ACCOUNTS + 1)
        first, last = sorted([rng.choice(DAYS), rng.choice(DAYS)])
        sequence = rng.choice([None, rng.randint(1, count + 2)])
        dated = rng.random() < 0.5
        asked += [
            (
                "transfers",
                (),
                {
                    "after": rng.randint(0, count),
                    "limit": rng.choice([1, 3, 1000]),
                    "accounts": rng.sample(range(1, ACCOUNTS + 2), rng.randint(1, 3)),
                    "first_date": first if dated else None,
                    "last_date": last if dated else None,
                },
            ),
            (
                "balance_before",
                (account,),
                {
                    "sequence": sequence,
                    "day": rng.choice([None, first]),
                    "adjusting": rng.random() < 0.5,
                },
            ),
            (
                "movements",
                (first, last),
                {
                    "begins_adjusting": rng.random() < 0.5,
                    "ends_adjusting": rng.random() < 0.5,
                    "until": rng.choice([None, rng.randint(0, count)]),
                },
            ),
            (
                "balances_at",
                (account, rng.choice([account, ACCOUNTS]), sorted({first, last})),
                {"besides": rng.randint(1, ACCOUNTS)},
            ),
            (
                "stood_since",
                (account,),
                {"sign": rng.choice([-1, 1]), "level": rng.choice([0, 17, -(2**52), 2**60])},
            ),
        ]
    for name, values, more in asked:
        found = await getattr(both.reads, name)(ledger_id, *values, **more)
        expected = await getattr(both.plain, name)(ledger_id, *values, **more)
        assert found == expected, (name, values, more, await both.done())


@pytest.mark.parametrize("seed", range(4))
async def test_at_every_place_of_the_cursor(both: Both, seed: int) -> None:
    """Random histories that go on between the steps; a part ends where a step does."""
    rng = random.Random(seed)
    places = [0]
    numbers = iter(range(0, 1000, 4))
    for _ in range(4):
        start = next(numbers)
        await write(both, rng, range(start, start + 4))
        await compare(both, rng, 6)
        left = 1
        for _ in range(rng.choice([1, 2])):
            while left and await both.indexer.step(both.scribe.head.ledger_id) == left:
                pass  # A partition was missing, and is there now.
            places.append(await both.done())
            await compare(both, rng, 6)
    while await both.indexer.step(both.scribe.head.ledger_id):
        places.append(await both.done())
        await compare(both, rng, 6)
    assert await both.done() == both.scribe.book.transfers > 4 * PART
    assert len(set(places)) > 5
    longest = "SELECT max(cardinality(sequences)) FROM account_transfers"
    assert await both.database.fetchval(longest) == postings.CHUNK
    await compare(both, rng, 30)


# ---- failures


class CutOff(Database):
    """A database whose transactions fail at their end: before it took effect, or after."""

    takes_effect = True

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        async with super().transaction() as session:
            yield session
            if not self.takes_effect:
                raise StoreUnavailable("the session was lost")
        raise StoreUnavailable("the answer was lost")


@pytest.mark.parametrize("takes_effect", [False, True])
async def test_a_step_takes_effect_as_a_whole_or_not_at_all(
    both: Both, takes_effect: bool
) -> None:
    """Whichever it was, the next step goes on from there."""
    rng = random.Random(1)
    await write(both, rng, range(8))
    ledger_id = both.scribe.head.ledger_id
    await both.indexer.step(ledger_id)
    before = await both.done()
    async with CutOff(both.database.dsn) as database:
        database.takes_effect = takes_effect
        with pytest.raises(StoreUnavailable):
            await both.new_indexer(database).step(ledger_id)
    assert (await both.done() > before) is takes_effect
    await compare(both, rng, 10)
    while await both.new_indexer().step(ledger_id):
        await compare(both, rng, 10)
    await compare(both, rng, 10)


@pytest.mark.parametrize(
    "lost",
    ["DELETE FROM {}cursors", "TRUNCATE {}account_transfers", "TRUNCATE {}account_days"],
)
async def test_what_is_missing_is_made_anew(both: Both, database: str, lost: str) -> None:
    """Without its cursor nothing of the index counts; that rows are lost shows at a start."""
    rng = random.Random(2)
    await write(both, rng, range(8))
    await both.new_indexer().round()
    last = both.scribe.book.transfers
    assert await both.done() == last
    owner = await asyncpg.connect(database)
    await owner.execute(lost.format("tequio."))
    await owner.close()
    if "cursors" in lost:
        await compare(both, rng, 10)
    await both.new_indexer().round()
    assert await both.done() == last
    await compare(both, rng, 10)


async def test_lost_partitions_are_made_anew(both: Both, database: str) -> None:
    rng = random.Random(3)
    await write(both, rng, range(16))
    await both.new_indexer().round()
    owner = await asyncpg.connect(database)
    for table in ("account_transfers_0", "account_days_0"):
        await owner.execute(f"DROP TABLE tequio.{table}")
    await owner.close()
    await both.new_indexer().round()
    assert await both.done() == both.scribe.book.transfers
    await compare(both, rng, 10)


async def test_two_indexers_take_turns(both: Both) -> None:
    rng = random.Random(4)
    await write(both, rng, range(16))
    await asyncio.gather(*(both.new_indexer().round() for _ in range(3)))
    assert await both.done() == both.scribe.book.transfers
    await compare(both, rng, 10)


async def test_totals_beyond_64_bits(both: Both) -> None:
    """A step ends before its own sums could pass them; kept totals may be larger."""
    there, back = transfer(1, 2, AMOUNT_MAX), transfer(2, 1, AMOUNT_MAX)
    both.scribe.post(UUID(int=1), *[there, back] * 1100)
    await both.commit()
    both.reads = PgReads(both.database, Follower(both.database))
    indexer = Indexer(both.database, lag_min=1)
    await indexer.step(both.scribe.head.ledger_id)
    assert await both.done() == 1024
    await indexer.round()
    assert await both.done() == 2200
    await compare(both, random.Random(7), 5)


# ---- when a step is made


async def test_a_small_lag_is_left_to_readers_and_is_told(both: Both) -> None:
    await write(both, random.Random(5), range(8))
    count = both.scribe.book.transfers
    left = Indexer(both.database, lag_min=count + 1)
    await left.round()
    assert (left.lag, await both.done()) == (count, 0)
    enough = Indexer(both.database, lag_min=count)
    await enough.round()
    assert await both.done() == count
    await enough.round()
    assert enough.lag == 0


async def test_a_busy_ledger_is_followed_once_it_is_far_behind(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it grows, steps wait for more: but not for ever."""
    rng = random.Random(6)
    await write(both, rng, range(4))
    indexer = both.new_indexer()
    await indexer.round()
    first = await both.done()
    assert first == both.scribe.book.transfers
    await write(both, rng, range(4, 8))
    await indexer.round()
    assert await both.done() == first
    monkeypatch.setattr(indexing, "LAG_MAX", 2)
    await write(both, rng, range(8, 9))
    await indexer.round()
    assert await both.done() > first
    await compare(both, rng, 10)
