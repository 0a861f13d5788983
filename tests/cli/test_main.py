"""The command before it does anything: help, languages, exit codes, and Python without -O."""

import subprocess
import sys

import pytest

from ledger.cli.main import COMMANDS
from tests.cli.conftest import CLONE, environment, run_tequio

HEAVY = {"aiohttp", "asyncpg", "numpy", "rich", "uvloop", "cryptography"}


def modules_after(statement: str) -> set[str]:
    """The packages a fresh Python has after a statement."""
    code = f"import sys\ntry:\n    {statement}\nexcept SystemExit: pass\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_help_imports_nothing_heavy() -> None:
    asked = "from ledger.cli.main import tequio; tequio(['--help'])"
    assert not modules_after(asked) & HEAVY


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    told = run_tequio(name, "--help")
    assert told.code == 0, told.err
    assert told.out.startswith(f"Usage: tequio {name}")


@pytest.mark.parametrize("locale", ["es_MX.UTF-8", "pt_BR.UTF-8"])
def test_spoken_to_in_spanish(locale: str) -> None:
    told = run_tequio("--help", LANG=locale)
    assert "Comprueba un diario exportado" in told.out


def test_a_wrong_word_is_code_2() -> None:
    assert run_tequio("steal").code == 2
    assert run_tequio("ledger", "create").code == 2


def test_refuses_to_run_without_assertions() -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-m", "ledger", "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=CLONE,
        env=environment(),
    )
    assert done.returncode == 1
    assert "without -O" in done.stderr


def test_nobody_answers() -> None:
    told = run_tequio("ledger", "list", "--url", "http://127.0.0.1:1", "--key", "tq_x")
    assert told.code == 1
    assert "Is the service running there?" in told.err
