"""Routes of days and periods, and the trial balance."""

from typing import Final

from ledger.api import days, trial
from ledger.api.answers.books import TrialBalance
from ledger.api.answers.days import (
    ClosedDayAnswer,
    DayAnswer,
    DaysPage,
    DaysSettings,
    PeriodAnswer,
    PeriodsPage,
)
from ledger.api.auth import OPERATORS, READERS
from ledger.api.queries import NoQuery, WriteQuery
from ledger.api.routes.route import L, Route
from ledger.core.asked import AskedDays, AskedMark

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "PUT",
        f"{L}/days/settings",
        days.put_days,
        "days",
        "Say how business days are kept",
        "Fijar cómo se llevan los días contables",
        DaysSettings,
        OPERATORS,
        WriteQuery,
        (AskedDays,),
        example={"days": "clock", "cut_off": "16:30", "value_days_back": 3},
    ),
    Route(
        "GET",
        f"{L}/days",
        days.get_days,
        "days",
        "List business days that are open, or were closed",
        "Listar los días contables abiertos, o los cerrados",
        DaysPage,
        READERS,
        days.DaysQuery,
        sample="closed=true",
    ),
    Route(
        "GET",
        f"{L}/days/{{date}}",
        days.get_day,
        "days",
        "Read a business day and what it came to",
        "Leer un día contable y sus totales",
        ClosedDayAnswer,
        READERS,
        NoQuery,
    ),
    Route(
        "POST",
        f"{L}/days/{{date}}/open",
        days.open_day,
        "days",
        "Open a business day",
        "Abrir un día contable",
        DayAnswer,
        OPERATORS,
        WriteQuery,
    ),
    Route(
        "POST",
        f"{L}/days/{{date}}/close",
        days.close_day,
        "days",
        "Close a business day",
        "Cerrar un día contable",
        ClosedDayAnswer,
        OPERATORS,
        WriteQuery,
    ),
    Route(
        "GET",
        f"{L}/periods",
        days.get_periods,
        "days",
        "List periods that were closed or reopened",
        "Listar los periodos cerrados o reabiertos",
        PeriodsPage,
        READERS,
        days.PeriodsQuery,
    ),
    Route(
        "POST",
        f"{L}/periods/{{period}}/mark",
        days.mark_period,
        "days",
        "Close a period, or reopen it",
        "Cerrar un periodo, o reabrirlo",
        PeriodAnswer,
        OPERATORS,
        WriteQuery,
        (AskedMark,),
        example={
            "mark": "reopened",
            "act": {"number": "CA-12/2026", "date": "2026-02-10", "hash": "ab" * 32},
        },
    ),
    Route(
        "GET",
        f"{L}/trial-balance",
        trial.get_trial_balance,
        "accounts",
        "Read the trial balance of a period",
        "Leer la balanza de comprobación",
        TrialBalance,
        READERS,
        trial.TrialQuery,
        sample="from=2026-01-01&to=2026-01-31&by=kind",
    ),
)
