"""Posting: transfers and batches in, receipts or refusals out."""

from collections.abc import Iterator, Sequence
from time import perf_counter

from aiohttp import web
from msgspec import UNSET, UnsetType

from ledger.api.answers.base import show_time
from ledger.api.answers.dry_run import DryRun
from ledger.api.answers.posting import BatchPostedAnswer, TransferPosted, WaitsAnswer
from ledger.api.lines import are_lines, read_lines
from ledger.api.problems import Problem
from ledger.api.queries import PostQuery
from ledger.api.receipts import (
    batch_receipt,
    is_told,
    outcome_answers,
    refusal_problem,
    refused,
    transfer_receipt,
)
from ledger.api.service import Call, answer
from ledger.api.waiting import ProposalPosted, proposal_receipt
from ledger.api.wire import BatchRequest, TransferRequest, decode, decode_sent, idempotency_id
from ledger.core.answered import (
    PostOutcome,
    ProposalReceipt,
    Receipt,
    RefusedReceipt,
    WouldWait,
)
from ledger.core.asked import AskedBatch, AskedTransfer
from ledger.core.book import Book, Posted
from ledger.core.columns import Columns
from ledger.core.faults import LedgerFault, MalformedRequest
from ledger.core.lines import Transfer
from ledger.core.model import Action, Side
from ledger.core.refusals import Refusal
from ledger.core.written import AnyBatch


async def post_transfer(call: Call) -> web.Response:
    """Post one transfer: a batch of one."""
    body = await call.body()
    query = call.query(PostQuery)
    asked = decode(body, TransferRequest)
    transfer_id = idempotency_id(call.request, asked.id, call.caller.poster)
    batch = AskedBatch(
        id=transfer_id,
        transfers=[asked.transfer()],
        late=asked.late,
        source=asked.source,
        branch=asked.branch,
    )
    return await answer_transfer(call, batch, query)


async def answer_transfer(call: Call, batch: AskedBatch, query: PostQuery) -> web.Response:
    """Post a batch of one and answer as for a transfer."""
    outcome = await post(call, batch, query.dry_run)
    return await answer_outcome(call, batch, outcome, query)


async def answer_outcome(
    call: Call, batch: AskedBatch, outcome: PostOutcome, query: PostQuery
) -> web.Response:
    """Answer as for a transfer what became of a batch of one."""
    match outcome:
        case Posted() | WouldWait():
            return _looked(call, outcome)
        case ProposalReceipt():
            return await _waits(call, outcome, query)
        case Receipt():
            minimal = call.is_minimal
            posted = TransferPosted(
                receipt=transfer_receipt(call, outcome, batch.transfers[0], minimal=minimal),
                checkpoint=UNSET if minimal else newest_checkpoint(call),
                log_proof=await _proof(call, outcome.leaf_index, query.proof),
            )
            return answer(posted, 201, replayed=outcome.replayed)
    problem = refused(call, batch, outcome)
    problem.facts.pop("position", None)  # Nobody sent a batch.
    raise problem


async def post_batch(call: Call) -> web.Response:
    """Post a batch: in people's terms, or as the lines that are to be kept."""
    if are_lines(call.request):
        query = call.query(PostQuery)
        return await answer_batch(call, await read_lines(call), query)
    body = await call.large_body()
    query = call.query(PostQuery)
    asked = decode_sent(call.request, body, BatchRequest)
    batch = asked.batch(idempotency_id(call.request, asked.id, call.caller.poster))
    return await answer_batch(call, batch, query)


async def answer_batch(call: Call, batch: AnyBatch, query: PostQuery) -> web.Response:
    """Post a batch and answer what became of it."""
    outcome = await post(call, batch, query.dry_run)
    match outcome:
        case Posted() | WouldWait():
            return _looked(call, outcome)
        case ProposalReceipt():
            return await _waits(call, outcome, query)
        case Receipt():
            minimal = call.is_minimal
            posted = BatchPostedAnswer(
                receipt=batch_receipt(call, outcome, minimal=minimal),
                checkpoint=UNSET if minimal else newest_checkpoint(call),
                log_proof=await _proof(call, outcome.leaf_index, query.proof),
            )
            return answer(posted, 201, replayed=outcome.replayed)
    raise refused(call, batch, outcome)


def _looked(call: Call, outcome: Posted | WouldWait) -> web.Response:
    """Answer a dry run; of what would wait also what would come of it once all agreed.

    That it would be refused even then is said of the caller's own accounts only.
    """
    if isinstance(outcome, Posted):
        outcomes = outcome_answers(outcome, call, call.faces())
        return answer(DryRun(dry_run=True, outcomes=outcomes))
    line, then = outcome.line, outcome.outcome
    if isinstance(then, Refusal) and is_told(call, then):
        raise refusal_problem(call, then)
    waits = WaitsAnswer(
        approvals=line.approvals,
        accepts=line.accepts,
        accept_at=UNSET if line.accept_at is UNSET else show_time(line.accept_at),
        held=line.holds is not UNSET,
        expires=show_time(line.expires),
    )
    outcomes = [] if isinstance(then, Refusal) else outcome_answers(then, call, call.faces())
    return answer(DryRun(dry_run=True, waits=waits, outcomes=outcomes or UNSET))


async def _waits(call: Call, outcome: ProposalReceipt, query: PostQuery) -> web.Response:
    """Answer that a batch waits for others."""
    proposed = ProposalPosted(
        proposal=proposal_receipt(call, outcome),
        checkpoint=UNSET if call.is_minimal else newest_checkpoint(call),
        log_proof=await _proof(call, outcome.leaf_index, query.proof),
    )
    return answer(proposed, 202, replayed=outcome.replayed)


async def post(call: Call, batch: AnyBatch, dry_run: bool, workflow: str = "") -> PostOutcome:
    """Ask the desk, once the caller may debit every account, and count what came of it.

    Who may start a payment by a workflow was asked before.
    """
    if not workflow:
        _check_debited(call, batch, dry_run)
    metrics = call.service.metrics
    count = len(batch.transfers)
    started = perf_counter()
    try:
        # No task of its own: a client that goes away cancels nothing here, and what the
        # desk has taken it carries to its end even when this wait is cut short.
        if workflow:
            assert isinstance(batch, AskedBatch), "a payment is no lines"
            outcome = await call.desk.pay(
                call.ledger, batch, workflow, call.caller, dry_run=dry_run
            )
        else:
            outcome = await call.desk.post(call.ledger, batch, call.caller, dry_run=dry_run)
    except MalformedRequest:
        raise
    except LedgerFault:
        metrics.faulted.inc(count)
        raise
    if dry_run:
        return outcome
    metrics.record_seconds.observe(perf_counter() - started)
    match outcome:
        case Receipt(replayed=True) | RefusedReceipt(replayed=True):
            metrics.replays.inc()
        case Receipt():
            metrics.recorded.inc(count - len(outcome.posted.refused))
            for refusal in outcome.posted.refused:
                metrics.refused.inc()
                metrics.refusal(refusal.code)
        case RefusedReceipt() | Refusal():
            metrics.refused.inc(count)
    return outcome


def _check_debited(call: Call, batch: AnyBatch, dry_run: bool) -> None:
    """Raise Problem unless all that may be debited is the caller's."""
    reach = call.reach
    if reach.all:
        return
    transfers: Sequence[AskedTransfer | Transfer] = batch.transfers
    named: set[str | int]
    if isinstance(transfers, Columns) and transfers.is_plain:
        named = set(transfers.debit)
    else:
        named = {t.debit_account for t in transfers}
        named |= {a for t in transfers if t.terms is not UNSET for a in _debited(t, dry_run)}
    book = call.desk.facts(call.ledger)
    code_of = {a: a if isinstance(a, str) else _code_of(book, a) for a in named}
    outside = reach.outside(code_of.values()) - {""}  # What is not there is refused later.
    if not outside:
        return
    for position, transfer in enumerate(transfers):
        for account in _debited(transfer, dry_run):
            if code_of[account] in outside:
                raise Problem("account_not_yours", position=position, account=code_of[account])


def _code_of(book: Book, number: int) -> str:
    return book.codes[number] if 0 < number <= book.accounts else ""


def _debited(transfer: AskedTransfer | Transfer, dry_run: bool) -> Iterator[str | int]:
    """The accounts a transfer may debit, and those that need the same right.

    Whoever takes back a transfer must have been able to make it: a reversal needs both of
    its accounts. What may stand on a suspense account must be one's own on either side. Whoever
    posts what the credited account has room for leaves a trace; a look would tell it for none.
    """
    yield transfer.debit_account
    terms = transfer.terms
    if terms is UNSET:
        return
    is_asked = dry_run and terms.up_to in (Side.CREDIT, Side.BOTH)
    if terms.action is Action.REVERSE or is_asked:
        yield transfer.credit_account
    if terms.rest is not UNSET and terms.up_to != Side.CREDIT:
        yield terms.rest
    if terms.suspense is not UNSET:
        yield terms.suspense


def newest_checkpoint(call: Call) -> str | UnsetType:
    """The newest signed checkpoint, which stands beside a receipt."""
    return call.desk.checkpoint(call.ledger).decode() or UNSET


async def _proof(call: Call, leaf_index: int, wanted: bool) -> str | UnsetType:
    if not wanted:
        return UNSET
    return (await call.desk.log_proof(call.ledger, leaf_index)).decode()
