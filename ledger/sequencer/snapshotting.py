"""Snapshots on their way out: made into lines and hashed in another process.

The posting process only copies what changes and cuts slices of columns, so that it makes no
object for each account; lines, their bytes and hashes are made and packed beside it.
"""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import msgspec

from ledger.core.faults import StoreUnavailable
from ledger.core.frozen import Frozen, StateSlice
from ledger.core.leaves import Snapshot
from ledger.core.store import Store
from ledger.journal.canonical import decode_leaf
from ledger.journal.snapshots import CHUNK, snapshot_root, write_chunk

Pack = Callable[[bytes], bytes]

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
            cut = frozen.slice(start, start + CHUNK)
            packed, digest = await self._written(cut, store.packed)
            await store.keep_chunk(ledger_id, frozen.size, len(hashes), packed, digest)
            hashes.append(digest)
        return snapshot_root(hashes)

    async def _written(self, cut: StateSlice, pack: Pack) -> tuple[bytes, bytes]:
        """A chunk, packed, and its hash."""
        if self._executor is None:
            # Forking a process that has threads and sockets is not safe.
            spawn = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(1, mp_context=spawn)
        columns = msgspec.msgpack.encode(cut)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, _chunk, columns, pack)
        except BrokenProcessPool as broken:
            self._executor = None
            raise StoreUnavailable("the snapshot process ended", broken) from None

    async def drop_old(self, store: Store, ledger_id: int) -> None:
        """Forget all snapshots but the newest KEPT."""
        newest = (await store.snapshots(ledger_id))[:KEPT]
        lines = [decode_leaf(stored.line) for stored in newest]
        await store.drop_snapshots(
            ledger_id, [line.size for line in lines if isinstance(line, Snapshot)]
        )


def _chunk(columns: bytes, pack: Pack) -> tuple[bytes, bytes]:
    """Runs in the worker process. What goes back is packed, since it is so much less."""
    chunk = write_chunk(msgspec.msgpack.decode(columns, type=StateSlice).lines())
    return pack(chunk.data), chunk.hash
