"""Commands about what waits for others: payments, approvals, and transfers in dispute."""

import uuid
from datetime import datetime
from typing import Any, Final

import click

from ledger.cli.client import Refused, path_of
from ledger.cli.options import (
    CODE,
    DAY,
    dry_query,
    dry_run_option,
    ledger_option,
    limit_option,
    speaks_to_service,
)
from ledger.cli.posting import BATCH, PROPOSAL, present, print_slip, print_spent, send_once
from ledger.cli.show import Place, print_json, table
from ledger.cli.words import day_of, t
from ledger.core.proposals import LATER

TRANSFER: Final = (
    "debit_account",
    "credit_account",
    "amount",
    "currency",
    "kind",
    "reference",
    "description",
    "entered_by",
)
REFUSED: Final = ("id", "code", "sentence", "recorded_at", "leaf_index")
DISPUTE: Final = ("sequence", "since", "due", "overdue_since", "by", "reason")
DISPUTE_DAYS: Final = ("since", "overdue_since", "ended_at")
ENDED: Final = (
    "sequence",
    "since",
    "due",
    "reason",
    "outcome",
    "linked",
    "ended_at",
    "ended_by",
)

batch_argument = click.argument("batch_id", metavar="ID", type=click.UUID)
user_option = click.option(
    "--user", help=t("The person who says so, a code.", "La persona que lo dice, un código.")
)
reason_option = click.option(
    "--reason", type=CODE, help=t("Why, a code.", "Por qué, un código.")
)


@click.command(
    "proposals",
    help=t(
        "What waits until others approve or accept it; with ID one of them in full, or once "
        "it was decided, what became of it.",
        "Lo que espera autorización o aceptación; con ID, una propuesta completa, o si ya se "
        "decidió, qué fue de ella.",
    ),
)
@click.argument("batch_id", metavar="[ID]", type=click.UUID, required=False)
@ledger_option
@limit_option
@speaks_to_service
async def proposals(place: Place, batch_id: uuid.UUID | None, ledger: str, limit: int) -> None:
    if batch_id is None:
        path = path_of("ledgers", ledger, "proposals")
        place.rows(await place.take(path, "proposals", limit), PROPOSAL)
        return
    try:
        async with place.client() as client:
            found = await client.get(path_of("ledgers", ledger, "proposals", str(batch_id)))
    except Refused as problem:
        if problem.code != "proposal_not_found":
            raise
        await print_spent(place, ledger, batch_id)
        return
    place.one(found, PROPOSAL)
    if not place.json:
        place.console.print()
        place.console.print(table(found["transfers"], TRANSFER))


async def decide(
    place: Place, ledger: str, batch_id: uuid.UUID, what: str, dry_run: bool, **said: Any
) -> None:
    """Say something of a proposal, and print what came of it."""
    path = path_of("ledgers", ledger, "proposals", str(batch_id), what)
    try:
        async with place.client() as client:
            answer, _ = await client.send(
                "POST", path, present(**said), query=dry_query(dry_run)
            )
    except Refused as problem:
        if not dry_run and problem.code in LATER and "leaf_index" not in problem.document:
            said_so = t("It waits on; try again later.", "Sigue en espera; intente más tarde.")
            click.echo(said_so, err=True)
        raise
    if dry_run:
        place.dry(answer, "outcomes", ("debit_balance", "credit_balance", "code", "sentence"))
    elif place.json:
        print_json(answer)
    elif "receipt" in answer:
        place.one(answer["receipt"], BATCH)
    elif "refused" in answer:
        place.one(answer["refused"], REFUSED)
    else:
        place.one(answer["proposal"], PROPOSAL)


def decision(name: str, en: str, es: str) -> click.Command:
    """A command that says something of a proposal."""

    @click.command(name, help=t(en, es))
    @batch_argument
    @ledger_option
    @user_option
    @reason_option
    @dry_run_option
    @speaks_to_service
    async def command(
        place: Place, batch_id: uuid.UUID, ledger: str, dry_run: bool, **said: Any
    ) -> None:
        await decide(place, ledger, batch_id, name, dry_run, **said)

    return command


approve = decision(
    "approve",
    "Approve the proposal ID that somebody else made.",
    "Autoriza la propuesta ID que capturó otra persona.",
)
accept = decision(
    "accept",
    "Accept the payment ID that the other party started.",
    "Acepta el pago ID que inició la otra parte.",
)
decline = decision("decline", "Decline the proposal ID.", "Rechaza la propuesta ID.")
cancel = decision(
    "cancel",
    "Take back the proposal ID of one's own.",
    "Cancela la propuesta propia ID.",
)


@click.command(
    "pay",
    help=t(
        "Start a payment by a workflow such as bill or credit. --dry-run shows its levies and "
        "the balances after it, and promises nothing.",
        "Inicia un pago según un flujo como bill o credit. --dry-run muestra sus cuotas y los "
        "saldos que quedarían, sin prometer nada.",
    ),
)
@ledger_option
@click.option("--workflow", required=True, help=t("Such as bill.", "Por ejemplo bill."))
@click.option("--payer", required=True, help=t("Account that pays.", "Cuenta que paga."))
@click.option("--payee", required=True, help=t("Account that is paid.", "Cuenta que cobra."))
@click.option("--amount", required=True, help=t("Such as 125.50.", "Por ejemplo 125.50."))
@click.option("--currency", required=True, help=t("Such as HRS.", "Por ejemplo HRS."))
@click.option("--kind", type=CODE, help=t("Such as purchase.", "Por ejemplo compra."))
@click.option("--reference", help=t("Your own number for it.", "Su propio número."))
@click.option("--description", help=t("Free text; erasable.", "Texto libre; se puede borrar."))
@click.option("--entered-by", help=t("Who entered it, a code.", "Quién capturó, un código."))
@click.option("--id", "sent_id", type=click.UUID, help=t("Its id.", "Su id."))
@dry_run_option
@speaks_to_service
async def pay(
    place: Place, ledger: str, sent_id: uuid.UUID | None, dry_run: bool, **given: Any
) -> None:
    path = path_of("ledgers", ledger, "payments")
    print_slip(place, await send_once(place, path, present(**given), sent_id, dry_run))


@click.command(
    "dispute",
    help=t(
        "Contest the transfer SEQUENCE with --reason, or end that with --outcome.",
        "Abre una aclaración del movimiento SEQUENCE (su folio) con --reason, o la cierra con "
        "--outcome.",
    ),
)
@click.argument("sequence", type=click.IntRange(1))
@ledger_option
@reason_option
@click.option(
    "--due", type=DAY, help=t("By which day it should end.", "Para qué día debe cerrarse.")
)
@click.option(
    "--outcome", type=CODE, help=t("How it ended, a code.", "En qué terminó, un código.")
)
@click.option(
    "--linked",
    type=click.IntRange(1),
    help=t("The transfer that made it good.", "El folio que lo reparó."),
)
@dry_run_option
@speaks_to_service
async def dispute(
    place: Place,
    sequence: int,
    ledger: str,
    reason: str | None,
    due: datetime | None,
    outcome: str | None,
    linked: int | None,
    dry_run: bool,
) -> None:
    if (reason is None) is (outcome is None):
        raise click.UsageError(
            t("Give --reason to open, or --outcome to end.", "Dé --reason u --outcome.")
        )
    parts: list[str | int] = ["ledgers", ledger, "transfers", sequence, "dispute"]
    if outcome is None:
        asked = present(reason=reason, due=due)
    else:
        parts.append("end")
        asked = present(outcome=outcome, linked=linked)
    async with place.client() as client:
        answer, _ = await client.send("POST", path_of(*parts), asked, query=dry_query(dry_run))
    if dry_run:
        place.dry(answer, "")
    elif place.json:
        print_json(answer)
    elif outcome is None:
        place.console.print(
            t(f"Transfer {sequence} is in dispute.", f"El folio {sequence} está en aclaración.")
        )
    else:
        place.console.print(
            t(f"The dispute about {sequence} ended.", f"Se cerró la aclaración de {sequence}.")
        )


@click.command(
    "disputes",
    help=t(
        "Transfers in dispute; with --state those that should have ended, or that ended.",
        "Movimientos en aclaración; con --state, las vencidas o las ya cerradas.",
    ),
)
@ledger_option
@click.option(
    "--state",
    type=click.Choice(["open", "overdue", "ended"]),
    default="open",
    show_default=True,
    help=t("Which of them.", "Cuáles: abiertas, vencidas o cerradas."),
)
@limit_option
@speaks_to_service
async def disputes(place: Place, ledger: str, state: str, limit: int) -> None:
    path = path_of("ledgers", ledger, "disputes")
    found = await place.take(path, "disputes", limit, {"state": state})
    if not place.json:
        found = [
            one | {name: day_of(one[name]) for name in DISPUTE_DAYS if name in one}
            for one in found
        ]
    place.rows(found, ENDED if state == "ended" else DISPUTE)
