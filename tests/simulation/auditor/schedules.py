"""Schedules: each of their dates comes once, in order, on its day and not before its minute."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

import msgspec

from tests.simulation.auditor.asked import is_same
from tests.simulation.auditor.books import Books, Entry, always, at_rest, line, needs, shown
from tests.simulation.auditor.dates import A_DAY, day_of, moment_of, moved, number_from
from tests.simulation.auditor.forms import SCHEDULER, digest_of, must

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.asked import AskedBatch
    from ledger.core.refusals import Refusal

DONE_KEPT = 12
MINUTE_US = 60_000_000
SOON_US = 3 * MINUTE_US  # Until the scheduler has looked again, after a fault too.
PASSING = ("exceeds_credit_limit", "exceeds_balance_limit", "exceeds_payment_limit")


@dataclass(frozen=True)
class Standing:
    """A schedule: which of its dates is next, which attempt at it, and what came of others."""

    leaf: int
    by: str
    rule: Mapping[str, Any]
    number: int
    attempt: int = 1
    refused: int = 0
    not_before: int = 0
    done: tuple[Mapping[str, Any], ...] = ()

    @property
    def day(self) -> date | None:
        """The date that is next, as the rule has it."""
        return day_of(self.rule, self.number)

    @property
    def last(self) -> date:
        """The date that was over last."""
        return date.fromisoformat(self.done[-1]["date"]) if self.done else date.min

    def after(self, outcome: str, leaf: int, attempts: int, **facts: Any) -> "Standing":
        """The same, once its next date is over."""
        one = {"attempts": attempts, "date": str(self.day), "leaf": leaf, "outcome": outcome}
        return Standing(
            self.leaf,
            self.by,
            self.rule,
            self.number + 1,
            done=(*self.done, {**one, **facts})[-DONE_KEPT:],
        )


# ---- what is next


def attempt_id(books: Books, code: str, standing: Standing) -> UUID:
    """The id of the attempt that is next."""
    name = f"schedule/{code}/{standing.leaf}/{standing.day}/{standing.attempt}"
    return uuid5(uuid5(NAMESPACE_URL, books.origin), name)


def whose(books: Books, batch: UUID, size: int) -> tuple[str, Standing] | None:
    """The schedule of which an id is the next attempt, after `size` leaves."""
    for code, standing in books.shelf.all_at("schedule", size).items():
        if standing.day is not None and attempt_id(books, code, standing) == batch:
            return code, standing
    return None


def _shifted(books: Books, standing: Standing, size: int) -> date | None:
    """The day on which its next date is posted; None where that is skipped."""
    holidays = books.shelf.all_at("holidays", size)
    assert standing.day is not None
    return moved(standing.rule, standing.day, lambda day: day in holidays.get(day.year, ()))


def due_at(books: Books, standing: Standing, size: int) -> int:
    """From when on its next attempt may be made, in microseconds since 1970."""
    zone = books.entries[0].fields["time_zone"]
    day = _shifted(books, standing, size) or standing.day
    assert day is not None
    return max(moment_of(day, standing.rule["at"], zone), standing.not_before)


def attempt_asked(books: Books, code: str, standing: Standing) -> "AskedBatch":
    """What is asked for by an attempt, as if somebody had sent it."""
    rule = standing.rule
    payer, payee = (books.now(rule[f"{side}_account"]) for side in ("debit", "credit"))
    scale = books.currencies[payer.currency][0]
    digits = str(rule["amount"]).rjust(scale + 1, "0")
    reference = rule.get("reference", "")
    asked = SimpleNamespace(
        id=attempt_id(books, code, standing),
        mode="atomic",
        source=SCHEDULER,
        late=None,
        count=None,
        control_sums=None,
    )
    asked.transfers = [
        SimpleNamespace(
            debit_account=payer.code,
            credit_account=payee.code,
            amount=f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits,
            currency=payer.currency,
            kind=rule["kind"],
            reference=f"{reference}{standing.day}" if reference else "",
            description="",
            business_date=None,
            value_date=None,
            entered_by=standing.by,
            approved_by="",
            terms=_Terms(rule["up_to"]) if "up_to" in rule else None,
        )
    ]
    return cast("AskedBatch", asked)


@dataclass(frozen=True)
class _Terms:
    """Terms of which there is one at most."""

    up_to: str

    def __getattr__(self, name: str) -> None:
        return None


def _today(books: Books, at: int) -> date:
    """The date in the ledger's time zone."""
    zone = ZoneInfo(books.entries[0].fields["time_zone"])
    return datetime.fromtimestamp(at // 1_000_000, UTC).astimezone(zone).date()


# ---- lines


@line("schedule")
def _schedule(books: Books, entry: Entry) -> None:
    """No date that is over comes again; none is forgotten that the line does not forget."""
    code, rule = entry.fields["code"], entry.fields.get("schedule")
    there: Standing | None = books.get("schedule", code)
    if there is not None:
        is_waiting = there.day and is_open(books, attempt_id(books, code, there), entry.index)
        must(not is_waiting, "changed while its attempt waits", code)
    if rule is None:
        must(there, "no such schedule to cancel", code)
        books.shelve("schedule", code, None)
        return
    payer, payee = books.now(rule["debit_account"]), books.now(rule["credit_account"])
    must(payer != payee, "to and from one account", rule)
    must("closed" not in (payer.status, payee.status), "of a closed account", rule)
    must(payer.currency == payee.currency, "between two currencies", rule)
    since = _today(books, entry.fields["recorded_at"])
    since = min(since, there.day) if there is not None and there.day else since
    told = entry.fields.get("since")
    must(told == (str(since) if str(since) > rule["first"] else None), "over since", told)
    done = () if there is None else there.done
    number = number_from(rule, max(since, there.last + A_DAY) if there and done else since)
    must(number is not None, "a schedule without a date", rule)
    assert number is not None
    by = entry.fields["by"]
    books.shelve("schedule", code, Standing(entry.index, by, rule, number, done=done))


@line("holidays")
def _holidays(books: Books, entry: Entry) -> None:
    year = entry.fields["year"]
    days = list(map(date.fromisoformat, entry.fields["dates"]))
    must(days == sorted(set(days)), "holidays out of order", days)
    must(all(day.year == year for day in days), "holidays of another year", days)
    must(days != (books.get("holidays", year) or []), "a line that changes nothing", year)
    books.shelve("holidays", year, days or None)


@line("occurrence")
def _occurrence(books: Books, entry: Entry) -> None:
    """What became of a date where no batch says it, and that it could become of it."""
    fields, at = entry.fields, entry.index
    code, outcome = fields["code"], fields["outcome"]
    standing: Standing | None = books.get("schedule", code)
    must(standing and standing.day, "of no schedule that has a date", code)
    assert standing is not None
    expected = (standing.leaf, str(standing.day), standing.attempt)
    found = (fields["schedule"], fields["date"], fields["attempt"])
    must(found == expected, "not what is next of a schedule", found, expected)
    now, begins = fields["recorded_at"], due_at(books, standing, at)
    must(begins <= now, "before its moment", code, begins - now)
    batch = attempt_id(books, code, standing)
    must(not is_open(books, batch, at), "given up while it waits", code)
    is_skipped = _shifted(books, standing, at) is None
    must(is_skipped is (outcome == "skipped"), "skipped against its rule, or not", fields)
    if outcome == "id_used":
        must(batch in books.spent, "spent by nobody", batch)
        books.shelve("schedule", code, replace(standing, attempt=standing.attempt + 1))
        return
    if outcome == "missed":
        wait = standing.rule.get("miss_after")
        is_late = wait is not None and now - begins > wait * MINUTE_US
        must(is_late, "given up too early", fields)
    books.shelve("schedule", code, standing.after(outcome, at, standing.refused))


@always
def _moves_on(books: Books, entry: Entry) -> None:
    """What the scheduler posts, or offers, is what is next of a schedule, and due."""
    fields, at = entry.fields, entry.index
    is_its = fields["line"] in ("batch", "refused", "proposed") and fields["key"] == SCHEDULER
    if not is_its:
        return
    found = whose(books, UUID(fields["batch"]), at)
    must(found is not None, "posted for no date that is next", fields["batch"])
    assert found is not None
    code, standing = found
    asked, now = attempt_asked(books, code, standing), fields["recorded_at"]
    is_new = books.entries[at - 1].fields["line"] != "decided"
    if is_new:  # What waited was asked when it was offered; holidays may have come since.
        must(_shifted(books, standing, at) is not None, "posted, though it is skipped", code)
        begins = due_at(books, standing, at)
        must(begins <= now, "before its moment", code, begins - now)
    if fields["line"] == "proposed":
        return
    books.own.add(asked.id)
    if fields["line"] == "batch":
        is_planned = not is_new or is_same(books, entry, asked, SCHEDULER)
        must(is_planned, "posted what was not planned", code)
        first = fields["first_sequence"]
        after = standing.after("posted", at, standing.refused + 1, sequence=first)
    else:
        must(fields["digest"] == digest_of(fields["salt"], asked), "refused something else")
        after = _after_refusal(standing, fields, at)
    books.shelf.put(("schedule", code), after, at + 1)


def _after_refusal(standing: Standing, fields: Mapping[str, Any], at: int) -> Standing:
    """Tried again where it may pass, as often as the rule says; else the date is over."""
    rule = standing.rule
    if fields["code"] in PASSING and standing.refused < rule.get("retries", 0):
        wait = rule.get("retry_minutes", 60) * MINUTE_US
        return replace(
            standing,
            attempt=standing.attempt + 1,
            refused=standing.refused + 1,
            not_before=fields["recorded_at"] + wait,
        )
    return standing.after("refused", at, standing.refused + 1, code=fields["code"])


def is_open(books: Books, batch: UUID, size: int) -> bool:
    """Whether a batch waited for others, after `size` leaves."""
    return books.shelf.at("proposal", batch, size) is not None


@needs("account_in_use")
def _is_planned(books: Books, number: int, size: int) -> bool:
    """Whether a date to come is paid by it, or to it."""
    return any(
        one.day is not None
        and number in (one.rule["debit_account"], one.rule["credit_account"])
        for one in books.shelf.all_at("schedule", size).values()
    )


@shown("schedule")
def _schedules(book: Any) -> dict[Any, Any]:
    return {
        code: Standing(
            one.leaf,
            one.by,
            msgspec.to_builtins(one.schedule),
            one.number,
            one.attempt,
            one.refused,
            one.not_before,
            tuple(map(msgspec.to_builtins, one.done)),
        )
        for code, one in book.schedules.by_code.items()
    }


@shown("holidays")
def _all_holidays(book: Any) -> dict[Any, Any]:
    return {year: list(days) for year, days in book.schedules.holidays.items()}


# ---- what is due, and what was told


@at_rest
def _none_left_out(books: Books, at: int) -> None:
    """Every date that has come is over, or something keeps it waiting that is plain to see."""
    size = len(books.entries)
    calendar = books.calendar(size)
    if calendar.is_by_command and not calendar.open:
        return
    for code, standing in books.all_now("schedule").items():
        if standing.day is None or due_at(books, standing, size) > at - SOON_US:
            continue
        asked = attempt_asked(books, code, standing)
        is_waiting = any(
            _keeps(books, one, asked) for one in books.all_now("proposal").values()
        )
        must(is_waiting, "a date was left out", code, standing)


def _keeps(books: Books, proposal: Any, asked: "AskedBatch") -> bool:
    """Whether what waits is this attempt, or the same by another name."""
    fields = proposal.fields
    if fields["batch"] == str(asked.id):
        return True
    digest = digest_of(fields["salt"], asked, is_whole=True, batch=fields["batch"])
    return bool(fields["digest"] == digest)


def schedule_told(
    books: Books,
    code: str,
    rule: Mapping[str, Any] | None,
    refusal: "Refusal | None",
    signed: int,
    since: int,
    latest: int,
) -> None:
    """A schedule was set so, or cancelled, or there is a reason why not.

    Args:
        rule: with codes of accounts in place of numbers.
        since: how many leaves there were when it was asked.
        latest: what time it was when it was answered, by the fastest clock.
    """
    books.read()
    stood = [(0, None), *books.shelf.stood("schedule", code)]
    sizes = books.sizes(since)
    ever = [books.shelf.at("schedule", code, size) for size in sizes]
    match refusal and refusal.code:
        case None:
            is_so = any(_is_rule(books, one, rule) and size <= signed for size, one in stood)
            must(is_so, "a schedule that was never so", code, rule)
        case "schedule_not_found":
            must(rule is None and None in ever, "a schedule that is there is not found", code)
        case "proposal_pending":
            waits = [
                one.day is not None and is_open(books, attempt_id(books, code, one), size)
                for size, one in zip(sizes, ever, strict=True)
                if one is not None
            ]
            must(any(waits), "nothing of it waits", code)
        case "schedule_empty":
            assert rule is not None
            last = max((one.last for one in ever if one is not None), default=date.min)
            over = max(_today(books, latest), min(last, date(2200, 1, 1)) + A_DAY)
            must(number_from(rule, over) is None, "it has dates", code, rule)
        case "accounts_must_differ":
            must(rule and rule["debit_account"] == rule["credit_account"], "they differ", rule)
        case "account_closed":
            assert rule is not None
            sides = [books.numbers[rule[f"{side}_account"]] for side in ("debit", "credit")]
            stood = [one.status for side in sides for _, one in books.ever(side)]
            must("closed" in stood, "never closed", rule)
        case other:
            names = ("account_not_found", "currency_not_found", "currency_must_match_accounts")
            names += ("accounts_of_different_currencies", "account_closed")
            must(other in names, "refused without reason", other)


def _is_rule(books: Books, one: Standing | None, rule: Mapping[str, Any] | None) -> bool:
    if one is None or rule is None:
        return one is rule
    sides = ("debit_account", "credit_account")
    return one.rule == {**rule, **{side: books.numbers.get(rule[side]) for side in sides}}


def holidays_told(
    books: Books, year: int, days: list[date], refusal: "Refusal | None", signed: int
) -> None:
    """The holidays of a year were set so, or are not of that year."""
    books.read()
    if refusal is not None:
        must(refusal.code == "holidays_not_of_year", "refused without reason", refusal.code)
        must(any(day.year != year for day in days), "they are of that year", year)
        return
    stood = [(0, None), *books.shelf.stood("holidays", year)]
    is_so = any((one or []) == sorted(set(days)) and size <= signed for size, one in stood)
    must(is_so, "holidays that never were", year, days)
