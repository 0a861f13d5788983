"""All that clients ask for, theme by theme."""

from tests.simulation.workload import (
    accounts,
    batches,
    days,
    disputes,
    keys,
    levies,
    limits,
    lines,
    orders,
    policies,
    proposals,
    reads,
    reserves,
    runs,
    schedules,
)
from tests.simulation.workload.client import COMMANDS, Command

THEMES = (
    *(batches, accounts, levies, days, keys, reads, limits, orders, reserves),
    *(policies, proposals, disputes, schedules, runs, lines),
)

FOCUS = 5  # Times as often is that asked for which a history is about.

# This order, and not that of imports, is what chance chooses by.
_NAMES = [theme.__name__ for theme in THEMES]
COMMANDS.sort(key=lambda one: _NAMES.index(one[0].__module__))
NAMES = [name.rpartition(".")[2] for name in _NAMES]


def commands(focus: str) -> list[tuple[Command, float]]:
    """All commands with their weights; what a theme asks for has more, where it is named."""
    return [
        (make, weight * FOCUS if make.__module__.endswith(f".{focus}") else weight)
        for make, weight in COMMANDS
    ]
