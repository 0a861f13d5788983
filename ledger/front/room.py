"""How much a front process holds at once: requests, and bytes of bodies and answers."""

from collections import Counter

from ledger.core.faults import Overloaded


class Room:
    """Counts what is held, refuses what is too much, and remembers how often it did."""

    def __init__(self, *, requests_max: int, bytes_max: int) -> None:
        self.requests = 0
        self.bytes = 0
        self._requests_max = requests_max
        self._bytes_max = bytes_max
        self._refused: Counter[str] = Counter()

    def enter(self) -> "Held":
        """Room for one request more. Raises Overloaded."""
        if self.requests >= self._requests_max or self.bytes >= self._bytes_max:
            raise Overloaded(f"{self.requests} requests of {self.bytes} bytes are held")
        return Held(self)

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more can be held."""
        return self.bytes + size <= self._bytes_max

    def refused(self, method: str) -> None:
        """Count a request that was refused."""
        self._refused[method] += 1

    def take_refused(self) -> str:
        """What was refused since this was last asked, as the header has it."""
        told = ",".join(f"{method}={count}" for method, count in self._refused.items())
        self._refused.clear()
        return told


class Held:
    """One request's part of the room, inside `with`."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._bytes = 0
        room.requests += 1

    def hold(self, size: int) -> None:
        """Hold so many bytes more of it. Raises Overloaded."""
        if not self._room.has_room(size):
            raise Overloaded(f"{self._room.bytes} bytes are held")
        self.keep(size)

    def keep(self, size: int) -> None:
        """Hold bytes that are there already, an answer's."""
        self._bytes += size
        self._room.bytes += size

    def __enter__(self) -> "Held":
        return self

    def __exit__(self, *_: object) -> None:
        self._room.requests -= 1
        self._room.bytes -= self._bytes
