"""What is read from committed rows in PostgreSQL."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Final
from uuid import UUID

from ledger.core.ports import DayBalances, Movement, TransferRow
from ledger.core.resolutions import Resolution, Resolved
from ledger.core.store import StoredBatch
from ledger.core.terms import Link
from ledger.journal.canonical import decode_leaf
from ledger.pg import batches, queries
from ledger.pg.follower import Follower
from ledger.pg.indexer import PART
from ledger.pg.pool import Database

if TYPE_CHECKING:
    from asyncpg import Record

TRANSFERS = queries.get("reads", "transfers")
TRANSFERS_OF = queries.get("accounts", "transfers_of")
BY_REFERENCE = queries.get("reads", "by_reference")
LINKS = queries.get("reads", "links")
RESOLUTIONS = queries.get("reads", "resolutions")
DETAILS = queries.get("reads", "details")
BATCH_LEAVES = queries.get("batches", "leaves")
BALANCE_BELOW = queries.get("accounts", "balance_below")
BALANCE_BEFORE = queries.get("accounts", "balance_before")
MOVEMENTS = queries.get("accounts", "movements")
BALANCES_AT = queries.get("accounts", "balances_at")
SIZE = queries.get("reads", "size")
ROWS_BELOW = queries.get("reads", "rows_below")
CLOSINGS = queries.get("reads", "closings")
RECLOSINGS = queries.get("reads", "reclosings")
LINES = queries.get("store", "lines")
LINES_AT = queries.get("reads", "lines_at")
DISPUTE_ENDS = queries.get("reads", "dispute_ends")
CHANGES_OF = queries.get("reads", "changes_of")
OPENING_OF = queries.get("reads", "opening_of")
LAST_ABOVE = queries.get("accounts", "last_above")

ROWS_AT_ONCE: Final = 5_000  # Read before others get their turn.
DATED_ROWS: Final = 1_000  # Of an account at once, where those of some dates are wanted.


class PgReads:
    """Reads (core/ports.py) of a database. The follower is asked before references are.

    Args:
        part: as the indexer has it.
    """

    def __init__(self, database: Database, follower: Follower, *, part: int = PART) -> None:
        self._database = database
        self._follower = follower
        self._part = part

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
        dates = first_date, last_date
        if accounts is None:
            rows = await self._database.fetch(TRANSFERS, ledger_id, after, *dates, limit)
            return _transfer_rows(rows)
        asked = list(set(accounts))
        at_once = limit if dates == (None, None) else max(limit, DATED_ROWS)
        found: list[TransferRow] = []
        while True:
            rows = await self._database.fetch(
                TRANSFERS_OF, ledger_id, asked, after, *dates, at_once
            )
            found += [row for row in _transfer_rows(rows) if _is_within(row, *dates)]
            if len(rows) < at_once or len(found) >= limit:
                return found[:limit]
            after = rows[-1]["sequence"]

    async def by_reference(
        self, ledger_id: int, reference: str, limit: int
    ) -> list[TransferRow]:
        await self._follower.catch_up(ledger_id)
        return _transfer_rows(
            await self._database.fetch(BY_REFERENCE, ledger_id, reference, limit)
        )

    async def batch(self, ledger_id: int, batch: UUID) -> StoredBatch | None:
        return (await batches.batches_by_id(self._database, ledger_id, [batch])).get(batch)

    async def batch_leaves(
        self, ledger_id: int, *, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        rows = await self._database.fetch(BATCH_LEAVES, ledger_id, after, limit)
        return [(row["leaf_index"], row["line"]) for row in rows]

    async def batches_by_number(
        self, ledger_id: int, numbers: Collection[int]
    ) -> Mapping[int, StoredBatch]:
        return await batches.batches_by_number(self._database, ledger_id, numbers)

    async def links(
        self, ledger_id: int, sequences: Collection[int]
    ) -> Mapping[int, list[Link]]:
        asked = set(sequences)
        if not asked:
            return {}
        found: dict[int, list[Link]] = {}
        for row in await self._database.fetch(LINKS, ledger_id, list(asked)):
            link = Link(*row)
            for sequence in asked & {link.target, link.sequence}:
                found.setdefault(sequence, []).append(link)
        return found

    async def resolutions(
        self, ledger_id: int, holds: Collection[int]
    ) -> Mapping[int, list[Resolution]]:
        found: dict[int, list[Resolution]] = {}
        for row in await self._database.fetch(RESOLUTIONS, ledger_id, list(holds)):
            target, sequence, amount, what = row
            one = Resolution(target, sequence, amount, Resolved(what))
            found.setdefault(target, []).append(one)
        return found

    async def details(self, ledger_id: int, sequences: Collection[int]) -> Mapping[int, str]:
        rows = await self._database.fetch(DETAILS, ledger_id, list(sequences))
        return {row["sequence"]: row["text"] for row in rows}

    async def balance_before(
        self,
        ledger_id: int,
        account: int,
        *,
        sequence: int | None,
        day: date | None,
        adjusting: bool = False,
    ) -> int:
        if day is None:
            balance = await self._database.fetchval(BALANCE_BELOW, ledger_id, account, sequence)
            return 0 if balance is None else int(balance)
        until = None if sequence is None else sequence - 1
        return int(
            await self._database.fetchval(
                BALANCE_BEFORE, ledger_id, account, until, day, adjusting, self._part
            )
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
        adjusting = begins_adjusting, ends_adjusting
        rows = await self._database.fetch(
            MOVEMENTS, ledger_id, first, last, *adjusting, until, self._part
        )
        found: list[Movement] = []
        for start in range(0, len(rows), ROWS_AT_ONCE):
            found += [Movement(*map(int, row)) for row in rows[start : start + ROWS_AT_ONCE]]
            await asyncio.sleep(0)
        return found

    async def balances_at(
        self, ledger_id: int, first: int, last: int, days: Sequence[date], besides: int
    ) -> list[DayBalances]:
        after = [day + timedelta(days=1) for day in days]
        rows = await self._database.fetch(
            BALANCES_AT, ledger_id, first, last, after, besides, self._part
        )
        found: list[DayBalances] = []
        for account, places in groupby(rows, lambda row: int(row["account"])):
            moved, paid = [0] * len(days), 0
            for row in places:
                paid += int(row["paid"])
                if row["place"] < len(days):
                    moved[row["place"]] += int(row["moved"])
            found.append(DayBalances(account, list(accumulate(moved)), paid))
        return found

    async def known_at(self, ledger_id: int, moment: int) -> int:
        # Times of leaves never go back: the first that is later is found by halving.
        low, high = 0, await self._database.fetchval(SIZE, ledger_id) or 0
        while low < high:
            middle = (low + high) // 2
            [line] = await self.leaves(ledger_id, middle, middle + 1)
            if decode_leaf(line).recorded_at <= moment:
                low = middle + 1
            else:
                high = middle
        return await self._database.fetchval(ROWS_BELOW, ledger_id, low) or 0

    async def closings(
        self, ledger_id: int, first: date, last: date, limit: int
    ) -> list[tuple[int, bytes]]:
        days = first.isoformat(), last.isoformat()
        rows = await self._database.fetch(CLOSINGS, ledger_id, *days, limit)
        return [(row["leaf_index"], row["line"]) for row in rows]

    async def reclosings(
        self, ledger_id: int, year: int, month: int
    ) -> list[tuple[int, bytes]]:
        rows = await self._database.fetch(RECLOSINGS, ledger_id, year, month)
        return [(row["leaf_index"], row["line"]) for row in rows]

    async def leaves(self, ledger_id: int, start: int, end: int) -> list[bytes]:
        return [row["line"] for row in await self._database.fetch(LINES, ledger_id, start, end)]

    async def leaves_at(self, ledger_id: int, indexes: Collection[int]) -> Mapping[int, bytes]:
        rows = await self._database.fetch(LINES_AT, ledger_id, list(indexes))
        return {row["leaf_index"]: row["line"] for row in rows}

    async def dispute_ends(
        self, ledger_id: int, *, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        rows = await self._database.fetch(DISPUTE_ENDS, ledger_id, after, limit)
        return [(row["leaf_index"], row["line"]) for row in rows]

    async def changes_of(
        self, ledger_id: int, account: int, *, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        first = b'{"account":%d,' % account
        end = b'{"account":%d-' % account  # What comes next after the comma.
        rows = await self._database.fetch(CHANGES_OF, ledger_id, first, end, after, limit)
        return [(row["leaf_index"], row["line"]) for row in rows]

    async def opening_of(self, ledger_id: int, account: int) -> bytes | None:
        line: bytes | None = await self._database.fetchval(OPENING_OF, ledger_id, account)
        return line

    async def stood_since(
        self, ledger_id: int, account: int, *, sign: int, level: int
    ) -> TransferRow | None:
        above: int = await self._database.fetchval(LAST_ABOVE, ledger_id, account, sign, level)
        rows = await self.transfers(ledger_id, after=above, limit=1, accounts=[account])
        # What came in between may be above again; then it is so now.
        return next((row for row in rows if sign * _balance(row, account) <= level), None)


def _is_within(row: TransferRow, first: date | None, last: date | None) -> bool:
    day = row.business_date
    return (first is None or day >= first) and (last is None or day <= last)


def _balance(row: TransferRow, account: int) -> int:
    """The balance of one of a row's accounts after it."""
    return row.debit_balance if row.debit_account == account else row.credit_balance


def _transfer_rows(rows: "Sequence[Record]") -> list[TransferRow]:
    return [TransferRow(*row) for row in rows]
