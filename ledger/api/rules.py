"""Rules of a ledger over HTTP: what is asked for, read, set and removed."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from typing import TypeVar

from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from ledger.api.accounts import NoQuery
from ledger.api.answers import (
    CirculationAnswer,
    CirculationLine,
    DemurrageAnswer,
    DryRun,
    FeeAnswer,
    FeesAnswer,
    LeviesAnswer,
    LevyAnswer,
    RateAnswer,
    ReserveAnswer,
)
from ledger.api.posting import WriteQuery
from ledger.api.problems import Problem
from ledger.api.receipts import refusal_problem
from ledger.api.service import Call, answer
from ledger.api.wire import decode, read_body
from ledger.core import rules
from ledger.core.amounts import show_amount
from ledger.core.answered import RunReport
from ledger.core.asked import AskedRun
from ledger.core.book import Book
from ledger.core.leaves import AnyLeaf
from ledger.core.model import Currency, Word
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import Demurrage, DemurrageSet, Fee, Levy, Reserve
from ledger.core.rules import AskedDemurrage, AskedFee, AskedLevy, AskedReserve

T = TypeVar("T")
S = TypeVar("S", bound=Struct)


class RemoveQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it is removed, as a code that stays in the journal."""

    reason: Word
    dry_run: bool = False


class EndQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it ends, as a code that stays in the journal, and from which day on."""

    reason: Word
    since: date
    dry_run: bool = False


async def asked_as(call: Call, kind: type[S]) -> S:
    """A small body, decoded."""
    settings = call.service.settings
    data = await read_body(call.request, settings.body_size_max, settings.body_seconds_max)
    return decode(data, kind)


async def changed(
    call: Call,
    build: Callable[[Book, int], tuple[Sequence[AnyLeaf], T] | Refusal],
    dry_run: bool,
) -> T:
    """Carry a change of a rule out, or only look; a refusal is raised."""
    work = call.desk.change_rule(call.ledger, build, dry_run=dry_run)
    outcome = await call.service.undisturbed(work)
    if isinstance(outcome, Refusal):
        raise refusal_problem(call, outcome)
    return outcome


def code_of(call: Call) -> str:
    """The code in the path, once it is shown to be one."""
    code = call.part("code")
    if not rules.is_word(code):
        raise Problem("malformed_request", field="code", reason="not a code of a rule")
    return code


# ---- levies


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


async def get_levies(call: Call) -> web.Response:
    """All levies of the ledger."""
    call.query(NoQuery)

    def look(book: Book) -> list[LevyAnswer]:
        return [levy_answer(book, *each) for each in sorted(book.levies.rules.items())]

    return answer(LeviesAnswer(levies=await call.desk.read(call.ledger, look)))


async def get_levy(call: Call) -> web.Response:
    """One levy."""
    call.query(NoQuery)
    code = code_of(call)

    def look(book: Book) -> LevyAnswer | None:
        levy = book.levies.rules.get(code)
        return None if levy is None else levy_answer(book, code, levy)

    found = await call.desk.read(call.ledger, look)
    if found is None:
        raise Problem(RefusalCode.LEVY_NOT_FOUND)
    return answer(found)


async def put_levy(call: Call) -> web.Response:
    """Set a levy from now on. What is so already is not written again."""
    code, asked = code_of(call), await asked_as(call, AskedLevy)
    dry_run = call.query(WriteQuery).dry_run

    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], Levy] | Refusal:
        return rules.set_levy(book, code, asked, recorded_at=now, by=call.caller.key)

    levy = await changed(call, build, dry_run)
    shown = levy_answer(call.desk.facts(call.ledger), code, levy)
    return answer(DryRun(dry_run=True, levy=shown) if dry_run else shown)


async def delete_levy(call: Call) -> web.Response:
    """Remove a levy. What was levied stays where it is."""
    code, query = code_of(call), call.query(RemoveQuery)

    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], Levy] | Refusal:
        return rules.remove_levy(book, code, query.reason, recorded_at=now, by=call.caller.key)

    levy = await changed(call, build, query.dry_run)
    if query.dry_run:
        shown = levy_answer(call.desk.facts(call.ledger), code, levy)
        return answer(DryRun(dry_run=True, levy=shown))
    return web.Response(status=204)


# ---- demurrage


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


async def get_demurrage(call: Call) -> web.Response:
    """The demurrage of a currency that was set last."""
    call.query(NoQuery)
    currency = call.part("code")

    def look(book: Book) -> DemurrageAnswer | None:
        there = book.demurrages.rule(currency)
        return None if there is None else demurrage_answer(book, currency, *there)

    found = await call.desk.read(call.ledger, look)
    if found is None:
        raise Problem(RefusalCode.DEMURRAGE_NOT_FOUND)
    return answer(found)


async def put_demurrage(call: Call) -> web.Response:
    """Set the demurrage of a currency for periods from a day on."""
    currency, asked = call.part("code"), await asked_as(call, AskedDemurrage)
    dry_run = call.query(WriteQuery).dry_run

    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], DemurrageSet] | Refusal:
        return rules.set_demurrage(book, currency, asked, recorded_at=now, by=call.caller.key)

    line = await changed(call, build, dry_run)
    shown = demurrage_answer(call.desk.facts(call.ledger), currency, line.since, line.rule)
    return answer(DryRun(dry_run=True, demurrage=shown) if dry_run else shown)


async def delete_demurrage(call: Call) -> web.Response:
    """End the demurrage of a currency from a day on. What was owed before stays owed."""
    currency, query = call.part("code"), call.query(EndQuery)

    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], DemurrageSet] | Refusal:
        return rules.remove_demurrage(
            book, currency, query.reason, query.since, recorded_at=now, by=call.caller.key
        )

    line = await changed(call, build, query.dry_run)
    if query.dry_run:
        shown = demurrage_answer(call.desk.facts(call.ledger), currency, line.since, UNSET)
        return answer(DryRun(dry_run=True, demurrage=shown))
    return web.Response(status=204)


async def post_demurrage_run(call: Call) -> web.Response:
    """Charge what is owed up to the end of a period. Done again, nothing is charged twice."""
    runs = call.service.runs
    if runs is None:
        raise Problem("not_ready")
    asked, dry_run = await asked_as(call, AskedRun), call.query(WriteQuery).dry_run
    work = runs.demurrage(call.ledger, call.part("code"), asked, call.caller, dry_run=dry_run)
    return _reported(call, await call.service.undisturbed(work), dry_run)


def _reported(call: Call, outcome: RunReport | Refusal, dry_run: bool) -> web.Response:
    if isinstance(outcome, Refusal):
        raise refusal_problem(call, outcome)
    return answer(DryRun(dry_run=True, run=outcome) if dry_run else outcome)


# ---- fees


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


async def get_fees(call: Call) -> web.Response:
    """All fees of the ledger."""
    call.query(NoQuery)

    def look(book: Book) -> list[FeeAnswer]:
        return [fee_answer(book, *each) for each in sorted(book.fees.rules.items())]

    return answer(FeesAnswer(fees=await call.desk.read(call.ledger, look)))


async def get_fee(call: Call) -> web.Response:
    """One fee."""
    call.query(NoQuery)
    code = code_of(call)

    def look(book: Book) -> FeeAnswer | None:
        fee = book.fees.rules.get(code)
        return None if fee is None else fee_answer(book, code, fee)

    found = await call.desk.read(call.ledger, look)
    if found is None:
        raise Problem(RefusalCode.FEE_NOT_FOUND)
    return answer(found)


async def put_fee(call: Call) -> web.Response:
    """Set a fee from now on. It is charged by its runs."""
    code, asked = code_of(call), await asked_as(call, AskedFee)
    dry_run = call.query(WriteQuery).dry_run

    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], Fee] | Refusal:
        return rules.set_fee(book, code, asked, recorded_at=now, by=call.caller.key)

    fee = await changed(call, build, dry_run)
    shown = fee_answer(call.desk.facts(call.ledger), code, fee)
    return answer(DryRun(dry_run=True, fee=shown) if dry_run else shown)


async def delete_fee(call: Call) -> web.Response:
    """Remove a fee. What was paid stays where it is."""
    code, query = code_of(call), call.query(RemoveQuery)

    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], Fee] | Refusal:
        return rules.remove_fee(book, code, query.reason, recorded_at=now, by=call.caller.key)

    fee = await changed(call, build, query.dry_run)
    if query.dry_run:
        shown = fee_answer(call.desk.facts(call.ledger), code, fee)
        return answer(DryRun(dry_run=True, fee=shown))
    return web.Response(status=204)


async def post_fee_run(call: Call) -> web.Response:
    """Charge a fee for a period, and what could not be paid before. Nobody pays it twice."""
    runs = call.service.runs
    if runs is None:
        raise Problem("not_ready")
    code, asked = code_of(call), await asked_as(call, AskedRun)
    dry_run = call.query(WriteQuery).dry_run
    work = runs.fee(call.ledger, code, asked, call.caller, dry_run=dry_run)
    return _reported(call, await call.service.undisturbed(work), dry_run)


# ---- reserves and circulation


def reserve_answer(book: Book, currency: str, rule: Reserve) -> ReserveAnswer:
    return ReserveAnswer(
        currency=currency,
        issuer=book.codes[rule.issuer],
        reserve=book.codes[rule.reserve],
        ratio=RateAnswer(n=rule.n, d=rule.d),
    )


async def get_reserve(call: Call) -> web.Response:
    """What backs a currency."""
    call.query(NoQuery)
    currency = call.part("code")

    def look(book: Book) -> ReserveAnswer | None:
        rule = book.reserves.rules.get(currency)
        return None if rule is None else reserve_answer(book, currency, rule)

    found = await call.desk.read(call.ledger, look)
    if found is None:
        raise Problem(RefusalCode.RESERVE_NOT_FOUND)
    return answer(found)


async def put_reserve(call: Call) -> web.Response:
    """Set what backs a currency. What is in circulation already stays."""
    currency, asked = call.part("code"), await asked_as(call, AskedReserve)
    dry_run = call.query(WriteQuery).dry_run

    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], Reserve] | Refusal:
        return rules.set_reserve(book, currency, asked, recorded_at=now, by=call.caller.key)

    rule = await changed(call, build, dry_run)
    shown = reserve_answer(call.desk.facts(call.ledger), currency, rule)
    return answer(DryRun(dry_run=True, reserve=shown) if dry_run else shown)


async def delete_reserve(call: Call) -> web.Response:
    """Let a currency be issued without a reserve."""
    currency, query = call.part("code"), call.query(RemoveQuery)

    def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], Reserve] | Refusal:
        return rules.remove_reserve(
            book, currency, query.reason, recorded_at=now, by=call.caller.key
        )

    rule = await changed(call, build, query.dry_run)
    if query.dry_run:
        shown = reserve_answer(call.desk.facts(call.ledger), currency, rule)
        return answer(DryRun(dry_run=True, reserve=shown))
    return web.Response(status=204)


ADDED_AT_ONCE = 20_000  # Balances, before others get their turn.


async def get_circulation(call: Call) -> web.Response:
    """What of each currency was issued, and the credit outstanding, which is the same."""
    call.query(NoQuery)

    def look(book: Book) -> tuple[list[int], list[Currency], dict[str, dict[str, str]]]:
        backed = {code: _backing(book, rule) for code, rule in book.reserves.rules.items()}
        return book.balance.copy(), list(book.currencies.values()), backed

    balances, currencies, backed = await call.desk.read(call.ledger, look)
    number_of = call.desk.facts(call.ledger).currency_number
    above, below = [0] * len(currencies), [0] * len(currencies)
    for number in range(1, len(balances)):
        balance = balances[number]
        (above if balance > 0 else below)[number_of(number)] += balance
        if number % ADDED_AT_ONCE == 0:
            await asyncio.sleep(0)
    lines = [
        CirculationLine(
            currency=currency.code,
            kind=currency.kind,
            issued=show_amount(above[currency.number], currency.scale),
            credit_outstanding=show_amount(-below[currency.number], currency.scale),
            balanced=above[currency.number] + below[currency.number] == 0,
            **backed.get(currency.code, {}),
        )
        for currency in currencies
    ]
    return answer(CirculationAnswer(currencies=lines))


def _backing(book: Book, rule: Reserve) -> dict[str, str]:
    reserves = book.reserves
    issued, kept = book.currency_of(rule.issuer), book.currency_of(rule.reserve)
    circulation, reserve = reserves.circulation(rule), reserves.in_reserve(rule)
    headroom = max(0, reserves.headroom(rule))
    return {
        "circulation": show_amount(circulation, book.scales[issued]),
        "in_reserve": show_amount(reserve, book.scales[kept]),
        "reserve_currency": kept,
        "headroom": show_amount(headroom, book.scales[issued]),
    }
