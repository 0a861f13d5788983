"""The workload: clients who ask for all that a ledger does, and do not know its rules.

A theme is a file beside this one, named in themes.py. A command of it is one function under
`@command(weight)`: it makes up a Request from the client's chance, or nothing when there is
nothing to ask. The request says how the desk is asked, and what the auditor is told of the
answer. What was not answered is mostly asked again, by the same client, of whatever process is
there: so an answer may be that of the time before.

    @command(2)
    def turn_heads(client: Client) -> Request:
        asked, ledger = AskedHeads(...client.random...), client.ledger

        async def ask(desk: Sequencer) -> Heads | Refusal:
            return await desk.turn_heads(ledger, asked, OPERATOR)

        def tell(told: Heads | Refusal, signed: int) -> str:
            audit.turned(client.world.auditor.books(ledger), asked, told, signed)
            return "turned"

        return Request(f"turns heads in {ledger}", ask, tell, ledger)
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from ledger.core.asked import AskedDecision, Caller
from ledger.core.faults import (
    ClockAhead,
    JournalBroken,
    MalformedRequest,
    OutcomeUnknown,
    Overloaded,
    SignerStopped,
    StoreUnavailable,
    WriterReplaced,
)
from ledger.core.model import CurrencyKind, Role
from ledger.core.refusals import Refusal
from ledger.core.written import AnyBatch
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor.batches import not_recorded
from tests.simulation.auditor.books import Books
from tests.simulation.auditor.calendar import Calendar
from tests.simulation.auditor.policies import workflow_of
from tests.simulation.auditor.state import Leg
from tests.simulation.world import Cut, Process, World, name_of

OPERATOR = Caller(key="operator", role=Role.OPERATOR)
LEDGERS = ["caja", "caja", "caja", "red"]
MORE_LEDGERS = ["red", "norte", "sur"]
ACCOUNTS = {
    "MXN": ["cash", "ana", "ben", "eva", "new-1", "new-2", "new-3", "fund", "bridge", "vault"],
    "HRS": ["h-ana", "h-ben", "h-eva", "stock", "h-fund", "h-bridge"],
    "USD": ["usd-1", "usd-2"],
    "VAL": ["v-mint", "v-ana", "v-ben", "v-eva", "v-box"],
}
KINDS = {
    "MXN": CurrencyKind.NATIONAL,
    "HRS": CurrencyKind.MUTUAL_CREDIT,
    "USD": CurrencyKind.NATIONAL,
    "VAL": CurrencyKind.BACKED,
}
SCALES = {"MXN": 2, "HRS": 0, "USD": 2, "VAL": 1}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNSURE = (Cut, OutcomeUnknown, TimeoutError)  # It may have been recorded.
NOTHING = (StoreUnavailable, WriterReplaced, Overloaded, ClockAhead)  # It was not.
STOPPED = (SignerStopped, JournalBroken)

Ask = Callable[[Sequencer], Awaitable[Any]]
Tell = Callable[[Any, int], str]


@dataclass
class Request:
    """Something to ask, and what to do with the answer.

    Args:
        tell: gets the answer and the size that was signed when it left; has it audited, and
            says what it was in a few words.
        batches: ids that are spent by it.
        malformed: what to do when it is found malformed; by default it must not be.
    """

    text: str
    ask: Ask
    tell: Tell
    ledger: str
    batches: Sequence[UUID] = ()
    malformed: Callable[[], None] | None = None
    command: str = ""  # Whose request it is.


Command = Callable[["Client"], Request | None]
COMMANDS: list[tuple[Command, float]] = []


def command(weight: float) -> Callable[[Command], Command]:
    """Register a command with its weight among the others."""

    def register(make: Command) -> Command:
        COMMANDS.append((make, weight))
        return make

    return register


# ---- what is sent


@dataclass
class Sent:
    """A batch that was sent, and by whom; or a payment, and by which workflow."""

    asked: AnyBatch
    caller: Caller
    ledger: str
    workflow: str = ""


class Outbox:
    """All batches that were ever sent, and what their senders may believe of them."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.on_their_way: dict[UUID, int] = {}
        self.perhaps_recorded: dict[UUID, None] = {}
        self._ids = 0

    def new_id(self) -> UUID:
        self._ids += 1
        return UUID(int=self._ids)

    def leaves(self, ids: Sequence[UUID]) -> None:
        for one in ids:
            self.on_their_way[one] = self.on_their_way.get(one, 0) + 1

    def ended(self, ids: Sequence[UUID], *, is_sure: bool) -> list[UUID]:
        """An attempt ended; those ids of which nobody can believe that they are recorded."""
        for one in ids:
            self.on_their_way[one] -= 1
            if not is_sure:
                self.perhaps_recorded[one] = None
        return [
            one
            for one in ids
            if not self.on_their_way[one] and one not in self.perhaps_recorded
        ]


class Client:
    """One of those who ask. Chance is the world's."""

    def __init__(self, world: World, name: str, outbox: Outbox) -> None:
        self.world = world
        self.name = name
        self.outbox = outbox
        self.random: random.Random = world.random
        self.ledger = ""  # The one this step is about.
        self.key_numbers = 0
        self.decisions: list[tuple[str, AskedDecision, Caller]] = []  # By ledger, as it said.
        self.is_last = False  # When all is quiet again, and only who serves is asked.
        self._unanswered: Request | None = None

    @property
    def books(self) -> Books:
        """The auditor's books of the ledger this step is about."""
        return self.world.auditor.books(self.ledger)

    async def live(self, commands: Sequence[tuple[Command, float]]) -> None:
        """One request after the other, as long as there are steps."""
        while self.world.takes_step():
            await asyncio.sleep(self.random.random() / 20)
            self.world.ends_step(self.name, await self.turn(commands))

    async def turn(self, commands: Sequence[tuple[Command, float]]) -> str:
        """One request, and what came of it."""
        request, self._unanswered = self._unanswered or self.choose(commands), None
        return f"{request.text}: {await self.attempt(request)}"

    def choose(self, commands: Sequence[tuple[Command, float]]) -> Request:
        """A request of any kind."""
        makes, weights = zip(*commands, strict=True)
        while True:
            self.ledger = self.random.choice(LEDGERS)
            if not self.world.auditor.size(self.ledger) and self.random.random() < 0.8:
                self.ledger = "caja"  # Mostly it is one that is there.
            make: Command = self.random.choices(makes, weights)[0]
            request = make(self)
            if request is not None:
                request.command = make.__name__
                return request

    async def attempt(self, request: Request) -> str:
        """Ask once; what was not answered is mostly asked again at the next step."""
        world = self.world
        process = await self.pick()
        is_sure = True
        self.outbox.leaves(request.batches)
        try:
            outcome, signed = await self.send(process, request)
            is_sure = False
            text = request.tell(outcome, signed)
            if request.command:
                world.answered[request.command] = None
            return text
        except MalformedRequest:
            assert request.malformed is not None, "only transfers were ever malformed"
            request.malformed()
            return "malformed"
        except UNSURE as fault:
            is_sure = False
            return await self.unanswered(request, fault)
        except NOTHING as fault:
            process.is_replaced |= isinstance(fault, WriterReplaced)
            return await self.unanswered(request, fault)
        except STOPPED as fault:
            is_sure = False  # It may have been recorded, and only the signature is missing.
            self.check_stopped(process, fault)
            return await self.unanswered(request, fault)
        except KeyError:
            if request.ledger in process.desk.ledgers():
                raise
            return "not served here"
        finally:
            for one in self.outbox.ended(request.batches, is_sure=is_sure):
                if world.auditor.size(request.ledger):
                    not_recorded(world.auditor.books(request.ledger), one)

    async def pick(self) -> Process:
        """Mostly whoever serves; sometimes one that may have been replaced."""
        process = await self.world.someone()
        others = [one for one in self.world.processes if one.is_ready]
        if len(others) > 1 and not self.is_last and self.random.random() < 0.2:
            return self.random.choice(others)
        return process

    async def send(self, process: Process, request: Request) -> tuple[Any, int]:
        """There and back; on either way something may be lost, or patience."""
        world = self.world

        async def ask() -> tuple[Any, int]:
            outcome = await request.ask(process.desk)
            return outcome, self.signed(process, request.ledger)

        chance = self.random.random()
        await world.take_time()
        if not world.rates.is_calm and chance < 0.05:
            is_hasty = self.random.random() < 0.5
            patience = self.random.random() / 20
            told = await asyncio.wait_for(process.ask(ask, is_hasty=is_hasty), patience)
        else:
            told = await process.ask(ask)
        if self.random.random() < world.rates.lost:
            world.count("answer lost")
            raise Cut("the answer was lost")
        return told

    def signed(self, process: Process, ledger: str) -> int:
        """The size that is signed, as anybody can see when the answer leaves."""
        if ledger not in process.desk.ledgers():
            return 0
        note = process.desk.checkpoint(ledger)
        return self.world.auditor.books(ledger).signed(note) if note else 0

    def knows(self, desk: Sequencer, ledger: str) -> int:
        """As many leaves as an answer must know of: one that was replaced may be behind."""
        serving = self.world.serving
        is_it = serving is not None and serving.desk is desk
        return self.world.auditor.size(ledger) if is_it else 0

    async def unanswered(self, request: Request, fault: BaseException) -> str:
        # Of several at once some may be too many, or of a currency that came in between.
        cause: BaseException | None = fault
        while not (cause is None or isinstance(cause, Overloaded | MalformedRequest)):
            cause = cause.__cause__
        is_usual = cause is not None
        is_excused = not self.world.rates.is_calm or is_usual
        assert is_excused, f"nothing went wrong, but {fault!r}"
        if self.random.random() < 0.8:
            self._unanswered = request
        await asyncio.sleep(self.random.random() / 4)
        return name_of(fault)

    def check_stopped(self, process: Process, fault: BaseException) -> None:
        """A ledger stops only when its signer's disk failed, or another signed before it."""
        is_excused = process.signer_faults or process is not self.world.serving
        assert is_excused, f"a ledger stopped without reason: {fault!r}"
        process.is_stopped = True

    # ---- chance

    def currency(self) -> str:
        """Mostly one that the ledger has."""
        currency = self.random.choice([*["MXN"] * 4, *["HRS"] * 3, "VAL", "USD"])
        is_known = not self.world.auditor.size(self.ledger) or currency in self.books.currencies
        return currency if is_known or self.random.random() < 0.2 else "MXN"

    def business_date(self) -> date:
        """A day that is open, just closed, or not yet; mostly of a month that was reopened."""
        reopened = self.reopened()
        if reopened and self.random.random() < 0.9:
            return date(*self.random.choice(reopened), self.random.choice([1, 28]))
        days = [self.day([-1, 0, 1]), self.day([-30, -2, 400]), self.month_end()]
        return self.random.choice([*days, *sorted(self.calendar().open)])

    def day(self, offsets: Sequence[int]) -> date:
        """A day from now, as a good clock in UTC has it."""
        today = EPOCH + timedelta(microseconds=self.world.now())
        return today.date() + timedelta(days=self.random.choice(offsets))

    def month_end(self) -> date:
        """The last day of the month before."""
        return self.day([0]).replace(day=1) - timedelta(days=1)

    def year_end(self) -> date:
        """The last day of the year before."""
        return date(self.day([0]).year - 1, 12, 31)

    def calendar(self) -> Calendar:
        """How days stand, as far as anybody can know it."""
        size = self.world.auditor.size(self.ledger)
        return self.books.calendar(size) if size else Calendar()

    def reopened(self) -> list[tuple[int, int]]:
        """The months that take again what is late."""
        marks = self.calendar().marks.items()
        return [month for month, mark in marks if mark == "reopened" and month[1] <= 12]

    def rows(self) -> list[Leg]:
        """The rows of the ledger, as far as anybody can know them."""
        return self.books.rows if self.world.auditor.size(self.ledger) else []

    def is_open(self) -> bool:
        """Whether the ledger this step is about is there."""
        return bool(self.world.auditor.size(self.ledger))

    def has_workflow(self, code: str) -> bool:
        """Whether there is such a workflow, as far as anybody can know it."""
        return workflow_of(self.books, code, len(self.books.entries)) is not None

    def times(self, began: int) -> set[int]:
        """When something was asked and answered, by any clock that there was."""
        moments = (began, self.world.now())
        return {moment + skew for moment in moments for skew in self.world.skews}

    def caller(self) -> Caller:
        """The operator, or somebody with a key that works."""
        keys = [
            key.caller
            for key in self.world.database.keys.values()
            if not key.is_revoked and key.caller.ledger == self.ledger
        ]
        return self.random.choice(keys) if keys and self.random.random() < 0.3 else OPERATOR


# How terms are made up, and how often.


def outcome_of(refusal: Refusal | None) -> str:
    """What came of something, in a few words."""
    return "is so" if refusal is None else f"refused, {refusal.code.value}"
