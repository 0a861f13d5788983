"""The contract of what is kept beside the rows: checkpoints, tiles, texts, snapshots, links."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from ledger.core.faults import (
    JournalBroken,
)
from ledger.core.leaves import (
    CurrencyAdded,
    HoldsExpired,
)
from ledger.core.lines import Beside, Rate, Terms
from ledger.core.model import Action, CurrencyKind
from ledger.core.resolutions import Resolution, Resolved, hold_standing
from ledger.core.rule_leaves import Levy, LevySet
from ledger.core.store import Group, NewProposal, NewTile
from ledger.core.terms import Link, Past
from ledger.pg import store as pg_store
from tests.store.beginnings import EXPIRES, FIRST, HELD, HOLD, SECOND, THIRD, begun, linked
from tests.store.places import Place
from tests.store.scribe import NOW, Scribe, transfer

# ---- what is kept beside


async def test_checkpoints_only_grow(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    ledger_id = scribe.head.ledger_id
    await store.keep_checkpoint(ledger_id, 4, b"example.org/caja\n4\n")
    await store.keep_checkpoint(ledger_id, 3, b"example.org/caja\n3\n")
    assert await store.checkpoint(ledger_id) == b"example.org/caja\n4\n"
    for size, kept in ((2, 4), (10, 10)):
        scribe.post(UUID(int=size), transfer(1, 2, 5))
        note = b"example.org/caja\n%d\n" % size
        await store.commit(scribe.group(checkpoint=note))
        assert await store.checkpoint(ledger_id) == b"example.org/caja\n%d\n" % kept


async def test_tiles(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    scribe.tiles = [NewTile(0, 0, bytes(8192)), NewTile(1, 0, b"\x01" * 8192)]
    scribe.post(FIRST, transfer(1, 2, 5))
    await store.commit(scribe.group())
    ledger_id = scribe.head.ledger_id
    assert await store.tile(ledger_id, 1, 0) == b"\x01" * 8192
    assert await store.tile(ledger_id, 0, 0) == bytes(8192)
    assert await store.tile(ledger_id, 0, 1) is None


async def test_details_and_their_salts(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    details = [(1, b"a" * 16, "Renta de marzo"), (3, b"c" * 16, "Maíz")]
    scribe.post(FIRST, *[transfer(1, 2, 5)] * 3, details=details)
    await store.commit(scribe.group())
    ledger_id = scribe.head.ledger_id
    assert await store.detail_salts(ledger_id, [1, 2, 3]) == {1: b"a" * 16, 3: b"c" * 16}
    assert await place.reads.details(ledger_id, [2, 3, 4]) == {3: "Maíz"}
    assert await store.detail_salts(ledger_id, []) == {}


async def test_leaves_in_pages(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the pages, every leaf once and in order, from anywhere to anywhere."""
    monkeypatch.setattr(pg_store, "REPLAY_LEAVES", 3)
    monkeypatch.setattr(pg_store, "PAGE_BYTES", 1500)
    monkeypatch.setattr("ledger.memory.store.PAGE_BYTES", 1500)
    store = place.store()
    scribe = await begun(store)
    for i in range(5):
        scribe.post(UUID(int=i), *[transfer(1, 2, 5)] * 20)
    await store.commit(scribe.group())
    ledger_id, size = scribe.head.ledger_id, scribe.head.size
    for start, end in ((0, size), (0, 10**6), (3, 7), (6, 6), (size, size + 1)):
        pages = [page async for page in store.leaves_from(ledger_id, start, end)]
        leaves = [leaf for page in pages for leaf in page]
        assert [leaf.index for leaf in leaves] == list(range(start, min(end, size)))
        assert [leaf.line for leaf in leaves] == scribe.leaves[start:end]
        assert all(pages)
    pages = [page async for page in store.leaves_from(ledger_id, 0, size)]
    assert len(pages) > 2
    assert await store.lines(ledger_id, 2, 5) == scribe.leaves[2:5]
    assert await place.reads.leaves(ledger_id, 2, 500) == scribe.leaves[2:]


async def test_snapshots_newest_first(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    first = scribe.snapshot()
    scribe.post(FIRST, transfer(1, 2, 5))
    second = scribe.snapshot()
    await store.commit(scribe.group())
    snapshots = await store.snapshots(scribe.head.ledger_id)
    assert [(s.leaf_index, s.line) for s in snapshots] == [
        (second, scribe.leaves[second]),
        (first, scribe.leaves[first]),
    ]


async def test_chunks_of_snapshots(place: Place) -> None:
    store = place.store()
    ledger_id = (await begun(store)).head.ledger_id
    data = {number: b'{"line":"state"}\n' * (1 + 200 * number) for number in range(3)}
    for number in (2, 0, 1, 1):
        packed = store.packed(data[number])
        await store.keep_chunk(ledger_id, 6, number, packed, bytes([number]) * 32)
    await store.keep_chunk(ledger_id, 4, 0, b"{}\n", bytes(32))
    assert await store.chunks(ledger_id, 6) == [(n, bytes([n]) * 32) for n in range(3)]
    assert [await store.chunk(ledger_id, 6, n) for n in range(3)] == list(data.values())
    await store.keep_chunk(ledger_id, 6, 1, b"{}\n", b"n" * 32)  # Of another history.
    assert await store.chunk(ledger_id, 6, 1) == b"{}\n"
    with pytest.raises(LookupError):
        await store.chunk(ledger_id, 6, 3)
    await store.drop_snapshots(ledger_id, [4])
    assert await store.chunks(ledger_id, 6) == []
    assert await store.chunks(ledger_id, 4) == [(0, bytes(32))]


async def test_references_that_must_be_unique_are_there_with_their_batch(place: Place) -> None:
    store = place.store()
    scribe = await begun(store, unique_references=True)
    scribe.post(FIRST, transfer(1, 2, 5, "R-1"), transfer(1, 2, 6), source="core")
    scribe.post(SECOND, transfer(1, 2, 7, "R-1"), source="web")
    await store.commit(scribe.group())
    ledger_id = scribe.head.ledger_id
    asked = [("core", "R-1"), ("web", "R-1"), ("web", "R-2")]
    assert await store.used_references(ledger_id, asked, 10) == set(asked[:2])
    assert await store.used_references(ledger_id, asked, 3) == {("core", "R-1")}
    assert await store.used_references(ledger_id, asked, 1) == set()
    assert await store.used_references(ledger_id, [], 10) == set()
    rows = await place.reads.by_reference(ledger_id, "R-1", 10)
    assert [row.amount for row in rows] == [5, 7]


async def test_what_goes_back_with_a_row_when_it_is_taken_back(place: Place) -> None:
    """Levies on it; and with what was bought, what was sold, the residue, and their levies."""
    store = place.store()
    scribe = await begun(store)
    scribe.put(
        CurrencyAdded(
            recorded_at=NOW, code="CLP", kind=CurrencyKind.NATIONAL, scale=0, by="test"
        )
    )
    scribe.open_accounts(2, "CLP")
    casa, eva = scribe.book.accounts - 1, scribe.book.accounts
    levy = Levy(kinds=["payment"], treasury=4, n=1, d=100, payer="debit")
    scribe.put(LevySet(recorded_at=NOW, code="fair", by="x", reason="x", levy=levy))
    entry = {"entry": 1}
    rate = Rate(n=1, d=1_000)
    scribe.post(
        FIRST,
        transfer(1, 3, 500),  # 1, and 2 levied.
        transfer(1, 2, 10_099, terms=Terms(**entry)),  # 3, and 4 levied.
        transfer(casa, eva, 10, terms=Terms(**entry, rate=rate)),  # 5.
        transfer(2, 3, 99, terms=Terms(**entry, residue=True)),  # 6.
    )
    await store.commit(scribe.group())
    found = await store.past(scribe.head.ledger_id, range(1, 7), 99)

    def row(debit: int, credit: int, amount: int, kind: str) -> Beside:
        return Beside(amount=amount, credit_account=credit, debit_account=debit, kind=kind)

    assert {n: past.beside for n, past in found.items() if past.beside} == {
        1: (row(1, 4, 5, "fair"),),
        3: (row(1, 4, 101, "fair"),),
        5: (
            row(2, 3, 99, "exchange"),
            row(1, 2, 10_099, "exchange"),
            row(1, 4, 101, "fair"),
        ),
    }
    assert [n for n, past in found.items() if past.is_beside] == [2, 3, 4, 6]
    assert [past.kind for past in found.values()] == [
        "payment",
        "fair",
        "payment",
        "fair",
        "payment",
        "payment",
    ]


async def test_what_later_transfers_took_of_earlier_ones(place: Place) -> None:
    """As it stood before a sequence, however much is recorded since."""
    store = place.store()
    scribe = await begun(store)
    paid = Past(kind="payment", debit=1, credit=2, amount=100)
    held = Past(kind="payment", debit=3, credit=4, amount=50, phase=HELD)
    back = Terms(action=Action.REVERSE, target=1)
    scribe.post(FIRST, transfer(1, 2, 100), transfer(3, 4, 50, terms=HOLD))
    scribe.post(SECOND, transfer(2, 1, 30, terms=back), past={1: paid})
    await store.commit(scribe.group())
    scribe.post(THIRD, transfer(2, 1, 20, terms=back), transfer(1, 2, 7), past={1: paid})
    await store.commit(scribe.group())
    ledger_id = scribe.head.ledger_id
    third = Past(kind="payment", debit=2, credit=1, amount=30, is_link=True)
    fourth = Past(kind="payment", debit=2, credit=1, amount=20, is_link=True)
    fifth = Past(kind="payment", debit=1, credit=2, amount=7)
    all_of_it = {1: replace(paid, taken=50), 2: held, 3: third, 4: fourth, 5: fifth}
    asked = [5, 2, 3, 1, 4, 77]
    assert await store.past(ledger_id, asked, 100) == all_of_it
    assert await store.past(ledger_id, [4, 3], 100) == {3: third, 4: fourth}
    assert await store.past(ledger_id, asked, 5) == {
        n: past for n, past in all_of_it.items() if n < 5
    }
    assert await store.past(ledger_id, asked, 4) == {
        1: replace(paid, taken=30),
        2: held,
        3: third,
    }
    assert await store.past(ledger_id, asked, 3) == {1: paid, 2: held}
    assert await store.past(ledger_id, asked, 1) == await store.past(ledger_id, [], 9) == {}
    (found,) = (await store.past(ledger_id, [1], 100)).values()
    assert type(found.taken) is int
    first, second = Link(1, 3, 30), Link(1, 4, 20)
    reads = place.reads
    assert await reads.links(ledger_id, [1, 2, 3, 5, 77]) == {1: [first, second], 3: [first]}
    assert await reads.links(ledger_id, [4]) == {4: [second]}
    assert await reads.links(ledger_id, [2, 5]) == await reads.links(ledger_id, []) == {}


@pytest.mark.parametrize("count", [0, 300])
async def test_what_became_of_holds(place: Place, count: int) -> None:
    """Of a batch alone, of one with many rows, and of a line that says they are expired."""
    store = place.store()
    scribe = await begun(store)
    scribe.post(FIRST, *[transfer(1, 2, 50, terms=HOLD)] * 4)
    await store.commit(scribe.group())
    post = [Terms(action=Action.POST, target=n, release=n == 2) for n in (1, 2)]
    scribe.post(
        SECOND,
        *[transfer(1, 2, 20, terms=terms) for terms in post],
        transfer(1, 2, 50, terms=Terms(action=Action.VOID, target=3)),
        *[transfer(1, 2, 1)] * count,
    )
    await store.commit(scribe.group())
    scribe.now = EXPIRES
    scribe.put(HoldsExpired(recorded_at=EXPIRES, holds=[1, 4]))
    await store.commit(scribe.group())
    ledger_id = scribe.head.ledger_id
    expired, part = Resolution(1, 0, 0, Resolved.EXPIRED), Resolution(1, 5, 20, Resolved.PART)
    expected = {
        1: [expired, part],
        2: [Resolution(2, 6, 20, Resolved.RELEASED)],
        3: [Resolution(3, 7, 50, Resolved.VOIDED)],
        4: [replace(expired, target=4)],
    }
    assert await place.reads.resolutions(ledger_id, range(10)) == expected
    assert await place.reads.resolutions(ledger_id, [2, 5]) == {2: expected[2]}
    assert await place.reads.resolutions(ledger_id, []) == {}
    assert await place.reads.resolutions(77, [1]) == {}
    assert hold_standing(50, expected[1]).left == 0


async def test_links_of_links_in_order_of_sequence(place: Place) -> None:
    """The store keeps what it is given: which transfers may be taken back, core decides."""
    store = place.store()
    scribe = await begun(store)
    scribe.post(FIRST, *[transfer(1, 2, 9)] * 4)
    links = [Link(1, 2, 5), Link(2, 3, 4), Link(2, 4, 1)]
    await store.commit(linked(*links)(scribe.group()))
    ledger_id = scribe.head.ledger_id
    assert await place.reads.links(ledger_id, {2, 3}) == {2: links, 3: [links[1]]}
    assert await store.past(ledger_id, {2}, 9) == {
        2: Past(kind="payment", debit=1, credit=2, amount=9, taken=5, is_link=True)
    }


async def test_links_stay_in_their_ledger(place: Place) -> None:
    """Two ledgers have the same sequences and nothing else in common."""
    store = place.store()
    caja = await begun(store)
    norte_id = await store.create("norte")
    assert norte_id is not None
    norte = Scribe(await store.take(norte_id, "test"))
    norte.open_accounts(4)
    norte.post(FIRST, *[transfer(3, 4, 2)] * 3)
    await store.commit(norte.group())
    caja.post(FIRST, *[transfer(1, 2, 9)] * 2)
    await store.commit(linked(Link(1, 2, 9))(caja.group()))
    untouched = Past(kind="payment", debit=3, credit=4, amount=2)
    assert await store.past(norte_id, [1, 2], 9) == {1: untouched, 2: untouched}
    assert await place.reads.links(norte_id, [1, 2]) == {}
    assert await store.past(caja.head.ledger_id, [3], 9) == {}
    norte.post(SECOND, *[transfer(3, 4, 2)])
    await store.commit(linked(Link(1, 2, 1))(norte.group()))  # The same, and no other's.
    assert (await store.past(caja.head.ledger_id, [1], 9))[1].taken == 9


# ---- requests that wait


async def test_requests_wait_until_they_are_decided(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    ledger_id = scribe.head.ledger_id
    assert await store.proposals(ledger_id) == await store.proposals(77) == {}
    long = b'{"id":"..."}' * 10_000
    scribe.post(THIRD, transfer(1, 2, 5))
    new = [NewProposal(FIRST, b"{}"), NewProposal(SECOND, long)]
    await store.commit(replace(scribe.group(), proposals=new))
    assert await store.proposals(ledger_id) == {FIRST: b"{}", SECOND: long}
    scribe.refuse(FIRST)
    await store.commit(replace(scribe.group(), settled=[FIRST, UUID(int=9)]))
    assert await store.proposals(ledger_id) == {SECOND: long}
    at_once = replace(_next(scribe), proposals=[NewProposal(FIRST, b"x")], settled=[FIRST])
    await store.commit(at_once)
    assert await place.store().proposals(ledger_id) == {SECOND: long}


def _next(scribe: Scribe) -> Group:
    scribe.refuse(UUID(int=scribe.head.size + 100))
    return scribe.group()


async def test_the_same_request_does_not_wait_twice(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    ledger_id = scribe.head.ledger_id
    await store.commit(replace(_next(scribe), proposals=[NewProposal(FIRST, b"a")]))
    with pytest.raises(JournalBroken):
        await store.commit(replace(_next(scribe), proposals=[NewProposal(FIRST, b"b")]))
    assert await store.proposals(ledger_id) == {FIRST: b"a"}
