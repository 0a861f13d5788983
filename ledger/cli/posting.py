"""Commands that post and find transfers: one at a time, or as a batch from a JSON file."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from ledger.cli.client import path_of, read_json
from ledger.cli.options import (
    CODE,
    DAY,
    MOMENT,
    dry_query,
    dry_run_option,
    late_option,
    ledger_option,
    limit_option,
    speaks_to_service,
)
from ledger.cli.show import Place, print_json, table
from ledger.cli.words import Stop, t

F = TypeVar("F", bound=Callable[..., Any])

TRANSFER: Final = (
    "sequence",
    "business_date",
    "debit_account",
    "credit_account",
    "amount",
    "currency",
    "kind",
    "reference",
    "phase",
)
SLIP: Final = (
    "sequence",
    "last_sequence",
    "phase",
    "debit_account",
    "credit_account",
    "amount",
    "currency",
    "debit_balance",
    "credit_balance",
    "suspense",
    "meant_for",
    "why",
    "flags",
    "business_date",
    "recorded_at",
    "id",
    "leaf_index",
)
BESIDE: Final = (
    "sequence",
    "debit_account",
    "credit_account",
    "amount",
    "currency",
    "kind",
)
BATCH: Final = (
    "id",
    "batch_number",
    "leaf_index",
    "recorded_at",
    "business_date",
    "count",
    "posted",
    "first_sequence",
    "last_sequence",
)
BATCHES: Final = ("leaf_index", "id", "recorded_at", "poster", "count", "posted", "code")
DECIDED: Final = ("decision", "reason", "by", "user", "recorded_at")
OUTCOME: Final = ("position", "sequence", "debit_balance", "credit_balance", "code", "sentence")
PROPOSAL: Final = (
    "id",
    "workflow",
    "sums",
    "count",
    "approvals",
    "approved_by",
    "accepts",
    "accept_at",
    "held",
    "expires",
    "poster",
    "recorded_at",
    "leaf_index",
)
# Where it is so.
OTHERWISE: Final = (
    "phase",
    "amount",
    "suspense",
    "meant_for",
    "why",
    "flags",
    "fraction",
    "last_sequence",
)


def said_of_it(command: F) -> F:
    """What may be said of any transfer besides accounts and amount; its id; --dry-run."""
    for option in reversed(
        (
            click.option("--reference", help=t("Your own number for it.", "Su propio número.")),
            click.option(
                "--description",
                help=t(
                    "Free text; it can be erased later.",
                    "Texto libre; después se puede borrar.",
                ),
            ),
            click.option(
                "--business-date",
                type=DAY,
                help=t("Which day it counts for.", "Para qué día cuenta."),
            ),
            click.option(
                "--value-date", type=DAY, help=t("Since when interest counts.", "Fecha valor.")
            ),
            click.option(
                "--entered-by",
                help=t("Who entered it, a code.", "Quién capturó, un código."),
            ),
            click.option(
                "--approved-by",
                help=t("Who approved it, a code.", "Quién autorizó, un código."),
            ),
            click.option(
                "--id",
                "sent_id",
                type=click.UUID,
                help=t("Its id; else a new one.", "Su id; si no, uno nuevo."),
            ),
            dry_run_option,
        )
    ):
        command = option(command)
    return command


async def send_once(
    place: Place, path: str, asked: Mapping[str, Any], sent_id: uuid.UUID | None, dry_run: bool
) -> dict[str, Any]:
    """Send what carries an id; where no answer came, say which id makes a repeat safe."""
    used_id = str(sent_id or uuid.uuid4())
    async with place.client() as client:
        try:
            answer, _ = await client.send(
                "POST", path, {"id": used_id, **asked}, query=dry_query(dry_run)
            )
        except Stop as stop:
            if not dry_run and sent_id is None and not getattr(stop, "code", ""):
                again = t("To try again: --id", "Para volver a intentar: --id")
                click.echo(f"{again} {used_id}", err=True)
            raise
    found: dict[str, Any] = answer
    return found


def print_slip(place: Place, answer: dict[str, Any]) -> None:
    """A transfer that was posted, or would be, in the form that was asked for."""
    if "dry_run" in answer:  # Else, if that was asked for, the id is spent: as it was.
        place.dry(answer, "outcomes", _columns(answer, ("debit_balance", "credit_balance")))
        if not place.json:
            for outcome in answer.get("outcomes", ()):
                _print_beside(place, outcome)
            print_waits(place, answer)
    elif place.json:
        print_json(answer)
    elif "proposal" in answer:
        print_waiting(place, answer["proposal"])
    else:
        place.one(answer["receipt"], SLIP)
        _print_beside(place, answer["receipt"])


def print_waits(place: Place, answer: Mapping[str, Any]) -> None:
    """Of a dry run, what it would wait for, if it would."""
    if "waits" in answer:
        place.console.print(
            t(
                "It would wait until others approve or accept it:",
                "Quedaría en espera de que otros lo autoricen o acepten:",
            )
        )
        place.one(answer["waits"])


def print_waiting(place: Place, proposal: dict[str, Any]) -> None:
    """That nothing was posted yet, and what it waits for."""
    place.console.print(
        t(
            "It waits until others approve or accept it.",
            "Queda en espera de que otros lo autoricen o acepten.",
        )
    )
    place.one(proposal, PROPOSAL)


def _columns(answer: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    outcomes = answer.get("outcomes", ())
    return (*names, *(n for n in OTHERWISE if any(n in outcome for outcome in outcomes)))


def _print_beside(place: Place, done: Mapping[str, Any]) -> None:
    if "beside" in done:
        place.console.print(t("\nBesides:", "\nAdemás:"))
        place.console.print(table(done["beside"], BESIDE))


@click.group(help=t("Post and find transfers.", "Registra y busca movimientos."))
def transfer_group() -> None:
    pass


@transfer_group.command(
    "post",
    help=t(
        "Post one transfer. To send it again safely give the same --id.",
        "Registra un movimiento. Para repetirlo sin duplicar, dé el mismo --id.",
    ),
)
@ledger_option
@click.option(
    "--debit", "debit_account", required=True, help=t("Account that pays.", "Cuenta de cargo.")
)
@click.option(
    "--credit",
    "credit_account",
    required=True,
    help=t("Account that is paid.", "Cuenta de abono."),
)
@click.option("--amount", required=True, help=t("Such as 125.50.", "Por ejemplo 125.50."))
@click.option("--currency", required=True, help=t("Such as MXN.", "Por ejemplo MXN."))
@click.option(
    "--kind", type=CODE, required=True, help=t("Such as deposit.", "Por ejemplo deposito.")
)
@click.option(
    "--hold-until",
    type=MOMENT,
    help=t(
        "Only keep it back until then, such as 2026-10-05T18:00:00-06:00.",
        "Sólo lo retiene hasta entonces, por ejemplo 2026-10-05T18:00:00-06:00.",
    ),
)
@click.option(
    "--up-to",
    type=click.Choice(["debit", "credit", "both"]),
    help=t(
        "As much as the limits of that side allow.",
        "Hasta donde alcancen los límites de ese lado.",
    ),
)
@click.option(
    "--rest",
    help=t("With --up-to: the account that takes the rest.", "Con --up-to: cuenta del resto."),
)
@click.option(
    "--suspense",
    help=t("The account that stands in if one refuses.", "Cuenta puente si una rechaza."),
)
@click.option(
    "--adjusting",
    is_flag=True,
    help=t(
        "An adjustment to the year that ended: with --business-date, its 31st of December.",
        "Ajuste del año que terminó: con --business-date, su 31 de diciembre.",
    ),
)
@late_option
@said_of_it
@click.option("--source", help=t("Which system or office says so.", "Sistema u oficina."))
@click.option("--branch", help=t("Which branch.", "Sucursal."))
@speaks_to_service
async def post_transfer(
    place: Place,
    ledger: str,
    sent_id: uuid.UUID | None,
    dry_run: bool,
    hold_until: str | None,
    up_to: str | None,
    rest: str | None,
    suspense: str | None,
    adjusting: bool,
    **given: str | None,
) -> None:
    terms = present(
        action="hold" if hold_until else None,
        expires=hold_until,
        up_to=up_to,
        rest=rest,
        suspense=suspense,
        adjusting=adjusting,
    )
    asked = {**present(**given), **({"terms": terms} if terms else {})}
    path = path_of("ledgers", ledger, "transfers")
    print_slip(place, await send_once(place, path, asked, sent_id, dry_run))


def present(**given: Any) -> dict[str, Any]:
    """What was given, as it is sent."""
    return {name: _sent(value) for name, value in given.items() if value}


def _sent(value: Any) -> Any:
    return value.date().isoformat() if isinstance(value, datetime) else value


@transfer_group.command("show", help=t("One, by its sequence.", "Uno, por su folio."))
@click.argument("sequence", type=click.IntRange(1))
@ledger_option
@speaks_to_service
async def show_transfer(place: Place, sequence: int, ledger: str) -> None:
    async with place.client() as client:
        found = await client.get(path_of("ledgers", ledger, "transfers", sequence))
    place.one(found if place.json else _row(found))


def _row(transfer: Mapping[str, Any]) -> dict[str, Any]:
    """A transfer for people: of one that was held, what became of it is its phase."""
    shown = dict(transfer)
    hold = shown.pop("hold", None)
    if hold is not None and hold["status"] != "open":
        shown["phase"] = hold["status"]
        shown["held_posted"], shown["left"] = hold["posted"], hold["left"]
        if "by" in hold:
            shown["resolved_by"] = hold["by"]
    return shown


@transfer_group.command(
    "list", help=t("Transfers in order of sequence.", "Movimientos en orden de folio.")
)
@ledger_option
@click.option("--after", type=click.IntRange(0), default=0, help=t("Above it.", "Después de."))
@click.option("--reference", help=t("Those with this reference.", "Los de esta referencia."))
@click.option("--business-date", type=DAY, help=t("Those of this day.", "Los de este día."))
@limit_option
@speaks_to_service
async def list_transfers(place: Place, ledger: str, limit: int, **asked: Any) -> None:
    path = path_of("ledgers", ledger, "transfers")
    query = present(**asked)
    found = await place.take(path, "transfers", limit, query)
    place.rows(found if place.json else list(map(_row, found)), TRANSFER)


# ---- batches


@click.group(help=t("Post batches; receipts and proofs.", "Registra lotes; recibos y pruebas."))
def batch_group() -> None:
    pass


@batch_group.command(
    "post",
    help=t(
        "Post a batch from a JSON file as the API takes it: id, mode, transfers. Sending the "
        "same file again posts nothing twice.",
        "Registra un lote de un archivo JSON como lo recibe la API: id, mode, transfers. "
        "Enviar otra vez el mismo archivo no duplica nada.",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@ledger_option
@dry_run_option
@speaks_to_service
async def post_batch(place: Place, file: Path, ledger: str, dry_run: bool) -> None:
    asked = read_json(file)
    if not isinstance(asked, dict) or "id" not in asked:
        raise Stop(
            t(
                f'{file}: there is no "id" (a UUID), so a repeat could not be told apart.',
                f'{file}: falta "id" (un UUID), y no se distinguiría una repetición.',
            )
        )
    path = path_of("ledgers", ledger, "batches")
    async with place.client() as client:
        answer, _ = await client.send("POST", path, asked, query=dry_query(dry_run))
    print_batch(place, answer)


def print_batch(place: Place, answer: dict[str, Any]) -> None:
    """A batch that was posted, or would be, in the form that was asked for."""
    if "dry_run" in answer:
        place.dry(answer, "outcomes", _columns(answer, OUTCOME))
        if not place.json:
            print_waits(place, answer)
    elif place.json:
        print_json(answer)
    elif "proposal" in answer:
        print_waiting(place, answer["proposal"])
    else:
        _print_batch(place, answer)


async def print_spent(place: Place, ledger: str, batch_id: uuid.UUID) -> None:
    """What became of a batch id: what was posted or refused, and who had the last word."""
    async with place.client() as client:
        answer = await client.get(path_of("ledgers", ledger, "batches", str(batch_id)))
    if place.json:
        print_json(answer)
        return
    _print_batch(place, answer)
    if "decided" in answer:
        place.console.print(t("\nThe last word:", "\nLa última palabra:"))
        place.one(answer["decided"], DECIDED)


def _print_batch(place: Place, answer: dict[str, Any]) -> None:
    if "refused" in answer:
        place.one(answer["refused"])
        return
    receipt = answer["receipt"]
    place.one(receipt, BATCH)
    refused = [outcome for outcome in receipt.get("outcomes", ()) if "code" in outcome]
    if refused:
        place.console.print(t("\nRefused:", "\nRechazados:"))
        place.console.print(table(refused, ("position", "code", "sentence")))
    otherwise = [o for o in receipt.get("outcomes", ()) if any(name in o for name in OTHERWISE)]
    if otherwise:
        place.console.print(t("\nOtherwise than asked, or held:", "\nDistinto, o retenido:"))
        columns = _columns({"outcomes": otherwise}, ("position", "sequence"))
        place.console.print(table(otherwise, columns))


@batch_group.command("show", help=t("One batch, by its id.", "Un lote, por su id."))
@click.argument("batch_id", metavar="ID", type=click.UUID)
@ledger_option
@speaks_to_service
async def show_batch(place: Place, batch_id: uuid.UUID, ledger: str) -> None:
    await print_spent(place, ledger, batch_id)


@batch_group.command("list", help=t("Batches in order.", "Los lotes en orden."))
@ledger_option
@limit_option
@speaks_to_service
async def list_batches(place: Place, ledger: str, limit: int) -> None:
    path = path_of("ledgers", ledger, "batches")
    place.rows(await place.take(path, "batches", limit), BATCHES)


@batch_group.command(
    "proof",
    help=t(
        "What shows, years later and offline, that a transfer of a batch was recorded. It is "
        "checked before it is printed.",
        "Lo que muestra, años después y sin red, que un movimiento del lote se registró. Se "
        "comprueba antes de mostrarlo.",
    ),
)
@click.argument("batch_id", metavar="ID", type=click.UUID)
@ledger_option
@click.option(
    "--position",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help=t("Which transfer, from 0.", "Cuál movimiento, desde 0."),
)
@speaks_to_service
async def proof(place: Place, batch_id: uuid.UUID, ledger: str, position: int) -> None:
    from ledger.cli.proving import check_proof

    path = path_of("ledgers", ledger, "batches", str(batch_id), "proof")
    async with place.client() as client:
        opened = await client.get(path_of("ledgers", ledger))
        answer = await client.get(path, {"position": position})
    proven = check_proof(answer, opened["public_key"])
    if place.json:
        print_json(answer)
        return
    place.one(
        {
            t("line", "línea"): answer["line"],
            t("in the batch", "en el lote"): f"{proven.index} / {proven.size}",
            t("batch root", "raíz del lote"): proven.root.hex(),
            t("leaf of the journal", "hoja del diario"): answer["leaf_index"],
            t("signed size", "tamaño firmado"): proven.checkpoint.size,
            t("signed root", "raíz firmada"): proven.checkpoint.root.hex(),
        }
    )
    place.console.print(t("The proof holds.", "La prueba se sostiene."))
    place.console.print(f"[dim]{answer['caution']}[/dim]")
