"""Wishes about accounts: their bounds and status, and limits that change by themselves."""

from dataclasses import replace
from datetime import date
from typing import Any

from tests.core.plain.nouns import NO_BOUND, SECOND, Batch, Line
from tests.core.twins import services
from tests.core.twins.pair import Twins
from tests.core.wishes.dice import Dice

WHO = ("ana", "ben", "eva", "shop", "hank")
ACT = {"number": "ACTA-1", "date": date(2023, 11, 2), "hash": bytes(32)}


def an_account(dice: Dice, twins: Twins) -> str:
    """One of the favourites, mostly the same."""
    first, second = twins.favourites
    return dice.mostly(dice.one(first, first, second, dice.of(WHO), "hank"), "nobody")


def open_account(
    twins: Twins, code: str, lower: int | None, upper: int | None, **facts: Any
) -> bool:
    given = {"lower": lower, "upper": upper}
    return twins.tell(
        line="account",
        number=len(twins.plain.accounts) + 1,
        code=code,
        holder=bytes(16),
        by="op",
        **{name: bound for name, bound in given.items() if bound is not None},
        **{"currency": "MXN", "nature": "credit", "kind": "member", **facts},
    )


def account(dice: Dice, twins: Twins) -> None:
    open_account(
        twins,
        dice.one("late", "late", "later", "ana"),
        dice.one(0, None, 5),
        dice.mostly(3, -1),
        currency=dice.mostly("MXN", "EUR"),
        nature=dice.one("credit", "debit"),
    )


def currency(dice: Dice, twins: Twins) -> None:
    twins.tell(
        line="currency", code=dice.one("CLP", "HRS"), kind="mutual_credit", scale=0, by="op"
    )


def some_bounds(dice: Dice) -> dict[str, Any]:
    given = {
        "lower": dice.one(-50, -200, 0, 10, -NO_BOUND),
        "upper": dice.one(300, 0, 100, -5, NO_BOUND),
        "soft": dice.one("", "", "debit", "credit", "both"),
    }
    return {k: v for k, v in given.items() if v not in ("", NO_BOUND, -NO_BOUND)}


def bounds(dice: Dice, twins: Twins) -> None:
    code, given = an_account(dice, twins), some_bounds(dice)
    there = twins.plain.limits.told(code) if code in twins.plain.accounts else None
    if there is not None and there.rule is not None and not dice.seldom():
        given |= {"lower": twins.plain.limits.lower(code)}
    twins.tell(line="limit", account=code, reason="assembly", by="op", **given)


def status(dice: Dice, twins: Twins) -> None:
    plain = twins.plain
    code = dice.of((*WHO, "cash", "bridge", "fund", "vera", "late", *twins.favourites * 3))
    stati = ("open", "open", "frozen", "frozen_debits", "frozen_credits", "closed", "closed")
    becomes = dice.of(stati)
    ordered, empty = [c for c in plain.accounts if plain.order(c)], _empty_ones(twins)
    if ordered and dice.roll(3) == 2:
        code = dice.of(ordered)
    elif empty and dice.one(True, False):
        code, becomes = dice.of(empty), "closed"
    order = {"order": dice.one("OF-1", "OF-2")} if dice.roll(3) == 2 else {}
    facts = {"status": becomes, "reason": "asked", "by": "op"}
    twins.tell(line="status", account=code, **facts, **order)


def _empty_ones(twins: Twins) -> list[str]:
    """Accounts that could be closed, were it not for something else."""
    plain = twins.plain
    waiting = [one.line for one in plain.agreements.open().values()]
    needed = {
        *(code for code in plain.accounts if plain.pending_credits(code)),
        *(code for code in WHO if plain.limits.told(code).waiting),
        *(code for code in WHO if plain.limits.told(code).begun),
        *(line[side] for line in waiting for side in ("payer", "payee") if side in line),
        *plain.charges.accounts_in_use(),
        *plain.schedules.accounts_in_use(),
    }
    return sorted(code for code in needed if plain.balance(code) == 0)


def expire(dice: Dice, twins: Twins) -> None:
    """As somebody might write into a journal who should not."""
    held = [row.sequence for row in twins.plain.rows if row.phase == "held"] or [1]
    twins.tell(line="expired", holds=[dice.of(held) for _ in range(1 + dice.roll(3))])


def leave(dice: Dice, twins: Twins) -> None:
    """An account is closed, its balance moved to another first."""
    plain = twins.plain
    suspended = [plain.stood_in(n) for n in plain.suspended()]
    code, to = dice.of((*WHO, *suspended * 4)), dice.one("cash", "loss", "loss")
    if to not in plain.accounts:
        open_account(twins, "loss", None, None, kind="loss")
        to = "loss"
    if plain.status(code) == "closed" or plain.currency(code) != plain.currency(to):
        return
    services.leave(twins, code, to, has_act=dice.one(True, False))


# ---- limits that change by themselves


def plan(dice: Dice, twins: Twins) -> None:
    """One plan, or some on the same account that begin one after the other."""
    code = an_account(dice, twins)
    for _ in range(dice.one(1, 1, 2, 3)):
        now = twins.plain.now
        starts = now + dice.one(0, 0, 60, 1, 3600, 100_000, -1) * SECOND
        ends = starts + dice.one(60, 3600, 90_000, 0, -1) * SECOND
        ends = dice.one(None, ends, ends, ends, now)
        twins.tell(
            line="limit_planned",
            account=code,
            reason="harvest",
            by="op",
            starts=starts,
            **({} if ends is None else {"ends": ends}),
            **({"act": ACT} if dice.one(False, True) else {}),
            **some_bounds(dice),
        )
        if dice.one(True, False):
            twins.clock()


def _a_plan(dice: Dice, twins: Twins) -> tuple[str, int]:
    """An account and the leaf of a plan, mostly its own."""
    plain = twins.plain
    lines = [line for line in plain.journal if line["line"] == "limit_planned"]
    waiting = [
        line
        for line in lines
        if line["place"] in plain.limits.told(line["account"]).waiting
        or line["place"] in plain.limits.told(line["account"]).begun
    ]
    if not lines or dice.seldom():
        return an_account(dice, twins), dice.roll(20)
    line = dice.of(waiting * 3 + lines)
    return dice.mostly(line["account"], an_account(dice, twins)), line["place"]


def unplan(dice: Dice, twins: Twins) -> None:
    code, plan = _a_plan(dice, twins)
    twins.tell(line="limit_unplanned", account=code, plan=plan, reason="rain", by="op")


def begin(dice: Dice, twins: Twins) -> None:
    """A plan is said to begin or end, mostly when its time has not come."""
    code, n = _a_plan(dice, twins)
    plan = twins.plain.journal[n] if n < len(twins.plain.journal) else {}
    if dice.one(True, False) and plan.get("line") == "limit_planned":
        fields = ("reason", "by", "act", "lower", "upper", "soft")
        given = {name: plan[name] for name in fields if name in plan}
    else:
        given = {"reason": "harvest", "by": "op", **some_bounds(dice)}
    twins.tell(line="limit", account=code, plan=n, **given)


def earn(dice: Dice, twins: Twins) -> None:
    rule = {
        "base": dice.one(0, 20, 100),
        "cap": dice.one(100, 150, 1000, 10),
        "n": dice.one(1, 2, 3),
        "d": dice.one(1, 2, 7),
        **({"kinds": ["fair", "loan"]} if dice.one(False, True) else {}),
    }
    given = {} if dice.roll(5) == 4 else {"rule": rule}
    twins.tell(
        line="limit_earned", account=an_account(dice, twins), reason="trust", by="op", **given
    )


def take_back(dice: Dice, twins: Twins) -> None:
    """Reverse what was paid to an account whose limit is earned."""
    plain = twins.plain
    rows = [
        row
        for row in plain.rows
        if row.moves and row.part in ("own", "rest") and not row.takes
        if plain.limits.told(row.credit).rule is not None
    ]
    left = [row for row in rows if row.amount > plain.taken(row.sequence)]
    if left:
        row = dice.of(left[-4:])
        most = row.amount - plain.taken(row.sequence)
        line = Line(row.credit, row.debit, dice.one(most, max(1, most // 2)), kind="fair")
        twins.post(Batch([replace(line, action="reverse", target=row.sequence)]))


def payments(dice: Dice, twins: Twins) -> None:
    given = {
        name: dice.one(50, 100, 200)
        for name in ("day", "transfer", "week", "month", "year")
        if dice.one(True, False)
    }
    code = dice.one(an_account(dice, twins), an_account(dice, twins), "cash")
    twins.tell(line="payment_limits", account=code, reason="prudence", by="op", **given)
