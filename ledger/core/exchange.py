"""Exchange: what an amount of one currency buys of another, and what of it buys nothing.

    10_099 sold at n/d = 50/100 -> 5_049 bought; 1 of what was sold bought nothing

Bought is rounded down. What is sold beyond the least that buys as much is the residue: whole
minor units, which the entry books. What is lost then is below a minor unit of either currency,
and stays with the account that sells; it is told as a fraction, exactly.
"""

from collections.abc import Callable, Sequence
from math import gcd
from typing import Final

from msgspec import UNSET, Struct

from ledger.core.amounts import AMOUNT_MAX
from ledger.core.lines import Fraction, Rate, Terms, Transfer
from ledger.core.model import Action
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.terms import NO_TERMS

EXCHANGE: Final = "exchange"  # The kind of rows that take back what was sold, and the residue.


class Exchange(Struct, frozen=True):
    """An amount, in minor units, and the rate at which it is sold."""

    sold: int
    rate: Rate

    @property
    def bought(self) -> int:
        """What it buys, in minor units, rounded down.

        >>> Exchange(10_099, Rate(n=50, d=100)).bought
        5049
        """
        return self.sold * self.rate.n // self.rate.d

    @property
    def residue(self) -> int:
        """What of it buys nothing: so many minor units less would buy as much.

        >>> Exchange(10_099, Rate(n=50, d=100)).residue
        1
        """
        return self.sold - -(-self.bought * self.rate.d // self.rate.n)

    @property
    def fraction(self) -> Fraction | None:
        """What is left when the residue is booked: of a minor unit of what is bought.

        In lowest terms, and None where it is nothing. It is below a minor unit of what is
        sold, too.

        >>> Exchange(10, Rate(n=7, d=3)).fraction
        Fraction(d=3, n=1)
        """
        n, d = self.rate.n, self.rate.d
        left = (self.sold - self.residue) * n - self.bought * d
        common = gcd(left, d)
        return Fraction(n=left // common, d=d // common) if left else None


class Exchanges:
    """The exchanges among the lines of a batch: what is sold, what that buys, and the residue.

    `columns` are the debited and credited accounts and amounts of the lines; `currency_of`
    numbers the currency of an account.
    """

    def __init__(
        self,
        transfers: Sequence[Transfer],
        columns: tuple[Sequence[int], Sequence[int], Sequence[int]],
        currency_of: Callable[[int], int],
    ) -> None:
        self._transfers = transfers
        self._debit, self._credit, self._amount = columns
        self._currency_of = currency_of

    def at(self, position: int) -> Exchange | None:
        """The exchange that a line with a rate is the second of; None where it is none.

        The line before it moves, in the same entry, a known amount of another currency.
        """
        terms, before = self._terms(position), position - 1
        if terms.rate is UNSET or before < 0:
            return None
        sells = self._terms(before)
        is_known = sells.up_to is UNSET and sells.suspense is UNSET
        is_sold = sells.action in (UNSET, Action.POST) and sells.rate is UNSET
        is_one = sells.entry == terms.entry and is_known and is_sold and not sells.residue
        currencies = {self._currency_of(self._debit[at]) for at in (before, position)}
        if not is_one or len(currencies) == 1:
            return None
        return Exchange(self._amount[before], terms.rate)

    def refuse_rate(self, position: int) -> Refusal | None:
        """Why this is not what was bought; or what bought nothing is booked nowhere."""
        exchange = self.at(position)
        if exchange is None or exchange.bought > AMOUNT_MAX:
            return Refusal(code=RefusalCode.RATE_DIFFERS, position=position)
        if exchange.bought != self._amount[position]:
            return Refusal(
                code=RefusalCode.RATE_DIFFERS,
                position=position,
                account=self._debit[position],
                available=exchange.bought,
            )
        if exchange.residue and not self._is_booked(position):
            return self._differs(position, position - 1, exchange.residue)
        return None

    def refuse_residue(self, position: int) -> Refusal | None:
        """Why this is not what bought nothing of what the account took that is debited."""
        exchange = self.at(position - 1) if position else None
        if exchange is None or not self._is_booked(position - 1):
            return Refusal(code=RefusalCode.RESIDUE_DIFFERS, position=position)
        given = self._debit[position], self._amount[position]
        if given == (self._credit[position - 2], exchange.residue):
            return None
        return self._differs(position, position - 2, exchange.residue)

    def _differs(self, position: int, sold: int, residue: int) -> Refusal:
        return Refusal(
            code=RefusalCode.RESIDUE_DIFFERS,
            position=position,
            account=self._credit[sold],
            available=residue,
        )

    def _is_booked(self, position: int) -> bool:
        """Whether the line after that of a rate is for its residue."""
        if position + 1 == len(self._transfers):
            return False
        following = self._terms(position + 1)
        return following.residue and following.entry == self._terms(position).entry

    def _terms(self, position: int) -> Terms:
        terms = self._transfers[position].terms
        return NO_TERMS if terms is UNSET else terms
