"""Reserves: what backs a currency, cash that goes into the vault, and what is issued."""

from typing import Any

from ledger.core import rules
from ledger.core.asked import AskedBatch, AskedTransfer
from ledger.core.lines import Rate
from ledger.core.model import Mode
from ledger.core.refusals import Refusal
from ledger.core.rules import AskedReserve
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import reserves as audit
from tests.simulation.workload.batches import send
from tests.simulation.workload.client import (
    OPERATOR,
    Client,
    Request,
    Sent,
    command,
    outcome_of,
)
from tests.simulation.workload.transfers import hold, under_terms


@command(0.8)
def set_reserve(client: Client) -> Request:
    """Say what backs the vouchers; at times what cannot, or nothing any more."""
    chance, ledger, since = client.random, client.ledger, 0
    code = chance.choice(["VAL"] * 12 + ["HRS"])
    asked: dict[str, Any] | None = {
        "issuer": chance.choice(["v-mint"] * 8 + ["v-ana", "cash"]),
        "reserve": chance.choice(["vault"] * 6 + ["fund", "v-box", "v-mint"]),
        "n": chance.choice([1, 3]),
        "d": chance.choice([1, 2]),
    }
    if chance.random() < 0.15:
        asked = None

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)

        def build(book: Any, now: int) -> Any:
            if asked is None:
                return rules.remove_reserve(book, code, "d", recorded_at=now, by="operator")
            ratio = Rate(n=asked["n"], d=asked["d"])
            reserve = AskedReserve(
                issuer=asked["issuer"], reserve=asked["reserve"], ratio=ratio, reason="d"
            )
            return rules.set_reserve(book, code, reserve, recorded_at=now, by="operator")

        return await desk.change_rule(ledger, build)

    def tell(outcome: Any, signed: int) -> str:
        refusal = outcome if isinstance(outcome, Refusal) else None
        books = client.world.auditor.books(ledger)
        audit.backed(books, code, asked, refusal, signed, since)
        return outcome_of(refusal)

    verb = f"lets {asked['reserve']} back" if asked else "lets nothing back"
    return Request(f"{verb} {code} in {ledger}", ask, tell, ledger)


@command(1.5)
def issue(client: Client) -> Request | None:
    """Cash into the vault or out of it, vouchers issued for it or taken back."""
    chance = client.random
    if not client.world.auditor.size(client.ledger) or "VAL" not in client.books.currencies:
        return None
    moves = [
        *[("vault", "ana", "MXN"), ("vault", "cash", "MXN")] * 2,
        *[("v-mint", "v-ana", "VAL"), ("v-mint", "v-ben", "VAL")] * 3,
        ("cash", "vault", "MXN"),
        ("v-mint", "v-box", "VAL"),
        ("v-box", "v-eva", "VAL"),
        ("v-ana", "v-mint", "VAL"),
    ]
    transfers = [
        AskedTransfer(
            debit_account=debit,
            credit_account=credit,
            amount=chance.choice(["1.1", "5", "9", "20.5"]),
            currency=currency,
            kind=chance.choice(["payment", "fee"]),
        )
        for debit, credit, currency in chance.choices(moves, k=chance.choice([1, 2, 4]))
    ]
    makes = [lambda _, t: t] * 4 + [under_terms, hold, hold]
    transfers = [chance.choice(makes)(client, t) for t in transfers]
    mode = chance.choice([Mode.ATOMIC, Mode.EACH, Mode.EACH])
    asked = AskedBatch(id=client.outbox.new_id(), transfers=transfers, mode=mode)
    one = Sent(asked, OPERATOR, client.ledger)
    client.outbox.sent.append(one)
    return send(client, one, "issues with")
