"""Runs of demurrage and fees: each account pays what it owes of a period, and pays it once.

A run reads the rule, what is owed, and who can pay, one after the other; what others do in
between it may or may not know of, but not less than the run before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import combinations_with_replacement, product
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from tests.simulation.auditor.asked import asked_of, minor_of
from tests.simulation.auditor.books import Books, Entry, always
from tests.simulation.auditor.demurrage import dues_of, ends, owed_at
from tests.simulation.auditor.forms import must
from tests.simulation.auditor.lines import keys_of
from tests.simulation.auditor.proposals import asked_for
from tests.simulation.auditor.state import AMOUNT_MAX
from tests.simulation.auditor.told import When, changed, perhaps

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.answered import RunReport
    from ledger.core.refusals import Refusal

SOURCES = ("demurrage", "fee")  # Of the batches of runs, which nobody else has.
ATTEMPTS_MAX = 40  # At one part in one history.
AROUND_MAX = 30  # Leaves that others may write while a run is on its way.

Asked = list[tuple[int, int]]  # Accounts and amounts that a batch asks for.


@dataclass(frozen=True)
class Run:
    """A run, and which of its batches this is."""

    kind: str
    code: str  # Of the currency, or of the fee.
    end: date
    stage: str = "charge"
    attempt: int = 0

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.code}/{self.end}"


def is_asked(books: Books, kind: str, code: str, end: date) -> None:
    """Somebody is about to ask for a run; from now on there may be batches of it."""
    stages = ("charge", "spread") if kind == "demurrage" else ("charge",)
    for stage, attempt in product(stages, range(ATTEMPTS_MAX)):
        run = Run(kind, code, end, stage, attempt)
        books.runs[_id(books, run.name, stage, 0, attempt)] = run


def _id(books: Books, *what: str | int) -> UUID:
    return uuid5(uuid5(NAMESPACE_URL, books.origin), "/".join(map(str, what)))


# ---- the batches


@always
def _is_owed(books: Books, entry: Entry) -> None:
    """A run asks of accounts just what they owe, or gives them just their share."""
    if entry.fields["line"] not in ("batch", "refused"):
        return
    batch = UUID(entry.fields["batch"])
    run: Run | None = books.runs.get(batch)
    must(run is not None or entry.source not in SOURCES, "a run that nobody asked for", batch)
    if run is None:
        return
    books.own.add(batch)
    before = {books.runs[one].attempt: other for one, other in _batches(books, run)}
    must(before.keys() == set(range(run.attempt + 1)), "an attempt before its turn", run)
    if (run.kind, run.stage) != ("fee", "charge"):
        was_posted = any(one.legs for one in before.values() if one.index < entry.index)
        must(not was_posted, "asked for once more, though it was posted", run)
    if entry.fields["line"] == "refused":
        return
    makes = {"demurrage": _demurrage, "fee": _fee}
    make = _spread if run.stage == "spread" else makes[run.kind]
    found = [(one["debit_account"], one["amount"]) for one in entry.asked]
    if run.stage == "spread":
        found = [(one["credit_account"], one["amount"]) for one in entry.asked]
    index = entry.fields.get("proposed", entry.index)  # Where it waited, it was asked then.
    is_possible = any(found == asked for asked in make(books, run, index))
    must(is_possible, "a run that asks for what is not owed", run, found)
    if run.stage == "charge":
        _check_once(books, run)


def _batches(books: Books, run: Run) -> list[tuple[UUID, Entry]]:
    """The batches of the same stage of the same run."""
    same = (run.name, run.stage)
    return [
        (one, books.entries[books.spent[one]])
        for one, other in books.runs.items()
        if (other.name, other.stage) == same and one in books.spent
    ]


def _sizes(books: Books, run: Run, index: int) -> range:
    """When a run may have read what it read: after the batch of a run before it."""
    others = [
        at
        for batch, at in books.spent.items()
        if at < index and batch in books.runs and books.runs[batch].kind == run.kind
    ]
    return range(max(index - AROUND_MAX, 1, *(at + 1 for at in others)), index + 1)


def _waiting(books: Books, run: Run, index: int) -> list[dict[int, int]]:
    """What waits of other runs of the same demurrage, by who pays: as it may have been seen."""
    found: list[dict[int, int]] = []
    for size in reversed(_sizes(books, run, index)):
        waits: dict[int, int] = {}
        for batch, proposal in books.shelf.all_at("proposal", size).items():
            other = books.runs.get(batch)
            if other is None or (other.kind, other.code) != (run.kind, run.code):
                continue
            asked = asked_for(books, proposal.fields, proposal.index)
            for one in asked_of(books, asked, proposal.index).wanted:
                waits[one.debit] = waits.get(one.debit, 0) + one.amount
        if waits not in found:
            found.append(waits)
    return found


def _demurrage(books: Books, run: Run, index: int) -> Iterator[Asked]:
    sizes, waiting = _sizes(books, run, index), _waiting(books, run, index)
    seen_by = product(waiting, combinations_with_replacement(reversed(sizes), 3))
    for waits, (who, what, rule) in seen_by:  # The rule was read first.
        history = books.shelf.at("demurrage", run.code, rule)
        collector = books.shelf.at("collector", run.code, rule)
        dues = dues_of(history or (), run.end)
        if dues and dues[-1][0] == run.end:
            owed = owed_at(books, what, collector, dues)
            due = {n: owed[n] - waits.get(n, 0) for n in owed}
            owing = [n for n in due if due[n] > 0 and _may_pay(books, n, who)]
            yield [(n, min(due[n], AMOUNT_MAX)) for n in owing]


def _fee(books: Books, run: Run, index: int) -> Iterator[Asked]:
    sizes = _sizes(books, run, index)
    for who, rule in combinations_with_replacement(reversed(sizes), 2):
        fee = books.shelf.at("fee", run.code, rule)
        if fee is not None and run.end in ends(fee["period"], _since(fee), run.end):
            paid = _paid(books, run, index)
            owed = {n: fee["amount"] - paid.get(n, 0) for n in _payers(books, fee, who)}
            yield [(n, owed[n]) for n in owed if owed[n] > 0 and _may_pay(books, n, who)]


def _since(fee: dict[str, Any]) -> date:
    return date.fromisoformat(fee["since"])


def _payers(books: Books, fee: dict[str, Any], size: int) -> list[int]:
    places = [books.at(number, size) for number in sorted(books.places)]
    return [
        place.number
        for place in places
        if place is not None
        and (place.currency, place.status != "closed") == (fee["currency"], True)
        and place.kind in fee["kinds"]
        and place.number != fee["treasury"]
    ]


def _paid(books: Books, run: Run, index: int) -> dict[int, int]:
    """What accounts paid in a run before a leaf."""
    paid: dict[int, int] = {}
    for _, entry in _batches(books, run):
        for leg in entry.legs:
            if entry.index < index and not leg.is_levy:
                paid[leg.debit] = paid.get(leg.debit, 0) + leg.amount
    return paid


def _may_pay(books: Books, number: int, size: int) -> bool:
    place = books.at(number, size)
    if place is None or not place.may_pay:
        return False
    return place.floor is None or place.balance > place.floor


def _spread(books: Books, run: Run, index: int) -> Iterator[Asked]:
    """What was collected, divided over the members; the first have what is left over."""
    charge = Run(run.kind, run.code, run.end)
    held_up = [
        one
        for batch in books.shelf.all_at("proposal", index)
        if (one := books.runs.get(batch)) and (one.name, one.stage) == (run.name, "charge")
    ]
    must(not held_up, "spread, though some of the charges wait", run, held_up)
    collected = sum(_paid(books, charge, index).values())
    for size in reversed(range(1, index + 1)):
        collector = books.shelf.at("collector", run.code, size)
        places = [books.at(number, size) for number in sorted(books.places)]
        members = [
            place.number
            for place in places
            if place is not None
            and (place.kind, place.currency, place.status) == ("member", run.code, "open")
            and place.number != collector
        ]
        if members:
            share, more = divmod(collected, len(members))
            gifts = [(n, share + (i < more)) for i, n in enumerate(members)]
            yield [gift for gift in gifts if gift[1]]


def _check_once(books: Books, run: Run) -> None:
    """However often runs are repeated, nobody paid more than it ever came to."""
    size = len(books.entries)
    if run.kind == "fee":
        fees = [fee for _, fee in books.shelf.stood("fee", run.code) if fee]
        most = max(fee["amount"] for fee in fees)
        for number, amount in _paid(books, run, size).items():
            must(amount <= most, "a fee that was paid twice", run, number, amount)
        return
    paid: dict[int, int] = {}
    known = {other.end for other in books.runs.values() if other.code == run.code}
    for end in known:
        for number, amount in _paid(books, Run(run.kind, run.code, end), size).items():
            paid[number] = paid.get(number, 0) + amount
    through = max(known)
    ever = [_charged_at(books, run.code, before, through) for before in range(1, size + 1)]
    for number, amount in paid.items():
        most = max(one.get(number, 0) for one in ever)
        must(amount <= most, "more was charged than it ever came to", run, number, amount)


def _charged_at(books: Books, code: str, size: int, through: date) -> dict[int, int]:
    """All that accounts were charged up to a day, after so many leaves."""
    collector = books.shelf.at("collector", code, size)
    dues = dues_of(books.shelf.at("demurrage", code, size) or (), through)
    return owed_at(books, size, collector, dues, is_paid=False) if collector else {}


# ---- what was told


def ran(
    books: Books,
    run: Run,
    told: "RunReport | Refusal",
    signed: int,
    since: int,
    *,
    dry_run: bool,
) -> None:
    """A run came to what its batches say, or there is a reason why there was none."""
    code = run.code

    def has_period(size: int) -> bool:
        if run.kind == "demurrage":
            dues = dues_of(books.shelf.at("demurrage", code, size) or (), run.end)
            return bool(dues and dues[-1][0] == run.end)
        fee = books.shelf.at("fee", code, size)
        return bool(fee and run.end in ends(fee["period"], _since(fee), run.end))

    def status(size: int) -> str:
        collector = books.shelf.at("collector", code, size)
        if run.kind == "fee":
            collector = (books.shelf.at("fee", code, size) or {}).get("treasury")
        place = collector and books.at(collector, size)
        return place.status if place else ""

    excuses: dict[str, When] = {
        "currency_not_found": lambda size: books.scale(code, size) is None,
        "demurrage_not_found": lambda size: not books.shelf.at("collector", code, size),
        "fee_not_found": lambda size: not books.shelf.at("fee", code, size),
        "no_such_period": lambda size: not has_period(size),
        "period_not_over": perhaps,  # As a clock has it.
        "period_not_begun": perhaps,
        "credit_account_closed": lambda size: status(size) == "closed",
        "credit_account_frozen": lambda size: status(size) in ("frozen", "frozen_credits"),
        "debit_account_frozen": lambda size: status(size) == "frozen_debits",
        "no_day_open": lambda size: books.calendar(size).is_by_command,
        "signature_missing": lambda size: bool(keys_of(books, "operator", size)),
    }
    if not hasattr(told, "collected"):
        changed(books, told, signed, since, perhaps, excuses)
        return
    books.read()
    must(told.run == run.name, "the report of another run", told)
    if dry_run:
        return
    for stage, text in (("charge", told.collected), ("spread", told.given)):
        found = _come_to(books, Run(run.kind, code, run.end, stage), told.currency, since)
        shown = minor_of(books, text, told.currency)
        must(shown in found, "another sum of a run than its batches come to", told, found)
    if run.kind == "demurrage":
        _check_whole(books, run, told, since)


def _come_to(books: Books, run: Run, currency: str, since: int) -> set[int]:
    """What the batches of a stage came to, after as many leaves as may be known."""
    return {
        sum(
            leg.amount
            for _, entry in _batches(books, run)
            for leg in entry.legs
            if entry.index < size
            and not leg.is_levy
            and books.now(leg.debit).currency == currency
        )
        for size in range(since, len(books.entries) + 1)
    }


def _check_whole(books: Books, run: Run, told: "RunReport", since: int) -> None:
    """Where nobody else wrote meanwhile, all that was owed was collected or is told."""
    own = {batch for batch, other in books.runs.items() if other.name == run.name}
    others = [
        entry
        for entry in books.entries[since:]
        if entry.fields["line"] not in ("batch", "refused", "proposed")
        or UUID(entry.fields["batch"]) not in own
    ]
    if not since or others:
        return
    collector = books.shelf.at("collector", run.code, since)
    dues = dues_of(books.shelf.at("demurrage", run.code, since), run.end)
    owed = sum(owed_at(books, since, collector, dues).values())
    waits = [one.amount for one in told.waiting if one.part.startswith("charge")]
    parts = [told.collected_now, told.unpaid, *waits]
    found = sum(minor_of(books, text, told.currency) for text in parts)
    must(owed == found, "owed is not what was collected and what was not", told, owed)
