"""What PostgreSQL alone must do: commits nobody confirmed, packing, and the follower."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from msgspec.structs import replace

from ledger.core.faults import (
    OutcomeUnknown,
    StoreUnavailable,
)
from ledger.pg import follower as following
from ledger.pg.follower import Follower
from ledger.pg.frames import MAGIC
from ledger.pg.pool import Database
from ledger.pg.store import PgStore
from tests.store.beginnings import (
    FIRST,
    SECOND,
    begun,
)
from tests.store.places import PgPlace, commit_without_standby
from tests.store.scribe import transfer


async def test_a_commit_that_no_standby_confirmed(pg_place: PgPlace) -> None:
    """The tag says COMMIT and a warning says that it may be lost with this server."""
    store = pg_place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 5))
    with pytest.raises(OutcomeUnknown, match="synchronous replication"):
        await commit_without_standby(
            pg_place.database.dsn, store, scribe.group(), "SELECT pg_cancel_backend($1)"
        )


async def test_a_commit_whose_caller_gave_up(pg_place: PgPlace) -> None:
    """The session is dropped and nothing is cancelled, so what took effect stays."""
    store = pg_place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 5))
    group = scribe.group()
    with pytest.raises(asyncio.CancelledError):
        await commit_without_standby(pg_place.database.dsn, store, group, None)
    with pytest.raises(StoreUnavailable):
        await store.commit(group)
    head = await store.take(scribe.head.ledger_id, "test", epoch=group.before.epoch)
    assert head == replace(group.after, epoch=head.epoch)


async def test_a_transaction_that_was_aborted_unnoticed(pg_place: PgPlace) -> None:
    """PostgreSQL answers such a COMMIT with the tag ROLLBACK and no error."""
    store = pg_place.store()
    scribe = await begun(store)
    assert isinstance(store, PgStore)
    session = store._writers[scribe.head.ledger_id].session

    async def abort(_: int) -> None:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await session.execute("SELECT 1 / 0")

    store.before_commit = abort
    scribe.post(FIRST, transfer(1, 2, 5))
    with pytest.raises(OutcomeUnknown, match="ROLLBACK"):
        await store.commit(scribe.group())
    assert await store.lookup(scribe.head.ledger_id, [FIRST]) == {}


async def test_a_column_more_is_no_harm(pg_place: PgPlace, database: str) -> None:
    """The next release's migrations come before it: our COPY must bear what they add."""
    owner = await asyncpg.connect(database)
    for table in ("transfers", "leaves", "accounts"):
        await owner.execute(f"ALTER TABLE tequio.{table} ADD COLUMN later smallint DEFAULT 7")
    await owner.close()
    store = pg_place.store()
    scribe = await begun(store)
    scribe.open_accounts(300)
    scribe.post(FIRST, *[transfer(1, 2, 5)] * 300)
    await store.commit(scribe.group())
    rows = await pg_place.reads.transfers(scribe.head.ledger_id, after=0, limit=1000)
    assert len(rows) == 300


async def test_long_bodies_are_compressed_and_short_ones_plain(pg_place: PgPlace) -> None:
    store = pg_place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 5))
    scribe.post(SECOND, *[transfer(1, 2, 5)] * 100)
    await store.commit(scribe.group())
    rows = await pg_place.database.fetch("SELECT body FROM batches ORDER BY leaf_index")
    assert rows[0][0].startswith(b"{")
    assert rows[1][0].startswith(MAGIC)
    assert len(rows[1][0]) < 1000


async def test_the_follower_goes_step_by_step_and_doubles_nothing(
    pg_place: PgPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it crashed between its rows and its cursor, and with another beside it."""
    monkeypatch.setattr(following, "STEP_BATCHES", 2)
    store = pg_place.store()
    scribe = await begun(store)
    for i in range(5):
        scribe.post(UUID(int=i), transfer(1, 2, 5, "R-1"))
    await store.commit(scribe.group())
    ledger_id = scribe.head.ledger_id
    with monkeypatch.context() as crash:
        failing = "SELECT 1 / 0, $1::bigint, $2::text, $3::bigint"
        crash.setattr(following, "MOVE_CURSOR", failing)
        with pytest.raises(StoreUnavailable):
            await pg_place.follower.catch_up(ledger_id)
    await pg_place.follower.round()  # One step: the ledger was not seen at rest before.
    count = "SELECT count(*) FROM transfer_references"
    assert await pg_place.database.fetchval(count) == 2
    await Follower(pg_place.database).catch_up(ledger_id)
    await pg_place.follower.catch_up(ledger_id)
    assert await pg_place.database.fetchval(count) == 5
    scribe.post(UUID(int=9), transfer(1, 2, 5, "R-2"))
    await store.commit(scribe.group())
    await pg_place.follower.round()
    assert len(await pg_place.reads.by_reference(ledger_id, "R-2", 10)) == 1


async def test_the_follower_leaves_unique_references_alone(pg_place: PgPlace) -> None:
    store = pg_place.store()
    scribe = await begun(store, unique_references=True)
    scribe.post(FIRST, transfer(1, 2, 5, "R-1"))
    await store.commit(scribe.group())
    await pg_place.follower.catch_up(scribe.head.ledger_id)
    rows = await pg_place.database.fetch("SELECT sequence FROM transfer_references")
    assert [row[0] for row in rows] == [1]


async def test_tables_are_analysed_when_they_have_grown(
    pg_place: PgPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "ANALYZE_FROM", 7)
    store = pg_place.store()
    scribe = await begun(store)
    assert await pg_place.follower.analyze_if_grown() is False
    scribe.post(FIRST, transfer(1, 2, 5))
    await store.commit(scribe.group())
    assert await pg_place.follower.analyze_if_grown() is True
    assert await pg_place.follower.analyze_if_grown() is False


async def test_a_database_that_is_not_there(database: str) -> None:
    opened = Database(database.replace("/test_", "/gone_"))
    with pytest.raises(StoreUnavailable):
        await opened.open()
    with pytest.raises(StoreUnavailable):
        await PgStore(opened).ledgers()
