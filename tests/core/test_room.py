"""As much as the bounds allow, with what goes besides: held against trying every amount."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.core.asked import AskedTerms, AskedTransfer
from ledger.core.book import Posted
from ledger.core.model import Action, Side
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import Levy, LevySet
from tests.core.books import NOW, Diary, add, bound, opened, pay

LATER = datetime(2099, 1, 1, tzinfo=UTC)
NO_BOUND = 2**53 - 1


def a_diary(levies: list[dict[str, Any]]) -> Diary:
    """Cash pays whoever is to have something; a treasury, and levies on sales."""
    book = opened()
    for code in ("cash", "treasury", "other", "ana", "shop"):
        add(book, code, None, None)
    for place, rule in enumerate(levies):
        levy = Levy(**{"kinds": ["sale"], "treasury": 2, "n": 0, "d": 1, **rule})
        line = LevySet(recorded_at=NOW, code=f"l{place}", by="x", reason="x", levy=levy)
        assert book.refuse(line) is None
        book.apply(line)
    return Diary(book)


def sale(debit: str, credit: str, amount: int, **terms: Any) -> AskedTransfer:
    text = f"{amount // 100}.{amount % 100:02d}"
    asked = pay(debit, credit, text, kind="sale")
    return replace(asked, terms=AskedTerms(**terms)) if terms else asked


def fits(diary: Diary, asked: AskedTransfer) -> bool:
    """Whether it would be posted; the book is as before."""
    outcome = diary.post(asked, keep=False)
    return isinstance(outcome, Posted)


def by_trying(diary: Diary, most: int, one: Any) -> int:
    """The largest amount that is posted, of all there are; 0 for none."""
    return next((m for m in range(most, 0, -1) if fits(diary, one(m))), 0)


def own(outcome: Posted | Refusal) -> int:
    """The amount of a transfer's own row; 0 where it was refused for its payer's limit."""
    if isinstance(outcome, Refusal):
        return 0
    return outcome.amount[0]


rates = st.sampled_from([(0, 1), (1, 50), (1, 3), (1, 2), (99, 100), (1, 1)])


@st.composite
def rules(draw: st.DrawFn, payers: tuple[str, ...] = ("debit", "credit")) -> dict[str, Any]:
    n, d = draw(rates)
    rule: dict[str, Any] = {
        "payer": draw(st.sampled_from(payers)),
        "n": n,
        "d": d,
        "fixed": draw(st.sampled_from([0, 0, 1, 7])),
        "minimum": draw(st.sampled_from([0, 0, 3, 10])),
        "treasury": draw(st.sampled_from([2, 3])),
    }
    if draw(st.booleans()):
        rule["maximum"] = rule["minimum"] + draw(st.sampled_from([1, 5, 20]))
    return rule


@given(
    levies=st.lists(rules(), max_size=3),
    has=st.integers(0, 120),
    asked=st.integers(1, 150),
)
def test_a_payer_pays_as_much_as_it_can_with_its_levies(
    levies: list[dict[str, Any]], has: int, asked: int
) -> None:
    diary = a_diary(levies)
    if has:
        diary.post(pay("cash", "ana", f"{has // 100}.{has % 100:02d}"))
    bound(diary.book, "ana", 0, NO_BOUND)
    most = by_trying(diary, asked, lambda m: sale("ana", "shop", m))
    refused = diary.post(sale("ana", "shop", asked), keep=False)
    assert own(refused) == (asked if most == asked else 0)
    if isinstance(refused, Refusal):  # It says how much would have been fine.
        assert (refused.code, refused.available) == ("exceeds_credit_limit", most)
    outcome = diary.post(sale("ana", "shop", asked, up_to=Side.DEBIT))
    assert own(outcome) == most
    if most == 0:
        assert isinstance(outcome, Refusal)
        assert (outcome.code, outcome.available) == ("exceeds_credit_limit", 0)


@given(
    levies=st.lists(rules(("debit",)), max_size=3),
    room=st.integers(0, 120),
    has=st.integers(0, 200),
    asked=st.integers(1, 150),
    side=st.sampled_from([Side.CREDIT, Side.BOTH]),
)
def test_a_payee_that_is_the_treasury_takes_the_levy_too(
    levies: list[dict[str, Any]], room: int, has: int, asked: int, side: Side
) -> None:
    diary = a_diary(levies)
    if has:
        diary.post(pay("cash", "ana", f"{has // 100}.{has % 100:02d}"))
    if side is Side.BOTH:
        bound(diary.book, "ana", 0, NO_BOUND)
    bound(diary.book, "treasury", -NO_BOUND, room)
    most = by_trying(diary, asked, lambda m: sale("ana", "treasury", m))
    outcome = diary.post(sale("ana", "treasury", asked, up_to=side))
    assert own(outcome) == most


@given(
    levies=st.lists(rules(), max_size=3),
    sold=st.integers(1, 100),
    before=st.integers(0, 60),
    spends=st.integers(0, 100),
    asked=st.integers(1, 100),
    room=st.integers(0, 100),
    side=st.sampled_from([Side.DEBIT, Side.CREDIT, Side.BOTH]),
)
def test_a_reversal_takes_back_as_much_as_it_can_with_what_comes_back(
    levies: list[dict[str, Any]],
    sold: int,
    before: int,
    spends: int,
    asked: int,
    room: int,
    side: Side,
) -> None:
    diary = a_diary(levies)
    number = own_sequence(diary.post(sale("ana", "shop", sold)))
    back = {"action": Action.REVERSE, "target": number}
    if 0 < before < sold:
        assert own(diary.post(sale("shop", "ana", before, **back))) == before
        sold -= before
    asked = min(asked, sold)
    if side is not Side.CREDIT:
        lower = diary.balances()["shop"] - spends
        bound(diary.book, "shop", lower, NO_BOUND)
    if side is not Side.DEBIT:
        bound(diary.book, "ana", -NO_BOUND, diary.balances()["ana"] + room)
    most = by_trying(diary, asked, lambda m: sale("shop", "ana", m, **back))
    outcome = diary.post(sale("shop", "ana", asked, **back, up_to=side))
    assert own(outcome) == most


def own_sequence(outcome: Posted | Refusal) -> int:
    assert isinstance(outcome, Posted), outcome
    return outcome.first_sequence


@given(levies=st.lists(rules(), max_size=3), has=st.integers(0, 120), asked=st.integers(1, 150))
def test_what_is_held_up_to_the_bound_can_be_posted(
    levies: list[dict[str, Any]], has: int, asked: int
) -> None:
    """With its levies, though they are not held: where nothing else was spent."""
    diary = a_diary(levies)
    if has:
        diary.post(pay("cash", "ana", f"{has // 100}.{has % 100:02d}"))
    bound(diary.book, "ana", 0, NO_BOUND)
    most = by_trying(diary, asked, lambda m: sale("ana", "shop", m))
    hold = {"action": Action.HOLD, "expires": LATER}
    held = diary.post(sale("ana", "shop", asked, **hold, up_to=Side.DEBIT))
    assert own(held) == most
    if isinstance(held, Posted):
        post = {"action": Action.POST, "target": held.first_sequence}
        assert own(diary.post(sale("ana", "shop", most, **post))) == most


def test_a_hold_that_could_not_be_posted_with_its_levy_is_not_granted() -> None:
    diary = a_diary([{"payer": "debit", "n": 1, "d": 50}])
    diary.post(pay("cash", "ana", "100.00"))
    bound(diary.book, "ana", 0, NO_BOUND)
    hold = {"action": Action.HOLD, "expires": LATER}
    refused = diary.post(sale("ana", "shop", 9_900, **hold))
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.available) == ("exceeds_credit_limit", 9_804)
    assert own(diary.post(sale("ana", "shop", 9_804, **hold))) == 9_804


@pytest.mark.parametrize("release", [False, True])
def test_a_part_of_a_hold_whose_levy_cannot_be_paid_any_more(release: bool) -> None:
    """The levy was not held, and was spent: as much is posted as can be with its levy."""
    diary = a_diary([{"payer": "debit", "n": 1, "d": 10}])
    diary.post(pay("cash", "ana", "100.00"))
    bound(diary.book, "ana", 0, NO_BOUND)
    hold = {"action": Action.HOLD, "expires": LATER}
    number = own_sequence(diary.post(sale("ana", "shop", 9_000, **hold)))
    diary.post(pay("ana", "cash", "9.00"))
    post = {"action": Action.POST, "target": number, "release": release}
    refused = diary.post(sale("ana", "shop", 9_000, **post))
    assert isinstance(refused, Refusal)
    most = by_trying(diary, 9_000, lambda m: sale("ana", "shop", m, **post))
    assert (refused.code, refused.available) == ("exceeds_credit_limit", most)
    assert most == (8_273 if release else 1_005)


def test_who_cannot_pay_the_levy_may_have_suspense_stand_in() -> None:
    """The cash has changed hands: all of it goes to the bridge, and nothing is levied."""
    diary = a_diary([{"payer": "debit", "n": 1, "d": 50}])
    add(diary.book, "bridge", None, None)
    diary.post(pay("cash", "ana", "100.00"))
    bound(diary.book, "ana", 0, NO_BOUND)
    outcome = diary.post(sale("ana", "cash", 10_000, suspense="bridge"))
    assert isinstance(outcome, Posted)
    assert (outcome.notes[0].suspense, outcome.notes[0].beside) == ("debit", ())
    assert diary.balances()["ana"] == 10_000
