"""The world around the ledger: what lasts, processes that come and go, and what goes wrong.

Every write that leaves a process (`Process.outside`) may fail before it took effect, or after,
or be the last thing the process does; what was sent goes on when its sender is dead. Signer
and database live longer than processes. Whatever happens is said in a line of the history.
"""

import asyncio
import contextlib
import itertools
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from ledger.core.asked import Caller
from ledger.core.faults import LedgerFault, OutcomeUnknown, StoreUnavailable
from ledger.core.store import Group, Head
from ledger.journal.checkpoints import Checkpoint
from ledger.memory.database import MemoryDatabase
from ledger.memory.keys import MemoryKeys
from ledger.memory.reads import MemoryReads
from ledger.memory.store import MemoryStore
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.notary import FileNotary
from ledger.sequencer.snapshotting import Snapshotter
from ledger.services.runs import Runs
from ledger.services.scheduler import Scheduler
from tests.simulation.auditor.auditor import Auditor
from tests.simulation.auditor.forms import Broken
from tests.simulation.auditor.reads import lives
from tests.simulation.loop import AtOnce, Life

T = TypeVar("T")

START = 1_700_000_000_000_000  # Microseconds since 1970.
ORIGIN = "example.org"
POLL_S = 0.1
ATTEMPTS_MAX = 200  # To start a process; after that something is wrong with the world.


class Cut(Exception):
    """The answer never came."""


class Fault(StrEnum):
    """What may happen to something that is written outside a process."""

    BEFORE = "fails before it took effect"
    AFTER = "fails after it took effect"
    KILLED_BEFORE = "is never sent: the process is killed"
    KILLED_AFTER = "takes effect, and the process is killed"


@dataclass(frozen=True)
class Rates:
    """How rough a history is: chances of faults for each write, and of more."""

    write: float = 0.0
    read: float = 0.0
    kill: float = 0.0
    lost: float = 0.0  # Answers.
    trouble: float = 0.0  # Of a step being the world's.

    @classmethod
    def chosen(cls, chance: random.Random) -> "Rates":
        return chance.choice(
            [
                cls(),
                cls(trouble=0.05),
                cls(write=0.05, read=0.01, kill=0.005, lost=0.05, trouble=0.05),
                cls(write=0.15, read=0.02, kill=0.02, lost=0.1, trouble=0.08),
                cls(write=0.3, read=0.05, lost=0.1, trouble=0.03),
            ]
        )

    @property
    def is_calm(self) -> bool:
        """Whether everything that is asked must be answered at once."""
        return self == Rates()


class World:
    """All that a history is about. Everything in it comes from the seed."""

    def __init__(self, seed: int, steps: int) -> None:
        self.random = random.Random(seed)
        self.steps = steps
        self.step = 0  # The last one that is over.
        self.begun = 0
        self.rates = Rates()  # Until everything is furnished.
        self.focus = ""  # The theme that is asked for most.
        self.history: list[str] = []
        self.faults: Counter[str] = Counter()
        self.answered: dict[str, None] = {}  # Commands.
        self.complaints: list[str] = []
        self.broken: Broken | None = None  # What was found inside a process.
        self.skew = 0  # Of the whole world's clocks, in microseconds, as those below.
        self.database_skew = 0
        self.poll_s = POLL_S  # Between looks at what is due of schedules.
        self.skews = {0: None}  # Those that any process's clock ever had, beside this.
        self.database = MemoryDatabase(now_us=self.database_now)
        self.auditor = Auditor(self.database)
        self.signer_files: dict[str, int] = {}
        self.processes: list[Process] = []  # Those that live, the newest last.
        self._numbers = itertools.count(1)
        self._latest = 0
        self.starting = asyncio.Lock()

    def close(self) -> None:
        for file in self.signer_files.values():
            os.close(file)

    # ---- the history

    def say(self, what: str) -> None:
        self.history.append(what)

    def takes_step(self) -> bool:
        """Whether one more step may begin."""
        self.begun += 1
        return self.begun <= self.steps

    def ends_step(self, who: str, what: str) -> None:
        """Say what a step was, and have everything audited."""
        if self.broken is not None:
            raise self.broken
        self.step += 1
        self.say(f"{self.step:5} {who}: {what}")
        self.audit()

    def audit(self) -> None:
        """The auditor looks at the journals, and at the live books that are no further."""
        self.auditor.step()
        process = self.serving
        if process is None:
            return
        for code in process.desk.ledgers():
            books = self.auditor.books(code)
            book = process.desk.facts(code)
            if books.is_at(book.size) and process.desk.writer(code).stopped is None:
                lives(books, book)

    # ---- time

    def now(self) -> int:
        """Microseconds since 1970, by a good clock."""
        return START + self.skew + int(asyncio.get_running_loop().time() * 1_000_000)

    def database_now(self) -> int:
        return self.now() + self.database_skew

    async def take_time(self) -> None:
        """Some milliseconds, or only a turn of the loop, or nothing."""
        kind = self.random.random()
        if kind < 0.4:
            await asyncio.sleep(self.random.random() / 50)
        elif kind < 0.8:
            await asyncio.sleep(0)

    # ---- processes

    @property
    def newest(self) -> "Process | None":
        """Who is asked. It may have been replaced by one that died since, and not know it."""
        ready = [process for process in self.processes if process.is_ready]
        return ready[-1] if ready else None

    @property
    def serving(self) -> "Process | None":
        """The newest, where nobody took anything from it."""
        newest = self.newest
        if newest is None or newest.is_troubled or newest.number != self._latest:
            return None
        return newest

    async def someone(self) -> "Process":
        """The newest process, started if need be; whoever stopped is started again."""
        for _ in range(ATTEMPTS_MAX):
            newest = self.newest
            if newest is not None and not newest.is_troubled:
                return newest
            async with self.starting:
                if newest is not self.newest:
                    continue  # Somebody was quicker.
                if newest is not None and newest.is_stopped:
                    self.kill(newest, "is ended by its operator")
                await self.start()
        raise AssertionError("no process ever starts")

    async def start(self) -> None:
        """One more process, which takes the ledgers over; under `starting`. It may fail."""
        self._latest = next(self._numbers)
        process = Process(self, self._latest)
        self.say(f"      process {process.number} starts")
        self.processes.append(process)
        try:
            await process.ask(process.desk.start)
        except Cut:
            await asyncio.sleep(self.random.random())
        except (LedgerFault, OSError) as fault:
            self.kill(process, f"ends, as it cannot start: {name_of(fault)}")
            await asyncio.sleep(self.random.random())
        else:
            process.is_ready = True
            process.keep_schedules()

    async def close_process(self, process: "Process") -> None:
        """A graceful stop, after which nothing may be left."""
        try:
            await process.ask(process.stop)
            for _ in range(ATTEMPTS_MAX):
                if not process.requests:
                    break
                await asyncio.sleep(0.1)
            for _ in range(3):
                await asyncio.sleep(0)
        except Cut:
            return
        if process.has_ended:  # It was killed while it answered the last ones.
            return
        self.complaints += [f"left behind: {task.get_coro()}" for task in process.tasks]
        self.kill(process, "has stopped")

    def kill(self, process: "Process", why: str) -> None:
        """End it as kill -9 would: nothing of it runs any more, nobody is answered."""
        if process.has_ended:
            return
        self.say(f"      process {process.number} {why}")
        self.processes.remove(process)
        process.has_ended = True
        for answer in process.unanswered:
            if not answer.done():
                answer.set_exception(Cut("killed"))

    # ---- faults

    def fault(self, what: str, number: int) -> Fault | None:
        """What happens to a write of a process this time."""
        chance = self.random.random()
        if chance < self.rates.kill:
            fault = self.random.choice([Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
        elif chance < self.rates.kill + self.rates.write:
            fault = self.random.choice([Fault.BEFORE, Fault.AFTER])
        else:
            return None
        self.count(f"{what} {fault}")
        self.say(f"      {what} of process {number} {fault}")
        return fault

    def count(self, fault: str) -> None:
        self.faults[fault] += 1


class Process(Life):
    """One running service: its own clock, its desk, and its way to database and signer."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__()
        self.world = world
        self.number = number
        self.skew = 0  # Of its clock, in microseconds.
        self.is_ready = False
        self.is_replaced = False  # Somebody was told so.
        self.is_stopped = False  # A ledger of it is read-only, and only a start helps.
        self.signer_faults = 0
        self.unanswered: dict[asyncio.Future[Any], None] = {}
        self.requests: dict[asyncio.Task[None], None] = {}  # Also of those who gave up.
        self.store = SimulatedStore(self)
        self.keys = SimulatedKeys(self)
        self.scheduling: asyncio.Task[None] | None = None
        self.desk = Sequencer(
            self.store,
            SimulatedNotary(self),
            origin=ORIGIN,
            owner=f"process {number}",
            clock=self.clock,
            chance=world.random.randbytes,
            snapshotter=Snapshotter(AtOnce()),
        )
        self.runs = Runs(Announced(self.desk, world.auditor), SimulatedReads(self))

    def clock(self) -> int:
        """Microseconds since 1970, as this process has it."""
        return self.world.now() + self.skew

    def keep_schedules(self) -> None:
        """Post what is due of schedules from now on, beside all else."""
        scheduler = Scheduler(
            self.desk,
            registry=CollectorRegistry(),
            clock=self.clock,
            poll_s=self.world.poll_s,
        )
        if self.scheduling is not None:
            self.scheduling.cancel()
        self.scheduling = self.begin(scheduler.run(), ticks=True)

    async def stop(self) -> None:
        """What runs beside the desk first, as the service does it."""
        if self.scheduling is not None:
            self.scheduling.cancel()
            await asyncio.gather(self.scheduling, return_exceptions=True)
        await self.desk.close()

    @property
    def is_troubled(self) -> bool:
        return self.has_ended or self.is_replaced or self.is_stopped

    async def ask(self, work: Callable[[], Awaitable[T]], *, is_hasty: bool = False) -> T:
        """Have something done by the process, as over a connection.

        Raises:
            Cut: the process was killed, or was dead already.
        """
        if self.has_ended:
            raise Cut("nobody there")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.unanswered[answer] = None

        async def answering() -> None:
            try:
                outcome = await work()
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # Whoever asked shall see it.
                if not answer.done():
                    answer.set_exception(error)
            else:
                if not answer.done():
                    answer.set_result(outcome)

        task = self.begin(answering())
        self.requests[task] = None
        task.add_done_callback(lambda done: self.requests.pop(done))
        try:
            return await answer
        except asyncio.CancelledError:
            if is_hasty and not self.has_ended:
                task.cancel()
            raise
        finally:
            del self.unanswered[answer]

    async def outside(
        self,
        what: str,
        work: Callable[[], Coroutine[Any, Any, T]],
        before: Callable[[], Exception] = lambda: StoreUnavailable("cut off"),
        after: Callable[[], Exception] = lambda: StoreUnavailable("no answer"),
    ) -> T:
        """Write something outside, which may fail before it took effect, or after."""
        world = self.world
        fault = world.fault(what, self.number)
        await world.take_time()
        if fault is Fault.KILLED_BEFORE:
            await self.die()
        if fault is Fault.BEFORE:
            raise before()
        outcome = await elsewhere(work())
        if fault is Fault.KILLED_AFTER:
            await self.die()
        if fault is Fault.AFTER:
            raise after()
        await world.take_time()
        return outcome

    async def look(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Read something outside."""
        world = self.world
        if world.random.random() < world.rates.read:
            world.count("a read fails")
            raise StoreUnavailable("cut off")
        await world.take_time()
        seen = await work()
        await world.take_time()
        return seen

    async def die(self) -> None:
        """Be killed right here."""
        self.world.kill(self, "is killed")
        await asyncio.get_running_loop().create_future()


async def elsewhere(work: Coroutine[Any, Any, T]) -> T:
    """What another machine does: it goes on when the one that asked for it is dead."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work, context=Context())
    task.add_done_callback(lambda done: done.cancelled() or done.exception(), context=Context())
    return await asyncio.shield(task)


class SimulatedStore(MemoryStore):
    """A process's sessions, which take their time and fail now and then."""

    def __init__(self, process: Process) -> None:
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

    def __init__(self, process: Process) -> None:
        super().__init__(process.world.database)
        self._process = process

    async def batch(self, ledger_id: int, batch: Any) -> Any:
        return await self._process.look(lambda: MemoryReads.batch(self, ledger_id, batch))

    async def balances_at(self, *asked: Any) -> Any:
        return await self._process.look(lambda: MemoryReads.balances_at(self, *asked))


class SimulatedKeys(MemoryKeys):
    """Keys, which a process writes as it writes all else."""

    def __init__(self, process: Process) -> None:
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

    def __init__(self, process: Process) -> None:
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


def name_of(fault: BaseException) -> str:
    return type(fault).__name__


def digest_of(lines: Sequence[str]) -> str:
    return sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
