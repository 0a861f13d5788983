"""What all answers share: how amounts, times, phases and accounts are shown.

Amounts are decimal strings in their currency's scale; balances stand in the account's own
nature; times are RFC 3339 in UTC. The OpenAPI document is made of the same structs.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from msgspec import UNSET, Struct, UnsetType

from ledger.core.amounts import show_amount
from ledger.core.book import Book
from ledger.core.lines import Fraction
from ledger.core.model import Phase

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NONE: Final = "none"  # A bound that is not there.

PhaseName = Literal["posted", "held", "released", "adjusted"]
PHASES: Final[dict[int, PhaseName]] = {
    Phase.POSTED: "posted",
    Phase.HELD: "held",
    Phase.RELEASED: "released",
    Phase.ADJUSTED: "adjusted",
}


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all answers have in common: what is not there is absent, never null."""


class Face(NamedTuple):
    """What never changes of an account."""

    code: str
    currency: str
    sign: int
    scale: int

    def balance(self, minor_units: int) -> str:
        """Credits minus debits, as this account shows its balance."""
        return show_amount(self.sign * minor_units, self.scale)


class Faces(dict[int, Face]):
    """The faces of accounts by number, looked up once each."""

    def __init__(self, book: Book) -> None:
        super().__init__()
        self._book = book

    def __missing__(self, number: int) -> Face:
        book = self._book
        currency = book.currency_of(number)
        face = self[number] = Face(
            book.codes[number], currency, book.sign_of(number), book.scales[currency]
        )
        return face


class FractionAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """What no minor unit is, exactly: n/d of one, in lowest terms."""

    n: int
    d: int


def fraction_answer(fraction: Fraction | UnsetType | None) -> FractionAnswer | UnsetType:
    """What an outcome or a note says of it, where it says anything."""
    if fraction is UNSET or fraction is None:
        return UNSET
    return FractionAnswer(n=fraction.n, d=fraction.d)


def show_time(micros: int) -> str:
    """Microseconds since 1970 as RFC 3339 in UTC.

    >>> show_time(1_767_225_600_000_001)
    '2026-01-01T00:00:00.000001Z'
    """
    seconds, rest = divmod(micros, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=64)  # Answers come many a second.
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:-6]
