"""The book against a plain model that is obviously right, on random histories."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.core.book import Book, Posted
from ledger.core.faults import JournalBroken
from ledger.core.lines import AccountOpened, CurrencyAdded, LimitChanged, StatusChanged
from ledger.core.model import CurrencyKind, Nature, Status
from ledger.core.refusals import Refusal
from ledger.journal.batches import root_of_lines
from ledger.journal.snapshots import Chunk, chunks_of, restore_chunk
from tests.core.books import NOW, add, batch, bound, opened, pay, post, set_status

CODES = ["cash", "ana", "ben", "eva", "hour", "nobody"]
NO_BOUND = 10**30


@dataclass
class Plain:
    """The rules once more, in the plainest way there is; shares nothing with the book."""

    balance: dict[str, int] = field(default_factory=dict)
    lower: dict[str, int] = field(default_factory=dict)
    upper: dict[str, int] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    currency: dict[str, str] = field(default_factory=dict)
    posted: int = 0

    def may(self, debit: str, credit: str, amount: int) -> bool:
        """Whether one transfer can be posted now."""
        return (
            debit in self.balance
            and credit in self.balance
            and debit != credit
            and self.currency[debit] == self.currency[credit]
            and self.status[debit] == self.status[credit] == "open"
            and self.balance[debit] - amount >= self.lower[debit]
            and self.balance[credit] + amount <= self.upper[credit]
        )

    def post(self, transfers: list[tuple[str, str, int]], mode: str) -> list[bool]:
        """Which positions were posted."""
        saved = dict(self.balance)
        outcomes = []
        for debit, credit, amount in transfers:
            may = self.may(debit, credit, amount)
            outcomes.append(may)
            if may:
                self.balance[debit] -= amount
                self.balance[credit] += amount
        if mode == "atomic" and not all(outcomes):
            self.balance = saved
            return [False] * len(transfers)
        self.posted += sum(outcomes)
        return outcomes


amounts = st.one_of(st.integers(1, 300), st.just(2**53 - 1))
# The currency is always stated as MXN, which the debited account's must be (the batch would be
# refused as a whole), so HRS is only ever credited.
transfers = st.lists(
    st.tuples(
        st.sampled_from(["cash", "ana", "ben", "eva", "nobody"]),
        st.sampled_from(CODES),
        amounts,
    ).filter(lambda t: t[:2] != ("nobody", "hour")),
    min_size=1,
    max_size=8,
)
steps = st.one_of(
    st.tuples(st.just("post"), transfers, st.sampled_from(["atomic", "each"])),
    st.tuples(
        st.just("bound"),
        st.sampled_from(CODES[:4]),
        st.integers(-300, 0),
        st.integers(0, 300),
    ),
    st.tuples(st.just("status"), st.sampled_from(CODES[:4]), st.sampled_from(list(Status))),
)


def a_book() -> tuple[Book, Plain]:
    book, plain = opened(currencies=("MXN", "HRS")), Plain()
    for code, lower, upper, currency in [
        ("cash", None, None, "MXN"),
        ("ana", 0, None, "MXN"),
        ("ben", -200, 200, "MXN"),
        ("eva", -50, 500, "MXN"),
        ("hour", None, None, "HRS"),
    ]:
        add(book, code, lower, upper, currency)
        plain.balance[code], plain.status[code], plain.currency[code] = 0, "open", currency
        plain.lower[code] = -NO_BOUND if lower is None else lower
        plain.upper[code] = NO_BOUND if upper is None else upper
    return book, plain


def money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


@settings(max_examples=300)
@given(st.lists(steps, max_size=25))
def test_the_book_agrees_with_the_plain_model(history: list[tuple]) -> None:  # type: ignore[type-arg]
    """Sums are zero, bounds hold, outcomes and balances are the model's, after every step."""
    book, plain = a_book()
    for number, step in enumerate(history):
        match step:
            case ("post", asked, mode):
                lines = [pay(d, c, money(a)) for d, c, a in asked]
                outcome = post(book, batch(*lines, number=number + 1, mode=mode))
                expected = plain.post(asked, mode)
                assert book.transfers == plain.posted
                if isinstance(outcome, Posted):
                    assert list(outcome.positions) == [i for i, ok in enumerate(expected) if ok]
                else:
                    assert mode == "atomic"
                    assert not any(expected)
            case ("bound", code, lower, upper):
                if plain.status[code] != "closed":
                    bound(book, code, lower, upper)
                    plain.lower[code], plain.upper[code] = lower, upper
            case ("status", code, status):
                closing = status is Status.CLOSED and plain.balance[code] != 0
                if plain.status[code] != "closed" and not closing:
                    set_status(book, code, status)
                    plain.status[code] = status.value
        assert {
            code: book.balance[book.numbers[code]] for code in plain.balance
        } == plain.balance
        assert sum(plain.balance.values()) == 0


@settings(max_examples=100)
@given(st.lists(steps, max_size=15), st.lists(steps, max_size=10))
def test_a_snapshot_goes_on_as_the_book_does(before: list[tuple], after: list[tuple]) -> None:  # type: ignore[type-arg]
    """Restored from its own lines, a book answers everything later as the first one does."""
    book, _ = a_book()
    walk(book, before, 0)
    copy = Book()
    copy.opening = book.opening
    for chunk in chunks_of(book):
        restore_chunk(copy, chunk)
    assert walk(copy, after, 100) == walk(book, after, 100)
    assert list(copy.state()) == list(book.state())


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        (b'"balance":"0"', b'"balance":"no"'),
        (b'"number":2', b'"number":9'),
        (b'"currency":"MXN"', b'"currency":"XXX"'),
        (b'"status":"open"', b'"status":"ajar"'),
        (b'{"balance"', b'{ "balance"'),
    ],
)
def test_damaged_lines_of_a_snapshot_break_it(there: bytes, instead: bytes) -> None:
    """Also where their hash is right, which until the end is only the database's word."""
    book, _ = a_book()
    (chunk,) = chunks_of(book)
    data = chunk.data.replace(there, instead)
    assert data != chunk.data
    with pytest.raises(JournalBroken, match="snapshot"):
        restore_chunk(Book(), Chunk(data, root_of_lines(data)))


def walk(book: Book, history: list[tuple], start: int) -> list[object]:  # type: ignore[type-arg]
    seen: list[object] = []
    for number, step in enumerate(history, start):
        match step:
            case ("post", asked, mode):
                lines = [pay(d, c, money(a)) for d, c, a in asked]
                outcome = post(book, batch(*lines, number=number + 1, mode=mode))
                if isinstance(outcome, Posted):
                    seen.append((list(outcome.positions), outcome.credit_balance))
                else:
                    seen.append(outcome)
            case ("bound", code, lower, upper):
                line = LimitChanged(
                    recorded_at=NOW,
                    account=book.numbers[code],
                    reason="test",
                    by="x",
                    lower=lower,
                    upper=upper,
                )
                if book.refuse(line) is None:
                    book.apply(line)
            case ("status", code, status):
                line = StatusChanged(
                    recorded_at=NOW,
                    account=book.numbers[code],
                    status=status,
                    reason="test",
                    by="x",
                )
                if book.refuse(line) is None:
                    book.apply(line)
    return seen


def test_no_bound_and_a_bound_at_the_edge_of_bigint() -> None:
    """A balance without bounds stops at 2^63-1, where a database column ends."""
    book = opened()
    add(book, "cash", None)
    add(book, "ana", None)
    book.balance[1], book.balance[2] = -(2**63 - 1) + 5, 2**63 - 1 - 5
    assert isinstance(post(book, batch(pay("cash", "ana", "0.05"))), Posted)
    refusal = post(book, batch(pay("cash", "ana", "0.01"), number=2))
    assert isinstance(refusal, Refusal)
    assert refusal.code == "exceeds_credit_limit"


def test_a_batch_can_be_taken_back() -> None:
    """A preview is a posting that is taken back and leaves nothing."""
    book = opened()
    add(book, "cash", None)
    add(book, "ana")
    before = list(book.state())
    outcome = post(book, batch(pay("cash", "ana", "5.00"), pay("ana", "cash", "2.00")))
    assert isinstance(outcome, Posted)
    book.unpost(outcome)
    assert list(book.state()) == before


def account_line(book: Book, **changes: object) -> AccountOpened:
    fields = {
        "recorded_at": NOW,
        "number": book.accounts + 1,
        "code": "new",
        "currency": "MXN",
        "nature": Nature.CREDIT,
        "kind": "member",
        "holder": bytes(16),
        "by": "x",
    }
    return AccountOpened(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"code": "ana"}, "account_code_used"),
        ({"currency": "EUR"}, "currency_not_found"),
        ({"lower": 5, "upper": 4}, "bounds_crossed"),
        ({"number": 99}, "out of order"),
        ({"recorded_at": NOW - 1}, "went back"),
    ],
)
def test_an_account_that_cannot_follow_breaks_the_journal(
    changes: dict[str, object], why: str
) -> None:
    book, _ = a_book()
    with pytest.raises(JournalBroken, match=why):
        book.apply(account_line(book, **changes))


def test_other_leaves_that_cannot_follow() -> None:
    book, _ = a_book()
    post(book, batch(pay("cash", "ana", "5.00")))
    for line, why in [
        (
            CurrencyAdded(recorded_at=NOW, code="MXN", kind=CurrencyKind.TIME, scale=0, by="x"),
            "currency_code_used",
        ),
        (
            StatusChanged(recorded_at=NOW, account=2, status=Status.CLOSED, reason="r", by="x"),
            "account_not_at_zero",
        ),
        (
            StatusChanged(
                recorded_at=NOW, account=99, status=Status.CLOSED, reason="r", by="x"
            ),
            "account_not_found",
        ),
        (book.opening, "one opening"),
    ]:
        assert line is not None
        with pytest.raises(JournalBroken, match=why):
            book.apply(line)
    with pytest.raises(JournalBroken, match="one opening"):
        Book().apply(account_line(book))


def test_closed_is_final() -> None:
    book, _ = a_book()
    set_status(book, "ana", Status.CLOSED)
    with pytest.raises(JournalBroken, match="account_closed"):
        set_status(book, "ana", Status.OPEN)
    with pytest.raises(JournalBroken, match="account_closed"):
        bound(book, "ana", -1, 1)


def test_a_bound_may_be_set_below_what_is_owed() -> None:
    """Money that came in before stays; only what would make it worse is refused."""
    book, _ = a_book()
    post(book, batch(pay("ben", "cash", "2.00")))
    bound(book, "ben", -100, 200)
    assert isinstance(post(book, batch(pay("ben", "cash", "0.01"), number=2)), Refusal)
    assert isinstance(post(book, batch(pay("cash", "ben", "0.50"), number=3)), Posted)
