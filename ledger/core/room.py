"""Room: the most that fits, where what goes besides grows with it."""

from collections.abc import Callable


def largest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest amount up to `most` that fits; 0 for none.

    What is below one that fits does so too.

    >>> largest(1_000, lambda amount: amount + amount // 50 <= 200)
    197
    """
    if most <= 0 or fits(most):
        return max(0, most)
    low, high = 0, most  # The first fits, being nothing; the last does not.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
