"""Sealing: transfers as the lines of a batch, signed by their poster.

A sealed batch is bytes and an id. Whoever keeps these may send them again for as long as
the batch is valid: it is posted once.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from ledger.core.lines import Manifest, Transfer
from ledger.core.model import BATCH_MAX, Late, Mode
from ledger.journal.batches import write_body
from ledger.journal.checkpoints import Checkpoint, batch_origin, sign_checkpoint
from ledger.journal.notes import KEY_SIZE, signer_from_seed

SALT_SIZE: Final = 16  # Bytes.
VALID_S: Final = 7 * 86_400.0  # How long a batch may wait before it counts as lost.


class SealedBatch(Struct, frozen=True):
    """A batch ready to be sent: its exact bytes, and its poster's note, if it has one."""

    id: UUID
    count: int
    data: bytes
    note: bytes = b""


class Sealer:
    """Seals batches for one ledger.

    Args:
        origin: the ledger's origin, as `Client.origin` says.
        seed: 32 bytes, the private half of the poster's registered key; without one the
            batches are not signed.
        valid_s: seconds from sealing for which a batch may be posted. One that comes later
            is refused for ever, so a lost batch can be made anew without fear.
        chance: random bytes, as many as asked, for ids and salts.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        origin: str,
        *,
        seed: bytes | None = None,
        valid_s: float = VALID_S,
        chance: Callable[[int], bytes] = secrets.token_bytes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if seed is not None and len(seed) != KEY_SIZE:
            raise ValueError(f"a seed is {KEY_SIZE} bytes, not {len(seed)}")
        self._origin = origin
        self._seed = seed
        self._valid_us = round(valid_s * 1e6)
        self._chance = chance
        self._clock = clock

    def seal(
        self,
        transfers: Sequence[Transfer],
        *,
        batch_id: UUID | None = None,
        mode: Mode = Mode.ATOMIC,
        source: str | UnsetType = UNSET,
        branch: str | UnsetType = UNSET,
        control_sums: dict[str, str] | UnsetType = UNSET,
        late: Late | UnsetType = UNSET,
        salted: bool = True,
    ) -> SealedBatch:
        """Transfers, 1 to 8,190 by account number and in minor units, as a batch.

        Args:
            batch_id: a UUID that was never used in this ledger; without one, a random one.
            control_sums: minor units by currency, which the transfers must amount to.
            salted: give each line a random salt, without which its hash, which stands in
                the proof of its neighbour, could be guessed. Costs 40 bytes a line.

        Raises:
            ValueError: no transfer, or too many. What else is wrong the ledger says.
        """
        if not 1 <= len(transfers) <= BATCH_MAX:
            raise ValueError(f"a batch has 1 to {BATCH_MAX} transfers, not {len(transfers)}")
        batch = UUID(bytes=self._chance(16), version=4) if batch_id is None else batch_id
        origin = batch_origin(self._origin, batch)
        now = int(self._clock() * 1e6)
        manifest = Manifest(
            origin=origin,
            created=now,
            expires=now + self._valid_us,
            count=len(transfers),
            mode=mode,
            salt=self._chance(SALT_SIZE),
            source=source,
            branch=branch,
            control_sums=control_sums,
            late=late,
        )
        body = write_body(manifest, self._salted(transfers) if salted else transfers)
        note = b""
        if self._seed is not None:
            checkpoint = Checkpoint(origin, len(transfers) + 1, body.root)
            note = sign_checkpoint(checkpoint, [signer_from_seed(origin, self._seed)])
        return SealedBatch(batch, len(transfers), body.data, note)

    def _salted(self, transfers: Sequence[Transfer]) -> list[Transfer]:
        """Each with a salt of its own, but where there is one alone: the manifest has one."""
        if len(transfers) == 1:
            return list(transfers)
        chance = self._chance(SALT_SIZE * len(transfers))
        salts = (chance[at : at + SALT_SIZE] for at in range(0, len(chance), SALT_SIZE))
        return [replace(t, salt=salt) for t, salt in zip(transfers, salts, strict=True)]
