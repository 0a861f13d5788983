"""Limits by days of the ledger, and the closing of accounts, as the writer carries them out."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from ledger.core.answered import ProposalReceipt, Receipt, Standing
from ledger.core.asked import (
    AskedAccount,
    AskedAct,
    AskedChange,
    AskedCurrency,
    AskedDecision,
    AskedEarned,
    AskedLedger,
    AskedLimits,
    AskedPayments,
    AskedPolicy,
    AskedTerms,
    Caller,
)
from ledger.core.faults import MalformedRequest, OutcomeUnknown
from ledger.core.leaves import (
    BatchPosted,
    LimitChanged,
    LimitPlanned,
    PosterKey,
    StatusChanged,
)
from ledger.core.model import Account, Action, CurrencyKind, Nature, Role, Status
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import ApprovalRule
from ledger.journal.canonical import decode_leaf
from ledger.sequencer.desk import Sequencer
from tests.sequencer.houses import OPERATOR, START, House, balance, batch, furnish, pay
from tests.sequencer.test_writer import until

DAY = 86_400_000_000
ACT = AskedAct(number="ACTA-14/2026", date=date(2026, 2, 28), hash="ab" * 32)
TODAY = date(2023, 11, 14)  # In Mexico, where it is 16:13 at START.


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "notary")


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


async def change(
    desk: Sequencer, code: str, *, dry_run: bool = False, **what: object
) -> Account:
    asked = AskedChange(reason="harvest", **what)  # type: ignore[arg-type]
    outcome = await desk.change_account("caja", code, asked, OPERATOR, dry_run=dry_run)
    assert isinstance(outcome, Account), outcome
    return outcome


async def refused(desk: Sequencer, code: str, **what: object) -> str:
    """Why a change is refused, tried dry and in earnest; the journal has nothing of it."""
    asked = AskedChange(reason="harvest", **what)  # type: ignore[arg-type]
    size = (await desk.view("caja")).size
    dry = await desk.change_account("caja", code, asked, OPERATOR, dry_run=True)
    outcome = await desk.change_account("caja", code, asked, OPERATOR)
    assert isinstance(outcome, Refusal), outcome
    assert outcome == dry
    assert (await desk.view("caja")).size == size
    return outcome.code.value


async def limits(desk: Sequencer, *codes: str, **what: object) -> list[Account] | Refusal:
    asked = AskedLimits(accounts=list(codes), reason="board", **what)  # type: ignore[arg-type]
    return await desk.change_limits("caja", asked, OPERATOR)


async def standing(desk: Sequencer, code: str) -> Standing:
    found = await desk.standing("caja", code)
    assert found is not None
    return found


def leaves(house: House, kind: type) -> list:  # type: ignore[type-arg]
    lines = map(decode_leaf, house.database.ledgers[1].lines)
    return [line for line in lines if isinstance(line, kind)]


# ---- days


@pytest.mark.parametrize(
    ("zone", "day", "first", "hours"),
    [
        ("America/Mexico_City", date(2026, 2, 28), "2026-02-28T06:00+00:00", 24),
        ("Europe/Madrid", date(2026, 3, 29), "2026-03-28T23:00+00:00", 23),
        ("Europe/Madrid", date(2026, 10, 25), "2026-10-24T22:00+00:00", 25),
        # Clocks go forward at midnight: the day begins at one.
        ("America/Santiago", date(2026, 9, 6), "2026-09-06T04:00+00:00", 23),
        # And back at midnight: the day before has its last hour twice.
        ("America/Santiago", date(2026, 4, 4), "2026-04-04T03:00+00:00", 25),
        # Back at one: midnight comes twice, and the day begins with the first.
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00+00:00", 25),
        ("UTC", date(2024, 2, 29), "2024-02-29T00:00+00:00", 24),
    ],
)
async def test_a_day_begins_where_the_ledger_is(
    house: House, zone: str, day: date, first: str, hours: int
) -> None:
    async with house.serving() as desk:
        asked = AskedLedger(code="caja", name="Caja", time_zone=zone)
        await desk.open_ledger(asked, OPERATOR)
        decider = desk.writer("caja").decider
        begins, ends = decider.midnight(day), decider.midnight(day + timedelta(days=1))
        assert begins == moment(first)
        assert ends - begins == hours * 3_600_000_000

        def day_of(moment: int) -> date:
            return decider._clock.day_of(moment, decider.book)

        for at, expected in ((begins - 1, day - timedelta(days=1)), (begins, day)):
            assert day_of(at) == expected
            assert day_of(at + ends - begins) == expected + timedelta(days=1)


async def test_a_limit_for_some_days(house: House) -> None:
    """From the first moment of one day to the last of another, and back to what it was."""
    async with house.serving() as desk:
        await furnish(desk)
        days = {"starts": TODAY + timedelta(days=1), "ends": TODAY + timedelta(days=2)}
        planned = await change(desk, "ana", lower_bound="-80.00", act=ACT, **days)
        assert planned.lower == 0
        before = (await desk.view("caja")).size
        await change(desk, "ana", lower_bound="-80.00", act=ACT, **days)
        assert (await desk.view("caja")).size == before, "asked again, planned once"
        start = desk.writer("caja").decider.midnight(TODAY + timedelta(days=1))
        house.now = start - 100
        assert (await standing(desk, "ana")).account.lower == 0
        house.now = start
        await until(lambda: len(leaves(house, LimitChanged)) == 1)
        assert (await standing(desk, "ana")).account.lower == -8_000
        await desk.writer("caja").snapshot_soon()
    house.now = start + 2 * DAY - 100
    async with house.serving() as desk:
        assert (await standing(desk, "ana")).account.lower == -8_000
    house.now = start + 2 * DAY
    async with house.serving() as desk:
        assert (await standing(desk, "ana")).account.lower == 0
    [plan] = leaves(house, LimitPlanned)
    assert (plan.starts, plan.ends) == (start, start + 2 * DAY)
    index = house.database.ledgers[1].lines.index(
        next(line for line in house.database.ledgers[1].lines if b'"limit_planned"' in line)
    )
    assert [line.plan for line in leaves(house, LimitChanged)] == [index, index]
    assert all(line.act == plan.act for line in leaves(house, LimitChanged))
    assert house.book().account(2).lower == 0


async def test_a_limit_from_now_on_holds_at_once(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        changed = await change(desk, "ana", lower_bound="-80.00", ends=TODAY)
        assert changed.lower == -8_000
        assert await refused(desk, "ana", lower_bound="-90.00", ends=date(2023, 11, 13)) == (
            "limit_plan_over"
        )
        with pytest.raises(MalformedRequest):
            await change(desk, "ana", lower_bound="-90.00", ends=date(9999, 12, 31))
        house.now = desk.writer("caja").decider.midnight(TODAY + timedelta(days=1)) - 100
        assert (await standing(desk, "ana")).account.lower == -8_000
        house.now += 100
        assert (await standing(desk, "ana")).account.lower == 0


async def test_many_accounts_all_or_none(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        codes = ["ana", "eva", "ana"]
        done = await limits(
            desk, *codes, lower_bound="-7.00", payments=AskedPayments(day="5.00"), act=ACT
        )
        assert isinstance(done, list)
        assert [(each.code, each.lower) for each in done] == [("ana", -700), ("eva", -700)]
        size = (await desk.view("caja")).size
        refusal = await limits(desk, "ana", "ben", lower_bound="100.01")
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.position, refusal.account) == ("bounds_crossed", 1, 3)
        refusal = await limits(desk, "ana", "nobody", lower_bound="-8.00")
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.position) == ("account_not_found", 1)
        same = await limits(
            desk, *codes, lower_bound="-7.00", payments=AskedPayments(day="5.00")
        )
        assert same == done
        assert (await desk.view("caja")).size == size
        await limits(desk, "ana", "eva", starts=TODAY + timedelta(days=3), upper_bound="9.00")
        plans = [(await standing(desk, code)).plans for code in ("ana", "eva")]
        assert [len(some) for some in plans] == [1, 1]
        begun = await limits(desk, "ana", "eva", ends=TODAY, upper_bound="8.00")
        assert isinstance(begun, list)
        assert [each.upper for each in begun] == [800, 800]
        assert [line.account for line in leaves(house, LimitChanged)] == [2, 4, 2, 4]
        await limits(desk, "ana", unplan=plans[0][0][0])
        assert [begun for _, _, begun in (await standing(desk, "ana")).plans] == [True]
    book = house.book()
    assert len(book.plans.of(4)) == 2


async def test_payment_limits_and_what_is_left(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "90.00")), OPERATOR)
        await limits(desk, "ana", payments=AskedPayments(transfer="30.00", day="50.00"))
        await desk.post("caja", batch(2, pay("ana", "eva", "29.99")), OPERATOR)
        refusal = await desk.post(
            "caja", batch(3, pay("ana", "eva", "20.02")), OPERATOR, dry_run=True
        )
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.available) == ("exceeds_payment_limit", 2_001)
        await desk.writer("caja").snapshot_soon()
    house.now = START + 100
    async with house.serving() as desk:
        assert (await standing(desk, "ana")).left == {"transfer": 3_000, "day": 2_001}
        house.now = desk.writer("caja").decider.midnight(TODAY + timedelta(days=1)) - 100
        assert (await standing(desk, "ana")).left["day"] == 2_001
        house.now += 100
        assert (await standing(desk, "ana")).left["day"] == 5_000
        await limits(desk, "ana", payments=AskedPayments())
        assert (await standing(desk, "ana")).payments is None
    assert house.book().payments.limits == {}


async def test_an_earned_limit_comes_back_from_the_journal_alone(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await limits(desk, "ana", earned=AskedEarned(n=1, d=2, cap="100.00", base="10.00"))
        await desk.post("caja", batch(1, pay("cash", "ana", "90.00")), OPERATOR)
        found = await standing(desk, "ana")
        assert (found.account.lower, found.received) == (-5_500, 9_000)
        assert await refused(desk, "ana", lower_bound="-1.00") == "limit_is_earned"
        raised = await change(desk, "ana", upper_bound="500.00")
        assert (raised.lower, raised.upper) == (-5_500, 50_000)
    assert house.book().account(2).lower == -5_500
    async with house.serving() as desk:
        await limits(desk, "ana", earned="none")
        assert (await change(desk, "ana", lower_bound="-1.00")).lower == -100
    with pytest.raises(MalformedRequest):
        async with house.serving() as desk:
            await limits(desk, "ana", earned=AskedEarned(n=1, d=2, cap="-1.00"))


# ---- closing


async def test_closing_moves_what_remains_in_the_same_group(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "12.34")), OPERATOR)
        assert await refused(desk, "ana", status=Status.CLOSED) == "account_not_at_zero"
        assert await refused(desk, "ana", status=Status.CLOSED, remaining_to="nobody") == (
            "account_not_found"
        )
        assert await refused(desk, "ana", status=Status.CLOSED, remaining_to="ana") == (
            "accounts_must_differ"
        )
        what = {"status": Status.CLOSED, "remaining_to": "eva", "act": ACT}
        dry = await change(desk, "ana", dry_run=True, **what)
        assert (dry.status, dry.balance) == (Status.CLOSED, 0)
        assert await balance(desk, "ana") == 1_234
        closed = await change(desk, "ana", **what)
        assert (closed.status, closed.balance) == (Status.CLOSED, 0)
        assert await balance(desk, "eva") == 1_234
        assert (await change(desk, "ana", **what)).status is Status.CLOSED
        assert await refused(desk, "ana", status=Status.FROZEN) == "account_closed"
        assert (await change(desk, "ana", status=Status.OPEN)).status is Status.OPEN
    moved = leaves(house, BatchPosted)[-1]
    line = leaves(house, StatusChanged)[0]
    assert moved.recorded_at == line.recorded_at
    assert line.act.number == "ACTA-14/2026"
    assert b'"kind":"closing"' in house.database.ledgers[1].posted[-1].body
    assert house.book().account(2).status is Status.OPEN


async def test_what_keeps_an_account_from_closing(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "100.01")), OPERATOR)
        what = {"status": Status.CLOSED, "remaining_to": "ben"}
        assert await refused(desk, "ana", **what) == "exceeds_balance_limit"
        await change(desk, "ana", status=Status.FROZEN)
        assert await refused(desk, "ana", status=Status.CLOSED, remaining_to="eva") == (
            "debit_account_frozen"
        )
        await change(desk, "ana", status=Status.OPEN)
        await limits(desk, "ana", payments=AskedPayments(day="100.00"))
        assert await refused(desk, "ana", status=Status.CLOSED, remaining_to="eva") == (
            "exceeds_payment_limit"
        )


async def test_who_signs_moves_what_remains_before_closing(house: House) -> None:
    """The ledger cannot sign in another's name, and unsigned no reader would take it."""
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "1.00")), OPERATOR)
        key, by = bytes(range(32)), {"recorded_at": START, "by": "x"}
        line = PosterKey(action="register", poster=OPERATOR.posts_as, public_key=key, **by)
        await desk.change_rule("caja", lambda _, now: ([replace(line, recorded_at=now)], None))
        what = {"status": Status.CLOSED, "remaining_to": "eva"}
        assert await refused(desk, "ana", **what) == "signature_missing"
    assert house.book().account(2).balance == 100


async def test_what_an_account_has_goes_to_none_of_another_currency(house: House) -> None:
    """Whether it has something or owes it."""
    async with house.serving() as desk:
        await furnish(desk)
        hours = AskedCurrency(code="HRS", kind=CurrencyKind.TIME, scale=0)
        assert await desk.add_currency("caja", hours, OPERATOR) is None
        await desk.open_accounts("caja", [AskedAccount(code="h", currency="HRS")], OPERATOR)
        await desk.post("caja", batch(1, pay("ben", "ana", "0.01")), OPERATOR)
        for code in ("ana", "ben"):
            what = {"status": Status.CLOSED, "remaining_to": "h", "act": ACT}
            assert await refused(desk, code, **what) == "accounts_of_different_currencies"


async def test_an_account_with_holds_is_not_closed(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        end = datetime(2030, 1, 1, tzinfo=UTC)
        held = pay("ana", "eva", "1.00", terms=AskedTerms(action=Action.HOLD, expires=end))
        await desk.post("caja", batch(1, pay("cash", "ana", "5.00"), held), OPERATOR)
        assert await refused(desk, "ana", status=Status.CLOSED, remaining_to="ben") == (
            "account_has_holds"
        )


async def test_a_debt_is_repaid_or_written_off_by_a_decision(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        loss = AskedAccount(
            code="loss", currency="MXN", kind="loss", lower_bound="none", upper_bound="none"
        )
        await desk.open_accounts("caja", [loss], OPERATOR)
        await desk.post("caja", batch(1, pay("ben", "cash", "0.01")), OPERATOR)
        closed = {"status": Status.CLOSED}
        for what in (
            {"remaining_to": "cash", "act": ACT},  # Another member's money is no place.
            {"remaining_to": "loss"},
        ):
            assert await refused(desk, "ben", **closed, **what) == "account_in_debt"
        what = {"remaining_to": "loss", "act": ACT}
        assert (await change(desk, "ben", **closed, **what)).status is Status.CLOSED
        assert (await balance(desk, "loss"), await balance(desk, "ben")) == (-1, 0)


async def test_what_a_debit_account_has_goes_to_one_of_its_kind(house: House) -> None:
    """A loan to the other loan, cash to the other till; else it is written off by an act."""
    async with house.serving() as desk:
        await furnish(desk)
        for code, kind in (("cred-1", "loan"), ("cred-2", "loan"), ("till", "cash")):
            what = {"nature": Nature.DEBIT, "lower_bound": "0", "upper_bound": "none"}
            asked = AskedAccount(code=code, currency="MXN", kind=kind, **what)
            assert isinstance(await desk.open_accounts("caja", [asked], OPERATOR), list)
        lent = batch(1, pay("cred-1", "ana", "10000.00"))
        assert isinstance(await desk.post("caja", lent, OPERATOR), Receipt)
        closed = {"status": Status.CLOSED}
        for to in ("till", "ana", "cash"):
            what = {"remaining_to": to, "act": ACT}
            assert await refused(desk, "cred-1", **closed, **what) == "account_in_debt"
        await change(desk, "cred-1", **closed, remaining_to="cred-2")
        assert (await balance(desk, "cred-1"), await balance(desk, "cred-2")) == (0, -10000_00)
        loss = AskedAccount(
            code="loss", currency="MXN", kind="loss", nature=Nature.DEBIT, upper_bound="none"
        )
        await desk.open_accounts("caja", [loss], OPERATOR)
        assert await refused(desk, "cred-2", **closed, remaining_to="loss") == "account_in_debt"
        await change(desk, "cred-2", **closed, remaining_to="loss", act=ACT)
        assert await balance(desk, "loss") == -10000_00


async def test_what_must_be_approved_is_moved_before_the_account_closes(house: House) -> None:
    async with house.serving() as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "5.00")), OPERATOR)
        rule = ApprovalRule(approvals=1, expires_after=3600)
        asked = AskedPolicy(reason="board", rule=rule)
        assert await desk.set_policy("caja", "all", asked, OPERATOR) is None
        size = desk.facts("caja").size
        closed = {"status": Status.CLOSED, "remaining_to": "eva"}
        assert await refused(desk, "ana", **closed) == "approval_needed"
        assert (await desk.proposals("caja"), desk.facts("caja").size) == ([], size)
        waits = await desk.post("caja", batch(2, pay("ana", "eva", "5.00")), OPERATOR)
        assert isinstance(waits, ProposalReceipt)
        said = AskedDecision(batch=UUID(int=2), decision="approved")
        boss = Caller(key="boss", role=Role.APPROVER)
        assert isinstance(await desk.decide("caja", said, boss), Receipt)
        assert (await change(desk, "ana", **closed, act=ACT)).status is Status.CLOSED


async def test_closing_is_done_once_though_nobody_heard(house: House) -> None:
    store = house.store()
    async with house.serving(store) as desk:
        await furnish(desk)
        await desk.post("caja", batch(1, pay("cash", "ana", "12.34")), OPERATOR)
        store.fail_next_commit(after=OutcomeUnknown("the answer was lost"))
        closed = await change(desk, "ana", status=Status.CLOSED, remaining_to="eva")
        assert closed.status is Status.CLOSED
        assert await balance(desk, "eva") == 1_234
        store.fail_next_commit(before=OutcomeUnknown("the session was lost"))
        await change(desk, "eva", status=Status.CLOSED, remaining_to="cash")
        assert await balance(desk, "cash") == 0
    assert len(leaves(house, StatusChanged)) == 2
    assert house.book().account(4).status is Status.CLOSED
