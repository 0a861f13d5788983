"""The routes: one table that registers them, says who may use them and documents them."""

from typing import Final

from ledger.api.routes import (
    accounts,
    days,
    journal,
    ledgers,
    posting,
    proposals,
    rules,
    schedules,
    service,
)
from ledger.api.routes.route import Route

# Posting stands first: a request is compared with one path after the other. Otherwise it is
# the order in which the document has them.
ROUTES: Final[tuple[Route, ...]] = (
    *posting.ROUTES,
    *proposals.ROUTES,
    *accounts.ROUTES,
    *days.ROUTES,
    *journal.ROUTES,
    *ledgers.CURRENCIES,
    *rules.ROUTES,
    *schedules.ROUTES,
    *ledgers.ROUTES,
    *service.ROUTES,
)
