"""Wishes about what the ledger takes, and what backs a currency."""

from dataclasses import replace
from datetime import date
from typing import Any

from tests.core.plain.charges import is_first
from tests.core.plain.nouns import A_DAY, AMOUNT_MAX, Batch, Line
from tests.core.twins import services
from tests.core.twins.pair import Twins
from tests.core.wishes.dice import Dice

PERIODS = ("week", "month", "quarter", "year")


def _levy(dice: Dice) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "kinds": dice.one(["payment"], ["fair"], ["payment", "fair"], ["loan"]),
        "treasury": dice.mostly(dice.one("fund", "vera"), "shop", "bonds", "nobody"),
        "payer": dice.one("debit", "credit"),
        "n": dice.one(1, 1, 3, 0),
        "d": dice.one(10, 4, 3, 200, 10, 4, 1),
    }
    rule |= {"fixed": 2} if dice.roll(3) == 2 else {}
    rule |= {"minimum": dice.one(3, 9)} if dice.roll(3) == 2 else {}
    rule |= {"maximum": dice.one(5, 8)} if dice.roll(3) == 2 else {}
    return rule


def levy(dice: Dice, twins: Twins) -> None:
    given = {} if dice.roll(8) == 7 else {"levy": _levy(dice)}
    code = dice.one("tithe", "alms", "toll")
    twins.tell(line="levy", code=code, by="op", reason="assembly", **given)


def levies(dice: Dice, twins: Twins) -> None:
    """As many for a kind as there may be, and one more."""
    rule = {"kinds": ["fair"], "treasury": "fund", "payer": "credit", "n": 1, "d": 50}
    for n in range(8):
        twins.tell(line="levy", code=f"levy_{n}", by="op", reason="assembly", levy=rule)


def give_back(dice: Dice, twins: Twins) -> None:
    """Take back some of what was levied; perhaps just what the levy leaves there."""
    plain = twins.plain
    rows = [row for row in plain.rows if plain.levies_on(row.sequence) and not row.takes]
    left = [row for row in rows if row.amount > plain.taken(row.sequence)]
    if not left:
        return
    row = dice.of(left[-3:])
    most = row.amount - plain.taken(row.sequence)
    back = plain.charges.going_back(row.sequence, most)
    returns = sum(amount for _, _, to, amount in back if to == row.credit)
    spent = plain.room_to_pay(row.credit) - (most - returns) + dice.one(0, 1)
    if dice.one(False, True) and 0 < spent < AMOUNT_MAX and row.debit != "bridge":
        twins.post(Batch([Line(row.credit, row.debit, spent, kind="rent")]))
    parts = dice.one((most,), (most,), (most // 3, most // 3), (1, most - 1), (most, 1))
    lines = [Line(row.credit, row.debit, max(1, part), kind=row.kind) for part in parts]
    lines = [replace(line, action="reverse", target=row.sequence) for line in lines]
    twins.post(Batch(lines, mode="each"))


def reserve(dice: Dice, twins: Twins) -> None:
    rule = {
        "issuer": dice.mostly("bonds", "vera", "cash", "nobody"),
        "reserve": dice.mostly(dice.one("cash", "fund", "vault"), "bonds", "nobody"),
        "n": dice.one(1, 3, 20),
        "d": dice.one(1, 2),
    }
    given = {} if dice.roll(6) == 5 else {"rule": rule}
    currency = dice.one(*("BON",) * 6, "EUR", "MXN")
    twins.tell(line="reserve", currency=currency, by="op", reason="board", **given)


def issue(dice: Dice, twins: Twins) -> None:
    """Issue, redeem, put into the reserve or take out of it; mostly what is just backed."""
    plain, rule = twins.plain, twins.plain.charges.reserves().get("BON")
    if rule is None:
        return
    issuer, reserve = rule["issuer"], rule["reserve"]
    other = {"cash": "ana", "fund": "cash", "vault": "vera"}.get(reserve, "vera")
    other = issuer if reserve == "vault" and dice.roll(3) == 2 else other
    into = (
        (other, reserve) if plain.accounts[reserve]["nature"] == "credit" else (reserve, other)
    )
    debit, credit = dice.one((issuer, "vera"), into, into[::-1], ("vera", issuer))
    most = plain.charges.most_backed(rule, debit, credit, 10_000)
    amount = max(1, dice.one(most, most + 1, 5, 40))
    twins.post(Batch([Line(debit, credit, amount, kind=dice.one("payment", "fair"))]))


def _since(dice: Dice, twins: Twins, period: str) -> date:
    """Mostly the beginning of a period: this one, or one before."""
    day = twins.plain.today + dice.one(0, 0, 1, 40) * A_DAY
    for _ in range(1 + (dice.roll(4) == 3)):
        day -= A_DAY
        while not is_first(period, day):
            day -= A_DAY
    return day + dice.mostly(0, 1) * A_DAY


def demurrage(dice: Dice, twins: Twins) -> None:
    period = dice.one("week", "week", *PERIODS)
    currency = dice.mostly("MXN", "HRS", "EUR")
    account = {"MXN": "fund", "HRS": "hour", "EUR": "fund"}[currency]
    rule = {
        "account": dice.one(*(account,) * 6, "cash", "hank", "nobody"),
        "n": dice.one(1, 1, 2),
        "d": dice.mostly(dice.one(10, 20, 7), 1),
        "period": period,
        **({"exempt": 50} if dice.one(False, True) else {}),
    }
    given = {} if dice.roll(6) == 5 else {"rule": rule}
    twins.tell(
        line="demurrage",
        currency=currency,
        by="op",
        reason="assembly",
        since=_since(dice, twins, period),
        **given,
    )


def run_demurrage(dice: Dice, twins: Twins) -> None:
    for currency in twins.plain.currencies:
        if twins.plain.charges.collecting(currency):
            services.run_demurrage(twins, currency)


def fee(dice: Dice, twins: Twins) -> None:
    period = dice.of(PERIODS)
    rule = {
        "amount": dice.one(10, 500),
        "currency": dice.mostly("MXN", "HRS", "EUR"),
        "kinds": dice.one(["member"], ["member", "shop"]),
        "period": period,
        "since": _since(dice, twins, period),
        "treasury": dice.mostly("fund", "nobody"),
    }
    given = {} if dice.roll(6) == 5 else {"fee": rule}
    twins.tell(line="fee", code=dice.one("dues", "rent"), by="op", reason="board", **given)


def run_fee(dice: Dice, twins: Twins) -> None:
    for code, rule in twins.plain.charges.fees().items():
        last = twins.plain.today + dice.roll(3) * A_DAY
        while not is_first(rule["period"], last + A_DAY):
            last += A_DAY
        services.run_fee(twins, code, last - dice.mostly(0, 1) * A_DAY)
