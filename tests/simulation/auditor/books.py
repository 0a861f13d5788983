"""An auditor: books of their own, kept from the journal's bytes, and no code of the ledger's.

What the auditor knows besides is what clients asked and what they were answered. It looks at
every answer when it is given, and after every step at all that was committed since.

A theme of the ledger (days, levies, keys) is a file beside this one, with what it needs of
these, each of which a reader finds by its decorator or its name:

1.  Its lines in the journal: a function under `@line("name")`. It checks that the line may
    follow, with `must`, and moves the books: an account with `books.put`, anything else with
    `books.shelve(kind, key, value)`, from which it can be asked for as it stood at any size.
    What may happen only once is said with `books.once`. A line without a function is a failure.
2.  What readers see of a kind that it shelves: a function under `@shown("kind")`, which gets a
    live book. Every read, and the live book after every step, must be what the shelf has.
3.  What is true after every line, whatever it was: a function under `@always`. What no commit
    leaves by halves: under `@committed`. What must be in the journal when its time has come:
    under `@due`; no batch may be decided while it is not, once others knew of that time. What
    others may hinder for a while: under `@at_rest`.
4.  Its answers: functions which the workload calls with what was asked and answered. Whether a
    change is so, or was refused for a reason that there was, says told.py.
5.  What it changes about posting: in rules.py, which see. What it changes about business days
    is in calendar.py. For what it needs an account, which then is not closed: `@needs`.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.simulation.auditor.calendar import Calendar
from tests.simulation.auditor.forms import Broken, must, read_line
from tests.simulation.auditor.state import Leg, Place, Shelf, Wanted, Why
from tests.simulation.auditor.trees import Growing, leaf_hash, root_by, root_of

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.written import AnyBatch
    from ledger.memory.database import MemoryDatabase

# All that was ever asked to be posted, by id, and by which workflow where it is a payment.
Sent = dict[UUID, list[tuple["AnyBatch", str]]]


@dataclass
class Entry:
    """A leaf, read, with what is kept beside it."""

    index: int
    fields: dict[str, Any]
    body: bytes = b""
    outcomes: bytes = b""
    manifest: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)
    approver: str = ""  # Who approved it last, where it waited for that.
    legs: list[Leg] = field(default_factory=list)
    refused: list[Why] = field(default_factory=list)

    @property
    def source(self) -> str:
        return str(self.manifest.get("source", ""))


@dataclass
class Sums:
    """What the accounts of a currency add up to."""

    balance: int = 0
    pending_debits: int = 0
    pending_credits: int = 0

    def add(self, place: Place, sign: int) -> None:
        self.balance += sign * place.balance
        self.pending_debits += sign * place.pending_debits
        self.pending_credits += sign * place.pending_credits


# ---- what themes say

Line = Callable[["Books", Entry], None]
Show = Callable[[Any], dict[Any, Any]]
As = Callable[[dict[Any, Any]], dict[Any, Any]]
Whole = Callable[["Books"], None]
Due = Callable[["Books", int], None]
Need = Callable[["Books", int, int], bool]

LINES: dict[str, Line] = {}
SHOWN: dict[str, tuple[Show, As]] = {}
ALWAYS: list[Line] = []
DUE: list[Due] = []
AT_REST: list[Due] = []
COMMITTED: list[Whole] = []
NEEDS: list[tuple[str, "Need"]] = []

L = TypeVar("L", bound=Line)
S = TypeVar("S", bound=Show)
D = TypeVar("D", bound=Due)
W = TypeVar("W", bound=Whole)


def line(name: str) -> Callable[[L], L]:
    """Register what a line of this name does to the books."""

    def register(do: L) -> L:
        LINES[name] = do
        return do

    return register


def shown(kind: str, *, as_: As = dict) -> Callable[[S], S]:
    """Register what a live book shows of a kind: by key, as the shelf has it.

    Args:
        as_: makes of all that the shelf has of a kind what can be shown of it.
    """

    def register(show: S) -> S:
        SHOWN[kind] = show, as_
        return show

    return register


def always(check: L) -> L:
    """Register what is asked after every line."""
    ALWAYS.append(check)
    return check


def due(check: D) -> D:
    """Register what must have happened by a moment, in microseconds since 1970."""
    DUE.append(check)
    return check


def at_rest(check: D) -> D:
    """Register what must have happened by a moment, once nothing hindered it for a while."""
    AT_REST.append(check)
    return check


def committed(check: W) -> W:
    """Register what is asked of all that is committed, which no commit leaves by halves."""
    COMMITTED.append(check)
    return check


def needs(code: str) -> Callable[[Need], Need]:
    """Register what needs an account after so many leaves, so that it cannot be closed.

    Args:
        code: what closing it is refused with.
    """

    def register(need: Need) -> Need:
        NEEDS.append((code, need))
        return need

    return register


# ---- the books


class Books:
    """One ledger, from its journal's bytes."""

    def __init__(self, database: "MemoryDatabase", ledger_id: int, sent: "Sent") -> None:
        self.ledger = database.ledgers[ledger_id]
        self.sent = sent
        self._seen: list[bytes] = []  # Leaves, as they were when they were read.
        self._kept: list[object] = []  # What stood beside them.
        self._broken: Broken | None = None  # What was found first.
        self._once: set[tuple[str, object]] = set()
        self._told: dict[UUID, object] = {}
        self.lived: dict[int, tuple[object, Place]] = {}  # Accounts that were found the same.
        self._committed_at = 0  # The time of what was committed when it was last read.
        self._tree = Growing()
        self._signed: dict[bytes, int] = {}  # Checkpoints that were checked, and their size.
        self.entries: list[Entry] = []
        self.shelf = Shelf()
        self.places: dict[int, Place] = {}  # Accounts by number, as they stand now.
        self.sums: dict[str, Sums] = {}  # Of all of them, by currency.
        self.rows: list[Leg] = []  # By sequence, from 1.
        self.closed: set[date] = set()
        self.numbers: dict[str, int] = {}
        self.currencies: dict[str, tuple[int, str, int]] = {}  # Scale, kind, index.
        self.references: dict[tuple[str, str], int] = {}  # And the leaf that took it.
        self.spent: dict[UUID, int] = {}
        self.own: set[UUID] = set()  # Batches that nobody sent: the ledger made them.
        self.runs: dict[UUID, Any] = {}  # Batches of runs that were asked for.
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
        must((kind, what) not in self._once, f"a {kind} twice", what)
        self._once.add((kind, what))

    def shelve(self, kind: str, name: object, value: object) -> None:
        """From the leaf on that is being read, it stands so."""
        if kind == "place":
            self._put(cast(Place, value))
        if kind == "hold" and value is None:
            self.once("end of a hold", name)
        self.shelf.put((kind, name), value, len(self.entries) + 1)

    def _put(self, place: Place) -> None:
        """Keep an account as it stands now, and the sums over all accounts of its currency."""
        before = self.places.get(place.number)
        self.places[place.number] = place
        sums = self.sums.setdefault(place.currency, Sums())
        sums.add(place, 1)
        if before is not None:
            sums.add(before, -1)

    def put(self, place: Place) -> None:
        """From the leaf on that is being read, the account stands so."""
        self.shelve("place", place.number, place)

    def now(self, number: int) -> Place:
        """How an account stands after all that was read."""
        must(number in self.places, "no such account", number)
        return self.places[number]

    def get(self, kind: str, name: object) -> Any:
        """One of a kind after all that was read; None where it is not there."""
        return self.shelf.get(kind, name)

    def all_now(self, kind: str) -> dict[Any, Any]:
        """All of a kind that are there after all that was read."""
        return self.shelf.all_now(kind)

    def sizes(self, since: int) -> range:
        """After how many leaves it may have been what somebody was told of.

        Args:
            since: as many were there, when it was asked, as who answered must know of.
        """
        return range(max(1, since), len(self.roots))

    def at(self, number: int, size: int) -> Place | None:
        """How it stood after `size` leaves; None when it was not there."""
        return cast(Place | None, self.shelf.at("place", number, size))

    def is_closed(self, number: int, size: int) -> bool:
        """Whether an account was there and closed."""
        place = self.at(number, size)
        return place is not None and place.status == "closed"

    def ever(self, number: int) -> list[tuple[int, Place]]:
        """All ways in which it ever stood, with the size from which it did."""
        return self.shelf.stood("place", number)

    def calendar(self, size: int) -> Calendar:
        return self.shelf.at("calendar", "", size) or Calendar()

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

    def today(self, at: int, size: int) -> date:
        """The day of the ledger's clock at a time, as its settings are after `size` leaves."""
        return self.calendar(size).today(at, self.entries[0].fields["time_zone"])

    def day(self, at: int, size: int) -> date:
        """The business date of what is posted at a time, after `size` leaves."""
        return self.calendar(size).current(self.today(at, size))

    # ---- reading what was committed

    def read(self) -> None:
        """Take in what was committed since; what was broken once stays so."""
        if self._broken is not None:
            raise self._broken
        try:
            self._read_on()
        except Broken as broken:
            self._broken = broken
            raise

    def _read_on(self) -> None:
        lines, kept = self.ledger.lines, self.ledger.batch_at
        index_of_first = len(self._seen)
        for index in range(index_of_first, len(lines)):
            beside = kept.get(index)
            body = b"" if beside is None else beside.body
            outcomes = b"" if beside is None else beside.outcomes
            self._take(Entry(index, read_line(lines[index]), body, outcomes))
            self._seen.append(lines[index])
            self._kept.append(beside)
        if index_of_first < len(lines):
            for whole in COMMITTED:
                whole(self)
            self._committed_at = self.entries[-1].fields["recorded_at"]

    def reread(self) -> None:
        """What was committed is still there, just as it was."""
        lines, kept = self.ledger.lines, self.ledger.batch_at
        is_there = lines[: len(self._seen)] == self._seen
        must(is_there, "a leaf is missing, or another than it was")
        for index, beside in enumerate(self._kept):
            must(kept.get(index) is beside, "what stood beside a leaf is gone", index)

    def _take(self, entry: Entry) -> None:
        fields = entry.fields
        kind = fields["line"]
        must(kind in LINES, "a line that the auditor does not know", kind)
        must((kind == "ledger") is (entry.index == 0), "a journal has one opening, and first")
        if self.entries:
            before = self.entries[-1].fields["recorded_at"]
            must(fields["recorded_at"] >= before, "time went back")
        if kind == "batch":  # Whatever was due by a moment of which others knew came before.
            self._nothing_is_late(self._committed_at)
        LINES[kind](self, entry)
        self.entries.append(entry)
        self.transfers.append(self.transfers[-1] + len(entry.legs))
        self.batches.append(self.batches[-1] + (kind == "batch"))
        self.roots.append(self._tree.grow(leaf_hash(self.ledger.lines[entry.index])))
        for check in ALWAYS:
            check(self, entry)

    # ---- what was signed

    def signed(self, note: bytes) -> int:
        """The size of a checkpoint, once its signature, root and leaves are as they must be."""
        if note in self._signed:
            return self._signed[note]
        self.read()
        text, _, signatures = note.decode().partition("\n\n")
        origin, size, root = text.split("\n")
        must(origin == self.origin, "the checkpoint of another log", origin)
        must(int(size) < len(self.roots), "signed before it was committed", size)
        must(base64.b64decode(root) == self.roots[int(size)], "signed another history", size)
        name, _, rest = str(self.entries[0].fields["public_key"]).partition("+")
        key = base64.b64decode(rest.partition("+")[2])
        _, signer, signature = signatures.strip("\n").split(" ")
        must(signer == name == origin, "signed by another")
        public = Ed25519PublicKey.from_public_bytes(key[1:])
        public.verify(base64.b64decode(signature)[4:], f"{text}\n".encode())
        self._signed[note] = int(size)
        return int(size)

    def proved(self, index: int, proof: bytes) -> None:
        """The path leads from the leaf that is there to the root that was signed."""
        self.read()
        head, _, note = proof.partition(b"\n\n")
        title, place, *path = head.decode().split("\n")
        must((title, place) == ("c2sp.org/tlog-proof@v1", f"index {index}"), "another proof")
        hashes = list(map(base64.b64decode, path))
        size = self.signed(note)
        root = root_by(leaf_hash(self._seen[index]), index, size, hashes)
        must(root == self.roots[size], "a proof that proves nothing", index, size)

    # ---- what clients were told

    def answered(self, index: int, signed: int) -> Entry:
        """The leaf that an answer speaks of, which was committed and signed before."""
        self.read()
        must(index < signed, "answered before it was signed", index, signed)
        must(index < len(self.entries), "answered before it was committed", index)
        return self.entries[index]

    def tell(self, batch: UUID, told: object) -> None:
        """A batch has one receipt, whenever somebody asks for it."""
        must(self._told.setdefault(batch, told) == told, "another receipt than before", batch)

    def told(self) -> set[UUID]:
        """Batches somebody has a receipt of."""
        return set(self._told)

    def is_at(self, size: int) -> bool:
        """Whether this is all that is committed."""
        return size == len(self.entries)

    def nothing_is_due(self, at: int) -> None:
        """What had to happen before this moment is in the journal."""
        self.read()
        self._nothing_is_late(at)
        for check in AT_REST:
            check(self, at)

    def _nothing_is_late(self, at: int) -> None:
        for check in DUE:
            check(self, at)

    def final(self, note: bytes, sent: set[UUID]) -> None:
        """All is signed, under a root found a second way; nothing is there nobody sent."""
        self.read()
        size = self.signed(note)
        must(size == len(self._seen), "not all is signed", size, len(self._seen))
        must(self.roots[-1] == root_of(self._seen), "the auditor's own roots differ")
        must(self.spent.keys() <= sent | self.own, "batches that nobody sent")
        must(self._told.keys() <= self.spent.keys(), "an acknowledged batch is missing")


@line("ledger")
def _ledger(books: Books, entry: Entry) -> None:
    must(entry.index == 0, "a journal has one opening, and first")
    books.shelve("calendar", "", Calendar())
