"""The rules of posting once more, in the plainest way there is.

Nothing here is shared with ledger/core. Accounts are their codes; what was posted is one list
of rows that only grows; whatever is asked of it (a balance, what is left of a hold, what was
taken back) is counted from the first row every time; and to take back is to cut the list.

A new rule has one place each:

* why a transfer cannot be, whatever the balances are: a function in RULES, in the order of
  precedence;
* why an amount cannot move now, such as a limit on payments: `Plain.why_not`;
* what is moved besides, such as a levy: `Plain.move`, as a row with a `kind`;
* what a transfer can ask for: a field of Line, and how it is made up in wishes.py;
* what time or an operator changes: a method of Plain, and a step in test_histories.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

NO_BOUND = 2**63 - 1  # Where a database column ends.


@dataclass
class Account:
    """What is not counted from the rows."""

    currency: str
    lower: int
    upper: int
    soft: str = ""  # debit, credit or both: bounds that may be passed, and are then flagged.
    status: str = "open"


@dataclass(frozen=True)
class Line:
    """One transfer, as it is asked for. Zero and empty: not asked for."""

    debit: str
    credit: str
    amount: int
    reference: str = ""
    days_ahead: int | None = None  # Of its business date, if it has one.
    action: str = ""  # hold, post, void, reverse, clear.
    target: int = 0
    expires: int = 0
    release: bool = False
    entry: int = 0
    up_to: str = ""  # debit, credit, both.
    rest: str = ""
    suspense: str = ""
    rate: tuple[int, int] | None = None
    residue: bool = False


@dataclass(frozen=True)
class Batch:
    """Lines that are asked for together."""

    lines: Sequence[Line]
    mode: str = "atomic"
    source: str = ""
    sums: dict[str, int] | None = None  # What they add up to, by currency, as declared.
    late: str = ""  # next_open_day: what is for a closed day counts for the next open one.


@dataclass(frozen=True)
class Row:
    """What was done: the row at place n of the list, from 1, has the sequence n."""

    position: int
    debit: str
    credit: str
    amount: int
    at: int
    day: int  # For which it counts.
    source: str
    phase: str = "posted"  # Or held, or released; only posted rows move balances.
    kind: str = ""  # Of a row beside its transfer's own: rest, or exchange.
    goes_with: int = 0  # Of what was sold, and of the residue: the row of what that bought.
    is_back: bool = False  # It went back with another row that was taken back.
    fraction: Fraction = Fraction(0)  # Of a minor unit: what was bought and not given.
    expires: int = 0  # Of a hold.
    hold: int = 0  # The hold that it posts or releases,
    is_last: bool = False  # of which nothing remains then.
    takes: int = 0  # The transfer that it takes back, or clears.
    stands_in: str = ""  # The side on which a suspense account stands in.
    flags: tuple[str, ...] = ()
    reference: tuple[str, str] | None = None  # With its source.


@dataclass(frozen=True)
class No:
    """Why not, the account that was looked at, and how much would have been fine."""

    code: str
    account: str = ""
    available: int | None = None


@dataclass
class Plain:
    """A ledger as a list of rows."""

    unique_references: bool = False
    now: int = 0
    today: int = 0  # By the clock. Days are counted from where the history begins,
    closed: int = -100  # and closed through this one.
    accounts: dict[str, Account] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    recorded: int = 0  # Rows that were there before the batch.
    expired: set[int] = field(default_factory=set)

    # ---- counted from the rows

    def balance(self, code: str, after: int | None = None) -> int:
        """Credits minus debits, now or after so many rows."""
        total = 0
        for row in self.rows[:after]:
            if row.phase == "posted" and row.credit == code:
                total += row.amount
            if row.phase == "posted" and row.debit == code:
                total -= row.amount
        return total

    def left(self, hold: int) -> int:
        """What remains of a hold."""
        about = [row for row in self.rows if row.hold == hold]
        if hold in self.expired or any(row.is_last for row in about):
            return 0
        return self.rows[hold - 1].amount - sum(row.amount for row in about)

    def holds(self) -> dict[int, Row]:
        """Those of which something remains."""
        return {
            n: row
            for n, row in enumerate(self.rows, 1)
            if row.phase == "held" and self.left(n) > 0
        }

    def pending_debits(self, code: str) -> int:
        return sum(self.left(n) for n, row in self.holds().items() if row.debit == code)

    def pending_credits(self, code: str) -> int:
        return sum(self.left(n) for n, row in self.holds().items() if row.credit == code)

    def taken(self, target: int) -> int:
        """What was taken back of a transfer, or cleared."""
        return sum(row.amount for row in self.rows if row.takes == target)

    def suspended(self) -> dict[int, int]:
        """What is not cleared of each transfer in suspense."""
        return {
            n: row.amount - self.taken(n)
            for n, row in enumerate(self.rows, 1)
            if row.stands_in and row.amount > self.taken(n)
        }

    def stood_in(self, n: int) -> str:
        """The suspense account that took what another refused."""
        row = self.rows[n - 1]
        return row.debit if row.stands_in == "debit" else row.credit

    def references(self) -> set[tuple[str, str]]:
        return {row.reference for row in self.rows if row.reference is not None}

    def due(self) -> list[int]:
        """Open holds whose time is up."""
        return [n for n, row in self.holds().items() if row.expires <= self.now]

    def totals(self) -> dict[tuple[int, str, str, str], tuple[int, int]]:
        """How many rows each open day has by currency, kind and source, and their sum."""
        found: dict[tuple[int, str, str, str], tuple[int, int]] = {}
        for row in self.rows:
            if row.phase == "posted" and row.day > self.closed:
                currency = self.accounts[row.debit].currency
                key = row.day, currency, row.kind or "payment", row.source
                count, total = found.get(key, (0, 0))
                found[key] = count + 1, total + row.amount
        return found

    # ---- which day

    def current_day(self) -> int:
        """Of what names none."""
        return max(self.today, self.closed + 1)

    def day_of(self, batch: Batch, position: int) -> int | None:
        """For which day a transfer counts; None where that is closed, or not there yet."""
        ahead = batch.lines[position].days_ahead
        if ahead is None:
            return self.current_day()
        day = self.today + ahead
        if day <= self.closed and batch.late == "next_open_day":
            day = self.closed + 1
        return day if self.closed < day <= self.current_day() else None

    # ---- what an account may

    def may_pay(self, code: str) -> bool:
        return self.accounts[code].status in ("open", "frozen_credits")

    def may_be_paid(self, code: str) -> bool:
        return self.accounts[code].status in ("open", "frozen_debits")

    def room_to_pay(self, code: str) -> int:
        """How much it may be debited; never below zero."""
        account = self.accounts[code]
        lower = -NO_BOUND if account.soft in ("debit", "both") else account.lower
        room = self.balance(code) - self.pending_debits(code) - lower
        return max(0, room) if self.may_pay(code) else 0

    def room_to_be_paid(self, code: str) -> int:
        """How much it may be credited; never below zero."""
        account = self.accounts[code]
        upper = NO_BOUND if account.soft in ("credit", "both") else account.upper
        room = upper - self.pending_credits(code) - self.balance(code)
        return max(0, room) if self.may_be_paid(code) else 0

    def why_shut(self, debit: str, credit: str) -> No | None:
        if self.accounts[debit].status == "closed":
            return No("debit_account_closed", debit)
        if self.accounts[credit].status == "closed":
            return No("credit_account_closed", credit)
        if not self.may_pay(debit):
            return No("debit_account_frozen", debit)
        if not self.may_be_paid(credit):
            return No("credit_account_frozen", credit)
        return None

    def why_not(self, debit: str, credit: str, amount: int) -> No | None:
        """Why an amount cannot move now."""
        shut = self.why_shut(debit, credit)
        if shut:
            return shut
        if amount > self.room_to_pay(debit):
            return No("exceeds_credit_limit", debit, self.room_to_pay(debit))
        if amount > self.room_to_be_paid(credit):
            return No("exceeds_balance_limit", credit, self.room_to_be_paid(credit))
        return None

    # ---- batches

    def post(self, batch: Batch) -> dict[int | None, No]:
        """Post a batch; the rows are what was posted. Returns what was refused, and why.

        Where the batch as a whole is wrong, that stands under None.
        """
        if batch.sums is not None and self.sums_differ(batch):
            return {None: No("control_sums_differ")}
        self.recorded = len(self.rows)
        refused: dict[int | None, No] = {}
        for together in groups_of(batch):
            mark = len(self.rows)
            for position in together:
                no = self.post_one(batch, position)
                if no:
                    del self.rows[mark:]
                    refused |= {p: No("entry_refused") for p in together}
                    refused[position] = no
                    break
            if refused and batch.mode == "atomic":
                del self.rows[self.recorded :]
                return {position: no}
        return refused

    def sums_differ(self, batch: Batch) -> bool:
        """Asked last where `atomic` lines name accounts that are not there."""
        found: dict[str, int] = {}
        for line in batch.lines:
            known = [code for code in (line.debit, line.credit) if code in self.accounts]
            if batch.mode == "atomic" and len(known) < 2:
                return False
            currency = self.accounts[known[0]].currency if known else "nobody's"
            found[currency] = found.get(currency, 0) + line.amount
        return found != batch.sums

    def post_one(self, batch: Batch, position: int) -> No | None:
        for rule in RULES:
            no = rule(self, batch, position)
            if no:
                return no
        line = batch.lines[position]
        do = {"hold": self.hold, "post": self.post_hold, "void": self.void}
        return do.get(line.action, self.move)(batch, position)

    def allowed(self, line: Line) -> int:
        """The amount, or with `up_to` what the bounds allow of it."""
        amount = line.amount
        if line.up_to in ("debit", "both"):
            amount = min(amount, self.room_to_pay(line.debit))
        if line.up_to in ("credit", "both"):
            amount = min(amount, self.room_to_be_paid(line.credit))
        return amount

    def hold(self, batch: Batch, position: int) -> No | None:
        line = batch.lines[position]
        amount = self.allowed(line)
        no = self.why_not(line.debit, line.credit, max(1, amount))
        if no:
            return no
        self.write(
            batch, position, amount=amount, phase="held", expires=line.expires, flagged=True
        )
        return None

    def post_hold(self, batch: Batch, position: int) -> No | None:
        """Bounds were asked when it was held; the status is asked again."""
        line = batch.lines[position]
        no = self.why_shut(line.debit, line.credit)
        if no:
            return no
        self.write(batch, position, hold=line.target, is_last=line.release)
        return None

    def void(self, batch: Batch, position: int) -> No | None:
        target = batch.lines[position].target
        self.write(
            batch,
            position,
            amount=self.left(target),
            phase="released",
            hold=target,
            is_last=True,
        )
        return None

    def move(self, batch: Batch, position: int) -> No | None:
        """What is simply posted, taken back or cleared."""
        line = batch.lines[position]
        debit, credit, stands_in = line.debit, line.credit, ""
        amount = self.allowed(line)
        rest = line.amount - amount if line.rest else 0
        if amount or not rest:
            no = self.why_not(debit, credit, max(1, amount))
            if no and amount and line.suspense:  # Nothing cannot stand in suspense.
                stands_in = SIDE_THAT_REFUSES[no.code]
                if stands_in == "debit":
                    debit = line.suspense
                else:
                    credit = line.suspense
                no = self.why_not(debit, credit, amount)
            if no:
                return no
        if amount:
            self.write(
                batch,
                position,
                debit=debit,
                credit=credit,
                amount=amount,
                takes=line.target,
                stands_in=stands_in,
                flagged=True,
            )
            self.pair(batch, position)
        if rest:
            if line.up_to == "debit":
                debit = line.rest
            else:
                credit = line.rest
            no = self.why_not(debit, credit, rest)
            if no:
                return no
            self.write(
                batch,
                position,
                debit=debit,
                credit=credit,
                amount=rest,
                kind="rest",
                takes=line.target,
                flagged=True,
            )
        return self.give_back(batch, position) if line.action == "reverse" else None

    def pair(self, batch: Batch, position: int) -> None:
        """What was sold, and the residue, go back with what was bought only."""
        line, last = batch.lines[position], len(self.rows)
        if line.rate:
            sold = sold_for(self, batch, position)
            assert sold is not None
            bought, residue = worth(sold.amount, line.rate)
            value = (sold.amount - residue) * Fraction(*line.rate)
            self.rows[-2] = replace(self.rows[-2], goes_with=last)
            self.rows[-1] = replace(self.rows[-1], fraction=value - bought)
        if line.residue:
            self.rows[-1] = replace(self.rows[-1], goes_with=last - 1)

    def give_back(self, batch: Batch, position: int) -> No | None:
        """With some of what was bought, as much of what was sold; all parts make the whole."""
        target = batch.lines[position].target
        bought, taken = self.rows[target - 1].amount, self.taken(target)
        mine = [row for row in self.rows[self.recorded :] if row.position == position]
        before = taken - sum(row.amount for row in mine if row.takes == target)
        for debit, credit, amount in self.legs(target):
            back = amount * taken // bought - amount * before // bought
            if not back:
                continue
            no = self.why_not(credit, debit, back)
            if no:
                return no
            self.write(
                batch,
                position,
                debit=credit,
                credit=debit,
                amount=back,
                kind="exchange",
                is_back=True,
                flagged=True,
            )
        return None

    def legs(self, target: int) -> list[tuple[str, str, int]]:
        """What goes with a row: the residue, unless who paid has it; and what was sold."""
        legs = [row for row in self.rows if row.goes_with == target]
        if not legs:
            return []
        sold, residues = legs[0], legs[1:]
        amount, found = sold.amount, []
        for row in residues:
            if row.credit == sold.debit:
                amount -= row.amount
            else:
                found.append((row.debit, row.credit, row.amount))
        return [*found, (sold.debit, sold.credit, amount)]

    def write(
        self, batch: Batch, position: int, *, flagged: bool = False, **facts: object
    ) -> None:
        """Put a row, as its line says but for these facts, at the end of the list."""
        line = batch.lines[position]
        facts = {"debit": line.debit, "credit": line.credit, "amount": line.amount} | facts
        reference = (batch.source, line.reference) if line.reference else None
        day = self.day_of(batch, position)
        facts |= {"at": self.now, "day": day, "source": batch.source, "reference": reference}
        row = Row(position=position, **facts)  # type: ignore[arg-type]
        self.rows.append(row)
        if flagged:
            self.rows[-1] = replace(row, flags=self.passed(row.debit, row.credit))

    def passed(self, debit: str, credit: str) -> tuple[str, ...]:
        """Which soft bounds are passed, now that the row is there."""
        flags = []
        payer, payee = self.accounts[debit], self.accounts[credit]
        owed = self.balance(debit) - self.pending_debits(debit)
        owned = self.balance(credit) + self.pending_credits(credit)
        if payer.soft in ("debit", "both") and owed < payer.lower:
            flags.append("credit_limit_passed")
        if payee.soft in ("credit", "both") and owned > payee.upper:
            flags.append("balance_limit_passed")
        return tuple(flags)

    # ---- all that is not a batch

    def open_account(self, code: str, account: Account) -> No | None:
        if code in self.accounts:
            return No("account_code_used", code)
        if account.lower > account.upper:
            return No("bounds_crossed")
        self.accounts[code] = account
        return None

    def set_bounds(self, code: str, lower: int, upper: int, soft: str) -> No | None:
        account = self.accounts[code]
        if account.status == "closed":
            return No("account_closed", code)
        if lower > upper:
            return No("bounds_crossed")
        account.lower, account.upper, account.soft = lower, upper, soft
        return None

    def set_status(self, code: str, status: str) -> No | None:
        account = self.accounts[code]
        if account.status == "closed" and status != "open":
            return No("account_closed", code)
        if status == "closed" and self.balance(code) != 0:
            return No("account_not_at_zero", code)
        if status == "closed" and self.pending_debits(code) + self.pending_credits(code) > 0:
            return No("account_has_holds", code)
        if status == "closed" and any(code == self.stood_in(n) for n in self.suspended()):
            return No("account_has_suspense", code)
        account.status = status
        return None

    def close_day(self, day: int) -> No | None:
        if day <= self.closed:
            return No("day_not_open")
        if any(self.closed < row.day < day and row.phase == "posted" for row in self.rows):
            return No("day_before_is_open")
        self.closed = day
        return None

    def expire(self, holds: Sequence[int]) -> No | None:
        due = self.due()
        if len(set(holds)) < len(holds) or any(n not in due for n in holds):
            return No("holds_not_due")
        self.expired |= set(holds)
        return None


SIDE_THAT_REFUSES = {
    "debit_account_closed": "debit",
    "debit_account_frozen": "debit",
    "exceeds_credit_limit": "debit",
    "credit_account_closed": "credit",
    "credit_account_frozen": "credit",
    "exceeds_balance_limit": "credit",
}


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

Rule = Callable[[Plain, Batch, int], No | None]


def accounts_are_there(plain: Plain, batch: Batch, position: int) -> No | None:
    line = batch.lines[position]
    if line.debit not in plain.accounts:
        return No("debit_account_not_found")
    if line.credit not in plain.accounts:
        return No("credit_account_not_found")
    return None


def accounts_differ(plain: Plain, batch: Batch, position: int) -> No | None:
    line = batch.lines[position]
    return No("accounts_must_differ", line.credit) if line.debit == line.credit else None


def currencies_are_one(plain: Plain, batch: Batch, position: int) -> No | None:
    line = batch.lines[position]
    if plain.accounts[line.debit].currency == plain.accounts[line.credit].currency:
        return None
    return No("accounts_of_different_currencies", line.credit)


def reference_is_new(plain: Plain, batch: Batch, position: int) -> No | None:
    """Also a reference that was refused in the same batch is not given twice there."""
    reference = batch.lines[position].reference
    if not reference or not plain.unique_references:
        return None
    in_batch = reference in [line.reference for line in batch.lines[:position]]
    if in_batch or (batch.source, reference) in plain.references():
        return No("reference_used")
    return None


def day_is_open(plain: Plain, batch: Batch, position: int) -> No | None:
    is_open = plain.day_of(batch, position) is not None
    return None if is_open else No("business_date_not_open")


def named_accounts_can_stand_in(plain: Plain, batch: Batch, position: int) -> No | None:
    line = batch.lines[position]
    for code in (line.rest, line.suspense):
        if code and code not in plain.accounts:
            return No("terms_account_not_usable")
        if code in (line.debit, line.credit):
            return No("terms_account_not_usable", code)
        if code and plain.accounts[code].currency != plain.accounts[line.debit].currency:
            return No("terms_account_not_usable", code)
    return None


def hold_ends_later(plain: Plain, batch: Batch, position: int) -> No | None:
    line = batch.lines[position]
    ends = line.action == "hold" and line.expires <= plain.now
    return No("hold_expired") if ends else None


def rate_is_kept(plain: Plain, batch: Batch, position: int) -> No | None:
    line = batch.lines[position]
    if line.rate is None:
        return None
    sold = sold_for(plain, batch, position)
    if sold is None:
        return No("rate_differs")
    bought, residue = worth(sold.amount, line.rate)
    if bought >= 2**53:  # No amount is so large.
        return No("rate_differs")
    if bought != line.amount:
        return No("rate_differs", line.debit, bought)
    if residue and not is_for_residue(batch, position + 1):
        return No("residue_differs", sold.credit, residue)
    return None


def residue_is_right(plain: Plain, batch: Batch, position: int) -> No | None:
    line = batch.lines[position]
    if not line.residue:
        return None
    is_next = position and is_for_residue(batch, position)
    sold = sold_for(plain, batch, position - 1) if is_next else None
    if sold is None:
        return No("residue_differs")
    _, residue = worth(sold.amount, batch.lines[position - 1].rate or (1, 1))
    is_right = (line.debit, line.amount) == (sold.credit, residue)
    return None if is_right else No("residue_differs", sold.credit, residue)


def sold_for(plain: Plain, batch: Batch, position: int) -> Line | None:
    """The line that sells for the one with a rate."""
    line = batch.lines[position]
    before = batch.lines[position - 1] if position else None
    if line.rate is None or before is None or before.entry != line.entry:
        return None
    if before.action not in ("", "post") or before.up_to or before.suspense:
        return None
    if before.rate or before.residue:
        return None
    sold = plain.accounts[before.debit].currency
    return before if sold != plain.accounts[line.debit].currency else None


def is_for_residue(batch: Batch, position: int) -> bool:
    """Whether a line is for the residue of the one before it."""
    if position == len(batch.lines):
        return False
    line, before = batch.lines[position], batch.lines[position - 1]
    return line.residue and line.entry == before.entry


def worth(sold: int, rate: tuple[int, int]) -> tuple[int, int]:
    """What an amount buys, and how much less would have bought the same."""
    n, d = rate
    bought = sold * n // d
    least = sold
    while least and (least - 1) * n // d == bought:
        least -= 1 if bought else least
    return bought, sold - least


def hold_is_the_one(plain: Plain, batch: Batch, position: int) -> No | None:
    line = batch.lines[position]
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


def target_can_be_taken_back(plain: Plain, batch: Batch, position: int) -> No | None:
    """What the batch itself recorded is not there yet."""
    line = batch.lines[position]
    if line.action != "reverse":
        return None
    if line.target > plain.recorded:
        return No("target_not_found")
    target = plain.rows[line.target - 1]
    if target.phase != "posted" or target.takes or line.target in plain.suspended():
        return No("target_not_reversible")
    if target.goes_with or target.is_back:
        return No("target_not_reversible")
    if (line.debit, line.credit) != (target.credit, target.debit):
        return No("target_differs")
    left = target.amount - plain.taken(line.target)
    return No("exceeds_target", line.debit, left) if line.amount > left else None


def target_can_be_cleared(plain: Plain, batch: Batch, position: int) -> No | None:
    line = batch.lines[position]
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


RULES: tuple[Rule, ...] = (
    accounts_are_there,
    accounts_differ,
    currencies_are_one,
    reference_is_new,
    day_is_open,
    named_accounts_can_stand_in,
    hold_ends_later,
    rate_is_kept,
    residue_is_right,
    hold_is_the_one,
    target_can_be_taken_back,
    target_can_be_cleared,
)
