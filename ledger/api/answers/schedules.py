"""Answers about scheduled transfers and holidays."""

from datetime import date
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from ledger.api.answers.base import Answer
from ledger.core.answered import AttemptOutcome
from ledger.core.model import Side
from ledger.core.rule_leaves import Every, Shift


class ComingAnswer(Answer, frozen=True, kw_only=True):
    """A date to come, the day it is posted on (absent where it is skipped), and from when."""

    posted_on: date | UnsetType = UNSET
    at: str
    date: date


class DoneAnswer(Answer, frozen=True, kw_only=True):
    """A date that is over: what became of it, after how many attempts, and where it stands.

    `sequence` is the transfer that was posted, `code` why it was refused the last time.
    """

    date: date
    outcome: Literal["posted", "refused", "skipped", "missed"]
    attempts: int
    leaf_index: int
    sequence: int | UnsetType = UNSET
    code: str | UnsetType = UNSET


class ScheduleAnswer(Answer, frozen=True, kw_only=True):
    """A transfer that is posted on dates. Without `next` it is over.

    `attempt` is the number of the next attempt at the next date.
    """

    code: str
    leaf_index: int
    by: str
    debit_account: str
    credit_account: str
    amount: str
    currency: str
    kind: str
    first: date
    every: Every
    step: int
    at: str
    on_holiday: Shift
    on_weekend: Shift
    retries: int
    retry_minutes: int
    count: int | UnsetType = UNSET
    last: date | UnsetType = UNSET
    miss_after_minutes: int | UnsetType = UNSET
    up_to: Side | UnsetType = UNSET
    workflow: str | UnsetType = UNSET
    reference: str | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    next: ComingAnswer | UnsetType = UNSET
    last_outcome: DoneAnswer | UnsetType = UNSET


class SchedulesPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    schedules: list[ScheduleAnswer]
    next: str | UnsetType = UNSET


class OccurrencesAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    past: list[DoneAnswer]
    coming: list[ComingAnswer]


class AttemptAnswer(Answer, frozen=True, kw_only=True):
    """An attempt at a date of a schedule, and what became of it; without that, it is due.

    `proposed`: it waits for others. `put_off`: no leaf says so, and it is tried again soon.
    `why` is why it was refused or put off.
    """

    code: str
    date: date
    attempt: int
    at: str
    outcome: AttemptOutcome | UnsetType = UNSET
    leaf_index: int | UnsetType = UNSET
    why: str | UnsetType = UNSET


class AttemptsAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was attempted, or is due; with `more`, there is more that is due now."""

    attempts: list[AttemptAnswer]
    more: bool = False


class HolidaysAnswer(Answer, frozen=True, kw_only=True):
    """The holidays of a year."""

    year: int
    dates: list[date]


class HolidaysPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    years: list[HolidaysAnswer]
