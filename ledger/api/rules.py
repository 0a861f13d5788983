"""Rules of a ledger over HTTP: what is asked for, read, set and removed."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from aiohttp import web
from msgspec import UNSET, Struct

from ledger.api.accounts import NoQuery
from ledger.api.answers import DryRun, LeviesAnswer, LevyAnswer, RateAnswer
from ledger.api.posting import WriteQuery
from ledger.api.problems import Problem
from ledger.api.receipts import refusal_problem
from ledger.api.service import Call, answer
from ledger.api.wire import decode, read_body
from ledger.core import rules
from ledger.core.amounts import show_amount
from ledger.core.book import Book
from ledger.core.lines import AnyLeaf, Levy
from ledger.core.model import Word
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rules import AskedLevy

T = TypeVar("T")
S = TypeVar("S", bound=Struct)


class RemoveQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it is removed, as a code that stays in the journal."""

    reason: Word
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
