"""Posters' keys over HTTP: the public halves with which batches are signed."""

import re
from collections.abc import Sequence
from typing import Final, Literal

from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from ledger.api.changing import changed
from ledger.api.problems import Problem
from ledger.api.queries import NoQuery, WriteQuery
from ledger.api.service import Call, answer
from ledger.api.wire import PosterKeyRequest
from ledger.core.book import Book
from ledger.core.leaves import PosterKey
from ledger.core.posters import EVER, key_change
from ledger.core.refusals import Refusal
from ledger.journal.faults import BrokenProof
from ledger.journal.notes import ED25519, format_vkey, parse_vkey

_POSTER: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)


class PosterKeyAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key, and the indices of the leaves from which and until which it counts."""

    poster: str
    public_key: str
    key: str  # Its 32 bytes in hexadecimal: what the address names it by.
    since: int | UnsetType = UNSET
    until: int | UnsetType = UNSET


class PosterKeysAnswer(Struct, frozen=True, kw_only=True):
    """All keys that are or were registered, by poster."""

    keys: list[PosterKeyAnswer]


class PosterKeySaid(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That a poster's batches must be signed with this key from now on, or no more."""

    key: PosterKeyAnswer
    dry_run: bool = False


async def post_poster_key(call: Call) -> web.Response:
    """Register a key. From its line on the poster's batches must be signed."""
    asked = await call.asked(PosterKeyRequest)
    dry_run = call.query(WriteQuery).dry_run
    poster = _poster(call)
    try:
        verifier = parse_vkey(asked.public_key)
    except BrokenProof as fault:
        reason = "; ".join(map(str, fault.facts))
        raise Problem("malformed_request", field="public_key", reason=reason) from None
    if verifier.name != poster:
        raise Problem(
            "malformed_request", field="public_key", reason="is not named like the poster"
        )
    key = verifier.public_key
    await _change(call, "register", poster, key, dry_run)
    said = PosterKeySaid(key=_shown(poster, key), dry_run=dry_run)
    return answer(said, 200 if dry_run else 201)


async def delete_poster_key(call: Call) -> web.Response:
    """Revoke a key. What it signed until then stays good."""
    dry_run = call.query(WriteQuery).dry_run
    poster = _poster(call)
    try:
        key = bytes.fromhex(call.part("key"))
    except ValueError:
        key = b""
    await _change(call, "revoke", poster, key, dry_run)
    if dry_run:
        return answer(PosterKeySaid(key=_shown(poster, key), dry_run=True))
    return web.Response(status=204)


async def get_poster_keys(call: Call) -> web.Response:
    """The keys of posters, those that were revoked too."""
    call.query(NoQuery)

    def look(book: Book) -> list[PosterKeyAnswer]:
        return [
            _shown(poster, key, span.since, UNSET if span.until == EVER else span.until)
            for poster, key, span in book.posters.all()
        ]

    return answer(PosterKeysAnswer(keys=await call.desk.read(call.ledger, look)))


async def _change(
    call: Call, action: Literal["register", "revoke"], poster: str, key: bytes, dry_run: bool
) -> None:
    def build(book: Book, now: int) -> tuple[Sequence[PosterKey], None] | Refusal:
        lines = key_change(book, action, poster, key, recorded_at=now, by=call.caller.key)
        return lines if isinstance(lines, Refusal) else (lines, None)

    await changed(call, build, dry_run)


def _poster(call: Call) -> str:
    poster = call.part("poster")
    if not _POSTER.fullmatch(poster):
        raise Problem("malformed_request", field="poster", reason="1 to 64 of A-Z a-z 0-9 ._:-")
    return poster


def _shown(
    poster: str, key: bytes, since: int | UnsetType = UNSET, until: int | UnsetType = UNSET
) -> PosterKeyAnswer:
    return PosterKeyAnswer(
        poster=poster,
        public_key=format_vkey(poster, ED25519, key),
        key=key.hex(),
        since=since,
        until=until,
    )
