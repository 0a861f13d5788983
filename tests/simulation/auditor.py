"""An auditor: books of their own, kept from the journal's bytes, and no code of the ledger's.

Lines are read with the standard library's JSON, amounts with its decimals, hashes with its
SHA-256, signatures with the library that made them. What the auditor knows besides is what
clients asked and what they were answered. It looks at every answer when it is given, and after
every step at all that was committed since.

A new command of the ledger has three places here, each of which a reader finds by its name:

1.  Its line in the journal: a function under `@line("name")` in LINES. It checks that the line
    may follow, with `_must`, and moves the books, with `books.put`. What may happen only once
    (a batch id, the end of a hold) is said with `books.once`. A line without a function here
    is a failure.
2.  What it changes about posting: `_why_not` gives the one code for which a transfer is
    refused on a state, or nothing, and is held to "exactly when".
3.  Its answer: a method of Books which the workload calls with what was asked and answered.

What holds after every line, such as sums of zero, is in `_hold_invariants`.
"""

import base64
import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.asked import AskedBatch, AskedTransfer
    from ledger.core.book import Book, Posted
    from ledger.core.lines import Opening
    from ledger.core.model import Account
    from ledger.core.ports import (
        AskedAccount,
        AskedCurrency,
        LedgerView,
        Receipt,
        RefusedReceipt,
        TransferRow,
    )
    from ledger.core.refusals import Refusal
    from ledger.memory import MemoryDatabase

NONE = 2**63 - 1  # How the ledger shows that there is no bound, or its negative.
WHOLE_BATCH = (
    "currency_not_found",
    "currency_must_match_accounts",
    "control_sums_differ",
)


class Broken(AssertionError):
    """The auditor found what must not be."""


def _must(holds: object, what: str, *facts: object) -> None:
    if not holds:
        raise Broken(": ".join([what, *map(str, facts)]))


# ---- what the books hold


@dataclass(frozen=True)
class Place:
    """How an account stands. Bounds and balance are minor units, credits minus debits."""

    number: int
    code: str
    currency: str
    nature: str
    kind: str
    holder: str
    lower: int | None
    upper: int | None
    status: str = "open"
    balance: int = 0


@dataclass(frozen=True)
class Wanted:
    """A transfer that is asked for, by numbers; 0 is a code that is not known."""

    debit: int
    credit: int
    amount: int
    reference: str = ""
    day: str = ""


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


@dataclass(frozen=True)
class Why:
    """Why a transfer cannot be."""

    position: int | None
    code: str
    account: int | None = None
    available: int | None = None


@dataclass
class Decided:
    """What a batch amounts to on a state: legs, refusals, and the places that moved."""

    legs: list[Leg] = field(default_factory=list)
    refused: list[Why] = field(default_factory=list)
    moved: dict[int, Place] = field(default_factory=dict)


@dataclass
class Entry:
    """A leaf, read, with what is kept beside it."""

    index: int
    fields: dict[str, Any]
    body: bytes = b""
    outcomes: bytes = b""
    manifest: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    refused: list[Why] = field(default_factory=list)


# ---- the lines of the journal, and what each may do to the books

LINES: dict[str, Callable[["Books", Entry], None]] = {}


def line(
    name: str,
) -> Callable[[Callable[["Books", Entry], None]], Callable[["Books", Entry], None]]:
    """Register what a line of this name does."""

    def register(do: Callable[["Books", Entry], None]) -> Callable[["Books", Entry], None]:
        LINES[name] = do
        return do

    return register


@line("ledger")
def _ledger(books: "Books", entry: Entry) -> None:
    _must(entry.index == 0, "a journal has one opening, and first")


@line("currency")
def _currency(books: "Books", entry: Entry) -> None:
    code = entry.fields["code"]
    books.once("currency", code)
    books.currencies[code] = (entry.fields["scale"], entry.fields["kind"], entry.index)


@line("account")
def _account(books: "Books", entry: Entry) -> None:
    fields = entry.fields
    books.once("account", fields["code"])
    books.once("holder", fields["holder"])
    _must(books.scale(fields["currency"]) is not None, "an account of no currency")
    _must(fields["number"] == len(books.places) + 1, "accounts are numbered in order")
    books.numbers[fields["code"]] = fields["number"]
    names = ("number", "code", "currency", "nature", "kind", "holder")
    place = Place(
        **{name: fields[name] for name in names},
        lower=fields.get("lower"),
        upper=fields.get("upper"),
    )
    _must(not _crossed(place), "bounds are crossed")
    books.put(place)


@line("limit")
def _limit(books: "Books", entry: Entry) -> None:
    old = books.now(entry.fields["account"])
    new = replace(old, lower=entry.fields.get("lower"), upper=entry.fields.get("upper"))
    _must(old.status != "closed", "a closed account changes no more")
    _must(new != old, "a line that changes nothing")
    _must(not _crossed(new), "bounds are crossed")
    books.put(new)


@line("status")
def _status(books: "Books", entry: Entry) -> None:
    old, status = books.now(entry.fields["account"]), entry.fields["status"]
    _must(old.status != "closed" or status == "open", "a closed account is only opened again")
    _must(old.status != status, "a line that changes nothing")
    _must(status != "closed" or old.balance == 0, "closed with a balance")
    books.put(replace(old, status=status))


@line("key")
def _key(books: "Books", entry: Entry) -> None:
    key = entry.fields["key"]
    if entry.fields["action"] == "grant":
        books.granted[key] = entry.fields
    else:
        books.revoked.add(key)


@line("snapshot")
def _snapshot(books: "Books", entry: Entry) -> None:
    size = entry.fields["size"]
    _must(size <= entry.index, "a snapshot of what was not yet")
    _must(entry.fields["accounts"] == books.accounts_at(size), "a snapshot of other accounts")


@line("refused")
def _refused(books: "Books", entry: Entry) -> None:
    books.once("batch", entry.fields["batch"])
    books.spent[UUID(entry.fields["batch"])] = entry.index
    books.check_day(entry)


@line("batch")
def _batch(books: "Books", entry: Entry) -> None:
    fields, at = entry.fields, entry.index
    books.once("batch", fields["batch"])
    books.spent[UUID(fields["batch"])] = at
    books.check_day(entry)
    lines = _split(entry.body)
    _must(fields["root"] == _text(root_of(lines)), "the body is not what the leaf names")
    entry.manifest, *entry.asked = map(_read, lines)
    manifest = entry.manifest
    _must(fields["count"] == manifest["count"] == len(entry.asked), "another count")
    _must(manifest["origin"] == f"{books.origin}/batch/{fields['batch']}", "another origin")
    _must(fields["recorded_at"] <= manifest["expires"], "posted after it expired")
    _must(fields["number"] == books.batches[at] + 1, "batches are numbered in order")
    _must(fields["first_sequence"] == books.transfers[at] + 1, "sequences are in order")
    wanted = [
        Wanted(
            one["debit_account"],
            one["credit_account"],
            one["amount"],
            one.get("reference", ""),
            one.get("business_date", ""),
        )
        for one in entry.asked
    ]
    if "control_sums" in manifest:
        sums = books.sums(wanted, at)
        _must(sums == manifest["control_sums"], "posted against its control sums")
    source = manifest.get("source", "")
    decided = books.decide(wanted, manifest["mode"], source, fields["business_date"], at)
    _must(fields["posted"] == len(decided.legs), "not what could be posted", decided.refused)
    _must(decided.legs or manifest["mode"] == "each", "nothing was posted")
    _check_outcomes(entry, decided)
    entry.legs, entry.refused = decided.legs, decided.refused
    for leg in decided.legs:
        reference = entry.asked[leg.position].get("reference", "")
        if reference and books.is_unique:
            books.once("reference", (source, reference))
            books.references[source, reference] = at
    for place in decided.moved.values():
        books.put(place)


def _check_outcomes(entry: Entry, decided: Decided) -> None:
    """Of a batch with refusals every position has its line, under a root of their own."""
    _must(bool(decided.refused) == ("outcomes" in entry.fields), "outcomes only with refusals")
    if not decided.refused:
        _must(not entry.outcomes, "outcomes of a batch without refusals")
        return
    lines = _split(entry.outcomes)
    _must(entry.fields["outcomes"] == _text(root_of(lines)), "other outcomes than the leaf's")
    expected: list[dict[str, Any]] = [
        {"position": leg.position, "sequence": leg.sequence} for leg in decided.legs
    ]
    for why in decided.refused:
        fields: dict[str, Any] = {"position": why.position, "code": why.code}
        if why.account is not None:
            fields["account"] = why.account
        if why.available is not None:
            fields["available"] = str(why.available)
        expected.append(fields)
    expected.sort(key=lambda fields: int(fields["position"]))
    found = list(map(_read, lines))
    _must(found == expected, "other outcomes", found, expected)


# ---- the books


class Books:
    """One ledger, from its journal's bytes."""

    def __init__(self, database: "MemoryDatabase", ledger_id: int) -> None:
        self._ledger = database.ledgers[ledger_id]
        self._seen: list[bytes] = []  # Leaves, as they were when they were read.
        self._kept: list[object] = []  # What stood beside them.
        self._once: set[tuple[str, object]] = set()
        self._told: dict[UUID, object] = {}
        self._peaks: list[tuple[bytes, int]] = []  # Whole subtrees and their leaves.
        self._signed: dict[bytes, int] = {}  # Checkpoints that were checked, and their size.
        self.entries: list[Entry] = []
        self.places: dict[int, list[tuple[int, Place]]] = {}  # By size from which they stand.
        self.numbers: dict[str, int] = {}
        self.currencies: dict[str, tuple[int, str, int]] = {}  # Scale, kind, index.
        self.references: dict[tuple[str, str], int] = {}  # And the leaf that took it.
        self.spent: dict[UUID, int] = {}
        self.granted: dict[str, dict[str, Any]] = {}
        self.revoked: set[str] = set()
        self.transfers = [0]  # By size, as are these:
        self.batches = [0]
        self.roots = [sha256(b"").digest()]

    # ---- for the lines

    @property
    def origin(self) -> str:
        return str(self.entries[0].fields["origin"])

    @property
    def is_unique(self) -> bool:
        return bool(self.entries[0].fields["unique_references"])

    def once(self, kind: str, what: object) -> None:
        """Fail when this was said before: what may happen once only."""
        _must((kind, what) not in self._once, f"a {kind} twice", what)
        self._once.add((kind, what))

    def put(self, place: Place) -> None:
        """From the leaf on that is being read, the account stands so."""
        self.places.setdefault(place.number, []).append((len(self.entries) + 1, place))

    def now(self, number: int) -> Place:
        """How an account stands after all that was read."""
        _must(number in self.places, "no such account", number)
        return self.places[number][-1][1]

    def at(self, number: int, size: int) -> Place | None:
        """How it stood after `size` leaves; None when it was not there."""
        history = self.places.get(number, [])
        after = bisect_right(history, size, key=lambda stand: stand[0])
        return history[after - 1][1] if after else None

    def accounts_at(self, size: int) -> int:
        return sum(1 for number in self.places if self.at(number, size) is not None)

    def number_at(self, code: str, size: int) -> int:
        """An account's number as it was known after `size` leaves; 0 for a code unknown."""
        number = self.numbers.get(code, 0)
        return number if number and self.at(number, size) is not None else 0

    def scale(self, currency: str, size: int | None = None) -> int | None:
        """Of a currency that was there after `size` leaves."""
        if currency not in self.currencies:
            return None
        scale, _, index = self.currencies[currency]
        return scale if size is None or index < size else None

    def day(self, now: int) -> str:
        """The business date of the ledger at a time."""
        zone = ZoneInfo(self.entries[0].fields["time_zone"])
        return datetime.fromtimestamp(now // 1_000_000, UTC).astimezone(zone).date().isoformat()

    def check_day(self, entry: Entry) -> None:
        day = self.day(entry.fields["recorded_at"])
        _must(entry.fields["business_date"] == day, "another business date", day)

    def sums(self, wanted: Sequence[Wanted], size: int) -> dict[str, str]:
        """Control sums: amounts by the currency of the debited account, or the credited."""
        sums: dict[str, int] = {}
        for one in wanted:
            place = self.at(one.debit, size) or self.at(one.credit, size)
            code = place.currency if place else ""
            sums[code] = sums.get(code, 0) + one.amount
        return {code: str(total) for code, total in sums.items()}

    def decide(
        self,
        wanted: Sequence[Wanted],
        mode: str,
        source: str,
        day: str,
        size: int,
        *,
        known: int | None = None,
    ) -> Decided:
        """What these transfers amount to on the state after `size` leaves.

        Args:
            known: of references, only those taken by so many leaves.
        """
        known = size if known is None else known
        decided = Decided()
        seen: set[str] = set()
        for position, one in enumerate(wanted):
            debit = decided.moved.get(one.debit) or self.at(one.debit, size)
            credit = decided.moved.get(one.credit) or self.at(one.credit, size)
            earlier = self.references.get((source, one.reference), known) < known
            taken = one.reference in seen or earlier
            is_taken = self.is_unique and bool(one.reference) and taken
            seen.add(one.reference)
            why = _why_not(one, debit, credit, position, is_taken=is_taken, day=day)
            if why is not None:
                if mode == "atomic":
                    return Decided(refused=[why])
                decided.refused.append(why)
                continue
            assert debit is not None
            assert credit is not None
            after_debit = replace(debit, balance=debit.balance - one.amount)
            after_credit = replace(credit, balance=credit.balance + one.amount)
            decided.moved[one.debit] = after_debit
            decided.moved[one.credit] = after_credit
            decided.legs.append(
                Leg(
                    position,
                    self.transfers[size] + len(decided.legs) + 1,
                    one.debit,
                    one.credit,
                    one.amount,
                    after_debit.balance,
                    after_credit.balance,
                )
            )
        return decided

    # ---- reading what was committed

    def read(self) -> None:
        """Take in what was committed since."""
        lines, kept = self._ledger.lines, self._ledger.batch_at
        for index in range(len(self._seen), len(lines)):
            beside = kept.get(index)
            body = b"" if beside is None else beside.body
            outcomes = b"" if beside is None else beside.outcomes
            entry = Entry(index, _read(lines[index]), body, outcomes)
            self._take(entry)
            posted = None if beside is None else beside.posted
            _must(_legs_of(posted) == entry.legs, "the rows are not what the journal says")
            self._seen.append(lines[index])
            self._kept.append(beside)

    def reread(self) -> None:
        """What was committed is still there, just as it was."""
        lines, kept = self._ledger.lines, self._ledger.batch_at
        is_there = lines[: len(self._seen)] == self._seen
        _must(is_there, "a leaf is missing, or another than it was")
        for index, beside in enumerate(self._kept):
            _must(kept.get(index) is beside, "what stood beside a leaf is gone", index)

    def _take(self, entry: Entry) -> None:
        fields = entry.fields
        kind = fields["line"]
        _must(kind in LINES, "a line that the auditor does not know", kind)
        _must((kind == "ledger") is (entry.index == 0), "a journal has one opening, and first")
        if self.entries:
            before = self.entries[-1].fields["recorded_at"]
            _must(fields["recorded_at"] >= before, "time went back")
        if kind == "ledger":  # Its own fields are asked for below.
            self.entries.append(entry)
            LINES[kind](self, entry)
        else:
            LINES[kind](self, entry)
            self.entries.append(entry)
        self.transfers.append(self.transfers[-1] + len(entry.legs))
        self.batches.append(self.batches[-1] + (kind == "batch"))
        self.roots.append(self._grow(_leaf_hash(self._ledger.lines[entry.index])))
        self._hold_invariants(entry)

    def _hold_invariants(self, entry: Entry) -> None:
        """What is true after every line, whatever it was."""
        sums = dict.fromkeys(self.currencies, 0)
        for history in self.places.values():
            place = history[-1][1]
            sums[place.currency] += place.balance
        _must(not any(sums.values()), "a currency does not sum to zero", sums)
        for leg in entry.legs:
            payer = self.now(leg.debit)
            payee = self.now(leg.credit)
            lower, upper = payer.lower, payee.upper
            _must(lower is None or leg.debit_balance >= lower, "below its lower bound", leg)
            _must(upper is None or leg.credit_balance <= upper, "above its upper bound", leg)

    def _grow(self, leaf: bytes) -> bytes:
        """One leaf more; the root over all (RFC 6962, section 2.1)."""
        peaks = self._peaks
        peaks.append((leaf, 1))
        while len(peaks) > 1 and peaks[-2][1] == peaks[-1][1]:
            (left, count), (right, _) = peaks[-2:]
            peaks[-2:] = [(_node_hash(left, right), 2 * count)]
        root = peaks[-1][0]
        for left, _ in reversed(peaks[:-1]):
            root = _node_hash(left, root)
        return root

    # ---- what was signed

    def signed(self, note: bytes) -> int:
        """The size of a checkpoint, once its signature, root and leaves are as they must be."""
        if note in self._signed:
            return self._signed[note]
        self.read()
        text, _, signatures = note.decode().partition("\n\n")
        origin, size, root = text.split("\n")
        _must(origin == self.origin, "the checkpoint of another log", origin)
        _must(int(size) < len(self.roots), "signed before it was committed", size)
        _must(base64.b64decode(root) == self.roots[int(size)], "signed another history", size)
        name, _, rest = str(self.entries[0].fields["public_key"]).partition("+")
        key = base64.b64decode(rest.partition("+")[2])
        _, signer, signature = signatures.strip("\n").split(" ")
        _must(signer == name == origin, "signed by another")
        public = Ed25519PublicKey.from_public_bytes(key[1:])
        public.verify(base64.b64decode(signature)[4:], f"{text}\n".encode())
        self._signed[note] = int(size)
        return int(size)

    def proved(self, index: int, proof: bytes) -> None:
        """The path leads from the leaf that is there to the root that was signed."""
        self.read()
        head, _, note = proof.partition(b"\n\n")
        title, place, *path = head.decode().split("\n")
        _must((title, place) == ("c2sp.org/tlog-proof@v1", f"index {index}"), "another proof")
        hashes = list(map(base64.b64decode, path))
        size = self.signed(note)
        root = _root_by(_leaf_hash(self._seen[index]), index, size, hashes)
        _must(root == self.roots[size], "a proof that proves nothing", index, size)

    # ---- what clients were told: batches

    def posted(self, asked: "AskedBatch", poster: str, receipt: "Receipt", signed: int) -> None:
        """The batch is there with this content, signed, and its receipts are all the same."""
        entry = self._answered(asked, poster, receipt.leaf_index, signed, "batch")
        _must(self._is_same(entry, asked, poster), "a receipt for something else", asked)
        _must(entry.legs == _legs_of(receipt.posted), "other legs than the journal's")
        refused = list(map(_why_of, receipt.posted.refused))
        _must(entry.refused == refused, "other refusals than the journal's")
        self._tell(asked.id, (receipt.leaf_index, receipt.leaf, entry.legs, refused))

    def refused(
        self, asked: "AskedBatch", poster: str, receipt: "RefusedReceipt", signed: int
    ) -> None:
        """The refusal is there, it is justified, and it stays the answer."""
        entry = self._answered(asked, poster, receipt.leaf_index, signed, "refused")
        fields = entry.fields
        _must(fields["digest"] == _digest(fields["salt"], asked), "refused something else")
        why = self._refusal(asked, fields["business_date"], entry.index)
        available = fields.get("available")
        told = Why(
            fields.get("position"),
            fields["code"],
            fields.get("account"),
            None if available is None else int(available),
        )
        _must(told == why, "refused for another reason", told, why)
        self._tell(asked.id, (receipt.leaf_index, receipt.leaf))

    def used_by_another(self, asked: "AskedBatch", poster: str) -> None:
        """The id is spent, and on something else."""
        self.read()
        _must(asked.id in self.spent, "used by nobody", asked.id)
        entry = self.entries[self.spent[asked.id]]
        if entry.fields["line"] == "batch":
            is_same = self._is_same(entry, asked, poster)
        else:
            digest = _digest(entry.fields["salt"], asked)
            is_same = (entry.fields["digest"], entry.fields["poster"]) == (digest, poster)
        _must(not is_same, "the same was refused as another", asked.id)

    def previewed(
        self, asked: "AskedBatch", outcome: "Posted | Refusal", since: int, days: set[str]
    ) -> None:
        """A dry run says what posting would have done at some moment since it was asked.

        The references it knows may be those of a moment before.
        """
        self.read()
        for size in range(since, len(self.roots)):
            recorded_at = self.entries[size - 1].fields["recorded_at"]
            for day in sorted({*days, self.day(recorded_at)}):
                for known in range(since, size + 1) if self.is_unique else [size]:
                    if self._would(asked, day, size, known) == _told(outcome):
                        return
        raise Broken(f"a dry run of what could never be: {outcome}")

    def _would(self, asked: "AskedBatch", day: str, size: int, known: int) -> object:
        why = self._refusal(asked, day, size, known=known)
        if why is not None:
            return why
        decided = self._decide_asked(asked, day, size, known=known)
        return decided.legs, decided.refused

    def malformed(self, asked: "AskedBatch") -> None:
        """There was something to be found fault with."""
        self.read()
        scales = {code: scale for code, (scale, _, _) in self.currencies.items()}
        decimals = [
            (t.amount.partition(".")[2], scales.get(t.currency, 0)) for t in asked.transfers
        ]
        sums = asked.control_sums
        if isinstance(sums, dict):
            decimals += [
                (text.partition(".")[2], scales.get(code, 99)) for code, text in sums.items()
            ]
        is_malformed = (
            any(len(fraction) > scale for fraction, scale in decimals)
            or any(Decimal(t.amount) <= 0 for t in asked.transfers)
            or (isinstance(asked.count, int) and asked.count != len(asked.transfers))
        )
        _must(is_malformed, "found malformed what is not", asked)

    def not_recorded(self, batch: UUID) -> None:
        """Nobody was told anything but that nothing was recorded, so nothing may be there."""
        self.read()
        _must(batch not in self.spent, "recorded, though it was said that it was not", batch)

    # ---- what clients were told: the rest

    def stood(self, account: "Account", signed: int) -> None:
        """The account stood so after some leaf, and that leaf is signed."""
        self.read()
        shown = _place_of(account)
        history = self.places.get(account.number, [])
        is_there = any(shown == place and size <= signed for size, place in history)
        _must(is_there, "an account as it never stood", account)

    def opened(
        self, asked: "Sequence[AskedAccount]", told: "Sequence[Account]", signed: int
    ) -> None:
        """Accounts that were asked for are there."""
        _must(len(asked) == len(told), "other accounts")
        for one, account in zip(asked, told, strict=True):
            self.stood(account, signed)
            first = self.places[account.number][0][1]
            names = ("code", "currency", "nature", "kind")
            for name in names:
                _must(getattr(first, name) == getattr(one, name), "another account", one)

    def refused_change(self, refusal: "Refusal", codes: Sequence[str]) -> None:
        """A change was refused, for something that is so by now, or was a moment ago."""
        self.read()
        numbers = [self.numbers.get(code, 0) for code in codes]
        places = [place for n in numbers for _, place in self.places.get(n, [])]
        match refusal.code:
            case "account_code_used":
                _must(places, "used by nobody", codes)
            case "account_not_found":
                pass  # It may have been opened since.
            case "account_closed":
                _must(any(place.status == "closed" for place in places), "not closed", codes)
            case "account_not_at_zero":
                _must(any(place.balance for place in places), "always at zero", codes)
            case "currency_not_found" | "bounds_crossed" | "account_code_looks_personal":
                pass
            case _:
                raise Broken(f"a change refused as {refusal.code}")

    def has_currency(self, asked: "AskedCurrency", refusal: "Refusal | None") -> None:
        self.read()
        _must(asked.code in self.currencies, "a currency is missing", asked.code)
        scale, kind, _ = self.currencies[asked.code]
        is_same = (scale, kind) == (asked.scale, asked.kind)
        _must(is_same is (refusal is None), "another currency", asked)

    def seen(self, size: int, places: "Sequence[Account]") -> None:
        """What a reader saw is what was after the first `size` leaves, all committed."""
        self.read()
        _must(size < len(self.roots), "read before it was committed", size)
        _must(len(places) == self.accounts_at(size), "other accounts than there were", size)
        for account in places:
            place = self.at(account.number, size)
            _must(_place_of(account) == place, "not as it stood", account, place)

    def viewed(self, view: "LedgerView") -> None:
        self.read()
        _must(view.size < len(self.roots), "seen before it was committed", view.size)
        _must(_opening_of(view.opening) == self._opening(), "another opening")
        _must(view.accounts == self.accounts_at(view.size), "another number of accounts")
        _must(view.batches == self.batches[view.size], "another number of batches")
        _must(view.transfers == self.transfers[view.size], "another number of transfers")

    def listed(self, rows: "Sequence[TransferRow]", number: int | None, after: int) -> None:
        """Rows of an account, or of all, are what the journal posted."""
        self.read()
        found = [
            (row.sequence, row.debit_account, row.credit_account, row.amount) for row in rows
        ]
        expected = [
            (leg.sequence, leg.debit, leg.credit, leg.amount)
            for leg in self._legs()
            if leg.sequence > after and (number is None or number in (leg.debit, leg.credit))
        ]
        _must(found == expected[: len(found)], "rows that the journal does not know")
        _must(len(found) == len(expected), "rows are missing", len(found), len(expected))

    def found(self, rows: "Sequence[TransferRow]", reference: str) -> None:
        """The transfers of a reference are those that the journal posted under it."""
        self.read()
        expected = [
            leg.sequence
            for entry in self.entries
            for leg in entry.legs
            if entry.asked[leg.position].get("reference", "") == reference
        ]
        _must([row.sequence for row in rows] == expected, "another finding", reference)

    def works(self, key: str, role: str, poster: str, accounts: Sequence[str]) -> None:
        """A key that works was given so in the journal."""
        self.read()
        _must(key in self.granted, "a key that nobody gave", key)
        given = self.granted[key]
        told = (given["role"], given.get("poster", ""), given.get("accounts", []))
        _must(told == (role, poster, list(accounts)), "a key with other rights", key)

    # ---- the live book

    def is_at(self, size: int) -> bool:
        """Whether this is all that is committed."""
        return size == len(self.entries)

    def lives(self, book: "Book") -> None:
        """The live book is what the journal amounts to."""
        _must(book.accounts == len(self.places), "the live book has other accounts")
        _must(book.transfers == self.transfers[-1], "the live book has other transfers")
        _must(book.batches == self.batches[-1], "the live book has other batches")
        for number, history in self.places.items():
            account = book.account(number)
            _must(_place_of(account) == history[-1][1], "the live book differs", account)

    # ---- how it ends

    def final(self, note: bytes, sent: set[UUID]) -> None:
        """All is signed, under a root found a second way; nothing is there nobody sent."""
        self.read()
        size = self.signed(note)
        _must(size == len(self._seen), "not all is signed", size, len(self._seen))
        _must(self.roots[-1] == root_of(self._seen), "the auditor's own roots differ")
        _must(self.spent.keys() <= sent, "batches that nobody sent")
        _must(self._told.keys() <= self.spent.keys(), "an acknowledged batch is missing")

    def told(self) -> set[UUID]:
        """Batches somebody has a receipt of."""
        return set(self._told)

    # ---- comparing

    def _answered(
        self, asked: "AskedBatch", poster: str, index: int, signed: int, kind: str
    ) -> Entry:
        self.read()
        _must(index < signed, "answered before it was signed", index, signed)
        _must(index < len(self.entries), "answered before it was committed", index)
        _must(self.spent.get(asked.id) == index, "a receipt of another leaf", asked.id)
        entry = self.entries[index]
        _must(entry.fields["line"] == kind, "a receipt of another kind", kind)
        _must(entry.fields["poster"] == poster, "a receipt of another poster's", poster)
        return entry

    def _tell(self, batch: UUID, told: object) -> None:
        _must(self._told.setdefault(batch, told) == told, "another receipt than before", batch)

    def _refusal(
        self, asked: "AskedBatch", day: str, size: int, *, known: int | None = None
    ) -> Why | None:
        """Why the whole batch must be refused on the state after `size` leaves."""
        stated = [(t.currency, self.scale(t.currency, size)) for t in asked.transfers]
        for position, (_, scale) in enumerate(stated):
            if scale is None:
                return Why(position, "currency_not_found")
        wanted = self._wanted(asked, size)
        if len([code for code in self.currencies if self.scale(code, size) is not None]) > 1:
            for position, (one, (code, _)) in enumerate(zip(wanted, stated, strict=True)):
                place = self.at(one.debit, size) or self.at(one.credit, size)
                if place is not None and place.currency != code:
                    return Why(position, "currency_must_match_accounts", place.number)
        is_known = all(one.debit and one.credit for one in wanted)
        if isinstance(asked.control_sums, dict) and (is_known or asked.mode == "each"):
            sums = asked.control_sums.items()
            told = {code: str(self._minor(text, code, size)) for code, text in sums}
            if told != self.sums(wanted, size):
                return Why(None, "control_sums_differ")
        if asked.mode == "each":
            return None
        refused = self._decide_asked(asked, day, size, known=known).refused
        return refused[0] if refused else None

    def _decide_asked(
        self, asked: "AskedBatch", day: str, size: int, *, known: int | None = None
    ) -> Decided:
        source = asked.source if isinstance(asked.source, str) else ""
        wanted = self._wanted(asked, size)
        return self.decide(wanted, str(asked.mode), source, day, size, known=known)

    def _wanted(self, asked: "AskedBatch", size: int) -> list[Wanted]:
        return [
            Wanted(
                self.number_at(t.debit_account, size),
                self.number_at(t.credit_account, size),
                self._minor(t.amount, t.currency),
                t.reference,
                _day(t.business_date),
            )
            for t in asked.transfers
        ]

    def _minor(self, text: str, currency: str, size: int | None = None) -> int:
        """Minor units; 0 of a currency that is not known, -1 where a fraction is left."""
        scale = self.scale(currency, size)
        if scale is None:
            return 0
        exact = Decimal(text).scaleb(scale)
        return int(exact) if exact == int(exact) else -1

    def _is_same(self, entry: Entry, asked: "AskedBatch", poster: str) -> bool:
        """Whether a posted batch is what is asked."""
        manifest = entry.manifest
        if any(self.scale(t.currency) is None for t in asked.transfers):
            return False
        sums = asked.control_sums if isinstance(asked.control_sums, dict) else None
        told = sums and {code: str(self._minor(text, code)) for code, text in sums.items()}
        if (manifest["mode"], manifest.get("source"), manifest.get("control_sums")) != (
            asked.mode,
            asked.source if isinstance(asked.source, str) else None,
            told,
        ):
            return False
        if entry.fields["poster"] != poster or len(entry.asked) != len(asked.transfers):
            return False
        sequences = {leg.position: leg.sequence for leg in entry.legs}
        return all(
            self._is_same_line(one, t, sequences.get(position))
            for position, (one, t) in enumerate(zip(entry.asked, asked.transfers, strict=True))
        )

    def _is_same_line(
        self, one: dict[str, Any], t: "AskedTransfer", sequence: int | None
    ) -> bool:
        """Place 0 in the line was a code unknown then, whatever it was."""
        numbers = [self.numbers.get(t.debit_account, 0), self.numbers.get(t.credit_account, 0)]
        first = next((number for number in numbers if number), None)
        if len(self.currencies) > 1 and first and self.now(first).currency != t.currency:
            return False
        if ("details" in one) is not bool(t.description):
            return False
        if t.description and sequence is not None:
            salt, text = self._ledger.details[sequence]
            _must(_text(sha256(salt + text.encode()).digest()) == one["details"], "details")
            if text != t.description:
                return False
        return (
            one["debit_account"] in (0, numbers[0])
            and one["credit_account"] in (0, numbers[1])
            and one["amount"] == self._minor(t.amount, t.currency)
            and one["kind"] == t.kind
            and one.get("reference", "") == t.reference
            and one.get("business_date", "") == _day(t.business_date)
        )

    def _legs(self) -> Iterator[Leg]:
        return (leg for entry in self.entries for leg in entry.legs)

    def _opening(self) -> tuple[object, ...]:
        fields = self.entries[0].fields
        names = ("code", "name", "origin", "time_zone", "unique_references", "public_key")
        return tuple(fields[name] for name in names)


def _why_not(
    one: Wanted,
    debit: Place | None,
    credit: Place | None,
    position: int,
    *,
    is_taken: bool,
    day: str,
) -> Why | None:
    """Why a transfer cannot be posted on this state, or None exactly when it can.

    The first reason counts; their order is that of REFERENCE.md.
    """
    if debit is None:
        return Why(position, "debit_account_not_found")
    if credit is None:
        return Why(position, "credit_account_not_found")
    if debit.number == credit.number:
        return Why(position, "accounts_must_differ", credit.number)
    if debit.currency != credit.currency:
        return Why(position, "accounts_of_different_currencies", credit.number)
    if is_taken:
        return Why(position, "reference_used")
    if one.day > day:
        return Why(position, "business_date_not_open")
    for status in ("closed", "frozen"):
        for side, place in (("debit", debit), ("credit", credit)):
            if place.status == status:
                return Why(position, f"{side}_account_{status}", place.number)
    if debit.lower is not None and debit.balance - one.amount < debit.lower:
        room = max(0, debit.balance - debit.lower)
        return Why(position, "exceeds_credit_limit", debit.number, room)
    if credit.upper is not None and credit.balance + one.amount > credit.upper:
        room = max(0, credit.upper - credit.balance)
        return Why(position, "exceeds_balance_limit", credit.number, room)
    return None


class Auditor:
    """The books of all ledgers of a database."""

    def __init__(self, database: "MemoryDatabase") -> None:
        self._database = database
        self._books: dict[int, Books] = {}
        self._size = 0

    def books(self, ledger: str) -> Books:
        """Those of the ledger with this code."""
        for ledger_id, kept in self._database.ledgers.items():
            if kept.code == ledger:
                return self._books.setdefault(ledger_id, Books(self._database, ledger_id))
        raise Broken(f"no ledger {ledger}")

    def size(self, ledger: str) -> int:
        """How many leaves of it are committed; 0 too when it is not there."""
        codes = [kept.code for kept in self._database.ledgers.values()]
        if ledger not in codes:
            return 0
        books = self.books(ledger)
        books.read()
        return len(books.entries)

    def signed(self, note: bytes) -> None:
        """A checkpoint that just left the signer."""
        origin = note.partition(b"\n")[0].decode()
        self.books(origin.rpartition("/")[2]).signed(note)

    def step(self) -> None:
        """All that must be so after every step, whatever it was."""
        ledgers = self._database.ledgers
        _must(len(ledgers) >= self._size, "a ledger is missing")
        self._size = len(ledgers)
        codes = [kept.code for kept in ledgers.values()]
        _must(len(codes) == len(set(codes)), "two ledgers of one code")
        for code in codes:
            books = self.books(code)
            books.reread()
            books.read()


# ---- forms


def _place_of(account: "Account") -> Place:
    return Place(
        number=account.number,
        code=account.code,
        currency=account.currency,
        nature=str(account.nature),
        kind=account.kind,
        holder=_text(account.holder),
        lower=None if account.lower == -NONE else account.lower,
        upper=None if account.upper == NONE else account.upper,
        status=str(account.status),
        balance=account.balance,
    )


def _opening_of(opening: "Opening") -> tuple[object, ...]:
    names = ("code", "name", "origin", "time_zone", "unique_references", "public_key")
    return tuple(getattr(opening, name) for name in names)


def _legs_of(posted: Any) -> list[Leg]:
    """The columns of what was posted, as legs; none of what is not posted."""
    if not hasattr(posted, "first_sequence"):
        return []
    sequences = range(posted.first_sequence, posted.first_sequence + len(posted.amount))
    columns = (posted.debit, posted.credit, posted.amount)
    after = (posted.debit_balance, posted.credit_balance)
    return [
        Leg(*one) for one in zip(posted.positions, sequences, *columns, *after, strict=True)
    ]


def _why_of(refusal: Any) -> Why | None:
    if not hasattr(refusal, "code"):
        return None
    return Why(refusal.position, str(refusal.code), refusal.account, refusal.available)


def _told(outcome: Any) -> object:
    """An outcome as `Books._would` has it."""
    why = _why_of(outcome)
    return (_legs_of(outcome), list(map(_why_of, outcome.refused))) if why is None else why


def _crossed(place: Place) -> bool:
    return place.lower is not None and place.upper is not None and place.lower > place.upper


def _day(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else ""


def _read(data: bytes) -> dict[str, Any]:
    """A canonical line. What it is encoded to again must be what was read."""
    fields = json.loads(data)
    _must(_canonical(fields) == data, "a line that is not canonical", data)
    _must(isinstance(fields, dict), "a line that is no object", data)
    return dict(fields)


def _split(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    _must(lines.pop() == b"", "lines end in a line feed")
    _must(lines, "no lines at all")
    return lines


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _digest(salt: str, asked: "AskedBatch") -> str:
    """SHA-256 over a refused batch's salt and its request without descriptions."""
    transfers = []
    for t in asked.transfers:
        names = ("debit_account", "credit_account", "amount", "currency", "kind", "reference")
        fields = {name: getattr(t, name) for name in names}
        fields["business_date"] = _day(t.business_date)
        transfers.append({name: value for name, value in fields.items() if value})
    request: dict[str, object] = {"id": str(asked.id), "transfers": transfers}
    if asked.mode != "atomic":
        request["mode"] = str(asked.mode)
    for name in ("source", "count", "control_sums"):
        value = getattr(asked, name)
        if isinstance(value, str | int | dict):
            request[name] = value
    return _text(sha256(base64.b64decode(salt) + _canonical(request)).digest())


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


# ---- trees, as RFC 6962 words them


def _leaf_hash(line: bytes) -> bytes:
    return sha256(b"\x00" + line).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _half(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def root_of(lines: Sequence[bytes]) -> bytes:
    """The root over lines (section 2.1)."""
    if len(lines) == 1:
        return _leaf_hash(lines[0])
    half = _half(len(lines))
    return _node_hash(root_of(lines[:half]), root_of(lines[half:]))


def _root_by(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an audit path leads to (section 2.1.1)."""
    if size == 1:
        _must(not path, "a path that is too long")
        return leaf
    half = _half(size)
    *below, sibling = path
    if index < half:
        return _node_hash(_root_by(leaf, index, half, below), sibling)
    return _node_hash(sibling, _root_by(leaf, index - half, size - half, below))
