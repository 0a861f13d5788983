"""Front processes as they are: started, killed, stopped."""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from ledger.cli.front import DESCRIPTORS
from ledger.cli.service import Service, running_service
from ledger.cli.settings import Settings
from ledger.front.crew import Crew, FrontsDoNotStart
from tests.api.offices import pay, uid
from tests.cli.conftest import Running
from tests.crash.service import fronts_of, is_front

LEDGER = "/v1/ledgers/caja"
WAIT_S = 30.0


@asynccontextmanager
async def caja(database: str, state: Path, **more: Any) -> AsyncIterator["Caja"]:
    """A service behind front processes, with a ledger of two accounts."""
    settings = Settings(
        database_url=database, state_dir=str(state), listen="127.0.0.1:0", **more
    )
    async with running_service(settings) as service, aiohttp.ClientSession() as http:
        yield Caja(service, http)


class Caja:
    def __init__(self, service: Service, http: aiohttp.ClientSession) -> None:
        self.service = service
        self.http = http

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.service.operator_key}"}
        url = f"{self.service.url}{path}"
        async with self.http.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def furnish(self) -> None:
        ledger = {"code": "caja", "name": "Caja", "time_zone": "America/Mexico_City"}
        accounts = [{"code": "cash", "currency": "MXN", "lower_bound": "none"}]
        accounts += [{"code": "ana", "currency": "MXN"}]
        for path, body in [
            ("/v1/ledgers", ledger),
            (f"{LEDGER}/currencies", {"code": "MXN", "kind": "national", "scale": 2}),
            (f"{LEDGER}/accounts", {"accounts": accounts}),
        ]:
            status, answer = await self.ask("POST", path, body)
            assert status == 201, answer

    async def post(self, number: int) -> Any:
        """A batch, sent again until it is known what became of it."""
        batch = {"id": uid(number), "transfers": [pay("cash", "ana", "0.01")] * 50}
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    status, answer = await self.ask("POST", f"{LEDGER}/batches", batch)
                except (aiohttp.ClientError, OSError):
                    continue
                if status == 201:
                    return answer["receipt"]
                assert status == 503, answer


async def test_killed_at_work_they_lose_and_double_nothing(
    database: str, tmp_path: Path
) -> None:
    async with caja(database, tmp_path / "state", workers=2) as service:
        await service.furnish()
        here = os.getpid()
        first = set(fronts_of(here))
        for pid in (here, *first):
            soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            assert soft == min(hard, DESCRIPTORS)
        assert len(first) == 2
        posts = [asyncio.create_task(service.post(number)) for number in range(40)]
        await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        receipts = await asyncio.gather(*posts)
        assert sorted(r["first_sequence"] for r in receipts) == [1 + 50 * n for n in range(40)]
        assert [await service.post(number) for number in range(40)] == receipts
        _, account = await service.ask("GET", f"{LEDGER}/accounts/ana")
        assert account["balance"] == "20.00"
        async with asyncio.timeout(WAIT_S):
            while len(second := set(fronts_of(here))) < 2:  # Both places are filled again.
                assert (await service.ask("GET", "/healthz"))[0] == 200
        assert not second & first
        async with service.http.get(f"{service.service.url}/metrics") as answer:
            metrics = await answer.text()
        assert "ledger_fronts 2.0" in metrics
        assert "ledger_fronts_ended_total 2.0" in metrics
    assert not fronts_of(here)


async def test_one_that_is_slow_holds_up_nobody_else(database: str, tmp_path: Path) -> None:
    """A front that stands still has what it took; all else goes by the other."""
    async with caja(database, tmp_path / "state", workers=2) as service:
        await service.furnish()
        posts = [asyncio.create_task(service.post(number)) for number in range(8)]
        await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        slow, _ = fronts_of(os.getpid())
        os.kill(slow, signal.SIGSTOP)
        try:
            async with aiohttp.ClientSession() as http:  # With connections of its own.
                other = Caja(service.service, http)
                assert [(await other.post(n))["posted"] for n in range(10, 20)] == [50] * 10
        finally:
            os.kill(slow, signal.SIGCONT)
        assert {receipt["posted"] for receipt in await asyncio.gather(*posts)} == {50}
        assert service.service.desk.facts("caja").transfers == 18 * 50


async def test_a_stop_answers_what_was_taken(database: str, tmp_path: Path) -> None:
    """A long poll is let go, a post is answered, and then nobody listens."""
    async with aiohttp.ClientSession() as http:
        async with caja(database, tmp_path / "state", workers=1) as service:
            service.http = http
            await service.furnish()
            feed = asyncio.create_task(service.ask("GET", f"{LEDGER}/transfers?wait=30"))
            post = asyncio.create_task(service.post(1))
            while not service.service.desk.facts("caja").transfers:
                await service.ask("GET", "/healthz")
        assert (await post)["posted"] == 50
        status, answer = await feed
        assert (status, type(answer["transfers"])) == (200, list)
        with pytest.raises(aiohttp.ClientConnectorError):
            await service.ask("GET", "/healthz")


def test_no_front_outlives_its_service(database: str, tmp_path: Path) -> None:
    """Killed with kill -9, its fronts end by themselves, and its address is free again."""
    options = ("--database-url", database, "--workers", "2")
    service = Running(tmp_path / "state", *options)
    left = fronts_of(service.process.pid)
    assert len(left) == 2
    service.process.kill()
    service.process.communicate(timeout=WAIT_S)  # They have its stdout too.
    assert not any(map(is_front, left))
    address = service.url.removeprefix("http://")
    again = Running(tmp_path / "state", *options, "--listen", address)
    assert again.url == service.url
    assert again.stop()[0] == 0


@pytest.mark.parametrize("command", [[sys.executable, "-c", "raise SystemExit(3)"], ["/none"]])
async def test_what_cannot_start_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, command: list[str]
) -> None:
    """And is not tried for ever."""
    monkeypatch.setattr("ledger.front.crew.READY_S", 2.0)
    server: Any = None
    crew = Crew(server, lambda _: command, [], 2, CollectorRegistry())
    with pytest.raises(FrontsDoNotStart):
        await crew.start()
    assert crew.pids == []
    assert caplog.text.count("starting another") >= 4, "each was tried again"
