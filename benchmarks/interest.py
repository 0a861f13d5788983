"""Posting to every account once: a run that may be cut off and taken up again.

The batches of a run are made from its beginning alone: ids, salts and times follow from what
its file says. So whoever takes it up makes the same bytes, and what was posted before is
answered as then.
"""

import os
from collections.abc import Iterator, Sequence
from hashlib import shake_256
from pathlib import Path
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ledger.client.client import Client, Receipt
from ledger.client.sealing import SealedBatch, Sealer
from ledger.core.lines import Transfer
from ledger.core.model import BATCH_MAX

KEEP_EVERY = 16  # Batches between two notes of how far it is.
RATE = 4, 1_200  # Of a year's four per cent, a month's share.


class Run(Struct, frozen=True):
    """What a run is made of, and how many of its batches were answered."""

    id: UUID
    started: float  # Seconds since 1970.
    done: int = 0


class NotPosted(Exception):
    """A batch of a run was refused."""


def interest(balance: int) -> int:
    """A month's interest on a balance, in minor units, rounded half to even.

    >>> interest(1_000), interest(1_050), interest(1_350)
    (3, 4, 4)
    """
    n, d = RATE
    whole, rest = divmod(balance * n, d)
    return whole + (2 * rest > d or (2 * rest == d and whole % 2))


def taken_up(file: Path, beginning: Run) -> Run:
    """The run of a file, which begins as said where there is none."""
    if file.exists():
        return msgspec.json.decode(file.read_bytes(), type=Run)
    _keep(file, beginning)
    return beginning


def _keep(file: Path, run: Run) -> None:
    new = file.with_suffix(".new")
    with new.open("wb") as out:
        out.write(msgspec.json.encode(run))
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)


class Payment(Struct, frozen=True):
    """One account pays the first ones of a ledger, each its amount, in minor units."""

    debit_account: int
    amounts: Sequence[int]
    kind: str

    @property
    def batches(self) -> int:
        """How many batches it takes."""
        return -(-len(self.amounts) // BATCH_MAX)

    def transfers(self, number: int) -> list[Transfer]:
        """Those of one batch."""
        start = number * BATCH_MAX
        return [
            Transfer(
                amount=amount,
                credit_account=account,
                debit_account=self.debit_account,
                kind=self.kind,
            )
            for account, amount in enumerate(self.amounts[start : start + BATCH_MAX], start + 1)
        ]


async def pay(
    client: Client, origin: str, seed: bytes, payment: Payment, file: Path, beginning: Run
) -> int:
    """Post a payment, or what is left of it; how many transfers were posted now.

    Raises:
        NotPosted: a batch was refused.
        NotKnown: it is not known what became of a batch; take it up again.
    """
    run = taken_up(file, beginning)
    posted = 0
    async for outcome in client.post_all(_sealed(origin, seed, payment, run)):
        if not isinstance(outcome, Receipt):
            raise NotPosted(outcome)
        posted += 0 if outcome.replayed else outcome.posted
        run = replace(run, done=run.done + 1)
        if run.done % KEEP_EVERY == 0 or run.done == payment.batches:
            _keep(file, run)
    return posted


def _sealed(origin: str, seed: bytes, payment: Payment, run: Run) -> Iterator[SealedBatch]:
    for number in range(run.done, payment.batches):
        batch = uuid5(run.id, str(number))

        def chance(count: int, batch: UUID = batch) -> bytes:
            return shake_256(batch.bytes).digest(count)

        sealer = Sealer(
            origin,
            seed=seed,
            chance=chance,
            clock=lambda: run.started,
        )
        yield sealer.seal(payment.transfers(number), batch_id=batch, salted=False)
