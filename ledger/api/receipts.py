"""Receipts and refusals: what became of what was posted, as it is answered.

A receipt is a function of the batch's leaf, its index and its rows, so a repeat gets the
same one. What was posted as it stood takes the short way.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from ledger.api.answers.base import PHASES, Faces, fraction_answer, show_time
from ledger.api.answers.posting import (
    BatchReceipt,
    BesideAnswer,
    OutcomeAnswer,
    TransferReceipt,
)
from ledger.api.auth import Reach
from ledger.api.problems import Problem
from ledger.api.service import Call
from ledger.core.amounts import show_amount
from ledger.core.answered import Receipt, RefusedReceipt
from ledger.core.asked import AskedTransfer
from ledger.core.book import Posted
from ledger.core.leaves import BatchRefused
from ledger.core.model import Phase
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.terms import NO_NOTE, Note
from ledger.core.texts import sentence
from ledger.core.written import AnyBatch

# ---- receipts


def transfer_receipt(
    call: Call, receipt: Receipt, asked: AskedTransfer, *, minimal: bool
) -> TransferReceipt:
    """Where a transfer posted alone stands."""
    leaf, posted = receipt.leaf, receipt.posted
    faces = call.faces()
    debit, credit = faces[posted.debit[0]], faces[posted.credit[0]]
    reach = call.reach
    plain = TransferReceipt(
        ledger=call.ledger,
        id=leaf.batch,
        sequence=leaf.first_sequence,
        batch_number=leaf.number,
        leaf_index=receipt.leaf_index,
        recorded_at=show_time(leaf.recorded_at),
        business_date=leaf.business_date
        if asked.business_date is UNSET
        else asked.business_date,
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
    if not is_otherwise(posted):
        return plain
    return _receipt_under_terms(plain, posted, asked, _View(faces, reach, minimal))


def batch_receipt(call: Call, receipt: Receipt, *, minimal: bool = False) -> BatchReceipt:
    """Where a batch stands."""
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
    """With `minimal` only what was refused or done otherwise than asked.

    That a client needs, whatever it prefers.
    """
    if not minimal:
        return outcome_answers(posted, call, call.faces())
    outcomes = [_refused_at(call, r) for r in posted.refused]
    if is_otherwise(posted):
        view = _View(call.faces(), call.reach, minimal)
        outcomes += [
            _done_at(position, rows, posted, view)
            for position, rows in _rows(posted)
            if position in posted.notes
        ]
        outcomes.sort(key=lambda outcome: outcome.position)
    return outcomes or UNSET


def outcome_answers(posted: Posted, call: Call, faces: Faces) -> list[OutcomeAnswer]:
    """What became of every position, in order."""
    if is_otherwise(posted):
        view = _View(faces, call.reach, False)
        outcomes = [_done_at(position, rows, posted, view) for position, rows in _rows(posted)]
    else:
        outcomes = _plain_outcomes(posted, call, faces)
    if posted.refused:
        outcomes += [_refused_at(call, refusal) for refusal in posted.refused]
        outcomes.sort(key=lambda outcome: outcome.position)
    return outcomes


def _plain_outcomes(posted: Posted, call: Call, faces: Faces) -> list[OutcomeAnswer]:
    reach, first = call.reach, posted.first_sequence
    rows = zip(
        posted.positions,
        map(faces.__getitem__, posted.debit),
        map(faces.__getitem__, posted.credit),
        posted.debit_balance,
        posted.credit_balance,
        strict=True,
    )
    return [
        OutcomeAnswer(
            position=position,
            sequence=first + i,
            debit_balance=debit.balance(x) if reach.all or debit.code in reach else UNSET,
            credit_balance=credit.balance(y) if reach.all or credit.code in reach else UNSET,
        )
        for i, (position, debit, credit, x, y) in enumerate(rows)
    ]


def _refused_at(call: Call, refusal: Refusal) -> OutcomeAnswer:
    assert refusal.position is not None, "a refusal inside a batch has a position"
    facts = refusal_facts(call, refusal)
    said = sentence(refusal.code, call.language, **facts)
    return OutcomeAnswer(
        position=refusal.position, code=refusal.code.value, sentence=said, **facts
    )


# ---- what was done otherwise than it was asked


def is_otherwise(posted: Posted) -> bool:
    """Whether anything was posted otherwise than its line says, or only held or released."""
    return bool(posted.notes or posted.phases)


class _View:
    """Whose eyes look at rows: which balances they see."""

    __slots__ = ("faces", "minimal", "reach")

    def __init__(self, faces: Faces, reach: Reach, minimal: bool) -> None:
        self.faces = faces
        self.reach = reach
        self.minimal = minimal

    def balances(self, posted: Posted, row: int) -> dict[str, Any]:
        """Both balances after a row, as far as they are seen."""
        sides = (
            ("debit_balance", posted.debit, posted.debit_balance),
            ("credit_balance", posted.credit, posted.credit_balance),
        )
        seen = ((name, self.faces[x[row]], y[row]) for name, x, y in sides if not self.minimal)
        return {n: face.balance(y) for n, face, y in seen if face.code in self.reach}


def _rows(posted: Posted) -> Iterator[tuple[int, list[int]]]:
    """The rows of each position, in order; at least one."""
    for position, rows in groupby(range(len(posted.positions)), posted.positions.__getitem__):
        yield position, list(rows)


def _done_at(position: int, rows: Sequence[int], posted: Posted, view: _View) -> OutcomeAnswer:
    note = posted.notes.get(position, NO_NOTE)
    own = view.balances(posted, rows[0]) if note.amount != 0 else {}
    amount: str | UnsetType = UNSET
    if note.amount is not None:
        amount = show_amount(note.amount, view.faces[posted.debit[rows[0]]].scale)
    return OutcomeAnswer(
        position=position,
        sequence=posted.first_sequence + rows[0],
        amount=amount,
        fraction=fraction_answer(note.fraction),
        **own,
        **_otherwise(note, rows, posted, view),
    )


def _otherwise(note: Note, rows: Sequence[int], posted: Posted, view: _View) -> dict[str, Any]:
    """What outcomes and receipts say alike of how a transfer was done."""
    phase = posted.phases[rows[0]] if posted.phases else Phase.POSTED
    besides = zip(note.beside, rows[len(rows) - len(note.beside) :], strict=True)
    facts = {
        "phase": None if phase == Phase.POSTED else PHASES[phase],
        "suspense": note.suspense,
        "why": note.why,
        "business_date": note.business_date,
        "flags": list(note.flags),
        "beside": [
            BesideAnswer(
                sequence=posted.first_sequence + row,
                debit_account=(debit := view.faces[beside.debit_account]).code,
                credit_account=view.faces[beside.credit_account].code,
                amount=show_amount(beside.amount, debit.scale),
                currency=debit.currency,
                kind=beside.kind,
                **view.balances(posted, row),
            )
            for beside, row in besides
        ],
        "last_sequence": posted.first_sequence + rows[-1] if len(rows) > 1 else None,
    }
    return {name: fact for name, fact in facts.items() if fact}


def _receipt_under_terms(
    plain: TransferReceipt, posted: Posted, asked: AskedTransfer, view: _View
) -> TransferReceipt:
    note = posted.notes.get(0, NO_NOTE)
    facts = _otherwise(note, range(len(posted.positions)), posted, view)
    if note.suspense is not None:
        is_debit = note.suspense == "debit"
        facts["meant_for"] = asked.debit_account if is_debit else asked.credit_account
    if note.amount == 0:  # The first row stands beside; of its own the transfer has none.
        facts |= {
            "debit_account": asked.debit_account,
            "credit_account": asked.credit_account,
            "amount": show_amount(0, view.faces[posted.debit[0]].scale),
            "debit_balance": UNSET,
            "credit_balance": UNSET,
        }
    return replace(plain, **facts)


# ---- refusals


def refusal_facts(call: Call, refusal: Refusal) -> dict[str, Any]:
    """Account, currency and what would be accepted, as people read them.

    Nothing of an account that the caller may not read: what would be accepted is its balance.
    """
    if refusal.account is None:
        return {}
    if not is_told(call, refusal):
        return {}
    face = call.faces()[refusal.account]
    facts = {"account": face.code, "currency": face.currency}
    if refusal.available is not None:
        facts["available"] = show_amount(refusal.available, face.scale)
    return facts


def is_told(call: Call, refusal: Refusal) -> bool:
    """Whether the account of a refusal, if it has one, is one that the caller may read."""
    return refusal.account is None or call.faces()[refusal.account].code in call.reach


def refusal_of(leaf: BatchRefused) -> Refusal:
    """The refusal that a leaf records."""
    return Refusal(
        code=RefusalCode(leaf.code),
        position=None if leaf.position is UNSET else leaf.position,
        account=None if leaf.account is UNSET else leaf.account,
        available=None if leaf.available is UNSET else int(leaf.available),
    )


def refused(call: Call, batch: AnyBatch, outcome: RefusedReceipt | Refusal) -> Problem:
    """A refused batch as a problem; where it is recorded, with its place in the journal."""
    if isinstance(outcome, Refusal):
        return refusal_problem(call, outcome)
    refusal = refusal_of(outcome.leaf)
    problem = refusal_problem(call, refusal, counted=outcome.replayed)
    problem.facts["id"] = batch.id
    problem.facts["leaf_index"] = outcome.leaf_index
    problem.facts["recorded_at"] = show_time(outcome.leaf.recorded_at)
    if outcome.replayed:
        problem.headers = {"Idempotent-Replayed": "true"}
    return problem


def refusal_problem(call: Call, refusal: Refusal, *, counted: bool = False) -> Problem:
    """A refusal as a problem. It is counted, unless it was before."""
    if not counted:
        call.service.metrics.refusal(refusal.code)
    facts = refusal_facts(call, refusal)
    if refusal.position is not None:
        facts["position"] = refusal.position
    return Problem(refusal.code, **facts)
