"""Dates of a schedule: examples, the edges of calendars and clocks, and a model day by day."""

from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.dates import LAST_DATE, date_of, moment_of, number_from, shifted
from ledger.core.days import last_day
from ledger.core.rule_leaves import Schedule

A_DAY = timedelta(days=1)
DAYS = st.dates(date(1999, 1, 1), date(2030, 12, 31))


def rule(first: date, every: str = "month", **more: object) -> Schedule:
    return Schedule(
        amount=1,
        at=360,
        credit_account=1,
        debit_account=2,
        kind="rent",
        first=first,
        every=every,  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


def dates(of: Schedule, most: int = 400) -> list[date]:
    found = (date_of(of, number) for number in range(most))
    return [day for day in takewhile(lambda day: day is not None, found) if day is not None]


# ---- which days


def test_once_is_once() -> None:
    assert dates(rule(date(2026, 12, 1), "once")) == [date(2026, 12, 1)]


def test_the_31st_is_the_last_of_shorter_months() -> None:
    assert [str(day) for day in dates(rule(date(2023, 12, 31), count=6))] == [
        "2023-12-31",
        "2024-01-31",
        "2024-02-29",
        "2024-03-31",
        "2024-04-30",
        "2024-05-31",
    ]


def test_the_29th_of_february_comes_back_in_leap_years() -> None:
    assert [str(day) for day in dates(rule(date(2096, 2, 29), "year", count=9))] == [
        "2096-02-29",
        "2097-02-28",
        "2098-02-28",
        "2099-02-28",
        "2100-02-28",  # Which is none.
        "2101-02-28",
        "2102-02-28",
        "2103-02-28",
        "2104-02-29",
    ]


def test_every_second_month_by_its_step() -> None:
    found = dates(rule(date(2026, 11, 30), step=3, last=date(2027, 8, 30)))
    assert [(day.month, day.day) for day in found] == [(11, 30), (2, 28), (5, 30), (8, 30)]


@pytest.mark.parametrize(("every", "days"), [("day", 1), ("week", 7)])
def test_days_and_weeks_by_their_steps(every: str, days: int) -> None:
    found = dates(rule(date(2026, 2, 27), every, step=2, count=3))
    assert [(day - found[0]).days for day in found] == [0, 2 * days, 4 * days]


@pytest.mark.parametrize("every", ["once", "day", "week", "month", "year"])
def test_the_last_day_is_one_of_them(every: str) -> None:
    first = date(2026, 5, 15)
    last = {"once": 0, "day": 1, "week": 7, "month": 31, "year": 365}[every]
    whole = rule(first, every, last=first + last * A_DAY)
    assert dates(whole)[-1] == whole.last
    before = rule(first, every, last=first + last * A_DAY - A_DAY)
    assert len(dates(before)) == len(dates(whole)) - 1


@pytest.mark.parametrize("every", ["once", "day", "week", "month", "year"])
def test_all_rules_end_with_time(every: str) -> None:
    assert date_of(rule(LAST_DATE, every), 0) == LAST_DATE
    assert date_of(rule(LAST_DATE + A_DAY, every), 0) is None
    assert date_of(rule(date(2026, 1, 1), every, step=1000), 10**8) is None


def is_named(of: Schedule, day: date) -> bool:
    """The same by looking at the day alone."""
    first, apart = of.first, (day - of.first).days
    months = 12 * (day.year - first.year) + day.month - first.month
    is_the_day = day.day == first.day or (
        day.day < first.day and (day + A_DAY).month != day.month
    )
    match of.every:
        case "once":
            return apart == 0
        case "day":
            return apart % of.step == 0
        case "week":
            return apart % (7 * of.step) == 0
        case "month":
            return is_the_day and months % of.step == 0
    return is_the_day and months % (12 * of.step) == 0


RULES = st.builds(
    rule,
    DAYS | st.sampled_from([date(2024, 2, 29), date(2023, 12, 31), date(2023, 1, 30)]),
    st.sampled_from(["once", "day", "week", "month", "year"]),
    step=st.integers(1, 7),
    count=st.integers(1, 30),
)


@given(RULES, st.integers(0, 3000))
def test_as_day_by_day(of: Schedule, ahead: int) -> None:
    """The rule names just those days, and finds its place from any of them."""
    days = [of.first + i * A_DAY for i in range(ahead + 1)]
    named = [day for day in days if is_named(of, day)][: int(of.count)]  # type: ignore[call-overload]
    assert [day for day in dates(of) if day <= days[-1]] == named
    number = number_from(of, days[-1])
    assert number == sum(is_named(of, day) for day in days[:-1])
    assert [number_from(of, day) for day in named] == list(range(len(named)))


# ---- where they move to

WEEKEND = date(2026, 11, 21)  # A Saturday.


@pytest.mark.parametrize(
    ("on_weekend", "moved"),
    [
        ("as_is", date(2026, 11, 21)),
        ("before", date(2026, 11, 20)),
        ("after", date(2026, 11, 23)),
        ("skip", None),
    ],
)
def test_a_weekend(on_weekend: str, moved: date | None) -> None:
    of = rule(WEEKEND, on_weekend=on_weekend)
    assert shifted(of, WEEKEND, lambda _: False) == moved
    assert shifted(of, date(2026, 11, 20), lambda _: False) == date(2026, 11, 20)


def test_a_holiday_decides_before_the_weekend() -> None:
    of = rule(WEEKEND, on_holiday="before", on_weekend="after")
    assert shifted(of, WEEKEND, {WEEKEND}.__contains__) == date(2026, 11, 20)
    assert shifted(of, WEEKEND, lambda _: False) == date(2026, 11, 23)
    kept = rule(WEEKEND, on_weekend="after")  # That it is a holiday besides changes nothing.
    assert shifted(kept, WEEKEND, {WEEKEND}.__contains__) == date(2026, 11, 23)


def test_a_moved_date_meets_no_day_that_a_rule_minds() -> None:
    """Friday is a holiday, then comes the weekend, and Monday is one too."""
    friday, monday = date(2026, 11, 20), date(2026, 11, 23)
    for on_weekend in ("before", "after", "skip"):
        of = rule(friday, on_holiday="after", on_weekend=on_weekend)
        assert shifted(of, friday, {friday, monday}.__contains__) == date(2026, 11, 24)
    as_is = rule(friday, on_holiday="after")
    assert shifted(as_is, friday, {friday, monday}.__contains__) == date(2026, 11, 21)


def test_where_all_days_are_holidays_it_stays() -> None:
    of = rule(WEEKEND, on_holiday="after")
    assert shifted(of, WEEKEND, lambda _: True) == WEEKEND
    month = {WEEKEND + i * A_DAY for i in range(31)}
    assert shifted(of, WEEKEND, month.__contains__) == WEEKEND + 31 * A_DAY


# ---- when that is


@pytest.mark.parametrize(
    ("zone", "day", "minute", "moment"),
    [
        ("America/Mexico_City", "2026-11-22", 360, "2026-11-22T12:00:00"),
        ("America/Mexico_City", "2026-11-22", 1439, "2026-11-23T05:59:00"),
        # A day of 23 hours: two o'clock becomes three.
        ("Europe/Madrid", "2026-03-29", 119, "2026-03-29T00:59:00"),
        ("Europe/Madrid", "2026-03-29", 120, "2026-03-29T01:00:00"),
        ("Europe/Madrid", "2026-03-29", 150, "2026-03-29T01:00:00"),
        ("Europe/Madrid", "2026-03-29", 179, "2026-03-29T01:00:00"),
        ("Europe/Madrid", "2026-03-29", 180, "2026-03-29T01:00:00"),
        # A day of 25 hours: half past two comes twice.
        ("Europe/Madrid", "2026-10-25", 150, "2026-10-25T00:30:00"),
        ("Europe/Madrid", "2026-10-25", 180, "2026-10-25T02:00:00"),
        # The day begins at one o'clock,
        ("America/Santiago", "2026-09-06", 0, "2026-09-06T04:00:00"),
        ("America/Santiago", "2026-09-06", 59, "2026-09-06T04:00:00"),
        ("America/Santiago", "2026-09-06", 60, "2026-09-06T04:00:00"),
        # and its last hour comes twice.
        ("America/Santiago", "2026-04-04", 1410, "2026-04-05T02:30:00"),
        ("America/Santiago", "2026-04-05", 0, "2026-04-05T04:00:00"),
        # A day that was left out.
        ("Pacific/Apia", "2011-12-30", 720, "2011-12-30T10:00:00"),
    ],
)
def test_moments(zone: str, day: str, minute: int, moment: str) -> None:
    found = moment_of(date.fromisoformat(day), minute, ZoneInfo(zone))
    assert datetime.fromtimestamp(found / 1e6, UTC).isoformat()[:19] == moment


@given(
    st.sampled_from(["Europe/Madrid", "America/Santiago", "America/Havana", "Asia/Kolkata"]),
    DAYS,
    st.integers(0, 1439),
)
def test_a_moment_is_the_first_that_shows_its_minute_or_a_later_one(
    zone: str, day: date, minute: int
) -> None:
    tz, found = ZoneInfo(zone), moment_of(day, minute, ZoneInfo(zone))
    asked = day.isoformat(), minute

    def shows(moment: int) -> tuple[str, int]:
        local = datetime.fromtimestamp(moment // 1_000_000, UTC).astimezone(tz)
        return local.date().isoformat(), 60 * local.hour + local.minute

    assert shows(found) >= asked
    assert shows(found - 1_000_000) < asked


def test_the_last_day_of_a_month() -> None:
    assert last_day(2024, 2) == date(2024, 2, 29)
