"""Payment limits: how much may be debited of an account in a transfer, a day, a week and so on.

What counts is what was posted from the account in the ledger's own day, ISO week, month or
year, and besides what open holds keep back of it, whenever they were made. A hold that is
posted moves from the one to the other, so no limit is asked again. Reversals, the clearing
of suspense and the residue of an exchange are no payments. What was paid before there was a
limit is not known.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, Literal

from msgspec import UNSET, Struct

from ledger.core.leaves import AnyLeaf, PaymentLimits
from ledger.core.lines import Transfer
from ledger.core.model import DATE_MIN, Action, Phase
from ledger.core.parts import Movement, Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.state_lines import AnyState, StatePayments
from ledger.core.undo import Undo

Period = Literal["day", "week", "month", "year"]
PERIODS: Final[tuple[Period, ...]] = ("day", "week", "month", "year")
LIMITS: Final = ("transfer", *PERIODS)
_NOT_PAYMENTS: Final = frozenset({Action.REVERSE, Action.CLEAR})


class Paid(Struct, frozen=True):
    """What was posted from an account up to a day: on it, in its week, month and year."""

    until: date
    day: int = 0
    week: int = 0
    month: int = 0
    year: int = 0

    def as_of(self, today: date) -> "Paid":
        """The same from another day on, on which what is over counts no more.

        An earlier day changes nothing: the ledger's days do not go back.
        """
        if today <= self.until:
            return self
        return Paid(
            today,
            week=self.week if today.isocalendar()[:2] == self.until.isocalendar()[:2] else 0,
            month=self.month
            if (today.year, today.month) == (self.until.year, self.until.month)
            else 0,
            year=self.year if today.year == self.until.year else 0,
        )

    def with_more(self, amount: int) -> "Paid":
        """The same after one more payment on that day."""
        return Paid(
            self.until,
            self.day + amount,
            self.week + amount,
            self.month + amount,
            self.year + amount,
        )


class Payments(Part):
    """The payment limits of a ledger by account; `held` says what holds keep back of one."""

    takes = (PaymentLimits,)
    keeps = (StatePayments,)

    def __init__(self, held: Callable[[int], int]) -> None:
        self.limits: dict[int, PaymentLimits] = {}
        self.paid: dict[int, Paid] = {}
        self._held = held

    def left(self, account: int, today: date) -> dict[str, int]:
        """How much each limit of an account still allows, in minor units."""
        limits = self.limits.get(account)
        if limits is None:
            return {}
        paid, held = self.paid[account].as_of(today), self._held(account)
        left: dict[str, int] = {
            name: max(0, limit - getattr(paid, name) - held)
            for name in PERIODS
            if (limit := getattr(limits, name)) is not UNSET
        }
        return left if limits.transfer is UNSET else {"transfer": limits.transfer, **left}

    # ---- as transfers ask

    def concerns(
        self, transfers: Sequence[Transfer], debit: Sequence[int], credit: Sequence[int]
    ) -> bool:
        """Whether anybody pays whose payments are limited."""
        return bool(self.limits) and not self.limits.keys().isdisjoint(debit)

    def why_not(self, movement: Movement) -> Refusal | None:
        """Why this payment is too much, or None. Not asked of a hold that is posted."""
        account = movement.debit
        if account not in self.limits or _is_back(movement):
            return None
        available = min(self.left(account, movement.business_date).values())
        if movement.amount <= available:
            return None
        return Refusal(
            code=RefusalCode.EXCEEDS_PAYMENT_LIMIT,
            position=movement.position,
            account=account,
            available=available,
        )

    def moved(self, undo: Undo, movement: Movement) -> None:
        """Count what was posted. What is held, holds know themselves."""
        account = movement.debit
        if account in self.limits and movement.phase is Phase.POSTED and not _is_back(movement):
            paid = self.paid[account].as_of(movement.business_date)
            undo.put(self.paid, account, paid.with_more(movement.amount))

    # ---- as the journal says

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Nothing: any limits will do."""
        return None

    def apply(self, line: AnyLeaf) -> None:
        """Take all limits of an account; what was paid is counted on."""
        assert isinstance(line, PaymentLimits)
        if all(getattr(line, name) is UNSET for name in LIMITS):
            self.limits.pop(line.account, None)
            self.paid.pop(line.account, None)
        else:
            self.limits[line.account] = line
            self.paid.setdefault(line.account, Paid(DATE_MIN))

    def state(self) -> list[AnyState]:
        """Limits and what was paid as lines of a snapshot, in the order of accounts."""
        return [self._kept(account) for account in sorted(self.limits)]

    def _kept(self, account: int) -> StatePayments:
        limits, paid = self.limits[account], self.paid[account]
        return StatePayments(
            account=account,
            day=paid.until,
            paid_day=str(paid.day),
            paid_week=str(paid.week),
            paid_month=str(paid.month),
            paid_year=str(paid.year),
            limit_transfer=limits.transfer,
            limit_day=limits.day,
            limit_week=limits.week,
            limit_month=limits.month,
            limit_year=limits.year,
        )

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StatePayments)
        self.limits[line.account] = PaymentLimits(
            recorded_at=0,  # Of no use any more, as reason and author, and kept nowhere.
            account=line.account,
            reason="",
            by="",
            transfer=line.limit_transfer,
            day=line.limit_day,
            week=line.limit_week,
            month=line.limit_month,
            year=line.limit_year,
        )
        self.paid[line.account] = Paid(
            line.day,
            int(line.paid_day),
            int(line.paid_week),
            int(line.paid_month),
            int(line.paid_year),
        )


def _is_back(movement: Movement) -> bool:
    """Whether it puts something right, and pays nobody."""
    return movement.action in _NOT_PAYMENTS or movement.is_residue
