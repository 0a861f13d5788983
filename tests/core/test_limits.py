"""Limits that are planned, earned, or of payments: an example, the edge, and a plain model."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.asked import AskedTerms, AskedTransfer
from ledger.core.book import Book, Posted
from ledger.core.faults import JournalBroken
from ledger.core.leaves import (
    AnyLeaf,
    CurrencyAdded,
    EarnedRule,
    LimitChanged,
    LimitEarned,
    LimitPlanned,
    LimitUnplanned,
    PaymentLimits,
    StatusChanged,
)
from ledger.core.lines import Act
from ledger.core.model import AMOUNT_MAX, Action, CurrencyKind, Flag, Side, Status
from ledger.core.refusals import Refusal
from ledger.core.terms import Past
from ledger.journal.canonical import decode_leaf, encode_line
from ledger.journal.snapshots import chunks_of, restore_chunk
from tests.core.books import NOW, TODAY, add, batch, bound, opened, pay, post, set_status

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATER = EPOCH + timedelta(days=40_000)
ACT = Act(number="ACTA-2026/14", date=date(2026, 2, 28), hash=bytes(32))
HOUR = 3_600_000_000


@pytest.fixture
def book() -> Book:
    """Ana may go 100.00 below zero; the shop has no bounds."""
    book = opened()
    add(book, "ana", -10_000, 50_000)
    add(book, "shop", None, None)
    return book


def done(outcome: Posted | Refusal) -> Posted:
    assert isinstance(outcome, Posted), outcome
    assert not outcome.refused, outcome.refused
    return outcome


def code(outcome: Posted | Refusal | None) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code.value


def spend(book: Book, amount: str, today: date = TODAY, **more: object) -> Posted | Refusal:
    return post(book, batch(pay("ana", "shop", amount, **more)), today=today)


def earn(book: Book, amount: str, **more: object) -> Posted:
    return done(post(book, batch(pay("shop", "ana", amount, **more))))


def under(debit: str, credit: str, amount: str, **terms: object) -> AskedTransfer:
    return pay(debit, credit, amount, terms=AskedTerms(**terms))  # type: ignore[arg-type]


def hold(debit: str, credit: str, amount: str) -> AskedTransfer:
    return under(debit, credit, amount, action=Action.HOLD, expires=LATER)


def take(book: Book, line: AnyLeaf) -> int:
    """Take a leaf as the journal has it; its index."""
    assert decode_leaf(encode_line(line)) == line
    book.apply(line)
    return book.size - 1


def at_work(book: Book, now: int) -> list[LimitChanged]:
    """What the writer records at a moment."""
    lines: list[LimitChanged] = []
    while (line := book.due_line(now)) is not None:
        assert isinstance(line, LimitChanged)
        take(book, line)
        lines.append(line)
    return lines


def again(book: Book) -> Book:
    """The same book, by way of a snapshot."""
    other = Book()
    other.opening = book.opening
    for chunk in chunks_of(book):
        restore_chunk(other, chunk)
    assert list(other.state()) == list(book.state())
    return other


# ---- planned


def plan(
    book: Book, starts: int, ends: int | None, lower: int, upper: int = 50_000, **more: Any
) -> int:
    more |= {} if ends is None else {"ends": NOW + ends}
    line = LimitPlanned(
        recorded_at=book.recorded_at,
        account=1,
        reason="harvest",
        by="op-1",
        starts=NOW + starts,
        lower=lower,
        upper=upper,
        act=ACT,
        **more,
    )
    return take(book, line)


def by_hand(book: Book, lower: int) -> None:
    line = LimitChanged(
        recorded_at=book.recorded_at, account=1, reason="x", by="y", lower=lower, upper=50_000
    )
    take(book, line)


def bounds(book: Book) -> tuple[int, int]:
    return book.account(1).lower, book.account(1).upper


def test_a_plan_holds_from_its_first_moment_to_its_last(book: Book) -> None:
    index = plan(book, HOUR, 2 * HOUR, -30_000)
    assert book.due() == NOW + HOUR
    assert book.due_line(NOW + HOUR - 1) is None
    assert bounds(book) == (-10_000, 50_000)
    begun = at_work(book, NOW + HOUR)
    assert [(line.plan, line.lower, line.act, line.by) for line in begun] == [
        (index, -30_000, ACT, "op-1")
    ]
    assert isinstance(spend(book, "300.00"), Posted)
    assert at_work(book, NOW + 2 * HOUR - 1) == []
    ended = at_work(book, NOW + 2 * HOUR)
    assert [(line.plan, line.lower, line.upper) for line in ended] == [(index, -10_000, 50_000)]
    assert bounds(book) == (-10_000, 50_000)
    assert book.due() is None


def test_a_bound_is_soft_as_long_as_a_plan_says_so(book: Book) -> None:
    """What was passed meanwhile stays; from its end on nothing more is let through."""
    plan(book, HOUR, 2 * HOUR, -10_000, soft=Side.DEBIT)
    at_work(book, NOW + HOUR - 1)
    assert code(spend(book, "100.01")) == "exceeds_credit_limit"
    at_work(book, NOW + HOUR)
    assert done(spend(book, "100.00")).notes == {}
    passed = done(spend(book, "50.00"))
    assert passed.notes[0].flags == (Flag.CREDIT_LIMIT_PASSED,)
    book = again(book)
    at_work(book, NOW + 2 * HOUR - 1)
    assert isinstance(spend(book, "0.01"), Posted)
    at_work(book, NOW + 2 * HOUR)
    refused = spend(book, "0.01")
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.available) == ("exceeds_credit_limit", 0)
    earn(book, "50.01")
    assert code(spend(book, "0.01")) == "exceeds_credit_limit"
    earn(book, "0.01")
    assert done(spend(book, "0.01")).notes == {}


def test_a_plan_that_was_slept_through_begins_and_ends(book: Book) -> None:
    index = plan(book, HOUR, 2 * HOUR, -30_000)
    lines = at_work(book, NOW + 9 * HOUR)
    assert [(line.plan, line.lower) for line in lines] == [(index, -30_000), (index, -10_000)]


def test_a_limit_changed_by_hand_stays_when_a_plan_ends(book: Book) -> None:
    plan(book, 0, HOUR, -30_000)
    at_work(book, NOW)
    bound(book, "ana", -20_000, 50_000)
    assert (book.due(), at_work(book, NOW + HOUR)) == (None, [])
    assert bounds(book) == (-20_000, 50_000)


def test_a_hand_before_it_began_does_not_stop_a_plan(book: Book) -> None:
    plan(book, HOUR, 2 * HOUR, -30_000)
    bound(book, "ana", -20_000, 50_000)
    at_work(book, NOW + HOUR)
    assert bounds(book) == (-30_000, 50_000)
    at_work(book, NOW + 2 * HOUR)
    assert bounds(book) == (-20_000, 50_000)


def test_of_two_plans_the_later_holds_and_the_first_bounds_come_back(book: Book) -> None:
    plan(book, 1, 10, -30_000)
    plan(book, 5, 20, -40_000)
    seen = []
    for moment in (1, 5, 10, 20):
        at_work(book, NOW + moment)
        seen.append(bounds(book)[0])
    assert seen == [-30_000, -40_000, -40_000, -10_000]


def test_a_plan_without_an_end_stays(book: Book) -> None:
    plan(book, 1, None, -30_000)
    at_work(book, NOW + 1)
    assert (bounds(book), book.plans.on(1)) == ((-30_000, 50_000), False)


def test_a_plan_can_be_given_up_until_it_begins(book: Book) -> None:
    index = plan(book, 1, 5, -30_000)

    def give_up(account: int = 1) -> LimitUnplanned:
        return LimitUnplanned(
            recorded_at=book.recorded_at, account=account, plan=index, reason="x", by="op-1"
        )

    assert code(book.refuse(give_up(account=2))) == "limit_plan_not_found"
    take(book, give_up())
    assert (book.due(), at_work(book, NOW + 9)) == (None, [])
    assert code(book.refuse(give_up())) == "limit_plan_not_found"


@pytest.mark.parametrize(("starts", "ends"), [(5, 5), (5, 4), (-9, 0), (-9, -1)])
def test_a_plan_ends_after_it_began_and_after_now(book: Book, starts: int, ends: int) -> None:
    with pytest.raises(JournalBroken, match="limit_plan_over"):
        plan(book, starts, ends, -30_000)


def test_nobody_begins_or_ends_a_plan_but_time(book: Book) -> None:
    index = plan(book, 1, 5, -30_000)
    wrong = LimitChanged(
        recorded_at=NOW + 1,
        account=1,
        reason="harvest",
        by="op-1",
        lower=-30_001,
        upper=50_000,
        act=ACT,
        plan=index,
    )
    assert code(book.refuse(wrong)) == "limit_not_due"
    early = book.plans.line_of(index, NOW)
    assert early is None
    [line] = at_work(book, NOW + 1)
    with pytest.raises(JournalBroken, match="limit_not_due"):
        book.apply(line)  # Once is enough.


def test_closing_ends_all_plans(book: Book) -> None:
    plan(book, 1, 9, -30_000)
    plan(book, 5, 9, -40_000)
    at_work(book, NOW + 1)
    take(book, status(book, Status.CLOSED))
    assert (book.due(), at_work(book, NOW + 9)) == (None, [])
    assert not book.plans.on(1)


def status(book: Book, new: Status, **more: object) -> AnyLeaf:
    return StatusChanged(
        recorded_at=book.recorded_at, account=1, status=new, reason="asked", by="op-1", **more
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(1, 9))
        | st.integers(10, 99),
        max_size=6,
    )
)
def test_plans_against_a_plain_model(steps: list[tuple[int, int, int] | int]) -> None:
    """What holds is the last plan that began since the last hand and goes on, or the hand's.

    A step is a plan (starts in, lasts, lower) or a hand (lower), each at its own moment.
    """
    book = opened()
    add(book, "ana", 0, 50_000)
    history: list[tuple[int, int, int, int]] = []  # Begins, what was told when, ends, lower.
    hands: list[tuple[int, int]] = [(-1, 0)]
    for moment in range(30):
        now = NOW + 2 * moment
        at_work(book, now)
        book = again(book)
        if moment < len(steps):
            step = steps[moment]
            book.recorded_at = now
            if isinstance(step, int):
                by_hand(book, -step)
                hands.append((moment, -step))
            else:
                wait, lasts, lower = step
                plan(book, 2 * (moment + wait), 2 * (moment + wait + lasts), -lower)
                history.append((moment + wait, moment, moment + wait + lasts, -lower))
                at_work(book, now)
        hand, lower = hands[-1]
        # At one moment time comes first, then the hand, then a plan made at that moment.
        going = [
            (begins, told, low)
            for begins, told, ends, low in history
            if begins <= moment < ends and (begins > hand or told == begins > hand)
        ]
        expected = max(going)[2] if going else lower
        assert bounds(book)[0] == expected


# ---- earned


def rule(book: Book, **more: object) -> LimitEarned:
    fields: dict[str, object] = {"base": 1_000, "cap": 5_000, "n": 1, "d": 3} | more
    return LimitEarned(
        recorded_at=book.recorded_at,
        account=1,
        reason="assembly",
        by="op-1",
        rule=EarnedRule(**fields),  # type: ignore[arg-type]
        act=ACT,
    )


def limit(book: Book) -> int:
    return -book.account(1).lower


def test_a_limit_grows_with_what_is_received_up_to_its_cap(book: Book) -> None:
    take(book, rule(book))
    assert limit(book) == 1_000
    leaves = book.size
    earn(book, "0.02")
    assert limit(book) == 1_000  # Two thirds of a minor unit are none.
    earn(book, "0.01")
    assert limit(book) == 1_001
    earn(book, "119.96")
    assert (limit(book), book.earned.received[1]) == (1_000 + 3_999, 11_999)
    earn(book, "0.01")
    assert limit(book) == 5_000
    earn(book, "100.00")
    assert limit(book) == 5_000
    assert book.size == leaves, "no line says so"
    assert code(spend(book, "270.01")) == "exceeds_credit_limit"
    done(spend(book, "270.00"))
    assert (book.balance[1], limit(book)) == (-5_000, 5_000)


def test_only_what_is_posted_counts_and_only_its_kinds(book: Book) -> None:
    take(book, rule(book, kinds=["sale"], d=1))
    earn(book, "5.00", kind="loan")
    assert limit(book) == 1_000
    asked = as_dict(hold("shop", "ana", "5.00")) | {"kind": "sale"}
    held = done(post(book, batch(AskedTransfer(**asked)))).first_sequence
    assert limit(book) == 1_000
    part = under("shop", "ana", "2.00", action=Action.POST, target=held)
    done(post(book, batch(AskedTransfer(**{**as_dict(part), "kind": "sale"}))))
    assert limit(book) == 1_200


def as_dict(asked: AskedTransfer) -> dict[str, object]:
    return {name: getattr(asked, name) for name in asked.__struct_fields__}


def test_a_reversal_takes_growth_back_but_never_below_what_is_used(book: Book) -> None:
    take(book, rule(book, base=0, cap=90_000, n=1, d=1))
    number = earn(book, "50.00").first_sequence
    done(spend(book, "40.00"))
    assert (limit(book), book.balance[1]) == (5_000, 1_000)
    past = {number: Past(debit=2, credit=1, amount=5_000)}
    back = under("ana", "shop", "50.00", action=Action.REVERSE, target=number)
    done(post(book, batch(back), past=past))
    assert (book.balance[1], book.earned.received[1]) == (-4_000, 0)
    assert limit(book) == 4_000  # Nothing is earned any more, and 40.00 are used.
    assert code(spend(book, "0.01")) == "exceeds_credit_limit"
    earn(book, "10.00")
    assert limit(book) == 3_000
    earn(book, "30.00")
    assert limit(book) == 4_000  # What was received since.


def test_what_one_gets_back_was_not_earned(book: Book) -> None:
    take(book, rule(book))
    number = spend(book, "5.00")
    assert isinstance(number, Posted)
    target = number.first_sequence
    back = under("shop", "ana", "5.00", action=Action.REVERSE, target=target)
    done(post(book, batch(back), past={target: Past(debit=1, credit=2, amount=500)}))
    assert (book.earned.received[1], limit(book)) == (0, 1_000)


def test_what_is_used_above_the_rule_shrinks_with_every_payment(book: Book) -> None:
    done(spend(book, "100.00"))
    take(book, rule(book, kinds=["sale"]))
    assert limit(book) == 10_000
    earn(book, "30.00", kind="loan")
    assert (limit(book), book.earned.received[1]) == (7_000, 0)
    assert code(spend(book, "0.01")) == "exceeds_credit_limit"


@pytest.mark.parametrize(("kind", "counted"), [("sale", 3_000), ("loan", 0)])
def test_only_what_counted_is_taken_back(book: Book, kind: str, counted: int) -> None:
    """Of a rule for sales, a loan that is taken back takes nothing."""
    take(book, rule(book, base=0, cap=90_000, n=1, d=1, kinds=["sale"]))
    earn(book, "50.00", kind="sale")
    number = earn(book, "30.00", kind=kind).first_sequence
    received = book.earned.received[1]
    past = {number: Past(debit=2, credit=1, amount=3_000, kind=kind)}
    back = under("ana", "shop", "30.00", action=Action.REVERSE, target=number)
    done(post(book, batch(back), past=past))
    assert (received, book.earned.received[1]) == (5_000 + counted, 5_000)


def test_what_a_receivable_made_up_for_is_taken_back_too(book: Book) -> None:
    add(book, "lost", None, None)
    take(book, rule(book, base=0, cap=90_000, n=1, d=1))
    number = earn(book, "50.00").first_sequence
    done(spend(book, "100.00"))
    past = {number: Past(debit=2, credit=1, amount=5_000)}
    terms = {"action": Action.REVERSE, "target": number, "up_to": Side.DEBIT, "rest": "lost"}
    done(post(book, batch(under("ana", "shop", "50.00", **terms)), past=past))
    assert book.earned.received[1] == 0


def test_what_came_before_the_rule_neither_counts_nor_is_taken_back(book: Book) -> None:
    number = earn(book, "50.00").first_sequence
    take(book, rule(book))
    earn(book, "3.00")
    past = {number: Past(debit=2, credit=1, amount=5_000)}
    back = under("ana", "shop", "50.00", action=Action.REVERSE, target=number)
    done(post(book, batch(back), past=past))
    assert limit(book) == 1_100


def test_a_refused_batch_leaves_what_was_received(book: Book) -> None:
    take(book, rule(book))
    before = list(book.state())
    refused = post(book, batch(pay("shop", "ana", "9.00"), pay("ana", "shop", "999.00")))
    assert code(refused) == "exceeds_credit_limit"
    assert list(book.state()) == before


def test_money_received_can_raise_the_limit_within_its_batch(book: Book) -> None:
    take(book, rule(book, base=0, d=1))
    done(post(book, batch(pay("shop", "ana", "9.00"), pay("ana", "shop", "18.00"))))
    assert book.balance[1] == -900


def test_rules_and_hands_do_not_mix(book: Book) -> None:
    take(book, rule(book))

    def change(lower: int, upper: int) -> LimitChanged:
        return LimitChanged(
            recorded_at=NOW, account=1, reason="x", by="y", lower=lower, upper=upper
        )

    assert code(book.refuse(change(-2_000, 50_000))) == "limit_is_earned"
    assert code(book.refuse(change(-1_000, -1))) == "limit_is_earned"
    take(book, change(-1_000, 60_000))
    with pytest.raises(JournalBroken, match="limit_is_earned"):
        plan(book, 1, 2, -1_000)
    take(book, LimitEarned(recorded_at=NOW, account=1, reason="x", by="y"))
    assert bounds(book) == (-1_000, 60_000)
    earn(book, "100.00")
    assert limit(book) == 1_000
    plan(book, 1, 2, -1_000)
    assert code(book.refuse(rule(book))) == "limit_is_planned"


def test_a_rule_is_in_order(book: Book) -> None:
    assert code(book.refuse(rule(book, base=5_001))) == "bounds_crossed"
    bound(book, "ana", -10_000, -1)
    assert code(book.refuse(rule(book))) == "bounds_crossed"


@given(
    st.integers(0, 500),
    st.integers(500, 3_000),
    st.integers(1, 7),
    st.integers(1, 7),
    st.lists(
        st.tuples(st.sampled_from(["earn", "spend", "hold", "back"]), st.integers(1, 900))
    ),
)
def test_an_earned_limit_is_what_the_payments_amount_to(
    base: int, cap: int, n: int, d: int, steps: list[tuple[str, int]]
) -> None:
    book = opened()
    add(book, "ana")
    add(book, "shop", None, None)
    take(book, rule(book, base=base, cap=cap, n=n, d=d))
    received: dict[int, int] = {}  # By sequence, what is left of each payment.
    held = 0
    for step, amount in steps:
        text = f"{amount / 100:.2f}"
        before = list(book.state())
        outcome: Posted | Refusal
        if step == "earn":
            received[earn(book, text).first_sequence] = amount
            outcome = Refusal  # type: ignore[assignment]
        elif step == "back":
            open_ones = [s for s, left in received.items() if left >= amount]
            if not open_ones:
                continue
            target = open_ones[0]
            back = under("ana", "shop", text, action=Action.REVERSE, target=target)
            past = {target: Past(debit=2, credit=1, amount=received[target])}
            outcome = post(book, batch(back), past=past)
            if isinstance(outcome, Posted):
                received[target] -= amount
        else:
            asked = hold("ana", "shop", text) if step == "hold" else pay("ana", "shop", text)
            outcome = post(book, batch(asked))
            if isinstance(outcome, Posted) and step == "hold":
                held += amount
        if isinstance(outcome, Refusal):
            assert list(book.state()) == before
        earned = min(cap, base + sum(received.values()) * n // d)
        used = held - book.balance[1]
        assert limit(book) == max(earned, used)
        assert book.floor[1] == book.account(1).lower + held
    again(book)


# ---- of payments


def limits(book: Book, **amounts: int) -> None:
    take(
        book,
        PaymentLimits(
            recorded_at=book.recorded_at, account=1, reason="prudence", by="op-1", **amounts
        ),
    )


def test_the_last_minor_unit_of_a_day(book: Book) -> None:
    bound(book, "ana", -90_000, 50_000)
    limits(book, transfer=3_000, day=5_000)
    refusal = spend(book, "30.01")
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.available) == ("exceeds_payment_limit", 3_000)
    done(spend(book, "30.00"))
    refusal = spend(book, "20.01")
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.available, refusal.account) == (
        "exceeds_payment_limit",
        2_000,
        1,
    )
    done(spend(book, "20.00"))
    assert code(spend(book, "0.01")) == "exceeds_payment_limit"
    tomorrow = TODAY + timedelta(days=1)
    assert book.payments.left(1, tomorrow) == {"transfer": 3_000, "day": 5_000}
    done(spend(book, "30.00", tomorrow))


@pytest.mark.parametrize(
    ("period", "last", "first"),
    [
        ("day", date(2024, 2, 29), date(2024, 3, 1)),
        ("month", date(2024, 2, 29), date(2024, 3, 1)),
        ("month", date(2023, 2, 28), date(2023, 3, 1)),
        ("month", date(2023, 12, 31), date(2024, 1, 1)),
        ("year", date(2024, 12, 31), date(2025, 1, 1)),
        ("week", date(2024, 12, 29), date(2024, 12, 30)),  # A Monday of week 1 of 2025.
        ("week", date(2021, 1, 3), date(2021, 1, 4)),  # A Sunday of week 53 of 2020.
    ],
)
def test_a_period_ends_with_its_last_day(
    book: Book, period: str, last: date, first: date
) -> None:
    limits(book, **{period: 1_000})
    done(spend(book, "10.00", last))
    assert code(spend(book, "0.01", last)) == "exceeds_payment_limit"
    done(spend(book, "10.00", first))
    assert code(spend(book, "0.01", first)) == "exceeds_payment_limit"


@pytest.mark.parametrize(
    ("period", "one", "other"),
    [
        ("week", date(2024, 12, 30), date(2025, 1, 5)),
        ("month", date(2024, 2, 1), date(2024, 2, 29)),
        ("year", date(2024, 2, 29), date(2024, 12, 31)),
    ],
)
def test_a_period_goes_on_to_its_last_day(
    book: Book, period: str, one: date, other: date
) -> None:
    limits(book, **{period: 1_000})
    done(spend(book, "6.00", one))
    assert code(spend(book, "4.01", other)) == "exceeds_payment_limit"
    done(spend(book, "4.00", other))


def test_what_is_held_counts_until_it_is_given_back(book: Book) -> None:
    limits(book, day=5_000)
    number = done(post(book, batch(hold("ana", "shop", "40.00")))).first_sequence
    assert code(spend(book, "10.01")) == "exceeds_payment_limit"
    tomorrow = TODAY + timedelta(days=1)
    assert code(spend(book, "10.01", tomorrow)) == "exceeds_payment_limit"
    part = under("ana", "shop", "30.00", action=Action.POST, target=number, release=True)
    done(post(book, batch(part), today=tomorrow))
    assert book.payments.left(1, tomorrow) == {"day": 2_000}
    assert book.payments.left(1, TODAY + timedelta(days=2)) == {"day": 5_000}


def test_a_hold_is_asked_when_it_is_made(book: Book) -> None:
    limits(book, transfer=1_000)
    assert code(post(book, batch(hold("ana", "shop", "10.01")))) == "exceeds_payment_limit"
    number = done(post(book, batch(hold("ana", "shop", "10.00")))).first_sequence
    limits(book, transfer=500)
    whole = under("ana", "shop", "10.00", action=Action.POST, target=number)
    done(post(book, batch(whole)))


def test_reversals_are_no_payments_and_give_none_back(book: Book) -> None:
    number = earn(book, "100.00").first_sequence
    limits(book, day=1_000)
    past = {number: Past(debit=2, credit=1, amount=10_000)}
    back = under("ana", "shop", "100.00", action=Action.REVERSE, target=number)
    done(post(book, batch(back), past=past))
    assert book.payments.left(1, TODAY) == {"day": 1_000}
    spent = done(spend(book, "10.00")).first_sequence
    back = under("shop", "ana", "10.00", action=Action.REVERSE, target=spent)
    done(post(book, batch(back), past={spent: Past(debit=1, credit=2, amount=1_000)}))
    assert book.payments.left(1, TODAY) == {"day": 0}


def test_cash_that_was_handed_out_goes_to_suspense(book: Book) -> None:
    add(book, "bridge", None, None)
    limits(book, day=1_000)
    handed = under("ana", "shop", "50.00", suspense="bridge")
    posted = done(post(book, batch(handed)))
    assert posted.debit == [book.numbers["bridge"]]
    clear = under("ana", "bridge", "50.00", action=Action.CLEAR, target=posted.first_sequence)
    done(post(book, batch(clear)))
    assert book.payments.left(1, TODAY) == {"day": 1_000}


def test_what_is_paid_on_to_another_counts_too(book: Book) -> None:
    """Ana pays 80.00; the shop takes 30.00 and the fund the rest, but it is all ana's."""
    add(book, "fund", None, None)
    bound(book, "shop", 0, 3_000)
    terms = {"up_to": Side.CREDIT, "rest": "fund"}
    limits(book, day=7_999)
    assert code(post(book, batch(under("ana", "shop", "80.00", **terms)))) == (
        "exceeds_payment_limit"
    )
    limits(book, day=8_000)
    done(post(book, batch(under("ana", "shop", "80.00", **terms))))
    assert book.payments.left(1, TODAY) == {"day": 0}


def test_limits_can_be_changed_and_lifted(book: Book) -> None:
    limits(book, day=1_000)
    done(spend(book, "10.00"))
    limits(book, day=1_500)
    assert book.payments.left(1, TODAY) == {"day": 500}
    limits(book, week=900)
    assert code(spend(book, "0.01")) == "exceeds_payment_limit"
    limits(book)
    done(spend(book, "20.00"))
    limits(book, day=1_000)  # What was paid before there was a limit is not known.
    assert book.payments.left(1, TODAY) == {"day": 1_000}


def test_a_refused_batch_has_paid_nothing(book: Book) -> None:
    limits(book, day=5_000)
    before = list(book.state())
    asked = batch(pay("ana", "shop", "30.00"), pay("ana", "shop", "20.01"))
    refusal = post(book, asked)
    assert isinstance(refusal, Refusal)
    assert (refusal.position, refusal.available) == (1, 2_000)
    assert list(book.state()) == before
    each = post(
        book, batch(pay("ana", "shop", "30.00"), pay("ana", "shop", "20.01"), mode="each")
    )
    assert isinstance(each, Posted)
    assert [r.position for r in each.refused] == [1]
    book.unpost(each)
    assert list(book.state()) == before


def test_a_currency_without_decimals() -> None:
    book = opened()
    book.apply(
        CurrencyAdded(
            recorded_at=NOW, code="CLP", kind=CurrencyKind.NATIONAL, scale=0, by="operator"
        )
    )
    add(book, "ana", 0, None, "CLP")
    add(book, "shop", None, None, "CLP")
    take(book, rule(book, base=0, cap=100, n=1, d=2))
    limits(book, day=101)
    done(post(book, batch(pay("shop", "ana", "201", currency="CLP"))))
    assert limit(book) == 100
    refusal = post(book, batch(pay("ana", "shop", "102", currency="CLP")))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.available) == ("exceeds_payment_limit", 101)
    done(post(book, batch(pay("ana", "shop", "101", currency="CLP"))))


def test_amounts_may_pass_what_a_number_in_json_can_hold(book: Book) -> None:
    bound(book, "ana", -AMOUNT_MAX, AMOUNT_MAX)
    limits(book, transfer=AMOUNT_MAX)
    take(book, rule(book, cap=AMOUNT_MAX, n=AMOUNT_MAX, d=1))
    for _ in range(3):
        earn(book, "45035996273704.96")
        done(spend(book, "45035996273704.96"))
    assert (book.earned.received[1], limit(book)) == (3 * 2**52, AMOUNT_MAX)
    again(book)


@given(
    st.fixed_dictionaries(
        {}, optional={name: st.integers(1, 60) for name in ("transfer", "day", "week", "month")}
    ).filter(bool),
    st.lists(
        st.tuples(
            st.sampled_from(["pay", "hold", "post", "void"]),
            st.integers(1, 40),
            st.integers(0, 9),
        ),
        max_size=25,
    ),
)
def test_payments_against_a_plain_model(
    caps: dict[str, int], steps: list[tuple[str, int, int]]
) -> None:
    """In no period more than its limit is posted, and nothing is refused that would fit."""
    book = opened()
    add(book, "ana", None, None)
    add(book, "shop", None, None)
    limits(book, **caps)
    today = date(2024, 2, 20)
    posted: list[tuple[date, int]] = []
    held: dict[int, int] = {}
    for step, amount, days in steps:
        today += timedelta(days=days)
        text = f"{amount / 100:.2f}"

        def total(name: str, on: date = today) -> int:
            key = {
                "day": lambda day: day,
                "week": lambda day: day.isocalendar()[:2],
                "month": lambda day: (day.year, day.month),
            }[name]
            return sum(paid for day, paid in posted if key(day) == key(on))

        if step in ("pay", "hold"):
            fits = amount <= caps.get("transfer", amount) and all(
                total(name) + sum(held.values()) + amount <= cap
                for name, cap in caps.items()
                if name != "transfer"
            )
            asked = hold("ana", "shop", text) if step == "hold" else pay("ana", "shop", text)
            outcome = post(book, batch(asked), today=today)
            assert isinstance(outcome, Posted) is fits
            if isinstance(outcome, Posted) and step == "hold":
                held[outcome.first_sequence] = amount
            elif fits:
                posted.append((today, amount))
        elif held:
            target, left = held.popitem()
            action = Action.POST if step == "post" else Action.VOID
            asked = under("ana", "shop", f"{left / 100:.2f}", action=action, target=target)
            done(post(book, batch(asked), today=today))
            if step == "post":
                posted.append((today, left))
        for name, cap in caps.items():
            assert name == "transfer" or total(name) <= cap
        book = again(book)


def test_a_frozen_account_keeps_its_limits(book: Book) -> None:
    limits(book, day=1_000)
    set_status(book, "ana", Status.FROZEN)
    assert code(spend(book, "99.00")) == "debit_account_frozen"
