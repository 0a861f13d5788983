"""Batches as they are read: the list, one by its id, and the proof of a transfer."""

from typing import Annotated, Final, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.api.answers.base import show_time
from ledger.api.answers.posting import (
    BatchAnswer,
    BatchesPage,
    BatchSummary,
    DecidedAnswer,
    OutcomeProof,
    ProofAnswer,
    RefusedBatch,
)
from ledger.api.auth import READERS
from ledger.api.posting import newest_checkpoint
from ledger.api.problems import Problem
from ledger.api.queries import PAGE, Limit
from ledger.api.receipts import batch_receipt, refusal_facts, refusal_of
from ledger.api.service import Call, answer
from ledger.api.transfers import posted_leaf
from ledger.core.answered import Receipt
from ledger.core.faults import JournalBroken
from ledger.core.leaves import (
    AnyLeaf,
    BatchPosted,
    BatchProposed,
    BatchRefused,
    ProposalDecided,
)
from ledger.core.model import BATCH_MAX
from ledger.core.proposals import is_made_by
from ledger.core.store import StoredBatch
from ledger.core.texts import sentence
from ledger.journal.batches import line_proof, read_posted
from ledger.journal.canonical import (
    decode_leaf,
    decode_manifest,
    decode_outcomes,
    decode_transfers,
)
from ledger.journal.notes import encode_base64
from ledger.journal.replay import root_named

CAUTION: Final = (
    "Give a proof only to those who may read the transfer. Its path holds the hash of a "
    "neighbouring line; a neighbour without a salt could be guessed from it by trying "
    "likely contents. The ledger salts every line of a batch of several transfers."
)


class BatchesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those after a leaf index."""

    after: Annotated[int, Meta(ge=-1, le=2**53 - 1)] = -1
    limit: Limit = PAGE


class ProofQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which transfer of the batch, from 0."""

    position: Annotated[int, Meta(ge=0, lt=BATCH_MAX)] = 0


async def get_batches(call: Call) -> web.Response:
    """Spent batch ids in the order of the journal."""
    query = call.query(BatchesQuery)
    ledger_id = await call.service.ledger_id(call.ledger)
    found = await call.reads.batch_leaves(ledger_id, after=query.after, limit=query.limit)
    leaves = ((index, decode_leaf(line)) for index, line in found)
    page = BatchesPage(
        batches=[_summary(i, leaf) for i, leaf in leaves if _is_readable(call, leaf)],
        next=found[-1][0] if len(found) == query.limit else UNSET,
    )
    return answer(page)


def _summary(index: int, leaf: AnyLeaf) -> BatchSummary:
    match leaf:
        case BatchPosted():
            return BatchSummary(
                id=leaf.batch,
                leaf_index=index,
                recorded_at=show_time(leaf.recorded_at),
                poster=leaf.poster,
                business_date=leaf.business_date,
                batch_number=leaf.number,
                count=leaf.count,
                posted=leaf.posted,
                first_sequence=leaf.first_sequence if leaf.posted else UNSET,
            )
        case BatchRefused():
            return BatchSummary(
                id=leaf.batch,
                leaf_index=index,
                recorded_at=show_time(leaf.recorded_at),
                poster=leaf.poster,
                business_date=leaf.business_date,
                code=leaf.code,
            )
    raise JournalBroken(f"leaf {index}", "not a batch's")


def _is_readable(call: Call, leaf: AnyLeaf) -> bool:
    """A poster reads the batches it posted, and nobody else's."""
    if call.caller.role in READERS:
        return True
    if not isinstance(leaf, BatchPosted | BatchRefused):
        return False
    return leaf.poster == call.caller.posts_as


async def get_batch(call: Call) -> web.Response:
    """One batch: its receipt, the same as the first time, or its refusal."""
    stored, leaf = await find_batch(call)
    decided: DecidedAnswer | UnsetType = UNSET
    if leaf.proposed is not UNSET:
        decided = _decided(await _line(call, stored.leaf_index - 1, ProposalDecided))
    log_proof = await _log_proof(call, stored.leaf_index)
    if isinstance(leaf, BatchRefused):
        found = BatchAnswer(
            refused=refused_batch(call, stored.leaf_index, leaf),
            decided=decided,
            checkpoint=newest_checkpoint(call),
            log_proof=log_proof,
        )
        return answer(found)
    receipt = Receipt(leaf_index=stored.leaf_index, leaf=leaf, posted=read_posted(stored))
    found = BatchAnswer(
        receipt=batch_receipt(call, receipt),
        decided=decided,
        checkpoint=newest_checkpoint(call),
        log_proof=log_proof,
    )
    return answer(found)


def _decided(line: ProposalDecided) -> DecidedAnswer:
    """The last word, which stands just before the batch."""
    return DecidedAnswer(
        decision=line.decision,
        recorded_at=show_time(line.recorded_at),
        by=line.by,
        user=line.user,
        reason=line.reason,
    )


async def find_batch(call: Call) -> tuple[StoredBatch, BatchPosted | BatchRefused]:
    """The batch that the path names. Raises Problem where the caller has none of that id."""
    try:
        batch = msgspec.convert(call.part("id"), UUID)
    except msgspec.ValidationError:
        raise Problem("batch_not_found") from None
    ledger_id = await call.service.ledger_id(call.ledger)
    stored = await call.reads.batch(ledger_id, batch)
    if stored is None:
        raise Problem("batch_not_found")
    leaf = decode_leaf(stored.line)
    assert isinstance(leaf, BatchPosted | BatchRefused), "a batch's leaf is one of these"
    if not _is_readable(call, leaf) and not await _was_seen(call, stored, leaf):
        raise Problem("batch_not_found")
    return stored, leaf if isinstance(leaf, BatchRefused) else posted_leaf(stored)


async def _was_seen(call: Call, stored: StoredBatch, leaf: BatchPosted | BatchRefused) -> bool:
    """Whether a batch waited as a proposal that this caller made, or is a party of.

    Of several transfers nobody is: each would read what is the others'.
    """
    if leaf.proposed is UNSET:
        return False
    line = await _line(call, leaf.proposed, BatchProposed)
    if is_made_by(line, call.caller):
        return True
    if line.count > 1:
        return False
    held = [n for one in line.holds or () for n in (one.debit_account, one.credit_account)]
    of_row = *stored.debit[:1], *stored.credit[:1]
    parties = {line.payer or 0, line.payee or 0, *held, *of_row} - {0}
    return any(call.faces()[number].code in call.reach for number in parties)


L = TypeVar("L", bound=AnyLeaf)


async def _line(call: Call, index: int, kind: type[L]) -> L:
    """A leaf that another names."""
    ledger_id = await call.service.ledger_id(call.ledger)
    found = await call.reads.leaves_at(ledger_id, [index])
    leaf = decode_leaf(found[index])
    if not isinstance(leaf, kind):
        raise JournalBroken(f"leaf {index}", "not what the batch after it names")
    return leaf


def refused_batch(call: Call, index: int, leaf: BatchRefused) -> RefusedBatch:
    """A refused batch as its leaf has it."""
    refusal = refusal_of(leaf)
    facts = refusal_facts(call, refusal)
    line = {} if refusal.position is None else {"line": refusal.position + 1}
    return RefusedBatch(
        ledger=call.ledger,
        id=leaf.batch,
        leaf_index=index,
        recorded_at=show_time(leaf.recorded_at),
        business_date=leaf.business_date,
        code=leaf.code,
        sentence=sentence(leaf.code, call.language, **facts, **line),
        position=leaf.position,
        **facts,
    )


async def _log_proof(call: Call, leaf_index: int) -> str:
    try:
        return (await call.desk.log_proof(call.ledger, leaf_index)).decode()
    except LookupError:
        raise Problem("checkpoint_not_found") from None


# ---- proofs


async def get_proof(call: Call) -> web.Response:
    """What shows offline that one transfer of a batch stands in the journal."""
    query = call.query(ProofQuery)
    stored, leaf = await find_batch(call)
    if isinstance(leaf, BatchRefused) or query.position >= leaf.count:
        raise Problem("transfer_not_found")
    line, path = line_proof(stored.body, query.position + 1)
    manifest = decode_manifest(stored.body.partition(b"\n")[0])
    transfer = decode_transfers(line + b"\n")[0]
    proof = ProofAnswer(
        ledger=call.ledger,
        id=leaf.batch,
        position=query.position,
        mode=manifest.mode,
        line=line.decode(),
        index=query.position + 1,
        size=leaf.count + 1,
        path=list(map(encode_base64, path)),
        root=encode_base64(root_named(leaf)),
        leaf=stored.line.decode(),
        leaf_index=stored.leaf_index,
        log_proof=await _log_proof(call, stored.leaf_index),
        salted=transfer.salt is not UNSET,
        caution=CAUTION,
        outcome=UNSET
        if leaf.outcomes is UNSET
        else _outcome(call, stored, leaf, query.position),
    )
    return answer(proof)


def _outcome(
    call: Call, stored: StoredBatch, leaf: BatchPosted, position: int
) -> OutcomeProof | UnsetType:
    """The outcome of a position; not of one that tells what another's account allowed."""
    assert leaf.outcomes is not UNSET
    line, path = line_proof(stored.outcomes, position)
    (outcome,) = decode_outcomes(line + b"\n")
    if outcome.account is not UNSET and call.faces()[outcome.account].code not in call.reach:
        return UNSET
    return OutcomeProof(
        line=line.decode(),
        index=position,
        size=leaf.count,
        path=list(map(encode_base64, path)),
        root=encode_base64(leaf.outcomes),
    )
