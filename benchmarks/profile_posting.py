"""Where do the microseconds of a posted transfer go, stage by stage?

Question: what would make posting in full batches faster, if it were faster itself?
Expect:   some 5 us a transfer at work in this process: resolving, lines and their
          encoding, the tree and packing take most; posting itself less than one.
Run:      python -m benchmarks.profile_posting [--batches N] [--singles]

Decoder, sequencer and store in one process, without HTTP, over an embedded PostgreSQL.
Stages are timed by wrapping their functions. The last line is one JSON object: `work_us`
per transfer at work in each stage (they add up), `wait_us` for what is waited for (other
stages go on meanwhile), `cpu_us` of this process and of PostgreSQL in all.
"""

import argparse
import asyncio
import functools
import importlib
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvloop

from benchmarks.work import CURRENCY, LEDGER, SCALE, account_bodies, batch_bodies, single_bodies
from ledger.api.wire import BatchRequest, TransferRequest, decode, decode_accounts
from ledger.core.answered import Receipt
from ledger.core.asked import AskedBatch, AskedCurrency, AskedLedger, Caller
from ledger.core.model import BATCH_MAX, CurrencyKind, Role
from ledger.pg.embedded import EmbeddedPostgres
from ledger.pg.migrations import migrate
from ledger.pg.pool import Database
from ledger.pg.sql_files import sql_directory
from ledger.pg.store import PgStore
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.notary import FileNotary

CLIENTS = 4
SINGLE_CLIENTS = 32
CALLER = Caller(key="profile", role=Role.OPERATOR)

WORK = {  # None of these calls another.
    "form": "ledger.sequencer.writer:check_form",
    "chance": "ledger.sequencer.deciding:Decider.moment",
    "resolve": "ledger.sequencer.posting:resolve",
    "lines": "ledger.sequencer.posting:write_lines",
    "post": "ledger.core.book:Book.post",
    "encode": "ledger.journal.batches:encode_lines",
    "tree": "ledger.journal.batches:root_of_lines",
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

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started
            self.calls[name] += 1

    def wrap(self, name: str, place: str) -> None:
        """Put a timed function in the place of "module:name" or "module:Class.name"."""
        module, _, path = place.partition(":")
        *owners, attribute = path.split(".")
        owner = functools.reduce(getattr, owners, importlib.import_module(module))
        function: Callable[..., Any] = getattr(owner, attribute)

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
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


async def post_batches(sequencer: Sequencer, clock: Clock, accounts: int, batches: int) -> int:
    """Post full batches from some clients at once; the number of transfers posted."""
    bodies = batch_bodies(accounts, 16)
    turns = iter(range(batches))

    async def client() -> None:
        for turn in turns:
            body = bodies[turn % len(bodies)]
            with clock.stage("work decode"):
                asked = decode(body, BatchRequest)
            receipt = await sequencer.post(LEDGER, asked.batch(uuid4()), CALLER)
            assert isinstance(receipt, Receipt), receipt

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return batches * BATCH_MAX


async def post_singles(sequencer: Sequencer, clock: Clock, accounts: int, singles: int) -> int:
    """Post single transfers from many clients at once; their number."""
    bodies = single_bodies(accounts)
    turns = iter(range(singles))

    async def client() -> None:
        for turn in turns:
            with clock.stage("work decode"):
                asked = decode(bodies[turn % len(bodies)], TransferRequest)
            batch = AskedBatch(id=uuid4(), transfers=[asked.transfer()])
            receipt = await sequencer.post(LEDGER, batch, CALLER)
            assert isinstance(receipt, Receipt), receipt

    await asyncio.gather(*(client() for _ in range(SINGLE_CLIENTS)))
    return singles


Post = Callable[[Sequencer, Clock, int, int], Coroutine[Any, Any, int]]


async def profile(
    server: EmbeddedPostgres, root: Path, post: Post, accounts: int, count: int
) -> dict[str, Any]:
    """Post, and say where the time went."""
    await migrate(server.dsn(), sql_directory("migrations"))
    clock = Clock()
    for kind, stages in (("work", WORK), ("wait", WAIT)):
        for name, place in stages.items():
            clock.wrap(f"{kind} {name}", place)
    async with Database(server.dsn()) as database:
        notary = FileNotary(root / "signer")
        store = PgStore(database)
        sequencer = Sequencer(store, notary, origin="bench.invalid", owner="profile")
        await sequencer.start()
        await open_books(sequencer, accounts)
        await post(sequencer, Clock(), accounts, count // 10 + 1)  # Warm.
        clock.seconds.clear()
        clock.calls.clear()
        assert server.pid is not None
        cpu, database_cpu = time.process_time(), cpu_of_children(server.pid)
        started = time.perf_counter()
        transfers = await post(sequencer, clock, accounts, count)
        elapsed = time.perf_counter() - started
        cpu, database_cpu = (
            time.process_time() - cpu,
            cpu_of_children(server.pid) - database_cpu,
        )
        await sequencer.close()
        notary.close()
    return {
        "transfers_per_s": round(transfers / elapsed),
        "work_us": stages_of(clock, "work", transfers),
        "wait_us": stages_of(clock, "wait", transfers),
        "groups": clock.calls["wait commit"],
        "cpu_us": {
            "here": round(cpu / transfers * 1e6, 3),
            "postgresql": round(database_cpu / transfers * 1e6, 3),
        },
    }


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
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batches", type=int, default=100, help="how many full batches")
    parser.add_argument("--singles", type=int, help="so many single transfers instead")
    parser.add_argument("--accounts", type=int, default=100_000)
    options = parser.parse_args()
    post: Post = post_singles if options.singles else post_batches
    count: int = options.singles or options.batches
    with tempfile.TemporaryDirectory(prefix="tequio-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)  # PostgreSQL may run as another user.
        with EmbeddedPostgres(root / "server") as server:
            found = uvloop.run(profile(server, root, post, options.accounts, count))
            print(json.dumps(found))


if __name__ == "__main__":
    main()
