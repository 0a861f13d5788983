"""Where the service listens: in its own process, or in front processes before it."""

import asyncio
import socket
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from aiohttp import web

from ledger.api import app as api
from ledger.api.server import make_private_runner, make_runner
from ledger.cli.front import allow_descriptors, command
from ledger.cli.settings import Settings, listen_address
from ledger.cli.words import Stop, t
from ledger.front.crew import Crew

BACKLOG: Final = 1024  # Connections that wait to be taken.


async def listen(
    stack: AsyncExitStack,
    app: web.Application,
    settings: Settings,
    listener: socket.socket | None,
) -> str:
    """Put the application on its address, and return that as a URL.

    Raises:
        Stop: the address is taken.
        FrontsDoNotStart: see there.
    """
    try:
        if settings.workers:
            return await _behind_fronts(stack, app, settings, listener)
        return await _alone(stack, app, settings, listener)
    except OSError as error:
        raise Stop(
            t(
                f"Cannot listen on {settings.listen}: {error.strerror}. Choose another with "
                "--listen.",
                f"No se puede escuchar en {settings.listen}: {error.strerror}. Elija otra "
                "dirección con --listen.",
            )
        ) from error


async def _alone(
    stack: AsyncExitStack,
    app: web.Application,
    settings: Settings,
    listener: socket.socket | None,
) -> str:
    runner = make_runner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site: web.BaseSite
    if listener is not None:
        site = web.SockSite(runner, listener, backlog=BACKLOG)
    else:
        site = web.TCPSite(runner, *listen_address(settings), backlog=BACKLOG)
    await site.start()
    return _url(runner.addresses[0])


async def _behind_fronts(
    stack: AsyncExitStack,
    app: web.Application,
    settings: Settings,
    listener: socket.socket | None,
) -> str:
    listeners = [listener] if listener is not None else await _bound(settings)
    for one in listeners:
        stack.callback(one.close)
        one.listen(BACKLOG)
    runner = make_private_runner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    fds = [one.fileno() for one in listeners]
    start = partial(command, app[api.SERVICE].settings, settings.log_level, fds)
    assert runner.server is not None, "it is set up"
    allow_descriptors()
    registry = app[api.SERVICE].metrics.registry
    crew = Crew(runner.server, start, listeners, settings.workers, registry)

    async def stop() -> None:
        app[api.SERVICE].closing.set()  # Long polls are let go, or the fronts would wait.
        for one in listeners:
            one.close()
        await crew.stop()

    stack.push_async_callback(stop)
    await crew.start()
    return _url(listeners[0].getsockname())


async def _bound(settings: Settings) -> list[socket.socket]:
    """Sockets on every address that the setting means. Raises OSError."""
    host, port = listen_address(settings)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _url(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    host, port = address[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"
