"""What errors of PostgreSQL and of its connections mean to a ledger, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from ledger.core.faults import JournalBroken, LedgerFault, StoreUnavailable

# All that asyncpg raises. Its time-outs are OSErrors since Python 3.11.
ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


class RoleRefused(StoreUnavailable):
    """The database does not let the service act as tequio_service; apply the migrations, or
    have the database's administrator GRANT tequio_service TO the user of the service."""


def fault_of(error: BaseException) -> LedgerFault:
    """The fault an error amounts to, when it came before any COMMIT was sent."""
    match error:
        case asyncpg.IntegrityConstraintViolationError():
            return JournalBroken("the database refused a row", error)
        case asyncpg.InsufficientPrivilegeError():
            return RoleRefused(error)
        case asyncpg.InvalidParameterValueError() if "role" in str(error):
            return RoleRefused(error)
        case asyncpg.PostgresError():
            return StoreUnavailable(error.sqlstate, error)
    return StoreUnavailable(type(error).__name__, error)


@contextmanager
def answering() -> Iterator[None]:
    """Turn what PostgreSQL raises into faults. Never around a COMMIT."""
    try:
        yield
    except ERRORS as error:
        raise fault_of(error) from error
