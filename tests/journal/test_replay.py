"""Replay takes a leaf only with the body that belongs to it."""

import pytest
from msgspec.structs import replace

from ledger.core.book import Book
from ledger.core.faults import JournalBroken
from ledger.core.leaves import BatchPosted
from ledger.journal.canonical import decode_leaf, encode_line
from ledger.journal.replay import History, replay
from tests.building import Building, under_terms


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"count": 2}, "another number of transfers"),
        ({"posted": 2}, "other outcomes than the rules give"),
        ({"root": bytes(32)}, "the transfers are not those of the root"),
    ],
)
def test_a_leaf_that_says_something_else_of_its_batch(
    change: dict[str, object], why: str
) -> None:
    it = Building()
    it.currency("MXN")
    ana, ben = it.account("ana", "MXN", lower=-100), it.account("ben", "MXN")
    it.post([it.pay(ana, ben, 1)])
    *before, last = it.recorded
    leaf = decode_leaf(last.leaf)
    assert isinstance(leaf, BatchPosted)
    for changed in ({}, change):
        book = Book()
        for each in before:
            replay(book, each.leaf)
        data = encode_line(replace(leaf, **changed))
        if changed:
            with pytest.raises(JournalBroken, match=why):
                replay(book, data, last.body)
        else:
            assert replay(book, data, last.body)[1] is not None


def test_history_knows_what_became_of_every_row() -> None:
    """Held, released, taken back in parts, and taking back itself."""
    it = under_terms()
    book, history = Book(), History(it.past)
    for each in it.recorded:
        _, posted = replay(book, each.leaf, each.body or None, past=history.past)
        if posted is not None:
            history.add(each.body, posted)
    assert history.past == it.past
    assert {past.phase for past in it.past.values()} >= {0, 1, 2}
    assert any(past.is_link for past in it.past.values())
