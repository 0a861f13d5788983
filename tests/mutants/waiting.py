"""Damage to what waits: for its date, for others to agree, for an outcome."""


MUTANTS = ()
