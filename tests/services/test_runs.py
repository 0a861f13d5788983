"""Runs through a sequencer: over many parts, cut off anywhere, late or in time: the same."""

import random
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from msgspec import UNSET

from ledger.core.answered import PostOutcome, Receipt
from ledger.core.asked import AskedBatch, AskedChange
from ledger.core.faults import StoreUnavailable
from ledger.core.leaves import PosterKey, SettingsChanged
from ledger.core.model import DaysBy, Status
from tests.sequencer.houses import OPERATOR, House
from tests.services.banks import (
    ENDS,
    MEMBERS,
    Bank,
    freeze,
    furnished,
    open_account,
    small_parts,
)


@pytest.fixture
async def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bank]:
    small_parts(monkeypatch)
    house = House(tmp_path)
    async with house.serving() as sequencer:
        yield await furnished(house, sequencer)


async def history(bank: Bank, seed: int, run_at: set[int]) -> tuple[int, dict[str, int]]:
    """Four months of random payments, with runs after some of them; in the end all is owed."""
    chance = random.Random(seed)
    await bank.demurrage()
    for month, end in enumerate(ENDS):
        first = end.replace(day=1)
        bank.to(max(first, date(2023, 11, 14)))
        for _ in range(chance.randrange(12)):
            amount = f"{chance.randrange(1, 90)}.{chance.randrange(100):02d}"
            debit = chance.choice(["cash", *MEMBERS])
            await bank.pay(debit, chance.choice(MEMBERS), amount)
        bank.to(end + timedelta(days=1))
        late = chance.randrange(2) and month
        if late:  # For a day of the month that is over.
            await bank.pay("cash", "m1", "7.77", business_date=end)
        if month in run_at:
            await bank.run(end)
            await bank.run(end)
    numbers = await bank.desk.read("caja", lambda book: dict(book.numbers))
    await bank.pay("cash", "m0", "500.00")  # So that all can pay what is left.
    for code in MEMBERS:
        await bank.pay("cash", code, "500.00")
    owed = await bank.runs.owed("caja", list(numbers.values()))
    before = await bank.balances()
    last = await bank.run(ENDS[-1])
    assert last.unpaid == "0.00"
    after = await bank.balances()
    # What was shown as owed is what was charged; and from then on nothing is.
    assert {code: before[code] - after[code] for code in MEMBERS} == {
        code: owed[numbers[code]] for code in MEMBERS
    }
    assert not any((await bank.runs.owed("caja", list(numbers.values()))).values())
    assert sum(bank.house.book().balance) == 0
    return after["oxi"], {code: after[code] for code in ("m1", "m2")}


@pytest.mark.parametrize("seed", range(6))
async def test_runs_in_time_or_all_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Payments that nobody's demurrage refuses come to the same, whenever runs were."""
    small_parts(monkeypatch)
    found = []
    for run_at in (set(), {0, 1, 2, 3}):
        house = House(tmp_path / str(len(run_at)))
        async with house.serving() as sequencer:
            bank = await furnished(house, sequencer)
            # Without bounds, so that no payment depends on what was charged before.
            for code in MEMBERS:
                change = AskedChange(reason="test", lower_bound="none")
                await sequencer.change_account("caja", code, change, OPERATOR)
            found.append(await history(bank, seed, run_at))
    assert found[0] == found[1]


async def test_ids_are_those_that_anybody_can_compute(bank: Bank) -> None:
    await bank.demurrage()
    await bank.pay("cash", "m0", "100.00")
    bank.to(date(2023, 12, 1))
    report = await bank.run(ENDS[0])
    assert (report.parts, report.collected) == (4, "2.85")
    origin = uuid5(NAMESPACE_URL, "example.org/caja")
    part = uuid5(origin, "demurrage/MXN/2023-11-30/charge/1/0")
    stored = await bank.reads.batch(1, part)
    assert stored is not None
    assert list(stored.amount) == [285]


@pytest.mark.parametrize("cut", range(8))
@pytest.mark.parametrize("is_done", [False, True])
async def test_a_run_cut_off_anywhere_goes_on(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, cut: int, is_done: bool
) -> None:
    """At each batch, before it took effect and after; the end is the same as of one run."""
    await bank.demurrage(spread=True)
    for n, code in enumerate(MEMBERS):
        await bank.pay("cash", code, f"{50 + n}.01")
    bank.to(date(2023, 12, 1))
    post, left = bank.desk.post, [cut]

    async def cut_off(ledger: str, asked: AskedBatch, *args: Any, **more: Any) -> PostOutcome:
        left[0] -= 1
        if left[0] == -1:
            if is_done:
                await post(ledger, asked, *args, **more)
            raise StoreUnavailable("cut off")
        return await post(ledger, asked, *args, **more)

    monkeypatch.setattr(bank.desk, "post", cut_off)
    try:
        await bank.run(ENDS[0])
    except StoreUnavailable:
        await bank.run(ENDS[0])
    assert left[0] < 0 or cut >= 7
    charged = [round((5001 + 100 * n - 500) * 3 / 100) for n in range(7)]
    # cash has no credit; ana, ben, eva and cash are members too.
    share, extra = divmod(sum(charged), 11)
    expected = {code: 5001 + 100 * n - charged[n] + share for n, code in enumerate(MEMBERS)}
    for code in ("cash", "ana", "ben", "eva", *MEMBERS)[:extra]:
        expected[code] = expected.get(code, 0) + 1
    after = await bank.balances()
    assert {code: after[code] for code in MEMBERS} == {c: expected[c] for c in MEMBERS}
    assert after["oxi"] == 0
    again = await bank.run(ENDS[0])
    assert await bank.balances() == after
    assert again.collected_now == "0.00"


async def test_a_run_in_parts_goes_on_after_the_last(bank: Bank) -> None:
    """The last part is not full: what is in it is charged like the others."""
    await open_account(bank, "m7")
    await bank.demurrage()
    await bank.pay("cash", "m7", "105.00")
    bank.to(date(2023, 12, 1))
    done, after = [], {}
    while after is not None:
        report = await bank.run(ENDS[0], parts_max=2, **after)
        done.append((report.done, report.parts, report.collected_now))
        after = None if report.next is UNSET else {"after": report.next}
    assert done == [(2, 5, "0.00"), (4, 5, "0.00"), (5, 5, "3.00")]


async def test_what_a_run_could_not_collect_is_left_to_the_next_period(bank: Bank) -> None:
    await bank.demurrage()
    await bank.pay("cash", "m0", "105.00")
    await bank.pay("cash", "eva", "105.00")  # In the same part.
    await bank.pay("cash", "m1", "105.00")
    bank.to(date(2023, 12, 1))
    await bank.pay("m0", "cash", "125.00")
    first = await bank.run(ENDS[0])
    assert (first.collected, first.unpaid) == ("6.00", "3.00")
    await bank.pay("cash", "m0", "100.00")
    again = await bank.run(ENDS[0])
    assert (again.collected, again.collected_now, again.unpaid) == ("6.00", "0.00", "3.00")


async def test_owed_once_the_period_is_over(bank: Bank) -> None:
    await bank.demurrage()
    await bank.pay("cash", "m0", "105.00")
    number = await bank.desk.read("caja", lambda book: book.numbers["m0"])
    for day, owed in ((ENDS[0], 0), (date(2023, 12, 1), 3_00)):
        bank.to(day)
        assert await bank.runs.owed("caja", [number]) == {number: owed}


async def test_all_is_spread_though_members_are_frozen_or_collect(bank: Bank) -> None:
    """A share of theirs would be left over."""
    await bank.demurrage(spread=True, account="m0")
    await bank.pay("cash", "m1", "3005.00")
    await freeze(bank, "m2")
    bank.to(date(2023, 12, 1))
    report = await bank.run(ENDS[0])
    assert (report.collected, report.given) == ("90.00", "90.00")
    after = await bank.balances()
    assert (after["m0"], after["m2"], after["m3"]) == (0, 0, 10_00)  # Of nine.


async def test_when_a_run_is_refused(bank: Bank) -> None:
    assert await bank.refused(ENDS[0]) == "demurrage_not_found"
    await bank.demurrage()
    assert await bank.refused(date(2023, 10, 31)) == "no_such_period"
    assert await bank.refused(date(2023, 12, 15)) == "no_such_period"  # Within one.
    bank.to(ENDS[0])
    assert await bank.refused(ENDS[0]) == "period_not_over"
    bank.to(date(2023, 12, 1))
    line = {"by": "x", "days": DaysBy.COMMAND}
    await bank.desk.change_rule(
        "caja", lambda _, now: ([SettingsChanged(recorded_at=now, **line)], None)
    )
    assert await bank.refused(ENDS[0]) == "period_not_over"


async def test_a_run_is_for_those_who_need_not_sign(bank: Bank) -> None:
    """Or it would say that nothing could be collected."""
    await bank.demurrage()
    bank.to(date(2023, 12, 1))
    line = {"by": "x", "action": "register", "poster": OPERATOR.posts_as}
    key = bytes(range(32))
    await bank.desk.change_rule(
        "caja", lambda _, now: ([PosterKey(recorded_at=now, public_key=key, **line)], None)
    )
    assert await bank.refused(ENDS[0]) == "signature_missing"


async def test_a_fee_asks_again_for_what_is_missing(bank: Bank) -> None:
    await bank.club()
    await open_account(bank, "fund", kind="fund")
    await bank.pay("cash", "fund", "99.00")  # Who is no member.

    first = await bank.fee(ENDS[0])
    # cash and ben can pay it all, ana and eva nothing, each of seven down to -20.00.
    assert (first.collected, first.unpaid) == ("200.00", "130.00")
    assert (await bank.fee(ENDS[0])).collected_now == "0.00"
    receipt = await bank.pay("cash", "m6", "4.00")
    assert isinstance(receipt, Receipt)
    second = await bank.fee(ENDS[0])
    assert (second.collected, second.collected_now, second.unpaid) == (
        "204.00",
        "4.00",
        "126.00",
    )


async def test_who_left_owes_no_fee(bank: Bank) -> None:
    await bank.club()
    await freeze(bank, "ana", Status.CLOSED)
    report = await bank.fee(ENDS[0])
    assert report.unpaid_accounts[0].account == "eva"


async def test_a_fee_is_paid_once_though_another_collects_it(bank: Bank) -> None:
    await bank.club()
    await open_account(bank, "fund", kind="fund")
    first = await bank.fee(ENDS[0])
    await bank.club(treasury="fund")
    again = await bank.fee(ENDS[0])
    assert (again.collected, again.collected_now) == (first.collected, "0.00")


async def test_when_no_fee_is_charged(bank: Bank) -> None:
    """Before the period has begun, and while a batch would be refused and spend its id."""
    await bank.club()
    assert await bank.no_fee(ENDS[1]) == "period_not_begun"
    line = {"by": "x", "days": DaysBy.COMMAND}
    await bank.desk.change_rule(
        "caja", lambda _, now: ([SettingsChanged(recorded_at=now, **line)], None)
    )
    assert await bank.no_fee(ENDS[0]) == "no_day_open"


async def test_no_run_spends_ids_while_who_collects_cannot(bank: Bank) -> None:
    """All its transfers would be refused, and never asked for again."""
    await bank.club()
    await bank.demurrage(spread=True)
    await bank.pay("cash", "m0", "105.00")
    bank.to(date(2023, 12, 1))
    await freeze(bank, "oxi", Status.FROZEN_DEBITS)
    assert await bank.refused(ENDS[0]) == "debit_account_frozen"  # It gives nothing out.
    for status in (Status.FROZEN_CREDITS, Status.FROZEN):
        await freeze(bank, "oxi", status)
        assert await bank.refused(ENDS[0]) == "credit_account_frozen"
        assert await bank.no_fee(ENDS[0]) == "credit_account_frozen"
    await freeze(bank, "oxi", Status.OPEN)
    assert (await bank.run(ENDS[0])).given == "3.00"
    await freeze(bank, "oxi", Status.FROZEN_DEBITS)
    assert (await bank.fee(ENDS[0])).collected == "212.17"


async def test_who_collected_may_be_closed_once_there_is_no_rule(bank: Bank) -> None:
    """What is still owed for before is charged once it is opened again."""
    await bank.demurrage()
    await bank.pay("cash", "m0", "105.00")
    bank.to(date(2023, 12, 1))
    await bank.no_demurrage(date(2023, 12, 1))
    await freeze(bank, "oxi", Status.CLOSED)
    assert await bank.refused(ENDS[0]) == "credit_account_closed"
    await freeze(bank, "oxi", Status.OPEN)
    assert (await bank.run(ENDS[0])).collected == "3.00"


async def test_a_levy_to_who_collects_is_no_part_of_the_fee(bank: Bank) -> None:
    await bank.club()
    await bank.levy("fee", "1.00", "oxi")
    first = await bank.fee(ENDS[0])
    # Each of seven pays 19.00 and 1.00 more, cash and ben 30.00 and 1.00 more.
    assert (first.collected, first.unpaid) == ("193.00", "137.00")
    await bank.pay("cash", "m6", "12.00")
    second = await bank.fee(ENDS[0])
    assert (second.collected_now, second.unpaid) == ("11.00", "126.00")
    assert (await bank.balances())["oxi"] == 204_00 + 10_00
