"""Schedules in the book: what is next, what an attempt does, and that snapshots keep it."""

from datetime import date
from uuid import UUID

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.book import Book
from ledger.core.faults import JournalBroken
from ledger.core.leaves import BatchRefused, Occurrence
from ledger.core.refusals import RefusalCode
from ledger.core.rule_leaves import (
    HolidaysSet,
    Schedule,
    ScheduleSet,
    Workflow,
    WorkflowSet,
)
from ledger.core.schedules import DONE_KEPT, SCHEDULER, attempt_id
from ledger.journal.snapshots import chunks_of, restore_chunk
from tests.core.books import NOW, ORIGIN, add, opened
from tests.core.test_demurrage import restored

FIRST = date(2023, 11, 30)
A_MINUTE = 60_000_000


@pytest.fixture
def book() -> Book:
    book = opened(currencies=("MXN", "HRS"))
    for code in ("ana", "ben"):
        add(book, code)
    add(book, "hours", currency="HRS")
    return book


def rule(**more: object) -> Schedule:
    fields: dict[str, object] = {
        "amount": 100,
        "at": 360,
        "credit_account": 2,
        "debit_account": 1,
        "kind": "rent",
        "first": FIRST,
        "every": "month",
        **more,
    }
    return Schedule(**fields)  # type: ignore[arg-type]


def put(book: Book, code: str = "rent", since: date | None = None, **more: object) -> None:
    now = book.recorded_at
    line = ScheduleSet(
        recorded_at=now, code=code, by="op", reason="asked", schedule=rule(**more)
    )
    line = line if since is None else replace(line, since=since)
    assert book.refuse(line) is None
    book.apply(line)


def refused_as(
    book: Book, batch: UUID, code: str = "exceeds_credit_limit", **more: object
) -> None:
    fields = {"key": SCHEDULER, "recorded_at": NOW, **more}
    book.apply(
        BatchRefused(
            batch=batch,
            poster=SCHEDULER,
            business_date=FIRST,
            signed=False,
            code=code,
            digest=bytes(32),
            salt=bytes(16),
            **fields,  # type: ignore[arg-type]
        )
    )


def occurrence(book: Book, outcome: str, code: str = "rent") -> Occurrence:
    standing = book.schedules.by_code[code]
    assert standing.date is not None
    return Occurrence(
        recorded_at=NOW,
        code=code,
        schedule=standing.leaf,
        date=standing.date,
        attempt=standing.attempt,
        outcome=outcome,  # type: ignore[arg-type]
    )


def refusal_of(book: Book, line: ScheduleSet | Occurrence | HolidaysSet) -> RefusalCode | None:
    refusal = book.refuse(line)
    return None if refusal is None else refusal.code


def next_of(book: Book, code: str = "rent") -> tuple[str, int, int]:
    standing = book.schedules.by_code[code]
    return str(standing.date), standing.attempt, standing.refused


# ---- what may be set


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"debit_account": 9}, RefusalCode.ACCOUNT_NOT_FOUND),
        ({"credit_account": 9}, RefusalCode.ACCOUNT_NOT_FOUND),
        ({"credit_account": 1}, RefusalCode.ACCOUNTS_MUST_DIFFER),
        ({"credit_account": 3}, RefusalCode.ACCOUNTS_OF_DIFFERENT_CURRENCIES),
        ({"last": date(2023, 11, 29)}, RefusalCode.SCHEDULE_EMPTY),
        ({"first": date(2200, 1, 1)}, RefusalCode.SCHEDULE_EMPTY),
        ({"last": FIRST}, None),
    ],
)
def test_what_may_be_set(book: Book, more: dict[str, object], code: RefusalCode | None) -> None:
    line = ScheduleSet(recorded_at=NOW, code="rent", by="op", reason="x", schedule=rule(**more))
    assert refusal_of(book, line) == code


def test_what_is_not_there_cannot_be_cancelled(book: Book) -> None:
    cancel = ScheduleSet(recorded_at=NOW, code="rent", by="op", reason="x")
    assert refusal_of(book, cancel) is RefusalCode.SCHEDULE_NOT_FOUND
    put(book)
    assert refusal_of(book, cancel) is None
    book.apply(cancel)
    assert not book.schedules.by_code
    assert not book.schedules.queue
    with pytest.raises(JournalBroken):
        book.apply(cancel)


def test_a_schedule_goes_by_a_workflow_that_is_there(book: Book) -> None:
    """While it has a date to come, that stays, and the same side starts it."""

    def change(starts: str | None = None, accepts: str = "payee", code: str = "credit") -> str:
        rule = UNSET
        if starts is not None:
            rule = Workflow(starts=starts, accepts=accepts, expires_after=60)  # type: ignore[arg-type]
        line = WorkflowSet(recorded_at=NOW, code=code, by="op", reason="x", rule=rule)
        refusal = book.refuse(line)
        return "" if refusal is None else refusal.code.value

    line = ScheduleSet(
        recorded_at=NOW, code="rent", by="op", reason="x", schedule=rule(workflow="none")
    )
    assert refusal_of(book, line) is RefusalCode.WORKFLOW_NOT_FOUND
    assert change() == ""
    put(book, every="once", workflow="credit")
    assert change() == "workflow_in_use"
    assert change("payee", "payer") == "workflow_in_use"
    assert change("payee") == "workflow_not_possible"
    assert change("payer") == ""
    assert change(code="bill") == ""
    assert not restored(book).schedules.go_by("bill")
    assert restored(book).schedules.go_by("credit")
    refused_as(book, book.schedules.id_of("rent"), "proposal_declined")
    assert change() == ""  # Its only date is over.


def test_dates_before_it_was_set_are_over(book: Book) -> None:
    put(book, since=date(2024, 2, 29))
    assert next_of(book) == ("2024-02-29", 1, 0)
    put(book, code="late", since=date(2024, 3, 1))
    assert next_of(book, "late") == ("2024-03-30", 1, 0)


# ---- attempts


def test_the_ids_are_those_the_page_describes(book: Book) -> None:
    put(book)
    assert book.schedules.id_of("rent") == attempt_id(ORIGIN, "rent", book.size - 1, FIRST, 1)
    assert attempt_id(ORIGIN, "rent", 7, FIRST, 1) == UUID(
        "82583b67-0c42-59c2-8132-66b7e7550cff"
    )


def test_a_refused_attempt_waits_and_is_made_again(book: Book) -> None:
    put(book, retries=2, retry_minutes=90)
    first = book.schedules.id_of("rent")
    refused_as(book, first, recorded_at=NOW + 5)
    assert next_of(book) == ("2023-11-30", 2, 1)
    assert book.schedules.by_code["rent"].not_before == NOW + 5 + 90 * A_MINUTE
    assert book.schedules.id_of("rent") != first
    refused_as(book, first, recorded_at=NOW + 5)  # Of which nothing is awaited any more.
    assert next_of(book) == ("2023-11-30", 2, 1)
    refused_as(book, book.schedules.id_of("rent"), "exceeds_payment_limit", recorded_at=NOW + 9)
    assert next_of(book) == ("2023-11-30", 3, 2)
    refused_as(book, book.schedules.id_of("rent"), recorded_at=NOW + 9)
    assert next_of(book) == ("2023-12-30", 1, 0)
    standing = book.schedules.by_code["rent"]
    assert standing.not_before == 0
    assert standing.last is not None
    assert (standing.last.date, standing.last.outcome, standing.last.leaf) == (
        FIRST,
        "refused",
        book.size - 1,
    )
    assert standing.last.code == "exceeds_credit_limit"


@pytest.mark.parametrize("code", ["debit_account_frozen", "exceeds_target", "no_day_open"])
def test_what_does_not_pass_is_not_tried_again(book: Book, code: str) -> None:
    put(book, retries=5)
    refused_as(book, book.schedules.id_of("rent"), code)
    assert next_of(book) == ("2023-12-30", 1, 0)


def test_an_id_that_another_spent_moves_nothing(book: Book) -> None:
    put(book)
    refused_as(book, book.schedules.id_of("rent"), key="key-1")
    assert next_of(book) == ("2023-11-30", 1, 0)
    book.apply(occurrence(book, "id_used"))
    assert next_of(book) == ("2023-11-30", 2, 0)


def test_the_last_date_is_the_end(book: Book) -> None:
    put(book, count=1)
    refused_as(book, book.schedules.id_of("rent"))
    assert book.schedules.by_code["rent"].date is None
    assert book.schedules.queue == []
    assert book.schedules._codes == {}


def test_the_last_outcomes_are_kept_and_no_more(book: Book) -> None:
    """A year of months, so that a schedule of every day does not grow in memory."""
    put(book, every="day")
    for _ in range(DONE_KEPT + 1):
        refused_as(book, book.schedules.id_of("rent"))
    done = book.schedules.by_code["rent"].done
    assert [str(each.date) for each in (done[0], done[-1])] == ["2023-12-01", "2023-12-12"]
    assert len(done) == DONE_KEPT == 12


def test_a_schedule_set_anew_repeats_no_date(book: Book) -> None:
    put(book, every="day")
    for _ in range(3):
        refused_as(book, book.schedules.id_of("rent"))
    put(book, every="day", amount=200)
    assert next_of(book) == ("2023-12-03", 1, 0)
    line = ScheduleSet(
        recorded_at=NOW, code="rent", by="op", reason="x", schedule=rule(every="once")
    )
    assert refusal_of(book, line) is RefusalCode.SCHEDULE_EMPTY


# ---- holidays, and what no batch says


def holidays(*dates: date, year: int = 2023) -> HolidaysSet:
    return HolidaysSet(recorded_at=NOW, year=year, dates=list(dates), by="op", reason="x")


@pytest.mark.parametrize(
    "dates",
    [
        [date(2024, 1, 1)],
        [date(2023, 12, 25), date(2023, 11, 20)],
        [date(2023, 12, 25), date(2023, 12, 25)],
    ],
)
def test_holidays_are_of_their_year_and_in_order(book: Book, dates: list[date]) -> None:
    assert refusal_of(book, holidays(*dates)) is RefusalCode.HOLIDAYS_NOT_OF_YEAR


def test_holidays_move_what_is_to_come(book: Book) -> None:
    put(book, on_holiday="after")
    book.apply(holidays(FIRST))
    assert book.schedules.queue == [(date(2023, 12, 1), 360, "rent")]
    book.apply(holidays(date(2023, 11, 20)))
    assert book.schedules.queue == [(FIRST, 360, "rent")]
    assert next_of(book) == (str(FIRST), 1, 0)
    book.apply(holidays())
    assert book.schedules.state()[0].code == "rent"  # type: ignore[union-attr]


def test_a_date_is_skipped_just_when_the_rule_says_so(book: Book) -> None:
    put(book, on_holiday="skip")
    assert refusal_of(book, occurrence(book, "skipped")) is RefusalCode.OCCURRENCE_NOT_DUE
    book.apply(holidays(FIRST))
    assert refusal_of(book, occurrence(book, "missed")) is RefusalCode.OCCURRENCE_NOT_DUE
    line = occurrence(book, "skipped")
    for wrong in (
        replace(line, code="other"),
        replace(line, schedule=line.schedule - 1),
        replace(line, date=date(2023, 12, 30)),
        replace(line, attempt=2),
    ):
        assert refusal_of(book, wrong) is RefusalCode.OCCURRENCE_NOT_DUE
    book.apply(line)
    assert next_of(book) == ("2023-12-30", 1, 0)
    assert refusal_of(book, line) is RefusalCode.OCCURRENCE_NOT_DUE


# ---- in a snapshot


def test_a_snapshot_keeps_all_of_it(book: Book) -> None:
    put(book, retries=3)
    put(book, code="fee", every="week", on_holiday="before", count=2)
    put(book, code="gone", every="once")
    book.apply(holidays(FIRST))
    for code in ("rent", "gone"):
        refused_as(book, book.schedules.id_of(code), recorded_at=NOW + 7)
    again = Book()
    for chunk in chunks_of(book):
        restore_chunk(again, chunk)
    again.opening = book.opening
    assert again.schedules.state() == book.schedules.state()
    assert again.schedules.queue == book.schedules.queue
    for one in (book, again):
        refused_as(one, one.schedules.id_of("rent"), recorded_at=NOW + 8)
        put(one, code="fee", every="day")
    assert again.schedules.state() == book.schedules.state()
    assert again.schedules.queue == book.schedules.queue
    assert again.schedules._codes == book.schedules._codes
