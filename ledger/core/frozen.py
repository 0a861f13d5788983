"""A frozen book: its whole state as it stands, for a snapshot, while the book goes on."""

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Struct

from ledger.core.faults import JournalBroken
from ledger.core.lines import RULES
from ledger.core.model import NO_LOWER, NO_UPPER, Nature, Side, Status
from ledger.core.state_lines import AnyState, StateAccount, StateCurrency, StateHead

if TYPE_CHECKING:
    from ledger.core.state import State

STATUSES: Final = tuple(Status)  # By the number that the book keeps.
STATUS_NUMBER: Final = {status: number for number, status in enumerate(STATUSES)}
NATURES: Final = (Nature.DEBIT, Nature.CREDIT)  # By number; Book.sign_of knows it too.


class Frozen:
    """A copy of what changes in a book, and its view of what does not.

    Codes, holders and the like are only ever appended, so the book's own columns serve,
    up to the number of accounts there were. So do those of the bounds, which seldom change:
    the book then takes new ones.
    """

    def __init__(self, state: "State") -> None:
        self.size = state.size
        self.accounts = state.accounts
        self.head = StateHead(
            rules=RULES,
            size=state.size,
            accounts=state.accounts,
            batches=state.batches,
            transfers=state.transfers,
            recorded_at=state.recorded_at,
        )
        self._first: list[AnyState] = [
            self.head,
            *(
                StateCurrency(code=currency.code, kind=currency.kind, scale=currency.scale)
                for currency in state.currencies.values()
            ),
        ]
        self._state = state
        self._currencies = tuple(state.currencies)
        self._balance = state.balance[:]
        self._lower, self._upper = state._lower, state._upper
        self._status = bytes(state._status)
        self._soft = state._soft.copy()
        self._last = [line for part in state.parts for line in part.state()]

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self._first) + self.accounts + len(self._last)

    def slice(self, start: int, stop: int) -> "StateSlice":
        """Lines `start` to `stop`, the last not included, as far as there are so many."""
        state = self._state
        offset = len(self._first) - 1  # Line n is account n - offset.
        end = min(stop - offset, self.accounts + 1)
        here = slice(max(1, start - offset), max(1, start - offset, end))
        after = len(self._first) + self.accounts
        count = here.stop - here.start
        return StateSlice(
            first=self._first[start:stop],
            last=self._last[max(0, start - after) : max(0, stop - after)],
            number=here.start,
            codes=state.codes[here],
            currencies=self._currencies,
            currency=state._currency[here].tobytes(),
            nature=bytes(state._nature[here]),
            kinds=state._kinds,
            kind=state._kind[here].tobytes(),
            holders=bytes(state._holders[16 * here.start : 16 * here.stop]),
            status=self._status[here],
            balance=self._balance[here].tobytes(),
            lower=self._lower[here].tobytes(),
            upper=self._upper[here].tobytes(),
            soft=[self._soft.get(here.start + i) for i in range(count)]
            if self._soft
            else [None] * count,
        )


class StateSlice(Struct, frozen=True, kw_only=True):
    """Some lines of a state as columns, as they are cut out of a book.

    Those of integers are in the machine's own form, of 64 bits, and of 32 for `currency` and
    `kind`. They cost next to nothing to cut, to hand to another process, which makes the
    lines or reads them, and to put together again.
    """

    first: Sequence[AnyState]
    last: Sequence[AnyState]
    number: int  # Of the first account.
    codes: list[str]
    currencies: Sequence[str]  # By number, as kinds are.
    currency: bytes
    nature: bytes
    kinds: Sequence[str]
    kind: bytes
    holders: bytes
    status: bytes
    balance: bytes
    lower: bytes
    upper: bytes
    soft: list[Side | None]

    def lines(self) -> list[AnyState]:
        """The lines, in order."""
        columns = (
            *(range(len(self.codes)), self.codes, _of_32(self.currency), self.nature),
            *(_of_32(self.kind), self.status, _of_64(self.balance), _of_64(self.lower)),
            *(_of_64(self.upper), self.soft),
        )
        return [
            *self.first,
            *(
                StateAccount(
                    number=self.number + i,
                    code=code,
                    currency=self.currencies[currency],
                    nature=NATURES[nature],
                    kind=self.kinds[kind],
                    holder=self.holders[16 * i : 16 * i + 16],
                    status=STATUSES[status],
                    balance=str(balance),
                    lower=UNSET if lower == NO_LOWER else lower,
                    upper=UNSET if upper == NO_UPPER else upper,
                    soft=UNSET if soft is None else soft,
                )
                for i, code, currency, nature, kind, status, balance, lower, upper, soft in zip(
                    *columns, strict=True
                )
            ),
            *self.last,
        ]


def sliced(lines: Sequence[AnyState]) -> StateSlice:
    """Some lines of a state, in order, as columns; currencies and kinds numbered here.

    Raises:
        JournalBroken: its accounts are not in order.
        OverflowError: an integer is not of 64 bits.
    """
    accounts = [line for line in lines if isinstance(line, StateAccount)]
    start = next((n for n, line in enumerate(lines) if isinstance(line, StateAccount)), 0)
    after = start + len(accounts)
    number = accounts[0].number if accounts else 1
    if [line.number for line in accounts] != list(range(number, number + len(accounts))) or any(
        isinstance(line, StateAccount) for line in lines[after:]
    ):
        raise JournalBroken("snapshot", "accounts out of order")
    currencies = {code: n for n, code in enumerate(dict.fromkeys(a.currency for a in accounts))}
    kinds = {kind: n for n, kind in enumerate(dict.fromkeys(a.kind for a in accounts))}
    lower = [NO_LOWER if a.lower is UNSET else a.lower for a in accounts]
    upper = [NO_UPPER if a.upper is UNSET else a.upper for a in accounts]
    return StateSlice(
        first=lines[:start],
        last=lines[after:],
        number=number,
        codes=[a.code for a in accounts],
        currencies=list(currencies),
        currency=array("i", [currencies[a.currency] for a in accounts]).tobytes(),
        nature=bytes(NATURES.index(a.nature) for a in accounts),
        kinds=list(kinds),
        kind=array("i", [kinds[a.kind] for a in accounts]).tobytes(),
        holders=b"".join([a.holder for a in accounts]),
        status=bytes(STATUS_NUMBER[a.status] for a in accounts),
        balance=array("q", [int(a.balance) for a in accounts]).tobytes(),
        lower=array("q", lower).tobytes(),
        upper=array("q", upper).tobytes(),
        soft=[None if a.soft is UNSET else a.soft for a in accounts],
    )


def renumbered(column: bytes, numbers: Sequence[int]) -> "array[int]":
    """A column of 32 bits with each of its numbers put for what it is the place of.

    >>> renumbered(array("i", [0, 0, 1]).tobytes(), [7, 5])
    array('i', [7, 7, 5])
    """
    found = array("i")
    if len(numbers) == 1:  # The most common, by far.
        found.frombytes(column)
        return array("i", numbers) * len(found)
    found.extend(numbers[place] for place in _of_32(column))
    return found


def _of_32(column: bytes) -> "memoryview[int]":
    return memoryview(column).cast("i")


def _of_64(column: bytes) -> "memoryview[int]":
    return memoryview(column).cast("q")
