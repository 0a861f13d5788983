"""The application: the gate that every request passes, and the routes behind it.

    gate: request id -> key and role -> handler -> answer or problem -> metrics, log line

One gate does all of it, since a request of a few dozen microseconds has no time for five.
"""

import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Final

import msgspec
from aiohttp import web

from ledger.api import watch
from ledger.api.auth import Bearer, Draw, KeyRing, Reach
from ledger.api.metrics import Metrics
from ledger.api.openapi import write_openapi
from ledger.api.problems import Problem, language_of, problem_of
from ledger.api.routes import ROUTES
from ledger.api.routes.route import Route
from ledger.api.service import Call, Service, Settings
from ledger.core.asked import Caller
from ledger.core.faults import LedgerFault, MalformedRequest
from ledger.core.model import Role
from ledger.core.ports import Desk, Keys, Reads, Runs

SERVICE: Final = web.AppKey("service", Service)
GATE: Final["web.AppKey[Gate]"] = web.AppKey("gate")
SERVER: Final = "tequio"  # And nothing of what it is made of.
DEFAULTS: Final = Settings()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)
access = logging.getLogger("ledger.access")

_encoder: Final = msgspec.json.Encoder()
_NOBODY: Final = Caller(key="", role=Role.AUDITOR)
_PUBLIC: Final = Bearer(_NOBODY, Reach(_NOBODY))
_ELSEWHERE: Final = "-"  # The route of a request that fits none, in metrics and log.
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HTTP: Final = {404: "route_not_found", 405: "method_not_allowed", 413: "content_too_large"}


def make_app(
    desk: Desk,
    reads: Reads,
    keys: Keys,
    *,
    settings: Settings = DEFAULTS,
    draw: Draw = secrets.token_bytes,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
    runs: Runs | None = None,
) -> web.Application:
    """The HTTP side of the ledger; server.py puts it on a socket.

    Args:
        draw: random bytes, for new keys and request ids.
        clock: seconds that never go back, for how long a key is remembered.
        now: seconds since 1970, for how old something is.
        runs: what charges demurrage and fees; without it, that is answered as not ready.
            So is a run of schedules, until `app[SERVICE].schedule_runs` is there: the
            scheduler has its metrics among those made here.
    """
    service = Service(
        desk=desk,
        reads=reads,
        keys=keys,
        settings=settings,
        ring=KeyRing(
            keys, clock, seconds=settings.key_memory_seconds, size=settings.key_memory_size
        ),
        metrics=Metrics(),
        draw=draw,
        clock=clock,
        now=now,
        openapi=write_openapi(ROUTES),
        page=watch.read_page(),
        runs=runs,
    )
    service.metrics.watch_disputes(
        lambda: sum(len(desk.facts(ledger).disputes.open) for ledger in desk.ledgers()),
        lambda: sum(desk.facts(ledger).disputes.overdue for ledger in desk.ledgers()),
    )
    gate = Gate(service)
    app = web.Application()
    app[SERVICE] = service
    app[GATE] = gate
    for route in ROUTES:
        handler = gate.guarded(route)
        app.router.add_route(route.method, route.path, handler, expect_handler=gate.expect)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, handler, expect_handler=gate.expect)
    app.on_shutdown.append(_stop_waiting)
    app.cleanup_ctx.append(_finish)
    return app


async def _stop_waiting(app: web.Application) -> None:
    """Let long polls go, and say that the service is not ready."""
    app[SERVICE].closing.set()


async def _finish(app: web.Application) -> AsyncIterator[None]:
    """What was begun is carried to its end before the rooms behind are closed."""
    yield
    await app[SERVICE].finish()


class Gate:
    """What stands before every handler: id, key, role; and after it: problems, metrics, log."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._prefix = service.draw(4).hex()
        self._numbers = count(1)

    def guarded(self, route: Route) -> Handler:
        """The handler of a route as it is registered."""
        service, handle, roles = self._service, route.handle, route.roles
        template, ring, facts = route.template, service.ring, service.desk.facts
        names_ledger = "{ledger}" in route.path
        observe = service.metrics.request

        async def handler(request: web.Request) -> web.StreamResponse:
            started = time.perf_counter()
            request_id = self._request_id()
            ledger, bearer, reach = "", _PUBLIC, _PUBLIC.reach
            response: web.StreamResponse
            try:
                if request.version.major != 1:  # The parser lets HTTP/0.9 through.
                    raise Problem("malformed_http")
                if roles:
                    bearer = await ring.bearer(request.headers.get("Authorization"))
                    reach = bearer.reach
                if names_ledger:
                    asked = request.match_info["ledger"]
                    try:
                        reach = reach.within(facts(asked))
                    except KeyError:
                        raise Problem("ledger_not_found") from None
                    if bearer.caller.ledger not in ("", asked):
                        raise Problem("ledger_not_found")
                    ledger = asked
                if roles and bearer.caller.role not in roles:
                    raise Problem("role_not_allowed")
                call = Call(request, service, request_id, ledger, bearer.caller, reach)
                response = await handle(call)
            except Exception as error:
                response = self._problem(error, request, request_id)
            response.headers["X-Request-Id"] = request_id
            response.headers["Server"] = SERVER
            if ledger and (opening := facts(ledger).opening) is not None:
                response.headers["Ledger-Time-Zone"] = opening.time_zone
            seconds = time.perf_counter() - started
            observe(request.method, template, response.status, seconds)
            if access.isEnabledFor(logging.INFO):
                key = bearer.caller.key
                _log(request, request_id, template, response, seconds, ledger, key)
            return response

        return handler

    def stray(self, error: web.HTTPException, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request that fits no route: theirs are the only errors outside."""
        started = time.perf_counter()
        request_id = self._request_id()
        response = self._problem(error, request, request_id)
        response.headers["X-Request-Id"] = request_id
        response.headers["Server"] = SERVER
        seconds = time.perf_counter() - started
        method = request.method if request.method in METHODS else "OTHER"
        self._service.metrics.request(method, _ELSEWHERE, response.status, seconds)
        if access.isEnabledFor(logging.INFO):
            _log(request, request_id, _ELSEWHERE, response, seconds, "", "")
        return response

    def count_refused(self, told: str) -> None:
        """Count what a front process had no room for, as passed.REFUSED says it."""
        metrics = self._service.metrics
        for one in told.split(","):
            method, _, count = one.partition("=")
            for _ in range(int(count)):
                metrics.request(method, _ELSEWHERE, 503, 0.0)
                metrics.problem("overloaded")

    async def expect(self, request: web.Request) -> web.StreamResponse | None:
        """100-continue is answered; any other expectation is refused before the handler."""
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # As the framework does: the answer comes yet.
            return None
        request_id = self._request_id()
        return self._problem(Problem("expectation_failed"), request, request_id)

    def _request_id(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"

    def _problem(
        self, error: Exception, request: web.BaseRequest, request_id: str
    ) -> web.StreamResponse:
        problem = _problem_of(error)
        if problem.status == 500:
            log.error(
                "A request failed",
                exc_info=error,
                extra={"request_id": request_id, "code": problem.code},
            )
        self._service.metrics.problem(problem.code)
        language = language_of(request.headers.get("Accept-Language"))
        return problem.response(language, request_id)


def _problem_of(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case LedgerFault():
            if not isinstance(error, MalformedRequest):
                log.warning("A fault was answered: %s", error)
            return problem_of(error)
        case web.HTTPException() if error.status in _HTTP:
            headers = {}
            if "Allow" in error.headers:
                headers["Allow"] = error.headers["Allow"]
            return Problem(_HTTP[error.status], headers=headers)
        case ConnectionError() | web.RequestPayloadError():
            return Problem("malformed_http")
    return Problem("internal_error")


def _log(
    request: web.BaseRequest,
    request_id: str,
    template: str,
    response: web.StreamResponse,
    seconds: float,
    ledger: str,
    key: str,
) -> None:
    """One line of JSON. No path, query, address or account: they may tell of a person."""
    line = {
        "request_id": request_id,
        "method": request.method[:16],
        "route": template,
        "status": response.status,
        "ms": round(1000 * seconds, 3),
        "bytes": response.content_length,
        "ledger": ledger,
        "key": key,
    }
    access.info("%s", _encoder.encode(line).decode())
