"""Holds: amounts kept back until they are posted, given back, or their time is up."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from ledger.core.leaves import EXPIRED_MAX, AnyLeaf, HoldsExpired
from ledger.core.moments import Moments
from ledger.core.parts import Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.state_lines import AnyState, StateHold
from ledger.core.undo import Undo

Refold = Callable[[Undo, int], None]  # Folds what is pending into an account's bounds.


class Hold(Struct, frozen=True, kw_only=True):
    """An amount held back, and what remains of it. Minor units; `expires` in microseconds."""

    debit: int
    credit: int
    amount: int
    left: int
    expires: int


class Holds(Part):
    """The open holds of a ledger, by the sequence of their transfers."""

    takes = (HoldsExpired,)
    keeps = (StateHold,)

    def __init__(self, refold: Refold) -> None:
        self.open: dict[int, Hold] = {}
        self.pending_debits: dict[int, int] = {}  # What they keep back, by account.
        self.pending_credits: dict[int, int] = {}
        self.expiries = Moments[int](self._ends_at, lambda: len(self.open))
        self._refold = refold

    def on(self, account: int) -> bool:
        """Whether an account has any."""
        return account in self.pending_debits or account in self.pending_credits

    def needs(self, account: int) -> RefusalCode | None:
        """What is held for it or of it must be resolved."""
        is_one = self.on(account)
        return RefusalCode.ACCOUNT_HAS_HOLDS if is_one else None

    # ---- as transfers ask

    def keep(self, undo: Undo, sequence: int, hold: Hold) -> None:
        """Keep an amount back under the sequence of its transfer."""
        undo.put(self.open, sequence, hold)
        self.expiries.put(hold.expires, sequence)
        self._keep_back(undo, hold, hold.left)

    def resolve(self, undo: Undo, sequence: int, left: int) -> None:
        """Keep back no more than `left` of a hold; with nothing left it is resolved."""
        hold = self.open[sequence]
        assert 0 <= left <= hold.left, "a hold only shrinks"
        if left:
            undo.put(self.open, sequence, replace(hold, left=left))
        else:
            undo.drop(self.open, sequence)
        self._keep_back(undo, hold, left - hold.left)

    def _keep_back(self, undo: Undo, hold: Hold, more: int) -> None:
        self.reserve(undo, hold.debit, hold.credit, more)

    def reserve(self, undo: Undo, debit: int, credit: int, more: int) -> None:
        """Keep so much more back between two accounts, or less; also for proposals."""
        for pending, account in (
            (self.pending_debits, debit),
            (self.pending_credits, credit),
        ):
            total = pending.get(account, 0) + more
            if total:
                undo.put(pending, account, total)
            elif account in pending:
                undo.drop(pending, account)
            self._refold(undo, account)

    # ---- as time asks

    def due(self) -> int | None:
        """When the first one expires, in microseconds since 1970; None without any."""
        first = self.expiries.first()
        return None if first is None else first[0]

    def _ends_at(self, moment: int, sequence: int) -> bool:
        hold = self.open.get(sequence)
        return hold is not None and hold.expires == moment

    def due_line(self, now: int) -> AnyLeaf | None:
        """The line that says which holds' time is up; those that ended first, first."""
        due = sorted(
            (hold.expires, sequence)
            for sequence, hold in self.open.items()
            if hold.expires <= now
        )
        if not due:
            return None
        holds = sorted(sequence for _, sequence in due[:EXPIRED_MAX])
        return HoldsExpired(recorded_at=now, holds=holds)

    # ---- as the journal says

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why these holds did not expire, or None."""
        assert isinstance(line, HoldsExpired)
        holds = [self.open.get(sequence) for sequence in line.holds]
        if len(set(line.holds)) == len(holds) and all(
            hold is not None and hold.expires <= line.recorded_at for hold in holds
        ):
            return None
        return Refusal(code=RefusalCode.HOLDS_NOT_DUE)

    def apply(self, line: AnyLeaf) -> None:
        """Give back what remained of the holds that expired."""
        assert isinstance(line, HoldsExpired)
        undo = Undo()
        for sequence in line.holds:
            self.resolve(undo, sequence, 0)

    def state(self) -> list[AnyState]:
        """The open holds as lines of a snapshot, in the order of their sequences."""
        return [
            StateHold(
                sequence=sequence,
                debit_account=hold.debit,
                credit_account=hold.credit,
                amount=hold.amount,
                left=hold.left,
                expires=hold.expires,
            )
            for sequence, hold in sorted(self.open.items())
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StateHold)
        hold = Hold(
            debit=line.debit_account,
            credit=line.credit_account,
            amount=line.amount,
            left=line.left,
            expires=line.expires,
        )
        self.keep(Undo(), line.sequence, hold)
