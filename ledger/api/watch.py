"""What watches the service and explains it: health, metrics, the document and its page."""

import asyncio
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Final

from aiohttp import web
from msgspec import Struct

from ledger.api.problems import Problem
from ledger.api.queries import NoQuery
from ledger.api.service import Call, answer
from ledger.core.faults import LedgerFault

READY_SECONDS: Final = 2.0  # For the database to answer.
_NOBODY: Final = bytes(32)  # The digest of no key; asking for it shows that somebody answers.


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    status: str


async def get_health(call: Call) -> web.Response:
    """The process runs. It says nothing of what it needs."""
    call.query(NoQuery)
    return answer(Health(status="ok"))


async def get_ready(call: Call) -> web.Response:
    """The service takes requests: the database answers, and nobody is stopping it."""
    call.query(NoQuery)
    if call.service.closing.is_set():
        raise Problem("not_ready")
    try:
        async with asyncio.timeout(READY_SECONDS):
            await call.service.keys.find(_NOBODY)
    except (LedgerFault, TimeoutError):
        raise Problem("not_ready", headers={"Retry-After": "1"}) from None
    return answer(Health(status="ready"))


async def get_metrics(call: Call) -> web.Response:
    """What an operator watches, as Prometheus reads it. No ledger, account or key is named."""
    metrics = call.service.metrics
    return web.Response(
        body=metrics.exposition(), headers={"Content-Type": metrics.content_type}
    )


async def get_openapi(call: Call) -> web.Response:
    """This API as an OpenAPI 3.1 document."""
    return web.Response(
        body=call.service.openapi,
        headers={"Content-Type": "application/json", "Cache-Control": "no-cache"},
    )


async def get_docs(call: Call) -> web.Response:
    """This API as a page for people. It loads nothing but /openapi.json."""
    return web.Response(
        body=call.service.page,
        headers={
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": _policy(call.service.page),
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        },
    )


def read_page() -> bytes:
    """The page, as it lies beside this module."""
    return Path(__file__).with_name("docs.html").read_bytes()


def _policy(page: bytes) -> str:
    """Only the page's own script and style, by their hashes, and only this origin."""
    script = _hash_between(page, b"<script>", b"</script>")
    style = _hash_between(page, b"<style>", b"</style>")
    return (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash_between(page: bytes, start: bytes, end: bytes) -> str:
    inside = page.partition(start)[2].partition(end)[0]
    return f"sha256-{b64encode(sha256(inside).digest()).decode()}"
