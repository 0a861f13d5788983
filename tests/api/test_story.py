"""The client's story: what people do with the service, and what they are told."""

import asyncio
from uuid import uuid5

import pytest

from ledger.api.wire import IDEMPOTENCY_NAMESPACE
from ledger.journal.checkpoints import open_checkpoint
from ledger.journal.merkle import check_inclusion, leaf_hash
from ledger.journal.notes import decode_base64, parse_vkey
from ledger.journal.proofs import verify_proof
from ledger.journal.tiles import decode_bundle
from ledger.memory.reads import MemoryReads
from tests.api.offices import CAJA, Office, pay, uid

TRANSFERS = f"{CAJA}/transfers"
BATCHES = f"{CAJA}/batches"
ACCOUNTS = f"{CAJA}/accounts"
DAY = "2023-11-14"  # Of the tests' clock, in Mexico.


async def post(office: Office, number: int, *args: str, **more: object) -> dict[str, object]:
    """Post one transfer that must succeed; its receipt."""
    answer = await office.ask("POST", TRANSFERS, {"id": uid(number), **pay(*args, **more)})
    assert answer.status == 201, answer.body
    receipt: dict[str, object] = answer.body["receipt"]
    return receipt


# ---- setting up


async def test_a_new_ledger_from_nothing_to_a_first_transfer(office: Office) -> None:
    ledger = {"code": "red", "name": "Red de trueque", "time_zone": "America/Bogota"}
    opened = await office.ask("POST", "/v1/ledgers", ledger, who="service")
    assert (opened.status, opened.body["size"]) == (201, 1)
    red = "/v1/ledgers/red"
    currency = {"code": "TRUEKE", "kind": "mutual_credit", "scale": 0}
    added = await office.ask("POST", f"{red}/currencies", currency, who="service")
    assert (added.status, added.body) == (201, currency)
    members = [
        {"code": code, "currency": "TRUEKE", "lower_bound": "-300", "upper_bound": "500"}
        for code in ("luz", "sol")
    ]
    many = await office.ask("POST", f"{red}/accounts", {"accounts": members}, who="service")
    assert [account["number"] for account in many.body["accounts"]] == [1, 2]
    key = {"role": "poster", "poster": "app", "accounts": ["*"]}
    given = await office.ask("POST", f"{red}/keys", key, who="service")
    assert given.status == 201
    office.secrets["app"] = given.body["secret"]
    paid = {**pay("luz", "sol", "120"), "currency": "TRUEKE", "id": uid(1)}
    answer = await office.ask("POST", f"{red}/transfers", paid, who="app")
    assert answer.status == 201
    receipt = answer.body["receipt"]
    assert (receipt["debit_balance"], receipt["credit_balance"]) == ("-120", "120")
    assert (receipt["sequence"], receipt["amount"]) == (1, "120")


async def test_a_dry_run_says_what_would_happen_and_changes_nothing(office: Office) -> None:
    before = office.state()
    ledger = {"code": "otra", "name": "Otra", "time_zone": "UTC"}
    key = {"role": "auditor"}
    named = (await office.ask("GET", f"{CAJA}/keys")).body["keys"][0]["key"]
    writes = [
        ("POST", "/v1/ledgers", ledger, "service", "ledger"),
        (
            "POST",
            f"{CAJA}/currencies",
            {"code": "HRS", "kind": "time", "scale": 1},
            "operator",
            "currency",
        ),
        ("POST", ACCOUNTS, {"code": "luz", "currency": "MXN"}, "operator", "accounts"),
        (
            "PATCH",
            f"{ACCOUNTS}/ana",
            {"reason": "board", "status": "frozen"},
            "operator",
            "account",
        ),
        ("POST", TRANSFERS, {"id": uid(1), **pay("cash", "ana", "5")}, "operator", "outcomes"),
        (
            "POST",
            BATCHES,
            {"id": uid(1), "transfers": [pay("cash", "ana", "5")]},
            "operator",
            "outcomes",
        ),
        ("POST", f"{CAJA}/keys", key, "operator", "key"),
        ("DELETE", f"{CAJA}/keys/{named}", None, "operator", "key"),
    ]
    for method, path, body, who, named in writes:
        answer = await office.ask(method, f"{path}?dry_run=true", body, who=who)
        assert (answer.status, answer.body["dry_run"]) == (200, True), path
        assert named in answer.body
        assert office.state() == before, path
    refused = await office.ask(
        "POST", f"{TRANSFERS}?dry_run=true", {"id": uid(1), **pay("ana", "ben", "5")}
    )
    assert (refused.status, refused.code) == (409, "exceeds_credit_limit")
    assert office.state() == before


async def test_bounds_and_balances_stand_in_the_accounts_own_nature(office: Office) -> None:
    """A debit account's balance is shown turned round, and so its bounds change places."""
    account = {
        "code": "loans",
        "currency": "MXN",
        "nature": "debit",
        "lower_bound": "0",
        "upper_bound": "500",
    }
    opened = await office.ask("POST", ACCOUNTS, account)
    assert opened.body["accounts"][0]["lower_bound"] == "0.00"
    assert opened.body["accounts"][0]["upper_bound"] == "500.00"
    receipt = await post(office, 1, "loans", "ana", "120.50")
    assert (receipt["debit_balance"], receipt["credit_balance"]) == ("120.50", "120.50")
    refused = await office.ask(
        "POST", TRANSFERS, {"id": uid(2), **pay("loans", "ana", "380.00")}
    )
    assert (refused.code, refused.body["available"]) == ("exceeds_credit_limit", "379.50")
    patch = {"reason": "board", "lower_bound": "-1.00", "upper_bound": "none"}
    changed = await office.ask("PATCH", f"{ACCOUNTS}/loans", patch)
    assert (changed.body["lower_bound"], changed.body["upper_bound"]) == ("-1.00", "none")
    seen = await office.ask("GET", f"{ACCOUNTS}/loans")
    assert seen.body == changed.body
    assert seen.body["balance"] == "120.50"


async def test_lists_go_on_where_the_last_page_ended(office: Office) -> None:
    """Whatever the page size, the pages together are everything, once."""
    for number in range(1, 6):
        await post(office, number, "cash", "ana", "1.00")
    lists = [
        (ACCOUNTS, "accounts", "code", 4),
        (f"{CAJA}/currencies", "currencies", "code", 1),
        (TRANSFERS, "transfers", "sequence", 5),
        (BATCHES, "batches", "id", 5),
        ("/v1/ledgers", "ledgers", "code", 1),
    ]
    for path, name, key, count in lists:
        found: list[object] = []
        query = "?limit=2"
        for _ in range(10):
            page = (await office.ask("GET", path + query)).body
            found += [item[key] for item in page[name]]
            if "next" not in page or not page[name]:
                break
            query = f"?limit=2&after={page['next']}"
        assert len(found) == len(set(found)) == count, path


# ---- posting


async def test_sent_twice_recorded_once(office: Office) -> None:
    """A client that lost the answer may send again and gets the first receipt."""
    body = {"id": uid(7), **pay("cash", "ana", "25.00", reference="REC-1")}
    first, again = [await office.ask("POST", TRANSFERS, body) for _ in range(2)]
    assert first.status == again.status == 201
    assert first.body["receipt"] == again.body["receipt"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert office.state().transfers == 1
    other = await office.ask("POST", TRANSFERS, body | {"amount": "26.00"})
    assert (other.status, other.code) == (409, "id_used_by_another_batch")


async def test_a_refusal_is_repeated_too(office: Office) -> None:
    """What was refused stays refused under its id, even when it could be posted by now."""
    body = {"id": uid(7), **pay("ana", "eva", "25.00")}
    first = await office.ask("POST", TRANSFERS, body)
    assert (first.status, first.code) == (409, "exceeds_credit_limit")
    assert first.body["available"] == "0.00"
    assert first.body["account"] == "ana"
    await post(office, 8, "cash", "ana", "25.00")
    again = await office.ask("POST", TRANSFERS, body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.body["leaf_index"] == first.body["leaf_index"]
    assert {**again.body, "request_id": ""} == {**first.body, "request_id": ""}
    seen = await office.ask("GET", f"{BATCHES}/{uid(7)}")
    assert seen.body["refused"]["code"] == "exceeds_credit_limit"
    assert seen.body["refused"]["leaf_index"] == first.body["leaf_index"]


async def test_many_at_once_with_one_id_are_one(office: Office) -> None:
    body = {"id": uid(7), **pay("cash", "ana", "25.00")}
    answers = await asyncio.gather(*(office.ask("POST", TRANSFERS, body) for _ in range(8)))
    assert {answer.status for answer in answers} == {201}
    assert len({str(answer.body["receipt"]) for answer in answers}) == 1
    assert office.state().transfers == 1


async def test_an_idempotency_key_stands_for_the_id(office: Office) -> None:
    body = pay("cash", "ana", "5.00")
    header = {"Idempotency-Key": uid(9)}
    first = await office.ask("POST", TRANSFERS, body, headers=header)
    assert first.body["receipt"]["id"] == uid(9)
    text = {"Idempotency-Key": '"recibo 77"'}
    named = await office.ask("POST", TRANSFERS, body, headers=text)
    assert named.body["receipt"]["id"] == str(uuid5(IDEMPOTENCY_NAMESPACE, "/recibo 77"))
    again = await office.ask("POST", TRANSFERS, body, headers=text)
    assert again.headers["Idempotent-Replayed"] == "true"
    poster = await office.ask("POST", TRANSFERS, body, headers=text, who="poster")
    assert poster.body["receipt"]["id"] == str(uuid5(IDEMPOTENCY_NAMESPACE, "branch/recibo 77"))


async def test_each_tells_what_became_of_every_transfer(office: Office) -> None:
    transfers = [
        pay("cash", "ana", "10.00"),
        pay("ana", "eva", "99.00"),
        pay("ana", "eva", "4.00"),
        pay("ana", "nobody", "1.00"),
    ]
    batch = {"id": uid(1), "mode": "each", "count": 4, "transfers": transfers}
    english = {"Accept-Language": "en"}
    answer = await office.ask("POST", BATCHES, batch, headers=english)
    assert answer.status == 201
    receipt = answer.body["receipt"]
    assert (receipt["count"], receipt["posted"]) == (4, 2)
    first, second, third, fourth = receipt["outcomes"]
    assert first == {
        "position": 0,
        "sequence": 1,
        "debit_balance": "-10.00",
        "credit_balance": "10.00",
    }
    assert second["code"] == "exceeds_credit_limit"
    assert (second["account"], second["available"], second["currency"]) == (
        "ana",
        "10.00",
        "MXN",
    )
    assert "10.00 MXN would be accepted" in second["sentence"]
    assert third["sequence"] == 2
    assert fourth["code"] == "credit_account_not_found"
    seen = await office.ask("GET", f"{BATCHES}/{uid(1)}", headers=english)
    assert seen.body["receipt"] == receipt
    minimal = await office.ask(
        "POST", BATCHES, batch, headers={**english, "Prefer": "return=minimal"}
    )
    assert minimal.body.keys() == {"receipt"}
    assert [outcome["position"] for outcome in minimal.body["receipt"]["outcomes"]] == [1, 3]


async def test_an_atomic_batch_is_all_or_nothing(office: Office) -> None:
    before = office.state().balances
    transfers = [pay("cash", "ana", "10.00"), pay("ana", "eva", "99.00")]
    batch = {"id": uid(1), "transfers": transfers, "control_sums": {"MXN": "109.00"}}
    refused = await office.ask("POST", BATCHES, batch)
    assert (refused.code, refused.body["position"]) == ("exceeds_credit_limit", 1)
    assert office.state().balances == before
    transfers[1] = pay("ana", "eva", "9.00")
    sums = {"MXN": "19.00"}
    posted = await office.ask(
        "POST", BATCHES, {"id": uid(2), "transfers": transfers, "control_sums": sums}
    )
    assert posted.status == 201
    assert posted.body["receipt"]["last_sequence"] == 2
    single = await office.ask("GET", f"{TRANSFERS}/2")
    assert (single.body["amount"], single.body["position"]) == ("9.00", 1)


async def test_a_batch_as_large_as_there_is(office: Office) -> None:
    transfers = [pay("cash", "ana", "0.01", reference=f"R{i}") for i in range(8190)]
    batch = {"id": uid(1), "transfers": transfers, "count": 8190}
    headers = {"Prefer": "return=minimal"}
    posted = await office.ask("POST", BATCHES, batch, headers=headers)
    assert posted.body["receipt"]["last_sequence"] == 8190
    too_many = {"id": uid(2), "transfers": [*transfers, transfers[0]]}
    refused = await office.ask("POST", BATCHES, too_many)
    assert (refused.status, refused.code) == (422, "malformed_request")


# ---- reading


async def test_a_statement_by_dates_and_by_sequences(office: Office) -> None:
    """A transfer of an earlier day that came late stands in the earlier period."""
    await post(office, 1, "cash", "ana", "100.00", business_date="2023-11-10")
    await post(office, 2, "ana", "eva", "30.00", business_date="2023-11-12")
    await post(office, 3, "ana", "eva", "5.00", description="pan y café")
    await post(office, 4, "cash", "ana", "1.00", business_date="2023-11-11")
    path = f"{ACCOUNTS}/ana/statement"
    dated = (await office.ask("GET", f"{path}?from=2023-11-11&to=2023-11-12")).body
    assert (dated["opening_balance"], dated["closing_balance"]) == ("100.00", "71.00")
    assert [line["balance"] for line in dated["transfers"]] == ["70.00", "71.00"]
    sides = [(line["side"], line["other_account"]) for line in dated["transfers"]]
    assert sides == [("debit", "eva"), ("credit", "cash")]
    numbered = (await office.ask("GET", f"{path}?after=1&before=4")).body
    assert (numbered["opening_balance"], numbered["closing_balance"]) == ("100.00", "65.00")
    assert numbered["transfers"][1]["description"] == "pan y café"
    whole = (await office.ask("GET", path)).body
    assert (whole["opening_balance"], whole["closing_balance"]) == ("0.00", "66.00")
    page = (await office.ask("GET", f"{path}?limit=3")).body
    rest = (await office.ask("GET", f"{path}?limit=3&cursor={page['next']}")).body
    assert rest["opening_balance"] == page["closing_balance"] == "65.00"
    assert page["transfers"] + rest["transfers"] == whole["transfers"]
    assert "next" not in rest


async def test_a_statement_of_an_account_whose_leaf_is_not_found(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The book says then which accounts there are; and also which one another number has."""
    await post(office, 1, "cash", "ana", "100.00")
    whole = (await office.ask("GET", f"{ACCOUNTS}/ana/statement")).body
    assert len(whole["transfers"]) == 1
    real = MemoryReads.opening_of

    async def none(*_: object) -> bytes | None:
        return None

    async def another(reads: MemoryReads, ledger_id: int, account: int) -> bytes | None:
        return await real(reads, ledger_id, account + 1)

    for opening_of in (none, another):
        monkeypatch.setattr(MemoryReads, "opening_of", opening_of)
        assert (await office.ask("GET", f"{ACCOUNTS}/ana/statement")).body == whole
        assert (await office.ask("GET", f"{ACCOUNTS}/nobody/statement")).status == 404


async def test_a_trial_balance_balances(office: Office) -> None:
    await post(office, 1, "cash", "ana", "100.00", business_date="2023-10-31")
    await post(office, 2, "ana", "eva", "30.00")
    path = f"{CAJA}/trial-balance?from=2023-11-01&to=2023-11-30"
    by_account = (await office.ask("GET", path, who="auditor")).body
    rows = {
        line["account"]: (
            line["opening_balance"],
            line["debits"],
            line["credits"],
            line["closing_balance"],
        )
        for line in by_account["lines"]
    }
    assert rows == {
        "cash": ("-100.00", "0.00", "0.00", "-100.00"),
        "ana": ("100.00", "30.00", "0.00", "70.00"),
        "eva": ("0.00", "0.00", "30.00", "30.00"),
    }
    assert by_account["totals"] == [
        {
            "currency": "MXN",
            "opening_debit": "100.00",
            "opening_credit": "100.00",
            "debits": "30.00",
            "credits": "30.00",
            "closing_debit": "100.00",
            "closing_credit": "100.00",
            "balanced": True,
        }
    ]
    by_kind = (await office.ask("GET", f"{path}&by=kind")).body
    assert [line["closing_balance"] for line in by_kind["lines"]] == ["0.00"]
    page = (await office.ask("GET", f"{path}&limit=2")).body
    rest = (await office.ask("GET", f"{path}&limit=2&after={page['next']}")).body
    assert page["lines"] + rest["lines"] == by_account["lines"]
    assert rest["totals"] == by_account["totals"]


async def test_transfers_by_sequence_reference_and_feed(office: Office) -> None:
    details = {
        "reference": "REC-1",
        "description": "aportación",
        "value_date": "2023-11-20",
        "entered_by": "u7",
    }
    await post(office, 1, "cash", "ana", "100.00", **details)
    await post(office, 2, "cash", "eva", "1.00")
    one = (await office.ask("GET", f"{TRANSFERS}/1")).body
    assert one["id"] == uid(1)
    assert {name: one[name] for name in details} == details
    assert one["business_date"] == DAY
    found = (await office.ask("GET", f"{TRANSFERS}?reference=REC-1")).body
    assert found["transfers"] == [one]
    waiting = asyncio.create_task(office.ask("GET", f"{TRANSFERS}?after=2&wait=30"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await post(office, 3, "cash", "eva", "2.00")
    async with asyncio.timeout(5):
        news = (await waiting).body
    assert [transfer["sequence"] for transfer in news["transfers"]] == [3]
    assert news["next"] == 3
    nothing = (await office.ask("GET", f"{TRANSFERS}?after=3&wait=0.05")).body
    assert nothing == {"transfers": [], "next": 3}


# ---- proving


async def test_a_proof_leads_from_the_line_to_the_signed_checkpoint(office: Office) -> None:
    """With the answer and the ledger's public key alone, by the journal's own verifiers."""
    transfers = [pay("cash", "ana", "10.00"), pay("ana", "eva", "99.00")]
    batch = {"id": uid(1), "mode": "each", "transfers": transfers}
    await office.ask("POST", BATCHES, batch)
    await post(office, 2, "cash", "eva", "1.00")
    ledger = (await office.ask("GET", CAJA, who="auditor")).body
    key = parse_vkey(ledger["public_key"])
    for position in (0, 1):
        proof = (await office.ask("GET", f"{BATCHES}/{uid(1)}/proof?position={position}")).body
        path = [decode_base64(one) for one in proof["path"]]
        root = decode_base64(proof["root"])
        line = leaf_hash(proof["line"].encode())
        check_inclusion(line, proof["index"], proof["size"], path, root)
        log_proof = proof["log_proof"].encode()
        proven = verify_proof(log_proof, proof["leaf"].encode(), [key], ledger["origin"])
        assert proven.index == proof["leaf_index"]
        assert root.hex() in proof["leaf"] or proof["root"] in proof["leaf"]
        assert proof["salted"] is True
        outcome = proof["outcome"]
        outcome_path = [decode_base64(one) for one in outcome["path"]]
        outcome_root = decode_base64(outcome["root"])
        check_inclusion(
            leaf_hash(outcome["line"].encode()),
            outcome["index"],
            outcome["size"],
            outcome_path,
            outcome_root,
        )
    assert "exceeds_credit_limit" in outcome["line"]


async def test_a_proof_stands_beside_the_receipt_when_it_is_asked_for(office: Office) -> None:
    body = {"id": uid(1), **pay("cash", "ana", "1.00")}
    posted = (await office.ask("POST", f"{TRANSFERS}?proof=true", body)).body
    key = parse_vkey((await office.ask("GET", CAJA)).body["public_key"])
    leaf = office.database.ledgers[1].lines[posted["receipt"]["leaf_index"]]
    verify_proof(posted["log_proof"].encode(), leaf, [key], "example.org/caja")
    checkpoint = open_checkpoint(posted["checkpoint"].encode(), [key])
    assert checkpoint.size > posted["receipt"]["leaf_index"]


async def test_the_log_is_public_and_its_lines_are_not(office: Office) -> None:
    await post(office, 1, "cash", "ana", "1.00")
    checkpoint = await office.ask("GET", f"{CAJA}/journal/checkpoint", who="")
    assert checkpoint.status == 200
    size = int(checkpoint.body.split(b"\n")[1])
    lines = office.database.ledgers[1].lines
    assert size == len(lines)
    tile = await office.ask("GET", f"{CAJA}/journal/tile/0/000.p/{size}", who="")
    assert tile.body == b"".join(map(leaf_hash, lines))
    assert "immutable" in tile.headers["Cache-Control"]
    bundle = f"{CAJA}/journal/tile/entries/000.p/{size}"
    entries = await office.ask("GET", bundle, who="auditor")
    assert decode_bundle(entries.body, size) == lines
    assert "private" in entries.headers["Cache-Control"]
    assert (await office.ask("GET", bundle, who="")).code == "key_missing"
    assert (await office.ask("GET", bundle, who="poster")).code == "role_not_allowed"


# ---- keys and what they open


async def test_a_poster_sees_its_own_and_nothing_else(office: Office) -> None:
    await office.ask("POST", ACCOUNTS, {"code": "norte-1", "currency": "MXN"})
    answer = await office.ask(
        "POST", TRANSFERS, {"id": uid(1), **pay("cash", "ana", "9.00")}, who="poster"
    )
    receipt = answer.body["receipt"]
    assert receipt["debit_balance"] == "-9.00"
    assert "credit_balance" not in receipt
    await post(office, 2, "ana", "eva", "2.00")
    await post(office, 3, "ana", "norte-1", "2.00")
    listed = (await office.ask("GET", ACCOUNTS, who="poster")).body["accounts"]
    assert [account["code"] for account in listed] == ["cash", "norte-1"]
    seen = (await office.ask("GET", TRANSFERS, who="poster")).body
    assert [transfer["sequence"] for transfer in seen["transfers"]] == [1, 3]
    assert "debit_balance" not in seen["transfers"][1]
    assert seen["transfers"][1]["credit_balance"] == "2.00"
    batches = (await office.ask("GET", BATCHES, who="poster")).body["batches"]
    assert [batch["id"] for batch in batches] == [uid(1)]
    expected = {
        f"{TRANSFERS}/2": "transfer_not_found",
        f"{BATCHES}/{uid(2)}": "batch_not_found",
        f"{BATCHES}/{uid(2)}/proof": "batch_not_found",
        f"{ACCOUNTS}/ana": "account_not_yours",
        f"{ACCOUNTS}/nobody": "account_not_yours",
        f"{ACCOUNTS}/ana/statement": "account_not_yours",
        f"{CAJA}/trial-balance?from=2023-01-01&to=2023-12-31": "role_not_allowed",
        f"{CAJA}/keys": "role_not_allowed",
    }
    for path, code in expected.items():
        assert (await office.ask("GET", path, who="poster")).code == code, path


async def test_a_revoked_key_stops_at_once(office: Office) -> None:
    key = {"role": "auditor"}
    given = (await office.ask("POST", f"{CAJA}/keys", key)).body
    office.secrets["visitor"] = given["secret"]
    assert (await office.ask("GET", ACCOUNTS, who="visitor")).status == 200
    listed = (await office.ask("GET", f"{CAJA}/keys")).body["keys"]
    assert given["key"] in listed
    assert given["secret"] not in str(listed)
    revoked = await office.ask("DELETE", f"{CAJA}/keys/{given['key']['key']}")
    assert revoked.status == 204
    refused = await office.ask("GET", ACCOUNTS, who="visitor")
    assert (refused.status, refused.code) == (401, "key_unknown")
    again = await office.ask("DELETE", f"{CAJA}/keys/{given['key']['key']}")
    assert (again.status, again.code) == (404, "key_not_found")
    written = [line for line in office.database.ledgers[1].lines if b'"line":"key"' in line]
    assert [b'"grant"' in line for line in written] == [True, False]
    assert not any(given["secret"].encode() in line for line in written)


async def test_a_key_of_one_ledger_opens_no_other(office: Office) -> None:
    """A ledger that is there and one that is not look the same to a stranger."""
    ledger = {"code": "red", "name": "Red", "time_zone": "UTC"}
    await office.ask("POST", "/v1/ledgers", ledger, who="service")
    for code in ("red", "nada"):
        refused = await office.ask("GET", f"/v1/ledgers/{code}/accounts")
        assert (refused.status, refused.code) == (404, "ledger_not_found")
    own = (await office.ask("GET", "/v1/ledgers")).body["ledgers"]
    assert [one["code"] for one in own] == ["caja"]
    every = (await office.ask("GET", "/v1/ledgers", who="service")).body["ledgers"]
    assert [one["code"] for one in every] == ["caja", "red"]
    refused = await office.ask("POST", "/v1/ledgers", {**ledger, "code": "tres"})
    assert (refused.status, refused.code) == (403, "role_not_allowed")


# ---- around it


async def test_words_follow_accept_language_and_codes_do_not(office: Office) -> None:
    said = {}
    for language, header in [("es", "fr"), ("pt", "pt-BR,en;q=0.5"), ("en", "en-GB")]:
        body = {"id": uid(1), **pay("ana", "ana", "1.00")}
        refused = await office.ask(
            "POST", f"{TRANSFERS}?dry_run=true", body, headers={"Accept-Language": header}
        )
        assert refused.code == "accounts_must_differ"
        assert refused.headers["Content-Language"] == language
        said[language] = refused.body["detail"]
    assert len(set(said.values())) == 3


async def test_watched_and_explained_without_a_key(office: Office) -> None:
    await post(office, 1, "cash", "ana", "1.00")
    await office.ask("POST", TRANSFERS, {"id": uid(2), **pay("ana", "eva", "9.00")})
    for path in ("/healthz", "/readyz", "/openapi.json", "/docs"):
        answer = await office.ask("GET", path, who="")
        assert answer.status == 200, path
        assert "X-Request-Id" in answer.headers
    head = await office.ask("HEAD", "/healthz", who="")
    assert (head.status, head.body) == (200, b"")
    text = (await office.ask("GET", "/metrics", who="")).body.decode()
    assert 'ledger_transfers_total{outcome="recorded"} 1.0' in text
    assert 'ledger_transfers_total{outcome="refused"} 1.0' in text
    assert 'ledger_refusals_total{code="exceeds_credit_limit"} 1.0' in text
    assert "ledger_record_seconds_count 2.0" in text
    assert "ana" not in text
    assert "caja" not in text


async def test_a_dry_run_of_what_was_sent_is_answered_as_that_was(office: Office) -> None:
    """Also of a refused one; of other content it says that the id is spent."""
    good = {"id": uid(1), **pay("cash", "ana", "5.00")}
    poor = {"id": uid(2), **pay("ana", "eva", "900.00")}
    for asked in (good, poor):
        real = await office.ask("POST", TRANSFERS, asked)
        before = office.state()
        dry = await office.ask("POST", f"{TRANSFERS}?dry_run=true", asked)
        assert dry.status == real.status
        assert dry.headers["Idempotent-Replayed"] == "true"
        assert dry.body.get("receipt") == real.body.get("receipt")
        assert dry.body.get("leaf_index") == real.body.get("leaf_index")
        other = {**asked, "amount": "0.01"}
        refused = await office.ask("POST", f"{TRANSFERS}?dry_run=true", other)
        assert refused.code == "id_used_by_another_batch"
        batch = {"id": asked["id"], "transfers": [pay("cash", "ana", "5.00")] * 2}
        refused = await office.ask("POST", f"{CAJA}/batches?dry_run=true", batch)
        assert refused.code == "id_used_by_another_batch"
        assert office.state() == before
