"""Writing a journal as a folder that stands alone (journal/directory.py says what is in it).

    with JournalWriter(out) as writer:
        for ...: writer.add_leaf(index, leaf, body, outcomes)
        writer.finish(checkpoint, vkey)

The caller fetches, over HTTP or from a store; the writer holds a bundle of leaves and no
more. It writes beside its place and moves the whole there at the end, so what is cut off
never looks whole. It says no to leaves that the checkpoint does not sign.
"""

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO, Self

from msgspec import UNSET, Struct

from ledger.core.faults import LedgerFault
from ledger.core.leaves import BatchPosted
from ledger.exports.readme import keys_text, readme
from ledger.journal.canonical import decode_leaf, encode_line
from ledger.journal.checkpoints import Checkpoint, open_checkpoint
from ledger.journal.directory import (
    CHECKPOINT,
    DETAILS,
    KEYS,
    POLICY,
    README,
    SUMS,
    BrokenExport,
    Detail,
    bodies_path,
    outcomes_path,
    policy_of,
)
from ledger.journal.merkle import HASH_SIZE, leaf_hashes
from ledger.journal.notes import parse_vkey
from ledger.journal.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Edge,
    FullTile,
    encode_bundle,
    tile_path,
)


class ExportExists(LedgerFault):
    """There is something where the export should go; choose another folder."""


class Exported(Struct, frozen=True, kw_only=True):
    """What an export holds."""

    checkpoint: Checkpoint
    batches: int
    transfers: int  # Lines of batches, posted and refused ones.
    details: int
    files: int
    bytes: int


class JournalWriter:
    """An export as it grows. Leaving the `with` before `finish` leaves nothing behind.

    Args:
        out: the folder to make; nothing may be there.
        with_details: write the texts given to add_detail. Without it they are refused,
            because they may be personal data and an export outlives their erasure.
        software: what wrote it, for the README.
    """

    def __init__(self, out: Path, *, with_details: bool = False, software: str = "Tequio"):
        if out.exists() or out.is_symlink():
            raise ExportExists(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        self._out = out
        self._software = software
        # Only its owner can open the folder: headers and bodies are under bank secrecy.
        self._folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
        self._edge = Edge()
        self._pending: list[bytes] = []  # Leaves of the bundle that is not full.
        self._streams: dict[str, _Stream] = {}  # Open files, at most three.
        self._sums: dict[str, str] = {}
        self._batches = self._transfers = self._details = self._last_detail = self._bytes = 0
        if with_details:
            self._streams[DETAILS] = _Stream(self._folder / DETAILS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()

    @property
    def size(self) -> int:
        """How many leaves were added; the next one's index."""
        return self._edge.size + len(self._pending)

    def add_leaf(
        self, index: int, leaf: bytes, body: bytes = b"", outcomes: bytes = b""
    ) -> None:
        """Add the next leaf, for a posted batch with its body and its outcomes if any.

        Raises:
            BrokenExport: not the next, or body and outcomes are not as long as it says.
            MalformedLine: the bytes are no leaf.
        """
        place = f"leaf {index}"
        if index != self.size:
            raise BrokenExport(place, f"the next leaf is {self.size}")
        line = decode_leaf(leaf)
        lines = refused = 0
        if isinstance(line, BatchPosted):
            lines = line.count + 1
            refused = 0 if line.outcomes is UNSET else line.count
            self._batches += 1
            self._transfers += line.count
        if (_lines_in(body), _lines_in(outcomes)) != (lines, refused):
            raise BrokenExport(place, f"needs {lines} lines of body, {refused} of outcomes")
        bundle = index // TILE_WIDTH
        self._append(bodies_path(bundle), body)
        self._append(outcomes_path(bundle), outcomes)
        self._pending.append(leaf)
        if len(self._pending) == TILE_WIDTH:
            self._end_bundle()

    def add_detail(self, sequence: int, salt: bytes, text: str) -> None:
        """Add a text that a transfer commits to, in the order of sequences.

        Raises:
            BrokenExport: out of order, or details were not asked for.
        """
        if DETAILS not in self._streams or sequence <= self._last_detail:
            raise BrokenExport(DETAILS, f"not the place for sequence {sequence}")
        self._last_detail = sequence
        self._details += 1
        line = encode_line(Detail(sequence=sequence, salt=salt, text=text))
        self._append(DETAILS, line + b"\n")

    def finish(self, checkpoint: bytes, vkey: str) -> Exported:
        """Close the export under its checkpoint and put it in its place.

        Raises:
            BrokenProof: the key did not sign the checkpoint.
            BrokenExport: the checkpoint is not that of these leaves.
            ExportExists: something appeared in its place meanwhile.
        """
        signed = open_checkpoint(checkpoint, [parse_vkey(vkey)])
        if signed.size != self.size:
            raise BrokenExport(CHECKPOINT, f"signs {signed.size} leaves, not {self.size}")
        if self._pending:
            self._end_bundle()
        if self._edge.root() != signed.root:
            raise BrokenExport(CHECKPOINT, "signs another root than that of these leaves")
        for level, tile in enumerate(self._edge.partial_tiles()):
            if tile:
                index = (self._edge.size >> TILE_HEIGHT * level) // TILE_WIDTH
                self._write(tile_path(level, index, len(tile) // HASH_SIZE), tile)
        self._close_streams()
        self._write(CHECKPOINT, checkpoint)
        self._write(KEYS, keys_text(vkey))
        self._write(POLICY, policy_of(vkey))
        self._write(README, readme(signed, software=self._software))
        sums = (f"{digest}  {name}\n" for name, digest in sorted(self._sums.items()))
        self._write(SUMS, "".join(sums).encode())
        try:
            self._folder.rename(self._out)
        except OSError as error:
            if self._out.exists():
                raise ExportExists(self._out) from error
            raise
        return Exported(
            checkpoint=signed,
            batches=self._batches,
            transfers=self._transfers,
            details=self._details,
            files=len(self._sums),
            bytes=self._bytes,
        )

    def abandon(self) -> None:
        """Remove what is not finished; after `finish` nothing."""
        for stream in self._streams.values():
            stream.close()
        self._streams.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end_bundle(self) -> None:
        bundle = self._edge.size // TILE_WIDTH
        width = len(self._pending)
        self._write(tile_path(None, bundle, width), encode_bundle(self._pending))
        for tile in self._edge.append(leaf_hashes(self._pending)):
            self._write_tile(tile)
        self._pending.clear()
        self._close_streams(bodies_path(bundle), outcomes_path(bundle))

    def _write_tile(self, tile: FullTile) -> None:
        self._write(tile_path(tile.level, tile.index, TILE_WIDTH), tile.hashes)

    def _write(self, name: str, data: bytes) -> None:
        stream = _Stream(self._folder / name)
        stream.write(data)
        self._keep_sum(name, stream)

    def _append(self, name: str, data: bytes) -> None:
        if not data:
            return
        if name not in self._streams:
            self._streams[name] = _Stream(self._folder / name)
        self._streams[name].write(data)

    def _close_streams(self, *names: str) -> None:
        for name in names or tuple(self._streams):
            stream = self._streams.pop(name, None)
            if stream is not None:
                self._keep_sum(name, stream)

    def _keep_sum(self, name: str, stream: "_Stream") -> None:
        stream.close()
        self._sums[name] = stream.digest.hexdigest()
        self._bytes += stream.length


class _Stream:
    """A file being written, with the hash of what went in."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("xb")
        self.digest = hashlib.sha256()
        self.length = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.digest.update(data)
        self.length += len(data)

    def close(self) -> None:
        self._file.close()


def _lines_in(data: bytes) -> int:
    """Lines that are all ended by a line feed; -1 when the last is not."""
    return data.count(b"\n") if not data or data.endswith(b"\n") else -1
