"""A snapshot is the journal's own, whole, or nothing."""

import pytest
from msgspec.structs import replace

from ledger.core.book import Book
from ledger.core.faults import JournalBroken
from ledger.core.leaves import Snapshot
from ledger.journal.canonical import decode_leaf
from ledger.journal.snapshots import Chunk, check_snapshot, chunks_of, restore_chunk
from tests.building import Building, a_bit_of_everything


def a_snapshot() -> tuple[Snapshot, list[Chunk]]:
    it: Building = a_bit_of_everything()
    chunks = list(chunks_of(it.book))
    line = decode_leaf(it.recorded[it.snapshot()].leaf)
    assert isinstance(line, Snapshot)
    return line, chunks


def restored(chunks: list[Chunk]) -> Book:
    book = Book()
    for chunk in chunks:
        restore_chunk(book, chunk)
    return book


def test_the_journals_own_is_taken() -> None:
    line, chunks = a_snapshot()
    check_snapshot(line, [chunk.hash for chunk in chunks], restored(chunks))


@pytest.mark.parametrize("change", [{"root": bytes(32)}, {"size": 3}, {"accounts": 1}])
def test_another_is_not(change: dict[str, object]) -> None:
    line, chunks = a_snapshot()
    with pytest.raises(JournalBroken, match="not what the journal says"):
        check_snapshot(
            replace(line, **change), [chunk.hash for chunk in chunks], restored(chunks)
        )


def test_bytes_of_another_hash_are_not_restored() -> None:
    _, chunks = a_snapshot()
    data = chunks[0].data
    changed = data.replace(b'"balance":"', b'"balance":"1', 1)
    assert changed != data
    with pytest.raises(JournalBroken, match="not those of its hash"):
        restore_chunk(Book(), Chunk(changed, chunks[0].hash))
