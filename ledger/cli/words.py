"""Which language people are spoken to in, and how what stops a command is said.

    raise Stop(t("There is no such file.", "No existe ese archivo."))

Texts stand where they are used, in English and Spanish. What the ledger itself says comes
from core/texts/, in Portuguese too.
"""

import os
import re
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, tzinfo
from typing import IO, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from ledger.core.texts.text import LANGUAGES

_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_ZONE: ContextVar[tzinfo] = ContextVar("zone", default=UTC)  # Of the ledger that answered last.


def zone_named(name: str) -> tzinfo:
    """A time zone; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def use_zone(name: str | None) -> None:
    """Show moments from now on as the clocks of a ledger do."""
    if name is not None:
        _ZONE.set(zone_named(name))


def is_moment(text: str) -> bool:
    """Whether a text is a moment as the service writes it."""
    return _MOMENT.fullmatch(text) is not None


def moment(text: str) -> str:
    """A moment to the second, in the ledger's time zone and with its offset."""
    return datetime.fromisoformat(text).astimezone(_ZONE.get()).isoformat(" ", "seconds")


def day_of(text: str, *, is_end: bool = False) -> str:
    """The ledger's day of a moment; of the end of a span, the last day that is in it."""
    at = datetime.fromisoformat(text).astimezone(_ZONE.get())
    return (at - timedelta(microseconds=is_end)).date().isoformat()


def locale_name() -> str:
    """The locale the environment asks for, such as es_MX.UTF-8."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def language() -> str:
    """The language of the locale among those the ledger speaks; else English."""
    wanted = locale_name()[:2].lower()
    return wanted if wanted in LANGUAGES else "en"


def t(en: str, es: str) -> str:
    """The text for whoever reads. A reader of Portuguese gets the Spanish one."""
    return en if language() == "en" else es


def money(text: str) -> str:
    """A decimal string with its thousands apart, as the reader's country writes it.

    For people only: programs read the plain string.
    """
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, point, fraction = digits.partition(".")
    if not whole.isdigit() or (point and not fraction.isdigit()):
        return text  # "none", or something that is no amount.
    grouped = f"{int(whole):,}"
    if language() == "pt":
        return sign + grouped.replace(",", ".") + point.replace(".", ",") + fraction
    return sign + grouped + point + fraction


class Stop(click.ClickException):
    """The command ends here, with a sentence and exit code 1."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"tequio: {self.message}", err=True, file=file)
