"""Two hundred histories of a ledger: clients, faults, restarts, and a distrustful auditor.

Each history is made from a seed alone. Time is simulated: the loop jumps to the next thing
that is due, so minutes pass in milliseconds, and where nothing is due but somebody waits,
the loop says so instead of hanging. To see one again:

    TEQUIO_HISTORY=17 pytest tests/sequencer/test_histories.py

The auditor (auditor.py) shares no code with the ledger. It reads the journal's bytes with a
JSON parser, keeps books of its own, and looks at every answer at the moment it is given.
"""

import asyncio
import contextlib
import itertools
import os
import random
import selectors
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import Any
from uuid import UUID

import pytest

from ledger.core.asked import AskedBatch, AskedTransfer
from ledger.core.book import Book
from ledger.core.faults import (
    MalformedRequest,
    OutcomeUnknown,
    Overloaded,
    SignerStopped,
    StoreUnavailable,
    WriterReplaced,
)
from ledger.core.model import Account, Mode, Status
from ledger.core.ports import AskedAccount, AskedChange, Group, Receipt, RefusedReceipt
from ledger.core.refusals import Refusal, RefusalCode
from ledger.journal.checkpoints import Checkpoint, sign_checkpoint
from ledger.journal.merkle import check_consistency
from ledger.journal.notes import Signer, signer_from_seed
from ledger.journal.replay import References, replay
from ledger.memory import MemoryDatabase, MemoryStore
from ledger.sequencer import writer as writer_module
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.snapshotting import Snapshotter
from tests.sequencer.auditor import Auditor
from tests.sequencer.houses import OPERATOR, START, furnish, pay

HISTORIES = 200
STEPS = 12  # Of each client.
CLIENTS = 4
END_S = 36_000.0  # Of simulated time, after which a history counts as stuck.


# ---- time


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: time goes to where the next thing is due."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if not events:
            assert timeout is not None, "everybody waits, and nothing will ever happen"
            self.now += max(0.0, timeout)
        return events


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is simulated."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def simulate(work: Coroutine[Any, Any, None]) -> list[str]:
    """Run it to its end in simulated time; return what nobody looked after."""
    complaints: list[str] = []
    loop = SimulatedLoop()
    loop.set_exception_handler(lambda _, context: complaints.append(str(context)))
    try:
        loop.run_until_complete(asyncio.wait_for(work, END_S))
        left = asyncio.all_tasks(loop)
        complaints += [f"left behind: {task}" for task in left]
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    return complaints


# ---- what stands around the sequencer


class AtOnce(Executor):
    """Does it now."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        done: Future[Any] = Future()
        done.set_result(function(*args, **kwargs))
        return done


class SimulatedNotary:
    """A signer service: one memory, whoever asks. Takes its time."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._signers: dict[str, Signer] = {}
        self._last: dict[str, tuple[int, bytes]] = {}

    def public_key(self, origin: str) -> str:
        return self._signer(origin).vkey

    def _signer(self, origin: str) -> Signer:
        return self._signers.setdefault(origin, signer_from_seed(origin, b"7" * 32))

    async def memory(self, origin: str) -> tuple[int, bytes] | None:
        return self._last.get(origin)

    async def sign(
        self, origin: str, size: int, root: bytes, old_size: int, proof: Sequence[bytes]
    ) -> bytes:
        await self._world.take_time()
        last_size, last_root = self._last.get(origin, (0, b""))
        if old_size != last_size:
            raise SignerStopped(f"asked to extend {old_size}, last signed {last_size}")
        if last_size:
            check_consistency(last_size, last_root, size, root, list(proof))
        self._last[origin] = size, root
        await self._world.take_time()
        return sign_checkpoint(Checkpoint(origin, size, root), [self._signer(origin)])


class SimulatedStore(MemoryStore):
    """A store that takes its time, and fails now and then."""

    def __init__(self, world: "World") -> None:
        super().__init__(world.database)
        self._world = world

    async def lookup(self, ledger_id: int, batches: Any) -> Any:
        await self._world.take_time()
        found = await super().lookup(ledger_id, batches)
        await self._world.take_time()
        return found

    async def used_references(self, ledger_id: int, references: Any, before: int) -> Any:
        await self._world.take_time()
        return await super().used_references(ledger_id, references, before)

    async def keep_chunk(
        self, ledger_id: int, size: int, number: int, data: bytes, digest: bytes
    ) -> None:
        await self._world.take_time()
        await super().keep_chunk(ledger_id, size, number, data, digest)

    async def commit(self, group: Group) -> None:
        await self._world.take_time()
        chance = self._world.random.random()
        if self._world.is_rough and chance < 0.15:
            self.fail_next_commit(before=StoreUnavailable("cut off"))
        elif self._world.is_rough and chance < 0.25:
            self.fail_next_commit(before=OutcomeUnknown("no answer"))
        elif self._world.is_rough and chance < 0.40:
            self.fail_next_commit(after=OutcomeUnknown("no answer"))
        await super().commit(group)
        await self._world.take_time()


class World:
    """All that a history is about. Everything comes from the seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.is_rough = False
        self.database = MemoryDatabase(now_us=self.clock)
        self.notary = SimulatedNotary(self)
        self.auditor = Auditor(self.database)
        self.unique_references = self.random.random() < 0.5
        self.desk: Sequencer
        self.desks: list[Sequencer] = []
        self.ids = itertools.count(1)
        self.sent: list[AskedBatch] = []
        self.owners = itertools.count(1)

    def clock(self) -> int:
        return START + int(asyncio.get_running_loop().time() * 1_000_000)

    async def take_time(self) -> None:
        """Some milliseconds, or only a turn of the loop, or nothing."""
        kind = self.random.random()
        if kind < 0.4:
            await asyncio.sleep(self.random.random() / 50)
        elif kind < 0.8:
            await asyncio.sleep(0)

    async def start(self) -> None:
        """One more process, which takes the ledger over from whoever has it."""
        desk = Sequencer(
            SimulatedStore(self),
            self.notary,
            origin="example.org",
            owner=f"owner {next(self.owners)}",
            clock=self.clock,
            chance=self.random.randbytes,
            snapshotter=Snapshotter(AtOnce()),
        )
        while True:
            try:
                await desk.start()
                break
            except StoreUnavailable:
                await asyncio.sleep(1)
        self.desks.append(desk)
        self.desk = desk

    # ---- what goes wrong

    async def trouble(self) -> None:
        """Until everybody is done: restarts, take-overs, crashes, a database that is down."""
        for _ in range(self.random.randint(0, 4)):
            await asyncio.sleep(self.random.random() / 2)
            match self.random.choice(["restart", "take over", "crash", "down", "snapshot"]):
                case "restart":
                    await self.desk.close()
                    await self.start()
                case "take over":
                    await self.start()
                case "crash":
                    await crash(self)
                    await self.start()
                case "down":
                    self.database.is_down = True
                    await asyncio.sleep(self.random.random() * 3)
                    self.database.is_down = False
                case "snapshot":
                    with contextlib.suppress(KeyError):
                        await self.desk.writer("caja").snapshot_soon()

    # ---- what clients do

    async def client(self) -> None:
        kinds = ["post"] * 8 + ["again"] * 4 + ["other", "change", "open", "preview", "read"]
        for _ in range(STEPS):
            await asyncio.sleep(self.random.random() / 20)
            match self.random.choice(kinds):
                case "post":
                    asked = self.batch(UUID(int=next(self.ids)))
                    await self.post(asked, copies=self.random.choice([1, 1, 1, 2, 3]))
                case "again" if self.sent:
                    await self.post(self.random.choice(self.sent))
                case "other" if self.sent:
                    await self.post(self.batch(self.random.choice(self.sent).id))
                case "change":
                    await self.change()
                case "open":
                    await self.open_account()
                case "preview":
                    await self.patiently(self.preview, self.batch(UUID(int=0)))
                case "read":
                    await self.patiently(self.read)

    def batch(self, batch_id: UUID) -> AskedBatch:
        """Mostly small; often too much for an account; often nearly the same as another."""
        count = self.random.choice([1, 1, 2, 3, 7])
        return AskedBatch(
            id=batch_id,
            transfers=[self.transfer() for _ in range(count)],
            mode=self.random.choice([Mode.ATOMIC, Mode.EACH]),
            source=self.random.choice(["till", "door"]),
        )

    def transfer(self) -> AskedTransfer:
        debit, credit = self.random.sample(["cash", "ana", "ben", "eva"], 2)
        reference = f"R-{self.random.randint(1, 30)}" if self.random.random() < 0.2 else ""
        if self.random.random() < 0.05:
            credit = self.random.choice([debit, "nobody", "new-1", "new-2"])
        amount = self.random.choice(["0.01", "1.00", "1", "7.50", "30.00"])
        if self.random.random() < 0.02:
            amount = "1.001"  # Malformed: leaves no trace.
        description = "renta" if self.random.random() < 0.1 else ""
        return pay(debit, credit, amount, reference=reference, description=description)

    async def post(self, asked: AskedBatch, copies: int = 1) -> None:
        self.sent.append(asked)
        await asyncio.gather(*[self.patiently(self.post_once, asked) for _ in range(copies)])

    async def post_once(self, asked: AskedBatch) -> None:
        if self.random.random() < 0.3:
            await self.take_time()
        desk = self.desk
        outcome = await desk.post("caja", asked, OPERATOR)
        signed = covered(desk)
        if isinstance(outcome, Receipt):
            self.auditor.posted(asked, outcome, signed)
        elif isinstance(outcome, RefusedReceipt):
            self.auditor.refused(asked, outcome, signed)
        else:
            assert isinstance(outcome, Refusal), outcome
            assert outcome.code is RefusalCode.ID_USED_BY_ANOTHER_BATCH
            self.auditor.used_by_another(asked)

    async def preview(self, asked: AskedBatch) -> None:
        await self.desk.post("caja", asked, OPERATOR, dry_run=True)
        # A preview leaves no leaf; the auditor would miss a client who sent id 0.

    async def read(self) -> None:
        """What is seen is one prefix of the journal, and committed."""
        desk = self.desk
        before = self.auditor.size()
        if self.random.random() < 0.8:
            size, balances = await desk.read(
                "caja", lambda book: (book.size, tuple(book.balance[1:]))
            )
            self.auditor.seen(size, balances)
        else:
            view = await desk.view("caja")
            size = view.size
            self.auditor.viewed(view)
        if desk is self.desk and desk.writer("caja").stopped is None:
            assert size >= before or len(self.desks) > 1, "what was there is not seen"

    async def change(self) -> None:
        code = self.random.choice(["ana", "ben", "eva"])
        asked = self.random.choice(
            [
                AskedChange(reason="decision", status=Status.FROZEN),
                AskedChange(reason="decision", status=Status.OPEN),
                AskedChange(reason="decision", status=Status.OPEN),
                AskedChange(reason="decision", lower_bound=f"-{self.random.randint(0, 50)}"),
                AskedChange(reason="decision", upper_bound=f"{self.random.randint(0, 200)}"),
                AskedChange(reason="decision", upper_bound="none", lower_bound="-1.50"),
            ]
        )

        async def change() -> None:
            desk = self.desk
            changed = await desk.change_account("caja", code, asked, OPERATOR)
            assert isinstance(changed, Account | Refusal)
            if isinstance(changed, Account):
                self.auditor.stood(changed, covered(desk))

        await self.patiently(change)

    async def open_account(self) -> None:
        asked = AskedAccount(
            code=f"new-{self.random.randint(1, 3)}",
            currency="MXN",
            lower_bound=self.random.choice(["0", "-10.00"]),
        )

        async def open_account() -> None:
            desk = self.desk
            opened = await desk.open_accounts("caja", [asked], OPERATOR)
            if isinstance(opened, Refusal):
                assert opened.code is RefusalCode.ACCOUNT_CODE_USED
                self.auditor.other_account(asked)
            else:
                self.auditor.stood(opened[0], covered(desk))

        await self.patiently(open_account)

    async def patiently(
        self, ask: Callable[..., Coroutine[Any, Any, None]], *args: Any
    ) -> None:
        """Ask until there is an answer; sometimes give up, which must do no harm."""
        while True:
            try:
                if self.random.random() < 0.1:
                    await asyncio.wait_for(ask(*args), self.random.random() / 20)
                else:
                    await ask(*args)
                return
            except MalformedRequest:
                return
            except (StoreUnavailable, OutcomeUnknown, WriterReplaced, Overloaded, KeyError):
                await asyncio.sleep(self.random.random())
            except (SignerStopped, TimeoutError):
                if self.random.random() < 0.5:
                    return

    # ---- how it ends

    async def settle(self) -> None:
        """All is quiet: the live state is what the journal and the snapshots amount to."""
        self.is_rough = False
        await self.patiently(self.desk.view, "caja")
        assert self.desk.writer("caja").stopped is None
        live = await self.desk.read("caja", lambda book: list(book.state()))
        assert live == list(self.replayed().state())
        await self.desk.writer("caja").snapshot_soon()
        for asked in self.sent:  # Late duplicates of everything.
            await self.patiently(self.post_once, asked)
        sent = {asked.id for asked in self.sent}
        self.auditor.final(self.desk.checkpoint("caja"), sent)
        for desk in self.desks:
            await desk.close()
        await self.start()
        again = await self.desk.read("caja", lambda book: list(book.state()))
        assert again == list(self.replayed().state())
        await self.desk.close()
        self.auditor.final(self.desk.checkpoint("caja"), sent)

    def replayed(self) -> Book:
        ledger = self.database.ledgers[1]
        book, references = Book(), References()
        for index, line in enumerate(ledger.lines):
            kept = ledger.batch_at.get(index)
            body = (kept.body or None) if kept else None
            _, posted = replay(book, line, body, used=references)
            if posted is not None and body is not None:
                references.add(body, posted)
        return book

    async def history(self) -> None:
        await self.start()
        await furnish(self.desk, unique_references=self.unique_references)
        if self.random.random() < 0.1:  # The log's first tile fills up.
            many = [AskedAccount(code=f"m{n}", currency="MXN") for n in range(245)]
            await self.desk.open_accounts("caja", many, OPERATOR)
        self.is_rough = self.random.random() < 0.7
        clients = [self.client() for _ in range(CLIENTS)]
        await asyncio.gather(*clients, self.trouble())
        await self.settle()


def covered(desk: Sequencer) -> int:
    """The size that the newest checkpoint of a desk shows."""
    return int(desk.checkpoint("caja").split(b"\n")[1])


async def crash(world: World) -> None:
    """End all services as kill -9 would: nothing of them runs any more, nobody is answered.

    Also those that were replaced and have not noticed.
    """
    ours = ("Writer._", "SignedLog._")
    tasks = [
        task
        for task in asyncio.all_tasks()
        if any(name in getattr(task.get_coro(), "__qualname__", "") for name in ours)
    ]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    writers = [desk.writer("caja") for desk in world.desks if "caja" in desk.ledgers()]
    for writer in writers:
        writer._closing = True
        for pending in itertools.chain(
            writer._queue,
            writer._deciding,
            writer._open_pending,
            writer._committing_pending,
        ):
            pending.fail(OutcomeUnknown("killed"))


def seeds() -> Iterator[int]:
    only = os.environ.get("TEQUIO_HISTORY")
    yield from range(HISTORIES) if only is None else [int(only)]


@pytest.mark.parametrize("tens", range(0, HISTORIES, 20))
def test_histories(tens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens to it, nothing that was acknowledged is lost, doubled or unfounded."""
    for seed in seeds():
        if seed // 20 == tens // 20:
            _run(seed, monkeypatch)


def _run(seed: int, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Live through a history; return the journal it left."""
    world = World(seed)
    for name, values in {
        "GROUP_TRANSFERS_MAX": [1, 5, 16_380],
        "GROUP_LEAVES_MAX": [1, 3, 8_190],
        "QUEUE_MAX": [4, 20_000, 20_000],
        "QUEUE_TRANSFERS_MAX": [20, 262_080],
        "REFUSED_BURST": [2, 2_000, 2_000],
        "SNAPSHOT_WEIGHT": [30, 1_000_000],
    }.items():
        monkeypatch.setattr(writer_module, name, world.random.choice(values))
    try:
        complaints = simulate(world.history())
    except BaseException as error:
        error.add_note(f"history {seed}: TEQUIO_HISTORY={seed} shows it again")
        raise
    assert not complaints, (f"history {seed}", *complaints)
    return world.database.ledgers[1].lines


def test_a_seed_repeats_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed gives the same journal, byte for byte, faults and restarts included."""
    journals = [_run(seed, monkeypatch) for seed in (5, 5, 6)]
    assert journals[0] == journals[1]
    assert journals[0] != journals[2]
