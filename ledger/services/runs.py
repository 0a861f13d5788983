"""Runs: demurrage and fees of a period, posted part by part so that nothing is charged twice.

    plan -> for each part, a fixed range of account numbers: is its id spent? else post it

A run can be cut off anywhere and done again: what is spent is skipped. A batch that must be
approved first waits, and its part with it: what waits is neither charged again nor missing,
and what was declined is asked for anew. A run goes through the Desk and the Reads like any
client, and knows nothing else.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct

from ledger.core.amounts import parse_amount, show_amount
from ledger.core.answered import (
    ProposalReceipt,
    Receipt,
    RunReport,
    Unpaid,
    WaitingPart,
    WouldWait,
)
from ledger.core.asked import AskedBatch, AskedRun, AskedTransfer, Caller
from ledger.core.book import Book, Posted
from ledger.core.demurrage import Due, charged_by
from ledger.core.faults import MalformedRequest
from ledger.core.model import Mode
from ledger.core.ports import Desk, Reads
from ledger.core.refusals import Refusal
from ledger.core.store import StoredBatch
from ledger.services.plans import (
    CHARGE,
    FEE,
    SPREAD,
    Payer,
    Plan,
    Stage,
    members,
    payers,
    plan_demurrage,
    plan_fee,
)

WINDOW_PARTS: Final = 16  # Read at once: rows of an account lie anywhere among all.
UNPAID_SHOWN_MAX: Final = 1_000
ATTEMPTS_MAX: Final = 1_000  # At one part.


class Tried(Struct, frozen=True):
    """What became of a stage before: the batches whose ids are spent, and the next id."""

    batches: Sequence[StoredBatch]
    next: UUID

    @property
    def is_posted(self) -> bool:
        return any(batch.body for batch in self.batches)


class _Run:
    """One run on its way, and what it comes to."""

    def __init__(
        self, desk: Desk, reads: Reads, plan: Plan, caller: Caller, dry_run: bool
    ) -> None:
        self._desk = desk
        self._reads = reads
        self._plan = plan
        self._caller = caller
        self._dry_run = dry_run
        self._open: dict[UUID, AskedBatch] = {}  # Proposals of its kind.
        self._promises: dict[str, list[tuple[UUID, int]]] = {}  # In them, by who pays.
        self._collected: dict[int, int] = {}  # By part, as far as it was looked at.
        self._is_held_up = False  # Some of the charges wait.
        self._now = self._unpaid = self._given = 0
        self._unpaid_by: list[Unpaid] = []
        self._waiting: dict[tuple[str, UUID], int] = {}  # By stage and proposal.

    async def go(self, asked: AskedRun) -> RunReport:
        """Do what follows on what was done; all of it, or so many parts.

        Raises:
            MalformedRequest: there is no such part to follow on.
        """
        plan, stages = self._plan, self._plan.stages()
        names = [str(stage) for stage in stages]
        if asked.after is not UNSET and asked.after not in names:
            raise MalformedRequest("no such part", field="after")
        start = 0 if asked.after is UNSET else names.index(asked.after) + 1
        count = len(stages) if asked.parts_max is UNSET else asked.parts_max
        todo = stages[start : start + count]
        await self._look_at_open()
        charges = [stage for stage in todo if stage.what == CHARGE]
        for at in range(0, len(charges), WINDOW_PARTS):
            await self._charge(charges[at : at + WINDOW_PARTS])
        gifts = [stage for stage in todo if stage.what == SPREAD]
        if gifts:
            await self._spread(gifts)
        end = start + len(todo)
        return RunReport(
            run=plan.name,
            currency=plan.currency,
            period_end=asked.period_end,
            parts=len(stages),
            done=end,
            collected=self._shown(sum(self._collected.values())),
            collected_now=self._shown(self._now),
            waiting=[
                WaitingPart(part=part, proposal=proposal, amount=self._shown(amount))
                for (part, proposal), amount in self._waiting.items()
            ],
            unpaid=self._shown(self._unpaid),
            unpaid_accounts=self._unpaid_by,
            given=self._shown(self._given),
            next=names[end - 1] if end < len(stages) else UNSET,
        )

    def _shown(self, amount: int) -> str:
        return show_amount(amount, self._plan.scale)

    # ---- what was tried before

    async def _look_at_open(self) -> None:
        """See what waits, before anything is read that it might have changed meanwhile.

        So what is approved in between is counted as waiting once more, and not charged twice.
        """
        plan = self._plan
        for view in await self._desk.proposals(plan.ledger):
            if plan.currency not in view.proposal.line.sums:
                continue
            asked = view.asked
            if asked.source != plan.kind:
                continue
            self._open[asked.id] = asked
            for one in asked.transfers:
                if one.credit_account == plan.account_code:
                    promise = asked.id, parse_amount(one.amount, plan.scale)
                    self._promises.setdefault(one.debit_account, []).append(promise)

    async def _tried(self, stage: Stage) -> Tried:
        batches: list[StoredBatch] = []
        while True:
            batch_id = self._plan.id_of(stage, len(batches))
            found = await self._reads.batch(self._plan.ledger_id, batch_id)
            if found is None:
                return Tried(batches, batch_id)
            batches.append(found)

    # ---- charging

    async def _charge(self, stages: Sequence[Stage]) -> None:
        plan = self._plan
        first, last = plan.range(stages[0].part)[0], plan.range(stages[-1].part)[-1]
        owed: Mapping[int, int] = {}
        if plan.dues:
            owed = await owed_by(
                self._reads, plan.ledger_id, (first, last), plan.dues, plan.account
            )
        for stage in stages:
            await self._charge_part(stage, owed)

    async def _charge_part(self, stage: Stage, owed: Mapping[int, int]) -> None:
        """Charge the accounts of a part, unless that was done or waits.

        A fee is asked for again as long as some of it is missing, demurrage once.
        """
        plan = self._plan
        tried = await self._tried(stage)
        paid = _paid_in(tried.batches)

        def look(book: Book) -> tuple[list[Payer], int]:
            # Of a fee that was asked in another currency before, nothing counts in this one.
            same = [n for n in paid if book.currency_of(n) == plan.currency]
            return payers(book, plan, stage.part), sum(paid[n] for n in same)

        found, self._collected[stage.part] = await self._desk.read(plan.ledger, look)
        left: dict[str, int] = {}
        numbers: dict[int, str] = {}
        transfers: list[AskedTransfer] = []
        for payer in found:
            due = owed.get(payer.number, 0) if plan.dues else plan.amount
            due -= 0 if plan.dues else paid.get(payer.number, 0)
            due -= self._promised_by(stage, payer.code, due, tried.next)
            if due <= 0:
                continue
            left[payer.code] = due
            numbers[payer.number] = payer.code
            if payer.available > 0:
                transfers.append(plan.transfer(payer.code, due, CHARGE))
        is_asked = plan.kind == FEE or not tried.is_posted
        if is_asked and transfers and self._is_free(tried):
            posted = await self._post(tried.next, transfers)
            if posted is None:
                for one in transfers:
                    self._wait(stage, tried.next, left.pop(one.debit_account))
            for number, amount in _paid_in(posted or ()).items():
                if number in numbers:
                    left[numbers[number]] -= amount
                self._collected[stage.part] += amount
                self._now += amount
        self._is_held_up |= tried.next in self._open
        for code, amount in left.items():
            self._unpaid += amount
            if amount and len(self._unpaid_by) < UNPAID_SHOWN_MAX:
                self._unpaid_by.append(Unpaid(account=code, amount=self._shown(amount)))

    def _promised_by(self, stage: Stage, code: str, due: int, own: UUID) -> int:
        """What waits of what an account owes.

        Whatever it will pay who collects counts for demurrage; for a fee what is asked by the
        batch of its own part.
        """
        promised = 0
        for proposal, amount in self._promises.get(code, ()):
            if self._plan.dues or proposal == own:
                waits = max(0, min(amount, due - promised))
                self._wait(stage, proposal, waits)
                promised += waits
        return promised

    def _wait(self, stage: Stage, proposal: UUID, amount: int) -> None:
        if amount > 0:
            place = str(stage), proposal
            self._waiting[place] = self._waiting.get(place, 0) + amount

    def _is_free(self, tried: Tried) -> bool:
        return tried.next not in self._open and len(tried.batches) < ATTEMPTS_MAX

    async def _post(
        self, batch_id: UUID, transfers: list[AskedTransfer]
    ) -> list[Posted | StoredBatch] | None:
        """Post a part: what was moved, also where another had posted it meanwhile.

        None where it waits for approval, or dry, would.
        """
        asked = AskedBatch(
            id=batch_id, transfers=transfers, mode=Mode.EACH, source=self._plan.kind
        )
        outcome = await self._desk.post(
            self._plan.ledger, asked, self._caller, dry_run=self._dry_run
        )
        match outcome:
            case Receipt():
                return [outcome.posted]
            case Posted():
                return [outcome]
            case ProposalReceipt() | WouldWait():
                self._open[batch_id] = asked
                return None
        found = await self._reads.batch(self._plan.ledger_id, batch_id)
        return [] if found is None else [found]

    # ---- spreading

    async def _spread(self, stages: Collection[Stage]) -> None:
        """Divide what was collected over the members, all parts of it together.

        What an earlier call gave out is taken off first, and divided over the parts that
        are left: the same shares, unless accounts came or went in between. While some of the
        charges wait nothing is divided: there would be more of it.
        """
        plan = self._plan
        left = already = 0
        open_stages: list[tuple[Stage, Tried]] = []
        for part in range(plan.parts):
            if part not in self._collected:
                charged = await self._tried(Stage(CHARGE, part))
                self._is_held_up |= charged.next in self._open
                left += sum(_paid_in(charged.batches).values())
            left += self._collected.get(part, 0)
            stage = Stage(SPREAD, part)
            tried = await self._tried(stage)
            waits = self._open.get(tried.next)
            if waits is not None:
                amount = sum(parse_amount(gift.amount, plan.scale) for gift in waits.transfers)
                left -= amount
                if stage in stages:
                    self._wait(stage, tried.next, amount)
            elif tried.is_posted:
                already += _given(plan.account, tried.batches)
            else:
                open_stages.append((stage, tried))
        self._given += already
        if not self._is_held_up:
            await self._give(left - already, open_stages, stages)

    async def _give(
        self, left: int, open_stages: Sequence[tuple[Stage, Tried]], stages: Collection[Stage]
    ) -> None:
        """Divide so much over the members of some stages, and give it to those of these."""
        plan = self._plan

        def look(book: Book) -> list[list[str]]:
            return [members(book, plan, stage.part) for stage, _ in open_stages]

        found = await self._desk.read(plan.ledger, look)
        count = sum(map(len, found))
        share, extra = divmod(left, count) if count else (0, 0)
        for (stage, tried), codes in zip(open_stages, found, strict=True):
            more = min(extra, len(codes))
            extra -= more
            gifts = [
                plan.transfer(code, amount, SPREAD)
                for i, code in enumerate(codes)
                if (amount := share + (i < more)) > 0
            ]
            if not gifts or stage not in stages or not self._is_free(tried):
                continue
            total = share * len(codes) + more
            posted = await self._post(tried.next, gifts)
            if posted is None:
                self._wait(stage, tried.next, total)
            elif self._dry_run:  # Nothing was collected yet, so the desk could not say.
                self._given += total
            else:
                self._given += _given(plan.account, posted)


class Runs:
    """Runs of all ledgers; one at a time of each, since one counts what the other charged."""

    def __init__(self, desk: Desk, reads: Reads) -> None:
        self._desk = desk
        self._reads = reads
        self._locks: dict[str, asyncio.Lock] = {}

    async def owed(self, ledger: str, accounts: Collection[int]) -> Mapping[int, int]:
        """What accounts owe of demurrage for the periods that are over, in minor units.

        Those of currencies that never had any are left out.
        """
        today = self._desk.today(ledger)

        def look(book: Book) -> dict[str, tuple[int, list[Due], list[int]]]:
            found: dict[str, tuple[int, list[Due], list[int]]] = {}
            for number in accounts:
                currency = book.currency_of(number)
                collecting = book.demurrages.accounts.get(currency)
                if collecting is None or number == collecting:
                    continue
                if currency not in found:
                    dues = [d for d in book.demurrages.dues(currency, today) if d.last < today]
                    found[currency] = collecting, dues, []
                found[currency][2].append(number)
            return found

        wanted = await self._desk.read(ledger, look)
        owed: dict[int, int] = {}
        if not wanted:
            return owed
        ledger_id = (await self._desk.view(ledger)).ledger_id
        for collecting, dues, numbers in wanted.values():
            span = min(numbers), max(numbers)
            found = await owed_by(self._reads, ledger_id, span, dues, collecting)
            owed |= {number: found.get(number, 0) for number in numbers}
        return owed

    async def demurrage(
        self,
        ledger: str,
        currency: str,
        asked: AskedRun,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> RunReport | Refusal:
        """Charge what is owed up to a period's end, and spread it where the rule says so."""
        ledger_id = (await self._desk.view(ledger)).ledger_id
        today = self._desk.today(ledger)

        def look(book: Book) -> Plan | Refusal:
            return plan_demurrage(book, ledger, ledger_id, currency, asked.period_end, today)

        return await self._go(ledger, look, asked, caller, dry_run)

    async def fee(
        self,
        ledger: str,
        code: str,
        asked: AskedRun,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> RunReport | Refusal:
        """Charge a fee for a period, and again what could not be paid before."""
        ledger_id = (await self._desk.view(ledger)).ledger_id
        today = self._desk.today(ledger)

        def look(book: Book) -> Plan | Refusal:
            return plan_fee(book, ledger, ledger_id, code, asked.period_end, today)

        return await self._go(ledger, look, asked, caller, dry_run)

    async def _go(
        self,
        ledger: str,
        look: Callable[[Book], Plan | Refusal],
        asked: AskedRun,
        caller: Caller,
        dry_run: bool,
    ) -> RunReport | Refusal:
        def signed(book: Book) -> Plan | Refusal:
            """Nobody signs a run, so it is for those who need not."""
            return book.posters.why_unsigned(caller.posts_as, UNSET, book.size) or look(book)

        async with self._locks.setdefault(ledger, asyncio.Lock()):
            plan = await self._desk.read(ledger, signed)
            if isinstance(plan, Refusal):
                return plan
            return await _Run(self._desk, self._reads, plan, caller, dry_run).go(asked)


async def owed_by(
    reads: Reads,
    ledger_id: int,
    numbers: tuple[int, int],
    dues: Sequence[Due],
    collecting: int,
) -> dict[int, int]:
    """Charged by all these periods, less what was paid: by number, where there is any."""
    days = [due.last for due in dues]
    rows = await reads.balances_at(ledger_id, *numbers, days, collecting)
    return {
        row.account: owed
        for row in rows
        if (owed := charged_by(row.balances, dues) - row.paid) > 0
    }


# ---- what was moved


def _paid_in(batches: Iterable[Posted | StoredBatch]) -> dict[int, int]:
    """What accounts paid in some batches of a run, by their numbers.

    Each pays once in a batch, to the account of the first row: what it pays there besides is
    levied on that. A fee may have been collected by another account before.
    """
    paid: dict[int, int] = {}
    for batch in batches:
        own: dict[int, int] = {}
        for debit, credit, amount in zip(batch.debit, batch.credit, batch.amount, strict=True):
            if credit == batch.credit[0]:
                own.setdefault(debit, amount)
        for number, amount in own.items():
            paid[number] = paid.get(number, 0) + amount
    return paid


def _given(account: int, batches: Iterable[Posted | StoredBatch]) -> int:
    return sum(
        amount
        for batch in batches
        for debit, amount in zip(batch.debit, batch.amount, strict=True)
        if debit == account
    )
