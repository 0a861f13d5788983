"""What goes wrong besides: restarts, take-overs, kills, clocks that jump."""

import asyncio
import re

from tests.simulation.loop import TICKS
from tests.simulation.world import Cut, World


async def trouble(world: World) -> None:
    """Now and then until all steps are over: restarts, take-overs, kills, clocks that jump."""
    TICKS.set(True)  # Where nobody else goes on, this is no progress.
    while world.begun < world.steps:
        await asyncio.sleep(world.random.random() / 10)
        if world.random.random() < 4 * world.rates.trouble and world.takes_step():
            make = world.random.choice(TROUBLES)
            world.ends_step("world", await make(world))


async def _restart(world: World) -> str:
    newest = await world.someone()
    async with world.starting:
        await world.close_process(newest)
        await world.start()
    return f"process {newest.number} is stopped, and another started"


async def _take_over(world: World) -> str:
    async with world.starting:
        await world.start()
    return "a second writer takes over"


async def _kill(world: World) -> str:
    process = await world.someone()
    world.kill(process, "is killed")
    return f"kill -9 of process {process.number}"


async def _kill_all(world: World) -> str:
    for process in list(world.processes):
        world.kill(process, "is killed")
    return "the machine loses its power"


async def _stop_old(world: World) -> str:
    old = [process for process in world.processes if process.is_ready][:-1]
    for process in old:
        await world.close_process(process)
    return f"{len(old)} who were replaced are stopped"


async def _database_down(world: World) -> str:
    world.database.is_down = True
    await asyncio.sleep(world.random.random() * 3)
    world.database.is_down = False
    return "the database was down and is up again"


async def _clock(world: World) -> str:
    """A clock is wrong for a while: a process's or the database's."""
    jump = world.random.choice([-3600, -120, -1, 30, 59, 61, 3600, 90_000])
    process = await world.someone()
    is_database = world.random.random() < 0.3
    if is_database:
        world.database_skew = jump * 1_000_000
    else:
        process.skew = jump * 1_000_000
        world.skews[process.skew] = None
    await asyncio.sleep(world.random.random())
    world.database_skew = process.skew = 0
    whose = "the database" if is_database else f"process {process.number}"
    return f"the clock of {whose} was wrong by {jump} seconds"


async def _time_passes(world: World) -> str:
    jump = world.random.choice([60, 3600, 40_000, 86_400, 10_000_000])
    world.skew += jump * 1_000_000
    return f"{jump} seconds pass at once"


async def _snapshot(world: World) -> str:
    process = await world.someone()
    try:
        for code in process.desk.ledgers():
            await process.ask(lambda code=code: process.desk.writer(code).snapshot_soon())
    except Cut:
        return "a snapshot, and a kill in the midst of it"
    return "snapshots are taken"


async def _rot(world: World) -> str:
    """A row of a snapshot is changed in the database: it must be noticed, not believed."""
    ledgers = world.database.ledgers.values()
    kept = [(ledger, max(ledger.chunks)) for ledger in ledgers if ledger.chunks]
    if not kept:
        return "no snapshot to spoil"
    ledger, newest = world.random.choice(kept)
    digest, data = ledger.chunks[newest]
    spoiled = re.sub(rb'"balance":"(-?)', rb'"balance":"\g<1>1', data, count=1)
    ledger.chunks[newest] = (digest, spoiled)
    world.say(f"      a balance in a snapshot of {ledger.code} is changed by hand")
    return await _take_over(world)


TROUBLES = [
    _restart,
    _take_over,
    _take_over,
    _kill,
    _kill,
    _kill_all,
    _stop_old,
    _database_down,
    _clock,
    _clock,
    _time_passes,
    _snapshot,
    _snapshot,
    _rot,
    _rot,
]
