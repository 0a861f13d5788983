"""Posting as the sequencer does it: from what was asked to a leaf and a receipt.

Everything here is decided at one moment against one book, without waiting.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from hashlib import sha256

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from ledger.core import door
from ledger.core.answered import Receipt, RefusedReceipt
from ledger.core.asked import AskedBatch, AskedTerms, AskedTransfer, Caller
from ledger.core.book import Book, Posted
from ledger.core.columns import business_dates_among, sides_of
from ledger.core.door import (
    SALT,
    chance_needed,
    commitment,
    resolve,
    write_lines,
    write_manifest,
    write_terms,
)
from ledger.core.faults import JournalBroken, MalformedRequest
from ledger.core.leaves import BatchPosted, BatchRefused
from ledger.core.lines import Manifest, Terms, Transfer
from ledger.core.model import NONE_SET
from ledger.core.proposals import Proposal
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.resolutions import resolutions_of
from ledger.core.store import NewBatch, StoredBatch
from ledger.core.terms import NO_PAST, Past, day_of, links_of
from ledger.core.written import AnyBatch, WrittenBatch
from ledger.journal.batches import (
    TARGET,
    Body,
    read_body,
    read_posted,
    root_of_lines,
    write_body,
    write_outcomes,
)
from ledger.journal.canonical import decode_leaf

_encoder = msgspec.json.Encoder(order="sorted")


def check_form(asked: AnyBatch) -> None:
    """What can be said of a batch without knowing the ledger; of lines it was said before.

    Raises:
        MalformedRequest: see door.check_form.
    """
    if isinstance(asked, AskedBatch):
        door.check_form(asked)


def chance_for(asked: AnyBatch) -> int:
    """How many random bytes deciding a batch uses; lines have theirs, a refusal has a salt."""
    return chance_needed(asked) if isinstance(asked, AskedBatch) else SALT


def has_descriptions(asked: AnyBatch) -> bool:
    """Whether a request has free text, which lines never have."""
    return isinstance(asked, AskedBatch) and any(t.description for t in asked.transfers)


Reference = tuple[str, str]  # Source and reference.


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
    asked: AnyBatch,
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
    asked: AnyBatch,
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
    asked: AnyBatch,
    caller: Caller,
    moment: Moment,
    outcome: tuple[Manifest, Sequence[Transfer], Posted],
) -> Decided:
    """Give the book the leaf of a batch that it posted."""
    index = book.size
    ending = book.proposals.ending
    manifest, lines, posted = outcome
    if isinstance(asked, WrittenBatch):
        body, note = Body(asked.data, asked.root), asked.note
        packed = asked.packed
    else:
        body, note = write_body(manifest, lines), UNSET
        packed = b""
    outcomes = write_outcomes(posted)
    leaf = BatchPosted(
        recorded_at=moment.recorded_at,
        number=posted.number,
        batch=asked.id,
        poster=caller.posts_as,
        business_date=moment.business_date,
        count=manifest.count,
        posted=len(posted.amount),
        first_sequence=posted.first_sequence,
        signed=note is not UNSET,
        note=note,
        key=caller.key,
        root=body.root if note is UNSET else UNSET,
        outcomes=root_of_lines(outcomes) if outcomes else UNSET,
        proposed=UNSET if ending is None else ending.proposal.index,
    )
    book.apply(leaf)
    assert book.opening is not None
    has_targets = TARGET in body.data
    kept = NewBatch(
        batch=asked.id,
        leaf_index=index,
        body=body.data,
        packed=packed,
        outcomes=outcomes,
        source="" if asked.source is UNSET else asked.source,
        posted=posted,
        business_dates=_business_dates(lines, posted, moment.business_date),
        references=_references(lines, posted) if book.opening.unique_references else (),
        details=()
        if isinstance(asked, WrittenBatch)
        else _details(asked, posted, moment.chance),
        links=links_of(lines, posted) if has_targets else (),
        resolutions=resolutions_of(lines, posted) if has_targets else (),
    )
    return Decided(Receipt(leaf_index=index, leaf=leaf, posted=posted), kept)


def refuse(
    book: Book, asked: AnyBatch, caller: Caller, moment: Moment, refusal: Refusal
) -> Decided:
    """Refuse a batch, and spend its id: its leaf is in the book when this returns."""
    index = book.size
    ending = book.proposals.ending
    proposed = UNSET if ending is None else ending.proposal.index
    refused = replace(_refused_leaf(asked, caller, moment, refusal), proposed=proposed)
    book.apply(refused)
    return Decided(
        RefusedReceipt(leaf_index=index, leaf=refused),
        NewBatch(batch=asked.id, leaf_index=index),
    )


def columns_of(asked: AnyBatch, book: Book) -> tuple[list[int], list[int], list[int]] | Refusal:
    """Accounts and amounts of a batch: debit, credit and amount; 0 is an unknown account.

    Raises:
        MalformedAmount: an amount is no amount of its currency; with its position.
    """
    if isinstance(asked, AskedBatch):
        return resolve(asked, book)
    last = book.accounts
    debit, credit, amount = sides_of(asked.transfers)
    return (
        [number if number <= last else 0 for number in debit],
        [number if number <= last else 0 for number in credit],
        amount,
    )


def line_shapes(
    asked: AnyBatch, columns: tuple[list[int], list[int], list[int]], book: Book
) -> Sequence[Transfer]:
    """The transfers as lines for rules to look at: nothing in them is random."""
    if isinstance(asked, WrittenBatch):
        return asked.transfers
    return write_lines(asked, columns, bytes(chance_needed(asked)), book)


def _post(
    book: Book,
    asked: AnyBatch,
    moment: Moment,
    used: "frozenset[tuple[str, str]] | set[tuple[str, str]]",
    past: Mapping[int, Past],
    key: str,
    *,
    is_trial: bool = False,
) -> tuple[Manifest, Sequence[Transfer], Posted] | Refusal:
    written = _written(book, asked, moment)
    if isinstance(written, Refusal):
        return written
    manifest, lines = written
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


def _written(
    book: Book, asked: AnyBatch, moment: Moment
) -> tuple[Manifest, Sequence[Transfer]] | Refusal:
    """The lines of a batch: those that came, or those that the ledger writes for it."""
    assert book.opening is not None, "a ledger that takes batches is open"
    origin = book.opening.origin
    if isinstance(asked, WrittenBatch):
        if asked.manifest.origin != f"{origin}/batch/{asked.id}":
            raise MalformedRequest("the manifest is of another ledger", field="origin")
        return asked.manifest, asked.transfers
    columns = resolve(asked, book)
    if isinstance(columns, Refusal):
        return columns
    manifest = write_manifest(
        asked,
        origin=origin,
        scales=book.scales,
        recorded_at=moment.recorded_at,
        salt=moment.chance[:SALT],
    )
    lines = write_lines(asked, columns, moment.chance[SALT:], book)
    ending = book.proposals.ending
    if ending is not None and ending.proposal.approved:
        lines = [_approved(line, ending.proposal) for line in lines]
    return manifest, lines


def _approved(line: Transfer, proposal: Proposal) -> Transfer:
    """A line with the last who approved it, where the request named nobody."""
    last = proposal.approved[-1]
    return line if line.approved_by else replace(line, approved_by=last.user or last.by)


def _refused_leaf(
    asked: AnyBatch, caller: Caller, moment: Moment, refusal: Refusal
) -> BatchRefused:
    salt = moment.chance[:SALT]
    return BatchRefused(
        recorded_at=moment.recorded_at,
        batch=asked.id,
        poster=caller.posts_as,
        business_date=moment.business_date,
        signed=isinstance(asked, WrittenBatch) and asked.note is not UNSET,
        code=refusal.code.value,
        digest=request_digest(salt, asked),
        salt=salt,
        key=caller.key,
        position=UNSET if refusal.position is None else refusal.position,
        account=UNSET if refusal.account is None else refusal.account,
        available=UNSET if refusal.available is None else str(refusal.available),
    )


def request_digest(salt: bytes, asked: AnyBatch) -> bytes:
    """SHA-256 over a salt and the canonical request without its descriptions.

    Of a batch that came as lines these are the request, byte for byte.
    """
    if isinstance(asked, WrittenBatch):
        return sha256(salt + asked.data).digest()
    return sha256(salt + _encoder.encode(asked.without_descriptions())).digest()


def whole_digest(salt: bytes, asked: AnyBatch) -> bytes:
    """SHA-256 over a salt and the canonical request, with all that people wrote."""
    if isinstance(asked, WrittenBatch):
        return sha256(salt + asked.data).digest()
    return sha256(salt + _encoder.encode(asked)).digest()


def _business_dates(
    lines: Sequence[Transfer], posted: Posted, day: date
) -> "list[date] | date":
    if business_dates_among(lines) == NONE_SET:
        return day
    return [day_of(lines, posted, row, day) for row in range(len(posted.amount))]


def references_of(
    source: str | UnsetType, transfers: Iterable[AskedTransfer | Transfer]
) -> frozenset[Reference]:
    """What must be unique where references are: each with its source."""
    where = "" if source is UNSET else source
    return frozenset((where, t.reference) for t in transfers if t.reference)


def _references(lines: Sequence[Transfer], posted: Posted) -> list[tuple[str, int]]:
    return [
        (lines[position].reference, sequence)
        for position, sequence in posted.sequences()
        if lines[position].reference
    ]


def _details(asked: AskedBatch, posted: Posted, chance: bytes) -> list[tuple[int, bytes, str]]:
    """Salt and text of each description that was posted, by sequence."""
    if not has_descriptions(asked):
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


def same_refused(leaf: BatchRefused, asked: AnyBatch, caller: Caller) -> bool:
    """Whether a refused batch was asked with this content by this poster."""
    same = request_digest(leaf.salt, asked) == leaf.digest
    return same and leaf.poster == caller.posts_as


def same_posted(
    stored: StoredBatch,
    asked: AnyBatch,
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
    if isinstance(asked, WrittenBatch):
        return leaf.poster == caller.posts_as and stored.body == asked.data
    manifest, lines = read_body(stored.body)
    columns = resolve(asked, book)
    if leaf.poster != caller.posts_as or isinstance(columns, Refusal):
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
