"""What runs beside the ledger, or on demand: runs of demurrage and fees. Knows core only."""
