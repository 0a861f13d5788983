"""Migrations: bring a database's tables up to date, forward only, one process at a time.

A migration is a file NNNN_name.sql. Each of its statements is a transaction of its own, since a
distributed PostgreSQL wants that of DDL. A crash can therefore come between a statement and the
record of the file, and the file is run again: every statement must bear being run twice
(IF NOT EXISTS). What was applied is recorded with its SHA-256 and never changes again.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import asyncpg
from msgspec import Struct

from ledger.pg import queries
from ledger.pg.faults import MigrationRefused
from ledger.pg.statements import split_statements

TABLE_EXISTS = queries.get("migrations", "table_exists")
CREATE_SCHEMA = queries.get("migrations", "create_schema")
CREATE_TABLE = queries.get("migrations", "create_table")
LOCK = queries.get("migrations", "lock")
APPLIED = queries.get("migrations", "applied")
RECORD = queries.get("migrations", "record")
STILL_LOCKED = queries.get("migrations", "still_locked")

FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
TURN_WAIT_S = 600.0  # For another process that migrates; building an index takes its time.
STATEMENT_LOCK_WAIT_S = 30.0  # While a statement waits for a table, all writers wait behind it.
CREATE_TRIES_MAX = 10  # Two processes creating the same thing at once: one of them is told so.
APPLICATION_NAME = "tequio migrations"


class Migration(Struct, frozen=True):
    """One file: what is recorded of it, and what it does."""

    number: int
    name: str  # Of the file, such as 0001_ledger.sql.
    sha256: bytes
    statements: tuple[str, ...]


class Applied(Struct, frozen=True):
    """What the database remembers of a file."""

    number: int
    name: str
    sha256: bytes


async def migrate(dsn: str, directory: Path, *, turn_wait_s: float = TURN_WAIT_S) -> list[str]:
    """Apply what the directory has and the database lacks; returns those files' names.

    Started twice at once, one waits and then finds nothing to do.

    Raises:
        MigrationRefused: the files contradict the database or each other, a statement
            failed, or another process was not done in `turn_wait_s`.
    """
    migrations = read_migrations(directory)
    async with _connection(dsn, lock_wait_s=STATEMENT_LOCK_WAIT_S) as work:
        await _create_table(work)
        async with _connection(dsn, lock_wait_s=turn_wait_s) as turn, turn.transaction():
            try:
                await turn.execute(LOCK)
            except asyncpg.LockNotAvailableError as error:
                waited = f"another process still migrates after {turn_wait_s} s"
                raise MigrationRefused(waited) from error
            done = [Applied(*row) for row in await work.fetch(APPLIED)]
            missing = pending(migrations, done)
            for migration in missing:
                await _apply(work, turn, migration)
    return [migration.name for migration in missing]


def read_migrations(directory: Path) -> list[Migration]:
    """The migrations of a directory, in order: 0001, 0002 and so on without a gap."""
    if not directory.is_dir():
        raise MigrationRefused(directory, "there is no such directory")
    migrations = [_read(path) for path in sorted(directory.glob("*.sql"))]
    for expected, migration in enumerate(migrations, start=1):
        if migration.number != expected:
            raise MigrationRefused(migration.name, f"{expected:04} should stand here")
    return migrations


def pending(migrations: Sequence[Migration], done: Sequence[Applied]) -> list[Migration]:
    """What is still to be applied, unless the past was changed."""
    on_disk = {migration.number: migration for migration in migrations}
    last = max((applied.number for applied in done), default=0)
    for applied in done:
        ours = on_disk.pop(applied.number, None)
        if ours is None:
            reason = "applied to this database and unknown here: the program is too old"
            raise MigrationRefused(applied.name, reason)
        if ours.name != applied.name:
            raise MigrationRefused(ours.name, f"applied under the name {applied.name}")
        if ours.sha256 != applied.sha256:
            raise MigrationRefused(ours.name, "changed since it was applied")
    for number, migration in on_disk.items():
        if number < last:
            raise MigrationRefused(
                migration.name, f"out of order: {last:04} was applied before"
            )
    return list(on_disk.values())


def _read(path: Path) -> Migration:
    match = FILE_NAME.fullmatch(path.name)
    if match is None:
        raise MigrationRefused(path.name, "not named like 0001_name.sql")
    content = path.read_bytes()
    try:
        statements = tuple(split_statements(content.decode("utf-8")))
    except ValueError as error:  # Also what is not UTF-8.
        raise MigrationRefused(path.name, error) from error
    if not statements:
        raise MigrationRefused(path.name, "no statement in it")
    return Migration(int(match[1]), path.name, sha256(content).digest(), statements)


async def _create_table(work: asyncpg.Connection) -> None:
    """Create the table of migrations, unless it is there.

    IF NOT EXISTS does not cover two processes at once: the second fails on PostgreSQL's own
    catalogue. It then only has to look again.
    """
    for _ in range(CREATE_TRIES_MAX):
        try:
            if await work.fetchval(TABLE_EXISTS):
                return
            await work.execute(CREATE_SCHEMA)
            await work.execute(CREATE_TABLE)
        except (
            asyncpg.UniqueViolationError,
            asyncpg.DuplicateObjectError,
            asyncpg.DuplicateSchemaError,
            asyncpg.DuplicateTableError,
        ):
            await asyncio.sleep(0)
    raise MigrationRefused("the table of migrations could not be created")


async def _apply(
    work: asyncpg.Connection, turn: asyncpg.Connection, migration: Migration
) -> None:
    for number, statement in enumerate(migration.statements, start=1):
        await turn.execute(STILL_LOCKED)
        try:
            await work.execute(statement)
        except asyncpg.PostgresError as error:
            raise MigrationRefused(migration.name, f"statement {number}", error) from error
    await turn.execute(STILL_LOCKED)
    await work.execute(RECORD, migration.number, migration.name, migration.sha256)


@asynccontextmanager
async def _connection(dsn: str, *, lock_wait_s: float) -> AsyncIterator[asyncpg.Connection]:
    settings = {
        "application_name": APPLICATION_NAME,
        "lock_timeout": f"{lock_wait_s * 1000:.0f}ms",
        # A server may limit these for everybody; neither suits a migration.
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
    }
    connection = await asyncpg.connect(dsn, server_settings=settings, command_timeout=None)
    try:
        yield connection
    finally:
        await connection.close()
