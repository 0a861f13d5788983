"""Workflows of payments as data: who starts one, who accepts it, who accepts at once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from ledger.core.leaves import AnyLeaf
from ledger.core.parts import Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import WhitelistSet, Workflow, WorkflowSet
from ledger.core.state_lines import AnyState, StateWhitelist, StateWorkflow

if TYPE_CHECKING:
    from ledger.core.state import State

A_MONTH: Final = 30 * 86_400  # Seconds.

# Those of every ledger, until it sets others under the same codes or removes them.
SHIPPED: Final[Mapping[str, Workflow]] = {
    "bill": Workflow(starts="payee", accepts="payer", expires_after=A_MONTH),
    "credit": Workflow(starts="payer", accepts="payee", expires_after=A_MONTH),
    "third_party": Workflow(starts="third", expires_after=A_MONTH),
}


class Workflows(Part):
    """What a ledger set or removed besides the shipped workflows, and its whitelists."""

    takes = (WorkflowSet, WhitelistSet)
    keeps = (StateWorkflow, StateWhitelist)

    def __init__(self, state: "State") -> None:
        self.own: dict[str, Workflow | None] = {}  # None: removed.
        self.whitelist: set[tuple[int, int]] = set()  # Account and partner.
        self._state = state

    def get(self, code: str) -> Workflow | None:
        """A workflow as it is now."""
        return self.own.get(code, None) if code in self.own else SHIPPED.get(code)

    def all(self) -> dict[str, Workflow]:
        """All of them by their codes, in that order."""
        codes = sorted({*SHIPPED, *self.own})
        return {code: rule for code in codes if (rule := self.get(code)) is not None}

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why a workflow cannot be so, or an account not whitelist another."""
        match line:
            case WorkflowSet() if line.rule is UNSET:
                if self.get(line.code) is None:
                    return Refusal(code=RefusalCode.WORKFLOW_NOT_FOUND)
                return self._refuse_other(line.code, None)
            case WorkflowSet(rule=Workflow() as rule):
                if not _is_possible(rule):
                    return Refusal(code=RefusalCode.WORKFLOW_NOT_POSSIBLE)
                return self._refuse_other(line.code, rule)
            case WhitelistSet() if max(line.account, line.partner) > self._state.accounts:
                return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
            case WhitelistSet() if line.account == line.partner:
                return Refusal(code=RefusalCode.ACCOUNTS_MUST_DIFFER)
        return None

    def _refuse_other(self, code: str, rule: Workflow | None) -> Refusal | None:
        """Why a workflow cannot end, or be started by another side: a schedule goes by it."""
        there = self.get(code)
        if there is None or (rule is not None and rule.starts == there.starts):
            return None
        is_used = self._state.schedules.go_by(code)
        return Refusal(code=RefusalCode.WORKFLOW_IN_USE) if is_used else None

    def apply(self, line: AnyLeaf) -> None:
        """Take a workflow, or who is whitelisted."""
        match line:
            case WorkflowSet():
                self.own[line.code] = None if line.rule is UNSET else line.rule
            case WhitelistSet(on=True):
                self.whitelist.add((line.account, line.partner))
            case WhitelistSet():
                self.whitelist.discard((line.account, line.partner))

    def state(self) -> list[AnyState]:
        """All that is not shipped as lines of a snapshot."""
        return [
            *(
                StateWorkflow(code=code, rule=UNSET if rule is None else rule)
                for code, rule in sorted(self.own.items())
            ),
            *(
                StateWhitelist(account=account, partner=partner)
                for account, partner in sorted(self.whitelist)
            ),
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        match line:
            case StateWorkflow():
                self.own[line.code] = None if line.rule is UNSET else line.rule
            case StateWhitelist():
                self.whitelist.add((line.account, line.partner))


def _is_possible(rule: Workflow) -> bool:
    """Nobody accepts what they started, and what is a payer's is kept back by no other."""
    if rule.accepts is UNSET:
        return rule.accept_after is UNSET and not rule.hold
    return rule.accepts != rule.starts and not (rule.hold and rule.accepts == "payer")
