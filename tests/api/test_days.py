"""Days and periods over HTTP, and the books as they were and as they were known."""

import asyncio
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest

from ledger.api.answers.base import show_time
from ledger.core.days import Days
from ledger.core.leaves import DayClosed
from ledger.core.refusals import Refusal, RefusalCode
from tests.api.offices import CAJA, Office, pay, uid

DAY_US = 86_400_000_000
ACT = {"number": "CA-12/2023", "date": "2023-11-14", "hash": "ab" * 32}


async def post(office: Office, number: int, *transfer: str, **more: Any) -> Any:
    """Post one transfer; its receipt."""
    body = {"id": uid(number), **pay(*transfer, **more)}
    answer = await office.ask("POST", f"{CAJA}/transfers", body)
    assert answer.status == 201, answer.body
    return answer.body["receipt"]


async def close(office: Office, day: str, query: str = "") -> Any:
    answer = await office.ask("POST", f"{CAJA}/days/{day}/close{query}")
    assert answer.status == 200, answer.body
    return answer.body


async def mark(office: Office, period: str, how: str, **more: Any) -> int:
    path = f"{CAJA}/periods/{period}/mark"
    return (await office.ask("POST", path, {"mark": how, **more})).status


async def get(office: Office, path: str, who: str = "auditor") -> Any:
    answer = await office.ask("GET", f"{CAJA}/{path}", who=who)
    assert answer.status == 200, answer.body
    return answer.body


async def trial(office: Office, query: str) -> dict[str, tuple[str, str, str, str]]:
    """Opening, debits, credits and closing by account."""
    whole = await get(office, f"trial-balance?{query}")
    assert all(total["balanced"] for total in whole["totals"])
    return {
        line["account"]: (
            line["opening_balance"],
            line["debits"],
            line["credits"],
            line["closing_balance"],
        )
        for line in whole["lines"]
    }


def now(office: Office) -> str:
    return quote(show_time(office.house.now))


async def test_a_day_from_its_first_transfer_to_its_leaf(office: Office) -> None:
    settings = {"days": "clock", "cut_off": "16:30", "value_days_back": 3}
    for query, shown in (
        ("?dry_run=true", {"dry_run": True, "settings": settings}),
        ("", settings),
    ):
        answer = await office.ask("PUT", f"{CAJA}/days/settings{query}", settings)
        assert (answer.status, answer.body) == (200, shown)
    await post(office, 1, "cash", "ana", "100.00", kind="deposit")
    await post(office, 2, "ana", "eva", "25.50")
    days = await get(office, "days")
    assert (days["settings"], days["current"]) == (settings, "2023-11-14")
    [open_day] = days["days"]
    assert (open_day["status"], open_day["count"]) == ("open", 2)

    size = office.state().size
    dry = await close(office, "2023-11-14", "?dry_run=true")
    assert office.state().size == size
    closed = await close(office, "2023-11-14")
    day = closed["day"]
    assert [(t["kind"], t["count"], t["amount"]) for t in day["totals"]] == [
        ("deposit", 1, "100.00"),
        ("payment", 1, "25.50"),
    ]
    assert dry["day"]["totals_hash"] == day["totals_hash"]
    assert "leaf_index" not in dry["day"]
    line = office.database.ledgers[1].lines[day["leaf_index"]]
    assert closed["line"].encode() == line
    assert day["leaf_hash"] == sha256(b"\0" + line).hexdigest()
    origin, covered, _ = closed["checkpoint"].split("\n")[:3]
    assert origin == "example.org/caja"
    assert int(covered) > day["leaf_index"]

    assert (await get(office, "days/2023-11-14"))["day"] == day
    page = await get(office, "days?closed=true")
    assert (page["days"], page["current"]) == ([day], "2023-11-15")
    assert page["closed_through"] == "2023-11-14"
    receipt = await post(office, 3, "cash", "ana", "1.00")
    assert receipt["business_date"] == "2023-11-15"


async def test_what_comes_late_is_refused_or_says_its_day(office: Office) -> None:
    await close(office, "2023-11-13")
    late = pay("cash", "ana", "1.00", business_date="2023-11-10")
    refused = await office.ask("POST", f"{CAJA}/transfers", {"id": uid(1), **late})
    assert refused.code == "business_date_not_open"
    moved = {"id": uid(2), **late, "late": "next_open_day"}
    for _ in range(2):
        answer = await office.ask("POST", f"{CAJA}/transfers", moved)
        assert answer.status == 201
        assert answer.body["receipt"]["business_date"] == "2023-11-14"
    both = {
        "id": uid(3),
        "transfers": [late, pay("cash", "eva", "2.00")],
        "late": "next_open_day",
    }
    answer = await office.ask("POST", f"{CAJA}/batches", both)
    outcomes = answer.body["receipt"]["outcomes"]
    assert [o.get("business_date") for o in outcomes] == ["2023-11-14", None]
    other = {**both, "late": "refuse"}
    assert (await office.ask("POST", f"{CAJA}/batches", other)).code == (
        "id_used_by_another_batch"
    )
    found = await get(office, "transfers?business_date=2023-11-14")
    assert [t["amount"] for t in found["transfers"]] == ["1.00", "1.00", "2.00"]
    assert (await get(office, "transfers?business_date=2023-11-10"))["transfers"] == []


async def test_days_by_command_in_pages(office: Office) -> None:
    await office.ask("PUT", f"{CAJA}/days/settings", {"days": "command"})
    assert "current" not in await get(office, "days")
    for day in ("14", "15", "16"):
        for _ in range(2):
            answer = await office.ask("POST", f"{CAJA}/days/2023-11-{day}/open")
            assert (answer.status, answer.body["status"]) == (200, "open")
    page = await get(office, "days?limit=2")
    assert [day["date"] for day in page["days"]] == ["2023-11-14", "2023-11-15"]
    page = await get(office, f"days?after={page['next']}&limit=2")
    assert [day["date"] for day in page["days"]] == ["2023-11-16"]
    assert "next" not in page
    for day in ("16", "14"):
        await close(office, f"2023-11-{day}")
    page = await get(office, "days?closed=true&limit=1")
    assert ([d["date"] for d in page["days"]], page["next"]) == (["2023-11-14"], "2023-11-14")
    page = await get(office, f"days?closed=true&after={page['next']}")
    assert [day["date"] for day in page["days"]] == ["2023-11-16"]
    statuses = {
        day: (await get(office, f"days/2023-11-{day}"))["day"]["status"]
        for day in ("13", "14", "15", "17")
    }
    assert statuses == {"13": "closed", "14": "closed", "15": "open", "17": "not_open"}


async def test_the_clock_closes_days_and_says_which_is_next(office: Office) -> None:
    """14 November in Mexico: the day before is closed at once, today an hour after it."""
    settings = {"days": "clock", "close_after_minutes": 60}
    assert "closing" not in await get(office, "days")
    dry = await office.ask("PUT", f"{CAJA}/days/settings?dry_run=true", settings)
    assert dry.body["settings"] == settings
    assert "closing" not in await get(office, "days")
    assert (await office.ask("PUT", f"{CAJA}/days/settings", settings)).status == 200
    await post(office, 1, "cash", "ana", "5.00")
    seen = await get(office, "days")
    assert (seen["settings"], seen["closed_through"]) == (settings, "2023-11-13")
    assert seen["closing"] == {"date": "2023-11-14", "at": "2023-11-15T07:00:00.000000Z"}
    office.house.now += DAY_US
    await get(office, "days/2023-11-14")  # What comes first is recorded first.
    whole = await get(office, "days/2023-11-14")
    day = whole["day"]
    assert (day["status"], day["count"], "closed_by" in day) == ("closed", 1, False)
    assert '"by"' not in whole["line"]
    assert (await get(office, "days"))["closing"]["date"] == "2023-11-15"
    listed = (await get(office, "days?closed=true"))["days"]
    assert [(one["date"], one["count"]) for one in listed] == [
        ("2023-11-13", 0),
        ("2023-11-14", 1),
    ]
    for wrong in (-1, 10_081, "60", 1.5):
        body = {"days": "clock", "close_after_minutes": wrong}
        answer = await office.ask("PUT", f"{CAJA}/days/settings", body)
        assert (answer.status, answer.code) == (422, "malformed_request")


async def test_why_the_clock_cannot_close_a_day_is_shown(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(days: Days, line: DayClosed) -> Refusal:
        return Refusal(code=RefusalCode.DAY_BEFORE_IS_OPEN)

    monkeypatch.setattr(Days, "_refuse_closing", never)
    settings = {"days": "clock", "close_after_minutes": 0}
    assert (await office.ask("PUT", f"{CAJA}/days/settings", settings)).status == 200
    seen = (await get(office, "days"))["closing"]
    assert seen == {
        "date": "2023-11-13",
        "at": "2023-11-14T06:00:00.000000Z",
        "code": "day_before_is_open",
    }


async def test_a_reopened_month_shows_what_came_late(office: Office) -> None:
    await post(office, 1, "cash", "ana", "5.00", business_date="2023-10-31")
    await close(office, "2023-10-31")
    assert await mark(office, "2023-10", "preliminary") == 200
    assert await mark(office, "2023-10", "reopened") == 409
    assert await mark(office, "2023-10", "reopened", act=ACT) == 200
    await post(office, 2, "cash", "ana", "7.00", business_date="2023-10-31")
    day = (await get(office, "days/2023-10-31"))["day"]
    assert (day["status"], day["count"]) == ("reopened", 1)
    assert [t["amount"] for t in day["late"]] == ["7.00"]
    path = f"{CAJA}/periods/2023-10/mark"
    for dry in ("?dry_run=true", ""):  # What it would say, it says.
        again = await office.ask("POST", path + dry, {"mark": "preliminary"})
        [late] = (again.body["period"] if dry else again.body)["late"]
        assert (late["date"], late["count"]) == ("2023-10-31", 1)
        assert late["totals"][0]["amount"] == "7.00"
    assert "late" not in (await office.ask("POST", path, {"mark": "preliminary"})).body
    assert await mark(office, "2023-10", "reopened", act=ACT) == 200
    await post(office, 3, "cash", "ana", "2.00", business_date="2023-10-31")
    await post(office, 4, "cash", "ana", "1.00", business_date="2023-10-15")
    day = (await get(office, "days/2023-10-31"))["day"]
    assert [(t["count"], t["amount"]) for t in day["late"]] == [(2, "9.00")]
    assert await mark(office, "2023-10", "preliminary") == 200
    day = (await get(office, "days/2023-10-31"))["day"]
    assert (day["status"], day["count"], day["late_count"]) == ("closed", 1, 2)
    assert [(t["count"], t["amount"]) for t in day["late"]] == [(2, "9.00")]
    assert len(day["late_leaves"]) == 2
    # Of a day that nobody closed, since nothing was on it, too.
    day = (await get(office, "days/2023-10-15"))["day"]
    assert (day["status"], day["count"], day["late_count"]) == ("closed", 0, 1)
    assert [t["amount"] for t in day["late"]] == ["1.00"]
    total = (await trial(office, "period=2023-10"))["cash"][1]
    assert total == "15.00"
    assert await mark(office, "2023-10", "final") == 200
    periods = await get(office, "periods")
    assert periods["periods"] == [{"period": "2023-10", "mark": "final"}]
    assert (await get(office, "periods?after=2023-10"))["periods"] == []
    lines = b"".join(office.database.ledgers[1].lines)
    assert b'"number":"CA-12/2023"' in lines


async def test_the_books_as_they_were_and_as_they_were_known(office: Office) -> None:
    """A late transfer changes October, but not what October was known to be in November."""
    await post(office, 1, "cash", "ana", "100.00", business_date="2023-10-30")
    await post(office, 2, "ana", "eva", "40.00")
    before = now(office)
    office.house.now += DAY_US
    await post(office, 3, "cash", "ana", "1.00", business_date="2023-10-31")
    october = "from=2023-10-01&to=2023-10-31"
    assert (await trial(office, october))["ana"] == ("0.00", "0.00", "101.00", "101.00")
    known = f"{october}&as_known_on={before}"
    assert (await trial(office, known))["ana"] == ("0.00", "0.00", "100.00", "100.00")
    assert (await trial(office, "period=2023-10&as_known_on=" + before))["ana"][3] == "100.00"
    assert await trial(office, f"{october}&as_known_on=2001-01-01T00:00:00Z") == {}

    async def balance(query: str) -> str:
        answer = await get(office, f"accounts/ana/balance?{query}")
        assert (answer["account"], answer["currency"]) == ("ana", "MXN")
        return str(answer["balance"])

    assert await balance("") == "61.00"
    assert await balance("on=2023-10-30") == "100.00"
    assert await balance("on=2023-10-31") == "101.00"
    assert await balance(f"on=2023-10-31&as_known_on={before}") == "100.00"
    assert await balance(f"as_known_on={before}") == "60.00"
    assert await balance("as_known_on=2001-01-01T00:00:00-06:00") == "0.00"
    assert await balance("on=9999-12-31&adjustments=true") == "61.00"
    foreign = await office.ask("GET", f"{CAJA}/accounts/ana/balance", who="poster")
    assert foreign.code == "account_not_yours"
    assert (await get(office, "accounts/cash/balance", who="poster"))["balance"] == "-101.00"


async def test_a_single_transfer_says_its_source_too(office: Office) -> None:
    """So that a day's acta tells the till's from the core system's."""
    await post(office, 1, "cash", "ana", "1.00", source="till-3", branch="norte")
    await post(office, 2, "cash", "ana", "2.00")
    again = {"id": uid(1), **pay("cash", "ana", "1.00"), "source": "till-4"}
    spent = await office.ask("POST", f"{CAJA}/transfers", again)
    assert spent.code == "id_used_by_another_batch"
    today = (await get(office, "days"))["current"]
    totals = (await get(office, f"days/{today}"))["day"]["totals"]
    assert [(one["source"], one["amount"]) for one in totals] == [
        ("", "2.00"),
        ("till-3", "1.00"),
    ]


async def test_the_thirteenth_month_is_a_period_of_its_own(office: Office) -> None:
    office.house.now += 50 * DAY_US  # January.
    await post(office, 1, "cash", "ana", "100.00", business_date="2023-12-31")
    await post(office, 2, "cash", "ana", "7.00")
    await close(office, "2023-12-31")
    adjusting = {"business_date": "2023-12-31", "terms": {"adjusting": True}}
    await post(office, 3, "ana", "eva", "30.00", **adjusting)
    december = "from=2023-12-01&to=2023-12-31"
    plain = ("0.00", "0.00", "100.00", "100.00")
    adjusted = ("0.00", "30.00", "100.00", "70.00")
    assert (await trial(office, december))["ana"] == plain
    assert (await trial(office, "period=2023-12"))["ana"] == plain
    assert (await trial(office, f"{december}&adjustments=true"))["ana"] == adjusted
    month_13 = await trial(office, "period=2023-13")
    assert month_13["ana"] == ("100.00", "30.00", "0.00", "70.00")
    assert month_13["eva"] == ("0.00", "0.00", "30.00", "30.00")
    january = await trial(office, "period=2024-01")
    assert january["ana"] == ("70.00", "0.00", "7.00", "77.00")
    year = await trial(office, "from=2023-01-01&to=2024-12-31")
    assert year["ana"] == ("0.00", "30.00", "107.00", "77.00")
    on = "accounts/ana/balance?on=2023-12-31"
    assert (await get(office, on))["balance"] == "100.00"
    assert (await get(office, f"{on}&adjustments=true"))["balance"] == "70.00"
    # A statement agrees: what ends with the year has no adjustments unless they are asked for.
    for period, closes, lines in (
        ("to=2023-12-31", "100.00", 1),
        ("from=2023-12-01&to=2023-12-31&limit=1", "100.00", 1),
        ("to=2023-12-31&adjustments=true", "70.00", 2),
        ("to=2024-01-01", "70.00", 2),
    ):
        told = await get(office, f"accounts/ana/statement?{period}")
        while "next" in told:  # One row a page.
            cursor = quote(told["next"])
            more = await get(office, f"accounts/ana/statement?{period}&cursor={cursor}")
            told = {**more, "transfers": told["transfers"] + more["transfers"]}
        assert (told["closing_balance"], len(told["transfers"])) == (closes, lines), period
    opened = await get(office, "accounts/ana/statement?from=2024-01-01")
    assert opened["opening_balance"] == "70.00"
    assert await mark(office, "2023-13", "preliminary") == 200
    late = {"id": uid(4), **pay("ana", "eva", "1.00", **adjusting)}
    refused = await office.ask("POST", f"{CAJA}/transfers", late)
    assert refused.code == "business_date_not_open"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("days/2023-02-29", "date"),
        ("days/2023-2-9", "date"),
        ("days/1969-12-31", "date"),
        ("days/settings", "date"),
        ("days/20231114", "date"),
        ("trial-balance?from=2023-01-01", "to"),
        ("trial-balance?to=2023-01-01", "from"),
        ("trial-balance?period=2023-01&to=2023-01-01", "period"),
        ("trial-balance?period=2023-14", "period"),
        ("trial-balance?period=0001-01", "period"),
        ("trial-balance?period=2023-01&as_known_on=2023-01-01T00:00:00", "as_known_on"),
        ("accounts/ana/balance?as_known_on=yesterday", "as_known_on"),
    ],
)
async def test_what_is_no_day_period_or_moment(office: Office, path: str, field: str) -> None:
    answer = await office.ask("GET", f"{CAJA}/{path}", who="auditor")
    assert (answer.status, answer.code, answer.body["field"]) == (
        422,
        "malformed_request",
        field,
    )


@pytest.mark.parametrize(
    "body",
    [
        {"days": "clock", "cut_off": "00:00"},
        {"days": "clock", "cut_off": "16:31"},
        {"days": "clock", "cut_off": "24:00"},
        {"days": "clock", "value_days_back": -1},
        {"days": "sun"},
        {},
    ],
)
async def test_settings_of_another_form(office: Office, body: dict[str, object]) -> None:
    state = office.state()
    answer = await office.ask("PUT", f"{CAJA}/days/settings", body)
    assert (answer.status, answer.code) == (422, "malformed_request")
    assert office.state() == state


async def test_only_operators_keep_days(office: Office) -> None:
    state = office.state()
    for who in ("poster", "auditor"):
        for method, path, body in (
            ("PUT", "days/settings", {"days": "clock"}),
            ("POST", "days/2023-11-14/open", None),
            ("POST", "days/2023-11-14/close", None),
            ("POST", "periods/2023-10/mark", {"mark": "preliminary"}),
        ):
            answer = await office.ask(method, f"{CAJA}/{path}", body, who=who)
            assert answer.code == "role_not_allowed"
    for path in ("days", "days/2023-11-14", "periods"):
        answer = await office.ask("GET", f"{CAJA}/{path}", who="poster")
        assert answer.code == "role_not_allowed"
    assert office.state() == state


async def test_two_who_close_a_day_at_once(office: Office) -> None:
    """One has closed it, the other is told that it is not open."""
    answers = await asyncio.gather(
        *(office.ask("POST", f"{CAJA}/days/2023-11-14/close") for _ in range(4))
    )
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
