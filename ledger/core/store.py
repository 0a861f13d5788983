"""The store: what the sequencer keeps a journal in, and what it keeps."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import date
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from ledger.core.book import Posted
from ledger.core.leaves import AccountOpened
from ledger.core.resolutions import Resolution
from ledger.core.terms import Link, Past


class StoredBatch(Struct, frozen=True, kw_only=True):
    """A batch id that is spent: its leaf, and what was posted, if it was."""

    batch: UUID
    leaf_index: int
    line: bytes
    body: bytes = b""  # LF-terminated lines; empty when refused.
    outcomes: bytes = b""
    debit: Sequence[int] = ()
    credit: Sequence[int] = ()
    amount: Sequence[int] = ()
    debit_balance: Sequence[int] = ()
    credit_balance: Sequence[int] = ()
    phases: Sequence[int] = ()


class Head(Struct, frozen=True, kw_only=True):
    """The head of a journal in the database, and who may move it."""

    ledger_id: int
    size: int
    root: bytes
    epoch: int


class NewBatch(Struct, frozen=True, kw_only=True):
    """A batch to be kept. Without `posted` it was refused."""

    batch: UUID
    leaf_index: int
    body: bytes = b""
    packed: bytes = b""  # The body as this store keeps it, where that was made before.
    outcomes: bytes = b""
    source: str = ""
    posted: Posted | None = None
    business_dates: Sequence[date] | date = date.min  # Of all transfers, or of each.
    references: Sequence[tuple[str, int]] = ()  # With sequence, where they must be unique.
    details: Sequence[tuple[int, bytes, str]] = ()  # Sequence, salt, text.
    links: Sequence[Link] = ()
    resolutions: Sequence[Resolution] = ()


class NewProposal(Struct, frozen=True):
    """A request that waits for others, as it came; kept until it is decided."""

    batch: UUID
    asked: bytes


class NewTile(Struct, frozen=True):
    level: int
    index: int
    hashes: bytes


class Group(Struct, frozen=True, kw_only=True):
    """What is committed together: leaves and all that belongs to them, or nothing."""

    before: Head
    after: Head
    recorded_at: int  # Of the last leaf; the database refuses one far ahead of its clock.
    leaves: Sequence[bytes]
    hashes: Sequence[bytes]
    tiles: Sequence[NewTile]
    batches: Sequence[NewBatch]
    accounts: Sequence[AccountOpened]
    proposals: Sequence[NewProposal] = ()
    settled: Sequence[UUID] = ()  # Proposals, also of this group, that wait no more.
    checkpoint: bytes = b""  # The newest that is signed; of an earlier size.


class StoredLeaf(Struct, frozen=True):
    index: int
    line: bytes
    body: bytes  # Of a posted batch; else empty.


class StoredSnapshot(Struct, frozen=True, kw_only=True):
    """A snapshot's own leaf and the leaf's index."""

    leaf_index: int
    line: bytes


class Store(Protocol):
    """The database as the sequencer sees it. All may raise StoreUnavailable."""

    async def ledgers(self) -> list[tuple[int, str]]:
        """Ledger ids and codes, in order of id."""
        ...

    async def create(self, code: str) -> int | None:
        """The id of a new ledger with an empty journal; None when the code is taken.

        A ledger that was created but never opened is given again.
        """
        ...

    async def take(self, ledger_id: int, owner: str, *, epoch: int | None = None) -> Head:
        """Become the writer: end the old one's sessions, bump the epoch, read the head.

        With `epoch`, only while the head still has that epoch: one who was the writer
        and comes back must not take the ledger from its successor.

        Raises:
            WriterReplaced: the head has another epoch.
        """
        ...

    async def release(self, ledger_id: int) -> None:
        """Let go of what `take` holds open. Never raises."""
        ...

    async def lookup(
        self, ledger_id: int, batches: Collection[UUID]
    ) -> Mapping[UUID, StoredBatch]:
        """Which of these ids are spent."""
        ...

    async def used_references(
        self, ledger_id: int, references: Collection[tuple[str, str]], before: int
    ) -> set[tuple[str, str]]:
        """Which pairs of source and reference are taken by sequences below `before`."""
        ...

    async def past(
        self, ledger_id: int, sequences: Collection[int], before: int
    ) -> Mapping[int, Past]:
        """Those of these transfers that stand below a sequence, as they stood at it."""
        ...

    async def detail_salts(
        self, ledger_id: int, sequences: Collection[int]
    ) -> Mapping[int, bytes]:
        """The salts of descriptions that were not erased."""
        ...

    async def proposals(self, ledger_id: int) -> Mapping[UUID, bytes]:
        """The requests that wait for others, by the ids of their batches."""
        ...

    async def commit(self, group: Group) -> None:
        """Commit a group.

        Raises:
            WriterReplaced: the head was moved or taken by another; nothing was recorded.
            ClockAhead: nothing was recorded.
            OutcomeUnknown: take the ledger again and read.
        """
        ...

    async def keep_checkpoint(self, ledger_id: int, size: int, note: bytes) -> None:
        """Keep a signed checkpoint, unless a larger one is there."""
        ...

    async def checkpoint(self, ledger_id: int) -> bytes:
        """The largest checkpoint kept; empty when there is none."""
        ...

    async def tile(self, ledger_id: int, level: int, index: int) -> bytes | None:
        """A full tile."""
        ...

    async def lines(self, ledger_id: int, start: int, end: int) -> list[bytes]:
        """Leaves without bodies, in order of index, `end` not included."""
        ...

    def leaves_from(
        self, ledger_id: int, start: int, end: int
    ) -> AsyncIterator[Sequence[StoredLeaf]]:
        """Leaves with their bodies, in order, some at a time."""
        ...

    async def snapshots(self, ledger_id: int) -> list[StoredSnapshot]:
        """The snapshots whose leaf is committed, newest first."""
        ...

    @staticmethod
    def packed(data: bytes) -> bytes:
        """The lines of a chunk as `keep_chunk` takes them; other processes may call it."""
        ...

    async def keep_chunk(
        self, ledger_id: int, size: int, number: int, packed: bytes, digest: bytes
    ) -> None:
        """Keep a chunk of a snapshot as of `size`; again is no harm."""
        ...

    async def chunks(self, ledger_id: int, size: int) -> list[tuple[int, bytes]]:
        """Number and hash of a snapshot's chunks, in order."""
        ...

    async def chunk(self, ledger_id: int, size: int, number: int) -> bytes:
        """The lines of a chunk; LookupError when it is not there."""
        ...

    async def drop_snapshots(self, ledger_id: int, keep: Collection[int]) -> None:
        """Forget the chunks of all snapshots but those of these sizes."""
        ...
