"""Wires: connections from a front process to the one that decides, one request on each.

They speak HTTP/1.1, as clients do, so that a request meets the same gate by either way. What
comes back is read only as far as it takes to know where it ends.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final, cast

from msgspec import Struct

from ledger.core.faults import Overloaded

IDLE_MAX: Final = 64  # Wires kept for later.

Connect = Callable[[], Awaitable[socket.socket]]  # A new connection; OSError where none is.


class WireLost(Exception):
    """The connection ended before the whole answer came: nobody knows what became of it."""


class Reply(Struct, frozen=True):
    """An answer as it came."""

    status: int
    head: list[bytes]  # The status line and the headers, without line feeds.
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """The value of a header, by its name in small letters."""
        for line in self.head[1:]:
            found, _, value = line.partition(b":")
            if found.lower() == name:
                return value.strip()
        return None


class Wire(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self.is_open = False
        self._answer: asyncio.Future[Reply] | None = None
        self._has_body = True
        self._parts: list[bytes] = []
        self._head: list[bytes] = []
        self._left = 0  # Bytes of the body that are to come yet.
        self._status = 0

    async def ask(self, head: bytes, body: bytes, *, has_body: bool) -> Reply:
        """Send a request and wait for its answer, which for HEAD has no body.

        Raises:
            WireLost: see there.
        """
        if not self.is_open:
            raise WireLost
        assert self._answer is None, "one request at a time"
        self._answer = asyncio.get_running_loop().create_future()
        self._has_body = has_body
        self._parts, self._head = [], []
        self._transport.write(head)
        if body:
            self._transport.write(body)
        try:
            return await self._answer
        finally:
            self._answer = None

    def close(self) -> None:
        """End it."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by descent.
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():  # Nothing was asked.
            self.close()
            return
        self._parts.append(data)
        if not self._head:
            so_far = b"".join(self._parts)
            head, end, rest = so_far.partition(b"\r\n\r\n")
            if not end:
                self._parts = [so_far]
                return
            self._begin(head.split(b"\r\n"))
            self._parts = [rest]
            self._left -= len(rest)
        else:
            self._left -= len(data)
        if self._left <= 0:
            self._answer.set_result(Reply(self._status, self._head, b"".join(self._parts)))

    def _begin(self, head: list[bytes]) -> None:
        """Note the head of an answer. All that is answered says how long it is."""
        self._head = head
        self._status = int(head[0].split(b" ", 2)[1])
        length = Reply(self._status, head, b"").header(b"content-length")
        is_empty = not self._has_body or self._status in (204, 304)
        self._left = 0 if is_empty or length is None else int(length)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WireLost())


class Wires:
    """The wires of a process. There is one for each request on its way."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._idle: list[Wire] = []
        self._asking: set[Wire] = set()

    async def ask(
        self, head: bytes, body: bytes = b"", *, has_body: bool = True, once: bool = False
    ) -> Reply:
        """Send a request and wait for its answer; with `once` on a wire of its own.

        Raises:
            WireLost: it is unknown what became of the request.
            Overloaded: there is no wire; nothing was sent.
        """
        wire = await self._new() if once else await self._open()
        self._asking.add(wire)
        try:
            reply = await wire.ask(head, body, has_body=has_body)
        except BaseException:
            wire.close()
            raise
        finally:
            self._asking.discard(wire)
        ends = once or reply.header(b"connection") == b"close"
        if ends or len(self._idle) >= IDLE_MAX:
            wire.close()
        else:
            self._idle.append(wire)
        return reply

    async def _open(self) -> Wire:
        while self._idle:
            wire = self._idle.pop()
            if wire.is_open:
                return wire
        return await self._new()

    async def _new(self) -> Wire:
        try:
            sock = await self._connect()
        except OSError as error:
            raise Overloaded("no connection to the process that decides", error) from error
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_unix_connection(Wire, sock=sock)
        return wire

    def close(self) -> None:
        """End all of them."""
        for wire in (*self._idle, *self._asking):
            wire.close()
