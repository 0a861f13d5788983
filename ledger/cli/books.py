"""Commands about ledgers, their currencies and their keys."""

from typing import Any, Final

import click

from ledger.cli.client import path_of
from ledger.cli.options import (
    dry_query,
    dry_run_option,
    ledger_option,
    limit_option,
    speaks_to_service,
)
from ledger.cli.show import Place, facts, print_json
from ledger.cli.words import t
from ledger.core.model import Role

LEDGER: Final = (
    "code",
    "name",
    "origin",
    "time_zone",
    "public_key",
    "recorded_at",
    "size",
    "accounts",
    "batches",
    "transfers",
)
LEDGERS: Final = ("code", "name", "accounts", "transfers", "size", "time_zone")
CURRENCY: Final = ("code", "kind", "scale")
KEY: Final = ("key", "role", "poster", "accounts", "holder")

# ---- ledgers


@click.group(help=t("Create ledgers and look at them.", "Crea libros y los muestra."))
def ledger_group() -> None:
    pass


@ledger_group.command(
    "create",
    help=t(
        "Open the ledger CODE, such as caja-norte. It cannot be undone.",
        "Abre el libro CODE, por ejemplo caja-norte. No se puede deshacer.",
    ),
)
@click.argument("code")
@click.option("--name", required=True, help=t("Its full name.", "Su nombre completo."))
@click.option(
    "--time-zone",
    required=True,
    help=t("Such as America/Mexico_City.", "Por ejemplo America/Mexico_City."),
)
@click.option(
    "--unique-references",
    is_flag=True,
    help=t(
        "Take each reference of a source only once, for ever.",
        "Admite cada referencia de un origen una sola vez, para siempre.",
    ),
)
@dry_run_option
@speaks_to_service
async def create_ledger(
    place: Place, code: str, name: str, time_zone: str, unique_references: bool, dry_run: bool
) -> None:
    asked = {
        "code": code,
        "name": name,
        "time_zone": time_zone,
        "unique_references": unique_references,
    }
    async with place.client() as client:
        answer, _ = await client.send(
            "POST", path_of("ledgers"), asked, query=dry_query(dry_run)
        )
    if dry_run:
        place.dry(answer, "ledger", LEDGER)
    else:
        place.one(answer, LEDGER)


@ledger_group.command("list", help=t("The ledgers your key opens.", "Los libros a su alcance."))
@limit_option
@speaks_to_service
async def list_ledgers(place: Place, limit: int) -> None:
    place.rows(await place.take(path_of("ledgers"), "ledgers", limit), LEDGERS)


@ledger_group.command("show", help=t("One ledger.", "Un libro."))
@click.argument("code")
@speaks_to_service
async def show_ledger(place: Place, code: str) -> None:
    async with place.client() as client:
        place.one(await client.get(path_of("ledgers", code)), LEDGER)


# ---- currencies


@click.group(help=t("A ledger's currencies.", "Monedas de un libro."))
def currency_group() -> None:
    pass


@currency_group.command("create", help=t("Add a currency.", "Agrega una moneda."))
@click.argument("code")
@ledger_option
@click.option(
    "--kind",
    required=True,
    type=click.Choice(["national", "mutual_credit", "backed", "time"]),
    help=t("What stands behind it.", "Qué la respalda."),
)
@click.option(
    "--scale",
    required=True,
    type=click.IntRange(0, 6),
    help=t("How many decimals it has.", "Cuántos decimales tiene."),
)
@dry_run_option
@speaks_to_service
async def create_currency(
    place: Place, code: str, ledger: str, kind: str, scale: int, dry_run: bool
) -> None:
    asked = {"code": code, "kind": kind, "scale": scale}
    path = path_of("ledgers", ledger, "currencies")
    async with place.client() as client:
        answer, _ = await client.send("POST", path, asked, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "currency", CURRENCY)
    else:
        place.one(answer, CURRENCY)


@currency_group.command("list", help=t("All currencies.", "Todas las monedas."))
@ledger_option
@limit_option
@speaks_to_service
async def list_currencies(place: Place, ledger: str, limit: int) -> None:
    path = path_of("ledgers", ledger, "currencies")
    place.rows(await place.take(path, "currencies", limit), CURRENCY)


# ---- keys


@click.group(help=t("Give and revoke API keys.", "Da y revoca llaves."))
def key_group() -> None:
    pass


@key_group.command(
    "create",
    help=t(
        "Give a key of a ledger. Its secret is shown this once.",
        "Da una llave de un libro. Su secreto se muestra sólo esta vez.",
    ),
)
@ledger_option
@click.option(
    "--role",
    required=True,
    type=click.Choice([role.value for role in Role]),
    help=t("What it may do.", "Lo que puede hacer."),
)
@click.option(
    "--poster",
    default="",
    help=t("What its holder is called in the journal.", "Cómo se le llama en el diario."),
)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    help=t(
        "An account of a poster or member; member:* is all that begin so. May come again.",
        "Una cuenta de la que puede cargar; socio:* son todas las que empiezan así. Se repite.",
    ),
)
@click.option(
    "--holder-of",
    help=t(
        "Of a member: all accounts of whom this one belongs to, later ones too.",
        "De un socio: todas las cuentas del titular de esta, también las que abra después.",
    ),
)
@dry_run_option
@speaks_to_service
async def create_key(
    place: Place,
    ledger: str,
    role: str,
    poster: str,
    accounts: tuple[str, ...],
    holder_of: str | None,
    dry_run: bool,
) -> None:
    asked: dict[str, Any] = {"role": role}
    if poster:
        asked["poster"] = poster
    if accounts:
        asked["accounts"] = list(accounts)
    path = path_of("ledgers", ledger, "keys")
    async with place.client() as client:
        if holder_of is not None:
            account = await client.get(path_of("ledgers", ledger, "accounts", holder_of))
            asked["holder"] = account["holder"]
        answer, _ = await client.send("POST", path, asked, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "key", KEY)
    elif place.json:
        print_json(answer)
    else:
        place.console.print(facts(answer["key"], KEY))
        place.console.print(facts({t("secret", "secreto"): answer["secret"]}))
        click.echo(
            t(
                "Keep the secret: nobody can show it again.",
                "Guarde el secreto: nadie puede mostrarlo otra vez.",
            ),
            err=True,
        )


@key_group.command("list", help=t("The keys that work.", "Las llaves que sirven."))
@ledger_option
@speaks_to_service
async def list_keys(place: Place, ledger: str) -> None:
    async with place.client() as client:
        answer = await client.get(path_of("ledgers", ledger, "keys"))
    place.rows(answer["keys"], KEY)


@key_group.command("revoke", help=t("End a key, by its name.", "Revoca una llave."))
@click.argument("key_name", metavar="KEY")
@ledger_option
@dry_run_option
@speaks_to_service
async def revoke_key(place: Place, key_name: str, ledger: str, dry_run: bool) -> None:
    path = path_of("ledgers", ledger, "keys", key_name)
    async with place.client() as client:
        answer, _ = await client.send("DELETE", path, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "key", KEY)
    elif place.json:
        print_json({"revoked": key_name})
    else:
        place.console.print(t(f"{key_name} works no more.", f"{key_name} ya no sirve."))
