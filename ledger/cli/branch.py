"""tequio branch: an office that is at times without a connection, and posts later, once.

prepare   with a connection: accounts, currencies and the ledger's name, into a folder
add       without one: a file of transfers as sealed batches, on the disk
send      with one again: until it is known what became of each
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

import click
import msgspec
from msgspec import UNSET, Struct

from ledger.cli.client import path_of
from ledger.cli.options import ledger_option, speaks_to_service
from ledger.cli.poster_keys import seed_of
from ledger.cli.progress import showing
from ledger.cli.rows import FIELDS, REQUIRED, Reader, Reading, Unreadable, opened
from ledger.cli.show import Place, print_json
from ledger.cli.words import Stop, language, t
from ledger.client.client import Client, NotAnswered, NotKnown, Outcome, Refused, Waits
from ledger.client.sealing import Sealer
from ledger.client.spool import Spool, SpoolBusy
from ledger.core.amounts import parse_amount
from ledger.core.asked import AskedTransfer
from ledger.core.faults import MalformedRequest
from ledger.core.lines import Transfer
from ledger.core.model import BATCH_MAX, Mode

FACTS: Final = "ledger.json"
NAMESPACE: Final = UUID("0f3c7f0e-5b0a-5b8e-9d3c-5a3f2f6f8a41")  # Of the ids of batches.
DAY_S: Final = 86_400.0

folder_argument = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


class Facts(Struct):
    """What a branch must know of its ledger to write batches for it."""

    ledger: str
    origin: str
    scales: dict[str, int]
    accounts: dict[str, int]


@click.group(
    "branch",
    help=t(
        "Post from an office that is at times without a connection.",
        "Registra desde una oficina que a ratos no tiene conexión.",
    ),
)
def branch_group() -> None:
    pass


@branch_group.command(
    "prepare",
    help=t(
        "Take the accounts and currencies of a ledger into FOLDER, for the time without it. "
        "Again after accounts were opened.",
        "Lleva las cuentas y monedas de un libro a FOLDER, para cuando no haya conexión. Otra "
        "vez cuando se abran cuentas.",
    ),
)
@folder_argument
@ledger_option
@speaks_to_service
async def prepare(place: Place, folder: Path, ledger: str) -> None:
    accounts: dict[str, int] = {}
    async with place.client() as client:
        opening = await client.get(path_of("ledgers", ledger))
        scales = await client.scales(ledger)
        async for page in client.pages(path_of("ledgers", ledger, "accounts"), "accounts"):
            accounts |= {account["code"]: account["number"] for account in page}
    facts = Facts(
        ledger=ledger,
        origin=opening["origin"],
        scales=scales,
        accounts=accounts,
    )
    _keep(folder, facts)
    count = len(accounts)
    click.echo(
        t(f"{folder}: {count} accounts of {ledger}.", f"{folder}: {count} cuentas de {ledger}.")
    )


@branch_group.command(
    "add",
    help=t(
        "Seal the transfers of a CSV file and keep them in FOLDER until they are sent. "
        f"Columns: {', '.join(FIELDS)}. The same file again changes nothing.",
        "Sella los movimientos de un archivo CSV y los guarda en FOLDER hasta enviarlos. "
        f"Columnas: {', '.join(FIELDS)}. El mismo archivo otra vez no cambia nada.",
    ),
)
@folder_argument
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--sign",
    type=click.Path(path_type=Path, dir_okay=False),
    help=t(
        "The poster's key, of poster-key new.", "La llave del remitente, de poster-key new."
    ),
)
@click.option(
    "--source", help=t("Where it comes from, as a code.", "De dónde viene, un código.")
)
@click.option(
    "--each",
    is_flag=True,
    help=t("Post what can be; else all of a batch or none.", "Registra lo que se pueda."),
)
@click.option(
    "--valid-days",
    type=click.FloatRange(0.01, 366),
    default=30.0,
    show_default=True,
    help=t(
        "A batch that comes later is refused for ever.",
        "Un lote que llegue después se rechaza para siempre.",
    ),
)
def add(
    folder: Path,
    file: Path,
    sign: Path | None,
    source: str | None,
    each: bool,
    valid_days: float,
) -> None:
    facts, spool = _facts(folder), Spool(folder)
    sealer = Sealer(
        facts.origin,
        seed=None if sign is None else seed_of(sign),
        valid_s=valid_days * DAY_S,
    )
    lines = list(_lines(file, facts))
    if not lines:
        raise Stop(t(f"{file} has no rows.", f"{file} no tiene renglones."))
    name = f"{facts.origin}/{sha256(file.read_bytes()).hexdigest()}"
    with showing() as progress:
        for start in range(0, len(lines), BATCH_MAX):
            batch = sealer.seal(
                lines[start : start + BATCH_MAX],
                batch_id=uuid5(NAMESPACE, f"{name}/{start}"),
                mode=Mode.EACH if each else Mode.ATOMIC,
                source=source or UNSET,
            )
            spool.add(batch)
            progress("transfers", min(start + BATCH_MAX, len(lines)), len(lines))
    click.echo(
        t(
            f"{len(lines)} transfers wait in {folder}.",
            f"{len(lines)} movimientos esperan en {folder}.",
        )
    )


@branch_group.command("list", help=t("What waits to be sent.", "Lo que espera ser enviado."))
@folder_argument
@click.option("--json", "as_json", is_flag=True, help=t("For programs.", "Para programas."))
def list_waiting(folder: Path, as_json: bool) -> None:
    _facts(folder)
    waiting = [(str(batch.id), batch.count) for batch in Spool(folder).waiting()]
    if as_json:
        print_json([{"id": name, "count": count} for name, count in waiting])
        return
    for name, count in waiting:
        click.echo(f"{name}  {count} " + t("transfers", "movimientos"))
    if not waiting:
        click.echo(t("None.", "Ninguno."))


@branch_group.command(
    "send",
    help=t(
        "Send what waits in FOLDER. What is not answered waits on, and may be sent again: each "
        "batch is posted once. Ends with 1 when one was refused; why is in FOLDER/refused.",
        "Envía lo que espera en FOLDER. Lo que no tenga respuesta sigue esperando y puede "
        "enviarse otra vez: cada lote se registra una vez. Termina con 1 si alguno se rechazó; "
        "el porqué queda en FOLDER/refused.",
    ),
)
@folder_argument
@click.option("--patience", type=float, default=60.0, help=t("Seconds.", "Segundos."))
@speaks_to_service
async def send(place: Place, folder: Path, patience: float) -> None:
    facts, spool = _facts(folder), Spool(folder)
    total, outcomes = sum(1 for _ in spool.waiting()), list[Outcome]()
    client = Client(
        place.url,
        ledger=facts.ledger,
        key=place.key,
        patience_s=patience,
        language=language(),
    )
    try:
        with showing() as progress:
            async with client:
                async for outcome in spool.send(client):
                    outcomes.append(outcome)
                    progress("batches", len(outcomes), total)
    except SpoolBusy:
        raise Stop(
            t(f"Somebody is sending from {folder}.", f"Alguien está enviando de {folder}.")
        ) from None
    except (NotKnown, NotAnswered) as fault:
        said = t(
            f"{len(outcomes)} of {total} batches were answered; the others wait on. {fault}",
            f"{len(outcomes)} de {total} lotes tuvieron respuesta; los demás siguen esperando. "
            f"{fault}",
        )
        raise Stop(said) from fault
    _say(place, outcomes, folder)


def _say(place: Place, outcomes: list[Outcome], folder: Path) -> None:
    refused = [one for one in outcomes if isinstance(one, Refused)]
    waits = sum(isinstance(one, Waits) for one in outcomes)
    posted = sum(one.posted for one in outcomes if not isinstance(one, Refused | Waits))
    if place.json:
        print_json(outcomes)
    else:
        click.echo(t(f"{posted} transfers posted.", f"{posted} movimientos registrados."))
        if waits:
            click.echo(
                t(
                    f"{waits} batches wait for somebody's approval.",
                    f"{waits} lotes esperan autorización.",
                )
            )
        for one in refused:
            click.echo(f"{one.id}  {one.detail} [{one.code}]", err=True)
    if refused:
        raise Stop(
            t(
                f"{len(refused)} batches were refused; they are in {folder / 'refused'}.",
                f"{len(refused)} lotes fueron rechazados; están en {folder / 'refused'}.",
            )
        )


def _keep(folder: Path, facts: Facts) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder / f"{FACTS}.part"
    part.write_bytes(msgspec.json.encode(facts))
    part.replace(folder / FACTS)


def _facts(folder: Path) -> Facts:
    try:
        return msgspec.json.decode((folder / FACTS).read_bytes(), type=Facts)
    except (OSError, msgspec.MsgspecError) as error:
        raise Stop(
            t(
                f"{folder} was not prepared; with a connection: tequio branch prepare {folder}",
                f"{folder} no está preparada; con conexión: tequio branch prepare {folder}",
            )
        ) from error


def _lines(file: Path, facts: Facts) -> Iterator[Transfer]:
    """The transfers of a file as lines.

    Raises:
        Stop: a row is none; nothing of the file is kept then.
    """
    with opened(file, Reading(columns={}, constants={})) as (header, _):
        known: dict[str, str] = {name: name for name in FIELDS if name in header}
    missing = [name for name in REQUIRED if name not in known]
    if missing:
        names = ", ".join(missing)
        raise Stop(t(f"{file} lacks: {names}", f"A {file} le falta: {names}"))
    reading = Reading(columns=known, constants={})
    with opened(file, reading) as (header, rows):
        reader = Reader(header, reading, facts.scales)
        for row in rows:
            read = reader.read(row)
            if isinstance(read, Unreadable):
                raise Stop(_at(file, row.number, f"{read.sentence} [{read.code}]"))
            try:
                yield _line(read.asked, facts)
            except MalformedRequest as fault:
                raise Stop(_at(file, row.number, str(fault))) from fault


def _line(asked: AskedTransfer, facts: Facts) -> Transfer:
    if asked.description:
        raise MalformedRequest(
            t("descriptions cannot be kept offline", "sin conexión no se guardan descripciones")
        )
    for code in (asked.debit_account, asked.credit_account):
        if code not in facts.accounts:
            raise MalformedRequest(t(f"no account {code}", f"no hay cuenta {code}"))
    return Transfer(
        debit_account=facts.accounts[asked.debit_account],
        credit_account=facts.accounts[asked.credit_account],
        amount=parse_amount(asked.amount, facts.scales[asked.currency]),
        kind=asked.kind,
        reference=asked.reference,
        business_date=asked.business_date,
        value_date=asked.value_date,
        entered_by=asked.entered_by,
        approved_by=asked.approved_by,
    )


def _at(file: Path, row: int, why: str) -> str:
    return t(f"{file}, row {row}: {why}", f"{file}, renglón {row}: {why}")
