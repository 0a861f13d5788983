"""A ledger as a list of lines and a list of rows."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from tests.core.plain.agreements import Agreements
from tests.core.plain.charges import Charges
from tests.core.plain.days import Days
from tests.core.plain.limits import Limits, bounds_in
from tests.core.plain.nouns import (
    NO_BOUND,
    REASONS,
    Batch,
    Leaf,
    No,
    Outcome,
    Row,
    day_here,
)
from tests.core.plain.posting import Posting
from tests.core.plain.schedules import Schedules

Speaker = Callable[[Leaf], Iterator[No]]


class Plain:
    """All that was recorded, and what it amounts to."""

    def __init__(self, now: int, origin: str, *, unique_references: bool) -> None:
        self.now = now
        self.origin = origin
        self.unique_references = unique_references
        self.journal: list[Leaf] = []
        self.lines: defaultdict[str, list[Leaf]] = defaultdict(list)  # The same by kind,
        self.about: defaultdict[str, list[Leaf]] = defaultdict(list)  # and by account.
        self.rows: list[Row] = []
        self.at_work: tuple[int, int] | None = None  # The transfer that is being done.
        self.days = Days(self)
        self.limits = Limits(self)
        self.charges = Charges(self)
        self.agreements = Agreements(self)
        self.schedules = Schedules(self)
        self.speakers: dict[str, Speaker] = {
            "ledger": self.nothing_against,
            "key": self.nothing_against,
            "poster_key": self.against_poster_key,
            "snapshot": self.nothing_against,
            "currency": self.against_currency,
            "account": self.against_account,
            "status": self.against_status,
            "expired": self.against_expiry,
            "limit": self.limits.against_bounds,
            "limit_planned": self.limits.against_plan,
            "limit_unplanned": self.limits.against_unplanning,
            "limit_earned": self.limits.against_earning,
            "payment_limits": self.nothing_against,
            "settings": self.days.against_settings,
            "day_opened": self.days.against_opening,
            "day_closed": self.days.against_closing,
            "period": self.days.against_period,
            "levy": self.charges.against_levy,
            "demurrage": self.charges.against_demurrage,
            "fee": self.charges.against_fee,
            "reserve": self.charges.against_reserve,
            "policy": self.agreements.against_policy,
            "workflow": self.agreements.against_workflow,
            "whitelist": self.agreements.against_whitelist,
            "proposed": self.agreements.against_proposal,
            "decided": self.agreements.against_decision,
            "dispute": self.agreements.against_dispute,
            "dispute_ended": self.agreements.against_ending,
            "dispute_overdue": self.agreements.against_being_late,
            "schedule": self.schedules.against_schedule,
            "occurrence": self.schedules.against_occurrence,
            "holidays": self.schedules.against_holidays,
        }

    # ---- told from the first line

    def story(self) -> Iterator[Leaf | Row]:
        """All that happened, in order: each line, and after a batch's its rows."""
        rows = iter([*self.rows, None])
        row = next(rows)
        for index, line in enumerate(self.journal):
            yield line
            while row is not None and row.leaf == index:
                yield row
                row = next(rows)
        while row is not None:  # Of the batch that is on its way.
            yield row
            row = next(rows)

    @property
    def today(self) -> date:
        """By the ledger's clock."""
        return day_here(self.now)

    @property
    def accounts(self) -> dict[str, Leaf]:
        """The lines of all accounts by their codes, in the order of their numbers."""
        return {line["code"]: line for line in self.lines["account"]}

    @property
    def currencies(self) -> dict[str, Leaf]:
        return {line["code"]: line for line in self.lines["currency"]}

    def currency(self, code: str) -> str:
        return str(self.accounts[code]["currency"])

    def scale(self, code: str) -> int:
        return int(self.currencies[self.currency(code)]["scale"])

    def status(self, code: str) -> str:
        said = [line["status"] for line in self.about[code] if line["line"] == "status"]
        return said[-1] if said else "open"

    def order(self, code: str) -> str:
        """The authority's order that it is under."""
        order = ""
        for line in self.about[code]:
            if line["line"] == "status" and "order" in line:
                order = "" if line["status"] == "open" else line["order"]
        return order

    def balance(self, code: str, after: int | None = None) -> int:
        """Credits minus debits, now or after so many rows."""
        total = 0
        for row in self.rows[:after]:
            if row.moves and row.credit == code:
                total += row.amount
            if row.moves and row.debit == code:
                total -= row.amount
        return total

    def left(self, hold: int) -> int:
        """What remains of a hold."""
        about = [row for row in self.rows if row.hold == hold]
        expired = [n for line in self.lines["expired"] for n in line["holds"]]
        if hold in expired or any(row.is_last for row in about):
            return 0
        return self.rows[hold - 1].amount - sum(row.amount for row in about)

    def holds(self) -> dict[int, Row]:
        """Those of which something remains."""
        held = [row for row in self.rows if row.phase == "held"]
        if not held:
            return {}
        return {row.sequence: row for row in held if self.left(row.sequence) > 0}

    def pending_debits(self, code: str) -> int:
        """What holds and proposals keep back of an account."""
        held = [self.left(n) for n, row in self.holds().items() if row.debit == code]
        kept = [o["amount"] for o in self.agreements.reserved() if o["debit_account"] == code]
        return sum(held) + sum(kept)

    def pending_credits(self, code: str) -> int:
        held = [self.left(n) for n, row in self.holds().items() if row.credit == code]
        kept = [o["amount"] for o in self.agreements.reserved() if o["credit_account"] == code]
        return sum(held) + sum(kept)

    def taken(self, target: int) -> int:
        """What was taken back of a transfer, or cleared."""
        return sum(row.amount for row in self.rows if row.takes == target)

    def levies_on(self, target: int) -> list[Row]:
        return [row for row in self.rows if row.levied_on == target]

    def suspended(self) -> dict[int, int]:
        """What is not cleared of each transfer in suspense."""
        return {
            row.sequence: row.stands_for - self.taken(row.sequence)
            for row in self.rows
            if row.stands_in and row.stands_for > self.taken(row.sequence)
        }

    def stood_in(self, n: int) -> str:
        """The suspense account that took what another refused."""
        row = self.rows[n - 1]
        return row.debit if row.stands_in == "debit" else row.credit

    def poster_keys(self) -> dict[tuple[str, bytes], tuple[int, int | None]]:
        """By poster and key, which leaf registered it, and which revoked it."""
        found: dict[tuple[str, bytes], tuple[int, int | None]] = {}
        for line in self.lines["poster_key"]:
            name = line["poster"], line["public_key"]
            if line["action"] == "register":
                found[name] = line["place"], None
            else:
                found[name] = found[name][0], line["place"]
        return dict(sorted(found.items()))

    def references(self) -> set[tuple[str, str]]:
        return {row.reference for row in self.rows if row.reference is not None}

    # ---- what an account may

    def may_pay(self, code: str) -> bool:
        return self.status(code) in ("open", "frozen_credits")

    def may_be_paid(self, code: str) -> bool:
        return self.status(code) in ("open", "frozen_debits")

    def room_to_pay(self, code: str) -> int:
        """How much it may be debited; never below zero."""
        if not self.may_pay(code):
            return 0
        lower, _, soft = self.limits.bounds(code)
        lower = -NO_BOUND if soft in ("debit", "both") else lower
        return max(0, self.balance(code) - self.pending_debits(code) - lower)

    def beyond_lower(self, code: str) -> int:
        """How far an account that may pay is beyond its lower bound."""
        soft = self.limits.soft(code) in ("debit", "both")
        if soft or not self.may_pay(code):
            return 0
        return max(0, self.limits.lower(code) + self.pending_debits(code) - self.balance(code))

    def room_to_be_paid(self, code: str) -> int:
        """How much it may be credited; never below zero."""
        if not self.may_be_paid(code):
            return 0
        _, upper, soft = self.limits.told(code).bounds
        upper = NO_BOUND if soft in ("credit", "both") else upper
        return max(0, upper - self.pending_credits(code) - self.balance(code))

    def why_never(self, debit: str, credit: str) -> No | None:
        """Why nothing can pass between two accounts, however they stand."""
        if debit not in self.accounts:
            return No("debit_account_not_found")
        if credit not in self.accounts:
            return No("credit_account_not_found")
        if debit == credit:
            return No("accounts_must_differ", credit)
        if self.currency(debit) != self.currency(credit):
            return No("accounts_of_different_currencies", credit)
        return None

    def why_shut(self, debit: str, credit: str) -> No | None:
        if self.status(debit) == "closed":
            return No("debit_account_closed", debit)
        if self.status(credit) == "closed":
            return No("credit_account_closed", credit)
        if not self.may_pay(debit):
            return No("debit_account_frozen", debit)
        if not self.may_be_paid(credit):
            return No("credit_account_frozen", credit)
        return None

    def why_not(
        self,
        debit: str,
        credit: str,
        amount: int,
        *,
        out: int = 0,
        kept_back: Sequence[Leaf] = (),
    ) -> No | None:
        """Why status and bounds keep an amount from moving now.

        `out` is what the debited account pays besides; `kept_back` is held besides.
        """
        shut = self.why_shut(debit, credit)
        if shut:
            return shut
        of = sum(one["amount"] for one in kept_back if one["debit_account"] == debit)
        for_ = sum(one["amount"] for one in kept_back if one["credit_account"] == credit)
        soft = self.limits.soft(debit) in ("debit", "both")
        lower = -NO_BOUND if soft else self.limits.lower(debit)
        room = self.balance(debit) - self.pending_debits(debit) - lower - out - of
        if amount > room:
            return No("exceeds_credit_limit", debit, max(0, room))
        room = self.room_to_be_paid(credit) - for_
        if amount > room:
            return No("exceeds_balance_limit", credit, max(0, room))
        return None

    # ---- what is recorded

    def take(self, line: Leaf) -> No | None:
        """Take a line; or say what speaks against it, the first by the page's order."""
        against = list(self.against(line))
        if against:
            return min(against, key=lambda no: REASONS.index(no.code))
        if line["line"] == "limit_earned" and "rule" not in line:
            self.limits.left_at[len(self.journal)] = self.limits.lower(line["account"])
        self.record(line)
        return None

    def record(self, line: Leaf) -> None:
        """Put a line at the end of the journal, whatever speaks against it."""
        line = {**line, "recorded_at": self.now, "place": len(self.journal)}
        self.journal.append(line)
        self.lines[line["line"]].append(line)
        account = line["code"] if line["line"] == "account" else line.get("account")
        if account:
            self.about[account].append(line)

    def against(self, line: Leaf) -> Iterator[No]:
        """All that is wrong with a line."""
        if line["line"] in CHANGES_OF_ACCOUNTS:
            code = line["account"]
            if code not in self.accounts:
                yield No("account_not_found")
                return
            if self.status(code) == "closed" and line.get("status") != "open":
                yield No("account_closed", code)
        yield from self.speakers[line["line"]](line)

    def nothing_against(self, line: Leaf) -> Iterator[No]:
        return iter(())

    def against_currency(self, line: Leaf) -> Iterator[No]:
        if line["code"] in self.currencies:
            yield No("currency_code_used")

    def against_account(self, line: Leaf) -> Iterator[No]:
        if line["code"] in self.accounts:
            yield No("account_code_used", line["code"])
        if line["currency"] not in self.currencies:
            yield No("currency_not_found")
        lower, upper, _ = bounds_in(line)
        if lower > upper:
            yield No("bounds_crossed")

    def against_status(self, line: Leaf) -> Iterator[No]:
        code = line["account"]
        if self.order(code) and "order" not in line:
            yield No("account_frozen_by_order", code)
        if line["status"] == "closed":
            if self.balance(code) != 0:
                yield No("account_not_at_zero", code)
            if self.pending_debits(code) or self.pending_credits(code):
                yield No("account_has_holds", code)
            if any(code == self.stood_in(n) for n in self.suspended()):
                yield No("account_has_suspense", code)
            waiting = [one.line for one in self.agreements.open().values()]
            if any(code in (line.get("payer"), line.get("payee")) for line in waiting):
                yield No("account_has_proposals", code)
            if code in self.charges.accounts_in_use() + self.schedules.accounts_in_use():
                yield No("account_in_use", code)

    def against_naming(self, *codes: str) -> Iterator[No]:
        """What is wrong with a rule that names these accounts."""
        for code in codes:
            if code not in self.accounts:
                yield No("account_not_found")
            elif self.status(code) == "closed":
                yield No("account_closed", code)

    def against_poster_key(self, line: Leaf) -> Iterator[No]:
        there = self.poster_keys()
        poster, key = line["poster"], line["public_key"]
        if line["action"] == "register" and any(key == other for _, other in there):
            yield No("poster_key_used")
        if line["action"] == "revoke" and there.get((poster, key), (0, 0))[1] is not None:
            yield No("poster_key_not_found")

    def against_expiry(self, line: Leaf) -> Iterator[No]:
        due = self.holds_due()
        if len(set(line["holds"])) < len(line["holds"]) or not set(line["holds"]) <= set(due):
            yield No("holds_not_due")

    def holds_due(self) -> list[int]:
        return [n for n, row in self.holds().items() if row.expires <= self.now]

    def next_due(self) -> int | None:
        """When time next asks for something."""
        moments = [row.expires for row in self.holds().values()]
        moments += [moment for moment, *_ in self.limits.moments()]
        moments += self.agreements.moments()
        return min(moments, default=None)

    # ---- batches

    def post(self, batch: Batch, batch_id: UUID, *, is_trial: bool = False) -> Outcome:
        """Post a batch, and record its leaf; nothing is recorded of what must wait.

        A trial asks nobody, and its rows stay until they are cut.
        """
        ending = self.agreements.ending()
        assert ending is None or ending.line["batch"] == batch_id
        outcome = Posting(self, batch, batch_id, is_trial=is_trial).post()
        if not is_trial:
            self._conclude(batch, batch_id, outcome)
        return outcome

    def _conclude(self, batch: Batch, batch_id: UUID, outcome: Outcome) -> None:
        ending = self.agreements.ending()
        if outcome.is_posted:
            index = len(self.journal)
            rows = [row for row in self.rows if row.leaf == index]
            line: Leaf = {
                "line": "batch",
                "batch": batch_id,
                "key": batch.key,
                "first_sequence": len(self.rows) - len(rows) + 1,
            }
        else:
            (no,) = outcome.refused.values()
            if no.code == "approval_needed" and ending is None:
                return
            line = {"line": "refused", "batch": batch_id, "key": batch.key, "code": no.code}
        if ending is not None:
            line["proposed"] = ending.line["place"]
        self.record(line)

    def put(self, row: Row) -> None:
        self.rows.append(replace(row, sequence=len(self.rows) + 1))


CHANGES_OF_ACCOUNTS = (
    "limit",
    "limit_planned",
    "limit_unplanned",
    "limit_earned",
    "payment_limits",
    "status",
)
