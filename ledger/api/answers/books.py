"""Answers about the books as they stand: ledgers, currencies, accounts, keys, balances."""

from collections.abc import Iterable
from datetime import date

from msgspec import UNSET, Struct, UnsetType, field

from ledger.api.answers.base import NONE, Answer, show_time
from ledger.core.amounts import show_amount
from ledger.core.answered import LedgerView
from ledger.core.asked import Caller, SoftBounds
from ledger.core.changes import soft_bounds
from ledger.core.model import (
    NO_LOWER,
    NO_UPPER,
    Account,
    Currency,
    CurrencyKind,
    Nature,
    Role,
    Status,
)


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
    """Accounts; where the client opened some and does without them, only how many."""

    accounts: list[AccountAnswer]
    next: str | UnsetType = UNSET
    opened: int | UnsetType = UNSET


class BalanceAnswer(Answer, frozen=True, kw_only=True):
    """What an account's balance was: at the end of a business day, as known at a moment."""

    account: str
    currency: str
    nature: Nature
    balance: str
    on: date | UnsetType = UNSET
    as_known_on: str | UnsetType = UNSET
    adjustments: bool = False


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


class KeyAnswer(Answer, frozen=True, kw_only=True):
    """A key without its secret."""

    key: str
    role: Role
    poster: str | UnsetType = UNSET
    accounts: list[str] | UnsetType = UNSET
    holder: str | UnsetType = UNSET  # As accounts show it: all of them are meant.


class KeysAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    keys: list[KeyAnswer]


class NewKeyAnswer(Answer, frozen=True, kw_only=True):
    """A new key. The secret is shown this once and kept nowhere."""

    key: KeyAnswer
    secret: str


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
        holder=caller.holder.hex() or UNSET,
    )


def key_answers(callers: Iterable[Caller]) -> list[KeyAnswer]:
    return [key_answer(caller) for caller in callers]
