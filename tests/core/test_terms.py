"""Transfers under terms: an example, the edge and the refusal of each."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.core.amounts import parse_amount
from ledger.core.asked import AskedTerms, AskedTransfer
from ledger.core.book import Book, Posted
from ledger.core.faults import MalformedRequest
from ledger.core.leaves import HoldsExpired, LimitChanged, StatusChanged
from ledger.core.lines import Rate, Terms, Transfer
from ledger.core.model import Action, Flag, Phase, Side, Status
from ledger.core.moments import SLACK
from ledger.core.refusals import Refusal
from ledger.core.terms import Past, links_of
from ledger.journal.snapshots import chunks_of, restore_chunk
from tests.core.books import NOW, add, batch, opened, pay, post, set_status

T0 = datetime(1970, 1, 1, tzinfo=UTC)
SOON = T0 + timedelta(microseconds=NOW + 1)  # The first moment a hold may end.
HOUR = 3_600_000_000


def at(micros: int) -> datetime:
    return T0 + timedelta(microseconds=micros)


def under(debit: str, credit: str, amount: str, **terms: object) -> AskedTransfer:
    currency = str(terms.pop("currency", "MXN"))
    return pay(debit, credit, amount, currency=currency, terms=AskedTerms(**terms))  # type: ignore[arg-type]


def hold(debit: str, credit: str, amount: str, **terms: object) -> AskedTransfer:
    return under(debit, credit, amount, **{"action": Action.HOLD, "expires": SOON, **terms})


@pytest.fixture
def book() -> Book:
    """Ana may spend what she has, 100.00; the shop takes up to 1,000.00 in all."""
    book = opened(currencies=("MXN", "USD"))
    add(book, "cash", None, None)
    add(book, "ana")
    add(book, "shop", 0, 100_000)
    add(book, "bridge", None, None)
    add(book, "dollars", None, None, "USD")
    add(book, "eva", 0, None, "USD")
    done(post(book, batch(pay("cash", "ana", "100.00"))))
    return book


def done(outcome: Posted | Refusal) -> Posted:
    assert isinstance(outcome, Posted), outcome
    assert not outcome.refused, outcome.refused
    return outcome


def code(outcome: Posted | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code.value


def balance(book: Book, name: str) -> int:
    return book.balance[book.numbers[name]]


def available(book: Book, name: str) -> int:
    number = book.numbers[name]
    return book.balance[number] - book.floor[number]


# ---- holds


def test_a_hold_moves_nothing_and_keeps_the_amount_back(book: Book) -> None:
    held = done(post(book, batch(hold("ana", "shop", "60.00"))))
    assert held.phases == [Phase.HELD]
    assert (balance(book, "ana"), available(book, "ana")) == (10_000, 4_000)
    assert balance(book, "shop") == 0
    account = book.account(book.numbers["ana"])
    assert (account.pending_debits, account.pending_credits) == (6_000, 0)
    refused = post(book, batch(pay("ana", "shop", "40.01")))
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.available) == ("exceeds_credit_limit", 4_000)
    done(post(book, batch(pay("ana", "shop", "40.00"))))


def test_a_hold_counts_against_the_bound_of_who_will_be_paid(book: Book) -> None:
    done(post(book, batch(pay("cash", "shop", "950.00"))))
    assert code(post(book, batch(hold("ana", "shop", "50.01")))) == "exceeds_balance_limit"
    done(post(book, batch(hold("ana", "shop", "50.00"))))
    assert code(post(book, batch(pay("cash", "shop", "0.01")))) == "exceeds_balance_limit"


def test_a_hold_is_posted_in_parts_until_the_rest_is_released(book: Book) -> None:
    number = done(post(book, batch(hold("ana", "shop", "60.00")))).first_sequence
    some = {"action": Action.POST, "target": number}
    done(post(book, batch(under("ana", "shop", "20.00", **some))))
    assert (balance(book, "ana"), available(book, "ana")) == (8_000, 4_000)
    too_much = post(book, batch(under("ana", "shop", "40.01", **some)))
    assert isinstance(too_much, Refusal)
    assert (too_much.code, too_much.available) == ("exceeds_target", 4_000)
    done(post(book, batch(under("ana", "shop", "15.00", release=True, **some))))
    assert (balance(book, "ana"), available(book, "ana")) == (6_500, 6_500)
    assert code(post(book, batch(under("ana", "shop", "0.01", **some)))) == "hold_not_open"


def test_a_hold_posted_in_full_is_resolved_once(book: Book) -> None:
    number = done(post(book, batch(hold("ana", "shop", "100.00")))).first_sequence
    whole = under("ana", "shop", "100.00", action=Action.POST, target=number)
    done(post(book, batch(whole)))
    assert code(post(book, batch(whole))) == "hold_not_open"
    assert (balance(book, "ana"), balance(book, "shop")) == (0, 10_000)


def test_a_void_gives_back_what_remains(book: Book) -> None:
    number = done(post(book, batch(hold("ana", "shop", "60.00")))).first_sequence
    done(post(book, batch(under("ana", "shop", "10.00", action=Action.POST, target=number))))
    void = under("ana", "shop", "60.00", action=Action.VOID, target=number)
    released = done(post(book, batch(void)))
    assert (released.phases, released.amount) == ([Phase.RELEASED], [5_000])
    assert (balance(book, "ana"), available(book, "ana")) == (9_000, 9_000)
    assert code(post(book, batch(void))) == "hold_not_open"


@pytest.mark.parametrize(
    ("debit", "credit", "amount", "expected"),
    [
        ("cash", "shop", "60.00", "target_differs"),
        ("ana", "bridge", "60.00", "target_differs"),
        ("ana", "shop", "59.99", "target_differs"),
    ],
)
def test_a_void_names_the_hold_as_it_was(
    book: Book, debit: str, credit: str, amount: str, expected: str
) -> None:
    number = done(post(book, batch(hold("ana", "shop", "60.00")))).first_sequence
    void = under(debit, credit, amount, action=Action.VOID, target=number)
    assert code(post(book, batch(void))) == expected


def test_a_hold_ends_at_its_moment_not_before(book: Book) -> None:
    end = NOW + HOUR
    number = done(
        post(book, batch(hold("ana", "shop", "60.00", expires=at(end))))
    ).first_sequence
    part = under("ana", "shop", "1.00", action=Action.POST, target=number)
    done(post(book, batch(part), now=end - 1))
    assert book.due_line(end - 1) is None
    assert code(post(book, batch(part), now=end)) == "hold_expired"
    expired = HoldsExpired(recorded_at=end, holds=[number])
    assert book.due_line(end) == expired
    assert book.due() == end
    book.apply(expired)
    assert available(book, "ana") == balance(book, "ana") == 9_900
    assert book.due() is None
    assert code(post(book, batch(part), now=end)) == "hold_not_open"


def test_a_hold_that_was_only_looked_at_has_no_end(book: Book) -> None:
    """The next transfer has the same sequence, and may be a hold that ends later."""
    soon, later = (hold("ana", "shop", "1.00", expires=at(NOW + n * HOUR)) for n in (1, 2))
    book.unpost(done(post(book, batch(soon))))
    assert book.due() is None
    book.unpost(done(post(book, batch(soon))))
    done(post(book, batch(later)))
    assert book.due() == NOW + 2 * HOUR


def test_holds_that_are_over_or_were_only_looked_at_are_not_kept(book: Book) -> None:
    """Whatever their end would have been: what is kept grows with open holds only."""
    year = NOW + 365 * 24 * HOUR
    kept = done(post(book, batch(hold("ana", "shop", "1.00", expires=at(year - 1)))))
    for number in range(300):
        one = hold("ana", "shop", "1.00", expires=at(year + number))
        book.unpost(done(post(book, batch(one))))
        sequence = done(post(book, batch(one))).first_sequence
        void = under("ana", "shop", "1.00", action=Action.VOID, target=sequence)
        done(post(book, batch(void)))
        assert len(book.holds.expiries) <= SLACK + 2 * 2
    assert book.due() == year - 1
    assert list(book.holds.open) == [kept.first_sequence]


def test_holds_whose_end_was_undone_still_expire(book: Book) -> None:
    """A look at a batch that posts them all, and makes another, forgets none of them."""
    end = NOW + HOUR
    some = [hold("ana", "shop", "0.01", expires=at(end)) for _ in range(2 * SLACK)]
    first = done(post(book, batch(*some))).first_sequence
    posts = [
        under("ana", "shop", "0.01", action=Action.POST, target=first + number)
        for number in range(2 * SLACK)
    ]
    book.unpost(done(post(book, batch(*posts, hold("ana", "shop", "0.01", expires=at(end))))))
    assert book.due() == end
    assert book.due_line(end) is not None


def test_only_holds_whose_time_is_up_expire(book: Book) -> None:
    end = NOW + HOUR
    number = done(
        post(book, batch(hold("ana", "shop", "60.00", expires=at(end))))
    ).first_sequence
    for holds in ([number], [number + 1]):
        line = HoldsExpired(recorded_at=end - (holds == [number]), holds=holds)
        refusal = book.refuse(line)
        assert refusal is not None
        assert refusal.code == "holds_not_due"
    assert book.refuse(HoldsExpired(recorded_at=end, holds=[number, number])) is not None
    assert book.refuse(HoldsExpired(recorded_at=end, holds=[number])) is None


def test_a_hold_that_was_granted_is_posted_whatever_the_limit_is_now(book: Book) -> None:
    number = done(post(book, batch(hold("ana", "shop", "60.00")))).first_sequence
    line = LimitChanged(
        recorded_at=NOW, account=book.numbers["ana"], reason="less", by="x", lower=9_000
    )
    book.apply(line)
    done(post(book, batch(under("ana", "shop", "60.00", action=Action.POST, target=number))))


def test_a_freeze_is_newer_than_the_hold(book: Book) -> None:
    number = done(post(book, batch(hold("ana", "shop", "60.00")))).first_sequence
    set_status(book, "ana", Status.FROZEN)
    part = under("ana", "shop", "1.00", action=Action.POST, target=number)
    assert code(post(book, batch(part))) == "debit_account_frozen"
    done(post(book, batch(under("ana", "shop", "60.00", action=Action.VOID, target=number))))


def test_an_account_with_a_hold_is_not_closed(book: Book) -> None:
    done(post(book, batch(pay("ana", "cash", "100.00"))))
    done(post(book, batch(hold("cash", "ana", "60.00"))))
    closing = StatusChanged(
        recorded_at=NOW,
        account=book.numbers["ana"],
        status=Status.CLOSED,
        reason="left",
        by="x",
    )
    refusal = book.refuse(closing)
    assert refusal is not None
    assert refusal.code == "account_has_holds"


# ---- entries


def test_an_entry_stands_or_falls_as_one(book: Book) -> None:
    """A repayment in principal, interest and tax; the second entry has too little."""
    parts = [under("ana", "shop", a, entry=1) for a in ("50.00", "30.00", "10.00")]
    more = [under("ana", "shop", a, entry=2) for a in ("5.00", "5.01")]
    outcome = post(book, batch(*parts, *more, pay("ana", "cash", "10.00"), mode="each"))
    assert isinstance(outcome, Posted)
    assert list(outcome.positions) == [0, 1, 2, 5]
    assert [(r.position, r.code.value) for r in outcome.refused] == [
        (3, "entry_refused"),
        (4, "exceeds_credit_limit"),
    ]
    assert balance(book, "ana") == 0
    assert outcome.debit_balance == [5_000, 2_000, 1_000, 0]


def test_an_entry_that_falls_leaves_no_hold(book: Book) -> None:
    asked = [hold("ana", "shop", "10.00", entry=1), under("ana", "shop", "95.00", entry=1)]
    outcome = post(book, batch(*asked, mode="each"))
    assert isinstance(outcome, Posted)
    assert [r.code.value for r in outcome.refused] == ["entry_refused", "exceeds_credit_limit"]
    assert not book.holds.open
    assert available(book, "ana") == 10_000


def test_an_entry_that_falls_leaves_no_note(book: Book) -> None:
    part = under("ana", "shop", "500.00", up_to=Side.DEBIT, entry=1)
    outcome = post(book, batch(part, under("ana", "shop", "1.00", entry=1), mode="each"))
    assert isinstance(outcome, Posted)
    assert (list(outcome.positions), dict(outcome.notes)) == ([], {})


def test_an_exchange_is_at_its_rate_rounded_down(book: Book) -> None:
    """99.96 pesos at 1/17 are 5.88 dollars. More about it stands in test_exchange.py."""

    def exchange(dollars: str) -> Posted | Refusal:
        sold = under("ana", "cash", "99.96", entry=1)
        rate = {"entry": 1, "rate": Rate(n=1, d=17), "currency": "USD"}
        return post(book, batch(sold, under("dollars", "eva", dollars, **rate)))

    for wrong in ("5.87", "5.89"):
        refused = exchange(wrong)
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.available) == ("rate_differs", 588)
    done(exchange("5.88"))
    assert (balance(book, "ana"), balance(book, "eva")) == (4, 588)


def test_a_rate_needs_an_amount_that_is_known_beforehand(book: Book) -> None:
    sold = under("ana", "cash", "200.00", entry=1, up_to=Side.DEBIT)
    rate = {"entry": 1, "rate": Rate(n=1, d=17), "currency": "USD"}
    outcome = post(book, batch(sold, under("dollars", "eva", "11.76", **rate)))
    assert code(outcome) == "rate_differs"


# ---- as much as there is


def test_up_to_takes_what_there_is(book: Book) -> None:
    outcome = done(post(book, batch(under("ana", "shop", "500.00", up_to=Side.DEBIT))))
    assert (outcome.amount, outcome.notes[0].amount) == ([10_000], 10_000)
    assert code(post(book, batch(under("ana", "shop", "0.01", up_to=Side.DEBIT)))) == (
        "exceeds_credit_limit"
    )


@pytest.mark.parametrize(
    ("side", "moved"), [(Side.DEBIT, None), (Side.CREDIT, 5_000), (Side.BOTH, 5_000)]
)
def test_up_to_looks_at_the_side_it_names(book: Book, side: Side, moved: int | None) -> None:
    done(post(book, batch(pay("cash", "shop", "950.00"))))
    outcome = post(book, batch(under("ana", "shop", "80.00", up_to=side)))
    if moved is None:
        assert code(outcome) == "exceeds_balance_limit"
    else:
        assert done(outcome).amount == [moved]


def test_a_hold_may_be_up_to_what_there_is(book: Book) -> None:
    done(post(book, batch(hold("ana", "shop", "500.00", up_to=Side.DEBIT))))
    assert available(book, "ana") == 0


def test_the_rest_is_taken_from_the_named_account(book: Book) -> None:
    asked = under("ana", "shop", "130.00", up_to=Side.DEBIT, rest="bridge")
    outcome = done(post(book, batch(asked)))
    assert (list(outcome.positions), outcome.amount) == ([0, 0], [10_000, 3_000])
    assert [b.kind for b in outcome.notes[0].beside] == ["rest"]
    assert (balance(book, "ana"), balance(book, "bridge")) == (0, -3_000)
    nothing_left = done(post(book, batch(asked)))
    assert (nothing_left.amount, nothing_left.notes[0].amount) == ([13_000], 0)


def test_the_rest_is_flagged_where_it_passes_a_soft_bound(book: Book) -> None:
    """The shop takes the whole amount, whichever account the two parts of it come from."""
    line = LimitChanged(
        recorded_at=NOW,
        account=book.numbers["shop"],
        reason="assembly",
        by="x",
        lower=0,
        upper=10_000,
        soft=Side.CREDIT,
    )
    book.apply(line)
    asked = under("ana", "shop", "100.01", up_to=Side.DEBIT, rest="bridge")
    outcome = done(post(book, batch(asked)))
    assert outcome.amount == [10_000, 1]
    assert outcome.notes[0].flags == (Flag.BALANCE_LIMIT_PASSED,)


def test_nothing_is_not_posted(book: Book) -> None:
    """Where `up_to` leaves nothing, no hold is kept and no suspense account stands in."""
    for more in ({}, {"suspense": "bridge"}):
        asked = under("shop", "ana", "1.00", up_to=Side.DEBIT, **more)
        assert code(post(book, batch(asked))) == "exceeds_credit_limit"
    assert code(post(book, batch(hold("shop", "ana", "1.00", up_to=Side.DEBIT)))) == (
        "exceeds_credit_limit"
    )


# ---- reversals


def taken(asked: AskedTransfer, outcome: Posted) -> list[tuple[int, int]]:
    """Target and amount of what a batch of one took back."""
    line = Transfer(
        amount=parse_amount(asked.amount, 2),
        credit_account=1,
        debit_account=1,
        kind="x",
        terms=Terms(action=asked.terms.action, target=asked.terms.target),  # type: ignore[union-attr]
    )
    return [(link.target, link.amount) for link in links_of([line], outcome)]


def paid(book: Book, amount: str = "60.00") -> tuple[int, Past]:
    posted = done(post(book, batch(pay("ana", "shop", amount))))
    past = Past(debit=posted.debit[0], credit=posted.credit[0], amount=posted.amount[0])
    return posted.first_sequence, past


def test_a_reversal_takes_back_at_most_what_was_posted(book: Book) -> None:
    number, past = paid(book)
    back = {"action": Action.REVERSE, "target": number}
    part = under("shop", "ana", "20.00", **back)
    outcome = done(post(book, batch(part), past={number: past}))
    assert taken(part, outcome) == [(number, 2_000)]
    known = {number: Past(debit=past.debit, credit=past.credit, amount=6_000, taken=2_000)}
    refused = post(book, batch(under("shop", "ana", "40.01", **back)), past=known)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.available) == ("exceeds_target", 4_000)
    done(post(book, batch(under("shop", "ana", "40.00", **back)), past=known))
    assert balance(book, "ana") == 10_000


def test_parts_of_one_batch_count_together(book: Book) -> None:
    number, past = paid(book)
    part = under("shop", "ana", "30.01", action=Action.REVERSE, target=number)
    outcome = post(book, batch(part, part, mode="each"), past={number: past})
    assert isinstance(outcome, Posted)
    assert [(r.code.value, r.available) for r in outcome.refused] == [("exceeds_target", 2_999)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (None, "target_not_found"),
        ({"phase": Phase.HELD}, "target_not_reversible"),
        ({"is_link": True}, "target_not_reversible"),
        ({"credit": 1}, "target_differs"),
        ({"debit": 1}, "target_differs"),
    ],
)
def test_what_is_not_reversed(book: Book, change: dict[str, int] | None, expected: str) -> None:
    number, past = paid(book)
    facts = {"debit": past.debit, "credit": past.credit, "amount": past.amount}
    known = {} if change is None else {number: Past(**{**facts, **change})}
    back = under("shop", "ana", "1.00", action=Action.REVERSE, target=number)
    assert code(post(book, batch(back), past=known)) == expected


def test_where_the_money_is_spent_the_caller_chooses(book: Book) -> None:
    number, past = paid(book)
    done(post(book, batch(pay("shop", "cash", "50.00"))))
    back = {"action": Action.REVERSE, "target": number}
    known = {number: past}
    assert code(post(book, batch(under("shop", "ana", "60.00", **back)), past=known)) == (
        "exceeds_credit_limit"
    )
    rest = under("shop", "ana", "60.00", up_to=Side.DEBIT, rest="bridge", **back)
    outcome = done(post(book, batch(rest), past=known))
    assert outcome.amount == [1_000, 5_000]
    assert taken(rest, outcome) == [(number, 1_000), (number, 5_000)]
    book.unpost(outcome)
    some = done(
        post(book, batch(under("shop", "ana", "60.00", up_to=Side.DEBIT, **back)), past=known)
    )
    assert (some.amount, taken(rest, some)) == ([1_000], [(number, 1_000)])


# ---- suspense


@pytest.mark.parametrize("status", [Status.FROZEN, Status.FROZEN_CREDITS])
def test_cash_that_changed_hands_goes_to_suspense_and_is_cleared(
    book: Book, status: Status
) -> None:
    set_status(book, "ana", status)
    outcome = done(post(book, batch(under("cash", "ana", "5.00", suspense="bridge"))))
    assert outcome.notes[0].suspense == "credit"
    assert (balance(book, "ana"), balance(book, "bridge")) == (10_000, 500)
    number = outcome.first_sequence
    assert book.suspense.open[number].since == NOW
    clear = {"action": Action.CLEAR, "target": number}
    wrong = batch(under("cash", "ana", "5.00", **clear))
    assert code(post(book, wrong)) == "target_differs"
    set_status(book, "ana", Status.OPEN)
    done(post(book, batch(under("bridge", "ana", "3.00", **clear))))
    refused = post(book, batch(under("bridge", "ana", "2.01", **clear)))
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.available) == ("exceeds_target", 200)
    done(post(book, batch(under("bridge", "ana", "2.00", **clear))))
    assert not book.suspense.open
    assert code(post(book, batch(under("bridge", "ana", "1.00", **clear)))) == (
        "target_not_in_suspense"
    )


def test_what_is_in_suspense_is_cleared_and_not_reversed(book: Book) -> None:
    set_status(book, "ana", Status.FROZEN)
    outcome = done(post(book, batch(under("cash", "ana", "5.00", suspense="bridge"))))
    number = outcome.first_sequence
    past = Past(debit=outcome.debit[0], credit=outcome.credit[0], amount=500)
    back = under("bridge", "cash", "5.00", action=Action.REVERSE, target=number)
    assert code(post(book, batch(back), past={number: past})) == "target_not_reversible"


def test_what_is_accepted_does_not_go_to_suspense(book: Book) -> None:
    outcome = done(post(book, batch(under("cash", "ana", "5.00", suspense="bridge"))))
    assert not outcome.notes
    assert not book.suspense.open


def test_suspense_does_not_help_a_code_nobody_knows(book: Book) -> None:
    asked = under("cash", "nobody", "5.00", suspense="bridge")
    assert code(post(book, batch(asked))) == "credit_account_not_found"
    for wrong in ("nobody", "cash", "ana", "eva"):
        asked = under("cash", "ana", "5.00", suspense=wrong)
        assert code(post(book, batch(asked))) == "terms_account_not_usable"


# ---- soft bounds


def test_a_soft_bound_is_passed_and_flagged(book: Book) -> None:
    line = LimitChanged(
        recorded_at=NOW,
        account=book.numbers["shop"],
        reason="assembly",
        by="x",
        lower=0,
        upper=5_000,
        soft=Side.CREDIT,
    )
    book.apply(line)
    inside = done(post(book, batch(pay("ana", "shop", "50.00"))))
    assert not inside.notes
    passed = done(post(book, batch(pay("ana", "shop", "0.01"))))
    assert passed.notes[0].flags == (Flag.BALANCE_LIMIT_PASSED,)
    assert code(post(book, batch(pay("shop", "ana", "50.02")))) == "exceeds_credit_limit"


@pytest.mark.parametrize(
    ("soft", "may_owe", "may_own"),
    [(Side.DEBIT, True, False), (Side.CREDIT, False, True), (Side.BOTH, True, True)],
)
def test_the_side_says_which_bound_is_soft(
    book: Book, soft: Side, may_owe: bool, may_own: bool
) -> None:
    line = LimitChanged(
        recorded_at=NOW,
        account=book.numbers["shop"],
        reason="assembly",
        by="x",
        lower=-100,
        upper=100,
        soft=soft,
    )
    book.apply(line)
    for debit, credit, may in [("shop", "ana", may_owe), ("ana", "shop", may_own)]:
        outcome = post(book, batch(pay(debit, credit, "1.01")))
        assert isinstance(outcome, Posted) is may
        if isinstance(outcome, Posted):
            book.unpost(outcome)


def test_what_is_held_counts_where_a_bound_is_soft(book: Book) -> None:
    line = LimitChanged(
        recorded_at=NOW,
        account=book.numbers["ana"],
        reason="assembly",
        by="x",
        lower=0,
        soft=Side.DEBIT,
    )
    book.apply(line)
    assert not done(post(book, batch(hold("ana", "shop", "60.00")))).notes
    assert not done(post(book, batch(pay("ana", "shop", "40.00")))).notes
    passed = done(post(book, batch(pay("ana", "shop", "0.01"))))
    assert passed.notes[0].flags == (Flag.CREDIT_LIMIT_PASSED,)


# ---- form


@pytest.mark.parametrize(
    ("terms", "wrong"),
    [
        ({}, "terms"),
        ({"action": Action.HOLD}, "expires"),
        ({"expires": SOON}, "expires"),
        ({"action": Action.POST}, "target"),
        ({"target": 1}, "target"),
        ({"action": Action.VOID, "target": 1, "release": True}, "release"),
        ({"action": Action.POST, "target": 1, "up_to": Side.DEBIT}, "up_to"),
        ({"rest": "cash"}, "rest"),
        ({"rest": "cash", "up_to": Side.BOTH}, "rest"),
        ({"rest": "cash", "up_to": Side.DEBIT, "suspense": "bridge"}, "suspense"),
        ({"action": Action.CLEAR, "target": 1, "suspense": "bridge"}, "suspense"),
        ({"rate": Rate(n=1, d=1)}, "rate"),
    ],
)
def test_terms_that_do_not_go_together_are_malformed(
    terms: dict[str, object], wrong: str
) -> None:
    from ledger.core.door import check_form

    with pytest.raises(MalformedRequest, match=wrong):
        check_form(batch(under("a", "b", "1.00", **terms)))


# ---- the whole


def test_a_look_at_what_would_happen_leaves_nothing(book: Book) -> None:
    done(post(book, batch(hold("ana", "shop", "10.00"))))
    before = list(book.state())
    floors = book.floor[:], book.ceiling[:]
    asked = [
        hold("ana", "shop", "10.00"),
        under("ana", "shop", "1.00", action=Action.POST, target=2),
        under("ana", "shop", "500.00", up_to=Side.DEBIT, rest="bridge"),
        under("ana", "shop", "10.00", action=Action.VOID, target=2),
        under("ana", "cash", "10.00", suspense="bridge"),
    ]
    book.unpost(done(post(book, batch(*asked))))
    assert list(book.state()) == before
    assert (book.floor, book.ceiling) == floors


def test_a_refused_batch_leaves_nothing(book: Book) -> None:
    before = list(book.state())
    asked = [hold("ana", "shop", "10.00"), under("ana", "shop", "90.01", entry=1)]
    assert code(post(book, batch(*asked))) == "exceeds_credit_limit"
    assert list(book.state()) == before


def test_a_snapshot_keeps_holds_and_suspense(book: Book) -> None:
    held = done(post(book, batch(hold("ana", "shop", "10.00", expires=at(NOW + HOUR)))))
    some = {"action": Action.POST, "target": held.first_sequence}
    done(post(book, batch(under("ana", "shop", "4.00", **some))))
    set_status(book, "ana", Status.FROZEN)
    done(post(book, batch(under("cash", "ana", "5.00", suspense="bridge"))))
    line = LimitChanged(
        recorded_at=NOW,
        account=book.numbers["shop"],
        reason="assembly",
        by="x",
        lower=0,
        upper=100_000,
        soft=Side.CREDIT,
    )
    book.apply(line)
    copy = Book()
    copy.opening = book.opening
    for chunk in chunks_of(book):
        restore_chunk(copy, chunk)
    assert list(copy.state()) == list(book.state())
    assert (copy.holds.open, copy.suspense.open) == (book.holds.open, book.suspense.open)
    assert (copy.floor, copy.ceiling, copy.due()) == (book.floor, book.ceiling, book.due())
