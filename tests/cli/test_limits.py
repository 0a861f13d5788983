"""Limits and the life of accounts by commands, each as a process of its own."""

from pathlib import Path

from tests.cli.conftest import Tequio


def pay(tequio: Tequio, debit: str, credit: str, amount: str) -> None:
    words = ("transfer", "post", "--currency", "MXN", "--kind", "payment")
    told = tequio(*words, "--debit", debit, "--credit", credit, "--amount", amount)
    assert told.code == 0, told.err


def test_limits_by_command(caja: Tequio, tmp_path: Path) -> None:
    minutes = tmp_path / "acta.pdf"
    minutes.write_bytes(b"the assembly decided")
    act = ("--act", "ACTA-14/2026", "--act-date", "2026-11-21", "--act-file", str(minutes))
    why = ("--reason", "assembly")
    asked = ("limit", "set", "ana", "ben", "--lower", "-80.00", *why, *act)
    assert "-80.00" in caja(*asked, "--dry-run").out
    assert caja("limit", "history", "ana", "--json").json() == []
    done = caja(*asked, "--json").json()
    assert [each["lower_bound"] for each in done] == ["-80.00", "-80.00"]
    planned = ("limit", "set", "ana", "--lower", "-90", "--from", "2100-01-01", *why)
    assert caja(*planned).code == 0
    shown = caja("limit", "show", "ana", "--json").json()
    [plan] = shown["plans"]
    assert (plan["begun"], plan["starts"]) == (False, "2100-01-01T06:00:00.000000Z")
    assert caja("limit", "unplan", "ana", str(plan["leaf_index"]), *why).code == 0
    assert caja("limit", "payments", "ana", "--day", "30", "--week", "50", *why).code == 0
    assert caja("limit", "earn", "ben", "--share", "1/4", "--cap", "20", *why).code == 0
    pay(caja, "cash", "ben", "40.00")
    assert caja("account", "show", "ben", "--json").json()["lower_bound"] == "-10.00"
    pay(caja, "ana", "ben", "29.99")
    shown = caja("limit", "show", "ana", LANG="es_MX.UTF-8")
    assert "0.01" in shown.out
    history = caja("limit", "history", "ana", "--json").json()
    assert [one["what"] for one in history] == ["bounds", "planned", "unplanned", "payments"]
    assert history[0]["act"]["number"] == "ACTA-14/2026"
    half = caja("limit", "set", "ana", "--lower", "0", *why, "--act", "ACTA-15")
    assert (half.code, "--act-file" in half.err) == (2, True)
    assert caja("limit", "earn", "ana", "--share", "x", "--cap", "1", *why).code == 2


def test_the_life_of_an_account_by_command(caja: Tequio) -> None:
    key = caja("key", "create", "--role", "compliance", "--json").json()["secret"]
    order = ("--reason", "authority", "--order", "UEI/117/2026")
    frozen = caja("account", "freeze", "ana", *order, TEQUIO_KEY=key)
    assert frozen.code == 0, frozen.err
    refused = caja("account", "unfreeze", "ana", "--reason", "asked")
    assert "account_frozen_by_order" in refused.err
    assert "UEI" not in caja("account", "statuses", "ana").out
    assert "UEI/117/2026" in caja("account", "statuses", "ana", "--json", TEQUIO_KEY=key).out
    assert caja("account", "unfreeze", "ana", *order, TEQUIO_KEY=key).code == 0
    pay(caja, "cash", "ana", "12.34")
    why = ("--reason", "left")
    assert "account_not_at_zero" in caja("account", "close", "ana", *why).err
    closed = caja("account", "close", "ana", "--remaining-to", "ben", *why, "--json").json()
    assert (closed["status"], closed["balance"]) == ("closed", "0.00")
    assert caja("account", "show", "ben", "--json").json()["balance"] == "12.34"
    assert caja("account", "reopen", "ana", *why, "--json").json()["status"] == "open"
