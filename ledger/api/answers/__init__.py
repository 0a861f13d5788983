"""Answers: what the ledger knows, as the structs that leave in JSON."""
