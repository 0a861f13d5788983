"""A group: what is decided together, on its way to one COMMIT and one signature."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from ledger.core.leaves import AccountOpened, AnyLeaf
from ledger.core.store import Group, Head, NewBatch, NewProposal, NewTile
from ledger.journal.canonical import encode_line, reads_back
from ledger.journal.merkle import leaf_hash
from ledger.journal.tiles import Edge, FullTile


@dataclass(slots=True)
class OpenGroup:
    """Leaves in order with what belongs to them, and the answers that wait for them."""

    leaves: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    batches: list[NewBatch] = field(default_factory=list)
    accounts: list[AccountOpened] = field(default_factory=list)
    proposals: list[NewProposal] = field(default_factory=list)
    settled: list[UUID] = field(default_factory=list)
    answers: list[Callable[[], None]] = field(default_factory=list)
    transfers: int = 0
    recorded_at: int = 0

    def add(self, leaf: AnyLeaf) -> None:
        """Add a leaf that the book has taken.

        It is read back, since a leaf we write and cannot read would stop the ledger at its
        next start.
        """
        data = encode_line(leaf)
        assert reads_back(data, leaf), "a leaf must read as it was meant"
        self.leaves.append(data)
        self.hashes.append(leaf_hash(data))
        self.recorded_at = leaf.recorded_at
        if isinstance(leaf, AccountOpened):
            self.accounts.append(leaf)

    def __bool__(self) -> bool:
        return bool(self.leaves or self.answers)

    def closed(self, before: Head, edge: Edge, checkpoint: bytes) -> Group:
        """The group as it goes to the database, with the log's edge moved over it."""
        tiles: list[FullTile] = edge.append(self.hashes)
        return Group(
            before=before,
            after=Head(
                ledger_id=before.ledger_id,
                size=edge.size,
                root=edge.root(),
                epoch=before.epoch,
            ),
            recorded_at=self.recorded_at,
            leaves=self.leaves,
            hashes=self.hashes,
            tiles=[NewTile(tile.level, tile.index, tile.hashes) for tile in tiles],
            batches=self.batches,
            accounts=self.accounts,
            proposals=self.proposals,
            settled=self.settled,
            checkpoint=checkpoint,
        )
