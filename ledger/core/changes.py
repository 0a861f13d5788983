"""Changes of all but balances: what people asked, as lines that may follow, or a refusal.

Each function sees the book as it stands and returns the lines to record, none where all is
already as asked, so that asking again is safe.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from ledger.core.amounts import AMOUNT_MAX, parse_bound
from ledger.core.book import Book
from ledger.core.days import A_DAY, DAYS_AHEAD_MAX, hash_of
from ledger.core.lines import (
    RULES,
    TOTALS_SHOWN_MAX,
    AccountOpened,
    Act,
    CurrencyAdded,
    DayClosed,
    DayOpened,
    LimitChanged,
    Opening,
    PeriodMarked,
    SettingsChanged,
    StatusChanged,
)
from ledger.core.model import NO_LOWER, NO_UPPER, Account, DaysBy, Nature, Side, Status
from ledger.core.personal import looks_personal
from ledger.core.ports import (
    AskedAccount,
    AskedAct,
    AskedChange,
    AskedCurrency,
    AskedDays,
    AskedLedger,
    AskedMark,
    SoftBounds,
)
from ledger.core.refusals import Refusal, RefusalCode

NONE = "none"  # How people write that there is no bound.
HOLDER = 16  # Random bytes.
# How days are kept until somebody says otherwise; never written.
DAYS_BY_CLOCK: Final = SettingsChanged(recorded_at=0, by="-", days=DaysBy.CLOCK)


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
        line = AccountOpened(
            recorded_at=recorded_at,
            number=book.accounts + len(lines) + 1,
            code=one.code,
            currency=one.currency,
            nature=one.nature,
            kind=one.kind,
            holder=holders[HOLDER * position : HOLDER * (position + 1)],
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
        elif not _is_same(there, line):
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


def _is_same(there: Account, line: AccountOpened) -> bool:
    asked = as_opened(line)
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
    book: Book, code: str, asked: AskedChange, *, recorded_at: int, by: str
) -> list[LimitChanged | StatusChanged] | Refusal:
    """Bounds and status of an account; bounds first, so that a closed account has its last.

    Raises:
        MalformedAmount: a bound is no amount of the account's currency.
    """
    if code not in book.numbers:
        return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
    account = book.account(book.numbers[code])
    lines: list[LimitChanged | StatusChanged] = []
    bounds = _changed_bounds(account, asked, book.currencies[account.currency].scale)
    soft = account.soft
    if asked.soft_bounds is not UNSET:
        soft = _SOFT[account.nature][asked.soft_bounds]
    if (*bounds, soft) != (_unset(account.lower), _unset(account.upper), account.soft):
        lines.append(
            LimitChanged(
                recorded_at=recorded_at,
                account=account.number,
                reason=asked.reason,
                by=by,
                lower=bounds[0],
                upper=bounds[1],
                soft=UNSET if soft is None else soft,
            )
        )
    if asked.status is not UNSET and asked.status is not account.status:
        lines.append(
            StatusChanged(
                recorded_at=recorded_at,
                account=account.number,
                status=asked.status,
                reason=asked.reason,
                by=by,
            )
        )
    for line in lines:
        refusal = book.refuse(line)
        if refusal is not None:
            return refusal
    return lines


def as_changed(account: Account, line: LimitChanged | StatusChanged) -> Account:
    """An account as it stands when a change of it is recorded."""
    if isinstance(line, StatusChanged):
        return replace(account, status=line.status)
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
    totals = book.days.totals_of([day])
    line = DayClosed(
        recorded_at=recorded_at,
        date=day,
        by=by,
        count=sum(total.count for total in totals),
        totals=hash_of(totals),
        shown=totals[:TOTALS_SHOWN_MAX],
    )
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
    line = PeriodMarked(
        recorded_at=recorded_at,
        year=year,
        month=month,
        mark=asked.mark,
        by=by,
        act=act_of(asked.act),
    )
    return book.refuse(line) or [line]


def act_of(asked: AskedAct | UnsetType) -> Act | UnsetType:
    """The decision that a line cites."""
    if asked is UNSET:
        return UNSET
    return Act(number=asked.number, date=asked.date, hash=bytes.fromhex(asked.hash))


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


def _changed_bounds(account: Account, asked: AskedChange, scale: int) -> Bounds:
    shown = _inside(account.nature, (_unset(account.lower), _unset(account.upper)))
    lower = shown[0] if asked.lower_bound is UNSET else _bound(asked.lower_bound, scale)
    upper = shown[1] if asked.upper_bound is UNSET else _bound(asked.upper_bound, scale)
    return _inside(account.nature, (lower, upper))


def _bound(text: str, scale: int) -> int | UnsetType:
    return UNSET if text == NONE else parse_bound(text, scale)


def _unset(bound: int) -> int | UnsetType:
    return bound if abs(bound) <= AMOUNT_MAX else UNSET
