"""Rules of approval, workflows and whitelists damaged."""

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from ledger.core import workflows
from ledger.core.policies import NOTHING_WANTED, Policies
from ledger.core.proposals import Proposals
from ledger.core.workflows import Workflows
from tests.simulation.damage.damage import DECIDED, Patch, damage


@damage(f"posted without its approvals|would wait otherwise|{DECIDED}")
def ask_nobody(patch: Patch) -> None:
    patch.setattr(Policies, "wanted", lambda *_, **__: NOTHING_WANTED)


@damage("another proposal than there must be|posted without its approvals")
def ask_one_for_two(patch: Patch) -> None:
    wanted = Policies.wanted

    def fewer(self: Any, *args: Any, **kwargs: Any) -> Any:
        all_of_them = wanted(self, *args, **kwargs)
        return replace(all_of_them, approvals=min(1, all_of_them.approvals))

    patch.setattr(Policies, "wanted", fewer)


@damage("who starts a payment accepts it|held for a payer|accepted by itself when")
def take_any_workflow(patch: Patch) -> None:
    patch.setattr(workflows, "_is_possible", lambda _: True)


@damage("live book differs: w|live state|shown otherwise: w|without reason")
def forget_whom_one_trusts(patch: Patch) -> None:
    patch.setattr(Workflows, "state", lambda _: [])


@damage("accepted, though it may not be")
def trust_everybody(patch: Patch) -> None:
    patch.setattr(Proposals, "is_whitelisted", lambda _, line: line.accepts is not UNSET)
