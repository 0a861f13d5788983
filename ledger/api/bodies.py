"""What stands under the journal's leaves: bodies and outcomes of posted batches, for exports.

    ?first=LEAF&end=LEAF -> the LF-terminated lines of whole batches, in order of their leaves

As many batches as fit a page, at least one. Each leaf says how many lines are its own, so a
reader knows which it got, and asks for the rest from the next leaf on.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from aiohttp import web
from msgspec import UNSET, Meta, Struct

from ledger.api.problems import Problem
from ledger.api.service import Call
from ledger.core.leaves import BatchPosted
from ledger.core.store import StoredBatch
from ledger.journal.canonical import decode_leaf
from ledger.journal.tiles import TILE_WIDTH

PAGE_TRANSFERS: Final = 16_380  # In a page; one batch more may pass it.
LINES: Final = "application/jsonl"

LeafIndex = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class LeavesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Leaves from `first` to before `end`, at most an entry bundle's."""

    first: LeafIndex
    end: LeafIndex


async def get_bodies(call: Call) -> web.Response:
    """Manifest and transfers of the posted batches among some leaves."""
    batches = await _batches(call, with_outcomes=False)
    return _sent(b"".join(batch.body for batch in batches))


async def get_outcomes(call: Call) -> web.Response:
    """Outcomes of those batches among some leaves of which transfers were refused."""
    batches = await _batches(call, with_outcomes=True)
    return _sent(b"".join(batch.outcomes for batch in batches))


async def _batches(call: Call, *, with_outcomes: bool) -> Sequence[StoredBatch]:
    query = call.query(LeavesQuery)
    if not 0 < query.end - query.first <= TILE_WIDTH:
        raise Problem(
            "malformed_request", field="end", reason=f"1 to {TILE_WIDTH} leaves after first"
        )
    ledger_id = await call.service.ledger_id(call.ledger)
    lines = await call.reads.leaves(ledger_id, query.first, query.end)
    numbers = list(_page(lines, with_outcomes))
    found = await call.reads.batches_by_number(ledger_id, numbers) if numbers else {}
    return [found[number] for number in numbers]


def _page(lines: Sequence[bytes], with_outcomes: bool) -> Iterator[int]:
    """Numbers of the posted batches among leaves, as many as fit a page."""
    transfers = 0
    for line in lines:
        leaf = decode_leaf(line)
        if not isinstance(leaf, BatchPosted) or (with_outcomes and leaf.outcomes is UNSET):
            continue
        yield leaf.number
        transfers += leaf.count
        if transfers >= PAGE_TRANSFERS:
            return


def _sent(body: bytes) -> web.Response:
    return web.Response(
        body=body,
        headers={
            "Content-Type": LINES,
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
