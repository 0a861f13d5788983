"""Rules of approval, workflows, whitelists, proposals and disputes damaged."""

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from ledger.core import workflows
from ledger.core.disputes import Disputes
from ledger.core.leaves import DisputeEnded
from ledger.core.policies import NOTHING_WANTED, Policies
from ledger.core.proposals import Proposal, Proposals
from ledger.core.workflows import Workflows
from ledger.sequencer import posting
from ledger.sequencer.deciding import Decider
from ledger.sequencer.proposing import Waiting
from tests.simulation.damage.damage import DECIDED, Patch, damage

# ---- who must agree


@damage(f"posted without its approvals|{DECIDED}")
def ask_nobody(patch: Patch) -> None:
    patch.setattr(Policies, "wanted", lambda *_, **__: NOTHING_WANTED)


@damage("another proposal than there must be|posted without its approvals")
def ask_one_for_two(patch: Patch) -> None:
    wanted = Policies.wanted

    def fewer(self: Any, *args: Any, **kwargs: Any) -> Any:
        all_of_them = wanted(self, *args, **kwargs)
        return replace(all_of_them, approvals=min(1, all_of_them.approvals))

    patch.setattr(Policies, "wanted", fewer)


@damage("who starts a payment accepts it|held for a payer")
def take_any_workflow(patch: Patch) -> None:
    patch.setattr(workflows, "_is_possible", lambda _: True)


@damage("live book differs: w|live state|shown otherwise: w|without reason")
def forget_whom_one_trusts(patch: Patch) -> None:
    patch.setattr(Workflows, "state", lambda _: [])


@damage("accepted, though it may not be")
def trust_everybody(patch: Patch) -> None:
    patch.setattr(Proposals, "is_whitelisted", lambda _, line: line.accepts is not UNSET)


# ---- what is said of what waits


@damage("approved, though it may not be")
def let_makers_approve(patch: Patch) -> None:
    patch.setattr(Proposals, "_refuse_approval", lambda *_: None)


@damage("accepted, though it may not be")
def accept_before_the_time(patch: Patch) -> None:
    def is_timed(self: Proposal, _: int = 0) -> bool:
        return self.waits_for_acceptance and self.line.accept_at is not UNSET

    def due(self: Proposal) -> int:
        return self.line.recorded_at if is_timed(self) else self.line.expires

    patch.setattr(Proposal, "is_acceptable", is_timed)
    patch.setattr(Proposal, "due", property(due))


@damage("waits, though it is accepted by itself")
def accept_nothing_by_itself(patch: Patch) -> None:
    patch.setattr(Proposals, "acceptable", lambda *_: [])


@damage("waits after its end|decided against|for another reason")
def wait_for_ever(patch: Patch) -> None:
    patch.setattr(Proposals, "due", lambda _: None)


@damage("live book differs: proposal|stopped without reason|shown otherwise")
def let_it_be_decided_again(patch: Patch) -> None:
    decide = Proposals._decide

    def keep(self: Any, line: Any, before: Proposal) -> None:
        decide(self, line, before)
        self.open[line.batch] = before

    patch.setattr(Proposals, "_decide", keep)


@damage("stopped without reason|a proposal twice|a batch twice")
def forget_what_just_ended(patch: Patch) -> None:
    patch.setattr(Decider, "ended", lambda *_: None)


# ---- what comes of it


@damage("posted what was not proposed|proposed what nobody asked for")
def post_something_else(patch: Patch) -> None:
    asked: Any = Waiting.asked.fget  # type: ignore[attr-defined]

    def another(self: Waiting) -> Any:
        batch = asked(self)
        return replace(batch, transfers=[replace(t, kind="gift") for t in batch.transfers])

    patch.setattr(Waiting, "asked", property(another))


@damage("posted what was not proposed")
def name_no_approver(patch: Patch) -> None:
    patch.setattr(posting, "_approved", lambda line, _: line)


@damage(DECIDED)
def keep_nothing_back_for_it(patch: Patch) -> None:
    patch.setattr(Proposals, "_reserve", lambda *_: None)


@damage(DECIDED)
def free_nothing(patch: Patch) -> None:
    reserve = Proposals._reserve

    def more(self: Any, undo: Any, one: Any, sign: int) -> None:
        if sign > 0:
            reserve(self, undo, one, sign)

    patch.setattr(Proposals, "_reserve", more)


# ---- disputes


@damage("a dispute while one is open|the end of no dispute|stopped without reason|by nothing")
def dispute_anything(patch: Patch) -> None:
    patch.setattr(Disputes, "refuse", lambda *_: None)


@damage("live book differs: dispute|shown otherwise: dispute|refused without reason")
def end_no_dispute(patch: Patch) -> None:
    apply = Disputes.apply

    def keep(self: Any, line: Any) -> None:
        if not isinstance(line, DisputeEnded):
            apply(self, line)

    patch.setattr(Disputes, "apply", keep)
