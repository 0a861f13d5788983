"""A batch as bytes: its manifest and transfers under an inner RFC 6962 tree.

    body = manifest LF transfer LF transfer LF ...
    root = Merkle root over the lines without their line feeds; transfer i is leaf i + 1

The root is what a poster signs, and what the batch's leaf in the journal names. Where some
transfers were refused, or done otherwise than they stand, the outcomes have a tree of their
own, one line for every position.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import UNSET, Struct, UnsetType

from ledger.core.asked import check_codes
from ledger.core.book import Posted
from ledger.core.faults import MalformedLine, MalformedRequest
from ledger.core.leaves import BatchPosted, HoldsExpired
from ledger.core.lines import Manifest, Outcome, Transfer
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.resolutions import Resolution, expiries_of
from ledger.core.store import Group, StoredBatch
from ledger.core.terms import Link, Note, links_of
from ledger.core.written import WrittenBatch
from ledger.journal.canonical import (
    decode_leaf,
    decode_manifest,
    decode_outcomes,
    decode_transfers,
    encode_line,
    encode_lines,
)
from ledger.journal.checkpoints import parse_batch_origin
from ledger.journal.faults import BrokenProof
from ledger.journal.merkle import inclusion_path, leaf_hashes, root_of

# No code can hold a quote, so what looks like a field is that field.
TARGET = b'"target":'
EXPIRED = b'"line":"expired"'


class Body(Struct, frozen=True, gc=False):
    """The bytes of a batch and the root over its lines."""

    data: bytes
    root: bytes


def write_body(manifest: Manifest, transfers: Sequence[Transfer]) -> Body:
    """Manifest and transfers as bytes, with their root."""
    data = encode_line(manifest) + b"\n" + encode_lines(transfers)
    return Body(data, root_of_lines(data))


def read_body(data: bytes) -> tuple[Manifest, list[Transfer]]:
    """Manifest and transfers of a batch from its exact bytes.

    Raises:
        MalformedLine: not canonical, not LF-terminated, a code that is none, or not as many
            as the manifest says.
    """
    head, _, rest = data.partition(b"\n")
    manifest = decode_manifest(head)
    transfers = decode_transfers(rest)
    try:
        check_codes(transfers)
    except MalformedRequest as fault:
        raise MalformedLine(fault.field, *fault.facts) from None
    if len(transfers) != manifest.count:
        raise MalformedLine(f"{len(transfers)} transfers, the manifest says {manifest.count}")
    return manifest, transfers


def read_written(
    data: bytes, *, note: str | UnsetType = UNSET, signer: bytes | UnsetType = UNSET
) -> WrittenBatch:
    """A batch from the bytes its poster wrote, under the id that its manifest names.

    Args:
        note, signer: as they were found to belong to these bytes; nothing is verified here.

    Raises:
        MalformedLine: see read_body; or the manifest names no batch.
    """
    manifest, transfers = read_body(data)
    try:
        _, batch = parse_batch_origin(manifest.origin)
    except BrokenProof as fault:
        raise MalformedLine("origin", *fault.facts) from None
    return WrittenBatch(
        id=batch,
        data=data,
        root=root_of_lines(data),
        manifest=manifest,
        transfers=transfers,
        note=note,
        signer=signer,
    )


def root_of_lines(data: bytes) -> bytes:
    """The Merkle root over LF-terminated lines."""
    return root_of(leaf_hashes(split_lines(data)))


def split_lines(data: bytes) -> list[bytes]:
    """Lines without their line feeds. Raises MalformedLine when the last has none."""
    lines = data.split(b"\n")
    if lines.pop():
        raise MalformedLine("no line feed at the end")
    return lines


def pick_lines(data: bytes, numbers: Sequence[int]) -> list[bytes]:
    """Some of the lines, from 0, without looking at the others: a batch has thousands.

    Raises MalformedLine when the last of all has no line feed.
    """
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    if not data.endswith(b"\n"):
        raise MalformedLine("no line feed at the end")
    starts = [int(ends[number - 1]) + 1 if number else 0 for number in numbers]
    return [data[start : ends[n]] for n, start in zip(numbers, starts, strict=True)]


def line_proof(data: bytes, index: int) -> tuple[bytes, list[bytes]]:
    """A line of a body or of outcomes, and its inclusion path under their root."""
    lines = split_lines(data)
    return lines[index], inclusion_path(leaf_hashes(lines), index)


def write_outcomes(posted: Posted) -> bytes:
    """The outcome lines in the order of positions; nothing when all is as the lines say."""
    if not (posted.refused or posted.notes):
        return b""
    lines = [outcome_of(refusal) for refusal in posted.refused]
    lines += [
        _posted_outcome(position, sequence, posted.notes.get(position))
        for position, sequence in posted.sequences()
    ]
    return encode_lines(sorted(lines, key=lambda line: line.position))


def _posted_outcome(position: int, sequence: int, note: Note | None) -> Outcome:
    if note is None:
        return Outcome(position=position, sequence=sequence)
    return Outcome(
        position=position,
        sequence=sequence,
        amount=UNSET if note.amount is None else note.amount,
        suspense=UNSET if note.suspense is None else note.suspense,
        why=UNSET if note.why is None else note.why,
        fraction=UNSET if note.fraction is None else note.fraction,
        flags=list(note.flags) or UNSET,
        beside=list(note.beside) or UNSET,
        business_date=UNSET if note.business_date is None else note.business_date,
    )


def outcome_of(refusal: Refusal) -> Outcome:
    """A refusal of one position as an outcome line."""
    assert refusal.position is not None, "a refusal inside a batch has a position"
    return Outcome(
        position=refusal.position,
        code=refusal.code.value,
        account=UNSET if refusal.account is None else refusal.account,
        available=UNSET if refusal.available is None else str(refusal.available),
    )


def read_links(body: bytes, posted: Posted) -> list[Link]:
    """What a posted batch took back of earlier transfers, or cleared."""
    return links_of(read_body(body)[1], posted) if TARGET in body else []


def read_resolutions(group: Group) -> list[Resolution]:
    """What the batches of a group resolved of holds, and what its leaves say is expired."""
    found = [one for batch in group.batches for one in batch.resolutions]
    for line in group.leaves:
        if EXPIRED in line and isinstance(leaf := decode_leaf(line), HoldsExpired):
            found += expiries_of(leaf)
    return found


def read_notes(outcomes: bytes) -> Iterator[tuple[int, int, Note]]:
    """Position, first sequence and note of what a batch with outcomes posted."""
    for line in decode_outcomes(outcomes):
        if line.sequence is not UNSET:
            yield line.position, line.sequence, _note(line)


def read_refusals(data: bytes) -> list[Refusal]:
    """The refusals among outcome lines. Raises MalformedLine."""
    return [_refusal(line) for line in decode_outcomes(data) if line.code is not UNSET]


def _refusal(line: Outcome) -> Refusal:
    assert line.code is not UNSET, "an outcome that was refused"
    return Refusal(
        code=RefusalCode(line.code),
        position=line.position,
        account=None if line.account is UNSET else line.account,
        available=None if line.available is UNSET else int(line.available),
    )


def read_posted(stored: StoredBatch) -> Posted:
    """What a stored batch did, from its leaf, rows and outcomes; the same as the first time.

    Raises:
        MalformedLine: the leaf is not a posted batch's.
    """
    leaf = decode_leaf(stored.line)
    if not isinstance(leaf, BatchPosted):
        raise MalformedLine(f"leaf {stored.leaf_index}", "not a posted batch's")
    positions: list[int] = [] if stored.outcomes else list(range(leaf.count))
    refused: list[Refusal] = []
    notes: dict[int, Note] = {}
    for line in decode_outcomes(stored.outcomes):
        if line.code is not UNSET:
            refused.append(_refusal(line))
            continue
        note = _note(line)
        positions += [line.position] * ((note.amount != 0) + len(note.beside))
        if note != Note():
            notes[line.position] = note
    return Posted(
        number=leaf.number,
        first_sequence=leaf.first_sequence,
        positions=positions,
        debit=list(stored.debit),
        credit=list(stored.credit),
        amount=list(stored.amount),
        debit_balance=list(stored.debit_balance),
        credit_balance=list(stored.credit_balance),
        refused=tuple(refused),
        phases=list(stored.phases) if any(stored.phases) else (),
        notes=notes,
    )


def _note(line: Outcome) -> Note:
    return Note(
        amount=None if line.amount is UNSET else line.amount,
        suspense=None if line.suspense is UNSET else line.suspense,
        why=None if line.why is UNSET else line.why,
        fraction=None if line.fraction is UNSET else line.fraction,
        flags=() if line.flags is UNSET else tuple(line.flags),
        beside=() if line.beside is UNSET else tuple(line.beside),
        business_date=None if line.business_date is UNSET else line.business_date,
    )
