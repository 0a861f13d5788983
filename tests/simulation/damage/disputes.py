"""Disputes damaged."""

from typing import Any

from msgspec.structs import replace

from ledger.core import deadlines
from ledger.core.disputes import Disputes
from ledger.core.leaves import DisputeEnded
from tests.simulation.damage.damage import Patch, damage


@damage("a dispute (while one|about nothing)|the end of no dispute|without reason|by nothing")
def dispute_anything(patch: Patch) -> None:
    patch.setattr(Disputes, "refuse", lambda *_: None)


@damage("live book differs: dispute|shown otherwise: dispute|refused without reason")
def end_no_dispute(patch: Patch) -> None:
    apply = Disputes.apply

    def keep(self: Any, line: Any) -> None:
        if not isinstance(line, DisputeEnded):
            apply(self, line)

    patch.setattr(Disputes, "apply", keep)


@damage("overdue before its day was over")
def lose_patience(patch: Patch) -> None:
    overdue = deadlines.next_overdue

    def early(*asked: Any) -> Any:
        found = overdue(*asked)
        return found and (replace(found[0], at=0), found[1])

    patch.setattr(deadlines, "next_overdue", early)
    patch.setattr(Disputes, "_is_due", lambda *_: True)


@damage("overdue, and nobody says so")
def say_nothing(patch: Patch) -> None:
    patch.setattr(deadlines, "next_overdue", lambda *_: None)


@damage("live book differs: dispute|shown otherwise: dispute|live state|without reason")
def forget_them_at_a_restart(patch: Patch) -> None:
    patch.setattr(Disputes, "state", lambda _: [])
