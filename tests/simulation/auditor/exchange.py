"""Exchange: what an amount buys, what of it buys nothing, and what is no minor unit."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from tests.simulation.auditor.state import Wanted


def bought(sold: int, rate: Mapping[str, int]) -> int:
    return sold * rate["n"] // rate["d"]


def residue(sold: int, rate: Mapping[str, int]) -> int:
    """So much less would have bought as much."""
    cost = Fraction(bought(sold, rate) * rate["d"], rate["n"])
    return sold - (cost.numerator + cost.denominator - 1) // cost.denominator


def fraction(sold: int, rate: Mapping[str, int]) -> Fraction:
    """What is bought with all but the residue, less what is given for it."""
    exact = (sold - residue(sold, rate)) * Fraction(rate["n"], rate["d"])
    return exact - bought(sold, rate)


def sold_for(
    wanted: Sequence[Wanted], position: int, currency_of: Callable[[int], str]
) -> Wanted | None:
    """What sells for the one with a rate at a position; None where nothing does."""
    one = wanted[position]
    if "rate" not in one.terms or not position:
        return None
    sells = wanted[position - 1]
    if sells.terms.get("entry") != one.terms["entry"] or sells.action not in ("", "post"):
        return None
    if any(term in sells.terms for term in ("up_to", "suspense", "rate", "residue")):
        return None
    is_other = currency_of(sells.debit) != currency_of(one.debit)
    return sells if is_other else None


def is_residue(wanted: Sequence[Wanted], position: int) -> bool:
    """Whether there is one at a position that is for the residue of the one before it."""
    if not 0 < position < len(wanted):
        return False
    one, before = wanted[position], wanted[position - 1]
    return "residue" in one.terms and before.terms.get("entry") == one.terms["entry"]
