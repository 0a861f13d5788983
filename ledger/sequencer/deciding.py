"""The decider of one ledger: its book, and the group that grows with what is decided in it.

All of it is memory ahead of the database. The writer takes the group away to commit it; when
that fails, it reads the ledger again and begins the decider anew.
"""

from collections.abc import Callable, Mapping
from datetime import date
from uuid import UUID

from msgspec import UNSET

from ledger.core.answered import (
    ProposalReceipt,
    ProposalView,
    Receipt,
    RefusedReceipt,
    WouldWait,
)
from ledger.core.asked import AskedBatch, AskedDecision, Caller
from ledger.core.book import Book, Posted
from ledger.core.changes import Closing, as_batch
from ledger.core.door import in_words
from ledger.core.faults import MalformedRequest, Overloaded, StoreUnavailable
from ledger.core.leaves import AnyLeaf, BatchProposed, Opening, ProposalDecided, SettingsChanged
from ledger.core.model import Role
from ledger.core.proposals import LATER
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import Workflow
from ledger.core.store import NewBatch, NewProposal
from ledger.core.undo import Undo
from ledger.core.written import AnyBatch, WrittenBatch
from ledger.sequencer.clock import LedgerClock
from ledger.sequencer.group import OpenGroup
from ledger.sequencer.pending import Decide, Give, Post
from ledger.sequencer.posting import (
    Decided,
    Moment,
    Reference,
    all_refused,
    chance_for,
    decide,
    decide_own,
    preview,
    refuse,
)
from ledger.sequencer.proposing import (
    PASSING,
    Ended,
    Waiting,
    look_ahead,
    pending_alike,
    propose,
    to_wait,
)
from ledger.sequencer.timekeeper import Timekeeper

REFUSED_BURST = 2_000  # Leaves of nothing but refusals a key may cause at once,
REFUSED_PER_SECOND = 100  # and after that in a second.
GROUP_TRANSFERS_MAX = 16_380  # After that a group is closed; a full batch more may pass it.
GROUP_LEAVES_MAX = 8_190


class Decider:
    """What may be decided of one ledger, one after the other."""

    def __init__(self, ledger: str, clock: LedgerClock, chance: Callable[[int], bytes]) -> None:
        self.book = Book()
        self.open = OpenGroup()
        self._ledger = ledger
        self._clock = clock
        self._time = Timekeeper(ledger, clock.zone)
        self._chance = chance
        # References decided but perhaps not committed; and those of them that are by now.
        self._used: set[Reference] = set()
        self._used_committed: set[Reference] = set()
        self._waiting: dict[UUID, Waiting] = {}  # Requests whose proposals are open.
        # Proposals whose batches were decided but perhaps not committed; and those that are.
        self._ended: dict[UUID, Ended] = {}
        self._ended_committed: set[UUID] = set()
        self._allowance: dict[str, tuple[float, int]] = {}

    # ---- life

    def begin(self, book: Book, requests: Mapping[UUID, Waiting]) -> None:
        """Go on from a book that was read, with the requests that wait."""
        self.book = book
        self.open = OpenGroup()
        self._used, self._used_committed = set(), set()
        self._waiting = dict(requests)
        self._ended, self._ended_committed = {}, set()
        if book.opening is not None:
            self._set_zone(book.opening.time_zone)

    def close_group(self) -> OpenGroup:
        """Take the group away, to commit it or because it never will be; begin the next."""
        group, self.open = self.open, OpenGroup()
        return group

    def committed(self, group: OpenGroup) -> None:
        """Note that a group is durable."""
        for batch in group.batches:
            self._used_committed.update(_pairs(batch))
        self._ended_committed.update(group.settled)

    def forget_committed(self) -> None:
        """What is committed by now, a look-up finds by itself."""
        self._used.difference_update(self._used_committed)
        self._used_committed.clear()
        for batch in self._ended_committed:
            del self._ended[batch]
        self._ended_committed.clear()

    def ended(self, batch: UUID) -> Ended | None:
        """What became of a proposal, where no look-up may have found its batch yet."""
        return self._ended.get(batch)

    def has_room(self, transfers: int = 0, leaves: int = 0) -> bool:
        """Whether the open group may grow beyond what it has and these."""
        return (
            self.open.transfers + transfers < GROUP_TRANSFERS_MAX
            and len(self.open.leaves) + leaves < GROUP_LEAVES_MAX
        )

    # ---- time

    def _set_zone(self, name: str) -> None:
        self._clock.set_zone(name)
        self._time = Timekeeper(self._ledger, self._clock.zone)

    def now(self) -> int:
        """The ledger's time: the clock's, but never back. Microseconds since 1970."""
        return self._clock.now(self.book)

    def moment(self, asked: AnyBatch) -> Moment:
        """Time, day and chance for a decision about a batch."""
        now = self.now()
        day = self.book.days.current(self._clock.day_of(now, self.book))
        return Moment(now, day, self._chance(chance_for(asked)))

    def clock_day(self) -> date:
        """The day of the ledger's clock, after its cut-off."""
        return self._clock.day_of(self.now(), self.book)

    def today(self) -> date:
        """The business day that a batch would have now."""
        return self.book.days.current(self._clock.day_of(self.now(), self.book))

    def midnight(self, day: date) -> int:
        """The first moment of a day in the ledger's time zone, in microseconds since 1970."""
        return self._clock.midnight(day)

    def next_due(self) -> int | None:
        """When time next asks for a line, in microseconds; None for never. It may be past."""
        return self._time.next(self.book, self.now)

    # ---- deciding

    def record(self, leaf: AnyLeaf) -> None:
        """Take a leaf into the book and the open group."""
        self.book.apply(leaf)
        if isinstance(leaf, Opening):
            self._set_zone(leaf.time_zone)
        elif isinstance(leaf, SettingsChanged):
            self._clock.forget_day()
        self._time.took(leaf)
        self.open.add(leaf)

    def record_due(self) -> None:
        """Record what time asks for by now, as far as there is room: holds that expire.

        Each line has a time of its own: what the one before it caused may have taken some.
        """
        while self.has_room():
            line = self._time.line(self.book, self.now())
            if line is None:
                return
            self.record(line)
            if isinstance(line, ProposalDecided):
                request = self._waiting[line.batch].asked
                ending = self.book.proposals.ending
                assert ending is not None, "what expired is over"
                self._end(Post(request, _maker(ending.proposal.line)))

    def post(self, pending: Post) -> Give | None:
        """Decide a batch that is new."""
        if self._refusals_left(pending.caller.key) < 1:
            pending.fail(Overloaded("too many refused batches from this key"))
            return None
        unsigned = self._why_unsigned(pending.asked, pending.caller)
        if unsigned is not None:
            return lambda: pending.give(unsigned)
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

    def _why_unsigned(self, asked: AnyBatch, caller: Caller) -> Refusal | None:
        """Why a batch that is new is not signed as it must be; then it leaves no trace."""
        signer = asked.signer if isinstance(asked, WrittenBatch) else UNSET
        return self.book.posters.why_unsigned(caller.posts_as, signer, self.book.size)

    def _decided(self, pending: Post) -> Decided | None:
        used = pending.used | self._used if pending.used else self._used
        moment = self.moment(pending.asked)
        return decide(self.book, pending.asked, pending.caller, moment, used, pending.past)

    def _take(self, decided: Decided, pending: Post) -> None:
        """Take a batch that was decided into the open group."""
        if all_refused(decided.receipt):
            self._count_refusal(pending.caller.key)
        self._used.update(_pairs(decided.batch))
        self.open.add(decided.receipt.leaf)
        self.open.batches.append(decided.batch)
        self.open.transfers += pending.transfers

    # ---- closing an account that has a balance

    def close_with(self, closing: Closing, caller: Caller) -> Refusal | None:
        """Move what a closing account has, and close it; or neither, and say why."""
        decided = self._closing_decided(closing, caller)
        if not isinstance(decided, Decided):
            return decided
        self.open.add(decided.receipt.leaf)
        self.open.batches.append(decided.batch)
        self.open.transfers += 1
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
        unsigned = self._why_unsigned(asked, caller)
        if unsigned is not None:  # Who signs moves it away first, and then closes it.
            return unsigned
        now = closing.status.recorded_at  # Of both lines.
        day = self.book.days.current(self._clock.day_of(now, self.book))
        moment = Moment(now, day, self._chance(chance_for(asked)))
        return decide_own(
            self.book,
            asked,
            caller,
            moment,
            lambda book: book.refuse(closing.status),
            dry_run=dry_run,
        )

    # ---- what waits for others

    def proposals(self, book: Book) -> list[ProposalView]:
        """The open proposals with the requests that wait, the oldest first."""
        return [
            ProposalView(proposal=proposal, read=_reader(self._waiting[batch], book))
            for batch, proposal in book.proposals.open.items()
            if batch in self._waiting
        ]

    def proposal(self, book: Book, batch: UUID) -> ProposalView | None:
        """An open proposal with the request that waits."""
        proposal, request = book.proposals.open.get(batch), self._waiting.get(batch)
        if proposal is None or request is None:
            return None
        return ProposalView(proposal=proposal, read=_reader(request, book))

    def decision(self, asked: AskedDecision, caller: Caller | None) -> Decide:
        """What somebody says of a proposal, or without a caller the ledger itself."""
        proposal = self.book.proposals.open.get(asked.batch)
        request = self._waiting.get(asked.batch)
        if proposal is None or request is None:
            return Decide(asked, caller, None)
        return Decide(asked, caller, Post(request.asked, _maker(proposal.line)))

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

    def _propose(self, pending: Post, rule: Workflow | None) -> Give:
        """Let a batch wait; what its party accepts at once does not wait."""
        book, asked, caller = self.book, pending.asked, pending.caller
        moment = self.moment(asked)
        line = propose(book, asked, caller, moment, pending.workflow, rule)
        if isinstance(line, Refusal):
            return self._refuse(pending, moment, line)
        request = to_wait(asked)
        mine = request.references
        refusal = pending_alike(book, asked, line, mine, self._waiting) or book.refuse(line)
        if refusal is not None:
            if refusal.code in PASSING:
                return lambda: pending.give(refusal)
            return self._refuse(pending, moment, refusal)
        receipt = ProposalReceipt(leaf_index=book.size, leaf=line)
        self.record(line)
        self._waiting[asked.id] = request
        self.open.proposals.append(NewProposal(asked.id, request.data))
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

    def look_ahead(
        self,
        asked: AnyBatch,
        caller: Caller,
        workflow: str,
        look: Callable[[bool], Posted | Refusal],
    ) -> Posted | Refusal | WouldWait:
        """What posting would do now, or starting a payment; `look` previews the batch."""
        unsigned = self._why_unsigned(asked, caller)
        if unsigned is not None:
            return unsigned
        moment = self.moment(asked)
        return look_ahead(self.book, asked, caller, moment, workflow, look, self._waiting)

    def _refuse(self, pending: Post, moment: Moment, refusal: Refusal) -> Give:
        """Refuse a batch that would wait, and spend its id."""
        decided = refuse(self.book, pending.asked, pending.caller, moment, refusal)
        self._take(decided, pending)
        return lambda: pending.give(decided.receipt)

    def decide_proposal(self, pending: Decide) -> Give | None:
        """Take what somebody says of a proposal; the last word ends it.

        Where its batch cannot be posted just now, whoever agrees is told so and may agree
        again later. What the ledger accepts by itself it decides once: nobody waits there.
        """
        asked, caller, book = pending.asked, pending.caller, self.book
        line = self._decided_line(asked, caller)
        refusal = book.refuse(line)
        if refusal is not None:
            return lambda: pending.give(refusal)
        if pending.batch is None:  # It was proposed after this was asked.
            pending.fail(StoreUnavailable(f"proposal {asked.batch} is being recorded"))
            return None
        if caller is not None and book.proposals.would_agree(line):
            later = self._why_later(pending.batch)
            if later is not None:
                return lambda: pending.give(later)
        self.record(line)
        if book.proposals.ending is not None:
            ended = self._end(pending.batch)
            return lambda: pending.give(ended)
        view = self.proposal(book, asked.batch)
        assert view is not None, "it goes on waiting"
        return lambda: pending.give(view)

    def _why_later(self, pending: Post) -> Refusal | None:
        """Why a batch that waits cannot be posted now, where that may pass."""
        freed = Undo()
        self.book.proposals.free(freed, pending.asked.id)
        outcome = preview(
            self.book,
            pending.asked,
            self.moment(pending.asked),
            pending.used | self._used,
            pending.past,
            is_trial=True,
        )
        freed.back_to(0)
        if isinstance(outcome, Refusal) and outcome.code in LATER:
            return outcome
        return None

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
        self.open.settled.append(asked.id)
        del self._waiting[asked.id]
        self._ended[asked.id] = Ended(ending.proposal, decided.receipt)
        return decided.receipt

    # ---- refusals, which are limited in rate

    def _refusals_left(self, key: str) -> float:
        """How many refused leaves a key may still cause just now."""
        left, since = self._allowance.get(key, (REFUSED_BURST, 0))
        now = self._clock.machine_us()
        if now < since:  # The clock was set back: count anew from here.
            self._allowance[key] = left, now
            return left
        return min(REFUSED_BURST, left + (now - since) / 1e6 * REFUSED_PER_SECOND)

    def _count_refusal(self, key: str) -> None:
        self._allowance[key] = self._refusals_left(key) - 1, self._clock.machine_us()


def _maker(line: BatchProposed) -> Caller:
    """Whoever made a proposal, as far as its batch's leaf says."""
    return Caller(key=line.key, role=Role.POSTER, poster=line.poster)


def _reader(request: Waiting, book: Book) -> Callable[[], AskedBatch]:
    """What reads a request that waits; the codes of accounts never change."""
    return lambda: in_words(request.asked, book)


def _pairs(batch: NewBatch) -> set[tuple[str, str]]:
    return {(batch.source, reference) for reference, _ in batch.references}
