"""One batch on its way: why it cannot be, what its transfers move, and what goes besides."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.core.plain.charges import Beside
from tests.core.plain.nouns import Batch, Line, No, Outcome, Row

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

    def allowed(self, line: Line) -> int:
        """The amount, or with `up_to` what the bounds allow of it."""
        amount = line.amount
        if line.up_to in ("debit", "both"):
            amount = min(amount, self.plain.room_to_pay(line.debit))
        if line.up_to in ("credit", "both"):
            amount = min(amount, self.plain.room_to_be_paid(line.credit))
        return amount

    def why_not(
        self, line: Line, debit: str, credit: str, amount: int, comes_back: int = 0
    ) -> No | None:
        """Why an amount cannot move now, by all that has a say in it."""
        plain = self.plain
        no = plain.why_not(debit, credit, amount, comes_back=comes_back)
        no = no or plain.charges.why_not(debit, credit, amount)
        if no or line.action in ("reverse", "clear"):
            return no
        left = plain.limits.left_to_pay(debit, self.today)
        if left is not None and amount > left:
            return No("exceeds_payment_limit", debit, left)
        return None

    def hold(self, position: int) -> No | None:
        line = self.batch.lines[position]
        amount = self.allowed(line)
        no = self.why_not(line, line.debit, line.credit, max(1, amount))
        if no:
            return no
        self.write(position, amount=amount, phase="held", expires=line.expires, flagged=True)
        return None

    def post_hold(self, position: int) -> No | None:
        """Bounds were asked when it was held; the status is asked again."""
        line = self.batch.lines[position]
        no = self.plain.why_shut(line.debit, line.credit)
        if no:
            return no
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
        debit, credit, stands_in = line.debit, line.credit, ""
        amount = self.allowed(line)
        rest = line.amount - amount if line.rest else 0
        back: list[Beside] = []
        if line.action == "reverse":
            back = plain.charges.going_back(line.target, amount + rest)
        if amount or not rest:
            returns = sum(amount_back for _, _, to, amount_back in back if to == debit)
            no = self.why_not(line, debit, credit, max(1, amount), returns)
            if no and amount and line.suspense and no.code in SIDE_THAT_REFUSES:
                stands_in = SIDE_THAT_REFUSES[no.code]
                if stands_in == "debit":
                    debit = line.suspense
                else:
                    credit = line.suspense
                no = self.why_not(line, debit, credit, amount)
            if no:
                return no
        own = 0
        if amount:
            own = self.write(
                position,
                debit=debit,
                credit=credit,
                amount=amount,
                takes=line.target,
                stands_in=stands_in,
                flagged=True,
            )
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
        if own and not line.action and not stands_in:
            no = self.levy(position, own)
            if no:
                return no
        return self.move_beside(position, back, "back", 0)

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


# ---- why a transfer cannot be, whatever the balances are

Rule = Callable[[Posting, int], No | None]


def accounts_can_trade(posting: Posting, position: int) -> No | None:
    line = posting.batch.lines[position]
    return posting.plain.why_never(line.debit, line.credit)


def reference_is_new(posting: Posting, position: int) -> No | None:
    """Also a reference that was refused in the same batch is not given twice there."""
    batch, plain = posting.batch, posting.plain
    reference = batch.lines[position].reference
    if not reference or not plain.unique_references:
        return None
    in_batch = reference in [line.reference for line in batch.lines[:position]]
    before = {row.reference for row in plain.rows[: posting.recorded]}
    if in_batch or (batch.source, reference) in before:
        return No("reference_used")
    return None


def day_is_open(posting: Posting, position: int) -> No | None:
    is_open = posting.day_of(position) is not None
    return None if is_open else No("business_date_not_open")


def ordinary_day_is_open(posting: Posting, position: int) -> No | None:
    """A year may be opened again to adjustments while one waits."""
    if posting.batch.lines[position].adjusting:
        return None
    return day_is_open(posting, position)


def value_is_not_too_old(posting: Posting, position: int) -> No | None:
    line = posting.batch.lines[position]
    day = posting.day_of(position) or line.day or posting.today
    if line.value_day is None or posting.calendar.allows_value(line.value_day, day):
        return None
    return No("value_date_too_early")


def named_accounts_can_stand_in(posting: Posting, position: int) -> No | None:
    line, plain = posting.batch.lines[position], posting.plain
    for code in (line.rest, line.suspense):
        if code and code not in plain.accounts:
            return No("terms_account_not_usable")
        if code in (line.debit, line.credit):
            return No("terms_account_not_usable", code)
        if code and plain.currency(code) != plain.currency(line.debit):
            return No("terms_account_not_usable", code)
    return None


def hold_ends_later(posting: Posting, position: int) -> No | None:
    line = posting.batch.lines[position]
    ends = line.action == "hold" and line.expires <= posting.plain.now
    return No("hold_expired") if ends else None


def rate_is_kept(posting: Posting, position: int) -> No | None:
    line, plain = posting.batch.lines[position], posting.plain
    if line.rate is None:
        return None
    before = posting.batch.lines[position - 1] if position else None
    bought = None
    if before is not None and before.entry == line.entry and not before.up_to:
        sold = plain.currency(before.debit)
        if sold != plain.currency(line.debit):
            n, d = line.rate
            bought = before.amount * n // d
            bought = bought if bought < 2**53 else None  # No amount is so large.
    return (
        None
        if bought == line.amount
        else No("rate_differs", line.debit if bought is not None else "", bought)
    )


def hold_is_the_one(posting: Posting, position: int) -> No | None:
    line, plain = posting.batch.lines[position], posting.plain
    if line.action not in ("post", "void"):
        return None
    hold = plain.holds().get(line.target)
    if hold is None:
        return No("hold_not_open")
    if hold.expires <= plain.now:
        return No("hold_expired")
    if (line.debit, line.credit) != (hold.debit, hold.credit):
        return No("target_differs")
    if line.action == "void" and line.amount != hold.amount:
        return No("target_differs", line.debit, hold.amount)
    if line.action == "post" and line.amount > plain.left(line.target):
        return No("exceeds_target", line.debit, plain.left(line.target))
    return None


def target_can_be_taken_back(posting: Posting, position: int) -> No | None:
    """What the batch itself recorded is not there yet."""
    line, plain = posting.batch.lines[position], posting.plain
    if line.action != "reverse":
        return None
    if line.target > posting.recorded:
        return No("target_not_found")
    target = plain.rows[line.target - 1]
    is_own = target.moves and not target.takes and target.part in ("own", "rest")
    if not is_own or line.target in plain.suspended():
        return No("target_not_reversible")
    if (line.debit, line.credit) != (target.credit, target.debit):
        return No("target_differs")
    left = target.amount - plain.taken(line.target)
    return No("exceeds_target", line.debit, left) if line.amount > left else None


def target_can_be_cleared(posting: Posting, position: int) -> No | None:
    line, plain = posting.batch.lines[position], posting.plain
    if line.action != "clear":
        return None
    left = plain.suspended().get(line.target)
    if left is None:
        return No("target_not_in_suspense")
    target = plain.rows[line.target - 1]
    stood_in = target.debit if target.stands_in == "debit" else target.credit
    given = line.credit if target.stands_in == "debit" else line.debit
    if given != stood_in:
        return No("target_differs", stood_in)
    return No("exceeds_target", line.debit, left) if line.amount > left else None


FIRST: tuple[Rule, ...] = (
    accounts_can_trade,
    reference_is_new,
    ordinary_day_is_open,
    value_is_not_too_old,
)
RULES: tuple[Rule, ...] = (
    accounts_can_trade,
    reference_is_new,
    day_is_open,
    value_is_not_too_old,
    named_accounts_can_stand_in,
    hold_ends_later,
    rate_is_kept,
    hold_is_the_one,
    target_can_be_taken_back,
    target_can_be_cleared,
)
