"""The server: the application on sockets, with limits that hold before a request is one.

What the HTTP parser refuses never reaches the application; it gets its problem here.
"""

import asyncio
from typing import Any, Final

from aiohttp import http_exceptions, web

from ledger.api import passed
from ledger.api.app import GATE, SERVER, SERVICE, Gate
from ledger.api.problems import Problem, language_of, shown
from ledger.api.service import Settings

LINE_MAX: Final = 8190  # Bytes of a request line or of a header.
HEADERS_MAX: Final = 64
LINGER_S: Final = 2.0  # For the rest of a body that was refused.
SHUTDOWN_S: Final = 30.0  # For requests under way when the service stops.
PASSED_HEADERS: Final = 4  # That a front process may add.
FOREVER: Final = 1e9  # Seconds.


class Connection(web.RequestHandler):
    """One connection: closed when no request comes, a problem for what is no request."""

    __slots__ = ("_patience", "_seconds")

    def __init__(self, *args: Any, header_seconds: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seconds = header_seconds
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._patience = self._loop.call_later(self._seconds, self._give_up)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        """Close a connection whose first request has not come; later ones have keep-alive."""
        if self._request_count == 0:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What the parser refused, or what broke outside the application, as a problem."""
        if request.writer.output_size > 0:
            raise ConnectionError("half an answer was sent")
        code = "internal_error"
        if status < 500:
            too_long = isinstance(exc, http_exceptions.LineTooLong)
            code = "headers_too_large" if too_long else "malformed_http"
        else:
            self.log_exception("A request failed outside the application", exc_info=exc)
        problem = Problem(code)
        if code == "malformed_http":
            problem.facts["reason"] = shown(message or "")
        return _problem(problem, request)


def _problem(problem: Problem, request: web.BaseRequest) -> web.Response:
    """The last answer of a connection whose request never reached the application."""
    language = language_of(request.headers.get("Accept-Language"))
    response = problem.response(language, "-")
    response.headers["Server"] = SERVER
    response.force_close()
    return response


class Listener(web.Server):
    """Makes a Connection for everyone who comes."""

    def __init__(self, made: web.Server, gate: Gate, settings: Settings, **kwargs: Any) -> None:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            try:
                return await made.request_handler(request)
            except web.HTTPExpectationFailed:  # To an address there is not.
                return _problem(Problem("expectation_failed"), request)
            except web.HTTPException as error:
                return gate.stray(error, request)

        super().__init__(handle, request_factory=made.request_factory, **kwargs)
        self._header_seconds = settings.header_seconds_max

    def __call__(self) -> web.RequestHandler:
        return Connection(
            self, loop=self._loop, header_seconds=self._header_seconds, **self._kwargs
        )


class PrivateListener(Listener):
    """Makes a Connection for a front process, whose own words it believes."""

    def __init__(self, made: web.Server, gate: Gate, settings: Settings, **kwargs: Any) -> None:
        super().__init__(made, gate, settings, **kwargs)
        handle = self.request_handler

        async def handle_passed(request: web.BaseRequest) -> web.StreamResponse:
            request[passed.PRIVATE] = True
            refused = request.headers.get(passed.REFUSED)
            if refused is not None:
                gate.count_refused(refused)
            response = await handle(request)
            signer = request.get(passed.FOUND_SIGNER)
            if signer is not None:
                response.headers[passed.SIGNER] = signer
            return response

        self.request_handler = handle_passed


class Runner(web.AppRunner):
    """Runs the application, and stops it so that nothing that was begun is cut off."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return self._listener(made, **self._kwargs)

    def _listener(self, made: web.Server, **kwargs: Any) -> Listener:
        return Listener(made, self.app[GATE], self.app[SERVICE].settings, **kwargs)


class PrivateRunner(Runner):
    """The same for front processes, whose connections are handed to it one by one."""

    def _listener(self, made: web.Server, **kwargs: Any) -> Listener:
        return PrivateListener(made, self.app[GATE], self.app[SERVICE].settings, **kwargs)


def limits(settings: Settings) -> dict[str, Any]:
    """How a server treats its connections."""
    return {
        "access_log": None,  # The gate writes its own.
        "keepalive_timeout": settings.keepalive_seconds,
        "max_line_size": LINE_MAX,
        "max_field_size": LINE_MAX,
        "max_headers": HEADERS_MAX,
        "lingering_time": LINGER_S,
        "auto_decompress": False,
    }


def make_runner(app: web.Application) -> Runner:
    """A runner for the application that make_app made; put sites on it as you need."""
    return Runner(app, **limits(app[SERVICE].settings), shutdown_timeout=SHUTDOWN_S)


def make_private_runner(app: web.Application) -> PrivateRunner:
    """A runner for what front processes pass on, whose connections wait as long as they do."""
    kept = limits(app[SERVICE].settings) | {
        "keepalive_timeout": FOREVER,
        "max_headers": HEADERS_MAX + PASSED_HEADERS,
    }
    return PrivateRunner(app, **kept, shutdown_timeout=SHUTDOWN_S)
