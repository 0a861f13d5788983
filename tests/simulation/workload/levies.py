"""Levies: set, changed, removed."""

from typing import Any

from msgspec import UNSET

from ledger.core.book import Book
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import Levy, LevySet
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.pending import Built, Change
from tests.simulation.auditor import levies as audit
from tests.simulation.workload.client import Client, Request, command

LEVIES: list[dict[str, Any]] = [
    {"n": 1, "d": 100, "payer": "credit", "minimum": 1},
    {"n": 1, "d": 3, "payer": "debit", "maximum": 300},
    {"n": 1, "d": 8, "payer": "credit"},
    {"n": 0, "d": 1, "payer": "debit", "fixed": 1},
    {"n": 2, "d": 1, "payer": "debit"},  # More than there is: refused.
    {"n": 1, "d": 2, "payer": "debit", "minimum": 9, "maximum": 8},  # And so is this.
]


@command(1)
def set_levy(client: Client) -> Request:
    """Set a levy, change it, or remove it. The desk has no word for it yet."""
    chance, ledger = client.random, client.ledger
    code, kind = (
        chance.choice(["levy", "levy", "part"]),
        chance.choice(["payment", "fee"]),
    )
    fund = chance.choice(["fund", "fund", "h-fund", "ana"])
    rule = None if chance.random() < 0.3 else chance.choice(LEVIES)
    there = sorted(client.books.all_now("levy")) if client.world.auditor.size(ledger) else []
    if rule is None and chance.random() < 0.8:  # Mostly one that is there.
        code, rule = (chance.choice(there), None) if there else (code, chance.choice(LEVIES))

    async def ask(desk: Sequencer) -> Any:
        def build(book: Book, now: int) -> Built[None] | Refusal:
            levy: Any = UNSET
            if rule is not None:
                treasury = book.numbers.get(fund, 10**6)
                levy = Levy(**rule, kinds=[kind], treasury=treasury)
            line = LevySet(recorded_at=now, code=code, by="operator", reason="x", levy=levy)
            return book.refuse(line) or Built([line], lambda _: None)

        return await desk.writer(ledger).submit(Change(build))

    def tell(refusal: Refusal | None, signed: int) -> str:
        audit.levied(client.world.auditor.books(ledger), code, rule, fund, refusal, signed)
        return "set" if refusal is None else f"refused, {refusal.code.value}"

    verb = "removes" if rule is None else f"lets {kind} pay {fund}"
    return Request(f"{verb} as {code} in {ledger}", ask, tell, ledger)
