"""Transfers as clients make them up, the terms they are under, and batches of them."""

import dataclasses
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.asked import AskedBatch, AskedTerms, AskedTransfer
from ledger.core.lines import Rate
from ledger.core.model import Action, Late, Mode, Side
from tests.simulation.auditor.state import HELD, Leg
from tests.simulation.workload.client import ACCOUNTS, EPOCH, SCALES, Client

TOO_POOR = {"MXN": ["ana", "ben", "eva"], "HRS": ["h-eva"], "USD": ["h-eva"], "VAL": ["v-ana"]}
# Accounts that take what is left over, stand in, or are paid levies.
STRANGERS = {
    "MXN": [*["bridge"] * 6, "fund", "cash", "h-bridge", "nobody"],
    "HRS": [*["h-bridge"] * 6, "h-fund", "stock", "bridge"],
    "USD": ["usd-1", "usd-2"],
    "VAL": ["v-mint", "v-box", "v-eva"],
}


def transfer(client: Client, currency: str) -> AskedTransfer:
    """Mostly between accounts that are there; often too much for them."""
    chance = client.random
    debit, credit = chance.sample(ACCOUNTS[currency][:4], 2)
    if currency == "MXN" and credit != "cash" and chance.random() < 0.3:
        debit = "cash"  # Who has nothing pays nothing.
    if chance.random() < 0.08:
        credit = chance.choice([debit, "nobody", "new-1", "cash", "h-ana", "usd-1"])
    if chance.random() < 0.03:
        debit = chance.choice(["nobody", "new-2", "ana", "stock"])
    amount = chance.choice(["1", "7", "30"])
    if SCALES[currency]:
        amount = chance.choice(["0.01", "0.20", "1", "3.21", "7.50", "30.00"])
    if chance.random() < 0.01:
        amount = chance.choice(["1.001", "0"])  # Malformed: leaves no trace.
    dated = 0.6 if client.reopened() else 0.15
    return AskedTransfer(
        debit_account=debit,
        credit_account=credit,
        amount=amount,
        currency=currency,
        kind=chance.choice(["payment", "payment", "fee"]),
        reference=f"R-{chance.randint(1, 12)}" if chance.random() < 0.2 else "",
        description=chance.choice(["renta", "pan"]) if chance.random() < 0.1 else "",
        business_date=client.business_date() if chance.random() < dated else UNSET,
        value_date=client.day([-400, -3, 0, 2]) if chance.random() < 0.03 else UNSET,
    )


def under_terms(client: Client, t: AskedTransfer) -> AskedTransfer:
    """The same, or something in its place, under terms that mostly go together."""
    make = client.random.choices(TERMS, [weight for _, weight in TERMS])[0][0]
    return make(client, t)


def hold(client: Client, t: AskedTransfer) -> AskedTransfer:
    """An amount held back, for a moment or for longer, at times for too long already."""
    chance, now = client.random, client.world.now()
    after = chance.choice([5_000, 50_000, 500_000, 5_000_000, 60_000_000, 10**10, 10**10])
    if chance.random() < 0.07:
        after = chance.choice([0, -(10**7)])
    up_to = chance.choice([Side.DEBIT, Side.BOTH]) if chance.random() < 0.15 else UNSET
    expires = EPOCH + timedelta(microseconds=now + after)
    return replace(t, terms=AskedTerms(action=Action.HOLD, expires=expires, up_to=up_to))


def of_hold(client: Client, t: AskedTransfer) -> AskedTransfer:
    """What becomes of a hold: posted in part or whole, or given back; often too late."""
    chance, holds = client.random, [leg for leg in client.rows() if leg.phase == HELD]
    if not holds:
        return hold(client, t)
    is_open = client.books.all_now("hold").keys()
    still = [leg for leg in holds if leg.sequence in is_open]
    held = chance.choice(still if still and chance.random() < 0.8 else holds)
    if chance.random() < 0.4:
        terms = AskedTerms(action=Action.VOID, target=held.sequence)
        return about(client, t, held, held.amount, terms)
    release = chance.random() < 0.5
    terms = AskedTerms(action=Action.POST, target=held.sequence, release=release)
    return about(client, t, held, part(client, held.amount), terms)


def reversal(client: Client, t: AskedTransfer) -> AskedTransfer:
    """A row taken back, or a part of it; mostly one of the last, as others do too."""
    chance, rows = client.random, client.rows()
    if not rows:
        return t
    levied = [row for row in rows if row.beside]
    row = chance.choice(rows[-3:] if chance.random() < 0.6 else rows)
    if levied and chance.random() < 0.4:
        row = chance.choice(levied)
    terms = AskedTerms(action=Action.REVERSE, target=row.sequence)
    chosen = chance.random()
    if chosen < 0.3:
        terms = replace(terms, up_to=Side.DEBIT)
    if chosen < 0.2:
        terms = replace(terms, rest=stranger(client, t.currency))
    elif chosen > 0.9:
        terms = replace(terms, suspense=stranger(client, t.currency))
    turned = dataclasses.replace(row, debit=row.credit, credit=row.debit)
    return about(client, t, turned, part(client, row.amount), terms)


def clearing(client: Client, t: AskedTransfer) -> AskedTransfer:
    """What a suspense account stood in for, moved to where it belongs."""
    chance, ledger = client.random, client.ledger
    items = client.books.all_now("item") if client.world.auditor.size(ledger) else {}
    if not items:
        return bridged(client, t)
    sequence, item = chance.choice(sorted(items.items(), key=lambda pair: pair[0]))
    terms = AskedTerms(action=Action.CLEAR, target=sequence)
    place = client.books.now(item.account)
    other = chance.choice(ACCOUNTS[place.currency][:4])
    pair = (other, place.code) if item.side == "debit" else (place.code, other)
    if chance.random() < 0.1:
        pair = pair[::-1]
    return replace(
        t,
        debit_account=pair[0],
        credit_account=pair[1],
        amount=decimal(part(client, item.left), place.currency),
        currency=place.currency,
        terms=terms,
    )


def bridged(client: Client, t: AskedTransfer) -> AskedTransfer:
    """Cash that has changed hands already: another account stands in where one refuses."""
    terms = AskedTerms(suspense=stranger(client, t.currency))
    return replace(too_much(client, t), terms=terms)


def too_much(client: Client, t: AskedTransfer) -> AskedTransfer:
    """The same, mostly of more than anybody has."""
    if client.random.random() < 0.3:
        return t
    debit = client.random.choice(TOO_POOR[t.currency])
    return replace(t, debit_account=debit, amount="90")


def up_to(client: Client, t: AskedTransfer) -> AskedTransfer:
    """As much as there is; what is left may be taken by another account."""
    chance = client.random
    side = chance.choice([Side.DEBIT, Side.DEBIT, Side.CREDIT, Side.BOTH])
    is_taken = side is not Side.BOTH and chance.random() < 0.6
    rest: Any = stranger(client, t.currency) if is_taken else UNSET
    terms = AskedTerms(up_to=side, rest=rest)
    if rest is UNSET and chance.random() < 0.2:
        terms = replace(terms, suspense=stranger(client, t.currency))
    return replace(too_much(client, t), terms=terms)


def adjusting(client: Client, t: AskedTransfer) -> AskedTransfer:
    """For the thirteenth month of a year, mostly."""
    year = client.day([0]).year - client.random.choice([1, 1, 1, 2, 0])
    day: Any = client.random.choice([date(year, 12, 31), date(year, 12, 31), UNSET])
    rest: Any = stranger(client, t.currency) if client.random.random() < 0.2 else UNSET
    up_to: Any = UNSET if rest is UNSET else Side.DEBIT
    terms = AskedTerms(adjusting=True, rest=rest, up_to=up_to)
    return replace(t, business_date=day, terms=terms)


def misplaced(client: Client, t: AskedTransfer) -> AskedTransfer:
    """Terms that do not go together; malformed, so they leave no trace."""
    wrong = [
        AskedTerms(),
        AskedTerms(action=Action.HOLD),
        AskedTerms(action=Action.POST),
        AskedTerms(target=1),
        AskedTerms(rest="fund"),
        AskedTerms(action=Action.VOID, target=1, release=True),
        AskedTerms(rate=Rate(n=1, d=2)),
        AskedTerms(entry=1, rate=Rate(n=1, d=2), up_to=Side.BOTH),
        AskedTerms(residue=True),
        AskedTerms(action=Action.CLEAR, target=1, adjusting=True),
    ]
    return replace(t, terms=client.random.choice(wrong))


def about(
    client: Client, t: AskedTransfer, leg: Leg, amount: int, terms: AskedTerms
) -> AskedTransfer:
    """A transfer between a row's accounts; at times between others."""
    payer, payee = client.books.now(leg.debit), client.books.now(leg.credit)
    if client.random.random() < 0.05:
        payer, payee = payee, payer
    return replace(
        t,
        debit_account=payer.code,
        credit_account=payee.code,
        amount=decimal(amount, payer.currency),
        currency=payer.currency,
        terms=terms,
    )


def part(client: Client, amount: int) -> int:
    """All of it, or a part, or too much."""
    chance = client.random
    if chance.random() < 0.4:
        return amount
    return chance.randint(1, amount) + (amount if chance.random() < 0.1 else 0)


def stranger(client: Client, currency: str) -> str:
    return client.random.choice(STRANGERS[currency])


def exchange(client: Client) -> list[AskedTransfer]:
    """Some of one currency sold for another, mostly at the rate."""
    chance = client.random
    sold, bought = transfer(client, "MXN"), transfer(client, client.currency())
    if bought.currency == "MXN" and chance.random() < 0.7:
        sold, bought = bought, transfer(client, "HRS")
    if sold.currency == "MXN" and chance.random() < 0.5:  # Who has enough.
        sold = replace(sold, debit_account="cash", credit_account="bridge")
    n, d = chance.choice([(1, 17), (3, 2), (1, 1), (7, 100), (7, 3), (2**53 - 1, 1)])
    has = minor(sold.amount, sold.currency)
    amount = has * n // d
    residue = has - -(-amount * d // n) + chance.choice([0] * 12 + [1])
    amount = min(max(1, amount + chance.choice([0] * 8 + [1, -1])), 10**9)
    entry = chance.randint(1, 3)
    rate = AskedTerms(entry=entry, rate=Rate(n=n, d=d))
    bought = replace(bought, amount=decimal(amount, bought.currency), terms=rate)
    lines = [replace(sold, terms=AskedTerms(entry=entry)), bought]
    if residue > 0 and chance.random() < 0.9:  # What bought nothing, to who sold or another.
        to = chance.choice([sold.debit_account, *STRANGERS[sold.currency][-3:]])
        terms = AskedTerms(entry=entry, residue=True)
        over = replace(
            sold,
            debit_account=sold.credit_account,
            credit_account=to,
            amount=decimal(residue, sold.currency),
            reference="",
            terms=terms,
        )
        lines.append(over)
    return lines


def entries(client: Client, transfers: list[AskedTransfer]) -> list[AskedTransfer]:
    """Some of them in entries that stand or fall as one."""
    chance = client.random
    number = chance.randint(1, 2)
    return [
        replace(t, terms=replace(t.terms or AskedTerms(), entry=number))
        if chance.random() < 0.7
        else t
        for t in transfers
    ]


def batch(client: Client, batch_id: UUID) -> AskedBatch:
    """Mostly small; sometimes with control sums, that are sometimes wrong."""
    chance = client.random
    currency = client.currency()
    count = chance.choice([1, 1, 2, 3, 7])
    transfers = [transfer(client, currency) for _ in range(count)]
    if count > 1 and chance.random() < 0.1:
        transfers[-1] = transfer(client, client.currency())
    if chance.random() < 0.5:
        transfers = [under_terms(client, t) if chance.random() < 0.6 else t for t in transfers]
    if chance.random() < 0.12:
        transfers[-1:] = exchange(client)
    elif count > 1 and chance.random() < 0.2:
        transfers = entries(client, transfers)
    count = len(transfers)
    sums: Any = UNSET
    if chance.random() < 0.15:
        total = sum(round(float(t.amount) * 1000) for t in transfers)
        total += chance.choice([0, 0, 0, 1000])
        text = str(total // 1000) if total % 1000 == 0 else f"{total / 1000:.2f}"
        sums = {currency: text}
    return AskedBatch(
        id=batch_id,
        transfers=transfers,
        mode=chance.choice([Mode.ATOMIC, Mode.EACH]),
        late=chance.choice([Late.REFUSE, Late.NEXT_OPEN_DAY, Late.NEXT_OPEN_DAY, UNSET]),
        source=chance.choice(["till", "door", UNSET]),
        count=chance.choice([count, count, count, 9]) if chance.random() < 0.1 else UNSET,
        control_sums=sums,
    )


# How terms are made up, and how often.
TERMS: list[tuple[Callable[[Client, AskedTransfer], AskedTransfer], float]] = [
    (hold, 5),
    (of_hold, 5),
    (reversal, 5),
    (bridged, 2),
    (clearing, 3),
    (up_to, 3),
    (adjusting, 2.5),
    (misplaced, 0.1),
]


def minor(text: str, currency: str) -> int:
    """Minor units of an amount, rounded down."""
    whole, _, fraction = text.partition(".")
    scale = SCALES[currency]
    return int(whole + fraction[:scale].ljust(scale, "0"))


def decimal(amount: int, currency: str) -> str:
    """An amount as people write it."""
    scale = SCALES[currency]
    digits = str(amount).rjust(scale + 1, "0")
    return f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
