"""How things look in the journal's bytes, and how the ledger's own things are read.

Lines are read with the standard library's JSON, amounts with its decimals, hashes with its
SHA-256. Of what the ledger answers only fields are looked at; nothing of it is called.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from tests.simulation.auditor.state import POSTED, Leg, Place, Wanted, Why

if TYPE_CHECKING:
    from ledger.core.asked import AskedBatch, AskedTransfer
    from ledger.core.model import Account
    from ledger.core.written import AnyBatch

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCHEDULER = "tequio.schedules"  # Key, poster and source of what is posted for schedules.
NONE = 2**63 - 1  # How the ledger shows that there is no bound, or its negative.


class Broken(AssertionError):
    """The auditor found what must not be."""


def must(holds: object, what: str, *facts: object) -> None:
    if not holds:
        raise Broken(": ".join([what, *map(str, facts)]))


# ---- bytes


def read_line(data: bytes) -> dict[str, Any]:
    """A canonical line. What it is encoded to again must be what was read."""
    fields = json.loads(data)
    must(canonical(fields) == data, "a line that is not canonical", data)
    must(isinstance(fields, dict), "a line that is no object", data)
    return dict(fields)


def split_lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    must(lines.pop() == b"", "lines end in a line feed")
    must(lines, "no lines at all")
    return lines


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


TEXTS = ("debit_account", "credit_account", "amount", "currency", "kind", "reference")
TEXTS += ("entered_by", "approved_by")  # Of a transfer that is asked for.


def data_of(asked: "AnyBatch") -> bytes:
    """The lines that a batch came as; nothing of one that came as JSON."""
    return getattr(asked, "data", b"")


@lru_cache(maxsize=256)
def body_of(data: bytes) -> tuple[dict[str, Any], Sequence[dict[str, Any]]]:
    """The manifest and the transfers of a batch, read; not to be changed."""
    manifest, *transfers = map(read_line, split_lines(data))
    return manifest, transfers


def digest_of(salt: str, asked: "AnyBatch", *, is_whole: bool = False, batch: str = "") -> str:
    """SHA-256 over a salt and a request: its descriptions only where it is whole.

    Args:
        batch: an id in place of its own, where it came as JSON.
    """
    request = data_of(asked) or _request_of(cast("AskedBatch", asked), is_whole, batch)
    return in_base64(sha256(base64.b64decode(salt) + request).digest())


def _request_of(asked: "AskedBatch", is_whole: bool, batch: str) -> bytes:
    transfers = []
    for t in asked.transfers:
        fields: dict[str, Any] = {name: getattr(t, name) for name in TEXTS}
        fields["description"] = t.description if is_whole else ""
        for name in ("business_date", "value_date"):
            fields[name] = (
                "" if date_or_none(getattr(t, name)) is None else str(getattr(t, name))
            )
        fields["terms"] = terms_of(t)
        if "expires" in fields["terms"]:
            moment = cast(Any, t.terms).expires.isoformat()
            fields["terms"]["expires"] = moment.replace("+00:00", "Z")
        transfers.append({name: value for name, value in fields.items() if value})
    request: dict[str, object] = {"id": batch or str(asked.id), "transfers": transfers}
    if asked.mode != "atomic":
        request["mode"] = str(asked.mode)
    for name in ("source", "late", "count", "control_sums"):
        value = getattr(asked, name)
        if isinstance(value, str | int | dict):
            request[name] = value
    return canonical(request)


# ---- fields


def date_or_none(value: object) -> date | None:
    return value if isinstance(value, date) else None


def or_none(value: Any) -> Any:
    """A field of the ledger's; None where it says that it is not there."""
    return value if isinstance(value, int | str | date | dict | list) else None


def rule_of(rule: Any, *optional: str) -> dict[str, Any]:
    """A rule as it stands in a line: without what is as it would be without being said."""
    fields = {name: or_none(getattr(rule, name)) for name in rule.__struct_fields__}
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in fields.items()
        if value is not None and (value or name not in optional)
    }


def date_of(fields: Mapping[str, Any], name: str) -> date | None:
    return date.fromisoformat(fields[name]) if name in fields else None


def wanted_of(one: dict[str, Any]) -> Wanted:
    """A line of a batch."""
    return Wanted(
        one["debit_account"],
        one["credit_account"],
        one["amount"],
        one["kind"],
        one.get("reference", ""),
        date_of(one, "business_date"),
        date_of(one, "value_date"),
        one.get("terms", {}),
    )


TERMS = ("action", "target", "release", "entry", "up_to", "rest", "suspense", "adjusting")
TERMS += ("residue",)


def terms_of(t: "AskedTransfer") -> dict[str, Any]:
    """Terms as they stand in a line, but with codes of accounts."""
    asked: Any = t.terms
    if not asked:
        return {}
    terms = {name: getattr(asked, name) for name in TERMS}
    terms = {name: one for name, one in terms.items() if isinstance(one, str | int) and one}
    if asked.expires:
        terms["expires"] = (asked.expires - EPOCH) // timedelta(microseconds=1)
    if asked.rate:
        terms["rate"] = {"d": asked.rate.d, "n": asked.rate.n}
    return terms


# ---- what the ledger shows


def place_of(account: "Account") -> Place:
    return Place(
        number=account.number,
        code=account.code,
        currency=account.currency,
        nature=str(account.nature),
        kind=account.kind,
        holder=in_base64(account.holder),
        lower=None if account.lower == -NONE else account.lower,
        upper=None if account.upper == NONE else account.upper,
        soft=str(account.soft or ""),
        status=str(account.status),
        balance=account.balance,
        pending_debits=account.pending_debits,
        pending_credits=account.pending_credits,
    )


def legs_of(posted: Any) -> list[Leg]:
    """The columns of what was posted, as legs; none of what is not posted."""
    if not hasattr(posted, "first_sequence"):
        return []
    sequences = range(posted.first_sequence, posted.first_sequence + len(posted.amount))
    columns = (posted.debit, posted.credit, posted.amount)
    after = (posted.debit_balance, posted.credit_balance)
    phases = posted.phases or [POSTED] * len(posted.amount)
    every = zip(posted.positions, sequences, *columns, *after, phases, strict=True)
    return [Leg(*one) for one in every]


def notes_of(posted: Any) -> dict[int, dict[str, Any]]:
    """What was noted of transfers, as it stands in the outcomes."""
    notes: dict[int, dict[str, Any]] = {}
    for position, note in posted.notes.items():
        notes[position] = fields = {}
        if note.amount is not None:
            fields["amount"] = note.amount
        if note.suspense is not None:
            fields["suspense"], fields["why"] = note.suspense, note.why
        if note.flags:
            fields["flags"] = list(map(str, note.flags))
        if note.beside:
            names = ("amount", "credit_account", "debit_account", "kind")
            fields["beside"] = [
                {name: getattr(row, name) for name in names} for row in note.beside
            ]
        if note.fraction is not None:
            fields["fraction"] = {"d": note.fraction.d, "n": note.fraction.n}
        if note.business_date is not None:
            fields["business_date"] = note.business_date.isoformat()
    return notes


def why_of(refusal: Any) -> Why | None:
    if not hasattr(refusal, "code"):
        return None
    return Why(refusal.position, str(refusal.code), refusal.account, refusal.available)


def why_in(fields: Mapping[str, Any]) -> Why:
    """Why a batch was refused, as its leaf says."""
    available = fields.get("available")
    return Why(
        fields.get("position"),
        fields["code"],
        fields.get("account"),
        None if available is None else int(available),
    )
