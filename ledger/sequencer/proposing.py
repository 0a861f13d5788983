"""Proposing: a batch that must wait for others, as the line that says so, and what waits."""

from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from ledger.core.amounts import AMOUNT_MAX
from ledger.core.answered import Receipt, RefusedReceipt, WouldWait
from ledger.core.asked import AskedBatch, Caller
from ledger.core.book import Book, Posted
from ledger.core.faults import MalformedRequest
from ledger.core.leaves import MAKERS_MAX, RESERVED_MAX, BatchProposed, Reserved
from ledger.core.proposals import Proposal
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import Workflow
from ledger.core.undo import Undo
from ledger.core.written import AnyBatch, WrittenBatch
from ledger.journal.batches import read_written
from ledger.sequencer.posting import (
    Moment,
    Reference,
    columns_of,
    line_shapes,
    references_of,
    same_refused,
    whole_digest,
)

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(AskedBatch)
_AS_LINES = b'{"data":'  # Begins a batch that came as lines; no other request has the field.


class _Lines(Struct, frozen=True, omit_defaults=True):
    """A batch that came as lines, as it is kept while it waits."""

    data: bytes
    note: str | UnsetType = UNSET
    signer: bytes | UnsetType = UNSET


_lines_decoder = msgspec.json.Decoder(_Lines)


# Why a batch may not wait that may be otherwise in a while. It is answered, and never written.
PASSING: Final = frozenset({RefusalCode.PROPOSAL_PENDING, RefusalCode.PROPOSALS_FULL})


class Waiting(Struct, frozen=True):
    """A request that waits, as it is kept in memory: its bytes, and the references in it."""

    data: bytes
    references: frozenset[Reference]

    @property
    def asked(self) -> AnyBatch:
        """The request."""
        return _read(self.data)


class Ended(Struct, frozen=True):
    """A proposal that was decided, and the receipt of its batch."""

    proposal: Proposal
    receipt: Receipt | RefusedReceipt

    def is_of(self, asked: AnyBatch, caller: Caller) -> bool:
        """Whether its batch is what is asked now."""
        if isinstance(self.receipt, RefusedReceipt):
            return same_refused(self.receipt.leaf, asked, caller)
        return is_same(self.proposal, asked, caller)


def waiting(data: bytes) -> Waiting:
    """A request that was kept, as it waits."""
    asked = _read(data)
    return Waiting(data, references_of(asked.source, asked.transfers))


def _read(data: bytes) -> AnyBatch:
    if not data.startswith(_AS_LINES):
        return _decoder.decode(data)
    lines = _lines_decoder.decode(data)
    return read_written(lines.data, note=lines.note, signer=lines.signer)


def to_wait(asked: AnyBatch) -> Waiting:
    """A request as it is to be kept."""
    kept: AskedBatch | _Lines
    if isinstance(asked, WrittenBatch):
        kept = _Lines(data=asked.data, note=asked.note, signer=asked.signer)
    else:
        kept = asked
    return Waiting(_encoder.encode(kept), references_of(asked.source, asked.transfers))


def propose(
    book: Book,
    asked: AnyBatch,
    caller: Caller,
    moment: Moment,
    workflow: str,
    rule: Workflow | None,
) -> BatchProposed | Refusal:
    """The line that says that a batch waits, or why it cannot be posted whoever agrees.

    Raises:
        MalformedRequest: an amount is none of its currency, or too many persons entered it.
    """
    columns = columns_of(asked, book)
    if isinstance(columns, Refusal):
        return columns
    debit, credit, _ = columns
    refusal = next(filter(None, map(book.why_never, range(len(debit)), debit, credit)), None)
    if rule is not None and refusal is not None:
        return refusal
    lines = line_shapes(asked, columns, book)
    wanted = book.policies.wanted(lines, debit, credit, caller.key)
    accepts = UNSET if rule is None else rule.accepts
    seconds = wanted.expires_after
    if rule is not None:
        seconds = min(seconds, rule.expires_after)
    holds: list[Reserved] | UnsetType = UNSET
    # What somebody else started keeps nothing back of a payer who did not accept it yet.
    if accepts != "payer" and (wanted.hold or (rule is not None and rule.hold)):
        holds = _reserved(book, asked, columns)
    makers = sorted({t.entered_by for t in asked.transfers} - {""})
    if len(makers) > MAKERS_MAX:
        raise MalformedRequest(f"more than {MAKERS_MAX} persons", field="entered_by")
    salt = moment.chance[:16]
    accept_after = UNSET if rule is None else rule.accept_after
    return BatchProposed(
        recorded_at=moment.recorded_at,
        batch=asked.id,
        poster=caller.posts_as,
        key=caller.key,
        count=len(lines),
        sums=book.sums(lines, debit, credit),
        expires=moment.recorded_at + seconds * 1_000_000,
        digest=whole_digest(salt, asked),
        salt=salt,
        made_by=makers or UNSET,
        approvals=wanted.approvals,
        workflow=workflow or UNSET,
        payer=debit[0] if rule is not None else UNSET,
        payee=credit[0] if rule is not None else UNSET,
        accepts=accepts,
        accept_at=UNSET
        if accept_after is UNSET
        else moment.recorded_at + accept_after * 1_000_000,
        holds=holds,
    )


def look_ahead(
    book: Book,
    asked: AnyBatch,
    caller: Caller,
    moment: Moment,
    workflow: str,
    look: Callable[[bool], Posted | Refusal],
    requests: Mapping[UUID, Waiting],
) -> Posted | Refusal | WouldWait:
    """What posting would do now, or starting a payment; the book stays as it is.

    Args:
        look: previews the batch; with True though somebody must agree to it first.

    Raises:
        MalformedRequest: as `propose`.
    """
    rule = book.workflows.get(workflow) if workflow else None
    if workflow and rule is None:
        return Refusal(code=RefusalCode.WORKFLOW_NOT_FOUND)
    if rule is None or rule.accepts is UNSET:
        outcome = look(False)
        if not isinstance(outcome, Refusal) or outcome.code != RefusalCode.APPROVAL_NEEDED:
            return outcome
    line = propose(book, asked, caller, moment, workflow, rule)
    if isinstance(line, Refusal):
        return line
    mine = references_of(asked.source, asked.transfers)
    refusal = pending_alike(book, asked, line, mine, requests) or book.refuse(line)
    if refusal is not None:
        return refusal
    if not line.approvals and book.proposals.is_whitelisted(line):
        return look(False)
    undo = Undo()
    if line.accepts is not UNSET:
        book.unbind(undo, (line.payer if line.accepts == "payer" else line.payee) or 0)
    outcome = look(True)
    undo.back_to(0)
    return WouldWait(line=line, outcome=outcome)


def _reserved(
    book: Book, asked: AnyBatch, columns: tuple[list[int], list[int], list[int]]
) -> list[Reserved] | UnsetType:
    """What is kept back meanwhile, by pairs of accounts; nothing where they are too many.

    A pair whose sum is more than an amount can be stands there more than once.

    Of what is simply posted: what a transfer under terms will move, its terms say later. Of a
    transfer that can never be, nothing; in an `each` batch it is refused alone.
    """
    sums: dict[tuple[int, int], int] = {}
    terms = [t.terms for t in asked.transfers]
    for under, d, c, amount in zip(terms, *columns, strict=True):
        if under is UNSET and book.why_never(0, d, c) is None:
            sums[d, c] = sums.get((d, c), 0) + amount
    kept = [
        Reserved(amount=min(AMOUNT_MAX, total - at), credit_account=c, debit_account=d)
        for (d, c), total in sorted(sums.items())
        for at in range(0, total, AMOUNT_MAX)
    ]
    return kept if 0 < len(kept) <= RESERVED_MAX else UNSET


def pending_alike(
    book: Book,
    asked: AnyBatch,
    line: BatchProposed,
    mine: frozenset[Reference],
    requests: Mapping[UUID, Waiting],
) -> Refusal | None:
    """A refusal where another proposal waits that is the same, or has one of its references."""
    if mine and any(not mine.isdisjoint(one.references) for one in requests.values()):
        return Refusal(code=RefusalCode.PROPOSAL_PENDING)
    if any(_is_alike(one, asked, line) for one in book.proposals.open.values()):
        return Refusal(code=RefusalCode.PROPOSAL_PENDING)
    return None


def _is_alike(one: Proposal, asked: AnyBatch, line: BatchProposed) -> bool:
    there = one.line
    if (there.poster, there.count, there.sums) != (line.poster, line.count, line.sums):
        return False
    if isinstance(asked, WrittenBatch):
        return False  # It has salts of its own: two that are alike are not the same bytes.
    return whole_digest(there.salt, replace(asked, id=there.batch)) == there.digest


def is_same(one: Proposal, asked: AnyBatch, caller: Caller) -> bool:
    """Whether a batch that waits is what is asked now."""
    same = whole_digest(one.line.salt, asked) == one.line.digest
    return same and one.line.poster == caller.posts_as
