"""Commands about accounts: open, freeze, close them, and read how they stand and stood."""

from typing import Any, Final

import click

from ledger.cli.client import path_of
from ledger.cli.limits import all_changes
from ledger.cli.options import (
    CODE,
    DAY,
    act_of,
    act_options,
    adjustments_option,
    dry_query,
    dry_run_option,
    known_option,
    known_query,
    ledger_option,
    limit_option,
    reason_option,
    speaks_to_service,
)
from ledger.cli.show import Place, facts, print_json, table
from ledger.cli.words import t

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
    type=CODE,
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
@click.option(
    "--holder-of",
    help=t("They belong to whom this account does.", "Son del mismo titular que esta cuenta."),
)
@dry_run_option
@speaks_to_service
async def create_accounts(
    place: Place,
    codes: tuple[str, ...],
    ledger: str,
    holder_of: str | None,
    dry_run: bool,
    **given: Any,
) -> None:
    if holder_of is not None:
        given["holder_of"] = holder_of
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
    place.rows(await place.take(path, "accounts", limit), ACCOUNT)


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
    @act_options
    @dry_run_option
    @speaks_to_service
    async def command(
        place: Place,
        code: str,
        ledger: str,
        reason: str,
        order: str | None,
        dry_run: bool,
        **act: Any,
    ) -> None:
        asked = {"status": status, "reason": reason, **_cited(order, act)}
        await change(place, ledger, code, asked, dry_run)


def _cited(order: str | None, act: dict[str, Any]) -> dict[str, Any]:
    """The authority's order and the decision that a change of status cites, if any."""
    return {**({} if order is None else {"order": order}), **act_of(act)}


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
@act_options
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
    **act: Any,
) -> None:
    status = f"frozen_{only}" if only else "frozen"
    asked = {"status": status, "reason": reason, **_cited(order, act)}
    await change(place, ledger, code, asked, dry_run)


_status_command("unfreeze", "open", "Open a frozen account again.", "Libera una cuenta.")
_status_command("reopen", "open", "Open a closed account again.", "Reabre una cuenta.")


@account_group.command(
    "close",
    help=t(
        "Close an account; its balance must be zero, or goes to the account --remaining-to. "
        "A debt goes only to one of kind loss, citing an act; what a debit account has, also "
        "to another of its kind.",
        "Cierra una cuenta; su saldo debe ser cero, o pasa a la cuenta --remaining-to. Una "
        "deuda sólo pasa a una de tipo loss, citando un acta; lo de una cuenta deudora, "
        "también a otra de su mismo tipo.",
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
    asked: dict[str, Any] = {"status": "closed", "reason": reason, **act_of(act)}
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
@adjustments_option
@speaks_to_service
async def statement(
    place: Place, code: str, ledger: str, first: Any, last: Any, adjustments: bool
) -> None:
    path = path_of("ledgers", ledger, "accounts", code, "statement")
    query: dict[str, Any] = {"limit": 1000, **known_query(None, adjustments)}
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
    query = known_query(as_known_on, adjustments)
    if on is not None:
        query["on"] = on.date().isoformat()
    async with place.client() as client:
        path = path_of("ledgers", ledger, "accounts", code, "balance")
        place.one(await client.get(path, query), ("account", "on", "as_known_on", *BALANCE))


def print_statement(place: Place, whole: dict[str, Any]) -> None:
    """A statement as people know it: debits and credits in columns of their own."""
    for line in whole["transfers"]:
        line["debits" if line["side"] == "debit" else "credits"] = line["amount"]
    place.console.print(facts(whole, ("account", "currency", "opening_balance")))
    place.console.print(table(whole["transfers"], STATEMENT))
    place.console.print(facts(whole, ("closing_balance",)))
