"""Limits of accounts: bounds for some days, limits earned by use, limits of payments."""

from datetime import datetime
from typing import Any, Final

import click

from ledger.cli.client import path_of
from ledger.cli.options import (
    CODE,
    DAY,
    act_of,
    act_options,
    dry_query,
    dry_run_option,
    ledger_option,
    speaks_to_service,
)
from ledger.cli.show import Place, facts, print_json, table
from ledger.cli.words import day_of, t

BOUNDS: Final = ("code", "currency", "balance", "lower_bound", "upper_bound", "soft_bounds")
HISTORY: Final = (
    "leaf_index",
    "recorded_at",
    "what",
    "lower_bound",
    "upper_bound",
    "soft_bounds",
    "from",
    "to",
    "earned",
    "payment_limits",
    "reason",
    "act",
    "by",
)
IN_PERIOD: Final = ("from", "to", "seconds", "seconds_at_limit")
PERIODS: Final = ("transfer", "day", "week", "month", "year")

reason_option: Final = click.option(
    "--reason",
    type=CODE,
    required=True,
    help=t(
        "A code such as assembly; it stays in the journal.",
        "Un código como asamblea; queda en el diario.",
    ),
)


async def send(
    place: Place, ledger: str, codes: tuple[str, ...], asked: dict[str, Any], dry_run: bool
) -> None:
    """Change limits of these accounts, all or none, and print them."""
    path = path_of("ledgers", ledger, "limits")
    body = {"accounts": list(codes), **asked}
    async with place.client() as client:
        answer, _ = await client.send("POST", path, body, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "accounts", BOUNDS)
    else:
        place.rows(answer["accounts"], BOUNDS)


@click.group(help=t("Limits of one account or many.", "Límites de una o varias cuentas."))
def limit_group() -> None:
    pass


@limit_group.command(
    "set",
    help=t(
        "Change how low and how high accounts may go, all of them or none; with --from or "
        "--to for some days.",
        "Cambia hasta dónde pueden bajar y subir las cuentas, todas o ninguna; con --from o "
        "--to, por unos días.",
    ),
)
@click.argument("codes", nargs=-1, required=True)
@ledger_option
@click.option("--lower", help=t("Such as -500.00, or none.", "Como -500.00, o none."))
@click.option("--upper", help=t("Such as 2000.00, or none.", "Como 2000.00, o none."))
@click.option(
    "--soft",
    type=click.Choice(["none", "lower", "upper", "both"]),
    help=t("Which of them may be passed.", "Cuáles se pueden pasar."),
)
@click.option("--from", "first", type=DAY, help=t("First day.", "Primer día."))
@click.option("--to", "last", type=DAY, help=t("Last day.", "Último día."))
@reason_option
@act_options
@dry_run_option
@speaks_to_service
async def set_limits(
    place: Place,
    codes: tuple[str, ...],
    ledger: str,
    lower: str | None,
    upper: str | None,
    soft: str | None,
    first: datetime | None,
    last: datetime | None,
    reason: str,
    dry_run: bool,
    **act: Any,
) -> None:
    given = {"lower_bound": lower, "upper_bound": upper, "soft_bounds": soft}
    bounds = {name: text for name, text in given.items() if text is not None}
    if not bounds:
        raise click.UsageError(
            t("Give --lower, --upper or --soft.", "Dé --lower, --upper o --soft.")
        )
    days = {
        name: day.date().isoformat()
        for name, day in (("starts", first), ("ends", last))
        if day is not None
    }
    asked = {"reason": reason, **bounds, **days, **act_of(act)}
    await send(place, ledger, codes, asked, dry_run)


@limit_group.command(
    "unplan",
    help=t(
        "Give up the plan PLAN of an account, before it begins.",
        "Deja sin efecto el plan PLAN de una cuenta, antes de que empiece.",
    ),
)
@click.argument("code")
@click.argument("plan", type=click.IntRange(0))
@ledger_option
@reason_option
@dry_run_option
@speaks_to_service
async def unplan(
    place: Place, code: str, plan: int, ledger: str, reason: str, dry_run: bool
) -> None:
    await send(place, ledger, (code,), {"reason": reason, "unplan": plan}, dry_run)


@limit_group.command(
    "earn",
    help=t(
        "Let credit limits grow with what is received: BASE and N/D of it, at most CAP; "
        "--end ends that.",
        "Hace crecer el límite de crédito con lo recibido: BASE más N/D, hasta CAP; --end "
        "lo termina.",
    ),
)
@click.argument("codes", nargs=-1, required=True)
@ledger_option
@click.option("--share", help=t("N/D, such as 1/4.", "N/D, como 1/4."))
@click.option("--base", default="0", show_default=True)
@click.option("--cap", help=t("The highest limit.", "El límite más alto."))
@click.option(
    "--kind",
    "kinds",
    type=CODE,
    multiple=True,
    help=t("Count only transfers of this kind.", "Cuenta sólo movimientos de este tipo."),
)
@click.option("--end", is_flag=True, help=t("End the rule.", "Termina la regla."))
@reason_option
@act_options
@dry_run_option
@speaks_to_service
async def earn(
    place: Place,
    codes: tuple[str, ...],
    ledger: str,
    share: str | None,
    base: str,
    cap: str | None,
    kinds: tuple[str, ...],
    end: bool,
    reason: str,
    dry_run: bool,
    **act: Any,
) -> None:
    rule: dict[str, Any] | str = "none"
    if not end:
        n, _, d = (share or "").partition("/")
        if not (n.isascii() and n.isdigit() and d.isascii() and d.isdigit()) or cap is None:
            raise click.UsageError(t("Give --share N/D and --cap.", "Dé --share N/D y --cap."))
        rule = {"n": int(n), "d": int(d), "base": base, "cap": cap}
        if kinds:
            rule["kinds"] = list(kinds)
    await send(place, ledger, codes, {"reason": reason, "earned": rule, **act_of(act)}, dry_run)


@limit_group.command(
    "payments",
    help=t(
        "Say how much may be paid in one transfer, a day, week, month or year. What is not "
        "given is not limited.",
        "Dice cuánto se puede pagar por movimiento, día, semana, mes o año. Lo que no se da, "
        "no se limita.",
    ),
)
@click.argument("codes", nargs=-1, required=True)
@ledger_option
@click.option("--transfer", help=t("In one transfer.", "Por movimiento."))
@click.option("--day", help=t("In a day.", "Por día."))
@click.option("--week", help=t("In a week, from Monday.", "Por semana, desde el lunes."))
@click.option("--month", help=t("In a month.", "Por mes."))
@click.option("--year", help=t("In a year.", "Por año."))
@reason_option
@act_options
@dry_run_option
@speaks_to_service
async def limit_payments(
    place: Place,
    codes: tuple[str, ...],
    ledger: str,
    reason: str,
    dry_run: bool,
    **given: Any,
) -> None:
    cited = act_of(given)
    payments = {name: text for name, text in given.items() if text is not None}
    asked = {"reason": reason, "payments": payments, **cited}
    await send(place, ledger, codes, asked, dry_run)


@limit_group.command(
    "show",
    help=t(
        "Limits of an account, what is left of them, and since when it is at its limit.",
        "Los límites de una cuenta, lo que queda, y desde cuándo está en su límite.",
    ),
)
@click.argument("code")
@ledger_option
@click.option(
    "--from",
    "first",
    type=DAY,
    help=t("Add how long it was at its limit since.", "Sumar el tiempo en su límite desde."),
)
@click.option("--to", "last", type=DAY, help=t("Until the end of that day.", "Hasta ese día."))
@speaks_to_service
async def show_limits(
    place: Place, code: str, ledger: str, first: datetime | None, last: datetime | None
) -> None:
    days = {"from": first, "to": last}
    query = {name: str(day.date()) for name, day in days.items() if day is not None}
    async with place.client() as client:
        path = path_of("ledgers", ledger, "accounts", code, "standing")
        standing = await client.get(path, query)
    if place.json:
        print_json(standing)
        return
    place.console.print(facts(standing["account"], (*BOUNDS, "pending_debits", "available")))
    times = ("negative_since", "at_limit_since", "seconds_at_limit")
    if any(name in standing for name in times):
        place.console.print(facts(standing, [name for name in times if name in standing]))
    if "period" in standing:
        place.console.print(facts(standing["period"], IN_PERIOD))
    if "earned" in standing:
        place.console.print(facts(standing["earned"], ("n", "d", "base", "cap", "received")))
    limits = standing["payment_limits"]
    if limits:
        rows = [{"period": name, **limits[name]} for name in PERIODS if name in limits]
        place.console.print(table(rows, ("period", "limit", "left")))
    if standing["plans"]:
        place.console.print(
            table(
                list(map(_by_days, standing["plans"])),
                ("leaf_index", "begun", "from", "to", "lower_bound", "upper_bound"),
            )
        )


@limit_group.command(
    "history",
    help=t(
        "What became of an account's limits, by whom and why.",
        "Qué ha sido de los límites de una cuenta, por quién y por qué.",
    ),
)
@click.argument("code")
@ledger_option
@speaks_to_service
async def limit_history(place: Place, code: str, ledger: str) -> None:
    found = await all_changes(place, ledger, code, "limits")
    place.rows(found if place.json else list(map(_by_days, found)), HISTORY)


def _by_days(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan as it was asked for: from a day on, to the end of another; its act by number."""
    days = {"act": plan["act"]["number"]} if "act" in plan else {}
    if "starts" in plan:
        days["from"] = day_of(plan["starts"])
    if "ends" in plan:
        days["to"] = day_of(plan["ends"], is_end=True)
    return plan | days


async def all_changes(place: Place, ledger: str, code: str, what: str) -> list[Any]:
    """The whole history of an account."""
    async with place.client() as client:
        return await client.every(path_of("ledgers", ledger, "accounts", code, what), "changes")
