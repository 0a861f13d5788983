"""What keeps an account from being closed, and that nothing names one that is closed."""

from collections.abc import Callable, Sequence
from datetime import date
from uuid import UUID

import pytest

from ledger.core.asked import AskedTerms
from ledger.core.book import Book, Posted
from ledger.core.faults import JournalBroken
from ledger.core.leaves import (
    AnyLeaf,
    BatchProposed,
    CurrencyAdded,
    Occurrence,
    ProposalDecided,
    StatusChanged,
)
from ledger.core.model import Action, CurrencyKind, Status
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import (
    Demurrage,
    DemurrageSet,
    Fee,
    FeeSet,
    Levy,
    LevySet,
    Reserve,
    ReserveSet,
    Schedule,
    ScheduleSet,
)
from tests.core.books import NOW, add, batch, opened, pay, post, set_status
from tests.core.test_limits import again

ANA, OTHER, BONOS, RESERVE, BRIDGE = 1, 2, 3, 4, 5
DAY = date(2023, 12, 1)
SAID = {"recorded_at": NOW, "by": "x", "reason": "board"}


@pytest.fixture
def book() -> Book:
    book = opened()
    line = {"recorded_at": NOW, "kind": CurrencyKind.BACKED, "by": "x"}
    book.apply(CurrencyAdded(code="BON", scale=0, **line))
    add(book, "ana")
    add(book, "other", None, None)
    add(book, "bonos", None, None, "BON")
    add(book, "reserve")
    add(book, "bridge", None, None)
    return book


def closing(account: int) -> StatusChanged:
    return StatusChanged(
        recorded_at=NOW, account=account, status=Status.CLOSED, reason="x", by="x"
    )


def why(book: Book, line: AnyLeaf) -> tuple[str, int | None] | None:
    """Why a line may not follow; replay says the same."""
    refusal = book.refuse(line)
    if refusal is None:
        return None
    with pytest.raises(JournalBroken, match=refusal.code):
        book.apply(line)
    return refusal.code.value, refusal.account


def levy(account: int) -> LevySet:
    rule = Levy(kinds=["x"], treasury=account, n=1, d=100, payer="debit")
    return LevySet(code="fair", levy=rule, **SAID)


def fee(account: int) -> FeeSet:
    rule = Fee(
        amount=1, currency="MXN", kinds=["x"], period="month", since=DAY, treasury=account
    )
    return FeeSet(code="club", fee=rule, **SAID)


def demurrage(account: int, since: date = DAY) -> DemurrageSet:
    rule = Demurrage(account=account, n=1, d=100, period="month")
    return DemurrageSet(currency="MXN", since=since, rule=rule, **SAID)


def reserve(account: int) -> ReserveSet:
    rule = Reserve(issuer=BONOS, reserve=account, n=1, d=1)
    return ReserveSet(currency="BON", rule=rule, **SAID)


def schedule(debit: int, credit: int = OTHER) -> ScheduleSet:
    rule = Schedule(
        amount=1,
        at=0,
        debit_account=debit,
        credit_account=credit,
        every="once",
        first=DAY,
        kind="x",
    )
    return ScheduleSet(code="rent", schedule=rule, **SAID)


GONE: dict[str, AnyLeaf] = {
    "levy": LevySet(code="fair", **SAID),
    "fee": FeeSet(code="club", **SAID),
    "demurrage": DemurrageSet(currency="MXN", since=date(2024, 2, 1), **SAID),
    "reserve": ReserveSet(currency="BON", **SAID),
    "schedule": ScheduleSet(code="rent", **SAID),
}


@pytest.mark.parametrize(
    ("named", "account", "end"),
    [
        (levy, ANA, "levy"),
        (fee, ANA, "fee"),
        (demurrage, ANA, "demurrage"),
        (reserve, RESERVE, "reserve"),
        (lambda _: reserve(RESERVE), BONOS, "reserve"),
        (schedule, ANA, "schedule"),
        (lambda account: schedule(OTHER, account), ANA, "schedule"),
    ],
)
def test_what_a_rule_names_is_not_closed_and_what_is_closed_no_rule_names(
    book: Book, named: Callable[[int], AnyLeaf], account: int, end: str
) -> None:
    line = named(account)
    assert why(book, line) is None
    book.apply(line)
    for seen in (book, again(book)):
        assert why(seen, closing(account)) == ("account_in_use", account)
        set_status(seen, seen.codes[account], Status.FROZEN)  # That may be.
        set_status(seen, seen.codes[account], Status.OPEN)
    book.apply(GONE[end])
    assert why(book, closing(account)) is None
    book.apply(closing(account))
    assert why(book, named(account)) == ("account_closed", account)
    set_status(book, book.codes[account], Status.OPEN)
    assert why(book, named(account)) is None


def test_a_schedule_that_is_over_keeps_no_account(book: Book) -> None:
    book.apply(schedule(ANA))
    line = Occurrence(
        recorded_at=NOW,
        code="rent",
        schedule=book.size - 1,
        date=DAY,
        attempt=1,
        outcome="missed",
    )
    book.apply(line)
    assert why(book, closing(ANA)) is None


def test_demurrage_that_ended_lets_its_account_go_and_takes_no_closed_one_back(
    book: Book,
) -> None:
    """The collecting account of a currency never changes: it is opened again first."""
    book.apply(demurrage(ANA))
    book.apply(GONE["demurrage"])
    book.apply(closing(ANA))
    later = demurrage(ANA, date(2024, 5, 1))
    assert why(book, later) == ("account_closed", ANA)
    assert why(book, demurrage(OTHER, date(2024, 5, 1))) == ("demurrage_account_differs", ANA)


def test_a_bridge_is_not_closed_while_items_add_up_to_nothing(book: Book) -> None:
    """5.00 in and 5.00 out stand on it; each of them is cleared by itself."""
    set_status(book, "ana", Status.FROZEN)
    numbers = []
    for debit, credit in (("other", "ana"), ("ana", "other")):
        asked = pay(debit, credit, "5.00", terms=AskedTerms(suspense="bridge"))
        posted = post(book, batch(asked))
        assert isinstance(posted, Posted)
        numbers.append(posted.first_sequence)
    assert book.balance[BRIDGE] == 0
    for seen in (book, again(book)):
        assert why(seen, closing(BRIDGE)) == ("account_has_suspense", BRIDGE)
    set_status(book, "ana", Status.OPEN)
    clears: Sequence[tuple[int, str, str]] = [
        (numbers[0], "bridge", "ana"),
        (numbers[1], "ana", "bridge"),
    ]
    for number, debit, credit in clears:
        assert why(book, closing(BRIDGE)) is not None
        terms = AskedTerms(action=Action.CLEAR, target=number)
        assert isinstance(post(book, batch(pay(debit, credit, "5.00", terms=terms))), Posted)
    assert why(book, closing(BRIDGE)) is None


def proposed(payer: int, payee: int) -> BatchProposed:
    return BatchProposed(
        recorded_at=NOW,
        batch=UUID(int=9),
        poster="x",
        key="x",
        count=1,
        sums={"MXN": "100"},
        expires=NOW + 10,
        digest=bytes(32),
        salt=bytes(16),
        workflow="bill",
        payer=payer,
        payee=payee,
        accepts="payer",
    )


@pytest.mark.parametrize(("payer", "payee"), [(ANA, OTHER), (OTHER, ANA)])
def test_a_payment_that_waits_keeps_both_its_accounts_open(
    book: Book, payer: int, payee: int
) -> None:
    book.apply(proposed(payer, payee))
    for seen in (book, again(book)):
        assert why(seen, closing(ANA)) == ("account_has_proposals", ANA)
        assert why(seen, closing(BRIDGE)) is None
    decided = ProposalDecided(
        recorded_at=NOW, batch=UUID(int=9), decision="declined", by="somebody"
    )
    book.apply(decided)
    assert why(book, closing(ANA)) is None


@pytest.mark.parametrize(
    ("payer", "payee", "code"),
    [(ANA, OTHER, "debit_account_closed"), (OTHER, ANA, "credit_account_closed")],
)
def test_no_payment_waits_for_an_account_that_is_closed(
    book: Book, payer: int, payee: int, code: str
) -> None:
    set_status(book, "ana", Status.FROZEN)
    assert why(book, proposed(payer, payee)) is None  # That may be lifted.
    set_status(book, "ana", Status.OPEN)
    book.apply(closing(ANA))
    assert why(book, proposed(payer, payee)) == (code, ANA)


def test_the_first_of_several_reasons_is_given(book: Book) -> None:
    book.apply(levy(ANA))
    book.apply(proposed(ANA, OTHER))
    assert why(book, closing(ANA)) == ("account_has_proposals", ANA)
    assert isinstance(post(book, batch(pay("other", "ana", "1.00"))), Posted)
    assert why(book, closing(ANA)) == ("account_not_at_zero", ANA)


def test_a_rule_for_an_account_nobody_knows(book: Book) -> None:
    for line in (levy(99), fee(99), demurrage(99), reserve(99), schedule(99)):
        refusal = book.refuse(line)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "account_not_found"
