"""Follow-ups: what is done about transfers recorded before, in a word.

    post or void a hold; take back a transfer, or a whole batch; clear what is in suspense

Each is a transfer, or a batch, that could be sent with `terms` as well: the accounts and,
where none is given, the amount are filled in from what was recorded. The amount is what is
left of it; under an id that was used before the one it was used for, so that the same request
with the same id is the same transfer, however often it is sent.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple, TypeVar

from aiohttp import web
from msgspec import UNSET, UnsetType

from ledger.api.batches import find_batch
from ledger.api.posting import answer_batch, answer_transfer
from ledger.api.problems import Problem
from ledger.api.queries import PostQuery
from ledger.api.receipts import refused
from ledger.api.service import Call
from ledger.api.transfers import Told, find_transfer
from ledger.api.wire import (
    ClearRequest,
    FollowUp,
    PostHoldRequest,
    ReverseBatchRequest,
    ReverseRequest,
    TakenFrom,
    VoidRequest,
    idempotency_id,
)
from ledger.core.amounts import show_amount
from ledger.core.answered import RefusedReceipt
from ledger.core.asked import AskedBatch, AskedTerms, AskedTransfer
from ledger.core.book import Posted
from ledger.core.leaves import BatchRefused
from ledger.core.lines import Transfer
from ledger.core.model import BATCH_MAX, Action, Mode, Phase, Side
from ledger.core.refusals import RefusalCode
from ledger.core.store import StoredBatch
from ledger.journal.batches import read_body as read_batch_body
from ledger.journal.batches import read_posted
from ledger.journal.canonical import decode_leaf
from ledger.journal.past import tell

REVERSAL: Final = "reversal"  # The kind of what is taken back, where no other is given.

F = TypeVar("F", bound=FollowUp)


async def post_hold(call: Call) -> web.Response:
    """Post a hold, or a part of it. With release, what remains is given back."""
    asked = await call.asked(PostHoldRequest)
    told = await find_transfer(call)
    terms = AskedTerms(action=Action.POST, target=told.row.sequence, release=asked.release)
    amount = await _amount(call, told, asked, asked.amount)
    return await _send(call, asked, _about(call, told, asked, terms, amount=amount))


async def void_hold(call: Call) -> web.Response:
    """Give back all that a hold still keeps."""
    asked = await call.asked(VoidRequest)
    told = await find_transfer(call)
    terms = AskedTerms(action=Action.VOID, target=told.row.sequence)
    return await _send(call, asked, _about(call, told, asked, terms))


async def reverse_transfer(call: Call) -> web.Response:
    """Take back a posted transfer, or a part of it. A poster needs both its accounts."""
    asked = await call.asked(ReverseRequest)
    told = await find_transfer(call)
    terms = AskedTerms(
        action=Action.REVERSE,
        target=told.row.sequence,
        up_to=asked.up_to,
        rest=asked.rest,
    )
    sides, amount = _sides(call, told), await _amount(call, told, asked, asked.amount)
    back = _about(call, told, asked, terms, Sides(sides.credit, sides.debit), amount, REVERSAL)
    return await _send(call, asked, back)


async def clear_suspense(call: Call) -> web.Response:
    """Move what was posted to a suspense account where it belongs."""
    asked = await call.asked(ClearRequest)
    told = await find_transfer(call)
    stood_in = UNSET if told.outcome is None else told.outcome.suspense
    if stood_in is UNSET or told.beside is not None:
        raise Problem(RefusalCode.TARGET_NOT_IN_SUSPENSE)
    given = asked.debit_account if stood_in == "credit" else asked.credit_account
    if given is not UNSET:
        raise Problem(
            "malformed_request",
            field="debit_account" if stood_in == "credit" else "credit_account",
            reason="the suspense account is on this side",
        )
    faces, sides = call.faces(), _sides(call, told)
    if stood_in == "credit":
        owner = asked.credit_account or faces[told.line.credit_account].code
        sides = Sides(sides.credit, owner)
    else:
        owner = asked.debit_account or faces[told.line.debit_account].code
        sides = Sides(owner, sides.debit)
    terms = AskedTerms(action=Action.CLEAR, target=told.row.sequence)
    amount = await _amount(call, told, asked, asked.amount)
    return await _send(call, asked, _about(call, told, asked, terms, sides, amount))


# ---- of one transfer


class Sides(NamedTuple):
    """Codes of the accounts that are debited and credited."""

    debit: str
    credit: str


def _sides(call: Call, told: Told) -> Sides:
    faces = call.faces()
    return Sides(faces[told.row.debit_account].code, faces[told.row.credit_account].code)


def _about(
    call: Call,
    told: Told,
    asked: FollowUp,
    terms: AskedTerms,
    sides: Sides | None = None,
    amount: str | UnsetType = UNSET,
    kind: str = "",
) -> AskedTransfer:
    """A transfer about a recorded one, with what is not given taken from that."""
    face = call.faces()[told.row.debit_account]
    return _written(
        asked,
        terms,
        sides or _sides(call, told),
        show_amount(told.row.amount, face.scale) if amount is UNSET else amount,
        face.currency,
        kind or told.kind,
    )


async def _amount(call: Call, told: Told, asked: FollowUp, amount: str | UnsetType) -> str:
    """The amount that is given; or that of the same request before; or what is left."""
    if amount is not UNSET:
        return amount
    sent_id = idempotency_id(call.request, asked.id, call.caller.poster)
    left = await _left(call, told)  # First: what comes meanwhile is then found below.
    waits = await call.desk.proposal(call.ledger, sent_id)
    if waits is not None:
        return waits.asked.transfers[0].amount
    stored = await call.reads.batch(await call.service.ledger_id(call.ledger), sent_id)
    if stored is not None:
        leaf = decode_leaf(stored.line)
        if isinstance(leaf, BatchRefused) and leaf.poster == call.caller.posts_as:
            no = RefusedReceipt(leaf_index=stored.leaf_index, leaf=leaf, replayed=True)
            raise refused(call, AskedBatch(id=sent_id, transfers=[]), no)
        if stored.body:
            left = read_batch_body(stored.body)[1][0].amount
    return show_amount(left, call.faces()[told.row.debit_account].scale)


async def _left(call: Call, told: Told) -> int:
    """What nobody posted, took back or cleared yet, in minor units; all, where that is nothing.

    More than is left is refused, with the reason.
    """
    row = told.row
    hold = await call.desk.read(call.ledger, lambda book: book.holds.open.get(row.sequence))
    if hold is not None:
        return hold.left
    ledger_id = await call.service.ledger_id(call.ledger)
    links = (await call.reads.links(ledger_id, [row.sequence])).get(row.sequence, ())
    taken = sum(link.amount for link in links if link.target == row.sequence)
    return row.amount - taken or row.amount


def _written(
    asked: FollowUp, terms: AskedTerms, sides: Sides, amount: str, currency: str, kind: str
) -> AskedTransfer:
    return AskedTransfer(
        debit_account=sides.debit,
        credit_account=sides.credit,
        amount=amount,
        currency=currency,
        kind=kind if asked.kind is UNSET else asked.kind,
        reference=asked.reference,
        description=asked.description,
        business_date=asked.business_date,
        value_date=asked.value_date,
        entered_by=asked.entered_by,
        approved_by=asked.approved_by,
        terms=terms,
    )


async def _send(call: Call, asked: FollowUp, transfer: AskedTransfer) -> web.Response:
    sent_id = idempotency_id(call.request, asked.id, call.caller.poster)
    batch = AskedBatch(id=sent_id, transfers=[transfer])
    return await answer_transfer(call, batch, call.query(PostQuery))


# ---- of a whole batch


async def reverse_batch(call: Call) -> web.Response:
    """Take back all that a batch posted, as one batch, the last transfer first."""
    asked = await call.asked(ReverseBatchRequest)
    stored, leaf = await find_batch(call)
    if isinstance(leaf, BatchRefused):
        raise Problem(RefusalCode.TARGET_NOT_REVERSIBLE)
    _, lines = read_batch_body(stored.body)
    posted = read_posted(stored)
    alone = _alone(stored, posted)
    rows = [row for row in _last_first(posted, _groups(lines)) if row.sequence in alone]
    if not rows:
        raise Problem(RefusalCode.TARGET_NOT_REVERSIBLE)
    if len(rows) > BATCH_MAX:
        reason = f"{len(rows)} rows; {BATCH_MAX} are taken back at once"
        raise Problem("malformed_request", field="id", reason=reason)
    sent_id = idempotency_id(call.request, asked.id, call.caller.poster)
    batch = AskedBatch(
        id=sent_id,
        mode=Mode.ATOMIC if asked.mode is UNSET else asked.mode,
        transfers=list(_taken_back(call, asked, rows)),
    )
    return await answer_batch(call, batch, call.query(PostQuery))


class Row(NamedTuple):
    """A posted row of a batch. What stood or fell together has one group."""

    sequence: int
    debit: int
    credit: int
    amount: int
    group: int


def _groups(lines: Sequence[Transfer]) -> list[int]:
    """For each position, which of its neighbours it stood or fell with."""
    groups: list[int] = []
    before: int | UnsetType = UNSET
    for position, line in enumerate(lines):
        entry = UNSET if line.terms is UNSET else line.terms.entry
        is_same = entry is not UNSET and entry == before
        groups.append(groups[-1] if is_same else position)
        before = entry
    return groups


def _alone(stored: StoredBatch, posted: Posted) -> set[int]:
    """The rows of a batch but for those that go back with another, such as levies."""
    first = posted.first_sequence
    all_of_it = range(first, first + len(posted.amount))
    told = tell(stored.body, stored.outcomes, first, all_of_it)
    return {sequence for sequence, one in told.items() if not one.is_beside}


def _last_first(posted: Posted, groups: Sequence[int]) -> list[Row]:
    """What a batch moved, the last first: who passed it on gets it back before paying."""
    rows = [
        Row(sequence, debit, credit, amount, groups[position])
        for sequence, (position, debit, credit, amount) in enumerate(
            zip(posted.positions, posted.debit, posted.credit, posted.amount, strict=True),
            posted.first_sequence,
        )
        if not posted.phases or Phase(posted.phases[sequence - posted.first_sequence]).moves
    ]
    return rows[::-1]


def _taken_back(
    call: Call, asked: ReverseBatchRequest, rows: Sequence[Row]
) -> Iterator[AskedTransfer]:
    """A reversal of each row; what stood or fell together does so again."""
    faces, spent = call.faces(), asked.when_spent
    for number, (_, together) in enumerate(groupby(rows, lambda row: row.group), 1):
        group = list(together)
        for row in group:
            debit, credit = faces[row.credit], faces[row.debit]
            terms = AskedTerms(
                action=Action.REVERSE,
                target=row.sequence,
                entry=number if len(group) > 1 else UNSET,
                up_to=UNSET if spent in (UNSET, "refuse") else Side.DEBIT,
                rest=spent.rest if isinstance(spent, TakenFrom) else UNSET,
            )
            yield _written(
                asked,
                terms,
                Sides(debit.code, credit.code),
                show_amount(row.amount, debit.scale),
                debit.currency,
                REVERSAL,
            )
