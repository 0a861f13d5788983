"""Batches: what was posted or refused, and what their posters were told."""

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from tests.simulation.auditor.asked import (
    asked_of,
    decide,
    is_same,
    refusal_of,
    sums_of,
)
from tests.simulation.auditor.books import Books, Entry, always, line
from tests.simulation.auditor.days import check_day, count
from tests.simulation.auditor.forms import (
    Broken,
    body_of,
    data_of,
    digest_of,
    in_base64,
    legs_of,
    must,
    notes_of,
    read_line,
    split_lines,
    terms_of,
    wanted_of,
    why_in,
    why_of,
)
from tests.simulation.auditor.lines import check_root
from tests.simulation.auditor.offers import why_new
from tests.simulation.auditor.state import POSTED, Asked, Decided, Moment, Place
from tests.simulation.auditor.terms import is_misplaced
from tests.simulation.auditor.trees import root_of

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.answered import Receipt, RefusedReceipt
    from ledger.core.asked import AskedBatch
    from ledger.core.book import Posted
    from ledger.core.refusals import Refusal
    from ledger.core.written import AnyBatch


@line("refused")
def _refused(books: Books, entry: Entry) -> None:
    books.once("batch", entry.fields["batch"])
    books.spent[UUID(entry.fields["batch"])] = entry.index
    check_day(books, entry)


@line("batch")
def _batch(books: Books, entry: Entry) -> None:
    fields, at = entry.fields, entry.index
    books.once("batch", fields["batch"])
    books.spent[UUID(fields["batch"])] = at
    check_day(books, entry)
    lines = split_lines(entry.body)
    check_root(books, entry, in_base64(root_of(lines)))
    entry.manifest, *entry.asked = map(read_line, lines)
    manifest = entry.manifest
    must(fields["count"] == manifest["count"] == len(entry.asked), "another count")
    must(manifest["origin"] == f"{books.origin}/batch/{fields['batch']}", "another origin")
    must(fields["recorded_at"] <= manifest["expires"], "posted after it expired")
    must(fields["number"] == books.batches[at] + 1, "batches are numbered in order")
    must(fields["first_sequence"] == books.transfers[at] + 1, "sequences are in order")
    wanted = entry.wanted = list(map(wanted_of, entry.asked))
    for one in entry.asked:
        must("terms" not in one or not is_misplaced(one["terms"]), "misplaced terms", one)
    if "control_sums" in manifest:
        sums = sums_of(books, wanted, at)
        must(sums == manifest["control_sums"], "posted against its control sums")
    source = entry.source
    asked = Asked(wanted, manifest["mode"], source, manifest.get("late", ""))
    moment = moment_of(entry)
    is_open = books.calendar(at).takes(moment.day, moment.day)
    must(is_open, "posted where no day is open", moment.day)
    decided = decide(books, asked, moment, at)
    must(fields["posted"] == len(decided.legs), "not what could be posted", decided.refused)
    must(decided.legs or manifest["mode"] == "each", "nothing was posted")
    _check_outcomes(entry, decided)
    entry.legs, entry.refused = decided.legs, decided.refused
    _take(books, entry, decided)


def _check_outcomes(entry: Entry, decided: Decided) -> None:
    """Of a batch where all was not as asked every position has its line, under a root."""
    is_plain = not (decided.refused or decided.notes)
    must(is_plain is ("outcomes" not in entry.fields), "outcomes only where they say more")
    if is_plain:
        must(not entry.outcomes, "outcomes of a batch of which there is nothing to say")
        return
    lines = split_lines(entry.outcomes)
    must(
        entry.fields["outcomes"] == in_base64(root_of(lines)), "other outcomes than the leaf's"
    )
    expected: dict[int, dict[str, Any]] = {}
    for leg in reversed(decided.legs):  # Of several the first.
        note = decided.notes.get(leg.position, {})
        expected[leg.position] = {"position": leg.position, "sequence": leg.sequence, **note}
    for why in decided.refused:
        assert why.position is not None
        expected[why.position] = fields = {"position": why.position, "code": why.code}
        if why.account is not None:
            fields["account"] = why.account
        if why.available is not None:
            fields["available"] = str(why.available)
    found = list(map(read_line, lines))
    in_order = [expected[position] for position in sorted(expected)]
    must(found == in_order, "other outcomes", found, in_order)


def _take(books: Books, entry: Entry, decided: Decided) -> None:
    """Take in what a batch did."""
    for position in dict.fromkeys(leg.position for leg in decided.legs):
        reference = entry.asked[position].get("reference", "")
        if reference and books.is_unique:
            books.once("reference", (entry.source, reference))
            books.references[entry.source, reference] = entry.index
    count(books, entry.source, decided.legs)
    books.rows += decided.legs
    for (kind, name), value in decided.changed.items():
        books.shelve(kind, name, value)


@always
def _sums(books: Books, entry: Entry) -> None:
    """All balances of a currency sum to zero, whatever the line was."""
    is_zero = not any(sums.balance for sums in books.sums.values())
    must(is_zero, "a currency does not sum to zero", books.sums)


@always
def _bounds(books: Books, entry: Entry) -> None:
    """Whoever paid can still pay what is held; of posting a hold, that was asked before."""
    posts = [leg for leg in entry.legs if leg.hold]
    excused = {number for leg in posts for number in (leg.debit, leg.credit)}
    for payer in map(books.now, {leg.debit for leg in entry.legs} - excused):
        is_inside = payer.floor is None or payer.balance >= payer.floor
        must(is_inside, "below its lower bound", payer)
    for payee in map(books.now, {leg.credit for leg in entry.legs} - excused):
        is_inside = payee.ceiling is None or payee.balance <= payee.ceiling
        must(is_inside, "above its upper bound", payee)


@always
def _rows(books: Books, entry: Entry) -> None:
    """Nothing moves on a closed day; of a row and its levies comes back what must."""
    marks = books.calendar(entry.index).marks
    for leg in entry.legs:
        is_reopened = marks.get((leg.day.year, leg.day.month)) == "reopened"
        is_late = leg.phase == POSTED and leg.day in books.closed and not is_reopened
        must(not is_late, "moved on a closed day", leg)
    for target in {leg.link for leg in entry.legs if leg.link}:
        row = books.rows[target - 1]
        links = [leg.amount for leg in books.rows if leg.link == target]
        back = sum(leg.amount for leg in books.rows if leg.goes_back == target)
        owed = sum(each.amount * sum(links) // row.amount for each in row.beside)
        must(sum(links) <= row.amount, "more was taken back than there was", row)
        must(back == owed, "not as much went back with it", back, owed)
    for target in {leg.hold for leg in entry.legs if leg.hold}:
        parts = [leg.amount for leg in books.rows if leg.hold == target]
        must(sum(parts) <= books.rows[target - 1].amount, "more than was held", target)


@always
def _beside(books: Books, entry: Entry) -> None:
    """The rows that stand beside a leaf are what it says."""
    beside: Any = books.ledger.batch_at.get(entry.index)
    posted = None if beside is None else beside.posted
    must(legs_of(posted) == entry.legs, "the rows are not what the journal says")
    days = _days_of(beside, len(entry.legs))
    must(days == [leg.day for leg in entry.legs], "rows of other days", days)


def _days_of(beside: Any, count: int) -> list[date]:
    """The days of the rows that stand beside a leaf."""
    if beside is None or not count:
        return []
    days = beside.business_dates
    return [days] * count if isinstance(days, date) else list(days)


def moment_of(entry: Entry) -> Moment:
    day = date.fromisoformat(entry.fields["business_date"])
    return Moment(entry.fields["recorded_at"], day)


# ---- what posters were told


def posted(
    books: Books, asked: "AnyBatch", poster: str, receipt: "Receipt", signed: int
) -> None:
    """The batch is there with this content, signed, and its receipts are all the same."""
    entry = _answered(books, asked, poster, receipt.leaf_index, signed, "batch")
    must(is_same(books, entry, asked, poster), "a receipt for something else", asked)
    must(entry.legs == legs_of(receipt.posted), "other legs than the journal's")
    refused = list(map(why_of, receipt.posted.refused))
    must(entry.refused == refused, "other refusals than the journal's")
    books.tell(asked.id, (receipt.leaf_index, receipt.leaf, entry.legs, refused))


def refused(
    books: Books, asked: "AnyBatch", poster: str, receipt: "RefusedReceipt", signed: int
) -> None:
    """The refusal is there, it is justified, and it stays the answer."""
    entry = _answered(books, asked, poster, receipt.leaf_index, signed, "refused")
    fields = entry.fields
    must(fields["digest"] == digest_of(fields["salt"], asked), "refused something else")
    if books.entries[entry.index - 1].fields["line"] != "decided":  # Which says why.
        ways = [way for one, way in books.sent[asked.id] if one == asked]
        moment, key = moment_of(entry), fields["key"]
        why = [why_new(books, asked, moment, entry.index, key, way) for way in ways]
        must(why_in(fields) in why, "refused for another reason", why_in(fields), why)
    books.tell(asked.id, (receipt.leaf_index, receipt.leaf))


def used_by_another(books: Books, asked: "AnyBatch", poster: str) -> None:
    """The id is spent, or waits to be, on something else."""
    books.read()
    same = []
    for _, proposal in books.shelf.stood("proposal", asked.id)[:1]:
        fields = proposal.fields
        digest = digest_of(fields["salt"], asked, is_whole=True)
        same.append((fields["digest"], fields["poster"]) == (digest, poster))
    if asked.id in books.spent:
        entry = books.entries[books.spent[asked.id]]
        if entry.fields["line"] == "batch":
            same.append(is_same(books, entry, asked, poster))
        else:
            digest = digest_of(entry.fields["salt"], asked)
            told = (entry.fields["digest"], entry.fields["poster"])
            same.append(told == (digest, poster))
    must(same, "used by nobody", asked.id)
    must(not all(same), "the same was refused as another", asked.id)


def previewed(
    books: Books,
    asked: "AnyBatch",
    outcome: "Posted | Refusal",
    since: int,
    times: set[int],
    *,
    key: str | None,
    but: Callable[[int], Iterable[Place]] = lambda _: (),
) -> None:
    """A dry run says what posting would have done at some moment since it was asked.

    The references it knows, and what of earlier rows was taken, may be those of a moment
    before.

    Args:
        times: when it was asked and answered, by any clock that there was.
        key: that it would come with, if somebody may have to approve it.
        but: accounts that stand otherwise than after so many leaves.
    """
    books.read()
    told, sizes = _told(outcome), books.sizes(since)
    wanted = asked_of(books, asked, sizes.start).wanted
    has_targets = any(one.action == "reverse" for one in wanted)
    for size in reversed(sizes):  # Most were decided just before they were answered.
        before = sizes[size - sizes.start :: -1]
        for moment in _moments(books, asked, size, times):
            for known in before if books.is_unique else [size]:
                for past in before if has_targets else [size]:
                    stand = {"known": known, "past": past, "but": list(but(size))}
                    if _would(books, asked, moment, size, key, stand) == told:
                        return
    raise Broken(f"a dry run of what could never be: {outcome}")


def _moments(books: Books, asked: "AnyBatch", size: int, times: set[int]) -> list[Moment]:
    """The moments that make a difference; between two times, the end of a hold does."""
    ends = {hold.expires for hold in books.shelf.all_at("hold", size).values()}
    ends |= {one.terms.get("expires", 0) for one in asked_of(books, asked, size).wanted}
    inside = {end for end in ends if min(times) < end <= max(times)}
    recorded_at = books.entries[size - 1].fields["recorded_at"]
    at = sorted({max(time, recorded_at) for time in times | inside})
    return [Moment(time, books.day(time, size)) for time in at]


def _would(
    books: Books,
    asked: "AnyBatch",
    moment: Moment,
    size: int,
    key: str | None,
    stand: dict[str, Any],
) -> object:
    why = refusal_of(books, asked, moment, size, key=key, **stand)
    if why is not None:
        return why
    decided = decide(books, asked_of(books, asked, size), moment, size, **stand)
    return decided.legs, decided.refused, decided.notes


def _told(outcome: Any) -> object:
    """An outcome as `_would` has it."""
    why = why_of(outcome)
    if why is not None:
        return why
    return legs_of(outcome), list(map(why_of, outcome.refused)), notes_of(outcome)


def malformed(books: Books, asked: "AnyBatch") -> None:
    """There was something to be found fault with."""
    books.read()
    if data := data_of(asked):
        origin = body_of(data)[0]["origin"]
        must(origin != f"{books.origin}/batch/{asked.id}", "found malformed what is not", asked)
        return
    asked = cast("AskedBatch", asked)
    scales = {code: scale for code, (scale, _, _) in books.currencies.items()}
    decimals = [
        (t.amount.partition(".")[2], scales.get(t.currency, 0)) for t in asked.transfers
    ]
    sums = asked.control_sums
    if isinstance(sums, dict):
        decimals += [
            (text.partition(".")[2], scales.get(code, 99)) for code, text in sums.items()
        ]
    is_malformed = (
        any(len(fraction) > scale for fraction, scale in decimals)
        or any(Decimal(t.amount) <= 0 for t in asked.transfers)
        or any(t.terms and is_misplaced(terms_of(t)) for t in asked.transfers)
        or (isinstance(asked.count, int) and asked.count != len(asked.transfers))
    )
    must(is_malformed, "found malformed what is not", asked)


def not_recorded(books: Books, batch: UUID) -> None:
    """Nobody was told anything but that nothing was recorded, so nothing may be there."""
    books.read()
    is_there = batch in books.spent or books.shelf.stood("proposal", batch)
    must(not is_there, "recorded, though it was said that it was not", batch)


def _answered(
    books: Books, asked: "AnyBatch", poster: str, index: int, signed: int, kind: str
) -> Entry:
    books.read()
    must(index < signed, "answered before it was signed", index, signed)
    must(index < len(books.entries), "answered before it was committed", index)
    must(books.spent.get(asked.id) == index, "a receipt of another leaf", asked.id)
    entry = books.entries[index]
    must(entry.fields["line"] == kind, "a receipt of another kind", kind)
    must(entry.fields["poster"] == poster, "a receipt of another poster's", poster)
    return entry
