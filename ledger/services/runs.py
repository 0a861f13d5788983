"""Runs: demurrage and fees of a period, posted part by part so that nothing is charged twice.

    plan -> for each part, a fixed range of account numbers: is its id spent? else post it

A part's batch id is made of the ledger's origin, the rule, the period and the part, so a run
can be cut off anywhere and done again: what is spent is skipped. A run goes through the Desk
and the Reads like any client, and knows nothing else.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import UNSET, Struct
from msgspec.structs import replace

from ledger.core.amounts import AMOUNT_MAX, show_amount
from ledger.core.answered import Receipt, RunReport, Unpaid
from ledger.core.asked import AskedBatch, AskedRun, AskedTerms, AskedTransfer, Caller
from ledger.core.book import Book, Posted
from ledger.core.demurrage import Due, charged_by
from ledger.core.faults import MalformedRequest
from ledger.core.fees import period_of
from ledger.core.model import Mode, Side, Status
from ledger.core.ports import Desk, Reads
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.store import StoredBatch

PART_ACCOUNTS: Final = 4_000  # Permanent: the ids of batches stand on it.
WINDOW_PARTS: Final = 16  # Read at once: rows of an account lie anywhere among all.
UNPAID_SHOWN_MAX: Final = 1_000
ATTEMPTS_MAX: Final = 1_000  # To have a fee from accounts that could not pay it at first.
DEMURRAGE: Final = "demurrage"
DEMURRAGE_SPREAD: Final = "demurrage_spread"
FEE: Final = "fee"
MEMBER: Final = "member"  # The kind of account that a spread goes to.

Stage = tuple[str, int]  # "charge" or "spread", and the part.


class Payer(Struct, frozen=True):
    """An account that may be charged, and what it could pay now."""

    number: int
    code: str
    available: int


class Plan(Struct, frozen=True, kw_only=True):
    """What a run does, as the book stands when it begins."""

    ledger: str
    ledger_id: int
    origin: str
    name: str  # Of the rule and the period; ids are made of it.
    kind: str  # Of the transfers.
    currency: str
    scale: int
    account: int  # That collects.
    account_code: str
    parts: int
    attempts: int = 1  # At each part.
    is_spread: bool = False
    dues: Sequence[Due] = ()  # Of demurrage.
    amount: int = 0  # Of a fee,
    kinds: Sequence[str] = ()  # and the kinds of account that owe it.

    def id(self, *what: str | int) -> UUID:
        """The id of one of its batches."""
        return uuid5(uuid5(NAMESPACE_URL, self.origin), "/".join(map(str, (self.name, *what))))

    def id_of(self, part: int, attempt: int) -> UUID:
        return self.id(part) if self.attempts == 1 else self.id(part, attempt)

    def stages(self) -> list[Stage]:
        """All there is to do, in order."""
        charges = [("charge", part) for part in range(self.parts)]
        return charges + [("spread", part) for part in range(self.parts * self.is_spread)]

    def range(self, part: int) -> range:
        """The account numbers of a part."""
        return range(part * PART_ACCOUNTS + 1, (part + 1) * PART_ACCOUNTS + 1)

    def transfer(self, code: str, amount: int, *, is_charge: bool) -> AskedTransfer:
        """What an account pays, or is given: as much of it as its bounds allow."""
        return AskedTransfer(
            debit_account=code if is_charge else self.account_code,
            credit_account=self.account_code if is_charge else code,
            amount=show_amount(min(amount, AMOUNT_MAX), self.scale),
            currency=self.currency,
            kind=self.kind if is_charge else DEMURRAGE_SPREAD,
            terms=AskedTerms(up_to=Side.DEBIT if is_charge else Side.CREDIT),
        )


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
        self._collected: dict[int, int] = {}  # By part, as far as it was looked at.
        self._now = self._unpaid = self._given = 0
        self._unpaid_by: list[Unpaid] = []

    async def go(self, asked: AskedRun) -> RunReport:
        """Do what follows on what was done; all of it, or so many parts.

        Raises:
            MalformedRequest: there is no such part to follow on.
        """
        plan, stages = self._plan, self._plan.stages()
        names = [f"{stage}/{part}" for stage, part in stages]
        if asked.after is not UNSET and asked.after not in names:
            raise MalformedRequest("no such part", field="after")
        start = 0 if asked.after is UNSET else names.index(asked.after) + 1
        count = len(stages) if asked.parts_max is UNSET else asked.parts_max
        todo = stages[start : start + count]
        charges = [part for stage, part in todo if stage == "charge"]
        for at in range(0, len(charges), WINDOW_PARTS):
            await self._charge(charges[at : at + WINDOW_PARTS])
        gifts = [part for stage, part in todo if stage == "spread"]
        if gifts:
            await self._spread(gifts)
        end = start + len(todo)
        return RunReport(
            run=plan.name,
            currency=plan.currency,
            period_end=asked.period_end,
            parts=len(stages),
            done=end,
            collected=show_amount(sum(self._collected.values()), plan.scale),
            collected_now=show_amount(self._now, plan.scale),
            unpaid=show_amount(self._unpaid, plan.scale),
            unpaid_accounts=self._unpaid_by,
            given=show_amount(self._given, plan.scale),
            next=names[end - 1] if end < len(stages) else UNSET,
        )

    # ---- charging

    async def _charge(self, parts: Sequence[int]) -> None:
        plan = self._plan
        first, last = plan.range(parts[0])[0], plan.range(parts[-1])[-1]
        owed: Mapping[int, int] = {}
        if plan.dues:
            owed = await owed_by(
                self._reads, plan.ledger_id, (first, last), plan.dues, plan.account
            )
        for part in parts:
            await self._charge_part(part, owed)

    async def _charge_part(self, part: int, owed: Mapping[int, int]) -> None:
        """Charge the accounts of a part, unless that was done."""
        plan = self._plan
        stored = await self._stored(part)
        paid = _paid_in(stored)

        def look(book: Book) -> tuple[list[Payer], int]:
            # Of a fee that was asked in another currency before, nothing counts in this one.
            same = [n for n in paid if book.currency_of(n) == plan.currency]
            return _payers(book, plan, part), sum(paid[n] for n in same)

        payers, self._collected[part] = await self._desk.read(plan.ledger, look)

        left: dict[str, int] = {}
        numbers: dict[int, str] = {}
        transfers: list[AskedTransfer] = []
        for payer in payers:
            due = owed.get(payer.number, 0) if plan.dues else plan.amount
            due -= 0 if plan.dues else paid.get(payer.number, 0)
            if due <= 0:
                continue
            left[payer.code] = due
            numbers[payer.number] = payer.code
            if payer.available > 0:
                transfers.append(plan.transfer(payer.code, due, is_charge=True))
        if transfers and len(stored) < plan.attempts:
            posted = await self._post(plan.id_of(part, len(stored)), transfers)
            for number, amount in _paid_in(posted).items():
                if number in numbers:
                    left[numbers[number]] -= amount
                self._collected[part] += amount
                self._now += amount
        for code, amount in left.items():
            self._unpaid += amount
            if amount and len(self._unpaid_by) < UNPAID_SHOWN_MAX:
                shown = show_amount(amount, plan.scale)
                self._unpaid_by.append(Unpaid(account=code, amount=shown))

    async def _stored(self, part: int) -> list[StoredBatch]:
        """What was posted of a part before, one batch for each attempt."""
        stored: list[StoredBatch] = []
        while len(stored) < self._plan.attempts:
            batch_id = self._plan.id_of(part, len(stored))
            found = await self._reads.batch(self._plan.ledger_id, batch_id)
            if found is None:
                break
            stored.append(found)
        return stored

    async def _post(
        self, batch_id: UUID, transfers: list[AskedTransfer]
    ) -> list[Posted | StoredBatch]:
        """Post a part: what was moved, also where another had posted it meanwhile."""
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
        found = await self._reads.batch(self._plan.ledger_id, batch_id)
        return [] if found is None else [found]

    # ---- spreading

    async def _spread(self, parts: Sequence[int]) -> None:
        """Divide what was collected over the members, all parts of it together.

        What an earlier call gave out is taken off first, and divided over the parts that
        are left: the same shares, unless accounts came or went in between.
        """
        plan = self._plan

        def look(book: Book) -> list[list[str]]:
            return [_members(book, plan, part) for part in range(plan.parts)]

        members = await self._desk.read(plan.ledger, look)
        left = already = 0
        open_parts: list[int] = []
        for part in range(plan.parts):
            collected = self._collected.get(part)
            if collected is None:
                collected = sum(_paid_in(await self._stored(part)).values())
            left += collected
            given = await self._reads.batch(plan.ledger_id, plan.id("spread", part))
            if given is None:
                open_parts.append(part)
            else:
                already += _given(plan.account, given)
        self._given += already
        left -= already
        count = sum(len(members[part]) for part in open_parts)
        share, extra = divmod(left, count) if count else (0, 0)
        for part in open_parts:
            codes = members[part]
            more = min(extra, len(codes))
            extra -= more
            gifts = [
                plan.transfer(code, amount, is_charge=False)
                for i, code in enumerate(codes)
                if (amount := share + (i < more)) > 0
            ]
            if not gifts or part not in parts:
                continue
            if self._dry_run:  # Nothing was collected yet, so the desk could not say.
                self._given += share * len(codes) + more
                continue
            for posted in await self._post(plan.id("spread", part), gifts):
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
            return _plan_demurrage(book, ledger, ledger_id, currency, asked.period_end, today)

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
            return _plan_fee(book, ledger, ledger_id, code, asked.period_end, today)

        return await self._go(ledger, look, asked, caller, dry_run)

    async def _go(
        self,
        ledger: str,
        look: Callable[[Book], Plan | Refusal],
        asked: AskedRun,
        caller: Caller,
        dry_run: bool,
    ) -> RunReport | Refusal:
        async with self._locks.setdefault(ledger, asyncio.Lock()):
            plan = await self._desk.read(ledger, look)
            if isinstance(plan, Refusal):
                return plan
            if plan.dues and await self._is_waiting(plan):
                return Refusal(code=RefusalCode.PROPOSAL_PENDING)
            return await _Run(self._desk, self._reads, plan, caller, dry_run).go(asked)

    async def _is_waiting(self, plan: Plan) -> bool:
        """Whether the run of another period waits for approval: it charges the same again."""
        own = {plan.id(part) for part in range(plan.parts)}
        return any(
            plan.currency in view.proposal.line.sums
            and view.proposal.line.batch not in own
            and view.asked.source == plan.kind
            for view in await self._desk.proposals(plan.ledger)
        )


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


# ---- plans


def _plan_demurrage(
    book: Book, ledger: str, ledger_id: int, currency: str, end: date, today: date
) -> Plan | Refusal:
    if currency not in book.currencies:
        return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND)
    account = book.demurrages.accounts.get(currency)
    if account is None:
        return Refusal(code=RefusalCode.DEMURRAGE_NOT_FOUND)
    dues = book.demurrages.dues(currency, end)
    if not dues or dues[-1].last != end:
        return Refusal(code=RefusalCode.NO_SUCH_PERIOD)
    if end >= today or not _is_closed(book, end):
        return Refusal(code=RefusalCode.PERIOD_NOT_OVER)
    plan = _plan(book, ledger, ledger_id, DEMURRAGE, (currency, end), account, today)
    if isinstance(plan, Refusal):
        return plan
    return replace(plan, dues=dues, is_spread=dues[-1].rule.spread)


def _plan_fee(
    book: Book, ledger: str, ledger_id: int, code: str, end: date, today: date
) -> Plan | Refusal:
    fee = book.fees.rules.get(code)
    if fee is None:
        return Refusal(code=RefusalCode.FEE_NOT_FOUND)
    span = period_of(fee, end)
    if span is None:
        return Refusal(code=RefusalCode.NO_SUCH_PERIOD)
    if span.first > today:
        return Refusal(code=RefusalCode.PERIOD_NOT_BEGUN)
    plan = _plan(book, ledger, ledger_id, FEE, (code, end), fee.treasury, today)
    if isinstance(plan, Refusal):
        return plan
    return replace(plan, attempts=ATTEMPTS_MAX, amount=fee.amount, kinds=fee.kinds)


def _plan(
    book: Book,
    ledger: str,
    ledger_id: int,
    kind: str,
    name: tuple[str, date],
    account: int,
    today: date,
) -> Plan | Refusal:
    day = book.days.current(today)
    if not book.days.is_open(day, day):  # A refused batch would spend the id of its part.
        return Refusal(code=RefusalCode.NO_DAY_OPEN)
    assert book.opening is not None, "only an open ledger is planned for"
    currency = book.currency_of(account)
    return Plan(
        ledger=ledger,
        ledger_id=ledger_id,
        origin=book.opening.origin,
        name=f"{kind}/{name[0]}/{name[1].isoformat()}",
        kind=kind,
        currency=currency,
        scale=book.scales[currency],
        account=account,
        account_code=book.codes[account],
        parts=-(-book.accounts // PART_ACCOUNTS),
    )


def _is_closed(book: Book, end: date) -> bool:
    """Whether a day is closed and all before it, where the ledger closes its days."""
    days = book.days
    if not days.by_command and days.closed_through == date.min:
        return True
    return days.closed_through >= end and not any(day <= end for day in days.open)


def _payers(book: Book, plan: Plan, part: int) -> list[Payer]:
    """The accounts of a part that may owe something."""
    number_of_currency = book.currencies[plan.currency].number
    found: list[Payer] = []
    for number in plan.range(part):
        if number > book.accounts:
            break
        if number == plan.account or book.currency_number(number) != number_of_currency:
            continue
        if plan.kinds:
            account = book.account(number)
            if account.kind not in plan.kinds or account.status is Status.CLOSED:
                continue
        available = book.balance[number] - book.floor[number]
        found.append(Payer(number, book.codes[number], available))
    return found


def _members(book: Book, plan: Plan, part: int) -> list[str]:
    """The codes of a part's open member accounts."""
    accounts = (book.account(n) for n in plan.range(part) if n <= book.accounts)
    return [
        account.code
        for account in accounts
        if account.kind == MEMBER
        and account.currency == plan.currency
        and account.status is Status.OPEN
        and account.number != plan.account
    ]


# ---- what was moved


def _paid_in(batches: Sequence[Posted | StoredBatch]) -> dict[int, int]:
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


def _given(account: int, batch: Posted | StoredBatch) -> int:
    rows = zip(batch.debit, batch.amount, strict=True)
    return sum(amount for debit, amount in rows if debit == account)
