"""./run, with a Python that only pretends to install, and once as it is."""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[1]
HELP_MAX_S = 3.0  # A second is meant; a busy machine gets the rest.

# Makes a .venv with itself as its Python and a tequio that repeats its arguments. Notes each
# installation in `calls`, and fails as pip would when `broken` is there.
PRETENDER = """#!/bin/sh
here={here}
case "$*" in
*sys.version_info*) echo "$here/python" ;;
*fcntl*) exec {python} "$@" ;;
*"-m venv"*)
    for venv; do :; done
    rm -rf "$venv" && mkdir -p "$venv/bin" && cp "$here/python" "$venv/bin/python"
    echo "version = 3.11.0" > "$venv/pyvenv.cfg"
    printf '#!/bin/sh\\npwd\\nprintf "<%%s>" "$@"\\n' > "$venv/bin/tequio"
    chmod +x "$venv/bin/tequio" ;;
*"-m tests."*) pwd && printf "<%s>" "$@" ;;
*"-m pip install"*)
    echo "$*" >> "$here/calls"
    if [ -e "$here/broken" ]; then echo "ERROR: no such hash" >&2; exit 1; fi ;;
esac
"""


class Clone:
    """A folder like a clone's, with a space in its name, and a pretended Python beside it."""

    def __init__(self, place: Path) -> None:
        self.here = place
        self.folder = place / "a clone"
        self.folder.mkdir()
        shutil.copy(CLONE / "run", self.folder)
        (self.folder / "requirements.lock").write_text("one==1\n")
        (self.folder / "pyproject.toml").write_text("")
        python = place / "python"
        python.write_text(PRETENDER.format(here=place, python=sys.executable))
        python.chmod(0o755)

    def popen(self, *words: str, run: Path | None = None, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(run or self.folder / "run"), *words],
            cwd=self.here,
            env={
                **os.environ,
                "TEQUIO_PYTHON": str(self.here / "python"),
                "LC_ALL": "C",
                **env,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, run: Path | None = None, **env: str) -> tuple[int, str, str]:
        process = self.popen(*words, run=run, **env)
        out, err = process.communicate()
        return process.returncode, out, err

    def installs(self) -> int:
        """How many times pip was called since the last time we asked."""
        calls = self.here / "calls"
        count = len(calls.read_text().splitlines()) if calls.exists() else 0
        calls.unlink(missing_ok=True)
        return count


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_the_second_time_nothing_is_installed(clone: Clone) -> None:
    code, out, err = clone.run("balance", "two words")
    assert (code, out) == (0, f"{clone.here}\n<balance><two words>")
    assert len(err.splitlines()) == 2
    calls = (clone.here / "calls").read_text()
    assert "--require-hashes -r" in calls.splitlines()[0]
    assert "--no-deps --no-build-isolation -e" in calls.splitlines()[1]
    assert clone.installs() == 2

    assert clone.run("balance") == (0, f"{clone.here}\n<balance>", "")
    assert clone.installs() == 0


def test_simulates_in_the_clone_itself(clone: Clone) -> None:
    code, out, _ = clone.run("simulate", "--seed", "3")
    assert (code, out) == (0, f"{clone.folder}\n<-m><tests.simulation><--seed><3>")


def test_spoken_to_in_spanish(clone: Clone) -> None:
    assert clone.run("x", LC_ALL="es_MX.UTF-8")[2].startswith("Preparando Tequio")


@pytest.mark.parametrize("file", ["requirements.lock", "pyproject.toml", ".venv/pyvenv.cfg"])
def test_installed_again_when_something_changed(clone: Clone, file: str) -> None:
    clone.run("x")
    with (clone.folder / file).open("a") as changed:
        changed.write("# changed\n")
    clone.installs()
    clone.run("x")
    assert clone.installs() == 2


def test_installed_again_when_python_is_gone(clone: Clone) -> None:
    clone.run("x")
    (clone.folder / ".venv/bin/python").unlink()
    clone.installs()
    assert clone.run("x")[0] == 0
    assert clone.installs() == 2


def test_installed_again_where_the_clone_was_moved_to(clone: Clone) -> None:
    """What is installed names its own place in many files."""
    clone.run("x")
    clone.installs()
    clone.folder = clone.folder.rename(clone.here / "elsewhere")
    clone.run("x")
    assert clone.installs() == 2


def test_a_failed_installation_is_shown_and_taken_up_again(clone: Clone) -> None:
    (clone.here / "broken").touch()
    code, out, err = clone.run("x")
    assert (code, out) == (1, "")
    assert "ERROR: no such hash" in err
    assert clone.installs() == 1, "went on after a failure"
    (clone.here / "broken").unlink()
    assert clone.run("x")[0] == 0
    assert clone.installs() == 2


def test_many_first_runs_install_once(clone: Clone) -> None:
    started = [clone.popen("x") for _ in range(4)]
    for process in started:
        process.communicate()
    assert [process.returncode for process in started] == [0] * 4
    assert clone.installs() == 2


def test_through_links(clone: Clone) -> None:
    (clone.here / "bin").mkdir()
    (clone.here / "first").symlink_to("a clone/run")
    (clone.here / "bin" / "second").symlink_to("../first")
    code, out, _ = clone.run("x", run=clone.here / "bin" / "second")
    assert (code, out) == (0, f"{clone.here}\n<x>")
    assert (clone.folder / ".venv").is_dir()


def test_no_python_that_will_do(clone: Clone) -> None:
    code, _, err = clone.run("x", TEQUIO_PYTHON=str(clone.here / "none"))
    assert code == 1
    assert err.startswith("Tequio needs Python 3.11, 3.12 or 3.13")
    assert str(clone.here / "none") in err
    assert not (clone.folder / ".venv").exists()


@pytest.mark.skipif(
    importlib.util.find_spec("ledger.cli") is None
    or importlib.util.find_spec("ledger.cli.main") is None,
    reason="there is no ledger.cli.main yet",
)
@pytest.mark.skipif(
    not (CLONE / ".venv" / "installed").exists(),
    reason="these tests do not run in ./run's .venv",
)
def test_help_comes_at_once() -> None:
    start = time.perf_counter()
    done = subprocess.run([str(CLONE / "run"), "--help"], capture_output=True, check=False)
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stderr
    assert seconds < HELP_MAX_S
