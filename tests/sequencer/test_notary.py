"""A notary signs one history: its memory is in files, shared, and survives a torn write."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.core.faults import SignerStopped
from ledger.journal.checkpoints import open_checkpoint
from ledger.journal.notes import parse_vkey
from ledger.sequencer.notary import FileNotary
from tests.journal import oracle

ORIGIN = "example.org/caja"
LEAVES = [oracle.leaf(b"%d" % n) for n in range(20)]


def root(size: int) -> bytes:
    return oracle.mth(LEAVES[:size])


@pytest.fixture
def notary(tmp_path: Path) -> Iterator[FileNotary]:
    notary = FileNotary(tmp_path)
    yield notary
    notary.close()


async def sign(notary: FileNotary, old_size: int, size: int) -> bytes:
    proof = oracle.proof(old_size, LEAVES[:size]) if 0 < old_size < size else []
    return await notary.sign(ORIGIN, size, root(size), old_size, proof)


async def test_signs_what_extends_the_last(notary: FileNotary) -> None:
    note = b""
    for old_size, size in ((0, 1), (1, 1), (1, 7), (7, 20)):
        note = await sign(notary, old_size, size)
    checkpoint = open_checkpoint(note, [parse_vkey(notary.public_key(ORIGIN))])
    assert (checkpoint.size, checkpoint.root) == (20, root(20))
    assert await notary.memory(ORIGIN) == (20, root(20))


async def test_signs_nothing_else(notary: FileNotary) -> None:
    """Not what is smaller, or of another history, or said to extend what it never signed."""
    with pytest.raises(SignerStopped, match="asked to extend size 3, last signed 0"):
        await sign(notary, 3, 7)
    await sign(notary, 0, 7)
    for old_size, size in ((0, 9), (3, 9), (3, 3), (9, 9)):
        with pytest.raises(SignerStopped, match="last signed 7"):
            await sign(notary, old_size, size)
    with pytest.raises(SignerStopped, match="does not extend"):
        await notary.sign(ORIGIN, 7, root(6), 7, [])
    with pytest.raises(SignerStopped, match="does not extend"):
        await notary.sign(ORIGIN, 9, root(8), 7, oracle.proof(7, LEAVES[:9]))
    assert await notary.memory(ORIGIN) == (7, root(7))


async def test_a_torn_write_leaves_the_memory_before(
    notary: FileNotary, tmp_path: Path
) -> None:
    """Whichever write it was that the power cut; and what it led to may be signed again."""
    (old_size, size) = (0, 1)
    for _ in range(4):
        await sign(notary, old_size, size)
        (old_size, size) = (size, size + 3)
    (file,) = tmp_path.glob("*.signed")
    whole = file.read_bytes()
    newest = whole.index(b'"size":10')
    file.write_bytes(whole[: newest + 8] + b"?" + whole[newest + 9 :])
    assert await notary.memory(ORIGIN) == (7, root(7))
    await sign(notary, 7, 10)
    assert await notary.memory(ORIGIN) == (10, root(10))


async def test_a_memory_that_cannot_be_read_is_not_a_beginning(
    notary: FileNotary, tmp_path: Path
) -> None:
    await sign(notary, 0, 7)
    (file,) = tmp_path.glob("*.signed")
    file.write_bytes(b"?" * len(file.read_bytes()))
    with pytest.raises(SignerStopped, match="cannot be read"):
        await notary.memory(ORIGIN)
    with pytest.raises(SignerStopped, match="cannot be read"):
        await sign(notary, 0, 7)


@pytest.mark.parametrize("written", [0, 1, 100])
async def test_a_first_write_that_was_torn_is_made_again(
    notary: FileNotary, tmp_path: Path, written: int
) -> None:
    """No signature left before the whole slot was on disk, so there is nothing to forget."""
    await sign(notary, 0, 1)
    (file,) = tmp_path.glob("*.signed")
    file.write_bytes(file.read_bytes()[:written])
    assert await notary.memory(ORIGIN) is None
    await sign(notary, 0, 1)
    assert await notary.memory(ORIGIN) == (1, root(1))


async def test_two_in_one_directory_share_key_and_memory(
    notary: FileNotary, tmp_path: Path
) -> None:
    other = FileNotary(tmp_path)
    try:
        assert other.public_key(ORIGIN) == notary.public_key(ORIGIN)
        await sign(notary, 0, 3)
        await sign(other, 3, 7)
        with pytest.raises(SignerStopped, match="asked to extend size 3, last signed 7"):
            await sign(notary, 3, 8)
        await sign(notary, 7, 8)
        assert await other.memory(ORIGIN) == (8, root(8))
    finally:
        other.close()
