"""Moments against a plain list, and how little they keep of what is over."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.core.moments import SLACK, Moments


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "end", "first"]), st.integers(0, 9), st.integers())
    )
)
def test_the_first_of_what_is_open_is_next(steps: list[tuple[str, int, int]]) -> None:
    """Things may be put again at another moment, as one that had been undone is."""
    open_at: dict[int, int] = {}
    moments = Moments[int](lambda at, what: open_at.get(what) == at, lambda: len(open_at))
    for step, what, at in steps * 20:
        if step == "put":
            open_at[what] = at
            moments.put(at, what)
            moments.tidy()
        elif step == "end":
            open_at.pop(what, None)
        else:
            expected = min(((at, what) for what, at in open_at.items()), default=None)
            assert moments.first() == expected
        assert len(moments) <= SLACK + 2 * 10


def test_what_is_over_is_forgotten_and_what_is_open_is_not() -> None:
    """A million things that end in a year, and are over within the hour."""
    ends: dict[int, int] = {}
    moments = Moments[int](lambda at, what: ends.get(what) == at, lambda: len(ends))
    for what in range(1_000):
        ends[what] = 10**9 - what
        moments.put(ends[what], what)
    for what in range(1_000, 20_000):
        ends[what] = 10**10
        moments.put(ends[what], what)
        moments.tidy()
        del ends[what]
        assert len(moments) <= SLACK + 2 * 1_001
    assert moments.first() == (10**9 - 999, 999)


def test_looking_through_all_of_it_is_rare() -> None:
    """Where half is over, each thing is looked at a few times, however many there are."""
    looks = 0
    ends: set[int] = set()

    def is_open(at: int, what: int) -> bool:
        nonlocal looks
        looks += 1
        return what in ends

    moments = Moments[int](is_open, lambda: len(ends))
    for what in range(20_000):
        ends.add(what)
        moments.put(what, what)
        if what % 2:
            ends.discard(what - 1)
        moments.tidy()
    assert looks < 5 * 20_000
