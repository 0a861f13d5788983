"""Planned limits: bounds of an account that hold from one moment to another."""

from dataclasses import dataclass, replace
from typing import Any

from tests.simulation.auditor.books import Books, Entry, due, line, shown
from tests.simulation.auditor.forms import must, or_none
from tests.simulation.auditor.state import Place

Bounds = tuple[int | None, int | None, str]  # The lower, the upper, and which are soft.


@dataclass(frozen=True)
class Plan:
    """A plan, and the leaf with which it began; 0 as long as it waits."""

    account: int
    starts: int
    ends: int | None
    bounds: Bounds
    author: tuple[Any, ...]
    begun: int = 0


def bounds_of(place: Place) -> Bounds:
    return place.lower, place.upper, place.soft


@line("limit_planned")
def _planned(books: Books, entry: Entry) -> None:
    fields = entry.fields
    plan = Plan(
        fields["account"],
        fields["starts"],
        fields.get("ends"),
        (fields.get("lower"), fields.get("upper"), fields.get("soft", "")),
        author_of(fields),
    )
    place = books.now(plan.account)
    must(place.status != "closed", "a closed account changes no more")
    must(not books.get("earned", plan.account), "planned, though it is earned")
    lower, upper, _ = plan.bounds
    must(lower is None or upper is None or lower <= upper, "bounds are crossed")
    latest = max(plan.starts, fields["recorded_at"])
    must(plan.ends is None or plan.ends > latest, "a plan that is over", plan)
    books.shelve("plan", entry.index, plan)


def author_of(fields: dict[str, Any]) -> tuple[Any, ...]:
    """Why a limit changes, who says so, and by which decision."""
    return fields["reason"], fields["by"], fields.get("act")


@line("limit_unplanned")
def _unplanned(books: Books, entry: Entry) -> None:
    plan = books.get("plan", entry.fields["plan"])
    must(plan is not None and not plan.begun, "no such plan waits", entry.fields)
    must(plan.account == entry.fields["account"], "the plan of another account", plan)
    must(books.now(plan.account).status != "closed", "a closed account changes no more")
    books.shelve("plan", entry.fields["plan"], None)


def carry_out(books: Books, entry: Entry, new: Place) -> None:
    """A line that says of a plan that it begins or ends: just when it should, and so."""
    number, now = entry.fields["plan"], entry.fields["recorded_at"]
    plan: Plan = books.get("plan", number)
    must(plan is not None and plan.account == new.number, "no such plan", number)
    must(plan.author == author_of(entry.fields), "by another than planned it", plan)
    if plan.begun:
        must(plan.ends is not None and plan.ends <= now, "a plan that ends early", plan)
        left = [one for one in begun(books, plan.account) if one != plan]
        after = left[-1].bounds if left else books.get("before", plan.account)
        must(bounds_of(new) == after, "after a plan other bounds than there were", new, after)
        books.shelve("plan", number, None)
        if not left:
            books.shelve("before", plan.account, None)
        return
    must(plan.starts <= now, "a plan that begins early", plan)
    must(bounds_of(new) == plan.bounds, "other bounds than were planned", new, plan)
    if plan.ends is None:
        books.shelve("plan", number, None)
        give_up_begun(books, plan.account)
        return
    if not begun(books, plan.account):
        books.shelve("before", plan.account, bounds_of(books.now(plan.account)))
    books.shelve("plan", number, replace(plan, begun=entry.index))


def begun(books: Books, account: int) -> list[Plan]:
    """The plans of an account that have begun, the last of them last."""
    found = [one for one in books.all_now("plan").values() if one.begun]
    return sorted((one for one in found if one.account == account), key=lambda one: one.begun)


def is_planned(books: Books, account: int) -> bool:
    return any(one.account == account for one in books.all_now("plan").values())


def give_up_begun(books: Books, account: int, *, also_waiting: bool = False) -> None:
    """What holds now is no more than a plan's: nothing comes back after it."""
    for number, one in books.all_now("plan").items():
        if one.account == account and (one.begun or also_waiting):
            books.shelve("plan", number, None)
    books.shelve("before", account, None)


@due
def _plans_due(books: Books, at: int) -> None:
    for number, one in books.all_now("plan").items():
        when = one.ends if one.begun else one.starts
        must(when is None or when > at, "a plan neither begun nor ended in time", number, one)


def _in_order(plans: dict[Any, Any]) -> dict[Any, Any]:
    """Plans by their leaves; by accounts those that have begun, in order."""
    found: dict[Any, Any] = {
        number: (one.account, one.starts, one.ends, one.bounds) for number, one in plans.items()
    }
    for number in sorted(plans, key=lambda number: plans[number].begun):
        if plans[number].begun:
            found.setdefault(("begun", plans[number].account), []).append(number)
    return found


@shown("plan", as_=_in_order)
def _plans(book: Any) -> dict[Any, Any]:
    waiting, begun = book.plans.waiting, book.plans.begun
    together = {number: one for of in (waiting, *begun.values()) for number, one in of.items()}
    return {
        number: (one.account, one.starts, or_none(one.ends), _bounds(one))
        for number, one in together.items()
    } | {("begun", account): list(of) for account, of in begun.items()}


@shown("before")
def _before(book: Any) -> dict[Any, Any]:
    return {account: _bounds(one) for account, one in book.plans._before.items()}


def _bounds(one: Any) -> Bounds:
    return or_none(one.lower), or_none(one.upper), str(or_none(one.soft) or "")
