"""Commands about business days and periods: open, close, print what a day was closed with."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import click

from ledger.cli.acta import write_acta
from ledger.cli.client import Client, Refused, path_of
from ledger.cli.options import (
    DAY,
    act_of,
    act_options,
    dry_query,
    dry_run_option,
    ledger_option,
    speaks_to_service,
)
from ledger.cli.show import Place, facts, print_json, table
from ledger.cli.words import Stop, t
from ledger.core.leaves import CLOSE_AFTER_MAX

SETTINGS: Final = ("days", "cut_off", "value_days_back", "close_after_minutes")
TOTAL: Final = ("currency", "kind", "source", "count", "amount")
DAYS: Final = ("date", "status", "count", "closed_at", "leaf_index")
PERIOD: Final = ("period", "mark")


def out_option(command: Any) -> Any:
    return click.option(
        "--out",
        type=click.Path(path_type=Path, dir_okay=False),
        help=t(
            "Also write the acta to this new file.", "Escribe el acta también en este archivo."
        ),
    )(command)


# ---- how days are kept


@click.group(help=t("How business days are kept.", "Cómo se llevan los días contables."))
def days_group() -> None:
    pass


@days_group.command(
    "set",
    help=t(
        "Say how days are kept from now on; what is not given is not so any more.",
        "Fija cómo se llevan los días desde ahora; lo que no se da deja de valer.",
    ),
)
@ledger_option
@click.option(
    "--by",
    "days",
    required=True,
    type=click.Choice(["clock", "command"]),
    help=t(
        "clock: they open by themselves. command: with tequio day open.",
        "clock: se abren solos. command: con tequio day open.",
    ),
)
@click.option(
    "--cut-off",
    help=t(
        "The time, at a quarter, when the next day begins: 16:30.",
        "La hora, en cuartos, en que empieza el día siguiente: 16:30.",
    ),
)
@click.option(
    "--value-days-back",
    type=click.IntRange(0, 3660),
    help=t(
        "How many days before its own a transfer's value date may be; else any.",
        "Cuántos días antes puede ser la fecha valor; si no, cualquiera.",
    ),
)
@click.option(
    "--close-after",
    type=click.IntRange(0, CLOSE_AFTER_MAX),
    metavar="MINUTES",
    help=t(
        "The clock closes each day so many minutes after it is over; days that are over by "
        "then at once, for good. Without it you close them.",
        "El reloj cierra cada día tantos minutos después de que termina; los que ya "
        "terminaron, de inmediato y en definitiva. Si no, los cierra usted.",
    ),
)
@dry_run_option
@speaks_to_service
async def set_days(
    place: Place,
    ledger: str,
    days: str,
    cut_off: str | None,
    value_days_back: int | None,
    close_after: int | None,
    dry_run: bool,
) -> None:
    asked: dict[str, Any] = {"days": days}
    if close_after is not None:
        asked["close_after_minutes"] = close_after
    if cut_off is not None:
        asked["cut_off"] = cut_off
    if value_days_back is not None:
        asked["value_days_back"] = value_days_back
    path = path_of("ledgers", ledger, "days", "settings")
    async with place.client() as client:
        answer, _ = await client.send("PUT", path, asked, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "settings", SETTINGS)
    else:
        place.one(answer, SETTINGS)


# ---- a day


@click.group(help=t("Open and close business days.", "Abre y cierra los días contables."))
def day_group() -> None:
    pass


@day_group.command(
    "open",
    help=t(
        "Open DAY, where days are opened by command.",
        "Abre DAY, donde los días se abren por orden.",
    ),
)
@click.argument("day", type=DAY)
@ledger_option
@dry_run_option
@speaks_to_service
async def open_day(place: Place, day: datetime, ledger: str, dry_run: bool) -> None:
    path = path_of("ledgers", ledger, "days", _iso(day), "open")
    async with place.client() as client:
        answer, _ = await client.send("POST", path, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "day", DAYS)
    else:
        place.one(answer, DAYS)


@day_group.command(
    "close",
    help=t(
        "Close DAY for good, and print its acta: what it came to, where that stands in the "
        "journal, and the signed checkpoint.",
        "Cierra DAY en definitiva e imprime su acta: sus totales, dónde quedan en el diario y "
        "el punto de control firmado.",
    ),
)
@click.argument("day", type=DAY)
@ledger_option
@out_option
@dry_run_option
@speaks_to_service
async def close_day(
    place: Place, day: datetime, ledger: str, out: Path | None, dry_run: bool
) -> None:
    path = path_of("ledgers", ledger, "days", _iso(day), "close")
    if dry_run:
        async with place.client() as client:
            answer, _ = await client.send("POST", path, query=dry_query(True))
        place.dry(answer, "day", ("date", "count", "totals_hash"))
        if not place.json:
            place.console.print(table(answer["day"]["totals"], TOTAL))
        return
    with _new_file(out) as file:  # Before anything is closed that could not be printed.
        async with place.client() as client:
            try:
                closed, _ = await client.send("POST", path)
            except Refused as no:
                raise await _said_before(client, ledger, day, no) from no
            await _print_acta(place, client, ledger, closed, file)


@day_group.command(
    "show",
    help=t(
        "What DAY came to, or so far; with --acta as when it was closed.",
        "Los totales de DAY, también si no se ha cerrado; con --acta, su acta.",
    ),
)
@click.argument("day", type=DAY)
@ledger_option
@click.option("--acta", is_flag=True, help=t("Print its acta again.", "Vuelve a dar el acta."))
@out_option
@speaks_to_service
async def show_day(
    place: Place, day: datetime, ledger: str, acta: bool, out: Path | None
) -> None:
    path = path_of("ledgers", ledger, "days", _iso(day))
    async with place.client() as client:
        found = await client.get(path)
        if acta or out is not None:
            if "leaf_index" not in found["day"]:
                raise Stop(
                    t(
                        f"{_iso(day)} was not closed, so it has no acta.",
                        f"El {_iso(day)} no se ha cerrado; no tiene acta.",
                    )
                )
            with _new_file(out) as file:
                await _print_acta(place, client, ledger, found, file)
            return
    if place.json:
        print_json(found)
        return
    names = ("date", "status", "count", "closed_at", "closed_by", "leaf_index")
    by_clock = {"closed_by": t("the clock", "el reloj")} if "closed_at" in found["day"] else {}
    place.console.print(facts(by_clock | found["day"], names))
    place.console.print(table(found["day"]["totals"], TOTAL))
    if "late" in found["day"]:
        title = t("After it was closed", "Después del cierre")
        place.console.print(table(found["day"]["late"], TOTAL, title))


@day_group.command(
    "list",
    help=t(
        "How days are kept, and those that are open; with --closed those that were closed.",
        "Cómo se llevan los días y cuáles están abiertos; con --closed, los cerrados.",
    ),
)
@ledger_option
@click.option("--closed", is_flag=True, help=t("Those closed.", "Los cerrados."))
@speaks_to_service
async def list_days(place: Place, ledger: str, closed: bool) -> None:
    path = path_of("ledgers", ledger, "days")
    query: dict[str, Any] = {"limit": 1000, **({"closed": "true"} if closed else {})}
    async with place.client() as client:
        page = whole = await client.get(path, query)
        while "next" in page:
            page = await client.get(path, {**query, "after": page["next"]})
            whole["days"] += page["days"]
    whole.pop("next", None)
    if place.json:
        print_json(whole)
        return
    place.console.print(facts(whole["settings"], SETTINGS))
    place.console.print(facts(whole, ("current", "closed_through", "closing")))
    place.console.print(table(whole["days"], DAYS))


async def _said_before(client: Client, ledger: str, day: datetime, no: Refused) -> Stop:
    """A refusal, and where the day was closed before, perhaps unheard, how to have its acta."""
    if no.code != "day_not_open":
        return no
    found = await client.get(path_of("ledgers", ledger, "days", _iso(day)))
    if "leaf_index" not in found["day"]:
        return no
    return Stop(
        t(
            f"{_iso(day)} was closed before, at {found['day']['closed_at']} [{no.code}]. Its "
            f"acta: tequio day show {_iso(day)} --acta",
            f"El {_iso(day)} ya se había cerrado, en {found['day']['closed_at']} [{no.code}]. "
            f"Su acta: tequio day show {_iso(day)} --acta",
        )
    )


async def _print_acta(
    place: Place,
    client: Client,
    ledger: str,
    closed: dict[str, Any],
    file: IO[str] | None,
) -> None:
    whose = await client.get(path_of("ledgers", ledger))
    page = write_acta(whose, closed, datetime.now(UTC))
    if file is not None:
        file.write(page)
    if place.json:
        print_json({**closed, "acta": page})
    else:
        click.echo(page, nl=False)


@contextmanager
def _new_file(path: Path | None) -> Iterator[IO[str] | None]:
    """A file that was not there. It is gone again when nothing came to be written."""
    if path is None:
        yield None
        return
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        raise Stop(t(f"{path} is there already.", f"{path} ya existe.")) from None
    except OSError as error:
        raise Stop(f"{path}: {error.strerror}") from error
    try:
        with file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _iso(day: datetime) -> str:
    return day.date().isoformat()


# ---- periods


@click.group(
    help=t("Close and reopen months.", "Cierra y reabre los meses."),
    epilog=t(
        "2025-13 is the month of adjustments to 2025.",
        "2025-13 es el mes de ajustes de 2025.",
    ),
)
def period_group() -> None:
    pass


async def _mark(
    place: Place, ledger: str, period: str, asked: dict[str, Any], dry_run: bool
) -> None:
    path = path_of("ledgers", ledger, "periods", period, "mark")
    async with place.client() as client:
        answer, _ = await client.send("POST", path, asked, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "period", PERIOD)
    else:
        place.one(answer, PERIOD)
    late = (answer["period"] if dry_run else answer).get("late", ())
    if late and not place.json:
        title = t("\nCame while it was reopened", "\nLlegó mientras estuvo reabierto")
        rows = [{"date": one["date"], **total} for one in late for total in one["totals"]]
        place.console.print(table(rows, ("date", *TOTAL), title))


@period_group.command(
    "close",
    help=t(
        "Close PERIOD, such as 2026-01, for now: an act can reopen it.",
        "Cierra PERIOD, como 2026-01, de forma preliminar: un acta puede reabrirlo.",
    ),
)
@click.argument("period")
@ledger_option
@dry_run_option
@speaks_to_service
async def close_period(place: Place, period: str, ledger: str, dry_run: bool) -> None:
    await _mark(place, ledger, period, {"mark": "preliminary"}, dry_run)


@period_group.command(
    "finish",
    help=t("Close PERIOD for ever.", "Cierra PERIOD en definitiva."),
)
@click.argument("period")
@ledger_option
@dry_run_option
@speaks_to_service
async def finish_period(place: Place, period: str, ledger: str, dry_run: bool) -> None:
    await _mark(place, ledger, period, {"mark": "final"}, dry_run)


@period_group.command(
    "reopen",
    help=t(
        "Reopen PERIOD by an act. The journal keeps its number, date and hash, not the act.",
        "Reabre PERIOD por un acta. El diario guarda su número, fecha y resumen, no el acta.",
    ),
)
@click.argument("period")
@ledger_option
@act_options
@dry_run_option
@speaks_to_service
async def reopen_period(
    place: Place,
    period: str,
    ledger: str,
    dry_run: bool,
    **act: Any,
) -> None:
    cited = act_of(act)
    if not cited:
        raise click.UsageError(
            t(
                "A period is reopened by an act: --act, --act-date, --act-file.",
                "Un periodo se reabre por un acta: --act, --act-date, --act-file.",
            )
        )
    await _mark(place, ledger, period, {"mark": "reopened", **cited}, dry_run)


@period_group.command("list", help=t("Months as they are marked.", "Los meses, como están."))
@ledger_option
@speaks_to_service
async def list_periods(place: Place, ledger: str) -> None:
    async with place.client() as client:
        found = await client.every(path_of("ledgers", ledger, "periods"), "periods")
    place.rows(found, PERIOD)
