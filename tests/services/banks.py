"""A sequencer with members, an account that collects, and runs over parts of three."""

import itertools
from datetime import date
from typing import Any

import pytest

from ledger.core import rules
from ledger.core.answered import PostOutcome, RunReport
from ledger.core.asked import AskedAccount, AskedChange, AskedRun
from ledger.core.model import Side, Status
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import DemurrageSet
from ledger.core.rules import AskedDemurrage, AskedFee, AskedLevy, AskedRate
from ledger.memory.reads import MemoryReads
from ledger.sequencer.desk import Sequencer
from ledger.services import plans
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

    async def fee(self, end: date, **more: Any) -> RunReport:
        asked = AskedRun(period_end=end)
        report = await self.runs.fee("caja", "club", asked, OPERATOR, **more)
        assert isinstance(report, RunReport), report
        return report

    async def no_fee(self, end: date) -> str:
        outcome = await self.runs.fee("caja", "club", AskedRun(period_end=end), OPERATOR)
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

    async def no_demurrage(self, since: date) -> None:
        line = {"currency": "MXN", "since": since, "by": "x", "reason": "assembly"}
        outcome = await self.desk.change_rule(
            "caja", lambda _, now: ([DemurrageSet(recorded_at=now, **line)], None)
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

    async def levy(self, kind: str, fixed: str, treasury: str) -> None:
        """A fixed amount that who pays something of a kind pays besides."""
        asked = AskedLevy(
            kinds=[kind],
            payer=Side.DEBIT,
            treasury=treasury,
            fixed=fixed,
            reason="assembly",
        )
        await self.desk.change_rule(
            "caja",
            lambda book, now: rules.set_levy(book, "tax", asked, recorded_at=now, by="x"),
        )

    def to(self, day: date) -> None:
        """Let the clock go to noon of a day."""
        noon = 18 * 3_600_000_000
        self.house.now = max(self.house.now, (day - date(1970, 1, 1)).days * A_DAY + noon)


def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs see three accounts as a part, and two parts at once."""
    monkeypatch.setattr(plans, "PART_ACCOUNTS", 3)
    monkeypatch.setattr(services, "WINDOW_PARTS", 2)


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


async def freeze(bank: Bank, code: str, status: Status = Status.FROZEN) -> None:
    change = AskedChange(reason="test", status=status)
    outcome = await bank.desk.change_account("caja", code, change, OPERATOR)
    assert not isinstance(outcome, Refusal)
