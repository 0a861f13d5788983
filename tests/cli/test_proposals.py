"""Payments, approvals and disputes as people do them, command by command."""

from pathlib import Path

from tests.cli.conftest import Tequio, run_tequio
from tests.cli.test_terms import ID, SPANISH, post


def key(caja: Tequio, *words: str) -> str:
    made = caja("key", "create", *words, "--json")
    assert made.code == 0, made.err
    return str(made.json()["secret"])


def test_a_payment_waits_is_accepted_and_disputed(caja: Tequio, tmp_path: Path) -> None:
    assert caja(*post("cash", "ana", "100")).code == 0
    ana = key(caja, "--role", "member", "--account", "ana", "--poster", "ana")
    ben = key(caja, "--role", "member", "--account", "ben", "--poster", "ben")
    bill = (
        *("pay", "--workflow", "bill", "--payer", "ana", "--payee", "ben"),
        *("--amount", "60", "--currency", "MXN"),
    )
    more = (*bill[:-3], "600", "--currency", "MXN", "--id", ID[:-1] + "7")
    assert "waits" in caja(*more, "--key", ben).out
    short = caja("accept", ID[:-1] + "7", "--key", ana)
    assert (short.code, "It waits on" in short.err) == (1, True)
    assert "proposal_cancelled" in caja("cancel", ID[:-1] + "7", "--key", ben).out
    dry = caja(*bill, "--dry-run", "--key", ben)
    assert "Nothing was written" in dry.out
    waits = caja(*bill, "--id", ID, "--key", ben)
    assert "waits until others approve or accept it" in waits.out, waits.err
    assert "flujo" in caja("proposals", LANG=SPANISH, TEQUIO_KEY=ana).out
    assert "ben" in caja("proposals", ID, "--key", ana).out
    no = caja("accept", ID, "--key", ben, LANG=SPANISH)
    assert (no.code, "account_not_yours" in no.err) == (1, True)
    assert "Nothing was written" in caja("accept", ID, "--dry-run", "--key", ana).out
    assert caja("accept", ID, "--key", ana, "--json").json()["receipt"]["posted"] == 1
    assert caja("proposals", "--key", ana).out == "None.\n"

    assert "Nothing" in caja("dispute", "2", "--reason", "wrong", "--dry-run").out
    opened = caja("dispute", "2", "--reason", "wrong", "--due", "2099-01-01", "--key", ana)
    assert (opened.code, "in dispute" in opened.out) == (0, True), opened.err
    assert "2099-01-01" in caja("disputes", LANG=SPANISH).out
    assert caja("dispute", "1", "--reason", "late", "--due", "2020-02-29").code == 0
    [overdue] = caja("disputes", "--state", "overdue", "--json").json()
    assert (overdue["sequence"], overdue["due"]) == (1, "2020-02-29")
    assert "vencida desde" in caja("disputes", LANG=SPANISH).out
    assert caja("dispute", "2", "--outcome", "upheld").code == 0
    assert caja("dispute", "1", "--outcome", "upheld", "--linked", "2").code == 0
    assert caja("disputes").out == "None.\n"
    ended = caja("disputes", "--state", "ended", "--json").json()
    assert [(one["sequence"], one["outcome"], one.get("linked")) for one in ended] == [
        (2, "upheld", None),
        (1, "upheld", 2),
    ]
    assert "reparado por" in caja("disputes", "--state", "ended", LANG=SPANISH).out
    out = tmp_path / "journal"
    auditor = key(caja, "--role", "auditor")
    assert caja("export", "journal", "--out", str(out), "--key", auditor).code == 0
    verified = run_tequio("verify", str(out))
    assert verified.code == 0, verified.out + verified.err


def test_what_is_large_is_approved_or_declined(caja: Tequio) -> None:
    approver = key(caja, "--role", "approver")
    large = ("--currency", "MXN", "--from", "50", "--approvals", "1", "--expires-after", "1h")
    assert caja("policy", "set", "large", *large, "--reason", "board").code == 0
    assert "waits" in caja(*post("cash", "ana", "60", "--id", ID)).out
    assert caja("approve", ID).code == 1  # The maker.
    done = caja("approve", ID, "--user", "u-2", "--key", approver)
    assert done.code == 0, done.err
    other = ID[:-1] + "4"
    assert "waits" in caja(*post("cash", "ana", "70", "--id", other)).out
    declined = caja("decline", other, "--reason", "too_much", "--key", approver)
    assert (declined.code, "proposal_declined" in declined.out) == (0, True), declined.err
    for shown in (caja("batch", "show", other), caja("proposals", other, LANG=SPANISH)):
        assert "too_much" in shown.out, shown.err
    assert "rechazada" in shown.out
    third = ID[:-1] + "5"
    assert "waits" in caja(*post("cash", "ana", "80", "--id", third)).out
    assert "proposal_cancelled" in caja("cancel", third).out
