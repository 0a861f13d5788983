"""Proposals: payments that others accept, batches that others approve, and what they say."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.answered import ProposalView, Receipt, RefusedReceipt
from ledger.core.asked import AskedBatch, AskedDecision, AskedTransfer, Caller
from ledger.core.model import Decision, Mode, Role
from ledger.core.refusals import Refusal
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import batches, proposals
from tests.simulation.workload.batches import all_or_fault, at_once, in_words, send
from tests.simulation.workload.client import OPERATOR, Client, Request, Sent, command
from tests.simulation.workload.policies import CODES
from tests.simulation.workload.transfers import decimal, transfer

APPROVERS = [Caller(key=name, role=Role.APPROVER) for name in ("luz", "teo", "pia")]
PERSONS = ["luz", "rosa", "ines"]


@command(3)
def pay(client: Client) -> Request:
    """A payment by a workflow; mostly one that is there."""
    chance = client.random
    one = Sent(_payment(client), client.caller(), client.ledger, _workflow(client))
    client.outbox.sent.append(one)
    return send(client, one, "starts", copies=chance.choice([1, 1, 1, 2]))


def _workflow(client: Client) -> str:
    there = [code for code in CODES if client.is_open() and client.has_workflow(code)]
    return client.random.choice(there if there and client.random.random() < 0.9 else CODES)


def all_there_is(client: Client, t: AskedTransfer) -> AskedTransfer:
    """The same, of all that its payer has: to be kept back it is just enough."""
    number = client.books.numbers.get(t.debit_account) if client.is_open() else None
    place = client.books.now(number) if number else None
    if place is None or place.floor is None or place.balance <= place.floor:
        return t
    return replace(t, amount=decimal(place.balance - place.floor, place.currency))


def _payment(client: Client) -> AskedBatch:
    chance = client.random
    paid = transfer(client, client.currency())
    if chance.random() < 0.3:
        paid = all_there_is(client, paid)
    paid = replace(paid, business_date=UNSET, value_date=UNSET)
    if chance.random() < 0.4:
        paid = replace(paid, kind=chance.choice(["payroll", "rent"]))
    if chance.random() < 0.3:
        paid = replace(paid, entered_by=chance.choice(PERSONS))
    return AskedBatch(id=client.outbox.new_id(), transfers=[paid])


@command(5)
def post_covered(client: Client) -> Request | None:
    asked = covered(client)
    if asked is None:
        return None
    one = Sent(asked, client.caller(), client.ledger)
    client.outbox.sent.append(one)
    return send(client, one, "posts", copies=client.random.choice([1, 1, 2]))


def covered(client: Client) -> AskedBatch | None:
    """A batch for which there is a rule, but for the amount perhaps."""
    chance = client.random
    rules = list(client.books.all_now("policy").values()) if client.is_open() else []
    if not rules:
        return None
    rule = chance.choice(rules)["rule"]
    transfers = [_covered(client, rule) for _ in range(chance.choice([1, 1, 2, 3]))]
    if chance.random() < 0.4:
        transfers = [all_there_is(client, transfers[0])]
    mode = chance.choice([Mode.ATOMIC, Mode.ATOMIC, Mode.EACH])
    return AskedBatch(id=client.outbox.new_id(), transfers=transfers, mode=mode)


def _covered(client: Client, rule: Mapping[str, Any]) -> AskedTransfer:
    chance = client.random
    t = transfer(client, rule.get("currency", "MXN"))
    return replace(
        t,
        kind=chance.choice(rule.get("kinds", [t.kind])),
        amount="30.00" if "amount_from" in rule else t.amount,
        debit_account="ana" if "ana" in rule.get("accounts", ()) else t.debit_account,
        credit_account="fund" if "fund" in rule.get("accounts", ()) else t.credit_account,
        entered_by=chance.choice([*PERSONS, "", ""]),
        approved_by="jefa" if chance.random() < 0.1 else "",
    )


@command(0.5)
def try_to_pay(client: Client) -> Request:
    """A payment that is only tried: as if all had agreed who must."""
    world, ledger = client.world, client.ledger
    asked, code = replace(_payment(client), id=UUID(int=0)), _workflow(client)
    since, began = 0, world.now()

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)
        return await desk.pay(ledger, asked, code, OPERATOR, dry_run=True)

    def tell(outcome: Any, signed: int) -> str:
        books = world.auditor.books(ledger)
        times = client.times(began)
        proposals.looked(books, asked, outcome, since, times, OPERATOR.key, code)
        return "seen"

    def malformed() -> None:
        batches.malformed(world.auditor.books(ledger), asked)

    return Request(
        f"tries to pay by {code} in {ledger}", ask, tell, ledger, malformed=malformed
    )


@command(8)
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
    before = [(one, caller) for of, one, caller in client.decisions if of == ledger]
    if before and chance.random() < 0.1:
        many, copies = before[-1:], 1  # Once more, as if nobody had answered.
        batch = many[0][0].batch
    client.decisions += [(ledger, one, caller) for one, caller in many]
    dry_run = copies == 1 and chance.random() < 0.25
    since, began = 0, world.now()

    async def ask(desk: Sequencer) -> list[Any]:
        nonlocal since
        since = client.knows(desk, ledger)
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
                case Refusal() if not dry_run and outcome.code in proposals.LATER:
                    times = client.times(began)
                    proposals.put_off(books, one, outcome, since, times)
                    words.append(f"not now, {in_words(outcome)}")
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
    proposal = client.books.get("proposal", batch)
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


@command(1.5)
def decide_and_send_again(client: Client) -> Request | None:
    """Who made a batch sends it once more, just when others say something of it."""
    said = decide(client)
    if said is None:
        return None
    waiting = client.books.all_now("proposal") if client.is_open() else {}
    again = [one for one in client.outbox.sent if one.asked.id in waiting]
    if not again:
        return said
    requests = [said, send(client, client.random.choice(again), "repeats")]
    client.random.shuffle(requests)
    return at_once(" and ".join(one.text for one in requests), requests)


@command(0.7)
def list_proposals(client: Client) -> Request:
    """All that waits, with what was asked for."""
    ledger, auditor = client.ledger, client.world.auditor
    since = 0

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)
        return await desk.proposals(ledger)

    def tell(views: list[ProposalView], signed: int) -> str:
        proposals.listed(auditor.books(ledger), views, signed, since)
        return f"{len(views)} wait"

    return Request(f"asks what waits in {ledger}", ask, tell, ledger)
