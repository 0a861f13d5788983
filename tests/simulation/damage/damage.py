"""Damage done to the ledger on purpose, each with what the auditor must say of it.

@damage("marked so, though")
def mark_any_period(patch: Patch) -> None:
    patch.setattr(Days, "_refuse_period", lambda *_: None)
"""

from collections.abc import Callable

import pytest

Patch = pytest.MonkeyPatch
Damage = Callable[[Patch], None]

DAMAGES: dict[Damage, str] = {}  # And what must be found, as a pattern.

# What was decided, shown or refused is not what the auditor's own rules say.
DECIDED = (
    "could never be|not what could be posted|other outcomes|for another reason|live book"
    "|outcomes only|rows are not|others expired|not as it stood|shown otherwise"
)


def damage(found: str) -> Callable[[Damage], Damage]:
    """Register damage, and a pattern of what must be found."""

    def register(do: Damage) -> Damage:
        DAMAGES[do] = found
        return do

    return register
