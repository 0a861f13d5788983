"""What a process reaches outside: database, keys, signer. All of it outlives the process.

Every write may fail before it took effect, or after, or be the last thing the process does;
every read may fail, and takes its time.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextvars import Context
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

from ledger.core.asked import Caller
from ledger.core.faults import OutcomeUnknown, StoreUnavailable
from ledger.core.store import Group, Head
from ledger.journal.checkpoints import Checkpoint
from ledger.memory.keys import MemoryKeys
from ledger.memory.reads import MemoryReads
from ledger.memory.store import MemoryStore
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.notary import FileNotary
from tests.simulation.auditor.auditor import Auditor
from tests.simulation.auditor.forms import Broken

if TYPE_CHECKING:
    from tests.simulation.world import Process

T = TypeVar("T")


class Fault(StrEnum):
    """What may happen to something that is written outside a process."""

    BEFORE = "fails before it took effect"
    AFTER = "fails after it took effect"
    KILLED_BEFORE = "is never sent: the process is killed"
    KILLED_AFTER = "takes effect, and the process is killed"


async def elsewhere(work: Coroutine[Any, Any, T]) -> T:
    """What another machine does: it goes on when the one that asked for it is dead."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work, context=Context())
    task.add_done_callback(lambda done: done.cancelled() or done.exception(), context=Context())
    return await asyncio.shield(task)


class SimulatedStore(MemoryStore):
    """A process's sessions, which take their time and fail now and then."""

    def __init__(self, process: "Process") -> None:
        super().__init__(process.world.database, before_commit=self._hesitate)
        self._process = process
        self._refuse: set[int] = set()  # Ledgers whose next COMMIT is not carried out.

    async def _hesitate(self, ledger_id: int) -> None:
        """All is written but the COMMIT."""
        await self._process.world.take_time()
        if ledger_id in self._refuse:
            self._refuse.remove(ledger_id)
            raise OutcomeUnknown("no answer")

    async def commit(self, group: Group) -> None:
        """Rows, then COMMIT: two places where it may fail, each before and after."""
        process, ledger_id = self._process, group.before.ledger_id
        fault = process.world.fault("COPY", process.number)
        if fault in (Fault.KILLED_BEFORE, Fault.KILLED_AFTER):
            await process.die()  # Without COMMIT it is nothing either way.
        if fault is not None:
            await self.release(ledger_id)
            raise StoreUnavailable("the COPY failed")

        async def commit() -> None:
            await MemoryStore.commit(self, group)

        def unsent() -> Exception:
            return OutcomeUnknown("no answer")

        if process.world.random.random() < process.world.rates.write / 2:
            process.world.count("COMMIT is not carried out")
            process.world.say(f"      COMMIT of process {process.number} is not carried out")
            self._refuse.add(ledger_id)
        try:
            await process.outside("COMMIT", commit, before=unsent, after=unsent)
        except (OutcomeUnknown, StoreUnavailable):
            self._refuse.discard(ledger_id)
            await self.release(ledger_id)
            raise

    async def create(self, code: str) -> int | None:
        return await self._process.outside("create", lambda: MemoryStore.create(self, code))

    async def take(self, ledger_id: int, owner: str, *, epoch: int | None = None) -> Head:
        return await self._process.outside(
            "take", lambda: MemoryStore.take(self, ledger_id, owner, epoch=epoch)
        )

    async def keep_checkpoint(self, ledger_id: int, size: int, note: bytes) -> None:
        await self._process.outside(
            "checkpoint", lambda: MemoryStore.keep_checkpoint(self, ledger_id, size, note)
        )

    async def keep_chunk(
        self, ledger_id: int, size: int, number: int, data: bytes, digest: bytes
    ) -> None:
        await self._process.outside(
            "snapshot",
            lambda: MemoryStore.keep_chunk(self, ledger_id, size, number, data, digest),
        )

    async def drop_snapshots(self, ledger_id: int, keep: Collection[int]) -> None:
        await self._process.outside(
            "drop", lambda: MemoryStore.drop_snapshots(self, ledger_id, keep)
        )

    # ---- reads

    async def ledgers(self) -> Any:
        return await self._process.look(lambda: MemoryStore.ledgers(self))

    async def lookup(self, ledger_id: int, batches: Any) -> Any:
        return await self._process.look(lambda: MemoryStore.lookup(self, ledger_id, batches))

    async def used_references(self, ledger_id: int, references: Any, before: int) -> Any:
        return await self._process.look(
            lambda: MemoryStore.used_references(self, ledger_id, references, before)
        )

    async def past(self, ledger_id: int, sequences: Collection[int], before: int) -> Any:
        return await self._process.look(
            lambda: MemoryStore.past(self, ledger_id, sequences, before)
        )

    async def detail_salts(self, ledger_id: int, sequences: Collection[int]) -> Any:
        return await self._process.look(
            lambda: MemoryStore.detail_salts(self, ledger_id, sequences)
        )

    async def checkpoint(self, ledger_id: int) -> bytes:
        return await self._process.look(lambda: MemoryStore.checkpoint(self, ledger_id))

    async def snapshots(self, ledger_id: int) -> Any:
        return await self._process.look(lambda: MemoryStore.snapshots(self, ledger_id))

    async def chunks(self, ledger_id: int, size: int) -> Any:
        return await self._process.look(lambda: MemoryStore.chunks(self, ledger_id, size))

    async def leaves_from(self, ledger_id: int, start: int, end: int) -> AsyncIterator[Any]:
        async for some in super().leaves_from(ledger_id, start, end):
            yield await self._process.look(lambda some=some: _there(some))


async def _there(value: T) -> T:
    return value


class Announced:
    """A desk of which the auditor hears what it is asked to post."""

    def __init__(self, desk: Sequencer, auditor: Auditor) -> None:
        self._desk = desk
        self._auditor = auditor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk, name)

    async def post(self, ledger: str, asked: Any, caller: Caller, *, dry_run: bool) -> Any:
        self._auditor.sends(asked)
        return await self._desk.post(ledger, asked, caller, dry_run=dry_run)


class SimulatedReads(MemoryReads):
    """What a process reads besides its own ledgers: of what runs ask."""

    def __init__(self, process: "Process") -> None:
        super().__init__(process.world.database)
        self._process = process

    async def batch(self, ledger_id: int, batch: Any) -> Any:
        return await self._process.look(lambda: MemoryReads.batch(self, ledger_id, batch))

    async def balances_at(self, *asked: Any) -> Any:
        return await self._process.look(lambda: MemoryReads.balances_at(self, *asked))


class SimulatedKeys(MemoryKeys):
    """Keys, which a process writes as it writes all else."""

    def __init__(self, process: "Process") -> None:
        super().__init__(process.world.database)
        self._process = process

    async def add(self, digest: bytes, caller: Caller) -> None:
        await self._process.outside("key", lambda: MemoryKeys.add(self, digest, caller))

    async def revoke(self, ledger: str, key: str) -> bool:
        return await self._process.outside("key", lambda: MemoryKeys.revoke(self, ledger, key))


class SimulatedNotary(FileNotary):
    """The notary as it is, without a thread, on files in memory that all processes share.

    Its disk may be full, or fail once it was written, or be torn in the middle of a write.
    """

    def __init__(self, process: "Process") -> None:
        self._process = process
        self._signers = {}
        self._files = process.world.signer_files

    def close(self) -> None:
        """The files last as long as the world."""

    def _seed(self, path: Any) -> bytes:
        return sha256(b"seed").digest()

    def _path(self, origin: str, suffix: str) -> Any:
        return origin  # Of no file.

    @contextlib.contextmanager
    def _locked(self, origin: str) -> Any:
        if origin not in self._files:
            self._files[origin] = os.memfd_create("signed")
        yield self._files[origin]

    async def _in_thread(self, function: Callable[..., T], *args: Any, **_: Any) -> T:
        """Beside the process's own turns, as in a thread; a kill hits either side of it."""
        world = self._process.world
        fault = None
        if function == self._sign:
            fault = world.random.random() < world.rates.kill
        await world.take_time()
        if fault and world.random.random() < 0.5:
            world.count("signature is never asked for")
            await self._process.die()
        outcome = function(*args)
        if function == self._sign:
            try:
                world.auditor.signed(outcome)  # type: ignore[arg-type]
            except Broken as broken:
                world.broken = broken  # Whoever asked for the signature must not catch it.
                raise
        if fault:
            world.count("signature never leaves")
            await self._process.die()
        await world.take_time()
        return outcome

    def _remember(self, file: int, last: Any, checkpoint: Checkpoint) -> None:
        process = self._process
        world = process.world
        kinds = ["before", "after", "torn"]
        fault = (
            world.random.choice(kinds) if world.random.random() < world.rates.write / 3 else ""
        )
        if fault:
            process.signer_faults += 1
            world.count(f"signer's state {fault}")
            world.say(f"      the signer's disk of process {process.number} fails: {fault}")
        if fault == "before":
            raise OSError(28, "No space left on device")
        if fault == "torn":
            turn = 0 if last is None else last.turn + 1
            os.pwrite(file, b"torn" * 64, 512 * (turn % 2))
            raise OSError(5, "Input/output error")
        super()._remember(file, last, checkpoint)
        if fault == "after":
            raise OSError(5, "Input/output error")
