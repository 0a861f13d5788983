"""Queries by name: what a file may hold, and when a mistake in it is noticed."""

from pathlib import Path

import asyncpg
import pytest

from ledger.pg import queries
from ledger.pg.faults import QueriesMalformed, SqlMissing
from ledger.pg.sql_files import sql_directory

FILE = """-- Things: what they are.
--
-- Order of use: one, other.

-- name: one
-- $1 a number.  One row.
SELECT $1::int; -- and no more

-- name: other
SELECT ';',
       2;
"""


def test_read_by_name_without_comments(tmp_path: Path) -> None:
    (tmp_path / "things.sql").write_text(FILE)
    found = queries.read_queries(tmp_path / "things.sql")
    assert found == {"one": "SELECT $1::int", "other": "SELECT ';',\n       2"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT 1;\n-- name: a\nSELECT 2;", "before the first name"),
        ("-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;", "used twice"),
        ("-- name: A-B\nSELECT 1;", "is no name"),
        ("-- name: a\n-- nothing\n", "has 0 statements"),
        ("-- name: a\nSELECT 1; SELECT 2;", "has 2 statements"),
        ("-- name: a\nSELECT 1", "no semicolon"),
    ],
)
def test_malformed_file_is_named(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "things.sql"
    file.write_text(text)
    with pytest.raises(QueriesMalformed, match=reason) as fault:
        queries.read_queries(file)
    assert str(file) in str(fault.value)


def test_not_text_is_malformed(tmp_path: Path) -> None:
    (tmp_path / "things.sql").write_bytes(b"-- name: a\nSELECT '\xff';")
    with pytest.raises(QueriesMalformed):
        queries.read_queries(tmp_path / "things.sql")


def test_missing_query_says_which_there_are() -> None:
    with pytest.raises(SqlMissing, match=r"no query 'lok' in migrations.sql.*lock"):
        queries.get("migrations", "lok")


def test_missing_file() -> None:
    with pytest.raises(SqlMissing, match=r"nowhere\.sql"):
        queries.get("nowhere", "lock")


@pytest.mark.parametrize("file", sorted(sql_directory("queries").glob("*.sql")), ids=str)
async def test_postgresql_understands_ours(file: Path, database: str) -> None:
    """Every query of ours is accepted by a migrated database, columns and types included."""
    connection = await asyncpg.connect(database)
    try:
        for name, query in queries.read_queries(file).items():
            if not query.startswith(("CREATE", "LOCK", "COPY", "ANALYZE", "SET")):
                assert await connection.prepare(query), name
    finally:
        await connection.close()
