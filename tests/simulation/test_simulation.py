"""Two hundred short histories, and proofs that the simulation would notice what it looks for.

A history that fails says how to see it again; see workload.py and auditor.py for where a new
command belongs.
"""

import ast
import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from ledger.core import levies, state, terms
from ledger.core.book import Book
from ledger.core.days import Days
from ledger.core.frozen import STATUSES
from ledger.core.holds import Holds
from ledger.core.leaves import AnyLeaf, HoldsExpired
from ledger.core.lines import Beside
from ledger.core.model import NO_LOWER, Status
from ledger.core.suspense import Suspense
from ledger.core.terms import Posting
from ledger.journal.canonical import decode_state
from ledger.memory.database import KeptLedger
from ledger.memory.store import MemoryStore
from ledger.sequencer import loading, pending, writer
from ledger.sequencer.posting import receipt_again
from ledger.sequencer.signed import SignedLog
from ledger.sequencer.writer import Writer
from tests.simulation.auditor import LINES
from tests.simulation.history import Failed, run
from tests.simulation.loop import Life, SimulatedLoop, Stuck
from tests.simulation.rules import GOES_WITH
from tests.simulation.workload import COMMANDS
from tests.simulation.world import Fault, Rates

ROOT = Path(__file__).parents[2]
HISTORIES = 200
STEPS = 50
NOTICED_WITHIN = 40  # Histories.

lived = cache(run)


@pytest.mark.parametrize("first", range(0, HISTORIES, 20))
def test_histories(first: int) -> None:
    """Whatever happens to it, nothing that was acknowledged is lost, doubled or unfounded."""
    for seed in range(first, first + 20):
        lived(seed, STEPS)


def test_everything_happens_somewhere() -> None:
    """Every command is asked and answered; every write fails before and after its effect.

    Every line that the auditor knows is written, and every term leads to something posted.
    """
    histories = [lived(seed, STEPS) for seed in range(HISTORIES)]
    faults: Counter[str] = Counter()
    for history in histories:
        faults.update(history.faults)
    writes = ("create", "take", "COPY", "COMMIT", "checkpoint", "snapshot", "drop", "key")
    expected = {f"{write} {fault}" for write in writes for fault in (Fault.BEFORE, Fault.AFTER)}
    expected |= {f"COMMIT {fault}" for fault in Fault}
    expected |= {f"signer's state {when}" for when in ("before", "after", "torn")}
    expected |= {"signature is never asked for", "signature never leaves"}
    expected |= {"answer lost", "a read fails", "COMMIT is not carried out"}
    assert expected <= faults.keys(), expected - faults.keys()
    answered = {name for history in histories for name in history.answered}
    assert answered == {make.__name__ for make, _ in COMMANDS}
    happened = {what for history in histories for what in history.happened}
    actions = {"hold", "post", "void", "reverse", "clear"}
    notes = {"suspense", "flags", "beside", "business_date", "levies went back"}
    expected = {*LINES, *GOES_WITH, *actions, *notes}
    assert expected <= happened, expected - happened


# ---- the same byte for byte


def simulate(*words: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_seed_repeats_everything_whatever_the_hash_seed() -> None:
    """Times stand on lines with the word seconds only, and the last line is the hash."""
    outputs = []
    for hash_seed in ("1", "2"):
        ended = simulate("--seed", "9", "--steps", "150", hash_seed=hash_seed)
        assert ended.returncode == 0, ended.stderr
        lines = ended.stdout.splitlines()
        outputs.append([line for line in lines if "seconds" not in line])
    assert outputs[0] == outputs[1]
    assert outputs[0][-1] == f"history {run(9, 150).sha256}"
    assert outputs[0][-1] != f"history {run(10, 150).sha256}"


def test_for_minutes() -> None:
    ended = simulate("--seed", "3", "--steps", "10", "--minutes", "0.002")
    assert ended.returncode == 0, ended.stderr
    first, *_, last = ended.stdout.splitlines()
    assert first.startswith("seed 3: ")
    assert last.startswith("history ")


def test_a_failure_says_how_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _answer_at_once(monkeypatch)
    with pytest.raises(Failed, match=r"seed 0, step \d+: ") as failed:
        run(0, STEPS)
    assert f"./run simulate --seed 0 --steps {STEPS}" in str(failed.value)
    assert failed.value.lines


# ---- what it notices: the ledger broken on purpose


def _lose_a_batch(patch: pytest.MonkeyPatch) -> None:
    record = KeptLedger.record

    def lose(ledger: Any, group: Any) -> None:
        record(ledger, group)
        if len(ledger.batch_at) > 3:
            ledger.batch_at.popitem()

    patch.setattr(KeptLedger, "record", lose)


def _lose_a_leaf_later(patch: pytest.MonkeyPatch) -> None:
    keep = KeptLedger.keep_checkpoint

    def lose(ledger: Any, size: int, note: bytes) -> None:
        keep(ledger, size, note)
        if len(ledger.lines) > 15:
            ledger.lines[12] = ledger.lines[13]

    patch.setattr(KeptLedger, "keep_checkpoint", lose)


def _skip_a_bound(patch: pytest.MonkeyPatch) -> None:
    post = Book.post

    def skip(self: Book, *args: Any, **kwargs: Any) -> Any:
        floor, self.floor = self.floor, [NO_LOWER] * len(self.floor)
        try:
            return post(self, *args, **kwargs)
        finally:
            self.floor = floor

    patch.setattr(Book, "post", skip)


def _create_money(patch: pytest.MonkeyPatch) -> None:
    posted = Book._posted

    def create(self: Book, *args: Any, **kwargs: Any) -> Any:
        outcome = posted(self, *args, **kwargs)
        if outcome.credit:
            self.balance[outcome.credit[-1]] += 1
        return outcome

    patch.setattr(Book, "_posted", create)


def _keep_a_dry_run(patch: pytest.MonkeyPatch) -> None:
    def keep(self: Book, posted: Any) -> None:
        self.batches -= 1
        self.transfers -= len(posted.amount)

    patch.setattr(Book, "unpost", keep)


def _answer_at_once(patch: pytest.MonkeyPatch) -> None:
    post = Writer.post

    def at_once(self: Writer, one: Any) -> None:
        give = post(self, one)
        if give is not None:
            give()

    patch.setattr(Writer, "post", at_once)


def _answer_unsigned(patch: pytest.MonkeyPatch) -> None:
    sign = SignedLog.sign

    async def later(self: SignedLog, *args: Any) -> None:
        before = self.checkpoint
        await sign(self, *args)
        self.checkpoint = before or self.checkpoint

    patch.setattr(SignedLog, "sign", later)


def _show_what_is_not_committed(patch: pytest.MonkeyPatch) -> None:
    decide = pending.Look.decide

    def at_once(self: Any, writer: Any, known: Any) -> None:
        give = decide(self, writer, known)
        if give is not None:
            give()

    patch.setattr(pending.Look, "decide", at_once)


def _take_anything_for_a_repeat(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pending, "same_posted", lambda *_: True)


def _give_another_receipt(patch: pytest.MonkeyPatch) -> None:
    def another(stored: Any) -> Any:
        receipt = receipt_again(stored)
        if hasattr(receipt, "posted") and receipt.posted.amount:
            receipt.posted.amount[0] += 1
        return receipt

    patch.setattr(pending, "receipt_again", another)


def _forget_what_is_spent(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> dict[Any, Any]:
        return {}

    patch.setattr(MemoryStore, "lookup", nothing)


def _forget_references(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: Any) -> set[Any]:
        return set()

    patch.setattr(MemoryStore, "used_references", nothing)


def _say_that_nothing_was_recorded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pending.Pending, "fail_truly", pending.Pending.fail)


def _let_two_write(patch: pytest.MonkeyPatch) -> None:
    async def commit(self: MemoryStore, ledger: Any, group: Any) -> None:
        await asyncio.sleep(0)
        KeptLedger.record(ledger, group)

    patch.setattr(MemoryStore, "_commit", commit)


def _record_twice(patch: pytest.MonkeyPatch) -> None:
    """Neither the writer nor a unique key finds that a batch is there."""
    _forget_what_is_spent(patch)
    patch.setattr(KeptLedger, "check", lambda *_: None)


def _believe_a_snapshot(patch: pytest.MonkeyPatch) -> None:
    def believe(book: Book, chunk: Any) -> None:
        book.restore(decode_state(chunk.data))

    patch.setattr(loading, "restore_chunk", believe)


def _let_time_go_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Writer, "now", lambda self: self._now_us())


def _stop_answering(patch: pytest.MonkeyPatch) -> None:
    give = pending.Pending.give
    count = iter(range(10**9))

    def sometimes(self: Any, outcome: Any) -> None:
        if next(count) % 40 != 39:
            give(self, outcome)

    patch.setattr(pending.Pending, "give", sometimes)


# ---- and the rules


def _keep_nothing_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Holds, "_keep_back", lambda *_: None)


def _hold_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Holds, "due", lambda _: None)


def _end_holds_early(patch: pytest.MonkeyPatch) -> None:
    def soon(self: Holds, now: int) -> Any:
        return HoldsExpired(recorded_at=now, holds=sorted(self.open)) if self.open else None

    patch.setattr(Holds, "due", lambda self: 0 if self.open else None)
    patch.setattr(Holds, "due_line", soon)
    patch.setattr(Holds, "refuse", lambda *_: None)


def _resolve_a_hold_again(patch: pytest.MonkeyPatch) -> None:
    resolve = Holds.resolve

    def never(self: Holds, undo: Any, sequence: int, left: int) -> None:
        resolve(self, undo, sequence, left or 1)

    patch.setattr(Holds, "resolve", never)


def _forget_holds_at_a_restart(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Holds, "state", lambda _: [])


def _post_what_is_left(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Posting, "_entries", lambda self: ([n] for n in range(len(self._transfers))))


def _forget_what_was_taken_back(patch: pytest.MonkeyPatch) -> None:
    past = MemoryStore.past

    async def forget(*asked: Any) -> Any:
        return {n: replace(one, taken=0) for n, one in (await past(*asked)).items()}

    patch.setattr(MemoryStore, "past", forget)


def _take_back_what_is_on_its_way(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Writer, "_is_settled", lambda _: True)


def _pass_over_the_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Posting, "_allowed", lambda self, terms, d, c, amount: amount)


def _leave_the_rest(patch: pytest.MonkeyPatch) -> None:
    def turned(self: Any, terms: Any, d: int, c: int, rest: int) -> Any:
        return Beside(amount=rest, credit_account=terms.rest, debit_account=d, kind="rest")

    patch.setattr(Posting, "_rest", turned)


def _forget_what_stands_in(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Suspense, "put", lambda *_: None)


def _clear_without_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Suspense, "clear", lambda *_: None)


def _pass_soft_bounds_in_silence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Posting, "_flags", lambda *_: set())


def _let_the_frozen_pay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(state, "_MAY_PAY", {*state._MAY_PAY, STATUSES.index(Status.FROZEN_DEBITS)})


def _let_the_frozen_be_paid(patch: pytest.MonkeyPatch) -> None:
    frozen = STATUSES.index(Status.FROZEN_CREDITS)
    patch.setattr(state, "_MAY_BE_PAID", {*state._MAY_BE_PAID, frozen})


def _round_a_rate_up(patch: pytest.MonkeyPatch) -> None:
    bought = Posting._bought

    def more(self: Any, *asked: Any) -> int | None:
        amount = bought(self, *asked)
        return None if amount is None else amount + 1

    patch.setattr(Posting, "_bought", more)


def _round_levies_down(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(levies, "round", int, raising=False)


def _keep_levies(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(terms, "given_back", lambda *_: 0)


def _levy_what_is_no_more(patch: pytest.MonkeyPatch) -> None:
    apply = levies.Levies.apply

    def keep(self: Any, line: Any) -> None:
        if line.levy:
            apply(self, line)

    patch.setattr(levies.Levies, "apply", keep)


def _open_every_day(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Days, "is_open", lambda self, day, current: day <= current)


def _count_nothing_for_a_day(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Days, "count", lambda *_: None)


def _close_any_day(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Days, "_refuse_closing", lambda *_: None)


def _mark_any_period(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Days, "_refuse_period", lambda *_: None)


def _refuse_what_is_late(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Days, "next_open", lambda *_: None)


def _adjust_an_open_year(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Days, "is_closed", lambda *_: True)


def _begin_every_day_at_midnight(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        writer, "business_day", lambda moment, zone, _: moment.astimezone(zone).date()
    )


# What was decided, shown or refused is not what the auditor's own rules say.
DECIDED = (
    "could never be|not what could be posted|other outcomes|for another reason|live book"
    "|outcomes only|rows are not|others expired|other holds|other items|other levies"
    "|not as it stood"
)


def _run_some() -> None:
    for seed in range(NOTICED_WITHIN):
        run(seed, STEPS)


@pytest.mark.parametrize(
    ("break_it", "found"),
    [
        (_lose_a_batch, "no lines at all|beside a leaf is gone"),
        (_lose_a_leaf_later, "a leaf is missing, or another than it was"),
        (_skip_a_bound, DECIDED),
        (_create_money, "the live book differs|not as it stood|live state|the rows are not"),
        (_keep_a_dry_run, "the live book differs|not as it stood|not what could|other"),
        (_answer_at_once, "answered before it was"),
        (_answer_unsigned, "before it was signed|a path that is too long|never stood"),
        (_show_what_is_not_committed, "before it was committed"),
        (_take_anything_for_a_repeat, "a receipt for something else"),
        (_give_another_receipt, "other legs than the journal's"),
        (_forget_what_is_spent, "nothing went wrong, but|stopped without reason|refused a row"),
        (_forget_references, DECIDED),
        (_say_that_nothing_was_recorded, "recorded, though it was said that it was not"),
        (_let_two_write, "without reason|not seen|in order|twice|missing|others expired"),
        (_record_twice, "a batch twice"),
        (_believe_a_snapshot, "the live book|live state|not as it stood"),
        (_let_time_go_back, "time went back|stopped without reason"),
        (_stop_answering, "Stuck|never|recorded, though it was said"),
        (_keep_nothing_back, DECIDED),
        (_hold_for_ever, "held after its end"),
        (_end_holds_early, "others expired than were due"),
        (_resolve_a_hold_again, DECIDED),
        (_forget_holds_at_a_restart, f"{DECIDED}|live state|without reason"),
        (_post_what_is_left, DECIDED),
        (_forget_what_was_taken_back, DECIDED),
        (_take_back_what_is_on_its_way, DECIDED),
        (_pass_over_the_limit, DECIDED),
        (_leave_the_rest, DECIDED),
        (_forget_what_stands_in, DECIDED),
        (_clear_without_end, DECIDED),
        (_pass_soft_bounds_in_silence, DECIDED),
        (_let_the_frozen_pay, DECIDED),
        (_let_the_frozen_be_paid, DECIDED),
        (_round_a_rate_up, DECIDED),
        (_round_levies_down, DECIDED),
        (_keep_levies, DECIDED),
        (_levy_what_is_no_more, f"never removed|{DECIDED}"),
        (_open_every_day, DECIDED),
        (_count_nothing_for_a_day, "another count of a day|the live book has other totals"),
        (_close_any_day, "closed while one before|closed, though|closing of a day twice"),
        (_mark_any_period, "marked so, though|days of it are open|nobody's decision"),
        (_refuse_what_is_late, DECIDED),
        (_adjust_an_open_year, DECIDED),
        (_begin_every_day_at_midnight, "another business date|closed before it began"),
    ],
)
def test_what_is_broken_is_noticed(
    break_it: Callable[[pytest.MonkeyPatch], None],
    found: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_it(monkeypatch)
    with pytest.raises(Failed, match=found):
        _run_some()


def test_the_auditor_shares_no_code_with_the_ledger() -> None:
    """It names the ledger's types for those who read it, and imports none of them."""
    own = {"tests.simulation.days", "tests.simulation.rules"}
    for file in ("auditor.py", "days.py", "rules.py"):
        tree = ast.parse((Path(__file__).parent / file).read_text())
        for node in tree.body:  # What stands under TYPE_CHECKING is not among them.
            names = [alias.name for alias in getattr(node, "names", [])]
            names.append(getattr(node, "module", "") or "")
            first = {name.split(".")[0] for name in names if name not in own}
            assert not first & {"ledger", "tests"}


# Lines that no command of the workload leads to yet. A new one belongs into LINES instead.
AWAITED = {"limit_planned", "limit_unplanned", "limit_earned", "payment_limits"}
AWAITED |= {"demurrage", "fee", "reserve", "policy", "workflow", "whitelist"}
AWAITED |= {"proposed", "decided", "dispute", "dispute_ended"}
AWAITED |= {"schedule", "occurrence", "holidays"}


def test_the_auditor_knows_every_line() -> None:
    tags = {leaf.__struct_config__.tag for leaf in get_args(AnyLeaf)}
    assert tags - LINES.keys() <= AWAITED
    assert not LINES.keys() & AWAITED


# ---- the loop


def test_time_jumps_and_what_is_due_together_keeps_its_order() -> None:
    async def work() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        seen: list[tuple[str, float]] = []
        for name in "abc":
            loop.call_later(3600, lambda name=name: seen.append((name, loop.time())))
        await asyncio.sleep(3601)
        return seen

    assert SimulatedLoop().run(work()) == [(name, 3600.0) for name in "abc"]


def test_who_waits_for_nothing_is_told() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        SimulatedLoop().run(work())


def test_a_life_that_ended_does_nothing_more() -> None:
    """No `except` and no `finally` of it, as long as anything else runs."""
    seen: list[str] = []

    async def last_words() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            seen.append("too late")

    async def work() -> list[str]:
        life = Life()
        life.begin(last_words())
        await asyncio.sleep(0.5)
        life.has_ended = True
        await asyncio.sleep(10)
        return list(seen)

    assert SimulatedLoop().run(work()) == []


def test_a_calm_history_has_no_faults() -> None:
    histories = [lived(seed, STEPS) for seed in range(40)]
    calm = [one for one in histories if f"roughness: {Rates()}" in "\n".join(one.lines)]
    assert calm
    assert not any(one.faults for one in calm)
