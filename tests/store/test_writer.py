"""The contract of who writes: ledgers, taking them, and groups that are recorded wholly."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec import UNSET
from msgspec.structs import astuple, replace

from ledger.core.faults import (
    ClockAhead,
    JournalBroken,
    OutcomeUnknown,
    StoreUnavailable,
    WriterReplaced,
)
from ledger.core.lines import Terms
from ledger.core.model import Action, Mode
from ledger.core.store import Group, Store
from ledger.core.terms import Link
from ledger.journal.batches import read_posted
from ledger.journal.canonical import decode_outcomes
from ledger.journal.merkle import EMPTY_ROOT, leaf_hash
from ledger.memory.store import MemoryStore
from ledger.pg.store import PgStore
from tests.store.beginnings import (
    FIRST,
    HELD,
    HOLD,
    NOTHING,
    POSTED,
    RELEASED,
    SECOND,
    THIRD,
    begun,
    everything,
    linked,
)
from tests.store.places import Place
from tests.store.scribe import DAY, Scribe, transfer

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
    leaves, rows, spent, snapshots, checkpoint, *_ = after
    assert isinstance(leaves, list)
    assert [leaf.line for leaf in leaves] == scribe.leaves
    assert [leaf.body for leaf in leaves[6:]] == [
        group.batches[0].body,
        b"",
        group.batches[2].body,
        b"",
    ]
    assert spent == list(enumerate(scribe.leaves[6:9], 6))
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


async def test_many_batches_are_looked_up_at_once_each_with_its_own_rows(
    place: Place,
) -> None:
    """One of which nothing was posted has the first sequence of the next."""
    store = place.store()
    scribe = await begun(store)
    ids = [UUID(int=number) for number in range(1, 8)]
    empty, refused = ids[2], ids[5]
    for batch in ids:
        if batch == refused:
            scribe.refuse(batch)
        elif batch == empty:
            scribe.post(batch, transfer(1, 99, 1), mode=Mode.EACH)
        else:
            scribe.post(batch, *(transfer(1, 2, batch.int * 10 + i) for i in range(batch.int)))
    await store.commit(scribe.group())
    found = await store.lookup(scribe.head.ledger_id, [*reversed(ids), UUID(int=99)])
    assert {batch: list(stored.amount) for batch, stored in found.items()} == {
        batch: []
        if batch in (empty, refused)
        else [batch.int * 10 + i for i in range(batch.int)]
        for batch in ids
    }


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


@pytest.mark.parametrize("count", [1, 300])
@pytest.mark.parametrize(
    "spoil",
    [
        *(_wrong_hash, _same_account, _no_amount, _used_id, _no_phase),
        pytest.param(linked(Link(2, 3, 0)), id="link_of_nothing"),
        pytest.param(linked(Link(3, 3, 1)), id="link_to_itself"),
        pytest.param(linked(Link(1, 3, 1), Link(2, 3, 1)), id="link_to_two"),
        pytest.param(linked(Link(1, 2, 1)), id="link_that_is_there"),
    ],
)
async def test_what_the_database_itself_refuses(place: Place, spoil: Any, count: int) -> None:
    """The second pair of eyes: nothing is recorded, and the writer may go on."""
    store = place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 5), transfer(1, 2, 5))
    await store.commit(linked(Link(1, 2, 5))(scribe.group()))
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
