"""tequio poster-key: the keys with which posters sign their batches."""

import os
import secrets
from pathlib import Path
from typing import Any, Final

import click

from ledger.cli.client import path_of
from ledger.cli.options import dry_query, dry_run_option, ledger_option, speaks_to_service
from ledger.cli.show import Place, print_json
from ledger.cli.words import Stop, t
from ledger.journal.faults import BrokenProof
from ledger.journal.notes import KEY_SIZE, Signer, parse_vkey, signer_from_seed

KEY: Final = ("poster", "public_key", "since", "until")


@click.group(
    "poster-key",
    help=t(
        "The keys with which posters sign their batches.",
        "Las llaves con las que los remitentes firman sus lotes.",
    ),
)
def poster_key_group() -> None:
    pass


def read_signer(path: Path) -> Signer:
    """The key that `new` wrote into a file.

    Raises:
        Stop: it cannot be read, or is none.
    """
    try:
        poster, _, seed = path.read_text().strip().partition(" ")
        return signer_from_seed(poster, bytes.fromhex(seed))
    except OSError as error:
        raise Stop(f"{path}: {error.strerror}") from error
    except (BrokenProof, ValueError) as error:
        raise Stop(
            t(f"{path} is no signing key.", f"{path} no es una llave de firma.")
        ) from error


def seed_of(path: Path) -> bytes:
    """The private half of the key in a file. Raises Stop."""
    read_signer(path)
    return bytes.fromhex(path.read_text().split()[1])


@poster_key_group.command(
    "new",
    help=t(
        "Make a key for POSTER in a file that only you can read, and print its public half. "
        "Whoever has the file signs as the poster.",
        "Hace una llave para POSTER en un archivo que sólo usted puede leer, e imprime su "
        "mitad pública. Quien tenga el archivo firma como el remitente.",
    ),
)
@click.argument("poster")
@click.option("--out", required=True, type=click.Path(path_type=Path))
def new_key(poster: str, out: Path) -> None:
    seed = secrets.token_bytes(KEY_SIZE)
    try:
        signer = signer_from_seed(poster, seed)
        fd = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except BrokenProof as error:
        raise Stop(t("A name without spaces.", "Un nombre sin espacios.")) from error
    except FileExistsError:
        raise Stop(t(f"{out} is there already.", f"{out} ya existe.")) from None
    except OSError as error:
        raise Stop(f"{out}: {error.strerror}") from error
    with os.fdopen(fd, "w") as file:
        file.write(f"{poster} {seed.hex()}\n")
        file.flush()
        os.fsync(fd)
    click.echo(signer.vkey)


@poster_key_group.command(
    "register",
    help=t(
        "Let a public key count: from now on that poster's batches must be signed.",
        "Registra una llave pública: desde ahora los lotes de ese remitente van firmados.",
    ),
)
@click.argument("public_key")
@ledger_option
@dry_run_option
@speaks_to_service
async def register(place: Place, public_key: str, ledger: str, dry_run: bool) -> None:
    poster = public_key.partition("+")[0]
    path = path_of("ledgers", ledger, "posters", poster, "keys")
    async with place.client() as client:
        answer, _ = await client.send(
            "POST", path, {"public_key": public_key}, query=dry_query(dry_run)
        )
    _say(place, answer, dry_run, t("signs from now on", "firma desde ahora"))


@poster_key_group.command(
    "revoke",
    help=t(
        "End a key. What it signed until now stays good.",
        "Revoca una llave. Lo firmado hasta ahora sigue valiendo.",
    ),
)
@click.argument("public_key")
@ledger_option
@dry_run_option
@speaks_to_service
async def revoke(place: Place, public_key: str, ledger: str, dry_run: bool) -> None:
    try:
        key = parse_vkey(public_key)
    except BrokenProof as error:
        raise Stop(
            t(
                "That is no public key of a poster.",
                "Eso no es la llave pública de un remitente.",
            )
        ) from error
    path = path_of("ledgers", ledger, "posters", key.name, "keys", key.public_key.hex())
    async with place.client() as client:
        answer, _ = await client.send("DELETE", path, query=dry_query(dry_run))
    said = answer or {"key": {"poster": key.name, "public_key": public_key}}
    _say(place, said, dry_run, t("signs no more", "ya no firma"))


@poster_key_group.command(
    "list", help=t("All keys, also revoked ones.", "Todas las llaves, también las revocadas.")
)
@ledger_option
@speaks_to_service
async def list_keys(place: Place, ledger: str) -> None:
    async with place.client() as client:
        answer = await client.get(path_of("ledgers", ledger, "posters", "keys"))
    place.rows(answer["keys"], KEY)


def _say(place: Place, answer: dict[str, Any], dry_run: bool, what: str) -> None:
    if place.json:
        print_json(answer)
    elif dry_run:
        place.dry(answer, "key", ("poster", "public_key"))
    else:
        place.console.print(f"{answer['key']['poster']} {what}: {answer['key']['public_key']}")
