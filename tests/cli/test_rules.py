"""Rules as a person sets them, command by command."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

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


def test_a_decision_by_its_document_or_by_its_hash(caja: Tequio, tmp_path: Path) -> None:
    """Every command that cites one takes both, but one at a time."""
    minutes = tmp_path / "acta.pdf"
    minutes.write_bytes(b"of the assembly")
    digest = sha256(b"of the assembly").hexdigest()
    act = ("--reason", "assembly", "--act", "A-1", "--act-date", "2026-03-01")
    file, by_hash = ("--act-file", str(minutes)), ("--act-hash", digest.upper())
    rule = ("--kind", "sale", "--treasury", "ben", "--payer", "credit", "--rate", "2/100")
    assert caja("levy", "set", "fair", *rule, *act, *file).code == 0
    assert caja("limit", "set", "ana", "--lower", "-5", *act, *by_hash).code == 0
    (change,) = caja("limit", "history", "ana", "--json").json()
    assert change["act"] == {"number": "A-1", "date": "2026-03-01", "hash": digest}
    for words in ((), (*file, *by_hash)):
        wrong = caja("levy", "set", "fair", *rule, *act, *words)
        assert (wrong.code, "--act-file" in wrong.err) == (2, True)
    out = tmp_path / "journal"
    key = caja("key", "create", "--role", "auditor", "--json").json()["secret"]
    assert caja("export", "journal", "--out", str(out), "--key", key).code == 0
    told = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert told.count(b64encode(bytes.fromhex(digest)).rstrip(b"=")) == 2


def test_runs_by_command(caja: Tequio) -> None:
    assert caja("account", "create", "oxi", "--currency", "MXN", "--kind", "fund").code == 0
    rule = ("--currency", "MXN", "--rate", "1/100", "--period", "month", "--account", "oxi")
    more = ("--since", "2026-01-01", "--exempt", "20", "--reason", "assembly")
    assert "Nothing was written" in caja("demurrage", "set", *rule, *more, "--dry-run").out
    said = caja("demurrage", "set", *rule, *more, LANG=SPANISH)
    assert "exento" in said.out, said.err
    assert "mes" in said.out
    assert caja("demurrage", "show", "--currency", "MXN", "--json").json()["account"] == "oxi"
    paid = (*POST, "--kind", "x", "--amount", "120", "--business-date", "2026-01-31")
    assert caja(*paid).code == 0
    run = ("demurrage", "run", "--currency", "MXN", "--period")
    assert caja(*run, "January").code == 2
    assert "period_not_over" in caja(*run, "2099-01").err
    dry = caja(*run, "2026-01", "--dry-run")
    assert "Nothing was written" in dry.out
    shown = caja("account", "show", "ana", "--json").json()
    assert (shown["balance"], shown["current_value"] < shown["balance"]) == ("120.00", True)
    done = caja(*run, "2026-01", "--json").json()
    assert (done["collected_now"], done["unpaid"]) == ("1.00", "0.00")
    again = caja(*run, "2026-01", LANG=SPANISH)
    assert "cobrado ahora" in again.out, again.err
    assert caja(*run, "2026-01", "--json").json()["collected_now"] == "0.00"
    end = ("demurrage", "remove", "--currency", "MXN", "--since", "2026-03-01")
    assert caja(*end, "--reason", "board").code == 0
    assert caja(*run, "2026-03").code == 1

    fee = ("fees", "set", "member", "--amount", "2", "--currency", "MXN", "--kind", "savings")
    month = ("--period", "month", "--treasury", "oxi", "--since", "2026-01-01")
    assert caja(*fee, *month, "--reason", "assembly").code == 0
    assert "member" in caja("fees", "list", LANG=SPANISH).out
    charge = ("fees", "run", "--code", "member", "--period", "2026-02")
    unpaid = caja(*charge, LANG=SPANISH)
    assert "Sin pagar" in unpaid.out, unpaid.err
    assert caja(*charge, "--json").json()["unpaid_accounts"] == [
        {"account": "ben", "amount": "2.00"}
    ]
    policy = ("--kinds", "fee", "--approvals", "1", "--expires-after", "1d")
    assert caja("policy", "set", "fees", *policy, "--reason", "board").code == 0
    charge = ("fees", "run", "--code", "member", "--period", "2026-03")
    waits = caja(*charge, LANG=SPANISH)
    assert "Espera autorización" in waits.out, waits.err
    assert caja("proposals", "--json").json()[0]["id"] in waits.out
    assert caja(*charge, "--json").json()["waiting"][0]["amount"] == "2.00"
    assert caja("fees", "remove", "member", "--reason", "board").code == 0


def test_what_circulates_by_command(caja: Tequio) -> None:
    assert caja("currency", "create", "BON", "--kind", "backed", "--scale", "0").code == 0
    bound = ("--currency", "BON", "--lower-bound")
    assert caja("account", "create", "bonos", *bound, "none").code == 0
    rule = ("--currency", "BON", "--issuer", "bonos", "--reserve", "cash", "--ratio", "1/1")
    why = ("--reason", "board")
    assert "Nothing was written" in caja("reserve", "set", *rule, *why, "--dry-run").out
    assert caja("reserve", "set", *rule, *why).code == 0
    assert caja("reserve", "show", "--currency", "BON", "--json").json()["issuer"] == "bonos"
    assert caja(*POST, "--kind", "x", "--amount", "7").code == 0
    assert "en circulación" in caja("circulation", LANG=SPANISH).out
    lines = caja("circulation", "--json").json()
    assert [line["balanced"] for line in lines] == [True, True]
    assert (lines[1]["in_reserve"], lines[1]["headroom"]) == ("7.00", "7")
    assert caja("reserve", "remove", "--currency", "BON", *why).code == 0
