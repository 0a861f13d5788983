"""The least an HTTP service in this language can do: decode a transfer, answer, keep nothing.

What bench_posting compares singles with: aiohttp on uvloop in one process, the same JSON
in, the same bytes out, and between them nothing.
"""

import asyncio
import socket
from multiprocessing.connection import Connection

import msgspec
import uvloop
from aiohttp import web

from benchmarks.load import HOST
from ledger.api.wire import TransferRequest


def serve_echo(answer: bytes, ready: Connection) -> None:
    """Serve until the process is ended; the port is sent when it listens."""
    uvloop.run(_serve(answer, ready))


async def _serve(answer: bytes, ready: Connection) -> None:
    decoder = msgspec.json.Decoder(TransferRequest)

    async def post(request: web.Request) -> web.Response:
        decoder.decode(await request.read())
        return web.Response(body=answer, status=201, content_type="application/json")

    app = web.Application()
    app.router.add_post("/{path:.*}", post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = socket.create_server((HOST, 0), backlog=128)
    await web.SockSite(runner, listener).start()
    ready.send(listener.getsockname()[1])
    await asyncio.Event().wait()
