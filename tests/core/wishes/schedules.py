"""Wishes about schedules: their rules, their dates, and attempts at them."""

from typing import Any

from tests.core.plain.nouns import A_DAY, Batch, Line
from tests.core.twins import services
from tests.core.twins.pair import Twins
from tests.core.wishes.dice import Dice

SHIFTS = ("as_is", "before", "after", "skip")


def schedule(dice: Dice, twins: Twins) -> None:
    today = twins.plain.today
    rule: dict[str, Any] = {
        "amount": dice.one(20, 100, 450),
        "at": dice.one(360, 0, 1439),
        "credit_account": dice.mostly(dice.one("shop", "cash", "ben"), "hank", "nobody"),
        "debit_account": dice.mostly(dice.one("ana", "eva", "ben"), *twins.favourites),
        "every": dice.one("day", "week", "month", "once", "year"),
        "first": today + dice.one(0, 1, -1, 2, -31, -300) * A_DAY,
        "kind": dice.one("rent", "payment"),
    }
    rule |= {"count": dice.one(2, 1)} if dice.roll(3) == 2 else {}
    rule |= {"last": today + dice.one(1, 9, -3) * A_DAY} if dice.roll(3) == 2 else {}
    rule |= {"miss_after": dice.one(1, 1440)} if dice.roll(3) == 2 else {}
    rule |= {"on_holiday": dice.of(SHIFTS)} if dice.one(False, True) else {}
    rule |= {"on_weekend": dice.of(SHIFTS)} if dice.one(False, True) else {}
    rule |= {"reference": "s-"} if dice.roll(4) == 3 else {}
    rule |= (
        {"retries": dice.one(1, 2), "retry_minutes": dice.one(1, 90)} if dice.roll(2) else {}
    )
    rule |= {"step": dice.one(2, 3)} if dice.roll(4) == 3 else {}
    rule |= {"up_to": dice.one("debit", "both")} if dice.roll(4) == 3 else {}
    given = {} if dice.roll(8) == 7 else {"schedule": rule}
    if given and dice.one(True, False):
        given["since"] = today + dice.one(0, -1, -10, 3) * A_DAY
    code = dice.one("rent", "rent", "alms")
    twins.tell(line="schedule", code=code, by="op", reason="asked", **given)


def holidays(dice: Dice, twins: Twins) -> None:
    day = twins.plain.today + dice.roll(3) * A_DAY
    dates = [day + n * A_DAY for n in range(5) if dice.one(True, False)]
    year = day.year
    if not dice.seldom():
        dates = [each for each in dates if each.year == year]
    if dice.seldom():
        dates = dates[::-1]
    twins.tell(line="holidays", year=year, dates=dates, by="op", reason="law")


def attempt(dice: Dice, twins: Twins) -> None:
    services.attempt(twins, 1 + dice.roll(4))


def occurrence(dice: Dice, twins: Twins) -> None:
    """What becomes of a date is said by somebody, mostly wrongly."""
    told = [c for c, one in twins.plain.schedules.told().items() if one.date is not None]
    outcome = dice.one("skipped", "missed", "id_used")
    if not told:
        day = twins.plain.today
        line = {"code": "rent", "schedule": 0, "date": day, "attempt": 1, "outcome": outcome}
        twins.tell(line="occurrence", **line)
        return
    code = dice.of(told)
    one = twins.plain.schedules.told()[code]
    wrong = dice.one({}, {"attempt": one.attempt + 1}, {"schedule": 0})
    services.say_occurrence(twins, code, outcome, **wrong)


def spoil(dice: Dice, twins: Twins) -> None:
    """Somebody else spends the id of an attempt."""
    for code, one in twins.plain.schedules.told().items():
        batch_id = twins.plain.schedules.id_of(code, one)
        spent = [line for line in twins.plain.journal if line.get("batch") == batch_id]
        if batch_id is not None and not spent:
            twins.post(Batch([Line("ana", "shop", 10**9)], key="teller"), batch_id)
            return
