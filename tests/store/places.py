"""Two places a ledger can be kept in, as the contract test sees them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import asyncpg
import pytest

from ledger.core.faults import OutcomeUnknown, StoreUnavailable
from ledger.core.ports import Keys, Reads
from ledger.core.store import Group, Store
from ledger.memory.database import MemoryDatabase
from ledger.memory.keys import MemoryKeys
from ledger.memory.reads import MemoryReads
from ledger.memory.store import MemoryStore
from ledger.pg.follower import Follower
from ledger.pg.keys import PgKeys
from ledger.pg.pool import Database
from ledger.pg.reads import PgReads
from ledger.pg.store import PgStore

WAIT_S = 20.0  # What takes longer than this never comes.
PROBE = "probe of standbys"

Hook = Callable[[int], Awaitable[None]]


class Place(Protocol):
    reads: Reads
    keys: Keys

    def store(self, before_commit: Hook | None = None) -> Store:
        """A store as another process would have it."""
        ...

    async def lose_session(self, store: Store, ledger_id: int) -> None:
        """Let the next commit of a writer find its session gone."""
        ...

    async def commit_cut_off(self, store: Store, group: Group) -> None:
        """Commit, and lose the session when all is written but the COMMIT."""
        ...

    async def commit_unheard(self, store: Store, group: Group) -> None:
        """Commit, and lose the session after it took effect."""
        ...


class MemoryPlace:
    def __init__(self) -> None:
        self.database = MemoryDatabase()
        self.reads: Reads = MemoryReads(self.database)
        self.keys: Keys = MemoryKeys(self.database)

    def store(self, before_commit: Hook | None = None) -> Store:
        return MemoryStore(self.database, before_commit=before_commit)

    async def lose_session(self, store: Store, ledger_id: int) -> None:
        assert isinstance(store, MemoryStore)
        store.fail_next_commit(before=StoreUnavailable("the session was lost"))

    async def commit_cut_off(self, store: Store, group: Group) -> None:
        assert isinstance(store, MemoryStore)
        store.fail_next_commit(before=OutcomeUnknown("the session was lost"))
        await store.commit(group)

    async def commit_unheard(self, store: Store, group: Group) -> None:
        assert isinstance(store, MemoryStore)
        store.fail_next_commit(after=OutcomeUnknown("the answer was lost"))
        await store.commit(group)


class PgPlace:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.follower = Follower(database)
        self.reads: Reads = PgReads(database, self.follower)
        self.keys: Keys = PgKeys(database)
        self.stores: list[PgStore] = []

    def store(self, before_commit: Hook | None = None) -> Store:
        store = PgStore(self.database, before_commit=before_commit)
        self.stores.append(store)
        return store

    async def lose_session(self, store: Store, ledger_id: int) -> None:
        await end_writer(self.database.dsn, ledger_id)

    async def commit_cut_off(self, store: Store, group: Group) -> None:
        assert isinstance(store, PgStore)

        async def end(ledger_id: int) -> None:
            await end_writer(self.database.dsn, ledger_id)

        store.before_commit = end
        try:
            await store.commit(group)
        finally:
            store.before_commit = None

    async def commit_unheard(self, store: Store, group: Group) -> None:
        await commit_without_standby(
            self.database.dsn, store, group, "SELECT pg_terminate_backend($1)"
        )


async def end_writer(dsn: str, ledger_id: int) -> None:
    """End a writer's session from outside, and return when it is gone."""
    session = await asyncpg.connect(dsn)
    ended = await session.fetch(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = $1",
        f"tequio writer {ledger_id}",
    )
    await session.close()
    assert [row[0] for row in ended] == [True]


async def commit_without_standby(
    dsn: str, store: Store, group: Group, blow: str | None
) -> None:
    """Commit while the server waits for a standby that never comes, until `blow` hits.

    By then the commit has taken effect here; only the confirmation is missing. Without a
    blow the caller itself gives up.
    """
    session = await asyncpg.connect(dsn, server_settings={"synchronous_commit": "local"})
    try:
        await session.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        await session.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(WAIT_S):
            await _until_commits_wait(dsn, session)
            committing = asyncio.ensure_future(store.commit(group))
            waiting = await _waiting(session, f"tequio writer {group.before.ledger_id}")
            if blow is None:
                committing.cancel()
            else:
                await session.execute(blow, waiting)
            await committing
    finally:
        await session.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await session.execute("SELECT pg_reload_conf()")
        await session.close()


async def _until_commits_wait(dsn: str, session: "asyncpg.Connection") -> None:
    """Return when a commit really waits: a reload reaches the server's processes in turn."""
    probe = await asyncpg.connect(dsn, server_settings={"application_name": PROBE})

    async def write() -> None:
        while True:  # Until one of them waits, and the probe is ended.
            await probe.execute("SELECT pg_logical_emit_message(true, 'probe', '')")

    writing = asyncio.ensure_future(write())
    await session.execute("SELECT pg_terminate_backend($1)", await _waiting(session, PROBE))
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await writing


async def _waiting(session: "asyncpg.Connection", name: str) -> int:
    """The process of a session, once it waits for a standby."""
    while True:
        found: int | None = await session.fetchval(
            "SELECT pid FROM pg_stat_activity "
            "WHERE wait_event = 'SyncRep' AND application_name = $1",
            name,
        )
        if found is not None:
            return found
