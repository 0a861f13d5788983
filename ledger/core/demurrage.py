"""Demurrage (oxidación): a periodic charge on credit left idle, collected by one account.

B_k is the balance of an account at the end of period k by business dates, without any row
between it and the collecting account. Then for every period

    c_k = (max(0, B_k - (c_1 + ... + c_k-1) - exempt) * n / d), rounded half to even

and owed up to period k is c_1 + ... + c_k, less what the account ever paid the collecting
one. It depends on nothing that was charged when, so runs may be late, left out, or done twice.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING

from msgspec import UNSET, Struct, UnsetType

from ledger.core.leaves import AnyLeaf
from ledger.core.parts import Part
from ledger.core.periods import spans
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import Demurrage, DemurrageSet
from ledger.core.state_lines import AnyState, StateDemurrage

if TYPE_CHECKING:
    from ledger.core.state import State


class Due(Struct, frozen=True):
    """A period that is charged: its last day, and the rule it is charged by."""

    last: date
    rule: Demurrage


def charge(balance: int, charged: int, rule: Demurrage) -> int:
    """What one period charges, in minor units: 0 and above.

    `balance` is without what was charged, `charged` by all periods before. At rates below one
    no sum of charges passes the balance it was taken of.
    """
    base = balance - charged - rule.exempt
    return round(Fraction(base * rule.n, rule.d)) if base > 0 else 0


def charged_by(balances: Iterable[int], dues: Sequence[Due]) -> int:
    """All that some periods in order charge, by the balance at the end of each."""
    total = 0
    for balance, due in zip(balances, dues, strict=True):
        total += charge(balance, total, due.rule)
    return total


class Demurrages(Part):
    """The demurrage of each currency: what was in force since when, in order."""

    takes = (DemurrageSet,)
    keeps = (StateDemurrage,)

    def __init__(self, state: "State") -> None:
        self.history: dict[str, list[tuple[date, Demurrage | UnsetType]]] = {}
        self.accounts: dict[str, int] = {}  # That collect: always the same of a currency.
        self._state = state

    def rule(self, currency: str) -> tuple[date, Demurrage] | None:
        """The rule that was set last, and since when it is in force."""
        history = self.history.get(currency)
        if not history or history[-1][1] is UNSET:
            return None
        since, rule = history[-1]
        assert rule is not UNSET
        return since, rule

    def dues(self, currency: str, through: date) -> list[Due]:
        """The periods that are charged and end by a day, in order.

        A period is charged by the rule in force over all its days; one over which the rule
        changed is not charged.
        """
        history = self.history.get(currency, [])
        ends = [*(since for since, _ in history[1:]), date.max]
        return [
            Due(span.last, rule)
            for (since, rule), end in zip(history, ends, strict=True)
            if rule is not UNSET
            for span in spans(rule.period, since, through)
            if span.last < end
        ]

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why demurrage cannot be set so."""
        assert isinstance(line, DemurrageSet)
        state, rule = self._state, line.rule
        is_there = line.currency in state.currencies
        if rule is UNSET:
            if is_there and self.rule(line.currency) is None:
                return Refusal(code=RefusalCode.DEMURRAGE_NOT_FOUND)
        else:
            gone = state.why_gone(rule.account)
            if gone is not None:
                return gone
            if rule.n > rule.d:
                return Refusal(code=RefusalCode.RATE_ABOVE_ONE)
            collecting = self.accounts.get(line.currency, rule.account)
            if collecting != rule.account:
                return Refusal(code=RefusalCode.DEMURRAGE_ACCOUNT_DIFFERS, account=collecting)
        if not is_there:
            return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND)
        if rule is not UNSET and state.currency_of(rule.account) != line.currency:
            return Refusal(code=RefusalCode.CURRENCY_MUST_MATCH_ACCOUNTS, account=rule.account)
        return None

    def needs(self, account: int) -> RefusalCode | None:
        """It collects, as long as there is demurrage."""
        is_one = any(self.accounts[c] == account and self.rule(c) for c in self.accounts)
        return RefusalCode.ACCOUNT_IN_USE if is_one else None

    def apply(self, line: AnyLeaf) -> None:
        """Take a rule, in the place of those that would begin with it or later."""
        assert isinstance(line, DemurrageSet)
        history = self.history.get(line.currency, [])
        kept = [(since, rule) for since, rule in history if since < line.since]
        self.history[line.currency] = [*kept, (line.since, line.rule)]
        if line.rule is not UNSET:
            self.accounts[line.currency] = line.rule.account

    def state(self) -> list[AnyState]:
        """All rules by currency, in the order in which they follow each other."""
        return [
            StateDemurrage(
                currency=currency, since=since, account=self.accounts[currency], rule=rule
            )
            for currency, history in sorted(self.history.items())
            for since, rule in history
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StateDemurrage)
        self.history.setdefault(line.currency, []).append((line.since, line.rule))
        self.accounts[line.currency] = line.account
