"""Tiles: one path each, an edge that agrees with the whole tree, and proofs read from them."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.journal import merkle
from ledger.journal.faults import BrokenProof
from ledger.journal.tiles import (
    Edge,
    FullTile,
    TileAddress,
    TileReader,
    decode_bundle,
    encode_bundle,
    parse_tile_path,
    tile_path,
    tile_width,
    tiles_read,
)
from tests.journal import oracle

# Cheap stand-ins for leaf hashes: the tree above does not care what a leaf was.
FAKE = [n.to_bytes(32, "big") for n in range(70_000)]


class Log:
    """A log kept as its edge and the tiles it gave off, as a store would keep it."""

    def __init__(self) -> None:
        self.edge = Edge()
        self.tiles: dict[tuple[int, int, int], bytes] = {}

    def append(self, leaf_hashes: list[bytes]) -> None:
        for tile in self.edge.append(leaf_hashes):
            where = (tile.level, tile.index, 256)
            assert where not in self.tiles, "a full tile is given once"
            self.tiles[where] = tile.hashes
        for level, tile in enumerate(self.edge.partial_tiles()):
            if tile:
                index = (self.edge.size >> 8 * level) // 256
                self.tiles[level, index, len(tile) // 32] = tile

    def get_tile(self, level: int, index: int, width: int) -> bytes:
        return self.tiles[level, index, width]


@pytest.fixture(scope="module")
def log() -> Log:
    """70,000 leaves, appended in full batches."""
    log = Log()
    for begin in range(0, len(FAKE), 8190):
        log.append(FAKE[begin : begin + 8190])
    return log


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ((0, 0, 256), "tile/0/000"),
        ((0, 0, 1), "tile/0/000.p/1"),
        ((0, 272, 256), "tile/0/272"),
        ((0, 273, 112), "tile/0/273.p/112"),
        ((1, 0, 256), "tile/1/000"),
        ((1, 1, 17), "tile/1/001.p/17"),
        ((2, 0, 1), "tile/2/000.p/1"),
        ((0, 999, 256), "tile/0/999"),
        ((0, 1000, 256), "tile/0/x001/000"),
        ((0, 1234067, 256), "tile/0/x001/x234/067"),
        ((3, 1234067, 255), "tile/3/x001/x234/067.p/255"),
        ((10, 1_000_000, 9), "tile/10/x001/x000/000.p/9"),
        ((63, 5, 256), "tile/63/005"),
        ((None, 0, 256), "tile/entries/000"),
        ((None, 123456, 42), "tile/entries/x123/456.p/42"),
        (
            (0, (2**63 - 1) // 256, 255),
            "tile/0/x036/x028/x797/x018/x963/967.p/255",
        ),
    ],
)
def test_paths(address: tuple[int | None, int, int], path: str) -> None:
    assert tile_path(*address) == path
    assert parse_tile_path(path) == TileAddress(*address)
    assert TileAddress(*address).path == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/000",
        "tile/0/x000/001",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/",
        "tile/0/x01/000",
        "tile/0/X001/000",
        "tile/0/-01",
        "tile/0/+01",
        "tile/0/ 01",
        "tile/00/000",
        "tile/01/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/100/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/00",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p/1000",
        "tile/0/000.p/-1",
        "tile/0/000.p/1/",
        "tile/0/000.P/1",
        "tile/0/000.p/1.p/1",
        "tile/0/000\n",
        "tile/0/000 ",
        "/tile/0/000",
        "tile//0/000",
        "tile/0/../000",
        "tile/0/x001/../000",
        "tile/8/0/000",
        "tile/entry/000",
        "tile/data/000",
        "tile/Entries/000",
        "tile/0/\u0660\u0660\u0660",
        "tile/\u0661/000",
        "tile/0/x999/x999/x999/x999/x999/999",
        "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
        "entries/000",
        "checkpoint",
    ],
)
def test_paths_that_are_none(text: str) -> None:
    with pytest.raises(BrokenProof):
        parse_tile_path(text)


@pytest.mark.parametrize(
    "address",
    [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 2**55, 1), (0, 0, 0), (0, 0, 257)],
)
def test_tiles_that_cannot_be(address: tuple[int, int, int]) -> None:
    with pytest.raises(BrokenProof):
        tile_path(*address)


@given(st.none() | st.integers(0, 63), st.integers(0, 2**55 - 1), st.integers(1, 256))
def test_one_tile_one_path(level: int | None, index: int, width: int) -> None:
    assert parse_tile_path(tile_path(level, index, width)) == TileAddress(level, index, width)


@given(st.text(st.sampled_from("tile/0123456789x.pentries"), max_size=24))
def test_whatever_is_read_is_written_the_same(text: str) -> None:
    try:
        address = parse_tile_path(text)
    except BrokenProof:
        return
    assert address.path == text


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=256))
def test_bundles_come_back(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


def test_a_bundle_to_the_byte() -> None:
    assert encode_bundle([b"ab", b"", b"c" * 258]) == b"\x00\x02ab\x00\x00\x01\x02" + b"c" * 258


@pytest.mark.parametrize("entries", [[], [b""] * 257, [b"x" * 65_536]])
def test_bundles_that_cannot_be(entries: list[bytes]) -> None:
    with pytest.raises(BrokenProof):
        encode_bundle(entries)


def test_the_longest_entry_fits() -> None:
    entry = b"x" * 65_535
    assert decode_bundle(encode_bundle([entry] * 256), 256) == [entry] * 256


def test_a_bundle_is_refused_at_any_other_length() -> None:
    entries = [b"one", b"", b"three"]
    data = encode_bundle(entries)
    for end in range(len(data)):
        with pytest.raises(BrokenProof):
            decode_bundle(data[:end], 3)
    for more in (b"\x00", b"\x00\x00", b"\x00\x01x"):
        with pytest.raises(BrokenProof):
            decode_bundle(data + more, 3)
    for width in (-1, 0, 1, 2, 4, 256, 257):
        with pytest.raises(BrokenProof):
            decode_bundle(data, width)


def test_tiles_of_seventy_thousand(log: Log) -> None:
    """The example in C2SP tlog-tiles, and nothing beside it."""
    full = {where for where in log.tiles if where[2] == 256}
    assert full == {(0, n, 256) for n in range(273)} | {(1, 0, 256)}
    assert [len(log.edge.partial_tile(level)) for level in range(4)] == [
        112 * 32,
        17 * 32,
        32,
        0,
    ]
    assert [
        [tile_width(level, index, 70_000) for index in indexes]
        for level, indexes in ((0, (0, 272, 273, 274)), (1, (0, 1, 2)), (2, (0, 1)), (3, (0,)))
    ] == [[256, 256, 112, 0], [256, 17, 0], [1, 0], [0]]
    assert log.edge.root() == oracle.mth(FAKE)
    assert log.tiles[0, 272, 256] == b"".join(FAKE[272 * 256 : 273 * 256])
    assert log.tiles[1, 0, 256][-32:] == oracle.mth(FAKE[255 * 256 : 256 * 256])
    assert log.edge.partial_tile(2) == oracle.mth(FAKE[:65_536])


@pytest.mark.parametrize("size", [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 1023, 1025])
def test_one_leaf_at_a_time(size: int) -> None:
    edge = Edge()
    given_off: list[FullTile] = []
    for leaf in FAKE[:size]:
        given_off += edge.append([leaf])
    assert edge.size == size
    assert edge.root() == oracle.mth(FAKE[:size])
    assert [(tile.level, tile.index) for tile in given_off] == [
        (0, index) for index in range(size // 256)
    ]
    assert edge.partial_tile(0) == b"".join(FAKE[size - size % 256 : size])


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537])
@pytest.mark.parametrize("step", [65_537, 8190, 4097])
def test_around_a_full_tile_of_level_one(size: int, step: int) -> None:
    log = Log()
    for begin in range(0, size, step):
        log.append(FAKE[begin : min(begin + step, size)])
    assert log.edge.size == size
    assert log.edge.root() == oracle.mth(FAKE[:size])
    assert ((1, 0, 256) in log.tiles) is (size >= 65_536)
    assert log.edge.partial_tile(2) == (oracle.mth(FAKE[:65_536]) if size >= 65_536 else b"")
    assert log.edge.partial_tile(9) == b""


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 700), max_size=12))
def test_any_split_of_appends_gives_the_same(steps: list[int]) -> None:
    split, whole = Log(), Log()
    at = 0
    for step in steps:
        split.append(FAKE[at : at + step])
        at += step
        assert split.edge.root() == merkle.root_of(FAKE[:at])
    whole.append(FAKE[:at])
    assert split.edge.root() == whole.edge.root() == oracle.mth(FAKE[:at])
    assert split.edge.partial_tiles() == whole.edge.partial_tiles()
    assert {where for where in split.tiles if where[2] == 256} == {
        where for where in whole.tiles if where[2] == 256
    }
    assert whole.tiles.items() <= split.tiles.items()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2000), st.integers(0, 600))
def test_restored_it_grows_on_as_if_nothing_had_happened(size: int, more: int) -> None:
    before = Edge()
    before.append(FAKE[:size])
    after = Edge.restored(size, before.partial_tiles(), before.root())
    assert after.append(FAKE[size : size + more]) == before.append(FAKE[size : size + more])
    assert (after.size, after.root()) == (before.size, before.root())
    assert after.partial_tiles() == before.partial_tiles()


@pytest.mark.parametrize("size", [0, 255, 256, 65_535, 65_536, 65_537, 70_000])
def test_restored_at_the_borders_of_tiles(size: int) -> None:
    edge = Edge()
    edge.append(FAKE[:size])
    tiles = edge.partial_tiles()
    for spelled in (tiles, [*tiles, b"", b""], tiles[: -(-size.bit_length() // 8)]):
        assert Edge.restored(size, spelled, oracle.mth(FAKE[:size])).root() == edge.root()


def test_restored_from_what_is_not_its_own() -> None:
    edge = Edge()
    edge.append(FAKE)
    tiles, root = edge.partial_tiles(), edge.root()
    wrong: list[tuple[int, list[bytes], bytes]] = [
        (70_001, tiles, root),
        (69_999, tiles, root),
        (-1, tiles, root),
        (2**63, tiles, root),
        (70_000, tiles, FAKE[0]),
        (70_000, tiles, b""),
        (70_000, tiles[:2], root),
        (70_000, [], root),
        (70_000, [*tiles, FAKE[0]], root),
        (70_000, [tiles[0][:-1], *tiles[1:]], root),
        (70_000, [tiles[0][32:], *tiles[1:]], root),
        (70_000, [tiles[1], tiles[0], *tiles[2:]], root),
        (0, [], root),
        (0, [FAKE[0]], merkle.EMPTY_ROOT),
    ]
    wrong += [
        (70_000, [*tiles[:level], b"\xff" + tiles[level][1:], *tiles[level + 1 :]], root)
        for level in range(3)
    ]
    for size, partial, claimed in wrong:
        with pytest.raises(BrokenProof):
            Edge.restored(size, partial, claimed)


def test_a_copy_goes_its_own_way() -> None:
    edge = Edge()
    edge.append(FAKE[:300])
    copy = edge.copy()
    copy.append(FAKE[300:1000])
    assert (edge.size, edge.root()) == (300, oracle.mth(FAKE[:300]))
    assert edge.partial_tile(0) == b"".join(FAKE[256:300])
    edge.append(FAKE[300:1000])
    assert (edge.root(), edge.partial_tiles()) == (copy.root(), copy.partial_tiles())


@pytest.mark.parametrize("bad", [[b""], [FAKE[0], b"short"], [FAKE[0], FAKE[1] + b"\x00"]])
def test_a_refused_append_adds_nothing(bad: list[bytes]) -> None:
    edge = Edge()
    edge.append(FAKE[:300])
    before = (edge.size, edge.root(), edge.partial_tiles())
    with pytest.raises(BrokenProof):
        edge.append(bad)
    assert (edge.size, edge.root(), edge.partial_tiles()) == before
    assert edge.append([]) == []


def test_the_largest_log_takes_no_more() -> None:
    """At 2**63 - 1 every bit is set, so every level has a partial tile."""
    size = 2**63 - 1
    tiles = [b"".join(FAKE[: (size >> 8 * level) % 256]) for level in range(8)]
    with pytest.raises(BrokenProof) as caught:
        Edge.restored(size, tiles, b"")
    assert caught.value.facts[0] == "the partial tiles lead to another root"
    peaks = [
        oracle.mth(FAKE[begin : begin + (1 << height)])
        for tile in tiles
        for height, begin in _peaks(len(tile) // 32)
    ]
    root = peaks[0]
    for peak in peaks[1:]:
        root = oracle.node(peak, root)
    edge = Edge.restored(size, tiles, root)
    with pytest.raises(BrokenProof):
        edge.append(FAKE[:1])
    assert edge.size == size


def _peaks(width: int) -> list[tuple[int, int]]:
    """The complete subtrees in a tile as (height, first hash), the smallest first."""
    found, begin = [], 0
    for height in range(7, -1, -1):
        if width & 1 << height:
            found.append((height, begin))
            begin += 1 << height
    return found[::-1]


def test_nodes_read_from_tiles(log: Log) -> None:
    read_node = TileReader(log.get_tile, 70_000)
    for level in range(17):
        complete = 70_000 >> level
        for index in {0, 1, complete // 2, complete - 1} & set(range(complete)):
            covered = FAKE[index << level : (index + 1) << level]
            assert read_node(level, index) == oracle.mth(covered)
        with pytest.raises(BrokenProof):
            read_node(level, complete)
    for where in ((-1, 0), (0, -1), (17, 0), (64, 0)):
        with pytest.raises(BrokenProof):
            read_node(*where)


def test_proofs_from_tiles_at_any_size(log: Log) -> None:
    """Older sizes are proved from the tiles of today: a partial tile begins the full one."""

    def get_tile(level: int, index: int, width: int) -> bytes:
        now = tile_width(level, index, 70_000)
        return log.get_tile(level, index, now)[: width * 32]

    sizes = [1, 2, 255, 256, 257, 300, 511, 4097, 65_535, 65_536, 65_537, 69_999, 70_000]
    for size in sizes:
        root, read_node = oracle.mth(FAKE[:size]), TileReader(get_tile, size)
        assert merkle.subtree_root(0, size, read_node) == root
        for index in {0, size // 3, size // 2, size - 1}:
            path = merkle.inclusion_proof(index, size, read_node)
            assert path == oracle.path(index, FAKE[:size])
            merkle.check_inclusion(FAKE[index], index, size, path, root)
    for size1, size2 in [*pairwise(sizes), (1, 70_000), (60_001, 70_000)]:
        proof = merkle.consistency_proof(size1, size2, TileReader(get_tile, size2))
        assert proof == oracle.proof(size1, FAKE[:size2])


def test_a_tile_that_lies_proves_nothing(log: Log) -> None:
    """Any flipped bit in any tile a proof reads makes the proof fail or changes nothing."""
    size, index, root = 70_000, 60_000, log.edge.root()
    good = merkle.inclusion_proof(index, size, TileReader(log.get_tile, size))
    addresses = tiles_read(size, lambda read: merkle.inclusion_proof(index, size, read))
    changed = 0
    for address in addresses:
        for at in range(0, address.width * 32, 97):

            def get_tile(level: int, number: int, width: int) -> bytes:
                tile = log.get_tile(level, number, width)
                if (level, number) == (address.level, address.index):  # noqa: B023
                    tile = tile[:at] + bytes([tile[at] ^ 1]) + tile[at + 1 :]  # noqa: B023
                return tile

            path = merkle.inclusion_proof(index, size, TileReader(get_tile, size))
            if path != good:
                changed += 1
                with pytest.raises(BrokenProof):
                    merkle.check_inclusion(FAKE[index], index, size, path, root)
    assert changed > 100


def test_a_tile_of_another_width_is_refused(log: Log) -> None:
    for cut in (b"", log.tiles[0, 0, 256][:-32], log.tiles[0, 0, 256] + b"\x00"):
        read_node = TileReader(lambda level, index, width: cut, 70_000)  # noqa: B023
        with pytest.raises(BrokenProof):
            read_node(0, 0)


def test_the_tiles_a_proof_reads_are_known_beforehand(log: Log) -> None:
    asked: list[tuple[int, int, int]] = []

    def get_tile(level: int, index: int, width: int) -> bytes:
        asked.append((level, index, width))
        return log.get_tile(level, index, width)

    merkle.consistency_proof(60_001, 70_000, TileReader(get_tile, 70_000))
    assert len(set(asked)) == len(asked), "each tile is fetched once"
    foreseen = tiles_read(70_000, lambda read: merkle.consistency_proof(60_001, 70_000, read))
    assert {TileAddress(*where) for where in asked} == set(foreseen)


def test_a_reader_forgets_and_asks_again(log: Log) -> None:
    asked = 0

    def get_tile(level: int, index: int, width: int) -> bytes:
        nonlocal asked
        asked += 1
        return log.get_tile(level, index, width)

    read_node = TileReader(get_tile, 70_000)
    for index in range(100):
        assert read_node(0, index * 256) == FAKE[index * 256]
    assert read_node(0, 0) == FAKE[0]
    assert asked == 101
    assert read_node(0, 99 * 256 + 1) == FAKE[99 * 256 + 1]
    assert asked == 101
