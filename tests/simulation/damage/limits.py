"""Limits damaged: planned, earned, of payments."""

from typing import Any

from ledger.core.earned import Earned
from ledger.core.payments import Paid, Payments
from ledger.core.plans import Plans
from tests.simulation.damage.damage import DECIDED, Patch, damage


@damage("a plan neither begun nor ended in time")
def begin_no_plan(patch: Patch) -> None:
    patch.setattr(Plans, "due", lambda _: None)
    patch.setattr(Plans, "due_line", lambda *_: None)


@damage("a plan that begins early|neither begun nor ended in time")
def begin_plans_early(patch: Patch) -> None:
    line_of = Plans.line_of

    def early(self: Plans, plan: int, now: int) -> Any:
        line = line_of(self, plan, now + 10**15)
        return line and type(line)(**{**_fields(line), "recorded_at": now})

    patch.setattr(Plans, "line_of", early)
    patch.setattr(Plans, "due", lambda self: 0 if self.waiting else None)
    patch.setattr(Plans, "due_line", lambda self, now: _first_waiting(self, now))


def _fields(line: Any) -> dict[str, Any]:
    return {name: getattr(line, name) for name in line.__struct_fields__}


def _first_waiting(plans: Plans, now: int) -> Any:
    return plans.line_of(min(plans.waiting), now) if plans.waiting else None


@damage("after a plan other bounds|live state|stopped without reason")
def keep_a_plan_for_ever(patch: Patch) -> None:
    def own(self: Plans, account: int, plan: int) -> Any:
        one = self.begun[account][plan]
        return type(self._bounds_of(account))(one.lower, one.upper, one.soft)

    patch.setattr(Plans, "_bounds_after", own)


@damage(f"earned|{DECIDED}")
def earn_without_a_cap(patch: Patch) -> None:
    def limit(self: Earned, account: int) -> int:
        rule = self.rules[account]
        return rule.base + self.received[account] * rule.n // rule.d

    patch.setattr(Earned, "limit", limit)


@damage(DECIDED)
def keep_what_was_earned_and_taken_back(patch: Patch) -> None:
    patch.setattr(Earned, "taken_back", lambda *_: None)


@damage(f"more was paid than its limit|{DECIDED}")
def count_no_payment(patch: Patch) -> None:
    patch.setattr(Payments, "moved", lambda *_: None)


@damage(DECIDED)
def count_payments_for_ever(patch: Patch) -> None:
    patch.setattr(Paid, "as_of", lambda self, _: self)
