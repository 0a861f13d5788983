"""Disputes over HTTP: a transfer is contested, and later an outcome ends that."""

from heapq import nsmallest
from typing import Annotated, Literal, TypeVar

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.api.answers.base import show_time
from ledger.api.answers.transfers import DisputeAnswer
from ledger.api.queries import PAGE, Limit, WriteQuery
from ledger.api.receipts import refusal_problem
from ledger.api.service import Call, answer
from ledger.api.transfers import disputes_of, find_transfer, readable_sequences
from ledger.api.wire import DisputeRequest, EndDisputeRequest
from ledger.core.book import Book
from ledger.core.leaves import AnyLeaf, DisputeEnded, DisputeOpened
from ledger.journal.canonical import decode_leaf

L = TypeVar("L", bound=AnyLeaf)


class DisputesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those that are open, of these the overdue ones, or those that ended.

    Open ones come after the sequence of a transfer, those that ended after a leaf.
    """

    state: Literal["open", "overdue", "ended"] = "open"
    after: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    limit: Limit = PAGE


class DisputesPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Disputes: open ones in the order of their transfers, or those that ended in theirs."""

    disputes: list[DisputeAnswer]
    next: int | UnsetType = UNSET


class DisputeSaid(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That a transfer is in dispute from now on, or no more."""

    sequence: int
    dry_run: bool = False


async def post_dispute(call: Call) -> web.Response:
    """Contest a transfer that one may read. It is marked until an outcome ends the dispute."""
    asked = await call.asked(DisputeRequest)
    dry_run = call.query(WriteQuery).dry_run
    target = (await find_transfer(call)).row.sequence
    refusal = await call.service.undisturbed(
        call.desk.open_dispute(
            call.ledger, target, asked.reason, asked.due, call.caller, dry_run=dry_run
        )
    )
    if refusal is not None:
        raise refusal_problem(call, refusal)
    return answer(DisputeSaid(sequence=target, dry_run=dry_run), 200 if dry_run else 201)


async def end_dispute(call: Call) -> web.Response:
    """End a dispute with an outcome; `linked` is the transfer that made it good."""
    asked = await call.asked(EndDisputeRequest)
    dry_run = call.query(WriteQuery).dry_run
    target = (await find_transfer(call)).row.sequence
    refusal = await call.service.undisturbed(
        call.desk.end_dispute(
            call.ledger, target, asked.outcome, asked.linked, call.caller, dry_run=dry_run
        )
    )
    if refusal is not None:
        raise refusal_problem(call, refusal)
    return answer(DisputeSaid(sequence=target, dry_run=dry_run))


async def get_disputes(call: Call) -> web.Response:
    """Disputes that are open, or ended; a poster or member sees those of its transfers."""
    query = call.query(DisputesQuery)
    found = await (_ended(call, query) if query.state == "ended" else _open(call, query))
    page = found[: query.limit]
    seen = await readable_sequences(call, [one.sequence for _, one in page])
    return answer(
        DisputesPage(
            disputes=[one for _, one in page if one.sequence in seen],
            next=page[-1][0] if len(found) > len(page) else UNSET,
        )
    )


async def _open(call: Call, query: DisputesQuery) -> list[tuple[int, DisputeAnswer]]:
    """Those that are open, or open and overdue, in the order of their transfers; one more."""

    def look(book: Book) -> list[tuple[int, DisputeAnswer]]:
        some = (
            sequence
            for sequence, one in book.disputes.open.items()
            if sequence > query.after and (query.state == "open" or one.overdue is not UNSET)
        )
        return list(disputes_of(book, nsmallest(query.limit + 1, some)).items())

    return await call.desk.read(call.ledger, look)


async def _ended(call: Call, query: DisputesQuery) -> list[tuple[int, DisputeAnswer]]:
    """Those that ended, in the order in which they did; one more."""
    ledger_id = await call.service.ledger_id(call.ledger)
    lines = await call.reads.dispute_ends(ledger_id, after=query.after, limit=query.limit + 1)
    ends = [(index, _as(DisputeEnded, line)) for index, line in lines]
    opened = await call.reads.leaves_at(ledger_id, {end.opened for _, end in ends})
    return [(index, _ended_one(index, end, opened[end.opened])) for index, end in ends]


def _ended_one(index: int, end: DisputeEnded, line: bytes) -> DisputeAnswer:
    opening = _as(DisputeOpened, line)
    return DisputeAnswer(
        sequence=end.target,
        since=show_time(opening.recorded_at),
        by=opening.by,
        reason=opening.reason,
        leaf_index=index,
        due=opening.due,
        outcome=end.outcome,
        linked=end.linked,
        ended_at=show_time(end.recorded_at),
        ended_by=end.by,
    )


def _as(kind: type[L], line: bytes) -> L:
    """A leaf of the journal that is known to be of a kind."""
    leaf = decode_leaf(line)
    assert isinstance(leaf, kind), "the database found it by its kind"
    return leaf
