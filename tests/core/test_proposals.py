"""Proposals in the book: what rules match, who may decide, what is kept back meanwhile."""

from collections import Counter
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from ledger.core import proposals
from ledger.core.book import Book, Posted
from ledger.core.faults import JournalBroken
from ledger.core.leaves import (
    AnyLeaf,
    BatchPosted,
    BatchProposed,
    BatchRefused,
    DisputeEnded,
    DisputeOpened,
    DisputeOverdue,
    KeyGrant,
    ProposalDecided,
    Reserved,
)
from ledger.core.lines import Transfer
from ledger.core.model import Role, Status
from ledger.core.moments import SLACK
from ledger.core.proposals import OPEN_TRANSFERS_MAX
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import ApprovalRule, PolicySet, WhitelistSet, Workflow, WorkflowSet
from ledger.core.schedules import SCHEDULER
from tests.core.books import EACH, NOW, TODAY, add, batch, opened, pay, post, set_status
from tests.core.test_demurrage import restored

CASH, ANA, BEN, EVA = 1, 2, 3, 4
END = NOW + 3_600_000_000


@pytest.fixture
def book() -> Book:
    book = opened(currencies=("MXN", "HRS"))
    add(book, "cash", lower=None)
    for code in ("ana", "ben", "eva"):
        add(book, code, upper=100_000)
    add(book, "hour", lower=None, currency="HRS")
    add(book, "hour2", lower=None, currency="HRS")
    assert isinstance(post(book, batch(pay("cash", "ana", "100.00"))), Posted)
    return book


def rule(book: Book, code: str = "rule", **facts: object) -> None:
    asked = ApprovalRule(**{"approvals": 1, "expires_after": 60, **facts})  # type: ignore[arg-type]
    line = PolicySet(recorded_at=NOW, code=code, by="x", reason="board", rule=asked)
    assert book.refuse(line) is None
    book.apply(line)


def proposed(number: int = 1, **facts: object) -> BatchProposed:
    given = {
        "recorded_at": NOW,
        "batch": UUID(int=number),
        "poster": "branch",
        "key": "teller",
        "count": 1,
        "sums": {"MXN": "100"},
        "expires": END,
        "digest": bytes(32),
        "salt": bytes(16),
        "approvals": 1,
        **facts,
    }
    return BatchProposed(**given)  # type: ignore[arg-type]


def decided(decision: str, number: int = 1, at: int = NOW, **facts: str) -> ProposalDecided:
    return ProposalDecided(
        recorded_at=at,
        batch=UUID(int=number),
        decision=decision,  # type: ignore[arg-type]
        **{"by": "boss", **facts},  # type: ignore[arg-type]
    )


def refused(
    number: int = 1,
    code: str = "proposal_declined",
    at: int = NOW,
    proposed: int | UnsetType = UNSET,
) -> BatchRefused:
    return BatchRefused(
        proposed=proposed,
        recorded_at=at,
        batch=UUID(int=number),
        poster="branch",
        business_date=TODAY,
        signed=False,
        code=code,
        digest=bytes(32),
        salt=bytes(16),
    )


def code_of(book: Book, line: AnyLeaf) -> str:
    refusal = book.refuse(line)
    return "" if refusal is None else refusal.code.value


# ---- which transfers must be approved


MATCHES = [
    ({}, "1.00", True),
    ({"amount_from": 1_00}, "1.00", True),
    ({"amount_from": 1_01}, "1.00", False),
    ({"kinds": ["payment"]}, "1.00", True),
    ({"kinds": ["loan"]}, "1.00", False),
    ({"currency": "MXN"}, "1.00", True),
    ({"currency": "HRS"}, "1.00", False),
    ({"accounts": ["be*"]}, "1.00", True),
    ({"accounts": ["ana"]}, "1.00", True),
    ({"accounts": ["an"]}, "1.00", False),
    ({"accounts": ["eva", "c*"]}, "1.00", False),
    ({"accounts": ["*"]}, "1.00", True),
    ({"makers": ["operator"]}, "1.00", True),
    ({"makers": ["poster", "member"]}, "1.00", False),
]


@pytest.mark.parametrize(("facts", "amount", "is_matched"), MATCHES)
def test_which_transfers_a_rule_is_for(
    book: Book, facts: dict[str, object], amount: str, is_matched: bool
) -> None:
    rule(book, **facts)
    before = book.balance[:]
    outcome = post(book, batch(pay("ana", "ben", amount)))
    if is_matched:
        assert isinstance(outcome, Refusal)
        assert outcome.code == "approval_needed"
        assert book.balance == before
    else:
        assert isinstance(outcome, Posted)


def test_one_transfer_that_matches_lets_all_of_its_batch_wait(book: Book) -> None:
    rule(book, amount_from=50_00)
    for mode in ("atomic", "each"):
        asked = batch(pay("ana", "ben", "1.00"), pay("ana", "eva", "50.00"), mode=mode)
        outcome = post(book, asked)
        assert isinstance(outcome, Refusal)
        assert outcome.code == "approval_needed"


def test_what_is_refused_anyway_is_refused_at_once(book: Book) -> None:
    rule(book)
    nobody = pay("ana", "nobody", "1.00")
    outcome = post(book, batch(pay("ana", "ben", "1.00"), nobody))
    assert isinstance(outcome, Refusal)
    assert (outcome.code, outcome.position) == ("credit_account_not_found", 1)
    assert isinstance(post(book, batch(nobody, mode=EACH)), Posted)


def test_a_role_is_that_of_the_key_also_once_it_is_revoked(book: Book) -> None:
    for action, more in (("grant", {"role": Role.POSTER}), ("revoke", {})):
        line = KeyGrant(recorded_at=NOW, action=action, key="teller", by="x", **more)  # type: ignore[arg-type]
        book.apply(line)
        assert book.policies.roles == {"teller": Role.POSTER}
    rule(book, makers=["poster"])
    lines = [Transfer(amount=1, debit_account=ANA, credit_account=BEN, kind="payment")]
    assert book.policies.wanted(lines, [ANA], [BEN], "teller").approvals == 1
    assert book.policies.wanted(lines, [ANA], [BEN], "service").approvals == 0
    assert book.policies.wanted(lines, [ANA], [BEN], "teller", before=0).approvals == 0


def test_what_is_posted_for_a_schedule_is_made_by_who_set_it(book: Book) -> None:
    line = KeyGrant(recorded_at=NOW, action="grant", key="ana", by="x", role=Role.MEMBER)
    book.apply(line)
    rule(book, makers=["member"])
    for setter, approvals in (("ana", 1), ("service", 0)):
        transfer = Transfer(
            amount=1, debit_account=ANA, credit_account=BEN, kind="rent", entered_by=setter
        )
        wanted = book.policies.wanted([transfer], [ANA], [BEN], SCHEDULER)
        assert wanted.approvals == approvals


def test_a_rule_is_not_for_what_was_proposed_before_it(book: Book) -> None:
    lines = [Transfer(amount=1, debit_account=ANA, credit_account=BEN, kind="payment")]
    rule(book)
    since = book.size - 1
    for before, approvals in ((since, 0), (since + 1, 1)):
        wanted = book.policies.wanted(lines, [ANA], [BEN], "teller", before=before)
        assert wanted.approvals == approvals


def test_of_several_rules_the_most_is_asked_in_the_shortest_time(book: Book) -> None:
    rule(book, "one", approvals=2, expires_after=60, hold=True)
    rule(book, "two", approvals=1, expires_after=30)
    lines = [Transfer(amount=1, debit_account=ANA, credit_account=BEN, kind="payment")]
    wanted = book.policies.wanted(lines, [ANA], [BEN], "teller")
    assert (wanted.approvals, wanted.expires_after, wanted.hold) == (2, 30, True)


def test_rules_are_replaced_and_removed(book: Book) -> None:
    rule(book)
    rule(book, amount_from=2_00)
    assert isinstance(post(book, batch(pay("ana", "ben", "1.00"))), Posted)
    end = PolicySet(recorded_at=NOW, code="rule", by="x", reason="board")
    book.apply(end)
    assert isinstance(post(book, batch(pay("ana", "ben", "2.00"))), Posted)
    assert code_of(book, end) == "policy_not_found"


# ---- deciding


def test_who_may_approve(book: Book) -> None:
    book.apply(proposed(approvals=2, made_by=["u-1"]))
    assert code_of(book, decided("approved", by="teller")) == "approver_is_maker"
    assert code_of(book, decided("approved", user="u-1")) == "approver_is_maker"
    assert code_of(book, decided("approved", user="teller")) == "approver_is_maker"
    book.apply(decided("approved", user="u-2"))
    assert code_of(book, decided("approved")) == "approved_already"
    assert code_of(book, decided("approved", by="other", user="u-2")) == "approved_already"
    assert code_of(book, decided("accepted")) == "decision_not_needed"
    assert code_of(book, decided("approved", 9)) == "proposal_not_open"
    book.apply(decided("approved", by="other"))
    assert book.proposals.open == {}


def test_the_last_moment(book: Book) -> None:
    book.apply(proposed())
    assert book.due() == END
    assert book.due_line(END - 1) is None
    over = ProposalDecided(recorded_at=END - 1, batch=UUID(int=1), decision="expired")
    assert code_of(book, over) == "proposal_not_due"
    assert code_of(book, decided("approved", at=END - 1)) == ""
    assert code_of(book, decided("approved", at=END)) == "proposal_not_open"
    assert code_of(book, decided("expired", at=END)) == "proposal_not_due"  # By somebody.
    assert code_of(book, replace(over, decision="declined")) == "decision_not_needed"
    line = book.due_line(END)
    assert line == ProposalDecided(recorded_at=END, batch=UUID(int=1), decision="expired")
    book.apply(line)
    assert book.due() is None


def test_a_batch_follows_its_last_decision_and_nothing_else(book: Book) -> None:
    book.apply(proposed())
    book.apply(proposed(2))
    with pytest.raises(JournalBroken, match="whose proposal is open"):
        book.apply(refused())
    book.apply(decided("declined"))
    first = book.size - 3
    astray = refused(2), refused(code="exceeds_target", proposed=first), refused()
    for line in (decided("declined", 2), *astray, refused(proposed=first + 1)):
        with pytest.raises(JournalBroken):
            book.apply(line)
    book.apply(refused(proposed=first))
    book.apply(decided("declined", 2))
    book.apply(refused(2, proposed=first + 1))
    with pytest.raises(JournalBroken, match="no proposal of its own"):
        book.apply(refused(3, proposed=first))


def test_proposals_that_were_decided_are_not_kept_until_their_end(book: Book) -> None:
    book.apply(proposed(1, expires=END + 1))
    for number in range(2, 300):
        book.apply(proposed(number, expires=END + number))
        book.apply(decided("declined", number))
        book.apply(refused(number, proposed=book.size - 2))
        assert len(book.proposals.dues) <= SLACK + 2 * 2
    assert book.due() == END + 1


def posted(book: Book, number: int = 1, **facts: object) -> BatchPosted:
    """The leaf of the batch that the book posted last."""
    given = {
        "recorded_at": NOW,
        "number": book.batches,
        "batch": UUID(int=number),
        "poster": "branch",
        "key": "teller",
        "business_date": TODAY,
        "count": 1,
        "posted": 1,
        "first_sequence": book.transfers,
        "signed": False,
        "root": bytes(32),
        **facts,
    }
    return BatchPosted(**given)  # type: ignore[arg-type]


def test_what_is_posted_is_what_was_agreed_to(book: Book) -> None:
    """By its poster, and naming its proposal; at replay, whatever the leaf says of itself."""
    book.apply(proposed())
    index = book.size - 1
    book.apply(decided("approved"))
    assert isinstance(post(book, batch(pay("ana", "ben", "1.00"))), Posted)
    right = posted(book, proposed=index)
    for wrong in (
        replace(right, proposed=UNSET),
        replace(right, proposed=index + 1),
        replace(right, poster="other"),
        replace(right, key="other"),
        replace(right, batch=UUID(int=2)),
    ):
        with pytest.raises(JournalBroken):
            book.apply(wrong)
    book.apply(right)
    assert isinstance(post(book, batch(pay("ana", "ben", "1.00"), number=2)), Posted)
    with pytest.raises(JournalBroken, match="no proposal of its own"):
        book.apply(posted(book, 2, proposed=index))


def test_what_was_declined_is_not_posted(book: Book) -> None:
    book.apply(proposed())
    index = book.size - 1
    book.apply(decided("declined"))
    assert isinstance(post(book, batch(pay("ana", "ben", "1.00"))), Posted)
    with pytest.raises(JournalBroken, match="came to nothing"):
        book.apply(posted(book, proposed=index))


def test_nothing_is_put_in_the_place_of_what_was_agreed_to(book: Book) -> None:
    payment = {"workflow": "bill", "accepts": "payer", "payer": ANA, "payee": BEN}
    book.apply(proposed(approvals=0, **payment))
    book.apply(decided("accepted"))
    for others in (
        [pay("ana", "eva", "1.00")],
        [pay("ana", "ben", "1.01")],
        [pay("ana", "ben", "0.50"), pay("ana", "ben", "0.50")],
    ):
        outcome = post(book, batch(*others))
        assert isinstance(outcome, Refusal)
        assert outcome.code == "control_sums_differ"
    assert isinstance(post(book, batch(pay("ana", "ben", "1.00"))), Posted)


@pytest.mark.parametrize("first", ["approved", "accepted"])
def test_what_must_be_approved_and_accepted_needs_both(book: Book, first: str) -> None:
    """In any order, and over a restart in between."""
    payment = {"workflow": "bill", "accepts": "payer", "payer": ANA, "payee": BEN}
    book.apply(proposed(**payment))
    book.apply(decided(first))
    again = restored(book)
    assert list(again.state()) == list(book.state())
    for one in (book, again):
        assert list(one.proposals.open) == [UUID(int=1)]
        assert code_of(one, decided(first)) == "decision_not_needed"
        one.apply(decided("accepted" if first == "approved" else "approved", by="other"))
        assert one.proposals.open == {}


def test_who_approved_is_known_after_a_restart(book: Book) -> None:
    book.apply(proposed(approvals=2))
    book.apply(decided("approved"))
    assert code_of(restored(book), decided("approved")) == "approved_already"


def test_too_few_approvals_post_nothing(book: Book) -> None:
    """Though the proposal asked for no more; unless the rule is newer than the proposal."""
    rule(book, approvals=2)
    book.apply(proposed())
    book.apply(decided("approved"))
    outcome = post(book, batch(pay("ana", "ben", "1.00")))
    assert isinstance(outcome, Refusal)
    assert outcome.code == "approval_needed"
    book.apply(refused(code="approval_needed", proposed=book.size - 2))
    book.apply(proposed())
    rule(book, approvals=2)
    book.apply(decided("approved"))
    assert isinstance(post(book, batch(pay("ana", "ben", "1.00"))), Posted)


def test_what_needs_nothing_cannot_wait(book: Book) -> None:
    assert code_of(book, proposed(approvals=0)) == "decision_not_needed"
    assert code_of(book, proposed(expires=NOW)) == "proposal_expired"
    assert code_of(book, proposed(accepts="payer")) == "decision_not_needed"
    payment = {"approvals": 0, "payer": ANA, "payee": BEN, "accepts": "payer"}
    assert code_of(book, proposed(workflow="bill", **payment)) == ""
    assert code_of(book, proposed(workflow="gift", **payment)) == "workflow_not_found"
    assert code_of(book, proposed(workflow="credit", **payment)) == "workflow_not_possible"
    assert code_of(book, proposed(workflow="bill", count=2, **payment)) == (
        "workflow_not_possible"
    )
    nobody = {**payment, "payee": UNSET}
    assert code_of(book, proposed(workflow="bill", **nobody)) == "workflow_not_possible"
    payment["payee"] = 99
    assert code_of(book, proposed(workflow="bill", **payment)) == "account_not_found"


def test_only_so_many_wait(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "OPEN_MAX", 2)
    book.apply(proposed(1))
    assert code_of(book, proposed(2)) == ""
    book.apply(proposed(2))
    assert code_of(book, proposed(3)) == "proposals_full"


def test_only_so_much_waits(book: Book) -> None:
    book.apply(proposed(1, count=8190))
    book.proposals.transfers = OPEN_TRANSFERS_MAX - 1
    assert code_of(book, proposed(2, count=2)) == "proposals_full"
    assert code_of(book, proposed(2, count=1)) == ""
    assert code_of(book, proposed(1)) == "proposal_pending"


@pytest.mark.parametrize(
    ("facts", "is_possible"),
    [
        ({"starts": "payer", "accepts": "payee", "hold": True}, True),
        ({"starts": "payee", "accepts": "payer", "hold": True}, False),
        ({"starts": "third", "accepts": "payer", "hold": True}, False),
        ({"starts": "payer", "accepts": "payer"}, False),
        ({"starts": "third", "accept_after": 9}, False),
        ({"starts": "third", "hold": True}, False),
        ({"starts": "third", "accepts": "payer", "accept_after": 59}, True),
        ({"starts": "third", "accepts": "payer", "accept_after": 60}, False),
    ],
)
def test_which_workflows_make_sense(
    book: Book, facts: dict[str, object], is_possible: bool
) -> None:
    flow = Workflow(expires_after=60, **facts)  # type: ignore[arg-type]
    line = WorkflowSet(recorded_at=NOW, code="mine", by="x", reason="x", rule=flow)
    assert code_of(book, line) == ("" if is_possible else "workflow_not_possible")


def test_what_is_shipped_can_be_replaced_and_removed(book: Book) -> None:
    def sets(rule: Workflow | None, code: str = "bill") -> WorkflowSet:
        given = {} if rule is None else {"rule": rule}
        return WorkflowSet(recorded_at=NOW, code=code, by="x", reason="x", **given)

    mine = Workflow(starts="third", expires_after=60)
    book.apply(sets(mine))
    assert book.workflows.get("bill") == mine
    book.apply(sets(None))
    assert code_of(book, sets(None)) == "workflow_not_found"
    assert list(restored(book).workflows.all()) == ["credit", "third_party"]
    book.apply(sets(mine))
    assert list(book.workflows.all()) == ["bill", "credit", "third_party"]


def test_by_itself_only_when_it_is_time_or_on_the_whitelist(book: Book) -> None:
    payment = {"workflow": "bill", "accepts": "payer", "payer": ANA, "payee": BEN}
    at = NOW + 1000
    book.apply(proposed(approvals=0, accept_at=at, **payment))
    by_itself = {"by": UNSET}
    early = decided("accepted", at=at - 1, **by_itself)  # type: ignore[arg-type]
    assert code_of(book, early) == "proposal_not_due"
    assert book.due() == at
    assert book.proposals.acceptable(at - 1) == []
    assert book.proposals.acceptable(at) == [UUID(int=1)]
    assert book.proposals.acceptable(END) == []
    assert code_of(book, decided("accepted", at=at, **by_itself)) == ""  # type: ignore[arg-type]
    for pair in ((BEN, ANA), (ANA, EVA)):
        book.apply(
            WhitelistSet(recorded_at=NOW, account=pair[0], partner=pair[1], on=True, by="x")
        )
        assert code_of(book, early) == "proposal_not_due"
    book.apply(WhitelistSet(recorded_at=NOW, account=ANA, partner=BEN, on=True, by="x"))
    assert code_of(book, early) == ""
    itself = WhitelistSet(recorded_at=NOW, account=ANA, partner=ANA, on=True, by="x")
    assert code_of(book, itself) == "accounts_must_differ"


# ---- what is kept back


def held(*rows: tuple[int, int, int]) -> list[Reserved]:
    return [Reserved(debit_account=d, credit_account=c, amount=a) for d, c, a in rows]


def test_what_is_kept_back_counts_until_it_is_decided(book: Book) -> None:
    book.apply(proposed(holds=held((ANA, BEN, 60_00))))
    outcome = post(book, batch(pay("ana", "eva", "40.01"), number=2))
    assert isinstance(outcome, Refusal)
    assert (outcome.code, outcome.available) == ("exceeds_credit_limit", 40_00)
    assert code_of(book, proposed(3, holds=held((ANA, BEN, 40_01)))) == "exceeds_credit_limit"
    both = held((ANA, BEN, 20_00), (ANA, EVA, 20_01))
    assert code_of(book, proposed(3, holds=both)) == "exceeds_credit_limit"
    full = held((CASH, BEN, 940_01))
    assert code_of(book, proposed(3, holds=full)) == "exceeds_balance_limit"
    assert isinstance(post(book, batch(pay("ana", "eva", "40.00"), number=2)), Posted)
    set_status(book, "ben", Status.FROZEN)
    index = book.proposals.open[UUID(int=1)].index
    book.apply(decided("declined"))
    book.apply(refused(proposed=index))
    assert isinstance(post(book, batch(pay("ana", "eva", "60.00"), number=2)), Posted)
    assert book.holds.pending_debits == book.holds.pending_credits == {}


def test_an_account_with_something_kept_back_is_not_closed(book: Book) -> None:
    book.apply(proposed(holds=held((ANA, BEN, 60_00))))
    with pytest.raises(JournalBroken, match="account_has_holds"):
        set_status(book, "ben", Status.CLOSED)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["propose", "approved", "accepted", "declined", "cancelled", "wait"]),
        st.integers(1, 5),
        st.integers(1, 60_00),
        st.sampled_from([(ANA, BEN), (ANA, EVA), (CASH, ANA), (BEN, EVA)]),
    ),
    max_size=40,
)


@given(STEPS)
def test_each_ends_once_and_gives_back_what_it_kept(
    steps: list[tuple[str, int, int, tuple[int, int]]],
) -> None:
    """Against a plain account of what is open; and a snapshot at any time is the same book."""
    book = opened()
    add(book, "cash", lower=None)
    for code in ("ana", "ben", "eva"):
        add(book, code)
    assert isinstance(post(book, batch(pay("cash", "ana", "100.00"))), Posted)
    now, waiting, ended = NOW, dict[int, tuple[int, int, int]](), Counter[int]()
    for what, number, amount, (d, c) in steps:
        line: AnyLeaf | None
        if what == "propose":
            line = proposed(
                number, recorded_at=now, expires=now + 100, holds=held((d, c, amount))
            )
        elif what == "wait":
            now += 50
            line = book.due_line(now)
        else:
            line = decided(what, number, now)
        if line is None or book.refuse(line) is not None:
            continue
        assert what != "propose" or number not in waiting
        there = {b.int: one.index for b, one in book.proposals.open.items()}
        book.apply(line)
        if isinstance(line, BatchProposed):
            waiting[number] = d, c, amount
        elif isinstance(line, ProposalDecided):
            done = line.batch.int
            del waiting[done]
            ended[done] += 1
            reason = "exceeds_credit_limit"
            if line.decision != "approved":
                reason = f"proposal_{line.decision}"
            book.apply(refused(done, reason, now, there[done]))
        for account in (CASH, ANA, BEN, EVA):
            owed = sum(a for debit, _, a in waiting.values() if debit == account)
            assert book.holds.pending_debits.get(account, 0) == owed
            if account != CASH:
                assert book.floor[account] == owed
                assert book.balance[account] >= owed
        assert {batch_id.int for batch_id in book.proposals.open} == waiting.keys()
        assert book.proposals.transfers == len(waiting)
    again = restored(book)
    assert list(again.state()) == list(book.state())
    assert (again.floor, again.ceiling, again.due()) == (book.floor, book.ceiling, book.due())


# ---- disputes


def test_one_dispute_at_a_time(book: Book) -> None:
    def opens(target: int) -> DisputeOpened:
        return DisputeOpened(recorded_at=NOW, target=target, by="x", reason="wrong")

    def ends(target: int, opened: int = 0, **linked: int) -> DisputeEnded:
        return DisputeEnded(
            recorded_at=NOW, target=target, opened=opened, by="x", outcome="upheld", **linked
        )

    assert isinstance(post(book, batch(pay("ana", "ben", "1.00"), number=2)), Posted)
    assert code_of(book, opens(3)) == "target_not_found"
    assert code_of(book, ends(1)) == "dispute_not_open"
    index = book.size
    book.apply(opens(1))
    assert code_of(book, opens(1)) == "dispute_open"
    assert code_of(book, ends(1, index - 1)) == "dispute_not_open"
    assert code_of(book, opens(2)) == ""
    for linked in (1, 3):
        assert code_of(book, ends(1, index, linked=linked)) == "target_not_found"
    assert list(book.disputes.open) == [1]
    book.apply(replace(opens(2), due=TODAY))
    assert list(restored(book).state()) == list(book.state())
    book.apply(ends(1, index, linked=2))
    assert code_of(book, opens(1)) == ""


DAY_US = 86_400_000_000


def test_a_dispute_is_overdue_once_and_after_its_day(book: Book) -> None:
    """After the day in the zone furthest ahead: that of the ledger is for who records."""

    def overdue(target: int, at: int) -> DisputeOverdue:
        return DisputeOverdue(recorded_at=at, target=target)

    due = date(2024, 2, 29)
    begins = (due - date(1970, 1, 1)).days * DAY_US
    assert isinstance(post(book, batch(pay("ana", "ben", "1.00"), number=2)), Posted)
    for target, day in ((1, due), (2, UNSET)):
        line = DisputeOpened(recorded_at=NOW, target=target, by="x", reason="wrong", due=day)
        book.apply(line)
    assert book.disputes.dues.first() == (due.toordinal(), 1)
    assert code_of(book, overdue(1, begins - 1)) == "dispute_not_due"
    assert code_of(book, overdue(2, begins)) == "dispute_not_due"
    assert code_of(book, overdue(3, begins)) == "dispute_not_open"
    assert book.disputes.overdue == 0
    book.apply(overdue(1, begins))
    assert (book.disputes.open[1].overdue, book.disputes.overdue) == (begins, 1)
    assert code_of(book, overdue(1, begins + 1)) == "dispute_not_due"
    assert book.disputes.dues.first() is None
    copy = restored(book)
    assert copy.disputes.open == book.disputes.open
    assert list(copy.state()) == list(book.state())
