"""Statements: a text of SQL cut at the semicolons that end one.

PostgreSQL runs several statements sent together as one transaction. Migrations need a
transaction each, so they are cut apart here. What cannot be cut with certainty is refused:
a wrong cut could run half a function body.
"""

import re

TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* )
    | (?P<body>    \$(?P<tag>[A-Za-z_]*)\$ .*? \$(?P=tag)\$ )
    | (?P<foreign> \b[eE]' | /\* | \bBEGIN\s+ATOMIC\b )
    | (?P<quoted>  '[^']*' | "[^"]*" )
    | (?P<open>    ['"] | \$[A-Za-z_]*\$ )
    | (?P<end>     ; )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
TRANSACTION = re.compile(
    r"(BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION)\b",
    re.IGNORECASE,
)


def split_statements(text: str) -> list[str]:
    """The statements of `text`, in order, without comments around and inside them.

    >>> split_statements("CREATE TABLE a (b text);  -- one; two\\nDROP TABLE c;")
    ['CREATE TABLE a (b text)', 'DROP TABLE c']

    Raises:
        ValueError: an escape string, a block comment, BEGIN ATOMIC, a quote left open, a
            statement that opens or ends a transaction, or no semicolon at the end.
    """
    statements: list[str] = []
    current, position = "", 0
    for token in TOKEN.finditer(text):
        current += text[position : token.start()]
        position = token.end()
        match token.lastgroup:
            case "comment":
                continue
            case "foreign" | "open":
                line = text.count("\n", 0, token.start()) + 1
                raise ValueError(f"line {line}: {token.group()!r} is not cut with certainty")
            case "end":
                statements.append(_checked(current.strip()))
                current = ""
            case _:  # Quoted text and $$ bodies, whatever they hold.
                current += token.group()
    current += text[position:]
    if current.strip():
        raise ValueError(f"no semicolon after {current.strip()[:40]!r}")
    return statements


def _checked(statement: str) -> str:
    if not statement:
        raise ValueError("a semicolon without a statement before it")
    if TRANSACTION.match(statement):
        raise ValueError(f"{statement[:40]!r}: each statement is a transaction of its own")
    return statement
