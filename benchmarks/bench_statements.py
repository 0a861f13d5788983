"""How long do a page of a statement and a trial balance take of a large ledger, while it posts?

Question: a ledger of 10,000,000 transfers between 100,000 accounts, of which one has 1,000,000:
          what is a page of 100 at any place of its statement, and the trial balance? How far
          is the index behind that they are read from, and what does posting keep meanwhile?
Expect:   a page under 10 ms and the trial balance under 1 s, while batches come one after the
          other; some 300,000 transfers behind at most, and all of it indexed within seconds
          once posting rests.
Run:      ./run bench statements [--seconds N] [--scale F]

The ledger is filled through the service's own door, with signed batches, as fast as four
connections can; without references, whose own index would follow for minutes. Times are the
service's own, out of its histogram of requests (a median between two of its bounds is
interpolated, as Prometheus does), and beside them what a client on the same machine waits; of
the trial balance the latter. While they are taken one connection posts batches without a pause.
Progress on stderr; the last line of stdout is one JSON object of all figures.
"""

import argparse
import http.client
import json
import random
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from math import inf
from typing import Any

from msgspec import Struct

from benchmarks.load import HOST, LoadProcess, Report
from benchmarks.measuring import all_created, measure, percentile_ms, say
from benchmarks.serving import ServiceProcess, open_accounts, open_books, register_poster
from benchmarks.work import DAY, LEDGER, lines_requests
from ledger.core.model import BATCH_MAX
from ledger.pg.embedded import EmbeddedPostgres
from ledger.pg.indexer import LAG_MIN

TRANSFERS = 10_000_000
ACCOUNTS = 100_000
SHARE = 10  # Every tenth transfer is of account 1.
BATCHES = 16  # Different ones; each is posted again and again under fresh ids.
LOADING_CLIENTS = 4
PAGE = 100
PAUSE_S = 0.5  # Between two looks at the lag.
LOADING_S_MAX = 3_600.0
STATEMENT = "/v1/ledgers/{ledger}/accounts/{code}/statement"
TRIAL = "/v1/ledgers/{ledger}/trial-balance"
LAG = "ledger_index_lag_transfers"
REQUESTS = re.compile(
    r'ledger_request_seconds_bucket\{le="(?P<bound>[^"]+)",method="GET",'
    r'route="(?P<route>[^"]+)",status="200"\} (?P<value>\S+)'
)
TARGETS = {"statement_p50_ms": ("<=", 10.0), "trial_balance_s": ("<=", 1.0)}


class Options(Struct, frozen=True, kw_only=True):
    seconds: float
    scale: float

    @property
    def batches(self) -> int:
        return max(2, round(self.scale * TRANSFERS / BATCH_MAX))

    @property
    def accounts(self) -> int:
        return max(200, round(self.scale * ACCOUNTS))


class Reader:
    """One connection that asks as the operator for one route."""

    def __init__(self, service: ServiceProcess, route: str) -> None:
        self._connection = http.client.HTTPConnection(HOST, service.port, timeout=120)
        self._headers = {"Authorization": f"Bearer {service.key}"}
        self._service = service
        self._route = route
        self._before = self._so_far()
        self.waited: list[float] = []  # Seconds of each answer, by this clock.

    def get(self, path: str) -> Any:
        """What a GET answers, which must be 200."""
        started = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        self.waited.append(time.perf_counter() - started)
        assert answer.status == 200, (path, answer.status, body[:500])
        return json.loads(body)

    def served(self) -> "Served":
        """What the service took for the requests of this reader."""
        now, before = self._so_far(), self._before
        bounds = {bound: n - before.bounds.get(bound, 0) for bound, n in now.bounds.items()}
        return Served(bounds)

    def _so_far(self) -> "Served":
        bounds: dict[float, float] = {}
        for line in self._service.get("/metrics").splitlines():
            found = REQUESTS.match(line)
            if found and found["route"] == self._route:
                bounds[float(found["bound"])] = float(found["value"])
        return Served(bounds)


class Served(Struct, frozen=True):
    """Requests by the service's own clock: how many stayed within bounds, in seconds."""

    bounds: dict[float, float]

    @property
    def count(self) -> float:
        return max(self.bounds.values())

    @property
    def median(self) -> float:
        """Seconds, interpolated between the two bounds around it."""
        low, below = 0.0, 0.0
        for bound, count in sorted(self.bounds.items()):
            if count >= self.count / 2:
                part = (self.count / 2 - below) / (count - below)
                return low + part * (bound - low) if bound < inf else low
            low, below = bound, count
        raise AssertionError("the last bound has all")


class Bench:
    """One run: fill a ledger, let the index catch up, and read while it posts."""

    def __init__(self, options: Options, service: ServiceProcess, load: LoadProcess) -> None:
        self.options = options
        self.service = service
        self.load = load
        self.rng = random.Random(100)

    def run(self) -> dict[str, Any]:
        """All figures."""
        options, service = self.options, self.service
        say(f"opening {options.accounts} accounts")
        open_books(service)
        open_accounts(service, options.accounts)
        secret, origin = register_poster(service)
        requests = lines_requests(
            secret, origin, options.accounts, BATCHES, share=SHARE, references=False
        )
        self.load.prepare("lines", requests)
        with ThreadPoolExecutor(1) as beside:
            figures = self._fill(beside) | self._catch_up()
            figures |= self._read(beside)
        return figures

    # ---- filling

    def _fill(self, beside: ThreadPoolExecutor) -> dict[str, Any]:
        count = self.options.batches
        say(f"posting {count * BATCH_MAX:,} transfers")
        filling = beside.submit(
            self._post, connections=LOADING_CLIENTS, seconds=LOADING_S_MAX, count=count
        )
        lags = self._watch_lag(filling)
        report = filling.result()
        say(f"posted {report.rate * BATCH_MAX:,.0f} a second, {max(lags):,.0f} behind at most")
        return {
            "transfers": count * BATCH_MAX,
            "loading_transfers_per_s": round(report.rate * BATCH_MAX),
            "lag_max_loading": max(lags),
        }

    def _post(self, *, connections: int, seconds: float, count: int | None = None) -> Report:
        port = self.service.port
        return all_created(
            self.load.drive(
                port, "lines", connections=connections, seconds=seconds, count=count
            )
        )

    def _watch_lag(self, work: "Future[Report]") -> list[int]:
        lags = [self._lag()]
        while not work.done():
            time.sleep(PAUSE_S)
            lags.append(self._lag())
        return lags

    def _lag(self) -> int:
        lines = self.service.get("/metrics").splitlines()
        return int(next(float(x.split()[1]) for x in lines if x.startswith(LAG)))

    def _catch_up(self) -> dict[str, Any]:
        started = time.perf_counter()
        time.sleep(2 * PAUSE_S)  # A look of the indexer may have come before the last batch.
        while self._lag() >= LAG_MIN:
            time.sleep(PAUSE_S)
        seconds = time.perf_counter() - started
        say(f"indexed {seconds:.1f} s later")
        return {"catch_up_s": round(seconds, 1)}

    # ---- reading

    def _read(self, beside: ThreadPoolExecutor) -> dict[str, Any]:
        # Accounts are opened by two at a time, so number 1 is not always the first code.
        first = json.loads(self.service.get(f"/v1/ledgers/{LEDGER}/accounts?limit=1"))
        code = first["accounts"][0]["code"]
        statement = f"{STATEMENT}?limit={PAGE}".format(ledger=LEDGER, code=code)
        last = self.options.batches * BATCH_MAX
        days = f"from={DAY - timedelta(days=3650)}&to={DAY + timedelta(days=3650)}"

        def anywhere() -> str:
            return f"{statement}&after={self.rng.randrange(1, last - 2 * PAGE * SHARE)}"

        def at_the_end() -> str:
            return f"{statement}&after={last - PAGE * SHARE}"

        def trial() -> str:
            return f"{TRIAL}?{days}&by=kind".format(ledger=LEDGER)

        figures: dict[str, Any] = {}
        lags: list[int] = []
        for name, route, path in (
            ("statement", STATEMENT, anywhere),
            ("statement_end", STATEMENT, at_the_end),
            ("trial_balance", TRIAL, trial),
        ):
            for suffix in ("_at_rest", ""):
                reader = Reader(self.service, route)
                report = self._ask(beside, reader, path, posting=not suffix, lags=lags)
                served, waited = reader.served(), percentile_ms(reader.waited, 50)
                if name == "trial_balance":  # The service's bounds are far apart there.
                    figures[f"{name}{suffix}_s"] = round(waited / 1e3, 3)
                else:
                    figures[f"{name}{suffix}_p50_ms"] = round(served.median * 1e3, 2)
                    figures[f"{name}_client{suffix}_p50_ms"] = waited
                if report is not None:
                    rate = report.rate * BATCH_MAX
                    figures[f"{name}_posting_transfers_per_s"] = round(rate)
                served_ms, count = served.median * 1e3, len(reader.waited)
                say(f"{name}{suffix}: {served_ms:.2f} ms, {waited} for a client, {count} times")
        return figures | {"lag_max_reading": max(lags)}

    def _ask(
        self,
        beside: ThreadPoolExecutor,
        reader: Reader,
        path: Callable[[], str],
        *,
        posting: bool,
        lags: list[int],
    ) -> Report | None:
        """Ask again and again for some seconds, with one who posts beside or without."""
        seconds = self.options.seconds
        work = beside.submit(self._post, connections=1, seconds=seconds) if posting else None
        until = time.perf_counter() + seconds
        while time.perf_counter() < until or not reader.waited:
            asked = path()
            found = reader.get(asked)
            if "transfers" in found:
                sequences = [line["sequence"] for line in found["transfers"]]
                assert len(sequences) == PAGE, (asked, sequences, found.get("next"))
        lags.append(self._lag())
        return None if work is None else work.result()


def options_from(arguments: Sequence[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(
        prog="./run bench statements", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each of six readings")
    parser.add_argument("--scale", type=float, default=1.0, help="times the ledger's size")
    return Options(**vars(parser.parse_args(arguments)))


def main() -> None:
    options = options_from()

    def run(server: EmbeddedPostgres, load: LoadProcess) -> dict[str, Any]:
        folder = server.root.parent / "service"
        with ServiceProcess(server.dsn(), folder) as service:
            return Bench(options, service, load).run()

    measure(run, TARGETS)


if __name__ == "__main__":
    main()
