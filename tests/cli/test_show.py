"""What commands print: moments as the ledger's clocks show them, days as they were asked."""

import contextvars

import pytest

from ledger.cli.show import cell
from ledger.cli.words import day_of, use_zone

EVENING = "2026-11-22T00:30:15.894250Z"  # Of the 21st, in Puebla.


def in_zone(name: str, shown: str, text: str = EVENING) -> str:
    """A cell, once a ledger of a zone has answered."""
    context = contextvars.copy_context()
    context.run(use_zone, name)
    return context.run(cell, shown, text)


def test_moments_are_shown_in_the_zone_of_the_ledger_with_its_offset() -> None:
    for name in ("recorded_at", "closed_at", "negative_since", "at"):
        assert in_zone("America/Mexico_City", name) == "2026-11-21 18:30:15-06:00"
    assert in_zone("Europe/Madrid", "at") == "2026-11-22 01:30:15+01:00"
    assert in_zone("America/Atlantis", "at") == "2026-11-22 00:30:15+00:00"  # Not known here.
    assert cell("recorded_at", EVENING) == "2026-11-22 00:30:15+00:00"  # Nobody said.


@pytest.mark.parametrize("name", ["reference", "description"])
def test_what_only_looks_like_a_moment_stays(name: str) -> None:
    assert in_zone("America/Mexico_City", name) == EVENING


def test_a_plan_is_shown_by_its_days() -> None:
    """To the 31st of December is until the first moment of January."""
    midnight = "2027-01-01T06:00:00.000000Z"
    context = contextvars.copy_context()
    context.run(use_zone, "America/Mexico_City")
    assert context.run(day_of, midnight) == "2027-01-01"
    assert context.run(lambda: day_of(midnight, is_end=True)) == "2026-12-31"
