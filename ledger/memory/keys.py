"""API keys in a memory database."""

from ledger.core.asked import Caller
from ledger.core.faults import JournalBroken
from ledger.memory.database import Key, MemoryDatabase


class MemoryKeys:
    """Keys (core/ports.py) in a memory database."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def find(self, digest: bytes) -> Caller | None:
        self._database.check_up()
        key = self._database.keys.get(digest)
        return None if key is None or key.is_revoked else key.caller

    async def add(self, digest: bytes, caller: Caller) -> None:
        self._database.check_up()
        name = (caller.ledger, caller.key)
        keys = self._database.keys
        if digest not in keys:
            if any((key.caller.ledger, key.caller.key) == name for key in keys.values()):
                raise JournalBroken("the database refused a row", name)
            keys[digest] = Key(caller)

    async def revoke(self, ledger: str, key: str) -> bool:
        self._database.check_up()
        for kept in self._database.keys.values():
            if (kept.caller.ledger, kept.caller.key) == (ledger, key) and not kept.is_revoked:
                kept.is_revoked = True
                return True
        return False

    async def all_of(self, ledger: str) -> list[Caller]:
        self._database.check_up()
        return [
            key.caller
            for key in self._database.keys.values()
            if key.caller.ledger == ledger and not key.is_revoked
        ]
