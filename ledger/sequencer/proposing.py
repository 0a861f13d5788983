"""Proposing: a batch that must wait for others, as the line that says so, and what waits."""

from collections.abc import Mapping
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from ledger.core.asked import AskedBatch, Caller
from ledger.core.book import Book
from ledger.core.door import resolve
from ledger.core.faults import MalformedRequest
from ledger.core.leaves import MAKERS_MAX, RESERVED_MAX, BatchProposed, Reserved
from ledger.core.proposals import Proposal
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import Workflow
from ledger.sequencer.posting import Moment, line_shapes, poster_of, whole_digest

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(AskedBatch)

Reference = tuple[str, str]  # Source and reference.


class Waiting(Struct, frozen=True):
    """A request that waits, as it is kept in memory: its bytes, and the references in it."""

    data: bytes
    references: frozenset[Reference]

    @property
    def asked(self) -> AskedBatch:
        """The request."""
        return _decoder.decode(self.data)


def waiting(data: bytes) -> Waiting:
    """A request that was kept, as it waits."""
    return Waiting(data, _references(_decoder.decode(data)))


def to_wait(asked: AskedBatch) -> Waiting:
    """A request as it is to be kept."""
    return Waiting(_encoder.encode(asked), _references(asked))


def _references(asked: AskedBatch) -> frozenset[Reference]:
    source = "" if asked.source is UNSET else asked.source
    return frozenset((source, t.reference) for t in asked.transfers if t.reference)


def propose(
    book: Book,
    asked: AskedBatch,
    caller: Caller,
    moment: Moment,
    workflow: str,
    rule: Workflow | None,
) -> BatchProposed | Refusal:
    """The line that says that a batch waits, or why it cannot be posted whoever agrees.

    Raises:
        MalformedRequest: an amount is none of its currency, or too many persons entered it.
    """
    columns = resolve(asked, book)
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
    if wanted.hold or (rule is not None and rule.hold):
        holds = _reserved(asked, columns)
    makers = sorted({t.entered_by for t in asked.transfers} - {""})
    if len(makers) > MAKERS_MAX:
        raise MalformedRequest(f"more than {MAKERS_MAX} persons", field="entered_by")
    salt = moment.chance[:16]
    accept_after = UNSET if rule is None else rule.accept_after
    return BatchProposed(
        recorded_at=moment.recorded_at,
        batch=asked.id,
        poster=poster_of(caller),
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


def _reserved(
    asked: AskedBatch, columns: tuple[list[int], list[int], list[int]]
) -> list[Reserved] | UnsetType:
    """What is kept back meanwhile, by pairs of accounts; nothing where they are too many.

    Of what is simply posted: what a transfer under terms will move, its terms say later.
    """
    sums: dict[tuple[int, int], int] = {}
    for t, d, c, amount in zip(asked.transfers, *columns, strict=True):
        if t.terms is UNSET and d and c:
            sums[d, c] = sums.get((d, c), 0) + amount
    if not 0 < len(sums) <= RESERVED_MAX:
        return UNSET
    return [
        Reserved(amount=amount, credit_account=c, debit_account=d)
        for (d, c), amount in sorted(sums.items())
    ]


def pending_alike(
    book: Book,
    asked: AskedBatch,
    line: BatchProposed,
    requests: Mapping[UUID, Waiting],
) -> Refusal | None:
    """A refusal where another proposal waits that is the same, or has a reference of it."""
    mine = to_wait(asked).references
    if mine and any(not mine.isdisjoint(one.references) for one in requests.values()):
        return Refusal(code=RefusalCode.PROPOSAL_PENDING)
    if any(_is_alike(one, asked, line) for one in book.proposals.open.values()):
        return Refusal(code=RefusalCode.PROPOSAL_PENDING)
    return None


def _is_alike(one: Proposal, asked: AskedBatch, line: BatchProposed) -> bool:
    there = one.line
    if (there.poster, there.count, there.sums) != (line.poster, line.count, line.sums):
        return False
    return whole_digest(there.salt, replace(asked, id=there.batch)) == there.digest


def is_same(one: Proposal, asked: AskedBatch, caller: Caller) -> bool:
    """Whether a batch that waits is what is asked now."""
    same = whole_digest(one.line.salt, asked) == one.line.digest
    return same and one.line.poster == poster_of(caller)
