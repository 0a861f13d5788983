"""Limits and the life of accounts over HTTP: who may do and see what, and what is shown."""

from typing import Any

import pytest

from ledger.api import limit_time
from ledger.core.leaves import StatusChanged
from ledger.journal.canonical import decode_leaf
from tests.api.offices import CAJA, Office, pay, uid

ACCOUNTS = f"{CAJA}/accounts"
ACT = {"number": "ACTA-14/2026", "date": "2026-11-21", "hash": "0f" * 32}


async def limits(office: Office, *accounts: str, **what: object) -> Any:
    asked = {"accounts": accounts, "reason": "assembly", **what}
    answer = await office.ask("POST", f"{CAJA}/limits", asked)
    assert answer.status == 200, answer.body
    return answer.body["accounts"]


async def change(office: Office, code: str, who: str = "operator", **what: object) -> Any:
    return await office.ask("PATCH", f"{ACCOUNTS}/{code}", {"reason": "asked", **what}, who=who)


async def get(office: Office, path: str, who: str = "operator") -> Any:
    answer = await office.ask("GET", f"{ACCOUNTS}/{path}", who=who)
    assert answer.status == 200, answer.body
    return answer.body


async def post(office: Office, number: int, *args: str) -> Any:
    return await office.ask("POST", f"{CAJA}/transfers", {"id": uid(number), **pay(*args)})


async def test_limits_and_what_is_left_of_them(office: Office) -> None:
    rule = {"n": 1, "d": 4, "base": "10.00", "cap": "30.00", "kinds": ["payment"]}
    await limits(
        office, "ana", earned=rule, payments={"transfer": "40", "week": "60.00"}, act=ACT
    )
    await post(office, 1, "cash", "ana", "50.00")
    await post(office, 2, "ana", "eva", "32.50")
    await post(office, 3, "ana", "eva", "27.50")
    standing = await get(office, "ana/standing")
    assert standing["payment_limits"] == {
        "transfer": {"limit": "40.00", "left": "40.00"},
        "week": {"limit": "60.00", "left": "0.00"},
    }
    assert standing["earned"] == {**rule, "received": "50.00"}
    account = standing["account"]
    assert (account["lower_bound"], account["available"]) == ("-22.50", "12.50")
    assert standing["business_date"] == "2023-11-14"
    refused = await post(office, 4, "ana", "eva", "0.01")
    assert (refused.code, refused.body["available"]) == ("exceeds_payment_limit", "0.00")
    assert "at_limit_since" not in standing


async def test_since_when_an_account_is_negative_and_at_its_limit(office: Office) -> None:
    receipts = []
    steps = [("ben", "cash", "20"), ("cash", "ben", "30"), ("ben", "cash", "35"),
             ("ben", "cash", "25"), ("eva", "ana", "1")]  # fmt: skip
    for number, (debit, credit, amount) in enumerate(steps, 1):
        answer = await post(office, number, debit, credit, amount)
        receipts.append(answer.body.get("receipt"))
    standing = await get(office, "ben/standing")
    assert standing["account"]["balance"] == "-50.00"
    assert standing["negative_since"] == receipts[2]["recorded_at"]
    assert standing["at_limit_since"] == receipts[3]["recorded_at"]
    assert standing["seconds_at_limit"] == 0
    office.house.now += 7_000_000
    assert (await get(office, "ben/standing"))["seconds_at_limit"] == 7
    await limits(office, "ben", lower_bound="-60")
    standing = await get(office, "ben/standing")
    assert "at_limit_since" not in standing
    assert standing["negative_since"] == receipts[2]["recorded_at"]
    debit = {"code": "till", "currency": "MXN", "nature": "debit", "lower_bound": "-9"}
    await office.ask("POST", ACCOUNTS, debit)
    paid = await post(office, 9, "cash", "till", "8.99")
    standing = await get(office, "till/standing")
    assert standing["account"]["balance"] == "-8.99"
    assert standing["negative_since"] == paid.body["receipt"]["recorded_at"]
    assert "at_limit_since" not in standing
    await post(office, 10, "cash", "till", "0.01")
    assert "at_limit_since" in await get(office, "till/standing")


async def test_how_long_an_account_was_at_its_limit(office: Office) -> None:
    """Over days of the ledger, in all, by its limit as it was then. The house has 16:13."""
    a_minute, an_hour, a_day = 60, 3600, 86_400

    def sleep(seconds: int) -> None:
        office.house.now += seconds * 1_000_000

    async def over(first: str, last: str | None = None, code: str = "ben") -> Any:
        to = "" if last is None else f"&to={last}"
        return (await get(office, f"{code}/standing?from={first}{to}"))["period"]

    since_midnight = 58_400  # Until START, 2023-11-14 22:13:20 in UTC.
    begun = await over("2023-11-14")
    assert begun["seconds_at_limit"] == 0
    await post(office, 1, "ben", "cash", "50")  # To its limit of 50,
    sleep(an_hour)
    await post(office, 2, "cash", "ben", "1")  # and away.
    sleep(an_hour)
    await post(office, 3, "ben", "cash", "0.50")
    await limits(office, "ben", lower_bound="-49.50")  # The limit comes to it,
    sleep(a_minute)
    await limits(office, "ben", lower_bound="-60")  # and goes.
    sleep(a_minute)
    await limits(office, "ben", lower_bound="-40", soft_bounds="lower")
    found = await over("2023-11-14")
    assert found["seconds_at_limit"] == an_hour + a_minute
    sleep(a_minute)
    found = await over("2023-11-14")
    assert found["seconds_at_limit"] == an_hour + 2 * a_minute
    assert (begun["seconds"], found["seconds"]) == (0, 2 * an_hour + 3 * a_minute)
    assert (found["from"], found["to"]) == ("2023-11-14", "2023-11-14")
    sleep(2 * a_day)
    whole = await over("2023-11-15", "2023-11-15")
    assert (whole["seconds"], whole["seconds_at_limit"]) == (a_day, a_day)
    assert (await over("2023-11-13", "2023-11-13"))["seconds"] == 0  # It was not there yet.
    first = await over("2023-11-01", "2023-11-14")
    rest = await over("2023-11-15")
    everything = await over("2023-11-14")
    both = first["seconds_at_limit"] + rest["seconds_at_limit"]
    assert everything["seconds_at_limit"] - both in (0, 1)  # Each is cut to whole seconds.
    # It was opened some microseconds later.
    assert a_day - since_midnight - first["seconds"] in (0, 1)
    assert rest == {**rest, "to": "2023-11-16"}
    await limits(office, "ben", earned={"n": 1, "d": 2, "cap": "50"})
    sleep(1)
    assert "seconds_at_limit" not in await over("2023-11-16")
    assert (await over("2023-11-15", "2023-11-15"))["seconds_at_limit"] == a_day
    none = await over("2023-11-14", code="cash")  # Which has no lower bound.
    assert none["seconds_at_limit"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "to=2023-11-14",
        "from=2023-11-15",
        "from=2023-11-14&to=2023-11-13",
        "from=1969-12-31",
        "from=2023-11-14&to=2200-01-01",
        "from=yesterday",
    ],
)
async def test_days_over_which_nobody_was_at_a_limit(office: Office, query: str) -> None:
    path = f"{ACCOUNTS}/ben/standing?{query}"
    assert (await office.ask("GET", path)).code == "malformed_request"


async def test_time_at_a_limit_of_many_transfers_and_of_an_account_shown_the_other_way(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever pages they come in; and what only holds keep back moves no balance."""
    monkeypatch.setattr(limit_time, "ROWS", 3)
    monkeypatch.setattr(limit_time, "SCAN", 1)
    debit = {"code": "till", "currency": "MXN", "nature": "debit", "lower_bound": "-9"}
    await office.ask("POST", ACCOUNTS, debit)
    office.house.now += 5_000_000
    expected = 0
    for number in range(1, 12):
        there = number % 2 == 1
        sides = ("cash", "till") if there else ("till", "cash")
        await post(office, number, *sides, "9")
        office.house.now += number * 1_000_000
        expected += number * there
    period = (await get(office, "till/standing?from=2023-11-14"))["period"]
    assert (period["seconds"], period["seconds_at_limit"]) == (5 + 66, expected)
    terms = {"action": "hold", "expires": "2023-12-01T00:00:00Z"}
    hold = {"id": uid(99), **pay("till", "cash", "1"), "terms": terms}
    assert (await office.ask("POST", f"{CAJA}/transfers", hold)).status == 201
    office.house.now += 86_400_000_000
    for day in ("2023-11-14", "2023-11-15"):
        later = (await get(office, f"till/standing?from={day}"))["period"]
        assert later["seconds_at_limit"] == later["seconds"] - (35 if "14" in day else 0)


async def test_the_history_of_limits(office: Office) -> None:
    await change(office, "ana", lower_bound="-5", soft_bounds="lower", act=ACT)
    await limits(office, "ana", "eva", lower_bound="-9", starts="2031-01-01", ends="2031-02-28")
    index = (await get(office, "ana/limits"))["changes"][-1]["leaf_index"]
    await limits(office, "ana", unplan=index)
    await limits(office, "ana", payments={"day": "3"}, earned={"n": 1, "d": 3, "cap": "9"})
    await change(office, "ana", status="frozen")
    for number in (1, 2):  # Refused batches name the account too, and are no changes.
        await post(office, number, "ana", "eva", "1.00")
    changes = (await get(office, "ana/limits"))["changes"]
    assert [one["what"] for one in changes] == [
        "bounds",
        "planned",
        "unplanned",
        "earned",
        "payments",
    ]
    first, planned, *_ = changes
    assert first["act"] == ACT
    assert (first["reason"], first["lower_bound"], first["soft_bounds"]) == (
        "asked",
        "-5.00",
        "lower",
    )
    assert first["by"].startswith("key-")
    assert (planned["starts"], planned["ends"]) == (
        "2031-01-01T06:00:00.000000Z",
        "2031-03-01T06:00:00.000000Z",
    )
    assert changes[2]["plan"] == index
    page = await get(office, "ana/limits?limit=2")
    rest = await get(office, f"ana/limits?limit=9&after={page['next']}")
    assert page["changes"] + rest["changes"] == changes
    assert "next" not in rest
    foreign = await office.ask("GET", f"{ACCOUNTS}/ana/limits", who="poster")
    assert foreign.code == "account_not_yours"


async def test_only_compliance_sends_an_order_and_nothing_else(office: Office) -> None:
    state = office.state()
    for who, what in [
        ("operator", {"status": "frozen", "order": "UEI/117/2026"}),
        ("service", {"status": "frozen", "order": "UEI/117/2026"}),
        ("compliance", {"status": "frozen"}),
        ("compliance", {"lower_bound": "-1"}),
        ("auditor", {"status": "frozen", "order": "UEI/117/2026"}),
        ("poster", {"status": "frozen"}),
    ]:
        assert (await change(office, "cash", who, **what)).code == "role_not_allowed"
    mixed = {"status": "frozen", "order": "UEI/117/2026", "lower_bound": "-1"}
    assert (await change(office, "cash", "compliance", **mixed)).code == "malformed_request"
    for path, body in (
        (f"{CAJA}/limits", {"accounts": ["ana"], "reason": "x", "lower_bound": "-1"}),
        (f"{CAJA}/transfers", {"id": uid(1), **pay("cash", "ana", "1")}),
        (ACCOUNTS, {"code": "new", "currency": "MXN"}),
        (f"{CAJA}/keys", {"role": "auditor"}),
    ):
        assert (await office.ask("POST", path, body, who="compliance")).code == (
            "role_not_allowed"
        )
    assert office.state() == state


async def test_why_an_authority_froze_an_account_few_may_know(office: Office) -> None:
    order = {"status": "frozen", "order": "UEI/117/2026", "reason": "laundering"}
    assert (await change(office, "cash", "compliance", **order)).status == 200
    assert (await change(office, "cash", status="open")).code == "account_frozen_by_order"
    teller = await office.ask(
        "POST", f"{CAJA}/transfers", {"id": uid(1), **pay("cash", "ana", "1")}, who="poster"
    )
    assert teller.code == "debit_account_frozen"
    for who in ("operator", "poster", "approver"):
        [line] = (await get(office, "cash/statuses", who))["changes"]
        assert set(line) == {"leaf_index", "recorded_at", "status"}
        for path in ("cash", "cash/standing", "cash/limits"):
            assert "UEI" not in str(await get(office, path, who))
            assert "laundering" not in str(await get(office, path, who))
    assert "UEI" not in str(teller.body)
    for who in ("auditor", "compliance"):
        [line] = (await get(office, "cash/statuses", who))["changes"]
        assert (line["order"], line["reason"]) == ("UEI/117/2026", "laundering")
    lines = office.database.ledgers[1].lines
    frozen = decode_leaf(lines[line["leaf_index"]])
    assert isinstance(frozen, StatusChanged)
    assert (frozen.order, len(frozen.salt or b"")) == ("UEI/117/2026", 16)
    bundle = f"{CAJA}/journal/tile/entries/000.p/{len(lines)}"
    for who in ("operator", "service", "approver", "poster"):
        assert (await office.ask("GET", bundle, who=who)).code == "role_not_allowed"
    for who in ("auditor", "compliance"):
        assert b"UEI/117/2026" in (await office.ask("GET", bundle, who=who)).body
    lifted = {"status": "open", "order": "UEI/201/2026"}
    assert (await change(office, "cash", "compliance", **lifted)).status == 200
    assert (await change(office, "cash", status="frozen_debits")).status == 200
    last = (await get(office, "cash/statuses"))["changes"][-1]
    assert (last["status"], last["reason"]) == ("frozen_debits", "asked")
    assert b'"salt"' not in lines[last["leaf_index"]]


async def test_an_account_is_closed_with_what_remains_and_opened_again(office: Office) -> None:
    await post(office, 1, "cash", "ana", "12.34")
    what = {"status": "closed", "remaining_to": "eva"}
    path = f"{ACCOUNTS}/ana?dry_run=true"
    before = office.state()
    dry = await office.ask("PATCH", path, {"reason": "asked", **what})
    assert dry.body["account"]["status"] == "closed"
    assert office.state() == before
    closed = await change(office, "ana", **what)
    assert (closed.body["status"], closed.body["balance"]) == ("closed", "0.00")
    assert (await get(office, "eva"))["balance"] == "12.34"
    statement = await get(office, "ana/statement?from=2023-11-14&to=2023-11-14")
    assert [line["kind"] for line in statement["transfers"]] == ["payment", "closing"]
    assert (await change(office, "ana", status="open")).body["status"] == "open"
    reasons = [line["reason"] for line in (await get(office, "ana/statuses"))["changes"]]
    assert reasons == ["asked", "asked"]


async def test_what_does_not_go_together_is_refused(office: Office) -> None:
    state = office.state()
    for what in (
        {"starts": "2031-01-01", "status": "frozen"},
        {"remaining_to": "eva", "status": "frozen"},
        {"remaining_to": "eva", "lower_bound": "-1"},
        {"act": ACT},
        {"lower_bound": "-1", "act": {**ACT, "hash": "0f"}},
        {"lower_bound": "-1", "starts": "2031-02-29"},
        {"lower_bound": "-1", "starts": "9999-12-31"},
    ):
        assert (await change(office, "ana", **what)).code == "malformed_request", what
    for more in (
        {},
        {"starts": "2031-01-01"},
        {"lower_bound": "-1", "earned": {"n": 1, "d": 1, "cap": "1"}},
        {"earned": {"n": 0, "d": 1, "cap": "1"}},
        {"earned": "never"},
        {"payments": {"hour": "1"}},
    ):
        asked = {"accounts": ["ana"], "reason": "x", **more}
        answer = await office.ask("POST", f"{CAJA}/limits", asked)
        assert answer.code == "malformed_request", more
    asked = {"accounts": ["ana"], "reason": "x", "payments": {"day": "0"}}
    assert (await office.ask("POST", f"{CAJA}/limits", asked)).code == "malformed_amount"
    assert office.state() == state
