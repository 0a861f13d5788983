"""What readers see of a memory database: slowly, row by row, and so beyond doubt."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from msgspec import UNSET

from ledger.core.leaves import DayClosed, PeriodMarked
from ledger.core.model import Phase
from ledger.core.ports import DayBalances, Movement, TransferRow
from ledger.core.resolutions import Resolution
from ledger.core.store import NewBatch, StoredBatch
from ledger.core.terms import Link
from ledger.journal.batches import read_body
from ledger.journal.canonical import decode_leaf, encode_line
from ledger.memory.database import MemoryDatabase

CLOSING_MARK: Final = b'"line":"day_closed"'
PERIOD_MARK: Final = b'"line":"period"'
DISPUTE_END_MARK: Final = b'"line":"dispute_ended"'
REFUSED_MARK: Final = b'"line":"refused"'


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
        accounts: Collection[int] | None = None,
        first_date: date | None = None,
        last_date: date | None = None,
    ) -> list[TransferRow]:
        return [
            row
            for row in self._database.ledger(ledger_id).rows(after)
            if (accounts is None or {row.debit_account, row.credit_account} & set(accounts))
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
        return None if found is None else ledger.stored(found)

    async def batch_leaves(
        self, ledger_id: int, *, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        ledger = self._database.ledger(ledger_id)
        return [(i, ledger.lines[i]) for i in ledger.batch_at if i > after][:limit]

    async def batches_by_number(
        self, ledger_id: int, numbers: Collection[int]
    ) -> Mapping[int, StoredBatch]:
        ledger = self._database.ledger(ledger_id)
        return {
            number: ledger.stored(ledger.posted[number - 1], with_rows=False)
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

    async def resolutions(
        self, ledger_id: int, holds: Collection[int]
    ) -> Mapping[int, list[Resolution]]:
        found: dict[int, list[Resolution]] = {}
        for (target, _), one in sorted(self._database.ledger(ledger_id).resolutions.items()):
            if target in holds:
                found.setdefault(target, []).append(one)
        return found

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

    async def reclosings(
        self, ledger_id: int, year: int, month: int
    ) -> list[tuple[int, bytes]]:
        lines = enumerate(self._database.ledger(ledger_id).lines)
        marks = ((i, decode_leaf(line), line) for i, line in lines if PERIOD_MARK in line)
        return [
            (i, line)
            for i, leaf, line in marks
            if isinstance(leaf, PeriodMarked)
            and leaf.late is not UNSET
            and (leaf.year, leaf.month) == (year, month)
        ]

    async def leaves(self, ledger_id: int, start: int, end: int) -> list[bytes]:
        return self._database.ledger(ledger_id).lines[start:end]

    async def leaves_at(self, ledger_id: int, indexes: Collection[int]) -> Mapping[int, bytes]:
        lines = self._database.ledger(ledger_id).lines
        return {index: lines[index] for index in indexes if 0 <= index < len(lines)}

    async def dispute_ends(
        self, ledger_id: int, *, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        lines = enumerate(self._database.ledger(ledger_id).lines)
        found = [(index, line) for index, line in lines if DISPUTE_END_MARK in line]
        return [(index, line) for index, line in found if index > after][:limit]

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

    async def opening_of(self, ledger_id: int, account: int) -> bytes | None:
        opened = self._database.ledger(ledger_id).accounts.get(account)
        return None if opened is None else encode_line(opened)

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
