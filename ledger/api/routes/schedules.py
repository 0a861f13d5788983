"""Routes of scheduled transfers and holidays."""

from typing import Final

from ledger.api import schedules
from ledger.api.answers.schedules import (
    HolidaysAnswer,
    HolidaysPage,
    OccurrencesAnswer,
    ScheduleAnswer,
    SchedulesPage,
)
from ledger.api.auth import EVERYBODY, OPERATORS
from ledger.api.queries import RemoveQuery, WriteQuery
from ledger.api.routes.route import L, Route
from ledger.core import scheduling

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "GET",
        f"{L}/schedules",
        schedules.get_schedules,
        "schedules",
        "List scheduled transfers",
        "Listar los movimientos programados",
        SchedulesPage,
        EVERYBODY,
        schedules.SchedulesQuery,
    ),
    Route(
        "GET",
        f"{L}/schedules/{{code}}",
        schedules.get_schedule,
        "schedules",
        "Read a scheduled transfer",
        "Leer un movimiento programado",
        ScheduleAnswer,
        EVERYBODY,
    ),
    Route(
        "GET",
        f"{L}/schedules/{{code}}/occurrences",
        schedules.get_occurrences,
        "schedules",
        "Read what became of its dates, and which come",
        "Leer qué fue de sus fechas, y cuáles vienen",
        OccurrencesAnswer,
        EVERYBODY,
        schedules.OccurrencesQuery,
        sample="coming=12",
    ),
    Route(
        "PUT",
        f"{L}/schedules/{{code}}",
        schedules.put_schedule,
        "schedules",
        "Schedule a transfer, once or again and again",
        "Programar un movimiento, una vez o periódico",
        ScheduleAnswer,
        OPERATORS,
        WriteQuery,
        (scheduling.AskedSchedule,),
        example={
            "debit_account": "socia-0001",
            "credit_account": "renta",
            "amount": "850.00",
            "currency": "MXN",
            "kind": "rent",
            "first": "2026-12-31",
            "every": "month",
            "on_holiday": "after",
            "on_weekend": "after",
            "retries": 3,
            "retry_minutes": 240,
            "reference": "RENTA-",
            "reason": "member_asked",
        },
    ),
    Route(
        "DELETE",
        f"{L}/schedules/{{code}}",
        schedules.delete_schedule,
        "schedules",
        "Cancel a scheduled transfer",
        "Cancelar un movimiento programado",
        None,
        OPERATORS,
        RemoveQuery,
        status=204,
    ),
    Route(
        "GET",
        f"{L}/holidays",
        schedules.get_holidays,
        "schedules",
        "List holidays",
        "Listar los días inhábiles",
        HolidaysPage,
        EVERYBODY,
    ),
    Route(
        "PUT",
        f"{L}/holidays/{{year}}",
        schedules.put_holidays,
        "schedules",
        "Set the holidays of a year",
        "Fijar los días inhábiles de un año",
        HolidaysAnswer,
        OPERATORS,
        WriteQuery,
        (scheduling.AskedHolidays,),
        example={"dates": ["2026-12-25", "2026-01-01"], "reason": "calendar"},
    ),
)
