"""The books of a journal for a program of plain-text accounting: what such files share.

    journal folder -> replay -> head, then transfers as they come, then closing balances

The folder is replayed once by the rules, transfers go to a file of their own as they come,
and the head, which needs the end (the first day of each account), is put before them.
Whether the folder is the ledger's own is verify's to say; ask it first.
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol, TextIO

from msgspec import UNSET, Struct

from ledger.core.amounts import show_amount
from ledger.core.book import Book, Posted
from ledger.core.faults import JournalBroken
from ledger.core.leaves import BatchPosted
from ledger.core.lines import Transfer
from ledger.core.model import Account, Action, Currency, Phase
from ledger.core.terms import NO_NOTE, Note, day_of
from ledger.journal.batches import read_body
from ledger.journal.checkpoints import Checkpoint, parse_body
from ledger.journal.directory import BrokenExport, ExportDirectory, Progress, Recorded
from ledger.journal.faults import BrokenProof
from ledger.journal.notes import parse_note
from ledger.journal.replay import History, References, replay

EPOCH: Final = date(1970, 1, 1)

Facts = tuple[tuple[str, str], ...]  # Names and values, without a quote, comma or colon.
NO_FACTS: Final[Facts] = ()

# What a transfer says of the row it is about.
_ABOUT: Final = {Action.POST: "posts", Action.REVERSE: "reverses", Action.CLEAR: "clears"}


class Entered(Struct, frozen=True, gc=False):
    """A row that moved an amount, with the names and texts as the program wants them.

    Its accounts and amount are those it was posted with, which under terms may be others
    than the line's; `facts` says what the terms were and what came of them.
    """

    sequence: int
    day: str
    debit: str
    credit: str
    amount: str
    currency: str
    batch: str
    leaf_index: int
    line_hash: str  # SHA-256 of a zero byte and the line: its hash in the batch's tree.
    line: Transfer
    kind: str  # The line's, or of a row beside its own.
    facts: Facts = NO_FACTS


class Closed(Struct, frozen=True, kw_only=True):
    """An account at the end: its balance is debits minus credits, as the programs have it."""

    account: Account
    name: str
    currency: str
    scale: int
    balance: str
    first_day: date | None  # Of its transfers, by business date.


class Closing(Struct, frozen=True, kw_only=True):
    """The books at the end."""

    checkpoint: Checkpoint
    ledger: str  # Its name, without anything that could end a line or a string.
    currencies: tuple[Currency, ...]
    last_day: date


class Style(Protocol):
    """How one program writes it down."""

    def account(self, account: Account) -> str: ...
    def currency(self, code: str) -> str: ...
    def head(self, closing: Closing, accounts: Iterable[Closed]) -> Iterator[str]: ...
    def transfer(self, entered: Entered) -> str: ...
    def tail(self, closing: Closing, accounts: Iterable[Closed]) -> Iterator[str]: ...


class Written(Struct, frozen=True, kw_only=True):
    """What a file of books holds."""

    checkpoint: Checkpoint
    accounts: int
    transfers: int  # Rows that moved an amount.
    last_day: date
    bytes: int


def write_books(journal: Path, out: Path, style: Style, progress: Progress) -> Written:
    """Write the file `out` from a journal folder; it appears whole or not at all.

    Raises:
        BrokenExport: a leaf does not follow, or a file is missing.
    """
    export = ExportDirectory(journal)
    checkpoint = _claimed(export)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.partial-", dir=out.parent) as folder:
        whole = Path(folder, "whole")
        books = _Books(style)
        with Path(folder, "transfers").open("w+", encoding="utf-8") as transfers:
            books.write_transfers(export, checkpoint.size, transfers, progress)
            with whole.open("w", encoding="utf-8") as file:
                closing = books.closing(checkpoint)
                file.writelines(style.head(closing, books.accounts()))
                transfers.seek(0)
                shutil.copyfileobj(transfers, file, 1 << 20)
                file.writelines(style.tail(closing, books.accounts()))
        written = Written(
            checkpoint=checkpoint,
            accounts=books.book.accounts,
            transfers=books.moved,
            last_day=closing.last_day,
            bytes=whole.stat().st_size,
        )
        whole.replace(out)
    return written


def _claimed(export: ExportDirectory) -> Checkpoint:
    """What the checkpoint says; who signed it is for verify."""
    try:
        return parse_body(parse_note(export.checkpoint()).text)
    except BrokenProof as fault:
        raise BrokenExport("checkpoint", *fault.facts) from None


class _Books:
    """A book that grows leaf by leaf, and the names in it."""

    def __init__(self, style: Style) -> None:
        self.book = Book()
        self.moved = 0
        self._style = style
        self._names: list[str] = [""]
        self._first_days: list[date | None] = [None]
        self._currencies: list[str] = []
        self._scales: list[int] = []
        self._days: dict[date, str] = {}
        self._references = References()

    def write_transfers(
        self, export: ExportDirectory, size: int, file: TextIO, progress: Progress
    ) -> None:
        """Replay all leaves and write what was posted, in order of sequence."""
        history = History(export.reversed_sequences(size))
        for recorded in export.recorded(size):
            try:
                leaf, posted = replay(
                    self.book,
                    recorded.leaf,
                    recorded.body or None,
                    used=self._references,
                    past=history.past,
                )
            except JournalBroken as fault:
                place, *reasons = map(str, fault.facts)
                raise BrokenExport(place, ": ".join(reasons)) from None
            self._learn()
            if isinstance(leaf, BatchPosted) and posted is not None:
                history.add(recorded.body, posted)
                self._learn_references(recorded.body, posted)
                file.writelines(
                    map(self._style.transfer, self._entered(recorded, leaf, posted))
                )
            progress("books", recorded.index + 1, size)

    def _learn(self) -> None:
        """Name the accounts and currencies that were added."""
        book = self.book
        for currency in list(book.currencies.values())[len(self._currencies) :]:
            self._currencies.append(self._style.currency(currency.code))
            self._scales.append(currency.scale)
        for number in range(len(self._names), book.accounts + 1):
            self._names.append(self._style.account(book.account(number)))
            self._first_days.append(None)

    def _learn_references(self, body: bytes, posted: Posted) -> None:
        """Note what an `each` batch may later be refused for."""
        assert self.book.opening is not None, "a batch was posted"
        if self.book.opening.unique_references:
            self._references.add(body, posted)

    def _entered(
        self, recorded: Recorded, leaf: BatchPosted, posted: Posted
    ) -> Iterator[Entered]:
        transfers = read_body(recorded.body)[1]
        lines = recorded.body.split(b"\n")
        batch = str(leaf.batch)
        names, currency_of = self._names, self.book.currency_number
        before, own = -1, 0
        for i, position in enumerate(posted.positions):
            if position != before:
                before, own = position, i
            if posted.phases and not Phase(posted.phases[i]).moves:
                continue
            line = transfers[position]
            kind, facts = line.kind, NO_FACTS
            if line.terms is not UNSET or position in posted.notes:
                note = posted.notes.get(position, NO_NOTE)
                kind, facts = _told(line, note, i - own, posted.first_sequence + own)
            debit, credit = posted.debit[i], posted.credit[i]
            number = currency_of(debit)
            day = day_of(transfers, posted, i, leaf.business_date)
            self.moved += 1
            yield Entered(
                posted.first_sequence + i,
                self._day(day, debit, credit),
                names[debit],
                names[credit],
                show_amount(posted.amount[i], self._scales[number]),
                self._currencies[number],
                batch,
                recorded.index,
                sha256(b"\x00" + lines[position + 1]).hexdigest(),
                line,
                kind,
                facts,
            )

    def _day(self, day: date, *accounts: int) -> str:
        firsts = self._first_days
        for number in accounts:
            first = firsts[number]
            if first is None or day < first:
                firsts[number] = day
        text = self._days.get(day)
        if text is None:
            text = self._days[day] = day.isoformat()
        return text

    def accounts(self) -> Iterator[Closed]:
        """Every account as it stands, in the order of their numbers."""
        for number in range(1, self.book.accounts + 1):
            account = self.book.account(number)
            currency = self.book.currency_number(number)
            scale = self._scales[currency]
            yield Closed(
                account=account,
                name=self._names[number],
                currency=self._currencies[currency],
                scale=scale,
                balance=show_amount(-account.balance, scale),
                first_day=self._first_days[number],
            )

    def closing(self, checkpoint: Checkpoint) -> Closing:
        """The books as they stand; the last day is that of the last transfer by its date."""
        opening = self.book.opening
        recorded_on = EPOCH + timedelta(microseconds=self.book.recorded_at)
        return Closing(
            checkpoint=checkpoint,
            ledger="" if opening is None else _plain(opening.name),
            currencies=tuple(self.book.currencies.values()),
            last_day=max(self._days, default=recorded_on),
        )


def _told(line: Transfer, note: Note, row: int, own: int) -> tuple[str, Facts]:
    """The kind of a transfer's row, counted from 0, and what is to be said of it.

    `own` is the sequence of the transfer: of its own row, or else of its first.
    """
    facts: list[tuple[str, str]] = []
    kind, beside = line.kind, row - (note.amount != 0)
    if beside >= 0:
        kind = note.beside[beside].kind
        if row:
            facts.append(("beside", str(own)))
    if line.terms is not UNSET:
        terms = line.terms
        if terms.action is not UNSET:
            facts.append((_ABOUT[terms.action], str(terms.target)))
        if terms.entry is not UNSET:
            facts.append(("entry", str(terms.entry)))
        if terms.rate is not UNSET:
            facts.append(("rate", f"{terms.rate.n}/{terms.rate.d}"))
        if terms.residue:
            facts.append(("residue", "true"))
    if beside < 0:
        if note.suspense:
            facts.append(("suspense", note.suspense))
        if note.flags:
            facts.append(("flags", " ".join(note.flags)))
        if note.fraction is not None:
            facts.append(("fraction", f"{note.fraction.n}/{note.fraction.d}"))
    return kind, tuple(facts)


def _plain(text: str) -> str:
    """A name that stays on its line and in its quotes."""
    return "".join(c if c.isprintable() and c not in '"\\' else " " for c in text)
