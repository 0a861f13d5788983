"""What a poster may rely on: recorded once, answered after COMMIT and signature, never lost."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.core.answered import Receipt, RefusedReceipt
from ledger.core.asked import AskedBatch, AskedChange, AskedLedger, AskedTransfer
from ledger.core.faults import (
    ClockAhead,
    MalformedAmount,
    OutcomeUnknown,
    Overloaded,
    SignerStopped,
    StoreUnavailable,
    WriterReplaced,
)
from ledger.core.model import Status
from ledger.core.refusals import Refusal, RefusalCode
from ledger.journal.checkpoints import open_checkpoint
from ledger.journal.merkle import leaf_hashes, root_of
from ledger.journal.notes import parse_vkey
from ledger.journal.proofs import verify_proof
from ledger.memory.store import MemoryStore
from ledger.sequencer import deciding
from ledger.sequencer import writer as writer_module
from ledger.sequencer.desk import Sequencer
from tests.sequencer.houses import OPERATOR, House, balance, batch, furnish, pay


async def until(true: Callable[[], bool]) -> None:
    """Let the others go on until it is so; pytest's time limit ends what never will be."""
    while not true():  # noqa: ASYNC110 - There is no event to wait for inside the writer.
        await asyncio.sleep(0)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "notary")


async def test_posted_signed_and_provable(house: House) -> None:
    """A receipt's leaf is under a checkpoint signed by the key the journal begins with."""
    async with house.serving() as desk:
        await furnish(desk)
        receipt = await desk.post("caja", batch(1, pay("cash", "ana", "5.00")), OPERATOR)
        assert isinstance(receipt, Receipt)
        assert receipt.posted.credit_balance == [500]
        opening = (await desk.view("caja")).opening
        key = parse_vkey(opening.public_key)
        checkpoint = open_checkpoint(desk.checkpoint("caja"), [key])
        assert checkpoint.size > receipt.leaf_index
        line = house.database.ledgers[1].lines[receipt.leaf_index]
        proof = await desk.log_proof("caja", receipt.leaf_index)
        verify_proof(proof, line, [key], opening.origin)


async def test_sent_twice_recorded_once(house: House) -> None:
    """Same id and content: the same receipt. Other content: refused. Also after a restart."""
    first = batch(1, pay("cash", "ana", "5.00", description="renta", reference="R-1"))
    others = [
        batch(1, pay("cash", "ana", "5.01", description="renta", reference="R-1")),
        batch(1, pay("cash", "ben", "5.00", description="renta", reference="R-1")),
        batch(1, pay("cash", "ana", "5.00", description="otra", reference="R-1")),
        batch(1, pay("cash", "ana", "5.00", reference="R-1")),
        batch(1, pay("cash", "ana", "5.00", description="renta")),
        batch(1, pay("cash", "ana", "5.00", description="renta", reference="R-1"), source="x"),
        batch(1, *first.transfers, pay("cash", "ana", "1.00")),
        batch(1, *first.transfers, mode="each"),
    ]
    async with house.serving() as desk:
        await furnish(desk)
        receipt = await desk.post("caja", first, OPERATOR)
    async with house.serving() as desk:
        again = await desk.post("caja", first, OPERATOR)
        assert isinstance(receipt, Receipt)
        assert isinstance(again, Receipt)
        assert again.replayed
        assert (again.leaf_index, again.leaf) == (receipt.leaf_index, receipt.leaf)
        assert again.posted.debit_balance == receipt.posted.debit_balance
        for other in others:
            refusal = await desk.post("caja", other, OPERATOR)
            assert isinstance(refusal, Refusal), other
            assert refusal.code == RefusalCode.ID_USED_BY_ANOTHER_BATCH
        assert await balance(desk, "ana") == 500


async def test_many_at_once_recorded_once(house: House) -> None:
    """Duplicates that arrive together share one receipt; a different one is refused."""
    same = batch(1, pay("cash", "ana", "5.00"))
    other = batch(1, pay("cash", "ana", "6.00"))
    async with house.serving() as desk:
        await furnish(desk)
        answers = await asyncio.gather(
            *[desk.post("caja", asked, OPERATOR) for asked in [same] * 20 + [other]]
        )
        assert await balance(desk, "ana") == 500
    receipts = [answer for answer in answers if isinstance(answer, Receipt)]
    assert len(receipts) == 20
    assert {receipt.leaf_index for receipt in receipts} == {receipts[0].leaf_index}
    assert sum(not receipt.replayed for receipt in receipts) == 1
    assert isinstance(answers[-1], Refusal)


async def test_a_refused_batch_stays_refused(house: House) -> None:
    """A late duplicate of a refused batch can never post, even when there is money by then."""
    poor = batch(1, pay("ana", "ben", "5.00", description="renta"))
    async with house.serving() as desk:
        await furnish(desk)
        refused = await desk.post("caja", poor, OPERATOR)
        assert isinstance(refused, RefusedReceipt)
        assert refused.leaf.code == "exceeds_credit_limit"
        await desk.post("caja", batch(2, pay("cash", "ana", "9.00")), OPERATOR)
    async with house.serving() as desk:
        again = await desk.post("caja", poor, OPERATOR)
        assert isinstance(again, RefusedReceipt)
        assert (again.leaf, again.replayed) == (refused.leaf, True)
        other = await desk.post("caja", batch(1, pay("ana", "ben", "4.00")), OPERATOR)
        assert isinstance(other, Refusal)
        assert await balance(desk, "ana") == 900


async def test_malformed_leaves_no_trace(house: House) -> None:
    """What is malformed spends no id: corrected, the same id posts."""
    async with house.serving() as desk:
        await furnish(desk)
        before = (await desk.view("caja")).size
        with pytest.raises(MalformedAmount):
            await desk.post("caja", batch(1, pay("cash", "ana", "5.001")), OPERATOR)
        assert (await desk.view("caja")).size == before
        receipt = await desk.post("caja", batch(1, pay("cash", "ana", "5.00")), OPERATOR)
        assert isinstance(receipt, Receipt)


@pytest.mark.parametrize(
    "fault", [StoreUnavailable("cut"), OutcomeUnknown("cut")], ids=["unavailable", "unknown"]
)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_failed_commit_loses_and_doubles_nothing(
    house: House, fault: Exception, when: str
) -> None:
    """Failed before it took effect or after: the sender gets the one receipt there is."""
    if when == "after" and isinstance(fault, StoreUnavailable):
        pytest.skip("a store that recorded never says that it did not")
    store = house.store()
    async with house.serving(store) as desk:
        await furnish(desk)
        store.fail_next_commit(**{when: fault})
        asked = [batch(n, pay("cash", "ana", "1.00")) for n in range(1, 6)]
        receipts = await asyncio.gather(*[desk.post("caja", one, OPERATOR) for one in asked])
        assert all(isinstance(receipt, Receipt) for receipt in receipts)
        assert await balance(desk, "ana") == 500
        again = [await desk.post("caja", one, OPERATOR) for one in asked]
        assert [r.leaf for r in again] == [r.leaf for r in receipts]  # type: ignore[union-attr]
    assert house.book().balance[2] == 500


async def test_nothing_decided_on_a_failed_commit_is_answered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a group waits for its COMMIT, the next is decided on it; both are decided again.

    The second payment is only possible with the money of the first. The first commit is held
    back until the second is decided, then fails; meanwhile neither may be answered.
    """
    monkeypatch.setattr(writer_module, "AHEAD_MIN", 1)
    held, decided = asyncio.Event(), asyncio.Event()

    async def hold(_: int) -> None:
        decided.set()
        await held.wait()

    store = house.store()
    async with house.serving(store) as desk:
        await furnish(desk)
        store.before_commit = hold
        store.fail_next_commit(before=OutcomeUnknown("cut"))
        first = asyncio.create_task(
            desk.post("caja", batch(1, pay("cash", "ana", "5.00")), OPERATOR)
        )
        await decided.wait()
        second = asyncio.create_task(
            desk.post("caja", batch(2, pay("ana", "eva", "5.00")), OPERATOR)
        )
        look = asyncio.create_task(balance(desk, "eva"))
        await until(lambda: desk.facts("caja").balance[4] == 500)  # Decided, on the first.
        assert not any(task.done() for task in (first, second, look))
        store.before_commit = None
        held.set()
        receipts = await asyncio.gather(first, second)
        assert all(isinstance(receipt, Receipt) for receipt in receipts)
        assert await look == 500
    assert house.book().balance[1:].tolist() == [-500, 0, 0, 500]


async def test_while_the_database_is_away_nobody_waits_in_vain(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        house.database.is_down = True
        with pytest.raises(StoreUnavailable):
            await desk.post("caja", batch(1, pay("cash", "ana", "5.00")), OPERATOR)
        house.database.is_down = False
        receipt = await again_until_up(desk, batch(1, pay("cash", "ana", "5.00")))
        assert isinstance(receipt, Receipt)


async def again_until_up(desk: Sequencer, asked: AskedBatch) -> object:
    """Send the same again, as a client does, until there is an answer."""
    while True:
        try:
            return await desk.post("caja", asked, OPERATOR)
        except StoreUnavailable:
            await asyncio.sleep(0)


async def test_a_second_writer_fences_the_first(house: House) -> None:
    """The one that took over writes; the old one records nothing more and says so."""
    async with house.serving() as old:
        await furnish(old)
        async with house.serving(owner="second") as new:
            receipt = await new.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
            assert isinstance(receipt, Receipt)
            with pytest.raises((WriterReplaced, StoreUnavailable)):
                await old.post("caja", batch(2, pay("cash", "ana", "1.00")), OPERATOR)
            with pytest.raises(WriterReplaced):
                await old.post("caja", batch(3, pay("cash", "ana", "1.00")), OPERATOR)
            receipt = await new.post("caja", batch(4, pay("cash", "ana", "1.00")), OPERATOR)
            assert isinstance(receipt, Receipt)
    assert house.book().balance[2] == 200


async def test_an_old_database_is_not_signed(house: House) -> None:
    """A database that was rolled back has less than was signed: shown, but read-only."""
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
    ledger = house.database.ledgers[1]
    kept = len(ledger.lines) - 1
    roll_back(house, kept)
    async with house.serving() as desk:
        with pytest.raises(
            SignerStopped, match=f"signed {kept + 1} leaves: the database has {kept}:"
        ):
            await desk.post("caja", batch(2, pay("cash", "ana", "1.00")), OPERATOR)
        assert await balance(desk, "ana") == 0


async def test_another_history_is_not_signed(house: House) -> None:
    """A leaf rewritten in the database, with its hashes, is not what was signed."""
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
    kept = len(house.database.ledgers[1].lines) - 1
    roll_back(house, kept)
    other = House(house.directory.parent / "other")
    other.database, other.now = house.database, house.now
    async with other.serving() as forger:  # A notary that remembers nothing...
        with pytest.raises(SignerStopped, match="nothing is remembered"):
            await forger.post("caja", batch(2, pay("cash", "eva", "1.00")), OPERATOR)


def roll_back(house: House, size: int) -> None:
    """Make the database what it was at an earlier size, as a restored backup is."""
    ledger = house.database.ledgers[1]
    del ledger.lines[size:]
    for index in [i for i in ledger.batch_at if i >= size]:
        gone = ledger.batch_at.pop(index)
        del ledger.batches[gone.batch]
        if gone.posted is not None:
            ledger.posted.pop()
            ledger.first_sequences.pop()
    ledger.head = replace(ledger.head, size=size, root=root_of(leaf_hashes(ledger.lines)))


async def test_a_clock_far_ahead_records_nothing(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        before = (await desk.view("caja")).size
        true_time = house.now
        house.database.now_us = lambda: true_time
        house.now += 61_000_000
        with pytest.raises(ClockAhead):
            await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        house.now = true_time
        receipt = await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        assert isinstance(receipt, Receipt)
        assert receipt.leaf_index == before


async def test_time_never_goes_back(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        true_time = house.now
        house.database.now_us = lambda: true_time
        first = await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        house.now -= 3_600_000_000
        second = await desk.post("caja", batch(2, pay("cash", "ana", "1.00")), OPERATOR)
        assert isinstance(first, Receipt)
        assert isinstance(second, Receipt)
        assert second.leaf.recorded_at == first.leaf.recorded_at


async def test_the_business_day_is_the_ledgers_own(house: House) -> None:
    """At half past five in the morning, UTC, it is still yesterday in Mexico City."""
    house.now = 1_700_026_200_000_000  # 2023-11-15 05:30 UTC, 23:30 the day before there.
    async with house.serving() as desk:
        await furnish(desk)
        receipt = await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        assert isinstance(receipt, Receipt)
        assert receipt.leaf.business_date.isoformat() == "2023-11-14"


async def test_too_much_waiting_is_turned_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full queue says so at once; what it took on is still answered."""
    monkeypatch.setattr(writer_module, "QUEUE_MAX", 10)
    held = asyncio.Event()

    async def hold(_: int) -> None:
        await held.wait()

    monkeypatch.setattr(deciding, "GROUP_TRANSFERS_MAX", 5)
    store = house.store()
    async with house.serving(store) as desk:
        await furnish(desk)
        store.before_commit = hold
        posts = [
            asyncio.create_task(
                desk.post("caja", batch(n, pay("cash", "ana", "1.00")), OPERATOR)
            )
            for n in range(1, 101)
        ]
        await until(lambda: any(post.done() for post in posts))
        store.before_commit = None
        held.set()
        outcomes = await asyncio.gather(*posts, return_exceptions=True)
        turned_away = [o for o in outcomes if isinstance(o, Overloaded)]
        receipts = [o for o in outcomes if isinstance(o, Receipt)]
        assert len(turned_away) + len(receipts) == 100
        assert turned_away
        assert await balance(desk, "ana") == 100 * len(receipts)


async def test_refused_batches_are_limited_in_rate(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One key cannot fill the journal with refusals; time makes room again."""
    monkeypatch.setattr(deciding, "REFUSED_BURST", 3)
    async with house.serving() as desk:
        await furnish(desk)

        async def refused(number: int) -> object:
            return await desk.post("caja", batch(number, pay("ana", "eva", "1.00")), OPERATOR)

        for number in range(1, 4):
            assert isinstance(await refused(number), RefusedReceipt)
        with pytest.raises(Overloaded):
            await refused(4)
        house.now += 1_000_000
        assert isinstance(await refused(4), RefusedReceipt)


async def test_references_are_unique_where_the_ledger_says_so(house: House) -> None:
    """Per source, also against what is still on its way, and after a restart and replay."""
    async with house.serving() as desk:
        await furnish(desk, unique_references=True)
        together = [
            batch(n, pay("cash", "ana", "1.00", reference="R-1"), source="till") for n in (1, 2)
        ]
        outcomes = await asyncio.gather(*[desk.post("caja", b, OPERATOR) for b in together])
        assert sorted(type(o).__name__ for o in outcomes) == ["Receipt", "RefusedReceipt"]
        mixed = batch(
            3,
            pay("cash", "ana", "1.00", reference="R-1"),
            pay("cash", "ana", "1.00", reference="R-2"),
            source="till",
            mode="each",
        )
        outcome = await desk.post("caja", mixed, OPERATOR)
        assert isinstance(outcome, Receipt)
        assert [r.code for r in outcome.posted.refused] == [RefusalCode.REFERENCE_USED]
    async with house.serving() as desk:
        late = batch(4, pay("cash", "ana", "1.00", reference="R-2"), source="till")
        outcome = await desk.post("caja", late, OPERATOR)
        assert isinstance(outcome, RefusedReceipt)
        assert outcome.leaf.code == "reference_used"
        other = batch(5, pay("cash", "ana", "1.00", reference="R-2"), source="door")
        assert isinstance(await desk.post("caja", other, OPERATOR), Receipt)


async def test_references_of_all_that_waits_are_looked_up_at_once(house: House) -> None:
    """Asked batch by batch, each would cost the group a round trip."""
    store = AskedOnce(house.database)
    async with house.serving(store) as desk:
        await furnish(desk, unique_references=True)
        before = store.times
        answers = await asyncio.gather(
            *(
                desk.post("caja", batch(number, cash_in(number)), OPERATOR)
                for number in range(1, 21)
            )
        )
        assert all(isinstance(answer, Receipt) for answer in answers)
        assert store.times - before <= 4, "groups, and not batches"
        again = await desk.post("caja", batch(21, cash_in(7)), OPERATOR)
        assert isinstance(again, RefusedReceipt)
        assert again.leaf.code == "reference_used"


class AskedOnce(MemoryStore):
    """A store that counts how often it is asked for references."""

    times = 0

    async def used_references(self, *asked: Any) -> set[tuple[str, str]]:
        self.times += 1
        return await super().used_references(*asked)


def cash_in(number: int) -> AskedTransfer:
    return pay("cash", "ana", "1.00", reference=f"R-{number}")


async def test_a_preview_changes_nothing(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        before = await desk.view("caja")
        asked = batch(1, pay("cash", "ana", "5.00"))
        preview = await desk.post("caja", asked, OPERATOR, dry_run=True)
        assert preview.credit_balance == [500]  # type: ignore[union-attr]
        poor = batch(1, pay("ana", "eva", "5.00"))
        refusal = await desk.post("caja", poor, OPERATOR, dry_run=True)
        assert isinstance(refusal, Refusal)
        assert await desk.view("caja") == before
        assert isinstance(await desk.post("caja", asked, OPERATOR), Receipt)


async def test_a_dry_run_of_a_spent_id_is_what_posting_would_answer(house: House) -> None:
    """The receipt or the refusal there is; of other content, that the id is spent."""
    good = batch(1, pay("cash", "ana", "5.00", description="for the roof"))
    poor = batch(2, pay("ana", "eva", "500.00"))
    async with house.serving() as desk:
        await furnish(desk)
        for asked in (good, poor):
            await desk.post("caja", asked, OPERATOR)
    async with house.serving(owner="second") as desk:
        size = house.database.ledgers[1].head.size
        for asked in (good, poor):
            dry = await desk.post("caja", asked, OPERATOR, dry_run=True)
            assert isinstance(dry, Receipt | RefusedReceipt)
            assert dry.replayed
            assert dry == await desk.post("caja", asked, OPERATOR)
            for other in (
                replace(asked, transfers=[pay("cash", "ana", "5.01")]),
                replace(asked, transfers=[pay("cash", "ana", "5.00", description="a wall")]),
            ):
                dry = await desk.post("caja", other, OPERATOR, dry_run=True)
                assert dry == Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH)
        assert house.database.ledgers[1].head.size == size


async def test_a_dry_run_waits_for_what_is_on_its_way_with_its_id(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        asked = batch(1, pay("cash", "ana", "5.00"))
        real, dry = await asyncio.gather(
            desk.post("caja", asked, OPERATOR), desk.post("caja", asked, OPERATOR, dry_run=True)
        )
        assert isinstance(real, Receipt)
        assert isinstance(dry, Receipt)
        assert (dry.leaf, dry.leaf_index, dry.replayed) == (real.leaf, real.leaf_index, True)


async def test_a_snapshot_and_the_tail_give_the_live_state(house: House) -> None:
    """Start-up from a snapshot equals a replay; a changed balance is not believed."""
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "5.00")), OPERATOR)
        await desk.writer("caja").snapshot_soon()
        await desk.post("caja", batch(2, pay("ana", "ben", "2.00")), OPERATOR)
        live = await desk.read("caja", lambda book: list(book.state()))
    ledger = house.database.ledgers[1]
    assert ledger.snapshots
    async with house.serving() as desk:
        assert await desk.read("caja", lambda book: list(book.state())) == live
    assert list(house.book().state()) == live
    (place,) = ledger.chunks
    digest, data = ledger.chunks[place]
    forged = data.replace(b'"balance":"500"', b'"balance":"900"')
    assert forged != data
    ledger.chunks[place] = digest, forged
    async with house.serving() as desk:  # Loudly, from the beginning.
        assert await desk.read("caja", lambda book: list(book.state())) == live


async def test_a_long_poll_ends_with_the_next_transfer(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        waiting = asyncio.create_task(desk.wait_for("caja", 0, 60))
        await desk.post("caja", batch(1, pay("cash", "ana", "5.00")), OPERATOR)
        await waiting
        await desk.wait_for("caja", 0, 60)  # Already there.


async def test_stopping_answers_what_was_accepted(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        posts = [
            asyncio.create_task(
                desk.post("caja", batch(n, pay("cash", "ana", "1.00")), OPERATOR)
            )
            for n in range(1, 51)
        ]
        await asyncio.sleep(0)
    receipts = await asyncio.gather(*posts)
    assert all(isinstance(receipt, Receipt) for receipt in receipts)
    assert house.book().balance[2] == 5000


async def test_a_ledger_is_opened_once(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        asked = AskedLedger(code="caja", name="Otra", time_zone="America/Mexico_City")
        refusal = await desk.open_ledger(asked, OPERATOR)
        assert isinstance(refusal, Refusal)
        assert refusal.code == RefusalCode.LEDGER_CODE_USED
        both = AskedLedger(code="red", name="Red", time_zone="America/Lima")
        views = await asyncio.gather(*[desk.open_ledger(both, OPERATOR) for _ in range(5)])
        assert len({view.ledger_id for view in views}) == 1  # type: ignore[union-attr]
        assert desk.ledgers() == ["caja", "red"]


async def test_changes_of_an_account(house: House) -> None:
    """Frozen, bounded and closed by lines with a reason; what changes nothing leaves none."""
    async with house.serving() as desk:
        await furnish(desk)

        async def change(code: str, **what: object) -> object:
            asked = AskedChange(reason="decision", **what)  # type: ignore[arg-type]
            return await desk.change_account("caja", code, asked, OPERATOR)

        size = (await desk.view("caja")).size
        frozen = await change("ana", status=Status.FROZEN)
        assert frozen.status is Status.FROZEN  # type: ignore[attr-defined]
        await change("ana", status=Status.FROZEN)
        assert (await desk.view("caja")).size == size + 1
        bounded = await change("ben", lower_bound="-70.00")
        assert (bounded.lower, bounded.upper) == (-7000, 10000)  # type: ignore[attr-defined]
        with pytest.raises(MalformedAmount):
            await change("ben", lower_bound="-70.001")
        crossed = await change("ben", lower_bound="200.00")
        assert crossed == Refusal(code=RefusalCode.BOUNDS_CROSSED)
        closed = await change("eva", status=Status.CLOSED)
        assert closed.status is Status.CLOSED  # type: ignore[attr-defined]
        again = await change("eva", status=Status.FROZEN)
        assert again == Refusal(code=RefusalCode.ACCOUNT_CLOSED, account=4)
        assert await change("nobody") == Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
    assert house.book().account(2).status is Status.FROZEN
