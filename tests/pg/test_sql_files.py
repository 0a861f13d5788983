"""Where the SQL is found: in a clone, and in what a wheel installs."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ledger.pg.faults import SqlMissing
from ledger.pg.sql_files import PACKAGE, sql_directory

CLONE = PACKAGE.parent


def test_in_a_clone() -> None:
    assert sql_directory("queries") == CLONE / "sql" / "queries"


def test_an_installed_package_has_its_own(tmp_path: Path) -> None:
    """Its own first: what lies beside site-packages could be anybody's."""
    for place in ("ledger/_sql/queries", "sql/queries"):
        (tmp_path / place).mkdir(parents=True)
    assert sql_directory("queries", tmp_path / "ledger") == tmp_path / "ledger/_sql/queries"


def test_nowhere(tmp_path: Path) -> None:
    with pytest.raises(SqlMissing, match="migrations"):
        sql_directory("migrations", tmp_path / "ledger")


@pytest.mark.skipif(not (CLONE / "pyproject.toml").exists(), reason="no clone to build from")
def test_a_wheel_carries_it(tmp_path: Path) -> None:
    """Built and unpacked as pip would; another Python process then looks."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=CLONE, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as files:
        files.extractall(installed)

    look = "from ledger.pg import sql_files as s; print(s.sql_directory('queries'))"
    found = subprocess.run(
        [sys.executable, "-c", look],
        cwd=installed,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == str(installed / "ledger/_sql/queries")
    ours = {file.name for file in (CLONE / "sql/queries").glob("*.sql")}
    assert {file.name for file in (installed / "ledger/_sql/queries").iterdir()} == ours
