"""A route: one method of one path, who may use it, and all that is said of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from msgspec import Struct

from ledger.api.auth import ANYONE
from ledger.api.queries import NoQuery
from ledger.api.service import Call
from ledger.core.model import Role

Handle = Callable[[Call], Awaitable[web.Response]]

L: Final = "/v1/ledgers/{ledger}"
NOTE: Final = "text/plain"
BYTES: Final = "application/octet-stream"
ID: Final = "0192f0c1-2d3e-7a4b-8c5d-6e7f80910203"  # In examples.


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, and all that is said of it.

    `answer` is a struct, or a media type where the answer is no JSON of ours; of a write
    with `dry_run` it is DryRun instead. `waits` is the answer (202) where it must wait for
    others. No roles: no key is asked for.
    """

    method: str
    path: str
    handle: Handle
    tag: str
    english: str
    spanish: str
    answer: type[Struct] | str | None
    roles: frozenset[Role] = ANYONE
    query: type[Struct] = NoQuery
    body: tuple[type[Struct], ...] = ()
    status: int = 200
    example: object = None
    sample: str = ""  # A query worth trying.
    waits: type[Struct] | None = None
    takes_lines: bool = False  # Besides JSON, by the signed door (api/lines.py).
    is_large: bool = False  # Its body may be as large as a batch, else it is a small one.

    @property
    def template(self) -> str:
        """The path as it is documented and counted, without patterns."""
        return self.path.replace(":.+}", "}")
