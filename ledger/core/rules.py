"""Rules of a ledger as people set them: codes and decimals, turned into the lines to record.

Each function sees the book as it stands and returns the lines, none where the rule is already
so, and beside them the rule; or why it cannot be set.
"""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Final, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.core.amounts import AMOUNT_MAX, Amount, parse_amount, parse_bound
from ledger.core.asked import AskedAct, AskedRun
from ledger.core.book import Book
from ledger.core.changes import act_of
from ledger.core.faults import MalformedAmount, MalformedRequest
from ledger.core.leaves import AnyLeaf
from ledger.core.lines import Rate
from ledger.core.model import DATE_MIN, AccountCode, CurrencyCode, OneSide, Word
from ledger.core.periods import Period
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import (
    Demurrage,
    DemurrageSet,
    Fee,
    FeeSet,
    Levy,
    LevySet,
    Reserve,
    ReserveSet,
)

AmountText = Annotated[str, Meta(max_length=24)]
T = TypeVar("T")

SINCE_MAX: Final = date(9990, 12, 31)

Kinds = Annotated[list[Word], Meta(min_length=1, max_length=64)]


class AskedRate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of an amount, exactly: `n` of `d`."""

    n: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
    d: Amount


NO_RATE = AskedRate(n=0, d=1)


class AskedLevy(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A levy on transfers of some kinds: what `payer` pays to `treasury` in the same entry.

    Amounts are decimals of the treasury's currency; transfers in others are not levied. The
    rate's part is rounded half to even.
    """

    kinds: Kinds
    treasury: AccountCode
    payer: OneSide
    reason: Word
    rate: AskedRate = NO_RATE
    fixed: AmountText = "0"
    minimum: AmountText = "0"
    maximum: AmountText | UnsetType = UNSET
    act: AskedAct | UnsetType = UNSET


class AskedDemurrage(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """The demurrage of a currency for periods that begin on `since` or later.

    `rate` a period on what stands above `exempt`; `account` collects it. With `spread` what a
    run collected is divided over the members.
    """

    rate: AskedRate
    period: Period
    account: AccountCode
    since: date
    reason: Word
    exempt: AmountText = "0"
    spread: bool = False
    act: AskedAct | UnsetType = UNSET


class AskedFee(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What accounts of some kinds pay each period that begins on `since` or later."""

    amount: AmountText
    currency: CurrencyCode
    kinds: Kinds
    period: Period
    treasury: AccountCode
    since: date
    reason: Word
    act: AskedAct | UnsetType = UNSET


class AskedReserve(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What backs a currency: in circulation is at most `ratio` of what `reserve` has.

    In circulation is what was issued from `issuer` and is not back there.
    """

    issuer: AccountCode
    reserve: AccountCode
    ratio: Rate
    reason: Word
    act: AskedAct | UnsetType = UNSET


def set_levy(
    book: Book, code: str, asked: AskedLevy, *, recorded_at: int, by: str
) -> tuple[Sequence[AnyLeaf], Levy] | Refusal:
    """A levy from now on, unless it is so already.

    Raises:
        MalformedAmount: an amount is none of the treasury's currency.
    """
    treasury = book.numbers.get(asked.treasury)
    if treasury is None:
        return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
    scale = book.scales[book.currency_of(treasury)]
    levy = Levy(
        kinds=sorted(set(asked.kinds)),
        treasury=treasury,
        payer=asked.payer,
        n=asked.rate.n,
        d=asked.rate.d,
        fixed=not_negative("fixed", asked.fixed, scale),
        minimum=not_negative("minimum", asked.minimum, scale),
        maximum=UNSET
        if asked.maximum is UNSET
        else not_negative("maximum", asked.maximum, scale),
    )
    if levy.maximum == 0:
        raise MalformedAmount("0", "a levy of at most nothing", field="maximum")
    line = LevySet(
        recorded_at=recorded_at,
        code=code,
        by=by,
        reason=asked.reason,
        levy=levy,
        act=act_of(asked.act),
    )
    return _unless_so(book, line, levy, book.levies.rules.get(code))


def remove_levy(
    book: Book, code: str, reason: str, *, recorded_at: int, by: str
) -> tuple[Sequence[AnyLeaf], Levy] | Refusal:
    """No such levy from now on; beside the line, what it was."""
    line = LevySet(recorded_at=recorded_at, code=code, by=by, reason=reason)
    return book.refuse(line) or ([line], book.levies.rules[code])


def set_demurrage(
    book: Book, currency: str, asked: AskedDemurrage, *, recorded_at: int, by: str
) -> tuple[Sequence[AnyLeaf], DemurrageSet] | Refusal:
    """Demurrage for periods from a day on, unless it is so already.

    Raises:
        MalformedAmount: the exempt amount is none of the currency.
    """
    if currency not in book.currencies:
        return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND)
    if asked.account not in book.numbers:
        return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
    rule = Demurrage(
        account=book.numbers[asked.account],
        n=asked.rate.n,
        d=asked.rate.d,
        period=asked.period,
        exempt=not_negative("exempt", asked.exempt, book.scales[currency]),
        spread=asked.spread,
    )
    line = DemurrageSet(
        recorded_at=recorded_at,
        currency=currency,
        since=_day("since", asked.since),
        by=by,
        reason=asked.reason,
        rule=rule,
        act=act_of(asked.act),
    )
    if book.demurrages.rule(currency) == (asked.since, rule):
        return [], line
    return book.refuse(line) or ([line], line)


def remove_demurrage(
    book: Book, currency: str, reason: str, since: date, *, recorded_at: int, by: str
) -> tuple[Sequence[AnyLeaf], DemurrageSet] | Refusal:
    """No demurrage for periods from a day on; what was owed before stays owed."""
    line = DemurrageSet(
        recorded_at=recorded_at,
        currency=currency,
        since=_day("since", since),
        by=by,
        reason=reason,
    )
    return book.refuse(line) or ([line], line)


def set_fee(
    book: Book, code: str, asked: AskedFee, *, recorded_at: int, by: str
) -> tuple[Sequence[AnyLeaf], Fee] | Refusal:
    """A fee from now on, unless it is so already.

    Raises:
        MalformedAmount: the amount is none of the currency.
    """
    if asked.currency not in book.currencies:
        return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND)
    if asked.treasury not in book.numbers:
        return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
    fee = Fee(
        amount=parse_amount(asked.amount, book.scales[asked.currency]),
        currency=asked.currency,
        kinds=sorted(set(asked.kinds)),
        period=asked.period,
        since=_day("since", asked.since),
        treasury=book.numbers[asked.treasury],
    )
    line = FeeSet(
        recorded_at=recorded_at,
        code=code,
        by=by,
        reason=asked.reason,
        fee=fee,
        act=act_of(asked.act),
    )
    return _unless_so(book, line, fee, book.fees.rules.get(code))


def remove_fee(
    book: Book, code: str, reason: str, *, recorded_at: int, by: str
) -> tuple[Sequence[AnyLeaf], Fee] | Refusal:
    """No such fee from now on; beside the line, what it was."""
    line = FeeSet(recorded_at=recorded_at, code=code, by=by, reason=reason)
    return book.refuse(line) or ([line], book.fees.rules[code])


def set_reserve(
    book: Book, currency: str, asked: AskedReserve, *, recorded_at: int, by: str
) -> tuple[Sequence[AnyLeaf], Reserve] | Refusal:
    """What backs a currency from now on, unless it is so already."""
    if asked.issuer not in book.numbers or asked.reserve not in book.numbers:
        return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
    rule = Reserve(
        issuer=book.numbers[asked.issuer],
        reserve=book.numbers[asked.reserve],
        n=asked.ratio.n,
        d=asked.ratio.d,
    )
    line = ReserveSet(
        recorded_at=recorded_at,
        currency=currency,
        by=by,
        reason=asked.reason,
        rule=rule,
        act=act_of(asked.act),
    )
    return _unless_so(book, line, rule, book.reserves.rules.get(currency))


def remove_reserve(
    book: Book, currency: str, reason: str, *, recorded_at: int, by: str
) -> tuple[Sequence[AnyLeaf], Reserve] | Refusal:
    """Nothing backs a currency from now on; beside the line, what did."""
    line = ReserveSet(recorded_at=recorded_at, currency=currency, by=by, reason=reason)
    return book.refuse(line) or ([line], book.reserves.rules[currency])


def _unless_so(
    book: Book, line: AnyLeaf, rule: T, now: T | None
) -> tuple[Sequence[AnyLeaf], T] | Refusal:
    """The line that sets a rule, none where it is the rule now, and beside it the rule."""
    return ([], rule) if rule == now else book.refuse(line) or ([line], rule)


def _day(field: str, day: date) -> date:
    """A day that periods can begin with; the last ones have no end."""
    if not DATE_MIN <= day <= SINCE_MAX:
        raise MalformedRequest("a day before 1970 or after 9990", field=field)
    return day


def not_negative(field: str, text: str, scale: int) -> int:
    """A decimal that is zero or above, as minor units.

    Raises:
        MalformedAmount: it is none.
    """
    try:
        amount = parse_bound(text, scale)
    except MalformedAmount as fault:
        raise MalformedAmount(*fault.facts, field=field) from None
    if amount < 0:
        raise MalformedAmount(text, "below zero", field=field)
    return amount


BODIES: Final[tuple[type[Struct], ...]] = (
    AskedLevy,
    AskedDemurrage,
    AskedFee,
    AskedReserve,
    AskedRun,
)
