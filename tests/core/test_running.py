"""Batches posted at once: the same as one by one, to the last balance, or not at all."""

from array import array

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.core import running
from ledger.core.running import SAFE, post_rows

ACCOUNTS = 5  # Of which the last has another currency.
ENDS = [-(2**63 - 1), -SAFE, -100, -1, 0, 1, 100, SAFE, 2**63 - 1]
AMOUNTS = st.one_of(st.integers(1, 60), st.sampled_from([2**53 - 1, 2**40]))
Row = tuple[int, int, int]
Columns = tuple["array[int]", "array[int]", "array[int]", "array[int]"]


def one_by_one(columns: Columns, rows: list[Row]) -> tuple[list[int], list[int]] | None:
    """What two comparisons and two additions a transfer make of it."""
    balance, floor, ceiling, currency = columns
    balances = balance.tolist()
    debited, credited = [], []
    for debit, credit, amount in rows:
        x, y = balances[debit] - amount, balances[credit] + amount
        if debit == credit or currency[debit] != currency[credit]:
            return None
        if x < floor[debit] or y > ceiling[credit]:
            return None
        balances[debit], balances[credit] = x, y
        debited.append(x)
        credited.append(y)
    balance[:] = array("q", balances)
    return debited, credited


def columns_of(balances: list[int], bounds: list[tuple[int, int]]) -> Columns:
    numbers = range(ACCOUNTS)
    return (
        array("q", [0, *balances]),
        array("q", [2**63 - 1, *(min(bounds[n]) for n in numbers)]),
        array("q", [-(2**63 - 1), *(max(bounds[n]) for n in numbers)]),
        array("i", [-1, *([0] * (ACCOUNTS - 1)), 1]),
    )


place = st.integers(0, ACCOUNTS)
end = st.sampled_from(ENDS)


@given(
    balances=st.lists(st.integers(-200, 200) | end, min_size=ACCOUNTS, max_size=ACCOUNTS),
    bounds=st.lists(st.tuples(end, end), min_size=ACCOUNTS, max_size=ACCOUNTS),
    rows=st.lists(st.tuples(place, place, AMOUNTS), min_size=1, max_size=12),
)
@example([0] * 5, [(-(2**63 - 1), 2**63 - 1)] * 5, [(1, 2, 5), (2, 1, 5), (1, 3, 7)])
@example([0] * 5, [(-5, 2**63 - 1)] * 5, [(1, 2, 5), (2, 1, 5), (1, 3, 5)])
@example([0] * 5, [(-5, 2**63 - 1)] * 5, [(1, 2, 5), (1, 3, 1), (2, 1, 5)])
@example([0] * 5, [(-100, 5)] * 5, [(2, 1, 5), (3, 1, 1), (1, 2, 5)])
def test_at_once_is_one_by_one(
    balances: list[int], bounds: list[tuple[int, int]], rows: list[Row]
) -> None:
    """Where it posts, it does just that; where it does not, nothing changed."""
    plain, fast = columns_of(balances, bounds), columns_of(balances, bounds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "ROWS_MIN", 1)
        debit, credit, amount = map(list, zip(*rows, strict=True))
        posted = post_rows(*fast, debit, credit, amount)
    if posted is None:
        assert fast == columns_of(balances, bounds)
        within = all(abs(balance) < SAFE for balance in balances)
        if within and max(amount) * len(rows) < SAFE:
            assert one_by_one(plain, rows) is None  # It gives up for no other reason.
        return
    assert one_by_one(plain, rows) == posted
    assert plain == fast


def test_a_small_batch_is_walked_through() -> None:
    columns = columns_of([0] * 5, [(-100, 100)] * 5)
    assert post_rows(*columns, [1], [2], [5]) is None
