"""The signed door: a batch as the very lines that are hashed, signed and stored.

    POST /v1/ledgers/{ledger}/batches        Content-Type: application/x-ndjson
    Signed-Note: <base64 of the note>        by a poster whose key is registered

    manifest LF transfer LF transfer LF ...

Only canonical bytes are taken, so what was signed has one reading. The id of the batch is in
the manifest's origin. What the key may do is asked here, whether it still may when the batch
is decided.
"""

import asyncio
import re
from typing import Final

from aiohttp import web
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from ledger.api.problems import Problem, shown
from ledger.api.service import Call
from ledger.api.wire import read_body
from ledger.core.book import Book
from ledger.core.faults import MalformedLine
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.written import WrittenBatch
from ledger.journal.batches import read_written
from ledger.journal.checkpoints import open_batch_note
from ledger.journal.faults import BrokenProof
from ledger.journal.notes import NOTE_MAX, decode_base64

MEDIA_TYPE: Final = "application/x-ndjson"
NOTE_HEADER: Final = "Signed-Note"
_LINES: Final = re.compile(r"application/x-ndjson *(; *charset *= *\"?utf-8\"?)?", re.I | re.A)
_HEADER_MAX: Final = (NOTE_MAX + 2) // 3 * 4


def are_lines(request: web.Request) -> bool:
    """Whether a request says that its body are lines."""
    return _LINES.fullmatch(request.headers.get("Content-Type", "")) is not None


async def read_lines(call: Call) -> WrittenBatch:
    """The batch that a request brings as lines, with its note verified.

    Raises:
        Problem: not canonical lines of a batch of this ledger; or the note is not over them,
            or by no key of this poster.
    """
    settings = call.service.settings
    body = await read_body(
        call.request, settings.batch_size_max, settings.body_seconds_max, _LINES
    )
    note = _note(call.request)
    await asyncio.sleep(0)  # Reading takes some milliseconds: let others pass before it.
    try:
        batch = read_written(body, note=note)
    except MalformedLine as fault:
        raise Problem(
            "malformed_request", field="lines", reason=shown("; ".join(map(str, fault.facts)))
        ) from None
    header = call.request.headers.get("Idempotency-Key")
    if header is not None and header.strip('"').lower() != str(batch.id):
        raise Problem("malformed_request", field="Idempotency-Key", reason="differs from id")
    signed = with_signer(batch, call.desk.facts(call.ledger), call.caller.posts_as)
    if isinstance(signed, Refusal):
        raise Problem(signed.code)
    return signed


def _note(request: web.Request) -> str | UnsetType:
    header = request.headers.get(NOTE_HEADER)
    if header is None:
        return UNSET
    try:
        if len(header) > _HEADER_MAX:
            raise BrokenProof(f"at most {NOTE_MAX} bytes")
        return decode_base64(header).decode()
    except (BrokenProof, UnicodeDecodeError):
        raise Problem(
            "malformed_request", field=NOTE_HEADER, reason="base64 of a signed note in UTF-8"
        ) from None


def with_signer(batch: WrittenBatch, book: Book, poster: str) -> WrittenBatch | Refusal:
    """The batch with the key that signed it, one that is or was registered for its poster.

    Whether the key counts is asked when the batch is decided, after whether it is a repeat:
    who sends again what was posted gets its receipt, though the key was revoked since.
    """
    if batch.note is UNSET:
        return batch
    assert book.opening is not None, "a ledger that is served is open"
    for key in book.posters.ever_of(poster):
        try:
            signed = open_batch_note(batch.note.encode(), book.opening.origin, batch.id, key)
        except BrokenProof:
            continue
        if (signed.size, signed.root) == (len(batch.transfers) + 1, batch.root):
            return replace(batch, signer=key)
    return Refusal(code=RefusalCode.SIGNATURE_NOT_ACCEPTED)
