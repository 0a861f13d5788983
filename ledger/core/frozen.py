"""A frozen book: its whole state as it stands, for a snapshot, while the book goes on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Struct

from ledger.core.lines import RULES
from ledger.core.model import NO_LOWER, NO_UPPER, Nature, Side, Status
from ledger.core.state_lines import AnyState, StateAccount, StateCurrency, StateHead

if TYPE_CHECKING:
    from ledger.core.state import State

STATUSES: Final = tuple(Status)  # By the number that the book keeps.
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
    `kind`. They cost next to nothing to cut and to hand to another process, which makes the
    lines.
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


def _of_32(column: bytes) -> "memoryview[int]":
    return memoryview(column).cast("i")


def _of_64(column: bytes) -> "memoryview[int]":
    return memoryview(column).cast("q")
