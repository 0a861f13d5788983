"""What a key is told of accounts that it may not read: nothing, by whichever door."""

from typing import Any

import pytest

from tests.api.offices import CAJA, Office, pay, uid

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
    assert (
        await members.ask("POST", PAYMENTS, payment("bill", "10.01"), who="ben")
    ).status == 202
    refused = await members.ask("POST", f"{PROPOSALS}/{uid(1)}/accept", {}, who="ana")
    assert refused.body["available"] == "10.00"  # Her own.
    batch = await members.ask("GET", f"{CAJA}/batches/{uid(1)}", who="ben")
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
