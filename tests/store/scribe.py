"""A ledger for the store's tests: real lines and rows by the book, gathered into groups."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from msgspec import UNSET

from ledger.core.book import Book, Posted
from ledger.core.leaves import (
    AccountOpened,
    AnyLeaf,
    BatchPosted,
    BatchRefused,
    CurrencyAdded,
    Opening,
    Snapshot,
)
from ledger.core.lines import RULES, Manifest, Terms, Transfer
from ledger.core.model import CurrencyKind, Mode, Nature
from ledger.core.resolutions import resolutions_of
from ledger.core.store import Group, Head, NewBatch, NewTile
from ledger.core.terms import NO_PAST, Past, links_of
from ledger.journal.batches import write_body, write_outcomes
from ledger.journal.canonical import encode_line
from ledger.journal.merkle import leaf_hash, root_of

DAY = date(2026, 3, 2)
NOW = 1_772_409_600_000_000  # Microseconds; any time the database's clock has passed.


def transfer(
    debit: int,
    credit: int,
    amount: int,
    reference: str = "",
    day: date | None = None,
    terms: Terms | None = None,
) -> Transfer:
    return Transfer(
        debit_account=debit,
        credit_account=credit,
        amount=amount,
        kind="payment",
        reference=reference,
        business_date=UNSET if day is None else day,
        terms=UNSET if terms is None else terms,
    )


class Scribe:
    """Writes a ledger's leaves; `group` gives what was written since the last one."""

    def __init__(self, head: Head, *, unique_references: bool = False) -> None:
        self.head = head
        self.now = NOW
        self.book = Book()
        self.leaves: list[bytes] = []
        self._batches: list[NewBatch] = []
        self._accounts: list[AccountOpened] = []
        self.tiles: list[NewTile] = []
        self.put(
            Opening(
                recorded_at=NOW,
                code="caja",
                name="Caja",
                origin="example.org/caja",
                time_zone="America/Mexico_City",
                rules=RULES,
                unique_references=unique_references,
                public_key="none",
                by="test",
            )
        )
        self.put(
            CurrencyAdded(
                recorded_at=NOW, code="MXN", kind=CurrencyKind.NATIONAL, scale=2, by="test"
            )
        )

    def put(self, leaf: AnyLeaf) -> int:
        """Apply and write a leaf; returns its index."""
        self.book.apply(leaf)
        self.leaves.append(encode_line(leaf))
        return len(self.leaves) - 1

    def open_accounts(self, count: int, currency: str = "MXN") -> None:
        for _ in range(count):
            number = self.book.accounts + 1
            leaf = AccountOpened(
                recorded_at=self.now,
                number=number,
                code=f"m-{number}",
                currency=currency,
                nature=Nature.CREDIT,
                kind="member",
                holder=number.to_bytes(16, "big"),
                by="test",
            )
            self.put(leaf)
            self._accounts.append(leaf)

    def post(
        self,
        batch: UUID,
        *transfers: Transfer,
        mode: Mode = Mode.ATOMIC,
        source: str = "core",
        details: Sequence[tuple[int, bytes, str]] = (),
        past: Mapping[int, Past] = NO_PAST,
    ) -> NewBatch:
        manifest = Manifest(
            origin=f"example.org/caja/batch/{batch}",
            created=self.now,
            expires=self.now + 1,
            count=len(transfers),
            mode=mode,
            salt=bytes(16),
            source=source,
        )
        body = write_body(manifest, transfers)
        posted = self.book.post(
            manifest, transfers, recorded_at=self.now, business_date=DAY, past=past
        )
        assert isinstance(posted, Posted), posted
        index = self.put(
            BatchPosted(
                recorded_at=self.now,
                number=posted.number,
                batch=batch,
                poster="caja",
                business_date=DAY,
                count=len(transfers),
                posted=len(posted.amount),
                first_sequence=posted.first_sequence,
                signed=False,
                root=body.root,
            )
        )
        days = [transfers[i].business_date for i in posted.positions]
        new = NewBatch(
            batch=batch,
            leaf_index=index,
            body=body.data,
            outcomes=write_outcomes(posted),
            source=source,
            posted=posted,
            business_dates=[DAY if day is UNSET else day for day in days],
            references=[
                (transfers[position].reference, sequence)
                for position, sequence in posted.sequences()
                if transfers[position].reference
            ]
            if self.book.opening is not None and self.book.opening.unique_references
            else (),
            details=details,
            links=links_of(transfers, posted),
            resolutions=resolutions_of(transfers, posted),
        )
        self._batches.append(new)
        return new

    def refuse(self, batch: UUID, *, account: int | None = None) -> NewBatch:
        index = self.put(
            BatchRefused(
                recorded_at=self.now,
                batch=batch,
                poster="caja",
                business_date=DAY,
                signed=False,
                code="batch_expired",
                digest=bytes(32),
                salt=bytes(16),
                account=UNSET if account is None else account,
            )
        )
        new = NewBatch(batch=batch, leaf_index=index)
        self._batches.append(new)
        return new

    def snapshot(self) -> int:
        return self.put(
            Snapshot(
                recorded_at=self.now,
                size=self.book.size,
                accounts=self.book.accounts,
                root=bytes(32),
            )
        )

    def group(self, *, checkpoint: bytes = b"", recorded_at: int = NOW) -> Group:
        """What was written since the last group, as one that follows from the head."""
        before = self.head
        hashes = [leaf_hash(line) for line in self.leaves]
        self.head = Head(
            ledger_id=before.ledger_id,
            size=len(self.leaves),
            root=root_of(hashes),
            epoch=before.epoch,
        )
        group = Group(
            before=before,
            after=self.head,
            recorded_at=recorded_at,
            leaves=self.leaves[before.size :],
            hashes=hashes[before.size :],
            tiles=self.tiles,
            batches=self._batches,
            accounts=self._accounts,
            checkpoint=checkpoint,
        )
        self._batches, self._accounts, self.tiles = [], [], []
        return group
