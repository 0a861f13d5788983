"""The past of a row: what its batch says of it, for a later transfer that names it.

Which kind it is, and what goes back with it when it is taken back: the levies on it, and of an
exchange what was sold, with its levies and the residue.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from msgspec import UNSET, Struct

from ledger.core.exchange import EXCHANGE
from ledger.core.lines import Beside, Terms, Transfer
from ledger.core.terms import NO_NOTE, NO_TERMS, REST, Note
from ledger.journal.batches import read_notes, split_lines
from ledger.journal.canonical import decode_transfers

LineAt = Callable[[int], Transfer | None]  # The line of a position, where there is one.


class Told(Struct, frozen=True):
    """What a batch says of a row of its own. `is_beside`: it goes back with another only."""

    kind: str
    beside: tuple[Beside, ...] = ()
    is_beside: bool = False


def tell(body: bytes, outcomes: bytes, first: int, wanted: Collection[int]) -> dict[int, Told]:
    """What a stored batch says of those of its rows that are wanted, by sequence.

    Args:
        first: the sequence of its first row.
    """
    lines = split_lines(body)[1:]  # The first is the manifest.
    if not outcomes:
        return {n: told_of(lines_of(lines), {}, n - first, 0) for n in wanted}
    notes: dict[int, Note] = {}
    found: dict[int, tuple[int, int]] = {}
    for position, sequence, note in read_notes(outcomes):
        notes[position] = note
        for row in range((note.amount != 0) + len(note.beside)):
            found[sequence + row] = position, row
    return {n: told_of(lines_of(lines), notes, *found[n]) for n in wanted}


def lines_of(lines: Sequence[bytes]) -> LineAt:
    """Lines of a body, without its manifest, to be read one by one."""

    def at(position: int) -> Transfer | None:
        if not 0 <= position < len(lines):
            return None
        return decode_transfers(lines[position] + b"\n")[0]

    return at


def told_of(line_at: LineAt, notes: Mapping[int, Note], position: int, row: int) -> Told:
    """What is said of a row, counted from 0, of the transfer at a position."""
    line, note = line_at(position), notes.get(position, NO_NOTE)
    assert line is not None, "a row has its line"
    beside = row - (note.amount != 0)
    if beside >= 0:
        kind = note.beside[beside].kind
        return Told(line.kind) if kind == REST else Told(kind, is_beside=True)
    levies = tuple(_levies(note))
    terms = _terms(line)
    if terms.entry is UNSET:
        return Told(line.kind, levies)
    following = line_at(position + 1)
    if terms.rate is not UNSET:
        before = line_at(position - 1)
        assert before is not None, "what is bought stands after what is sold"
        sold = _sold(before, following if _is_residue(following, terms) else None)
        more = _levies(notes.get(position - 1, NO_NOTE))
        return Told(line.kind, (*levies, *sold, *more))
    is_sold = following is not None and _is_bought(following, terms)
    return Told(line.kind, levies, is_beside=is_sold or terms.residue)


def _terms(line: Transfer) -> Terms:
    return NO_TERMS if line.terms is UNSET else line.terms


def _levies(note: Note) -> Iterator[Beside]:
    return (row for row in note.beside if row.kind != REST)


def _is_bought(line: Transfer, sold: Terms) -> bool:
    terms = _terms(line)
    return terms.rate is not UNSET and terms.entry == sold.entry


def _is_residue(line: Transfer | None, bought: Terms) -> bool:
    return line is not None and _terms(line).residue and _terms(line).entry == bought.entry


def _sold(sold: Transfer, residue: Transfer | None) -> Iterator[Beside]:
    """What was sold, less what its payer was given back; the residue first, if another was."""
    amount = sold.amount
    if residue is not None and residue.credit_account == sold.debit_account:
        amount -= residue.amount
    elif residue is not None:
        yield _beside(residue, residue.amount)
    yield _beside(sold, amount)


def _beside(line: Transfer, amount: int) -> Beside:
    return Beside(
        amount=amount,
        credit_account=line.credit_account,
        debit_account=line.debit_account,
        kind=EXCHANGE,
    )
