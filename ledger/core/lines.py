"""The lines of a journal: what is written, field by field.

A line is one of these structs as canonical JSON (journal/canonical.py). What stands here
is permanent: JOURNAL.md describes it for readers who have only the bytes.

Leaves carry a `line` field that names them; the transfers of a batch carry none, since
their place under the batch's root says what they are. An optional field that is not
there is absent, never null.
"""

from datetime import date
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.core.amounts import AMOUNT_MAX, Amount, Bound, Scale
from ledger.core.model import (
    BATCH_MAX,
    CURRENCIES_SUMMED_MAX,
    AccountCode,
    AccountNumber,
    Action,
    BalanceText,
    BatchCount,
    Count,
    CurrencyCode,
    CurrencyKind,
    DaysBy,
    Decision,
    Flag,
    Hash,
    Late,
    LedgerCode,
    Micros,
    Mode,
    Nature,
    OneSide,
    OpaqueId,
    Party,
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
from ledger.core.periods import Period

RULES: Final = (
    1  # The version of the rules this code keeps; a ledger's first leaf names its own.
)
ROWS_MAX = 8 * BATCH_MAX  # Rows of one batch: its transfers, their rests and levies.
TOTALS_SHOWN_MAX = 200  # Totals of a day that stand in its line; all are in the hash.
EXPIRED_MAX = 2048  # Holds that one line says are expired.
HOLIDAYS_MAX = 120  # Of a year.
BESIDE_MAX = 8  # Rows that one transfer makes besides its own: a rest, and levies.
APPROVALS_MAX = 5  # Of one proposal.
RESERVED_MAX = 100  # Pairs of accounts between which a proposal keeps amounts back.
MAKERS_MAX = 100  # Persons who entered the transfers of one proposal.
LEAF_MAX = 65_534  # Bytes of a leaf, so that it fits an entry bundle of the log.

Origin = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9./:_-]{0,199}\Z")]
ControlSums = Annotated[dict[CurrencyCode, TotalText], Meta(max_length=CURRENCIES_SUMMED_MAX)]
# 0 is nobody's number: it stands for a code that the ledger did not know, in a line that
# is there only to be refused.
AccountPlace = Annotated[int, Meta(ge=0, le=2**53 - 1)]
# The kind of the rows that it makes; `rest` is the kind of those that `up_to` leaves.
LevyCode = Annotated[str, Meta(pattern=r"^(?!rest\Z)[a-z][a-z0-9_]{0,31}\Z")]
Seconds = Annotated[int, Meta(ge=1, le=31_622_400)]  # Up to a leap year.
# The code of an account, or a prefix of codes and *.
Pattern = Annotated[str, Meta(pattern=r"^([A-Za-z0-9._:-]{0,64}\*|[A-Za-z0-9._:-]{1,64})\Z")]
Makers = Annotated[list[OpaqueId], Meta(min_length=1, max_length=MAKERS_MAX)]
Position = Annotated[int, Meta(ge=0, lt=BATCH_MAX)]


class Rate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Of an exchange: minor units bought for `d` minor units sold, rounded down."""

    d: Amount
    n: Amount


class Terms(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """What a transfer asks for besides being posted as it stands (core/terms.py)."""

    action: Action | UnsetType = UNSET
    target: SequenceNumber | UnsetType = UNSET  # The hold or transfer that the action is about.
    expires: Micros | UnsetType = UNSET  # Of a hold.
    release: bool = False  # Of a post: what remains of the hold is given back.
    # Transfers that follow each other under one number stand or fall together.
    entry: BatchCount | UnsetType = UNSET
    up_to: Side | UnsetType = UNSET  # As much of the amount as the bounds of this side allow.
    # Takes what `up_to` leaves, in the place of the account of that side.
    rest: AccountPlace | UnsetType = UNSET
    # Takes the place of the account that refuses, when cash has changed hands already.
    suspense: AccountPlace | UnsetType = UNSET
    # The amount is this rate of the amount before it in the entry.
    rate: Rate | UnsetType = UNSET
    # For the last day of a year, though it is closed: its thirteenth month.
    adjusting: bool = False


class Transfer(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """A line of a batch: an amount from a debited to a credited account of one currency.

    The codes among its fields (kind, reference, entered_by, approved_by) are checked for
    a whole batch at once by check_codes in batches.py, which costs a tenth.
    """

    amount: Amount
    credit_account: AccountPlace
    debit_account: AccountPlace
    kind: str
    reference: str = ""
    business_date: date | UnsetType = UNSET  # Absent: the business date of the batch's leaf.
    value_date: date | UnsetType = UNSET  # Absent: the business date.
    entered_by: str = ""
    approved_by: str = ""
    details: Hash | UnsetType = (
        UNSET  # SHA-256 of a 16-byte salt and the text, which are erasable.
    )
    salt: Salt | UnsetType = UNSET
    terms: Terms | UnsetType = UNSET


class Line(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="line",
):
    """What all tagged lines have in common."""


class Manifest(Line, frozen=True, kw_only=True, tag="manifest"):
    """The first line of every batch: what the poster says of the whole."""

    origin: Origin  # <origin of the ledger>/batch/<batch id>
    created: Micros
    expires: Micros
    count: BatchCount
    mode: Mode
    salt: Salt
    source: OpaqueId | UnsetType = UNSET
    branch: OpaqueId | UnsetType = UNSET
    control_sums: ControlSums | UnsetType = UNSET  # Minor units, by currency.
    late: Late | UnsetType = UNSET  # Absent: what is for a closed day is refused.


class Leaf(Line, frozen=True, kw_only=True):
    """What all leaves have in common: when the ledger wrote them."""

    recorded_at: Micros


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


class Act(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The decision that a line cites: a minute of the assembly, the board, a committee."""

    number: Reference
    date: date
    hash: Hash  # SHA-256 of the document.


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
    """What an account may do from now on. A closed one may only be opened again."""

    account: AccountNumber
    status: Status
    reason: Word
    by: OpaqueId
    act: Act | UnsetType = UNSET
    order: Reference | UnsetType = UNSET  # Of an authority; only another lifts it.


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
    key: OpaqueId | UnsetType = UNSET  # The API key, when not signed.
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


class HoldsExpired(Leaf, frozen=True, kw_only=True, tag="expired"):
    """Holds whose time was up: what remained of each is given back."""

    holds: Annotated[list[SequenceNumber], Meta(min_length=1, max_length=EXPIRED_MAX)]


class Levy(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What transfers of some kinds pay to the treasury: n/d of the amount and `fixed`.

    Minor units. The rate is rounded half to even; the sum is not below `minimum` nor above
    `maximum`.
    """

    d: Amount
    kinds: Annotated[list[Word], Meta(min_length=1, max_length=64)]
    n: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
    payer: OneSide
    treasury: AccountNumber
    fixed: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)] = 0
    minimum: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)] = 0
    maximum: Amount | UnsetType = UNSET


class LevySet(Leaf, frozen=True, kw_only=True, tag="levy"):
    """A levy from now on, under its code; without one it is removed."""

    code: LevyCode
    by: OpaqueId
    reason: Word
    levy: Levy | UnsetType = UNSET
    act: Act | UnsetType = UNSET


class Demurrage(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A charge of n/d a period on what stands above `exempt` minor units, rounded half to even.

    `account` collects it. With `spread` what a run collected is given to the members.
    """

    account: AccountNumber
    d: Amount
    n: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
    period: Period
    exempt: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)] = 0
    spread: bool = False


class DemurrageSet(Leaf, frozen=True, kw_only=True, tag="demurrage"):
    """The demurrage of a currency for periods that begin on a day or later; or none."""

    currency: CurrencyCode
    since: date
    by: OpaqueId
    reason: Word
    rule: Demurrage | UnsetType = UNSET
    act: Act | UnsetType = UNSET


class Fee(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What accounts of some kinds pay each period that begins on `since` or later."""

    amount: Amount
    currency: CurrencyCode
    kinds: Annotated[list[Word], Meta(min_length=1, max_length=64)]
    period: Period
    since: date
    treasury: AccountNumber


class FeeSet(Leaf, frozen=True, kw_only=True, tag="fee"):
    """A fee from now on, under its code; without one it is removed."""

    code: Word
    by: OpaqueId
    reason: Word
    fee: Fee | UnsetType = UNSET
    act: Act | UnsetType = UNSET


class Reserve(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What backs a currency: its circulation is at most n/d of what `reserve` has.

    Circulation is minus the balance of `issuer`. Both are as shown, not in minor units, since
    the reserve may be of a currency of another scale.
    """

    d: Amount
    issuer: AccountNumber
    n: Amount
    reserve: AccountNumber


class ReserveSet(Leaf, frozen=True, kw_only=True, tag="reserve"):
    """What backs a currency from now on; without it, nothing that is looked at."""

    currency: CurrencyCode
    by: OpaqueId
    reason: Word
    rule: Reserve | UnsetType = UNSET
    act: Act | UnsetType = UNSET


class SettingsChanged(Leaf, frozen=True, kw_only=True, tag="settings"):
    """How the ledger keeps its days from now on; all of it."""

    by: OpaqueId
    days: DaysBy
    # Minutes after midnight, of the ledger's time zone, when the next day begins.
    cut_off: Annotated[int, Meta(ge=15, le=1425, multiple_of=15)] | UnsetType = UNSET
    # How many days before the business date interest may run from. Absent: any.
    value_days_back: Annotated[int, Meta(ge=0, le=3660)] | UnsetType = UNSET


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
    """A business day is over, and what it came to.

    `totals` is SHA-256 over its DayTotal lines in order, each with a line feed; the first of
    them stand in `shown`.
    """

    date: date
    by: OpaqueId
    count: Count
    totals: Hash
    shown: Annotated[list[DayTotal], Meta(max_length=TOTALS_SHOWN_MAX)]


class PeriodMarked(Leaf, frozen=True, kw_only=True, tag="period"):
    """A month is closed for now, reopened, or closed for ever. Month 13 is for adjustments."""

    year: Annotated[int, Meta(ge=1970, le=9999)]
    month: Annotated[int, Meta(ge=1, le=13)]
    mark: Literal["preliminary", "reopened", "final"]
    by: OpaqueId
    act: Act | UnsetType = UNSET


Every = Literal["once", "day", "week", "month", "year"]
Shift = Literal["as_is", "before", "after", "skip"]


class Schedule(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A transfer that is posted on dates, from `first` every `step` days, weeks or so.

    A day that a month has not is its last. Minutes are of the ledger's time zone.
    """

    amount: Amount
    at: Annotated[int, Meta(ge=0, le=1439)]  # Minutes after midnight.
    credit_account: AccountNumber
    debit_account: AccountNumber
    every: Every
    first: date
    kind: Word
    # How many dates there are, from `first`; and the last day for one.
    count: Annotated[int, Meta(ge=1, le=100_000)] | UnsetType = UNSET
    last: date | UnsetType = UNSET
    # Minutes after which a try that could not be made is given up.
    miss_after: Annotated[int, Meta(ge=1, le=527_040)] | UnsetType = UNSET
    on_holiday: Shift = "as_is"
    on_weekend: Shift = "as_is"
    # What the reference of each transfer begins with; its date follows.
    reference: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9./_:#+-]{0,23}\Z")] = ""
    # How often it is tried again when funds or limits do not allow it, and after how long.
    retries: Annotated[int, Meta(ge=0, le=100)] = 0
    retry_minutes: Annotated[int, Meta(ge=1, le=44_640)] = 60
    step: Annotated[int, Meta(ge=1, le=1000)] = 1
    up_to: Side | UnsetType = UNSET


class ScheduleSet(Leaf, frozen=True, kw_only=True, tag="schedule"):
    """A schedule from now on, under its code; without one it is cancelled."""

    code: OpaqueId
    by: OpaqueId
    reason: Word
    schedule: Schedule | UnsetType = UNSET
    since: date | UnsetType = UNSET  # Dates before it are over. Absent: the first.


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


class HolidaysSet(Leaf, frozen=True, kw_only=True, tag="holidays"):
    """The holidays of a year from now on; all of them."""

    year: Annotated[int, Meta(ge=1970, le=2199)]
    dates: Annotated[list[date], Meta(max_length=HOLIDAYS_MAX)]
    by: OpaqueId
    reason: Word


class ApprovalRule(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Which transfers somebody else must approve, and how. A batch with one of them waits.

    An empty list means any. An account is named by its code or a prefix and *, on either side.
    """

    approvals: Annotated[int, Meta(ge=1, le=APPROVALS_MAX)]  # By so many, each of them once.
    expires_after: Seconds
    kinds: Annotated[list[Word], Meta(max_length=64)] = []
    currency: CurrencyCode | UnsetType = UNSET
    amount_from: Amount = 1  # Minor units of one transfer.
    accounts: Annotated[list[Pattern], Meta(max_length=100)] = []
    makers: Annotated[list[Role], Meta(max_length=8)] = []
    hold: bool = False  # Whether the amounts are kept back meanwhile.


class PolicySet(Leaf, frozen=True, kw_only=True, tag="policy"):
    """A rule of approval from now on, under its code; without one it is removed."""

    code: Word
    by: OpaqueId
    reason: Word
    act: Act | UnsetType = UNSET
    rule: ApprovalRule | UnsetType = UNSET


class Workflow(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Who starts a payment and who accepts it; after `accept_after` it is accepted anyway."""

    starts: Party
    expires_after: Seconds
    accepts: PayingParty | UnsetType = UNSET  # Absent: nobody need accept.
    accept_after: Seconds | UnsetType = UNSET
    hold: bool = False


class WorkflowSet(Leaf, frozen=True, kw_only=True, tag="workflow"):
    """A workflow from now on, under its code; without a rule it is removed."""

    code: Word
    by: OpaqueId
    reason: Word
    rule: Workflow | UnsetType = UNSET


class WhitelistSet(Leaf, frozen=True, kw_only=True, tag="whitelist"):
    """Whether an account accepts at once what a partner starts."""

    account: AccountNumber
    partner: AccountNumber
    on: bool
    by: OpaqueId


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


class DisputeEnded(Leaf, frozen=True, kw_only=True, tag="dispute_ended"):
    """The outcome of a dispute, and the later transfer that made it good, if any did."""

    target: SequenceNumber
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
    | DisputeEnded
    | Snapshot
)


class Beside(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row that a transfer made besides its own; the sequence is the next."""

    amount: Amount
    credit_account: AccountNumber
    debit_account: AccountNumber
    kind: Word  # rest, or the kind of a levy.


class Outcome(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A line of a batch's outcomes: posted with a sequence, or refused.

    Either `sequence` is there, with what is otherwise than the transfer's line says, or
    `code` with what belongs to it.
    """

    position: Position
    sequence: SequenceNumber | UnsetType = UNSET
    # When it is not the line's. 0: no row of its own, the sequence is of the first beside.
    amount: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)] | UnsetType = UNSET
    suspense: OneSide | UnsetType = UNSET  # Which side stood in.
    business_date: date | UnsetType = UNSET  # When its own day was closed.
    flags: Annotated[list[Flag], Meta(min_length=1)] | UnsetType = UNSET
    beside: Annotated[list[Beside], Meta(min_length=1, max_length=BESIDE_MAX)] | UnsetType = (
        UNSET
    )
    code: Word | UnsetType = UNSET
    account: AccountNumber | UnsetType = UNSET
    available: BalanceText | UnsetType = UNSET


class StateHead(Line, frozen=True, kw_only=True, tag="state"):
    """The first line of a snapshot: what is not an account."""

    rules: Literal[1]
    size: Count
    accounts: Count
    batches: Count
    transfers: Count
    recorded_at: Micros


class StateCurrency(Line, frozen=True, kw_only=True, tag="state_currency"):
    """A currency in a snapshot, in the order of their numbers."""

    code: CurrencyCode
    kind: CurrencyKind
    scale: Scale


class StateAccount(Line, frozen=True, kw_only=True, gc=False, tag="state_account"):
    """An account in a snapshot, in the order of their numbers.

    Its texts are not checked as those of leaves are, which would take most of a start's
    time: what is not under the root that the journal names is not believed anyway.
    """

    number: AccountNumber
    code: str
    currency: str
    nature: Nature
    kind: str
    holder: Salt
    status: Status
    balance: str
    lower: Bound | UnsetType = UNSET
    upper: Bound | UnsetType = UNSET
    soft: Side | UnsetType = UNSET


class StateHold(Line, frozen=True, kw_only=True, tag="state_hold"):
    """An open hold in a snapshot, in the order of their sequences."""

    sequence: SequenceNumber
    debit_account: AccountNumber
    credit_account: AccountNumber
    amount: Amount
    left: Amount
    expires: Micros


class StateSuspended(Line, frozen=True, kw_only=True, tag="state_suspended"):
    """What stands on a suspense account and is not cleared, in the order of sequences."""

    sequence: SequenceNumber
    account: AccountNumber  # The suspense account.
    side: OneSide  # On which it stood in.
    left: Amount
    since: Micros


class StatePlan(Line, frozen=True, kw_only=True, tag="state_plan"):
    """A planned limit in a snapshot: those that wait in the order of their leaves.

    After these, those that have begun: by account, in the order in which they began.
    """

    account: AccountNumber
    plan: Count
    begun: bool
    reason: Word
    by: OpaqueId
    starts: Micros
    ends: Micros | UnsetType = UNSET
    lower: Bound | UnsetType = UNSET
    upper: Bound | UnsetType = UNSET
    soft: Side | UnsetType = UNSET
    act: Act | UnsetType = UNSET


class StateBefore(Line, frozen=True, kw_only=True, tag="state_before"):
    """The bounds that come back when no plan of an account is left, in order of accounts."""

    account: AccountNumber
    lower: Bound | UnsetType = UNSET
    upper: Bound | UnsetType = UNSET
    soft: Side | UnsetType = UNSET


class StateEarned(Line, frozen=True, kw_only=True, tag="state_earned"):
    """A limit that is earned, and what counts for it, in the order of accounts."""

    account: AccountNumber
    rule: EarnedRule
    received: TotalText
    since: SequenceNumber  # The first transfer that may count.


class StatePayments(Line, frozen=True, kw_only=True, tag="state_payments"):
    """The payment limits of an account, and what was paid, in the order of accounts."""

    account: AccountNumber
    day: date  # The last on which something was paid, or the limits were set.
    paid_day: TotalText
    paid_week: TotalText
    paid_month: TotalText
    paid_year: TotalText
    limit_transfer: Amount | UnsetType = UNSET
    limit_day: Amount | UnsetType = UNSET
    limit_week: Amount | UnsetType = UNSET
    limit_month: Amount | UnsetType = UNSET
    limit_year: Amount | UnsetType = UNSET


class StateOrder(Line, frozen=True, kw_only=True, tag="state_order"):
    """The order of an authority that an account is under, in the order of accounts."""

    account: AccountNumber
    order: Reference


class StateDays(Line, frozen=True, kw_only=True, tag="state_days"):
    """Which days are closed and open, in a snapshot."""

    open: list[date]
    settings: SettingsChanged | UnsetType = UNSET
    closed_through: date | UnsetType = UNSET
    opened_through: date | UnsetType = UNSET


class StateDayTotal(Line, frozen=True, kw_only=True, tag="state_day_total"):
    """What a day that is not closed has come to, by day, currency, kind and source."""

    date: date
    amount: TotalText
    count: Count
    currency: CurrencyCode
    kind: Word
    source: str


class StateLevy(Line, frozen=True, kw_only=True, tag="state_levy"):
    """A levy in a snapshot, in the order of their codes."""

    code: LevyCode
    levy: Levy


class StateDemurrage(Line, frozen=True, kw_only=True, tag="state_demurrage"):
    """What is or was the demurrage of a currency, in the order of the days it is since."""

    currency: CurrencyCode
    since: date
    account: AccountNumber  # That collects.
    rule: Demurrage | UnsetType = UNSET


class StateFee(Line, frozen=True, kw_only=True, tag="state_fee"):
    """A fee in a snapshot, in the order of their codes."""

    code: Word
    fee: Fee


class StateReserve(Line, frozen=True, kw_only=True, tag="state_reserve"):
    """What backs a currency, in the order of their codes."""

    currency: CurrencyCode
    rule: Reserve


class Done(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What became of a date of a schedule: the leaf that says so, and what was posted."""

    attempts: Count  # How many were made.
    date: date
    leaf: Count
    outcome: Literal["posted", "refused", "skipped", "missed"]
    sequence: SequenceNumber | UnsetType = UNSET
    code: Word | UnsetType = UNSET  # Why it was refused.


class StateSchedule(Line, frozen=True, kw_only=True, tag="state_schedule"):
    """A schedule in a snapshot, in the order of their codes."""

    code: OpaqueId
    leaf: Count  # That set it.
    by: OpaqueId
    schedule: Schedule
    number: Count  # Of the dates of the rule, from 0, which is next.
    attempt: Annotated[int, Meta(ge=1, le=100_000)]
    refused: Count  # Attempts of that date that were.
    not_before: Micros
    done: list[Done]  # The last of its dates that are over.


class StateHolidays(Line, frozen=True, kw_only=True, tag="state_holidays"):
    """The holidays of a year in a snapshot, in the order of years."""

    year: int
    dates: list[date]


class StatePeriod(Line, frozen=True, kw_only=True, tag="state_period"):
    """How a month was marked last."""

    year: int
    month: int
    mark: Literal["preliminary", "reopened", "final"]


class StateKey(Line, frozen=True, kw_only=True, tag="state_key"):
    """A key that is or was no operator's, in a snapshot, in the order of their names."""

    key: OpaqueId
    role: Role


class StatePolicy(Line, frozen=True, kw_only=True, tag="state_policy"):
    """A rule of approval in a snapshot, with the index of its line, in the order of codes."""

    code: Word
    rule: ApprovalRule
    since: Count


class StateWorkflow(Line, frozen=True, kw_only=True, tag="state_workflow"):
    """A workflow that was set or removed, in a snapshot, in the order of their codes."""

    code: Word
    rule: Workflow | UnsetType = UNSET


class StateWhitelist(Line, frozen=True, kw_only=True, tag="state_whitelist"):
    """Whose payments an account accepts at once, in a snapshot, in the order of numbers."""

    account: AccountNumber
    partner: AccountNumber


class Approval(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Who approved: the key, and the person behind it where that was said."""

    by: OpaqueId
    user: OpaqueId | UnsetType = UNSET


class StateProposal(Line, frozen=True, kw_only=True, tag="state_proposal"):
    """An open proposal in a snapshot, with the index of its line, in that order."""

    index: Count
    proposed: BatchProposed
    approved: Annotated[list[Approval], Meta(max_length=APPROVALS_MAX)] = []
    accepted: bool = False


class StateDispute(Line, frozen=True, kw_only=True, tag="state_dispute"):
    """An open dispute in a snapshot, in the order of their transfers."""

    target: SequenceNumber
    since: Micros
    by: OpaqueId
    reason: Word
    due: date | UnsetType = UNSET


AnyState = (
    StateHead
    | StateCurrency
    | StateAccount
    | StateHold
    | StateSuspended
    | StatePlan
    | StateBefore
    | StateEarned
    | StatePayments
    | StateOrder
    | StateDays
    | StateDayTotal
    | StatePeriod
    | StateLevy
    | StateDemurrage
    | StateFee
    | StateReserve
    | StateSchedule
    | StateHolidays
    | StateKey
    | StatePolicy
    | StateWorkflow
    | StateWhitelist
    | StateProposal
    | StateDispute
)
