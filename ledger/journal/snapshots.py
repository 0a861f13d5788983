"""Snapshots: the whole state as lines, in chunks whose hashes are nodes of one tree.

The lines of a snapshot (core/state_lines.py) stand under one RFC 6962 root. A chunk is
8,192 lines, so its hash is a node of that tree and the root is made of the chunks' hashes
alone; chunks can be hashed anywhere and in any order.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from ledger.core.book import Book
from ledger.core.faults import JournalBroken, MalformedLine
from ledger.core.frozen import StateSlice, sliced
from ledger.core.leaves import Snapshot
from ledger.core.state_lines import AnyState
from ledger.journal.batches import root_of_lines
from ledger.journal.canonical import decode_state, encode_lines
from ledger.journal.merkle import root_of

CHUNK = 8192  # Lines; a power of two, so that a chunk is a node of the tree.


class Chunk(Struct, frozen=True):
    """LF-terminated lines of a snapshot and the root over them."""

    data: bytes
    hash: bytes


def write_chunk(lines: list[AnyState]) -> Chunk:
    """At most CHUNK lines as bytes and their hash."""
    data = encode_lines(lines)
    return Chunk(data, root_of_lines(data))


def chunks_of(book: Book) -> Iterator[Chunk]:
    """The whole state of a book."""
    frozen = book.frozen()
    for start in range(0, frozen.count, CHUNK):
        yield write_chunk(frozen.slice(start, start + CHUNK).lines())


def snapshot_root(hashes: Iterable[bytes]) -> bytes:
    """The root of a snapshot from the hashes of its chunks, all full but the last."""
    return root_of(hashes)


def read_chunk(chunk: Chunk) -> StateSlice:
    """The lines of a chunk as columns.

    Raises:
        JournalBroken: the bytes are not those of the hash, or not in order.
    """
    try:
        if root_of_lines(chunk.data) != chunk.hash:
            raise MalformedLine("a snapshot's bytes are not those of its hash")
        return sliced(decode_state(chunk.data))
    except (MalformedLine, LookupError, ValueError, OverflowError) as error:
        raise JournalBroken("snapshot", str(error)) from error


def restore_slice(book: Book, cut: StateSlice) -> None:
    """Take what was read of the next chunk into a book that holds the chunks before.

    Raises:
        JournalBroken: it is not what comes next, or names what is not there.
    """
    try:
        book.restore(cut)
    except (LookupError, ValueError) as error:
        raise JournalBroken("snapshot", str(error)) from error


def restore_chunk(book: Book, chunk: Chunk) -> None:
    """Read the next chunk into a book that holds the chunks before.

    Raises:
        JournalBroken: the bytes are not those of the hash, or not in order.
    """
    restore_slice(book, read_chunk(chunk))


def check_snapshot(snapshot: Snapshot, hashes: Iterable[bytes], book: Book) -> None:
    """Compare a restored book with the journal's own line about it.

    Raises:
        JournalBroken: the root, the size or the number of accounts differs.
    """
    found = (snapshot_root(hashes), book.size, book.accounts)
    if found != (snapshot.root, snapshot.size, snapshot.accounts):
        raise JournalBroken("snapshot", f"not what the journal says of size {snapshot.size}")
