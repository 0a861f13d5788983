"""Whether an amount can pass between two accounts as they stand, with what goes besides."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.simulation.auditor import payments
from tests.simulation.auditor.reserves import available
from tests.simulation.auditor.state import AMOUNT_MAX, Beside, Draft, Moment, Place, Wanted, Why

TRIED_MAX = 20_000  # Amounts that are tried one after the other, where none can be left out.

Besides = Callable[[int], Sequence[Beside]]  # What goes besides an amount.


class Standing:
    """The accounts of a draft, and what speaks against moving an amount between two."""

    def __init__(self, draft: Draft, moment: Moment) -> None:
        self._draft = draft
        self._moment = moment
        self._reserves = draft.all("reserve")
        self._levies = sorted(draft.all("levy").items())

    def place(self, number: int) -> Place:
        place = self._draft.place(number)
        assert place is not None, "asked before whether it is there"
        return place

    def currency_of(self, number: int) -> str:
        return self.place(number).currency

    # ---- why not

    def why_stands(
        self, position: int, one: Wanted, debit: int, credit: int, amount: int, out: int = 0
    ) -> Why | None:
        """All that is asked of what a transfer is about; of levies less is."""
        why = self.why_not(position, debit, credit, amount, out)
        if why is None and one.is_payment:
            left = payments.left(self._draft, debit, self._moment.day).values()
            if left and amount > min(left):
                return Why(position, "exceeds_payment_limit", debit, min(left))
        return why

    def why_not(
        self, position: int, debit: int, credit: int, amount: int, out: int = 0
    ) -> Why | None:
        why = self.why_shut(position, debit, credit)
        if why is not None:
            return why
        payer, payee = self.place(debit), self.place(credit)
        if payer.floor is not None and payer.balance - amount - out < payer.floor:
            has = max(0, payer.balance - payer.floor)
            return Why(position, "exceeds_credit_limit", debit, has)
        if payee.ceiling is not None and payee.balance + amount > payee.ceiling:
            room = max(0, payee.ceiling - payee.balance)
            return Why(position, "exceeds_balance_limit", credit, room)
        backed = available(self._draft, self._reserves, debit, credit, amount)
        return None if backed is None else Why(position, "exceeds_reserve", debit, backed)

    def why_shut(self, position: int, debit: int, credit: int) -> Why | None:
        payer, payee = self.place(debit), self.place(credit)
        if payer.status == "closed":
            return Why(position, "debit_account_closed", debit)
        if payee.status == "closed":
            return Why(position, "credit_account_closed", credit)
        if not payer.may_pay:
            return Why(position, "debit_account_frozen", debit)
        if not payee.may_be_paid:
            return Why(position, "credit_account_frozen", credit)
        return None

    # ---- how much

    def most(self, one: Wanted, side: str, besides: Besides) -> int:
        """The largest amount, at most the line's, that the bounds of a side allow."""
        payer, payee = self.place(one.debit), self.place(one.credit)
        pays, is_paid = side in ("debit", "both"), side in ("credit", "both")
        if (pays and not payer.may_pay) or (is_paid and not payee.may_be_paid):
            return 0

        def fits(amount: int) -> bool:
            rows = besides(amount)
            left = payer.balance - amount - out_of(one, rows)
            has = payee.balance + amount + sum(r.amount for r in rows if r.credit == one.credit)
            return not (
                (pays and payer.floor is not None and left < payer.floor)
                or (is_paid and payee.ceiling is not None and has > payee.ceiling)
            )

        return largest(one.amount, fits, is_even=one.action != "reverse")

    def flags(self, debit: int, credit: int, amount: int) -> set[str]:
        """Which soft bounds it passes."""
        payer, payee = self.place(debit), self.place(credit)
        owed, owned = payer.balance - amount, payee.balance + amount
        is_owed = payer.floor is None and payer.least is not None and owed < payer.least
        is_owned = payee.ceiling is None and payee.most is not None and owned > payee.most
        flags = {"credit_limit_passed"} if is_owed else set()
        return flags | {"balance_limit_passed"} if is_owned else flags

    # ---- levies

    def levies(self, one: Wanted, debit: int, credit: int, amount: int) -> list[Beside]:
        """What is owed for an amount, by the order of the levies' codes."""
        owed = []
        for code, levy in self._levies:
            payer = debit if levy["payer"] == "debit" else credit
            treasury = self.place(levy["treasury"])
            due = levied(levy, amount)
            is_meant = one.kind in levy["kinds"] and payer != treasury.number
            if due and is_meant and self.currency_of(payer) == treasury.currency:
                owed.append(Beside(payer, treasury.number, due, code))
        return owed


def out_of(one: Wanted, rows: Sequence[Beside]) -> int:
    """What other rows take from the debited account; less what a reversal brings it."""
    out = sum(row.amount for row in rows if row.debit == one.debit)
    if one.action == "reverse":
        out -= sum(row.amount for row in rows if row.credit == one.debit)
    return out


def largest(most: int, fits: Callable[[int], bool], *, is_even: bool) -> int:
    """The largest amount that fits; 0 for none.

    Args:
        is_even: whether all below one that fits do so too.
    """
    if fits(most):
        return most
    if not is_even and most <= TRIED_MAX:
        return next((amount for amount in range(most, 0, -1) if fits(amount)), 0)
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def levied(levy: Mapping[str, Any], amount: int) -> int:
    """What a levy takes: the rate rounded half to even, and what is fixed; within its ends."""
    whole, part = divmod(amount * levy["n"], levy["d"])
    whole += 2 * part > levy["d"] or (2 * part == levy["d"] and whole % 2)
    total = max(levy.get("fixed", 0) + whole, levy.get("minimum", 0))
    return int(min(total, levy.get("maximum", AMOUNT_MAX)))
