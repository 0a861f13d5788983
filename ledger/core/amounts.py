"""Amounts: whole minor units of one currency.

An amount is an int. 12.50 in a currency of scale 2 is the amount 1250.
Text becomes an amount here, at the edge, and nowhere else.
"""

import re
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from ledger.core.faults import MalformedAmount

AMOUNT_MAX = 2**53 - 1  # The largest int that JSON readers keep exactly.
BALANCE_MAX = 2**63 - 1  # PostgreSQL's bigint; as a bound it means "no bound".
SCALE_MAX = 6
TEXT_MAX = 24  # Characters: sixteen digits, a point, a sign, and room to complain usefully.

assert AMOUNT_MAX <= BALANCE_MAX, "an amount must fit PostgreSQL's bigint"

Amount = Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
Bound = Annotated[int, Meta(ge=-AMOUNT_MAX, le=AMOUNT_MAX)]
Scale = Annotated[int, Meta(ge=0, le=SCALE_MAX)]

_PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


def parse_amount(text: str, scale: int) -> int:
    """Read a decimal such as "12.50" as minor units.

    Nothing is rounded: more decimals than `scale` is an error, because a
    ledger that drops a fraction has lost somebody's money.

    >>> parse_amount("12.50", scale=2)
    1250
    >>> parse_amount("3", scale=2)
    300

    Raises:
        MalformedAmount: not a plain positive decimal, too many decimals, or
            above AMOUNT_MAX.
    """
    amount = _minor_units(text, scale)
    if not 0 < amount <= AMOUNT_MAX:
        raise MalformedAmount(text, f"not between 1 and {AMOUNT_MAX} minor units")
    return amount


def parse_bound(text: str, scale: int) -> int:
    """Read a signed decimal such as "-500.00" as minor units; zero is allowed.

    >>> parse_bound("-500.00", scale=2)
    -50000

    Raises:
        MalformedAmount: as parse_amount.
    """
    negative = text.startswith("-")
    magnitude = _minor_units(text[1:] if negative else text, scale)
    if magnitude > AMOUNT_MAX:
        raise MalformedAmount(text, f"not between 0 and {AMOUNT_MAX} minor units")
    return -magnitude if negative else magnitude


def parse_total(text: str, scale: int) -> int:
    """Read a sum such as a control total; as parse_amount, but it may pass AMOUNT_MAX.

    Raises:
        MalformedAmount: not a plain decimal, or too many decimals.
    """
    return _minor_units(text, scale)


def _minor_units(text: str, scale: int) -> int:
    """Digits and at most one point as minor units of `scale`, exactly; any size."""
    if len(text) > TEXT_MAX or not _PLAIN.fullmatch(text):
        raise MalformedAmount(text[:TEXT_MAX], "not a plain decimal")
    whole, _, fraction = text.partition(".")
    if len(fraction) > scale:
        raise MalformedAmount(text, f"more than {scale} decimals")
    return int(whole + fraction.ljust(scale, "0"))


def parse_amounts(texts: Sequence[str], scale: int) -> list[int]:
    """Read many amounts of one currency; the same as parse_amount for each, only faster.

    Most senders write every amount with exactly `scale` decimals, so one match over
    all of them joined stands for eight thousand calls.

    Raises:
        MalformedAmount: as parse_amount, with `position` set to the first that is wrong.
    """
    if len(texts) == 1:
        return [_parse_at(0, texts[0], scale)]
    joined = "\n".join(texts)
    if _UNIFORM[scale].fullmatch(joined):
        amounts = list(map(int, joined.replace(".", "").split("\n")))
        if len(amounts) == len(texts) and min(amounts) > 0 and max(amounts) <= AMOUNT_MAX:
            return amounts
    return [_parse_at(position, text, scale) for position, text in enumerate(texts)]


def _parse_at(position: int, text: str, scale: int) -> int:
    try:
        return parse_amount(text, scale)
    except MalformedAmount as fault:
        raise MalformedAmount(*fault.facts, field="amount", position=position) from None


def _pattern_of_many(scale: int) -> re.Pattern[str]:
    """Amounts with exactly `scale` decimals, one a line."""
    one = r"[0-9]{1,16}" + (rf"\.[0-9]{{{scale}}}" if scale else "")
    return re.compile(rf"{one}(?:\n{one})*", re.ASCII)


_UNIFORM = [_pattern_of_many(scale) for scale in range(SCALE_MAX + 1)]


def show_amount(amount: int, scale: int) -> str:
    """Minor units as a decimal string with exactly `scale` decimals; any sign, any size.

    >>> show_amount(-1250, scale=2)
    '-12.50'
    >>> show_amount(7, scale=0)
    '7'
    """
    digits = str(abs(amount)).rjust(scale + 1, "0")
    sign = "-" if amount < 0 else ""
    if scale == 0:
        return sign + digits
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"
