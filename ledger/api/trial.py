"""The trial balance: opening balances, debits, credits and closing balances of a period."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Final, Literal

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType, field

from ledger.api.answers.base import show_time
from ledger.api.answers.books import TrialBalance, TrialLine, TrialTotals
from ledger.api.days import PeriodText, dates_of, months_of
from ledger.api.problems import Problem
from ledger.api.queries import PAGE_MAX, Limit
from ledger.api.service import Call, answer
from ledger.core.amounts import show_amount
from ledger.core.book import Book
from ledger.core.days import ADJUSTMENTS
from ledger.core.door import micros_of
from ledger.core.model import AccountCode, Nature
from ledger.core.ports import Movement

Moment = Annotated[datetime, Meta(tz=True)]
AT_ONCE: Final = 5_000  # Accounts added up before others get their turn.


class TrialQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Business dates, both included, or a `period`; a line for each account or for each kind.

    Adjustments to a year are a period of their own, its month 13. They are not in what ends
    with its last day, unless `adjustments` asks for them, and are in all that ends later.
    With `as_known_on` only what was recorded until that moment counts.
    """

    first: date | UnsetType = field(name="from", default=UNSET)
    last: date | UnsetType = field(name="to", default=UNSET)
    period: PeriodText | UnsetType = UNSET
    adjustments: bool = False
    as_known_on: Moment | UnsetType = UNSET
    by: Literal["account", "kind"] = "account"
    after: AccountCode | UnsetType = UNSET
    limit: Limit = PAGE_MAX


Group = tuple[str, Nature, str]  # Currency, nature and kind.


class Sums:
    """A period added up, in minor units, for each kind of account.

    Credits minus debits before it, debits and credits in it, and what stood on the credit side
    before and after: of those accounts that had a balance there.
    """

    def __init__(self) -> None:
        self.of_group: dict[Group, list[int]] = {}

    def add(self, group: Group, moved: Movement) -> None:
        """Add one account's movement to its kind."""
        sums = self.of_group.get(group)
        if sums is None:
            sums = self.of_group[group] = [0] * 5
        opening = moved.opening
        closing = opening - moved.debits + moved.credits
        sums[0] += opening
        sums[1] += moved.debits
        sums[2] += moved.credits
        if opening > 0:
            sums[3] += opening
        if closing > 0:
            sums[4] += closing

    def of_currencies(self) -> dict[str, list[int]]:
        """Debit side and credit side before; debits and credits; and both sides after."""
        found: dict[str, list[int]] = {}
        for (currency, _, _), (opening, debits, credits_, before, after) in sorted(
            self.of_group.items()
        ):
            totals = found.setdefault(currency, [0] * 6)
            closing = opening - debits + credits_
            # What is not on the credit side of the balances' sum is on the other.
            parts = before - opening, before, debits, credits_, after - closing, after
            for place, amount in enumerate(parts):
                totals[place] += amount
        return found


async def get_trial_balance(call: Call) -> web.Response:
    """The trial balance of a period. Accounts that never moved are not in it."""
    query = call.query(TrialQuery)
    first, last, is_13th = _dates(query)
    with_adjustments = query.adjustments or is_13th
    ledger_id = await call.service.ledger_id(call.ledger)
    movements = await call.reads.movements(
        ledger_id,
        first,
        last,
        begins_adjusting=is_13th,
        ends_adjusting=with_adjustments,
        until=await known(call, ledger_id, query.as_known_on),
    )
    movements.sort(key=lambda movement: movement.account)
    book = call.desk.facts(call.ledger)
    sums = await _sums(book, movements)
    lines, following = (
        (_by_kind(book, sums), UNSET)
        if query.by == "kind"
        else _by_account(book, movements, query)
    )
    trial = TrialBalance(
        first_date=first,
        last_date=last,
        lines=lines,
        totals=_totals(book, sums),
        period=query.period,
        adjustments=with_adjustments,
        as_known_on=show_moment(query.as_known_on),
        next=following,
    )
    return answer(trial)


def _dates(query: TrialQuery) -> tuple[date, date, bool]:
    """First and last date, and whether it is a thirteenth month."""
    if query.period is not UNSET:
        if not query.first is query.last is UNSET:
            raise Problem("malformed_request", field="period", reason="or from and to")
        year, month = months_of(query.period)
        return *dates_of(year, month), month == ADJUSTMENTS
    if query.first is UNSET or query.last is UNSET:
        missing = "from" if query.first is UNSET else "to"
        raise Problem("malformed_request", field=missing, reason="from and to, or period")
    if query.first > query.last:
        raise Problem("malformed_request", field="from", reason="from is after to")
    return query.first, query.last, False


async def known(call: Call, ledger_id: int, moment: datetime | UnsetType) -> int | None:
    """The last sequence that was recorded at a moment; None where none was asked for."""
    if moment is UNSET:
        return None
    return await call.reads.known_at(ledger_id, micros_of(moment))


def show_moment(moment: datetime | UnsetType) -> str | UnsetType:
    """A moment that was asked for, in UTC."""
    return UNSET if moment is UNSET else show_time(micros_of(moment))


async def _sums(book: Book, movements: Sequence[Movement]) -> Sums:
    sums = Sums()
    for start in range(0, len(movements), AT_ONCE):
        for moved in movements[start : start + AT_ONCE]:
            sums.add(book.group_of(moved.account), moved)
        await asyncio.sleep(0)
    return sums


def _by_kind(book: Book, sums: Sums) -> list[TrialLine]:
    lines: list[TrialLine] = []
    for group in sorted(sums.of_group):
        opening, debits, credits_ = sums.of_group[group][:3]
        lines.append(_line(book, group, opening, debits, credits_))
    return lines


def _by_account(
    book: Book, movements: Sequence[Movement], query: TrialQuery
) -> tuple[list[TrialLine], str | UnsetType]:
    after = 0 if query.after is UNSET else book.numbers.get(query.after)
    if after is None:
        raise Problem("malformed_request", field="after", reason="no such account")
    rest = [moved for moved in movements if moved.account > after]
    page = rest[: query.limit]
    lines: list[TrialLine] = []
    for moved in page:
        group, code = book.group_of(moved.account), book.codes[moved.account]
        sums = moved.opening, moved.debits, moved.credits
        lines.append(_line(book, group, *sums, account=code))
    more = len(rest) > len(page)
    return lines, book.codes[page[-1].account] if more else UNSET


def _line(
    book: Book,
    group: Group,
    opening: int,
    debits: int,
    credits_: int,
    account: str | UnsetType = UNSET,
) -> TrialLine:
    currency, nature, kind = group
    scale = book.currencies[currency].scale
    sign = 1 if nature is Nature.CREDIT else -1
    return TrialLine(
        currency=currency,
        nature=nature,
        kind=kind,
        account=account,
        opening_balance=show_amount(sign * opening, scale),
        debits=show_amount(debits, scale),
        credits=show_amount(credits_, scale),
        closing_balance=show_amount(sign * (opening - debits + credits_), scale),
    )


def _totals(book: Book, sums: Sums) -> list[TrialTotals]:
    found: list[TrialTotals] = []
    for currency, totals in sums.of_currencies().items():
        texts = [show_amount(total, book.currencies[currency].scale) for total in totals]
        found.append(
            TrialTotals(
                currency=currency,
                opening_debit=texts[0],
                opening_credit=texts[1],
                debits=texts[2],
                credits=texts[3],
                closing_debit=texts[4],
                closing_credit=texts[5],
                balanced=totals[0] == totals[1]
                and totals[2] == totals[3]
                and totals[4] == totals[5],
            )
        )
    return found
