"""The auditor of all ledgers of a database, with all themes that there are."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulation.auditor.books import Books, Entry, Sent
from tests.simulation.auditor.forms import Broken, must, read_line, split_lines

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.written import AnyBatch
    from ledger.memory.database import MemoryDatabase

# Every file beside this one that is a theme registers its lines and checks.
for _theme in sorted(Path(__file__).parent.glob("*.py")):
    import_module(f"tests.simulation.auditor.{_theme.stem}")


class Auditor:
    """The books of all ledgers of a database."""

    def __init__(self, database: "MemoryDatabase") -> None:
        self._database = database
        self._books: dict[int, Books] = {}
        self._size = 0
        self._sent: Sent = {}

    def sends(self, asked: "AnyBatch", workflow: str = "") -> None:
        """Somebody is about to ask for a batch, or by a workflow for a payment."""
        many = self._sent.setdefault(asked.id, [])
        if (asked, workflow) not in many:
            many.append((asked, workflow))

    def books(self, ledger: str) -> Books:
        """Those of the ledger with this code."""
        for ledger_id, kept in self._database.ledgers.items():
            if kept.code == ledger:
                if ledger_id not in self._books:
                    self._books[ledger_id] = Books(self._database, ledger_id, self._sent)
                return self._books[ledger_id]
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
        must(len(ledgers) >= self._size, "a ledger is missing")
        self._size = len(ledgers)
        codes = [kept.code for kept in ledgers.values()]
        must(len(codes) == len(set(codes)), "two ledgers of one code")
        for code in codes:
            books = self.books(code)
            books.reread()
            books.read()


def _terms_posted(entry: Entry) -> list[str]:
    """Actions and terms of rows, what was noted of them, and levies that went back."""
    found = ["levies went back"] if any(leg.goes_back for leg in entry.legs) else []
    for leg in entry.legs:
        terms = entry.asked[leg.position].get("terms", {})
        found += [terms.get("action", ""), *terms]
    for outcome in split_lines(entry.outcomes) if entry.outcomes else []:
        found += read_line(outcome)
    return found
