"""Metrics: what an operator watches. One registry for each application."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """Counters of one application; labels are routes and codes, never a person or account."""

    content_type: Final = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        transfers = Counter(
            "ledger_transfers",
            "Transfers asked to be posted, by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        self.recorded = transfers.labels("recorded")
        self.refused = transfers.labels("refused")
        self.faulted = transfers.labels("faulted")
        self.replays = Counter(
            "ledger_replays",
            "Batches that were sent again and answered as the first time.",
            registry=self.registry,
        )
        self.record_seconds = Histogram(
            "ledger_record_seconds",
            "From the decoded batch to its durable, signed answer.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "ledger_feed_waiting", "Readers waiting for new transfers.", registry=self.registry
        )
        self._refusals = Counter(
            "ledger_refusals",
            "Refused transfers and commands, by code.",
            ["code"],
            registry=self.registry,
        )
        self._problems = Counter(
            "ledger_problems", "Problem answers, by code.", ["code"], registry=self.registry
        )
        self._requests = Histogram(
            "ledger_request_seconds",
            "Requests, by route and status.",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._known: dict[tuple[str, str, int], Histogram] = {}

    def watch_disputes(self, open_now: Callable[[], int], overdue: Callable[[], int]) -> None:
        """Count disputes whenever somebody looks, over all ledgers."""
        Gauge(
            "ledger_disputes_open", "Transfers in dispute.", registry=self.registry
        ).set_function(open_now)
        Gauge(
            "ledger_disputes_overdue",
            "Disputes that should have ended by a day that is over.",
            registry=self.registry,
        ).set_function(overdue)

    def watch_index(self, lag: Callable[[], int]) -> None:
        """Show how far the index of accounts is behind, whenever somebody looks."""
        Gauge(
            "ledger_index_lag_transfers",
            "Transfers that no index has yet, in the ledger with most; readers add them up.",
            registry=self.registry,
        ).set_function(lag)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note an answered request. `route` is its template, so that labels stay few."""
        key = method, route, status
        histogram = self._known.get(key)
        if histogram is None:
            histogram = self._requests.labels(method, route, str(status))
            self._known[key] = histogram
        histogram.observe(seconds)

    def refusal(self, code: str, count: int = 1) -> None:
        """Note refusals of one code."""
        self._refusals.labels(code).inc(count)

    def problem(self, code: str) -> None:
        """Note a problem answer."""
        self._problems.labels(code).inc()

    def exposition(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self.registry)
