"""tequio serve: the ledger as a service, until it is told to stop."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.words import t

if TYPE_CHECKING:
    from ledger.cli.service import Service
    from ledger.cli.settings import Settings


@click.command(
    help=t(
        "Run the ledger service until Ctrl-C or SIGTERM. It needs nothing: without a database "
        "of yours it brings its own PostgreSQL.",
        "Pone en marcha el servicio hasta Ctrl-C o SIGTERM. No necesita nada: si usted no "
        "tiene base de datos, trae su propio PostgreSQL.",
    )
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help=t(
        "A TOML file of settings; see deploy/tequio.example.toml. Also TEQUIO_CONFIG, and "
        "TEQUIO_<NAME> for each setting.",
        "Un archivo TOML de ajustes; vea deploy/tequio.example.toml. También TEQUIO_CONFIG, y "
        "TEQUIO_<NOMBRE> para cada ajuste.",
    ),
)
@click.option(
    "--database-url",
    help=t("Any PostgreSQL 15 to 18.", "Cualquier PostgreSQL de 15 a 18."),
)
@click.option(
    "--data-dir",
    help=t("Where the embedded PostgreSQL lives.", "Dónde vive el PostgreSQL incluido."),
)
@click.option(
    "--state-dir",
    help=t(
        "Where the signing keys are. Back it up apart.",
        "Dónde están las llaves de firma. Respáldelo aparte.",
    ),
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help=t("Where to listen; 127.0.0.1:8080.", "Dónde escuchar; 127.0.0.1:8080."),
)
@click.option(
    "--origin",
    help=t(
        "What your journals are called worldwide, as ledger.caja-norte.example. Permanent.",
        "El nombre mundial de sus diarios, como libro.caja-norte.example. Permanente.",
    ),
)
@click.option(
    "--workers",
    metavar="N",
    help=t(
        "Processes that take connections and check requests before the one that decides; 0.",
        "Procesos que reciben y revisan peticiones antes que el que decide; 0.",
    ),
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help=t("Which log lines to write.", "Qué líneas escribir en la bitácora."),
)
def serve(config: Path | None, **options: str | None) -> None:
    import uvloop

    from ledger.cli.logs import start_logging
    from ledger.cli.settings import read_settings

    settings = read_settings(options, config=config)
    start_logging(settings.log_level)
    uvloop.run(_serve(settings))


async def _serve(settings: "Settings") -> None:
    from ledger.cli.service import running_service

    def say(text: str) -> None:
        click.echo(f"{text}…", err=True)

    with told_to_stop() as stop:
        async with running_service(settings, progress=say) as service:
            _welcome(service)
            _spare_the_collector()
            await stop.wait()
    click.echo(t("Stopped; nothing accepted was lost.", "Detenido; nada aceptado se perdió."))


def _spare_the_collector() -> None:
    """Accounts live as long as the process: looking through them again finds nothing."""
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def told_to_stop() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and Ctrl-C set. A second Ctrl-C ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def told(which: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(which)

    signals = (signal.SIGTERM, signal.SIGINT)
    for which in signals:
        loop.add_signal_handler(which, told, which)
    try:
        yield stop
    finally:
        for which in signals:
            loop.remove_signal_handler(which)


def _welcome(service: "Service") -> None:
    """What a person needs to know now, on stdout."""
    if service.origin_is_new:
        click.echo(
            t(
                f"Origin: {service.origin} (permanent: it will be in every signature)",
                f"Origen: {service.origin} (permanente: estará en cada firma)",
            )
        )
        if not service.settings.origin:
            click.echo(
                t(
                    "  Good for trying. For real books choose a name of yours: --origin",
                    "  Sirve para probar. Para libros de verdad elija uno suyo: --origin",
                )
            )
    if service.key_is_new:
        if sys.stdout.isatty():  # A log is no place for it.
            click.echo(
                t("Operator key, shown this once: ", "Llave del operador, sólo esta vez: ")
                + service.operator_key
            )
        click.echo(
            t(
                f"The operator key is in {service.key_file}, readable by you alone; commands "
                "on this machine find it there. Keep a copy: the service has only its hash.",
                f"La llave del operador está en {service.key_file}, legible sólo para usted; "
                "las órdenes en esta máquina la encuentran ahí. Guarde una copia: el servicio "
                "sólo tiene su resumen.",
            )
        )
    click.echo(t(f"Serving at {service.url}", f"En servicio: {service.url}"))
    click.echo(f"  {service.url}/docs")
