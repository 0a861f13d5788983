"""Posting damaged: holds, entries, reversals, suspense, levies, frozen accounts."""

from typing import Any

from msgspec.structs import replace

from ledger.core import levies, posting, state
from ledger.core.exchange import Exchange
from ledger.core.frozen import STATUSES
from ledger.core.holds import Holds
from ledger.core.leaves import HoldsExpired
from ledger.core.lines import Beside
from ledger.core.model import Status
from ledger.core.posting import Posting
from ledger.core.suspense import Suspense
from ledger.memory.store import MemoryStore
from ledger.sequencer.writer import Writer
from tests.simulation.damage.damage import DECIDED, Patch, damage


@damage(DECIDED)
def keep_nothing_back(patch: Patch) -> None:
    patch.setattr(Holds, "_keep_back", lambda *_: None)


@damage("held after its end")
def hold_for_ever(patch: Patch) -> None:
    patch.setattr(Holds, "due", lambda _: None)


@damage("others expired than were due")
def end_holds_early(patch: Patch) -> None:
    def soon(self: Holds, now: int) -> Any:
        return HoldsExpired(recorded_at=now, holds=sorted(self.open)) if self.open else None

    patch.setattr(Holds, "due", lambda self: 0 if self.open else None)
    patch.setattr(Holds, "due_line", soon)
    patch.setattr(Holds, "refuse", lambda *_: None)


@damage(f"{DECIDED}|The writer failed")
def resolve_a_hold_again(patch: Patch) -> None:
    resolve = Holds.resolve

    def never(self: Holds, undo: Any, sequence: int, left: int) -> None:
        resolve(self, undo, sequence, left or 1)

    patch.setattr(Holds, "resolve", never)


@damage(f"{DECIDED}|live state|without reason")
def forget_holds_at_a_restart(patch: Patch) -> None:
    patch.setattr(Holds, "state", lambda _: [])


@damage(DECIDED)
def post_what_is_left(patch: Patch) -> None:
    patch.setattr(Posting, "_entries", lambda self: ([n] for n in range(len(self._transfers))))


@damage(DECIDED)
def forget_what_was_taken_back(patch: Patch) -> None:
    past = MemoryStore.past

    async def forget(*asked: Any) -> Any:
        return {n: replace(one, taken=0) for n, one in (await past(*asked)).items()}

    patch.setattr(MemoryStore, "past", forget)


@damage(DECIDED)
def take_back_what_is_on_its_way(patch: Patch) -> None:
    patch.setattr(Writer, "_is_settled", lambda _: True)


@damage(DECIDED)
def pass_over_the_limit(patch: Patch) -> None:
    patch.setattr(Posting, "_allowed", lambda self, position, terms, d, c, amount: amount)


@damage(DECIDED)
def leave_the_rest(patch: Patch) -> None:
    def turned(self: Any, terms: Any, d: int, c: int, rest: int) -> Any:
        return Beside(amount=rest, credit_account=terms.rest, debit_account=d, kind="rest")

    patch.setattr(Posting, "_rest", turned)


@damage(DECIDED)
def forget_what_stands_in(patch: Patch) -> None:
    patch.setattr(Suspense, "put", lambda *_: None)


@damage(DECIDED)
def clear_without_end(patch: Patch) -> None:
    patch.setattr(Suspense, "clear", lambda *_: None)


@damage(DECIDED)
def pass_soft_bounds_in_silence(patch: Patch) -> None:
    patch.setattr(Posting, "_flags", lambda *_: set())


@damage(DECIDED)
def let_the_frozen_pay(patch: Patch) -> None:
    patch.setattr(state, "_MAY_PAY", {*state._MAY_PAY, STATUSES.index(Status.FROZEN_DEBITS)})


@damage(DECIDED)
def let_the_frozen_be_paid(patch: Patch) -> None:
    frozen = STATUSES.index(Status.FROZEN_CREDITS)
    patch.setattr(state, "_MAY_BE_PAID", {*state._MAY_BE_PAID, frozen})


@damage(DECIDED)
def round_a_rate_up(patch: Patch) -> None:
    def more(self: Exchange) -> int:
        return self.sold * self.rate.n // self.rate.d + 1

    patch.setattr(Exchange, "bought", property(more))


@damage(DECIDED)
def round_levies_down(patch: Patch) -> None:
    patch.setattr(levies, "round", int, raising=False)


@damage(DECIDED)
def keep_levies(patch: Patch) -> None:
    patch.setattr(posting, "given_back", lambda *_: 0)


@damage(f"never removed|{DECIDED}")
def levy_what_is_no_more(patch: Patch) -> None:
    apply = levies.Levies.apply

    def keep(self: Any, line: Any) -> None:
        if line.levy:
            apply(self, line)

    patch.setattr(levies.Levies, "apply", keep)
