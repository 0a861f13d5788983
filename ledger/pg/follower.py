"""The follower: what is kept up behind the journal, off the commit path.

References of transfers are in the bodies of batches. Where a ledger's references must be
unique they were written with the batch; for all other ledgers they follow here, behind a
cursor that moves in the same transaction as the rows, so that none is missing or there twice
after a crash. It works while a ledger rests, and at once when a reader asks.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import msgspec

from ledger.core.faults import JournalBroken, LedgerFault, StoreUnavailable
from ledger.core.leaves import Opening
from ledger.journal.canonical import decode_leaf
from ledger.pg import queries
from ledger.pg.frames import unpack
from ledger.pg.pool import Database

if TYPE_CHECKING:
    from asyncpg import Record

BEHIND = queries.get("follower", "behind")
LAG = queries.get("follower", "lag")
BEGIN_CURSOR = queries.get("follower", "begin_cursor")
LOCK_CURSOR = queries.get("follower", "lock_cursor")
MOVE_CURSOR = queries.get("follower", "move_cursor")
PAGE = queries.get("follower", "page")
SIZE_OF_ALL = queries.get("follower", "size_of_all")
ANALYZE = queries.get("follower", "analyze")
INSERT_REFERENCES = queries.get("writer", "insert_references")
LINES = queries.get("store", "lines")

CURSOR: Final = "references"
STEP_BATCHES: Final = 2_000
STEP_BYTES: Final = 250_000  # Of compressed bodies: some 7,000 transfers.
BEHIND_MAX: Final = 1_000  # Ledgers looked at in one round.
ANALYZE_FROM: Final = 1_000  # Leaves; then again at every doubling.

_log = logging.getLogger(__name__)


class Follower:
    """Keeps references and statistics up. `run` it once per process; `catch_up` when asked."""

    def __init__(self, database: Database, *, poll_s: float = 1.0) -> None:
        self._database = database
        self._poll_s = poll_s
        self._turns: dict[int, asyncio.Lock] = {}
        self._is_unique: dict[int, bool] = {}
        self._seen: dict[int, int] = {}
        self._analyzed = 0

    async def run(self) -> None:
        """Follow all ledgers until cancelled."""
        while True:
            try:
                await self.round()
            except StoreUnavailable as fault:
                _log.warning("the follower waits for the database", exc_info=fault)
            await asyncio.sleep(self._poll_s)

    async def round(self) -> None:
        """Catch up with ledgers that rested since the last round; a busy one gets one step."""
        seen = self._seen
        behind = await self._database.fetch(BEHIND, CURSOR, BEHIND_MAX)
        self._seen = {row["ledger_id"]: row["size"] for row in behind}
        for row in behind:
            ledger_id = row["ledger_id"]
            try:
                await self._while_it_rests(ledger_id, row["size"], seen.get(ledger_id))
            except JournalBroken as fault:
                _log.error("references of a ledger cannot be read", exc_info=fault)
        await self.analyze_if_grown()

    async def catch_up(self, ledger_id: int) -> None:
        """Return once the references of everything committed before this call are there.

        Raises:
            StoreUnavailable; JournalBroken when a body cannot be read.
        """
        lag = await self._database.fetchrow(LAG, ledger_id, CURSOR)
        if lag is None or lag["done"] >= lag["size"]:
            return
        async with self._turns.setdefault(ledger_id, asyncio.Lock()):
            while await self._step(ledger_id) < lag["size"]:
                pass

    async def _while_it_rests(self, ledger_id: int, size: int, seen: int | None) -> None:
        """One step, and more until all is there or the ledger is at work again."""
        async with self._turns.setdefault(ledger_id, asyncio.Lock()):
            while await self._step(ledger_id) < size and size == seen:
                lag = await self._database.fetchrow(LAG, ledger_id, CURSOR)
                if lag is None or lag["size"] != size:
                    return

    async def analyze_if_grown(self) -> bool:
        """Let PostgreSQL count anew once the journals have doubled; true when it did."""
        size = await self._database.fetchval(SIZE_OF_ALL)
        if size < max(ANALYZE_FROM, 2 * self._analyzed):
            return False
        async with self._database.administrator() as session:
            await session.execute(ANALYZE)
        self._analyzed = size
        return True

    async def _step(self, ledger_id: int) -> int:
        """One transaction: some batches' references, and the cursor behind them."""
        async with self._database.transaction() as session:
            await session.execute(BEGIN_CURSOR, ledger_id, CURSOR)
            done: int = await session.fetchval(LOCK_CURSOR, ledger_id, CURSOR)
            lag = await session.fetchrow(LAG, ledger_id, CURSOR)
            assert lag is not None, "a ledger with a cursor has a head"
            size: int = lag["size"]
            if done >= size:
                return done
            if ledger_id not in self._is_unique:
                row = await session.fetchrow(LINES, ledger_id, 0, 1)
                assert row is not None, "a journal that is not empty has a first leaf"
                opening = _read_opening(row["line"])
                self._is_unique[ledger_id] = opening.unique_references
            page: list[Record] = []
            if not self._is_unique[ledger_id]:
                page = await session.fetch(
                    PAGE, ledger_id, done, size, STEP_BATCHES, STEP_BYTES
                )
            found: list[tuple[str, str, int]] = []
            for row in page:
                found += references_of(row)
                await asyncio.sleep(0)  # Decoding a large batch takes some milliseconds.
            if found:
                columns = [list(column) for column in zip(*found, strict=True)]
                await session.execute(INSERT_REFERENCES, ledger_id, *columns)
            done = page[-1]["leaf_index"] + 1 if page else size
            await session.execute(MOVE_CURSOR, ledger_id, CURSOR, done)
            return done


class _Head(msgspec.Struct):
    source: str = ""


class _Referring(msgspec.Struct, gc=False):
    reference: str = ""


class _Posted(msgspec.Struct, gc=False):
    position: int
    sequence: int = 0  # 0: refused.


_heads: Final = msgspec.json.Decoder(_Head)
_referring: Final = msgspec.json.Decoder(_Referring)
_posted: Final = msgspec.json.Decoder(_Posted)


def references_of(row: "Record") -> list[tuple[str, str, int]]:
    """Source, reference and sequence of a batch's posted transfers that have a reference.

    The ledger wrote these lines itself and checked them then: only what is wanted is read.

    Raises:
        JournalBroken: the body cannot be read.
    """
    first: int = row["first_sequence"]
    head, _, lines = unpack(row["body"]).partition(b"\n")
    try:
        source = _heads.decode(head).source
        references = [t.reference for t in _referring.decode_lines(lines)]
        outcomes = _posted.decode_lines(unpack(row["outcomes"]))
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise JournalBroken(f"the body of leaf {row['leaf_index']}", error) from error
    if outcomes:
        sequences = [o.sequence for o in outcomes]
    else:
        sequences = list(range(first, first + len(references)))
    if len(sequences) != len(references):
        lines_and_outcomes = f"{len(references)} lines, {len(sequences)} outcomes"
        raise JournalBroken(f"the body of leaf {row['leaf_index']}", lines_and_outcomes)
    return [
        (source, reference, sequence)
        for reference, sequence in zip(references, sequences, strict=True)
        if reference and sequence
    ]


def _read_opening(line: bytes) -> Opening:
    try:
        leaf = decode_leaf(line)
    except LedgerFault as error:
        raise JournalBroken("the first leaf", error) from error
    if not isinstance(leaf, Opening):
        raise JournalBroken("the first leaf is no opening")
    return leaf
