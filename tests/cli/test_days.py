"""Days as a treasurer keeps them from the command line, each command a process of its own."""

import json
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.cli.acta import write_acta
from tests.cli.conftest import Tequio
from tests.cli.test_terms import SPANISH


def total(currency: str, kind: str, source: str, count: int, amount: str) -> dict[str, object]:
    names = {"currency": currency, "kind": kind, "source": source}
    return {**names, "count": count, "amount": amount}


CLOSED = {
    "day": {
        "date": "2026-01-31",
        "status": "closed",
        "count": 5,
        "totals": [
            total("MXN", "deposit", "", 3, "1250.50"),
            total("MXN", "fee", "till-1", 1, "0.50"),
            total("UDIS", "fee", "", 1, "7"),
        ],
        "closed_at": "2026-02-01T05:30:00.000001Z",
        "closed_by": "key-1",
        "totals_hash": "ab" * 32,
        "leaf_index": 17,
        "leaf_hash": "cd" * 32,
    },
    "line": "{}",
    "checkpoint": "example.org/caja\n18\nROOT=\n\n— example.org/caja SIGNATURE=\n",
}
LEDGER = {"code": "caja", "name": "Caja Norte", "time_zone": "America/Mexico_City"}


@pytest.mark.parametrize(
    ("locale", "title", "amount"),
    [
        ("es_MX.UTF-8", "ACTA DE CIERRE DEL DÍA", "1,251.00"),
        ("pt_BR.UTF-8", "ATA DE FECHAMENTO DO DIA", "1.251,00"),
        ("en_US.UTF-8", "RECORD OF THE CLOSING OF A DAY", "1,251.00"),
    ],
)
def test_the_acta_has_all_that_is_signed(
    monkeypatch: pytest.MonkeyPatch, locale: str, title: str, amount: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", locale)
    page = write_acta(LEDGER, CLOSED, datetime(2026, 2, 1, 6, 0, tzinfo=UTC))
    assert page.startswith(f"{title}\n")
    for part in (
        *("Caja Norte (caja)", "2026-01-31", "2026-01-31 23:30:00", "(UTC-0600)", "key-1"),
        *("ab" * 32, "17", "cd" * 32, "example.org/caja", "18", "ROOT=", "SIGNATURE="),
        *("2026-02-01 00:00:00 America/Mexico_City", "till-1", amount),
    ):
        assert part in page, part
    assert max(map(len, page.split("\n"))) <= 90
    lines = page.split("\n")
    assert ["UDIS", "total", "1", "7"] in [line.split() for line in lines]
    at = next(i for i, line in enumerate(lines) if line.split()[:2] == ["MXN", "total"])
    assert set(lines[at - 1]) == set(lines[at + 1]) == {"-", " "}  # A sum stands under a rule.


def test_an_acta_of_more_totals_than_fit_says_so() -> None:
    day = {**CLOSED["day"], "count": 9}  # type: ignore[dict-item]
    page = write_acta(LEDGER, {**CLOSED, "day": day}, datetime(2026, 2, 1, tzinfo=UTC))
    assert "first 3 totals" in page
    clock = {name: what for name, what in day.items() if name != "closed_by"}
    page = write_acta(LEDGER, {**CLOSED, "day": clock}, datetime(2026, 2, 1, tzinfo=UTC))
    assert "the ledger's clock" in page
    empty = {**day, "count": 0, "totals": []}
    page = write_acta(LEDGER, {**CLOSED, "day": empty}, datetime(2026, 2, 1, tzinfo=UTC))
    assert "No transfers." in page


def test_a_day_is_opened_closed_and_printed(caja: Tequio, tmp_path: Path) -> None:
    dry = caja("days", "set", "--by", "command", "--cut-off", "16:30", "--dry-run")
    assert "Nothing was written" in dry.out
    assert caja("days", "set", "--by", "clock", "--value-days-back", "3").code == 0
    listed = caja("day", "list", "--json").json()
    assert listed["settings"] == {"days": "clock", "value_days_back": 3}
    day = listed["current"]
    refused = caja("day", "open", day)
    assert (refused.code, "days_kept_by_clock" in refused.err) == (1, True)
    post = ("transfer", "post", "--currency", "MXN", "--kind", "deposit", "--debit", "cash")
    assert caja(*post, "--credit", "ana", "--amount", "1250.50").code == 0
    assert "1,250.50" in caja("day", "close", day, "--dry-run").out
    assert "1,250.50" in caja("day", "show", day).out
    no_acta = caja("day", "show", day, "--acta")
    assert (no_acta.code, "was not closed" in no_acta.err) == (1, True)

    file = tmp_path / "acta.txt"
    file.write_text("something else")
    kept = caja("day", "close", day, "--out", str(file))
    assert (kept.code, "is there already" in kept.err, file.read_text()) == (
        *(1, True),
        "something else",
    )
    assert caja("day", "list", "--closed", "--json").json()["days"] == []
    file.unlink()
    closed = caja("day", "close", day, "--out", str(file), LANG="es_MX.UTF-8")
    assert closed.code == 0, closed.err
    assert closed.out == file.read_text()
    assert "ACTA DE CIERRE" in closed.out
    assert "1,250.50" in closed.out

    shown = caja("day", "show", day, "--json").json()
    assert shown["day"]["leaf_hash"] == sha256(b"\0" + shown["line"].encode()).hexdigest()
    assert shown["day"]["leaf_hash"] in closed.out
    again = caja("day", "close", day, "--out", str(tmp_path / "other.txt"))
    assert again.code == 1
    assert f"tequio day show {day} --acta" in again.err
    assert not (tmp_path / "other.txt").exists()
    assert shown["day"]["totals_hash"] in caja("day", "show", day, "--acta").out
    assert [d["date"] for d in caja("day", "list", "--closed", "--json").json()["days"]] == [
        day
    ]


def test_the_clock_closes_a_day_by_itself(caja: Tequio) -> None:
    """Whatever day it is when this runs: what is long over is closed as soon as it is so."""
    dry = caja("days", "set", "--by", "clock", "--close-after", "1440", "--dry-run", "--json")
    assert dry.json()["settings"]["close_after_minutes"] == 1440
    assert caja("days", "set", "--by", "clock", "--close-after", "10081").code == 2
    assert caja("day", "list", "--closed", "--json").json()["days"] == []
    kept = caja("days", "set", "--by", "clock", "--close-after", "1440")
    assert "1440" in kept.out
    for _ in range(100):
        days = caja("day", "list", "--closed", "--json").json()["days"]
        if days:
            break
        time.sleep(0.1)
    (closed,) = days
    shown = caja("day", "show", closed["date"], LANG="en_US.UTF-8")
    assert "the clock" in shown.out
    late = ("--credit", "ana", "--amount", "1", "--currency", "MXN", "--kind", "x")
    no = caja("transfer", "post", "--debit", "cash", *late, "--business-date", closed["date"])
    assert "business_date_not_open" in no.err


def test_a_period_is_closed_reopened_and_finished(caja: Tequio, tmp_path: Path) -> None:
    assert caja("day", "close", "2023-12-31").code == 0
    early = caja("period", "finish", "2023-12")
    assert (early.code, "period_not_marked_so" in early.err) == (1, True)
    assert "Nothing was written" in caja("period", "close", "2023-12", "--dry-run").out
    assert caja("period", "close", "2023-12", "--json").json()["mark"] == "preliminary"
    act = tmp_path / "acta.pdf"
    act.write_bytes(b"of the board")
    reopen = ("period", "reopen", "2023-12", "--act", "CA-1", "--act-date", "2024-01-15")
    assert caja(*reopen).code == 2
    assert caja(*reopen, "--act-file", str(act)).code == 0
    late = ("--debit", "cash", "--credit", "ana", "--amount", "90", "--kind", "late")
    late = (*late, "--currency", "MXN", "--business-date", "2023-12-31")
    assert caja("transfer", "post", *late).code == 0
    again = caja("period", "close", "2023-12", LANG=SPANISH)
    assert (again.code, "Llegó mientras estuvo reabierto" in again.out) == (0, True), again.err
    shown = caja("day", "show", "2023-12-31")
    assert (shown.code, "After it was closed" in shown.out) == (0, True), shown.err
    acta = caja("day", "show", "2023-12-31", "--acta", LANG=SPANISH).out
    assert "DESPUÉS DEL CIERRE" in acta
    assert "90.00" in acta[acta.index("DESPUÉS DEL CIERRE") :]
    assert "Sin movimientos." in acta
    assert caja("period", "finish", "2023-12").code == 0
    listed = caja("period", "list", "--json").json()
    assert listed == [{"period": "2023-12", "mark": "final"}]
    wrong = caja("period", "close", "2023-14")
    assert (wrong.code, "malformed_request" in wrong.err) == (1, True)


def test_the_books_as_they_were(caja: Tequio, tmp_path: Path) -> None:
    def transfer(amount: str, **more: object) -> dict[str, object]:
        accounts = {"debit_account": "cash", "credit_account": "ana"}
        return {**accounts, "amount": amount, "currency": "MXN", "kind": "deposit", **more}

    def post(number: int, *transfers: dict[str, object]) -> str:
        batch = {"id": f"0192f0c1-2d3e-7a4b-8c5d-{number:012}", "transfers": transfers}
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(batch))
        answer = caja("batch", "post", str(file), "--json").json()
        return str(answer["receipt"]["recorded_at"])

    last = {"business_date": "2023-12-31"}
    first = post(1, transfer("100.00", **last))
    assert caja("day", "close", "2023-12-31").code == 0
    post(2, transfer("7.00", **last, terms={"adjusting": True}))

    def ana(*words: str) -> str:
        balance = caja("trial-balance", *words, "--json").json()
        found = [line for line in balance["lines"] if line["account"] == "ana"]
        return str(found[0]["closing_balance"])

    december = ("--from", "2023-12-01", "--to", "2023-12-31")
    assert ana(*december) == ana("--period", "2023-12") == "100.00"
    assert ana(*december, "--adjustments") == ana("--period", "2023-13") == "107.00"
    assert ana("--period", "2024-01", "--as-known-on", first) == "100.00"
    assert caja("trial-balance", "--from", "2023-12-01").code == 2
    assert caja("trial-balance", *december, "--period", "2023-12").code == 2
    balance = ("account", "balance", "ana", "--json")
    assert caja(*balance, "--on", "2023-12-31").json()["balance"] == "100.00"
    assert caja(*balance).json()["balance"] == "107.00"
    assert caja(*balance, "--as-known-on", first).json()["balance"] == "100.00"
    statement = ("account", "statement", "ana", "--to", "2023-12-31", "--json")
    assert caja(*statement).json()["closing_balance"] == "100.00"
    assert caja(*statement, "--adjustments").json()["closing_balance"] == "107.00"
    adjusting = (
        *("transfer", "post", "--debit", "cash", "--credit", "ana", "--amount", "1"),
        *("--currency", "MXN", "--kind", "ajuste", "--adjusting", "--source", "contador"),
    )
    assert caja(*adjusting).code == 1  # For which year?
    done = caja(*adjusting, "--business-date", "2023-12-31")
    assert (done.code, "adjusted" in done.out) == (0, True), done.err
    assert caja(*balance).json()["balance"] == "108.00"
    for day, kinds in (("2023-12-31", ["deposit", "deposit", "ajuste"]), ("2023-12-30", [])):
        listed = caja("transfer", "list", "--business-date", day, "--json").json()
        assert [one["kind"] for one in listed] == kinds


def test_what_is_late_counts_for_the_next_open_day_where_asked(
    caja: Tequio, tmp_path: Path
) -> None:
    """One transfer, and a file that a branch sends after the day was closed."""
    assert caja("day", "close", "2024-02-29").code == 0  # And so all before it.
    post = (
        *("transfer", "post", "--currency", "MXN", "--kind", "deposit", "--debit", "cash"),
        *("--credit", "ana", "--amount", "5.00", "--business-date", "2024-02-28"),
    )
    for words in ((), ("--late", "refuse")):
        refused = caja(*post, *words)
        assert (refused.code, "business_date_not_open" in refused.err) == (1, True)
    moved = ("--late", "next_open_day", "--json")
    assert caja(*post, *moved).json()["receipt"]["business_date"] == "2024-03-01"
    assert caja(*post, "--late", "tomorrow").code == 2

    file = tmp_path / "late.csv"
    file.write_text("day,much\n2024-02-27,1.00\n2024-03-02,2.00\n")
    words = (
        *("import", "csv", str(file), "--map", "business_date=day", "--map", "amount=much"),
        *("--set", "debit_account=cash", "--set", "credit_account=ana"),
        *("--set", "currency=MXN", "--set", "kind=deposit"),
    )
    first = caja(*words, "--json")
    assert (first.code, json.loads(first.out)["refused"]) == (1, 1)
    other = caja(*words, "--late", "next_open_day")  # Another content under the same ids.
    assert (other.code, "--late" in other.err) == (1, True)
    again = caja(*words, "--late", "next_open_day", "--retry-refused", "--json").json()
    assert (again["posted"], again["refused"]) == (1, 0)
    days = [t["business_date"] for t in caja("transfer", "list", "--json").json()]
    assert days == ["2024-03-01", "2024-03-02", "2024-03-01"]


def test_a_day_beside_another_systems_file(caja: Tequio, tmp_path: Path) -> None:
    post = ("transfer", "post", "--currency", "MXN", "--kind", "deposit", "--debit", "cash")
    for number, amount in enumerate(("10.00", "20.00", "30.00"), 1):
        words = ("--credit", "ana", "--amount", amount, "--reference", f"R-{number}")
        day = caja(*post, *words, "--json").json()["receipt"]["business_date"]
    file = tmp_path / "core.csv"
    head = "folio,debit_account,credit_account,amount\n"
    words = (
        *("reconcile", str(file), "--day", day),
        *("--map", "reference=folio", "--set", "currency=MXN"),
    )
    file.write_text(head + "R-1,cash,ana,10\nR-3,cash,ana,30.0\n,cash,ana,20\n")
    same = caja(*words)
    assert (same.code, "All the same." in same.out) == (0, True), same.err
    file.write_text(head + "R-1,cash,ana,10\nR-2,cash,ben,20\nR-9,cash,ana,9\n")
    other = caja(*words, "--json")
    assert other.code == 1
    found = json.loads(other.out)
    assert (found["equal"], found["matched"]) == (False, 1)
    assert [row["reference"] for row in found["only_in_file"]] == ["R-9"]
    assert [row["sequence"] for row in found["only_in_ledger"]] == [3]
    [different] = found["different"]
    assert (different["file"]["credit_account"], different["ledger"]["sequence"]) == ("ben", 2)
    assert found["sums"] == [
        {
            "currency": "MXN",
            "file_count": 3,
            "file_amount": "39.00",
            "ledger_count": 3,
            "ledger_amount": "60.00",
        }
    ]
    told = caja(*words, LANG="es_MX.UTF-8")
    assert (told.code, "sólo en el libro" in told.out) == (1, True)
    file.write_text(head + "R-1,cash,ana,diez\n")
    bad = caja(*words)
    assert (bad.code, "row 2" in bad.err) == (2, True)
    assert caja(*words, TEQUIO_LEDGER="nowhere").code == 2
    assert caja("reconcile", str(tmp_path / "none.csv"), "--day", day).code == 2
