"""Lines: batches in their posters' own bytes, the notes over them, and the keys that count."""

import base64
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.simulation.auditor.asked import minor_of
from tests.simulation.auditor.books import Books, Entry, always, line, shown
from tests.simulation.auditor.forms import (
    body_of,
    data_of,
    date_of,
    date_or_none,
    digest_of,
    in_base64,
    must,
    or_none,
    split_lines,
    terms_of,
)
from tests.simulation.auditor.trees import root_of

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.asked import AskedBatch, AskedTransfer
    from ledger.core.refusals import Refusal
    from ledger.core.written import AnyBatch

NEVER = 2**62  # How the ledger shows that a key was not revoked.
MISSING, NOT_ACCEPTED = "signature_missing", "signature_not_accepted"
SIGNATURES = (MISSING, NOT_ACCEPTED)


# ---- keys


@line("poster_key")
def _poster_key(books: Books, entry: Entry) -> None:
    """A key is registered once, for one poster, and revoked once."""
    poster, key = entry.fields["poster"], entry.fields["public_key"]
    if entry.fields["action"] == "register":
        books.once("registering of a key", key)
        books.shelve("poster_key", key, (poster, entry.index, None))
        return
    there = books.get("poster_key", key)
    must(there and (there[0], there[2]) == (poster, None), "revoked, though it counts not", key)
    books.shelve("poster_key", key, (*there[:2], entry.index))


@shown("poster_key")
def _poster_keys(book: Any) -> dict[Any, Any]:
    return {
        in_base64(key): (poster, span.since, None if span.until == NEVER else span.until)
        for poster, key, span in book.posters.all()
    }


def keys_of(books: Books, poster: str, size: int, *, also_revoked: bool = False) -> list[str]:
    """The keys that count for a poster's batch that is the leaf after `size` others."""
    return [
        key
        for key, (whose, _, until) in books.shelf.all_at("poster_key", size).items()
        if whose == poster and (until is None or also_revoked)
    ]


def key_told(
    books: Books,
    action: str,
    poster: str,
    key: str,
    refusal: "Refusal | None",
    signed: int,
) -> None:
    """It counts, or no more; or was refused, as it is another's, or nobody's."""
    books.read()
    stood = [(0, None), *books.shelf.stood("poster_key", key)]
    ends = [(size, one and (one[0], one[2] is None)) for size, one in stood]
    match refusal and refusal.code:
        case None:
            so = (poster, action == "register")
            must(any(end == so and size <= signed for size, end in ends), "never so", key)
        case "poster_key_used":
            is_used = any(end not in (None, (poster, True)) for _, end in ends)
            must(action == "register" and is_used, "a key that is free is used", key)
        case code:
            is_theirs = ends[-1][1] is not None and ends[-1][1][0] == poster
            is_so = code == "poster_key_not_found" and action == "revoke"
            must(is_so and (not is_theirs or len(stood) > 1), "refused without reason", key)
            must(not is_theirs or ends[0][1] is None, "a key that is there is not found", key)


# ---- signatures


def check_root(books: Books, entry: Entry, root: str) -> None:
    """The leaf names the root of what is kept, itself or by its poster's note over it.

    Args:
        root: over the lines that are kept, in base64.
    """
    fields, note = entry.fields, entry.fields.get("note")
    is_one = fields["signed"] is (note is not None) is ("root" not in fields)
    must(is_one, "signed and unsigned at once", fields)
    keys = keys_of(books, fields["poster"], fields.get("proposed", entry.index))
    if note is None:
        must(fields["root"] == root, "the body is not what the leaf names")
        must(not keys, "posted unsigned, though its poster has a key", fields)
        return
    origin = f"{books.origin}/batch/{fields['batch']}"
    is_good = any(_signs(key, note, origin, fields["count"] + 1, root) for key in keys)
    must(is_good, "signed by no key that counts", fields)
    sent = [(data_of(one), _note_of(one)) for one in _sent(books, fields)]
    must((entry.body, note) in sent, "kept otherwise than it was sent", fields)


@always
def _authorised(books: Books, entry: Entry) -> None:
    """What waits, or was refused, is signed as it must be, or it would have left no trace."""
    fields, at = entry.fields, entry.index
    if fields["line"] == "refused":
        ending = books.shelf.at("ending", "", at)
        at = at if ending is None else ending.proposal.index
        is_signed = bool(keys_of(books, fields["poster"], at))
        must(fields["signed"] is is_signed, "refused, but to be left without a trace", fields)
    elif fields["line"] == "proposed":
        salt, poster = fields["salt"], fields["poster"]
        whys = [
            why_unsigned(books, one, poster, at)
            for one in _sent(books, fields)
            if digest_of(salt, one, is_whole=True) == fields["digest"]
        ]
        must(not whys or None in whys, "waits, though it is not signed as it must be", whys)


def why_unsigned(books: Books, asked: "AnyBatch", poster: str, size: int) -> str | None:
    """Why a batch that would be the leaf after `size` others is not signed as it must be."""
    keys = keys_of(books, poster, size)
    if not _note_of(asked):
        return MISSING if keys else None
    return None if _is_signed(books, asked, keys) else NOT_ACCEPTED


def refused_for_it(
    books: Books, asked: "AnyBatch", poster: str, refusal: "Refusal", since: int
) -> None:
    """It was not signed as it had to be at some moment since it was asked.

    Nor was it there before: then its sender learns what became of it, whatever became of
    the key meanwhile. But for whom no key of the poster signs, the ledger has no answer.

    Args:
        since: how many leaves there were then.
    """
    books.read()
    sizes = books.sizes(since)
    found = {why_unsigned(books, asked, poster, size) for size in sizes}
    must(refusal.code in found, "refused without reason", refusal, found)
    ever = keys_of(books, poster, len(books.entries), also_revoked=True)
    if not _note_of(asked) or _is_signed(books, asked, ever):
        spent = [books.spent.get(asked.id, since)]
        spent += [size - 1 for size, _ in books.shelf.stood("proposal", asked.id)[:1]]
        must(min(spent) >= since, "not answered again, but asked for a signature", asked.id)


def _sent(books: Books, fields: dict[str, Any]) -> "list[AnyBatch]":
    """All that was ever sent under the id of a leaf."""
    return [one for one, _ in books.sent.get(UUID(fields["batch"]), ())]


def _note_of(asked: "AnyBatch") -> str:
    return or_none(getattr(asked, "note", None)) or ""


def _is_signed(books: Books, asked: "AnyBatch", keys: Iterable[str]) -> bool:
    lines = split_lines(data_of(asked))
    origin, root = f"{books.origin}/batch/{asked.id}", in_base64(root_of(lines))
    return any(_signs(key, _note_of(asked), origin, len(lines), root) for key in keys)


def _signs(key: str, note: str, origin: str, size: int, root: str) -> bool:
    """Whether a note says this, and a signature in it is by this key, so named."""
    text, _, signatures = note.partition("\n\n")
    if text != f"{origin}\n{size}\n{root}":
        return False
    public = base64.b64decode(key)
    key_id = sha256(f"{origin}\n".encode() + b"\x01" + public).digest()[:4]
    for signature in signatures.removesuffix("\n").split("\n"):
        _, name, code = signature.split(" ")
        data = base64.b64decode(code)
        if (name, data[:4]) != (origin, key_id):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(data[4:], f"{text}\n".encode())
        except InvalidSignature:
            continue
        return True
    return False


# ---- lines told in words


def shows(books: Books, data: bytes, shown: "AskedBatch") -> bool:
    """Whether a request says in people's words what lines say in numbers."""
    manifest, transfers = body_of(data)
    names = ("mode", "source", "late")
    said = [or_none(getattr(shown, name)) for name in names]
    if said != [manifest.get(name) for name in names] or len(shown.transfers) != len(transfers):
        return False
    sums = or_none(shown.control_sums)
    told = sums and {code: str(minor_of(books, text, code)) for code, text in sums.items()}
    return told == manifest.get("control_sums") and all(
        _shows_one(books, one, t) for one, t in zip(transfers, shown.transfers, strict=True)
    )


def _shows_one(books: Books, one: dict[str, Any], t: "AskedTransfer") -> bool:
    def is_called(number: int, code: str) -> bool:  # By its number, where nobody knew it yet.
        return code == str(number) or books.numbers.get(code) == number

    terms, told = dict(one.get("terms", {})), terms_of(t)
    places = [(terms.pop(name, 0), told.pop(name, "0")) for name in ("rest", "suspense")]
    sides = ("debit_account", "credit_account")
    places += [(one[side], getattr(t, side)) for side in sides]
    texts = ("reference", "entered_by", "approved_by")
    days = ("business_date", "value_date")
    return (
        all(is_called(number, code) for number, code in places)
        and (not t.currency or minor_of(books, t.amount, t.currency) == one["amount"])
        and t.kind == one["kind"]
        and all(getattr(t, name) == one.get(name, "") for name in texts)
        and all(date_or_none(getattr(t, name)) == date_of(one, name) for name in days)
        and terms == told
    )
