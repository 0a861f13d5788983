"""The store in memory: what PostgreSQL does for a ledger, for tests and for trying things out.

A MemoryDatabase is what lasts; MemoryStore, MemoryReads and MemoryKeys are sessions onto it.
The same contract test as PostgreSQL's keeps it honest. It forgets all when the process ends.

Faults are asked for: `fail_next_commit(before=...)` raises and records nothing,
`fail_next_commit(after=...)` records and then raises, which is an answer that was lost.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Final
from uuid import UUID

from msgspec import Struct

from ledger.core.asked import Caller
from ledger.core.book import Posted
from ledger.core.faults import ClockAhead, JournalBroken, StoreUnavailable, WriterReplaced
from ledger.core.leaves import AccountOpened, DayClosed, Snapshot
from ledger.core.model import Phase
from ledger.core.ports import DayBalances, Movement, TransferRow
from ledger.core.store import Group, Head, NewBatch, StoredBatch, StoredLeaf, StoredSnapshot
from ledger.core.terms import Link, Past
from ledger.journal.batches import read_body, read_levies
from ledger.journal.canonical import decode_leaf
from ledger.journal.merkle import EMPTY_ROOT

CLOCK_AHEAD_MAX_US: Final = 60_000_000
PAGE_BYTES: Final = 16_000_000
PHASES: Final = frozenset(Phase)
CLOSING_MARK: Final = b'"line":"day_closed"'
REFUSED_MARK: Final = b'"line":"refused"'
SNAPSHOT_MARK: Final = b'"line":"snapshot"'


class _Ledger:
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
            for row in _rows_of(batch)
            if row.sequence > after
        ]


class _Key(Struct):
    caller: Caller
    is_revoked: bool = False


class MemoryDatabase:
    """What lasts. `now_us` is its clock: microseconds since 1970."""

    def __init__(self, now_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self.now_us = now_us
        self.is_down = False  # Set it, and everything raises StoreUnavailable.
        self.ledgers: dict[int, _Ledger] = {}
        self.keys: dict[bytes, _Key] = {}

    def ledger(self, ledger_id: int) -> _Ledger:
        """A ledger; one that is not there looks empty, as rows that are not there do."""
        self.check_up()
        return self.ledgers.get(ledger_id) or _Ledger(ledger_id, "")

    def check_up(self) -> None:
        if self.is_down:
            raise StoreUnavailable("switched off")


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
        ledgers[ledger_id] = _Ledger(ledger_id, code)
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

    async def _commit(self, ledger: _Ledger, group: Group) -> None:
        before, after = group.before, group.after
        assert len(group.leaves) == len(group.hashes) == after.size - before.size, "one group"
        self._check_session(ledger, before)
        _check_rows(ledger, group)
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
        _record(ledger, group)
        if (fault := self._after) is not None:
            self._after = None
            raise fault

    def _check_session(self, ledger: _Ledger, before: Head) -> None:
        session = self._sessions.get(before.ledger_id)
        if session is None or session is not ledger.writer:
            raise StoreUnavailable("the ledger was not taken, or its session was lost")

    # ---- reading

    async def lookup(
        self, ledger_id: int, batches: Collection[UUID]
    ) -> Mapping[UUID, StoredBatch]:
        ledger = self.database.ledger(ledger_id)
        return {
            batch: _stored(ledger, ledger.batches[batch])
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
                outcomes = ledger.posted[row.batch_number - 1].outcomes
                levies, is_levy = read_levies(outcomes, row.sequence)
                found[row.sequence] = Past(
                    debit=row.debit_account,
                    credit=row.credit_account,
                    amount=row.amount,
                    phase=row.phase,
                    taken=sum(link.amount for link in links if link.target == row.sequence),
                    is_link=row.sequence in ledger.links,
                    is_levy=is_levy,
                    levies=levies,
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
        _keep_checkpoint(self.database.ledger(ledger_id), size, note)

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


class MemoryReads:
    """Reads (core/ports.py) of a memory database."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def transfers(
        self,
        ledger_id: int,
        *,
        after: int,
        limit: int,
        account: int | None = None,
        first_date: date | None = None,
        last_date: date | None = None,
    ) -> list[TransferRow]:
        return [
            row
            for row in self._database.ledger(ledger_id).rows(after)
            if (account is None or account in (row.debit_account, row.credit_account))
            and (first_date is None or row.business_date >= first_date)
            and (last_date is None or row.business_date <= last_date)
        ][:limit]

    async def by_reference(
        self, ledger_id: int, reference: str, limit: int
    ) -> list[TransferRow]:
        ledger = self._database.ledger(ledger_id)
        sequences = {
            sequence
            for batch in ledger.posted
            for text, sequence in _references_of(batch)
            if text == reference
        }
        return [row for row in ledger.rows() if row.sequence in sequences][:limit]

    async def batch(self, ledger_id: int, batch: UUID) -> StoredBatch | None:
        ledger = self._database.ledger(ledger_id)
        found = ledger.batches.get(batch)
        return None if found is None else _stored(ledger, found)

    async def batch_ids(
        self, ledger_id: int, *, after: int, limit: int
    ) -> list[tuple[int, UUID]]:
        spent = self._database.ledger(ledger_id).batch_at
        return [(index, batch.batch) for index, batch in spent.items() if index > after][:limit]

    async def batches_by_number(
        self, ledger_id: int, numbers: Collection[int]
    ) -> Mapping[int, StoredBatch]:
        ledger = self._database.ledger(ledger_id)
        return {
            number: _stored(ledger, ledger.posted[number - 1], with_rows=False)
            for number in numbers
            if 1 <= number <= len(ledger.posted)
        }

    async def links(
        self, ledger_id: int, sequences: Collection[int]
    ) -> Mapping[int, list[Link]]:
        links = self._database.ledger(ledger_id).links.values()
        return {
            sequence: found
            for sequence in sequences
            if (found := [x for x in links if sequence in (x.target, x.sequence)])
        }

    async def details(self, ledger_id: int, sequences: Collection[int]) -> Mapping[int, str]:
        details = self._database.ledger(ledger_id).details
        return {number: details[number][1] for number in sequences if number in details}

    async def balance_before(
        self,
        ledger_id: int,
        account: int,
        *,
        sequence: int | None,
        day: date | None,
        adjusting: bool = False,
    ) -> int:
        return sum(
            _signed(row, account)
            for row in self._database.ledger(ledger_id).rows()
            if Phase(row.phase).moves
            and (sequence is None or row.sequence < sequence)
            and (day is None or _dated(row) < (day, adjusting))
        )

    async def movements(
        self,
        ledger_id: int,
        first: date,
        last: date,
        *,
        begins_adjusting: bool = False,
        ends_adjusting: bool = True,
        until: int | None = None,
    ) -> list[Movement]:
        totals: dict[int, list[int]] = {}
        begins, ends = (first, begins_adjusting), (last, ends_adjusting)
        for row in self._database.ledger(ledger_id).rows():
            if not Phase(row.phase).moves or (until is not None and row.sequence > until):
                continue
            for account, place in ((row.debit_account, 1), (row.credit_account, 2)):
                total = totals.setdefault(account, [0, 0, 0])
                if _dated(row) < begins:
                    total[0] += _signed(row, account)
                elif _dated(row) <= ends:
                    total[place] += row.amount
        return [Movement(account, *totals[account]) for account in sorted(totals)]

    async def balances_at(
        self, ledger_id: int, first: int, last: int, days: Sequence[date], besides: int
    ) -> list[DayBalances]:
        found: dict[int, DayBalances] = {}
        for row in self._database.ledger(ledger_id).rows():
            if not Phase(row.phase).moves:
                continue
            for account, other in (
                (row.debit_account, row.credit_account),
                (row.credit_account, row.debit_account),
            ):
                if not first <= account <= last:
                    continue
                one = found.get(account, DayBalances(account, [0] * len(days), 0))
                if other == besides:
                    is_paid = account == row.debit_account
                    one = DayBalances(account, one.balances, one.paid + is_paid * row.amount)
                else:
                    for i, day in enumerate(days):
                        one.balances[i] += (row.business_date <= day) * _signed(row, account)
                found[account] = one
        return [found[account] for account in sorted(found)]

    async def known_at(self, ledger_id: int, moment: int) -> int:
        ledger = self._database.ledger(ledger_id)
        size = bisect_right(
            ledger.lines, moment, key=lambda line: decode_leaf(line).recorded_at
        )
        return max(
            (
                batch.posted.first_sequence + len(batch.posted.amount) - 1
                for batch in ledger.posted
                if batch.posted is not None and batch.leaf_index < size
            ),
            default=0,
        )

    async def closings(
        self, ledger_id: int, first: date, last: date, limit: int
    ) -> list[tuple[int, bytes]]:
        lines = enumerate(self._database.ledger(ledger_id).lines)
        closings = [(i, line) for i, line in lines if CLOSING_MARK in line]
        days = [
            (leaf.date, i, line)
            for i, line in closings
            if isinstance(leaf := decode_leaf(line), DayClosed) and first <= leaf.date <= last
        ]
        return [(i, line) for _, i, line in sorted(days)][:limit]

    async def leaves(self, ledger_id: int, start: int, end: int) -> list[bytes]:
        return self._database.ledger(ledger_id).lines[start:end]

    async def changes_of(
        self, ledger_id: int, account: int, *, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        first = b'{"account":%d,' % account
        lines = enumerate(self._database.ledger(ledger_id).lines)
        return [
            (index, line)
            for index, line in lines
            if index > after and line.startswith(first) and REFUSED_MARK not in line
        ][:limit]

    async def stood_since(
        self, ledger_id: int, account: int, *, sign: int, level: int
    ) -> TransferRow | None:
        found = None
        for row in self._database.ledger(ledger_id).rows():
            if account not in (row.debit_account, row.credit_account):
                continue
            is_debit = row.debit_account == account
            balance = row.debit_balance if is_debit else row.credit_balance
            if sign * balance > level:
                found = None
            elif found is None:
                found = row
        return found


class MemoryKeys:
    """Keys (core/ports.py) in a memory database."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def find(self, digest: bytes) -> Caller | None:
        self._database.check_up()
        key = self._database.keys.get(digest)
        return None if key is None or key.is_revoked else key.caller

    async def add(self, digest: bytes, caller: Caller) -> None:
        self._database.check_up()
        name = (caller.ledger, caller.key)
        keys = self._database.keys
        if digest not in keys:
            if any((key.caller.ledger, key.caller.key) == name for key in keys.values()):
                raise JournalBroken("the database refused a row", name)
            keys[digest] = _Key(caller)

    async def revoke(self, ledger: str, key: str) -> bool:
        self._database.check_up()
        for kept in self._database.keys.values():
            if (kept.caller.ledger, kept.caller.key) == (ledger, key) and not kept.is_revoked:
                kept.is_revoked = True
                return True
        return False

    async def all_of(self, ledger: str) -> list[Caller]:
        self._database.check_up()
        return [
            key.caller
            for key in self._database.keys.values()
            if key.caller.ledger == ledger and not key.is_revoked
        ]


# ---- a group, checked as the database checks it and then taken in


def _check_rows(ledger: _Ledger, group: Group) -> None:
    """What keys and checks of the tables would refuse.

    Raises:
        WriterReplaced: it is there, because another wrote it.
        JournalBroken: it is wrong.
    """
    ids = [batch.batch for batch in group.batches]
    numbers = [account.number for account in group.accounts]
    links = [link for batch in group.batches for link in batch.links]
    linked = [link.sequence for link in links]
    proposed = [proposal.batch for proposal in group.proposals]
    wrong = (
        any(
            sha256(b"\x00" + line).digest() != digest
            for line, digest in zip(group.leaves, group.hashes, strict=True)
        )
        or len(set(ids)) < len(ids)
        or not ledger.batches.keys().isdisjoint(ids)
        or not ledger.accounts.keys().isdisjoint(numbers)
        or any((tile.level, tile.index) in ledger.tiles for tile in group.tiles)
        or any(
            row.amount <= 0
            or row.debit_account == row.credit_account
            or row.phase not in PHASES
            for batch in group.batches
            for row in _rows_of(batch)
        )
        or any(link.amount <= 0 or link.target >= link.sequence for link in links)
        or len(set(linked)) < len(linked)
        or not ledger.links.keys().isdisjoint(linked)
        or len(set(proposed)) < len(proposed)
        or not ledger.proposals.keys().isdisjoint(proposed)
    )
    if wrong and ledger.head != group.before:
        raise WriterReplaced(f"ledger {group.before.ledger_id}", f"at size {ledger.head.size}")
    if wrong:
        raise JournalBroken("the database refused a row")


def _record(ledger: _Ledger, group: Group) -> None:
    start = group.before.size
    for index, line in enumerate(group.leaves, start):
        if SNAPSHOT_MARK in line and isinstance(decode_leaf(line), Snapshot):
            ledger.snapshots.append(index)
    ledger.lines.extend(group.leaves)
    for batch in group.batches:
        ledger.batches[batch.batch] = ledger.batch_at[batch.leaf_index] = batch
        if batch.posted is not None:
            ledger.posted.append(batch)
            ledger.first_sequences.append(batch.posted.first_sequence)
        ledger.references |= {(batch.source, text, number) for text, number in batch.references}
        ledger.details |= {number: (salt, text) for number, salt, text in batch.details}
        ledger.links |= {link.sequence: link for link in batch.links}
    ledger.proposals |= {proposal.batch: proposal.asked for proposal in group.proposals}
    for batch_id in group.settled:
        ledger.proposals.pop(batch_id, None)
    ledger.accounts |= {account.number: account for account in group.accounts}
    ledger.tiles |= {(tile.level, tile.index): tile.hashes for tile in group.tiles}
    if group.checkpoint:
        size = int(group.checkpoint.split(b"\n", 2)[1])
        _keep_checkpoint(ledger, size, group.checkpoint)
    ledger.head = group.after


def _keep_checkpoint(ledger: _Ledger, size: int, note: bytes) -> None:
    if size > ledger.checkpoint[0] or not ledger.checkpoint[1]:
        ledger.checkpoint = (size, note)


def _stored(ledger: _Ledger, batch: NewBatch, *, with_rows: bool = True) -> StoredBatch:
    posted = batch.posted if with_rows else None
    return StoredBatch(
        batch=batch.batch,
        leaf_index=batch.leaf_index,
        line=ledger.lines[batch.leaf_index],
        body=batch.body,
        outcomes=batch.outcomes,
        debit=() if posted is None else posted.debit,
        credit=() if posted is None else posted.credit,
        amount=() if posted is None else posted.amount,
        debit_balance=() if posted is None else posted.debit_balance,
        credit_balance=() if posted is None else posted.credit_balance,
        phases=() if posted is None else _phases(posted),
    )


def _rows_of(batch: NewBatch) -> list[TransferRow]:
    posted, days = batch.posted, batch.business_dates
    if posted is None:
        return []
    phases = _phases(posted)
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


def _phases(posted: Posted) -> Sequence[int]:
    return posted.phases or [Phase.POSTED] * len(posted.amount)


def _references_of(batch: NewBatch) -> list[tuple[str, int]]:
    """References of posted transfers with their sequences, out of the body."""
    assert batch.posted is not None, "only posted batches have transfers"
    _, transfers = read_body(batch.body)
    return [
        (transfers[position].reference, sequence)
        for position, sequence in batch.posted.sequences()
        if transfers[position].reference
    ]


def _dated(row: TransferRow) -> tuple[date, bool]:
    """Where a row stands among business dates: adjustments come after all else of their day."""
    return row.business_date, row.phase == Phase.ADJUSTED


def _signed(row: TransferRow, account: int) -> int:
    """Credits minus debits of one account by one transfer."""
    if row.credit_account == account:
        return row.amount
    return -row.amount if row.debit_account == account else 0
