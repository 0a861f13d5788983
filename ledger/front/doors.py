"""Doors: where connections come in, by sockets that several processes listen on."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Final

# When a process has no descriptors left, so that it does not ask again at once.
PAUSE_S: Final = 1.0
_FULL: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

log = logging.getLogger(__name__)


class Doors:
    """Takes connections one at a time, so that a process that is busy leaves them to others.

    The usual way takes all that wait at once: some processes then have all the work.
    """

    def __init__(
        self, listeners: Sequence[socket.socket], make: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        self._listeners = list(listeners)
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._coming: set[asyncio.Task[object]] = set()
        for listener in listeners:
            listener.setblocking(False)
            self._open(listener)

    def _open(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener, self._take, listener)

    def _take(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # Another process was quicker, or the client is gone.
        except OSError as error:
            if error.errno not in _FULL:
                raise
            log.error("No connection can be taken: %s", error)
            self._loop.remove_reader(listener)
            self._loop.call_later(PAUSE_S, self._open, listener)
            return
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.ensure_future(self._loop.connect_accepted_socket(self._make, sock))
        self._coming.add(task)
        task.add_done_callback(self._came)

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
