"""The tiles of a log (C2SP tlog-tiles): their paths, their bytes, and where they grow.

A tile is up to 256 hashes of one level of the tree, counted every eighth: level 0 holds
leaf hashes, level L the hashes of full tiles of level L - 1. A full tile never changes. An
entry bundle holds the up to 256 entries under a tile of level 0.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from ledger.journal.faults import BrokenProof
from ledger.journal.merkle import (
    EMPTY_ROOT,
    HASH_SIZE,
    SIZE_MAX,
    ReadNode,
    node_hash,
    paired,
    root_of,
)

TILE_WIDTH = 256  # Hashes of a full tile, entries of a full bundle.
TILE_HEIGHT = 8  # Tree levels from one tile level to the next.
LEVEL_MAX = 63
INDEX_MAX = SIZE_MAX // TILE_WIDTH
ENTRY_MAX = 65_535  # Bytes of an entry: its length is written in two.
TILES_KEPT = 64  # Tiles a reader remembers, 512 KiB: what a proof at any size reads.

assert 1 << TILE_HEIGHT == TILE_WIDTH, "a tile is a subtree of that height"

GetTile = Callable[[int, int, int], bytes]

_PATH = re.compile(
    r"tile/(0|[1-9][0-9]?|entries)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class TileAddress:
    """Which tile of a log, or which entry bundle."""

    level: int | None  # 0 to 63; None for an entry bundle.
    index: int  # Its place in the level, from 0.
    width: int  # Hashes or entries in it, 1 to 256.

    @property
    def path(self) -> str:
        """Where it is served, under the log's prefix."""
        return tile_path(self.level, self.index, self.width)


@dataclass(frozen=True, slots=True)
class FullTile:
    """A tile that will never change."""

    level: int
    index: int
    hashes: bytes  # 8,192 of them: 256 hashes.


def tile_path(level: int | None, index: int, width: int) -> str:
    """The path of a tile under a log's prefix, or of an entry bundle if `level` is None.

    >>> tile_path(0, 1234067, 256)
    'tile/0/x001/x234/067'
    >>> tile_path(None, 5, 12)
    'tile/entries/005.p/12'

    Raises:
        BrokenProof: level, index or width cannot be.
    """
    if not (
        (level is None or 0 <= level <= LEVEL_MAX)
        and 0 <= index <= INDEX_MAX
        and 1 <= width <= TILE_WIDTH
    ):
        raise BrokenProof("no such tile", f"level {level}, index {index}, width {width}")
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    place = "/".join(reversed(groups))
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{'entries' if level is None else level}/{place}{partial}"


def parse_tile_path(text: str) -> TileAddress:
    """Read the path of a tile or bundle; one tile has one path.

    >>> parse_tile_path("tile/1/000.p/17")
    TileAddress(level=1, index=0, width=17)

    Raises:
        BrokenProof: not a path that tile_path writes.
    """
    found = _PATH.fullmatch(text)
    if found is None:
        raise BrokenProof("not the path of a tile", repr(text[:80]))
    level, place, width = found.groups()
    address = TileAddress(
        level=None if level == "entries" else int(level),
        index=int(place.replace("/", "").replace("x", "")),
        width=TILE_WIDTH if width is None else int(width),
    )
    # Writing it again refuses what the pattern lets through: x000 in front, .p/256.
    if address.path != text:
        raise BrokenProof("not the path of a tile", repr(text[:80]))
    return address


def tile_width(level: int, index: int, size: int) -> int:
    """Hashes in a tile of a log of `size` leaves: 0 (not there) to 256 (full)."""
    return max(0, min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - index * TILE_WIDTH))


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each of 1 to 256 entries behind its length, uint16 big-endian.

    Raises:
        BrokenProof: no entry, more than 256, or one longer than ENTRY_MAX.
    """
    if not 1 <= len(entries) <= TILE_WIDTH:
        raise BrokenProof("a bundle holds 1 to 256 entries", len(entries))
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > ENTRY_MAX:
            raise BrokenProof("entry too long", f"{len(entry)} bytes")
        parts += len(entry).to_bytes(2, "big"), entry
    return b"".join(parts)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """The `width` entries of a bundle, which must fill it to the last byte.

    Raises:
        BrokenProof: an entry is cut short, or there are fewer or more than `width`.
    """
    if not 1 <= width <= TILE_WIDTH:
        raise BrokenProof("a bundle holds 1 to 256 entries", width)
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < width:
        begin = at + 2
        at = begin + int.from_bytes(data[at:begin], "big")
        entries.append(data[begin:at])
    if at != len(data) or len(entries) != width:
        raise BrokenProof("a bundle of another length", f"{len(entries)} of {width} entries")
    return entries


class Edge:
    """The right edge of a growing log: all that appending needs, whatever the size.

    For each tile level it holds the hashes of the unfinished tile (at most 255), and for
    each bit set in the size the root of the complete subtree it stands for, so that the
    root of the log costs one hash a bit instead of a tile's 255.
    """

    __slots__ = ("_peaks", "_size", "_tiles")

    def __init__(self) -> None:
        self._size = 0
        self._tiles: list[list[bytes]] = []  # By tile level; full ones are cut off.
        self._peaks: list[bytes] = []  # By tree level; b"" where the size has no bit.

    @classmethod
    def restored(cls, size: int, partial_tiles: Sequence[bytes], root: bytes) -> Self:
        """The edge of a log of `size` leaves, from its partial tiles.

        `partial_tiles[level]` is what partial_tile(level) gave: empty where that level has
        no partial tile; empty levels at the end may be missing. `root` is the log's at
        that size, from a source worth trusting; tiles that do not amount to it are not
        this log's.

        Raises:
            BrokenProof: a tile has another width than the size says, or the root differs.
        """
        if not 0 <= size <= SIZE_MAX:
            raise BrokenProof("no such size of a log", size)
        edge = cls()
        edge._size = size
        rest = size
        tiles = list(partial_tiles)
        for level in range(max(len(tiles), -(-size.bit_length() // TILE_HEIGHT))):
            tile = tiles[level] if level < len(tiles) else b""
            width = rest % TILE_WIDTH
            if len(tile) != width * HASH_SIZE:
                raise BrokenProof(
                    "a partial tile of another width",
                    f"level {level}: {len(tile)} bytes instead of {width * HASH_SIZE}",
                )
            hashes = _hashes_of(tile)
            edge._tiles.append(hashes)
            edge._peaks += _peaks_of(hashes)
            rest //= TILE_WIDTH
        if edge.root() != root:
            raise BrokenProof("the partial tiles lead to another root", f"size {size}")
        return edge

    @property
    def size(self) -> int:
        """Leaves in the log."""
        return self._size

    def append(self, leaf_hashes: Collection[bytes]) -> list[FullTile]:
        """Add leaves on the right; return the tiles they filled, by level and index.

        The hashes are those of leaf_hash. One costs some two node hashes on average, many
        cost one each. If it raises, nothing was added.

        Raises:
            BrokenProof: not all are hashes, or the log would pass SIZE_MAX.
        """
        nodes = list(leaf_hashes)
        if not nodes:
            return []
        if set(map(len, nodes)) != {HASH_SIZE}:
            raise BrokenProof("not a SHA-256 hash")
        if self._size + len(nodes) > SIZE_MAX:
            raise BrokenProof("no such size of a log", self._size + len(nodes))

        full: list[FullTile] = []
        peaks = self._peaks
        first = self._size  # The place in its level of the first node to add.
        self._size += len(nodes)
        level = 0
        while nodes:
            if level == len(peaks):
                peaks.append(b"")
            if level % TILE_HEIGHT == 0:
                full += self._fill(level // TILE_HEIGHT, first, nodes)
            if first & 1:
                nodes.insert(0, peaks[level])  # It waited for its right neighbour.
            peaks[level] = nodes.pop() if len(nodes) & 1 else b""
            nodes = paired(nodes)
            first >>= 1
            level += 1
        return full

    def _fill(self, level: int, first: int, hashes: list[bytes]) -> list[FullTile]:
        """Add hashes, the first of them at `first`, to a tile level; cut off what is full."""
        if level == len(self._tiles):
            self._tiles.append([])
        tile = self._tiles[level]
        index = first // TILE_WIDTH
        tile += hashes
        if len(tile) < TILE_WIDTH:
            return []
        cut = len(tile) - len(tile) % TILE_WIDTH
        full = [
            FullTile(level, index + at // TILE_WIDTH, b"".join(tile[at : at + TILE_WIDTH]))
            for at in range(0, cut, TILE_WIDTH)
        ]
        del tile[:cut]
        return full

    def root(self) -> bytes:
        """The root of the log (RFC 6962): the peaks folded from the right, or EMPTY_ROOT."""
        root = b""
        for peak in self._peaks:
            if peak:
                root = node_hash(peak, root) if root else peak
        return root or EMPTY_ROOT

    def partial_tile(self, level: int) -> bytes:
        """The unfinished tile of a level, 0 to 255 hashes; empty where there is none."""
        return b"".join(self._tiles[level]) if level < len(self._tiles) else b""

    def partial_tiles(self) -> list[bytes]:
        """The unfinished tile of every level, as `restored` takes them."""
        return [b"".join(tile) for tile in self._tiles]

    def copy(self) -> Self:
        """An edge of its own at the same size; costs a few short lists."""
        edge = type(self)()
        edge._size = self._size
        edge._tiles = [tile.copy() for tile in self._tiles]
        edge._peaks = self._peaks.copy()
        return edge


class TileReader:
    """Nodes of a log of `size` leaves, from its tiles: what the proofs of merkle.py read.

    `get_tile(level, index, width)` gives a tile's bytes, at most once for each tile while
    it is remembered. A tile that lies leads to a proof that does not hold.
    """

    def __init__(self, get_tile: GetTile, size: int) -> None:
        self._get_tile = get_tile
        self._size = size
        self._kept: dict[tuple[int, int], list[bytes]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree of 2**level leaves number `index`.

        Raises:
            BrokenProof: the log has no such complete subtree, or a tile has another
                width than its size says; whatever get_tile raises.
        """
        if level < 0 or index < 0 or (index + 1) << level > self._size:
            raise BrokenProof("no such node", f"level {level}, index {index}")
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile_index, at = divmod(index << height, TILE_WIDTH)
        hashes = self._tile(tile_level, tile_index)
        return root_of(hashes[at : at + (1 << height)])

    def _tile(self, level: int, index: int) -> list[bytes]:
        kept = self._kept.get((level, index))
        if kept is not None:
            return kept
        width = tile_width(level, index, self._size)
        tile = self._get_tile(level, index, width)
        if len(tile) != width * HASH_SIZE:
            raise BrokenProof(
                "a tile of another width",
                f"{tile_path(level, index, width)}: {len(tile)} bytes",
            )
        if len(self._kept) >= TILES_KEPT:
            self._kept.clear()
        hashes = self._kept[level, index] = _hashes_of(tile)
        return hashes


def tiles_read(size: int, prove: Callable[[ReadNode], object]) -> list[TileAddress]:
    """The tiles a proof will read, so that they can be fetched side by side beforehand.

    >>> from ledger.journal.merkle import inclusion_proof
    >>> tiles_read(300, lambda read_node: inclusion_proof(0, 300, read_node))
    [TileAddress(level=0, index=0, width=256), TileAddress(level=0, index=1, width=44)]
    """
    read: set[tuple[int, int, int]] = set()

    def note(level: int, index: int, width: int) -> bytes:
        read.add((level, index, width))
        return bytes(width * HASH_SIZE)

    prove(TileReader(note, size))
    return [TileAddress(*where) for where in sorted(read)]


def _hashes_of(tile: bytes) -> list[bytes]:
    return [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]


def _peaks_of(hashes: Iterable[bytes]) -> list[bytes]:
    """The roots of the complete subtrees in a partial tile, by height; b"" where none."""
    peaks: list[bytes] = []
    nodes = list(hashes)
    for _ in range(TILE_HEIGHT):
        peaks.append(nodes.pop() if len(nodes) & 1 else b"")
        nodes = paired(nodes)
    return peaks
