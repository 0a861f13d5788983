"""The lines of a snapshot: a book's state as of a leaf, field by field."""

from datetime import date
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.core.amounts import Amount, Bound, Scale
from ledger.core.leaves import BatchProposed, EarnedRule, SettingsChanged
from ledger.core.lines import Act, Line
from ledger.core.model import (
    AccountNumber,
    Count,
    CurrencyCode,
    CurrencyKind,
    Hash,
    Micros,
    Nature,
    OneSide,
    OpaqueId,
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
    ApprovalRule,
    Demurrage,
    Fee,
    Levy,
    LevyCode,
    Reserve,
    Schedule,
    Workflow,
)


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
    side: OneSide  # On which it stood in,
    meant_for: AccountNumber  # for this one,
    why: Word  # which refused for this reason.
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


class StatePosterKey(Line, frozen=True, kw_only=True, tag="state_poster_key"):
    """A poster's key in a snapshot, with the indices of its lines, by poster and key."""

    poster: OpaqueId
    public_key: Hash
    since: Count
    until: Count | UnsetType = UNSET


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
    approved: Annotated[tuple[Approval, ...], Meta(max_length=APPROVALS_MAX)] = ()
    accepted: bool = False


class StateDispute(Line, frozen=True, kw_only=True, tag="state_dispute"):
    """An open dispute in a snapshot, in the order of their transfers."""

    target: SequenceNumber
    index: Count  # Of its line.
    since: Micros
    by: OpaqueId
    reason: Word
    due: date | UnsetType = UNSET
    overdue: Micros | UnsetType = UNSET  # When a line said so.


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
    | StatePosterKey
    | StatePolicy
    | StateWorkflow
    | StateWhitelist
    | StateProposal
    | StateDispute
)
