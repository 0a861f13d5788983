"""The database: a pool of sessions for reading, and single sessions for those who need one.

Sessions act as the role tequio_service, which may not change a journal. All find what they
want by a key, and plans are made for the values at hand: a plan kept from when a table was
small, or a guess about one that was never analysed, costs more than planning.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import asyncpg

from ledger.core.faults import StoreUnavailable
from ledger.pg.sqlstates import answering

if TYPE_CHECKING:  # These are generic in the stubs only.
    Connection = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
    PoolAcquireContext = asyncpg.pool.PoolAcquireContext[asyncpg.Record]

ROLE: Final = "tequio_service"
CONNECT_WAIT_S: Final = 10.0
ACQUIRE_WAIT_S: Final = 10.0  # For a free session of the pool.

COMMON: Final[Mapping[str, str]] = {
    "search_path": "tequio",
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",
    "synchronous_commit": "on",  # Also where the server's default would lose commits.
    "citus.override_table_visibility": "off",  # Else each new session costs it a second.
    "idle_in_transaction_session_timeout": "15s",
}
PLANNING: Final[Mapping[str, str]] = {
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "enable_seqscan": "off",
    "max_parallel_workers_per_gather": "0",  # Starting them takes longer than most reads.
    "work_mem": "32MB",  # Sums over all accounts stay in memory.
    "enable_bitmapscan": "off",  # It would read a whole range to sort it before a LIMIT.
}


class _Quiet(asyncpg.Connection):
    """A session that leaves nothing behind, so that nothing need be reset after each use."""

    def get_reset_query(self) -> str:
        return ""


class Database:
    """One PostgreSQL database, open between `open` and `close`, or in `async with`.

    Args:
        size: sessions for reading, at most.
        statement_s: seconds after which the server gives up a read.
    """

    def __init__(self, dsn: str, *, size: int = 8, statement_s: int = 60) -> None:
        self.dsn = dsn
        self._size = size
        self._statement_s = statement_s
        self._pool: Pool | None = None

    async def open(self) -> None:
        """Connect once, so that a wrong address or role shows at the start.

        Raises:
            StoreUnavailable, RoleRefused.
        """
        assert self._pool is None, "already open"
        with answering():
            self._pool = await asyncpg.create_pool(
                self.dsn,
                min_size=1,
                max_size=self._size,
                timeout=CONNECT_WAIT_S,
                connection_class=_Quiet,
                server_settings={
                    **COMMON,
                    **PLANNING,
                    "role": ROLE,
                    "application_name": "tequio",
                    "statement_timeout": f"{self._statement_s}s",
                },
            )

    async def close(self) -> None:
        """End the pool's sessions at once; what still waits for one gets StoreUnavailable."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # ---- one statement, a transaction of its own

    async def fetch(self, query: str, *values: object) -> "list[asyncpg.Record]":
        with answering():
            async with self._session() as session:
                rows: list[asyncpg.Record] = await session.fetch(query, *values)
                return rows

    async def fetchrow(self, query: str, *values: object) -> "asyncpg.Record | None":
        with answering():
            async with self._session() as session:
                row: asyncpg.Record | None = await session.fetchrow(query, *values)
                return row

    async def fetchval(self, query: str, *values: object) -> Any:
        """The first column of the first row, or None."""
        row = await self.fetchrow(query, *values)
        return None if row is None else row[0]

    # ---- more

    @asynccontextmanager
    async def transaction(self) -> "AsyncIterator[Connection]":
        """Several statements, for what may be done again when its end is unknown."""
        with answering():
            async with self._session() as session:
                work = session.transaction()
                await work.start()
                try:
                    yield session  # type: ignore[misc] # A proxy of a connection.
                except asyncio.CancelledError:
                    session.terminate()  # In the midst of a COPY it takes no ROLLBACK.
                    raise
                except BaseException:
                    await work.rollback()
                    raise
                await work.commit()

    async def writer(self, name: str) -> "Connection":
        """A session of its own for who writes a journal, by its application name."""
        settings = {
            "role": ROLE,
            "application_name": name,
            "lock_timeout": "10s",  # Nobody holds a head longer but one who is stuck.
            "statement_timeout": "0",  # A group is as large as it is.
        }
        return await self._connect({**COMMON, **PLANNING, **settings})

    @asynccontextmanager
    async def administrator(self) -> "AsyncIterator[Connection]":
        """A session of the login role itself, which may end sessions and analyse tables."""
        settings = {"application_name": "tequio administrator", "statement_timeout": "10min"}
        session = await self._connect({**COMMON, **settings})
        try:
            with answering():
                yield session
        finally:
            session.terminate()

    async def _connect(self, settings: Mapping[str, str]) -> "Connection":
        with answering():
            session: Connection = await asyncpg.connect(
                self.dsn, timeout=CONNECT_WAIT_S, server_settings=dict(settings)
            )
            return session

    def _session(self) -> "PoolAcquireContext":
        """A session of the pool; only where none is free, a wait with a timer and a task."""
        pool = self._opened()
        return pool.acquire(timeout=None if pool.get_idle_size() else ACQUIRE_WAIT_S)

    def _opened(self) -> "Pool":
        if self._pool is None:
            raise StoreUnavailable("the database is not open")
        return self._pool
