"""The contract of readers: transfers, balances, days, references, batches; and of keys."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from ledger.core.asked import Caller
from ledger.core.days import hash_of
from ledger.core.faults import (
    JournalBroken,
)
from ledger.core.leaves import (
    AccountOpened,
    DayClosed,
    DayOpened,
    DisputeEnded,
    DisputeOpened,
    HoldsExpired,
    LimitChanged,
    PeriodMarked,
    SettingsChanged,
    StatusChanged,
)
from ledger.core.lines import Act, Terms
from ledger.core.model import Action, DaysBy, Role, Side, Status
from ledger.core.ports import DayBalances, Movement
from ledger.core.resolutions import Resolution, Resolved, hold_standing
from ledger.core.store import Store
from ledger.journal.canonical import decode_leaf
from tests.store.beginnings import (
    ADJUSTED,
    EXPIRES,
    FIRST,
    HELD,
    HOLD,
    POSTED,
    RELEASED,
    SECOND,
    THIRD,
    begun,
)
from tests.store.places import Place
from tests.store.scribe import DAY, NOW, Scribe, transfer

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
        ({"after": 0, "limit": 10, "accounts": [1]}, [1, 3, 4, 5]),
        ({"after": 1, "limit": 2, "accounts": [1]}, [3, 4]),
        ({"after": 0, "limit": 10, "accounts": [9]}, []),
        ({"after": 0, "limit": 10, "accounts": [2, 3]}, [1, 2, 3, 4]),
        ({"after": 1, "limit": 2, "accounts": [4, 3]}, [2, 3]),
        ({"after": 0, "limit": 10, "accounts": []}, []),
        ({"after": 0, "limit": 10, "first_date": date(2026, 3, 1)}, [1, 2, 4, 5]),
        ({"after": 0, "limit": 10, "last_date": date(2026, 3, 1)}, [2, 3, 5]),
        ({"after": 0, "limit": 1, "accounts": [3], "last_date": date(2026, 3, 1)}, [2]),
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


async def test_what_closed_a_month_again_is_found_if_something_came(
    place: Place,
) -> None:
    store = place.store()
    scribe = await begun(store)
    last = DAY.replace(day=1) - timedelta(days=1)
    act = Act(number="A-1", date=DAY, hash=bytes(32))

    def mark(how: Any, **more: Any) -> int:
        given = {"recorded_at": scribe.now, "by": "test", **more}
        given |= {"year": last.year, "month": last.month}
        return scribe.put(PeriodMarked(mark=how, **given))

    scribe.put(closing(scribe, last))
    mark("preliminary")
    again = []
    for number in (21, 22):
        mark("reopened", act=act)
        scribe.post(UUID(int=number), transfer(1, 2, number, day=last))
        late = scribe.book.days.late_in(last.year, last.month)
        again.append(mark("preliminary", late=late))
    mark("reopened", act=act)
    mark("preliminary")
    await store.commit(scribe.group())
    ledger_id, reads = scribe.head.ledger_id, place.reads
    found = await reads.reclosings(ledger_id, last.year, last.month)
    assert found == [(index, scribe.leaves[index]) for index in again]
    assert await reads.reclosings(ledger_id, last.year, last.month % 12 + 1) == []
    assert await reads.reclosings(ledger_id, last.year - 1, last.month) == []
    assert await reads.reclosings(ledger_id + 1, last.year, last.month) == []


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
    first, second, third = enumerate(scribe.leaves[6:9], 6)
    leaves = await place.reads.batch_leaves(ledger_id, after=-1, limit=2)
    assert leaves == [first, second]
    assert await place.reads.batch_leaves(ledger_id, after=7, limit=2) == [third]


# ---- keys


CASHIER = Caller(
    key="k-1", role=Role.POSTER, ledger="caja", poster="caja", accounts=("m-1", "fondo-*")
)


async def test_keys_are_found_until_they_are_revoked(place: Place) -> None:
    keys = place.keys
    service = Caller(key="k-1", role=Role.OPERATOR)
    member = Caller(key="k-3", role=Role.MEMBER, ledger="red", holder=b"h" * 16)
    await keys.add(b"3" * 32, member)
    assert (await keys.find(b"3" * 32), await keys.all_of("red")) == (member, [member])
    await keys.add(b"1" * 32, CASHIER)
    await keys.add(b"1" * 32, CASHIER)
    await keys.add(b"2" * 32, service)
    assert await keys.find(b"1" * 32) == CASHIER
    assert await keys.find(b"2" * 32) == service
    assert await keys.find(b"4" * 32) is None
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


# ---- what became of holds and disputes


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


@pytest.mark.parametrize("count", [3, 300])
async def test_what_opened_an_account(place: Place, count: int) -> None:
    store = place.store()
    scribe = await begun(store)
    scribe.post(FIRST, transfer(1, 2, 9))
    scribe.open_accounts(count)
    scribe.post(SECOND, transfer(1, 2, 9))
    scribe.open_accounts(1)
    await store.commit(scribe.group())
    ledger_id, reads = scribe.head.ledger_id, place.reads
    for number in (1, 4, 5, 4 + count, 5 + count):
        line = await reads.opening_of(ledger_id, number)
        assert line in scribe.leaves
        opened = decode_leaf(line)
        assert isinstance(opened, AccountOpened)
        assert opened.number == number
    assert await reads.opening_of(ledger_id, 6 + count) is None
    assert await reads.opening_of(77, 1) is None


async def test_leaves_by_their_indexes_and_disputes_that_ended(place: Place) -> None:
    store = place.store()
    scribe = await begun(store)
    scribe.post(FIRST, *[transfer(1, 2, 9)] * 3)
    opened = [
        scribe.put(DisputeOpened(recorded_at=NOW, target=n, by="x", reason="wrong"))
        for n in (1, 2, 3)
    ]
    ended = [
        scribe.put(
            DisputeEnded(
                recorded_at=NOW,
                target=n,
                opened=opened[n - 1],
                outcome="upheld",
                by="x",
            )
        )
        for n in (3, 1)
    ]
    await store.commit(scribe.group())
    ledger_id, reads = scribe.head.ledger_id, place.reads
    lines = dict(enumerate(scribe.leaves))
    asked = [opened[0], ended[1], 0, 10**9]
    assert await reads.leaves_at(ledger_id, asked) == {n: lines[n] for n in asked if n in lines}
    assert await reads.leaves_at(ledger_id, []) == await reads.leaves_at(77, [0]) == {}
    found = [(n, lines[n]) for n in ended]
    assert await reads.dispute_ends(ledger_id, after=0, limit=9) == found
    assert await reads.dispute_ends(ledger_id, after=0, limit=1) == found[:1]
    assert await reads.dispute_ends(ledger_id, after=ended[0], limit=9) == found[1:]
    assert await reads.dispute_ends(77, after=0, limit=9) == []
