"""What the posting benchmarks post: the same transfers as requests and as rows."""

import random
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import cycle, islice
from uuid import UUID

import msgspec
from msgspec import Struct

from benchmarks.load import ID_MARK, Request, SignedLines, post_head, post_request
from ledger.core.book import Posted
from ledger.core.lines import Manifest, Transfer
from ledger.core.model import BATCH_MAX, Mode
from ledger.core.store import NewBatch
from ledger.journal.batches import line_proof, write_body
from ledger.pg.copy import pack_transfers

LEDGER = "bench"
CURRENCY = "MXN"
SCALE = 2
AMOUNT_MAX = 99_999  # Minor units of one transfer, so that no balance comes near its end.
DAY = date(2026, 11, 21)

POSTER = "bench-poster"
POSTER_SEED = bytes(range(32))
NO_ID = UUID(ID_MARK.decode())
_encode = msgspec.json.Encoder().encode


class Transfers(Struct, frozen=True):
    """Transfers between accounts by number, as columns."""

    debit: list[int]
    credit: list[int]
    amount: list[int]


def account_code(number: int) -> str:
    """The code of account `number`, which counts from 1."""
    return f"S{number:07}"


def transfers(rng: random.Random, accounts: int, count: int, *, hot: bool = False) -> Transfers:
    """Random transfers; with `hot`, account 1 is debited by all of them."""
    debit = [1 if hot else rng.randint(1, accounts) for _ in range(count)]
    # The credited one is another: a step of 1 to accounts - 1 around the circle.
    credit = [(d - 1 + rng.randrange(1, accounts)) % accounts + 1 for d in debit]
    return Transfers(debit, credit, [rng.randint(1, AMOUNT_MAX) for _ in range(count)])


def shared_transfers(rng: random.Random, accounts: int, count: int, share: int) -> Transfers:
    """Random transfers, of which account 1 is debited by one in `share` and by no other."""
    debit = [1 if n % share == 0 else rng.randint(2, accounts) for n in range(count)]
    # As above around the circle without account 1, from where any step does.
    credit = [(d - 2 + rng.randrange(1, accounts - 1)) % (accounts - 1) + 2 for d in debit]
    return Transfers(debit, credit, [rng.randint(1, AMOUNT_MAX) for _ in range(count)])


def account_bodies(accounts: int, size: int = BATCH_MAX) -> Iterator[bytes]:
    """Requests that open accounts, `size` in each. All without bounds, so none is refused."""
    for start in range(1, accounts + 1, size):
        yield _encode(
            {
                "accounts": [
                    {
                        "code": account_code(number),
                        "currency": CURRENCY,
                        "kind": "savings",
                        "lower_bound": "none",
                    }
                    for number in range(start, min(start + size, accounts + 1))
                ]
            }
        )


def batch_bodies(
    accounts: int, count: int, *, hot: bool = False, size: int = BATCH_MAX
) -> list[bytes]:
    """Different full batches, each with ID_MARK in the place of its id."""
    rng = random.Random(8190)
    return [
        _encode(
            {
                "id": ID_MARK.decode(),
                "transfers": list(_written(transfers(rng, accounts, size, hot=hot))),
            }
        )
        for _ in range(count)
    ]


def single_bodies(accounts: int, count: int = 4096) -> list[bytes]:
    """Different single transfers, each with ID_MARK in the place of its id."""
    columns = transfers(random.Random(1), accounts, count)
    return [_encode({"id": ID_MARK.decode(), **written}) for written in _written(columns)]


def batch_requests(key: str, bodies: Sequence[bytes]) -> list[Request]:
    """Posts of batches. Whoever sends them asks for receipts without balances."""
    headers = {"Authorization": f"Bearer {key}", "Prefer": "return=minimal"}
    path = f"/v1/ledgers/{LEDGER}/batches"
    return [post_request(path, body, headers) for body in bodies]


def lines_requests(
    key: str,
    origin: str,
    accounts: int,
    count: int,
    *,
    size: int = BATCH_MAX,
    share: int = 0,
    references: bool = True,
) -> list[SignedLines]:
    """Posts of different full batches as lines, which POSTER signs as they are sent.

    With a `share` account 1 has one in so many of the transfers.
    """
    rng = random.Random(8190)
    batches = [
        shared_transfers(rng, accounts, size, share)
        if share
        else transfers(rng, accounts, size)
        for _ in range(count)
    ]
    return [_signed_lines(key, origin, columns, references) for columns in batches]


def _signed_lines(key: str, origin: str, columns: Transfers, references: bool) -> SignedLines:
    manifest = Manifest(
        origin=f"{origin}/batch/{ID_MARK.decode()}",
        created=0,
        expires=2**52,
        count=len(columns.amount),
        mode=Mode.ATOMIC,
        salt=bytes(16),
    )
    rows = zip(columns.debit, columns.credit, columns.amount, strict=True)
    lines = [
        Transfer(
            amount=amount,
            credit_account=credit,
            debit_account=debit,
            kind="deposit",
            reference=f"ORD-{n:09}" if references else "",
        )
        for n, (debit, credit, amount) in enumerate(rows)
    ]
    body = write_body(manifest, lines)
    first, _, rest = body.data.partition(b"\n")
    before, _, after = first.partition(ID_MARK)
    headers = {"Authorization": f"Bearer {key}", "Prefer": "return=minimal"}
    path = f"/v1/ledgers/{LEDGER}/batches"
    head = post_head(path, len(body.data), "application/x-ndjson", headers)
    return SignedLines(
        head=head + b"Signed-Note: ",
        manifest=Request(before, after),
        lines=rest,
        path=line_proof(body.data, 0)[1],
        size=len(lines) + 1,
        ledger_origin=origin,
        seed=POSTER_SEED,
    )


def single_requests(key: str, bodies: Sequence[bytes]) -> list[Request]:
    """Posts of single transfers, with all of the receipt in the answer."""
    path = f"/v1/ledgers/{LEDGER}/transfers"
    return [post_request(path, body, {"Authorization": f"Bearer {key}"}) for body in bodies]


def _written(columns: Transfers) -> Iterator[dict[str, str]]:
    rows = zip(columns.debit, columns.credit, columns.amount, strict=True)
    for n, (debit, credit, amount) in enumerate(rows):
        yield {
            "debit_account": account_code(debit),
            "credit_account": account_code(credit),
            "amount": f"{amount // 100}.{amount % 100:02}",
            "currency": CURRENCY,
            "kind": "deposit",
            "reference": f"ORD-{n:09}",
        }


def copy_streams(
    batches: Sequence[Transfers], count: int, first_sequence: int
) -> Sequence[bytes]:
    """Batches in turn as the rows they leave, packed for COPY. No sequence comes twice."""
    streams = []
    first = first_sequence
    for n, columns in enumerate(islice(cycle(batches), count)):
        size = len(columns.amount)
        posted = Posted(
            number=n + 1,
            first_sequence=first,
            positions=range(size),
            debit=columns.debit,
            credit=columns.credit,
            amount=columns.amount,
            debit_balance=[-amount for amount in columns.amount],
            credit_balance=columns.amount,
        )
        batch = NewBatch(batch=NO_ID, leaf_index=n, posted=posted, business_dates=DAY)
        streams.append(b"".join(pack_transfers(1, [batch])))
        first += size
    return streams
