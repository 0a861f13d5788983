"""The two places of the contract, each with a database of its own for a test."""

from collections.abc import AsyncIterator

import pytest

from ledger.pg.pool import Database
from tests.store.places import MemoryPlace, PgPlace, Place


@pytest.fixture
async def pg_place(database: str) -> AsyncIterator[PgPlace]:
    async with Database(database) as opened:
        place = PgPlace(opened)
        yield place
        for store in place.stores:
            for ledger_id, _ in await store.ledgers():
                await store.release(ledger_id)


@pytest.fixture(params=["memory", "pg"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "memory":
        return MemoryPlace()
    place: Place = request.getfixturevalue("pg_place")
    return place
