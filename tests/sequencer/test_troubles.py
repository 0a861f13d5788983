"""What went wrong once in the sequencer, each by itself. Histories found most of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.core.answered import LedgerView, Receipt, RefusedReceipt
from ledger.core.asked import AskedAccount, AskedChange, AskedLedger, Caller
from ledger.core.book import Book
from ledger.core.faults import (
    JournalBroken,
    LedgerFault,
    MalformedAmount,
    MalformedRequest,
    OutcomeUnknown,
    Overloaded,
    SignerStopped,
    StoreUnavailable,
    WriterReplaced,
)
from ledger.core.model import Role, Status
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.store import Group, StoredLeaf, StoredSnapshot
from ledger.journal.merkle import leaf_hashes, root_of
from ledger.journal.notes import parse_vkey
from ledger.journal.proofs import parse_proof, verify_proof
from ledger.journal.replay import replay
from ledger.memory.store import MemoryStore
from ledger.sequencer import deciding, snapshotting
from ledger.sequencer import writer as writer_module
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.loading import _restore, load
from ledger.sequencer.notary import FileNotary
from ledger.sequencer.snapshotting import Snapshotter
from tests.sequencer.houses import OPERATOR, House, balance, batch, furnish, pay
from tests.sequencer.test_writer import roll_back, until
from tests.simulation.loop import AtOnce

PROMPT_S = 5.0


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house where whatever comes is decided ahead, however little it is."""
    monkeypatch.setattr(writer_module, "AHEAD_MIN", 0)
    return House(tmp_path / "notary")


class HeldStore(MemoryStore):
    """A store whose commits and look-ups wait for a word."""

    def __init__(self, house: House) -> None:
        super().__init__(house.database)
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.waiting = 0
        self.lookup_fault: Exception | None = None
        self.groups: list[Group] = []

    async def commit(self, group: Group) -> None:
        self.waiting += 1
        await self.go_on.wait()
        self.waiting -= 1
        self.groups.append(group)
        await super().commit(group)

    async def lookup(self, ledger_id: int, batches: object) -> object:  # type: ignore[override]
        if self.lookup_fault is not None:
            raise self.lookup_fault
        return await super().lookup(ledger_id, batches)  # type: ignore[arg-type]


class BrokenNotary(FileNotary):
    """A notary whose disk fills up."""

    is_full = False

    async def sign(
        self, origin: str, size: int, root: bytes, old_size: int, proof: Sequence[bytes]
    ) -> bytes:
        if self.is_full:
            raise OSError("no space left")
        return await super().sign(origin, size, root, old_size, proof)


@asynccontextmanager
async def serving_with(house: House, notary: FileNotary) -> AsyncIterator[Sequencer]:
    desk = Sequencer(
        house.store(),
        notary,
        origin="example.org",
        owner="first",
        clock=house.clock,
        chance=house.random.randbytes,
        snapshotter=Snapshotter(AtOnce()),
    )
    await desk.start()
    try:
        yield desk
    finally:
        await desk.close()
        notary.close()


# ---- answers that would be untrue


async def test_a_true_repeat_is_not_told_that_its_id_is_anothers(house: House) -> None:
    """Another batch with its id may be on its way at the same time; it is that one's fault."""
    mine, other = batch(1, pay("cash", "ana", "5.00")), batch(1, pay("cash", "eva", "5.00"))
    async with house.serving() as desk:
        await furnish(desk)
        receipt = await desk.post("caja", mine, OPERATOR)
        refusal, again = await asyncio.gather(
            desk.post("caja", other, OPERATOR), desk.post("caja", mine, OPERATOR)
        )
        assert refusal == Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH)
        assert isinstance(receipt, Receipt)
        assert isinstance(again, Receipt)
        assert (again.leaf_index, again.leaf) == (receipt.leaf_index, receipt.leaf)


async def test_amounts_written_otherwise_are_the_same(house: House) -> None:
    """Also while the first is on its way, "5" and "5.00" are the same."""
    async with house.serving() as desk:
        await furnish(desk)
        one, two = await asyncio.gather(
            desk.post("caja", batch(1, pay("cash", "ana", "5.00")), OPERATOR),
            desk.post("caja", batch(1, pay("cash", "ana", "5")), OPERATOR),
        )
        assert isinstance(one, Receipt)
        assert isinstance(two, Receipt)
        assert (two.leaf_index, two.leaf, two.replayed) == (one.leaf_index, one.leaf, True)


@pytest.mark.parametrize(
    "change",
    [
        {"business_date": date(2023, 11, 1)},
        {"value_date": date(2023, 11, 1)},
        {"entered_by": "another"},
        {"approved_by": "another"},
        {"kind": "gift"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_other_content_is_another_batch(house: House, change: dict[str, object]) -> None:
    """Every field of a transfer counts, whether the repeat has it or the first one had."""
    plain = pay("cash", "ana", "1.00")
    changed = replace(plain, **change)
    async with house.serving() as desk:
        await furnish(desk)
        for number, first, second in ((1, plain, changed), (2, changed, plain)):
            assert isinstance(await desk.post("caja", batch(number, first), OPERATOR), Receipt)
            outcome = await desk.post("caja", batch(number, second), OPERATOR)
            assert outcome == Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH)


async def test_a_batch_belongs_to_its_poster_also_on_its_way(house: House) -> None:
    """Keys without a poster are posters of their own, whenever the second one comes."""
    other = Caller(key="another", role=Role.OPERATOR)
    asked = batch(1, pay("cash", "ana", "5.00"))
    async with house.serving() as desk:
        await furnish(desk)
        mine, theirs = await asyncio.gather(
            desk.post("caja", asked, OPERATOR), desk.post("caja", asked, other)
        )
        assert isinstance(mine, Receipt)
        assert theirs == Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH)
        assert await desk.post("caja", asked, other) == theirs


async def test_malformed_twins_harm_nobody(house: House) -> None:
    """Whenever the second of two malformed batches comes, the ledger goes on."""
    bad, other = batch(1, pay("cash", "ana", "1.001")), batch(1, pay("cash", "ana", "1.0001"))
    async with house.serving() as desk:
        await furnish(desk)

        async def late(turns: int) -> object:
            for _ in range(turns):
                await asyncio.sleep(0)
            return await desk.post("caja", other if turns % 2 else bad, OPERATOR)

        async with asyncio.timeout(PROMPT_S):
            outcomes = await asyncio.gather(*map(late, range(30)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {MalformedAmount}


async def test_a_malformed_batch_under_a_spent_id_costs_nothing(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        epoch = house.database.ledgers[1].head.epoch
        with pytest.raises(MalformedAmount):
            await desk.post("caja", batch(1, pay("cash", "ana", "1.001")), OPERATOR)
        assert house.database.ledgers[1].head.epoch == epoch, "the ledger was read again"


async def test_nothing_recorded_is_said_only_where_it_is_sure(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """The group on its way may be recorded when the database goes; the next one is not."""
    store = HeldStore(house)
    async with house.serving(store) as desk:
        await furnish(desk)
        store.go_on.clear()
        first = asyncio.create_task(
            desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        )
        await until(lambda: store.waiting == 1)
        second = asyncio.create_task(
            desk.post("caja", batch(2, pay("cash", "ana", "1.00")), OPERATOR)
        )
        await until(lambda: desk.facts("caja").balance[2] == 200)
        store.fail_next_commit(after=OutcomeUnknown("the answer"))
        store.lookup_fault = StoreUnavailable("the look-up")  # Whichever is noticed first.
        third = asyncio.create_task(
            desk.post("caja", batch(3, pay("cash", "ana", "1.00")), OPERATOR)
        )
        await until(lambda: not desk.writer("caja")._queue)
        store.go_on.set()
        await until(lambda: house.database.ledgers[1].head.size == 7)
        house.database.is_down = True
        outcomes = await asyncio.gather(first, second, third, return_exceptions=True)
        assert [type(o) for o in outcomes] == [
            OutcomeUnknown,
            StoreUnavailable,
            StoreUnavailable,
        ]
        house.database.is_down, store.lookup_fault = False, None
    told = " ".join(str(vars(record).get("why")) for record in caplog.records)
    assert "the answer" in told, "what came of the commit is lost"
    assert "the look-up" in told


async def test_recorded_but_not_signed_is_not_called_unrecorded(house: House) -> None:
    """Replaced after COMMIT and before signing: the batch is there, and nobody says no."""
    async with house.serving() as old:
        await furnish(old)
        writer = old.writer("caja")
        sign = writer.signed.sign

        async def replaced(*arguments: object) -> None:
            async with house.serving(owner="second") as new:
                await new.post("caja", batch(2, pay("cash", "ana", "1.00")), OPERATOR)
            await sign(*arguments)  # type: ignore[arg-type]

        writer.signed.sign = replaced  # type: ignore[assignment]
        with pytest.raises(OutcomeUnknown):
            await old.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        with pytest.raises(WriterReplaced):
            await balance(old, "ana")
        with pytest.raises(WriterReplaced):
            await old.post("caja", batch(3, pay("cash", "ana", "1.00")), OPERATOR)
    assert house.book().balance[2] == 200


async def test_what_was_never_committed_is_not_shown(house: House) -> None:
    """Neither by one who was replaced, nor where the signer says no."""
    async with house.serving() as old:
        await furnish(old)
        async with house.serving(owner="second"):
            with pytest.raises(WriterReplaced):
                await old.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
            with pytest.raises(WriterReplaced):
                await balance(old, "ana")
    store = HeldStore(house)
    async with house.serving(store) as desk:
        writer = desk.writer("caja")
        store.go_on.clear()
        first = asyncio.create_task(
            desk.post("caja", batch(2, pay("cash", "ana", "1.00")), OPERATOR)
        )
        await until(lambda: store.waiting == 1)
        second = asyncio.create_task(
            desk.post("caja", batch(3, pay("cash", "ana", "1.00")), OPERATOR)
        )
        await until(lambda: desk.facts("caja").balance[2] == 200)
        forger = FileNotary(house.directory)
        await forger.adopt("example.org/caja", 99, b"x" * 32)
        forger.close()
        store.go_on.set()
        with pytest.raises(LedgerFault):
            await first
        with pytest.raises(LedgerFault):
            await second
        assert isinstance(writer.stopped, SignerStopped)
        assert await balance(desk, "ana") == house.book().balance[2]


# ---- who waits must not wait for ever


async def test_a_mistake_that_comes_again_leaves_time_for_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger is read anew after a pause, and not over and over without one."""
    pauses, go_on = asyncio.Event(), asyncio.Event()
    tried = []

    async def pause(_: float) -> None:
        pauses.set()
        await go_on.wait()

    def fail(_: deciding.Decider) -> None:
        tried.append(1)
        if len(tried) > 3:
            raise SystemExit("no pause")
        raise RuntimeError("a mistake")

    async with house.serving() as desk:
        await furnish(desk)
        with monkeypatch.context() as patch:
            patch.setattr(deciding.Decider, "next_due", fail)
            patch.setattr(asyncio, "sleep", pause)
            asked = batch(1, pay("cash", "ana", "1.00"))
            sent = asyncio.create_task(desk.post("caja", asked, OPERATOR))
            await asyncio.wait_for(pauses.wait(), PROMPT_S)
            assert len(tried) == 1
        go_on.set()
        assert isinstance(await sent, Receipt)


@pytest.mark.parametrize("error", [OSError("no space left"), RuntimeError("a mistake")])
async def test_a_notary_that_fails_leaves_nobody_waiting(
    house: House, error: Exception
) -> None:
    """Whoever waits is answered, the book is shown, and the next start goes on."""
    notary = BrokenNotary(house.directory)
    async with serving_with(house, notary) as desk:
        await furnish(desk)
        notary.is_full = True
        async with asyncio.timeout(PROMPT_S):
            with pytest.raises(OutcomeUnknown):
                await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
            await until(lambda: desk.writer("caja").stopped is not None)
            with pytest.raises(JournalBroken):
                await desk.post("caja", batch(2, pay("cash", "ana", "1.00")), OPERATOR)
            assert await balance(desk, "ana") == 100
    async with house.serving() as desk:
        assert await balance(desk, "ana") == 100
        again = await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        assert isinstance(again, Receipt)
        assert again.replayed


async def test_a_long_poll_hears_of_what_a_reload_found(house: House) -> None:
    """A commit took effect and its answer was lost: those who wait for it are told."""
    store = house.store()
    async with house.serving(store) as desk:
        await furnish(desk)
        waiting = asyncio.create_task(desk.wait_for("caja", 0, 60))
        await asyncio.sleep(0)
        store.fail_next_commit(after=OutcomeUnknown("cut"))
        await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        async with asyncio.timeout(PROMPT_S):
            await waiting


async def test_a_clock_that_is_set_back_stops_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusals are rationed by time; an hour less of it must not be paid back first."""
    monkeypatch.setattr(deciding, "REFUSED_BURST", 3)
    async with house.serving() as desk:
        await furnish(desk)
        house.database.now_us = lambda: house.now + 3_600_000_000

        async def refused(number: int) -> object:
            return await desk.post("caja", batch(number, pay("ana", "eva", "1.00")), OPERATOR)

        assert isinstance(await refused(1), RefusedReceipt)
        house.now -= 3_600_000_000
        paid = await desk.post("caja", batch(2, pay("cash", "eva", "1.00")), OPERATOR)
        assert isinstance(paid, Receipt)
        assert isinstance(await refused(3), RefusedReceipt)
        assert isinstance(await refused(4), RefusedReceipt)
        with pytest.raises(LedgerFault, match="too many refused"):
            await refused(5)
        house.now += 20_000
        assert isinstance(await refused(5), RefusedReceipt)


async def test_a_ledger_whose_opening_was_lost_is_opened_by_asking_again(house: House) -> None:
    """The opening took effect, nobody heard of it, and the database went away."""
    store = house.store()
    asked = AskedLedger(code="caja", name="Caja de prueba", time_zone="America/Mexico_City")
    async with house.serving(store) as desk:

        async def go_away(_: int) -> None:
            store.fail_next_commit(after=OutcomeUnknown("cut"))
            store.before_commit = None
            asyncio.get_running_loop().call_later(0, setattr, house.database, "is_down", True)

        store.before_commit = go_away
        with pytest.raises(OutcomeUnknown):
            await desk.open_ledger(asked, OPERATOR)
        assert house.database.ledgers[1].head.size == 1
        house.database.is_down = False
        view = await again_until_up(lambda: desk.open_ledger(asked, OPERATOR))
        assert isinstance(view, LedgerView)
        other = await desk.open_ledger(replace(asked, name="Otra"), OPERATOR)
        assert other == Refusal(code=RefusalCode.LEDGER_CODE_USED)
        await furnish(desk)


async def test_a_ledger_that_is_opened_while_all_stops_is_let_go_too(house: House) -> None:
    """Its writer begins when the others were closed already, and nobody else would end it."""
    store = house.store()
    take = store.take
    release = asyncio.Event()

    async def slowly(*args: Any, **more: Any) -> Any:
        await release.wait()
        return await take(*args, **more)

    store.take = slowly  # type: ignore[method-assign]
    async with house.serving(store) as desk:
        asked = AskedLedger(code="caja", name="Caja", time_zone="America/Mexico_City")
        opening = asyncio.create_task(desk.open_ledger(asked, OPERATOR))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    release.set()
    with pytest.raises(StoreUnavailable, match="stopping"):
        await opening
    assert not [one for one in asyncio.all_tasks() if one.get_name() == "writer caja"]


async def test_one_who_was_replaced_gives_no_receipt_of_what_it_did_not_sign(
    house: House,
) -> None:
    """It finds a repeat in the database, where its successor wrote it; signed or not yet."""
    asked = batch(1, pay("cash", "ana", "1.00"))
    async with house.serving() as old:
        await furnish(old)
        async with house.serving(owner="second") as new:
            assert isinstance(await new.post("caja", asked, OPERATOR), Receipt)
            with pytest.raises(WriterReplaced):
                await old.post("caja", asked, OPERATOR)


async def again_until_up(ask: Callable[[], Awaitable[object]]) -> object:
    async with asyncio.timeout(PROMPT_S):
        while True:
            try:
                return await ask()
            except StoreUnavailable:
                await asyncio.sleep(0.01)


async def test_a_group_is_bounded_also_in_leaves(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of accounts from each of many callers are not one transaction."""
    monkeypatch.setattr(deciding, "GROUP_LEAVES_MAX", 10)
    store = HeldStore(house)
    async with house.serving(store) as desk:
        await furnish(desk)
        store.go_on.clear()
        held = asyncio.create_task(
            desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        )
        await until(lambda: store.waiting == 1)
        asked = [
            [AskedAccount(code=f"a-{n}-{m}", currency="MXN") for m in range(8)]
            for n in range(20)
        ]
        opening = [
            asyncio.create_task(desk.open_accounts("caja", some, OPERATOR)) for some in asked
        ]
        await asyncio.sleep(0)
        store.go_on.set()
        await asyncio.gather(held, *opening)
        opened = [[account.number for account in task.result()] for task in opening]  # type: ignore[union-attr]
        assert sum(opened, []) == list(range(5, 165)), "in the order they came"  # noqa: RUF017
        assert max(len(group.leaves) for group in store.groups) <= 10 - 1 + 8
        assert await desk.read("caja", lambda book: book.accounts) == 164


async def test_what_did_not_fit_a_group_that_failed_is_decided_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put back for want of room, then put back with the group: still each once, in order."""
    monkeypatch.setattr(deciding, "GROUP_LEAVES_MAX", 6)
    store = HeldStore(house)
    async with house.serving(store) as desk:
        await furnish(desk)
        store.go_on.clear()
        held = asyncio.create_task(
            desk.post("caja", batch(99, pay("cash", "ana", "1.00")), OPERATOR)
        )
        await until(lambda: store.waiting == 1)
        many = [AskedAccount(code=f"a-{n}", currency="MXN") for n in range(8)]
        opening = asyncio.create_task(desk.open_accounts("caja", many, OPERATOR))
        await asyncio.sleep(0)
        posts = [
            asyncio.create_task(
                desk.post("caja", batch(n, pay("cash", "ana", "1.00")), OPERATOR)
            )
            for n in range(1, 10)
        ]
        await until(lambda: desk.facts("caja").accounts == 12)
        store.fail_next_commit(before=OutcomeUnknown("cut"))
        store.go_on.set()
        receipts = await asyncio.gather(held, *posts)
        assert len(await opening) == 8  # type: ignore[arg-type]
        assert [r.posted.first_sequence for r in receipts] == list(range(1, 11))  # type: ignore[union-attr]
        assert await balance(desk, "ana") == 1000


async def test_a_refusal_waits_for_what_it_stands_on(house: House) -> None:
    """An account cannot be frozen since it was closed: true once that is committed."""
    store = HeldStore(house)
    closed = AskedChange(reason="decision", status=Status.CLOSED)
    frozen = AskedChange(reason="decision", status=Status.FROZEN)
    async with house.serving(store) as desk:
        await furnish(desk)
        store.go_on.clear()
        first = asyncio.create_task(desk.change_account("caja", "eva", closed, OPERATOR))
        await until(lambda: store.waiting == 1)
        second = asyncio.create_task(desk.change_account("caja", "eva", frozen, OPERATOR))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not second.done()
        store.go_on.set()
        await first
        assert await second == Refusal(code=RefusalCode.ACCOUNT_CLOSED, account=4)


async def test_too_many_transfers_waiting_are_turned_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches are counted by what is in them; what is turned away can come again."""
    monkeypatch.setattr(writer_module, "QUEUE_TRANSFERS_MAX", 10)
    monkeypatch.setattr(deciding, "GROUP_TRANSFERS_MAX", 1)
    store = HeldStore(house)
    async with house.serving(store) as desk:
        await furnish(desk)
        store.go_on.clear()
        large = [batch(n, *[pay("cash", "ana", "1.00")] * 4) for n in range(1, 7)]
        posts = [asyncio.create_task(desk.post("caja", one, OPERATOR)) for one in large]
        await until(lambda: any(post.done() for post in posts))
        store.go_on.set()
        outcomes = await asyncio.gather(*posts, return_exceptions=True)
        turned_away = [o for o in outcomes if isinstance(o, Overloaded)]
        assert len(turned_away) >= 2
        for one in large:
            assert isinstance(await desk.post("caja", one, OPERATOR), Receipt)
        assert await balance(desk, "ana") == 2400


async def test_references_on_their_way_are_forgotten_once_there(house: House) -> None:
    """Memory does not grow with what is recorded."""
    async with house.serving() as desk:
        await furnish(desk, unique_references=True)
        for number in range(1, 21):
            paid = pay("cash", "ana", "1.00", reference=f"R-{number}")
            await desk.post("caja", batch(number, paid, source="till"), OPERATOR)
        assert len(desk.writer("caja").decider._used) <= 2


# ---- what mutations showed that nobody watched


async def test_the_business_day_is_the_ledgers_own_after_a_restart(house: House) -> None:
    """The time zone is in the journal, not in who opened the ledger."""
    house.now = 1_700_026_200_000_000  # 2023-11-15 05:30 UTC, still the day before in Mexico.
    async with house.serving() as desk:
        await furnish(desk)
    async with house.serving() as desk:
        receipt = await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        assert isinstance(receipt, Receipt)
        assert receipt.leaf.business_date.isoformat() == "2023-11-14"


async def test_accounts_and_checkpoint_reach_the_database(house: House) -> None:
    """For readers in other processes, also while nobody asks for anything."""
    async with house.serving() as desk:
        await furnish(desk)
        ledger = house.database.ledgers[1]
        assert [account.code for account in ledger.accounts.values()] == [
            "cash",
            "ana",
            "ben",
            "eva",
        ]
        await until(lambda: ledger.checkpoint[1] == desk.checkpoint("caja"))


async def test_a_group_carries_the_checkpoint_before_it(house: House) -> None:
    """Under load nothing else brings checkpoints to the database."""
    store = HeldStore(house)
    async with house.serving(store) as desk:
        await furnish(desk)
        for number in (1, 2):
            signed = desk.checkpoint("caja")
            await desk.post("caja", batch(number, pay("cash", "ana", "1.00")), OPERATOR)
            assert store.groups[-1].checkpoint == signed


class LossyStore(MemoryStore):
    """A store that does not give one leaf out again."""

    lost = -1

    async def leaves_from(
        self, ledger_id: int, start: int, end: int
    ) -> AsyncIterator[Sequence[StoredLeaf]]:
        async for leaves in super().leaves_from(ledger_id, start, end):
            yield [leaf for leaf in leaves if leaf.index != self.lost]


@pytest.mark.parametrize(
    ("lost", "why"), [(5, "leaf 5 is missing"), (6, "the journal ends at 6, its head says 7")]
)
async def test_a_leaf_that_is_lost_is_missed(house: House, lost: int, why: str) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
    store = LossyStore(house.database)
    store.lost = lost
    async with house.serving(store) as desk:
        assert isinstance(desk.writer("caja").stopped, JournalBroken)
        assert why in str(desk.writer("caja").stopped)


async def test_a_snapshot_of_what_comes_after_its_leaf_is_none(house: House) -> None:
    """It could not have been committed before it was recorded."""
    async with house.serving() as desk:
        await furnish(desk)
        await desk.writer("caja").snapshot_soon()
    ledger = house.database.ledgers[1]
    (index,) = ledger.snapshots
    stored = StoredSnapshot(leaf_index=index, line=ledger.lines[index])
    store = house.store()
    assert (await _restore(store, ledger.head, stored, Snapshotter())).size == 6
    early = replace(stored, leaf_index=5)
    with pytest.raises(JournalBroken, match="leaf 5 is none"):
        await _restore(store, ledger.head, early, Snapshotter())


async def test_a_refused_batch_belongs_to_its_poster_too(house: House) -> None:
    """And its leaf says where and why."""
    poor = batch(1, pay("cash", "ana", "1.00"), pay("eva", "ana", "9.00"))
    async with house.serving() as desk:
        await furnish(desk)
        refused = await desk.post("caja", poor, OPERATOR)
        assert isinstance(refused, RefusedReceipt)
        leaf = refused.leaf
        assert (leaf.code, leaf.position, leaf.account, leaf.available) == (
            "exceeds_credit_limit",
            1,
            4,
            "0",
        )
        theirs = await desk.post("caja", poor, Caller(key="another", role=Role.OPERATOR))
        assert theirs == Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH)


async def test_each_transfer_has_its_own_business_date(house: House) -> None:
    """Those that name none have the batch's."""
    early = date(2023, 11, 1)
    async with house.serving() as desk:
        await furnish(desk)
        mixed = batch(
            1,
            pay("cash", "ana", "1.00", business_date=early),
            pay("eva", "ana", "1.00"),  # Refused.
            pay("cash", "ana", "1.00"),
            mode="each",
        )
        receipt = await desk.post("caja", mixed, OPERATOR)
        assert isinstance(receipt, Receipt)
        rows = house.database.ledgers[1].rows()
        assert [row.business_date for row in rows] == [early, receipt.leaf.business_date]


class RacedNotary(FileNotary):
    """A notary whom the writer before asks for its last signature just before us."""

    is_raced = True

    async def sign(
        self, origin: str, size: int, root: bytes, old_size: int, proof: Sequence[bytes]
    ) -> bytes:
        if self.is_raced:
            self.is_raced = False
            await super().sign(origin, size, root, old_size, proof)
        return await super().sign(origin, size, root, old_size, proof)


async def test_a_take_over_may_meet_the_last_signature_of_the_one_before(house: House) -> None:
    notary = BrokenNotary(house.directory)
    async with serving_with(house, notary) as desk:
        await furnish(desk)
        notary.is_full = True  # Committed, and not signed.
        with pytest.raises(OutcomeUnknown):
            await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
    async with serving_with(house, RacedNotary(house.directory)) as desk:
        assert desk.writer("caja").stopped is None
        again = await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        assert isinstance(again, Receipt)


async def test_proofs_stand_under_the_checkpoint_while_a_group_is_on_its_way(
    house: House,
) -> None:
    """And tiles are as wide as it covers."""
    store = HeldStore(house)
    async with house.serving(store) as desk:
        await furnish(desk)
        receipt = await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        assert isinstance(receipt, Receipt)
        store.go_on.clear()
        second = asyncio.create_task(
            desk.post("caja", batch(2, pay("cash", "ana", "1.00")), OPERATOR)
        )
        await until(lambda: store.waiting == 1)
        opening = desk.writer("caja").book.opening
        assert opening is not None
        line = house.database.ledgers[1].lines[receipt.leaf_index]
        proof = await desk.log_proof("caja", receipt.leaf_index)
        verify_proof(proof, line, [parse_vkey(opening.public_key)], opening.origin)
        assert len(await desk.tile("caja", 0, 0, 7)) == 7 * 32
        for width in (0, 8):
            with pytest.raises(LookupError):
                await desk.tile("caja", 0, 0, width)
        store.go_on.set()
        await second


async def test_snapshots_of_several_chunks_and_the_last_two_of_them(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Start-up takes the newest, and replays only what came after it."""
    monkeypatch.setattr(snapshotting, "CHUNK", 2)
    ledger_of = house.database.ledgers
    async with house.serving() as desk:
        await furnish(desk)
        for number in range(1, 5):
            await desk.post("caja", batch(number, pay("cash", "ana", "1.00")), OPERATOR)
            await desk.writer("caja").snapshot_soon()
        live = await desk.read("caja", lambda book: list(book.state()))
    sizes = {size for size, _ in ledger_of[1].chunks}
    assert sizes == {11, 13}
    assert {number for _, number in ledger_of[1].chunks} == {0, 1, 2, 3}
    loaded = await load(house.store(), ledger_of[1].head, Snapshotter())
    assert loaded.replayed_leaves == 1
    assert list(loaded.book.state()) == live
    assert "does not amount" not in caplog.text


async def test_what_is_frozen_does_not_change_any_more(house: House) -> None:
    """A snapshot is written while the ledger goes on."""
    async with house.serving() as desk:
        await furnish(desk)
        frozen = await desk.read("caja", lambda book: book.frozen())
        before = frozen.slice(0, frozen.count).lines()
        await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        changed = AskedChange(
            reason="decision", status=Status.FROZEN, lower_bound="-5", upper_bound="500"
        )
        await desk.change_account("caja", "ana", changed, OPERATOR)
        await desk.open_accounts("caja", [AskedAccount(code="leo", currency="MXN")], OPERATOR)
        assert frozen.slice(0, frozen.count).lines() == before


async def test_a_batch_out_of_order_breaks_the_journal(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
    ledger = house.database.ledgers[1]
    for field in (b'"number":', b'"first_sequence":'):
        book = Book()
        for line in ledger.lines[:-1]:
            replay(book, line)
        forged = ledger.lines[-1].replace(field + b"1", field + b"2")
        with pytest.raises(JournalBroken, match="out of order"):
            replay(book, forged, ledger.posted[0].body)


# ---- read-only


async def test_a_look_that_fails_says_why_also_when_read_only(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
    roll_back(house, len(house.database.ledgers[1].lines) - 1)
    async with house.serving() as desk:
        assert isinstance(desk.writer("caja").stopped, SignerStopped)

        def fail(book: Book) -> None:
            raise LookupError("no such thing")

        with pytest.raises(LookupError, match="no such thing"):
            await desk.read("caja", fail)
        bad = batch(2, pay("cash", "ana", "1.001"))
        with pytest.raises(MalformedRequest):
            await desk.post("caja", bad, OPERATOR, dry_run=True)
        frozen = AskedChange(reason="decision", status=Status.FROZEN)
        assert await desk.change_account("caja", "ana", frozen, OPERATOR, dry_run=True)
        assert house.book().account(2).status is Status.OPEN


async def test_what_is_shown_stands_under_its_checkpoint_also_when_read_only(
    house: House,
) -> None:
    """The signer refuses the head: proofs and tiles stay those of the last checkpoint."""
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
    ledger = house.database.ledgers[1]
    kept = ledger.checkpoint
    last = ledger.lines[-2]
    roll_back(house, len(ledger.lines) - 2)
    ledger.lines.append(last.replace(b'"eva"', b'"eve"'))
    ledger.lines.append(last.replace(b'"number":4', b'"number":5'))
    size = len(ledger.lines)
    ledger.head = replace(ledger.head, size=size, root=root_of(leaf_hashes(ledger.lines)))
    async with house.serving() as desk:
        assert isinstance(desk.writer("caja").stopped, SignerStopped)
        checkpoint = desk.checkpoint("caja")
        assert int(checkpoint.split(b"\n")[1]) == kept[0]
        for index in range(size):
            try:
                proof = await desk.log_proof("caja", index)
            except LookupError:
                continue
            assert parse_proof(proof).checkpoint == checkpoint
            raise AssertionError("it was never signed here")
    assert ledger.checkpoint == kept
