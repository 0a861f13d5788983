"""A sequencer on a memory store, with a clock that tests set, for tests of the writer."""

import itertools
import random
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from ledger.core.asked import (
    AskedAccount,
    AskedBatch,
    AskedCurrency,
    AskedLedger,
    AskedTransfer,
    Caller,
)
from ledger.core.book import Book
from ledger.core.model import CurrencyKind, Mode, Role
from ledger.core.refusals import Refusal
from ledger.journal.replay import History, replay
from ledger.memory.database import MemoryDatabase
from ledger.memory.store import MemoryStore
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.notary import FileNotary
from ledger.sequencer.snapshotting import Snapshotter

OPERATOR = Caller(key="operator", role=Role.OPERATOR)
START = 1_700_000_000_000_000  # Microseconds since 1970.
MEMBERS = ["ana", "ben", "eva"]


class House:
    """What lasts when a service stops: the database and the notary's directory."""

    def __init__(self, directory: Path, seed: int = 0) -> None:
        self.directory = directory
        self.now = START
        self.database = MemoryDatabase(now_us=lambda: self.now)
        self.random = random.Random(seed)
        self.numbers = itertools.count(1)

    def store(self) -> MemoryStore:
        return MemoryStore(self.database)

    def clock(self) -> int:
        self.now += 1
        return self.now

    @asynccontextmanager
    async def serving(
        self, store: MemoryStore | None = None, owner: str = "first"
    ) -> AsyncIterator[Sequencer]:
        """A service, from start to a graceful stop."""
        notary = FileNotary(self.directory)
        sequencer = Sequencer(
            store or self.store(),
            notary,
            origin="example.org",
            owner=owner,
            clock=self.clock,
            chance=self.random.randbytes,
            snapshotter=Snapshotter(ThreadPoolExecutor(1)),
        )
        await sequencer.start()
        try:
            yield sequencer
        finally:
            await sequencer.close()
            notary.close()

    def book(self, ledger_id: int = 1) -> Book:
        """The state, replayed from the journal's bytes alone."""
        ledger = self.database.ledgers[ledger_id]
        book = Book()
        history = History(range(1, len(ledger.rows()) + 1))
        for index, line in enumerate(ledger.lines):
            batch = ledger.batch_at.get(index)
            body = (batch.body or None) if batch else None
            _, posted = replay(book, line, body, past=history.past)
            if posted is not None:
                history.add(body or b"", posted)
        return book


async def furnish(sequencer: Sequencer, *, unique_references: bool = False) -> None:
    """A caja with cash and three members, who may not go below zero; ben has a limit."""
    asked = AskedLedger(
        code="caja",
        name="Caja de prueba",
        time_zone="America/Mexico_City",
        unique_references=unique_references,
    )
    assert not isinstance(await sequencer.open_ledger(asked, OPERATOR), Refusal)
    mxn = AskedCurrency(code="MXN", kind=CurrencyKind.NATIONAL, scale=2)
    assert await sequencer.add_currency("caja", mxn, OPERATOR) is None
    accounts = [
        AskedAccount(code="cash", currency="MXN", lower_bound="none"),
        AskedAccount(code="ana", currency="MXN"),
        AskedAccount(code="ben", currency="MXN", lower_bound="-50.00", upper_bound="100.00"),
        AskedAccount(code="eva", currency="MXN"),
    ]
    assert not isinstance(await sequencer.open_accounts("caja", accounts, OPERATOR), Refusal)


def pay(debit: str, credit: str, amount: str, **more: object) -> AskedTransfer:
    """A transfer in MXN."""
    return AskedTransfer(
        debit_account=debit,
        credit_account=credit,
        amount=amount,
        currency="MXN",
        kind="payment",
        **more,  # type: ignore[arg-type]
    )


def batch(number: int, *transfers: AskedTransfer, **more: object) -> AskedBatch:
    """A batch whose id is a number."""
    mode = Mode(more.pop("mode", "atomic"))
    return AskedBatch(
        id=UUID(int=number),
        transfers=list(transfers),
        mode=mode,
        **more,  # type: ignore[arg-type]
    )


async def balance(sequencer: Sequencer, code: str) -> int:
    """Credits minus debits of an account."""
    return await sequencer.read("caja", lambda book: book.balance[book.numbers[code]])


Look = Callable[[Book], object]
