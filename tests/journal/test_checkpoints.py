"""Checkpoints: one text for one moment, signed by the log itself, readable by anybody."""

import shutil
import subprocess
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from ledger.journal.checkpoints import (
    Checkpoint,
    batch_origin,
    body_of,
    open_batch_note,
    open_checkpoint,
    parse_batch_origin,
    parse_body,
    parse_decimal,
    sign_checkpoint,
)
from ledger.journal.faults import BrokenProof
from ledger.journal.notes import Signer, sign_note, signer_from_seed

ORIGIN = "example.org/caja-norte"
LOG = signer_from_seed(ORIGIN, b"\x01" * 32)
WITNESS = signer_from_seed("witness.example/one", b"\x02" * 32)
ROOT = bytes(range(32))
ROOT64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
CHECKPOINT = Checkpoint(ORIGIN, 70_000, ROOT)
BODY = f"{ORIGIN}\n70000\n{ROOT64}\n"

BATCH = UUID("0191f3b2-7c5d-7abc-8def-0123456789ab")
POSTER_SEED = b"\x03" * 32


def poster(origin: str) -> Signer:
    """The poster's one key, under the name of one batch."""
    return signer_from_seed(origin, POSTER_SEED)


POSTER_KEY = poster("anything").verifier.public_key


def test_the_text_to_the_byte() -> None:
    assert body_of(CHECKPOINT) == BODY
    assert parse_body(BODY) == CHECKPOINT


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_any_checkpoint_comes_back(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root)
    assert parse_body(body_of(checkpoint)) == checkpoint
    assert open_checkpoint(sign_checkpoint(checkpoint, [LOG]), [LOG.verifier]) == checkpoint


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n",
        "\n\n\n",
        BODY[:-1],
        BODY + "\n",
        "\n" + BODY,
        BODY.replace("\n", "\r\n"),
        BODY.replace("\n70000", ""),
        BODY.replace("\n70000", "\n\n70000"),
        BODY.replace(ORIGIN, ""),
        BODY.replace(ORIGIN, "example.org/caja norte"),
        BODY.replace(ORIGIN, "example.org/caja+norte"),
        BODY.replace(ORIGIN, "example.org/caja\u2028norte"),
        BODY.replace("70000", "070000"),
        BODY.replace("70000", "00"),
        BODY.replace("70000", "+70000"),
        BODY.replace("70000", "-70000"),
        BODY.replace("70000", " 70000"),
        BODY.replace("70000", "70000 "),
        BODY.replace("70000", "70_000"),
        BODY.replace("70000", "7e4"),
        BODY.replace("70000", "0x11170"),
        BODY.replace("70000", "70000.0"),
        BODY.replace("70000", "\u0667\u0660\u0660\u0660\u0660"),
        BODY.replace("70000", "9223372036854775808"),
        BODY.replace("70000", "9" * 5000),
        BODY.replace(ROOT64, ROOT.hex()),
        BODY.replace(ROOT64, ROOT64[:-1]),
        BODY.replace(ROOT64, ROOT64[:-2] + "9="),
        BODY.replace(ROOT64, ROOT64[:-4]),
        BODY.replace(ROOT64, ROOT64[:-1] + "AA=="),
        BODY.replace(ROOT64, " " + ROOT64),
        BODY.replace(ROOT64, ROOT64 + " "),
        BODY.replace(ROOT64, ROOT64.replace("A", "\u0410")),
    ],
)
def test_texts_that_are_no_checkpoint(body: str) -> None:
    assert body != BODY
    with pytest.raises(BrokenProof):
        parse_body(body)


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("", 1, ROOT),
        Checkpoint("a b", 1, ROOT),
        Checkpoint("a\nb", 1, ROOT),
        Checkpoint(ORIGIN, -1, ROOT),
        Checkpoint(ORIGIN, 2**63, ROOT),
        Checkpoint(ORIGIN, 1, ROOT[:-1]),
        Checkpoint(ORIGIN, 1, b""),
    ],
)
def test_checkpoints_that_cannot_be_written(checkpoint: Checkpoint) -> None:
    with pytest.raises(BrokenProof):
        body_of(checkpoint)


def test_extension_lines_are_refused_in_our_own_and_let_through_on_request() -> None:
    extended = BODY + "some fact\n"
    note = sign_note(extended, [LOG])
    with pytest.raises(BrokenProof, match="extension"):
        parse_body(extended)
    with pytest.raises(BrokenProof, match="extension"):
        open_checkpoint(note, [LOG.verifier])
    assert parse_body(extended, extensions=True) == CHECKPOINT
    assert open_checkpoint(note, [LOG.verifier], extensions=True) == CHECKPOINT
    for wrong in (BODY + "\n", BODY + "\nfact\n", BODY + "fact\n\n", BODY + "fact"):
        with pytest.raises(BrokenProof):
            parse_body(wrong, extensions=True)


def test_the_log_itself_must_have_signed() -> None:
    """A trusted witness does not make a checkpoint of a log whose key did not sign."""
    known = [LOG.verifier, WITNESS.verifier]
    with pytest.raises(BrokenProof, match="no known key of the log"):
        open_checkpoint(sign_note(BODY, [WITNESS]), known)
    both = sign_checkpoint(CHECKPOINT, [WITNESS, LOG])
    assert open_checkpoint(both, known) == CHECKPOINT
    with pytest.raises(BrokenProof, match="no known key of the log"):
        open_checkpoint(both, [WITNESS.verifier])


def test_a_signer_of_another_name_cannot_sign_for_the_log() -> None:
    for signers in ([], [WITNESS], [poster("example.org")]):
        with pytest.raises(BrokenProof, match="no signer"):
            sign_checkpoint(CHECKPOINT, signers)


def test_openssl_agrees(tmp_path: Path) -> None:
    """The signature of a checkpoint, checked by a program that knows nothing of notes."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command on this machine")
    version = subprocess.run([openssl, "version"], capture_output=True, check=True).stdout
    if version.split()[:2] < [b"OpenSSL", b"3"]:
        pytest.skip(f"needs OpenSSL 3 for -rawin, found {version.decode().strip()}")

    text, _, line = sign_checkpoint(CHECKPOINT, [LOG]).decode().rpartition("\n\n")
    pem = Ed25519PublicKey.from_public_bytes(LOG.verifier.public_key).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "pub.pem").write_bytes(pem)
    encoded = line.split(" ")[2].strip()
    decoded = subprocess.run(
        [openssl, "base64", "-d", "-A"], input=encoded.encode(), capture_output=True, check=True
    ).stdout
    (tmp_path / "sig").write_bytes(decoded[4:])

    def verified(body: str) -> bool:
        (tmp_path / "body").write_text(body, encoding="utf-8", newline="")
        command = "pkeyutl -verify -pubin -inkey pub.pem -rawin -in body -sigfile sig"
        done = subprocess.run(
            [openssl, *command.split()], cwd=tmp_path, capture_output=True, check=False
        )
        return done.returncode == 0

    assert verified(text + "\n")
    assert not verified(text)
    assert not verified(text.replace("70000", "70001") + "\n")


def test_the_origin_of_a_batch() -> None:
    origin = f"{ORIGIN}/batch/0191f3b2-7c5d-7abc-8def-0123456789ab"
    assert batch_origin(ORIGIN, BATCH) == origin
    assert parse_batch_origin(origin) == (ORIGIN, BATCH)


@given(st.uuids())
def test_any_batch_comes_back(batch_id: UUID) -> None:
    assert parse_batch_origin(batch_origin(ORIGIN, batch_id)) == (ORIGIN, batch_id)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ORIGIN,
        f"{ORIGIN}/batch/",
        f"{ORIGIN}/batch",
        f"/batch/{BATCH}",
        f"{BATCH}",
        f"{ORIGIN}/{BATCH}",
        f"{ORIGIN}/batches/{BATCH}",
        f"{ORIGIN}/Batch/{BATCH}",
        f"{ORIGIN}/batch/{str(BATCH).upper()}",
        f"{ORIGIN}/batch/{BATCH.hex}",
        f"{ORIGIN}/batch/{{{BATCH}}}",
        f"{ORIGIN}/batch/urn:uuid:{BATCH}",
        f"{ORIGIN}/batch/{BATCH}/",
        f"{ORIGIN}/batch/{BATCH}0",
        f"{ORIGIN}/batch/{str(BATCH)[:-1]}",
        f"{ORIGIN}/batch/{BATCH}/batch/{BATCH}",
        f"{ORIGIN} x/batch/{BATCH}",
        f"{ORIGIN}+x/batch/{BATCH}",
        f"{ORIGIN}/batch/{BATCH}\n",
    ],
)
def test_origins_that_are_no_batch(text: str) -> None:
    with pytest.raises(BrokenProof):
        parse_batch_origin(text)


@pytest.mark.parametrize("ledger", ["", "a b", "a+b", f"{ORIGIN}/batch/{BATCH}"])
def test_ledgers_that_have_no_batches(ledger: str) -> None:
    with pytest.raises(BrokenProof):
        batch_origin(ledger, BATCH)


def batch_note(origin: str, size: int = 3, signed_as: str | None = None) -> bytes:
    return sign_note(body_of(Checkpoint(origin, size, ROOT)), [poster(signed_as or origin)])


def test_a_poster_signs_its_batch() -> None:
    origin = batch_origin(ORIGIN, BATCH)
    note = sign_checkpoint(Checkpoint(origin, 2, ROOT), [poster(origin)])
    assert open_batch_note(note, ORIGIN, BATCH, POSTER_KEY) == Checkpoint(origin, 2, ROOT)


@pytest.mark.parametrize(
    ("what", "note"),
    [
        ("another batch", batch_note(batch_origin(ORIGIN, UUID(int=1)))),
        ("another ledger", batch_note(batch_origin("example.org/caja-sur", BATCH))),
        (
            "the text of this batch under the name of another",
            batch_note(
                batch_origin(ORIGIN, BATCH), signed_as=batch_origin(ORIGIN, UUID(int=1))
            ),
        ),
        (
            "the text of another batch under the name of this",
            batch_note(
                batch_origin(ORIGIN, UUID(int=1)), signed_as=batch_origin(ORIGIN, BATCH)
            ),
        ),
        ("the ledger's own checkpoint", batch_note(ORIGIN)),
        ("signed as the ledger", batch_note(batch_origin(ORIGIN, BATCH), signed_as=ORIGIN)),
        ("a manifest alone", batch_note(batch_origin(ORIGIN, BATCH), size=1)),
        ("nothing", batch_note(batch_origin(ORIGIN, BATCH), size=0)),
    ],
)
def test_notes_that_are_not_of_this_batch(what: str, note: bytes) -> None:
    with pytest.raises(BrokenProof):
        open_batch_note(note, ORIGIN, BATCH, POSTER_KEY)


def test_another_posters_key_did_not_sign_it() -> None:
    with pytest.raises(BrokenProof, match="no known key"):
        open_batch_note(
            batch_note(batch_origin(ORIGIN, BATCH)), ORIGIN, BATCH, LOG.verifier.public_key
        )


def test_a_poster_cannot_speak_for_the_ledger() -> None:
    """A batch's key known beside the ledger's does not make the ledger's checkpoint."""
    name = batch_origin(ORIGIN, BATCH)
    forged = sign_note(BODY, [poster(name)])
    with pytest.raises(BrokenProof, match="no known key of the log"):
        open_checkpoint(forged, [LOG.verifier, poster(name).verifier])


@pytest.mark.parametrize("text", ["0", "1", "10", "9223372036854775807"])
def test_counts(text: str) -> None:
    assert str(parse_decimal(text)) == text


@pytest.mark.parametrize(
    "text", ["", "00", "01", "-0", "+1", " 1", "1 ", "1\n", "1_0", "\u0661", "1\u0660"]
)
def test_counts_that_are_none(text: str) -> None:
    with pytest.raises(BrokenProof):
        parse_decimal(text)
