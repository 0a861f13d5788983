"""Proposals as they are answered: what waits, for whom, and until when."""

from collections.abc import Mapping
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from ledger.api.answers.base import Answer, show_time
from ledger.api.answers.posting import BatchReceipt, RefusedBatch
from ledger.api.service import Call
from ledger.core.amounts import show_amount
from ledger.core.answered import ProposalReceipt, ProposalView
from ledger.core.asked import AskedBatch, AskedTransfer
from ledger.core.leaves import BatchProposed
from ledger.core.model import PayingParty
from ledger.core.state_lines import Approval
from ledger.journal.notes import encode_base64


class ProposalAnswer(Answer, frozen=True, kw_only=True):
    """A batch that waits. Nothing of it is posted; its id is its batch's.

    `approvals` must still approve, besides those in `approved_by`; `accepts` is the party that
    must still accept. `held` says whether the amounts are kept back meanwhile.
    """

    ledger: str
    id: UUID
    leaf_index: int
    recorded_at: str
    poster: str
    key: str
    count: int
    sums: dict[str, str]
    expires: str
    held: bool
    digest: str  # SHA-256 over salt and request, as in the journal's line.
    approvals: int = 0
    approved_by: list[str]
    workflow: str | UnsetType = UNSET
    accepts: PayingParty | UnsetType = UNSET
    accept_at: str | UnsetType = UNSET
    mode: str | UnsetType = UNSET
    transfers: list[AskedTransfer] | UnsetType = UNSET


class ProposalsPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Open proposals, the oldest first."""

    proposals: list[ProposalAnswer]
    next: int | UnsetType = UNSET


class ProposalPosted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch that waits for others, and beside it the newest signed checkpoint."""

    proposal: ProposalAnswer
    checkpoint: str | UnsetType = UNSET
    log_proof: str | UnsetType = UNSET


class DecisionAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a proposal: its batch's receipt or end, or that it still waits."""

    receipt: BatchReceipt | UnsetType = UNSET
    refused: RefusedBatch | UnsetType = UNSET
    proposal: ProposalAnswer | UnsetType = UNSET
    checkpoint: str | UnsetType = UNSET


def proposal_receipt(call: Call, receipt: ProposalReceipt) -> ProposalAnswer:
    """A proposal as it was when it was recorded: the same however often it is asked."""
    return _answer(call, receipt.leaf_index, receipt.leaf)


def proposal_answer(call: Call, view: ProposalView, *, in_full: bool) -> ProposalAnswer:
    """An open proposal as it is now, with its transfers where all of it is asked for."""
    one = view.proposal
    return _answer(
        call,
        one.index,
        one.line,
        approved=one.approved,
        is_accepted=one.is_accepted,
        asked=view.asked if in_full else None,
    )


def _answer(
    call: Call,
    index: int,
    line: BatchProposed,
    *,
    approved: tuple[Approval, ...] = (),
    is_accepted: bool = False,
    asked: AskedBatch | None = None,
) -> ProposalAnswer:
    scales = call.desk.facts(call.ledger).scales
    return ProposalAnswer(
        ledger=call.ledger,
        id=line.batch,
        leaf_index=index,
        recorded_at=show_time(line.recorded_at),
        poster=line.poster,
        key=line.key,
        count=line.count,
        sums=_shown(line.sums, scales),
        expires=show_time(line.expires),
        held=line.holds is not UNSET,
        digest=encode_base64(line.digest),
        approvals=line.approvals - len(approved),
        approved_by=[one.user or one.by for one in approved],
        workflow=line.workflow,
        accepts=UNSET if is_accepted else line.accepts,
        accept_at=UNSET if line.accept_at is UNSET else show_time(line.accept_at),
        mode=UNSET if asked is None else asked.mode.value,
        transfers=UNSET if asked is None else asked.transfers,
    )


def _shown(sums: Mapping[str, str], scales: Mapping[str, int]) -> dict[str, str]:
    return {code: show_amount(int(total), scales[code]) for code, total in sums.items()}
