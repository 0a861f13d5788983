"""Disputes: transfers that somebody contests, until an outcome ends it."""

from datetime import date
from typing import TYPE_CHECKING

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from ledger.core.days import DAY_US
from ledger.core.leaves import AnyLeaf, DisputeEnded, DisputeOpened, DisputeOverdue
from ledger.core.model import DATE_MIN
from ledger.core.moments import Moments
from ledger.core.parts import Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.state_lines import AnyState, StateDispute

if TYPE_CHECKING:
    from ledger.core.state import State


class Dispute(Struct, frozen=True, kw_only=True):
    """An open dispute; `since` in microseconds, `due` the day by which it should end.

    `index` is that of its line, and `overdue` since when the clock says so.
    """

    index: int
    since: int
    by: str
    reason: str
    due: date | UnsetType = UNSET
    overdue: int | UnsetType = UNSET


class Disputes(Part):
    """The open disputes of a ledger, by the sequences of their transfers.

    A transfer in dispute can be reversed as any other; the outcome then names the reversal.
    When the day by which it should have ended is over the clock says so, once.
    """

    takes = (DisputeOpened, DisputeOverdue, DisputeEnded)
    keeps = (StateDispute,)

    def __init__(self, state: "State") -> None:
        self.open: dict[int, Dispute] = {}
        # Those with a day that is not over, by the number of that day (date.toordinal).
        self.dues = Moments[int](self._is_to_come, lambda: len(self.open))
        self._state = state

    def _is_to_come(self, day: int, target: int) -> bool:
        one = self.open.get(target)
        if one is None or one.due is UNSET or one.overdue is not UNSET:
            return False
        return one.due.toordinal() == day

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why a transfer cannot be disputed, or this is said of no open dispute."""
        match line:
            case DisputeOpened() if line.target > self._state.transfers:
                return Refusal(code=RefusalCode.TARGET_NOT_FOUND)
            case DisputeOpened() if line.target in self.open:
                return Refusal(code=RefusalCode.DISPUTE_OPEN)
            case DisputeOverdue() | DisputeEnded() if line.target not in self.open:
                return Refusal(code=RefusalCode.DISPUTE_NOT_OPEN)
            case DisputeOverdue() if not self._is_due(line):
                return Refusal(code=RefusalCode.DISPUTE_NOT_DUE)
            case DisputeEnded() if line.opened != self.open[line.target].index:
                return Refusal(code=RefusalCode.DISPUTE_NOT_OPEN)
            case DisputeEnded(linked=int() as linked):
                if not line.target < linked <= self._state.transfers:
                    return Refusal(code=RefusalCode.TARGET_NOT_FOUND)
        return None

    def _is_due(self, line: DisputeOverdue) -> bool:
        """Whether the day is over in some zone, none of which is a day ahead of UTC."""
        one = self.open[line.target]
        if one.due is UNSET or one.overdue is not UNSET:
            return False
        return (one.due - DATE_MIN).days * DAY_US <= line.recorded_at

    def apply(self, line: AnyLeaf) -> None:
        """Open a dispute, mark it as overdue, or end it."""
        match line:
            case DisputeOpened():
                one = Dispute(
                    index=self._state.size,
                    since=line.recorded_at,
                    by=line.by,
                    reason=line.reason,
                    due=line.due,
                )
                self._keep(line.target, one)
            case DisputeOverdue():
                one = self.open[line.target]
                self.open[line.target] = replace(one, overdue=line.recorded_at)
            case DisputeEnded():
                del self.open[line.target]
        self.dues.tidy()

    def _keep(self, target: int, one: Dispute) -> None:
        self.open[target] = one
        if one.due is not UNSET and one.overdue is UNSET:
            self.dues.put(one.due.toordinal(), target)

    @property
    def overdue(self) -> int:
        """How many should have ended."""
        return sum(one.overdue is not UNSET for one in self.open.values())

    def state(self) -> list[AnyState]:
        """The open disputes as lines of a snapshot, in the order of their transfers."""
        return [
            StateDispute(
                target=target,
                index=one.index,
                since=one.since,
                by=one.by,
                reason=one.reason,
                due=one.due,
                overdue=one.overdue,
            )
            for target, one in sorted(self.open.items())
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StateDispute)
        one = Dispute(
            index=line.index,
            since=line.since,
            by=line.by,
            reason=line.reason,
            due=line.due,
            overdue=line.overdue,
        )
        self._keep(line.target, one)
