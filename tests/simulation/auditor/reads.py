"""Whatever anybody reads is what was after so many leaves, all of them committed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.auditor.books import SHOWN, Books, Entry, line
from tests.simulation.auditor.forms import must, place_of

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.answered import LedgerView
    from ledger.core.book import Book
    from ledger.core.leaves import Opening
    from ledger.core.model import Account
    from ledger.core.ports import TransferRow

OPENING = ("code", "name", "origin", "time_zone", "unique_references", "public_key")


@dataclass(frozen=True)
class Seen:
    """What somebody read of a book at one moment.

    Args:
        kinds: all that is shown besides accounts, by kind and key.
    """

    size: int
    accounts: "Sequence[Account]"
    kinds: Mapping[str, Mapping[Any, Any]]


def look(book: "Book") -> Seen:
    """See all that there is to be seen."""
    return Seen(
        size=book.size,
        accounts=[book.account(n + 1) for n in range(book.accounts)],
        kinds={kind: show(book) for kind, (show, _) in SHOWN.items()},
    )


@line("snapshot")
def _snapshot(books: Books, entry: Entry) -> None:
    size = entry.fields["size"]
    must(size <= entry.index, "a snapshot of what was not yet")
    must(entry.fields["accounts"] == books.accounts_at(size), "a snapshot of other accounts")


def seen(books: Books, seen: Seen) -> None:
    """What a reader saw is what was after so many leaves, all committed."""
    books.read()
    size = seen.size
    must(size < len(books.roots), "read before it was committed", size)
    must(len(seen.accounts) == books.accounts_at(size), "other accounts than there were", size)
    for account in seen.accounts:
        place = books.at(account.number, size)
        must(place_of(account) == place, "not as it stood", account, place)
    for kind, found in seen.kinds.items():
        expected = SHOWN[kind][1](books.shelf.all_at(kind, size))
        must(found == expected, f"shown otherwise: {kind}", found, expected)


def lives(books: Books, book: "Book") -> None:
    """The live book is what the journal amounts to."""
    must(book.accounts == len(books.places), "the live book has other accounts")
    must(book.transfers == books.transfers[-1], "the live book has other transfers")
    must(book.batches == books.batches[-1], "the live book has other batches")
    for number, place in books.places.items():
        account = book.account(number)
        was = books.lived.get(number)
        if was is None or was[1] is not place or was[0] != account:
            must(place_of(account) == place, "the live book differs", account)
            books.lived[number] = account, place
    for kind, (show, as_) in SHOWN.items():
        found, expected = show(book), as_(books.all_now(kind))
        must(found == expected, f"the live book differs: {kind}", found, expected)


def viewed(books: Books, view: "LedgerView") -> None:
    books.read()
    must(view.size < len(books.roots), "seen before it was committed", view.size)
    must(
        _opening_of(view.opening) == tuple(books.entries[0].fields[name] for name in OPENING),
        "another opening",
    )
    must(view.accounts == books.accounts_at(view.size), "another number of accounts")
    must(view.batches == books.batches[view.size], "another number of batches")
    must(view.transfers == books.transfers[view.size], "another number of transfers")


def _opening_of(opening: "Opening") -> tuple[object, ...]:
    return tuple(getattr(opening, name) for name in OPENING)


def listed(books: Books, rows: "Sequence[TransferRow]", number: int | None, after: int) -> None:
    """Rows of an account, or of all, are what the journal posted."""
    books.read()
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
        for leg in books.rows
        if leg.sequence > after and (number is None or number in (leg.debit, leg.credit))
    ]
    must(found == expected[: len(found)], "rows that the journal does not know")
    must(len(found) == len(expected), "rows are missing", len(found), len(expected))


def found(books: Books, rows: "Sequence[TransferRow]", reference: str) -> None:
    """The transfers of a reference are those that the journal posted under it."""
    books.read()
    expected = []
    for entry in books.entries:
        firsts = {leg.position: leg.sequence for leg in reversed(entry.legs)}
        expected += sorted(
            sequence
            for position, sequence in firsts.items()
            if entry.asked[position].get("reference", "") == reference
        )
    must([row.sequence for row in rows] == expected, "another finding", reference)
