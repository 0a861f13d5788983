"""Reserves: the circulation of a backed currency never passes what its reserve backs.

Circulation is minus the balance of the currency's issuing account: what was issued from it
and not redeemed, which is a transfer back to it. It is at most n/d of what the reserve account
has, both as shown in their own scales. What is held counts as if it were posted.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import UNSET

from ledger.core.leaves import AnyLeaf
from ledger.core.lines import Transfer
from ledger.core.model import CurrencyKind
from ledger.core.parts import Movement, Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import Reserve, ReserveSet
from ledger.core.state_lines import AnyState, StateReserve

if TYPE_CHECKING:
    from ledger.core.state import State


class Reserves(Part):
    """What backs each currency that has a reserve."""

    takes = (ReserveSet,)
    keeps = (StateReserve,)

    def __init__(self, state: "State") -> None:
        self.rules: dict[str, Reserve] = {}
        self._watched: set[int] = set()  # Issuing and reserve accounts.
        self._state = state

    def circulation(self, rule: Reserve) -> int:
        """What is in circulation, in minor units of the backed currency, with what is held."""
        held = self._state.holds.pending_debits.get(rule.issuer, 0)
        return held - self._state.balance[rule.issuer]

    def in_reserve(self, rule: Reserve) -> int:
        """What the reserve account has, in its own minor units, less what is held of it."""
        state, number = self._state, rule.reserve
        sign = state.sign_of(number)
        holds = state.holds.pending_debits if sign > 0 else state.holds.pending_credits
        return sign * state.balance[number] - holds.get(number, 0)

    def headroom(self, rule: Reserve) -> int:
        """How much more may be issued, in minor units; below zero where too much was."""
        room, of_issued, _ = self._room(rule)
        return room // of_issued

    def _room(self, rule: Reserve) -> tuple[int, int, int]:
        """What is backed and not issued; and the cost of one unit issued, or taken out.

        All in one unit, in which nothing need be rounded.
        """
        scales = self._state.scales
        issued, kept = (self._state.currency_of(one) for one in (rule.issuer, rule.reserve))
        of_issued, of_kept = rule.d * 10 ** scales[kept], rule.n * 10 ** scales[issued]
        room = self.in_reserve(rule) * of_kept - self.circulation(rule) * of_issued
        return room, of_issued, of_kept

    def concerns(
        self, transfers: Sequence[Transfer], debit: Sequence[int], credit: Sequence[int]
    ) -> bool:
        """Whether any account among them is looked at."""
        watched = self._watched
        return bool(watched) and not (watched.isdisjoint(debit) and watched.isdisjoint(credit))

    def why_not(self, movement: Movement) -> Refusal | None:
        """Why an amount may not be issued, or taken out of the reserve."""
        if movement.debit not in self._watched and movement.credit not in self._watched:
            return None
        for _, rule in sorted(self.rules.items()):
            available = self._available(rule, movement)
            if available is not None and movement.amount > available:
                return Refusal(
                    code=RefusalCode.EXCEEDS_RESERVE,
                    position=movement.position,
                    account=movement.debit,
                    available=max(0, available),
                )
        return None

    def _available(self, rule: Reserve, movement: Movement) -> int | None:
        """How much may pass between these accounts; None where the rule says nothing."""
        takes = movement.debit if self._state.sign_of(rule.reserve) > 0 else movement.credit
        room, of_issued, of_kept = self._room(rule)
        cost = of_issued * (movement.debit == rule.issuer) + of_kept * (takes == rule.reserve)
        return room // cost if cost else None

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why a currency cannot be backed so."""
        assert isinstance(line, ReserveSet)
        state, rule = self._state, line.rule
        gone = None if rule is UNSET else state.why_gone(rule.issuer, rule.reserve)
        if gone is not None:
            return gone
        currency = state.currencies.get(line.currency)
        if currency is None:
            return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND)
        if rule is UNSET:
            there = line.currency in self.rules
            return None if there else Refusal(code=RefusalCode.RESERVE_NOT_FOUND)
        if currency.kind is not CurrencyKind.BACKED:
            return Refusal(code=RefusalCode.CURRENCY_NOT_BACKED)
        if state.currency_of(rule.issuer) != line.currency:
            return Refusal(code=RefusalCode.CURRENCY_MUST_MATCH_ACCOUNTS, account=rule.issuer)
        if rule.issuer == rule.reserve:
            return Refusal(code=RefusalCode.ACCOUNTS_MUST_DIFFER, account=rule.issuer)
        return None

    def needs(self, account: int) -> RefusalCode | None:
        """What is backed is looked at by its issuer and its reserve."""
        is_one = account in self._watched
        return RefusalCode.ACCOUNT_IN_USE if is_one else None

    def apply(self, line: AnyLeaf) -> None:
        """Take a rule, or remove it. What is in circulation already stays, above it or not."""
        assert isinstance(line, ReserveSet)
        if line.rule is UNSET:
            del self.rules[line.currency]
        else:
            self.rules[line.currency] = line.rule
        self._refresh()

    def _refresh(self) -> None:
        rules = self.rules.values()
        self._watched = {number for rule in rules for number in (rule.issuer, rule.reserve)}

    def state(self) -> list[AnyState]:
        """The rules as lines of a snapshot, in the order of their currencies."""
        return [
            StateReserve(currency=currency, rule=rule)
            for currency, rule in sorted(self.rules.items())
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StateReserve)
        self.rules[line.currency] = line.rule
        self._refresh()
