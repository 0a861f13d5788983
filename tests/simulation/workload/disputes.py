"""Disputes: opened about what was posted, and ended with an outcome."""

from datetime import date
from typing import Any

from msgspec import UNSET

from ledger.core.refusals import Refusal
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import disputes as audit
from tests.simulation.workload.client import OPERATOR, Client, Request, command, outcome_of


@command(1.2)
def open_dispute(client: Client) -> Request | None:
    """About a row, at times one that is not there, or in dispute already."""
    chance, ledger, count = client.random, client.ledger, len(client.rows())
    if not count:
        return None
    target = chance.randint(max(1, count - 5), count + (chance.random() < 0.2))
    reason = chance.choice(["wrong_amount", "not_mine", "twice"])
    due: Any = client.day([0, 1, 1, 2, 7]) if chance.random() < 0.5 else UNSET
    dry_run, since = chance.random() < 0.1, 0

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)
        return await desk.open_dispute(ledger, target, reason, due, OPERATOR, dry_run=dry_run)

    def tell(refusal: Refusal | None, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        if refusal is not None or not dry_run:
            audit.opened(books, target, reason, refusal, signed, since)
        return outcome_of(refusal)

    verb = "would contest" if dry_run else "contests"
    until = f" until {due}" if isinstance(due, date) else ""
    return Request(f"{verb} row {target} of {ledger}{until}", ask, tell, ledger)


@command(1)
def end_dispute(client: Client) -> Request | None:
    """Mostly of one that is open; what made it good may have come before it."""
    chance, ledger, count = client.random, client.ledger, len(client.rows())
    if not count:
        return None
    still = sorted(client.books.all_now("dispute"))
    target = chance.choice(still) if still and chance.random() < 0.85 else count
    outcome = chance.choice(["made_good", "turned_down"])
    linked = chance.randint(max(1, target - 1), count + 1) if chance.random() < 0.4 else None
    dry_run, since = chance.random() < 0.1, 0

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)
        link = UNSET if linked is None else linked
        said = desk.end_dispute(ledger, target, outcome, link, OPERATOR, dry_run=dry_run)
        return await said

    def tell(refusal: Refusal | None, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        if refusal is not None or not dry_run:
            audit.ended(books, target, outcome, linked, refusal, signed, since)
        return outcome_of(refusal)

    verb = "would end" if dry_run else "ends"
    by = "" if linked is None else f" by row {linked}"
    return Request(f"{verb} the dispute of row {target} of {ledger}{by}", ask, tell, ledger)
