"""Limits: planned, given up, earned, of payments; and how accounts stand towards them."""

import dataclasses
from datetime import timedelta
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.answered import Standing
from ledger.core.asked import (
    AskedBatch,
    AskedEarned,
    AskedLimits,
    AskedPayments,
    AskedTerms,
    AskedTransfer,
)
from ledger.core.model import Action, Mode
from ledger.core.refusals import Refusal
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import limits as audit
from tests.simulation.auditor.plans import Plan
from tests.simulation.workload.batches import send
from tests.simulation.workload.client import ACCOUNTS, OPERATOR, Client, Request, Sent, command
from tests.simulation.workload.transfers import about, part, transfer

# Whose limits are changed: not of those who bring cash in, stand in or are paid levies.
MEMBERS = {
    "MXN": ["ana", "ben", "eva"],
    "HRS": ["h-ana", "h-ben", "h-eva"],
    "VAL": ["v-ana", "v-ben"],
}
RICH = {"MXN": ["cash", "bridge"], "HRS": ["stock", "h-bridge"], "VAL": ["v-mint"]}


@command(2)
def change_limits(client: Client) -> Request:
    """Limits of one account or two: from a day to a day, by a rule, or of payments."""
    chance, ledger = client.random, client.ledger
    currency = chance.choice(["MXN", "MXN", "HRS", "HRS", "VAL"])
    codes = chance.sample(MEMBERS[currency], chance.choice([1, 1, 1, 2]))
    make = chance.choice([planned, planned, earned, earned, paying, paying])
    if _waiting(client) and chance.random() < 0.6:
        make = unplanned
    asked = AskedLimits(accounts=codes, reason="decision", **make(client, codes))
    dry_run, since = chance.random() < 0.1, 0

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)
        return await desk.change_limits(ledger, asked, OPERATOR, dry_run=dry_run)

    def tell(outcome: Any, signed: int) -> str:
        refusal = outcome if isinstance(outcome, Refusal) else None
        if refusal is not None or not dry_run:
            books = client.world.auditor.books(ledger)
            audit.limited(books, asked, refusal, signed, since)
        return "is so" if refusal is None else f"refused, {refusal.code.value}"

    verb = f"tries limits {make.__name__}" if dry_run else f"has limits {make.__name__}"
    return Request(f"{verb} of {', '.join(codes)} in {ledger}", ask, tell, ledger)


def planned(client: Client, codes: list[str]) -> dict[str, Any]:
    """Bounds from a day, or to one, or both; at times of days that are over."""
    chance, today = client.random, client.day([0])
    days: dict[str, Any] = {}
    if chance.random() < 0.7:
        days["starts"] = today + timedelta(days=chance.choice([-1, 0, 1, 1, 2, 40]))
    if chance.random() < 0.7 or not days:
        days["ends"] = today + timedelta(days=chance.choice([-1, 0, 0, 1, 3, 60]))
    bounds: dict[str, Any] = chance.choice(
        [
            {"lower_bound": f"-{chance.randint(0, 60)}"},
            {"upper_bound": f"{chance.randint(0, 200)}", "soft_bounds": "upper"},
            {"lower_bound": "-20", "upper_bound": "none", "soft_bounds": "none"},
            {"lower_bound": "none"},
            {"lower_bound": "20", "upper_bound": "10"},  # Crossed.
        ]
    )
    return days | bounds


def unplanned(client: Client, codes: list[str]) -> dict[str, Any]:
    """A plan given up: mostly one that waits, of that account."""
    chance = client.random
    if chance.random() < 0.2:
        return {"unplan": chance.randint(1, 30)}
    number, plan = chance.choice(_waiting(client))
    codes[:] = [client.books.now(plan.account).code]
    return {"unplan": number}


def _waiting(client: Client) -> list[tuple[int, Plan]]:
    """Plans that have not begun, by their leaves."""
    is_there = client.world.auditor.size(client.ledger)
    plans = client.books.all_now("plan") if is_there else {}
    return [(number, plans[number]) for number in sorted(plans) if not plans[number].begun]


def earned(client: Client, codes: list[str]) -> dict[str, Any]:
    """A limit that grows with what is received, or grows no more."""
    chance = client.random
    if chance.random() < 0.25:
        return {"earned": "none"}
    kinds: Any = chance.choice([UNSET, UNSET, ["payment"]])
    n, d = chance.choice([(1, 2), (2, 1), (3, 1)])
    base = chance.choice(["0", "0", "10", "50"])
    rule = AskedEarned(n=n, d=d, cap=chance.choice(["12", "30", "100"]), base=base, kinds=kinds)
    return {"earned": rule}


def paying(client: Client, codes: list[str]) -> dict[str, Any]:
    """At most so much in a while; or as much as anybody likes."""
    chance = client.random
    names = chance.sample(
        ["transfer", "day", "week", "month", "year"], chance.choice([0, 1, 2])
    )
    most = {name: chance.choice(["5", "20", "40", "90"]) for name in names}
    return {"payments": AskedPayments(**most)}


@command(1)
def use_limits(client: Client) -> Request | None:
    """Those whose payments are limited pay, those who earn their limit are paid, and not."""
    chance = client.random
    if not client.world.auditor.size(client.ledger):
        return None
    numbers = 3 * [*client.books.all_now("payments")] + [*client.books.all_now("earned")]
    if not numbers:
        return None
    if chance.random() < 0.3:  # Not before tomorrow.
        client.world.skew += 86_400_000_000
    count = chance.choice([1, 3, 5])
    transfers = [_using(client, chance.choice(numbers)) for _ in range(count)]
    asked = AskedBatch(id=client.outbox.new_id(), transfers=transfers, mode=Mode.EACH)
    one = Sent(asked, OPERATOR, client.ledger)
    client.outbox.sent.append(one)
    return send(client, one, "uses limits with")


def _using(client: Client, number: int) -> AskedTransfer:
    """A payment from or to an account, or one to it that is taken back."""
    chance, place = client.random, client.books.now(number)
    t = replace(transfer(client, place.currency), amount=chance.choice(["1", "3", "20"]))
    paid = [row for row in client.rows() if row.credit == number and not row.link]
    if paid and chance.random() < 0.3:
        row = chance.choice(paid)
        terms = AskedTerms(action=Action.REVERSE, target=row.sequence)
        turned = dataclasses.replace(row, debit=row.credit, credit=row.debit)
        return about(client, t, turned, part(client, row.amount), terms)
    has_any = place.least is None or place.balance > place.least
    if has_any and chance.random() < 0.7:
        return replace(t, debit_account=place.code)
    rich = chance.choice(RICH[place.currency])  # Who has nothing is paid first.
    return replace(t, debit_account=rich, credit_account=place.code, kind="payment")


@command(0.7)
def stand(client: Client) -> Request:
    """How an account stands towards its limits."""
    ledger, world = client.ledger, client.world
    code = client.random.choice(ACCOUNTS[client.random.choice(["MXN", "HRS"])])
    since = 0

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)
        return await desk.standing(ledger, code)

    def tell(standing: Standing | None, signed: int) -> str:
        if standing is None:
            return "is not there"
        audit.stands(world.auditor.books(ledger), standing, since)
        return "stands"

    return Request(f"asks how {code} stands in {ledger}", ask, tell, ledger)
