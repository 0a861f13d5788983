"""Spent batch ids as they are kept, read the same way by the store and by readers."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ledger.core.store import StoredBatch
from ledger.pg import queries
from ledger.pg.frames import unpack
from ledger.pg.pool import Database

if TYPE_CHECKING:
    from asyncpg import Record

BY_ID = queries.get("batches", "by_id")
BY_NUMBER = queries.get("batches", "by_number")
COLUMNS = queries.get("batches", "columns")


async def batches_by_id(
    database: Database, ledger_id: int, ids: Collection[UUID]
) -> dict[UUID, StoredBatch]:
    """Those of these ids that are spent, with the rows they posted."""
    if not ids:
        return {}
    rows = await database.fetch(BY_ID, ledger_id, list(ids))
    posted = [row for row in rows if row["posted"]]
    columns: dict[int, dict[str, list[int]]] = {}
    if posted:
        firsts = [row["first_sequence"] for row in posted]
        ends = [row["first_sequence"] + row["posted"] for row in posted]
        for found in await database.fetch(COLUMNS, ledger_id, firsts, ends):
            named = dict(found)
            columns[named.pop("first_sequence")] = named
    batches = (
        # One of which nothing was posted begins where the next one does.
        _stored(row, **(columns[row["first_sequence"]] if row["posted"] else {}))
        for row in rows
    )
    return {batch.batch: batch for batch in batches}


async def batches_by_number(
    database: Database, ledger_id: int, numbers: Collection[int]
) -> dict[int, StoredBatch]:
    """Posted batches by their numbers, without their rows."""
    if not numbers:
        return {}
    rows = await database.fetch(BY_NUMBER, ledger_id, list(numbers))
    return {row["number"]: _stored(row) for row in rows}


def _stored(row: "Record", **columns: Any) -> StoredBatch:
    return StoredBatch(
        batch=plain_uuid(row["batch_id"]),
        leaf_index=row["leaf_index"],
        line=row["line"],
        body=unpack(row["body"]),
        outcomes=unpack(row["outcomes"]),
        **columns,
    )


def plain_uuid(value: UUID) -> UUID:
    """The standard library's UUID; asyncpg has its own, which msgspec cannot write."""
    return UUID(int=value.int)
