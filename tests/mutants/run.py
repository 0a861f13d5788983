"""Damage the rules on purpose, one mutant at a time, and see which test notices.

Run: ./run mutants [--jobs N] [WORD ...]

Every job has a copy of this repository; the files here are never touched. With words, only
mutants whose file or meaning has one of them. One line for each; the last line is one JSON
object. Exits with 1 if a mutant survives, or its text does not stand exactly once in its file.
"""

import argparse
import compileall
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.mutant import Mutant
from tests.mutants.mutants import MUTANTS

ROOT = Path(__file__).parents[2]
COPIED = ("ledger", "sql", "tests", "pyproject.toml", "JOURNAL.md")
SECONDS_MAX = 120  # For one mutant; where a loop no longer ends, that is noticed too.
UNDAMAGED_SECONDS_MAX = 1200  # For the tests of all of them, to begin with.

FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
WHERE = "import ledger, sys; sys.stdout.write(ledger.__file__)"


class NotThere(Exception):
    """A mutant's text does not stand exactly once in its file."""


def mutated(mutant: Mutant, root: Path = ROOT) -> str:
    """The file as the mutant has it.

    Raises:
        NotThere: or the change is none, or no Python.
    """
    path = root / mutant.file
    text = path.read_text() if path.exists() else ""
    if text.count(mutant.old) != 1 or mutant.old == mutant.new:
        raise NotThere(f"{text.count(mutant.old)} times in {mutant.file}: {mutant.old!r}")
    changed = text.replace(mutant.old, mutant.new)
    try:
        compile(changed, mutant.file, "exec")
    except SyntaxError as error:
        raise NotThere(f"no Python: {error}") from None
    return changed


@contextmanager
def copies(count: int) -> Iterator["SimpleQueue[Path]"]:
    """Copies of this repository, to be taken and given back."""
    with tempfile.TemporaryDirectory(prefix="tequio-mutants-") as place:
        free: SimpleQueue[Path] = SimpleQueue()
        for number in range(count):
            copy = Path(place) / str(number)
            copy.mkdir()
            for name in COPIED:
                if (ROOT / name).is_dir():
                    ignored = shutil.ignore_patterns("__pycache__")
                    shutil.copytree(ROOT / name, copy / name, ignore=ignored)
                else:
                    shutil.copy(ROOT / name, copy)
            # Compiled once, and again whenever the text is another: a mutant may be written in
            # the same second as the original, and be as long.
            compileall.compile_dir(
                copy / "ledger",
                quiet=2,
                invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH,
            )
            free.put(copy)
        yield free


def run_tests(copy: Path, tests: Sequence[str], seconds_max: int = SECONDS_MAX) -> str:
    """The test that fails in a copy, or nothing when none does."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider"]
    command += ["-p", "tests.mutants.quick", "--hypothesis-profile=mutants"]
    try:
        done = subprocess.run(
            [*command, *tests],
            cwd=copy,
            env=environment(copy),
            capture_output=True,
            text=True,
            timeout=seconds_max,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {seconds_max} s"
    if done.returncode == 0:
        return ""
    found = FAILED.search(done.stdout)
    if found is None:
        raise RuntimeError(f"pytest ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return found[1]


def environment(copy: Path) -> dict[str, str]:
    """Ours, but with the copy's `ledger`."""
    return {**os.environ, "PYTHONPATH": str(copy)}


def killed_by(mutant: Mutant, copy: Path) -> str:
    """The test that notices a mutant, or nothing when it survives."""
    path = copy / mutant.file
    original = path.read_text()
    path.write_text(mutated(mutant, copy))
    try:
        return run_tests(copy, mutant.tests)
    finally:
        path.write_text(original)


def check_copy(copy: Path, tests: Sequence[str]) -> None:
    """Undamaged, the tests must pass, and they must be the tests of the copy."""
    command = [sys.executable, "-c", WHERE]
    where = subprocess.run(
        command, cwd=copy, env=environment(copy), capture_output=True, text=True, check=True
    )
    if not Path(where.stdout).is_relative_to(copy):
        raise SystemExit(f"the tests would look at {where.stdout}, not at the copy")
    failed = run_tests(copy, tests, UNDAMAGED_SECONDS_MAX)
    if failed:
        raise SystemExit(f"fails without any damage: {failed}")


def run(mutants: Sequence[Mutant], jobs: int) -> dict[str, object]:
    """Try them all; what became of them."""
    start = time.monotonic()
    survived: list[str] = []
    not_found: list[str] = []

    def attempt(mutant: Mutant) -> tuple[str, str]:
        copy = free.get()
        try:
            test = killed_by(mutant, copy)
            return ("killed", test) if test else ("SURVIVED", "nobody noticed")
        except NotThere as error:
            return "NOT THERE", str(error)
        finally:
            free.put(copy)

    with copies(jobs) as free:
        first = free.get()
        check_copy(first, sorted({name for mutant in mutants for name in mutant.tests}))
        free.put(first)
        with ThreadPoolExecutor(jobs) as threads:
            for mutant, (fate, why) in zip(mutants, threads.map(attempt, mutants), strict=True):
                name = f"{mutant.file}: {mutant.meaning}"
                if fate == "SURVIVED":
                    survived.append(name)
                elif fate == "NOT THERE":
                    not_found.append(name)
                say(f"{fate:9} {name} [{why}]")
    return {
        "mutants": len(mutants),
        "killed": len(mutants) - len(survived) - len(not_found),
        "survived": survived,
        "not_found": not_found,
        "seconds": round(time.monotonic() - start, 1),
    }


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run mutants", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("words", nargs="*", metavar="WORD")
    asked = parser.parse_args(arguments)
    mutants = [
        mutant
        for mutant in MUTANTS
        if not asked.words
        or any(word in f"{mutant.file}: {mutant.meaning}" for word in asked.words)
    ]
    if not mutants:
        parser.error("no mutant has any of these words")
    summary = run(mutants, max(1, asked.jobs))
    say(json.dumps(summary))
    return 1 if summary["survived"] or summary["not_found"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
