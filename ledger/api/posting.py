"""Posting: transfers and batches in, receipts or refusals out."""

from datetime import date
from time import perf_counter
from typing import Any, Final
from uuid import UUID

from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from ledger.api.answers import (
    BatchPostedAnswer,
    BatchReceipt,
    DryRun,
    Faces,
    OutcomeAnswer,
    TransferPosted,
    TransferReceipt,
    show_time,
)
from ledger.api.problems import Problem
from ledger.api.service import Call, answer
from ledger.api.wire import BatchRequest, TransferRequest, decode, idempotency_id, read_body
from ledger.core.amounts import show_amount
from ledger.core.asked import AskedBatch
from ledger.core.book import Posted
from ledger.core.faults import LedgerFault, MalformedRequest
from ledger.core.lines import BatchRefused
from ledger.core.ports import PostOutcome, Receipt, RefusedReceipt
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.texts import sentence

MINIMAL: Final = "return=minimal"


class WriteQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With dry_run the answer says what would happen, and promises nothing."""

    dry_run: bool = False


class PostQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With proof the log's inclusion proof of the batch stands beside the receipt."""

    dry_run: bool = False
    proof: bool = False


async def post_transfer(call: Call) -> web.Response:
    """Post one transfer: a batch of one."""
    settings = call.service.settings
    body = await read_body(call.request, settings.body_size_max, settings.body_seconds_max)
    query = call.query(PostQuery)
    asked = decode(body, TransferRequest)
    transfer_id = idempotency_id(call.request, asked.id, call.caller.poster)
    batch = AskedBatch(id=transfer_id, transfers=[asked.transfer()])
    outcome = await _post(call, batch, query.dry_run)
    match outcome:
        case Posted():
            outcomes = outcome_answers(outcome, call, call.faces())
            return answer(DryRun(dry_run=True, outcomes=outcomes))
        case Receipt():
            minimal = is_minimal(call)
            posted = TransferPosted(
                receipt=_transfer_receipt(call, outcome, asked.business_date, minimal),
                checkpoint=UNSET if minimal else newest_checkpoint(call),
                log_proof=await _proof(call, outcome.leaf_index, query.proof),
            )
            return answer(posted, 201, replayed=outcome.replayed)
    problem = refused(call, batch.id, outcome)
    problem.facts.pop("position", None)  # Nobody sent a batch.
    raise problem


async def post_batch(call: Call) -> web.Response:
    """Post a batch."""
    settings = call.service.settings
    body = await read_body(call.request, settings.batch_size_max, settings.body_seconds_max)
    query = call.query(PostQuery)
    asked = decode(body, BatchRequest)
    batch = asked.batch(idempotency_id(call.request, asked.id, call.caller.poster))
    outcome = await _post(call, batch, query.dry_run)
    match outcome:
        case Posted():
            outcomes = outcome_answers(outcome, call, call.faces())
            return answer(DryRun(dry_run=True, outcomes=outcomes))
        case Receipt():
            minimal = is_minimal(call)
            posted = BatchPostedAnswer(
                receipt=batch_receipt(call, outcome, minimal=minimal),
                checkpoint=UNSET if minimal else newest_checkpoint(call),
                log_proof=await _proof(call, outcome.leaf_index, query.proof),
            )
            return answer(posted, 201, replayed=outcome.replayed)
    raise refused(call, batch.id, outcome)


async def _post(call: Call, batch: AskedBatch, dry_run: bool) -> PostOutcome:
    """Ask the desk, once the caller may debit every account, and count what came of it."""
    outside = call.reach.outside([t.debit_account for t in batch.transfers])
    if outside:
        raise _foreign(batch, outside)
    metrics = call.service.metrics
    count = len(batch.transfers)
    started = perf_counter()
    try:
        # No task of its own: a client that goes away cancels nothing here, and what the
        # desk has taken it carries to its end even when this wait is cut short.
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
        case _:
            metrics.refused.inc(count)
    return outcome


def _foreign(batch: AskedBatch, outside: set[str]) -> Problem:
    position = next(i for i, t in enumerate(batch.transfers) if t.debit_account in outside)
    account = batch.transfers[position].debit_account
    return Problem("account_not_yours", position=position, account=account)


def is_minimal(call: Call) -> bool:
    """Whether the client does without outcomes and balances (RFC 7240)."""
    prefer = call.request.headers.get("Prefer")
    return prefer is not None and MINIMAL in prefer.replace(" ", "").lower()


def newest_checkpoint(call: Call) -> str | UnsetType:
    """The newest signed checkpoint, which stands beside a receipt."""
    return call.desk.checkpoint(call.ledger).decode() or UNSET


async def _proof(call: Call, leaf_index: int, wanted: bool) -> str | UnsetType:
    if not wanted:
        return UNSET
    return (await call.desk.log_proof(call.ledger, leaf_index)).decode()


# ---- receipts


def _transfer_receipt(
    call: Call, receipt: Receipt, day: date | UnsetType, minimal: bool
) -> TransferReceipt:
    leaf, posted = receipt.leaf, receipt.posted
    faces = call.faces()
    debit, credit = faces[posted.debit[0]], faces[posted.credit[0]]
    reach = call.reach
    return TransferReceipt(
        ledger=call.ledger,
        id=leaf.batch,
        sequence=leaf.first_sequence,
        batch_number=leaf.number,
        leaf_index=receipt.leaf_index,
        recorded_at=show_time(leaf.recorded_at),
        business_date=leaf.business_date if day is UNSET else day,
        debit_account=debit.code,
        credit_account=credit.code,
        amount=show_amount(posted.amount[0], debit.scale),
        currency=debit.currency,
        debit_balance=UNSET
        if minimal or debit.code not in reach
        else debit.balance(posted.debit_balance[0]),
        credit_balance=UNSET
        if minimal or credit.code not in reach
        else credit.balance(posted.credit_balance[0]),
    )


def batch_receipt(call: Call, receipt: Receipt, *, minimal: bool = False) -> BatchReceipt:
    """Where a batch stands: a function of its leaf, its index and its rows alone."""
    leaf, posted = receipt.leaf, receipt.posted
    return BatchReceipt(
        ledger=call.ledger,
        id=leaf.batch,
        batch_number=leaf.number,
        leaf_index=receipt.leaf_index,
        recorded_at=show_time(leaf.recorded_at),
        business_date=leaf.business_date,
        count=leaf.count,
        posted=leaf.posted,
        first_sequence=leaf.first_sequence if leaf.posted else UNSET,
        last_sequence=leaf.first_sequence + leaf.posted - 1 if leaf.posted else UNSET,
        outcomes=_outcomes(call, posted, minimal),
    )


def _outcomes(call: Call, posted: Posted, minimal: bool) -> list[OutcomeAnswer] | UnsetType:
    """With `minimal` only the refusals, which a client needs whatever it prefers."""
    if not minimal:
        return outcome_answers(posted, call, call.faces())
    faces, language = call.faces(), call.language
    return [_refused_at(faces, language, r) for r in posted.refused] or UNSET


def outcome_answers(posted: Posted, call: Call, faces: Faces) -> list[OutcomeAnswer]:
    """What became of every position, in order."""
    reach, first = call.reach, posted.first_sequence
    rows = zip(
        posted.positions,
        map(faces.__getitem__, posted.debit),
        map(faces.__getitem__, posted.credit),
        posted.debit_balance,
        posted.credit_balance,
        strict=True,
    )
    outcomes = [
        OutcomeAnswer(
            position=position,
            sequence=first + i,
            debit_balance=debit.balance(x) if reach.all or debit.code in reach else UNSET,
            credit_balance=credit.balance(y) if reach.all or credit.code in reach else UNSET,
        )
        for i, (position, debit, credit, x, y) in enumerate(rows)
    ]
    if posted.refused:
        language = call.language
        outcomes += [_refused_at(faces, language, refusal) for refusal in posted.refused]
        outcomes.sort(key=lambda outcome: outcome.position)
    return outcomes


def _refused_at(faces: Faces, language: str, refusal: Refusal) -> OutcomeAnswer:
    assert refusal.position is not None, "a refusal inside a batch has a position"
    facts = refusal_facts(faces, refusal)
    said = sentence(refusal.code, language, **facts)
    return OutcomeAnswer(
        position=refusal.position, code=refusal.code.value, sentence=said, **facts
    )


# ---- refusals


def refusal_facts(faces: Faces, refusal: Refusal) -> dict[str, Any]:
    """Account, currency and what would be accepted, as people read them."""
    if refusal.account is None:
        return {}
    face = faces[refusal.account]
    facts = {"account": face.code, "currency": face.currency}
    if refusal.available is not None:
        facts["available"] = show_amount(refusal.available, face.scale)
    return facts


def refusal_of(leaf: BatchRefused) -> Refusal:
    """The refusal that a leaf records."""
    return Refusal(
        code=RefusalCode(leaf.code),
        position=None if leaf.position is UNSET else leaf.position,
        account=None if leaf.account is UNSET else leaf.account,
        available=None if leaf.available is UNSET else int(leaf.available),
    )


def refused(call: Call, batch: UUID, outcome: RefusedReceipt | Refusal) -> Problem:
    """A refused batch as a problem; where it is recorded, with its place in the journal."""
    if isinstance(outcome, Refusal):
        return refusal_problem(call, outcome)
    problem = refusal_problem(call, refusal_of(outcome.leaf), counted=outcome.replayed)
    problem.facts["id"] = batch
    problem.facts["leaf_index"] = outcome.leaf_index
    problem.facts["recorded_at"] = show_time(outcome.leaf.recorded_at)
    if outcome.replayed:
        problem.headers = {"Idempotent-Replayed": "true"}
    return problem


def refusal_problem(call: Call, refusal: Refusal, *, counted: bool = False) -> Problem:
    """A refusal as a problem. It is counted, unless it was before."""
    if not counted:
        call.service.metrics.refusal(refusal.code)
    facts: dict[str, Any] = {}
    if refusal.account is not None:
        facts |= refusal_facts(call.faces(), refusal)
    if refusal.position is not None:
        facts["position"] = refusal.position
    return Problem(refusal.code, **facts)
