"""Loading: a ledger's book and the right edge of its log, from what is committed.

Start-up and reload take the newest snapshot that amounts to what the journal says of it,
and replay the leaves after it.
"""

import logging
from collections.abc import Container, Sequence
from contextlib import aclosing

from msgspec import Struct

from ledger.core.book import NOTHING_USED, Book
from ledger.core.faults import JournalBroken
from ledger.core.leaves import Opening, Snapshot
from ledger.core.store import Head, Store, StoredLeaf, StoredSnapshot
from ledger.core.terms import NO_PAST, targets_of
from ledger.journal.batches import TARGET, read_body
from ledger.journal.canonical import decode_leaf
from ledger.journal.merkle import leaf_hash, root_of
from ledger.journal.replay import replay
from ledger.journal.snapshots import check_snapshot, restore_slice
from ledger.journal.tiles import TILE_WIDTH, Edge
from ledger.sequencer.posting import references_of
from ledger.sequencer.snapshotting import Snapshotter

log = logging.getLogger(__name__)


class Loaded(Struct, frozen=True):
    """A ledger as of a head; `weight` is what was replayed after the snapshot."""

    book: Book
    edge: Edge
    replayed_leaves: int
    replayed_transfers: int


async def load(store: Store, head: Head, snapshotter: Snapshotter) -> Loaded:
    """The state after the first `head.size` leaves.

    Raises:
        JournalBroken: the rows do not amount to the head, or break the rules.
        StoreUnavailable: the database did not answer.
    """
    edge = await load_edge(store, head)
    book = await _restored(store, head, snapshotter)
    leaves, transfers = book.size, book.transfers
    async for some in store.leaves_from(head.ledger_id, book.size, head.size):
        for leaf in some:
            await _replay(store, head.ledger_id, book, leaf)
    if book.size != head.size:
        raise JournalBroken(f"the journal ends at {book.size}, its head says {head.size}")
    return Loaded(book, edge, book.size - leaves, book.transfers - transfers)


async def _replay(store: Store, ledger_id: int, book: Book, leaf: StoredLeaf) -> None:
    if leaf.index != book.size:
        raise JournalBroken(f"leaf {book.size} is missing")
    used: Container[tuple[str, str]] = NOTHING_USED
    past = NO_PAST
    next_sequence = book.transfers + 1
    unique = book.opening is not None and book.opening.unique_references
    if leaf.body and (unique or TARGET in leaf.body):
        manifest, transfers = read_body(leaf.body)
        targets = targets_of(transfers)
        if unique:
            references = references_of(manifest.source, transfers)
            used = await store.used_references(ledger_id, references, next_sequence)
        if targets:
            past = await store.past(ledger_id, targets, next_sequence)
    replay(book, leaf.line, leaf.body or None, used=used, past=past)


async def _restored(store: Store, head: Head, snapshotter: Snapshotter) -> Book:
    """A book from the newest snapshot that holds, or an empty one."""
    for stored in await store.snapshots(head.ledger_id):
        try:
            return await _restore(store, head, stored, snapshotter)
        except JournalBroken as broken:
            log.error(
                "A snapshot does not amount to what the journal says of it; "
                "using the one before",
                extra={
                    "ledger_id": head.ledger_id,
                    "leaf": stored.leaf_index,
                    "why": str(broken),
                },
            )
    return Book()


async def _restore(
    store: Store, head: Head, stored: StoredSnapshot, snapshotter: Snapshotter
) -> Book:
    snapshot = decode_leaf(stored.line)
    if not isinstance(snapshot, Snapshot) or snapshot.size > stored.leaf_index:
        raise JournalBroken("snapshot", f"leaf {stored.leaf_index} is none")
    book = Book()
    book.opening = await _opening(store, head.ledger_id)
    hashes: list[bytes] = []
    async with aclosing(snapshotter.read(store, head.ledger_id, snapshot.size)) as slices:
        async for digest, cut in slices:
            restore_slice(book, cut)
            hashes.append(digest)
    check_snapshot(snapshot, hashes, book)
    return book


async def _opening(store: Store, ledger_id: int) -> Opening:
    for line in await store.lines(ledger_id, 0, 1):
        opening = decode_leaf(line)
        if isinstance(opening, Opening):
            return opening
    raise JournalBroken("leaf 0", "not an opening")


async def load_edge(store: Store, head: Head) -> Edge:
    """The right edge of the log, checked against the root of the head.

    Raises:
        JournalBroken: leaves or tiles are missing or lead to another root.
    """
    partial_tiles: list[bytes] = []
    width = head.size
    level = 0
    while width:
        first, rest = width - width % TILE_WIDTH, width % TILE_WIDTH
        partial_tiles.append(await _hashes(store, head.ledger_id, level, first, rest))
        width //= TILE_WIDTH
        level += 1
    try:
        return Edge.restored(head.size, partial_tiles, head.root)
    except ValueError as broken:
        raise JournalBroken("the log's right edge", str(broken)) from None


async def _hashes(store: Store, ledger_id: int, level: int, first: int, count: int) -> bytes:
    """The hashes of one unfinished tile: of leaves, or of the full tiles a level below."""
    if level == 0:
        lines = await store.lines(ledger_id, first, first + count)
        return b"".join(map(leaf_hash, lines))
    tiles = [await store.tile(ledger_id, level - 1, first + i) for i in range(count)]
    if None in tiles:
        raise JournalBroken("a full tile is missing", f"level {level - 1}")
    return b"".join(root_of(_cut(tile)) for tile in tiles if tile is not None)


def _cut(tile: bytes) -> Sequence[bytes]:
    return [tile[at : at + 32] for at in range(0, len(tile), 32)]
