"""Snapshots on their way out: made into lines and hashed in another process.

The posting process only copies what changes and cuts slices of columns, so that it makes no
object for each account; lines, their bytes and hashes are made beside it.
"""

import asyncio
import multiprocessing
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import msgspec

from ledger.core.book import Frozen, StateSlice
from ledger.core.faults import StoreUnavailable
from ledger.core.lines import Snapshot
from ledger.core.ports import Store
from ledger.journal.canonical import decode_leaf
from ledger.journal.snapshots import CHUNK, Chunk, snapshot_root, write_chunk

KEPT = 2  # Snapshots; the older one serves where the newer does not hold.


class Snapshotter:
    """Writes snapshots of many ledgers, one chunk at a time, in one worker process.

    The process starts with the first snapshot. Another executor may be given by tests.
    """

    def __init__(self, executor: Executor | None = None) -> None:
        self._executor = executor

    def close(self) -> None:
        """End the worker process."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

    async def write(self, store: Store, ledger_id: int, frozen: Frozen) -> bytes:
        """Keep all chunks of a snapshot and return its root.

        Raises:
            StoreUnavailable: the database or the worker process went away.
        """
        hashes: list[bytes] = []
        for start in range(0, frozen.count, CHUNK):
            chunk = await self._hashed(frozen.slice(start, start + CHUNK))
            number = len(hashes)
            await store.keep_chunk(ledger_id, frozen.size, number, chunk.data, chunk.hash)
            hashes.append(chunk.hash)
        return snapshot_root(hashes)

    async def _hashed(self, cut: StateSlice) -> Chunk:
        if self._executor is None:
            # Forking a process that has threads and sockets is not safe.
            spawn = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(1, mp_context=spawn)
        packed = msgspec.msgpack.encode(cut)
        loop = asyncio.get_running_loop()
        try:
            data, digest = await loop.run_in_executor(self._executor, _chunk, packed)
        except BrokenProcessPool as broken:
            self._executor = None
            raise StoreUnavailable("the snapshot process ended", broken) from None
        return Chunk(data, digest)

    async def drop_old(self, store: Store, ledger_id: int) -> None:
        """Forget all snapshots but the newest KEPT."""
        newest = (await store.snapshots(ledger_id))[:KEPT]
        lines = [decode_leaf(stored.line) for stored in newest]
        await store.drop_snapshots(
            ledger_id, [line.size for line in lines if isinstance(line, Snapshot)]
        )


def _chunk(packed: bytes) -> tuple[bytes, bytes]:
    """Runs in the worker process."""
    chunk = write_chunk(msgspec.msgpack.decode(packed, type=StateSlice).lines())
    return chunk.data, chunk.hash
