"""Who must agree: rules of approval, workflows of payments and whitelists, set and removed."""

from typing import Any

from msgspec import UNSET, convert

from ledger.core.asked import AskedPolicy, AskedWorkflow
from ledger.core.refusals import Refusal
from ledger.core.rule_leaves import ApprovalRule, Workflow
from ledger.sequencer.desk import Sequencer
from tests.simulation.auditor import policies as audit
from tests.simulation.workload.client import OPERATOR, Client, Request, command, outcome_of

# Most are for a few batches only, or little else would ever be posted at once.
POLICIES: list[dict[str, Any]] = [
    {"approvals": 1, "expires_after": 3600, "amount_from": 3000, "hold": True},
    {"approvals": 1, "expires_after": 86_400, "kinds": ["payroll", "rent"]},
    {"approvals": 1, "expires_after": 86_400, "kinds": ["payroll", "rent"], "hold": True},
    {"approvals": 2, "expires_after": 10**6, "kinds": ["payroll"], "currency": "MXN"},
    {"approvals": 1, "expires_after": 1, "accounts": ["fund", "h-*"], "kinds": ["fee"]},
    {"approvals": 1, "expires_after": 600, "makers": ["poster"], "hold": True},
    {"approvals": 2, "expires_after": 60, "accounts": ["ana"], "amount_from": 700},
]
WORKFLOWS: list[dict[str, Any]] = [
    *[{"starts": "payee", "accepts": "payer", "expires_after": 10**7, "accept_after": 60}] * 3,
    {"starts": "payer", "accepts": "payee", "expires_after": 3600, "hold": True},
    {"starts": "payee", "accepts": "payer", "expires_after": 3, "accept_after": 2},
    {"starts": "third", "expires_after": 60},
    {"starts": "third", "accepts": "payee", "expires_after": 86_400, "accept_after": 3600},
    {"starts": "payer", "accepts": "payer", "expires_after": 60},  # Not possible,
    {"starts": "payee", "accepts": "payer", "expires_after": 60, "hold": True},  # nor this,
    {"starts": "payee", "accepts": "payer", "expires_after": 2, "accept_after": 2},  # nor this.
]
CODES = ["bill", "credit", "third_party", "quick"]


@command(1.2)
def set_policy(client: Client) -> Request:
    """A rule of approval, or the end of one."""
    chance, ledger = client.random, client.ledger
    code = chance.choice(["large", "payroll", "odd"])
    there = sorted(client.books.all_now("policy")) if client.is_open() else []
    rule = None if chance.random() < 0.25 else chance.choice(POLICIES)
    if rule is None and there and chance.random() < 0.8:
        code = chance.choice(there)
    asked = AskedPolicy(reason="x", rule=UNSET if rule is None else convert(rule, ApprovalRule))
    dry_run = chance.random() < 0.1

    async def ask(desk: Sequencer) -> Any:
        return await desk.set_policy(ledger, code, asked, OPERATOR, dry_run=dry_run)

    def tell(refusal: Refusal | None, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        if refusal is not None or not dry_run:
            audit.rule_told(books, "policy", code, rule, refusal, signed)
        return outcome_of(refusal)

    verb = "tries rule" if dry_run else "sets rule"
    many = "none" if rule is None else f"{rule['approvals']} must approve"
    return Request(f"{verb} {code} of {ledger}: {many}", ask, tell, ledger)


@command(0.7)
def set_workflow(client: Client) -> Request:
    """A workflow of payments, in place of a shipped one too, or the end of one."""
    chance, ledger = client.random, client.ledger
    code = chance.choice(CODES)
    rule = None if chance.random() < 0.2 else chance.choice(WORKFLOWS)
    asked = AskedWorkflow(reason="x", rule=UNSET if rule is None else convert(rule, Workflow))
    dry_run = chance.random() < 0.1

    async def ask(desk: Sequencer) -> Any:
        return await desk.set_workflow(ledger, code, asked, OPERATOR, dry_run=dry_run)

    def tell(refusal: Refusal | None, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        if refusal is not None or not dry_run:
            audit.rule_told(books, "workflow", code, rule, refusal, signed)
        return outcome_of(refusal)

    verb = "tries workflow" if dry_run else "sets workflow"
    what = "none" if rule is None else f"{rule['starts']} starts"
    return Request(f"{verb} {code} of {ledger}: {what}", ask, tell, ledger)


@command(0.8)
def set_whitelist(client: Client) -> Request:
    """Whom an account trusts, or no more."""
    chance, ledger = client.random, client.ledger
    codes = ["ana", "ben", "eva", "cash", "h-ana", "h-ben"]
    pair = chance.choice(codes), chance.choice([*codes, "nobody"])
    on, dry_run = chance.random() < 0.7, chance.random() < 0.1

    async def ask(desk: Sequencer) -> Any:
        return await desk.set_whitelist(ledger, *pair, on, OPERATOR, dry_run=dry_run)

    def tell(refusal: Refusal | None, signed: int) -> str:
        books = client.world.auditor.books(ledger)
        if refusal is not None or not dry_run:
            audit.whitelist_told(books, pair, on, refusal, signed)
        return outcome_of(refusal)

    verb = "trusts" if on else "trusts no more"
    dry = "would be told that " if dry_run else ""
    return Request(f"{dry}{pair[0]} {verb} {pair[1]} in {ledger}", ask, tell, ledger)
