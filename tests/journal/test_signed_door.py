"""The signed door: canonical lines and a note, one reading in every language.

The bytes below are a vector: whoever implements a poster from JOURNAL.md must arrive at the
same root and, with the same seed, at the same note.
"""

from typing import Literal
from uuid import UUID

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.book import Book
from ledger.core.faults import JournalBroken, MalformedLine
from ledger.core.leaves import BatchPosted, PosterKey
from ledger.core.lines import Manifest, Transfer
from ledger.journal.batches import Body, read_body, write_body
from ledger.journal.canonical import decode_leaf, encode_line
from ledger.journal.checkpoints import (
    Checkpoint,
    batch_origin,
    open_batch_note,
    sign_checkpoint,
)
from ledger.journal.faults import BrokenProof
from ledger.journal.notes import signer_from_seed
from ledger.journal.replay import replay
from tests.core.books import NOW, ORIGIN, TODAY, Mode, add, opened

BATCH = UUID("0192f0c1-2a3b-7c4d-8e5f-a0b1c2d3e4f5")
SEED = bytes(range(32))
BODY = b"""\
{"control_sums":{"MXN":"1750"},"count":2,"created":1700000000000000,"expires":1700000060000000,\
"line":"manifest","mode":"atomic",\
"origin":"example.org/caja/batch/0192f0c1-2a3b-7c4d-8e5f-a0b1c2d3e4f5",\
"salt":"AAECAwQFBgcICQoLDA0ODw==","source":"till-1"}
{"amount":1250,"credit_account":2,"debit_account":1,"kind":"deposit","reference":"R-1"}
{"amount":500,"business_date":"2023-11-13","credit_account":2,"debit_account":1,\
"kind":"deposit","salt":"EBESExQVFhcYGRobHB0eHw=="}
"""
NOTE = """\
example.org/caja/batch/0192f0c1-2a3b-7c4d-8e5f-a0b1c2d3e4f5
3
{root}

— example.org/caja/batch/0192f0c1-2a3b-7c4d-8e5f-a0b1c2d3e4f5 {signature}
"""

VECTOR_ROOT = "3fa2682d4015870d9ba0cf7570275cf45c39fbed9fcb945803c59a29fab32844"
VECTOR_ROOT_64 = "P6JoLUAVhw2boM91cCdc9Fw5++2fy5RYA8WaKfqzKEQ="
VECTOR_SIGNATURE = (
    "5SvCEPKYYqQhbIPEwQaaDhrcTx4G/FEmt9umepskF3eZGGax"
    "kSihIA2AquJWx+JyN0FS7mEQgip/f1Zs0wcuOG+cAgE="
)


def written() -> Body:
    manifest = Manifest(
        origin=batch_origin(ORIGIN, BATCH),
        created=NOW,
        expires=NOW + 60_000_000,
        count=2,
        mode=Mode.ATOMIC,
        salt=bytes(range(16)),
        source="till-1",
        control_sums={"MXN": "1750"},
    )
    lines = [
        Transfer(
            amount=1250, debit_account=1, credit_account=2, kind="deposit", reference="R-1"
        ),
        Transfer(
            amount=500,
            debit_account=1,
            credit_account=2,
            kind="deposit",
            business_date=TODAY.replace(day=13),
            salt=bytes(range(16, 32)),
        ),
    ]
    return write_body(manifest, lines)


def note_of(root: bytes, *, size: int = 3, batch: UUID = BATCH, ledger: str = ORIGIN) -> bytes:
    origin = batch_origin(ledger, batch)
    return sign_checkpoint(Checkpoint(origin, size, root), [signer_from_seed(origin, SEED)])


def public_key() -> bytes:
    return signer_from_seed("x", SEED).verifier.public_key


def leaf_of(note: bytes, **changes: object) -> bytes:
    leaf = BatchPosted(
        recorded_at=NOW,
        number=1,
        batch=BATCH,
        poster="caja-1",
        business_date=TODAY,
        count=2,
        posted=2,
        first_sequence=1,
        signed=True,
        note=note.decode(),
    )
    return encode_line(replace(leaf, **changes))


def register(book: Book, action: Literal["register", "revoke"] = "register") -> None:
    book.apply(
        PosterKey(
            recorded_at=NOW, action=action, poster="caja-1", public_key=public_key(), by="op-1"
        )
    )


@pytest.mark.parametrize("told", [[], ["register", "revoke"]])
def test_only_a_key_that_counts_signs(told: list[Literal["register", "revoke"]]) -> None:
    book = opened()
    add(book, "cash", lower=None)
    add(book, "ana")
    for action in told:
        register(book, action)
    body = written()
    with pytest.raises(JournalBroken, match="signature_not_accepted"):
        replay(book, leaf_of(note_of(body.root)), body.data)


def test_who_has_a_key_signs() -> None:
    book = opened()
    add(book, "cash", lower=None)
    add(book, "ana")
    register(book)
    body = written()
    signed = leaf_of(note_of(body.root))
    unsigned = encode_line(
        replace(decode_leaf(signed), signed=False, note=UNSET, root=body.root)
    )
    with pytest.raises(JournalBroken, match="signature_missing"):
        replay(book, unsigned, body.data)


def test_the_vector() -> None:
    """The bytes, the root and the signature are what they were."""
    body = written()
    assert body.data == BODY
    assert body.root.hex() == VECTOR_ROOT
    assert note_of(body.root).decode() == NOTE.format(
        root=VECTOR_ROOT_64, signature=VECTOR_SIGNATURE
    )


def test_the_note_binds_poster_batch_and_ledger() -> None:
    body = written()
    note = note_of(body.root)
    checkpoint = open_batch_note(note, ORIGIN, BATCH, public_key())
    assert (checkpoint.size, checkpoint.root) == (3, body.root)
    other_key = signer_from_seed("x", bytes(32)).verifier.public_key
    for ledger, batch, key in [
        ("example.org/red", BATCH, public_key()),
        (ORIGIN, UUID(int=1), public_key()),
        (ORIGIN, BATCH, other_key),
    ]:
        with pytest.raises(BrokenProof):
            open_batch_note(note, ledger, batch, key)


def test_a_signed_batch_is_replayed() -> None:
    book = opened()
    add(book, "cash", lower=None)
    add(book, "ana")
    register(book)
    body = written()
    replay(book, leaf_of(note_of(body.root)), body.data)
    assert book.balance[1:].tolist() == [-1750, 1750]


@pytest.mark.parametrize(
    ("note", "changes"),
    [
        (note_of(bytes(32)), {}),
        (note_of(written().root, size=4), {}),
        (note_of(written().root, batch=UUID(int=1)), {}),
        (note_of(written().root, ledger="example.org/red"), {}),
        (note_of(written().root), {"signed": False}),
        (note_of(written().root), {"root": written().root}),
        (note_of(written().root), {"batch": UUID(int=1)}),
        (b"no note", {}),
    ],
    ids=["root", "size", "batch", "ledger", "unsigned", "both", "leaf", "none"],
)
def test_a_note_for_something_else_breaks_the_journal(
    note: bytes, changes: dict[str, object]
) -> None:
    book = opened()
    add(book, "cash", lower=None)
    add(book, "ana")
    with pytest.raises(JournalBroken):
        replay(book, leaf_of(note, **changes), written().data)
    assert book.transfers == 0


NOT_CANONICAL = {
    "space": BODY.replace(b'"count":2', b'"count": 2'),
    "order": BODY.replace(
        b'{"amount":1250,"credit_account":2', b'{"credit_account":2,"amount":1250'
    ),
    "duplicate": BODY.replace(b'"amount":1250', b'"amount":1,"amount":1250'),
    "escape": BODY.replace(b'"R-1"', b'"R\\u002d1"'),
    "null": BODY.replace(b'"reference":"R-1"', b'"reference":null'),
    "empty": BODY.replace(b'"reference":"R-1"', b'"reference":""'),
    "float": BODY.replace(b'"amount":1250', b'"amount":1250.0'),
    "exponent": BODY.replace(b'"amount":1250', b'"amount":125e1'),
    "minus zero": BODY.replace(b'"amount":1250', b'"amount":-0'),
    "zero": BODY.replace(b'"amount":1250', b'"amount":0'),
    "leading zero": BODY.replace(b'"amount":1250', b'"amount":01250'),
    "2^53": BODY.replace(b'"amount":1250', b'"amount":9007199254740992'),
    "2^64": BODY.replace(b'"amount":1250', b'"amount":18446744073709551616'),
    "negative": BODY.replace(b'"amount":1250', b'"amount":-1250'),
    "text amount": BODY.replace(b'"amount":1250', b'"amount":"1250"'),
    "unknown field": BODY.replace(
        b'"kind":"deposit","ref', b'"kind":"deposit","note":"x","ref'
    ),
    "free text": BODY.replace(b'"R-1"', b'"para la renta"'),
    "kind": BODY.replace(b'"deposit","ref', b'"Deposit","ref'),
    "short salt": BODY.replace(b"EBESExQVFhcYGRobHB0eHw==", b"EBESExQVFhcYGRobHB0e"),
    "salt bits": BODY.replace(b"EBESExQVFhcYGRobHB0eHw==", b"EBESExQVFhcYGRobHB0eHx=="),
    "date": BODY.replace(b"2023-11-13", b"2023-11-31"),
    "date form": BODY.replace(b"2023-11-13", b"20231113"),
    "byte order mark": b"\xef\xbb\xbf" + BODY,
    "carriage return": BODY.replace(b"\n", b"\r\n"),
    "empty line": BODY + b"\n",
    "no last line feed": BODY[:-1],
    "count": BODY.replace(b'"count":2', b'"count":3'),
    "third line": BODY + BODY.split(b"\n")[1] + b"\n",
    "not UTF-8": BODY.replace(b'"R-1"', b'"\xff"'),
    "lone surrogate": BODY.replace(b'"R-1"', b'"\\ud800"'),
    "deep": b'{"line":' + b"[" * 100_000 + b"\n",
    "nothing": b"",
    "no manifest": BODY.split(b"\n", 1)[1],
}


@pytest.mark.parametrize("data", NOT_CANONICAL.values(), ids=NOT_CANONICAL)
def test_only_canonical_bytes_are_read(data: bytes) -> None:
    """One spelling: what was signed can be read one way only."""
    assert data != BODY
    with pytest.raises(MalformedLine):
        read_body(data)
