"""Lines with more than one mistake: the first reason by the page's order is given."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from msgspec import convert

from ledger.core.book import Book
from ledger.core.leaves import AnyLeaf
from ledger.core.refusals import Refusal, RefusalCode
from tests.core.books import NOW, TODAY, add, batch, opened, pay, post

ANA, BEN, HOUR, NOBODY = 1, 2, 3, 99
CENTURY = date(2100, 1, 1)


def line(**fields: Any) -> AnyLeaf:
    known = {"recorded_at": NOW, "by": "op", "reason": "board"}
    names = {"proposed": {"recorded_at"}, "account": {"recorded_at", "by"}}
    kept = names.get(fields["line"], known.keys())
    return convert({name: known[name] for name in kept} | fields, AnyLeaf)


def proposed(**facts: Any) -> AnyLeaf:
    fields = {"batch": UUID(int=1), "poster": "p", "key": "k", "count": 1, "sums": {}}
    fields |= {"expires": NOW + 9, "digest": bytes(32), "salt": bytes(16), "approvals": 1}
    return line(line="proposed", **fields | facts)


@pytest.fixture
def book() -> Book:
    """Ana and ben in pesos, of whom ana collects demurrage and ben has a planned limit."""
    book = opened(currencies=("MXN", "HRS"))
    add(book, "ana")
    add(book, "ben")
    add(book, "hour", currency="HRS")
    rule = {"account": ANA, "n": 1, "d": 2, "period": "week"}
    book.apply(line(line="demurrage", currency="MXN", since=TODAY, rule=rule))
    book.apply(line(line="limit_planned", account=BEN, starts=NOW + 1))
    book.apply(proposed())
    return book


def levy(**facts: Any) -> dict[str, Any]:
    rule = {"kinds": ["sale"], "treasury": ANA, "payer": "debit", "n": 3, "d": 2, "minimum": 9}
    return {"line": "levy", "code": "tithe", "levy": rule | {"maximum": 1} | facts}


def schedule(**facts: Any) -> dict[str, Any]:
    rule = {"amount": 1, "at": 0, "every": "once", "first": TODAY, "kind": "rent"}
    rule |= {"debit_account": ANA, "credit_account": ANA} | facts
    return {"line": "schedule", "code": "rent", "schedule": rule, "since": CENTURY}


def demurrage(currency: str, account: int, n: int) -> dict[str, Any]:
    rule = {"account": account, "n": n, "d": 2, "period": "week"}
    return {"line": "demurrage", "currency": currency, "since": TODAY, "rule": rule}


MISTAKES: list[tuple[str, dict[str, Any]]] = [
    (
        "bounds_crossed",
        {
            "line": "account",
            "number": 4,
            "code": "new",
            "currency": "EUR",
            "nature": "credit",
            "kind": "member",
            "holder": bytes(16),
            "lower": 1,
            "upper": 0,
        },
    ),
    (
        "bounds_crossed",
        {
            "line": "limit_earned",
            "account": BEN,
            "rule": {"base": 2, "cap": 1, "n": 1, "d": 1},
        },
    ),
    ("account_not_found", levy(treasury=NOBODY)),
    ("rate_above_one", levy()),
    ("account_not_found", demurrage("EUR", NOBODY, 3)),
    ("rate_above_one", demurrage("EUR", BEN, 3)),
    ("demurrage_account_differs", demurrage("MXN", HOUR, 1)),
    ("currency_not_found", demurrage("EUR", HOUR, 1)),
    (
        "account_not_found",
        {
            "line": "reserve",
            "currency": "EUR",
            "rule": {"issuer": NOBODY, "reserve": NOBODY, "n": 1, "d": 1},
        },
    ),
    ("account_not_found", schedule(credit_account=NOBODY)),
    ("schedule_empty", schedule()),
]


@pytest.mark.parametrize(("code", "fields"), MISTAKES)
def test_the_first_of_the_reasons_is_given(
    book: Book, code: str, fields: dict[str, Any]
) -> None:
    refusal = book.refuse(line(**fields))
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("account_not_found", {"workflow": "none", "payer": NOBODY, "payee": ANA}),
        ("account_not_found", {"holds": [(ANA, ANA), (ANA, NOBODY)], "approvals": 0}),
        ("workflow_not_found", {"workflow": "none", "approvals": 0}),
        ("decision_not_needed", {"approvals": 0, "expires": NOW}),
        ("proposal_pending", {"count": 8_190, "expires": NOW}),
        ("proposal_expired", {"batch": UUID(int=2), "expires": NOW, "holds": [(ANA, ANA)]}),
        ("accounts_must_differ", {"batch": UUID(int=2), "holds": [(ANA, BEN), (BEN, BEN)]}),
    ],
)
def test_of_what_waits(book: Book, code: str, facts: dict[str, Any]) -> None:
    pairs = facts.pop("holds", [])
    holds = [{"amount": 1, "debit_account": d, "credit_account": c} for d, c in pairs]
    refusal = book.refuse(proposed(**facts, **({"holds": holds} if holds else {})))
    assert isinstance(refusal, Refusal)
    assert refusal.code == code


def test_of_a_month_that_was_not_closed(book: Book) -> None:
    """That it needs a decision is said once it can be opened again."""
    marked = {"line": "period", "year": 2023, "month": 10, "recorded_at": NOW, "by": "op"}
    refusal = book.refuse(convert({**marked, "mark": "reopened"}, AnyLeaf))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "period_not_marked_so"


def test_who_need_not_be_asked_is_not(book: Book) -> None:
    """What is wrong whoever approves it is said at once; the reasons stand in that order."""
    rule = {"approvals": 1, "expires_after": 60}
    book.apply(line(line="policy", code="all", rule=rule))
    codes = list(RefusalCode)
    asked = codes.index(RefusalCode.APPROVAL_NEEDED)
    for wrong, more in (
        (pay("ana", "ana", "1.00"), {}),
        (pay("ana", "ben", "1.00"), {"control_sums": {"MXN": "2.00"}}),
        (pay("ana", "ben", "1.00", business_date=CENTURY), {}),
    ):
        refusal = post(book, batch(wrong, **more))
        assert isinstance(refusal, Refusal)
        assert codes.index(refusal.code) < asked
    refusal = post(book, batch(pay("ana", "ben", "1.00")))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "approval_needed"
