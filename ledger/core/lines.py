"""The lines of a journal: what is written, field by field.

A line is one of these structs as canonical JSON (journal/canonical.py). What stands here
is permanent: JOURNAL.md describes it for readers who have only the bytes.

Leaves carry a `line` field that names them; the transfers of a batch carry none, since
their place under the batch's root says what they are. An optional field that is not
there is absent, never null.
"""

from datetime import date
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.core.amounts import Amount, Bound, Scale
from ledger.core.model import (
    BATCH_MAX,
    CURRENCIES_SUMMED_MAX,
    AccountCode,
    AccountNumber,
    BalanceText,
    BatchCount,
    Count,
    CurrencyCode,
    CurrencyKind,
    Hash,
    LedgerCode,
    Micros,
    Mode,
    Nature,
    OpaqueId,
    Role,
    Salt,
    Status,
    TotalText,
    Word,
)

RULES: Final = (
    1  # The version of the rules this code keeps; a ledger's first leaf names its own.
)
LEAF_MAX = 65_534  # Bytes of a leaf, so that it fits an entry bundle of the log.

Origin = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9./:_-]{0,199}\Z")]
ControlSums = Annotated[dict[CurrencyCode, TotalText], Meta(max_length=CURRENCIES_SUMMED_MAX)]
# 0 is nobody's number: it stands for a code that the ledger did not know, in a line that
# is there only to be refused.
AccountPlace = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Position = Annotated[int, Meta(ge=0, lt=BATCH_MAX)]


class Transfer(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """A line of a batch: an amount from a debited to a credited account of one currency.

    The codes among its fields (kind, reference, entered_by, approved_by) are checked for
    a whole batch at once by check_codes in batches.py, which costs a tenth.
    """

    amount: Amount
    credit_account: AccountPlace
    debit_account: AccountPlace
    kind: str
    reference: str = ""
    business_date: date | UnsetType = UNSET  # Absent: the business date of the batch's leaf.
    value_date: date | UnsetType = UNSET  # Absent: the business date.
    entered_by: str = ""
    approved_by: str = ""
    details: Hash | UnsetType = (
        UNSET  # SHA-256 of a 16-byte salt and the text, which are erasable.
    )
    salt: Salt | UnsetType = UNSET


class Line(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="line",
):
    """What all tagged lines have in common."""


class Manifest(Line, frozen=True, kw_only=True, tag="manifest"):
    """The first line of every batch: what the poster says of the whole."""

    origin: Origin  # <origin of the ledger>/batch/<batch id>
    created: Micros
    expires: Micros
    count: BatchCount
    mode: Mode
    salt: Salt
    source: OpaqueId | UnsetType = UNSET
    branch: OpaqueId | UnsetType = UNSET
    control_sums: ControlSums | UnsetType = UNSET  # Minor units, by currency.


class Leaf(Line, frozen=True, kw_only=True):
    """What all leaves have in common: when the ledger wrote them."""

    recorded_at: Micros


class Opening(Leaf, frozen=True, kw_only=True, tag="ledger"):
    """The first leaf: which ledger this is and the rules it keeps."""

    code: LedgerCode
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    origin: Origin
    time_zone: Annotated[str, Meta(min_length=1, max_length=64)]
    rules: Literal[1]
    unique_references: bool
    public_key: str  # The ledger's own key, as a C2SP verifier key.
    by: OpaqueId


class KeyGrant(Leaf, frozen=True, kw_only=True, tag="key"):
    """An API key was given or revoked. The key itself is never written."""

    action: Literal["grant", "revoke"]
    key: OpaqueId
    by: OpaqueId
    role: Role | UnsetType = UNSET
    poster: OpaqueId | UnsetType = UNSET
    accounts: list[Annotated[str, Meta(min_length=1, max_length=65)]] | UnsetType = UNSET


class CurrencyAdded(Leaf, frozen=True, kw_only=True, tag="currency"):
    code: CurrencyCode
    kind: CurrencyKind
    scale: Scale
    by: OpaqueId


class AccountOpened(Leaf, frozen=True, kw_only=True, gc=False, tag="account"):
    """A new account. An absent bound means that there is none."""

    number: AccountNumber
    code: AccountCode
    currency: CurrencyCode
    nature: Nature
    kind: Word
    holder: Salt  # Random; who it is, is kept elsewhere.
    by: OpaqueId
    lower: Bound | UnsetType = UNSET
    upper: Bound | UnsetType = UNSET


class LimitChanged(Leaf, frozen=True, kw_only=True, tag="limit"):
    """Both bounds as they are from now on. An absent bound means that there is none."""

    account: AccountNumber
    reason: Word
    by: OpaqueId
    lower: Bound | UnsetType = UNSET
    upper: Bound | UnsetType = UNSET


class StatusChanged(Leaf, frozen=True, kw_only=True, tag="status"):
    account: AccountNumber
    status: Status
    reason: Word
    by: OpaqueId


class BatchPosted(Leaf, frozen=True, kw_only=True, tag="batch"):
    """The header of a posted batch. The transfers are under `root`, or under the note's."""

    number: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    batch: UUID
    poster: OpaqueId
    business_date: date
    count: BatchCount
    posted: Annotated[int, Meta(ge=0, le=BATCH_MAX)]
    first_sequence: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    signed: bool
    key: OpaqueId | UnsetType = UNSET  # The API key, when not signed.
    root: Hash | UnsetType = UNSET  # The inner root, when not signed.
    note: str | UnsetType = UNSET  # The poster's checkpoint note, when signed.
    outcomes: Hash | UnsetType = UNSET  # Root over the outcomes, when some were refused.


class BatchRefused(Leaf, frozen=True, kw_only=True, tag="refused"):
    """A batch that was understood and refused. Its id is spent.

    `digest` is SHA-256 over the salt and the canonical request without its descriptions,
    so that a repeat gets this same answer and nothing of the request can be read here.
    """

    batch: UUID
    poster: OpaqueId
    business_date: date
    signed: bool
    code: Word
    digest: Hash
    salt: Salt
    key: OpaqueId | UnsetType = UNSET
    position: Position | UnsetType = UNSET
    account: AccountNumber | UnsetType = UNSET
    available: BalanceText | UnsetType = UNSET  # Minor units that would have been accepted.


class Snapshot(Leaf, frozen=True, kw_only=True, tag="snapshot"):
    """The state after the first `size` leaves, as a root over its lines (JOURNAL.md)."""

    size: Count
    accounts: Count
    root: Hash


AnyLeaf = (
    Opening
    | KeyGrant
    | CurrencyAdded
    | AccountOpened
    | LimitChanged
    | StatusChanged
    | BatchPosted
    | BatchRefused
    | Snapshot
)


class Outcome(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A line of the outcomes of an `each` batch: posted with a sequence, or refused.

    Either `sequence` is there, or `code` with what belongs to it.
    """

    position: Position
    sequence: Annotated[int, Meta(ge=1, le=2**53 - 1)] | UnsetType = UNSET
    code: Word | UnsetType = UNSET
    account: AccountNumber | UnsetType = UNSET
    available: BalanceText | UnsetType = UNSET


class StateHead(Line, frozen=True, kw_only=True, tag="state"):
    """The first line of a snapshot: what is not an account."""

    rules: Literal[1]
    size: Count
    accounts: Count
    batches: Count
    transfers: Count
    recorded_at: Micros


class StateCurrency(Line, frozen=True, kw_only=True, tag="state_currency"):
    """A currency in a snapshot, in the order of their numbers."""

    code: CurrencyCode
    kind: CurrencyKind
    scale: Scale


class StateAccount(Line, frozen=True, kw_only=True, gc=False, tag="state_account"):
    """An account in a snapshot, in the order of their numbers.

    Its texts are not checked as those of leaves are, which would take most of a start's
    time: what is not under the root that the journal names is not believed anyway.
    """

    number: AccountNumber
    code: str
    currency: str
    nature: Nature
    kind: str
    holder: Salt
    status: Status
    balance: str
    lower: Bound | UnsetType = UNSET
    upper: Bound | UnsetType = UNSET
