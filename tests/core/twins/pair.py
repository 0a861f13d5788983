"""The twins: a book and the plain model, and what is compared of them."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace as changed
from datetime import date
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from msgspec import UNSET, convert
from msgspec.structs import replace

from ledger.core.asked import AskedBatch
from ledger.core.book import Book, Posted
from ledger.core.deadlines import lines_due
from ledger.core.door import (
    SALT,
    chance_needed,
    check_form,
    resolve,
    write_lines,
    write_manifest,
)
from ledger.core.faults import JournalBroken
from ledger.core.leaves import AnyLeaf, BatchPosted, BatchRefused, KeyGrant
from ledger.core.lines import Manifest, Transfer
from ledger.core.model import Phase
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.state_lines import AnyState
from ledger.core.store import StoredBatch
from ledger.core.terms import Link, links_of, targets_of
from ledger.journal.batches import Body, read_posted, root_of_lines, write_body, write_outcomes
from ledger.journal.canonical import decode_leaf, encode_line
from ledger.journal.replay import History, References, replay
from ledger.journal.snapshots import chunks_of, restore_chunk, snapshot_root
from tests.core.books import ORIGIN
from tests.core.plain.ledger import Plain
from tests.core.plain.nouns import AMOUNT_MAX, ZONE, Batch, Leaf, No, Outcome, Row
from tests.core.plain.snapshot import number_of, state
from tests.core.twins.words import asked_batch, beside_of, leaf_of, line_of, past_of

POSTER = "branch-1"


class Twins:
    """The book, the model, and the journal that the book writes.

    `met` counts what occurred: lines as `line levy`, what transfers asked as `asked hold`, and
    codes of refusals.
    """

    def __init__(self, now: int, *, unique_references: bool) -> None:
        self.book = Book()
        self.plain = Plain(now, ORIGIN, unique_references=unique_references)
        self.favourites = ("ana", "shop")  # Accounts about which most of a history is.
        self.met: Counter[str] = Counter()
        self.last_no = ""  # Why the last line that was told did not follow.
        self.log: list[str] = []  # What was told, for those who look for a difference.
        self.leaves: list[tuple[bytes, bytes]] = []  # And the body of each.
        self.tell(
            line="ledger",
            code="caja",
            name="Caja de prueba",
            origin=ORIGIN,
            time_zone="America/Mexico_City",
            rules=1,
            unique_references=unique_references,
            public_key="none",
            by="op",
        )

    # ---- what is told to both

    def tell(self, **line: Any) -> bool:
        """Take a line where the model does, and refuse it where the model does."""
        leaf = leaf_of(self.plain, line)
        self.log.append(f"{leaf}")
        assert decode_leaf(encode_line(leaf)) == leaf
        refusal = self.book.refuse(leaf)
        expected = self.plain.take(line)
        assert (refusal and refusal.code.value) == (expected and expected.code)
        self.last_no = expected.code if expected else ""
        if expected is not None:
            self.met[expected.code] += 1
            with pytest.raises(JournalBroken):
                self.book.apply(leaf)
            return False
        self.met["line " + line["line"]] += 1
        self._apply(leaf)
        return True

    def post(self, batch: Batch, batch_id: UUID | None = None) -> bool:
        """Post a batch: first only to see what would happen, and then in earnest.

        One that must wait for approval is proposed.
        """
        self.log.append(f"{batch}")
        batch_id = batch_id or UUID(int=len(self.leaves))
        asked = asked_batch(self.plain, batch, batch_id)
        check_form(asked)
        columns = resolve(asked, self.book)
        if isinstance(columns, Refusal):
            outcome = self.plain.post(batch, batch_id)
            self._compare_refused(columns, outcome)
            self._refused(batch, batch_id, columns)
            return False
        manifest, lines = self._written(batch, asked, columns)
        self._try(batch, batch_id, manifest, lines)
        before, first = self._everything(), len(self.plain.rows)
        posted = self._post(batch, manifest, lines)
        if isinstance(posted, Posted):
            self.book.unpost(posted)
        assert self._everything() == before, "looking changed something"
        assert self._post(batch, manifest, lines) == posted
        ending = self.plain.agreements.ending()
        outcome = self.plain.post(batch, batch_id)
        if isinstance(posted, Refusal):
            self._compare_refused(posted, outcome)
            assert len(self.plain.rows) == first, "refused, and yet posted"
            assert self._everything() == before, "a refusal changed something"
            if posted.code == "approval_needed" and ending is None:
                return self._wait(batch, batch_id)
            self._refused(batch, batch_id, posted)
            return False
        assert outcome.is_posted
        assert batch.mode == "each" or not outcome.refused
        assert {r.position: self._no(r) for r in posted.refused} == outcome.refused
        self.met.update(no.code for no in outcome.refused.values())
        self.met.update(word for row in self.plain.rows[first:] for word in words_about(row))
        self._compare_rows(posted, batch, first)
        index = None if ending is None else ending.line["place"]
        self._record(batch, batch_id, write_body(manifest, lines), posted, index)
        self._compare_links(links_of(lines, posted), first)
        return True

    def _try(
        self, batch: Batch, batch_id: UUID, manifest: Manifest, lines: list[Transfer]
    ) -> None:
        """What posting would do if nobody need approve; both are as before after it."""
        if not self.plain.agreements.policies() or self.plain.agreements.ending():
            return
        before, first = self._everything(), len(self.plain.rows)
        tried = self._post(batch, manifest, lines, is_trial=True)
        outcome = self.plain.post(batch, batch_id, is_trial=True)
        assert isinstance(tried, Posted) is outcome.is_posted
        if isinstance(tried, Posted):
            self._compare_rows(tried, batch, first)
            self.book.unpost(tried)
        del self.plain.rows[first:]
        assert self._everything() == before, "a trial changed something"

    def later(self, seconds: int) -> None:
        self.plain.now += seconds * 1_000_000

    def clock(self) -> None:
        """What the ledger says by itself when time asks for it."""
        plain = self.plain
        while (line := self.book.due_line(plain.now)) is not None:
            told = line_of(self.plain, line)
            match told["line"]:
                case "expired":
                    assert told["holds"] == plain.holds_due()
                case "limit":
                    assert told["plan"] == plain.limits.moments()[0][2], "another is earlier"
            assert self.tell(**told), "it was not due"
            self.end()
        for line in lines_due(self.book, ZONE, plain.now):
            assert self.tell(**line_of(plain, line)), "it was not due"
            self.clock()
            return
        assert plain.days.due() == plain.agreements.late_disputes() == []
        assert plain.holds_due() == []
        assert [m for m, *_ in plain.limits.moments() if m <= plain.now] == []
        waiting = plain.agreements.open()
        assert [b for b, p in waiting.items() if p.line["expires"] <= plain.now] == []
        due = [batch for batch, one in waiting.items() if one.accepts_by_itself(plain.now)]
        assert self.book.proposals.acceptable(plain.now) == due
        for batch in due:
            assert self.tell(line="decided", batch=batch, decision="accepted", reason="time")
            self.end()

    def refuse(self, batch: Batch, batch_id: UUID, code: str) -> None:
        """Write that a batch is refused, whatever the book would say of it."""
        facts: Leaf = {"batch": batch_id, "key": batch.key, "code": code}
        ending = self.plain.agreements.ending()
        if ending is not None:
            facts["proposed"] = ending.line["place"]
        self.plain.record({"line": "refused", **facts})
        self._refused(batch, batch_id, Refusal(code=RefusalCode(code)))

    # ---- what waits for others

    def _wait(self, batch: Batch, batch_id: UUID) -> bool:
        wanted = self.plain.agreements.wanted(batch, len(self.plain.journal))
        assert wanted is not None
        return self.propose(
            batch,
            batch_id,
            approvals=wanted.approvals,
            seconds=wanted.expires_after,
            holds=self.kept_back(batch) if wanted.hold else [],
        )

    def propose(self, batch: Batch, batch_id: UUID, *, seconds: int, **facts: Any) -> bool:
        """Let a batch wait; the request is remembered."""
        plain = self.plain
        line: Leaf = {
            "line": "proposed",
            "batch": batch_id,
            "poster": POSTER,
            "key": batch.key,
            "count": len(batch.lines),
            "sums": {code: str(sum_) for code, sum_ in plain.agreements.sums(batch).items()},
            "expires": plain.now + seconds * 1_000_000,
            "digest": bytes(32),
            "salt": bytes(16),
        }
        makers = sorted({line.entered_by for line in batch.lines} - {""})
        line |= {"made_by": makers} if makers else {}
        is_there = batch_id in plain.agreements.open()
        done = self.tell(**line | {k: v for k, v in facts.items() if v != []})
        if done and not is_there:
            plain.agreements.requests[batch_id] = batch
        return done

    def kept_back(self, batch: Batch) -> list[Leaf]:
        """What a proposal of it keeps back: what is simply posted, by pairs of accounts."""
        sums: dict[tuple[str, str], int] = {}
        for line in batch.lines:
            pair = line.debit, line.credit
            if not line.has_terms and self.plain.why_never(*pair) is None:
                sums[pair] = sums.get(pair, 0) + line.amount
        return [
            {
                "amount": min(AMOUNT_MAX, amount - at),
                "credit_account": credit,
                "debit_account": debit,
            }
            for (debit, credit), amount in sorted(sums.items(), key=self._by_numbers)
            for at in range(0, amount, AMOUNT_MAX)
        ]

    def _by_numbers(self, pair: tuple[tuple[str, str], int]) -> tuple[int, ...]:
        return tuple(number_of(self.plain, code) for code in pair[0])

    def end(self, *, otherwise: bool = False) -> None:
        """Write the leaf of the batch whose proposal was just decided, if one was.

        Args:
            otherwise: first try what is not the batch that was agreed to.
        """
        one = self.plain.agreements.ending()
        if one is None:
            return
        batch_id = one.line["batch"]
        astray = KeyGrant(recorded_at=self.plain.now, action="grant", key="x", by="x")
        with pytest.raises(JournalBroken):
            self.book.apply(astray)
        request = self.plain.agreements.requests.pop(batch_id)
        if one.ended:
            self.met[f"proposal_{one.ended}"] += 1
            self.refuse(request, batch_id, f"proposal_{one.ended}")
            return
        if otherwise:
            first = request.lines[0]
            other = first.amount - 1 or 2
            lines = [changed(first, amount=other), *request.lines[1:]]
            request = changed(request, lines=lines)
        self.post(request, batch_id)

    def restart(self) -> None:
        """Go on with a book that was restored from the snapshot of this one."""
        copy, chunks = Book(), list(chunks_of(self.book))
        copy.opening = self.book.opening
        for chunk in chunks:
            restore_chunk(copy, chunk)
        before, self.book = self._everything(), copy
        assert self._everything() == before
        self.tell(
            line="snapshot",
            size=len(self.leaves),
            accounts=copy.accounts,
            root=snapshot_root(chunk.hash for chunk in chunks),
        )

    # ---- what must be true of both

    def compare(self) -> None:
        """Everything that can be seen of the book is what the model tells."""
        book, plain = self.book, self.plain
        assert list(book.state()) == convert(state(plain), list[AnyState])
        sums: dict[str, int] = {}
        for code, line in plain.accounts.items():
            there = book.account(book.numbers[code])
            assert there.pending_debits == plain.pending_debits(code)
            assert there.pending_credits == plain.pending_credits(code)
            room = there.balance - book.floor[there.number]
            assert max(0, room) == plain.room_to_pay(code)
            room = book.ceiling[there.number] - there.balance
            assert max(0, room) == plain.room_to_be_paid(code)
            currency = line["currency"]
            sums[currency] = sums.get(currency, 0) + there.balance
        assert set(sums.values()) <= {0}, sums
        assert book.due() == plain.next_due()

    def compare_replay(self) -> None:
        """From the journal's bytes alone, the same book again."""
        every = range(1, len(self.plain.rows) + 1)
        book, past, used = Book(), History(every), References()
        for data, body in self.leaves:
            _, posted = replay(book, data, body or None, used=used, past=past.past)
            if posted is not None:
                past.add(body, posted)
                used.add(body, posted)
        # What goes back with what takes back is of no use: that is never taken back itself.
        found = {n: replace(p, beside=()) if p.is_link else p for n, p in past.past.items()}
        assert found == {n: past_of(self.plain, n) for n in every}
        after, self.book = self._everything(), book
        assert self._everything() == after

    # ---- the model's words as the book's, and back

    def _apply(self, leaf: AnyLeaf, body: bytes = b"") -> None:
        self.book.apply(leaf)
        self.leaves.append((encode_line(leaf), body))

    def _number(self, code: str) -> int:
        return self.book.numbers[code]

    def _written(
        self, batch: Batch, asked: AskedBatch, columns: tuple[list[int], list[int], list[int]]
    ) -> tuple[Manifest, list[Transfer]]:
        chance = bytes(chance_needed(asked))
        manifest = write_manifest(
            asked,
            origin=ORIGIN,
            scales=self.book.scales,
            recorded_at=self.plain.now,
            salt=chance[:SALT],
        )
        if batch.is_stale:
            manifest = replace(manifest, expires=self.plain.now - 1)
        return manifest, write_lines(asked, columns, chance[SALT:], self.book)

    def _post(
        self,
        batch: Batch,
        manifest: Manifest,
        lines: list[Transfer],
        *,
        is_trial: bool = False,
    ) -> Posted | Refusal:
        wanted = {n for n in targets_of(lines) if n <= len(self.plain.rows)}
        return self.book.post(
            manifest,
            lines,
            recorded_at=self.plain.now,
            business_date=self._today(),
            used=self.plain.references(),
            past={n: past_of(self.plain, n) for n in wanted},
            key=batch.key,
            is_trial=is_trial,
        )

    def _refused(self, batch: Batch, batch_id: UUID, refusal: Refusal) -> None:
        """Write the leaf of a batch that was refused; the model has it already."""
        self.met["line refused"] += 1
        proposed = self.plain.journal[-1].get("proposed", UNSET)
        leaf = BatchRefused(
            recorded_at=self.plain.now,
            batch=batch_id,
            poster=POSTER,
            business_date=self._today(),
            signed=False,
            code=refusal.code,
            digest=bytes(32),
            salt=bytes(16),
            key=batch.key,
            proposed=proposed,
        )
        self._apply(leaf)

    def _record(
        self, batch: Batch, batch_id: UUID, body: Body, posted: Posted, proposed: int | None
    ) -> None:
        """Write the leaf, and read back what was done."""
        self.met["line batch"] += 1
        outcomes = write_outcomes(posted)
        leaf = BatchPosted(
            recorded_at=self.plain.now,
            number=posted.number,
            batch=batch_id,
            poster=POSTER,
            business_date=self._today(),
            count=len(batch.lines),
            posted=len(posted.amount),
            first_sequence=posted.first_sequence,
            signed=False,
            key=batch.key,
            root=body.root,
            outcomes=root_of_lines(outcomes) if outcomes else UNSET,
            proposed=UNSET if proposed is None else proposed,
        )
        self._apply(leaf, body.data)
        stored = StoredBatch(
            batch=batch_id,
            leaf_index=len(self.leaves) - 1,
            line=self.leaves[-1][0],
            outcomes=outcomes,
            debit=posted.debit,
            credit=posted.credit,
            amount=posted.amount,
            debit_balance=posted.debit_balance,
            credit_balance=posted.credit_balance,
            phases=posted.phases,
        )
        assert read_posted(stored) == replace(posted, positions=list(posted.positions))

    def _compare_refused(self, refusal: Refusal, outcome: Outcome) -> None:
        assert not outcome.is_posted
        assert {refusal.position: self._no(refusal)} == outcome.refused
        self.met[refusal.code] += 1

    def _compare_rows(self, posted: Posted, batch: Batch, first: int) -> None:
        rows = self.plain.rows[first:]
        assert posted.first_sequence == first + 1
        phases = [Phase(p).name.lower() for p in posted.phases or [0] * len(posted.amount)]
        columns = (posted.positions, posted.debit, posted.credit, posted.amount, phases)
        assert list(zip(*columns, strict=True)) == [
            (r.position, self._number(r.debit), self._number(r.credit), r.amount, r.phase)
            for r in rows
        ]
        balances = zip(posted.debit_balance, posted.credit_balance, strict=True)
        assert list(balances) == [
            (self.plain.balance(row.debit, after), self.plain.balance(row.credit, after))
            for after, row in enumerate(rows, first + 1)
        ]
        noted = {
            position: self._as_noted(batch, rows, position) for position in posted.positions
        }
        assert {
            position: (
                note.amount,
                (note.suspense or "", note.why or ""),
                tuple(flag.value for flag in note.flags),
                list(note.beside),
                note.business_date,
                Fraction(note.fraction.n, note.fraction.d) if note.fraction else 0,
            )
            for position, note in posted.notes.items()
        } == {p: it for p, it in noted.items() if it != (None, ("", ""), (), [], None, 0)}

    def _as_noted(self, batch: Batch, rows: Sequence[Row], position: int) -> tuple[object, ...]:
        """What of a transfer is otherwise than its line.

        Amount, suspense, flags, what is beside, the day, and what an exchange did not give.
        """
        line = batch.lines[position]
        own = [row for row in rows if row.position == position and row.part == "own"]
        beside = [row for row in rows if row.position == position and row.part != "own"]
        moved = sum(row.amount for row in own)
        flags = {flag for row in own + beside for flag in row.flags}
        day = (own + beside)[0].day
        return (
            None if moved == line.amount else moved,
            ("".join(row.stands_in for row in own), "".join(row.why for row in own)),
            tuple(sorted(flags, reverse=True)),  # First that of the debited account.
            [beside_of(self.plain, r.kind, r.debit, r.credit, r.amount) for r in beside],
            None if line.day in (None, day) else day,
            sum(row.fraction for row in own),
        )

    def _compare_links(self, links: Sequence[Link], first: int) -> None:
        assert [(link.target, link.sequence, link.amount) for link in links] == [
            (row.takes, row.sequence, row.amount)
            for row in self.plain.rows[first:]
            if row.takes
        ]

    def _today(self) -> date:
        """What the ledger says of a batch's day."""
        day = self.book.days.current(self.plain.today)
        assert day == self.plain.days.current()
        return day

    def _no(self, refusal: Refusal) -> No:
        account = self.book.codes[refusal.account] if refusal.account else ""
        return No(refusal.code.value, account, refusal.available)

    def _everything(self) -> tuple[object, ...]:
        """All that a book knows, also what it keeps twice."""
        book = self.book
        state: list[object] = []
        with suppress(AssertionError):  # Between a decision and its batch there is none.
            state = list(book.state())
        return state, [*book.balance], [*book.floor], [*book.ceiling], book.due()


def words_about(row: Row) -> list[str]:
    """What there is to count of a row."""
    is_exchange = row.part == "back" and row.kind == "exchange"
    words = {
        f"asked {row.action}": row.action,
        f"row {row.part}": True,
        f"row {row.phase}": True,
        "row sold": row.sold_for,
        "row residue": row.residue_of,
        "row exchanged back": is_exchange,
        "row levied back": row.part == "back" and not is_exchange,
        "row in suspense": row.stands_in,
        **{f"row {flag}": True for flag in row.flags},
    }
    return [word for word, is_so in words.items() if is_so]
