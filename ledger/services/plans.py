"""Plans of runs: what a run of demurrage or of a fee charges, as the book stands.

A plan cuts the accounts in parts of fixed ranges of numbers. Each part is charged by one
batch, whose id anybody can compute of the ledger's origin, the rule, the period, the part and
how often the part was asked for before.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct
from msgspec.structs import replace

from ledger.core.amounts import AMOUNT_MAX, show_amount
from ledger.core.asked import AskedTerms, AskedTransfer
from ledger.core.book import Book
from ledger.core.demurrage import Due
from ledger.core.fees import period_of
from ledger.core.model import Side, Status
from ledger.core.refusals import Refusal, RefusalCode

PART_ACCOUNTS: Final = 4_000  # Permanent: the ids of batches stand on it.
CHARGE: Final = "charge"
SPREAD: Final = "spread"
DEMURRAGE: Final = "demurrage"
DEMURRAGE_SPREAD: Final = "demurrage_spread"
FEE: Final = "fee"
MEMBER: Final = "member"  # The kind of account that a spread goes to.
MAY_PAY: Final = {Status.OPEN, Status.FROZEN_CREDITS}
MAY_BE_PAID: Final = {Status.OPEN, Status.FROZEN_DEBITS}


class Stage(Struct, frozen=True):
    """One step of a run: what is done with which part."""

    what: str
    part: int

    def __str__(self) -> str:
        return f"{self.what}/{self.part}"


class Payer(Struct, frozen=True):
    """An account that may be charged, and what it could pay now."""

    number: int
    code: str
    available: int


class Plan(Struct, frozen=True, kw_only=True):
    """What a run does, as the book stands when it begins."""

    ledger: str
    ledger_id: int
    origin: str
    name: str  # Of the rule and the period; ids are made of it.
    kind: str  # Of the transfers.
    currency: str
    scale: int
    account: int  # That collects.
    account_code: str
    parts: int
    is_spread: bool = False
    dues: Sequence[Due] = ()  # Of demurrage.
    amount: int = 0  # Of a fee,
    kinds: Sequence[str] = ()  # and the kinds of account that owe it.

    def id_of(self, stage: Stage, attempt: int) -> UUID:
        """The id of one of its batches."""
        name = f"{self.name}/{stage}/{attempt}"
        return uuid5(uuid5(NAMESPACE_URL, self.origin), name)

    def stages(self) -> list[Stage]:
        """All there is to do, in order."""
        charges = [Stage(CHARGE, part) for part in range(self.parts)]
        return charges + [Stage(SPREAD, part) for part in range(self.parts * self.is_spread)]

    def range(self, part: int) -> range:
        """The account numbers of a part."""
        return range(part * PART_ACCOUNTS + 1, (part + 1) * PART_ACCOUNTS + 1)

    def transfer(self, code: str, amount: int, what: str) -> AskedTransfer:
        """What an account pays, or is given: as much of it as its bounds allow.

        It names the run as who entered it, so that no run waits as the double of another's.
        """
        is_charge = what == CHARGE
        return AskedTransfer(
            debit_account=code if is_charge else self.account_code,
            credit_account=self.account_code if is_charge else code,
            amount=show_amount(min(amount, AMOUNT_MAX), self.scale),
            currency=self.currency,
            kind=self.kind if is_charge else DEMURRAGE_SPREAD,
            entered_by=self.name.replace("/", ":"),
            terms=AskedTerms(up_to=Side.DEBIT if is_charge else Side.CREDIT),
        )


def plan_demurrage(
    book: Book, ledger: str, ledger_id: int, currency: str, end: date, today: date
) -> Plan | Refusal:
    """What charging demurrage up to the end of a period means."""
    if currency not in book.currencies:
        return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND)
    account = book.demurrages.accounts.get(currency)
    if account is None:
        return Refusal(code=RefusalCode.DEMURRAGE_NOT_FOUND)
    dues = book.demurrages.dues(currency, end)
    if not dues or dues[-1].last != end:
        return Refusal(code=RefusalCode.NO_SUCH_PERIOD)
    if end >= today or not _is_closed(book, end):
        return Refusal(code=RefusalCode.PERIOD_NOT_OVER)
    plan = _plan(book, ledger, ledger_id, DEMURRAGE, (currency, end), account, today)
    is_spread = dues[-1].rule.spread
    if isinstance(plan, Refusal):
        return plan
    if is_spread and book.account(account).status not in MAY_PAY:
        return Refusal(code=RefusalCode.DEBIT_ACCOUNT_FROZEN, account=account)
    return replace(plan, dues=dues, is_spread=is_spread)


def plan_fee(
    book: Book, ledger: str, ledger_id: int, code: str, end: date, today: date
) -> Plan | Refusal:
    """What charging a fee for a period means."""
    fee = book.fees.rules.get(code)
    if fee is None:
        return Refusal(code=RefusalCode.FEE_NOT_FOUND)
    span = period_of(fee, end)
    if span is None:
        return Refusal(code=RefusalCode.NO_SUCH_PERIOD)
    if span.first > today:
        return Refusal(code=RefusalCode.PERIOD_NOT_BEGUN)
    plan = _plan(book, ledger, ledger_id, FEE, (code, end), fee.treasury, today)
    if isinstance(plan, Refusal):
        return plan
    return replace(plan, amount=fee.amount, kinds=fee.kinds)


def _plan(
    book: Book,
    ledger: str,
    ledger_id: int,
    kind: str,
    name: tuple[str, date],
    account: int,
    today: date,
) -> Plan | Refusal:
    """A plan, unless all its batches would be refused, and spend their ids for nothing."""
    day = book.days.current(today)
    if not book.days.is_open(day, day):
        return Refusal(code=RefusalCode.NO_DAY_OPEN)
    status = book.account(account).status
    if status is Status.CLOSED:
        return Refusal(code=RefusalCode.CREDIT_ACCOUNT_CLOSED, account=account)
    if status not in MAY_BE_PAID:
        return Refusal(code=RefusalCode.CREDIT_ACCOUNT_FROZEN, account=account)
    assert book.opening is not None, "only an open ledger is planned for"
    currency = book.currency_of(account)
    return Plan(
        ledger=ledger,
        ledger_id=ledger_id,
        origin=book.opening.origin,
        name=f"{kind}/{name[0]}/{name[1].isoformat()}",
        kind=kind,
        currency=currency,
        scale=book.scales[currency],
        account=account,
        account_code=book.codes[account],
        parts=-(-book.accounts // PART_ACCOUNTS),
    )


def _is_closed(book: Book, end: date) -> bool:
    """Whether a day is closed and all before it, where the ledger closes its days."""
    days = book.days
    if not days.by_command and days.closed_through == date.min:
        return True
    return days.closed_through >= end and not any(day <= end for day in days.open)


def payers(book: Book, plan: Plan, part: int) -> list[Payer]:
    """The accounts of a part that may owe something."""
    number_of_currency = book.currencies[plan.currency].number
    found: list[Payer] = []
    for number in plan.range(part):
        if number > book.accounts:
            break
        if number == plan.account or book.currency_number(number) != number_of_currency:
            continue
        if plan.kinds:
            account = book.account(number)
            if account.kind not in plan.kinds or account.status is Status.CLOSED:
                continue
        available = book.balance[number] - book.floor[number]
        found.append(Payer(number, book.codes[number], available))
    return found


def members(book: Book, plan: Plan, part: int) -> list[str]:
    """The codes of a part's open member accounts."""
    accounts = (book.account(n) for n in plan.range(part) if n <= book.accounts)
    return [
        account.code
        for account in accounts
        if account.kind == MEMBER
        and account.currency == plan.currency
        and account.status is Status.OPEN
        and account.number != plan.account
    ]
