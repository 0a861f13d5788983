"""What becomes of a batch that is new: it is posted, or refused, or offered to others first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.auditor.asked import WAITS, asked_of, misnamed, refusal_of
from tests.simulation.auditor.books import Books
from tests.simulation.auditor.policies import needs_of, workflow_of
from tests.simulation.auditor.rules import keep_more, refuse_accounts
from tests.simulation.auditor.state import Draft, Moment, Place, Wanted, Why

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.written import AnyBatch

PAIRS_MAX = 100  # Of accounts between which one keeps something back.
SECOND_US = 1_000_000


@dataclass(frozen=True)
class Offer:
    """What others are asked for, for how many seconds, and what is kept back meanwhile."""

    approvals: int
    seconds: int
    holds: Sequence[dict[str, int]]
    accepts: str = ""
    accept_after: int | None = None

    def fields(self, now: int) -> dict[str, Any]:
        """What of a proposal's line says so."""
        fields: dict[str, Any] = {"expires": now + self.seconds * SECOND_US}
        if self.approvals:
            fields["approvals"] = self.approvals
        if self.accepts:
            fields["accepts"] = self.accepts
        if self.accept_after is not None:
            fields["accept_at"] = now + self.accept_after * SECOND_US
        if self.holds:
            fields["holds"] = self.holds
        return fields


def offer_of(books: Books, asked: "AnyBatch", size: int, key: str, workflow: str) -> Offer:
    """What a batch is offered for that must wait, after `size` leaves."""
    wanted = asked_of(books, asked, size).wanted
    needs = needs_of(books, wanted, key, size)
    rule = (workflow_of(books, workflow, size) if workflow else None) or {}
    ends = {needs.seconds, rule.get("expires_after")} - {None}
    is_held = needs.hold or rule.get("hold", False)
    is_held = is_held and rule.get("accepts") != "payer"  # Who did not say yet that it pays.
    return Offer(
        approvals=needs.approvals,
        seconds=min(end for end in ends if end is not None),
        holds=_holds(books, wanted, size) if is_held else [],
        accepts=rule.get("accepts", ""),
        accept_after=rule.get("accept_after"),
    )


def _holds(books: Books, wanted: Sequence[Wanted], size: int) -> list[dict[str, int]]:
    """What is kept back of what is simply posted and could ever be, by pairs of accounts."""
    sums: dict[tuple[int, int], int] = {}
    for one in wanted:
        is_possible = refuse_accounts(0, one, lambda number: books.at(number, size)) is None
        if is_possible and not one.terms:
            sums[one.debit, one.credit] = sums.get((one.debit, one.credit), 0) + one.amount
    holds = [
        {"amount": amount, "credit_account": credit, "debit_account": debit}
        for (debit, credit), amount in sorted(sums.items())
    ]
    return holds if len(holds) <= PAIRS_MAX else []


def why_new(
    books: Books, asked: "AnyBatch", moment: Moment, size: int, key: str, workflow: str
) -> Why | None:
    """Why a batch that is new is refused; WAITS where others must agree first."""
    rule = workflow_of(books, workflow, size) if workflow else None
    if rule is None or "accepts" not in rule:
        why = refusal_of(books, asked, moment, size, key=key)
    else:
        first = asked_of(books, asked, size).wanted[0]
        why = misnamed(books, asked, size)
        why = why or refuse_accounts(0, first, lambda number: books.at(number, size)) or WAITS
    if why != WAITS:
        return why
    if rule is not None:  # A payment names its accounts as long as it waits.
        one = asked_of(books, asked, size).wanted[0]
        for side, number in (("debit", one.debit), ("credit", one.credit)):
            if books.is_closed(number, size):
                return Why(None, f"{side}_account_closed", number)
    return _why_not_kept(books, offer_of(books, asked, size, key, workflow), size) or WAITS


def _why_not_kept(books: Books, offer: Offer, size: int) -> Why | None:
    """Why what an offer keeps back is not there."""
    draft = Draft(books.shelf, size, size)
    for one in offer.holds:
        debit, credit, amount = one["debit_account"], one["credit_account"], one["amount"]
        payer, payee = draft.place(debit), draft.place(credit)
        assert payer is not None
        assert payee is not None
        why = why_not(payer, payee, amount)
        if why is not None:
            return why
        keep_more(draft, debit, credit, amount)
    return None


def why_not(payer: Place, payee: Place, amount: int) -> Why | None:
    """Why an amount cannot pass between two accounts: their status, or their bounds."""
    for is_shut, code, place in (
        (payer.status == "closed", "debit_account_closed", payer),
        (payee.status == "closed", "credit_account_closed", payee),
        (not payer.may_pay, "debit_account_frozen", payer),
        (not payee.may_be_paid, "credit_account_frozen", payee),
    ):
        if is_shut:
            return Why(None, code, place.number)
    if payer.floor is not None and payer.balance - amount < payer.floor:
        has = max(0, payer.balance - payer.floor)
        return Why(None, "exceeds_credit_limit", payer.number, has)
    if payee.ceiling is not None and payee.balance + amount > payee.ceiling:
        room = max(0, payee.ceiling - payee.balance)
        return Why(None, "exceeds_balance_limit", payee.number, room)
    return None
