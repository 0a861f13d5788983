"""Open items: what is held back, and what waits in suspense for where it belongs."""

from collections.abc import Callable, Iterable
from heapq import nsmallest
from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.api.answers.base import Faces, show_time
from ledger.api.answers.transfers import HoldAnswer, HoldsPage, SuspenseAnswer, SuspensePage
from ledger.api.auth import Reach
from ledger.api.queries import PAGE, Limit
from ledger.api.service import Call, answer
from ledger.core.amounts import show_amount
from ledger.core.asked import Text
from ledger.core.book import Book
from ledger.core.holds import Hold
from ledger.core.suspense import Suspended

DAY_US = 86_400_000_000


class HoldsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those after a sequence; or only those that debit or credit an account."""

    after: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    account: Text | UnsetType = UNSET
    limit: Limit = PAGE


class SuspenseQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those after a sequence; or only those on one suspense account."""

    after: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    account: Text | UnsetType = UNSET
    limit: Limit = PAGE


async def get_holds(call: Call) -> web.Response:
    """Open holds in order of sequence. A poster sees those that touch its accounts."""
    query = call.query(HoldsQuery)

    def look(book: Book) -> list[tuple[int, Hold]]:
        holds = book.holds.open
        is_seen = _seen(book, call.reach, query.account)
        sequences = (
            sequence
            for sequence, hold in holds.items()
            if sequence > query.after and is_seen((hold.debit, hold.credit))
        )
        return [(n, holds[n]) for n in nsmallest(query.limit + 1, sequences)]

    found = await call.desk.read(call.ledger, look)
    page = found[: query.limit]
    faces = call.faces()
    holds = [_hold(faces, sequence, hold) for sequence, hold in page]
    return answer(HoldsPage(holds=holds, next=page[-1][0] if found != page else UNSET))


async def get_suspense(call: Call) -> web.Response:
    """What is not cleared, in order of sequence. A poster sees its own suspense accounts."""
    query = call.query(SuspenseQuery)

    def look(book: Book) -> list[tuple[int, Suspended]]:
        items = book.suspense.open
        is_seen = _seen(book, call.reach, query.account)
        sequences = (
            sequence
            for sequence, item in items.items()
            if sequence > query.after and is_seen((item.account,))
        )
        return [(n, items[n]) for n in nsmallest(query.limit + 1, sequences)]

    found = await call.desk.read(call.ledger, look)
    page = found[: query.limit]
    faces, now = call.faces(), int(call.service.now() * 1e6)
    items = [_suspended(faces, sequence, item, now) for sequence, item in page]
    return answer(SuspensePage(items=items, next=page[-1][0] if found != page else UNSET))


def _seen(book: Book, reach: Reach, only: str | UnsetType) -> Callable[[Iterable[int]], bool]:
    """Whether any of some accounts is the one asked for, and one the caller may read."""
    number = 0 if only is UNSET else book.numbers.get(only, -1)

    def is_seen(accounts: Iterable[int]) -> bool:
        return any(
            number in (0, account) and (reach.all or book.codes[account] in reach)
            for account in accounts
        )

    return is_seen


def _hold(faces: Faces, sequence: int, hold: Hold) -> HoldAnswer:
    debit, credit = faces[hold.debit], faces[hold.credit]
    return HoldAnswer(
        sequence=sequence,
        debit_account=debit.code,
        credit_account=credit.code,
        amount=show_amount(hold.amount, debit.scale),
        left=show_amount(hold.left, debit.scale),
        currency=debit.currency,
        expires=show_time(hold.expires),
    )


def _suspended(faces: Faces, sequence: int, item: Suspended, now: int) -> SuspenseAnswer:
    face = faces[item.account]
    return SuspenseAnswer(
        sequence=sequence,
        account=face.code,
        side=item.side,
        meant_for=faces[item.meant_for].code,
        why=item.why,
        left=show_amount(item.left, face.scale),
        currency=face.currency,
        since=show_time(item.since),
        age_days=max(0, now - item.since) // DAY_US,
    )
