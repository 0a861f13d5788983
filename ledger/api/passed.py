"""What a front process says of a request that it passes on (ledger/front).

It stands in headers beside those of the request itself, and is believed on the connections
of front processes alone:

    Tequio-Body: checked     the JSON that came, found to be of its form
    Tequio-Body: lines       a batch of lines, read: a PassedLines
    Tequio-Body: wrong       in its place the problem that reading it ended in
    Tequio-Body: unread      in its place the problem why it was not read
    Tequio-Refused: POST=3   requests refused there since the last that was passed on

Answers may carry `Tequio-Signer`, the key (hex) that was found to have signed the batch, so
that the process can look for itself the next time. Nothing of this goes further.
"""

from array import array
from datetime import date
from typing import Final
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from ledger.api.problems import Problem
from ledger.core.columns import (
    Columns,
    business_dates_among,
    have_terms,
    have_value_dates,
    kinds_among,
    sides_of,
)
from ledger.core.written import WrittenBatch
from ledger.journal.canonical import decode_manifest, decode_transfers

PREFIX: Final = b"tequio-"  # In small letters; a client's own headers of it are dropped.
BODY: Final = "Tequio-Body"
REFUSED: Final = "Tequio-Refused"
SIGNER: Final = "Tequio-Signer"
CHECKED: Final = "checked"
LINES: Final = "lines"
WRONG: Final = "wrong"
UNREAD: Final = "unread"

# Where a request says that it came from a front process, and what is to be told there.
PRIVATE: Final = web.RequestKey("private", bool)
FOUND_SIGNER: Final = web.RequestKey("found_signer", str)


class Told(Struct, frozen=True, array_like=True):
    """A problem on its way."""

    code: str
    facts: dict[str, str | int]
    headers: dict[str, str]


class PassedLines(Struct, frozen=True, array_like=True):
    """A batch of lines that was read and hashed. Columns are 64-bit integers."""

    id: UUID
    data: bytes
    packed: bytes
    root: bytes
    debit: bytes
    credit: bytes
    amount: bytes
    kinds: list[str]
    business_dates: list[date | None]
    is_plain: bool
    signer: bytes  # Found to have signed the note under the manifest's origin; or nothing.


_decoder: Final = msgspec.msgpack.Decoder(Told)
_lines_decoder: Final = msgspec.msgpack.Decoder(PassedLines)


def said_of_body(request: web.Request) -> str:
    """What a front process says of the body; "" where none passed it on."""
    said = request.headers.get(BODY)
    return said if said is not None and PRIVATE in request else ""


def tell(problem: Problem) -> bytes:
    """A problem as the body it stands in the place of."""
    return msgspec.msgpack.encode(Told(str(problem.code), problem.facts, dict(problem.headers)))


def told(body: bytes) -> Problem:
    """The problem that came in the place of a body."""
    problem = _decoder.decode(body)
    return Problem(problem.code, headers=problem.headers, **problem.facts)


def pass_lines(batch: WrittenBatch, packed: bytes) -> bytes:
    """A batch of lines as the body it is passed on in."""
    debit, credit, amount = (
        array("q", column).tobytes() for column in sides_of(batch.transfers)
    )
    days = business_dates_among(batch.transfers)
    return msgspec.msgpack.encode(
        PassedLines(
            batch.id,
            batch.data,
            packed,
            batch.root,
            debit,
            credit,
            amount,
            list(kinds_among(batch.transfers)),
            [None if day is UNSET else day for day in days],
            not (have_terms(batch.transfers) or have_value_dates(batch.transfers)),
            b"" if batch.signer is UNSET else batch.signer,
        )
    )


def take_lines(body: bytes, note: str | UnsetType) -> WrittenBatch:
    """The batch of lines that was passed on, with the note that came with it."""
    lines = _lines_decoder.decode(body)
    data, end = lines.data, lines.data.index(b"\n")  # Of the manifest.
    debit, credit, amount = (
        array("q", column).tolist() for column in (lines.debit, lines.credit, lines.amount)
    )
    return WrittenBatch(
        id=lines.id,
        data=data,
        root=lines.root,
        manifest=decode_manifest(data[:end]),
        transfers=Columns(
            debit,
            credit,
            amount,
            kinds=set(lines.kinds),
            business_dates={UNSET if day is None else day for day in lines.business_dates},
            is_plain=lines.is_plain,
            read=lambda: decode_transfers(data[end + 1 :]),
        ),
        note=note,
        signer=lines.signer or UNSET,
        packed=lines.packed,
    )
