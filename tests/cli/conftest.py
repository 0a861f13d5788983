"""A service for the commands to speak to, run as a person would run it."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CLONE = Path(__file__).parents[2]
READY_S = 60.0


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would change how the commands speak or where they look."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TEQUIO_", "LC_", "LANG", "PYTHONOPTIMIZE"))
    }
    return {**plain, "LANG": "C.UTF-8", "PYTHONPATH": str(CLONE), **more}


class Running:
    """`tequio serve` in a process of its own."""

    def __init__(self, state: Path, *options: str) -> None:
        self.state = state
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "ledger", "serve", "--listen", "127.0.0.1:0"),
                *("--state-dir", str(state), *options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(TEQUIO_LOG_LEVEL="warning"),
        )
        assert self.process.stdout is not None
        self.said = ""
        self.url = ""
        for line in self.process.stdout:
            self.said += line
            if line.startswith("Serving at "):
                self.url = line.split()[-1]
                break

    @property
    def key(self) -> str:
        return (self.state / "operator.key").read_text().strip()

    def stop(self) -> tuple[int, str]:
        """End it as an operator would; its exit code, and what it said on stderr."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=READY_S)
        self.said += out
        return self.process.returncode, err


@pytest.fixture
def running(database: str, tmp_path: Path) -> Iterator[Running]:
    service = Running(tmp_path / "state", "--database-url", database)
    assert service.url, service.stop()
    yield service
    if service.process.poll() is None:
        code, err = service.stop()
        assert code == 0, err


class Told:
    """What a command said."""

    def __init__(self, done: "subprocess.CompletedProcess[str]") -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


Tequio = Callable[..., Told]


def run_tequio(*words: str, cwd: Path | None = None, **env: str) -> Told:
    """Run the command in a process of its own."""
    return Told(
        subprocess.run(
            [sys.executable, "-m", "ledger", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            env=environment(**env),
        )
    )


@pytest.fixture
def tequio(running: Running) -> Tequio:
    """The command, speaking to the running service with the operator's key."""

    def run(*words: str, **env: str) -> Told:
        place = {"TEQUIO_URL": running.url, "TEQUIO_KEY": running.key, "TEQUIO_LEDGER": "caja"}
        return run_tequio(*words, **{**place, **env})

    return run


@pytest.fixture
def auditing(tequio: Tequio) -> Tequio:
    """The command with an auditor's key of `caja`, given at its first use."""
    given: list[str] = []

    def run(*words: str, **env: str) -> Told:
        if not given:
            key = tequio("key", "create", "--role", "auditor", "--json").json()
            given.append(key["secret"])
        return tequio(*words, **{"TEQUIO_KEY": given[0], **env})

    return run


def set_up(running: Running, name: str, currency: dict[str, object], *accounts: Any) -> None:
    """A ledger `caja` with one currency and some accounts, faster than by commands."""
    connection = http.client.HTTPConnection(running.url.removeprefix("http://"))
    headers = {"Authorization": f"Bearer {running.key}", "Content-Type": "application/json"}

    def ask(path: str, body: object) -> None:
        connection.request("POST", f"/v1/ledgers{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 201, said

    try:
        ask("", {"code": "caja", "name": name, "time_zone": "America/Mexico_City"})
        ask("/caja/currencies", currency)
        if accounts:
            ask("/caja/accounts", {"accounts": accounts})
    finally:
        connection.close()


@pytest.fixture
def caja(running: Running, tequio: Tequio) -> Tequio:
    """The command, with a ledger `caja` in MXN (scale 2) that has cash and two members."""
    cash = {"code": "cash", "currency": "MXN", "nature": "debit", "kind": "cash"}
    members = [{"code": code, "currency": "MXN", "kind": "savings"} for code in ("ana", "ben")]
    set_up(running, "Caja", {"code": "MXN", "kind": "national", "scale": 2}, cash, *members)
    return tequio
