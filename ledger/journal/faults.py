"""Faults of evidence: what stops the journal's bytes being believed."""

from ledger.core.faults import LedgerFault


class BrokenProof(LedgerFault, ValueError):
    """The evidence is malformed, or does not show what it should."""

    code = "broken_proof"
