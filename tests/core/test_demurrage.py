"""Demurrage: what a period charges, which periods there are, and that runs do not matter."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.core.book import Book
from ledger.core.demurrage import Due, charge, charged_by
from ledger.core.fees import period_of
from ledger.core.leaves import AnyLeaf
from ledger.core.periods import Period, parse_period, span_of, spans
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import Demurrage, DemurrageSet, Fee, FeeSet
from ledger.journal.snapshots import chunks_of, restore_chunk
from tests.core.books import NOW, add, opened

OXI = 1


def rule(n: int = 1, d: int = 100, exempt: int = 0, period: Period = "month") -> Demurrage:
    return Demurrage(account=OXI, n=n, d=d, exempt=exempt, period=period)


# ---- periods


@pytest.mark.parametrize(
    ("period", "day", "first", "last"),
    [
        ("month", date(2028, 2, 29), date(2028, 2, 1), date(2028, 2, 29)),
        ("month", date(2027, 2, 28), date(2027, 2, 1), date(2027, 2, 28)),
        ("month", date(2026, 12, 31), date(2026, 12, 1), date(2026, 12, 31)),
        ("quarter", date(2028, 2, 29), date(2028, 1, 1), date(2028, 3, 31)),
        ("quarter", date(2026, 12, 1), date(2026, 10, 1), date(2026, 12, 31)),
        ("year", date(2028, 2, 29), date(2028, 1, 1), date(2028, 12, 31)),
        ("week", date(2028, 2, 29), date(2028, 2, 28), date(2028, 3, 5)),
        ("week", date(2027, 1, 1), date(2026, 12, 28), date(2027, 1, 3)),
    ],
)
def test_the_period_of_a_day(period: Period, day: date, first: date, last: date) -> None:
    span = span_of(period, day)
    assert (span.first, span.last) == (first, last)


@given(
    st.sampled_from(["week", "month", "quarter", "year"]),
    st.dates(date(1970, 1, 1), date(2100, 1, 1)),
    st.integers(0, 1500),
)
def test_periods_follow_each_other_whole(period: Period, since: date, length: int) -> None:
    through = since + timedelta(days=length)
    found = list(spans(period, since, through))
    assert all(span_of(period, day) == s for s in found for day in (s.first, s.last))
    assert all(since <= s.first and s.last <= through for s in found)
    for one, following in pairwise(found):
        assert following.first - one.last == timedelta(days=1)
    missed = list(spans(period, since, through + timedelta(days=400)))
    assert missed[: len(found)] == found
    assert len(missed) == len(found) or missed[len(found)].last > through


def test_periods_as_people_write_them() -> None:
    ends = {
        "2026-11": date(2026, 11, 30),
        "2028-02": date(2028, 2, 29),
        "2026-W53": date(2027, 1, 3),
        "2026-Q4": date(2026, 12, 31),
        "2026": date(2026, 12, 31),
    }
    for text, end in ends.items():
        found = parse_period(text)
        assert found is not None
        assert found[1].last == end
    for text in (
        "2026-13",
        "2026-00",
        "2025-W53",
        "2026-Q5",
        "26-11",
        "2026-11-30",
        "0000",
        "",
    ):
        assert parse_period(text) is None, text


# ---- what is charged


@pytest.mark.parametrize(
    ("balance", "charged", "exempt", "expected"),
    [
        (10_000, 0, 0, 100),
        (10_000, 100, 0, 99),
        (10_000, 0, 10_000, 0),
        (10_001, 0, 10_000, 0),
        (50, 0, 0, 0),  # A half, to even:
        (51, 0, 0, 1),
        (150, 0, 0, 2),
        (250, 0, 0, 2),
        (-500, 0, 0, 0),
        (0, 0, 0, 0),
    ],
)
def test_one_period(balance: int, charged: int, exempt: int, expected: int) -> None:
    assert charge(balance, charged, rule(exempt=exempt)) == expected


def test_all_of_it() -> None:
    """At the whole rate the last minor unit goes, once, also of pesos without centavos."""
    dues = [Due(date(2026, n, 28), rule(n=1, d=1)) for n in (1, 2, 3)]
    assert charged_by([7, 7, 9], dues) == 9


movements = st.lists(
    st.tuples(st.integers(0, 11), st.integers(-9_999, 9_999)), min_size=0, max_size=30
)


@given(
    movements,
    st.integers(0, 7),
    st.integers(7, 40),
    st.integers(0, 500),
    st.lists(st.booleans(), min_size=12, max_size=12),
    st.lists(st.integers(0, 3), min_size=12, max_size=12),
)
def test_runs_each_period_or_at_the_end_come_to_the_same(
    moved: list[tuple[int, int]],
    n: int,
    d: int,
    exempt: int,
    runs: list[bool],
    bounds: list[int],
) -> None:
    """Whichever periods have a run, and however little some of them could collect."""
    one = rule(n, d, exempt)
    dues = [Due(date(2026, month, 28), one) for month in range(1, 13)]
    balances = [sum(a for period, a in moved if period <= k) for k in range(12)]
    paid = 0
    for k, is_run in enumerate(runs):
        if is_run:
            owed = charged_by(balances[: k + 1], dues[: k + 1]) - paid
            assert owed >= 0
            paid += owed * bounds[k] // 3  # As far as its bound allowed.
    paid += charged_by(balances, dues) - paid
    # The same in one go, with nothing of ours but arithmetic.
    total = Fraction(0)
    for balance in balances:
        total += round(max(Fraction(0), balance - total - exempt) * Fraction(n, d))
    assert paid == total
    assert paid <= max(0, *balances, 0)


# ---- as rules of a book


@pytest.fixture
def book() -> Book:
    book = opened(currencies=("MXN", "HRS"))
    for code in ("oxi", "ana", "other"):
        add(book, code)
    add(book, "hours", currency="HRS")
    return book


def set_(
    since: date, rule: Demurrage | None, currency: str = "MXN", **more: object
) -> DemurrageSet:
    given = {} if rule is None else {"rule": rule}
    return DemurrageSet(
        recorded_at=NOW, currency=currency, since=since, by="x", reason="assembly", **given
    )


def refused(book: Book, line: AnyLeaf) -> str:
    refusal = book.refuse(line)
    assert isinstance(refusal, Refusal)
    return refusal.code.value


def restored(book: Book) -> Book:
    """The same book, out of a snapshot of it."""
    again = Book()
    again.opening = book.opening
    for chunk in chunks_of(book):
        restore_chunk(again, chunk)
    return again


def ends(book: Book, through: date) -> list[tuple[date, int]]:
    return [(due.last, due.rule.n) for due in book.demurrages.dues("MXN", through)]


def test_a_rule_holds_for_periods_that_begin_under_it(book: Book) -> None:
    book.apply(set_(date(2026, 1, 15), rule(1)))
    book.apply(set_(date(2026, 4, 1), rule(2)))
    book.apply(set_(date(2026, 6, 2), None))
    expected = [
        (date(2026, 2, 28), 1),
        (date(2026, 3, 31), 1),
        (date(2026, 4, 30), 2),
        (date(2026, 5, 31), 2),
    ]
    assert ends(book, date(2027, 1, 1)) == expected
    assert ends(book, date(2026, 4, 29)) == expected[:2]
    assert ends(book, date(2026, 4, 30)) == expected[:3]
    assert book.demurrages.rule("MXN") is None
    again = restored(book)
    assert ends(again, date(2027, 1, 1)) == expected
    assert list(again.state()) == list(book.state())
    book.apply(set_(date(2026, 4, 1), rule(3)))  # In the place of what would follow.
    assert ends(book, date(2026, 6, 30))[2:] == [
        (date(2026, m, d), 3) for m, d in ((4, 30), (5, 31), (6, 30))
    ]


def test_a_period_in_which_the_rule_changed_is_not_charged(book: Book) -> None:
    """Though it was on its last day; of two rules from one day on, the last is meant."""
    book.apply(set_(date(2026, 1, 1), rule(1)))
    last = date(2026, 3, 31)
    for n in (2, 3):
        book.apply(set_(last, rule(n)))
        assert ends(book, date(2026, 4, 30)) == [
            (date(2026, 1, 31), 1),
            (date(2026, 2, 28), 1),
            (date(2026, 4, 30), n),
        ]
    assert len(book.demurrages.state()) == 2


def test_demurrage_that_cannot_be(book: Book) -> None:
    day = date(2026, 1, 1)
    assert refused(book, set_(day, rule(), "EUR")) == "currency_not_found"
    assert refused(book, set_(day, None)) == "demurrage_not_found"
    assert refused(book, set_(day, rule(), "HRS")) == "currency_must_match_accounts"
    assert refused(book, set_(day, rule(101))) == "rate_above_one"
    nobody = Demurrage(account=99, n=1, d=2, period="year")
    assert refused(book, set_(day, nobody)) == "account_not_found"
    assert book.refuse(set_(day, rule(100))) is None
    hours = Demurrage(account=book.accounts, n=1, d=2, period="year")
    assert book.refuse(set_(day, hours, "HRS")) is None
    book.apply(set_(day, rule()))
    book.apply(set_(day, None))
    other = Demurrage(account=3, n=1, d=2, period="year")
    assert refused(book, set_(day, other)) == "demurrage_account_differs"
    assert refused(restored(book), set_(day, other)) == "demurrage_account_differs"
    assert ends(book, date(2030, 1, 1)) == []


def test_fees(book: Book) -> None:
    def line(code: str = "member", **change: object) -> FeeSet:
        fee = {"amount": 200, "currency": "MXN", "kinds": ["member"], "period": "month"}
        fee |= {"since": date(2026, 2, 1), "treasury": OXI, **change}
        return FeeSet(
            recorded_at=NOW,
            code=code,
            by="x",
            reason="assembly",
            fee=Fee(**fee),  # type: ignore[arg-type]
        )

    assert refused(book, line(treasury=99)) == "account_not_found"
    assert refused(book, line(currency="EUR")) == "currency_not_found"
    assert refused(book, line(currency="HRS")) == "currency_must_match_accounts"
    assert book.refuse(line(currency="HRS", treasury=book.accounts)) is None
    gone = FeeSet(recorded_at=NOW, code="member", by="x", reason="assembly")
    assert refused(book, gone) == "fee_not_found"
    book.apply(line())
    fee = restored(book).fees.rules["member"]
    assert fee == book.fees.rules["member"]
    assert period_of(fee, date(2026, 2, 28)) == span_of("month", date(2026, 2, 1))
    assert period_of(fee, date(2026, 1, 31)) is None
    assert period_of(fee, date(2026, 2, 27)) is None
    begun = replace(fee, since=date(2026, 2, 2))  # A period that had begun is not charged.
    assert period_of(begun, date(2026, 2, 28)) is None
    book.apply(gone)
    assert not book.fees.rules
