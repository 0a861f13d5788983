"""The service from outside: first start, start again, stop, and what it says no to."""

import asyncio
import os
import signal
import stat
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ledger.cli.client import find_key
from ledger.cli.service import run_beside, running_service
from ledger.cli.settings import Settings
from tests.cli.conftest import Running, run_tequio


def test_first_start_makes_a_key_for_its_owner_alone(running: Running) -> None:
    key_file = running.state / "operator.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(running.state.stat().st_mode) == 0o700
    assert str(key_file) in running.said
    assert running.key not in running.said, "a pipe may be a log"
    assert "permanent" in running.said


def test_commands_on_the_same_machine_find_the_key(running: Running) -> None:
    here = run_tequio(
        "ledger", "list", TEQUIO_URL=running.url, TEQUIO_STATE_DIR=str(running.state)
    )
    assert (here.code, here.out) == (0, "None.\n")
    elsewhere = run_tequio("ledger", "list", TEQUIO_URL=running.url, TEQUIO_STATE_DIR="/none")
    assert elsewhere.code == 1
    assert "key_missing" in elsewhere.err


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:8080", "tq_secret"),
        ("http://[::1]:8080", "tq_secret"),
        ("http://ledger.example", ""),
        ("http://127.0.0.1.ledger.example", ""),
    ],
)
def test_the_key_in_the_file_goes_to_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, shown: str
) -> None:
    (tmp_path / "operator.key").write_text("tq_secret\n")
    monkeypatch.setenv("TEQUIO_STATE_DIR", str(tmp_path))
    assert find_key(url, None) == shown
    assert find_key(url, "tq_mine") == "tq_mine"


def test_started_again_it_is_the_same(running: Running, database: str) -> None:
    key = running.key
    zone = "America/Mexico_City"
    asked = ("ledger", "create", "caja", "--name", "Caja", "--time-zone", zone)
    place = {"TEQUIO_URL": running.url, "TEQUIO_KEY": key}
    origin = run_tequio(*asked, "--json", **place).json()["origin"]
    assert origin == "localhost/caja"
    code, _ = running.stop()
    assert code == 0
    assert "nothing accepted was lost" in running.said

    again = Running(running.state, "--database-url", database)
    try:
        assert again.key == key
        assert "permanent" not in again.said
        shown = run_tequio(
            "ledger", "show", "caja", "--json", TEQUIO_URL=again.url, TEQUIO_KEY=key
        )
        assert shown.json()["origin"] == origin
    finally:
        assert again.stop()[0] == 0


def test_the_origin_is_permanent(running: Running, database: str) -> None:
    running.stop()
    other = Running(running.state, "--database-url", database, "--origin", "caja.example")
    code, err = other.stop()
    assert (code, other.url) == (1, "")
    assert "signs as 'localhost', which is permanent" in err


def test_one_service_for_one_state(running: Running, database: str) -> None:
    other = Running(running.state, "--database-url", database)
    code, err = other.stop()
    assert (code, other.url) == (1, "")
    assert "Another service is using" in err


def test_an_address_that_is_taken(running: Running, database: str, tmp_path: Path) -> None:
    address = running.url.removeprefix("http://")
    told = run_tequio(
        *("serve", "--listen", address, "--database-url", database),
        *("--state-dir", str(tmp_path / "other")),
    )
    assert told.code == 1
    assert f"Cannot listen on {address}" in told.err


@pytest.mark.parametrize(
    "address", ["postgresql://127.0.0.1:1/none", "postgresql://x:y@h:z/b", "nonsense"]
)
def test_no_database_there(tmp_path: Path, address: str) -> None:
    told = run_tequio(
        *("serve", "--state-dir", str(tmp_path / "state")),
        *("--database-url", address, "--listen", "127.0.0.1:0"),
    )
    assert told.code == 1
    assert "Traceback" not in told.err


async def test_in_process_as_tests_and_benchmarks_use_it(database: str, tmp_path: Path) -> None:
    said: list[str] = []
    settings = Settings(
        database_url=database, state_dir=str(tmp_path / "state"), listen="127.0.0.1:0"
    )
    started = time.perf_counter()
    async with running_service(settings, progress=said.append) as service:
        assert service.url.startswith("http://127.0.0.1:")
        assert service.operator_key.startswith("tq_")
        assert service.key_is_new
        assert service.postgres is None
        assert service.desk.ledgers() == []
    assert said
    assert time.perf_counter() - started < 30


async def test_a_task_that_failed_is_told_once_and_stops_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Days later the service still stops as it should."""
    ended: list[str] = []

    async def fails() -> None:
        raise RuntimeError("nobody expected it")

    async with AsyncExitStack() as stack:
        stack.callback(ended.append, "rooms behind")
        run_beside(stack, fails(), "follower")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert ended == ["rooms behind"]
    assert [record.task_name for record in caplog.records] == ["follower"]  # type: ignore[attr-defined]


def test_a_killed_postgresql_is_started_again(pg_root: Path, tmp_path: Path) -> None:
    """Whoever waits gets an answer to the same request, once it is back."""
    data = pg_root / "killed"
    service = Running(tmp_path / "state", "--data-dir", str(data))
    try:
        place = {"TEQUIO_URL": service.url, "TEQUIO_KEY": service.key}
        zone = "America/Mexico_City"
        create = ("ledger", "create", "caja", "--name", "Caja", "--time-zone", zone)
        assert run_tequio(*create, **place).code == 0
        pid_file = data / "postgres" / "data" / "postmaster.pid"
        postmaster = int(pid_file.read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        new = ("currency", "create", "MXN", "--kind", "national", "--scale", "2")
        told = run_tequio(*new, "--ledger", "caja", **place)
        assert told.code == 0, told.err
        assert int(pid_file.read_text().split()[0]) != postmaster
    finally:
        code, err = service.stop()
    assert code == 0, err
