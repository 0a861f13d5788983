"""Exports as an auditor takes them, checked offline, and read by programs that are not ours."""

import csv
import json
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.conftest import Tequio, run_tequio
from tests.cli.test_main import modules_after


def post(tequio: Tequio, debit: str, credit: str, amount: str, code: int = 0) -> None:
    told = tequio(
        *("transfer", "post", "--debit", debit, "--credit", credit, "--amount", amount),
        *("--currency", "MXN", "--kind", "x", "--description", "for the roof"),
    )
    assert told.code == code, told.err


@pytest.fixture
def books(caja: Tequio, tmp_path: Path) -> Tequio:
    """A ledger with singles, a batch of which some was refused, and a refused transfer."""
    post(caja, "cash", "ana", "100.25")
    post(caja, "ana", "ben", "0.75")
    post(caja, "ben", "ana", "500", code=1)
    transfer = {
        "currency": "MXN",
        "kind": "x",
        "debit_account": "cash",
        "credit_account": "ben",
    }
    batch = {
        "id": "0192f0c1-2d3e-7a4b-8c5d-6e7f80910204",
        "mode": "each",
        "transfers": [
            {**transfer, "amount": "7"},
            {**transfer, "amount": "900", "debit_account": "ana"},
            {**transfer, "amount": "3.50"},
        ],
    }
    file = tmp_path / "batch.json"
    file.write_text(json.dumps(batch))
    assert caja("batch", "post", str(file)).code == 0
    return caja


BALANCES = {"cash": "110.75", "ana": "99.50", "ben": "11.25"}


def test_the_journal_is_taken_out_and_verified(
    books: Tequio, auditing: Tequio, tmp_path: Path
) -> None:
    out = tmp_path / "journal"
    out.mkdir()  # Empty is as good as not there.
    taken = auditing("export", "journal", "--out", str(out), "--json").json()
    assert taken["transfers"] == 5
    expect = f"{taken['size']}:{taken['root']}"
    vkey = books("ledger", "show", "caja", "--json").json()["public_key"]

    plain = run_tequio("verify", str(out))
    assert (plain.code, plain.err) == (0, "")
    assert "verified" in plain.out
    assert "it came with the export" in plain.out
    spanish = run_tequio("verify", str(out), "--expect", expect, "--key", vkey, LANG="es_MX")
    assert "Nada fue cambiado" in spanish.out
    assert not [line for line in spanish.out.splitlines() if line.startswith("  - that")]
    report = json.loads(run_tequio("verify", str(out), "--json").out)
    assert (report["verified"], report["checked"]["transfers"]) == (True, 4)
    assert report["checkpoint"]["root"] == taken["root"]

    again = auditing("export", "journal", "--out", str(out))
    assert (again.code, "not empty" in again.err) == (1, True)
    other_root = "0" * 64
    assert run_tequio("verify", str(out), "--expect", f"{taken['size']}:{other_root}").code == 1
    assert run_tequio("verify", str(out), "--expect", "7").code == 2
    assert run_tequio("verify", str(out), "--key", "caja+x").code == 2


def test_a_changed_byte_is_found(books: Tequio, auditing: Tequio, tmp_path: Path) -> None:
    out = tmp_path / "journal"
    assert auditing("export", "journal", "--out", str(out)).code == 0
    bodies = out / "batch" / "000.jsonl"
    data = bodies.read_bytes()
    bodies.write_bytes(data.replace(b'"amount":10025', b'"amount":90025', 1))
    told = run_tequio("verify", str(out))
    assert told.code == 1
    assert "THE EXPORT IS BROKEN, first at leaf 5" in told.err
    bodies.write_bytes(data)
    assert run_tequio("verify", str(out)).code == 0
    checkpoint = out / "checkpoint"
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"/caja\n", b"/baja\n", 1))
    assert run_tequio("verify", str(out)).code == 1


def test_verify_needs_neither_network_nor_database(tmp_path: Path) -> None:
    asked = f"from ledger.cli.main import tequio; tequio(['verify', {str(tmp_path)!r}])"
    modules = modules_after(asked)
    assert "cryptography" in modules, "it did not get as far as verifying"
    assert not modules & {"aiohttp", "asyncpg", "uvloop"}


def test_only_an_auditor_takes_it_out(books: Tequio, tmp_path: Path) -> None:
    """An operator is told how to become one."""
    till = books("key", "create", "--role", "poster", "--account", "*", "--json").json()[
        "secret"
    ]
    for env in ({"TEQUIO_KEY": till}, {}):
        told = books("export", "journal", "--out", str(tmp_path / "x"), **env)
        assert (told.code, "role_not_allowed" in told.err) == (1, True)
        assert "tequio key create --role auditor --ledger caja" in told.err
    assert not (tmp_path / "x").exists()
    assert list(tmp_path.glob(".x*")) == []


def test_an_export_of_many_leaves_and_pages(
    caja: Tequio, auditing: Tequio, tmp_path: Path
) -> None:
    rows = [{"d": "cash", "c": "ana", "a": "0.01"}] * 300 + [
        {"d": "ana", "c": "cash", "a": "9"}
    ]
    file = tmp_path / "rows.csv"
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, ["d", "c", "a"])
        writer.writeheader()
        writer.writerows(rows)
    words = ("--map", "debit_account=d", "--map", "credit_account=c", "--map", "amount=a")
    words += ("--set", "currency=MXN", "--set", "kind=x", "--batch-size", "1")
    assert caja("import", "csv", str(file), *words).code == 1  # The last is refused.
    out = tmp_path / "journal"
    taken = auditing("export", "journal", "--out", str(out), "--json").json()
    assert (taken["batches"], taken["size"] > 256) == (301, True)
    assert run_tequio("verify", str(out)).code == 0


@pytest.mark.skipif(shutil.which("hledger") is None, reason="hledger is not installed")
def test_hledger_has_the_same_balances(books: Tequio, auditing: Tequio, tmp_path: Path) -> None:
    told = auditing("export", "hledger", "--out", str(tmp_path / "h"), "--json").json()
    hledger = ["hledger", "-f", told["out"]]
    subprocess.run([*hledger, "check", "-s"], check=True)
    listed = subprocess.run(
        [*hledger, "balance", "-N", "--flat", "-E", "-O", "csv"],
        check=True,
        capture_output=True,
        text=True,
    )
    found = {
        row["account"].rpartition(":")[2]: abs(Decimal(row["balance"].split()[0]))
        for row in csv.DictReader(listed.stdout.splitlines())
    }
    assert found == {code: Decimal(balance) for code, balance in BALANCES.items()}


def test_beancount_agrees(books: Tequio, auditing: Tequio, tmp_path: Path) -> None:
    loader = pytest.importorskip("beancount.loader")
    told = auditing("export", "beancount", "--out", str(tmp_path / "b"), "--json").json()
    entries, errors, _ = loader.load_file(told["out"])
    assert errors == []
    asserted = {
        entry.account.rpartition(":")[2].removeprefix("X-x"): abs(entry.amount.number)
        for entry in entries
        if type(entry).__name__ == "Balance"
    }
    assert asserted == {code: Decimal(balance) for code, balance in BALANCES.items()}
