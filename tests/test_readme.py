"""The READMEs' first transfer and first day, run as they stand there, against a service."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import CLONE, Running, environment, run_tequio

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]+)\)")
READMES = ("README.md", "README.es.md")

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture
def service(database: str, tmp_path: Path) -> Running:
    return Running(tmp_path / "state", "--database-url", database)


def run_block(block: str, place: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a block as a shell does that stops at what fails."""
    return subprocess.run(
        ["sh", "-eu", "-c", block],
        capture_output=True,
        text=True,
        check=False,
        env=environment(**place),
    )


@pytest.mark.parametrize("name", READMES)
def test_the_first_transfer_and_a_day(service: Running, name: str) -> None:
    blocks = BLOCK.findall((CLONE / name).read_text())
    assert len(blocks) == 2
    place = {"TEQUIO_URL": service.url, "TEQUIO_KEY": service.key}
    try:
        # Twice: what is safe to send again is the point of it.
        for _ in range(2):
            done = run_block(blocks[0], place)
            assert done.returncode == 0, done.stdout + done.stderr
            receipt = json.loads(done.stdout.splitlines()[-1])["receipt"]
            assert (receipt["sequence"], receipt["credit_balance"]) == (1, "1250.50")
        words = re.search(r"run (account statement .*)", (CLONE / name).read_text())
        assert words is not None
        told = run_tequio(*words[1].split(), **place)
        assert "1,250.50" in told.out, told.err
        day = (blocks[0] + blocks[1]).replace("./run ", f"{sys.executable} -m ledger ")
        done = run_block(day, place)
        assert done.returncode == 0, done.stdout + done.stderr
        for amount, said in (("180.50", "hold"), ("2.00", "demurrage")):
            assert amount in done.stdout, said
        member = words[1].split()[2]
        shown = run_tequio("account", "show", member, "--ledger", "caja", "--json", **place)
        assert (shown.json()["balance"], shown.json()["available"]) == ("320.00", "320.00")
        fund = "fund" if name == "README.md" else "fondo"
        shown = run_tequio("account", "show", fund, "--ledger", "caja", "--json", **place)
        assert shown.json()["balance"] == "2.00"
    finally:
        assert service.stop()[0] == 0


@pytest.mark.parametrize("name", READMES)
def test_what_it_points_to_is_there(name: str) -> None:
    for link in LINK.findall((CLONE / name).read_text()):
        assert (CLONE / link).exists(), link


def test_both_show_the_same_commands() -> None:
    """They differ in words of their language; the commands are the same ones."""
    english, spanish = (
        re.findall(r"\./run ([a-z]+(?: [a-z]+)?)", (CLONE / name).read_text())
        for name in READMES
    )
    assert [words.split()[0] for words in english] == [words.split()[0] for words in spanish]
