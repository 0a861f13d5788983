"""The whole state as the lines of a snapshot, by the page's section on them.

Accounts are numbers here, as in the journal.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from tests.core.plain.ledger import Plain
from tests.core.plain.limits import PERIODS, Bounds, is_same
from tests.core.plain.nouns import NEVER, NO_BOUND, Leaf

# Fields that name an account. In a levy `payer` is a side, in a proposal an account.
NAMES = {
    "account",
    "meant_for",
    "partner",
    "treasury",
    "issuer",
    "reserve",
    "payer",
    "payee",
    "debit_account",
    "credit_account",
}
SIDES = ("debit", "credit")


def number_of(plain: Plain, code: str) -> int:
    """An account's number; of one that is not there, one above all."""
    codes = list(plain.accounts)
    return codes.index(code) + 1 if code in codes else len(codes) + 7


def numbered(plain: Plain, value: Any) -> Any:
    """A line, or a part of one, with numbers for the codes of accounts."""
    if isinstance(value, list):
        return [numbered(plain, each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: number_of(plain, each)
        if name in NAMES and isinstance(each, str) and each not in SIDES
        else numbered(plain, each)
        for name, each in value.items()
        if name != "place"
    }


def state(plain: Plain) -> list[Leaf]:
    """All lines, in order."""
    lines = [line for part in PARTS for line in part(plain)]
    return [numbered(plain, line) for line in lines]


def some(**fields: Any) -> Leaf:
    """Fields of a line, without those that are not there."""
    return {name: value for name, value in fields.items() if value not in (None, "", NEVER)}


def bounds(told: Bounds) -> Leaf:
    lower, upper, soft = told
    return some(
        lower=None if lower == -NO_BOUND else lower,
        upper=None if upper == NO_BOUND else upper,
        soft=soft,
    )


def head(plain: Plain) -> list[Leaf]:
    batches = [line for line in plain.journal if line["line"] == "batch"]
    return [
        {
            "line": "state",
            "accounts": len(plain.accounts),
            "batches": len(batches),
            "recorded_at": plain.journal[-1]["recorded_at"],
            "rules": 1,
            "size": len(plain.journal),
            "transfers": len(plain.rows),
        }
    ]


def currencies(plain: Plain) -> list[Leaf]:
    return [
        {"line": "state_currency", **{name: line[name] for name in ("code", "kind", "scale")}}
        for line in plain.currencies.values()
    ]


def accounts(plain: Plain) -> list[Leaf]:
    kept = ("code", "currency", "holder", "kind", "nature", "number")
    return [
        {
            "line": "state_account",
            "balance": str(plain.balance(code)),
            "status": plain.status(code),
            **{name: line[name] for name in kept},
            **bounds(plain.limits.bounds(code)),
        }
        for code, line in plain.accounts.items()
    ]


def holds(plain: Plain) -> list[Leaf]:
    return [
        {
            "line": "state_hold",
            "amount": row.amount,
            "credit_account": row.credit,
            "debit_account": row.debit,
            "expires": row.expires,
            "left": plain.left(n),
            "sequence": n,
        }
        for n, row in plain.holds().items()
    ]


def suspense(plain: Plain) -> list[Leaf]:
    rows = [(n, left, plain.rows[n - 1]) for n, left in plain.suspended().items()]
    return [
        {
            "line": "state_suspended",
            "account": plain.stood_in(n),
            "left": left,
            "meant_for": row.absent,
            "sequence": n,
            "side": row.stands_in,
            "since": row.at,
            "why": row.why,
        }
        for n, left, row in rows
    ]


def days(plain: Plain) -> list[Leaf]:
    told = plain.days.calendar()
    settings = told.settings if "line" in told.settings else None
    first = {
        "line": "state_days",
        "open": sorted(told.open),
        **some(
            settings=settings,
            closed_through=told.closed_through,
            opened_through=told.opened_through,
        ),
    }
    totals = [
        {"line": "state_day_total", "date": day, **total}
        for day in sorted(told.totals)
        for total in told.totals_of(day)
    ]
    marks = [
        {"line": "state_period", "mark": mark, "month": month, "year": year}
        for (year, month), mark in sorted(told.marks.items())
    ]
    lines = [first, *totals, *marks]
    return [] if lines == [{"line": "state_days", "open": []}] else lines


def levies(plain: Plain) -> list[Leaf]:
    rules = plain.charges.levies()
    return [{"line": "state_levy", "code": code, "levy": r} for code, r in rules.items()]


def demurrage(plain: Plain) -> list[Leaf]:
    charges = plain.charges
    return [
        {
            "line": "state_demurrage",
            "account": charges.collecting(currency),
            "currency": currency,
            "since": since,
            **some(rule=rule),
        }
        for currency in sorted(plain.currencies)
        for since, rule in charges.demurrage(currency)
    ]


def fees(plain: Plain) -> list[Leaf]:
    rules = plain.charges.fees()
    return [{"line": "state_fee", "code": code, "fee": rule} for code, rule in rules.items()]


def reserves(plain: Plain) -> list[Leaf]:
    rules = plain.charges.reserves()
    return [{"line": "state_reserve", "currency": c, "rule": rule} for c, rule in rules.items()]


def plans(plain: Plain) -> list[Leaf]:
    kept = ("account", "act", "by", "ends", "lower", "reason", "soft", "starts", "upper")

    def line_of(n: int, plan: Leaf, begun: bool) -> Leaf:
        facts = {name: plan[name] for name in kept if name in plan}
        return {"line": "state_plan", "begun": begun, "plan": n, **facts}

    told = {code: plain.limits.told(code) for code in plain.accounts}
    waiting = [(n, plan) for each in told.values() for n, plan in each.waiting.items()]
    return [
        *(line_of(n, plan, False) for n, plan in sorted(waiting, key=lambda each: each[0])),
        *(line_of(n, plan, True) for each in told.values() for n, plan in each.begun.items()),
        *(
            {"line": "state_before", "account": code, **bounds(each.before)}
            for code, each in told.items()
            if each.before is not None
        ),
    ]


def earned(plain: Plain) -> list[Leaf]:
    limits = plain.limits
    return [
        {
            "line": "state_earned",
            "account": code,
            "received": str(limits.received(code)),
            "rule": limits.told(code).rule,
            "since": limits.since(code),
        }
        for code in plain.accounts
        if limits.told(code).rule is not None
    ]


def payments(plain: Plain) -> list[Leaf]:
    lines = []
    for code in plain.accounts:
        limits = plain.limits.payment_limits(code)
        if not limits:
            continue
        paid = plain.limits.paid(code)
        last = max((day for day, _ in paid), default=date(1970, 1, 1))
        line: Leaf = {"line": "state_payments", "account": code, "day": last}
        line |= {f"limit_{name}": limit for name, limit in limits.items()}
        for name in PERIODS:
            spent = sum(amount for day, amount in paid if is_same(name, day, last))
            line[f"paid_{name}"] = str(spent)
        lines.append(line)
    return lines


def orders(plain: Plain) -> list[Leaf]:
    codes = [code for code in plain.accounts if plain.order(code)]
    return [
        {"line": "state_order", "account": code, "order": plain.order(code)} for code in codes
    ]


def schedules(plain: Plain) -> list[Leaf]:
    holidays = plain.schedules.holidays()
    return [
        *(
            {"line": "state_holidays", "dates": dates, "year": year}
            for year, dates in holidays.items()
        ),
        *(
            {
                "line": "state_schedule",
                "attempt": one.attempt,
                "by": one.by,
                "code": code,
                "done": one.done[-12:],
                "leaf": one.leaf,
                "not_before": one.not_before,
                "number": one.number,
                "refused": one.refused,
                "schedule": one.rule,
            }
            for code, one in plain.schedules.told().items()
        ),
    ]


def poster_keys(plain: Plain) -> list[Leaf]:
    return [
        {
            "line": "state_poster_key",
            "poster": poster,
            "public_key": key,
            "since": since,
            **some(until=until),
        }
        for (poster, key), (since, until) in plain.poster_keys().items()
    ]


def policies(plain: Plain) -> list[Leaf]:
    roles = sorted(plain.agreements.roles().items())
    rules = plain.agreements.policies()
    return [
        *({"line": "state_key", "key": key, "role": role} for key, role in roles),
        *(
            {
                "line": "state_policy",
                "code": code,
                "rule": line["rule"],
                "since": line["place"],
            }
            for code, line in rules.items()
        ),
    ]


def workflows(plain: Plain) -> list[Leaf]:
    pairs = plain.agreements.whitelist()
    by_number = sorted((number_of(plain, a), number_of(plain, p)) for a, p in pairs)
    return [
        *(
            {"line": "state_workflow", "code": code, **some(rule=rule)}
            for code, rule in plain.agreements.own_workflows().items()
        ),
        *(
            {"line": "state_whitelist", "account": account, "partner": partner}
            for account, partner in by_number
        ),
    ]


def proposals(plain: Plain) -> list[Leaf]:
    return [
        {
            "line": "state_proposal",
            "index": one.line["place"],
            "proposed": one.line,
            **({"accepted": True} if one.is_accepted else {}),
            **(
                {"approved": [some(by=s["by"], user=s.get("user")) for s in one.approved]}
                if one.approved
                else {}
            ),
        }
        for one in plain.agreements.open().values()
    ]


def disputes(plain: Plain) -> list[Leaf]:
    return [
        {
            "line": "state_dispute",
            "by": line["by"],
            "index": line["place"],
            "reason": line["reason"],
            "since": line["recorded_at"],
            "target": target,
            **some(due=line.get("due"), overdue=line.get("overdue")),
        }
        for target, line in plain.agreements.disputes().items()
    ]


PARTS: tuple[Callable[[Plain], list[Leaf]], ...] = (
    head,
    currencies,
    accounts,
    holds,
    suspense,
    days,
    levies,
    demurrage,
    fees,
    reserves,
    plans,
    earned,
    payments,
    orders,
    schedules,
    poster_keys,
    policies,
    workflows,
    proposals,
    disputes,
)
