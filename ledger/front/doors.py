"""Doors: where connections come in, by sockets that several processes listen on."""

import asyncio
import errno
import logging
import socket
from collections.abc import Sequence
from typing import Final

from ledger.front.front import Entrance

# A process that has connections leaves a new one to others for so many seconds for each that
# it has, up to some: who has fewer is quicker. When many come (a proxy that makes one for each
# request), it takes them as they are.
YIELD_S: Final = 0.001
YIELD_MAX: Final = 4
YIELDS_PER_S: Final = 50
FULL_S: Final = 1.0  # When it has no descriptors left.
_FULL: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

log = logging.getLogger(__name__)


class Doors:
    """Takes connections one at a time, so that all processes have about as many.

    The usual way takes all that wait at once: some processes then have all the work.
    """

    def __init__(self, listeners: Sequence[socket.socket], entrance: Entrance) -> None:
        self._listeners = list(listeners)
        self._entrance = entrance
        self._loop = asyncio.get_running_loop()
        self._coming: set[asyncio.Task[object]] = set()
        self._since, self._taken = 0.0, 0  # In this second.
        for listener in listeners:
            listener.setblocking(False)
            self._open(listener)

    def _open(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            self._loop.add_reader(listener, self._take, listener)

    def _pause(self, listener: socket.socket, seconds: float) -> None:
        self._loop.remove_reader(listener)
        self._loop.call_later(seconds, self._open, listener)

    def _take(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # Another process was quicker, or the client is gone.
        except OSError as error:
            if error.errno not in _FULL:
                raise
            log.error("No connection can be taken: %s", error)
            self._pause(listener, FULL_S)
            return
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        work = self._loop.connect_accepted_socket(self._entrance, sock)
        task = asyncio.ensure_future(work)
        self._coming.add(task)
        task.add_done_callback(self._came)
        if self._loop.time() >= self._since + 1:
            self._since, self._taken = self._loop.time(), 0
        self._taken += 1
        if self._taken <= YIELDS_PER_S:
            have = len(self._entrance.connections) + len(self._coming)
            self._pause(listener, min(have, YIELD_MAX) * YIELD_S)

    def _came(self, task: "asyncio.Task[object]") -> None:
        self._coming.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.info("A connection ended as it came: %s", task.exception())

    def close(self) -> None:
        """Take no more."""
        while self._listeners:
            listener = self._listeners.pop()
            self._loop.remove_reader(listener)
            listener.close()
