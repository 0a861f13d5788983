"""Currencies and accounts, their bounds and their lives."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.simulation.auditor import orders, plans
from tests.simulation.auditor.books import NEEDS, Books, Entry, line
from tests.simulation.auditor.forms import Broken, must, place_of
from tests.simulation.auditor.state import Place

if TYPE_CHECKING:  # What it is shown; nothing of it is called.
    from ledger.core.asked import AskedAccount, AskedCurrency
    from ledger.core.model import Account
    from ledger.core.refusals import Refusal


# In this order; before them comes a balance that is not zero.
WHY_NEEDED = ("account_has_holds", "account_has_suspense", "account_has_proposals")
WHY_NEEDED += ("account_in_use",)


@line("currency")
def _currency(books: Books, entry: Entry) -> None:
    code = entry.fields["code"]
    books.once("currency", code)
    books.currencies[code] = (entry.fields["scale"], entry.fields["kind"], entry.index)
    books.shelve("scale", code, entry.fields["scale"])


@line("account")
def _account(books: Books, entry: Entry) -> None:
    fields = entry.fields
    books.once("account", fields["code"])
    books.once("holder", fields["holder"])
    must(books.scale(fields["currency"]) is not None, "an account of no currency")
    must(fields["number"] == len(books.places) + 1, "accounts are numbered in order")
    books.numbers[fields["code"]] = fields["number"]
    names = ("number", "code", "currency", "nature", "kind", "holder")
    place = Place(
        **{name: fields[name] for name in names},
        lower=fields.get("lower"),
        upper=fields.get("upper"),
    )
    must(not _crossed(place), "bounds are crossed")
    books.put(place)


@line("limit")
def _limit(books: Books, entry: Entry) -> None:
    old = books.now(entry.fields["account"])
    new = replace(
        old,
        lower=entry.fields.get("lower"),
        upper=entry.fields.get("upper"),
        soft=entry.fields.get("soft", ""),
    )
    must(old.status != "closed", "a closed account changes no more")
    must(not _crossed(new), "bounds are crossed")
    if books.get("earned", old.number):
        must(new.lower == old.lower, "set, though it is earned", new)
        must(new.upper is None or new.upper >= 0, "bounds are crossed")
    if "plan" in entry.fields:
        plans.carry_out(books, entry, new)
    else:
        must(new != old, "a line that changes nothing")
        plans.give_up_begun(books, old.number)
    books.put(new)


@line("status")
def _status(books: Books, entry: Entry) -> None:
    old, status = books.now(entry.fields["account"]), entry.fields["status"]
    must(old.status != "closed" or status == "open", "a closed account is only opened again")
    orders.take(books, entry, old)
    if status == "closed":
        needed = why_needed(books, old.number, entry.index)
        must(needed is None, "closed, though it is needed", needed)
        plans.give_up_begun(books, old.number, also_waiting=True)
    books.put(replace(old, status=status))


def stood(books: Books, account: "Account", signed: int) -> None:
    """The account stood so after some leaf, and that leaf is signed."""
    books.read()
    shown = place_of(account)
    history = books.ever(account.number)
    is_there = any(shown == place and size <= signed for size, place in history)
    must(is_there, "an account as it never stood", account)


def opened(
    books: Books, asked: "Sequence[AskedAccount]", told: "Sequence[Account]", signed: int
) -> None:
    """Accounts that were asked for are there."""
    must(len(asked) == len(told), "other accounts")
    for one, account in zip(asked, told, strict=True):
        stood(books, account, signed)
        first = books.ever(account.number)[0][1]
        names = ("code", "currency", "nature", "kind")
        for name in names:
            must(getattr(first, name) == getattr(one, name), "another account", one)


def refused_change(books: Books, refusal: "Refusal", codes: Sequence[str]) -> None:
    """A change was refused, for something that is so by now, or was a moment ago."""
    books.read()
    numbers = [books.numbers.get(code, 0) for code in codes]
    places = [place for n in numbers for _, place in books.ever(n)]
    match refusal.code:
        case "account_code_used":
            must(places, "used by nobody", codes)
        case "account_not_found":
            pass  # It may have been opened since.
        case "account_closed":
            must(any(place.status == "closed" for place in places), "not closed", codes)
        case "account_not_at_zero":
            must(any(place.balance for place in places), "always at zero", codes)
        case "account_has_holds" | "account_has_suspense" | "account_has_proposals":
            must(_was_needed(books, numbers, refusal.code), "never needed so", codes)
        case "account_in_use":
            must(_was_needed(books, numbers, refusal.code), "never in use", codes)
        case "limit_is_earned":
            must(any(books.shelf.stood("earned", n) for n in numbers), "never earned", codes)
        case "account_frozen_by_order":
            must(any(books.shelf.stood("order", n) for n in numbers), "no order", codes)
        case "currency_not_found" | "bounds_crossed" | "account_code_looks_personal":
            pass
        case _:
            raise Broken(f"a change refused as {refusal.code}")


def why_needed(books: Books, number: int, size: int, *, is_empty: bool = False) -> str | None:
    """Why an account cannot be closed, or could not if it were empty: the first reason."""
    place = books.at(number, size)
    if place is not None and place.balance and not is_empty:
        return "account_not_at_zero"
    found = {code for code, need in NEEDS if need(books, number, size)}
    return next((code for code in WHY_NEEDED if code in found), None)


def _was_needed(books: Books, numbers: Sequence[int], code: str) -> bool:
    sizes = range(len(books.entries), 0, -1)
    checks = [need for of, need in NEEDS if of == code]
    return any(need(books, n, size) for size in sizes for n in numbers for need in checks)


def has_currency(books: Books, asked: "AskedCurrency", refusal: "Refusal | None") -> None:
    books.read()
    must(asked.code in books.currencies, "a currency is missing", asked.code)
    scale, kind, _ = books.currencies[asked.code]
    is_same = (scale, kind) == (asked.scale, asked.kind)
    must(is_same is (refusal is None), "another currency", asked)


def _crossed(place: Place) -> bool:
    return place.lower is not None and place.upper is not None and place.lower > place.upper
