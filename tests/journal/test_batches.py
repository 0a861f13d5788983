"""A batch's bytes: as many lines as it says, each with its end, and its outcomes in order."""

import pytest

from ledger.core.faults import MalformedLine
from ledger.core.lines import Transfer
from ledger.core.model import Mode
from ledger.journal.batches import (
    pick_lines,
    read_body,
    split_lines,
    write_body,
    write_outcomes,
)
from ledger.journal.canonical import decode_outcomes
from tests.building import Building


def a_body(count: int, lines: int) -> bytes:
    """So many transfers under a manifest that counts as it likes."""
    it = Building()
    line = Transfer(amount=1, credit_account=2, debit_account=1, kind="payment")
    manifest = it.manifest(it.next_batch(), count)
    return write_body(manifest, [line] * lines).data


def test_read_as_it_was_written() -> None:
    manifest, transfers = read_body(a_body(2, 2))
    assert (manifest.count, len(transfers)) == (2, 2)


@pytest.mark.parametrize("lines", [1, 3])
def test_neither_fewer_lines_nor_more(lines: int) -> None:
    with pytest.raises(MalformedLine, match=f"{lines} transfers, the manifest says 2"):
        read_body(a_body(2, lines))


def test_every_line_has_its_end() -> None:
    assert split_lines(b"one\ntwo\n") == [b"one", b"two"]
    with pytest.raises(MalformedLine, match="no line feed at the end"):
        split_lines(b"one\ntwo")


def test_some_lines_out_of_many() -> None:
    data = b"one\n\nthree\nfour\n"
    lines = split_lines(data)
    assert pick_lines(data, [3, 0, 1, 0]) == [lines[3], lines[0], lines[1], lines[0]]
    assert pick_lines(data, []) == []
    for damaged in (b"", b"one\ntwo"):
        with pytest.raises(MalformedLine):
            pick_lines(damaged, [0])
    with pytest.raises(IndexError):
        pick_lines(data, [4])


def test_outcomes_are_in_the_order_of_positions() -> None:
    it = Building()
    it.currency("MXN")
    ana, ben = it.account("ana", "MXN", lower=-100), it.account("ben", "MXN")
    lines = [
        it.pay(ben, ana, 1),
        it.pay(ana, ben, 60),
        it.pay(ana, ben, 60),
        it.pay(ben, ana, 60),
    ]
    outcomes = decode_outcomes(write_outcomes(it.post(lines, mode=Mode.EACH)))
    assert [line.position for line in outcomes] == [0, 1, 2, 3]
