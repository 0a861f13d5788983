"""Bytes that choose."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Choices by some bytes, one after the other; when they are used up, the first of all."""

    def __init__(self, data: bytes) -> None:
        self._left = iter(data)

    def roll(self, sides: int) -> int:
        """From 0 to one below so many, at most 256."""
        return next(self._left, 0) * sides >> 8

    def one(self, *options: T) -> T:
        return options[self.roll(len(options))]

    def of(self, options: Sequence[T]) -> T:
        return options[self.roll(len(options))]

    def mostly(self, usual: T, *others: T) -> T:
        """The first of these, but now and then another."""
        at = self.roll(12 * len(others) + len(others))
        return usual if at < 12 * len(others) else others[at - 12 * len(others)]

    def seldom(self) -> bool:
        return self.roll(16) == 15
