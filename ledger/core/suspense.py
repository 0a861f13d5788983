"""Suspense: what was posted to a bridge account because the right one refused it."""

from msgspec import Struct
from msgspec.structs import replace

from ledger.core.model import OneSide
from ledger.core.parts import Part
from ledger.core.refusals import RefusalCode
from ledger.core.state_lines import AnyState, StateSuspended
from ledger.core.undo import Undo


class Suspended(Struct, frozen=True, kw_only=True):
    """What was posted to a suspense account and is not cleared yet.

    `meant_for` is the account that refused, and `why` the code. `left` is minor units, `since`
    microseconds since 1970.
    """

    account: int
    side: OneSide
    meant_for: int
    why: str
    left: int
    since: int


class Suspense(Part):
    """All that is not cleared, by the sequence of its transfer."""

    keeps = (StateSuspended,)

    def __init__(self) -> None:
        self.open: dict[int, Suspended] = {}

    def put(self, undo: Undo, sequence: int, item: Suspended) -> None:
        """Note what a suspense account stood in for."""
        undo.put(self.open, sequence, item)

    def clear(self, undo: Undo, sequence: int, amount: int) -> None:
        """Clear some of it, or all."""
        item = self.open[sequence]
        assert 0 < amount <= item.left, "no more is cleared than there is"
        if amount == item.left:
            undo.drop(self.open, sequence)
        else:
            undo.put(self.open, sequence, replace(item, left=item.left - amount))

    def needs(self, account: int) -> RefusalCode | None:
        """What it stands in for must be cleared, though it may add up to nothing."""
        is_one = any(item.account == account for item in self.open.values())
        return RefusalCode.ACCOUNT_HAS_SUSPENSE if is_one else None

    def state(self) -> list[AnyState]:
        """What is not cleared as lines of a snapshot, in the order of sequences."""
        return [
            StateSuspended(
                sequence=sequence,
                account=item.account,
                side=item.side,
                meant_for=item.meant_for,
                why=item.why,
                left=item.left,
                since=item.since,
            )
            for sequence, item in sorted(self.open.items())
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StateSuspended)
        self.open[line.sequence] = Suspended(
            account=line.account,
            side=line.side,
            meant_for=line.meant_for,
            why=line.why,
            left=line.left,
            since=line.since,
        )
