"""References out of stored bodies: what the follower reads, and what it cannot."""

from typing import Any

import pytest

from ledger.core.faults import JournalBroken
from ledger.pg.follower import references_of

BODY = b'{"source":"till"}\n{"reference":"R-1"}\n{"amount":5}\n{"reference":"R-3"}\n'
OUTCOMES = b'{"position":0}\n{"position":1,"sequence":7}\n{"position":2,"sequence":8}\n'


def row(body: bytes = BODY, outcomes: bytes = b"") -> Any:
    return {"leaf_index": 3, "first_sequence": 7, "body": body, "outcomes": outcomes}


def test_each_posted_transfer_with_a_reference() -> None:
    assert references_of(row()) == [("till", "R-1", 7), ("till", "R-3", 9)]


def test_what_was_refused_has_none() -> None:
    assert references_of(row(outcomes=OUTCOMES)) == [("till", "R-3", 8)]


@pytest.mark.parametrize(
    "damaged",
    [
        row(BODY[:-3]),
        row(b'{"source":"till"}\n\xff\n'),
        row(b"\x28\xb5\x2f\xfd"),
        row(outcomes=OUTCOMES[:15]),
        row(outcomes=OUTCOMES + OUTCOMES),
    ],
    ids=["cut", "no text", "no frame", "too few outcomes", "too many outcomes"],
)
def test_damage_is_the_journals_and_ends_nothing_else(damaged: Any) -> None:
    """The follower says so of that ledger and goes on with the others."""
    with pytest.raises(JournalBroken):
        references_of(damaged)
