"""The leaves that set a ledger's rules, and the rules as they stand in them."""

from datetime import date
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.core.amounts import AMOUNT_MAX, Amount
from ledger.core.lines import Act, Leaf
from ledger.core.model import (
    AccountNumber,
    CurrencyCode,
    OneSide,
    OpaqueId,
    Party,
    PayingParty,
    Role,
    Side,
    Word,
)
from ledger.core.periods import Period

HOLIDAYS_MAX = 120  # Of a year.
APPROVALS_MAX = 5  # Of one proposal.

# The kind of the rows that it makes; `rest` is the kind of those that `up_to` leaves.
LevyCode = Annotated[str, Meta(pattern=r"^(?!rest\Z)[a-z][a-z0-9_]{0,31}\Z")]
Seconds = Annotated[int, Meta(ge=1, le=31_622_400)]  # Up to a leap year.
# The code of an account, or a prefix of codes and *.
Pattern = Annotated[str, Meta(pattern=r"^([A-Za-z0-9._:-]{0,64}\*|[A-Za-z0-9._:-]{1,64})\Z")]


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
    workflow: Word | UnsetType = UNSET  # By which each is started as a payment.


class ScheduleSet(Leaf, frozen=True, kw_only=True, tag="schedule"):
    """A schedule from now on, under its code; without one it is cancelled."""

    code: OpaqueId
    by: OpaqueId
    reason: Word
    schedule: Schedule | UnsetType = UNSET
    since: date | UnsetType = UNSET  # Dates before it are over. Absent: the first.


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
