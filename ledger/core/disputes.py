"""Disputes: transfers that somebody contests, until an outcome ends it."""

from datetime import date
from typing import TYPE_CHECKING

from msgspec import UNSET, Struct, UnsetType

from ledger.core.leaves import AnyLeaf, DisputeEnded, DisputeOpened
from ledger.core.parts import Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.state_lines import AnyState, StateDispute

if TYPE_CHECKING:
    from ledger.core.state import State


class Dispute(Struct, frozen=True, kw_only=True):
    """An open dispute; `since` in microseconds, `due` the day by which it should end."""

    since: int
    by: str
    reason: str
    due: date | UnsetType = UNSET


class Disputes(Part):
    """The open disputes of a ledger, by the sequences of their transfers.

    A transfer in dispute can be reversed as any other; the outcome then names the reversal.
    """

    takes = (DisputeOpened, DisputeEnded)
    keeps = (StateDispute,)

    def __init__(self, state: "State") -> None:
        self.open: dict[int, Dispute] = {}
        self._state = state

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why a transfer cannot be disputed, or this is no outcome of a dispute."""
        match line:
            case DisputeOpened() if line.target > self._state.transfers:
                return Refusal(code=RefusalCode.TARGET_NOT_FOUND)
            case DisputeOpened() if line.target in self.open:
                return Refusal(code=RefusalCode.DISPUTE_OPEN)
            case DisputeEnded() if line.target not in self.open:
                return Refusal(code=RefusalCode.DISPUTE_NOT_OPEN)
            case DisputeEnded(linked=int() as linked):
                if not line.target < linked <= self._state.transfers:
                    return Refusal(code=RefusalCode.TARGET_NOT_FOUND)
        return None

    def apply(self, line: AnyLeaf) -> None:
        """Open a dispute, or end it."""
        match line:
            case DisputeOpened():
                self.open[line.target] = Dispute(
                    since=line.recorded_at, by=line.by, reason=line.reason, due=line.due
                )
            case DisputeEnded():
                del self.open[line.target]

    def state(self) -> list[AnyState]:
        """The open disputes as lines of a snapshot, in the order of their transfers."""
        return [
            StateDispute(
                target=target, since=one.since, by=one.by, reason=one.reason, due=one.due
            )
            for target, one in sorted(self.open.items())
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StateDispute)
        self.open[line.target] = Dispute(
            since=line.since, by=line.by, reason=line.reason, due=line.due
        )
