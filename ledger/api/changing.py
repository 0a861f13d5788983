"""Changes over HTTP of what stands under a code: carried out or only tried, and answered."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from aiohttp import web
from msgspec import Struct

from ledger.api.answers.dry_run import DryRun
from ledger.api.problems import Problem
from ledger.api.receipts import refusal_problem
from ledger.api.service import Call, answer
from ledger.core.book import Book
from ledger.core.leaves import AnyLeaf
from ledger.core.refusals import Refusal, RefusalCode

T = TypeVar("T")


async def found(
    call: Call, look: Callable[[Book], Struct | None], missing: RefusalCode
) -> web.Response:
    """Answer what a look finds in the book; raise Problem where it finds nothing."""
    seen = await call.desk.read(call.ledger, look)
    if seen is None:
        raise Problem(missing)
    return answer(seen)


async def changed(
    call: Call,
    build: Callable[[Book, int], tuple[Sequence[AnyLeaf], T] | Refusal],
    dry_run: bool,
) -> T:
    """Carry a change out, or only look; a refusal is raised."""
    work = call.desk.change_rule(call.ledger, build, dry_run=dry_run)
    outcome = await call.service.undisturbed(work)
    if isinstance(outcome, Refusal):
        raise refusal_problem(call, outcome)
    return outcome


def was_set(name: str, shown: Struct, dry_run: bool) -> web.Response:
    """Answer what is so from now on, or would be."""
    return _would_be(name, shown) if dry_run else answer(shown)


def was_removed(name: str, shown: Struct, dry_run: bool) -> web.Response:
    """Answer that it is no more; what it is, where it would be removed."""
    return _would_be(name, shown) if dry_run else web.Response(status=204)


def _would_be(name: str, shown: Struct) -> web.Response:
    fields: dict[str, Any] = {name: shown}
    return answer(DryRun(dry_run=True, **fields))
