"""Answers to what was posted: receipts and refusals of transfers and batches."""

from datetime import date
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from ledger.api.answers.base import Answer, FractionAnswer, PhaseName
from ledger.core.model import Decision, Flag, Mode, OneSide, PayingParty


class BesideAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """A row that a transfer made besides its own, such as what `up_to` left to another."""

    sequence: int
    debit_account: str
    credit_account: str
    amount: str
    currency: str
    kind: str
    debit_balance: str | UnsetType = UNSET
    credit_balance: str | UnsetType = UNSET


class OutcomeAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """What became of one transfer: a sequence with both balances after it, or a refusal.

    The balances are those of the accounts that moved: where a suspense account stood in,
    its own.

    A balance is left out where the key may not read its account. The sentence is in the
    language that was asked for; all else is the same for ever.
    """

    position: int
    sequence: int | UnsetType = UNSET
    debit_balance: str | UnsetType = UNSET
    credit_balance: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    sentence: str | UnsetType = UNSET
    account: str | UnsetType = UNSET
    available: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    phase: PhaseName | UnsetType = UNSET  # Where it was not simply posted.
    amount: str | UnsetType = UNSET  # Where it is not the amount that was asked for.
    suspense: OneSide | UnsetType = UNSET  # On which side the suspense account stood in,
    why: str | UnsetType = UNSET  # for one that refused with this code.
    fraction: FractionAnswer | UnsetType = UNSET  # Of what was bought, and is not given.
    business_date: date | UnsetType = UNSET  # Where its own day was closed.
    flags: list[Flag] | UnsetType = UNSET
    beside: list[BesideAnswer] | UnsetType = UNSET
    last_sequence: int | UnsetType = UNSET  # Where there are several.


class BatchReceipt(Answer, frozen=True, kw_only=True):
    """Where a posted batch stands in the journal. It never changes.

    `posted` counts sequences, those of rows that stand beside included.
    """

    ledger: str
    id: UUID
    batch_number: int
    leaf_index: int
    recorded_at: str
    business_date: date
    count: int
    posted: int
    first_sequence: int | UnsetType = UNSET
    last_sequence: int | UnsetType = UNSET
    outcomes: list[OutcomeAnswer] | UnsetType = UNSET


class TransferReceipt(Answer, frozen=True, kw_only=True):
    """Where a posted transfer stands in the journal: its sequence is the folio of a slip.

    Accounts and amount are those of what was done.
    """

    ledger: str
    id: UUID
    sequence: int
    batch_number: int
    leaf_index: int
    recorded_at: str
    business_date: date
    debit_account: str
    credit_account: str
    amount: str
    currency: str
    debit_balance: str | UnsetType = UNSET
    credit_balance: str | UnsetType = UNSET
    phase: PhaseName | UnsetType = UNSET  # Where it was not simply posted.
    suspense: OneSide | UnsetType = UNSET  # On which side the suspense account stood in,
    meant_for: str | UnsetType = UNSET  # for this one,
    why: str | UnsetType = UNSET  # which refused with this code.
    flags: list[Flag] | UnsetType = UNSET
    beside: list[BesideAnswer] | UnsetType = UNSET
    last_sequence: int | UnsetType = UNSET  # Where there are several.


class WaitsAnswer(Answer, frozen=True, kw_only=True):
    """What a batch would wait for before it is posted, and until when."""

    approvals: int = 0  # That others must give.
    accepts: PayingParty | UnsetType = UNSET  # The party that must accept,
    accept_at: str | UnsetType = UNSET  # or without a word does so by itself.
    held: bool = False  # Whether the amounts are kept back meanwhile.
    expires: str


class TransferPosted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A receipt, and beside it the newest signed checkpoint, which covers it."""

    receipt: TransferReceipt
    checkpoint: str | UnsetType = UNSET
    log_proof: str | UnsetType = UNSET


class BatchPostedAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A receipt, and beside it the newest signed checkpoint, which covers it."""

    receipt: BatchReceipt
    checkpoint: str | UnsetType = UNSET
    log_proof: str | UnsetType = UNSET


class RefusedBatch(Answer, frozen=True, kw_only=True):
    """A refused batch in the journal. Its id is spent."""

    ledger: str
    id: UUID
    leaf_index: int
    recorded_at: str
    business_date: date
    code: str
    sentence: str
    position: int | UnsetType = UNSET
    account: str | UnsetType = UNSET
    available: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET


class DecidedAnswer(Answer, frozen=True, kw_only=True):
    """The last word about a proposal; without `by` the ledger said it itself."""

    decision: Decision
    recorded_at: str
    by: str | UnsetType = UNSET  # The key it came with,
    user: str | UnsetType = UNSET  # and the person, by the id in the posting system.
    reason: str | UnsetType = UNSET


class BatchAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch id that is spent: the receipt of what was posted, or what was refused.

    Where it waited for others, `decided` says who had the last word.
    """

    receipt: BatchReceipt | UnsetType = UNSET
    refused: RefusedBatch | UnsetType = UNSET
    decided: DecidedAnswer | UnsetType = UNSET
    checkpoint: str | UnsetType = UNSET
    log_proof: str | UnsetType = UNSET


class BatchSummary(Answer, frozen=True, kw_only=True):
    """A line of the list of batches; `code` is there when it was refused."""

    id: UUID
    leaf_index: int
    recorded_at: str
    poster: str
    business_date: date
    batch_number: int | UnsetType = UNSET
    count: int | UnsetType = UNSET
    posted: int | UnsetType = UNSET
    first_sequence: int | UnsetType = UNSET
    code: str | UnsetType = UNSET


class BatchesPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    batches: list[BatchSummary]
    next: int | UnsetType = UNSET


class OutcomeProof(Answer, frozen=True, kw_only=True):
    """The outcome line of a position, under the root of outcomes that the leaf names."""

    line: str
    index: int
    size: int
    path: list[str]
    root: str


class ProofAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What shows, offline, that the journal recorded a transfer.

    `line` is leaf `index` of the batch's own tree of `size` lines; with `path` (base64, the
    sibling first) it leads to `root`, which `leaf` names, itself or in its poster's note.
    `log_proof` shows that the journal recorded `leaf` at `leaf_index`.
    """

    ledger: str
    id: UUID
    position: int
    mode: Mode
    line: str
    index: int
    size: int
    path: list[str]
    root: str
    leaf: str
    leaf_index: int
    log_proof: str
    salted: bool
    caution: str
    outcome: OutcomeProof | UnsetType = UNSET
