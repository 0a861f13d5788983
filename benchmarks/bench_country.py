"""Can one ledger hold every member of every savings bank of a country?

Question: with 8,548,262 accounts and 179,670,817,656.00 pesos in all, the members and assets
          of Mexico's savings banks: how long do opening and funding them take, interest to
          each of them in one run, a snapshot, a start, a trial balance; and how much memory?
Expect:   on two cores, shared by client, service and database: interest at half the rate of
          full batches or better, a start within 60 seconds, 300 bytes for each account.
Run:      ./run bench country [--scale F] [--seconds N]

The service runs as `tequio serve` does, in a process of its own, over an embedded PostgreSQL
with fsync and synchronous_commit on. `--scale` multiplies accounts and pesos; the interest
run is cut off once in the middle and taken up again. `batch_transfers_per_s` is the rate of
full batches, signed, between accounts at random, before and after the run; `--seconds` bounds
each of the two. At the end the trial balance must come to what was paid, to the centavo.
Progress on stderr; the last line of stdout is one JSON object of all figures.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import uvloop
from msgspec import Struct

from benchmarks.bench_posting import BATCH_CLIENTS, BATCHES
from benchmarks.interest import Payment, Run, interest, pay
from benchmarks.load import HOST, LoadProcess
from benchmarks.measuring import all_created, measure, new_database, say
from benchmarks.serving import ServiceProcess, open_accounts, open_books, register_poster
from benchmarks.work import CURRENCY, LEDGER, POSTER_SEED, lines_requests
from ledger.client.client import Client
from ledger.core.amounts import show_amount
from ledger.core.model import BATCH_MAX
from ledger.journal.canonical import decode_leaf
from ledger.pg.embedded import EmbeddedPostgres

MEMBERS = 8_548_262
ASSETS = 17_967_081_765_600  # Minor units.
LEAST = 1_000  # That anybody has, so that interest is never nothing.
SPREAD = 1.5  # Of the logarithms of what members have: a few have much.

TARGETS: dict[str, tuple[str, float]] = {
    "startup_s": ("<=", 60),
    "bytes_per_account": ("<=", 300),
    "ratio_interest": (">=", 0.5),
}


class Options(Struct, frozen=True, kw_only=True):
    scale: float
    seconds: float


def balances(members: int, assets: int) -> list[int]:
    """What each member has: at least LEAST, unevenly, `assets` in all to the minor unit."""
    shares = np.random.default_rng(61_000).lognormal(0, SPREAD, members)
    spare = assets - LEAST * members
    parts = np.floor(shares * (spare / shares.sum())).astype(np.int64)
    parts[-1] += spare - int(parts.sum())
    found: list[int] = (parts + LEAST).tolist()
    assert sum(found) == assets, "to the minor unit"
    assert min(found) >= LEAST, "rounding leaves little, and never too much"
    return found


class Country:
    """One run: the parts in their order, each with its figures."""

    def __init__(self, options: Options, server: EmbeddedPostgres, load: LoadProcess) -> None:
        self.seconds = options.seconds
        self.members = max(10, round(MEMBERS * options.scale))
        self.assets = max(LEAST * self.members * 2, round(ASSETS * options.scale))
        self.vault, self.cost = self.members + 1, self.members + 2  # After them.
        self.load = load
        self.folder = server.root.parent
        self.database = new_database(server, "country")

    def run(self) -> dict[str, Any]:
        """All figures."""
        has = balances(self.members, self.assets)
        gets = [interest(one) for one in has]
        with self._service() as service:
            empty = service.resident_bytes()
            figures = self._open(service)
            secret, origin = register_poster(service)
            requests = lines_requests(secret, origin, self.members, BATCHES)
            self.load.prepare("lines", requests)
            funding = Payment(self.vault, has, "assets")
            rate = self._post(service, secret, origin, funding, 1)
            figures["funding_transfers_per_s"] = round(rate)
            before = self._rate(service)
            paying = Payment(self.cost, gets, "interest")
            rate = self._post(service, secret, origin, paying, 2, cut=paying.batches // 2)
            rates = [before, self._rate(service)]
            figures |= {
                "interest_transfers_per_s": round(rate),
                "batch_transfers_per_s": round(statistics.mean(rates)),
                "ratio_interest": round(rate / statistics.mean(rates), 3),
            }
        with self._service() as service:
            say(f"started in {service.ready_s:.1f} s")
            grown = service.resident_bytes() - empty
            figures |= {
                "startup_s": round(service.ready_s, 2),
                "bytes_per_account": round(grown / (self.members + 2), 1),
            }
            figures |= self._trial_balance(service, self.assets + sum(gets))
        figures["snapshot_s"] = uvloop.run(self._snapshot())
        return {"accounts": self.members + 2, **figures}

    def _service(self) -> ServiceProcess:
        return ServiceProcess(self.database, self.folder / "country")

    def _open(self, service: ServiceProcess) -> dict[str, Any]:
        say(f"opening {self.members:,} accounts")
        open_books(service)
        started = time.perf_counter()
        open_accounts(service, self.members)
        elapsed = time.perf_counter() - started
        say(f"opened them in {elapsed:.0f} s")
        for code in ("vault", "cost"):
            asked = {"code": code, "currency": CURRENCY, "kind": code, "lower_bound": "none"}
            service.post(f"/v1/ledgers/{LEDGER}/accounts", json.dumps(asked).encode())
        return {"accounts_opened_per_s": round(self.members / elapsed)}

    def _post(
        self,
        service: ServiceProcess,
        secret: str,
        origin: str,
        payment: Payment,
        number: int,
        cut: int = 0,
    ) -> float:
        """Post a payment, cut off after so many batches and taken up again; its rate."""
        say(f"posting {payment.kind} to {len(payment.amounts):,} accounts")
        file = self.folder / f"run-{number}.json"
        beginning = Run(UUID(int=number << 64), time.time())

        async def once(payment: Payment) -> int:
            url = f"http://{HOST}:{service.port}"
            async with Client(url, ledger=LEDGER, key=secret) as client:
                return await pay(client, origin, POSTER_SEED, payment, file, beginning)

        started = time.perf_counter()
        posted = 0
        if cut:  # As if whoever runs it had been stopped here; its file says how far it is.
            part = payment.amounts[: cut * BATCH_MAX]
            posted += uvloop.run(once(Payment(payment.debit_account, part, payment.kind)))
        posted += uvloop.run(once(payment))
        elapsed = time.perf_counter() - started
        assert posted == len(payment.amounts), (posted, len(payment.amounts))
        say(f"posted them in {elapsed:.0f} s")
        return posted / elapsed

    def _rate(self, service: ServiceProcess) -> float:
        report = self.load.drive(
            service.port, "lines", connections=BATCH_CLIENTS, seconds=self.seconds
        )
        return all_created(report).rate * BATCH_MAX

    def _trial_balance(self, service: ServiceProcess, whole: int) -> dict[str, float]:
        started = time.perf_counter()
        query = "from=2026-01-01&to=2099-12-31&by=kind"
        found = json.loads(service.get(f"/v1/ledgers/{LEDGER}/trial-balance?{query}"))
        elapsed = time.perf_counter() - started
        say(f"trial balance in {elapsed:.2f} s")
        lines = {line["kind"]: line["closing_balance"] for line in found["lines"]}
        assert lines["savings"] == show_amount(whole, 2), (lines, whole)
        return {"trial_balance_s": round(elapsed, 2)}

    async def _snapshot(self) -> float:
        """How long the newest snapshot took: from its state to its line, in seconds."""
        connection = await asyncpg.connect(self.database)
        leaf = "SELECT line FROM tequio.leaves WHERE ledger_id = 1 AND leaf_index = $1"
        newest = await connection.fetchrow(
            "SELECT leaf_index, size FROM tequio.snapshots ORDER BY leaf_index DESC LIMIT 1"
        )
        if newest is None:
            await connection.close()
            return 0.0
        taken = decode_leaf(await connection.fetchval(leaf, newest["leaf_index"]))
        of = decode_leaf(await connection.fetchval(leaf, newest["size"] - 1))
        await connection.close()
        return round((taken.recorded_at - of.recorded_at) / 1e6, 2)


def options_from(arguments: Sequence[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(
        prog="./run bench country", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--scale", type=float, default=1.0, help="of accounts and pesos")
    parser.add_argument("--seconds", type=float, default=5.0, help="of measuring full batches")
    return Options(**vars(parser.parse_args(arguments)))


def main() -> None:
    options = options_from()
    measure(lambda server, load: Country(options, server, load).run(), TARGETS)


if __name__ == "__main__":
    main()
