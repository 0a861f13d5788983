"""Holds, reversals and suspense as a person does them, command by command."""

import json
from pathlib import Path

from tests.cli.conftest import Tequio

LATER = "2099-10-05T18:00:00-06:00"
ID = "0192f0c1-2d3e-7a4b-8c5d-6e7f80910203"
SPANISH = "es_MX.UTF-8"


def post(*words: str) -> tuple[str, ...]:
    """A payment from one account to another, and more of it."""
    debit, credit, amount, *more = words
    return (
        *("transfer", "post", "--debit", debit, "--credit", credit, "--amount", amount),
        *("--currency", "MXN", "--kind", "payment", *more),
    )


def test_a_hold_from_its_beginning_to_its_end(caja: Tequio) -> None:
    assert caja(*post("cash", "ana", "100")).code == 0
    dry = caja(*post("ana", "ben", "60", "--hold-until", LATER, "--dry-run"))
    assert "Nothing was written" in dry.out
    assert "held" in dry.out
    held = caja(*post("ana", "ben", "60", "--hold-until", LATER), LANG=SPANISH)
    assert held.code == 0, held.err
    assert "retenido" in held.out
    ana = caja("account", "show", "ana", "--json").json()
    assert (ana["available"], ana["pending_debits"]) == ("40.00", "60.00")
    assert "disponible" in caja("account", "show", "ana", LANG=SPANISH).out
    assert "40.00" in caja("account", "list").out
    listed = caja("holds", "--account", "ben", "--json").json()
    assert [(one["sequence"], one["left"]) for one in listed] == [(2, "60.00")]
    assert "queda" in caja("holds", LANG=SPANISH).out

    part = ("post-hold", "2", "--amount", "20", "--id", ID, "--json")
    assert caja(*part).json()["receipt"] == caja(*part).json()["receipt"]
    too_much = caja("post-hold", "2", "--amount", "41")
    assert (too_much.code, "40.00 MXN would be accepted" in too_much.err) == (1, True)
    assert "exceeds_target" in too_much.err
    tried = caja("post-hold", "2", "--amount", "5", "--release", "--dry-run")
    assert "Nothing was written" in tried.out
    shown = caja("transfer", "show", "3", LANG=SPANISH)
    assert "aplicación de retención" in shown.out
    assert "aplicado en parte" in caja("transfer", "list", LANG=SPANISH).out
    assert "Nothing was written" in caja("void", "2", "--dry-run").out
    assert caja("void", "2", "--json").json()["receipt"]["phase"] == "released"
    assert caja("holds").out == "None.\n"
    resolved = caja("transfer", "show", "2").out
    assert ("voided" in resolved, "20.00" in resolved) == (True, True)
    assert caja("transfer", "show", "2", "--json").json()["hold"]["status"] == "voided"
    assert caja("void", "2", LANG=SPANISH).code == 1
    statement = caja("account", "statement", "ana", "--json").json()
    assert [line["amount"] for line in statement["transfers"]] == ["100.00", "20.00"]
    wrong = caja(*post("ana", "ben", "1", "--hold-until", "tomorrow"))
    assert (wrong.code, "2026-11-24T18:00:00" in wrong.err) == (2, True)


def test_what_was_posted_is_taken_back(caja: Tequio) -> None:
    assert caja(*post("cash", "ana", "100")).code == 0
    assert caja(*post("ana", "ben", "60")).code == 0
    assert "Nothing was written" in caja("reverse", "2", "--dry-run").out
    back = ("reverse", "2", "--amount", "20", "--id", ID, "--json")
    assert caja(*back).json()["receipt"] == caja(*back).json()["receipt"]
    assert caja(*post("ben", "cash", "30")).code == 0
    refused = caja("reverse", "2", "--amount", "40")
    assert "10.00 MXN would be accepted" in refused.err
    some = caja("reverse", "2", "--amount", "40", "--when-spent", "available", "--json")
    assert some.json()["receipt"]["amount"] == "10.00"
    rest = caja("reverse", "2", "--amount", "30", "--rest", "cash")
    assert rest.code == 0, rest.err
    assert "Besides:" in rest.out
    shown = caja("transfer", "show", "2", LANG=SPANISH)
    assert "reversado por" in shown.out
    assert "folio 3 importe 20.00" in shown.out
    for words in (("reverse",), ("reverse", "2", "--batch", ID), ("reverse", "2", "--each")):
        assert caja(*words).code == 2


def test_a_whole_batch_is_taken_back(caja: Tequio, tmp_path: Path) -> None:
    def transfer(debit: str, credit: str, amount: str) -> dict[str, str]:
        accounts = {"debit_account": debit, "credit_account": credit}
        return {**accounts, "amount": amount, "currency": "MXN", "kind": "payroll"}

    batch = {
        "id": ID,
        "transfers": [transfer("cash", "ana", "10"), transfer("cash", "ben", "20")],
    }
    file = tmp_path / "batch.json"
    file.write_text(json.dumps(batch))
    assert caja("batch", "post", str(file)).code == 0
    assert caja(*post("ben", "cash", "5")).code == 0
    assert "exceeds_credit_limit" in caja("reverse", "--batch", ID).err
    each = caja("reverse", "--batch", ID, "--each", "--dry-run")
    assert (each.code, "exceeds_credit_limit" in each.out) == (0, True), each.err
    tried = caja("reverse", "--batch", ID, "--each", "--when-spent", "available", "--dry-run")
    assert "15.00" in tried.out
    done = caja("reverse", "--batch", ID, "--each", "--when-spent", "available")
    assert done.code == 0, done.err
    assert "Otherwise than asked" in done.out
    balances = {one["code"]: one["balance"] for one in caja("account", "list", "--json").json()}
    assert balances == {"cash": "0.00", "ana": "0.00", "ben": "0.00"}


def test_cash_that_changed_hands_waits_in_suspense(caja: Tequio) -> None:
    bridge = ("account", "create", "bridge", "--currency", "MXN", "--lower-bound", "none")
    assert caja(*bridge).code == 0
    why = ("--reason", "court_order")
    frozen = caja("account", "freeze", "ana", "--only", "credits", *why, LANG=SPANISH)
    assert "congelada para abonos" in frozen.out
    slip = caja(*post("cash", "ana", "5", "--suspense", "bridge"), LANG=SPANISH)
    assert "en el abono" in slip.out
    items = caja("suspense", "--json").json()
    assert [(i["sequence"], i["account"], i["age_days"]) for i in items] == [(1, "bridge", 0)]
    assert "días" in caja("suspense", LANG=SPANISH).out
    assert "no admite abonos" in caja("clear", "1", LANG=SPANISH).err
    assert "Nothing was written" in caja("clear", "1", "--credit", "ben", "--dry-run").out
    done = caja("clear", "1", "--credit", "ben", "--json").json()
    assert done["receipt"]["credit_account"] == "ben"
    assert caja("suspense", "--account", "bridge", "--json").json() == []


def test_a_soft_limit_is_passed_and_told(caja: Tequio) -> None:
    soft = ("account", "limit", "ana", "--upper", "10", "--soft", "upper", "--reason", "x")
    assert "superior" in caja(*soft, LANG=SPANISH).out
    passed = caja(*post("cash", "ana", "11"), LANG=SPANISH)
    assert "pasa del tope de saldo" in passed.out
    up_to = caja(*post("ana", "ben", "50", "--up-to", "debit"), "--json")
    assert up_to.json()["receipt"]["amount"] == "11.00"
    rest = caja(*post("ana", "ben", "4", "--up-to", "debit", "--rest", "cash", "--dry-run"))
    assert "Besides:" in rest.out
    wrong = caja(*post("ana", "ben", "4", "--rest", "cash"))
    assert (wrong.code, "malformed_request" in wrong.err) == (1, True)


def test_a_key_of_whom_an_account_belongs_to(caja: Tequio) -> None:
    opened = ("account", "create", "till", "--currency", "MXN", "--holder-of", "ana", "--json")
    (till,) = caja(*opened).json()
    key = ("key", "create", "--role", "member", "--holder-of", "till", "--json")
    made = caja(*key).json()
    assert made["key"]["holder"] == till["holder"]
    seen = caja("account", "list", "--json", TEQUIO_KEY=made["secret"]).json()
    assert [one["code"] for one in seen] == ["ana", "till"]
