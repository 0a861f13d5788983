"""Imports: every row once, whatever happens on the way, and nothing rounded unseen.

The file is our own and as awkward as real ones: floats' tails of seventeen decimals, a
byte-order mark, quotes and line breaks in cells, rows out of shape, an account that issues.
"""

import csv
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger.cli.client import Client, path_of
from ledger.cli.csv_import import Import, Plan
from ledger.cli.rows import Reading
from ledger.cli.words import Stop
from tests.cli.conftest import Running, Tequio, environment, set_up

ISSUER = "0xEDA5aa"
ROWS = 600
COLUMNS = {
    "debit_account": "source",
    "credit_account": "target",
    "amount": "weight",
    "kind": "sub type",
    "business_date": "time",
    "reference": "id",
    "description": "note",
}
MAPS = [word for field, column in COLUMNS.items() for word in ("--map", f"{field}={column}")]
OPTIONS = [
    *MAPS,
    *("--set", "currency=SRF", "--scale-excess", "half-even"),
    *("--create-accounts", "--unbounded", ISSUER, "--batch-size", "5"),
]

Rows = list[dict[str, str]]


def make_rows(count: int = ROWS) -> Rows:
    """An issuer pays out, holders pay each other; nobody else goes below zero."""
    chance = random.Random(7)
    balances: dict[str, Decimal] = {}
    rows: Rows = []
    for number in range(1, count + 1):
        holder = f"0x{chance.randrange(60):040X}"
        payer = chance.choice(sorted(balances) or [ISSUER])
        amount = Decimal(str(chance.uniform(0.001, 20_000) + 0.1 + 0.2))
        if number % 3 or payer == holder or balances[payer] < amount + 1:
            payer = ISSUER
        else:
            balances[payer] -= amount + 1
        balances[holder] = balances.get(holder, Decimal(0)) + amount - 1
        rows.append(
            {
                "id": str(number),
                "time": f"2020-01-{25 + number % 5} 19:13:{number % 60:02}.731529",
                "sub type": chance.choice(["DISBURSEMENT", "Agent-Out"]),
                "source": payer,
                "target": holder,
                "weight": str(amount),
                "note": 'said "thanks,\nfriend"' if number % 50 == 0 else "",
            }
        )
    return rows


def write(path: Path, rows: Rows) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def rounded(text: str, scale: int) -> Decimal:
    return Decimal(text).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_EVEN)


def balances_of(rows: list[dict[str, str]], scale: int = 6) -> dict[str, Decimal]:
    """Incoming less outgoing, in a way of its own."""
    balances: dict[str, Decimal] = {}
    for row in rows:
        amount = rounded(row["weight"], scale)
        balances[row["source"]] = balances.get(row["source"], Decimal(0)) - amount
        balances[row["target"]] = balances.get(row["target"], Decimal(0)) + amount
    return balances


def residue_of(rows: list[dict[str, str]], scale: int = 6) -> Decimal:
    return sum((rounded(r["weight"], scale) - Decimal(r["weight"]) for r in rows), Decimal(0))


@pytest.fixture
def srf(running: Running, tequio: Tequio) -> Tequio:
    """The command, with a ledger `caja` in SRF of scale 6."""
    set_up(running, "S", {"code": "SRF", "kind": "mutual_credit", "scale": 6})
    return tequio


def check_books(tequio: Tequio, rows: list[dict[str, str]]) -> None:
    """Each row is there once, in the file's order, and the balances are right."""
    accounts = tequio("account", "list", "--limit", "20000", "--json").json()
    found = {account["code"]: Decimal(account["balance"]) for account in accounts}
    assert found == balances_of(rows)
    transfers = tequio("transfer", "list", "--limit", "20000", "--json").json()
    assert [t["reference"] for t in transfers] == [row["id"] for row in rows]


def test_awkward_rows_arrive_whole(srf: Tequio, tmp_path: Path) -> None:
    rows = make_rows()
    file = write(tmp_path / "rows.csv", rows)
    looked = srf("import", "csv", str(file), *OPTIONS, "--dry-run", "--json").json()
    assert srf("account", "list", "--json").json() == []
    told = srf("import", "csv", str(file), *OPTIONS, "--json").json()
    assert (told["posted"], told["posted_before"], told["refused"]) == (ROWS, 0, 0)
    assert (
        Decimal(told["residue"]["SRF"]) == residue_of(rows) == Decimal(looked["residue"]["SRF"])
    )
    assert looked["posted"] == ROWS
    assert looked["accounts"] == told["accounts"] == len(balances_of(rows))
    check_books(srf, rows)
    first = srf("transfer", "show", "50", "--json").json()
    assert first["description"] == 'said "thanks,\nfriend"'
    assert first["business_date"] == rows[49]["time"][:10]
    assert first["kind"] in {"disbursement", "agent_out"}
    assert not (tmp_path / "rows.csv.refused.csv").exists()

    again = srf("import", "csv", str(file), *OPTIONS)
    assert again.code == 0
    assert "of them before" in again.out
    check_books(srf, rows)


def test_other_options_stop_before_anything_is_doubled(srf: Tequio, tmp_path: Path) -> None:
    rows = make_rows(100)
    file = write(tmp_path / "rows.csv", rows)
    assert srf("import", "csv", str(file), *OPTIONS).code == 0
    for other in (["--batch-size", "7"], ["--batch-size", "10"], ["--scale-excess", "refuse"]):
        told = srf("import", "csv", str(file), *OPTIONS, *other)
        assert told.code == 1
    check_books(srf, rows)


def transfers_in(running: Running) -> int:
    """How many the ledger has at this moment."""
    connection = http.client.HTTPConnection(running.url.removeprefix("http://"))
    try:
        key = {"Authorization": f"Bearer {running.key}"}
        connection.request("GET", "/v1/ledgers/caja", headers=key)
        return int(json.load(connection.getresponse())["transfers"])
    finally:
        connection.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_in_the_middle_and_run_again(
    srf: Tequio, running: Running, tmp_path: Path, seed: int
) -> None:
    rows = make_rows()
    file = write(tmp_path / "rows.csv", rows)
    place = {"TEQUIO_URL": running.url, "TEQUIO_KEY": running.key, "TEQUIO_LEDGER": "caja"}
    command = [sys.executable, "-m", "ledger", "import", "csv", str(file), *OPTIONS]
    wanted = random.Random(seed).randrange(10, ROWS // 2)
    process = subprocess.Popen(command, env=environment(**place), stdout=subprocess.DEVNULL)
    while process.poll() is None and transfers_in(running) < wanted:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert wanted <= transfers_in(running) < ROWS, "killed too early or too late"
    told = srf("import", "csv", str(file), *OPTIONS, "--json").json()
    assert told["posted"] == ROWS
    assert told["posted_before"] >= wanted
    assert Decimal(told["residue"]["SRF"]) == residue_of(rows)
    check_books(srf, rows)
    assert list(tmp_path.glob("*refused*")) == []


class Unlucky(Client):
    """A client whose answers get lost, now and then before and now and then after."""

    def __init__(self, url: str, key: str, fails_at: int, *, after: bool) -> None:
        super().__init__(url, key)
        self._left = fails_at
        self._after = after

    async def send(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        self._left -= path.endswith("/batches")
        unlucky = self._left == 0
        if unlucky and not self._after:
            raise ConnectionResetError("before it arrived")
        answer = await super().send(method, path, body, **more)
        if unlucky:
            raise ConnectionResetError("before it was answered")
        return answer


@pytest.mark.parametrize("parallel", [1, 4])
async def test_an_answer_lost_at_every_batch(
    srf: Tequio, running: Running, tmp_path: Path, parallel: int
) -> None:
    rows = [row for row in make_rows(100) if row["source"] == ISSUER]  # In any order.
    file = write(tmp_path / "rows.csv", rows)
    plan = Plan(
        file=file,
        ledger="caja",
        reading=Reading(columns=COLUMNS, constants={"currency": "SRF"}, half_even=True),
        batch_size=10,
        parallel=parallel,
        create_accounts=True,
        unbounded=frozenset({ISSUER}),
    )
    for fails_at in range(1, len(rows) // 10 + 2):
        for after in (False, True):
            async with Unlucky(running.url, running.key, fails_at, after=after) as client:
                with pytest.raises(ConnectionResetError):
                    await Import(client, plan).run()
    async with Client(running.url, running.key) as client:
        outcome = await Import(client, plan).run()
        view = await client.get(path_of("ledgers", "caja"))
    assert (outcome.posted, view["transfers"]) == (len(rows), len(rows))
    assert outcome.residues["SRF"] == residue_of(rows)


def refused_rows(file: Path) -> list[dict[str, str]]:
    path = file.with_name(file.name + ".refused.csv")
    with path.open(encoding="utf-8-sig", newline="") as found:
        return list(csv.DictReader(found))


MXN = ["--map", "debit_account=from", "--map", "credit_account=to", "--map", "amount=much"]
MXN += ["--set", "currency=MXN", "--set", "kind=x"]


def test_refused_rows_are_kept_and_tried_again(caja: Tequio, tmp_path: Path) -> None:
    def row(debit: str, credit: str, much: str) -> dict[str, str]:
        return {"from": debit, "to": credit, "much": much}

    rows = [
        row("cash", "ana", "10.00"),
        row("ana", "ben", "99.00"),  # More than there is.
        row("ana", "ghost", "1.00"),
        row("ana", "ben", "1.005"),
        row("ana", "ana", "1.00"),
        row("cash", "ben", "5"),
    ]
    file = write(tmp_path / "may.csv", rows)
    told = caja("import", "csv", str(file), *MXN)
    assert told.code == 1
    refused = refused_rows(file)
    assert [(r["row"], r["attempt"], r["code"]) for r in refused] == [
        ("3", "0", "exceeds_credit_limit"),
        ("4", "0", "credit_account_not_found"),
        ("5", "0", "malformed_amount"),
        ("6", "0", "accounts_must_differ"),
    ]
    assert [row["much"] for row in refused] == ["99.00", "1.00", "1.005", "1.00"]
    assert "10.00 MXN would be accepted" in refused[0]["sentence"]
    assert refused[0]["sentence"] in told.out

    assert caja("account", "create", "ghost", "--currency", "MXN").code == 0
    retried = caja("import", "csv", str(file), *MXN, "--retry-refused", "--json")
    assert retried.code == 1
    assert [(r["row"], r["attempt"]) for r in refused_rows(file)] == [
        ("3", "1"),
        ("5", "1"),
        ("6", "1"),
    ]
    # The whole from the beginning, as one who lost track would: nothing is doubled.
    caja("import", "csv", str(file), *MXN)
    caja("import", "csv", str(file), *MXN, "--retry-refused")
    assert [(r["row"], r["attempt"]) for r in refused_rows(file)] == [
        ("3", "1"),
        ("5", "1"),
        ("6", "1"),
    ]
    rounding = ("--scale-excess", "half-even")
    caja("import", "csv", str(file), *MXN, "--retry-refused", *rounding)
    balances = {
        account["code"]: account["balance"]
        for account in caja("account", "list", "--json").json()
    }
    assert balances == {"cash": "15.00", "ana": "8.00", "ben": "6.00", "ghost": "1.00"}
    # What made it be refused is gone, so the next attempt goes through, once.
    paid = ("--debit", "cash", "--credit", "ana", "--amount", "100", "--currency", "MXN")
    assert caja("transfer", "post", *paid, "--kind", "x").code == 0
    for _ in range(2):
        caja("import", "csv", str(file), *MXN, "--retry-refused", *rounding)
    assert [r["row"] for r in refused_rows(file)] == ["6"]
    assert caja("account", "show", "ana", "--json").json()["balance"] == "9.00"


def test_a_refused_file_that_was_edited_is_not_guessed_at(caja: Tequio, tmp_path: Path) -> None:
    rows = [{"from": "cash", "to": "ana", "much": "1"}, {"from": "ana", "to": "x", "much": "1"}]
    file = write(tmp_path / "may.csv", rows)
    assert caja("import", "csv", str(file), *MXN, "--retry-refused").code == 1
    assert caja("import", "csv", str(file), *MXN).code == 1
    refused = tmp_path / "may.csv.refused.csv"
    refused.write_text(refused.read_text().replace("ana,x", "ana,ben"))
    told = caja("import", "csv", str(file), *MXN, "--retry-refused")
    assert told.code == 1
    assert "Row 3" in told.err
    # What was corrected is imported as a file of its own.
    corrected = refused.rename(tmp_path / "corrected.csv")
    assert caja("import", "csv", str(corrected), *MXN).code == 0


def test_accounts_that_are_there_stay_as_they_are(caja: Tequio, tmp_path: Path) -> None:
    limit = ("account", "limit", "ana", "--lower", "-5", "--reason", "agreed")
    assert caja(*limit).code == 0
    rows = [{"from": "ana", "to": code, "much": "1"} for code in ("ben", "new", "newer")]
    file = write(tmp_path / "may.csv", rows)
    told = caja(
        "import", "csv", str(file), *MXN, "--create-accounts", "--account-kind", "savings"
    )
    assert told.code == 0, told.err + told.out
    assert caja("account", "show", "ana", "--json").json()["lower_bound"] == "-5.00"


@pytest.mark.parametrize(
    "options",
    [
        MXN[:-2],
        [*MXN, "--map", "wrong=x"],
        [*MXN, "--map", "kind=from"],
        [*MXN, "--unbounded", "ana"],
        [*MXN, "--source", "a", "--batch-size", "5"],
        [*MXN, "--delimiter", ";;"],
    ],
)
def test_options_that_cannot_be(tmp_path: Path, options: list[str]) -> None:
    from click.testing import CliRunner

    from ledger.cli.importing import import_group

    file = write(tmp_path / "may.csv", [{"from": "a", "to": "b", "much": "1"}])
    words = ["csv", str(file), "--ledger", "caja", "--url", "http://127.0.0.1:1", *options]
    assert CliRunner().invoke(import_group, words).exit_code == 2


def test_a_file_of_which_nothing_can_be_read(caja: Tequio, tmp_path: Path) -> None:
    file = write(tmp_path / "may.csv", [{"from": "cash", "to": "ana", "much": "1,50"}] * 3)
    told = caja("import", "csv", str(file), *MXN)
    assert told.code == 1
    assert "nothing was sent" in told.err
    assert "'1,50' is no plain number" in told.err
    assert not (tmp_path / "may.csv.refused.csv").exists()


def test_a_file_that_changes_while_it_is_imported(tmp_path: Path) -> None:
    from ledger.cli.csv_import import check_unchanged

    file = write(tmp_path / "may.csv", [{"a": "1"}])
    plan = Plan(file=file, ledger="x", reading=Reading(columns={}, constants={}))
    with pytest.raises(Stop):
        check_unchanged(plan, "0" * 64)


SARAFU = os.environ.get("TEQUIO_SARAFU_CSV", "")


@pytest.mark.skipif(not SARAFU, reason="TEQUIO_SARAFU_CSV does not name the real file")
def test_a_real_community_currency(srf: Tequio, tmp_path: Path) -> None:
    with Path(SARAFU).open(newline="") as source:
        rows = list(csv.DictReader(source))
    issuers = sorted({r["source"] for r in rows if r["source"][:8] in {"0xEDA5C9", "0xBDB3Bc"}})
    assert len(issuers) == 2
    file = tmp_path / "sarafu.csv"
    file.symlink_to(SARAFU)
    words = [
        *("--map", "debit_account=source", "--map", "credit_account=target"),
        *("--map", "amount=weight", "--map", "kind=transfer_subtype"),
        *("--map", "business_date=timeset", "--map", "reference=id"),
    ]
    words += [word for code in issuers for word in ("--unbounded", code)]
    told = srf(
        *("import", "csv", str(file), *words, "--set", "currency=SRF", "--create-accounts"),
        *("--scale-excess", "half-even", "--json"),
    ).json()
    assert (told["posted"], told["refused"]) == (9_999, 0)
    assert told["residue"] == {"SRF": "0.00001153415963121"}
    check_books(srf, rows)


def test_what_waits_for_approval_is_not_called_posted(caja: Tequio, tmp_path: Path) -> None:
    """Two rows of a kind that somebody must approve, and then one that nobody must."""
    rule = (
        "policy",
        "set",
        "payouts",
        "--kinds",
        "payout",
        "--approvals",
        "1",
        "--expires-after",
        "2d",
    )
    assert caja(*rule, "--reason", "board").code == 0
    lines = [
        "from,to,amount,kind",
        "cash,ana,5,payout",
        "cash,ben,6,payout",
        "cash,ben,1,other",
    ]
    file = tmp_path / "payroll.csv"
    file.write_text("\n".join(lines))
    columns = ("debit_account=from", "credit_account=to", "amount=amount", "kind=kind")
    maps = [word for column in columns for word in ("--map", column)]
    command = ("import", "csv", str(file), *maps, "--set", "currency=MXN", "--batch-size", "2")
    first = caja(*command)
    assert (first.code, "approve" in first.out) == (1, True), first.err
    assert "waiting for approval" in first.out
    again = caja(*command, "--json")
    told = json.loads(again.out)
    assert (told["posted"], told["posted_before"], told["waiting"]) == (1, 1, 2)
    (proposal,) = told["proposals"]
    assert caja("decline", proposal).code == 0
    declined = caja(*command, "--json")
    told = json.loads(declined.out)
    assert (declined.code, told["posted"], told["refused"], told["waiting"]) == (1, 1, 2, 0)
    assert "proposal_declined" in Path(told["refused_file"]).read_text()
