"""tequio export: the journal as a folder that stands alone, or the books for other programs."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ledger.cli.client import Refused
from ledger.cli.options import ledger_option, speaks_to_service
from ledger.cli.show import Place, facts, print_json
from ledger.cli.words import Stop, t

if TYPE_CHECKING:
    from ledger.exports.journal import Exported
    from ledger.journal.directory import Progress

BOOKS: Final = {"hledger": "ledger.journal", "beancount": "ledger.beancount"}

out_option = click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help=t(
        "The folder to make; it must not be there, or be empty.",
        "La carpeta que se crea; no debe existir, o estar vacía.",
    ),
)


@click.group(
    help=t(
        "Take a ledger's journal out, as it is or for hledger and beancount. Needs the key of "
        "an auditor: tequio key create --role auditor",
        "Saca el diario de un libro, tal cual o para hledger y beancount. Pide una llave de "
        "auditor: tequio key create --role auditor",
    )
)
def export_group() -> None:
    pass


@export_group.command(
    "journal",
    help=t(
        "Everything, signed: what tequio verify checks offline.",
        "Todo, firmado: lo que tequio verify comprueba sin red.",
    ),
)
@ledger_option
@out_option
@speaks_to_service
async def export_journal(place: Place, ledger: str, out: Path) -> None:
    from ledger.cli.progress import showing

    check_free(out)
    with showing() as progress:
        exported = await fetch(place, ledger, out, progress)
    tell(place, exported, out)


async def fetch(place: Place, ledger: str, out: Path, progress: "Progress") -> "Exported":
    """The journal into a folder."""
    from ledger.cli.fetching import fetch_journal

    async with place.client() as client:
        try:
            return await fetch_journal(client, ledger, out, progress=progress)
        except Refused as no:
            if no.code != "role_not_allowed":
                raise
            raise Stop(
                t(
                    "The lines of a journal are for auditors, since the orders of authorities "
                    f"stand in them [{no.code}]. Give yourself such a key, which the journal "
                    f"notes: tequio key create --role auditor --ledger {ledger}",
                    "Los asientos del diario son para auditores, porque en ellos están los "
                    f"oficios de las autoridades [{no.code}]. Cree una llave de auditor, de lo "
                    "que queda constancia en el diario: tequio key create --role auditor "
                    f"--ledger {ledger}",
                )
            ) from no


def check_free(out: Path) -> None:
    """Remove an empty folder, since it is made in one move; raise Stop if more is there."""
    if out.is_dir() and not out.is_symlink() and not any(out.iterdir()):
        out.rmdir()
        return
    if out.exists() or out.is_symlink():
        raise Stop(
            t(
                f"{out} is not empty; choose another folder.",
                f"{out} no está vacía; elija otra carpeta.",
            )
        )


def tell(place: Place, exported: "Exported", out: Path) -> None:
    """What was written, and how to check it."""
    checkpoint = exported.checkpoint
    if place.json:
        print_json(
            {
                "out": str(out),
                "origin": checkpoint.origin,
                "size": checkpoint.size,
                "root": checkpoint.root.hex(),
                "batches": exported.batches,
                "transfers": exported.transfers,
                "files": exported.files,
                "bytes": exported.bytes,
            }
        )
        return
    place.console.print(
        facts(
            {
                t("folder", "carpeta"): str(out),
                "origin": checkpoint.origin,
                "size": checkpoint.size,
                t("root", "raíz"): checkpoint.root.hex(),
                t("batches", "lotes"): exported.batches,
                t("transfers", "movimientos"): exported.transfers,
                t("files", "archivos"): exported.files,
            }
        )
    )
    place.console.print(t("Check it with:", "Compruébelo con:"), f"tequio verify {out}")


def _books_command(program: str, en: str, es: str) -> None:
    @export_group.command(program, help=t(en, es))
    @ledger_option
    @out_option
    @speaks_to_service
    async def command(place: Place, ledger: str, out: Path) -> None:
        await export_books(place, ledger, out, program)


async def export_books(place: Place, ledger: str, out: Path, program: str) -> None:
    """Fetch the journal, verify it, and write the books from it."""
    from ledger.cli.progress import showing
    from ledger.exports.beancount import write_beancount
    from ledger.exports.hledger import write_hledger
    from ledger.journal.verify import verify_export

    check_free(out)
    write = {"hledger": write_hledger, "beancount": write_beancount}[program]
    file = out / BOOKS[program]
    with (
        tempfile.TemporaryDirectory(prefix="tequio-journal-") as folder,
        showing() as progress,
    ):
        journal = Path(folder) / "journal"
        exported = await fetch(place, ledger, journal, progress)
        report = verify_export(
            journal,
            trusted_vkey=report_key(journal),
            expect=(exported.checkpoint.size, exported.checkpoint.root),
            progress=progress,
        )
        if report.broken is not None:
            raise Stop(str(report.broken))
        written = write(journal, file, progress=progress)
    done = {
        "out": str(file),
        "size": written.checkpoint.size,
        "root": written.checkpoint.root.hex(),
        "accounts": written.accounts,
        "transfers": written.transfers,
        "bytes": written.bytes,
    }
    if place.json:
        print_json(done)
        return
    place.console.print(facts(done))
    commands = {"hledger": f"hledger check -s -f {file}", "beancount": f"bean-check {file}"}
    place.console.print(t("Check it with:", "Compruébelo con:"), commands[program])


def report_key(journal: Path) -> str:
    """The key in the export: the one the service named when it was fetched."""
    from ledger.journal.directory import ExportDirectory

    return ExportDirectory(journal).vkey()


_books_command("hledger", "For hledger.", "Para hledger.")
_books_command("beancount", "For beancount.", "Para beancount.")
