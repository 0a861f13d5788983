"""Signed notes (C2SP signed-note v1.0.0): text, a blank line, and who signed it.

A note is believed when a key we know signed it. Lines by unknown keys are kept and
ignored; one bad signature under a known name and key id refuses the note. We read more
strictly than the specification where two readers could differ: base64 in its one form, no
control character of any kind, no line twice. Where several lines are by one known key,
each must verify and the key counts once.
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from ledger.journal.faults import BrokenProof

NOTE_MAX = 8192  # Bytes of a whole note.
SIGNATURES_MAX = 16  # The most lines the specification bids every reader accept.
ED25519 = 0x01  # The signature type we sign and verify; others stay lines we cannot read.
KEY_ID_SIZE = 4
KEY_SIZE = 32  # Bytes of an Ed25519 public key, and of the seed of a private one.
SIGNATURE_SIZE = 64  # Bytes of an Ed25519 signature.

_DASH = "\u2014 "  # Begins a signature line.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")  # All of them but the newline.

# RFC 8032, section 5.1: the field, and the curve -x^2 + y^2 = 1 + d x^2 y^2.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
# The y of the eight points whose order divides 8. With one of these as public key a
# signature can hold for any message. The two long ones are those of order 8.
_SMALL_ORDER_Y = frozenset(
    {
        0,
        1,
        _P - 1,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    }
)


class NoteVerifier(Protocol):
    """A known key: who it is in a signature line, and whether a signature is its own."""

    @property
    def name(self) -> str: ...
    @property
    def key_id(self) -> bytes: ...
    def verify(self, message: bytes, signature: bytes) -> bool: ...


class NoteSigner(Protocol):
    """A key that signs: who it is in a signature line, and its signatures."""

    @property
    def name(self) -> str: ...
    @property
    def key_id(self) -> bytes: ...
    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One line under a note: a key's name and id, and a signature not yet believed."""

    name: str
    key_id: bytes  # Four bytes.
    signature: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note as it was read: nothing in it is believed yet."""

    text: str  # With its final newline: exactly what is signed.
    signatures: tuple[SignatureLine, ...]

    def __bytes__(self) -> bytes:
        return f"{self.text}\n{''.join(map(str, self.signatures))}".encode()


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note that known keys signed."""

    text: str
    signed_by: tuple[NoteVerifier, ...]  # Each once, in the order of their first lines.
    unknown: tuple[SignatureLine, ...]  # By keys that were not given; worth nothing.


class Signer:
    """An Ed25519 private key that signs notes under a name."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        self.verifier = Verifier(name, private_key.public_key().public_bytes_raw())
        self._private_key = private_key

    @property
    def name(self) -> str:
        return self.verifier.name

    @property
    def key_id(self) -> bytes:
        return self.verifier.key_id

    @property
    def vkey(self) -> str:
        """The public half, as verifiers are told it."""
        return self.verifier.vkey

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature (RFC 8032, section 5.1.6)."""
        return self._private_key.sign(message)

    def __repr__(self) -> str:
        return f"Signer({self.vkey!r})"  # Never anything of the private half.


class Verifier:
    """An Ed25519 public key known by a name.

    Raises:
        BrokenProof: the name cannot be a key's, or the key is refused by check_public_key.
    """

    def __init__(self, name: str, public_key: bytes) -> None:
        check_name(name)
        self._key = _loaded(bytes(public_key))
        self.name = name
        self.public_key = bytes(public_key)
        self.key_id = key_id(name, ED25519, public_key)

    @property
    def vkey(self) -> str:
        """The key as text: name, key id and key, with plus signs between."""
        return format_vkey(self.name, ED25519, self.public_key)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's (RFC 8032, section 5.1.7).

        Verifiers differ on signatures made to make them differ. This one accepts only what
        all of them do: no cofactor, S reduced, R spelled canonically (the library sees to
        these three) and not of small order.
        """
        if len(signature) != SIGNATURE_SIZE or _y_of(signature[:32]) in _SMALL_ORDER_Y:
            return False
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Verifier) and (self.name, self.public_key) == (
            other.name,
            other.public_key,
        )

    def __hash__(self) -> int:
        return hash((self.name, self.public_key))

    def __repr__(self) -> str:
        return f"Verifier({self.vkey!r})"


def signer_from_seed(name: str, seed: bytes) -> Signer:
    """The signer whose private key is this 32-byte seed (RFC 8032, section 5.1.5).

    Raises:
        BrokenProof: the seed has another length, or the name cannot be a key's.
    """
    if len(seed) != KEY_SIZE:
        raise BrokenProof("a seed is 32 bytes", f"not {len(seed)}")
    return Signer(name, Ed25519PrivateKey.from_private_bytes(seed))


def key_id(name: str, signature_type: int, public_key: bytes) -> bytes:
    """The four bytes that tell a key's lines apart: a hash of name, type and key."""
    return sha256(name.encode() + b"\n" + bytes([signature_type]) + public_key).digest()[:4]


def format_vkey(name: str, signature_type: int, public_key: bytes) -> str:
    """A verifier key as text: `<name>+<key id in hex>+<base64 of type and key>`."""
    number = key_id(name, signature_type, public_key).hex()
    return f"{name}+{number}+{encode_base64(bytes([signature_type]) + public_key)}"


def parse_vkey(text: str) -> Verifier:
    """Read a verifier key of type Ed25519.

    Raises:
        BrokenProof: malformed; another signature type; a key id that is not the key's;
            a key refused by check_public_key.
    """
    parts = text.split("+", 2)  # No more: base64 has plus signs of its own.
    if len(parts) != 3:
        raise BrokenProof("a verifier key has three parts", repr(text[:80]))
    name, number, encoded = parts
    typed = decode_base64(encoded)
    if typed[:1] != bytes([ED25519]):
        raise BrokenProof("not a verifier key of type Ed25519", repr(text[:80]))
    verifier = Verifier(name, typed[1:])
    if verifier.key_id.hex() != number:
        raise BrokenProof("the key id is not the key's", repr(text[:80]))
    return verifier


def check_public_key(public_key: bytes) -> None:
    """Raise unless the bytes are an Ed25519 public key that can be somebody's own.

    Refused are wrong lengths, a y that is not reduced (a second spelling of some key),
    points of small order (any of 14 spellings, among them x = 0 with its sign set), and
    bytes that are no point of the curve. A key that has a part of small order passes:
    without a cofactor, as we verify, it gives its owner nothing others would refuse.

    Raises:
        BrokenProof: one of these.
    """
    if len(public_key) != KEY_SIZE:
        raise BrokenProof("a public key is 32 bytes", f"not {len(public_key)}")
    y = _y_of(public_key)
    if y >= _P:
        raise BrokenProof("not a canonical public key", public_key.hex())
    if y in _SMALL_ORDER_Y:
        raise BrokenProof("a public key of small order", public_key.hex())
    # x^2 = (y^2 - 1) / (d y^2 + 1) has a root when the product of the two is a square.
    product = (y * y - 1) * (_D * y * y + 1)
    if pow(product, (_P - 1) // 2, _P) != 1:
        raise BrokenProof("not a point of the curve", public_key.hex())


def _y_of(point: bytes) -> int:
    """The y of an encoded point, without the sign of x (RFC 8032, section 5.1.2)."""
    return int.from_bytes(point, "little") & (2**255 - 1)


@lru_cache(maxsize=1024)  # Checking costs nearly a verification; posters come again.
def _loaded(public_key: bytes) -> Ed25519PublicKey:
    check_public_key(public_key)
    return Ed25519PublicKey.from_public_bytes(public_key)


def check_name(name: str) -> None:
    """Raise unless a key may be called so: not empty, no plus, no space, no control.

    Raises:
        BrokenProof: it may not.
    """
    bad = "+" in name or _CONTROL.search(name) or any(map(str.isspace, name))
    if not name or bad or not _is_utf8(name):
        raise BrokenProof("not the name of a key", repr(name[:80]))


def parse_note(data: bytes) -> Note:
    """Read a note's form. Nothing in it may be believed before open_note.

    Raises:
        BrokenProof: too long, not UTF-8, a control character, no blank line, no signature
            line, more than SIGNATURES_MAX, or one that is malformed or there twice.
    """
    if len(data) > NOTE_MAX:
        raise BrokenProof("note too long", f"{len(data)} bytes, at most {NOTE_MAX}")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenProof("note is not UTF-8", f"byte {error.start}") from None
    if control := _CONTROL.search(whole):
        raise BrokenProof("control character in a note", f"character {control.start()}")
    # The last blank line: those before it belong to the text.
    text, blank, below = whole.rpartition("\n\n")
    if not blank:
        raise BrokenProof("note without a blank line before its signatures")
    lines = below.split("\n")
    if lines.pop() != "" or not lines:
        raise BrokenProof("note does not end in a signature line")
    if len(lines) > SIGNATURES_MAX:
        raise BrokenProof("too many signature lines", f"{len(lines)}, at most 16")
    if len(set(lines)) != len(lines):
        raise BrokenProof("a signature line twice")
    return Note(text=text + "\n", signatures=tuple(map(_parse_signature_line, lines)))


def _parse_signature_line(line: str) -> SignatureLine:
    """Read a signature line without its newline."""
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH):
        raise BrokenProof("not a signature line", repr(line[:80]))
    check_name(name)
    signature = decode_base64(encoded)
    if len(signature) <= KEY_ID_SIZE:
        raise BrokenProof("signature line without a signature", repr(line[:80]))
    return SignatureLine(name, signature[:KEY_ID_SIZE], signature[KEY_ID_SIZE:])


def parse_signature_lines(data: bytes) -> tuple[SignatureLine, ...]:
    """Read signature lines alone, as a witness answers with (C2SP tlog-witness).

    Raises:
        BrokenProof: what parse_note raises for a note with these lines.
    """
    note = parse_note(b"\n\n" + data)
    if note.text != "\n":
        raise BrokenProof("more than signature lines")
    return note.signatures


def open_note(data: bytes, verifiers: Iterable[NoteVerifier]) -> OpenedNote:
    """Read a note and believe it, if a key among `verifiers` signed it.

    Raises:
        BrokenProof: malformed (parse_note); a known key's signature fails; no known key
            signed; two different verifiers share a name and key id.
    """
    known: dict[tuple[str, bytes], NoteVerifier] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            raise BrokenProof("two keys with one name and key id", verifier.name)
    note = parse_note(data)
    message = note.text.encode()
    signed_by: dict[tuple[str, bytes], NoteVerifier] = {}
    unknown: list[SignatureLine] = []
    for line in note.signatures:
        who = (line.name, line.key_id)
        if who not in known:
            unknown.append(line)
        elif known[who].verify(message, line.signature):
            signed_by[who] = known[who]
        else:
            raise BrokenProof("signature of a known key fails", line.name)
    if not signed_by:
        raise BrokenProof("no known key signed the note")
    return OpenedNote(note.text, tuple(signed_by.values()), tuple(unknown))


def sign_note(text: str, signers: Sequence[NoteSigner]) -> bytes:
    """The note of this text, signed by each signer in turn.

    `text` ends in a newline, which is signed with it.

    Raises:
        BrokenProof: the result would not be a note: see parse_note.
    """
    if not text.endswith("\n") or not _is_utf8(text):
        raise BrokenProof("the text of a note is UTF-8 and ends in a newline")
    message = text.encode()
    lines = tuple(SignatureLine(s.name, s.key_id, s.sign(message)) for s in signers)
    return _written(Note(text, lines))


def add_signatures(data: bytes, lines: Iterable[SignatureLine]) -> bytes:
    """The note with further lines below its own, those it has already left out.

    Raises:
        BrokenProof: the note is malformed, or would be: see parse_note.
    """
    note = parse_note(data)
    return _written(Note(note.text, tuple(dict.fromkeys((*note.signatures, *lines)))))


def _written(note: Note) -> bytes:
    """The bytes of a note, after reading them back: what we write, everyone can read."""
    data = bytes(note)
    if parse_note(data) != note:
        raise BrokenProof("the note would be read differently")
    return data


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return b64encode(data).decode("ascii")


def decode_base64(text: str) -> bytes:
    """The bytes of standard base64 in its one canonical form (RFC 4648, section 4).

    Raises:
        BrokenProof: foreign characters, wrong padding, or bits left over that are not zero.
    """
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BrokenProof("not base64", repr(text[:80])) from None
    if encode_base64(data) != text:
        raise BrokenProof("not canonical base64", repr(text[:80]))
    return data


def _is_utf8(text: str) -> bool:
    """Whether the text has bytes: a lone surrogate has none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
