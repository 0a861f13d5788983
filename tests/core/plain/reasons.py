"""Why a transfer cannot be, whatever the balances are; in the page's order."""

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Protocol

from tests.core.plain.days import Calendar
from tests.core.plain.nouns import AMOUNT_MAX, Batch, Line, No

if TYPE_CHECKING:
    from tests.core.plain.ledger import Plain


class OnItsWay(Protocol):
    """A batch, and the ledger it is posted to."""

    plain: "Plain"
    batch: Batch
    recorded: int  # Rows that were there before it.
    calendar: Calendar
    today: date

    def day_of(self, position: int) -> date | None:
        """For which day a transfer counts."""


Rule = Callable[[OnItsWay, int], No | None]


def accounts_can_trade(posting: OnItsWay, position: int) -> No | None:
    line = posting.batch.lines[position]
    return posting.plain.why_never(line.debit, line.credit)


def reference_is_new(posting: OnItsWay, position: int) -> No | None:
    """Also a reference that was refused in the same batch is not given twice there."""
    batch, plain = posting.batch, posting.plain
    reference = batch.lines[position].reference
    if not reference or not plain.unique_references:
        return None
    in_batch = reference in [line.reference for line in batch.lines[:position]]
    before = {row.reference for row in plain.rows[: posting.recorded]}
    if in_batch or (batch.source, reference) in before:
        return No("reference_used")
    return None


def day_is_open(posting: OnItsWay, position: int) -> No | None:
    is_open = posting.day_of(position) is not None
    return None if is_open else No("business_date_not_open")


def ordinary_day_is_open(posting: OnItsWay, position: int) -> No | None:
    """A year may be opened again to adjustments while one waits."""
    if posting.batch.lines[position].adjusting:
        return None
    return day_is_open(posting, position)


def value_is_not_too_old(posting: OnItsWay, position: int) -> No | None:
    line = posting.batch.lines[position]
    day = posting.day_of(position) or line.day or posting.today
    if line.value_day is None or posting.calendar.allows_value(line.value_day, day):
        return None
    return No("value_date_too_early")


def named_accounts_can_stand_in(posting: OnItsWay, position: int) -> No | None:
    line, plain = posting.batch.lines[position], posting.plain
    for code in (line.rest, line.suspense):
        if code and code not in plain.accounts:
            return No("terms_account_not_usable")
        if code in (line.debit, line.credit):
            return No("terms_account_not_usable", code)
        if code and plain.currency(code) != plain.currency(line.debit):
            return No("terms_account_not_usable", code)
    return None


def hold_ends_later(posting: OnItsWay, position: int) -> No | None:
    line = posting.batch.lines[position]
    ends = line.action == "hold" and line.expires <= posting.plain.now
    return No("hold_expired") if ends else None


def rate_is_kept(posting: OnItsWay, position: int) -> No | None:
    line = posting.batch.lines[position]
    if line.rate is None:
        return None
    sold = seller_of(posting, position)
    if sold is None:
        return No("rate_differs")
    bought, residue = worth(sold.amount, line.rate)
    if bought > AMOUNT_MAX:
        return No("rate_differs")
    if bought != line.amount:
        return No("rate_differs", line.debit, bought)
    if residue and not is_for_residue(posting, position + 1):
        return No("residue_differs", sold.credit, residue)
    return None


def residue_is_right(posting: OnItsWay, position: int) -> No | None:
    line = posting.batch.lines[position]
    if not line.residue:
        return None
    is_next = position and is_for_residue(posting, position)
    sold = seller_of(posting, position - 1) if is_next else None
    if sold is None:
        return No("residue_differs")
    _, residue = worth(sold.amount, posting.batch.lines[position - 1].rate or (1, 1))
    is_right = (line.debit, line.amount) == (sold.credit, residue)
    return None if is_right else No("residue_differs", sold.credit, residue)


def seller_of(posting: OnItsWay, position: int) -> Line | None:
    """The line that sells for the one with a rate."""
    line, plain = posting.batch.lines[position], posting.plain
    before = posting.batch.lines[position - 1] if position else None
    if line.rate is None or before is None or before.entry != line.entry:
        return None
    if before.action not in ("", "post") or before.up_to or before.suspense:
        return None
    if before.rate or before.residue or before.debit not in plain.accounts:
        return None
    return before if plain.currency(before.debit) != plain.currency(line.debit) else None


def is_for_residue(posting: OnItsWay, position: int) -> bool:
    """Whether a line is for the residue of the one before it."""
    if position == len(posting.batch.lines):
        return False
    line, before = posting.batch.lines[position], posting.batch.lines[position - 1]
    return line.residue and line.entry == before.entry


def worth(sold: int, rate: tuple[int, int]) -> tuple[int, int]:
    """What an amount buys, and how much less would have bought the same."""
    n, d = rate
    bought = floor(Fraction(sold * n, d))
    return bought, sold - ceil(Fraction(bought * d, n))


def hold_is_the_one(posting: OnItsWay, position: int) -> No | None:
    line, plain = posting.batch.lines[position], posting.plain
    if line.action not in ("post", "void"):
        return None
    hold = plain.holds().get(line.target)
    if hold is None:
        return No("hold_not_open")
    if hold.expires <= plain.now:
        return No("hold_expired")
    if (line.debit, line.credit) != (hold.debit, hold.credit):
        return No("target_differs")
    if line.action == "void" and line.amount != hold.amount:
        return No("target_differs", line.debit, hold.amount)
    if line.action == "post" and line.amount > plain.left(line.target):
        return No("exceeds_target", line.debit, plain.left(line.target))
    return None


def target_can_be_taken_back(posting: OnItsWay, position: int) -> No | None:
    """What the batch itself recorded is not there yet."""
    line, plain = posting.batch.lines[position], posting.plain
    if line.action != "reverse":
        return None
    if line.target > posting.recorded:
        return No("target_not_found")
    target = plain.rows[line.target - 1]
    is_own = target.moves and not target.takes and not target.goes_with_another
    if not is_own or line.target in plain.suspended():
        return No("target_not_reversible")
    if (line.debit, line.credit) != (target.credit, target.debit):
        return No("target_differs")
    left = target.amount - plain.taken(line.target)
    return No("exceeds_target", line.debit, left) if line.amount > left else None


def target_can_be_cleared(posting: OnItsWay, position: int) -> No | None:
    line, plain = posting.batch.lines[position], posting.plain
    if line.action != "clear":
        return None
    left = plain.suspended().get(line.target)
    if left is None:
        return No("target_not_in_suspense")
    target = plain.rows[line.target - 1]
    stood_in = target.debit if target.stands_in == "debit" else target.credit
    given = line.credit if target.stands_in == "debit" else line.debit
    if given != stood_in:
        return No("target_differs", stood_in)
    return No("exceeds_target", line.debit, left) if line.amount > left else None


FIRST: tuple[Rule, ...] = (
    accounts_can_trade,
    reference_is_new,
    ordinary_day_is_open,
    value_is_not_too_old,
)
RULES: tuple[Rule, ...] = (
    accounts_can_trade,
    reference_is_new,
    day_is_open,
    value_is_not_too_old,
    named_accounts_can_stand_in,
    hold_ends_later,
    rate_is_kept,
    residue_is_right,
    hold_is_the_one,
    target_can_be_taken_back,
    target_can_be_cleared,
)
