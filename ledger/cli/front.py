"""A front process, as `serve --workers` starts it: python -m ledger.cli.front.

    log level, settings of the HTTP side as JSON, descriptors: of its pair, of the sockets

Nobody else has a use for it.
"""

import gc
import resource
import socket
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from ledger.api.service import Settings

# Of a front a client's connection and a wire for each request; of the service every wire.
DESCRIPTORS: Final = 65_536


def command(
    settings: Settings, log_level: str, listeners: Sequence[int], pair: int
) -> list[str]:
    """What starts a front process."""
    told = msgspec.json.encode(settings).decode()
    fds = [str(fd) for fd in (pair, *listeners)]
    return [sys.executable, "-m", "ledger.cli.front", log_level, told, *fds]


def allow_descriptors() -> None:
    """As many open connections as the system lets a process have, up to DESCRIPTORS."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if wanted > soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main(log_level: str, told: str, *fds: str) -> None:
    """Serve until told to end."""
    import uvloop

    from ledger.cli.logs import start_logging
    from ledger.front.member import serve
    from ledger.pg.frames import pack

    start_logging(log_level)
    allow_descriptors()
    settings = msgspec.json.decode(told, type=Settings)
    pair, *listeners = (socket.socket(fileno=int(fd)) for fd in fds)
    gc.collect()
    gc.freeze()
    uvloop.run(serve(settings, pair, listeners, pack))


if __name__ == "__main__":
    main(*sys.argv[1:])
