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
from msgspec.structs import replace

from ledger.core.book import Book, Posted
from ledger.core.door import commitment
from ledger.core.leaves import (
    AccountOpened,
    AnyLeaf,
    BatchPosted,
    BatchRefused,
    CurrencyAdded,
    HoldsExpired,
    LimitChanged,
    Opening,
    PosterKey,
    Snapshot,
    StatusChanged,
)
from ledger.core.lines import Manifest, Rate, Terms, Transfer
from ledger.core.model import Action, CurrencyKind, Late, Mode, Nature, Phase, Side, Status
from ledger.core.refusals import Refusal
from ledger.core.terms import Past, links_of
from ledger.exports.journal import Exported, JournalWriter
from ledger.journal.batches import Body, root_of_lines, write_body, write_outcomes
from ledger.journal.canonical import encode_line
from ledger.journal.checkpoints import Checkpoint, batch_origin, sign_checkpoint
from ledger.journal.directory import Recorded
from ledger.journal.merkle import leaf_hash, root_of
from ledger.journal.notes import Signer, signer_from_seed
from ledger.journal.past import tell
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
        self.past: dict[int, Past] = {}  # Every row there is.
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

    def poster_key(self, poster: str) -> int:
        """Register the key with which `post` signs for a poster."""
        key = signer_of(poster).verifier.public_key
        line = PosterKey(
            recorded_at=self.tick(),
            action="register",
            poster=poster,
            public_key=key,
            by="op-1",
        )
        return self.add(line)

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

    def limit(
        self,
        account: int,
        lower: int | UnsetType,
        upper: int | UnsetType = NO_BOUND,
        soft: Side | UnsetType = UNSET,
    ) -> int:
        return self.add(
            LimitChanged(
                recorded_at=self.tick(),
                account=account,
                reason="assembly",
                by="op-1",
                lower=lower,
                upper=upper,
                soft=soft,
            )
        )

    def expire(self, *holds: int) -> int:
        return self.add(HoldsExpired(recorded_at=self.tick(), holds=list(holds)))

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
        terms: Terms | UnsetType = UNSET,
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
            terms=terms,
        )

    def hold(self, debit: int, credit: int, amount: int, seconds: int = 3600) -> Transfer:
        """A line that holds an amount until so long after the leaf before."""
        terms = Terms(action=Action.HOLD, expires=self.now + 1_000_000 * seconds)
        return self.pay(debit, credit, amount, kind="hold", terms=terms)

    def act(
        self, action: Action, target: int, debit: int, credit: int, amount: int, **more: object
    ) -> Transfer:
        """A line that is about an earlier row."""
        terms = Terms(action=action, target=target, **more)  # type: ignore[arg-type]
        return self.pay(debit, credit, amount, kind=action.value, terms=terms)

    def next_batch(self) -> UUID:
        self._batches += 1
        return UUID(int=self._batches)

    def manifest(
        self,
        batch: UUID,
        count: int,
        mode: Mode = Mode.ATOMIC,
        source: str = "",
        late: Late | UnsetType = UNSET,
    ) -> Manifest:
        return Manifest(
            origin=batch_origin(ORIGIN, batch),
            created=self.now,
            expires=self.now + 86_400_000_000,
            count=count,
            mode=mode,
            salt=self.salt(),
            source=source or UNSET,
            late=late,
        )

    def write(
        self,
        transfers: Sequence[Transfer],
        *,
        mode: Mode = Mode.ATOMIC,
        batch: UUID | None = None,
        source: str = "",
        late: Late | UnsetType = UNSET,
    ) -> tuple[UUID, Manifest, Body]:
        batch = batch or self.next_batch()
        manifest = self.manifest(batch, len(transfers), mode, source, late)
        return batch, manifest, write_body(manifest, transfers)

    def post(
        self,
        transfers: Sequence[Transfer],
        *,
        mode: Mode = Mode.ATOMIC,
        source: str = "",
        signed_by: str = "",
        used: frozenset[tuple[str, str]] = frozenset(),
        late: Late | UnsetType = UNSET,
    ) -> Posted:
        """Post a batch that the rules accept."""
        recorded_at = self.tick()
        batch, manifest, body = self.write(transfers, mode=mode, source=source, late=late)
        posted = self.book.post(
            manifest,
            transfers,
            recorded_at=recorded_at,
            business_date=self.day,
            used=used,
            past=self.past,
        )
        assert isinstance(posted, Posted), posted
        outcomes = write_outcomes(posted)
        self._keep(transfers, posted, body.data, outcomes)
        leaf = self.header(
            batch,
            body,
            posted,
            outcomes,
            recorded_at,
            signed_by=signed_by,
            count=len(transfers),
        )
        self.book.apply(leaf)
        self.put(leaf, body.data, outcomes)
        return posted

    def _keep(
        self, transfers: Sequence[Transfer], posted: Posted, body: bytes, outcomes: bytes
    ) -> None:
        """Note what later batches may take back."""
        first = posted.first_sequence
        told = tell(body, outcomes, first, range(first, first + len(posted.amount)))
        phases = posted.phases or [Phase.POSTED] * len(posted.amount)
        columns = zip(posted.debit, posted.credit, posted.amount, phases, strict=True)
        for sequence, (debit, credit, amount, phase) in enumerate(
            columns, posted.first_sequence
        ):
            self.past[sequence] = Past(
                debit=debit,
                credit=credit,
                amount=amount,
                phase=phase,
                kind=told[sequence].kind,
                beside=told[sequence].beside,
                is_beside=told[sequence].is_beside,
            )
        for link in links_of(transfers, posted):
            target = self.past[link.target]
            self.past[link.target] = replace(target, taken=target.taken + link.amount)
            self.past[link.sequence] = replace(self.past[link.sequence], is_link=True)

    def header(
        self,
        batch: UUID,
        body: Body,
        posted: Posted,
        outcomes: bytes,
        recorded_at: int,
        *,
        signed_by: str = "",
        count: int = 0,
    ) -> BatchPosted:
        """The leaf of a batch; without a `count`, of as many transfers as rows."""
        origin = batch_origin(ORIGIN, batch)
        count = count or len(posted.amount) + len(posted.refused)
        note: str | UnsetType = UNSET
        if signed_by:
            checkpoint = Checkpoint(origin, count + 1, body.root)
            signer = signer_from_seed(origin, sha256(signed_by.encode()).digest())
            note = sign_checkpoint(checkpoint, [signer]).decode()
        return BatchPosted(
            recorded_at=recorded_at,
            number=posted.number,
            batch=batch,
            poster=signed_by or "caja-1",
            business_date=self.day,
            count=count,
            posted=len(posted.amount),
            first_sequence=posted.first_sequence,
            signed=bool(signed_by),
            key="key-1",
            root=UNSET if signed_by else body.root,
            note=note,
            outcomes=root_of_lines(outcomes) if outcomes else UNSET,
        )

    def refuse(self, transfers: Sequence[Transfer]) -> Refusal:
        """Write that a batch was refused, which it must be."""
        recorded_at = self.tick()
        batch, manifest, _ = self.write(transfers)
        refusal = self.book.post(
            manifest,
            transfers,
            recorded_at=recorded_at,
            business_date=self.day,
            past=self.past,
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
    it.poster_key("caja-2")
    it.post([it.pay(bank, hour, 3), it.pay(hour, bank, 5)], signed_by="caja-2")
    it.status(ben, Status.OPEN)
    it.snapshot()
    return it


def under_terms() -> Building:
    """Transfers under every term, each as it should go, and some refused in their place.

    Holds posted in parts, released, voided and expired; entries, one of them refused;
    reversals in parts, with a rest, and of too much; suspense cleared in two parts; an
    exchange at its rate, with its residue, and part of it taken back; soft bounds passed.
    """
    it = Building()
    it.currency("MXN", 2)
    it.currency("USD", 2)
    cash = it.account("cash", "MXN", nature=Nature.DEBIT, kind="cash", lower=NO_BOUND)
    ana = it.account("ana", "MXN")
    shop = it.account("shop", "MXN", upper=500_00)
    bridge = it.account("bridge", "MXN", kind="suspense", lower=NO_BOUND)
    dollars = it.account("dollars", "USD", kind="exchange", lower=NO_BOUND)
    eva = it.account("eva", "USD")
    it.post([it.pay(cash, ana, 300_00), it.pay(ana, shop, 100_00)])  # 1 and 2.
    it.post([it.hold(ana, shop, 60_00)])  # 3: posted in parts, the last releases the rest.
    it.post([it.act(Action.POST, 3, ana, shop, 20_00)])  # 4.
    it.post([it.act(Action.POST, 3, ana, shop, 15_00, release=True)])  # 5.
    it.post([it.hold(ana, shop, 10_00), it.hold(ana, shop, 30_00, seconds=3)])  # 6 and 7.
    it.snapshot()
    it.post([it.act(Action.VOID, 6, ana, shop, 10_00)])  # 8.
    it.now += 3_000_000
    it.expire(7)
    entry = [
        it.pay(ana, shop, amount, reference=f"E-{number}", terms=Terms(entry=number))
        for number, amount in ((1, 50_00), (1, 5_00), (2, 1_00), (2, 999_00))
    ]
    late = it.act(Action.POST, 7, ana, shop, 1_00)
    it.post([*entry, late, it.pay(ana, cash, 10_00)], mode=Mode.EACH)  # 9 to 11.
    # Of 2, 100.00 from ana to the shop: 40.00 taken back, then too much, then the rest.
    it.post([it.act(Action.REVERSE, 2, shop, ana, 40_00)])  # 12.
    it.post([it.act(Action.REVERSE, 2, shop, ana, 60_01)], mode=Mode.EACH)
    it.post([it.pay(shop, cash, 120_00)])  # 13: the shop has 30.00 left.
    it.post(
        [it.act(Action.REVERSE, 2, shop, ana, 60_00, up_to=Side.DEBIT, rest=bridge)]
    )  # 14 and 15.
    it.post([it.act(Action.REVERSE, 2, shop, ana, 1)], mode=Mode.EACH)
    it.post([it.pay(shop, ana, 5_00, terms=Terms(up_to=Side.DEBIT, rest=bridge))])  # 16.
    it.post([it.pay(ana, shop, 600_00, terms=Terms(up_to=Side.BOTH))])  # 17
    it.status(ana, Status.FROZEN_CREDITS)
    taken = it.pay(cash, ana, 7_00, terms=Terms(suspense=bridge))
    it.post([taken, it.act(Action.REVERSE, 18, bridge, cash, 7_00)], mode=Mode.EACH)  # 18.
    it.post([it.act(Action.CLEAR, 18, bridge, shop, 3_00)])  # 19.
    it.snapshot()
    it.status(ana, Status.OPEN)
    it.poster_key("caja-2")
    it.post([it.act(Action.CLEAR, 18, bridge, ana, 4_00)], signed_by="caja-2")  # 20.
    sold = it.pay(ana, cash, 1_00, terms=Terms(entry=1))
    bought = it.pay(dollars, eva, 6, terms=Terms(entry=1, rate=Rate(n=7, d=111)))
    residue = it.pay(cash, ana, 4, terms=Terms(entry=1, residue=True))
    it.post([sold, bought, residue])  # 21 to 23.
    it.post([it.act(Action.REVERSE, 22, eva, dollars, 2)])  # 24, and 25 of what was sold.
    it.limit(shop, 0, 100_00, soft=Side.BOTH)
    it.post([it.pay(ana, shop, 1_00), it.pay(shop, cash, 400_00)])  # 26 and 27: flagged.
    it.post([it.hold(cash, ana, 1_00, seconds=86_400)])  # 28: still open.
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
