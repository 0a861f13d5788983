"""The state of one ledger: what its journal amounts to, and how a leaf changes it.

    line of the journal -> apply   -> the new state
    lines of a snapshot -> restore -> the state as it was

Nothing here waits or fails half-way: a refusal leaves the state exactly as it was.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from msgspec import UNSET, UnsetType

from ledger.core.days import Days
from ledger.core.demurrage import Demurrages
from ledger.core.disputes import Disputes
from ledger.core.earned import Earned
from ledger.core.faults import JournalBroken
from ledger.core.fees import Fees
from ledger.core.frozen import NATURES, STATUS_NUMBER, STATUSES, Frozen, StateSlice, renumbered
from ledger.core.holds import Holds
from ledger.core.leaves import (
    AccountOpened,
    AnyLeaf,
    BatchPosted,
    CurrencyAdded,
    LimitChanged,
    LimitEarned,
    LimitPlanned,
    LimitUnplanned,
    Opening,
    PaymentLimits,
    StatusChanged,
)
from ledger.core.levies import Levies
from ledger.core.model import NO_LOWER, NO_UPPER, Account, Currency, Nature, Side, Status
from ledger.core.orders import Orders
from ledger.core.parts import Part
from ledger.core.payments import Payments
from ledger.core.plans import Bounds, Plans
from ledger.core.policies import Policies
from ledger.core.posters import Posters
from ledger.core.proposals import Proposals
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.reserves import Reserves
from ledger.core.schedules import Schedules
from ledger.core.state_lines import AnyState, StateCurrency, StateHead
from ledger.core.suspense import Suspense
from ledger.core.undo import Undo
from ledger.core.workflows import Workflows

# Effective bounds that no balance can satisfy after a debit, or after a credit: balances are
# never beyond them, and amounts at least 1.
NO_DEBIT: Final = NO_UPPER
NO_CREDIT: Final = NO_LOWER

_CLOSED: Final = STATUS_NUMBER[Status.CLOSED]
_MAY_PAY: Final = {STATUS_NUMBER[s] for s in (Status.OPEN, Status.FROZEN_CREDITS)}
_MAY_BE_PAID: Final = {STATUS_NUMBER[s] for s in (Status.OPEN, Status.FROZEN_DEBITS)}

T = TypeVar("T")

# What changes an account that is there.
AccountChange = (
    LimitChanged | LimitPlanned | LimitUnplanned | LimitEarned | PaymentLimits | StatusChanged
)


class State:
    """Accounts, balances and bounds of one ledger after its first `size` leaves.

    Columns are indexed by account number; place 0 is nobody's. Integers are of 64 bits, so
    that a batch is decided on whole columns (running.py). A balance is credits minus debits
    in minor units. `floor` and `ceiling` are the bounds as they work now,
    with the status folded in, so that posting compares twice and asks nothing else.
    """

    def __init__(self) -> None:
        self.opening: Opening | None = None
        self.size = 0
        self.recorded_at = 0
        self.batches = 0
        self.transfers = 0
        self.currencies: dict[str, Currency] = {}
        self.scales: dict[str, int] = {}  # By currency.
        self.numbers: dict[str, int] = {}
        self.codes: list[str] = [""]
        self.balance = array("q", [0])
        self.floor = array("q", [NO_DEBIT])
        self.ceiling = array("q", [NO_CREDIT])
        self._currency = array("i", [-1])
        self._currency_codes: list[str] = []
        self._lower = array("q", [0])
        self._upper = array("q", [0])
        self._bounds_are_frozen = False  # Then they are copied before one changes.
        self._status = bytearray(1)
        self._nature = bytearray(1)
        self._kind = array("i", [0])
        self._kinds: list[str] = []
        self._kind_numbers: dict[str, int] = {}
        self._holders = bytearray(16)
        self._soft: dict[int, Side] = {}  # Accounts with soft bounds.
        self.holds = Holds(self.refold)
        self.suspense = Suspense()
        self.plans = Plans(self._bounds)
        self.earned = Earned(self)
        self.payments = Payments(lambda account: self.holds.pending_debits.get(account, 0))
        self.orders = Orders()
        self.days = Days()
        self.levies = Levies(self)
        self.demurrages = Demurrages(self)
        self.fees = Fees(self)
        self.reserves = Reserves(self)
        self.schedules = Schedules(self)
        self.posters = Posters(self)
        self.policies = Policies(self)
        self.workflows = Workflows(self)
        self.proposals = Proposals(self)
        self.disputes = Disputes(self)
        self.parts: tuple[Part, ...] = (  # As in snapshots.
            self.holds,
            self.suspense,
            self.days,
            self.levies,
            self.demurrages,
            self.fees,
            self.reserves,
            self.plans,
            self.earned,
            self.payments,
            self.orders,
            self.schedules,
            self.posters,
            self.policies,
            self.workflows,
            self.proposals,
            self.disputes,
        )
        self._part_of: dict[type, Part] = {
            kind: part for part in self.parts for kind in (*part.takes, *part.keeps)
        }
        self._hearers: dict[type, list[Part]] = {}
        for part in self.parts:
            for kind in part.hears:
                self._hearers.setdefault(kind, []).append(part)

    # ---- reading

    @property
    def accounts(self) -> int:
        """How many accounts there are; also the highest number."""
        return len(self.codes) - 1

    def account(self, number: int) -> Account:
        """The account as it stands now. `number` is 1 to `accounts`."""
        assert 1 <= number <= self.accounts, number
        return Account(
            number=number,
            code=self.codes[number],
            currency=self._currency_codes[self._currency[number]],
            nature=NATURES[self._nature[number]],
            kind=self._kinds[self._kind[number]],
            holder=self.holder_of(number),
            status=STATUSES[self._status[number]],
            lower=self._lower[number],
            upper=self._upper[number],
            balance=self.balance[number],
            pending_debits=self.holds.pending_debits.get(number, 0),
            pending_credits=self.holds.pending_credits.get(number, 0),
            soft=self._soft.get(number),
        )

    def group_of(self, number: int) -> tuple[str, Nature, str]:
        """The currency, nature and kind of an account, which never change."""
        return (
            self._currency_codes[self._currency[number]],
            NATURES[self._nature[number]],
            self._kinds[self._kind[number]],
        )

    def upper_of(self, number: int) -> int:
        """How far credits may bring the balance of an account."""
        return self._upper[number]

    def _bounds(self, number: int) -> Bounds:
        lower, upper = self._lower[number], self._upper[number]
        return Bounds(
            UNSET if lower == NO_LOWER else lower,
            UNSET if upper == NO_UPPER else upper,
            self._soft.get(number, UNSET),
        )

    def soft_floor(self, number: int) -> int:
        """The lower bound where it may be passed, with what is pending; else none."""
        if self._soft.get(number, Side.CREDIT) == Side.CREDIT:
            return NO_LOWER
        return self._lower[number] + self.holds.pending_debits.get(number, 0)

    def soft_ceiling(self, number: int) -> int:
        """The upper bound where it may be passed, with what is pending; else none."""
        if self._soft.get(number, Side.DEBIT) == Side.DEBIT:
            return NO_UPPER
        return self._upper[number] - self.holds.pending_credits.get(number, 0)

    def due(self) -> int | None:
        """When time next asks for a line, in microseconds since 1970; None for never."""
        return min((at for part in self.parts if (at := part.due()) is not None), default=None)

    def due_line(self, now: int) -> AnyLeaf | None:
        """A line that time asks for now; once it is applied there may be another."""
        for part in self.parts:
            line = part.due_line(now)
            if line is not None:
                return line
        return None

    def currency_of(self, number: int) -> str:
        """The code of the currency of an account; empty for place 0."""
        return self._currency_codes[self._currency[number]] if number else ""

    def sign_of(self, number: int) -> int:
        """What turns credits minus debits into the balance as the account's nature shows it."""
        return 1 if self._nature[number] else -1

    def currency_number(self, number: int) -> int:
        """The number of the currency of an account; -1 for place 0."""
        return self._currency[number]

    def frozen(self) -> Frozen:
        """The whole state as it stands now, for a snapshot, while the book goes on."""
        self._bounds_are_frozen = True
        return Frozen(self)

    def state(self) -> Iterator[AnyState]:
        """The whole state as the lines of a snapshot, in their order."""
        frozen = self.frozen()
        return iter(frozen.slice(0, frozen.count).lines())

    def restore(self, cut: StateSlice) -> None:
        """Take lines of a snapshot, in order, into a book that holds only those before.

        Raises:
            JournalBroken: the lines are not in order.
        """
        self._restore_lines(cut.first)
        self._restore_accounts(cut)
        self._restore_lines(cut.last)

    def _restore_lines(self, lines: Sequence[AnyState]) -> None:
        for line in lines:
            match line:
                case StateHead():
                    self.size, self.recorded_at = line.size, line.recorded_at
                    self.batches, self.transfers = line.batches, line.transfers
                    self.plans.size = line.size
                case StateCurrency():
                    self._add_currency(line)
                case _:
                    self._part_of[type(line)].restore(line)

    def _restore_accounts(self, cut: StateSlice) -> None:
        """Column by column: of these there are millions."""
        count = len(cut.codes)
        if count and cut.number != self.accounts + 1:
            raise JournalBroken(f"snapshot of size {self.size}", "accounts out of order")
        self.numbers.update(zip(cut.codes, range(cut.number, cut.number + count), strict=True))
        self.codes += cut.codes
        self.balance.frombytes(cut.balance)
        self.floor.frombytes(cut.lower)
        self.ceiling.frombytes(cut.upper)
        self._lower.frombytes(cut.lower)
        self._upper.frombytes(cut.upper)
        self._currency += renumbered(
            cut.currency, [self.currencies[code].number for code in cut.currencies]
        )
        self._kind += renumbered(cut.kind, list(map(self._kind_number, cut.kinds)))
        self._status += cut.status
        self._nature += cut.nature
        self._holders += cut.holders
        for number, (status, soft) in enumerate(
            zip(cut.status, cut.soft, strict=True), cut.number
        ):
            if status or soft is not None:  # 0 is open.
                self._set_soft(number, UNSET if soft is None else soft)
                self._refresh(number)

    # ---- changing, one line of the journal at a time

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why this leaf may not follow from the state, or None. Asked live and at replay."""
        match line:
            case BatchPosted():
                return None  # The most common; `post` saw to it.
            case AccountOpened():  # Next, since of these there are a million.
                return self._refuse_opening(line)
            case CurrencyAdded() if line.code in self.currencies:
                return Refusal(code=RefusalCode.CURRENCY_CODE_USED)
            case (
                LimitChanged()
                | LimitPlanned()
                | LimitUnplanned()
                | LimitEarned()
                | PaymentLimits()
                | StatusChanged()
            ):
                return self._refuse_change(line)
            case _ if type(line) in self._part_of:
                return self._part_of[type(line)].refuse(line)
        return None

    def _refuse_opening(self, line: AccountOpened) -> Refusal | None:
        if line.code in self.numbers:
            number = self.numbers[line.code]
            return Refusal(code=RefusalCode.ACCOUNT_CODE_USED, account=number)
        if or_else(line.lower, NO_LOWER) > or_else(line.upper, NO_UPPER):
            return Refusal(code=RefusalCode.BOUNDS_CROSSED)
        if line.currency not in self.currencies:
            return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND)
        return None

    def _refuse_change(self, line: AccountChange) -> Refusal | None:
        """Why an account may not be changed so, or None."""
        account, code = line.account, None
        if account > self.accounts:
            return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
        if self._status[account] == _CLOSED and not is_reopening(line):
            code = RefusalCode.ACCOUNT_CLOSED
        elif isinstance(line, StatusChanged):
            refusal = self.orders.refuse_status(line)
            if refusal is not None or line.status is not Status.CLOSED:
                return refusal
            code = self._why_needed(account)
        elif isinstance(line, LimitChanged | LimitPlanned):
            return self._refuse_bounds(line)
        else:
            return self._part_of[type(line)].refuse(line)
        return None if code is None else Refusal(code=code, account=account)

    def _why_needed(self, account: int) -> RefusalCode | None:
        """Why an account cannot be closed, the first of all reasons."""
        if self.balance[account] != 0:
            return RefusalCode.ACCOUNT_NOT_AT_ZERO
        found = {part.needs(account) for part in self.parts}
        return next((code for code in RefusalCode if code in found), None)

    def _refuse_bounds(self, line: LimitChanged | LimitPlanned) -> Refusal | None:
        account = line.account
        lower, upper = or_else(line.lower, NO_LOWER), or_else(line.upper, NO_UPPER)
        if lower > upper:
            return Refusal(code=RefusalCode.BOUNDS_CROSSED)
        if account in self.earned.rules:
            is_planned = isinstance(line, LimitPlanned)
            if is_planned or lower != self._lower[account] or upper < 0:
                return Refusal(code=RefusalCode.LIMIT_IS_EARNED, account=account)
        if isinstance(line, LimitPlanned) or line.plan is not UNSET:
            return self.plans.refuse(line)
        return None

    def apply(self, line: AnyLeaf) -> None:
        """Take a leaf into the state. Of a posted batch only its place: `post` did the rest.

        Raises:
            JournalBroken: the leaf cannot follow from the state.
        """
        if (self.size == 0) is not isinstance(line, Opening):
            raise JournalBroken(f"leaf {self.size}", "a journal has one opening, and first")
        if line.recorded_at < self.recorded_at:
            raise JournalBroken(f"leaf {self.size}", "the ledger's time went back")
        self.proposals.check_next(line)
        refusal = self.refuse(line)
        if refusal is not None:
            raise JournalBroken(f"leaf {self.size}", f"against the rules: {refusal.code}")
        match line:
            case BatchPosted():
                first = self.transfers - line.posted + 1
                if (line.number, line.first_sequence) != (self.batches, first):
                    raise JournalBroken(f"leaf {self.size}", "a batch out of order")
            case AccountOpened():
                self._add_account(line)
            case Opening():
                self.opening = line
            case CurrencyAdded():
                self._add_currency(line)
            case LimitChanged():
                self._thaw_bounds()
                self.plans.apply(line)
                self._lower[line.account] = or_else(line.lower, NO_LOWER)
                self._upper[line.account] = or_else(line.upper, NO_UPPER)
                self._set_soft(line.account, line.soft)
                self._refresh(line.account)
            case StatusChanged():
                self._status[line.account] = STATUS_NUMBER[line.status]
                self.orders.apply_status(line)
                if line.status is Status.CLOSED:
                    self.plans.drop_all(line.account)
                self._refresh(line.account)
            case _ if type(line) in self._part_of:
                self._part_of[type(line)].apply(line)
        if type(line) in self._hearers:
            for part in self._hearers[type(line)]:
                part.heard(line)
        self.recorded_at = line.recorded_at
        self.size += 1
        self.plans.size = self.size

    def _add_currency(self, line: CurrencyAdded | StateCurrency) -> None:
        number = len(self._currency_codes)
        self.currencies[line.code] = Currency(
            number=number, code=line.code, kind=line.kind, scale=line.scale
        )
        self.scales[line.code] = line.scale
        self._currency_codes.append(line.code)

    def _add_account(self, line: AccountOpened) -> None:
        currency = self.currencies[line.currency]
        if line.number != self.accounts + 1:
            raise JournalBroken(f"leaf {self.size}", f"account {line.number} out of order")
        lower, upper = or_else(line.lower, NO_LOWER), or_else(line.upper, NO_UPPER)
        self.numbers[line.code] = line.number
        self.codes.append(line.code)
        self.balance.append(0)
        self.floor.append(lower)
        self.ceiling.append(upper)
        self._currency.append(currency.number)
        self._lower.append(lower)
        self._upper.append(upper)
        self._status.append(0)
        self._nature.append(NATURES.index(line.nature))
        self._kind.append(self._kind_number(line.kind))
        self._holders += line.holder

    def _thaw_bounds(self) -> None:
        """Before a bound changes: a snapshot may still be reading them."""
        if self._bounds_are_frozen:
            self._lower, self._upper = self._lower[:], self._upper[:]
            self._bounds_are_frozen = False

    def _set_soft(self, number: int, soft: Side | UnsetType) -> None:
        if soft is UNSET:
            self._soft.pop(number, None)
        else:
            self._soft[number] = soft

    def _kind_number(self, kind: str) -> int:
        number = self._kind_numbers.setdefault(kind, len(self._kinds))
        if number == len(self._kinds):
            self._kinds.append(kind)
        return number

    def _refresh(self, number: int) -> None:
        self.floor[number], self.ceiling[number] = self._folded(number)

    def _folded(self, number: int) -> tuple[int, int]:
        """Bounds, status and what is pending of one account, as posting compares with them."""
        status, soft = self._status[number], self._soft.get(number)
        floor = NO_LOWER if soft in (Side.DEBIT, Side.BOTH) else self._lower[number]
        ceiling = NO_UPPER if soft in (Side.CREDIT, Side.BOTH) else self._upper[number]
        return (
            min(NO_DEBIT, floor + self.holds.pending_debits.get(number, 0))
            if status in _MAY_PAY
            else NO_DEBIT,
            max(NO_CREDIT, ceiling - self.holds.pending_credits.get(number, 0))
            if status in _MAY_BE_PAID
            else NO_CREDIT,
        )

    def refold(self, undo: Undo, number: int) -> None:
        """Take anew what bounds, a rule, the status and holds make of an account's bounds."""
        if number in self.earned.rules:
            self._thaw_bounds()
            undo.put(self._lower, number, self.earned.lower(number))
        floor, ceiling = self._folded(number)
        undo.put(self.floor, number, floor)
        undo.put(self.ceiling, number, ceiling)

    def holder_of(self, number: int) -> bytes:
        """Whose an account is."""
        return bytes(self._holders[16 * number : 16 * number + 16])

    def is_holder(self, holder: bytes) -> bool:
        """Whether anybody of that name has an account."""
        return next(self.held_by(holder), 0) > 0

    def held_by(self, holder: bytes) -> Iterator[int]:
        """The accounts somebody has, in order."""
        at = self._holders.find(holder, 16)
        while at > 0:
            if at % 16 == 0:  # Else the end of one, and the beginning of the next.
                yield at // 16
            at = self._holders.find(holder, at + 1)

    def unbind(self, undo: Undo, number: int) -> None:
        """Let any amount pass an account, as far as its bounds and limits go."""
        undo.put(self.floor, number, NO_LOWER)
        undo.put(self.ceiling, number, NO_UPPER)
        for kept in (self._soft, self.earned.rules, self.payments.limits):
            if number in kept:
                undo.drop(kept, number)

    # ---- why an amount cannot pass

    def why_gone(self, *accounts: int) -> Refusal | None:
        """Why a rule cannot name one of these accounts: it is not there, or closed."""
        if max(accounts) > self.accounts:
            return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
        closed = next((n for n in accounts if self._status[n] == _CLOSED), None)
        return (
            None if closed is None else Refusal(code=RefusalCode.ACCOUNT_CLOSED, account=closed)
        )

    def why_never(self, position: int, d: int, c: int) -> Refusal | None:
        """Why nothing can pass between these accounts, however they stand."""
        if d == 0:
            return Refusal(code=RefusalCode.DEBIT_ACCOUNT_NOT_FOUND, position=position)
        account: int | None = c
        if c == 0:
            code, account = RefusalCode.CREDIT_ACCOUNT_NOT_FOUND, None
        elif d == c:
            code = RefusalCode.ACCOUNTS_MUST_DIFFER
        elif self._currency[d] != self._currency[c]:
            code = RefusalCode.ACCOUNTS_OF_DIFFERENT_CURRENCIES
        else:
            return None
        return Refusal(code=code, position=position, account=account)

    def why_shut(self, position: int, d: int, c: int) -> Refusal | None:
        """Why the status of one of these accounts keeps anything from passing."""
        account = c
        if self._status[d] == _CLOSED:
            code, account = RefusalCode.DEBIT_ACCOUNT_CLOSED, d
        elif self._status[c] == _CLOSED:
            code = RefusalCode.CREDIT_ACCOUNT_CLOSED
        elif self._status[d] not in _MAY_PAY:
            code, account = RefusalCode.DEBIT_ACCOUNT_FROZEN, d
        elif self._status[c] not in _MAY_BE_PAID:
            code = RefusalCode.CREDIT_ACCOUNT_FROZEN
        else:
            return None
        return Refusal(code=code, position=position, account=account)

    def why_not(
        self, position: int, d: int, c: int, amount: int, *, besides: int = 0
    ) -> Refusal | None:
        """Why this amount cannot pass between these accounts as they stand now.

        `besides` is what the debited account pays in the same entry, or below 0 gets back.
        """
        refusal = self.why_shut(position, d, c)
        if refusal is not None:
            return refusal
        account = c
        if self.balance[d] - besides - amount < self.floor[d]:
            code, account = RefusalCode.EXCEEDS_CREDIT_LIMIT, d
            available = max(0, self.balance[d] - besides - self.floor[d])
        elif self.balance[c] + amount > self.ceiling[c]:
            code = RefusalCode.EXCEEDS_BALANCE_LIMIT
            available = max(0, self.ceiling[c] - self.balance[c])
        else:
            return None
        return Refusal(code=code, position=position, account=account, available=available)


def is_reopening(line: AnyLeaf) -> bool:
    """Whether this opens an account, which is all that may become of a closed one."""
    return isinstance(line, StatusChanged) and line.status is Status.OPEN


def or_else(value: T | UnsetType, otherwise: T) -> T:
    """What an optional field says, or what holds where it says nothing."""
    return otherwise if value is UNSET else value
