"""Policies: which transfers somebody other than their maker must approve, as data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Struct

from ledger.core.leaves import AnyLeaf, KeyGrant
from ledger.core.lines import Transfer
from ledger.core.model import Role
from ledger.core.parts import Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import ApprovalRule, PolicySet
from ledger.core.schedules import SCHEDULER
from ledger.core.state_lines import AnyState, StateKey, StatePolicy

if TYPE_CHECKING:
    from ledger.core.state import State

EVER: Final = 2**62  # Above every index.


class Wanted(Struct, frozen=True, kw_only=True):
    """What the rules that match a batch ask together: the most, in the shortest time."""

    approvals: int = 0
    expires_after: int = EVER  # Seconds.
    hold: bool = False


NOTHING_WANTED: Final = Wanted()


class Policies(Part):
    """Rules of approval by their codes, and the roles of keys, which rules may ask for.

    A key that was never granted here is the service's own, and so an operator's.
    """

    takes = (PolicySet, KeyGrant)
    keeps = (StateKey, StatePolicy)

    def __init__(self, state: "State") -> None:
        self.rules: dict[str, ApprovalRule] = {}
        self.since: dict[str, int] = {}  # The index of each rule's line.
        self.roles: dict[str, Role] = {}  # Of keys, but operators'.
        self._state = state

    def wanted(
        self,
        transfers: Sequence[Transfer],
        debit: Sequence[int],
        credit: Sequence[int],
        key: str,
        *,
        before: int = EVER,
    ) -> Wanted:
        """What the rules ask of a batch that a key made; those set `before` a leaf.

        A transfer between accounts of which one is not there asks for nothing: it is refused.
        What is posted for a schedule is made by who set that, whose key its transfer names.
        """
        maker = transfers[0].entered_by if key == SCHEDULER else key
        role = self.roles.get(maker, Role.OPERATOR)
        matching = [
            rule
            for code, rule in self.rules.items()
            if self.since[code] < before
            and (not rule.makers or role in rule.makers)
            and any(
                self._matches(rule, t, d, c)
                for t, d, c in zip(transfers, debit, credit, strict=True)
            )
        ]
        if not matching:
            return NOTHING_WANTED
        return Wanted(
            approvals=max(rule.approvals for rule in matching),
            expires_after=min(rule.expires_after for rule in matching),
            hold=any(rule.hold for rule in matching),
        )

    def _matches(self, rule: ApprovalRule, transfer: Transfer, d: int, c: int) -> bool:
        return (
            transfer.amount >= rule.amount_from
            and (not rule.kinds or transfer.kind in rule.kinds)
            and (d != 0 and c != 0)
            and (rule.currency is UNSET or self._state.currency_of(d) == rule.currency)
            and (not rule.accounts or self._is_named(rule.accounts, d, c))
        )

    def _is_named(self, patterns: Sequence[str], d: int, c: int) -> bool:
        codes = self._state.codes[d], self._state.codes[c]
        return any(
            code.startswith(pattern[:-1]) if pattern.endswith("*") else code == pattern
            for pattern in patterns
            for code in codes
        )

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why a rule cannot be set so."""
        if isinstance(line, PolicySet) and line.rule is UNSET and line.code not in self.rules:
            return Refusal(code=RefusalCode.POLICY_NOT_FOUND)
        return None

    def apply(self, line: AnyLeaf) -> None:
        """Take a rule or remove it; learn the role of a key, which outlives the key."""
        match line:
            case PolicySet(rule=ApprovalRule() as rule):
                self.rules[line.code] = rule
                self.since[line.code] = self._state.size
            case PolicySet():
                del self.rules[line.code], self.since[line.code]
            case KeyGrant(action="grant") if line.role not in (UNSET, Role.OPERATOR):
                self.roles[line.key] = line.role

    def state(self) -> list[AnyState]:
        """Roles and rules as lines of a snapshot, each in the order of their names."""
        return [
            *(StateKey(key=key, role=role) for key, role in sorted(self.roles.items())),
            *(
                StatePolicy(code=code, rule=rule, since=self.since[code])
                for code, rule in sorted(self.rules.items())
            ),
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        match line:
            case StateKey():
                self.roles[line.key] = line.role
            case StatePolicy():
                self.rules[line.code] = line.rule
                self.since[line.code] = line.since
