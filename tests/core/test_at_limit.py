"""Time at a limit: what is found from few moments is what a look at every moment finds."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.core.at_limit import Turn, Watch

END = 30

# Moments within the period, and what is so from then on: a bound, or the balance of a batch.
BOUNDS = st.dictionaries(st.integers(1, END - 1), st.one_of(st.none(), st.integers(-3, 3)))
BALANCES = st.dictionaries(st.integers(1, END - 1), st.integers(-3, 3))


@given(st.integers(-3, 3), st.one_of(st.none(), st.integers(-3, 3)), BOUNDS, BALANCES)
def test_as_if_every_moment_was_looked_at(
    balance: int, bound: int | None, bounds: dict[int, int | None], balances: dict[int, int]
) -> None:
    watch = Watch(balance)
    watch.bound(0, bound)
    expected = 0
    for moment in range(END):
        if moment in balances:
            balance = balances[moment]
            watch.row(1000 + moment, balance)
        if moment in bounds:
            bound = bounds[moment]
            watch.bound(moment, bound)
        expected += bound is not None and balance <= bound
    times = {1000 + moment: moment for moment in balances}
    assert watch.time(times, END) == expected
    needed = {one.batch for one in watch.turns if one.batch}
    assert watch.time({number: times[number] for number in needed}, END) == expected


def test_only_turns_need_a_time() -> None:
    watch = Watch(5)
    watch.bound(100, 0)
    for batch, balance in ((1, 4), (2, 0), (3, -1), (4, 0), (5, 1), (6, 2)):
        watch.row(batch, balance)
    assert watch.turns == [Turn(batch=2), Turn(batch=5)]
    assert watch.time({2: 110, 5: 150}, 999) == 40


def test_still_there_at_the_end() -> None:
    watch = Watch(0)
    watch.bound(100, 0)
    assert watch.time({}, 160) == 60
    watch.bound(130, None)
    assert watch.time({}, 160) == 30
