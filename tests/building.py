"""Small ledgers for tests, made through core as the sequencer makes them, with fixed seeds.

`put` writes any leaf whatsoever, so that a test can sign what no honest ledger would.
"""

import random
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from msgspec import UNSET, UnsetType

from ledger.core.book import Book, Posted
from ledger.core.door import commitment
from ledger.core.lines import (
    AccountOpened,
    AnyLeaf,
    BatchPosted,
    BatchRefused,
    CurrencyAdded,
    LimitChanged,
    Manifest,
    Opening,
    Snapshot,
    StatusChanged,
    Transfer,
)
from ledger.core.model import CurrencyKind, Mode, Nature, Status
from ledger.core.refusals import Refusal
from ledger.exports.journal import Exported, JournalWriter
from ledger.journal.batches import Body, root_of_lines, write_body, write_outcomes
from ledger.journal.canonical import encode_line
from ledger.journal.checkpoints import Checkpoint, batch_origin, sign_checkpoint
from ledger.journal.directory import Recorded
from ledger.journal.merkle import leaf_hash, root_of
from ledger.journal.notes import Signer, signer_from_seed
from ledger.journal.snapshots import chunks_of, snapshot_root

ORIGIN = "example.org/caja-norte"
DAY = date(2026, 11, 22)
NOON = 1_795_348_800_000_000  # Microseconds at that day's noon, UTC.
NO_BOUND = UNSET


def signer_of(name: str) -> Signer:
    return signer_from_seed(name, sha256(name.encode()).digest())


class Building:
    """A ledger as it grows: its book, its leaves, and what is under them."""

    def __init__(self, *, unique_references: bool = False, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.signer = signer_of(ORIGIN)
        self.book = Book()
        self.recorded: list[Recorded] = []
        self.details: list[tuple[int, bytes, str]] = []
        self.now = NOON
        self.day = DAY
        self._batches = 0
        self.add(
            Opening(
                recorded_at=self.tick(),
                code="caja-norte",
                name="Caja del Norte",
                origin=ORIGIN,
                time_zone="America/Mexico_City",
                rules=1,
                unique_references=unique_references,
                public_key=self.signer.vkey,
                by="op-1",
            )
        )

    # ---- leaves

    def tick(self) -> int:
        self.now += 1_000_000
        return self.now

    def salt(self) -> bytes:
        return self.random.randbytes(16)

    def put(self, line: AnyLeaf, body: bytes = b"", outcomes: bytes = b"") -> int:
        """Write a leaf without asking the rules."""
        index = len(self.recorded)
        self.recorded.append(Recorded(index, encode_line(line), body, outcomes))
        return index

    def add(self, line: AnyLeaf) -> int:
        """Write a leaf that follows."""
        self.book.apply(line)
        return self.put(line)

    def currency(
        self, code: str, scale: int = 2, kind: CurrencyKind = CurrencyKind.NATIONAL
    ) -> int:
        return self.add(
            CurrencyAdded(recorded_at=self.tick(), code=code, kind=kind, scale=scale, by="op-1")
        )

    def account(
        self,
        code: str,
        currency: str,
        *,
        nature: Nature = Nature.CREDIT,
        kind: str = "member",
        lower: int | UnsetType = 0,
        upper: int | UnsetType = NO_BOUND,
    ) -> int:
        """Open an account; its number."""
        number = self.book.accounts + 1
        self.add(
            AccountOpened(
                recorded_at=self.tick(),
                number=number,
                code=code,
                currency=currency,
                nature=nature,
                kind=kind,
                holder=self.salt(),
                by="op-1",
                lower=lower,
                upper=upper,
            )
        )
        return number

    def limit(self, account: int, lower: int, upper: int | UnsetType = NO_BOUND) -> int:
        return self.add(
            LimitChanged(
                recorded_at=self.tick(),
                account=account,
                reason="assembly",
                by="op-1",
                lower=lower,
                upper=upper,
            )
        )

    def status(self, account: int, status: Status) -> int:
        return self.add(
            StatusChanged(
                recorded_at=self.tick(),
                account=account,
                status=status,
                reason="asked",
                by="op-1",
            )
        )

    def snapshot(self) -> int:
        root = snapshot_root(chunk.hash for chunk in chunks_of(self.book))
        return self.add(
            Snapshot(
                recorded_at=self.tick(),
                size=self.book.size,
                accounts=self.book.accounts,
                root=root,
            )
        )

    # ---- batches

    def pay(
        self,
        debit: int,
        credit: int,
        amount: int,
        *,
        kind: str = "payment",
        reference: str = "",
        text: str = "",
        business_date: date | UnsetType = UNSET,
        value_date: date | UnsetType = UNSET,
    ) -> Transfer:
        """A transfer line. With a text, the next that is posted gets the commitment to it."""
        salt = self.salt() if text else b""
        return Transfer(
            amount=amount,
            credit_account=credit,
            debit_account=debit,
            kind=kind,
            reference=reference,
            business_date=business_date,
            value_date=value_date,
            details=commitment(salt, text) if text else UNSET,
            salt=self.salt(),
        )

    def next_batch(self) -> UUID:
        self._batches += 1
        return UUID(int=self._batches)

    def manifest(
        self, batch: UUID, count: int, mode: Mode = Mode.ATOMIC, source: str = ""
    ) -> Manifest:
        return Manifest(
            origin=batch_origin(ORIGIN, batch),
            created=self.now,
            expires=self.now + 86_400_000_000,
            count=count,
            mode=mode,
            salt=self.salt(),
            source=source or UNSET,
        )

    def write(
        self,
        transfers: Sequence[Transfer],
        *,
        mode: Mode = Mode.ATOMIC,
        batch: UUID | None = None,
        source: str = "",
    ) -> tuple[UUID, Manifest, Body]:
        batch = batch or self.next_batch()
        manifest = self.manifest(batch, len(transfers), mode, source)
        return batch, manifest, write_body(manifest, transfers)

    def post(
        self,
        transfers: Sequence[Transfer],
        *,
        mode: Mode = Mode.ATOMIC,
        source: str = "",
        signed_by: str = "",
        used: frozenset[tuple[str, str]] = frozenset(),
    ) -> Posted:
        """Post a batch that the rules accept."""
        recorded_at = self.tick()
        batch, manifest, body = self.write(transfers, mode=mode, source=source)
        posted = self.book.post(
            manifest,
            transfers,
            recorded_at=recorded_at,
            business_date=self.day,
            used=used,
        )
        assert isinstance(posted, Posted), posted
        outcomes = write_outcomes(posted)
        leaf = self.header(batch, body, posted, outcomes, recorded_at, signed=bool(signed_by))
        self.book.apply(leaf)
        self.put(leaf, body.data, outcomes)
        return posted

    def header(
        self,
        batch: UUID,
        body: Body,
        posted: Posted,
        outcomes: bytes,
        recorded_at: int,
        *,
        signed: bool = False,
    ) -> BatchPosted:
        origin = batch_origin(ORIGIN, batch)
        count = len(posted.amount) + len(posted.refused)
        note: str | UnsetType = UNSET
        if signed:
            checkpoint = Checkpoint(origin, count + 1, body.root)
            note = sign_checkpoint(checkpoint, [signer_of(origin)]).decode()
        return BatchPosted(
            recorded_at=recorded_at,
            number=posted.number,
            batch=batch,
            poster="caja-1",
            business_date=self.day,
            count=count,
            posted=len(posted.amount),
            first_sequence=posted.first_sequence,
            signed=signed,
            key=UNSET if signed else "key-1",
            root=UNSET if signed else body.root,
            note=note,
            outcomes=root_of_lines(outcomes) if outcomes else UNSET,
        )

    def refuse(self, transfers: Sequence[Transfer]) -> Refusal:
        """Write that a batch was refused, which it must be."""
        recorded_at = self.tick()
        batch, manifest, _ = self.write(transfers)
        refusal = self.book.post(
            manifest, transfers, recorded_at=recorded_at, business_date=self.day
        )
        assert isinstance(refusal, Refusal), refusal
        available = refusal.available
        self.add(
            BatchRefused(
                recorded_at=recorded_at,
                batch=batch,
                poster="caja-1",
                business_date=self.day,
                signed=False,
                code=refusal.code.value,
                digest=sha256(b"a request").digest(),
                salt=self.salt(),
                key="key-1",
                position=UNSET if refusal.position is None else refusal.position,
                account=UNSET if refusal.account is None else refusal.account,
                available=UNSET if available is None else str(available),
            )
        )
        return refusal

    # ---- the end

    @property
    def root(self) -> bytes:
        return root_of(leaf_hash(recorded.leaf) for recorded in self.recorded)

    def checkpoint(self) -> bytes:
        checkpoint = Checkpoint(ORIGIN, len(self.recorded), self.root)
        return sign_checkpoint(checkpoint, [self.signer])

    def export(self, out: Path, *, with_details: bool = False) -> Exported:
        with JournalWriter(out, with_details=with_details, software="Tequio test") as writer:
            for each in self.recorded:
                writer.add_leaf(each.index, each.leaf, each.body, each.outcomes)
            if with_details:
                for sequence, salt, text in self.details:
                    writer.add_detail(sequence, salt, text)
            return writer.finish(self.checkpoint(), self.signer.vkey)


def a_bit_of_everything(*, unique_references: bool = False) -> Building:
    """Every kind of leaf, two currencies, back-dating, refusals, texts, and awkward codes."""
    it = Building(unique_references=unique_references)
    it.currency("MXN", 2)
    it.currency("H2O", 6, CurrencyKind.MUTUAL_CREDIT)
    it.currency("TRUE", 0, CurrencyKind.TIME)
    cash = it.account("0001", "MXN", nature=Nature.DEBIT, kind="cash", lower=NO_BOUND)
    ana = it.account("ana:mx", "MXN")
    ben = it.account("ana_mx", "MXN")
    sun = it.account("-sun.1", "H2O", lower=-5_000_000, upper=5_000_000)
    rio = it.account("X-xrio", "H2O", lower=-5_000_000, upper=5_000_000)
    hour = it.account("h", "TRUE", lower=-10)
    bank = it.account("H", "TRUE", kind="time_bank", lower=NO_BOUND)
    it.account("Idle", "MXN")
    text = "Préstamo de la asamblea"
    salt = it.salt()
    told = Transfer(
        amount=50_000,
        credit_account=ana,
        debit_account=cash,
        kind="deposit",
        reference="R/1#a:b",
        details=commitment(salt, text),
        salt=it.salt(),
        entered_by="u-7",
        approved_by="u-8",
    )
    it.post([told, it.pay(cash, ben, 1, reference="R-2")], source="branch-1")
    it.details.append((1, salt, text))
    it.post([it.pay(ana, ben, 12_345, business_date=date(2024, 2, 29), reference="R-3")])
    it.refuse([it.pay(ben, ana, 99_999_999)])
    it.post(
        [
            it.pay(sun, rio, 4_999_999, value_date=date(2026, 12, 1)),
            it.pay(sun, rio, 2),
            it.pay(rio, 99, 1),
            it.pay(rio, sun, 1_000_000, reference="R-4"),
        ],
        mode=Mode.EACH,
    )
    it.snapshot()
    it.limit(sun, -6_000_000)
    it.status(ben, Status.FROZEN)
    it.post([it.pay(bank, hour, 3), it.pay(hour, bank, 5)], signed_by="caja-1")
    it.status(ben, Status.OPEN)
    it.snapshot()
    return it


def many(accounts: int, sizes: Sequence[int], *, seed: int = 1) -> Building:
    """A ledger of one currency with a batch of random payments for each of `sizes`."""
    it = Building(seed=seed)
    it.currency("MXN", 2)
    for number in range(1, accounts + 1):
        it.account(f"m-{number:06}", "MXN", lower=NO_BOUND)
    pick, salt = it.random.randrange, it.random.randbytes
    for size in sizes:
        transfers = []
        for _ in range(size):
            debit = pick(accounts)
            credit = (debit + 1 + pick(accounts - 1)) % accounts
            transfers.append(
                Transfer(
                    amount=1 + pick(100_000),
                    credit_account=credit + 1,
                    debit_account=debit + 1,
                    kind="payment",
                    salt=salt(16),
                )
            )
        it.post(transfers)
    return it
