"""A member of the crew from inside: the life of one front process.

told by the socket pair that the service is gone -> ends at once
SIGTERM -> takes nothing new, answers what it took, ends
"""

import asyncio
import signal
import socket
from collections.abc import Sequence

from ledger.api.service import Settings
from ledger.front.crew import READY, WIRE
from ledger.front.doors import Doors
from ledger.front.front import Entrance, Front
from ledger.front.reading import Pack, Reader


async def serve(
    settings: Settings, pair: socket.socket, listeners: Sequence[socket.socket], pack: Pack
) -> None:
    """Take connections until told to end.

    Args:
        pair: to the process that decides.
        pack: makes of a body what the store keeps of it.
    """
    loop = asyncio.get_running_loop()
    told, gone = asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    pair.setblocking(False)

    async def connect() -> socket.socket:
        mine, theirs = socket.socketpair()
        mine.setblocking(False)
        with theirs:
            socket.send_fds(pair, [WIRE], [theirs.fileno()])
        return mine

    def hear() -> None:
        """Nothing is ever said here: what can be read is the end."""
        loop.remove_reader(pair)
        gone.set()
        told.set()

    loop.add_reader(pair, hear)
    front = Front(settings, connect, Reader(pack))
    entrance = Entrance(front, settings)
    doors = Doors(listeners, entrance)
    pair.send(READY)
    await told.wait()
    doors.close()
    if not gone.is_set():
        stopping = asyncio.create_task(entrance.stop())
        waiting = asyncio.create_task(gone.wait())
        await asyncio.wait({stopping, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    front.close()
