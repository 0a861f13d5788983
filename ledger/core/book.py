"""The book: the state of one ledger, and the one place where it changes.

    line of the journal -> apply        -> the new state
    transfers           -> post         -> Posted, or Refusal and nothing changed

Live posting and replay walk the same road. Nothing here waits or fails half-way: a
refusal leaves the book exactly as it was.
"""

from collections.abc import Container, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Final, TypeVar

from msgspec import UNSET, Struct, UnsetType

from ledger.core.faults import JournalBroken
from ledger.core.lines import (
    RULES,
    AccountOpened,
    AnyLeaf,
    BatchPosted,
    CurrencyAdded,
    LimitChanged,
    Manifest,
    Opening,
    StateAccount,
    StateCurrency,
    StateHead,
    StatusChanged,
    Transfer,
)
from ledger.core.model import (
    NO_LOWER,
    NO_UPPER,
    Account,
    Currency,
    Mode,
    Nature,
    Status,
)
from ledger.core.refusals import Refusal, RefusalCode

# Effective bounds that no balance can satisfy: "no debit" and "no credit".
NO_DEBIT: Final = NO_UPPER + 1
NO_CREDIT: Final = NO_LOWER - 1

_STATUSES: Final = (Status.OPEN, Status.FROZEN, Status.CLOSED)
_STATUS_NUMBER: Final = {status: number for number, status in enumerate(_STATUSES)}
_FROZEN: Final = _STATUS_NUMBER[Status.FROZEN]
_CLOSED: Final = _STATUS_NUMBER[Status.CLOSED]
_NATURES: Final = (Nature.DEBIT, Nature.CREDIT)  # By number; sign_of knows it too.

T = TypeVar("T")

NOTHING_USED: Final[Container[tuple[str, str]]] = frozenset()


class Posted(Struct, frozen=True, kw_only=True):
    """What a batch did: columns of what was posted, in order, and the refusals between.

    Transfer i of the columns stood at `positions[i]` of its batch and has the sequence
    `first_sequence + i`; balances are minor units, credits minus debits, after it.
    `refused` is empty but for `each` batches.
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


StateLine = StateHead | StateCurrency | StateAccount


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
            nature=_NATURES[self._nature[number]],
            kind=self._kinds[self._kind[number]],
            holder=bytes(self._holders[16 * number : 16 * number + 16]),
            status=_STATUSES[self._status[number]],
            lower=self._lower[number],
            upper=self._upper[number],
            balance=self.balance[number],
        )

    def currency_of(self, number: int) -> str:
        """The code of the currency of an account; empty for place 0."""
        return self._currency_codes[self._currency[number]] if number else ""

    def sign_of(self, number: int) -> int:
        """What turns credits minus debits into the balance as the account's nature shows it."""
        return 1 if self._nature[number] else -1

    def currency_number(self, number: int) -> int:
        """The number of the currency of an account; -1 for place 0."""
        return self._currency[number]

    def frozen(self) -> "Frozen":
        """The whole state as it stands now, for a snapshot, while the book goes on."""
        self._bounds_are_frozen = True
        return Frozen(self)

    def state(self) -> Iterator[StateLine]:
        """The whole state as the lines of a snapshot, in their order."""
        frozen = self.frozen()
        return iter(frozen.slice(0, frozen.count).lines())

    def restore(self, lines: Sequence[StateLine]) -> None:
        """Take lines of a snapshot, in order, into a book that holds only those before.

        Raises:
            JournalBroken: the lines are not in order.
        """
        accounts: list[StateAccount] = []
        for line in lines:
            if isinstance(line, StateAccount):
                accounts.append(line)
            elif isinstance(line, StateCurrency):
                self._add_currency(line)
            else:
                self.size, self.recorded_at = line.size, line.recorded_at
                self.batches, self.transfers = line.batches, line.transfers
        self._restore_accounts(accounts)

    def _restore_accounts(self, lines: Sequence[StateAccount]) -> None:
        """Column by column: of these there are a million."""
        numbers = range(self.accounts + 1, self.accounts + 1 + len(lines))
        if [line.number for line in lines] != list(numbers):
            raise JournalBroken(f"snapshot of size {self.size}", "accounts out of order")
        status = [_STATUSES.index(line.status) for line in lines]
        lower = [_or(line.lower, NO_LOWER) for line in lines]
        upper = [_or(line.upper, NO_UPPER) for line in lines]
        codes = [line.code for line in lines]
        self.numbers.update(zip(codes, numbers, strict=True))
        self.codes += codes
        self.balance += [int(line.balance) for line in lines]
        self.floor += [NO_DEBIT if s else bound for s, bound in zip(status, lower, strict=True)]
        self.ceiling += [
            NO_CREDIT if s else bound for s, bound in zip(status, upper, strict=True)
        ]
        self._currency += [self.currencies[line.currency].number for line in lines]
        self._lower += lower
        self._upper += upper
        self._status += bytes(status)
        self._nature += bytes(_NATURES.index(line.nature) for line in lines)
        kinds = {kind: self._kind_number(kind) for kind in {line.kind for line in lines}}
        self._kind += [kinds[line.kind] for line in lines]
        self._holders += b"".join(line.holder for line in lines)

    # ---- changing, one line of the journal at a time

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why this leaf may not follow from the state, or None. Asked live and at replay."""
        match line:
            case AccountOpened():  # First, since of these there are a million.
                if line.code in self.numbers:
                    number = self.numbers[line.code]
                    return Refusal(code=RefusalCode.ACCOUNT_CODE_USED, account=number)
                if line.currency not in self.currencies:
                    return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND)
                return _refuse_crossed(line)
            case CurrencyAdded() if line.code in self.currencies:
                return Refusal(code=RefusalCode.CURRENCY_CODE_USED)
            case LimitChanged() | StatusChanged() if line.account > self.accounts:
                return Refusal(code=RefusalCode.ACCOUNT_NOT_FOUND)
            case LimitChanged() | StatusChanged() if self._status[line.account] == _CLOSED:
                return Refusal(code=RefusalCode.ACCOUNT_CLOSED, account=line.account)
            case StatusChanged(status=Status.CLOSED) if self.balance[line.account] != 0:
                return Refusal(code=RefusalCode.ACCOUNT_NOT_AT_ZERO, account=line.account)
            case LimitChanged():
                return _refuse_crossed(line)
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
        refusal = self.refuse(line)
        if refusal is not None:
            raise JournalBroken(f"leaf {self.size}", f"against the rules: {refusal.code}")
        match line:
            case AccountOpened():
                self._add_account(line)
            case Opening():
                self.opening = line
            case CurrencyAdded():
                self._add_currency(line)
            case LimitChanged():
                if self._bounds_are_frozen:
                    self._lower, self._upper = self._lower.copy(), self._upper.copy()
                    self._bounds_are_frozen = False
                self._lower[line.account] = _or(line.lower, NO_LOWER)
                self._upper[line.account] = _or(line.upper, NO_UPPER)
                self._refresh(line.account)
            case StatusChanged():
                self._status[line.account] = _STATUS_NUMBER[line.status]
                self._refresh(line.account)
            case BatchPosted():
                first = self.transfers - line.posted + 1
                if (line.number, line.first_sequence) != (self.batches, first):
                    raise JournalBroken(f"leaf {self.size}", "a batch out of order")
        self.recorded_at = line.recorded_at
        self.size += 1

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
        self._nature.append(_NATURES.index(line.nature))
        self._kind.append(self._kind_number(line.kind))
        self._holders += line.holder

    def _kind_number(self, kind: str) -> int:
        number = self._kind_numbers.setdefault(kind, len(self._kinds))
        if number == len(self._kinds):
            self._kinds.append(kind)
        return number

    def _refresh(self, number: int) -> None:
        """Fold bounds and status of one account into what posting compares with."""
        is_open = self._status[number] == 0
        self.floor[number] = self._lower[number] if is_open else NO_DEBIT
        self.ceiling[number] = self._upper[number] if is_open else NO_CREDIT

    # ---- posting

    def post(
        self,
        manifest: Manifest,
        transfers: Sequence[Transfer],
        *,
        recorded_at: int,
        business_date: date,
        used: Container[tuple[str, str]] = NOTHING_USED,
    ) -> Posted | Refusal:
        """Post a batch: all of it, or with `each` what can be, or nothing.

        Args:
            recorded_at: microseconds since 1970, not before the last leaf's.
            business_date: the day of the ledger; the latest that is open.
            used: pairs of source and reference that are taken, where the ledger's rules
                say that references are unique; otherwise empty.

        The caller then writes the leaf and gives it to `apply`.
        """
        if recorded_at > manifest.expires:
            return Refusal(code=RefusalCode.BATCH_EXPIRED)
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
        barred = self._barred(manifest, transfers, business_date, used)
        if manifest.mode is Mode.ATOMIC:
            return self._post_all(debit, credit, amount, barred)
        return self._post_each(debit, credit, amount, barred)

    def unpost(self, posted: Posted) -> None:
        """Take back the last batch posted, before its leaf was applied."""
        assert posted.number == self.batches, "only the last batch can be taken back"
        self._walk_back(posted.debit, posted.credit, posted.amount)
        self.batches -= 1
        self.transfers -= len(posted.amount)

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
    ) -> dict[int, Refusal]:
        """Positions refused for their reference or date, whatever the balances are."""
        barred: dict[int, Refusal] = {}
        dates = {t.business_date for t in transfers}
        if any(day is not UNSET and day > business_date for day in dates):
            for position, t in enumerate(transfers):
                if t.business_date is not UNSET and t.business_date > business_date:
                    barred[position] = Refusal(
                        code=RefusalCode.BUSINESS_DATE_NOT_OPEN, position=position
                    )
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

    def _why(
        self, position: int, d: int, c: int, amount: int, barred: dict[int, Refusal]
    ) -> Refusal:
        """The first reason, in the order of RefusalCode, why this transfer cannot be."""
        account: int | None = c
        available: int | None = None
        if d == 0:
            code, account = RefusalCode.DEBIT_ACCOUNT_NOT_FOUND, None
        elif c == 0:
            code, account = RefusalCode.CREDIT_ACCOUNT_NOT_FOUND, None
        elif d == c:
            code = RefusalCode.ACCOUNTS_MUST_DIFFER
        elif self._currency[d] != self._currency[c]:
            code = RefusalCode.ACCOUNTS_OF_DIFFERENT_CURRENCIES
        elif position in barred:
            return barred[position]
        elif self._status[d] == _CLOSED:
            code, account = RefusalCode.DEBIT_ACCOUNT_CLOSED, d
        elif self._status[c] == _CLOSED:
            code = RefusalCode.CREDIT_ACCOUNT_CLOSED
        elif self._status[d] == _FROZEN:
            code, account = RefusalCode.DEBIT_ACCOUNT_FROZEN, d
        elif self._status[c] == _FROZEN:
            code = RefusalCode.CREDIT_ACCOUNT_FROZEN
        elif self.balance[d] - amount < self.floor[d]:
            code, account = RefusalCode.EXCEEDS_CREDIT_LIMIT, d
            available = max(0, self.balance[d] - self.floor[d])
        else:
            code = RefusalCode.EXCEEDS_BALANCE_LIMIT
            available = max(0, self.ceiling[c] - self.balance[c])
        return Refusal(code=code, position=position, account=account, available=available)


class Frozen:
    """A copy of what changes in a book, and its view of what does not.

    Codes, holders and the like are only ever appended, so the book's own columns serve,
    up to the number of accounts there were. So do those of the bounds, which seldom change:
    the book then takes new ones.
    """

    def __init__(self, book: Book) -> None:
        self.size = book.size
        self.accounts = book.accounts
        self.head = StateHead(
            rules=RULES,
            size=book.size,
            accounts=book.accounts,
            batches=book.batches,
            transfers=book.transfers,
            recorded_at=book.recorded_at,
        )
        self._first: list[StateHead | StateCurrency] = [
            self.head,
            *(
                StateCurrency(code=currency.code, kind=currency.kind, scale=currency.scale)
                for currency in book.currencies.values()
            ),
        ]
        self._book = book
        self._currencies = tuple(book.currencies)
        self._balance = book.balance.copy()
        self._lower, self._upper = book._lower, book._upper
        self._status = bytes(book._status)

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self._first) + self.accounts

    def slice(self, start: int, stop: int) -> "StateSlice":
        """Lines `start` to `stop`, the last not included, as far as there are so many."""
        book = self._book
        offset = len(self._first) - 1  # Line n is account n - offset.
        here = slice(max(1, start - offset), max(1, min(stop, self.count) - offset))
        return StateSlice(
            first=self._first[start:stop],
            number=here.start,
            codes=book.codes[here],
            currencies=self._currencies,
            currency=book._currency[here],
            nature=bytes(book._nature[here]),
            kinds=book._kinds,
            kind=book._kind[here],
            holders=bytes(book._holders[16 * here.start : 16 * here.stop]),
            status=self._status[here],
            balance=self._balance[here],
            lower=self._lower[here],
            upper=self._upper[here],
        )


class StateSlice(Struct, frozen=True, kw_only=True):
    """Some lines of a state as columns, as they are cut out of a book.

    They cost next to nothing to cut and to hand to another process, which makes the lines.
    """

    first: Sequence[StateHead | StateCurrency]
    number: int  # Of the first account.
    codes: list[str]
    currencies: Sequence[str]  # By number, as kinds are.
    currency: list[int]
    nature: bytes
    kinds: Sequence[str]
    kind: list[int]
    holders: bytes
    status: bytes
    balance: list[int]
    lower: list[int]
    upper: list[int]

    def lines(self) -> list[StateLine]:
        """The lines, in order."""
        columns = (
            *(range(len(self.codes)), self.codes, self.currency, self.nature, self.kind),
            *(self.status, self.balance, self.lower, self.upper),
        )
        return [
            *self.first,
            *(
                StateAccount(
                    number=self.number + i,
                    code=code,
                    currency=self.currencies[currency],
                    nature=_NATURES[nature],
                    kind=self.kinds[kind],
                    holder=self.holders[16 * i : 16 * i + 16],
                    status=_STATUSES[status],
                    balance=str(balance),
                    lower=UNSET if lower == NO_LOWER else lower,
                    upper=UNSET if upper == NO_UPPER else upper,
                )
                for i, code, currency, nature, kind, status, balance, lower, upper in zip(
                    *columns, strict=True
                )
            ),
        ]


def _refuse_crossed(line: AccountOpened | LimitChanged) -> Refusal | None:
    if _or(line.lower, NO_LOWER) > _or(line.upper, NO_UPPER):
        return Refusal(code=RefusalCode.BOUNDS_CROSSED)
    return None


def _or(value: T | UnsetType, otherwise: T) -> T:
    return otherwise if value is UNSET else value
