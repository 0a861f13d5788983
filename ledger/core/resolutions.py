"""Resolutions: what became of holds, kept beside the rows so that nobody looks for it.

The book knows open holds only, and a hold's own row says `held` for ever. Here is what is
written with a post, a void or an expiry, and what all of it amounts to.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

from msgspec import UNSET, Struct

from ledger.core.leaves import HoldsExpired
from ledger.core.lines import Transfer
from ledger.core.model import Action
from ledger.core.terms import NO_NOTE

if TYPE_CHECKING:
    from ledger.core.book import Posted

HoldStatus = Literal["open", "part_posted", "posted", "voided", "expired"]


class Resolved(IntEnum):
    """How an amount of a hold was resolved. After all but the first nothing remains of it."""

    PART = 0  # Posted; with all parts together the hold may be.
    RELEASED = 1  # Posted, and what remained given back.
    VOIDED = 2
    EXPIRED = 3


class Resolution(Struct, frozen=True):
    """What became of a hold, or of a part of it.

    `target` is the hold's row and `sequence` the one that resolves it; 0 where time did.
    `amount` was posted, or given back by a void; in minor units, 0 where the hold expired.
    """

    target: int
    sequence: int
    amount: int
    what: Resolved


class HoldStanding(Struct, frozen=True):
    """How a hold stands: what was posted of it, and what it still keeps back. Minor units."""

    status: HoldStatus
    posted: int
    left: int


def resolutions_of(transfers: Sequence[Transfer], posted: "Posted") -> list[Resolution]:
    """What the posted transfers of a batch resolved of holds."""
    found: list[Resolution] = []
    for position, sequence in posted.sequences():
        terms = transfers[position].terms
        if terms is UNSET or terms.target is UNSET:
            continue
        note = posted.notes.get(position, NO_NOTE)
        amount = transfers[position].amount if note.amount is None else note.amount
        if terms.action is Action.POST:
            what = Resolved.RELEASED if terms.release else Resolved.PART
            found.append(Resolution(terms.target, sequence, amount, what))
        elif terms.action is Action.VOID:
            found.append(Resolution(terms.target, sequence, amount, Resolved.VOIDED))
    return found


def expiries_of(line: HoldsExpired) -> list[Resolution]:
    """What a line says of holds whose time was up."""
    return [Resolution(hold, 0, 0, Resolved.EXPIRED) for hold in line.holds]


def hold_standing(amount: int, resolutions: Sequence[Resolution]) -> HoldStanding:
    """How a hold of an amount stands after all that became of it."""
    parts = (Resolved.PART, Resolved.RELEASED)
    posted = sum(one.amount for one in resolutions if one.what in parts)
    ends = {one.what for one in resolutions} - {Resolved.PART}
    assert posted <= amount, "more of a hold was posted than it kept back"
    assert len(ends) <= 1, "a hold is resolved once"
    if Resolved.VOIDED in ends:
        return HoldStanding("voided", posted, 0)
    if Resolved.EXPIRED in ends:
        return HoldStanding("expired", posted, 0)
    if ends or posted == amount:
        return HoldStanding("posted", posted, 0)
    return HoldStanding("part_posted" if posted else "open", posted, amount - posted)
