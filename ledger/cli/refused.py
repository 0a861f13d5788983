"""FILE.refused.csv: the rows of an import that were refused, with the reason of each."""

import csv
import fcntl
import os
from pathlib import Path
from typing import Final

from ledger.cli.rows import (
    Reading,
    Row,
    Unreadable,
    opened,
)
from ledger.cli.words import Stop, t

REFUSED_HEAD: Final = ("row", "attempt", "code", "sentence")
REFUSED_SUFFIX: Final = ".refused.csv"


def refused_path(file: Path) -> Path:
    """Where the refused rows of a file go."""
    return file.with_name(file.name + REFUSED_SUFFIX)


class RefusedFile:
    """FILE.refused.csv as it grows beside its place; `keep` puts it there whole.

    While it grows it is locked, so that two imports of one file do not run at once.
    """

    def __init__(self, file: Path, header: list[str]) -> None:
        self._place = refused_path(file)
        self._part = self._place.with_name(f".{self._place.name}.part")
        # Only its owner can read it: it repeats what may be bank secrets.
        fd = os.open(self._part, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise Stop(
                t(
                    f"Another import of {file} is running.",
                    f"Otra importación de {file} está en marcha.",
                )
            ) from None
        os.ftruncate(fd, 0)
        # With a mark that tells spreadsheets it is UTF-8.
        self._file = os.fdopen(fd, "w", encoding="utf-8-sig", newline="")
        self._count = 0
        self._writer = csv.writer(self._file)
        self._writer.writerow([*REFUSED_HEAD, *header])

    def add(self, row: Row, attempt: int, why: Unreadable) -> None:
        self._count += 1
        self._writer.writerow([row.number, attempt, why.code, why.sentence, *row.cells])

    def keep(self) -> None:
        """Put it in its place; where nothing was refused, there is none."""
        self._file.flush()
        os.fsync(self._file.fileno())
        if self._count:
            self._part.replace(self._place)
        else:
            self._place.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove what was not kept, while the lock is still ours."""
        self._part.unlink(missing_ok=True)
        self._file.close()


def read_refused(file: Path, header: list[str]) -> dict[int, tuple[int, tuple[str, ...]]]:
    """Rows to try again: the attempt each had, and its cells.

    Raises:
        Stop: there is no such file, or it is of another.
    """
    path = refused_path(file)
    if not path.exists():
        raise Stop(
            t(
                f"There is no {path}: nothing was refused, or the file was not imported yet.",
                f"No existe {path}: nada fue rechazado, o el archivo aún no se importa.",
            )
        )
    found: dict[int, tuple[int, tuple[str, ...]]] = {}
    with opened(path, Reading(columns={}, constants={})) as (head, rows):
        if head != [*REFUSED_HEAD, *header]:
            raise Stop(t(f"{path} belongs to another file.", f"{path} es de otro archivo."))
        for row in rows:
            number, attempt, _, _, *cells = row.cells
            if not (number.isdigit() and attempt.isdigit()):
                raise Stop(f"{path}: {number!r}, {attempt!r}")
            found[int(number)] = int(attempt), tuple(cells)
    return found
