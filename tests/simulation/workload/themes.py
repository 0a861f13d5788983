"""All that clients ask for, theme by theme."""

from tests.simulation.workload import accounts, batches, days, keys, levies, reads
from tests.simulation.workload.client import COMMANDS

THEMES = (batches, accounts, levies, days, keys, reads)

# This order, and not that of imports, is what chance chooses by.
_NAMES = [theme.__name__ for theme in THEMES]
COMMANDS.sort(key=lambda one: _NAMES.index(one[0].__module__))
