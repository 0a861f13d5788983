"""Commands about who must approve, who accepts payments, and who accepts at once."""

import re
from typing import Any, Final

import click

from ledger.cli.client import path_of
from ledger.cli.options import (
    act_of,
    act_options,
    dry_query,
    dry_run_option,
    ledger_option,
    limit_option,
    reason_option,
    speaks_to_service,
)
from ledger.cli.show import Place, print_json
from ledger.cli.words import t
from ledger.core.model import Role

POLICY: Final = (
    "code",
    "kinds",
    "currency",
    "amount_from",
    "only_accounts",
    "makers",
    "approvals_needed",
    "expires_after",
    "hold",
)
WORKFLOW: Final = ("code", "starts", "accepts", "accept_after", "expires_after", "hold")
WHITELIST: Final = ("account", "partner")
MAKERS: Final = (Role.OPERATOR, Role.POSTER, Role.MEMBER)
SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


class Duration(click.ParamType[int]):
    """A time such as 2d, 36h or 90m, in seconds."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9]{1,8})([wdhms])", str(value), re.ASCII)
        if found is None:
            self.fail(
                t("Write it as 2d, 36h or 90m.", "Escríbalo como 2d, 36h o 90m."), param, ctx
            )
        return int(found[1]) * SECONDS[found[2]]


DURATION: Final = Duration()


def show_seconds(seconds: int) -> str:
    """The same time in the largest unit that says it whole."""
    letter = next(one for one, size in SECONDS.items() if seconds % size == 0)
    return f"{seconds // SECONDS[letter]}{letter}"


class Words(click.ParamType[list[str]]):
    """Codes with commas between them."""

    name = "codes"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[str]:
        if isinstance(value, list):
            return value
        return [word for word in str(value).split(",") if word]


WORDS: Final = Words()

expires_option = click.option(
    "--expires-after",
    type=DURATION,
    required=True,
    help=t("How long it waits, such as 2d.", "Cuánto espera, por ejemplo 2d."),
)


async def _set(
    place: Place,
    path: str,
    asked: dict[str, Any],
    dry_run: bool,
    row: dict[str, Any],
    names: Any,
) -> None:
    """Set a rule, and print it as it is from now on."""
    async with place.client() as client:
        answer, _ = await client.send("POST", path, asked, query=dry_query(dry_run))
    if dry_run:
        place.dry({**answer, "rule": asked["rule"] if place.json else row}, "rule", names)
    else:
        place.one({"code": asked["code"], "rule": asked["rule"]} if place.json else row, names)


async def _remove(place: Place, path: str, asked: dict[str, Any], dry_run: bool) -> None:
    """Remove a rule, or a partner from a whitelist."""
    async with place.client() as client:
        answer, _ = await client.send("POST", path, asked, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "")
        if not place.json:
            place.console.print(t("Removed.", "Quitado."))
    elif place.json:
        print_json({"removed": True})
    else:
        place.console.print(t("Removed.", "Quitado."))


# ---- who must approve


@click.group(
    help=t(
        "Rules of approval: what somebody else must approve.",
        "Reglas de autorización: lo que otra persona debe autorizar.",
    )
)
def policy_group() -> None:
    pass


def _policy_row(code: str, rule: dict[str, Any]) -> dict[str, Any]:
    """A rule as people read it: times as 2d."""
    return {
        **rule,
        "code": code,
        "only_accounts": rule.get("accounts", []),
        "approvals_needed": rule["approvals"],
        "expires_after": show_seconds(rule["expires_after"]),
    }


@policy_group.command(
    "set",
    help=t(
        "From now on let transfers wait until others approve them: those of these kinds, this "
        "currency, from this amount, of these accounts, entered by these roles. What is not "
        "given means any.",
        "Desde ahora, hace esperar la autorización de otros a los movimientos de estos tipos, "
        "esta moneda, desde este importe, de estas cuentas, capturados por estos papeles. Lo "
        "que no se da significa cualquiera.",
    ),
    epilog=t(
        "tequio policy set big --kinds withdrawal --currency MXN --from 50000.00 "
        "--approvals 1 --expires-after 2d --hold --reason board",
        "tequio policy set grandes --kinds retiro --currency MXN --from 50000.00 "
        "--approvals 1 --expires-after 2d --hold --reason consejo",
    ),
)
@click.argument("code")
@ledger_option
@click.option(
    "--kinds", type=WORDS, default=[], help=t("Kinds, by commas.", "Tipos, entre comas.")
)
@click.option("--currency", help=t("Only of this one.", "Sólo de ésta."))
@click.option(
    "--from",
    "least",
    help=t(
        "From this amount of one transfer; with --currency.",
        "Desde este importe por movimiento; con --currency.",
    ),
)
@click.option(
    "--accounts",
    type=WORDS,
    default=[],
    help=t("Accounts on either side, or ana*.", "Cuentas de cualquier lado, o ana*."),
)
@click.option(
    "--makers",
    type=WORDS,
    default=[],
    help=t("Roles that enter it: ", "Papeles que lo capturan: ") + ", ".join(MAKERS),
)
@click.option(
    "--approvals",
    type=click.IntRange(1),
    required=True,
    help=t("How many others must approve.", "Cuántos otros deben autorizar."),
)
@expires_option
@click.option(
    "--hold/--no-hold",
    default=False,
    help=t("Keep the amount back meanwhile.", "Retiene el importe mientras tanto."),
)
@reason_option
@act_options
@dry_run_option
@speaks_to_service
async def set_policy(
    place: Place,
    code: str,
    ledger: str,
    currency: str | None,
    least: str | None,
    reason: str,
    dry_run: bool,
    **given: Any,
) -> None:
    cited = act_of(given)
    rule: dict[str, Any] = {name: value for name, value in given.items() if value}
    if currency is not None:
        rule["currency"] = currency
    if least is not None:
        if currency is None:
            raise click.UsageError(
                t("--from goes with --currency.", "--from va con --currency.")
            )
        rule["amount_from"] = least
    asked = {"code": code, "reason": reason, "rule": rule, **cited}
    path = path_of("ledgers", ledger, "policies")
    await _set(place, path, asked, dry_run, _policy_row(code, rule), POLICY)


@policy_group.command("list", help=t("The rules.", "Las reglas."))
@ledger_option
@speaks_to_service
async def list_policies(place: Place, ledger: str) -> None:
    async with place.client() as client:
        found = (await client.get(path_of("ledgers", ledger, "policies")))["policies"]
    if place.json:
        print_json(found)
        return
    place.rows([_policy_row(one["code"], one["rule"]) for one in found], POLICY)


@policy_group.command(
    "remove",
    help=t(
        "End the rule CODE. What waits already goes on waiting.",
        "Termina la regla CODE. Lo que ya espera sigue en espera.",
    ),
)
@click.argument("code")
@ledger_option
@reason_option
@act_options
@dry_run_option
@speaks_to_service
async def remove_policy(
    place: Place,
    code: str,
    ledger: str,
    reason: str,
    dry_run: bool,
    **act: Any,
) -> None:
    asked = {"code": code, "reason": reason, **act_of(act)}
    await _remove(place, path_of("ledgers", ledger, "policies"), asked, dry_run)


# ---- who accepts


@click.group(
    help=t(
        "Workflows: who starts a payment and who accepts it.",
        "Flujos: quién inicia un pago y quién lo acepta.",
    )
)
def workflow_group() -> None:
    pass


def _workflow_row(code: str, rule: dict[str, Any]) -> dict[str, Any]:
    row = {**rule, "code": code}
    for name in ("accept_after", "expires_after"):
        if name in rule:
            row[name] = show_seconds(rule[name])
    return row


@workflow_group.command(
    "set",
    help=t(
        "Set the workflow CODE from now on.",
        "Fija el flujo CODE desde ahora.",
    ),
)
@click.argument("code")
@ledger_option
@click.option(
    "--starts",
    type=click.Choice(["payer", "payee", "third"]),
    required=True,
    help=t("Who starts it; third: an operator.", "Quién lo inicia; third: un operador."),
)
@click.option(
    "--accepts",
    type=click.Choice(["payer", "payee"]),
    help=t(
        "Who accepts it; else it is posted at once.", "Quién acepta; si no, se registra ya."
    ),
)
@click.option(
    "--accept-after",
    type=DURATION,
    help=t("Accepted anyway after this time.", "Se acepta sin más tras este tiempo."),
)
@expires_option
@click.option(
    "--hold/--no-hold",
    default=False,
    help=t("Keep the amount back meanwhile.", "Retiene el importe mientras tanto."),
)
@reason_option
@dry_run_option
@speaks_to_service
async def set_workflow(
    place: Place, code: str, ledger: str, reason: str, dry_run: bool, **given: Any
) -> None:
    rule = {name: value for name, value in given.items() if value}
    asked = {"code": code, "reason": reason, "rule": rule}
    path = path_of("ledgers", ledger, "workflows")
    await _set(place, path, asked, dry_run, _workflow_row(code, rule), WORKFLOW)


@workflow_group.command(
    "list",
    help=t(
        "The workflows, the shipped ones among them.", "Los flujos, también los de fábrica."
    ),
)
@ledger_option
@speaks_to_service
async def list_workflows(place: Place, ledger: str) -> None:
    async with place.client() as client:
        found = (await client.get(path_of("ledgers", ledger, "workflows")))["workflows"]
    rows = found if place.json else [_workflow_row(one["code"], one["rule"]) for one in found]
    place.rows(rows, WORKFLOW)


@workflow_group.command("remove", help=t("Remove the workflow CODE.", "Quita el flujo CODE."))
@click.argument("code")
@ledger_option
@reason_option
@dry_run_option
@speaks_to_service
async def remove_workflow(
    place: Place, code: str, ledger: str, reason: str, dry_run: bool
) -> None:
    path = path_of("ledgers", ledger, "workflows")
    await _remove(place, path, {"code": code, "reason": reason}, dry_run)


# ---- who accepts at once


@click.group(
    help=t(
        "Whitelists: whose payments an account accepts at once.",
        "Listas blancas: de quién acepta al instante una cuenta.",
    )
)
def whitelist_group() -> None:
    pass


account_argument = click.argument("account")
partner_argument = click.argument("partner")


@whitelist_group.command(
    "add",
    help=t(
        "Let ACCOUNT accept at once what PARTNER starts.",
        "La cuenta ACCOUNT acepta al instante lo que inicia PARTNER.",
    ),
)
@account_argument
@partner_argument
@ledger_option
@dry_run_option
@speaks_to_service
async def add_partner(
    place: Place, account: str, partner: str, ledger: str, dry_run: bool
) -> None:
    pair = {"account": account, "partner": partner}
    path = path_of("ledgers", ledger, "whitelist")
    async with place.client() as client:
        answer, _ = await client.send(
            "POST", path, {**pair, "on": True}, query=dry_query(dry_run)
        )
    if dry_run:
        place.dry({**answer, "whitelist": pair}, "whitelist", WHITELIST)
    else:
        place.one(pair, WHITELIST)


@whitelist_group.command(
    "remove",
    help=t(
        "Let ACCOUNT no more accept at once what PARTNER starts.",
        "La cuenta ACCOUNT ya no acepta al instante lo que inicia PARTNER.",
    ),
)
@account_argument
@partner_argument
@ledger_option
@dry_run_option
@speaks_to_service
async def remove_partner(
    place: Place, account: str, partner: str, ledger: str, dry_run: bool
) -> None:
    asked = {"account": account, "partner": partner, "on": False}
    await _remove(place, path_of("ledgers", ledger, "whitelist"), asked, dry_run)


@whitelist_group.command(
    "list", help=t("Who accepts whose payments.", "Quién acepta los pagos de quién.")
)
@ledger_option
@click.option("--account", help=t("Only this one's.", "Sólo la de ésta."))
@limit_option
@speaks_to_service
async def list_partners(place: Place, ledger: str, account: str | None, limit: int) -> None:
    path = path_of("ledgers", ledger, "whitelist")
    query = {} if account is None else {"account": account}
    place.rows(await place.take(path, "whitelist", limit, query), WHITELIST)
