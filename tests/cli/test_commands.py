"""The commands a person gives, one after the other, each as a process of its own."""

import json
from pathlib import Path

from tests.cli.conftest import Tequio, run_tequio


def test_books_are_opened(tequio: Tequio) -> None:
    zone = ("--time-zone", "America/Mexico_City")
    opened = tequio("ledger", "create", "caja", "--name", "Caja Norte", *zone)
    assert "localhost/caja" in opened.out, opened.err
    assert tequio("currency", "create", "MXN", "--kind", "national", "--scale", "2").code == 0
    assert tequio("account", "create", "ana", "ben", "--currency", "MXN").code == 0
    cash = ("account", "create", "cash", "--currency", "MXN", "--nature", "debit")
    assert tequio(*cash, "--json").json()[0]["nature"] == "debit"
    assert tequio("currency", "list", "--json").json()[0]["scale"] == 2
    other = tequio("ledger", "create", "caja", "--name", "Other", *zone)
    assert (other.code, "ledger_code_used" in other.err) == (1, True)
    person = tequio("account", "create", "GODE561231HDFRRL04", "--currency", "MXN")
    assert (person.code, "account_code_looks_personal" in person.err) == (1, True)


def test_a_day_at_the_savings_bank(caja: Tequio) -> None:
    post = ("transfer", "post", "--currency", "MXN", "--kind")
    paid_in = caja(
        *post, "deposit", "--debit", "cash", "--credit", "ana", "--amount", "1250.50"
    )
    assert paid_in.code == 0, paid_in.err
    assert "1,250.50" in paid_in.out
    sent = caja(
        *post, "internal", "--debit", "ana", "--credit", "ben", "--amount", "200.00",
        "--reference", "R-1", "--json",
    ).json()  # fmt: skip
    assert sent["receipt"]["sequence"] == 2

    too_much = caja(*post, "x", "--debit", "ana", "--credit", "ben", "--amount", "5000")
    assert too_much.code == 1
    assert "1050.50 MXN would be accepted" in too_much.err
    in_spanish = caja(
        *post, "x", "--debit", "ana", "--credit", "ben", "--amount", "5000", LANG="es_MX"
    )
    assert "alcanza para 1050.50 MXN" in in_spanish.err

    found = caja("transfer", "list", "--reference", "R-1", "--json").json()
    assert [transfer["amount"] for transfer in found] == ["200.00"]
    assert caja("transfer", "show", "1", "--json").json()["kind"] == "deposit"
    assert len(caja("transfer", "list", "--json").json()) == 2
    assert len(caja("transfer", "list", "--limit", "1", "--json").json()) == 1

    statement = caja("account", "statement", "ana", "--json").json()
    assert [line["balance"] for line in statement["transfers"]] == ["1250.50", "1050.50"]
    shown = caja("account", "statement", "ana", LANG="es_MX.UTF-8")
    assert "saldo final" in shown.out
    assert "1,050.50" in shown.out

    year = ("--from", "2020-01-01", "--to", "2099-12-31")
    balance = caja("trial-balance", *year, "--by", "kind", "--json").json()
    assert balance["totals"][0]["balanced"]
    assert "closing debit" in caja("trial-balance", *year).out


def test_a_transfer_sent_twice_is_one(caja: Tequio) -> None:
    words = (
        *("transfer", "post", "--debit", "cash", "--credit", "ana", "--amount", "1"),
        *("--currency", "MXN", "--kind", "deposit"),
        *("--id", "0192f0c1-2d3e-7a4b-8c5d-6e7f80910203", "--json"),
    )
    assert caja(*words).json()["receipt"] == caja(*words).json()["receipt"]
    assert caja("ledger", "show", "caja", "--json").json()["transfers"] == 1


def test_what_is_mistyped_is_said_in_plain_words() -> None:
    """Before anything is sent."""
    post = ("transfer", "post", "--debit", "a", "--credit", "b", "--amount", "1")
    post = (*post, "--currency", "MXN", "--ledger", "caja")
    for words, said in (
        (("account", "freeze", "a", "--ledger", "x", "--reason", "Acta 3"), "acta_consejo"),
        ((*post, "--kind", "Depósito"), "minúsculas"),
        ((*post, "--kind", "x", "--business-date", "24/11/2026"), "2026-11-24"),
        (("day", "open", "31-12-2026", "--ledger", "caja"), "2026-11-24"),
    ):
        wrong = run_tequio(*words, LANG="es_MX.UTF-8")
        assert (wrong.code, said in wrong.err, "regex" in wrong.err) == (2, True, False), words
    assert "[%Y" not in run_tequio("day", "open", "--help").out


def test_accounts_frozen_limited_and_closed(caja: Tequio) -> None:
    why = ("--reason", "court_order")
    assert caja("account", "freeze", "ana", *why, "--json").json()["status"] == "frozen"
    assert caja("account", "unfreeze", "ana", *why, "--json").json()["status"] == "open"
    act = ("--act", "CA-3/2026", "--act-date", "2026-03-01", "--act-hash", "ab" * 32)
    assert caja("account", "freeze", "ana", *why, *act).code == 0
    assert "CA-3/2026" in caja("account", "statuses", "ana", "--json").out
    assert caja("account", "unfreeze", "ana", *why, *act).code == 0
    limited = caja("account", "limit", "ana", "--lower", "-500", *why, "--json").json()
    assert limited["lower_bound"] == "-500.00"
    nothing = caja("account", "limit", "ana", *why)
    assert nothing.code == 2
    assert caja("account", "close", "ben", *why, "--json").json()["status"] == "closed"
    again = caja("account", "freeze", "ben", *why)
    assert (again.code, "account_closed" in again.err) == (1, True)
    codes = [account["code"] for account in caja("account", "list", "--json").json()]
    assert codes == ["cash", "ana", "ben"]
    assert "-500.00" in caja("account", "show", "ana").out


def test_a_dry_run_writes_nothing(caja: Tequio) -> None:
    size = caja("ledger", "show", "caja", "--json").json()["size"]
    zone = ("--name", "B", "--time-zone", "UTC")
    for words in (
        ("ledger", "create", "b", *zone),
        ("currency", "create", "HRS", "--kind", "time", "--scale", "1"),
        ("account", "create", "dan", "--currency", "MXN"),
        ("account", "limit", "ana", "--upper", "9", "--reason", "x"),
        ("key", "create", "--role", "auditor"),
        (
            *("transfer", "post", "--debit", "cash", "--credit", "ana", "--amount", "7"),
            *("--currency", "MXN", "--kind", "deposit"),
        ),
    ):
        told = caja(*words, "--dry-run")
        assert told.code == 0, (words, told.err)
        assert "Nothing was written" in told.out
    assert caja("ledger", "show", "caja", "--json").json()["size"] == size
    assert len(caja("ledger", "list", "--json").json()) == 1


def test_keys_open_what_they_should(caja: Tequio) -> None:
    given = caja(
        *(
            "key",
            "create",
            "--role",
            "poster",
            "--poster",
            "till",
            "--account",
            "cash",
            "--json",
        )
    ).json()
    post = (
        *("transfer", "post", "--credit", "ben", "--amount", "1"),
        *("--currency", "MXN", "--kind", "deposit"),
    )
    till = {"TEQUIO_KEY": given["secret"]}
    assert caja(*post, "--debit", "cash", **till).code == 0
    foreign = caja(*post, "--debit", "ana", **till)
    assert (foreign.code, "account_not_yours" in foreign.err) == (1, True)
    assert [key["poster"] for key in caja("key", "list", "--json").json()] == ["till"]
    assert caja("key", "revoke", given["key"]["key"]).code == 0
    ended = caja(*post, "--debit", "cash", **till)
    assert (ended.code, "key_unknown" in ended.err) == (1, True)


def test_a_batch_from_a_file_and_its_proof(caja: Tequio, tmp_path: Path) -> None:
    def transfer(debit: str, credit: str, amount: str) -> dict[str, str]:
        accounts = {"debit_account": debit, "credit_account": credit}
        return {**accounts, "amount": amount, "currency": "MXN", "kind": "deposit"}

    batch = {
        "id": "0192f0c1-2d3e-7a4b-8c5d-6e7f80910204",
        "mode": "each",
        "transfers": [transfer("cash", "ana", "10"), transfer("ben", "ana", "99")],
    }
    file = tmp_path / "batch.json"
    file.write_text(json.dumps(batch))
    told = caja("batch", "post", str(file))
    assert told.code == 0, told.err
    assert "exceeds_credit_limit" in told.out
    assert caja("batch", "post", str(file)).out == told.out
    shown = caja("batch", "show", batch["id"], "--json").json()
    assert shown["receipt"]["posted"] == 1
    assert len(caja("batch", "list", "--json").json()) == 1
    for position in ("0", "1"):
        proof = caja("batch", "proof", batch["id"], "--position", position)
        assert proof.code == 0, proof.err
        assert "The proof holds." in proof.out
    assert caja("batch", "proof", batch["id"], "--position", "2").code == 1

    file.write_text('{"transfers": []}')
    assert caja("batch", "post", str(file)).code == 1
    file.write_text("{")
    assert caja("batch", "post", str(file)).code == 1
