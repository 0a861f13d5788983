"""Terms: what some transfers ask for besides being posted as they stand, and what came of it.

Which terms go with which; what is said of a transfer recorded before that is named; what was
done otherwise than a line says.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Struct

from ledger.core.columns import Columns
from ledger.core.lines import Beside, Fraction, Terms, Transfer
from ledger.core.model import Action, Flag, OneSide, Phase, Side

if TYPE_CHECKING:
    from ledger.core.asked import AskedTerms, AskedTransfer
    from ledger.core.book import Posted

NO_TERMS: Final = Terms()
REST: Final = "rest"  # The kind of a row that takes what `up_to` leaves.


class Past(Struct, frozen=True, kw_only=True):
    """A transfer recorded before the batch that names it.

    `taken` is what later ones took back of it or cleared; `is_link` says that it was one
    of these itself. `beside` goes back with it in proportion, such as levies on it;
    `is_beside` says that it does so itself with another, and never alone.
    """

    debit: int
    credit: int
    amount: int
    phase: int = Phase.POSTED
    taken: int = 0
    kind: str = ""
    is_link: bool = False
    is_beside: bool = False
    beside: tuple[Beside, ...] = ()


class Note(Struct, frozen=True, kw_only=True):
    """How a transfer was posted otherwise than its line says."""

    amount: int | None = None
    suspense: OneSide | None = None
    why: str | None = None  # The code for which the account refused that suspense stood in for.
    flags: tuple[Flag, ...] = ()
    beside: tuple[Beside, ...] = ()
    business_date: date | None = None
    fraction: Fraction | None = None


NO_NOTE: Final = Note()


class Link(Struct, frozen=True):
    """A transfer that takes back, or clears, an amount of an earlier one."""

    target: int
    sequence: int
    amount: int


def misplaced_term(terms: "Terms | AskedTerms") -> str:
    """The name of a term that cannot stand with the others, or is missing; else nothing."""
    action = terms.action
    moves = action is UNSET or action is Action.REVERSE
    wrong = {
        "terms": terms == type(terms)(),
        "expires": (terms.expires is not UNSET) is not (action is Action.HOLD),
        "target": (terms.target is UNSET) is not (action is UNSET or action is Action.HOLD),
        "release": terms.release and action is not Action.POST,
        "up_to": terms.up_to is not UNSET and not (moves or action is Action.HOLD),
        "rest": terms.rest is not UNSET
        and not (moves and terms.up_to in (Side.DEBIT, Side.CREDIT)),
        "suspense": terms.suspense is not UNSET and not (moves and terms.rest is UNSET),
        "adjusting": terms.adjusting and not moves,
        "rate": terms.rate is not UNSET
        and (action is not UNSET or terms.entry is UNSET or terms.up_to is not UNSET),
        "residue": terms.residue
        and (
            action is not UNSET
            or terms.entry is UNSET
            or terms.rate is not UNSET
            or terms.up_to is not UNSET
            or terms.suspense is not UNSET
        ),
    }
    return next((name for name, is_wrong in wrong.items() if is_wrong), "")


NO_PAST: Final[Mapping[int, Past]] = {}


def targets_of(transfers: "Sequence[Transfer] | Sequence[AskedTransfer]") -> set[int]:
    """The sequences whose Past a batch needs to be decided."""
    if isinstance(transfers, Columns) and transfers.is_plain:
        return set()
    return {
        t.terms.target
        for t in transfers
        if t.terms is not UNSET
        and t.terms.target is not UNSET
        and t.terms.action is Action.REVERSE
    }


def links_of(transfers: Sequence[Transfer], posted: "Posted") -> list[Link]:
    """What the posted transfers of a batch took back of earlier ones, or cleared."""
    links: list[Link] = []
    for position, sequence in posted.sequences():
        terms = transfers[position].terms
        if terms is UNSET or terms.target is UNSET:
            continue
        if terms.action in (Action.REVERSE, Action.CLEAR):
            note = posted.notes.get(position, NO_NOTE)
            own = transfers[position].amount if note.amount is None else note.amount
            # What the rest took back is not to be taken back either, so it has its own link.
            amounts = [own, *(row.amount for row in note.beside if row.kind == REST)]
            moved = enumerate(filter(None, amounts), sequence)
            links += [Link(terms.target, row, amount) for row, amount in moved]
    return links


def is_adjusting(transfer: Transfer) -> bool:
    """Whether a transfer is for the thirteenth month of its year."""
    return transfer.terms is not UNSET and transfer.terms.adjusting


def kinds_of(transfers: Sequence[Transfer], posted: "Posted") -> list[str]:
    """The kind of each row: a transfer's own, or that of what it made besides."""
    kinds: list[str] = []
    for position, _ in posted.sequences():
        note = posted.notes.get(position, NO_NOTE)
        if note.amount != 0:
            kinds.append(transfers[position].kind)
        kinds += [row.kind for row in note.beside]
    return kinds


def day_of(
    transfers: Sequence[Transfer], posted: "Posted", row: int, business_date: date
) -> date:
    """The business date that a row counts for, where `business_date` is its batch's."""
    position = posted.positions[row]
    note = posted.notes.get(position, NO_NOTE)
    own = transfers[position].business_date
    if note.business_date is not None:
        return note.business_date
    return business_date if own is UNSET else own
