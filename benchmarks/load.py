"""Load over HTTP: many keep-alive connections in a process of their own, with little cost.

A general client spends more on a request than the service it is to measure, and on two
cores takes that from it. This one sends bytes that were made before, with a fresh id put
into each, and reads of an answer its status and its length. Loopback only.
"""

import asyncio
import multiprocessing
from array import array
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter
from typing import Self, cast

import uvloop
from msgspec import Struct

from ledger.journal.checkpoints import Checkpoint, sign_checkpoint
from ledger.journal.merkle import leaf_hash, root_from_inclusion
from ledger.journal.notes import signer_from_seed

HOST = "127.0.0.1"
ID_SIZE = 36  # Characters of a UUID.
ID_MARK = b"00000000-0000-4000-8000-000000000000"  # Stands in a body where the id comes.
ANSWER_WAIT_S = 60.0  # For the answers still owed when the time is up.

assert len(ID_MARK) == ID_SIZE


class Request(Struct, frozen=True):
    """A request as bytes, cut where its id goes."""

    before: bytes
    after: bytes

    def parts(self, request_id: bytes) -> tuple[bytes, ...]:
        """The request with an id of ID_SIZE characters put in."""
        return (self.before, request_id, self.after) if self.after else (self.before,)


class SignedLines(Struct, frozen=True):
    """A batch of lines as its poster sends it: the id is in the manifest, and so in the note.

    Only the manifest's leaf changes with the id, so the root follows from it and its path.
    """

    head: bytes  # Up to the value of the header with the note, which comes last.
    manifest: Request
    lines: bytes
    path: list[bytes]
    size: int
    ledger_origin: str
    seed: bytes

    def parts(self, request_id: bytes) -> tuple[bytes, ...]:
        """The request with an id put in, signed."""
        manifest = b"".join(self.manifest.parts(request_id))
        root = root_from_inclusion(leaf_hash(manifest), 0, self.size, self.path)
        origin = f"{self.ledger_origin}/batch/{request_id.decode()}"
        checkpoint = Checkpoint(origin, self.size, root)
        note = sign_checkpoint(checkpoint, [signer_from_seed(origin, self.seed)])
        return self.head, b64encode(note), b"\r\n\r\n", manifest, b"\n", self.lines


AnyRequest = Request | SignedLines


class Report(Struct, frozen=True):
    """What a drive saw. Latencies are seconds, of answers with the status expected."""

    seconds: float  # From the first request to the last answer.
    latencies: Sequence[float]
    statuses: dict[int, int]
    sample: bytes  # The first answer's body, or that of the first with another status.

    @property
    def answers(self) -> int:
        """How many answers had the status expected."""
        return len(self.latencies)

    @property
    def rate(self) -> float:
        """Such answers a second."""
        return self.answers / self.seconds


class ConnectionEnded(Exception):
    """The service closed a connection that waited for an answer."""


def post_head(path: str, size: int, media_type: str, headers: dict[str, str]) -> bytes:
    """What a POST begins with, up to its headers' last line feed."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {media_type}\r\n"
        f"Content-Length: {size}\r\n{head}"
    ).encode()


def post_request(path: str, body: bytes, headers: dict[str, str]) -> Request:
    """A POST of JSON whose body has ID_MARK in it once, or not at all."""
    whole = post_head(path, len(body), "application/json", headers) + b"\r\n" + body
    before, mark, after = whole.partition(ID_MARK)
    return Request(before, after) if mark else Request(whole, b"")


class LoadProcess:
    """The process that sends. `prepare` hands it requests once, `drive` has them sent."""

    def __enter__(self) -> Self:
        # Forking a process that has threads and sockets is not safe.
        spawn = multiprocessing.get_context("spawn")
        self._executor = ProcessPoolExecutor(1, mp_context=spawn)
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    def prepare(self, name: str, requests: Sequence[AnyRequest]) -> None:
        """Keep requests under a name."""
        self._executor.submit(_prepare, name, requests).result()

    def drive(
        self,
        port: int,
        name: str,
        *,
        connections: int,
        seconds: float,
        count: int | None = None,
        status: int = 201,
        rate: float | None = None,
    ) -> Report:
        """Send prepared requests in turn until the time is up or `count` were sent.

        Every connection has one request on its way, and each request an id never used. With
        a `rate` there are so many a second, and a latency counts from when the request was
        due: one that had to wait for a connection waited.

        Raises:
            ConnectionEnded, TimeoutError: an answer did not come.
        """
        return self._executor.submit(
            _drive, port, name, connections, seconds, count, status, rate
        ).result()


# ---- in the process


_prepared: dict[str, Sequence[AnyRequest]] = {}
_ids = iter(range(2**48))  # For as long as the process lives, so that no id comes twice.


def _prepare(name: str, requests: Sequence[AnyRequest]) -> None:
    _prepared[name] = requests


def _drive(
    port: int,
    name: str,
    connections: int,
    seconds: float,
    count: int | None,
    status: int,
    rate: float | None,
) -> Report:
    drive = _Drive(_prepared[name], seconds, count, status, rate)
    uvloop.run(drive.run(port, connections))
    return Report(
        seconds=drive.ended - drive.started,
        latencies=drive.latencies.tolist(),
        statuses=dict(drive.statuses),
        sample=drive.sample,
    )


class _Drive:
    """What all connections of a drive share."""

    def __init__(
        self,
        requests: Sequence[AnyRequest],
        seconds: float,
        count: int | None,
        status: int,
        rate: float | None,
    ) -> None:
        self.latencies = array("d")
        self.statuses: Counter[int] = Counter()
        self.sample = b""
        self.started = self.ended = 0.0
        self._requests = requests
        self._seconds = seconds
        self._left = 2**62 if count is None else count
        self._status = status
        self._every = 0.0 if rate is None else 1 / rate
        self._at = 0
        self._until = 0.0

    async def run(self, port: int, connections: int) -> None:
        loop = asyncio.get_running_loop()
        open_connections = [
            (await loop.create_connection(lambda: _Connection(self), HOST, port))[1]
            for _ in range(connections)
        ]
        self.started = self.ended = perf_counter()
        self._until = self.started + self._seconds
        for connection in open_connections:
            connection.send_next()
        try:
            async with asyncio.timeout(self._seconds + ANSWER_WAIT_S):
                await asyncio.gather(*(connection.done for connection in open_connections))
        finally:
            for connection in open_connections:
                connection.close()

    def due(self, now: float) -> float:
        """When the next request is to be sent."""
        return self.started + self._at * self._every if self._every else now

    def next_request(self, due: float) -> tuple[bytes, ...] | None:
        if due >= self._until or self._left <= 0:
            return None
        self._left -= 1
        self._at += 1
        request = self._requests[self._at % len(self._requests)]
        number = b"%012x" % next(_ids)
        return request.parts(ID_MARK[: ID_SIZE - len(number)] + number)

    def answered(self, sent: float, now: float, status: int, body: bytes) -> None:
        if status == self._status:
            self.latencies.append(now - sent)
            self.sample = self.sample or body
        elif self.statuses[status] == 0:
            self.sample = body
        self.statuses[status] += 1
        self.ended = now


class _Connection(asyncio.Protocol):
    """One request at a time, the next as soon as the answer is there."""

    def __init__(self, drive: _Drive) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._drive = drive
        self._received = bytearray()
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods and not the class.
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionEnded(error))

    def close(self) -> None:
        self.done.cancel()
        self._transport.close()

    def send_next(self) -> None:
        now = perf_counter()
        self._sent = self._drive.due(now)
        parts = self._drive.next_request(self._sent)
        if parts is None:
            self.done.set_result(None)
        elif self._sent > now:
            wait = self._sent - now
            asyncio.get_running_loop().call_later(wait, self._transport.writelines, parts)
        else:
            self._transport.writelines(parts)

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        answer = read_answer(received)
        if answer is None:
            return
        status, body = answer
        received.clear()
        self._drive.answered(self._sent, perf_counter(), status, body)
        self.send_next()


def read_answer(received: bytes | bytearray) -> tuple[int, bytes] | None:
    """Status and body of the one answer that was received, or None until it is whole.

    >>> read_answer(b"HTTP/1.1 201 Created\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    (201, b'{}')
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    start = end + 4
    head = bytes(received[:end]).lower()
    status = int(head[9:12])
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        size = int(head[at + 17 :].split(b"\r", 1)[0])
        return None if len(received) < start + size else (status, bytes(received[start:]))
    if b"\r\ntransfer-encoding: chunked" in head:
        body = _read_chunks(received, start)
        return None if body is None else (status, body)
    return status, b""


def _read_chunks(received: bytes | bytearray, at: int) -> bytes | None:
    body = bytearray()
    while (end := received.find(b"\r\n", at)) >= 0:
        size = int(bytes(received[at:end]).partition(b";")[0], 16)
        at = end + 2 + size + 2
        if len(received) < at:
            return None
        if size == 0:
            return bytes(body)
        body += received[at - 2 - size : at - 2]
    return None
