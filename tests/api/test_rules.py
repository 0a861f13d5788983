"""Rules over HTTP: set, tried dry, read, removed, and what they do to what is posted."""

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
