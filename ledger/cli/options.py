"""What many commands have in common: --url, --key, --ledger, --dry-run and the like."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import wraps
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import click

from ledger.cli.client import default_url
from ledger.cli.show import Place
from ledger.cli.words import is_moment, t
from ledger.core.model import WORD_PATTERN, Late

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])


class Day(click.DateTime):
    """A day as 2026-11-24, given as its midnight."""

    name = "day"

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return t("DAY", "DÍA")

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            said = t("write a day as 2026-11-24", "escriba el día como 2026-11-24")
            self.fail(f"{value}: {said}.", param, ctx)


class Code(click.ParamType[str]):
    """A word that stands in the journal: a reason, a kind."""

    name = "code"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return t("CODE", "CÓDIGO")

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        if re.fullmatch(WORD_PATTERN, value, re.ASCII) is None:
            said = t(
                "at most 32 lower-case letters, digits and _, without spaces: acta_consejo",
                "hasta 32 minúsculas sin acento, cifras y _, sin espacios: acta_consejo",
            )
            self.fail(f"{value!r}: {said}.", param, ctx)
        return str(value)


class AtMoment(click.ParamType[str]):
    """A moment with its offset, as it is sent."""

    name = "moment"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return t("MOMENT", "MOMENTO")

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        if not is_moment(value):
            said = t("write a moment as", "escriba el momento como")
            self.fail(f"{value!r}: {said} 2026-11-24T18:00:00-06:00.", param, ctx)
        return str(value)


DAY: Final = Day()
MOMENT: Final = AtMoment()
CODE: Final = Code()

limit_option = click.option(
    "--limit",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help=t("At most so many.", "Cuántos como máximo."),
)
reason_option = click.option(
    "--reason",
    type=CODE,
    required=True,
    help=t(
        "A code such as court_order; it stays in the journal.",
        "Un código como orden_judicial; queda en el diario.",
    ),
)
known_option = click.option(
    "--as-known-on",
    metavar="MOMENT",
    help=t(
        "Count only what was recorded until then: 2026-02-05T12:00:00Z.",
        "Cuenta sólo lo registrado hasta entonces: 2026-02-05T12:00:00Z.",
    ),
)
late_option = click.option(
    "--late",
    type=click.Choice([late.value for late in Late]),
    help=t(
        "What is for a day that is closed: refuse it, or count it for the next open day. By "
        "default it is refused.",
        "Lo que sea de un día cerrado: rechazarlo (refuse), o que cuente para el siguiente día "
        "abierto (next_open_day). Si no se indica, se rechaza.",
    ),
)
adjustments_option = click.option(
    "--adjustments",
    is_flag=True,
    help=t(
        "With the adjustments to the year that ends on the last day.",
        "Con los ajustes del año que termina el último día.",
    ),
)


def act_options(command: F) -> F:
    """--act, --act-date, and --act-file or --act-hash: the decision that a change cites."""
    for option in (
        click.option("--act-hash", help=t("Or its SHA-256 in hex.", "O su SHA-256 en hex.")),
        click.option(
            "--act-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help=t(
                "Its document; only its SHA-256 is sent.",
                "Su documento; sólo se envía su SHA-256.",
            ),
        ),
        click.option("--act-date", type=DAY, help=t("Its date.", "Su fecha.")),
        click.option("--act", help=t("Number of the decision.", "Número del acta.")),
    ):
        command = option(command)
    return command


def act_of(given: dict[str, Any]) -> dict[str, Any]:
    """The decision as it is sent, taken out of what a command was given; or nothing."""
    number, day = given.pop("act"), given.pop("act_date")
    file, digest = given.pop("act_file"), given.pop("act_hash")
    if all(one is None for one in (number, day, file, digest)):
        return {}
    if number is None or day is None or (file is None) is (digest is None):
        raise click.UsageError(
            t(
                "Give --act and --act-date together, and --act-file or --act-hash.",
                "Dé juntos --act y --act-date, y --act-file o --act-hash.",
            )
        )
    if file is not None:
        with file.open("rb") as document:
            digest = file_digest(document, "sha256").hexdigest()
    cited = {"number": number, "date": day.date().isoformat(), "hash": digest.lower()}
    return {"act": cited}


def pairs(texts: Iterable[str], option: str, fields: Sequence[str]) -> dict[str, str]:
    """FIELD=VALUE options as a table. Raises click.UsageError."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in fields or name in found:
            known = ", ".join(fields)
            raise click.UsageError(
                t(
                    f"{option} {text}: write FIELD=…, each field once, of: {known}",
                    f"{option} {text}: escriba CAMPO=…, cada campo una vez, de: {known}",
                )
            )
        found[name] = value
    return found


def speaks_to_service(
    command: Callable[P, Coroutine[Any, Any, None]],
) -> Callable[..., None]:
    """Make a coroutine that takes a Place first a command with --url, --key and --json."""

    @click.option(
        "--url",
        envvar="TEQUIO_URL",
        help=t(
            "The running service; also TEQUIO_URL.",
            "El servicio en marcha; también TEQUIO_URL.",
        ),
        default=default_url,
        show_default="http://127.0.0.1:8080",
    )
    @click.option(
        "--key",
        envvar="TEQUIO_KEY",
        help=t(
            "Your API key; better in TEQUIO_KEY, where other users do not see it. Without "
            "one: the operator key of this machine's service, if you may read it.",
            "Su llave; mejor en TEQUIO_KEY, donde otros usuarios no la ven. Sin ella: la del "
            "operador del servicio de esta máquina, si usted puede leerla.",
        ),
    )
    @click.option("--json", "as_json", is_flag=True, help=t("For programs.", "Para programas."))
    @wraps(command)
    def run(url: str, key: str | None, as_json: bool, **given: Any) -> None:
        place = Place(url, key, as_json)
        asyncio.run(command(place, **given))  # type: ignore[arg-type]

    return run


def dry_run_option(command: F) -> F:
    """--dry-run of a write."""
    return click.option(
        "--dry-run",
        is_flag=True,
        help=t("Say what would happen, write nothing.", "Dice qué pasaría, no escribe nada."),
    )(command)


delimiter_option = click.option(
    "--delimiter",
    default=",",
    show_default=True,
    help=t("What stands between cells.", "Lo que separa las celdas."),
)
encoding_option = click.option(
    "--encoding",
    default="utf-8-sig",
    show_default="utf-8",
    help=t("How letters are written in the file.", "Cómo están codificadas las letras."),
)


def ledger_option(command: F) -> F:
    """--ledger, which nearly all commands need."""
    return click.option(
        "--ledger",
        required=True,
        envvar="TEQUIO_LEDGER",
        help=t("The ledger's code; also TEQUIO_LEDGER.", "Código del libro; o TEQUIO_LEDGER."),
    )(command)


def dry_query(dry_run: bool) -> dict[str, str]:
    """The query of a write."""
    return {"dry_run": "true"} if dry_run else {}


def known_query(as_known_on: str | None, adjustments: bool) -> dict[str, Any]:
    """The query of a balance at a past moment."""
    query: dict[str, Any] = {"adjustments": "true"} if adjustments else {}
    return {**query, **({} if as_known_on is None else {"as_known_on": as_known_on})}
