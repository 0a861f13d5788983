"""The timekeeper of a writer: when time asks for a line, and for which.

Some of it the book knows by the moment (a hold that ends, a plan that begins); some only by
days, which become moments in the ledger's zone (a day to close, a dispute that is overdue).
"""

import logging
from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from ledger.core.book import Book
from ledger.core.deadlines import lines_due, next_deadline
from ledger.core.leaves import (
    AnyLeaf,
    DayClosed,
    DayOpened,
    DisputeEnded,
    DisputeOpened,
    DisputeOverdue,
    SettingsChanged,
)

# Leaves after which the calendar may ask for something else.
CHANGES: Final = (
    SettingsChanged,
    DayOpened,
    DayClosed,
    DisputeOpened,
    DisputeOverdue,
    DisputeEnded,
)
AGAIN_US: Final = 3_600_000_000  # After which a line that could not follow is tried again.

log = logging.getLogger(__name__)


class Timekeeper:
    """What time asks of one ledger.

    The next moment of the calendar is kept until a leaf changes it, since it is asked for
    before every decision.
    """

    def __init__(self, ledger: str, zone: ZoneInfo) -> None:
        self.zone = zone
        self._ledger = ledger
        self._deadline: int | None = None
        self._is_known = False
        self._told: set[tuple[str, str]] = set()  # What could not be recorded, and why.

    def took(self, leaf: AnyLeaf) -> None:
        """A leaf was recorded."""
        if isinstance(leaf, CHANGES):
            self._is_known = False

    def next(self, book: Book, now: Callable[[], int]) -> int | None:
        """When time next asks for a line, in microseconds; None for never. It may be past."""
        if not self._is_known:
            self._deadline, self._is_known = next_deadline(book, self.zone, now()), True
        due = book.due()
        if due is None or self._deadline is None:
            return self._deadline if due is None else due
        return min(due, self._deadline)

    def line(self, book: Book, now: int) -> AnyLeaf | None:
        """A line that time asks for now; once it is recorded there may be another.

        What cannot follow is told once, and tried again when something changes or in a while.
        """
        line = book.due_line(now)
        if line is not None:
            return line
        if self._deadline is None or self._deadline > now:
            return None
        for line in lines_due(book, self.zone, now):
            refusal = book.refuse(line)
            if refusal is None:
                return line
            self._tell(line, refusal.code.value)
        self._deadline = now + AGAIN_US
        return None

    def _tell(self, line: AnyLeaf, code: str) -> None:
        what = f"day {line.date}" if isinstance(line, DayClosed) else repr(line)
        if (what, code) not in self._told:
            self._told.add((what, code))
            log.error(
                "The clock cannot record what is due",
                extra={"ledger": self._ledger, "what": what, "why": code},
            )
