"""Closing an account that has a balance: it goes to another and the account closes, or not."""

from typing import TYPE_CHECKING
from uuid import UUID

from tests.simulation.auditor.accounts import why_needed
from tests.simulation.auditor.asked import decide
from tests.simulation.auditor.books import Books, Entry, always, committed
from tests.simulation.auditor.forms import must, or_none
from tests.simulation.auditor.lines import keys_of
from tests.simulation.auditor.policies import needs_of
from tests.simulation.auditor.state import Asked, Moment, Place, Wanted
from tests.simulation.auditor.told import When, changed

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.asked import AskedChange
    from ledger.core.refusals import Refusal

CLOSING = "closing"  # The kind of a transfer that nobody but the ledger makes.
LOSS = "loss"  # The kind of an account that debts are written off to.


def _is_closing(entry: Entry) -> bool:
    return any(leg.kind == CLOSING for leg in entry.legs)


@always
def _closes(books: Books, entry: Entry) -> None:
    """A balance is moved away just before the account closes, and for nothing else."""
    if not entry.index or not _is_closing(books.entries[entry.index - 1]):
        return
    before, fields = books.entries[entry.index - 1], entry.fields
    must(len(before.asked) == len(before.legs) == 1, "closed with more than its balance")
    leg, number = before.legs[0], fields.get("account")
    is_status = (fields["line"], fields.get("status")) == ("status", "closed")
    must(is_status and number in (leg.debit, leg.credit), "moved away, but not closed", leg)
    same = fields["recorded_at"] == before.fields["recorded_at"]
    must(same, "closed later than it was emptied", fields)
    place = books.now(number)
    if number == leg.credit:
        other = books.now(leg.debit)
        is_off = other.kind == LOSS and "act" in fields
        must(is_off or _is_alike(place, other), "a debt that nobody wrote off", leg)
    books.own.add(UUID(before.fields["batch"]))


@committed
def _is_whole(books: Books) -> None:
    must(not _is_closing(books.entries[-1]), "moved away, and nothing said of closing it")


def _is_alike(place: Place, other: Place) -> bool:
    """Both are debit accounts of one kind."""
    return place.nature == other.nature == "debit" and place.kind == other.kind


def closed(
    books: Books,
    code: str,
    asked: "AskedChange",
    refusal: "Refusal | None",
    signed: int,
    since: int,
) -> None:
    """An account was closed, with what it had gone to another; or it is just as it was."""

    def place_at(size: int) -> Place | None:
        return books.at(books.number_at(code, size), size)

    def is_so(size: int) -> bool:
        place = place_at(size)
        return place is not None and place.status == "closed" and place.balance == 0

    def is_why(size: int) -> bool:
        return refusal is not None and _why_not(books, code, asked, size) == refusal.code

    excuses: dict[str, When] = {} if refusal is None else {refusal.code: is_why}
    changed(books, refusal, signed, since, is_so, excuses)


def _why_not(books: Books, code: str, asked: "AskedChange", size: int) -> str | None:
    """Why an account cannot be closed so on the state after so many leaves."""
    number, other = (
        books.number_at(one, size) for one in (code, str(or_none(asked.remaining_to)))
    )
    place, to = books.at(number, size), books.at(other, size)
    if place is None or to is None:
        return "account_not_found"
    if place.status == "closed":
        return None  # It is so already.
    if books.shelf.at("order", number, size) and or_none(asked.order) is None:
        return "account_frozen_by_order"
    if place.pending_debits or place.pending_credits:
        return "account_has_holds"
    if place.balance == 0:
        return why_needed(books, number, size)
    if place.currency != to.currency:
        return "accounts_of_different_currencies"
    is_off = to.kind == LOSS and hasattr(asked.act, "hash")
    if place.balance < 0 and not is_off and not _is_alike(place, to):
        return "account_in_debt"
    if keys_of(books, "operator", size):  # And nobody signs it.
        return "signature_missing"
    pair = (number, other) if place.balance > 0 else (other, number)
    at = books.entries[size - 1].fields["recorded_at"]
    moment = Moment(at, books.day(at, size))
    if not books.calendar(size).takes(moment.day, moment.day):
        return "no_day_open"
    wanted = Wanted(*pair, abs(place.balance), CLOSING)
    if number != other and needs_of(books, [wanted], "operator", size).approvals:
        return "approval_needed"
    refused = decide(books, Asked([wanted], "atomic"), moment, size).refused
    return refused[0].code if refused else why_needed(books, number, size, is_empty=True)
