"""Proposals damaged: who may say what of them, and what comes of it."""

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.proposals import Proposal, Proposals
from ledger.sequencer import posting
from ledger.sequencer.deciding import Decider
from ledger.sequencer.proposing import Waiting
from tests.simulation.damage.damage import DECIDED, Patch, damage

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


@damage("stopped without reason|a proposal twice|a batch twice|could never be")
def forget_what_just_ended(patch: Patch) -> None:
    patch.setattr(Decider, "ended", lambda *_: None)


# ---- what comes of it


@damage("not proposed|another request than waits|nobody asked for|refused something else")
def post_something_else(patch: Patch) -> None:
    asked: Any = Waiting.asked.fget  # type: ignore[attr-defined]

    def another(self: Waiting) -> Any:
        batch = asked(self)
        return replace(batch, transfers=[replace(t, kind="gift") for t in batch.transfers])

    patch.setattr(Waiting, "asked", property(another))


@damage("ended for what may pass")
def end_what_cannot_be_just_now(patch: Patch) -> None:
    patch.setattr(Decider, "_why_later", lambda *_: None)


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
