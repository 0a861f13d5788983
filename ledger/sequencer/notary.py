"""The notary in this process: keys in files, and a memory of its own of what was signed.

A log must never sign two histories. So the notary remembers, outside the database, the
last size and root it signed for each origin, and signs only what a consistency proof
shows to extend it. The memory is on disk before a signature leaves,
and is read again under a lock before each signature, so that two processes that share the
directory share the memory too.
"""

import asyncio
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec

from ledger.core.faults import SignerStopped
from ledger.journal.checkpoints import Checkpoint, sign_checkpoint
from ledger.journal.faults import BrokenProof
from ledger.journal.merkle import check_consistency
from ledger.journal.notes import Signer, signer_from_seed

P = ParamSpec("P")
T = TypeVar("T")

SEED_SIZE = 32
_SLOT = 512  # Bytes; two of them, written in turn, so that a torn write leaves the other.


class _Memory(msgspec.Struct, frozen=True):
    origin: str
    turn: int
    size: int
    root: bytes


class FileNotary:
    """Keeps `<name>.seed` (mode 0600) and `<name>.signed` for each origin in a directory.

    The name is the origin with what a file name cannot hold replaced. Signing runs in a
    thread of its own, since the disk may take its time.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._signers: dict[str, Signer] = {}
        self._files: dict[str, int] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="notary")

    def close(self) -> None:
        """Let go of files and thread."""
        self._thread.shutdown()
        for file in self._files.values():
            os.close(file)
        self._files.clear()

    def public_key(self, origin: str) -> str:
        """The verifier key of an origin; its seed is made at the first asking."""
        return self._signer(origin).vkey

    async def memory(self, origin: str) -> tuple[int, bytes] | None:
        """The size and root last signed for, or None when nothing is remembered."""
        remembered = await self._in_thread(self._recall, origin)
        return None if remembered is None else (remembered.size, remembered.root)

    async def sign(
        self, origin: str, size: int, root: bytes, old_size: int, proof: Sequence[bytes]
    ) -> bytes:
        """The checkpoint note of a size, once it is shown to extend the last one signed.

        Raises:
            SignerStopped: it is smaller, or does not extend it.
        """
        return await self._in_thread(self._sign, origin, size, root, old_size, proof)

    async def adopt(self, origin: str, size: int, root: bytes) -> None:
        """Forget what was signed and go on from here. Only by an operator's own command."""
        await self._in_thread(self._adopt, Checkpoint(origin, size, root))

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **_: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    def _sign(
        self, origin: str, size: int, root: bytes, old_size: int, proof: Sequence[bytes]
    ) -> bytes:
        with self._locked(origin) as file:
            return self._sign_locked(file, Checkpoint(origin, size, root), old_size, proof)

    def _sign_locked(
        self, file: int, checkpoint: Checkpoint, old_size: int, proof: Sequence[bytes]
    ) -> bytes:
        origin, size, root = checkpoint.origin, checkpoint.size, checkpoint.root
        last = self._remembered(origin, file)
        last_size, last_root = (0, b"") if last is None else (last.size, last.root)
        if old_size != last_size:
            raise SignerStopped(f"asked to extend size {old_size}, last signed {last_size}")
        if last_size:
            try:
                check_consistency(last_size, last_root, size, root, list(proof))
            except BrokenProof as broken:
                raise SignerStopped(
                    f"size {size} does not extend {last_size}", broken
                ) from None
        if size != last_size:
            self._remember(file, last, checkpoint)
        return sign_checkpoint(checkpoint, [self._signer(origin)])

    def _signer(self, origin: str) -> Signer:
        signer = self._signers.get(origin)
        if signer is None:
            signer = signer_from_seed(origin, self._seed(self._path(origin, "seed")))
            self._signers[origin] = signer
        return signer

    def _seed(self, path: Path) -> bytes:
        if not path.exists():
            write_new(path, secrets.token_bytes(SEED_SIZE))
        seed = path.read_bytes()
        if len(seed) != SEED_SIZE:
            raise SignerStopped(f"{path} is not a seed of {SEED_SIZE} bytes")
        return seed

    def _path(self, origin: str, suffix: str) -> Path:
        plain = "".join(c if c.isalnum() or c in ".-" else "_" for c in origin)[-80:]
        return self._directory / f"{plain}-{sha256(origin.encode()).hexdigest()[:8]}.{suffix}"

    def _recall(self, origin: str) -> _Memory | None:
        with self._locked(origin) as file:
            return self._remembered(origin, file)

    def _adopt(self, checkpoint: Checkpoint) -> None:
        with self._locked(checkpoint.origin) as file:
            last = self._remembered(checkpoint.origin, file)
            self._remember(file, last, checkpoint)

    @contextmanager
    def _locked(self, origin: str) -> Iterator[int]:
        """The memory's file, while nobody else reads or writes it."""
        file = self._files.get(origin)
        if file is None:
            path = self._path(origin, "signed")
            file = self._files[origin] = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            _sync_directory(self._directory)
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield file
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def _remembered(self, origin: str, file: int) -> _Memory | None:
        data = os.pread(file, 2 * _SLOT, 0)
        slots = [_read_slot(data[at : at + _SLOT]) for at in (0, _SLOT)]
        found = [slot for slot in slots if slot is not None and slot.origin == origin]
        # A file shorter than a slot is a first write cut short, which no signature followed.
        if len(data) >= _SLOT and not found:
            raise SignerStopped(f"what was signed for {origin} cannot be read")
        return max(found, key=lambda slot: slot.turn, default=None)

    def _remember(self, file: int, last: _Memory | None, checkpoint: Checkpoint) -> None:
        turn = 0 if last is None else last.turn + 1
        memory = _Memory(checkpoint.origin, turn, checkpoint.size, checkpoint.root)
        os.pwrite(file, _write_slot(memory), _SLOT * (turn % 2))
        os.fdatasync(file)


def _write_slot(memory: _Memory) -> bytes:
    line = msgspec.json.encode(memory)
    digest = sha256(line).hexdigest()[:16].encode()
    slot = digest + b" " + line
    assert len(slot) < _SLOT, "an origin is at most 200 characters"
    return slot.ljust(_SLOT - 1) + b"\n"


def _read_slot(slot: bytes) -> _Memory | None:
    digest, _, line = slot.rstrip(b" \n").partition(b" ")
    if sha256(line).hexdigest()[:16].encode() != digest:
        return None
    return msgspec.json.decode(line, type=_Memory)


def write_new(path: Path, data: bytes) -> None:
    """A file for its owner alone, whole or not there, and on disk before this returns."""
    temporary = path.with_suffix(".new")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(file, data)
        os.fsync(file)
    finally:
        os.close(file)
    temporary.rename(path)
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
