"""Ledgers, currencies and accounts: opened, frozen, bounded, closed."""

from typing import Any

from ledger.core.asked import AskedAccount, AskedChange, AskedCurrency, AskedLedger, SoftBounds
from ledger.core.model import CurrencyKind, Nature, Status
from ledger.core.refusals import Refusal, RefusalCode
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import accounts as audit
from tests.simulation.auditor.reads import viewed
from tests.simulation.workload.client import (
    ACCOUNTS,
    KINDS,
    MORE_LEDGERS,
    OPERATOR,
    SCALES,
    Client,
    Request,
    command,
)

SOFT: list[SoftBounds] = ["both", "none", "none", "upper"]


@command(1.2)
def open_ledger(client: Client) -> Request:
    """Mostly one that is not there yet."""
    chance = client.random
    new = [code for code in MORE_LEDGERS if not client.world.auditor.size(code)]
    asked = AskedLedger(
        code=chance.choice(new if new and chance.random() < 0.7 else MORE_LEDGERS),
        name="Otra caja",
        time_zone=chance.choice(["America/Bogota", "America/Bogota", "Europe/Madrid"]),
        unique_references=chance.random() < 0.2,
    )
    dry_run = chance.random() < 0.2

    async def ask(desk: Sequencer) -> Any:
        return await desk.open_ledger(asked, OPERATOR, dry_run=dry_run)

    def tell(outcome: Any, signed: int) -> str:
        if isinstance(outcome, Refusal):
            assert outcome.code is RefusalCode.LEDGER_CODE_USED
            assert client.world.auditor.size(asked.code), "used by nobody"
            return "refused, as it is used"
        if not outcome.size:
            assert dry_run
            return "seen"
        viewed(client.world.auditor.books(asked.code), outcome)
        return "opened"

    verb = "tries to open" if dry_run else "opens"
    return Request(f"{verb} ledger {asked.code}", ask, tell, asked.code)


@command(0.6)
def add_currency(client: Client) -> Request:
    ledger, chance = client.ledger, client.random
    code = chance.choice(list(SCALES))
    scale = SCALES[code] if chance.random() < 0.8 else 3
    if chance.random() < 0.8 or client.world.auditor.size(ledger) == 0:
        scale = SCALES[code]
    is_there = client.world.auditor.size(ledger) and code in client.books.currencies
    kind = KINDS[code]
    if not is_there:  # Another scale would be there for ever, and most amounts malformed.
        scale = SCALES[code]
    elif chance.random() < 0.2:
        kind = CurrencyKind.TIME
    asked = AskedCurrency(code=code, kind=kind, scale=scale)
    dry_run = chance.random() < 0.2

    async def ask(desk: Sequencer) -> Any:
        return await desk.add_currency(ledger, asked, OPERATOR, dry_run=dry_run)

    def tell(refusal: Refusal | None, signed: int) -> str:
        if refusal is not None or not dry_run:
            audit.has_currency(client.world.auditor.books(ledger), asked, refusal)
        return "is there" if refusal is None else f"refused, {refusal.code.value}"

    verb = "tries to add" if dry_run else "adds"
    return Request(f"{verb} {code} of scale {scale} to {ledger}", ask, tell, ledger)


@command(1.5)
def open_accounts(client: Client) -> Request:
    chance, ledger = client.random, client.ledger
    currency = chance.choice(["MXN", "MXN", "HRS", "USD", "VAL"])
    codes = chance.sample(ACCOUNTS[currency], chance.choice([1, 1, 2]))
    if chance.random() < 0.03:
        codes[0] = "GODE561231HDFRRN04"  # Looks like a person's; refused.
    asked = [
        AskedAccount(
            code=code,
            currency=currency,
            nature=Nature.DEBIT if code in ("stock", "vault") else Nature.CREDIT,
            lower_bound=chance.choice(["0", "0", "-10", "none"]),
            upper_bound=chance.choice(["none", "none", "50", "-20"]),
        )
        for code in codes
    ]
    dry_run = chance.random() < 0.15

    async def ask(desk: Sequencer) -> Any:
        return await desk.open_accounts(ledger, asked, OPERATOR, dry_run=dry_run)

    def tell(outcome: Any, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        if isinstance(outcome, Refusal):
            assert outcome.position is not None
            audit.refused_change(books, outcome, [asked[outcome.position].code])
            return f"refused, {outcome.code.value}"
        if not dry_run:
            audit.opened(books, asked, outcome, signed)
        return "there"

    verb = "tries to open" if dry_run else "opens"
    return Request(f"{verb} {', '.join(codes)} in {ledger}", ask, tell, ledger)


@command(2.5)
def change_account(client: Client) -> Request:
    chance, ledger = client.random, client.ledger
    currency = chance.choice(["MXN", "MXN", "HRS"])
    code = chance.choice(ACCOUNTS[currency])
    if chance.random() < 0.5:
        code = chance.choice(["ana", "ben", "eva"])
    asked, what = chance.choice(
        [
            (AskedChange(reason="decision", status=Status.FROZEN), "freezes"),
            (AskedChange(reason="decision", status=Status.FROZEN_DEBITS), "freezes debits of"),
            (
                AskedChange(reason="decision", status=Status.FROZEN_CREDITS),
                "freezes credits of",
            ),
            (AskedChange(reason="decision", status=Status.FROZEN_DEBITS), "freezes debits of"),
            (AskedChange(reason="decision", status=Status.OPEN), "unfreezes"),
            (AskedChange(reason="decision", status=Status.OPEN), "unfreezes"),
            (AskedChange(reason="d", upper_bound="10", soft_bounds="upper"), "asks less of"),
            (AskedChange(reason="d", lower_bound="0", soft_bounds="lower"), "trusts"),
            (AskedChange(reason="d", soft_bounds=chance.choice(SOFT)), "softens"),
            (AskedChange(reason="decision", lower_bound=f"-{chance.randint(0, 50)}"), "lowers"),
            (AskedChange(reason="decision", upper_bound=f"{chance.randint(0, 200)}"), "caps"),
            (AskedChange(reason="d", upper_bound="none", lower_bound="-20"), "uncaps"),
            (AskedChange(reason="d", upper_bound="none", lower_bound="none"), "frees"),
        ]
    )
    if chance.random() < 0.06:
        asked, what = AskedChange(reason="decision", status=Status.CLOSED), "closes"
    dry_run = chance.random() < 0.15

    async def ask(desk: Sequencer) -> Any:
        return await desk.change_account(ledger, code, asked, OPERATOR, dry_run=dry_run)

    def tell(outcome: Any, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        if isinstance(outcome, Refusal):
            audit.refused_change(books, outcome, [code])
            return f"refused, {outcome.code.value}"
        if not dry_run:
            audit.stood(books, outcome, signed)
        return outcome.status.value

    verb = f"tries what {what}" if dry_run else what
    return Request(f"{verb} {code} in {ledger}", ask, tell, ledger)
