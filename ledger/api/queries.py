"""Queries: the parameters beside a path that several routes have in common."""

from datetime import date
from typing import Annotated, Final

from msgspec import Meta, Struct

from ledger.core.model import Word

PAGE_MAX: Final = 1000
PAGE: Final = 100

Limit = Annotated[int, Meta(ge=1, le=PAGE_MAX)]  # How many rows of a list.


class NoQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No parameters."""


class WriteQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With dry_run the answer says what would happen, and promises nothing."""

    dry_run: bool = False


class PostQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With proof the log's inclusion proof of the batch stands beside the receipt."""

    dry_run: bool = False
    proof: bool = False


class RemoveQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it is removed, as a code that stays in the journal."""

    reason: Word
    dry_run: bool = False


class EndQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it ends, as a code that stays in the journal, and from which day on."""

    reason: Word
    since: date
    dry_run: bool = False
