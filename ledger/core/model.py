"""The nouns: currencies, accounts and the ways they can be."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from ledger.core.amounts import AMOUNT_MAX, BALANCE_MAX

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
Word = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")
]  # A kind or a reason, as a code.
Reference = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9./_:#+-]{0,34}\Z")]
OpaqueId = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}\Z")
]  # Of a system, never a name.
Micros = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]  # Microseconds since 1970-01-01T00:00Z.
Count = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
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
    """Whether an account takes part. Closed is final."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"


class Mode(StrEnum):
    """How the transfers of a batch stand to each other: all or none, or each by itself."""

    ATOMIC = "atomic"
    EACH = "each"


class Role(StrEnum):
    """What the bearer of a key may do."""

    OPERATOR = "operator"
    POSTER = "poster"
    AUDITOR = "auditor"


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

    @property
    def sign(self) -> int:
        """What turns credits minus debits into the balance as this nature shows it."""
        return 1 if self.nature is Nature.CREDIT else -1
