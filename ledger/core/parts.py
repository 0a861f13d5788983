"""Parts: rooms of the book's state with lines of their own."""

from typing import ClassVar

from ledger.core.lines import AnyLeaf, AnyState
from ledger.core.refusals import Refusal


class Part:
    """Some of a book's state. The book tells it of leaves, and asks it for its own.

    `takes` are the leaves it is told of, `keeps` its lines in a snapshot. What a part does
    not take, or does not keep, it is never asked.
    """

    takes: ClassVar[tuple[type[AnyLeaf], ...]] = ()
    keeps: ClassVar[tuple[type[AnyState], ...]] = ()

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why this leaf may not follow from the state, or None."""
        raise AssertionError(f"not told of {line}")

    def apply(self, line: AnyLeaf) -> None:
        """Take a leaf that may follow."""
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
