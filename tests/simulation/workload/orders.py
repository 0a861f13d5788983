"""Orders of authorities, and accounts that close with what they have gone to another."""

from typing import Any

from msgspec import UNSET

from ledger.core.asked import AskedAct, AskedChange, Caller
from ledger.core.model import Role, Status
from ledger.core.refusals import Refusal
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import accounts, closing
from tests.simulation.auditor import orders as audit
from tests.simulation.workload.client import (
    ACCOUNTS,
    OPERATOR,
    Client,
    Request,
    command,
    outcome_of,
)

COMPLIANCE = Caller(key=audit.COMPLIANCE, role=Role.COMPLIANCE)
FROZEN = [Status.FROZEN, Status.FROZEN_DEBITS, Status.FROZEN_CREDITS]


@command(1)
def order(client: Client) -> Request:
    """An authority has an account frozen, or freed again."""
    chance, ledger, since = client.random, client.ledger, 0
    code = chance.choice(["ana", "ben", "eva", "h-ana", "new-1"])
    known = client.world.auditor.size(ledger)
    under = sorted(client.books.all_now("order")) if known else []
    status = chance.choice(FROZEN)
    if under and chance.random() < 0.6:
        code = client.books.now(chance.choice(under)).code
        status = chance.choice([Status.OPEN, Status.OPEN, *FROZEN])
    asked = AskedChange(reason="order", status=status, order=f"OF-{chance.randint(1, 3)}")

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)
        return await desk.change_account(ledger, code, asked, COMPLIANCE)

    def tell(outcome: Any, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        refusal = outcome if isinstance(outcome, Refusal) else None
        audit.ordered(books, code, asked, refusal, signed, since)
        if refusal is None:
            accounts.stood(books, outcome, signed)
        return outcome_of(refusal)

    return Request(f"orders {status.value} of {code} in {ledger}", ask, tell, ledger)


@command(1)
def close_account(client: Client) -> Request:
    """Close an account, and move what it has to another; debts only to where losses go."""
    chance, ledger, since = client.random, client.ledger, 0
    currency = chance.choice(["MXN", "MXN", "HRS", "VAL"])
    codes = ACCOUNTS[currency]
    code = chance.choice(codes[1:])
    if client.world.auditor.size(ledger) and chance.random() < 0.6:  # One that has something.
        places = map(client.books.now, client.books.places)
        held = [p for p in places if p.balance and p.code not in ("cash", "bridge")]
        code = chance.choice(held).code if held else code
    to = chance.choice([*codes, "loss", "loss", "h-loss", "h-loss", "nobody"])
    act: Any = AskedAct(number="A-7", date=client.day([0]), hash="07" * 32)
    asked = AskedChange(
        reason="left",
        status=Status.CLOSED,
        remaining_to=to,
        act=act if chance.random() < 0.7 else UNSET,
    )
    dry_run = chance.random() < 0.1

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)
        return await desk.change_account(ledger, code, asked, OPERATOR, dry_run=dry_run)

    def tell(outcome: Any, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        refusal = outcome if isinstance(outcome, Refusal) else None
        if refusal is not None or not dry_run:
            closing.closed(books, code, asked, refusal, signed, since)
        if refusal is None and not dry_run:
            accounts.stood(books, outcome, signed)
        return outcome_of(refusal)

    verb = "tries to close" if dry_run else "closes"
    return Request(f"{verb} {code} in {ledger}, to {to}", ask, tell, ledger)
