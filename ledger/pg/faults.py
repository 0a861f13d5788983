"""Faults of PostgreSQL and its files: what an operator reads when the store does not start."""

from ledger.core.faults import LedgerFault


class EmbeddedUnsupported(LedgerFault):
    """The embedded PostgreSQL does not run here; give the address of another PostgreSQL."""


class ServerInUse(LedgerFault):
    """Another process runs PostgreSQL here; stop it or choose another directory."""


class ServerLeftOver(LedgerFault):
    """PostgreSQL processes of an owner that died do not end; end them, then start again."""


class ServerDidNotStart(LedgerFault):
    """PostgreSQL did not start; its own words follow."""


class DirectoryUnusable(LedgerFault):
    """PostgreSQL cannot keep its data in this directory; nothing in it was changed."""


class DataOfAnotherVersion(LedgerFault):
    """The data was written by another major version of PostgreSQL; upgrade it first."""


class WeakSetting(LedgerFault):
    """This setting would let PostgreSQL lose what it confirmed; a ledger may not use it."""


class SqlMissing(LedgerFault):
    """The SQL that belongs to this program is not where it should be; install it again."""


class QueriesMalformed(LedgerFault):
    """A file of queries cannot be read; the program and its SQL do not belong together."""


class MigrationRefused(LedgerFault):
    """The database's tables cannot be brought up to date; the ledger stays stopped."""
