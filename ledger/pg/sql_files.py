"""Where the SQL of this program lies: inside the package when installed, in sql/ in a clone."""

from pathlib import Path
from typing import Literal

from ledger.pg.faults import SqlMissing

PACKAGE = Path(__file__).resolve().parent.parent

Kind = Literal["migrations", "queries", "checks"]


def sql_directory(kind: Kind, package: Path = PACKAGE) -> Path:
    """The folder of migrations, queries or checks.

    A wheel carries them in ledger/_sql. An editable install and a clone have no such
    folder: there they are in sql/, beside the package.

    Raises:
        SqlMissing: neither place has the folder.
    """
    places = (package / "_sql" / kind, package.parent / "sql" / kind)
    for place in places:
        if place.is_dir():
            return place
    raise SqlMissing(kind, *places)
