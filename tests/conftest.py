"""What many tests share: one PostgreSQL for the whole run, a fresh database for each test."""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import hypothesis
import pytest

from ledger.pg.embedded import EmbeddedPostgres
from ledger.pg.migrations import migrate
from ledger.pg.sql_files import sql_directory

# The time of one example says more about the machine than about the code. Where a failure
# must repeat itself, in CI, the examples are always the same ones.
hypothesis.settings.register_profile(
    "tequio", deadline=None, print_blob=True, derandomize="CI" in os.environ
)
hypothesis.settings.load_profile("tequio")

# Files that take longest, which begin first: else one of them would be waited for at the end.
LONGEST = ("test_kill.py", "test_bench.py", "test_histories.py", "test_noticing.py")

T = TypeVar("T")
TEMPLATE = "tequio_template"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, everything else in the order in which it stands."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, whatever loop this thread has or had."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def pg_root() -> Iterator[Path]:
    """A folder that the server's user can reach; pytest's own are closed to others."""
    root = Path(tempfile.mkdtemp(prefix="tequio-test-"))
    root.chmod(0o711)
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="session")
def pg_server(pg_root: Path) -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL, stopped when the tests end."""
    with EmbeddedPostgres(pg_root / "server", settings={"shared_buffers": "64MB"}) as server:
        yield server


@pytest.fixture(scope="session")
def _template(pg_server: EmbeddedPostgres) -> str:
    """A database with our tables, from which the others are copied."""
    in_own_loop(execute(pg_server.dsn(), f"CREATE DATABASE {TEMPLATE}"))
    in_own_loop(migrate(pg_server.dsn(TEMPLATE), sql_directory("migrations")))
    return TEMPLATE


@pytest.fixture(scope="session")
def _database_numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def database(
    pg_server: EmbeddedPostgres, _template: str, _database_numbers: Iterator[int]
) -> Iterator[str]:
    """The address of a fresh, migrated database; dropped afterwards."""
    name = f"test_{next(_database_numbers)}"
    in_own_loop(execute(pg_server.dsn(), f"CREATE DATABASE {name} TEMPLATE {_template}"))
    yield pg_server.dsn(name)
    # Also with connections a failed test left behind.
    in_own_loop(execute(pg_server.dsn(), f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def empty_database(
    pg_server: EmbeddedPostgres, _database_numbers: Iterator[int]
) -> Iterator[str]:
    """The address of a fresh database without our tables; dropped afterwards."""
    name = f"test_{next(_database_numbers)}"
    in_own_loop(execute(pg_server.dsn(), f"CREATE DATABASE {name} TEMPLATE template0"))
    yield pg_server.dsn(name)
    in_own_loop(execute(pg_server.dsn(), f"DROP DATABASE {name} WITH (FORCE)"))
