"""API keys in PostgreSQL."""

import asyncpg

from ledger.core.asked import Caller
from ledger.core.model import Role
from ledger.pg import queries
from ledger.pg.pool import Database

FIND = queries.get("keys", "find")
ADD = queries.get("keys", "add")
REVOKE = queries.get("keys", "revoke")
ALL_OF = queries.get("keys", "all_of")


class PgKeys:
    """Keys (core/ports.py) in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, digest: bytes) -> Caller | None:
        row = await self._database.fetchrow(FIND, digest)
        return None if row is None else _caller(row)

    async def add(self, digest: bytes, caller: Caller) -> None:
        accounts, role = list(caller.accounts), caller.role.value
        row = (caller.ledger, caller.key, role, caller.poster, accounts, caller.holder)
        await self._database.fetch(ADD, digest, *row)

    async def revoke(self, ledger: str, key: str) -> bool:
        return await self._database.fetchval(REVOKE, ledger, key) is not None

    async def all_of(self, ledger: str) -> list[Caller]:
        return [_caller(row) for row in await self._database.fetch(ALL_OF, ledger)]


def _caller(row: "asyncpg.Record") -> Caller:
    return Caller(
        key=row["key_id"],
        role=Role(row["role"]),
        ledger=row["ledger"],
        poster=row["poster"],
        accounts=tuple(row["accounts"]),
        holder=row["holder"],
    )
