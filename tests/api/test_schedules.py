"""Schedules and holidays over HTTP: set, tried dry, seen by whom, and what became of them."""

from typing import Any

import msgspec
import pytest

from ledger.api.answers import schedules as answers
from ledger.api.app import SERVICE
from tests.api.offices import CAJA, Office, pay, uid
from tests.api.test_lines import Poster

RENT = f"{CAJA}/schedules/rent"
RUNS = f"{CAJA}/schedules/runs"
A_DAY = 86_400_000_000


def rule(**more: object) -> dict[str, object]:
    """5.00 from cash to ana, from tomorrow on; it is the fourteenth."""
    return {**pay("cash", "ana", "5.00"), "first": "2023-11-15", "reason": "asked", **more}


async def put(office: Office, path: str = RENT, **more: object) -> Any:
    answer = await office.ask("PUT", path, rule(**more))
    assert answer.status == 200, answer.body
    return answer.body


async def run(office: Office) -> list[Any]:
    """Do all that is due, and say what became of it."""
    found: list[Any] = []
    while True:
        done = await office.ask("POST", RUNS)
        assert done.status == 200, done.body
        found += done.body["attempts"]
        if "more" not in done.body:
            return found


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
    for who in ("auditor", "compliance", "approver"):
        assert (await office.ask("PUT", RENT, rule(), who=who)).code == "role_not_allowed"
        gone = await office.ask("DELETE", f"{RENT}?reason=asked", who=who)
        assert gone.code == "role_not_allowed"


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


# ---- not only operators


async def test_a_poster_schedules_what_it_may_debit(office: Office) -> None:
    async def ask(method: str, path: str, **more: object) -> Any:
        body = rule(**more) if method == "PUT" else None
        return await office.ask(method, path, body, who="poster")

    mine = f"{CAJA}/schedules/mine"
    assert (await ask("PUT", mine, debit_account="eva")).code == "account_not_yours"
    assert (await ask("PUT", mine, every="day")).status == 200  # From cash.
    await put(office, f"{CAJA}/schedules/eva", debit_account="eva")
    await put(office, f"{CAJA}/schedules/paid", debit_account="eva", credit_account="cash")
    size = office.state().size
    for code in ("eva", "paid"):  # Of which it reads one.
        path = f"{CAJA}/schedules/{code}"
        assert (await ask("PUT", path)).code == "schedule_code_used"
        assert (await ask("DELETE", f"{path}?reason=asked")).code == "schedule_not_found"
    assert office.state().size == size
    office.house.now += A_DAY
    assert [one["code"] for one in await run(office)] == ["eva", "mine", "paid"]
    assert (await ask("PUT", mine, every="day", amount="6.00")).status == 200
    assert (await ask("DELETE", f"{mine}?reason=asked")).status == 204
    await put(office, mine)
    assert (await ask("DELETE", f"{mine}?reason=asked")).status == 204  # It may have set it.


async def test_a_member_schedules_payments_that_it_may_start(office: Office) -> None:
    """By a workflow that its side starts; as payer or as payee, and never as another."""

    async def ask(workflow: str | None, **more: object) -> str:
        asked = rule(**{"debit_account": "ana", "credit_account": "eva", **more})
        if workflow is not None:
            asked["workflow"] = workflow
        answer = await office.ask("PUT", f"{RENT}?dry_run=true", asked, who="member")
        return "" if answer.status == 200 else answer.code

    assert await ask(None) == "role_not_allowed"
    assert await ask("third_party") == "role_not_allowed"
    assert await ask("none") == "workflow_not_found"
    assert await ask("credit") == ""
    assert await ask("bill") == "account_not_yours"  # Who is paid starts it.
    assert await ask("credit", debit_account="eva", credit_account="ana") == "account_not_yours"
    assert await ask("bill", debit_account="eva", credit_account="ana") == ""
    third = await office.ask("PUT", f"{RENT}?dry_run=true", rule(workflow="third_party"))
    assert third.status == 200
    assert third.body["schedule"]["workflow"] == "third_party"


async def test_a_members_schedule_waits_for_who_is_paid(office: Office) -> None:
    funds = {"id": uid(1), **pay("cash", "ana", "9.00")}
    assert (await office.ask("POST", f"{CAJA}/transfers", funds)).status == 201
    asked = rule(debit_account="ana", credit_account="eva", workflow="credit", every="day")
    asked["count"] = 2
    assert (await office.ask("PUT", RENT, asked, who="member")).status == 200
    office.house.now += A_DAY
    (one,) = await run(office)
    assert (one["outcome"], one["date"], "why" in one) == ("proposed", "2023-11-15", False)
    assert (await office.ask("DELETE", f"{RENT}?reason=asked")).code == "proposal_pending"
    (waits,) = (await get(office, f"{CAJA}/proposals", "member"))["proposals"]
    path = f"{CAJA}/proposals/{waits['id']}"
    cancelled = await office.ask("POST", f"{path}/cancel", {}, who="poster")
    assert cancelled.code == "proposal_not_open"  # Another's, and not to be seen.
    assert (await office.ask("POST", f"{path}/cancel", {}, who="member")).status == 200
    shown = await get(office, RENT, "member")
    assert (shown["last_outcome"]["code"], shown["next"]["date"]) == (
        "proposal_cancelled",
        "2023-11-16",
    )
    rules = {"code": "credit", "reason": "board"}
    assert (await office.ask("POST", f"{CAJA}/workflows", rules)).code == "workflow_in_use"
    gone = await office.ask("DELETE", f"{RENT}?reason=asked", who="member")
    assert gone.status == 204


async def test_what_members_make_is_approved_also_where_it_is_scheduled(
    office: Office,
) -> None:
    theirs = {"makers": ["member"], "approvals": 1, "expires_after": 86_400}
    policy = {"code": "theirs", "reason": "board", "rule": theirs}
    assert (await office.ask("POST", f"{CAJA}/policies", policy)).status == 200
    key = {"role": "member", "accounts": ["cash"], "poster": "cash"}
    given = await office.ask("POST", f"{CAJA}/keys", key)
    office.secrets["cashier"] = given.body["secret"]
    direct = {"starts": "payer", "expires_after": 60}
    workflow = {"code": "direct", "reason": "board", "rule": direct}
    assert (await office.ask("POST", f"{CAJA}/workflows", workflow)).status == 200
    for who, code in (("cashier", "theirs"), ("operator", "ours")):
        asked = rule(workflow="direct")
        path = f"{CAJA}/schedules/{code}"
        assert (await office.ask("PUT", path, asked, who=who)).status == 200
    office.house.now += A_DAY
    found = {one["code"]: one["outcome"] for one in await run(office)}
    assert found == {"ours": "posted", "theirs": "proposed"}


async def test_who_must_sign_schedules_nothing(office: Office) -> None:
    asked = rule(every="day")
    assert (await office.ask("PUT", RENT, asked, who="poster")).status == 200
    assert (await Poster(office).register()).status == 201
    asked["amount"] = "6.00"
    assert (await office.ask("PUT", RENT, asked, who="poster")).code == "signature_missing"
    gone = await office.ask("DELETE", f"{RENT}?reason=asked", who="poster")
    assert gone.status == 204


# ---- at once


async def test_a_run_over_http(office: Office) -> None:
    await put(office, every="day", count=2)
    assert await run(office) == []
    office.house.now += 2 * A_DAY
    dry = await office.ask("POST", f"{RUNS}?dry_run=true")
    due = {
        "code": "rent",
        "date": "2023-11-15",
        "attempt": 1,
        "at": "2023-11-15T12:00:00.000000Z",
    }
    assert dry.body == {"dry_run": True, "due": {"attempts": [due]}}
    done = await office.ask("POST", RUNS)
    assert done.body["attempts"] == [
        {**due, "outcome": "posted", "leaf_index": office.state().size - 1}
    ]
    assert done.body["more"] is True
    kind = answers.AttemptsAnswer
    assert msgspec.to_builtins(msgspec.convert(done.body, kind)) == done.body
    assert [one["date"] for one in await run(office)] == ["2023-11-16"]
    assert (await office.ask("POST", RUNS, who="poster")).code == "role_not_allowed"
    assert (await office.ask("GET", RUNS)).code == "schedule_not_found"  # A code like others.
    app = office.runner.app
    app[SERVICE].schedule_runs = None
    assert (await office.ask("POST", RUNS)).code == "not_ready"
