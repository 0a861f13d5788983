"""Answers about business days and periods."""

from datetime import date
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from ledger.api.answers.base import Answer
from ledger.core.asked import PeriodMark
from ledger.core.model import DaysBy


class DaysSettings(Answer, frozen=True, kw_only=True):
    """How a ledger keeps its days. Without `cut_off` they begin at midnight of its zone.

    With `close_after_minutes` the clock closes a day so long after it is over.
    """

    days: DaysBy
    cut_off: str | UnsetType = UNSET
    value_days_back: int | UnsetType = UNSET
    close_after_minutes: int | UnsetType = UNSET


class ClosingAnswer(Answer, frozen=True, kw_only=True):
    """The day that the clock closes next, and when; `code` says why it cannot, if so."""

    date: date
    at: str
    code: str | UnsetType = UNSET


class DayTotalAnswer(Answer, frozen=True, kw_only=True, gc=False):
    """How many rows of a currency, kind and source a day has, and their sum."""

    currency: str
    kind: str
    source: str
    count: int
    amount: str


class DayAnswer(Answer, frozen=True, kw_only=True):
    """A business day and what it came to, or has come to so far.

    Of a closed one, as its leaf says: at most 200 totals stand there, and all are in
    `totals_hash`. `late` is what was posted on it since, while its month was reopened: of what
    the leaves in `late_leaves` say, when the month was closed again, at most 200 totals each;
    `late_count` counts all of it. What the clock closed has no `closed_by`.
    """

    date: date
    status: Literal["open", "closed", "reopened", "not_open"]
    count: int
    totals: list[DayTotalAnswer]
    late: list[DayTotalAnswer] | UnsetType = UNSET
    late_count: int | UnsetType = UNSET
    late_leaves: list[int] | UnsetType = UNSET
    closed_at: str | UnsetType = UNSET
    closed_by: str | UnsetType = UNSET
    totals_hash: str | UnsetType = UNSET  # Hexadecimal, as are the hash of the leaf
    leaf_index: int | UnsetType = UNSET
    leaf_hash: str | UnsetType = UNSET  # and what sha256sum shows.


class ClosedDayAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A day and its leaf; beside it the newest signed checkpoint, which covers the leaf."""

    day: DayAnswer
    line: str | UnsetType = UNSET
    checkpoint: str | UnsetType = UNSET


class DaysPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How days are kept, and in order those that are open or have something posted on them.

    With `closed`, those that were closed. `current` is the day of what is posted now and
    names none; `closing` the one that the clock closes next, where it closes any.
    """

    settings: DaysSettings
    days: list[DayAnswer]
    current: date | UnsetType = UNSET
    closed_through: date | UnsetType = UNSET
    closing: ClosingAnswer | UnsetType = UNSET
    next: date | UnsetType = UNSET


class LateDayAnswer(Answer, frozen=True, kw_only=True):
    """What was posted on a closed day while its month was reopened."""

    date: date
    count: int
    totals: list[DayTotalAnswer]
    totals_hash: str


class PeriodAnswer(Answer, frozen=True, kw_only=True):
    """A month as it was marked last. Month 13 is for adjustments to the year.

    `late` is what came while it was reopened, said once where it is closed again.
    """

    period: str
    mark: PeriodMark
    late: list[LateDayAnswer] | UnsetType = UNSET


class PeriodsPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Months that were ever marked, in order."""

    periods: list[PeriodAnswer]
    next: str | UnsetType = UNSET
