"""Schedules and holidays by commands, and the service that posts what is due."""

import time
from datetime import date, timedelta
from pathlib import Path

from tests.cli.conftest import Tequio

RULE = ("--debit", "cash", "--credit", "ana", "--amount", "5", "--currency", "MXN")
WHY = ("--kind", "rent", "--reason", "asked")


def test_schedules_by_command(caja: Tequio, tmp_path: Path) -> None:
    calendar = tmp_path / "calendar.csv"
    calendar.write_text("date,name\n2101-01-01,Año Nuevo\n2101-01-31,Otro\n2102-01-01,\n")
    asked = ("holidays", "set", "2101", "--file", str(calendar), "--reason", "calendar")
    assert "2101-01-31" in caja(*asked, "--dry-run").out
    assert caja(*asked, "2101-12-25", "--json").json()["dates"] == [
        "2101-01-01",
        "2101-01-31",
        "2101-12-25",
    ]
    calendar.write_text("date\nsoon\n")
    assert "line 2" in caja(*asked).err
    assert "2101-12-25" in caja("holidays", "list").out

    rule = ("schedule", "set", "rent", *RULE, *WHY, "--first", "2101-01-31", "--every", "month")
    moved = ("--on-holiday", "after", "--count", "3", "--at", "07:30")
    assert "2101-01-31" in caja(*rule, *moved, "--dry-run").out
    assert caja("schedule", "list", "--json").json() == []
    done = caja(*rule, *moved, "--json").json()
    assert done["next"]["posted_on"] == "2101-02-01"
    shown = caja("schedule", "show", "rent", LANG="es_MX.UTF-8")
    assert "2101-03-31" in shown.out
    assert "mes" in shown.out
    assert "2101-02-01" in caja("schedule", "list").out
    assert caja("schedule", "cancel", "rent", "--reason", "asked").code == 0
    assert "schedule_not_found" in caja("schedule", "show", "rent").err


def test_the_service_posts_what_is_due(caja: Tequio) -> None:
    """A first date of yesterday is over; today's at midnight is due at once."""
    first = date.today() - timedelta(days=1)  # noqa: DTZ011 - Within a day of the ledger's.
    rule = ("schedule", "set", "now", *RULE, *WHY, "--first", str(first), "--every", "day")
    assert caja(*rule, "--at", "00:00", "--count", "9").code == 0
    for _ in range(100):
        shown = caja("schedule", "show", "now", "--json").json()
        if "last_outcome" in shown:
            break
        time.sleep(0.2)
    assert shown["last_outcome"]["outcome"] == "posted"
    assert caja("account", "show", "ana", "--json").json()["balance"] in ("5.00", "10.00")


def test_what_is_due_is_done_at_once(caja: Tequio) -> None:
    """The service may have been quicker. What waits for funds is due later, not now."""
    today = date.today()  # noqa: DTZ011 - Within a day of the ledger's.
    rule = ("schedule", "set", "now", *RULE, *WHY, "--every", "day", "--workflow", "credit")
    first = ("--first", str(today - timedelta(days=1)), "--at", "00:00")
    assert caja(*rule, *first, "--count", "9").code == 0
    assert caja("schedules", "run", "--once", "--dry-run").code == 0
    done = caja("schedules", "run", "--once", "--json").json()
    assert [one["outcome"] for one in done] in (["proposed"], [])
    assert "Nothing is due" in caja("schedules", "run", "--once", LANG="en_US.UTF-8").out
    assert caja("schedules", "run", "--once", "--json").json() == []
    (waits,) = caja("proposals", "--json").json()
    assert waits["workflow"] == "credit"
    assert caja("schedules", "run").code == 2
