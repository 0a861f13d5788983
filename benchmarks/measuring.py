"""What every benchmark does: a server, a process that sends, figures, and the last line."""

import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.load import LoadProcess, Report
from ledger.pg.embedded import EmbeddedPostgres

Run = Callable[[EmbeddedPostgres, LoadProcess], dict[str, Any]]
Targets = Mapping[str, tuple[str, float]]  # By figure: ">=" or "<=", and what.


def measure(run: Run, targets: Targets) -> None:
    """Run it with all it needs, and print its figures: one JSON object as the last line."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tequio-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)  # PostgreSQL may run as another user.
        say("starting PostgreSQL")
        with EmbeddedPostgres(root / "server") as server, LoadProcess() as load:
            figures = run(server, load) | {"machine": machine(server)}
    for sentence in missed(figures, targets):
        say(sentence)
    say(f"took {time.perf_counter() - began:.0f} s")
    print(json.dumps(figures))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def machine(server: EmbeddedPostgres) -> dict[str, Any]:
    """What the figures were taken on."""

    async def version() -> str:
        connection = await asyncpg.connect(server.dsn())
        answer: str = await connection.fetchval("SHOW server_version")
        await connection.close()
        return answer

    return {
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "postgresql": asyncio.run(version()),
    }


def missed(figures: Mapping[str, Any], targets: Targets) -> list[str]:
    """A sentence for each figure that is not as it should be."""
    return [
        f"missed: {name} is {figures[name]}, asked {sign} {target}"
        for name, (sign, target) in targets.items()
        if (figures[name] < target if sign == ">=" else figures[name] > target)
    ]


def new_database(server: EmbeddedPostgres, name: str) -> str:
    """The address of a new, empty database."""

    async def create() -> None:
        connection = await asyncpg.connect(server.dsn())
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return server.dsn(name)


def all_created(report: Report) -> Report:
    """The report, if every answer was 201."""
    assert set(report.statuses) == {201}, (report.statuses, report.sample)
    return report


def percentile_ms(seconds: Sequence[float], percent: int) -> float:
    """The latency that so many percent of answers stayed within."""
    ordered = sorted(seconds)
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1e3, 2)
