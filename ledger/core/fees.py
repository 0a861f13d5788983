"""Fees: what accounts of some kinds pay each period, such as membership, by a run."""

from datetime import date
from typing import TYPE_CHECKING

from msgspec import UNSET

from ledger.core.leaves import AnyLeaf
from ledger.core.parts import Part
from ledger.core.periods import Span, span_of
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import Fee, FeeSet
from ledger.core.state_lines import AnyState, StateFee

if TYPE_CHECKING:
    from ledger.core.state import State


def period_of(fee: Fee, last: date) -> Span | None:
    """The period that ends on a day, where the fee is due for it."""
    span = span_of(fee.period, last)
    return span if span.last == last and span.first >= fee.since else None


class Fees(Part):
    """The fees of a ledger by their codes."""

    takes = (FeeSet,)
    keeps = (StateFee,)

    def __init__(self, state: "State") -> None:
        self.rules: dict[str, Fee] = {}
        self._state = state

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why a fee cannot be set so."""
        assert isinstance(line, FeeSet)
        state, fee = self._state, line.fee
        if fee is UNSET:
            return None if line.code in self.rules else Refusal(code=RefusalCode.FEE_NOT_FOUND)
        gone = state.why_gone(fee.treasury)
        if gone is not None:
            return gone
        if fee.currency not in state.currencies:
            return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND)
        if state.currency_of(fee.treasury) != fee.currency:
            return Refusal(code=RefusalCode.CURRENCY_MUST_MATCH_ACCOUNTS, account=fee.treasury)
        return None

    def needs(self, account: int) -> RefusalCode | None:
        """A treasury receives."""
        is_one = any(fee.treasury == account for fee in self.rules.values())
        return RefusalCode.ACCOUNT_IN_USE if is_one else None

    def apply(self, line: AnyLeaf) -> None:
        """Take a fee, or remove it."""
        assert isinstance(line, FeeSet)
        if line.fee is UNSET:
            del self.rules[line.code]
        else:
            self.rules[line.code] = line.fee

    def state(self) -> list[AnyState]:
        """The fees as lines of a snapshot, in the order of their codes."""
        return [StateFee(code=code, fee=fee) for code, fee in sorted(self.rules.items())]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StateFee)
        self.rules[line.code] = line.fee
