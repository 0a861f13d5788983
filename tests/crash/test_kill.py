"""The real service, killed with kill -9 under load: nothing lost, nothing twice.

Several clients post through HTTP and send the same again whatever goes wrong. The service is
killed at random moments, while it serves and while it starts; so is the postmaster of its
PostgreSQL. In the end the transfers are counted against what the clients were told, and the
journal is exported and verified. What is random comes from a seed; what the scheduler of the
machine makes of it does not.

    TEQUIO_KILLS=50 pytest tests/crash      kills it fifty times, from another seed
"""

import asyncio
import json
import logging
import os
import random
import shutil
import tempfile
import time
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from ledger.api.lines import MEDIA_TYPE
from ledger.core.lines import Manifest, Transfer
from ledger.core.model import Mode
from ledger.journal.batches import write_body
from ledger.journal.verify import verify_export
from tests.crash.service import KilledService, processes_in, run_command

log = logging.getLogger(__name__)

KILLS = int(os.environ.get("TEQUIO_KILLS", "0"))
CLIENTS = 8
MODES = ["single", "atomic", "each", "lines"]
MEMBERS = [f"m{n}" for n in range(1, 7)]
LEDGER = "/v1/ledgers/caja"
ORIGIN = "localhost/caja"

# Which process, and when: seconds after the service answers, or after its start.
Kill = tuple[str, float]


def kills(seed: int, *, fronts: bool) -> list[Kill]:
    """Twelve of the service (two each time it is starting), four of the postmaster, mixed.

    With `fronts` eight of these processes, and four of the service behind them.
    """
    chance = random.Random(seed)
    if KILLS:
        names = ["service", "service", "starting", "postmaster", "postmaster, then service"]
        planned = [chance.choice(names + ["front"] * 8 * fronts) for _ in range(KILLS)]
    elif fronts:
        planned = ["front"] * 8 + ["service"] * 3 + ["postmaster, then service"]
        chance.shuffle(planned)
    else:
        planned = ["service"] * 6 + ["starting"] * 2 + ["postmaster"] * 2
        planned += ["postmaster, then service"] * 2
        chance.shuffle(planned)
    return [(name, chance.uniform(0.1, 0.8)) for name in planned]


@dataclass
class Work:
    """A batch a client sends until there is an answer, or until it gives up.

    The mode is a batch's, or `single`, or `lines`: atomic, as the lines that are to be kept.
    """

    id: UUID
    mode: str
    transfers: list[dict[str, str]]
    began: int = field(default_factory=lambda: time.time_ns() // 1000)
    answer: dict[str, Any] | None = None  # The receipt, or the problem of a refusal.
    is_posted: bool = False
    tries: int = 0
    troubles: Counter[str] = field(default_factory=Counter)

    @property
    def path(self) -> str:
        return f"{LEDGER}/{'transfers' if self.mode == 'single' else 'batches'}"

    @property
    def body(self) -> dict[str, Any]:
        if self.mode == "single":
            return {"id": str(self.id), **self.transfers[0]}
        return {"id": str(self.id), "mode": self.mode, "transfers": self.transfers}

    @property
    def lines(self) -> bytes:
        """The batch as its poster writes it; accounts have numbers in the order of opening."""
        numbers = {code: number for number, code in enumerate(["cash", *MEMBERS], 1)}
        manifest = Manifest(
            origin=f"{ORIGIN}/batch/{self.id}",
            created=self.began,
            expires=self.began + 3_600_000_000,
            count=len(self.transfers),
            mode=Mode.ATOMIC,
            salt=self.id.bytes,
        )
        lines = [
            Transfer(
                debit_account=numbers[t["debit_account"]],
                credit_account=numbers[t["credit_account"]],
                amount=int(t["amount"].replace(".", "")),
                kind=t["kind"],
            )
            for t in self.transfers
        ]
        return write_body(manifest, lines).data


class Load:
    """Clients at work. What they were told is kept."""

    def __init__(self, url: str, session: aiohttp.ClientSession, seed: int) -> None:
        self._url = url
        self._session = session
        self.random = random.Random(seed)
        self.sent: list[Work] = []
        self.is_over = False

    async def client(self) -> None:
        while not self.is_over:
            work = self.work()
            self.sent.append(work)
            await self.send(work)

    def work(self) -> Work:
        """Payments, of which some are more than a member has."""
        mode = self.random.choice(["single", *MODES])
        count = 1 if mode == "single" else self.random.choice([2, 5, 40, 400])
        transfers: list[dict[str, str]] = []
        for _ in range(count):
            debit, credit = self.random.choice(
                [("cash", self.random.choice(MEMBERS)), self.random.sample(MEMBERS, 2)]
            )
            cents = self.random.randint(1, 500)
            transfers.append(
                {
                    "debit_account": debit,
                    "credit_account": credit,
                    "amount": f"{cents // 100}.{cents % 100:02}",
                    "currency": "MXN",
                    "kind": "payment",
                }
            )
        return Work(UUID(int=self.random.getrandbits(128), version=4), mode, transfers)

    async def send(self, work: Work) -> None:
        """Until there is an answer. One in some gives up after trouble, and never knows."""
        while work.answer is None:
            work.tries += 1
            try:
                status, answer = await self.ask(work)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                work.troubles[type(error).__name__] += 1
            else:
                if status in (201, 409):
                    work.answer, work.is_posted = answer, status == 201
                    return
                work.troubles[f"{status} {answer.get('code')}"] += 1
            if not self.is_over and self.random.random() < 0.02:
                return
            await asyncio.sleep(self.random.uniform(0.02, 0.1))

    async def ask(self, work: Work) -> tuple[int, dict[str, Any]]:
        body: dict[str, Any] = {"json": work.body}
        if work.mode == "lines":
            body = {"data": work.lines, "headers": {"Content-Type": MEDIA_TYPE}}
        async with self._session.post(f"{self._url}{work.path}", **body) as answer:
            return answer.status, await answer.json(content_type=None)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach."""
    root = Path(tempfile.mkdtemp(prefix="tequio-crash-"))
    root.chmod(0o711)
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def service(folder: Path) -> Iterator[KilledService]:
    service = KilledService(folder)
    yield service
    service.give_up()


@pytest.mark.parametrize("workers", [0, 2])
async def test_killed_again_and_again(
    service: KilledService, folder: Path, workers: int
) -> None:
    """Every acknowledged transfer is there once, every other one at most once."""
    seed = KILLS or 1
    service.workers = workers
    await killed_before_it_first_served(service, random.Random(seed))
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        await service.ready(session)
        session.headers["Authorization"] = f"Bearer {service.key}"
        await furnish(session, service.url)
        ledger = f"{service.url}{LEDGER}"
        load = Load(service.url, session, seed)
        clients = [asyncio.create_task(load.client()) for _ in range(CLIENTS)]
        checkpoints: list[bytes] = []
        try:
            for name, after in kills(seed, fronts=workers > 0):
                await kill(service, session, name, after)
                await service.ready(session)
                checkpoints.append(await get(session, f"{ledger}/journal/checkpoint"))
            load.is_over = True
            async with asyncio.timeout(30):
                await asyncio.gather(*clients)
        finally:
            for task in clients:
                task.cancel()

        transfers = [t async for t in pages(session, f"{ledger}/transfers")]
        batches = [b async for b in pages(session, f"{ledger}/batches")]
        accounts = [a async for a in pages(session, f"{ledger}/accounts")]
        account_for(load.sent, transfers, batches)
        balance(transfers, {a["code"]: a["balance"] for a in accounts})
        await same_again(load)
        export(service, folder)
    assert service.stop() == 0, service.log.read_text()[-4000:]
    assert processes_in(folder) == []
    for checkpoint in checkpoints:  # Whatever was shown between the kills is part of it.
        _, size, root, *_ = checkpoint.split(b"\n")
        expect = (int(size), b64decode(root))
        assert verify_export(folder / "export", expect=expect).broken is None
    log.info(
        "%s starts, %s batches, %s transfers, %s",
        service.starts,
        len(load.sent),
        len(transfers),
        Counter(trouble for work in load.sent for trouble in work.troubles),
    )


async def killed_before_it_first_served(service: KilledService, chance: random.Random) -> None:
    """While it makes its database, its tables, its keys."""
    for seconds in (1, 2, 3):
        service.start()
        await asyncio.sleep(chance.uniform(seconds - 0.9, seconds))
        service.kill()
    service.start()


async def furnish(session: aiohttp.ClientSession, url: str) -> None:
    ledger = {"code": "caja", "name": "Caja", "time_zone": "America/Mexico_City"}
    currency = {"code": "MXN", "kind": "national", "scale": 2}
    accounts = [{"code": "cash", "currency": "MXN", "lower_bound": "none"}]
    accounts += [{"code": code, "currency": "MXN"} for code in MEMBERS]
    for path, body in (
        ("/v1/ledgers", ledger),
        (f"{LEDGER}/currencies", currency),
        (f"{LEDGER}/accounts", {"accounts": accounts}),
    ):
        async with session.post(f"{url}{path}", json=body) as answer:
            assert answer.status == 201, await answer.text()


async def kill(
    service: KilledService, session: aiohttp.ClientSession, name: str, after: float
) -> None:
    """Kill what is named, some time after the service answers, and start it anew."""
    await asyncio.sleep(after)
    match name:
        case "front":  # Which the service starts anew by itself.
            service.kill_front()
            return
        case "service":
            service.kill()
        case "starting":
            service.kill()
            service.start()
            await asyncio.sleep(3 * after)  # PostgreSQL recovers, or the ledger is read.
            service.kill()
        case "postmaster":  # The service says so, and is stopped in good order.
            service.kill_postmaster()
            await asyncio.sleep(after)
            assert service.stop() == 0, service.log.read_text()[-4000:]
        case "postmaster, then service":
            service.kill_postmaster()
            await asyncio.sleep(after / 10)
            service.kill()
    service.start()


async def get(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def pages(session: aiohttp.ClientSession, url: str) -> AsyncIterator[dict[str, Any]]:
    """All that a listing has, page by page."""
    after: Any = None
    while True:
        query = {"limit": "1000"} | ({} if after is None else {"after": str(after)})
        async with session.get(url, params=query) as answer:
            assert answer.status == 200, await answer.text()
            page = await answer.json()
        after = page.pop("next", None)
        (rows,) = page.values()
        for row in rows:
            yield row
        if after is None or not rows:
            return


# ---- the account


def account_for(
    sent: list[Work], transfers: list[dict[str, Any]], batches: list[dict[str, Any]]
) -> None:
    """Each batch that was sent against what is there."""
    assert [t["sequence"] for t in transfers] == list(range(1, len(transfers) + 1))
    there: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for t in transfers:
        assert t["position"] not in there[t["id"]], "the same position twice"
        there[t["id"]][t["position"]] = t
    spent = {b["id"]: b for b in batches}
    assert len(spent) == len(batches), "an id twice"
    assert spent.keys() <= {str(work.id) for work in sent}
    for work in sent:
        posted = there.pop(str(work.id), {})
        kept = spent.get(str(work.id))
        for position, t in posted.items():
            asked = work.transfers[position]
            assert {name: t[name] for name in asked} == asked
        if work.answer is None:  # Never acknowledged: all of it, or nothing.
            whole = work.mode == "each" or len(posted) == len(work.transfers)
            assert not posted or whole
        elif work.is_posted:
            receipt = work.answer["receipt"]
            assert kept is not None, "acknowledged, and lost"
            assert kept["leaf_index"] == receipt["leaf_index"]
            outcomes = receipt.get("outcomes")
            if work.mode == "each" and outcomes is not None:
                assert {o["position"] for o in outcomes if "sequence" in o} == posted.keys()
            else:
                assert len(posted) == len(work.transfers)
        else:
            assert kept is not None, "refused, and forgotten"
            assert kept["leaf_index"] == work.answer["leaf_index"]
            assert not posted
    assert not there, "nobody sent these"
    assert sum(work.is_posted for work in sent) > 50, "too little to mean anything"
    assert {work.mode for work in sent if work.is_posted} == {*MODES}


def balance(transfers: list[dict[str, Any]], balances: dict[str, str]) -> None:
    """The service's balances against the sums of what is there."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for t in transfers:
        sums[t["debit_account"]] -= Decimal(t["amount"])
        sums[t["credit_account"]] += Decimal(t["amount"])
    assert {code: Decimal(text) for code, text in balances.items()} == {
        code: sums[code] for code in balances
    }
    assert sum(sums.values()) == 0
    assert all(sums[code] >= 0 for code in MEMBERS)


async def same_again(load: Load) -> None:
    """A late repeat gets the receipt of the first time."""
    answered = [work for work in load.sent if work.answer is not None]
    for work in load.random.sample(answered, 40):
        assert work.answer is not None
        _, again = await load.ask(work)
        if work.is_posted:
            assert again["receipt"] == work.answer["receipt"]
        else:
            assert again["leaf_index"] == work.answer["leaf_index"]


def export(service: KilledService, folder: Path) -> None:
    """`tequio export journal`, and `tequio verify` of what it wrote."""
    out = folder / "export"
    place = ("--ledger", "caja", "--url", service.url)
    key = run_command(
        *("key", "create", "--role", "auditor", "--json", *place), TEQUIO_KEY=service.key
    )
    auditor = json.loads(key.stdout)["secret"]
    done = run_command("export", "journal", "--out", out, *place, TEQUIO_KEY=auditor)
    assert done.returncode == 0, done.stderr
    verified = run_command("verify", out)
    assert verified.returncode == 0, verified.stdout + verified.stderr
