"""Runs through a sequencer: over many parts, cut off anywhere, late or in time: the same."""

import itertools
import random
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from msgspec import UNSET

from ledger.core import rules
from ledger.core.answered import PostOutcome, Receipt, RunReport
from ledger.core.asked import (
    AskedAccount,
    AskedBatch,
    AskedChange,
    AskedDecision,
    AskedPolicy,
    AskedRun,
    Caller,
)
from ledger.core.faults import StoreUnavailable
from ledger.core.leaves import SettingsChanged
from ledger.core.model import DaysBy, Role, Status
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import ApprovalRule
from ledger.core.rules import AskedDemurrage, AskedFee, AskedLevy, AskedRate
from ledger.memory.reads import MemoryReads
from ledger.sequencer.desk import Sequencer
from ledger.services import runs as services
from ledger.services.runs import Runs
from tests.sequencer.houses import OPERATOR, House, batch, furnish, pay

A_DAY = 86_400_000_000
MEMBERS = [f"m{n}" for n in range(7)]
ENDS = [date(2023, 11, 30), date(2023, 12, 31), date(2024, 1, 31), date(2024, 2, 29)]


class Bank:
    """A sequencer with members, an account that collects, and runs over parts of three."""

    def __init__(self, house: House, sequencer: Sequencer) -> None:
        self.house = house
        self.desk = sequencer
        self.reads = MemoryReads(house.database)
        self.runs = Runs(sequencer, self.reads)
        self.ids = itertools.count(1)

    async def pay(self, debit: str, credit: str, amount: str, **more: object) -> PostOutcome:
        transfer = pay(debit, credit, amount, **more)
        return await self.desk.post("caja", batch(next(self.ids), transfer), OPERATOR)

    async def run(self, end: date, **more: Any) -> RunReport:
        asked = AskedRun(period_end=end, **more)
        report = await self.runs.demurrage("caja", "MXN", asked, OPERATOR)
        assert isinstance(report, RunReport), report
        return report

    async def refused(self, end: date) -> str:
        asked = AskedRun(period_end=end)
        outcome = await self.runs.demurrage("caja", "MXN", asked, OPERATOR)
        assert isinstance(outcome, Refusal)
        return outcome.code.value

    async def balances(self) -> dict[str, int]:
        return await self.desk.read(
            "caja", lambda book: {code: book.balance[n] for code, n in book.numbers.items()}
        )

    async def demurrage(self, **change: Any) -> None:
        asked = AskedDemurrage(
            **{
                "rate": AskedRate(n=3, d=100),
                "period": "month",
                "account": "oxi",
                "since": date(2023, 11, 1),
                "reason": "assembly",
                "exempt": "5.00",
                **change,
            }
        )
        outcome = await self.desk.change_rule(
            "caja",
            lambda book, now: rules.set_demurrage(book, "MXN", asked, recorded_at=now, by="x"),
        )
        assert not isinstance(outcome, Refusal)

    async def club(self, treasury: str = "oxi") -> None:
        """A fee of 30.00 a month of all members."""
        asked = AskedFee(
            amount="30.00",
            currency="MXN",
            kinds=["member"],
            period="month",
            treasury=treasury,
            since=date(2023, 11, 1),
            reason="assembly",
        )
        await self.desk.change_rule(
            "caja",
            lambda book, now: rules.set_fee(book, "club", asked, recorded_at=now, by="x"),
        )

    def to(self, day: date) -> None:
        """Let the clock go to noon of a day."""
        noon = 18 * 3_600_000_000
        self.house.now = max(self.house.now, (day - date(1970, 1, 1)).days * A_DAY + noon)


@pytest.fixture
async def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bank]:
    monkeypatch.setattr(services, "PART_ACCOUNTS", 3)
    monkeypatch.setattr(services, "WINDOW_PARTS", 2)
    house = House(tmp_path)
    async with house.serving() as sequencer:
        yield await furnished(house, sequencer)


async def furnished(house: House, sequencer: Sequencer) -> Bank:
    await furnish(sequencer)
    accounts = [
        AskedAccount(code="oxi", currency="MXN", kind="fund"),
        *(AskedAccount(code=code, currency="MXN", lower_bound="-20") for code in MEMBERS),
    ]
    assert not isinstance(await sequencer.open_accounts("caja", accounts, OPERATOR), Refusal)
    return Bank(house, sequencer)


async def open_account(bank: Bank, code: str, kind: str = "member") -> None:
    asked = [AskedAccount(code=code, currency="MXN", kind=kind)]
    assert not isinstance(await bank.desk.open_accounts("caja", asked, OPERATOR), Refusal)


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
    monkeypatch.setattr(services, "PART_ACCOUNTS", 3)
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
    part = uuid5(origin, "demurrage/MXN/2023-11-30/1")
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
    change = AskedChange(reason="test", status=Status.FROZEN)
    await bank.desk.change_account("caja", "m2", change, OPERATOR)
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


async def test_a_fee_asks_again_for_what_is_missing(bank: Bank) -> None:
    await bank.club()
    await open_account(bank, "fund", kind="fund")
    await bank.pay("cash", "fund", "99.00")  # Who is no member.

    async def run() -> RunReport:
        run = AskedRun(period_end=ENDS[0])
        report = await bank.runs.fee("caja", "club", run, OPERATOR)
        assert isinstance(report, RunReport)
        return report

    first = await run()
    # cash and ben can pay it all, ana and eva nothing, each of seven down to -20.00.
    assert (first.collected, first.unpaid) == ("200.00", "130.00")
    assert (await run()).collected_now == "0.00"
    receipt = await bank.pay("cash", "m6", "4.00")
    assert isinstance(receipt, Receipt)
    second = await run()
    assert (second.collected, second.collected_now, second.unpaid) == (
        "204.00",
        "4.00",
        "126.00",
    )


async def test_who_left_owes_no_fee(bank: Bank) -> None:
    await bank.club()
    change = AskedChange(reason="left", status=Status.CLOSED)
    left = await bank.desk.change_account("caja", "ana", change, OPERATOR)
    assert not isinstance(left, Refusal)
    report = await bank.runs.fee("caja", "club", AskedRun(period_end=ENDS[0]), OPERATOR)
    assert isinstance(report, RunReport)
    assert report.unpaid_accounts[0].account == "eva"


async def test_when_no_fee_is_charged(bank: Bank) -> None:
    """Before the period has begun, and while a batch would be refused and spend its id."""
    await bank.club()

    async def refused(end: date) -> str:
        outcome = await bank.runs.fee("caja", "club", AskedRun(period_end=end), OPERATOR)
        assert isinstance(outcome, Refusal)
        return outcome.code.value

    assert await refused(ENDS[1]) == "period_not_begun"
    line = {"by": "x", "days": DaysBy.COMMAND}
    await bank.desk.change_rule(
        "caja", lambda _, now: ([SettingsChanged(recorded_at=now, **line)], None)
    )
    assert await refused(ENDS[0]) == "no_day_open"


async def test_a_levy_on_a_fee_is_no_part_of_it(bank: Bank) -> None:
    """Even where both go to the same account."""
    await bank.club()
    levy = AskedLevy(
        kinds=["fee"], treasury="oxi", payer="debit", fixed="1.00", reason="assembly"
    )
    await bank.desk.change_rule(
        "caja",
        lambda book, now: rules.set_levy(book, "tax", levy, recorded_at=now, by="x"),
    )
    for _ in range(2):
        run = AskedRun(period_end=ENDS[0])
        report = await bank.runs.fee("caja", "club", run, OPERATOR)
        assert isinstance(report, RunReport)
        # cash and ben pay it all and 1.00 more; seven have 20.00 for both.
        assert (report.collected, report.unpaid) == ("193.00", "137.00")
    assert (await bank.balances())["oxi"] == 20_200


async def test_what_waits_for_approval_is_not_charged_a_second_time(bank: Bank) -> None:
    """Not by the run of the next period, whichever of both is approved."""
    await bank.demurrage(exempt="0")
    await bank.pay("cash", "m1", "100.00")
    rule = ApprovalRule(approvals=1, expires_after=10_000_000, kinds=["demurrage"])
    asked = AskedPolicy(reason="assembly", rule=rule)
    assert await bank.desk.set_policy("caja", "two", asked, OPERATOR) is None
    bank.to(ENDS[1] + timedelta(days=1))
    first = await bank.run(ENDS[0])
    assert (first.collected, first.unpaid) == ("0.00", "3.00")
    assert await bank.refused(ENDS[1]) == "proposal_pending"
    (waiting,) = await bank.desk.proposals("caja")
    said = AskedDecision(batch=waiting.asked.id, decision="approved")
    other = Caller(key="other", role=Role.OPERATOR)
    assert isinstance(await bank.desk.decide("caja", said, other), Receipt)
    assert (await bank.run(ENDS[1])).unpaid == "2.91"


async def test_a_fee_is_paid_once_though_another_collects_it(bank: Bank) -> None:
    await bank.club()
    await open_account(bank, "fund", kind="fund")
    run = AskedRun(period_end=ENDS[0])
    first = await bank.runs.fee("caja", "club", run, OPERATOR)
    assert isinstance(first, RunReport)
    await bank.club(treasury="fund")
    again = await bank.runs.fee("caja", "club", run, OPERATOR)
    assert isinstance(again, RunReport)
    assert (again.collected, again.collected_now) == (first.collected, "0.00")
