"""Commands about a ledger as it stands: ledgers, currencies, accounts, keys, trial balance."""

from datetime import date
from typing import Any, Final

import click

from ledger.cli.client import path_of
from ledger.cli.limits import act_of, act_options, all_changes
from ledger.cli.show import (
    Place,
    dry_query,
    dry_run_option,
    facts,
    ledger_option,
    print_json,
    speaks_to_service,
    table,
)
from ledger.cli.words import Stop, t
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
ACCOUNT: Final = (
    "code",
    "currency",
    "nature",
    "kind",
    "status",
    "balance",
    "available",
    "lower_bound",
    "upper_bound",
)
ONE_ACCOUNT: Final = (
    *ACCOUNT,
    "current_value",
    "soft_bounds",
    "pending_debits",
    "pending_credits",
)
STATUSES: Final = ("leaf_index", "recorded_at", "status", "reason", "by", "order")
KEY: Final = ("key", "role", "poster", "accounts")
STATEMENT: Final = (
    "sequence",
    "business_date",
    "kind",
    "reference",
    "other_account",
    "debits",
    "credits",
    "balance",
)
BALANCE: Final = ("adjustments", "currency", "nature", "balance")
TRIAL: Final = ("opening_balance", "debits", "credits", "closing_balance")
DAY: Final = click.DateTime(["%Y-%m-%d"])

limit_option = click.option(
    "--limit",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help=t("At most so many.", "Cuántos como máximo."),
)


async def take(
    place: Place, path: str, name: str, limit: int, query: dict[str, Any] | None = None
) -> list[Any]:
    """The first rows of a list, and a hint where there are more."""
    found: list[Any] = []
    asked = {**(query or {}), "limit": min(limit + 1, 1000)}
    async with place.client() as client:
        async for page in client.pages(path, name, asked):
            found += page
            if len(found) > limit:
                break
    if len(found) > limit and not place.json:
        more = t(f"The first {limit}; --limit shows more.", f"Los primeros {limit}; hay más.")
        click.echo(more, err=True)
    return found[:limit]


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
    place.rows(await take(place, path_of("ledgers"), "ledgers", limit), LEDGERS)


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
    place.rows(await take(place, path, "currencies", limit), CURRENCY)


# ---- accounts


@click.group(help=t("Accounts, their limits and statements.", "Cuentas, límites y estados."))
def account_group() -> None:
    pass


@account_group.command(
    "create",
    help=t(
        "Open accounts, all of them or none. Use codes of your own, never a person's name or "
        "official number.",
        "Abre cuentas, todas o ninguna. Use códigos propios, nunca el nombre ni la CURP de "
        "una persona.",
    ),
)
@click.argument("codes", nargs=-1, required=True)
@ledger_option
@click.option("--currency", required=True, help=t("Such as MXN.", "Por ejemplo MXN."))
@click.option(
    "--nature",
    type=click.Choice(["credit", "debit"]),
    default="credit",
    show_default=True,
    help=t("credit: savings, debts. debit: cash.", "credit: ahorro, deudas. debit: caja."),
)
@click.option(
    "--kind",
    default="member",
    show_default=True,
    help=t("A word of your own, such as cash.", "Una palabra propia, como cash."),
)
@click.option(
    "--lower-bound",
    default="0",
    show_default=True,
    help=t(
        "How low the balance may go: -500 is a credit limit of 500; none for no bound.",
        "Hasta dónde puede bajar: -500 es un límite de crédito de 500; none, sin límite.",
    ),
)
@click.option(
    "--upper-bound",
    default="none",
    show_default=True,
    help=t("How high it may go.", "Hasta dónde puede subir."),
)
@click.option(
    "--confirm-personal-code",
    is_flag=True,
    help=t(
        "Take a code that looks like a CURP or RFC.", "Admite un código que parece CURP o RFC."
    ),
)
@dry_run_option
@speaks_to_service
async def create_accounts(
    place: Place, codes: tuple[str, ...], ledger: str, dry_run: bool, **given: Any
) -> None:
    asked = {"accounts": [{"code": code, **given} for code in codes]}
    path = path_of("ledgers", ledger, "accounts")
    async with place.client() as client:
        answer, _ = await client.send("POST", path, asked, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "accounts", ACCOUNT)
    else:
        place.rows(answer["accounts"], ACCOUNT)


@account_group.command("list", help=t("Accounts as they stand.", "Las cuentas como están."))
@ledger_option
@limit_option
@speaks_to_service
async def list_accounts(place: Place, ledger: str, limit: int) -> None:
    path = path_of("ledgers", ledger, "accounts")
    place.rows(await take(place, path, "accounts", limit), ACCOUNT)


@account_group.command("show", help=t("One account.", "Una cuenta."))
@click.argument("code")
@ledger_option
@speaks_to_service
async def show_account(place: Place, code: str, ledger: str) -> None:
    async with place.client() as client:
        found = await client.get(path_of("ledgers", ledger, "accounts", code))
    place.one(found, ONE_ACCOUNT)


async def change(
    place: Place, ledger: str, code: str, asked: dict[str, Any], dry_run: bool
) -> None:
    path = path_of("ledgers", ledger, "accounts", code)
    async with place.client() as client:
        answer, _ = await client.send("PATCH", path, asked, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "account", ONE_ACCOUNT)
    else:
        place.one(answer, ONE_ACCOUNT)


reason_option = click.option(
    "--reason",
    required=True,
    help=t(
        "A code such as court_order; it stays in the journal.",
        "Un código como orden_judicial; queda en el diario.",
    ),
)


order_option = click.option(
    "--order",
    help=t(
        "The authority's order; only with a key of the role compliance.",
        "El oficio de la autoridad; sólo con una llave de cumplimiento.",
    ),
)


def _status_command(name: str, status: str, en: str, es: str) -> None:
    @account_group.command(name, help=t(en, es))
    @click.argument("code")
    @ledger_option
    @reason_option
    @order_option
    @dry_run_option
    @speaks_to_service
    async def command(
        place: Place, code: str, ledger: str, reason: str, order: str | None, dry_run: bool
    ) -> None:
        cited = {} if order is None else {"order": order}
        asked = {"status": status, "reason": reason, **cited}
        await change(place, ledger, code, asked, dry_run)


@account_group.command(
    "freeze",
    help=t(
        "Let nothing in or out for now, or only one of these.",
        "No deja entrar ni salir nada, o sólo una de las dos cosas.",
    ),
)
@click.argument("code")
@ledger_option
@click.option(
    "--only",
    type=click.Choice(["debits", "credits"]),
    help=t("Let only debits, or only credits, not pass.", "Sólo cargos, o sólo abonos."),
)
@reason_option
@order_option
@dry_run_option
@speaks_to_service
async def freeze_account(
    place: Place,
    code: str,
    ledger: str,
    only: str | None,
    reason: str,
    order: str | None,
    dry_run: bool,
) -> None:
    status = f"frozen_{only}" if only else "frozen"
    cited = {} if order is None else {"order": order}
    await change(place, ledger, code, {"status": status, "reason": reason, **cited}, dry_run)


_status_command("unfreeze", "open", "Open a frozen account again.", "Libera una cuenta.")
_status_command("reopen", "open", "Open a closed account again.", "Reabre una cuenta.")


@account_group.command(
    "close",
    help=t(
        "Close an account; its balance must be zero, or goes to the account --remaining-to. "
        "A debt goes only to one of kind loss, citing an act.",
        "Cierra una cuenta; su saldo debe ser cero, o pasa a la cuenta --remaining-to. Una "
        "deuda sólo pasa a una de tipo loss, citando un acta.",
    ),
)
@click.argument("code")
@ledger_option
@click.option("--remaining-to", help=t("Takes its balance.", "Recibe su saldo."))
@reason_option
@order_option
@act_options
@dry_run_option
@speaks_to_service
async def close_account(
    place: Place,
    code: str,
    ledger: str,
    remaining_to: str | None,
    reason: str,
    order: str | None,
    dry_run: bool,
    **act: Any,
) -> None:
    asked: dict[str, Any] = {"status": "closed", "reason": reason, **act_of(**act)}
    given = {"remaining_to": remaining_to, "order": order}
    asked |= {name: text for name, text in given.items() if text is not None}
    await change(place, ledger, code, asked, dry_run)


@account_group.command(
    "statuses",
    help=t(
        "How an account was frozen, closed and opened, by whom and why.",
        "Cómo se congeló, cerró y abrió una cuenta, por quién y por qué.",
    ),
)
@click.argument("code")
@ledger_option
@speaks_to_service
async def statuses(place: Place, code: str, ledger: str) -> None:
    place.rows(await all_changes(place, ledger, code, "statuses"), STATUSES)


@account_group.command(
    "limit", help=t("Change how low and how high it may go.", "Cambia sus límites.")
)
@click.argument("code")
@ledger_option
@click.option("--lower", help=t("Such as -500.00, or none.", "Como -500.00, o none."))
@click.option("--upper", help=t("Such as 2000.00, or none.", "Como 2000.00, o none."))
@click.option(
    "--soft",
    type=click.Choice(["none", "lower", "upper", "both"]),
    help=t(
        "Which of them may be passed, and is then flagged.",
        "Cuáles se pueden pasar, y entonces queda señalado.",
    ),
)
@reason_option
@dry_run_option
@speaks_to_service
async def limit_account(
    place: Place,
    code: str,
    ledger: str,
    lower: str | None,
    upper: str | None,
    soft: str | None,
    reason: str,
    dry_run: bool,
) -> None:
    asked = {"reason": reason}
    if lower is not None:
        asked["lower_bound"] = lower
    if upper is not None:
        asked["upper_bound"] = upper
    if soft is not None:
        asked["soft_bounds"] = soft
    if len(asked) == 1:
        raise click.UsageError(
            t("Give --lower, --upper or --soft.", "Dé --lower, --upper o --soft.")
        )
    await change(place, ledger, code, asked, dry_run)


@account_group.command(
    "statement",
    help=t(
        "Opening balance, every transfer with the balance after it, closing balance.",
        "Saldo inicial, cada movimiento con su saldo, saldo final.",
    ),
)
@click.argument("code")
@ledger_option
@click.option("--from", "first", type=DAY, help=t("First day.", "Primer día."))
@click.option("--to", "last", type=DAY, help=t("Last day.", "Último día."))
@speaks_to_service
async def statement(place: Place, code: str, ledger: str, first: Any, last: Any) -> None:
    path = path_of("ledgers", ledger, "accounts", code, "statement")
    query: dict[str, Any] = {"limit": 1000}
    if first is not None:
        query["from"] = first.date().isoformat()
    if last is not None:
        query["to"] = last.date().isoformat()
    async with place.client() as client:
        whole = await client.get(path, query)
        page = whole
        while "next" in page:
            page = await client.get(path, {**query, "cursor": page["next"]})
            whole["transfers"] += page["transfers"]
            whole["closing_balance"] = page["closing_balance"]
    whole.pop("next", None)
    if place.json:
        print_json(whole)
        return
    print_statement(place, whole)


known_option = click.option(
    "--as-known-on",
    metavar="MOMENT",
    help=t(
        "Count only what was recorded until then: 2026-02-05T12:00:00Z.",
        "Cuenta sólo lo registrado hasta entonces: 2026-02-05T12:00:00Z.",
    ),
)
adjustments_option = click.option(
    "--adjustments",
    is_flag=True,
    help=t(
        "With the adjustments to the year that ends on the last day.",
        "Con los ajustes del año que termina el último día.",
    ),
)


@account_group.command(
    "balance",
    help=t(
        "What its balance was at the end of a business day, also as it was known then.",
        "El saldo que tenía al cierre de un día contable, también como se conocía entonces.",
    ),
)
@click.argument("code")
@ledger_option
@click.option("--on", type=DAY, help=t("The day.", "El día."))
@known_option
@adjustments_option
@speaks_to_service
async def past_balance(
    place: Place,
    code: str,
    ledger: str,
    on: Any,
    as_known_on: str | None,
    adjustments: bool,
) -> None:
    query = _known(as_known_on, adjustments)
    if on is not None:
        query["on"] = on.date().isoformat()
    async with place.client() as client:
        path = path_of("ledgers", ledger, "accounts", code, "balance")
        place.one(await client.get(path, query), ("account", "on", "as_known_on", *BALANCE))


def _known(as_known_on: str | None, adjustments: bool) -> dict[str, Any]:
    query: dict[str, Any] = {"adjustments": "true"} if adjustments else {}
    return {**query, **({} if as_known_on is None else {"as_known_on": as_known_on})}


def print_statement(place: Place, whole: dict[str, Any]) -> None:
    """A statement as people know it: debits and credits in columns of their own."""
    for line in whole["transfers"]:
        line["debits" if line["side"] == "debit" else "credits"] = line["amount"]
    place.console.print(facts(whole, ("account", "currency", "opening_balance")))
    place.console.print(table(whole["transfers"], STATEMENT))
    place.console.print(facts(whole, ("closing_balance",)))


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
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
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
@dry_run_option
@speaks_to_service
async def create_key(
    place: Place,
    ledger: str,
    role: str,
    poster: str,
    accounts: tuple[str, ...],
    dry_run: bool,
) -> None:
    asked: dict[str, Any] = {"role": role}
    if poster:
        asked["poster"] = poster
    if accounts:
        asked["accounts"] = list(accounts)
    path = path_of("ledgers", ledger, "keys")
    async with place.client() as client:
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


# ---- trial balance


@click.command(
    "trial-balance",
    help=t(
        "Opening balances, debits, credits and closing balances of a period.",
        "Saldos iniciales, cargos, abonos y saldos finales de un periodo.",
    ),
)
@ledger_option
@click.option("--from", "first", type=DAY, help=t("First business day.", "Primer día."))
@click.option("--to", "last", type=DAY, help=t("Last business day.", "Último día."))
@click.option(
    "--period",
    help=t(
        "A month instead: 2026-01; 2025-13 is the adjustments to 2025.",
        "O un mes: 2026-01; 2025-13 son los ajustes de 2025.",
    ),
)
@known_option
@adjustments_option
@click.option(
    "--by",
    type=click.Choice(["account", "kind"]),
    default="account",
    show_default=True,
    help=t("A line for each account, or each kind.", "Una línea por cuenta o por tipo."),
)
@speaks_to_service
async def trial_balance(
    place: Place,
    ledger: str,
    first: Any,
    last: Any,
    period: str | None,
    as_known_on: str | None,
    adjustments: bool,
    by: str,
) -> None:
    if (period is None) is (first is None or last is None) or bool(period and (first or last)):
        raise click.UsageError(
            t("Give --from and --to, or --period.", "Dé --from y --to, o --period.")
        )
    query: dict[str, Any] = {"by": by, **_known(as_known_on, adjustments)}
    if period is None:
        query |= {"from": first.date().isoformat(), "to": last.date().isoformat()}
    else:
        query["period"] = period
    whole = await _all_of_trial_balance(place, ledger, query)
    if place.json:
        print_json(whole)
        return
    print_trial_balance(place, whole, by)
    if not all(total["balanced"] for total in whole["totals"]):
        raise Stop(t("The books do not balance.", "Los libros no cuadran."))


async def fetch_trial_balance(
    place: Place, ledger: str, first: date, last: date, by: str
) -> dict[str, Any]:
    """All pages of a trial balance between two days as one."""
    days = {"from": first.isoformat(), "to": last.isoformat()}
    return await _all_of_trial_balance(place, ledger, {**days, "by": by})


async def _all_of_trial_balance(
    place: Place, ledger: str, query: dict[str, Any]
) -> dict[str, Any]:
    path = path_of("ledgers", ledger, "trial-balance")
    whole: dict[str, Any] = {}
    async with place.client() as client:
        page = whole = await client.get(path, query)
        while "next" in page:
            page = await client.get(path, {**query, "after": page["next"]})
            whole["lines"] += page["lines"]
    whole.pop("next", None)
    return whole


def print_trial_balance(place: Place, whole: dict[str, Any], by: str) -> None:
    """A trial balance, and what it amounts to on both sides."""
    names = ("currency", "account", "kind") if by == "account" else ("currency", "kind")
    place.console.print(table(whole["lines"], (*names, "nature", *TRIAL)))
    sides = ("opening_debit", "opening_credit", "debits", "credits")
    totals = ("currency", *sides, "closing_debit", "closing_credit", "balanced")
    place.console.print()
    place.console.print(table(whole["totals"], totals))
