"""Transactions of the pool: what a cancelled one leaves, and that it stays cancelled."""

import asyncio

import pytest

from ledger.pg.pool import Database

MANY = "SELECT generate_series(1, 3000000)"


@pytest.mark.parametrize("pieces", [1, 2, 5, 20])
async def test_cancelled_in_the_midst_of_a_copy(database: str, pieces: int) -> None:
    """It ends as cancelled, not as if the database had not answered, and the pool goes on."""
    async with Database(database, size=1) as opened:
        taken = 0
        is_far = asyncio.Event()

        async def take(_: bytes) -> None:
            nonlocal taken
            taken += 1
            if taken == pieces:
                is_far.set()

        async def copied() -> None:
            async with opened.transaction() as session:
                await session.copy_from_query(MANY, output=take)

        task = asyncio.create_task(copied())
        await is_far.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await opened.fetchval("SELECT 1") == 1


async def test_a_transaction_that_fails_is_undone(database: str) -> None:
    async with Database(database, size=1) as opened:

        async def fail() -> None:
            async with opened.transaction() as session:
                await session.execute("CREATE TEMPORARY TABLE gone (n integer)")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await opened.fetchval("SELECT to_regclass('gone')") is None
        async with opened.transaction() as session:
            await session.execute("CREATE TEMPORARY TABLE kept (n integer)")
        assert await opened.fetchval("SELECT to_regclass('kept')") is not None
