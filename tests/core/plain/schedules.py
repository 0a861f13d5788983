"""Schedules: their dates, where these move to, and what became of each."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, UUID, uuid5

from tests.core.plain.nouns import A_DAY, MINUTE, Batch, Leaf, Line, No, moment_here

if TYPE_CHECKING:
    from tests.core.plain.ledger import Plain

KEY = "tequio.schedules"
LAST = date(2199, 12, 31)
MAY_PASS = ("exceeds_credit_limit", "exceeds_balance_limit", "exceeds_payment_limit")


def date_of(rule: Leaf, number: int) -> date | None:
    """The date of a number, step by step from the first."""
    day, steps = rule["first"], number * rule.get("step", 1)
    match rule["every"]:
        case "once" if number > 0:
            return None
        case "day":
            day += steps * A_DAY
        case "week":
            day += steps * 7 * A_DAY
        case "month" | "year":
            year, month = day.year, day.month
            for _ in range(steps if rule["every"] == "month" else 12 * steps):
                year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            day = last_of_month_or(year, month, day.day)
    if number >= rule.get("count", number + 1) or day > min(rule.get("last", LAST), LAST):
        return None
    return day


def last_of_month_or(year: int, month: int, day: int) -> date:
    while True:
        try:
            return date(year, month, day)
        except ValueError:
            day -= 1


@dataclass
class Standing:
    """How far a schedule is."""

    leaf: int
    by: str
    rule: Leaf
    number: int
    attempt: int = 1
    refused: int = 0
    not_before: int = 0
    done: list[Leaf] = field(default_factory=list)

    @property
    def date(self) -> date | None:
        return date_of(self.rule, self.number)

    def over(self, **facts: object) -> None:
        """Its next date is over; another is next."""
        day = self.date
        assert day is not None
        self.done.append({"date": day, **facts})
        self.number, self.attempt, self.refused, self.not_before = self.number + 1, 1, 0, 0


@dataclass(frozen=True)
class Due:
    """An attempt whose moment has come; or the date is skipped or missed."""

    code: str
    date: date
    attempt: int
    outcome: str  # "", skipped, missed.


class Schedules:
    """What is asked of the schedules of a ledger."""

    def __init__(self, plain: "Plain") -> None:
        self.plain = plain

    # ---- as the lines tell

    def told(self) -> dict[str, Standing]:
        """All schedules as they stand, in the order of their codes."""
        found: dict[str, Standing] = {}
        for line in self.plain.journal if self.plain.lines["schedule"] else ():
            match line["line"]:
                case "schedule":
                    before = found.pop(line["code"], None)
                    if "schedule" in line:
                        found[line["code"]] = self._begun(line, before)
                case "occurrence":
                    one = found[line["code"]]
                    if line["outcome"] == "id_used":
                        one.attempt += 1
                    else:
                        one.over(
                            attempts=one.refused, leaf=line["place"], outcome=line["outcome"]
                        )
                case "batch" | "refused" if line["key"] == KEY:
                    for code, one in found.items():
                        if self.id_of(code, one) == line["batch"]:
                            self._attempted(one, line)
                            break
        return dict(sorted(found.items()))

    def _begun(self, line: Leaf, before: Standing | None) -> Standing:
        number = self._first(line, before)
        done = [] if before is None else before.done
        return Standing(line["place"], line["by"], line["schedule"], number, done=list(done))

    def _first(self, line: Leaf, before: Standing | None) -> int:
        """The number of the first date that is not over."""
        rule, over = line["schedule"], line.get("since", line["schedule"]["first"]) - A_DAY
        if before is not None and before.done:
            over = max(over, before.done[-1]["date"])
        number = 0
        while (day := date_of(rule, number)) is not None and day <= over:
            number += 1
        return number

    def _attempted(self, one: Standing, line: Leaf) -> None:
        if line["line"] == "batch":
            one.over(
                attempts=one.refused + 1,
                leaf=line["place"],
                outcome="posted",
                sequence=line["first_sequence"],
            )
        elif line["code"] in MAY_PASS and one.refused < one.rule.get("retries", 0):
            one.attempt, one.refused = one.attempt + 1, one.refused + 1
            minutes = one.rule.get("retry_minutes", 60)
            one.not_before = line["recorded_at"] + minutes * MINUTE
        else:
            one.over(
                attempts=one.refused + 1,
                leaf=line["place"],
                outcome="refused",
                code=line["code"],
            )

    def id_of(self, code: str, one: Standing) -> UUID | None:
        """The id of its next attempt."""
        if one.date is None:
            return None
        name = f"schedule/{code}/{one.leaf}/{one.date}/{one.attempt}"
        return uuid5(uuid5(NAMESPACE_URL, self.plain.origin), name)

    def holidays(self) -> dict[int, list[date]]:
        """Those of each year that has any."""
        found: dict[int, list[date]] = {}
        for line in self.plain.lines["holidays"]:
            found[line["year"]] = line["dates"]
        return {year: dates for year, dates in sorted(found.items()) if dates}

    def day_of(self, one: Standing) -> date | None:
        """The day on which its next date is posted; None where it is skipped."""
        holidays = [day for dates in self.holidays().values() for day in dates]

        def shift(day: date) -> str:
            on_holiday = str(one.rule.get("on_holiday", "as_is"))
            if day in holidays and on_holiday != "as_is":
                return on_holiday
            if day.isoweekday() in (6, 7):
                return str(one.rule.get("on_weekend", "as_is"))
            return "as_is"

        assert one.date is not None
        how, day = shift(one.date), one.date
        if how == "skip":
            return None
        for _ in range(31):
            if shift(day) == "as_is":
                return day
            day += A_DAY if how == "after" else -A_DAY
        return day if shift(day) == "as_is" else one.date

    def accounts_in_use(self) -> list[str]:
        """Those of schedules that have a date to come."""
        rules = [one.rule for one in self.told().values() if one.date is not None]
        return [rule[side] for rule in rules for side in ("debit_account", "credit_account")]

    # ---- what is due

    def moment(self, one: Standing) -> int:
        """When its next attempt is to be made."""
        day = self.day_of(one) or one.date
        assert day is not None
        return max(moment_here(day, one.rule["at"]), one.not_before)

    def next_moment(self) -> int | None:
        """When the first is due that is not yet; None where none is, or no day is open."""
        calendar = self.plain.days.calendar()
        if calendar.by_command and not calendar.open:
            return None
        moments = [self.moment(one) for one in self.told().values() if one.date is not None]
        return min((m for m in moments if m > self.plain.now), default=None)

    def due(self) -> list[Due]:
        """What is to be attempted now, in the order of days, minutes and codes."""
        calendar = self.plain.days.calendar()
        if calendar.by_command and not calendar.open:
            return []
        waiting = self.plain.agreements.open()
        found = []
        for code, one in self.told().items():
            if one.date is None or self.moment(one) > self.plain.now:
                continue
            if self.id_of(code, one) in waiting:
                continue
            day = self.day_of(one) or one.date
            found.append(((day, one.rule["at"], code), self._due(code, one)))
        return [due for _, due in sorted(found, key=lambda each: each[0])]

    def _due(self, code: str, one: Standing) -> Due:
        assert one.date is not None
        outcome = "skipped" if self.day_of(one) is None else ""
        miss_after = one.rule.get("miss_after")
        late = self.plain.now - self.moment(one)
        if not outcome and miss_after is not None and late > miss_after * MINUTE:
            outcome = "missed"
        return Due(code, one.date, one.attempt, outcome)

    def batch_of(self, code: str) -> Batch:
        """The batch of an attempt."""
        one = self.told()[code]
        rule = one.rule
        line = Line(
            rule["debit_account"],
            rule["credit_account"],
            rule["amount"],
            kind=rule["kind"],
            reference=f"{rule['reference']}{one.date}" if "reference" in rule else "",
            entered_by=one.by,
            up_to=rule.get("up_to", ""),
        )
        return Batch([line], source=KEY, key=KEY)

    # ---- why a line cannot follow

    def against_schedule(self, line: Leaf) -> Iterator[No]:
        plain, told, rule = self.plain, self.told(), line.get("schedule")
        before = told.get(line["code"])
        waiting = plain.agreements.open()
        if before is not None and self.id_of(line["code"], before) in waiting:
            yield No("proposal_pending")
        if rule is None:
            if before is None:
                yield No("schedule_not_found")
            return
        debit, credit = rule["debit_account"], rule["credit_account"]
        yield from plain.against_naming(debit, credit)
        if debit in plain.accounts and credit in plain.accounts:
            no = plain.why_never(debit, credit)
            if no:
                yield no
        if date_of(rule, self._first(line, before)) is None:
            yield No("schedule_empty")

    def against_occurrence(self, line: Leaf) -> Iterator[No]:
        one = self.told().get(line["code"])
        named = line["schedule"], line["date"], line["attempt"]
        if (
            one is None
            or named != (one.leaf, one.date, one.attempt)
            or (self.day_of(one) is None) != (line["outcome"] == "skipped")
        ):
            yield No("occurrence_not_due")

    def against_holidays(self, line: Leaf) -> Iterator[No]:
        dates = line["dates"]
        rising = dates == sorted(set(dates))
        if not rising or any(day.year != line["year"] for day in dates):
            yield No("holidays_not_of_year")
