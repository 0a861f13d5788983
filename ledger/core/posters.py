"""Posters: the public keys with which they sign their batches, and when each counted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from ledger.core.leaves import AnyLeaf, PosterKey
from ledger.core.parts import Part
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.state_lines import AnyState, StatePosterKey

if TYPE_CHECKING:
    from ledger.core.state import State

EVER: Final = 2**62  # Above every index.


class Span(Struct, frozen=True):
    """From the leaf that registered a key to the one that revoked it, by index."""

    since: int
    until: int = EVER


class Posters(Part):
    """Keys by poster. Who has one signs every batch; a key is one poster's for ever."""

    takes = (PosterKey,)
    keeps = (StatePosterKey,)

    def __init__(self, book: "State") -> None:
        self._book = book
        self._spans: dict[str, dict[bytes, Span]] = {}
        self._owners: dict[bytes, str] = {}

    def all(self) -> Iterator[tuple[str, bytes, Span]]:
        """Every key that is or was registered, by poster and key."""
        for poster, spans in sorted(self._spans.items()):
            for key, span in sorted(spans.items()):
                yield poster, key, span

    def keys_of(self, poster: str, at: int = EVER - 1) -> list[bytes]:
        """The keys of a poster that count for the leaf `at`; without one, those of now."""
        spans = self._spans.get(poster, {})
        return [key for key, span in spans.items() if span.since <= at < span.until]

    def ever_of(self, poster: str) -> list[bytes]:
        """The keys that are or were a poster's."""
        return list(self._spans.get(poster, {}))

    def had(self, poster: str, key: bytes) -> bool:
        """Whether this is or was a key of the poster."""
        return key in self._spans.get(poster, {})

    def why_unsigned(self, poster: str, signer: bytes | UnsetType, at: int) -> Refusal | None:
        """Why a batch that would be the leaf `at` is not signed as it must be, or None."""
        keys = self.keys_of(poster, at)
        if signer is UNSET:
            return Refusal(code=RefusalCode.SIGNATURE_MISSING) if keys else None
        if signer not in keys:
            return Refusal(code=RefusalCode.SIGNATURE_NOT_ACCEPTED)
        return None

    def refuse(self, line: AnyLeaf) -> Refusal | None:
        """Why a key cannot be registered or revoked."""
        assert isinstance(line, PosterKey), "told of its own lines"
        owner = self._owners.get(line.public_key)
        if line.action == "register":
            return None if owner is None else Refusal(code=RefusalCode.POSTER_KEY_USED)
        if owner != line.poster or line.public_key not in self.keys_of(line.poster):
            return Refusal(code=RefusalCode.POSTER_KEY_NOT_FOUND)
        return None

    def apply(self, line: AnyLeaf) -> None:
        """Let a key count from here on, or no more."""
        assert isinstance(line, PosterKey), "told of its own lines"
        spans = self._spans.setdefault(line.poster, {})
        if line.action == "register":
            spans[line.public_key] = Span(self._book.size)
            self._owners[line.public_key] = line.poster
        else:
            spans[line.public_key] = Span(spans[line.public_key].since, self._book.size)

    def state(self) -> list[AnyState]:
        """The keys as lines of a snapshot, by poster and key."""
        return [
            StatePosterKey(
                poster=poster,
                public_key=key,
                since=span.since,
                until=UNSET if span.until == EVER else span.until,
            )
            for poster, key, span in self.all()
        ]

    def restore(self, line: AnyState) -> None:
        """Take one of these lines back."""
        assert isinstance(line, StatePosterKey), "its own line"
        span = Span(line.since, EVER if line.until is UNSET else line.until)
        self._spans.setdefault(line.poster, {})[line.public_key] = span
        self._owners[line.public_key] = line.poster


def key_change(
    book: "State",
    action: Literal["register", "revoke"],
    poster: str,
    key: bytes,
    *,
    recorded_at: int,
    by: str,
) -> list[PosterKey] | Refusal:
    """The line that registers or revokes a key; none where it is so already."""
    counts = key in book.posters.keys_of(poster)
    if counts if action == "register" else book.posters.had(poster, key) and not counts:
        return []
    line = PosterKey(
        recorded_at=recorded_at, action=action, poster=poster, public_key=key, by=by
    )
    return book.refuse(line) or [line]
