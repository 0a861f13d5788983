"""One contract for all who keep a ledger: PostgreSQL, and the memory the other tests trust."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from msgspec import UNSET
from msgspec.structs import astuple, replace

from ledger.core.asked import Caller
from ledger.core.days import hash_of
from ledger.core.faults import (
    ClockAhead,
    JournalBroken,
    OutcomeUnknown,
    StoreUnavailable,
    WriterReplaced,
)
from ledger.core.leaves import (
    DayClosed,
    DayOpened,
    LimitChanged,
    SettingsChanged,
    StatusChanged,
)
from ledger.core.lines import Terms
from ledger.core.model import Action, DaysBy, Mode, Phase, Role, Side, Status
from ledger.core.ports import DayBalances, Movement
from ledger.core.store import Group, NewProposal, NewTile, Store
from ledger.core.terms import Link, Past
from ledger.journal.batches import read_posted
from ledger.journal.canonical import decode_outcomes
from ledger.journal.merkle import EMPTY_ROOT, leaf_hash
from ledger.memory.store import MemoryStore
from ledger.pg import follower as following
from ledger.pg import store as pg_store
from ledger.pg.follower import Follower
from ledger.pg.frames import MAGIC
from ledger.pg.pool import Database
from ledger.pg.store import PgStore
from tests.store.places import MemoryPlace, PgPlace, Place, commit_without_standby
from tests.store.scribe import DAY, NOW, Scribe, transfer

FIRST, SECOND, THIRD = UUID(int=1), UUID(int=2), UUID(int=3)

HOLD = Terms(action=Action.HOLD, expires=NOW + 1)
POSTED, HELD, RELEASED, ADJUSTED = Phase
NOTHING: list[object] = [[], [], [], [], b"", {}]  # Of `everything`.


@pytest.fixture
async def pg_place(database: str) -> AsyncIterator[PgPlace]:
    async with Database(database) as opened:
        place = PgPlace(opened)
        yield place
        for store in place.stores:
            for ledger_id, _ in await store.ledgers():
                await store.release(ledger_id)


@pytest.fixture(params=["memory", "pg"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "memory":
        return MemoryPlace()
    place: Place = request.getfixturevalue("pg_place")
    return place


async def begun(store: Store, *, unique_references: bool = False) -> Scribe:
    """A ledger with four accounts, committed."""
    ledger_id = await store.create("caja")
    assert ledger_id is not None
    scribe = Scribe(await store.take(ledger_id, "test"), unique_references=unique_references)
    scribe.open_accounts(4)
    await store.commit(scribe.group())
    return scribe


async def everything(place: Place, store: Store, ledger_id: int) -> list[object]:
    """What anybody can see of a ledger."""
    return [
        [leaf async for page in store.leaves_from(ledger_id, 0, 10**6) for leaf in page],
        await place.reads.transfers(ledger_id, after=0, limit=1000),
        await place.reads.batch_ids(ledger_id, after=-1, limit=1000),
        await store.snapshots(ledger_id),
        await store.checkpoint(ledger_id),
        await place.reads.links(ledger_id, range(10)),
    ]


# ---- ledgers and their writer


async def test_ledgers_in_order_of_id(place: Place) -> None:
    store = place.store()
    ids = [await store.create(code) for code in ("norte", "caja", "sur")]
    assert await store.ledgers() == list(zip(ids, ("norte", "caja", "sur"), strict=True))


async def test_a_code_is_given_again_until_its_journal_is_opened(place: Place) -> None:
    store = place.store()
    ledger_id = await store.create("caja")
    assert ledger_id is not None
    assert await store.create("caja") == ledger_id
    scribe = Scribe(await store.take(ledger_id, "test"))
    await store.commit(scribe.group())
    assert await store.create("caja") is None


async def test_an_empty_journal(place: Place) -> None:
    store = place.store()
    ledger_id = await store.create("caja")
    assert ledger_id is not None
    head = await store.take(ledger_id, "test")
    assert (head.ledger_id, head.size, head.root) == (ledger_id, 0, EMPTY_ROOT)
    assert await everything(place, store, ledger_id) == NOTHING


async def test_a_ledger_that_is_not_there(place: Place) -> None:
    store = place.store()
    with pytest.raises(KeyError):
        await store.take(77, "test")
    await store.release(77)
    assert await everything(place, store, 77) == NOTHING
    assert await place.reads.by_reference(77, "R-1", 10) == []


async def test_taking_raises_the_epoch_and_keeps_the_rest(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    head = await place.store().take(scribe.head.ledger_id, "other")
    assert head == replace(scribe.head, epoch=scribe.head.epoch + 1)


async def test_a_second_writer_fences_the_first(place: Place) -> None:
    first, second = place.store(), place.store()
    scribe = await begun(first)
    taken = await second.take(scribe.head.ledger_id, "second")
    scribe.post(FIRST, transfer(1, 2, 5))
    late = scribe.group()
    for _ in range(2):  # Also when it tries again without its session.
        with pytest.raises(WriterReplaced):
            await first.commit(late)
    assert await first.lookup(taken.ledger_id, [FIRST]) == {}
    after = replace(late.after, epoch=taken.epoch)
    await second.commit(replace(late, before=taken, after=after))
    assert set(await first.lookup(taken.ledger_id, [FIRST])) == {FIRST}


async def test_a_writer_inside_its_transaction_is_ended(place: Place) -> None:
    """Taken over between its last row and its COMMIT."""
    second = place.store()

    async def take_over(ledger_id: int) -> None:
        await second.take(ledger_id, "second")

    first = place.store()
    scribe = await begun(first)
    assert isinstance(first, MemoryStore | PgStore)
    first.before_commit = take_over
    scribe.post(FIRST, transfer(1, 2, 5))
    with pytest.raises((WriterReplaced, OutcomeUnknown)):
        await first.commit(scribe.group())
    assert await second.lookup(scribe.head.ledger_id, [FIRST]) == {}


async def test_only_a_writer_of_this_epoch_comes_back(place: Place) -> None:
    first, second = place.store(), place.store()
    scribe = await begun(first)
    ledger_id, epoch = scribe.head.ledger_id, scribe.head.epoch
    again = await first.take(ledger_id, "first", epoch=epoch)
    assert again.epoch == epoch + 1
    taken = await second.take(ledger_id, "second")
    with pytest.raises(WriterReplaced):
        await first.take(ledger_id, "first", epoch=again.epoch)
    scribe.head = taken
    scribe.post(FIRST, transfer(1, 2, 5))
    await second.commit(scribe.group())  # The one who was late did no harm to it.


async def test_coming_back_twice_when_the_first_answer_was_lost(place: Place) -> None:
    store = place.store()
    head = (await begun(store)).head
    await store.take(head.ledger_id, "test", epoch=head.epoch)
    assert (await store.take(head.ledger_id, "test", epoch=head.epoch)).epoch == head.epoch + 2


async def test_nobody_commits_without_taking(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    await store.release(scribe.head.ledger_id)
    scribe.post(FIRST, transfer(1, 2, 5))
    with pytest.raises(StoreUnavailable):
        await store.commit(scribe.group())


# ---- a group


async def test_a_group_is_visible_at_once_and_wholly(place: Place) -> None:
    seen: list[list[object]] = []

    async def look(ledger_id: int) -> None:
        seen.append(await everything(place, store, ledger_id))

    store = place.store()
    scribe = await begun(store)
    ledger_id = scribe.head.ledger_id
    before = await everything(place, store, ledger_id)
    assert isinstance(store, MemoryStore | PgStore)
    store.before_commit = look
    scribe.post(FIRST, transfer(1, 2, 5), transfer(2, 3, 4))
    scribe.refuse(SECOND)
    scribe.post(THIRD, transfer(3, 4, 1))
    scribe.snapshot()
    group = scribe.group(checkpoint=b"example.org/caja\n6\nroot\n")
    await store.commit(group)
    after = await everything(place, store, ledger_id)
    assert seen == [before]
    leaves, rows, ids, snapshots, checkpoint, _ = after
    assert isinstance(leaves, list)
    assert [leaf.line for leaf in leaves] == scribe.leaves
    assert [leaf.body for leaf in leaves[6:]] == [
        group.batches[0].body,
        b"",
        group.batches[2].body,
        b"",
    ]
    assert ids == [(6, FIRST), (7, SECOND), (8, THIRD)]
    assert isinstance(rows, list)
    assert [(r.sequence, r.batch_number, r.position) for r in rows] == [
        (1, 1, 0),
        (2, 1, 1),
        (3, 2, 0),
    ]
    assert isinstance(snapshots, list)
    assert [(s.leaf_index, s.line) for s in snapshots] == [(9, scribe.leaves[9])]
    assert checkpoint == b"example.org/caja\n6\nroot\n"


@pytest.mark.parametrize("count", [1, 300, 8190])
async def test_rows_come_back_as_they_were_posted(place: Place, count: int) -> None:
    """Few rows and many take different ways into PostgreSQL."""
    store = place.store()
    scribe = await begun(store)
    days = [DAY - timedelta(days=i % 3) for i in range(count)]
    transfers = [transfer(1 + i % 2, 3 + i % 2, 2**40 + i, day=days[i]) for i in range(count)]
    new = scribe.post(FIRST, *transfers)
    await store.commit(scribe.group())
    posted = new.posted
    assert posted is not None
    rows = await place.reads.transfers(scribe.head.ledger_id, after=0, limit=10_000)
    columns = zip(*map(astuple, rows), strict=True)
    assert list(map(list, columns)) == [
        list(range(1, count + 1)),
        posted.debit,
        posted.credit,
        posted.amount,
        posted.debit_balance,
        posted.credit_balance,
        [1] * count,
        list(range(count)),
        days,
        [POSTED] * count,
    ]
    stored = (await store.lookup(scribe.head.ledger_id, [FIRST, SECOND]))[FIRST]
    assert type(stored.batch) is UUID
    assert (stored.batch, stored.leaf_index, stored.line) == (FIRST, 6, scribe.leaves[6])
    assert (stored.body, stored.outcomes) == (new.body, b"")
    assert [list(c) for c in (stored.debit, stored.credit, stored.amount)] == [
        posted.debit,
        posted.credit,
        posted.amount,
    ]
    assert list(stored.debit_balance) == posted.debit_balance
    assert list(stored.credit_balance) == posted.credit_balance
    assert list(stored.phases) == [POSTED] * count


@pytest.mark.parametrize("count", [4, 3000])
@pytest.mark.parametrize("details", [[], [(1, b"a" * 16, "Renta")]], ids=["plain", "described"])
async def test_phases_come_back(place: Place, count: int, details: Any) -> None:
    """The three ways into PostgreSQL: one statement for all, an INSERT, a COPY in slices."""
    store = place.store()
    scribe = await begun(store)
    every_third = [
        transfer(1, 2, 1 + i, "R-1", terms=HOLD if i % 3 == 1 else None) for i in range(count)
    ]
    new = scribe.post(FIRST, *every_third, details=details)
    void = Terms(action=Action.VOID, target=2)
    scribe.post(SECOND, transfer(1, 2, 2, "R-1", terms=void))
    await store.commit(scribe.group())
    expected = [HELD if i % 3 == 1 else POSTED for i in range(count)]
    assert new.posted is not None
    assert new.posted.phases == expected
    ledger_id = scribe.head.ledger_id
    for rows in (
        await place.reads.transfers(ledger_id, after=0, limit=10_000),
        await place.reads.by_reference(ledger_id, "R-1", 10_000),
    ):
        assert [row.phase for row in rows] == [*expected, RELEASED]
    found = await store.lookup(ledger_id, [FIRST, SECOND])
    assert list(found[FIRST].phases) == expected
    assert list(found[SECOND].phases) == [RELEASED]
    assert read_posted(found[FIRST]) == new.posted


async def test_the_widest_numbers(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    scribe.book.balance[1] = -(2**63) + 2**53
    scribe.book.balance[2] = 2**63 - 2**53
    scribe.book.floor[1] = -(2**63)
    new = scribe.post(FIRST, *[transfer(1, 2, 2**53 - 1)], *[transfer(3, 4, 1)] * 300)
    await store.commit(scribe.group())
    assert new.posted is not None
    (row,) = await place.reads.transfers(scribe.head.ledger_id, after=0, limit=1)
    assert (row.amount, row.debit_balance, row.credit_balance) == (
        2**53 - 1,
        -(2**63) + 1,
        2**63 - 1,
    )


async def test_a_batch_of_which_some_were_refused(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    new = scribe.post(
        FIRST,
        *(transfer(1, 99, 1, "R-0"), transfer(1, 2, 5, "R-1"), transfer(9, 2, 5, "R-2")),
        transfer(2, 1, 5, "R-3"),
        mode=Mode.EACH,
    )
    empty = scribe.post(SECOND, transfer(1, 99, 1, "R-1"), mode=Mode.EACH)
    await store.commit(scribe.group())
    ledger_id = scribe.head.ledger_id
    rows = await place.reads.transfers(ledger_id, after=0, limit=10)
    assert [(row.sequence, row.position) for row in rows] == [(1, 1), (2, 3)]
    found = await store.lookup(ledger_id, [FIRST, SECOND])
    assert found[FIRST].outcomes == new.outcomes
    assert [o.sequence for o in decode_outcomes(found[FIRST].outcomes)] == [UNSET, 1, UNSET, 2]
    assert (found[SECOND].outcomes, list(found[SECOND].amount)) == (empty.outcomes, [])
    for reference, sequences in (("R-0", []), ("R-1", [1]), ("R-2", []), ("R-3", [2])):
        rows = await place.reads.by_reference(ledger_id, reference, 10)
        assert [row.sequence for row in rows] == sequences, reference


def _wrong_hash(group: Group) -> Group:
    return replace(group, hashes=[leaf_hash(b"another"), *group.hashes[1:]])


def _same_account(group: Group) -> Group:
    posted = group.batches[0].posted
    assert posted is not None
    batch = replace(group.batches[0], posted=replace(posted, credit=posted.debit))
    return replace(group, batches=[batch])


def _no_amount(group: Group) -> Group:
    posted = group.batches[0].posted
    assert posted is not None
    nothing = replace(posted, amount=[0] * len(posted.amount))
    return replace(group, batches=[replace(group.batches[0], posted=nothing)])


def _used_id(group: Group) -> Group:
    return replace(group, batches=[replace(group.batches[0], batch=FIRST)])


def _no_phase(group: Group) -> Group:
    posted = group.batches[0].posted
    assert posted is not None
    unknown = replace(posted, phases=[4] * len(posted.amount))
    return replace(group, batches=[replace(group.batches[0], posted=unknown)])


def _linked(*links: Link) -> Callable[[Group], Group]:
    def spoil(group: Group) -> Group:
        return replace(group, batches=[replace(group.batches[0], links=links)])

    return spoil


@pytest.mark.parametrize("count", [1, 300])
@pytest.mark.parametrize(
    "spoil",
    [
        *(_wrong_hash, _same_account, _no_amount, _used_id, _no_phase),
        pytest.param(_linked(Link(2, 3, 0)), id="link_of_nothing"),
        pytest.param(_linked(Link(3, 3, 1)), id="link_to_itself"),
        pytest.param(_linked(Link(1, 3, 1), Link(2, 3, 1)), id="link_to_two"),
        pytest.param(_linked(Link(1, 2, 1)), id="link_that_is_there"),
    ],
)
async def test_what_the_database_itself_refuses(place: Place, spoil: Any, count: int) -> None:
    """The second pair of eyes: nothing is recorded, and the writer may go on."""
    store = place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 5), transfer(1, 2, 5))
    await store.commit(_linked(Link(1, 2, 5))(scribe.group()))
    before = await everything(place, store, scribe.head.ledger_id)
    scribe.post(SECOND, *[transfer(1, 2, 5)] * count)
    group = scribe.group()
    with pytest.raises(JournalBroken):
        await store.commit(spoil(group))
    assert await everything(place, store, scribe.head.ledger_id) == before
    await store.commit(group)


@pytest.mark.parametrize(
    "changes", [{"size": 5}, {"root": bytes(32)}, {"epoch": 9}], ids=lambda c: next(iter(c))
)
async def test_a_head_that_is_elsewhere(place: Place, changes: dict[str, Any]) -> None:
    store = place.store()
    scribe = await begun(store)
    before = await everything(place, store, scribe.head.ledger_id)
    scribe.post(FIRST, transfer(1, 2, 5))
    group = scribe.group()
    wrong = replace(group, before=replace(group.before, **changes))
    if "size" in changes:  # Its leaves collide with those that are there.
        wrong = replace(
            wrong, leaves=[*group.leaves, b"{}"], hashes=[*group.hashes, leaf_hash(b"{}")]
        )
    with pytest.raises(WriterReplaced):
        await store.commit(wrong)
    assert await everything(place, store, scribe.head.ledger_id) == before
    await store.commit(group)


async def test_a_clock_that_runs_ahead(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    before = await everything(place, store, scribe.head.ledger_id)
    scribe.post(FIRST, transfer(1, 2, 5))
    group = scribe.group()
    with pytest.raises(ClockAhead):
        await store.commit(replace(group, recorded_at=2**53 - 1))
    assert await everything(place, store, scribe.head.ledger_id) == before
    await store.commit(group)


async def test_a_session_lost_before_a_commit(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 5))
    group = scribe.group()
    await place.lose_session(store, scribe.head.ledger_id)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await store.commit(group)
    await committed_after_all(store, group)


async def test_a_commit_that_failed_before_it_took_effect(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 5))
    group = scribe.group()
    with pytest.raises(OutcomeUnknown):
        await place.commit_cut_off(store, group)
    assert await store.lookup(scribe.head.ledger_id, [FIRST]) == {}
    await committed_after_all(store, group)


async def test_a_commit_that_failed_after_it_took_effect(place: Place) -> None:
    """The lost answer: taking the ledger again shows that it is all there."""
    store = place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 5))
    group = scribe.group()
    with pytest.raises(OutcomeUnknown):
        await place.commit_unheard(store, group)
    with pytest.raises(StoreUnavailable):
        await store.commit(group)
    head = await store.take(scribe.head.ledger_id, "test", epoch=group.before.epoch)
    assert head == replace(group.after, epoch=head.epoch)
    assert set(await store.lookup(scribe.head.ledger_id, [FIRST])) == {FIRST}
    with pytest.raises(WriterReplaced):
        await store.commit(group)


async def committed_after_all(store: Store, group: Group) -> None:
    """Take the ledger again, find it where it was, and commit the group."""
    head = await store.take(group.before.ledger_id, "test", epoch=group.before.epoch)
    assert head == replace(group.before, epoch=head.epoch)
    await store.commit(
        replace(group, before=head, after=replace(group.after, epoch=head.epoch))
    )
    assert set(await store.lookup(head.ledger_id, [FIRST])) == {FIRST}


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


async def test_what_later_transfers_took_of_earlier_ones(place: Place) -> None:
    """As it stood before a sequence, however much is recorded since."""
    store = place.store()
    scribe = await begun(store)
    paid = Past(debit=1, credit=2, amount=100)
    held = Past(debit=3, credit=4, amount=50, phase=HELD)
    back = Terms(action=Action.REVERSE, target=1)
    scribe.post(FIRST, transfer(1, 2, 100), transfer(3, 4, 50, terms=HOLD))
    scribe.post(SECOND, transfer(2, 1, 30, terms=back), past={1: paid})
    await store.commit(scribe.group())
    scribe.post(THIRD, transfer(2, 1, 20, terms=back), transfer(1, 2, 7), past={1: paid})
    await store.commit(scribe.group())
    ledger_id = scribe.head.ledger_id
    third = Past(debit=2, credit=1, amount=30, is_link=True)
    fourth = Past(debit=2, credit=1, amount=20, is_link=True)
    fifth = Past(debit=1, credit=2, amount=7)
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


async def test_links_of_links_in_order_of_sequence(place: Place) -> None:
    """The store keeps what it is given: which transfers may be taken back, core decides."""
    store = place.store()
    scribe = await begun(store)
    scribe.post(FIRST, *[transfer(1, 2, 9)] * 4)
    links = [Link(1, 2, 5), Link(2, 3, 4), Link(2, 4, 1)]
    await store.commit(_linked(*links)(scribe.group()))
    ledger_id = scribe.head.ledger_id
    assert await place.reads.links(ledger_id, {2, 3}) == {2: links, 3: [links[1]]}
    assert await store.past(ledger_id, {2}, 9) == {
        2: Past(debit=1, credit=2, amount=9, taken=5, is_link=True)
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
    await store.commit(_linked(Link(1, 2, 9))(caja.group()))
    untouched = Past(debit=3, credit=4, amount=2)
    assert await store.past(norte_id, [1, 2], 9) == {1: untouched, 2: untouched}
    assert await place.reads.links(norte_id, [1, 2]) == {}
    assert await store.past(caja.head.ledger_id, [3], 9) == {}
    norte.post(SECOND, *[transfer(3, 4, 2)])
    await store.commit(_linked(Link(1, 2, 1))(norte.group()))  # The same, and no other's.
    assert (await store.past(caja.head.ledger_id, [1], 9))[1].taken == 9


# ---- reads


async def a_week(store: Store) -> Scribe:
    """Transfers of four accounts over some days, in no order of days."""
    scribe = await begun(store)
    before, after = DAY - timedelta(days=1), DAY - timedelta(days=2)
    scribe.post(FIRST, transfer(1, 2, 100), transfer(2, 3, 10, day=before))
    scribe.post(SECOND, transfer(3, 1, 5, day=after), transfer(1, 2, 1, "R-1"))
    scribe.post(THIRD, transfer(4, 1, 7, "R-1", day=before))
    await store.commit(scribe.group())
    return scribe


@pytest.mark.parametrize(
    ("asked", "sequences"),
    [
        ({"after": 0, "limit": 10}, [1, 2, 3, 4, 5]),
        ({"after": 2, "limit": 2}, [3, 4]),
        ({"after": 5, "limit": 2}, []),
        ({"after": 0, "limit": 10, "account": 1}, [1, 3, 4, 5]),
        ({"after": 1, "limit": 2, "account": 1}, [3, 4]),
        ({"after": 0, "limit": 10, "account": 9}, []),
        ({"after": 0, "limit": 10, "first_date": date(2026, 3, 1)}, [1, 2, 4, 5]),
        ({"after": 0, "limit": 10, "last_date": date(2026, 3, 1)}, [2, 3, 5]),
        ({"after": 0, "limit": 1, "account": 3, "last_date": date(2026, 3, 1)}, [2]),
    ],
)
async def test_transfers_by_page_account_and_date(
    place: Place, asked: dict[str, Any], sequences: list[int]
) -> None:
    scribe = await a_week(place.store())
    rows = await place.reads.transfers(scribe.head.ledger_id, **asked)
    assert [row.sequence for row in rows] == sequences


@pytest.mark.parametrize("account", [1, 2, 3, 4, 9])
async def test_balances_before_a_sequence_or_a_day(place: Place, account: int) -> None:
    """Compared with a plain sum over all transfers."""
    scribe = await a_week(place.store())
    ledger_id = scribe.head.ledger_id
    rows = await place.reads.transfers(ledger_id, after=0, limit=10)
    for sequence in (None, 1, 2, 4, 6):
        for day in (None, *(DAY + timedelta(days=n) for n in range(-3, 2))):
            expected = sum(
                row.amount * ((row.credit_account == account) - (row.debit_account == account))
                for row in rows
                if (sequence is None or row.sequence < sequence)
                and (day is None or row.business_date < day)
            )
            balance = await place.reads.balance_before(
                ledger_id, account, sequence=sequence, day=day
            )
            assert (type(balance), balance) == (int, expected), (sequence, day)


async def test_changes_of_an_account_and_of_no_other(place: Place) -> None:
    """Not of one whose number only begins so, and no refused batch that names it."""
    store = place.store()
    scribe = await begun(store)
    scribe.open_accounts(8)
    of_one = [scribe.put(limited(1, -5)), scribe.put(frozen(1))]
    of_ten = [scribe.put(limited(10, -5))]
    scribe.refuse(FIRST, account=1)
    of_one.append(scribe.put(limited(1, -6)))
    await store.commit(scribe.group())
    ledger_id = scribe.head.ledger_id
    for account, expected in ((1, of_one), (10, of_ten), (2, []), (100, [])):
        found = await place.reads.changes_of(ledger_id, account, after=-1, limit=9)
        assert found == [(index, scribe.leaves[index]) for index in expected]
    page = await place.reads.changes_of(ledger_id, 1, after=of_one[0], limit=1)
    assert [index for index, _ in page] == [of_one[1]]
    assert await place.reads.changes_of(ledger_id + 1, 1, after=-1, limit=9) == []


def limited(account: int, lower: int) -> LimitChanged:
    return LimitChanged(recorded_at=NOW, account=account, reason="x", by="y", lower=lower)


def frozen(account: int) -> StatusChanged:
    return StatusChanged(
        recorded_at=NOW, account=account, status=Status.FROZEN, reason="x", by="y"
    )


@pytest.mark.parametrize("sign", [1, -1])
async def test_since_when_a_balance_stood_at_a_level_or_below(place: Place, sign: int) -> None:
    """Compared with a walk over all rows; of either side, and where it never was there."""
    scribe = await a_week(place.store())
    ledger_id = scribe.head.ledger_id
    rows = await place.reads.transfers(ledger_id, after=0, limit=100)
    for account in range(1, 5):
        for level in range(-30, 31):
            expected = None
            for row in rows:
                if account in (row.debit_account, row.credit_account):
                    is_debit = row.debit_account == account
                    balance = row.debit_balance if is_debit else row.credit_balance
                    if sign * balance > level:
                        expected = None
                    else:
                        expected = expected or row
            found = await place.reads.stood_since(ledger_id, account, sign=sign, level=level)
            assert found == expected, (account, level)


async def test_movements_of_all_who_ever_moved(place: Place) -> None:
    scribe = await a_week(place.store())
    day = DAY - timedelta(days=1)
    movements = await place.reads.movements(scribe.head.ledger_id, day, day)
    assert movements == [
        Movement(1, 5, 0, 7),
        Movement(2, 0, 10, 0),
        Movement(3, -5, 0, 10),
        Movement(4, 0, 7, 0),
    ]
    assert sum(m.opening for m in movements) == 0


async def test_balances_at_without_rows_with_one_account(place: Place) -> None:
    """Day by day as somebody who adds up the rows finds them; what was paid is on any day."""
    scribe = await a_week(place.store())
    ledger_id = scribe.head.ledger_id
    rows = await place.reads.transfers(ledger_id, after=0, limit=100)
    days = [DAY + timedelta(days=n) for n in range(-4, 2)]
    for besides in range(1, 6):
        expected: list[DayBalances] = []
        for account in range(2, 5):
            own = [
                (row.business_date, row.amount * sign, other)
                for row in rows
                for number, other, sign in (
                    (row.debit_account, row.credit_account, -1),
                    (row.credit_account, row.debit_account, 1),
                )
                if number == account
            ]
            if not own:
                continue
            balances = [
                sum(a for day, a, other in own if day <= end and other != besides)
                for end in days
            ]
            paid = sum(-a for _, a, other in own if other == besides and a < 0)
            expected.append(DayBalances(account, balances, paid))
        found = await place.reads.balances_at(ledger_id, 2, 4, days, besides)
        assert found == expected, besides
        nothing = [replace(one, balances=[]) for one in expected]
        assert await place.reads.balances_at(ledger_id, 2, 4, [], besides) == nothing
    assert await place.reads.balances_at(ledger_id, 9, 99, days, 1) == []


def closing(scribe: Scribe, day: date) -> DayClosed:
    totals = scribe.book.days.totals_of([day])
    return DayClosed(
        recorded_at=scribe.now,
        date=day,
        by="test",
        count=sum(total.count for total in totals),
        totals=hash_of(totals),
        shown=totals,
    )


async def test_adjustments_come_after_all_else_of_their_years_last_day(place: Place) -> None:
    """Compared with a plain sum over all rows, from any day to any, with them or without."""
    store = place.store()
    scribe = await begun(store)
    last, next_day = date(2025, 12, 31), date(2026, 1, 1)
    scribe.post(FIRST, transfer(1, 2, 100, day=last), transfer(1, 2, 20, day=next_day))
    scribe.put(closing(scribe, last))
    scribe.post(SECOND, transfer(2, 3, 3, day=last, terms=Terms(adjusting=True)))
    await store.commit(scribe.group())
    ledger_id = scribe.head.ledger_id
    rows = await place.reads.transfers(ledger_id, after=0, limit=10)
    assert [row.phase for row in rows] == [POSTED, POSTED, ADJUSTED]
    dated = [((row.business_date, row.phase == ADJUSTED), row) for row in rows]
    for first, last_day in ((last, last), (last, next_day), (next_day, next_day)):
        for begins in (False, True):
            for ends in (False, True):
                found = await place.reads.movements(
                    ledger_id, first, last_day, begins_adjusting=begins, ends_adjusting=ends
                )
                for account in (1, 2, 3):
                    side = [
                        (at, row.amount, row.credit_account == account)
                        for at, row in dated
                        if account in (row.debit_account, row.credit_account)
                    ]
                    inside = [
                        (amount, is_credit)
                        for at, amount, is_credit in side
                        if (first, begins) <= at <= (last_day, ends)
                    ]
                    opening = sum(x if c else -x for at, x, c in side if at < (first, begins))
                    debits = sum(amount for amount, is_credit in inside if not is_credit)
                    credits_ = sum(amount for amount, is_credit in inside if is_credit)
                    assert Movement(account, opening, debits, credits_) in found
    for day, adjusting, expected in (
        (last, False, 0),
        (last, True, 100),
        (next_day, False, 97),
        (next_day, True, 117),
    ):
        balance = await place.reads.balance_before(
            ledger_id, 2, sequence=None, day=day, adjusting=adjusting
        )
        assert balance == expected, (day, adjusting)


async def test_what_was_known_at_a_moment(place: Place) -> None:
    """Several leaves of one time, batches that posted nothing, and leaves that are no batch."""
    store = place.store()
    scribe = await begun(store)
    ledger_id = scribe.head.ledger_id
    assert await place.reads.known_at(ledger_id, NOW) == 0
    known: dict[int, int] = {}
    for number in range(1, 30):
        scribe.now += number % 3
        if number % 5 == 0:
            scribe.refuse(UUID(int=number))
        elif number % 7 == 0:
            scribe.snapshot()
        else:
            scribe.post(UUID(int=number), *[transfer(1, 2, 1)] * (number % 4 + 1))
        known[scribe.now] = scribe.book.transfers
        if number % 4 == 0:
            await store.commit(scribe.group())
    scribe.post(UUID(int=30), transfer(1, 2, 1))
    known[scribe.now] = scribe.book.transfers
    await store.commit(scribe.group())
    expected = 0
    for moment in range(NOW - 1, scribe.now + 2):
        expected = known.get(moment, expected)
        assert await place.reads.known_at(ledger_id, moment) == expected, moment - NOW
        movements = await place.reads.movements(ledger_id, DAY, DAY, until=expected)
        assert [m.debits for m in movements] == ([expected, 0] if expected else [])
    assert await place.reads.known_at(ledger_id + 1, scribe.now) == 0


async def test_closings_by_day_and_not_by_leaf(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    scribe.put(SettingsChanged(recorded_at=NOW, by="test", days=DaysBy.COMMAND))
    days = [DAY + timedelta(days=n) for n in range(4)]
    for day in days:
        scribe.put(DayOpened(recorded_at=NOW, date=day, by="test"))
    closed = {day: scribe.put(closing(scribe, day)) for day in (days[1], days[0], days[3])}
    await store.commit(scribe.group())
    ledger_id, reads = scribe.head.ledger_id, place.reads
    found = await reads.closings(ledger_id, days[0], days[3], 10)
    assert [index for index, _ in found] == [closed[day] for day in sorted(closed)]
    assert [line for _, line in found] == [scribe.leaves[index] for index, _ in found]
    assert await reads.closings(ledger_id, days[0], days[3], 2) == found[:2]
    assert await reads.closings(ledger_id, days[1], days[2], 9) == found[1:2]
    assert await reads.closings(ledger_id, days[2], days[2], 9) == []
    assert await reads.closings(ledger_id + 1, days[0], days[3], 9) == []


async def test_holds_and_voids_are_in_no_total(place: Place) -> None:
    """Whatever is asked, the answer is the one before anything was held."""
    store = place.store()
    scribe = await a_week(store)
    ledger_id, reads = scribe.head.ledger_id, place.reads
    days = [DAY + timedelta(days=n) for n in range(-3, 2)]

    async def totals() -> list[object]:
        return [
            *[
                await reads.balance_before(ledger_id, account, sequence=sequence, day=day)
                for account in range(1, 5)
                for sequence in (None, 6, 100)
                for day in (None, *days)
            ],
            *[await reads.movements(ledger_id, first, last) for first in days for last in days],
        ]

    before = await totals()
    void = Terms(action=Action.VOID, target=6)
    for batch, held in ((10, HOLD), (11, void)):
        day = DAY - timedelta(days=1)
        scribe.post(UUID(int=batch), transfer(1, 2, 40, day=day, terms=held))
    scribe.post(UUID(int=12), transfer(4, 3, 30, terms=HOLD))
    await store.commit(scribe.group())
    rows = await reads.transfers(ledger_id, after=5, limit=10)
    assert [row.phase for row in rows] == [HELD, RELEASED, HELD]
    assert await totals() == before
    part = Terms(action=Action.POST, target=8)
    scribe.post(UUID(int=13), transfer(4, 3, 12, terms=part))
    await store.commit(scribe.group())
    assert await reads.balance_before(ledger_id, 3, sequence=None, day=None) == 17
    assert await reads.balance_before(ledger_id, 3, sequence=None, day=days[-1]) == 17


async def test_who_only_held_never_moved(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 40, terms=HOLD))
    await store.commit(scribe.group())
    assert await place.reads.movements(scribe.head.ledger_id, DAY, DAY) == []
    balance = await place.reads.balance_before(
        scribe.head.ledger_id, 1, sequence=None, day=None
    )
    assert balance == 0


async def test_a_reference_is_its_transfers_and_not_what_was_made_beside_it(
    place: Place,
) -> None:
    store = place.store()
    scribe = await begun(store)
    scribe.book.balance[1], scribe.book.floor[1] = 5, 0
    rest = Terms(up_to=Side.DEBIT, rest=3)
    scribe.post(FIRST, transfer(1, 2, 8, "R-1", terms=rest), transfer(2, 4, 1, "R-1"))
    await store.commit(scribe.group())
    ledger_id = scribe.head.ledger_id
    rows = await place.reads.transfers(ledger_id, after=0, limit=10)
    assert [(row.position, row.amount) for row in rows] == [(0, 5), (0, 3), (1, 1)]
    rows = await place.reads.by_reference(ledger_id, "R-1", 10)
    assert [row.sequence for row in rows] == [1, 3]


async def test_references_in_order_of_sequence(place: Place) -> None:
    scribe = await a_week(place.store())
    ledger_id = scribe.head.ledger_id
    rows = await place.reads.by_reference(ledger_id, "R-1", 10)
    assert [row.sequence for row in rows] == [4, 5]
    rows = await place.reads.by_reference(ledger_id, "R-1", 1)
    assert [row.sequence for row in rows] == [4]
    assert await place.reads.by_reference(ledger_id, "R-2", 1) == []


async def test_batches_by_id_number_and_page(place: Place) -> None:
    scribe = await a_week(place.store())
    ledger_id = scribe.head.ledger_id
    batch = await place.reads.batch(ledger_id, SECOND)
    assert batch is not None
    assert (batch.leaf_index, list(batch.amount)) == (7, [5, 1])
    assert await place.reads.batch(ledger_id, UUID(int=9)) is None
    by_number = await place.reads.batches_by_number(ledger_id, [1, 3, 4])
    assert {number: found.batch for number, found in by_number.items()} == {1: FIRST, 3: THIRD}
    assert by_number[1].line == scribe.leaves[6]
    assert by_number[1].body.startswith(b'{"count":2,')
    assert list(by_number[1].amount) == []
    ids = await place.reads.batch_ids(ledger_id, after=-1, limit=2)
    assert ids == [(6, FIRST), (7, SECOND)]
    assert await place.reads.batch_ids(ledger_id, after=7, limit=2) == [(8, THIRD)]


# ---- keys

CASHIER = Caller(
    key="k-1", role=Role.POSTER, ledger="caja", poster="caja", accounts=("m-1", "fondo-*")
)


async def test_keys_are_found_until_they_are_revoked(place: Place) -> None:
    keys = place.keys
    service = Caller(key="k-1", role=Role.OPERATOR)
    await keys.add(b"1" * 32, CASHIER)
    await keys.add(b"1" * 32, CASHIER)
    await keys.add(b"2" * 32, service)
    assert await keys.find(b"1" * 32) == CASHIER
    assert await keys.find(b"2" * 32) == service
    assert await keys.find(b"3" * 32) is None
    assert (await keys.all_of("caja"), await keys.all_of("")) == ([CASHIER], [service])
    assert await keys.revoke("caja", "k-1") is True
    assert await keys.revoke("caja", "k-1") is False
    assert await keys.revoke("caja", "k-2") is False
    assert (await keys.find(b"1" * 32), await keys.all_of("caja")) == (None, [])
    assert await keys.find(b"2" * 32) == service


async def test_a_key_has_one_bearer(place: Place) -> None:
    await place.keys.add(b"1" * 32, CASHIER)
    with pytest.raises(JournalBroken):
        await place.keys.add(b"2" * 32, CASHIER)
    assert await place.keys.find(b"2" * 32) is None


# ---- PostgreSQL alone


async def test_a_commit_that_no_standby_confirmed(pg_place: PgPlace) -> None:
    """The tag says COMMIT and a warning says that it may be lost with this server."""
    store = pg_place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 5))
    with pytest.raises(OutcomeUnknown, match="synchronous replication"):
        await commit_without_standby(
            pg_place.database.dsn, store, scribe.group(), "SELECT pg_cancel_backend($1)"
        )


async def test_a_commit_whose_caller_gave_up(pg_place: PgPlace) -> None:
    """The session is dropped and nothing is cancelled, so what took effect stays."""
    store = pg_place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 5))
    group = scribe.group()
    with pytest.raises(asyncio.CancelledError):
        await commit_without_standby(pg_place.database.dsn, store, group, None)
    with pytest.raises(StoreUnavailable):
        await store.commit(group)
    head = await store.take(scribe.head.ledger_id, "test", epoch=group.before.epoch)
    assert head == replace(group.after, epoch=head.epoch)


async def test_a_transaction_that_was_aborted_unnoticed(pg_place: PgPlace) -> None:
    """PostgreSQL answers such a COMMIT with the tag ROLLBACK and no error."""
    store = pg_place.store()
    scribe = await begun(store)
    assert isinstance(store, PgStore)
    session = store._writers[scribe.head.ledger_id].session

    async def abort(_: int) -> None:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await session.execute("SELECT 1 / 0")

    store.before_commit = abort
    scribe.post(FIRST, transfer(1, 2, 5))
    with pytest.raises(OutcomeUnknown, match="ROLLBACK"):
        await store.commit(scribe.group())
    assert await store.lookup(scribe.head.ledger_id, [FIRST]) == {}


async def test_a_column_more_is_no_harm(pg_place: PgPlace, database: str) -> None:
    """The next release's migrations come before it: our COPY must bear what they add."""
    owner = await asyncpg.connect(database)
    for table in ("transfers", "leaves", "accounts"):
        await owner.execute(f"ALTER TABLE tequio.{table} ADD COLUMN later smallint DEFAULT 7")
    await owner.close()
    store = pg_place.store()
    scribe = await begun(store)
    scribe.open_accounts(300)
    scribe.post(FIRST, *[transfer(1, 2, 5)] * 300)
    await store.commit(scribe.group())
    rows = await pg_place.reads.transfers(scribe.head.ledger_id, after=0, limit=1000)
    assert len(rows) == 300


async def test_long_bodies_are_compressed_and_short_ones_plain(pg_place: PgPlace) -> None:
    store = pg_place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 5))
    scribe.post(SECOND, *[transfer(1, 2, 5)] * 100)
    await store.commit(scribe.group())
    rows = await pg_place.database.fetch("SELECT body FROM batches ORDER BY leaf_index")
    assert rows[0][0].startswith(b"{")
    assert rows[1][0].startswith(MAGIC)
    assert len(rows[1][0]) < 1000


async def test_the_follower_goes_step_by_step_and_doubles_nothing(
    pg_place: PgPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it crashed between its rows and its cursor, and with another beside it."""
    monkeypatch.setattr(following, "STEP_BATCHES", 2)
    store = pg_place.store()
    scribe = await begun(store)
    for i in range(5):
        scribe.post(UUID(int=i), transfer(1, 2, 5, "R-1"))
    await store.commit(scribe.group())
    ledger_id = scribe.head.ledger_id
    with monkeypatch.context() as crash:
        failing = "SELECT 1 / 0, $1::bigint, $2::text, $3::bigint"
        crash.setattr(following, "MOVE_CURSOR", failing)
        with pytest.raises(StoreUnavailable):
            await pg_place.follower.catch_up(ledger_id)
    await pg_place.follower.round()  # One step: the ledger was not seen at rest before.
    count = "SELECT count(*) FROM transfer_references"
    assert await pg_place.database.fetchval(count) == 2
    await Follower(pg_place.database).catch_up(ledger_id)
    await pg_place.follower.catch_up(ledger_id)
    assert await pg_place.database.fetchval(count) == 5
    scribe.post(UUID(int=9), transfer(1, 2, 5, "R-2"))
    await store.commit(scribe.group())
    await pg_place.follower.round()
    assert len(await pg_place.reads.by_reference(ledger_id, "R-2", 10)) == 1


async def test_the_follower_leaves_unique_references_alone(pg_place: PgPlace) -> None:
    store = pg_place.store()
    scribe = await begun(store, unique_references=True)
    scribe.post(FIRST, transfer(1, 2, 5, "R-1"))
    await store.commit(scribe.group())
    await pg_place.follower.catch_up(scribe.head.ledger_id)
    rows = await pg_place.database.fetch("SELECT sequence FROM transfer_references")
    assert [row[0] for row in rows] == [1]


async def test_tables_are_analysed_when_they_have_grown(
    pg_place: PgPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "ANALYZE_FROM", 7)
    store = pg_place.store()
    scribe = await begun(store)
    assert await pg_place.follower.analyze_if_grown() is False
    scribe.post(FIRST, transfer(1, 2, 5))
    await store.commit(scribe.group())
    assert await pg_place.follower.analyze_if_grown() is True
    assert await pg_place.follower.analyze_if_grown() is False


async def test_a_database_that_is_not_there(database: str) -> None:
    opened = Database(database.replace("/test_", "/gone_"))
    with pytest.raises(StoreUnavailable):
        await opened.open()
    with pytest.raises(StoreUnavailable):
        await PgStore(opened).ledgers()


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
