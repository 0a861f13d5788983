"""Ledgers, currencies, accounts and keys: what an operator sets up and changes."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from ledger.api.answers.books import (
    AccountsPage,
    BalanceAnswer,
    CurrenciesPage,
    KeysAnswer,
    LedgersPage,
    NewKeyAnswer,
    account_answer,
    currency_answer,
    key_answer,
    key_answers,
    ledger_answer,
)
from ledger.api.answers.dry_run import DryRun
from ledger.api.auth import check_asked, make_key
from ledger.api.problems import Problem
from ledger.api.queries import PAGE, Limit, NoQuery, WriteQuery
from ledger.api.receipts import refusal_problem
from ledger.api.service import Call, answer
from ledger.api.trial import Moment, known, show_moment
from ledger.api.wire import decode_accounts
from ledger.core.asked import AskedChange, AskedCurrency, AskedKey, AskedLedger
from ledger.core.book import Book
from ledger.core.days import A_DAY
from ledger.core.model import (
    Account,
    AccountCode,
    Currency,
    CurrencyCode,
    LedgerCode,
    Nature,
    Role,
    Status,
)
from ledger.core.refusals import Refusal

SCAN_MAX: Final = 50_000  # Codes a page looks at when few of them are the caller's.


class LedgersQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those after a code, in alphabetical order."""

    after: LedgerCode | UnsetType = UNSET
    limit: Limit = PAGE


class CurrenciesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those after a code, in the order in which they were added."""

    after: CurrencyCode | UnsetType = UNSET
    limit: Limit = PAGE


class AccountsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those after a code, in the order in which they were opened."""

    after: AccountCode | UnsetType = UNSET
    limit: Limit = PAGE


# ---- ledgers


async def post_ledger(call: Call) -> web.Response:
    """Open a ledger. Only with the service's own operator key."""
    if call.caller.ledger:
        raise Problem("role_not_allowed")
    asked = await call.asked(AskedLedger)
    dry_run = call.query(WriteQuery).dry_run
    work = call.desk.open_ledger(asked, call.caller, dry_run=dry_run)
    outcome = await call.service.undisturbed(work)
    if isinstance(outcome, Refusal):
        raise refusal_problem(call, outcome)
    view = ledger_answer(outcome)
    return answer(DryRun(dry_run=True, ledger=view)) if dry_run else answer(view, 201)


async def get_ledgers(call: Call) -> web.Response:
    """The ledgers that the key opens."""
    query = call.query(LedgersQuery)
    own = call.caller.ledger
    after = "" if query.after is UNSET else query.after
    codes = [c for c in call.desk.ledgers() if c > after and own in ("", c)]
    page = codes[: query.limit]
    ledgers = [ledger_answer(await call.desk.view(code)) for code in page]
    return answer(LedgersPage(ledgers=ledgers, next=page[-1] if page != codes else UNSET))


async def get_ledger(call: Call) -> web.Response:
    """How a ledger stands at its last committed leaf."""
    call.query(NoQuery)
    return answer(ledger_answer(await call.desk.view(call.ledger)))


# ---- currencies


async def post_currency(call: Call) -> web.Response:
    """Add a currency to a ledger."""
    asked = await call.asked(AskedCurrency)
    dry_run = call.query(WriteQuery).dry_run
    work = call.desk.add_currency(call.ledger, asked, call.caller, dry_run=dry_run)
    refusal = await call.service.undisturbed(work)
    if refusal is not None:
        raise refusal_problem(call, refusal)
    added = currency_answer(
        Currency(number=0, code=asked.code, kind=asked.kind, scale=asked.scale)
    )
    return answer(DryRun(dry_run=True, currency=added)) if dry_run else answer(added, 201)


async def get_currencies(call: Call) -> web.Response:
    """The currencies of a ledger."""
    query = call.query(CurrenciesQuery)
    currencies = await call.desk.read(call.ledger, lambda book: list(book.currencies.values()))
    codes = [currency.code for currency in currencies]
    if query.after is not UNSET and query.after not in codes:
        raise Problem("malformed_request", field="after", reason="no such currency")
    start = 0 if query.after is UNSET else codes.index(query.after) + 1
    page = currencies[start : start + query.limit]
    more = start + query.limit < len(currencies)
    return answer(
        CurrenciesPage(
            currencies=list(map(currency_answer, page)), next=page[-1].code if more else UNSET
        )
    )


# ---- accounts


async def post_accounts(call: Call) -> web.Response:
    """Open one account, or up to 8,190: all or none."""
    body = await call.large_body()
    dry_run = call.query(WriteQuery).dry_run
    asked = decode_accounts(body)
    work = call.desk.open_accounts(call.ledger, asked, call.caller, dry_run=dry_run)
    outcome = await call.service.undisturbed(work)
    if isinstance(outcome, Refusal):
        problem = refusal_problem(call, outcome)
        if outcome.position is not None and outcome.account is None:
            problem.facts["account"] = asked[outcome.position].code
        raise problem
    if call.is_minimal and not dry_run:
        return answer(AccountsPage(accounts=[], opened=len(outcome)), 201)
    currencies = call.desk.facts(call.ledger).currencies
    accounts = [account_answer(a, currencies[a.currency].scale) for a in outcome]
    if dry_run:
        return answer(DryRun(dry_run=True, accounts=accounts))
    return answer(AccountsPage(accounts=accounts), 201)


async def get_accounts(call: Call) -> web.Response:
    """Accounts in the order in which they were opened; a poster sees its own."""
    query = call.query(AccountsQuery)
    reach = call.reach

    def look(book: Book) -> tuple[list[tuple[Account, int]], str | UnsetType] | None:
        after = 0 if query.after is UNSET else book.numbers.get(query.after)
        if after is None:
            return None
        found: list[tuple[Account, int]] = []
        number = after
        last = min(book.accounts, after + SCAN_MAX)
        while number < last and len(found) < query.limit:
            number += 1
            if book.codes[number] in reach:
                account = book.account(number)
                found.append((account, book.currencies[account.currency].scale))
        return found, book.codes[number] if number < book.accounts else UNSET

    seen = await call.desk.read(call.ledger, look)
    if seen is None:
        raise Problem("malformed_request", field="after", reason="no such account")
    found, following = seen
    owed = await owed_of(call, [account.number for account, _ in found])
    accounts = [account_answer(one, scale, owed.get(one.number)) for one, scale in found]
    return answer(AccountsPage(accounts=accounts, next=following))


async def owed_of(call: Call, accounts: list[int]) -> Mapping[int, int]:
    """What accounts owe of demurrage, where their currency has any."""
    runs = call.service.runs
    if runs is None or not call.desk.facts(call.ledger).demurrages.accounts:
        return {}
    return await runs.owed(call.ledger, accounts)


async def get_account(call: Call) -> web.Response:
    """One account with its balance and bounds."""
    call.query(NoQuery)
    code = call.part("code")
    call.check_reach(code)

    def look(book: Book) -> tuple[Account, int] | None:
        number = book.numbers.get(code)
        if number is None:
            return None
        account = book.account(number)
        return account, book.currencies[account.currency].scale

    seen = await call.desk.read(call.ledger, look)
    if seen is None:
        raise Problem("account_not_found")
    owed = await owed_of(call, [seen[0].number])
    return answer(account_answer(*seen, owed.get(seen[0].number)))


class BalanceQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At the end of a business day, or of all; counting what was recorded until a moment.

    Adjustments to the year that ends `on` that day are left out, unless they are asked for.
    """

    on: date | UnsetType = UNSET
    as_known_on: Moment | UnsetType = UNSET
    adjustments: bool = False


async def get_balance(call: Call) -> web.Response:
    """What an account's balance was on a business day, as known at any moment."""
    query = call.query(BalanceQuery)
    code = call.part("code")
    call.check_reach(code)
    number = await call.desk.read(call.ledger, lambda book: book.numbers.get(code))
    if number is None:
        raise Problem("account_not_found")
    ledger_id = await call.service.ledger_id(call.ledger)
    until = await known(call, ledger_id, query.as_known_on)
    day, adjusting = (None if query.on is UNSET else query.on), not query.adjustments
    if day is not None and query.adjustments:
        day, adjusting = (day + A_DAY if day < date.max else None), False
    balance = await call.reads.balance_before(
        ledger_id,
        number,
        sequence=None if until is None else until + 1,
        day=day,
        adjusting=adjusting,
    )
    face = call.faces()[number]
    return answer(
        BalanceAnswer(
            account=code,
            currency=face.currency,
            nature=Nature.CREDIT if face.sign > 0 else Nature.DEBIT,
            balance=face.balance(balance),
            on=query.on,
            as_known_on=show_moment(query.as_known_on),
            adjustments=query.adjustments,
        )
    )


async def patch_account(call: Call) -> web.Response:
    """Change an account's status or bounds, or which of these may be passed."""
    asked = await call.asked(AskedChange)
    dry_run = call.query(WriteQuery).dry_run
    _check_change(call, asked)
    work = call.desk.change_account(
        call.ledger, call.part("code"), asked, call.caller, dry_run=dry_run
    )
    outcome = await call.service.undisturbed(work)
    if isinstance(outcome, Refusal):
        raise refusal_problem(call, outcome)
    scale = call.desk.facts(call.ledger).currencies[outcome.currency].scale
    changed = account_answer(outcome, scale)
    return answer(DryRun(dry_run=True, account=changed) if dry_run else changed)


def _check_change(call: Call, asked: AskedChange) -> None:
    """Raise Problem unless this changes something, and the caller may send it.

    Orders are for the role compliance, and there is nothing else that it may do.
    """
    bounds = asked.lower_bound, asked.upper_bound, asked.soft_bounds
    has_bounds = any(bound is not UNSET for bound in bounds)
    if (call.caller.role is Role.COMPLIANCE) is (asked.order is UNSET):
        raise Problem("role_not_allowed")
    if asked.status is UNSET and not has_bounds:
        raise Problem("malformed_request", field="status", reason="nothing is to be changed")
    closes = asked.status is Status.CLOSED
    wrong = {
        "order": asked.order is not UNSET and (asked.status is UNSET or has_bounds),
        "starts": asked.starts is not UNSET and not has_bounds,
        "ends": asked.ends is not UNSET and not has_bounds,
        "remaining_to": asked.remaining_to is not UNSET and (not closes or has_bounds),
    }
    for field in (name for name, is_wrong in wrong.items() if is_wrong):
        raise Problem("malformed_request", field=field, reason="does not go with the others")


# ---- keys


async def post_key(call: Call) -> web.Response:
    """Give a key. The journal says so before the key works; the secret is shown once."""
    asked = await call.asked(AskedKey)
    dry_run = call.query(WriteQuery).dry_run
    check_asked(asked)
    holder = b"" if asked.holder is UNSET else bytes.fromhex(asked.holder)
    if holder and not await call.desk.read(call.ledger, lambda book: book.is_holder(holder)):
        raise Problem("malformed_request", field="holder", reason="nobody's of an account")
    new = make_key(
        call.service.draw,
        asked.role,
        ledger=call.ledger,
        poster=asked.poster,
        accounts=asked.accounts,
        holder=holder,
    )
    given = key_answer(new.caller)
    if dry_run:
        return answer(DryRun(dry_run=True, key=given))

    async def give() -> None:
        await call.desk.record_key(call.ledger, new.caller.key, asked, call.caller)
        await call.service.keys.add(new.digest, new.caller)

    await call.service.undisturbed(give())
    return answer(NewKeyAnswer(key=given, secret=new.secret), 201)


async def get_keys(call: Call) -> web.Response:
    """The working keys of a ledger, without their secrets."""
    call.query(NoQuery)
    return answer(KeysAnswer(keys=key_answers(await call.service.keys.all_of(call.ledger))))


async def delete_key(call: Call) -> web.Response:
    """Revoke a key. It stops working even when the journal cannot be written."""
    dry_run = call.query(WriteQuery).dry_run
    name = call.part("key")
    keys = {caller.key: caller for caller in await call.service.keys.all_of(call.ledger)}
    if name not in keys:
        raise Problem("key_not_found")
    if dry_run:
        return answer(DryRun(dry_run=True, key=key_answer(keys[name])))

    async def revoke() -> None:
        try:
            await call.desk.record_key(call.ledger, name, None, call.caller)
        finally:
            await call.service.keys.revoke(call.ledger, name)
            call.service.ring.forget()

    await call.service.undisturbed(revoke())
    return web.Response(status=204)
