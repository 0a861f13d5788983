"""The real service, killed with kill -9 under load: nothing lost, nothing twice.

Several clients post through HTTP and send the same again whatever goes wrong; so does a branch
that signs its batches and has them in a spool, and that stops at times itself. The service is
killed at random moments, while it serves and while it starts; so is the postmaster of its
PostgreSQL. In the end the transfers are counted against what the clients were told, and the
journal is exported and verified. What is random comes from a seed; what the scheduler of the
machine makes of it does not.

    TEQUIO_KILLS=50 pytest tests/crash      kills it fifty times, from another seed
"""

import asyncio
import contextlib
import json
import logging
import os
import random
import shutil
import tempfile
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from ledger.client.client import Client, Outcome, Receipt, Waits
from ledger.client.sealing import SealedBatch, Sealer
from ledger.client.spool import Spool
from ledger.core.lines import Transfer
from ledger.core.model import Mode
from ledger.journal.notes import signer_from_seed
from ledger.journal.verify import verify_export
from tests.crash.service import KilledService, processes_in, run_command

log = logging.getLogger(__name__)

KILLS = int(os.environ.get("TEQUIO_KILLS", "0"))
CLIENTS = 8
SEED = bytes(range(32))  # Of the key with which the branch signs.
MEMBERS = [f"m{n}" for n in range(1, 7)]
LEDGER = "/v1/ledgers/caja"

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
    """A batch a client sends until there is an answer, or until it gives up."""

    id: UUID
    mode: str
    transfers: list[dict[str, str]]
    sealed: SealedBatch | None = None  # By whom it is signed and sent as lines.
    answer: Any = None  # The receipt, or the problem of a refusal.
    leaf_index: int = -1
    posted: set[int] = field(default_factory=set)  # Positions.
    tries: int = 0
    troubles: Counter[str] = field(default_factory=Counter)

    def is_answered(self, answer: dict[str, Any], *, is_posted: bool) -> None:
        """By JSON, with a receipt or a problem."""
        self.answer = answer["receipt"] if is_posted else answer["leaf_index"]
        self.leaf_index = self.answer["leaf_index"] if is_posted else self.answer
        if is_posted:
            outcomes = self.answer.get("outcomes", []) if self.mode == "each" else []
            refused = {one["position"] for one in outcomes if "sequence" not in one}
            self.posted = set(range(len(self.transfers))) - refused

    def is_settled(self, outcome: Outcome) -> None:
        """By the spool."""
        assert not isinstance(outcome, Waits), "nothing asks for approval"
        assert isinstance(outcome.leaf_index, int), outcome
        self.leaf_index = outcome.leaf_index
        if isinstance(outcome, Receipt):
            outcomes = [] if outcome.outcomes is UNSET else outcome.outcomes
            refused = {one["position"] for one in outcomes if "code" in one}
            self.posted = set(range(len(self.transfers))) - refused
            assert outcome.posted == len(self.posted), outcome
            outcome = replace(outcome, replayed=False)
        assert self.answer in (None, outcome), "another answer than before"
        self.answer = outcome

    @property
    def path(self) -> str:
        return f"{LEDGER}/{'transfers' if self.mode == 'single' else 'batches'}"

    @property
    def body(self) -> dict[str, Any]:
        if self.mode == "single":
            return {"id": str(self.id), **self.transfers[0]}
        return {"id": str(self.id), "mode": self.mode, "transfers": self.transfers}


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

    def work(self, modes: Sequence[str] = ("single", "single", "atomic", "each")) -> Work:
        """Payments, of which some are more than a member has."""
        mode = self.random.choice(modes)
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
                    work.is_answered(answer, is_posted=status == 201)
                    return
                work.troubles[f"{status} {answer.get('code')}"] += 1
            if not self.is_over and self.random.random() < 0.02:
                return
            await asyncio.sleep(self.random.uniform(0.02, 0.1))

    async def ask(self, work: Work) -> tuple[int, dict[str, Any]]:
        async with self._session.post(f"{self._url}{work.path}", json=work.body) as answer:
            return answer.status, await answer.json(content_type=None)


class Branch:
    """Signs its batches, keeps them on disk, and stops in the midst of sending to go on."""

    def __init__(self, load: Load, client: Client, spool: Spool, sealer: Sealer) -> None:
        self._load = load
        self._client = client
        self._spool = spool
        self._sealer = sealer
        self.sent: dict[str, Work] = {}  # By id.

    async def live(self) -> None:
        numbers, load = await self._client.numbers(), self._load
        while not load.is_over:
            for _ in range(load.random.randint(1, 6)):
                work = load.work(["atomic", "each"])
                lines = [_line(t, numbers) for t in work.transfers]
                work.sealed = self._sealer.seal(lines, batch_id=work.id, mode=Mode(work.mode))
                load.sent.append(work)
                self.sent[str(work.id)] = work
                self._spool.add(work.sealed)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(load.random.uniform(0.1, 2)):
                    await self._send()
        await self._send()
        assert not list(self._spool.waiting())

    async def _send(self) -> None:
        async for outcome in self._spool.send(self._client):
            self.sent[outcome.id].is_settled(outcome)

    async def same_again(self) -> None:
        """A late repeat, byte for byte, gets the answer of the first time."""
        for work in self._load.random.sample([*self.sent.values()], 10):
            assert work.sealed is not None
            work.is_settled(await self._client.post(work.sealed))


def _line(t: dict[str, str], numbers: dict[str, int]) -> Transfer:
    return Transfer(
        debit_account=numbers[t["debit_account"]],
        credit_account=numbers[t["credit_account"]],
        amount=int(t["amount"].replace(".", "")),
        kind=t["kind"],
    )


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
        checkpoints: list[bytes] = []
        async with await branch_of(session, service.url, load) as client:
            branch = Branch(
                load, client, Spool(folder / "spool"), await sealer_of(client, load)
            )
            clients = [asyncio.create_task(load.client()) for _ in range(CLIENTS)]
            clients.append(asyncio.create_task(branch.live()))
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
            await branch.same_again()

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


async def branch_of(session: aiohttp.ClientSession, url: str, load: Load) -> Client:
    """A client for a poster that must sign, with its key registered."""
    key = {"role": "poster", "poster": "branch", "accounts": ["cash", "m*"]}
    async with session.post(f"{url}{LEDGER}/keys", json=key) as answer:
        assert answer.status == 201, await answer.text()
        secret = (await answer.json())["secret"]
    public = {"public_key": signer_from_seed("branch", SEED).vkey}
    async with session.post(f"{url}{LEDGER}/posters/branch/keys", json=public) as answer:
        assert answer.status == 201, await answer.text()
    chance = load.random.random
    return Client(url, ledger="caja", key=secret, first_wait_s=0.02, chance=chance)


async def sealer_of(client: Client, load: Load) -> Sealer:
    return Sealer(await client.origin(), seed=SEED, chance=load.random.randbytes)


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
        else:
            assert kept is not None, "acknowledged or refused, and lost"
            assert kept["leaf_index"] == work.leaf_index
            assert posted.keys() == work.posted
    assert not there, "nobody sent these"
    for is_signed, least in ((False, 50), (True, 20)):
        posted_ones = [w for w in sent if w.posted and (w.sealed is not None) is is_signed]
        assert len(posted_ones) > least, "too little to mean anything"


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
    answered = [w for w in load.sent if w.answer is not None and w.sealed is None]
    for work in load.random.sample(answered, 40):
        _, again = await load.ask(work)
        assert again.get("receipt", again.get("leaf_index")) == work.answer


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
