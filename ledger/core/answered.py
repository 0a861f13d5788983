"""What is answered: receipts, views and reports, before they become wire forms."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from ledger.core.asked import AskedBatch
from ledger.core.book import Posted
from ledger.core.leaves import (
    BatchPosted,
    BatchProposed,
    BatchRefused,
    DayClosed,
    EarnedRule,
    LimitPlanned,
    Opening,
    PaymentLimits,
)
from ledger.core.model import Account
from ledger.core.proposals import Proposal
from ledger.core.refusals import Refusal


class Receipt(Struct, frozen=True, kw_only=True):
    """Where a posted batch stands. A pure function of its leaf, its index and its rows."""

    leaf_index: int
    leaf: BatchPosted
    posted: Posted
    replayed: bool = False


class RefusedReceipt(Struct, frozen=True, kw_only=True):
    """Where a refused batch stands; its id is spent."""

    leaf_index: int
    leaf: BatchRefused
    replayed: bool = False


class ProposalReceipt(Struct, frozen=True, kw_only=True):
    """Where the proposal of a batch stands that waits for others."""

    leaf_index: int
    leaf: BatchProposed
    replayed: bool = False


class ProposalView(Struct, frozen=True, kw_only=True):
    """An open proposal, and what reads the request that waits: a list has no need of it."""

    proposal: Proposal
    read: Callable[[], AskedBatch]

    @property
    def asked(self) -> AskedBatch:
        """The request in people's terms, read anew each time."""
        return self.read()


class WouldWait(Struct, frozen=True, kw_only=True):
    """Of a dry run: the proposal a batch would be, and what would come of it once agreed to.

    What the party that must accept has and may do is not asked: its own word will say.
    """

    line: BatchProposed
    outcome: Posted | Refusal


class LedgerView(Struct, frozen=True, kw_only=True):
    """A ledger as it stands at its last committed leaf."""

    ledger_id: int
    opening: Opening
    size: int
    accounts: int
    batches: int
    transfers: int


class ClosedDay(Struct, frozen=True, kw_only=True):
    """A business day as it was closed; without `leaf_index`, as it would be."""

    line: DayClosed
    leaf_index: int | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """How an account stands towards its limits, at a moment of a day of the ledger.

    `left` says by name how much each payment limit still allows, in minor units.
    """

    account: Account
    now: int
    today: date
    payments: PaymentLimits | None
    left: Mapping[str, int]
    earned: EarnedRule | None
    received: int
    plans: Sequence[tuple[int, LimitPlanned, bool]]  # With their leaves, and whether begun.


AttemptOutcome = Literal[
    "posted", "refused", "proposed", "skipped", "missed", "id_used", "put_off"
]


class Attempted(Struct, frozen=True, kw_only=True):
    """An attempt at a date of a schedule and what became of it; without `outcome`, it is due.

    `proposed`: it waits for others. `put_off`: no leaf says so, and it is tried again soon.
    """

    code: str
    date: date
    attempt: int
    at: int  # When it was due, in microseconds since 1970.
    outcome: AttemptOutcome | None = None
    leaf: int | None = None
    why: str | None = None  # A code.


# Posted and WouldWait: of a dry run.
PostOutcome = Receipt | RefusedReceipt | ProposalReceipt | Refusal | Posted | WouldWait


DecisionOutcome = Receipt | RefusedReceipt | ProposalView | Refusal | Posted


class Unpaid(Struct, frozen=True, kw_only=True):
    """What an account owes and could not pay."""

    account: str
    amount: str


class WaitingPart(Struct, frozen=True, kw_only=True):
    """What of a part of a run waits for approval, and the proposal it waits as."""

    part: str
    proposal: UUID
    amount: str


class RunReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run did, in decimals of its currency, over the parts that this call looked at.

    `collected` is of this period's run in all, `collected_now` of this call; `unpaid` is still
    owed, of which `unpaid_accounts` names the first thousand; `given` was spread. What waits
    for approval is in neither, but in `waiting`. With `next` there is more to do.
    """

    run: str
    currency: str
    period_end: date
    parts: int
    done: int
    collected: str
    collected_now: str
    waiting: list[WaitingPart]
    unpaid: str
    unpaid_accounts: list[Unpaid]
    given: str
    next: str | UnsetType = UNSET
