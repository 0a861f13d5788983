"""Keys: given and revoked as the API does it."""

from hashlib import sha256

from ledger.core.asked import AskedKey, Caller
from ledger.core.model import Role
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import keys as audit
from tests.simulation.workload.client import OPERATOR, Client, Request, command
from tests.simulation.world import World


@command(1.2)
def grant_key(client: Client) -> Request:
    """As the API does it: the journal says so before the key works."""
    client.key_numbers += 1
    world, ledger = client.world, client.ledger
    key = f"{client.name.replace(' ', '-')}-{client.key_numbers}"
    asked = AskedKey(role=Role.POSTER, poster=client.random.choice(["tienda", "banco", ""]))
    caller = Caller(key=key, role=asked.role, ledger=ledger, poster=asked.poster)
    digest = sha256(key.encode()).digest()

    async def ask(desk: Sequencer) -> None:
        await desk.record_key(ledger, key, asked, OPERATOR)
        owner = next(one for one in world.processes if one.desk is desk)
        await owner.keys.add(digest, caller)

    def tell(outcome: None, signed: int) -> str:
        check_keys(world, ledger)
        return "given"

    return Request(f"gives key {key} of {ledger}", ask, tell, ledger)


@command(0.8)
def revoke_key(client: Client) -> Request | None:
    """As the API does it: it stops working even when the journal cannot be written."""
    world, ledger = client.world, client.ledger
    working = [
        key.caller.key
        for key in world.database.keys.values()
        if not key.is_revoked and key.caller.ledger == ledger
    ]
    if not working:
        return None
    key = client.random.choice(working)

    async def ask(desk: Sequencer) -> None:
        owner = next(one for one in world.processes if one.desk is desk)
        try:
            await desk.record_key(ledger, key, None, OPERATOR)
        finally:
            await owner.keys.revoke(ledger, key)

    def tell(outcome: None, signed: int) -> str:
        check_keys(world, ledger)
        assert key in world.auditor.books(ledger).revoked
        callers = [one.caller.key for one in world.database.keys.values() if not one.is_revoked]
        assert key not in callers, "it works still"
        return "revoked"

    return Request(f"revokes key {key} of {ledger}", ask, tell, ledger)


def check_keys(world: World, ledger: str) -> None:
    """Every key that works is in the journal."""
    books = world.auditor.books(ledger)
    for key in world.database.keys.values():
        if not key.is_revoked and key.caller.ledger == ledger:
            one = key.caller
            audit.works(books, one.key, one.role.value, one.poster, one.accounts)
