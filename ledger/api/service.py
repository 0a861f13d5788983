"""One request on its way: what all handlers are given, and how they answer."""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache, lru_cache
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from msgspec import Meta, Struct
from multidict import CIMultiDict

from ledger.api.answers.base import Faces
from ledger.api.auth import Draw, KeyRing, Reach
from ledger.api.metrics import Metrics
from ledger.api.problems import Problem, language_of, shown
from ledger.api.wire import decode, read_body, read_query
from ledger.core.asked import Caller
from ledger.core.book import Book
from ledger.core.ports import Desk, Keys, Reads, Runs, ScheduleRuns

T = TypeVar("T")
MINIMAL: Final = "return=minimal"
S = TypeVar("S", bound=Struct)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every knob of the HTTP side."""

    body_size_max: Annotated[int, Meta(ge=1024)] = 64 * 1024  # Bytes; of a small request.
    batch_size_max: Annotated[int, Meta(ge=1024)] = 4 * 1024 * 1024  # Batches, many accounts.
    body_seconds_max: Annotated[float, Meta(gt=0)] = 30.0  # For a body to arrive.
    header_seconds_max: Annotated[float, Meta(gt=0)] = 15.0  # From connecting to a request.
    keepalive_seconds: Annotated[float, Meta(gt=0)] = 75.0
    wait_seconds_max: Annotated[float, Meta(ge=0)] = 30.0  # Of a long poll.
    feed_waiting_max: Annotated[int, Meta(ge=0)] = 1000  # Long polls at once; then no wait.
    key_memory_seconds: Annotated[float, Meta(ge=0)] = 5.0
    key_memory_size: Annotated[int, Meta(ge=1)] = 4096


@dataclass(slots=True)
class Service:
    """What the application holds for all requests."""

    desk: Desk
    reads: Reads
    keys: Keys
    settings: Settings
    ring: KeyRing
    metrics: Metrics
    draw: Draw = secrets.token_bytes
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    openapi: bytes = b""
    page: bytes = b""
    feed_waiting: int = 0  # Long polls at this moment.
    runs: Runs | None = None  # Of demurrage and fees.
    schedule_runs: ScheduleRuns | None = None
    _ids: dict[str, int] = field(default_factory=dict)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def ledger_id(self, ledger: str) -> int:
        """The number of a ledger in the database, which never changes."""
        known = self._ids.get(ledger)
        if known is None:
            known = self._ids[ledger] = (await self.desk.view(ledger)).ledger_id
        return known

    async def undisturbed(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry work to its end even when the client is gone."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # Nobody may be left to look at it.

    async def finish(self) -> None:
        """Wait for what was begun."""
        if self._tasks:
            await asyncio.wait(set(self._tasks))


@dataclass(slots=True)
class Call:
    """One request of one caller. `ledger` is "" where the route names none."""

    request: web.Request
    service: Service
    request_id: str
    ledger: str
    caller: Caller
    reach: Reach

    @property
    def language(self) -> str:
        return language_of(self.request.headers.get("Accept-Language"))

    @property
    def is_minimal(self) -> bool:
        """Whether the client does without what it could ask for later (RFC 7240)."""
        prefer = self.request.headers.get("Prefer")
        return prefer is not None and MINIMAL in prefer.replace(" ", "").lower()

    @property
    def desk(self) -> Desk:
        return self.service.desk

    @property
    def reads(self) -> Reads:
        return self.service.reads

    def faces(self) -> Faces:
        """Accounts by number. Only of those that a committed answer named."""
        return Faces(self.service.desk.facts(self.ledger))

    def query(self, kind: type[S]) -> S:
        return read_query(self.request, kind)

    def part(self, name: str) -> str:
        """A part of the path, decoded."""
        return self.request.match_info[name]

    async def body(self) -> bytes:
        """The body, of a small request."""
        settings = self.service.settings
        return await read_body(self.request, settings.body_size_max, settings.body_seconds_max)

    async def large_body(self) -> bytes:
        """The body, where many transfers or accounts may be in it."""
        settings = self.service.settings
        return await read_body(self.request, settings.batch_size_max, settings.body_seconds_max)

    async def asked(self, kind: type[S]) -> S:
        """A small body, decoded."""
        return decode(await self.body(), kind)

    def check_reach(self, code: str) -> None:
        """Raise Problem unless the caller may read this account."""
        if code not in self.reach:
            raise Problem("account_not_yours", account=shown(code))


class JsonResponse(web.Response):
    """A JSON answer whose head and body leave in one piece.

    To aiohttp it is a response, but one that writes its own head: the usual way costs more
    than reading the request did. What is out of the ordinary (HEAD, an older client, a
    connection that closes) takes the usual way.
    """

    def __init__(self, body: bytes, status: int, *, replayed: bool) -> None:
        # Not the constructor above: what it prepares, only the usual way needs.
        self._sent = body
        self._code = status
        self._replayed = replayed
        self._added: CIMultiDict[str] = CIMultiDict()
        self._usual: web.Response | None = None

    @property
    def status(self) -> int:
        return self._code

    @property
    def headers(self) -> "CIMultiDict[str]":
        """Headers beside those that all answers have."""
        return self._added

    @property  # type: ignore[misc] # The setter it has above only raises.
    def content_length(self) -> int:
        return len(self._sent)

    @property
    def keep_alive(self) -> bool | None:
        return True if self._usual is None else self._usual.keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Note where to write, or begin the usual way."""
        self._writer = request.writer
        if request.keep_alive and request.version == HttpVersion11 and request.method != "HEAD":
            return self._writer
        headers = (_REPLAYED if self._replayed else _JSON) | dict(self._added)
        self._usual = web.Response(body=self._sent, status=self._code, headers=headers)
        return await self._usual.prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        """Write it whole, or end the usual way."""
        assert not data, "all of it is known at the beginning"
        if self._usual is not None:
            await self._usual.write_eof()
            return
        added = "".join([f"{name}: {value}\r\n" for name, value in self._added.items()])
        head = (
            f"{_head(self._code, self._replayed)}Content-Length: {len(self._sent)}\r\n"
            f"Date: {_date(int(time.time()))}\r\n{added}\r\n"
        )
        await self._writer.write_eof(head.encode() + self._sent)


_encoder: Final = msgspec.json.Encoder()
_JSON: Final = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
_REPLAYED: Final = {**_JSON, "Idempotent-Replayed": "true"}


@cache
def _head(status: int, replayed: bool) -> str:
    """What is the same in all answers of a status."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in (_REPLAYED if replayed else _JSON).items()]
    return "".join(f"{line}\r\n" for line in lines)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def zone_of(book: Book) -> ZoneInfo:
    """The time zone of a ledger."""
    assert book.opening is not None, "only open ledgers are served"
    return ZoneInfo(book.opening.time_zone)


def answer(body: Struct, status: int = 200, *, replayed: bool = False) -> web.Response:
    """A struct as a JSON response."""
    return JsonResponse(_encoder.encode(body), status, replayed=replayed)
