"""Queries: the SQL of sql/queries, by the name of its file and of its block.

A module asks for its queries where it is imported, so a name that does not exist stops the
program at its start and not at three in the morning:

    LOCK_HEAD = queries.get("journal", "lock_head")
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from ledger.pg.faults import QueriesMalformed, SqlMissing
from ledger.pg.sql_files import sql_directory
from ledger.pg.statements import split_statements

NAME = re.compile(r"^-- name:(.*)$", re.MULTILINE)
NAME_FORM = re.compile(r"[a-z][a-z0-9_]*")


def get(subject: str, name: str) -> str:
    """The query `name` of the file `subject`.sql, without its comments.

    Raises:
        SqlMissing: there is no such file or no such query in it.
        QueriesMalformed: the file cannot be read as queries.
    """
    return find(_ours(subject), f"{subject}.sql", name)


def find(queries: Mapping[str, str], file: str, name: str) -> str:
    """One of the queries read from `file`, or a fault that says which there are."""
    if name not in queries:
        raise SqlMissing(f"no query {name!r} in {file}, which has {', '.join(queries)}")
    return queries[name]


def read_queries(path: Path) -> Mapping[str, str]:
    """The queries of one file by name, in its order: `-- name: x`, then one statement."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SqlMissing(path) from error
    except UnicodeDecodeError as error:
        raise QueriesMalformed(path, error) from error
    head, *parts = NAME.split(text)
    queries: dict[str, str] = {}
    try:
        if split_statements(head):
            raise ValueError("a statement stands before the first name")
        for title, block in zip(parts[::2], parts[1::2], strict=True):
            name = title.strip()
            if not NAME_FORM.fullmatch(name) or name in queries:
                raise ValueError(f"{name!r} is no name, or is used twice")
            queries[name] = _one_statement(name, block)
    except ValueError as error:
        raise QueriesMalformed(path, error) from error
    return MappingProxyType(queries)


def _one_statement(name: str, block: str) -> str:
    statements = split_statements(block)
    if len(statements) != 1:
        raise ValueError(f"{name} has {len(statements)} statements; a query is one")
    return statements[0]


@cache
def _ours(subject: str) -> Mapping[str, str]:
    return read_queries(sql_directory("queries") / f"{subject}.sql")
