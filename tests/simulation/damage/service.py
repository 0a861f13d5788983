"""The service damaged: what is stored, signed, answered and repeated."""

import asyncio
from typing import Any

from ledger.core.book import Book
from ledger.core.frozen import sliced
from ledger.core.model import NO_LOWER
from ledger.journal.canonical import decode_state
from ledger.memory.database import KeptLedger
from ledger.memory.store import MemoryStore
from ledger.sequencer import pending, snapshotting
from ledger.sequencer.clock import LedgerClock
from ledger.sequencer.deciding import Decider
from ledger.sequencer.posting import receipt_again
from ledger.sequencer.signed import SignedLog
from tests.simulation.damage.damage import DECIDED, Patch, damage


@damage("no lines at all|beside a leaf is gone")
def lose_a_batch(patch: Patch) -> None:
    record = KeptLedger.record

    def lose(ledger: Any, group: Any) -> None:
        record(ledger, group)
        if len(ledger.batch_at) > 3:
            ledger.batch_at.popitem()

    patch.setattr(KeptLedger, "record", lose)


@damage("a leaf is missing, or another than it was|numbered in order")
def lose_a_leaf_later(patch: Patch) -> None:
    keep = KeptLedger.keep_checkpoint

    def lose(ledger: Any, size: int, note: bytes) -> None:
        keep(ledger, size, note)
        if len(ledger.lines) > 15:
            ledger.lines[12] = ledger.lines[13]

    patch.setattr(KeptLedger, "keep_checkpoint", lose)


@damage(DECIDED)
def skip_a_bound(patch: Patch) -> None:
    post = Book.post

    def skip(self: Book, *args: Any, **kwargs: Any) -> Any:
        floor, self.floor = self.floor, [NO_LOWER] * len(self.floor)
        try:
            return post(self, *args, **kwargs)
        finally:
            self.floor = floor

    patch.setattr(Book, "post", skip)


@damage("the live book differs|not as it stood|live state|the rows are not|as they never were")
def create_money(patch: Patch) -> None:
    posted = Book._posted

    def create(self: Book, *args: Any, **kwargs: Any) -> Any:
        outcome = posted(self, *args, **kwargs)
        if outcome.credit:
            self.balance[outcome.credit[-1]] += 1
        return outcome

    patch.setattr(Book, "_posted", create)


@damage("the live book differs|not as it stood|not what could|other")
def keep_a_dry_run(patch: Patch) -> None:
    def keep(self: Book, posted: Any) -> None:
        self.batches -= 1
        self.transfers -= len(posted.amount)

    patch.setattr(Book, "unpost", keep)


@damage("answered before it was")
def answer_at_once(patch: Patch) -> None:
    post = Decider.post

    def at_once(self: Decider, one: Any) -> None:
        give = post(self, one)
        if give is not None:
            give()

    patch.setattr(Decider, "post", at_once)


@damage("before it was signed|a path that is too long|never (stood|were|was so)|was never so")
def answer_unsigned(patch: Patch) -> None:
    sign = SignedLog.sign

    async def later(self: SignedLog, *args: Any) -> None:
        before = self.checkpoint
        await sign(self, *args)
        self.checkpoint = before or self.checkpoint

    patch.setattr(SignedLog, "sign", later)


@damage("before it was committed|a dry run of what could never be")
def show_what_is_not_committed(patch: Patch) -> None:
    decide = pending.Look.decide

    def at_once(self: Any, writer: Any, known: Any) -> None:
        give = decide(self, writer, known)
        if give is not None:
            give()

    patch.setattr(pending.Look, "decide", at_once)


@damage("a receipt for something else")
def take_anything_for_a_repeat(patch: Patch) -> None:
    patch.setattr(pending, "same_posted", lambda *_: True)


@damage("other legs than the journal's")
def give_another_receipt(patch: Patch) -> None:
    def another(stored: Any) -> Any:
        receipt = receipt_again(stored)
        if hasattr(receipt, "posted") and receipt.posted.amount:
            receipt.posted.amount[0] += 1
        return receipt

    patch.setattr(pending, "receipt_again", another)


@damage("nothing went wrong, but|stopped without reason|refused a row")
def forget_what_is_spent(patch: Patch) -> None:
    async def nothing(*_: Any) -> dict[Any, Any]:
        return {}

    patch.setattr(MemoryStore, "lookup", nothing)


@damage(DECIDED)
def forget_references(patch: Patch) -> None:
    async def nothing(*_: Any) -> set[Any]:
        return set()

    patch.setattr(MemoryStore, "used_references", nothing)


@damage("recorded, though it was said that it was not")
def say_that_nothing_was_recorded(patch: Patch) -> None:
    patch.setattr(pending.Pending, "fail_truly", pending.Pending.fail)


@damage("without reason|not seen|in order|twice|missing|others expired|no lines|never be")
def let_two_write(patch: Patch) -> None:
    async def commit(self: MemoryStore, ledger: Any, group: Any) -> None:
        await asyncio.sleep(0)
        KeptLedger.record(ledger, group)

    patch.setattr(MemoryStore, "_commit", commit)


@damage("a batch twice")
def record_twice(patch: Patch) -> None:
    """Neither the writer nor a unique key finds that a batch is there."""
    forget_what_is_spent(patch)
    patch.setattr(KeptLedger, "check", lambda *_: None)


@damage("the live book|live state|not as it stood|the rows are not")
def believe_a_snapshot(patch: Patch) -> None:
    patch.setattr(snapshotting, "read_chunk", lambda chunk: sliced(decode_state(chunk.data)))


@damage("time went back|stopped without reason")
def let_time_go_back(patch: Patch) -> None:
    patch.setattr(LedgerClock, "now", lambda self, _: self._now_us())


@damage("Stuck|never|left behind|recorded, though it was said")
def stop_answering(patch: Patch) -> None:
    give = pending.Pending.give
    count = iter(range(10**9))

    def sometimes(self: Any, outcome: Any) -> None:
        if next(count) % 40 != 39:
            give(self, outcome)

    patch.setattr(pending.Pending, "give", sometimes)
