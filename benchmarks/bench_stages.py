"""Where do the microseconds of a posted transfer go, stage by stage?

Question: what would make posting faster, if it were faster itself?
Expect:   of full batches of signed lines some 4 us a transfer at work in this process: reading
          them and their tree take most, deciding half of one; of JSON one or two more, to
          resolve codes and write lines. Of single transfers most is waited for.
Run:      ./run bench stages [--scale F] [--seconds N]

Decoder, sequencer and store in one process, without HTTP, over an embedded PostgreSQL.
Stages are timed by wrapping their functions. `--scale` multiplies the accounts, `--seconds`
bounds the posting of each kind. The last line is one JSON object: `client_us_per_transfer` for
building and signing lines; a `<stage>_us` per transfer for signed lines; and in `lines`,
`json` and `singles` all stages at `work_us` (they add up), those at `wait_us` (others go on
meanwhile), and `cpu_us` of this process and of PostgreSQL in all.
"""

import argparse
import asyncio
import functools
import importlib
import itertools
import json
import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvloop
from msgspec.structs import replace

from benchmarks.measuring import machine
from benchmarks.work import (
    CURRENCY,
    LEDGER,
    POSTER,
    POSTER_SEED,
    SCALE,
    account_bodies,
    batch_bodies,
    single_bodies,
    transfers,
)
from ledger.api.wire import BatchRequest, TransferRequest, decode, decode_accounts
from ledger.client.sealing import Sealer
from ledger.core.answered import Receipt
from ledger.core.asked import AskedBatch, AskedCurrency, AskedLedger, Caller
from ledger.core.book import Book
from ledger.core.lines import Transfer
from ledger.core.model import BATCH_MAX, CurrencyKind, Role
from ledger.core.posters import key_change
from ledger.journal import batches, checkpoints
from ledger.journal.notes import parse_vkey, signer_from_seed
from ledger.pg.embedded import EmbeddedPostgres
from ledger.pg.migrations import migrate
from ledger.pg.pool import Database
from ledger.pg.sql_files import sql_directory
from ledger.pg.store import PgStore
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.notary import FileNotary

ACCOUNTS = 100_000
BATCHES = 16  # Different ones; each is posted again and again under fresh ids.
CALLER = Caller(key="profile", role=Role.OPERATOR)
BY_POSTER = Caller(key="poster", role=Role.OPERATOR, poster=POSTER)
KEY = parse_vkey(signer_from_seed(POSTER, POSTER_SEED).vkey).public_key

WORK = {  # None of these calls another.
    "form": "ledger.sequencer.writer:check_form",
    "chance": "ledger.sequencer.deciding:Decider.moment",
    "resolve": "ledger.sequencer.posting:resolve",
    "lines": "ledger.sequencer.posting:write_lines",
    "post": "ledger.core.book:Book.post",
    "encode": "ledger.journal.batches:encode_lines",
    "tree": "ledger.journal.batches:root_of_lines",
    "read": "ledger.journal.batches:read_body",
    "verify": "ledger.journal.checkpoints:open_batch_note",
    "pack": "ledger.pg.copy:pack_slice",
    "compress": "ledger.pg.rows:pack",
    "close": "ledger.sequencer.group:OpenGroup.closed",
}
WAIT = {
    "lookup": "ledger.pg.store:PgStore.lookup",
    "write": "ledger.pg.store:PgStore._write",
    "commit": "ledger.pg.store:PgStore._commit",
    "sign": "ledger.sequencer.notary:FileNotary.sign",
}


class Clock:
    """Seconds and calls by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self.is_client = False

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started
            self.calls[name] += 1

    @contextmanager
    def of_client(self) -> Iterator[None]:
        """Count the time inside as the client's, whatever is called."""
        self.is_client = True
        try:
            with self.stage("client seal"):
                yield
        finally:
            self.is_client = False

    def wrap(self, name: str, place: str) -> None:
        """Put a timed function in the place of "module:name" or "module:Class.name"."""
        module, _, path = place.partition(":")
        *owners, attribute = path.split(".")
        owner = functools.reduce(getattr, owners, importlib.import_module(module))
        function: Callable[..., Any] = getattr(owner, attribute)

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if self.is_client:  # It does some of the same before it sends.
                return function(*args, **kwargs)
            with self.stage(name):
                return function(*args, **kwargs)

        @functools.wraps(function)
        async def timed_wait(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return await function(*args, **kwargs)

        setattr(
            owner, attribute, timed_wait if asyncio.iscoroutinefunction(function) else timed
        )


async def open_books(sequencer: Sequencer, accounts: int) -> None:
    """A ledger with accounts that nothing stops."""
    asked = AskedLedger(code=LEDGER, name="Bench", time_zone="America/Mexico_City")
    await sequencer.open_ledger(asked, CALLER)
    currency = AskedCurrency(code=CURRENCY, kind=CurrencyKind.NATIONAL, scale=SCALE)
    await sequencer.add_currency(LEDGER, currency, CALLER)
    for body in account_bodies(accounts):
        await sequencer.open_accounts(LEDGER, decode_accounts(body), CALLER)

    def register(book: Book, now: int) -> Any:
        return key_change(book, "register", POSTER, KEY, recorded_at=now, by="profile"), None

    assert await sequencer.change_rule(LEDGER, register) is None, "the key is taken"


Send = Callable[[Sequencer, Clock, int], Coroutine[Any, Any, int]]
Prepare = Callable[[str, int], Send]


def lines_of(origin: str, accounts: int) -> Send:
    """Posts full batches of signed lines, each made anew."""
    rng = random.Random(8190)
    columns = [transfers(rng, accounts, BATCH_MAX) for _ in range(BATCHES)]
    sealer = Sealer(origin, seed=POSTER_SEED)

    async def send(sequencer: Sequencer, clock: Clock, turn: int) -> int:
        one = columns[turn % BATCHES]
        rows = zip(one.debit, one.credit, one.amount, strict=True)
        with clock.of_client():
            lines = [
                Transfer(amount=amount, credit_account=c, debit_account=d, kind="deposit")
                for d, c, amount in rows
            ]
            sealed = sealer.seal(lines, salted=False)
        batch = batches.read_written(sealed.data, note=sealed.note.decode())
        signed = checkpoints.open_batch_note(sealed.note, origin, batch.id, KEY)
        assert signed.root == batch.root, "what was signed came"
        signed_batch = replace(batch, signer=KEY)
        receipt = await sequencer.post(LEDGER, signed_batch, BY_POSTER)
        assert isinstance(receipt, Receipt), receipt
        return BATCH_MAX

    return send


def json_of(_: str, accounts: int) -> Send:
    """Posts full batches of JSON."""
    bodies = batch_bodies(accounts, BATCHES)

    async def send(sequencer: Sequencer, clock: Clock, turn: int) -> int:
        with clock.stage("work decode"):
            asked = decode(bodies[turn % BATCHES], BatchRequest)
        receipt = await sequencer.post(LEDGER, asked.batch(uuid4()), CALLER)
        assert isinstance(receipt, Receipt), receipt
        return BATCH_MAX

    return send


def singles_of(_: str, accounts: int) -> Send:
    """Posts single transfers."""
    bodies = single_bodies(accounts)

    async def send(sequencer: Sequencer, clock: Clock, turn: int) -> int:
        with clock.stage("work decode"):
            asked = decode(bodies[turn % len(bodies)], TransferRequest)
        batch = AskedBatch(id=uuid4(), transfers=[asked.transfer()])
        receipt = await sequencer.post(LEDGER, batch, CALLER)
        assert isinstance(receipt, Receipt), receipt
        return 1

    return send


KINDS: dict[str, tuple[Prepare, int]] = {  # And from how many clients at once.
    "lines": (lines_of, 4),
    "json": (json_of, 4),
    "singles": (singles_of, 32),
}


async def post(
    sequencer: Sequencer, clock: Clock, send: Send, clients: int, seconds: float
) -> int:
    """Post until the time is up; how many transfers."""
    until = time.perf_counter() + seconds
    turns = itertools.count()
    posted = 0

    async def client() -> None:
        nonlocal posted
        while time.perf_counter() < until:
            count = await send(sequencer, clock, next(turns))
            posted += count  # Not in one: others add to it meanwhile.

    await asyncio.gather(*(client() for _ in range(clients)))
    return posted


async def profile(
    server: EmbeddedPostgres, root: Path, accounts: int, seconds: float
) -> dict[str, Any]:
    """Post each kind, and say where the time went."""
    await migrate(server.dsn(), sql_directory("migrations"))
    clock = Clock()
    for kind, stages in (("work", WORK), ("wait", WAIT)):
        for name, place in stages.items():
            clock.wrap(f"{kind} {name}", place)
    found: dict[str, Any] = {}
    async with Database(server.dsn()) as database:
        notary = FileNotary(root / "signer")
        sequencer = Sequencer(
            PgStore(database), notary, origin="bench.invalid", owner="profile"
        )
        await sequencer.start()
        await open_books(sequencer, accounts)
        opening = sequencer.facts(LEDGER).opening
        assert opening is not None, "it was opened"
        for name, (prepare, clients) in KINDS.items():
            print(name, file=sys.stderr, flush=True)
            send = prepare(opening.origin, accounts)
            await post(sequencer, clock, send, clients, seconds / 5)  # Warm.
            found[name] = await _measured(server, sequencer, clock, send, clients, seconds)
        await sequencer.close()
        notary.close()
    stages = found["lines"]["work_us"] | found["lines"]["wait_us"]
    client = found["lines"].pop("client_us")
    return {
        "client_us_per_transfer": client["seal"],
        **{f"{name}_us": us for name, us in stages.items()},
        **found,
    }


async def _measured(
    server: EmbeddedPostgres,
    sequencer: Sequencer,
    clock: Clock,
    send: Send,
    clients: int,
    seconds: float,
) -> dict[str, Any]:
    clock.seconds.clear()
    clock.calls.clear()
    assert server.pid is not None
    cpu, database_cpu = time.process_time(), cpu_of_children(server.pid)
    started = time.perf_counter()
    transfers = await post(sequencer, clock, send, clients, seconds)
    elapsed = time.perf_counter() - started
    cpu, database_cpu = (
        time.process_time() - cpu,
        cpu_of_children(server.pid) - database_cpu,
    )
    figures = {
        "transfers_per_s": round(transfers / elapsed),
        "work_us": stages_of(clock, "work", transfers),
        "wait_us": stages_of(clock, "wait", transfers),
        "groups": clock.calls["wait commit"],
        "cpu_us": {
            "here": round(cpu / transfers * 1e6, 3),
            "postgresql": round(database_cpu / transfers * 1e6, 3),
        },
    }
    client = stages_of(clock, "client", transfers)
    return figures | ({"client_us": client} if client else {})


def stages_of(clock: Clock, kind: str, transfers: int) -> dict[str, float]:
    """Microseconds a transfer of all stages of a kind, the dearest first."""
    found = {
        name.removeprefix(f"{kind} "): round(seconds / transfers * 1e6, 3)
        for name, seconds in clock.seconds.items()
        if name.startswith(kind)
    }
    return dict(sorted(found.items(), key=lambda stage: -stage[1]))


def cpu_of_children(parent: int) -> float:
    """Seconds of CPU of the processes a process started and that still run."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # It ended meanwhile.
            continue
        if int(fields[1]) == parent:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="./run bench stages", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of posting each kind")
    parser.add_argument("--scale", type=float, default=1.0, help="of accounts: 100,000 at 1")
    options = parser.parse_args()
    accounts = max(200, round(ACCOUNTS * options.scale))
    with tempfile.TemporaryDirectory(prefix="tequio-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)  # PostgreSQL may run as another user.
        with EmbeddedPostgres(root / "server") as server:
            found = uvloop.run(profile(server, root, accounts, options.seconds))
            print(json.dumps(found | {"machine": machine(server)}))


if __name__ == "__main__":
    main()
