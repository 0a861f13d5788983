"""A journal as a folder that stands alone: which files it has, and reading them one by one.

    checkpoint               the signed note: this origin, this size, this root
    keys.txt policy.txt      the key that signs it, for people and as a C2SP tlog-policy
    tile/<level>/<index>     hash tiles of the tree, as a C2SP tlog-tiles log serves them
    tile/entries/<index>     entry bundles: the leaves
    batch/<index>.jsonl      the bodies of the posted batches among the leaves of a bundle
    batch/<index>.outcomes.jsonl   what of them was refused, or done otherwise than asked
    details.jsonl            texts that may be erased; only when they were asked for
    README.txt SHA256SUMS    what this is, and the hash of every other file

exports/journal.py writes it, verify.py checks it. JOURNAL.md describes it for readers who
have nothing else. Nothing here believes a byte: sizes are bounded, links are refused.
"""

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Struct

from ledger.core.asked import DESCRIPTION_MAX
from ledger.core.faults import LedgerFault, MalformedLine
from ledger.core.leaves import BatchPosted
from ledger.core.lines import LEAF_MAX, Line
from ledger.core.model import Salt
from ledger.journal.canonical import decode_leaf, encode_line, excerpt
from ledger.journal.faults import BrokenProof
from ledger.journal.merkle import HASH_SIZE
from ledger.journal.notes import NOTE_MAX
from ledger.journal.tiles import (
    ENTRY_MAX,
    TILE_HEIGHT,
    TILE_WIDTH,
    TileAddress,
    decode_bundle,
    tile_path,
    tile_width,
)

CHECKPOINT: Final = "checkpoint"
KEYS: Final = "keys.txt"
POLICY: Final = "policy.txt"
README: Final = "README.txt"
SUMS: Final = "SHA256SUMS"
DETAILS: Final = "details.jsonl"

SMALL_MAX: Final = 65_536  # Bytes of a file that is read whole and is no tile or bundle.
MANIFEST_MAX: Final = LEAF_MAX
LINE_MAX: Final = 4096  # Bytes of a transfer or an outcome with its line feed.
DETAIL_MAX: Final = 8192  # Bytes of a detail: 500 characters, each at most six bytes long.

assert 6 * DESCRIPTION_MAX + 200 < DETAIL_MAX

Progress = Callable[[str, int, int], None]  # Which stage, how much is done, of how much.


def silent(stage: str, done: int, total: int) -> None:
    """Show nobody how far it is."""


class BrokenExport(LedgerFault, ValueError):
    """The export is not whole. Its facts are the place and what is wrong there."""

    code = "broken_export"


class Detail(Line, frozen=True, kw_only=True, tag="detail"):
    """A text that a transfer's `details` commits to. It may be erased; the rest may not."""

    sequence: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    salt: Salt
    text: Annotated[str, Meta(min_length=1, max_length=DESCRIPTION_MAX)]


class Recorded(Struct, frozen=True):
    """A leaf, and for a posted batch the bytes under it."""

    index: int
    leaf: bytes
    body: bytes = b""
    outcomes: bytes = b""


READ_SIZE = 1 << 20  # Bytes looked through at once.
# Keys are sorted, terms end at the first brace but a rate's, and no code can hold a quote.
_TAKEN_BACK = re.compile(rb'"terms":\{"action":"reverse",[^{}]*"target":([0-9]{1,16})[,}]')
_detail_decoder = msgspec.json.Decoder(Detail)


# ---- which files


def bodies_path(bundle: int) -> str:
    """Where the bodies of the batches among the leaves of an entry bundle are.

    >>> bodies_path(1234067)
    'batch/x001/x234/067.jsonl'
    """
    return f"batch/{_place(bundle)}.jsonl"


def outcomes_path(bundle: int) -> str:
    """Where the outcomes of those batches are, where they have any."""
    return f"batch/{_place(bundle)}.outcomes.jsonl"


def _place(bundle: int) -> str:
    return tile_path(None, bundle, TILE_WIDTH).removeprefix("tile/entries/")


def bundles_of(size: int) -> Iterator[TileAddress]:
    """The entry bundles of a log of `size` leaves, in order."""
    for index in range(-(-size // TILE_WIDTH)):
        yield TileAddress(None, index, tile_width(0, index, size))


def tiles_of(size: int) -> Iterator[TileAddress]:
    """The hash tiles of a log of `size` leaves, level by level."""
    level = 0
    while count := size >> TILE_HEIGHT * level:
        for index in range(-(-count // TILE_WIDTH)):
            yield TileAddress(level, index, tile_width(level, index, size))
        level += 1


def policy_of(vkey: str) -> bytes:
    """The C2SP tlog-policy that asks for the ledger's own signature and no witness's."""
    return f"log {vkey}\nquorum none\n".encode()


# ---- reading them


class ExportDirectory:
    """The files of an export, read with bounded memory.

    All methods raise BrokenExport with the file's name and what is wrong with it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self, name: str, size_max: int | None = None) -> BufferedReader:
        """A regular file inside the export."""
        path = self.root / name
        if path.is_symlink() or not path.is_file():
            raise BrokenExport(name, "the file is missing")
        if size_max is not None and path.stat().st_size > size_max:
            raise BrokenExport(name, f"longer than the {size_max} bytes it may have")
        return path.open("rb")

    def read(self, name: str, size_max: int) -> bytes:
        with self.open(name, size_max) as file:
            return file.read()

    def checkpoint(self) -> bytes:
        return self.read(CHECKPOINT, NOTE_MAX)

    def vkey(self) -> str:
        """The key in keys.txt: its one line that is not a comment."""
        try:
            lines = self.read(KEYS, SMALL_MAX).decode().split("\n")
        except UnicodeError:
            raise BrokenExport(KEYS, "not text in UTF-8") from None
        keys = [line for line in lines if line and not line.startswith("#")]
        if len(keys) != 1:
            raise BrokenExport(KEYS, f"{len(keys)} keys instead of one")
        return keys[0]

    def tile(self, address: TileAddress) -> bytes:
        data = self.read(address.path, TILE_WIDTH * HASH_SIZE)
        if len(data) != address.width * HASH_SIZE:
            raise BrokenExport(
                address.path, f"{len(data)} bytes instead of {address.width * HASH_SIZE}"
            )
        return data

    def bundle(self, address: TileAddress) -> list[bytes]:
        data = self.read(address.path, TILE_WIDTH * (ENTRY_MAX + 2))
        try:
            return decode_bundle(data, address.width)
        except BrokenProof as error:
            raise BrokenExport(address.path, *error.facts) from None

    def recorded(self, size: int) -> Iterator[Recorded]:
        """Every leaf in order, posted batches with their bodies and outcomes."""
        for address in bundles_of(size):
            first = address.index * TILE_WIDTH
            with (
                _Lines(self, bodies_path(address.index)) as bodies,
                _Lines(self, outcomes_path(address.index)) as outcomes,
            ):
                for index, data in enumerate(self.bundle(address), first):
                    yield _recorded(index, data, bodies, outcomes)

    def reversed_sequences(self, size: int) -> set[int]:
        """The sequences that reversals name, which whoever replays must know of beforehand.

        As many numbers as there are reversals, and nothing that the rules have looked at.
        """
        found: set[int] = set()
        for address in bundles_of(size):
            if not (self.root / bodies_path(address.index)).exists():
                continue
            with self.open(bodies_path(address.index)) as file:
                while data := file.read(READ_SIZE):
                    data += file.readline(LINE_MAX)  # To the end of the line that was cut.
                    found.update(map(int, _TAKEN_BACK.findall(data)))
        return found

    def details(self) -> Iterator[Detail]:
        """The texts, in the order of their sequences; nothing where there is no file."""
        if not (self.root / DETAILS).exists():
            return
        last = 0
        with self.open(DETAILS) as file:
            lines = iter(partial(file.readline, DETAIL_MAX), b"")
            for number, data in enumerate(lines, 1):
                detail = _detail(number, data)
                if detail.sequence <= last:
                    raise BrokenExport(f"{DETAILS} line {number}", "a sequence out of order")
                last = detail.sequence
                yield detail

    def names(self) -> set[str]:
        """Every file there is, as a path below the export with slashes."""
        found: set[str] = set()
        for folder, folders, files in os.walk(self.root):
            below = Path(folder).relative_to(self.root)
            found.update((below / name).as_posix() for name in files)
            for name in folders:
                if Path(folder, name).is_symlink():
                    raise BrokenExport((below / name).as_posix(), "a link instead of a folder")
        return found


class _Lines:
    """Lines of a file, some at a time. It is opened when first asked, read to its end."""

    def __init__(self, export: ExportDirectory, name: str) -> None:
        self._export = export
        self._name = name
        self._file: BufferedReader | None = None

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._file is None:
            return
        with self._file as file:
            if kind is None and file.read(1):
                raise BrokenExport(self._name, "more lines than the leaves account for")

    def take(self, what: str, count: int, *, head_max: int = 0) -> bytes:
        """The next `count` lines; the first of them may be `head_max` bytes long."""
        if self._file is None:
            self._file = self._export.open(self._name)
        lines: list[bytes] = []
        if head_max:
            lines.append(self._file.readline(head_max))
        lines += islice(iter(partial(self._file.readline, LINE_MAX), b""), count - len(lines))
        if len(lines) < count or not lines[-1].endswith(b"\n"):
            raise BrokenExport(f"{self._name}, {what}", "the file ends, or a line is too long")
        return b"".join(lines)


def _recorded(index: int, data: bytes, bodies: _Lines, outcomes: _Lines) -> Recorded:
    try:
        leaf = decode_leaf(data)
    except MalformedLine as error:
        raise BrokenExport(f"leaf {index}", *error.facts) from None
    if not isinstance(leaf, BatchPosted):
        return Recorded(index, data)
    what = f"leaf {index}"
    body = bodies.take(what, leaf.count + 1, head_max=MANIFEST_MAX + 1)
    done = b"" if leaf.outcomes is UNSET else outcomes.take(what, leaf.count)
    return Recorded(index, data, body, done)


def _detail(number: int, data: bytes) -> Detail:
    place = f"{DETAILS} line {number}"
    try:
        detail = _detail_decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BrokenExport(place, str(error)) from None
    if encode_line(detail) + b"\n" != data:
        raise BrokenExport(place, f"not canonical: {excerpt(data)}")
    return detail
