"""Plans: bounds of accounts that hold from one moment to another.

A plan waits, begins, and may end; a `limit` line that names it says when it does. Where
several have begun on one account, the last of them holds; when none is left, the bounds
from before come back. Who changes a limit by hand ends the plans that have begun; so does a
plan without an end when it begins.
"""

from collections.abc import Callable
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from ledger.core.amounts import Bound
from ledger.core.leaves import AnyLeaf, LimitChanged, LimitPlanned, LimitUnplanned
from ledger.core.model import Side
from ledger.core.moments import Moments
from ledger.core.parts import Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.state_lines import AnyState, StateBefore, StatePlan

_END: Final = 0  # At one moment ends come before beginnings.
_BEGIN: Final = 1


class Bounds(Struct, frozen=True):
    """Both bounds of an account, and which may be passed."""

    lower: Bound | UnsetType
    upper: Bound | UnsetType
    soft: Side | UnsetType


class Plans(Part):
    """The planned limits of a ledger, by the leaves that planned them.

    `bounds_of` says which bounds an account has now.
    """

    takes = (LimitPlanned, LimitUnplanned)
    keeps = (StatePlan, StateBefore)

    def __init__(self, bounds_of: Callable[[int], Bounds]) -> None:
        self.waiting: dict[int, LimitPlanned] = {}
        self.begun: dict[int, dict[int, LimitPlanned]] = {}  # By account, the last holds.
        self.size = 0  # Leaves of the journal so far; the book keeps it.
        self._before: dict[int, Bounds] = {}  # By account, where plans have begun.
        self._waiting_of: dict[int, set[int]] = {}
        self._bounds_of = bounds_of
        self._account_of: dict[int, int] = {}  # Of the plans that have begun.
        self.moments = Moments[tuple[int, int]](  # What, and which plan.
            self._is_to_come, lambda: len(self.waiting) + len(self._account_of)
        )

    def on(self, account: int) -> bool:
        """Whether an account has any, waiting or begun."""
        return account in self._waiting_of or account in self.begun

    def of(self, account: int) -> list[tuple[int, LimitPlanned, bool]]:
        """The plans of an account with their leaves, and whether they have begun."""
        return [
            *((plan, each, True) for plan, each in self.begun.get(account, {}).items()),
            *(
                (plan, self.waiting[plan], False)
                for plan in sorted(self._waiting_of.get(account, ()))
            ),
        ]

    # ---- as time asks

    def due(self) -> int | None:
        """When the next one begins or ends, in microseconds since 1970; None for never."""
        first = self.moments.first()
        return None if first is None else first[0]

    def _is_to_come(self, moment: int, what: tuple[int, int]) -> bool:
        is_beginning, plan = what
        return plan in (self.waiting if is_beginning else self._account_of)

    def due_line(self, now: int) -> AnyLeaf | None:
        """The line that says which plan begins or ends first."""
        first = self.moments.first()
        if first is None or first[0] > now:
            return None
        return self.line_of(first[1][1], now)

    def line_of(self, plan: int, now: int) -> LimitChanged | None:
        """The line that says that a plan begins or ends now; None where it may not."""
        if plan in self.waiting:
            planned = self.waiting[plan]
            return begins(plan, planned, now) if planned.starts <= now else None
        if plan not in self._account_of:
            return None
        account = self._account_of[plan]
        planned = self.begun[account][plan]
        if planned.ends is UNSET or planned.ends > now:
            return None
        after = self._bounds_after(account, plan)
        return LimitChanged(
            recorded_at=now,
            account=account,
            reason=planned.reason,
            by=planned.by,
            lower=after.lower,
            upper=after.upper,
            soft=after.soft,
            act=planned.act,
            plan=plan,
        )

    def _bounds_after(self, account: int, plan: int) -> Bounds:
        """What holds when a plan has ended: the last of the others, or what was before."""
        left = [planned for number, planned in self.begun[account].items() if number != plan]
        if not left:
            return self._before[account]
        return Bounds(left[-1].lower, left[-1].upper, left[-1].soft)

    # ---- as the journal says

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why this may not be planned, given up, begin or end; or None.

        The book has seen to it that the account is there and open, and the bounds in order.
        """
        match line:
            case LimitPlanned(starts=starts, ends=ends):
                if ends is not UNSET and ends <= max(starts, line.recorded_at):
                    return Refusal(code=RefusalCode.LIMIT_PLAN_OVER, account=line.account)
            case LimitUnplanned():
                planned = self.waiting.get(line.plan)
                if planned is None or planned.account != line.account:
                    return Refusal(code=RefusalCode.LIMIT_PLAN_NOT_FOUND, account=line.account)
            case LimitChanged():
                assert line.plan is not UNSET, "asked of plans only"
                if self.line_of(line.plan, line.recorded_at) != line:
                    return Refusal(code=RefusalCode.LIMIT_NOT_DUE, account=line.account)
        return None

    def apply(self, line: AnyLeaf) -> None:
        """Take a plan, drop it, let it begin or end; or end those that have begun."""
        match line:
            case LimitPlanned():
                self._wait(self.size, line)
            case LimitUnplanned():
                self._take_out(line.plan)
            case LimitChanged(plan=plan):
                self._change(line.account, plan)
        self.moments.tidy()

    def _change(self, account: int, plan: int | UnsetType) -> None:
        if plan is UNSET:
            self._end_all(account)
        elif plan not in self.waiting:
            del self.begun[account][plan]
            del self._account_of[plan]
            if not self.begun[account]:
                self._end_all(account)
        else:
            planned = self._take_out(plan)
            if planned.ends is UNSET:
                self._end_all(account)  # It stays, as if changed by hand.
                return
            if account not in self.begun:
                self._before[account] = self._bounds_of(account)
            self._begin(plan, planned)

    def drop_all(self, account: int) -> None:
        """Forget all plans of an account, as when it is closed."""
        self._end_all(account)
        for plan in sorted(self._waiting_of.get(account, ())):
            self._take_out(plan)

    def _wait(self, plan: int, planned: LimitPlanned) -> None:
        self.waiting[plan] = planned
        self._waiting_of.setdefault(planned.account, set()).add(plan)
        self.moments.put(planned.starts, (_BEGIN, plan))

    def _take_out(self, plan: int) -> LimitPlanned:
        """Take a plan out of those that wait."""
        planned = self.waiting.pop(plan)
        self._waiting_of[planned.account].discard(plan)
        if not self._waiting_of[planned.account]:
            del self._waiting_of[planned.account]
        return planned

    def _begin(self, plan: int, planned: LimitPlanned) -> None:
        self.begun.setdefault(planned.account, {})[plan] = planned
        self._account_of[plan] = planned.account
        assert planned.ends is not UNSET, "one without an end is no plan any more"
        self.moments.put(planned.ends, (_END, plan))

    def _end_all(self, account: int) -> None:
        for plan in self.begun.pop(account, ()):
            del self._account_of[plan]
        self._before.pop(account, None)

    # ---- in a snapshot

    def state(self) -> list[AnyState]:
        """Plans and the bounds before them, as lines of a snapshot."""
        return [
            *(_kept(plan, self.waiting[plan], begun=False) for plan in sorted(self.waiting)),
            *(
                _kept(plan, planned, begun=True)
                for account in sorted(self.begun)
                for plan, planned in self.begun[account].items()
            ),
            *(
                StateBefore(account=account, lower=was.lower, upper=was.upper, soft=was.soft)
                for account, was in sorted(self._before.items())
            ),
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        match line:
            case StateBefore():
                self._before[line.account] = Bounds(line.lower, line.upper, line.soft)
            case StatePlan():
                planned = LimitPlanned(
                    recorded_at=0,  # Of no use any more, and kept nowhere.
                    account=line.account,
                    reason=line.reason,
                    by=line.by,
                    starts=line.starts,
                    ends=line.ends,
                    lower=line.lower,
                    upper=line.upper,
                    soft=line.soft,
                    act=line.act,
                )
                (self._begin if line.begun else self._wait)(line.plan, planned)


def begins(plan: int, planned: LimitPlanned, now: int) -> LimitChanged:
    """The line that says that a plan begins."""
    return LimitChanged(
        recorded_at=now,
        account=planned.account,
        reason=planned.reason,
        by=planned.by,
        lower=planned.lower,
        upper=planned.upper,
        soft=planned.soft,
        act=planned.act,
        plan=plan,
    )


def _kept(plan: int, planned: LimitPlanned, *, begun: bool) -> StatePlan:
    return StatePlan(
        account=planned.account,
        plan=plan,
        begun=begun,
        reason=planned.reason,
        by=planned.by,
        starts=planned.starts,
        ends=planned.ends,
        lower=planned.lower,
        upper=planned.upper,
        soft=planned.soft,
        act=planned.act,
    )
