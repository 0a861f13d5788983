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

from ledger.core.amounts import Amount, Scale
from ledger.core.asked import AskedBatch
from ledger.core.book import Book, Posted
from ledger.core.lines import (
    AccountOpened,
    Act,
    AnyLeaf,
    ApprovalRule,
    BatchPosted,
    BatchProposed,
    BatchRefused,
    DayClosed,
    EarnedRule,
    LimitPlanned,
    Opening,
    PaymentLimits,
    SettingsChanged,
    Workflow,
)
from ledger.core.model import (
    BATCH_MAX,
    Account,
    AccountCode,
    Count,
    CurrencyCode,
    CurrencyKind,
    DaysBy,
    Decision,
    LedgerCode,
    Nature,
    OpaqueId,
    Phase,
    Reference,
    Role,
    Status,
    Word,
)
from ledger.core.proposals import Proposal
from ledger.core.refusals import Refusal
from ledger.core.terms import Link, Past
from ledger.core.written import AnyBatch

T = TypeVar("T")

Page = Annotated[int, Meta(ge=1, le=1000)]
BoundText = Annotated[str, Meta(max_length=24)]  # A signed decimal, or "none".
# A quarter of an hour after midnight; midnight itself is no cut-off.
CutOffText = Annotated[
    str, Meta(pattern=r"^(00:(15|30|45)|(0[1-9]|1[0-9]|2[0-3]):(00|15|30|45))\Z")
]
PeriodMark = Literal["preliminary", "reopened", "final"]
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
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """A new account. Bounds are decimals of its own nature's balance, or "none"."""

    code: AccountCode
    currency: CurrencyCode
    nature: Nature = Nature.CREDIT
    kind: Word = "member"
    lower_bound: BoundText = "0"
    upper_bound: BoundText = "none"
    confirm_personal_code: bool = False


class AskedAct(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The decision a change cites: its number, its date, and SHA-256 of its document in hex."""

    number: Reference
    date: date
    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class AskedChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of an account. What is not there stays as it is; the reason is a code.

    A soft bound may be passed, and what passes it is flagged. With `starts` or `ends` the
    bounds hold from the beginning of a day, and to the end of another. `order` is that of
    an authority. With `remaining_to` a closing account's balance goes to another first.
    """

    reason: Word
    status: Status | UnsetType = UNSET
    lower_bound: BoundText | UnsetType = UNSET
    upper_bound: BoundText | UnsetType = UNSET
    soft_bounds: SoftBounds | UnsetType = UNSET
    starts: date | UnsetType = UNSET
    ends: date | UnsetType = UNSET
    act: AskedAct | UnsetType = UNSET
    order: Reference | UnsetType = UNSET
    remaining_to: AccountCode | UnsetType = UNSET


class AskedEarned(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A credit limit of `base`, and n/d of what is received from now on, at most `cap`.

    With `kinds` only transfers of these kinds count.
    """

    n: Amount
    d: Amount
    cap: BoundText
    base: BoundText = "0"
    kinds: Annotated[list[Word], Meta(min_length=1, max_length=16)] | UnsetType = UNSET


class AskedPayments(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """At most so much in one transfer, a day, an ISO week, a month, a year; or no limit."""

    transfer: BoundText | UnsetType = UNSET
    day: BoundText | UnsetType = UNSET
    week: BoundText | UnsetType = UNSET
    month: BoundText | UnsetType = UNSET
    year: BoundText | UnsetType = UNSET


class AskedLimits(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Limits of one account or many, all or none. What is not there stays as it is.

    `earned` is a rule that the credit limit follows, or "none" to end it; `payments` are
    all payment limits, none of them to lift them; `unplan` gives up the plan of that leaf.
    """

    accounts: Annotated[list[AccountCode], Meta(min_length=1, max_length=BATCH_MAX)]
    reason: Word
    lower_bound: BoundText | UnsetType = UNSET
    upper_bound: BoundText | UnsetType = UNSET
    soft_bounds: SoftBounds | UnsetType = UNSET
    starts: date | UnsetType = UNSET
    ends: date | UnsetType = UNSET
    earned: AskedEarned | Literal["none"] | UnsetType = UNSET
    payments: AskedPayments | UnsetType = UNSET
    unplan: Count | UnsetType = UNSET
    act: AskedAct | UnsetType = UNSET


class AskedDays(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """How a ledger keeps its days from now on; what is not there is not so any more.

    `cut_off` is the time of day, in the ledger's zone, when the next day begins; absent:
    midnight. `value_days_back` is how many days before the business date interest may run
    from; absent: any.
    """

    days: DaysBy
    cut_off: CutOffText | UnsetType = UNSET
    value_days_back: Annotated[int, Meta(ge=0, le=3660)] | UnsetType = UNSET


class AskedMark(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """How a period is marked. To reopen it, the act that decided so is cited."""

    mark: PeriodMark
    act: AskedAct | UnsetType = UNSET


class AskedKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new API key of a ledger."""

    role: Role
    poster: OpaqueId = ""
    accounts: list[Annotated[str, Meta(min_length=1, max_length=65)]] = []


class AskedRun(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A run for the period that ends on a day: all of it, or so many parts.

    A run in parts goes on `after` what the answer before gave as `next`.
    """

    period_end: date
    parts_max: Annotated[int, Meta(ge=1, le=10_000)] | UnsetType = UNSET
    after: Annotated[str, Meta(max_length=32)] | UnsetType = UNSET


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


class ClosedDay(Struct, frozen=True, kw_only=True):
    """A business day as it was closed; without `leaf_index`, as it would be."""

    line: DayClosed
    leaf_index: int | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """How an account stands towards its limits, at a moment of a day of the ledger.

    `left` says by name how much each payment limit still allows, in minor units.
    """

    account: Account
    now: int
    today: date
    payments: PaymentLimits | None
    left: Mapping[str, int]
    earned: EarnedRule | None
    received: int
    plans: Sequence[tuple[int, LimitPlanned, bool]]  # With their leaves, and whether begun.


Unless = Callable[[Book], Refusal | None]  # What speaks against posting, as things stand.
# Posted: of a dry run.
PostOutcome = Receipt | RefusedReceipt | ProposalReceipt | Refusal | Posted
DecisionOutcome = Receipt | RefusedReceipt | ProposalView | Refusal | Posted


class Unpaid(Struct, frozen=True, kw_only=True):
    """What an account owes and could not pay."""

    account: str
    amount: str


class RunReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run did, in decimals of its currency, over the parts that this call looked at.

    `collected` is of this period's run in all, `collected_now` of this call; `unpaid` is still
    owed, of which `unpaid_accounts` names the first thousand; `given` was spread. With `next`
    there is more to do.
    """

    run: str
    currency: str
    period_end: date
    parts: int
    done: int
    collected: str
    collected_now: str
    unpaid: str
    unpaid_accounts: list[Unpaid]
    given: str
    next: str | UnsetType = UNSET


class Runs(Protocol):
    """Charges of a period, safe to repeat (services/runs.py). Faults are the desk's.

    All may raise MalformedRequest.
    """

    async def owed(self, ledger: str, accounts: Collection[int]) -> Mapping[int, int]:
        """What accounts owe of demurrage, in minor units; only those that may owe any."""
        ...

    async def demurrage(
        self,
        ledger: str,
        currency: str,
        asked: AskedRun,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> RunReport | Refusal: ...

    async def fee(
        self,
        ledger: str,
        code: str,
        asked: AskedRun,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> RunReport | Refusal: ...


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
    def today(self, ledger: str) -> date:
        """The day of the ledger's clock, after its cut-off."""
        ...

    async def set_days(
        self, ledger: str, asked: AskedDays, caller: Caller, *, dry_run: bool = False
    ) -> SettingsChanged | Refusal:
        """Say how days are kept. What is so already is not written again."""
        ...

    async def open_day(
        self, ledger: str, day: date, caller: Caller, *, dry_run: bool = False
    ) -> Refusal | None:
        """Open a business day. One that is open is not opened again."""
        ...

    async def close_day(
        self, ledger: str, day: date, caller: Caller, *, dry_run: bool = False
    ) -> ClosedDay | Refusal:
        """Close a business day, with what it came to."""
        ...

    async def mark_period(
        self,
        ledger: str,
        year: int,
        month: int,
        asked: AskedMark,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None:
        """Close a month for now or for ever, or reopen it. What is so is not marked again."""
        ...

    async def change_limits(
        self, ledger: str, asked: AskedLimits, caller: Caller, *, dry_run: bool = False
    ) -> list[Account] | Refusal:
        """All or none. What is just so already leaves no line."""
        ...

    async def standing(self, ledger: str, code: str) -> Standing | None: ...
    async def record_key(
        self, ledger: str, key: str, asked: AskedKey | None, caller: Caller
    ) -> None:
        """Write that a key was given, or with None revoked, into the journal."""
        ...

    async def change_rule(
        self,
        ledger: str,
        build: "Callable[[Book, int], tuple[Sequence[AnyLeaf], T] | Refusal]",
        *,
        dry_run: bool = False,
    ) -> T | Refusal:
        """Record the lines that a rule of the ledger is changed by (core/rules.py).

        `build` sees the book and the time, and may be called again; with what it answers
        beside the lines this answers.
        """
        ...

    async def post(
        self,
        ledger: str,
        asked: AnyBatch,
        caller: Caller,
        *,
        dry_run: bool = False,
        unless: Unless | None = None,
    ) -> PostOutcome:
        """Post a batch once, however often it is sent.

        `unless` is asked of the book as the batch is decided, where its id is not spent: if it
        refuses, the batch leaves no trace.

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


class DayBalances(Struct, frozen=True):
    """One account without its rows with another: its balance at the end of some days.

    `paid` is all it ever paid that other one, on whatever day.
    """

    account: int
    balances: list[int]
    paid: int


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
        self,
        ledger_id: int,
        account: int,
        *,
        sequence: int | None,
        day: date | None,
        adjusting: bool = False,
    ) -> int:
        """Credits minus debits of all transfers below a sequence and before a business date.

        With `adjusting` the day's own count too, and only adjustments to its year do not.
        """
        ...

    async def movements(
        self,
        ledger_id: int,
        first: date,
        last: date,
        *,
        begins_adjusting: bool = False,
        ends_adjusting: bool = True,
        until: int | None = None,
    ) -> list[Movement]:
        """Totals of every account that moved, by business date, both days included.

        Adjustments to a year come after all else of its last day. The period begins with
        those of its first day, where that is so, and ends with or before those of its last.
        Sequences above `until` are as if they were not there.
        """
        ...

    async def known_at(self, ledger_id: int, moment: int) -> int:
        """The last sequence recorded until a moment, in microseconds since 1970; 0 for none."""
        ...

    async def closings(
        self, ledger_id: int, first: date, last: date, limit: int
    ) -> list[tuple[int, bytes]]:
        """Index and line of the leaves that closed these business days, in order of days."""
        ...

    async def balances_at(
        self, ledger_id: int, first: int, last: int, days: Sequence[date], besides: int
    ) -> list[DayBalances]:
        """Balances at the ends of business dates, without rows with the account `besides`.

        Of every account numbered `first` to `last` that ever moved; `days` are in order.
        """
        ...

    async def leaves(self, ledger_id: int, start: int, end: int) -> list[bytes]: ...

    async def changes_of(
        self, ledger_id: int, account: int, *, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        """Leaves that changed an account, with their indexes, in order, those after one."""
        ...

    async def stood_since(
        self, ledger_id: int, account: int, *, sign: int, level: int
    ) -> TransferRow | None:
        """The first transfer since which `sign` times the balance never was above a level.

        Credits minus debits. None: it is above now, or it never was, or never moved.
        """
        ...


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
    accounts: Sequence[AccountOpened]
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

    @staticmethod
    def packed(data: bytes) -> bytes:
        """The lines of a chunk as `keep_chunk` takes them; other processes may call it."""
        ...

    async def keep_chunk(
        self, ledger_id: int, size: int, number: int, packed: bytes, digest: bytes
    ) -> None:
        """Keep a chunk of a snapshot as of `size`; again is no harm."""
        ...

    async def chunks(self, ledger_id: int, size: int) -> list[tuple[int, bytes]]:
        """Number and hash of a snapshot's chunks, in order."""
        ...

    async def chunk(self, ledger_id: int, size: int, number: int) -> bytes:
        """The lines of a chunk; LookupError when it is not there."""
        ...

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
