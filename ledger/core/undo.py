"""Undo: what was there before, so that a refusal leaves everything as it was."""

from array import array
from typing import Any, Final


class Undo:
    """Items of lists and mappings as they were, in the order they were changed."""

    _ABSENT: Final = object()

    def __init__(self) -> None:
        self._log: list[tuple[Any, Any, Any]] = []

    @property
    def mark(self) -> int:
        """A place to go back to."""
        return len(self._log)

    def put(
        self, place: "list[Any] | array[Any] | dict[Any, Any]", key: Any, value: Any
    ) -> None:
        """Set an item of a list, a column or a mapping."""
        before = place.get(key, self._ABSENT) if isinstance(place, dict) else place[key]
        self._log.append((place, key, before))
        place[key] = value

    def drop(self, place: "dict[Any, Any]", key: Any) -> None:
        """Remove an item that is there."""
        self._log.append((place, key, place.pop(key)))

    def back_to(self, mark: int) -> None:
        """Undo everything since a mark, the last first."""
        while len(self._log) > mark:
            place, key, before = self._log.pop()
            if before is self._ABSENT:
                del place[key]
            else:
                place[key] = before
