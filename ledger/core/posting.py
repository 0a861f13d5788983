"""Posting under terms: batches that ask for more than to be posted as they stand.

Holds and what becomes of them, entries, "as much as the bounds allow", reversals, suspense
accounts, rates; and accounts whose bounds are soft. A batch without any of these never
comes here. Everything done is noted, so that a refusal, or a look at what would happen,
leaves the book exactly as it was.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Final

from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.exchange import Exchanges
from ledger.core.holds import Hold
from ledger.core.levies import given_back
from ledger.core.lines import Beside, Fraction, Terms, Transfer
from ledger.core.model import NO_UPPER, Action, Flag, OneSide, Phase, Side
from ledger.core.parts import Movement
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.room import largest
from ledger.core.suspense import Suspended
from ledger.core.terms import NO_TERMS, REST, Note, Past
from ledger.core.undo import Undo

if TYPE_CHECKING:
    from ledger.core.book import Book

# What a suspense account may stand in for: the cash has changed hands whatever the rules are.
_SUSPENDABLE: Final[Mapping[RefusalCode, OneSide]] = {
    RefusalCode.DEBIT_ACCOUNT_CLOSED: "debit",
    RefusalCode.DEBIT_ACCOUNT_FROZEN: "debit",
    RefusalCode.EXCEEDS_CREDIT_LIMIT: "debit",
    RefusalCode.EXCEEDS_PAYMENT_LIMIT: "debit",
    RefusalCode.CREDIT_ACCOUNT_CLOSED: "credit",
    RefusalCode.CREDIT_ACCOUNT_FROZEN: "credit",
    RefusalCode.EXCEEDS_BALANCE_LIMIT: "credit",
}


def debited(rows: Sequence[Beside], account: int) -> int:
    """What some rows take from an account."""
    return sum(row.amount for row in rows if row.debit_account == account)


def credited(rows: Sequence[Beside], account: int) -> int:
    """What some rows bring to an account."""
    return sum(row.amount for row in rows if row.credit_account == account)


def instead(rows: Sequence[Beside], account: int, other: int) -> list[Beside]:
    """Rows with another account in the place of one; without what it would pay itself."""
    changed = [
        replace(
            row,
            debit_account=other if row.debit_account == account else row.debit_account,
            credit_account=other if row.credit_account == account else row.credit_account,
        )
        for row in rows
    ]
    return [row for row in changed if row.debit_account != row.credit_account]


class Posting:
    """One batch on its way through the terms.

    The columns are the rows it made so far: every transfer at least one, with `beside` more.
    """

    def __init__(
        self,
        book: "Book",
        transfers: Sequence[Transfer],
        columns: tuple[list[int], list[int], list[int]],
        barred: Mapping[int, Refusal],
        *,
        recorded_at: int,
        business_date: date,
        past: Mapping[int, Past],
    ) -> None:
        self.undo = Undo()
        self.positions: list[int] = []
        self.debit: list[int] = []
        self.credit: list[int] = []
        self.amount: list[int] = []
        self.debit_balance: list[int] = []
        self.credit_balance: list[int] = []
        self.phases: list[int] = []
        self.notes: dict[int, Note] = {}
        self.refused: list[Refusal] = []
        self._book = book
        self._transfers = transfers
        self._columns = columns
        self._barred = barred
        self._recorded_at = recorded_at
        self._business_date = business_date
        self._past = past
        self._exchanges = Exchanges(transfers, columns, book.currency_number)
        self._taken: dict[int, int] = {}  # By this batch, of each target.

    # ---- the batch

    def post_all(self) -> Refusal | None:
        """Post every transfer, or none and say why."""
        for position in range(len(self._transfers)):
            refusal = self._post(position)
            if refusal is not None:
                self.undo.back_to(0)
                return refusal
        return None

    def post_each(self) -> None:
        """Post what can be; an entry stands or falls as one."""
        for entry in self._entries():
            mark, rows = self.undo.mark, len(self.amount)
            refusal = next(filter(None, map(self._post, entry)), None)
            if refusal is None:
                continue
            self.undo.back_to(mark)
            self._forget(rows, entry)
            self.refused += [
                refusal
                if position == refusal.position
                else Refusal(
                    code=RefusalCode.ENTRY_REFUSED,
                    position=position,
                )
                for position in entry
            ]

    def _entries(self) -> Iterator[list[int]]:
        """Positions that stand or fall together."""

        def key(position: int) -> tuple[int, int]:
            entry = self._terms(position).entry
            return (0, position) if entry is UNSET else (1, entry)

        for _, together in groupby(range(len(self._transfers)), key):
            yield list(together)

    def _forget(self, rows: int, entry: list[int]) -> None:
        """Drop the rows and notes of an entry that was refused."""
        for column in (
            self.positions,
            self.debit,
            self.credit,
            self.amount,
            self.debit_balance,
            self.credit_balance,
            self.phases,
        ):
            del column[rows:]
        for position in entry:
            self.notes.pop(position, None)

    def _terms(self, position: int) -> Terms:
        terms = self._transfers[position].terms
        return NO_TERMS if terms is UNSET else terms

    # ---- one transfer

    def _post(self, position: int) -> Refusal | None:
        """Post one transfer; a refusal may leave changes, which the caller undoes."""
        d, c, amount = (column[position] for column in self._columns)
        terms = self._terms(position)
        refusal = self._book.why_never(position, d, c) or self._refuse_dates(position, terms)
        refusal = refusal or self._refuse_terms(position, terms, d, c, amount)
        if refusal is not None:
            return refusal
        match terms.action:
            case Action.POST:
                return self._post_hold(position, terms, amount)
            case Action.VOID:
                self._void_hold(position, terms)
                return None
            case Action.HOLD:
                return self._hold(position, terms, d, c, amount)
        return self._move(position, terms, d, c, amount)

    def _refuse_dates(self, position: int, terms: Terms) -> Refusal | None:
        """Why the reference or dates bar it; of an adjustment, that its year takes none."""
        barred = self._barred.get(position)
        if not terms.adjusting or (barred and barred.code is RefusalCode.REFERENCE_USED):
            return barred
        day = self._transfers[position].business_date
        if day is UNSET or not self._book.days.is_adjusting_open(day):
            return self._no(position, RefusalCode.BUSINESS_DATE_NOT_OPEN)
        return barred

    def _refuse_terms(
        self, position: int, terms: Terms, d: int, c: int, amount: int
    ) -> Refusal | None:
        """Why the terms cannot be kept, whatever the balances are."""
        for number in (terms.rest, terms.suspense):
            if number is not UNSET and not self._is_usable(number, d, c):
                account = number if 0 < number <= self._book.accounts else None
                return self._no(position, RefusalCode.TERMS_ACCOUNT_NOT_USABLE, account)
        if terms.expires is not UNSET and terms.expires <= self._recorded_at:
            return self._no(position, RefusalCode.HOLD_EXPIRED)
        if terms.rate is not UNSET:
            return self._exchanges.refuse_rate(position)
        if terms.residue:
            return self._exchanges.refuse_residue(position)
        match terms.action:
            case Action.POST | Action.VOID:
                return self._refuse_hold(position, terms, d, c, amount)
            case Action.REVERSE:
                return self._refuse_reversal(position, terms, d, c, amount)
            case Action.CLEAR:
                return self._refuse_clearing(position, terms, d, c, amount)
        return None

    def _is_usable(self, number: int, d: int, c: int) -> bool:
        """Whether an account can stand in for one of these two."""
        book = self._book
        return (
            0 < number <= book.accounts
            and number not in (d, c)
            and book.currency_number(number) == book.currency_number(d)
        )

    def _no(
        self,
        position: int,
        code: RefusalCode,
        account: int | None = None,
        available: int | None = None,
    ) -> Refusal:
        return Refusal(code=code, position=position, account=account, available=available)

    # ---- holds

    def _refuse_hold(
        self, position: int, terms: Terms, d: int, c: int, amount: int
    ) -> Refusal | None:
        hold = self._book.holds.open.get(terms.target or 0)
        if hold is None:
            return self._no(position, RefusalCode.HOLD_NOT_OPEN)
        if hold.expires <= self._recorded_at:
            return self._no(position, RefusalCode.HOLD_EXPIRED)
        if (hold.debit, hold.credit) != (d, c):
            return self._no(position, RefusalCode.TARGET_DIFFERS)
        if terms.action is Action.VOID and amount != hold.amount:
            return self._no(position, RefusalCode.TARGET_DIFFERS, d, hold.amount)
        if terms.action is Action.POST and amount > hold.left:
            return self._no(position, RefusalCode.EXCEEDS_TARGET, d, hold.left)
        return None

    def _hold(self, position: int, terms: Terms, d: int, c: int, asked: int) -> Refusal | None:
        assert terms.expires is not UNSET, "a hold has its end"
        amount = self._allowed(position, terms, d, c, asked)
        movement = self._movement(position, d, c, max(amount, 1), phase=Phase.HELD)
        refusal = self._standing(movement, amount, amount)
        if refusal is not None:
            return refusal
        self._note(position, amount, asked, flags=self._flags(d, c, amount))
        sequence = self._row(position, d, c, amount, Phase.HELD)
        for part in self._book.parts:
            part.moved(self.undo, movement)
        hold = Hold(debit=d, credit=c, amount=amount, left=amount, expires=terms.expires)
        self._book.holds.keep(self.undo, sequence, hold)
        return None

    def _post_hold(self, position: int, terms: Terms, amount: int) -> Refusal | None:
        """Post some of a hold. Its bounds were asked when it was held; a freeze is newer."""
        assert terms.target is not UNSET
        hold = self._book.holds.open[terms.target]
        refusal = self._book.why_shut(position, hold.debit, hold.credit)
        if refusal is not None:
            return refusal
        refusal = self._refuse_levies(position, terms, hold, amount)
        if refusal is not None:
            return refusal
        left = 0 if terms.release else hold.left - amount
        self._book.holds.resolve(self.undo, terms.target, left)
        self._row(position, hold.debit, hold.credit, amount)
        movement = self._movement(position, hold.debit, hold.credit, amount, of_hold=True)
        beside = self._beside(movement)
        passed = self._move_beside(position, beside)
        if isinstance(passed, Refusal):
            return passed
        self._note(position, amount, amount, flags=passed, beside=beside)
        return None

    def _refuse_levies(
        self, position: int, terms: Terms, hold: Hold, amount: int
    ) -> Refusal | None:
        """Why the levies on what is posted of a hold cannot be paid: they are not held."""
        d, c = hold.debit, hold.credit
        room = self._book.balance[d] - self._book.floor[d]

        def fits(part: int) -> bool:
            freed = hold.left - part if terms.release else 0
            owed = debited(self._beside_of(position, d, c, part, part), d)
            return not owed or owed <= room + freed

        if fits(amount):
            return None
        available = largest(amount, fits)
        return self._no(position, RefusalCode.EXCEEDS_CREDIT_LIMIT, d, available)

    def _void_hold(self, position: int, terms: Terms) -> None:
        assert terms.target is not UNSET
        hold = self._book.holds.open[terms.target]
        self._book.holds.resolve(self.undo, terms.target, 0)
        self._note(position, hold.left, hold.amount)
        self._row(position, hold.debit, hold.credit, hold.left, Phase.RELEASED)

    # ---- reversals and clearing

    def _refuse_reversal(
        self, position: int, terms: Terms, d: int, c: int, amount: int
    ) -> Refusal | None:
        target = terms.target or 0
        past = self._past.get(target)
        if past is None:
            return self._no(position, RefusalCode.TARGET_NOT_FOUND)
        if (
            not Phase(past.phase).moves
            or past.is_link
            or past.is_beside
            or target in self._book.suspense.open
        ):
            return self._no(position, RefusalCode.TARGET_NOT_REVERSIBLE)
        if (past.debit, past.credit) != (c, d):
            return self._no(position, RefusalCode.TARGET_DIFFERS)
        left = past.amount - past.taken - self._taken.get(target, 0)
        if amount > left:
            return self._no(position, RefusalCode.EXCEEDS_TARGET, d, left)
        return None

    def _refuse_clearing(
        self, position: int, terms: Terms, d: int, c: int, amount: int
    ) -> Refusal | None:
        suspended = self._book.suspense.open.get(terms.target or 0)
        if suspended is None:
            return self._no(position, RefusalCode.TARGET_NOT_IN_SUSPENSE)
        if (c if suspended.side == "debit" else d) != suspended.account:
            return self._no(position, RefusalCode.TARGET_DIFFERS, suspended.account)
        if amount > suspended.left:
            return self._no(position, RefusalCode.EXCEEDS_TARGET, d, suspended.left)
        return None

    # ---- moving

    def _move(self, position: int, terms: Terms, d: int, c: int, asked: int) -> Refusal | None:
        """Move the amount, or what the bounds allow of it, by way of what the terms name."""
        amount = self._allowed(position, terms, d, c, asked)
        rest = asked - amount if terms.rest is not UNSET else 0
        back = self._back(terms, amount + rest)
        suspended: Suspended | None = None
        if amount or not rest:
            movement = self._movement(position, d, c, max(amount, 1))
            refusal = self._standing(movement, amount, amount + rest)
            if refusal is not None and amount and terms.suspense is not UNSET:
                suspense = _SUSPENDABLE.get(refusal.code)
                if suspense is not None:
                    absent = d if suspense == "debit" else c
                    more = credited(back, absent) - debited(back, absent)
                    owed = amount + (more if suspense == "credit" else -more)
                    if owed <= 0:  # Nobody could clear it.
                        return refusal
                    suspended = Suspended(
                        account=terms.suspense,
                        side=suspense,
                        meant_for=absent,
                        why=refusal.code.value,
                        left=owed,
                        since=self._recorded_at,
                    )
                    back = instead(back, absent, terms.suspense)
                    d, c = (terms.suspense, c) if suspense == "debit" else (d, terms.suspense)
                    refusal = self._why_not(self._movement(position, d, c, amount))
            if refusal is not None:
                return refusal
        else:
            assert terms.rest is not UNSET
            back = instead(back, d if terms.up_to == Side.DEBIT else c, terms.rest)
        flags = self._flags(d, c, amount) if amount else set()
        sequence = self._next_sequence
        beside = [self._rest(terms, d, c, rest)] if rest else []
        if amount:
            movement = self._movement(position, d, c, amount, is_suspense=suspended is not None)
            self._row(position, d, c, amount)
            beside += self._beside(movement)
        beside += back
        passed = self._move_beside(position, beside)
        if isinstance(passed, Refusal):
            return passed
        flags |= passed
        exchange = self._exchanges.at(position)
        self._note(
            position,
            amount,
            asked,
            suspended=suspended,
            flags=flags,
            beside=beside,
            fraction=None if exchange is None else exchange.fraction,
        )
        self._remember(terms, sequence, amount + rest, suspended)
        if terms.action is Action.REVERSE:
            assert terms.target is not UNSET
            paid, kind = self._columns[0][position], self._past[terms.target].kind
            for part in self._book.parts:
                part.taken_back(self.undo, terms.target, kind, paid, amount + rest)
        return None

    def _rest(self, terms: Terms, d: int, c: int, rest: int) -> Beside:
        """What `up_to` left, with the named account in the place of the one that was full."""
        assert terms.rest is not UNSET
        d, c = (terms.rest, c) if terms.up_to == Side.DEBIT else (d, terms.rest)
        return Beside(amount=rest, credit_account=c, debit_account=d, kind=REST)

    def _back(self, terms: Terms, amount: int) -> list[Beside]:
        """What goes back with an amount of the target of a reversal, in proportion."""
        if terms.action is not Action.REVERSE:
            return []
        target = terms.target or 0
        past = self._past[target]
        taken = past.taken + self._taken.get(target, 0)
        back = [given_back(row.amount, past.amount, taken, amount) for row in past.beside]
        return [
            Beside(
                amount=part,
                credit_account=row.debit_account,
                debit_account=row.credit_account,
                kind=row.kind,
            )
            for row, part in zip(past.beside, back, strict=True)
            if part
        ]

    # ---- what parts of the book have to say

    def _movement(
        self,
        position: int,
        d: int,
        c: int,
        amount: int,
        *,
        phase: Phase = Phase.POSTED,
        of_hold: bool = False,
        is_suspense: bool = False,
    ) -> Movement:
        terms = self._terms(position)
        is_back = terms.action in (Action.REVERSE, Action.CLEAR)
        return Movement(
            position=position,
            debit=d,
            credit=c,
            amount=amount,
            kind=self._transfers[position].kind,
            recorded_at=self._recorded_at,
            business_date=self._business_date,
            phase=phase,
            of_hold=of_hold,
            action=None if terms.action is UNSET else terms.action,
            is_exempt=is_suspense or is_back or terms.residue,
            is_residue=terms.residue,
        )

    def _standing(self, movement: Movement, amount: int, whole: int) -> Refusal | None:
        """Why an amount does not pass with what goes besides; why not even 1, where it is 0.

        `whole` is what is reversed in all, with a rest.
        """
        position, d, c = movement.position, movement.debit, movement.credit
        rows = self._beside_of(position, d, c, movement.amount, max(whole, 1))
        besides = debited(rows, d) - (credited(rows, d) if self._gives_back(position) else 0)
        refusal = self._why_not(movement, besides)
        if refusal is None:
            if amount:
                return None
            return self._no(position, RefusalCode.EXCEEDS_BALANCE_LIMIT, c, 0)
        if refusal.code is RefusalCode.EXCEEDS_CREDIT_LIMIT and besides:
            available = self._most(position, d, c, movement.amount, Side.DEBIT)
            return replace(refusal, available=available)
        return refusal

    def _gives_back(self, position: int) -> bool:
        return self._terms(position).action is Action.REVERSE

    def _beside_of(
        self, position: int, d: int, c: int, amount: int, whole: int
    ) -> list[Beside]:
        """What goes besides: levies on an amount, or what goes back with all of a reversal."""
        if self._gives_back(position):
            return self._back(self._terms(position), whole)
        movement = self._movement(position, d, c, amount)
        return [row for part in self._book.parts for row in part.beside(movement)]

    def _why_not(self, movement: Movement, besides: int = 0) -> Refusal | None:
        """Why status, bounds or another rule keep an amount from moving."""
        refusal = self._book.why_not(
            movement.position,
            movement.debit,
            movement.credit,
            movement.amount,
            besides=besides,
        )
        for part in self._book.parts:
            refusal = refusal or part.why_not(movement)
        return refusal

    def _beside(self, movement: Movement) -> list[Beside]:
        """Tell the parts what was moved, and ask what is to be moved besides."""
        beside: list[Beside] = []
        for part in self._book.parts:
            part.moved(self.undo, movement)
            beside += part.beside(movement)
        return beside

    def _move_beside(self, position: int, beside: Sequence[Beside]) -> Refusal | set[Flag]:
        """Move what goes besides: all of it, or the transfer is refused.

        Returns which soft bounds that passes.
        """
        flags: set[Flag] = set()
        for row in beside:
            d, c = row.debit_account, row.credit_account
            movement = self._movement(position, d, c, row.amount)
            is_rest = row.kind == REST  # It stands for what was asked, so all rules hold.
            refusal = (
                self._why_not(movement)
                if is_rest
                else self._book.why_not(position, d, c, row.amount)
                or self._book.reserves.why_not(movement)
            )
            if refusal is not None:
                return refusal
            flags |= self._flags(d, c, row.amount)
            self._row(position, d, c, row.amount)
            if is_rest:
                for part in self._book.parts:
                    part.moved(self.undo, movement)
        return flags

    def _remember(
        self, terms: Terms, sequence: int, moved: int, suspended: Suspended | None
    ) -> None:
        """Keep what later transfers are measured against."""
        book, undo, target = self._book, self.undo, terms.target
        if suspended is not None:
            book.suspense.put(undo, sequence, suspended)
        if target is UNSET:
            return
        undo.put(self._taken, target, self._taken.get(target, 0) + moved)
        if terms.action is Action.CLEAR:
            book.suspense.clear(undo, target, moved)

    def _allowed(self, position: int, terms: Terms, d: int, c: int, amount: int) -> int:
        """The amount, or with `up_to` what the bounds allow of it; 0 where that is nothing."""
        if terms.up_to is UNSET:
            return amount
        return self._most(position, d, c, amount, terms.up_to)

    def _most(self, position: int, d: int, c: int, asked: int, side: Side) -> int:
        """The most of an amount that the bounds of a side allow with what goes besides.

        What a reversal gives back to the debited account shrinks with the amount, so that is
        looked for from above until it stands.
        """
        book, has_rest = self._book, self._terms(position).rest is not UNSET
        whole = self._columns[2][position]
        out = NO_UPPER if side is Side.CREDIT else book.balance[d] - book.floor[d]
        into = NO_UPPER if side is Side.DEBIT else book.ceiling[c] - book.balance[c]

        def besides(amount: int) -> list[Beside]:
            return self._beside_of(position, d, c, amount, whole if has_rest else amount)

        amount, before = asked, asked + 1
        while 0 < amount < before:
            before, room = amount, out
            if self._gives_back(position):
                room += credited(besides(amount), d)

            def fits(part: int, room: int = room) -> bool:
                rows = besides(part)
                return part + debited(rows, d) <= room and part + credited(rows, c) <= into

            amount = largest(min(amount, room, into), fits)
        return amount

    def _flags(self, d: int, c: int, amount: int) -> set[Flag]:
        """Which soft bounds an amount passes."""
        book = self._book
        flags: set[Flag] = set()
        if book.balance[d] - amount < book.soft_floor(d):
            flags.add(Flag.CREDIT_LIMIT_PASSED)
        if book.balance[c] + amount > book.soft_ceiling(c):
            flags.add(Flag.BALANCE_LIMIT_PASSED)
        return flags

    @property
    def _next_sequence(self) -> int:
        return self._book.transfers + len(self.amount) + 1

    def _row(
        self, position: int, d: int, c: int, amount: int, phase: Phase = Phase.POSTED
    ) -> int:
        """Write a row and, where it is posted, move the balances; its sequence."""
        book, sequence = self._book, self._next_sequence
        if phase is Phase.POSTED and self._terms(position).adjusting:
            phase = Phase.ADJUSTED
        if phase.moves:
            self.undo.put(book.balance, d, book.balance[d] - amount)
            self.undo.put(book.balance, c, book.balance[c] + amount)
            book.earned.follow(self.undo, d, c)
        self.positions.append(position)
        self.debit.append(d)
        self.credit.append(c)
        self.amount.append(amount)
        self.debit_balance.append(book.balance[d])
        self.credit_balance.append(book.balance[c])
        self.phases.append(phase)
        return sequence

    def _note(
        self,
        position: int,
        amount: int,
        asked: int,
        *,
        suspended: Suspended | None = None,
        flags: Set[Flag] = frozenset(),
        beside: Sequence[Beside] = (),
        fraction: Fraction | None = None,
    ) -> None:
        """Note what is otherwise than the line says, if anything is."""
        if amount != asked or suspended or flags or beside or fraction:
            self.notes[position] = Note(
                amount=None if amount == asked else amount,
                suspense=None if suspended is None else suspended.side,
                why=None if suspended is None else suspended.why,
                flags=tuple(flag for flag in Flag if flag in flags),
                beside=tuple(beside),
                fraction=fraction,
            )
