"""The front: what a front process does with a request.

    limits of time and size -> the body read and, of a batch, checked -> asked of the process
    that decides -> its answer, as it came

All that is to be known (keys, ledgers, accounts) is known there alone: this process decides
nothing, so a request meets the same gate and gets the same answer with and without it. What
it refuses by itself is what it has no room for.
"""

import logging
import secrets
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from aiohttp import HttpVersion11, web

from ledger.api import passed
from ledger.api.app import METHODS, SERVER
from ledger.api.auth import Draw
from ledger.api.problems import Problem, language_of, problem_of, shown
from ledger.api.server import SHUTDOWN_S, Connection, limits
from ledger.api.service import Settings
from ledger.api.wire import read_all
from ledger.core.faults import Overloaded
from ledger.front.reading import Reader, is_large
from ledger.front.relayed import Relayed
from ledger.front.room import Held, Room
from ledger.front.wires import Connect, Reply, WireLost, Wires

# Requests at once: more than may wait in a long poll, or in the queue of a ledger.
REQUESTS_MAX: Final = 4096
BODIES_MAX: Final = 16  # Of the largest size, held at once.

_SOON: Final = {"Retry-After": "1"}
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# What is said of one connection, and what is written anew.
_DROPPED: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"upgrade",
        b"transfer-encoding",
        b"content-length",
    }
)

log = logging.getLogger(__name__)


class Front:
    """Takes requests, and asks the process that decides."""

    def __init__(
        self,
        settings: Settings,
        connect: Connect,
        reader: Reader,
        *,
        draw: Draw = secrets.token_bytes,
        requests_max: int = REQUESTS_MAX,
        bytes_max: int | None = None,
    ) -> None:
        self._settings = settings
        self._wires = Wires(connect)
        self._reader = reader
        if bytes_max is None:
            bytes_max = BODIES_MAX * settings.batch_size_max
        self.room = Room(requests_max=requests_max, bytes_max=bytes_max)
        self._prefix = draw(4).hex()
        self._numbers = count(1)

    def close(self) -> None:
        """Let go of the process that decides."""
        self._wires.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request."""
        try:
            with self.room.enter() as held:
                return Relayed(await self._ask(request, held), request)
        except Overloaded as fault:
            self.room.refused(request.method if request.method in METHODS else "OTHER")
            log.warning("A fault was answered: %s", fault)
            return self._problem(problem_of(fault), request)
        except WireLost:
            return self._problem(Problem("outcome_unknown", headers=_SOON), request)

    async def _ask(self, request: web.BaseRequest, held: Held) -> Reply:
        headers = _kept_headers(request)
        body, said = b"", ""
        if await self._may_have_body(request):
            body, said = await self._read(request, held)
            headers.append(b"Content-Length: %d" % len(body))
            if said:
                headers.append(f"{passed.BODY}: {said}".encode())
        if refused := self.room.take_refused():
            headers.append(f"{passed.REFUSED}: {refused}".encode())
        reply = await self._wires.ask(
            b"\r\n".join([_first_line(request), *headers, b"", b""]),
            body,
            has_body=request.method != "HEAD",
            once=request.version != HttpVersion11,
        )
        held.keep(len(reply.body))
        self._reader.learn(request, reply)
        return reply

    async def _may_have_body(self, request: web.BaseRequest) -> bool:
        """Whether to read a body; one who waits to be told so is."""
        expected = request.headers.get("Expect", "").lower()
        if expected == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # The answer comes yet.
        elif expected:
            return False  # It is refused before anybody reads.
        return request.method not in _BODILESS and self._reader.has_key(request)

    async def _read(self, request: web.BaseRequest, held: Held) -> tuple[bytes, str]:
        """What to send for a body, and what is said of it."""
        settings = self._settings
        limit = settings.batch_size_max if is_large(request) else settings.body_size_max
        try:
            length = request.content_length
            if length is not None and length > limit:
                raise Problem("content_too_large", limit=limit)
            body = await read_all(request, limit, settings.body_seconds_max, held.hold)
        except Problem as problem:
            return passed.tell(problem), passed.UNREAD
        except ConnectionError as error:
            reason = shown(str(error))
            return passed.tell(Problem("malformed_http", reason=reason)), passed.UNREAD
        checked = self._reader.check(request, body)
        if checked[0] is not body:
            held.keep(len(checked[0]))
        return checked

    def _problem(self, problem: Problem, request: web.BaseRequest) -> web.Response:
        request_id = f"{self._prefix}-{next(self._numbers)}"
        language = language_of(request.headers.get("Accept-Language"))
        response = problem.response(language, request_id)
        response.headers["X-Request-Id"] = request_id
        response.headers["Server"] = SERVER
        return response


def _first_line(request: web.BaseRequest) -> bytes:
    version = request.version
    target = request.raw_path.encode("utf-8", "surrogateescape")
    return b"%s %s HTTP/%d.%d" % (request.method.encode(), target, version.major, version.minor)


def _kept_headers(request: web.BaseRequest) -> list[bytes]:
    """The headers that are about the request, as they came."""
    return [
        name + b": " + value
        for name, value in request.raw_headers
        if (small := name.lower()) not in _DROPPED
        and not small.startswith(passed.PREFIX)
        and not (small == b"expect" and value.lower() == b"100-continue")
    ]


class Entrance(web.Server):
    """Makes a Connection for everyone who comes to a front."""

    def __init__(self, front: Front, settings: Settings) -> None:
        handler: Callable[[Any], Any] = front.handle
        super().__init__(handler, **limits(settings))
        self._header_seconds = settings.header_seconds_max

    async def stop(self) -> None:
        """Answer what was taken, and end all connections."""
        self.pre_shutdown()
        await self.shutdown(SHUTDOWN_S)

    def __call__(self) -> web.RequestHandler:
        return Connection(
            self, loop=self._loop, header_seconds=self._header_seconds, **self._kwargs
        )
