"""What was asked for, by the auditor's numbers: whether it may be, and whether it is it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from tests.simulation.auditor.books import Books, Entry
from tests.simulation.auditor.forms import (
    body_of,
    data_of,
    date_of,
    date_or_none,
    in_base64,
    must,
    terms_of,
    wanted_of,
)
from tests.simulation.auditor.policies import needs_of
from tests.simulation.auditor.rules import Ruling
from tests.simulation.auditor.state import Asked, Decided, Draft, Moment, Place, Wanted, Why

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.asked import AskedBatch, AskedTransfer
    from ledger.core.written import AnyBatch

WAITS = Why(None, "approval_needed")  # For which it is not refused, but waits.


def decide(
    books: Books,
    asked: Asked,
    moment: Moment,
    size: int,
    *,
    known: int | None = None,
    past: int | None = None,
    but: Iterable[Place] = (),
) -> Decided:
    """What a batch amounts to on the state after `size` leaves.

    Args:
        known: of references, only those taken by so many leaves.
        past: of rows that it names, and of what was taken of them, only so many leaves'.
        but: accounts that stand otherwise.
    """
    return _ruling(books, asked, moment, size, known, past, but).decide()


def _ruling(
    books: Books,
    asked: Asked,
    moment: Moment,
    size: int,
    known: int | None,
    past: int | None,
    but: Iterable[Place] = (),
) -> Ruling:
    known = size if known is None else known
    past = size if past is None else past

    def is_taken(position: int) -> bool:
        reference = asked.wanted[position].reference
        earlier = books.references.get((asked.source, reference), known) < known
        same = any(one.reference == reference for one in asked.wanted[:position])
        return books.is_unique and (earlier or same)

    draft = Draft(books.shelf, size, past)
    draft.changed |= {("place", place.number): place for place in but}
    return Ruling(
        asked,
        moment,
        draft,
        first_sequence=books.transfers[size] + 1,
        rows=books.rows[: books.transfers[past]],
        is_taken=is_taken,
    )


def refusal_of(
    books: Books,
    asked: "AnyBatch",
    moment: Moment,
    size: int,
    *,
    key: str | None = None,
    agreement: str = "",
    known: int | None = None,
    past: int | None = None,
    but: Iterable[Place] = (),
) -> Why | None:
    """Why the whole batch must be refused on the state after `size` leaves.

    Args:
        key: that it came with, where rules of approval are asked.
        agreement: the code for which it is refused where else they would be asked.
    """
    data = data_of(asked)
    if data and moment.at > body_of(data)[0]["expires"]:
        return Why(None, "batch_expired")
    why = misnamed(books, asked, size)
    if why is not None:
        return why
    batch = asked_of(books, asked, size)
    wanted = batch.wanted
    if not books.calendar(size).takes(moment.day, moment.day):
        return Why(None, "no_day_open")
    is_known = all(one.debit and one.credit for one in wanted)
    told = _sums_told(books, asked, size)
    if told not in (None, sums_of(books, wanted, size)) and (is_known or batch.mode == "each"):
        return Why(None, "control_sums_differ")
    ruling = _ruling(books, batch, moment, size, known, past, but)
    if key is not None and needs_of(books, wanted, key, size).approvals:
        is_hopeless = batch.mode == "atomic" and ruling.is_hopeless()
        agreement = "" if is_hopeless else WAITS.code
    if agreement:
        return Why(None, agreement)
    if batch.mode == "each":
        return None
    refused = ruling.decide().refused
    return refused[0] if refused else None


def _sums_told(books: Books, asked: "AnyBatch", size: int) -> dict[str, str] | None:
    """The control sums that a batch came with, in minor units; None where it has none."""
    data, sums = data_of(asked), getattr(asked, "control_sums", None)
    if data:
        return body_of(data)[0].get("control_sums")
    if not isinstance(sums, dict):
        return None
    return {code: str(minor_of(books, text, code, size)) for code, text in sums.items()}


def misnamed(books: Books, asked: "AnyBatch", size: int) -> Why | None:
    """Why what it says of its currencies cannot be; lines say nothing of them."""
    if data_of(asked):
        return None
    asked = cast("AskedBatch", asked)
    stated = [(t.currency, books.scale(t.currency, size)) for t in asked.transfers]
    for position, (_, scale) in enumerate(stated):
        if scale is None:
            return Why(position, "currency_not_found")
    wanted = asked_of(books, asked, size).wanted
    if len([code for code in books.currencies if books.scale(code, size) is not None]) > 1:
        for position, (one, (code, _)) in enumerate(zip(wanted, stated, strict=True)):
            place = books.at(one.debit, size) or books.at(one.credit, size)
            if place is not None and place.currency != code:
                return Why(position, "currency_must_match_accounts", place.number)
    return None


def asked_of(books: Books, asked: "AnyBatch", size: int) -> Asked:
    """A batch that was asked for, by the numbers that were known after `size` leaves."""
    if data := data_of(asked):
        return _in_lines(books, data, size)
    asked = cast("AskedBatch", asked)
    wanted = [
        Wanted(
            books.number_at(t.debit_account, size),
            books.number_at(t.credit_account, size),
            minor_of(books, t.amount, t.currency),
            t.kind,
            t.reference,
            date_or_none(t.business_date),
            date_or_none(t.value_date),
            terms_asked(books, t, size),
        )
        for t in asked.transfers
    ]
    texts = [str(one) if isinstance(one, str) else "" for one in (asked.source, asked.late)]
    return Asked(wanted, str(asked.mode), *texts)


def _in_lines(books: Books, data: bytes, size: int) -> Asked:
    """A batch that came as lines; a number that is not known yet counts for none."""
    manifest, transfers = body_of(data)

    def known(number: int) -> int:
        return 0 if books.at(number, size) is None else number

    wanted = [
        replace(one, debit=known(one.debit), credit=known(one.credit))
        for one in map(wanted_of, transfers)
    ]
    return Asked(wanted, manifest["mode"], manifest.get("source", ""), manifest.get("late", ""))


def sums_of(books: Books, wanted: Sequence[Wanted], size: int) -> dict[str, str]:
    """Control sums: amounts by the currency of the debited account, or the credited."""
    sums: dict[str, int] = {}
    for one in wanted:
        place = books.at(one.debit, size) or books.at(one.credit, size)
        code = place.currency if place else ""
        sums[code] = sums.get(code, 0) + one.amount
    return {code: str(total) for code, total in sums.items()}


def minor_of(books: Books, text: str, currency: str, size: int | None = None) -> int:
    """Minor units; 0 of a currency that is not known, -1 where a fraction is left."""
    scale = books.scale(currency, size)
    if scale is None:
        return 0
    exact = Decimal(text).scaleb(scale)
    return int(exact) if exact == int(exact) else -1


def terms_asked(books: Books, t: "AskedTransfer", size: int) -> dict[str, Any]:
    """Terms as they stand in a line."""
    terms = terms_of(t)
    for name in ("rest", "suspense"):
        if name in terms:
            terms[name] = books.number_at(terms[name], size)
    return terms


def is_same(books: Books, entry: Entry, asked: "AnyBatch", poster: str) -> bool:
    """Whether a posted batch is what is asked; or was, by who is named as approver besides.

    Of lines all is kept as it came, byte for byte.
    """
    if data := data_of(asked):
        return entry.body == data and entry.fields["poster"] == poster
    asked = cast("AskedBatch", asked)
    manifest = entry.manifest
    if any(books.scale(t.currency) is None for t in asked.transfers):
        return False
    sums = asked.control_sums if isinstance(asked.control_sums, dict) else None
    told = sums and {code: str(minor_of(books, text, code)) for code, text in sums.items()}
    names = ("mode", "source", "late", "control_sums")
    if tuple(map(manifest.get, names)) != (
        asked.mode,
        asked.source if isinstance(asked.source, str) else None,
        asked.late if isinstance(asked.late, str) else None,
        told,
    ):
        return False
    if entry.fields["poster"] != poster or len(entry.asked) != len(asked.transfers):
        return False
    sequences = {leg.position: leg.sequence for leg in reversed(entry.legs)}
    return all(
        _is_same_line(books, one, t, sequences.get(position), entry.approver)
        for position, (one, t) in enumerate(zip(entry.asked, asked.transfers, strict=True))
    )


def _is_same_line(
    books: Books,
    one: dict[str, Any],
    t: "AskedTransfer",
    sequence: int | None,
    approver: str,
) -> bool:
    """Place 0 in the line was a code unknown then, whatever it was."""
    numbers = [books.numbers.get(t.debit_account, 0), books.numbers.get(t.credit_account, 0)]
    first = next((number for number in numbers if number), None)
    if len(books.currencies) > 1 and first and books.now(first).currency != t.currency:
        return False
    if ("details" in one) is not bool(t.description):
        return False
    if t.description and sequence is not None:
        salt, text = books.ledger.details[sequence]
        must(in_base64(sha256(salt + text.encode()).digest()) == one["details"], "details")
        if text != t.description:
            return False
    return (
        one["debit_account"] in (0, numbers[0])
        and one["credit_account"] in (0, numbers[1])
        and one["amount"] == minor_of(books, t.amount, t.currency)
        and one["kind"] == t.kind
        and one.get("reference", "") == t.reference
        and one.get("entered_by", "") == t.entered_by
        and one.get("approved_by", "") == (t.approved_by or approver)
        and date_of(one, "business_date") == date_or_none(t.business_date)
        and date_of(one, "value_date") == date_or_none(t.value_date)
        and _is_same_terms(one.get("terms", {}), terms_asked(books, t, len(books.entries)))
    )


def _is_same_terms(one: dict[str, Any], asked: dict[str, Any]) -> bool:
    """Place 0 in the line was a code unknown then, whatever it is now."""
    names = [name for name in ("rest", "suspense") if one.get(name) == 0 and name in asked]
    return one == asked | dict.fromkeys(names, 0)
