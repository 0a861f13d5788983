"""The READMEs' first transfer, run as it stands there, against a service."""

import json
import re
import shutil
import subprocess
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


@pytest.mark.parametrize("name", READMES)
def test_the_first_transfer(service: Running, name: str) -> None:
    blocks = BLOCK.findall((CLONE / name).read_text())
    assert len(blocks) == 1
    place = {"TEQUIO_URL": service.url, "TEQUIO_KEY": service.key}
    try:
        # Twice: what is safe to send again is the point of it.
        for _ in range(2):
            done = subprocess.run(
                ["sh", "-eu", "-c", blocks[0]],
                capture_output=True,
                text=True,
                check=False,
                env=environment(**place),
            )
            assert done.returncode == 0, done.stdout + done.stderr
            receipt = json.loads(done.stdout.splitlines()[-1])["receipt"]
            assert (receipt["sequence"], receipt["credit_balance"]) == (1, "1250.50")
        words = re.search(r"run (account statement .*)", (CLONE / name).read_text())
        assert words is not None
        told = run_tequio(*words[1].split(), **place)
        assert "1,250.50" in told.out, told.err
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
