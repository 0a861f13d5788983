"""The signed door: a batch as its poster wrote it, by account number, to be kept as it came."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from ledger.core.asked import AskedBatch
from ledger.core.lines import Manifest, Transfer


class WrittenBatch(Struct, frozen=True, kw_only=True):
    """A batch in the very lines that are hashed, signed and stored.

    `data` are the manifest and the transfers as bytes, `root` is the Merkle root over them,
    `note` the poster's signed note over that, and `signer` the public key that was found to
    have signed it. `packed` is the data as the store keeps it, where that was made already.
    Who makes one has checked that all of these belong together.
    """

    id: UUID
    data: bytes
    root: bytes
    manifest: Manifest
    transfers: Sequence[Transfer]
    note: str | UnsetType = UNSET
    signer: bytes | UnsetType = UNSET
    packed: bytes = b""

    @property
    def source(self) -> str | UnsetType:
        """Where the poster says it comes from."""
        return self.manifest.source


AnyBatch = AskedBatch | WrittenBatch  # By either door.
