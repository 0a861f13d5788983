"""The auditor's own rules: what a batch amounts to on a state, or why it cannot be.

Written from JOURNAL.md ("One transfer") and none of it the ledger's. Terms, levies and notes
are objects as they stand in the journal's lines. Each rule is one method of Ruling:

*   why a transfer can never be, however the balances are: in `_why_never`, in their order;
*   what is moved besides: `_besides` and `_move_beside`, as a Beside.

Whether an amount can move now is in standing.py, what it buys in exchange.py.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby
from typing import Any

from tests.simulation.auditor import earned, payments
from tests.simulation.auditor.exchange import EXCHANGE, exchange_at, refuse_rate, refuse_residue
from tests.simulation.auditor.standing import Standing, largest, out_of
from tests.simulation.auditor.state import (
    ADJUSTED,
    HELD,
    POSTED,
    RELEASED,
    Asked,
    Beside,
    Decided,
    Draft,
    Hold,
    Item,
    Leg,
    Moment,
    Place,
    Stand,
    Wanted,
    Why,
)

REST = "rest"  # The kind of a row that takes what `up_to` leaves.
STOOD_IN_FOR = {
    "debit_account_closed": "debit",
    "debit_account_frozen": "debit",
    "exceeds_credit_limit": "debit",
    "exceeds_payment_limit": "debit",
    "credit_account_closed": "credit",
    "credit_account_frozen": "credit",
    "exceeds_balance_limit": "credit",
}


# ---- the rules


class Ruling:
    """One batch before the rules.

    Args:
        rows: as many rows as are known to those that may name them.
        is_taken: whether the reference of a position is.
    """

    def __init__(
        self,
        asked: Asked,
        moment: Moment,
        draft: Draft,
        *,
        first_sequence: int,
        rows: Sequence[Leg],
        is_taken: Callable[[int], bool],
    ) -> None:
        self._asked = asked
        self._moment = moment
        self._draft = draft
        self._first_sequence = first_sequence
        self._rows = rows
        self._is_taken = is_taken
        self._calendar = draft.calendar()
        self._standing = Standing(draft, moment)
        self._done = Decided()

    def decide(self) -> Decided:
        """Every entry stands or falls as one; with `atomic` all of them together."""
        done, draft = self._done, self._draft
        for together in self._entries():
            before, rows = dict(draft.changed), len(done.legs)
            why = next(filter(None, map(self._post, together)), None)
            if why is None:
                continue
            if self._asked.mode == "atomic":
                return Decided(refused=[why])
            draft.changed = before
            del done.legs[rows:]
            for position in together:
                done.notes.pop(position, None)
                is_it = position == why.position
                done.refused.append(why if is_it else Why(position, "entry_refused"))
        done.changed = draft.changed
        return done

    def is_hopeless(self) -> bool:
        """Whether one is refused whoever approves it: for its accounts, reference or dates.

        Which years may be adjusted is asked when it is posted.
        """
        return any(
            self._refuse_accounts(position, one)
            or self._refuse_reference(position, one)
            or not self._is_dated(one)
            for position, one in enumerate(self._asked.wanted)
        )

    def _is_dated(self, one: Wanted) -> bool:
        day = (one.day or self._moment.day) if one.is_adjusting else self._day(one)
        return day is not None and (
            one.value_day is None or self._calendar.allows_value(one.value_day, day)
        )

    def _entries(self) -> Iterator[list[int]]:
        def key(position: int) -> tuple[str, int]:
            entry = self._asked.wanted[position].terms.get("entry")
            return ("alone", position) if entry is None else ("entry", int(entry))

        for _, together in groupby(range(len(self._asked.wanted)), key):
            yield list(together)

    def _post(self, position: int) -> Why | None:
        """Post one transfer; why not, after which what it changed is to be forgotten."""
        one = self._asked.wanted[position]
        why = self._why_never(position, one)
        if why is not None:
            return why
        do = {"hold": self._hold, "post": self._post_hold, "void": self._void}
        return do.get(one.action, self._move)(position, one)

    # ---- why it can never be

    def _why_never(self, position: int, one: Wanted) -> Why | None:
        rules = (
            self._refuse_accounts,
            self._refuse_reference,
            self._refuse_day,
            self._refuse_stand_ins,
            self._refuse_end,
            self._refuse_hold,
            self._refuse_target,
            self._refuse_clearing,
            self._refuse_rate,
            self._refuse_residue,
        )
        return next(filter(None, (rule(position, one) for rule in rules)), None)

    def _refuse_accounts(self, position: int, one: Wanted) -> Why | None:
        return refuse_accounts(position, one, self._draft.place)

    def _refuse_reference(self, position: int, one: Wanted) -> Why | None:
        is_used = bool(one.reference) and self._is_taken(position)
        return Why(position, "reference_used") if is_used else None

    def _refuse_day(self, position: int, one: Wanted) -> Why | None:
        day = self._day(one)
        if day is None:
            return Why(position, "business_date_not_open")
        if one.value_day is not None and not self._calendar.allows_value(one.value_day, day):
            return Why(position, "value_date_too_early")
        return None

    def _day(self, one: Wanted) -> date | None:
        """The day that a transfer counts for."""
        calendar, current = self._calendar, self._moment.day
        if one.is_adjusting:
            return one.day if one.day is not None and calendar.adjusts(one.day) else None
        if one.day is None or calendar.takes(one.day, current):
            return one.day or current
        is_moved = self._asked.late == "next_open_day"
        return calendar.next_open(one.day, current) if is_moved else None

    def _refuse_stand_ins(self, position: int, one: Wanted) -> Why | None:
        debit = self._standing.place(one.debit)
        for number in (one.terms.get("rest"), one.terms.get("suspense")):
            if number is None:
                continue
            place = self._draft.place(number)
            if place is None:
                return Why(position, "terms_account_not_usable")
            if number in (one.debit, one.credit) or place.currency != debit.currency:
                return Why(position, "terms_account_not_usable", number)
        return None

    def _refuse_end(self, position: int, one: Wanted) -> Why | None:
        is_over = one.action == "hold" and one.terms["expires"] <= self._moment.at
        return Why(position, "hold_expired") if is_over else None

    def _refuse_hold(self, position: int, one: Wanted) -> Why | None:
        if one.action not in ("post", "void"):
            return None
        hold = self._draft.hold(one.target)
        if hold is None:
            return Why(position, "hold_not_open")
        if hold.expires <= self._moment.at:
            return Why(position, "hold_expired")
        if (one.debit, one.credit) != (hold.debit, hold.credit):
            return Why(position, "target_differs")
        if one.action == "void" and one.amount != hold.amount:
            return Why(position, "target_differs", one.debit, hold.amount)
        if one.action == "post" and one.amount > hold.left:
            return Why(position, "exceeds_target", one.debit, hold.left)
        return None

    def _refuse_target(self, position: int, one: Wanted) -> Why | None:
        if one.action != "reverse":
            return None
        if one.target > len(self._rows):
            return Why(position, "target_not_found")
        row = self._rows[one.target - 1]
        is_other = row.link or row.is_beside or row.goes_back or not row.moves
        if is_other or self._draft.item(one.target) is not None:
            return Why(position, "target_not_reversible")
        if (one.debit, one.credit) != (row.credit, row.debit):
            return Why(position, "target_differs")
        left = row.amount - self._draft.taken(one.target)
        is_more = one.amount > left
        return Why(position, "exceeds_target", one.debit, left) if is_more else None

    def _refuse_clearing(self, position: int, one: Wanted) -> Why | None:
        if one.action != "clear":
            return None
        item = self._draft.item(one.target)
        if item is None:
            return Why(position, "target_not_in_suspense")
        given_back = one.credit if item.side == "debit" else one.debit
        if given_back != item.account:
            return Why(position, "target_differs", item.account)
        if one.amount > item.left:
            return Why(position, "exceeds_target", one.debit, item.left)
        return None

    def _refuse_rate(self, position: int, one: Wanted) -> Why | None:
        return refuse_rate(self._asked.wanted, position, self._standing.currency_of)

    def _refuse_residue(self, position: int, one: Wanted) -> Why | None:
        return refuse_residue(self._asked.wanted, position, self._standing.currency_of)

    # ---- what is done

    def _hold(self, position: int, one: Wanted) -> Why | None:
        amount = self._allowed(position, one)
        why = self._why_not(position, one, amount, amount)
        if why is not None:
            return why
        flags = self._standing.flags(one.debit, one.credit, amount)
        leg = self._row(position, one.debit, one.credit, amount, phase=HELD)
        hold = Hold(one.debit, one.credit, amount, amount, one.terms["expires"])
        self._keep_back(leg.sequence, hold, amount)
        self._note(position, amount=amount, flags=flags)
        return None

    def _post_hold(self, position: int, one: Wanted) -> Why | None:
        """The bounds were asked when it was held; the status is asked again."""
        hold = self._draft.hold(one.target)
        assert hold is not None
        why = self._standing.why_shut(position, one.debit, one.credit)
        why = why or self._refuse_levies(position, one, hold)
        if why is not None:
            return why
        is_last = one.terms.get("release", False)
        self._keep_back(one.target, hold, 0 if is_last else hold.left - one.amount)
        levies = self._standing.levies(one, one.debit, one.credit, one.amount)
        self._row(position, one.debit, one.credit, one.amount, hold=one.target, beside=levies)
        self._count(one, one.debit, one.credit, one.amount)
        flags: set[str] = set()
        why = self._move_beside(position, levies, flags, is_beside=True, is_levy=True)
        self._note(position, amount=one.amount, flags=flags, beside=levies)
        return why

    def _refuse_levies(self, position: int, one: Wanted, hold: Hold) -> Why | None:
        """Levies on what is posted of a hold were not held, and must be paid all the same."""
        payer = self._standing.place(one.debit)
        floor = payer.floor
        if floor is None:
            return None

        def fits(amount: int) -> bool:
            freed = hold.left - amount if one.terms.get("release") else 0
            levies = self._standing.levies(one, one.debit, one.credit, amount)
            owed = out_of(one, levies)
            return not owed or payer.balance - owed >= floor - freed

        if fits(one.amount):
            return None
        some = largest(one.amount, fits, is_even=True)
        return Why(position, "exceeds_credit_limit", one.debit, some)

    def _void(self, position: int, one: Wanted) -> Why | None:
        hold = self._draft.hold(one.target)
        assert hold is not None
        self._keep_back(one.target, hold, 0)
        self._row(position, hold.debit, hold.credit, hold.left, phase=RELEASED, hold=one.target)
        self._note(position, amount=hold.left)
        return None

    def _keep_back(self, sequence: int, hold: Hold, left: int) -> None:
        """Of a hold, or a new one, so much is kept back from now on."""
        keep_back(self._draft, self._draft.hold(sequence), hold, left)
        self._draft.shelve("hold", sequence, replace(hold, left=left) if left else None)

    def _move(self, position: int, one: Wanted) -> Why | None:
        """What is simply posted, taken back or cleared."""
        amount = self._allowed(position, one)
        rest = one.amount - amount if "rest" in one.terms else 0
        debit, credit, stands_in, for_what = one.debit, one.credit, "", ""
        if amount or not rest:
            why = self._why_not(position, one, amount, amount + rest)
            if why is not None and amount and "suspense" in one.terms:
                stands_in, stranger = STOOD_IN_FOR.get(why.code, ""), one.terms["suspense"]
                if stands_in and self._stands_for(one, amount, stands_in) <= 0:
                    return why
                debit = stranger if stands_in == "debit" else debit
                credit = stranger if stands_in == "credit" else credit
                if stands_in:
                    for_what = why.code
                    why = self._standing.why_stands(position, one, debit, credit, amount)
            if why is not None:
                return why
        return self._moved(position, one, (debit, credit, amount), rest, (stands_in, for_what))

    def _stands_for(self, one: Wanted, amount: int, side: str) -> int:
        """What a suspense account on a side has to give, or to get back."""
        absent, back = one.debit if side == "debit" else one.credit, self._back(one, amount)
        given = sum(row.amount for row in back if row.credit == absent)
        taken = sum(row.amount for row in back if row.debit == absent)
        return amount + (given - taken if side == "credit" else taken - given)

    def _allowed(self, position: int, one: Wanted) -> int:
        """The amount, or with `up_to` what the bounds allow of it."""
        side, has_rest = one.terms.get("up_to"), "rest" in one.terms
        if side is None:
            return one.amount
        return self._standing.most(
            one, side, lambda some: self._besides(one, some, one.amount if has_rest else some)
        )

    def _why_not(self, position: int, one: Wanted, amount: int, whole: int) -> Why | None:
        """Why an amount does not stand with what goes besides; or if it is 0, why not even 1.

        Args:
            whole: what is reversed in all.
        """
        some, has_rest = max(1, amount), "rest" in one.terms
        out = out_of(one, self._besides(one, some, max(1, whole)))
        why = self._standing.why_stands(position, one, one.debit, one.credit, some, out)
        if why is None:
            full = Why(position, "exceeds_balance_limit", one.credit, 0)
            return None if amount else full
        if why.code == "exceeds_credit_limit" and out:
            most = self._standing.most(
                one,
                "debit",
                lambda less: self._besides(one, less, one.amount if has_rest else less),
            )
            return replace(why, available=most)
        return why

    def _besides(self, one: Wanted, amount: int, whole: int) -> list[Beside]:
        """What an amount of a line takes with it: levies, or what goes back with it."""
        if one.action == "reverse":
            return self._back(one, whole)
        is_levied = one.action in ("", "hold", "post") and not one.is_residue
        return self._standing.levies(one, one.debit, one.credit, amount) if is_levied else []

    def _moved(
        self,
        position: int,
        one: Wanted,
        own: tuple[int, int, int],
        rest: int,
        stood: tuple[str, str],
    ) -> Why | None:
        """Its rows: its own, what `up_to` left, levies, and what goes back with it.

        Args:
            stood: the side on which suspense stands in, and why.
        """
        stands_in = stood[0]
        debit, credit, amount = own
        draft, flags, standing, sequence = self._draft, set[str](), self._standing, 0
        is_levied = amount and not (stands_in or one.action or one.is_residue)
        levies = standing.levies(one, debit, credit, amount) if is_levied else []
        rests = [self._rest(one, debit, credit, rest)] if rest else []
        back = self._back(one, amount + rest)
        stranger = one.terms["suspense"] if stands_in else one.terms["rest"] if rest else 0
        if stands_in or not amount:
            side = stands_in or one.terms["up_to"]
            back = in_its_place(back, one.debit if side == "debit" else one.credit, stranger)
        if amount:
            flags = standing.flags(debit, credit, amount)
            leg = self._row(
                position,
                debit,
                credit,
                amount,
                link=one.target,
                beside=[*levies, *self._sold(position)],
                is_beside=one.is_residue,
            )
            sequence = leg.sequence
            self._count(one, debit, credit, amount)
        why = (
            self._move_beside(position, rests, flags, link=one.target)
            or self._move_beside(position, levies, flags, is_beside=True, is_levy=True)
            or self._move_beside(position, back, flags, goes_back=one.target, is_levy=True)
        )
        beside = [*rests, *levies, *back]
        self._note(position, amount=amount, flags=flags, beside=beside, suspense=stood)
        if stands_in:
            account = debit if stands_in == "debit" else credit
            left = self._stands_for(one, amount, stands_in)
            absent = one.debit if stands_in == "debit" else one.credit
            item = Item(account, stands_in, left, self._moment.at, absent, stood[1])
            draft.changed["item", sequence] = item
        if one.target:
            draft.changed["taken", one.target] = draft.taken(one.target) + amount + rest
        if one.action == "reverse":
            kind = self._rows[one.target - 1].kind
            earned.give_back(draft, one.debit, one.target, kind, amount + rest)
        if one.action == "clear":
            cleared = draft.item(one.target)
            assert cleared is not None
            left = cleared.left - amount
            draft.changed["item", one.target] = replace(cleared, left=left) if left else None
        return why

    def _rest(self, one: Wanted, debit: int, credit: int, rest: int) -> Beside:
        stranger = one.terms["rest"]
        if one.terms["up_to"] == "debit":
            return Beside(stranger, credit, rest, REST)
        return Beside(debit, stranger, rest, REST)

    # ---- what goes besides

    def _back(self, one: Wanted, amount: int) -> list[Beside]:
        """What goes back with an amount of a row, in proportion to all of it."""
        if one.action != "reverse":
            return []
        row, before = self._rows[one.target - 1], self._draft.taken(one.target)
        parts = [
            (
                each,
                each.amount * (before + amount) // row.amount
                - each.amount * before // row.amount,
            )
            for each in row.beside
        ]
        return [Beside(one.credit, one.debit, part, one.kind) for one, part in parts if part]

    def _sold(self, position: int) -> list[Beside]:
        """What goes back with what was bought: what was sold for it, and levies on that."""
        wanted = self._asked.wanted
        exchange = exchange_at(wanted, position, self._standing.currency_of)
        if exchange is None:
            return []
        legs = self._done.legs
        at = next(n for n, leg in enumerate(legs) if leg.position == position - 1)
        sold = legs[at] = replace(legs[at], is_beside=True)  # Never alone.
        goes_back, amount = [], sold.amount
        if exchange.residue:
            residue = wanted[position + 1]
            if residue.credit == sold.debit:  # It came back already.
                amount -= exchange.residue
            else:
                pair = (residue.debit, residue.credit)
                goes_back.append(Beside(*pair, exchange.residue, EXCHANGE))
        return [*goes_back, Beside(sold.debit, sold.credit, amount, EXCHANGE), *sold.beside]

    def _move_beside(
        self, position: int, beside: Sequence[Beside], flags: set[str], **facts: int
    ) -> Why | None:
        for one in beside:
            is_rest = one.kind == REST  # What was asked, only of another.
            wanted, standing = self._asked.wanted[position], self._standing
            pair = (one.debit, one.credit)
            why = (
                standing.why_stands(position, wanted, *pair, one.amount)
                if is_rest
                else standing.why_not(position, *pair, one.amount)
            )
            if why is not None:
                return why
            flags |= standing.flags(one.debit, one.credit, one.amount)
            self._row(position, one.debit, one.credit, one.amount, kind=one.kind, **facts)
            if is_rest:
                self._count(wanted, one.debit, one.credit, one.amount)
        return None

    def _count(self, one: Wanted, debit: int, credit: int, amount: int) -> None:
        """Count what was paid and received for limits, unless it puts something right."""
        if one.is_payment:
            payments.pay(self._draft, debit, self._moment.day, amount)
        if one.action != "reverse" and not one.is_residue:
            earned.receive(self._draft, credit, one.kind, amount)

    # ---- rows and notes

    def _row(
        self,
        position: int,
        debit: int,
        credit: int,
        amount: int,
        *,
        phase: int = POSTED,
        kind: str = "",
        beside: Sequence[Beside] = (),
        **facts: int,
    ) -> Leg:
        """Write a row, and move the balances where it is posted."""
        one, legs = self._asked.wanted[position], self._done.legs
        day = self._day(one)
        assert day is not None
        if phase == POSTED and one.is_adjusting:
            phase = ADJUSTED
        payer, payee = self._standing.place(debit), self._standing.place(credit)
        if phase in (POSTED, ADJUSTED):
            payer = replace(payer, balance=payer.balance - amount)
            payee = replace(payee, balance=payee.balance + amount)
            self._draft.changed["place", debit] = payer
            self._draft.changed["place", credit] = payee
            earned.follow(self._draft, debit)
            earned.follow(self._draft, credit)
        leg = Leg(
            position,
            self._first_sequence + len(legs),
            debit,
            credit,
            amount,
            payer.balance,
            payee.balance,
            phase,
            kind=kind or one.kind,
            day=day,
            beside=tuple(beside),
            **facts,
        )
        legs.append(leg)
        return leg

    def _note(
        self,
        position: int,
        *,
        amount: int,
        flags: set[str] = frozenset(),  # type: ignore[assignment]
        beside: Sequence[Beside] = (),
        suspense: tuple[str, str] = ("", ""),
    ) -> None:
        """What stands in the outcome, where anything is otherwise than the line says."""
        one = self._asked.wanted[position]
        day = self._day(one)
        note: dict[str, Any] = {}
        if amount != one.amount:
            note["amount"] = amount
        if suspense[0]:
            note["suspense"], note["why"] = suspense
        if flags:
            both = ("credit_limit_passed", "balance_limit_passed")
            note["flags"] = [flag for flag in both if flag in flags]
        if beside:
            note["beside"] = [
                {
                    "amount": row.amount,
                    "credit_account": row.credit,
                    "debit_account": row.debit,
                    "kind": row.kind,
                }
                for row in beside
            ]
        exchange = exchange_at(self._asked.wanted, position, self._standing.currency_of)
        if exchange is not None and exchange.fraction:
            n, d = exchange.fraction.as_integer_ratio()
            note["fraction"] = {"d": d, "n": n}
        if one.day is not None and day is not None and day != one.day:
            note["business_date"] = day.isoformat()
        if note:
            self._done.notes[position] = note


def refuse_accounts(
    position: int, one: Wanted, place: Callable[[int], Place | None]
) -> Why | None:
    """Why nothing can ever pass between two accounts."""
    debit, credit = place(one.debit), place(one.credit)
    if debit is None:
        return Why(position, "debit_account_not_found")
    if credit is None:
        return Why(position, "credit_account_not_found")
    if debit.number == credit.number:
        return Why(position, "accounts_must_differ", credit.number)
    if debit.currency != credit.currency:
        return Why(position, "accounts_of_different_currencies", credit.number)
    return None


def in_its_place(rows: Sequence[Beside], absent: int, stranger: int) -> list[Beside]:
    """Rows with another account in the place of one; none from an account to itself."""
    changed = [
        replace(
            row,
            debit=stranger if row.debit == absent else row.debit,
            credit=stranger if row.credit == absent else row.credit,
        )
        for row in rows
    ]
    return [row for row in changed if row.debit != row.credit]


def keep_back(state: Stand, before: Hold | None, hold: Hold, left: int) -> None:
    """Change the two accounts of a hold, of which so much is left from now on."""
    keep_more(state, hold.debit, hold.credit, left - (0 if before is None else before.left))


def keep_more(state: Stand, debit: int, credit: int, more: int) -> None:
    """Change two accounts, between which so much more is kept back, or less."""
    payer: Place = state.get("place", debit)
    state.shelve(
        "place", payer.number, replace(payer, pending_debits=payer.pending_debits + more)
    )
    payee: Place = state.get("place", credit)
    state.shelve(
        "place", payee.number, replace(payee, pending_credits=payee.pending_credits + more)
    )
    for number in (debit, credit):
        earned.follow(state, number)
