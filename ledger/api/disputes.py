"""Disputes over HTTP: a transfer is contested, and later an outcome ends that."""

from heapq import nsmallest
from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.api.answers.transfers import DisputeAnswer
from ledger.api.queries import PAGE, Limit, WriteQuery
from ledger.api.receipts import refusal_problem
from ledger.api.service import Call, answer
from ledger.api.transfers import disputes_of, find_transfer, readable_sequences
from ledger.api.wire import DisputeRequest, EndDisputeRequest
from ledger.core.book import Book


class DisputesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those of transfers after a sequence."""

    after: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    limit: Limit = PAGE


class DisputesPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Open disputes in the order of their transfers."""

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
    """Open disputes; a poster or member sees those of transfers that it may read."""
    query = call.query(DisputesQuery)

    def look(book: Book) -> list[tuple[int, DisputeAnswer]]:
        some = (sequence for sequence in book.disputes.open if sequence > query.after)
        return list(disputes_of(book, nsmallest(query.limit + 1, some)).items())

    found = await call.desk.read(call.ledger, look)
    page = found[: query.limit]
    seen = await readable_sequences(call, [sequence for sequence, _ in page])
    return answer(
        DisputesPage(
            disputes=[one for sequence, one in page if sequence in seen],
            next=page[-1][0] if len(found) > len(page) else UNSET,
        )
    )
