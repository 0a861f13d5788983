"""Commands about the rules of a ledger: levies."""

from datetime import datetime
from typing import Any, Final

import click

from ledger.cli.books import DAY, reason_option
from ledger.cli.client import path_of
from ledger.cli.show import (
    Place,
    dry_query,
    dry_run_option,
    ledger_option,
    print_json,
    speaks_to_service,
)
from ledger.cli.words import t

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
    multiple=True,
    required=True,
    help=t("A kind it is for; may come again.", "Un tipo al que se aplica; se repite."),
)
treasury_option = click.option(
    "--treasury",
    required=True,
    help=t("The account that receives it.", "La cuenta que lo recibe."),
)


def act_options(command: Any) -> Any:
    """--act, --act-date and --act-hash: the decision a command cites."""
    for name, kind, help_text in (
        ("--act-hash", str, t("SHA-256 of its document.", "SHA-256 de su documento.")),
        ("--act-date", DAY, t("Its date.", "Su fecha.")),
        ("--act", str, t("Number of the act that decided it.", "Número del acta.")),
    ):
        command = click.option(name, type=kind, help=help_text)(command)
    return command


def act_of(act: str | None, act_date: datetime | None, act_hash: str | None) -> dict[str, Any]:
    """The act as it is sent; all of it or nothing."""
    if act is None and act_date is None and act_hash is None:
        return {}
    if act is None or act_date is None or act_hash is None:
        raise click.UsageError(
            t(
                "Give --act, --act-date and --act-hash together.",
                "Dé --act, --act-date y --act-hash juntos.",
            )
        )
    cited = {"number": act, "date": act_date.date().isoformat(), "hash": act_hash}
    return {"act": cited}


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
        "Fija el cargo CODE desde ahora: una tasa, un importe fijo, o ambos.",
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
    act: str | None,
    act_date: datetime | None,
    act_hash: str | None,
    dry_run: bool,
    **given: Any,
) -> None:
    asked = {"kinds": kinds, **present(**given), **act_of(act, act_date, act_hash)}
    path = path_of("ledgers", ledger, "levies", code)
    await put(place, path, asked, "levy", LEVY, dry_run)


@levy_group.command("list", help=t("All levies.", "Todos los cargos."))
@ledger_option
@speaks_to_service
async def list_levies(place: Place, ledger: str) -> None:
    async with place.client() as client:
        answer = await client.get(path_of("ledgers", ledger, "levies"))
    place.rows(answer["levies"], LEVY)


@levy_group.command("remove", help=t("Remove the levy CODE.", "Quita el cargo CODE."))
@click.argument("code")
@ledger_option
@reason_option
@dry_run_option
@speaks_to_service
async def remove_levy(place: Place, code: str, ledger: str, reason: str, dry_run: bool) -> None:
    path = path_of("ledgers", ledger, "levies", code)
    await remove(place, path, {"reason": reason}, "levy", LEVY, dry_run)
