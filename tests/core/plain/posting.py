"""One batch on its way: why it cannot be, what its transfers move, and what goes besides."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.core.plain.charges import Beside
from tests.core.plain.nouns import NO_BOUND, Batch, Line, No, Outcome, Row
from tests.core.plain.reasons import FIRST, RULES, seller_of, worth

if TYPE_CHECKING:
    from tests.core.plain.ledger import Plain

SIDE_THAT_REFUSES = {
    "debit_account_closed": "debit",
    "debit_account_frozen": "debit",
    "exceeds_credit_limit": "debit",
    "exceeds_payment_limit": "debit",
    "credit_account_closed": "credit",
    "credit_account_frozen": "credit",
    "exceeds_balance_limit": "credit",
}


FEW = 3_000  # Amounts up to it are tried one by one.


class Posting:
    """One batch, and the ledger it is posted to."""

    def __init__(self, plain: "Plain", batch: Batch, batch_id: UUID, *, is_trial: bool) -> None:
        self.plain = plain
        self.batch = batch
        self.batch_id = batch_id
        self.is_trial = is_trial
        self.recorded = len(plain.rows)  # Rows that were there before it.
        self.leaf = len(plain.journal)
        self.calendar = plain.days.calendar()
        self.today = self.calendar.current(plain.today)

    def post(self) -> Outcome:
        """Put its rows at the end of the list."""
        no = self.why_not_at_all()
        if no:
            return Outcome(False, no)
        plain, refused = self.plain, dict[int | None, No]()
        for together in groups_of(self.batch):
            mark = len(plain.rows)
            for position in together:
                plain.at_work = self.leaf, position
                no_one = self.post_one(position)
                plain.at_work = None
                if no_one:
                    del plain.rows[mark:]
                    refused |= {p: No("entry_refused") for p in together}
                    refused[position] = no_one
                    break
            if refused and self.batch.mode == "atomic":
                del plain.rows[self.recorded :]
                return Outcome(False, {position: no_one})
        return Outcome(True, refused)

    # ---- the batch as a whole

    def why_not_at_all(self) -> dict[int | None, No]:
        """What is wrong with all of it."""
        for position, line in enumerate(self.batch.lines):
            if line.currency and line.currency not in self.plain.currencies:
                return {position: No("currency_not_found")}
        for position, line in enumerate(self.batch.lines):
            there = [c for c in (line.debit, line.credit) if c in self.plain.accounts]
            if line.currency and there and line.currency != self.plain.currency(there[0]):
                return {position: No("currency_must_match_accounts", there[0])}
        if self.batch.is_stale:
            return {None: No("batch_expired")}
        if not self.calendar.is_open(self.today, self.today):
            return {None: No("no_day_open")}
        if self.batch.sums is not None and self.sums_differ():
            return {None: No("control_sums_differ")}
        no = None if self.is_trial else self.why_to_wait()
        return {None: no} if no else {}

    def sums_differ(self) -> bool:
        """Asked last where `atomic` lines name accounts that are not there."""
        found: dict[str, int] = {}
        for line in self.batch.lines:
            known = [code for code in (line.debit, line.credit) if code in self.plain.accounts]
            if self.batch.mode == "atomic" and len(known) < 2:
                return False
            currency = self.plain.currency(known[0]) if known else "nobody's"
            found[currency] = found.get(currency, 0) + line.amount
        return found != self.batch.sums

    def why_to_wait(self) -> No | None:
        """Why it must be approved first, or is not what was."""
        agreements = self.plain.agreements
        ending = agreements.ending()
        if ending is not None:
            if not agreements.is_what_was_agreed(self.batch, ending.line):
                return No("control_sums_differ")
            wanted = agreements.wanted(self.batch, ending.line["place"])
            enough = wanted is None or wanted.approvals <= len(ending.approved)
            return None if enough else No("approval_needed")
        # What nobody's approval would change is refused at once.
        hopeless = any(
            rule(self, position) for position in range(len(self.batch.lines)) for rule in FIRST
        )
        if self.batch.mode == "atomic" and hopeless:
            return None
        wanted = agreements.wanted(self.batch, self.leaf)
        return None if wanted is None else No("approval_needed")

    # ---- one transfer

    def post_one(self, position: int) -> No | None:
        for rule in RULES:
            no = rule(self, position)
            if no:
                return no
        line = self.batch.lines[position]
        do = {"hold": self.hold, "post": self.post_hold, "void": self.void}
        return do.get(line.action, self.move)(position)

    def day_of(self, position: int) -> date | None:
        """For which day a transfer counts; None where that is closed, or not there yet."""
        line = self.batch.lines[position]
        if line.adjusting:
            there = line.day is not None and self.calendar.takes_adjustments(line.day)
            return line.day if there else None
        if line.day is None or self.calendar.is_open(line.day, self.today):
            return line.day or self.today
        if self.batch.late == "next_open_day":
            return self.calendar.next_open(line.day, self.today)
        return None

    def besides(self, line: Line, amount: int) -> list[Beside]:
        """What goes besides an amount: levies, or what goes back with all that is reversed."""
        if line.action == "reverse":
            return self.plain.charges.going_back(
                line.target, line.amount if line.rest else amount
            )
        if line.residue or line.action == "clear":
            return []
        return self.plain.charges.owed_on(line.kind, line.debit, line.credit, amount)

    def out(self, line: Line, amount: int) -> int:
        """What the debited account pays besides; of a reversal less what it gets."""
        rows = self.besides(line, amount)
        paid = sum(row[3] for row in rows if row[1] == line.debit)
        got = sum(row[3] for row in rows if row[2] == line.debit)
        return paid - got if line.action == "reverse" else paid

    def into(self, line: Line, amount: int) -> int:
        """What the credited account gets besides."""
        return sum(row[3] for row in self.besides(line, amount) if row[2] == line.credit)

    def allowed(self, line: Line, up_to: str = "", most: int = 0) -> int:
        """The amount, or with `up_to` what the bounds allow of it."""
        plain, side, most = self.plain, up_to or line.up_to, most or line.amount
        if not side:
            return most
        pays, is_paid = side in ("debit", "both"), side in ("credit", "both")
        room, space = plain.room_to_pay(line.debit), plain.room_to_be_paid(line.credit)
        # Rooms end at 0, but what comes back may still make up for being beyond a bound.
        beyond = plain.beyond_lower(line.debit)

        def fits(amount: int) -> bool:
            if pays and not plain.may_pay(line.debit):
                return False
            if is_paid and not plain.may_be_paid(line.credit):
                return False
            if pays and amount + self.out(line, amount) > room - beyond:
                return False
            return not is_paid or amount + self.into(line, amount) <= space

        if line.action != "reverse" or most > FEW or fits(most):
            return largest(most, fits)
        # What comes back grows with the amount, so that more may fit where less does not.
        return next(amount for amount in range(most, -1, -1) if not amount or fits(amount))

    def standing(self, line: Line, amount: int) -> No | None:
        """Why an own amount cannot move with what goes besides; where it is 0, not even 1."""
        least = max(1, amount)
        if line.action == "reverse":
            rows = self.plain.charges.going_back(
                line.target, max(1, line.amount if line.rest else amount)
            )
            out = sum(r[3] for r in rows if r[1] == line.debit)
            out -= sum(r[3] for r in rows if r[2] == line.debit)
        else:
            out = self.out(line, least)
        no = self.why_not(line, line.debit, line.credit, least, out)
        if no is None and not amount:
            return No("exceeds_balance_limit", line.credit, 0)
        if no and no.code == "exceeds_credit_limit" and out:
            return replace(no, available=self.allowed(line, "debit", least))
        return no

    def why_not(
        self, line: Line, debit: str, credit: str, amount: int, out: int = 0
    ) -> No | None:
        """Why an amount cannot move now, by all that has a say in it."""
        plain = self.plain
        no = plain.why_not(debit, credit, amount, out=out)
        no = no or plain.charges.why_not(debit, credit, amount)
        if no or line.action in ("reverse", "clear") or line.residue:
            return no
        left = plain.limits.left_to_pay(debit, self.today)
        if left is not None and amount > left:
            return No("exceeds_payment_limit", debit, left)
        return None

    def hold(self, position: int) -> No | None:
        line = self.batch.lines[position]
        amount = self.allowed(line)
        no = self.standing(line, amount)
        if no:
            return no
        self.write(position, amount=amount, phase="held", expires=line.expires, flagged=True)
        return None

    def post_hold(self, position: int) -> No | None:
        """Bounds were asked when it was held; the status is asked again."""
        line, plain = self.batch.lines[position], self.plain
        no = plain.why_shut(line.debit, line.credit)
        if no:
            return no

        def fits(amount: int) -> bool:
            """Whether it can pay the levies on so much, once that is posted."""
            out = self.out(line, amount)
            if not out:
                return True
            mark = len(plain.rows)
            self.write(position, amount=amount, hold=line.target, is_last=line.release)
            soft = plain.limits.soft(line.debit) in ("debit", "both")
            lower = -NO_BOUND if soft else plain.limits.lower(line.debit)
            room = plain.balance(line.debit) - plain.pending_debits(line.debit) - lower
            del plain.rows[mark:]
            return out <= room

        if not fits(line.amount):
            return No("exceeds_credit_limit", line.debit, largest(line.amount, fits))
        own = self.write(position, hold=line.target, is_last=line.release)
        return self.levy(position, own)

    def void(self, position: int) -> No | None:
        target = self.batch.lines[position].target
        left = self.plain.left(target)
        self.write(position, amount=left, phase="released", hold=target, is_last=True)
        return None

    def move(self, position: int) -> No | None:
        """What is simply posted, taken back or cleared."""
        line, plain = self.batch.lines[position], self.plain
        debit, credit, stands_in, stands_for = line.debit, line.credit, "", 0
        absent, why = "", ""
        amount = self.allowed(line)
        rest = line.amount - amount if line.rest else 0
        back: list[Beside] = []
        if line.action == "reverse":
            back = plain.charges.going_back(line.target, amount + rest)
        if amount or not rest:
            no = self.standing(line, amount)
            if no and amount and line.suspense and no.code in SIDE_THAT_REFUSES:
                stands_in, why = SIDE_THAT_REFUSES[no.code], no.code
                absent = debit if stands_in == "debit" else credit
                stands_for = amount + owed_besides(back, absent, stands_in)
                if stands_for <= 0:
                    return no
                if stands_in == "debit":
                    debit = line.suspense
                else:
                    credit = line.suspense
                back = in_its_place(back, absent, line.suspense)
                no = self.why_not(line, debit, credit, amount)
            if no:
                return no
        else:
            full = debit if line.up_to == "debit" else credit
            back = in_its_place(back, full, line.rest)
        own = 0
        if amount:
            own = self.write(
                position,
                debit=debit,
                credit=credit,
                amount=amount,
                takes=line.target,
                stands_in=stands_in,
                stands_for=stands_for,
                absent=absent,
                why=why,
                flagged=True,
            )
            self.pair(position)
        if rest:
            sides = (line.rest, credit) if line.up_to == "debit" else (debit, line.rest)
            no = self.why_not(line, *sides, rest)
            if no:
                return no
            self.write(
                position,
                debit=sides[0],
                credit=sides[1],
                amount=rest,
                kind="rest",
                part="rest",
                takes=line.target,
                flagged=True,
            )
        if own and not line.action and not stands_in and not line.residue:
            no = self.levy(position, own)
            if no:
                return no
        return self.move_beside(position, back, "back", 0)

    def pair(self, position: int) -> None:
        """What was sold, and the residue, go back with what was bought only."""
        rows, line = self.plain.rows, self.batch.lines[position]
        last, sold = len(rows), seller_of(self, position)
        if line.rate and sold is not None:
            bought, residue = worth(sold.amount, line.rate)
            value = (sold.amount - residue) * Fraction(*line.rate)
            at = max(n for n, r in enumerate(rows) if r.part == "own" and n < last - 1)
            rows[at] = replace(rows[at], sold_for=last)
            rows[-1] = replace(rows[-1], fraction=value - bought)
        if line.residue:
            of = max(r.sequence for r in rows if r.part == "own" and r.sequence < last)
            rows[-1] = replace(rows[-1], residue_of=of)

    def levy(self, position: int, own: int) -> No | None:
        """What the row pays to treasuries."""
        row = self.plain.rows[own - 1]
        kind = self.batch.lines[position].kind
        owed = self.plain.charges.owed_on(kind, row.debit, row.credit, row.amount)
        return self.move_beside(position, owed, "levy", own)

    def move_beside(
        self, position: int, owed: Sequence[Beside], part: str, levied_on: int
    ) -> No | None:
        """All that goes besides, or the transfer is refused. No payment limits are asked."""
        for code, debit, credit, amount in owed:
            no = self.plain.why_not(debit, credit, amount)
            no = no or self.plain.charges.why_not(debit, credit, amount)
            if no:
                return no
            self.write(
                position,
                debit=debit,
                credit=credit,
                amount=amount,
                kind=code,
                part=part,
                levied_on=levied_on,
                flagged=True,
            )
        return None

    def write(self, position: int, *, flagged: bool = False, **facts: Any) -> int:
        """Put a row, as its line says but for these facts; its sequence."""
        line, plain = self.batch.lines[position], self.plain
        day = self.day_of(position)
        assert day is not None
        row = {
            "sequence": 0,
            "leaf": self.leaf,
            "position": position,
            "debit": line.debit,
            "credit": line.credit,
            "amount": line.amount,
            "kind": line.kind,
            "phase": "adjusted" if line.adjusting else "posted",
            "action": line.action,
            "asked_debit": line.debit,
            "asked_kind": line.kind,
            "at": plain.now,
            "day": day,
            "leaf_day": self.today,
            "source": self.batch.source,
            "reference": (self.batch.source, line.reference) if line.reference else None,
        } | facts
        flags = self.passed(row["debit"], row["credit"], row["amount"]) if flagged else ()
        plain.put(Row(**row, flags=flags))
        return len(plain.rows)

    def passed(self, debit: str, credit: str, amount: int) -> tuple[str, ...]:
        """Which soft bounds an amount passes."""
        plain, flags = self.plain, []
        owed = plain.balance(debit) - plain.pending_debits(debit) - amount
        owned = plain.balance(credit) + plain.pending_credits(credit) + amount
        limits = plain.limits
        if limits.soft(debit) in ("debit", "both") and owed < limits.lower(debit):
            flags.append("credit_limit_passed")
        if limits.soft(credit) in ("credit", "both") and owned > limits.upper(credit):
            flags.append("balance_limit_passed")
        return tuple(flags)


def owed_besides(back: Sequence[Beside], absent: str, side: str) -> int:
    """What else a suspense account has to give on the credit side, or to get on the other."""
    given = sum(amount for _, _, credit, amount in back if credit == absent)
    taken = sum(amount for _, debit, _, amount in back if debit == absent)
    return given - taken if side == "credit" else taken - given


def in_its_place(back: Sequence[Beside], absent: str, stranger: str) -> list[Beside]:
    """The same with another account in the place of one; none pays itself."""
    changed = [
        (
            kind,
            stranger if debit == absent else debit,
            stranger if credit == absent else credit,
            amount,
        )
        for kind, debit, credit, amount in back
    ]
    return [one for one in changed if one[1] != one[2]]


def groups_of(batch: Batch) -> list[list[int]]:
    """Positions that stand or fall together."""
    groups: list[list[int]] = []
    for position, line in enumerate(batch.lines):
        before = batch.lines[position - 1] if position else None
        if before is not None and line.entry and line.entry == before.entry:
            groups[-1].append(position)
        else:
            groups.append([position])
    return groups


def largest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest amount that fits, by halving; 0 where there is none."""
    if fits(most):
        return most
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
