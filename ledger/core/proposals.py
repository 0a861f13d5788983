"""Proposals: batches that wait until others agree, and what each of them still needs.

    proposed -> decided, as often as needed -> the batch's own leaf, posted or refused

A proposal ends in exactly one leaf of its batch, which follows its last decision at once.
What it reserves counts against bounds like a hold, and is given back when it ends.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import replace

from ledger.core.asked import Caller
from ledger.core.faults import JournalBroken
from ledger.core.leaves import (
    AnyLeaf,
    BatchPosted,
    BatchProposed,
    BatchRefused,
    ProposalDecided,
    Reserved,
)
from ledger.core.lines import Transfer
from ledger.core.model import BATCH_MAX
from ledger.core.moments import Moments
from ledger.core.parts import Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.schedules import PASSING, SCHEDULER
from ledger.core.state_lines import AnyState, Approval, StateProposal
from ledger.core.undo import Undo

if TYPE_CHECKING:
    from ledger.core.state import State

OPEN_MAX: Final = 10_000  # Proposals that may wait in one ledger,
OPEN_TRANSFERS_MAX: Final = 16 * BATCH_MAX  # and transfers of all of them.

# What the batch of a proposal that comes to nothing is refused with.
ENDED: Final = {
    "declined": RefusalCode.PROPOSAL_DECLINED,
    "cancelled": RefusalCode.PROPOSAL_CANCELLED,
    "expired": RefusalCode.PROPOSAL_EXPIRED,
}

# Why a batch cannot be posted that may be otherwise while people wait: its proposal goes on.
LATER: Final = PASSING | {
    RefusalCode.NO_DAY_OPEN,
    RefusalCode.BUSINESS_DATE_NOT_OPEN,
    RefusalCode.DEBIT_ACCOUNT_FROZEN,
    RefusalCode.CREDIT_ACCOUNT_FROZEN,
    RefusalCode.EXCEEDS_RESERVE,
}

_CLOSED: Final = (RefusalCode.DEBIT_ACCOUNT_CLOSED, RefusalCode.CREDIT_ACCOUNT_CLOSED)


class Proposal(Struct, frozen=True, kw_only=True):
    """A batch that waits: its line, the index of that, and what was said of it so far."""

    index: int
    line: BatchProposed
    approved: tuple[Approval, ...] = ()
    is_accepted: bool = False

    @property
    def approvals_left(self) -> int:
        """How many must still approve."""
        return self.line.approvals - len(self.approved)

    @property
    def waits_for_acceptance(self) -> bool:
        """Whether a party of the payment must still accept."""
        return self.line.accepts is not UNSET and not self.is_accepted

    @property
    def is_agreed(self) -> bool:
        """Whether nothing more is needed."""
        return self.approvals_left <= 0 and not self.waits_for_acceptance

    @property
    def due(self) -> int:
        """When time next asks something of it."""
        if self.waits_for_acceptance and self.line.accept_at is not UNSET:
            return min(self.line.expires, self.line.accept_at)
        return self.line.expires

    def is_of(
        self,
        transfers: Sequence[Transfer],
        debit: Sequence[int],
        credit: Sequence[int],
        *,
        sums: Mapping[str, str],
    ) -> bool:
        """Whether these transfers are as many, as much and between whom the line says."""
        line = self.line
        is_between = line.workflow is UNSET or (debit[0], credit[0]) == (line.payer, line.payee)
        return len(transfers) == line.count and sums == line.sums and is_between

    def after(self, line: ProposalDecided) -> "Proposal":
        """The same, once this was said of it."""
        if line.decision == "approved":
            assert line.by is not UNSET
            return replace(
                self, approved=(*self.approved, Approval(by=line.by, user=line.user))
            )
        return replace(self, is_accepted=self.is_accepted or line.decision == "accepted")

    def is_acceptable(self, now: int) -> bool:
        """Whether it is accepted by itself by now."""
        at = self.line.accept_at
        return self.waits_for_acceptance and at is not UNSET and at <= now < self.line.expires


def is_made_by(line: BatchProposed, caller: Caller) -> bool:
    """Whether a caller made a proposal, or set the schedule whose attempt it is."""
    if line.key == SCHEDULER:
        return line.made_by == [caller.key]
    return line.poster == caller.posts_as


class Ending(Struct, frozen=True):
    """A proposal that was decided, whose batch's leaf comes next."""

    proposal: Proposal
    refused: RefusalCode | None  # None: the batch may be posted.


class Proposals(Part):
    """The open proposals of a ledger, by the ids of their batches."""

    takes = (BatchProposed, ProposalDecided)
    keeps = (StateProposal,)

    def __init__(self, state: "State") -> None:
        self.open: dict[UUID, Proposal] = {}
        self.transfers = 0  # Of all of them.
        self.ending: Ending | None = None
        self.dues = Moments[tuple[int, UUID]](self._is_due_at, lambda: len(self.open))
        self._state = state

    # ---- what follows from what

    def check_next(self, line: AnyLeaf) -> None:
        """Let a batch's leaf end its proposal, and nothing else stand in its place.

        Raises:
            JournalBroken: this leaf cannot come next.
        """
        place = f"leaf {self._state.size}"
        is_batch = isinstance(line, BatchPosted | BatchRefused)
        ending = self.ending
        if ending is None:
            if is_batch and line.batch in self.open:  # type: ignore[union-attr]
                raise JournalBroken(place, "a batch whose proposal is open")
            if is_batch and line.proposed is not UNSET:  # type: ignore[union-attr]
                raise JournalBroken(place, "a batch that names no proposal of its own")
            return
        if not is_batch or line.batch != ending.proposal.line.batch:  # type: ignore[union-attr]
            raise JournalBroken(place, "not the batch of the proposal that was decided")
        if line.proposed != ending.proposal.index:  # type: ignore[union-attr]
            raise JournalBroken(place, "a batch that does not name the proposal it ends")
        if isinstance(line, BatchPosted):
            if ending.refused is not None:
                raise JournalBroken(place, "posted, though its proposal came to nothing")
            if (line.poster, line.key) != (
                ending.proposal.line.poster,
                ending.proposal.line.key,
            ):
                raise JournalBroken(place, "another poster than its proposal's")
        elif ending.refused is not None and line.code != ending.refused:  # type: ignore[union-attr]
            raise JournalBroken(place, "refused otherwise than its proposal ended")
        self.ending = None

    def agreed(self, batch: str) -> Proposal | None:
        """The proposal of a batch that all agreed to, while its leaf is the next."""
        ending = self.ending
        if ending is None or ending.refused is not None:
            return None
        return ending.proposal if str(ending.proposal.line.batch) == batch else None

    def is_whitelisted(self, line: BatchProposed) -> bool:
        """Whether the party that would accept accepts at once what the other starts."""
        if line.accepts is UNSET:
            return False
        sides = (
            (line.payer, line.payee) if line.accepts == "payer" else (line.payee, line.payer)
        )
        return sides in self._state.workflows.whitelist

    # ---- as time asks

    def due(self) -> int | None:
        """When the first one expires or is accepted by itself; None without any."""
        first = self.dues.first()
        return None if first is None else first[0]

    def _is_due_at(self, moment: int, what: tuple[int, UUID]) -> bool:
        proposal = self.open.get(what[1])
        return proposal is not None and proposal.due == moment

    def due_line(self, now: int) -> AnyLeaf | None:
        """The line that says that the first one's time is up."""
        due = [(p.line.expires, p.index, b) for b, p in self.open.items() if p.due <= now]
        over = [each for each in due if each[0] <= now]
        if not over:
            return None
        return ProposalDecided(recorded_at=now, batch=min(over)[2], decision="expired")

    def acceptable(self, now: int) -> list[UUID]:
        """Those that are accepted by themselves by now, the oldest first."""
        return [b for b, p in self.open.items() if p.is_acceptable(now)]

    # ---- as the journal says

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why a batch may not wait, or nobody may say this of a proposal."""
        match line:
            case BatchProposed():
                return self._refuse_proposed(line)
            case ProposalDecided():
                proposal = self.open.get(line.batch)
                if proposal is None:
                    return Refusal(code=RefusalCode.PROPOSAL_NOT_OPEN)
                return self._refuse_decided(line, proposal)
        return None

    def _refuse_proposed(self, line: BatchProposed) -> Refusal | None:
        named = [n for one in line.holds or () for n in (one.debit_account, one.credit_account)]
        if max(line.payer or 0, line.payee or 0, *named) > self._state.accounts:
            return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
        if line.workflow is not UNSET:
            rule = self._state.workflows.get(line.workflow)
            if rule is None:
                return Refusal(code=RefusalCode.WORKFLOW_NOT_FOUND)
            is_payment = UNSET not in (line.payer, line.payee)
            if rule.accepts != line.accepts or line.count != 1 or not is_payment:
                return Refusal(code=RefusalCode.WORKFLOW_NOT_POSSIBLE)
        needs_nothing = line.approvals == 0 and line.accepts is UNSET
        if needs_nothing or (line.workflow is UNSET and line.accepts is not UNSET):
            return Refusal(code=RefusalCode.DECISION_NOT_NEEDED)
        if line.batch in self.open:
            return Refusal(code=RefusalCode.PROPOSAL_PENDING)
        if len(self.open) >= OPEN_MAX or self.transfers + line.count > OPEN_TRANSFERS_MAX:
            return Refusal(code=RefusalCode.PROPOSALS_FULL)
        if line.expires <= line.recorded_at:
            return Refusal(code=RefusalCode.PROPOSAL_EXPIRED)
        refusal = self._refuse_sides(line) or self._refuse_holds(line)
        return None if refusal is None else replace(refusal, position=None)

    def _refuse_sides(self, line: BatchProposed) -> Refusal | None:
        """Why nothing could ever be kept back between two accounts, or a party is closed."""
        for one in line.holds or ():
            never = self._state.why_never(0, one.debit_account, one.credit_account)
            if never is not None:
                return never
        shut = self._state.why_shut(0, line.payer or 0, line.payee or 0)
        # A freeze may be lifted until it is decided.
        return shut if shut is not None and shut.code in _CLOSED else None

    def _refuse_holds(self, line: BatchProposed) -> Refusal | None:
        """Why the amounts cannot be kept back as the accounts stand."""
        undo, refusal = Undo(), None
        for one in line.holds or ():
            d, c = one.debit_account, one.credit_account
            refusal = self._state.why_not(0, d, c, one.amount)
            if refusal is not None:
                break
            self._reserve(undo, one, 1)
        undo.back_to(0)
        return refusal

    def _refuse_decided(self, line: ProposalDecided, proposal: Proposal) -> Refusal | None:
        is_over = proposal.line.expires <= line.recorded_at
        if line.decision == "expired":
            is_meant = is_over and line.by is UNSET
            return None if is_meant else Refusal(code=RefusalCode.PROPOSAL_NOT_DUE)
        if is_over:
            return Refusal(code=RefusalCode.PROPOSAL_NOT_OPEN)
        if line.decision == "approved":
            return self._refuse_approval(line, proposal)
        if line.decision == "accepted":
            return self._refuse_acceptance(line, proposal)
        return Refusal(code=RefusalCode.DECISION_NOT_NEEDED) if line.by is UNSET else None

    def _refuse_approval(self, line: ProposalDecided, proposal: Proposal) -> Refusal | None:
        if line.by is UNSET or proposal.approvals_left <= 0:
            return Refusal(code=RefusalCode.DECISION_NOT_NEEDED)
        makers = {proposal.line.key, *(proposal.line.made_by or ())}
        if line.by in makers or (line.user is not UNSET and line.user in makers):
            return Refusal(code=RefusalCode.APPROVER_IS_MAKER)
        before = {name for one in proposal.approved for name in (one.by, one.user or one.by)}
        if line.by in before or (line.user is not UNSET and line.user in before):
            return Refusal(code=RefusalCode.APPROVED_ALREADY)
        return None

    def _refuse_acceptance(self, line: ProposalDecided, proposal: Proposal) -> Refusal | None:
        if not proposal.waits_for_acceptance:
            return Refusal(code=RefusalCode.DECISION_NOT_NEEDED)
        if line.by is UNSET and not (
            proposal.is_acceptable(line.recorded_at) or self.is_whitelisted(proposal.line)
        ):
            return Refusal(code=RefusalCode.PROPOSAL_NOT_DUE)
        return None

    def needs(self, account: int) -> RefusalCode | None:
        """Payments that wait must be decided."""
        is_one = any(account in (p.line.payer, p.line.payee) for p in self.open.values())
        return RefusalCode.ACCOUNT_HAS_PROPOSALS if is_one else None

    def apply(self, line: AnyLeaf) -> None:
        """Take a proposal, or what was said of one."""
        match line:
            case BatchProposed():
                self._keep(Proposal(index=self._state.size, line=line))
            case ProposalDecided():
                self._decide(line, self.open[line.batch])
        self.dues.tidy()

    def _keep(self, proposal: Proposal) -> None:
        line = proposal.line
        self.open[line.batch] = proposal
        self.transfers += line.count
        self.dues.put(proposal.due, (proposal.index, line.batch))
        undo = Undo()
        for one in line.holds or ():
            self._reserve(undo, one, 1)

    def _decide(self, line: ProposalDecided, before: Proposal) -> None:
        after = before.after(line)
        if line.decision not in ENDED and not after.is_agreed:
            self.open[line.batch] = after
            self.dues.put(after.due, (after.index, line.batch))
            return
        del self.open[line.batch]
        self.transfers -= before.line.count
        undo = Undo()
        for held in before.line.holds or ():
            self._reserve(undo, held, -1)
        self.ending = Ending(after, ENDED.get(line.decision))

    def would_agree(self, line: ProposalDecided) -> bool:
        """Whether nothing more is needed once this is said, which may be."""
        return line.decision not in ENDED and self.open[line.batch].after(line).is_agreed

    def free(self, undo: Undo, batch: UUID) -> None:
        """Give back what a proposal keeps back, while it is tried what its batch would do."""
        proposal = self.open.get(batch)
        for one in () if proposal is None else proposal.line.holds or ():
            self._reserve(undo, one, -1)

    def _reserve(self, undo: Undo, one: Reserved, sign: int) -> None:
        self._state.holds.reserve(
            undo, one.debit_account, one.credit_account, sign * one.amount
        )

    def state(self) -> list[AnyState]:
        """The open proposals as lines of a snapshot, in the order of their leaves."""
        assert self.ending is None, "no snapshot stands between a decision and its batch"
        return [
            StateProposal(
                index=one.index,
                proposed=one.line,
                approved=one.approved,
                accepted=one.is_accepted,
            )
            for one in self.open.values()
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StateProposal)
        self._keep(
            Proposal(
                index=line.index,
                line=line.proposed,
                approved=line.approved,
                is_accepted=line.accepted,
            )
        )
