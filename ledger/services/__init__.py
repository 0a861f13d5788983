"""Services: what runs beside the ledger, or on demand. They know core only."""
