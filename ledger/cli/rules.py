"""Commands about the rules of a ledger: levies, demurrage, fees, reserves; and their runs."""

from datetime import datetime
from decimal import Decimal
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
    reason_option,
    speaks_to_service,
)
from ledger.cli.progress import showing
from ledger.cli.show import Place, facts, print_json, table
from ledger.cli.words import Stop, t
from ledger.core.periods import parse_period

LEVY: Final = (
    "code",
    "kinds",
    "payer",
    "treasury",
    "currency",
    "rate",
    "fixed",
    "minimum",
    "maximum",
)


class Ratio(click.ParamType[dict[str, int]]):
    """n/d, such as 2/100."""

    name = "n/d"

    def convert(self, value: Any, param: Any, ctx: Any) -> dict[str, int]:
        if isinstance(value, dict):
            return value
        n, slash, d = str(value).partition("/")
        if not (slash and n.isdecimal() and d.isdecimal() and int(d)):
            self.fail(t("Write it as 2/100.", "Escríbalo como 2/100."), param, ctx)
        return {"n": int(n), "d": int(d)}


RATIO: Final = Ratio()

kinds_option = click.option(
    "--kind",
    "kinds",
    type=CODE,
    multiple=True,
    required=True,
    help=t("A kind it is for; may come again.", "Un tipo al que se aplica; se repite."),
)
treasury_option = click.option(
    "--treasury",
    required=True,
    help=t("The account that receives it.", "La cuenta que lo recibe."),
)


def present(**given: Any) -> dict[str, Any]:
    """What was given, without what was not."""
    return {name: value for name, value in given.items() if value is not None}


async def put(
    place: Place, path: str, asked: dict[str, Any], what: str, names: Any, dry_run: bool
) -> None:
    """Set a rule and print it."""
    async with place.client() as client:
        answer, _ = await client.send("PUT", path, asked, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, what, names)
    else:
        place.one(answer, names)


async def remove(
    place: Place, path: str, query: dict[str, str], what: str, names: Any, dry_run: bool
) -> None:
    """Remove a rule."""
    async with place.client() as client:
        answer, _ = await client.send("DELETE", path, query={**query, **dry_query(dry_run)})
    if dry_run:
        place.dry(answer, what, names)
    elif place.json:
        print_json({"removed": True})
    else:
        place.console.print(t("Removed.", "Quitado."))


# ---- levies


@click.group(
    help=t(
        "What transfers pay to the treasury.", "Lo que los movimientos pagan a la tesorería."
    )
)
def levy_group() -> None:
    pass


@levy_group.command(
    "set",
    help=t(
        "Set the levy CODE from now on: a rate, a fixed amount, or both.",
        "Fija el cobro CODE desde ahora: una tasa, un importe fijo, o ambos.",
    ),
)
@click.argument("code")
@ledger_option
@kinds_option
@treasury_option
@click.option(
    "--payer",
    type=click.Choice(["debit", "credit"]),
    required=True,
    help=t(
        "debit: who pays, on top. credit: who is paid, out of it.",
        "debit: quien paga, además. credit: quien cobra, de lo cobrado.",
    ),
)
@click.option("--rate", type=RATIO, help=t("Such as 2/100.", "Por ejemplo 2/100."))
@click.option("--fixed", help=t("Such as 1.50.", "Por ejemplo 1.50."))
@click.option("--minimum", help=t("Never less than this.", "Nunca menos que esto."))
@click.option("--maximum", help=t("Never more than this.", "Nunca más que esto."))
@reason_option
@act_options
@dry_run_option
@speaks_to_service
async def set_levy(
    place: Place,
    code: str,
    ledger: str,
    kinds: tuple[str, ...],
    dry_run: bool,
    **given: Any,
) -> None:
    cited = act_of(given)
    asked = {"kinds": kinds, **present(**given), **cited}
    path = path_of("ledgers", ledger, "levies", code)
    await put(place, path, asked, "levy", LEVY, dry_run)


@levy_group.command("list", help=t("All levies.", "Todos los cobros."))
@ledger_option
@speaks_to_service
async def list_levies(place: Place, ledger: str) -> None:
    async with place.client() as client:
        answer = await client.get(path_of("ledgers", ledger, "levies"))
    place.rows(answer["levies"], LEVY)


@levy_group.command("remove", help=t("Remove the levy CODE.", "Quita el cobro CODE."))
@click.argument("code")
@ledger_option
@reason_option
@dry_run_option
@speaks_to_service
async def remove_levy(place: Place, code: str, ledger: str, reason: str, dry_run: bool) -> None:
    path = path_of("ledgers", ledger, "levies", code)
    await remove(place, path, {"reason": reason}, "levy", LEVY, dry_run)


# ---- demurrage, fees and their runs

DEMURRAGE: Final = (
    "currency",
    "since",
    "rate",
    "period",
    "exempt",
    "account",
    "spread",
)
FEE: Final = ("code", "amount", "currency", "kinds", "period", "treasury", "since")
RESERVE: Final = ("currency", "issuer", "reserve", "ratio")
CIRCULATION: Final = (
    "currency",
    "kind",
    "issued",
    "credit_outstanding",
    "balanced",
    "circulation",
    "in_reserve",
    "reserve_currency",
    "headroom",
)
RUN: Final = ("run", "currency", "collected", "collected_now", "unpaid", "given")
PARTS_AT_ONCE: Final = 8  # Of 4,000 accounts each, in a request.

period_option = click.option(
    "--period",
    type=click.Choice(["week", "month", "quarter", "year"]),
    required=True,
    help=t("How often.", "Cada cuánto."),
)
since_option = click.option(
    "--since",
    type=DAY,
    required=True,
    help=t(
        "For periods that begin on this day or later.",
        "Para los periodos que empiezan este día o después.",
    ),
)
currency_option = click.option(
    "--currency", required=True, help=t("Such as HRS.", "Por ejemplo HRS.")
)
run_period_option = click.option(
    "--period",
    "text",
    required=True,
    help=t(
        "Such as 2026-11, 2026-W48, 2026-Q4 or 2026.",
        "Por ejemplo 2026-11, 2026-W48, 2026-Q4 o 2026.",
    ),
)


async def run_period(place: Place, path: str, text: str, dry_run: bool) -> None:
    """Run a period a few parts at a time, and print what it came to in all."""
    found = parse_period(text)
    if found is None:
        raise click.BadParameter(
            t(
                "Write it as 2026-11, 2026-W48, 2026-Q4 or 2026.",
                "Escríbalo como 2026-11, 2026-W48, 2026-Q4 o 2026.",
            ),
            param_hint="--period",
        )
    asked: dict[str, Any] = {"period_end": found[1].last.isoformat()}
    if not dry_run:  # Dry, nothing of it is there for the next request to go on from.
        asked["parts_max"] = PARTS_AT_ONCE
    reports: list[dict[str, Any]] = []
    async with place.client() as client:
        with showing() as show:
            while True:
                answer, _ = await client.send("POST", path, asked, query=dry_query(dry_run))
                report = answer["run"] if dry_run else answer
                reports.append(report)
                show("run", report["done"], report["parts"])
                if "next" not in report:
                    break
                asked["after"] = report["next"]
    print_report(place, added(reports), dry_run)


def added(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """The reports of several requests as one."""
    total = dict(reports[-1])
    for name in ("collected", "collected_now", "unpaid"):  # What was given is of all of it.
        total[name] = str(sum(Decimal(report[name]) for report in reports))
    for name in ("unpaid_accounts", "waiting"):
        total[name] = [one for r in reports for one in r[name]]
    return total


def print_report(place: Place, report: dict[str, Any], dry_run: bool) -> None:
    """What a run came to, who still owes, and what waits."""
    if place.json:
        print_json(report)
        return
    if dry_run:
        said = t("Nothing was written. It would be:", "No se escribió nada. Quedaría así:")
        place.console.print(said)
    place.console.print(facts(report, RUN))
    if report["unpaid_accounts"]:
        place.console.print(
            table(report["unpaid_accounts"], ("account", "amount"), t("Unpaid", "Sin pagar"))
        )
    if report["waiting"]:
        said = t(
            "Waiting for approval; run it again once decided",
            "Espera autorización; repítalo cuando se decida",
        )
        place.console.print(table(report["waiting"], ("part", "amount", "proposal"), said))


@click.group(
    help=t("Demurrage: a charge on idle credit.", "Oxidación: un cobro al saldo ocioso.")
)
def demurrage_group() -> None:
    pass


@demurrage_group.command(
    "set",
    help=t(
        "Set the demurrage of a currency; an account of its own collects it.",
        "Fija la oxidación de una moneda; la recauda una cuenta propia.",
    ),
)
@ledger_option
@currency_option
@click.option("--rate", type=RATIO, required=True, help=t("Such as 1/100.", "Como 1/100."))
@period_option
@click.option(
    "--account", required=True, help=t("Which collects it.", "La cuenta que la recauda.")
)
@since_option
@click.option("--exempt", help=t("What is not charged.", "Lo que queda exento."))
@click.option(
    "--spread/--no-spread",
    default=False,
    help=t("Give it to the members in equal parts.", "Repartirla por igual entre socios."),
)
@reason_option
@act_options
@dry_run_option
@speaks_to_service
async def set_demurrage(
    place: Place,
    ledger: str,
    currency: str,
    since: datetime,
    dry_run: bool,
    **given: Any,
) -> None:
    cited = act_of(given)
    asked = {"since": since.date().isoformat(), **present(**given), **cited}
    path = path_of("ledgers", ledger, "currencies", currency, "demurrage")
    await put(place, path, asked, "demurrage", DEMURRAGE, dry_run)


@demurrage_group.command(
    "show",
    help=t(
        "All rules of a currency's demurrage: over, in force, and to come.",
        "Las reglas de oxidación de una moneda: pasadas, vigente y por venir.",
    ),
)
@ledger_option
@currency_option
@speaks_to_service
async def show_demurrage(place: Place, ledger: str, currency: str) -> None:
    path = path_of("ledgers", ledger, "currencies", currency, "demurrage")
    async with place.client() as client:
        found = await client.get(path)
    place.rows(found["rules"], ("standing", *DEMURRAGE))


@demurrage_group.command(
    "remove",
    help=t(
        "End it from a day on; what was owed before stays owed.",
        "La termina desde un día; lo que ya se debía se sigue debiendo.",
    ),
)
@ledger_option
@currency_option
@since_option
@reason_option
@dry_run_option
@speaks_to_service
async def remove_demurrage(
    place: Place, ledger: str, currency: str, since: datetime, reason: str, dry_run: bool
) -> None:
    path = path_of("ledgers", ledger, "currencies", currency, "demurrage")
    query = {"reason": reason, "since": since.date().isoformat()}
    await remove(place, path, query, "demurrage", DEMURRAGE, dry_run)


@demurrage_group.command(
    "run",
    help=t(
        "Charge what is owed up to the end of a period. It may be repeated: nobody is charged "
        "twice, and what was cut off goes on.",
        "Cobra lo que se debe hasta el fin de un periodo. Se puede repetir: a nadie se le "
        "cobra dos veces, y lo interrumpido continúa.",
    ),
)
@ledger_option
@currency_option
@run_period_option
@dry_run_option
@speaks_to_service
async def run_demurrage(
    place: Place, ledger: str, currency: str, text: str, dry_run: bool
) -> None:
    path = path_of("ledgers", ledger, "currencies", currency, "demurrage", "runs")
    await run_period(place, path, text, dry_run)


@click.group(help=t("Fees per period, such as membership.", "Cuotas por periodo."))
def fees_group() -> None:
    pass


@fees_group.command(
    "set",
    help=t("Set the fee CODE from now on.", "Fija la cuota CODE desde ahora."),
)
@click.argument("code")
@ledger_option
@click.option("--amount", required=True, help=t("Such as 2.00.", "Por ejemplo 2.00."))
@currency_option
@kinds_option
@period_option
@treasury_option
@since_option
@reason_option
@act_options
@dry_run_option
@speaks_to_service
async def set_fee(
    place: Place,
    code: str,
    ledger: str,
    kinds: tuple[str, ...],
    since: datetime,
    dry_run: bool,
    **given: Any,
) -> None:
    cited = act_of(given)
    asked = {"kinds": kinds, "since": since.date().isoformat(), **given, **cited}
    await put(place, path_of("ledgers", ledger, "fees", code), asked, "fee", FEE, dry_run)


@fees_group.command("list", help=t("All fees.", "Todas las cuotas."))
@ledger_option
@speaks_to_service
async def list_fees(place: Place, ledger: str) -> None:
    async with place.client() as client:
        answer = await client.get(path_of("ledgers", ledger, "fees"))
    place.rows(answer["fees"], FEE)


@fees_group.command("remove", help=t("Remove the fee CODE.", "Quita la cuota CODE."))
@click.argument("code")
@ledger_option
@reason_option
@dry_run_option
@speaks_to_service
async def remove_fee(place: Place, code: str, ledger: str, reason: str, dry_run: bool) -> None:
    path = path_of("ledgers", ledger, "fees", code)
    await remove(place, path, {"reason": reason}, "fee", FEE, dry_run)


@fees_group.command(
    "run",
    help=t(
        "Charge a fee for a period; repeated, only what was not paid.",
        "Cobra una cuota de un periodo; repetida, sólo lo no pagado.",
    ),
)
@ledger_option
@click.option("--code", required=True, help=t("Of the fee.", "De la cuota."))
@run_period_option
@dry_run_option
@speaks_to_service
async def run_fee(place: Place, ledger: str, code: str, text: str, dry_run: bool) -> None:
    path = path_of("ledgers", ledger, "fees", code, "runs")
    await run_period(place, path, text, dry_run)


# ---- issuance


@click.group(help=t("What backs a currency.", "Lo que respalda una moneda."))
def reserve_group() -> None:
    pass


@reserve_group.command(
    "set",
    help=t(
        "Let no more circulate than a ratio of what an account keeps.",
        "No deja circular más que una proporción de lo que guarda una cuenta.",
    ),
)
@ledger_option
@currency_option
@click.option("--issuer", required=True, help=t("It is issued from here.", "De aquí se emite."))
@click.option("--reserve", required=True, help=t("What backs it.", "La que la respalda."))
@click.option("--ratio", type=RATIO, required=True, help=t("Such as 1/1.", "Como 1/1."))
@reason_option
@act_options
@dry_run_option
@speaks_to_service
async def set_reserve(
    place: Place,
    ledger: str,
    currency: str,
    dry_run: bool,
    **given: Any,
) -> None:
    cited = act_of(given)
    asked = {**given, **cited}
    path = path_of("ledgers", ledger, "currencies", currency, "reserve")
    await put(place, path, asked, "reserve", RESERVE, dry_run)


@reserve_group.command("show", help=t("What backs it now.", "Lo que la respalda ahora."))
@ledger_option
@currency_option
@speaks_to_service
async def show_reserve(place: Place, ledger: str, currency: str) -> None:
    path = path_of("ledgers", ledger, "currencies", currency, "reserve")
    async with place.client() as client:
        place.one(await client.get(path), RESERVE)


@reserve_group.command("remove", help=t("Go without a reserve.", "Deja de tener reserva."))
@ledger_option
@currency_option
@reason_option
@dry_run_option
@speaks_to_service
async def remove_reserve(
    place: Place, ledger: str, currency: str, reason: str, dry_run: bool
) -> None:
    path = path_of("ledgers", ledger, "currencies", currency, "reserve")
    await remove(place, path, {"reason": reason}, "reserve", RESERVE, dry_run)


@click.command(
    "circulation",
    help=t(
        "What of each currency was issued, and the credit outstanding: the same.",
        "Lo emitido de cada moneda y el crédito vigente: son lo mismo.",
    ),
)
@ledger_option
@speaks_to_service
async def circulation(place: Place, ledger: str) -> None:
    async with place.client() as client:
        lines = (await client.get(path_of("ledgers", ledger, "circulation")))["currencies"]
    place.rows(lines, CIRCULATION)
    if not all(line["balanced"] for line in lines):
        raise Stop(t("The books do not balance.", "Los libros no cuadran."))
