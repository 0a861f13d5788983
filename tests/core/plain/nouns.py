"""What the plain model speaks of: what is asked for, what was done, and why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

NO_BOUND = 2**63 - 1  # Where a database column ends.
AMOUNT_MAX = 2**53 - 1
A_DAY = timedelta(days=1)
SECOND = 1_000_000  # Microseconds.
MINUTE = 60 * SECOND
NEVER = date.min  # Before all days.
ZONE = timezone(timedelta(hours=-6))  # The ledger's, whose clocks are never changed.
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of either zone.

# A line of the journal as JOURNAL.md has it, but with codes for accounts' numbers, dates and
# UUIDs as such, and its own index as `place`.
Leaf = dict[str, Any]

_PAGE = (Path(__file__).parents[3] / "JOURNAL.md").read_text()
_REASONS = _PAGE.partition("<!-- reasons -->")[2].partition("<!-- end of reasons -->")[0]
REASONS = _REASONS.replace("`", " ").replace(",", " ").replace(".", " ").split()


@dataclass(frozen=True)
class Line:
    """One transfer, as it is asked for. Zero and empty: not asked for."""

    debit: str
    credit: str
    amount: int
    kind: str = "payment"
    currency: str = ""  # Where it is stated otherwise than it is.
    reference: str = ""
    day: date | None = None  # Its business date, if it has one.
    value_day: date | None = None
    entered_by: str = ""
    action: str = ""  # hold, post, void, reverse, clear.
    target: int = 0
    expires: int = 0
    release: bool = False
    entry: int = 0
    up_to: str = ""  # debit, credit, both.
    rest: str = ""
    suspense: str = ""
    rate: tuple[int, int] | None = None
    residue: bool = False
    adjusting: bool = False

    @property
    def has_terms(self) -> bool:
        asked = self.action, self.entry, self.up_to, self.suspense, self.adjusting
        return any(asked)


@dataclass(frozen=True)
class Batch:
    """Lines that are asked for together."""

    lines: Sequence[Line]
    mode: str = "atomic"
    source: str = ""
    sums: dict[str, int] | None = None  # What they add up to, by currency, as declared.
    late: str = ""  # next_open_day: what is for a closed day counts for the next open one.
    key: str = "op"  # With which it comes.
    is_stale: bool = False  # It comes after its end.


@dataclass(frozen=True)
class Row:
    """What was done: the row at place n of the list, from 1, has the sequence n."""

    sequence: int
    leaf: int  # The index of its batch's.
    position: int
    debit: str
    credit: str
    amount: int
    at: int
    day: date  # For which it counts.
    leaf_day: date  # That of its batch.
    source: str
    kind: str  # The line's, or of what is beside: rest, exchange, or a levy's code.
    part: str = "own"  # Or rest, levy, back.
    phase: str = "posted"  # Or held, released, adjusted.
    action: str = ""
    asked_debit: str = ""  # Whom its line debits, whoever stands in,
    asked_kind: str = ""  # and of which kind that is.
    expires: int = 0  # Of a hold.
    hold: int = 0  # The hold that it posts or releases,
    is_last: bool = False  # of which nothing remains then.
    takes: int = 0  # The transfer that it takes back, or clears.
    levied_on: int = 0  # The row whose levy it is.
    sold_for: int = 0  # The row of what it bought,
    residue_of: int = 0  # or that it is the residue of.
    fraction: Fraction = Fraction(0)  # Of a minor unit: what was bought and not given.
    stands_in: str = ""  # The side on which a suspense account stands in,
    absent: str = ""  # for whom,
    why: str = ""  # who refused for this reason,
    stands_for: int = 0  # and what it has to give or get back.
    flags: tuple[str, ...] = ()
    reference: tuple[str, str] | None = None  # With its source.

    @property
    def goes_with_another(self) -> bool:
        """Whether it goes back with the row it belongs to, and never alone."""
        is_sold = self.sold_for or self.residue_of
        return bool(is_sold) or self.part in ("levy", "back")

    @property
    def moves(self) -> bool:
        return self.phase in ("posted", "adjusted")


@dataclass(frozen=True)
class No:
    """Why not, the account that was looked at, and how much would have been fine."""

    code: str
    account: str = ""
    available: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a batch: whether it has rows at all, and what was refused.

    Where the batch as a whole is wrong, that stands under None.
    """

    is_posted: bool
    refused: dict[int | None, No]


def day_here(at: int) -> date:
    """The date of a moment in the ledger's zone."""
    return (EPOCH + timedelta(microseconds=at) + timedelta(hours=-6)).date()


def day_in_utc(at: int) -> date:
    return (EPOCH + timedelta(microseconds=at)).date()


def moment_in_utc(day: date, minute: int) -> int:
    """When so many minutes of a day are over in UTC, in microseconds since 1970."""
    since = datetime(day.year, day.month, day.day) - EPOCH  # noqa: DTZ001 - as above.
    return (since.days * 1440 + minute) * MINUTE


def moment_here(day: date, minute: int) -> int:
    """The same in the ledger's zone."""
    return moment_in_utc(day, minute + 6 * 60)
