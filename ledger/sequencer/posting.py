"""Posting as the sequencer does it: from what was asked to a leaf and a receipt.

Everything here is decided at one moment against one book, without waiting.
"""

from collections.abc import Callable, Mapping
from datetime import date
from hashlib import sha256

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from ledger.core.answered import Receipt, RefusedReceipt
from ledger.core.asked import AskedBatch, AskedTerms, AskedTransfer, Caller
from ledger.core.book import Book, Posted
from ledger.core.door import (
    SALT,
    chance_needed,
    commitment,
    resolve,
    write_lines,
    write_manifest,
    write_terms,
)
from ledger.core.faults import JournalBroken
from ledger.core.leaves import BatchPosted, BatchRefused
from ledger.core.lines import Manifest, Terms, Transfer
from ledger.core.proposals import Proposal
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.store import NewBatch, StoredBatch
from ledger.core.terms import NO_PAST, Past, day_of
from ledger.journal.batches import (
    read_body,
    read_links,
    read_posted,
    root_of_lines,
    write_body,
    write_outcomes,
)
from ledger.journal.canonical import decode_leaf

_encoder = msgspec.json.Encoder(order="sorted")


class Moment(Struct, frozen=True):
    """What a decision takes from outside: the time, the day and chance."""

    recorded_at: int
    business_date: date
    chance: bytes


class Decided(Struct, frozen=True):
    """A batch that was decided: its answer, and what is to be kept."""

    receipt: Receipt | RefusedReceipt
    batch: NewBatch


def preview(
    book: Book,
    asked: AskedBatch,
    moment: Moment,
    used: "frozenset[tuple[str, str]] | set[tuple[str, str]]",
    past: Mapping[int, Past],
    *,
    key: str = "",
    is_trial: bool = False,
) -> Posted | Refusal:
    """What posting would do now; the book stays as it is. Raises MalformedAmount."""
    outcome = _post(book, asked, moment, used, past, key, is_trial=is_trial)
    if isinstance(outcome, Refusal):
        return outcome
    posted = outcome[2]
    book.unpost(posted)
    return posted


def decide(
    book: Book,
    asked: AskedBatch,
    caller: Caller,
    moment: Moment,
    used: "frozenset[tuple[str, str]] | set[tuple[str, str]]",
    past: Mapping[int, Past],
) -> Decided | None:
    """Post a batch, or refuse it; either way its leaf is in the book when this returns.

    None where it must wait for somebody's approval; then nothing changed.

    Raises:
        MalformedAmount: nothing changed.
    """
    outcome = _post(book, asked, moment, used, past, caller.key)
    if isinstance(outcome, Refusal):
        if outcome.code is RefusalCode.APPROVAL_NEEDED and book.proposals.ending is None:
            return None
        return refuse(book, asked, caller, moment, outcome)
    return _recorded(book, asked, caller, moment, outcome)


def decide_own(
    book: Book,
    asked: AskedBatch,
    caller: Caller,
    moment: Moment,
    then: Callable[[Book], Refusal | None],
    *,
    dry_run: bool = False,
) -> Decided | Refusal | None:
    """Post a batch of the ledger's own that must be followed by something, or leave no trace.

    Args:
        then: why what follows may not, once the batch is posted.
        dry_run: take it back in any case; the answer is a refusal or nothing.

    Raises:
        MalformedAmount: nothing changed.
    """
    outcome = _post(book, asked, moment, set(), NO_PAST, caller.key)
    if isinstance(outcome, Refusal):
        return outcome
    refusal = then(book)
    if refusal is not None or dry_run:
        book.unpost(outcome[2])
        return refusal
    return _recorded(book, asked, caller, moment, outcome)


def _recorded(
    book: Book,
    asked: AskedBatch,
    caller: Caller,
    moment: Moment,
    outcome: tuple[Manifest, list[Transfer], Posted],
) -> Decided:
    """Give the book the leaf of a batch that it posted."""
    index = book.size
    ending = book.proposals.ending
    manifest, lines, posted = outcome
    body = write_body(manifest, lines)
    outcomes = write_outcomes(posted)
    leaf = BatchPosted(
        recorded_at=moment.recorded_at,
        number=posted.number,
        batch=asked.id,
        poster=poster_of(caller),
        business_date=moment.business_date,
        count=manifest.count,
        posted=len(posted.amount),
        first_sequence=posted.first_sequence,
        signed=False,
        key=caller.key,
        root=body.root,
        outcomes=root_of_lines(outcomes) if outcomes else UNSET,
        proposed=UNSET if ending is None else ending.proposal.index,
    )
    book.apply(leaf)
    assert book.opening is not None
    kept = NewBatch(
        batch=asked.id,
        leaf_index=index,
        body=body.data,
        outcomes=outcomes,
        source="" if asked.source is UNSET else asked.source,
        posted=posted,
        business_dates=_business_dates(lines, posted, moment.business_date),
        references=_references(lines, posted) if book.opening.unique_references else (),
        details=_details(asked, posted, moment.chance),
        links=read_links(body.data, posted),
    )
    return Decided(Receipt(leaf_index=index, leaf=leaf, posted=posted), kept)


def refuse(
    book: Book, asked: AskedBatch, caller: Caller, moment: Moment, refusal: Refusal
) -> Decided:
    """Refuse a batch, and spend its id: its leaf is in the book when this returns."""
    index = book.size
    refused = _refused_leaf(asked, caller, moment, refusal)
    book.apply(refused)
    return Decided(
        RefusedReceipt(leaf_index=index, leaf=refused),
        NewBatch(batch=asked.id, leaf_index=index),
    )


def line_shapes(
    asked: AskedBatch, columns: tuple[list[int], list[int], list[int]], book: Book
) -> list[Transfer]:
    """The transfers as lines for rules to look at: nothing in them is random."""
    return write_lines(asked, columns, bytes(chance_needed(asked)), book)


def _post(
    book: Book,
    asked: AskedBatch,
    moment: Moment,
    used: "frozenset[tuple[str, str]] | set[tuple[str, str]]",
    past: Mapping[int, Past],
    key: str,
    *,
    is_trial: bool = False,
) -> tuple[Manifest, list[Transfer], Posted] | Refusal:
    columns = resolve(asked, book)
    if isinstance(columns, Refusal):
        return columns
    assert book.opening is not None, "a ledger that takes batches is open"
    manifest = write_manifest(
        asked,
        origin=book.opening.origin,
        scales=book.scales,
        recorded_at=moment.recorded_at,
        salt=moment.chance[:SALT],
    )
    lines = write_lines(asked, columns, moment.chance[SALT:], book)
    ending = book.proposals.ending
    if ending is not None and ending.proposal.approved:
        lines = [_approved(line, ending.proposal) for line in lines]
    outcome = book.post(
        manifest,
        lines,
        recorded_at=moment.recorded_at,
        business_date=moment.business_date,
        used=used,
        past=past,
        key=key,
        is_trial=is_trial,
    )
    return outcome if isinstance(outcome, Refusal) else (manifest, lines, outcome)


def _approved(line: Transfer, proposal: Proposal) -> Transfer:
    """A line with the last who approved it, where the request named nobody."""
    last = proposal.approved[-1]
    return line if line.approved_by else replace(line, approved_by=last.user or last.by)


def poster_of(caller: Caller) -> str:
    """Whose batches these are: the poster's, or where the key names none the key's own."""
    return caller.poster or caller.key


def _refused_leaf(
    asked: AskedBatch, caller: Caller, moment: Moment, refusal: Refusal
) -> BatchRefused:
    salt = moment.chance[:SALT]
    return BatchRefused(
        recorded_at=moment.recorded_at,
        batch=asked.id,
        poster=poster_of(caller),
        business_date=moment.business_date,
        signed=False,
        code=refusal.code.value,
        digest=request_digest(salt, asked),
        salt=salt,
        key=caller.key,
        position=UNSET if refusal.position is None else refusal.position,
        account=UNSET if refusal.account is None else refusal.account,
        available=UNSET if refusal.available is None else str(refusal.available),
    )


def request_digest(salt: bytes, asked: AskedBatch) -> bytes:
    """SHA-256 over a salt and the canonical request without its descriptions."""
    return sha256(salt + _encoder.encode(asked.without_descriptions())).digest()


def whole_digest(salt: bytes, asked: AskedBatch) -> bytes:
    """SHA-256 over a salt and the canonical request, with all that people wrote."""
    return sha256(salt + _encoder.encode(asked)).digest()


def _business_dates(lines: list[Transfer], posted: Posted, day: date) -> "list[date] | date":
    if all(line.business_date is UNSET for line in lines):
        return day
    return [day_of(lines, posted, row, day) for row in range(len(posted.amount))]


def _references(lines: list[Transfer], posted: Posted) -> list[tuple[str, int]]:
    return [
        (lines[position].reference, sequence)
        for position, sequence in posted.sequences()
        if lines[position].reference
    ]


def _details(asked: AskedBatch, posted: Posted, chance: bytes) -> list[tuple[int, bytes, str]]:
    """Salt and text of each description that was posted, by sequence."""
    if not any(t.description for t in asked.transfers):
        return []
    salts = description_salts(asked, chance)
    return [
        (sequence, salts[position], asked.transfers[position].description)
        for position, sequence in posted.sequences()
        if position in salts
    ]


def description_salts(asked: AskedBatch, chance: bytes) -> dict[int, bytes]:
    """Which salt write_lines took for the description at each position."""
    salts: dict[int, bytes] = {}
    salted = len(asked.transfers) > 1
    at = SALT
    for position, t in enumerate(asked.transfers):
        if t.description:
            salts[position] = chance[at : at + SALT]
            at += SALT
        at += SALT * salted
    return salts


# ---- repeats


def same_refused(leaf: BatchRefused, asked: AskedBatch, caller: Caller) -> bool:
    """Whether a refused batch was asked with this content by this poster."""
    same = request_digest(leaf.salt, asked) == leaf.digest
    return same and leaf.poster == poster_of(caller)


def same_posted(
    stored: StoredBatch,
    asked: AskedBatch,
    caller: Caller,
    book: Book,
    salts: Mapping[int, bytes],
) -> bool:
    """Whether a posted batch is what is asked now, compared by writing its lines again.

    Args:
        salts: salts of descriptions by sequence, where they were not erased; a
            description without its salt cannot be compared and passes.
    """
    leaf = decode_leaf(stored.line)
    assert isinstance(leaf, BatchPosted)
    manifest, lines = read_body(stored.body)
    columns = resolve(asked, book)
    if leaf.poster != poster_of(caller) or isinstance(columns, Refusal):
        return False
    if len(lines) != len(asked.transfers) or not _same_manifest(manifest, asked, book):
        return False
    posted = read_posted(stored)
    sequences = dict(posted.sequences())
    return all(
        _same_line(
            line if leaf.proposed is UNSET or t.approved_by else replace(line, approved_by=""),
            t,
            d,
            c,
            a,
            book,
            salts.get(sequences.get(position, 0)),
        )
        for position, (line, t, d, c, a) in enumerate(
            zip(lines, asked.transfers, *columns, strict=True)
        )
    )


def _same_manifest(manifest: Manifest, asked: AskedBatch, book: Book) -> bool:
    again = write_manifest(
        asked,
        origin="",
        scales=book.scales,
        recorded_at=0,
        salt=manifest.salt,
    )
    return (again.mode, again.source, again.branch, again.control_sums, again.late) == (
        manifest.mode,
        manifest.source,
        manifest.branch,
        manifest.control_sums,
        manifest.late,
    )


def _same_line(
    line: Transfer,
    t: AskedTransfer,
    debit: int,
    credit: int,
    amount: int,
    book: Book,
    salt: bytes | None,
) -> bool:
    """Place 0 in the line stood for a code that may have been given an account since."""
    if (line.details is UNSET) is bool(t.description):
        return False
    if t.description and salt is not None and commitment(salt, t.description) != line.details:
        return False
    return (
        line.debit_account in (0, debit)
        and line.credit_account in (0, credit)
        and line.amount == amount
        and line.kind == t.kind
        and line.reference == t.reference
        and line.business_date == t.business_date
        and line.value_date == t.value_date
        and line.entered_by == t.entered_by
        and line.approved_by == t.approved_by
        and _same_terms(line.terms, t.terms, book)
    )


def _same_terms(line: Terms | UnsetType, asked: AskedTerms | UnsetType, book: Book) -> bool:
    if line is UNSET or asked is UNSET:
        return line is asked
    again = write_terms(asked, book)
    return line == replace(
        again,
        rest=0 if line.rest == 0 and again.rest is not UNSET else again.rest,
        suspense=0 if line.suspense == 0 and again.suspense is not UNSET else again.suspense,
    )


def receipt_again(stored: StoredBatch) -> Receipt | RefusedReceipt:
    """The receipt of a batch, the same as the first time.

    Raises:
        JournalBroken: the stored leaf is no batch's.
    """
    leaf = decode_leaf(stored.line)
    match leaf:
        case BatchRefused():
            return RefusedReceipt(leaf_index=stored.leaf_index, leaf=leaf, replayed=True)
        case BatchPosted():
            posted = read_posted(stored)
            return Receipt(
                leaf_index=stored.leaf_index, leaf=leaf, posted=posted, replayed=True
            )
    raise JournalBroken(f"leaf {stored.leaf_index}", "not a batch's")


def all_refused(receipt: Receipt | RefusedReceipt) -> bool:
    """Whether a batch left a leaf and moved nothing: what is limited in rate."""
    return isinstance(receipt, RefusedReceipt) or not receipt.posted.amount
