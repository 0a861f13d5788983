"""Keys: remembered for a moment, never longer, and reaching no further than they should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.api.auth import KeyRing, Reach, digest_of, make_key
from ledger.api.problems import Problem
from ledger.core.asked import Caller
from ledger.core.model import Role
from ledger.memory.database import MemoryDatabase
from ledger.memory.keys import MemoryKeys

CODES = st.text("ab:*"[:3], min_size=1, max_size=4)


def draw(size: int) -> bytes:
    return bytes(size)


def test_a_key_shows_its_form_and_hides_in_what_is_kept() -> None:
    new = make_key(draw, Role.POSTER, ledger="caja", accounts=("a*",))
    assert new.secret == "tq_" + "A" * 43
    assert new.digest == digest_of(new.secret)
    assert new.caller.poster == new.caller.key == "key-0000000000000000"
    assert new.secret not in str(new.caller)


class Home:
    """A key ring on a clock that the test sets."""

    def __init__(self, size: int = 3) -> None:
        self.now = 0.0
        self.database = MemoryDatabase()
        self.keys = MemoryKeys(self.database)
        self.ring = KeyRing(self.keys, lambda: self.now, seconds=5.0, size=size)

    async def key(self, number: int) -> str:
        new = make_key(lambda size: number.to_bytes(size, "big"), Role.AUDITOR, ledger="caja")
        await self.keys.add(new.digest, new.caller)
        return f"Bearer {new.secret}"


async def test_a_key_is_looked_up_once_in_a_while() -> None:
    """While it is remembered the database is not asked; afterwards it is."""
    home = Home()
    header = await home.key(1)
    first = await home.ring.bearer(header)
    home.database.keys.clear()
    home.now = 4.9
    assert await home.ring.bearer(header) == first
    home.now = 5.1
    with pytest.raises(Problem, match="key_unknown"):
        await home.ring.bearer(header)


async def test_a_revoked_key_is_forgotten_at_once() -> None:
    home = Home()
    header = await home.key(1)
    caller = (await home.ring.bearer(header)).caller
    await home.keys.revoke("caja", caller.key)
    home.ring.forget()
    with pytest.raises(Problem, match="key_unknown"):
        await home.ring.bearer(header)


async def test_what_is_remembered_is_bounded() -> None:
    home = Home(size=3)
    headers = [await home.key(number) for number in range(10)]
    for header in headers:
        await home.ring.bearer(header)
    home.database.keys.clear()
    remembered = 0
    for header in headers:
        try:
            await home.ring.bearer(header)
        except Problem:
            continue
        remembered += 1
    assert remembered == 3


@given(
    patterns=st.lists(st.tuples(CODES, st.booleans()), max_size=4),
    codes=st.lists(CODES, max_size=6),
)
def test_a_poster_reaches_exactly_what_its_patterns_say(
    patterns: list[tuple[str, bool]], codes: list[str]
) -> None:
    """One account at a time or many at once, as the plain reading of the patterns has it."""
    accounts = tuple(code + "*" * star for code, star in patterns)
    reach = Reach(Caller(key="k", role=Role.POSTER, ledger="caja", accounts=accounts))
    plain = {
        code
        for code in codes
        if any(code == own or (star and code.startswith(own)) for own, star in patterns)
    }
    assert {code for code in codes if code in reach} == plain
    assert reach.outside(codes) == set(codes) - plain


def test_operators_reach_everything_and_a_poster_of_nothing_nothing() -> None:
    assert "x" in Reach(Caller(key="k", role=Role.OPERATOR))
    assert "x" in Reach(Caller(key="k", role=Role.POSTER, accounts=("*",)))
    assert "x" not in Reach(Caller(key="k", role=Role.POSTER))
