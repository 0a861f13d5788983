"""Migrations: applied once, in order, by one process, and never changed afterwards."""

import asyncio
import sys
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import asyncpg
import pytest

from ledger.pg.faults import MigrationRefused
from ledger.pg.migrations import migrate, read_migrations
from ledger.pg.sql_files import sql_directory

FIRST = "-- one\nCREATE TABLE IF NOT EXISTS one (id int);\n"
SECOND = (
    "CREATE TABLE IF NOT EXISTS two (id int);\nCREATE INDEX IF NOT EXISTS ix ON two (id);\n"
)


@pytest.fixture
async def connection(empty_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database)
    yield connection
    await connection.close()


def write(directory: Path, **files: str) -> None:
    for name, text in files.items():
        (directory / f"{name.lstrip('n')}.sql").write_text(text)


async def names(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch("SELECT name FROM tequio.migrations ORDER BY number")
    return [row["name"] for row in rows]


async def test_applied_in_order_and_once(
    empty_database: str, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    write(tmp_path, n0001_one=FIRST, n0002_two=SECOND)
    assert await migrate(empty_database, tmp_path) == ["0001_one.sql", "0002_two.sql"]
    assert await migrate(empty_database, tmp_path) == []
    row = await connection.fetchrow("SELECT * FROM tequio.migrations WHERE number = 1")
    assert (row["name"], row["sha256"]) == ("0001_one.sql", sha256(FIRST.encode()).digest())
    assert row["applied_at"] is not None
    assert await connection.fetch("SELECT one.id, two.id FROM one, two") == []


async def test_later_ones_are_added(
    empty_database: str, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    write(tmp_path, n0001_one=FIRST)
    await migrate(empty_database, tmp_path)
    write(tmp_path, n0002_two=SECOND)
    assert await migrate(empty_database, tmp_path) == ["0002_two.sql"]
    assert await names(connection) == ["0001_one.sql", "0002_two.sql"]


async def test_none_at_all(empty_database: str, tmp_path: Path) -> None:
    assert await migrate(empty_database, tmp_path) == []


async def test_no_directory(empty_database: str, tmp_path: Path) -> None:
    with pytest.raises(MigrationRefused, match="no such directory"):
        await migrate(empty_database, tmp_path / "gone")


async def test_changed_file(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, n0001_one=FIRST)
    await migrate(empty_database, tmp_path)
    write(tmp_path, n0001_one=FIRST + "-- one more word\n")
    with pytest.raises(MigrationRefused, match=r"0001_one\.sql: changed since"):
        await migrate(empty_database, tmp_path)


async def test_renamed_file(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, n0001_one=FIRST)
    await migrate(empty_database, tmp_path)
    (tmp_path / "0001_one.sql").rename(tmp_path / "0001_eins.sql")
    with pytest.raises(MigrationRefused, match=r"0001_eins\.sql: .* 0001_one\.sql"):
        await migrate(empty_database, tmp_path)


async def test_missing_file(empty_database: str, tmp_path: Path) -> None:
    """An older program on a newer database does not start."""
    write(tmp_path, n0001_one=FIRST, n0002_two=SECOND)
    await migrate(empty_database, tmp_path)
    (tmp_path / "0002_two.sql").unlink()
    with pytest.raises(MigrationRefused, match=r"0002_two\.sql: .*too old"):
        await migrate(empty_database, tmp_path)


async def test_out_of_order(
    empty_database: str, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    write(tmp_path, n0001_one=FIRST, n0002_two=SECOND)
    await migrate(empty_database, tmp_path)
    await connection.execute("DELETE FROM tequio.migrations WHERE number = 1")
    with pytest.raises(MigrationRefused, match=r"0001_one\.sql: out of order"):
        await migrate(empty_database, tmp_path)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"n0002_two": SECOND}, r"0002_two\.sql: 0001 should stand here"),
        ({"n0001_a": FIRST, "n0003_b": SECOND}, r"0003_b\.sql: 0002 should stand here"),
        ({"n0001_a": FIRST, "n0001_b": SECOND}, r"0001_b\.sql: 0002 should stand here"),
        ({"n0001-a": FIRST}, r"0001-a\.sql: not named like"),
        ({"later": FIRST}, r"later\.sql: not named like"),
        ({"n0001_a": "CREATE TABLE a (b int)"}, r"0001_a\.sql: no semicolon"),
        ({"n0001_a": "-- nothing\n"}, r"0001_a\.sql: no statement"),
    ],
)
def test_files_that_contradict_each_other(
    tmp_path: Path, files: dict[str, str], reason: str
) -> None:
    write(tmp_path, **files)
    with pytest.raises(MigrationRefused, match=reason):
        read_migrations(tmp_path)


async def test_failing_statement_is_named_and_taken_up_again(
    empty_database: str, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    """What stood before it stays: each statement is a transaction of its own."""
    write(tmp_path, n0001_one=FIRST + "ALTER TABLE nowhere ADD COLUMN a int;\n")
    with pytest.raises(MigrationRefused, match=r'0001_one\.sql: statement 2: .*"nowhere"'):
        await migrate(empty_database, tmp_path)
    assert await connection.fetch("SELECT id FROM one") == []
    assert await names(connection) == []

    write(tmp_path, n0001_one=FIRST)
    assert await migrate(empty_database, tmp_path) == ["0001_one.sql"]


async def test_statements_that_want_no_transaction(empty_database: str, tmp_path: Path) -> None:
    """CREATE INDEX CONCURRENTLY refuses to run inside one, whoever opened it."""
    write(tmp_path, n0001_one=FIRST + "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON one (id);")
    assert await migrate(empty_database, tmp_path) == ["0001_one.sql"]


async def test_many_at_once(
    empty_database: str, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    """One applies, the others wait and find nothing to do. Twice would fail here."""
    write(
        tmp_path, n0001_one="CREATE TABLE one (id int);", n0002_two="CREATE TABLE two (i int);"
    )
    done = await asyncio.gather(*(migrate(empty_database, tmp_path) for _ in range(8)))
    assert sorted(done) == [*([[]] * 7), ["0001_one.sql", "0002_two.sql"]]
    assert await names(connection) == ["0001_one.sql", "0002_two.sql"]


async def test_two_processes_at_once(empty_database: str, tmp_path: Path) -> None:
    write(
        tmp_path, n0001_one="CREATE TABLE one (id int);", n0002_two="CREATE TABLE two (i int);"
    )
    script = (
        "import asyncio, pathlib, sys; from ledger.pg.migrations import migrate;"
        "print(asyncio.run(migrate(sys.argv[1], pathlib.Path(sys.argv[2]))))"
    )
    command = [sys.executable, "-c", script, empty_database, str(tmp_path)]
    started = [
        await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        for _ in range(2)
    ]
    outputs = [(await process.communicate())[0].decode().strip() for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert sorted(outputs) == ["['0001_one.sql', '0002_two.sql']", "[]"]


async def test_the_second_waits_for_the_first(
    empty_database: str, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    """A migration under way keeps others out, and lets its own record be written."""
    write(tmp_path, n0001_one=FIRST)
    await migrate(empty_database, tmp_path)
    async with connection.transaction():
        await connection.execute("LOCK TABLE tequio.migrations IN SHARE UPDATE EXCLUSIVE MODE")
        with pytest.raises(MigrationRefused, match="another process still migrates"):
            await migrate(empty_database, tmp_path, turn_wait_s=0.05)
    assert await migrate(empty_database, tmp_path, turn_wait_s=0.05) == []


# ---- ours

# Every column, constraint and index of our tables.
CATALOGUE = """
    SELECT 'column', attrelid::regclass::text, attname::text, attnotnull::text
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'tequio'::regnamespace AND attnum > 0
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'tequio'::regnamespace
    ORDER BY 1, 2, 3, 4
"""

# How 0001 wrote a transfer: the columns of the release before 0002.
A_TRANSFER = """
    INSERT INTO tequio.transfers (
        ledger_id, sequence, debit_account, credit_account, amount, debit_balance,
        credit_balance, batch_number, position, business_date
    )
    VALUES (1, $1, 1, 2, 5, -5, 5, 1, 0, '2026-03-02')
"""


AN_ACCOUNT = """
    INSERT INTO tequio.accounts (ledger_id, number, code, currency, nature, kind, holder)
    VALUES ($1, $2, 'a' || $2::bigint, 'MXN', 'credit', 'member', '')
"""


async def test_ours_bear_being_run_twice(
    empty_database: str, connection: asyncpg.Connection
) -> None:
    """As after a crash between a file's last statement and its record; rows stay."""
    every = [migration.name for migration in read_migrations(sql_directory("migrations"))]
    assert await migrate(empty_database, sql_directory("migrations")) == every
    await connection.execute(A_TRANSFER, 1)
    await connection.execute("INSERT INTO tequio.links VALUES (1, 1, 2, 5)")
    catalogue = await connection.fetch(CATALOGUE)
    await connection.execute("DELETE FROM tequio.migrations")
    assert await migrate(empty_database, sql_directory("migrations")) == every
    assert await connection.fetch(CATALOGUE) == catalogue
    assert await connection.fetchval("SELECT phase FROM tequio.transfers") == 0
    assert await connection.fetchval("SELECT amount FROM tequio.links") == 5


async def test_accounts_from_before_learn_which_leaf_opened_them(
    empty_database: str, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    """Of each ledger by itself; what the release before opens meanwhile has none."""
    ours = sql_directory("migrations")
    for file in sorted(ours.glob("000[1-7]_*.sql")):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    await migrate(empty_database, tmp_path)
    opened, other = b'{"line":"account","number":0}', b'{"line":"key"}'
    for ledger_id, lines in ((1, [other, opened, other, opened]), (2, [opened])):
        for index, line in enumerate(lines):
            leaf = sha256(b"\0" + line).digest()
            await connection.execute(
                "INSERT INTO tequio.leaves VALUES ($1, $2, $3, $4)",
                ledger_id,
                index,
                line,
                leaf,
            )
        for number in range(1, lines.count(opened) + 1):
            await connection.execute(AN_ACCOUNT, ledger_id, number)
    later = sorted(path.name for path in ours.glob("*.sql") if path.name >= "0008")
    assert await migrate(empty_database, ours) == later
    await connection.execute(AN_ACCOUNT, 2, 2)
    found = "SELECT ledger_id, number, leaf_index FROM tequio.accounts ORDER BY 1, 2"
    rows = [tuple(row) for row in await connection.fetch(found)]
    assert rows == [(1, 1, 1), (1, 2, 3), (2, 1, 0), (2, 2, None)]


async def test_rows_from_before_there_were_phases_are_posted(
    empty_database: str, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    """And the release before, which names no phase, still inserts posted rows."""
    ours = sql_directory("migrations")
    (tmp_path / "0001_ledger.sql").write_bytes((ours / "0001_ledger.sql").read_bytes())
    await migrate(empty_database, tmp_path)
    await connection.execute(A_TRANSFER, 1)
    assert "0002_terms.sql" in await migrate(empty_database, ours)
    await connection.execute(A_TRANSFER, 2)
    rows = await connection.fetch("SELECT sequence, phase FROM tequio.transfers")
    assert sorted(map(tuple, rows)) == [(1, 0), (2, 0)]
    is_checked = await connection.fetchval(
        "SELECT convalidated FROM pg_constraint WHERE conname = 'phase_is_known'"
    )
    assert is_checked is True
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("INSERT INTO tequio.links VALUES (1, 2, 2, 5)")
