"""Limits that change by themselves: planned, earned, and of payments."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

from tests.core.plain.nouns import AMOUNT_MAX, NO_BOUND, Leaf, No, Row

if TYPE_CHECKING:
    from tests.core.plain.ledger import Plain

Bounds = tuple[int, int, str]  # Lower, upper, and which of them are soft.
PERIODS = ("day", "week", "month", "year")


@dataclass
class Told:
    """How the limits of one account stand, as its lines tell."""

    bounds: Bounds = (-NO_BOUND, NO_BOUND, "")
    before: Bounds | None = None  # Those that come back.
    waiting: dict[int, Leaf] = field(default_factory=dict)
    begun: dict[int, Leaf] = field(default_factory=dict)  # In that order.
    rule: Leaf | None = None  # By which the lower bound is earned.


def bounds_in(line: Leaf) -> Bounds:
    return line.get("lower", -NO_BOUND), line.get("upper", NO_BOUND), line.get("soft", "")


class Limits:
    """What is asked of the limits of a ledger."""

    def __init__(self, plain: "Plain") -> None:
        self.plain = plain
        self.left_at: dict[int, int] = {}  # By leaf: the bound where a rule left it.

    def told(self, code: str) -> Told:
        told = Told()
        for line in self.plain.about[code]:
            match line["line"]:
                case "account":
                    told.bounds = bounds_in(line)
                case "limit_planned":
                    told.waiting[line["place"]] = line
                case "limit_unplanned":
                    del told.waiting[line["plan"]]
                case "limit":
                    self._change(told, line)
                case "limit_earned":
                    told.rule = line.get("rule")
                    if told.rule is None:
                        told.bounds = (self.left_at[line["place"]], *told.bounds[1:])
                case "status" if line["status"] == "closed":
                    told.waiting, told.begun, told.before = {}, {}, None
        return told

    def _change(self, told: Told, line: Leaf) -> None:
        plan = told.waiting.pop(line.get("plan", -1), None)
        if plan is not None and "ends" in plan:
            told.before = told.bounds if told.before is None else told.before
            told.begun[line["plan"]] = plan
        elif plan is None and "plan" in line:
            del told.begun[line["plan"]]
            if not told.begun:
                told.before = None
        else:  # By hand, or a plan for good.
            told.begun, told.before = {}, None
        told.bounds = bounds_in(line)

    def bounds(self, code: str) -> Bounds:
        """As they are now: the lower one may be earned."""
        told = self.told(code)
        if told.rule is None:
            return told.bounds
        return self._earned(code, told.rule), *told.bounds[1:]

    def lower(self, code: str) -> int:
        return self.bounds(code)[0]

    def upper(self, code: str) -> int:
        return self.told(code).bounds[1]

    def soft(self, code: str) -> str:
        return self.told(code).bounds[2]

    # ---- earned

    def _earned(self, code: str, rule: Leaf) -> int:
        used = self.plain.pending_debits(code) - self.plain.balance(code)
        grown = floor(rule["base"] + Fraction(self.received(code) * rule["n"], rule["d"]))
        return max(-AMOUNT_MAX, -max(used, min(rule["cap"], grown)))

    def received(self, code: str) -> int:
        """What counts of what an account was paid, since there is a rule."""
        rule: Leaf | None = None
        since, received = 0, 0
        for each in self.plain.story():
            if isinstance(each, Row):
                if rule is not None:
                    received = self._received(code, rule, since, each, received)
            elif each["line"] == "limit_earned" and each["account"] == code:
                if rule is None:
                    since, received = self.since(code), 0
                rule = each.get("rule")
        return received

    def _received(self, code: str, rule: Leaf, since: int, row: Row, so_far: int) -> int:
        if not row.moves or row.part not in ("own", "rest"):
            return so_far
        if row.action == "reverse":
            # What a transfer takes back counts when all of it is done.
            is_done = (row.leaf, row.position) != self.plain.at_work
            kind = self.plain.rows[row.takes - 1].asked_kind
            is_counted = row.takes >= since and kind in rule.get("kinds", [kind])
            if row.asked_debit == code and is_counted and is_done:
                return max(0, so_far - row.amount)
        elif row.credit == code and row.asked_kind in rule.get("kinds", [row.asked_kind]):
            return so_far + (0 if row.residue_of else row.amount)
        return so_far

    def since(self, code: str) -> int:
        """The first row that may count."""
        since = 0
        for line in self.plain.about[code]:
            if line["line"] == "limit_earned":
                if "rule" not in line:
                    since = 0
                elif not since:
                    rows = [row for row in self.plain.rows if row.leaf < line["place"]]
                    since = len(rows) + 1
        return since

    # ---- of payments

    def payment_limits(self, code: str) -> Leaf:
        """The limits that an account has, by name."""
        for line in reversed(self.plain.about[code]):
            if line["line"] == "payment_limits":
                return {k: line[k] for k in ("transfer", *PERIODS) if k in line}
        return {}

    def paid(self, code: str) -> list[tuple[date, int]]:
        """What counts, and for which day; since there are limits."""
        counts: list[tuple[date, int]] | None = None
        for each in self.plain.story():
            if isinstance(each, Row):
                is_paid = each.moves and each.part in ("own", "rest")
                is_none = each.action in ("reverse", "clear") or each.residue_of
                if counts is not None and each.debit == code and is_paid and not is_none:
                    day = max([each.leaf_day, *(day for day, _ in counts)])
                    counts.append((day, each.amount))
            elif each["line"] == "payment_limits" and each["account"] == code:
                has_any = any(name in each for name in ("transfer", *PERIODS))
                counts = (counts or []) if has_any else None
        return counts or []

    def left_to_pay(self, code: str, today: date) -> int | None:
        """How much its payment limits leave; None where it has none."""
        limits = self.payment_limits(code)
        if not limits:
            return None
        paid = self.paid(code)
        as_of = max([today, *(day for day, _ in paid)])
        left = [limits["transfer"]] if "transfer" in limits else []
        for name in PERIODS:
            if name in limits:
                spent = sum(amount for day, amount in paid if is_same(name, day, as_of))
                left.append(limits[name] - spent - self.plain.pending_debits(code))
        return max(0, min(left))

    # ---- why a line cannot follow

    def against_bounds(self, line: Leaf) -> Iterator[No]:
        code, told = line["account"], self.told(line["account"])
        lower, upper, _ = bounds_in(line)
        if lower > upper:
            yield No("bounds_crossed")
        if told.rule is not None and (lower != self.lower(code) or upper < 0):
            yield No("limit_is_earned", code)
        if "plan" in line and not self._is_due(told, line):
            yield No("limit_not_due", code)

    def _is_due(self, told: Told, line: Leaf) -> bool:
        plan = told.waiting.get(line["plan"])
        if plan is not None:
            if plan["starts"] > self.plain.now:
                return False
            bounds = bounds_in(plan)
        else:
            plan = told.begun.get(line["plan"])
            if plan is None or plan["ends"] > self.plain.now:
                return False
            left = [each for n, each in told.begun.items() if n != line["plan"]]
            assert told.before is not None
            bounds = bounds_in(left[-1]) if left else told.before
        same = all(line.get(name) == plan.get(name) for name in ("reason", "by", "act"))
        return same and bounds_in(line) == bounds

    def against_plan(self, line: Leaf) -> Iterator[No]:
        code, told = line["account"], self.told(line["account"])
        lower, upper, _ = bounds_in(line)
        if lower > upper:
            yield No("bounds_crossed")
        if told.rule is not None:
            yield No("limit_is_earned", code)
        if "ends" in line and not (
            line["ends"] > line["starts"] and line["ends"] > self.plain.now
        ):
            yield No("limit_plan_over", code)

    def against_unplanning(self, line: Leaf) -> Iterator[No]:
        if line["plan"] not in self.told(line["account"]).waiting:
            yield No("limit_plan_not_found", line["account"])

    def against_earning(self, line: Leaf) -> Iterator[No]:
        code, told = line["account"], self.told(line["account"])
        if told.waiting or told.begun:
            yield No("limit_is_planned", code)
        rule = line.get("rule")
        if rule is not None and (rule["base"] > rule["cap"] or told.bounds[1] < 0):
            yield No("bounds_crossed")

    # ---- what time asks for

    def moments(self) -> list[tuple[int, int, int]]:
        """When plans end or begin: the moment, 0 for an end, and the plan."""
        found: list[tuple[int, int, int]] = []
        for code in self.plain.accounts:
            told = self.told(code)
            found += [(plan["ends"], 0, n) for n, plan in told.begun.items()]
            found += [(plan["starts"], 1, n) for n, plan in told.waiting.items()]
        return sorted(found)


def is_same(period: str, one: date, other: date) -> bool:
    """Whether two days lie in one day, ISO week, month or year."""
    match period:
        case "day":
            return one == other
        case "week":
            return one.isocalendar()[:2] == other.isocalendar()[:2]
        case "month":
            return (one.year, one.month) == (other.year, other.month)
    return one.year == other.year
