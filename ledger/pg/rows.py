"""Rows of a group, as the statements that insert them take them."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from ledger.core.leaves import Snapshot
from ledger.core.model import Phase
from ledger.core.store import Group, NewBatch
from ledger.journal.batches import read_resolutions
from ledger.journal.canonical import decode_leaf
from ledger.pg.frames import pack

# Up to here an INSERT is faster than a COPY, which takes one more round trip.
INSERT_MAX: Final = 256
# Quotes inside a string would be escaped.
SNAPSHOT_MARK: Final = b'"line":"snapshot"'
OPENING: Final = b'"line":"account"'

Columns = list[list[Any]]  # A list for each column.


def transfer_columns(new: Sequence[NewBatch]) -> Columns:
    """The posted transfers of some batches, as INSERT_TRANSFERS takes them."""
    columns: Columns = [[] for _ in range(10)]
    for batch in new:
        posted, days = batch.posted, batch.business_dates
        if posted is None:
            continue
        count = len(posted.amount)
        for column, values in zip(
            columns,
            (
                range(posted.first_sequence, posted.first_sequence + count),
                posted.debit,
                posted.credit,
                posted.amount,
                posted.debit_balance,
                posted.credit_balance,
                [posted.number] * count,
                posted.positions,
                [days] * count if isinstance(days, date) else days,
                posted.phases or [Phase.POSTED] * count,
            ),
            strict=True,
        ):
            column.extend(values)
    return columns


def batch_columns(new: Sequence[NewBatch]) -> Columns:
    """Batches as INSERT_BATCHES takes them; their bodies are compressed here."""
    rows = [
        (
            batch.batch,
            batch.leaf_index,
            None if batch.posted is None else batch.posted.number,
            None if batch.posted is None else batch.posted.first_sequence,
            0 if batch.posted is None else len(batch.posted.amount),
            batch.packed or pack(batch.body),
            pack(batch.outcomes),
        )
        for batch in new
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def snapshot_columns(start: int, leaves: Sequence[bytes]) -> Columns:
    """Which leaves are snapshots, and of which size."""
    found = [
        (start + i, leaf.size)
        for i, line in enumerate(leaves)
        if SNAPSHOT_MARK in line and isinstance(leaf := decode_leaf(line), Snapshot)
    ]
    return [list(column) for column in zip(*found, strict=True)]


def is_small(group: Group) -> bool:
    """Whether a group is nothing but batches, with few transfers and nothing beside them."""
    return (
        len(group.batches) == len(group.leaves)
        and not (group.tiles or group.proposals or group.settled)
        and not any(
            b.references or b.details or b.links or b.resolutions for b in group.batches
        )
        and count_transfers(group.batches) <= INSERT_MAX
    )


def count_transfers(new: Sequence[NewBatch]) -> int:
    """How many rows of transfers some batches have."""
    return sum(len(batch.posted.amount) for batch in new if batch.posted is not None)


def places(group: Group) -> tuple[int, bytes, int, int, bytes]:
    """Where the head must be, and where it goes."""
    before, after = group.before, group.after
    return before.size, before.root, before.epoch, after.size, after.root


def checkpoint_size(note: bytes) -> int:
    """The size a checkpoint note of ours is for: its second line."""
    return int(note.split(b"\n", 2)[1])


def tile_rows(group: Group) -> list[tuple[int, int, bytes]]:
    """Level, index and hashes of tiles that filled up."""
    return [(tile.level, tile.index, tile.hashes) for tile in group.tiles]


def account_rows(group: Group) -> list[tuple[int, str, str, str, str, bytes, int]]:
    """Accounts as they were opened, and the leaves that opened them."""
    if not group.accounts:
        return []
    indexes = [
        index for index, line in enumerate(group.leaves, group.before.size) if OPENING in line
    ]
    return [
        (a.number, a.code, a.currency, a.nature.value, a.kind, a.holder, index)
        for a, index in zip(group.accounts, indexes, strict=True)
    ]


def reference_rows(group: Group) -> list[tuple[str, str, int]]:
    """Source, reference and sequence of references that must be unique."""
    return [
        (batch.source, reference, sequence)
        for batch in group.batches
        for reference, sequence in batch.references
    ]


def detail_rows(group: Group) -> list[tuple[int, bytes, str]]:
    """Sequence, salt and text of descriptions."""
    return [detail for batch in group.batches for detail in batch.details]


def link_rows(group: Group) -> list[tuple[int, int, int]]:
    """Target, sequence and amount of what was taken of earlier transfers."""
    return [
        (link.target, link.sequence, link.amount)
        for batch in group.batches
        for link in batch.links
    ]


def resolution_rows(group: Group) -> list[tuple[int, int, int, int]]:
    """Target, sequence, amount and kind of what its batches and leaves resolved of holds."""
    return [(one.target, one.sequence, one.amount, one.what) for one in read_resolutions(group)]


def proposal_rows(group: Group) -> list[tuple[UUID, bytes]]:
    """Ids and requests that wait; requests are compressed here."""
    return [(proposal.batch, pack(proposal.asked)) for proposal in group.proposals]
