"""The crew: front processes as the process that decides sees them.

Each is a child that listens on the same sockets as the others. Between it and here is one
socket pair, over which it hands in one end of every connection that it wants to ask over:
there is no address that anybody else could come to. The pair ends with either process, so
that no front outlives the service. One that ends before it is told to is started anew.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge

from ledger.api.server import SHUTDOWN_S
from ledger.core.faults import LedgerFault

READY: Final = b"r"  # What a front writes once it takes connections,
WIRE: Final = b"w"  # and with the end of a wire.
WIRES_MAX: Final = 64  # Taken at once.
READY_S: Final = 60.0
KILL_S: Final = SHUTDOWN_S + 5.0  # After which one that was told to end is killed.
PAUSE_MIN_S: Final = 0.1  # Before one is started anew; it doubles
PAUSE_MAX_S: Final = 10.0  # up to here, while none lives for
STEADY_S: Final = 30.0  # so long.

Command = Callable[[int], Sequence[str]]  # What starts a front, by the descriptor of its pair.

log = logging.getLogger(__name__)


class FrontsDoNotStart(LedgerFault):
    """The front processes end as soon as they begin; their own words are in the log above."""


class Crew:
    """Front processes, from `start` to `stop`.

    Args:
        server: what every wire is a connection to.
        command: starts one; it inherits the listening sockets.
        registry: of the metrics.
    """

    def __init__(
        self,
        server: web.Server,
        command: Command,
        listeners: Sequence[socket.socket],
        count: int,
        registry: CollectorRegistry,
    ) -> None:
        self._server = server
        self._command = command
        self._listeners = listeners
        ended = Counter(
            "ledger_fronts_ended", "Front processes that ended untold.", registry=registry
        )
        self._members = [Member(self._adopt, ended) for _ in range(count)]
        running = Gauge("ledger_fronts", "Front processes that run.", registry=registry)
        running.set_function(lambda: len(self.pids))
        self._tasks: list[asyncio.Task[None]] = []
        self._arriving: set[asyncio.Task[object]] = set()

    @property
    def pids(self) -> list[int]:
        """Those that run at this moment."""
        return [member.pid for member in self._members if member.pid]

    async def start(self) -> None:
        """Return once all of them take connections.

        Raises:
            FrontsDoNotStart: they do not, in good time.
        """
        fds = [listener.fileno() for listener in self._listeners]
        self._tasks = [
            asyncio.create_task(member.keep(self._command, fds)) for member in self._members
        ]
        try:
            async with asyncio.timeout(READY_S):
                await asyncio.gather(*(member.ready.wait() for member in self._members))
        except TimeoutError:
            await self.stop()
            raise FrontsDoNotStart from None

    async def stop(self) -> None:
        """Let them answer what they took, and end."""
        for member in self._members:
            member.tell_to_end()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _adopt(self, sock: socket.socket) -> None:
        """Serve the other end of a wire."""
        loop = asyncio.get_running_loop()
        sock.setblocking(False)
        task = asyncio.ensure_future(loop.create_unix_connection(self._server, sock=sock))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)


class Member:
    """One place of the crew, and the process that fills it."""

    def __init__(self, adopt: Callable[[socket.socket], None], ended: Counter) -> None:
        self.ready = asyncio.Event()
        self._ended = ended
        self._adopt = adopt
        self._process: asyncio.subprocess.Process | None = None
        self._ending = asyncio.Event()

    @property
    def pid(self) -> int:
        """The process that fills it, or 0."""
        return 0 if self._process is None else self._process.pid

    async def keep(self, command: Command, fds: Sequence[int]) -> None:
        """Fill the place until it is told to end."""
        pause = PAUSE_MIN_S
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                status = f"status {await self._run(command, fds)}"
            except OSError as error:  # There is no room for a process.
                status = str(error)
            if self._ending.is_set():
                return
            self._ended.inc()
            log.error("A front process ended; starting another: %s", status)
            if time.monotonic() - began > STEADY_S:
                pause = PAUSE_MIN_S
            try:
                async with asyncio.timeout(pause):
                    await self._ending.wait()
            except TimeoutError:
                pause = min(2 * pause, PAUSE_MAX_S)

    async def _run(self, command: Command, fds: Sequence[int]) -> int:
        """One process from its start to its end; its exit status."""
        here, there = socket.socketpair()
        loop = asyncio.get_running_loop()
        here.setblocking(False)
        try:
            with there:
                self._process = process = await asyncio.create_subprocess_exec(
                    *command(there.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(there.fileno(), *fds),
                    start_new_session=True,  # Ctrl-C is for the service, which then tells it.
                )
            loop.add_reader(here, self._hear, here)
            return await self._wait(process)
        finally:
            self._process = None
            loop.remove_reader(here)
            here.close()

    async def _wait(self, process: asyncio.subprocess.Process) -> int:
        """Wait for its end; tell it to, when it is time."""
        ended = asyncio.create_task(process.wait())
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait({ended, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                process.terminate()
                await asyncio.wait({ended}, timeout=KILL_S)
            if not ended.done():
                process.kill()
            return await ended
        finally:
            ending.cancel()

    def _hear(self, here: socket.socket) -> None:
        """Take what the process hands in."""
        try:
            said, fds, _, _ = socket.recv_fds(here, WIRES_MAX, WIRES_MAX)
        except BlockingIOError:
            return
        except OSError:
            said, fds = b"", []
        for fd in fds:
            os.set_inheritable(fd, False)
            self._adopt(socket.socket(fileno=fd))
        if READY in said:
            self.ready.set()
        if not said:  # It ended, which is seen elsewhere.
            asyncio.get_running_loop().remove_reader(here)

    def tell_to_end(self) -> None:
        """End the process that fills it, and start no other."""
        self._ending.set()
