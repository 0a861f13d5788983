"""Orders: accounts whose status an authority ordered. Who changes it cites an order too."""

from ledger.core.leaves import StatusChanged
from ledger.core.model import Status
from ledger.core.parts import Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.state_lines import AnyState, StateOrder


class Orders(Part):
    """The orders that accounts are under. The book tells it of every change of status."""

    keeps = (StateOrder,)

    def __init__(self) -> None:
        self.by_account: dict[int, str] = {}

    def refuse_status(self, line: StatusChanged) -> Refusal | None:
        """Why a status may not be changed so, or None."""
        if line.account in self.by_account and not line.order:
            return Refusal(code=RefusalCode.ACCOUNT_FROZEN_BY_ORDER, account=line.account)
        return None

    def apply_status(self, line: StatusChanged) -> None:
        """Take the order a status cites. One that opens the account ends there."""
        if line.order:
            self.by_account[line.account] = line.order
            if line.status is Status.OPEN:
                del self.by_account[line.account]

    def state(self) -> list[AnyState]:
        """The orders as lines of a snapshot, in the order of accounts."""
        return [
            StateOrder(account=account, order=order)
            for account, order in sorted(self.by_account.items())
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StateOrder)
        self.by_account[line.account] = line.order
