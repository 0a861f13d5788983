"""Time at a limit: how long a balance was not above its lower bound, over a period.

The bound changes at moments, the balance with batches; only those with which an account came
to its bound or left it need a time at all, so that few batches are looked up.
"""

from collections.abc import Mapping

from msgspec import Struct


class Turn(Struct, frozen=True):
    """An account came to its bound, or left it: at a moment, or with a batch.

    Moments are microseconds since 1970.
    """

    moment: int = 0
    batch: int = 0  # Its number, which is never 0.


class Watch:
    """Sees bounds and balances of an account in their order, as its nature shows them."""

    def __init__(self, balance: int) -> None:
        self.turns: list[Turn] = []  # It came, left, came again...
        self._balance = balance
        self._bound: int | None = None

    def bound(self, moment: int, bound: int | None) -> None:
        """The bound from a moment on; None: there is none."""
        self._bound = bound
        self._look(Turn(moment=moment))

    def row(self, batch: int, balance: int) -> None:
        """The balance after a row of a batch."""
        self._balance = balance
        self._look(Turn(batch=batch))

    def _look(self, turn: Turn) -> None:
        is_there = self._bound is not None and self._balance <= self._bound
        if is_there is not bool(len(self.turns) % 2):
            self.turns.append(turn)

    def time(self, recorded_at: Mapping[int, int], end: int) -> int:
        """How long it was at its bound until an end, in microseconds.

        Args:
            recorded_at: when the batches of the turns were, by their numbers.
        """
        moments = [recorded_at[one.batch] if one.batch else one.moment for one in self.turns]
        if len(moments) % 2:
            moments.append(end)
        return sum(moments[1::2]) - sum(moments[::2])
