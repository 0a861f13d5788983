"""Rules over HTTP: set, tried dry, read, removed, and what they do to what is posted."""

from typing import Any

from tests.api.offices import CAJA, Office, pay, uid

LEVY = {
    "kinds": ["sale"],
    "treasury": "eva",
    "payer": "credit",
    "reason": "assembly",
    "rate": {"n": 2, "d": 100},
    "minimum": "0.05",
    "act": {"number": "A-1/2026", "date": "2026-03-01", "hash": "ab" * 32},
}


async def test_a_levy_from_its_setting_to_its_end(office: Office) -> None:
    path = f"{CAJA}/levies/fair"
    before = office.state()
    dry = await office.ask("PUT", f"{path}?dry_run=true", LEVY)
    assert (dry.status, dry.body["levy"]["minimum"]) == (200, "0.05")
    assert office.state() == before
    set_ = await office.ask("PUT", path, LEVY)
    assert set_.status == 200, set_.body
    assert set_.body == {
        "code": "fair",
        "kinds": ["sale"],
        "payer": "credit",
        "treasury": "eva",
        "currency": "MXN",
        "rate": {"n": 2, "d": 100},
        "fixed": "0.00",
        "minimum": "0.05",
    }
    size = office.state().size
    assert (await office.ask("PUT", path, LEVY)).body == set_.body
    assert office.state().size == size  # What is so already is not written again.
    assert (await office.ask("GET", path)).body == set_.body
    assert (await office.ask("GET", f"{CAJA}/levies")).body == {"levies": [set_.body]}

    sale = {"id": uid(1), **pay("cash", "ana", "10.00", kind="sale")}
    (beside,) = (await office.ask("POST", f"{CAJA}/transfers", sale)).body["receipt"]["beside"]
    assert (beside["kind"], beside["amount"], beside["credit_account"]) == (
        "fair",
        "0.20",
        "eva",
    )
    dry = await office.ask("DELETE", f"{path}?reason=board&dry_run=true")
    assert dry.body["levy"] == set_.body
    assert (await office.ask("DELETE", f"{path}?reason=board")).status == 204
    assert (await office.ask("DELETE", f"{path}?reason=board")).code == "levy_not_found"
    assert (await office.ask("GET", f"{CAJA}/levies")).body == {"levies": []}
    sale = {"id": uid(2), **pay("cash", "ana", "10.00", kind="sale")}
    posted = await office.ask("POST", f"{CAJA}/transfers", sale)
    assert "beside" not in posted.body["receipt"]
    book = office.house.book()
    assert not book.levies.rules
    assert sum(book.balance) == 0


async def test_no_levy_is_called_as_the_rest(office: Office) -> None:
    """Rows of that kind are what `up_to` left; such a line would stop the ledger."""
    for method, path in (
        ("PUT", f"{CAJA}/levies/rest"),
        ("GET", f"{CAJA}/levies/rest"),
        ("DELETE", f"{CAJA}/levies/rest?reason=board"),
    ):
        refused = await office.ask(method, path, LEVY if method == "PUT" else None)
        assert (refused.status, refused.code) == (422, "malformed_request")
        assert refused.body["field"] == "code"
    assert (await office.ask("PUT", f"{CAJA}/levies/resto", LEVY)).status == 200


async def test_a_levy_that_cannot_be_meant(office: Office) -> None:
    path = f"{CAJA}/levies/fair"
    for change, code in [
        ({"fixed": "-1"}, "malformed_amount"),
        ({"fixed": "0.001"}, "malformed_amount"),
        ({"maximum": "0"}, "malformed_amount"),
        ({"maximum": "0.04"}, "bounds_crossed"),
        ({"treasury": "nobody"}, "account_not_found"),
        ({"rate": {"n": 3, "d": 2}}, "rate_above_one"),
        ({"rate": {"n": 3, "d": 0}}, "malformed_request"),
        ({"kinds": []}, "malformed_request"),
    ]:
        assert (await office.ask("PUT", path, {**LEVY, **change})).code == code, change
    assert (await office.ask("PUT", f"{CAJA}/levies/No", LEVY)).code == "malformed_request"
    assert (await office.ask("DELETE", path)).code == "malformed_request"
    assert (await office.ask("PUT", path, LEVY, who="poster")).code == "role_not_allowed"
    assert (await office.ask("GET", path, who="poster")).code == "levy_not_found"


# ---- demurrage

A_DAY = 86_400_000_000  # Microseconds.
OXIDATION = f"{CAJA}/currencies/MXN/demurrage"
RULE = {
    "rate": {"n": 1, "d": 100},
    "period": "month",
    "account": "eva",
    "since": "2023-10-15",
    "reason": "assembly",
    "exempt": "20.00",
}


async def send(office: Office, number: int, *args: str, **more: object) -> None:
    body = {"id": uid(number), **pay(*args, **more)}
    sent = await office.ask("POST", f"{CAJA}/transfers", body)
    assert sent.status == 201, sent.body


async def run(
    office: Office, of: str, end: str, query: str = "", **more: object
) -> dict[str, Any]:
    body = {"period_end": end, **more}
    done = await office.ask("POST", f"{CAJA}/{of}/runs{query}", body)
    assert done.status == 200, done.body
    return done.body["run"] if query else done.body


async def balance(office: Office, code: str, name: str = "balance") -> str:
    return (await office.ask("GET", f"{CAJA}/accounts/{code}")).body[name]


async def test_demurrage_from_its_setting_to_its_end(office: Office) -> None:
    assert (await office.ask("GET", OXIDATION)).code == "demurrage_not_found"
    dry = await office.ask("PUT", f"{OXIDATION}?dry_run=true", RULE)
    assert dry.body["demurrage"]["exempt"] == "20.00"
    set_ = await office.ask("PUT", OXIDATION, RULE)
    assert set_.body == (await office.ask("GET", OXIDATION)).body
    await send(office, 1, "cash", "ana", "120.00")
    await send(office, 2, "cash", "ben", "20.00")
    assert await balance(office, "ana", "current_value") == "120.00"

    office.house.now += 20 * A_DAY  # The 4th of December.
    assert await balance(office, "ana", "current_value") == "119.00"
    assert await balance(office, "ana") == "120.00"
    assert "current_value" not in (await office.ask("GET", f"{CAJA}/accounts/eva")).body
    listed = (await office.ask("GET", f"{CAJA}/accounts")).body["accounts"]
    assert {one["code"]: one.get("current_value") for one in listed} == {
        "cash": "-140.00",
        "ana": "119.00",
        "ben": "20.00",
        "eva": None,
    }
    before = office.state()
    of = "currencies/MXN/demurrage"
    dry_run = await run(office, of, "2023-11-30", "?dry_run=true")
    assert office.state() == before
    done = await run(office, of, "2023-11-30")
    assert done == dry_run
    assert (done["collected_now"], done["unpaid"], done["parts"]) == ("1.00", "0.00", 1)
    again = await run(office, of, "2023-11-30")
    assert (again["collected"], again["collected_now"]) == ("1.00", "0.00")
    assert await balance(office, "ana") == await balance(office, "ana", "current_value")
    assert await balance(office, "eva") == "1.00"

    end = await office.ask("DELETE", f"{OXIDATION}?reason=board&since=2024-01-01")
    assert end.status == 204
    office.house.now += 100 * A_DAY
    assert await balance(office, "ana", "current_value") == "118.01"  # December's 0.99.
    late = await run(office, of, "2023-12-31")
    assert late["collected_now"] == "0.99"
    assert (await office.ask("GET", OXIDATION)).code == "demurrage_not_found"
    refused = await office.ask("POST", f"{CAJA}/{of}/runs", {"period_end": "2024-01-31"})
    assert refused.code == "no_such_period"
    book = office.house.book()
    assert sum(book.balance) == 0


async def test_what_is_missing_is_collected_by_the_next_run(office: Office) -> None:
    """Never below the bound; and what was spent meanwhile is owed all the same."""
    await office.ask("PUT", OXIDATION, {**RULE, "exempt": "0"})
    await send(office, 1, "cash", "ana", "100.00")
    office.house.now += 20 * A_DAY
    await send(office, 2, "ana", "cash", "99.40")
    of = "currencies/MXN/demurrage"
    done = await run(office, of, "2023-11-30")
    assert (done["collected"], done["unpaid"]) == ("0.60", "0.40")
    assert done["unpaid_accounts"] == [{"account": "ana", "amount": "0.40"}]
    assert await balance(office, "ana", "current_value") == "-0.40"
    await send(office, 3, "cash", "ana", "10.40")
    office.house.now += 30 * A_DAY
    # 10.40 and the 0.60 that was collected stand at the end of December, less 1.00 charged.
    done = await run(office, of, "2023-12-31")
    assert (done["collected"], done["unpaid"]) == ("0.50", "0.00")
    assert await balance(office, "ana") == "9.90"


async def test_what_was_collected_is_spread(office: Office) -> None:
    """By largest remainder: the first have the minor unit that is left over."""
    await office.ask("POST", f"{CAJA}/accounts", {"code": "oxi", "currency": "MXN"})
    await office.ask("PUT", OXIDATION, {**RULE, "account": "oxi", "spread": True})
    close = {"status": "frozen_credits", "reason": "board"}
    await office.ask("PATCH", f"{CAJA}/accounts/cash", close)
    await send(office, 1, "cash", "ana", "121.00")
    office.house.now += 20 * A_DAY
    of = "currencies/MXN/demurrage"
    first = await run(office, of, "2023-11-30", parts_max=1)
    assert (first["collected"], first["given"], first["next"]) == ("1.01", "0.00", "charge/0")
    rest = await run(office, of, "2023-11-30", after="charge/0")
    assert (rest["given"], "next" in rest) == ("1.01", False)
    assert [await balance(office, code) for code in ("ana", "ben", "eva", "oxi")] == [
        "120.33",
        "0.34",
        "0.33",
        "0.00",
    ]
    state = office.state()
    assert (await run(office, of, "2023-11-30"))["given"] == "1.01"
    assert office.state() == state
    wrong = {"period_end": "2023-11-30", "after": "charge/7"}
    assert (await office.ask("POST", f"{CAJA}/{of}/runs", wrong)).code == "malformed_request"


# ---- fees


async def test_a_fee_that_must_be_approved_waits(office: Office) -> None:
    fee = {"amount": "2", "currency": "MXN", "kinds": ["member"], "period": "month"}
    fee |= {"treasury": "eva", "since": "2023-11-01", "reason": "assembly"}
    assert (await office.ask("PUT", f"{CAJA}/fees/member", fee)).status == 200
    rule = {"approvals": 1, "expires_after": 3600, "kinds": ["fee"]}
    policy = {"code": "fees", "reason": "board", "rule": rule}
    assert (await office.ask("POST", f"{CAJA}/policies", policy)).status == 200
    made = await office.ask("POST", f"{CAJA}/keys", {"role": "approver"})
    office.secrets["board"] = made.body["secret"]
    dry_run = await run(office, "fees/member", "2023-11-30", "?dry_run=true")
    done = await run(office, "fees/member", "2023-11-30")
    assert done == dry_run
    (waits,) = done["waiting"]
    assert (waits["part"], waits["amount"]) == ("charge/0", "4.00")
    # ana has nothing to pay with, and was not asked.
    assert (done["collected"], done["unpaid"]) == ("0.00", "2.00")
    assert (await run(office, "fees/member", "2023-11-30"))["waiting"] == [waits]
    proposal = f"{CAJA}/proposals/{waits['proposal']}"
    in_full = (await office.ask("GET", proposal, who="board")).body
    assert {t["entered_by"] for t in in_full["transfers"]} == {"fee:member:2023-11-30"}
    assert (await office.ask("POST", f"{proposal}/approve", {}, who="board")).status == 200
    last = await run(office, "fees/member", "2023-11-30")
    assert (last["collected"], last["waiting"]) == ("4.00", [])


async def test_no_run_while_who_collects_is_frozen(office: Office) -> None:
    assert (await office.ask("PUT", OXIDATION, RULE)).status == 200
    freeze = {"status": "frozen_credits", "reason": "board"}
    await office.ask("PATCH", f"{CAJA}/accounts/eva", freeze)
    office.house.now += 20 * A_DAY
    path, body = f"{CAJA}/currencies/MXN/demurrage/runs", {"period_end": "2023-11-30"}
    refused = await office.ask("POST", path, body)
    assert (refused.status, refused.code) == (409, "credit_account_frozen")
    assert refused.body["account"] == "eva"


async def test_a_fee_is_paid_once_and_by_all(office: Office) -> None:
    rule = {"amount": "2", "currency": "MXN", "kinds": ["member"], "period": "month"}
    fee = {**rule, "treasury": "eva", "since": "2023-11-01", "reason": "assembly"}
    path = f"{CAJA}/fees/member"
    assert (await office.ask("PUT", f"{path}?dry_run=true", fee)).body["fee"][
        "amount"
    ] == "2.00"
    set_ = await office.ask("PUT", path, fee)
    assert (await office.ask("GET", path)).body == set_.body
    assert (await office.ask("GET", f"{CAJA}/fees")).body == {"fees": [set_.body]}
    await send(office, 1, "cash", "ana", "1.50")
    dry_run = await run(office, "fees/member", "2023-11-30", "?dry_run=true")
    done = await run(office, "fees/member", "2023-11-30")
    assert done == dry_run
    # The cash account is a member here and without a bound; ben may owe 50.00.
    assert (done["collected"], done["unpaid"]) == ("5.50", "0.50")
    assert done["unpaid_accounts"] == [{"account": "ana", "amount": "0.50"}]
    state = office.state()
    assert (await run(office, "fees/member", "2023-11-30"))["unpaid"] == "0.50"
    assert office.state() == state
    await send(office, 2, "cash", "ana", "5.00")
    done = await run(office, "fees/member", "2023-11-30")
    assert (done["collected"], done["collected_now"], done["unpaid"]) == (
        "6.00",
        "0.50",
        "0.00",
    )
    assert await balance(office, "eva") == "6.00"
    assert (await office.ask("DELETE", f"{path}?reason=board")).status == 204
    assert (await office.ask("GET", path)).code == "fee_not_found"
    assert (await office.ask("DELETE", f"{path}?reason=board")).code == "fee_not_found"


# ---- issuance


async def test_a_backed_currency_circulates_within_its_reserve(office: Office) -> None:
    await office.ask(
        "POST", f"{CAJA}/currencies", {"code": "BON", "kind": "backed", "scale": 0}
    )
    for code, lower in (("bonos", "none"), ("tienda", "0")):
        account = {"code": code, "currency": "BON", "lower_bound": lower}
        await office.ask("POST", f"{CAJA}/accounts", account)
    path = f"{CAJA}/currencies/BON/reserve"
    rule = {"issuer": "bonos", "reserve": "eva", "ratio": {"n": 3, "d": 2}, "reason": "board"}
    assert (await office.ask("PUT", f"{path}?dry_run=true", rule)).body["reserve"]
    assert (await office.ask("PUT", path, rule)).body["ratio"] == {"n": 3, "d": 2}
    await send(office, 1, "cash", "eva", "10.50")  # It backs 15.75, and so 15.
    issue = {"id": uid(2), **pay("bonos", "tienda", "16", currency="BON")}
    refused = await office.ask("POST", f"{CAJA}/transfers", issue)
    assert (refused.code, refused.body["available"]) == ("exceeds_reserve", "15")
    await send(office, 3, "bonos", "tienda", "15", currency="BON")
    take = {"id": uid(4), **pay("eva", "cash", "0.51")}
    refused = await office.ask("POST", f"{CAJA}/transfers", take)
    assert (refused.code, refused.body["available"]) == ("exceeds_reserve", "0.50")
    await send(office, 5, "eva", "cash", "0.50")
    lines = (await office.ask("GET", f"{CAJA}/circulation")).body["currencies"]
    assert lines[1] == {
        "currency": "BON",
        "kind": "backed",
        "issued": "15",
        "credit_outstanding": "15",
        "balanced": True,
        "circulation": "15",
        "in_reserve": "10.00",
        "reserve_currency": "MXN",
        "headroom": "0",
    }
    await send(office, 6, "tienda", "bonos", "3", currency="BON")  # Redeemed.
    await send(office, 7, "eva", "cash", "2.00")
    assert (await office.ask("DELETE", f"{path}?reason=board")).status == 204
    assert (await office.ask("GET", path)).code == "reserve_not_found"
    await send(office, 8, "bonos", "tienda", "1000", currency="BON")
