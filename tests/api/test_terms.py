"""Transfers under terms over HTTP: holds, reversals, suspense, and what is said of them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.offices import CAJA, Answered, Office, open_office, pay, uid
from tests.sequencer.houses import House

TRANSFERS = f"{CAJA}/transfers"
BATCHES = f"{CAJA}/batches"
ACCOUNTS = f"{CAJA}/accounts"
LATER = "2023-12-01T00:00:00-06:00"
ENGLISH = {"Accept-Language": "en"}
DAY_US = 86_400_000_000


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """The furnished caja with 100.00 on ana's account, a bridge and a branch's account."""
    async with open_office(House(tmp_path)) as office:
        for code in ("bridge", "norte-1", "norte-bridge"):
            one = {"code": code, "currency": "MXN", "lower_bound": "none"}
            assert (await office.ask("POST", ACCOUNTS, one)).status == 201
        await receipt(office, 1, "cash", "ana", "100.00")
        yield office


async def send(office: Office, number: int, *args: str, **more: Any) -> Answered:
    """A transfer under terms."""
    who = more.pop("who", "operator")
    dry = "?dry_run=true" if more.pop("dry", False) else ""
    body = {"id": uid(number), **pay(*args)}
    if more:
        body["terms"] = more
    return await office.ask("POST", TRANSFERS + dry, body, who=who, headers=ENGLISH)


async def receipt(office: Office, number: int, *args: str, **more: Any) -> dict[str, Any]:
    """The receipt of one that must succeed."""
    answer = await send(office, number, *args, **more)
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.body["receipt"]
    return found


async def hold(office: Office, number: int, *args: str, **more: Any) -> dict[str, Any]:
    return await receipt(office, number, *args, action="hold", expires=LATER, **more)


async def follow(
    office: Office, sequence: int, what: str, number: int, *, who: str = "operator", **more: Any
) -> Answered:
    """Something about a recorded transfer."""
    dry = "?dry_run=true" if more.pop("dry", False) else ""
    path = f"{TRANSFERS}/{sequence}/{what}{dry}"
    return await office.ask("POST", path, {"id": uid(number), **more}, who=who, headers=ENGLISH)


async def read(office: Office, sequence: int) -> dict[str, Any]:
    found: dict[str, Any] = (await office.ask("GET", f"{TRANSFERS}/{sequence}")).body
    return found


async def account(office: Office, code: str) -> dict[str, Any]:
    found: dict[str, Any] = (await office.ask("GET", f"{ACCOUNTS}/{code}")).body
    return found


async def freeze(office: Office, code: str, status: str = "frozen") -> None:
    change = {"reason": "court", "status": status}
    assert (await office.ask("PATCH", f"{ACCOUNTS}/{code}", change)).status == 200


# ---- holds


async def test_a_hold_moves_nothing_and_keeps_its_amount_back(office: Office) -> None:
    held = await hold(office, 2, "ana", "eva", "60.00")
    assert (held["phase"], held["amount"], held["sequence"]) == ("held", "60.00", 2)
    assert (held["debit_balance"], held["credit_balance"]) == ("100.00", "0.00")
    ana, eva = await account(office, "ana"), await account(office, "eva")
    assert (ana["balance"], ana["pending_debits"], ana["available"]) == (
        "100.00",
        "60.00",
        "40.00",
    )
    assert (eva["pending_credits"], eva["pending_debits"]) == ("60.00", "0.00")
    refused = await send(office, 3, "ana", "eva", "40.01")
    assert (refused.code, refused.body["available"]) == ("exceeds_credit_limit", "40.00")
    seen = await read(office, 2)
    assert (seen["phase"], seen["action"]) == ("held", "hold")
    assert seen["expires"] == "2023-12-01T06:00:00.000000Z"
    assert "target" not in seen


async def test_a_hold_is_posted_in_a_word(office: Office) -> None:
    """A part first, sent twice; then the rest is given back with the last part."""
    await hold(office, 2, "ana", "eva", "60.00")
    first, again = [
        await follow(office, 2, "post", 3, amount="20.00", reference="R-1") for _ in range(2)
    ]
    assert first.body["receipt"] == again.body["receipt"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.body["receipt"]["amount"] == "20.00"
    assert "phase" not in first.body["receipt"]
    listed = (await office.ask("GET", f"{CAJA}/holds")).body["holds"]
    assert [(one["amount"], one["left"]) for one in listed] == [("60.00", "40.00")]
    too_much = await follow(office, 2, "post", 4, amount="60.00")
    assert (too_much.code, too_much.body["available"]) == ("exceeds_target", "40.00")
    last = await follow(office, 2, "post", 5, amount="30.00", release=True)
    assert last.status == 201
    assert (await account(office, "ana"))["available"] == "50.00"
    assert (await office.ask("GET", f"{CAJA}/holds")).body == {"holds": []}
    seen = await read(office, 3)
    assert (seen["action"], seen["target"], seen["phase"]) == ("post", 2, "posted")
    assert (seen["kind"], seen["reference"]) == ("payment", "R-1")
    gone = await follow(office, 2, "post", 6, amount="1.00")
    assert gone.code == "hold_not_open"


async def resolved(office: Office, sequence: int) -> tuple[object, ...]:
    """What is said of a hold: its status, what was posted, what is left, and by which rows."""
    seen = await read(office, sequence)
    assert seen["phase"] == "held"
    found = seen["hold"]
    rows = [(one["sequence"], one["amount"]) for one in found.get("by", ())]
    return found["status"], found["posted"], found["left"], rows


async def test_what_became_of_a_hold_is_shown(office: Office) -> None:
    """Whoever made of it what; after a restart too, when no memory of it is left."""
    for number in range(2, 8):
        await hold(office, number, "ana", "eva", "10.00")
    assert await resolved(office, 2) == ("open", "0.00", "10.00", [])
    await follow(office, 2, "post", 8, amount="3.00")
    assert await resolved(office, 2) == ("part_posted", "3.00", "7.00", [(8, "3.00")])
    await follow(office, 2, "post", 9, amount="7.00")
    await follow(office, 3, "post", 10, amount="4.00")
    await follow(office, 3, "post", 11, amount="1.00", release=True)
    await follow(office, 4, "post", 12, amount="2.00")
    await follow(office, 4, "void", 13)
    await follow(office, 5, "void", 14)
    await follow(office, 6, "post", 15, amount="6.00")
    expected = {
        2: ("posted", "10.00", "0.00", [(8, "3.00"), (9, "7.00")]),
        3: ("posted", "5.00", "0.00", [(10, "4.00"), (11, "1.00")]),
        4: ("voided", "2.00", "0.00", [(12, "2.00"), (13, "8.00")]),
        5: ("voided", "0.00", "0.00", [(14, "10.00")]),
        6: ("part_posted", "6.00", "4.00", [(15, "6.00")]),
        7: ("open", "0.00", "10.00", []),
    }
    assert {n: await resolved(office, n) for n in expected} == expected
    office.house.now += 30 * DAY_US
    await receipt(office, 16, "cash", "ana", "1.00")
    expected[6] = ("expired", "6.00", "0.00", [(15, "6.00")])
    expected[7] = ("expired", "0.00", "0.00", [])
    assert {n: await resolved(office, n) for n in expected} == expected
    listed = (await office.ask("GET", f"{TRANSFERS}?after=0")).body["transfers"]
    assert {t["sequence"]: t["hold"]["status"] for t in listed if "hold" in t} == {
        n: what[0] for n, what in expected.items()
    }


async def test_what_was_posted_of_a_hold_is_taken_back_and_the_hold_goes_on(
    office: Office,
) -> None:
    """To the exact amount, whatever was taken back; and what was released is not reversed."""
    await hold(office, 2, "ana", "eva", "60.00")
    await follow(office, 2, "post", 3, amount="20.01")
    for number, amount in ((4, "20.00"), (5, "0.01")):
        assert (await follow(office, 3, "reverse", number, amount=amount)).status == 201
    more = await follow(office, 3, "reverse", 6, amount="0.01")
    assert (more.code, more.body["available"]) == ("exceeds_target", "0.00")
    assert await resolved(office, 2) == ("part_posted", "20.01", "39.99", [(3, "20.01")])
    assert (await account(office, "ana"))["available"] == "60.01"
    exceeds = await follow(office, 2, "post", 7, amount="40.00")
    assert (exceeds.code, exceeds.body["available"]) == ("exceeds_target", "39.99")
    assert (await follow(office, 2, "post", 8, amount="39.99")).status == 201
    assert (await resolved(office, 2))[:3] == ("posted", "60.00", "0.00")
    for number, wrong in ((9, 2), (10, 4)):  # The hold itself, and a reversal.
        refused = await follow(office, wrong, "reverse", number, amount="1.00")
        assert refused.code == "target_not_reversible"


async def test_a_hold_and_its_end_in_one_batch(office: Office) -> None:
    """And a batch that is refused, or only looked at, resolves nothing."""
    terms = {"action": "hold", "expires": LATER}
    post_it = {"action": "post", "target": 2, "release": True}
    transfers = [
        pay("ana", "eva", "10.00", terms=terms),
        pay("ana", "eva", "4.00", terms=post_it),
        pay("ana", "eva", "5.00", terms=terms),
    ]
    sent = await office.ask("POST", BATCHES, {"id": uid(2), "transfers": transfers})
    assert sent.status == 201
    assert await resolved(office, 2) == ("posted", "4.00", "0.00", [(3, "4.00")])
    void = pay("ana", "eva", "5.00", terms={"action": "void", "target": 4})
    much = pay("ana", "eva", "900.00")
    refused = await office.ask("POST", BATCHES, {"id": uid(3), "transfers": [void, much]})
    assert refused.code == "exceeds_credit_limit"
    assert (await follow(office, 4, "void", 4, dry=True)).status == 200
    assert await resolved(office, 4) == ("open", "0.00", "5.00", [])


async def test_the_whole_of_a_hold_is_posted_or_given_back(office: Office) -> None:
    await hold(office, 2, "ana", "eva", "60.00")
    posted = await follow(office, 2, "post", 3)
    assert posted.body["receipt"]["amount"] == "60.00"
    await hold(office, 4, "ana", "eva", "30.00")
    await follow(office, 4, "post", 5, amount="10.00")
    void = await follow(office, 4, "void", 6)
    assert void.status == 201
    assert (void.body["receipt"]["phase"], void.body["receipt"]["amount"]) == (
        "released",
        "20.00",
    )
    repeat = await follow(office, 4, "void", 6)
    assert repeat.body["receipt"] == void.body["receipt"]
    assert (await read(office, 6))["phase"] == "released"
    assert (await account(office, "ana"))["available"] == "30.00"


async def test_a_follow_up_can_be_tried_dry(office: Office) -> None:
    await hold(office, 2, "ana", "eva", "60.00")
    state = office.state()
    for what in ("post", "void"):
        tried = await follow(office, 2, what, 3, dry=True)
        assert (tried.status, tried.body["dry_run"]) == (200, True)
        assert tried.body["outcomes"][0]["sequence"] == 3
    assert tried.body["outcomes"][0]["phase"] == "released"
    assert office.state() == state
    tried = await send(office, 3, "ana", "eva", "5.00", action="hold", expires=LATER, dry=True)
    assert tried.body["outcomes"][0] == {
        "position": 0,
        "sequence": 3,
        "debit_balance": "100.00",
        "credit_balance": "0.00",
        "phase": "held",
    }
    assert office.state() == state


async def test_open_holds_are_listed_by_account_and_in_pages(office: Office) -> None:
    for number, (debit, credit) in enumerate([("ana", "eva"), ("cash", "norte-1")] * 2, 2):
        await hold(office, number, debit, credit, "1.00")
    page = (await office.ask("GET", f"{CAJA}/holds?limit=3")).body
    assert [one["sequence"] for one in page["holds"]] == [2, 3, 4]
    rest = (await office.ask("GET", f"{CAJA}/holds?limit=3&after={page['next']}")).body
    assert [one["sequence"] for one in rest["holds"]] == [5]
    assert "next" not in rest
    for query, who, expected in [
        ("?account=eva", "auditor", [2, 4]),
        ("?account=nobody", "operator", []),
        ("", "poster", [3, 5]),
        ("?account=ana", "poster", []),
    ]:
        found = (await office.ask("GET", f"{CAJA}/holds{query}", who=who)).body["holds"]
        assert [one["sequence"] for one in found] == expected, query
    assert page["holds"][0] == {
        "sequence": 2,
        "debit_account": "ana",
        "credit_account": "eva",
        "amount": "1.00",
        "left": "1.00",
        "currency": "MXN",
        "expires": "2023-12-01T06:00:00.000000Z",
    }


async def test_a_statement_has_only_what_was_posted(office: Office) -> None:
    await hold(office, 2, "ana", "eva", "60.00")
    await follow(office, 2, "post", 3, amount="20.00", release=True)
    await hold(office, 4, "ana", "eva", "10.00")
    await follow(office, 4, "void", 5)
    path = f"{ACCOUNTS}/ana/statement"
    whole = (await office.ask("GET", path)).body
    lines = [(one["sequence"], one["amount"], one["balance"]) for one in whole["transfers"]]
    assert lines == [(1, "100.00", "100.00"), (3, "20.00", "80.00")]
    assert whole["closing_balance"] == "80.00"
    found: list[int] = []
    query = "?limit=1"
    while query:
        page = (await office.ask("GET", path + query)).body
        found += [one["sequence"] for one in page["transfers"]]
        query = f"?limit=1&cursor={page['next']}" if "next" in page else ""
    assert found == [1, 3]
    assert page["closing_balance"] == "80.00"


# ---- reversals


async def test_a_transfer_is_taken_back_in_parts(office: Office) -> None:
    await receipt(office, 2, "ana", "eva", "60.00")
    first, again = [await follow(office, 2, "reverse", 3, amount="20.00") for _ in range(2)]
    assert first.status == 201
    assert first.body["receipt"] == again.body["receipt"]
    sides = first.body["receipt"]["debit_account"], first.body["receipt"]["credit_account"]
    assert sides == ("eva", "ana")
    too_much = await follow(office, 2, "reverse", 4, amount="60.00")
    assert (too_much.code, too_much.body["available"]) == ("exceeds_target", "40.00")
    assert "40.00 MXN would be accepted" in too_much.body["detail"]
    assert (await follow(office, 2, "reverse", 5, amount="40.00")).status == 201
    seen, back = await read(office, 2), await read(office, 3)
    assert seen["reversed_by"] == [
        {"sequence": 3, "amount": "20.00"},
        {"sequence": 4, "amount": "40.00"},
    ]
    assert (back["action"], back["target"], back["kind"]) == ("reverse", 2, "reversal")
    assert "reversed_by" not in back
    assert (await follow(office, 3, "reverse", 6)).code == "target_not_reversible"


async def test_what_was_spent_is_left_or_taken_from_another(office: Office) -> None:
    await receipt(office, 2, "ana", "eva", "60.00")
    await receipt(office, 3, "eva", "cash", "50.00")
    refused = await follow(office, 2, "reverse", 4)
    assert (refused.code, refused.body["available"]) == ("exceeds_credit_limit", "10.00")
    tried = await follow(office, 2, "reverse", 5, up_to="debit", rest="bridge", dry=True)
    assert tried.body["outcomes"] == [
        {
            "position": 0,
            "sequence": 4,
            "debit_balance": "0.00",
            "credit_balance": "50.00",
            "amount": "10.00",
            "beside": [
                {
                    "sequence": 5,
                    "debit_account": "bridge",
                    "credit_account": "ana",
                    "amount": "50.00",
                    "currency": "MXN",
                    "kind": "rest",
                    "debit_balance": "-50.00",
                    "credit_balance": "100.00",
                }
            ],
            "last_sequence": 5,
        }
    ]
    done = await follow(office, 2, "reverse", 5, up_to="debit", rest="bridge")
    slip = done.body["receipt"]
    assert (slip["amount"], slip["last_sequence"]) == ("10.00", 5)
    assert slip["beside"] == tried.body["outcomes"][0]["beside"]
    assert (await read(office, 2))["reversed_by"] == [
        {"sequence": 4, "amount": "10.00"},
        {"sequence": 5, "amount": "50.00"},
    ]
    rest = await read(office, 5)
    assert (rest["kind"], rest["debit_account"], rest["amount"]) == ("rest", "bridge", "50.00")
    assert rest["id"] == uid(5)


async def test_where_nothing_is_left_all_of_it_is_the_rest(office: Office) -> None:
    """The transfer then has no row of its own, and its receipt says so."""
    slip = await receipt(office, 2, "eva", "ben", "30.00", up_to="debit", rest="bridge")
    assert (slip["amount"], slip["debit_account"], slip["sequence"]) == ("0.00", "eva", 2)
    assert [one["debit_account"] for one in slip["beside"]] == ["bridge"]
    assert "last_sequence" not in slip
    assert "debit_balance" not in slip
    again = await receipt(office, 2, "eva", "ben", "30.00", up_to="debit", rest="bridge")
    assert again == slip
    seen = await read(office, 2)
    assert (seen["kind"], seen["debit_account"], seen["amount"]) == ("rest", "bridge", "30.00")
    batch = (await office.ask("GET", f"{BATCHES}/{uid(2)}")).body["receipt"]
    assert batch["outcomes"][0]["amount"] == "0.00"
    assert batch["outcomes"][0]["beside"] == slip["beside"]


async def test_a_transfer_up_to_what_there_is(office: Office) -> None:
    slip = await receipt(office, 2, "ana", "eva", "130.00", up_to="debit")
    assert (slip["amount"], slip["debit_balance"]) == ("100.00", "0.00")


async def payroll(office: Office) -> None:
    """A batch through several hands: the second passes on what the first brought."""
    transfers = [
        pay("cash", "eva", "50.00"),
        pay("eva", "norte-1", "50.00"),
        pay("ana", "norte-1", "10.00", terms={"entry": 7}),
        pay("ana", "norte-1", "20.00", terms={"entry": 7}),
        pay("ana", "eva", "500.00"),
    ]
    batch = {"id": uid(2), "mode": "each", "transfers": transfers}
    posted = await office.ask("POST", BATCHES, batch)
    assert posted.body["receipt"]["posted"] == 4


async def reverse(office: Office, number: int, **more: Any) -> Answered:
    who = more.pop("who", "operator")
    dry = "?dry_run=true" if more.pop("dry", False) else ""
    path = f"{BATCHES}/{uid(2)}/reverse{dry}"
    return await office.ask("POST", path, {"id": uid(number), **more}, who=who)


async def test_a_whole_batch_is_taken_back_at_once(office: Office) -> None:
    """The last first, so that who passed it on has it again."""
    before = office.state().balances
    await payroll(office)
    tried = await reverse(office, 3, dry=True)
    assert [one["sequence"] for one in tried.body["outcomes"]] == [6, 7, 8, 9]
    first, again = [await reverse(office, 3) for _ in range(2)]
    assert first.status == 201, first.body
    assert first.body["receipt"] == again.body["receipt"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert office.state().balances == before
    assert [(await read(office, n))["target"] for n in (6, 7, 8, 9)] == [5, 4, 3, 2]
    entries = [(await read(office, n)).get("entry") for n in (6, 7, 8, 9)]
    assert entries == [1, 1, None, None]
    more = await reverse(office, 4)
    assert (more.code, more.body["available"]) == ("exceeds_target", "0.00")


@pytest.mark.parametrize(
    ("more", "posted", "codes"),
    [
        ({}, None, ["exceeds_credit_limit"]),
        ({"mode": "each"}, 2, ["exceeds_credit_limit", "entry_refused"]),
        ({"mode": "each", "when_spent": "available"}, 4, []),
        ({"when_spent": {"rest": "bridge"}}, 5, []),
    ],
)
async def test_when_a_batch_is_spent_its_sender_chooses(
    office: Office, more: dict[str, Any], posted: int | None, codes: list[str]
) -> None:
    """Who was paid has 25.00 left of the 30.00 that came as one entry."""
    transfers = [
        pay("cash", "ana", "1.00"),
        pay("cash", "ana", "2.00"),
        pay("cash", "eva", "10.00", terms={"entry": 7}),
        pay("cash", "eva", "20.00", terms={"entry": 7}),
    ]
    batch = {"id": uid(2), "transfers": transfers}
    assert (await office.ask("POST", BATCHES, batch)).status == 201
    await receipt(office, 3, "eva", "ben", "5.00")
    done = await reverse(office, 4, **more)
    if posted is None:
        assert done.code == codes[0]
        assert done.body["available"] == "5.00"
        return
    assert done.status == 201, done.body
    assert done.body["receipt"]["posted"] == posted
    outcomes = done.body["receipt"]["outcomes"]
    assert sorted(one["code"] for one in outcomes if "code" in one) == sorted(codes)
    minimal = await office.ask(
        "POST",
        f"{BATCHES}/{uid(2)}/reverse",
        {"id": uid(4), **more},
        headers={"Prefer": "return=minimal"},
    )
    kept = minimal.body["receipt"].get("outcomes", [])
    said = [one["position"] for one in outcomes if "code" in one or "amount" in one]
    assert [one["position"] for one in kept] == said
    assert not any("debit_balance" in json.dumps(one) for one in kept)


async def test_of_a_batch_that_posted_nothing_nothing_is_taken_back(office: Office) -> None:
    transfers = [pay("ana", "eva", "500.00")]
    await office.ask("POST", BATCHES, {"id": uid(2), "transfers": transfers})
    assert (await reverse(office, 3)).code == "target_not_reversible"
    unknown = await office.ask("POST", f"{BATCHES}/{uid(9)}/reverse", {"id": uid(3)})
    assert (unknown.status, unknown.code) == (404, "batch_not_found")


# ---- suspense


async def test_cash_that_changed_hands_waits_until_it_is_cleared(office: Office) -> None:
    await freeze(office, "ana")
    slip = await receipt(office, 2, "cash", "ana", "5.00", suspense="bridge")
    assert (slip["suspense"], slip["credit_account"]) == ("credit", "bridge")
    assert (slip["meant_for"], slip["why"]) == ("ana", "credit_account_frozen")
    assert (slip["amount"], slip["credit_balance"]) == ("5.00", "5.00")
    office.house.now += 3 * DAY_US
    items = (await office.ask("GET", f"{CAJA}/suspense")).body["items"]
    assert [(i["sequence"], i["account"], i["side"], i["left"]) for i in items] == [
        (2, "bridge", "credit", "5.00")
    ]
    assert (items[0]["meant_for"], items[0]["why"]) == ("ana", "credit_account_frozen")
    assert items[0]["age_days"] == 3
    still = await follow(office, 2, "clear", 3)
    assert still.code == "credit_account_frozen"
    await freeze(office, "ana", "frozen_debits")
    part = await follow(office, 2, "clear", 4, amount="2.00")
    assert part.body["receipt"]["debit_account"] == "bridge"
    assert part.body["receipt"]["credit_account"] == "ana"
    too_much = await follow(office, 2, "clear", 5, amount="5.00")
    assert (too_much.code, too_much.body["available"]) == ("exceeds_target", "3.00")
    other = await follow(office, 2, "clear", 6, amount="3.00", credit_account="eva")
    assert other.body["receipt"]["credit_account"] == "eva"
    again = await follow(office, 2, "clear", 6, amount="3.00", credit_account="eva")
    assert again.body["receipt"] == other.body["receipt"]
    assert (await office.ask("GET", f"{CAJA}/suspense")).body == {"items": []}
    seen = await read(office, 2)
    assert [one["amount"] for one in seen["cleared_by"]] == ["2.00", "3.00"]
    assert (seen["suspense"], seen["credit_account"]) == ("credit", "bridge")
    assert (seen["meant_for"], seen["why"]) == ("ana", "credit_account_frozen")
    assert (await read(office, 3))["action"] == "clear"
    statement = (await office.ask("GET", f"{ACCOUNTS}/bridge/statement")).body
    assert [one["balance"] for one in statement["transfers"]] == ["5.00", "3.00", "0.00"]


async def test_a_payment_that_was_made_stands_on_the_debit_side(office: Office) -> None:
    slip = await receipt(office, 2, "eva", "cash", "5.00", suspense="bridge")
    assert (slip["suspense"], slip["debit_account"]) == ("debit", "bridge")
    wrong = await follow(office, 2, "clear", 3, credit_account="eva")
    assert (wrong.code, wrong.body["field"]) == ("malformed_request", "credit_account")
    dry = await follow(office, 2, "clear", 3, debit_account="ana", dry=True)
    assert dry.body["outcomes"][0]["debit_balance"] == "95.00"
    done = await follow(office, 2, "clear", 3, debit_account="ana")
    assert done.body["receipt"]["credit_account"] == "bridge"
    not_there = await follow(office, 1, "clear", 4)
    assert not_there.code == "target_not_in_suspense"


async def test_items_in_suspense_are_listed_by_account_and_in_pages(office: Office) -> None:
    await freeze(office, "ana")
    for number, bridge in enumerate(["bridge", "norte-bridge", "bridge"], 2):
        await receipt(office, number, "cash", "ana", "5.00", suspense=bridge)
    page = (await office.ask("GET", f"{CAJA}/suspense?limit=2")).body
    assert [one["sequence"] for one in page["items"]] == [2, 3]
    assert page["next"] == 3
    for query, who, expected in [
        ("?after=3", "auditor", [4]),
        ("?account=bridge", "operator", [2, 4]),
        ("", "poster", [3]),
    ]:
        found = (await office.ask("GET", f"{CAJA}/suspense{query}", who=who)).body["items"]
        assert [one["sequence"] for one in found] == expected


# ---- entries and soft bounds


async def test_an_entry_stands_or_falls_as_one(office: Office) -> None:
    parts = [pay("ana", "eva", a, terms={"entry": 1}) for a in ("60.00", "60.00")]
    batch = {"id": uid(2), "mode": "each", "transfers": [*parts, pay("ana", "eva", "1.00")]}
    answer = await office.ask("POST", BATCHES, batch, headers=ENGLISH)
    outcomes = answer.body["receipt"]["outcomes"]
    assert [one.get("code", "") for one in outcomes] == [
        "entry_refused",
        "exceeds_credit_limit",
        "",
    ]
    assert "stand or fall together" in outcomes[0]["sentence"]
    again = await office.ask("GET", f"{BATCHES}/{uid(2)}", headers=ENGLISH)
    assert again.body["receipt"] == answer.body["receipt"]


@pytest.mark.parametrize(
    ("nature", "soft", "sides", "code", "flag"),
    [
        ("credit", "lower", ("s", "eva"), "exceeds_credit_limit", "credit_limit_passed"),
        ("credit", "upper", ("cash", "s"), "exceeds_balance_limit", "balance_limit_passed"),
        ("debit", "lower", ("cash", "s"), "exceeds_balance_limit", "balance_limit_passed"),
        ("debit", "upper", ("s", "eva"), "exceeds_credit_limit", "credit_limit_passed"),
    ],
)
async def test_a_soft_bound_is_passed_and_flagged(
    office: Office, nature: str, soft: str, sides: tuple[str, str], code: str, flag: str
) -> None:
    """It is said of the balance as it is shown; a change of limits leaves it as it is."""
    one = {"code": "s", "currency": "MXN", "nature": nature}
    other = {"lower": "upper_bound", "upper": "lower_bound"}[soft]
    await office.ask("POST", ACCOUNTS, {**one, f"{soft}_bound": "0", other: "none"})
    assert (await send(office, 2, *sides, "5.00")).code == code
    path = f"{ACCOUNTS}/s"
    asked = {"reason": "x", "soft_bounds": soft}
    tried = await office.ask("PATCH", f"{path}?dry_run=true", asked)
    assert tried.body["account"]["soft_bounds"] == soft
    changed = await office.ask("PATCH", path, asked)
    assert changed.body["soft_bounds"] == soft
    bound = "-900" if soft == "upper" else "900"
    limited = await office.ask("PATCH", path, {"reason": "x", other: bound})
    assert limited.body["soft_bounds"] == soft
    slip = await receipt(office, 3, *sides, "5.00")
    assert slip["flags"] == [flag]
    assert (await read(office, 2))["flags"] == [flag]
    size = office.state().size
    await office.ask("PATCH", path, asked)
    assert office.state().size == size
    await office.ask("PATCH", path, {"reason": "x", "soft_bounds": "none"})
    assert (await send(office, 4, *sides, "5.00")).code == code
    both = await office.ask("PATCH", path, {"reason": "x", "soft_bounds": "both"})
    assert both.body["soft_bounds"] == "both"


@pytest.mark.parametrize(
    ("nature", "bounds", "available"),
    [
        ("credit", ("-20", "none"), "10.00"),
        ("credit", ("none", "50"), "none"),
        ("debit", ("-20", "none"), "10.00"),
        ("debit", ("none", "50"), "none"),
    ],
)
async def test_available_is_the_balance_less_what_is_held_and_the_bound(
    office: Office, nature: str, bounds: tuple[str, str], available: str
) -> None:
    """15.00 on an account of either nature, 25.00 held back of it, and a bound."""
    one = {"code": "s", "currency": "MXN", "nature": nature}
    one |= {"lower_bound": bounds[0], "upper_bound": bounds[1]}
    await office.ask("POST", ACCOUNTS, one)
    into = ("cash", "s") if nature == "credit" else ("s", "cash")
    await receipt(office, 2, *into, "15.00")
    await hold(office, 3, *reversed(into), "25.00")
    seen = await account(office, "s")
    assert seen["balance"] == "15.00"
    pending = ("pending_debits", "pending_credits")
    held, free = pending if nature == "credit" else pending[::-1]
    assert (seen[held], seen[free]) == ("25.00", "0.00")
    assert seen["available"] == available
    if available != "none":
        assert (await send(office, 4, *reversed(into), "10.01")).status == 409
        assert (await send(office, 5, *reversed(into), "10.00")).status == 201


# ---- the thirteenth month


async def test_an_adjustment_to_a_year_moves_balances_like_any_other(office: Office) -> None:
    asked = pay("ana", "eva", "5.00", business_date="2022-12-31", terms={"adjusting": True})
    early = await office.ask("POST", TRANSFERS, {"id": uid(4), **asked})
    assert early.code == "business_date_not_open"  # Its year is not closed.
    assert (await office.ask("POST", f"{CAJA}/days/2022-12-31/close")).status == 200
    posted = await office.ask("POST", TRANSFERS, {"id": uid(2), **asked})
    assert posted.body["receipt"]["phase"] == "adjusted"
    assert (await read(office, 2))["phase"] == "adjusted"
    statement = (await office.ask("GET", f"{ACCOUNTS}/ana/statement")).body
    assert [one["balance"] for one in statement["transfers"]] == ["100.00", "95.00"]
    assert (await reverse(office, 3)).status == 201
    assert (await account(office, "ana"))["balance"] == "100.00"


# ---- form


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({}, "terms"),
        ({"action": "hold"}, "terms"),
        ({"action": "keep"}, "terms.action"),
        ({"action": "hold", "expires": "2023-12-01T00:00:00"}, "terms.expires"),
        ({"action": "hold", "expires": "tomorrow"}, "terms.expires"),
        ({"action": "post", "target": 0}, "terms.target"),
        ({"action": "post", "target": 2**53}, "terms.target"),
        ({"up_to": "all"}, "terms.up_to"),
        ({"entry": 8191}, "terms.entry"),
        ({"entry": 1, "rate": {"n": 1}}, "terms.rate.d"),
        ({"entry": 1, "rate": {"n": 0, "d": 1}}, "terms.rate.n"),
        ({"suspense": None}, "terms.suspense"),
        ({"sooner": True}, "terms.sooner"),
    ],
)
async def test_malformed_terms_say_where(
    office: Office, terms: dict[str, Any], field: str
) -> None:
    before = office.state()
    transfers = [pay("cash", "ana", "1.00"), pay("cash", "ana", "1.00", terms=terms)]
    answer = await office.ask("POST", BATCHES, {"id": uid(2), "transfers": transfers})
    assert (answer.status, answer.code) == (422, "malformed_request")
    assert (answer.body["position"], answer.body["field"]) == (1, field)
    assert office.state() == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"action":', b'"action":"void","action":'),
        (b'"terms":', b'"terms":{"entry":1},"terms":'),
        # Written again, the moment has a colon more than it came with.
        (b'-06:00"', b'-0600"'),
    ],
)
async def test_a_field_twice_is_seen_inside_terms_too(
    office: Office, before: bytes, after: bytes
) -> None:
    terms = {"action": "hold", "expires": LATER}
    body = json.dumps({"id": uid(2), **pay("ana", "eva", "1.00", terms=terms)}).encode()
    body = body.replace(b'": ', b'":')
    assert body.count(before) == 1
    body = body.replace(before, after)
    if after == b'-0600"':
        body = body[:-1] + b',"amount":"90.00"}'
    answer = await office.ask("POST", TRANSFERS, data=body)
    assert (answer.status, answer.code) == (400, "duplicate_field")


async def test_follow_ups_are_read_strictly(office: Office) -> None:
    for what, more, status, code in [
        ("post", {"up_to": "debit"}, 422, "malformed_request"),
        ("void", {"amount": "1.00"}, 422, "malformed_request"),
        ("reverse", {"rest": "bridge"}, 422, "malformed_request"),
        ("reverse", {"amount": "1.001"}, 422, "malformed_amount"),
        ("reverse", {"amount": 1}, 422, "malformed_request"),
        ("clear", {"target": 1}, 422, "malformed_request"),
    ]:
        answer = await follow(office, 1, what, 2, **more)
        assert (answer.status, answer.code) == (status, code), (what, more)
    for sequence in (2, 10**20):
        answer = await follow(office, sequence, "void", 3)
        assert (answer.status, answer.code) == (404, "transfer_not_found")
    no_id = await office.ask("POST", f"{TRANSFERS}/1/reverse", {})
    assert (no_id.code, no_id.body["field"]) == ("malformed_request", "id")
    header = {"Idempotency-Key": uid(4)}
    named = await office.ask("POST", f"{TRANSFERS}/1/reverse", {}, headers=header)
    assert named.body["receipt"]["id"] == uid(4)
    for spent in ("all", {"rest": 1}, {"take": "x"}):
        answer = await office.ask(
            "POST", f"{BATCHES}/{uid(1)}/reverse", {"id": uid(5), "when_spent": spent}
        )
        assert (answer.status, answer.code) == (422, "malformed_request"), spent


async def test_a_hold_ends_in_a_time_that_can_be_written(office: Office) -> None:
    """Microseconds are at most 2^53-1, in the year 2255; what is later could not be read."""
    far = "9999-12-31T23:59:59Z"
    answer = await send(office, 2, "ana", "eva", "1.00", action="hold", expires=far)
    assert (answer.status, answer.code) == (422, "malformed_request")


# ---- who may


async def test_a_poster_debits_only_its_own_also_under_terms(office: Office) -> None:
    """By `rest`, by `suspense`, by taking back what went to another."""
    before = office.state()
    for args, terms, account_ in [
        (("ana", "eva"), {"action": "hold", "expires": LATER}, "ana"),
        (("cash", "ana"), {"up_to": "debit", "rest": "bridge"}, "bridge"),
        (("cash", "ana"), {"suspense": "bridge"}, "bridge"),
        (("cash", "ana"), {"action": "reverse", "target": 1}, "ana"),
        (("ana", "cash"), {"action": "reverse", "target": 1}, "ana"),
    ]:
        answer = await send(office, 2, *args, "1.00", who="poster", **terms)
        assert (answer.status, answer.code) == (403, "account_not_yours"), terms
        assert answer.body["account"] == account_
        assert office.state() == before
    own = await receipt(office, 3, "cash", "ana", "1.00", suspense="norte-bridge", who="poster")
    assert own["sequence"] == 2
    rest = await receipt(
        office, 4, "cash", "ben", "101.00", up_to="credit", rest="eva", who="poster"
    )
    assert [one["credit_account"] for one in rest["beside"]] == ["eva"]
    assert "credit_balance" not in rest["beside"][0]
    assert rest["beside"][0]["debit_balance"] == "-202.00"


async def test_a_poster_follows_up_only_what_is_its_own(office: Office) -> None:
    await hold(office, 2, "cash", "ana", "5.00")
    await hold(office, 3, "ana", "cash", "5.00")
    await hold(office, 4, "ana", "eva", "5.00")
    await receipt(office, 5, "cash", "norte-1", "5.00")
    await receipt(office, 6, "ana", "cash", "5.00")
    await freeze(office, "eva")
    await receipt(office, 7, "cash", "eva", "5.00", suspense="bridge")
    for sequence, what, expected in [
        (2, "post", 201),
        (3, "post", "account_not_yours"),
        (3, "void", "account_not_yours"),
        (4, "void", "transfer_not_found"),
        (5, "reverse", 201),
        (6, "reverse", "account_not_yours"),
        (7, "clear", "account_not_yours"),
        (10, "void", "transfer_not_found"),
    ]:
        answer = await follow(office, sequence, what, 100 + sequence, who="poster")
        found = answer.status if answer.status == 201 else answer.code
        assert found == expected, (sequence, what)
    for what in ("post", "void", "reverse", "clear"):
        answer = await follow(office, 2, what, 50, who="auditor")
        assert answer.code == "role_not_allowed"
    transfers = [pay("cash", "ana", "1.00")]
    batch = {"id": uid(60), "transfers": transfers}
    assert (await office.ask("POST", BATCHES, batch, who="poster")).status == 201
    path = f"{BATCHES}/{uid(60)}/reverse"
    answer = await office.ask("POST", path, {"id": uid(61)}, who="poster")
    assert (answer.code, answer.body["account"]) == ("account_not_yours", "ana")
    hidden = f"{BATCHES}/{uid(5)}/reverse"
    answer = await office.ask("POST", hidden, {"id": uid(62)}, who="poster")
    assert answer.code == "batch_not_found"


async def test_plain_receipts_say_nothing_of_terms(office: Office) -> None:
    """They are what they were before there were any."""
    slip = await receipt(office, 2, "cash", "ana", "1.00")
    assert list(slip) == [
        *("ledger", "id", "sequence", "batch_number", "leaf_index", "recorded_at"),
        *("business_date", "debit_account", "credit_account", "amount", "currency"),
        *("debit_balance", "credit_balance"),
    ]
    batch = {"id": uid(3), "transfers": [pay("cash", "ana", "1.00")]}
    posted = await office.ask("POST", BATCHES, batch)
    assert [list(one) for one in posted.body["receipt"]["outcomes"]] == [
        ["position", "sequence", "debit_balance", "credit_balance"]
    ]


# ---- what is left, where no amount is given


async def test_without_an_amount_it_is_what_is_left(office: Office) -> None:
    """Of what was taken back in part, posted in part, or cleared in part; sent again, too."""
    await receipt(office, 2, "ana", "eva", "60.00")
    await receipt(office, 3, "cash", "ana", "60.00")
    held = await hold(office, 4, "ana", "eva", "50.00")
    await freeze(office, "ben")
    stranded = await receipt(office, 5, "cash", "ben", "40.00", suspense="bridge")
    await office.ask("PATCH", f"{ACCOUNTS}/ben", {"reason": "court", "status": "open"})
    for sequence, what in (
        (2, "reverse"),
        (held["sequence"], "post"),
        (stranded["sequence"], "clear"),
    ):
        part = await follow(office, sequence, what, 100 + sequence, amount="15.00")
        assert part.status == 201, part.body
        tried = await follow(office, sequence, what, 200 + sequence, dry=True)
        rest = await follow(office, sequence, what, 200 + sequence)
        again = await follow(office, sequence, what, 200 + sequence)
        assert rest.body["receipt"] == again.body["receipt"]
        assert tried.status == 200
        left = {"reverse": "45.00", "post": "35.00", "clear": "25.00"}[what]
        assert rest.body["receipt"]["amount"] == left
        none = await follow(office, sequence, what, 300 + sequence)
        assert none.code in ("exceeds_target", "hold_not_open", "target_not_in_suspense")
        assert (await follow(office, sequence, what, 300 + sequence)).body["leaf_index"] == (
            none.body["leaf_index"]
        )


async def test_a_refused_rest_stays_refused(office: Office) -> None:
    """Though less is left by now, the same request is what it was."""
    await receipt(office, 2, "ana", "eva", "60.00")
    await receipt(office, 3, "eva", "cash", "60.00")
    refused = await follow(office, 2, "reverse", 4)
    assert refused.code == "exceeds_credit_limit"
    await receipt(office, 5, "cash", "eva", "20.00")
    assert (await follow(office, 2, "reverse", 6, amount="20.00")).status == 201
    again = await follow(office, 2, "reverse", 4)
    assert (again.code, again.body["leaf_index"]) == (refused.code, refused.body["leaf_index"])
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_rest_that_waits_is_the_same_rest(office: Office) -> None:
    await receipt(office, 2, "ana", "eva", "60.00")
    rule = {"kinds": ["reversal"], "approvals": 1, "expires_after": 3600}
    policy = {"code": "back", "reason": "board", "rule": rule}
    assert (await office.ask("POST", f"{CAJA}/policies", policy)).status == 200
    waits = await follow(office, 2, "reverse", 4)
    assert (waits.status, waits.body["proposal"]["sums"]) == (202, {"MXN": "60.00"})
    await office.ask("POST", f"{CAJA}/policies", {"code": "back", "reason": "board"})
    assert (await follow(office, 2, "reverse", 5, amount="10.00")).status == 201
    again = await follow(office, 2, "reverse", 4)
    assert (again.status, again.body["proposal"]) == (202, waits.body["proposal"])
