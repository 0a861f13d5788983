"""The store in PostgreSQL: one transaction for each group, and one writer for each ledger.

    take    the old writer's sessions end -> the epoch goes up -> the head is read
    commit  BEGIN -> rows -> the head moves, if it is where we left it -> COMMIT

The head is moved last, by compare-and-swap over its size, root and epoch. A COMMIT is neither
cancelled nor timed out: whoever cannot wait for its answer drops the connection, takes the
ledger again and reads what became of it. Everything else reads by the pool, so it sees what
is committed and nothing more.
"""

import asyncio
import contextlib
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from typing import TYPE_CHECKING, Final
from uuid import UUID

import asyncpg

from ledger.core.faults import (
    ClockAhead,
    JournalBroken,
    LedgerFault,
    OutcomeUnknown,
    StoreUnavailable,
    WriterReplaced,
)
from ledger.core.leaves import BatchPosted
from ledger.core.store import Group, Head, NewBatch, StoredBatch, StoredLeaf, StoredSnapshot
from ledger.core.terms import Past
from ledger.journal.canonical import decode_leaf
from ledger.journal.past import Told, tell
from ledger.pg import queries
from ledger.pg.batches import batches_by_id, batches_by_number
from ledger.pg.copy import COLUMNS, pack_transfers
from ledger.pg.frames import pack, unpack
from ledger.pg.pool import Database
from ledger.pg.rows import (
    INSERT_MAX,
    account_rows,
    batch_columns,
    checkpoint_size,
    count_transfers,
    detail_rows,
    is_small,
    link_rows,
    places,
    proposal_rows,
    reference_rows,
    resolution_rows,
    snapshot_columns,
    tile_rows,
    transfer_columns,
)
from ledger.pg.sqlstates import ERRORS, answering

if TYPE_CHECKING:
    from asyncpg import Record

    from ledger.pg.pool import Connection

END_SESSIONS = queries.get("writer", "end_sessions")
TAKE = queries.get("writer", "take")
INSERT_TRANSFERS = queries.get("writer", "insert_transfers")
INSERT_LEAVES = queries.get("writer", "insert_leaves")
INSERT_BATCHES = queries.get("writer", "insert_batches")
INSERT_ACCOUNTS = queries.get("writer", "insert_accounts")
INSERT_REFERENCES = queries.get("writer", "insert_references")
INSERT_DETAILS = queries.get("writer", "insert_details")
INSERT_LINKS = queries.get("writer", "insert_links")
INSERT_RESOLUTIONS = queries.get("writer", "insert_resolutions")
INSERT_TILES = queries.get("writer", "insert_tiles")
INSERT_PROPOSALS = queries.get("writer", "insert_proposals")
DELETE_PROPOSALS = queries.get("writer", "delete_proposals")
INSERT_SNAPSHOTS = queries.get("writer", "insert_snapshots")
MOVE_HEAD = queries.get("writer", "move_head")
WRITE_POSTS = queries.get("writer", "write_posts")
LEDGERS = queries.get("store", "ledgers")
CREATE_LEDGER = queries.get("store", "create_ledger")
CREATE_HEAD = queries.get("store", "create_head")
FIND_UNOPENED = queries.get("store", "find_unopened")
HEAD = queries.get("store", "head")
USED_REFERENCES = queries.get("store", "used_references")
PAST = queries.get("store", "past")
DETAIL_SALTS = queries.get("store", "detail_salts")
PROPOSALS = queries.get("store", "proposals")
KEEP_CHECKPOINT = queries.get("store", "keep_checkpoint")
CHECKPOINT = queries.get("store", "checkpoint")
TILE = queries.get("store", "tile")
LINES = queries.get("store", "lines")
REPLAY = queries.get("store", "replay")
SNAPSHOTS = queries.get("store", "snapshots")
DROP_OTHER_CHUNK = queries.get("store", "drop_other_chunk")
KEEP_CHUNK = queries.get("store", "keep_chunk")
CHUNKS = queries.get("store", "chunks")
CHUNK = queries.get("store", "chunk")
DROP_SNAPSHOTS = queries.get("store", "drop_snapshots")

BEGIN: Final = "BEGIN"
COMMIT: Final = "COMMIT"
ROLLBACK: Final = "ROLLBACK"

CLOCK_AHEAD_MAX_US: Final = 60_000_000
# Named in a COPY, so that it bears a column that a later release adds.
TRANSFER_COLUMNS: Final = [name for name, _ in COLUMNS]
LEAF_COLUMNS: Final = ["ledger_id", "leaf_index", "line", "hash"]
ACCOUNT_COLUMNS: Final = [
    "ledger_id",
    "number",
    "code",
    "currency",
    "nature",
    "kind",
    "holder",
]
END_WAIT_MS: Final = 10_000  # For each session of an old writer.
END_TRIES_MAX: Final = 10
REPLAY_LEAVES: Final = 4_096
REPLAY_BYTES: Final = 2_000_000  # Of lines and compressed bodies, for one page.
PAGE_BYTES: Final = 16_000_000  # Of lines and bodies given out at once.

Hook = Callable[[int], Awaitable[None]]


class _Writer:
    """The session that writes one ledger, and the warnings it got."""

    def __init__(self, session: "Connection") -> None:
        self.session = session
        self.warnings: list[str] = []
        session.add_log_listener(self._hear)

    def _hear(self, _: object, message: asyncpg.PostgresLogMessage) -> None:
        if getattr(message, "severity_en", None) == "WARNING":
            self.warnings.append(str(message))


class PgStore:
    """Store (core/store.py) in a database.

    Args:
        before_commit: called with the ledger when all but the COMMIT is done. For tests.
    """

    def __init__(self, database: Database, *, before_commit: Hook | None = None) -> None:
        self._database = database
        self._writers: dict[int, _Writer] = {}
        self._pids: dict[int, int] = {}  # Of the last session that wrote each ledger.
        self.before_commit = before_commit

    async def ledgers(self) -> list[tuple[int, str]]:
        return [(row["ledger_id"], row["code"]) for row in await self._database.fetch(LEDGERS)]

    async def create(self, code: str) -> int | None:
        async with self._database.transaction() as session:
            await session.execute(CREATE_LEDGER, code)
            await session.execute(CREATE_HEAD, code)
            ledger_id: int | None = await session.fetchval(FIND_UNOPENED, code)
            return ledger_id

    # ---- one writer

    async def take(self, ledger_id: int, owner: str, *, epoch: int | None = None) -> Head:
        """Become the writer of a ledger; KeyError when there is no such ledger.

        `owner` should name this process and no other: it may repeat a `take` with `epoch`
        whose answer was lost.
        """
        self._drop(ledger_id)
        head = await self._head(ledger_id)
        if epoch is not None and not epoch <= head.epoch <= epoch + 1:
            raise WriterReplaced(f"ledger {ledger_id}", f"epoch {head.epoch}, not {epoch}")
        name = f"tequio writer {ledger_id}"
        if epoch is None:
            await self._end_sessions(name)
        elif head.epoch == epoch and ledger_id in self._pids:
            # Only our own, which may not have noticed: the others' may be our successor's.
            await self._end_sessions(name, self._pids[ledger_id])
        session = await self._database.writer(name)
        try:
            self._pids[ledger_id] = session.get_server_pid()
            with answering():
                writer = _Writer(session)
                row = await session.fetchrow(TAKE, ledger_id, owner, epoch)
            if row is None:
                raise WriterReplaced(f"ledger {ledger_id}", f"no longer at epoch {epoch}")
        except BaseException:
            session.terminate()
            raise
        self._writers[ledger_id] = writer
        return Head(ledger_id=ledger_id, size=row["size"], root=row["root"], epoch=row["epoch"])

    async def release(self, ledger_id: int) -> None:
        self._drop(ledger_id)

    def _drop(self, ledger_id: int) -> None:
        """End a writer's session without a word; what it had not committed is undone."""
        writer = self._writers.pop(ledger_id, None)
        if writer is not None:
            writer.session.terminate()

    async def _end_sessions(self, name: str, pid: int | None = None) -> None:
        """Return once all sessions of this name, or the one, that were there have ended.

        An old writer that lives connects again at once. It must not be waited for: what it
        has not committed by the `take` that follows, it cannot commit after it.

        Raises:
            StoreUnavailable: one of them does not end.
        """
        async with self._database.administrator() as session:
            for _ in range(END_TRIES_MAX):
                found = await session.fetch(END_SESSIONS, name, END_WAIT_MS, pid)
                if all(row["ended"] for row in found):
                    return
        raise StoreUnavailable("a session of the writer before does not end", name)

    async def _head(self, ledger_id: int) -> Head:
        row = await self._database.fetchrow(HEAD, ledger_id)
        if row is None:
            raise KeyError(ledger_id)
        return Head(ledger_id=ledger_id, size=row["size"], root=row["root"], epoch=row["epoch"])

    # ---- one transaction for a group

    async def commit(self, group: Group) -> None:
        """Commit a group (core/store.py).

        Cancelling it is safe at any time: before the COMMIT nothing is recorded, and at the
        COMMIT the outcome is unknown. Either way the ledger must be taken again.
        """
        before = group.before
        writer = self._writers.get(before.ledger_id)
        if writer is None:
            unable = StoreUnavailable("the ledger was not taken, or its session was lost")
            raise await self._replaced(before) or unable
        try:
            with answering():
                await self._write(writer.session, group)
                if self.before_commit is not None:
                    await self.before_commit(before.ledger_id)
        except (WriterReplaced, ClockAhead, JournalBroken) as fault:
            await self._roll_back(before.ledger_id, writer)
            if isinstance(fault, JournalBroken):
                raise await self._moved(before) or fault from fault
            raise
        except StoreUnavailable as fault:
            self._drop(before.ledger_id)
            raise await self._replaced(before) or fault from fault
        except BaseException:
            self._drop(before.ledger_id)
            raise
        await self._commit(before.ledger_id, writer)

    async def _write(self, session: "Connection", group: Group) -> None:
        """Everything of a group up to its COMMIT. The head is moved last, or with all else."""
        before, after = group.before, group.after
        assert len(group.leaves) == len(group.hashes) == after.size - before.size, "one group"
        await session.execute(BEGIN)
        if is_small(group):
            clock_us = await self._write_posts(session, group)
        else:
            clock_us = await self._write_all(session, group)
        if clock_us is None:
            fact = f"not at size {before.size} any more"
            raise WriterReplaced(f"ledger {before.ledger_id}", fact)
        if group.recorded_at > clock_us + CLOCK_AHEAD_MAX_US:
            raise ClockAhead(f"{(group.recorded_at - clock_us) / 1e6:.0f} s")

    async def _write_posts(self, session: "Connection", group: Group) -> int | None:
        """A small group of nothing but batches, in one round trip; the database's clock."""
        before, after = group.before, group.after
        clock_us: int | None = await session.fetchval(
            WRITE_POSTS,
            before.ledger_id,
            *transfer_columns(group.batches),
            list(range(before.size, after.size)),
            list(group.leaves),
            list(group.hashes),
            *batch_columns(group.batches),
            checkpoint_size(group.checkpoint) if group.checkpoint else 0,
            group.checkpoint,
            *places(group),
        )
        return clock_us

    async def _write_all(self, session: "Connection", group: Group) -> int | None:
        """Any group, a table after the other, the head last; the database's clock."""
        before, after = group.before, group.after
        ledger_id = before.ledger_id
        await self._write_transfers(session, ledger_id, group.batches)
        await self._write_leaves(session, ledger_id, range(before.size, after.size), group)
        for query, columns in (
            (INSERT_BATCHES, batch_columns(group.batches)),
            (INSERT_SNAPSHOTS, snapshot_columns(before.size, group.leaves)),
            (INSERT_TILES, [list(c) for c in zip(*tile_rows(group), strict=True)]),
            (INSERT_REFERENCES, [list(c) for c in zip(*reference_rows(group), strict=True)]),
            (INSERT_DETAILS, [list(c) for c in zip(*detail_rows(group), strict=True)]),
            (INSERT_LINKS, [list(c) for c in zip(*link_rows(group), strict=True)]),
            (INSERT_RESOLUTIONS, [list(c) for c in zip(*resolution_rows(group), strict=True)]),
            (INSERT_PROPOSALS, [list(c) for c in zip(*proposal_rows(group), strict=True)]),
            (DELETE_PROPOSALS, [list(group.settled)]),
        ):
            if columns and columns[0]:
                await session.execute(query, ledger_id, *columns)
        if group.checkpoint:
            size = checkpoint_size(group.checkpoint)
            await session.execute(KEEP_CHECKPOINT, ledger_id, size, group.checkpoint)
        # Last: who finds the head elsewhere has recorded nothing.
        clock_us: int | None = await session.fetchval(MOVE_HEAD, ledger_id, *places(group))
        return clock_us

    async def _write_leaves(
        self, session: "Connection", ledger_id: int, indexes: Sequence[int], group: Group
    ) -> None:
        """The leaves and the accounts they open, by COPY where there are many."""
        rows = list(zip(indexes, group.leaves, group.hashes, strict=True))
        for table, names, query, some in (
            ("leaves", LEAF_COLUMNS, INSERT_LEAVES, rows),
            ("accounts", ACCOUNT_COLUMNS, INSERT_ACCOUNTS, account_rows(group)),
        ):
            if len(some) > INSERT_MAX:
                await session.copy_records_to_table(
                    table,
                    schema_name="tequio",
                    columns=names,
                    records=[(ledger_id, *row) for row in some],
                )
            elif some:
                columns = [list(column) for column in zip(*some, strict=True)]
                await session.execute(query, ledger_id, *columns)

    async def _write_transfers(
        self, session: "Connection", ledger_id: int, new: Sequence[NewBatch]
    ) -> None:
        count = count_transfers(new)
        if count > INSERT_MAX:
            stream = _handed_over(pack_transfers(ledger_id, new))
            await session.copy_to_table(
                "transfers",
                schema_name="tequio",
                columns=TRANSFER_COLUMNS,
                source=stream,
                format="binary",
            )
        elif count:
            await session.execute(INSERT_TRANSFERS, ledger_id, *transfer_columns(new))

    async def _commit(self, ledger_id: int, writer: _Writer) -> None:
        """Send COMMIT and believe nothing but a plain yes.

        From here on the group may be durable whatever we hear. A failure below loses the
        answer, not the money.
        """
        writer.warnings.clear()
        ending = asyncio.ensure_future(writer.session.execute(COMMIT))
        try:
            tag = await asyncio.shield(ending)
        except ERRORS as error:
            self._drop(ledger_id)
            raise OutcomeUnknown(f"ledger {ledger_id}", error) from error
        except BaseException:
            # The session is dropped, not the COMMIT cancelled: a request to cancel could
            # reach a server that waits for its standby, and make it stop waiting.
            ending.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._drop(ledger_id)
            raise
        if tag != COMMIT or writer.warnings:
            self._drop(ledger_id)
            raise OutcomeUnknown(f"ledger {ledger_id}", tag, *writer.warnings)

    async def _roll_back(self, ledger_id: int, writer: _Writer) -> None:
        try:
            with answering():
                await writer.session.execute(ROLLBACK)
        except LedgerFault:
            self._drop(ledger_id)
        except BaseException:
            self._drop(ledger_id)
            raise

    async def _replaced(self, before: Head) -> WriterReplaced | None:
        """A fault when another took the ledger; None when not, or when nobody can tell."""
        with contextlib.suppress(StoreUnavailable, KeyError):
            epoch = (await self._head(before.ledger_id)).epoch
            if epoch != before.epoch:
                return WriterReplaced(f"ledger {before.ledger_id}", f"taken at epoch {epoch}")
        return None

    async def _moved(self, before: Head) -> WriterReplaced | None:
        """A fault when the head is not where we left it; None as for `_replaced`."""
        with contextlib.suppress(StoreUnavailable, KeyError):
            head = await self._head(before.ledger_id)
            if head != before:
                return WriterReplaced(f"ledger {before.ledger_id}", f"at size {head.size}")
        return None

    # ---- reading

    async def lookup(
        self, ledger_id: int, batches: Collection[UUID]
    ) -> Mapping[UUID, StoredBatch]:
        return await batches_by_id(self._database, ledger_id, batches)

    async def used_references(
        self, ledger_id: int, references: Collection[tuple[str, str]], before: int
    ) -> set[tuple[str, str]]:
        if not references:
            return set()
        sources, texts = zip(*references, strict=True)
        rows = await self._database.fetch(
            USED_REFERENCES, ledger_id, list(sources), list(texts), before
        )
        return {(row["source"], row["reference"]) for row in rows}

    async def past(
        self, ledger_id: int, sequences: Collection[int], before: int
    ) -> Mapping[int, Past]:
        if not sequences:
            return {}
        rows = await self._database.fetch(PAST, ledger_id, list(sequences), before)
        of_batch: dict[int, list[int]] = {}
        for row in rows:
            of_batch.setdefault(row["batch_number"], []).append(row["sequence"])
        told: dict[int, Told] = {}
        found = await batches_by_number(self._database, ledger_id, of_batch)
        for number, batch in found.items():  # Each is read once, however much of it is named.
            leaf = decode_leaf(batch.line)
            assert isinstance(leaf, BatchPosted), "what has rows was posted"
            told |= tell(batch.body, batch.outcomes, leaf.first_sequence, of_batch[number])
        return {row["sequence"]: _past(row, told[row["sequence"]]) for row in rows}

    async def detail_salts(
        self, ledger_id: int, sequences: Collection[int]
    ) -> Mapping[int, bytes]:
        rows = await self._database.fetch(DETAIL_SALTS, ledger_id, list(sequences))
        return {row["sequence"]: row["salt"] for row in rows}

    async def proposals(self, ledger_id: int) -> Mapping[UUID, bytes]:
        rows = await self._database.fetch(PROPOSALS, ledger_id)
        return {row["batch_id"]: unpack(row["asked"]) for row in rows}

    async def keep_checkpoint(self, ledger_id: int, size: int, note: bytes) -> None:
        await self._database.fetch(KEEP_CHECKPOINT, ledger_id, size, note)

    async def checkpoint(self, ledger_id: int) -> bytes:
        return await self._database.fetchval(CHECKPOINT, ledger_id) or b""

    async def tile(self, ledger_id: int, level: int, index: int) -> bytes | None:
        hashes: bytes | None = await self._database.fetchval(TILE, ledger_id, level, index)
        return hashes

    async def lines(self, ledger_id: int, start: int, end: int) -> list[bytes]:
        return [row["line"] for row in await self._database.fetch(LINES, ledger_id, start, end)]

    async def leaves_from(
        self, ledger_id: int, start: int, end: int
    ) -> AsyncIterator[Sequence[StoredLeaf]]:
        """Leaves with their bodies; no session is held while they are worked on."""
        while start < end:
            rows = await self._database.fetch(
                REPLAY, ledger_id, start, end, REPLAY_LEAVES, REPLAY_BYTES
            )
            if not rows:
                return
            page: list[StoredLeaf] = []
            size = 0
            for row in rows:
                body = unpack(row["body"] or b"")
                page.append(StoredLeaf(row["leaf_index"], row["line"], body))
                size += len(row["line"]) + len(body)
                if size >= PAGE_BYTES:
                    yield page
                    page, size = [], 0
            if page:
                yield page
            start = rows[-1]["leaf_index"] + 1

    # ---- snapshots

    async def snapshots(self, ledger_id: int) -> list[StoredSnapshot]:
        return [
            StoredSnapshot(leaf_index=row["leaf_index"], line=row["line"])
            for row in await self._database.fetch(SNAPSHOTS, ledger_id)
        ]

    @staticmethod
    def packed(data: bytes) -> bytes:
        return pack(data)

    async def keep_chunk(
        self, ledger_id: int, size: int, number: int, packed: bytes, digest: bytes
    ) -> None:
        async with self._database.transaction() as session:
            await session.execute(DROP_OTHER_CHUNK, ledger_id, size, number, digest)
            await session.execute(KEEP_CHUNK, ledger_id, size, number, digest, packed)

    async def chunks(self, ledger_id: int, size: int) -> list[tuple[int, bytes]]:
        rows = await self._database.fetch(CHUNKS, ledger_id, size)
        return [(row["number"], row["hash"]) for row in rows]

    async def chunk(self, ledger_id: int, size: int, number: int) -> bytes:
        data = await self._database.fetchval(CHUNK, ledger_id, size, number)
        if data is None:
            raise LookupError(f"no chunk {number} of a snapshot of size {size}")
        return unpack(data)

    async def drop_snapshots(self, ledger_id: int, keep: Collection[int]) -> None:
        await self._database.fetch(DROP_SNAPSHOTS, ledger_id, list(keep))


async def _handed_over(slices: Iterator[bytes | bytearray]) -> AsyncIterator[bytes]:
    """Slices as asyncpg takes them, with a turn of the loop after each, to send it."""
    for packed in slices:
        yield packed  # type: ignore[misc] # Any buffer will do.
        await asyncio.sleep(0)


def _past(row: "Record", told: Told) -> Past:
    return Past(
        debit=row["debit_account"],
        credit=row["credit_account"],
        amount=row["amount"],
        phase=row["phase"],
        taken=row["taken"],
        is_link=row["is_link"],
        kind=told.kind,
        beside=told.beside,
        is_beside=told.is_beside,
    )
