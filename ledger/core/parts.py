"""Parts: rooms of the book's state with lines of their own."""

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from msgspec import Struct

from ledger.core.leaves import AnyLeaf
from ledger.core.lines import Beside, Transfer
from ledger.core.model import Action, Phase
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.state_lines import AnyState
from ledger.core.undo import Undo


class Movement(Struct, frozen=True, kw_only=True):
    """An amount on its way between two accounts, as a part is asked about it.

    `phase` says whether it is posted or held; posting a hold is no new movement for limits
    that asked when it was held, so `of_hold` tells them.
    """

    position: int
    debit: int
    credit: int
    amount: int
    kind: str
    recorded_at: int
    business_date: date
    phase: Phase = Phase.POSTED
    of_hold: bool = False
    action: Action | None = None  # What the transfer is, where it is not simply posted.
    is_exempt: bool = False  # From levies: taken back, cleared, or by way of suspense.
    is_residue: bool = False  # Of an exchange: it gives back, and pays nobody.


class Part:
    """Some of a book's state. The book tells it of leaves, and asks it for its own.

    `takes` are the leaves it is told of, `keeps` its lines in a snapshot. What a part does
    not take, or does not keep, it is never asked. `hears` are leaves that are not its own,
    but may change it.
    """

    takes: ClassVar[tuple[type[AnyLeaf], ...]] = ()
    hears: ClassVar[tuple[type[AnyLeaf], ...]] = ()
    keeps: ClassVar[tuple[type[AnyState], ...]] = ()

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why this leaf may not follow from the state, or None."""
        raise AssertionError(f"not told of {line}")

    def apply(self, line: AnyLeaf) -> None:
        """Take a leaf that may follow."""
        raise AssertionError(f"not told of {line}")

    def heard(self, line: AnyLeaf) -> None:
        """A leaf that is not its own has followed."""
        raise AssertionError(f"not told of {line}")

    def due(self) -> int | None:
        """When time next asks for a line, in microseconds since 1970; None for never."""
        return None

    def due_line(self, now: int) -> AnyLeaf | None:
        """A line that time asks for now; once it is applied there may be another."""
        return None

    def state(self) -> list[AnyState]:
        """All of it as lines of a snapshot, in an order that depends on nothing else."""
        return []

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        raise AssertionError(f"never kept {line}")

    def needs(self, account: int) -> RefusalCode | None:
        """Why an account may not be closed while this is so."""
        return None

    # ---- what a part with a say in posting answers besides

    def concerns(
        self, transfers: Sequence[Transfer], debit: Sequence[int], credit: Sequence[int]
    ) -> bool:
        """Whether this batch must go the road where parts are asked (core/posting.py).

        Asked of every batch, so it costs next to nothing where the part has no rules.
        """
        return False

    def why_not(self, movement: Movement) -> Refusal | None:
        """Why an amount may not be moved or held, though bounds and status allow it."""
        return None

    def moved(self, undo: Undo, movement: Movement) -> None:
        """An amount was moved or held."""

    def taken_back(self, undo: Undo, target: int, kind: str, account: int, amount: int) -> None:
        """An amount of an earlier transfer, which had credited this account, was reversed.

        Told besides what `moved` is told; here with what another account made up for.
        """

    def beside(self, movement: Movement) -> Sequence[Beside]:
        """What is to be moved besides, such as a levy."""
        return ()
