"""Commands about transfers recorded before: holds, reversals, and what is in suspense."""

import uuid
from typing import Any, Final

import click

from ledger.cli.client import path_of
from ledger.cli.options import CODE, ledger_option, limit_option, speaks_to_service
from ledger.cli.posting import present, print_batch, print_slip, said_of_it, send_once
from ledger.cli.show import Place
from ledger.cli.words import t

HOLD: Final = (
    "sequence",
    "debit_account",
    "credit_account",
    "amount",
    "left",
    "currency",
    "expires",
)
SUSPENSE: Final = (
    *("sequence", "account", "side", "meant_for", "why"),
    *("left", "currency", "since", "age_days"),
)

sequence_argument = click.argument("sequence", type=click.IntRange(1))
amount_option = click.option(
    "--amount", help=t("Less than what is left of it.", "Menos de lo que queda.")
)
kind_option = click.option(
    "--kind", type=CODE, help=t("Such as purchase.", "Por ejemplo compra.")
)
account_option = click.option(
    "--account", help=t("Only those of this account.", "Sólo los de esta cuenta.")
)


async def follow_up(
    place: Place,
    ledger: str,
    sequence: int,
    what: str,
    sent_id: uuid.UUID | None,
    dry_run: bool,
    asked: dict[str, Any],
) -> None:
    """Send what is done about a transfer, and print its slip."""
    path = path_of("ledgers", ledger, "transfers", sequence, what)
    print_slip(place, await send_once(place, path, asked, sent_id, dry_run))


# ---- holds


@click.command(
    "post-hold",
    help=t(
        "Post the hold SEQUENCE, all of it or --amount. With --release the rest is given back.",
        "Aplica la retención SEQUENCE (su folio), toda o --amount. Con --release se libera el "
        "resto.",
    ),
)
@sequence_argument
@ledger_option
@amount_option
@click.option("--release", is_flag=True, help=t("Give back the rest.", "Libera el resto."))
@kind_option
@said_of_it
@speaks_to_service
async def post_hold(
    place: Place,
    sequence: int,
    ledger: str,
    sent_id: uuid.UUID | None,
    dry_run: bool,
    **given: Any,
) -> None:
    await follow_up(place, ledger, sequence, "post", sent_id, dry_run, present(**given))


@click.command(
    "void",
    help=t(
        "Give back what the hold SEQUENCE still keeps.",
        "Libera lo que aún retiene la retención SEQUENCE (su folio).",
    ),
)
@sequence_argument
@ledger_option
@kind_option
@said_of_it
@speaks_to_service
async def void_hold(
    place: Place,
    sequence: int,
    ledger: str,
    sent_id: uuid.UUID | None,
    dry_run: bool,
    **given: Any,
) -> None:
    await follow_up(place, ledger, sequence, "void", sent_id, dry_run, present(**given))


@click.command("holds", help=t("Holds that are open.", "Retenciones vigentes."))
@ledger_option
@account_option
@limit_option
@speaks_to_service
async def holds(place: Place, ledger: str, account: str | None, limit: int) -> None:
    path = path_of("ledgers", ledger, "holds")
    place.rows(await place.take(path, "holds", limit, present(account=account)), HOLD)


# ---- reversals


@click.command(
    "reverse",
    help=t(
        "Take back the transfer SEQUENCE, all of it or --amount, or with --batch all that a "
        "batch posted.",
        "Reversa el movimiento SEQUENCE (su folio), todo o --amount, o con --batch todo lo que "
        "registró un lote.",
    ),
)
@click.argument("sequence", type=click.IntRange(1), required=False)
@ledger_option
@click.option("--batch", "batch_id", type=click.UUID, help=t("Id of a batch.", "Id del lote."))
@amount_option
@click.option(
    "--when-spent",
    type=click.Choice(["refuse", "available"]),
    default="refuse",
    show_default=True,
    help=t(
        "If the money is there no more: refuse, or take what there is.",
        "Si ya no está el dinero: rechazar, o tomar lo que haya.",
    ),
)
@click.option(
    "--rest",
    help=t("Account that pays what is there no more.", "Cuenta que paga lo que ya no está."),
)
@click.option(
    "--each",
    is_flag=True,
    help=t("With --batch: what can be, not all or none.", "Con --batch: lo que se pueda."),
)
@kind_option
@said_of_it
@speaks_to_service
async def reverse(
    place: Place,
    sequence: int | None,
    ledger: str,
    sent_id: uuid.UUID | None,
    dry_run: bool,
    batch_id: uuid.UUID | None,
    amount: str | None,
    when_spent: str,
    rest: str | None,
    each: bool,
    **given: Any,
) -> None:
    if (sequence is None) is (batch_id is None):
        raise click.UsageError(
            t("Give a SEQUENCE, or --batch.", "Dé un folio (SEQUENCE), o --batch.")
        )
    if sequence is not None and each:
        raise click.UsageError(t("--each goes with --batch.", "--each va con --batch."))
    if batch_id is not None and amount is not None:
        raise click.UsageError(t("--amount goes with SEQUENCE.", "--amount va con SEQUENCE."))
    if sequence is not None:
        up_to = "debit" if rest or when_spent == "available" else None
        asked = present(amount=amount, up_to=up_to, rest=rest, **given)
        await follow_up(place, ledger, sequence, "reverse", sent_id, dry_run, asked)
        return
    asked = present(
        mode="each" if each else None,
        when_spent={"rest": rest} if rest else when_spent,
        **given,
    )
    path = path_of("ledgers", ledger, "batches", str(batch_id), "reverse")
    print_batch(place, await send_once(place, path, asked, sent_id, dry_run))


# ---- suspense


@click.command(
    "clear",
    help=t(
        "Move what the transfer SEQUENCE left in suspense where it belongs: to the account "
        "that had refused, or another.",
        "Lleva lo que el movimiento SEQUENCE (su folio) dejó en la cuenta puente a donde "
        "corresponde: a la cuenta que había rechazado, o a otra.",
    ),
)
@sequence_argument
@ledger_option
@click.option(
    "--debit",
    "debit_account",
    help=t("Pays what suspense paid.", "Paga lo que pagó la cuenta puente."),
)
@click.option(
    "--credit",
    "credit_account",
    help=t("Gets what suspense got.", "Recibe lo que recibió la cuenta puente."),
)
@amount_option
@kind_option
@said_of_it
@speaks_to_service
async def clear(
    place: Place,
    sequence: int,
    ledger: str,
    sent_id: uuid.UUID | None,
    dry_run: bool,
    **given: Any,
) -> None:
    await follow_up(place, ledger, sequence, "clear", sent_id, dry_run, present(**given))


@click.command(
    "suspense",
    help=t(
        "What was posted to suspense accounts and is not cleared, the oldest first.",
        "Partidas en cuentas puente por depurar, de la más antigua a la más nueva.",
    ),
)
@ledger_option
@account_option
@limit_option
@speaks_to_service
async def suspense(place: Place, ledger: str, account: str | None, limit: int) -> None:
    path = path_of("ledgers", ledger, "suspense")
    place.rows(await place.take(path, "items", limit, present(account=account)), SUSPENSE)
