"""An auditor: books of their own, kept from the journal's bytes, and no code of the ledger's.

Lines are read with the standard library's JSON, amounts with its decimals, hashes with its
SHA-256. What the auditor knows besides is what clients asked and what they were answered.
"""

import base64
import json
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from ledger.core.asked import AskedBatch, AskedTransfer
from ledger.core.model import Account
from ledger.core.ports import AskedAccount, LedgerView, Receipt, RefusedReceipt
from ledger.memory import MemoryDatabase

SCALE = 2
NONE = 2**63 - 1  # How the ledger answers that there is no bound, or its negative.


@dataclass(frozen=True)
class Place:
    """How an account stands."""

    code: str
    lower: int | None
    upper: int | None
    status: str = "open"
    balance: int = 0


@dataclass(frozen=True)
class Leg:
    """A posted transfer, with the balances after it."""

    position: int
    sequence: int
    debit: int
    credit: int
    amount: int
    debit_balance: int
    credit_balance: int


@dataclass
class Entry:
    """A leaf, read."""

    fields: dict[str, Any]
    manifest: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)


class Auditor:
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._entries: list[Entry] = []
        self._states: list[list[Place]] = [[]]  # By size.
        self._numbers: dict[str, int] = {}
        self._spent: dict[UUID, int] = {}
        self._references: dict[tuple[str, str], int] = {}  # And the leaf that took it.
        self._answers: dict[UUID, object] = {}
        self._transfers = [0]  # By size.
        self._batches = [0]

    # ---- what clients were told

    def posted(self, asked: AskedBatch, receipt: Receipt, signed: int) -> None:
        """The batch is there with this content, signed, and its receipts are all the same."""
        entry = self._answered(asked, receipt.leaf_index, signed, "batch")
        assert self._same_content(entry, asked), (asked, entry)
        posted = receipt.posted
        columns = zip(
            posted.positions,
            range(posted.first_sequence, posted.first_sequence + len(posted.amount)),
            posted.debit,
            posted.credit,
            posted.amount,
            posted.debit_balance,
            posted.credit_balance,
            strict=True,
        )
        assert entry.legs == [Leg(*column) for column in columns]
        refused = tuple((r.position, r.code, r.account, r.available) for r in posted.refused)
        told = (receipt.leaf_index, receipt.leaf, entry.legs, refused)
        assert self._answers.setdefault(asked.id, told) == told, "another receipt than before"

    def refused(self, asked: AskedBatch, receipt: RefusedReceipt, signed: int) -> None:
        """The refusal is there, it is justified, and it stays the answer."""
        entry = self._answered(asked, receipt.leaf_index, signed, "refused")
        assert entry.fields["digest"] == _digest(entry.fields["salt"], asked)
        assert asked.mode.value == "atomic", "of an each batch transfers are refused"
        assert self._is_refusable(asked, receipt.leaf_index), (asked, entry.fields)
        told = (receipt.leaf_index, receipt.leaf)
        assert self._answers.setdefault(asked.id, told) == told, "another receipt than before"

    def used_by_another(self, asked: AskedBatch) -> None:
        """The id is spent, and on something else."""
        self._read()
        entry = self._entries[self._spent[asked.id]]
        if entry.fields["line"] == "batch":
            assert not self._same_content(entry, asked), asked
        else:
            assert entry.fields["digest"] != _digest(entry.fields["salt"], asked)

    def stood(self, account: Account, signed: int) -> None:
        """The account stood so after some leaf, and that leaf is signed."""
        self._read()
        shown = Place(
            code=account.code,
            lower=None if account.lower == -NONE else account.lower,
            upper=None if account.upper == NONE else account.upper,
            status=account.status.value,
            balance=account.balance,
        )
        states = self._states[: signed + 1]
        assert any(shown in state[account.number - 1 : account.number] for state in states)

    def other_account(self, asked: AskedAccount) -> None:
        """The code is used, and not just so."""
        self._read()
        place = self._states[-1][self._numbers[asked.code] - 1]
        assert place.lower != _minor(asked.lower_bound) or place.upper is not None

    def seen(self, size: int, balances: tuple[int, ...]) -> None:
        """What a reader saw is what was after the first `size` leaves, all committed."""
        self._read()
        assert balances == tuple(place.balance for place in self._states[size])

    def viewed(self, view: LedgerView) -> None:
        self._read()
        assert view.accounts == len(self._states[view.size])
        assert view.batches == self._batches[view.size]
        assert view.transfers == self._transfers[view.size]

    def size(self) -> int:
        """How many leaves are committed."""
        self._read()
        return len(self._entries)

    def final(self, checkpoint: bytes, sent: set[UUID]) -> None:
        """All is signed, under a root we find ourselves; nothing is there that nobody sent."""
        self._read()
        _, size, root, *_ = checkpoint.split(b"\n")
        lines = self._database.ledgers[1].lines
        assert int(size) == len(lines)
        assert base64.b64decode(root) == _root([_leaf_hash(line) for line in lines])
        assert self._spent.keys() <= sent
        assert self._answers.keys() <= self._spent.keys()
        assert sum(place.balance for place in self._states[-1]) == 0

    # ---- the journal

    def _answered(self, asked: AskedBatch, index: int, signed: int, line: str) -> Entry:
        self._read()
        assert index < signed, "answered before it was signed"
        assert self._spent[asked.id] == index
        entry = self._entries[index]
        assert entry.fields["line"] == line
        return entry

    def _read(self) -> None:
        """Take in what was committed since."""
        ledger = self._database.ledgers[1]
        for index in range(len(self._entries), len(ledger.lines)):
            kept = ledger.batch_at.get(index)
            body = b"" if kept is None else kept.body
            outcomes = b"" if kept is None else kept.outcomes
            self._take(ledger.lines[index], body, outcomes)

    def _take(self, line: bytes, body: bytes, outcomes: bytes) -> None:
        index = len(self._entries)
        entry = Entry(_line(line))
        fields = entry.fields
        if self._entries:
            assert fields["recorded_at"] >= self._entries[-1].fields["recorded_at"]
        state = list(self._states[-1])
        match fields["line"]:
            case "account":
                assert fields["code"] not in self._numbers
                state.append(Place(fields["code"], fields.get("lower"), fields.get("upper")))
                assert fields["number"] == len(state)
                self._numbers[fields["code"]] = len(state)
            case "limit":
                at = fields["account"] - 1
                old = state[at]
                state[at] = Place(
                    old.code, fields.get("lower"), fields.get("upper"), old.status, old.balance
                )
            case "status":
                at = fields["account"] - 1
                old = state[at]
                assert old.status != fields["status"], "a line that changes nothing"
                state[at] = Place(old.code, old.lower, old.upper, fields["status"], old.balance)
            case "batch" | "refused":
                batch_id = UUID(fields["batch"])
                assert batch_id not in self._spent, "an id was spent twice"
                self._spent[batch_id] = index
                if fields["line"] == "batch":
                    self._post(entry, body, outcomes, state)
        self._entries.append(entry)
        self._states.append(state)
        self._transfers.append(self._transfers[-1] + len(entry.legs))
        self._batches.append(self._batches[-1] + (fields["line"] == "batch"))

    def _post(self, entry: Entry, body: bytes, outcomes: bytes, state: list[Place]) -> None:
        lines = body.split(b"\n")
        assert lines.pop() == b""
        fields = entry.fields
        assert fields["root"] == _text(_root([_leaf_hash(line) for line in lines]))
        entry.manifest, *entry.asked = map(_line, lines)
        assert fields["count"] == entry.manifest["count"] == len(entry.asked)
        assert fields["number"] == self._batches[-1] + 1
        assert fields["first_sequence"] == self._transfers[-1] + 1
        told = [_line(one) for one in outcomes.split(b"\n")[:-1]]
        is_refused = {one["position"] for one in told if "code" in one}
        assert not is_refused or entry.manifest["mode"] == "each"
        assert (fields.get("outcomes") is not None) is bool(is_refused)
        source = entry.manifest.get("source", "")
        before = set(self._references)
        seen: set[str] = set()
        for position, one in enumerate(entry.asked):
            reference = one.get("reference", "")
            taken = reference in seen or (source, reference) in before
            why = self._why_not(
                state,
                one["debit_account"],
                one["credit_account"],
                one["amount"],
                self._unique and bool(reference) and taken,
            )
            assert bool(why) is (position in is_refused), (position, why, one)
            seen.add(reference)
            if not why:
                self._move(entry, position, one, state)
                if reference and self._unique:
                    self._references[source, reference] = len(self._entries)
        assert fields["posted"] == len(entry.legs)

    @property
    def _unique(self) -> bool:
        return bool(self._entries[0].fields["unique_references"])

    def _move(
        self, entry: Entry, position: int, one: dict[str, Any], state: list[Place]
    ) -> None:
        debit, credit, amount = one["debit_account"], one["credit_account"], one["amount"]
        for number, change in ((debit, -amount), (credit, amount)):
            old = state[number - 1]
            state[number - 1] = Place(
                old.code, old.lower, old.upper, old.status, old.balance + change
            )
        entry.legs.append(
            Leg(
                position,
                self._transfers[-1] + len(entry.legs) + 1,
                debit,
                credit,
                amount,
                state[debit - 1].balance,
                state[credit - 1].balance,
            )
        )

    def _why_not(
        self, state: list[Place], debit: int, credit: int, amount: int, is_taken: bool
    ) -> str:
        """Why a transfer cannot be posted on this state; empty when it can."""
        if not 1 <= debit <= len(state) or not 1 <= credit <= len(state):
            return "no such account"
        if debit == credit:
            return "one account"
        payer, payee = state[debit - 1], state[credit - 1]
        if is_taken:
            return "reference"
        if payer.status != "open" or payee.status != "open":
            return "not open"
        if payer.lower is not None and payer.balance - amount < payer.lower:
            return "lower bound"
        if payee.upper is not None and payee.balance + amount > payee.upper:
            return "upper bound"
        return ""

    def _is_refusable(self, asked: AskedBatch, index: int) -> bool:
        """Whether some transfer of it could not be posted on the state before a leaf."""
        balances = list(self._states[index])
        source = asked.source if isinstance(asked.source, str) else ""
        seen: set[str] = set()
        entry = Entry({})
        for position, t in enumerate(asked.transfers):
            debit, credit = (
                self._number(t.debit_account, index),
                self._number(t.credit_account, index),
            )
            earlier = self._references.get((source, t.reference), index) < index
            taken = self._unique and bool(t.reference) and (earlier or t.reference in seen)
            amount = _minor(t.amount)
            if self._why_not(balances, debit, credit, amount, taken):
                return True
            seen.add(t.reference)
            one = {"debit_account": debit, "credit_account": credit, "amount": amount}
            self._move(entry, position, one, balances)
        return False

    def _number(self, code: str, size: int) -> int:
        """An account's number as it was known after `size` leaves; 0 for a code unknown."""
        number = self._numbers.get(code, 0)
        return number if number <= len(self._states[size]) else 0

    def _same_content(self, entry: Entry, asked: AskedBatch) -> bool:
        index = self._spent[asked.id]
        manifest = entry.manifest
        if (manifest["mode"], manifest.get("source")) != (asked.mode.value, asked.source):
            return False
        return len(entry.asked) == len(asked.transfers) and all(
            self._same_line(line, t, index)
            for line, t in zip(entry.asked, asked.transfers, strict=True)
        )

    def _same_line(self, line: dict[str, Any], t: AskedTransfer, index: int) -> bool:
        numbers = (self._number(t.debit_account, index), self._number(t.credit_account, index))
        return (
            (line["debit_account"], line["credit_account"]) == numbers
            and line["amount"] == _minor(t.amount)
            and line["kind"] == t.kind
            and line.get("reference", "") == t.reference
            and ("details" in line) is bool(t.description)
        )


def _line(data: bytes) -> dict[str, Any]:
    """A canonical line. What it is encoded to again must be what was read."""
    fields = json.loads(data)
    assert _canonical(fields) == data
    assert isinstance(fields, dict)
    return fields


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _digest(salt: str, asked: AskedBatch) -> str:
    """SHA-256 over a refused batch's salt and its request without descriptions."""
    transfers = []
    for t in asked.transfers:
        names = ("debit_account", "credit_account", "amount", "currency", "kind", "reference")
        fields = {name: getattr(t, name) for name in names}
        transfers.append({name: value for name, value in fields.items() if value})
    request: dict[str, object] = {"id": str(asked.id), "transfers": transfers}
    if asked.mode.value != "atomic":
        request["mode"] = asked.mode.value
    if isinstance(asked.source, str):
        request["source"] = asked.source
    return _text(sha256(base64.b64decode(salt) + _canonical(request)).digest())


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _minor(text: str) -> int:
    return int(Decimal(text).scaleb(SCALE))


def _leaf_hash(line: bytes) -> bytes:
    return sha256(b"\x00" + line).digest()


def _root(hashes: list[bytes]) -> bytes:
    """The root of RFC 6962, as its section 2.1 words it."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return sha256(b"\x01" + _root(hashes[:half]) + _root(hashes[half:])).digest()
