"""Scheduled transfers and holidays: what the service posts by itself, and on which days."""

from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import click

from ledger.cli.client import path_of
from ledger.cli.options import (
    CODE,
    DAY,
    dry_query,
    dry_run_option,
    ledger_option,
    reason_option,
    speaks_to_service,
)
from ledger.cli.show import Place, facts, print_json, table
from ledger.cli.words import Stop, t

SHIFTS: Final = click.Choice(["as_is", "before", "after", "skip"])
LIST: Final = (
    "code",
    "debit_account",
    "credit_account",
    "amount",
    "currency",
    "every",
    "next",
    "last_outcome",
)
DONE: Final = ("date", "outcome", "attempts", "sequence", "leaf_index", "code")
COMING: Final = ("date", "posted_on", "at")
ATTEMPT: Final = ("code", "date", "attempt", "at", "outcome", "leaf_index", "why")


def _row(schedule: dict[str, Any]) -> dict[str, Any]:
    """A schedule for a table: of its next date the day, of its last one what became of it."""
    shown = dict(schedule)
    coming, done = shown.get("next"), shown.get("last_outcome")
    if coming is not None:
        shown["next"] = coming.get("posted_on", coming["date"])
    if done is not None:
        shown["last_outcome"] = {"date": done["date"], "outcome": done["outcome"]}
    return shown


@click.group(help=t("Transfers on dates to come.", "Movimientos programados."))
def schedule_group() -> None:
    pass


@schedule_group.command(
    "set",
    help=t(
        "Schedule a transfer, once or again and again; or change a schedule. What was posted "
        "under its code is never posted again.",
        "Programa un movimiento, una vez o periódico; o cambia un programa. Lo registrado con "
        "su código nunca se repite.",
    ),
)
@click.argument("code")
@ledger_option
@click.option("--debit", "debit_account", required=True, help=t("Who pays.", "Quien paga."))
@click.option(
    "--credit", "credit_account", required=True, help=t("Who is paid.", "Quien cobra.")
)
@click.option("--amount", required=True, help=t("Such as 850.00.", "Como 850.00."))
@click.option("--currency", required=True, help=t("Its code.", "Su código."))
@click.option(
    "--kind", type=CODE, required=True, help=t("A code such as rent.", "Un código como renta.")
)
@click.option(
    "--first", type=DAY, required=True, help=t("The first date.", "La primera fecha.")
)
@click.option(
    "--every",
    type=click.Choice(["once", "day", "week", "month", "year"]),
    default="once",
    help=t("How often.", "Cada cuánto."),
)
@click.option(
    "--step",
    type=click.IntRange(1, 1000),
    help=t("Every so many of them.", "Cada tantos de ellos."),
)
@click.option("--at", help=t("HH:MM of the ledger; 06:00.", "HH:MM del libro; 06:00."))
@click.option("--last", type=DAY, help=t("The last day for one.", "El último día posible."))
@click.option(
    "--count", type=click.IntRange(1, 100_000), help=t("How many dates.", "Cuántas fechas.")
)
@click.option("--on-holiday", type=SHIFTS, help=t("Where it moves.", "Adónde se mueve."))
@click.option("--on-weekend", type=SHIFTS, help=t("Where it moves.", "Adónde se mueve."))
@click.option(
    "--retries",
    type=click.IntRange(0, 100),
    help=t("Tries more when funds lack.", "Intentos más si faltan fondos."),
)
@click.option(
    "--retry-minutes",
    type=click.IntRange(1, 44_640),
    help=t("Minutes between them; 60.", "Minutos entre ellos; 60."),
)
@click.option(
    "--miss-after-minutes",
    type=click.IntRange(1, 527_040),
    help=t("Give it up when so late.", "Dejarlo si ya es tan tarde."),
)
@click.option(
    "--up-to",
    type=click.Choice(["debit", "credit", "both"]),
    help=t("As much as bounds of this side allow.", "Hasta donde alcance este lado."),
)
@click.option(
    "--reference",
    help=t("Its date follows it, as in RENT-2026-12-31.", "Le sigue la fecha."),
)
@click.option(
    "--workflow",
    help=t("Start each as a payment by it.", "Iniciar cada uno como pago de ese flujo."),
)
@reason_option
@dry_run_option
@speaks_to_service
async def set_schedule(
    place: Place, code: str, ledger: str, dry_run: bool, **given: Any
) -> None:
    asked = {
        name: value.date().isoformat() if isinstance(value, datetime) else value
        for name, value in given.items()
        if value is not None
    }
    path = path_of("ledgers", ledger, "schedules", code)
    async with place.client() as client:
        answer, _ = await client.send("PUT", path, asked, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "schedule")
    else:
        place.one(answer)


@schedule_group.command(
    "list",
    help=t(
        "Schedules, their next date and what became of the last.",
        "Los programas, su próxima fecha y qué fue de la última.",
    ),
)
@ledger_option
@speaks_to_service
async def list_schedules(place: Place, ledger: str) -> None:
    path = path_of("ledgers", ledger, "schedules")
    async with place.client() as client:
        found = await client.every(path, "schedules")
    place.rows(found if place.json else [_row(each) for each in found], LIST)


@schedule_group.command(
    "show",
    help=t(
        "A schedule, what became of its dates, and which come.",
        "Un programa, qué fue de sus fechas, y cuáles vienen.",
    ),
)
@click.argument("code")
@ledger_option
@click.option(
    "--coming",
    type=click.IntRange(0, 100),
    default=12,
    help=t("How many dates to come.", "Cuántas fechas por venir."),
)
@speaks_to_service
async def show_schedule(place: Place, code: str, ledger: str, coming: int) -> None:
    path = path_of("ledgers", ledger, "schedules", code)
    async with place.client() as client:
        schedule = await client.get(path)
        dates = await client.get(f"{path}/occurrences", {"coming": coming})
    if place.json:
        print_json({**schedule, "occurrences": dates})
        return
    place.console.print(facts(_row(schedule)))
    for name, columns in (("past", DONE), ("coming", COMING)):
        if dates[name]:
            place.console.print()
            place.console.print(table(dates[name], columns))


@schedule_group.command(
    "cancel",
    help=t("Cancel a schedule; what was posted stays.", "Cancela un programa; lo hecho queda."),
)
@click.argument("code")
@ledger_option
@reason_option
@dry_run_option
@speaks_to_service
async def cancel_schedule(
    place: Place, code: str, ledger: str, reason: str, dry_run: bool
) -> None:
    path = path_of("ledgers", ledger, "schedules", code)
    query = {"reason": reason, **dry_query(dry_run)}
    async with place.client() as client:
        answer, _ = await client.send("DELETE", path, query=query)
    if dry_run:
        place.dry(answer, "schedule")
    elif not place.json:
        place.console.print(t("Cancelled.", "Cancelado."))


# ---- what is due


@click.group(help=t("What is due of all schedules.", "Lo que toca de lo programado."))
def schedules_group() -> None:
    pass


@schedules_group.command(
    "run",
    help=t(
        "Do now what is due, and say what became of it. The service does so by itself within "
        "seconds; this does not wait for it, nor for what it put off. A date is posted once.",
        "Hace ahora lo que toca, y dice qué fue de cada cosa. El servicio lo hace solo en "
        "segundos; esto no lo espera, ni a lo que aplazó. Cada fecha se registra una vez.",
    ),
)
@click.option(
    "--once",
    is_flag=True,
    required=True,
    help=t("What is due now, and no more.", "Lo que toca ahora, y nada más."),
)
@ledger_option
@dry_run_option
@speaks_to_service
async def run_schedules(place: Place, once: bool, ledger: str, dry_run: bool) -> None:
    path = path_of("ledgers", ledger, "schedules", "runs")
    found: list[dict[str, Any]] = []
    async with place.client() as client:
        while True:
            answer, _ = await client.send("POST", path, query=dry_query(dry_run))
            part = answer["due"] if dry_run else answer
            found += part["attempts"]
            if dry_run or not part.get("more"):
                break
    if not found and not place.json:
        place.console.print(t("Nothing is due.", "No toca nada."))
    else:
        place.rows(found, ATTEMPT)


# ---- holidays


@click.group(help=t("Days on which no schedule is due.", "Días inhábiles de los programas."))
def holidays_group() -> None:
    pass


@holidays_group.command(
    "set",
    help=t(
        "Set the holidays of a year, all of them: as arguments, or from a file with a date at "
        "the beginning of each line, such as a CSV.",
        "Fija todos los días inhábiles de un año: como argumentos, o de un archivo con una "
        "fecha al inicio de cada línea, como un CSV.",
    ),
)
@click.argument("year", type=click.IntRange(1970, 2199))
@click.argument("days", nargs=-1, type=DAY)
@ledger_option
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=t("A CSV; the date stands first.", "Un CSV; la fecha va primero."),
)
@reason_option
@dry_run_option
@speaks_to_service
async def set_holidays(
    place: Place,
    year: int,
    days: tuple[datetime, ...],
    ledger: str,
    file: Path | None,
    reason: str,
    dry_run: bool,
) -> None:
    dates = {day.date() for day in days} | (set() if file is None else dates_in(file, year))
    asked = {"dates": [day.isoformat() for day in sorted(dates)], "reason": reason}
    path = path_of("ledgers", ledger, "holidays", str(year))
    async with place.client() as client:
        answer, _ = await client.send("PUT", path, asked, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "holidays")
    else:
        place.one(answer)


def dates_in(file: Path, year: int) -> set[date]:
    """The dates of a year at the beginning of the lines of a file; a first line may be a head.

    Raises:
        Stop: a line begins with something else.
    """
    found: set[date] = set()
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
        first = line.replace(";", ",").replace("\t", ",").partition(",")[0].strip().strip('"')
        if not first:
            continue
        try:
            found.add(date.fromisoformat(first))
        except ValueError:
            if number > 1:
                raise Stop(
                    t(
                        f"{file.name}, line {number}: no date such as {year}-12-25.",
                        f"{file.name}, línea {number}: no es una fecha como {year}-12-25.",
                    )
                ) from None
    return {day for day in found if day.year == year}


@holidays_group.command("list", help=t("Holidays by year.", "Días inhábiles por año."))
@ledger_option
@speaks_to_service
async def list_holidays(place: Place, ledger: str) -> None:
    async with place.client() as client:
        answer = await client.get(path_of("ledgers", ledger, "holidays"))
    place.rows(answer["years"], ("year", "dates"))
