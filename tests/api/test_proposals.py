"""Proposals, payments and disputes over HTTP: who may do what, and what each is told."""

from typing import Any

import pytest

from tests.api.offices import CAJA, Answered, Office, pay, uid

TRANSFERS = f"{CAJA}/transfers"
PROPOSALS = f"{CAJA}/proposals"
PAYMENTS = f"{CAJA}/payments"
FROM = {"currency": "MXN", "amount_from": "100.00"}
RULE = {"approvals": 1, "expires_after": 3600, "hold": True, **FROM}


async def give(office: Office, who: str, **key: object) -> None:
    made = await office.ask("POST", f"{CAJA}/keys", key)
    assert made.status == 201, made
    office.secrets[who] = made.body["secret"]


@pytest.fixture
async def ruled(office: Office) -> Office:
    """A caja where what is 100.00 or more must be approved, with keys for all."""
    await give(office, "approver", role="approver")
    await give(office, "ana", role="member", accounts=["ana"], poster="ana")
    await give(office, "ana's son", role="member", accounts=["ana"], poster="ana")
    await give(office, "eva", role="member", accounts=["eva"], poster="eva")
    funds = {"id": uid(90), **pay("cash", "ana", "500.00")}
    assert (await office.ask("POST", TRANSFERS, funds)).status == 201
    body = {"code": "large", "reason": "board", "rule": RULE}
    assert (await office.ask("POST", f"{CAJA}/policies", body)).status == 200
    return office


def payment(workflow: str, amount: str, number: int = 1) -> dict[str, object]:
    return {
        "id": uid(number),
        "workflow": workflow,
        "payer": "ana",
        "payee": "eva",
        "amount": amount,
        "currency": "MXN",
    }


async def decide(
    office: Office, what: str, who: str, number: int = 1, **said: object
) -> Answered:
    return await office.ask("POST", f"{PROPOSALS}/{uid(number)}/{what}", said, who=who)


async def seen(office: Office, who: str) -> list[Any]:
    page = await office.ask("GET", PROPOSALS, who=who)
    return [one["id"] for one in page.body["proposals"]]


async def test_the_teller_enters_and_another_approves(ruled: Office) -> None:
    large = {"id": uid(1), **pay("cash", "eva", "100.00"), "entered_by": "u-1"}
    first = await ruled.ask("POST", TRANSFERS, large, who="poster")
    assert first.status == 202
    proposal = first.body["proposal"]
    assert (proposal["sums"], proposal["approvals"], proposal["held"]) == (
        {"MXN": "100.00"},
        1,
        True,
    )
    again = await ruled.ask("POST", TRANSFERS, large, who="poster")
    assert (again.status, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert again.body["proposal"] == proposal
    batches = {"id": uid(2), "transfers": [pay("cash", "eva", "100.00")]}
    assert (await ruled.ask("POST", f"{CAJA}/batches", batches, who="poster")).status == 202
    assert await seen(ruled, "approver") == [uid(1), uid(2)]
    assert await seen(ruled, "eva") == [uid(1), uid(2)]
    assert await seen(ruled, "ana") == []
    missing = await ruled.ask("GET", f"{PROPOSALS}/{uid(1)}", who="ana")
    assert missing.code == "proposal_not_found"
    in_full = await ruled.ask("GET", f"{PROPOSALS}/{uid(1)}", who="approver")
    assert in_full.body["transfers"][0]["credit_account"] == "eva"
    assert (await decide(ruled, "approve", "poster")).code == "role_not_allowed"
    assert (await decide(ruled, "approve", "auditor")).code == "role_not_allowed"
    maker = await decide(ruled, "approve", "approver", user="u-1")
    assert maker.code == "approver_is_maker"
    path = f"{PROPOSALS}/{uid(1)}/approve?dry_run=true"
    dry = await ruled.ask("POST", path, {}, who="approver")
    assert (dry.status, len(dry.body["outcomes"])) == (200, 1)
    done = await decide(ruled, "approve", "approver", user="u-2")
    assert (done.status, done.body["receipt"]["posted"]) == (200, 1)
    assert (await decide(ruled, "approve", "approver")).headers["Idempotent-Replayed"]
    assert (await decide(ruled, "approve", "operator")).code == "proposal_not_open"
    receipt = await ruled.ask("POST", TRANSFERS, large, who="poster")
    assert receipt.status == 201
    row = await ruled.ask("GET", f"{TRANSFERS}/2", who="eva")
    assert row.body["approved_by"] == "u-2"
    posting = await ruled.ask("POST", TRANSFERS, large, who="approver")
    assert posting.code == "role_not_allowed"


async def test_who_declines_and_who_cancels(ruled: Office) -> None:
    for number in (1, 2):
        large = {"id": uid(number), **pay("cash", "eva", f"10{number}.00")}
        assert (await ruled.ask("POST", TRANSFERS, large, who="poster")).status == 202
    assert (await decide(ruled, "cancel", "eva")).code == "role_not_allowed"
    assert (await decide(ruled, "decline", "eva")).code == "decision_not_needed"
    assert (await decide(ruled, "decline", "ana")).code == "proposal_not_open"
    declined = await decide(ruled, "decline", "approver", reason="too_much")
    assert declined.body["refused"]["code"] == "proposal_declined"
    cancelled = await decide(ruled, "cancel", "poster", 2)
    assert cancelled.body["refused"]["code"] == "proposal_cancelled"
    large = {"id": uid(1), **pay("cash", "eva", "101.00")}
    assert (await ruled.ask("POST", TRANSFERS, large, who="poster")).code == "proposal_declined"
    batch = await ruled.ask("GET", f"{CAJA}/batches/{uid(2)}", who="poster")
    assert batch.body["refused"]["code"] == "proposal_cancelled"


async def test_an_amount_of_a_rule_is_of_its_currency(ruled: Office) -> None:
    listed = (await ruled.ask("GET", f"{CAJA}/policies")).body["policies"]
    assert (listed[0]["rule"]["amount_from"], listed[0]["rule"]["currency"]) == (
        "100.00",
        "MXN",
    )
    for changed, code in (
        ({"currency": "ZZZ"}, "currency_not_found"),
        ({"amount_from": "1.005"}, "malformed_amount"),
        ({"amount_from": 10_000}, "malformed_request"),
    ):
        body = {"code": "large", "reason": "board", "rule": RULE | changed}
        assert (await ruled.ask("POST", f"{CAJA}/policies", body)).code == code
    rule = {"approvals": 1, "expires_after": 3600, "amount_from": "1.00"}
    body = {"code": "large", "reason": "board", "rule": rule}
    assert (await ruled.ask("POST", f"{CAJA}/policies", body)).code == "malformed_request"


async def test_the_other_party_reads_who_declined_and_why(ruled: Office) -> None:
    """Whoever saw the proposal reads its batch once it is decided; nobody else does."""
    assert (
        await ruled.ask("POST", PAYMENTS, payment("bill", "20.00"), who="eva")
    ).status == 202
    assert (await decide(ruled, "decline", "eva")).code == "cancel_instead"
    batch = f"{CAJA}/batches/{uid(1)}"
    assert (await ruled.ask("GET", batch, who="ana")).code == "batch_not_found"
    said = {"user": "u-7", "reason": "paid_in_cash"}
    assert (await decide(ruled, "decline", "ana's son", **said)).status == 200
    for who in ("ana", "eva", "operator"):
        read = await ruled.ask("GET", batch, who=who)
        assert read.body["refused"]["code"] == "proposal_declined"
        decided = read.body["decided"]
        assert {name: decided[name] for name in ("decision", "user", "reason")} == {
            "decision": "declined",
            **said,
        }
        assert decided["by"]
        assert decided["recorded_at"]
    await give(ruled, "ben", role="member", accounts=["norte-1"], poster="ben")
    for who in ("ben", "poster"):
        assert (await ruled.ask("GET", batch, who=who)).code == "batch_not_found"
    second = payment("bill", "30.00", 2)
    assert (await ruled.ask("POST", PAYMENTS, second, who="eva")).status == 202
    assert (await decide(ruled, "accept", "ana", 2)).status == 200
    read = await ruled.ask("GET", f"{CAJA}/batches/{uid(2)}", who="ana")
    assert read.body["receipt"]["posted"] == 1
    assert read.body["decided"]["decision"] == "accepted"
    assert "credit_balance" not in read.body["receipt"]["outcomes"][0]


async def test_of_several_transfers_nobody_is_a_party(ruled: Office) -> None:
    """A member with one of them does not read what is the others'; of one alone it does."""
    both = [pay("cash", "eva", "100.00"), pay("cash", "ana", "1.00")]
    many = {"id": uid(1), "transfers": both}
    assert (await ruled.ask("POST", f"{CAJA}/batches", many, who="poster")).status == 202
    one = {"id": uid(2), **pay("cash", "eva", "150.00")}
    assert (await ruled.ask("POST", TRANSFERS, one, who="poster")).status == 202
    for number in (1, 2):
        done = await decide(ruled, "decline", "approver", number, reason="too_much")
        assert done.status == 200
    assert (await ruled.ask("GET", f"{CAJA}/batches/{uid(1)}", who="eva")).status == 404
    read = await ruled.ask("GET", f"{CAJA}/batches/{uid(2)}", who="eva")
    assert read.body["decided"]["reason"] == "too_much"
    assert (await ruled.ask("GET", f"{CAJA}/batches/{uid(2)}", who="ana")).status == 404


async def test_members_pay_by_workflows_and_not_otherwise(ruled: Office) -> None:
    direct = {"id": uid(9), **pay("ana", "eva", "1.00")}
    assert (await ruled.ask("POST", TRANSFERS, direct, who="ana")).code == "role_not_allowed"
    for workflow, who, code in (
        ("bill", "ana", "account_not_yours"),
        ("credit", "eva", "account_not_yours"),
        ("third_party", "ana", "role_not_allowed"),
        ("gift", "ana", "workflow_not_found"),
    ):
        answer = await ruled.ask("POST", PAYMENTS, payment(workflow, "1.00"), who=who)
        assert answer.code == code, workflow
    bill = await ruled.ask("POST", PAYMENTS, payment("bill", "20.00"), who="eva")
    assert (bill.status, bill.body["proposal"]["accepts"]) == (202, "payer")
    assert (await decide(ruled, "accept", "eva")).code == "account_not_yours"
    paid = await decide(ruled, "accept", "ana's son")
    assert paid.body["receipt"]["posted"] == 1
    credit = await ruled.ask("POST", PAYMENTS, payment("credit", "20.00", 2), who="ana")
    assert credit.status == 202
    assert (await decide(ruled, "cancel", "ana's son", 2)).status == 200
    third = await ruled.ask("POST", PAYMENTS, payment("third_party", "5.00", 3))
    assert third.status == 201
    listed = {"account": "ana", "partner": "eva", "on": True}
    path = f"{CAJA}/whitelist"
    assert (await ruled.ask("POST", path, listed, who="eva")).code == "account_not_yours"
    assert (await ruled.ask("POST", path, listed, who="ana")).status == 200
    pair = {"account": "ana", "partner": "eva"}
    for who, seen_there in (("ana", [pair]), ("eva", []), ("auditor", [pair])):
        assert (await ruled.ask("GET", path, who=who)).body == {"whitelist": seen_there}
    other = {**listed, "account": "cash"}
    assert (await ruled.ask("POST", path, other)).status == 200
    first = (await ruled.ask("GET", f"{path}?limit=1")).body
    rest = (await ruled.ask("GET", f"{path}?after={first['next']}")).body
    assert {one["account"] for one in first["whitelist"] + rest["whitelist"]} == {"ana", "cash"}
    assert "next" not in rest
    at_once = await ruled.ask("POST", PAYMENTS, payment("bill", "20.00", 4), who="eva")
    assert at_once.status == 201
    assert "debit_balance" not in at_once.body["receipt"]


async def test_an_account_is_not_closed_while_a_payment_waits(ruled: Office) -> None:
    """Nor does one wait for an account that is closed: its payer would be asked in vain."""
    account, close = f"{CAJA}/accounts/eva", {"reason": "left", "status": "closed"}
    bill = await ruled.ask("POST", PAYMENTS, payment("bill", "20.00"), who="eva")
    assert bill.status == 202
    for dry in ("?dry_run=true", ""):
        refused = await ruled.ask("PATCH", account + dry, close)
        assert refused.code == "account_has_proposals"
    assert (await decide(ruled, "decline", "ana")).status == 200
    assert (await ruled.ask("PATCH", account, close)).status == 200
    late = await ruled.ask("POST", PAYMENTS, payment("bill", "20.00", 2), who="eva")
    assert late.code == "credit_account_closed"


async def test_a_preview_of_a_payment_promises_nothing(ruled: Office) -> None:
    state = ruled.state()
    path = f"{PAYMENTS}?dry_run=true"
    shown = await ruled.ask("POST", path, payment("credit", "120.00"), who="ana")
    assert shown.body["outcomes"][0]["debit_balance"] == "380.00"
    assert "credit_balance" not in shown.body["outcomes"][0]
    own = await ruled.ask("POST", path, payment("credit", "500.01"), who="ana")
    assert own.body["available"] == "500.00"
    assert ruled.state() == state


async def test_policies_and_workflows_are_data(ruled: Office) -> None:
    listed = await ruled.ask("GET", f"{CAJA}/policies", who="auditor")
    assert listed.body == {"policies": [{"code": "large", "rule": RULE}]}
    flows = await ruled.ask("GET", f"{CAJA}/workflows", who="ana")
    assert [one["code"] for one in flows.body["workflows"]] == ["bill", "credit", "third_party"]
    gone = await ruled.ask("POST", f"{CAJA}/workflows", {"code": "bill", "reason": "assembly"})
    assert gone.status == 200
    answer = await ruled.ask("POST", PAYMENTS, payment("bill", "1.00"), who="eva")
    assert answer.code == "workflow_not_found"
    body = {"code": "none", "reason": "board"}
    assert (await ruled.ask("POST", f"{CAJA}/policies", body)).code == "policy_not_found"
    wrong = {"starts": "payee", "accepts": "payer", "expires_after": 60, "hold": True}
    body = {"code": "bill", "reason": "assembly", "rule": wrong}  # type: ignore[dict-item]
    assert (await ruled.ask("POST", f"{CAJA}/workflows", body)).code == "workflow_not_possible"


async def test_a_dispute_marks_a_transfer_until_its_outcome(ruled: Office) -> None:
    await ruled.ask("POST", PAYMENTS, payment("third_party", "5.00", 3))
    path = f"{TRANSFERS}/2/dispute"
    asked = {"reason": "not_received", "due": "2026-03-31"}
    assert (await ruled.ask("POST", f"{TRANSFERS}/1/dispute", asked, who="eva")).code == (
        "transfer_not_found"
    )
    assert (await ruled.ask("POST", path, asked, who="eva")).status == 201
    assert (await ruled.ask("POST", path, asked, who="ana")).code == "dispute_open"
    row = await ruled.ask("GET", f"{TRANSFERS}/2", who="ana")
    assert row.body["dispute"]["reason"] == "not_received"
    page = await ruled.ask("GET", f"{CAJA}/disputes", who="eva")
    assert [one["sequence"] for one in page.body["disputes"]] == [2]
    assert (await ruled.ask("GET", f"{CAJA}/disputes", who="poster")).body["disputes"] == []
    back = await ruled.ask("POST", f"{TRANSFERS}/2/reverse", {"id": uid(4)})
    assert back.status == 201
    end = {"outcome": "reversed", "linked": 99}
    assert (await ruled.ask("POST", f"{path}/end", end)).code == "target_not_found"
    end["linked"] = 3
    assert (await ruled.ask("POST", f"{path}/end", end, who="eva")).code == "role_not_allowed"
    assert (await ruled.ask("POST", f"{path}/end", end)).status == 200
    assert (await ruled.ask("POST", f"{path}/end", end)).code == "dispute_not_open"
    assert "dispute" not in (await ruled.ask("GET", f"{TRANSFERS}/2")).body


async def disputes(office: Office, query: str = "", who: str = "operator") -> Any:
    page = await office.ask("GET", f"{CAJA}/disputes{query}", who=who)
    assert page.status == 200, page.body
    return page.body


async def counted(office: Office) -> dict[str, float]:
    """What metrics say of disputes."""
    text = (await office.ask("GET", "/metrics", who="")).body.decode()
    rows = [row.split() for row in text.splitlines() if row.startswith("ledger_disputes")]
    return {name.removeprefix("ledger_disputes_"): float(value) for name, value in rows}


async def test_disputes_are_listed_as_they_stand_and_as_they_ended(ruled: Office) -> None:
    for number in range(2, 6):
        body = {"id": uid(number), **pay("ana", "eva", "1.00")}
        assert (await ruled.ask("POST", TRANSFERS, body)).status == 201
    assert await counted(ruled) == {"open": 0, "overdue": 0}
    for sequence, due in ((2, "2023-11-14"), (3, "2023-11-20"), (4, None), (1, "2023-11-14")):
        asked = {"reason": "wrong", **({"due": due} if due else {})}
        path = f"{TRANSFERS}/{sequence}/dispute"
        assert (await ruled.ask("POST", path, asked)).status == 201
    assert (await disputes(ruled, "?state=overdue"))["disputes"] == []
    ruled.house.now += 86_400_000_000
    await disputes(ruled)  # What time asks for is recorded first.
    overdue = (await disputes(ruled, "?state=overdue"))["disputes"]
    assert [one["sequence"] for one in overdue] == [1, 2]
    assert all(one["overdue_since"].startswith("2023-11-15T") for one in overdue)
    assert await counted(ruled) == {"open": 4, "overdue": 2}
    page = await disputes(ruled, "?limit=3")
    assert [one["sequence"] for one in page["disputes"]] == [1, 2, 3]
    rest = await disputes(ruled, f"?after={page['next']}")
    assert [one["sequence"] for one in rest["disputes"]] == [4]
    assert "overdue_since" not in rest["disputes"][0]
    row = await ruled.ask("GET", f"{TRANSFERS}/2", who="ana")
    assert row.body["dispute"]["overdue_since"] == overdue[1]["overdue_since"]

    ends = {2: {"outcome": "made_good", "linked": 5}, 4: {"outcome": "withdrawn"}, 1: {}}
    for sequence, end in ends.items():
        body = {"outcome": "upheld", **end}
        path = f"{TRANSFERS}/{sequence}/dispute/end"
        assert (await ruled.ask("POST", f"{path}?dry_run=true", body)).status == 200
        assert (await ruled.ask("POST", path, body)).status == 200
    assert await counted(ruled) == {"open": 1, "overdue": 0}
    ended = (await disputes(ruled, "?state=ended"))["disputes"]
    assert [(one["sequence"], one["outcome"], one.get("linked")) for one in ended] == [
        (2, "made_good", 5),
        (4, "withdrawn", None),
        (1, "upheld", None),
    ]
    first = ended[0]
    assert (first["reason"], first["due"], first["since"]) == (
        *("wrong", "2023-11-14"),
        overdue[1]["since"],
    )
    assert first["ended_at"].startswith("2023-11-15T")
    page = await disputes(ruled, "?state=ended&limit=2")
    rest = await disputes(ruled, f"?state=ended&limit=2&after={page['next']}")
    assert page["disputes"] + rest["disputes"] == ended
    assert "next" not in rest
    mine = (await disputes(ruled, "?state=ended", "eva"))["disputes"]
    assert [one["sequence"] for one in mine] == [2, 4]  # The deposit is no business of hers.
    wrong = await ruled.ask("GET", f"{CAJA}/disputes?state=won")
    assert wrong.code == "malformed_request"


async def test_a_look_at_what_would_wait_says_so(ruled: Office) -> None:
    state = ruled.state()
    large = {"id": uid(1), **pay("ana", "eva", "100.00")}
    for path, body in (
        (TRANSFERS, large),
        (f"{CAJA}/batches", {"id": uid(1), "transfers": [pay("ana", "eva", "100.00")]}),
    ):
        tried = await ruled.ask("POST", f"{path}?dry_run=true", body)
        assert tried.status == 200, tried
        waits = tried.body["waits"]
        assert (waits["approvals"], waits["held"], "accepts" in waits) == (1, True, False)
        assert tried.body["outcomes"][0]["debit_balance"] == "400.00"
    tried = await ruled.ask("POST", f"{PAYMENTS}?dry_run=true", payment("bill", "99.00"))
    assert (tried.body["waits"]["accepts"], "approvals" in tried.body["waits"]) == (
        "payer",
        False,
    )
    plain = await ruled.ask("POST", f"{TRANSFERS}?dry_run=true", {**large, "amount": "99.99"})
    assert "waits" not in plain.body
    too_much = {**large, "amount": "500.01"}
    tried = await ruled.ask("POST", f"{TRANSFERS}?dry_run=true", too_much)
    assert (tried.code, tried.body["available"]) == ("exceeds_credit_limit", "500.00")
    assert ruled.state() == state
    assert (await ruled.ask("POST", TRANSFERS, large)).status == 202
    again = await ruled.ask("POST", f"{TRANSFERS}?dry_run=true", {**large, "id": uid(2)})
    assert again.code == "proposal_pending"


async def test_a_look_at_a_bill_does_not_measure_the_payer(ruled: Office) -> None:
    """What is posted once the other agrees, it may ask; its balance, nobody can find out."""
    change = {"reason": "board", "upper_bound": "600.00", "soft_bounds": "lower"}
    assert (await ruled.ask("PATCH", f"{CAJA}/accounts/ana", change)).status == 200
    limits = {"accounts": ["ana"], "reason": "board", "payments": {"transfer": "60.00"}}
    assert (await ruled.ask("POST", f"{CAJA}/limits", limits)).status == 200
    state, floor = ruled.state(), ruled.sequencer.facts("caja").floor[2]
    path = f"{PAYMENTS}?dry_run=true"
    seen = []
    for amount in ("10.00", "499.00", "501.00", "90000.00"):
        tried = await ruled.ask("POST", path, payment("bill", amount), who="eva")
        assert tried.status == 200, tried
        (outcome,) = tried.body["outcomes"]
        seen.append((sorted(outcome), sorted(tried.body["waits"].keys() - {"approvals"})))
        assert outcome["credit_balance"] == amount
    assert all(one == seen[0] for one in seen)
    assert "flags" not in str(seen)
    assert (ruled.state(), ruled.sequencer.facts("caja").floor[2]) == (state, floor)
    bill = await ruled.ask("POST", PAYMENTS, payment("bill", "90000.00"), who="eva")
    assert (bill.status, bill.body["proposal"]["held"]) == (202, False)
