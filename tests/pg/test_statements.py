"""Where SQL is cut, and what is refused because a cut would be a guess."""

import pytest

from ledger.pg.statements import split_statements


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        ("-- only; a comment\n", []),
        ("SELECT 1;", ["SELECT 1"]),
        ("SELECT 1;\n\nSELECT 2;\n", ["SELECT 1", "SELECT 2"]),
        ("SELECT 1 -- not here;\n + 1;", ["SELECT 1 \n + 1"]),
        ("SELECT ';', \"a;b\";", ["SELECT ';', \"a;b\""]),
        ("SELECT 'it''s; fine', '--';", ["SELECT 'it''s; fine', '--'"]),
        ("DO $$ BEGIN x; END $$;", ["DO $$ BEGIN x; END $$"]),
        ("DO $a$ '; $$ ; $a$; SELECT 1;", ["DO $a$ '; $$ ; $a$", "SELECT 1"]),
        ("SELECT $1;", ["SELECT $1"]),
    ],
)
def test_cut(text: str, statements: list[str]) -> None:
    assert split_statements(text) == statements


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT 1", "no semicolon"),
        ("SELECT 1; SELECT 2", "no semicolon"),
        (";", "without a statement"),
        ("SELECT 1;;", "without a statement"),
        ("SELECT 'open;", "line 1"),
        ("SELECT 1;\nSELECT $$ open;", "line 2"),
        ("SELECT $a$ x $b$;", "not cut with certainty"),
        ("SELECT E'\\';';", "not cut with certainty"),
        ("/* ; */ SELECT 1;", "not cut with certainty"),
        ("CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END;", "not cut with certainty"),
        ("BEGIN; SELECT 1; COMMIT;", "a transaction of its own"),
        ("SELECT 1; commit;", "a transaction of its own"),
    ],
)
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        split_statements(text)
