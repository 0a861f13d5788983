"""Orders and closings damaged."""

from typing import Any

from ledger.core import changes
from ledger.core.leaves import StatusChanged
from ledger.core.orders import Orders
from ledger.sequencer.deciding import Decider
from tests.simulation.damage.damage import Patch, damage


@damage("changed without an order|refused without reason")
def lift_what_was_ordered(patch: Patch) -> None:
    patch.setattr(Orders, "refuse_status", lambda *_: None)


@damage("live book|shown otherwise|live state|without reason")
def forget_orders_at_a_restart(patch: Patch) -> None:
    patch.setattr(Orders, "state", lambda _: [])


@damage("a debt that nobody wrote off|refused without reason")
def write_debts_off_to_anybody(patch: Patch) -> None:
    patch.setattr(changes, "LOSS", "member")


@damage("moved away, and nothing said of closing it|moved away, but not closed|never was so")
def empty_and_do_not_close(patch: Patch) -> None:
    record = Decider.record

    def forget(self: Decider, leaf: Any) -> None:
        if not (isinstance(leaf, StatusChanged) and leaf.reason == "left"):
            record(self, leaf)

    patch.setattr(Decider, "record", forget)
