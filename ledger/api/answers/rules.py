"""Answers about a ledger's rules: levies, demurrage, fees, reserves, and what circulates."""

from datetime import date
from typing import Literal

from msgspec import UNSET, Struct, UnsetType, structs

from ledger.api.answers.base import Answer
from ledger.core.amounts import show_amount
from ledger.core.book import Book
from ledger.core.model import CurrencyKind, OneSide
from ledger.core.periods import Period
from ledger.core.rule_leaves import Demurrage, Fee, Levy, Reserve


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


class LeviesAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All levies, in the order of their codes, which is that in which they follow."""

    levies: list[LevyAnswer]


class DemurrageAnswer(Answer, frozen=True, kw_only=True):
    """The demurrage of a currency, for periods that begin on `since` or later."""

    currency: str
    since: date
    rate: RateAnswer | UnsetType = UNSET  # Absent: there is none from that day on.
    period: Period | UnsetType = UNSET
    exempt: str | UnsetType = UNSET
    account: str | UnsetType = UNSET
    spread: bool = False


class DemurrageStanding(DemurrageAnswer, frozen=True, kw_only=True):
    """A rule of demurrage and whether it is that of today."""

    standing: Literal["over", "in_force", "to_come"]


class DemurrageRules(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All rules of demurrage that a currency ever had, as they follow each other."""

    rules: list[DemurrageStanding]


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


# ---- making them


def levy_answer(book: Book, code: str, levy: Levy) -> LevyAnswer:
    currency = book.currency_of(levy.treasury)
    scale = book.scales[currency]
    return LevyAnswer(
        code=code,
        kinds=levy.kinds,
        payer=levy.payer,
        treasury=book.codes[levy.treasury],
        currency=currency,
        rate=RateAnswer(n=levy.n, d=levy.d),
        fixed=show_amount(levy.fixed, scale),
        minimum=show_amount(levy.minimum, scale),
        maximum=UNSET if levy.maximum is UNSET else show_amount(levy.maximum, scale),
    )


def demurrage_answer(
    book: Book, currency: str, since: date, rule: Demurrage | UnsetType
) -> DemurrageAnswer:
    if rule is UNSET:
        return DemurrageAnswer(currency=currency, since=since)
    return DemurrageAnswer(
        currency=currency,
        since=since,
        rate=RateAnswer(n=rule.n, d=rule.d),
        period=rule.period,
        exempt=show_amount(rule.exempt, book.scales[currency]),
        account=book.codes[rule.account],
        spread=rule.spread,
    )


def demurrage_rules(book: Book, currency: str, today: date) -> DemurrageRules | None:
    """What a currency had, has and will have; None where it never had any."""
    history = book.demurrages.history.get(currency)
    if not history:
        return None
    shown = [demurrage_answer(book, currency, *each) for each in history]
    now = max((one.since for one in shown if one.since <= today), default=date.min)

    def standing(one: DemurrageAnswer) -> DemurrageStanding:
        past: Literal["over", "in_force"] = "over" if one.since < now else "in_force"
        return DemurrageStanding(
            **structs.asdict(one), standing=past if one.since <= now else "to_come"
        )

    return DemurrageRules(rules=list(map(standing, shown)))


def fee_answer(book: Book, code: str, fee: Fee) -> FeeAnswer:
    return FeeAnswer(
        code=code,
        amount=show_amount(fee.amount, book.scales[fee.currency]),
        currency=fee.currency,
        kinds=fee.kinds,
        period=fee.period,
        treasury=book.codes[fee.treasury],
        since=fee.since,
    )


def reserve_answer(book: Book, currency: str, rule: Reserve) -> ReserveAnswer:
    return ReserveAnswer(
        currency=currency,
        issuer=book.codes[rule.issuer],
        reserve=book.codes[rule.reserve],
        ratio=RateAnswer(n=rule.n, d=rule.d),
    )
