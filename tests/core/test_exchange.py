"""Exchange inside an entry: at its rate, and every minor unit of it accounted for."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.asked import AskedTerms, AskedTransfer
from ledger.core.book import Book, Posted
from ledger.core.door import check_form
from ledger.core.exchange import Exchange
from ledger.core.faults import MalformedRequest
from ledger.core.leaves import CurrencyAdded, EarnedRule, LimitEarned
from ledger.core.lines import Rate
from ledger.core.model import Action, CurrencyKind, Side
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import Levy, LevySet
from tests.core.books import NOW, Diary, add, batch, opened, pay

AMOUNT_MAX = 2**53 - 1
LATER = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def diary() -> Diary:
    """Ana has 1,000.00 pesos and eva nothing; a house exchanges pesos for pesos of Chile."""
    book = opened()
    line = {"recorded_at": NOW, "kind": CurrencyKind.NATIONAL, "by": "x"}
    book.apply(CurrencyAdded(code="CLP", scale=0, **line))
    for code in ("cash", "house", "rounding"):
        add(book, code, None, None)
    add(book, "ana")
    add(book, "casa", None, None, "CLP")
    add(book, "eva", 0, None, "CLP")
    diary = Diary(book)
    done(diary.post(pay("cash", "ana", "1000.00")))
    return diary


def done(outcome: Posted | Refusal) -> Posted:
    assert isinstance(outcome, Posted), outcome
    assert not outcome.refused, outcome.refused
    return outcome


def no(outcome: Posted | Refusal) -> tuple[str, int | None, int | None]:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code.value, outcome.position, outcome.available


def leg(
    debit: str, credit: str, amount: str, currency: str = "MXN", **more: Any
) -> AskedTransfer:
    kind = more.pop("kind", "change")
    terms = AskedTerms(**{"entry": 1, **more})
    return pay(debit, credit, amount, currency=currency, kind=kind, terms=terms)


def exchange(
    sold: str, bought: str, residue: str = "", to: str = "ana", n: int = 50, d: int = 100
) -> list[AskedTransfer]:
    """Pesos for pesos of Chile, of which 50 are one: 50 minor units for 100."""
    asked = [
        leg("ana", "house", sold),
        leg("casa", "eva", bought, "CLP", rate=Rate(n=n, d=d)),
    ]
    return asked + ([leg("house", to, residue, residue=True)] if residue else [])


# ---- what an amount buys


@pytest.mark.parametrize(
    ("sold", "n", "d", "bought", "residue", "fraction"),
    [
        (10_099, 50, 100, 5_049, 1, None),  # 100.99 pesos: 5,049 pesos of Chile, and 0.01.
        (10_098, 50, 100, 5_049, 0, None),
        (10_000, 1, 17, 588, 4, None),  # Of what is worth less there are whole units left,
        (588, 17, 1, 9_996, 0, None),  # of what is worth more never.
        (10, 7, 3, 23, 0, (1, 3)),
        (10, 3, 7, 4, 0, (2, 7)),
        (99, 1, 100, 0, 99, None),  # It buys nothing at all.
        (AMOUNT_MAX, AMOUNT_MAX - 1, AMOUNT_MAX, AMOUNT_MAX - 1, 0, None),
        (AMOUNT_MAX - 1, AMOUNT_MAX - 1, AMOUNT_MAX, AMOUNT_MAX - 2, 0, (1, AMOUNT_MAX)),
    ],
)
def test_what_is_bought_what_is_left_and_what_no_minor_unit_is(
    sold: int, n: int, d: int, bought: int, residue: int, fraction: tuple[int, int] | None
) -> None:
    one = Exchange(sold, Rate(n=n, d=d))
    kept = None if one.fraction is None else (one.fraction.n, one.fraction.d)
    assert (one.bought, one.residue, kept) == (bought, residue, fraction)


amounts = st.integers(1, AMOUNT_MAX) | st.integers(1, 200)


@given(sold=amounts, n=amounts, d=amounts)
def test_nothing_of_an_exchange_is_lost(sold: int, n: int, d: int) -> None:
    """Sold is worth what was bought, the residue and the fraction, exactly, to 32 digits."""
    one = Exchange(sold, Rate(n=n, d=d))
    kept = Fraction(0) if one.fraction is None else Fraction(one.fraction.n, one.fraction.d)
    assert (sold - one.residue) * Fraction(n, d) == one.bought + kept
    assert 0 <= kept < 1
    assert kept * d < n  # Nor a minor unit of what is sold.
    if one.fraction is not None:
        assert (one.fraction.n, one.fraction.d) == (kept.numerator, kept.denominator)
    # And no less would have bought as much.
    least = sold - one.residue
    assert least * n // d == one.bought
    assert not one.bought or (least - 1) * n // d < one.bought


# ---- in an entry


def test_the_residue_goes_back_to_who_paid(diary: Diary) -> None:
    posted = done(diary.post(*exchange("100.99", "5049", "0.01")))
    assert posted.amount == [10_099, 5_049, 1]
    assert not posted.notes  # Nothing is left besides.
    after = diary.balances()
    assert (after["ana"], after["house"], after["eva"]) == (89_902, 10_098, 5_049)


def test_or_to_an_account_that_is_named(diary: Diary) -> None:
    done(diary.post(*exchange("100.99", "5049", "0.01", "rounding")))
    after = diary.balances()
    assert (after["ana"], after["house"], after["rounding"]) == (89_901, 10_098, 1)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (exchange("100.99", "5049"), ("residue_differs", 1, 1)),
        (exchange("100.99", "5049", "0.02"), ("residue_differs", 2, 1)),
        (exchange("100.98", "5049", "0.01"), ("residue_differs", 2, 0)),
        (exchange("100.99", "5050", "0.01"), ("rate_differs", 1, 5_049)),
        (exchange("100.99", "5048", "0.01"), ("rate_differs", 1, 5_049)),
        (exchange("0.01", "1"), ("rate_differs", 1, 0)),  # It buys nothing.
        (exchange("9.00", "1", n=AMOUNT_MAX, d=1), ("rate_differs", 1, None)),  # Too much.
    ],
)
def test_an_exchange_that_does_not_account_for_all_is_refused(
    diary: Diary, asked: list[AskedTransfer], expected: tuple[str, int, int | None]
) -> None:
    before = list(diary.book.state())
    assert no(diary.post(*asked)) == expected
    assert list(diary.book.state()) == before


SOLD, BOUGHT, BACK = exchange("100.99", "5049", "0.01")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        # The residue comes next, in the same entry, and from who took what was sold.
        ([SOLD, BOUGHT, leg("house", "ana", "0.01", entry=2, residue=True)], 1),
        ([SOLD, BOUGHT, pay("house", "ana", "0.01"), BACK], 1),
        ([SOLD, BOUGHT, leg("house", "ana", "0.01")], 1),
        ([SOLD, BOUGHT, leg("rounding", "ana", "0.01", residue=True)], 2),
        ([SOLD, BOUGHT, BACK, BACK], 3),
        ([BACK], 0),
        ([SOLD, BACK], 1),
        ([leg("house", "ana", "0.01", entry=2), BACK], 1),
    ],
)
def test_the_residue_has_one_place(
    diary: Diary, asked: list[AskedTransfer], expected: int
) -> None:
    code, position, _ = no(diary.post(*asked))
    assert (code, position) == ("residue_differs", expected)


@pytest.mark.parametrize(
    "sold",
    [
        {"up_to": Side.DEBIT},
        {"suspense": "rounding"},
        {"action": Action.HOLD, "expires": LATER},
        {"entry": 2},
    ],
)
def test_what_is_sold_is_known_and_moves(diary: Diary, sold: dict[str, Any]) -> None:
    asked = [leg("ana", "house", "100.98", **sold), BOUGHT]
    assert no(diary.post(*asked)) == ("rate_differs", 1, None)


def test_what_is_bought_is_not_sold_again_by_the_same_line(diary: Diary) -> None:
    again = leg("house", "ana", "100.98", rate=Rate(n=2, d=1))
    assert no(diary.post(*exchange("100.98", "5049"), again)) == ("rate_differs", 2, None)
    more = leg("casa", "eva", "1", "CLP", rate=Rate(n=1, d=1))
    asked = [*exchange("100.99", "5049", "0.01"), more]
    assert no(diary.post(*asked)) == ("rate_differs", 3, None)


def test_a_hold_that_is_posted_may_be_sold(diary: Diary) -> None:
    terms = AskedTerms(action=Action.HOLD, expires=LATER)
    held = done(diary.post(pay("ana", "house", "100.99", terms=terms)))
    sold = leg("ana", "house", "100.99", action=Action.POST, target=held.first_sequence)
    done(diary.post(sold, BOUGHT, BACK))
    assert diary.balances()["eva"] == 5_049


def test_in_a_batch_of_each_an_entry_falls_whole(diary: Diary) -> None:
    asked = [*exchange("100.99", "5049"), pay("ana", "cash", "1.00")]
    outcome = diary.post(*asked, mode="each")
    assert isinstance(outcome, Posted)
    assert [r.code.value for r in outcome.refused] == ["entry_refused", "residue_differs"]
    assert list(outcome.positions) == [2]


def test_what_is_below_a_minor_unit_is_noted(diary: Diary) -> None:
    """At 7/3, 0.10 pesos are 23 and a third; the third stays in the house, and is told."""
    posted = done(diary.post(*exchange("0.10", "23", n=7, d=3)))
    fraction = posted.notes[1].fraction
    assert fraction is not None
    assert (fraction.n, fraction.d) == (1, 3)


@pytest.mark.parametrize(
    "terms",
    [
        {"residue": True},
        {"entry": 1, "residue": True, "rate": Rate(n=1, d=1)},
        {"entry": 1, "residue": True, "up_to": Side.DEBIT},
        {"entry": 1, "residue": True, "suspense": "cash"},
        {"entry": 1, "residue": True, "action": Action.VOID, "target": 1},
        {"entry": 1, "rate": Rate(n=1, d=1), "up_to": Side.CREDIT},
    ],
)
def test_terms_of_an_exchange_that_do_not_go_together(terms: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest, match=r"residue|rate"):
        check_form(batch(pay("a", "b", "1.00", terms=AskedTerms(**terms))))


def test_the_residue_is_not_levied_and_is_no_payment(diary: Diary) -> None:
    book = diary.book
    levy = Levy(kinds=["change"], treasury=book.numbers["cash"], n=1, d=100, payer="debit")
    book.apply(LevySet(recorded_at=NOW, code="fee", by="x", reason="x", levy=levy))
    rule = EarnedRule(base=0, cap=10**6, n=1, d=1)
    ana = book.numbers["ana"]
    book.apply(LimitEarned(recorded_at=NOW, account=ana, reason="x", by="x", rule=rule))
    # At one for ten pesos there are 1.99 left of 101.99.
    posted = done(diary.post(*exchange("101.99", "10", "1.99", n=1, d=1_000)))
    assert posted.amount == [10_199, 102, 10, 199]
    assert book.earned.received[ana] == 0


# ---- taking it back


def back(diary: Diary, number: int, amount: str, **more: Any) -> Posted | Refusal:
    terms = AskedTerms(action=Action.REVERSE, target=number, **more)
    return diary.post(pay("eva", "casa", amount, currency="CLP", terms=terms))


@pytest.mark.parametrize("to", ["ana", "rounding"])
def test_an_exchange_is_taken_back_whole(diary: Diary, to: str) -> None:
    before = diary.balances()
    posted = done(diary.post(*exchange("100.99", "5049", "0.01", to)))
    rows = done(back(diary, posted.first_sequence + 1, "5049"))
    assert diary.balances() == before
    assert [row.kind for row in rows.notes[0].beside] == ["exchange"] * (1 + (to == "rounding"))
    again = no(back(diary, posted.first_sequence + 1, "1"))
    assert again == ("exceeds_target", 0, 0)


@pytest.mark.parametrize("to", ["ana", "rounding"])
@pytest.mark.parametrize("parts", [[1, 5_048], [2_524, 2_524, 1], [1_000] * 5 + [49]])
def test_and_in_parts_that_sum_up_to_it(diary: Diary, to: str, parts: list[int]) -> None:
    before = diary.balances()
    number = done(diary.post(*exchange("100.99", "5049", "0.01", to))).first_sequence + 1
    taken = 0
    for part in parts:
        done(back(diary, number, str(part)))
        taken += part
        # What ana has again is what so much of it cost, rounded down over all parts.
        sold = 10_098 if to == "ana" else 10_099
        assert diary.balances()["ana"] - (before["ana"] - sold) == sold * taken // 5_049
    assert diary.balances() == before


def test_the_levies_on_both_legs_go_back_with_it(diary: Diary) -> None:
    book = diary.book
    for code, treasury in (("pesos", "cash"), ("chile", "casa")):
        levy = Levy(kinds=["change"], treasury=book.numbers[treasury], n=1, d=99, payer="debit")
        if code == "chile":
            add(book, "tesoro", 0, None, "CLP")
            levy = Levy(
                kinds=["change"], treasury=book.numbers["tesoro"], n=1, d=98, payer="credit"
            )
        book.apply(LevySet(recorded_at=NOW, code=code, by="x", reason="x", levy=levy))
    before = diary.balances()
    posted = done(diary.post(*exchange("100.99", "5049", "0.01", "rounding")))
    assert [b.kind for b in posted.notes[0].beside] == ["pesos"]
    assert [b.kind for b in posted.notes[1].beside] == ["chile"]
    number = posted.first_sequence + 2
    for part in ("4000", "1000", "49"):
        done(back(diary, number, part))
    assert diary.balances() == before


def test_where_it_is_spent_another_account_pays_and_the_rest_goes_back(diary: Diary) -> None:
    add(diary.book, "claims", None, None, "CLP")
    before = diary.balances()
    number = done(diary.post(*exchange("100.99", "5049", "0.01"))).first_sequence + 1
    done(diary.post(pay("eva", "casa", "49", currency="CLP")))
    assert no(back(diary, number, "5049")) == ("exceeds_credit_limit", 0, 5_000)
    done(back(diary, number, "5049", up_to=Side.DEBIT, rest="claims"))
    after = diary.balances()
    assert (after["ana"], after["eva"], after["claims"]) == (before["ana"], 0, -49)


@pytest.mark.parametrize(
    ("which", "debit", "credit"), [(0, "house", "ana"), (2, "rounding", "house")]
)
def test_what_was_sold_is_not_taken_back_alone(
    diary: Diary, which: int, debit: str, credit: str
) -> None:
    posted = done(diary.post(*exchange("100.99", "5049", "0.01", "rounding")))
    terms = AskedTerms(action=Action.REVERSE, target=posted.first_sequence + which)
    refused = diary.post(pay(debit, credit, "0.01", terms=terms))
    assert no(refused) == ("target_not_reversible", 0, None)


def test_an_entry_without_a_rate_is_taken_back_leg_by_leg(diary: Diary) -> None:
    posted = done(diary.post(leg("ana", "house", "5.00"), leg("ana", "cash", "3.00")))
    for n, (credit, amount) in enumerate((("house", "5.00"), ("cash", "3.00"))):
        terms = AskedTerms(action=Action.REVERSE, target=posted.first_sequence + n)
        done(diary.post(pay(credit, "ana", amount, terms=terms)))
    assert isinstance(diary.book, Book)
    assert diary.balances()["ana"] == 100_000
