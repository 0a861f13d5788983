"""Schedules and holidays over HTTP: set, tried dry, seen by whom, and what became of them."""

from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from ledger.api.answers import schedules as answers
from ledger.services.scheduler import Scheduler
from tests.api.offices import CAJA, Office, pay

RENT = f"{CAJA}/schedules/rent"
A_DAY = 86_400_000_000


def rule(**more: object) -> dict[str, object]:
    """5.00 from cash to ana, from tomorrow on; it is the fourteenth."""
    return {**pay("cash", "ana", "5.00"), "first": "2023-11-15", "reason": "asked", **more}


async def put(office: Office, path: str = RENT, **more: object) -> Any:
    answer = await office.ask("PUT", path, rule(**more))
    assert answer.status == 200, answer.body
    return answer.body


async def run(office: Office) -> None:
    """Let the scheduler do all that is due."""
    scheduler = Scheduler(
        office.sequencer, registry=CollectorRegistry(), clock=office.house.clock
    )
    while await scheduler.turn("caja") == 0.0:
        pass


async def get(office: Office, path: str, who: str = "operator") -> Any:
    answer = await office.ask("GET", path, who=who)
    assert answer.status == 200, answer.body
    return answer.body


async def test_set_shown_posted_and_cancelled(office: Office) -> None:
    dry = await office.ask("PUT", f"{RENT}?dry_run=true", rule(every="day"))
    assert (dry.status, dry.body["dry_run"]) == (200, True)
    assert dry.body["schedule"]["next"]["date"] == "2023-11-15"
    assert (await office.ask("GET", RENT)).code == "schedule_not_found"
    shown = await put(office, every="day", at="07:30", count=3, reference="R-", retries=2)
    assert shown["next"] == {
        "date": "2023-11-15",
        "posted_on": "2023-11-15",
        "at": "2023-11-15T13:30:00.000000Z",
    }
    assert (shown["amount"], shown["attempt"], shown["by"][:4]) == ("5.00", 1, "key-")
    assert await get(office, RENT) == shown
    size = office.state().size
    assert (
        await put(office, every="day", at="07:30", count=3, reference="R-", retries=2) == shown
    )
    assert office.state().size == size
    office.house.now += A_DAY
    await run(office)
    shown = await get(office, RENT)
    done = shown["last_outcome"]
    assert (done["date"], done["outcome"], done["attempts"]) == ("2023-11-15", "posted", 1)
    transfer = await get(office, f"{CAJA}/transfers/{done['sequence']}")
    assert (transfer["reference"], transfer["amount"]) == ("R-2023-11-15", "5.00")
    dates = await get(office, f"{RENT}/occurrences?coming=9")
    assert dates["past"] == [done]
    assert [one["date"] for one in dates["coming"]] == ["2023-11-16", "2023-11-17"]
    assert (await office.ask("DELETE", f"{RENT}?reason=asked&dry_run=true")).status == 200
    assert (await office.ask("DELETE", f"{RENT}?reason=asked")).status == 204
    assert (await office.ask("DELETE", f"{RENT}?reason=asked")).code == "schedule_not_found"
    assert (await office.ask("DELETE", RENT)).code == "malformed_request"
    assert await get(office, f"{CAJA}/schedules") == {"schedules": []}


async def test_what_is_answered_has_the_documented_form(office: Office) -> None:
    await put(office, every="month", last="2024-05-31", miss_after_minutes=30, up_to="debit")
    await office.ask(
        "PUT", f"{CAJA}/holidays/2023", {"dates": ["2023-11-20"], "reason": "calendar"}
    )
    for path, kind in (
        (f"{CAJA}/schedules", answers.SchedulesPage),
        (RENT, answers.ScheduleAnswer),
        (f"{RENT}/occurrences", answers.OccurrencesAnswer),
        (f"{CAJA}/holidays", answers.HolidaysPage),
    ):
        body = await get(office, path)
        assert msgspec.to_builtins(msgspec.convert(body, kind)) == body


async def test_pages_and_who_may_read_them(office: Office) -> None:
    for code in ("a", "b", "c"):
        await put(office, f"{CAJA}/schedules/{code}", debit_account="eva")
    await put(office, f"{CAJA}/schedules/d")  # From cash, which the poster may debit.
    page = await get(office, f"{CAJA}/schedules?limit=2")
    assert ([one["code"] for one in page["schedules"]], page["next"]) == (["a", "b"], "b")
    page = await get(office, f"{CAJA}/schedules?after=b&limit=2", "auditor")
    assert ([one["code"] for one in page["schedules"]], "next" in page) == (["c", "d"], False)
    page = await get(office, f"{CAJA}/schedules", "poster")
    assert [one["code"] for one in page["schedules"]] == ["d"]
    theirs = await office.ask("GET", f"{CAJA}/schedules/a", who="poster")
    assert theirs.code == "schedule_not_found"
    for who in ("poster", "auditor"):
        assert (await office.ask("PUT", RENT, rule(), who=who)).code == "role_not_allowed"


async def test_holidays_move_what_comes(office: Office) -> None:
    await put(office, every="week", on_holiday="before", on_weekend="skip", count=2)
    holidays = f"{CAJA}/holidays/2023"
    asked = {"dates": ["2023-11-22", "2023-11-15", "2023-11-15"], "reason": "calendar"}
    dry = await office.ask("PUT", f"{holidays}?dry_run=true", asked)
    assert dry.body["holidays"]["dates"] == ["2023-11-15", "2023-11-22"]
    assert await get(office, f"{CAJA}/holidays") == {"years": []}
    assert (await office.ask("PUT", holidays, asked)).status == 200
    size = office.state().size
    assert (await office.ask("PUT", holidays, asked)).status == 200
    assert office.state().size == size
    coming = (await get(office, f"{RENT}/occurrences"))["coming"]
    assert [one["posted_on"] for one in coming] == ["2023-11-14", "2023-11-21"]
    wrong = await office.ask("PUT", f"{CAJA}/holidays/23", asked)
    assert wrong.code == "malformed_request"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"amount": "5.001"}, "malformed_amount"),
        ({"amount": "0"}, "malformed_amount"),
        ({"at": "24:00"}, "malformed_request"),
        ({"every": "hour"}, "malformed_request"),
        ({"step": 0}, "malformed_request"),
        ({"first": "1969-12-31"}, "malformed_request"),
        ({"last": "2200-01-01"}, "malformed_request"),
        ({"retries": 101}, "malformed_request"),
        ({"reference": "GODE561231HDFRRN04"}, "malformed_request"),
        ({"description": "for Eva"}, "malformed_request"),
        ({"debit_account": "nobody"}, "account_not_found"),
        ({"credit_account": "cash"}, "accounts_must_differ"),
        ({"currency": "EUR"}, "currency_not_found"),
        ({"first": "2023-11-13"}, "schedule_empty"),
    ],
)
async def test_what_cannot_be_scheduled(
    office: Office, more: dict[str, Any], code: str
) -> None:
    size = office.state().size
    assert (await office.ask("PUT", RENT, rule(**more))).code == code
    assert office.state().size == size


async def test_a_code_is_no_ones_name(office: Office) -> None:
    path = f"{CAJA}/schedules/GODE561231HDFRRN04"
    assert (await office.ask("PUT", path, rule())).code == "malformed_request"
    assert (
        await office.ask("PUT", f"{CAJA}/schedules/a%20b", rule())
    ).code == "malformed_request"


async def test_a_refused_date_says_why(office: Office) -> None:
    await put(office, debit_account="eva", credit_account="ben")
    office.house.now += A_DAY
    await run(office)
    done = (await get(office, RENT))["last_outcome"]
    assert (done["outcome"], done["code"]) == ("refused", "exceeds_credit_limit")
    assert "next" not in await get(office, RENT)
