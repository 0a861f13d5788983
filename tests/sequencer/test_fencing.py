"""A second writer takes a ledger over while the first is paused at the worst of places.

Each service is a process as far as it can tell: a database pool, a store and a notary of its
own, in a thread with an event loop of its own, so that all of it can be paused as by SIGSTOP.
The first is paused inside COPY, after the head moved and before COMMIT, and after COMMIT and
before signing; the second takes over; the first wakes up.

The notaries of both are on one directory, as those of two processes of one machine, or they
are one, as a signer service is for several machines.
"""

import asyncio
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
from msgspec.structs import replace

from ledger.core.answered import Receipt
from ledger.core.asked import AskedBatch
from ledger.core.book import Book
from ledger.core.faults import LedgerFault, WriterReplaced
from ledger.core.ports import Notary
from ledger.core.store import Head
from ledger.journal.checkpoints import open_checkpoint
from ledger.journal.merkle import leaf_hashes, root_of
from ledger.journal.notes import parse_vkey
from ledger.journal.proofs import verify_proof
from ledger.journal.replay import replay
from ledger.pg.pool import Database
from ledger.pg.store import PgStore
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.notary import FileNotary
from tests.sequencer.houses import OPERATOR, batch, furnish, pay

T = TypeVar("T")

PROMPT_S = 5.0  # A take-over that waited for the paused one would take for ever.
WRITER = "tequio writer 1"


class Pause:
    """A place where a process stops until it is woken.

    Args:
        whole: whether all of its process stops, or only who came by.
    """

    def __init__(self, whole: bool) -> None:
        self.whole = whole
        self.armed = False
        self.reached = threading.Event()
        self.woken = threading.Event()

    async def pass_by(self, _: object = None) -> None:
        if not self.armed:
            return
        self.armed = False
        self.reached.set()
        if self.whole:
            self.woken.wait()  # Blocks the loop, and with it the process.
        else:
            await asyncio.to_thread(self.woken.wait)


class PausedNotary:
    """A notary that may be paused before it signs."""

    def __init__(self, notary: Notary, pause: Pause) -> None:
        self._notary = notary
        self._pause = pause

    def public_key(self, origin: str) -> str:
        return self._notary.public_key(origin)

    async def memory(self, origin: str) -> tuple[int, bytes] | None:
        return await self._notary.memory(origin)

    async def sign(
        self, origin: str, size: int, root: bytes, old_size: int, proof: Sequence[bytes]
    ) -> bytes:
        await self._pause.pass_by()
        return await self._notary.sign(origin, size, root, old_size, proof)


class Process:
    """A loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def begin(self, work: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Start work there; wait for it here."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def end(self) -> None:
        asyncio.run_coroutine_threadsafe(_cancel_others(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _cancel_others() -> None:
    """What a failed test left behind."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def process() -> Iterator[Process]:
    it = Process()
    try:
        yield it
    finally:
        it.end()


@asynccontextmanager
async def serving(
    dsn: str,
    owner: str,
    notary: Notary,
    before_commit: Callable[[int], Coroutine[Any, Any, None]] | None = None,
) -> AsyncIterator[tuple[Sequencer, PgStore]]:
    async with Database(dsn, size=4) as database:
        store = PgStore(database, before_commit=before_commit)
        desk = Sequencer(store, notary, origin="example.org", owner=owner)
        await desk.start()
        try:
            yield desk, store
        finally:
            await desk.close()


class Scene:
    """The old writer up to its pause, what was asked of it, and the new one."""

    def __init__(self, dsn: str, directory: Path, seed: int, shared: bool) -> None:
        self.dsn = dsn
        self.random = random.Random(seed)
        self.directory = directory
        self.pause = Pause(whole=self.random.random() < 0.5)
        self.notaries = [FileNotary(directory)]
        self.notaries.append(self.notaries[0] if shared else FileNotary(directory))
        self.sure: list[AskedBatch] = []  # Acknowledged by the old one before the pause.
        self.asked: list[AskedBatch] = []  # Sent to the old one at the pause or after it.
        self.numbers = itertools.count(1)
        self.lock: asyncpg.Connection[asyncpg.Record] | None = None  # Holds a COPY back.

    def close(self) -> None:
        for notary in set(self.notaries):
            notary.close()

    def some(self, count: int, most: int) -> list[AskedBatch]:
        """Batches of up to `most` payments, which may lean on each other."""
        return [
            batch(
                next(self.numbers),
                *[
                    pay(*self.random.sample(["cash", "ana", "eva"], 2), f"{n}.00")
                    for n in range(1, self.random.randint(1, most) + 1)
                ],
                mode="each",
            )
            for _ in range(count)
        ]

    def many(self) -> AskedBatch:
        """A batch that is large enough for a COPY."""
        return batch(next(self.numbers), *[pay("cash", "ana", "1.00")] * 300)


async def stand(old: Sequencer, scene: Scene) -> None:
    """Furnish the ledger and post a little."""
    await furnish(old)
    scene.sure = scene.some(scene.random.randint(1, 5), 5)
    for one in scene.sure:
        assert isinstance(await old.post("caja", one, OPERATOR), Receipt)


async def outcome_of(desk: Sequencer, asked: AskedBatch) -> object:
    try:
        return await desk.post("caja", asked, OPERATOR)
    except LedgerFault as fault:
        return fault


async def in_copy(dsn: str) -> bool:
    """Whether the writer waits inside COPY. (One transaction sees one state of activity.)"""
    session = await asyncpg.connect(dsn)
    try:
        return bool(
            await session.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 "
                "AND wait_event_type = 'Lock' AND query LIKE 'COPY%'",
                WRITER,
            )
        )
    finally:
        await session.close()


async def lock_transfers(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Let no COPY into the table of transfers, until the session is closed."""
    session = await asyncpg.connect(dsn)
    await session.execute("BEGIN")
    await session.execute("LOCK TABLE tequio.transfers IN SHARE ROW EXCLUSIVE MODE")
    return session


PLACES = ["in COPY", "before COMMIT", "before signing"]


@pytest.mark.parametrize("shared", [True, False], ids=["one signer", "one directory"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("seed", range(4))
async def test_taken_over_while_paused(
    database: str, tmp_path: Path, place: str, shared: bool, seed: int
) -> None:
    """Whatever the old writer was about to do, the new one's journal is the only one."""
    scene = Scene(database, tmp_path, seed, shared)
    with ExitStack() as stack:
        stack.callback(scene.close)
        old_process = stack.enter_context(process())
        stack.callback(scene.pause.woken.set)
        start_old = serving(
            database,
            "old",
            PausedNotary(scene.notaries[0], scene.pause)
            if place == "before signing"
            else scene.notaries[0],
            scene.pause.pass_by if place == "before COMMIT" else None,
        )
        old, _ = await old_process.begin(start_old.__aenter__())
        await old_process.begin(stand(old, scene))

        # ---- the old one stops, with a group on its way and more decided on top of it
        scene.asked = [scene.many(), *scene.some(3, 400)]
        waiting = await pause(scene, place, old, old_process)
        size_at_pause = await head_size(database)

        # ---- the new one takes over, and does not wait for it
        begun = time.monotonic()
        async with serving(database, "new", scene.notaries[1]) as (new, store):
            assert time.monotonic() - begun < PROMPT_S
            told = [task.result() for task in waiting if task.done()]
            assert all(isinstance(outcome, LedgerFault) for outcome in told)
            assert not told or not scene.pause.whole
            if scene.lock is not None:
                await scene.lock.close()
            there = await spent(database)
            committed = [one for one in scene.asked if one.id in there]
            size = await head_size(database)
            assert (await new.view("caja")).size == covered(new) == size
            if place == "before signing":  # More may be committed before it is signed.
                assert committed, "its group was committed"
                assert size >= size_at_pause
            else:
                assert not committed
                assert size == size_at_pause
            # Some of its clients turn to the new one; others never ask again.
            again = [one for one in scene.asked if scene.random.random() < 0.5]
            mine = scene.some(scene.random.randint(1, 6), 300)
            for one in mine[: len(mine) // 2]:
                assert isinstance(await new.post("caja", one, OPERATOR), Receipt)

            # ---- the old one wakes up
            scene.pause.woken.set()
            outcomes = await asyncio.gather(*waiting)
            late = scene.some(2, 5)
            for one in late:
                with pytest.raises(WriterReplaced):
                    await old_process.begin(old.post("caja", one, OPERATOR))
            with pytest.raises(WriterReplaced):  # Nor does it show what it had decided.
                await old_process.begin(old.read("caja", lambda book: book.balance[1]))

            receipts: dict[UUID, Receipt] = {}
            for one, outcome in zip(scene.asked, outcomes, strict=True):
                assert isinstance(outcome, Receipt | LedgerFault)
                if isinstance(outcome, Receipt):
                    receipts[one.id] = outcome
                if one in committed:
                    assert not isinstance(outcome, WriterReplaced), "it says: not recorded"
            assert receipts.keys() <= {one.id for one in committed}
            for one in (*again, *mine):
                answer = await new.post("caja", one, OPERATOR)
                assert isinstance(answer, Receipt)
                assert answer.leaf == receipts.setdefault(one.id, answer).leaf
            kept = {one.id for one in (*scene.sure, *committed, *again, *mine)}
            await audit(new, store, kept, receipts)
            await old_process.begin(start_old.__aexit__(None, None, None))
            await audit(new, store, kept, receipts)
            await check_memory(scene, new)
        # ---- and one more process, on what both left behind
        with ExitStack() as last:
            notary = FileNotary(tmp_path)
            last.callback(notary.close)
            async with serving(database, "third", notary) as (third, third_store):
                await audit(third, third_store, kept, receipts)


async def pause(
    scene: Scene, place: str, old: Sequencer, process: Process
) -> "list[asyncio.Future[object]]":
    """Send the old one its last work and return when it is paused in the midst of it."""
    if place != "in COPY":
        scene.pause.armed = True
        waiting = [process.begin(outcome_of(old, one)) for one in scene.asked]
        assert await asyncio.to_thread(scene.pause.reached.wait, PROMPT_S)
        return waiting
    scene.lock = await lock_transfers(scene.dsn)
    waiting = [process.begin(outcome_of(old, one)) for one in scene.asked]
    async with asyncio.timeout(PROMPT_S):
        while not await in_copy(scene.dsn):  # noqa: ASYNC110 - PostgreSQL tells nobody.
            await asyncio.sleep(0.01)
    if scene.pause.whole:
        process.loop.call_soon_threadsafe(scene.pause.woken.wait)
    return waiting


async def head_size(dsn: str) -> int:
    session = await asyncpg.connect(dsn)
    try:
        size: int = await session.fetchval("SELECT size FROM tequio.heads WHERE ledger_id = 1")
        return size
    finally:
        await session.close()


async def spent(dsn: str) -> Counter[UUID]:
    """The batch ids in the database, each as often as it is there."""
    session = await asyncpg.connect(dsn)
    try:
        rows = await session.fetch("SELECT batch_id FROM tequio.batches")
        return Counter(row["batch_id"] for row in rows)
    finally:
        await session.close()


def covered(desk: Sequencer) -> int:
    """The size that the newest checkpoint shows."""
    return int(desk.checkpoint("caja").split(b"\n")[1])


async def audit(
    desk: Sequencer, store: PgStore, kept: set[UUID], receipts: dict[UUID, Receipt]
) -> None:
    """Just these batches are there, each once; journal, rows, state and checkpoint agree."""
    assert await spent(desk_dsn(store)) == Counter(kept)
    view = await desk.view("caja")
    book, lines = Book(), []
    async for leaves in store.leaves_from(1, 0, view.size + 1):
        for leaf in leaves:
            replay(book, leaf.line, leaf.body or None)
            lines.append(leaf.line)
    assert await desk.read("caja", lambda live: list(live.state())) == list(book.state())

    key = parse_vkey(view.opening.public_key)
    checkpoint = open_checkpoint(desk.checkpoint("caja"), [key])
    assert (checkpoint.size, checkpoint.root) == (view.size, root_of(leaf_hashes(lines)))
    for receipt in receipts.values():
        proof = await desk.log_proof("caja", receipt.leaf_index)
        verify_proof(proof, lines[receipt.leaf_index], [key], view.opening.origin)

    sums = dict.fromkeys(range(1, view.accounts + 1), 0)
    session = await asyncpg.connect(desk_dsn(store))
    try:
        rows = await session.fetch(
            "SELECT sequence, debit_account, credit_account, amount FROM tequio.transfers "
            "ORDER BY sequence"
        )
    finally:
        await session.close()
    for row in rows:
        sums[row["debit_account"]] -= row["amount"]
        sums[row["credit_account"]] += row["amount"]
    assert [row["sequence"] for row in rows] == list(range(1, view.transfers + 1))
    assert list(sums.values()) == book.balance[1:].tolist()


def desk_dsn(store: PgStore) -> str:
    return store._database.dsn


async def check_memory(scene: Scene, desk: Sequencer) -> None:
    """What a notary that reads the directory anew remembers is what was signed last."""
    opening = (await desk.view("caja")).opening
    notary = FileNotary(scene.directory)
    try:
        remembered = await notary.memory(opening.origin)
    finally:
        notary.close()
    assert remembered is not None
    assert remembered[0] == covered(desk)


async def test_a_ledger_changes_hands_again_and_again(database: str, tmp_path: Path) -> None:
    """Every new writer fences all before it, and goes on from where the last one stood."""
    notary = FileNotary(tmp_path)
    everyone: list[Sequencer] = []
    opened: list[Any] = []
    for turn in range(6):
        opened.append(serving(database, f"owner {turn}", notary))
        desk, store = await opened[-1].__aenter__()
        if not everyone:
            await furnish(desk)
        one = batch(turn + 1, pay("cash", "ana", "1.00"))
        answer = await desk.post("caja", one, OPERATOR)
        assert isinstance(answer, Receipt)
        assert answer.posted.credit_balance == [100 * (turn + 1)]
        for before in everyone:
            fault = await outcome_of(before, replace(one, id=UUID(int=100 + turn)))
            assert isinstance(fault, LedgerFault)
        everyone.append(desk)
    kept = {UUID(int=turn + 1) for turn in range(6)}
    await audit(desk, store, kept, {})
    for context in opened:
        await context.__aexit__(None, None, None)
    notary.close()


async def test_one_who_comes_back_leaves_its_successors_session_alone(database: str) -> None:
    """It read the head just before it was replaced, and only its own session is its to end."""
    async with Database(database, size=1) as one, Database(database, size=1) as two:
        old, new = PgStore(one), PgStore(two)
        ledger_id = await old.create("caja")
        assert ledger_id is not None
        before = await old.take(ledger_id, "old")
        old._drop(ledger_id)  # It lost its session, and has to take the ledger again.
        await new.take(ledger_id, "new")

        async def just_before(_: int) -> Head:
            return before

        old._head = just_before  # type: ignore[method-assign]
        with pytest.raises(WriterReplaced):
            await old.take(ledger_id, "old", epoch=before.epoch)
        assert await new._writers[ledger_id].session.fetchval("SELECT 1") == 1
        await old.release(ledger_id)
        await new.release(ledger_id)
