"""Journals under terms: verified from their bytes, and what was tampered with is found.

A reader made after JOURNAL.md alone (outsider.py) decides the same; whoever signs what the
rules do not give is found by verify, with the place.
"""

import random
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from ledger.core.book import Book
from ledger.core.door import commitment
from ledger.core.exchange import Exchange
from ledger.core.leaves import EXPIRED_MAX, BatchPosted, HoldsExpired, Snapshot
from ledger.core.lines import (
    BESIDE_MAX,
    LEAF_MAX,
    Beside,
    Fraction,
    Outcome,
    Rate,
    Terms,
    Transfer,
)
from ledger.core.model import Action, Flag, Mode, Nature, Phase, Side, Status
from ledger.core.refusals import Refusal
from ledger.core.store import StoredBatch
from ledger.core.terms import Past
from ledger.journal import directory
from ledger.journal.batches import read_posted, read_refusals, root_of_lines, write_outcomes
from ledger.journal.canonical import decode_leaf, encode_line
from ledger.journal.directory import LINE_MAX, ExportDirectory, Recorded, bodies_path
from ledger.journal.replay import History, replay
from ledger.journal.verify import Report, verify_export
from tests.building import NO_BOUND, Building, under_terms
from tests.journal.outsider import Outsider, canonical


def verified(it: Building, tmp_path: Path) -> Report:
    it.export(tmp_path / "journal")
    return verify_export(tmp_path / "journal", trusted_vkey=it.signer.vkey)


def agrees(it: Building) -> None:
    """The outsider finds the same outcomes and the same state from the bytes."""
    outsider = Outsider()
    for each in it.recorded:
        found = b"".join(
            canonical(line) + b"\n" for line in outsider.read(each.leaf, each.body)
        )
        assert found == each.outcomes, f"leaf {each.index}"
    assert outsider.state() == list(map(encode_line, it.book.state()))


# ---- what is whole


def test_a_journal_under_terms_is_verified_and_counted(tmp_path: Path) -> None:
    report = verified(under_terms(), tmp_path)
    assert report.ok, report.broken
    checked = report.checked
    assert (checked.batches, checked.signed_batches, checked.snapshots) == (21, 1, 3)
    assert (checked.transfers, checked.refused_transfers) == (28, 6)
    assert (checked.holds, checked.expired_holds) == (4, 1)
    mxn, usd = report.totals
    assert (mxn.transfers, mxn.turnover) == (21, 1_346_36)
    assert (usd.transfers, usd.turnover) == (2, 8)


def test_an_outsider_decides_the_same() -> None:
    agrees(under_terms())


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_asked_an_outsider_decides_the_same(seed: int, tmp_path: Path) -> None:
    it = Wild(seed).run(60)
    agrees(it)
    report = verified(it, tmp_path)
    assert report.ok, report.broken


class Wild:
    """A ledger where anything is asked: most of it nearly right, some of it nonsense."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.it = it = Building(seed=seed)
        it.currency("MXN")
        it.currency("USD")
        for number in range(1, 7):
            lower = NO_BOUND if number == 1 else self.random.randrange(-500, 1)
            upper = self.random.choice([NO_BOUND, 2_000])
            it.account(f"m{number}", "MXN", lower=lower, upper=upper)
        it.account("usd", "USD", lower=NO_BOUND)
        it.account("eva", "USD")

    def run(self, steps: int) -> Building:
        it, pick = self.it, self.random.choice
        for _ in range(steps):
            match self.random.randrange(12):
                case 0:
                    number = self.random.randrange(2, 7)
                    status = pick([*Status][:-1])
                    it.status(number, status)
                case 1:
                    number = self.random.randrange(2, 7)
                    soft = pick([UNSET, *Side])
                    it.limit(
                        number, self.random.randrange(-900, 1), pick([NO_BOUND, 999]), soft
                    )
                case 2:
                    it.now += self.random.randrange(40_000_000)
                    ended = [n for n, hold in self.holds().items() if hold.expires <= it.now]
                    if ended:
                        it.expire(*ended)
                case 3:
                    it.snapshot()
                case _:
                    self.post()
        return it

    def holds(self) -> dict[int, object]:
        return {x.sequence: x for x in self.it.book.state() if type(x).__name__ == "StateHold"}

    def post(self) -> None:
        it = self.it
        transfers = [self.transfer() for _ in range(self.random.randrange(1, 7))]
        if not self.random.randrange(4):
            transfers[:1] = self.exchange()
        mode = self.random.choice([*Mode])
        if mode is Mode.ATOMIC and self.is_refused(transfers):
            it.refuse(transfers)
        else:
            it.post(transfers, mode=mode)

    def is_refused(self, transfers: Sequence[Transfer]) -> bool:
        """Look what would happen, and take it back."""
        it = self.it
        outcome = it.book.post(
            it.manifest(it.next_batch(), len(transfers)),
            transfers,
            recorded_at=it.now + 1_000_000,
            business_date=it.day,
            past=it.past,
        )
        if isinstance(outcome, Refusal):
            return True
        it.book.unpost(outcome)
        return False

    def transfer(self) -> Transfer:
        it, pick = self.it, self.random.choice
        d, c = self.account(), self.account()
        amount = self.random.randrange(1, 400)
        entry = pick([UNSET, UNSET, UNSET, 1])
        match pick([None, None, None, Action.HOLD, *Action]):
            case None:
                return it.pay(d, c, amount, terms=self.moving(entry))
            case Action.HOLD:
                expires = it.now + self.random.randrange(60_000_000)
                terms = Terms(
                    action=Action.HOLD,
                    expires=expires,
                    entry=entry,
                    up_to=pick([UNSET, UNSET, *Side]),
                )
                return it.pay(d, c, amount, terms=terms)
            case action:
                return self.about(action, entry)

    def exchange(self) -> list[Transfer]:
        """Sold, bought and the residue; mostly as it should be, with a fraction or without."""
        it, pick = self.it, self.random.choice
        rate = pick([Rate(n=1, d=7), Rate(n=5, d=7), Rate(n=17, d=3)])
        sold = self.random.randrange(7, 400)
        exchange = Exchange(sold, rate)
        payer, taker = pick([1, 2, 3]), 5
        amounts = sold, exchange.bought + pick([0] * 12 + [1]), exchange.residue
        sides = (payer, taker), (7, 8), (taker, pick([payer, 6]))
        lines = [
            it.pay(*each, amount, terms=Terms(entry=2, **terms))  # type: ignore[arg-type]
            for each, amount, terms in zip(
                sides, amounts, ({}, {"rate": rate}, {"residue": True}), strict=True
            )
            if amount
        ]
        return lines[: pick([3] * 9 + [2])]

    def account(self) -> int:
        often = [1, 1, 2, 2, 2, 3, 3, 4, 5, 6]
        return self.random.choice([*often, *often, 7, 8, 0, 99])

    def moving(self, entry: int | UnsetType) -> Terms | UnsetType:
        pick = self.random.choice
        some: list[dict[str, object]] = [
            {},
            {"up_to": pick([*Side])},
            {"up_to": pick([Side.DEBIT, Side.CREDIT]), "rest": self.account()},
            {"suspense": self.account()},
            {"suspense": self.account(), "up_to": pick([*Side])},
        ]
        if entry is not UNSET:
            some.append({"rate": Rate(n=self.random.randrange(1, 20), d=17)})
        terms = Terms(entry=entry, **pick(some))  # type: ignore[arg-type]
        return UNSET if terms == Terms() else terms

    def about(self, action: Action, entry: int | UnsetType) -> Transfer:
        """A line about a row there is, mostly as it should be."""
        it, pick = self.it, self.random.choice
        parts = [x for x in it.book.state() if type(x).__name__ == "StateSuspended"]
        known: list[int] = {
            Action.POST: [*self.holds()],
            Action.VOID: [*self.holds()],
            Action.REVERSE: [*it.past],
            Action.CLEAR: [x.sequence for x in parts],
        }[action]
        if not known and self.random.randrange(6):
            return self.transfer()
        target = pick([*known * 3, *it.past, len(it.past) + 2])
        past = it.past.get(target, Past(debit=1, credit=2, amount=5))
        d, c = past.debit, past.credit
        if action in (Action.REVERSE, Action.CLEAR):
            d, c = c, d
        if action is Action.CLEAR and self.random.randrange(2):
            d = self.account()
        elif action is Action.CLEAR and self.random.randrange(2):
            c = self.account()
        amount = max(
            1, pick([past.amount, past.amount // 2, past.amount // 3, past.amount + 1])
        )
        more = {}
        if action is Action.REVERSE and self.random.randrange(2):
            more = {"up_to": Side.DEBIT, "rest": self.account()}
        if action is Action.POST:
            more = {"release": pick([True, False, False])}
        if entry is not UNSET:
            more["entry"] = entry
        return it.act(action, target, d, c, amount, **more)


# ---- fraud: signed, and against the rules


class Small(Building):
    """Ana has 100.00, the shop 40.00 of hers (2), and 10.00 of ana are held (3)."""

    def __init__(self) -> None:
        super().__init__()
        self.currency("MXN")
        self.currency("USD")
        self.cash = self.account("cash", "MXN", nature=Nature.DEBIT, lower=NO_BOUND)
        self.ana = self.account("ana", "MXN")
        self.shop = self.account("shop", "MXN")
        self.bridge = self.account("bridge", "MXN", lower=NO_BOUND)
        self.dollars = self.account("dollars", "USD", lower=NO_BOUND)
        self.eva = self.account("eva", "USD")
        self.post([self.pay(self.cash, self.ana, 140_00), self.pay(self.ana, self.shop, 40_00)])
        self.post([self.hold(self.ana, self.shop, 10_00, seconds=60)])

    def claim(
        self,
        transfers: Sequence[Transfer],
        *,
        outcomes: bytes = b"",
        rows: int | None = None,
        mode: Mode = Mode.ATOMIC,
    ) -> None:
        """Write a batch that nobody decided, with so many rows and these outcomes."""
        recorded_at = self.tick()
        batch, _, body = self.write(transfers, mode=mode)
        leaf = BatchPosted(
            recorded_at=recorded_at,
            number=self.book.batches + 1,
            batch=batch,
            poster="caja-1",
            business_date=self.day,
            count=len(transfers),
            posted=len(transfers) if rows is None else rows,
            first_sequence=self.book.transfers + 1,
            signed=False,
            key="key-1",
            root=body.root,
            outcomes=root_of_lines(outcomes) if outcomes else UNSET,
        )
        self.put(leaf, body.data, outcomes)

    def back(self, amount: int, target: int = 2, **more: object) -> Transfer:
        return self.act(Action.REVERSE, target, self.shop, self.ana, amount, **more)

    def in_suspense(self) -> int:
        """Cash for ana that she may not have now; its sequence."""
        self.status(self.ana, Status.FROZEN)
        taken = self.pay(self.cash, self.ana, 7_00, terms=Terms(suspense=self.bridge))
        return self.post([taken]).first_sequence


def more_than_was_posted(it: Small) -> None:
    it.claim([it.back(40_01)])


def more_than_is_left(it: Small) -> None:
    it.post([it.back(30_00)])
    it.claim([it.back(10_01)])


def more_in_two_parts_of_a_batch(it: Small) -> None:
    it.claim([it.back(20_00), it.back(20_01)])


def a_later_sequence(it: Small) -> None:
    it.claim([it.pay(it.cash, it.ana, 1), it.back(1, target=5)])


def its_own_sequence(it: Small) -> None:
    it.claim([it.back(1, target=4)])


def a_row_of_the_same_batch(it: Small) -> None:
    it.claim([it.pay(it.ana, it.shop, 1), it.back(1, target=4)])


def a_hold_reversed(it: Small) -> None:
    it.claim([it.back(1, target=3)])


def a_reversal_reversed(it: Small) -> None:
    number = it.post([it.back(5_00)]).first_sequence
    it.claim([it.act(Action.REVERSE, number, it.ana, it.shop, 1)])


def the_rest_of_a_reversal_reversed(it: Small) -> None:
    """As far as the shop has money, the rest from the bridge; neither can be taken back."""
    it.post([it.pay(it.shop, it.cash, 30_00)])
    posted = it.post([it.back(40_00, up_to=Side.DEBIT, rest=it.bridge)])
    assert posted.amount == [10_00, 30_00]
    number = posted.first_sequence + 1
    it.claim([it.act(Action.REVERSE, number, it.ana, it.bridge, 1)])


def a_void_reversed(it: Small) -> None:
    number = it.post([it.act(Action.VOID, 3, it.ana, it.shop, 10_00)]).first_sequence
    it.claim([it.back(1, target=number)])


def suspense_reversed(it: Small) -> None:
    number = it.in_suspense()
    it.claim([it.act(Action.REVERSE, number, it.bridge, it.cash, 7_00)])


def other_accounts_reversed(it: Small) -> None:
    it.claim([it.act(Action.REVERSE, 2, it.ana, it.shop, 1)])


def a_hold_posted_twice(it: Small) -> None:
    it.post([it.act(Action.POST, 3, it.ana, it.shop, 10_00)])
    it.claim([it.act(Action.POST, 3, it.ana, it.shop, 10_00)])


def more_than_was_held(it: Small) -> None:
    it.claim([it.act(Action.POST, 3, it.ana, it.shop, 10_01)])


def a_hold_posted_after_its_end(it: Small) -> None:
    it.now += 60_000_000
    it.claim([it.act(Action.POST, 3, it.ana, it.shop, 10_00)])


def what_is_held_spent(it: Small) -> None:
    it.claim([it.pay(it.ana, it.cash, 90_01)])


def suspense_cleared_twice(it: Small) -> None:
    number = it.in_suspense()
    it.post([it.act(Action.CLEAR, number, it.bridge, it.shop, 7_00)])
    it.claim([it.act(Action.CLEAR, number, it.bridge, it.shop, 7_00)])


def suspense_cleared_from_elsewhere(it: Small) -> None:
    number = it.in_suspense()
    it.claim([it.act(Action.CLEAR, number, it.cash, it.shop, 7_00)])


def a_better_rate(it: Small) -> None:
    sold = it.pay(it.ana, it.cash, 1_00, terms=Terms(entry=1))
    rate = Terms(entry=1, rate=Rate(n=1, d=17))
    it.claim([sold, it.pay(it.dollars, it.eva, 6, terms=rate)])


def a_residue_kept(it: Small) -> None:
    """At 1/17 a peso buys 5 cents, for 85 centavos."""
    sold = it.pay(it.ana, it.cash, 1_00, terms=Terms(entry=1))
    rate = Terms(entry=1, rate=Rate(n=1, d=17))
    it.claim([sold, it.pay(it.dollars, it.eva, 5, terms=rate)])


def a_residue_made_up(it: Small) -> None:
    sold = it.pay(it.ana, it.cash, 1_00, terms=Terms(entry=1))
    bought = it.pay(it.dollars, it.eva, 5, terms=Terms(entry=1, rate=Rate(n=1, d=17)))
    residue = it.pay(it.cash, it.ana, 16, terms=Terms(entry=1, residue=True))
    it.claim([sold, bought, residue])


def what_was_sold_taken_back_alone(it: Small) -> None:
    sold = it.pay(it.ana, it.cash, 85, terms=Terms(entry=1))
    bought = it.pay(it.dollars, it.eva, 5, terms=Terms(entry=1, rate=Rate(n=1, d=17)))
    it.post([sold, bought])  # 4 and 5.
    it.claim([it.act(Action.REVERSE, 4, it.cash, it.ana, 85)])


def terms_that_do_not_go_together(it: Small) -> None:
    it.claim([it.pay(it.ana, it.shop, 1, terms=Terms(rest=it.bridge))])


def terms_that_ask_for_nothing(it: Small) -> None:
    it.claim([it.pay(it.ana, it.shop, 1, terms=Terms())])


def expired_too_early(it: Small) -> None:
    it.put(HoldsExpired(recorded_at=it.tick(), holds=[3]))


def expired_twice(it: Small) -> None:
    it.now += 60_000_000
    it.expire(3)
    it.put(HoldsExpired(recorded_at=it.tick(), holds=[3]))


def expired_twice_in_one_line(it: Small) -> None:
    it.now += 60_000_000
    it.put(HoldsExpired(recorded_at=it.tick(), holds=[3, 3]))


def expired_what_is_no_hold(it: Small) -> None:
    it.put(HoldsExpired(recorded_at=it.tick(), holds=[2]))


def another_amount_in_an_outcome(it: Small) -> None:
    """Up to what ana has is 90.00; the operator says that it was 80.00."""
    line = b'{"amount":8000,"position":0,"sequence":4}\n'
    it.claim([it.pay(it.ana, it.shop, 95_00, terms=Terms(up_to=Side.DEBIT))], outcomes=line)


def no_outcome_where_less_was_posted(it: Small) -> None:
    it.claim([it.pay(it.ana, it.shop, 95_00, terms=Terms(up_to=Side.DEBIT))])


def a_flag_left_out(it: Small) -> None:
    it.limit(it.shop, 0, 50, soft=Side.CREDIT)
    it.claim([it.pay(it.ana, it.shop, 1)])


def half_an_entry(it: Small) -> None:
    entry = Terms(entry=1)
    transfers = [
        it.pay(it.ana, it.shop, 1, terms=entry),
        it.pay(it.ana, it.shop, 90_00, terms=entry),
    ]
    line = '{"account":2,"available":"8999","code":"exceeds_credit_limit","position":1}'
    outcomes = f'{{"position":0,"sequence":4}}\n{line}\n'.encode()
    it.claim(transfers, mode=Mode.EACH, outcomes=outcomes, rows=1)


def a_row_not_counted(it: Small) -> None:
    terms = Terms(up_to=Side.DEBIT, rest=it.bridge)
    line = (
        b'{"amount":9000,"beside":[{"amount":500,"credit_account":3,"debit_account":4,'
        b'"kind":"rest"}],"position":0,"sequence":4}\n'
    )
    it.claim([it.pay(it.ana, it.shop, 95_00, terms=terms)], outcomes=line, rows=1)


def suspense_where_nobody_refused(it: Small) -> None:
    line = b'{"position":0,"sequence":4,"suspense":"credit"}\n'
    it.claim([it.pay(it.cash, it.ana, 1, terms=Terms(suspense=it.bridge))], outcomes=line)


def a_frozen_side_used(it: Small) -> None:
    it.status(it.ana, Status.FROZEN_DEBITS)
    it.post([it.pay(it.cash, it.ana, 1)])
    it.claim([it.pay(it.ana, it.cash, 1)])


@pytest.mark.parametrize(
    ("fraud", "reason"),
    [
        (more_than_was_posted, "exceeds_target at position 0"),
        (more_than_is_left, "exceeds_target at position 0"),
        (more_in_two_parts_of_a_batch, "exceeds_target at position 1"),
        (a_later_sequence, "target_not_found at position 1"),
        (its_own_sequence, "target_not_found at position 0"),
        (a_row_of_the_same_batch, "target_not_found at position 1"),
        (a_hold_reversed, "target_not_reversible at position 0"),
        (a_reversal_reversed, "target_not_reversible at position 0"),
        (the_rest_of_a_reversal_reversed, "target_not_reversible at position 0"),
        (a_void_reversed, "target_not_reversible at position 0"),
        (suspense_reversed, "target_not_reversible at position 0"),
        (other_accounts_reversed, "target_differs at position 0"),
        (a_hold_posted_twice, "hold_not_open at position 0"),
        (more_than_was_held, "exceeds_target at position 0"),
        (a_hold_posted_after_its_end, "hold_expired at position 0"),
        (what_is_held_spent, "exceeds_credit_limit at position 0"),
        (suspense_cleared_twice, "target_not_in_suspense at position 0"),
        (suspense_cleared_from_elsewhere, "target_differs at position 0"),
        (a_better_rate, "rate_differs at position 1"),
        (a_residue_kept, "residue_differs at position 1"),
        (a_residue_made_up, "residue_differs at position 2"),
        (what_was_sold_taken_back_alone, "target_not_reversible at position 0"),
        (terms_that_do_not_go_together, "rest does not go with the other terms, or is missing"),
        (terms_that_ask_for_nothing, "terms does not go with the other terms, or is missing"),
        (expired_too_early, "against the rules: holds_not_due"),
        (expired_twice, "against the rules: holds_not_due"),
        (expired_twice_in_one_line, "against the rules: holds_not_due"),
        (expired_what_is_no_hold, "against the rules: holds_not_due"),
        (another_amount_in_an_outcome, "other outcomes than the rules give"),
        (no_outcome_where_less_was_posted, "other outcomes than the rules give"),
        (a_flag_left_out, "other outcomes than the rules give"),
        (half_an_entry, "other outcomes than the rules give"),
        (a_row_not_counted, "other outcomes than the rules give"),
        (suspense_where_nobody_refused, "other outcomes than the rules give"),
        (a_frozen_side_used, "debit_account_frozen at position 0"),
    ],
)
def test_signed_but_against_the_rules(
    fraud: Callable[[Small], None], reason: str, tmp_path: Path
) -> None:
    it = Small()
    fraud(it)
    report = verified(it, tmp_path)
    assert report.broken is not None
    assert report.broken.place == f"leaf {len(it.recorded) - 1}"
    assert report.broken.reason.endswith(reason)


def test_what_small_ledgers_are_forged_from_is_whole(tmp_path: Path) -> None:
    """Each fraud is found for itself: without it, the same journal is verified."""
    it = Small()
    it.post([it.back(30_00)])
    it.post([it.back(10_00)])
    it.in_suspense()
    it.claim([it.act(Action.CLEAR, 6, it.bridge, it.shop, 7_00)])
    report = verified(it, tmp_path)
    assert report.ok, report.broken


def test_an_expired_line_dropped(tmp_path: Path) -> None:
    """Without it the hold would count for ever; the next batch shows that it did not."""
    it = under_terms()
    at = next(x.index for x in it.recorded if b'"line":"expired"' in x.leaf)
    kept = [x for x in it.recorded if x.index != at]
    it.recorded = [replace_index(x, index) for index, x in enumerate(kept)]
    report = verified(it, tmp_path)
    assert report.broken is not None
    assert report.broken.place == f"leaf {at}"
    assert report.broken.reason.endswith("other outcomes than the rules give")


def replace_index(recorded: Recorded, index: int) -> Recorded:
    return Recorded(index, recorded.leaf, recorded.body, recorded.outcomes)


@pytest.mark.parametrize("kind", [b"state_hold", b"state_suspended", b'"soft"'])
def test_a_snapshot_that_leaves_something_out(kind: bytes, tmp_path: Path) -> None:
    it = Small()
    it.in_suspense()
    it.limit(it.shop, 0, 50_00, soft=Side.CREDIT)
    lines = [encode_line(line) + b"\n" for line in it.book.state()]
    assert any(kind in line for line in lines)
    index = it.snapshot()
    honest = decode_leaf(it.recorded[index].leaf)
    assert isinstance(honest, Snapshot)
    assert honest.root == root_of_lines(b"".join(lines))
    less = [
        line.replace(b'"soft":"credit",', b"")
        for line in lines
        if kind not in line or b"soft" in line
    ]
    it.recorded.pop()
    it.put(replace(honest, root=root_of_lines(b"".join(less))))
    report = verified(it, tmp_path)
    assert report.broken is not None
    assert report.broken.place == f"leaf {index}"
    assert "is not that of the snapshot" in report.broken.reason


def test_every_byte_of_outcomes_counts(tmp_path: Path) -> None:
    it = under_terms()
    it.export(tmp_path / "journal")
    path = tmp_path / "journal" / "batch/000.outcomes.jsonl"
    data = path.read_bytes()
    assert b'"beside"' in data
    for at in range(0, len(data), 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :])
        report = verify_export(tmp_path / "journal")
        assert report.broken is not None, at
        assert report.broken.place.startswith("batch/000.outcomes.jsonl, leaf"), at


def test_the_text_of_a_transfer_is_beside_its_own_row(tmp_path: Path) -> None:
    """A row beside has no text of its own, though it comes of the same line."""
    it = Small()
    terms = Terms(up_to=Side.DEBIT, rest=it.bridge)
    salt, text = it.salt(), "a text"
    told = replace(it.pay(it.ana, it.shop, 95_00, terms=terms), details=commitment(salt, text))
    posted = it.post([told])
    assert posted.amount == [90_00, 5_00]
    for sequence, is_whole in (
        (posted.first_sequence, True),
        (posted.first_sequence + 1, False),
    ):
        it.details = [(sequence, salt, text)]
        out = tmp_path / str(sequence)
        it.export(out, with_details=True)
        assert verify_export(out).ok is is_whole


@pytest.mark.parametrize("mode", [Mode.ATOMIC, Mode.EACH])
def test_what_an_absurd_rate_would_buy_is_still_a_line(mode: Mode, tmp_path: Path) -> None:
    """The answer is written, so it must be one that can be read."""
    it = Small()
    most = 2**53 - 1
    sold = it.pay(it.cash, it.bridge, most, terms=Terms(entry=1))
    bought = it.pay(it.dollars, it.eva, 1, terms=Terms(entry=1, rate=Rate(n=most, d=1)))
    if mode is Mode.ATOMIC:
        it.refuse([sold, bought])
    else:
        it.post([sold, bought], mode=mode)
        assert len(read_refusals(it.recorded[-1].outcomes)) == 2
    agrees(it)
    report = verified(it, tmp_path)
    assert report.ok, report.broken


# ---- what a replay must know of the past


def past_of(it: Building, wanted: set[int]) -> dict[int, Past]:
    """What a history keeps of a journal for those who want these sequences."""
    history, book, everything = History(wanted), Book(), History(it.past)
    for each in it.recorded:
        _, posted = replay(book, each.leaf, each.body or None, past=everything.past)
        if posted is not None:
            history.add(each.body, posted)
            everything.add(each.body, posted)
    assert everything.past == it.past
    return history.past


def test_a_history_keeps_what_is_wanted_and_no_more() -> None:
    it = under_terms()
    past = past_of(it, {2, 3, 12, 18, 21, 22, 99})
    assert sorted(past) == [2, 3, 12, 18, 21, 22]
    assert [(row.amount, row.kind) for row in past[22].beside] == [(96, "exchange")]
    assert (past[21].is_beside, past[22].is_beside, past[22].taken) == (True, False, 2)
    assert (past[2].amount, past[2].taken, past[2].is_link) == (100_00, 100_00, False)
    assert past[3].phase == Phase.HELD
    assert (past[12].taken, past[12].is_link) == (0, True)
    assert past[18].taken == 7_00  # Cleared in two parts.
    assert past == {sequence: it.past[sequence] for sequence in past}
    assert past_of(it, set()) == {}
    assert past_of(it, {99, 1_000}) == {}


def test_a_target_is_known_once_it_is_recorded_and_not_before() -> None:
    it, history, book = under_terms(), History({2, 13, 18, 22}), Book()
    known: dict[int, list[int]] = {}
    for each in it.recorded:
        _, posted = replay(book, each.leaf, each.body or None, past=history.past)
        if posted is not None:
            known[posted.first_sequence] = sorted(history.past)
            history.add(each.body, posted)
    assert (known[1], known[3], known[13], known[14]) == ([], [2], [2], [2, 13])
    assert (known[18], known[19]) == ([2, 13], [2, 13, 18])
    assert known[24] == [2, 13, 18, 22]


@pytest.mark.parametrize("target", [5, 6, 2**53 - 1])
def test_a_target_that_is_never_recorded(target: int, tmp_path: Path) -> None:
    it = Small()
    posted = it.post([it.back(1, target=target), it.back(1)], mode=Mode.EACH)
    assert [refusal.code.value for refusal in posted.refused] == ["target_not_found"]
    it.post([it.pay(it.ana, it.shop, 1)])
    report = verified(it, tmp_path)
    assert report.ok, report.broken
    found = ExportDirectory(tmp_path / "journal").reversed_sequences(len(it.recorded))
    assert found == {2, target}


def test_only_reversals_ask_for_the_past(tmp_path: Path) -> None:
    """Of a million holds posted, none is kept for it."""
    it = under_terms()
    it.export(tmp_path / "journal")
    found = ExportDirectory(tmp_path / "journal").reversed_sequences(len(it.recorded))
    assert found == {2, 18, 22}


@pytest.mark.parametrize("terms", [{}, {"entry": 77, "up_to": "credit", "rest": 9}])
def test_a_number_cut_where_reading_stops(
    terms: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever one read ends and the next begins, each target is found whole."""
    it = Small()
    number = 1234567890123456
    line = replace(
        it.back(1, target=number, **terms), kind="target", reference="target:55", salt=UNSET
    )
    it.post([line, it.back(7, target=2)], mode=Mode.EACH)
    it.export(tmp_path / "journal")
    export = ExportDirectory(tmp_path / "journal")
    size = (tmp_path / "journal" / bodies_path(0)).stat().st_size
    for read_size in range(1, size + 2):
        monkeypatch.setattr(directory, "READ_SIZE", read_size)
        assert export.reversed_sequences(len(it.recorded)) == {2, number}, read_size


def test_the_widest_lines_fit() -> None:
    """What the types allow at their longest, as a transfer and as an outcome."""
    most, salt = 2**53 - 1, bytes(32)
    widest = Transfer(
        amount=most,
        credit_account=most,
        debit_account=most,
        kind="k" * 32,
        reference="R" * 35,
        business_date=date(9999, 12, 31),
        value_date=date(9999, 12, 31),
        entered_by="e" * 64,
        approved_by="a" * 64,
        details=salt,
        salt=salt[:16],
        terms=Terms(
            action=Action.REVERSE,
            target=most,
            expires=most,
            release=True,
            entry=8190,
            up_to=Side.CREDIT,
            rest=most,
            suspense=most,
            rate=Rate(n=most, d=most),
            residue=True,
        ),
    )
    row = Beside(amount=most, credit_account=most, debit_account=most, kind="k" * 32)
    outcome = Outcome(
        position=8189,
        sequence=most,
        amount=most,
        suspense="credit",
        why="w" * 32,
        flags=[*Flag],
        fraction=Fraction(n=most, d=most),
        beside=[row] * BESIDE_MAX,
    )
    for line in (widest, outcome):
        assert len(encode_line(line)) + 1 <= LINE_MAX
    assert len(encode_line(outcome)) > 1024
    expired = HoldsExpired(recorded_at=most, holds=[most] * EXPIRED_MAX)
    assert len(encode_line(expired)) <= LEAF_MAX


def test_what_a_batch_did_is_read_back_from_its_lines() -> None:
    it = under_terms()
    book = Book()
    history = History(it.past)
    for each in it.recorded:
        leaf, posted = replay(book, each.leaf, each.body or None, past=history.past)
        if posted is None:
            continue
        history.add(each.body, posted)
        assert isinstance(leaf, BatchPosted)
        stored = StoredBatch(
            batch=leaf.batch,
            leaf_index=each.index,
            line=each.leaf,
            body=each.body,
            outcomes=each.outcomes,
            debit=posted.debit,
            credit=posted.credit,
            amount=posted.amount,
            debit_balance=posted.debit_balance,
            credit_balance=posted.credit_balance,
            phases=posted.phases or [Phase.POSTED] * len(posted.amount),
        )
        again = read_posted(stored)
        assert write_outcomes(again) == each.outcomes
        assert list(again.positions) == list(posted.positions)
        assert (again.notes, again.phases) == (posted.notes, posted.phases)
