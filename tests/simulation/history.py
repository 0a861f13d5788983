"""A history: from a seed, through its steps, to a quiet end where everything is compared."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from msgspec import Struct, UnsetType

from ledger.core import running
from ledger.core.asked import AskedAccount, AskedCurrency, AskedLedger
from ledger.core.book import Book
from ledger.core.faults import JournalBroken, LedgerFault, SignerStopped, WriterReplaced
from ledger.core.leaves import (
    AnyLeaf,
    BatchPosted,
    BatchProposed,
    BatchRefused,
    DayClosed,
    DisputeOverdue,
    HoldsExpired,
    Occurrence,
    ProposalDecided,
)
from ledger.core.model import CurrencyKind, Nature
from ledger.core.refusals import Refusal
from ledger.core.schedules import SCHEDULER
from ledger.journal.canonical import decode_leaf
from ledger.journal.replay import History as Past
from ledger.journal.replay import References, replay
from ledger.sequencer import deciding, writer
from ledger.services import scheduler
from tests.simulation.auditor.batches import not_recorded
from tests.simulation.auditor.forms import Broken
from tests.simulation.auditor.reads import listed
from tests.simulation.loop import SimulatedLoop
from tests.simulation.troubles import trouble
from tests.simulation.workload.batches import send
from tests.simulation.workload.client import OPERATOR, Client, Outbox
from tests.simulation.workload.levies import set_levy
from tests.simulation.workload.limits import change_limits
from tests.simulation.workload.policies import set_policy, set_workflow
from tests.simulation.workload.reserves import set_reserve
from tests.simulation.workload.runs import set_demurrage, set_fee
from tests.simulation.workload.schedules import keep_holidays, plan
from tests.simulation.workload.themes import NAMES, commands
from tests.simulation.world import Process, Rates, World, digest_of, name_of

CLIENTS = 4
QUIET_S = 60  # After which every fault that was on its way has happened.
LATE_MAX = 300  # Duplicates of what was sent, at the end.
ALARM_S = 3700  # After which time was asked for whatever it asks for.
SOON_US = 1_000_000  # Until what is due is in the journal, at the latest.
COMPLAINTS_MAX = 20  # Of the service; one is one too many, but more may be seen by then.
PATIENCE = 100  # Attempts of a request when nothing goes wrong any more.

CALM_POLL_S = 60.0  # Between looks at what is due of schedules.

# Limits of writer and scheduler are sometimes so low that they are reached, as are batches
# for which it is worth it to post all rows at once.
LIMITS: dict[str, list[Any]] = {
    "GROUP_TRANSFERS_MAX": [1, 5, 16_380],
    "GROUP_LEAVES_MAX": [1, 3, 8_190],
    "AHEAD_MIN": [0, 8],
    "QUEUE_MAX": [4, 20_000, 20_000],
    "QUEUE_TRANSFERS_MAX": [20, 262_080],
    "REFUSED_BURST": [2, 2_000, 2_000],
    "SNAPSHOT_WEIGHT": [30, 200, 1_000_000],
    "TURN_MAX": [1, 3, 256],
    "ROWS_MIN": [1, 128],
    "WAVE_MAX": [1, 64],
    "FAULT_S": [(0.02, 0.1), (1.0, 2.0, 5.0, 15.0, 60.0)],
}


class History(Struct):
    """What became of a seed."""

    lines: list[str]
    sha256: str
    faults: dict[str, int]
    leaves: int
    answered: list[str]  # Commands that were answered at least once.
    happened: list[str]  # Lines that were written, and terms of what was posted.


class Failed(AssertionError):
    """A history ended badly."""

    def __init__(
        self, seed: int, steps: int, focus: str, step: int, lines: list[str], why: str
    ) -> None:
        self.lines = lines
        about = f" --focus {focus}" if focus else ""
        super().__init__(
            f"seed {seed}, step {step}: {why}\n"
            f"to see it again: ./run simulate --seed {seed} --steps {steps}{about}"
        )


def run(seed: int, steps: int, focus: str = "") -> History:
    """Live through a history.

    Args:
        focus: the theme that it is about; by default chance chooses it.

    Raises:
        Failed: the auditor, or anything else, found something wrong.
    """
    loop = SimulatedLoop()
    world: World | None = None

    async def begin() -> World:
        nonlocal world
        world = World(seed, steps)
        world.focus = focus or world.random.choice(["", *NAMES])
        with _limits(world), _listening(world):
            await _live(world)
        return world

    try:
        whole = loop.run(begin())
        complaints = [*whole.complaints, *loop.complaints]
        if complaints:
            raise AssertionError("; ".join(complaints))
    except Exception as error:
        lines = world.history if world else []
        step = world.step if world else 0
        found = (world.broken if world else None) or _first(error)
        why = f"{type(found).__name__}: {found}"
        raise Failed(seed, steps, focus, step + 1, lines, why) from found
    finally:
        if world is not None:
            world.close()
    leaves = sum(len(ledger.lines) for ledger in whole.database.ledgers.values())
    return History(
        lines=whole.history,
        sha256=digest_of(whole.history),
        faults=dict(whole.faults),
        leaves=leaves,
        answered=list(whole.answered),
        happened=sorted(whole.auditor.happened()),
    )


def _first(error: BaseException) -> BaseException:
    """The first of a group's exceptions."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _live(world: World) -> None:
    outbox = Outbox()
    await _furnish(world)
    rates = Rates.chosen(world.random)
    world.say(f"      roughness: {rates}")
    world.say(f"      focus: {world.focus or 'none'}")
    world.rates = rates
    clients = [Client(world, f"client {n + 1}", outbox) for n in range(CLIENTS)]
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.live(commands(world.focus)))
        group.create_task(trouble(world))
    await _settle(world, outbox)


async def _furnish(world: World) -> None:
    """A savings bank with cash and members, and a community currency beside it."""
    desk = (await world.someone()).desk
    process = world.newest
    assert process is not None
    chance = world.random
    asked = AskedLedger(
        code="caja",
        name="Caja de prueba",
        time_zone="America/Mexico_City",
        unique_references=chance.random() < 0.5,
    )
    assert not isinstance(await process.ask(lambda: desk.open_ledger(asked, OPERATOR)), Refusal)
    for code, kind, scale in [
        ("MXN", CurrencyKind.NATIONAL, 2),
        ("HRS", CurrencyKind.MUTUAL_CREDIT, 0),
        ("VAL", CurrencyKind.BACKED, 1),
    ][: 3 if world.focus else chance.choice([1, 2, 3])]:
        currency = AskedCurrency(code=code, kind=kind, scale=scale)
        told = await process.ask(
            lambda currency=currency: desk.add_currency("caja", currency, OPERATOR)
        )
        assert told is None
        opened = await process.ask(
            lambda code=code: desk.open_accounts("caja", _accounts(code), OPERATOR)
        )
        assert not isinstance(opened, Refusal)
    client = Client(world, "the assembly", Outbox())
    client.ledger = "caja"
    for decides in (
        *(set_levy, set_reserve, change_limits, change_limits),
        *(set_policy, set_workflow, plan, plan, keep_holidays),
        *(set_demurrage, set_demurrage, set_fee),
    ):
        is_about = decides.__module__.endswith(f".{world.focus}")
        if chance.random() < (0.9 if is_about else 0.4):  # It is so from the beginning.
            await process.ask(partial(decides(client).ask, desk))
    if chance.random() < 0.1:  # The log's first tile fills up.
        many = [AskedAccount(code=f"m{n}", currency="MXN") for n in range(245)]
        assert not isinstance(
            await process.ask(lambda: desk.open_accounts("caja", many, OPERATOR)), Refusal
        )
    world.audit()


def _accounts(currency: str) -> list[AskedAccount]:
    if currency == "MXN":
        return [
            AskedAccount(code="cash", currency="MXN", lower_bound="none"),
            AskedAccount(code="ana", currency="MXN"),
            AskedAccount(
                code="ben", currency="MXN", lower_bound="-50.00", upper_bound="100.00"
            ),
            AskedAccount(code="eva", currency="MXN"),
            AskedAccount(code="fund", currency="MXN", kind="treasury"),
            AskedAccount(code="bridge", currency="MXN", lower_bound="none"),
            AskedAccount(code="loss", currency="MXN", kind="loss", lower_bound="none"),
            AskedAccount(code="vault", currency="MXN", nature=Nature.DEBIT, kind="reserve"),
        ]
    if currency == "VAL":
        return [
            AskedAccount(code="v-mint", currency="VAL", lower_bound="none", kind="issuer"),
            AskedAccount(code="v-ana", currency="VAL"),
            AskedAccount(code="v-ben", currency="VAL", upper_bound="60"),
            AskedAccount(code="v-eva", currency="VAL", lower_bound="-10"),
            AskedAccount(code="v-box", currency="VAL", nature=Nature.DEBIT),
        ]
    return [
        AskedAccount(code="h-ana", currency="HRS", lower_bound="-100", upper_bound="100"),
        AskedAccount(code="h-ben", currency="HRS", lower_bound="-100", upper_bound="100"),
        AskedAccount(code="h-eva", currency="HRS", lower_bound="-20", upper_bound="200"),
        AskedAccount(code="stock", currency="HRS", nature=Nature.DEBIT, lower_bound="none"),
        AskedAccount(code="h-fund", currency="HRS", lower_bound="none"),
        AskedAccount(code="h-bridge", currency="HRS", lower_bound="none"),
        AskedAccount(code="h-loss", currency="HRS", kind="loss", lower_bound="none"),
    ]


# ---- how it ends


async def _settle(world: World, outbox: Outbox) -> None:
    """All is quiet. What is alive is what the journal amounts to; nothing is lost or double."""
    world.rates = Rates()
    world.database.is_down = False
    world.poll_s, scheduler.FAULT_S = CALM_POLL_S, (1.0, CALM_POLL_S)  # Restored by _limits.
    for process in world.processes:
        if process.is_ready:
            process.keep_schedules()
    await asyncio.sleep(QUIET_S)
    await _until_served(world)
    await asyncio.sleep(ALARM_S)
    world.audit()
    process = await world.someone()
    for code in process.desk.ledgers():
        world.auditor.books(code).nothing_is_due(world.now() - SOON_US)
        await _compare(world, process, code)
        await process.ask(lambda code=code: process.desk.writer(code).snapshot_soon())
    await _send_late(world, outbox)
    process = await world.someone()
    await _until_signed(world, process)
    _final(world, outbox, process)
    for one in list(world.processes):
        await world.close_process(one)
    process = await world.someone()  # Begins with the snapshots.
    for code in process.desk.ledgers():
        await _compare(world, process, code)
    world.audit()
    _final(world, outbox, process)
    await world.close_process(process)
    world.say(f"      the end: {world.step} steps, all is as it should be")


async def _until_served(world: World) -> None:
    """Clocks agree again, whoever stopped is started again, and every ledger takes a line."""
    for _ in range(PATIENCE):
        process = await world.someone()
        try:
            for code in process.desk.ledgers():
                await process.ask(partial(process.desk.record_key, code, "end", None, OPERATOR))
            return
        except LedgerFault as fault:
            world.say(f"      not served yet: {name_of(fault)}")
            process.is_replaced |= isinstance(fault, WriterReplaced)
            process.is_stopped |= isinstance(fault, JournalBroken | SignerStopped)
            await asyncio.sleep(600)
    raise AssertionError("never served again")


async def _until_signed(world: World, process: Process) -> None:
    """Also a snapshot's line, for which nobody waits."""
    for _ in range(PATIENCE):
        codes = process.desk.ledgers()
        sizes = [world.auditor.size(code) for code in codes]
        signed = [
            world.auditor.books(code).signed(process.desk.checkpoint(code)) for code in codes
        ]
        if sizes == signed:
            return
        await asyncio.sleep(0.1)


async def _send_late(world: World, outbox: Outbox) -> None:
    """Late duplicates: everybody gets the answer that stands."""
    sent = list(outbox.sent)
    if len(sent) > LATE_MAX:
        sent = world.random.sample(sent, LATE_MAX)
    client = Client(world, "the end", outbox)
    client.is_last = True
    for one in sent:
        for _ in range(PATIENCE):
            request = send(client, one, "repeats")
            try:
                text = await client.attempt(request)
            except AssertionError as error:
                if "Overloaded" not in str(error):  # Many were refused: it takes its time.
                    raise
                await asyncio.sleep(1)
                continue
            world.say(f"      late: {request.text}: {text}")
            break
        else:
            raise AssertionError("never answered")


async def _compare(world: World, process: Process, code: str) -> None:
    """The live state is what the ledger's own replay makes of the bytes."""
    live = await process.ask(
        lambda: process.desk.read(code, lambda book: (book.size, list(book.state())))
    )
    ledger = next(kept for kept in world.database.ledgers.values() if kept.code == code)
    later = [decode_leaf(line) for line in ledger.lines[live[0] :]]
    assert all(map(_is_own, later)), "somebody else wrote"
    book, references = Book(), References()
    history = Past(range(1, len(ledger.rows()) + 1))
    for index, line in enumerate(ledger.lines[: live[0]]):
        kept = ledger.batch_at.get(index)
        body = (kept.body or None) if kept else None
        _, posted = replay(book, line, body, used=references, past=history.past)
        if posted is not None and body is not None:
            references.add(body, posted)
            history.add(body, posted)
    assert live[1] == list(book.state()), "replay differs from the live state"


def _is_own(leaf: AnyLeaf) -> bool:
    """Whether time asked for it, or a schedule, or it follows on what did."""
    match leaf:
        case HoldsExpired() | Occurrence() | ProposalDecided(by=UnsetType()) | BatchRefused():
            return True
        case DisputeOverdue() | DayClosed(by=UnsetType()):
            return True
        case BatchPosted() | BatchProposed():
            return leaf.key == SCHEDULER
    return False


def _final(world: World, outbox: Outbox, process: Process) -> None:
    for code in process.desk.ledgers():
        books = world.auditor.books(code)
        sent = {one.asked.id for one in outbox.sent if one.ledger == code}
        books.final(process.desk.checkpoint(code), sent)
        ledger_id = next(n for n, kept in world.database.ledgers.items() if kept.code == code)
        listed(books, world.database.ledgers[ledger_id].rows(), None, 0)
        for one in sent:
            is_perhaps = one in outbox.perhaps_recorded
            if not is_perhaps:
                not_recorded(books, one)


# ---- around it


@contextmanager
def _limits(world: World) -> Iterator[None]:
    """The limits as this history has them."""
    before: list[tuple[Any, str, Any]] = []
    for name, values in LIMITS.items():
        value = world.random.choice(values)
        modules = [one for one in (deciding, writer, scheduler, running) if hasattr(one, name)]
        before.append((modules[0], name, getattr(modules[0], name)))
        setattr(modules[0], name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


class _Listener(logging.Handler):
    """The service's own log: an exception in it is one too many, but for a disk's."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        is_own = record.name == scheduler.__name__  # What it made up itself is malformed.
        if is_own or (error is not None and not isinstance(error, OSError)):
            complaints = self._world.complaints
            complaints.append(f"{record.getMessage()} {error!r}")
            if len(complaints) > COMPLAINTS_MAX:  # It would go on for ever.
                self._world.broken = self._world.broken or Broken(complaints[-1])
                raise self._world.broken


@contextmanager
def _listening(world: World) -> Iterator[None]:
    log = logging.getLogger("ledger")
    listener = _Listener(world)
    was = log.propagate
    log.addHandler(listener)
    log.propagate = False  # What is injected here is no news to anybody else.
    try:
        yield
    finally:
        log.removeHandler(listener)
        log.propagate = was
