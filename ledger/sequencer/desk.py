"""The desk: all ledgers of this process, and what may be asked of them."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from ledger.core.amounts import AMOUNT_MAX, parse_bound
from ledger.core.asked import AskedBatch
from ledger.core.book import Book
from ledger.core.faults import MalformedRequest
from ledger.core.lines import (
    RULES,
    AccountOpened,
    AnyLeaf,
    CurrencyAdded,
    KeyGrant,
    LimitChanged,
    Opening,
    StatusChanged,
)
from ledger.core.model import NO_LOWER, NO_UPPER, Account, Nature, Status
from ledger.core.personal import looks_personal
from ledger.core.ports import (
    AskedAccount,
    AskedChange,
    AskedCurrency,
    AskedKey,
    AskedLedger,
    Caller,
    LedgerView,
    Notary,
    PostOutcome,
    Store,
)
from ledger.core.refusals import Refusal, RefusalCode
from ledger.sequencer.pending import Built, Change, Look
from ledger.sequencer.snapshotting import Snapshotter
from ledger.sequencer.writer import Writer

log = logging.getLogger(__name__)

T = TypeVar("T")

NONE = "none"  # How people write that there is no bound.


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
        self._opening_one = asyncio.Lock()

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
        for writer in self._writers.values():
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
                same = _same_ledger(view.opening, asked)
                return view if same else Refusal(code=RefusalCode.LEDGER_CODE_USED)
            if dry_run:
                opening = self._opening(asked, caller, self._clock(), public_key="")
                return LedgerView(
                    ledger_id=0, opening=opening, size=0, accounts=0, batches=0, transfers=0
                )
            return await self._open_new(asked, caller)

    async def _open_new(self, asked: AskedLedger, caller: Caller) -> LedgerView | Refusal:
        ledger_id = await self._store.create(asked.code)
        if ledger_id is None:
            return Refusal(code=RefusalCode.LEDGER_CODE_USED)
        writer = await self._started(ledger_id, asked.code)
        key = self._notary.public_key(f"{self._origin}/{asked.code}")

        def build(book: Book, now: int) -> Built[LedgerView]:
            opening = self._opening(asked, caller, now, public_key=key)
            return Built([opening] if book.opening is None else [], writer.view)

        try:
            view = await writer.submit(Change(build))
        except BaseException:
            await writer.close()
            raise
        self._writers[asked.code] = writer
        return view

    def _opening(
        self, asked: AskedLedger, caller: Caller, now: int, *, public_key: str
    ) -> Opening:
        return Opening(
            recorded_at=now,
            code=asked.code,
            name=asked.name,
            origin=f"{self._origin}/{asked.code}",
            time_zone=asked.time_zone,
            rules=RULES,
            unique_references=asked.unique_references,
            public_key=public_key,
            by=caller.key,
        )

    async def add_currency(
        self, ledger: str, asked: AskedCurrency, caller: Caller, *, dry_run: bool = False
    ) -> Refusal | None:
        """Add a currency. Asking again for the same is the same answer."""

        def build(book: Book, now: int) -> Built[None] | Refusal:
            there = book.currencies.get(asked.code)
            if there is not None:
                same = (there.kind, there.scale) == (asked.kind, asked.scale)
                return _nothing() if same else Refusal(code=RefusalCode.CURRENCY_CODE_USED)
            line = CurrencyAdded(
                recorded_at=now,
                code=asked.code,
                kind=asked.kind,
                scale=asked.scale,
                by=caller.key,
            )
            return Built([line], lambda _: None)

        return await self._change(ledger, build, lambda book: None, dry_run)

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
            lines: list[AccountOpened] = []
            fresh: dict[str, AskedAccount] = {}
            for position, one in enumerate(asked):
                refusal = _refuse_account(book, one, fresh, position)
                if refusal is not None:
                    return refusal
                if one.code not in fresh and one.code not in book.numbers:
                    fresh[one.code] = one
                    number = book.accounts + len(fresh)
                    lines.append(self._account_line(book, one, number, now, caller))
            return Built(lines, lambda book: [_account(book, one.code) for one in asked])

        def preview(book: Book) -> list[Account]:
            built = build(book, 0)
            assert isinstance(built, Built)
            opened = {
                line.code: line for line in built.leaves if isinstance(line, AccountOpened)
            }
            return [
                _account_of(opened[one.code])
                if one.code in opened
                else _account(book, one.code)
                for one in asked
            ]

        return await self._change(ledger, build, preview, dry_run)

    def _account_line(
        self, book: Book, asked: AskedAccount, number: int, now: int, caller: Caller
    ) -> AccountOpened:
        lower, upper = _bounds(asked, book.currencies[asked.currency].scale)
        return AccountOpened(
            recorded_at=now,
            number=number,
            code=asked.code,
            currency=asked.currency,
            nature=asked.nature,
            kind=asked.kind,
            holder=self._chance(16),
            by=caller.key,
            lower=lower,
            upper=upper,
        )

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

        def build(book: Book, now: int) -> Built[Account] | Refusal:
            if code not in book.numbers:
                return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
            lines = _changes(book, book.account(book.numbers[code]), asked, now, caller)
            for line in lines:
                refusal = book.refuse(line)
                if refusal is not None:
                    return refusal
            return Built(lines, lambda book: _account(book, code))

        def preview(book: Book) -> Account:
            account = _account(book, code)
            for line in _changes(book, account, asked, book.recorded_at, caller):
                account = _changed(account, line)
            return account

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
            )
            return Built([line], lambda _: None)

        await self._writers[ledger].submit(Change(build))

    async def post(
        self, ledger: str, asked: AskedBatch, caller: Caller, *, dry_run: bool = False
    ) -> PostOutcome:
        """Post a batch once, however often it is sent."""
        writer = self._writers[ledger]
        if dry_run:
            return await writer.preview(asked)
        return await writer.submit_post(asked, caller)

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
        preview: Callable[[Book], T],
        dry_run: bool,
    ) -> T | Refusal:
        """Carry a change out, or with `dry_run` only look at what it would do."""
        writer = self._writers[ledger]
        if not dry_run:
            return await writer.submit(Change(build))

        def look(book: Book) -> T | Refusal:
            built = build(book, book.recorded_at)
            return built if isinstance(built, Refusal) else preview(book)

        return await writer.submit(Look(look))


def _nothing() -> Built[None]:
    return Built([], lambda _: None)


def _check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise MalformedRequest(f"no time zone: {name}", field="time_zone") from None


def _same_ledger(opening: Opening, asked: AskedLedger) -> bool:
    return (opening.name, opening.time_zone, opening.unique_references) == (
        asked.name,
        asked.time_zone,
        asked.unique_references,
    )


def _account(book: Book, code: str) -> Account:
    return book.account(book.numbers[code])


def _refuse_account(
    book: Book, asked: AskedAccount, fresh: dict[str, AskedAccount], position: int
) -> Refusal | None:
    """Why this account cannot be opened, or be there already, just so."""
    currency = book.currencies.get(asked.currency)
    if currency is None:
        return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND, position=position)
    lower, upper = _bounds(asked, currency.scale)
    used = Refusal(code=RefusalCode.ACCOUNT_CODE_USED, position=position)
    if asked.code in fresh:
        return None if fresh[asked.code] == asked else used
    if asked.code in book.numbers:
        there = _account(book, asked.code)
        same = (there.currency, there.nature, there.kind, there.lower, there.upper) == (
            asked.currency,
            asked.nature,
            asked.kind,
            NO_LOWER if lower is UNSET else lower,
            NO_UPPER if upper is UNSET else upper,
        )
        return None if same else used
    if looks_personal(asked.code) and not asked.confirm_personal_code:
        return Refusal(code=RefusalCode.ACCOUNT_CODE_LOOKS_PERSONAL, position=position)
    if lower is not UNSET and upper is not UNSET and lower > upper:
        return Refusal(code=RefusalCode.BOUNDS_CROSSED, position=position)
    return None


def _bounds(asked: AskedAccount, scale: int) -> tuple[int | UnsetType, int | UnsetType]:
    """Bounds as the journal writes them, from bounds on the balance as its nature shows it."""
    return _inner_bounds(
        asked.nature, _bound(asked.lower_bound, scale), _bound(asked.upper_bound, scale)
    )


def _inner_bounds(
    nature: Nature, lower: int | UnsetType, upper: int | UnsetType
) -> tuple[int | UnsetType, int | UnsetType]:
    """A debit account's balance is shown turned round, so its bounds change places and sign."""
    if nature is Nature.CREDIT:
        return lower, upper
    return (
        UNSET if upper is UNSET else -upper,
        UNSET if lower is UNSET else -lower,
    )


def _bound(text: str, scale: int) -> int | UnsetType:
    return UNSET if text == NONE else parse_bound(text, scale)


def _changes(
    book: Book, account: Account, asked: AskedChange, now: int, caller: Caller
) -> list[AnyLeaf]:
    """The lines a change amounts to; bounds first, so that closing sees them last."""
    lines: list[AnyLeaf] = []
    scale = book.currencies[account.currency].scale
    own_lower, own_upper = _inner_bounds(
        account.nature, _unset(account.lower), _unset(account.upper)
    )
    lower = own_lower if asked.lower_bound is UNSET else _bound(asked.lower_bound, scale)
    upper = own_upper if asked.upper_bound is UNSET else _bound(asked.upper_bound, scale)
    inner_lower, inner_upper = _inner_bounds(account.nature, lower, upper)
    if (inner_lower, inner_upper) != (_unset(account.lower), _unset(account.upper)):
        lines.append(
            LimitChanged(
                recorded_at=now,
                account=account.number,
                reason=asked.reason,
                by=caller.key,
                lower=inner_lower,
                upper=inner_upper,
            )
        )
    if asked.status is not UNSET and asked.status is not account.status:
        lines.append(
            StatusChanged(
                recorded_at=now,
                account=account.number,
                status=asked.status,
                reason=asked.reason,
                by=caller.key,
            )
        )
    return lines


def _unset(bound: int) -> int | UnsetType:
    return bound if abs(bound) <= AMOUNT_MAX else UNSET


def _changed(account: Account, line: AnyLeaf) -> Account:
    match line:
        case LimitChanged():
            return replace(
                account,
                lower=NO_LOWER if line.lower is UNSET else line.lower,
                upper=NO_UPPER if line.upper is UNSET else line.upper,
            )
        case StatusChanged():
            return replace(account, status=line.status)
    raise AssertionError(f"not a change of an account: {line}")


def _account_of(line: AccountOpened) -> Account:
    """How the account of a line stands when it is opened."""
    return Account(
        number=line.number,
        code=line.code,
        currency=line.currency,
        nature=line.nature,
        kind=line.kind,
        holder=line.holder,
        status=Status.OPEN,
        lower=NO_LOWER if line.lower is UNSET else line.lower,
        upper=NO_UPPER if line.upper is UNSET else line.upper,
        balance=0,
    )
