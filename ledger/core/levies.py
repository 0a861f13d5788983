"""Levies: what a transfer of some kinds pays to the treasury, in the same entry."""

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from msgspec import UNSET

from ledger.core.amounts import AMOUNT_MAX
from ledger.core.columns import kinds_among
from ledger.core.leaves import AnyLeaf
from ledger.core.lines import LEVIES_MAX, Beside, Transfer
from ledger.core.parts import Movement, Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import Levy, LevySet
from ledger.core.state_lines import AnyState, StateLevy

if TYPE_CHECKING:
    from ledger.core.state import State


def levied(levy: Levy, amount: int) -> int:
    """What a levy takes of an amount, in minor units: 0 and above.

    `fixed` and the rate n/d of the amount, rounded half to even, not below `minimum` nor above
    `maximum`.
    """
    total = max(levy.fixed + round(Fraction(amount * levy.n, levy.d)), levy.minimum)
    return min(total, AMOUNT_MAX if levy.maximum is UNSET else levy.maximum)


def given_back(levy: int, amount: int, taken: int, more: int) -> int:
    """What of a levy goes back when `more` of an amount is, after `taken` of it was.

    In proportion and rounded down over all parts together, so that with the last of the
    amount the last of the levy has gone back.
    """
    return levy * (taken + more) // amount - levy * taken // amount


class Levies(Part):
    """The levies of a ledger by their codes. Those of one transfer follow in that order."""

    takes = (LevySet,)
    keeps = (StateLevy,)

    def __init__(self, state: "State") -> None:
        self.rules: dict[str, Levy] = {}
        self._kinds: set[str] = set()  # That any of them is for.
        self._state = state

    def concerns(
        self, transfers: Sequence[Transfer], debit: Sequence[int], credit: Sequence[int]
    ) -> bool:
        """Whether any kind among them is levied."""
        return bool(self._kinds) and not self._kinds.isdisjoint(kinds_among(transfers))

    def beside(self, movement: Movement) -> Sequence[Beside]:
        """What is owed for a posted transfer; nothing by the treasury itself."""
        if movement.is_exempt or movement.kind not in self._kinds:
            return ()
        owed: list[Beside] = []
        for code, levy in sorted(self.rules.items()):
            payer = movement.debit if levy.payer == "debit" else movement.credit
            amount = levied(levy, movement.amount)
            is_meant = movement.kind in levy.kinds and payer != levy.treasury and amount
            if is_meant and self._is_same_currency(payer, levy.treasury):
                owed.append(
                    Beside(
                        amount=amount,
                        credit_account=levy.treasury,
                        debit_account=payer,
                        kind=code,
                    )
                )
        return owed

    def _is_same_currency(self, one: int, other: int) -> bool:
        return self._state.currency_number(one) == self._state.currency_number(other)

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why a levy cannot be set so."""
        assert isinstance(line, LevySet)
        if line.levy is UNSET:
            return None if line.code in self.rules else Refusal(code=RefusalCode.LEVY_NOT_FOUND)
        gone = self._state.why_gone(line.levy.treasury)
        if gone is not None:
            return gone
        if line.levy.n > line.levy.d:
            return Refusal(code=RefusalCode.RATE_ABOVE_ONE)
        if any(self._others(kind, line.code) >= LEVIES_MAX for kind in line.levy.kinds):
            return Refusal(code=RefusalCode.TOO_MANY_LEVIES)
        if line.levy.maximum is not UNSET and line.levy.maximum < line.levy.minimum:
            return Refusal(code=RefusalCode.BOUNDS_CROSSED)
        return None

    def _others(self, kind: str, code: str) -> int:
        """How many levies for a kind there are besides this one."""
        return sum(kind in levy.kinds for other, levy in self.rules.items() if other != code)

    def needs(self, account: int) -> RefusalCode | None:
        """A treasury receives."""
        is_one = any(levy.treasury == account for levy in self.rules.values())
        return RefusalCode.ACCOUNT_IN_USE if is_one else None

    def apply(self, line: AnyLeaf) -> None:
        """Take a levy, or remove it."""
        assert isinstance(line, LevySet)
        if line.levy is UNSET:
            del self.rules[line.code]
        else:
            self.rules[line.code] = line.levy
        self._refresh()

    def _refresh(self) -> None:
        self._kinds = {kind for levy in self.rules.values() for kind in levy.kinds}

    def state(self) -> list[AnyState]:
        """The levies as lines of a snapshot, in the order of their codes."""
        return [StateLevy(code=code, levy=levy) for code, levy in sorted(self.rules.items())]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StateLevy)
        self.rules[line.code] = line.levy
        self._refresh()
