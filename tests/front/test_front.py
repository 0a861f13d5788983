"""A front: nothing is different for who asks, and nothing that it holds is without bound."""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import pytest
from aiohttp import web
from msgspec.structs import replace

from ledger.api import lines, wire
from ledger.api.service import Settings
from ledger.core.asked import Caller
from ledger.core.lines import Terms
from ledger.core.model import Side
from ledger.core.store import Group
from ledger.core.written import AnyBatch, WrittenBatch
from ledger.front.reading import Reader
from ledger.journal.batches import read_written
from ledger.journal.checkpoints import batch_origin
from ledger.journal.notes import signer_from_seed
from ledger.memory.store import MemoryStore
from ledger.pg.frames import pack, unpack
from ledger.pg.rows import batch_columns
from tests.api.offices import CAJA, QUICK, Answered, Office, open_office, pay, stand_before, uid
from tests.api.test_lines import ANA, BEN, CASH, OTHER, SEED, Poster, line
from tests.sequencer.houses import House

T = f"{CAJA}/transfers"
B = f"{CAJA}/batches"
VKEY = signer_from_seed("branch", SEED).vkey
WAIT_S = 5.0
MANY = 200  # Transfers, so that a batch is posted on columns.


# ---- the same answers


Request = tuple[str, str, dict[str, Any]]


def sent(data: bytes, note: bytes | None = None, **headers: str) -> Request:
    """Lines on their way."""
    told = {"Content-Type": "application/x-ndjson", **headers}
    if note is not None:
        told["Signed-Note"] = b64encode(note).decode()
    return "POST", B, {"data": data, "headers": told, "who": "poster"}


def by_operator(request: Request, query: str = "") -> Request:
    method, path, more = request
    return method, path + query, more | {"who": "operator"}


def signed(poster: Poster, number: int, **more: Any) -> Request:
    data = poster.write(number, [line(CASH, ANA, 1)])
    return sent(data, poster.note(data, number, **more))


def script(poster: Poster) -> Sequence[Request]:
    """Requests of all sorts, good and bad, one after the other."""
    many = poster.write(1, [line(CASH, ANA, n + 1) for n in range(MANY)])
    other = poster.write(2, [line(CASH, ANA, 1, reference="R-1"), line(CASH, BEN, 2)])
    terms = poster.write(3, [line(ANA, BEN, 5, terms=Terms(up_to=Side.DEBIT, rest=CASH))])
    refused = poster.write(4, [line(CASH, BEN, 10_001) for _ in range(MANY)])
    batch = {"id": uid(20), "transfers": [pay("cash", "ana", "1.00"), pay("cash", "eva", "2")]}
    body = json.dumps(batch).encode()
    origin = batch_origin("example.org/red", UUID(int=10))
    foreign = poster.write(10, [line(CASH, ANA, 1)], origin=origin)
    return [
        sent(many),
        sent(many),  # Again.
        by_operator(sent(other)),
        by_operator(sent(terms), "?dry_run=true"),
        by_operator(sent(terms)),
        sent(terms),
        by_operator(sent(refused)),
        by_operator(sent(refused)),
        sent(poster.write(5, [line(CASH, 77, 1)])),
        sent(other.replace(b'"amount":1', b'"amount": 1')),
        sent(many[:-1]),
        sent(b""),
        sent(other, **{"Idempotency-Key": uid(9)}),
        sent(other, **{"Signed-Note": "%"}),
        sent(other, **{"Content-Type": "text/plain"}),
        sent(other, **{"Content-Encoding": "gzip"}),
        by_operator(sent(many), "?dry=1"),
        ("POST", f"{CAJA}/posters/branch/keys", {"body": {"public_key": VKEY}}),
        sent(poster.write(6, [line(CASH, ANA, 1)])),  # Unsigned.
        signed(poster, 7),
        signed(poster, 7),
        signed(poster, 8, seed=OTHER),
        signed(poster, 9, origin="example.org/other"),
        sent(foreign, poster.note(foreign, 10, origin="example.org/red")),
        ("POST", B, {"body": batch}),
        ("POST", B, {"body": batch}),
        ("POST", B, {"body": {**batch, "count": 3}}),
        ("POST", B, {"body": {**batch, "transfers": []}}),
        ("POST", B, {"data": body[:-2]}),
        ("POST", B, {"data": body[:-1] + b',"id":"x"}'}),
        ("POST", B, {"data": body[:-1] + f',"id":"{uid(20)}"}}'.encode()}),
        ("POST", B, {"body": batch, "who": ""}),
        ("POST", B, {"body": batch, "who": "auditor"}),
        ("POST", B.replace("caja", "none"), {"body": batch}),
        ("POST", T, {"body": {"id": uid(30), **pay("cash", "ana", "1.00")}}),
        ("POST", T, {"data": b" " * 70_000}),
        ("POST", B, {"data": b" " * (5 << 20)}),
        ("GET", f"{T}?limit=5", {}),
        ("GET", f"{B}/{uid(1)}", {}),
        ("GET", f"{B}/{uid(1)}/proof?position=3", {}),
        ("GET", f"{CAJA}/trial-balance", {}),
        ("HEAD", f"{CAJA}/accounts", {}),
        ("GET", "/openapi.json", {"who": ""}),
        ("GET", "/nowhere?x=%ff", {}),
        ("PUT", B, {"body": batch}),
        ("DELETE", f"{CAJA}/keys/none", {}),
    ]


async def ask_all(office: Office) -> list[Answered]:
    asked = script(Poster(office))
    return [await office.ask(method, path, **more) for method, path, more in asked]


# What differs from run to run, whoever answers: numbers of requests, keys of the journal.
_OWN = re.compile(r'"(request_id|checkpoint|log_proof|public_key)": "[^"]*"')


def comparable(answer: Answered) -> tuple[int, dict[str, str], str]:
    """An answer without what is not the same in two runs."""
    own = ("Date", "X-Request-Id")
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body)
    return answer.status, headers, _OWN.sub("", str(body))


async def test_a_front_changes_no_answer(tmp_path: Path) -> None:
    """Of a list of good and bad requests: status, headers and body are the same."""
    async with open_office(House(tmp_path / "a"), behind_front=False) as alone:
        without = await ask_all(alone)
        state = alone.state()
    async with open_office(House(tmp_path / "b"), behind_front=True) as fronted:
        behind = await ask_all(fronted)
        assert fronted.state() == state
    asked = [f"{method} {path}" for method, path, _ in script(Poster(fronted))]
    for which, one, other in zip(asked, without, behind, strict=True):
        assert comparable(one) == comparable(other), which
    seen = {answer.status for answer in without}
    assert {200, 201, 400, 401, 403, 404, 405, 409, 413, 415, 422} <= seen


class Held:
    """A desk whose posts wait until they are let go."""

    def __init__(self, office: Office) -> None:
        self.taken: asyncio.Queue[AnyBatch] = asyncio.Queue()
        self.let_go = asyncio.Event()
        self._post = office.sequencer.post
        office.sequencer.post = self.post  # type: ignore[method-assign]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()

    async def post(self, ledger: str, batch: AnyBatch, caller: Caller, **more: Any) -> Any:
        self.taken.put_nowait(batch)
        await self.let_go.wait()
        return await self._post(ledger, batch, caller, **more)


async def test_what_is_kept_is_what_was_sent(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that a front read comes to the desk as if it was read there."""
    groups: list[Group] = []
    commit = MemoryStore.commit

    async def note(self: MemoryStore, group: Group) -> None:
        groups.append(group)
        await commit(self, group)

    monkeypatch.setattr(MemoryStore, "commit", note)
    held = Held(office)
    held.let_go.set()
    poster = Poster(office)
    data = poster.write(1, [line(CASH, ANA, n + 1) for n in range(MANY)])
    assert (await poster.send(data)).status == 201
    batch = held.taken.get_nowait()
    assert isinstance(batch, WrittenBatch)
    assert unpack(batch.packed) == data
    assert batch == replace(read_written(data), packed=batch.packed)
    ((kept,),) = [group.batches for group in groups]
    assert (kept.body, kept.packed) == (data, batch.packed)
    assert batch_columns([kept])[5] == [batch.packed], "it is not packed again"


# ---- what is done in front


def never(*_: object) -> Any:
    raise AssertionError("where batches are decided, none is read")


@pytest.fixture
def reads_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a front can read and verify batches: it has the functions by names of its own."""
    monkeypatch.setattr(lines, "written_of", never)
    monkeypatch.setattr(lines, "is_signed_by", never)
    monkeypatch.setattr(wire, "decode", never)


@pytest.mark.usefixtures("reads_in_front")
@pytest.mark.parametrize("spoilt", [b'"amount": 1', b'"amount":0', b'"amount":1e0', b""])
async def test_lines_are_read_and_refused_in_front(office: Office, spoilt: bytes) -> None:
    poster = Poster(office)
    data = poster.write(1, [line(CASH, ANA, 1)])
    assert (await poster.send(data)).status == 201
    before = office.state()
    answer = await poster.send(data.replace(b'"amount":1', spoilt))
    assert (answer.status, answer.code) == (422, "malformed_request")
    assert office.state() == before


@pytest.mark.usefixtures("reads_in_front")
async def test_json_is_read_and_refused_in_front(office: Office) -> None:
    batch = {"id": uid(1), "transfers": [pay("cash", "ana", "1.00")]}
    assert (await office.ask("POST", B, batch)).status == 201
    before = office.state()
    doubled = json.dumps(batch).encode()[:-1] + f',"id":"{uid(1)}"}}'.encode()
    assert (await office.ask("POST", B, data=doubled)).code == "duplicate_field"
    assert (await office.ask("POST", B, {**batch, "transfers": []})).status == 422
    assert office.state() == before


async def test_a_signature_is_verified_in_front_once_its_key_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_office(House(tmp_path), behind_front=True) as office:
        stand_before(office, QUICK, reader=Reader(pack))
        poster = Poster(office)
        key = (await poster.register()).body["key"]["key"]

        async def send(number: int, **more: Any) -> Answered:
            method, path, asked = signed(poster, number, **more)
            return await office.ask(method, path, **asked)

        first = await send(1)
        assert first.status == 201
        assert not [name for name in first.headers if name.lower().startswith("tequio-")]
        with monkeypatch.context() as barred:
            barred.setattr(lines, "is_signed_by", never)
            assert (await send(2)).status == 201
        assert (await send(3, seed=OTHER)).code == "signature_not_accepted"
        assert (await send(3, origin="example.org/other")).code == "signature_not_accepted"
        path = f"{CAJA}/posters/branch/keys/{key}"
        assert (await office.ask("DELETE", path)).status == 204
        assert (await send(3)).code == "signature_not_accepted", "at once"


async def test_who_was_never_let_in_has_nothing_read(tmp_path: Path) -> None:
    """A front reads the batches of keys that work, the first of each excepted."""
    read: list[str] = []

    class Noting(Reader):
        def check(self, request: web.BaseRequest, body: bytes) -> tuple[bytes, str]:
            checked = super().check(request, body)
            if request.path.endswith("/batches"):
                read.append(checked[1])
            return checked

    async with open_office(House(tmp_path), behind_front=True) as office:
        reader = Noting(pack)
        stand_before(office, QUICK, reader=reader)
        poster = Poster(office)
        for number in (1, 2):
            sent = await poster.send(poster.write(number, [line(CASH, ANA, 1)]))
            assert sent.status == 201
        foreign = {"Authorization": "Bearer tq_" + "A" * 43}
        for _ in range(2):
            answer = await poster.send(b"no lines", who="", headers=foreign)
            assert answer.code == "key_unknown"
        assert read == ["", "lines", "", ""]
        listed = (await office.ask("GET", f"{CAJA}/keys")).body["keys"]
        (name,) = [key["key"] for key in listed if key.get("poster") == "branch"]
        assert (await office.ask("DELETE", f"{CAJA}/keys/{name}")).status == 204
        data = poster.write(3, [line(CASH, ANA, 1)])
        for _ in range(2):
            assert (await poster.send(data)).code == "key_unknown"
        assert read[4:] == ["lines", ""], "refused at once, and read no more"


async def test_nobody_waits_for_the_body_of_who_shows_no_key(tmp_path: Path) -> None:
    """It is answered as soon as the head is there."""
    head = f"POST {T} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    patient = Settings(body_seconds_max=10 * WAIT_S)
    async with open_office(House(tmp_path), settings=patient) as office:
        reader, writer = await asyncio.open_connection("127.0.0.1", office.port)
        async with asyncio.timeout(WAIT_S):
            writer.write(head.encode())
            assert (await reader.readline()).split(b" ")[1] == b"401"
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("behind_front", [False, True])
async def test_only_a_front_is_believed(tmp_path: Path, behind_front: bool) -> None:
    """What a client says in a front's words is neither heard nor passed on."""
    said = {"Tequio-Body": "lines", "Tequio-Refused": "POST=9", "tequio-signer": "00"}
    async with open_office(House(tmp_path), behind_front=behind_front) as office:
        poster = Poster(office)
        data = poster.write(1, [line(CASH, ANA, 1)])
        assert (await poster.send(data, headers=said)).status == 201
        metrics = (await office.ask("GET", "/metrics")).body.decode()
        assert 'code="overloaded"' not in metrics


@pytest.mark.parametrize("path", [f"{CAJA}/accounts", f"{CAJA}/limits", B])
async def test_what_may_be_large_is_let_through(office: Office, path: str) -> None:
    """A front knows how much each route takes."""
    answer = await office.ask("POST", path, data=b" " * 70_000 + b"{}")
    assert answer.status == 422
    assert (await office.ask("POST", T, data=b" " * 70_000 + b"{}")).status == 413


# ---- what there is no room for, and what goes wrong


async def test_what_there_is_no_room_for_is_to_be_sent_again(tmp_path: Path) -> None:
    """In the reader's language, and counted where all is counted."""
    async with open_office(House(tmp_path), behind_front=True) as office:
        front = stand_before(office, QUICK, requests_max=3)
        with Held(office) as held:
            posts = [
                asyncio.create_task(
                    office.ask("POST", T, {"id": uid(n), **pay("cash", "ana", "1")})
                )
                for n in range(3)
            ]
            for _ in posts:
                await held.taken.get()
            late = {"id": uid(9), **pay("cash", "ana", "1")}
            for language in ("en", "pt", "es"):
                told = {"Accept-Language": language}
                async with asyncio.timeout(WAIT_S):
                    answer = await office.ask("POST", T, late, headers=told)
                assert (answer.status, answer.code) == (503, "overloaded")
                assert int(answer.headers["Retry-After"]) >= 1
                assert answer.headers["Content-Language"] == language
                assert answer.body["request_id"] == answer.headers["X-Request-Id"]
            assert front.room.requests == 3
            held.let_go.set()
            assert [(await post).status for post in posts] == [201] * 3
            assert (await office.ask("POST", T, late)).status == 201
            metrics = (await office.ask("GET", "/metrics")).body.decode()
            assert 'ledger_problems_total{code="overloaded"} 3.0' in metrics
            route = 'method="POST",route="-",status="503"'
            assert f"ledger_request_seconds_count{{{route}}} 3.0" in metrics
            assert (front.room.requests, front.room.bytes) == (0, 0)


async def test_bodies_take_no_more_memory_than_there_is_for_them(tmp_path: Path) -> None:
    size, room = 400_000, 1_000_000
    async with open_office(House(tmp_path), behind_front=True) as office:
        front = stand_before(office, QUICK, bytes_max=room)
        with Held(office) as held:

            def post(number: int) -> "asyncio.Task[Answered]":
                body = json.dumps({"id": uid(number), "transfers": [pay("cash", "ana", "1")]})
                data = b" " * size + body.encode()
                return asyncio.create_task(office.ask("POST", B, data=data))

            posts = [post(number) for number in range(2)]
            for _ in posts:
                await held.taken.get()
            assert front.room.bytes >= 2 * size
            async with asyncio.timeout(WAIT_S):
                refused = [await post(number) for number in range(2, 6)]
            assert {answer.code for answer in refused} == {"overloaded"}
            assert front.room.bytes <= room
            held.let_go.set()
            assert [(await one).status for one in posts] == [201] * 2
            assert front.room.bytes == 0
            assert (await post(6)).status == 201


async def test_a_front_that_vanishes_loses_nothing(tmp_path: Path) -> None:
    """What the desk took it carries to its end; who sends it again gets the receipt."""
    async with open_office(House(tmp_path), behind_front=True) as office:
        with Held(office) as held:
            body = {"id": uid(1), **pay("cash", "ana", "1.00")}
            first = asyncio.create_task(office.ask("POST", T, body))
            await held.taken.get()
            assert (await office.ask("GET", "/healthz")).status == 200
            for wire_end in office.wires:  # One that is asked over, and one that is not.
                wire_end.abort()
            answer = await first
            assert (answer.status, answer.code) == (503, "outcome_unknown")
            assert "Retry-After" in answer.headers
            assert (await office.ask("GET", "/healthz")).status == 200
            held.let_go.set()
            again = await office.ask("POST", T, body)
            assert again.status == 201
            assert again.headers["Idempotent-Replayed"] == "true"
            assert office.state().transfers == 1


async def test_without_the_one_that_decides_nothing_is_promised(tmp_path: Path) -> None:
    async with open_office(House(tmp_path), behind_front=True) as office:
        front = stand_before(office, QUICK)

        async def connect() -> Any:
            raise ConnectionRefusedError

        front._wires._connect = connect
        answer = await office.ask("GET", "/healthz", who="")
        assert (answer.status, answer.code) == (503, "overloaded")
        assert front.room.requests == 0


@pytest.mark.parametrize(
    ("asked", "keeps"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
        (b"GET /healthz HTTP/1.0\r\n\r\n", False),
        (b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", True),
    ],
)
async def test_a_connection_is_kept_as_its_client_asks(
    office: Office, asked: bytes, keeps: bool
) -> None:
    """Whatever becomes of the connection behind."""
    reader, writer = await asyncio.open_connection("127.0.0.1", office.port)
    async with asyncio.timeout(5):
        for _ in range(2 if keeps else 1):
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.split(b" ")[1] == b"200"
            assert (b"\r\nConnection: close\r\n" in head) is (b": close" in asked)
            length = re.search(rb"content-length: (\d+)", head, re.I)
            assert length is not None
            assert int(length[1]) > 0
            await reader.readexactly(int(length[1]) if asked.startswith(b"GET") else 0)
        if not keeps:
            assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
