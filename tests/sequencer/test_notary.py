"""The notary signs one history, whatever the disk and the database do."""

import stat
from pathlib import Path

import pytest

from ledger.core.faults import SignerStopped
from ledger.journal.checkpoints import open_checkpoint
from ledger.journal.merkle import consistency_proof, leaf_hash, root_of
from ledger.journal.notes import parse_vkey
from ledger.sequencer.notary import FileNotary

ORIGIN = "example.org/caja"
LEAVES = [leaf_hash(bytes([n])) for n in range(40)]


def root(size: int) -> bytes:
    return root_of(LEAVES[:size])


def proof(old: int, size: int) -> list[bytes]:
    def node(level: int, index: int) -> bytes:
        return root_of(LEAVES[index << level : (index + 1) << level])

    return consistency_proof(old, size, node)


@pytest.fixture
def notary(tmp_path: Path) -> FileNotary:
    return FileNotary(tmp_path / "notary")


async def test_signs_what_extends_its_last(notary: FileNotary) -> None:
    key = parse_vkey(notary.public_key(ORIGIN))
    old = 0
    for size in (1, 2, 7, 8, 40):
        note = await notary.sign(ORIGIN, size, root(size), old, proof(old, size) if old else [])
        checkpoint = open_checkpoint(note, [key])
        assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (
            ORIGIN,
            size,
            root(size),
        )
        assert await notary.memory(ORIGIN) == (size, root(size))
        old = size


async def test_the_same_size_again_is_the_same_bytes(notary: FileNotary) -> None:
    """After a crash between signature and answer, nothing new is said."""
    first = await notary.sign(ORIGIN, 7, root(7), 0, [])
    assert await notary.sign(ORIGIN, 7, root(7), 7, []) == first


@pytest.mark.parametrize(
    ("size", "old", "forged"),
    [(7, 7, True), (9, 7, True), (6, 7, False), (9, 6, False), (9, 0, False)],
    ids=["other root", "other history", "smaller", "from another size", "from nothing"],
)
async def test_never_signs_a_second_history(
    notary: FileNotary, size: int, old: int, forged: bool
) -> None:
    await notary.sign(ORIGIN, 7, root(7), 0, [])
    shown = bytes(32) if forged else root(size)
    with pytest.raises(SignerStopped):
        await notary.sign(ORIGIN, size, shown, old, proof(min(old, size), size) if old else [])
    assert await notary.memory(ORIGIN) == (7, root(7))


async def test_remembers_over_a_restart_and_keeps_its_key(tmp_path: Path) -> None:
    first = FileNotary(tmp_path)
    await first.sign(ORIGIN, 7, root(7), 0, [])
    key = first.public_key(ORIGIN)
    first.close()
    second = FileNotary(tmp_path)
    assert second.public_key(ORIGIN) == key
    assert await second.memory(ORIGIN) == (7, root(7))
    assert await second.memory("example.org/other") is None


async def test_two_that_share_a_directory_share_the_memory(tmp_path: Path) -> None:
    """Two processes on one machine: the second learns what the first signed, and back."""
    one, two = FileNotary(tmp_path), FileNotary(tmp_path)
    await one.sign(ORIGIN, 7, root(7), 0, [])
    await two.sign(ORIGIN, 9, root(9), 7, proof(7, 9))
    with pytest.raises(SignerStopped):
        await one.sign(ORIGIN, 8, root(8), 7, proof(7, 8))
    await one.sign(ORIGIN, 12, root(12), 9, proof(9, 12))


@pytest.mark.parametrize("cut", range(0, 512, 37))
async def test_a_torn_write_leaves_the_memory_before(tmp_path: Path, cut: int) -> None:
    """Power fails in the middle of remembering: the size before is what counts."""
    notary = FileNotary(tmp_path)
    await notary.sign(ORIGIN, 7, root(7), 0, [])
    (file,) = tmp_path.glob("*.signed")
    before = file.read_bytes()
    await notary.sign(ORIGIN, 9, root(9), 7, proof(7, 9))
    notary.close()
    after = file.read_bytes()
    torn = after[: 512 + cut] + before[512 + cut :]
    file.write_bytes(torn)
    size, _ = await FileNotary(tmp_path).memory(ORIGIN) or (0, b"")
    assert size == (9 if torn == after or torn.rstrip() == after.rstrip() else 7)


async def test_a_memory_that_cannot_be_read_is_not_forgotten(tmp_path: Path) -> None:
    notary = FileNotary(tmp_path)
    await notary.sign(ORIGIN, 7, root(7), 0, [])
    (file,) = tmp_path.glob("*.signed")
    file.write_bytes(b"x" * 600)
    with pytest.raises(SignerStopped, match="cannot be read"):
        await notary.memory(ORIGIN)


async def test_goes_on_from_elsewhere_only_when_told(notary: FileNotary) -> None:
    await notary.sign(ORIGIN, 9, root(9), 0, [])
    await notary.adopt(ORIGIN, 7, root(7))
    await notary.sign(ORIGIN, 8, root(8), 7, proof(7, 8))


def test_the_seed_is_for_its_owner_alone(tmp_path: Path) -> None:
    FileNotary(tmp_path).public_key(ORIGIN)
    (seed,) = tmp_path.glob("*.seed")
    assert stat.S_IMODE(seed.stat().st_mode) == 0o600
    assert len(seed.read_bytes()) == 32
