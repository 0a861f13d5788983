"""The answer to a dry run: what would happen, whatever was asked for."""

from msgspec import UNSET, Struct, UnsetType

from ledger.api.answers.books import AccountAnswer, CurrencyAnswer, KeyAnswer, LedgerAnswer
from ledger.api.answers.days import DayAnswer, DaysSettings, PeriodAnswer
from ledger.api.answers.posting import OutcomeAnswer, WaitsAnswer
from ledger.api.answers.rules import DemurrageAnswer, FeeAnswer, LevyAnswer, ReserveAnswer
from ledger.api.answers.schedules import AttemptsAnswer, HolidaysAnswer, ScheduleAnswer
from ledger.core.answered import RunReport


class DryRun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What would happen now. It promises nothing: the next request may change it."""

    dry_run: bool
    accounts: list[AccountAnswer] | UnsetType = UNSET
    account: AccountAnswer | UnsetType = UNSET
    ledger: LedgerAnswer | UnsetType = UNSET
    currency: CurrencyAnswer | UnsetType = UNSET
    key: KeyAnswer | UnsetType = UNSET
    outcomes: list[OutcomeAnswer] | UnsetType = UNSET
    waits: WaitsAnswer | UnsetType = UNSET  # For others, before it is posted.
    levy: LevyAnswer | UnsetType = UNSET
    demurrage: DemurrageAnswer | UnsetType = UNSET
    fee: FeeAnswer | UnsetType = UNSET
    reserve: ReserveAnswer | UnsetType = UNSET
    run: RunReport | UnsetType = UNSET
    schedule: ScheduleAnswer | UnsetType = UNSET
    due: AttemptsAnswer | UnsetType = UNSET
    holidays: HolidaysAnswer | UnsetType = UNSET
    settings: DaysSettings | UnsetType = UNSET
    day: DayAnswer | UnsetType = UNSET
    period: PeriodAnswer | UnsetType = UNSET
