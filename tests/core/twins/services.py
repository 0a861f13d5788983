"""What stands beside a ledger and posts for it: attempts of schedules, runs, closing accounts.

Each compares what core says of it with what the model tells, and then does it on both.
"""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from msgspec import UNSET

from ledger.core.asked import AskedAct, AskedChange
from ledger.core.changes import Closing, as_batch, close_account
from ledger.core.demurrage import charged_by
from ledger.core.fees import period_of
from ledger.core.model import Status
from ledger.core.refusals import Refusal
from ledger.core.scheduling import agenda
from ledger.core.scheduling import batch_of as attempt_of
from tests.core.plain.nouns import AMOUNT_MAX, REASONS, SECOND, ZONE, Batch, Line
from tests.core.twins.pair import Twins
from tests.core.twins.words import asked_batch

BEFORE_DEBT = [code for code in REASONS if code != "account_in_debt"] + ["account_in_debt"]


def attempt(twins: Twins, most: int) -> None:
    """Make some attempts of schedules that are due, or say what became of their dates."""
    plain = twins.plain
    for _ in range(most):
        due, found = plain.schedules.due(), agenda(twins.book, plain.now, ZONE, most=100)
        # It is cut where a schedule in it has its next date, so it may be shorter.
        given = [(each.code, each.date, each.standing.attempt) for each in found.due]
        assert given == [(each.code, each.date, each.attempt) for each in due][: len(given)]
        assert bool(given) is bool(due)
        if len(given) == len(due):
            assert found.next == plain.schedules.next_moment()
        if not due:
            return
        one, line = due[0], found.due[0].line
        assert (line.outcome if line else "") == one.outcome
        batch_id = plain.schedules.id_of(one.code, plain.schedules.told()[one.code])
        assert batch_id is not None
        spent = [line for line in plain.journal if line.get("batch") == batch_id]
        if one.outcome or spent:
            say_occurrence(twins, one.code, one.outcome or "id_used")
            continue
        batch = plain.schedules.batch_of(one.code)
        assert attempt_of(twins.book, found.due[0]) == asked_batch(plain, batch, batch_id)
        workflow = plain.schedules.told()[one.code].rule.get("workflow", "")
        if not workflow:
            twins.post(batch, batch_id)
        elif not pay_by(twins, batch, workflow, batch_id) and twins.last_no:
            twins.refuse(batch, batch_id, twins.last_no)


def pay_by(twins: Twins, batch: Batch, code: str, batch_id: UUID, **astray: Any) -> bool:
    """Start a payment by a workflow: it waits for whom that or a rule of approval names.

    What its party accepts at once is posted. `astray` is otherwise in its line.
    """
    plain, line = twins.plain, batch.lines[0]
    rule = plain.agreements.workflow(code) or {"expires_after": 60, "accepts": "payee"}
    wanted = plain.agreements.wanted(batch, len(plain.journal))
    facts: dict[str, Any] = {"workflow": code, "payer": line.debit, "payee": line.credit}
    seconds, holds = rule["expires_after"], rule.get("hold", False)
    if "accepts" in rule:
        facts["accepts"] = rule["accepts"]
    if "accept_after" in rule:
        facts["accept_at"] = plain.now + rule["accept_after"] * SECOND
    if wanted is not None:
        facts["approvals"] = wanted.approvals
        seconds, holds = min(seconds, wanted.expires_after), holds or wanted.hold
    if not (facts | astray).keys() & {"accepts", "approvals"}:
        return twins.post(batch, batch_id)
    if holds:
        facts["holds"] = twins.kept_back(batch)
    if not twins.propose(batch, batch_id, seconds=seconds, **facts | astray):
        return False
    proposed = plain.journal[-1]
    if "accepts" in proposed and plain.agreements.is_whitelisted(proposed):
        twins.tell(line="decided", batch=batch_id, decision="accepted", reason="whitelist")
        twins.end()
    return True


def say_occurrence(twins: Twins, code: str, outcome: str, **facts: Any) -> bool:
    one = twins.plain.schedules.told()[code]
    line = {
        "line": "occurrence",
        "code": code,
        "schedule": one.leaf,
        "date": one.date,
        "attempt": one.attempt,
        "outcome": outcome,
    }
    return twins.tell(**line | facts)


def run_demurrage(twins: Twins, currency: str) -> None:
    """Charge what is owed of all accounts, as much as each can pay."""
    plain, charges = twins.plain, twins.plain.charges
    collecting, yesterday = charges.collecting(currency), plain.today - timedelta(days=1)
    dues = charges.dues(currency, yesterday)
    theirs = twins.book.demurrages.dues(currency, yesterday)
    assert [(due.last, due.rule.n, due.rule.d) for due in theirs] == [
        (last, rule["n"], rule["d"]) for last, rule in dues
    ]
    lines = []
    for code in plain.accounts:
        if plain.currency(code) != currency or code == collecting:
            continue
        at = [charges.balance_at(code, last, collecting) for last, _ in dues]
        assert charged_by(at, theirs) == charges.charged(code, currency, yesterday)
        owed = charges.owed(code, currency, yesterday)
        if owed > 0:
            lines.append(Line(code, collecting, owed, kind="demurrage", up_to="debit"))
    if lines:
        twins.met["run of demurrage"] += 1
        twins.post(Batch(lines, mode="each", source="demurrage"))


def run_fee(twins: Twins, code: str, last: date) -> None:
    """Charge a fee for the period that ends on a day, if it does and is for it."""
    plain, rule = twins.plain, twins.book.fees.rules[code]
    fee = plain.charges.fees()[code]
    period = plain.charges.fee_period(fee, last)
    span = period_of(rule, last)
    assert (span and (span.first, span.last)) == period
    if period is None or period[0] > plain.today:
        return
    source = f"fee:{code}:{last}"
    paid = [row.amount for row in plain.rows if row.source == source]
    lines = [
        Line(payer, fee["treasury"], fee["amount"], kind="fee", up_to="debit")
        for payer, line in plain.accounts.items()
        if line["currency"] == fee["currency"] and line["kind"] in fee["kinds"]
        if payer != fee["treasury"] and plain.status(payer) != "closed"
    ]
    if lines and not paid:
        twins.met["run of a fee"] += 1
        twins.post(Batch(lines, mode="each", source=source))


def leave(twins: Twins, code: str, to: str, *, has_act: bool) -> None:
    """Close an account that is not closed, its balance moved to another first."""
    plain, balance = twins.plain, twins.plain.balance(code)
    if abs(balance) > AMOUNT_MAX:  # No transfer moves so much.
        return
    act = AskedAct(number="A-1", date=date(2023, 11, 2), hash="0" * 64)
    asked = AskedChange(
        reason="leaves",
        status=Status.CLOSED,
        remaining_to=to,
        act=act if has_act else UNSET,
    )
    found = close_account(twins.book, code, asked, recorded_at=plain.now, by="op")
    line = {"line": "status", "account": code, "status": "closed", "reason": "leaves"}
    against = [no.code for no in plain.against(line)]
    own, other = plain.accounts[code], plain.accounts[to]
    is_alike = own["nature"] == other["nature"] == "debit" and own["kind"] == other["kind"]
    is_fine = is_alike or (other["kind"] == "loss" and has_act)
    if balance:  # The rest is asked when that has moved.
        against = [c for c in against if c in ("account_frozen_by_order", "account_has_holds")]
        against += ["account_in_debt"] if balance < 0 and not is_fine else []
    # A debt is the last to be looked at.
    expected = min(against, key=BEFORE_DEBT.index, default="")
    assert (found.code.value if isinstance(found, Refusal) else "") == expected
    if expected:
        twins.met[expected] += 1
        return
    if balance:
        assert isinstance(found, Closing)
        (transfer,) = as_batch(found, bytes(16)).transfers
        sides = (code, to) if balance > 0 else (to, code)
        assert (transfer.debit_account, transfer.credit_account) == sides
        if not twins.post(Batch([Line(*sides, abs(balance), kind="closing")])):
            return
    twins.tell(**line, by="op")
