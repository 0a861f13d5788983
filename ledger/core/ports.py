"""What the rooms around core ask of each other, so that they need not know each other.

    api -> Desk (the sequencer) and Reads, Keys (the database)
    sequencer -> Store (store.py: the database) and Notary (the signer)

The command line wires them. PostgreSQL and memory are the two users of Store, Reads
and Keys, held alike by a contract test.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Annotated, Protocol, TypeVar
from uuid import UUID

from msgspec import Meta, Struct, UnsetType

from ledger.core.answered import (
    Attempted,
    ClosedDay,
    DecisionOutcome,
    LedgerView,
    PostOutcome,
    ProposalView,
    RunReport,
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
    AskedRun,
    AskedWorkflow,
    Caller,
)
from ledger.core.book import Book
from ledger.core.leaves import AnyLeaf, PeriodMarked, SettingsChanged
from ledger.core.model import Account, Phase
from ledger.core.refusals import Refusal
from ledger.core.resolutions import Resolution
from ledger.core.store import StoredBatch
from ledger.core.terms import Link
from ledger.core.written import AnyBatch

T = TypeVar("T")

Page = Annotated[int, Meta(ge=1, le=1000)]
# What speaks against posting, as things stand, and by the ledger's time.
Unless = Callable[[Book, int], Refusal | None]


class Runs(Protocol):
    """Charges of a period, safe to repeat (services/runs.py). Faults are the desk's.

    All may raise MalformedRequest.
    """

    async def owed(self, ledger: str, accounts: Collection[int]) -> Mapping[int, int]:
        """What accounts owe of demurrage, in minor units; only those that may owe any."""
        ...

    async def demurrage(
        self,
        ledger: str,
        currency: str,
        asked: AskedRun,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> RunReport | Refusal: ...

    async def fee(
        self,
        ledger: str,
        code: str,
        asked: AskedRun,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> RunReport | Refusal: ...


class ScheduleRuns(Protocol):
    """What is due of schedules (services/scheduler.py). Faults are the desk's."""

    async def run_due(
        self, ledger: str, *, dry_run: bool = False
    ) -> tuple[Sequence[Attempted], bool]:
        """Attempt what is due now, and whether more is; a dry run says what would be."""
        ...


class Desk(Protocol):
    """The sequencer as the API sees it. Every answer stands on committed leaves.

    All may raise StoreUnavailable, OutcomeUnknown, WriterReplaced, ClockAhead,
    SignerStopped or Overloaded; a ledger code that is not served is a KeyError.
    """

    def ledgers(self) -> list[str]: ...
    async def view(self, ledger: str) -> LedgerView: ...
    async def read(self, ledger: str, look: Callable[[Book], T]) -> T:
        """What `look` saw in the book, once all it could see is committed.

        It is called at once, must not change the book nor keep it, and may be called again
        when a commit failed meanwhile.
        """
        ...

    def facts(self, ledger: str) -> Book:
        """The book as it is being decided, without waiting: only for what never changes.

        That is code, currency, nature and scale of accounts that an answer named.
        """
        ...

    async def open_ledger(
        self, asked: AskedLedger, caller: Caller, *, dry_run: bool = False
    ) -> LedgerView | Refusal: ...
    async def add_currency(
        self, ledger: str, asked: AskedCurrency, caller: Caller, *, dry_run: bool = False
    ) -> Refusal | None: ...
    async def open_accounts(
        self,
        ledger: str,
        asked: Sequence[AskedAccount],
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> list[Account] | Refusal:
        """All or none. An account that is there already just so is not opened again."""
        ...

    async def change_account(
        self,
        ledger: str,
        code: str,
        asked: AskedChange,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Account | Refusal: ...
    def today(self, ledger: str) -> date:
        """The day of the ledger's clock, after its cut-off."""
        ...

    async def set_days(
        self, ledger: str, asked: AskedDays, caller: Caller, *, dry_run: bool = False
    ) -> SettingsChanged | Refusal:
        """Say how days are kept. What is so already is not written again."""
        ...

    async def open_day(
        self, ledger: str, day: date, caller: Caller, *, dry_run: bool = False
    ) -> Refusal | None:
        """Open a business day. One that is open is not opened again."""
        ...

    async def close_day(
        self, ledger: str, day: date, caller: Caller, *, dry_run: bool = False
    ) -> ClosedDay | Refusal:
        """Close a business day, with what it came to."""
        ...

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
        ...

    async def change_limits(
        self, ledger: str, asked: AskedLimits, caller: Caller, *, dry_run: bool = False
    ) -> list[Account] | Refusal:
        """All or none. What is just so already leaves no line."""
        ...

    async def standing(self, ledger: str, code: str) -> Standing | None: ...
    async def record_key(
        self, ledger: str, key: str, asked: AskedKey | None, caller: Caller
    ) -> None:
        """Write that a key was given, or with None revoked, into the journal."""
        ...

    async def change_rule(
        self,
        ledger: str,
        build: "Callable[[Book, int], tuple[Sequence[AnyLeaf], T] | Refusal]",
        *,
        dry_run: bool = False,
    ) -> T | Refusal:
        """Record the lines that a rule of the ledger is changed by (core/rules.py).

        `build` sees the book and the time, and may be called again; with what it answers
        beside the lines this answers.
        """
        ...

    async def post(
        self,
        ledger: str,
        asked: AnyBatch,
        caller: Caller,
        *,
        dry_run: bool = False,
        unless: Unless | None = None,
    ) -> PostOutcome:
        """Post a batch once, however often it is sent.

        `unless` is asked of the book and its time as the batch is decided, where its id is not
        spent: if it refuses, the batch leaves no trace.

        Raises MalformedRequest or MalformedAmount, which leave no trace.
        """
        ...

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
        """Start a payment, a batch of one, by a workflow: posted, or proposed to the other.

        `unless` is as in `post`.
        """
        ...

    async def proposals(self, ledger: str) -> list[ProposalView]:
        """The open proposals, the oldest first."""
        ...

    async def proposal(self, ledger: str, batch: UUID) -> ProposalView | None: ...
    async def decide(
        self, ledger: str, asked: AskedDecision, caller: Caller, *, dry_run: bool = False
    ) -> DecisionOutcome:
        """Say something of a proposal; who may is asked before. The last word ends it."""
        ...

    async def set_policy(
        self,
        ledger: str,
        code: str,
        asked: AskedPolicy,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None: ...
    async def set_workflow(
        self,
        ledger: str,
        code: str,
        asked: AskedWorkflow,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None: ...
    async def set_whitelist(
        self,
        ledger: str,
        account: str,
        partner: str,
        on: bool,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None: ...
    async def open_dispute(
        self,
        ledger: str,
        target: int,
        reason: str,
        due: date | UnsetType,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None: ...
    async def end_dispute(
        self,
        ledger: str,
        target: int,
        outcome: str,
        linked: int | UnsetType,
        caller: Caller,
        *,
        dry_run: bool = False,
    ) -> Refusal | None: ...
    def checkpoint(self, ledger: str) -> bytes:
        """The newest signed checkpoint."""
        ...

    async def log_proof(self, ledger: str, leaf_index: int) -> bytes:
        """A tlog-proof of a leaf under the newest checkpoint. LookupError when not there."""
        ...

    async def tile(self, ledger: str, level: int, index: int, width: int) -> bytes:
        """Hashes of a tile that the newest checkpoint covers. LookupError when not."""
        ...

    async def wait_for(self, ledger: str, sequence: int, seconds: float) -> None:
        """Return when a transfer with a higher sequence is committed, or the time is up."""
        ...


# ---- what is read, and by which keys


class TransferRow(Struct, frozen=True, gc=False):
    """A posted transfer as kept; balances are credits minus debits, after it."""

    sequence: int
    debit_account: int
    credit_account: int
    amount: int
    debit_balance: int
    credit_balance: int
    batch_number: int
    position: int
    business_date: date
    phase: int = Phase.POSTED


class Movement(Struct, frozen=True, gc=False):
    """One account's totals over a period: minor units before it and inside it."""

    account: int
    opening: int  # Credits minus debits before the period.
    debits: int
    credits: int


class DayBalances(Struct, frozen=True):
    """One account without its rows with another: its balance at the end of some days.

    `paid` is all it ever paid that other one, on whatever day.
    """

    account: int
    balances: list[int]
    paid: int


class Reads(Protocol):
    """What is read from committed rows. All may raise StoreUnavailable."""

    async def transfers(
        self,
        ledger_id: int,
        *,
        after: int,
        limit: int,
        accounts: Collection[int] | None = None,
        first_date: date | None = None,
        last_date: date | None = None,
    ) -> list[TransferRow]:
        """In order of sequence, those above `after`, at most `limit`.

        Those of any of some accounts, or of all.
        """
        ...

    async def by_reference(
        self, ledger_id: int, reference: str, limit: int
    ) -> list[TransferRow]:
        """In order of sequence; everything committed before the call is found."""
        ...

    async def batch(self, ledger_id: int, batch: UUID) -> StoredBatch | None: ...
    async def batch_leaves(
        self, ledger_id: int, *, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        """Leaves that spent an id, with their indexes, in order, those after a leaf index."""
        ...

    async def batches_by_number(
        self, ledger_id: int, numbers: Collection[int]
    ) -> Mapping[int, StoredBatch]:
        """Posted batches by their numbers, without their rows."""
        ...

    async def links(
        self, ledger_id: int, sequences: Collection[int]
    ) -> Mapping[int, list[Link]]:
        """What took back or cleared these transfers, and what these took back or cleared."""
        ...

    async def resolutions(
        self, ledger_id: int, holds: Collection[int]
    ) -> Mapping[int, list[Resolution]]:
        """What became of these holds, where anything did, in the order of rows."""
        ...

    async def details(self, ledger_id: int, sequences: Collection[int]) -> Mapping[int, str]:
        """The descriptions of transfers, where there are any that were not erased."""
        ...

    async def balance_before(
        self,
        ledger_id: int,
        account: int,
        *,
        sequence: int | None,
        day: date | None,
        adjusting: bool = False,
    ) -> int:
        """Credits minus debits of all transfers below a sequence and before a business date.

        With `adjusting` the day's own count too, and only adjustments to its year do not.
        """
        ...

    async def movements(
        self,
        ledger_id: int,
        first: date,
        last: date,
        *,
        begins_adjusting: bool = False,
        ends_adjusting: bool = True,
        until: int | None = None,
    ) -> list[Movement]:
        """Totals of every account that moved, by business date, both days included.

        Adjustments to a year come after all else of its last day. The period begins with
        those of its first day, where that is so, and ends with or before those of its last.
        Sequences above `until` are as if they were not there.
        """
        ...

    async def known_at(self, ledger_id: int, moment: int) -> int:
        """The last sequence recorded until a moment, in microseconds since 1970; 0 for none."""
        ...

    async def closings(
        self, ledger_id: int, first: date, last: date, limit: int
    ) -> list[tuple[int, bytes]]:
        """Index and line of the leaves that closed these business days, in order of days."""
        ...

    async def reclosings(
        self, ledger_id: int, year: int, month: int
    ) -> list[tuple[int, bytes]]:
        """Index and line of the leaves that closed a month again and say what came late."""
        ...

    async def balances_at(
        self, ledger_id: int, first: int, last: int, days: Sequence[date], besides: int
    ) -> list[DayBalances]:
        """Balances at the ends of business dates, without rows with the account `besides`.

        Of every account numbered `first` to `last` that ever moved; `days` are in order.
        """
        ...

    async def leaves(self, ledger_id: int, start: int, end: int) -> list[bytes]: ...
    async def leaves_at(self, ledger_id: int, indexes: Collection[int]) -> Mapping[int, bytes]:
        """Those of these leaves that are there."""
        ...

    async def dispute_ends(
        self, ledger_id: int, *, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        """Index and line of the leaves that ended a dispute, in order, those after one."""
        ...

    async def changes_of(
        self, ledger_id: int, account: int, *, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        """Leaves that changed an account, with their indexes, in order, those after one."""
        ...

    async def opening_of(self, ledger_id: int, account: int) -> bytes | None:
        """The leaf that opened an account."""
        ...

    async def stood_since(
        self, ledger_id: int, account: int, *, sign: int, level: int
    ) -> TransferRow | None:
        """The first transfer since which `sign` times the balance never was above a level.

        Credits minus debits. None: it is above now, or it never was, or never moved.
        """
        ...


class Keys(Protocol):
    """API keys, by the SHA-256 of what the bearer shows."""

    async def find(self, digest: bytes) -> Caller | None: ...
    async def add(self, digest: bytes, caller: Caller) -> None: ...
    async def revoke(self, ledger: str, key: str) -> bool:
        """True when the key was there and worked until now. "" is the service's own keys."""
        ...

    async def all_of(self, ledger: str) -> list[Caller]: ...


class Notary(Protocol):
    """What signs checkpoints: the signer with its own memory."""

    def public_key(self, origin: str) -> str:
        """The verifier key of a ledger's origin; made at first asking."""
        ...

    async def memory(self, origin: str) -> tuple[int, bytes] | None:
        """The size and root last signed for, or None when nothing is remembered."""
        ...

    async def sign(
        self, origin: str, size: int, root: bytes, old_size: int, proof: Sequence[bytes]
    ) -> bytes:
        """The checkpoint note of a size, once it is shown to extend the last one.

        Raises:
            SignerStopped: it does not.
        """
        ...
