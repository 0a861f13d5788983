"""The follower: what is kept up behind the journal, off the commit path.

References of transfers are in the bodies of batches. Where a ledger's references must be
unique they were written with the batch; for all other ledgers they follow here, behind a
cursor that moves in the same transaction as the rows, so that none is missing or there twice
after a crash. It works while a ledger rests, and at once when a reader asks.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from ledger.core.faults import JournalBroken, LedgerFault, StoreUnavailable
from ledger.core.lines import Opening
from ledger.journal.batches import read_body
from ledger.journal.canonical import decode_leaf, decode_outcomes
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
STEP_BYTES: Final = 1_000_000  # Of compressed bodies: some 40,000 transfers.
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
                if seen.get(ledger_id) == row["size"]:
                    await self.catch_up(ledger_id)
                else:
                    await self._step(ledger_id)
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


def references_of(row: "Record") -> list[tuple[str, str, int]]:
    """Source, reference and sequence of a batch's posted transfers that have a reference.

    Raises:
        JournalBroken: the body cannot be read.
    """
    first: int = row["first_sequence"]
    try:
        manifest, transfers = read_body(unpack(row["body"]))
        outcomes = decode_outcomes(unpack(row["outcomes"]))
    except LedgerFault as error:
        raise JournalBroken(f"the body of leaf {row['leaf_index']}", error) from error
    if outcomes:
        sequences = {o.position: o.sequence for o in outcomes if o.sequence is not UNSET}
    else:
        sequences = dict(enumerate(range(first, first + len(transfers))))
    source = "" if manifest.source is UNSET else manifest.source
    return [
        (source, transfer.reference, sequences[position])
        for position, transfer in enumerate(transfers)
        if transfer.reference and position in sequences
    ]


def _read_opening(line: bytes) -> Opening:
    try:
        leaf = decode_leaf(line)
    except LedgerFault as error:
        raise JournalBroken("the first leaf", error) from error
    if not isinstance(leaf, Opening):
        raise JournalBroken("the first leaf is no opening")
    return leaf
