"""Reads: of the book, of rows, of proofs; and waiting for more."""

from typing import Any

from ledger.memory.reads import MemoryReads
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import reads as audit
from tests.simulation.auditor.reads import Seen, look
from tests.simulation.workload.client import Client, Request, command


@command(1.5)
def read_book(client: Client) -> Request:
    """All accounts at one moment, which was committed."""
    ledger = client.ledger

    async def ask(desk: Sequencer) -> Any:
        return await desk.read(ledger, look)

    def tell(seen: Seen, signed: int) -> str:
        audit.seen(client.world.auditor.books(ledger), seen)
        return f"at size {seen.size}"

    return Request(f"reads {ledger}", ask, tell, ledger)


@command(0.7)
def view(client: Client) -> Request:
    ledger, auditor = client.ledger, client.world.auditor
    before = auditor.size(ledger)

    async def ask(desk: Sequencer) -> Any:
        return desk, await desk.view(ledger)

    def tell(told: Any, signed: int) -> str:
        desk, seen = told
        audit.viewed(auditor.books(ledger), seen)
        serving = client.world.serving
        if serving is not None and desk is serving.desk:
            assert seen.size >= before, "what was there is not seen"
        return f"at size {seen.size}"

    return Request(f"views {ledger}", ask, tell, ledger)


@command(0.7)
def statement(client: Client) -> Request | None:
    """Rows in the database, of an account or of all."""
    world, ledger, chance = client.world, client.ledger, client.random
    if not world.auditor.size(ledger):
        return None
    books = client.books
    numbers = [None, *books.places]
    number, after = chance.choice(numbers), chance.choice([0, 0, books.transfers[-1] // 2])

    async def ask(desk: Sequencer) -> Any:
        reads = MemoryReads(world.database)
        ledger_id = (await desk.view(ledger)).ledger_id
        some = None if number is None else [number]
        rows = await reads.transfers(ledger_id, after=after, limit=10**6, accounts=some)
        audit.listed(books, rows, number, after)
        reference = f"R-{chance.randint(1, 12)}"
        found = await reads.by_reference(ledger_id, reference, 10**6)
        audit.found(books, found, reference)
        return len(rows)

    def tell(rows: int, signed: int) -> str:
        return f"{rows} rows"

    return Request(f"lists account {number or 'any'} of {ledger}", ask, tell, ledger)


@command(0.7)
def prove(client: Client) -> Request | None:
    world, ledger = client.world, client.ledger
    size = world.auditor.size(ledger)
    if not size:
        return None
    index = client.random.randrange(size)

    async def ask(desk: Sequencer) -> Any:
        try:
            return await desk.log_proof(ledger, index)
        except LookupError:
            if ledger not in desk.ledgers():
                raise
            return None

    def tell(proof: bytes | None, signed: int) -> str:
        if proof is None:
            return "not signed yet"
        world.auditor.books(ledger).proved(index, proof)
        return "proved"

    return Request(f"asks for a proof of leaf {index} of {ledger}", ask, tell, ledger)


@command(0.4)
def wait_for_more(client: Client) -> Request | None:
    ledger, auditor = client.ledger, client.world.auditor
    if not auditor.size(ledger):
        return None
    sequence = client.books.transfers[-1]
    patience = client.random.random()

    async def ask(desk: Sequencer) -> Any:
        await desk.wait_for(ledger, sequence, patience)

    def tell(outcome: None, signed: int) -> str:
        return "more" if auditor.books(ledger).transfers[-1] > sequence else "none"

    return Request(f"waits for more in {ledger}", ask, tell, ledger)
