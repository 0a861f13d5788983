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
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from ledger.core.answered import (
    DecisionOutcome,
    LedgerView,
    PostOutcome,
    ProposalReceipt,
    ProposalView,
    Receipt,
    RefusedReceipt,
)
from ledger.core.asked import AskedBatch, AskedDecision, Caller
from ledger.core.book import Book, Posted
from ledger.core.changes import Closing, as_batch
from ledger.core.days import A_DAY
from ledger.core.door import chance_needed, check_form
from ledger.core.faults import (
    ClockAhead,
    JournalBroken,
    LedgerFault,
    MalformedRequest,
    OutcomeUnknown,
    Overloaded,
    SignerStopped,
    StoreUnavailable,
    WriterReplaced,
)
from ledger.core.frozen import Frozen
from ledger.core.leaves import (
    AnyLeaf,
    BatchPosted,
    BatchProposed,
    Opening,
    ProposalDecided,
    SettingsChanged,
    Snapshot,
)
from ledger.core.model import Role
from ledger.core.ports import Notary, Unless
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import Workflow
from ledger.core.store import Head, NewBatch, NewProposal, Store, StoredBatch
from ledger.core.terms import targets_of
from ledger.journal.canonical import decode_leaf
from ledger.journal.tiles import Edge
from ledger.sequencer.group import OpenGroup
from ledger.sequencer.loading import load
from ledger.sequencer.pending import Built, Change, Decide, Give, Look, Pending, Post
from ledger.sequencer.posting import (
    Decided,
    Moment,
    all_refused,
    decide,
    decide_own,
    poster_of,
    preview,
    receipt_again,
    refuse,
)
from ledger.sequencer.proposing import Waiting, pending_alike, propose, to_wait, waiting
from ledger.sequencer.signed import SignedLog
from ledger.sequencer.snapshotting import Snapshotter

log = logging.getLogger(__name__)

QUEUE_MAX = 20_000  # Requests that may wait.
QUEUE_TRANSFERS_MAX = 262_080  # Transfers that may wait: 32 full batches.
GROUP_TRANSFERS_MAX = 16_380  # After that a group is closed; a full batch more may pass it.
AHEAD_MIN = 16  # Transfers that are decided ahead while a group commits; fewer wait for it.
GROUP_LEAVES_MAX = 8_190
REFUSED_BURST = 2_000  # Leaves of nothing but refusals a key may cause at once,
REFUSED_PER_SECOND = 100  # and after that in a second.
SNAPSHOT_WEIGHT = 1_000_000  # Transfers, or five times the leaves, between snapshots.
QUARTER_US = 900_000_000  # A quarter of an hour.
EVER = 2**62  # Above every sequence.
ALARM_S_MAX = 3600  # A clock may be set meanwhile.
RETRY_S = 0.5  # Between attempts to read a ledger whose database does not answer.

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
        self.book = Book()
        self.stopped: LedgerFault | None = None
        self.signed = SignedLog(store, notary, ledger_id)
        self.committed_sequence = 0
        self._store = store
        self._owner = owner
        self._now_us = now_us
        self._chance = chance
        self._snapshotter = snapshotter
        self._set_zone("UTC")
        self._head = Head(ledger_id=ledger_id, size=0, root=b"", epoch=-1)
        self._edge = Edge()
        self._open = OpenGroup()
        self._deciding: list[Pending[Any]] = []  # Taken from the queue, being looked up.
        self._open_pending: list[Pending[Any]] = []
        self._committing_pending: list[Pending[Any]] = []
        self._is_recorded = False  # Whether the group on its way is, or may be by now.
        self._queue: deque[Pending[Any]] = deque()
        self._queued_transfers = 0
        self._arrived = asyncio.Event()
        self._in_flight: dict[UUID, Post] = {}
        # References decided but perhaps not committed; and those of them that are by now.
        self._used: set[tuple[str, str]] = set()
        self._used_committed: set[tuple[str, str]] = set()
        self._waiting: dict[UUID, Waiting] = {}  # Requests whose proposals are open.
        self._accepting: set[UUID] = set()  # Proposals that are accepted by themselves.
        self._waiters: dict[asyncio.Future[None], None] = {}  # In order, so a seed repeats.
        self._allowance: dict[str, tuple[float, int]] = {}
        self._weight = 0
        self._snapshot: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._loaded = asyncio.Event()
        self._closing = False
        self._alarm: asyncio.TimerHandle | None = None  # For what time asks for next.

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
        give = pending.decide(self, {})
        if give is not None:  # Else it failed.
            give()
        return pending.result()

    async def submit_post(
        self,
        asked: AskedBatch,
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
            if same and poster_of(first.caller) == poster_of(caller):
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
        outcome = await self.submit(self._decision(asked, caller))
        if outcome == Refusal(code=RefusalCode.PROPOSAL_NOT_OPEN):
            return await self._decided_so(asked, caller) or outcome
        return outcome

    async def _decided_so(
        self, asked: AskedDecision, caller: Caller
    ) -> Receipt | RefusedReceipt | None:
        """The receipt of a batch whose proposal this caller ended so before."""
        stored = (await self._store.lookup(self.ledger_id, [asked.batch])).get(asked.batch)
        if stored is None:
            return None
        index = stored.leaf_index
        (line,) = await self._store.lines(self.ledger_id, index - 1, index)
        last = decode_leaf(line)
        is_mine = isinstance(last, ProposalDecided) and (
            (last.batch, last.by, last.decision) == (asked.batch, caller.key, asked.decision)
        )
        return receipt_again(stored) if is_mine else None

    def _decision(self, asked: AskedDecision, caller: Caller | None) -> Decide:
        proposal = self.book.proposals.open.get(asked.batch)
        request = self._waiting.get(asked.batch)
        if proposal is None or request is None:
            return Decide(asked, caller, None)
        return Decide(asked, caller, Post(request.asked, _maker(proposal.line)))

    def proposals(self, book: Book) -> list[ProposalView]:
        """The open proposals with the requests that wait, the oldest first."""
        return [
            ProposalView(proposal=proposal, asked=self._waiting[batch].asked)
            for batch, proposal in book.proposals.open.items()
            if batch in self._waiting
        ]

    def proposal(self, book: Book, batch: UUID) -> ProposalView | None:
        """An open proposal with the request that waits."""
        proposal, request = book.proposals.open.get(batch), self._waiting.get(batch)
        if proposal is None or request is None:
            return None
        return ProposalView(proposal=proposal, asked=request.asked)

    def refuse_decision(
        self, book: Book, asked: AskedDecision, caller: Caller | None
    ) -> Refusal | None:
        """Why this may not be said of a proposal now."""
        return book.refuse(self._decided_line(asked, caller))

    def _decided_line(self, asked: AskedDecision, caller: Caller | None) -> ProposalDecided:
        return ProposalDecided(
            recorded_at=self.now(),
            batch=asked.batch,
            decision=asked.decision,
            by=UNSET if caller is None else caller.key,
            user=asked.user,
            reason=asked.reason,
        )

    async def preview(
        self, asked: AskedBatch, caller: Caller, *, is_trial: bool = False
    ) -> Posted | Refusal:
        """What posting would do, once what it stands on is committed.

        With `is_trial` it is said though somebody would have to approve it first.
        """
        check_form(asked)
        opening = self.book.opening
        is_unique = opening is not None and opening.unique_references
        used = await self._references_used(asked) if is_unique else set[tuple[str, str]]()
        past = await self._store.past(self.ledger_id, targets_of(asked.transfers), EVER)

        def look(book: Book) -> Posted | Refusal:
            return preview(
                book,
                asked,
                self.moment(asked),
                used,
                past,
                key=caller.key,
                is_trial=is_trial,
            )

        return await self.submit(Look(look))

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

    # ---- deciding

    def now(self) -> int:
        """The ledger's time: the clock's, but never back. Microseconds since 1970."""
        return max(self._now_us(), self.book.recorded_at)

    def moment(self, asked: AskedBatch) -> Moment:
        """Time, day and chance for a decision about a batch."""
        now = self.now()
        day = self.book.days.current(self._day_of(now))
        return Moment(now, day, self._chance(chance_needed(asked)))

    def _set_zone(self, name: str) -> None:
        self._zone = ZoneInfo(name)
        self._day = (-1, date.min)

    def _day_of(self, now: int) -> date:
        """The date in the ledger's time zone; after its cut-off the next day's.

        It is kept for the quarter of an hour: no zone has begun a day at another minute
        since 1972, and a cut-off is at a quarter.
        """
        quarter = now // QUARTER_US
        if self._day[0] != quarter:
            settings = self.book.days.settings
            cut_off = UNSET if settings is None else settings.cut_off
            moment = datetime.fromtimestamp(now // 1_000_000, UTC)
            self._day = quarter, business_day(moment, self._zone, cut_off)
        return self._day[1]

    def clock_day(self) -> date:
        """The day of the ledger's clock, after its cut-off."""
        return self._day_of(self.now())

    def today(self) -> date:
        """The business day that a batch would have now."""
        return self.book.days.current(self._day_of(self.now()))

    def midnight(self, day: date) -> int:
        """The first moment of a day in the ledger's time zone, in microseconds since 1970.

        Where clocks are set forward at midnight it is the moment at which they are.
        """
        return int(datetime.combine(day, time(), self._zone).timestamp()) * 1_000_000

    def close_with(self, closing: Closing, caller: Caller) -> Refusal | None:
        """Move what a closing account has, and close it; or neither, and say why."""
        decided = self._closing_decided(closing, caller)
        if not isinstance(decided, Decided):
            return decided
        self._open.add(decided.receipt.leaf)
        self._open.batches.append(decided.batch)
        self._open.transfers += 1
        self.record(closing.status)
        return None

    def preview_closing(self, closing: Closing, caller: Caller) -> Refusal | None:
        """Why an account cannot be closed so, or None; the book stays as it is."""
        outcome = self._closing_decided(closing, caller, dry_run=True)
        assert not isinstance(outcome, Decided), "a dry run decides nothing"
        return outcome

    def _closing_decided(
        self, closing: Closing, caller: Caller, *, dry_run: bool = False
    ) -> Decided | Refusal | None:
        asked = as_batch(closing, self._chance(16))
        now = closing.status.recorded_at  # Of both lines.
        day = self.book.days.current(self._day_of(now))
        moment = Moment(now, day, self._chance(chance_needed(asked)))
        return decide_own(
            self.book,
            asked,
            caller,
            moment,
            lambda book: book.refuse(closing.status),
            dry_run=dry_run,
        )

    def record(self, leaf: AnyLeaf) -> None:
        """Take a leaf into the book and the open group."""
        self.book.apply(leaf)
        if isinstance(leaf, Opening):
            self._set_zone(leaf.time_zone)
        elif isinstance(leaf, SettingsChanged):
            self._day = (-1, date.min)
        self._open.add(leaf)

    def post(self, pending: Post) -> Give | None:
        """Decide a batch that is new."""
        if self._refusals_left(pending.caller.key) < 1:
            pending.fail(Overloaded("too many refused batches from this key"))
            return None
        code = pending.workflow
        rule = self.book.workflows.get(code) if code else None
        try:
            if code and rule is None:
                refusal = Refusal(code=RefusalCode.WORKFLOW_NOT_FOUND)
                return lambda: pending.give(refusal)
            if rule is not None and rule.accepts is not UNSET:
                return self._propose(pending, rule)
            decided = self._decided(pending)
            if decided is None:
                return self._propose(pending, rule)
        except MalformedRequest as fault:
            pending.fail(fault)
            return None
        self._take(decided, pending)
        return lambda: pending.give(decided.receipt)

    def _decided(self, pending: Post) -> Decided | None:
        used = pending.used | self._used if pending.used else self._used
        moment = self.moment(pending.asked)
        return decide(self.book, pending.asked, pending.caller, moment, used, pending.past)

    def _take(self, decided: Decided, pending: Post) -> None:
        """Take a batch that was decided into the open group."""
        if all_refused(decided.receipt):
            self._count_refusal(pending.caller.key)
        self._used.update(_pairs(decided.batch))
        self._open.add(decided.receipt.leaf)
        self._open.batches.append(decided.batch)
        self._open.transfers += pending.transfers

    # ---- what waits for others

    def _propose(self, pending: Post, rule: Workflow | None) -> Give:
        """Let a batch wait; what its party accepts at once does not wait."""
        book, asked, caller = self.book, pending.asked, pending.caller
        moment = self.moment(asked)
        line = propose(book, asked, caller, moment, pending.workflow, rule)
        if isinstance(line, Refusal):
            decided = refuse(book, asked, caller, moment, line)
            self._take(decided, pending)
            return lambda: pending.give(decided.receipt)
        refusal = pending_alike(book, asked, line, self._waiting) or book.refuse(line)
        if refusal is not None:
            return lambda: pending.give(refusal)
        receipt = ProposalReceipt(leaf_index=book.size, leaf=line)
        self.record(line)
        self._waiting[asked.id] = request = to_wait(asked)
        self._open.proposals.append(NewProposal(asked.id, request.data))
        if not book.proposals.is_whitelisted(line):
            return lambda: pending.give(receipt)
        self.record(
            ProposalDecided(
                recorded_at=self.now(),
                batch=asked.id,
                decision="accepted",
                reason="whitelist",
            )
        )
        if book.proposals.ending is None:  # It must be approved besides.
            return lambda: pending.give(receipt)
        ended = self._end(pending)
        return lambda: pending.give(ended)

    def decide_proposal(self, pending: Decide) -> Give | None:
        """Take what somebody says of a proposal; the last word ends it."""
        asked, caller, book = pending.asked, pending.caller, self.book
        line = self._decided_line(asked, caller)
        refusal = book.refuse(line)
        if refusal is not None:
            return lambda: pending.give(refusal)
        if pending.batch is None:  # It was proposed after this was asked.
            pending.fail(StoreUnavailable(f"proposal {asked.batch} is being recorded"))
            return None
        self.record(line)
        if book.proposals.ending is not None:
            ended = self._end(pending.batch)
            return lambda: pending.give(ended)
        view = ProposalView(
            proposal=book.proposals.open[asked.batch], asked=pending.batch.asked
        )
        return lambda: pending.give(view)

    def _end(self, pending: Post) -> Receipt | RefusedReceipt:
        """Record the leaf of a batch whose proposal was decided just now."""
        book, asked, caller = self.book, pending.asked, pending.caller
        ending = book.proposals.ending
        assert ending is not None, "a proposal was decided"
        if ending.refused is None:
            decided = self._decided(pending)
            assert decided is not None, "what was approved needs no approval"
        else:
            refusal = Refusal(code=ending.refused)
            decided = refuse(book, asked, caller, self.moment(asked), refusal)
        self._take(decided, pending)
        self._open.settled.append(asked.id)
        del self._waiting[asked.id]
        return decided.receipt

    def _refusals_left(self, key: str) -> float:
        """How many refused leaves a key may still cause just now."""
        left, since = self._allowance.get(key, (REFUSED_BURST, 0))
        now = self._now_us()
        if now < since:  # The clock was set back: count anew from here.
            self._allowance[key] = left, now
            return left
        return min(REFUSED_BURST, left + (now - since) / 1e6 * REFUSED_PER_SECOND)

    def _count_refusal(self, key: str) -> None:
        self._allowance[key] = self._refusals_left(key) - 1, self._now_us()

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
            except WriterReplaced as fault:
                self._loaded.clear()  # The book is ahead of what is committed: not for show.
                self._stop(fault)
                return
            except Exception as error:
                log.exception("The writer failed", extra={"ledger": self.code})
                self._put_back(JournalBroken(self.code, repr(error)), give_up=True)
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
                    committing.result()
                    committing = None
                self._record_due()
                if committing is None and self._open:
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
            self._open = OpenGroup()  # After a failure nothing more is committed.
            if committing is not None:
                # A COMMIT is never cancelled: what it did must be known before going on.
                await asyncio.wait({committing})
                committing.exception()

    def _may_decide(self, committing: asyncio.Task[None] | None) -> bool:
        """Whether to decide what waits now.

        While a group commits, only what is worth it: each time costs a look-up of ids.
        """
        if not self._queue or not self._has_room():
            return False
        if self._queue[0].targets and not self._is_settled():
            return False
        return committing is None or self._queued_transfers >= AHEAD_MIN

    def _is_settled(self) -> bool:
        """Whether all that was decided is committed."""
        return self.book.size == self._head.size

    def _has_room(self) -> bool:
        return (
            self._open.transfers < GROUP_TRANSFERS_MAX
            and len(self._open.leaves) < GROUP_LEAVES_MAX
        )

    def _record_due(self) -> None:
        """Record what time asks for, such as holds that expire; come back when it does again.

        Before every decision, so that none is taken with a hold that is over.
        """
        due = self.book.due()
        if due is None or self.book.opening is None:
            return
        now = self.now()
        if due > now:
            loop = asyncio.get_running_loop()
            if self._alarm is not None:
                self._alarm.cancel()
            wait = min((due - now) / 1e6, ALARM_S_MAX)
            self._alarm = loop.call_later(wait, self._arrived.set)
            return
        while self._has_room() and (line := self.book.due_line(now)) is not None:
            self.record(line)
            if isinstance(line, ProposalDecided):
                request = self._waiting[line.batch].asked
                ending = self.book.proposals.ending
                assert ending is not None, "what expired is over"
                self._end(Post(request, _maker(ending.proposal.line)))
        for batch in self.book.proposals.acceptable(now):
            if batch not in self._accepting and not self._closing:
                self._accept(batch)

    def _accept(self, batch: UUID) -> None:
        """Queue that a proposal is accepted by itself, since its time for that has come."""
        asked = AskedDecision(batch=batch, decision="accepted", reason="time")
        pending = self._decision(asked, None)
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
        transfers = self._open.transfers
        leaves = len(self._open.leaves)  # Each of them makes one at least, or none.
        while self._queue and (
            not taken
            or (transfers < GROUP_TRANSFERS_MAX and leaves + len(taken) < GROUP_LEAVES_MAX)
        ):
            if self._queue[0].targets and not (self._is_settled() and not taken):
                break
            pending = self._queue.popleft()
            self._queued_transfers -= pending.transfers
            transfers += pending.transfers
            taken.append(pending)
        self._deciding = taken  # From here a failure puts them back.
        known = await self._look_up(taken)
        self._deciding = []
        self._open_pending += taken
        for place, pending in enumerate(taken):
            if not self._has_room():  # Some made more leaves than one.
                self._return(taken[place:])
                break
            if pending.is_answered:
                continue
            give = pending.decide(self, known)
            if give is not None:
                self._open.answers.append(give)

    def _return(self, rest: Sequence[Pending[Any]]) -> None:
        """Put what was taken last, and not decided, back to the front of the queue."""
        del self._open_pending[-len(rest) :]
        self._queue.extendleft(reversed(rest))
        self._queued_transfers += sum(pending.transfers for pending in rest)

    async def _look_up(self, taken: Collection[Pending[Any]]) -> Mapping[UUID, StoredBatch]:
        posts = [pending.batch for pending in taken if pending.batch is not None]
        if not posts:
            return {}
        # What is committed by now, the look-up finds by itself.
        self._used.difference_update(self._used_committed)
        self._used_committed.clear()
        known = await self._store.lookup(self.ledger_id, [post.asked.id for post in posts])
        if any(stored.leaf_index >= self.signed.size for stored in known.values()):
            # What is ours is signed before anybody asks for it again. So another wrote it, and
            # nobody here knows whether it is signed: taking the ledger again will tell.
            raise StoreUnavailable("a batch is there that this writer did not sign")
        opening = self.book.opening
        for post in posts:
            stored = known.get(post.asked.id)
            if stored is not None:
                post.salts = await self._salts(post, stored)
                continue
            if opening is not None and opening.unique_references:
                post.used = await self._references_used(post.asked)
            if post.targets:
                assert self._is_settled(), "what a batch names of the past is committed"
                post.past = await self._store.past(self.ledger_id, post.targets, EVER)
        return known

    async def _salts(self, post: Post, stored: StoredBatch) -> Mapping[int, bytes]:
        if not stored.amount or not any(t.description for t in post.asked.transfers):
            return {}
        leaf = receipt_again(stored).leaf
        assert isinstance(leaf, BatchPosted)
        sequences = range(leaf.first_sequence, leaf.first_sequence + leaf.posted)
        return await self._store.detail_salts(self.ledger_id, sequences)

    async def _references_used(self, asked: AskedBatch) -> set[tuple[str, str]]:
        source = asked.source if isinstance(asked.source, str) else ""
        pairs = {(source, t.reference) for t in asked.transfers if t.reference}
        return await self._store.used_references(self.ledger_id, pairs, EVER)

    # ---- committing

    def _close_group(self) -> OpenGroup:
        group, self._open = self._open, OpenGroup()
        self._committing_pending, self._open_pending = self._open_pending, []
        self._is_recorded = False
        return group

    async def _commit_groups(self) -> None:
        """Commit what is decided, one group after the other, until there is none.

        The answers of a group are sent when the next one is on its way to the database, which
        has something to do meanwhile.
        """
        while self._open:
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
        for batch in group.batches:
            self._used_committed.update(_pairs(batch))
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
        loaded = await load(self._store, self._head)
        self.book, self._edge = loaded.book, loaded.edge
        self._open, self._open_pending = OpenGroup(), []
        self._used, self._used_committed = set(), set()
        requests = await self._store.proposals(self.ledger_id)
        lost = self.book.proposals.open.keys() - requests.keys()
        if lost:
            raise JournalBroken(
                "the requests of proposals are missing", *sorted(map(str, lost))
            )
        self._waiting = {batch: waiting(requests[batch]) for batch in self.book.proposals.open}
        if self.committed_sequence != self.book.transfers:
            self.committed_sequence = self.book.transfers
            self._wake_waiters()
        self._weight = loaded.replayed_transfers + 5 * loaded.replayed_leaves
        if self.book.opening is not None:
            self._set_zone(self.book.opening.time_zone)
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


def _maker(line: BatchProposed) -> Caller:
    """Whoever made a proposal, as far as its batch's leaf says."""
    return Caller(key=line.key, role=Role.POSTER, poster=line.poster)


def business_day(moment: datetime, zone: ZoneInfo, cut_off: int | UnsetType) -> date:
    """The day of a clock: the date in a zone, and from the cut-off on the next one's.

    Where clocks are set back over the cut-off it comes twice; the day begins the first time,
    and is never the one before again. Where they are set forward over it, the day begins
    when they are.
    """
    local = moment.astimezone(zone)
    if cut_off is UNSET:
        return local.date()
    hour, minute = divmod(cut_off, 60)
    first = datetime.combine(local.date(), time(hour, minute), zone)  # fold 0: the first.
    is_after = (local.hour, local.minute) >= (hour, minute)
    is_after = is_after or moment >= first.astimezone(UTC)
    return local.date() + is_after * A_DAY


def _pairs(batch: NewBatch) -> set[tuple[str, str]]:
    return {(batch.source, reference) for reference, _ in batch.references}


def _snapshot_line(frozen: Frozen, root: bytes, now: int) -> Built[None]:
    line = Snapshot(recorded_at=now, size=frozen.size, accounts=frozen.accounts, root=root)
    return Built([line], lambda _: None)


def _replayed(outcome: PostOutcome) -> PostOutcome:
    """The same receipt, for one who sent it again."""
    if isinstance(outcome, Receipt | RefusedReceipt | ProposalReceipt):
        return replace(outcome, replayed=True)
    return outcome
