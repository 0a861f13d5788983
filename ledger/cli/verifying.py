"""tequio verify: an exported journal checked offline, with core and journal alone."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from ledger.cli.words import Stop, language, money, t

if TYPE_CHECKING:
    from ledger.journal.verify import Report

EXPECT = re.compile(r"([0-9]{1,16}):([0-9a-fA-F]{64})")

# What was counted, as people call it; in the order of the checks.
COUNTS = {
    "leaves": ("leaves of the journal", "hojas del diario"),
    "tiles": ("hash tiles", "mosaicos de resúmenes"),
    "bundles": ("entry bundles", "paquetes de hojas"),
    "currencies": ("currencies", "monedas"),
    "accounts": ("accounts", "cuentas"),
    "limits": ("changes of limits", "cambios de límites"),
    "statuses": ("changes of status", "cambios de estado"),
    "keys": ("keys given or revoked", "llaves dadas o revocadas"),
    "batches": ("batches, each with all its lines", "lotes, cada uno con todas sus líneas"),
    "signed_batches": ("batches signed by their posters", "lotes firmados por quien los envió"),
    "refused_batches": ("batches refused as a whole", "lotes rechazados enteros"),
    "transfers": ("transfers, every rule again", "movimientos, con todas las reglas otra vez"),
    "refused_transfers": ("transfers rightly refused", "movimientos bien rechazados"),
    "references": ("references, each unique", "referencias, cada una única"),
    "snapshots": ("snapshots", "instantáneas"),
    "commitments": ("commitments to free texts", "compromisos con textos libres"),
    "details": ("free texts opened", "textos libres abiertos"),
    "files": ("other files", "otros archivos"),
}


# What the report says cannot be shown, in Spanish. What is not here is said in English.
CANNOT_SHOW = (
    (
        r"that the key is the institution's: .*",
        "que la llave es de la institución: vino con la copia; dé la llave de otra fuente",
    ),
    (
        r"whose the ([0-9]+) other signatures on the checkpoint are: .*",
        r"de quién son las otras \1 firmas del checkpoint: sus llaves no se dieron",
    ),
    (
        r"that everybody was shown this same journal: .*",
        "que a todos se les mostró este mismo diario: eso lo muestran firmas de testigos",
    ),
    (
        r"that this is all until now: .*",
        "que esto es todo hasta ahora: compare tamaño y raíz con un checkpoint más nuevo",
    ),
    (
        r"that the ledger's clock was right: .*",
        "que el reloj del libro estaba bien: sólo que sus horas nunca retroceden",
    ),
    (
        r"who stands behind an account, a key or a poster's name",
        "quién está detrás de una cuenta, una llave o un nombre",
    ),
    (
        r"who signed ([0-9]+) batches: .*",
        r"quién firmó \1 lotes: esas llaves no están en la copia",
    ),
    (r"what ([0-9]+) refused batches asked for", r"qué pedían \1 lotes rechazados"),
    (
        r"the ([0-9]+) free texts that were erased or left out",
        r"los \1 textos libres que se borraron o no se incluyeron",
    ),
)


def said(sentence: str) -> str:
    """What cannot be shown, in the reader's language."""
    if language() == "en":
        return sentence
    for pattern, spanish in CANNOT_SHOW:
        match = re.fullmatch(pattern, sentence)
        if match:
            return match.expand(spanish)
    return sentence


@click.command(
    help=t(
        "Check an exported journal offline: the signature, the tree, every transfer by the "
        "rules, every balance, every file. Says what it cannot show. Exit code 1 and the first "
        "broken place where something was changed.",
        "Comprueba sin red un diario exportado: la firma, el árbol, cada movimiento con sus "
        "reglas, cada saldo, cada archivo. Dice lo que no puede mostrar. Código de salida 1 y "
        "el primer lugar roto si algo fue cambiado.",
    )
)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--expect",
    metavar="SIZE:ROOT",
    help=t(
        "Size and root you noted earlier: the export must begin with just that.",
        "Tamaño y raíz que anotó antes: el diario debe empezar justo así.",
    ),
)
@click.option(
    "--key",
    "vkey",
    metavar="VKEY",
    help=t(
        "The institution's public key, from elsewhere than the export.",
        "La llave pública de la institución, de otra fuente que la copia.",
    ),
)
@click.option("--json", "as_json", is_flag=True, help=t("For programs.", "Para programas."))
def verify(directory: Path, expect: str | None, vkey: str | None, as_json: bool) -> None:
    from ledger.cli.progress import showing
    from ledger.journal.faults import BrokenProof
    from ledger.journal.verify import verify_export

    with showing() as progress:
        try:
            report = verify_export(
                directory, expect=_expected(expect), trusted_vkey=vkey, progress=progress
            )
        except BrokenProof as fault:
            raise click.UsageError(f"--key: {fault}") from None
    if as_json:
        click.echo(msgspec.json.format(encode(report), indent=2).decode())
    else:
        for line in describe(report):
            click.echo(line)
    if report.broken is not None:
        raise Stop(
            t(
                f"THE EXPORT IS BROKEN, first at {report.broken}",
                f"LA COPIA ESTÁ ROTA, primero en {report.broken}",
            )
        )


def _expected(text: str | None) -> tuple[int, bytes] | None:
    if text is None:
        return None
    match = EXPECT.fullmatch(text)
    if match is None:
        raise click.UsageError(
            t(
                "--expect: SIZE:ROOT, the root in 64 hexadecimal digits",
                "--expect: TAMAÑO:RAÍZ, la raíz en 64 dígitos hexadecimales",
            )
        )
    return int(match[1]), bytes.fromhex(match[2])


def encode(report: "Report") -> bytes:
    """The report for programs: as it is, with the root in hexadecimal."""
    fields = msgspec.to_builtins(report)
    fields["verified"] = report.ok
    if report.checkpoint is not None:
        fields["checkpoint"]["root"] = report.checkpoint.root.hex()
    return msgspec.json.encode(fields)


def describe(report: "Report") -> list[str]:
    """The report in the reader's language."""
    from ledger.core.amounts import show_amount

    lines: list[str] = []
    if report.name:
        lines.append(report.name)
    if report.checkpoint is not None:
        lines.append(f"{t('origin', 'origen')}  {report.checkpoint.origin}")
        lines.append(f"{t('size', 'tamaño')}  {report.checkpoint.size}")
        lines.append(f"{t('root', 'raíz')}  {report.checkpoint.root.hex()}")
    if report.vkey:
        source = t("given by you", "dada por usted")
        if not report.key_was_given:
            source = t("came with the export", "vino con la copia")
        lines.append(f"{t('key', 'llave')}  {report.vkey} ({source})")
    lines += ["", t("Checked:", "Comprobado:")]
    for name, text in COUNTS.items():
        count = getattr(report.checked, name)
        if count:
            lines.append(f"  {money(str(count)):>14}  {t(*text)}")
    for total in report.totals:
        debit, credit = (
            money(show_amount(side, total.scale))
            for side in (total.debit_balances, total.credit_balances)
        )
        lines.append("")
        lines.append(
            f"{total.code}: "
            + t(
                f"{money(str(total.accounts))} accounts; debit balances {debit}, credit "
                f"balances {credit}",
                f"{money(str(total.accounts))} cuentas; saldos deudores {debit}, saldos "
                f"acreedores {credit}",
            )
        )
    lines += ["", t("What this cannot show:", "Lo que esto no puede mostrar:")]
    lines += [f"  - {said(sentence)}" for sentence in report.cannot_show]
    if report.ok:
        lines += ["", t("Nothing was changed: verified.", "Nada fue cambiado: comprobado.")]
    return lines
