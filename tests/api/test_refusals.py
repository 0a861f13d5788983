"""Every refusal there is, provoked over HTTP, with its status and words in three languages."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from ledger.api.problems import REFUSED, STATUS, Problem, problem_of
from ledger.core.faults import (
    ClockAhead,
    LedgerFault,
    OutcomeUnknown,
    Overloaded,
    SignerStopped,
    StoreUnavailable,
    WriterReplaced,
)
from ledger.core.refusals import RefusalCode
from ledger.core.texts import (
    TEXTS,
    accounts,
    approvals,
    days,
    rules,
    sentence,
    service,
    title,
    transfers,
)
from ledger.core.texts.text import LANGUAGES
from tests.api.offices import CAJA, Office, open_office, pay, uid
from tests.sequencer.houses import House

Request = tuple[str, str, dict[str, object] | None]

ROOT = Path(__file__).parents[2]
TRANSFERS = f"{CAJA}/transfers"
ACCOUNTS = f"{CAJA}/accounts"

# The JSON door gives every batch a day from now, so none can come too late. A batch with a
# manifest of its poster's can (test_lines.py). That holds expire, nobody
# asks for; and that an entry falls stands among the outcomes of a batch (test_terms.py).
# Provoked in test_proposals.py of the three rooms, where several people are at work.
AGREED = {RefusalCode.ACCOUNT_HAS_PROPOSALS} | {
    code
    for code in RefusalCode
    if code.startswith(("policy_", "workflow_", "proposal", "approv", "decision_", "dispute_"))
}
# The totals of a day are the ledger's own.
NOT_OVER_HTTP = {
    *AGREED,
    RefusalCode.DAY_TOTALS_DIFFER,
    RefusalCode.BATCH_EXPIRED,
    RefusalCode.HOLDS_NOT_DUE,
    RefusalCode.DAY_NOT_DUE,
    RefusalCode.DISPUTE_NOT_DUE,
    RefusalCode.LIMIT_NOT_DUE,
    RefusalCode.OCCURRENCE_NOT_DUE,
    RefusalCode.ENTRY_REFUSED,
    RefusalCode.SCHEDULE_CODE_USED,  # No operator's: test_schedules.py.
    # Of lines and keys: test_lines.py.
    RefusalCode.POSTER_KEY_USED,
    RefusalCode.POSTER_KEY_NOT_FOUND,
    RefusalCode.SIGNATURE_MISSING,
    RefusalCode.SIGNATURE_NOT_ACCEPTED,
}


def to(code: str, **changes: object) -> Request:
    """A change of an account."""
    return "PATCH", f"{ACCOUNTS}/{code}", {"reason": "board", **changes}


def transfer(*args: str, **more: object) -> Request:
    return "POST", TRANSFERS, {"id": uid(1), **pay(*args, **more)}


def under(*args: str, number: int = 1, currency: str = "MXN", **terms: object) -> Request:
    """A transfer under terms."""
    body = {**pay(*args), "currency": currency, "terms": terms}
    return "POST", TRANSFERS, {"id": uid(number), **body}


def hold(*args: str, **more: object) -> Request:
    """A hold that is open for longer than any test takes."""
    return under(*args, number=9, action="hold", expires="2023-12-01T00:00:00-06:00", **more)


def exchange(terms: dict[str, object]) -> Request:
    """Pesos and then hours, as one entry."""
    pesos = pay("cash", "ana", "100.00", terms={"entry": 1})
    hours = {**pay("bank", "hours", "5.00"), "currency": "HRS", "terms": terms}
    return "POST", f"{CAJA}/batches", {"id": uid(1), "transfers": [pesos, hours]}


def keep(**settings: object) -> Request:
    """How days are kept."""
    return "PUT", f"{CAJA}/days/settings", settings


def day(what: str, day: int, month: int = 11) -> Request:
    """Open or close a day of 2023; the house stands at 14 November."""
    return "POST", f"{CAJA}/days/2023-{month:02}-{day:02}/{what}", {}


def mark(how: str, *, act: bool = False, month: str = "2023-10") -> Request:
    cited = {"act": {"number": "A-1", "date": "2023-11-14", "hash": "00" * 32}}
    return "POST", f"{CAJA}/periods/{month}/mark", {"mark": how, **(cited if act else {})}


def account(code: str, **more: object) -> Request:
    return "POST", ACCOUNTS, {"code": code, "currency": "MXN", **more}


def levy(code: str = "fair", **rule: object) -> Request:
    body = {"kinds": ["sale"], "treasury": "eva", "payer": "debit", "reason": "board", **rule}
    return "PUT", f"{CAJA}/levies/{code}", body


def demurrage(account: str = "eva") -> Request:
    rule = {"rate": {"n": 1, "d": 100}, "period": "month", "since": "2023-09-01"}
    body = {**rule, "account": account, "reason": "board"}
    return "PUT", f"{CAJA}/currencies/MXN/demurrage", body


def fee() -> Request:
    rule = {"amount": "2", "currency": "MXN", "kinds": ["member"], "period": "month"}
    body = {**rule, "treasury": "eva", "since": "2023-09-01", "reason": "board"}
    return "PUT", f"{CAJA}/fees/member", body


def run(of: str, end: str) -> Request:
    return "POST", f"{CAJA}/{of}/runs", {"period_end": end}


def reserve(currency: str, **rule: object) -> Request:
    body = {"issuer": "bonos", "reserve": "eva", "ratio": {"n": 1, "d": 1}, "reason": "board"}
    return "PUT", f"{CAJA}/currencies/{currency}/reserve", {**body, **rule}


BACKED: list[Request] = [
    ("POST", f"{CAJA}/currencies", {"code": "BON", "kind": "backed", "scale": 0}),
    ("POST", ACCOUNTS, {"code": "bonos", "currency": "BON", "lower_bound": "none"}),
    ("POST", ACCOUNTS, {"code": "tienda", "currency": "BON"}),
]


def limits(*accounts: str, **what: object) -> Request:
    return "POST", f"{CAJA}/limits", {"accounts": accounts, "reason": "board", **what}


def schedule(**more: object) -> Request:
    body = {**pay("cash", "ana", "5.00"), "first": "2023-12-01", "reason": "board", **more}
    return "PUT", f"{CAJA}/schedules/rent", body


# What is done first, and then what is refused.
REFUSALS: dict[RefusalCode, tuple[list[Request], Request]] = {
    RefusalCode.SCHEDULE_NOT_FOUND: (
        [],
        ("DELETE", f"{CAJA}/schedules/rent?reason=board", {}),
    ),
    RefusalCode.SCHEDULE_EMPTY: ([], schedule(last="2023-11-30")),
    RefusalCode.HOLIDAYS_NOT_OF_YEAR: (
        [],
        ("PUT", f"{CAJA}/holidays/2023", {"dates": ["2024-01-01"], "reason": "board"}),
    ),
    RefusalCode.LEDGER_CODE_USED: (
        [],
        ("POST", "/v1/ledgers", {"code": "caja", "name": "Otra", "time_zone": "UTC"}),
    ),
    RefusalCode.CURRENCY_CODE_USED: (
        [],
        ("POST", f"{CAJA}/currencies", {"code": "MXN", "kind": "national", "scale": 3}),
    ),
    RefusalCode.ACCOUNT_CODE_USED: ([], account("ana", kind="fund")),
    RefusalCode.ACCOUNT_CODE_LOOKS_PERSONAL: ([], account("GODE561231GR8")),
    RefusalCode.ACCOUNT_NOT_FOUND: ([], to("nobody", status="frozen")),
    RefusalCode.ACCOUNT_CLOSED: ([to("ana", status="closed")], to("ana", status="frozen")),
    RefusalCode.ACCOUNT_FROZEN_BY_ORDER: (
        [to("ana", status="frozen", order="UEI/117/2026")],
        to("ana", status="open"),
    ),
    RefusalCode.ACCOUNT_IN_DEBT: (
        [transfer("ben", "cash", "1.00", id=uid(9))],
        to("ben", status="closed", remaining_to="cash"),
    ),
    RefusalCode.LIMIT_IS_EARNED: (
        [limits("ana", earned={"n": 1, "d": 2, "cap": "50"})],
        to("ana", lower_bound="-1"),
    ),
    RefusalCode.LIMIT_IS_PLANNED: (
        [limits("ana", lower_bound="-1", starts="2031-01-01")],
        limits("ana", earned={"n": 1, "d": 2, "cap": "50"}),
    ),
    RefusalCode.LIMIT_PLAN_OVER: ([], to("ana", lower_bound="-1", ends="2023-01-01")),
    RefusalCode.LIMIT_PLAN_NOT_FOUND: ([], limits("ana", unplan=3)),
    RefusalCode.EXCEEDS_PAYMENT_LIMIT: (
        [limits("cash", payments={"day": "5.00"})],
        transfer("cash", "ana", "5.01"),
    ),
    RefusalCode.ACCOUNT_NOT_AT_ZERO: (
        [("POST", TRANSFERS, {"id": uid(9), **pay("cash", "ana", "1.00")})],
        to("ana", status="closed"),
    ),
    RefusalCode.ACCOUNT_HAS_HOLDS: ([hold("cash", "ana", "5.00")], to("ana", status="closed")),
    RefusalCode.ACCOUNT_HAS_SUSPENSE: (
        [
            to("ana", status="frozen"),
            under("cash", "ana", "5.00", suspense="eva", number=8),
            under("ana", "cash", "5.00", suspense="eva", number=9),
        ],
        to("eva", status="closed"),
    ),
    RefusalCode.ACCOUNT_IN_USE: ([levy()], to("eva", status="closed")),
    RefusalCode.LEVY_NOT_FOUND: ([], ("GET", f"{CAJA}/levies/fair", None)),
    RefusalCode.RATE_ABOVE_ONE: ([], levy(rate={"n": 101, "d": 100})),
    RefusalCode.TOO_MANY_LEVIES: ([levy(f"l{n}") for n in range(7)], levy()),
    RefusalCode.DEMURRAGE_NOT_FOUND: ([], run("currencies/MXN/demurrage", "2023-10-31")),
    RefusalCode.DEMURRAGE_ACCOUNT_DIFFERS: ([demurrage()], demurrage("ana")),
    RefusalCode.FEE_NOT_FOUND: ([], run("fees/member", "2023-10-31")),
    RefusalCode.RESERVE_NOT_FOUND: ([], ("GET", f"{CAJA}/currencies/MXN/reserve", None)),
    RefusalCode.CURRENCY_NOT_BACKED: ([], reserve("MXN", issuer="cash")),
    RefusalCode.NO_SUCH_PERIOD: ([demurrage()], run("currencies/MXN/demurrage", "2023-10-30")),
    RefusalCode.PERIOD_NOT_BEGUN: ([fee()], run("fees/member", "2023-12-31")),
    RefusalCode.PERIOD_NOT_OVER: (
        [demurrage()],
        run("currencies/MXN/demurrage", "2023-11-30"),
    ),
    RefusalCode.EXCEEDS_RESERVE: (
        [*BACKED, reserve("BON")],
        transfer("bonos", "tienda", "1", currency="BON"),
    ),
    RefusalCode.BOUNDS_CROSSED: ([], to("ana", lower_bound="1", upper_bound="0")),
    RefusalCode.ACT_MISSING: (
        [day("close", 31, 10), mark("preliminary")],
        mark("reopened"),
    ),
    RefusalCode.DAYS_KEPT_BY_CLOCK: ([], day("open", 14)),
    RefusalCode.DAY_NOT_NEW: ([keep(days="command"), day("open", 14)], day("open", 13)),
    RefusalCode.DAY_TOO_EARLY: ([], day("close", 15)),
    RefusalCode.DAY_NOT_OPEN: ([day("close", 14)], day("close", 14)),
    RefusalCode.DAY_BEFORE_IS_OPEN: (
        [transfer("cash", "ana", "1.00", id=uid(9), business_date="2023-11-13")],
        day("close", 14),
    ),
    RefusalCode.PERIOD_NOT_MARKED_SO: ([day("close", 31, 10)], mark("final")),
    RefusalCode.PERIOD_FINAL: (
        [day("close", 31, 10), mark("preliminary"), mark("final")],
        mark("reopened", act=True),
    ),
    RefusalCode.PERIOD_BEFORE_IS_OPEN: (
        [
            day("close", 30, 9),
            day("close", 31, 10),
            mark("preliminary", month="2023-09"),
            mark("preliminary"),
        ],
        mark("final"),
    ),
    RefusalCode.NO_DAY_OPEN: ([keep(days="command")], transfer("cash", "ana", "1.00")),
    RefusalCode.VALUE_DATE_TOO_EARLY: (
        [keep(days="clock", value_days_back=3)],
        transfer("cash", "ana", "1.00", value_date="2023-11-10"),
    ),
    RefusalCode.ID_USED_BY_ANOTHER_BATCH: (
        [transfer("cash", "ana", "1.00")],
        transfer("cash", "ana", "2.00"),
    ),
    RefusalCode.CURRENCY_NOT_FOUND: ([], transfer("cash", "ana", "1.00", currency="XTS")),
    RefusalCode.CURRENCY_MUST_MATCH_ACCOUNTS: (
        [],
        transfer("cash", "ana", "1.00", currency="HRS"),
    ),
    RefusalCode.DEBIT_ACCOUNT_NOT_FOUND: ([], transfer("nobody", "ana", "1.00")),
    RefusalCode.CREDIT_ACCOUNT_NOT_FOUND: ([], transfer("cash", "nobody", "1.00")),
    RefusalCode.CONTROL_SUMS_DIFFER: (
        [],
        (
            "POST",
            f"{CAJA}/batches",
            {
                "id": uid(1),
                "transfers": [pay("cash", "ana", "1.00")],
                "control_sums": {"MXN": "1.01"},
            },
        ),
    ),
    RefusalCode.ACCOUNTS_MUST_DIFFER: ([], transfer("ana", "ana", "1.00")),
    RefusalCode.ACCOUNTS_OF_DIFFERENT_CURRENCIES: ([], transfer("cash", "hours", "1.00")),
    RefusalCode.REFERENCE_USED: (
        [("POST", TRANSFERS, {"id": uid(9), **pay("cash", "ana", "1", reference="R1")})],
        transfer("cash", "ana", "2", reference="R1"),
    ),
    RefusalCode.BUSINESS_DATE_NOT_OPEN: (
        [],
        transfer("cash", "ana", "1.00", business_date="2031-01-01"),
    ),
    RefusalCode.TERMS_ACCOUNT_NOT_USABLE: (
        [],
        under("cash", "ana", "1.00", suspense="hours"),
    ),
    RefusalCode.HOLD_NOT_OPEN: ([], under("cash", "ana", "1.00", action="post", target=1)),
    RefusalCode.HOLD_EXPIRED: (
        [],
        under("cash", "ana", "1.00", action="hold", expires="2023-01-01T00:00:00Z"),
    ),
    RefusalCode.TARGET_NOT_FOUND: (
        [],
        under("ana", "cash", "1.00", action="reverse", target=1),
    ),
    RefusalCode.TARGET_NOT_REVERSIBLE: (
        [hold("cash", "ana", "5.00")],
        under("ana", "cash", "1.00", action="reverse", target=1),
    ),
    RefusalCode.TARGET_NOT_IN_SUSPENSE: (
        [transfer("cash", "ana", "1.00", id=uid(9))],
        under("ana", "eva", "1.00", action="clear", target=1),
    ),
    RefusalCode.TARGET_DIFFERS: (
        [hold("cash", "ana", "5.00")],
        under("cash", "eva", "5.00", action="post", target=1),
    ),
    RefusalCode.EXCEEDS_TARGET: (
        [hold("cash", "ana", "5.00")],
        under("cash", "ana", "5.01", action="post", target=1),
    ),
    RefusalCode.RATE_DIFFERS: ([], exchange({"entry": 1, "rate": {"n": 1, "d": 17}})),
    RefusalCode.RESIDUE_DIFFERS: ([], exchange({"entry": 1, "rate": {"n": 100, "d": 1997}})),
    RefusalCode.DEBIT_ACCOUNT_CLOSED: (
        [to("ana", status="closed")],
        transfer("ana", "eva", "1.00"),
    ),
    RefusalCode.CREDIT_ACCOUNT_CLOSED: (
        [to("ana", status="closed")],
        transfer("cash", "ana", "1.00"),
    ),
    RefusalCode.DEBIT_ACCOUNT_FROZEN: (
        [to("ana", status="frozen")],
        transfer("ana", "eva", "1.00"),
    ),
    RefusalCode.CREDIT_ACCOUNT_FROZEN: (
        [to("ana", status="frozen")],
        transfer("cash", "ana", "1.00"),
    ),
    RefusalCode.EXCEEDS_CREDIT_LIMIT: ([], transfer("ben", "eva", "50.01")),
    RefusalCode.EXCEEDS_BALANCE_LIMIT: ([], transfer("cash", "ben", "100.01")),
}


def test_no_refusal_is_left_out() -> None:
    assert set(REFUSALS) | NOT_OVER_HTTP == set(RefusalCode)
    assert not set(REFUSALS) & NOT_OVER_HTTP


@pytest.mark.parametrize("code", REFUSALS)
async def test_refused_over_http(tmp_path: Path, code: RefusalCode) -> None:
    """The answer is the problem of that code, and no balance moved."""
    before, (method, path, body) = REFUSALS[code]
    async with open_office(House(tmp_path), unique_references=True) as office:
        hours = {"code": "HRS", "kind": "time", "scale": 2}
        await office.ask("POST", f"{CAJA}/currencies", hours)
        await office.ask("POST", ACCOUNTS, {"code": "hours", "currency": "HRS"})
        bank = {"code": "bank", "currency": "HRS", "lower_bound": "none"}
        await office.ask("POST", ACCOUNTS, bank)
        for request in before:
            who = "compliance" if "order" in request[2] else "operator"
            assert (await office.ask(*request, who=who)).status in (200, 201)
        state = office.state()
        who = "service" if path == "/v1/ledgers" else "operator"
        answer = await office.ask(method, path, body, who=who)
        after = office.state()
        assert answer.status == REFUSED[code]
        assert answer.code == code
        assert (after.balances, after.bounds, after.transfers) == (
            state.balances,
            state.bounds,
            state.transfers,
        )
        recorded = "leaf_index" in answer.body
        assert after.leaves == state.leaves + recorded
        spends_id = path in (TRANSFERS, f"{CAJA}/batches")
        assert recorded is (spends_id and code is not RefusalCode.ID_USED_BY_ANOTHER_BATCH)


async def test_a_refusal_says_what_would_be_accepted(office: Office) -> None:
    """In the currency's scale; and that much is accepted."""
    for debit, credit, amount, available in [
        ("ben", "eva", "50.01", "50.00"),
        ("cash", "ben", "200.00", "150.00"),
    ]:
        body = {"id": uid(len(amount) * 10 + ord(debit[0])), **pay(debit, credit, amount)}
        refused = await office.ask("POST", TRANSFERS, body)
        assert refused.body["available"] == available
        assert refused.body["currency"] == "MXN"
        assert f"{available} MXN" in refused.body["detail"]
        again = {"id": uid(7 + ord(debit[0])), **pay(debit, credit, available)}
        assert (await office.ask("POST", TRANSFERS, again)).status == 201


async def test_terms_say_what_would_be_accepted_too(tmp_path: Path) -> None:
    """Of what is left of a hold, and of what the rate makes of an amount."""
    english = {"Accept-Language": "en"}
    async with open_office(House(tmp_path)) as office:
        await office.ask(*hold("cash", "ana", "5.00"))
        too_much = under("cash", "ana", "5.01", action="post", target=1)
        refused = await office.ask(*too_much, headers=english)
        assert (refused.body["available"], refused.body["currency"]) == ("5.00", "MXN")
        assert "5.00 MXN would be accepted" in refused.body["detail"]
        again = await office.ask(*too_much, headers=english)
        assert {**again.body, "request_id": ""} == {**refused.body, "request_id": ""}
        void = under("cash", "ana", "4.00", number=2, action="void", target=1)
        assert (await office.ask(*void)).body["available"] == "5.00"
        await office.ask(
            "POST", f"{CAJA}/currencies", {"code": "HRS", "kind": "time", "scale": 1}
        )
        for code in ("bank", "hours"):
            one = {"code": code, "currency": "HRS", "lower_bound": "none"}
            await office.ask("POST", ACCOUNTS, one)
        asked = exchange({"entry": 1, "rate": {"n": 1, "d": 170}})
        asked[2]["id"] = uid(3)
        asked[2]["transfers"][1]["amount"] = "5.9"  # type: ignore[index]
        refused = await office.ask(*asked)
        assert (refused.body["available"], refused.body["position"]) == ("5.8", 1)
        assert "5.8 HRS" in refused.body["detail"]


# ---- faults


FAULTS = {
    StoreUnavailable: "store_unavailable",
    OutcomeUnknown: "outcome_unknown",
    WriterReplaced: "writer_replaced",
    ClockAhead: "clock_ahead",
    SignerStopped: "signer_stopped",
    Overloaded: "overloaded",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_says_to_send_the_same_again(fault: type[LedgerFault]) -> None:
    """And when; and nothing of the inner workings."""
    problem = problem_of(fault("the inner workings"))
    assert (problem.status, problem.code) == (503, FAULTS[fault])
    assert int(problem.headers["Retry-After"]) >= 1
    document = problem.document("en", "r-1")
    assert "not be doubled" in document.detail
    assert "inner workings" not in str(document)


def test_who_is_overloaded_says_for_how_long() -> None:
    assert problem_of(Overloaded(retry_after_s=7)).headers == {"Retry-After": "7"}


async def test_what_is_wrong_inside_is_told_by_its_number_alone(office: Office) -> None:
    """A journal damaged in the database is a 500 that shows nothing of it."""
    await office.ask("POST", TRANSFERS, {"id": uid(1), **pay("cash", "ana", "1.00")})
    posted = office.database.ledgers[1].posted
    posted[0] = replace(posted[0], body=b"damaged")
    answer = await office.ask("GET", f"{TRANSFERS}/1")
    assert (answer.status, answer.code) == (500, "journal_broken")
    posted[0] = replace(posted[0], body=b"one\n")
    answer = await office.ask("GET", f"{TRANSFERS}/1")
    assert (answer.status, answer.code) == (500, "internal_error")
    assert answer.body["request_id"] == answer.headers["X-Request-Id"]
    assert answer.body.keys() == {"type", "title", "status", "detail", "code", "request_id"}


async def test_without_a_database_the_service_lives_and_is_not_ready(office: Office) -> None:
    office.database.is_down = True
    assert (await office.ask("GET", "/healthz", who="")).status == 200
    ready = await office.ask("GET", "/readyz", who="")
    assert (ready.status, ready.code) == (503, "not_ready")
    body = {"id": uid(1), **pay("cash", "ana", "1.00")}
    answer = await office.ask("GET", f"{TRANSFERS}/1")
    assert (answer.status, answer.code) == (503, "store_unavailable")
    office.database.is_down = False
    assert (await office.ask("GET", "/readyz", who="")).status == 200
    assert (await office.ask("POST", TRANSFERS, body)).status == 201


# ---- words


def test_every_code_has_words_in_every_language() -> None:
    assert set(TEXTS) == set(STATUS) >= {code.value for code in RefusalCode}
    for code, texts in TEXTS.items():
        assert len(texts) == len(LANGUAGES)
        for language in LANGUAGES:
            assert title(code, language)
            assert sentence(code, language).endswith((".", "…"))
            assert "{" not in sentence(code, language)
            assert not title(code, language).endswith(".")


def test_a_code_has_its_words_in_one_file_only() -> None:
    rooms = (accounts, approvals, days, rules, service, transfers)
    assert sum(len(room.TEXTS) for room in rooms) == len(TEXTS)


def test_facts_of_all_languages_are_the_same() -> None:
    """A translation that asks for a fact nobody has would never be seen."""
    for code, texts in TEXTS.items():
        asked = {frozenset(re.findall(r"\{(\w+)\}", text.exact)) for text in texts}
        assert len(asked) == 1, code


def test_every_problem_stands_in_the_reference() -> None:
    """With its status; and nothing stands there that is not given."""
    reference = (ROOT / "REFERENCE.md").read_text()
    found = dict(re.findall(r"^### `([a-z_]+)`\n\n(\d{3}) ", reference, re.MULTILINE))
    assert {code: int(status) for code, status in found.items()} == STATUS


def test_a_problem_has_a_stable_type() -> None:
    document = Problem("overloaded").document("en", "r-1")
    assert document.type == "/docs#overloaded"
