"""Services: what the ledger does by itself while it runs."""
