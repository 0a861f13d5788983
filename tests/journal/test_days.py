"""Days and periods in an export: verified, decided alike by an outsider, not to be forged.

Whoever signs what he likes can sign another sum of a day; the rules find it.
"""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.days import hash_of
from ledger.core.leaves import (
    AnyLeaf,
    DayClosed,
    DayOpened,
    DayTotal,
    DisputeEnded,
    DisputeOpened,
    DisputeOverdue,
    PeriodMarked,
    SettingsChanged,
)
from ledger.core.lines import Act, Terms
from ledger.core.model import DaysBy, Late, Mode
from ledger.journal.canonical import decode_leaf
from ledger.journal.verify import Report, verify_export
from tests.building import DAY, Building
from tests.journal.outsider import Outsider, canonical
from tests.journal.test_terms import agrees

A_DAY = timedelta(days=1)
ACT = Act(number="CA-1", date=DAY, hash=bytes(32))


def began() -> tuple[Building, int, int]:
    it = Building()
    it.currency("MXN")
    cash = it.account("caja", "MXN", lower=UNSET)
    return it, cash, it.account("ana", "MXN")


def closing(it: Building, day: date) -> DayClosed:
    totals = it.book.days.totals_of([day])
    count = sum(total.count for total in totals)
    return DayClosed(
        recorded_at=it.tick(),
        date=day,
        by="op-1",
        count=count,
        totals=hash_of(totals),
        shown=totals,
    )


def settings(it: Building, **more: object) -> None:
    line = SettingsChanged(
        recorded_at=it.tick(),
        by="op-1",
        **{"days": DaysBy.CLOCK, **more},  # type: ignore[arg-type]
    )
    it.add(line)


def mark(it: Building, year: int, month: int, how: str, act: bool = False) -> None:
    line = PeriodMarked(
        recorded_at=it.tick(),
        year=year,
        month=month,
        mark=how,  # type: ignore[arg-type]
        by="op-1",
        act=ACT if act else UNSET,
    )
    late = it.book.days.late_in(year, month) if how == "preliminary" else []
    it.add(replace(line, late=late or UNSET))


def a_year() -> Building:
    """Days by the clock and by command, periods, and what came late, in one journal."""
    it, cash, ana = began()
    settings(it, cut_off=990, value_days_back=400)
    last, old = date(2025, 12, 31), DAY - 30 * A_DAY
    it.post([it.pay(cash, ana, 5_00, business_date=last), it.pay(cash, ana, 1_00)])
    it.add(closing(it, last))
    it.post(
        [
            it.pay(ana, cash, 2_00, business_date=last, terms=Terms(adjusting=True)),
            it.pay(cash, ana, 3_00, business_date=DAY + A_DAY),
            it.pay(cash, ana, 4_00, business_date=last - A_DAY, value_date=last - 400 * A_DAY),
            it.pay(cash, ana, 4_00, value_date=DAY - 401 * A_DAY),
            it.pay(cash, ana, 6_00, terms=Terms(adjusting=True)),
        ],
        mode=Mode.EACH,
        source="till",
        late=Late.NEXT_OPEN_DAY,
    )
    mark(it, 2025, 12, "preliminary")
    mark(it, 2025, 12, "reopened", act=True)
    it.post([it.pay(cash, ana, 9_00, business_date=last, kind="late")])
    it.snapshot()
    mark(it, 2025, 12, "preliminary")
    mark(it, 2025, 12, "final")
    mark(it, 2025, 13, "preliminary")
    it.add(closing(it, date(2026, 1, 1)))
    it.post([it.pay(cash, ana, 7_00, business_date=old)])
    settings(it, days=DaysBy.COMMAND)
    it.add(DayOpened(recorded_at=it.tick(), date=DAY + A_DAY, by="op-1"))
    it.day = DAY + A_DAY
    it.post(
        [it.pay(cash, ana, 8_00, business_date=DAY - A_DAY), it.pay(cash, ana, 8_00)],
        late=Late.NEXT_OPEN_DAY,
    )
    it.add(closing(it, DAY + A_DAY))
    it.snapshot()
    it.add(closing(it, old))
    it.add(closing(it, DAY))
    settings(it)
    it.day = DAY + 2 * A_DAY
    it.post([it.pay(cash, ana, 1_00)])
    it.snapshot()
    return it


def by_itself() -> Building:
    """What the clock says by itself: days closed, a dispute overdue; and how disputes end."""
    it, cash, ana = began()
    settings(it, cut_off=990, close_after=120)
    it.post([it.pay(cash, ana, 5_00), it.pay(cash, ana, 1_00, business_date=DAY - A_DAY)])
    for target, due in ((1, DAY), (2, UNSET)):
        opened = DisputeOpened(
            recorded_at=it.tick(), target=target, by="op-1", reason="wrong", due=due
        )
        it.add(opened)
    it.now += 30 * 3_600_000_000
    it.add(DisputeOverdue(recorded_at=it.tick(), target=1))
    for day in (DAY - A_DAY, DAY):
        it.add(it.book.days.closing(day, it.tick()))
    it.snapshot()
    it.day = DAY + A_DAY
    it.post([it.pay(ana, cash, 5_00, kind="refund")])
    index = it.book.disputes.open[1].index
    it.add(
        DisputeEnded(
            recorded_at=it.tick(),
            target=1,
            opened=index,
            outcome="made_good",
            by="op-1",
            linked=3,
        )
    )
    it.snapshot()
    return it


def verified(it: Building, tmp_path: Path) -> Report:
    it.export(tmp_path / "journal")
    return verify_export(tmp_path / "journal", trusted_vkey=it.signer.vkey)


def test_a_year_of_days_is_verified(tmp_path: Path) -> None:
    report = verified(a_year(), tmp_path)
    assert report.ok, report.broken
    checked = report.checked
    assert (checked.days_closed, checked.period_marks) == (5, 5)
    assert checked.snapshots == 3
    assert not a_year().book.days.open


def test_an_outsider_keeps_the_same_days() -> None:
    it = a_year()
    agrees(it)
    for size in range(1, len(it.recorded)):  # And at every leaf on the way.
        outsider = Outsider()
        for each in it.recorded[:size]:
            outsider.read(each.leaf, each.body)
        assert all(canonical(line) for line in outsider.state_of_days())


def test_what_the_clock_says_is_verified_and_an_outsider_agrees(tmp_path: Path) -> None:
    report = verified(by_itself(), tmp_path)
    assert report.ok, report.broken
    assert (report.checked.days_closed, report.checked.snapshots) == (2, 2)
    agrees(by_itself())


OTHER = DayTotal(amount="1", count=1, currency="MXN", kind="payment", source="")


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda line: replace(line, count=3), "day_totals_differ"),
        (lambda line: replace(line, totals=bytes(32)), "day_totals_differ"),
        (lambda line: replace(line, shown=[]), "day_totals_differ"),
        (
            lambda line: replace(line, shown=[OTHER], totals=hash_of([OTHER]), count=1),
            "day_totals_differ",
        ),
        (
            lambda line: replace(line, shown=[replace(line.shown[0], amount="501")]),
            "day_totals_differ",
        ),
        (lambda line: replace(line, date=date(2099, 1, 1)), "day_too_early"),
        (lambda line: replace(line, date=DAY - A_DAY), "day_not_open"),
        (lambda line: replace(line, by=UNSET), "day_not_due"),
        (
            lambda line: DisputeOverdue(recorded_at=line.recorded_at, target=1),
            "dispute_not_open",
        ),
        (
            lambda line: DayOpened(recorded_at=line.recorded_at, date=DAY, by="op-1"),
            "days_kept_by_clock",
        ),
        (
            lambda line: PeriodMarked(
                recorded_at=line.recorded_at,
                year=DAY.year,
                month=DAY.month,
                mark="preliminary",
                by="op-1",
            ),
            "day_before_is_open",
        ),
    ],
)
def test_what_an_operator_signs_of_a_day_is_held_to_the_rules(
    tmp_path: Path, forge: Callable[[DayClosed], AnyLeaf], reason: str
) -> None:
    it, cash, ana = began()
    it.add(closing(it, DAY - A_DAY))
    it.post([it.pay(cash, ana, 5_00), it.pay(cash, ana, 1_00, kind="fee")])
    index = it.put(forge(closing(it, DAY)))
    report = verified(it, tmp_path)
    assert report.broken is not None
    assert (report.broken.place, report.broken.reason) == (
        f"leaf {index}",
        f"against the rules: {reason}",
    )


def test_a_batch_signed_for_a_closed_day_is_found(tmp_path: Path) -> None:
    """Posted first, and put into the journal after the day was closed."""
    it, cash, ana = began()
    other, _, _ = began()
    it.add(closing(it, DAY))
    other.tick()
    other.post([other.pay(cash, ana, 5_00)])
    last = other.recorded[-1]
    index = it.put(decode_leaf(last.leaf), last.body, last.outcomes)
    report = verified(it, tmp_path)
    assert report.broken is not None
    assert report.broken.place == f"leaf {index}"
    assert report.broken.reason.endswith("no_day_open")
