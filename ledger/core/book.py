"""The book: the state of one ledger, and batches posted into it.

    transfers           -> post         -> Posted, or Refusal and nothing changed
    line of the journal -> apply        -> the new state (state.py)

Live posting and replay walk the same road. Nothing here waits or fails half-way: a
refusal leaves the book exactly as it was.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from ledger.core.columns import (
    business_dates_among,
    have_terms,
    have_value_dates,
    kinds_among,
    sides_of,
)
from ledger.core.days import Rows, late_of
from ledger.core.lines import Manifest, Transfer
from ledger.core.model import Late, Mode, Phase
from ledger.core.posting import Posting
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.running import post_rows
from ledger.core.state import State, or_else
from ledger.core.terms import (
    NO_NOTE,
    NO_PAST,
    Note,
    Past,
    day_of,
    is_adjusting,
    kinds_of,
)
from ledger.core.undo import Undo

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


class Book(State):
    """A ledger's state that takes batches.

    A plain transfer is two comparisons and two additions; all that asks for more goes by
    `Posting` (posting.py).
    """

    def __init__(self) -> None:
        super().__init__()
        self._undo: Undo | None = None  # Of the last batch, if it was posted under terms,
        self._counted: Rows | None = None  # and what it counted for its days.

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
        debit, credit, amount = sides_of(transfers)
        if max(debit) > last or max(credit) > last:
            debit = [number if number <= last else 0 for number in debit]
            credit = [number if number <= last else 0 for number in credit]
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
            self.holds.expiries.tidy()  # The batch before is applied, or was undone.
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
        elif (done := self._post_at_once(debit, credit, amount, barred)) is not None:
            outcome = done
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
        kinds, days = kinds_among(transfers), business_dates_among(transfers)
        is_plain = len(kinds) == len(days) == 1 and not (posted.phases or posted.notes)
        if is_plain and len(self.currencies) == 1:
            (kind,), (day,) = kinds, days
            return Rows(
                source=or_else(manifest.source, ""),
                currencies=self._currency_codes[0],
                kinds=kind,
                days=or_else(day, business_date),
                amounts=posted.amount,
            )
        # Adjustments are no part of a day: theirs is closed, and says what it came to.
        phases = posted.phases or [Phase.POSTED] * len(posted.amount)
        at = [i for i, phase in enumerate(phases) if phase == Phase.POSTED]
        all_kinds = kinds_of(transfers, posted)
        return Rows(
            source=or_else(manifest.source, ""),
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
            have_terms(transfers)
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

    def _post_at_once(
        self, debit: list[int], credit: list[int], amount: list[int], barred: dict[int, Refusal]
    ) -> Posted | None:
        """A large batch of which every transfer can be posted; else nothing."""
        if barred:
            return None
        columns = self.balance, self.floor, self.ceiling, self._currency
        after = post_rows(*columns, debit, credit, amount)
        if after is None:
            return None
        return self._posted(range(len(amount)), debit, credit, amount, *after)

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
        rows = zip(debit, credit, amount, strict=True)
        for d, c, a in islice(rows, min(barred)) if barred else rows:
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
        stated = business_dates_among(transfers)
        if any(d is not UNSET and not self.days.is_open(d, business_date) for d in stated):
            self._bar_days(manifest, transfers, business_date, barred, moved)
        if have_value_dates(transfers):
            self._bar_value_dates(transfers, business_date, barred, moved)
        assert self.opening is not None, "a book is opened before it posts"
        if self.opening.unique_references:
            source = or_else(manifest.source, "")
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
            day = moved.get(position, or_else(t.business_date, business_date))
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


def _moved(posted: Posted, moved: Mapping[int, date]) -> Posted:
    """The same, with the later days noted of those that were posted."""
    notes = dict(posted.notes)
    for position in {*posted.positions} & moved.keys():
        note = notes.get(position, NO_NOTE)
        notes[position] = replace(note, business_date=moved[position])
    return replace(posted, notes=notes)
