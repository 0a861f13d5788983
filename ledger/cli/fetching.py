"""A ledger's journal over HTTP into a folder: leaf by leaf, with the batches under them.

The checkpoint comes first, so what is posted meanwhile is not in it. Nothing is believed:
the writer says no to leaves that the checkpoint does not sign.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import UNSET

from ledger.cli.client import Client, path_of
from ledger.core.leaves import BatchPosted
from ledger.exports.journal import Exported, JournalWriter
from ledger.journal.canonical import decode_leaf
from ledger.journal.checkpoints import open_checkpoint
from ledger.journal.directory import BrokenExport, Progress, bundles_of, silent
from ledger.journal.notes import parse_vkey
from ledger.journal.tiles import TILE_WIDTH, TileAddress, decode_bundle

AHEAD: Final = 4  # Bundles of leaves asked for before they are needed.


async def fetch_journal(
    client: Client, ledger: str, out: Path, *, progress: Progress = silent
) -> Exported:
    """Write the folder `out` with everything up to the newest checkpoint.

    Raises:
        Stop: the service does not answer, or says no.
        ExportExists, BrokenExport, BrokenProof: as JournalWriter.
    """
    vkey = (await client.get(path_of("ledgers", ledger)))["public_key"]
    checkpoint = await client.get_bytes(path_of("ledgers", ledger, "journal", "checkpoint"))
    size = open_checkpoint(checkpoint, [parse_vkey(vkey)]).size
    with JournalWriter(out) as writer:
        waiting: list[tuple[TileAddress, asyncio.Task[bytes]]] = []
        addresses = bundles_of(size)
        try:
            while True:
                while len(waiting) < AHEAD and (address := next(addresses, None)) is not None:
                    waiting.append((address, _asked(client, ledger, address)))
                if not waiting:
                    break
                address, task = waiting.pop(0)
                leaves = decode_bundle(await task, address.width)
                await _add(client, ledger, writer, leaves)
                progress("journal", writer.size, size)
        finally:
            for _, task in waiting:
                task.cancel()
        return writer.finish(checkpoint, vkey)


def _asked(client: Client, ledger: str, address: TileAddress) -> "asyncio.Task[bytes]":
    path = path_of("ledgers", ledger, "journal") + "/" + address.path
    return asyncio.create_task(client.get_bytes(path))


async def _add(
    client: Client, ledger: str, writer: JournalWriter, leaves: Sequence[bytes]
) -> None:
    """Add the leaves of a bundle with what stands under them."""
    first = writer.size
    bodies = _Lines(client, path_of("ledgers", ledger, "journal", "bodies"), first, leaves)
    outcomes = _Lines(client, path_of("ledgers", ledger, "journal", "outcomes"), first, leaves)
    for index, data in enumerate(leaves, first):
        leaf = decode_leaf(data)
        if not isinstance(leaf, BatchPosted):
            writer.add_leaf(index, data)
            continue
        body = await bodies.take(index, leaf.count + 1)
        refused = b"" if leaf.outcomes is UNSET else await outcomes.take(index, leaf.count)
        writer.add_leaf(index, data, body, refused)


class _Lines:
    """Lines that come in pages of whole batches, taken batch by batch."""

    def __init__(self, client: Client, path: str, first: int, leaves: Sequence[bytes]) -> None:
        self._client = client
        self._path = path
        self._end = first + len(leaves)
        self._lines: list[bytes] = []
        self._at = 0

    async def take(self, leaf: int, count: int) -> bytes:
        """The next `count` lines, which are those of a leaf."""
        if self._at == len(self._lines):
            query = {"first": leaf, "end": self._end}
            page = await self._client.get_bytes(self._path, query)
            self._lines, self._at = page.splitlines(keepends=True), 0
        found = self._lines[self._at : self._at + count]
        self._at += count
        if len(found) < count:
            raise BrokenExport(f"leaf {leaf}", "the service gave too few lines")
        return b"".join(found)


assert TILE_WIDTH == 256, "the service gives bodies of a bundle's leaves at most"
