"""Exchange over HTTP: what receipts, rows and statements say of it, and taking it back."""

from typing import Any

from tests.api.offices import CAJA, Office, pay, uid

BATCHES = f"{CAJA}/batches"


async def with_a_house(office: Office) -> None:
    """A house that exchanges pesos for pesos of Chile, which have no centavos."""
    chile = {"code": "CLP", "kind": "national", "scale": 0}
    assert (await office.ask("POST", f"{CAJA}/currencies", chile)).status == 201
    for code, currency in (("house", "MXN"), ("casa", "CLP"), ("lola", "CLP")):
        one = {"code": code, "currency": currency, "lower_bound": "none"}
        assert (await office.ask("POST", f"{CAJA}/accounts", one)).status == 201


def exchange(number: int, *, n: int, bought: str, residue: str) -> dict[str, Any]:
    rate = {"n": n, "d": 1000}
    transfers = [
        pay("cash", "house", "100.99", terms={"entry": 1}),
        {**pay("casa", "lola", bought, terms={"entry": 1, "rate": rate}), "currency": "CLP"},
        pay("house", "cash", residue, terms={"entry": 1, "residue": True}),
    ]
    return {"id": uid(number), "transfers": transfers}


async def test_what_is_said_of_an_exchange(office: Office) -> None:
    """At 3.1 for one, 313 cost 100.97; 0.02 go back, and 7/1000 of a peso to nobody."""
    await with_a_house(office)
    asked = exchange(1, n=31, bought="313", residue="0.02")
    dry = await office.ask("POST", f"{BATCHES}?dry_run=true", asked)
    posted = await office.ask("POST", BATCHES, asked)
    assert posted.status == 201, posted.body
    outcomes = posted.body["receipt"]["outcomes"]
    fractions = [one.get("fraction") for one in outcomes]
    assert fractions == [None, {"n": 7, "d": 1000}, None]
    assert dry.body["outcomes"] == outcomes
    again = await office.ask("GET", f"{BATCHES}/{uid(1)}")
    assert again.body["receipt"] == posted.body["receipt"]
    minimal = {"Prefer": "return=minimal"}
    short = await office.ask("POST", BATCHES, asked, headers=minimal)
    assert [one["fraction"] for one in short.body["receipt"]["outcomes"]] == fractions[1:2]

    sold, bought, residue = [
        (await office.ask("GET", f"{CAJA}/transfers/{n}")).body for n in (1, 2, 3)
    ]
    assert (bought["rate"], bought["fraction"]) == ({"n": 31, "d": 1000}, {"n": 7, "d": 1000})
    assert residue["residue"] is True
    assert not {"rate", "fraction", "residue"} & sold.keys()
    (line,) = (await office.ask("GET", f"{CAJA}/accounts/casa/statement")).body["transfers"]
    assert (line["rate"], line["fraction"]) == (bought["rate"], bought["fraction"])
    (line,) = (await office.ask("GET", f"{CAJA}/accounts/lola/statement")).body["transfers"]
    assert line["rate"] == bought["rate"]
    assert "fraction" not in line  # The house has kept it.


async def test_it_is_taken_back_by_what_was_bought(office: Office) -> None:
    """In part by its sequence, and the rest with its batch; the rows besides say which."""
    await with_a_house(office)
    before = office.state().balances
    asked = exchange(1, n=31, bought="313", residue="0.02")
    assert (await office.ask("POST", BATCHES, asked)).status == 201
    for n in (1, 3):
        alone = await office.ask("POST", f"{CAJA}/transfers/{n}/reverse", {"id": uid(n)})
        assert alone.status == 409
    back = {"id": uid(8), "amount": "100"}
    part = await office.ask("POST", f"{CAJA}/transfers/2/reverse", back)
    assert part.status == 201, part.body
    (beside,) = part.body["receipt"]["beside"]
    assert (beside["amount"], beside["currency"], beside["kind"]) == (
        "32.25",  # 100.97 * 100 / 313, rounded down.
        "MXN",
        "exchange",
    )
    seen = (await office.ask("GET", f"{CAJA}/transfers/2")).body
    assert [link["amount"] for link in seen["reversed_by"]] == ["100"]
    back = {"id": uid(9), "amount": "213"}
    assert (await office.ask("POST", f"{CAJA}/transfers/2/reverse", back)).status == 201
    assert office.state().balances == before


async def test_a_batch_with_levies_and_exchanges_is_taken_back_at_once(office: Office) -> None:
    """What goes back with another is not taken back by itself."""
    await with_a_house(office)
    levy = {
        "kinds": ["payment"],
        "treasury": "eva",
        "payer": "debit",
        "reason": "assembly",
        "rate": {"n": 1, "d": 100},
    }
    assert (await office.ask("PUT", f"{CAJA}/levies/fair", levy)).status == 200
    before = office.state().balances
    asked = exchange(1, n=31, bought="313", residue="0.02")
    asked["transfers"].insert(0, pay("cash", "ana", "50.00"))
    posted = await office.ask("POST", BATCHES, asked)
    assert posted.body["receipt"]["posted"] == 6, posted.body  # Two levies.
    back = await office.ask("POST", f"{BATCHES}/{uid(1)}/reverse", {"id": uid(2)})
    assert back.status == 201, back.body
    assert [one["sequence"] for one in back.body["receipt"]["outcomes"]] == [7, 10]
    assert office.state().balances == before
