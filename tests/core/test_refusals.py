"""One test for each refusal of a batch, by precedence; each leaves the book as it was."""

from datetime import date

import pytest

from ledger.core.book import Book, Posted
from ledger.core.door import check_form
from ledger.core.faults import MalformedAmount, MalformedRequest
from ledger.core.model import Status
from ledger.core.refusals import Refusal, RefusalCode
from tests.core.books import EACH, NOW, TODAY, add, batch, opened, pay, post, set_status


@pytest.fixture
def book() -> Book:
    book = opened(currencies=("MXN", "HRS"))
    add(book, "cash", lower=None)
    add(book, "ana")
    add(book, "ben", lower=-5000, upper=10_000)
    add(book, "frozen", lower=-100)
    add(book, "closed", lower=-100)
    add(book, "eva")
    add(book, "hour", lower=None, currency="HRS")
    set_status(book, "frozen", Status.FROZEN)
    set_status(book, "closed", Status.CLOSED)
    return book


TOMORROW = date(2023, 11, 15)
DATED = [("1.00", TOMORROW), ("2.00", TODAY)]
CASES = [
    ({"currency": "EUR"}, "cash", "ana", "1.00", "currency_not_found"),
    ({"currency": "HRS"}, "cash", "ana", "1.00", "currency_must_match_accounts"),
    ({"currency": "HRS"}, "nobody", "ana", "1.00", "currency_must_match_accounts"),
    ({}, "nobody", "ana", "1.00", "debit_account_not_found"),
    ({}, "nobody", "nobody", "1.00", "debit_account_not_found"),
    ({}, "cash", "nobody", "1.00", "credit_account_not_found"),
    ({}, "cash", "cash", "1.00", "accounts_must_differ"),
    ({}, "cash", "hour", "1.00", "accounts_of_different_currencies"),
    ({"business_date": TOMORROW}, "nobody", "ana", "1.00", "debit_account_not_found"),
    ({"business_date": TOMORROW}, "cash", "closed", "1.00", "business_date_not_open"),
    ({}, "closed", "frozen", "1.00", "debit_account_closed"),
    ({}, "frozen", "closed", "1.00", "credit_account_closed"),
    ({}, "frozen", "ana", "1.00", "debit_account_frozen"),
    ({}, "cash", "frozen", "1.00", "credit_account_frozen"),
    ({}, "ana", "cash", "0.01", "exceeds_credit_limit"),
    ({}, "ben", "cash", "50.01", "exceeds_credit_limit"),
    ({}, "cash", "ben", "100.01", "exceeds_balance_limit"),
]


@pytest.mark.parametrize(("more", "debit", "credit", "amount", "code"), CASES)
def test_refused_alone_and_after_others(
    book: Book, more: dict[str, object], debit: str, credit: str, amount: str, code: str
) -> None:
    """The one wrong transfer is named by its place, and nothing of its batch remains."""
    before = book.balance[:]
    fine = pay("cash", "eva", "10.00")
    wrong = pay(debit, credit, amount, **more)
    for place, asked in [(0, batch(wrong)), (2, batch(fine, fine, wrong, fine))]:
        refusal = post(book, asked)
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.position) == (code, place)
        assert book.balance == before
        assert (book.transfers, book.batches) == (0, 0)


@pytest.mark.parametrize(
    ("debit", "credit", "amount", "available"),
    [
        ("ben", "cash", "50.01", 5000),
        ("cash", "ben", "100.01", 10_000),
        ("ana", "cash", "1.00", 0),
    ],
)
def test_says_what_would_be_accepted(
    book: Book, debit: str, credit: str, amount: str, available: int
) -> None:
    refusal = post(book, batch(pay(debit, credit, amount)))
    assert isinstance(refusal, Refusal)
    assert refusal.available == available


@pytest.mark.parametrize(
    ("debit", "credit", "amount"), [("ben", "cash", "50.00"), ("cash", "ben", "100.00")]
)
def test_the_last_minor_unit_can_be_spent(
    book: Book, debit: str, credit: str, amount: str
) -> None:
    assert isinstance(post(book, batch(pay(debit, credit, amount))), Posted)


def test_each_position_has_its_outcome(book: Book) -> None:
    """A refused transfer never upsets its neighbours, and later ones see the money before."""
    outcome = post(
        book,
        batch(
            pay("ana", "ben", "1.00"),
            pay("cash", "ana", "5.00"),
            pay("nobody", "ana", "5.00"),
            pay("ana", "ben", "5.00"),
            pay("ana", "ben", "0.01"),
            mode=EACH,
        ),
    )
    assert isinstance(outcome, Posted)
    assert list(outcome.positions) == [1, 3]
    assert [(r.position, r.code) for r in outcome.refused] == [
        (0, "exceeds_credit_limit"),
        (2, "debit_account_not_found"),
        (4, "exceeds_credit_limit"),
    ]
    assert (outcome.debit_balance, outcome.credit_balance) == ([-500, 0], [500, 500])
    assert book.transfers == 2


def test_each_may_post_nothing(book: Book) -> None:
    outcome = post(book, batch(pay("ana", "ben", "1.00"), mode=EACH))
    assert isinstance(outcome, Posted)
    assert (list(outcome.positions), len(outcome.refused), book.transfers) == ([], 1, 0)


@pytest.mark.parametrize(
    ("sums", "accepted"),
    [
        ({"MXN": "3.00"}, True),
        ({"MXN": "3"}, True),
        ({"MXN": "2.99"}, False),
        ({}, False),
        ({"MXN": "3.00", "HRS": "1.00"}, False),
        ({"MXN": "3.00", "EUR": "1.00"}, False),
    ],
)
@pytest.mark.parametrize("mode", ["atomic", "each"])
def test_control_sums(book: Book, sums: dict[str, str], accepted: bool, mode: str) -> None:
    one, two = pay("cash", "ana", "1.00"), pay("cash", "ana", "2.00")
    outcome = post(book, batch(one, two, control_sums=sums, mode=mode))
    assert isinstance(outcome, Posted) is accepted
    if isinstance(outcome, Refusal):
        assert outcome.code == "control_sums_differ"
        assert book.balance[1] == 0


def test_an_unknown_account_is_named_before_the_sums(book: Book) -> None:
    for debit, credit, code in [
        ("nobody", "ana", RefusalCode.DEBIT_ACCOUNT_NOT_FOUND),
        ("cash", "nobody", RefusalCode.CREDIT_ACCOUNT_NOT_FOUND),
    ]:
        asked = batch(pay(debit, credit, "1.00"), control_sums={"MXN": "9.00"})
        refusal = post(book, asked)
        assert isinstance(refusal, Refusal)
        assert refusal.code == code


def test_what_each_refuses_counts_in_the_sums(book: Book) -> None:
    """For the currency of the account that is there."""
    lines = pay("nobody", "ana", "1.00"), pay("cash", "ana", "2.00")
    outcome = post(book, batch(*lines, control_sums={"MXN": "3.00"}, mode=EACH))
    assert isinstance(outcome, Posted)
    assert list(outcome.positions) == [1]


def test_each_posts_what_is_for_today(book: Book) -> None:
    late, fine = (pay("cash", "ana", a, business_date=d) for a, d in DATED)
    outcome = post(book, batch(late, fine, late, mode=EACH))
    assert isinstance(outcome, Posted)
    assert (list(outcome.positions), outcome.amount) == ([1], [200])
    assert {r.code for r in outcome.refused} == {RefusalCode.BUSINESS_DATE_NOT_OPEN}


@pytest.mark.parametrize(
    ("status", "pays", "is_paid"),
    [
        (Status.OPEN, True, True),
        (Status.FROZEN, False, False),
        (Status.FROZEN_DEBITS, False, True),
        (Status.FROZEN_CREDITS, True, False),
    ],
)
def test_what_a_frozen_account_still_may(
    book: Book, status: Status, pays: bool, is_paid: bool
) -> None:
    set_status(book, "ben", status)
    for debit, credit, may in [("ben", "ana", pays), ("ana", "ben", is_paid)]:
        outcome = post(book, batch(pay("cash", "ana", "1.00"), pay(debit, credit, "1.00")))
        assert isinstance(outcome, Posted) is may
        if isinstance(outcome, Refusal):
            assert outcome.code.value.endswith("_account_frozen")


def test_a_reference_is_taken_once_for_its_source() -> None:
    book = opened(unique_references=True)
    add(book, "cash", lower=None)
    add(book, "ana")
    one = pay("cash", "ana", "1.00", reference="R-1")
    none = pay("cash", "ana", "1.00")
    assert isinstance(post(book, batch(one, none, none)), Posted)
    taken = frozenset({("till", "R-1")})
    assert isinstance(post(book, batch(one, number=2, source="door"), taken), Posted)
    for asked in (batch(one, number=3, source="till"), batch(one, one, number=4)):
        refusal = post(book, asked, taken)
        assert isinstance(refusal, Refusal)
        assert refusal.code == RefusalCode.REFERENCE_USED


def test_the_first_of_several_is_named(book: Book) -> None:
    fine, late = pay("cash", "ana", "1.00"), pay("cash", "ana", "1.00", business_date=TOMORROW)
    refusal = post(book, batch(fine, late, fine, late))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.position) == ("business_date_not_open", 1)


def test_references_repeat_where_the_rules_allow(book: Book) -> None:
    one = pay("cash", "ana", "1.00", reference="R-1")
    assert isinstance(post(book, batch(one, one), frozenset({("", "R-1")})), Posted)


def test_an_expired_batch_is_refused(book: Book) -> None:
    from ledger.core.lines import Manifest, Transfer

    manifest = Manifest(
        origin="example.org/caja/batch/x",
        created=0,
        expires=NOW,
        count=1,
        mode="atomic",
        salt=bytes(16),
    )
    line = Transfer(amount=1, credit_account=2, debit_account=1, kind="payment")
    for at, code in [(NOW, None), (NOW + 1, "batch_expired")]:
        outcome = book.post(manifest, [line], recorded_at=at, business_date=TODAY)
        assert (outcome.code if isinstance(outcome, Refusal) else None) == code


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "Payment"),
        ("kind", ""),
        ("kind", "a b"),
        ("kind", "a" * 33),
        ("reference", "free text"),
        ("reference", "-x"),
        ("reference", "R" * 36),
        ("reference", "R\nS"),
        ("entered_by", "ana maría"),
        ("approved_by", "a@b"),
        ("business_date", date(1969, 12, 31)),
    ],
)
def test_malformed_codes_leave_no_trace(field: str, value: object) -> None:
    fine, wrong = pay("cash", "ana", "1.00"), pay("cash", "ana", "1.00", **{field: value})
    with pytest.raises(MalformedRequest) as refused:
        check_form(batch(fine, fine, wrong))
    assert field in refused.value.field
    if field != "business_date":
        assert refused.value.position == 2
    with pytest.raises(MalformedRequest):
        check_form(batch(wrong))  # Alone it goes another way.


def test_days_begin_with_1970() -> None:
    check_form(batch(pay("cash", "ana", "1.00", business_date=date(1970, 1, 1))))


def test_a_declared_count_must_be_met() -> None:
    check_form(batch(pay("a", "b", "1"), count=1))
    with pytest.raises(MalformedRequest, match="1 transfers came, 2 were declared"):
        check_form(batch(pay("a", "b", "1"), count=2))
    with pytest.raises(MalformedRequest, match="2 transfers came, 1 were declared"):
        check_form(batch(pay("a", "b", "1"), pay("a", "b", "1"), count=1))


def test_a_malformed_amount_is_named_by_its_place(book: Book) -> None:
    with pytest.raises(MalformedAmount) as refused:
        post(book, batch(pay("cash", "ana", "1.00"), pay("cash", "ana", "1.001")))
    assert refused.value.position == 1
    mixed = batch(
        pay("cash", "ana", "1.00"),
        pay("hour", "hour", "1.00", currency="HRS"),
        pay("cash", "ana", "1.001"),
    )
    with pytest.raises(MalformedAmount) as refused:
        post(book, mixed)
    assert refused.value.position == 2
