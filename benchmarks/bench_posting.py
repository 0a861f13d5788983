"""How many transfers a second does the service post durably, and what does a start cost?

Question: how near does posting over HTTP, signed, come to what the database itself can take
          (a bare COPY of the same rows), and a single transfer to what HTTP itself costs
          (an echo)? How long is a start with a million accounts, how large is it in memory,
          and does memory grow with recorded batches?
Expect:   on two cores, shared by client, service and database: batches of signed lines at
          0.4 of the bare COPY or better, of JSON at a quarter, singles at a third of the
          echo, a hot account as fast as any.
          Counted until statements have caught up, 0.28. A transfer costs the same at ten
          million rows as at one, or a third more at most.
          A start reads a snapshot of a million lines: some seconds, 300 bytes each.
          Memory is flat but for some 2 MB once, at the first snapshot after a start.
Run:      ./run bench posting [--seconds N] [--scale F] [--memory-seconds 120]

The service runs as `tequio serve` does, in a process of its own, over an embedded PostgreSQL
with fsync and synchronous_commit on; the load comes from another process. Every answer is
checked: 201, after COMMIT and signature. Rates are medians of rounds, in which all parts take
turns; ratios are medians of each round's ratio. Paced singles come at half the rate that
was just reached, and their latency counts from when they were due. `--seconds` bounds a
part of a round, `--scale` multiplies the sizes. Another ledger grows to its full size in as
many steps as there are rounds, a COPY before each, the time counted until statements have
caught up; growth.png, beside this file, shows throughput over time and cost over size.
`bytes_per_batch` is what the service grows over 200,000 singles, one snapshot among them;
the two minutes of a run without options have time for some of these, which are then told.
Progress on stderr; the last line of stdout is one JSON object of all figures.
"""

import argparse
import asyncio
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from msgspec import Struct, field

from benchmarks.echo import serve_echo
from benchmarks.growth import PLOT, Window, draw, grow, growth, rows_of
from benchmarks.load import LoadProcess, Report
from benchmarks.measuring import all_created, measure, new_database, percentile_ms, say
from benchmarks.serving import ServiceProcess, open_accounts, open_books, register_poster
from benchmarks.work import (
    batch_bodies,
    batch_requests,
    copy_streams,
    lines_requests,
    single_bodies,
    single_requests,
    transfers,
)
from ledger.core.model import BATCH_MAX
from ledger.pg.embedded import EmbeddedPostgres
from ledger.pg.indexer import LAG_MIN

BATCH_CLIENTS = 4
SINGLE_CLIENTS = 32
BATCHES = 16  # Different ones; each is posted again and again under fresh ids.
WARM_SINGLES = 20_000  # Before memory is looked at: what is made once is then made.
COPY_RATE_MAX = 1_000_000  # Rows a second nobody reaches here; so many are packed.
INDEX_LAG = "ledger_index_lag_transfers"
INDEX_POLL_S = 0.05
INDEX_S_MAX = 300.0
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")

TARGETS: dict[str, tuple[str, float]] = {
    "ratio_to_copy": (">=", 0.40),
    "ratio_to_copy_sustained": (">=", 0.28),
    "ratio_to_copy_json": (">=", 0.25),
    "ratio_to_echo": (">=", 0.45),
    "single_paced_p99_ms": ("<=", 20),
    "ratio_hot": (">=", 0.9),
    "growth_10x": ("<=", 1.3),
    "bytes_per_account": ("<=", 300),
    "bytes_per_batch": ("<=", 20),
}


Copy = Callable[[float], float]  # For so many seconds; rows a second.


class Options(Struct, frozen=True, kw_only=True):
    seconds: float
    rounds: int
    accounts: int
    start_accounts: int
    memory_seconds: float
    singles: int
    rows: int
    plot: Path
    workers: int = 0


class Rounds(Struct):
    """What each round measured, part by part."""

    copy: list[float] = field(default_factory=list)  # Rows a second.
    lines: list[float] = field(default_factory=list)  # Transfers a second, as signed lines,
    batch: list[float] = field(default_factory=list)  # and as JSON.
    hot: list[float] = field(default_factory=list)
    echo: list[float] = field(default_factory=list)  # Answers a second.
    single: list[float] = field(default_factory=list)
    batch_latencies: list[float] = field(default_factory=list)
    single_latencies: list[float] = field(default_factory=list)
    paced_latencies: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        return {
            "transfers_per_s": round(statistics.median(self.lines)),
            "copy_rows_per_s": round(statistics.median(self.copy)),
            "ratio_to_copy": median_ratio(self.lines, self.copy),
            "transfers_per_s_json": round(statistics.median(self.batch)),
            "ratio_to_copy_json": median_ratio(self.batch, self.copy),
            "singles_per_s": round(statistics.median(self.single)),
            "echo_per_s": round(statistics.median(self.echo)),
            "ratio_to_echo": median_ratio(self.single, self.echo),
            "batch_p50_ms": percentile_ms(self.batch_latencies, 50),
            "batch_p99_ms": percentile_ms(self.batch_latencies, 99),
            "single_p50_ms": percentile_ms(self.single_latencies, 50),
            "single_p99_ms": percentile_ms(self.single_latencies, 99),
            "single_paced_p99_ms": percentile_ms(self.paced_latencies, 99),
            "ratio_hot": median_ratio(self.hot, self.batch),
        }


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios of each round."""
    return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 3)


# ---- the parts


class Bench:
    """One run: a database server, a process that sends, and the parts in their order."""

    def __init__(self, options: Options, server: EmbeddedPostgres, load: LoadProcess) -> None:
        self.options = options
        self.server = server
        self.load = load
        self.folder = server.root.parent

    def run(self) -> dict[str, Any]:
        """All figures."""
        figures: dict[str, Any] = {}
        asyncio.run(self._check_durable())
        database = self._opened("posting")
        with copying(database) as copy:
            # Started anew, so that memory freed by the opening does not hide what grows.
            with self.service(database, "posting") as service:
                self._prepare(service)
                figures |= self._memory_of_batches(service)
                figures |= self._rounds(service, copy).figures()
            grown = self._opened("growth")
            with self.service(grown, "growth") as service:
                self._prepare_lines(service)
                figures |= self._growth(service, copy)
        figures |= self._start()
        return figures

    def _opened(self, name: str) -> str:
        """The address of a database with a ledger and its accounts."""
        database = new_database(self.server, name)
        with self.service(database, name) as service:
            say(f"opening {self.options.accounts} accounts")
            open_books(service)
            open_accounts(service, self.options.accounts)
        return database

    def service(self, database: str, name: str) -> ServiceProcess:
        return ServiceProcess(database, self.folder / name, workers=self.options.workers)

    async def _check_durable(self) -> None:
        connection = await asyncpg.connect(self.server.dsn())
        for setting in DURABLE:
            value = await connection.fetchval(f"SHOW {setting}")
            assert value == "on", f"{setting} is {value}: figures without it mean nothing"
        await connection.close()

    def _prepare(self, service: ServiceProcess) -> None:
        say("making requests")
        accounts, key = self.options.accounts, service.key
        singles = single_bodies(accounts)
        # Few accounts, all used while warming up: their balances are then made.
        few = single_bodies(min(accounts, 1_000))
        self.load.prepare("single", single_requests(key, singles))
        self.load.prepare("few", single_requests(key, few))
        self._prepare_lines(service)
        for name, hot in (("batch", False), ("hot", True)):
            bodies = batch_bodies(accounts, BATCHES, hot=hot)
            self.load.prepare(name, batch_requests(key, bodies))

    def _prepare_lines(self, service: ServiceProcess) -> None:
        secret, origin = register_poster(service)
        requests = lines_requests(secret, origin, self.options.accounts, BATCHES)
        self.load.prepare("lines", requests)

    # ---- memory and singles

    def _memory_of_batches(self, service: ServiceProcess) -> dict[str, float]:
        """How much the service grows over many singles, each a batch of one."""
        seconds = self.options.memory_seconds
        warm = min(WARM_SINGLES, self.options.singles)
        self._drive(service, "few", SINGLE_CLIENTS, seconds / 4, count=warm)
        before = service.resident_bytes()
        report = self._drive(service, "few", SINGLE_CLIENTS, seconds, self.options.singles)
        growth = service.resident_bytes() - before
        say(f"{report.answers} singles made the service grow by {growth} bytes")
        return {
            "bytes_per_batch": round(max(0, growth) / report.answers, 2),
            "bytes_per_batch_singles": report.answers,
        }

    # ---- rates

    def _rounds(self, service: ServiceProcess, copy: Copy) -> Rounds:
        rounds = Rounds()
        self._rounds_of_singles(service, rounds)
        self._drive(service, "batch", BATCH_CLIENTS)
        self._drive(service, "lines", BATCH_CLIENTS)
        copy(0.2)
        for number in range(self.options.rounds):
            rounds.copy.append(copy(self.options.seconds))
            lines = self._drive(service, "lines", BATCH_CLIENTS)
            rounds.lines.append(lines.rate * BATCH_MAX)
            rounds.batch_latencies += lines.latencies
            batch = self._drive(service, "batch", BATCH_CLIENTS)
            rounds.batch.append(batch.rate * BATCH_MAX)
            hot = self._drive(service, "hot", BATCH_CLIENTS)
            rounds.hot.append(hot.rate * BATCH_MAX)
            say(
                f"round {number + 1}: COPY {rounds.copy[-1]:,.0f} rows/s, lines "
                f"{rounds.lines[-1]:,.0f} transfers/s, JSON {rounds.batch[-1]:,.0f}, hot "
                f"{rounds.hot[-1]:,.0f}"
            )
        return rounds

    def _rounds_of_singles(self, service: ServiceProcess, rounds: Rounds) -> None:
        """Before batches, of which indexes are kept for a while after they were posted."""
        first = self._drive(service, "single", SINGLE_CLIENTS, 0.2)
        with echoing(first.sample) as echo_port:
            self._echo(echo_port, 0.2)
            for number in range(self.options.rounds):
                rounds.echo.append(self._echo(echo_port, self.options.seconds))
                single = self._drive(service, "single", SINGLE_CLIENTS)
                rounds.single.append(single.rate)
                rounds.single_latencies += single.latencies
                paced = self._drive(service, "single", SINGLE_CLIENTS, rate=single.rate / 2)
                rounds.paced_latencies += paced.latencies
                say(
                    f"round {number + 1}: echo {rounds.echo[-1]:,.0f}/s, "
                    f"singles {rounds.single[-1]:,.0f}/s"
                )

    def _drive(
        self,
        service: ServiceProcess,
        name: str,
        connections: int,
        seconds: float | None = None,
        count: int | None = None,
        rate: float | None = None,
    ) -> Report:
        seconds = self.options.seconds if seconds is None else seconds
        report = self.load.drive(
            service.port, name, connections=connections, seconds=seconds, count=count, rate=rate
        )
        return all_created(report)

    # ---- growth

    def _growth(self, service: ServiceProcess, copy: Copy) -> dict[str, float]:
        """What a transfer costs as a ledger grows, and until statements have caught up."""
        windows: list[Window] = []
        copied: list[float] = []
        sustained: list[float] = []

        def post() -> tuple[float, float]:
            report = self._drive(service, "lines", BATCH_CLIENTS)
            return report.answers * BATCH_MAX, report.seconds

        for number in range(self.options.rounds):
            until = self.options.rows * (number + 1) // self.options.rounds
            copied.append(copy(self.options.seconds))
            started, before = time.perf_counter(), rows_of(windows)
            grow(post, windows, until)
            self._wait_for_index(service)
            elapsed = time.perf_counter() - started
            sustained.append((rows_of(windows) - before) / elapsed)
            say(f"{rows_of(windows):,} rows: sustained {sustained[-1]:,.0f} transfers/s")
        about = f"Posting signed batches durably over HTTP, {os.cpu_count()} cores"
        draw(windows, statistics.median(copied), about, self.options.plot)
        return {
            "transfers_per_s_sustained": round(statistics.median(sustained)),
            "ratio_to_copy_sustained": median_ratio(sustained, copied),
            "growth_10x": growth(windows, rows_of(windows)),
            "rows": rows_of(windows),
        }

    def _wait_for_index(self, service: ServiceProcess) -> None:
        until = time.perf_counter() + INDEX_S_MAX
        while service.metric(INDEX_LAG) > LAG_MIN:
            assert time.perf_counter() < until, "the index does not catch up"
            time.sleep(INDEX_POLL_S)

    def _echo(self, port: int, seconds: float) -> float:
        report = self.load.drive(port, "single", connections=SINGLE_CLIENTS, seconds=seconds)
        return all_created(report).rate

    # ---- a start

    def _start(self) -> dict[str, float]:
        """A start with many accounts, from starting the process to its being ready."""
        count = self.options.start_accounts
        database = new_database(self.server, "start")
        with self.service(database, "start") as service:
            none = service.resident_bytes()
            open_books(service)
            started = time.perf_counter()
            open_accounts(service, count)
            elapsed = time.perf_counter() - started
            say(f"opened {count} accounts in {elapsed:.1f} s")
        with self.service(database, "start") as service:
            say(f"started with {count} accounts in {service.ready_s:.1f} s")
            return {
                "startup_s": round(service.ready_s, 2),
                "startup_accounts": count,
                "bytes_per_account": round((service.resident_bytes() - none) / count, 1),
                "accounts_opened_per_s": round(count / elapsed),
            }


@contextmanager
def echoing(answer: bytes) -> Iterator[int]:
    """The echo in a process of its own; gives its port."""
    spawn = get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=serve_echo, args=(answer, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


@contextmanager
def copying(database: str) -> Iterator[Copy]:
    """A bare COPY into a table like transfers; gives what measures rows a second."""
    first_sequence = 1
    rng = random.Random(8190)
    batches = [transfers(rng, 1_000, BATCH_MAX) for _ in range(BATCHES)]

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        connection = await asyncpg.connect(database)
        await connection.execute(
            "CREATE TABLE tequio.bare_transfers (LIKE tequio.transfers INCLUDING ALL)"
        )
        return connection

    async def measure(streams: Sequence[bytes], seconds: float) -> float:
        rows = 0
        started = time.perf_counter()
        for stream in streams:
            async with connection.transaction():
                await connection.copy_to_table(
                    "bare_transfers",
                    schema_name="tequio",
                    source=memoryview(stream),  # type: ignore[arg-type] # It may.
                    format="binary",
                )
            rows += BATCH_MAX
            if time.perf_counter() - started >= seconds:
                break
        return rows / (time.perf_counter() - started)

    def copy(seconds: float) -> float:
        nonlocal first_sequence
        count = max(1, round(seconds * COPY_RATE_MAX / BATCH_MAX))
        streams = copy_streams(batches, count, first_sequence)
        first_sequence += count * BATCH_MAX
        return runner.run(measure(streams, seconds))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        connection = runner.run(connect())
        yield copy
        runner.run(connection.close())


def options_from(arguments: Sequence[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(
        prog="./run bench posting", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="of each part of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--accounts", type=int, default=100_000, help="that are posted to")
    parser.add_argument("--start-accounts", type=int, default=1_000_000, help="at the start")
    parser.add_argument("--singles", type=int, default=200_000, help="for bytes_per_batch")
    parser.add_argument(
        "--memory-seconds", type=float, default=12.0, help="for them; 120 is enough for all"
    )
    parser.add_argument("--rows", type=int, default=10_000_000, help="to which it grows")
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes above")
    parser.add_argument("--plot", type=Path, default=PLOT, help="where the picture goes")
    parser.add_argument("--workers", type=int, default=0, help="front processes of the service")
    found = vars(parser.parse_args(arguments))
    scale = found.pop("scale")
    for size in ("accounts", "start_accounts", "singles", "rows"):
        found[size] = max(100, round(found[size] * scale))
    return Options(**found)


def main() -> None:
    options = options_from()
    measure(lambda server, load: Bench(options, server, load).run(), TARGETS)


if __name__ == "__main__":
    main()
