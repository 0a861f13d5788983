"""The service's settings: declared once, read from options, environment and one TOML file.

An option is stronger than TEQUIO_<NAME> in the environment, and that than the file. A name
nobody knows or a value that cannot be meant stops the start, with where it stands.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from ledger.cli.words import Stop, t

ORIGIN_DEFAULT: Final = "localhost"
# Room for a slash, a ledger's code and what names a batch, within the 200 of an origin.
ORIGIN: Final = r"^[a-z0-9][a-z0-9./:_-]{0,79}\Z"
LISTEN: Final = r"^(\[[0-9a-fA-F:.]+\]|[^\s\[\]:/]+):[0-9]{1,5}\Z"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting of the service.

    deploy/tequio.example.toml shows them all; a test compares.
    """

    # Any PostgreSQL 15 to 18, such as postgresql://tequio@db.example/tequio. Empty: an
    # embedded one of the ledger's own, in data_dir.
    database_url: str = ""
    # Where the embedded PostgreSQL and the state are. Empty: /var/lib/tequio for root, else
    # where programs of a user keep data. Must lie where the user who runs PostgreSQL can go.
    data_dir: str = ""
    # The signing keys, what they signed last, and this machine's operator key: small, secret,
    # and to be backed up apart from the database. Empty: data_dir/state.
    state_dir: str = ""
    # Host and port of the HTTP service. Port 0 takes a free one. TLS is a proxy's work.
    listen: Annotated[str, Meta(pattern=LISTEN)] = "127.0.0.1:8080"
    # What the names of all journals here begin with, such as ledger.caja-norte.example. It is
    # in every signature, so it is permanent. Empty: what was used here first, else localhost,
    # which is good for trying and for nothing else.
    origin: Annotated[str, Meta(pattern=r"^\Z|" + ORIGIN)] = ""
    # Sessions of the database for reading, at most.
    database_sessions: Annotated[int, Meta(ge=2, le=100)] = 8
    # Bytes of a batch or of many accounts in one request, at most.
    batch_size_max: Annotated[int, Meta(ge=65_536, le=64 * 1024 * 1024)] = 4 * 1024 * 1024
    # Seconds a request's body may take to arrive.
    body_seconds_max: Annotated[int, Meta(ge=1, le=600)] = 30
    # Processes that take connections, read and check requests, and ask the one that decides.
    # 0: one process does it all.
    workers: Annotated[int, Meta(ge=0, le=64)] = 0
    # Which log lines are written: debug, info, warning or error.
    log_level: Annotated[str, Meta(pattern=r"^(debug|info|warning|error)\Z")] = "info"


NAMES: Final = Settings.__struct_fields__


def data_path(settings: Settings) -> Path:
    """Where the embedded PostgreSQL and the state are."""
    from ledger.pg.embedded import default_data_dir

    return Path(settings.data_dir).absolute() if settings.data_dir else default_data_dir()


def state_path(settings: Settings) -> Path:
    """Where the signing keys and the operator key are."""
    if settings.state_dir:
        return Path(settings.state_dir).absolute()
    return data_path(settings) / "state"


def listen_address(settings: Settings) -> tuple[str, int]:
    """Host and port to listen on."""
    host, _, port = settings.listen.rpartition(":")
    return host.strip("[]"), int(port)


def read_settings(
    options: Mapping[str, object],
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from options that were given (None: not given), environment and file.

    Raises:
        Stop: a name or a value that cannot be, with where it stands.
    """
    environ = os.environ if environ is None else environ
    if config is None and environ.get("TEQUIO_CONFIG"):
        config = Path(environ["TEQUIO_CONFIG"])
    given: dict[str, Any] = {}
    if config is not None:
        given |= _of_file(config)
    for name in NAMES:
        variable = f"TEQUIO_{name.upper()}"
        if variable in environ:
            given[name] = _checked(name, environ[variable], variable, strict=False)
    for name, value in options.items():
        if value is not None:
            given[name] = _checked(name, value, "--" + name.replace("_", "-"), strict=False)
    settings = msgspec.convert(given, Settings)
    if listen_address(settings)[1] > 65_535:
        raise _wrong("listen", settings.listen, t("a port above 65535", "un puerto mayor"))
    return settings


def _of_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise Stop(f"{path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise Stop(f"{path}: {error}") from error
    for name, value in table.items():
        if name not in NAMES:
            known = ", ".join(NAMES)
            raise Stop(
                t(
                    f"{path}: there is no setting {name!r}. There are: {known}",
                    f"{path}: no existe el ajuste {name!r}. Existen: {known}",
                )
            )
        _checked(name, value, f"{path}: {name}", strict=True)
    return table


def _checked(name: str, value: object, place: str, *, strict: bool) -> Any:
    """A value as its setting has it."""
    kind = Settings.__annotations__[name]
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise _wrong(place, value, str(error)) from None


def _wrong(place: str, value: object, why: str) -> Stop:
    shown = re.sub(r"//[^@/]*@", "//…@", repr(value))  # No passwords on the screen.
    return Stop(
        t(f"{place}: {shown} cannot be: {why}", f"{place}: {shown} no puede ser: {why}")
    )
