"""Tequio: a double-entry ledger for mutual credit and solidarity finance."""

__version__ = "0.1.0"
