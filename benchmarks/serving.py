"""The service under measurement: `tequio serve` in a process of its own."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from benchmarks.load import HOST
from benchmarks.work import CURRENCY, LEDGER, POSTER, POSTER_SEED, SCALE, account_bodies
from ledger.cli.client import KEY_FILE
from ledger.journal.notes import signer_from_seed

READY_WAIT_S = 120.0
READY_POLL_S = 0.02
STOP_WAIT_S = 60.0
ANSWER_WAIT_S = 120.0
OPENING_CLIENTS = 2


class ServiceDidNotStart(Exception):
    """The service ended, or was not ready in time; its own words follow."""


class ServiceProcess:
    """Runs inside `with`.

    `ready_s` is the time from starting the process to its first answer that it is ready,
    with all ledgers read. PostgreSQL was running before.
    """

    def __init__(self, database_url: str, state: Path, *, workers: int = 0) -> None:
        self.port = _free_port()
        self.ready_s = 0.0
        self._state = state
        self._command = [
            *(sys.executable, "-m", "ledger", "serve"),
            *("--database-url", database_url),
            *("--state-dir", str(state)),
            *("--listen", f"{HOST}:{self.port}"),
            *("--workers", str(workers)),
        ]

    def __enter__(self) -> Self:
        # The settings of whoever runs this have no place in a measurement.
        environ = {k: v for k, v in os.environ.items() if not k.startswith("TEQUIO_")}
        environ["TEQUIO_LOG_LEVEL"] = "warning"
        self._said = tempfile.TemporaryFile("w+")
        started = time.perf_counter()
        self._process = subprocess.Popen(
            self._command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # Where it serves and with which key we know.
            stderr=self._said,
        )
        try:
            while not self._is_ready():
                if self._process.poll() is not None:
                    raise ServiceDidNotStart(self._process.returncode)
                if time.perf_counter() - started > READY_WAIT_S:
                    raise ServiceDidNotStart(f"not ready in {READY_WAIT_S} s")
                time.sleep(READY_POLL_S)
        except BaseException:
            self._process.kill()
            self._end()
            raise
        self.ready_s = time.perf_counter() - started
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._end()

    def _end(self) -> None:
        """Wait for the process, and show what it said where it did not end well."""
        if self._process.wait() != 0:
            self._said.seek(0)
            sys.stderr.write(self._said.read())
        self._said.close()

    @property
    def key(self) -> str:
        """The operator's key."""
        return (self._state / KEY_FILE).read_text().strip()

    def resident_bytes(self) -> int:
        """Memory of the service's process that is in use now."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def post(self, path: str, body: bytes) -> Any:
        """Post JSON and return the answer, which must be 200 or 201."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=ANSWER_WAIT_S)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request("POST", path, body, headers | {"Prefer": "return=minimal"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status in (200, 201), (path, answer.status, text[:1000])
        return json.loads(text)

    def get(self, path: str) -> str:
        """What a GET answers, which must be 200."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=ANSWER_WAIT_S)
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        assert answer.status == 200, (path, answer.status, text[:1000])
        return text

    def metric(self, name: str) -> float:
        """What the service says of itself; `name` with its labels, as it stands there."""
        for line in self.get("/metrics").splitlines():
            said, _, value = line.rpartition(" ")
            if said == name:
                return float(value)
        raise KeyError(name)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=ANSWER_WAIT_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def open_books(service: ServiceProcess) -> None:
    """A ledger of one national currency."""
    ledger = {"code": LEDGER, "name": "Benchmark", "time_zone": "America/Mexico_City"}
    currency = {"code": CURRENCY, "kind": "national", "scale": SCALE}
    service.post("/v1/ledgers", json.dumps(ledger).encode())
    service.post(f"/v1/ledgers/{LEDGER}/currencies", json.dumps(currency).encode())


def register_poster(service: ServiceProcess) -> tuple[str, str]:
    """Give POSTER a key of both kinds; its API key, and the ledger's origin."""
    path = f"/v1/ledgers/{LEDGER}"
    asked = {"role": "poster", "poster": POSTER, "accounts": ["*"]}
    given = service.post(f"{path}/keys", json.dumps(asked).encode())
    vkey = signer_from_seed(POSTER, POSTER_SEED).vkey
    body = json.dumps({"public_key": vkey}).encode()
    service.post(f"{path}/posters/{POSTER}/keys", body)
    note = service.get(f"{path}/journal/checkpoint")
    return given["secret"], note.partition("\n")[0]


def open_accounts(service: ServiceProcess, count: int) -> None:
    """Accounts 1 to `count`, in calls as large as may be, the next on its way meanwhile."""
    path = f"/v1/ledgers/{LEDGER}/accounts"
    with ThreadPoolExecutor(OPENING_CLIENTS) as clients:
        waiting: deque[Future[Any]] = deque()
        for body in account_bodies(count):
            waiting.append(clients.submit(service.post, path, body))
            if len(waiting) > OPENING_CLIENTS:
                waiting.popleft().result()
        for answer in waiting:
            answer.result()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
