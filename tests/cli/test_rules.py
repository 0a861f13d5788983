"""Rules as a person sets them, command by command."""

from tests.cli.conftest import Tequio

SPANISH = "es_MX.UTF-8"
POST = ("transfer", "post", "--debit", "cash", "--credit", "ana", "--currency", "MXN")


def test_a_levy_by_command(caja: Tequio) -> None:
    rule = ("--kind", "sale", "--treasury", "ben", "--payer", "credit", "--rate", "2/100")
    why = ("--reason", "assembly")
    dry = caja("levy", "set", "fair", *rule, *why, "--dry-run")
    assert "Nothing was written" in dry.out, dry.err
    assert caja("levy", "list").out == "None.\n"
    said = caja("levy", "set", "fair", *rule, "--minimum", "0.05", *why, LANG=SPANISH)
    assert "quien cobra" in said.out, said.err
    assert "2/100" in said.out
    assert caja("levy", "list", "--json").json()[0]["minimum"] == "0.05"
    paid = caja(*POST, "--kind", "sale", "--amount", "10", "--json").json()
    assert paid["receipt"]["beside"][0]["amount"] == "0.20"
    assert caja("levy", "set", "fair", *rule, *why, "--act", "A-1").code == 2
    assert caja("levy", "set", "fair", *rule[:-1], "two", *why).code == 2
    assert "Nothing was written" in caja("levy", "remove", "fair", *why, "--dry-run").out
    assert caja("levy", "remove", "fair", *why, LANG=SPANISH).out == "Quitado.\n"
    again = caja("levy", "remove", "fair", *why)
    assert (again.code, "levy_not_found" in again.err) == (1, True)
