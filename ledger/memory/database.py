"""What lasts of the store in memory, and how a group is taken into it."""

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import date
from hashlib import sha256
from typing import Final
from uuid import UUID

from msgspec import Struct

from ledger.core.asked import Caller
from ledger.core.book import Posted
from ledger.core.faults import JournalBroken, StoreUnavailable, WriterReplaced
from ledger.core.leaves import AccountOpened, Snapshot
from ledger.core.model import Phase
from ledger.core.ports import TransferRow
from ledger.core.resolutions import Resolution
from ledger.core.store import Group, Head, NewBatch, StoredBatch
from ledger.core.terms import Link
from ledger.journal.batches import read_resolutions
from ledger.journal.canonical import decode_leaf
from ledger.journal.merkle import EMPTY_ROOT

PHASES: Final = frozenset(Phase)
SNAPSHOT_MARK: Final = b'"line":"snapshot"'


class KeptLedger:
    """All that is kept of one ledger."""

    def __init__(self, ledger_id: int, code: str) -> None:
        self.code = code
        self.head = Head(ledger_id=ledger_id, size=0, root=EMPTY_ROOT, epoch=0)
        self.owner = ""
        self.writer: object = None  # The session that took it last, while it lives.
        self.lines: list[bytes] = []
        self.batches: dict[UUID, NewBatch] = {}
        self.batch_at: dict[int, NewBatch] = {}  # By leaf index, in order.
        self.posted: list[NewBatch] = []  # By number - 1, which is also by sequence.
        self.first_sequences: list[int] = []
        self.accounts: dict[int, AccountOpened] = {}
        self.references: set[tuple[str, str, int]] = set()  # Of unique ones.
        self.details: dict[int, tuple[bytes, str]] = {}
        self.links: dict[int, Link] = {}  # By sequence, in order.
        self.resolutions: dict[tuple[int, int], Resolution] = {}  # By hold and own sequence.
        self.proposals: dict[UUID, bytes] = {}
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.checkpoint = (0, b"")
        self.snapshots: list[int] = []
        self.chunks: dict[tuple[int, int], tuple[bytes, bytes]] = {}

    def rows(self, after: int = 0) -> list[TransferRow]:
        """Transfers with a higher sequence, in order."""
        start = max(0, bisect_right(self.first_sequences, after + 1) - 1)
        return [
            row
            for batch in self.posted[start:]
            for row in rows_of(batch)
            if row.sequence > after
        ]

    def stored(self, batch: NewBatch, *, with_rows: bool = True) -> StoredBatch:
        """A batch as a look-up finds it."""
        posted = batch.posted if with_rows else None
        return StoredBatch(
            batch=batch.batch,
            leaf_index=batch.leaf_index,
            line=self.lines[batch.leaf_index],
            body=batch.body,
            outcomes=batch.outcomes,
            debit=() if posted is None else posted.debit,
            credit=() if posted is None else posted.credit,
            amount=() if posted is None else posted.amount,
            debit_balance=() if posted is None else posted.debit_balance,
            credit_balance=() if posted is None else posted.credit_balance,
            phases=() if posted is None else phases_of(posted),
        )

    # ---- a group, checked as the database checks it and then taken in

    def check(self, group: Group) -> None:
        """What keys and checks of the tables would refuse.

        Raises:
            WriterReplaced: it is there, because another wrote it.
            JournalBroken: it is wrong.
        """
        ids = [batch.batch for batch in group.batches]
        numbers = [account.number for account in group.accounts]
        links = [link for batch in group.batches for link in batch.links]
        linked = [link.sequence for link in links]
        resolved = [(one.target, one.sequence) for one in read_resolutions(group)]
        proposed = [proposal.batch for proposal in group.proposals]
        wrong = (
            any(
                sha256(b"\x00" + line).digest() != digest
                for line, digest in zip(group.leaves, group.hashes, strict=True)
            )
            or len(set(ids)) < len(ids)
            or not self.batches.keys().isdisjoint(ids)
            or not self.accounts.keys().isdisjoint(numbers)
            or any((tile.level, tile.index) in self.tiles for tile in group.tiles)
            or any(
                row.amount <= 0
                or row.debit_account == row.credit_account
                or row.phase not in PHASES
                for batch in group.batches
                for row in rows_of(batch)
            )
            or any(link.amount <= 0 or link.target >= link.sequence for link in links)
            or len(set(linked)) < len(linked)
            or not self.links.keys().isdisjoint(linked)
            or len(set(resolved)) < len(resolved)
            or not self.resolutions.keys().isdisjoint(resolved)
            or len(set(proposed)) < len(proposed)
            or not self.proposals.keys().isdisjoint(proposed)
        )
        if wrong and self.head != group.before:
            raise WriterReplaced(
                f"ledger {group.before.ledger_id}", f"at size {self.head.size}"
            )
        if wrong:
            raise JournalBroken("the database refused a row")

    def record(self, group: Group) -> None:
        """Take in a group that was checked."""
        start = group.before.size
        for index, line in enumerate(group.leaves, start):
            if SNAPSHOT_MARK in line and isinstance(decode_leaf(line), Snapshot):
                self.snapshots.append(index)
        self.lines.extend(group.leaves)
        for batch in group.batches:
            self.batches[batch.batch] = self.batch_at[batch.leaf_index] = batch
            if batch.posted is not None:
                self.posted.append(batch)
                self.first_sequences.append(batch.posted.first_sequence)
            self.references |= {
                (batch.source, text, number) for text, number in batch.references
            }
            self.details |= {number: (salt, text) for number, salt, text in batch.details}
            self.links |= {link.sequence: link for link in batch.links}
        self.resolutions |= {(one.target, one.sequence): one for one in read_resolutions(group)}
        self.proposals |= {proposal.batch: proposal.asked for proposal in group.proposals}
        for batch_id in group.settled:
            self.proposals.pop(batch_id, None)
        self.accounts |= {account.number: account for account in group.accounts}
        self.tiles |= {(tile.level, tile.index): tile.hashes for tile in group.tiles}
        if group.checkpoint:
            size = int(group.checkpoint.split(b"\n", 2)[1])
            self.keep_checkpoint(size, group.checkpoint)
        self.head = group.after

    def keep_checkpoint(self, size: int, note: bytes) -> None:
        """Keep a checkpoint, unless there is a newer one."""
        if size > self.checkpoint[0] or not self.checkpoint[1]:
            self.checkpoint = (size, note)


class Key(Struct):
    caller: Caller
    is_revoked: bool = False


class MemoryDatabase:
    """What lasts. `now_us` is its clock: microseconds since 1970."""

    def __init__(self, now_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self.now_us = now_us
        self.is_down = False  # Set it, and everything raises StoreUnavailable.
        self.ledgers: dict[int, KeptLedger] = {}
        self.keys: dict[bytes, Key] = {}

    def ledger(self, ledger_id: int) -> KeptLedger:
        """A ledger; one that is not there looks empty, as rows that are not there do."""
        self.check_up()
        return self.ledgers.get(ledger_id) or KeptLedger(ledger_id, "")

    def check_up(self) -> None:
        if self.is_down:
            raise StoreUnavailable("switched off")


def rows_of(batch: NewBatch) -> list[TransferRow]:
    """The transfers that a batch posted."""
    posted, days = batch.posted, batch.business_dates
    if posted is None:
        return []
    phases = phases_of(posted)
    return [
        TransferRow(
            posted.first_sequence + i,
            posted.debit[i],
            posted.credit[i],
            posted.amount[i],
            posted.debit_balance[i],
            posted.credit_balance[i],
            posted.number,
            position,
            days if isinstance(days, date) else days[i],
            phases[i],
        )
        for i, position in enumerate(posted.positions)
    ]


def phases_of(posted: Posted) -> Sequence[int]:
    return posted.phases or [Phase.POSTED] * len(posted.amount)
