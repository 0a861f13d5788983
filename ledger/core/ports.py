"""What the rooms around core ask of each other, so that they need not know each other.

    api -> Desk (the sequencer) and Reads, Keys (the database)
    sequencer -> Store (the database) and Notary (the signer)

The command line wires them. PostgreSQL and memory.py are the two users of Store, Reads
and Keys, held alike by a contract test.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Annotated, Literal, Protocol, TypeVar
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.core.amounts import Scale
from ledger.core.asked import AskedBatch
from ledger.core.book import Book, Posted
from ledger.core.lines import (
    Act,
    ApprovalRule,
    BatchPosted,
    BatchProposed,
    BatchRefused,
    Opening,
    Workflow,
)
from ledger.core.model import (
    Account,
    AccountCode,
    CurrencyCode,
    CurrencyKind,
    Decision,
    LedgerCode,
    Nature,
    OpaqueId,
    Phase,
    Role,
    Status,
    Word,
)
from ledger.core.proposals import Proposal
from ledger.core.refusals import Refusal
from ledger.core.terms import Link, Past

T = TypeVar("T")

Page = Annotated[int, Meta(ge=1, le=1000)]
BoundText = Annotated[str, Meta(max_length=24)]  # A signed decimal, or "none".
SoftBounds = Literal["none", "lower", "upper", "both"]  # Of the balance as it is shown.


# ---- who asks, and what


class Caller(Struct, frozen=True, kw_only=True):
    """Whose key came with a request.

    `ledger` is the code of the only ledger the key opens, or "" for all. `accounts` are
    the codes a poster may debit; one that ends in * stands for all that begin so.
    """

    key: str
    role: Role
    ledger: str = ""
    poster: str = ""
    accounts: tuple[str, ...] = ()


class AskedLedger(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new ledger. Its origin is made of the service's and its code."""

    code: LedgerCode
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    time_zone: Annotated[str, Meta(min_length=1, max_length=64)]
    unique_references: bool = False


class AskedCurrency(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: CurrencyCode
    kind: CurrencyKind
    scale: Scale


class AskedAccount(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A new account. Bounds are decimals of its own nature's balance, or "none"."""

    code: AccountCode
    currency: CurrencyCode
    nature: Nature = Nature.CREDIT
    kind: Word = "member"
    lower_bound: BoundText = "0"
    upper_bound: BoundText = "none"
    confirm_personal_code: bool = False


class AskedChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of an account. What is not there stays as it is; the reason is a code.

    A soft bound may be passed, and what passes it is flagged.
    """

    reason: Word
    status: Status | UnsetType = UNSET
    lower_bound: BoundText | UnsetType = UNSET
    upper_bound: BoundText | UnsetType = UNSET
    soft_bounds: SoftBounds | UnsetType = UNSET


class AskedKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new API key of a ledger."""

    role: Role
    poster: OpaqueId = ""
    accounts: list[Annotated[str, Meta(min_length=1, max_length=65)]] = []


class AskedPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule of approval, or without one its end."""

    reason: Word
    rule: ApprovalRule | UnsetType = UNSET
    act: Act | UnsetType = UNSET


class AskedWorkflow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A workflow of payments, or without one its end."""

    reason: Word
    rule: Workflow | UnsetType = UNSET


class AskedDecision(Struct, frozen=True, kw_only=True):
    """What somebody says of a proposal. `user` is the person behind the key."""

    batch: UUID
    decision: Decision
    user: OpaqueId | UnsetType = UNSET
    reason: Word | UnsetType = UNSET


# ---- what is answered


class Receipt(Struct, frozen=True, kw_only=True):
    """Where a posted batch stands. A pure function of its leaf, its index and its rows."""

    leaf_index: int
    leaf: BatchPosted
    posted: Posted
    replayed: bool = False


class RefusedReceipt(Struct, frozen=True, kw_only=True):
    """Where a refused batch stands; its id is spent."""

    leaf_index: int
    leaf: BatchRefused
    replayed: bool = False


class ProposalReceipt(Struct, frozen=True, kw_only=True):
    """Where the proposal of a batch stands that waits for others."""

    leaf_index: int
    leaf: BatchProposed
    replayed: bool = False


class ProposalView(Struct, frozen=True, kw_only=True):
    """An open proposal, and the request that waits."""

    proposal: Proposal
    asked: AskedBatch


class LedgerView(Struct, frozen=True, kw_only=True):
    """A ledger as it stands at its last committed leaf."""

    ledger_id: int
    opening: Opening
    size: int
    accounts: int
    batches: int
    transfers: int


# Posted: of a dry run.
PostOutcome = Receipt | RefusedReceipt | ProposalReceipt | Refusal | Posted
DecisionOutcome = Receipt | RefusedReceipt | ProposalView | Refusal | Posted


class Desk(Protocol):
    """The sequencer as the API sees it. Every answer stands on committed leaves.

    All may raise StoreUnavailable, OutcomeUnknown, WriterReplaced, ClockAhead,
    SignerStopped or Overloaded; a ledger code that is not served is a KeyError.
    """

    def ledgers(self) -> list[str]: ...
    async def view(self, ledger: str) -> LedgerView: ...
    async def read(self, ledger: str, look: Callable[[Book], T]) -> T:
        """What `look` saw in the book, once all it could see is committed.

        It is called at once, must not change the book nor keep it, and may be called again
        when a commit failed meanwhile.
        """
        ...

    def facts(self, ledger: str) -> Book:
        """The book as it is being decided, without waiting: only for what never changes.

        That is code, currency, nature and scale of accounts that an answer named.
        """
        ...

    async def open_ledger(
        self, asked: AskedLedger, caller: Caller, *, dry_run: bool = False
    ) -> LedgerView | Refusal: ...
    async def add_currency(
        self, ledger: str, asked: AskedCurrency, caller: Caller, *, dry_run: bool = False
    ) -> Refusal | None: ...
    async def open_accounts(
        self,
        ledger: str,
        asked: Sequence[AskedAccount],
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> list[Account] | Refusal:
        """All or none. An account that is there already just so is not opened again."""
        ...

    async def change_account(
        self,
        ledger: str,
        code: str,
        asked: AskedChange,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Account | Refusal: ...
    async def record_key(
        self, ledger: str, key: str, asked: AskedKey | None, caller: Caller
    ) -> None:
        """Write that a key was given, or with None revoked, into the journal."""
        ...

    async def post(
        self, ledger: str, asked: AskedBatch, caller: Caller, *, dry_run: bool = False
    ) -> PostOutcome:
        """Post a batch once, however often it is sent.

        Raises MalformedRequest or MalformedAmount, which leave no trace.
        """
        ...

    async def pay(
        self,
        ledger: str,
        asked: AskedBatch,
        workflow: str,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> PostOutcome:
        """Start a payment, a batch of one, by a workflow: posted, or proposed to the other."""
        ...

    async def proposals(self, ledger: str) -> list[ProposalView]:
        """The open proposals, the oldest first."""
        ...

    async def proposal(self, ledger: str, batch: UUID) -> ProposalView | None: ...
    async def decide(
        self, ledger: str, asked: AskedDecision, caller: Caller, *, dry_run: bool = False
    ) -> DecisionOutcome:
        """Say something of a proposal; who may is asked before. The last word ends it."""
        ...

    async def set_policy(
        self,
        ledger: str,
        code: str,
        asked: AskedPolicy,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None: ...
    async def set_workflow(
        self,
        ledger: str,
        code: str,
        asked: AskedWorkflow,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None: ...
    async def set_whitelist(
        self,
        ledger: str,
        account: str,
        partner: str,
        on: bool,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None: ...
    async def open_dispute(
        self,
        ledger: str,
        target: int,
        reason: str,
        due: date | UnsetType,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None: ...
    async def end_dispute(
        self,
        ledger: str,
        target: int,
        outcome: str,
        linked: int | UnsetType,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None: ...
    def checkpoint(self, ledger: str) -> bytes:
        """The newest signed checkpoint."""
        ...

    async def log_proof(self, ledger: str, leaf_index: int) -> bytes:
        """A tlog-proof of a leaf under the newest checkpoint. LookupError when not there."""
        ...

    async def tile(self, ledger: str, level: int, index: int, width: int) -> bytes:
        """Hashes of a tile that the newest checkpoint covers. LookupError when not."""
        ...

    async def wait_for(self, ledger: str, sequence: int, seconds: float) -> None:
        """Return when a transfer with a higher sequence is committed, or the time is up."""
        ...


# ---- what the database keeps


class StoredBatch(Struct, frozen=True, kw_only=True):
    """A batch id that is spent: its leaf, and what was posted, if it was."""

    batch: UUID
    leaf_index: int
    line: bytes
    body: bytes = b""  # LF-terminated lines; empty when refused.
    outcomes: bytes = b""
    debit: Sequence[int] = ()
    credit: Sequence[int] = ()
    amount: Sequence[int] = ()
    debit_balance: Sequence[int] = ()
    credit_balance: Sequence[int] = ()
    phases: Sequence[int] = ()


class TransferRow(Struct, frozen=True, gc=False):
    """A posted transfer as kept; balances are credits minus debits, after it."""

    sequence: int
    debit_account: int
    credit_account: int
    amount: int
    debit_balance: int
    credit_balance: int
    batch_number: int
    position: int
    business_date: date
    phase: int = Phase.POSTED


class Movement(Struct, frozen=True, gc=False):
    """One account's totals over a period: minor units before it and inside it."""

    account: int
    opening: int  # Credits minus debits before the period.
    debits: int
    credits: int


class Reads(Protocol):
    """What is read from committed rows. All may raise StoreUnavailable."""

    async def transfers(
        self,
        ledger_id: int,
        *,
        after: int,
        limit: int,
        account: int | None = None,
        first_date: date | None = None,
        last_date: date | None = None,
    ) -> list[TransferRow]:
        """In order of sequence, those above `after`, at most `limit`."""
        ...

    async def by_reference(
        self, ledger_id: int, reference: str, limit: int
    ) -> list[TransferRow]:
        """In order of sequence; everything committed before the call is found."""
        ...

    async def batch(self, ledger_id: int, batch: UUID) -> StoredBatch | None: ...
    async def batch_ids(
        self, ledger_id: int, *, after: int, limit: int
    ) -> list[tuple[int, UUID]]:
        """Leaf index and id of spent batch ids, in order, those after a leaf index."""
        ...

    async def batches_by_number(
        self, ledger_id: int, numbers: Collection[int]
    ) -> Mapping[int, StoredBatch]:
        """Posted batches by their numbers, without their rows."""
        ...

    async def links(
        self, ledger_id: int, sequences: Collection[int]
    ) -> Mapping[int, list[Link]]:
        """What took back or cleared these transfers, and what these took back or cleared."""
        ...

    async def details(self, ledger_id: int, sequences: Collection[int]) -> Mapping[int, str]:
        """The descriptions of transfers, where there are any that were not erased."""
        ...

    async def balance_before(
        self, ledger_id: int, account: int, *, sequence: int | None, day: date | None
    ) -> int:
        """Credits minus debits of all transfers below a sequence, or before a business date."""
        ...

    async def movements(self, ledger_id: int, first: date, last: date) -> list[Movement]:
        """Totals of every account that ever moved, by business date, both days included."""
        ...

    async def leaves(self, ledger_id: int, start: int, end: int) -> list[bytes]: ...


class Keys(Protocol):
    """API keys, by the SHA-256 of what the bearer shows."""

    async def find(self, digest: bytes) -> Caller | None: ...
    async def add(self, digest: bytes, caller: Caller) -> None: ...
    async def revoke(self, ledger: str, key: str) -> bool:
        """True when the key was there and worked until now. "" is the service's own keys."""
        ...

    async def all_of(self, ledger: str) -> list[Caller]: ...


class Head(Struct, frozen=True, kw_only=True):
    """The head of a journal in the database, and who may move it."""

    ledger_id: int
    size: int
    root: bytes
    epoch: int


class NewBatch(Struct, frozen=True, kw_only=True):
    """A batch to be kept. Without `posted` it was refused."""

    batch: UUID
    leaf_index: int
    body: bytes = b""
    outcomes: bytes = b""
    source: str = ""
    posted: Posted | None = None
    business_dates: Sequence[date] | date = date.min  # Of all transfers, or of each.
    references: Sequence[tuple[str, int]] = ()  # With sequence, where they must be unique.
    details: Sequence[tuple[int, bytes, str]] = ()  # Sequence, salt, text.
    links: Sequence[Link] = ()


class NewProposal(Struct, frozen=True):
    """A request that waits for others, as it came; kept until it is decided."""

    batch: UUID
    asked: bytes


class NewTile(Struct, frozen=True):
    level: int
    index: int
    hashes: bytes


class Group(Struct, frozen=True, kw_only=True):
    """What is committed together: leaves and all that belongs to them, or nothing."""

    before: Head
    after: Head
    recorded_at: int  # Of the last leaf; the database refuses one far ahead of its clock.
    leaves: Sequence[bytes]
    hashes: Sequence[bytes]
    tiles: Sequence[NewTile]
    batches: Sequence[NewBatch]
    accounts: Sequence[Account]
    proposals: Sequence[NewProposal] = ()
    settled: Sequence[UUID] = ()  # Proposals, also of this group, that wait no more.
    checkpoint: bytes = b""  # The newest that is signed; of an earlier size.


class StoredLeaf(Struct, frozen=True):
    index: int
    line: bytes
    body: bytes  # Of a posted batch; else empty.


class StoredSnapshot(Struct, frozen=True, kw_only=True):
    """A snapshot's own leaf and the leaf's index."""

    leaf_index: int
    line: bytes


class Store(Protocol):
    """The database as the sequencer sees it. All may raise StoreUnavailable."""

    async def ledgers(self) -> list[tuple[int, str]]:
        """Ledger ids and codes, in order of id."""
        ...

    async def create(self, code: str) -> int | None:
        """The id of a new ledger with an empty journal; None when the code is taken.

        A ledger that was created but never opened is given again.
        """
        ...

    async def take(self, ledger_id: int, owner: str, *, epoch: int | None = None) -> Head:
        """Become the writer: end the old one's sessions, bump the epoch, read the head.

        With `epoch`, only while the head still has that epoch: one who was the writer
        and comes back must not take the ledger from its successor.

        Raises:
            WriterReplaced: the head has another epoch.
        """
        ...

    async def release(self, ledger_id: int) -> None:
        """Let go of what `take` holds open. Never raises."""
        ...

    async def lookup(
        self, ledger_id: int, batches: Collection[UUID]
    ) -> Mapping[UUID, StoredBatch]:
        """Which of these ids are spent."""
        ...

    async def used_references(
        self, ledger_id: int, references: Collection[tuple[str, str]], before: int
    ) -> set[tuple[str, str]]:
        """Which pairs of source and reference are taken by sequences below `before`."""
        ...

    async def past(
        self, ledger_id: int, sequences: Collection[int], before: int
    ) -> Mapping[int, Past]:
        """Those of these transfers that stand below a sequence, as they stood at it."""
        ...

    async def detail_salts(
        self, ledger_id: int, sequences: Collection[int]
    ) -> Mapping[int, bytes]:
        """The salts of descriptions that were not erased."""
        ...

    async def proposals(self, ledger_id: int) -> Mapping[UUID, bytes]:
        """The requests that wait for others, by the ids of their batches."""
        ...

    async def commit(self, group: Group) -> None:
        """Commit a group.

        Raises:
            WriterReplaced: the head was moved or taken by another; nothing was recorded.
            ClockAhead: nothing was recorded.
            OutcomeUnknown: take the ledger again and read.
        """
        ...

    async def keep_checkpoint(self, ledger_id: int, size: int, note: bytes) -> None:
        """Keep a signed checkpoint, unless a larger one is there."""
        ...

    async def checkpoint(self, ledger_id: int) -> bytes:
        """The largest checkpoint kept; empty when there is none."""
        ...

    async def tile(self, ledger_id: int, level: int, index: int) -> bytes | None:
        """A full tile."""
        ...

    async def lines(self, ledger_id: int, start: int, end: int) -> list[bytes]:
        """Leaves without bodies, in order of index, `end` not included."""
        ...

    def leaves_from(
        self, ledger_id: int, start: int, end: int
    ) -> AsyncIterator[Sequence[StoredLeaf]]:
        """Leaves with their bodies, in order, some at a time."""
        ...

    async def snapshots(self, ledger_id: int) -> list[StoredSnapshot]:
        """The snapshots whose leaf is committed, newest first."""
        ...

    async def keep_chunk(
        self, ledger_id: int, size: int, number: int, data: bytes, digest: bytes
    ) -> None:
        """Keep a chunk of a snapshot as of `size`; again is no harm."""
        ...

    async def chunks(self, ledger_id: int, size: int) -> list[tuple[int, bytes]]:
        """Number and hash of a snapshot's chunks, in order."""
        ...

    async def chunk(self, ledger_id: int, size: int, number: int) -> bytes: ...
    async def drop_snapshots(self, ledger_id: int, keep: Collection[int]) -> None:
        """Forget the chunks of all snapshots but those of these sizes."""
        ...


class Notary(Protocol):
    """What signs checkpoints: the signer with its own memory."""

    def public_key(self, origin: str) -> str:
        """The verifier key of a ledger's origin; made at first asking."""
        ...

    async def memory(self, origin: str) -> tuple[int, bytes] | None:
        """The size and root last signed for, or None when nothing is remembered."""
        ...

    async def sign(
        self, origin: str, size: int, root: bytes, old_size: int, proof: Sequence[bytes]
    ) -> bytes:
        """The checkpoint note of a size, once it is shown to extend the last one.

        Raises:
            SignerStopped: it does not.
        """
        ...
