"""How long an account was at its limit, over days of its ledger's zone.

    journal: its opening and its changes -> the bounds as they were, and since when
    rows of the period                   -> when the balance came to them, and left them

Of the rows only those of the period are read, and of batches only those with which it came to
its bound or left it; posting knows nothing of this.
"""

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Final

from msgspec import UNSET

from ledger.api.service import Call
from ledger.core.at_limit import Turn, Watch
from ledger.core.leaves import AccountOpened, AnyLeaf, BatchPosted, LimitChanged, LimitEarned
from ledger.core.model import NO_LOWER, NO_UPPER, Account, Phase
from ledger.core.ports import TransferRow
from ledger.journal.canonical import decode_leaf

ROWS: Final = 1000  # At once; then others get their turn.
SCAN: Final = 500  # Leaves at once.


async def time_at_limit(
    call: Call, account: Account, begins: int, ends: int
) -> tuple[int, int | None]:
    """How much of a period an account was there, and how much at its limit. Microseconds.

    The limit is that of the time; None for the latter: a rule of earning moved it meanwhile,
    which no leaf says.

    Args:
        account: as it is now, at the end of the period or later.
    """
    ledger_id = await call.service.ledger_id(call.ledger)
    lines = await _lines(call, ledger_id, account.number)
    begins = max(begins, lines[0].recorded_at)
    if begins >= ends:
        return 0, 0
    bounds = _bounds(account, lines, begins, ends)
    if bounds is None:
        return ends - begins, None
    if all(bound is None for _, bound in bounds):
        return ends - begins, 0
    after = [await call.reads.known_at(ledger_id, moment) for moment, _ in bounds]
    after.append(await call.reads.known_at(ledger_id, ends))
    watch = Watch(await _before(call, ledger_id, account, after[0]))
    for (moment, bound), (low, high) in zip(bounds, pairwise(after), strict=True):
        watch.bound(moment, bound)
        async for row in _rows(call, ledger_id, account.number, low, high):
            watch.row(row.batch_number, _balance(row, account))
    times = await _times(call, ledger_id, watch.turns)
    return ends - begins, watch.time(times, ends)


async def _lines(call: Call, ledger_id: int, account: int) -> list[AnyLeaf]:
    """What opened an account and what changed it, in order."""
    opening = await call.reads.opening_of(ledger_id, account)
    assert opening is not None, "an account that is there was opened"
    found: list[AnyLeaf] = [decode_leaf(opening)]
    after = -1
    while True:
        leaves = await call.reads.changes_of(ledger_id, account, after=after, limit=SCAN)
        found += [decode_leaf(line) for _, line in leaves]
        if len(leaves) < SCAN:
            return found
        after = leaves[-1][0]


def _bounds(
    account: Account, lines: Sequence[AnyLeaf], begins: int, ends: int
) -> list[tuple[int, int | None]] | None:
    """The lower bounds in a period as they are shown, and since when; None: one was earned."""
    found: list[tuple[int, int | None]] = []
    is_known = True
    for line in lines:
        if line.recorded_at >= ends:
            break
        if line.recorded_at > begins and not is_known:
            return None
        match line:
            case AccountOpened() | LimitChanged():
                lower = NO_LOWER if line.lower is UNSET else line.lower
                upper = NO_UPPER if line.upper is UNSET else line.upper
                bound = lower if account.sign > 0 else -upper
                if line.recorded_at <= begins:
                    found.clear()
                at = max(line.recorded_at, begins)
                found.append((at, bound if bound > NO_LOWER else None))
                is_known = True
            case LimitEarned():
                is_known = False
    return found if is_known else None


async def _rows(
    call: Call, ledger_id: int, account: int, after: int, until: int
) -> AsyncIterator[TransferRow]:
    """Rows of an account above a sequence, up to another."""
    while after < until:
        page = await call.reads.transfers(
            ledger_id, after=after, limit=ROWS, accounts=[account]
        )
        for row in page:
            if row.sequence <= until:
                yield row
        after = page[-1].sequence if len(page) == ROWS else until


async def _before(call: Call, ledger_id: int, account: Account, sequence: int) -> int:
    """The balance after a sequence as it is shown: that before the next row, or now's."""
    rows = await call.reads.transfers(
        ledger_id, after=sequence, limit=1, accounts=[account.number]
    )
    if not rows:
        return account.sign * account.balance
    (row,) = rows
    balance = _balance(row, account)
    if not Phase(row.phase).moves:
        return balance
    is_debit = row.debit_account == account.number
    return balance + account.sign * (row.amount if is_debit else -row.amount)


def _balance(row: TransferRow, account: Account) -> int:
    """The balance after a row, as it is shown."""
    is_debit = row.debit_account == account.number
    return account.sign * (row.debit_balance if is_debit else row.credit_balance)


async def _times(call: Call, ledger_id: int, found: Sequence[Turn]) -> dict[int, int]:
    numbers = sorted({one.batch for one in found if one.batch})
    times: dict[int, int] = {}
    for first in range(0, len(numbers), ROWS):
        some = numbers[first : first + ROWS]
        for number, stored in (await call.reads.batches_by_number(ledger_id, some)).items():
            leaf = decode_leaf(stored.line)
            assert isinstance(leaf, BatchPosted), "rows belong to posted batches"
            times[number] = leaf.recorded_at
    return times
