"""Exchanges: what an amount of one currency buys of another, and what of it buys nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from tests.simulation.auditor.state import AMOUNT_MAX, Wanted, Why

EXCHANGE = "exchange"  # The kind of rows with which what was sold goes back.


@dataclass(frozen=True)
class Exchange:
    """An amount that is sold, the line that sells it, and how much is bought for each of it."""

    sells: Wanted
    rate: Fraction

    @property
    def bought(self) -> int:
        return int(self.sells.amount * self.rate)

    @property
    def residue(self) -> int:
        """What of it bought nothing, in whole minor units."""
        return self.sells.amount - ceil(self.bought / self.rate)

    @property
    def fraction(self) -> Fraction:
        """What is left then, of a minor unit of what is bought."""
        return (self.sells.amount - self.residue) * self.rate - self.bought


def exchange_at(
    wanted: Sequence[Wanted], position: int, currency_of: Callable[[int], str]
) -> Exchange | None:
    """The exchange for which a line buys; None where the one before it sells nothing."""
    rate = wanted[position].terms.get("rate")
    if rate is None or not position:
        return None
    sells, buys = wanted[position - 1], wanted[position]
    terms = sells.terms
    is_sold = sells.action in ("", "post") and terms.get("entry") == buys.terms["entry"]
    if not is_sold or terms.keys() & {"up_to", "suspense", "rate", "residue"}:
        return None
    if currency_of(sells.debit) == currency_of(buys.debit):
        return None
    return Exchange(sells, Fraction(rate["n"], rate["d"]))


def is_booked(wanted: Sequence[Wanted], position: int) -> bool:
    """Whether the line after the one that buys is for what bought nothing."""
    after = wanted[position + 1 : position + 2]
    entry = wanted[position].terms["entry"]
    return any(one.terms.get("residue") and one.terms["entry"] == entry for one in after)


def refuse_rate(
    wanted: Sequence[Wanted], position: int, currency_of: Callable[[int], str]
) -> Why | None:
    """Why an amount is not what was bought, or what bought nothing is booked nowhere."""
    one, exchange = wanted[position], exchange_at(wanted, position, currency_of)
    if "rate" not in one.terms:
        return None
    if exchange is None or exchange.bought > AMOUNT_MAX:
        return Why(position, "rate_differs")
    if exchange.bought != one.amount:
        return Why(position, "rate_differs", one.debit, exchange.bought)
    if exchange.residue and not is_booked(wanted, position):
        return Why(position, "residue_differs", exchange.sells.credit, exchange.residue)
    return None


def refuse_residue(
    wanted: Sequence[Wanted], position: int, currency_of: Callable[[int], str]
) -> Why | None:
    """Why an amount is not what bought nothing, or is not of who took what was sold."""
    one = wanted[position]
    if not one.is_residue:
        return None
    exchange = exchange_at(wanted, position - 1, currency_of) if position else None
    if exchange is None or not is_booked(wanted, position - 1):
        return Why(position, "residue_differs")
    taker, residue = exchange.sells.credit, exchange.residue
    is_it = (one.debit, one.amount) == (taker, residue)
    return None if is_it else Why(position, "residue_differs", taker, residue)
