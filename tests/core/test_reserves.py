"""Reserves: what is issued never passes what is kept for it, in any scale and however held."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.asked import AskedTerms
from ledger.core.book import Book, Posted
from ledger.core.leaves import AccountOpened, CurrencyAdded
from ledger.core.model import Action, CurrencyKind, Nature
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import Reserve, ReserveSet
from tests.core.books import NOW, add, batch, opened, pay, post
from tests.core.test_demurrage import restored

BONOS, SHOP, BANK, CASH = 1, 2, 3, 4
LATER = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOW + 9)


@pytest.fixture
def book() -> Book:
    """Bonos without decimals, of which three circulate for two pesos in the bank."""
    return made(3, 2)


def made(n: int, d: int) -> Book:
    book = opened()
    book.apply(
        CurrencyAdded(
            recorded_at=NOW, code="BON", kind=CurrencyKind.BACKED, scale=0, by="operator"
        )
    )
    add(book, "bonos", None, None, "BON")
    add(book, "shop", 0, None, "BON")
    book.apply(
        AccountOpened(
            recorded_at=NOW,
            number=BANK,
            code="bank",
            currency="MXN",
            nature=Nature.DEBIT,
            kind="bank",
            holder=bytes(16),
            by="operator",
            upper=0,
        )
    )
    add(book, "cash", None, None)
    book.apply(line("BON", Reserve(issuer=BONOS, reserve=BANK, n=n, d=d)))
    return book


def line(currency: str, rule: Reserve | None = None) -> ReserveSet:
    given = {} if rule is None else {"rule": rule}
    return ReserveSet(recorded_at=NOW, currency=currency, by="x", reason="board", **given)


def issue(amount: str, **more: object) -> Posted | Refusal | None:
    return pay("bonos", "shop", amount, currency="BON", **more)  # type: ignore[return-value]


def keep(amount: str) -> object:
    return pay("bank", "cash", amount)  # A debit account grows by debits.


def code(outcome: Posted | Refusal) -> tuple[str, int | None]:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code.value, outcome.available


def test_the_last_minor_unit(book: Book) -> None:
    assert code(post(book, batch(issue("1")))) == ("exceeds_reserve", 0)
    assert isinstance(post(book, batch(keep("10.66"))), Posted)  # It backs 15.99.
    assert book.reserves.headroom(book.reserves.rules["BON"]) == 15
    before = book.balance[:]
    assert code(post(book, batch(issue("16")))) == ("exceeds_reserve", 15)
    assert book.balance == before
    assert isinstance(post(book, batch(issue("15"))), Posted)
    # 15 need 10.00, so 0.66 may be taken out.
    assert code(post(book, batch(pay("cash", "bank", "0.67")))) == ("exceeds_reserve", 66)
    assert isinstance(post(book, batch(pay("cash", "bank", "0.66"))), Posted)
    back = pay("shop", "bonos", "1", currency="BON")
    assert isinstance(post(book, batch(back, issue("1"))), Posted)
    assert code(post(book, batch(back, issue("2")))) == ("exceeds_reserve", 1)
    assert code(post(restored(book), batch(issue("1")))) == ("exceeds_reserve", 0)


def test_issued_and_taken_from_the_reserve_at_once(book: Book) -> None:
    """Where the reserve is of the currency itself, both sides of a transfer count."""
    box = AccountOpened(
        recorded_at=NOW,
        number=5,
        code="box",
        currency="BON",
        nature=Nature.DEBIT,
        kind="bank",
        holder=bytes(16),
        by="operator",
    )
    book.apply(box)
    book.apply(line("BON", Reserve(issuer=BONOS, reserve=5, n=1, d=1)))
    assert isinstance(post(book, batch(pay("box", "shop", "100", currency="BON"))), Posted)
    taken = pay("bonos", "box", "51", currency="BON")
    assert code(post(book, batch(taken))) == ("exceeds_reserve", 50)


def test_what_came_back_and_was_never_issued(book: Book) -> None:
    """Circulation below zero leaves that much more of the reserve to be taken."""
    book.apply(line("BON", Reserve(issuer=BONOS, reserve=CASH, n=3, d=2)))
    add(book, "poor", None, None, "BON")
    assert isinstance(post(book, batch(pay("poor", "bonos", "3", currency="BON"))), Posted)
    add(book, "shelf", None, None)
    assert code(post(book, batch(pay("cash", "shelf", "2.01")))) == ("exceeds_reserve", 200)


def test_issued_in_the_entry_that_pays_for_it(book: Book) -> None:
    assert isinstance(post(book, batch(keep("2.00"), issue("3"))), Posted)
    assert code(post(book, batch(issue("3"), keep("2.00")))) == ("exceeds_reserve", 0)


def test_what_is_held_counts(book: Book) -> None:
    assert isinstance(post(book, batch(keep("2.00"))), Posted)
    hold = AskedTerms(action=Action.HOLD, expires=LATER)
    held = post(book, batch(issue("2", terms=hold)))
    assert isinstance(held, Posted)
    assert code(post(book, batch(issue("2")))) == ("exceeds_reserve", 1)
    out = pay("cash", "bank", "0.67", terms=hold)
    assert code(post(book, batch(out))) == ("exceeds_reserve", 66)
    part = AskedTerms(action=Action.POST, target=held.first_sequence, release=True)
    assert isinstance(post(book, batch(issue("1", terms=part))), Posted)
    assert isinstance(post(book, batch(issue("2"))), Posted)


def test_what_is_held_of_a_reserve_backs_nothing(book: Book) -> None:
    assert isinstance(post(book, batch(keep("2.00"))), Posted)
    hold = AskedTerms(action=Action.HOLD, expires=LATER)
    out = pay("cash", "bank", "0.66", terms=hold)
    assert isinstance(post(book, batch(out)), Posted)
    assert code(post(book, batch(issue("3")))) == ("exceeds_reserve", 2)  # 1.34 back 2.01.
    assert isinstance(post(book, batch(issue("2"))), Posted)


def test_a_reserve_that_cannot_be(book: Book) -> None:
    def refused(currency: str, rule: Reserve | None) -> str:
        refusal = book.refuse(line(currency, rule))
        assert refusal is not None
        return refusal.code.value

    rule = Reserve(issuer=BONOS, reserve=BANK, n=1, d=1)
    assert refused("EUR", rule) == "currency_not_found"
    assert refused("MXN", rule) == "currency_not_backed"
    assert refused("MXN", None) == "reserve_not_found"
    assert refused("BON", Reserve(issuer=99, reserve=BANK, n=1, d=1)) == "account_not_found"
    assert refused("BON", Reserve(issuer=CASH, reserve=BANK, n=1, d=1)) == (
        "currency_must_match_accounts"
    )
    assert refused("BON", Reserve(issuer=BONOS, reserve=BONOS, n=1, d=1)) == (
        "accounts_must_differ"
    )
    book.apply(line("BON"))
    assert isinstance(post(book, batch(issue("1000"))), Posted)
    book.apply(line("BON", rule))  # What circulates already stays, but nothing is added.
    assert code(post(book, batch(issue("1")))) == ("exceeds_reserve", 0)
    assert isinstance(post(book, batch(pay("shop", "bonos", "1", currency="BON"))), Posted)


steps = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 900)), max_size=25)


@settings(deadline=None)
@given(steps, st.integers(1, 5), st.integers(1, 5))
def test_never_above_it(taken: list[tuple[int, int]], n: int, d: int) -> None:
    """Whatever is tried; and what is refused would have passed it."""
    book = made(n, d)
    for which, amount in taken:
        shown = f"{amount // 100}.{amount % 100:02d}"
        transfer = (
            issue(str(amount)),
            pay("shop", "bonos", str(amount), currency="BON"),
            keep(shown),
            pay("cash", "bank", shown),
        )[which]
        outcome = post(book, batch(transfer))
        issued, kept = -book.balance[BONOS], -book.balance[BANK]
        assert issued * 100 * d <= kept * n
        if isinstance(outcome, Refusal) and outcome.code == "exceeds_reserve":
            issued, kept = (issued + amount, kept) if which == 0 else (issued, kept - amount)
            assert issued * 100 * d > kept * n
