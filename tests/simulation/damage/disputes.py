"""Disputes damaged."""

from typing import Any

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
