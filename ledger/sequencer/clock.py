"""The clock of one ledger: its time never goes back, and its days are those of its zone."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType

from ledger.core.book import Book
from ledger.core.days import A_DAY

QUARTER_US: Final = 900_000_000  # A quarter of an hour.


class LedgerClock:
    """Moments and days of a ledger. `now_us`: microseconds since 1970, of the machine."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self.set_zone("UTC")

    def set_zone(self, name: str) -> None:
        """The days are those of this time zone."""
        self.zone = ZoneInfo(name)
        self.forget_day()

    def forget_day(self) -> None:
        """Find out anew what day it is, since how days are kept was changed."""
        self._day = (-1, date.min)

    def machine_us(self) -> int:
        """The time of the machine, which may be set back."""
        return self._now_us()

    def now(self, book: Book) -> int:
        """The ledger's time: the clock's, but never back. Microseconds since 1970."""
        return max(self._now_us(), book.recorded_at)

    def day_of(self, now: int, book: Book) -> date:
        """The date in the ledger's time zone; after its cut-off the next day's.

        It is kept for the quarter of an hour: no zone has begun a day at another minute
        since 1972, and a cut-off is at a quarter.
        """
        quarter = now // QUARTER_US
        if self._day[0] != quarter:
            settings = book.days.settings
            cut_off = UNSET if settings is None else settings.cut_off
            moment = datetime.fromtimestamp(now // 1_000_000, UTC)
            self._day = quarter, business_day(moment, self.zone, cut_off)
        return self._day[1]

    def midnight(self, day: date) -> int:
        """The first moment of a day in the ledger's time zone, in microseconds since 1970.

        Where clocks are set forward at midnight it is the moment at which they are.
        """
        return int(datetime.combine(day, time(), self.zone).timestamp()) * 1_000_000


def business_day(moment: datetime, zone: ZoneInfo, cut_off: int | UnsetType) -> date:
    """The day of a clock: the date in a zone, and from the cut-off on the next one's.

    Where clocks are set back over the cut-off it comes twice; the day begins the first time,
    and is never the one before again. Where they are set forward over it, the day begins
    when they are.
    """
    local = moment.astimezone(zone)
    if cut_off is UNSET:
        return local.date()
    hour, minute = divmod(cut_off, 60)
    first = datetime.combine(local.date(), time(hour, minute), zone)  # fold 0: the first.
    is_after = (local.hour, local.minute) >= (hour, minute)
    is_after = is_after or moment >= first.astimezone(UTC)
    return local.date() + is_after * A_DAY
