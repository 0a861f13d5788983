"""tequio signer: the signer's memory, and how an operator tells it to go on from elsewhere."""

import asyncio
import logging
import re
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import click

from ledger.cli.service import open_state
from ledger.cli.settings import read_settings, state_path
from ledger.cli.words import Stop, t
from ledger.sequencer.notary import FileNotary

log = logging.getLogger(__name__)

PLACE = re.compile(r"([1-9][0-9]{0,15}):([0-9a-f]{64})")
ADOPTED_FILE = "notary/adopted.log"


@click.group(
    "signer",
    help=t("The memory of the signer.", "La memoria de quien firma."),
)
def signer_group() -> None:
    pass


@signer_group.command(
    "adopt",
    help=t(
        "Let the signer of a stopped service go on from SIZE:ROOT, whatever it signed before. "
        "A ledger that is read-only says which size and root its database has. Whoever saw "
        "what was signed before can prove that it was left: find out first why it was lost.",
        "Hace que el firmante de un servicio detenido siga desde TAMAÑO:RAÍZ, sea lo que sea "
        "que firmó antes. Un libro en sólo lectura dice qué tamaño y raíz tiene su base de "
        "datos. Quien vio lo firmado antes puede probar que se abandonó: averigüe primero por "
        "qué se perdió.",
    ),
)
@click.argument("origin")
@click.argument("place", metavar="SIZE:ROOT")
@click.option("--state-dir", type=click.Path(path_type=Path))
@click.option("--data-dir", type=click.Path(path_type=Path))
@click.option("--config", type=click.Path(path_type=Path))
@click.option(
    "--yes",
    is_flag=True,
    help=t("Do not ask again.", "No preguntar otra vez."),
)
def adopt(
    origin: str,
    place: str,
    state_dir: Path | None,
    data_dir: Path | None,
    config: Path | None,
    yes: bool,
) -> None:
    found = PLACE.fullmatch(place)
    if not found:
        raise click.UsageError(
            t(
                f"{place!r} is not a size, a colon and 64 hexadecimal digits",
                f"{place!r} no es un tamaño, dos puntos y 64 dígitos hexadecimales",
            )
        )
    size, root = int(found[1]), bytes.fromhex(found[2])
    options = {
        "state_dir": state_dir and str(state_dir),
        "data_dir": data_dir and str(data_dir),
    }
    state = state_path(read_settings(options, config=config))
    if not (state / "notary").is_dir():
        raise Stop(
            t(
                f"{state} is not the state of a service",
                f"{state} no es el estado de un servicio",
            )
        )
    if not yes:
        click.confirm(
            t(
                f"The signer will forget what it signed for {origin}. Go on from {size}?",
                f"El firmante olvidará lo que firmó para {origin}. ¿Seguir desde {size}?",
            ),
            abort=True,
        )
    before = asyncio.run(_adopt(state, origin, size, root))
    click.echo(
        t(
            f"{origin}: the signer goes on from {size} leaves. Before: {before}. "
            f"Written down in {state / ADOPTED_FILE}.",
            f"{origin}: el firmante sigue desde {size} hojas. Antes: {before}. "
            f"Queda escrito en {state / ADOPTED_FILE}.",
        )
    )


async def _adopt(state: Path, origin: str, size: int, root: bytes) -> str:
    """Write it down first, then do it; the service must not run meanwhile."""
    async with AsyncExitStack() as stack:
        open_state(stack, state)
        notary = FileNotary(state / "notary")
        stack.callback(notary.close)
        remembered = await notary.memory(origin)
        before = f"{remembered[0]}:{remembered[1].hex()}" if remembered else "-"
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with (state / ADOPTED_FILE).open("a") as file:
            file.write(f"{now} {origin} {before} -> {size}:{root.hex()}\n")
        await notary.adopt(origin, size, root)
        return before
