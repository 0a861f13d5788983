"""Holds, reversals and suspense as the writer keeps them: in time, once, across restarts."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.core.answered import PostOutcome, Receipt, RefusedReceipt
from ledger.core.asked import AskedTerms, AskedTransfer
from ledger.core.leaves import HoldsExpired
from ledger.core.model import Action, Phase, Side
from ledger.core.refusals import RefusalCode
from ledger.journal.canonical import decode_leaf
from ledger.sequencer.desk import Sequencer
from tests.sequencer.houses import OPERATOR, House, balance, batch, furnish, pay
from tests.sequencer.test_writer import until

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = 60_000_000


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "notary")


def under(debit: str, credit: str, amount: str, **terms: object) -> AskedTransfer:
    return pay(debit, credit, amount, terms=AskedTerms(**terms))  # type: ignore[arg-type]


def hold(house: House, debit: str, credit: str, amount: str, after: int) -> AskedTransfer:
    """A hold that ends some microseconds from now."""
    end = EPOCH + timedelta(microseconds=house.now + after)
    return under(debit, credit, amount, action=Action.HOLD, expires=end)


def posted(outcome: PostOutcome) -> Receipt:
    assert isinstance(outcome, Receipt), outcome
    return outcome


async def available(desk: Sequencer, code: str) -> int:
    def look(book):  # type: ignore[no-untyped-def]
        number = book.numbers[code]
        return book.balance[number] - book.floor[number]

    return await desk.read("caja", look)


def expired(house: House) -> list[HoldsExpired]:
    lines = map(decode_leaf, house.database.ledgers[1].lines)
    return [line for line in lines if isinstance(line, HoldsExpired)]


async def test_a_hold_ends_by_the_clock_though_nobody_asks(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "10.00")), OPERATOR)
        held = posted(
            await desk.post(
                "caja", batch(2, hold(house, "ana", "eva", "6.00", 20_000)), OPERATOR
            )
        )
        assert await available(desk, "ana") == 400
        house.now += 20_000
        await until(lambda: bool(expired(house)))
        assert await available(desk, "ana") == 1_000
    assert [line.holds for line in expired(house)] == [[held.posted.first_sequence]]
    assert house.book().holds.open == {}


async def test_a_hold_survives_a_restart_and_ends_after_it(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "10.00")), OPERATOR)
        asked = batch(
            2,
            hold(house, "ana", "eva", "6.00", MINUTE),
            hold(house, "ana", "eva", "1.00", 9 * MINUTE),
        )
        first = posted(await desk.post("caja", asked, OPERATOR))
        await desk.writer("caja").snapshot_soon()
    async with house.serving() as desk:
        assert await available(desk, "ana") == 300
        again = posted(await desk.post("caja", asked, OPERATOR))
        assert again.replayed
        assert again.posted == first.posted
    house.now += MINUTE
    async with house.serving() as desk:
        assert await available(desk, "ana") == 900
    assert len(expired(house)) == 1


async def test_a_repeat_gets_the_same_receipt_whatever_was_done(house: House) -> None:
    """Refusals, amounts that differ, rests, phases: as the first time, after a restart."""
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "10.00")), OPERATOR)
        asked = batch(
            2,
            hold(house, "ana", "eva", "1.00", MINUTE),
            under("ana", "eva", "2.00", action=Action.POST, target=99),
            under("ana", "eva", "12.00", up_to=Side.DEBIT, rest="cash"),
            under("ana", "nobody", "1.00", entry=7),
            under("cash", "ana", "1.00", entry=7),
            under("ben", "eva", "60.00", suspense="cash"),
            mode="each",
        )
        first = posted(await desk.post("caja", asked, OPERATOR))
        assert list(first.posted.positions) == [0, 2, 2, 5]
        assert list(first.posted.phases) == [Phase.HELD, 0, 0, 0]
    async with house.serving() as desk:
        again = posted(await desk.post("caja", asked, OPERATOR))
        assert again.replayed
        assert again.posted == first.posted
        other = batch(2, *asked.transfers[:-1], pay("ben", "eva", "60.00"), mode="each")
        refusal = await desk.post("caja", other, OPERATOR)
        assert getattr(refusal, "code", None) == RefusalCode.ID_USED_BY_ANOTHER_BATCH


async def test_two_reversals_at_once_take_back_no_more_than_there_was(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        paid = posted(await desk.post("caja", batch(1, pay("cash", "ana", "10.00")), OPERATOR))
        back = under(
            "ana", "cash", "6.00", action=Action.REVERSE, target=paid.posted.first_sequence
        )
        outcomes = await asyncio.gather(
            *(desk.post("caja", batch(2 + n, back), OPERATOR) for n in range(4)),
            *(
                desk.post("caja", batch(20 + n, pay("cash", "eva", "1.00")), OPERATOR)
                for n in range(9)
            ),
        )
        taken = [o for o in outcomes[:4] if isinstance(o, Receipt)]
        refused = [o for o in outcomes[:4] if isinstance(o, RefusedReceipt)]
        assert (len(taken), len(refused)) == (1, 3)
        assert {o.leaf.code for o in refused} == {"exceeds_target"}
        assert refused[0].leaf.available == "400"
        assert await balance(desk, "ana") == 400
    assert house.book().balance[2] == 400


async def test_a_transfer_on_its_way_cannot_be_reversed_before_it_is_there(
    house: House,
) -> None:
    """Who guesses the next sequence is decided after it is committed, live as at replay."""
    async with house.serving() as desk:
        await furnish(desk)
        back = under("ana", "cash", "1.00", action=Action.REVERSE, target=1)
        later = under("ana", "cash", "1.00", action=Action.REVERSE, target=3)
        outcomes = await asyncio.gather(
            desk.post("caja", batch(1, pay("cash", "ana", "10.00")), OPERATOR),
            desk.post("caja", batch(2, back, later, mode="each"), OPERATOR),
        )
        assert isinstance(outcomes[0], Receipt)
        reversal = posted(outcomes[1])
        assert [(r.position, r.code) for r in reversal.posted.refused] == [
            (1, RefusalCode.TARGET_NOT_FOUND)
        ]
    async with house.serving() as desk:  # Replays it.
        assert await balance(desk, "ana") == 900
    assert house.book().balance[house.book().numbers["ana"]] == 900


async def test_a_look_at_a_reversal_sees_the_past(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        paid = posted(await desk.post("caja", batch(1, pay("cash", "ana", "10.00")), OPERATOR))
        back = under(
            "ana", "cash", "6.00", action=Action.REVERSE, target=paid.posted.first_sequence
        )
        seen = await desk.post("caja", batch(2, back), OPERATOR, dry_run=True)
        assert getattr(seen, "amount", None) == [600]
        assert await balance(desk, "ana") == 1_000
        await desk.post("caja", batch(3, back), OPERATOR)
        refused = await desk.post("caja", batch(4, back), OPERATOR, dry_run=True)
        assert getattr(refused, "code", None) == RefusalCode.EXCEEDS_TARGET
