"""The signed log of one ledger: its newest checkpoint, and what can be shown under it."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from ledger.core.faults import JournalBroken, LedgerFault, SignerStopped
from ledger.core.ports import Notary
from ledger.core.store import Store
from ledger.journal.merkle import consistency_proof, inclusion_proof, node_hash
from ledger.journal.proofs import Proof, write_proof
from ledger.journal.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Edge,
    TileReader,
    tile_width,
    tiles_read,
)

log = logging.getLogger(__name__)

HASH = 32  # Bytes.
NODES_KEPT = 4096


class SignedLog:
    """What the notary signed last. Everything shown here is covered by `checkpoint`."""

    def __init__(self, store: Store, notary: Notary, ledger_id: int) -> None:
        self.checkpoint = b""
        self._store = store
        self._notary = notary
        self._ledger_id = ledger_id
        self._edge = Edge()
        self._kept = 0  # The size of the checkpoint the database has.
        self._keeping: asyncio.Task[None] | None = None
        self._nodes: dict[tuple[int, int], bytes] = {}  # Complete ones, as they were read.

    @property
    def size(self) -> int:
        """Leaves covered by the checkpoint."""
        return self._edge.size

    # ---- signing

    async def sign(
        self, origin: str, old_size: int, edge: Edge, tiles: Mapping[tuple[int, int], bytes]
    ) -> None:
        """Have a new size signed, shown to extend the old one.

        `tiles` are those that filled up between the two sizes.

        Raises:
            SignerStopped: the notary knows another history.
        """

        size = edge.size
        proof = consistency_proof(old_size, size, self._node_reader(edge, tiles))
        self.checkpoint = await self._notary.sign(origin, size, edge.root(), old_size, proof)
        self._edge = edge.copy()

    def _node_reader(
        self, edge: Edge, tiles: Mapping[tuple[int, int], bytes]
    ) -> Callable[[int, int], bytes]:
        """Nodes of a log that has just grown, each made once: a complete one never changes.

        Without remembering, every group would hash its unfinished tile anew.
        """
        if len(self._nodes) > NODES_KEPT:
            self._nodes.clear()
        nodes, unfinished = self._nodes, edge.partial_tiles()

        def read(level: int, index: int) -> bytes:
            node = nodes.get((level, index))
            if node is None:
                if level % TILE_HEIGHT:
                    node = node_hash(read(level - 1, 2 * index), read(level - 1, 2 * index + 1))
                else:
                    at = HASH * (index % TILE_WIDTH)
                    place = level // TILE_HEIGHT, index // TILE_WIDTH
                    node = tiles.get(place, unfinished[place[0]])[at : at + HASH]
                nodes[level, index] = node
            return node

        return read

    async def sign_head(self, origin: str, edge: Edge) -> None:
        """Bring the notary's memory and the database's head together after a start.

        Raises:
            SignerStopped: nothing is remembered, or more than the database has, or another
                history.
        """
        while True:
            remembered = await self._notary.memory(origin)
            try:
                return await self._sign_head(origin, edge, remembered)
            except SignerStopped:
                # The writer before may have had its last group signed meanwhile.
                if await self._notary.memory(origin) == remembered:
                    raise

    async def _sign_head(
        self, origin: str, edge: Edge, remembered: tuple[int, bytes] | None
    ) -> None:
        size = edge.size
        if remembered is None and size > 1:
            # One leaf, the opening, may have been committed and its signature not reached.
            raise SignerStopped(f"{origin}: nothing is remembered", _has(edge))
        old_size = 0 if remembered is None else remembered[0]
        if old_size > size:
            raise SignerStopped(f"{origin}: signed {old_size} leaves", _has(edge))
        proof: list[bytes] = []
        if 0 < old_size < size:
            reader = await self._reader(
                edge, lambda read: consistency_proof(old_size, size, read)
            )
            proof = consistency_proof(old_size, size, reader)
        try:
            self.checkpoint = await self._notary.sign(
                origin, size, edge.root(), old_size, proof
            )
        except SignerStopped as fault:
            raise SignerStopped(*fault.facts, _has(edge)) from fault
        self._edge = edge.copy()

    # ---- keeping

    def keep_soon(self) -> None:
        """While nothing else is to do, let the database have the newest checkpoint.

        It is for readers in other processes; the notary's memory makes it again.
        """
        if self._keeping is None and self._kept < self.size:
            self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        size = self.size
        try:
            await self._store.keep_checkpoint(self._ledger_id, size, self.checkpoint)
            self._kept = size
        except LedgerFault as fault:
            log.warning(
                "A checkpoint was not kept",
                extra={"ledger_id": self._ledger_id, "why": str(fault)},
            )
        finally:
            self._keeping = None

    async def settle(self) -> None:
        """Return when nothing is being kept any more."""
        if self._keeping is not None:
            await self._keeping

    # ---- showing

    async def tile(self, level: int, index: int, width: int) -> bytes:
        """Hashes of a tile; LookupError where the checkpoint does not cover it."""
        covered = tile_width(level, index, self.size)
        if not 1 <= width <= covered:
            raise LookupError(f"tile {level}/{index} has {covered} hashes, not {width}")
        if covered < TILE_WIDTH:
            return self._edge.partial_tile(level)[: HASH * width]
        return (await self._full_tile(level, index))[: HASH * width]

    async def proof(self, leaf_index: int) -> bytes:
        """A tlog-proof of a leaf under the checkpoint; LookupError when not covered."""
        size, edge, checkpoint = self.size, self._edge, self.checkpoint
        if not 0 <= leaf_index < size:
            raise LookupError(f"leaf {leaf_index} of {size}")
        reader = await self._reader(edge, lambda read: inclusion_proof(leaf_index, size, read))
        path = inclusion_proof(leaf_index, size, reader)
        return write_proof(Proof(index=leaf_index, path=tuple(path), checkpoint=checkpoint))

    async def _reader(
        self, edge: Edge, prove: Callable[[Callable[[int, int], bytes]], object]
    ) -> TileReader:
        """A node reader that has what this proof reads, fetched beforehand."""
        tiles: dict[tuple[int, int], bytes] = {}
        for at in tiles_read(edge.size, prove):
            assert at.level is not None, "a hash tile"
            if at.width < TILE_WIDTH:
                tiles[at.level, at.index] = edge.partial_tile(at.level)
            else:
                tiles[at.level, at.index] = await self._full_tile(at.level, at.index)
        return TileReader(
            lambda level, index, width: tiles[level, index][: HASH * width], edge.size
        )

    async def _full_tile(self, level: int, index: int) -> bytes:
        full = await self._store.tile(self._ledger_id, level, index)
        if full is None:
            raise JournalBroken("a full tile is missing", f"{level}/{index}")
        return full


def _has(edge: Edge) -> str:
    """What `tequio signer adopt` takes, where an operator decides that it is right."""
    return f"the database has {edge.size}:{edge.root().hex()}"
