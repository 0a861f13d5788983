"""Answers about transfers that were recorded: as they are read, and those still open."""

from datetime import date
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from ledger.api.answers.base import Answer, FractionAnswer, PhaseName
from ledger.api.answers.rules import RateAnswer
from ledger.core.model import Action, Flag, Nature, OneSide
from ledger.core.resolutions import HoldStatus


class LinkAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """A later transfer, and how much of this one it took back or cleared."""

    sequence: int
    amount: str


class DisputeAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """That a transfer is in dispute: since when, by whose key, why, and until when.

    Once the day `due` is over the clock says so: `overdue_since`. With an `outcome` it ended;
    `linked` is the later transfer that made it good.
    """

    sequence: int
    since: str
    by: str
    reason: str
    leaf_index: int  # That opened it, and of one that ended the one that says so.
    due: date | UnsetType = UNSET
    overdue_since: str | UnsetType = UNSET
    outcome: str | UnsetType = UNSET
    linked: int | UnsetType = UNSET
    ended_at: str | UnsetType = UNSET
    ended_by: str | UnsetType = UNSET


class HoldStandingAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """How a hold stands: what was posted of it, and what it still keeps back.

    `by` are the rows that posted or voided it; where time was up there is none. One that was
    posted in part may end as `posted`, `voided` or `expired`.
    """

    status: HoldStatus
    posted: str
    left: str
    by: list[LinkAnswer] | UnsetType = UNSET


class TransferAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """A recorded transfer, with both balances after it as far as the key may read them.

    Those in phase `held` or `released` moved nothing; what became of
    the one, `hold` says. `target` is the hold or transfer that the
    action is about; `reversed_by` and `cleared_by` may grow. Of an exchange, `rate` is minor
    units bought for minor units sold, `fraction` what of them was not given for being less than
    one, and `residue` says that it books what bought nothing.
    """

    sequence: int
    id: UUID
    position: int
    debit_account: str
    credit_account: str
    amount: str
    currency: str
    kind: str
    business_date: date
    value_date: date
    recorded_at: str
    reference: str = ""
    description: str = ""
    entered_by: str = ""
    approved_by: str = ""
    debit_balance: str | UnsetType = UNSET
    credit_balance: str | UnsetType = UNSET
    phase: PhaseName
    action: Action | UnsetType = UNSET
    target: int | UnsetType = UNSET
    expires: str | UnsetType = UNSET  # Of a hold.
    entry: int | UnsetType = UNSET
    rate: RateAnswer | UnsetType = UNSET
    fraction: FractionAnswer | UnsetType = UNSET
    residue: bool = False
    suspense: OneSide | UnsetType = UNSET  # On which side the suspense account stood in,
    meant_for: str | UnsetType = UNSET  # for this one,
    why: str | UnsetType = UNSET  # which refused with this code.
    flags: list[Flag] | UnsetType = UNSET
    hold: HoldStandingAnswer | UnsetType = UNSET  # Of one in phase `held`.
    reversed_by: list[LinkAnswer] | UnsetType = UNSET
    cleared_by: list[LinkAnswer] | UnsetType = UNSET
    dispute: DisputeAnswer | UnsetType = UNSET  # While one is open.


class TransfersPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Transfers in order of sequence. `next` is what to ask `after` for those that follow."""

    transfers: list[TransferAnswer]
    next: int | UnsetType = UNSET


class StatementLine(Answer, frozen=True, kw_only=True, gc=False):
    """A transfer as one account saw it, with the account's running balance.

    Of an exchange, `rate` is minor units bought for minor units sold; `fraction` is what the
    account that gave them kept, for being less than one.
    """

    sequence: int
    id: UUID
    position: int
    side: Nature
    other_account: str
    amount: str
    balance: str
    kind: str
    business_date: date
    value_date: date
    recorded_at: str
    reference: str = ""
    description: str = ""
    rate: RateAnswer | UnsetType = UNSET
    fraction: FractionAnswer | UnsetType = UNSET


class Statement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An account over a period: opening balance, what was posted, closing balance.

    Where `next` is there the statement goes on: ask again with `cursor` set to it. The
    balances of a page are those at its first and after its last transfer.
    """

    account: str
    currency: str
    nature: Nature
    opening_balance: str
    transfers: list[StatementLine]
    closing_balance: str
    next: str | UnsetType = UNSET


class HoldAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """An open hold: its amount, and what of it is still kept back."""

    sequence: int
    debit_account: str
    credit_account: str
    amount: str
    left: str
    currency: str
    expires: str


class HoldsPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Open holds in order of sequence."""

    holds: list[HoldAnswer]
    next: int | UnsetType = UNSET


class SuspenseAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """What was posted to a suspense account and is not cleared yet.

    `meant_for` is the account that refused it, and `why` the code for which it did.
    """

    sequence: int
    account: str
    side: OneSide
    meant_for: str
    why: str
    left: str
    currency: str
    since: str
    age_days: int


class SuspensePage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Open items in order of sequence, the oldest first."""

    items: list[SuspenseAnswer]
    next: int | UnsetType = UNSET
