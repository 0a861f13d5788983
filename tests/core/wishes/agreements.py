"""Wishes about what others must agree to, and what is contested."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from tests.core.plain.nouns import A_DAY, SECOND, Batch, Line
from tests.core.twins.pair import Twins
from tests.core.wishes.batches import PESOS
from tests.core.wishes.dice import Dice
from tests.core.wishes.limits import ACT

KEYS = {"teller": "poster", "rosa": "member", "boss": "approver", "ana": "member"}
PARTIES = ("ana", "ben", "eva", "shop", "cash", "bridge")


def key(dice: Dice, twins: Twins) -> None:
    name = dice.of(tuple(KEYS))
    action = dice.mostly("grant", "revoke")
    role = {"role": KEYS[name]} if action == "grant" else {}
    twins.tell(line="key", action=action, key=name, by="op", **role)


def poster_key(dice: Dice, twins: Twins) -> None:
    twins.tell(
        line="poster_key",
        action=dice.one("register", "register", "revoke"),
        poster=dice.one("north", "south"),
        public_key=bytes([dice.roll(3)]) * 32,
        by="op",
    )


def policy(dice: Dice, twins: Twins) -> None:
    rule: dict[str, Any] = {
        "approvals": dice.one(1, 2, 2),
        "expires_after": dice.one(3600, 60, 200_000),
    }
    rule |= {"kinds": dice.one(["payment"], ["fair", "loan"])} if dice.one(False, True) else {}
    rule |= {"currency": dice.one("MXN", "HRS")} if dice.roll(4) == 3 else {}
    rule |= {"amount_from": dice.one(20, 50, 120)} if dice.one(True, False) else {}
    rule |= {"accounts": dice.one(["an*", "shop"], ["eva"], ["*"])} if dice.roll(3) == 2 else {}
    rule |= {"makers": dice.one(["poster"], ["operator"])} if dice.roll(3) == 2 else {}
    rule |= {"hold": True} if dice.one(True, False) else {}
    given = {} if dice.roll(6) == 5 else {"rule": rule}
    code = dice.one("large", "fairs")
    act = {"act": ACT} if dice.seldom() else {}
    twins.tell(line="policy", code=code, by="op", reason="board", **given, **act)


def workflow(dice: Dice, twins: Twins) -> None:
    rule: dict[str, Any] = {
        "starts": dice.one("payer", "payee", "third"),
        "expires_after": dice.one(3600, 60, 200_000),
    }
    accepts = dice.one("payee", "payee", "payer", "")
    rule |= {"accepts": accepts} if accepts else {}
    rule |= {"accept_after": dice.one(30, 60, 3600)} if dice.one(True, False) else {}
    rule |= {"hold": True} if dice.one(True, False) else {}
    given = {} if dice.roll(6) == 5 else {"rule": rule}
    code = dice.one("gift", "gift", "bill", "credit")
    twins.tell(line="workflow", code=code, by="op", reason="board", **given)


def whitelist(dice: Dice, twins: Twins) -> None:
    twins.tell(
        line="whitelist",
        account=dice.mostly(dice.of(PARTIES), "nobody"),
        partner=dice.of(PARTIES),
        on=dice.mostly(True, False),
        by="op",
    )


def pay_by(dice: Dice, twins: Twins) -> None:
    """A payment by a workflow; as the line of it is written, or a little otherwise."""
    plain = twins.plain
    code = dice.mostly(dice.one("bill", "credit", "gift", "gift"), "theft", "third_party")
    payer = dice.one(twins.favourites[0], dice.of(PARTIES))
    payee = dice.of([party for party in PARTIES if party != payer])
    line = Line(payer, payee, dice.one(40, 100, 300), kind=dice.one("payment", "fair"))
    line = replace(line, entered_by=dice.mostly("", "luis"))
    batch = Batch([line], key=dice.one("op", "teller", "rosa"))
    rule = plain.agreements.workflow(code) or {"expires_after": 60, "accepts": "payee"}
    wanted = plain.agreements.wanted(batch, len(plain.journal))
    facts: dict[str, Any] = {"workflow": code, "payer": payer, "payee": payee}
    facts |= {"accepts": rule["accepts"]} if "accepts" in rule else {}
    seconds, holds = rule["expires_after"], rule.get("hold", False)
    if "accept_after" in rule:
        facts["accept_at"] = plain.now + rule["accept_after"] * SECOND
    if wanted is not None:
        facts["approvals"] = wanted.approvals
        seconds, holds = min(seconds, wanted.expires_after), holds or wanted.hold
    if not facts.keys() & {"accepts", "approvals"} and not dice.seldom():
        twins.post(batch)
        return
    if dice.roll(5) == 4:
        facts |= _astray(dice, twins)
    facts.pop("accept_at", 0) if dice.seldom() else None
    batch_id = UUID(int=len(plain.journal))
    batch_id = dice.of([batch_id] * 5 + list(plain.agreements.open())[:1])
    facts = {"holds": twins.kept_back(batch)} | facts if holds else facts
    if not twins.propose(batch, batch_id, seconds=seconds, **facts):
        return
    proposed = plain.journal[-1]
    if "accepts" in proposed and plain.agreements.is_whitelisted(proposed):
        twins.tell(line="decided", batch=batch_id, decision="accepted", reason="whitelist")
        twins.end()


def _astray(dice: Dice, twins: Twins) -> dict[str, Any]:
    much = {"amount": 10**9, "credit_account": "shop", "debit_account": "ana"}
    return dice.one(
        {"approvals": 1},
        {"count": 2},
        {"payee": "nobody"},
        {"expires": twins.plain.now},
        {"holds": [much]},
        {"holds": [{**much, "amount": 5, "credit_account": "nobody"}]},
        {"holds": [{**much, "amount": 5, "credit_account": "ana"}]},
        {"accepts": "payer"},
        {"sums": {"MXN": "7"}},
        {"payee": "bridge"},
    )


def flood(dice: Dice, twins: Twins) -> None:
    """More than may wait; most of it is declined again."""
    batch = Batch([Line("cash", "ana", 1)])
    ids = [UUID(int=10**9 + 100 * len(twins.plain.journal) + n) for n in range(17)]
    for batch_id in ids:
        twins.propose(batch, batch_id, seconds=60, approvals=1, count=8190)
    for batch_id in ids[1:]:
        twins.tell(line="decided", batch=batch_id, decision="cancelled", by="op")
        twins.end()


def decide(dice: Dice, twins: Twins) -> None:
    waiting = twins.plain.agreements.open()
    there = list(waiting) or [UUID(int=1)]
    batch = dice.of([*there[:1] * 3, *there[-1:] * 3, *there, UUID(int=2)])
    one = waiting.get(batch)
    likely = "approved" if one is None or one.wants_approval else "accepted"
    decision = dice.of(
        (likely,) * 9 + ("approved", "accepted", "declined", "cancelled", "expired")
    )
    maker = "op" if one is None else one.line["key"]
    names = {"by": dice.one("boss", "boss", "eva", "teller", "luis", maker)}
    if dice.one(False, True):
        names["user"] = dice.one("u-1", "u-2", "luis", "boss")
    if one is not None and one.approved and dice.roll(3) == 2:
        names["by"] = one.approved[-1]["by"]
    if dice.seldom():
        del names["by"]
    if twins.tell(line="decided", batch=batch, decision=decision, **names):
        twins.end(otherwise=dice.roll(8) == 7)


def agree(dice: Dice, twins: Twins) -> None:
    """Some say yes to one proposal, one after the other; perhaps one of them twice."""
    waiting = twins.plain.agreements.open()
    batch = dice.of([*waiting, UUID(int=3)])
    for _ in range(1 + dice.roll(3)):
        one = twins.plain.agreements.open().get(batch)
        if one is None:
            return
        says = "approved" if one.wants_approval else "accepted"
        by = dice.one("boss", "eva", "boss", "teller")
        twins.tell(line="decided", batch=batch, decision=says, by=by)
        twins.end()


def dispute(dice: Dice, twins: Twins) -> None:
    due = (
        {"due": twins.plain.today + dice.one(0, 1, 15) * A_DAY} if dice.one(True, False) else {}
    )
    target = dice.roll(len(twins.plain.rows) + 1) + 1
    target = dice.of([target] * 6 + list(twins.plain.agreements.disputes()))
    twins.tell(line="dispute", target=target, by="ana", reason="not_mine", **due)


def be_late(dice: Dice, twins: Twins) -> None:
    """A dispute is said to be overdue, mostly when it is not; or time says it of all."""
    if dice.one(True, False):
        twins.later(2 * 86_400)
        twins.clock()
        return
    target = dice.of([*twins.plain.agreements.disputes(), 1])
    twins.tell(line="dispute_overdue", target=target)


def end_dispute(dice: Dice, twins: Twins) -> None:
    there = twins.plain.agreements.disputes()
    target = dice.of([*list(there) * 3, 1])
    opened = there[target]["place"] if target in there and not dice.seldom() else 0
    linked = (
        {"linked": dice.roll(len(twins.plain.rows) + 1) + 1} if dice.one(True, False) else {}
    )
    twins.tell(
        line="dispute_ended", target=target, by="op", opened=opened, outcome="upheld", **linked
    )


assert set(PARTIES) <= set(PESOS), "payments are in one currency"
