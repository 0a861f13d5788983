"""Keys: none works that the journal does not know."""

from collections.abc import Sequence

from tests.simulation.auditor.books import Books, Entry, line
from tests.simulation.auditor.forms import must


@line("key")
def _key(books: Books, entry: Entry) -> None:
    key = entry.fields["key"]
    if entry.fields["action"] == "grant":
        books.granted[key] = entry.fields
        role = entry.fields["role"]
        if role != "operator":  # As whoever has no line is.
            books.shelve("role", key, role)
    else:
        books.revoked.add(key)


def works(books: Books, key: str, role: str, poster: str, accounts: Sequence[str]) -> None:
    """A key that works was given so in the journal."""
    books.read()
    must(key in books.granted, "a key that nobody gave", key)
    given = books.granted[key]
    told = (given["role"], given.get("poster", ""), given.get("accounts", []))
    must(told == (role, poster, list(accounts)), "a key with other rights", key)
