"""The auditor's own rules: what a batch amounts to on a state, or why it cannot be.

Written from JOURNAL.md ("One transfer") and none of it the ledger's. Terms, levies and notes
are objects as they stand in the journal's lines. Each rule is one method of Ruling:

*   why a transfer can never be, however the balances are: in `_why_never`, in their order;
*   why an amount cannot move now: `_why_not`;
*   what is moved besides: `_move_beside`, as a Beside.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby
from typing import Any

from tests.simulation.auditor import earned, exchange, payments
from tests.simulation.auditor.reserves import available
from tests.simulation.auditor.state import (
    ADJUSTED,
    AMOUNT_MAX,
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
EXCHANGE = "exchange"  # The kind of rows that take back what was sold, and the residue.
NONE = 2**63 - 1  # No bound is so far away.
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
        self._reserves = draft.all("reserve")
        self._levies = sorted(draft.all("levy").items())
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
        debit = self._place(one.debit)
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
        is_other = row.link or row.levy_of or row.levy_back or row.sold_for or not row.moves
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
        rate = one.terms.get("rate")
        if rate is None:
            return None
        sold = self._sold_for(position)
        if sold is None or exchange.bought(sold.amount, rate) > AMOUNT_MAX:
            return Why(position, "rate_differs")
        if exchange.bought(sold.amount, rate) != one.amount:
            bought = exchange.bought(sold.amount, rate)
            return Why(position, "rate_differs", one.debit, bought)
        residue = exchange.residue(sold.amount, rate)
        if residue and not exchange.is_residue(self._asked.wanted, position + 1):
            return Why(position, "residue_differs", sold.credit, residue)
        return None

    def _refuse_residue(self, position: int, one: Wanted) -> Why | None:
        if "residue" not in one.terms:
            return None
        is_next = exchange.is_residue(self._asked.wanted, position)
        sold = self._sold_for(position - 1) if is_next else None
        if sold is None:
            return Why(position, "residue_differs")
        rate = self._asked.wanted[position - 1].terms["rate"]
        residue = exchange.residue(sold.amount, rate)
        is_it = (one.debit, one.amount) == (sold.credit, residue)
        return None if is_it else Why(position, "residue_differs", sold.credit, residue)

    def _sold_for(self, position: int) -> Wanted | None:
        def currency_of(number: int) -> str:
            return self._place(number).currency

        return exchange.sold_for(self._asked.wanted, position, currency_of)

    # ---- why an amount cannot move now

    def _why_stands(
        self,
        position: int,
        debit: int,
        credit: int,
        amount: int,
        out: int = 0,
    ) -> Why | None:
        """All that is asked of what a transfer is about; of levies less is."""
        why = self._why_not(position, debit, credit, amount, out)
        if why is None and is_payment(self._asked.wanted[position]):
            left = payments.left(self._draft, debit, self._moment.day).values()
            if left and amount > min(left):
                return Why(position, "exceeds_payment_limit", debit, min(left))
        return why

    def _why_not(
        self, position: int, debit: int, credit: int, amount: int, out: int = 0
    ) -> Why | None:
        why = self._why_shut(position, debit, credit)
        if why is not None:
            return why
        payer, payee = self._place(debit), self._place(credit)
        has = payer.balance - out
        if payer.floor is not None and has - amount < payer.floor:
            return Why(position, "exceeds_credit_limit", debit, max(0, has - payer.floor))
        if payee.ceiling is not None and payee.balance + amount > payee.ceiling:
            room = max(0, payee.ceiling - payee.balance)
            return Why(position, "exceeds_balance_limit", credit, room)
        backed = available(self._draft, self._reserves, debit, credit, amount)
        return None if backed is None else Why(position, "exceeds_reserve", debit, backed)

    def _why_shut(self, position: int, debit: int, credit: int) -> Why | None:
        payer, payee = self._place(debit), self._place(credit)
        if payer.status == "closed":
            return Why(position, "debit_account_closed", debit)
        if payee.status == "closed":
            return Why(position, "credit_account_closed", credit)
        if not payer.may_pay:
            return Why(position, "debit_account_frozen", debit)
        if not payee.may_be_paid:
            return Why(position, "credit_account_frozen", credit)
        return None

    def _standing(self, position: int, one: Wanted, amount: int, whole: int) -> Why | None:
        """Why an own amount cannot move with what goes besides; of nothing, why not even 1."""
        out = self._out(one, self._besides(one, max(1, amount), max(1, whole)))
        why = self._why_stands(position, one.debit, one.credit, max(1, amount), out)
        if why is None and not amount:
            return Why(position, "exceeds_balance_limit", one.credit, 0)
        if why is not None and why.code == "exceeds_credit_limit" and out:
            return replace(why, available=self._most(one, max(1, amount), "debit"))
        return why

    def _besides(self, one: Wanted, amount: int, whole: int) -> list[Beside]:
        """What an amount takes with it; of a reversal what all of it does."""
        if one.action == "reverse":
            return self._back(one, whole)
        if one.action == "clear" or "residue" in one.terms:
            return []
        return self._levied(one, one.debit, one.credit, amount)

    def _out(self, one: Wanted, rows: Sequence[Beside]) -> int:
        """What these take from who is debited, less what a reversal brings back."""
        pays = sum(row.amount for row in rows if row.debit == one.debit)
        gets = sum(row.amount for row in rows if row.credit == one.debit)
        return pays - gets if one.action == "reverse" else pays

    def _allowed(self, one: Wanted) -> int:
        """The amount, or with `up_to` what the bounds allow of it."""
        side = one.terms.get("up_to")
        return one.amount if side is None else self._most(one, one.amount, side)

    def _most(self, one: Wanted, amount: int, side: str) -> int:
        """The largest amount that stands on a side, with what it takes with it."""
        payer, payee = self._place(one.debit), self._place(one.credit)
        whole = "rest" in one.terms

        pays, is_paid = side != "credit", side != "debit"
        if (pays and not payer.may_pay) or (is_paid and not payee.may_be_paid):
            return 0

        def fits(part: int, back: int) -> bool:
            """Whether it stands, if so much comes back."""
            rows = self._besides(one, part, one.amount if whole else part)
            out = sum(row.amount for row in rows if row.debit == one.debit) - back
            into = sum(row.amount for row in rows if row.credit == one.credit)
            return not (
                (pays and payer.floor is not None and payer.balance - part - out < payer.floor)
                or (
                    is_paid
                    and payee.ceiling is not None
                    and payee.balance + part + into > payee.ceiling
                )
            )

        while True:  # What comes back shrinks with it, all else grows with it.
            rows = self._besides(one, amount, one.amount if whole else amount)
            back = sum(row.amount for row in rows if row.credit == one.debit)
            back = back if one.action == "reverse" else 0
            low, high = 0, amount
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if fits(middle, back) else (low, middle - 1)
            if low == amount:
                return low
            amount = low

    def _flags(self, debit: int, credit: int, amount: int) -> set[str]:
        """Which soft bounds it passes."""
        payer, payee = self._place(debit), self._place(credit)
        owed, owned = payer.balance - amount, payee.balance + amount
        is_owed = payer.floor is None and payer.least is not None and owed < payer.least
        is_owned = payee.ceiling is None and payee.most is not None and owned > payee.most
        flags = {"credit_limit_passed"} if is_owed else set()
        return flags | {"balance_limit_passed"} if is_owned else flags

    # ---- what is done

    def _hold(self, position: int, one: Wanted) -> Why | None:
        amount = self._allowed(one)
        why = self._standing(position, one, amount, amount)
        if why is not None:
            return why
        flags = self._flags(one.debit, one.credit, amount)
        leg = self._row(position, one.debit, one.credit, amount, phase=HELD)
        hold = Hold(one.debit, one.credit, amount, amount, one.terms["expires"])
        self._keep_back(leg.sequence, hold, amount)
        self._note(position, amount=amount, flags=flags)
        return None

    def _post_hold(self, position: int, one: Wanted) -> Why | None:
        """The bounds were asked when it was held; the status is asked again."""
        why = self._why_shut(position, one.debit, one.credit)
        if why is not None:
            return why
        hold = self._draft.hold(one.target)
        assert hold is not None
        is_last = one.terms.get("release", False)
        payer = self._place(one.debit)
        room = NONE if payer.floor is None else payer.balance - payer.floor

        def is_paid(part: int) -> bool:
            owed = self._out(one, self._besides(one, part, part))
            return not owed or owed <= room + (hold.left - part if is_last else 0)

        if not is_paid(one.amount):
            low, high = 0, one.amount - 1
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if is_paid(middle) else (low, middle - 1)
            return Why(position, "exceeds_credit_limit", one.debit, low)
        self._keep_back(one.target, hold, 0 if is_last else hold.left - one.amount)
        levies = self._levied(one, one.debit, one.credit, one.amount)
        own = self._row(
            position, one.debit, one.credit, one.amount, hold=one.target, levies=levies
        )
        self._count(one, one.debit, one.credit, one.amount)
        flags: set[str] = set()
        why = self._move_beside(position, levies, flags, levy_of=own.sequence)
        self._note(position, amount=one.amount, flags=flags, beside=levies)
        return why

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
        amount = self._allowed(one)
        rest = one.amount - amount if "rest" in one.terms else 0
        back = self._back(one, amount + rest)
        debit, credit, stands_in = one.debit, one.credit, ""
        if amount or not rest:
            why = self._standing(position, one, amount, amount + rest)
            if why is not None and amount and "suspense" in one.terms:
                stands_in, stranger = STOOD_IN_FOR.get(why.code, ""), one.terms["suspense"]
                debit = stranger if stands_in == "debit" else debit
                credit = stranger if stands_in == "credit" else credit
                if stands_in:
                    why = self._why_stands(position, debit, credit, amount)
            if why is not None:
                return why
        return self._moved(position, one, (debit, credit, amount), rest, back, stands_in)

    def _moved(
        self,
        position: int,
        one: Wanted,
        own: tuple[int, int, int],
        rest: int,
        back: Sequence[Beside],
        stands_in: str,
    ) -> Why | None:
        """Its rows: its own, what `up_to` left, levies, and levies that go back."""
        debit, credit, amount = own
        draft, flags, sequence = self._draft, set[str](), 0
        is_plain = not (stands_in or one.action or "residue" in one.terms)
        levies = self._levied(one, debit, credit, amount) if amount and is_plain else []
        rests = [self._rest(one, debit, credit, rest)] if rest else []
        if amount:
            flags = self._flags(debit, credit, amount)
            leg = self._row(position, debit, credit, amount, link=one.target, levies=levies)
            sequence = leg.sequence
            self._count(one, debit, credit, amount)
            self._pair(position, one)
        why = (
            self._move_beside(position, rests, flags, link=one.target)
            or self._move_beside(position, levies, flags, levy_of=sequence)
            or self._move_beside(position, back, flags, levy_back=one.target)
        )
        beside = [*rests, *levies, *back]
        self._note(position, amount=amount, flags=flags, beside=beside, suspense=stands_in)
        self._note_fraction(position, one)
        if stands_in:
            account = debit if stands_in == "debit" else credit
            item = Item(account, stands_in, amount, self._moment.at)
            draft.changed["item", sequence] = item
        if one.target:
            draft.changed["taken", one.target] = draft.taken(one.target) + amount + rest
        if one.action == "reverse":
            said = self._rows[one.target - 1].said
            earned.give_back(draft, one.debit, one.target, said, amount + rest)
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

    # ---- an exchange

    def _pair(self, position: int, one: Wanted) -> None:
        """What is sold, and the residue, goes back with what was bought and not alone."""
        legs = self._done.legs
        if "rate" in one.terms:
            sold = self._leg_of(position - 1)
            legs[sold] = replace(legs[sold], sold_for=legs[-1].sequence)
            back = Beside(legs[sold].debit, legs[sold].credit, legs[sold].amount, EXCHANGE)
            levies = (*legs[-1].levies, back, *legs[sold].levies)
            legs[-1] = replace(legs[-1], levies=levies)
        if "residue" in one.terms:
            bought, sold = self._leg_of(position - 1), self._leg_of(position - 2)
            legs[-1] = residue = replace(legs[-1], sold_for=legs[bought].sequence)
            levies = list(legs[bought].levies)
            place = next(i for i, row in enumerate(levies) if row.kind == EXCHANGE)
            if residue.credit == legs[sold].debit:
                less = levies[place].amount - residue.amount
                levies[place] = replace(levies[place], amount=less)
            else:
                back = Beside(residue.debit, residue.credit, residue.amount, EXCHANGE)
                levies.insert(place, back)
            legs[bought] = replace(legs[bought], levies=tuple(levies))

    def _leg_of(self, position: int) -> int:
        """Where the own row of a transfer of this batch stands among its rows."""
        legs = self._done.legs
        return next(i for i, leg in enumerate(legs) if leg.position == position)

    def _note_fraction(self, position: int, one: Wanted) -> None:
        sold = self._sold_for(position)
        if sold is None:
            return
        fraction = exchange.fraction(sold.amount, one.terms["rate"])
        if fraction:
            note = self._done.notes.setdefault(position, {})
            note["fraction"] = {"d": fraction.denominator, "n": fraction.numerator}

    # ---- levies

    def _levied(self, one: Wanted, debit: int, credit: int, amount: int) -> list[Beside]:
        """What is owed for an amount, by the order of the levies' codes."""
        owed = []
        for code, levy in self._levies:
            payer = debit if levy["payer"] == "debit" else credit
            treasury = self._place(levy["treasury"])
            due = levied(levy, amount)
            is_meant = one.kind in levy["kinds"] and payer != treasury.number
            if due and is_meant and self._place(payer).currency == treasury.currency:
                owed.append(Beside(payer, treasury.number, due, code))
        return owed

    def _back(self, one: Wanted, amount: int) -> list[Beside]:
        """What of its levies goes back with an amount of a row, in proportion to all of it."""
        if one.action != "reverse":
            return []
        row, before = self._rows[one.target - 1], self._draft.taken(one.target)
        parts = [
            (
                levy,
                levy.amount * (before + amount) // row.amount
                - levy.amount * before // row.amount,
            )
            for levy in row.levies
        ]
        return [
            Beside(levy.credit, levy.debit, part, levy.kind) for levy, part in parts if part
        ]

    def _move_beside(
        self, position: int, beside: Sequence[Beside], flags: set[str], **facts: int
    ) -> Why | None:
        for one in beside:
            is_rest = one.kind == REST  # What was asked, only of another.
            asks = self._why_stands if is_rest else self._why_not
            why = asks(position, one.debit, one.credit, one.amount)
            if why is not None:
                return why
            flags |= self._flags(one.debit, one.credit, one.amount)
            self._row(position, one.debit, one.credit, one.amount, kind=one.kind, **facts)
            if is_rest:
                self._count(self._asked.wanted[position], one.debit, one.credit, one.amount)
        return None

    def _count(self, one: Wanted, debit: int, credit: int, amount: int) -> None:
        """Count what was paid and received for limits, unless it puts something right."""
        if is_payment(one):
            payments.pay(self._draft, debit, self._moment.day, amount)
        if one.action != "reverse" and "residue" not in one.terms:
            earned.receive(self._draft, credit, one.kind, amount)

    # ---- rows and notes

    def _place(self, number: int) -> Place:
        place = self._draft.place(number)
        assert place is not None, "asked before whether it is there"
        return place

    def _row(
        self,
        position: int,
        debit: int,
        credit: int,
        amount: int,
        *,
        phase: int = POSTED,
        kind: str = "",
        levies: Sequence[Beside] = (),
        **facts: int,
    ) -> Leg:
        """Write a row, and move the balances where it is posted."""
        one, legs = self._asked.wanted[position], self._done.legs
        day = self._day(one)
        assert day is not None
        if phase == POSTED and one.is_adjusting:
            phase = ADJUSTED
        payer, payee = self._place(debit), self._place(credit)
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
            said=one.kind,
            day=day,
            levies=tuple(levies),
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
        suspense: str = "",
    ) -> None:
        """What stands in the outcome, where anything is otherwise than the line says."""
        one = self._asked.wanted[position]
        day = self._day(one)
        note: dict[str, Any] = {}
        if amount != one.amount:
            note["amount"] = amount
        if suspense:
            note["suspense"] = suspense
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
        if one.day is not None and day is not None and day != one.day:
            note["business_date"] = day.isoformat()
        if note:
            self._done.notes[position] = note


def is_payment(one: Wanted) -> bool:
    """Whether it pays somebody, and puts nothing right."""
    return one.action not in ("reverse", "clear") and "residue" not in one.terms


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


def levied(levy: Mapping[str, Any], amount: int) -> int:
    """What a levy takes: the rate rounded half to even, and what is fixed; within its ends."""
    whole, part = divmod(amount * levy["n"], levy["d"])
    whole += 2 * part > levy["d"] or (2 * part == levy["d"] and whole % 2)
    total = max(levy.get("fixed", 0) + whole, levy.get("minimum", 0))
    return int(min(total, levy.get("maximum", AMOUNT_MAX)))


# ---- the form of terms

# Which actions each term goes with; an amount that is simply moved has none.
GOES_WITH = {
    "entry": ("", "hold", "post", "void", "reverse", "clear"),
    "expires": ("hold",),
    "rate": ("",),
    "release": ("post",),
    "residue": ("",),
    "rest": ("", "reverse"),
    "suspense": ("", "reverse"),
    "target": ("post", "void", "reverse", "clear"),
    "up_to": ("", "hold", "reverse"),
    "adjusting": ("", "reverse"),
}


def is_misplaced(terms: Mapping[str, Any]) -> bool:
    """Whether a term does not go with the others, or one is missing."""
    action = terms.get("action", "")
    return (
        not terms
        or any(action not in GOES_WITH[term] for term in terms if term != "action")
        or (action == "hold" and "expires" not in terms)
        or (action not in ("", "hold") and "target" not in terms)
        or ("rest" in terms and terms.get("up_to") not in ("debit", "credit"))
        or ("suspense" in terms and "rest" in terms)
        or ("rate" in terms and ("entry" not in terms or "up_to" in terms))
        or ("residue" in terms and "entry" not in terms)
        or ("residue" in terms and any(t in terms for t in ("rate", "suspense", "up_to")))
    )
