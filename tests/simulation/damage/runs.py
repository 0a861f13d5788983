"""Runs of demurrage and fees damaged."""

from math import ceil
from typing import Any

from ledger.core import demurrage
from ledger.core.demurrage import charged_by
from ledger.services import runs
from ledger.services.plans import Plan, Stage
from tests.simulation.damage.damage import Patch, damage

UNOWED = "a run that asks for what is not owed"


@damage("batches that nobody sent|a run that nobody asked for")
def run_under_other_ids(patch: Patch) -> None:
    made = Plan.id_of

    def other(self: Plan, stage: Stage, attempt: int) -> Any:
        return made(self, Stage("again", stage.part), attempt)

    patch.setattr(Plan, "id_of", other)


@damage(UNOWED)
def round_demurrage_up(patch: Patch) -> None:
    patch.setattr(demurrage, "round", ceil, raising=False)


@damage(f"{UNOWED}|more was charged than it ever came to|owed is not what was")
def charge_what_was_paid(patch: Patch) -> None:
    async def owed(reads: Any, ledger: int, numbers: Any, dues: Any, account: int) -> Any:
        days = [due.last for due in dues]
        rows = await reads.balances_at(ledger, *numbers, days, account)
        return {row.account: charged_by(row.balances, dues) for row in rows}

    patch.setattr(runs, "owed_by", owed)


@damage(f"{UNOWED}|a fee that was paid twice|another sum of a run")
def ask_fees_again(patch: Patch) -> None:
    patch.setattr(runs, "_paid_in", lambda *_: {})


@damage(UNOWED)
def spread_over_some(patch: Patch) -> None:
    members = runs.members
    patch.setattr(runs, "members", lambda *asked: members(*asked)[1:])
