"""The journal as a log serves it (C2SP tlog-tiles): checkpoint, hash tiles, entry bundles."""

from typing import Final

from aiohttp import web

from ledger.api.problems import Problem
from ledger.api.queries import NoQuery
from ledger.api.service import Call
from ledger.journal.checkpoints import parse_body
from ledger.journal.faults import BrokenProof
from ledger.journal.notes import parse_note
from ledger.journal.tiles import (
    TILE_WIDTH,
    TileAddress,
    encode_bundle,
    parse_tile_path,
    tile_width,
)

FOREVER: Final = "public, max-age=31536000, immutable"
FOREVER_PRIVATE: Final = "private, max-age=31536000, immutable"


async def get_checkpoint(call: Call) -> web.Response:
    """The newest signed checkpoint, as a C2SP note."""
    call.query(NoQuery)
    return _sent(_checkpoint(call), "text/plain; charset=utf-8", "no-cache")


async def get_tile(call: Call) -> web.Response:
    """The hashes of a tile that the newest checkpoint covers. They never change."""
    call.query(NoQuery)
    address = _address(f"tile/{call.part('tile')}")
    assert address.level is not None, "entry bundles have a route of their own"
    try:
        hashes = await call.desk.tile(call.ledger, address.level, address.index, address.width)
    except LookupError:
        raise Problem("tile_not_found") from None
    return _sent(hashes, "application/octet-stream", FOREVER)


async def get_entries(call: Call) -> web.Response:
    """An entry bundle: lines of the journal, the orders of authorities among them."""
    call.query(NoQuery)
    address = _address(f"tile/entries/{call.part('bundle')}")
    size = parse_body(parse_note(_checkpoint(call)).text).size
    if address.width > tile_width(0, address.index, size):
        raise Problem("tile_not_found")
    ledger_id = await call.service.ledger_id(call.ledger)
    first = address.index * TILE_WIDTH
    lines = await call.reads.leaves(ledger_id, first, first + address.width)
    return _sent(encode_bundle(lines), "application/octet-stream", FOREVER_PRIVATE)


def _address(path: str) -> TileAddress:
    try:
        return parse_tile_path(path)
    except BrokenProof:
        raise Problem("tile_not_found") from None


def _checkpoint(call: Call) -> bytes:
    checkpoint = call.desk.checkpoint(call.ledger)
    if not checkpoint:
        raise Problem("checkpoint_not_found")
    return checkpoint


def _sent(body: bytes, kind: str, caching: str) -> web.Response:
    return web.Response(
        body=body,
        headers={
            "Content-Type": kind,
            "Cache-Control": caching,
            "X-Content-Type-Options": "nosniff",
        },
    )
