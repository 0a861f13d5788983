"""What is asked of a writer and not yet answered: a look, a change, a batch."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Generic, TypeVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ledger.core.answered import (
    DecisionOutcome,
    PostOutcome,
    ProposalReceipt,
    Receipt,
    RefusedReceipt,
)
from ledger.core.asked import AskedDecision, Caller
from ledger.core.book import Book
from ledger.core.changes import Closing
from ledger.core.faults import LedgerFault, MalformedRequest, OutcomeUnknown
from ledger.core.leaves import AnyLeaf, BatchRefused
from ledger.core.ports import Unless
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.store import StoredBatch
from ledger.core.terms import NO_PAST, Past, targets_of
from ledger.core.written import AnyBatch
from ledger.sequencer.posting import Reference, receipt_again, same_posted, same_refused
from ledger.sequencer.proposing import is_same

if TYPE_CHECKING:
    from ledger.sequencer.deciding import Decider

T = TypeVar("T")

# What is answered to one who sends again what has its id already.
Again = Receipt | RefusedReceipt | ProposalReceipt | Refusal
_SPENT: Final = Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH)

Give = Callable[[], None]  # What gives an answer once the group it waits for is committed.


class Pending(Generic[T]):
    """Something asked and not yet answered."""

    transfers = 0
    targets: Collection[int] = ()  # Of transfers recorded before that it names.
    batch: "Post | None" = None  # What is to be looked up before it is decided.
    unsure = False  # Whether it may have been recorded by a commit of unknown outcome.

    def __init__(self) -> None:
        self.is_answered = False
        self.when_answered: Callable[[], object] | None = None
        self._fault: Exception | None = None
        self._waiting: list[asyncio.Future[None]] = []

    async def answer(self) -> T:
        """Wait for the answer. Who stops waiting stops nothing and nobody else."""
        await self.answered()
        return self.result()

    async def answered(self) -> None:
        """Wait until there is an answer, whatever it is."""
        if not self.is_answered:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter

    def result(self) -> T:
        """The answer that was given."""
        assert self.is_answered
        if self._fault is not None:
            raise self._fault
        return self._outcome

    def decide(self, decider: "Decider", known: Mapping[UUID, StoredBatch]) -> Give | None:
        """Decide now; None when the answer was given at once."""
        raise NotImplementedError

    def give(self, outcome: T) -> None:
        """Answer, unless it was answered."""
        if not self.is_answered:
            self._outcome = outcome
            self._wake()

    def fail(self, fault: Exception) -> None:
        """Answer with a fault, unless it was answered."""
        if not self.is_answered:
            self._fault = fault
            self._wake()

    def _wake(self) -> None:
        self.is_answered = True
        if self.when_answered is not None:
            self.when_answered()
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def fail_truly(self, fault: LedgerFault) -> None:
        """Answer with a fault; not one that says nothing was recorded where that is unsure."""
        self.fail(OutcomeUnknown(fault) if self.unsure else fault)


class Look(Pending[T]):
    """A look at the book, answered when all it saw is committed."""

    def __init__(self, look: Callable[[Book], T]) -> None:
        super().__init__()
        self._look = look

    def decide(self, decider: "Decider", known: Mapping[UUID, StoredBatch]) -> Give | None:
        try:
            seen = self._look(decider.book)
        except Exception as error:  # A look changes nothing, so nothing else is lost.
            self.fail(error)
            return None
        return lambda: self.give(seen)


class Moving(Struct, Generic[T], frozen=True):
    """An account to close once its balance is moved, and what to answer from the book then."""

    closing: Closing
    caller: Caller
    look: Callable[[Book], T]


class Built(Struct, Generic[T], frozen=True):
    """Leaves to record, and what to answer from the book when they are in it."""

    leaves: Sequence[AnyLeaf]
    look: Callable[[Book], T]


class Change(Pending[T | Refusal]):
    """A change of anything but balances, or what closes an account that has one.

    `build` sees the book and the time; it may be called again after a reload.
    """

    def __init__(
        self,
        build: "Callable[[Book, int], Built[T] | Moving[T] | Refusal]",
    ) -> None:
        super().__init__()
        self._build = build

    def decide(self, decider: "Decider", known: Mapping[UUID, StoredBatch]) -> Give | None:
        try:
            built = self._build(decider.book, decider.now())
            refusal = built if isinstance(built, Refusal) else None
            if isinstance(built, Moving):
                refusal = decider.close_with(built.closing, built.caller)
        except MalformedRequest as fault:
            self.fail(fault)
            return None
        if refusal is not None:
            return lambda: self.give(refusal)
        assert not isinstance(built, Refusal)
        if isinstance(built, Built):
            for leaf in built.leaves:
                decider.record(leaf)
        seen = built.look(decider.book)
        return lambda: self.give(seen)


class Post(Pending[PostOutcome]):
    """A batch; or with a workflow a payment, a batch of one that another may have to accept."""

    def __init__(
        self,
        asked: AnyBatch,
        caller: Caller,
        workflow: str = "",
        unless: Unless | None = None,
    ) -> None:
        super().__init__()
        self.asked = asked
        self.caller = caller
        self.workflow = workflow
        self.unless = unless
        self.batch = self
        self.transfers = len(asked.transfers)
        self.salts: Mapping[int, bytes] = {}  # Of a repeat's descriptions.
        self.used: frozenset[Reference] = frozenset()  # Of its references.
        # What is named of the past must be committed, or a commit could change it meanwhile.
        self.targets = targets_of(asked.transfers)
        self.past: Mapping[int, Past] = NO_PAST

    def decide(self, decider: "Decider", known: Mapping[UUID, StoredBatch]) -> Give | None:
        stored = known.get(self.asked.id)
        try:
            again = self.again(decider, stored)
        except MalformedRequest as fault:  # Only deciding finds out, for want of a scale.
            self.fail(fault)
            return None
        if again is None:
            unless = self.unless
            refusal = None if unless is None else unless(decider.book, decider.now())
            return decider.post(self) if refusal is None else lambda: self.give(refusal)
        if stored is None:  # What it is answered with may not be committed yet.
            return lambda: self.give(again)
        self.give(again)
        return None

    def again(self, decider: "Decider", stored: StoredBatch | None) -> Again | None:
        """The answer once more, where the id is spent or waits; None where it is new.

        Raises:
            MalformedRequest: it cannot be compared with what is there.
        """
        if stored is not None:
            same = self._same(stored, decider.book)
            return receipt_again(stored) if same else _SPENT
        proposal = decider.book.proposals.open.get(self.asked.id)
        if proposal is not None:
            same = is_same(proposal, self.asked, self.caller)
            index, line = proposal.index, proposal.line
            receipt = ProposalReceipt(leaf_index=index, leaf=line, replayed=True)
            return receipt if same else _SPENT
        ended = decider.ended(self.asked.id)  # Just now: not in the database, or not signed.
        if ended is None:
            return None
        same = ended.is_of(self.asked, self.caller)
        return replace(ended.receipt, replayed=True) if same else _SPENT

    def _same(self, stored: StoredBatch, book: Book) -> bool:
        receipt = receipt_again(stored)
        if isinstance(receipt.leaf, BatchRefused):
            return same_refused(receipt.leaf, self.asked, self.caller)
        return same_posted(stored, self.asked, self.caller, book, self.salts)


class Decide(Pending[DecisionOutcome]):
    """What somebody says of a proposal, or without a caller the ledger itself.

    Args:
        batch: the request that waits, to be looked up as if it came now.
    """

    def __init__(self, asked: AskedDecision, caller: Caller | None, batch: Post | None) -> None:
        super().__init__()
        self.asked = asked
        self.caller = caller
        self.batch = batch
        self.transfers = 0 if batch is None else batch.transfers
        self.targets = () if batch is None else batch.targets

    def decide(self, decider: "Decider", known: Mapping[UUID, StoredBatch]) -> Give | None:
        return decider.decide_proposal(self)
