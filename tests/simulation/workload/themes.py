"""All that clients ask for, theme by theme."""

from tests.simulation.workload import (
    accounts,
    batches,
    days,
    disputes,
    keys,
    levies,
    policies,
    proposals,
    reads,
    schedules,
)
from tests.simulation.workload.client import COMMANDS

THEMES = (
    *(batches, accounts, levies, days, keys, reads),
    *(policies, proposals, disputes, schedules),
)

# This order, and not that of imports, is what chance chooses by.
_NAMES = [theme.__name__ for theme in THEMES]
COMMANDS.sort(key=lambda one: _NAMES.index(one[0].__module__))
