"""The desk: all ledgers of this process, and what may be asked of them."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from ledger.core import changes
from ledger.core.answered import (
    ClosedDay,
    DecisionOutcome,
    LedgerView,
    PostOutcome,
    ProposalView,
    Standing,
)
from ledger.core.asked import (
    AskedAccount,
    AskedBatch,
    AskedChange,
    AskedCurrency,
    AskedDays,
    AskedDecision,
    AskedKey,
    AskedLedger,
    AskedLimits,
    AskedMark,
    AskedPolicy,
    AskedWorkflow,
    Caller,
)
from ledger.core.book import Book
from ledger.core.changes import Closing
from ledger.core.door import SALT
from ledger.core.faults import MalformedRequest, StoreUnavailable
from ledger.core.leaves import (
    AccountOpened,
    AnyLeaf,
    DayClosed,
    DisputeEnded,
    DisputeOpened,
    KeyGrant,
    LimitChanged,
    Opening,
    PeriodMarked,
    SettingsChanged,
    StatusChanged,
)
from ledger.core.model import DATE_MIN, Account, Role
from ledger.core.ports import Notary, Unless
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.rule_leaves import PolicySet, WhitelistSet, WorkflowSet
from ledger.core.store import Store
from ledger.core.written import AnyBatch
from ledger.sequencer.pending import Built, Change, Look, Moving
from ledger.sequencer.snapshotting import Snapshotter
from ledger.sequencer.writer import Writer

PLAN_MAX = date(2199, 12, 31)  # Microseconds since 1970 end in 2255.

log = logging.getLogger(__name__)

T = TypeVar("T")


def now_us() -> int:
    """The clock of this machine, in microseconds since 1970."""
    return time.time_ns() // 1000


class Sequencer:
    """Every ledger has one writer; this is the room they sit in.

    Args:
        origin: what the names of all journals here begin with, such as "example.org";
            a ledger's own origin is this, a slash and its code.
        owner: the name of this process in the database.
        clock: microseconds since 1970.
        chance: random bytes, as many as asked.
    """

    def __init__(
        self,
        store: Store,
        notary: Notary,
        *,
        origin: str,
        owner: str,
        clock: Callable[[], int] = now_us,
        chance: Callable[[int], bytes] = secrets.token_bytes,
        snapshotter: Snapshotter | None = None,
    ) -> None:
        self._store = store
        self._notary = notary
        self._origin = origin
        self._owner = owner
        self._clock = clock
        self._chance = chance
        self._snapshotter = snapshotter or Snapshotter()
        self._writers: dict[str, Writer] = {}
        self._unheard: dict[str, Writer] = {}  # Of ledgers whose opening was not answered.
        self._opening_one = asyncio.Lock()
        self._is_closing = False

    async def start(self) -> None:
        """Take every ledger of the database and read it."""
        for ledger_id, code in await self._store.ledgers():
            writer = await self._started(ledger_id, code)
            if writer.book.opening is None and writer.stopped is None:
                await writer.close()  # Created, never opened; its maker will come again.
            else:
                self._writers[code] = writer

    async def close(self) -> None:
        """Answer what was accepted, and let all ledgers go."""
        self._is_closing = True
        for writer in (*self._writers.values(), *self._unheard.values()):
            await writer.close()
        self._snapshotter.close()

    async def _started(self, ledger_id: int, code: str) -> Writer:
        writer = Writer(
            self._store,
            self._notary,
            ledger_id,
            code,
            owner=self._owner,
            now_us=self._clock,
            chance=self._chance,
            snapshotter=self._snapshotter,
        )
        await writer.start()
        return writer

    # ---- Desk

    def ledgers(self) -> list[str]:
        """Codes of the ledgers served, in order."""
        return sorted(self._writers)

    def writer(self, ledger: str) -> Writer:
        """The writer of a ledger; KeyError where it is not served."""
        return self._writers[ledger]

    async def view(self, ledger: str) -> LedgerView:
        """How a ledger stands."""
        writer = self._writers[ledger]
        return await writer.submit(Look(writer.view))

    async def read(self, ledger: str, look: Callable[[Book], T]) -> T:
        """What `look` sees in the book, once all it sees is committed."""
        return await self._writers[ledger].submit(Look(look))

    def facts(self, ledger: str) -> Book:
        """The book as it is being decided, for what never changes."""
        return self._writers[ledger].book

    async def open_ledger(
        self, asked: AskedLedger, caller: Caller, *, dry_run: bool = False
    ) -> LedgerView | Refusal:
        """Open a ledger. Asking again for the same is the same answer."""
        _check_time_zone(asked.time_zone)
        async with self._opening_one:  # Two writers of one ledger would fence each other.
            if asked.code in self._writers:
                view = await self.view(asked.code)
                same = changes.opens_the_same(view.opening, asked)
                return view if same else Refusal(code=RefusalCode.LEDGER_CODE_USED)
            if dry_run:
                line = self._opening(asked, caller, self._clock(), public_key="")
                return LedgerView(
                    ledger_id=0, opening=line, size=0, accounts=0, batches=0, transfers=0
                )
            return await self._open_new(asked, caller)

    async def _open_new(self, asked: AskedLedger, caller: Caller) -> LedgerView | Refusal:
        # An attempt before may have opened it and not heard of it. Its writer knows.
        writer = self._unheard.get(asked.code)
        if writer is None or writer.stopped is not None:
            ledger_id = await self._store.create(asked.code)
            if ledger_id is None:
                return Refusal(code=RefusalCode.LEDGER_CODE_USED)
            writer = self._unheard[asked.code] = await self._started(ledger_id, asked.code)
            if self._is_closing:  # Nobody else would close this one.
                await writer.close()
                raise StoreUnavailable("the service is stopping")
        key = self._notary.public_key(f"{self._origin}/{asked.code}")
        view_of = writer.view

        def build(book: Book, now: int) -> Built[LedgerView]:
            line = self._opening(asked, caller, now, public_key=key)
            return Built([line] if book.opening is None else [], view_of)

        view = await writer.submit(Change(build))
        self._writers[asked.code] = self._unheard.pop(asked.code)
        same = isinstance(view, LedgerView) and changes.opens_the_same(view.opening, asked)
        return view if same else Refusal(code=RefusalCode.LEDGER_CODE_USED)

    def _opening(
        self, asked: AskedLedger, caller: Caller, now: int, *, public_key: str
    ) -> Opening:
        return changes.opening(
            asked,
            origin=f"{self._origin}/{asked.code}",
            public_key=public_key,
            recorded_at=now,
            by=caller.key,
        )

    async def add_currency(
        self, ledger: str, asked: AskedCurrency, caller: Caller, *, dry_run: bool = False
    ) -> Refusal | None:
        """Add a currency. Asking again for the same is the same answer."""

        def build(book: Book, now: int) -> Built[None] | Refusal:
            lines = changes.add_currency(book, asked, recorded_at=now, by=caller.key)
            return lines if isinstance(lines, Refusal) else Built(lines, lambda _: None)

        return await self._change(ledger, build, lambda book, lines: None, dry_run)

    async def open_accounts(
        self,
        ledger: str,
        asked: Sequence[AskedAccount],
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> list[Account] | Refusal:
        """Open accounts, all or none. One that is there just so is not opened again."""

        def build(book: Book, now: int) -> Built[list[Account]] | Refusal:
            lines = changes.open_accounts(
                book, asked, recorded_at=now, by=caller.key, chance=self._chance
            )
            if isinstance(lines, Refusal):
                return lines
            return Built(lines, lambda book: [_account(book, one.code) for one in asked])

        def preview(book: Book, lines: Sequence[AnyLeaf]) -> list[Account]:
            opened = {
                line.code: changes.as_opened(line)
                for line in lines
                if isinstance(line, AccountOpened)
            }
            return [opened.get(one.code) or _account(book, one.code) for one in asked]

        return await self._change(ledger, build, preview, dry_run)

    async def change_account(
        self,
        ledger: str,
        code: str,
        asked: AskedChange,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Account | Refusal:
        """Change status or bounds of an account; what stays the same leaves no line."""

        writer, span = self._writers[ledger], _span(self._writers[ledger], asked)
        salt = UNSET if asked.order is UNSET else self._chance(SALT)

        def after(book: Book) -> Account:
            return _account(book, code)

        def build(book: Book, now: int) -> Built[Account] | Moving[Account] | Refusal:
            if asked.remaining_to is not UNSET:
                built = changes.close_account(
                    book, code, asked, recorded_at=now, by=caller.key, salt=salt
                )
                if isinstance(built, Closing):
                    return Moving(built, caller, after)
            else:
                built = changes.change_account(
                    book, code, asked, recorded_at=now, by=caller.key, span=span, salt=salt
                )
            return built if isinstance(built, Refusal) else Built(built, after)

        if not dry_run:
            return await writer.submit(Change(build))

        def look(book: Book) -> Account | Refusal:
            built = build(book, writer.decider.now())
            if isinstance(built, Refusal):
                return built
            account = _account(book, code)
            if isinstance(built, Moving):
                refusal = writer.decider.preview_closing(built.closing, caller)
                moved = replace(account, balance=0)
                return refusal or changes.as_changed(moved, built.closing.status)
            return _changed(account, built.leaves)

        return await writer.submit(Look(look))

    async def change_limits(
        self, ledger: str, asked: AskedLimits, caller: Caller, *, dry_run: bool = False
    ) -> list[Account] | Refusal:
        """Change limits of accounts, all or none; what stays the same leaves no line."""
        span = _span(self._writers[ledger], asked)
        codes = list(dict.fromkeys(asked.accounts))

        def build(book: Book, now: int) -> Built[list[Account]] | Refusal:
            lines = changes.change_limits(
                book, asked, recorded_at=now, by=caller.key, span=span
            )
            if isinstance(lines, Refusal):
                return lines
            return Built(lines, lambda book: [_account(book, code) for code in codes])

        def preview(book: Book, lines: Sequence[AnyLeaf]) -> list[Account]:
            return [_changed(_account(book, code), lines) for code in codes]

        return await self._change(ledger, build, preview, dry_run)

    async def standing(self, ledger: str, code: str) -> Standing | None:
        """How an account stands towards its limits; None where there is no such account."""
        writer = self._writers[ledger]

        def look(book: Book) -> Standing | None:
            number = book.numbers.get(code)
            if number is None:
                return None
            today = writer.decider.today()
            return Standing(
                account=book.account(number),
                now=writer.decider.now(),
                today=today,
                payments=book.payments.limits.get(number),
                left=book.payments.left(number, today),
                earned=book.earned.rules.get(number),
                received=book.earned.received.get(number, 0),
                plans=book.plans.of(number),
            )

        return await writer.submit(Look(look))

    # ---- days and periods

    def today(self, ledger: str) -> date:
        """The day of the ledger's clock, after its cut-off."""
        return self._writers[ledger].decider.clock_day()

    async def set_days(
        self, ledger: str, asked: AskedDays, caller: Caller, *, dry_run: bool = False
    ) -> SettingsChanged | Refusal:
        """Say how days are kept. What is so already is not written again."""

        def build(book: Book, now: int) -> Built[SettingsChanged] | Refusal:
            lines = changes.set_days(book, asked, recorded_at=now, by=caller.key)
            if isinstance(lines, Refusal):
                return lines
            return Built(lines, lambda book: preview(book, lines))

        def preview(book: Book, lines: Sequence[AnyLeaf]) -> SettingsChanged:
            line = lines[-1] if lines else book.days.settings
            return line if isinstance(line, SettingsChanged) else changes.DAYS_BY_CLOCK

        return await self._change(ledger, build, preview, dry_run)

    async def open_day(
        self, ledger: str, day: date, caller: Caller, *, dry_run: bool = False
    ) -> Refusal | None:
        """Open a business day. One that is open is not opened again."""
        writer = self._writers[ledger]

        def build(book: Book, now: int) -> Built[None] | Refusal:
            today = writer.decider.clock_day()
            lines = changes.open_day(book, day, today=today, recorded_at=now, by=caller.key)
            return lines if isinstance(lines, Refusal) else Built(lines, lambda _: None)

        return await self._change(ledger, build, lambda book, lines: None, dry_run)

    async def close_day(
        self, ledger: str, day: date, caller: Caller, *, dry_run: bool = False
    ) -> ClosedDay | Refusal:
        """Close a business day, with what it came to."""
        writer = self._writers[ledger]

        def build(book: Book, now: int) -> Built[ClosedDay] | Refusal:
            today = writer.decider.clock_day()
            lines = changes.close_day(book, day, today=today, recorded_at=now, by=caller.key)
            if isinstance(lines, Refusal):
                return lines
            line = lines[0]
            return Built(lines, lambda book: ClosedDay(line=line, leaf_index=book.size - 1))

        def preview(book: Book, lines: Sequence[AnyLeaf]) -> ClosedDay:
            assert isinstance(lines[0], DayClosed), "what closes a day"
            return ClosedDay(line=lines[0])

        return await self._change(ledger, build, preview, dry_run)

    async def mark_period(
        self,
        ledger: str,
        year: int,
        month: int,
        asked: AskedMark,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> PeriodMarked | Refusal | None:
        """Close a month for now or for ever, or reopen it. What is so is not marked again."""

        def build(book: Book, now: int) -> Built[PeriodMarked | None] | Refusal:
            lines = changes.mark_period(
                book, year, month, asked, recorded_at=now, by=caller.key
            )
            if isinstance(lines, Refusal):
                return lines
            line = lines[0] if lines else None
            return Built(lines, lambda _: line)

        def preview(book: Book, lines: Sequence[AnyLeaf]) -> PeriodMarked | None:
            line = lines[0] if lines else None
            assert isinstance(line, PeriodMarked | None), "what marks a month"
            return line

        return await self._change(ledger, build, preview, dry_run)

    async def record_key(
        self, ledger: str, key: str, asked: AskedKey | None, caller: Caller
    ) -> None:
        """Write into the journal that a key was given, or with None revoked."""

        def build(book: Book, now: int) -> Built[None]:
            line = KeyGrant(
                recorded_at=now,
                action="revoke" if asked is None else "grant",
                key=key,
                by=caller.key,
                role=UNSET if asked is None else asked.role,
                poster=asked.poster if asked is not None and asked.poster else UNSET,
                accounts=UNSET if asked is None or not asked.accounts else asked.accounts,
                holder=UNSET
                if asked is None or asked.holder is UNSET
                else bytes.fromhex(asked.holder),
            )
            return Built([line], lambda _: None)

        await self._writers[ledger].submit(Change(build))

    async def change_rule(
        self,
        ledger: str,
        build: Callable[[Book, int], tuple[Sequence[AnyLeaf], T] | Refusal],
        *,
        dry_run: bool = False,
    ) -> T | Refusal:
        """Record the lines that a rule of the ledger is changed by."""

        def change(book: Book, now: int) -> Built[T] | Refusal:
            built = build(book, now)
            if isinstance(built, Refusal):
                return built
            lines, changed = built
            return Built(lines, lambda _: changed)

        def preview(book: Book, lines: Sequence[AnyLeaf]) -> T:
            built = build(book, self._writers[ledger].decider.now())
            assert not isinstance(built, Refusal), "it was built just now"
            return built[1]

        return await self._change(ledger, change, preview, dry_run)

    async def post(
        self,
        ledger: str,
        asked: AnyBatch,
        caller: Caller,
        *,
        dry_run: bool = False,
        unless: Unless | None = None,
    ) -> PostOutcome:
        """Post a batch once, however often it is sent."""
        writer = self._writers[ledger]
        if dry_run:
            return await writer.preview(asked, caller)
        return await writer.submit_post(asked, caller, unless=unless)

    # ---- proposals, and what decides about them

    async def pay(
        self,
        ledger: str,
        asked: AskedBatch,
        workflow: str,
        caller: Caller,
        *,
        dry_run: bool = False,
        unless: Unless | None = None,
    ) -> PostOutcome:
        """Start a payment by a workflow."""
        writer = self._writers[ledger]
        if dry_run:
            return await writer.preview(asked, caller, workflow)
        return await writer.submit_post(asked, caller, workflow, unless)

    async def proposals(self, ledger: str) -> list[ProposalView]:
        """The open proposals, the oldest first."""
        writer = self._writers[ledger]
        return await writer.submit(Look(writer.decider.proposals))

    async def proposal(self, ledger: str, batch: UUID) -> ProposalView | None:
        """An open proposal."""
        writer = self._writers[ledger]
        return await writer.submit(Look(lambda book: writer.decider.proposal(book, batch)))

    async def decide(
        self, ledger: str, asked: AskedDecision, caller: Caller, *, dry_run: bool = False
    ) -> DecisionOutcome:
        """Say something of a proposal; a dry run says what posting its batch would do now."""
        writer = self._writers[ledger]
        if not dry_run:
            return await writer.submit_decision(asked, caller)
        view, refusal = await writer.submit(
            Look(
                lambda book: (
                    writer.decider.proposal(book, asked.batch),
                    writer.decider.refuse_decision(book, asked, caller),
                )
            )
        )
        if refusal is not None or view is None:
            return refusal or Refusal(code=RefusalCode.PROPOSAL_NOT_OPEN)
        if asked.decision not in ("approved", "accepted"):
            return view
        maker = Caller(key=view.proposal.line.key, role=Role.POSTER)
        return await writer.preview_agreed(view.asked, maker)

    async def set_policy(
        self,
        ledger: str,
        code: str,
        asked: AskedPolicy,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None:
        """Set or remove a rule of approval; what stays the same leaves no line."""
        return await self._set(
            ledger,
            lambda book, now: (
                None
                if asked.rule == book.policies.rules.get(code)
                else PolicySet(
                    recorded_at=now,
                    code=code,
                    by=caller.key,
                    reason=asked.reason,
                    rule=asked.rule,
                    act=asked.act,
                )
            ),
            dry_run,
        )

    async def set_workflow(
        self,
        ledger: str,
        code: str,
        asked: AskedWorkflow,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None:
        """Set or remove a workflow; what stays the same leaves no line."""
        return await self._set(
            ledger,
            lambda book, now: (
                None
                if asked.rule == book.workflows.get(code)
                else WorkflowSet(
                    recorded_at=now,
                    code=code,
                    by=caller.key,
                    reason=asked.reason,
                    rule=asked.rule,
                )
            ),
            dry_run,
        )

    async def set_whitelist(
        self,
        ledger: str,
        account: str,
        partner: str,
        on: bool,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None:
        """Accept at once what a partner starts, or no more."""

        def line(book: Book, now: int) -> WhitelistSet | Refusal | None:
            numbers = book.numbers.get(account, 0), book.numbers.get(partner, 0)
            if 0 in numbers:
                return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
            if (numbers in book.workflows.whitelist) is on:
                return None
            return WhitelistSet(
                recorded_at=now, account=numbers[0], partner=numbers[1], on=on, by=caller.key
            )

        return await self._set(ledger, line, dry_run)

    async def open_dispute(
        self,
        ledger: str,
        target: int,
        reason: str,
        due: date | UnsetType,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None:
        """Mark a transfer as contested."""
        return await self._set(
            ledger,
            lambda book, now: DisputeOpened(
                recorded_at=now, target=target, by=caller.key, reason=reason, due=due
            ),
            dry_run,
        )

    async def end_dispute(
        self,
        ledger: str,
        target: int,
        outcome: str,
        linked: int | UnsetType,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None:
        """End a dispute with its outcome."""

        def line(book: Book, now: int) -> DisputeEnded | Refusal:
            there = book.disputes.open.get(target)
            if there is None:
                return Refusal(code=RefusalCode.DISPUTE_NOT_OPEN)
            return DisputeEnded(
                recorded_at=now,
                target=target,
                opened=there.index,
                outcome=outcome,
                by=caller.key,
                linked=linked,
            )

        return await self._set(ledger, line, dry_run)

    async def _set(
        self,
        ledger: str,
        line_of: Callable[[Book, int], AnyLeaf | Refusal | None],
        dry_run: bool,
    ) -> Refusal | None:
        """Record a line that sets something; None where it is so already."""

        def build(book: Book, now: int) -> Built[None] | Refusal:
            line = line_of(book, now)
            if line is None:
                return Built([], lambda _: None)
            if isinstance(line, Refusal):
                return line
            return book.refuse(line) or Built([line], lambda _: None)

        return await self._change(ledger, build, lambda book, lines: None, dry_run)

    # ---- the journal

    def checkpoint(self, ledger: str) -> bytes:
        """The newest signed checkpoint."""
        return self._writers[ledger].signed.checkpoint

    async def log_proof(self, ledger: str, leaf_index: int) -> bytes:
        """A tlog-proof of a leaf under the newest checkpoint."""
        return await self._writers[ledger].signed.proof(leaf_index)

    async def tile(self, ledger: str, level: int, index: int, width: int) -> bytes:
        """Hashes of a tile that the newest checkpoint covers."""
        return await self._writers[ledger].signed.tile(level, index, width)

    async def wait_for(self, ledger: str, sequence: int, seconds: float) -> None:
        """Return when a transfer with a higher sequence is committed, or the time is up."""
        await self._writers[ledger].wait_for(sequence, seconds)

    async def _change(
        self,
        ledger: str,
        build: Callable[[Book, int], Built[T] | Refusal],
        preview: Callable[[Book, Sequence[AnyLeaf]], T],
        dry_run: bool,
    ) -> T | Refusal:
        """Carry a change out, or with `dry_run` only look at what it would do."""
        writer = self._writers[ledger]
        if not dry_run:
            return await writer.submit(Change(build))

        def look(book: Book) -> T | Refusal:
            built = build(book, writer.decider.now())
            return built if isinstance(built, Refusal) else preview(book, built.leaves)

        return await writer.submit(Look(look))


def _changed(account: Account, lines: Sequence[AnyLeaf]) -> Account:
    """An account as it stands when these lines are recorded."""
    for line in lines:
        if isinstance(line, LimitChanged | StatusChanged) and line.account == account.number:
            account = changes.as_changed(account, line)
    return account


def _span(writer: Writer, asked: AskedChange | AskedLimits) -> changes.Span:
    """From when to when a limit is asked for: days of the ledger as moments.

    The last day is the limit's to its end, however many hours it has.
    """
    for name, day in (("starts", asked.starts), ("ends", asked.ends)):
        if day is not UNSET and not DATE_MIN <= day <= PLAN_MAX:
            raise MalformedRequest(f"not from {DATE_MIN} to {PLAN_MAX}", field=name)
    midnight = writer.decider.midnight
    return changes.Span(
        None if asked.starts is UNSET else midnight(asked.starts),
        None if asked.ends is UNSET else midnight(asked.ends + timedelta(days=1)),
    )


def _account(book: Book, code: str) -> Account:
    return book.account(book.numbers[code])


def _check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise MalformedRequest(f"no time zone: {name}", field="time_zone") from None
