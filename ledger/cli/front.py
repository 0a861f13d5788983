"""A front process, as `serve --workers` starts it: python -m ledger.cli.front.

    log level, settings of the HTTP side as JSON, descriptors: of its pair, of the sockets

Nobody else has a use for it.
"""

import gc
import socket
import sys
from collections.abc import Sequence

import msgspec

from ledger.api.service import Settings


def command(
    settings: Settings, log_level: str, listeners: Sequence[int], pair: int
) -> list[str]:
    """What starts a front process."""
    told = msgspec.json.encode(settings).decode()
    fds = [str(fd) for fd in (pair, *listeners)]
    return [sys.executable, "-m", "ledger.cli.front", log_level, told, *fds]


def main(log_level: str, told: str, *fds: str) -> None:
    """Serve until told to end."""
    import uvloop

    from ledger.cli.logs import start_logging
    from ledger.front.member import serve
    from ledger.pg.frames import pack

    start_logging(log_level)
    settings = msgspec.json.decode(told, type=Settings)
    pair, *listeners = (socket.socket(fileno=int(fd)) for fd in fds)
    gc.collect()
    gc.freeze()
    uvloop.run(serve(settings, pair, listeners, pack))


if __name__ == "__main__":
    main(*sys.argv[1:])
