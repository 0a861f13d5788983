"""Levies to the treasury: what is owed, by whom, and that it goes back with what it was on."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.asked import AskedTerms, AskedTransfer
from ledger.core.book import Book, Posted
from ledger.core.faults import MalformedLine
from ledger.core.levies import given_back, levied
from ledger.core.lines import LEVIES_MAX
from ledger.core.model import Action, Side, Status
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import Levy, LevySet
from ledger.core.terms import Past
from ledger.journal.batches import write_outcomes
from ledger.journal.canonical import decode_leaf, decode_outcomes
from ledger.journal.snapshots import chunks_of, restore_chunk
from tests.core.books import NOW, add, batch, opened, pay, post, set_status

TREASURY, SHOP, ANA = 1, 2, 3


@pytest.fixture
def book() -> Book:
    """The shop pays two in a hundred of each purchase, at least 0.05, at most 3.00."""
    book = opened()
    for code in ("treasury", "shop", "ana", "ben"):
        add(book, code)
    add(book, "cash", None, None)
    assert isinstance(post(book, batch(pay("cash", "ana", "1000.00"))), Posted)
    set_levy(book, "levy", n=2, d=100, payer="credit", minimum=5, maximum=300)
    return book


def set_levy(book: Book, code: str, **rule: object) -> None:
    levy = Levy(**{"kinds": ["purchase"], "treasury": TREASURY, "n": 0, "d": 1, **rule})  # type: ignore[arg-type]
    line = LevySet(recorded_at=NOW, code=code, by="x", reason="assembly", levy=levy)
    assert book.refuse(line) is None
    book.apply(line)


def buy(amount: str, **more: object) -> AskedTransfer:
    return pay("ana", "shop", amount, kind="purchase", **more)


def done(outcome: Posted | Refusal) -> Posted:
    assert isinstance(outcome, Posted), outcome
    assert not outcome.refused
    return outcome


def balances(book: Book) -> dict[str, int]:
    return {code: book.balance[number] for code, number in book.numbers.items()}


@pytest.mark.parametrize(
    ("amount", "levy"),
    [("100.00", 200), ("0.10", 5), ("2.50", 5), ("2.75", 6), ("3.25", 6), ("150.01", 300)],
)
def test_the_payee_pays_its_part_in_the_same_entry(book: Book, amount: str, levy: int) -> None:
    outcome = done(post(book, batch(buy(amount))))
    assert list(outcome.positions) == [0, 0]
    assert (outcome.debit[1], outcome.credit[1], outcome.amount[1]) == (SHOP, TREASURY, levy)
    assert [(b.kind, b.amount) for b in outcome.notes[0].beside] == [("levy", levy)]
    assert sum(balances(book).values()) == 0
    before = balances(book)
    book.unpost(outcome)
    assert balances(book) != before


def test_other_kinds_pay_nothing(book: Book) -> None:
    outcome = done(post(book, batch(pay("ana", "shop", "100.00"))))
    assert not outcome.notes
    assert balances(book)["treasury"] == 0


def test_the_treasury_owes_itself_nothing(book: Book) -> None:
    outcome = done(post(book, batch(pay("ana", "treasury", "100.00", kind="purchase"))))
    assert (outcome.amount, dict(outcome.notes)) == ([10_000], {})


def test_who_cannot_pay_the_levy_cannot_pay(book: Book) -> None:
    set_levy(book, "member", n=1, d=100, payer="debit", kinds=["fair"])
    outcome = post(book, batch(pay("ana", "shop", "995.00", kind="fair")))
    assert isinstance(outcome, Refusal)
    assert (outcome.code, outcome.account, outcome.available) == (
        "exceeds_credit_limit",
        ANA,
        99_010,  # And 9.90 of it.
    )
    assert balances(book)["ana"] == 100_000
    done(post(book, batch(pay("ana", "shop", "990.00", kind="fair"))))
    assert balances(book)["ana"] == 10


def test_a_hold_pays_when_it_is_posted(book: Book) -> None:
    end = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOW + 9)
    terms = AskedTerms(action=Action.HOLD, expires=end)
    held = done(post(book, batch(buy("100.00", terms=terms))))
    assert balances(book)["treasury"] == 0
    part = AskedTerms(action=Action.POST, target=held.first_sequence)
    done(post(book, batch(buy("50.00", terms=part))))
    assert balances(book)["treasury"] == 100


def reverse(book: Book, number: int, past: Past, amount: str) -> Posted | Refusal:
    terms = AskedTerms(action=Action.REVERSE, target=number)
    back = pay("shop", "ana", amount, kind="purchase", terms=terms)
    return post(book, batch(back), past={number: past})


def test_a_levy_goes_back_in_proportion(book: Book) -> None:
    before = balances(book)
    outcome = done(post(book, batch(buy("33.33"))))
    (levy,) = outcome.notes[0].beside
    assert levy.amount == 67
    taken = 0
    for amount, expected in (("11.11", 22), ("11.11", 22), ("11.11", 23)):
        past = Past(debit=ANA, credit=SHOP, amount=3_333, taken=taken, beside=(levy,))
        part = done(reverse(book, outcome.first_sequence, past, amount))
        assert [(b.kind, b.amount) for b in part.notes[0].beside] == [("levy", expected)]
        taken += 1_111
    assert balances(book) == before


def test_a_levy_is_not_taken_back_alone(book: Book) -> None:
    outcome = done(post(book, batch(buy("100.00"))))
    past = Past(debit=SHOP, credit=TREASURY, amount=200, is_beside=True)
    number = outcome.first_sequence + 1
    terms = AskedTerms(action=Action.REVERSE, target=number)
    refusal = post(
        book, batch(pay("treasury", "shop", "1.00", terms=terms)), past={number: past}
    )
    assert isinstance(refusal, Refusal)
    assert refusal.code == "target_not_reversible"


def chargeback(book: Book, status: Status, **terms: object) -> tuple[Posted | Refusal, int]:
    """The shop sold for 100.00, of which it gave 2.00 as a levy, and is frozen or closed."""
    outcome = done(post(book, batch(buy("100.00"))))
    done(post(book, batch(pay("shop", "ben", "98.00"))))
    set_status(book, "shop", status)
    (levy,) = outcome.notes[0].beside
    number = outcome.first_sequence
    past = Past(debit=ANA, credit=SHOP, amount=10_000, beside=(levy,))
    asked = AskedTerms(action=Action.REVERSE, target=number, **terms)  # type: ignore[arg-type]
    back = pay("shop", "ana", "100.00", kind="purchase", terms=asked)
    return post(book, batch(back), past={number: past}), number


@pytest.mark.parametrize("status", [Status.FROZEN, Status.CLOSED])
def test_a_levy_goes_back_to_who_stands_in_for_its_payer(book: Book, status: Status) -> None:
    """What the shop owes then is what it got for the sale; clearing it leaves nothing."""
    refused, _ = chargeback(book, status)
    assert isinstance(refused, Refusal)
    assert refused.code in ("debit_account_frozen", "debit_account_closed")
    set_status(book, "shop", Status.OPEN)
    stood, _ = chargeback(book, status, suspense="cash")
    stood = done(stood)
    assert stood.amount == [10_000, 200]
    cash = book.numbers["cash"]
    assert (stood.debit, stood.credit) == ([cash, TREASURY], [ANA, cash])
    (item,) = book.suspense.open.values()
    assert (item.account, item.side, item.left) == (cash, "debit", 9_800)
    set_status(book, "shop", Status.OPEN)
    terms = AskedTerms(action=Action.CLEAR, target=stood.first_sequence)
    too_much = post(book, batch(pay("ben", "cash", "98.01", terms=terms)))
    assert isinstance(too_much, Refusal)
    assert (too_much.code, too_much.available) == ("exceeds_target", 9_800)
    done(post(book, batch(pay("ben", "cash", "98.00", terms=terms))))
    assert not book.suspense.open


@pytest.mark.parametrize("status", [Status.FROZEN, Status.CLOSED])
def test_a_levy_goes_back_to_the_receivable_that_pays_for_its_payer(
    book: Book, status: Status
) -> None:
    before = book.balance[book.numbers["cash"]]
    stood, _ = chargeback(book, status, up_to=Side.DEBIT, rest="cash")
    assert done(stood).amount == [10_000, 200]
    assert book.balance[book.numbers["cash"]] == before - 9_800
    assert book.balance[SHOP] == 0


def test_a_levy_goes_back_with_what_its_payer_cannot_receive(book: Book) -> None:
    """On the other side both are owed to who is frozen."""
    set_levy(book, "levy", n=2, d=100, payer="debit")
    outcome = done(post(book, batch(buy("100.00"))))
    set_status(book, "ana", Status.FROZEN)
    (levy,) = outcome.notes[0].beside
    number = outcome.first_sequence
    past = Past(debit=ANA, credit=SHOP, amount=10_000, beside=(levy,))
    terms = AskedTerms(action=Action.REVERSE, target=number, suspense="cash")
    back = pay("shop", "ana", "50.00", kind="purchase", terms=terms)
    stood = done(post(book, batch(back), past={number: past}))
    assert stood.amount == [5_000, 100]
    (item,) = book.suspense.open.values()
    assert (item.side, item.left) == ("credit", 5_100)
    book.unpost(stood)
    assert not book.suspense.open


def test_nobody_stands_in_for_less_than_the_levy_that_goes_back(book: Book) -> None:
    """There would be nothing to clear, or the treasury's money to give away."""
    for levy, code in ((500, "debit_account_frozen"), (499, "")):
        set_levy(book, "levy", payer="credit", fixed=levy)
        done(post(book, batch(pay("cash", "shop", "10.00"))))
        outcome = done(post(book, batch(buy("5.00"))))
        number = outcome.first_sequence
        set_status(book, "shop", Status.FROZEN)
        past = Past(debit=ANA, credit=SHOP, amount=500, beside=outcome.notes[0].beside)
        terms = AskedTerms(action=Action.REVERSE, target=number, suspense="cash")
        back = pay("shop", "ana", "5.00", kind="purchase", terms=terms)
        refused = post(book, batch(back), past={number: past})
        assert (refused.code if isinstance(refused, Refusal) else "") == code
        set_status(book, "shop", Status.OPEN)
    assert [item.left for item in book.suspense.open.values()] == [1]


def test_the_treasury_keeps_what_it_stands_in_for(book: Book) -> None:
    """It would pay itself: no row says so, and it owes the levy with the rest."""
    set_levy(book, "levy", n=2, d=100, payer="debit")
    outcome = done(post(book, batch(buy("100.00"))))
    set_status(book, "ana", Status.FROZEN)
    number = outcome.first_sequence
    past = Past(debit=ANA, credit=SHOP, amount=10_000, beside=outcome.notes[0].beside)
    terms = AskedTerms(action=Action.REVERSE, target=number, suspense="treasury")
    back = pay("shop", "ana", "100.00", kind="purchase", terms=terms)
    stood = done(post(book, batch(back), past={number: past}))
    assert stood.amount == [10_000]
    assert book.suspense.open[stood.first_sequence].left == 10_200


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"treasury": 99}, "account_not_found"),
        ({"n": 2}, "rate_above_one"),
        ({"minimum": 5, "maximum": 4}, "bounds_crossed"),
    ],
)
def test_a_levy_that_makes_no_sense_is_refused(
    book: Book, rule: dict[str, int], code: str
) -> None:
    facts = {"kinds": ["x"], "treasury": 1, "n": 1, "d": 1, "payer": "debit"}
    levy = Levy(**{**facts, **rule})  # type: ignore[arg-type]
    line = LevySet(recorded_at=NOW, code="other", by="x", reason="x", levy=levy)
    refusal = book.refuse(line)
    assert refusal is not None
    assert refusal.code == code


def test_a_kind_pays_no_more_levies_than_an_outcome_can_say(book: Book) -> None:
    """And a rest besides: the row of each can be read again, as for a repeat."""
    for n in range(LEVIES_MAX - 1):
        set_levy(book, f"more{n}", n=1, d=100, payer="credit", kinds=["purchase", "fair"])
    one_more = Levy(kinds=["other", "purchase"], treasury=1, n=1, d=100, payer="debit")
    refusal = book.refuse(LevySet(recorded_at=NOW, code="x", by="x", reason="x", levy=one_more))
    assert refusal is not None
    assert refusal.code == "too_many_levies"
    set_levy(book, "more0", n=2, d=100, payer="credit")  # Changed, and not one more.
    terms = AskedTerms(up_to=Side.DEBIT, rest="cash")
    outcome = done(post(book, batch(buy("2000.00", terms=terms), pay("cash", "ana", "1.00"))))
    assert len(outcome.notes[0].beside) == 1 + LEVIES_MAX
    assert len(decode_outcomes(write_outcomes(outcome))) == 2


def test_no_levy_has_the_code_of_a_rest() -> None:
    """Its rows would be taken for what `up_to` left: they would not go back as levies do."""
    with pytest.raises(MalformedLine):
        decode_leaf(
            b'{"by":"x","code":"rest","line":"levy","reason":"x","recorded_at":1700000000000000}'
        )


def test_a_levy_is_removed_and_kept_in_snapshots(book: Book) -> None:
    copy = Book()
    copy.opening = book.opening
    for chunk in chunks_of(book):
        restore_chunk(copy, chunk)
    assert list(copy.state()) == list(book.state())
    assert done(post(copy, batch(buy("100.00")))).notes
    book.apply(LevySet(recorded_at=NOW, code="levy", by="x", reason="assembly"))
    assert not done(post(book, batch(buy("100.00")))).notes
    refusal = book.refuse(LevySet(recorded_at=NOW, code="levy", by="x", reason="assembly"))
    assert refusal is not None
    assert refusal.code == "levy_not_found"


@given(
    levy=st.integers(1, 10**6),
    amount=st.integers(1, 10**9),
    cuts=st.lists(st.integers(0, 10**9), max_size=6),
)
def test_parts_of_a_levy_sum_to_the_whole(levy: int, amount: int, cuts: list[int]) -> None:
    """However a reversal is cut, the levy goes back with it, and with the last all of it."""
    places = sorted({min(cut, amount) for cut in cuts} | {0, amount})
    parts = [given_back(levy, amount, a, b - a) for a, b in pairwise(places)]
    assert sum(parts) == levy
    assert min(parts) >= 0


@given(amount=st.integers(1, 2**53 - 1), n=st.integers(0, 50), scale=st.integers(1, 2**53 - 1))
def test_a_rate_is_rounded_half_to_even(amount: int, n: int, scale: int) -> None:
    levy = Levy(kinds=["x"], treasury=1, n=n, d=scale + 50, payer="debit")
    exact_twice = 2 * amount * n
    off = 2 * levied(levy, amount) * levy.d - exact_twice
    assert abs(off) <= levy.d
    if abs(off) == levy.d:
        assert levied(levy, amount) % 2 == 0
