"""The scheduler: posts what is due of the schedules of all ledgers, each date once.

    agenda (core/scheduling.py) -> an attempt: a batch of one -> its leaf moves the schedule on

It keeps nothing: what is next stands in the book, so that a restart, a second service or an
answer that was lost changes nothing. Where nobody knows whether an attempt was recorded it is
made again, under the same id.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import UNSET
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ledger.core.answered import (
    Attempted,
    AttemptOutcome,
    ProposalReceipt,
    Receipt,
    RefusedReceipt,
)
from ledger.core.asked import Caller
from ledger.core.book import Book
from ledger.core.faults import LedgerFault, MalformedRequest
from ledger.core.leaves import AnyLeaf, Occurrence
from ledger.core.model import Role
from ledger.core.ports import Desk
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.schedules import MINUTE_US, SCHEDULER
from ledger.core.scheduling import Agenda, Due, agenda, batch_of, id_used, no_more_due

CALLER: Final = Caller(key=SCHEDULER, role=Role.OPERATOR)
TURN_MAX: Final = 256  # Attempts before it looks again at what is due.
WAVE_MAX: Final = 64  # Attempts that are under way at once, none of them of one account.
POLL_S: Final = 5.0  # After which a schedule that is new is seen.
FAULT_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)  # Waits after faults that follow each other.
_LATE: Final = (1.0, 5.0, 30.0, 60.0, 300.0, 3600.0, 21_600.0, 86_400.0, 604_800.0)

log = logging.getLogger(__name__)


class SchedulerMetrics:
    """What an operator watches of it. No label names a ledger: nobody needs a key to read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = Counter(
            "ledger_schedule_attempts",
            "Attempts at dates of schedules, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self.due = Gauge(
            "ledger_schedules_due",
            "Attempts found due when ledgers were last looked at, up to a turn's of each.",
            registry=registry,
        )
        self.late_seconds = Histogram(
            "ledger_schedule_late_seconds",
            "From when an attempt was due to when it was made.",
            buckets=_LATE,
            registry=registry,
        )


class Scheduler:
    """Looks at every ledger of a desk, whenever the next date of one is due.

    Args:
        clock: microseconds since 1970.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        registry: CollectorRegistry,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
        poll_s: float = POLL_S,
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._poll_s = poll_s
        self._metrics = SchedulerMetrics(registry)
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._turns: dict[str, asyncio.Lock] = {}  # By ledger: one turn at a time.
        self._later: dict[str, dict[str, int]] = {}  # By ledger and code, until when.
        self._due: dict[str, int] = {}  # By ledger, as the gauge has them in all.

    async def run(self) -> None:
        """Go on until it is cancelled."""
        try:
            while True:
                for ledger in self._desk.ledgers():
                    task = self._keeping.get(ledger)
                    if task is None or task.done():
                        self._keeping[ledger] = asyncio.create_task(
                            self._keep(ledger), name=f"schedules {ledger}"
                        )
                await asyncio.sleep(self._poll_s)
        finally:
            tasks, self._keeping = list(self._keeping.values()), {}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, ledger: str) -> None:
        """One ledger, turn after turn; what it cannot do now it tries again later."""
        faults = 0
        while True:
            try:
                wait = await self.turn(ledger)
                faults = 0
            except LedgerFault as fault:
                wait = FAULT_S[min(faults, len(FAULT_S) - 1)]
                if not faults:
                    log.warning(
                        "Schedules wait: %s", fault, extra={"ledger": ledger, "wait": wait}
                    )
                faults += 1
            except Exception:
                wait = FAULT_S[-1]
                log.exception("The scheduler failed", extra={"ledger": ledger})
            await asyncio.sleep(wait)

    async def turn(self, ledger: str) -> float:
        """Do what is due of a ledger, up to a turn's; after how many seconds to come again.

        Raises:
            LedgerFault: something could not be done, or nobody knows whether it was.
        """
        if not self._desk.facts(ledger).schedules.queue:
            self._count_due(ledger, 0)
            return self._poll_s  # Most ledgers have none; it is not worth a wait in the queue.
        async with self._turn(ledger):
            now = self._clock()
            found = await self._desk.read(ledger, lambda book: self._look(ledger, book, now))
            self._count_due(ledger, len(found.due))
            await self._attempt_all(ledger, found.due)
        if found.due or found.next is None:
            return 0.0 if found.due else self._poll_s
        return min(self._poll_s, max(0, found.next - self._clock()) / 1e6)

    async def run_due(
        self, ledger: str, *, dry_run: bool = False
    ) -> tuple[Sequence[Attempted], bool]:
        """Attempt what is due of a ledger now, up to a turn's, and whether more is.

        What was put off is tried again at once. A dry run says what would be attempted.

        Raises:
            LedgerFault: something could not be done, or nobody knows whether it was.
        """
        async with self._turn(ledger):
            if not dry_run:
                self._later.pop(ledger, None)
            now = self._clock()
            found = await self._desk.read(ledger, lambda book: self._look(ledger, book, now))
            if dry_run:
                is_more = found.next is not None and found.next <= now
                return [_attempted(due) for due in found.due], is_more
            tried = await self._attempt_all(ledger, found.due)
            now = self._clock()
            rest = await self._desk.read(ledger, lambda book: self._look(ledger, book, now))
        return tried, bool(rest.due)

    def _turn(self, ledger: str) -> asyncio.Lock:
        return self._turns.setdefault(ledger, asyncio.Lock())

    def _count_due(self, ledger: str, count: int) -> None:
        self._metrics.due.inc(count - self._due.get(ledger, 0))
        self._due[ledger] = count

    def _look(self, ledger: str, book: Book, now: int) -> Agenda:
        assert book.opening is not None, "only open ledgers are served"
        zone = ZoneInfo(book.opening.time_zone)
        later = self._later.get(ledger, {})
        for code in [code for code, until in later.items() if until <= now]:
            del later[code]
        return agenda(book, now, zone, most=TURN_MAX, without=later)

    # ---- one attempt

    async def _attempt_all(self, ledger: str, found: Sequence[Due]) -> list[Attempted]:
        """Attempt each; of one that was cancelled or changed meanwhile nothing is told."""
        tried: list[Attempted] = []
        for wave in waves(found):
            outcomes = await asyncio.gather(
                *(self._attempt(ledger, each) for each in wave), return_exceptions=True
            )
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
                if outcome is not None:
                    tried.append(outcome)
        return tried

    async def _attempt(self, ledger: str, due: Due) -> Attempted | None:
        try:
            if due.line is not None:
                return await self._note(ledger, due, due.line)
            return await self._post(ledger, due)
        except MalformedRequest as fault:  # Nobody asked for it, so it is a fault of ours.
            self._put_off(ledger, due, 60)
            self._tell(ledger, due, "faulted", logging.ERROR, why=str(fault))
            return _attempted(due, "put_off")
        except LedgerFault as fault:
            self._tell(ledger, due, "faulted", logging.WARNING, why=str(fault))
            raise

    async def _post(self, ledger: str, due: Due) -> Attempted | None:
        asked = batch_of(self._desk.facts(ledger), due)
        workflow = due.standing.schedule.workflow

        def unless(book: Book, now: int) -> Refusal | None:
            return no_more_due(book, due, now)

        if workflow is UNSET:
            outcome = await self._desk.post(ledger, asked, CALLER, unless=unless)
        else:
            outcome = await self._desk.pay(ledger, asked, workflow, CALLER, unless=unless)
        late = max(0, self._clock() - due.at) / 1e6
        match outcome:
            case Receipt():
                self._metrics.late_seconds.observe(late)
                self._tell(ledger, due, "posted", leaf=outcome.leaf_index, late=late)
                return _attempted(due, "posted", outcome.leaf_index)
            case RefusedReceipt():
                self._metrics.late_seconds.observe(late)
                why = outcome.leaf.code
                self._tell(ledger, due, "refused", leaf=outcome.leaf_index, late=late, why=why)
                return _attempted(due, "refused", outcome.leaf_index, why)
            case Refusal(code=RefusalCode.ID_USED_BY_ANOTHER_BATCH):
                return await self._note(ledger, due, id_used(due, self._clock()))
            case ProposalReceipt():  # Once the others have decided, its leaf moves it on.
                self._tell(ledger, due, "proposed", leaf=outcome.leaf_index, late=late)
                return _attempted(due, "proposed", outcome.leaf_index)
            case Refusal(code=RefusalCode.OCCURRENCE_NOT_DUE):
                return None  # It was cancelled or changed meanwhile; there is nothing to tell.
            case Refusal(code=code):  # No leaf says so: too much waits for others already.
                self._put_off(ledger, due, 1)
                self._tell(ledger, due, "put_off", logging.WARNING, why=code.value)
                return _attempted(due, "put_off", why=code.value)
        raise AssertionError("it was no dry run")

    def _put_off(self, ledger: str, due: Due, minutes: int) -> None:
        self._later.setdefault(ledger, {})[due.code] = self._clock() + minutes * MINUTE_US

    async def _note(self, ledger: str, due: Due, line: Occurrence) -> Attempted | None:
        """Record what became of a date without a batch."""

        def build(book: Book, now: int) -> tuple[Sequence[AnyLeaf], bool] | Refusal:
            refusal = no_more_due(book, due, now)
            return refusal or ([replace(line, recorded_at=now)], True)

        if await self._desk.change_rule(ledger, build) is not True:
            return None
        self._tell(ledger, due, line.outcome)
        return _attempted(due, line.outcome)

    def _tell(
        self, ledger: str, due: Due, outcome: str, level: int = logging.INFO, **facts: object
    ) -> None:
        self._metrics.attempts.labels(outcome).inc()
        log.log(
            level,
            "A date of a schedule: %s",
            outcome,
            extra={
                "ledger": ledger,
                "schedule": due.code,
                "date": str(due.date),
                "attempt": due.standing.attempt,
                **facts,
            },
        )


def _attempted(
    due: Due,
    outcome: AttemptOutcome | None = None,
    leaf: int | None = None,
    why: str | None = None,
) -> Attempted:
    return Attempted(
        code=due.code,
        date=due.date,
        attempt=due.standing.attempt,
        at=due.at,
        outcome=outcome,
        leaf=leaf,
        why=why,
    )


def waves(found: Iterable[Due]) -> Iterator[list[Due]]:
    """What is due, in order, cut so that no account stands twice in one part."""
    wave: list[Due] = []
    accounts: set[int] = set()
    for due in found:
        rule = due.standing.schedule
        both = {rule.debit_account, rule.credit_account}
        if len(wave) == WAVE_MAX or not accounts.isdisjoint(both):
            yield wave
            wave, accounts = [], set()
        wave.append(due)
        accounts |= both
    if wave:
        yield wave
