"""Small books for tests: a ledger with accounts by code, and posting by code."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from ledger.core.asked import AskedBatch, AskedTransfer
from ledger.core.book import NOTHING_USED, Book, Posted
from ledger.core.door import SALT, chance_needed, resolve, write_lines, write_manifest
from ledger.core.leaves import (
    AccountOpened,
    CurrencyAdded,
    LimitChanged,
    Opening,
    StatusChanged,
)
from ledger.core.lines import RULES
from ledger.core.model import CurrencyKind, Mode, Nature, Status
from ledger.core.refusals import Refusal
from ledger.core.terms import NO_PAST, Past
from ledger.journal.batches import write_body
from ledger.journal.replay import History

NOW = 1_700_000_000_000_000  # Microseconds since 1970: 14 November 2023.
TODAY = date(2023, 11, 14)
ORIGIN = "example.org/caja"


def opened(*, unique_references: bool = False, currencies: Sequence[str] = ("MXN",)) -> Book:
    """A book with currencies of scale 2 and no accounts."""
    book = Book()
    book.apply(
        Opening(
            recorded_at=NOW,
            code="caja",
            name="Caja de prueba",
            origin=ORIGIN,
            time_zone="America/Mexico_City",
            rules=RULES,
            unique_references=unique_references,
            public_key="none",
            by="operator",
        )
    )
    for code in currencies:
        book.apply(
            CurrencyAdded(
                recorded_at=NOW, code=code, kind=CurrencyKind.NATIONAL, scale=2, by="operator"
            )
        )
    return book


def add(
    book: Book,
    code: str,
    lower: int | None = 0,
    upper: int | None = None,
    currency: str = "MXN",
) -> int:
    """Open an account; None is no bound. Returns its number."""
    bounds = {} if lower is None else {"lower": lower}
    bounds |= {} if upper is None else {"upper": upper}
    number = book.accounts + 1
    book.apply(
        AccountOpened(
            recorded_at=NOW,
            number=number,
            code=code,
            currency=currency,
            nature=Nature.CREDIT,
            kind="member",
            holder=bytes(16),
            by="operator",
            **bounds,
        )
    )
    return number


def bound(book: Book, code: str, lower: int, upper: int) -> None:
    """Change the bounds of an account."""
    book.apply(
        LimitChanged(
            recorded_at=NOW,
            account=book.numbers[code],
            reason="test",
            by="operator",
            lower=lower,
            upper=upper,
        )
    )


def set_status(book: Book, code: str, status: Status) -> None:
    """Freeze, open or close an account."""
    book.apply(
        StatusChanged(
            recorded_at=NOW,
            account=book.numbers[code],
            status=status,
            reason="test",
            by="operator",
        )
    )


def pay(debit: str, credit: str, amount: str, **more: object) -> AskedTransfer:
    """A transfer as people ask it."""
    fields = {"currency": "MXN", "kind": "payment"} | more
    return AskedTransfer(debit_account=debit, credit_account=credit, amount=amount, **fields)  # type: ignore[arg-type]


def batch(
    *transfers: AskedTransfer, number: int = 1, mode: str = "atomic", **more: object
) -> AskedBatch:
    """A batch as people ask it."""
    return AskedBatch(
        id=UUID(int=number),
        transfers=list(transfers),
        mode=Mode(mode),
        **more,  # type: ignore[arg-type]
    )


def post(
    book: Book,
    asked: AskedBatch,
    used: frozenset[tuple[str, str]] = NOTHING_USED,  # type: ignore[assignment]
    today: date = TODAY,
    now: int = NOW,
    past: Mapping[int, Past] = NO_PAST,
) -> Posted | Refusal:
    """Post through the JSON door, as the sequencer does, without leaf or store."""
    columns = resolve(asked, book)
    if isinstance(columns, Refusal):
        return columns
    chance = bytes(chance_needed(asked))
    scales = {code: currency.scale for code, currency in book.currencies.items()}
    manifest = write_manifest(
        asked, origin=ORIGIN, scales=scales, recorded_at=now, salt=chance[:SALT]
    )
    lines = write_lines(asked, columns, chance[SALT:], book)
    return book.post(
        manifest, lines, recorded_at=now, business_date=today, used=used, past=past
    )


EACH = Mode.EACH


class Diary:
    """A book that remembers what it posted, as a store does, so that it can be taken back."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._history = History(range(1, 1_000))

    def post(
        self, *transfers: AskedTransfer, mode: str = "atomic", keep: bool = True
    ) -> Posted | Refusal:
        """Post a batch, with what all those before it say of the rows it names.

        Without `keep` it is only tried, and the book is as before.
        """
        asked = batch(*transfers, mode=mode)
        columns = resolve(asked, self.book)
        assert not isinstance(columns, Refusal)
        chance = bytes(chance_needed(asked))
        manifest = write_manifest(
            asked, origin=ORIGIN, scales=self.book.scales, recorded_at=NOW, salt=chance[:SALT]
        )
        lines = write_lines(asked, columns, chance[SALT:], self.book)
        outcome = self.book.post(
            manifest, lines, recorded_at=NOW, business_date=TODAY, past=self._history.past
        )
        if isinstance(outcome, Posted) and not keep:
            self.book.unpost(outcome)
        elif isinstance(outcome, Posted):
            self._history.add(write_body(manifest, lines).data, outcome)
        return outcome

    def balances(self) -> dict[str, int]:
        """What every account has, by its code."""
        return {code: self.book.balance[number] for code, number in self.book.numbers.items()}
