"""The leaves of a journal: its opening, accounts, batches, days, proposals, snapshots.

`AnyLeaf` is all of them, with those that set rules (rule_leaves.py).
"""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.core.amounts import Amount, Bound, Scale
from ledger.core.lines import BESIDE_MAX, Act, ControlSums, Leaf, Origin, Position
from ledger.core.model import (
    BATCH_MAX,
    AccountCode,
    AccountNumber,
    BalanceText,
    BatchCount,
    Count,
    CurrencyCode,
    CurrencyKind,
    DaysBy,
    Decision,
    Hash,
    LedgerCode,
    Micros,
    Nature,
    OpaqueId,
    PayingParty,
    Reference,
    Role,
    Salt,
    SequenceNumber,
    Side,
    Status,
    TotalText,
    Word,
)
from ledger.core.rule_leaves import (
    APPROVALS_MAX,
    DemurrageSet,
    FeeSet,
    HolidaysSet,
    LevySet,
    PolicySet,
    ReserveSet,
    ScheduleSet,
    WhitelistSet,
    WorkflowSet,
)

ROWS_MAX = (1 + BESIDE_MAX) * BATCH_MAX  # Rows of one batch.
TOTALS_SHOWN_MAX = 200  # Totals of a day that stand in its line; all are in the hash.
EXPIRED_MAX = 2048  # Holds that one line says are expired.
RESERVED_MAX = 100  # Pairs of accounts between which a proposal keeps amounts back.
CLOSE_AFTER_MAX = 10_080  # Minutes: a week.
MAKERS_MAX = 100  # Persons who entered the transfers of one proposal.

Makers = Annotated[list[OpaqueId], Meta(min_length=1, max_length=MAKERS_MAX)]


class Opening(Leaf, frozen=True, kw_only=True, tag="ledger"):
    """The first leaf: which ledger this is and the rules it keeps."""

    code: LedgerCode
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    origin: Origin
    time_zone: Annotated[str, Meta(min_length=1, max_length=64)]
    rules: Literal[1]
    unique_references: bool
    public_key: str  # The ledger's own key, as a C2SP verifier key.
    by: OpaqueId


class KeyGrant(Leaf, frozen=True, kw_only=True, tag="key"):
    """An API key was given or revoked. The key itself is never written."""

    action: Literal["grant", "revoke"]
    key: OpaqueId
    by: OpaqueId
    role: Role | UnsetType = UNSET
    poster: OpaqueId | UnsetType = UNSET
    accounts: list[Annotated[str, Meta(min_length=1, max_length=65)]] | UnsetType = UNSET
    holder: Salt | UnsetType = UNSET  # All accounts of this one, besides.


class PosterKey(Leaf, frozen=True, kw_only=True, tag="poster_key"):
    """A poster's batches are from now on signed with this key too, or no more with it."""

    action: Literal["register", "revoke"]
    poster: OpaqueId
    public_key: Hash  # The 32 bytes of an Ed25519 key.
    by: OpaqueId


class CurrencyAdded(Leaf, frozen=True, kw_only=True, tag="currency"):
    code: CurrencyCode
    kind: CurrencyKind
    scale: Scale
    by: OpaqueId


class AccountOpened(Leaf, frozen=True, kw_only=True, gc=False, tag="account"):
    """A new account. An absent bound means that there is none."""

    number: AccountNumber
    code: AccountCode
    currency: CurrencyCode
    nature: Nature
    kind: Word
    holder: Salt  # Random; who it is, is kept elsewhere.
    by: OpaqueId
    lower: Bound | UnsetType = UNSET
    upper: Bound | UnsetType = UNSET


class LimitChanged(Leaf, frozen=True, kw_only=True, tag="limit"):
    """Both bounds as they are from now on. An absent bound means that there is none.

    A soft bound may be passed; what passes it is posted and flagged.
    """

    account: AccountNumber
    reason: Word
    by: OpaqueId
    lower: Bound | UnsetType = UNSET
    upper: Bound | UnsetType = UNSET
    soft: Side | UnsetType = UNSET
    act: Act | UnsetType = UNSET
    plan: Count | UnsetType = UNSET  # The leaf of the plan that begins or ends with this.


class LimitPlanned(Leaf, frozen=True, kw_only=True, tag="limit_planned"):
    """Both bounds as they will be from `starts` on, and until `ends` where it is there.

    When the time has come a `limit` line says so. At the end the bounds before come back.
    """

    account: AccountNumber
    reason: Word
    by: OpaqueId
    starts: Micros
    ends: Micros | UnsetType = UNSET
    lower: Bound | UnsetType = UNSET
    upper: Bound | UnsetType = UNSET
    soft: Side | UnsetType = UNSET
    act: Act | UnsetType = UNSET


class LimitUnplanned(Leaf, frozen=True, kw_only=True, tag="limit_unplanned"):
    """A plan that has not begun is given up."""

    account: AccountNumber
    plan: Count
    reason: Word
    by: OpaqueId


class EarnedRule(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """How a credit limit grows: the least of `cap` and `base` + n/d of what was received."""

    base: Count
    cap: Count
    n: Amount
    d: Amount
    # Only payments of these kinds count.
    kinds: Annotated[list[Word], Meta(min_length=1, max_length=16)] | UnsetType = UNSET


class LimitEarned(Leaf, frozen=True, kw_only=True, tag="limit_earned"):
    """The lower bound follows a rule from now on; without one it stays where it is."""

    account: AccountNumber
    reason: Word
    by: OpaqueId
    rule: EarnedRule | UnsetType = UNSET
    act: Act | UnsetType = UNSET


class PaymentLimits(Leaf, frozen=True, kw_only=True, tag="payment_limits"):
    """All limits of what may be debited in one transfer, or in a day, week, month or year."""

    account: AccountNumber
    reason: Word
    by: OpaqueId
    transfer: Amount | UnsetType = UNSET
    day: Amount | UnsetType = UNSET
    week: Amount | UnsetType = UNSET
    month: Amount | UnsetType = UNSET
    year: Amount | UnsetType = UNSET
    act: Act | UnsetType = UNSET


class StatusChanged(Leaf, frozen=True, kw_only=True, tag="status"):
    """What an account may do from now on. A closed one may only be opened again.

    With an `order` there is a salt: the hash of the line is public, and what few may know
    must not be found by trying.
    """

    account: AccountNumber
    status: Status
    reason: Word
    by: OpaqueId
    act: Act | UnsetType = UNSET
    order: Reference | UnsetType = UNSET  # Of an authority; only another lifts it.
    salt: Salt | UnsetType = UNSET


class BatchPosted(Leaf, frozen=True, kw_only=True, tag="batch"):
    """The header of a posted batch. The transfers are under `root`, or under the note's."""

    number: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    batch: UUID
    poster: OpaqueId
    business_date: date
    count: BatchCount
    posted: Annotated[int, Meta(ge=0, le=ROWS_MAX)]  # Rows; a transfer may make several.
    first_sequence: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    signed: bool
    key: OpaqueId | UnsetType = UNSET  # The API key that it came by.
    root: Hash | UnsetType = UNSET  # The inner root, when not signed.
    note: str | UnsetType = UNSET  # The poster's checkpoint note, when signed.
    # Root over the outcomes, when some were refused or posted otherwise than they stand.
    outcomes: Hash | UnsetType = UNSET
    proposed: Count | UnsetType = UNSET  # The index of its proposal, if it waited as one.


class BatchRefused(Leaf, frozen=True, kw_only=True, tag="refused"):
    """A batch that was understood and refused. Its id is spent.

    `digest` is SHA-256 over the salt and the canonical request without its descriptions,
    so that a repeat gets this same answer and nothing of the request can be read here.
    """

    batch: UUID
    poster: OpaqueId
    business_date: date
    signed: bool
    code: Word
    digest: Hash
    salt: Salt
    key: OpaqueId | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    account: AccountNumber | UnsetType = UNSET
    available: BalanceText | UnsetType = UNSET  # Minor units that would have been accepted.
    proposed: Count | UnsetType = UNSET  # The index of its proposal, if it waited as one.


class HoldsExpired(Leaf, frozen=True, kw_only=True, tag="expired"):
    """Holds whose time was up: what remained of each is given back."""

    holds: Annotated[list[SequenceNumber], Meta(min_length=1, max_length=EXPIRED_MAX)]


class SettingsChanged(Leaf, frozen=True, kw_only=True, tag="settings"):
    """How the ledger keeps its days from now on; all of it."""

    by: OpaqueId
    days: DaysBy
    # Minutes after midnight, of the ledger's time zone, when the next day begins.
    cut_off: Annotated[int, Meta(ge=15, le=1425, multiple_of=15)] | UnsetType = UNSET
    # How many days before the business date interest may run from. Absent: any.
    value_days_back: Annotated[int, Meta(ge=0, le=3660)] | UnsetType = UNSET
    # How many minutes after a day is over the clock closes it. Absent: somebody does.
    close_after: Annotated[int, Meta(ge=0, le=CLOSE_AFTER_MAX)] | UnsetType = UNSET


class DayOpened(Leaf, frozen=True, kw_only=True, tag="day_opened"):
    """A business day takes transfers, where days are opened by command."""

    date: date
    by: OpaqueId


class DayTotal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many rows of a currency, kind and source a day has, and their sum."""

    amount: TotalText
    count: Count
    currency: CurrencyCode
    kind: Word
    source: str


class DayClosed(Leaf, frozen=True, kw_only=True, tag="day_closed"):
    """A business day is over, and what it came to; without `by` the clock says so.

    `totals` is SHA-256 over its DayTotal lines in order, each with a line feed; the first of
    them stand in `shown`.
    """

    date: date
    count: Count
    totals: Hash
    shown: Annotated[list[DayTotal], Meta(max_length=TOTALS_SHOWN_MAX)]
    by: OpaqueId | UnsetType = UNSET


class LateDay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was posted on a closed day while its month was reopened; as in DayClosed."""

    date: date
    count: Count
    totals: Hash
    shown: Annotated[list[DayTotal], Meta(max_length=TOTALS_SHOWN_MAX)]


class PeriodMarked(Leaf, frozen=True, kw_only=True, tag="period"):
    """A month is closed for now, reopened, or closed for ever. Month 13 is for adjustments.

    Closed again, it says what came late, day by day; of their totals the first stand in
    `shown`, as many in all as of a day.
    """

    year: Annotated[int, Meta(ge=1970, le=9999)]
    month: Annotated[int, Meta(ge=1, le=13)]
    mark: Literal["preliminary", "reopened", "final"]
    by: OpaqueId
    act: Act | UnsetType = UNSET
    late: Annotated[list[LateDay], Meta(min_length=1, max_length=31)] | UnsetType = UNSET


class Occurrence(Leaf, frozen=True, kw_only=True, tag="occurrence"):
    """What became of a date of a schedule, where no batch says it.

    `skipped` and `missed` end it. `id_used`: somebody else has spent the id of the attempt,
    so that the next one is made.
    """

    code: OpaqueId
    schedule: Count  # The leaf of its schedule.
    date: date
    attempt: Annotated[int, Meta(ge=1, le=100_000)]
    outcome: Literal["skipped", "missed", "id_used"]


class Reserved(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An amount that a proposal keeps back between two accounts, all its transfers together."""

    amount: Amount
    credit_account: AccountNumber
    debit_account: AccountNumber


Holdings = Annotated[list[Reserved], Meta(min_length=1, max_length=RESERVED_MAX)]


class BatchProposed(Leaf, frozen=True, kw_only=True, tag="proposed"):
    """A batch that waits until others agree. Its id is not spent yet.

    `digest` is SHA-256 over the salt and the canonical request. Sums are minor units.
    """

    batch: UUID
    poster: OpaqueId
    key: OpaqueId
    count: BatchCount
    sums: ControlSums
    expires: Micros
    digest: Hash
    salt: Salt
    # The persons who entered its transfers, by their ids in the posting system.
    made_by: Makers | UnsetType = UNSET
    approvals: Annotated[int, Meta(ge=0, le=APPROVALS_MAX)] = 0  # How many are needed.
    # Of a payment: by which workflow, between whom, and who accepts it.
    workflow: Word | UnsetType = UNSET
    payer: AccountNumber | UnsetType = UNSET
    payee: AccountNumber | UnsetType = UNSET
    accepts: PayingParty | UnsetType = UNSET
    accept_at: Micros | UnsetType = UNSET  # When it is accepted by itself.
    holds: Holdings | UnsetType = UNSET


class ProposalDecided(Leaf, frozen=True, kw_only=True, tag="decided"):
    """What somebody, or without `by` the ledger itself, says of a proposal.

    When nothing more is needed, or it is over, the next leaf is the batch's own.
    """

    batch: UUID
    decision: Decision
    by: OpaqueId | UnsetType = UNSET  # A key.
    user: OpaqueId | UnsetType = UNSET  # The person, by the id in the posting system.
    reason: Word | UnsetType = UNSET


class DisputeOpened(Leaf, frozen=True, kw_only=True, tag="dispute"):
    """A transfer is contested; it stays as it is, and is marked until that ends."""

    target: SequenceNumber
    by: OpaqueId
    reason: Word
    due: date | UnsetType = UNSET  # By which day it should end.


class DisputeOverdue(Leaf, frozen=True, kw_only=True, tag="dispute_overdue"):
    """The day by which a dispute should have ended is over, says the clock."""

    target: SequenceNumber


class DisputeEnded(Leaf, frozen=True, kw_only=True, tag="dispute_ended"):
    """The outcome of a dispute, and the later transfer that made it good, if any did."""

    target: SequenceNumber
    opened: Count  # The index of its `dispute` line.
    outcome: Word
    by: OpaqueId
    linked: SequenceNumber | UnsetType = UNSET


class Snapshot(Leaf, frozen=True, kw_only=True, tag="snapshot"):
    """The state after the first `size` leaves, as a root over its lines (JOURNAL.md)."""

    size: Count
    accounts: Count
    root: Hash


AnyLeaf = (
    Opening
    | KeyGrant
    | PosterKey
    | CurrencyAdded
    | AccountOpened
    | LimitChanged
    | LimitPlanned
    | LimitUnplanned
    | LimitEarned
    | PaymentLimits
    | StatusChanged
    | BatchPosted
    | BatchRefused
    | HoldsExpired
    | SettingsChanged
    | DayOpened
    | DayClosed
    | PeriodMarked
    | LevySet
    | DemurrageSet
    | FeeSet
    | ReserveSet
    | ScheduleSet
    | Occurrence
    | HolidaysSet
    | PolicySet
    | WorkflowSet
    | WhitelistSet
    | BatchProposed
    | ProposalDecided
    | DisputeOpened
    | DisputeOverdue
    | DisputeEnded
    | Snapshot
)
