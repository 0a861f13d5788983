"""What the demo posts: two made-up institutions, the same from the same seed every time.

A savings bank whose members bring and take pesos, and a network whose members trade on
each other's credit, each down to a limit. Nobody here exists.
"""

import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from ledger.core.amounts import show_amount
from ledger.core.asked import AskedBatch, AskedTransfer
from ledger.core.model import Mode

SEED: Final = 20250901
FIRST_DAY: Final = date(2025, 9, 1)
LAST_DAY: Final = date(2025, 9, 30)
BATCH: Final = 500
SCALE: Final = 2

BANK: Final = "caja"
BANK_CURRENCY: Final = "MXN"
CASH: Final = "caja-efectivo"
SAVERS: Final = 300
SAVINGS: Final = 3_000  # Transfers of the month.

NETWORK: Final = "milpa"
NETWORK_CURRENCY: Final = "MILPA"
TRADERS: Final = 120
TRADES: Final = 1_600
LIMITS: Final = (20_000, 50_000, 100_000)  # Minor units a trader may owe.
BALANCE_MAX: Final = 150_000  # And may be owed.

_NAMESPACE: Final = uuid.UUID("5f1d3a0e-9a55-5c6b-8f0b-7d8f0a1c2b3d")


class Institution(Struct, frozen=True, kw_only=True):
    """A ledger, its one currency, its accounts and a month of transfers, in batches."""

    code: str
    name: str
    currency: dict[str, object]
    accounts: list[dict[str, str]]
    batches: list[AskedBatch]

    @property
    def transfers(self) -> int:
        return sum(len(batch.transfers) for batch in self.batches)


def saver(number: int) -> str:
    return f"socia-{number:04}"


def trader(number: int) -> str:
    return f"red-{number:03}"


def savings_bank(seed: int = SEED) -> Institution:
    """A caja: cash on the debit side, members' savings on the credit side."""
    chance = random.Random(seed)  # noqa: S311 - Repeatable, not secret.
    accounts = [
        {"code": CASH, "currency": BANK_CURRENCY, "nature": "debit", "kind": "cash"},
        *(
            {"code": saver(number), "currency": BANK_CURRENCY, "kind": "savings"}
            for number in range(1, SAVERS + 1)
        ),
    ]
    return Institution(
        code=BANK,
        name="Caja Solidaria Río Blanco",
        currency={"code": BANK_CURRENCY, "kind": "national", "scale": SCALE},
        accounts=accounts,
        batches=list(_batches(BANK, list(_savings(chance)))),
    )


def _savings(chance: random.Random) -> Iterator[AskedTransfer]:
    """First everybody's first deposit; then deposits, withdrawals, and money sent on."""
    balances = dict.fromkeys(range(1, SAVERS + 1), 0)
    for number in range(SAVINGS):
        day = FIRST_DAY + timedelta(days=30 * number // SAVINGS)
        one = number + 1 if number < SAVERS else chance.randint(1, SAVERS)
        way = "deposit" if number < SAVERS else chance.choice(("deposit", "withdrawal", "sent"))
        most = balances[one]
        if way == "deposit" or most < 10_000:
            amount = 100 * chance.randint(100, 4_000)
            balances[one] += amount
            yield _transfer(CASH, saver(one), amount, "deposit", day, number, BANK_CURRENCY)
        elif way == "withdrawal":
            amount = 100 * chance.randint(50, most // 100)
            balances[one] -= amount
            yield _transfer(saver(one), CASH, amount, way, day, number, BANK_CURRENCY)
        else:
            other = one % SAVERS + 1
            amount = chance.randint(1_000, most)
            balances[one] -= amount
            balances[other] += amount
            yield _transfer(
                saver(one), saver(other), amount, "internal", day, number, BANK_CURRENCY
            )


def network(seed: int = SEED) -> Institution:
    """Mutual credit: all begin with nothing, and may owe down to a limit of their own."""
    chance = random.Random(seed + 1)  # noqa: S311 - Repeatable, not secret.
    accounts = [
        {
            "code": trader(number),
            "currency": NETWORK_CURRENCY,
            "kind": "trader",
            "lower_bound": show_amount(-chance.choice(LIMITS), SCALE),
            "upper_bound": show_amount(BALANCE_MAX, SCALE),
        }
        for number in range(1, TRADERS + 1)
    ]
    return Institution(
        code=NETWORK,
        name="Red de Trueque La Milpa",
        currency={"code": NETWORK_CURRENCY, "kind": "mutual_credit", "scale": SCALE},
        accounts=accounts,
        batches=list(_batches(NETWORK, list(_trades(chance)))),
    )


def _trades(chance: random.Random) -> Iterator[AskedTransfer]:
    """Trades as they come; some buy more than their limit lets them."""
    kinds = ("food", "repair", "lesson", "transport")
    for number in range(TRADES):
        day = FIRST_DAY + timedelta(days=30 * number // TRADES)
        buyer, seller = chance.sample(range(1, TRADERS + 1), 2)
        amount = 50 * chance.randint(20, 600)
        yield _transfer(
            trader(buyer),
            trader(seller),
            amount,
            chance.choice(kinds),
            day,
            number,
            NETWORK_CURRENCY,
        )


def _transfer(
    debit: str, credit: str, amount: int, kind: str, day: date, number: int, currency: str
) -> AskedTransfer:
    return AskedTransfer(
        debit_account=debit,
        credit_account=credit,
        amount=show_amount(amount, SCALE),
        currency=currency,
        kind=kind,
        reference=f"{day:%y%m%d}-{number:05}",
        business_date=day,
    )


def _batches(ledger: str, transfers: Sequence[AskedTransfer]) -> Iterator[AskedBatch]:
    """Batches with ids that are the same every time, so that a demo can be run again."""
    for start in range(0, len(transfers), BATCH):
        yield AskedBatch(
            id=uuid.uuid5(_NAMESPACE, f"{ledger}/{start}"),
            transfers=list(transfers[start : start + BATCH]),
            mode=Mode.EACH,
        )


def shown_payment() -> dict[str, str]:
    """A payment far above any limit, for the network to refuse while one looks on."""
    return {
        "id": str(uuid.uuid5(_NAMESPACE, "refused")),
        "debit_account": trader(7),
        "credit_account": trader(8),
        "amount": "2500.00",
        "currency": NETWORK_CURRENCY,
        "kind": "food",
    }
