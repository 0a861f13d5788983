"""The indexer: what each account did, and its totals of each day, kept up behind the journal.

Two more keys on the table of transfers would make posting four times slower. So what statements
and balances of the past need follows here, step by step, behind a cursor that moves in the same
transaction, and readers add the rows after the cursor themselves (sql/queries/accounts.sql).

    lag small             nothing: a reader adds it up in a millisecond
    lag, little is posted one step, of all there is
    lag, much is posted   it grows first: a step over more transfers costs less for each

The sorting and adding up is done in a thread (pg/postings.py), while others get their turns.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from ledger.core.faults import LedgerFault, StoreUnavailable
from ledger.pg import queries
from ledger.pg.pool import Database
from ledger.pg.postings import CHUNK_COLUMNS, Postings, fitting, pack_chunks, total_days

if TYPE_CHECKING:
    import asyncpg

LAGS = queries.get("indexer", "lags")
SETTINGS: Final = [
    queries.get("indexer", name) for name in ("set_patience", "set_asynchronous")
]
BEGIN_CURSOR = queries.get("follower", "begin_cursor")
LOCK_CURSOR = queries.get("follower", "lock_cursor")
MOVE_CURSOR = queries.get("follower", "move_cursor")
LAST_SEQUENCE = queries.get("indexer", "last_sequence")
IS_WHOLE = queries.get("indexer", "is_whole")
CLEAR = [queries.get("indexer", name) for name in ("clear_transfers", "clear_days")]
POSTINGS = queries.get("indexer", "postings")
KEEP_DAYS = queries.get("indexer", "keep_days")
HAS_PARTITION = queries.get("indexer", "has_partition")
ADD_PARTITION = queries.get("indexer", "add_partition")

CURSOR: Final = "accounts"
PART: Final = 2**22  # Sequences that are totalled apart (migration 0009).
PARTS: Final = 4  # In a partition (migration 0009).
LAG_MIN: Final = 2**13  # Below it a step would cost more than it saves readers.
LAG_MAX: Final = 2**19  # At it a step is made however much is posted.
STEP_MAX: Final = 2**19  # Transfers of a step: some 100 MB, for a second.
COPY_BYTES: Final = 2**18  # Handed over at once.
DAYS_AT_ONCE: Final = 2**12  # Rows of a statement; encoding them takes some milliseconds.
ROUNDS_OF_GROWTH: Final = 16  # What is posted meanwhile is waited for.
LEDGERS_MAX: Final = 1_000  # In one round.

_log = logging.getLogger(__name__)


class Indexer:
    """Keeps the account index of all ledgers up. `run` it once per process.

    Args:
        lag_min: transfers that are left to readers.
        part: sequences that are totalled apart; as in PgReads, and always the same.
    """

    def __init__(
        self,
        database: Database,
        *,
        poll_s: float = 1.0,
        lag_min: int = LAG_MIN,
        step_max: int = STEP_MAX,
        part: int = PART,
    ) -> None:
        self._database = database
        self._poll_s = poll_s
        self._lag_min = lag_min
        self._step_max = step_max
        self._part = part
        self._seen: dict[int, int] = {}
        self._whole: set[int] = set()
        self._lag = 0

    @property
    def lag(self) -> int:
        """Transfers after the cursor, in the ledger with most, when it last looked."""
        return self._lag

    async def run(self) -> None:
        """Follow all ledgers until cancelled."""
        while True:
            try:
                await self.round()
            except StoreUnavailable as fault:
                _log.warning("the account index waits for the database", exc_info=fault)
            await asyncio.sleep(self._poll_s)

    async def round(self) -> None:
        """Catch up with every ledger whose lag is worth it."""
        seen = self._seen
        rows = await self._database.fetch(LAGS, LEDGERS_MAX)
        self._seen = {row["ledger_id"]: row["last"] for row in rows}
        self._lag = max((row["last"] - row["done"] for row in rows), default=0)
        for row in rows:
            ledger_id = row["ledger_id"]
            grown = row["last"] - seen.get(ledger_id, row["last"])
            enough = min(LAG_MAX, max(self._lag_min, ROUNDS_OF_GROWTH * grown))
            try:
                lag = row["last"] - await self._begin(ledger_id, row["done"])
                while lag >= enough:
                    lag = await self.step(ledger_id)
            except LedgerFault as fault:
                _log.error("the account index of a ledger cannot be kept up", exc_info=fault)

    async def _begin(self, ledger_id: int, done: int) -> int:
        """How far a ledger is, seen to be so once in this process; else it begins anew."""
        if ledger_id in self._whole:
            return done
        if done and not await self._database.fetchval(IS_WHOLE, ledger_id, done):
            _log.warning("the account index of ledger %s is made anew", ledger_id)
            async with self._database.transaction() as session:
                await session.fetchval(LOCK_CURSOR, ledger_id, CURSOR)
                await session.execute(MOVE_CURSOR, ledger_id, CURSOR, 0)
            done = 0
        self._whole.add(ledger_id)
        return done

    async def step(self, ledger_id: int) -> int:
        """One transaction: all there is, up to a bound; returns how much is left."""
        async with self._database.transaction() as session:
            for setting in SETTINGS:
                await session.execute(setting)
            await session.execute(BEGIN_CURSOR, ledger_id, CURSOR)
            done: int = await session.fetchval(LOCK_CURSOR, ledger_id, CURSOR)
            if done == 0:
                for clear in CLEAR:
                    await session.execute(clear, ledger_id)
            last: int = await session.fetchval(LAST_SEQUENCE, ledger_id) or 0
            part = done // self._part
            end = min(last, done + self._step_max, (part + 1) * self._part)
            needed = {done // (PARTS * PART), part // PARTS}
            missing = [n for n in needed if not await session.fetchval(HAS_PARTITION, n)]
            if end > done and not missing:
                done = await _keep(session, ledger_id, done, end, part)
                await session.execute(MOVE_CURSOR, ledger_id, CURSOR, done)
        if missing:
            async with self._database.administrator() as owner:
                for number in missing:
                    await owner.execute(ADD_PARTITION, number)
        return last - done


async def _keep(
    session: "asyncpg.Connection[asyncpg.Record]",
    ledger_id: int,
    done: int,
    end: int,
    part: int,
) -> int:
    """Write what accounts did after `done`; returns up to where: `end`, or while sums fit."""
    copied = bytearray()

    async def take(data: bytes) -> None:
        copied.extend(data)

    await session.copy_from_query(POSTINGS, ledger_id, done, end, output=take, format="binary")
    postings = await asyncio.to_thread(Postings.of, copied)
    end = min(end, fitting(postings))
    if postings.sequence.max() > end:
        postings = postings.until(end)
    packed = await asyncio.to_thread(lambda: list(pack_chunks(ledger_id, postings)))
    await session.copy_to_table(
        "account_transfers",
        schema_name="tequio",
        columns=CHUNK_COLUMNS,
        source=_slices(packed),
        format="binary",
    )
    days = await asyncio.to_thread(total_days, postings)
    for first in range(0, len(days.account), DAYS_AT_ONCE):
        columns = [column[first : first + DAYS_AT_ONCE].tolist() for column in days]
        await session.execute(KEEP_DAYS, ledger_id, part, *columns)
    return end


async def _slices(packed: "list[memoryview | bytes]") -> AsyncIterator[bytes]:
    """As asyncpg takes them, with a turn of the loop after each."""
    for data in packed:
        for first in range(0, len(data), COPY_BYTES):
            yield data[first : first + COPY_BYTES]  # type: ignore[misc] # Any buffer will do.
            await asyncio.sleep(0)
