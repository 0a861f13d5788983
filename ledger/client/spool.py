"""The spool: sealed batches on disk, for a branch that is at times without a connection.

    <folder>/waiting/<number>-<id>.ndjson    the batch, with its note before it if it is signed
    <folder>/posted/<number>-<id>.json       what became of it
    <folder>/refused/<number>-<id>.json      why not; the batch stays beside it

A batch is on the disk before `add` returns, and leaves `waiting` only after its outcome is.
Whatever stops in between, it is sent again and, being the same, posted once. One process
sends at a time.
"""

import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from ledger.client.client import Client, Outcome, Refused
from ledger.client.sealing import SealedBatch

WAITING: Final = "waiting"
POSTED: Final = "posted"
REFUSED: Final = "refused"
_NOTE: Final = ".note"
_DIGITS: Final = 12


class SpoolBusy(Exception):
    """Another process is sending from this spool."""


class Spool:
    """A folder of batches that wait to be sent, in the order in which they were added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (WAITING, POSTED, REFUSED):
            (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def add(self, batch: SealedBatch) -> None:
        """Keep a batch; when this returns it is on the disk. Again, it changes nothing."""
        with self._locked("adding", wait=True):
            if any(path.stem.endswith(str(batch.id)) for path in self._all()):
                return
            name = f"{self._next():0{_DIGITS}}-{batch.id}"
            if batch.note:
                _write(self.folder / WAITING / f"{name}{_NOTE}", batch.note)
            _write(self.folder / WAITING / f"{name}.ndjson", batch.data)

    def waiting(self) -> Iterator[SealedBatch]:
        """The batches that wait, the oldest first."""
        for path in sorted((self.folder / WAITING).glob("*.ndjson")):
            note = path.with_suffix(_NOTE)
            data = path.read_bytes()
            yield SealedBatch(
                id=UUID(path.stem[_DIGITS + 1 :]),
                count=data.count(b"\n") - 1,
                data=data,
                note=note.read_bytes() if note.exists() else b"",
            )

    async def send(self, client: Client) -> AsyncIterator[Outcome]:
        """Send what waits, several at once, and give what became of each in order.

        Raises:
            SpoolBusy: somebody else is sending.
            NotKnown: the service cannot be reached; what was not answered waits on.
        """
        with self._locked("sending", wait=False):
            paths = sorted((self.folder / WAITING).glob("*.ndjson"))
            outcomes = client.post_all(self.waiting())
            for path in paths:
                outcome = await anext(outcomes)
                self._settle(path, outcome)
                yield outcome

    def _settle(self, path: Path, outcome: Outcome) -> None:
        """Keep what became of a batch, then let it go; of a refused one the bytes stay."""
        is_refused = isinstance(outcome, Refused)
        folder = self.folder / (REFUSED if is_refused else POSTED)
        _write(folder / f"{path.stem}.json", msgspec.json.encode(outcome))
        note = path.with_suffix(_NOTE)
        if is_refused:
            if note.exists():
                note.replace(folder / note.name)
            path.replace(folder / path.name)
            _sync(folder)
        else:
            path.unlink()  # First: a note alone is no batch that waits.
            note.unlink(missing_ok=True)
        _sync(self.folder / WAITING)

    def _all(self) -> Iterator[Path]:
        for name in (WAITING, POSTED, REFUSED):
            yield from (p for p in (self.folder / name).iterdir() if p.suffix != _NOTE)

    def _next(self) -> int:
        numbers = [int(path.name[:_DIGITS]) for path in self._all() if path.suffix != ".part"]
        return max(numbers, default=0) + 1

    @contextmanager
    def _locked(self, what: str, *, wait: bool) -> Iterator[None]:
        with (self.folder / f"{what}.lock").open("a") as file:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise SpoolBusy(str(self.folder)) from None
            yield


def _write(path: Path, data: bytes) -> None:
    """A file that is there whole, or not at all, and stays there."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
