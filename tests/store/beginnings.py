"""A ledger as tests of the contract begin with it, and all that anybody can see of one."""

from collections.abc import Callable
from uuid import UUID

from msgspec.structs import replace

from ledger.core.lines import Terms
from ledger.core.model import Action, Phase
from ledger.core.store import Group, Store
from ledger.core.terms import Link
from tests.store.places import Place
from tests.store.scribe import NOW, Scribe

FIRST, SECOND, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)

EXPIRES = NOW + 1
HOLD = Terms(action=Action.HOLD, expires=EXPIRES)
POSTED, HELD, RELEASED, ADJUSTED = Phase
NOTHING: list[object] = [[], [], [], [], b"", {}, {}]  # Of `everything`.


async def begun(store: Store, *, unique_references: bool = False) -> Scribe:
    """A ledger with four accounts, committed."""
    ledger_id = await store.create("caja")
    assert ledger_id is not None
    scribe = Scribe(await store.take(ledger_id, "test"), unique_references=unique_references)
    scribe.open_accounts(4)
    await store.commit(scribe.group())
    return scribe


async def everything(place: Place, store: Store, ledger_id: int) -> list[object]:
    """What anybody can see of a ledger."""
    return [
        [leaf async for page in store.leaves_from(ledger_id, 0, 10**6) for leaf in page],
        await place.reads.transfers(ledger_id, after=0, limit=1000),
        await place.reads.batch_leaves(ledger_id, after=-1, limit=1000),
        await store.snapshots(ledger_id),
        await store.checkpoint(ledger_id),
        await place.reads.links(ledger_id, range(10)),
        await place.reads.resolutions(ledger_id, range(10)),
    ]


def linked(*links: Link) -> Callable[[Group], Group]:
    def spoil(group: Group) -> Group:
        return replace(group, batches=[replace(group.batches[0], links=links)])

    return spoil
