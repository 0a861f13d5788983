"""Wishes about time: what it asks for, and which days are open."""

from datetime import date

from tests.core.plain.days import hash_of
from tests.core.plain.nouns import A_DAY, NEVER
from tests.core.twins.pair import Twins
from tests.core.wishes.dice import Dice
from tests.core.wishes.limits import ACT


def later(dice: Dice, twins: Twins) -> None:
    twins.later(dice.one(60, 1, 59, 3600, 40_000))


def days_later(dice: Dice, twins: Twins) -> None:
    twins.later(dice.one(1, 1, 1, 2, 2, 7) * 86_400)


def weeks_later(dice: Dice, twins: Twins) -> None:
    """As many as a week, a month, a quarter or a year needs to end."""
    twins.later(dice.one(7, 7, 14, 31, 92, 366) * 86_400)


def clock(dice: Dice, twins: Twins) -> None:
    twins.clock()


def settings(dice: Dice, twins: Twins) -> None:
    given = {}
    if dice.roll(4) == 3:
        given["cut_off"] = 1080
    if dice.one(False, True):
        given["close_after"] = dice.one(0, 60, 1440)
    if dice.one(False, True):
        given["value_days_back"] = dice.one(0, 2)
    twins.tell(line="settings", by="op", days=dice.one("command", "clock"), **given)


def open_day(dice: Dice, twins: Twins) -> None:
    told, today = twins.plain.days.calendar(), twins.plain.today
    following = max(told.opened_through, told.closed_through, today - A_DAY) + A_DAY
    day = dice.one(following, following, today, following + A_DAY, today + 34 * A_DAY)
    twins.tell(line="day_opened", by="op", date=day + dice.mostly(0, 1) * A_DAY)


def close_year(dice: Dice, twins: Twins) -> None:
    """Close all days of the year that ends next, or ended last, once it is over."""
    last = date(twins.plain.today.year - dice.one(0, 1), 12, 31)
    while twins.plain.today <= last:
        twins.later(86_400)
    told = twins.plain.days.calendar()
    unclosed = told.open if told.by_command else {*told.totals, last}
    for day in sorted(day for day in unclosed if told.closed_through < day <= last):
        close(twins, day, by="op")


def audit(dice: Dice, twins: Twins) -> None:
    """The last month of a year and its adjustments are marked, for now and for ever."""
    close_year(dice, twins)
    closed = twins.plain.days.calendar().closed_through
    if closed == NEVER:
        return
    marks = ("preliminary", "preliminary", "final", "final", "reopened", "final")
    for mark in marks[: 2 + dice.roll(5)]:
        act = {} if dice.seldom() else {"act": ACT}
        mark_it(dice, twins, closed.year, dice.one(12, 13), mark, **act)


def close(twins: Twins, day: date, *, more: int = 0, **by: str) -> None:
    """Close a day with what the model tells of it, or a row more."""
    totals = twins.plain.days.calendar().totals_of(day)
    twins.tell(
        line="day_closed",
        date=day,
        count=sum(total["count"] for total in totals) + more,
        totals=hash_of(totals),
        shown=totals[:200],
        **by,
    )


def close_day(dice: Dice, twins: Twins) -> None:
    told, today = twins.plain.days.calendar(), twins.plain.today
    likely = sorted(told.open) or sorted(d for d in told.totals if d > told.closed_through)
    day = dice.of([*likely[:1] * 4, *likely[-1:] * 2, today, today - A_DAY, today + 4 * A_DAY])
    by = {} if dice.seldom() else {"by": "op"}
    close(twins, day, more=dice.mostly(0, 1), **by)


def period(dice: Dice, twins: Twins) -> None:
    """Mostly the mark that follows, on a month that may have it."""
    told = twins.plain.days.calendar()
    day = told.closed_through if told.closed_through != NEVER else twins.plain.today
    before = date(day.year, day.month, 1) - A_DAY
    is_last = (day + A_DAY).month != day.month
    likely = (day.year, day.month) if is_last else (before.year, before.month)
    month = dice.of([likely] * 3 + list(told.marks) * 4 + [(day.year - (not is_last), 13)] * 2)
    follows = {None: "preliminary", "preliminary": "reopened", "reopened": "preliminary"}
    mark = dice.mostly(follows.get(told.marks.get(month), "final"), "final", "reopened")
    if told.marks.get(month) == "preliminary":
        mark = dice.one(mark, mark, "final")
    act = {} if dice.roll(3) == 2 else {"act": ACT}
    mark_it(dice, twins, *month, mark, **act)


def mark_it(
    dice: Dice, twins: Twins, year: int, month: int, mark: str, **facts: object
) -> None:
    """Mark a month, with what came late as the model tells it, seldom without."""
    late = twins.plain.days.calendar().late_in(year, month) if mark == "preliminary" else []
    if late and not dice.seldom():
        facts["late"] = late
    twins.tell(line="period", by="op", year=year, month=month, mark=mark, **facts)
