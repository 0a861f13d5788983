"""The whole HTTP side on a real socket, over a real sequencer and the store in memory.

An Office is opened with a caja of four accounts and a key for each role; `state` is all
that could have been changed by a request, for tests that say that nothing was.
"""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, NamedTuple
from uuid import UUID

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from ledger.api.answers.dry_run import DryRun
from ledger.api.app import SERVICE, make_app
from ledger.api.auth import make_key
from ledger.api.routes import ROUTES
from ledger.api.server import Runner, make_private_runner, make_runner
from ledger.api.service import Settings
from ledger.core.model import Role
from ledger.front.doors import Doors
from ledger.front.front import Entrance, Front
from ledger.front.reading import Reader
from ledger.memory.database import MemoryDatabase
from ledger.memory.keys import MemoryKeys
from ledger.memory.reads import MemoryReads
from ledger.memory.store import MemoryStore
from ledger.pg.frames import pack
from ledger.sequencer.desk import Sequencer
from ledger.services.runs import Runs
from ledger.services.scheduler import Scheduler
from tests.sequencer.houses import House, furnish

CAJA = "/v1/ledgers/caja"
BRANCH = ("cash", "norte-*")  # What the poster's key may debit.
BEHIND_FRONT = False  # Whether offices have a front process's work done before them.
QUICK = Settings(body_seconds_max=0.4, header_seconds_max=0.4, key_memory_seconds=60.0)


class State(NamedTuple):
    """What a ledger amounts to. A request that costs nothing leaves it as it was."""

    size: int
    transfers: int
    accounts: int
    balances: tuple[int, ...]
    bounds: tuple[tuple[int, int], ...]
    spent: frozenset[UUID]
    leaves: int
    ledgers: int
    keys: int


def check_documented(method: str, path: str, status: int, body: bytes) -> None:
    """That a route gave an answer of a kind that it is said to give."""
    for route in ROUTES if 200 <= status < 300 else ():
        plain = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(route.template))
        if route.method == method and re.fullmatch(plain, path.partition("?")[0]):
            is_dry = "dry_run=true" in path and status == 200
            said = {route.status: route.answer, 202: route.waits}
            kind = DryRun if is_dry else said.get(status)
            assert kind is not None, f"{method} {path} answered {status}"
            if isinstance(kind, type):
                msgspec.json.decode(body, type=kind)


class Answered(NamedTuple):
    status: int
    headers: Any
    body: Any

    @property
    def code(self) -> str:
        """The code of a problem document, once it is shown to be one."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        document = self.body
        assert document["status"] == self.status
        assert document["type"] == f"/docs#{document['code']}"
        assert document["title"]
        assert document["detail"]
        return str(document["code"])


class Office:
    """A running service and its clients."""

    def __init__(
        self, house: House, sequencer: Sequencer, runner: Runner, http: aiohttp.ClientSession
    ) -> None:
        self.house = house
        self.sequencer = sequencer
        self.runner = runner
        self.port = 0
        self.entrance: Entrance | None = None
        self.doors: Doors | None = None
        self.wires: list[asyncio.Transport] = []  # Of a front, as this side has them.
        self.http = http
        self.secrets: dict[str, str] = {}

    @property
    def database(self) -> MemoryDatabase:
        return self.house.database

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        who: str = "operator",
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answered:
        """Send one request. `who` is a role whose key to show, or "" for none."""
        sent = {"Authorization": f"Bearer {self.secrets[who]}"} if who else {}
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        url = path if path.startswith("http") else f"http://127.0.0.1:{self.port}{path}"
        content = None if data is None else BytesIO(data)  # Raw bytes may be too large to send.
        target = URL(url, encoded=True)  # As it stands, tricks and all.
        async with self.http.request(method, target, data=content, headers=sent) as response:
            found: Any = await response.read()
            if "json" in response.headers.get("Content-Type", "") and found:
                check_documented(method, path, response.status, found)
                found = json.loads(found)
            return Answered(response.status, response.headers, found)

    async def raw(self, data: bytes, *, wait: float = 3.0) -> bytes:
        """Send bytes on a connection of their own and read until the server closes it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            async with asyncio.timeout(wait):
                return await reader.read()
        except (TimeoutError, ConnectionError):
            return b""
        finally:
            writer.close()

    async def stop(self) -> None:
        """Stop the HTTP side as the command does."""
        self.runner.app[SERVICE].closing.set()
        if self.entrance is not None and self.doors is not None:
            self.doors.close()
            await self.entrance.stop()
        await self.runner.cleanup()

    def state(self) -> State:
        """What the ledger amounts to at this moment."""
        book = self.sequencer.facts("caja")
        accounts = [book.account(number) for number in range(1, book.accounts + 1)]
        ledger = self.database.ledgers[1]
        return State(
            size=book.size,
            transfers=book.transfers,
            accounts=book.accounts,
            balances=tuple(account.balance for account in accounts),
            bounds=tuple((account.lower, account.upper) for account in accounts),
            spent=frozenset(ledger.batches),
            leaves=len(ledger.lines),
            ledgers=len(self.sequencer.ledgers()),
            keys=len(self.database.keys),
        )


@asynccontextmanager
async def open_office(
    house: House,
    *,
    settings: Settings = QUICK,
    unique_references: bool = False,
    store: MemoryStore | None = None,
    behind_front: bool | None = None,
) -> AsyncIterator[Office]:
    """Start everything, with the caja furnished and a key for each role."""
    behind_front = BEHIND_FRONT if behind_front is None else behind_front
    keys = MemoryKeys(house.database)
    async with house.serving(store) as sequencer:
        await furnish(sequencer, unique_references=unique_references)
        app = make_app(
            sequencer,
            MemoryReads(house.database),
            keys,
            settings=settings,
            draw=house.random.randbytes,
            now=lambda: house.now / 1e6,
            runs=Runs(sequencer, MemoryReads(house.database)),
        )
        app[SERVICE].schedule_runs = Scheduler(
            sequencer, registry=app[SERVICE].metrics.registry, clock=house.clock
        )
        runner = make_private_runner(app) if behind_front else make_runner(app)
        await runner.setup()
        async with aiohttp.ClientSession() as http:
            office = Office(house, sequencer, runner, http)
            try:
                if behind_front:
                    stand_before(office, settings)
                else:
                    await web.TCPSite(runner, "127.0.0.1", 0).start()
                    office.port = runner.addresses[0][1]
                await _give_keys(office, keys)
                yield office
            finally:
                await http.close()
                await office.stop()


def stand_before(office: Office, settings: Settings, **more: Any) -> Front:
    """Put a front before the service, as a front process would be, but in this one."""
    loop = asyncio.get_running_loop()
    if office.doors is not None:
        office.doors.close()  # Of another front, which nobody came to.

    async def connect() -> socket.socket:
        mine, theirs = socket.socketpair()
        server = office.runner.server
        assert server is not None
        transport, _ = await loop.create_unix_connection(server, sock=theirs)
        office.wires.append(transport)
        return mine

    front = Front(settings, connect, more.pop("reader", None) or Trusting(pack), **more)
    office.entrance = Entrance(front, settings)
    listener = socket.create_server(("127.0.0.1", 0))
    office.port = listener.getsockname()[1]
    office.doors = Doors([listener], office.entrance)
    return front


class Trusting(Reader):
    """Reads batches of keys it never saw, so that a test need not post twice."""

    def knows(self, request: web.BaseRequest) -> bool:
        return True


async def _give_keys(office: Office, keys: MemoryKeys) -> None:
    """The service's own key, and one of each role of the caja."""
    given: list[tuple[str, Role, str, str, tuple[str, ...]]] = [
        ("service", Role.OPERATOR, "", "", ()),
        ("operator", Role.OPERATOR, "caja", "", ()),
        ("poster", Role.POSTER, "caja", "branch", BRANCH),
        ("auditor", Role.AUDITOR, "caja", "", ()),
        ("compliance", Role.COMPLIANCE, "caja", "", ()),
        ("approver", Role.APPROVER, "caja", "", ()),
        ("member", Role.MEMBER, "caja", "socia-ana", ("ana",)),
    ]
    for who, role, ledger, poster, accounts in given:
        new = make_key(
            office.house.random.randbytes, role, ledger=ledger, poster=poster, accounts=accounts
        )
        await keys.add(new.digest, new.caller)
        office.secrets[who] = new.secret


def pay(debit: str, credit: str, amount: str, **more: object) -> dict[str, object]:
    """A transfer in MXN as JSON."""
    return {
        "debit_account": debit,
        "credit_account": credit,
        "amount": amount,
        "currency": "MXN",
        "kind": "payment",
        **more,
    }


def uid(number: int) -> str:
    """An id that is a number."""
    return str(UUID(int=number))
