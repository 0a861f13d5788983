"""Proposals: payments that others accept, batches that others approve, and what they say."""

import asyncio
from typing import Any
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.answered import ProposalView, Receipt, RefusedReceipt
from ledger.core.asked import AskedBatch, AskedDecision, Caller
from ledger.core.model import Decision, Role
from ledger.core.refusals import Refusal
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import batches, proposals
from tests.simulation.workload.batches import all_or_fault, in_words, send
from tests.simulation.workload.client import OPERATOR, Client, Request, Sent, command
from tests.simulation.workload.policies import CODES
from tests.simulation.workload.transfers import transfer

APPROVERS = [Caller(key=name, role=Role.APPROVER) for name in ("luz", "teo", "pia")]
PERSONS = ["luz", "rosa", "ines"]


@command(4)
def pay(client: Client) -> Request:
    """A payment by a workflow; mostly one that is there."""
    chance = client.random
    one = Sent(_payment(client), client.caller(), client.ledger, chance.choice(CODES))
    client.outbox.sent.append(one)
    return send(client, one, "starts", copies=chance.choice([1, 1, 1, 2]))


def _payment(client: Client) -> AskedBatch:
    chance = client.random
    paid = transfer(client, client.currency())
    paid = replace(paid, business_date=UNSET, value_date=UNSET)
    if chance.random() < 0.4:
        paid = replace(paid, kind=chance.choice(["payroll", "rent"]))
    if chance.random() < 0.3:
        paid = replace(paid, entered_by=chance.choice(PERSONS))
    return AskedBatch(id=client.outbox.new_id(), transfers=[paid])


@command(2.5)
def post_large(client: Client) -> Request:
    """A batch for which there is mostly a rule."""
    chance = client.random
    transfers = [
        replace(
            transfer(client, "MXN"),
            kind=chance.choice(["payroll", "payroll", "rent"]),
            entered_by=chance.choice([*PERSONS, "", ""]),
            approved_by="jefa" if chance.random() < 0.1 else "",
        )
        for _ in range(chance.choice([1, 1, 2, 3]))
    ]
    asked = AskedBatch(id=client.outbox.new_id(), transfers=transfers)
    one = Sent(asked, client.caller(), client.ledger)
    client.outbox.sent.append(one)
    return send(client, one, "posts", copies=chance.choice([1, 1, 2]))


@command(0.5)
def try_to_pay(client: Client) -> Request:
    """A payment that is only tried: as if nobody had to agree."""
    world, ledger = client.world, client.ledger
    asked, code = replace(_payment(client), id=UUID(int=0)), client.random.choice(CODES)
    since, began = client.since(), world.now()

    async def ask(desk: Sequencer) -> Any:
        return await desk.pay(ledger, asked, code, OPERATOR, dry_run=True)

    def tell(outcome: Any, signed: int) -> str:
        books = world.auditor.books(ledger)
        batches.previewed(books, asked, outcome, since, client.times(began), key=None)
        return "seen"

    def malformed() -> None:
        batches.malformed(world.auditor.books(ledger), asked)

    return Request(
        f"tries to pay by {code} in {ledger}", ask, tell, ledger, malformed=malformed
    )


@command(6)
def decide(client: Client) -> Request | None:
    """What somebody says of what waits, or waited; at times two say something at once."""
    if not client.is_open():
        return None
    world, ledger, chance = client.world, client.ledger, client.random
    open_ones = list(client.books.all_now("proposal"))
    ever = list(client.books.shelf.ever("proposal"))
    if not ever:
        return None
    batch = chance.choice(open_ones if open_ones and chance.random() < 0.85 else ever)
    copies = chance.choice([1, 1, 1, 2])
    many = [(_said(client, batch), chance.choice(_voices(client))) for _ in range(copies)]
    dry_run = copies == 1 and chance.random() < 0.15
    since, began = client.since(), world.now()

    async def ask(desk: Sequencer) -> list[Any]:
        said = [desk.decide(ledger, one, caller, dry_run=dry_run) for one, caller in many]
        return all_or_fault(await asyncio.gather(*said, return_exceptions=True))

    def tell(outcomes: list[Any], signed: int) -> str:
        books, words = world.auditor.books(ledger), []
        for (one, caller), outcome in zip(many, outcomes, strict=True):
            match outcome:
                case Receipt() | RefusedReceipt():
                    proposals.settled(books, one, caller.key, outcome, signed)
                    words.append(in_words(outcome))
                case ProposalView() if not dry_run:
                    proposals.still_waits(books, one, caller.key, signed)
                    words.append("waits on")
                case Refusal() if not dry_run:
                    times = client.times(began)
                    proposals.not_said(books, one, caller.key, outcome, since, times)
                    words.append(in_words(outcome))
                case _:
                    assert dry_run, outcome
                    _tried(client, one, caller, outcome, since, began)
                    words.append("seen")
        return ", ".join(words)

    verbs = [f"{caller.key} {one.decision}" for one, caller in many]
    dry = " if it could" if dry_run else ""
    return Request(f"{', '.join(verbs)}{dry} batch {batch.int} in {ledger}", ask, tell, ledger)


def _voices(client: Client) -> list[Caller]:
    return [*APPROVERS, *APPROVERS, OPERATOR, client.caller()]


def _said(client: Client, batch: UUID) -> AskedDecision:
    chance = client.random
    decisions: list[Decision] = ["approved", "approved", "approved", "accepted", "accepted"]
    proposal = client.books.one_now("proposal", batch)
    if proposal is not None and chance.random() < 0.7:
        decisions = ["accepted" if proposal.waits_for_acceptance else "approved"]
    if chance.random() < 0.15:
        decisions = ["declined", "cancelled"]
    return AskedDecision(
        batch=batch,
        decision=chance.choice(decisions),
        user=chance.choice([*PERSONS, "nora", "elsa"]) if chance.random() < 0.3 else UNSET,
        reason="x" if chance.random() < 0.1 else UNSET,
    )


def _tried(
    client: Client, one: AskedDecision, caller: Caller, outcome: Any, since: int, began: int
) -> None:
    """A dry run: why it may not be said, or what posting would do then."""
    books, times = client.world.auditor.books(client.ledger), client.times(began)
    if isinstance(outcome, ProposalView):
        assert one.decision in ("declined", "cancelled"), outcome
    elif isinstance(outcome, Refusal) and outcome.code in proposals.SAID:
        proposals.not_said(books, one, caller.key, outcome, since, times)
    else:
        proposals.tried(books, one, outcome, since, times)


@command(0.7)
def list_proposals(client: Client) -> Request:
    """All that waits, with what was asked for."""
    ledger, auditor = client.ledger, client.world.auditor
    since = client.since()

    async def ask(desk: Sequencer) -> Any:
        return await desk.proposals(ledger)

    def tell(views: list[ProposalView], signed: int) -> str:
        proposals.listed(auditor.books(ledger), views, signed, since)
        return f"{len(views)} wait"

    return Request(f"asks what waits in {ledger}", ask, tell, ledger)
