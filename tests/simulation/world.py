"""The world around the ledger: what lasts, processes that come and go, and what goes wrong.

Every write that leaves a process (`Process.outside`) may fail before it took effect, or after,
or be the last thing the process does; what was sent goes on when its sender is dead. Signer
and database live longer than processes. Whatever happens is said in a line of the history.
"""

import asyncio
import itertools
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from ledger.core.faults import LedgerFault, StoreUnavailable
from ledger.memory.database import MemoryDatabase
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.snapshotting import Snapshotter
from ledger.services.runs import Runs
from ledger.services.scheduler import Scheduler
from tests.simulation.auditor.auditor import Auditor
from tests.simulation.auditor.forms import Broken
from tests.simulation.auditor.reads import lives
from tests.simulation.loop import AtOnce, Life
from tests.simulation.outside import (
    Announced,
    Fault,
    SimulatedKeys,
    SimulatedNotary,
    SimulatedReads,
    SimulatedStore,
    elsewhere,
)

T = TypeVar("T")

START = 1_700_000_000_000_000  # Microseconds since 1970.
ORIGIN = "example.org"
POLL_S = 0.1
ATTEMPTS_MAX = 200  # To start a process; after that something is wrong with the world.


class Cut(Exception):
    """The answer never came."""


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


def name_of(fault: BaseException) -> str:
    return type(fault).__name__


def digest_of(lines: Sequence[str]) -> str:
    return sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
