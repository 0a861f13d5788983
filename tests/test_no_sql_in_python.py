"""SQL stands in files of SQL, where those who run databases find it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ledger"

# Statements as they begin, with the word that tells them from a sentence. BEGIN, COMMIT and
# ROLLBACK are not queries. In capitals one word more is enough.
SQL = re.compile(
    r"""
      (?i: \bselect\b .+ \bfrom\b | \binsert\s+into\b | \bdelete\s+from\b
         | \bupdate\s+[\w.]+\s+set\b | ^\s*copy\s+[\w.]+ .* \b(from|to)\s+std(in|out)\b
         | \b(create|alter|drop)\s+(table|index|role|schema|database|function)\b )
    | ^\s*(SELECT|WITH|INSERT|UPDATE|DELETE|MERGE|TRUNCATE|GRANT|REVOKE|ANALYZE|SET|LOCK)\s
    """,
    re.VERBOSE | re.DOTALL,
)


def texts(source: str) -> Iterator[tuple[int, str]]:
    """String literals with their lines, but no docstrings; parts of f-strings too."""
    tree = ast.parse(source)
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings:
            yield node.lineno, node.value
        if isinstance(node, ast.JoinedStr):  # A statement may be cut by what it is made of.
            parts = [p.value if isinstance(p, ast.Constant) else "x" for p in node.values]
            yield node.lineno, "".join(map(str, parts))


def test_python_spells_no_sql() -> None:
    found = [
        f"{file.relative_to(PACKAGE.parent)}:{line}: {text.strip()[:60]!r}; use sql/queries"
        for file in sorted(PACKAGE.rglob("*.py"))
        for line, text in texts(file.read_text(encoding="utf-8"))
        if SQL.search(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'x = "SELECT 1"',
        'x = "select a from b"',
        'x = f"INSERT INTO {t} VALUES (1)"',
        'x = f"delete {a} from {b}"; y = f"update {t} set a = 1"',
        'x = """\n    WITH a AS (b) c"""',
        'x = "DROP TABLE a"',
    ],
)
def test_sql_is_noticed(source: str) -> None:
    assert any(SQL.search(text) for _, text in texts(source))


@pytest.mark.parametrize(
    "source",
    [
        '"""SELECT a FROM b"""',
        'x = "COMMIT"',
        'x = "select an account"',
        'x = "the update sets a limit"',
        'x = "copy the file from the server"',
    ],
)
def test_prose_is_left_alone(source: str) -> None:
    assert not any(SQL.search(text) for _, text in texts(source))
