"""What a key is told of accounts that it may not read: nothing, by whichever door."""

from typing import Any

import pytest

from ledger.api import transfers
from tests.api.offices import CAJA, Answered, Office, pay, uid

TRANSFERS = f"{CAJA}/transfers"
PAYMENTS = f"{CAJA}/payments"
PROPOSALS = f"{CAJA}/proposals"
TOLD = ("account", "available", "currency")


@pytest.fixture
async def members(office: Office) -> Office:
    """Ana has 10.00, ben may have 100.00 at the most; each has a key, and so does a teller."""
    for name, role in (("ana", "member"), ("ben", "member"), ("eva", "poster")):
        key = {"role": role, "accounts": [name], "poster": name}
        made = await office.ask("POST", f"{CAJA}/keys", key)
        office.secrets[name] = made.body["secret"]
    for number, name in enumerate(("ana", "eva"), 90):
        funds = {"id": uid(number), **pay("cash", name, "10.00")}
        assert (await office.ask("POST", TRANSFERS, funds)).status == 201
    return office


def payment(workflow: str, amount: str, **more: str) -> dict[str, Any]:
    return {
        "id": uid(1),
        "workflow": workflow,
        "payer": "ana",
        "payee": "ben",
        "amount": amount,
        "currency": "MXN",
        **more,
    }


def tells(body: dict[str, Any]) -> list[str]:
    """What of a refusal is said about an account."""
    found = [name for name in TOLD if name in body]
    return found + [name for name in ("ana", "10.00") if name in str(body)]


async def test_accepting_a_payment_tells_nothing_of_the_payer(members: Office) -> None:
    assert (
        await members.ask("POST", PAYMENTS, payment("credit", "10.01"), who="ana")
    ).status == 202
    for query in ("?dry_run=true", ""):
        path = f"{PROPOSALS}/{uid(1)}/accept{query}"
        answer = await members.ask("POST", path, {}, who="ben")
        assert answer.code == "exceeds_credit_limit"
        assert tells(answer.body) == []


async def test_the_batch_of_a_refused_bill_tells_nothing_of_the_payer(members: Office) -> None:
    bill = payment("bill", "10.01")
    assert (await members.ask("POST", PAYMENTS, bill, who="ben")).status == 202
    short = await members.ask("POST", f"{PROPOSALS}/{uid(1)}/accept", {}, who="ana")
    assert short.body["available"] == "10.00"  # Her own; and the bill waits on.
    assert (await members.ask("GET", f"{CAJA}/batches/{uid(1)}", who="ben")).status == 404
    cancel = f"{PROPOSALS}/{uid(1)}/cancel"
    assert (await members.ask("POST", cancel, {}, who="ben")).status == 200
    listed = {"account": "ana", "partner": "ben", "on": True}  # What she accepts unseen is
    assert (await members.ask("POST", f"{CAJA}/whitelist", listed, who="ana")).status == 200
    at_once = await members.ask("POST", PAYMENTS, bill | {"id": uid(2)}, who="ben")  # refused.
    assert (at_once.code, tells(at_once.body)) == ("exceeds_credit_limit", [])
    batch = await members.ask("GET", f"{CAJA}/batches/{uid(2)}", who="ben")
    assert batch.body["refused"]["code"] == "exceeds_credit_limit"
    assert tells(batch.body["refused"]) == []


async def test_nor_a_transfer_that_the_payee_has_no_room_for(members: Office) -> None:
    await members.ask("POST", TRANSFERS, {"id": uid(92), **pay("cash", "eva", "190.00")})
    for query, leaf in (("?dry_run=true", False), ("", True)):
        body = {"id": uid(1), **pay("eva", "ben", "100.01")}
        answer = await members.ask("POST", TRANSFERS + query, body, who="eva")
        assert (answer.code, "leaf_index" in answer.body) == ("exceeds_balance_limit", leaf)
        assert [name for name in TOLD if name in answer.body] == []
        assert "100.00" not in answer.body["detail"]
    each = {"id": uid(2), "mode": "each", "transfers": [pay("eva", "ben", "100.01")]}
    for query in ("?dry_run=true", ""):
        answer = await members.ask("POST", f"{CAJA}/batches{query}", each, who="eva")
        (outcome,) = answer.body.get("receipt", answer.body)["outcomes"]
        assert (outcome["code"], tells(outcome)) == ("exceeds_balance_limit", [])
    path = f"{CAJA}/batches/{uid(2)}/proof"
    assert "outcome" not in (await members.ask("GET", path, who="eva")).body
    assert "10000" in (await members.ask("GET", path)).body["outcome"]["line"]


async def test_a_look_at_up_to_needs_both_accounts(members: Office) -> None:
    for up_to, path in (("credit", TRANSFERS), ("both", TRANSFERS)):
        body = {"id": uid(1), **pay("eva", "ben", "10.00"), "terms": {"up_to": up_to}}
        answer = await members.ask("POST", f"{path}?dry_run=true", body, who="eva")
        assert answer.code == "account_not_yours"
    body["terms"] = {"up_to": "debit"}
    assert (
        await members.ask("POST", f"{TRANSFERS}?dry_run=true", body, who="eva")
    ).status == 200
    body["terms"] = {"up_to": "credit"}
    assert (await members.ask("POST", TRANSFERS, body, who="eva")).status == 201


# ---- the accounts of a holder


async def open_for(office: Office, code: str, other: str) -> Answered:
    asked = {"code": code, "currency": "MXN", "holder_of": other}
    return await office.ask("POST", f"{CAJA}/accounts", asked)


async def test_a_member_reaches_all_accounts_of_its_holder(members: Office) -> None:
    """Two people of an organisation, each with a key; and what is opened for it later."""
    holder = (await members.ask("GET", f"{CAJA}/accounts/ana")).body["holder"]
    for person in ("luz", "sol"):
        key = {"role": "member", "holder": holder, "poster": "shop"}
        made = await members.ask("POST", f"{CAJA}/keys", key)
        assert (made.status, made.body["key"]["holder"]) == (201, holder)
        members.secrets[person] = made.body["secret"]
    assert (await members.ask("GET", f"{CAJA}/accounts/till", who="luz")).status == 403
    opened = await open_for(members, "till", "ana")
    assert opened.body["accounts"][0]["holder"] == holder
    for person in ("luz", "sol"):
        page = (await members.ask("GET", f"{CAJA}/accounts", who=person)).body["accounts"]
        assert [one["code"] for one in page] == ["ana", "till"]
    other = payment("bill", "1.00", payer="eva", payee="till", id=uid(7))
    assert (await members.ask("POST", PAYMENTS, other, who="luz")).status == 202
    path = f"{PROPOSALS}/{uid(7)}/cancel"
    assert (await members.ask("POST", path, {}, who="sol")).status == 200
    mine = payment("credit", "1.00", id=uid(8))
    assert (await members.ask("POST", PAYMENTS, mine, who="sol")).status == 202
    foreign = payment("credit", "1.00", payer="eva", id=uid(9))
    assert (await members.ask("POST", PAYMENTS, foreign, who="sol")).code == "account_not_yours"
    assert members.house.book().is_holder(bytes.fromhex(holder))  # After a replay, too.


async def test_whose_an_account_is_stays_so(members: Office) -> None:
    assert (await open_for(members, "till", "ana")).status == 201
    assert (await open_for(members, "till", "ana")).status == 201  # As it is there.
    assert (await open_for(members, "till", "eva")).code == "account_code_used"
    assert (await open_for(members, "shop", "nobody")).code == "account_not_found"
    both = [
        {"code": "one", "currency": "MXN"},
        {"code": "two", "currency": "MXN", "holder_of": "one"},
        {"code": "three", "currency": "MXN"},
    ]
    opened = await members.ask("POST", f"{CAJA}/accounts", {"accounts": both})
    one, two, three = (account["holder"] for account in opened.body["accounts"])
    assert (one == two, one == three) == (True, False)


async def test_a_key_of_a_holder_is_a_member_s(members: Office) -> None:
    holder = (await members.ask("GET", f"{CAJA}/accounts/ana")).body["holder"]
    within = holder[2:] + (await members.ask("GET", f"{CAJA}/accounts/ben")).body["holder"][:2]
    for key in (
        {"role": "poster", "accounts": ["ana"], "holder": holder},
        {"role": "auditor", "holder": holder},
        {"role": "member", "holder": "00" * 16},
        {"role": "member", "holder": within},
        {"role": "member", "holder": holder[:-1]},
        {"role": "member"},
    ):
        made = await members.ask("POST", f"{CAJA}/keys", key)
        assert made.code == "malformed_request", key


# ---- the transfers of a few among those of many


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages_are_filled_with_what_a_key_may_read(
    members: Office, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Whoever names accounts, whoever has them as a holder, and whoever says how they begin."""
    monkeypatch.setattr(transfers, "SCAN_ROWS", 3)
    monkeypatch.setattr(transfers, "SCAN_PAGES", 2)
    holder = (await members.ask("GET", f"{CAJA}/accounts/ana")).body["holder"]
    for name, key in {
        "luz": {"role": "member", "poster": "shop", "holder": holder},
        "till": {"role": "poster", "poster": "till", "accounts": ["an*"]},
    }.items():
        made = await members.ask("POST", f"{CAJA}/keys", key)
        members.secrets[name] = made.body["secret"]
    for number in range(20):
        pair = ("cash", "ana") if number in (3, 4, 11) else ("cash", "eva")
        funds = {"id": uid(100 + number), **pay(*pair, "1.00")}
        assert (await members.ask("POST", TRANSFERS, funds)).status == 201
    whole = (await members.ask("GET", TRANSFERS)).body["transfers"]
    own = [one["sequence"] for one in whole if one["credit_account"] == "ana"]
    assert len(own) == 4
    for name in ("ana", "luz", "till"):
        seen: list[int] = []
        after, requests = 0, 0
        while after < len(whole):
            path = f"{TRANSFERS}?limit={limit}&after={after}"
            body = (await members.ask("GET", path, who=name)).body
            seen += [one["sequence"] for one in body["transfers"]]
            assert len(body["transfers"]) <= limit
            assert body["next"] > after
            after, requests = body["next"], requests + 1
        assert seen == own, name
        assert name == "till" or requests <= len(own) // limit + 1


async def test_who_waits_is_not_kept_busy_by_what_others_post(members: Office) -> None:
    """The next page begins after all that there is, though none of it is the caller's."""
    body = (await members.ask("GET", f"{TRANSFERS}?after=1&wait=0.1", who="ana")).body
    assert body == {"transfers": [], "next": 2}
