"""An answer that is handed on byte for byte, but for what concerns one connection only."""

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

from ledger.api import passed
from ledger.front.wires import Reply


class Relayed(web.Response):
    """To aiohttp a response; head and body are those that came."""

    def __init__(self, reply: Reply, request: web.BaseRequest) -> None:
        # Not the constructor above: what it prepares, this has.
        self._reply = reply
        is_last = reply.header(b"connection") == b"close"
        self._ends = is_last or not request.keep_alive or request.version != HttpVersion11
        lines = [line for line in reply.head if not line.lower().startswith(passed.PREFIX)]
        if self._ends and not is_last and request.version == HttpVersion11:
            lines.append(b"Connection: close")
        self._sent = b"\r\n".join(lines) + b"\r\n\r\n" + reply.body

    @property
    def status(self) -> int:
        return self._reply.status

    @property
    def keep_alive(self) -> bool | None:
        return not self._ends

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Note where to write."""
        self._writer = request.writer
        return self._writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Write it whole."""
        assert not data, "all of it is known at the beginning"
        await self._writer.write_eof(self._sent)
