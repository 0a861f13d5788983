"""Rules of a ledger over HTTP: what is asked for, read, set and removed."""

import asyncio
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec
from aiohttp import web
from msgspec import UNSET, Struct

from ledger.api.answers.base import Answer
from ledger.api.answers.dry_run import DryRun
from ledger.api.answers.rules import (
    CirculationAnswer,
    CirculationLine,
    FeeAnswer,
    FeesAnswer,
    LeviesAnswer,
    LevyAnswer,
    demurrage_answer,
    demurrage_rules,
    fee_answer,
    levy_answer,
    reserve_answer,
)
from ledger.api.changing import changed, found, was_removed, was_set
from ledger.api.problems import Problem
from ledger.api.queries import EndQuery, NoQuery, RemoveQuery, WriteQuery
from ledger.api.receipts import refusal_problem
from ledger.api.service import Call, answer
from ledger.core import rules
from ledger.core.amounts import show_amount
from ledger.core.answered import RunReport
from ledger.core.asked import AskedRun
from ledger.core.book import Book
from ledger.core.leaves import AnyLeaf
from ledger.core.model import Currency, Word
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import DemurrageSet, Fee, Levy, LevyCode, Reserve
from ledger.core.rules import AskedDemurrage, AskedFee, AskedLevy, AskedReserve

A = TypeVar("A", bound=Struct)
R = TypeVar("R")
Changed = tuple[Sequence[AnyLeaf], R] | Refusal

ADDED_AT_ONCE: Final = 20_000  # Balances, before others get their turn.


def code_of(call: Call) -> str:
    """The code in the path, once it is shown to be one."""
    return _code_as(call, Word)


def levy_code_of(call: Call) -> str:
    """The same of a levy, whose code is the kind of the rows it makes."""
    return _code_as(call, LevyCode)


def _code_as(call: Call, kind: Any) -> str:
    try:
        code: str = msgspec.convert(call.part("code"), kind)
    except msgspec.ValidationError:
        reason = "not a code of a rule"
        raise Problem("malformed_request", field="code", reason=reason) from None
    return code


def currency_of(call: Call) -> str:
    """The currency in the path, whether or not there is one."""
    return call.part("code")


@dataclass(frozen=True, slots=True)
class Rule(Generic[A, R]):
    """A kind of rule of which each code or each currency has at most one."""

    name: str  # In the answer to a dry run.
    missing: RefusalCode
    code_of: Callable[[Call], str]
    in_book: Callable[[Book], Mapping[str, R]]
    show: Callable[[Book, str, R], Answer]
    asked: type[A]
    set_rule: Callable[..., Changed[R]]  # Of core/rules.py.
    remove_rule: Callable[..., Changed[R]]

    async def get(self, call: Call) -> web.Response:
        """The rule in the path, as it is."""
        call.query(NoQuery)
        code = self.code_of(call)

        def look(book: Book) -> Answer | None:
            rule = self.in_book(book).get(code)
            return None if rule is None else self.show(book, code, rule)

        return await found(call, look, self.missing)

    async def put(self, call: Call) -> web.Response:
        """Set the rule in the path to what the body says."""
        code, asked = self.code_of(call), await call.asked(self.asked)
        dry_run = call.query(WriteQuery).dry_run

        def build(book: Book, now: int) -> Changed[R]:
            return self.set_rule(book, code, asked, recorded_at=now, by=call.caller.key)

        rule = await changed(call, build, dry_run)
        shown = self.show(call.desk.facts(call.ledger), code, rule)
        return was_set(self.name, shown, dry_run)

    async def delete(self, call: Call) -> web.Response:
        """Remove the rule in the path."""
        code, query = self.code_of(call), call.query(RemoveQuery)

        def build(book: Book, now: int) -> Changed[R]:
            return self.remove_rule(
                book, code, query.reason, recorded_at=now, by=call.caller.key
            )

        rule = await changed(call, build, query.dry_run)
        shown = self.show(call.desk.facts(call.ledger), code, rule)
        return was_removed(self.name, shown, query.dry_run)


LEVY: Final[Rule[AskedLevy, Levy]] = Rule(
    name="levy",
    missing=RefusalCode.LEVY_NOT_FOUND,
    code_of=levy_code_of,
    in_book=lambda book: book.levies.rules,
    show=levy_answer,
    asked=AskedLevy,
    set_rule=rules.set_levy,
    remove_rule=rules.remove_levy,
)
FEE: Final[Rule[AskedFee, Fee]] = Rule(
    name="fee",
    missing=RefusalCode.FEE_NOT_FOUND,
    code_of=code_of,
    in_book=lambda book: book.fees.rules,
    show=fee_answer,
    asked=AskedFee,
    set_rule=rules.set_fee,
    remove_rule=rules.remove_fee,
)
RESERVE: Final[Rule[AskedReserve, Reserve]] = Rule(
    name="reserve",
    missing=RefusalCode.RESERVE_NOT_FOUND,
    code_of=currency_of,
    in_book=lambda book: book.reserves.rules,
    show=reserve_answer,
    asked=AskedReserve,
    set_rule=rules.set_reserve,
    remove_rule=rules.remove_reserve,
)


# ---- levies


async def get_levies(call: Call) -> web.Response:
    """All levies of the ledger."""
    call.query(NoQuery)

    def look(book: Book) -> list[LevyAnswer]:
        return [levy_answer(book, *each) for each in sorted(book.levies.rules.items())]

    return answer(LeviesAnswer(levies=await call.desk.read(call.ledger, look)))


async def get_levy(call: Call) -> web.Response:
    """One levy."""
    return await LEVY.get(call)


async def put_levy(call: Call) -> web.Response:
    """Set a levy from now on. What is so already is not written again."""
    return await LEVY.put(call)


async def delete_levy(call: Call) -> web.Response:
    """Remove a levy. What was levied stays where it is."""
    return await LEVY.delete(call)


# ---- demurrage


async def get_demurrage(call: Call) -> web.Response:
    """All rules of demurrage of a currency, and which of them is today's."""
    call.query(NoQuery)
    currency, today = currency_of(call), call.desk.today(call.ledger)
    return await found(
        call,
        lambda book: demurrage_rules(book, currency, today),
        RefusalCode.DEMURRAGE_NOT_FOUND,
    )


async def put_demurrage(call: Call) -> web.Response:
    """Set the demurrage of a currency for periods from a day on."""
    currency, asked = currency_of(call), await call.asked(AskedDemurrage)
    dry_run = call.query(WriteQuery).dry_run

    def build(book: Book, now: int) -> Changed[DemurrageSet]:
        return rules.set_demurrage(book, currency, asked, recorded_at=now, by=call.caller.key)

    line = await changed(call, build, dry_run)
    shown = demurrage_answer(call.desk.facts(call.ledger), currency, line.since, line.rule)
    return was_set("demurrage", shown, dry_run)


async def delete_demurrage(call: Call) -> web.Response:
    """End the demurrage of a currency from a day on. What was owed before stays owed."""
    currency, query = currency_of(call), call.query(EndQuery)

    def build(book: Book, now: int) -> Changed[DemurrageSet]:
        return rules.remove_demurrage(
            book, currency, query.reason, query.since, recorded_at=now, by=call.caller.key
        )

    line = await changed(call, build, query.dry_run)
    shown = demurrage_answer(call.desk.facts(call.ledger), currency, line.since, UNSET)
    return was_removed("demurrage", shown, query.dry_run)


async def post_demurrage_run(call: Call) -> web.Response:
    """Charge what is owed up to the end of a period. Done again, nothing is charged twice."""
    runs = call.service.runs
    if runs is None:
        raise Problem("not_ready")
    asked, dry_run = await call.asked(AskedRun), call.query(WriteQuery).dry_run
    work = runs.demurrage(call.ledger, call.part("code"), asked, call.caller, dry_run=dry_run)
    return _reported(call, await call.service.undisturbed(work), dry_run)


def _reported(call: Call, outcome: RunReport | Refusal, dry_run: bool) -> web.Response:
    if isinstance(outcome, Refusal):
        raise refusal_problem(call, outcome)
    return answer(DryRun(dry_run=True, run=outcome) if dry_run else outcome)


# ---- fees


async def get_fees(call: Call) -> web.Response:
    """All fees of the ledger."""
    call.query(NoQuery)

    def look(book: Book) -> list[FeeAnswer]:
        return [fee_answer(book, *each) for each in sorted(book.fees.rules.items())]

    return answer(FeesAnswer(fees=await call.desk.read(call.ledger, look)))


async def get_fee(call: Call) -> web.Response:
    """One fee."""
    return await FEE.get(call)


async def put_fee(call: Call) -> web.Response:
    """Set a fee from now on. It is charged by its runs."""
    return await FEE.put(call)


async def delete_fee(call: Call) -> web.Response:
    """Remove a fee. What was paid stays where it is."""
    return await FEE.delete(call)


async def post_fee_run(call: Call) -> web.Response:
    """Charge a fee for a period, and what could not be paid before. Nobody pays it twice."""
    runs = call.service.runs
    if runs is None:
        raise Problem("not_ready")
    code, asked = code_of(call), await call.asked(AskedRun)
    dry_run = call.query(WriteQuery).dry_run
    work = runs.fee(call.ledger, code, asked, call.caller, dry_run=dry_run)
    return _reported(call, await call.service.undisturbed(work), dry_run)


# ---- reserves and circulation


async def get_reserve(call: Call) -> web.Response:
    """What backs a currency."""
    return await RESERVE.get(call)


async def put_reserve(call: Call) -> web.Response:
    """Set what backs a currency. What is in circulation already stays."""
    return await RESERVE.put(call)


async def delete_reserve(call: Call) -> web.Response:
    """Let a currency be issued without a reserve."""
    return await RESERVE.delete(call)


async def get_circulation(call: Call) -> web.Response:
    """What of each currency was issued, and the credit outstanding, which is the same."""
    call.query(NoQuery)

    def look(book: Book) -> "tuple[array[int], list[Currency], dict[str, dict[str, str]]]":
        backed = {code: _backing(book, rule) for code, rule in book.reserves.rules.items()}
        return book.balance[:], list(book.currencies.values()), backed

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
