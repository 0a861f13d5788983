"""What is asked of a writer and not yet answered: a look, a change, a batch."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from msgspec import Struct

from ledger.core.answered import DecisionOutcome, PostOutcome, ProposalReceipt
from ledger.core.asked import AskedBatch, AskedDecision, Caller
from ledger.core.book import Book
from ledger.core.changes import Closing
from ledger.core.faults import LedgerFault, MalformedRequest, OutcomeUnknown
from ledger.core.leaves import AnyLeaf, BatchRefused
from ledger.core.ports import Unless
from ledger.core.proposals import Proposal
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.store import StoredBatch
from ledger.core.terms import NO_PAST, Past, targets_of
from ledger.sequencer.posting import receipt_again, same_posted, same_refused
from ledger.sequencer.proposing import is_same

T = TypeVar("T")

Give = Callable[[], None]  # What gives an answer once the group it waits for is committed.


class Decider(Protocol):
    """The writer, as what is pending sees it."""

    book: Book

    def now(self) -> int:
        """The ledger's time, in microseconds since 1970."""
        ...

    def record(self, leaf: AnyLeaf) -> None:
        """Take a leaf into the book and the open group."""
        ...

    def post(self, pending: "Post") -> Give | None:
        """Decide a batch that is new."""
        ...

    def decide_proposal(self, pending: "Decide") -> Give | None:
        """Take what somebody says of a proposal."""
        ...

    def close_with(self, closing: Closing, caller: Caller) -> Refusal | None:
        """Move what a closing account has, and close it; or neither, and say why."""
        ...


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

    def decide(self, writer: Decider, known: Mapping[UUID, StoredBatch]) -> Give | None:
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

    def decide(self, writer: Decider, known: Mapping[UUID, StoredBatch]) -> Give | None:
        try:
            seen = self._look(writer.book)
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

    def decide(self, writer: Decider, known: Mapping[UUID, StoredBatch]) -> Give | None:
        try:
            built = self._build(writer.book, writer.now())
            refusal = built if isinstance(built, Refusal) else None
            if isinstance(built, Moving):
                refusal = writer.close_with(built.closing, built.caller)
        except MalformedRequest as fault:
            self.fail(fault)
            return None
        if refusal is not None:
            return lambda: self.give(refusal)
        assert not isinstance(built, Refusal)
        if isinstance(built, Built):
            for leaf in built.leaves:
                writer.record(leaf)
        seen = built.look(writer.book)
        return lambda: self.give(seen)


class Post(Pending[PostOutcome]):
    """A batch; or with a workflow a payment, a batch of one that another may have to accept."""

    def __init__(
        self,
        asked: AskedBatch,
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
        self.used: set[tuple[str, str]] = set()
        # What is named of the past must be committed, or a commit could change it meanwhile.
        self.targets = targets_of(asked.transfers)
        self.past: Mapping[int, Past] = NO_PAST

    def decide(self, writer: Decider, known: Mapping[UUID, StoredBatch]) -> Give | None:
        stored = known.get(self.asked.id)
        if stored is None:
            proposal = writer.book.proposals.open.get(self.asked.id)
            if proposal is not None:
                return self._give_again(proposal)
            refusal = None if self.unless is None else self.unless(writer.book)
            return writer.post(self) if refusal is None else lambda: self.give(refusal)
        try:
            if self._same(stored, writer.book):
                self.give(receipt_again(stored))
            else:
                self.give(Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH))
        except MalformedRequest as fault:  # Only deciding finds out, for want of a scale.
            self.fail(fault)
        return None

    def _same(self, stored: StoredBatch, book: Book) -> bool:
        receipt = receipt_again(stored)
        if isinstance(receipt.leaf, BatchRefused):
            return same_refused(receipt.leaf, self.asked, self.caller)
        return same_posted(stored, self.asked, self.caller, book, self.salts)

    def _give_again(self, proposal: Proposal) -> Give:
        """The answer once more to one who sends again what still waits."""
        if is_same(proposal, self.asked, self.caller):
            receipt = ProposalReceipt(
                leaf_index=proposal.index, leaf=proposal.line, replayed=True
            )
            return lambda: self.give(receipt)
        refusal = Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH)
        return lambda: self.give(refusal)


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

    def decide(self, writer: Decider, known: Mapping[UUID, StoredBatch]) -> Give | None:
        return writer.decide_proposal(self)
