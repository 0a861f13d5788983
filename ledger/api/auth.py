"""Keys: who asks, and what they may do.

A key is `tq_` and 43 characters; the service keeps only its SHA-256. Its role decides:

    operator   writes and reads everything of its ledger but the lines of the journal, in which
               the orders of authorities stand; with a key of no ledger, of all
    poster     posts, debiting only accounts that match its patterns, now or by a schedule;
               reads those accounts, the transfers that touch them and the batches it posted
    member     starts payments, now or by a schedule, and accepts or declines them, by the
               workflows of the ledger, for accounts that match its patterns and those of
               its holder; reads what a poster would
    approver   reads as an operator does; approves or declines what others proposed
    auditor    reads everything of its ledger, the lines of the journal included; writes nothing
    compliance reads as an auditor does; changes the status of accounts by an order

A key of one ledger meets every other as if it were not there.
"""

import re
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import sha256
from itertools import islice
from typing import Final, NamedTuple

from msgspec import UNSET, Struct

from ledger.api.problems import Problem
from ledger.core.asked import AskedKey, Caller
from ledger.core.book import Book
from ledger.core.model import Role
from ledger.core.ports import Keys

SECRET_SIZE: Final = 32  # Bytes of chance in a key.
NAME_SIZE: Final = 8  # Bytes of chance in its name, which is no secret.
PATTERNS_MAX: Final = 500  # They stand in a leaf of the journal, which is bounded.
NUMBERS_MAX: Final = 1_000  # Accounts whose transfers are looked up one after the other.
PATTERN: Final = re.compile(r"[A-Za-z0-9._:-]{0,64}\*|[A-Za-z0-9._:-]{1,64}", re.ASCII)
TOKEN: Final = re.compile(r"[Bb]earer +(tq_[A-Za-z0-9_-]{43})", re.ASCII)
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="tequio"'}

EVERYBODY: Final = frozenset(Role)
READERS: Final = frozenset({Role.OPERATOR, Role.AUDITOR, Role.COMPLIANCE, Role.APPROVER})
# Who sees an authority's order, and so the lines of the journal, where it stands.
SECRETS: Final = frozenset({Role.AUDITOR, Role.COMPLIANCE})
CHANGERS: Final = frozenset({Role.OPERATOR, Role.COMPLIANCE})
OPERATORS: Final = frozenset({Role.OPERATOR})
POSTERS: Final = frozenset({Role.OPERATOR, Role.POSTER})
MEMBERS: Final = POSTERS | {Role.MEMBER}
APPROVERS: Final = frozenset({Role.OPERATOR, Role.APPROVER})
NAMED: Final = frozenset({Role.POSTER, Role.MEMBER})  # With accounts and a name of their own.
ANYONE: Final[frozenset[Role]] = frozenset()  # No key is asked for.

Draw = Callable[[int], bytes]


class NewKey(Struct, frozen=True):
    """A key just made. The secret is shown once; `digest` and `caller` go to Keys.add."""

    secret: str
    digest: bytes
    caller: Caller


def make_key(
    draw: Draw,
    role: Role,
    *,
    ledger: str = "",
    poster: str = "",
    accounts: Iterable[str] = (),
    holder: bytes = b"",
) -> NewKey:
    """A new key. Of no ledger and with the operator's role it is the service's own.

    `draw` gives random bytes, such as secrets.token_bytes. A poster or member without
    a name is named like the key.
    """
    name = f"key-{draw(NAME_SIZE).hex()}"
    secret = f"tq_{_base64url(draw(SECRET_SIZE))}"
    caller = Caller(
        key=name,
        role=role,
        ledger=ledger,
        poster=poster or (name if role in NAMED else ""),
        accounts=tuple(accounts),
        holder=holder,
    )
    return NewKey(secret, digest_of(secret), caller)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def digest_of(secret: str) -> bytes:
    """What is kept of a key."""
    return sha256(secret.encode()).digest()


def check_asked(asked: AskedKey) -> None:
    """Accounts belong to posters and members, who without them could do nothing.

    A member may have those of a holder instead, or both.
    """
    is_held = asked.holder is not UNSET
    if is_held and asked.role is not Role.MEMBER:
        raise Problem("malformed_request", field="holder", reason="for the role member only")
    if (asked.role in NAMED) is not (bool(asked.accounts) or is_held):
        reason = "for the roles poster and member, and only for them"
        raise Problem("malformed_request", field="accounts", reason=reason)
    if len(asked.accounts) > PATTERNS_MAX:
        raise Problem(
            "malformed_request", field="accounts", reason=f"at most {PATTERNS_MAX} patterns"
        )
    for pattern in asked.accounts:
        if not PATTERN.fullmatch(pattern):
            raise Problem("malformed_request", field="accounts", reason="a code, or prefix*")


class Bearer(NamedTuple):
    """Who asks, and which accounts that reaches."""

    caller: Caller
    reach: "Reach"


class KeyRing:
    """Keys as they were found, remembered for some seconds.

    A key revoked through this process stops at once, one revoked elsewhere after
    `seconds`. What is remembered is bounded; keys that do not exist are not remembered.
    """

    def __init__(
        self, keys: Keys, clock: Callable[[], float], *, seconds: float, size: int
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._seconds = seconds
        self._size = size
        self._found: OrderedDict[bytes, tuple[float, Bearer]] = OrderedDict()
        self._forgotten = 0

    async def bearer(self, header: str | None) -> Bearer:
        """Whose key an Authorization header shows.

        Raises:
            Problem: none, or one that does not open.
            StoreUnavailable: the database did not answer.
        """
        if header is None:
            raise Problem("key_missing", headers=_CHALLENGE)
        shown = TOKEN.fullmatch(header)
        if shown is None:
            raise Problem("key_unknown", headers=_CHALLENGE)
        digest = sha256(shown[1].encode()).digest()
        remembered = self._found.get(digest)
        if remembered is not None and remembered[0] > self._clock():
            return remembered[1]
        return await self._find(digest)

    async def _find(self, digest: bytes) -> Bearer:
        forgotten = self._forgotten
        caller = await self._keys.find(digest)
        if caller is None:
            self._found.pop(digest, None)
            raise Problem("key_unknown", headers=_CHALLENGE)
        bearer = Bearer(caller, Reach(caller))
        # A key revoked while it was looked up must not be remembered as working.
        if forgotten == self._forgotten:
            self._found[digest] = (self._clock() + self._seconds, bearer)
            if len(self._found) > self._size:
                self._found.popitem(last=False)
        return bearer

    def forget(self) -> None:
        """Look every key up anew, since one was revoked."""
        self._forgotten += 1
        self._found.clear()


class Reach:
    """Which accounts a caller may debit and read."""

    __slots__ = ("_book", "_caller", "_codes", "_prefixes", "all")

    def __init__(self, caller: Caller, book: Book | None = None) -> None:
        patterns = caller.accounts
        self._caller, self._book = caller, book
        self.all = caller.role in READERS or "*" in patterns
        self._codes = frozenset(p for p in patterns if not p.endswith("*"))
        self._prefixes = tuple(p[:-1] for p in patterns if p.endswith("*"))

    def within(self, book: Book) -> "Reach":
        """The same in a ledger whose book knows whose accounts are."""
        return Reach(self._caller, book) if self._caller.holder else self

    def __contains__(self, code: str) -> bool:
        return (
            self.all
            or code in self._codes
            or code.startswith(self._prefixes)
            or (self._book is not None and self._is_held(self._book, code))
        )

    def _is_held(self, book: Book, code: str) -> bool:
        """Whether an account is the holder's."""
        number = book.numbers.get(code)
        return number is not None and book.holder_of(number) == self._caller.holder

    def numbers(self, book: Book) -> list[int] | None:
        """The accounts that it reaches in a book; None where those are not just a few."""
        if self.all or self._prefixes:
            return None
        found = {number for code in self._codes if (number := book.numbers.get(code))}
        if self._caller.holder:
            found.update(islice(book.held_by(self._caller.holder), NUMBERS_MAX + 1))
        return sorted(found) if len(found) <= NUMBERS_MAX else None

    def outside(self, codes: Iterable[str]) -> set[str]:
        """Those codes that are out of reach of a poster, who has no holder."""
        if self.all:
            return set()
        prefixes = self._prefixes
        return {c for c in set(codes) - self._codes if not c.startswith(prefixes)}
