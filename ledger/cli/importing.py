"""tequio import csv: its options, and what it tells of an import."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from msgspec import UNSET

from ledger.cli.client import Client
from ledger.cli.csv_import import BATCH_SIZE, Import, Outcome, Plan
from ledger.cli.options import (
    delimiter_option,
    encoding_option,
    late_option,
    ledger_option,
    pairs,
    speaks_to_service,
)
from ledger.cli.rows import (
    FIELDS,
    REQUIRED,
    Reading,
)
from ledger.cli.show import Place, facts, print_json
from ledger.cli.words import Stop, money, t
from ledger.core.model import BATCH_MAX, Late


@click.group(help=t("Post the transfers in a file.", "Registra los movimientos de un archivo."))
def import_group() -> None:
    pass


def make_reading(columns: Sequence[str], constants: Sequence[str], **options: Any) -> Reading:
    """How the file is read, from the options. Raises click.UsageError."""
    mapped, fixed = pairs(columns, "--map", FIELDS), pairs(constants, "--set", FIELDS)
    twice = mapped.keys() & fixed.keys()
    missing = [name for name in REQUIRED if name not in mapped and name not in fixed]
    if twice or missing:
        names = ", ".join(sorted(twice) or missing)
        raise click.UsageError(
            t(
                f"Say once with --map or --set what is: {names}",
                f"Diga una vez, con --map o --set, qué es: {names}",
            )
        )
    return Reading(columns=mapped, constants=fixed, **options)


@import_group.command(
    "csv",
    help=t(
        "Post every row of FILE as a transfer. Run it again after an interruption: nothing is "
        "posted twice. Rows that are refused go to FILE.refused.csv with the reason. Rows are "
        "sent --batch-size at a time: if a rule of approval is for one, all of these wait.\n\n"
        "Example: tequio import csv may.csv --ledger caja --map debit_account=from --map "
        "credit_account=to --map amount=amount --map reference=folio --set currency=MXN --set "
        "kind=deposit",
        "Registra cada renglón de FILE como un movimiento. Si se interrumpe, repita la orden: "
        "nada se registra dos veces. Los rechazados van a FILE.refused.csv con su razón. Los "
        "renglones se envían de --batch-size en --batch-size: si una regla de autorización "
        "toca a uno, esperan todos ellos.\n\n"
        "Ejemplo: tequio import csv mayo.csv --ledger caja --map debit_account=cargo --map "
        "credit_account=abono --map amount=importe --map reference=folio --set currency=MXN "
        "--set kind=deposito",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@ledger_option
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    help=t(
        f"Which column holds a field: {', '.join(FIELDS)}.",
        f"Qué columna tiene cada campo: {', '.join(FIELDS)}.",
    ),
)
@click.option(
    "--set",
    "constants",
    multiple=True,
    metavar="FIELD=VALUE",
    help=t("A field that is the same in all rows.", "Un campo igual en todos los renglones."),
)
@click.option(
    "--create-accounts",
    is_flag=True,
    help=t(
        "Open the accounts in the file that are not there, with lower bound 0.",
        "Abre las cuentas del archivo que no existan, con límite inferior 0.",
    ),
)
@click.option(
    "--account-kind",
    default="member",
    show_default=True,
    help=t("The kind of such accounts.", "El tipo de esas cuentas."),
)
@click.option(
    "--unbounded",
    multiple=True,
    metavar="CODE",
    help=t(
        "Such an account may go below zero without end, as one that issues. May come again.",
        "Esa cuenta puede bajar de cero sin límite, como una emisora. Se repite.",
    ),
)
@click.option(
    "--scale-excess",
    type=click.Choice(["refuse", "half-even"]),
    default="refuse",
    show_default=True,
    help=t(
        "What to do with more decimals than the currency has. What rounding changed is told.",
        "Qué hacer con más decimales que los de la moneda. Se informa cuánto cambió.",
    ),
)
@click.option(
    "--date-format",
    default="",
    help=t(
        "How dates are written, such as %d/%m/%Y; else YYYY-MM-DD.",
        "Cómo se escriben las fechas, como %d/%m/%Y; si no, AAAA-MM-DD.",
    ),
)
@delimiter_option
@encoding_option
@click.option(
    "--batch-size",
    type=click.IntRange(1, BATCH_MAX),
    default=BATCH_SIZE,
    show_default=True,
    help=t("Rows in a batch.", "Renglones por lote."),
)
@click.option(
    "--parallel",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help=t(
        "Batches on their way at once. Above 1 the file's order is not kept.",
        "Lotes a la vez. Con más de 1 no se guarda el orden del archivo.",
    ),
)
@click.option(
    "--source",
    default="",
    help=t("Where the rows come from, a code.", "De dónde vienen los renglones, un código."),
)
@late_option
@click.option(
    "--retry-refused",
    "retry",
    is_flag=True,
    help=t(
        "Try the rows in FILE.refused.csv again, as they are in FILE.",
        "Intenta otra vez los renglones de FILE.refused.csv, como están en FILE.",
    ),
)
@click.option(
    "--dry-run",
    is_flag=True,
    help=t(
        "Read it all and send nothing. Limits are tried only when it is posted.",
        "Lee todo y no envía nada. Los límites se prueban sólo al registrar.",
    ),
)
@speaks_to_service
async def import_csv(
    place: Place,
    file: Path,
    ledger: str,
    columns: tuple[str, ...],
    constants: tuple[str, ...],
    create_accounts: bool,
    account_kind: str,
    unbounded: tuple[str, ...],
    scale_excess: str,
    date_format: str,
    delimiter: str,
    encoding: str,
    batch_size: int,
    parallel: int,
    source: str,
    late: str | None,
    retry: bool,
    dry_run: bool,
) -> None:
    from ledger.cli.progress import showing

    if unbounded and not create_accounts:
        raise click.UsageError(
            t("--unbounded goes with --create-accounts", "--unbounded va con --create-accounts")
        )
    if source and batch_size != BATCH_SIZE:
        # The source guards against another batch size; see csv_import.py.
        raise click.UsageError(
            t("--source goes without --batch-size", "--source va sin --batch-size")
        )
    if len(delimiter) != 1:
        raise click.UsageError(t("--delimiter: one character", "--delimiter: un carácter"))
    plan = Plan(
        file=file,
        ledger=ledger,
        reading=make_reading(
            columns,
            constants,
            half_even=scale_excess == "half-even",
            date_format=date_format,
            delimiter=delimiter,
            encoding=encoding,
        ),
        batch_size=batch_size,
        parallel=parallel,
        source=source,
        late=UNSET if late is None else Late(late),
        create_accounts=create_accounts,
        account_kind=account_kind,
        unbounded=frozenset(unbounded),
        retry=retry,
    )
    try:
        with showing() as progress:
            async with Client(place.url, place.key, patient=True) as client:
                work = Import(client, plan, progress=progress)
                outcome = await (work.look() if dry_run else work.run())
    except (asyncio.CancelledError, Stop):
        if not dry_run:
            click.echo(
                t(
                    "The import did not end. Run the same command again: what was posted is "
                    "not posted twice.",
                    "La importación no terminó. Repita la misma orden: lo ya registrado no se "
                    "registra dos veces.",
                ),
                err=True,
            )
        raise
    tell(place, plan, outcome, dry_run)
    if outcome.refused or outcome.waiting:
        raise SystemExit(1)


def plain(value: Decimal) -> str:
    """A decimal in full, without an exponent or zeros at its end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def tell(place: Place, plan: Plan, outcome: Outcome, dry_run: bool) -> None:
    """What came of it, for people or programs."""
    refused_file = str(plan.refused_file) if outcome.refused and not dry_run else None
    residues = {code: plain(residue) for code, residue in outcome.residues.items()}
    if place.json:
        print_json(
            {
                "dry_run": dry_run,
                "rows": outcome.rows,
                "posted": outcome.posted,
                "posted_before": outcome.before,
                "refused": outcome.refused,
                "waiting": outcome.waiting,
                "proposals": outcome.proposals,
                "accounts": outcome.accounts,
                "residue": residues,
                "refused_file": refused_file,
            }
        )
        return
    posted = t("would be sent", "se enviarían") if dry_run else t("posted", "registrados")
    opened_word = t("accounts to open", "cuentas por abrir")
    if not dry_run:
        opened_word = t("accounts in the file, all open", "cuentas del archivo, abiertas")
    rows: dict[str, object] = {
        t("rows", "renglones"): money(str(outcome.rows)),
        posted: money(str(outcome.posted)),
    }
    if outcome.before:
        rows[t("  of them before", "  de ellos, antes")] = money(str(outcome.before))
    if outcome.waiting:
        waits = t("not posted, waiting for approval", "sin registrar, esperan autorización")
        rows[waits] = money(str(outcome.waiting))
    if plan.create_accounts:
        rows[opened_word] = money(str(outcome.accounts))
    rows[t("refused", "rechazados")] = money(str(outcome.refused))
    for code, residue in residues.items():
        name = t("rounding residue", "residuo por redondeo")
        rows[name] = f"{residue} {code} ({t('rounded minus exact', 'redondeado menos exacto')})"
    place.console.print(facts(rows))
    for reason in outcome.reasons:
        place.console.print(reason, markup=False)
    for proposal in outcome.proposals:
        command = f"tequio approve {proposal}"
        place.console.print(t(f"Waits for: {command}", f"Espera: {command}"), markup=False)
    if refused_file:
        place.console.print(
            t(f"All refused rows: {refused_file}", f"Todos los rechazados: {refused_file}"),
            markup=False,
        )
