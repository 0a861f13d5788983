"""Runs under rules of approval: what waits is asked for once, and paid once."""

import random
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from ledger.core.answered import RunReport
from ledger.core.asked import AskedDecision, AskedKey, AskedPolicy, AskedRun, Caller
from ledger.core.model import Role
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import ApprovalRule
from tests.sequencer.houses import OPERATOR, House
from tests.services.banks import ENDS, MEMBERS, Bank, furnished, open_account, small_parts

BOARD = Caller(key="board", role=Role.APPROVER)
AN_HOUR = 3_600_000_000


@pytest.fixture
async def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bank]:
    small_parts(monkeypatch)
    house = House(tmp_path)
    async with house.serving() as sequencer:
        yield await furnished(house, sequencer)


async def rule(bank: Bank, *kinds: str, hours: int = 24 * 365) -> None:
    """Somebody else must approve what is of some kinds."""
    asked = ApprovalRule(approvals=1, expires_after=hours * 3600, kinds=list(kinds))
    policy = AskedPolicy(reason="assembly", rule=asked)
    assert await bank.desk.set_policy("caja", "runs", policy, OPERATOR) is None
    await bank.desk.record_key("caja", BOARD.key, AskedKey(role=BOARD.role), OPERATOR)


async def decide(bank: Bank, proposal: UUID, decision: str = "approved") -> None:
    asked = AskedDecision(batch=proposal, decision=decision)  # type: ignore[arg-type]
    outcome = await bank.desk.decide("caja", asked, BOARD)
    assert not isinstance(outcome, Refusal), outcome


def waits(report: RunReport) -> list[tuple[str, str]]:
    return [(one.part, one.amount) for one in report.waiting]


def ids(report: RunReport) -> list[UUID]:
    return [one.proposal for one in report.waiting]


async def size(bank: Bank) -> int:
    return await bank.desk.read("caja", lambda book: book.size)


# ---- fees


async def test_a_fee_that_waits_is_neither_paid_nor_unpaid(bank: Bank) -> None:
    await bank.club()
    await rule(bank, "fee")
    before = await bank.balances()
    first = await bank.fee(ENDS[0])
    # As in a run that need not wait, but what ana and eva could not pay is not even asked for.
    assert waits(first) == [
        ("charge/0", "60.00"),
        ("charge/1", "30.00"),
        ("charge/2", "90.00"),
        ("charge/3", "90.00"),
    ]
    assert (first.collected, first.unpaid) == ("0.00", "60.00")
    assert [one.account for one in first.unpaid_accounts] == ["ana", "eva"]
    assert await bank.balances() == before


async def test_done_again_it_waits_once(bank: Bank) -> None:
    await bank.club()
    await rule(bank, "fee")
    first, leaves = await bank.fee(ENDS[0]), await size(bank)
    await bank.pay("cash", "ana", "50.00")  # Who can pay now, once her part is decided.
    again = await bank.fee(ENDS[0])
    assert (again.waiting, again.unpaid) == (first.waiting, "60.00")
    assert await size(bank) == leaves + 1


async def test_approved_it_is_paid_once(bank: Bank) -> None:
    await bank.club()
    await rule(bank, "fee")
    first = await bank.fee(ENDS[0])
    await decide(bank, ids(first)[0])
    second = await bank.fee(ENDS[0])
    assert second.waiting == first.waiting[1:]
    # cash and ben paid; each of seven will pay down to -20.00.
    assert (second.collected, second.collected_now, second.unpaid) == ("60.00", "0.00", "60.00")
    for proposal in ids(second):
        await decide(bank, proposal)
    await bank.pay("cash", "m6", "4.00")
    third = await bank.fee(ENDS[0])
    assert waits(third) == [("charge/3", "10.00")]
    assert (third.collected, third.unpaid) == ("200.00", "120.00")
    await decide(bank, *ids(third))
    last = await bank.fee(ENDS[0])
    assert (last.collected, last.waiting, last.unpaid) == ("204.00", [], "126.00")


@pytest.mark.parametrize("decision", ["declined", "expired"])
async def test_what_came_to_nothing_is_asked_for_anew(bank: Bank, decision: str) -> None:
    await bank.club()
    await rule(bank, "fee", hours=1)
    first = await bank.fee(ENDS[0])
    if decision == "expired":
        bank.house.now += 2 * AN_HOUR
        await bank.pay("cash", "ben", "1.00")
    else:
        for proposal in ids(first):
            await decide(bank, proposal, decision)
    again = await bank.fee(ENDS[0])
    assert waits(again) == waits(first)
    assert not set(ids(again)) & set(ids(first))
    for proposal in ids(again):
        await decide(bank, proposal)
    assert (await bank.fee(ENDS[0])).collected == "200.00"


async def test_two_periods_may_wait_though_they_are_alike(bank: Bank) -> None:
    await bank.club()
    await rule(bank, "fee")
    bank.to(date(2023, 12, 5))
    first, second = await bank.fee(ENDS[0]), await bank.fee(ENDS[1])
    assert waits(first) == waits(second)
    assert not set(ids(first)) & set(ids(second))
    await bank.pay("cash", "m6", "100.00")
    for proposal in [*ids(first), *ids(second)]:
        await decide(bank, proposal)
    after = await bank.balances()
    assert after["m6"] == 40_00  # Both.
    assert after["oxi"] == 6 * 20_00 + 50_00 + 2 * 60_00  # cash too paid both, ben had 50.00.


async def test_a_run_that_finds_no_room_to_wait_says_so_as_unpaid(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.core.proposals.OPEN_MAX", 3)
    await bank.club()
    await rule(bank, "fee")
    first = await bank.fee(ENDS[0])
    assert (len(first.waiting), first.unpaid) == (3, "150.00")
    await decide(bank, ids(first)[0])
    second = await bank.fee(ENDS[0])
    assert (second.collected, len(second.waiting), second.unpaid) == ("60.00", 3, "60.00")


async def test_a_dry_run_says_what_would_wait(bank: Bank) -> None:
    await bank.club()
    await rule(bank, "fee")
    leaves = await size(bank)
    dry = await bank.fee(ENDS[0], dry_run=True)
    assert await size(bank) == leaves
    assert dry == await bank.fee(ENDS[0])
    assert dry == await bank.fee(ENDS[0], dry_run=True)


# ---- demurrage


async def test_demurrage_that_waits_is_not_charged_by_the_next_period(bank: Bank) -> None:
    await bank.demurrage()
    await rule(bank, "demurrage")
    await bank.pay("cash", "m1", "105.00")
    bank.to(date(2023, 12, 1))
    first = await bank.run(ENDS[0])
    assert waits(first) == [("charge/2", "3.00")]
    bank.to(date(2024, 1, 1))
    second = await bank.run(ENDS[1])
    # 2.91 more of what would be left, beside what waits.
    assert waits(second) == [("charge/2", "3.00"), ("charge/2", "2.91")]
    assert ids(second)[0] == ids(first)[0]
    assert second.unpaid == "0.00"
    assert (await bank.run(ENDS[1])).waiting == second.waiting
    for proposal in ids(second):
        await decide(bank, proposal)
    assert (await bank.balances())["m1"] == 105_00 - 5_91
    assert (await bank.run(ENDS[1])).collected == "2.91"
    assert (await bank.balances())["m1"] == 105_00 - 5_91


async def test_demurrage_that_was_declined_is_charged_by_another_run(bank: Bank) -> None:
    await bank.demurrage()
    await rule(bank, "demurrage")
    await bank.pay("cash", "m1", "105.00")
    bank.to(date(2023, 12, 1))
    first = await bank.run(ENDS[0])
    await decide(bank, *ids(first), "declined")
    second = await bank.run(ENDS[0])
    assert waits(second) == waits(first)
    assert ids(second) != ids(first)
    await decide(bank, *ids(second))
    last = await bank.run(ENDS[0])
    assert (last.collected, last.collected_now, last.waiting) == ("3.00", "0.00", [])


async def test_who_was_not_asked_waits_for_the_next_run(bank: Bank) -> None:
    """The id of a part waits; what is new in it is unpaid until that is decided."""
    await bank.demurrage()
    await rule(bank, "demurrage")
    await bank.pay("cash", "m1", "105.00")
    bank.to(date(2023, 12, 1))
    await bank.run(ENDS[0])
    await bank.pay("cash", "m2", "205.00", business_date=ENDS[0])
    again = await bank.run(ENDS[0])
    assert (waits(again), again.unpaid) == ([("charge/2", "3.00")], "6.00")


# ---- spreading


async def test_nothing_is_spread_while_charges_wait(bank: Bank) -> None:
    await bank.demurrage(spread=True)
    await rule(bank, "demurrage")
    for code in ("m1", "m4"):
        await bank.pay("cash", code, "1105.00")
    bank.to(date(2023, 12, 1))
    first = await bank.run(ENDS[0])
    assert waits(first) == [("charge/2", "33.00"), ("charge/3", "33.00")]
    await decide(bank, ids(first)[0])
    second = await bank.run(ENDS[0])
    assert (second.collected, second.given) == ("33.00", "0.00")
    await decide(bank, ids(first)[1])
    last = await bank.run(ENDS[0])
    assert (last.collected, last.given, last.waiting) == ("66.00", "66.00", [])
    after = await bank.balances()
    assert (after["oxi"], after["m0"], after["eva"]) == (0, 6_00, 6_00)  # Of eleven.


async def test_nothing_is_spread_by_the_last_request_while_charges_of_others_wait(
    bank: Bank,
) -> None:
    await bank.demurrage(spread=True)
    await rule(bank, "demurrage")
    await bank.pay("cash", "m1", "1105.00")
    bank.to(date(2023, 12, 1))
    charges = await bank.run(ENDS[0], parts_max=4)
    assert charges.next == "charge/3"
    gifts = await bank.run(ENDS[0], after="charge/3")
    assert (gifts.given, gifts.waiting) == ("0.00", [])
    await decide(bank, *ids(charges))
    assert (await bank.run(ENDS[0], after="charge/3")).given == "33.00"


async def test_gifts_that_wait_are_given_once(bank: Bank) -> None:
    await bank.demurrage(spread=True)
    await rule(bank, "demurrage_spread")
    await bank.pay("cash", "m1", "1105.00")
    bank.to(date(2023, 12, 1))
    first = await bank.run(ENDS[0])
    assert first.given == "0.00"
    assert waits(first) == [
        ("spread/0", "9.00"),
        ("spread/1", "6.00"),
        ("spread/2", "9.00"),
        ("spread/3", "9.00"),
    ]
    await open_account(bank, "m7")
    await decide(bank, ids(first)[0])
    await decide(bank, ids(first)[1], "declined")
    second = await bank.run(ENDS[0])
    assert second.given == "9.00"
    # What was declined is divided anew, over whom nothing was given or waits for.
    assert sorted(waits(second)) == [
        ("spread/1", "4.00"),
        ("spread/2", "9.00"),
        ("spread/3", "9.00"),
        ("spread/4", "2.00"),
    ]
    for proposal in ids(second):
        await decide(bank, proposal)
    last = await bank.run(ENDS[0])
    assert (last.given, last.waiting) == ("33.00", [])
    assert (await bank.balances())["oxi"] == 0


async def test_a_dry_run_says_which_gifts_would_wait(bank: Bank) -> None:
    await bank.demurrage(spread=True)
    await rule(bank, "demurrage_spread")
    await bank.pay("cash", "m1", "1105.00")
    bank.to(date(2023, 12, 1))
    asked = AskedRun(period_end=ENDS[0])
    dry = await bank.runs.demurrage("caja", "MXN", asked, OPERATOR, dry_run=True)
    assert isinstance(dry, RunReport)
    assert (dry.given, len(dry.waiting)) == ("0.00", 4)


# ---- all of it


@pytest.mark.parametrize("seed", range(8))
async def test_however_it_is_decided_and_repeated_nobody_pays_twice(
    bank: Bank, seed: int
) -> None:
    """Random decisions between runs of two months; in the end all is paid, and once."""
    chance = random.Random(seed)
    await bank.demurrage(spread=bool(seed % 2))
    await bank.club()
    await rule(bank, "demurrage", "fee", "demurrage_spread")
    for code in MEMBERS:
        await bank.pay("cash", code, f"{chance.randrange(100, 900)}.17")
    waiting: set[UUID] = set()

    async def some(decisions: Sequence[str]) -> None:
        for proposal in sorted(waiting):
            decision = chance.choice(decisions)
            if decision != "wait":
                await decide(bank, proposal, decision)
                waiting.discard(proposal)

    for end in (*ENDS[:2], None, None, None):
        if end is not None:
            bank.to(end + timedelta(days=1))
        for _ in range(2):
            for report in [
                *[await bank.run(e) for e in ENDS[:2] if end is None or e <= end],
                *[await bank.fee(e) for e in ENDS[:2] if end is None or e <= end],
            ]:
                waiting |= set(ids(report))
            await some(["wait", "declined", "approved"] if end else ["approved"])
    numbers = await bank.desk.read("caja", lambda book: dict(book.numbers))
    owed = await bank.runs.owed("caja", [numbers[code] for code in MEMBERS])
    # Fees are paid to who collects demurrage here, and count for it; none is owed then.
    assert all(left == 0 for left in owed.values())
    rows = bank.house.book()
    assert sum(rows.balance) == 0
    for end in ENDS[:2]:
        report = await bank.fee(end)
        assert report.waiting == []
        for code in MEMBERS:
            assert code not in [one.account for one in report.unpaid_accounts]
