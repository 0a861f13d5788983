"""Routes of the service itself, which need no key."""

from typing import Final

from ledger.api import watch
from ledger.api.routes.route import NOTE, Route

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "GET",
        "/healthz",
        watch.get_health,
        "service",
        "The process runs",
        "El proceso vive",
        watch.Health,
    ),
    Route(
        "GET",
        "/readyz",
        watch.get_ready,
        "service",
        "The service takes requests",
        "El servicio atiende",
        watch.Health,
    ),
    Route(
        "GET",
        "/metrics",
        watch.get_metrics,
        "service",
        "Metrics for Prometheus",
        "Métricas para Prometheus",
        NOTE,
    ),
    Route(
        "GET",
        "/openapi.json",
        watch.get_openapi,
        "service",
        "This document",
        "Este documento",
        "application/json",
    ),
    Route(
        "GET",
        "/docs",
        watch.get_docs,
        "service",
        "This document as a page",
        "Este documento como página",
        "text/html",
    ),
)
