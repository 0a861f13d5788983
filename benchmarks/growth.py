"""How posting fares as a ledger grows: windows of time, their costs, and a picture of them."""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

MILLION: Final = 1_000_000
NEAR: Final = 0.25  # Of a size: how far windows may be from it to count for it.
PLOT: Final = Path(__file__).with_name("growth.png")


class Window(Struct, frozen=True):
    """A stretch of posting: rows there were after it, when it ended, and rows a second."""

    rows: int
    ended_s: float
    rate: float

    @property
    def cost_us(self) -> float:
        """Microseconds a transfer."""
        return 1e6 / self.rate


def rows_of(windows: Sequence[Window]) -> int:
    """How many rows there are after them."""
    return windows[-1].rows if windows else 0


def grow(post: Callable[[], tuple[float, float]], windows: list[Window], until: int) -> None:
    """Post more windows, each of so many rows in so many seconds, until there are enough."""
    while rows_of(windows) < until:
        posted, seconds = post()
        elapsed = windows[-1].ended_s if windows else 0.0
        rows = rows_of(windows) + round(posted)
        windows.append(Window(rows, elapsed + seconds, posted / seconds))


def cost_at(windows: Sequence[Window], rows: int) -> float:
    """Microseconds a transfer near a size: the median of the windows there, or the nearest."""
    near = [w.cost_us for w in windows if abs(w.rows - rows) <= NEAR * rows]
    nearest = min(windows, key=lambda window: abs(window.rows - rows))
    return statistics.median(near or [nearest.cost_us])


def growth(windows: Sequence[Window], rows: int) -> float:
    """How much more a transfer costs at a size than at a tenth of it."""
    return round(cost_at(windows, rows) / cost_at(windows, rows // 10), 3)


def draw(windows: Sequence[Window], copy_rate: float, about: str, path: Path = PLOT) -> None:
    """Throughput over time, beside that of a bare COPY, and cost over size, as one picture."""
    # Half a second to import, which only those wait for who want the picture.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    over_time, over_size = figure.subplots(1, 2)
    figure.suptitle(about, fontsize=9)
    times = [window.ended_s for window in windows]
    over_time.plot(times, [window.rate / 1e3 for window in windows], label="signed batches")
    over_time.axhline(copy_rate / 1e3, linestyle="--", color="grey", label="bare COPY")
    over_time.set(xlabel="seconds of posting", ylabel="thousand transfers a second", ylim=0)
    over_time.legend()
    sizes = [window.rows / MILLION for window in windows]
    over_size.plot(sizes, [window.cost_us for window in windows])
    over_size.set(xlabel="million transfers there", ylabel="microseconds a transfer", ylim=0)
    for axes in (over_time, over_size):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
