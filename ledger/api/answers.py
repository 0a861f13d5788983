"""Answers: what the ledger knows, as the structs that leave in JSON.

Amounts are decimal strings in their currency's scale; balances stand in the account's own
nature; times are RFC 3339 in UTC. The OpenAPI document is made of the same structs.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, field

from ledger.core.amounts import show_amount
from ledger.core.answered import LedgerView, RunReport
from ledger.core.asked import Caller, PeriodMark, SoftBounds
from ledger.core.book import Book
from ledger.core.changes import soft_bounds
from ledger.core.model import (
    NO_LOWER,
    NO_UPPER,
    Account,
    Action,
    Currency,
    CurrencyKind,
    DaysBy,
    Flag,
    Mode,
    Nature,
    OneSide,
    Phase,
    Role,
    Side,
    Status,
)
from ledger.core.periods import Period
from ledger.core.rule_leaves import Every, Shift

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NONE: Final = "none"  # A bound that is not there.

PhaseName = Literal["posted", "held", "released", "adjusted"]
PHASES: Final[dict[int, PhaseName]] = {
    Phase.POSTED: "posted",
    Phase.HELD: "held",
    Phase.RELEASED: "released",
    Phase.ADJUSTED: "adjusted",
}


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all answers have in common: what is not there is absent, never null."""


# ---- ledgers, currencies, accounts, keys


class LedgerAnswer(Answer, frozen=True, kw_only=True):
    """A ledger at its last committed leaf. Its public key verifies its checkpoints."""

    code: str
    name: str
    origin: str
    time_zone: str
    unique_references: bool
    public_key: str
    recorded_at: str
    size: int
    accounts: int
    batches: int
    transfers: int


class LedgersPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    ledgers: list[LedgerAnswer]
    next: str | UnsetType = UNSET


class CurrencyAnswer(Answer, frozen=True, kw_only=True):
    code: str
    kind: CurrencyKind
    scale: int


class CurrenciesPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    currencies: list[CurrencyAnswer]
    next: str | UnsetType = UNSET


class AccountAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """An account as it stands now; its bounds hold for the balance as shown, or are "none".

    `available` is the balance less what is held back of it and less its lower bound.
    """

    number: int
    code: str
    currency: str
    nature: Nature
    kind: str
    status: Status
    balance: str
    lower_bound: str
    upper_bound: str
    # Where its currency has demurrage: the balance less what is owed of it up to today.
    current_value: str | UnsetType = UNSET
    soft_bounds: SoftBounds  # Which of them may be passed, and are then flagged.
    pending_debits: str  # Held back from it by open holds,
    pending_credits: str  # and for it.
    available: str
    holder: str  # Hexadecimal; random, and the same in the journal.


class AccountsPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    accounts: list[AccountAnswer]
    next: str | UnsetType = UNSET


class KeyAnswer(Answer, frozen=True, kw_only=True):
    """A key without its secret."""

    key: str
    role: Role
    poster: str | UnsetType = UNSET
    accounts: list[str] | UnsetType = UNSET


class KeysAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    keys: list[KeyAnswer]


class NewKeyAnswer(Answer, frozen=True, kw_only=True):
    """A new key. The secret is shown this once and kept nowhere."""

    key: KeyAnswer
    secret: str


class DryRun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What would happen now. It promises nothing: the next request may change it."""

    dry_run: bool
    accounts: list[AccountAnswer] | UnsetType = UNSET
    account: AccountAnswer | UnsetType = UNSET
    ledger: LedgerAnswer | UnsetType = UNSET
    currency: CurrencyAnswer | UnsetType = UNSET
    key: KeyAnswer | UnsetType = UNSET
    outcomes: "list[OutcomeAnswer] | UnsetType" = UNSET
    levy: "LevyAnswer | UnsetType" = UNSET
    demurrage: "DemurrageAnswer | UnsetType" = UNSET
    fee: "FeeAnswer | UnsetType" = UNSET
    reserve: "ReserveAnswer | UnsetType" = UNSET
    run: RunReport | UnsetType = UNSET
    schedule: "ScheduleAnswer | UnsetType" = UNSET
    holidays: "HolidaysAnswer | UnsetType" = UNSET
    settings: "DaysSettings | UnsetType" = UNSET
    day: "DayAnswer | UnsetType" = UNSET
    period: "PeriodAnswer | UnsetType" = UNSET


# ---- rules


class RateAnswer(Answer, frozen=True, kw_only=True):
    """A part of an amount, exactly: `n` of `d`."""

    n: int
    d: int


class LevyAnswer(Answer, frozen=True, kw_only=True):
    """A levy: what transfers of some kinds pay to the treasury in the same entry.

    n/d of the amount, rounded half to even, and `fixed`; the sum not below `minimum` nor
    above `maximum`, where there is one.
    """

    code: str
    kinds: list[str]
    payer: OneSide
    treasury: str
    currency: str
    rate: RateAnswer
    fixed: str
    minimum: str
    maximum: str | UnsetType = UNSET


class DemurrageAnswer(Answer, frozen=True, kw_only=True):
    """The demurrage of a currency, for periods that begin on `since` or later."""

    currency: str
    since: date
    rate: RateAnswer | UnsetType = UNSET  # Absent: there is none from that day on.
    period: Period | UnsetType = UNSET
    exempt: str | UnsetType = UNSET
    account: str | UnsetType = UNSET
    spread: bool = False


class FeeAnswer(Answer, frozen=True, kw_only=True):
    """What accounts of some kinds pay each period that begins on `since` or later."""

    code: str
    amount: str
    currency: str
    kinds: list[str]
    period: Period
    treasury: str
    since: date


class FeesAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All fees, in the order of their codes."""

    fees: list[FeeAnswer]


class ReserveAnswer(Answer, frozen=True, kw_only=True):
    """What backs a currency: in circulation is at most `ratio` of what `reserve` has."""

    currency: str
    issuer: str
    reserve: str
    ratio: RateAnswer


class CirculationLine(Answer, frozen=True, kw_only=True):
    """A currency: what its accounts have, what they owe, and that the two are the same.

    Where it has a reserve, `circulation` is what was issued and not redeemed, `in_reserve`
    what the reserve has, and `headroom` what may still be issued.
    """

    currency: str
    kind: CurrencyKind
    issued: str  # The sum of all balances above zero,
    credit_outstanding: str  # and of those below.
    balanced: bool
    circulation: str | UnsetType = UNSET
    in_reserve: str | UnsetType = UNSET
    reserve_currency: str | UnsetType = UNSET
    headroom: str | UnsetType = UNSET


class CirculationAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All currencies, in the order in which they were added."""

    currencies: list[CirculationLine]


class LeviesAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All levies, in the order of their codes, which is that in which they follow."""

    levies: list[LevyAnswer]


# ---- schedules


class ComingAnswer(Answer, frozen=True, kw_only=True):
    """A date to come, the day it is posted on (absent where it is skipped), and from when."""

    posted_on: date | UnsetType = UNSET
    at: str
    date: date


class DoneAnswer(Answer, frozen=True, kw_only=True):
    """A date that is over: what became of it, after how many attempts, and where it stands.

    `sequence` is the transfer that was posted, `code` why it was refused the last time.
    """

    date: date
    outcome: Literal["posted", "refused", "skipped", "missed"]
    attempts: int
    leaf_index: int
    sequence: int | UnsetType = UNSET
    code: str | UnsetType = UNSET


class ScheduleAnswer(Answer, frozen=True, kw_only=True):
    """A transfer that is posted on dates. Without `next` it is over.

    `attempt` is the number of the next attempt at the next date.
    """

    code: str
    leaf_index: int
    by: str
    debit_account: str
    credit_account: str
    amount: str
    currency: str
    kind: str
    first: date
    every: Every
    step: int
    at: str
    on_holiday: Shift
    on_weekend: Shift
    retries: int
    retry_minutes: int
    count: int | UnsetType = UNSET
    last: date | UnsetType = UNSET
    miss_after_minutes: int | UnsetType = UNSET
    up_to: Side | UnsetType = UNSET
    reference: str | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    next: ComingAnswer | UnsetType = UNSET
    last_outcome: DoneAnswer | UnsetType = UNSET


class SchedulesPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    schedules: list[ScheduleAnswer]
    next: str | UnsetType = UNSET


class OccurrencesAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    past: list[DoneAnswer]
    coming: list[ComingAnswer]


class HolidaysAnswer(Answer, frozen=True, kw_only=True):
    """The holidays of a year."""

    year: int
    dates: list[date]


class HolidaysPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    years: list[HolidaysAnswer]


# ---- posting


class BesideAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """A row that a transfer made besides its own, such as what `up_to` left to another."""

    sequence: int
    debit_account: str
    credit_account: str
    amount: str
    kind: str
    debit_balance: str | UnsetType = UNSET
    credit_balance: str | UnsetType = UNSET


class OutcomeAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """What became of one transfer: a sequence with both balances after it, or a refusal.

    The balances are those of the accounts that moved: where a suspense account stood in,
    its own.

    A balance is left out where the key may not read its account. The sentence is in the
    language that was asked for; all else is the same for ever.
    """

    position: int
    sequence: int | UnsetType = UNSET
    debit_balance: str | UnsetType = UNSET
    credit_balance: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    sentence: str | UnsetType = UNSET
    account: str | UnsetType = UNSET
    available: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    phase: PhaseName | UnsetType = UNSET  # Where it was not simply posted.
    amount: str | UnsetType = UNSET  # Where it is not the amount that was asked for.
    suspense: OneSide | UnsetType = UNSET  # On which side the suspense account stood in.
    business_date: date | UnsetType = UNSET  # Where its own day was closed.
    flags: list[Flag] | UnsetType = UNSET
    beside: list[BesideAnswer] | UnsetType = UNSET
    last_sequence: int | UnsetType = UNSET  # Where there are several.


class BatchReceipt(Answer, frozen=True, kw_only=True):
    """Where a posted batch stands in the journal. It never changes.

    `posted` counts sequences, those of rows that stand beside included.
    """

    ledger: str
    id: UUID
    batch_number: int
    leaf_index: int
    recorded_at: str
    business_date: date
    count: int
    posted: int
    first_sequence: int | UnsetType = UNSET
    last_sequence: int | UnsetType = UNSET
    outcomes: list[OutcomeAnswer] | UnsetType = UNSET


class TransferReceipt(Answer, frozen=True, kw_only=True):
    """Where a posted transfer stands in the journal: its sequence is the folio of a slip.

    Accounts and amount are those of what was done.
    """

    ledger: str
    id: UUID
    sequence: int
    batch_number: int
    leaf_index: int
    recorded_at: str
    business_date: date
    debit_account: str
    credit_account: str
    amount: str
    currency: str
    debit_balance: str | UnsetType = UNSET
    credit_balance: str | UnsetType = UNSET
    phase: PhaseName | UnsetType = UNSET  # Where it was not simply posted.
    suspense: OneSide | UnsetType = UNSET  # On which side the suspense account stood in.
    flags: list[Flag] | UnsetType = UNSET
    beside: list[BesideAnswer] | UnsetType = UNSET
    last_sequence: int | UnsetType = UNSET  # Where there are several.


class TransferPosted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A receipt, and beside it the newest signed checkpoint, which covers it."""

    receipt: TransferReceipt
    checkpoint: str | UnsetType = UNSET
    log_proof: str | UnsetType = UNSET


class BatchPostedAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A receipt, and beside it the newest signed checkpoint, which covers it."""

    receipt: BatchReceipt
    checkpoint: str | UnsetType = UNSET
    log_proof: str | UnsetType = UNSET


class RefusedBatch(Answer, frozen=True, kw_only=True):
    """A refused batch in the journal. Its id is spent."""

    ledger: str
    id: UUID
    leaf_index: int
    recorded_at: str
    business_date: date
    code: str
    sentence: str
    position: int | UnsetType = UNSET
    account: str | UnsetType = UNSET
    available: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET


class BatchAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch id that is spent: the receipt of what was posted, or what was refused."""

    receipt: BatchReceipt | UnsetType = UNSET
    refused: RefusedBatch | UnsetType = UNSET
    checkpoint: str | UnsetType = UNSET
    log_proof: str | UnsetType = UNSET


class BatchSummary(Answer, frozen=True, kw_only=True):
    """A line of the list of batches; `code` is there when it was refused."""

    id: UUID
    leaf_index: int
    recorded_at: str
    poster: str
    business_date: date
    batch_number: int | UnsetType = UNSET
    count: int | UnsetType = UNSET
    posted: int | UnsetType = UNSET
    first_sequence: int | UnsetType = UNSET
    code: str | UnsetType = UNSET


class BatchesPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    batches: list[BatchSummary]
    next: int | UnsetType = UNSET


# ---- reading


class LinkAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """A later transfer, and how much of this one it took back or cleared."""

    sequence: int
    amount: str


class DisputeAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """That a transfer is in dispute: since when, by whose key, why, and until when."""

    sequence: int
    since: str
    by: str
    reason: str
    due: date | UnsetType = UNSET


class TransferAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """A recorded transfer, with both balances after it as far as the key may read them.

    Those in phase `held` or `released` moved nothing. `target` is the hold or transfer that the
    action is about; `reversed_by` and `cleared_by` may grow.
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
    suspense: OneSide | UnsetType = UNSET
    flags: list[Flag] | UnsetType = UNSET
    reversed_by: list[LinkAnswer] | UnsetType = UNSET
    cleared_by: list[LinkAnswer] | UnsetType = UNSET
    dispute: DisputeAnswer | UnsetType = UNSET  # While one is open.


class TransfersPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Transfers in order of sequence. `next` is what to ask `after` for those that follow."""

    transfers: list[TransferAnswer]
    next: int | UnsetType = UNSET


class StatementLine(Answer, frozen=True, kw_only=True, gc=False):
    """A transfer as one account saw it, with the account's running balance."""

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
    """What was posted to a suspense account and is not cleared yet."""

    sequence: int
    account: str
    side: OneSide
    left: str
    currency: str
    since: str
    age_days: int


class SuspensePage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Open items in order of sequence, the oldest first."""

    items: list[SuspenseAnswer]
    next: int | UnsetType = UNSET


class TrialLine(Answer, frozen=True, kw_only=True, gc=False):
    """Opening balance, debits, credits and closing balance of an account or of a kind."""

    currency: str
    nature: Nature
    kind: str
    opening_balance: str
    debits: str
    credits: str
    closing_balance: str
    account: str | UnsetType = UNSET


class TrialTotals(Answer, frozen=True, kw_only=True):
    """A currency in all: debits equal credits, and balances on both sides are the same."""

    currency: str
    opening_debit: str
    opening_credit: str
    debits: str
    credits: str
    closing_debit: str
    closing_credit: str
    balanced: bool


class TrialBalance(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A trial balance over business dates. `totals` are of everything, on every page."""

    first_date: date = field(name="from")
    last_date: date = field(name="to")
    lines: list[TrialLine]
    totals: list[TrialTotals]
    period: str | UnsetType = UNSET
    adjustments: bool = False  # Whether those to the year of the last day are in it.
    as_known_on: str | UnsetType = UNSET
    next: str | UnsetType = UNSET


class OutcomeProof(Answer, frozen=True, kw_only=True):
    """The outcome line of a position, under the root of outcomes that the leaf names."""

    line: str
    index: int
    size: int
    path: list[str]
    root: str


class ProofAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What shows, offline, that the journal recorded a transfer.

    `line` is leaf `index` of the batch's own tree of `size` lines; with `path` (base64, the
    sibling first) it leads to `root`, which `leaf` names, itself or in its poster's note.
    `log_proof` shows that the journal recorded `leaf` at `leaf_index`.
    """

    ledger: str
    id: UUID
    position: int
    mode: Mode
    line: str
    index: int
    size: int
    path: list[str]
    root: str
    leaf: str
    leaf_index: int
    log_proof: str
    salted: bool
    caution: str
    outcome: OutcomeProof | UnsetType = UNSET


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    status: str


# ---- days and periods


class DaysSettings(Answer, frozen=True, kw_only=True):
    """How a ledger keeps its days. Without `cut_off` they begin at midnight of its zone."""

    days: DaysBy
    cut_off: str | UnsetType = UNSET
    value_days_back: int | UnsetType = UNSET


class DayTotalAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """How many rows of a currency, kind and source a day has, and their sum."""

    currency: str
    kind: str
    source: str
    count: int
    amount: str


class DayAnswer(Answer, frozen=True, kw_only=True):
    """A business day and what it came to, or has come to so far.

    Of a closed one, as its leaf says: at most 200 totals stand there, and all are in
    `totals_hash`. `late` is what was posted on it since, while its month was reopened.
    """

    date: date
    status: Literal["open", "closed", "reopened", "not_open"]
    count: int
    totals: list[DayTotalAnswer]
    late: list[DayTotalAnswer] | UnsetType = UNSET
    closed_at: str | UnsetType = UNSET
    closed_by: str | UnsetType = UNSET
    totals_hash: str | UnsetType = UNSET  # Hexadecimal, as are the hash of the leaf
    leaf_index: int | UnsetType = UNSET
    leaf_hash: str | UnsetType = UNSET  # and what sha256sum shows.


class ClosedDayAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A day and its leaf; beside it the newest signed checkpoint, which covers the leaf."""

    day: DayAnswer
    line: str | UnsetType = UNSET
    checkpoint: str | UnsetType = UNSET


class DaysPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How days are kept, and in order those that are open or have something posted on them.

    With `closed`, those that were closed. `current` is the day of what is posted now and
    names none.
    """

    settings: DaysSettings
    days: list[DayAnswer]
    current: date | UnsetType = UNSET
    closed_through: date | UnsetType = UNSET
    next: date | UnsetType = UNSET


class PeriodAnswer(Answer, frozen=True, kw_only=True):
    """A month as it was marked last. Month 13 is for adjustments to the year."""

    period: str
    mark: PeriodMark


class PeriodsPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Months that were ever marked, in order."""

    periods: list[PeriodAnswer]
    next: str | UnsetType = UNSET


class BalanceAnswer(Answer, frozen=True, kw_only=True):
    """What an account's balance was: at the end of a business day, as known at a moment."""

    account: str
    currency: str
    nature: Nature
    balance: str
    on: date | UnsetType = UNSET
    as_known_on: str | UnsetType = UNSET
    adjustments: bool = False


# ---- making them


class Face(NamedTuple):
    """What never changes of an account."""

    code: str
    currency: str
    sign: int
    scale: int

    def balance(self, minor_units: int) -> str:
        """Credits minus debits, as this account shows its balance."""
        return show_amount(self.sign * minor_units, self.scale)


class Faces(dict[int, Face]):
    """The faces of accounts by number, looked up once each."""

    def __init__(self, book: Book) -> None:
        super().__init__()
        self._book = book

    def __missing__(self, number: int) -> Face:
        book = self._book
        currency = book.currency_of(number)
        face = self[number] = Face(
            book.codes[number], currency, book.sign_of(number), book.scales[currency]
        )
        return face


def show_time(micros: int) -> str:
    """Microseconds since 1970 as RFC 3339 in UTC.

    >>> show_time(1_767_225_600_000_001)
    '2026-01-01T00:00:00.000001Z'
    """
    seconds, rest = divmod(micros, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=64)  # Answers come many a second.
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:-6]


def ledger_answer(view: LedgerView) -> LedgerAnswer:
    opening = view.opening
    return LedgerAnswer(
        code=opening.code,
        name=opening.name,
        origin=opening.origin,
        time_zone=opening.time_zone,
        unique_references=opening.unique_references,
        public_key=opening.public_key,
        recorded_at=show_time(opening.recorded_at),
        size=view.size,
        accounts=view.accounts,
        batches=view.batches,
        transfers=view.transfers,
    )


def currency_answer(currency: Currency) -> CurrencyAnswer:
    return CurrencyAnswer(code=currency.code, kind=currency.kind, scale=currency.scale)


def account_answer(account: Account, scale: int, owed: int | None = None) -> AccountAnswer:
    """An account in its own nature: where that is debit, the bounds change places and sign."""
    lower = NONE if account.lower == NO_LOWER else show_amount(account.lower, scale)
    upper = NONE if account.upper == NO_UPPER else show_amount(account.upper, scale)
    if account.sign < 0:
        lower = NONE if account.upper == NO_UPPER else show_amount(-account.upper, scale)
        upper = NONE if account.lower == NO_LOWER else show_amount(-account.lower, scale)
    return AccountAnswer(
        number=account.number,
        code=account.code,
        currency=account.currency,
        nature=account.nature,
        kind=account.kind,
        status=account.status,
        balance=show_amount(account.sign * account.balance, scale),
        lower_bound=lower,
        upper_bound=upper,
        current_value=UNSET
        if owed is None
        else show_amount(account.sign * (account.balance - owed), scale),
        soft_bounds=soft_bounds(account),
        pending_debits=show_amount(account.pending_debits, scale),
        pending_credits=show_amount(account.pending_credits, scale),
        available=_available(account, scale),
        holder=account.holder.hex(),
    )


def _available(account: Account, scale: int) -> str:
    """What may still leave an account without passing its lower bound, as shown."""
    if account.sign > 0:
        left = account.balance - account.pending_debits - account.lower
        is_bound = account.lower != NO_LOWER
    else:
        left = account.upper - account.pending_credits - account.balance
        is_bound = account.upper != NO_UPPER
    return show_amount(max(0, left), scale) if is_bound else NONE


def key_answer(caller: Caller) -> KeyAnswer:
    return KeyAnswer(
        key=caller.key,
        role=caller.role,
        poster=caller.poster or UNSET,
        accounts=list(caller.accounts) or UNSET,
    )


def key_answers(callers: Iterable[Caller]) -> list[KeyAnswer]:
    return [key_answer(caller) for caller in callers]
