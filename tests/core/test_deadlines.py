"""When days are closed by the clock: to the microsecond, days of 23 and 25 hours too."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec import UNSET, UnsetType

from ledger.core.book import Book, Posted
from ledger.core.deadlines import end_of, lines_due, next_closing, next_deadline
from ledger.core.leaves import (
    DayClosed,
    DayOpened,
    DisputeOpened,
    DisputeOverdue,
    SettingsChanged,
)
from ledger.core.model import DaysBy
from ledger.sequencer.clock import business_day
from tests.core.books import NOW, TODAY, add, batch, opened, pay, post

DAY = timedelta(days=1)
DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
MEXICO = ZoneInfo("America/Mexico_City")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(*when: int, zone: str, fold: int = 0) -> int:
    local = datetime(*when, tzinfo=ZoneInfo(zone), fold=fold)  # type: ignore[misc, arg-type]
    return int(local.timestamp()) * 1_000_000


@pytest.fixture
def book() -> Book:
    book = opened()
    add(book, "cash", None, None)
    add(book, "ana", 0, None)
    return book


def keep(
    book: Book,
    close_after: int | UnsetType = UNSET,
    cut_off: int | UnsetType = UNSET,
    days: DaysBy = DaysBy.CLOCK,
) -> None:
    line = SettingsChanged(
        recorded_at=book.recorded_at,
        by="x",
        days=days,
        cut_off=cut_off,
        close_after=close_after,
    )
    assert book.refuse(line) is None
    book.apply(line)


def closings(book: Book, zone: ZoneInfo, now: int) -> list[tuple[date, int]]:
    """What the clock closes by now, as a writer records it: days and how many rows."""
    found = []
    while line := next(iter(lines_due(book, zone, now)), None):
        assert isinstance(line, DayClosed)
        assert line.by is UNSET
        assert book.refuse(line) is None
        book.apply(line)
        found.append((line.date, line.count))
    return found


@pytest.mark.parametrize(
    ("zone", "cut_off", "day", "ends", "hours"),
    [
        # The day's last moment by a wall clock, and how long it was.
        ("America/Mexico_City", UNSET, date(2023, 11, 14), (2023, 11, 15, 0, 0), 24),
        ("America/Mexico_City", 990, date(2023, 11, 14), (2023, 11, 14, 16, 30), 24),
        ("Europe/Madrid", UNSET, date(2025, 3, 30), (2025, 3, 31, 0, 0), 23),
        ("Europe/Madrid", UNSET, date(2025, 10, 26), (2025, 10, 27, 0, 0), 25),
        ("Europe/Madrid", 150, date(2025, 3, 30), (2025, 3, 30, 3, 0), 23.5),
        ("Europe/Madrid", 150, date(2025, 10, 26), (2025, 10, 26, 2, 30), 24),
        ("Europe/Madrid", 150, date(2025, 10, 27), (2025, 10, 27, 2, 30), 25),
        # Midnight is left out, or follows on an hour that came twice.
        ("America/Santiago", UNSET, date(2025, 9, 6), (2025, 9, 7, 1, 0), 24),
        ("America/Santiago", UNSET, date(2025, 4, 5), (2025, 4, 6, 0, 0), 25),
        ("America/Havana", UNSET, date(2025, 3, 8), (2025, 3, 9, 1, 0), 24),
        ("America/Havana", 30, date(2025, 11, 2), (2025, 11, 2, 0, 30), 24),
        ("America/Mexico_City", UNSET, date(2024, 2, 29), (2024, 3, 1, 0, 0), 24),
    ],
)
def test_the_clock_closes_so_long_after_the_day(
    book: Book, zone: str, cut_off: int, day: date, ends: tuple[int, ...], hours: float
) -> None:
    keep(book, 90, cut_off)
    end = micros(*ends, zone=zone)
    assert end_of(day, book.days, ZoneInfo(zone)) == end
    assert end - end_of(day - DAY, book.days, ZoneInfo(zone)) == hours * HOUR_US
    book.apply(book.days.closing(day - DAY, max(NOW, end - 30 * HOUR_US), "x"))
    closes = end + 90 * 60_000_000
    closing = next_closing(book.days, ZoneInfo(zone), end)
    assert closing is not None
    assert (closing.day, closing.at) == (day, closes)
    assert closings(book, ZoneInfo(zone), closes - 1) == []
    assert next_deadline(book, ZoneInfo(zone), closes - 1) == closes
    assert closings(book, ZoneInfo(zone), closes) == [(day, 0)]
    assert book.days.closed_through == day


@pytest.mark.parametrize("after", [0, 1, 90, 1_439, 1_440, 3_000, 10_080])
def test_it_agrees_with_the_day_of_the_clock(book: Book, after: int) -> None:
    """Through the changes of a year: what is closed is what was over so long ago."""
    for name in ("America/Santiago", "Europe/Madrid", "America/Havana", "Pacific/Kiritimati"):
        zone = ZoneInfo(name)
        for cut_off in (UNSET, 15, 150, 1_425):
            book = opened()
            keep(book, after, cut_off)
            moment = datetime(2025, 3, 1, tzinfo=UTC)
            while moment < datetime(2025, 4, 15, tzinfo=UTC):
                now = (moment - EPOCH) // timedelta(microseconds=1)
                closings(book, zone, now)
                was = moment - timedelta(minutes=after)
                assert book.days.closed_through == business_day(was, zone, cut_off) - DAY
                moment += timedelta(hours=5, minutes=15)


def test_several_days_are_closed_in_order_with_what_they_came_to(book: Book) -> None:
    """After a stop of ten days: those on which something was posted, and the last."""
    keep(book, 2_880)  # Two days, for a late branch.
    for back, amount in ((0, "1.00"), (1, "2.00"), (3, "4.00"), (1, "8.00")):
        one = batch(pay("cash", "ana", amount, business_date=TODAY - back * DAY))
        assert isinstance(post(book, one), Posted)
    now = NOW + 10 * DAY_US
    deadline = next_deadline(book, MEXICO, now)
    assert deadline == micros(2023, 11, 14, 0, 0, zone="America/Mexico_City")
    assert closings(book, MEXICO, now) == [
        (TODAY - 3 * DAY, 1),
        (TODAY - DAY, 2),
        (TODAY, 1),
        (TODAY + 7 * DAY, 0),
    ]
    assert closings(book, MEXICO, now) == []
    assert next_deadline(book, MEXICO, now) == micros(
        2023, 11, 25, 0, 0, zone="America/Mexico_City"
    )


def test_days_by_command_are_closed_by_the_clock_where_it_is_asked(book: Book) -> None:
    keep(book, 60, days=DaysBy.COMMAND)
    assert next_deadline(book, MEXICO, NOW) is None
    for day in (TODAY, TODAY + DAY, TODAY + 5 * DAY):
        book.apply(DayOpened(recorded_at=NOW, date=day, by="x"))
    now = micros(2023, 11, 16, 1, 0, zone="America/Mexico_City")
    assert closings(book, MEXICO, now - 1) == [(TODAY, 0)]
    assert closings(book, MEXICO, now) == [(TODAY + DAY, 0)]
    assert book.days.open == {TODAY + 5 * DAY}
    assert closings(book, MEXICO, NOW + 30 * DAY_US) == [(TODAY + 5 * DAY, 0)]
    assert next_deadline(book, MEXICO, NOW + 30 * DAY_US) is None


def test_a_day_that_was_closed_ahead_is_left_alone(book: Book) -> None:
    keep(book, 0)
    book.apply(book.days.closing(TODAY + DAY, NOW, "x"))
    closing = next_closing(book.days, MEXICO, NOW)
    assert closing is not None
    assert closing.day == TODAY + 2 * DAY
    assert closings(book, MEXICO, closing.at - 1) == []


def test_without_the_setting_the_clock_closes_nothing(book: Book) -> None:
    assert isinstance(post(book, batch(pay("cash", "ana", "1.00"))), Posted)
    for settings in (None, UNSET):
        if settings is UNSET:
            keep(book)
        assert next_closing(book.days, MEXICO, NOW + 99 * DAY_US) is None
        assert list(lines_due(book, MEXICO, NOW + 99 * DAY_US)) == []
        line = book.days.closing(TODAY, NOW + 99 * DAY_US)
        refusal = book.refuse(line)
        assert refusal is not None
        assert refusal.code == "day_not_due"


@pytest.mark.parametrize(("cut_off", "minutes"), [(UNSET, 30), (990, 990 + 30 - 1_440)])
def test_no_journal_says_that_the_clock_closed_a_day_before_it_was_over_anywhere(
    book: Book, cut_off: int, minutes: int
) -> None:
    """Wherever it is, a day is over at most a day before it is in UTC."""
    keep(book, 30, cut_off)
    earliest = ((TODAY + DAY - date(1970, 1, 1)).days * 1_440 + minutes) * 60_000_000
    for at, fits in ((earliest - 1, False), (earliest, True)):
        refusal = book.refuse(book.days.closing(TODAY + DAY, at))
        assert (refusal is None) is fits
        assert book.refuse(book.days.closing(TODAY + DAY, at, "x")) is None


def test_a_dispute_is_overdue_when_its_day_is_over_in_the_zone(book: Book) -> None:
    """Whatever the cut-off is: it is a day of the calendar."""
    assert isinstance(post(book, batch(pay("cash", "ana", "1.00"))), Posted)
    keep(book, cut_off=990)
    line = DisputeOpened(recorded_at=NOW, target=1, by="x", reason="wrong", due=TODAY)
    book.apply(line)
    end = micros(2023, 11, 15, 0, 0, zone="America/Mexico_City")
    assert next_deadline(book, MEXICO, NOW) == end
    assert list(lines_due(book, MEXICO, end - 1)) == []
    assert list(lines_due(book, MEXICO, end)) == [DisputeOverdue(recorded_at=end, target=1)]


def test_what_is_due_in_years_nobody_counts_is_never_due(book: Book) -> None:
    assert isinstance(post(book, batch(pay("cash", "ana", "1.00"))), Posted)
    line = DisputeOpened(
        recorded_at=NOW, target=1, by="x", reason="wrong", due=date(9999, 12, 31)
    )
    book.apply(line)
    assert next_deadline(book, MEXICO, NOW) is None
