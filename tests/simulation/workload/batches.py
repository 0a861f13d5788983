"""Batches: posted, repeated, followed up, taken back, tried."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.answered import Receipt, RefusedReceipt
from ledger.core.asked import AskedBatch, AskedTerms
from ledger.core.model import Action, Mode
from ledger.core.refusals import Refusal, RefusalCode
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import batches as audit
from tests.simulation.workload.client import OPERATOR, UNSURE, Client, Request, Sent, command
from tests.simulation.workload.transfers import batch, clearing, of_hold, reversal, transfer
from tests.simulation.world import Cut


def send(client: Client, one: Sent, verb: str, copies: int = 1) -> Request:
    """Send a batch, or several copies of it at once."""
    asked, caller, ledger = one.asked, one.caller, one.ledger
    client.ledger = ledger
    books = client.world.auditor.books
    poster = caller.poster or caller.key

    async def ask(desk: Sequencer) -> list[Any]:
        posts = [desk.post(ledger, asked, caller) for _ in range(copies)]
        return _all_or_fault(await asyncio.gather(*posts, return_exceptions=True))

    def tell(outcomes: list[Any], signed: int) -> str:
        for outcome in outcomes:
            if isinstance(outcome, Receipt):
                audit.posted(books(ledger), asked, poster, outcome, signed)
            elif isinstance(outcome, RefusedReceipt):
                audit.refused(books(ledger), asked, poster, outcome, signed)
            else:
                assert isinstance(outcome, Refusal), outcome
                assert outcome.code is RefusalCode.ID_USED_BY_ANOTHER_BATCH
                audit.used_by_another(books(ledger), asked, poster)
        return _in_words(outcomes[0])

    many = f"{len(asked.transfers)} transfers" if len(asked.transfers) > 1 else "1 transfer"
    return Request(
        f"{verb} batch {asked.id.int} in {ledger}, {asked.mode.value}, {many}",
        ask,
        tell,
        ledger,
        batches=[asked.id],
        malformed=lambda: audit.malformed(books(ledger), asked),
    )


def _all_or_fault(outcomes: Sequence[Any]) -> list[Any]:
    """The answers of several that were asked at once; a fault where any has none."""
    faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if faults and len(faults) < len(outcomes):
        raise Cut("one was answered, another was not") from faults[0]
    for fault in sorted(faults, key=lambda fault: not isinstance(fault, UNSURE)):
        raise fault
    return list(outcomes)


def _in_words(outcome: Receipt | RefusedReceipt | Refusal) -> str:
    again = "again " if getattr(outcome, "replayed", False) else ""
    if isinstance(outcome, Receipt):
        count = len(outcome.posted.amount)
        return f"{again}posted {count} in leaf {outcome.leaf_index}"
    if isinstance(outcome, RefusedReceipt):
        return f"{again}refused in leaf {outcome.leaf_index}, {outcome.leaf.code}"
    return f"refused, {outcome.code.value}"


@command(9)
def post(client: Client) -> Request:
    one = Sent(batch(client, client.outbox.new_id()), client.caller(), client.ledger)
    client.outbox.sent.append(one)
    return send(client, one, "posts", copies=client.random.choice([1, 1, 1, 2, 3]))


@command(3)
def post_again(client: Client) -> Request | None:
    sent = client.outbox.sent
    if not sent:
        return None
    recent = client.random.random() < 0.5
    return send(client, client.random.choice(sent[-4:] if recent else sent), "repeats")


@command(1.5)
def post_another(client: Client) -> Request | None:
    """The id of a batch that was sent, with something else in it, or from somebody else."""
    chance, sent = client.random, client.outbox.sent
    if not sent:
        return None
    first = chance.choice(sent)
    client.ledger = first.ledger
    asked, caller = first.asked, first.caller
    match chance.choice(["batch", "line", "source", "caller", "description"]):
        case "batch":
            asked = batch(client, asked.id)
        case "line":
            lines = list(asked.transfers)
            at = chance.randrange(len(lines))
            lines[at] = transfer(client, lines[at].currency)
            asked = replace(asked, transfers=lines)
        case "source":
            asked = replace(asked, source="window")
        case "description":
            lines = [replace(t, description="otra cosa") for t in asked.transfers]
            asked = replace(asked, transfers=lines)
        case "caller":
            caller = client.caller()
    one = Sent(asked, caller, first.ledger)
    sent.append(one)
    return send(client, one, "posts something else as")


@command(2)
def follow_up(client: Client) -> Request | None:
    """What becomes of holds, of what stands in suspense, and of what shall not have been."""
    chance = client.random
    if not client.rows():
        return None
    makes = [of_hold, of_hold, reversal, clearing]
    if client.books.all_now("item"):
        makes += [clearing] * 3
    count = chance.choice([1, 1, 2])
    transfers = [chance.choice(makes)(client, transfer(client, "MXN")) for _ in range(count)]
    mode = chance.choice([Mode.ATOMIC, Mode.EACH])
    asked = AskedBatch(id=client.outbox.new_id(), transfers=transfers, mode=mode)
    one = Sent(asked, client.caller(), client.ledger)
    client.outbox.sent.append(one)
    return send(client, one, "follows up with")


@command(1)
def take_back_at_once(client: Client) -> Request | None:
    """A payment, and twice its reversal, before anybody knows whether it is there."""
    world, ledger, chance = client.world, client.ledger, client.random
    if not world.auditor.size(ledger):
        return None
    paid = replace(transfer(client, "MXN"), business_date=UNSET)
    target = client.books.transfers[-1] + chance.choice([1, 1, 1, 2])
    back = replace(
        paid,
        debit_account=paid.credit_account,
        credit_account=paid.debit_account,
        reference="",
        terms=AskedTerms(action=Action.REVERSE, target=target),
    )
    sent = [
        Sent(AskedBatch(id=client.outbox.new_id(), transfers=[t]), OPERATOR, ledger)
        for t in (paid, back, back)
    ]
    client.outbox.sent += sent
    requests = [send(client, one, "posts") for one in sent]

    async def ask(desk: Sequencer) -> list[Any]:
        asked = [one.ask(desk) for one in requests]
        return _all_or_fault(await asyncio.gather(*asked, return_exceptions=True))

    def tell(outcomes: list[Any], signed: int) -> str:
        told = [one.tell(each, signed) for one, each in zip(requests, outcomes, strict=True)]
        return "; ".join(told)

    def malformed() -> None:
        audit.malformed(client.world.auditor.books(ledger), sent[0].asked)

    return Request(
        f"posts batch {sent[0].asked.id.int} in {ledger} and takes {target} back twice",
        ask,
        tell,
        ledger,
        batches=[one.asked.id for one in sent],
        malformed=malformed,
    )


@command(1.5)
def preview(client: Client) -> Request:
    asked = batch(client, UUID(int=0))  # Would be missed by the auditor if it left a leaf.
    world, ledger = client.world, client.ledger
    since, began = 0, world.now()

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)
        return await desk.post(ledger, asked, OPERATOR, dry_run=True)

    def tell(outcome: Any, signed: int) -> str:
        books = world.auditor.books(ledger)
        times = {time + skew for time in (began, world.now()) for skew in world.skews}
        audit.previewed(books, asked, outcome, max(1, since), times)
        return "seen"

    def malformed() -> None:
        audit.malformed(client.world.auditor.books(ledger), asked)

    return Request(f"tries a batch in {ledger}", ask, tell, ledger, malformed=malformed)
