"""Replay: the state again, from the journal's bytes alone.

Start-up, reload and verification walk this road; live posting walks the same rules in
core/book.py and leaves the lines that are read here.
"""

from bisect import bisect_left
from collections.abc import Collection, Container, Mapping

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from ledger.core.book import NOTHING_USED, Book, Posted
from ledger.core.faults import JournalBroken, LedgerFault, MalformedLine
from ledger.core.leaves import AnyLeaf, BatchPosted, Opening
from ledger.core.lines import Manifest, Transfer
from ledger.core.model import Phase
from ledger.core.refusals import Refusal
from ledger.core.terms import NO_PAST, Past
from ledger.journal.batches import (
    read_body,
    read_links,
    root_of_lines,
    split_lines,
    write_outcomes,
)
from ledger.journal.canonical import decode_leaf
from ledger.journal.checkpoints import batch_origin, parse_body, signs
from ledger.journal.notes import parse_note
from ledger.journal.past import lines_of, told_of


def replay(
    book: Book,
    data: bytes,
    body: bytes | None = None,
    *,
    used: Container[tuple[str, str]] = NOTHING_USED,
    past: Mapping[int, Past] = NO_PAST,
    check_root: bool = True,
) -> tuple[AnyLeaf, Posted | None]:
    """Take the next leaf into the book and return it, with what it posted.

    Args:
        data: the leaf's exact bytes.
        body: the batch's exact bytes, where the leaf is a posted batch.
        used: pairs of source and reference taken before this leaf, where references
            are unique in the ledger.
        past: the transfers that this batch names as its targets, as they stood before it.
        check_root: False where the caller has compared the body with the leaf already.

    Raises:
        JournalBroken: the leaf does not follow, with its index and the reason.
    """
    try:
        leaf = decode_leaf(data)
        posted = None
        if isinstance(leaf, BatchPosted):
            if body is None:
                raise MalformedLine("the batch has no body")
            posted = _replay_batch(book, leaf, body, used, past, check_root)
    except LedgerFault as fault:
        raise JournalBroken(f"leaf {book.size}", *fault.facts) from fault
    except ValueError as error:
        raise JournalBroken(f"leaf {book.size}", str(error)) from error
    book.apply(leaf)
    return leaf, posted


def _replay_batch(
    book: Book,
    leaf: BatchPosted,
    body: bytes,
    used: Container[tuple[str, str]],
    past: Mapping[int, Past],
    check_root: bool,
) -> Posted:
    manifest, transfers = read_body(body)
    if book.opening is None:
        raise MalformedLine(f"batch {leaf.batch}", "stands before the opening")
    _check_names(book.opening, leaf, manifest, transfers)
    if check_root:
        if root_of_lines(body) != root_named(leaf):
            raise MalformedLine(
                f"batch {leaf.batch}", "the transfers are not those of the root"
            )
        _check_signature(book, leaf)
    outcome = book.post(
        manifest,
        transfers,
        recorded_at=leaf.recorded_at,
        business_date=leaf.business_date,
        used=used,
        past=past,
        key="" if leaf.key is UNSET else leaf.key,
    )
    if isinstance(outcome, Refusal):
        where = "" if outcome.position is None else f" at position {outcome.position}"
        raise MalformedLine(f"batch {leaf.batch}", f"against the rules: {outcome.code}{where}")
    outcomes = write_outcomes(outcome)
    expected = root_of_lines(outcomes) if outcomes else UNSET
    if (leaf.posted, leaf.outcomes) != (len(outcome.amount), expected):
        raise MalformedLine(f"batch {leaf.batch}", "other outcomes than the rules give")
    return outcome


def _check_names(
    opening: Opening, leaf: BatchPosted, manifest: Manifest, transfers: list[Transfer]
) -> None:
    if manifest.origin != batch_origin(opening.origin, leaf.batch):
        raise MalformedLine(f"batch {leaf.batch}", "the manifest names another batch")
    if leaf.count != len(transfers):
        raise MalformedLine(f"batch {leaf.batch}", "another number of transfers")
    if leaf.note is not UNSET:
        note = parse_body(parse_note(leaf.note.encode()).text)
        if note.origin != manifest.origin:
            raise MalformedLine(f"batch {leaf.batch}", "the note names another batch")


def _check_signature(book: Book, leaf: BatchPosted) -> None:
    """That a key of its poster signed the batch, where one was registered when it came."""
    assert book.opening is not None, "asked before"
    at = book.size if leaf.proposed is UNSET else leaf.proposed
    signer: bytes | UnsetType = UNSET
    if leaf.note is not UNSET:
        note = leaf.note.encode()
        origin = book.opening.origin
        keys = book.posters.keys_of(leaf.poster, at)
        signer = next((key for key in keys if signs(key, note, origin, leaf.batch)), b"")
    refusal = book.posters.why_unsigned(leaf.poster, signer, at)
    if refusal is not None:
        raise MalformedLine(f"batch {leaf.batch}", f"against the rules: {refusal.code}")


def root_named(leaf: BatchPosted) -> bytes:
    """The inner root a batch's leaf names: its own field, or its poster's note.

    Raises:
        MalformedLine: neither, or both, are there.
    """
    if leaf.signed is (leaf.note is UNSET) or leaf.signed is (leaf.root is not UNSET):
        raise MalformedLine(f"batch {leaf.batch}", "signed and unsigned at once")
    if leaf.note is UNSET:
        assert leaf.root is not UNSET
        return leaf.root
    note = parse_body(parse_note(leaf.note.encode()).text)
    if note.size != leaf.count + 1:
        raise MalformedLine(f"batch {leaf.batch}", "the note has another size")
    return note.root


class References:
    """The pairs of source and reference that are taken, for replay from the first leaf.

    All of them in memory, some 120 bytes each. Only where the ledger wants them unique.
    """

    def __init__(self) -> None:
        self._by_source: dict[str, set[str]] = {}

    def __contains__(self, pair: object) -> bool:
        assert isinstance(pair, tuple), "a source and a reference"
        source, reference = pair
        return reference in self._by_source.get(source, ())

    def add(self, body: bytes, posted: Posted) -> int:
        """Take the references of what a batch posted; return how many."""
        manifest, transfers = read_body(body)
        source = "" if manifest.source is UNSET else manifest.source
        found = [ref for i, _ in posted.sequences() if (ref := transfers[i].reference)]
        self._by_source.setdefault(source, set()).update(found)
        return len(found)


class History:
    """Rows that reversals name, for replay from the first leaf.

    `past` holds those of the wanted sequences that were recorded so far, with what was taken
    of them until now. What is not wanted is not kept, however long the journal is.
    """

    def __init__(self, wanted: Collection[int]) -> None:
        self.past: dict[int, Past] = {}
        self._wanted = sorted(wanted)

    def add(self, body: bytes, posted: Posted) -> None:
        """Take what a batch posted, and what it took back of others."""
        first = posted.first_sequence
        start = bisect_left(self._wanted, first)
        stop = bisect_left(self._wanted, first + len(posted.amount))
        line_at = lines_of(split_lines(body)[1:] if start < stop else [])
        for sequence in self._wanted[start:stop]:
            i = sequence - first
            position = posted.positions[i]
            row = i - bisect_left(posted.positions, position)
            told = told_of(line_at, posted.notes, position, row)
            self.past[sequence] = Past(
                kind=told.kind,
                beside=told.beside,
                is_beside=told.is_beside,
                debit=posted.debit[i],
                credit=posted.credit[i],
                amount=posted.amount[i],
                phase=posted.phases[i] if posted.phases else Phase.POSTED,
            )
        for link in read_links(body, posted):
            if link.target in self.past:
                before = self.past[link.target]
                self.past[link.target] = replace(before, taken=before.taken + link.amount)
            if link.sequence in self.past:
                self.past[link.sequence] = replace(self.past[link.sequence], is_link=True)
