"""Proposals as the writer keeps them: decided once, in one group with their batch, in time."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.answered import (
    ProposalReceipt,
    ProposalView,
    Receipt,
    RefusedReceipt,
    WouldWait,
)
from ledger.core.asked import (
    AskedChange,
    AskedDecision,
    AskedKey,
    AskedPolicy,
    AskedWorkflow,
    Caller,
)
from ledger.core.book import Book, Posted
from ledger.core.faults import JournalBroken, OutcomeUnknown, StoreUnavailable
from ledger.core.leaves import (
    AnyLeaf,
    BatchPosted,
    BatchProposed,
    BatchRefused,
    ProposalDecided,
    Reserved,
)
from ledger.core.model import Account, Role, Status
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import ApprovalRule, Workflow
from ledger.journal.batches import read_body
from ledger.journal.canonical import decode_leaf
from ledger.journal.replay import replay
from ledger.journal.snapshots import chunks_of
from ledger.memory.store import MemoryStore
from ledger.sequencer import writer as writer_module
from ledger.sequencer.desk import Sequencer
from tests.sequencer.houses import OPERATOR, House, balance, batch, furnish, pay
from tests.sequencer.test_writer import until

TELLER = Caller(key="teller", role=Role.POSTER, poster="branch")
BOSS = Caller(key="boss", role=Role.APPROVER)
OTHER = Caller(key="other", role=Role.APPROVER)
HOUR = 3600
SECOND = 1_000_000
RULE = ApprovalRule(approvals=1, expires_after=HOUR, amount_from=1_000_00, hold=True)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "notary")


async def ruled(desk: Sequencer, rule: ApprovalRule = RULE) -> None:
    """A caja where ana has 5,000.00 and what is large must be approved."""
    await furnish(desk)
    for caller in (TELLER, BOSS, OTHER):
        await desk.record_key("caja", caller.key, AskedKey(role=caller.role), OPERATOR)
    await desk.post("caja", batch(1, pay("cash", "ana", "5000.00")), OPERATOR)
    asked = AskedPolicy(reason="board", rule=rule)
    assert await desk.set_policy("caja", "large", asked, OPERATOR) is None


LARGE = batch(10, pay("ana", "eva", "1000.00", description="rent", entered_by="u-1"))


def say(decision: str, number: int = 10, **more: str) -> AskedDecision:
    return AskedDecision(batch=UUID(int=number), decision=decision, **more)  # type: ignore[arg-type]


def leaves(house: House) -> Sequence[AnyLeaf]:
    return [decode_leaf(line) for line in house.database.ledgers[1].lines]


def snapshot_of(book: Book) -> list[bytes]:
    return [chunk.data for chunk in chunks_of(book)]


async def available(desk: Sequencer, code: str) -> int:
    def look(book: Book) -> int:
        number = book.numbers[code]
        return book.balance[number] - book.floor[number]

    return await desk.read("caja", look)


async def test_a_large_batch_waits_and_is_posted_when_approved(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        small = await desk.post("caja", batch(2, pay("ana", "eva", "999.99")), TELLER)
        assert isinstance(small, Receipt)
        first = await desk.post("caja", LARGE, TELLER)
        assert isinstance(first, ProposalReceipt)
        assert first.leaf.sums == {"MXN": "100000"}
        assert first.leaf.made_by == ["u-1"]
        assert await balance(desk, "eva") == 999_99
        assert await available(desk, "ana") == 4000_01 - 1000_00
        again = await desk.post("caja", LARGE, TELLER)
        assert again == ProposalReceipt(
            leaf_index=first.leaf_index, leaf=first.leaf, replayed=True
        )
        assert len(house.database.ledgers[1].proposals) == 1
        done = await desk.decide("caja", say("approved", user="u-2"), BOSS)
        assert isinstance(done, Receipt)
        assert await available(desk, "ana") == 4000_01 - 1000_00
        assert await balance(desk, "eva") == 1999_99
        receipt = await desk.post("caja", LARGE, TELLER)
        assert isinstance(receipt, Receipt)
        assert receipt.replayed
        assert receipt.leaf == done.leaf
        other = batch(10, pay("ana", "eva", "1000.00", entered_by="u-9"))
        refusal = await desk.post("caja", other, TELLER)
        assert refusal == Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH)
    proposed, decided, posted = leaves(house)[-3:]
    assert isinstance(proposed, BatchProposed)
    assert isinstance(decided, ProposalDecided)
    assert isinstance(posted, BatchPosted)
    assert posted.proposed == first.leaf_index
    assert (posted.key, posted.poster) == ("teller", "branch")
    _, (line,) = read_body(house.database.ledgers[1].posted[-1].body)
    assert line.approved_by == "u-2"
    assert house.database.ledgers[1].proposals == {}
    assert house.book().proposals.open == {}


async def test_what_is_kept_back_may_be_more_than_a_line_can_say_at_once(house: House) -> None:
    """Three of the largest amounts there are, between the same two accounts."""
    most = "90071992547409.91"
    async with house.serving() as desk:
        await ruled(desk)
        asked = batch(10, *(pay("cash", "ana", most) for _ in range(3)))
        waits = await desk.post("caja", asked, TELLER)
        assert isinstance(waits, ProposalReceipt)
        held = 3 * (2**53 - 1)
        assert sum(one.amount for one in waits.leaf.holds or ()) == held
        assert house.book().holds.pending_debits[1] == held
        assert decode_leaf(house.database.ledgers[1].lines[-1]) == waits.leaf
        assert isinstance(await desk.decide("caja", say("approved"), BOSS), Receipt)
        assert house.book().holds.pending_debits == {}


async def test_who_the_request_names_as_approver_stays(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        rows = [pay("ana", "eva", "1000.00", approved_by="u-9"), pay("ana", "eva", "1.00")]
        asked = batch(10, *rows)
        await desk.post("caja", asked, TELLER)
        assert isinstance(await desk.decide("caja", say("approved"), BOSS), Receipt)
        again = await desk.post("caja", asked, TELLER)
        assert isinstance(again, Receipt)
        assert again.replayed
        other = batch(10, pay("ana", "eva", "1000.00", approved_by="boss"), rows[1])
        assert isinstance(await desk.post("caja", other, TELLER), Refusal)
    _, lines = read_body(house.database.ledgers[1].posted[-1].body)
    assert [line.approved_by for line in lines] == ["u-9", "boss"]


async def test_the_maker_never_approves(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        await desk.post("caja", LARGE, BOSS)
        for caller, user in ((BOSS, "u-7"), (OTHER, "u-1")):
            refusal = await desk.decide("caja", say("approved", user=user), caller)
            assert refusal == Refusal(code=RefusalCode.APPROVER_IS_MAKER)
        assert isinstance(await desk.decide("caja", say("approved"), OTHER), Receipt)


async def test_two_must_approve_and_each_counts_once(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk, ApprovalRule(approvals=2, expires_after=HOUR))
        await desk.post("caja", LARGE, TELLER)
        view = await desk.decide("caja", say("approved"), BOSS)
        assert isinstance(view, ProposalView)
        assert view.proposal.approvals_left == 1
        again = await desk.decide("caja", say("approved"), BOSS)
        assert again == Refusal(code=RefusalCode.APPROVED_ALREADY)
        assert isinstance(await desk.decide("caja", say("approved"), OTHER), Receipt)


async def test_two_at_once_decide_once(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        await desk.post("caja", LARGE, TELLER)
        outcomes = await asyncio.gather(
            desk.decide("caja", say("approved"), BOSS),
            desk.decide("caja", say("approved"), OTHER),
            desk.decide("caja", say("cancelled"), TELLER),
            desk.decide("caja", say("declined"), BOSS),
        )
        assert sum(isinstance(o, Receipt) for o in outcomes) == 1
        assert outcomes[1:] == [Refusal(code=RefusalCode.PROPOSAL_NOT_OPEN)] * 3
        assert await balance(desk, "eva") == 1000_00


async def test_who_was_replaced_shows_no_receipt_that_it_cannot_prove(house: House) -> None:
    """Said again to the old writer, which knows no proposal and has signed no such leaf."""
    async with house.serving() as old:
        await ruled(old)
        async with house.serving(owner="second") as new:
            await new.post("caja", LARGE, TELLER)
            assert isinstance(await new.decide("caja", say("approved"), BOSS), Receipt)
            with pytest.raises(StoreUnavailable):
                await old.decide("caja", say("approved"), BOSS)


@pytest.mark.parametrize("decision", ["approved", "declined"])
@pytest.mark.parametrize("is_committing", [False, True])
async def test_sent_again_while_it_is_decided(
    house: House, decision: str, is_committing: bool
) -> None:
    """Nothing in the database says yet that its id is spent, and nothing waits any more."""
    committing = asyncio.Event()

    async def hesitate(_: int) -> None:
        committing.set()
        await asyncio.sleep(0)

    store = MemoryStore(house.database, before_commit=hesitate)
    async with house.serving(store) as desk:
        await ruled(desk)
        await desk.post("caja", LARGE, TELLER)
        committing.clear()
        said = asyncio.create_task(desk.decide("caja", say(decision), BOSS))
        if is_committing:
            await committing.wait()
        other = batch(10, pay("ana", "eva", "1.00"))
        again, another = await asyncio.gather(
            desk.post("caja", LARGE, TELLER), desk.post("caja", other, TELLER)
        )
        ended = await said
        assert isinstance(ended, Receipt | RefusedReceipt)
        assert isinstance(again, Receipt | RefusedReceipt)
        assert again.replayed
        assert (again.leaf_index, again.leaf) == (ended.leaf_index, ended.leaf)
        assert another == Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH)
        assert desk.writer("caja").stopped is None
    assert sum(isinstance(leaf, BatchProposed) for leaf in leaves(house)) == 1


async def test_sent_again_while_its_end_is_signed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the database then; nobody takes it for another writer's, and reads all anew."""
    async with house.serving() as desk:
        await ruled(desk)
        await desk.post("caja", LARGE, TELLER)
        writer, epoch = desk.writer("caja"), house.database.ledgers[1].head.epoch
        sign, signing, go = writer.signed.sign, asyncio.Event(), asyncio.Event()

        async def slowly(*args: Any) -> None:
            signing.set()
            await go.wait()
            await sign(*args)

        monkeypatch.setattr(writer.signed, "sign", slowly)
        monkeypatch.setattr(writer_module, "AHEAD_MIN", 0)  # Or it waits for the commit.
        said = asyncio.create_task(desk.decide("caja", say("approved"), BOSS))
        await signing.wait()
        again = asyncio.create_task(desk.post("caja", LARGE, TELLER))
        await until(lambda: writer.decider.open.answers != [])
        assert not again.done()
        go.set()
        receipt, first = await again, await said
        assert isinstance(receipt, Receipt)
        assert isinstance(first, Receipt)
        assert (receipt.leaf, receipt.replayed) == (first.leaf, True)
        assert house.database.ledgers[1].head.epoch == epoch


@pytest.mark.parametrize("decision", ["declined", "cancelled"])
async def test_what_comes_to_nothing_spends_its_id(house: House, decision: str) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        await desk.post("caja", LARGE, TELLER)
        ended = await desk.decide("caja", say(decision, reason="error"), BOSS)
        assert isinstance(ended, RefusedReceipt)
        assert ended.leaf.code == f"proposal_{decision}"
        assert await available(desk, "ana") == 5000_00
        again = await desk.post("caja", LARGE, TELLER)
        assert again == RefusedReceipt(
            leaf_index=ended.leaf_index, leaf=ended.leaf, replayed=True
        )
    assert house.database.ledgers[1].proposals == {}


async def test_until_the_last_moment_and_not_after(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        first = await desk.post("caja", LARGE, TELLER)
        assert isinstance(first, ProposalReceipt)
        house.now = first.leaf.expires - 20
        assert isinstance(await desk.decide("caja", say("approved"), BOSS), Receipt)
        late = await desk.post("caja", batch(11, pay("ana", "eva", "2000.00")), TELLER)
        assert isinstance(late, ProposalReceipt)
        house.now = late.leaf.expires - 1
        refusal = await desk.decide("caja", say("approved", 11), BOSS)
        assert refusal == Refusal(code=RefusalCode.PROPOSAL_NOT_OPEN)
        assert await available(desk, "ana") == 4000_00
    decided, refused = leaves(house)[-2:]
    assert isinstance(decided, ProposalDecided)
    assert (decided.decision, decided.by) == ("expired", UNSET)
    assert isinstance(refused, BatchRefused)
    assert refused.code == "proposal_expired"


async def test_it_expires_though_nobody_asks(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk, ApprovalRule(approvals=1, expires_after=1))
        await desk.post("caja", LARGE, TELLER)
        house.now += SECOND
        await until(lambda: isinstance(leaves(house)[-1], BatchRefused))


async def test_several_expire_at_once(house: House) -> None:
    """What became of the first takes time; the second must not be recorded before it."""
    async with house.serving() as desk:
        await ruled(desk, ApprovalRule(approvals=1, expires_after=1))
        for number in (10, 11, 12):
            waits = await desk.post(
                "caja", batch(number, pay("ana", "eva", f"{number}.00")), TELLER
            )
            assert isinstance(waits, ProposalReceipt)
        house.now += SECOND
        assert await desk.proposals("caja") == []
    decided = [leaf for leaf in leaves(house) if isinstance(leaf, ProposalDecided)]
    assert [leaf.batch.int for leaf in decided] == [10, 11, 12]


async def test_the_same_under_another_id_does_not_wait_twice(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        await desk.post("caja", LARGE, TELLER)
        twin = batch(11, *LARGE.transfers)
        assert await desk.post("caja", twin, TELLER) == Refusal(
            code=RefusalCode.PROPOSAL_PENDING
        )
        named = pay("ana", "eva", "1001.00", reference="F-1")
        assert isinstance(await desk.post("caja", batch(12, named), TELLER), ProposalReceipt)
        other = pay("ana", "eva", "1002.00", reference="F-1")
        assert await desk.post("caja", batch(13, other), TELLER) == Refusal(
            code=RefusalCode.PROPOSAL_PENDING
        )
        from_elsewhere = await desk.post("caja", batch(14, other, source="app"), TELLER)
        assert isinstance(from_elsewhere, ProposalReceipt)
        assert isinstance(await desk.decide("caja", say("declined"), BOSS), RefusedReceipt)
        assert isinstance(await desk.post("caja", twin, TELLER), ProposalReceipt)


async def test_what_is_kept_back_must_be_there(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        asked = batch(11, pay("ana", "eva", "5000.01"))
        refused = await desk.post("caja", asked, TELLER)
        assert isinstance(refused, RefusedReceipt)
        assert (refused.leaf.code, refused.leaf.available) == ("exceeds_credit_limit", "500000")
        assert house.database.ledgers[1].proposals == {}
        # Who was told so and gave up is not surprised by a late duplicate.
        await desk.post("caja", batch(12, pay("cash", "ana", "900.00")), TELLER)
        assert await desk.post("caja", asked, TELLER) == replace(refused, replayed=True)


async def test_what_can_never_be_is_not_kept_back(house: House) -> None:
    """Alone in its batch it is refused at once; in an `each` batch it waits with the others."""
    async with house.serving() as desk:
        await ruled(desk)
        asked = batch(11, pay("ana", "eva", "1000.00"), pay("ana", "ana", "7.00"), mode="each")
        waits = await desk.post("caja", asked, TELLER)
        assert isinstance(waits, ProposalReceipt)
        assert waits.leaf.holds == [Reserved(amount=1000_00, credit_account=4, debit_account=2)]
        ended = await desk.decide("caja", say("approved", 11), BOSS)
        assert isinstance(ended, Receipt)
        assert [refusal.code for refusal in ended.posted.refused] == ["accounts_must_differ"]


async def test_an_approved_batch_may_still_be_refused(house: House) -> None:
    """For what can never be: meanwhile an account was closed."""
    async with house.serving() as desk:
        await ruled(desk, ApprovalRule(approvals=1, expires_after=HOUR, amount_from=1_000_00))
        await desk.post("caja", batch(10, pay("ana", "ben", "1000.00")), TELLER)
        closing = AskedChange(status=Status.CLOSED, reason="moved")
        assert isinstance(await desk.change_account("caja", "ben", closing, OPERATOR), Account)
        ended = await desk.decide("caja", say("approved"), BOSS)
        assert isinstance(ended, RefusedReceipt)
        assert ended.leaf.code == "credit_account_closed"
        again = await desk.post("caja", batch(10, pay("ana", "ben", "1000.00")), TELLER)
        assert isinstance(again, RefusedReceipt)
        assert again.replayed
    assert house.book().proposals.open == {}


async def test_a_last_word_at_a_bad_moment_may_be_said_again(house: House) -> None:
    """What is short or frozen now may be otherwise later: nothing is recorded, and it waits."""
    async with house.serving() as desk:
        rule = ApprovalRule(approvals=2, expires_after=HOUR, amount_from=1_000_00)
        await ruled(desk, rule)
        await desk.post("caja", batch(10, pay("ana", "ben", "1000.00")), TELLER)
        # The first of two is taken: when the batch will be posted, nobody knows.
        assert isinstance(await desk.decide("caja", say("approved"), BOSS), ProposalView)
        size = house.database.ledgers[1].head.size
        full = await desk.decide("caja", say("approved"), OTHER)
        assert isinstance(full, Refusal)
        assert full.code == "exceeds_balance_limit"
        waits = await desk.proposal("caja", UUID(int=10))
        assert waits is not None
        assert waits.proposal.approvals_left == 1
        assert house.database.ledgers[1].head.size == size
        more = AskedChange(upper_bound="5000.00", reason="assembly")
        assert isinstance(await desk.change_account("caja", "ben", more, OPERATOR), Account)
        frozen = AskedChange(status=Status.FROZEN, reason="review")
        assert isinstance(await desk.change_account("caja", "ana", frozen, OPERATOR), Account)
        shut = await desk.decide("caja", say("approved"), OTHER)
        assert isinstance(shut, Refusal)
        assert shut.code == "debit_account_frozen"
        opened = AskedChange(status=Status.OPEN, reason="review")
        assert isinstance(await desk.change_account("caja", "ana", opened, OPERATOR), Account)
        assert isinstance(await desk.decide("caja", say("approved"), OTHER), Receipt)
        assert await balance(desk, "ben") == 1000_00


async def test_a_payer_who_is_short_accepts_when_there_is_money(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        await desk.pay("caja", batch(20, pay("eva", "ana", "30.00")), "bill", ANA)
        short = await desk.decide("caja", say("accepted", 20), EVA)
        assert isinstance(short, Refusal)
        assert (short.code, short.available) == ("exceeds_credit_limit", 0)
        await desk.post("caja", batch(21, pay("cash", "eva", "30.00")), OPERATOR)
        assert isinstance(await desk.decide("caja", say("accepted", 20), EVA), Receipt)


@pytest.mark.parametrize("is_after", [False, True])
async def test_a_decision_and_its_batch_are_one(house: House, is_after: bool) -> None:
    store = house.store()
    async with house.serving(store) as desk:
        await ruled(desk)
        await desk.post("caja", LARGE, TELLER)
        if is_after:
            store.fail_next_commit(after=OutcomeUnknown("lost"))
        else:
            store.fail_next_commit(before=StoreUnavailable("gone"))
        outcome = await desk.decide("caja", say("approved"), BOSS)
        assert isinstance(outcome, Receipt)
        assert outcome.replayed is is_after
        other = await desk.decide("caja", say("approved"), OTHER)
        assert other == Refusal(code=RefusalCode.PROPOSAL_NOT_OPEN)
        assert await balance(desk, "eva") == 1000_00
    kinds = [type(leaf) for leaf in leaves(house)]
    assert kinds.count(ProposalDecided) == 1
    assert kinds[kinds.index(ProposalDecided) + 1] is BatchPosted


async def test_it_waits_across_a_restart_and_a_snapshot(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        await desk.post("caja", LARGE, TELLER)
        await desk.writer("caja").snapshot_soon()
        live = await desk.read("caja", snapshot_of)
    assert snapshot_of(house.book()) == live
    async with house.serving(owner="second") as desk:
        assert await desk.read("caja", snapshot_of) == live
        assert await available(desk, "ana") == 4000_00
        (view,) = await desk.proposals("caja")
        assert view.asked == LARGE
        assert isinstance(await desk.decide("caja", say("approved"), BOSS), Receipt)
        assert await available(desk, "ana") == 4000_00


async def test_a_dry_run_says_what_posting_would_do(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        would = await desk.post("caja", LARGE, TELLER, dry_run=True)
        assert isinstance(would, WouldWait)
        assert (would.line.approvals, would.line.batch) == (1, LARGE.id)
        assert isinstance(would.outcome, Posted)
        await desk.post("caja", LARGE, TELLER)
        size = house.database.ledgers[1].head.size
        again = await desk.post("caja", LARGE, TELLER, dry_run=True)
        assert isinstance(again, ProposalReceipt)  # It waits already.
        assert again.replayed
        other = replace(LARGE, transfers=[pay("cash", "ana", "9999.99")])
        spent = await desk.post("caja", other, TELLER, dry_run=True)
        assert spent == Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH)
        posted = await desk.decide("caja", say("approved"), BOSS, dry_run=True)
        assert isinstance(posted, Posted)
        await desk.decide("caja", say("declined"), BOSS, dry_run=True)
        no = await desk.decide("caja", say("approved"), TELLER, dry_run=True)
        assert no == Refusal(code=RefusalCode.APPROVER_IS_MAKER)
        assert house.database.ledgers[1].head.size == size


async def test_a_dry_run_knows_what_the_batch_keeps_back_itself(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        await desk.post("caja", batch(10, pay("ana", "eva", "5000.00")), TELLER)
        live = await desk.read("caja", snapshot_of)
        tried = await desk.decide("caja", say("approved"), BOSS, dry_run=True)
        assert isinstance(tried, Posted)
        assert tried.debit_balance == [0]
        assert await desk.read("caja", snapshot_of) == live
        assert await available(desk, "ana") == 0
        done = await desk.decide("caja", say("approved"), BOSS)
        assert isinstance(done, Receipt)
        assert done.posted == tried


# ---- payments by workflows

ANA = Caller(key="k-ana", role=Role.MEMBER, poster="ana", accounts=("ana",))
EVA = Caller(key="k-eva", role=Role.MEMBER, poster="eva", accounts=("eva",))


async def test_a_bill_is_paid_when_the_payer_accepts(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        first = await desk.pay("caja", batch(20, pay("ana", "eva", "10.00")), "bill", EVA)
        assert isinstance(first, ProposalReceipt)
        assert (first.leaf.accepts, first.leaf.payer, first.leaf.payee) == ("payer", 2, 4)
        no = await desk.decide("caja", say("approved", 20), BOSS)
        assert no == Refusal(code=RefusalCode.DECISION_NOT_NEEDED)
        done = await desk.decide("caja", say("accepted", 20), ANA)
        assert isinstance(done, Receipt)
        assert await balance(desk, "eva") == 10_00
        missing = await desk.pay("caja", batch(21, pay("ana", "eva", "10.00")), "gift", EVA)
        assert missing == Refusal(code=RefusalCode.WORKFLOW_NOT_FOUND)
    assert house.book().balance[4] == 10_00


async def test_a_large_bill_is_accepted_and_approved(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        await desk.pay("caja", batch(20, pay("ana", "eva", "1000.00")), "bill", EVA)
        view = await desk.decide("caja", say("accepted", 20), ANA)
        assert isinstance(view, ProposalView)
        assert isinstance(await desk.decide("caja", say("approved", 20), BOSS), Receipt)


async def test_who_is_whitelisted_is_paid_at_once(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        assert await desk.set_whitelist("caja", "ana", "eva", True, ANA) is None
        done = await desk.pay("caja", batch(20, pay("ana", "eva", "10.00")), "bill", EVA)
        assert isinstance(done, Receipt)
        other = await desk.pay("caja", batch(21, pay("ana", "ben", "1.00")), "bill", EVA)
        assert isinstance(other, ProposalReceipt)
        assert await desk.set_whitelist("caja", "ana", "eva", False, ANA) is None
        later = await desk.pay("caja", batch(22, pay("ana", "eva", "1.00")), "bill", EVA)
        assert isinstance(later, ProposalReceipt)
    house.book()


async def test_a_whitelist_accepts_nothing_that_nobody_need_accept(house: House) -> None:
    """A payment that a third party started, and that only must be approved."""
    async with house.serving() as desk:
        await ruled(desk)
        for pair in (("ana", "eva"), ("eva", "ana")):
            assert await desk.set_whitelist("caja", *pair, True, OPERATOR) is None
        asked = batch(20, pay("ana", "eva", "1000.00"))
        waits = await desk.pay("caja", asked, "third_party", TELLER)
        assert isinstance(waits, ProposalReceipt)
        assert isinstance(await desk.decide("caja", say("approved", 20), BOSS), Receipt)


async def test_nobody_need_accept_what_a_third_party_starts(house: House) -> None:
    async with house.serving() as desk:
        await ruled(desk)
        asked = batch(20, pay("ana", "eva", "10.00"))
        assert isinstance(await desk.pay("caja", asked, "third_party", OPERATOR), Receipt)


@pytest.mark.parametrize("restarts", [False, True])
async def test_it_is_accepted_by_itself_after_a_time_and_once(
    house: House, restarts: bool
) -> None:
    rule = Workflow(
        starts="payer", accepts="payee", expires_after=HOUR, accept_after=60, hold=True
    )
    async with house.serving() as desk:
        await ruled(desk)
        asked = AskedWorkflow(reason="assembly", rule=rule)
        assert await desk.set_workflow("caja", "gift", asked, OPERATOR) is None
        first = await desk.pay("caja", batch(20, pay("ana", "eva", "10.00")), "gift", ANA)
        assert isinstance(first, ProposalReceipt)
        assert await available(desk, "ana") == 4990_00
        assert first.leaf.accept_at is not UNSET
        house.now = first.leaf.accept_at - 30
        assert await balance(desk, "eva") == 0
        if not restarts:
            house.now = first.leaf.accept_at
            await desk.read("caja", lambda book: None)
            await until(lambda: isinstance(leaves(house)[-1], BatchPosted))
    house.now = first.leaf.accept_at
    async with house.serving(owner="second") as desk:
        await until(lambda: isinstance(leaves(house)[-1], BatchPosted))
        assert await balance(desk, "eva") == 10_00
        assert await available(desk, "ana") == 4990_00
    decided = [leaf for leaf in leaves(house) if isinstance(leaf, ProposalDecided)]
    assert [(d.decision, d.by, d.reason) for d in decided] == [("accepted", UNSET, "time")]
    house.book()


# ---- replay


async def lines_and_bodies(house: House) -> list[tuple[bytes, bytes | None]]:
    """A journal in which a large batch was proposed, approved and posted, last."""
    async with house.serving() as desk:
        await ruled(desk)
        await desk.post("caja", LARGE, TELLER)
        assert isinstance(await desk.decide("caja", say("approved"), BOSS), Receipt)
    ledger = house.database.ledgers[1]
    at = ledger.batch_at
    return [
        (line, at[index].body if index in at else None)
        for index, line in enumerate(ledger.lines)
    ]


def replayed(journal: Sequence[tuple[bytes, bytes | None]]) -> Book:
    book = Book()
    for line, body in journal:
        replay(book, line, body)
    return book


async def test_replay_holds_a_journal_to_its_approvals(house: House) -> None:
    """Whoever left out the approval, or the proposal, or changed who approved, is found out."""
    *before, proposed, decided, posted = await lines_and_bodies(house)
    replayed([*before, proposed, decided, posted])
    line, body = posted
    no_proposal = line.replace(b'"proposed":%d,' % (len(before)), b"")
    assert no_proposal != line
    wrong = {
        "not approved": [proposed, posted],
        "not proposed": [posted],
        "names none": [proposed, decided, (no_proposal, body)],
        "neither": [(no_proposal, body)],
        "nothing follows": [proposed, decided, proposed],
        "the maker": [proposed, (decided[0].replace(b'"boss"', b'"teller"'), None), posted],
        "declined": [proposed, (decided[0].replace(b"approved", b"declined"), None), posted],
        "less": [(proposed[0].replace(b"100000", b"100001"), None), decided, posted],
    }
    for journal in wrong.values():
        with pytest.raises(JournalBroken):
            replayed([*before, *journal])
