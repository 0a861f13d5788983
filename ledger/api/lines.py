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

from ledger.api import passed
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


def are_lines(request: web.BaseRequest) -> bool:
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
    if not passed.said_of_body(call.request):
        await asyncio.sleep(0)  # Reading takes some milliseconds: let others pass before it.
        batch = written_of(call.request, body)
    else:
        batch = _passed_lines(call.request, body)
    signed = with_signer(batch, call.desk.facts(call.ledger), call.caller.posts_as)
    if isinstance(signed, Refusal):
        raise Problem(signed.code)
    signer = signed.signer
    if signer is not UNSET and signer != batch.signer and passed.PRIVATE in call.request:
        call.request[passed.FOUND_SIGNER] = signer.hex()
    return signed


def _passed_lines(request: web.Request, body: bytes) -> WrittenBatch:
    """The batch that a front process read; or the Problem that it found."""
    if passed.said_of_body(request) == passed.WRONG:
        raise passed.told(body)
    return passed.take_lines(body, _note(request))


def written_of(request: web.BaseRequest, body: bytes) -> WrittenBatch:
    """The batch that these lines are, with the note that came with them, not yet verified.

    Raises:
        Problem: not canonical lines of a batch, or a header that does not fit them.
    """
    note = _note(request)
    try:
        batch = read_written(body, note=note)
    except MalformedLine as fault:
        raise Problem(
            "malformed_request", field="lines", reason=shown("; ".join(map(str, fault.facts)))
        ) from None
    header = request.headers.get("Idempotency-Key")
    if header is not None and header.strip('"').lower() != str(batch.id):
        raise Problem("malformed_request", field="Idempotency-Key", reason="differs from id")
    return batch


def _note(request: web.BaseRequest) -> str | UnsetType:
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


def is_signed_by(key: bytes, batch: WrittenBatch, ledger_origin: str) -> bool:
    """Whether the note that came with a batch of this ledger is by this key, and over it."""
    assert batch.note is not UNSET, "what is signed has a note"
    try:
        signed = open_batch_note(batch.note.encode(), ledger_origin, batch.id, key)
    except BrokenProof:
        return False
    return (signed.size, signed.root) == (len(batch.transfers) + 1, batch.root)


def with_signer(batch: WrittenBatch, book: Book, poster: str) -> WrittenBatch | Refusal:
    """The batch with the key that signed it, one that is or was registered for its poster.

    Whether the key counts is asked when the batch is decided, after whether it is a repeat:
    who sends again what was posted gets its receipt, though the key was revoked since.
    """
    if batch.note is UNSET:
        return batch
    assert book.opening is not None, "a ledger that is served is open"
    origin, keys = book.opening.origin, book.posters.ever_of(poster)
    # A front process has looked, under the origin that the manifest has.
    if batch.signer in keys and batch.manifest.origin == f"{origin}/batch/{batch.id}":
        return batch
    for key in keys:
        if is_signed_by(key, batch, origin):
            return replace(batch, signer=key)
    return Refusal(code=RefusalCode.SIGNATURE_NOT_ACCEPTED)
