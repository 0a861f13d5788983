"""Demurrage and fees: set, ended, and run; again and again, as a treasurer might."""

from datetime import date, timedelta
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from ledger.core import rules
from ledger.core.asked import AskedBatch, AskedRun
from ledger.core.model import Mode
from ledger.core.refusals import Refusal
from ledger.core.rules import AskedDemurrage, AskedFee, AskedRate
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import demurrage, fees, runs
from tests.simulation.workload.batches import send
from tests.simulation.workload.client import (
    OPERATOR,
    Client,
    Request,
    Sent,
    command,
    outcome_of,
)
from tests.simulation.workload.limits import MEMBERS, RICH
from tests.simulation.workload.transfers import transfer

COLLECTORS = {"MXN": "fund", "HRS": "h-fund", "VAL": "v-box"}
PERIODS: list[Any] = ["week", "week", "month", "month", "quarter", "year"]
AGO = [-400, -70, -70, -30, -8, 0, 10]  # Days from which a rule is in force.
BY = {"by": OPERATOR.key}


@command(1)
def set_demurrage(client: Client) -> Request:
    """Charge what lies idle in a currency, otherwise or no more."""
    chance, ledger, since = client.random, client.ledger, 0
    code = chance.choice(["MXN", "MXN", "HRS", "HRS", "VAL", "EUR"])
    day = client.day(AGO)
    asked: dict[str, Any] | None = {
        "period": chance.choice(PERIODS),
        "account": COLLECTORS.get(code, "fund") if chance.random() < 0.9 else "bridge",
    }
    rate = chance.choice([(1, 100), (1, 8), (1, 2), (3, 7), (3, 7), (2, 1)])
    exempt, spread = chance.choice(["0", "0", "1", "5"]), chance.random() < 0.8
    if chance.random() < 0.15:
        asked = None

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)

        def build(book: Any, now: int) -> Any:
            if asked is None:
                return rules.remove_demurrage(book, code, "d", day, recorded_at=now, **BY)
            new = AskedDemurrage(
                rate=AskedRate(n=rate[0], d=rate[1]),
                since=day,
                reason="d",
                exempt=exempt,
                spread=spread,
                **asked,
            )
            return rules.set_demurrage(book, code, new, recorded_at=now, **BY)

        return await desk.change_rule(ledger, build)

    def tell(outcome: Any, signed: int) -> str:
        refusal = outcome if isinstance(outcome, Refusal) else None
        new = None if asked is None else {**asked, "n": rate[0], "d": rate[1]}
        books = client.world.auditor.books(ledger)
        demurrage.charged(books, code, day, new, refusal, signed, since)
        return outcome_of(refusal)

    verb = f"charges {rate[0]}/{rate[1]}" if asked else "charges nothing"
    return Request(f"{verb} on {code} since {day} in {ledger}", ask, tell, ledger)


@command(0.6)
def set_fee(client: Client) -> Request:
    """Have members pay something each period, or no more."""
    chance, ledger, since = client.random, client.ledger, 0
    code, currency = chance.choice(["dues", "dues", "help"]), chance.choice(["MXN", "HRS"])
    asked: dict[str, Any] | None = {
        "currency": currency if chance.random() < 0.9 else "VAL",
        "kinds": ["member"],
        "period": chance.choice(PERIODS),
        "treasury": COLLECTORS[currency],
    }
    amount, day = chance.choice(["1", "2", "9"]), client.day(AGO)
    if chance.random() < 0.15:
        asked = None

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)

        def build(book: Any, now: int) -> Any:
            if asked is None:
                return rules.remove_fee(book, code, "d", recorded_at=now, **BY)
            new = AskedFee(amount=amount, since=day, reason="d", **asked)
            return rules.set_fee(book, code, new, recorded_at=now, **BY)

        return await desk.change_rule(ledger, build)

    def tell(outcome: Any, signed: int) -> str:
        refusal = outcome if isinstance(outcome, Refusal) else None
        new = asked and {**asked, "since": day.isoformat()}
        fees.set_so(client.world.auditor.books(ledger), code, new, refusal, signed, since)
        return outcome_of(refusal)

    verb = f"asks {amount} {asked['currency']}" if asked else "asks nothing"
    return Request(f"{verb} as {code} in {ledger}", ask, tell, ledger)


@command(1.2)
def save(client: Client) -> Request | None:
    """What members had for a while already: paid in late, where the days are open still."""
    chance = client.random
    if not client.is_open():
        return None
    transfers = []
    for _ in range(chance.choice([2, 4])):
        currency = chance.choice([*COLLECTORS])
        t = transfer(client, currency)
        rich, member = chance.choice(RICH[currency]), chance.choice(MEMBERS[currency])
        day: Any = client.day([-70, -20, -9, -9]) if chance.random() < 0.9 else UNSET
        transfers.append(
            replace(t, debit_account=rich, credit_account=member, business_date=day)
        )
    asked = AskedBatch(id=client.outbox.new_id(), transfers=transfers, mode=Mode.EACH)
    one = Sent(asked, OPERATOR, client.ledger)
    client.outbox.sent.append(one)
    return send(client, one, "saves with")


@command(3)
def run(client: Client) -> Request | None:
    """Charge what is owed of a period; mostly of one that is over, and often once more."""
    chance, ledger, world = client.random, client.ledger, client.world
    if not client.is_open():
        return None
    found = _periods(client)
    if not found or chance.random() < 0.03:
        found = [("demurrage", "EUR", [client.day([-3])]), ("fee", "dues", [client.day([0])])]
    kind, code, over = chance.choice(found[:1] * 3 + found)
    asked = set(client.books.runs.values())
    new = [one for one in over[-3:] if runs.Run(kind, code, one) not in asked]
    end = chance.choice(new[:1] * 4 + over[-3:])
    dry_run, since = chance.random() < 0.1, 0
    one = runs.Run(kind, code, end)

    async def ask(desk: Sequencer) -> Any:
        nonlocal since
        since = client.knows(desk, ledger)
        owner = next(one for one in world.processes if one.desk is desk)
        if not dry_run:
            runs.is_asked(world.auditor.books(ledger), kind, code, end)
        work = owner.runs.demurrage if kind == "demurrage" else owner.runs.fee
        return await work(ledger, code, AskedRun(period_end=end), OPERATOR, dry_run=dry_run)

    def tell(outcome: Any, signed: int) -> str:
        books = world.auditor.books(ledger)
        runs.ran(books, one, outcome, signed, since, dry_run=dry_run)
        if isinstance(outcome, Refusal):
            return f"refused, {outcome.code.value}"
        return f"collected {outcome.collected_now}, {outcome.unpaid} unpaid"

    verb = "tries to run" if dry_run else "runs"
    return Request(f"{verb} {one.name} in {ledger}", ask, tell, ledger)


def _periods(client: Client) -> list[tuple[str, str, list[date]]]:
    """What is charged, and the ends of its periods: kind, code and days."""
    chance, today, found = client.random, client.day([0]), []
    through = today + timedelta(days=chance.choice([-1] * 9 + [40]))
    for code, history in sorted(client.books.all_now("demurrage").items()):
        dues = demurrage.dues_of(history, through)
        found.append(("demurrage", code, [end for end, _ in dues]))
    for code, fee in sorted(client.books.all_now("fee").items()):
        first = date.fromisoformat(fee["since"])
        days = list(demurrage.ends(fee["period"], first, today + timedelta(days=40)))
        found.append(("fee", code, days))
    return [one for one in found if one[2]]
