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
2.  What it changes about posting: a method of Ruling in rules.py, which gives the one code for
    which a transfer is refused on a state, or nothing, and is held to "exactly when". What it
    changes about business days is in days.py.
3.  Its answer: a method of Books which the workload calls with what was asked and answered.

What holds after every line, such as sums of zero, is in `_hold_invariants`; what the live book
must show besides is in `lives`.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.simulation.days import Calendar
from tests.simulation.rules import (
    POSTED,
    Asked,
    Decided,
    Draft,
    Hold,
    Item,
    Leg,
    Moment,
    Place,
    Ruling,
    Shelf,
    Wanted,
    Why,
    is_misplaced,
    keep_back,
)

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.answered import ClosedDay, LedgerView, Receipt, RefusedReceipt
    from ledger.core.asked import AskedAccount, AskedBatch, AskedCurrency, AskedTransfer
    from ledger.core.book import Book, Posted
    from ledger.core.leaves import Opening
    from ledger.core.model import Account
    from ledger.core.ports import TransferRow
    from ledger.core.refusals import Refusal
    from ledger.memory.database import MemoryDatabase

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NONE = 2**63 - 1  # How the ledger shows that there is no bound, or its negative.
EXPIRED_MAX = 2048  # Holds that one line says are expired.
TOTALS_SHOWN_MAX = 200  # Totals of a day that stand in its line; all are in the hash.
DAYS_AHEAD_MAX = 31  # That a day may be opened before it comes.


class Broken(AssertionError):
    """The auditor found what must not be."""


def _must(holds: object, what: str, *facts: object) -> None:
    if not holds:
        raise Broken(": ".join([what, *map(str, facts)]))


# ---- what the books hold


Totals = dict[tuple[str, str, str], tuple[int, int]]  # By currency, kind and source.


@dataclass(frozen=True)
class Seen:
    """What somebody read of a book at one moment."""

    size: int
    accounts: "Sequence[Account]"
    holds: Mapping[int, Any]
    items: Mapping[int, Any]
    levies: Mapping[str, Any]


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

    @property
    def source(self) -> str:
        return str(self.manifest.get("source", ""))


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
    new = replace(
        old,
        lower=entry.fields.get("lower"),
        upper=entry.fields.get("upper"),
        soft=entry.fields.get("soft", ""),
    )
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
    is_held = old.pending_debits or old.pending_credits
    _must(status != "closed" or not is_held, "closed with a hold on it")
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
    wanted = list(map(_wanted_of, entry.asked))
    for one in entry.asked:
        _must("terms" not in one or not is_misplaced(one["terms"]), "misplaced terms", one)
    if "control_sums" in manifest:
        sums = books.sums(wanted, at)
        _must(sums == manifest["control_sums"], "posted against its control sums")
    source = entry.source
    asked = Asked(wanted, manifest["mode"], source, manifest.get("late", ""))
    moment = _moment_of(entry)
    is_open = books.calendar(at).takes(moment.day, moment.day)
    _must(is_open, "posted where no day is open", moment.day)
    decided = books.decide(asked, moment, at)
    _must(fields["posted"] == len(decided.legs), "not what could be posted", decided.refused)
    _must(decided.legs or manifest["mode"] == "each", "nothing was posted")
    _check_outcomes(entry, decided)
    entry.legs, entry.refused = decided.legs, decided.refused
    books.take(entry, decided)


def _check_outcomes(entry: Entry, decided: Decided) -> None:
    """Of a batch where all was not as asked every position has its line, under a root."""
    is_plain = not (decided.refused or decided.notes)
    _must(is_plain is ("outcomes" not in entry.fields), "outcomes only where they say more")
    if is_plain:
        _must(not entry.outcomes, "outcomes of a batch of which there is nothing to say")
        return
    lines = _split(entry.outcomes)
    _must(entry.fields["outcomes"] == _text(root_of(lines)), "other outcomes than the leaf's")
    expected: dict[int, dict[str, Any]] = {}
    for leg in reversed(decided.legs):  # Of several the first.
        note = decided.notes.get(leg.position, {})
        expected[leg.position] = {"position": leg.position, "sequence": leg.sequence, **note}
    for why in decided.refused:
        assert why.position is not None
        expected[why.position] = fields = {"position": why.position, "code": why.code}
        if why.account is not None:
            fields["account"] = why.account
        if why.available is not None:
            fields["available"] = str(why.available)
    found = list(map(_read, lines))
    in_order = [expected[position] for position in sorted(expected)]
    _must(found == in_order, "other outcomes", found, in_order)


@line("expired")
def _expired(books: "Books", entry: Entry) -> None:
    """All whose time is up by then, and nothing else; those that ended first, first."""
    now = entry.fields["recorded_at"]
    due = [(one.expires, n) for n, one in books.all_now("hold").items() if one.expires <= now]
    expected = sorted(n for _, n in sorted(due)[:EXPIRED_MAX])
    _must(entry.fields["holds"] == expected, "others expired than were due", due)
    for sequence in expected:
        hold = books.shelf.at("hold", sequence, entry.index)
        for (_, _), place in keep_back(books.now, hold, hold, 0):
            books.put(place)
        books.shelve("hold", sequence, None)


@line("levy")
def _levy(books: "Books", entry: Entry) -> None:
    code, levy = entry.fields["code"], entry.fields.get("levy")
    if levy is None:
        _must(books.shelf.at("levy", code, entry.index), "no such levy to remove", code)
    else:
        books.now(levy["treasury"])
        _must(levy["n"] <= levy["d"], "a levy of more than there is")
        _must(levy.get("minimum", 0) <= levy.get("maximum", NONE), "bounds are crossed")
    books.shelve("levy", code, levy)


# ---- business days


@line("settings")
def _settings(books: "Books", entry: Entry) -> None:
    old, fields = books.calendar(entry.index), entry.fields
    is_by_command = fields["days"] == "command"
    _must(is_by_command or not old.open, "left to the clock while a day is open")
    new = replace(
        old,
        is_by_command=is_by_command,
        cut_off=fields.get("cut_off"),
        value_days_back=fields.get("value_days_back"),
    )
    if is_by_command and not old.is_by_command:  # What was begun by the clock stays open.
        new = replace(new, open=frozenset(day for day in books.totals if day > old.closed))
        new = replace(new, opened=max(new.opened, *new.open, date.min))
    books.shelve("calendar", "", new)


@line("day_opened")
def _day_opened(books: "Books", entry: Entry) -> None:
    calendar, day = books.calendar(entry.index), date.fromisoformat(entry.fields["date"])
    _must(calendar.is_by_command, "opened, though the clock opens days", day)
    _must(day > max(calendar.opened, calendar.closed), "opened, though it is not new", day)
    ahead = day - books.today(entry.fields["recorded_at"], entry.index)
    _must(ahead <= timedelta(days=DAYS_AHEAD_MAX), "opened long before it comes", day)
    books.shelve("calendar", "", replace(calendar, open=calendar.open | {day}, opened=day))


@line("day_closed")
def _day_closed(books: "Books", entry: Entry) -> None:
    calendar, day = books.calendar(entry.index), date.fromisoformat(entry.fields["date"])
    books.once("closing of a day", day)
    books.closed.add(day)
    if calendar.is_by_command:
        _must(day in calendar.open, "closed, though it was not open", day)
    else:
        _must(day > calendar.closed, "closed, though it was not open", day)
        today = books.today(entry.fields["recorded_at"], entry.index)
        _must(day <= today, "closed before it began", day)
        before = [one for one in books.totals if calendar.closed < one < day]
        _must(not before, "closed while one before it is open", day, before)
    books.check_totals(entry, day)
    books.totals.pop(day, None)
    closed = max(calendar.closed, day)
    books.shelve("calendar", "", replace(calendar, open=calendar.open - {day}, closed=closed))


@line("period")
def _period(books: "Books", entry: Entry) -> None:
    calendar, mark = books.calendar(entry.index), entry.fields["mark"]
    month = (entry.fields["year"], entry.fields["month"])
    before = {
        "preliminary": (None, "reopened"),
        "reopened": ("preliminary",),
        "final": ("preliminary",),
    }
    was = calendar.marks.get(month)
    _must(was in before[mark], "marked so, though it was not as it must be", was, mark)
    is_over = calendar.is_over(*month)
    _must(mark != "preliminary" or is_over, "closed while days of it are open", month)
    _must(mark != "reopened" or "act" in entry.fields, "reopened by nobody's decision", month)
    if mark != "reopened":
        for day in [one for one in books.totals if (one.year, one.month) == month]:
            if day <= calendar.closed:
                del books.totals[day]
    books.shelve("calendar", "", replace(calendar, marks={**calendar.marks, month: mark}))


# ---- the books


class Books:
    """One ledger, from its journal's bytes."""

    def __init__(self, database: "MemoryDatabase", ledger_id: int) -> None:
        self._ledger = database.ledgers[ledger_id]
        self._seen: list[bytes] = []  # Leaves, as they were when they were read.
        self._kept: list[object] = []  # What stood beside them.
        self._broken: Broken | None = None  # What was found first.
        self._once: set[tuple[str, object]] = set()
        self._told: dict[UUID, object] = {}
        self._peaks: list[tuple[bytes, int]] = []  # Whole subtrees and their leaves.
        self._signed: dict[bytes, int] = {}  # Checkpoints that were checked, and their size.
        self.entries: list[Entry] = []
        self.shelf = Shelf()
        self.places: dict[int, None] = {}  # Numbers of accounts.
        self.rows: list[Leg] = []  # By sequence, from 1.
        self.totals: dict[date, Totals] = {}  # Of rows, by days that are not closed.
        self.closed: set[date] = set()
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

    def shelve(self, kind: str, name: object, value: object) -> None:
        """From the leaf on that is being read, it stands so."""
        if kind == "place":
            self.places[cast(int, name)] = None
        if kind == "hold" and value is None:
            self.once("end of a hold", name)
        self.shelf.put((kind, name), value, len(self.entries) + 1)

    def put(self, place: Place) -> None:
        """From the leaf on that is being read, the account stands so."""
        self.shelve("place", place.number, place)

    def now(self, number: int) -> Place:
        """How an account stands after all that was read."""
        _must(number in self.places, "no such account", number)
        return cast(Place, self.shelf.stood("place", number)[-1][1])

    def all_now(self, kind: str) -> dict[Any, Any]:
        """All of a kind that are there after all that was read."""
        return self.shelf.all_at(kind, len(self.entries) + 1)

    def at(self, number: int, size: int) -> Place | None:
        """How it stood after `size` leaves; None when it was not there."""
        return cast(Place | None, self.shelf.at("place", number, size))

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

    def check_day(self, entry: Entry) -> None:
        day = self.day(entry.fields["recorded_at"], entry.index)
        shown = entry.fields["business_date"]
        _must(shown == day.isoformat(), "another business date", shown, day)

    def check_totals(self, entry: Entry, day: date) -> None:
        """What a day came to, summed once more from the rows that count for it."""
        sums: Totals = {}
        for posted in self.entries:
            for leg in posted.legs:
                if leg.day == day and leg.phase == POSTED:
                    _add(sums, self.now(leg.debit).currency, posted.source, leg)
        totals = [
            {
                "amount": str(total),
                "count": count,
                "currency": currency,
                "kind": kind,
                "source": source,
            }
            for (currency, kind, source), (count, total) in sorted(sums.items())
        ]
        lines = b"".join(_canonical(one) + b"\n" for one in totals)
        fields = entry.fields
        _must(fields["count"] == sum(one[0] for one in sums.values()), "another count of a day")
        _must(fields["totals"] == _text(sha256(lines).digest()), "other totals of a day", day)
        _must(fields["shown"] == totals[:TOTALS_SHOWN_MAX], "other totals are shown", day)

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
        asked: Asked,
        moment: Moment,
        size: int,
        *,
        known: int | None = None,
        past: int | None = None,
    ) -> Decided:
        """What a batch amounts to on the state after `size` leaves.

        Args:
            known: of references, only those taken by so many leaves.
            past: of rows that it names, and of what was taken of them, only so many leaves'.
        """
        known = size if known is None else known
        past = size if past is None else past

        def is_taken(position: int) -> bool:
            reference = asked.wanted[position].reference
            earlier = self.references.get((asked.source, reference), known) < known
            same = any(one.reference == reference for one in asked.wanted[:position])
            return self.is_unique and (earlier or same)

        return Ruling(
            asked,
            moment,
            Draft(self.shelf, size, past),
            first_sequence=self.transfers[size] + 1,
            rows=self.rows[: self.transfers[past]],
            is_taken=is_taken,
        ).decide()

    def take(self, entry: Entry, decided: Decided) -> None:
        """Take in what a batch did."""
        for position in dict.fromkeys(leg.position for leg in decided.legs):
            reference = entry.asked[position].get("reference", "")
            if reference and self.is_unique:
                self.once("reference", (entry.source, reference))
                self.references[entry.source, reference] = entry.index
        for leg in decided.legs:
            if leg.phase == POSTED:
                currency = self.now(leg.debit).currency
                _add(self.totals.setdefault(leg.day, {}), currency, entry.source, leg)
        self.rows += decided.legs
        for (kind, name), value in decided.changed.items():
            self.shelve(kind, name, value)

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
        lines, kept = self._ledger.lines, self._ledger.batch_at
        for index in range(len(self._seen), len(lines)):
            beside = kept.get(index)
            body = b"" if beside is None else beside.body
            outcomes = b"" if beside is None else beside.outcomes
            entry = Entry(index, _read(lines[index]), body, outcomes)
            self._take(entry)
            posted = None if beside is None else beside.posted
            _must(_legs_of(posted) == entry.legs, "the rows are not what the journal says")
            days = _days_of(beside, len(entry.legs))
            _must(days == [leg.day for leg in entry.legs], "rows of other days", days)
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
        kept_back = [0, 0]
        for number in self.places:
            place = self.now(number)
            sums[place.currency] += place.balance
            kept_back[0] += place.pending_debits
            kept_back[1] += place.pending_credits
        _must(not any(sums.values()), "a currency does not sum to zero", sums)
        held = sum(hold.left for hold in self.all_now("hold").values())
        _must(kept_back == [held, held], "kept back is not what is held", kept_back, held)
        if entry.legs:
            self._hold_bounds(entry)
            self._hold_rows(entry)

    def _hold_bounds(self, entry: Entry) -> None:
        """Whoever paid can still pay what is held; of posting a hold, that was asked before."""
        posts = [leg for leg in entry.legs if leg.hold]
        excused = {number for leg in posts for number in (leg.debit, leg.credit)}
        for payer in map(self.now, {leg.debit for leg in entry.legs} - excused):
            is_inside = payer.floor is None or payer.balance >= payer.floor
            _must(is_inside, "below its lower bound", payer)
        for payee in map(self.now, {leg.credit for leg in entry.legs} - excused):
            is_inside = payee.ceiling is None or payee.balance <= payee.ceiling
            _must(is_inside, "above its upper bound", payee)

    def _hold_rows(self, entry: Entry) -> None:
        """Nothing moves on a closed day; of a row and its levies comes back what must."""
        marks = self.calendar(entry.index).marks
        for leg in entry.legs:
            is_reopened = marks.get((leg.day.year, leg.day.month)) == "reopened"
            is_late = leg.phase == POSTED and leg.day in self.closed and not is_reopened
            _must(not is_late, "moved on a closed day", leg)
        for target in {leg.link for leg in entry.legs if leg.link}:
            row = self.rows[target - 1]
            links = [leg.amount for leg in self.rows if leg.link == target]
            back = sum(leg.amount for leg in self.rows if leg.levy_back == target)
            owed = sum(levy.amount * sum(links) // row.amount for levy in row.levies)
            _must(sum(links) <= row.amount, "more was taken back than there was", row)
            _must(back == owed, "not as much of a levy went back", back, owed)
        for target in {leg.hold for leg in entry.legs if leg.hold}:
            parts = [leg.amount for leg in self.rows if leg.hold == target]
            _must(sum(parts) <= self.rows[target - 1].amount, "more than was held", target)

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
        why = self._refusal(asked, _moment_of(entry), entry.index)
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
        self, asked: "AskedBatch", outcome: "Posted | Refusal", since: int, times: set[int]
    ) -> None:
        """A dry run says what posting would have done at some moment since it was asked.

        The references it knows, and what of earlier rows was taken, may be those of a moment
        before.

        Args:
            times: when it was asked and answered, by any clock that there was.
        """
        self.read()
        told, sizes = _told(outcome), range(since, len(self.roots))
        has_targets = any(_terms_of(t).get("action") == "reverse" for t in asked.transfers)
        for size in sizes:
            for moment in self._moments(asked, size, times):
                for known in sizes[: size - since + 1] if self.is_unique else [size]:
                    for past in sizes[: size - since + 1] if has_targets else [size]:
                        if self._would(asked, moment, size, known, past) == told:
                            return
        raise Broken(f"a dry run of what could never be: {outcome}")

    def _moments(self, asked: "AskedBatch", size: int, times: set[int]) -> list[Moment]:
        """The moments that make a difference; between two times, the end of a hold does."""
        ends = {hold.expires for hold in self.shelf.all_at("hold", size).values()}
        ends |= {_terms_of(t).get("expires", 0) for t in asked.transfers}
        inside = {end for end in ends if min(times) < end <= max(times)}
        recorded_at = self.entries[size - 1].fields["recorded_at"]
        at = sorted({max(time, recorded_at) for time in times | inside})
        return [Moment(time, self.day(time, size)) for time in at]

    def _would(
        self, asked: "AskedBatch", moment: Moment, size: int, known: int, past: int
    ) -> object:
        why = self._refusal(asked, moment, size, known=known, past=past)
        if why is not None:
            return why
        decided = self.decide(self._asked(asked, size), moment, size, known=known, past=past)
        return decided.legs, decided.refused, decided.notes

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
            or any(t.terms and is_misplaced(_terms_of(t)) for t in asked.transfers)
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
        history = self.ever(account.number)
        is_there = any(shown == place and size <= signed for size, place in history)
        _must(is_there, "an account as it never stood", account)

    def opened(
        self, asked: "Sequence[AskedAccount]", told: "Sequence[Account]", signed: int
    ) -> None:
        """Accounts that were asked for are there."""
        _must(len(asked) == len(told), "other accounts")
        for one, account in zip(asked, told, strict=True):
            self.stood(account, signed)
            first = self.ever(account.number)[0][1]
            names = ("code", "currency", "nature", "kind")
            for name in names:
                _must(getattr(first, name) == getattr(one, name), "another account", one)

    def refused_change(self, refusal: "Refusal", codes: Sequence[str]) -> None:
        """A change was refused, for something that is so by now, or was a moment ago."""
        self.read()
        numbers = [self.numbers.get(code, 0) for code in codes]
        places = [place for n in numbers for _, place in self.ever(n)]
        match refusal.code:
            case "account_code_used":
                _must(places, "used by nobody", codes)
            case "account_not_found":
                pass  # It may have been opened since.
            case "account_closed":
                _must(any(place.status == "closed" for place in places), "not closed", codes)
            case "account_not_at_zero":
                _must(any(place.balance for place in places), "always at zero", codes)
            case "account_has_holds":
                is_held = any(place.pending_debits + place.pending_credits for place in places)
                _must(is_held, "never held", codes)
            case "currency_not_found" | "bounds_crossed" | "account_code_looks_personal":
                pass
            case _:
                raise Broken(f"a change refused as {refusal.code}")

    def levied(
        self,
        code: str,
        rule: Mapping[str, Any] | None,
        fund: str,
        refusal: "Refusal | None",
        signed: int,
    ) -> None:
        """A levy was set so, or removed, or there is a reason why not."""
        self.read()
        stood = self.shelf.stood("levy", code)
        match refusal and refusal.code:
            case None if rule is None:
                is_there = any(one is None and size <= signed for size, one in stood)
                _must(is_there, "never removed", code)
            case None:
                expected = {**rule, "treasury": self.numbers[fund]} if rule else {}
                is_there = any(
                    one and expected.items() <= one.items() and size <= signed
                    for size, one in stood
                )
                _must(is_there, "never levied so", code, rule)
            case "levy_not_found":
                _must(rule is None, "a new levy is not found", code)
            case "account_not_found":
                pass  # It may have been opened since.
            case "bounds_crossed":
                _must(rule and rule["minimum"] > rule["maximum"], "bounds not crossed", rule)
            case "rate_above_one":
                _must(rule and rule["n"] > rule["d"], "not above one", rule)
            case other:
                raise Broken(f"a levy refused as {other}")

    def days_told(
        self,
        refusal: "Refusal | None",
        signed: int,
        so: Callable[[Calendar], bool],
        excuses: Mapping[str, Callable[[Calendar], bool]],
    ) -> None:
        """Days stood so after some leaf that is signed, or there is an excuse.

        Args:
            excuses: codes of refusals, and whether a calendar gives reason for them.
        """
        self.read()
        stood = [(0, Calendar()), *self.shelf.stood("calendar", "")]
        if refusal is None:
            is_so = any(size <= signed and so(calendar) for size, calendar in stood)
            _must(is_so, "days that never stood so")
        else:
            excuse = excuses.get(refusal.code)
            _must(excuse is not None, "refused for what cannot be", refusal.code)
            is_so = any(excuse is not None and excuse(calendar) for _, calendar in stood)
            _must(is_so, "refused without reason", refusal.code)

    def closed_day(self, day: date, told: "ClosedDay", signed: int) -> None:
        """A day was closed with what it came to, and is told so."""
        self.read()
        index = told.leaf_index
        _must(index is not None and index < signed, "closed before it was signed", index)
        assert index is not None
        fields = self.entries[index].fields
        shown = (fields["line"], fields["date"], fields["count"], fields["totals"])
        line = told.line
        expected = ("day_closed", day.isoformat(), line.count, _text(line.totals))
        _must(shown == expected, "another closing than was told", shown, expected)

    def has_currency(self, asked: "AskedCurrency", refusal: "Refusal | None") -> None:
        self.read()
        _must(asked.code in self.currencies, "a currency is missing", asked.code)
        scale, kind, _ = self.currencies[asked.code]
        is_same = (scale, kind) == (asked.scale, asked.kind)
        _must(is_same is (refusal is None), "another currency", asked)

    def seen(self, seen: Seen) -> None:
        """What a reader saw is what was after so many leaves, all committed."""
        self.read()
        size = seen.size
        _must(size < len(self.roots), "read before it was committed", size)
        _must(
            len(seen.accounts) == self.accounts_at(size), "other accounts than there were", size
        )
        for account in seen.accounts:
            place = self.at(account.number, size)
            _must(_place_of(account) == place, "not as it stood", account, place)
        self._stands(seen, size)

    def _stands(self, seen: Seen, size: int) -> None:
        """Holds, suspense and levies as they stood after so many leaves."""
        holds = {n: _hold_of(one) for n, one in seen.holds.items()}
        _must(holds == self.shelf.all_at("hold", size), "other holds are open", holds)
        items = {n: _item_of(one) for n, one in seen.items.items()}
        _must(items == self.shelf.all_at("item", size), "other items in suspense", items)
        levies = {code: _levy_of(one) for code, one in seen.levies.items()}
        _must(levies == self.shelf.all_at("levy", size), "other levies", levies)

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
            (
                row.sequence,
                row.debit_account,
                row.credit_account,
                row.amount,
                row.phase,
                row.business_date,
            )
            for row in rows
        ]
        expected = [
            (leg.sequence, leg.debit, leg.credit, leg.amount, leg.phase, leg.day)
            for leg in self.rows
            if leg.sequence > after and (number is None or number in (leg.debit, leg.credit))
        ]
        _must(found == expected[: len(found)], "rows that the journal does not know")
        _must(len(found) == len(expected), "rows are missing", len(found), len(expected))

    def found(self, rows: "Sequence[TransferRow]", reference: str) -> None:
        """The transfers of a reference are those that the journal posted under it."""
        self.read()
        expected = []
        for entry in self.entries:
            firsts = {leg.position: leg.sequence for leg in reversed(entry.legs)}
            expected += sorted(
                sequence
                for position, sequence in firsts.items()
                if entry.asked[position].get("reference", "") == reference
            )
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
        for number in self.places:
            account = book.account(number)
            _must(_place_of(account) == self.now(number), "the live book differs", account)
        size = len(self.entries)
        seen = Seen(size, (), book.holds.open, book.suspense.open, book.levies.rules)
        self._stands(seen, size)
        shown, calendar = _calendar_of(book.days), self.calendar(size)
        _must(shown == calendar, "the live book has other days", shown, calendar)
        totals = {
            day: {key: (count, total) for key, (count, total) in of.items()}
            for day, of in book.days.totals.items()
        }
        _must(totals == self.totals, "the live book has other totals", totals, self.totals)

    def nothing_is_due(self, at: int) -> None:
        """What ended before this moment is in the journal as ended."""
        self.read()
        late = [n for n, hold in self.all_now("hold").items() if hold.expires <= at]
        _must(not late, "held after its end", late)

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
        self,
        asked: "AskedBatch",
        moment: Moment,
        size: int,
        *,
        known: int | None = None,
        past: int | None = None,
    ) -> Why | None:
        """Why the whole batch must be refused on the state after `size` leaves."""
        stated = [(t.currency, self.scale(t.currency, size)) for t in asked.transfers]
        for position, (_, scale) in enumerate(stated):
            if scale is None:
                return Why(position, "currency_not_found")
        batch = self._asked(asked, size)
        wanted = batch.wanted
        if len([code for code in self.currencies if self.scale(code, size) is not None]) > 1:
            for position, (one, (code, _)) in enumerate(zip(wanted, stated, strict=True)):
                place = self.at(one.debit, size) or self.at(one.credit, size)
                if place is not None and place.currency != code:
                    return Why(position, "currency_must_match_accounts", place.number)
        if not self.calendar(size).takes(moment.day, moment.day):
            return Why(None, "no_day_open")
        is_known = all(one.debit and one.credit for one in wanted)
        if isinstance(asked.control_sums, dict) and (is_known or asked.mode == "each"):
            sums = asked.control_sums.items()
            told = {code: str(self._minor(text, code, size)) for code, text in sums}
            if told != self.sums(wanted, size):
                return Why(None, "control_sums_differ")
        if asked.mode == "each":
            return None
        refused = self.decide(batch, moment, size, known=known, past=past).refused
        return refused[0] if refused else None

    def _asked(self, asked: "AskedBatch", size: int) -> Asked:
        """A batch that was asked for, by the numbers that were known after `size` leaves."""
        wanted = [
            Wanted(
                self.number_at(t.debit_account, size),
                self.number_at(t.credit_account, size),
                self._minor(t.amount, t.currency),
                t.kind,
                t.reference,
                _day(t.business_date),
                _day(t.value_date),
                self._terms(t, size),
            )
            for t in asked.transfers
        ]
        texts = [str(one) if isinstance(one, str) else "" for one in (asked.source, asked.late)]
        return Asked(wanted, str(asked.mode), *texts)

    def _terms(self, t: "AskedTransfer", size: int) -> dict[str, Any]:
        """Terms as they stand in a line."""
        terms = _terms_of(t)
        for name in ("rest", "suspense"):
            if name in terms:
                terms[name] = self.number_at(terms[name], size)
        return terms

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
        names = ("mode", "source", "late", "control_sums")
        if tuple(map(manifest.get, names)) != (
            asked.mode,
            asked.source if isinstance(asked.source, str) else None,
            asked.late if isinstance(asked.late, str) else None,
            told,
        ):
            return False
        if entry.fields["poster"] != poster or len(entry.asked) != len(asked.transfers):
            return False
        sequences = {leg.position: leg.sequence for leg in reversed(entry.legs)}
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
            and _date_of(one, "business_date") == _day(t.business_date)
            and _date_of(one, "value_date") == _day(t.value_date)
            and self._is_same_terms(one.get("terms", {}), self._terms(t, len(self.entries)))
        )

    def _is_same_terms(self, one: dict[str, Any], asked: dict[str, Any]) -> bool:
        """Place 0 in the line was a code unknown then, whatever it is now."""
        names = [name for name in ("rest", "suspense") if one.get(name) == 0 and name in asked]
        return one == asked | dict.fromkeys(names, 0)

    def _opening(self) -> tuple[object, ...]:
        fields = self.entries[0].fields
        names = ("code", "name", "origin", "time_zone", "unique_references", "public_key")
        return tuple(fields[name] for name in names)


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

    def happened(self) -> set[str]:
        """Lines that were written, and terms and notes of what was posted."""
        return {
            what
            for books in self._books.values()
            for entry in books.entries
            for what in (entry.fields["line"], *map(str, _terms_posted(entry)))
        }

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
        soft=str(account.soft or ""),
        status=str(account.status),
        balance=account.balance,
        pending_debits=account.pending_debits,
        pending_credits=account.pending_credits,
    )


def _hold_of(hold: Any) -> Hold:
    return Hold(hold.debit, hold.credit, hold.amount, hold.left, hold.expires)


def _item_of(item: Any) -> Item:
    return Item(item.account, item.side, item.left, item.since)


def _calendar_of(days: Any) -> Calendar:
    settings = days.settings
    cut_off, back = (getattr(settings, name, None) for name in ("cut_off", "value_days_back"))
    return Calendar(
        is_by_command=settings is not None and settings.days == "command",
        cut_off=cut_off if isinstance(cut_off, int) else None,
        value_days_back=back if isinstance(back, int) else None,
        closed=days.closed_through,
        opened=days.opened_through,
        open=frozenset(days.open),
        marks=days.periods,
    )


def _levy_of(levy: Any) -> dict[str, Any]:
    """As it stands in a line: without what is as it would be without being said."""
    names = ("d", "kinds", "n", "payer", "treasury", "fixed", "minimum", "maximum")
    fields = {name: getattr(levy, name) for name in names}
    optional = {"fixed", "minimum", "maximum"}
    return {
        name: value
        for name, value in fields.items()
        if name not in optional or (isinstance(value, int) and value)
    }


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
    phases = posted.phases or [POSTED] * len(posted.amount)
    every = zip(posted.positions, sequences, *columns, *after, phases, strict=True)
    return [Leg(*one) for one in every]


def _days_of(beside: Any, count: int) -> list[date]:
    """The days of the rows that stand beside a leaf."""
    if beside is None or not count:
        return []
    days = beside.business_dates
    return [days] * count if isinstance(days, date) else list(days)


def _notes_of(posted: Any) -> dict[int, dict[str, Any]]:
    """What was noted of transfers, as it stands in the outcomes."""
    notes: dict[int, dict[str, Any]] = {}
    for position, note in posted.notes.items():
        notes[position] = fields = {}
        if note.amount is not None:
            fields["amount"] = note.amount
        if note.suspense is not None:
            fields["suspense"] = note.suspense
        if note.flags:
            fields["flags"] = list(map(str, note.flags))
        if note.beside:
            names = ("amount", "credit_account", "debit_account", "kind")
            fields["beside"] = [
                {name: getattr(row, name) for name in names} for row in note.beside
            ]
        if note.business_date is not None:
            fields["business_date"] = note.business_date.isoformat()
    return notes


def _why_of(refusal: Any) -> Why | None:
    if not hasattr(refusal, "code"):
        return None
    return Why(refusal.position, str(refusal.code), refusal.account, refusal.available)


def _told(outcome: Any) -> object:
    """An outcome as `Books._would` has it."""
    why = _why_of(outcome)
    if why is not None:
        return why
    return _legs_of(outcome), list(map(_why_of, outcome.refused)), _notes_of(outcome)


def _crossed(place: Place) -> bool:
    return place.lower is not None and place.upper is not None and place.lower > place.upper


def _day(value: object) -> date | None:
    return value if isinstance(value, date) else None


def _date_of(fields: Mapping[str, Any], name: str) -> date | None:
    return date.fromisoformat(fields[name]) if name in fields else None


def _moment_of(entry: Entry) -> Moment:
    day = date.fromisoformat(entry.fields["business_date"])
    return Moment(entry.fields["recorded_at"], day)


def _wanted_of(one: dict[str, Any]) -> Wanted:
    """A line of a batch."""
    return Wanted(
        one["debit_account"],
        one["credit_account"],
        one["amount"],
        one["kind"],
        one.get("reference", ""),
        _date_of(one, "business_date"),
        _date_of(one, "value_date"),
        one.get("terms", {}),
    )


TERMS = ("action", "target", "release", "entry", "up_to", "rest", "suspense", "adjusting")


def _terms_of(t: "AskedTransfer") -> dict[str, Any]:
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


def _terms_posted(entry: Entry) -> list[str]:
    """Actions and terms of rows, what was noted of them, and levies that went back."""
    found = ["levies went back"] if any(leg.levy_back for leg in entry.legs) else []
    for leg in entry.legs:
        terms = entry.asked[leg.position].get("terms", {})
        found += [terms.get("action", ""), *terms]
    for outcome in _split(entry.outcomes) if entry.outcomes else []:
        found += _read(outcome)
    return found


def _add(sums: Totals, currency: str, source: str, leg: Leg) -> None:
    """Count one more row."""
    key = (currency, leg.kind, source)
    count, total = sums.get(key, (0, 0))
    sums[key] = (count + 1, total + leg.amount)


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
        fields: dict[str, Any] = {name: getattr(t, name) for name in names}
        for name in ("business_date", "value_date"):
            fields[name] = "" if _day(getattr(t, name)) is None else str(getattr(t, name))
        fields["terms"] = _terms_of(t)
        if "expires" in fields["terms"]:
            moment = cast(Any, t.terms).expires.isoformat()
            fields["terms"]["expires"] = moment.replace("+00:00", "Z")
        transfers.append({name: value for name, value in fields.items() if value})
    request: dict[str, object] = {"id": str(asked.id), "transfers": transfers}
    if asked.mode != "atomic":
        request["mode"] = str(asked.mode)
    for name in ("source", "late", "count", "control_sums"):
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
