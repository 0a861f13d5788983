"""What the auditor's books hold, how it stood after so many leaves, and how it would stand."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, cast

from tests.simulation.auditor.calendar import Calendar

POSTED, HELD, RELEASED, ADJUSTED = range(4)  # What a row says of its amount.
AMOUNT_MAX = 2**53 - 1


# ---- what there is


@dataclass(frozen=True)
class Place:
    """How an account stands. Bounds and balance are minor units, credits minus debits."""

    number: int
    code: str
    currency: str
    nature: str
    kind: str
    holder: str
    lower: int | None
    upper: int | None
    soft: str = ""  # debit, credit or both: the lower bound, the upper, or both may be passed.
    status: str = "open"
    balance: int = 0
    pending_debits: int = 0  # What open holds keep back of it,
    pending_credits: int = 0  # and for it.

    @property
    def may_pay(self) -> bool:
        return self.status in ("open", "frozen_credits")

    @property
    def may_be_paid(self) -> bool:
        return self.status in ("open", "frozen_debits")

    @property
    def least(self) -> int | None:
        """The lower bound with what is pending, hard or soft."""
        return None if self.lower is None else self.lower + self.pending_debits

    @property
    def most(self) -> int | None:
        """The upper bound with what is pending, hard or soft."""
        return None if self.upper is None else self.upper - self.pending_credits

    @property
    def floor(self) -> int | None:
        """What no debit may lead below."""
        return None if self.soft in ("debit", "both") else self.least

    @property
    def ceiling(self) -> int | None:
        """What no credit may lead above."""
        return None if self.soft in ("credit", "both") else self.most


@dataclass(frozen=True)
class Hold:
    """An amount held back, and what is left of it."""

    debit: int
    credit: int
    amount: int
    left: int
    expires: int


@dataclass(frozen=True)
class Item:
    """What a suspense account stood in for, and what is left of it."""

    account: int
    side: str
    left: int
    since: int
    meant_for: int
    why: str


@dataclass(frozen=True)
class Beside:
    """What a transfer moves besides its own amount."""

    debit: int
    credit: int
    amount: int
    kind: str


@dataclass(frozen=True)
class Wanted:
    """A transfer that is asked for, by numbers; 0 is a code that is not known."""

    debit: int
    credit: int
    amount: int
    kind: str = ""
    reference: str = ""
    day: date | None = None
    value_day: date | None = None
    terms: Mapping[str, Any] = field(default_factory=dict)

    @property
    def action(self) -> str:
        return str(self.terms.get("action", ""))

    @property
    def target(self) -> int:
        return int(self.terms.get("target", 0))

    @property
    def is_residue(self) -> bool:
        return bool(self.terms.get("residue"))

    @property
    def is_payment(self) -> bool:
        """Whether limits of payments are asked: not where it puts something right."""
        return self.action not in ("reverse", "clear") and not self.is_residue

    @property
    def is_adjusting(self) -> bool:
        return bool(self.terms.get("adjusting"))


@dataclass(frozen=True)
class Moment:
    """When a batch is decided: microseconds since 1970, and the ledger's day."""

    at: int
    day: date


@dataclass(frozen=True)
class Asked:
    """A batch, as the rules see it."""

    wanted: Sequence[Wanted]
    mode: str
    source: str = ""
    late: str = ""


@dataclass(frozen=True)
class Leg:
    """A row, with the balances after it. What is not compared, no row shows."""

    position: int
    sequence: int
    debit: int
    credit: int
    amount: int
    debit_balance: int
    credit_balance: int
    phase: int = POSTED
    kind: str = field(default="", compare=False)
    day: date = field(default=date.min, compare=False)
    link: int = field(default=0, compare=False)  # The row it takes back of, or clears.
    hold: int = field(default=0, compare=False)  # The hold it posts or releases.
    is_levy: bool = field(default=False, compare=False)  # Or goes back with another row.
    goes_back: int = field(default=0, compare=False)  # With which row.
    beside: tuple[Beside, ...] = field(default=(), compare=False)  # What goes back with it,
    is_beside: bool = field(default=False, compare=False)  # and whether it does so itself.

    @property
    def moves(self) -> bool:
        return self.phase in (POSTED, ADJUSTED)


@dataclass(frozen=True)
class Why:
    """Why a transfer cannot be."""

    position: int | None
    code: str
    account: int | None = None
    available: int | None = None


@dataclass
class Decided:
    """What a batch amounts to on a state: rows, refusals, notes, and what it changed."""

    legs: list[Leg] = field(default_factory=list)
    refused: list[Why] = field(default_factory=list)
    notes: dict[int, dict[str, Any]] = field(default_factory=dict)
    changed: "dict[Key, Any]" = field(default_factory=dict)


# ---- how it stood, and how it would stand

Key = tuple[str, Any]


class Shelf:
    """Whatever the books hold, by kind and key, each as it stood after so many leaves."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[Any, list[tuple[int, Any]]]] = {}
        self._now: dict[str, dict[Any, Any]] = {}  # The last of each that is there.

    def put(self, key: Key, value: object, size: int) -> None:
        """From `size` leaves on it stands so; None where it is not there any more."""
        kind, name = key
        self._kinds.setdefault(kind, {}).setdefault(name, []).append((size, value))
        now = self._now.setdefault(kind, {})
        if value is None:
            now.pop(name, None)
        else:
            now[name] = value

    def get(self, kind: str, name: object) -> Any:
        """How it stands after all that was put; None where it is not there."""
        return self._now.get(kind, {}).get(name)

    def all_now(self, kind: str) -> dict[Any, Any]:
        """All of a kind that are there after all that was put."""
        return dict(self._now.get(kind, {}))

    def stood(self, kind: str, name: object) -> list[tuple[int, Any]]:
        """All that it ever was, with the size from which it was."""
        return self._kinds.get(kind, {}).get(name, [])

    def at(self, kind: str, name: object, size: int) -> Any:
        history = self.stood(kind, name)
        after = bisect_right(history, size, key=lambda stand: stand[0])
        return history[after - 1][1] if after else None

    def ever(self, kind: str) -> list[Any]:
        """The names of all of a kind that ever were."""
        return list(self._kinds.get(kind, {}))

    def all_at(self, kind: str, size: int) -> dict[Any, Any]:
        """All of a kind that were there."""
        found = {name: self.at(kind, name, size) for name in self._kinds.get(kind, {})}
        return {name: value for name, value in found.items() if value is not None}


class Stand(Protocol):
    """A state that can be asked and changed: the books', or one that a batch is changing."""

    def get(self, kind: str, name: object) -> Any:
        """One of a kind; None where it is not there."""

    def shelve(self, kind: str, name: object, value: object) -> None:
        """From now on it stands so; None where it is not there any more."""


class Draft:
    """A state after `size` leaves that a batch is changing.

    Args:
        past: what was taken of earlier rows is known only as it was after so many leaves.
    """

    def __init__(self, shelf: Shelf, size: int, past: int) -> None:
        self.changed: dict[Key, Any] = {}
        self._shelf = shelf
        self._size = size
        self._past = past

    def get(self, kind: str, name: object) -> Any:
        if (kind, name) in self.changed:
            return self.changed[kind, name]
        return self._shelf.at(kind, name, self._past if kind == "taken" else self._size)

    def shelve(self, kind: str, name: object, value: object) -> None:
        self.changed[kind, name] = value

    def all(self, kind: str) -> dict[Any, Any]:
        """All of a kind that no batch changes."""
        return self._shelf.all_at(kind, self._size)

    def place(self, number: int) -> Place | None:
        return cast(Place | None, self.get("place", number))

    def hold(self, sequence: int) -> Hold | None:
        return cast(Hold | None, self.get("hold", sequence))

    def item(self, sequence: int) -> Item | None:
        return cast(Item | None, self.get("item", sequence))

    def taken(self, sequence: int) -> int:
        return int(self.get("taken", sequence) or 0)

    def calendar(self) -> Calendar:
        return cast(Calendar, self.get("calendar", "") or Calendar())
