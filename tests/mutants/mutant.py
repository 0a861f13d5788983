"""Deliberate damage: a change of the rules, which some test must notice.

A mutant is an exact text that stands once in a file, what stands there instead, and what that
would mean. `./run mutants` applies one after the other to a copy and runs the nearest tests; a
mutant that nobody notices is a test that is missing.

Where a text has changed, change it here; where a mutant can no longer be told from the
original, put another in its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass

# What is asked about most of core, in the order in which most is noticed.
CORE = (
    "tests/core/test_refusals.py",
    "tests/core/test_terms.py",
    "tests/core/test_book.py",
    "tests/core/test_days.py",
    "tests/core/test_changes.py",
    "tests/core/test_proposals.py",
    "tests/core/test_reserves.py",
    "tests/core/test_room.py",
    "tests/core/test_closing.py",
    "tests/core/test_exchange.py",
    "tests/core/test_levies.py",
    "tests/core/test_histories.py",
)


@dataclass(frozen=True)
class Mutant:
    """One change of one file, and the test files that are asked about it, in this order."""

    file: str
    old: str
    new: str
    meaning: str
    tests: tuple[str, ...] = CORE


def of(
    file: str, *changes: tuple[str, str, str], tests: tuple[str, ...] = CORE
) -> Iterator[Mutant]:
    """Mutants of one file: what each would mean, its text, and what stands there instead."""
    for meaning, old, new in changes:
        yield Mutant(file, old, new, meaning, tests)
