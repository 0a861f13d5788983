"""Large snapshots are read by other processes, and are the same book then."""

from types import SimpleNamespace
from typing import Any

import pytest

from ledger.core.book import Book
from ledger.core.faults import JournalBroken
from ledger.journal.snapshots import chunks_of, read_chunk, restore_slice
from ledger.sequencer import snapshotting
from ledger.sequencer.snapshotting import Snapshotter
from tests.building import a_bit_of_everything


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store of one snapshot, of a line or two for each chunk, read by other processes."""
    monkeypatch.setattr(snapshotting, "FEW", 0)
    monkeypatch.setattr(snapshotting, "READERS_MAX", 2)
    monkeypatch.setattr("ledger.journal.snapshots.CHUNK", 2)
    chunks = list(chunks_of(a_bit_of_everything().book))
    assert len(chunks) > 2 * 2 + 1, "more than are read at once"

    async def named(*_: object) -> list[tuple[int, bytes]]:
        return [(number, chunk.hash) for number, chunk in enumerate(chunks)]

    async def data(_: int, __: int, number: int) -> bytes:
        return chunks[number].data

    return SimpleNamespace(chunks=named, chunk=data, kept=chunks)


async def test_it_is_the_same_book(kept: Any) -> None:
    book, other = Book(), Book()
    hashes = []
    async for digest, cut in Snapshotter().read(kept, 1, 1):
        restore_slice(book, cut)
        hashes.append(digest)
    assert hashes == [chunk.hash for chunk in kept.kept]
    for chunk in kept.kept:
        restore_slice(other, read_chunk(chunk))
    assert list(book.state()) == list(other.state())
    assert book.accounts == other.accounts > 2


async def test_bytes_of_another_hash_are_said_to_be_so(kept: Any) -> None:
    kept.kept[5], kept.kept[6] = kept.kept[6], kept.kept[5]
    named = await kept.chunks()

    async def chunks(*_: object) -> list[tuple[int, bytes]]:
        return [(n, kept.kept[5].hash if n == 6 else digest) for n, digest in named]

    kept.chunks = chunks
    with pytest.raises(JournalBroken, match="not those of its hash"):
        async for _ in Snapshotter().read(kept, 1, 1):
            pass
