"""Batches: posted, repeated, followed up, taken back, tried."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import replace

from ledger.api.lines import with_signer
from ledger.core.answered import ProposalReceipt, Receipt, RefusedReceipt
from ledger.core.asked import AskedBatch, AskedTerms
from ledger.core.model import Action, Mode
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.written import AnyBatch
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import batches as audit
from tests.simulation.auditor import lines, proposals
from tests.simulation.workload.client import OPERATOR, UNSURE, Client, Request, Sent, command
from tests.simulation.workload.transfers import batch, clearing, of_hold, reversal, transfer
from tests.simulation.world import Cut


def send(client: Client, one: Sent, verb: str, copies: int = 1) -> Request:
    """Send a batch, or several copies of it at once."""
    asked, caller, ledger = one.asked, one.caller, one.ledger
    client.ledger = ledger
    books, since = client.world.auditor.books, 0
    poster = caller.poster or caller.key
    client.world.auditor.sends(asked, one.workflow)

    async def ask(desk: Sequencer) -> list[Any]:
        nonlocal since
        since = client.knows(desk, ledger)
        posts = [post_as_asked(desk, one) for _ in range(copies)]
        return all_or_fault(await asyncio.gather(*posts, return_exceptions=True))

    def tell(outcomes: list[Any], signed: int) -> str:
        for outcome in outcomes:
            match outcome:
                case Receipt():
                    audit.posted(books(ledger), asked, poster, outcome, signed)
                case RefusedReceipt():
                    audit.refused(books(ledger), asked, poster, outcome, signed)
                case ProposalReceipt():
                    proposals.proposed(books(ledger), asked, poster, outcome, signed)
                case Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH):
                    audit.used_by_another(books(ledger), asked, poster)
                case Refusal(code=code) if code in lines.SIGNATURES:
                    lines.refused_for_it(books(ledger), asked, poster, outcome, since)
                case Refusal():
                    way = one.workflow
                    proposals.not_proposed(books(ledger), asked, poster, way, outcome, since)
                case _:
                    raise AssertionError(outcome)
        return in_words(outcomes[0])

    many = f"{len(asked.transfers)} transfers" if len(asked.transfers) > 1 else "1 transfer"
    by = f", by {one.workflow}" if one.workflow else ""
    return Request(
        f"{verb} batch {asked.id.int} in {ledger}, {_how(asked)}, {many}{by}",
        ask,
        tell,
        ledger,
        batches=[asked.id],
        malformed=lambda: audit.malformed(books(ledger), asked),
    )


async def post_as_asked(desk: Sequencer, one: Sent, *, dry_run: bool = False) -> Any:
    """As the API does it: what says that it is signed must be signed by somebody's key."""
    ledger, asked, caller = one.ledger, one.asked, one.caller
    if isinstance(asked, AskedBatch):
        if one.workflow:
            return await desk.pay(ledger, asked, one.workflow, caller, dry_run=dry_run)
        return await desk.post(ledger, asked, caller, dry_run=dry_run)
    checked = with_signer(asked, desk.facts(ledger), caller.posts_as)
    if isinstance(checked, Refusal):
        return checked
    return await desk.post(ledger, checked, caller, dry_run=dry_run)


def _how(asked: AnyBatch) -> str:
    if isinstance(asked, AskedBatch):
        return asked.mode.value
    signed = "unsigned" if asked.note is UNSET else "signed"
    return f"{signed} lines, {asked.manifest.mode.value}"


def at_once(text: str, requests: Sequence[Request]) -> Request:
    """Several requests, of which nobody waits for another's answer."""

    async def ask(desk: Sequencer) -> list[Any]:
        asked = [one.ask(desk) for one in requests]
        return all_or_fault(await asyncio.gather(*asked, return_exceptions=True))

    def tell(outcomes: list[Any], signed: int) -> str:
        told = [one.tell(each, signed) for one, each in zip(requests, outcomes, strict=True)]
        return "; ".join(told)

    return Request(
        text,
        ask,
        tell,
        requests[0].ledger,
        batches=[batch for one in requests for batch in one.batches],
        malformed=requests[0].malformed,
    )


def all_or_fault(outcomes: Sequence[Any]) -> list[Any]:
    """The answers of several that were asked at once; a fault where any has none."""
    faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if faults and len(faults) < len(outcomes):
        raise Cut("one was answered, another was not") from faults[0]
    for fault in sorted(faults, key=lambda fault: not isinstance(fault, UNSURE)):
        raise fault
    return list(outcomes)


def in_words(outcome: Receipt | RefusedReceipt | ProposalReceipt | Refusal) -> str:
    again = "again " if getattr(outcome, "replayed", False) else ""
    if isinstance(outcome, ProposalReceipt):
        return f"{again}waits since leaf {outcome.leaf_index}"
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
    if not isinstance(asked, AskedBatch):  # See lines.py.
        return None
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
    workflow = first.workflow if len(asked.transfers) == 1 else ""
    one = Sent(asked, caller, first.ledger, workflow)
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
    ledger, chance = client.ledger, client.random
    if not client.is_open():
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
    text = f"posts batch {sent[0].asked.id.int} in {ledger} and takes {target} back twice"
    return at_once(text, requests)


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
        key = OPERATOR.key
        proposals.looked(books, asked, outcome, since, client.times(began), key)
        return "seen"

    def malformed() -> None:
        audit.malformed(client.world.auditor.books(ledger), asked)

    return Request(f"tries a batch in {ledger}", ask, tell, ledger, malformed=malformed)
