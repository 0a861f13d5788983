"""Proof files (C2SP tlog-proof@v1): one leaf, its path, and the checkpoint it leads to.

The file stands on its own: with it, the leaf's bytes, the log's origin and its key, anyone
can check years later and offline that the log recorded the leaf. Its name ends in
`.tlog-proof`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.journal.checkpoints import Checkpoint, open_checkpoint, parse_decimal
from ledger.journal.faults import BrokenProof
from ledger.journal.merkle import HASH_SIZE, SIZE_MAX, check_inclusion, leaf_hash
from ledger.journal.notes import (
    NOTE_MAX,
    NoteVerifier,
    decode_base64,
    encode_base64,
    parse_note,
)

HEADER = "c2sp.org/tlog-proof@v1"
SUFFIX = ".tlog-proof"
PATH_MAX = 63  # Hashes: the levels of a tree of SIZE_MAX leaves.
EXTRA_MAX = 65_535  # Bytes of extra data before base64, as many as an entry's.
PROOF_MAX = 100_000 + NOTE_MAX  # Bytes of a file: more than all of the above together.

assert 2**PATH_MAX > SIZE_MAX
assert len(HEADER) + 4 * (EXTRA_MAX // 3 + 1) + 45 * PATH_MAX + 50 < PROOF_MAX - NOTE_MAX


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof file as it was read: nothing in it is believed yet."""

    index: int  # Which leaf, from 0.
    path: tuple[bytes, ...]  # Hashes, the leaf's sibling first.
    checkpoint: bytes  # A note, verbatim.
    extra: bytes = b""  # For the reader's information; never authenticated.


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof has shown: the leaf stands at this index under this checkpoint."""

    index: int
    checkpoint: Checkpoint


def write_proof(proof: Proof) -> bytes:
    """The bytes of a proof file.

    Raises:
        BrokenProof: parse_proof would refuse them.
    """
    lines = [HEADER]
    if proof.extra:
        lines.append(f"extra {encode_base64(proof.extra)}")
    lines.append(f"index {proof.index}")
    lines += map(encode_base64, proof.path)
    data = "\n".join([*lines, "", ""]).encode() + proof.checkpoint
    if parse_proof(data) != proof:
        raise BrokenProof("the proof would be read differently")
    return data


def parse_proof(data: bytes) -> Proof:
    """Read the form of a proof file; verify_proof believes it.

    Raises:
        BrokenProof: too long, a line missing or not in its one form, a path longer than
            any tree is high, or a checkpoint that is no note.
    """
    if len(data) > PROOF_MAX:
        raise BrokenProof("proof too long", f"{len(data)} bytes, at most {PROOF_MAX}")
    # The first blank line: the note that follows has one of its own.
    head, _, note = data.partition(b"\n\n")
    if not head.isascii():
        raise BrokenProof("not ASCII above the checkpoint")
    lines = head.decode("ascii").split("\n")
    if lines.pop(0) != HEADER:
        raise BrokenProof("not a tlog-proof@v1", repr(head[:80]))
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "))
        if not 1 <= len(extra) <= EXTRA_MAX:
            raise BrokenProof("extra data empty or too long", f"{len(extra)} bytes")
    if not lines or not lines[0].startswith("index "):
        raise BrokenProof("proof without an index line")
    index = parse_decimal(lines.pop(0).removeprefix("index "))
    if len(lines) > PATH_MAX:
        raise BrokenProof("path longer than any tree is high", f"{len(lines)} hashes")
    path = tuple(map(decode_base64, lines))
    if any(len(value) != HASH_SIZE for value in path):
        raise BrokenProof("not a SHA-256 hash in the path")
    parse_note(note)
    return Proof(index, path, note, extra)


def verify_proof(
    data: bytes, leaf_data: bytes, verifiers: Iterable[NoteVerifier], origin: str
) -> Proven:
    """Raise unless the file shows that the log `origin` recorded `leaf_data`.

    `verifiers` are the keys trusted for it; one named like the origin must have signed. A
    quorum of witnesses is the caller's to count, with open_note on the checkpoint.

    Raises:
        BrokenProof: malformed (parse_proof), signed by nobody known (open_checkpoint), of
            another log, or the path does not lead from the leaf to the root.
    """
    proof = parse_proof(data)
    checkpoint = open_checkpoint(proof.checkpoint, verifiers)
    if checkpoint.origin != origin:
        raise BrokenProof("the checkpoint of another log", checkpoint.origin)
    check_inclusion(
        leaf_hash(leaf_data), proof.index, checkpoint.size, proof.path, checkpoint.root
    )
    return Proven(proof.index, checkpoint)
