"""Snapshots on their way out and in: lines are made, read and hashed in other processes.

The posting process only copies what changes, and cuts columns into slices or puts slices
together, so that it makes no object for each account; lines, their bytes and hashes are made
or read, checked and taken apart beside it.
"""

import asyncio
import multiprocessing
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import msgspec

from ledger.core.faults import JournalBroken, StoreUnavailable
from ledger.core.frozen import Frozen, StateSlice
from ledger.core.leaves import Snapshot
from ledger.core.store import Store
from ledger.journal.canonical import decode_leaf
from ledger.journal.snapshots import CHUNK, Chunk, read_chunk, snapshot_root, write_chunk

Pack = Callable[[bytes], bytes]

KEPT = 2  # Snapshots; the older one serves where the newer does not hold.
FEW = 8  # Chunks that are read before a process that helps has started.
READERS_MAX = 8  # Processes.


class Snapshotter:
    """Writes and reads snapshots of many ledgers.

    They are written a chunk at a time, in one worker process that starts with the first
    snapshot; large ones are read by as many as there are cores, which end with it. Another
    executor may be given by tests.
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

    async def read(
        self, store: Store, ledger_id: int, size: int
    ) -> AsyncGenerator[tuple[bytes, StateSlice], None]:
        """The chunks of a snapshot in order: the hash of each, and its lines.

        Raises:
            JournalBroken: the bytes of a chunk are not those of its hash, or not in order.
            StoreUnavailable: the database or a worker process went away.
        """
        chunks = await store.chunks(ledger_id, size)
        if len(chunks) <= FEW:
            for number, digest in chunks:
                data = await store.chunk(ledger_id, size, number)
                yield digest, read_chunk(Chunk(data, digest))
            return
        count = min(os.cpu_count() or 1, READERS_MAX)
        readers = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
        loop = asyncio.get_running_loop()
        waiting: deque[tuple[bytes, asyncio.Future[bytes | str]]] = deque()
        try:
            for number, digest in chunks:
                data = await store.chunk(ledger_id, size, number)
                waiting.append((digest, loop.run_in_executor(readers, _columns, data, digest)))
                if len(waiting) > 2 * count:  # So many are in memory.
                    yield await _read(*waiting.popleft())
            while waiting:
                yield await _read(*waiting.popleft())
        except BrokenProcessPool as broken:
            raise StoreUnavailable("a process that read a snapshot ended", broken) from None
        finally:
            readers.shutdown(wait=False, cancel_futures=True)

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


def _columns(data: bytes, digest: bytes) -> bytes | str:
    """Runs in a worker process: the columns of a chunk, or what is wrong with it."""
    try:
        return msgspec.msgpack.encode(read_chunk(Chunk(data, digest)))
    except JournalBroken as broken:
        return "; ".join(map(str, broken.facts))


async def _read(
    digest: bytes, found: "asyncio.Future[bytes | str]"
) -> tuple[bytes, StateSlice]:
    columns = await found
    if isinstance(columns, str):
        raise JournalBroken(columns)
    return digest, msgspec.msgpack.decode(columns, type=StateSlice)
