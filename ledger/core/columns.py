"""The transfers of a batch as columns, where nobody need make a line of each.

A batch that was read elsewhere comes with what deciding it asks of all transfers together.
What asks for them one by one gets them, read at that moment; it is what has terms, or stands
under rules, or is refused.
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import overload

from msgspec import UnsetType

from ledger.core.lines import Transfer
from ledger.core.model import NONE_SET


class Columns(Sequence[Transfer]):
    """Transfers that are a sequence of lines only when somebody looks.

    Args:
        kinds, business_dates: those that are among them.
        is_plain: none has terms or a value date.
        read: the lines themselves.
    """

    __slots__ = (
        "_lines",
        "_read",
        "amount",
        "business_dates",
        "credit",
        "debit",
        "is_plain",
        "kinds",
    )

    def __init__(
        self,
        debit: list[int],
        credit: list[int],
        amount: list[int],
        *,
        kinds: AbstractSet[str],
        business_dates: AbstractSet[date | UnsetType],
        is_plain: bool,
        read: Callable[[], list[Transfer]],
    ) -> None:
        self.debit = debit
        self.credit = credit
        self.amount = amount
        self.kinds = kinds
        self.business_dates = business_dates
        self.is_plain = is_plain
        self._read = read
        self._lines: list[Transfer] | None = None

    def lines(self) -> list[Transfer]:
        """The lines, read once."""
        if self._lines is None:
            self._lines = self._read()
        return self._lines

    def __len__(self) -> int:
        return len(self.amount)

    def __iter__(self) -> Iterator[Transfer]:
        return iter(self.lines())

    @overload
    def __getitem__(self, at: int) -> Transfer: ...
    @overload
    def __getitem__(self, at: slice) -> list[Transfer]: ...
    def __getitem__(self, at: int | slice) -> Transfer | list[Transfer]:
        return self.lines()[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self.lines() == list(other)

    __hash__ = None  # type: ignore[assignment] # As a list has none.


def sides_of(transfers: Sequence[Transfer]) -> tuple[list[int], list[int], list[int]]:
    """Debited and credited accounts, and amounts. Not to be changed."""
    if isinstance(transfers, Columns):
        return transfers.debit, transfers.credit, transfers.amount
    return (
        [t.debit_account for t in transfers],
        [t.credit_account for t in transfers],
        [t.amount for t in transfers],
    )


def kinds_among(transfers: Sequence[Transfer]) -> AbstractSet[str]:
    """The kinds that are among them."""
    if isinstance(transfers, Columns):
        return transfers.kinds
    return {t.kind for t in transfers}


def business_dates_among(transfers: Sequence[Transfer]) -> AbstractSet[date | UnsetType]:
    """The business dates that are among them; UNSET where one has none."""
    if isinstance(transfers, Columns):
        return transfers.business_dates
    return {t.business_date for t in transfers}


def have_terms(transfers: Sequence[Transfer]) -> bool:
    """Whether any has terms."""
    if isinstance(transfers, Columns) and transfers.is_plain:
        return False
    return {t.terms for t in transfers} != NONE_SET


def have_value_dates(transfers: Sequence[Transfer]) -> bool:
    """Whether any has a value date."""
    if isinstance(transfers, Columns) and transfers.is_plain:
        return False
    return {t.value_date for t in transfers} != NONE_SET


def are_plain(transfers: Sequence[Transfer]) -> bool:
    """Whether none has terms or a value date."""
    return not (have_terms(transfers) or have_value_dates(transfers))
