"""Business days, cut to the day: what is open, what is late, and what a day came to."""

import json
from datetime import date, timedelta
from hashlib import sha256

import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.asked import AskedTerms
from ledger.core.book import Book, Posted
from ledger.core.days import hash_of
from ledger.core.leaves import DayClosed, DayOpened, PeriodMarked, SettingsChanged
from ledger.core.lines import Act
from ledger.core.model import DaysBy, Late, Phase
from ledger.core.refusals import Refusal
from ledger.journal.snapshots import chunks_of, restore_chunk
from tests.core.books import NOW, TODAY, add, batch, opened, pay, post

DAY = timedelta(days=1)
ACT = Act(date=TODAY, hash=bytes(32), number="A-1")


@pytest.fixture
def book() -> Book:
    book = opened(currencies=("MXN", "USD"))
    add(book, "cash", None, None)
    add(book, "ana", 0, None)
    add(book, "bridge", None, None)
    return book


def code(outcome: Posted | Refusal | None) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code.value


def done(outcome: Posted | Refusal) -> Posted:
    assert isinstance(outcome, Posted), outcome
    return outcome


def closing(book: Book, day: date, **otherwise: object) -> DayClosed:
    """The line that closes a day, as the page says and not as the code makes it."""
    totals = book.days.totals_of([day])
    lines = "".join(
        json.dumps(msgspec.to_builtins(total), sort_keys=True, separators=(",", ":")) + "\n"
        for total in totals
    )
    line = DayClosed(
        recorded_at=at(book, day),
        date=day,
        by="x",
        count=sum(total.count for total in totals),
        totals=sha256(lines.encode()).digest(),
        shown=totals[:200],
    )
    return replace(line, **otherwise)


def at(book: Book, day: date) -> int:
    """A moment of a day, or later."""
    return max(book.recorded_at, int((day - date(1970, 1, 1)) / DAY) * 86_400_000_000)


def settle(book: Book, **settings: object) -> None:
    line = SettingsChanged(
        recorded_at=book.recorded_at, by="x", **{"days": DaysBy.CLOCK, **settings}
    )  # type: ignore[arg-type]
    assert book.refuse(line) is None
    book.apply(line)


def test_a_closed_day_takes_nothing_more(book: Book) -> None:
    late = pay("cash", "ana", "1.00", business_date=TODAY - DAY)
    done(post(book, batch(late)))
    book.apply(closing(book, TODAY - DAY))
    assert code(post(book, batch(late))) == "business_date_not_open"
    assert code(post(book, batch(pay("cash", "ana", "1.00", business_date=TODAY + DAY)))) == (
        "business_date_not_open"
    )
    done(post(book, batch(pay("cash", "ana", "1.00", business_date=TODAY))))


def test_what_is_late_goes_to_the_next_open_day_where_asked(book: Book) -> None:
    book.apply(closing(book, TODAY - DAY))
    late = pay("cash", "ana", "1.00", business_date=TODAY - 9 * DAY)
    outcome = done(post(book, batch(late, pay("cash", "ana", "2.00"), late=Late.NEXT_OPEN_DAY)))
    assert {p: note.business_date for p, note in outcome.notes.items()} == {0: TODAY}
    assert [(t.count, t.amount) for t in book.days.totals_of([TODAY])] == [(2, "300")]


def test_a_day_closes_with_what_it_came_to(book: Book) -> None:
    done(post(book, batch(pay("cash", "ana", "1.00"), pay("ana", "cash", "0.25", kind="fee"))))
    done(post(book, batch(pay("cash", "ana", "2.00"), source="branch-7")))
    undone = done(post(book, batch(pay("cash", "ana", "4.00"))))
    book.unpost(undone)
    line = closing(book, TODAY)
    assert [(t.kind, t.source, t.count, t.amount) for t in line.shown] == [
        ("fee", "", 1, "25"),
        ("payment", "", 1, "100"),
        ("payment", "branch-7", 1, "200"),
    ]
    for otherwise in ({"count": 2}, {"totals": bytes(32)}, {"shown": line.shown[:2]}):
        wrong = closing(book, TODAY, **otherwise)
        assert code(book.refuse(wrong)) == "day_totals_differ"
    book.apply(line)
    assert book.days.totals == {}
    assert book.days.current(TODAY) == TODAY + DAY
    assert code(book.refuse(line)) == "day_not_open"


def test_rows_beside_and_holds_count_as_what_they_are(book: Book) -> None:
    done(post(book, batch(pay("cash", "ana", "1.00"))))
    terms = AskedTerms(up_to="debit", rest="bridge")  # type: ignore[arg-type]
    done(post(book, batch(pay("ana", "cash", "3.00", terms=terms))))
    assert [(t.kind, t.count, t.amount) for t in book.days.totals_of([TODAY])] == [
        ("payment", 2, "200"),
        ("rest", 1, "200"),
    ]


def test_days_close_in_order_but_empty_ones_close_by_themselves(book: Book) -> None:
    done(post(book, batch(pay("cash", "ana", "1.00", business_date=TODAY - 5 * DAY))))
    assert code(book.refuse(closing(book, TODAY - DAY))) == "day_before_is_open"
    book.apply(closing(book, TODAY - 5 * DAY))
    assert book.refuse(closing(book, TODAY - DAY)) is None


def test_by_command_only_opened_days_take_transfers(book: Book) -> None:
    assert code(book.refuse(DayOpened(recorded_at=NOW, date=TODAY, by="x"))) == (
        "days_kept_by_clock"
    )
    settle(book, days=DaysBy.COMMAND)
    assert code(post(book, batch(pay("cash", "ana", "1.00")))) == "no_day_open"
    wrong = batch(pay("cash", "nobody", "1.00"), control_sums={"MXN": "2.00"}, mode="each")
    assert code(post(book, wrong)) == "no_day_open"  # The first that applies is given.
    book.apply(DayOpened(recorded_at=NOW, date=TODAY, by="x"))
    book.apply(DayOpened(recorded_at=NOW, date=TODAY + DAY, by="x"))
    assert code(book.refuse(DayOpened(recorded_at=NOW, date=TODAY, by="x"))) == "day_not_new"
    assert book.days.current(TODAY) == TODAY + DAY
    for day in (TODAY, TODAY + DAY):  # Two are open, for a late branch.
        one = pay("cash", "ana", "1.00", business_date=day)
        done(post(book, batch(one), today=TODAY + DAY))
    book.apply(closing(book, TODAY))
    late = batch(pay("cash", "ana", "1.00", business_date=TODAY), late=Late.NEXT_OPEN_DAY)
    assert done(post(book, late, today=TODAY + DAY)).notes[0].business_date == TODAY + DAY


def test_what_is_late_goes_to_the_first_of_the_open_days(book: Book) -> None:
    settle(book, days=DaysBy.COMMAND)
    for ahead in (0, 1, 2):
        book.apply(DayOpened(recorded_at=NOW, date=TODAY + ahead * DAY, by="x"))
    book.apply(closing(book, TODAY))
    late = batch(pay("cash", "ana", "1.00", business_date=TODAY), late=Late.NEXT_OPEN_DAY)
    moved = done(post(book, late, today=TODAY + 2 * DAY))
    assert moved.notes[0].business_date == TODAY + DAY


def test_what_is_for_a_day_to_come_is_not_late(book: Book) -> None:
    early = pay("cash", "ana", "1.00", business_date=TODAY + DAY)
    outcome = post(book, batch(early, late=Late.NEXT_OPEN_DAY))
    assert code(outcome) == "business_date_not_open"


@pytest.mark.parametrize(("back", "fits"), [(None, 400), (3, 3), (0, 0)])
def test_value_dates_go_back_as_far_as_the_ledger_allows(
    book: Book, back: int | None, fits: int
) -> None:
    settle(book, **({} if back is None else {"value_days_back": back}))
    done(post(book, batch(pay("cash", "ana", "1.00", value_date=TODAY - fits * DAY))))
    if back is not None:
        early = pay("cash", "ana", "1.00", value_date=TODAY - (fits + 1) * DAY)
        assert code(post(book, batch(early))) == "value_date_too_early"


def mark(
    book: Book, year: int, month: int, how: str, *, act: bool = False, late: object = UNSET
) -> str:
    """Mark a period; the code of the refusal, or nothing."""
    line = PeriodMarked(
        recorded_at=book.recorded_at,
        year=year,
        month=month,
        mark=how,
        by="x",
        late=late,  # type: ignore[arg-type]
        **({"act": ACT} if act else {}),  # type: ignore[arg-type]
    )
    refusal = book.refuse(line)
    if refusal is None:
        book.apply(line)
    return "" if refusal is None else refusal.code.value


def test_a_month_closes_for_now_is_reopened_and_closes_for_ever(book: Book) -> None:
    """February of a leap year: its 29th must be closed before the month is."""
    for day in (date(2024, 2, 28), date(2024, 2, 29)):
        assert mark(book, 2024, 2, "preliminary") == "day_before_is_open"
        book.apply(closing(book, day))
    late = batch(pay("cash", "ana", "1.00", business_date=date(2024, 2, 29)))
    assert mark(book, 2024, 2, "preliminary") == ""
    assert book.days.late_in(2024, 2) == []
    assert code(post(book, late, today=date(2024, 3, 5))) == "business_date_not_open"
    assert mark(book, 2024, 2, "reopened") == "act_missing"
    assert mark(book, 2024, 2, "reopened", act=True) == ""
    done(post(book, late, today=date(2024, 3, 5)))
    assert mark(book, 2024, 2, "final") == "period_not_marked_so"
    assert list(book.days.totals) == [date(2024, 2, 29)]
    came = book.days.late_in(2024, 2)
    assert [(one.date, one.count) for one in came] == [(date(2024, 2, 29), 1)]
    for wrong in (UNSET, [replace(came[0], count=2)], [*came, *came]):
        assert mark(book, 2024, 2, "preliminary", late=wrong) == "day_totals_differ"
    assert mark(book, 2024, 2, "preliminary", late=came) == ""
    assert book.days.totals == {}  # So that they do not grow with what was posted.
    assert mark(book, 2024, 2, "final", late=came) == "day_totals_differ"
    assert mark(book, 2024, 2, "final") == ""
    assert mark(book, 2024, 2, "reopened", act=True) == "period_final"
    assert code(post(book, late, today=date(2024, 3, 5))) == "business_date_not_open"


def test_what_came_late_is_shown_as_far_as_a_line_goes(book: Book) -> None:
    """The first 200 totals of all days of a month together; the hash is over all of them."""
    days = [date(2024, 2, 28), date(2024, 2, 29)]
    for day in days:
        book.apply(closing(book, day))
    assert mark(book, 2024, 2, "preliminary") == ""
    assert mark(book, 2024, 2, "reopened", act=True) == ""
    for day in days:
        many = (pay("cash", "ana", "1.00", kind=f"k{i}", business_date=day) for i in range(150))
        done(post(book, batch(*many), today=date(2024, 3, 5)))
    late = book.days.late_in(2024, 2)
    assert [(one.count, len(one.shown)) for one in late] == [(150, 150), (150, 50)]
    assert late[1].totals == hash_of(book.days.totals_of([days[1]]))
    assert mark(book, 2024, 2, "preliminary", late=late) == ""


def test_a_month_with_an_open_day_is_not_over(book: Book) -> None:
    """Though its last day is closed, which by command may come first."""
    settle(book, days=DaysBy.COMMAND)
    for day in (date(2023, 11, 29), date(2023, 11, 30)):
        book.apply(DayOpened(recorded_at=NOW, date=day, by="x"))
    for day in (date(2023, 11, 30), date(2023, 11, 29)):
        assert mark(book, 2023, 11, "preliminary") == "day_before_is_open"
        book.apply(closing(book, day))
    assert mark(book, 2023, 11, "preliminary") == ""


def test_month_thirteen_takes_adjustments_while_january_posts(book: Book) -> None:
    book.apply(closing(book, date(2023, 12, 31)))
    assert mark(book, 2023, 12, "preliminary") == ""
    adjusting = pay(
        "cash",
        "ana",
        "1.00",
        business_date=date(2023, 12, 31),
        terms=AskedTerms(adjusting=True),
    )
    outcome = done(post(book, batch(adjusting), today=date(2024, 1, 9)))
    assert outcome.phases == [Phase.ADJUSTED]
    assert book.balance[book.numbers["ana"]] == 100
    done(post(book, batch(pay("cash", "ana", "1.00")), today=date(2024, 1, 9)))
    for day in (date(2023, 12, 30), None):
        dated = {} if day is None else {"business_date": day}
        other = pay("cash", "ana", "1.00", terms=AskedTerms(adjusting=True), **dated)
        assert (
            code(post(book, batch(other), today=date(2024, 1, 9))) == "business_date_not_open"
        )
    assert mark(book, 2023, 13, "preliminary") == ""
    assert mark(book, 2023, 13, "final") == "period_before_is_open"
    assert mark(book, 2023, 12, "final") == ""
    assert mark(book, 2023, 13, "final") == ""
    assert (
        code(post(book, batch(adjusting), today=date(2024, 1, 9))) == "business_date_not_open"
    )


def test_nothing_changes_under_a_final_month(book: Book) -> None:
    """What it opens with are the months before, and the adjustments to the years before."""
    book.apply(closing(book, date(2024, 1, 31)))
    assert mark(book, 2023, 10, "preliminary") == ""
    assert mark(book, 2023, 12, "preliminary") == ""
    assert mark(book, 2023, 12, "final") == "period_before_is_open"
    assert mark(book, 2023, 10, "final") == ""
    assert mark(book, 2023, 12, "final") == ""
    assert mark(book, 2023, 11, "preliminary") == ""  # It never was; nor can it be reopened.
    assert mark(book, 2023, 11, "reopened", act=True) == "period_final"
    assert mark(book, 2024, 1, "preliminary") == ""
    assert mark(book, 2023, 11, "final") == ""
    assert mark(book, 2024, 1, "final") == "period_before_is_open"  # Month 13 is not.
    assert mark(book, 2023, 13, "preliminary") == ""
    assert mark(book, 2023, 13, "reopened", act=True) == ""
    assert mark(book, 2024, 1, "final") == "period_before_is_open"
    assert mark(book, 2023, 13, "preliminary") == ""
    assert mark(book, 2023, 13, "final") == ""
    assert mark(book, 2024, 1, "final") == ""


def test_a_year_that_nobody_closed_takes_no_adjustments_under_a_final_month(book: Book) -> None:
    book.apply(closing(book, date(2024, 1, 31)))
    adjusting = pay(
        "cash",
        "ana",
        "1.00",
        business_date=date(2023, 12, 31),
        terms=AskedTerms(adjusting=True),
    )
    assert mark(book, 2024, 1, "preliminary") == ""
    done(post(book, batch(adjusting), today=date(2024, 2, 9)))
    assert mark(book, 2024, 1, "final") == ""
    refused = post(book, batch(adjusting), today=date(2024, 2, 9))
    assert code(refused) == "business_date_not_open"


def test_a_snapshot_keeps_days(book: Book) -> None:
    settle(book, value_days_back=3, cut_off=990)
    done(post(book, batch(pay("cash", "ana", "1.00"), pay("ana", "cash", "0.25", kind="fee"))))
    book.apply(closing(book, TODAY - 40 * DAY))
    assert mark(book, 2023, 9, "preliminary") == ""
    copy = Book()
    copy.opening = book.opening
    for chunk in chunks_of(book):
        restore_chunk(copy, chunk)
    assert list(copy.state()) == list(book.state())
    assert copy.days == book.days


# ---- what nobody may do by a slip


def test_a_year_takes_adjustments_only_once_its_last_day_is_closed(book: Book) -> None:
    """Nor does a slip of the year post to the future."""
    for day in (date(2023, 12, 31), date(2099, 12, 31)):
        terms = AskedTerms(adjusting=True)
        one = batch(pay("cash", "ana", "1.00", business_date=day, terms=terms))
        assert code(post(book, one, today=date(2023, 12, 31))) == "business_date_not_open"
    book.apply(closing(book, date(2023, 12, 31)))
    one = batch(
        pay("cash", "ana", "1.00", business_date=date(2023, 12, 31), terms=terms),
    )
    done(post(book, one, today=date(2024, 1, 2)))
    assert book.days.totals == {}  # They are no part of a day that said what it came to.
    assert mark(book, 2023, 13, "preliminary") == ""
    assert code(post(book, one, today=date(2024, 1, 2))) == "business_date_not_open"
    assert mark(book, 2023, 13, "reopened", act=True) == ""
    done(post(book, one, today=date(2024, 1, 2)))


def test_what_is_undone_of_a_batch_with_an_adjustment_is_what_was_counted(book: Book) -> None:
    book.apply(closing(book, date(2023, 12, 31)))
    adjusting = {"business_date": date(2023, 12, 31), "terms": AskedTerms(adjusting=True)}
    one = batch(pay("cash", "ana", "1.00", **adjusting), pay("cash", "ana", "2.00"))
    posted = done(post(book, one, today=date(2024, 1, 2)))
    assert [t.amount for t in book.days.totals_of([date(2024, 1, 2)])] == ["200"]
    book.unpost(posted)
    assert book.days.totals == {}


@pytest.mark.parametrize(("ahead", "fits"), [(2, True), (3, False), (365 * 76, False)])
def test_no_day_is_closed_years_before_it_comes(book: Book, ahead: int, fits: bool) -> None:
    """Two days ahead of UTC is what a zone and a cut-off can make."""
    line = closing(book, TODAY + ahead * DAY, recorded_at=NOW)
    assert (book.refuse(line) is None) is fits
    if not fits:
        assert code(book.refuse(line)) == "day_too_early"


def test_no_day_is_opened_years_before_it_comes(book: Book) -> None:
    settle(book, days=DaysBy.COMMAND)
    for ahead, fits in ((33, True), (34, False)):
        line = DayOpened(recorded_at=NOW, date=TODAY + ahead * DAY, by="x")
        assert (book.refuse(line) is None) is fits


def test_days_pass_from_the_clock_to_commands_and_back(book: Book) -> None:
    """What was posted on stays open until it is closed; the clock takes over none that are."""
    for back in (3, 1):
        done(post(book, batch(pay("cash", "ana", "1.00", business_date=TODAY - back * DAY))))
    book.apply(closing(book, TODAY - 3 * DAY))
    settle(book, days=DaysBy.COMMAND)
    assert book.days.open == {TODAY - DAY}
    assert code(book.refuse(DayOpened(recorded_at=NOW, date=TODAY - DAY, by="x"))) == (
        "day_not_new"
    )
    clock = SettingsChanged(recorded_at=book.recorded_at, by="x", days=DaysBy.CLOCK)
    assert code(book.refuse(clock)) == "day_before_is_open"
    book.apply(DayOpened(recorded_at=book.recorded_at, date=TODAY, by="x"))
    book.apply(closing(book, TODAY))  # The later one first.
    assert not book.days.is_closed(TODAY - DAY)
    book.apply(closing(book, TODAY - DAY))
    settle(book)
    assert book.days.current(TODAY) == TODAY + DAY


def test_a_day_that_the_clock_had_and_closed_is_not_opened_again(book: Book) -> None:
    book.apply(closing(book, TODAY))
    settle(book, days=DaysBy.COMMAND)
    again = DayOpened(recorded_at=book.recorded_at, date=TODAY, by="x")
    assert code(book.refuse(again)) == "day_not_new"


def test_more_totals_than_are_shown_are_in_the_hash(book: Book) -> None:
    kinds = [f"k{number:03}" for number in range(201)]
    done(post(book, batch(*(pay("cash", "ana", "1.00", kind=kind) for kind in kinds))))
    line = closing(book, TODAY)
    assert (line.count, len(line.shown), line.shown[-1].kind) == (201, 200, "k199")
    assert code(book.refuse(closing(book, TODAY, shown=book.days.totals_of([TODAY])))) == (
        "day_totals_differ"
    )
    assert book.refuse(line) is None


def test_of_several_reasons_the_first_is_given(book: Book) -> None:
    """The date before the value date, before what the terms name."""
    settle(book, value_days_back=0)
    terms = AskedTerms(adjusting=True, suspense="nobody")
    old = pay(
        *("cash", "ana", "1.00"),
        business_date=date(2023, 12, 31),
        value_date=date(2023, 1, 1),
        terms=terms,
    )
    assert code(post(book, batch(old), today=date(2024, 1, 2))) == "business_date_not_open"
    book.apply(closing(book, date(2023, 12, 31)))
    assert code(post(book, batch(old), today=date(2024, 1, 2))) == "value_date_too_early"
    settle(book)
    assert code(post(book, batch(old), today=date(2024, 1, 2))) == "terms_account_not_usable"
