"""The real service as a process of its own, to be killed and started again."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp

import ledger

REPOSITORY = Path(ledger.__file__).parents[1]
READY_S = 40.0


class KilledService:
    """`tequio serve` over one directory and one address, however often it is started."""

    def __init__(self, root: Path, *, workers: int = 0) -> None:
        self.root = root
        self.workers = workers
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = root / "service.log"
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.root / "data" / "postgres" / "data"

    @property
    def key(self) -> str:
        return (self.root / "state" / "operator.key").read_text().strip()

    def start(self) -> None:
        """Begin to start; it is ready some seconds later."""
        assert self._process is None
        self.starts += 1
        arguments = ("--data-dir", self.root / "data", "--state-dir", self.root / "state")
        listen = ("--listen", f"127.0.0.1:{self.port}", "--log-level", "warning")
        listen += ("--workers", str(self.workers))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ledger", "serve", *map(str, arguments), *listen],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environ(),
            )

    async def ready(self, session: aiohttp.ClientSession) -> None:
        """Return once it answers."""
        assert self._process is not None
        async with asyncio.timeout(READY_S):
            while True:
                assert self._process.poll() is None, self.log.read_text()[-4000:]
                try:
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL, and nothing else."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def kill_front(self) -> None:
        """SIGKILL a front process, where one runs."""
        assert self._process is not None
        for front in fronts_of(self._process.pid)[:1]:
            os.kill(front, signal.SIGKILL)

    def kill_postmaster(self) -> None:
        """SIGKILL PostgreSQL's first process, where it runs."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
        except (OSError, ValueError):
            return
        assert b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
        os.kill(pid, signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self._process is not None
        self._process.terminate()
        status = self._process.wait(READY_S)
        self._process = None
        return status

    def give_up(self) -> None:
        """Whatever state a failed test left it in."""
        if self._process is not None:
            self.kill()


def environ() -> dict[str, str]:
    """Ours, but for what would make the commands speak to another service."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("TEQUIO_")}
    if user := os.environ.get("TEQUIO_PG_USER"):
        own["TEQUIO_PG_USER"] = user
    return {**own, "PYTHONPATH": str(REPOSITORY)}


def run_command(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    """A command of tequio, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ledger", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**environ(), **more},
        check=False,
    )


def fronts_of(pid: int) -> list[int]:
    """The front processes of a service."""
    children = [
        int(child)
        for thread in Path(f"/proc/{pid}/task").glob("*/children")
        for child in thread.read_text().split()
    ]
    return [child for child in children if is_front(child)]


def is_front(pid: int) -> bool:
    """Whether a process is there, and a front process."""
    try:
        return b"ledger.cli.front" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def processes_in(folder: Path) -> list[tuple[int, str]]:
    """Processes whose working directory is in a folder; PostgreSQL's are in its data."""
    found: list[tuple[int, str]] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = (process / "cwd").readlink()
            if where.is_relative_to(folder):
                found.append((int(process.name), (process / "comm").read_text().strip()))
        except OSError:  # It ended, or is somebody else's.
            continue
    return found


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: Any = listening.getsockname()[1]
        return int(port)
