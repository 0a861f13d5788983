"""Reserves damaged."""

from ledger.core.reserves import Reserves
from ledger.core.rule_leaves import Reserve
from tests.simulation.damage.damage import DECIDED, Patch, damage


@damage(f"more circulates than is backed|{DECIDED}")
def issue_without_a_reserve(patch: Patch) -> None:
    patch.setattr(Reserves, "in_reserve", lambda *_: 10**12)


@damage(f"more circulates than is backed|{DECIDED}")
def forget_what_is_held(patch: Patch) -> None:
    def posted(self: Reserves, rule: Reserve) -> int:
        return -self._state.balance[rule.issuer]

    patch.setattr(Reserves, "circulation", posted)


@damage(f"more circulates than is backed|{DECIDED}")
def compare_minor_units(patch: Patch) -> None:
    def room(self: Reserves, rule: Reserve) -> tuple[int, int, int]:
        of = self.in_reserve(rule) * rule.n - self.circulation(rule) * rule.d
        return of, rule.d, rule.n

    patch.setattr(Reserves, "_room", room)
