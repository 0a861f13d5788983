"""Lines: what is written, field by field. Here are what all share, and those of a batch.

The leaves of the journal are in leaves.py and rule_leaves.py, the lines of a snapshot in
state_lines.py.

A line is one of these structs as canonical JSON (journal/canonical.py). What stands in
these files is permanent: JOURNAL.md describes it for readers who have only the bytes.

Leaves carry a `line` field that names them; the transfers of a batch carry none, since
their place under the batch's root says what they are. An optional field that is not
there is absent, never null.
"""

from datetime import date
from typing import Annotated, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from ledger.core.amounts import AMOUNT_MAX, Amount
from ledger.core.model import (
    BATCH_MAX,
    CURRENCIES_SUMMED_MAX,
    AccountNumber,
    Action,
    BalanceText,
    BatchCount,
    CurrencyCode,
    Flag,
    Hash,
    Late,
    Micros,
    Mode,
    OneSide,
    OpaqueId,
    Reference,
    Salt,
    SequenceNumber,
    Side,
    TotalText,
    Word,
)

RULES: Final = (
    1  # The version of the rules this code keeps; a ledger's first leaf names its own.
)
LEVIES_MAX = 7  # On one transfer.
# Rows that one transfer makes besides its own. Most of all what reverses an exchange: a rest,
# what was sold, the residue, and the levies on both of what was bought and sold.
BESIDE_MAX = 3 + 2 * LEVIES_MAX
LEAF_MAX = 65_534  # Bytes of a leaf, so that it fits an entry bundle of the log.

Origin = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9./:_-]{0,199}\Z")]
ControlSums = Annotated[dict[CurrencyCode, TotalText], Meta(max_length=CURRENCIES_SUMMED_MAX)]
# 0 is nobody's number: it stands for a code that the ledger did not know, in a line that
# is there only to be refused.
AccountPlace = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Position = Annotated[int, Meta(ge=0, lt=BATCH_MAX)]


class Rate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Of an exchange: minor units bought for `d` minor units sold, rounded down."""

    d: Amount
    n: Amount


class Fraction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A part of a minor unit: n/d, above zero and below one, in lowest terms."""

    d: Amount
    n: Amount


class Terms(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """What a transfer asks for besides being posted as it stands (core/terms.py)."""

    action: Action | UnsetType = UNSET
    target: SequenceNumber | UnsetType = UNSET  # The hold or transfer that the action is about.
    expires: Micros | UnsetType = UNSET  # Of a hold.
    release: bool = False  # Of a post: what remains of the hold is given back.
    # Transfers that follow each other under one number stand or fall together.
    entry: BatchCount | UnsetType = UNSET
    up_to: Side | UnsetType = UNSET  # As much of the amount as the bounds of this side allow.
    # Takes what `up_to` leaves, in the place of the account of that side.
    rest: AccountPlace | UnsetType = UNSET
    # Takes the place of the account that refuses, when cash has changed hands already.
    suspense: AccountPlace | UnsetType = UNSET
    # The amount is this rate of the amount before it in the entry.
    rate: Rate | UnsetType = UNSET
    # It books what bought nothing of what the exchange before it in the entry sold.
    residue: bool = False
    # For the last day of a year, though it is closed: its thirteenth month.
    adjusting: bool = False


class Transfer(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """A line of a batch: an amount from a debited to a credited account of one currency.

    The codes among its fields (kind, reference, entered_by, approved_by) are checked for
    a whole batch at once by check_codes in asked.py, which costs a tenth.
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
    terms: Terms | UnsetType = UNSET


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
    late: Late | UnsetType = UNSET  # Absent: what is for a closed day is refused.


class Leaf(Line, frozen=True, kw_only=True):
    """What all leaves have in common: when the ledger wrote them."""

    recorded_at: Micros


class Act(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The decision that a line cites: a minute of the assembly, the board, a committee."""

    number: Reference
    date: date
    hash: Hash  # SHA-256 of the document.


class Beside(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row that a transfer made besides its own; the sequence is the next."""

    amount: Amount
    credit_account: AccountNumber
    debit_account: AccountNumber
    kind: Word  # rest, or the kind of a levy.


class Outcome(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A line of a batch's outcomes: posted with a sequence, or refused.

    Either `sequence` is there, with what is otherwise than the transfer's line says, or
    `code` with what belongs to it.
    """

    position: Position
    sequence: SequenceNumber | UnsetType = UNSET
    # When it is not the line's. 0: no row of its own, the sequence is of the first beside.
    amount: Annotated[int, Meta(ge=0, le=AMOUNT_MAX)] | UnsetType = UNSET
    suspense: OneSide | UnsetType = UNSET  # Which side stood in,
    why: Word | UnsetType = UNSET  # and for which reason the account there refused.
    # Of what an exchange bought: what no minor unit is, and stays with who sold it.
    fraction: Fraction | UnsetType = UNSET
    business_date: date | UnsetType = UNSET  # When its own day was closed.
    flags: Annotated[list[Flag], Meta(min_length=1)] | UnsetType = UNSET
    beside: Annotated[list[Beside], Meta(min_length=1, max_length=BESIDE_MAX)] | UnsetType = (
        UNSET
    )
    code: Word | UnsetType = UNSET
    account: AccountNumber | UnsetType = UNSET
    available: BalanceText | UnsetType = UNSET
