"""Changes of all but balances: what people asked, as lines that may follow, or a refusal.

Each function sees the book as it stands and returns the lines to record, none where all is
already as asked, so that asking again is safe.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final, Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from ledger.core.amounts import AMOUNT_MAX, parse_amount, parse_bound, show_amount
from ledger.core.asked import (
    AskedAccount,
    AskedAct,
    AskedBatch,
    AskedChange,
    AskedCurrency,
    AskedDays,
    AskedEarned,
    AskedLedger,
    AskedLimits,
    AskedMark,
    AskedPayments,
    AskedTransfer,
    SoftBounds,
)
from ledger.core.book import Book
from ledger.core.days import A_DAY, DAYS_AHEAD_MAX
from ledger.core.faults import MalformedRequest
from ledger.core.leaves import (
    AccountOpened,
    AnyLeaf,
    CurrencyAdded,
    DayClosed,
    DayOpened,
    EarnedRule,
    LimitChanged,
    LimitEarned,
    LimitPlanned,
    LimitUnplanned,
    Opening,
    PaymentLimits,
    PeriodMarked,
    SettingsChanged,
    StatusChanged,
)
from ledger.core.lines import RULES, Act
from ledger.core.model import NO_LOWER, NO_UPPER, Account, DaysBy, Nature, Side, Status
from ledger.core.payments import LIMITS
from ledger.core.personal import looks_personal
from ledger.core.plans import begins
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.state import AccountChange

NONE = "none"  # How people write that there is no bound.
HOLDER = 16  # Random bytes.
# How days are kept until somebody says otherwise; never written.
DAYS_BY_CLOCK: Final = SettingsChanged(recorded_at=0, by="-", days=DaysBy.CLOCK)
CLOSING: Final = "closing"  # The kind of what a closing account's balance goes away with.
LOSS: Final = "loss"  # The kind of account that a debt is written off to.


class Span(Struct, frozen=True):
    """From when to when a limit holds, in microseconds since 1970: from now, for good."""

    starts: int | None = None
    ends: int | None = None


FOR_GOOD: Final = Span()


class Author(Struct, frozen=True):
    """Who changes something, and when; and a salt for what few may know of it."""

    recorded_at: int
    by: str
    salt: bytes | UnsetType = UNSET


# ---- ledgers and currencies


def opening(
    asked: AskedLedger, *, origin: str, public_key: str, recorded_at: int, by: str
) -> Opening:
    """The first leaf of a new ledger."""
    return Opening(
        recorded_at=recorded_at,
        code=asked.code,
        name=asked.name,
        origin=origin,
        time_zone=asked.time_zone,
        rules=RULES,
        unique_references=asked.unique_references,
        public_key=public_key,
        by=by,
    )


def opens_the_same(line: Opening, asked: AskedLedger) -> bool:
    """Whether a ledger that is there is what is asked for."""
    return (line.code, line.name, line.time_zone, line.unique_references) == (
        asked.code,
        asked.name,
        asked.time_zone,
        asked.unique_references,
    )


def add_currency(
    book: Book, asked: AskedCurrency, *, recorded_at: int, by: str
) -> list[CurrencyAdded] | Refusal:
    """A currency, unless it is there just so."""
    there = book.currencies.get(asked.code)
    if there is None:
        return [
            CurrencyAdded(
                recorded_at=recorded_at,
                code=asked.code,
                kind=asked.kind,
                scale=asked.scale,
                by=by,
            )
        ]
    same = (there.kind, there.scale) == (asked.kind, asked.scale)
    return [] if same else Refusal(code=RefusalCode.CURRENCY_CODE_USED)


# ---- accounts


def open_accounts(
    book: Book,
    asked: Sequence[AskedAccount],
    *,
    recorded_at: int,
    by: str,
    chance: Callable[[int], bytes],
) -> list[AccountOpened] | Refusal:
    """Accounts, all or none, but those that are there just so.

    Raises:
        MalformedAmount: a bound is no amount of its currency.
    """
    lines: dict[str, AccountOpened] = {}
    holders = chance(HOLDER * len(asked))
    for position, one in enumerate(asked):
        currency = book.currencies.get(one.currency)
        if currency is None:
            return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND, position=position)
        lower, upper = _inside(one.nature, _bounds(one, currency.scale))
        holder = holders[HOLDER * position : HOLDER * (position + 1)]
        if one.holder_of is not UNSET:
            other = _there(book, lines, one.holder_of)
            if other is None:
                return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND, position=position)
            holder = other.holder
        line = AccountOpened(
            recorded_at=recorded_at,
            number=book.accounts + len(lines) + 1,
            code=one.code,
            currency=one.currency,
            nature=one.nature,
            kind=one.kind,
            holder=holder,
            by=by,
            lower=lower,
            upper=upper,
        )
        there = _there(book, lines, one.code)
        if there is None:
            refusal = _refuse(line, confirmed=one.confirm_personal_code)
            if refusal is not None:
                return replace(refusal, position=position)
            lines[one.code] = line
        elif not _is_same(there, line, is_holder_meant=one.holder_of is not UNSET):
            return Refusal(code=RefusalCode.ACCOUNT_CODE_USED, position=position)
    return list(lines.values())


def as_opened(line: AccountOpened) -> Account:
    """An account as it stands when its line is recorded."""
    return Account(
        number=line.number,
        code=line.code,
        currency=line.currency,
        nature=line.nature,
        kind=line.kind,
        holder=line.holder,
        status=Status.OPEN,
        lower=NO_LOWER if line.lower is UNSET else line.lower,
        upper=NO_UPPER if line.upper is UNSET else line.upper,
        balance=0,
    )


def _there(book: Book, lines: dict[str, AccountOpened], code: str) -> Account | None:
    """The account of a code, in the book or about to be opened."""
    if code in lines:
        return as_opened(lines[code])
    return book.account(book.numbers[code]) if code in book.numbers else None


def _is_same(there: Account, line: AccountOpened, *, is_holder_meant: bool) -> bool:
    asked = as_opened(line)
    if is_holder_meant and there.holder != asked.holder:
        return False
    return (there.currency, there.nature, there.kind, there.lower, there.upper) == (
        asked.currency,
        asked.nature,
        asked.kind,
        asked.lower,
        asked.upper,
    )


def _refuse(line: AccountOpened, *, confirmed: bool) -> Refusal | None:
    """Why an account may not be opened, besides what `Book.refuse` knows of its line."""
    if looks_personal(line.code) and not confirmed:
        return Refusal(code=RefusalCode.ACCOUNT_CODE_LOOKS_PERSONAL)
    if line.lower is not UNSET and line.upper is not UNSET and line.lower > line.upper:
        return Refusal(code=RefusalCode.BOUNDS_CROSSED)
    return None


def change_account(
    book: Book,
    code: str,
    asked: AskedChange,
    *,
    recorded_at: int,
    by: str,
    span: Span = FOR_GOOD,
    salt: bytes | UnsetType = UNSET,
) -> list[AnyLeaf] | Refusal:
    """Bounds and status of an account; bounds first, so that a closed account has its last.

    Args:
        salt: chance for the line, where the change cites an order.

    Raises:
        MalformedAmount: a bound is no amount of the account's currency.
    """
    if code not in book.numbers:
        return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
    account, author = book.account(book.numbers[code]), Author(recorded_at, by, salt)
    lines = limit_lines(book, account, asked, span, author, index=book.size)
    status = status_line(book, account, asked, author)
    if status is not None:
        lines.append(status)
    return _refused(book, lines) or list(lines)


def _refused(book: Book, lines: Sequence[AccountChange]) -> Refusal | None:
    """Why one of these may not be recorded. That a plan begins follows from the plan."""
    for line in lines:
        is_beginning = isinstance(line, LimitChanged) and line.plan is not UNSET
        refusal = None if is_beginning else book.refuse(line)
        if refusal is not None:
            return refusal
    return None


def limit_lines(
    book: Book,
    account: Account,
    asked: AskedChange | AskedLimits,
    span: Span,
    author: Author,
    *,
    index: int,
) -> list[AccountChange]:
    """The bounds of an account, now or as a plan; nothing where all is as asked.

    Args:
        index: the leaf that the first of these lines will be.
    """
    bounds = _changed_bounds(account, asked, book.currencies[account.currency].scale)
    soft: Side | UnsetType = UNSET if account.soft is None else account.soft
    if asked.soft_bounds is not UNSET:
        soft = _SOFT[account.nature][asked.soft_bounds] or UNSET
    if span == FOR_GOOD:
        there = _unset(account.lower), _unset(account.upper), account.soft or UNSET
        if (*bounds, soft) == there:
            return []
        return [
            LimitChanged(
                recorded_at=author.recorded_at,
                account=account.number,
                reason=asked.reason,
                by=author.by,
                lower=bounds[0],
                upper=bounds[1],
                soft=soft,
                act=act_of(asked.act),
            )
        ]
    planned = LimitPlanned(
        recorded_at=author.recorded_at,
        account=account.number,
        reason=asked.reason,
        by=author.by,
        starts=author.recorded_at if span.starts is None else span.starts,
        ends=UNSET if span.ends is None else span.ends,
        lower=bounds[0],
        upper=bounds[1],
        soft=soft,
        act=act_of(asked.act),
    )
    if any(
        _is_same_plan(planned, there, span) for _, there, _ in book.plans.of(account.number)
    ):
        return []
    if planned.starts > author.recorded_at:
        return [planned]
    return [planned, begins(index, planned, author.recorded_at)]


def _is_same_plan(asked: LimitPlanned, there: LimitPlanned, span: Span) -> bool:
    same = (asked.lower, asked.upper, asked.soft, asked.ends) == (
        there.lower,
        there.upper,
        there.soft,
        there.ends,
    )
    begun = span.starts is None and there.starts <= asked.starts
    return same and (begun or asked.starts == there.starts)


def status_line(
    book: Book, account: Account, asked: AskedChange, author: Author
) -> StatusChanged | None:
    """The status of an account, where it or the order it stands under is another."""
    order = book.orders.by_account.get(account.number)
    is_new_order = asked.order is not UNSET and asked.order != order
    if asked.status is UNSET or (
        asked.status is account.status and (not is_new_order or asked.status is Status.OPEN)
    ):
        return None
    return StatusChanged(
        recorded_at=author.recorded_at,
        account=account.number,
        status=asked.status,
        reason=asked.reason,
        by=author.by,
        act=act_of(asked.act),
        order=asked.order,
        salt=UNSET if asked.order is UNSET else author.salt,
    )


def act_of(asked: AskedAct | UnsetType) -> Act | UnsetType:
    """The decision that a line cites."""
    if asked is UNSET:
        return UNSET
    return Act(number=asked.number, date=asked.date, hash=bytes.fromhex(asked.hash))


def change_limits(
    book: Book, asked: AskedLimits, *, recorded_at: int, by: str, span: Span = FOR_GOOD
) -> list[AnyLeaf] | Refusal:
    """Limits of many accounts, all or none.

    Raises:
        MalformedAmount: one of them is no amount of an account's currency.
    """
    author = Author(recorded_at, by)
    lines: list[AnyLeaf] = []
    for position, code in enumerate(dict.fromkeys(asked.accounts)):
        if code not in book.numbers:
            return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND, position=position)
        account = book.account(book.numbers[code])
        index = book.size + len(lines)
        some = limit_lines(book, account, asked, span, author, index=index)
        some += _rule_lines(book, account, asked, author)
        refusal = _refused(book, some)
        if refusal is not None:
            return replace(refusal, position=position, account=account.number)
        lines += some
    return lines


def _rule_lines(
    book: Book, account: Account, asked: AskedLimits, author: Author
) -> list[AccountChange]:
    """The rule of a limit that is earned, the payment limits, and a plan given up."""
    number, scale = account.number, book.currencies[account.currency].scale
    lines: list[AccountChange] = []
    if asked.earned is not UNSET:
        rule = _rule(asked.earned, scale)
        if rule != book.earned.rules.get(number, UNSET):
            lines.append(
                LimitEarned(
                    recorded_at=author.recorded_at,
                    account=number,
                    reason=asked.reason,
                    by=author.by,
                    rule=rule,
                    act=act_of(asked.act),
                )
            )
    if asked.payments is not UNSET:
        there = book.payments.limits.get(number)
        limits = _payments(asked.payments, scale)
        if limits != {
            name: UNSET if there is None else getattr(there, name) for name in LIMITS
        }:
            lines.append(
                PaymentLimits(
                    recorded_at=author.recorded_at,
                    account=number,
                    reason=asked.reason,
                    by=author.by,
                    act=act_of(asked.act),
                    **limits,
                )
            )
    if asked.unplan is not UNSET:
        lines.append(
            LimitUnplanned(
                recorded_at=author.recorded_at,
                account=number,
                plan=asked.unplan,
                reason=asked.reason,
                by=author.by,
            )
        )
    return lines


def _rule(asked: AskedEarned | Literal["none"], scale: int) -> EarnedRule | UnsetType:
    if isinstance(asked, str):
        return UNSET
    base, cap = parse_bound(asked.base, scale), parse_bound(asked.cap, scale)
    if base < 0 or cap < 0:
        raise MalformedRequest("below zero", field="earned")
    return EarnedRule(base=base, cap=cap, n=asked.n, d=asked.d, kinds=asked.kinds)


def _payments(asked: AskedPayments, scale: int) -> dict[str, int | UnsetType]:
    given = {name: getattr(asked, name) for name in LIMITS}
    return {
        name: UNSET if text is UNSET else parse_amount(text, scale)
        for name, text in given.items()
    }


# ---- closing an account that has a balance


class Closing(Struct, frozen=True):
    """What closes an account: what moves its balance, and the line after that."""

    transfer: AskedTransfer
    status: StatusChanged


def close_account(
    book: Book,
    code: str,
    asked: AskedChange,
    *,
    recorded_at: int,
    by: str,
    salt: bytes | UnsetType = UNSET,
) -> Closing | list[AnyLeaf] | Refusal:
    """Close an account, its balance moved to another first; lines alone where it has none.

    A debt goes only to an account for losses, and by a decision. What a debit account has
    (cash, a loan) goes to another of its kind as well: a debt stays one, and cash is counted.
    """
    assert asked.remaining_to is not UNSET, "else nothing is to be moved"
    if code not in book.numbers or asked.remaining_to not in book.numbers:
        return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
    account = book.account(book.numbers[code])
    if account.balance == 0:
        return change_account(book, code, asked, recorded_at=recorded_at, by=by, salt=salt)
    line = status_line(book, account, asked, Author(recorded_at, by, salt))
    assert line is not None, "what has a balance is not closed"
    refusal = book.refuse(line)
    if refusal is not None and refusal.code is not RefusalCode.ACCOUNT_NOT_AT_ZERO:
        return refusal
    if book.holds.on(account.number):
        return Refusal(code=RefusalCode.ACCOUNT_HAS_HOLDS, account=account.number)
    other = book.account(book.numbers[asked.remaining_to])
    if other.currency != account.currency:
        return Refusal(code=RefusalCode.ACCOUNTS_OF_DIFFERENT_CURRENCIES, account=other.number)
    is_written_off = other.kind == LOSS and asked.act is not UNSET
    if account.balance < 0 and not (is_written_off or _is_alike(account, other)):
        return Refusal(code=RefusalCode.ACCOUNT_IN_DEBT, account=account.number)
    codes = (code, other.code) if account.balance > 0 else (other.code, code)
    scale = book.currencies[account.currency].scale
    transfer = AskedTransfer(
        debit_account=codes[0],
        credit_account=codes[1],
        amount=show_amount(abs(account.balance), scale),
        currency=account.currency,
        kind=CLOSING,
    )
    return Closing(transfer, line)


def _is_alike(account: Account, other: Account) -> bool:
    """Whether both are debit accounts of one kind, such as cash or loans."""
    natures = {account.nature, other.nature}
    return natures == {Nature.DEBIT} and account.kind == other.kind


def as_batch(closing: Closing, chance: bytes) -> AskedBatch:
    """The batch of one that moves the balance, under an id of its own."""
    return AskedBatch(id=UUID(bytes=chance, version=4), transfers=[closing.transfer])


def as_changed(account: Account, line: AnyLeaf) -> Account:
    """An account as it stands when a change of it is recorded."""
    if isinstance(line, StatusChanged):
        return replace(account, status=line.status)
    if not isinstance(line, LimitChanged):
        return account
    return replace(
        account,
        lower=NO_LOWER if line.lower is UNSET else line.lower,
        upper=NO_UPPER if line.upper is UNSET else line.upper,
        soft=None if line.soft is UNSET else line.soft,
    )


# ---- days and periods


def set_days(
    book: Book, asked: AskedDays, *, recorded_at: int, by: str
) -> list[SettingsChanged] | Refusal:
    """How days are kept, unless they are kept just so."""
    there = book.days.settings or DAYS_BY_CLOCK
    line = SettingsChanged(
        recorded_at=recorded_at,
        by=by,
        days=asked.days,
        cut_off=UNSET if asked.cut_off is UNSET else _minutes(asked.cut_off),
        value_days_back=asked.value_days_back,
        close_after=asked.close_after_minutes,
    )
    if replace(there, recorded_at=recorded_at, by=by) == line:
        return []
    return book.refuse(line) or [line]


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return 60 * int(hours) + int(minutes)


def open_day(
    book: Book, day: date, *, today: date, recorded_at: int, by: str
) -> list[DayOpened] | Refusal:
    """A business day, unless it is open by command already.

    `today` is the clock's; a day may be opened some time ahead, but not by a slip of years.
    """
    if book.days.by_command and day in book.days.open:
        return []
    line = DayOpened(recorded_at=recorded_at, date=day, by=by)
    refusal = book.refuse(line)
    if refusal is None and day > today + DAYS_AHEAD_MAX * A_DAY:
        refusal = Refusal(code=RefusalCode.DAY_TOO_EARLY)
    return refusal or [line]


def close_day(
    book: Book, day: date, *, today: date, recorded_at: int, by: str
) -> list[DayClosed] | Refusal:
    """The end of a business day, with what it came to.

    `today` is the clock's: where it keeps the days, none is closed before it has begun.
    """
    line = book.days.closing(day, recorded_at, by)
    refusal = book.refuse(line)
    if refusal is None and not book.days.by_command and day > today:
        refusal = Refusal(code=RefusalCode.DAY_TOO_EARLY)
    return refusal or [line]


def mark_period(
    book: Book, year: int, month: int, asked: AskedMark, *, recorded_at: int, by: str
) -> list[PeriodMarked] | Refusal:
    """A mark of a month, unless it has just that one."""
    if book.days.periods.get((year, month)) == asked.mark:
        return []
    late = book.days.late_in(year, month) if asked.mark == "preliminary" else []
    line = PeriodMarked(
        recorded_at=recorded_at,
        year=year,
        month=month,
        mark=asked.mark,
        by=by,
        act=act_of(asked.act),
        late=late or UNSET,
    )
    return book.refuse(line) or [line]


# ---- bounds: shown on the balance as the nature shows it, kept on credits minus debits

Bounds = tuple[int | UnsetType, int | UnsetType]

# Which side passes a soft bound, by the bound as the nature shows it: what is debited of a
# credit account brings its balance down, of a debit account up.
_SOFT: Final[Mapping[Nature, Mapping[SoftBounds, Side | None]]] = {
    Nature.CREDIT: {
        "none": None,
        "lower": Side.DEBIT,
        "upper": Side.CREDIT,
        "both": Side.BOTH,
    },
    Nature.DEBIT: {
        "none": None,
        "lower": Side.CREDIT,
        "upper": Side.DEBIT,
        "both": Side.BOTH,
    },
}


def soft_bounds(account: Account) -> SoftBounds:
    """Which bounds of an account may be passed, as its nature shows them."""
    return next(name for name, side in _SOFT[account.nature].items() if side == account.soft)


def _inside(nature: Nature, bounds: Bounds) -> Bounds:
    """A debit account's balance is shown turned round: bounds change places and sign.

    It is its own inverse.
    """
    lower, upper = bounds
    if nature is Nature.CREDIT:
        return lower, upper
    return (UNSET if upper is UNSET else -upper, UNSET if lower is UNSET else -lower)


def _bounds(asked: AskedAccount, scale: int) -> Bounds:
    return _bound(asked.lower_bound, scale), _bound(asked.upper_bound, scale)


def _changed_bounds(account: Account, asked: AskedChange | AskedLimits, scale: int) -> Bounds:
    shown = _inside(account.nature, (_unset(account.lower), _unset(account.upper)))
    lower = shown[0] if asked.lower_bound is UNSET else _bound(asked.lower_bound, scale)
    upper = shown[1] if asked.upper_bound is UNSET else _bound(asked.upper_bound, scale)
    return _inside(account.nature, (lower, upper))


def _bound(text: str, scale: int) -> int | UnsetType:
    return UNSET if text == NONE else parse_bound(text, scale)


def _unset(bound: int) -> int | UnsetType:
    return bound if abs(bound) <= AMOUNT_MAX else UNSET
