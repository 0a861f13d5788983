"""Exchange: what an amount of one currency buys of another, and what of it buys nothing.

    10_099 sold at n/d = 50/100 -> 5_049 bought; 1 of what was sold bought nothing

Bought is rounded down. What is sold beyond the least that buys as much is the residue: whole
minor units, which the entry books. What is lost then is below a minor unit of either currency,
and stays with the account that sells; it is told as a fraction, exactly.
"""

from math import gcd
from typing import Final

from msgspec import Struct

from ledger.core.lines import Fraction, Rate

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
