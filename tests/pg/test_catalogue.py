"""What the tables must be like so that ledgers can be spread, and journals only grow."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from ledger.pg.faults import MigrationRefused
from ledger.pg.migrations import migrate
from ledger.pg.pool import Database
from ledger.pg.sql_files import sql_directory
from ledger.pg.sqlstates import RoleRefused
from ledger.pg.store import PgStore

# Unique keys that do not begin with ledger_id, and why they may.
OTHER_KEYS = {
    ("ledgers", ("code",)): "a short list, the same on every machine",
    ("api_keys", ("digest",)): "a key is looked up before its ledger is known",
    ("api_keys", ("ledger", "key_id")): "the same table",
    ("migrations", ("number",)): "of the database, not of a ledger",
    ("migrations", ("name",)): "the same table",
}
JOURNAL = ["leaves", "transfers", "batches", "accounts", "tiles", "snapshots", "links"]
JOURNAL += ["resolutions"]
MAY_DELETE = {"details", "proposals", "snapshot_chunks", "account_transfers", "account_days"}
MAY_UPDATE = {"ledgers", "heads", "checkpoints", "cursors", "api_keys", "account_days"}

KEYS = """
    SELECT tables.relname, (
        SELECT array_agg(columns.attname::text ORDER BY part.place)
        FROM unnest(index.indkey::int2[]) WITH ORDINALITY AS part (number, place)
        JOIN pg_attribute AS columns
            ON columns.attrelid = tables.oid AND columns.attnum = part.number
    ) AS columns
    FROM pg_index AS index
    JOIN pg_class AS tables ON tables.oid = index.indrelid
    WHERE tables.relnamespace = 'tequio'::regnamespace
"""


@pytest.fixture
async def owner(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def service(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A session as the service has it."""
    async with Database(database) as opened:
        session = await opened.writer("test")
        yield session
        session.terminate()


async def tables(owner: asyncpg.Connection) -> list[str]:
    rows = await owner.fetch(
        "SELECT relname FROM pg_class "
        "WHERE relnamespace = 'tequio'::regnamespace AND relkind IN ('r', 'p')"
    )
    return [row["relname"] for row in rows]


async def test_every_key_begins_with_the_ledger(owner: asyncpg.Connection) -> None:
    """Every index, unique or not: a row is only ever looked for inside its ledger."""
    found = {(row["relname"], tuple(row["columns"])) for row in await owner.fetch(KEYS)}
    assert len(found) > len(OTHER_KEYS)
    assert {key for key in found if key[1][0] != "ledger_id"} == set(OTHER_KEYS)


async def test_every_table_has_a_primary_key(owner: asyncpg.Connection) -> None:
    keyed = await owner.fetch(
        "SELECT conrelid::regclass::text FROM pg_constraint "
        "WHERE connamespace = 'tequio'::regnamespace AND contype = 'p'"
    )
    assert {row[0] for row in keyed} == {f"tequio.{name}" for name in await tables(owner)}


async def test_foreign_keys_begin_with_the_ledger(owner: asyncpg.Connection) -> None:
    """There are none; whoever adds one must let it stay inside a ledger."""
    rows = await owner.fetch(
        "SELECT conname, columns.attname FROM pg_constraint "
        "JOIN pg_attribute AS columns ON attrelid = conrelid AND attnum = conkey[1] "
        "WHERE connamespace = 'tequio'::regnamespace AND contype = 'f'"
    )
    assert [row["conname"] for row in rows if row["attname"] != "ledger_id"] == []


async def test_nothing_runs_by_itself(owner: asyncpg.Connection) -> None:
    """No triggers and no rules: what happens to a row is what a statement says."""
    assert await owner.fetch("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []
    assert await owner.fetch("SELECT 1 FROM pg_rules WHERE schemaname = 'tequio'") == []


async def test_what_the_service_may_do(owner: asyncpg.Connection) -> None:
    for name in await tables(owner):
        rows = await owner.fetch(
            "SELECT may FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS may "
            "WHERE has_table_privilege('tequio_service', $1, may)",
            f"tequio.{name}",
        )
        expected = ["UPDATE"] * (name in MAY_UPDATE) + ["DELETE"] * (name in MAY_DELETE)
        assert [row["may"] for row in rows] == expected, name
    columns = await owner.fetchval(
        "SELECT count(*) FROM information_schema.column_privileges "
        "WHERE grantee = 'tequio_service' AND privilege_type = 'UPDATE' "
        "AND table_name = ANY ($1)",
        JOURNAL,
    )
    assert columns == 0


@pytest.mark.parametrize("table", [*JOURNAL, "transfer_references"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET ledger_id = ledger_id",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "ALTER TABLE {} DROP COLUMN ledger_id",
        "DROP TABLE {}",
    ],
)
async def test_the_service_cannot_change_a_journal(
    service: asyncpg.Connection, table: str, statement: str
) -> None:
    """Tried for real, by the very session a writer has."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute(statement.format(table))


async def test_who_may_not_act_as_the_service_is_told_what_to_do(
    database: str, owner: asyncpg.Connection
) -> None:
    await owner.execute("CREATE ROLE stranger LOGIN")
    try:
        with pytest.raises(RoleRefused, match="GRANT tequio_service TO"):
            await Database(database.replace("postgres@", "stranger@")).open()
    finally:
        await owner.execute("DROP ROLE stranger")


async def test_a_plain_user_needs_one_sentence_from_the_administrator(
    empty_database: str,
) -> None:
    """It then migrates, takes a ledger and ends its own old sessions, and needs no more."""
    plain = empty_database.replace("postgres@", "plain@")
    admin = await asyncpg.connect(empty_database)
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute("CREATE ROLE plain LOGIN")
    try:
        await admin.execute(f"GRANT CREATE ON DATABASE {name} TO plain")
        with pytest.raises(MigrationRefused) as refused:
            await migrate(plain, sql_directory("migrations"))
        sentence = str(refused.value).rpartition("first run: ")[2]
        assert sentence == "GRANT tequio_service TO plain;"
        await admin.execute(sentence)
        assert await migrate(plain, sql_directory("migrations"))
        async with Database(plain) as opened:
            first, second = PgStore(opened), PgStore(opened)
            ledger_id = await first.create("caja")
            assert ledger_id is not None
            assert (await first.take(ledger_id, "first")).epoch == 1
            assert (await second.take(ledger_id, "second")).epoch == 2
            left = await admin.fetchval(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name LIKE 'tequio writer%'"
            )
            assert left == 1
            await second.release(ledger_id)
    finally:
        await admin.execute("DROP OWNED BY plain CASCADE")
        await admin.execute("DROP ROLE plain")
        await admin.close()
