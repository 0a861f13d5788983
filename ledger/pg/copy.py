"""Packing of transfers for PostgreSQL's binary COPY: whole columns at once.

A row of integers has a fixed width, so thousands of them are one array: a template with
counts and lengths filled in, repeated, and the values laid over it column by column.
"""

import struct
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

import numpy as np

from ledger.core.book import Posted
from ledger.core.store import NewBatch

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)  # No flags, no extension.
TRAILER: Final = struct.pack(">h", -1)

SLICE: Final = 2_048  # Rows packed at once; some 0.5 ms.

# The columns of tequio.transfers in their order, big-endian.
COLUMNS: Final = (
    ("ledger_id", ">i8"),
    ("sequence", ">i8"),
    ("debit_account", ">i8"),
    ("credit_account", ">i8"),
    ("amount", ">i8"),
    ("debit_balance", ">i8"),
    ("credit_balance", ">i8"),
    ("batch_number", ">i8"),
    ("position", ">i2"),
    ("business_date", ">i4"),
    ("phase", ">i2"),
)
FIRST_DAY: Final = date(2000, 1, 1).toordinal()  # PostgreSQL counts days from it.

_ROW: Final = np.dtype(
    [("count", ">i2")]
    + [part for name, kind in COLUMNS for part in ((f"{name}_size", ">i4"), (name, kind))]
)


def _template() -> bytes:
    row = np.zeros(1, _ROW)
    row["count"] = len(COLUMNS)
    for name, kind in COLUMNS:
        row[f"{name}_size"] = np.dtype(kind).itemsize
    return row.tobytes()


_TEMPLATE: Final = _template()


def pack_transfers(ledger_id: int, batches: Sequence[NewBatch]) -> Iterator[bytes | bytearray]:
    """All posted transfers of some batches as a stream for COPY, in binary format.

    In slices, so that the database works on one while the next is packed.
    """
    yield HEADER
    for batch in batches:
        if batch.posted is not None:
            for start in range(0, len(batch.posted.amount), SLICE):
                yield pack_slice(ledger_id, batch.posted, batch.business_dates, start)
    yield TRAILER


def pack_slice(
    ledger_id: int, posted: Posted, business_dates: Sequence[date] | date, start: int
) -> bytearray:
    """At most SLICE rows of a batch, from the one at `start`."""
    end = min(start + SLICE, len(posted.amount))
    packed = bytearray(_TEMPLATE * (end - start))
    rows = np.frombuffer(packed, _ROW)
    rows["ledger_id"] = ledger_id
    rows["sequence"] = np.arange(posted.first_sequence + start, posted.first_sequence + end)
    rows["debit_account"] = np.array(posted.debit[start:end], np.int64)
    rows["credit_account"] = np.array(posted.credit[start:end], np.int64)
    rows["amount"] = np.array(posted.amount[start:end], np.int64)
    rows["debit_balance"] = np.array(posted.debit_balance[start:end], np.int64)
    rows["credit_balance"] = np.array(posted.credit_balance[start:end], np.int64)
    rows["batch_number"] = posted.number
    positions = posted.positions[start:end]
    if isinstance(positions, range):
        rows["position"] = np.arange(positions.start, positions.stop, positions.step)
    else:
        rows["position"] = np.array(positions, np.int64)
    if isinstance(business_dates, date):
        rows["business_date"] = business_dates.toordinal() - FIRST_DAY
    else:
        days = [day.toordinal() for day in business_dates[start:end]]
        rows["business_date"] = np.array(days, np.int64) - FIRST_DAY
    if posted.phases:  # Else all are posted, which is the template's 0.
        rows["phase"] = np.array(posted.phases[start:end], np.int64)
    return packed
