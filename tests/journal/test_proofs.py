"""Proof files: written, read back, and never believed for anything but the truth."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.journal import merkle
from ledger.journal.checkpoints import Checkpoint, sign_checkpoint
from ledger.journal.faults import BrokenProof
from ledger.journal.notes import (
    Note,
    SignatureLine,
    add_signatures,
    parse_note,
    signer_from_seed,
)
from ledger.journal.proofs import (
    EXTRA_MAX,
    PATH_MAX,
    PROOF_MAX,
    Proof,
    Proven,
    parse_proof,
    verify_proof,
    write_proof,
)

ORIGIN = "example.org/caja-norte"
LOG = signer_from_seed(ORIGIN, b"\x01" * 32)
LINES = [b'{"n":%d}' % n for n in range(21)]
HASHES = merkle.leaf_hashes(LINES)
CHECKPOINT = Checkpoint(ORIGIN, len(LINES), merkle.root_of(HASHES))
NOTE = sign_checkpoint(CHECKPOINT, [LOG])


def proof_of(index: int, extra: bytes = b"") -> bytes:
    path = tuple(merkle.inclusion_path(HASHES, index))
    return write_proof(Proof(index, path, NOTE, extra))


def test_a_proof_to_the_byte() -> None:
    path = [base64.b64encode(h).decode() for h in merkle.inclusion_path(HASHES, 20)]
    assert len(path) == 2, "leaf 20 of 21 rises alone through most levels"
    head = ["c2sp.org/tlog-proof@v1", "extra aG9sYQ==", "index 20", *path, ""]
    assert proof_of(20, b"hola") == "".join(f"{line}\n" for line in head).encode() + NOTE


@pytest.mark.parametrize("index", range(len(LINES)))
def test_written_read_and_believed(index: int) -> None:
    data = proof_of(index)
    assert write_proof(parse_proof(data)) == data
    assert verify_proof(data, LINES[index], [LOG.verifier], ORIGIN) == Proven(index, CHECKPOINT)
    for other in {0, 1, 19, 20} - {index}:
        with pytest.raises(BrokenProof):
            verify_proof(data, LINES[other], [LOG.verifier], ORIGIN)


def test_a_log_of_one_leaf_needs_no_path() -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, 1, HASHES[0]), [LOG])
    data = write_proof(Proof(0, (), note))
    assert data == b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + note
    assert verify_proof(data, LINES[0], [LOG.verifier], ORIGIN).checkpoint.size == 1


def test_both_ways_round_the_two_legs() -> None:
    """A transfer under its batch and the batch under the journal are the same kind of file."""
    origin = f"{ORIGIN}/batch/00000000-0000-0000-0000-000000000007"
    poster = signer_from_seed(origin, b"\x02" * 32)
    batch = sign_checkpoint(Checkpoint(origin, 2, merkle.root_of(HASHES[:2])), [poster])
    leg = write_proof(Proof(1, (HASHES[0],), batch))
    assert verify_proof(leg, LINES[1], [poster.verifier], origin).index == 1
    with pytest.raises(BrokenProof, match="another log"):
        verify_proof(leg, LINES[1], [poster.verifier, LOG.verifier], ORIGIN)


def test_the_log_must_be_the_one_asked_for_and_its_key_known() -> None:
    data = proof_of(3)
    stranger = signer_from_seed(ORIGIN, b"\x09" * 32)
    for verifiers, origin in (
        ([LOG.verifier], "example.org/caja-sur"),
        ([stranger.verifier], ORIGIN),
        ([], ORIGIN),
    ):
        with pytest.raises(BrokenProof):
            verify_proof(data, LINES[3], verifiers, origin)


def test_no_changed_byte_proves_anything_else() -> None:
    """Each byte in many ways: refused, or (in what nobody signs) still the same truth."""
    stranger = SignatureLine("witness.example/one", b"\x01\x02\x03\x04", b"\x05" * 72)
    note = add_signatures(NOTE, [stranger])
    path = tuple(merkle.inclusion_path(HASHES, 6))
    data = write_proof(Proof(6, path, note, b"extra"))
    truth = Proven(6, CHECKPOINT)
    assert verify_proof(data, LINES[6], [LOG.verifier], ORIGIN) == truth
    unsigned = {
        *range(data.index(b"extra "), data.index(b"index ")),
        *range(data.index(bytes(str(stranger), "utf-8")), len(data)),
    }
    believed = set()
    for at in range(len(data)):
        others = {data[at] ^ 1 << bit for bit in range(8)} | set(b"\x00\n\r 09AZ=/+")
        for other in others - {data[at]}:
            changed = data[:at] + bytes([other]) + data[at + 1 :]
            try:
                assert verify_proof(changed, LINES[6], [LOG.verifier], ORIGIN) == truth
            except BrokenProof:
                continue
            believed.add(at)
    assert believed <= unsigned
    assert believed, "what nobody signs may change"


def test_no_removed_or_added_byte_proves_anything() -> None:
    data = proof_of(6)
    for at in range(len(data)):
        for changed in (data[:at], data[at + 1 :], data[:at] + data[at + 1 :]):
            with pytest.raises(BrokenProof):
                verify_proof(changed, LINES[6], [LOG.verifier], ORIGIN)
        for other in b"\n 0A=":
            with pytest.raises(BrokenProof):
                verify_proof(
                    data[:at] + bytes([other]) + data[at:], LINES[6], [LOG.verifier], ORIGIN
                )


GOOD = proof_of(6)
HEAD, TAIL = GOOD.split(b"index 6\n")
FIRST = TAIL.split(b"\n")[0]

HOSTILE = {
    "empty": b"",
    "the note alone": NOTE,
    "the header alone": b"c2sp.org/tlog-proof@v1\n",
    "no header": GOOD.removeprefix(HEAD),
    "another version": GOOD.replace(b"@v1", b"@v2"),
    "a space after the header": GOOD.replace(b"@v1", b"@v1 "),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "carriage returns": GOOD.replace(b"\n", b"\r\n"),
    "a blank line in front": b"\n" + GOOD,
    "no index": HEAD + TAIL,
    "an index with a leading zero": GOOD.replace(b"index 6", b"index 06"),
    "a negative index": GOOD.replace(b"index 6", b"index -6"),
    "an index with a sign": GOOD.replace(b"index 6", b"index +6"),
    "an index with a space": GOOD.replace(b"index 6", b"index  6"),
    "an index with another digit": GOOD.replace(b"index 6", "index \u0666".encode()),
    "an index past the largest log": GOOD.replace(b"index 6", b"index 9223372036854775808"),
    "an empty index": GOOD.replace(b"index 6", b"index "),
    "two indexes": GOOD.replace(b"index 6\n", b"index 6\nindex 6\n"),
    "extra after the index": GOOD.replace(b"index 6\n", b"index 6\nextra aG9sYQ==\n"),
    "extra twice": GOOD.replace(b"index", b"extra aG9sYQ==\nextra aG9sYQ==\nindex"),
    "extra that is empty": GOOD.replace(b"index", b"extra \nindex"),
    "extra without base64": GOOD.replace(b"index", b"extra hola!\nindex"),
    "extra not canonical": GOOD.replace(b"index", b"extra aG9sYR==\nindex"),
    "a short hash": GOOD.replace(FIRST, FIRST[:-4]),
    "a long hash": GOOD.replace(FIRST, base64.b64encode(bytes(33))),
    "a hash in hex": GOOD.replace(FIRST, base64.b64decode(FIRST).hex().encode()),
    "a hash with a space": GOOD.replace(FIRST, FIRST + b" "),
    "no blank line": GOOD.replace(b"\n\n", b"\n", 1),
    "two blank lines": GOOD.replace(b"\n\n", b"\n\n\n", 1),
    "no checkpoint": GOOD[: -len(NOTE)],
    "half a checkpoint": GOOD[:-10],
    "something below": GOOD + b"\n",
    "too long a path": HEAD + b"index 6\n" + (FIRST + b"\n") * (PATH_MAX + 1) + b"\n" + NOTE,
    "too long": GOOD.replace(b"index", b"extra " + b"AAAA" * PROOF_MAX + b"\nindex"),
    "too much extra": GOOD.replace(b"index", b"extra " + b"AAAA" * 21846 + b"\nindex"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_not_a_proof(what: str) -> None:
    assert HOSTILE[what] != GOOD
    with pytest.raises(BrokenProof):
        verify_proof(HOSTILE[what], LINES[6], [LOG.verifier], ORIGIN)
    if what != "two blank lines":  # Then the text of the note begins with a blank line.
        with pytest.raises(BrokenProof):
            parse_proof(HOSTILE[what])


def test_a_file_too_long_is_not_even_looked_at() -> None:
    with pytest.raises(BrokenProof, match="proof too long"):
        parse_proof(bytes(PROOF_MAX + 1))


@pytest.mark.parametrize(
    "proof",
    [
        Proof(-1, (), NOTE),
        Proof(2**63, (), NOTE),
        Proof(0, (b"short",), NOTE),
        Proof(0, (bytes(32),) * 64, NOTE),
        Proof(0, (), b""),
        Proof(0, (), NOTE[:-1]),
        Proof(0, (), NOTE, bytes(EXTRA_MAX + 1)),
    ],
)
def test_proofs_that_cannot_be_written(proof: Proof) -> None:
    with pytest.raises(BrokenProof):
        write_proof(proof)


def test_the_longest_proof_can_be_written_and_read() -> None:
    """All limits at once: path, extra data, and a note of 8 KiB."""
    line = SignatureLine("w", b"\x00\x00\x00\x01", bytes(8000 * 3 // 4 - 150))
    note = add_signatures(NOTE, [line])
    proof = Proof(2**63 - 1, (bytes(32),) * PATH_MAX, note, bytes(EXTRA_MAX))
    assert parse_proof(write_proof(proof)) == proof


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=PATH_MAX),
    st.binary(max_size=100),
    st.text(max_size=60),
)
def test_any_proof_comes_back(index: int, path: list[bytes], extra: bytes, text: str) -> None:
    note = bytes(Note(text + "\n", parse_note(NOTE).signatures))
    try:
        parse_note(note)
    except BrokenProof:
        return
    proof = Proof(index, tuple(path), note, extra)
    assert parse_proof(write_proof(proof)) == proof


@given(st.binary(max_size=300))
def test_noise_is_refused_or_read_exactly(noise: bytes) -> None:
    for data in (noise, HEAD + noise, HEAD + b"index 6\n" + noise + b"\n\n" + NOTE):
        try:
            proof = parse_proof(data)
        except BrokenProof:
            continue
        assert write_proof(proof) == data
