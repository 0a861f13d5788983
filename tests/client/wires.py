"""A wire: everything between a client and the service, which fails as it is told to."""

import asyncio
from collections import deque
from typing import Literal, Self

Fate = Literal["pass", "before", "after", "busy"]
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class Wire:
    """Passes each request on, or loses it, or its answer, in the order of `fates`."""

    def __init__(self, port: int) -> None:
        self.fates: deque[Fate] = deque()
        self.asked = 0
        self._port = port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (head := await reader.readuntil(b"\r\n\r\n")) and await self._pass(
                head, reader, writer
            ):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _pass(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """One request; whether the connection goes on."""
        request = head + await reader.readexactly(_length(head))
        fate = self.fates.popleft() if self.fates else "pass"
        self.asked += 1
        if fate == "before":
            return False
        if fate == "busy":
            writer.write(BUSY)
            return False
        there, here = await asyncio.open_connection("127.0.0.1", self._port)
        here.write(request)
        answered = await there.readuntil(b"\r\n\r\n")
        answered += await there.readexactly(_length(answered))
        here.close()
        if fate == "after":
            return False
        writer.write(answered)
        return True


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
