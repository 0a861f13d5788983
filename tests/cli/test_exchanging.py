"""Exchange at the counter: one command, one entry, nothing lost."""

import pytest

from tests.cli.conftest import Tequio

SELL = ("--sell-to", "house", "--amount", "100.99", "--currency", "MXN", "--debit", "ana")
BUY = ("--buy-from", "casa", "--credit", "eva", "--for", "CLP")
NO_BOUND = ("--lower-bound", "none")
ID = "0192f0c1-2d3e-7a4b-8c5d-6e7f80910203"


@pytest.fixture
def house(caja: Tequio) -> Tequio:
    """A house that exchanges pesos for pesos of Chile, which have no centavos."""
    chile = ("currency", "create", "CLP", "--kind", "national", "--scale", "0")
    assert caja(*chile).code == 0
    for code, currency in (("house", "MXN"), ("casa", "CLP"), ("eva", "CLP")):
        opened = caja("account", "create", code, "--currency", currency, *NO_BOUND)
        assert opened.code == 0, opened.err
    cash = ("transfer", "post", "--debit", "cash", "--credit", "ana", "--amount", "200")
    assert caja(*cash, "--currency", "MXN", "--kind", "deposit").code == 0
    return caja


def balances(tequio: Tequio) -> dict[str, str]:
    return {one["code"]: one["balance"] for one in tequio("account", "list", "--json").json()}


def test_an_exchange_in_one_command(house: Tequio) -> None:
    """50 pesos of Chile for one: 5,049 for 100.98, and 0.01 goes back."""
    command = ("exchange", *SELL, *BUY, "--rate", "50", "--id", ID)
    dry = house(*command, "--dry-run")
    assert "Nothing was written" in dry.out
    assert "5,049" in dry.out
    first = house(*command, "--json")
    assert first.code == 0, first.err
    assert house(*command, "--json").json() == first.json()
    after = balances(house)
    assert (after["ana"], after["house"], after["eva"]) == ("99.02", "100.98", "5049")
    seen = house("transfer", "show", "3", "--json").json()
    assert (seen["rate"], seen["amount"]) == ({"n": 1, "d": 2}, "5049")
    assert house("transfer", "show", "4", "--json").json()["residue"] is True


def test_the_residue_may_go_elsewhere_and_the_fraction_is_shown(house: Tequio) -> None:
    """At 3.1 for one a centavo is 0.031: 313 cost 100.97, and 7/1000 are given to nobody."""
    done = house("exchange", *SELL, *BUY, "--rate", "3.1", "--residue-to", "cash")
    assert done.code == 0, done.err
    assert "fraction kept" in done.out
    assert "7/1000" in done.out
    assert balances(house)["ana"] == "99.01"
    spanish = house("transfer", "show", "3", LANG="es_MX.UTF-8")
    assert "fracción no entregada" in spanish.out
    statement = house("account", "statement", "casa", "--json").json()
    assert statement["transfers"][0]["fraction"] == {"n": 7, "d": 1000}


def test_what_cannot_be_exchanged(house: Tequio) -> None:
    for said, *words in (
        ("buy nothing", "--rate", "0.00001"),
        ("Write it as", "--rate", "0"),
        ("Write it as", "--rate", "a lot"),
        ("too many digits", "--rate", "1.00000000000000000001"),
        ("more than 2 decimals", "--rate", "1", "--amount", "1.001"),
        ("has no EUR", "--rate", "1", "--for", "EUR"),
    ):
        refused = house("exchange", *SELL, *BUY, *words)
        assert refused.code != 0
        assert said in refused.err
