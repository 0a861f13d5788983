"""A book and the plain model, told the same things and compared after each of them."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from uuid import UUID

from msgspec import UNSET, convert
from msgspec.structs import replace

from ledger.core.asked import AskedBatch, AskedTerms, AskedTransfer
from ledger.core.book import Book, Posted
from ledger.core.door import (
    SALT,
    chance_needed,
    check_form,
    resolve,
    write_lines,
    write_manifest,
)
from ledger.core.leaves import (
    AccountOpened,
    AnyLeaf,
    BatchPosted,
    CurrencyAdded,
    DayClosed,
    DayTotal,
    HoldsExpired,
    LimitChanged,
    Opening,
    StatusChanged,
)
from ledger.core.lines import RULES, Beside, Manifest, Rate, Transfer
from ledger.core.model import Action, CurrencyKind, Late, Mode, Nature, Phase, Side, Status
from ledger.core.refusals import Refusal
from ledger.core.store import StoredBatch
from ledger.core.terms import Link, Past, links_of, targets_of
from ledger.journal.batches import Body, read_posted, root_of_lines, write_body, write_outcomes
from ledger.journal.canonical import encode_line
from ledger.journal.replay import History, References, replay
from ledger.journal.snapshots import chunks_of, restore_chunk
from tests.core.books import NOW, ORIGIN, TODAY
from tests.core.plain import NO_BOUND, Account, Batch, Line, No, Plain, Row
from tests.core.wishes import FIRST, SECOND, currency_stated

T0 = datetime(1970, 1, 1, tzinfo=UTC)


class Twins:
    """The book, the model, and the journal that the book writes."""

    def __init__(self, plain: Plain) -> None:
        self.book, self.plain = Book(), plain
        self.leaves: list[tuple[bytes, bytes]] = []  # And the body of each.
        self._opening = Opening(
            recorded_at=NOW,
            code="caja",
            name="Caja de prueba",
            origin=ORIGIN,
            time_zone="America/Mexico_City",
            rules=RULES,
            unique_references=plain.unique_references,
            public_key="none",
            by="operator",
        )
        self.apply(self._opening)
        for currency in ("MXN", "HRS"):
            line = CurrencyAdded(
                recorded_at=NOW, code=currency, kind=CurrencyKind.NATIONAL, scale=2, by="x"
            )
            self.apply(line)
        for code, account in plain.accounts.items():
            self.apply(self._account_line(code, account))
        self.post(FIRST)

    # ---- what is told to both

    def post(self, batch: Batch) -> None:
        """First only to see what would happen, and then in earnest."""
        asked = self._asked(batch)
        check_form(asked)
        columns = resolve(asked, self.book)
        assert not isinstance(columns, Refusal), columns
        chance = bytes(chance_needed(asked))
        manifest = write_manifest(
            asked,
            origin=ORIGIN,
            scales=self.book.scales,
            recorded_at=self.plain.now,
            salt=chance[:SALT],
        )
        lines = write_lines(asked, columns, chance[SALT:], self.book)
        before = self._everything()
        looked = self._post(manifest, lines)
        if isinstance(looked, Posted):
            self.book.unpost(looked)
        assert self._everything() == before, "looking changed something"
        outcome = self._post(manifest, lines)
        assert outcome == looked
        first = len(self.plain.rows)
        refused = self.plain.post(batch)
        if isinstance(outcome, Refusal):
            assert {outcome.position: outcome.code.value} == codes_of(refused)
            assert {outcome.position: self._no(outcome)} == refused
            assert len(self.plain.rows) == first, "refused, and yet posted"
            assert self._everything() == before, "a refusal changed something"
        else:
            assert batch.mode == "each" or not refused, refused
            assert {r.position: r.code.value for r in outcome.refused} == codes_of(refused)
            assert {r.position: self._no(r) for r in outcome.refused} == refused
            self._compare_rows(outcome, batch, first)
            self._record(asked.id, write_body(manifest, lines), outcome)
            self._compare_links(links_of(lines, outcome), first)

    def change(self, line: AnyLeaf, expected: No | None) -> None:
        """Take a leaf where the model does, and refuse it where the model does."""
        refusal = self.book.refuse(line)
        assert (refusal and refusal.code.value) == (expected and expected.code)
        if refusal is None:
            self.apply(line)

    def open_account(self, code: str, lower: int) -> None:
        account = Account("MXN", lower, 3)
        line = self._account_line(code, account)
        self.change(line, self.plain.open_account(code, account))

    def set_bounds(self, code: str, lower: int, upper: int, soft: str) -> None:
        line = LimitChanged(
            recorded_at=self.plain.now,
            account=self.book.numbers[code],
            reason="assembly",
            by="x",
            lower=UNSET if lower == -NO_BOUND else lower,
            upper=UNSET if upper == NO_BOUND else upper,
            soft=Side(soft) if soft else UNSET,
        )
        self.change(line, self.plain.set_bounds(code, lower, upper, soft))

    def set_status(self, code: str, status: str) -> None:
        line = StatusChanged(
            recorded_at=self.plain.now,
            account=self.book.numbers[code],
            status=Status(status),
            reason="asked",
            by="x",
        )
        self.change(line, self.plain.set_status(code, status))

    def later(self, seconds: int) -> None:
        self.plain.now += seconds * SECOND

    def midnight(self) -> None:
        self.plain.today += 1
        self.later(86_400)

    def close_day(self, days_ago: int) -> None:
        """Close a day with what the model counts for it."""
        day = self.plain.today - days_ago
        totals = [
            {
                "amount": str(amount),
                "count": count,
                "currency": currency,
                "kind": kind,
                "source": source,
            }
            for (of, currency, kind, source), (count, amount) in sorted(
                self.plain.totals().items()
            )
            if of == day
        ]
        lines = [json.dumps(total, separators=(",", ":")) + "\n" for total in totals]
        line = DayClosed(
            recorded_at=self.plain.now,
            date=day_called(day),
            by="x",
            count=sum(int(str(total["count"])) for total in totals),
            totals=sha256("".join(lines).encode()).digest(),
            shown=convert(totals[:200], list[DayTotal]),
        )
        self.change(line, self.plain.close_day(day))

    def expire(self) -> None:
        """As the ledger does when time asks for it."""
        line = self.book.due_line(self.plain.now)
        due = self.plain.due()
        if line is None:
            assert due == []
        else:
            assert isinstance(line, HoldsExpired)
            assert line.holds == due
            self.change(line, self.plain.expire(due))

    def expire_these(self, picks: Sequence[int]) -> None:
        """As somebody might write into a journal who should not."""
        held = [n for n, row in enumerate(self.plain.rows, 1) if row.phase == "held"] or [1]
        holds = [held[pick % len(held)] for pick in picks]
        line = HoldsExpired(recorded_at=self.plain.now, holds=holds)
        self.change(line, self.plain.expire(holds))

    def restart(self) -> None:
        """Go on with a book that was restored from the snapshot of this one."""
        copy = Book()
        copy.opening = self.book.opening
        for chunk in chunks_of(self.book):
            restore_chunk(copy, chunk)
        before, self.book = self._everything(), copy
        assert self._everything() == before

    # ---- what must be true of both

    def compare(self) -> None:
        """Everything that can be seen of the book is what the model counts."""
        book, plain = self.book, self.plain
        assert book.transfers == len(plain.rows)
        sums: dict[str, int] = {}
        for code, account in plain.accounts.items():
            there = book.account(book.numbers[code])
            assert (there.lower, there.upper) == (account.lower, account.upper)
            assert (there.status.value, there.soft or "") == (account.status, account.soft)
            assert there.balance == plain.balance(code)
            assert there.pending_debits == plain.pending_debits(code)
            assert there.pending_credits == plain.pending_credits(code)
            room = there.balance - book.floor[there.number]
            assert max(0, room) == plain.room_to_pay(code)
            room = book.ceiling[there.number] - there.balance
            assert max(0, room) == plain.room_to_be_paid(code)
            sums[account.currency] = sums.get(account.currency, 0) + there.balance
        assert set(sums.values()) == {0}, sums
        holds = plain.holds()
        assert {
            n: (hold.debit, hold.credit, hold.amount, hold.left, hold.expires)
            for n, hold in book.holds.open.items()
        } == {
            n: (
                self._number(r.debit),
                self._number(r.credit),
                r.amount,
                plain.left(n),
                r.expires,
            )
            for n, r in holds.items()
        }
        assert {
            (day, *key): tuple(total)
            for day, totals in book.days.totals.items()
            for key, total in totals.items()
        } == {(day_called(day), *key): total for (day, *key), total in plain.totals().items()}
        assert book.due() == min((row.expires for row in holds.values()), default=None)
        assert {
            n: (item.account, item.side, item.left, item.since)
            for n, item in book.suspense.open.items()
        } == {n: self._stood_in(n, left) for n, left in plain.suspended().items()}

    def compare_replay(self) -> None:
        """From the journal's bytes alone, the same book again."""
        every = range(1, len(self.plain.rows) + 1)
        book, past, used = Book(), History(every), References()
        for data, body in self.leaves:
            _, posted = replay(book, data, body or None, used=used, past=past.past)
            if posted is not None:
                past.add(body, posted)
                used.add(body, posted)
        assert past.past == {n: self._past(n) for n in every}
        after, self.book = self._everything(), book
        assert self._everything() == after

    # ---- the model's words as the book's

    def apply(self, line: AnyLeaf, body: bytes = b"") -> None:
        self.book.apply(line)
        self.leaves.append((encode_line(line), body))

    def _number(self, code: str) -> int:
        return self.book.numbers[code]

    def _account_line(self, code: str, account: Account) -> AccountOpened:
        return AccountOpened(
            recorded_at=self.plain.now,
            number=self.book.accounts + 1,
            code=code,
            currency=account.currency,
            nature=Nature.DEBIT if code == "cash" else Nature.CREDIT,
            kind="cash" if code == "cash" else "member",
            holder=bytes(16),
            by="x",
            lower=UNSET if account.lower == -NO_BOUND else account.lower,
            upper=UNSET if account.upper == NO_BOUND else account.upper,
        )

    def _asked(self, batch: Batch) -> AskedBatch:
        sums = {c: money(total) for c, total in batch.sums.items()} if batch.sums else UNSET
        return AskedBatch(
            id=UUID(int=len(self.leaves)),
            transfers=[self._asked_transfer(line) for line in batch.lines],
            mode=Mode(batch.mode),
            source=batch.source or UNSET,
            control_sums=sums,
            late=Late(batch.late) if batch.late else UNSET,
        )

    def _asked_transfer(self, line: Line) -> AskedTransfer:
        terms = AskedTerms(
            action=Action(line.action) if line.action else UNSET,
            target=line.target or UNSET,
            expires=T0 + timedelta(microseconds=line.expires) if line.expires else UNSET,
            release=line.release,
            entry=line.entry or UNSET,
            up_to=Side(line.up_to) if line.up_to else UNSET,
            rest=line.rest or UNSET,
            suspense=line.suspense or UNSET,
            rate=Rate(n=line.rate[0], d=line.rate[1]) if line.rate else UNSET,
            residue=line.residue,
        )
        return AskedTransfer(
            debit_account=line.debit,
            credit_account=line.credit,
            amount=money(line.amount),
            currency=currency_stated(line, self.plain),
            kind="payment",
            reference=line.reference,
            business_date=UNSET
            if line.days_ahead is None
            else day_called(self.plain.today + line.days_ahead),
            terms=UNSET if terms == AskedTerms() else terms,
        )

    def _post(self, manifest: Manifest, lines: list[Transfer]) -> Posted | Refusal:
        wanted = {n for n in targets_of(lines) if n <= len(self.plain.rows)}
        return self.book.post(
            manifest,
            lines,
            recorded_at=self.plain.now,
            business_date=self._today(),
            used=self.plain.references(),
            past={n: self._past(n) for n in wanted},
        )

    def _past(self, n: int) -> Past:
        row = self.plain.rows[n - 1]
        return Past(
            debit=self._number(row.debit),
            credit=self._number(row.credit),
            amount=row.amount,
            phase=Phase[row.phase.upper()],
            taken=self.plain.taken(n),
            kind="exchange" if row.is_back else "payment",
            is_link=row.takes > 0,
            is_beside=row.is_back or row.goes_with > 0,
            beside=tuple(
                Beside(
                    amount=amount,
                    credit_account=self._number(credit),
                    debit_account=self._number(debit),
                    kind="exchange",
                )
                for debit, credit, amount in self.plain.legs(n)
            ),
        )

    def _record(self, batch: UUID, body: Body, posted: Posted) -> None:
        """Write the leaf, and read back what was done."""
        outcomes = write_outcomes(posted)
        leaf = BatchPosted(
            recorded_at=self.plain.now,
            number=posted.number,
            batch=batch,
            poster="branch-1",
            business_date=self._today(),
            count=body.data.count(b"\n") - 1,
            posted=len(posted.amount),
            first_sequence=posted.first_sequence,
            signed=False,
            key="key-1",
            root=body.root,
            outcomes=root_of_lines(outcomes) if outcomes else UNSET,
        )
        self.apply(leaf, body.data)
        stored = StoredBatch(
            batch=batch,
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
                note.suspense or "",
                tuple(flag.value for flag in note.flags),
                [
                    (
                        b.kind,
                        self.book.codes[b.debit_account],
                        self.book.codes[b.credit_account],
                        b.amount,
                    )
                    for b in note.beside
                ],
                note.business_date,
                Fraction(note.fraction.n, note.fraction.d) if note.fraction else 0,
            )
            for position, note in posted.notes.items()
        } == {
            position: note
            for position, note in noted.items()
            if note != (None, "", (), [], None, 0)
        }

    def _as_noted(self, batch: Batch, rows: Sequence[Row], position: int) -> tuple[object, ...]:
        """What of a transfer is otherwise than its line.

        Amount, suspense, flags, what is beside, the day, and what an exchange did not give.
        """
        line = batch.lines[position]
        own = [row for row in rows if row.position == position and not row.kind]
        beside = [row for row in rows if row.position == position and row.kind]
        moved = sum(row.amount for row in own)
        flags = {flag for row in own + beside for flag in row.flags}
        day = (own + beside)[0].day
        is_own_day = line.days_ahead is None or day == self.plain.today + line.days_ahead
        return (
            None if moved == line.amount else moved,
            "".join(row.stands_in for row in own),
            tuple(sorted(flags, reverse=True)),  # First that of the debited account.
            [(row.kind, row.debit, row.credit, row.amount) for row in beside],
            None if is_own_day else day_called(day),
            sum(row.fraction for row in own),
        )

    def _compare_links(self, links: Sequence[Link], first: int) -> None:
        rows = enumerate(self.plain.rows[first:], first + 1)
        assert [(link.target, link.sequence, link.amount) for link in links] == [
            (row.takes, n, row.amount) for n, row in rows if row.takes
        ]

    def _today(self) -> date:
        """What the ledger says of a batch's day."""
        day = self.book.days.current(day_called(self.plain.today))
        assert day == day_called(self.plain.current_day())
        return day

    def _no(self, refusal: Refusal) -> No:
        account = self.book.codes[refusal.account] if refusal.account else ""
        return No(refusal.code.value, account, refusal.available)

    def _stood_in(self, n: int, left: int) -> tuple[int, str, int, int]:
        row = self.plain.rows[n - 1]
        code = row.debit if row.stands_in == "debit" else row.credit
        return self._number(code), row.stands_in, left, row.at

    def _everything(self) -> tuple[object, ...]:
        """All that a book knows, also what it keeps twice."""
        book = self.book
        return list(book.state()), [*book.floor], [*book.ceiling], book.due()


def day_called(day: int) -> date:
    """The date of a day that the model counts from where the history begins."""
    return TODAY + timedelta(days=day)


def money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def codes_of(refused: dict[int | None, No]) -> dict[int | None, str]:
    return {position: no.code for position, no in refused.items()}
