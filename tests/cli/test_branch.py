"""A branch without a connection, and posters' signing keys, as a person uses them."""

import json
import stat
from pathlib import Path

from tests.cli.conftest import Tequio

SPANISH = "es_MX.UTF-8"
HEAD = "debit_account,credit_account,amount,currency,kind,reference\n"


def write(folder: Path, *rows: str, name: str = "day.csv") -> Path:
    path = folder / name
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return path


def test_a_branch_posts_what_it_wrote_offline(caja: Tequio, tmp_path: Path) -> None:
    folder, key = str(tmp_path / "norte"), tmp_path / "norte.key"
    day = write(tmp_path, "cash,ana,100.00,MXN,deposit,R-1", "cash,ben,5,MXN,deposit,R-2")
    unprepared = caja("branch", "add", folder, str(day))
    assert (unprepared.code, "branch prepare" in unprepared.err) == (1, True)

    made = caja("poster-key", "new", "norte", "--out", str(key))
    assert made.code == 0, made.err
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert caja("poster-key", "new", "norte", "--out", str(key)).code == 1
    public = made.out.strip()
    tried = caja("poster-key", "register", public, "--dry-run")
    assert "Nothing was written" in tried.out
    assert caja("poster-key", "list").out == "None.\n"
    assert "firma desde ahora" in caja("poster-key", "register", public, LANG=SPANISH).out
    given = ("key", "create", "--role", "poster", "--poster", "norte", "--account", "cash")
    secret = caja(*given, "--json").json()["secret"]

    assert "3 accounts" in caja("branch", "prepare", folder).out
    nowhere = "http://127.0.0.1:1"  # From here on there is no connection,
    sealed = caja("branch", "add", folder, str(day), "--sign", str(key), "--url", nowhere)
    assert sealed.code == 2  # and none is asked for.
    for _ in range(2):
        sealed = caja("branch", "add", folder, str(day), "--sign", str(key), LANG=SPANISH)
        assert "2 movimientos esperan" in sealed.out, sealed.err
    (waiting,) = caja("branch", "list", folder, "--json").json()
    assert waiting["count"] == 2
    away = caja("branch", "send", folder, "--url", nowhere, "--patience", "0.1")
    assert (away.code, "0 of 1 batches were answered" in away.err) == (1, True)

    sent = caja("branch", "send", folder, "--key", secret)
    assert (sent.code, sent.out) == (0, "2 transfers posted.\n"), sent.err
    assert caja("branch", "send", folder, "--key", secret).out == "0 transfers posted.\n"
    assert caja("branch", "list", folder).out == "None.\n"
    assert caja("account", "show", "ana", "--json").json()["balance"] == "100.00"
    batch = caja("batch", "show", waiting["id"], "--json").json()
    assert batch["receipt"]["posted"] == 2

    assert caja("poster-key", "revoke", public).code == 0
    (listed,) = caja("poster-key", "list", "--json").json()
    assert listed["until"] > listed["since"]


def test_what_is_refused_is_kept_apart_with_the_reason(caja: Tequio, tmp_path: Path) -> None:
    folder = str(tmp_path / "sur")
    assert caja("branch", "prepare", folder).code == 0
    bad = write(tmp_path, "ana,ben,1.00,MXN,payment,R-1")
    assert caja("branch", "add", folder, str(bad)).code == 0
    sent = caja("branch", "send", folder)
    assert sent.code == 1
    assert "exceeds_credit_limit" in sent.err
    assert "1 batches were refused" in sent.err
    (kept,) = (tmp_path / "sur/refused").glob("*.json")
    assert json.loads(kept.read_text())["code"] == "exceeds_credit_limit"


def test_a_file_that_cannot_be_read_is_not_kept(caja: Tequio, tmp_path: Path) -> None:
    folder = str(tmp_path / "sur")
    assert caja("branch", "prepare", folder).code == 0
    for row, why in (
        ("cash,nobody,1.00,MXN,payment,R-1", "no account nobody"),
        ("cash,ana,1.005,MXN,payment,R-1", "malformed_amount"),
        ("cash,ana,1.00,USD,payment,R-1", "currency_not_found"),
    ):
        added = caja("branch", "add", folder, str(write(tmp_path, row)))
        assert (added.code, why in added.err, "row 2" in added.err) == (1, True, True), added
    assert caja("branch", "list", folder).out == "None.\n"
