"""The store in memory: what PostgreSQL does for a ledger, for tests and for trying things out.

A MemoryDatabase is what lasts; MemoryStore, MemoryReads and MemoryKeys are sessions onto it.
The same contract test as PostgreSQL's keeps it honest. It forgets all when the process ends.
"""
