"""The book: the state of one ledger, and the one place where it changes.

    line of the journal -> apply        -> the new state
    transfers           -> post         -> Posted, or Refusal and nothing changed

Live posting and replay walk the same road. Nothing here waits or fails half-way: a
refusal leaves the book exactly as it was.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Final, TypeVar

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from ledger.core.days import Days, Rows, late_of
from ledger.core.demurrage import Demurrages
from ledger.core.disputes import Disputes
from ledger.core.earned import Earned
from ledger.core.faults import JournalBroken
from ledger.core.fees import Fees
from ledger.core.frozen import NATURES, STATUSES, Frozen
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
from ledger.core.lines import Manifest, Transfer
from ledger.core.model import (
    NO_LOWER,
    NO_UPPER,
    Account,
    Currency,
    Late,
    Mode,
    Phase,
    Side,
    Status,
)
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
from ledger.core.state_lines import AnyState, StateAccount, StateCurrency, StateHead
from ledger.core.suspense import Suspense
from ledger.core.terms import (
    NO_NOTE,
    NO_PAST,
    Note,
    Past,
    Posting,
    day_of,
    is_adjusting,
    kinds_of,
)
from ledger.core.undo import Undo
from ledger.core.workflows import Workflows

# Effective bounds that no balance can satisfy: "no debit" and "no credit".
NO_DEBIT: Final = NO_UPPER + 1
NO_CREDIT: Final = NO_LOWER - 1

_STATUS_NUMBER: Final = {status: number for number, status in enumerate(STATUSES)}
_CLOSED: Final = _STATUS_NUMBER[Status.CLOSED]
_MAY_PAY: Final = {_STATUS_NUMBER[s] for s in (Status.OPEN, Status.FROZEN_CREDITS)}
_MAY_BE_PAID: Final = {_STATUS_NUMBER[s] for s in (Status.OPEN, Status.FROZEN_DEBITS)}

T = TypeVar("T")

# What changes an account that is there.
AccountChange = (
    LimitChanged | LimitPlanned | LimitUnplanned | LimitEarned | PaymentLimits | StatusChanged
)

# A set is made faster than any() looks, and of most batches it has one member.
NONE_SET: Final = {UNSET}
NOTHING_USED: Final[Container[tuple[str, str]]] = frozenset()


class Posted(Struct, frozen=True, kw_only=True):
    """What a batch did: columns of what was posted, in order, and the refusals between.

    Transfer i of the columns stood at `positions[i]` of its batch and has the sequence
    `first_sequence + i`; balances are minor units, credits minus debits, after it.
    `refused` is empty but for `each` batches. A transfer under terms may have made several
    rows, which share its position; `phases` (model.Phase) is empty where all are posted.
    `notes` says by position what was done otherwise than the line says.
    """

    number: int
    first_sequence: int
    positions: Sequence[int]
    debit: list[int]
    credit: list[int]
    amount: list[int]
    debit_balance: list[int]
    credit_balance: list[int]
    refused: tuple[Refusal, ...] = ()
    phases: Sequence[int] = ()
    notes: Mapping[int, Note] = {}

    def sequences(self) -> Iterator[tuple[int, int]]:
        """Position and sequence of each posted transfer: its own row, or its first."""
        before = -1
        for sequence, position in enumerate(self.positions, self.first_sequence):
            if position != before:
                yield position, sequence
            before = position


class Book:
    """Accounts, balances and bounds of one ledger after its first `size` leaves.

    Columns are indexed by account number; place 0 is nobody's. A balance is credits
    minus debits in minor units. `floor` and `ceiling` are the bounds as they work now,
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
        self.balance: list[int] = [0]
        self.floor: list[int] = [NO_DEBIT]
        self.ceiling: list[int] = [NO_CREDIT]
        self._currency: list[int] = [-1]
        self._currency_codes: list[str] = []
        self._lower: list[int] = [0]
        self._upper: list[int] = [0]
        self._bounds_are_frozen = False  # Then they are copied before one changes.
        self._status = bytearray(1)
        self._nature = bytearray(1)
        self._kind: list[int] = [0]
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
        self._undo: Undo | None = None  # Of the last batch, if it was posted under terms,
        self._counted: Rows | None = None  # and what it counted for its days.

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
            holder=bytes(self._holders[16 * number : 16 * number + 16]),
            status=STATUSES[self._status[number]],
            lower=self._lower[number],
            upper=self._upper[number],
            balance=self.balance[number],
            pending_debits=self.holds.pending_debits.get(number, 0),
            pending_credits=self.holds.pending_credits.get(number, 0),
            soft=self._soft.get(number),
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

    def restore(self, lines: Sequence[AnyState]) -> None:
        """Take lines of a snapshot, in order, into a book that holds only those before.

        Raises:
            JournalBroken: the lines are not in order.
        """
        accounts: list[StateAccount] = []
        for line in lines:
            match line:
                case StateAccount():
                    accounts.append(line)
                case StateHead():
                    self.size, self.recorded_at = line.size, line.recorded_at
                    self.batches, self.transfers = line.batches, line.transfers
                    self.plans.size = line.size
                case StateCurrency():
                    self._add_currency(line)
                case _:
                    self._restore_accounts(accounts)
                    accounts = []
                    self._part_of[type(line)].restore(line)
        self._restore_accounts(accounts)

    def _restore_accounts(self, lines: Sequence[StateAccount]) -> None:
        """Column by column: of these there are a million."""
        numbers = range(self.accounts + 1, self.accounts + 1 + len(lines))
        if [line.number for line in lines] != list(numbers):
            raise JournalBroken(f"snapshot of size {self.size}", "accounts out of order")
        lower = [_or(line.lower, NO_LOWER) for line in lines]
        upper = [_or(line.upper, NO_UPPER) for line in lines]
        codes = [line.code for line in lines]
        self.numbers.update(zip(codes, numbers, strict=True))
        self.codes += codes
        self.balance += [int(line.balance) for line in lines]
        self.floor += lower
        self.ceiling += upper
        self._currency += [self.currencies[line.currency].number for line in lines]
        self._lower += lower
        self._upper += upper
        self._status += bytes(_STATUS_NUMBER[line.status] for line in lines)
        self._nature += bytes(NATURES.index(line.nature) for line in lines)
        kinds = {kind: self._kind_number(kind) for kind in {line.kind for line in lines}}
        self._kind += [kinds[line.kind] for line in lines]
        self._holders += b"".join(line.holder for line in lines)
        for line in lines:
            if line.status is not Status.OPEN or line.soft is not UNSET:
                self._set_soft(line.number, line.soft)
                self._refresh(line.number)

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
        if line.currency not in self.currencies:
            return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND)
        if _or(line.lower, NO_LOWER) > _or(line.upper, NO_UPPER):
            return Refusal(code=RefusalCode.BOUNDS_CROSSED)
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
            if self.balance[account] != 0:
                code = RefusalCode.ACCOUNT_NOT_AT_ZERO
            elif self.holds.on(account):
                code = RefusalCode.ACCOUNT_HAS_HOLDS
        elif isinstance(line, LimitChanged | LimitPlanned):
            return self._refuse_bounds(line)
        else:
            return self._part_of[type(line)].refuse(line)
        return None if code is None else Refusal(code=code, account=account)

    def _refuse_bounds(self, line: LimitChanged | LimitPlanned) -> Refusal | None:
        account = line.account
        lower, upper = _or(line.lower, NO_LOWER), _or(line.upper, NO_UPPER)
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
                self._lower[line.account] = _or(line.lower, NO_LOWER)
                self._upper[line.account] = _or(line.upper, NO_UPPER)
                self._set_soft(line.account, line.soft)
                self._refresh(line.account)
            case StatusChanged():
                self._status[line.account] = _STATUS_NUMBER[line.status]
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
        lower, upper = _or(line.lower, NO_LOWER), _or(line.upper, NO_UPPER)
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
            self._lower, self._upper = self._lower.copy(), self._upper.copy()
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
            floor + self.holds.pending_debits.get(number, 0)
            if status in _MAY_PAY
            else NO_DEBIT,
            ceiling - self.holds.pending_credits.get(number, 0)
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

    # ---- posting

    def post(
        self,
        manifest: Manifest,
        transfers: Sequence[Transfer],
        *,
        recorded_at: int,
        business_date: date,
        used: Container[tuple[str, str]] = NOTHING_USED,
        past: Mapping[int, Past] = NO_PAST,
        key: str = "",
        is_trial: bool = False,
    ) -> Posted | Refusal:
        """Post a batch: all of it, or with `each` what can be, or nothing.

        Args:
            recorded_at: microseconds since 1970, not before the last leaf's.
            business_date: the day of the ledger; the latest that is open.
            used: pairs of source and reference that are taken, where the ledger's rules
                say that references are unique; otherwise empty.
            past: the transfers that `targets_of` these asks for, where they are there.
            key: the API key it came with, whose role rules of approval may ask for.
            is_trial: only to be looked at and taken back; nobody need approve.

        The caller then writes the leaf and gives it to `apply`.
        """
        if recorded_at > manifest.expires:
            return Refusal(code=RefusalCode.BATCH_EXPIRED)
        if not self.days.is_open(business_date, business_date):
            return Refusal(code=RefusalCode.NO_DAY_OPEN)
        last = self.accounts
        debit = [t.debit_account for t in transfers]
        credit = [t.credit_account for t in transfers]
        if max(debit) > last or max(credit) > last:
            debit = [number if number <= last else 0 for number in debit]
            credit = [number if number <= last else 0 for number in credit]
        amount = [t.amount for t in transfers]
        refusal = self._refuse_control_sums(manifest, debit, credit, amount)
        if refusal is not None:
            return refusal
        moved: dict[int, date] = {}
        barred = self._barred(manifest, transfers, business_date, used, moved)
        if (self.policies.rules or self.proposals.ending is not None) and not is_trial:
            refusal = self._why_to_wait(manifest, transfers, (debit, credit), barred, key)
            if refusal is not None:
                return refusal
        self._undo = self._counted = None
        if self._has_terms(transfers, debit, credit):
            posting = Posting(
                self,
                transfers,
                (debit, credit, amount),
                barred,
                recorded_at=recorded_at,
                business_date=business_date,
                past=past,
            )
            outcome = self._post_under_terms(posting, manifest.mode)
        elif manifest.mode is Mode.ATOMIC:
            outcome = self._post_all(debit, credit, amount, barred)
        else:
            outcome = self._post_each(debit, credit, amount, barred)
        if isinstance(outcome, Refusal):
            return outcome
        posted = _moved(outcome, moved) if moved else outcome
        self._counted = self._rows(manifest, transfers, posted, business_date)
        self.days.count(self._counted)
        return posted

    def _why_to_wait(
        self,
        manifest: Manifest,
        transfers: Sequence[Transfer],
        sides: tuple[Sequence[int], Sequence[int]],
        barred: Mapping[int, Refusal],
        key: str,
    ) -> Refusal | None:
        """Why a batch must wait for somebody's approval, or is not what was approved.

        What will be refused whoever approves it is refused at once.
        """
        needed = Refusal(code=RefusalCode.APPROVAL_NEEDED)
        proposal = self.proposals.agreed(manifest.origin.rpartition("/")[2])
        if proposal is not None:
            if not proposal.is_of(transfers, *sides, sums=self.sums(transfers, *sides)):
                return Refusal(code=RefusalCode.CONTROL_SUMS_DIFFER)
            wanted = self.policies.wanted(transfers, *sides, key, before=proposal.index)
            return needed if wanted.approvals > len(proposal.approved) else None
        if manifest.mode is Mode.ATOMIC and (
            barred or any(map(self.why_never, range(len(transfers)), *sides))
        ):
            return None
        return needed if self.policies.wanted(transfers, *sides, key).approvals else None

    def sums(
        self, transfers: Sequence[Transfer], debit: Sequence[int], credit: Sequence[int]
    ) -> dict[str, str]:
        """The sums of some transfers by currency, as lines have them."""
        sums: dict[str, int] = {}
        for t, d, c in zip(transfers, debit, credit, strict=True):
            code = self.currency_of(d or c)
            sums[code] = sums.get(code, 0) + t.amount
        return {code: str(total) for code, total in sums.items() if code}

    def unpost(self, posted: Posted) -> None:
        """Take back the last batch posted, before its leaf was applied."""
        assert posted.number == self.batches, "only the last batch can be taken back"
        if self._undo is None:
            self._walk_back(posted.debit, posted.credit, posted.amount)
        else:
            self._undo.back_to(0)
        assert self._counted is not None
        self.days.count(self._counted, -1)
        self.batches -= 1
        self.transfers -= len(posted.amount)

    def _rows(
        self,
        manifest: Manifest,
        transfers: Sequence[Transfer],
        posted: Posted,
        business_date: date,
    ) -> Rows:
        """What of a batch counts for its days: one key where it has one, else a row each."""
        kinds = {t.kind for t in transfers}
        days = {t.business_date for t in transfers}
        is_plain = len(kinds) == len(days) == 1 and not (posted.phases or posted.notes)
        if is_plain and len(self.currencies) == 1:
            day = days.pop()
            return Rows(
                source=_or(manifest.source, ""),
                currencies=self._currency_codes[0],
                kinds=kinds.pop(),
                days=_or(day, business_date),
                amounts=posted.amount,
            )
        # Adjustments are no part of a day: theirs is closed, and says what it came to.
        phases = posted.phases or [Phase.POSTED] * len(posted.amount)
        at = [i for i, phase in enumerate(phases) if phase == Phase.POSTED]
        all_kinds = kinds_of(transfers, posted)
        return Rows(
            source=_or(manifest.source, ""),
            currencies=[self.currency_of(posted.debit[i]) for i in at],
            kinds=[all_kinds[i] for i in at],
            days=[day_of(transfers, posted, i, business_date) for i in at],
            amounts=[posted.amount[i] for i in at],
        )

    def _has_terms(
        self, transfers: Sequence[Transfer], debit: list[int], credit: list[int]
    ) -> bool:
        """Whether a batch asks for more than two comparisons, or an account of it does."""
        soft = self._soft.keys()
        return (
            {t.terms for t in transfers} != NONE_SET
            or (bool(soft) and not (soft.isdisjoint(debit) and soft.isdisjoint(credit)))
            or any(part.concerns(transfers, debit, credit) for part in self.parts)
        )

    def _post_under_terms(self, posting: Posting, mode: Mode) -> Posted | Refusal:
        if mode is Mode.EACH:
            posting.post_each()
        else:
            refusal = posting.post_all()
            if refusal is not None:
                return refusal
        self._undo = posting.undo
        first = self.transfers + 1
        self.batches += 1
        self.transfers += len(posting.amount)
        return Posted(
            number=self.batches,
            first_sequence=first,
            positions=posting.positions,
            debit=posting.debit,
            credit=posting.credit,
            amount=posting.amount,
            debit_balance=posting.debit_balance,
            credit_balance=posting.credit_balance,
            refused=tuple(posting.refused),
            phases=posting.phases if any(posting.phases) else (),
            notes=posting.notes,
        )

    def _post_all(
        self, debit: list[int], credit: list[int], amount: list[int], barred: dict[int, Refusal]
    ) -> Posted | Refusal:
        balance, floor, ceiling, currency = (
            self.balance,
            self.floor,
            self.ceiling,
            self._currency,
        )
        debit_balance: list[int] = []
        credit_balance: list[int] = []
        after_debit, after_credit = debit_balance.append, credit_balance.append
        columns = zip(debit, credit, amount, strict=True)
        for d, c, a in islice(columns, min(barred)) if barred else columns:
            x = balance[d] - a
            y = balance[c] + a
            if x < floor[d] or y > ceiling[c] or d == c or currency[d] != currency[c]:
                break
            balance[d] = x
            balance[c] = y
            after_debit(x)
            after_credit(y)
        done = len(debit_balance)
        if done < len(amount):
            refusal = self._why(done, debit[done], credit[done], amount[done], barred)
            self._walk_back(debit[:done], credit[:done], amount[:done])
            return refusal
        return self._posted(range(done), debit, credit, amount, debit_balance, credit_balance)

    def _post_each(
        self, debit: list[int], credit: list[int], amount: list[int], barred: dict[int, Refusal]
    ) -> Posted:
        balance, floor, ceiling, currency = (
            self.balance,
            self.floor,
            self.ceiling,
            self._currency,
        )
        positions: list[int] = []
        debit_balance: list[int] = []
        credit_balance: list[int] = []
        refused: list[Refusal] = []
        for position, (d, c, a) in enumerate(zip(debit, credit, amount, strict=True)):
            x = balance[d] - a
            y = balance[c] + a
            if (
                x < floor[d]
                or y > ceiling[c]
                or d == c
                or currency[d] != currency[c]
                or position in barred
            ):
                refused.append(self._why(position, d, c, a, barred))
                continue
            balance[d] = x
            balance[c] = y
            positions.append(position)
            debit_balance.append(x)
            credit_balance.append(y)
        if refused:
            debit = [debit[i] for i in positions]
            credit = [credit[i] for i in positions]
            amount = [amount[i] for i in positions]
        return self._posted(
            positions, debit, credit, amount, debit_balance, credit_balance, tuple(refused)
        )

    def _posted(
        self,
        positions: Sequence[int],
        debit: list[int],
        credit: list[int],
        amount: list[int],
        debit_balance: list[int],
        credit_balance: list[int],
        refused: tuple[Refusal, ...] = (),
    ) -> Posted:
        assert len(debit_balance) == len(credit_balance) == len(amount), "columns of one length"
        first = self.transfers + 1
        self.batches += 1
        self.transfers += len(amount)
        return Posted(
            number=self.batches,
            first_sequence=first,
            positions=positions,
            debit=debit,
            credit=credit,
            amount=amount,
            debit_balance=debit_balance,
            credit_balance=credit_balance,
            refused=refused,
        )

    def _walk_back(self, debit: list[int], credit: list[int], amount: list[int]) -> None:
        balance = self.balance
        for d, c, a in zip(debit, credit, amount, strict=True):
            balance[d] += a
            balance[c] -= a

    def _refuse_control_sums(
        self, manifest: Manifest, debit: list[int], credit: list[int], amount: list[int]
    ) -> Refusal | None:
        """Compare what the poster declared with the sums of the lines, by currency.

        Where `atomic` transfers name accounts that are not there, that is the older
        mistake, and `post` finds it.
        """
        if manifest.control_sums is UNSET:
            return None
        if manifest.mode is Mode.ATOMIC and (min(debit) == 0 or min(credit) == 0):
            return None
        sums: dict[str, int] = {}
        for d, c, a in zip(debit, credit, amount, strict=True):
            code = self.currency_of(d or c)
            sums[code] = sums.get(code, 0) + a
        if {code: str(total) for code, total in sums.items()} == manifest.control_sums:
            return None
        return Refusal(code=RefusalCode.CONTROL_SUMS_DIFFER)

    def _barred(
        self,
        manifest: Manifest,
        transfers: Sequence[Transfer],
        business_date: date,
        used: Container[tuple[str, str]],
        moved: dict[int, date],
    ) -> dict[int, Refusal]:
        """Positions refused for their reference or dates, whatever the balances are.

        Those that count for a later day than their own are noted in `moved`.
        """
        barred: dict[int, Refusal] = {}
        stated = {t.business_date for t in transfers}
        if any(d is not UNSET and not self.days.is_open(d, business_date) for d in stated):
            self._bar_days(manifest, transfers, business_date, barred, moved)
        if {t.value_date for t in transfers} != NONE_SET:
            self._bar_value_dates(transfers, business_date, barred, moved)
        assert self.opening is not None, "a book is opened before it posts"
        if self.opening.unique_references:
            source = _or(manifest.source, "")
            seen: set[str] = set()
            for position, t in enumerate(transfers):
                if t.reference and (t.reference in seen or (source, t.reference) in used):
                    barred[position] = Refusal(
                        code=RefusalCode.REFERENCE_USED, position=position
                    )
                seen.add(t.reference)
        return barred

    def _bar_days(
        self,
        manifest: Manifest,
        transfers: Sequence[Transfer],
        business_date: date,
        barred: dict[int, Refusal],
        moved: dict[int, date],
    ) -> None:
        late = late_of(manifest)
        for position, t in enumerate(transfers):
            if t.business_date is UNSET or is_adjusting(t):
                continue
            day: date | None = t.business_date
            if not self.days.is_open(t.business_date, business_date):
                is_moved = late is Late.NEXT_OPEN_DAY
                day = self.days.next_open(t.business_date, business_date) if is_moved else None
            if day is None:
                barred[position] = Refusal(
                    code=RefusalCode.BUSINESS_DATE_NOT_OPEN, position=position
                )
            elif day != t.business_date:
                moved[position] = day

    def _bar_value_dates(
        self,
        transfers: Sequence[Transfer],
        business_date: date,
        barred: dict[int, Refusal],
        moved: Mapping[int, date],
    ) -> None:
        for position, t in enumerate(transfers):
            day = moved.get(position, _or(t.business_date, business_date))
            if t.value_date is not UNSET and not self.days.is_value_allowed(t.value_date, day):
                refusal = Refusal(code=RefusalCode.VALUE_DATE_TOO_EARLY, position=position)
                barred.setdefault(position, refusal)

    def _why(
        self, position: int, d: int, c: int, amount: int, barred: Mapping[int, Refusal]
    ) -> Refusal:
        """The first reason, in the order of RefusalCode, why this transfer cannot be."""
        refusal = self.why_never(position, d, c) or barred.get(position)
        refusal = refusal or self.why_not(position, d, c, amount)
        assert refusal is not None, "refused without a reason"
        return refusal

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
        self, position: int, d: int, c: int, amount: int, *, comes_back: int = 0
    ) -> Refusal | None:
        """Why this amount cannot pass between these accounts as they stand now."""
        refusal = self.why_shut(position, d, c)
        if refusal is not None:
            return refusal
        account = c
        if self.balance[d] + comes_back - amount < self.floor[d]:
            code, account = RefusalCode.EXCEEDS_CREDIT_LIMIT, d
            available = max(0, self.balance[d] + comes_back - self.floor[d])
        elif self.balance[c] + amount > self.ceiling[c]:
            code = RefusalCode.EXCEEDS_BALANCE_LIMIT
            available = max(0, self.ceiling[c] - self.balance[c])
        else:
            return None
        return Refusal(code=code, position=position, account=account, available=available)


def is_reopening(line: AnyLeaf) -> bool:
    """Whether this opens an account, which is all that may become of a closed one."""
    return isinstance(line, StatusChanged) and line.status is Status.OPEN


def _moved(posted: Posted, moved: Mapping[int, date]) -> Posted:
    """The same, with the later days noted of those that were posted."""
    notes = dict(posted.notes)
    for position in {*posted.positions} & moved.keys():
        note = notes.get(position, NO_NOTE)
        notes[position] = replace(note, business_date=moved[position])
    return replace(posted, notes=notes)


def _or(value: T | UnsetType, otherwise: T) -> T:
    return otherwise if value is UNSET else value
