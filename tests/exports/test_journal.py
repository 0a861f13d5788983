"""The journal as a folder: what is cut off leaves nothing, and others can check it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ledger.exports.journal import ExportExists, JournalWriter
from ledger.journal.directory import BrokenExport, ExportDirectory
from ledger.journal.faults import BrokenProof
from ledger.journal.verify import verify_export
from tests.building import Building, a_bit_of_everything, many, signer_of


def test_read_back_as_it_was_written(tmp_path: Path) -> None:
    it = many(3, [1] * 300)
    exported = it.export(tmp_path / "journal")
    assert (exported.batches, exported.transfers) == (300, 300)
    export = ExportDirectory(tmp_path / "journal")
    assert list(export.recorded(len(it.recorded))) == it.recorded
    assert exported.files == len(export.names())


def test_an_interrupted_export_leaves_nothing(tmp_path: Path) -> None:
    it = a_bit_of_everything()

    def interrupted() -> None:
        with JournalWriter(tmp_path / "journal") as writer:
            writer.add_leaf(0, it.recorded[0].leaf)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    with pytest.raises(ExportExists):
        JournalWriter(tmp_path / "journal")


def test_leaves_come_in_order_and_whole(tmp_path: Path) -> None:
    it = a_bit_of_everything()
    with JournalWriter(tmp_path / "journal") as writer:
        with pytest.raises(BrokenExport, match="the next leaf is 0"):
            writer.add_leaf(1, it.recorded[1].leaf)
        for each in it.recorded[:12]:
            writer.add_leaf(each.index, each.leaf, each.body, each.outcomes)
        batch = it.recorded[12]
        for body in (b"", batch.body[:-1], batch.body + b"{}\n"):
            with pytest.raises(BrokenExport, match="needs 3 lines of body"):
                writer.add_leaf(12, batch.leaf, body)
        with pytest.raises(BrokenExport, match=r"details\.jsonl"):
            writer.add_detail(1, bytes(16), "texts were not asked for")


@pytest.mark.parametrize(
    ("other", "fault"), [("size", BrokenExport), ("root", BrokenExport), ("key", BrokenProof)]
)
def test_only_what_the_checkpoint_signs(
    tmp_path: Path, other: str, fault: type[Exception]
) -> None:
    it = a_bit_of_everything()
    vkey = signer_of("example.org/other").vkey if other == "key" else it.signer.vkey
    longer = a_bit_of_everything()
    if other == "size":
        longer.snapshot()
    if other == "root":
        longer = Building()
        while len(longer.recorded) < len(it.recorded):
            longer.snapshot()
    with JournalWriter(tmp_path / "journal") as writer:
        for each in it.recorded:
            writer.add_leaf(each.index, each.leaf, each.body, each.outcomes)
        with pytest.raises(fault):
            writer.finish(longer.checkpoint(), vkey)
    assert not (tmp_path / "journal").exists()


@pytest.mark.parametrize("program", ["sha256sum", "openssl"])
def test_the_commands_of_the_readme(tmp_path: Path, program: str) -> None:
    """Whoever has neither us nor Python can check bytes and signature by the README alone."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    out = tmp_path / "journal"
    a_bit_of_everything().export(out)
    text = (out / "README.txt").read_text()
    parts = [part for part in text.split("\n\n") if program in part and "    " in part]
    script = next(part for part in parts if part.startswith("    "))
    run = subprocess.run(["sh", "-euc", script], cwd=out, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    name = "batch/000.jsonl" if program == "sha256sum" else "checkpoint"
    (out / name).write_bytes(b"x" + (out / name).read_bytes())
    run = subprocess.run(["sh", "-euc", script], cwd=out, capture_output=True, check=False)
    assert run.returncode != 0


def test_the_folder_can_be_moved(tmp_path: Path) -> None:
    a_bit_of_everything().export(tmp_path / "one" / "two" / "journal")
    shutil.move(tmp_path / "one" / "two" / "journal", tmp_path / "elsewhere")
    assert verify_export(tmp_path / "elsewhere").ok
