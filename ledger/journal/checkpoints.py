"""Checkpoints (C2SP tlog-checkpoint v1.0.0): this origin, this size, this root, signed.

Two kinds of log sign them here: the ledger its journal, and a poster each of its batches,
which is a small log of its own that never grows. In both the key's name is the origin, and
a checkpoint counts only with a signature by a key of that name: a witness or a poster
alone cannot speak for a log.

Extension lines are never written: no monitor can audit them and not every signature type
covers them. In our own checkpoints they are refused; readers of foreign logs may ask for
them to be let through, and they stay in the note's text.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from ledger.journal.faults import BrokenProof
from ledger.journal.merkle import HASH_SIZE, SIZE_MAX
from ledger.journal.notes import (
    NoteSigner,
    NoteVerifier,
    Verifier,
    check_name,
    decode_base64,
    encode_base64,
    open_note,
    sign_note,
)

BATCH_SIZE_MIN = 2  # Leaves of a batch's tree: its manifest and at least one transfer.

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_BATCH = "/batch/"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log at one moment. By itself it is only a claim; open_checkpoint believes it."""

    origin: str
    size: int  # Leaves, 0 to SIZE_MAX.
    root: bytes  # 32 bytes (RFC 6962, section 2.1).


def body_of(checkpoint: Checkpoint) -> str:
    """The text that is signed: origin, size and root, a line each.

    Raises:
        BrokenProof: an origin that cannot name a key, or a size or root that cannot be.
    """
    check_name(checkpoint.origin)
    if not 0 <= checkpoint.size <= SIZE_MAX or len(checkpoint.root) != HASH_SIZE:
        raise BrokenProof("no such checkpoint", checkpoint)
    return f"{checkpoint.origin}\n{checkpoint.size}\n{encode_base64(checkpoint.root)}\n"


def parse_body(text: str, *, extensions: bool = False) -> Checkpoint:
    """Read the text of a checkpoint; nothing in it is believed yet.

    With `extensions`, further lines are let through unread, and the origin may be any line,
    as foreign logs are free to have it. Whether the root can be that of the size is for
    the checks in merkle.py.

    Raises:
        BrokenProof: not three lines, or one of them not in its one form.
    """
    lines = text.split("\n")
    if lines.pop() != "" or len(lines) < 3 or "" in lines:
        raise BrokenProof("a checkpoint is three lines", repr(text[:80]))
    if len(lines) > 3 and not extensions:
        raise BrokenProof("extension lines in a checkpoint", repr(lines[3][:80]))
    origin, size, encoded = lines[:3]
    if not extensions:
        check_name(origin)
    root = decode_base64(encoded)
    if len(root) != HASH_SIZE:
        raise BrokenProof("not a SHA-256 hash", f"{len(root)} bytes")
    return Checkpoint(origin, parse_decimal(size), root)


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[NoteSigner]) -> bytes:
    """The checkpoint as a note, signed by each signer.

    Raises:
        BrokenProof: none of the signers is named like the origin, or see body_of.
    """
    if all(signer.name != checkpoint.origin for signer in signers):
        raise BrokenProof("no signer is named like the origin", checkpoint.origin)
    return sign_note(body_of(checkpoint), signers)


def open_checkpoint(
    note: bytes, verifiers: Iterable[NoteVerifier], *, extensions: bool = False
) -> Checkpoint:
    """The checkpoint in a note, signed by a known key that is named like its origin.

    It says nothing of which log was wanted: compare the origin. For `extensions` see
    parse_body.

    Raises:
        BrokenProof: the note cannot be opened (open_note), its text is no checkpoint
            (parse_body), or only keys of other names signed it.
    """
    opened = open_note(note, verifiers)
    checkpoint = parse_body(opened.text, extensions=extensions)
    if all(verifier.name != checkpoint.origin for verifier in opened.signed_by):
        raise BrokenProof("no known key of the log signed its checkpoint", checkpoint.origin)
    return checkpoint


def batch_origin(ledger_origin: str, batch_id: UUID) -> str:
    """The origin of a batch, and the name of the key that signs it.

    >>> batch_origin("example.org/caja-norte", UUID(int=7))
    'example.org/caja-norte/batch/00000000-0000-0000-0000-000000000007'

    Raises:
        BrokenProof: the ledger's origin cannot name a key, or is itself a batch's.
    """
    origin = f"{ledger_origin}{_BATCH}{batch_id}"
    parse_batch_origin(origin)
    return origin


def parse_batch_origin(text: str) -> tuple[str, UUID]:
    """The ledger's origin and the batch id in the origin of a batch.

    Raises:
        BrokenProof: not what batch_origin writes.
    """
    check_name(text)
    parts = _split_batch(text)
    if parts is None or not parts[0] or _split_batch(parts[0]) is not None:
        raise BrokenProof("not the origin of a batch", repr(text[:120]))
    return parts


def _split_batch(text: str) -> tuple[str, UUID] | None:
    ledger_origin, found, number = text.rpartition(_BATCH)
    try:
        batch_id = UUID(number)
    except ValueError:
        return None
    # UUID() reads braces, capitals and missing hyphens too; one batch has one name.
    return (ledger_origin, batch_id) if found and str(batch_id) == number else None


def open_batch_note(
    note: bytes, ledger_origin: str, batch_id: UUID, public_key: bytes
) -> Checkpoint:
    """What a poster signed with its registered key for this batch of this ledger.

    The size is the count of transfers plus one, for the manifest.

    Raises:
        BrokenProof: the note is not by that key under this batch's name, is the note of
            another batch or ledger, or covers no transfer.
    """
    origin = batch_origin(ledger_origin, batch_id)
    checkpoint = open_checkpoint(note, [Verifier(origin, public_key)])
    assert checkpoint.origin == origin, "the one known key is named like the origin"
    if checkpoint.size < BATCH_SIZE_MIN:
        raise BrokenProof("a batch without transfers", origin)
    return checkpoint


def signs(public_key: bytes, note: bytes, ledger_origin: str, batch_id: UUID) -> bool:
    """Whether a poster's note over this batch of this ledger is by this key."""
    try:
        open_batch_note(note, ledger_origin, batch_id, public_key)
    except BrokenProof:
        return False
    return True


def parse_decimal(text: str) -> int:
    """A count as the C2SP formats write it: ASCII digits, no leading zero, at most SIZE_MAX.

    Raises:
        BrokenProof: anything else.
    """
    if not _DECIMAL.fullmatch(text) or int(text) > SIZE_MAX:
        raise BrokenProof("not a count", repr(text[:80]))
    return int(text)
