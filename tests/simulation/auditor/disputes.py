"""Disputes: one of a transfer at a time, each ended once."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tests.simulation.auditor.books import Books, Entry, due, line, shown
from tests.simulation.auditor.forms import must

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.refusals import Refusal


@line("dispute")
def _dispute(books: Books, entry: Entry) -> None:
    fields = entry.fields
    target = fields["target"]
    must(target <= books.transfers[-1], "a dispute about nothing", target)
    must(books.get("dispute", target) is None, "a dispute while one is open", target)
    names = ("by", "due", "reason")
    facts = {name: fields[name] for name in names if name in fields}
    facts |= {"index": entry.index, "since": fields["recorded_at"]}
    books.shelve("dispute", target, facts)


@line("dispute_overdue")
def _dispute_overdue(books: Books, entry: Entry) -> None:
    """Its day is over, and nobody said so before."""
    target, at = entry.fields["target"], entry.fields["recorded_at"]
    dispute = books.get("dispute", target)
    must(dispute and "due" in dispute, "overdue, though no day was named", target)
    must("overdue" not in dispute, "overdue a second time", target)
    must(dispute["due"] < _today(books, at), "overdue before its day was over", target)
    books.shelve("dispute", target, {**dispute, "overdue": at})


@due
def _said_in_time(books: Books, at: int) -> None:
    """The clock said of all whose day is over that it is."""
    today = _today(books, at)
    late = [
        target
        for target, dispute in books.all_now("dispute").items()
        if dispute.get("due", today) < today and "overdue" not in dispute
        if dispute["since"] <= at
    ]
    must(not late, "overdue, and nobody says so", late)


def _today(books: Books, at: int) -> str:
    """The date in the ledger's time zone."""
    zone = ZoneInfo(books.entries[0].fields["time_zone"])
    return str(datetime.fromtimestamp(at // 1_000_000, UTC).astimezone(zone).date())


@line("dispute_ended")
def _dispute_ended(books: Books, entry: Entry) -> None:
    """It was open; what made it good came after what it is about."""
    target, linked = entry.fields["target"], entry.fields.get("linked")
    dispute = books.get("dispute", target)
    is_open = dispute and dispute["index"] == entry.fields["opened"]
    must(is_open, "the end of no dispute", target)
    is_later = linked is None or target < linked <= books.transfers[-1]
    must(is_later, "made good by nothing that came after", target, linked)
    books.shelve("dispute", target, None)


@shown("dispute")
def _disputes(book: Any) -> dict[Any, Any]:
    return {
        target: {
            "by": one.by,
            "index": one.index,
            "reason": one.reason,
            "since": one.since,
            **({"due": str(one.due)} if one.due else {}),
            **({"overdue": one.overdue} if one.overdue else {}),
        }
        for target, one in book.disputes.open.items()
    }


def opened(
    books: Books, target: int, reason: str, refusal: "Refusal | None", signed: int, since: int
) -> None:
    """It was opened, or there is a reason why not.

    Args:
        since: how many leaves there were when it was asked.
    """
    books.read()
    sizes = books.sizes(since)
    match refusal and refusal.code:
        case None:
            fields = {"line": "dispute", "target": target, "reason": reason}
            must(_is_there(books, fields, signed), "no such dispute", fields)
        case "dispute_open":
            is_open = any(books.shelf.at("dispute", target, size) for size in sizes)
            must(is_open, "none was open", target)
        case code:
            is_excused = code == "target_not_found" and target > books.transfers[since]
            must(is_excused, "refused without reason", code, target)


def ended(
    books: Books,
    target: int,
    outcome: str,
    linked: int | None,
    refusal: "Refusal | None",
    signed: int,
    since: int,
) -> None:
    """It was ended, or there is a reason why not."""
    books.read()
    sizes = books.sizes(since)
    match refusal and refusal.code:
        case None:
            fields = {"line": "dispute_ended", "target": target, "outcome": outcome}
            must(_is_there(books, fields, signed), "no such end", fields)
        case "dispute_not_open":
            stood = [books.shelf.at("dispute", target, size) for size in sizes]
            must(None in stood, "it was open", target)
        case code:
            is_later = linked is None or target < linked <= books.transfers[since]
            is_excused = code == "target_not_found" and not is_later
            must(is_excused, "refused without reason", code, target)


def _is_there(books: Books, fields: dict[str, Any], signed: int) -> bool:
    return any(fields.items() <= entry.fields.items() for entry in books.entries[:signed])
