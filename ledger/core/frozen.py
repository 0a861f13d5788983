"""A frozen book: its whole state as it stands, for a snapshot, while the book goes on."""

from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from ledger.core.lines import RULES, AnyState, StateAccount, StateCurrency, StateHead
from ledger.core.model import NO_LOWER, NO_UPPER, Nature, Status

if TYPE_CHECKING:
    from ledger.core.book import Book

STATUSES: Final = tuple(Status)  # By the number that the book keeps.
NATURES: Final = (Nature.DEBIT, Nature.CREDIT)  # By number; Book.sign_of knows it too.


class Frozen:
    """A copy of what changes in a book, and its view of what does not.

    Codes, holders and the like are only ever appended, so the book's own columns serve,
    up to the number of accounts there were.
    """

    def __init__(self, book: "Book") -> None:
        self.size = book.size
        self.accounts = book.accounts
        self.head = StateHead(
            rules=RULES,
            size=book.size,
            accounts=book.accounts,
            batches=book.batches,
            transfers=book.transfers,
            recorded_at=book.recorded_at,
        )
        self._first: list[AnyState] = [
            self.head,
            *(
                StateCurrency(code=currency.code, kind=currency.kind, scale=currency.scale)
                for currency in book.currencies.values()
            ),
        ]
        self._book = book
        self._currencies = tuple(book.currencies)
        self._balance = book.balance.copy()
        self._lower = book._lower.copy()
        self._upper = book._upper.copy()
        self._status = bytes(book._status)
        self._soft = book._soft.copy()
        self._last = [line for part in book.parts for line in part.state()]

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self._first) + self.accounts + len(self._last)

    def lines(self, start: int, stop: int | None) -> list[AnyState]:
        """Lines `start` to `stop`, the last not included."""
        stop = self.count if stop is None else min(stop, self.count)
        first = self._first[start:stop]
        offset = len(self._first) - 1  # Line n is account n - offset.
        accounts = range(max(1, start - offset), max(1, min(stop - offset, self.accounts + 1)))
        after = len(self._first) + self.accounts
        last = self._last[max(0, start - after) : max(0, stop - after)]
        return [*first, *map(self._account, accounts), *last]

    def _account(self, number: int) -> StateAccount:
        book = self._book
        lower, upper = self._lower[number], self._upper[number]
        return StateAccount(
            number=number,
            code=book.codes[number],
            currency=self._currencies[book._currency[number]],
            nature=NATURES[book._nature[number]],
            kind=book._kinds[book._kind[number]],
            holder=bytes(book._holders[16 * number : 16 * number + 16]),
            status=STATUSES[self._status[number]],
            balance=str(self._balance[number]),
            lower=UNSET if lower == NO_LOWER else lower,
            upper=UNSET if upper == NO_UPPER else upper,
            soft=self._soft.get(number, UNSET),
        )
