"""Accounts and currencies as asked for: opened once, or refused with the reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core import changes
from ledger.core.amounts import show_amount
from ledger.core.asked import AskedAccount, AskedChange, AskedCurrency
from ledger.core.book import Book, Posted
from ledger.core.faults import MalformedAmount
from ledger.core.leaves import AccountOpened
from ledger.core.model import NO_LOWER, NO_UPPER, CurrencyKind, Nature, Status
from ledger.core.personal import looks_personal
from ledger.core.refusals import Refusal
from tests.core.books import NOW, add, batch, opened, pay, post


def ask(book: Book, *asked: AskedAccount) -> list[AccountOpened] | Refusal:
    return changes.open_accounts(
        book, asked, recorded_at=NOW, by="operator", chance=lambda count: bytes(count)
    )


def open_it(book: Book, *asked: AskedAccount) -> None:
    lines = ask(book, *asked)
    assert not isinstance(lines, Refusal)
    for line in lines:
        book.apply(line)


def account(code: str = "ana", **more: object) -> AskedAccount:
    return AskedAccount(code=code, **({"currency": "MXN"} | more))  # type: ignore[arg-type]


def change(book: Book, code: str, **what: object) -> object:
    asked = AskedChange(reason="decision", **what)  # type: ignore[arg-type]
    lines = changes.change_account(book, code, asked, recorded_at=NOW, by="operator")
    if not isinstance(lines, Refusal):
        for line in lines:
            book.apply(line)
    return lines


@pytest.mark.parametrize(
    ("nature", "lower", "upper", "inside"),
    [
        (Nature.CREDIT, "0", "none", (0, NO_UPPER)),
        (Nature.CREDIT, "-500.00", "1000.00", (-50_000, 100_000)),
        (Nature.CREDIT, "none", "none", (NO_LOWER, NO_UPPER)),
        (Nature.DEBIT, "0", "none", (NO_LOWER, 0)),
        (Nature.DEBIT, "-500.00", "1000.00", (-100_000, 50_000)),
        (Nature.DEBIT, "none", "0", (0, NO_UPPER)),
    ],
)
def test_bounds_are_those_of_the_balance_as_shown(
    nature: Nature, lower: str, upper: str, inside: tuple[int, int]
) -> None:
    """Cash that may not go below zero may be debited for ever and not credited below that."""
    book = opened()
    open_it(book, account(nature=nature, lower_bound=lower, upper_bound=upper))
    there = book.account(1)
    assert (there.lower, there.upper) == inside
    changed = change(book, "ana", lower_bound=lower, upper_bound=upper)
    assert changed == [], "nothing changes, so nothing is recorded"


@given(
    st.sampled_from(Nature),
    st.none() | st.integers(-999, 0),
    st.none() | st.integers(0, 999),
    st.none() | st.integers(-999, 0),
)
def test_a_changed_bound_leaves_the_other(
    nature: Nature, lower: int | None, upper: int | None, new: int | None
) -> None:
    def text(bound: int | None) -> str:
        return "none" if bound is None else show_amount(bound, 2)

    one, two = opened(), opened()
    open_it(one, account(nature=nature, lower_bound=text(lower), upper_bound=text(upper)))
    change(one, "ana", lower_bound=text(new))
    open_it(two, account(nature=nature, lower_bound=text(new), upper_bound=text(upper)))
    assert one.account(1) == two.account(1)


def test_asking_again_for_the_same_opens_nothing() -> None:
    book = opened()
    open_it(book, account("ana"), account("ben"), account("ana"))
    assert (book.accounts, book.numbers) == (2, {"ana": 1, "ben": 2})
    assert ask(book, account("ben")) == []


@pytest.mark.parametrize(
    ("asked", "code", "position"),
    [
        ([account("new"), account(lower_bound="-1.00")], "account_code_used", 1),
        ([account(kind="cash")], "account_code_used", 0),
        ([account("x"), account("x", kind="cash")], "account_code_used", 1),
        ([account("new", currency="EUR")], "currency_not_found", 0),
        ([account("GODE561231HDFRRN04")], "account_code_looks_personal", 0),
        ([account("new", lower_bound="1.00", upper_bound="0.99")], "bounds_crossed", 0),
    ],
)
def test_all_or_none(asked: list[AskedAccount], code: str, position: int) -> None:
    book = opened()
    open_it(book, account("ana"))
    refusal = ask(book, *asked)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.position) == (code, position)


def test_a_personal_code_can_be_confirmed() -> None:
    book = opened()
    open_it(book, account("GODE561231HDFRRN04", confirm_personal_code=True))
    assert book.accounts == 1


@pytest.mark.parametrize(
    ("code", "personal"),
    [
        ("GODE561231HDFRRN04", True),
        ("gode561231hdfrrn04", True),
        ("socio:GODE561231GR8", True),
        ("GODE-561231-GR8", True),
        ("GODE561231GR8", True),
        ("socio-000123", False),
        ("0xEDA5C9B75Fdb3B9bdAB987A704632280Cf93084F", False),
        ("caja.centro:ahorro", False),
    ],
)
def test_what_looks_like_a_persons_code(code: str, personal: bool) -> None:
    assert looks_personal(code) is personal


def test_malformed_bounds_change_nothing() -> None:
    book = opened()
    for text in ("1.001", "nan", "", "1e3"):
        with pytest.raises(MalformedAmount):
            ask(book, account(lower_bound=text))


def test_a_currency_is_added_once() -> None:
    book = opened()
    same = AskedCurrency(code="MXN", kind=CurrencyKind.NATIONAL, scale=2)
    other = AskedCurrency(code="MXN", kind=CurrencyKind.NATIONAL, scale=0)
    assert changes.add_currency(book, same, recorded_at=NOW, by="x") == []
    refusal = changes.add_currency(book, other, recorded_at=NOW, by="x")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "currency_code_used"


def test_closed_only_at_zero_and_then_only_opened_again() -> None:
    book = opened()
    add(book, "cash", lower=None)
    add(book, "ana")
    post(book, batch(pay("cash", "ana", "5.00")))
    refusal = change(book, "ana", status=Status.CLOSED)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "account_not_at_zero"
    post(book, batch(pay("ana", "cash", "5.00"), number=2))
    change(book, "ana", status=Status.CLOSED)
    for what in ({"status": Status.FROZEN}, {"lower_bound": "-1.00"}):
        refusal = change(book, "ana", **what)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "account_closed"
    change(book, "ana", status=Status.OPEN)
    assert isinstance(post(book, batch(pay("cash", "ana", "5.00"), number=3)), Posted)
