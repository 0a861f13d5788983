"""A snapshot is the journal's own, whole, or nothing."""

import pytest
from msgspec.structs import replace

from ledger.core.book import Book
from ledger.core.faults import JournalBroken
from ledger.core.leaves import Snapshot
from ledger.core.model import CurrencyKind, Nature, Status
from ledger.core.state_lines import StateAccount, StateCurrency
from ledger.journal.canonical import decode_leaf
from ledger.journal.snapshots import (
    Chunk,
    check_snapshot,
    chunks_of,
    restore_chunk,
    write_chunk,
)
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


def an_account(number: int) -> StateAccount:
    return StateAccount(
        number=number,
        code=f"a-{number}",
        currency="MXN",
        nature=Nature.CREDIT,
        kind="member",
        holder=bytes(16),
        status=Status.OPEN,
        balance="0",
    )


@pytest.mark.parametrize("numbers", [[2], [1, 3], [2, 1], [1, 2, 2]])
def test_accounts_are_taken_in_their_order_only(numbers: list[int]) -> None:
    peso = StateCurrency(code="MXN", kind=CurrencyKind.NATIONAL, scale=2)
    with pytest.raises(JournalBroken, match="out of order"):
        restore_chunk(Book(), write_chunk([peso, *map(an_account, numbers)]))
    with pytest.raises(JournalBroken, match="out of order"):
        restore_chunk(Book(), write_chunk([an_account(1), peso, an_account(2)]))


def test_numbers_beyond_64_bits_are_none_of_ours() -> None:
    much = replace(an_account(1), balance=str(2**63))
    with pytest.raises(JournalBroken):
        restore_chunk(Book(), write_chunk([much]))
