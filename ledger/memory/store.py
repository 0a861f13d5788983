"""A session of a writer onto a memory database, with faults where they are asked for.

`fail_next_commit(before=...)` raises and records nothing, `fail_next_commit(after=...)` records
and then raises, which is an answer that was lost.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from ledger.core.faults import ClockAhead, JournalBroken, StoreUnavailable, WriterReplaced
from ledger.core.store import Group, Head, StoredBatch, StoredLeaf, StoredSnapshot
from ledger.core.terms import Past
from ledger.journal.past import tell
from ledger.memory.database import (
    KeptLedger,
    MemoryDatabase,
)

CLOCK_AHEAD_MAX_US: Final = 60_000_000
PAGE_BYTES: Final = 16_000_000


class MemoryStore:
    """Store (core/store.py) on a memory database. Two of them are two processes.

    Args:
        before_commit: called with the ledger when a group is about to take effect.
    """

    def __init__(
        self,
        database: MemoryDatabase,
        *,
        before_commit: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        self.database = database
        self.before_commit = before_commit
        self._sessions: dict[int, object] = {}
        self._before: BaseException | None = None
        self._after: BaseException | None = None

    def fail_next_commit(
        self, *, before: BaseException | None = None, after: BaseException | None = None
    ) -> None:
        """Let the next commit raise before it took effect, or after it did."""
        self._before, self._after = before, after

    async def ledgers(self) -> list[tuple[int, str]]:
        self.database.check_up()
        return [(number, ledger.code) for number, ledger in self.database.ledgers.items()]

    async def create(self, code: str) -> int | None:
        self.database.check_up()
        ledgers = self.database.ledgers
        for ledger_id, ledger in ledgers.items():
            if ledger.code == code:
                return ledger_id if ledger.head.size == 0 else None
        ledger_id = len(ledgers) + 1
        ledgers[ledger_id] = KeptLedger(ledger_id, code)
        return ledger_id

    # ---- one writer

    async def take(self, ledger_id: int, owner: str, *, epoch: int | None = None) -> Head:
        await self.release(ledger_id)
        self.database.check_up()
        ledger = self.database.ledgers[ledger_id]
        head = ledger.head
        heard_nothing = head.epoch - 1 == epoch and ledger.owner == owner
        if epoch is not None and head.epoch != epoch and not heard_nothing:
            raise WriterReplaced(f"ledger {ledger_id}", f"epoch {head.epoch}, not {epoch}")
        session = object()
        self._sessions[ledger_id] = ledger.writer = session
        ledger.owner = owner
        ledger.head = Head(
            ledger_id=ledger_id, size=head.size, root=head.root, epoch=head.epoch + 1
        )
        return ledger.head

    async def release(self, ledger_id: int) -> None:
        self._sessions.pop(ledger_id, None)

    async def commit(self, group: Group) -> None:
        ledger_id, before = group.before.ledger_id, group.before
        try:
            await self._commit(self.database.ledger(ledger_id), group)
        except (WriterReplaced, ClockAhead, JournalBroken):
            raise
        except BaseException:
            await self.release(ledger_id)
            ledger = self.database.ledgers.get(ledger_id)
            if ledger is not None and ledger.head.epoch != before.epoch:
                raise WriterReplaced(f"ledger {ledger_id}") from None
            raise

    async def _commit(self, ledger: KeptLedger, group: Group) -> None:
        before, after = group.before, group.after
        assert len(group.leaves) == len(group.hashes) == after.size - before.size, "one group"
        self._check_session(ledger, before)
        ledger.check(group)
        if ledger.head != before:
            raise WriterReplaced(f"ledger {before.ledger_id}", f"at size {ledger.head.size}")
        if group.recorded_at > self.database.now_us() + CLOCK_AHEAD_MAX_US:
            raise ClockAhead
        if self.before_commit is not None:
            await self.before_commit(before.ledger_id)
        await asyncio.sleep(0)  # As a database would, let others run.
        self.database.check_up()
        self._check_session(ledger, before)
        if (fault := self._before) is not None:
            self._before = None
            raise fault
        ledger.record(group)
        if (fault := self._after) is not None:
            self._after = None
            raise fault

    def _check_session(self, ledger: KeptLedger, before: Head) -> None:
        session = self._sessions.get(before.ledger_id)
        if session is None or session is not ledger.writer:
            raise StoreUnavailable("the ledger was not taken, or its session was lost")

    # ---- reading

    async def lookup(
        self, ledger_id: int, batches: Collection[UUID]
    ) -> Mapping[UUID, StoredBatch]:
        ledger = self.database.ledger(ledger_id)
        return {
            batch: ledger.stored(ledger.batches[batch])
            for batch in batches
            if batch in ledger.batches
        }

    async def used_references(
        self, ledger_id: int, references: Collection[tuple[str, str]], before: int
    ) -> set[tuple[str, str]]:
        ledger = self.database.ledger(ledger_id)
        used = {(source, text) for source, text, number in ledger.references if number < before}
        return used & set(references)

    async def past(
        self, ledger_id: int, sequences: Collection[int], before: int
    ) -> Mapping[int, Past]:
        ledger = self.database.ledger(ledger_id)
        links = [link for link in ledger.links.values() if link.sequence < before]
        found: dict[int, Past] = {}
        for row in ledger.rows(min(sequences, default=before) - 1):
            if row.sequence in sequences and row.sequence < before:
                place = row.batch_number - 1
                kept, first = ledger.posted[place], ledger.first_sequences[place]
                told = tell(kept.body, kept.outcomes, first, [row.sequence])[row.sequence]
                found[row.sequence] = Past(
                    debit=row.debit_account,
                    credit=row.credit_account,
                    amount=row.amount,
                    phase=row.phase,
                    taken=sum(link.amount for link in links if link.target == row.sequence),
                    is_link=row.sequence in ledger.links,
                    kind=told.kind,
                    beside=told.beside,
                    is_beside=told.is_beside,
                )
        return found

    async def detail_salts(
        self, ledger_id: int, sequences: Collection[int]
    ) -> Mapping[int, bytes]:
        details = self.database.ledger(ledger_id).details
        return {number: details[number][0] for number in sequences if number in details}

    async def proposals(self, ledger_id: int) -> Mapping[UUID, bytes]:
        return dict(self.database.ledger(ledger_id).proposals)

    async def keep_checkpoint(self, ledger_id: int, size: int, note: bytes) -> None:
        self.database.ledger(ledger_id).keep_checkpoint(size, note)

    async def checkpoint(self, ledger_id: int) -> bytes:
        return self.database.ledger(ledger_id).checkpoint[1]

    async def tile(self, ledger_id: int, level: int, index: int) -> bytes | None:
        return self.database.ledger(ledger_id).tiles.get((level, index))

    async def lines(self, ledger_id: int, start: int, end: int) -> list[bytes]:
        return self.database.ledger(ledger_id).lines[start:end]

    async def leaves_from(
        self, ledger_id: int, start: int, end: int
    ) -> AsyncIterator[Sequence[StoredLeaf]]:
        ledger = self.database.ledger(ledger_id)
        page: list[StoredLeaf] = []
        size = 0
        for index in range(start, min(end, len(ledger.lines))):
            batch = ledger.batch_at.get(index)
            body = b"" if batch is None else batch.body
            page.append(StoredLeaf(index, ledger.lines[index], body))
            size += len(ledger.lines[index]) + len(body)
            if size >= PAGE_BYTES:
                yield page
                page, size = [], 0
        if page:
            yield page

    # ---- snapshots

    async def snapshots(self, ledger_id: int) -> list[StoredSnapshot]:
        ledger = self.database.ledger(ledger_id)
        return [
            StoredSnapshot(leaf_index=index, line=ledger.lines[index])
            for index in reversed(ledger.snapshots)
        ]

    @staticmethod
    def packed(data: bytes) -> bytes:
        return data

    async def keep_chunk(
        self, ledger_id: int, size: int, number: int, packed: bytes, digest: bytes
    ) -> None:
        self.database.ledger(ledger_id).chunks[size, number] = (digest, packed)

    async def chunks(self, ledger_id: int, size: int) -> list[tuple[int, bytes]]:
        chunks = self.database.ledger(ledger_id).chunks
        return sorted((number, chunks[of, number][0]) for of, number in chunks if of == size)

    async def chunk(self, ledger_id: int, size: int, number: int) -> bytes:
        return self.database.ledger(ledger_id).chunks[size, number][1]

    async def drop_snapshots(self, ledger_id: int, keep: Collection[int]) -> None:
        ledger = self.database.ledger(ledger_id)
        ledger.chunks = {key: kept for key, kept in ledger.chunks.items() if key[0] in keep}
