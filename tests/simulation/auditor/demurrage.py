"""Demurrage: what is in force since when, and what each account owes of it, summed anew."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.simulation.auditor.books import Books, Entry, line, needs, shown
from tests.simulation.auditor.forms import must, rule_of
from tests.simulation.auditor.told import When, changed

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.refusals import Refusal

Rule = Mapping[str, Any]
History = tuple[tuple[date, Rule | None], ...]  # What is in force since when, in order.
Due = tuple[date, Rule]  # The last day of a period that is charged, and by which rule.

A_DAY = timedelta(days=1)
MONTHS = {"month": 1, "quarter": 3, "year": 12}


@line("demurrage")
def _demurrage(books: Books, entry: Entry) -> None:
    fields = entry.fields
    code, rule, since = fields["currency"], fields.get("rule"), _day(fields["since"])
    history: History = books.get("demurrage", code) or ()
    must(books.scale(code) is not None, "demurrage of no currency", code)
    last = history[-1] if history else (since, None)
    if rule is None:
        must(last[1], "no demurrage to end", code)
    else:
        collector = books.get("collector", code)
        must(rule["n"] <= rule["d"], "more is charged than there is", rule)
        account = books.now(rule["account"])
        must(account.currency == code, "collected in another currency")
        must(account.status != "closed", "collected by a closed account", rule)
        must(collector in (None, rule["account"]), "collected by another than before", rule)
        must(last != (since, rule), "a line that changes nothing")
        books.shelve("collector", code, rule["account"])
    kept = tuple(each for each in history if each[0] < since)
    books.shelve("demurrage", code, (*kept, (since, rule)))


@needs("account_in_use")
def _collects(books: Books, number: int, size: int) -> bool:
    """As long as there is demurrage."""
    return any(
        collector == number and books.shelf.at("demurrage", code, size)[-1][1]
        for code, collector in books.shelf.all_at("collector", size).items()
    )


def _day(text: str) -> date:
    return date.fromisoformat(text)


# ---- periods


def ends(period: str, since: date, through: date) -> Iterator[date]:
    """The last days of the whole periods from a day on, and through another."""
    first = since
    while not _begins(period, first):
        first += A_DAY
    while (last := _end(period, first)) <= through:
        yield last
        first = last + A_DAY


def _begins(period: str, day: date) -> bool:
    if period == "week":
        return day.isoweekday() == 1
    return day.day == 1 and (day.month - 1) % MONTHS[period] == 0


def _end(period: str, first: date) -> date:
    if period == "week":
        return first + 6 * A_DAY
    months = first.year * 12 + first.month - 1 + MONTHS[period]
    return date(months // 12, months % 12 + 1, 1) - A_DAY


def dues_of(history: History, through: date) -> list[Due]:
    """The periods that are charged, and by which rule: that in force over all its days."""
    found = []
    begins = [*(since for since, _ in history[1:]), date.max][: len(history)]
    for (since, rule), following in zip(history, begins, strict=True):
        if rule is not None:
            last = min(through, following - A_DAY)
            found += [(end, rule) for end in ends(rule["period"], since, last)]
    return found


# ---- what is owed


def owed_at(
    books: Books, size: int, collector: int, dues: Sequence[Due], *, is_paid: bool = True
) -> dict[int, int]:
    """What accounts owe for some periods after so many leaves, less what they ever paid.

    Args:
        is_paid: whether that is taken off.
    """
    currency = books.now(collector).currency
    moves: dict[int, list[tuple[date, int]]] = {}
    paid: dict[int, int] = {}
    for leg in books.rows[: books.transfers[size]]:
        if not leg.moves or books.now(leg.debit).currency != currency:
            continue
        if leg.credit == collector:
            paid[leg.debit] = paid.get(leg.debit, 0) + leg.amount
        elif leg.debit != collector:
            moves.setdefault(leg.debit, []).append((leg.day, -leg.amount))
            moves.setdefault(leg.credit, []).append((leg.day, leg.amount))
    owed = {
        number: _charged(moves.get(number, ()), dues) - is_paid * paid.get(number, 0)
        for number in {*moves, *paid}
    }
    return {number: amount for number, amount in sorted(owed.items()) if amount > 0}


def _charged(moves: Sequence[tuple[date, int]], dues: Sequence[Due]) -> int:
    total = 0
    for end, rule in dues:
        balance = sum(amount for day, amount in moves if day <= end)
        base = max(0, balance - total - rule.get("exempt", 0))
        total += round(Fraction(base * rule["n"], rule["d"]))
    return total


# ---- what was told


@shown("demurrage")
def _histories(book: Any) -> dict[Any, Any]:
    return {
        code: tuple(
            (since, rule_of(rule, "exempt", "spread") if rule else None)
            for since, rule in history
        )
        for code, history in book.demurrages.history.items()
    }


@shown("collector")
def _collectors(book: Any) -> dict[Any, Any]:
    return dict(book.demurrages.accounts)


def charged(
    books: Books,
    code: str,
    since_day: date,
    asked: Mapping[str, Any] | None,
    refusal: "Refusal | None",
    signed: int,
    since: int,
) -> None:
    """Demurrage was set so, or ended.

    Args:
        asked: n and d, period, and the account that collects by its code; None to end it.
    """

    def rule_at(size: int) -> tuple[date, Rule | None] | None:
        history = books.shelf.at("demurrage", code, size)
        return history[-1] if history else None

    def is_so(size: int) -> bool:
        day, rule = rule_at(size) or (None, None)
        if asked is None or rule is None or day != since_day:
            return asked is None and rule is None and day == since_day
        number = books.numbers.get(asked["account"])
        names = ("n", "d", "period")
        return rule["account"] == number and all(rule[name] == asked[name] for name in names)

    def is_of_another(size: int) -> bool:
        place = books.at(books.number_at(asked["account"], size), size) if asked else None
        return place is not None and place.currency != code

    def differs(size: int) -> bool:
        collector = books.shelf.at("collector", code, size)
        return bool(asked and collector not in (None, books.numbers.get(asked["account"])))

    excuses: dict[str, When] = {
        "currency_not_found": lambda size: books.scale(code, size) is None,
        "account_not_found": lambda size: bool(
            asked and not books.number_at(asked["account"], size)
        ),
        "account_closed": lambda size: bool(
            asked and books.is_closed(books.numbers[asked["account"]], size)
        ),
        "currency_must_match_accounts": is_of_another,
        "demurrage_account_differs": differs,
        "demurrage_not_found": lambda size: not (rule_at(size) or (None, None))[1],
        "rate_above_one": lambda _: bool(asked and asked["n"] > asked["d"]),
    }
    changed(books, refusal, signed, since, is_so, excuses)
