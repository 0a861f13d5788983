"""The workload: clients who ask for all that a ledger does, and do not know its rules.

A command is one function under `@command(weight)`: it makes up a Request from the client's
chance. The request says how the desk is asked, and what the auditor is told of the answer.
What was not answered is mostly asked again, by the same client, of whatever process is there.

    @command(2)
    def turn_heads(client: Client) -> Request:
        asked = AskedHeads(...client.random...)

        async def ask(desk: Sequencer) -> Heads | Refusal:
            return await desk.turn_heads(client.ledger, asked, OPERATOR)

        def tell(told: Heads | Refusal, signed: int) -> str:
            client.books.heads_turned(asked, told, signed)
            return "turned"

        return Request(f"turns heads in {client.ledger}", ask, tell, client.ledger)
"""

import asyncio
import dataclasses
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.answered import Receipt, RefusedReceipt
from ledger.core.asked import (
    AskedAccount,
    AskedAct,
    AskedBatch,
    AskedChange,
    AskedCurrency,
    AskedDays,
    AskedKey,
    AskedLedger,
    AskedMark,
    AskedTerms,
    AskedTransfer,
    Caller,
    SoftBounds,
)
from ledger.core.book import Book
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
from ledger.core.lines import Rate
from ledger.core.model import (
    Action,
    CurrencyKind,
    DaysBy,
    Late,
    Mode,
    Nature,
    Role,
    Side,
    Status,
)
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import Levy, LevySet
from ledger.memory.reads import MemoryReads
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.pending import Built, Change
from tests.simulation.auditor import Books, Seen
from tests.simulation.days import Calendar
from tests.simulation.rules import HELD, Leg
from tests.simulation.world import Cut, Process, World, name_of

OPERATOR = Caller(key="operator", role=Role.OPERATOR)
LEDGERS = ["caja", "caja", "caja", "red"]
MORE_LEDGERS = ["red", "norte", "sur"]
ACCOUNTS = {
    "MXN": ["cash", "ana", "ben", "eva", "new-1", "new-2", "new-3", "fund", "bridge"],
    "HRS": ["h-ana", "h-ben", "h-eva", "stock", "h-fund", "h-bridge"],
    "USD": ["usd-1", "usd-2"],
}
# Accounts that take what is left over, stand in, or are paid levies.
STRANGERS = {
    "MXN": [*["bridge"] * 6, "fund", "cash", "h-bridge", "nobody"],
    "HRS": [*["h-bridge"] * 6, "h-fund", "stock", "bridge"],
    "USD": ["usd-1", "usd-2"],
}
SCALES = {"MXN": 2, "HRS": 0, "USD": 2}
SOFT: list[SoftBounds] = ["both", "none", "none", "upper"]
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
    """A batch that was sent, and by whom."""

    asked: AskedBatch
    caller: Caller
    ledger: str


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
        self.is_last = False  # When all is quiet again, and only who serves is asked.
        self._unanswered: Request | None = None

    @property
    def books(self) -> Books:
        """The auditor's books of the ledger this step is about."""
        return self.world.auditor.books(self.ledger)

    async def live(self) -> None:
        """One request after the other, as long as there are steps."""
        while self.world.takes_step():
            await asyncio.sleep(self.random.random() / 20)
            self.world.ends_step(self.name, await self.turn())

    async def turn(self) -> str:
        """One request, and what came of it."""
        request, self._unanswered = self._unanswered or self.choose(), None
        return f"{request.text}: {await self.attempt(request)}"

    def choose(self) -> Request:
        """A request of any kind."""
        commands, weights = zip(*COMMANDS, strict=True)
        while True:
            self.ledger = self.random.choice(LEDGERS)
            if not self.world.auditor.size(self.ledger) and self.random.random() < 0.8:
                self.ledger = "caja"  # Mostly it is one that is there.
            make: Command = self.random.choices(commands, weights)[0]
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
                    world.auditor.books(request.ledger).not_recorded(one)

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

    async def unanswered(self, request: Request, fault: BaseException) -> str:
        is_busy = isinstance(fault, Overloaded) or isinstance(fault.__cause__, Overloaded)
        is_excused = not self.world.rates.is_calm or is_busy
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

    def transfer(self, currency: str) -> AskedTransfer:
        """Mostly between accounts that are there; often too much for them."""
        chance = self.random
        debit, credit = chance.sample(ACCOUNTS[currency][:4], 2)
        if currency == "MXN" and credit != "cash" and chance.random() < 0.3:
            debit = "cash"  # Who has nothing pays nothing.
        if chance.random() < 0.08:
            credit = chance.choice([debit, "nobody", "new-1", "cash", "h-ana", "usd-1"])
        if chance.random() < 0.03:
            debit = chance.choice(["nobody", "new-2", "ana", "stock"])
        amount = chance.choice(["1", "7", "30"])
        if SCALES[currency]:
            amount = chance.choice(["0.01", "0.20", "1", "3.21", "7.50", "30.00"])
        if chance.random() < 0.01:
            amount = chance.choice(["1.001", "0"])  # Malformed: leaves no trace.
        return AskedTransfer(
            debit_account=debit,
            credit_account=credit,
            amount=amount,
            currency=currency,
            kind=chance.choice(["payment", "payment", "fee"]),
            reference=f"R-{chance.randint(1, 12)}" if chance.random() < 0.2 else "",
            description=chance.choice(["renta", "pan"]) if chance.random() < 0.1 else "",
            business_date=self.business_date() if chance.random() < 0.1 else UNSET,
            value_date=self.day([-400, -3, 0, 2]) if chance.random() < 0.03 else UNSET,
        )

    def currency(self) -> str:
        """Mostly one that the ledger has."""
        currency = self.random.choice(["MXN", "MXN", "MXN", "HRS", "HRS", "USD"])
        is_known = not self.world.auditor.size(self.ledger) or currency in self.books.currencies
        return currency if is_known or self.random.random() < 0.2 else "MXN"

    def business_date(self) -> date:
        """A day that is open, just closed, or not yet."""
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

    # ---- terms

    def under_terms(self, t: AskedTransfer) -> AskedTransfer:
        """The same, or something in its place, under terms that mostly go together."""
        make = self.random.choices(TERMS, [weight for _, weight in TERMS])[0][0]
        return make(self, t)

    def hold(self, t: AskedTransfer) -> AskedTransfer:
        """An amount held back, for a moment or for longer, at times for too long already."""
        chance, now = self.random, self.world.now()
        after = chance.choice([5_000, 50_000, 500_000, 5_000_000, 60_000_000, 10**10, 10**10])
        if chance.random() < 0.07:
            after = chance.choice([0, -(10**7)])
        up_to = chance.choice([Side.DEBIT, Side.BOTH]) if chance.random() < 0.15 else UNSET
        expires = EPOCH + timedelta(microseconds=now + after)
        return replace(t, terms=AskedTerms(action=Action.HOLD, expires=expires, up_to=up_to))

    def follow_up(self, t: AskedTransfer) -> AskedTransfer:
        """What becomes of a hold: posted in part or whole, or given back; often too late."""
        chance, holds = self.random, [leg for leg in self.rows() if leg.phase == HELD]
        if not holds:
            return self.hold(t)
        is_open = self.books.all_now("hold").keys()
        still = [leg for leg in holds if leg.sequence in is_open]
        hold = chance.choice(still if still and chance.random() < 0.8 else holds)
        if chance.random() < 0.3:
            terms = AskedTerms(action=Action.VOID, target=hold.sequence)
            return self.about(t, hold, hold.amount, terms)
        release = chance.random() < 0.3
        terms = AskedTerms(action=Action.POST, target=hold.sequence, release=release)
        return self.about(t, hold, self.part(hold.amount), terms)

    def reversal(self, t: AskedTransfer) -> AskedTransfer:
        """A row taken back, or a part of it; mostly one of the last, as others do too."""
        chance, rows = self.random, self.rows()
        if not rows:
            return t
        levied = [row for row in rows if row.levies]
        row = chance.choice(rows[-3:] if chance.random() < 0.6 else rows)
        if levied and chance.random() < 0.4:
            row = chance.choice(levied)
        terms = AskedTerms(action=Action.REVERSE, target=row.sequence)
        chosen = chance.random()
        if chosen < 0.3:
            terms = replace(terms, up_to=Side.DEBIT)
        if chosen < 0.2:
            terms = replace(terms, rest=self.stranger(t.currency))
        elif chosen > 0.9:
            terms = replace(terms, suspense=self.stranger(t.currency))
        turned = dataclasses.replace(row, debit=row.credit, credit=row.debit)
        return self.about(t, turned, self.part(row.amount), terms)

    def clearing(self, t: AskedTransfer) -> AskedTransfer:
        """What a suspense account stood in for, moved to where it belongs."""
        chance, ledger = self.random, self.ledger
        items = self.books.all_now("item") if self.world.auditor.size(ledger) else {}
        if not items:
            return self.bridged(t)
        sequence, item = chance.choice(sorted(items.items(), key=lambda pair: pair[0]))
        terms = AskedTerms(action=Action.CLEAR, target=sequence)
        place = self.books.now(item.account)
        other = chance.choice(ACCOUNTS[place.currency][:4])
        pair = (other, place.code) if item.side == "debit" else (place.code, other)
        if chance.random() < 0.1:
            pair = pair[::-1]
        return replace(
            t,
            debit_account=pair[0],
            credit_account=pair[1],
            amount=decimal(self.part(item.left), place.currency),
            currency=place.currency,
            terms=terms,
        )

    def bridged(self, t: AskedTransfer) -> AskedTransfer:
        """Cash that has changed hands already: another account stands in where one refuses."""
        terms = AskedTerms(suspense=self.stranger(t.currency))
        return replace(self.too_much(t), terms=terms)

    def too_much(self, t: AskedTransfer) -> AskedTransfer:
        """The same, mostly of more than anybody has."""
        if self.random.random() < 0.3:
            return t
        debit = self.random.choice({"MXN": ["ana", "ben", "eva"]}.get(t.currency, ["h-eva"]))
        return replace(t, debit_account=debit, amount="90")

    def up_to(self, t: AskedTransfer) -> AskedTransfer:
        """As much as there is; what is left may be taken by another account."""
        chance = self.random
        side = chance.choice([Side.DEBIT, Side.DEBIT, Side.CREDIT, Side.BOTH])
        is_taken = side is not Side.BOTH and chance.random() < 0.6
        rest: Any = self.stranger(t.currency) if is_taken else UNSET
        terms = AskedTerms(up_to=side, rest=rest)
        if rest is UNSET and chance.random() < 0.2:
            terms = replace(terms, suspense=self.stranger(t.currency))
        return replace(self.too_much(t), terms=terms)

    def adjusting(self, t: AskedTransfer) -> AskedTransfer:
        """For the thirteenth month of a year, mostly."""
        year = self.day([0]).year - self.random.choice([1, 1, 1, 2, 0])
        day: Any = self.random.choice([date(year, 12, 31), date(year, 12, 31), UNSET])
        rest: Any = self.stranger(t.currency) if self.random.random() < 0.2 else UNSET
        up_to: Any = UNSET if rest is UNSET else Side.DEBIT
        terms = AskedTerms(adjusting=True, rest=rest, up_to=up_to)
        return replace(t, business_date=day, terms=terms)

    def misplaced(self, t: AskedTransfer) -> AskedTransfer:
        """Terms that do not go together; malformed, so they leave no trace."""
        wrong = [
            AskedTerms(),
            AskedTerms(action=Action.HOLD),
            AskedTerms(action=Action.POST),
            AskedTerms(target=1),
            AskedTerms(rest="fund"),
            AskedTerms(action=Action.VOID, target=1, release=True),
            AskedTerms(rate=Rate(n=1, d=2)),
            AskedTerms(action=Action.CLEAR, target=1, adjusting=True),
        ]
        return replace(t, terms=self.random.choice(wrong))

    def about(
        self, t: AskedTransfer, leg: Leg, amount: int, terms: AskedTerms
    ) -> AskedTransfer:
        """A transfer between a row's accounts; at times between others."""
        payer, payee = self.books.now(leg.debit), self.books.now(leg.credit)
        if self.random.random() < 0.05:
            payer, payee = payee, payer
        return replace(
            t,
            debit_account=payer.code,
            credit_account=payee.code,
            amount=decimal(amount, payer.currency),
            currency=payer.currency,
            terms=terms,
        )

    def rows(self) -> list[Leg]:
        """The rows of the ledger, as far as anybody can know them."""
        return self.books.rows if self.world.auditor.size(self.ledger) else []

    def part(self, amount: int) -> int:
        """All of it, or a part, or too much."""
        chance = self.random
        if chance.random() < 0.4:
            return amount
        return chance.randint(1, amount) + (amount if chance.random() < 0.1 else 0)

    def stranger(self, currency: str) -> str:
        return self.random.choice(STRANGERS[currency])

    def exchange(self) -> list[AskedTransfer]:
        """Some of one currency sold for another, mostly at the rate."""
        chance = self.random
        sold, bought = self.transfer("MXN"), self.transfer(self.currency())
        if bought.currency == "MXN" and chance.random() < 0.7:
            sold, bought = bought, self.transfer("HRS")
        n, d = chance.choice([(1, 17), (3, 2), (1, 1), (7, 100), (2**53 - 1, 1)])
        amount = minor(sold.amount, "MXN") * n // d + chance.choice([0, 0, 0, 0, 1, -1])
        amount = min(max(1, amount), 10**9)
        entry = chance.randint(1, 3)
        rate = AskedTerms(entry=entry, rate=Rate(n=n, d=d))
        bought = replace(bought, amount=decimal(amount, bought.currency), terms=rate)
        return [replace(sold, terms=AskedTerms(entry=entry)), bought]

    def entries(self, transfers: list[AskedTransfer]) -> list[AskedTransfer]:
        """Some of them in entries that stand or fall as one."""
        chance = self.random
        number = chance.randint(1, 2)
        return [
            replace(t, terms=replace(t.terms or AskedTerms(), entry=number))
            if chance.random() < 0.7
            else t
            for t in transfers
        ]

    def batch(self, batch_id: UUID) -> AskedBatch:
        """Mostly small; sometimes with control sums, that are sometimes wrong."""
        chance = self.random
        currency = self.currency()
        count = chance.choice([1, 1, 2, 3, 7])
        transfers = [self.transfer(currency) for _ in range(count)]
        if count > 1 and chance.random() < 0.1:
            transfers[-1] = self.transfer(self.currency())
        if chance.random() < 0.5:
            transfers = [self.under_terms(t) if chance.random() < 0.6 else t for t in transfers]
        if chance.random() < 0.08:
            transfers[-1:] = self.exchange()
        elif count > 1 and chance.random() < 0.2:
            transfers = self.entries(transfers)
        count = len(transfers)
        sums: Any = UNSET
        if chance.random() < 0.15:
            total = sum(round(float(t.amount) * 1000) for t in transfers)
            total += chance.choice([0, 0, 0, 1000])
            text = str(total // 1000) if total % 1000 == 0 else f"{total / 1000:.2f}"
            sums = {currency: text}
        return AskedBatch(
            id=batch_id,
            transfers=transfers,
            mode=chance.choice([Mode.ATOMIC, Mode.EACH]),
            late=chance.choice([Late.REFUSE, Late.NEXT_OPEN_DAY, UNSET, UNSET]),
            source=chance.choice(["till", "door", UNSET]),
            count=chance.choice([count, count, count, 9]) if chance.random() < 0.1 else UNSET,
            control_sums=sums,
        )

    def caller(self) -> Caller:
        """The operator, or somebody with a key that works."""
        keys = [
            key.caller
            for key in self.world.database.keys.values()
            if not key.is_revoked and key.caller.ledger == self.ledger
        ]
        return self.random.choice(keys) if keys and self.random.random() < 0.3 else OPERATOR


# How terms are made up, and how often.
TERMS: list[tuple[Callable[[Client, AskedTransfer], AskedTransfer], float]] = [
    (Client.hold, 5),
    (Client.follow_up, 5),
    (Client.reversal, 5),
    (Client.bridged, 2),
    (Client.clearing, 3),
    (Client.up_to, 3),
    (Client.adjusting, 1.5),
    (Client.misplaced, 0.1),
]


def minor(text: str, currency: str) -> int:
    """Minor units of an amount, rounded down."""
    whole, _, fraction = text.partition(".")
    scale = SCALES[currency]
    return int(whole + fraction[:scale].ljust(scale, "0"))


def decimal(amount: int, currency: str) -> str:
    """An amount as people write it."""
    scale = SCALES[currency]
    digits = str(amount).rjust(scale + 1, "0")
    return f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits


# ---- batches


def _post(client: Client, one: Sent, verb: str, copies: int = 1) -> Request:
    """Send a batch, or several copies of it at once."""
    asked, caller, ledger = one.asked, one.caller, one.ledger
    client.ledger = ledger
    books = client.world.auditor.books
    poster = caller.poster or caller.key

    async def ask(desk: Sequencer) -> list[Any]:
        posts = [desk.post(ledger, asked, caller) for _ in range(copies)]
        return _all_or_fault(await asyncio.gather(*posts, return_exceptions=True))

    def tell(outcomes: list[Any], signed: int) -> str:
        for outcome in outcomes:
            if isinstance(outcome, Receipt):
                books(ledger).posted(asked, poster, outcome, signed)
            elif isinstance(outcome, RefusedReceipt):
                books(ledger).refused(asked, poster, outcome, signed)
            else:
                assert isinstance(outcome, Refusal), outcome
                assert outcome.code is RefusalCode.ID_USED_BY_ANOTHER_BATCH
                books(ledger).used_by_another(asked, poster)
        return _in_words(outcomes[0])

    many = f"{len(asked.transfers)} transfers" if len(asked.transfers) > 1 else "1 transfer"
    return Request(
        f"{verb} batch {asked.id.int} in {ledger}, {asked.mode.value}, {many}",
        ask,
        tell,
        ledger,
        batches=[asked.id],
        malformed=lambda: books(ledger).malformed(asked),
    )


def _all_or_fault(outcomes: Sequence[Any]) -> list[Any]:
    """The answers of several that were asked at once; a fault where any has none."""
    faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if faults and len(faults) < len(outcomes):
        raise Cut("one was answered, another was not") from faults[0]
    for fault in sorted(faults, key=lambda fault: not isinstance(fault, UNSURE)):
        raise fault
    return list(outcomes)


def _in_words(outcome: Receipt | RefusedReceipt | Refusal) -> str:
    again = "again " if getattr(outcome, "replayed", False) else ""
    if isinstance(outcome, Receipt):
        count = len(outcome.posted.amount)
        return f"{again}posted {count} in leaf {outcome.leaf_index}"
    if isinstance(outcome, RefusedReceipt):
        return f"{again}refused in leaf {outcome.leaf_index}, {outcome.leaf.code}"
    return f"refused, {outcome.code.value}"


@command(9)
def post(client: Client) -> Request:
    one = Sent(client.batch(client.outbox.new_id()), client.caller(), client.ledger)
    client.outbox.sent.append(one)
    return _post(client, one, "posts", copies=client.random.choice([1, 1, 1, 2, 3]))


@command(3)
def post_again(client: Client) -> Request | None:
    sent = client.outbox.sent
    if not sent:
        return None
    recent = client.random.random() < 0.5
    return _post(client, client.random.choice(sent[-4:] if recent else sent), "repeats")


@command(1.5)
def post_another(client: Client) -> Request | None:
    """The id of a batch that was sent, with something else in it, or from somebody else."""
    chance, sent = client.random, client.outbox.sent
    if not sent:
        return None
    first = chance.choice(sent)
    client.ledger = first.ledger
    asked, caller = first.asked, first.caller
    match chance.choice(["batch", "line", "source", "caller", "description"]):
        case "batch":
            asked = client.batch(asked.id)
        case "line":
            lines = list(asked.transfers)
            at = chance.randrange(len(lines))
            lines[at] = client.transfer(lines[at].currency)
            asked = replace(asked, transfers=lines)
        case "source":
            asked = replace(asked, source="window")
        case "description":
            lines = [replace(t, description="otra cosa") for t in asked.transfers]
            asked = replace(asked, transfers=lines)
        case "caller":
            caller = client.caller()
    one = Sent(asked, caller, first.ledger)
    sent.append(one)
    return _post(client, one, "posts something else as")


@command(2)
def follow_up(client: Client) -> Request | None:
    """What becomes of holds, of what stands in suspense, and of what shall not have been."""
    chance = client.random
    if not client.rows():
        return None
    makes = [Client.follow_up, Client.follow_up, Client.reversal, Client.clearing]
    if client.books.all_now("item"):
        makes += [Client.clearing] * 3
    count = chance.choice([1, 1, 2])
    transfers = [chance.choice(makes)(client, client.transfer("MXN")) for _ in range(count)]
    mode = chance.choice([Mode.ATOMIC, Mode.EACH])
    asked = AskedBatch(id=client.outbox.new_id(), transfers=transfers, mode=mode)
    one = Sent(asked, client.caller(), client.ledger)
    client.outbox.sent.append(one)
    return _post(client, one, "follows up with")


@command(1)
def take_back_at_once(client: Client) -> Request | None:
    """A payment, and twice its reversal, before anybody knows whether it is there."""
    world, ledger, chance = client.world, client.ledger, client.random
    if not world.auditor.size(ledger):
        return None
    paid = replace(client.transfer("MXN"), business_date=UNSET)
    target = client.books.transfers[-1] + chance.choice([1, 1, 1, 2])
    back = replace(
        paid,
        debit_account=paid.credit_account,
        credit_account=paid.debit_account,
        reference="",
        terms=AskedTerms(action=Action.REVERSE, target=target),
    )
    sent = [
        Sent(AskedBatch(id=client.outbox.new_id(), transfers=[t]), OPERATOR, ledger)
        for t in (paid, back, back)
    ]
    client.outbox.sent += sent
    requests = [_post(client, one, "posts") for one in sent]

    async def ask(desk: Sequencer) -> list[Any]:
        asked = [one.ask(desk) for one in requests]
        return _all_or_fault(await asyncio.gather(*asked, return_exceptions=True))

    def tell(outcomes: list[Any], signed: int) -> str:
        told = [one.tell(each, signed) for one, each in zip(requests, outcomes, strict=True)]
        return "; ".join(told)

    def malformed() -> None:
        client.world.auditor.books(ledger).malformed(sent[0].asked)

    return Request(
        f"posts batch {sent[0].asked.id.int} in {ledger} and takes {target} back twice",
        ask,
        tell,
        ledger,
        batches=[one.asked.id for one in sent],
        malformed=malformed,
    )


@command(1.5)
def preview(client: Client) -> Request:
    asked = client.batch(UUID(int=0))  # Would be missed by the auditor if it left a leaf.
    world, ledger = client.world, client.ledger
    since = world.auditor.size(ledger)
    began = world.now()

    async def ask(desk: Sequencer) -> Any:
        return await desk.post(ledger, asked, OPERATOR, dry_run=True)

    def tell(outcome: Any, signed: int) -> str:
        books = world.auditor.books(ledger)
        times = {time + skew for time in (began, world.now()) for skew in world.skews}
        books.previewed(asked, outcome, max(1, since), times)
        return "seen"

    def malformed() -> None:
        client.world.auditor.books(ledger).malformed(asked)

    return Request(f"tries a batch in {ledger}", ask, tell, ledger, malformed=malformed)


# ---- ledgers, currencies, accounts, levies


@command(0.4)
def open_ledger(client: Client) -> Request:
    chance = client.random
    asked = AskedLedger(
        code=chance.choice(MORE_LEDGERS),
        name="Otra caja",
        time_zone=chance.choice(["America/Bogota", "America/Bogota", "Europe/Madrid"]),
        unique_references=chance.random() < 0.2,
    )
    dry_run = chance.random() < 0.2

    async def ask(desk: Sequencer) -> Any:
        return await desk.open_ledger(asked, OPERATOR, dry_run=dry_run)

    def tell(outcome: Any, signed: int) -> str:
        if isinstance(outcome, Refusal):
            assert outcome.code is RefusalCode.LEDGER_CODE_USED
            assert client.world.auditor.size(asked.code), "used by nobody"
            return "refused, as it is used"
        if not outcome.size:
            assert dry_run
            return "seen"
        client.world.auditor.books(asked.code).viewed(outcome)
        return "opened"

    verb = "tries to open" if dry_run else "opens"
    return Request(f"{verb} ledger {asked.code}", ask, tell, asked.code)


@command(0.6)
def add_currency(client: Client) -> Request:
    ledger, chance = client.ledger, client.random
    code = chance.choice(list(SCALES))
    scale = SCALES[code] if chance.random() < 0.8 else 3
    if chance.random() < 0.8 or client.world.auditor.size(ledger) == 0:
        scale = SCALES[code]
    is_there = client.world.auditor.size(ledger) and code in client.books.currencies
    if not is_there:  # Another scale would be there for ever, and most amounts malformed.
        scale = SCALES[code]
    asked = AskedCurrency(code=code, kind=CurrencyKind.NATIONAL, scale=scale)
    dry_run = chance.random() < 0.2

    async def ask(desk: Sequencer) -> Any:
        return await desk.add_currency(ledger, asked, OPERATOR, dry_run=dry_run)

    def tell(refusal: Refusal | None, signed: int) -> str:
        if refusal is not None or not dry_run:
            client.world.auditor.books(ledger).has_currency(asked, refusal)
        return "is there" if refusal is None else f"refused, {refusal.code.value}"

    verb = "tries to add" if dry_run else "adds"
    return Request(f"{verb} {code} of scale {scale} to {ledger}", ask, tell, ledger)


@command(1.5)
def open_accounts(client: Client) -> Request:
    chance, ledger = client.random, client.ledger
    currency = chance.choice(["MXN", "MXN", "HRS", "USD"])
    codes = chance.sample(ACCOUNTS[currency], chance.choice([1, 1, 2]))
    if chance.random() < 0.03:
        codes[0] = "GODE561231HDFRRN04"  # Looks like a person's; refused.
    asked = [
        AskedAccount(
            code=code,
            currency=currency,
            nature=Nature.DEBIT if code == "stock" else Nature.CREDIT,
            lower_bound=chance.choice(["0", "0", "-10", "none"]),
            upper_bound=chance.choice(["none", "none", "50", "-20"]),
        )
        for code in codes
    ]
    dry_run = chance.random() < 0.15

    async def ask(desk: Sequencer) -> Any:
        return await desk.open_accounts(ledger, asked, OPERATOR, dry_run=dry_run)

    def tell(outcome: Any, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        if isinstance(outcome, Refusal):
            assert outcome.position is not None
            books.refused_change(outcome, [asked[outcome.position].code])
            return f"refused, {outcome.code.value}"
        if not dry_run:
            books.opened(asked, outcome, signed)
        return "there"

    verb = "tries to open" if dry_run else "opens"
    return Request(f"{verb} {', '.join(codes)} in {ledger}", ask, tell, ledger)


@command(2.5)
def change_account(client: Client) -> Request:
    chance, ledger = client.random, client.ledger
    currency = chance.choice(["MXN", "MXN", "HRS"])
    code = chance.choice(ACCOUNTS[currency])
    if chance.random() < 0.5:
        code = chance.choice(["ana", "ben", "eva"])
    asked, what = chance.choice(
        [
            (AskedChange(reason="decision", status=Status.FROZEN), "freezes"),
            (AskedChange(reason="decision", status=Status.FROZEN_DEBITS), "freezes debits of"),
            (
                AskedChange(reason="decision", status=Status.FROZEN_CREDITS),
                "freezes credits of",
            ),
            (AskedChange(reason="decision", status=Status.FROZEN_DEBITS), "freezes debits of"),
            (AskedChange(reason="decision", status=Status.OPEN), "unfreezes"),
            (AskedChange(reason="decision", status=Status.OPEN), "unfreezes"),
            (AskedChange(reason="d", upper_bound="10", soft_bounds="upper"), "asks less of"),
            (AskedChange(reason="d", lower_bound="0", soft_bounds="lower"), "trusts"),
            (AskedChange(reason="d", soft_bounds=chance.choice(SOFT)), "softens"),
            (AskedChange(reason="decision", lower_bound=f"-{chance.randint(0, 50)}"), "lowers"),
            (AskedChange(reason="decision", upper_bound=f"{chance.randint(0, 200)}"), "caps"),
            (AskedChange(reason="d", upper_bound="none", lower_bound="-20"), "uncaps"),
            (AskedChange(reason="d", upper_bound="none", lower_bound="none"), "frees"),
        ]
    )
    if chance.random() < 0.06:
        asked, what = AskedChange(reason="decision", status=Status.CLOSED), "closes"
    dry_run = chance.random() < 0.15

    async def ask(desk: Sequencer) -> Any:
        return await desk.change_account(ledger, code, asked, OPERATOR, dry_run=dry_run)

    def tell(outcome: Any, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        if isinstance(outcome, Refusal):
            books.refused_change(outcome, [code])
            return f"refused, {outcome.code.value}"
        if not dry_run:
            books.stood(outcome, signed)
        return outcome.status.value

    verb = f"tries what {what}" if dry_run else what
    return Request(f"{verb} {code} in {ledger}", ask, tell, ledger)


LEVIES: list[dict[str, Any]] = [
    {"n": 1, "d": 100, "payer": "credit", "minimum": 1},
    {"n": 1, "d": 3, "payer": "debit", "maximum": 300},
    {"n": 1, "d": 8, "payer": "credit"},
    {"n": 0, "d": 1, "payer": "debit", "fixed": 1},
    {"n": 2, "d": 1, "payer": "debit"},  # More than there is: refused.
    {"n": 1, "d": 2, "payer": "debit", "minimum": 9, "maximum": 8},  # And so is this.
]


@command(1)
def set_levy(client: Client) -> Request:
    """Set a levy, change it, or remove it. The desk has no word for it yet."""
    chance, ledger = client.random, client.ledger
    code, kind = (
        chance.choice(["levy", "levy", "part"]),
        chance.choice(["payment", "fee"]),
    )
    fund = chance.choice(["fund", "fund", "h-fund", "ana"])
    rule = None if chance.random() < 0.3 else chance.choice(LEVIES)
    there = sorted(client.books.all_now("levy")) if client.world.auditor.size(ledger) else []
    if rule is None and chance.random() < 0.8:  # Mostly one that is there.
        code, rule = (chance.choice(there), None) if there else (code, chance.choice(LEVIES))

    async def ask(desk: Sequencer) -> Any:
        def build(book: Book, now: int) -> Built[None] | Refusal:
            levy: Any = UNSET
            if rule is not None:
                treasury = book.numbers.get(fund, 10**6)
                levy = Levy(**rule, kinds=[kind], treasury=treasury)
            line = LevySet(recorded_at=now, code=code, by="operator", reason="x", levy=levy)
            return book.refuse(line) or Built([line], lambda _: None)

        return await desk.writer(ledger).submit(Change(build))

    def tell(refusal: Refusal | None, signed: int) -> str:
        client.world.auditor.books(ledger).levied(code, rule, fund, refusal, signed)
        return "set" if refusal is None else f"refused, {refusal.code.value}"

    verb = "removes" if rule is None else f"lets {kind} pay {fund}"
    return Request(f"{verb} as {code} in {ledger}", ask, tell, ledger)


# ---- business days


@command(0.4)
def set_days(client: Client) -> Request:
    """How days are kept from now on."""
    chance, ledger = client.random, client.ledger
    asked = AskedDays(
        days=chance.choice([DaysBy.CLOCK] * 3 + [DaysBy.COMMAND]),
        cut_off=chance.choice(["16:30", "23:45", "00:15", "02:30", UNSET, UNSET]),
        value_days_back=chance.choice([0, 3, UNSET]),
    )

    async def ask(desk: Sequencer) -> Any:
        return await desk.set_days(ledger, asked, OPERATOR)

    def tell(outcome: Any, signed: int) -> str:
        refusal = outcome if isinstance(outcome, Refusal) else None
        is_by_command = asked.days is DaysBy.COMMAND
        back = asked.value_days_back
        client.world.auditor.books(ledger).days_told(
            refusal,
            signed,
            lambda days: (
                (days.is_by_command, days.value_days_back)
                == (is_by_command, back if isinstance(back, int) else None)
            ),
            {"day_before_is_open": lambda days: bool(days.open) and not is_by_command},
        )
        return _outcome(refusal)

    return Request(f"has the days of {ledger} by {asked.days.value}", ask, tell, ledger)


@command(3)
def open_day(client: Client) -> Request | None:
    """A day opened by command; some in a row, or one that is not new."""
    ledger, world = client.ledger, client.world
    calendar = client.calendar()
    if not calendar.is_by_command and client.random.random() < 0.99:
        return None
    day = client.day([0, 0, 1, 1, 2, -1, 40])

    async def ask(desk: Sequencer) -> Any:
        return await desk.open_day(ledger, day, OPERATOR)

    def tell(refusal: Refusal | None, signed: int) -> str:
        world.auditor.books(ledger).days_told(
            refusal,
            signed,
            lambda days: day in days.open,
            {
                "days_kept_by_clock": lambda days: not days.is_by_command,
                "day_not_new": lambda days: day <= max(days.opened, days.closed),
                "day_too_early": lambda _: True,
            },
        )
        return _outcome(refusal)

    return Request(f"opens {day} in {ledger}", ask, tell, ledger)


@command(1)
def close_day(client: Client) -> Request:
    """The end of a day: mostly of one that is open, at times long past or still to come."""
    chance, ledger = client.random, client.ledger
    calendar = client.calendar()
    days = [
        client.day([-1]),
        client.day([-1, 0, 0, 1, 2]),
        client.month_end(),
        client.year_end(),
    ]
    day = chance.choice(sorted(calendar.open) if calendar.open else days)
    dry_run = chance.random() < 0.15

    async def ask(desk: Sequencer) -> Any:
        return await desk.close_day(ledger, day, OPERATOR, dry_run=dry_run)

    def tell(outcome: Any, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        refusal = outcome if isinstance(outcome, Refusal) else None
        if refusal is None and not dry_run:
            books.closed_day(day, outcome, signed)
        if refusal is not None or not dry_run:
            books.days_told(
                refusal,
                signed,
                lambda days: day <= days.closed and day not in days.open,
                {
                    "day_not_open": lambda days: (
                        day <= days.closed or (days.is_by_command and day not in days.open)
                    ),
                    "day_before_is_open": lambda days: not days.is_by_command,
                    "day_too_early": lambda days: not days.is_by_command,
                },
            )
        return _outcome(refusal)

    verb = "tries to close" if dry_run else "closes"
    return Request(f"{verb} {day} in {ledger}", ask, tell, ledger)


@command(0.8)
def mark_period(client: Client) -> Request:
    """A month closed for now, reopened or closed for ever; and the thirteenth."""
    chance, ledger = client.random, client.ledger
    end, year = client.month_end(), client.year_end().year
    month = chance.choice(
        [(end.year, end.month), (end.year, end.month), (year, 12), (year, 13)]
    )
    was = client.calendar().marks.get(month)
    mark: Any = chance.choice(["preliminary", "reopened"])
    if was == "preliminary":
        mark = chance.choice(["reopened", "reopened", "reopened", "final"])
    act: Any = AskedAct(number="A-1", date=end, hash="00" * 32)
    asked = AskedMark(mark=mark, act=act if chance.random() < 0.9 else UNSET)

    async def ask(desk: Sequencer) -> Any:
        return await desk.mark_period(ledger, *month, asked, OPERATOR)

    def tell(refusal: Refusal | None, signed: int) -> str:
        client.world.auditor.books(ledger).days_told(
            refusal,
            signed,
            lambda days: days.marks.get(month) == mark,
            {
                "period_final": lambda days: days.marks.get(month) == "final",
                "period_not_marked_so": lambda days: days.marks.get(month) != mark,
                "day_before_is_open": lambda days: not days.is_over(*month),
                "act_missing": lambda _: asked.act is UNSET,
            },
        )
        return _outcome(refusal)

    text = f"marks month {month[1]} of {month[0]} in {ledger} {mark}"
    return Request(text, ask, tell, ledger)


def _outcome(refusal: Refusal | None) -> str:
    return "is so" if refusal is None else f"refused, {refusal.code.value}"


# ---- keys


@command(0.5)
def grant_key(client: Client) -> Request:
    """As the API does it: the journal says so before the key works."""
    client.key_numbers += 1
    world, ledger = client.world, client.ledger
    key = f"{client.name.replace(' ', '-')}-{client.key_numbers}"
    asked = AskedKey(role=Role.POSTER, poster=client.random.choice(["tienda", "banco", ""]))
    caller = Caller(key=key, role=asked.role, ledger=ledger, poster=asked.poster)
    digest = sha256(key.encode()).digest()

    async def ask(desk: Sequencer) -> None:
        await desk.record_key(ledger, key, asked, OPERATOR)
        owner = next(one for one in world.processes if one.desk is desk)
        await owner.keys.add(digest, caller)

    def tell(outcome: None, signed: int) -> str:
        check_keys(world, ledger)
        return "given"

    return Request(f"gives key {key} of {ledger}", ask, tell, ledger)


@command(0.3)
def revoke_key(client: Client) -> Request | None:
    """As the API does it: it stops working even when the journal cannot be written."""
    world, ledger = client.world, client.ledger
    working = [
        key.caller.key
        for key in world.database.keys.values()
        if not key.is_revoked and key.caller.ledger == ledger
    ]
    if not working:
        return None
    key = client.random.choice(working)

    async def ask(desk: Sequencer) -> None:
        owner = next(one for one in world.processes if one.desk is desk)
        try:
            await desk.record_key(ledger, key, None, OPERATOR)
        finally:
            await owner.keys.revoke(ledger, key)

    def tell(outcome: None, signed: int) -> str:
        check_keys(world, ledger)
        assert key in world.auditor.books(ledger).revoked
        callers = [one.caller.key for one in world.database.keys.values() if not one.is_revoked]
        assert key not in callers, "it works still"
        return "revoked"

    return Request(f"revokes key {key} of {ledger}", ask, tell, ledger)


def check_keys(world: World, ledger: str) -> None:
    """Every key that works is in the journal."""
    books = world.auditor.books(ledger)
    for key in world.database.keys.values():
        if not key.is_revoked and key.caller.ledger == ledger:
            one = key.caller
            books.works(one.key, one.role.value, one.poster, one.accounts)


# ---- reads


@command(1.5)
def read_book(client: Client) -> Request:
    """All accounts at one moment, which was committed."""
    ledger = client.ledger

    async def ask(desk: Sequencer) -> Any:
        return await desk.read(
            ledger,
            lambda book: Seen(
                size=book.size,
                accounts=[book.account(n + 1) for n in range(book.accounts)],
                holds=dict(book.holds.open),
                items=dict(book.suspense.open),
                levies=dict(book.levies.rules),
            ),
        )

    def tell(seen: Seen, signed: int) -> str:
        client.world.auditor.books(ledger).seen(seen)
        return f"at size {seen.size}"

    return Request(f"reads {ledger}", ask, tell, ledger)


@command(0.7)
def view(client: Client) -> Request:
    ledger, auditor = client.ledger, client.world.auditor
    before = auditor.size(ledger)

    async def ask(desk: Sequencer) -> Any:
        return desk, await desk.view(ledger)

    def tell(told: Any, signed: int) -> str:
        desk, seen = told
        auditor.books(ledger).viewed(seen)
        serving = client.world.serving
        if serving is not None and desk is serving.desk:
            assert seen.size >= before, "what was there is not seen"
        return f"at size {seen.size}"

    return Request(f"views {ledger}", ask, tell, ledger)


@command(0.7)
def statement(client: Client) -> Request | None:
    """Rows in the database, of an account or of all."""
    world, ledger, chance = client.world, client.ledger, client.random
    if not world.auditor.size(ledger):
        return None
    books = client.books
    numbers = [None, *books.places]
    number, after = chance.choice(numbers), chance.choice([0, 0, books.transfers[-1] // 2])

    async def ask(desk: Sequencer) -> Any:
        reads = MemoryReads(world.database)
        ledger_id = (await desk.view(ledger)).ledger_id
        rows = await reads.transfers(ledger_id, after=after, limit=10**6, account=number)
        books.listed(rows, number, after)
        reference = f"R-{chance.randint(1, 12)}"
        found = await reads.by_reference(ledger_id, reference, 10**6)
        books.found(found, reference)
        return len(rows)

    def tell(rows: int, signed: int) -> str:
        return f"{rows} rows"

    return Request(f"lists account {number or 'any'} of {ledger}", ask, tell, ledger)


@command(0.7)
def prove(client: Client) -> Request | None:
    world, ledger = client.world, client.ledger
    size = world.auditor.size(ledger)
    if not size:
        return None
    index = client.random.randrange(size)

    async def ask(desk: Sequencer) -> Any:
        try:
            return await desk.log_proof(ledger, index)
        except LookupError:
            if ledger not in desk.ledgers():
                raise
            return None

    def tell(proof: bytes | None, signed: int) -> str:
        if proof is None:
            return "not signed yet"
        world.auditor.books(ledger).proved(index, proof)
        return "proved"

    return Request(f"asks for a proof of leaf {index} of {ledger}", ask, tell, ledger)


@command(0.4)
def wait_for_more(client: Client) -> Request | None:
    ledger, auditor = client.ledger, client.world.auditor
    if not auditor.size(ledger):
        return None
    sequence = client.books.transfers[-1]
    patience = client.random.random()

    async def ask(desk: Sequencer) -> Any:
        await desk.wait_for(ledger, sequence, patience)

    def tell(outcome: None, signed: int) -> str:
        return "more" if auditor.books(ledger).transfers[-1] > sequence else "none"

    return Request(f"waits for more in {ledger}", ask, tell, ledger)


# ---- what goes wrong besides


async def trouble(world: World) -> None:
    """Now and then until all steps are over: restarts, take-overs, kills, clocks that jump."""
    while world.begun < world.steps:
        await asyncio.sleep(world.random.random() / 10)
        if world.random.random() < 4 * world.rates.trouble and world.takes_step():
            make = world.random.choice(TROUBLES)
            world.ends_step("world", await make(world))


async def _restart(world: World) -> str:
    newest = await world.someone()
    async with world.starting:
        await world.close_process(newest)
        await world.start()
    return f"process {newest.number} is stopped, and another started"


async def _take_over(world: World) -> str:
    async with world.starting:
        await world.start()
    return "a second writer takes over"


async def _kill(world: World) -> str:
    process = await world.someone()
    world.kill(process, "is killed")
    return f"kill -9 of process {process.number}"


async def _kill_all(world: World) -> str:
    for process in list(world.processes):
        world.kill(process, "is killed")
    return "the machine loses its power"


async def _stop_old(world: World) -> str:
    old = [process for process in world.processes if process.is_ready][:-1]
    for process in old:
        await world.close_process(process)
    return f"{len(old)} who were replaced are stopped"


async def _database_down(world: World) -> str:
    world.database.is_down = True
    await asyncio.sleep(world.random.random() * 3)
    world.database.is_down = False
    return "the database was down and is up again"


async def _clock(world: World) -> str:
    """A clock is wrong for a while: a process's or the database's."""
    jump = world.random.choice([-3600, -120, -1, 30, 59, 61, 3600, 90_000])
    process = await world.someone()
    is_database = world.random.random() < 0.3
    if is_database:
        world.database_skew = jump * 1_000_000
    else:
        process.skew = jump * 1_000_000
        world.skews[process.skew] = None
    await asyncio.sleep(world.random.random())
    world.database_skew = process.skew = 0
    whose = "the database" if is_database else f"process {process.number}"
    return f"the clock of {whose} was wrong by {jump} seconds"


async def _time_passes(world: World) -> str:
    jump = world.random.choice([60, 3600, 40_000, 86_400, 10_000_000])
    world.skew += jump * 1_000_000
    return f"{jump} seconds pass at once"


async def _snapshot(world: World) -> str:
    process = await world.someone()
    try:
        for code in process.desk.ledgers():
            await process.ask(lambda code=code: process.desk.writer(code).snapshot_soon())
    except Cut:
        return "a snapshot, and a kill in the midst of it"
    return "snapshots are taken"


async def _rot(world: World) -> str:
    """A row of a snapshot is changed in the database: it must be noticed, not believed."""
    ledgers = world.database.ledgers.values()
    kept = [(ledger, max(ledger.chunks)) for ledger in ledgers if ledger.chunks]
    if not kept:
        return "no snapshot to spoil"
    ledger, newest = world.random.choice(kept)
    digest, data = ledger.chunks[newest]
    spoiled = re.sub(rb'"balance":"(-?)', rb'"balance":"\g<1>1', data, count=1)
    ledger.chunks[newest] = (digest, spoiled)
    world.say(f"      a balance in a snapshot of {ledger.code} is changed by hand")
    return await _take_over(world)


TROUBLES = [
    _restart,
    _take_over,
    _take_over,
    _kill,
    _kill,
    _kill_all,
    _stop_old,
    _database_down,
    _clock,
    _clock,
    _time_passes,
    _snapshot,
    _snapshot,
    _rot,
    _rot,
]
