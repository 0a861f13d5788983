"""Moments: what time asks for next, in memory that grows only with what is still open."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

T = TypeVar("T")

SLACK: Final = 64  # So many may be over before anybody looks through all of them.


class Moments(Generic[T]):
    """When things are due, in microseconds since 1970; the first of them is next.

    Nobody takes out what is over: it is dropped when it comes to the front, or by `tidy` once
    such things are most of what is kept. So each costs next to nothing, and a hold that is
    posted within the hour leaves nothing behind for the year it might have lasted.

    Args:
        is_to_come: whether a thing is still due at a moment.
        open_count: how many are open; each is due at one moment.
    """

    def __init__(
        self, is_to_come: Callable[[int, T], bool], open_count: Callable[[], int]
    ) -> None:
        self._heap: list[tuple[int, T]] = []
        self._is_to_come = is_to_come
        self._open_count = open_count

    def __len__(self) -> int:
        """How many are kept, those among them that are over."""
        return len(self._heap)

    def put(self, at: int, what: T) -> None:
        """Something that is open now is due at a moment."""
        heappush(self._heap, (at, what))

    def tidy(self) -> None:
        """Forget what is over, where that is most; not while something may still be undone."""
        if len(self._heap) > SLACK + 2 * self._open_count():
            # In order they are a heap. A thing may have been put twice: once and undone.
            self._heap = sorted({one for one in self._heap if self._is_to_come(*one)})

    def first(self) -> tuple[int, T] | None:
        """The next moment, and what is due then; None for never."""
        while self._heap:
            if self._is_to_come(*self._heap[0]):
                return self._heap[0]
            heappop(self._heap)
        return None
