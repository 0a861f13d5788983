"""The writer of one ledger: everything that changes it passes here, one after the other.

    submit -> queue -> decide into the open group -> commit -> sign -> answer
                              while the group before is committed

What is decided lives in memory ahead of the database; no answer leaves before the group it
stands in is committed and its checkpoint is signed. When a commit fails or its outcome is
unknown, the memory is thrown away, read again, and what waited is decided again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from msgspec.structs import replace

from ledger.core.answered import (
    DecisionOutcome,
    LedgerView,
    PostOutcome,
    ProposalReceipt,
    Receipt,
    RefusedReceipt,
)
from ledger.core.asked import AskedDecision, Caller
from ledger.core.book import Book, Posted
from ledger.core.faults import (
    ClockAhead,
    JournalBroken,
    LedgerFault,
    OutcomeUnknown,
    Overloaded,
    SignerStopped,
    StoreUnavailable,
    WriterReplaced,
)
from ledger.core.frozen import Frozen
from ledger.core.leaves import (
    Snapshot,
)
from ledger.core.ports import Notary, Unless
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.store import Head, Store
from ledger.core.undo import Undo
from ledger.core.written import AnyBatch
from ledger.journal.tiles import Edge
from ledger.sequencer.clock import LedgerClock
from ledger.sequencer.deciding import Decider
from ledger.sequencer.group import OpenGroup
from ledger.sequencer.loading import load
from ledger.sequencer.lookups import Lookups
from ledger.sequencer.pending import Built, Change, Look, Pending, Post
from ledger.sequencer.posting import (
    check_form,
    preview,
)
from ledger.sequencer.proposing import waiting
from ledger.sequencer.signed import SignedLog
from ledger.sequencer.snapshotting import Snapshotter

log = logging.getLogger(__name__)

QUEUE_MAX = 20_000  # Requests that may wait.
QUEUE_TRANSFERS_MAX = 262_080  # Transfers that may wait: 32 full batches.
AHEAD_MIN = 16  # Transfers that are decided ahead while a group commits; fewer wait for it.
SNAPSHOT_WEIGHT = 1_000_000  # Transfers, or five times the leaves, between snapshots.
ALARM_S_MAX = 3600  # A clock may be set meanwhile.
CLOCK_REST_S = 5.0  # Before what time asks for is tried again by a clock that is ahead.
RETRY_S = 0.5  # Between attempts to read a ledger that could not be read, or written.

T = TypeVar("T")


class Writer:
    """One ledger's queue, book, log and place in the database."""

    def __init__(
        self,
        store: Store,
        notary: Notary,
        ledger_id: int,
        code: str,
        *,
        owner: str,
        now_us: Callable[[], int],
        chance: Callable[[int], bytes],
        snapshotter: Snapshotter,
    ) -> None:
        self.ledger_id = ledger_id
        self.code = code
        self.stopped: LedgerFault | None = None
        self.decider = Decider(code, LedgerClock(now_us), chance)
        self.signed = SignedLog(store, notary, ledger_id)
        self._lookups = Lookups(store, ledger_id, self.decider, self.signed)
        self.committed_sequence = 0
        self._store = store
        self._owner = owner
        self._snapshotter = snapshotter
        self._head = Head(ledger_id=ledger_id, size=0, root=b"", epoch=-1)
        self._edge = Edge()
        self._deciding: list[Pending[Any]] = []  # Taken from the queue, being looked up.
        self._open_pending: list[Pending[Any]] = []
        self._committing_pending: list[Pending[Any]] = []
        self._is_recorded = False  # Whether the group on its way is, or may be by now.
        self._queue: deque[Pending[Any]] = deque()
        self._queued_transfers = 0
        self._arrived = asyncio.Event()
        self._in_flight: dict[UUID, Post] = {}
        self._accepting: set[UUID] = set()  # Proposals that are accepted by themselves.
        self._waiters: dict[asyncio.Future[None], None] = {}  # In order, so a seed repeats.
        self._weight = 0
        self._snapshot: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._loaded = asyncio.Event()
        self._closing = False
        self._alarm: asyncio.TimerHandle | None = None  # For what time asks for next.
        self._rests_until = 0.0  # By the loop's time: nothing is recorded for time alone.

    # ---- life

    async def start(self) -> None:
        """Take the ledger, read it, and begin to serve; or be stopped, and say why.

        Raises:
            StoreUnavailable: the database did not answer.
        """
        self.signed.checkpoint = await self._store.checkpoint(self.ledger_id)
        try:
            await self._load(None)
        except (SignerStopped, JournalBroken, WriterReplaced) as fault:
            self._stop(fault)
            return
        self._task = asyncio.create_task(self._run(), name=f"writer {self.code}")

    async def close(self) -> None:
        """Answer everything that was accepted, then let go of the ledger."""
        self._closing = True
        self._arrived.set()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        if self._snapshot is not None:
            self._snapshot.cancel()
            await asyncio.gather(self._snapshot, return_exceptions=True)
        self.signed.keep_soon()
        await self.signed.settle()
        self._wake_waiters()
        await self._store.release(self.ledger_id)

    # ---- what the desk asks

    @property
    def book(self) -> Book:
        """The book as it is being decided."""
        return self.decider.book

    def view(self, book: Book) -> LedgerView:
        """How the ledger stands in this book."""
        assert book.opening is not None, "only an open ledger is seen"
        return LedgerView(
            ledger_id=self.ledger_id,
            opening=book.opening,
            size=book.size,
            accounts=book.accounts,
            batches=book.batches,
            transfers=book.transfers,
        )

    async def submit(self, pending: Pending[T]) -> T:
        """Queue it and wait for its answer.

        Raises:
            Overloaded: too much is waiting; and whatever stops the writer.
        """
        if self.stopped is not None and not isinstance(pending, Look):
            raise self.stopped
        if self._closing:
            raise StoreUnavailable("the service is stopping")
        if (
            len(self._queue) >= QUEUE_MAX
            or self._queued_transfers + pending.transfers > QUEUE_TRANSFERS_MAX
        ):
            raise Overloaded(f"{len(self._queue)} requests are waiting")
        if self.stopped is not None:
            return self._look_only(pending)
        self._queue.append(pending)
        self._queued_transfers += pending.transfers
        self._arrived.set()
        return await pending.answer()

    def _look_only(self, pending: Pending[T]) -> T:
        """A read-only ledger still shows its book."""
        assert self.stopped is not None
        if not self._loaded.is_set():
            raise self.stopped
        give = pending.decide(self.decider, {})
        if give is not None:  # Else it failed.
            give()
        return pending.result()

    async def submit_post(
        self,
        asked: AnyBatch,
        caller: Caller,
        workflow: str = "",
        unless: Unless | None = None,
    ) -> PostOutcome:
        """Post a batch once; a second arrival while the first is on its way joins it.

        One that is not the same waits until the first is answered, and is then compared with
        what has the id by then, which need not be the first.
        """
        check_form(asked)
        while (first := self._in_flight.get(asked.id)) is not None:
            same = first.asked == asked and first.workflow == workflow
            if same and first.caller.posts_as == caller.posts_as:
                return _replayed(await first.answer())
            await first.answered()
        post = Post(asked, caller, workflow, unless)
        self._in_flight[asked.id] = post
        post.when_answered = lambda: self._in_flight.pop(asked.id, None)
        try:
            return await self.submit(post)
        except LedgerFault as fault:
            post.fail(fault)  # Also for those who joined.
            raise

    async def submit_decision(self, asked: AskedDecision, caller: Caller) -> DecisionOutcome:
        """Say something of a proposal; said again, it is answered again."""
        outcome = await self.submit(self.decider.decision(asked, caller))
        if outcome == Refusal(code=RefusalCode.PROPOSAL_NOT_OPEN):
            return await self._lookups.decided_so(asked, caller) or outcome
        return outcome

    async def preview(self, asked: AnyBatch, caller: Caller, workflow: str = "") -> PostOutcome:
        """What posting would do, or starting a payment, once what it stands on is committed.

        Where the id is spent it is the answer that posting would give.
        """
        look = await self._preview(asked, caller)
        post = Post(asked, caller, workflow)
        while (first := self._in_flight.get(asked.id)) is not None:
            await first.answered()
        stored = await self._lookups.of_one(post)

        def ahead(book: Book) -> PostOutcome:
            again = post.again(self.decider, stored)
            if again is not None:
                return again
            return self.decider.look_ahead(
                asked, caller, workflow, lambda is_trial: look(book, is_trial)
            )

        return await self.submit(Look(ahead))

    async def preview_agreed(self, asked: AnyBatch, caller: Caller) -> Posted | Refusal:
        """What posting would do though somebody would have to agree to it first.

        Of a batch that waits for that, with what it keeps back itself.
        """
        look = await self._preview(asked, caller)

        def agreed(book: Book) -> Posted | Refusal:
            freed = Undo()
            book.proposals.free(freed, asked.id)
            try:
                return look(book, True)
            finally:
                freed.back_to(0)

        return await self.submit(Look(agreed))

    async def _preview(
        self, asked: AnyBatch, caller: Caller
    ) -> Callable[[Book, bool], Posted | Refusal]:
        """Look up what a preview needs of the past."""
        check_form(asked)
        post = Post(asked, caller)
        await self._lookups.of_preview(post)

        def look(book: Book, is_trial: bool) -> Posted | Refusal:
            moment, key = self.decider.moment(asked), caller.key
            return preview(
                book, asked, moment, post.used, post.past, key=key, is_trial=is_trial
            )

        return look

    async def wait_for(self, sequence: int, seconds: float) -> None:
        """Return when a transfer with a higher sequence is committed, or the time is up."""
        if self.committed_sequence > sequence or self._closing:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = None
        try:
            await asyncio.wait_for(waiter, seconds)
        except TimeoutError:
            pass
        finally:
            self._waiters.pop(waiter, None)

    # ---- the loop

    async def _run(self) -> None:
        while True:
            try:
                await self._serve()
                return
            except (OutcomeUnknown, StoreUnavailable, ClockAhead, SignerStopped) as fault:
                log.warning(
                    "A commit did not end well; reading the ledger again",
                    extra={"ledger": self.code, "why": str(fault)},
                )
                self._put_back(fault)
                if isinstance(fault, ClockAhead):
                    self._rests_until = asyncio.get_running_loop().time() + CLOCK_REST_S
            except WriterReplaced as fault:
                self._loaded.clear()  # The book is ahead of what is committed: not for show.
                self._stop(fault)
                return
            except Exception as error:
                log.exception("The writer failed", extra={"ledger": self.code})
                self._put_back(JournalBroken(self.code, repr(error)), give_up=True)
                await asyncio.sleep(RETRY_S)  # It may be so again, and then for ever.
            if not await self._reload():
                return

    async def _reload(self) -> bool:
        """Read the ledger again, as often as it takes; meanwhile nobody waits in vain."""
        while not self._closing:
            try:
                await self._load(self._head.epoch)
            except StoreUnavailable as fault:
                self._fail_waiting(fault)
                await asyncio.sleep(RETRY_S)
            except LedgerFault as fault:
                self._stop(fault)
                return False
            except Exception as error:  # Such as a full disk under the notary.
                log.exception("The ledger cannot be read", extra={"ledger": self.code})
                self._stop(JournalBroken(self.code, repr(error)))
                return False
            else:
                return True
        self._fail_waiting(StoreUnavailable("the service is stopping"))
        return False

    async def _serve(self) -> None:
        """Decide and commit until closing; raises when a commit fails."""
        committing: asyncio.Task[None] | None = None
        try:
            while True:
                if committing is not None and committing.done():
                    done, committing = committing, None
                    done.result()
                self._record_due()
                if committing is None and self.decider.open:
                    committing = asyncio.create_task(self._commit_groups())
                    committing.add_done_callback(lambda _: self._arrived.set())
                if self._may_decide(committing):
                    await self._decide_waiting()
                    continue
                if committing is None:
                    self.signed.keep_soon()
                if self._closing and committing is None and not self._queue:
                    return
                await self._something(committing)
        finally:
            self.decider.close_group()  # After a failure nothing more is committed.
            if committing is not None:
                # A COMMIT is never cancelled: what it did must be known before going on.
                await asyncio.wait({committing})
                if (fault := committing.exception()) is not None:
                    log.warning(
                        "A commit failed besides",
                        extra={"ledger": self.code, "why": str(fault)},
                    )

    def _may_decide(self, committing: asyncio.Task[None] | None) -> bool:
        """Whether to decide what waits now.

        While a group commits, only what is worth it: each time costs a look-up of ids.
        """
        if not self._queue or not self.decider.has_room():
            return False
        if self._queue[0].targets and not self._is_settled():
            return False
        return committing is None or self._queued_transfers >= AHEAD_MIN

    def _is_settled(self) -> bool:
        """Whether all that was decided is committed."""
        return self.book.size == self._head.size

    def _record_due(self) -> None:
        """Record what time asks for, such as holds that expire; come back when it does again.

        Before every decision, so that none is taken with a hold that is over. But not for
        itself alone while this clock is known to be ahead: it could not be recorded.
        """
        if self.book.opening is None:
            return
        rest_s = self._rests_until - asyncio.get_running_loop().time()
        if rest_s > 0 and all(isinstance(pending, Look) for pending in self._queue):
            self._wake_in(rest_s)
            return
        due = self.decider.next_due()
        if due is None:
            return
        now = self.decider.now()
        if due <= now:
            self.decider.record_due()
            for batch in self.book.proposals.acceptable(now):
                if batch not in self._accepting and not self._closing:
                    self._accept(batch)
            due = self.decider.next_due()
        if due is not None and due > now:
            self._wake_in((due - now) / 1e6)

    def _wake_in(self, seconds: float) -> None:
        """Look again after so long; a clock may be set meanwhile."""
        if self._alarm is not None:
            self._alarm.cancel()
        loop = asyncio.get_running_loop()
        self._alarm = loop.call_later(min(seconds, ALARM_S_MAX), self._arrived.set)

    def _accept(self, batch: UUID) -> None:
        """Queue that a proposal is accepted by itself, since its time for that has come."""
        asked = AskedDecision(batch=batch, decision="accepted", reason="time")
        pending = self.decider.decision(asked, None)
        self._accepting.add(batch)
        pending.when_answered = lambda: self._accepting.discard(batch)
        self._queue.append(pending)
        self._queued_transfers += pending.transfers

    async def _something(self, committing: asyncio.Task[None] | None) -> None:
        """Wait for a request, where there is room for it, or for the end of the commit."""
        self._arrived.clear()
        if self._may_decide(committing) or (committing is None and self._closing):
            return
        if committing is None or not committing.done():
            await self._arrived.wait()

    async def _decide_waiting(self) -> None:
        """Decide what waits, as far as the open group has room."""
        taken: list[Pending[Any]] = []
        transfers = 0
        # Each of them makes one leaf at least, or none.
        while self._queue and (not taken or self.decider.has_room(transfers, len(taken))):
            if self._queue[0].targets and not (self._is_settled() and not taken):
                break
            pending = self._queue.popleft()
            self._queued_transfers -= pending.transfers
            transfers += pending.transfers
            taken.append(pending)
        self._deciding = taken  # From here a failure puts them back.
        posts = [pending.batch for pending in taken if pending.batch is not None]
        assert self._is_settled() or not any(post.targets for post in posts), (
            "what a batch names of the past is committed"
        )
        known = await self._lookups.of_all(posts)
        self._deciding = []
        self._open_pending += taken
        for place, pending in enumerate(taken):
            if not self.decider.has_room():  # Some made more leaves than one.
                self._return(taken[place:])
                break
            if pending.is_answered:
                continue
            give = pending.decide(self.decider, known)
            if give is not None:
                self.decider.open.answers.append(give)

    def _return(self, rest: Sequence[Pending[Any]]) -> None:
        """Put what was taken last, and not decided, back to the front of the queue."""
        del self._open_pending[-len(rest) :]
        self._queue.extendleft(reversed(rest))
        self._queued_transfers += sum(pending.transfers for pending in rest)

    # ---- committing

    def _close_group(self) -> OpenGroup:
        group = self.decider.close_group()
        self._committing_pending, self._open_pending = self._open_pending, []
        self._is_recorded = False
        return group

    async def _commit_groups(self) -> None:
        """Commit what is decided, one group after the other, until there is none.

        The answers of a group are sent when the next one is on its way to the database, which
        has something to do meanwhile.
        """
        while self.decider.open:
            await self._commit(self._close_group())

    async def _commit(self, group: OpenGroup) -> None:
        """Commit a group, sign what it made, and give its answers."""
        if group.leaves:
            before, edge = self._head, self._edge
            rows = group.closed(before, edge, self.signed.checkpoint)
            try:
                await self._store.commit(rows)
            except OutcomeUnknown:
                self._is_recorded = True
                raise
            # From here the group is durable. A failure below loses the answers, not the money.
            self._is_recorded = True
            self._head = rows.after
            tiles = {(t.level, t.index): t.hashes for t in rows.tiles}
            await self.signed.sign(self._origin(), before.size, edge, tiles)
            self._committed(group)
        for give in group.answers:
            give()

    def _committed(self, group: OpenGroup) -> None:
        self.decider.committed(group)
        posted = [batch.posted for batch in group.batches if batch.posted is not None]
        moved = sum(len(batch.amount) for batch in posted)
        if moved:
            self.committed_sequence += moved
            self._wake_waiters()
        self._weight += moved + 5 * len(group.leaves)
        if self._weight >= SNAPSHOT_WEIGHT and self._snapshot is None:
            self.snapshot_soon()

    def _wake_waiters(self) -> None:
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _origin(self) -> str:
        assert self.book.opening is not None, "the first leaf is the opening"
        return self.book.opening.origin

    # ---- snapshots

    def snapshot_soon(self) -> "asyncio.Task[None]":
        """Begin a snapshot of the book as it is decided now, beside the posting."""
        if self._snapshot is None:
            self._weight = 0
            self._snapshot = asyncio.create_task(self._take_snapshot())
            self._snapshot.add_done_callback(lambda _: setattr(self, "_snapshot", None))
        return self._snapshot

    async def _take_snapshot(self) -> None:
        """Copy the state, have it written, then record its line in the journal.

        The line is valid only after what it describes is committed, since it comes later
        in the same journal.
        """
        try:
            frozen = await self.submit(Look(lambda book: book.frozen()))
            root = await self._snapshotter.write(self._store, self.ledger_id, frozen)
            await self.submit(Change(lambda book, now: _snapshot_line(frozen, root, now)))
            await self._snapshotter.drop_old(self._store, self.ledger_id)
        except (LedgerFault, OSError) as fault:
            log.warning(
                "A snapshot could not be taken; start-up will replay more",
                extra={"ledger": self.code, "why": str(fault)},
            )

    # ---- when something failed

    async def _load(self, epoch: int | None) -> None:
        """Take the ledger and read its state; sign its head if that was still to be done."""
        self._loaded.clear()
        self._head = await self._store.take(self.ledger_id, self._owner, epoch=epoch)
        loaded = await load(self._store, self._head, self._snapshotter)
        self._edge, self._open_pending = loaded.edge, []
        requests = await self._store.proposals(self.ledger_id)
        lost = loaded.book.proposals.open.keys() - requests.keys()
        if lost:
            raise JournalBroken(
                "the requests of proposals are missing", *sorted(map(str, lost))
            )
        self.decider.begin(
            loaded.book,
            {batch: waiting(requests[batch]) for batch in loaded.book.proposals.open},
        )
        if self.committed_sequence != self.book.transfers:
            self.committed_sequence = self.book.transfers
            self._wake_waiters()
        self._weight = loaded.replayed_transfers + 5 * loaded.replayed_leaves
        self._loaded.set()
        if self.book.opening is not None:
            await self.signed.sign_head(self._origin(), self._edge)
            self.signed.keep_soon()

    def _put_back(self, fault: LedgerFault, *, give_up: bool = False) -> None:
        """Queue again what was decided on memory that is thrown away, in its old order."""
        for pending in self._committing_pending:
            pending.unsure = pending.unsure or self._is_recorded
        waiting = [*self._committing_pending, *self._open_pending, *self._deciding]
        self._committing_pending, self._open_pending, self._deciding = [], [], []
        again = [pending for pending in waiting if not pending.is_answered]
        if give_up or isinstance(fault, ClockAhead):
            for pending in again:
                pending.fail_truly(fault)
            return
        self._queue.extendleft(reversed(again))
        self._queued_transfers += sum(pending.transfers for pending in again)

    def _fail_waiting(self, fault: LedgerFault) -> None:
        while self._queue:
            self._queue.popleft().fail_truly(fault)
        self._queued_transfers = 0

    def _stop(self, fault: LedgerFault) -> None:
        """Serve no more; only an operator can change that."""
        log.critical("The ledger is read-only", extra={"ledger": self.code, "why": str(fault)})
        self.stopped = fault
        self._put_back(fault)
        self._fail_waiting(fault)


def _snapshot_line(frozen: Frozen, root: bytes, now: int) -> Built[None]:
    line = Snapshot(recorded_at=now, size=frozen.size, accounts=frozen.accounts, root=root)
    return Built([line], lambda _: None)


def _replayed(outcome: PostOutcome) -> PostOutcome:
    """The same receipt, for one who sent it again."""
    if isinstance(outcome, Receipt | RefusedReceipt | ProposalReceipt):
        return replace(outcome, replayed=True)
    return outcome
