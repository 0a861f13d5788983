"""What is due of schedules: on its moment, in order, and nothing that is to wait."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from ledger.core.book import Book
from ledger.core.dates import moment_of
from ledger.core.leaves import DayOpened, SettingsChanged
from ledger.core.model import DaysBy
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.scheduling import Agenda, Due, agenda, coming, no_more_due
from tests.core.books import TODAY, add
from tests.core.test_days import closing
from tests.core.test_proposals import proposed
from tests.core.test_schedules import A_MINUTE, FIRST, book, holidays, put, refused_as

__all__ = ["book"]  # A fixture.

ZONE = ZoneInfo("America/Mexico_City")
AT = moment_of(FIRST, 360, ZONE)
GONE = Refusal(code=RefusalCode.OCCURRENCE_NOT_DUE)


def look(book: Book, now: int, most: int = 99, **more: set[str]) -> Agenda:
    return agenda(book, now, ZONE, most=most, **more)


def codes(found: Agenda) -> list[str]:
    return [due.code for due in found.due]


def the_due(book: Book, now: int = AT) -> Due:
    (due,) = look(book, now).due
    return due


def test_due_on_its_moment_and_not_before(book: Book) -> None:
    put(book)
    before = look(book, AT - 1)
    assert (before.due, before.next) == ([], AT)
    assert codes(look(book, AT)) == ["rent"]


def test_a_retry_is_due_on_its_moment_and_not_before(book: Book) -> None:
    put(book, retries=1, retry_minutes=30)
    refused_as(book, book.schedules.id_of("rent"), recorded_at=AT + 5)
    again = AT + 5 + 30 * A_MINUTE
    assert look(book, again - 1) == Agenda([], again)
    assert codes(look(book, again)) == ["rent"]
    first, second, *_ = coming(book, book.schedules.by_code["rent"], ZONE)
    assert (first.date, first.at) == (FIRST, again)
    assert (second.date, second.at) == (
        date(2023, 12, 30),
        moment_of(date(2023, 12, 30), 360, ZONE),
    )


def test_the_next_look_is_at_the_first_retry(book: Book) -> None:
    put(book, "a", retries=1, retry_minutes=10)
    put(book, "b", retries=1, retry_minutes=60)
    for code in ("a", "b"):
        refused_as(book, book.schedules.id_of(code), recorded_at=AT)
    assert look(book, AT) == Agenda([], AT + 10 * A_MINUTE)


def test_what_was_put_off_is_passed_over(book: Book) -> None:
    put(book, "a")
    put(book, "b")
    assert codes(look(book, AT, without={"a"})) == ["b"]


def test_it_waits_for_its_own_proposal_and_no_other(book: Book) -> None:
    put(book)
    book.apply(proposed(7))
    assert codes(look(book, AT)) == ["rent"]
    book.apply(proposed(book.schedules.id_of("rent").int))
    assert codes(look(book, AT)) == []


def test_given_up_after_its_time_and_not_before(book: Book) -> None:
    put(book, miss_after=60)
    assert the_due(book, AT + 60 * A_MINUTE).line is None
    line = the_due(book, AT + 60 * A_MINUTE + 1).line
    assert line is not None
    assert line.outcome == "missed"


def test_after_a_stop_no_date_overtakes_an_earlier_one(book: Book) -> None:
    """It is cut before the second date of the first, and begins there when it looks again."""
    add(book, "eva")
    put(book, "daily", every="day")
    put(book, "same_day", credit_account=4)
    put(book, "next_day", first=FIRST + timedelta(days=1), credit_account=4)
    later = AT + 5 * 1440 * A_MINUTE
    found = look(book, later)
    assert (codes(found), found.next) == (["daily", "same_day"], later)


# ---- what is asked again as it is decided


def test_whoever_looked_the_time_is_the_ledgers(book: Book) -> None:
    """To the microsecond: of the date itself, and of giving it up."""
    put(book, miss_after=60)
    due, missed = the_due(book), the_due(book, AT + 60 * A_MINUTE + 1)
    assert no_more_due(book, due, AT - 1) == GONE
    assert no_more_due(book, due, AT) is None
    assert no_more_due(book, missed, AT + 60 * A_MINUTE) == GONE
    assert no_more_due(book, missed, AT + 60 * A_MINUTE + 1) is None


def test_a_holiday_that_was_set_meanwhile_moves_it(book: Book) -> None:
    put(book, on_holiday="after")
    due = the_due(book)
    assert no_more_due(book, due, AT) is None
    book.apply(holidays(FIRST))
    assert no_more_due(book, due, AT) == GONE


def test_it_waits_when_the_last_day_was_closed_meanwhile(book: Book) -> None:
    settings = SettingsChanged(recorded_at=book.recorded_at, by="x", days=DaysBy.COMMAND)
    book.apply(settings)
    book.apply(DayOpened(recorded_at=book.recorded_at, by="x", date=TODAY))
    put(book)
    due = the_due(book)
    assert no_more_due(book, due, AT) is None
    book.apply(closing(book, TODAY))
    assert no_more_due(book, due, AT) == GONE
