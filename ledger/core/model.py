"""The nouns: currencies, accounts and the ways they can be."""

from datetime import date
from enum import IntEnum, StrEnum
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct

from ledger.core.amounts import AMOUNT_MAX, BALANCE_MAX

# What an optional field of many lines amounts to where none has it. A set is made faster than
# any() looks, and of most batches it has one member.
NONE_SET: Final = {UNSET}
BATCH_MAX = 8190  # Transfers one poster signs at once; with its manifest a tree of 13 levels.
CODE_MAX = 64
CURRENCIES_SUMMED_MAX = 64  # In one batch's control sums.
NUMBER_MAX = AMOUNT_MAX
NO_UPPER = BALANCE_MAX
NO_LOWER = -BALANCE_MAX

CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9]{1,11}\Z")]
LedgerCode = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]
AccountCode = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}\Z")]
AccountNumber = Annotated[int, Meta(ge=1, le=NUMBER_MAX)]
WORD_PATTERN = r"^[a-z][a-z0-9_]{0,31}\Z"
Word = Annotated[str, Meta(pattern=WORD_PATTERN)]  # A kind or a reason, as a code.
Reference = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9./_:#+-]{0,34}\Z")]
OpaqueId = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}\Z")
]  # Of a system, never a name.
Micros = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]  # Microseconds since 1970-01-01T00:00Z.
Count = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
OneSide = Literal["debit", "credit"]
Party = Literal["payer", "payee", "third"]  # Of a payment, the third being an operator.
PayingParty = Literal["payer", "payee"]
Decision = Literal["approved", "accepted", "declined", "cancelled", "expired"]
SequenceNumber = Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]  # A transfer's own number.
BatchCount = Annotated[int, Meta(ge=1, le=BATCH_MAX)]
BalanceText = Annotated[str, Meta(pattern=r"^(0|-?[1-9][0-9]{0,18})\Z")]  # May pass 2^53.
TotalText = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,23})\Z")]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Salt = Annotated[bytes, Meta(min_length=16, max_length=16)]
DATE_MIN = date(1970, 1, 1)


class CurrencyKind(StrEnum):
    """What stands behind a unit of account."""

    NATIONAL = "national"
    MUTUAL_CREDIT = "mutual_credit"
    BACKED = "backed"
    TIME = "time"


class Nature(StrEnum):
    """On which side an account normally stands, and so how its balance is shown."""

    DEBIT = "debit"
    CREDIT = "credit"


class Status(StrEnum):
    """Whether an account takes part. From closed it can only be opened again."""

    OPEN = "open"
    FROZEN = "frozen"
    FROZEN_DEBITS = "frozen_debits"  # It may still be paid.
    FROZEN_CREDITS = "frozen_credits"  # It may still pay.
    CLOSED = "closed"


class Mode(StrEnum):
    """How the transfers of a batch stand to each other: all or none, or each by itself."""

    ATOMIC = "atomic"
    EACH = "each"


class Action(StrEnum):
    """What a transfer is, where it is not simply posted."""

    HOLD = "hold"  # Keeps the amount back until it is posted, voided or expired.
    POST = "post"  # Posts a hold, or a part of it.
    VOID = "void"  # Releases what remains of a hold.
    REVERSE = "reverse"  # Takes back a posted transfer, or a part of it.
    CLEAR = "clear"  # Moves what was posted to a suspense account where it belongs.


class Side(StrEnum):
    """One of the two accounts of a transfer, or each of them."""

    DEBIT = "debit"
    CREDIT = "credit"
    BOTH = "both"


class Phase(IntEnum):
    """What a transfer's row says of its amount. Posted and adjusted rows move balances."""

    POSTED = 0
    HELD = 1
    RELEASED = 2  # By a void: the amount that had remained.
    ADJUSTED = 3  # Posted, as an adjustment to a year whose days are closed.

    @property
    def moves(self) -> bool:
        """Whether a row of it moves balances."""
        return self in (Phase.POSTED, Phase.ADJUSTED)


class DaysBy(StrEnum):
    """Who opens a business day: the clock at midnight or the cut-off, or a command."""

    CLOCK = "clock"
    COMMAND = "command"


class Late(StrEnum):
    """What becomes of a transfer for a day that is closed."""

    REFUSE = "refuse"
    NEXT_OPEN_DAY = "next_open_day"


class Flag(StrEnum):
    """What stands beside a transfer that was posted all the same."""

    CREDIT_LIMIT_PASSED = "credit_limit_passed"
    BALANCE_LIMIT_PASSED = "balance_limit_passed"


class Role(StrEnum):
    """What the bearer of a key may do."""

    OPERATOR = "operator"
    POSTER = "poster"
    AUDITOR = "auditor"
    COMPLIANCE = "compliance"  # Freezes and frees by order of an authority.
    MEMBER = "member"  # Starts payments and accepts them, for accounts of its own.
    APPROVER = "approver"  # Approves what others enter, and posts nothing.


class Currency(Struct, frozen=True, kw_only=True):
    """A unit of account. `number` counts the currencies of a ledger from 0."""

    number: int
    code: str
    kind: CurrencyKind
    scale: int


class Account(Struct, frozen=True, kw_only=True, gc=False):
    """One holder's place in one currency, as it stands now.

    `balance`, `lower` and `upper` are minor units, credits minus debits, whatever the
    nature; NO_LOWER and NO_UPPER mean that there is no bound.
    """

    number: int
    code: str
    currency: str
    nature: Nature
    kind: str
    holder: bytes
    status: Status
    lower: int
    upper: int
    balance: int
    pending_debits: int = 0  # Held back from it,
    pending_credits: int = 0  # and for it.
    soft: Side | None = None  # Which of its bounds may be passed, and is then flagged.

    @property
    def sign(self) -> int:
        """What turns credits minus debits into the balance as this nature shows it."""
        return 1 if self.nature is Nature.CREDIT else -1
