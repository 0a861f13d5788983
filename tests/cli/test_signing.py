"""A signer whose memory was lost: read-only, until an operator says where to go on."""

import re
import time

from tests.cli.conftest import Running, run_tequio

NEW = ("currency", "create", "MXN", "--kind", "national", "--scale", "2", "--ledger", "caja")


def place(running: Running) -> dict[str, str]:
    return {"TEQUIO_URL": running.url, "TEQUIO_KEY": running.key}


def test_a_lost_memory_is_said_and_goes_on_only_when_told(
    running: Running, database: str
) -> None:
    """Nothing is signed, everything is shown, and the message has what the command takes."""
    zone = "America/Mexico_City"
    create = ("ledger", "create", "caja", "--name", "Caja", "--time-zone", zone)
    assert run_tequio(*create, **place(running)).code == 0
    assert run_tequio(*NEW, **place(running)).code == 0
    running.stop()
    for memory in (running.state / "notary").glob("*.signed"):
        memory.unlink()

    lost = Running(running.state, "--database-url", database)
    refused = run_tequio(
        "account", "create", "ana", "--currency", "MXN", "--ledger", "caja", **place(lost)
    )
    assert refused.code == 1
    shown = run_tequio("currency", "list", "--ledger", "caja", "--json", **place(lost))
    assert shown.code == 0
    _, said = lost.stop()
    found = re.search(r"the database has (2:[0-9a-f]{64})", said)
    assert found, said

    adopt = ("signer", "adopt", "localhost/caja", found[1], "--state-dir", str(running.state))
    assert run_tequio(*adopt).code == 1, "nobody said yes"
    done = run_tequio(*adopt, "--yes")
    assert done.code == 0, done.err
    written = (running.state / "notary" / "adopted.log").read_text()
    assert written.endswith(f"localhost/caja - -> {found[1]}\n")
    assert written.startswith(time.strftime("%Y-", time.gmtime()))

    again = Running(running.state, "--database-url", database)
    try:
        opened = run_tequio(
            "account", "create", "ana", "--currency", "MXN", "--ledger", "caja", **place(again)
        )
        assert opened.code == 0, opened.err
        busy = run_tequio(*adopt, "--yes")
        assert busy.code == 1
        assert "Another service is using" in busy.err
    finally:
        again.stop()


def test_what_is_no_place_is_a_mistake_of_usage() -> None:
    told = run_tequio("signer", "adopt", "localhost/caja", "7:abc", "--yes")
    assert told.code == 2
