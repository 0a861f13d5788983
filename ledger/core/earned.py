"""Earned limits: credit limits that grow with what an account was paid.

    limit = min(cap, base + received * n // d), but never below what is used

`received` grows with every posted payment to the account and shrinks when one is reversed.
No line says so: whoever replays the transfers finds the same limit.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import UNSET

from ledger.core.amounts import AMOUNT_MAX
from ledger.core.leaves import AnyLeaf, EarnedRule, LimitEarned
from ledger.core.lines import Transfer
from ledger.core.model import Action, Phase
from ledger.core.parts import Movement, Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.state_lines import AnyState, StateEarned
from ledger.core.undo import Undo

if TYPE_CHECKING:
    from ledger.core.state import State


class Earned(Part):
    """Accounts whose lower bound follows a rule, and what counts for it."""

    takes = (LimitEarned,)
    keeps = (StateEarned,)

    def __init__(self, state: "State") -> None:
        self.rules: dict[int, EarnedRule] = {}
        self.received: dict[int, int] = {}  # Minor units, of payments that count.
        self._since: dict[int, int] = {}  # The first sequence that may count.
        self._state = state

    def limit(self, account: int) -> int:
        """How far below zero the rule lets an account go, in minor units."""
        rule = self.rules[account]
        return min(rule.cap, rule.base + self.received[account] * rule.n // rule.d)

    def lower(self, account: int) -> int:
        """The lower bound of an account with a rule: what it earned, or uses already."""
        state = self._state
        used = state.holds.pending_debits.get(account, 0) - state.balance[account]
        return -min(max(self.limit(account), used), AMOUNT_MAX)

    # ---- as transfers ask

    def concerns(
        self, transfers: Sequence[Transfer], debit: Sequence[int], credit: Sequence[int]
    ) -> bool:
        """Whether anybody is paid whose limit that raises."""
        return bool(self.rules) and not self.rules.keys().isdisjoint(credit)

    def moved(self, undo: Undo, movement: Movement) -> None:
        """Count a payment that was posted. What is only held is no payment yet."""
        account = movement.credit
        rule = self.rules.get(account)
        if (
            rule is not None
            and movement.phase is Phase.POSTED
            and movement.action is not Action.REVERSE
            and not movement.is_residue
            and (rule.kinds is UNSET or movement.kind in rule.kinds)
        ):
            undo.put(self.received, account, self.received[account] + movement.amount)
            self.follow(undo, account)

    def follow(self, undo: Undo, *accounts: int) -> None:
        """Let the bounds of these accounts follow what changed, where they have a rule."""
        for account in accounts:
            if account in self.rules:
                self._state.refold(undo, account)

    def taken_back(self, undo: Undo, target: int, kind: str, account: int, amount: int) -> None:
        """Count what was reversed of a payment that counted."""
        rule = self.rules.get(account)
        counted = rule is not None and (rule.kinds is UNSET or kind in rule.kinds)
        if counted and target >= self._since[account]:
            undo.put(self.received, account, max(0, self.received[account] - amount))
            self.follow(undo, account)

    # ---- as the journal says

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why the limit cannot follow this rule, or None."""
        assert isinstance(line, LimitEarned)
        state = self._state
        rule = line.rule
        if rule is not UNSET and (rule.base > rule.cap or state.upper_of(line.account) < 0):
            return Refusal(code=RefusalCode.BOUNDS_CROSSED)
        if state.plans.on(line.account):
            return Refusal(code=RefusalCode.LIMIT_IS_PLANNED, account=line.account)
        return None

    def apply(self, line: AnyLeaf) -> None:
        """Take a rule, or end it. A rule that replaces another goes on counting."""
        assert isinstance(line, LimitEarned)
        if line.rule is UNSET:
            for kept in (self.rules, self.received, self._since):
                kept.pop(line.account, None)
            return
        self.rules[line.account] = line.rule
        self.received.setdefault(line.account, 0)
        self._since.setdefault(line.account, self._state.transfers + 1)
        self._state.refold(Undo(), line.account)

    def state(self) -> list[AnyState]:
        """The rules as lines of a snapshot, in the order of accounts."""
        return [
            StateEarned(
                account=account,
                rule=rule,
                received=str(self.received[account]),
                since=self._since[account],
            )
            for account, rule in sorted(self.rules.items())
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StateEarned)
        self.rules[line.account] = line.rule
        self.received[line.account] = int(line.received)
        self._since[line.account] = line.since
