"""tequio trial-balance: what a period began with, what moved, and what it came to."""

from datetime import date
from typing import Any, Final

import click

from ledger.cli.client import path_of
from ledger.cli.options import (
    DAY,
    adjustments_option,
    known_option,
    known_query,
    ledger_option,
    speaks_to_service,
)
from ledger.cli.show import Place, print_json, table
from ledger.cli.words import Stop, t

TRIAL: Final = ("opening_balance", "debits", "credits", "closing_balance")


@click.command(
    "trial-balance",
    help=t(
        "Opening balances, debits, credits and closing balances of a period.",
        "Saldos iniciales, cargos, abonos y saldos finales de un periodo.",
    ),
)
@ledger_option
@click.option("--from", "first", type=DAY, help=t("First business day.", "Primer día."))
@click.option("--to", "last", type=DAY, help=t("Last business day.", "Último día."))
@click.option(
    "--period",
    help=t(
        "A month instead: 2026-01; 2025-13 is the adjustments to 2025.",
        "O un mes: 2026-01; 2025-13 son los ajustes de 2025.",
    ),
)
@known_option
@adjustments_option
@click.option(
    "--by",
    type=click.Choice(["account", "kind"]),
    default="account",
    show_default=True,
    help=t("A line for each account, or each kind.", "Una línea por cuenta o por tipo."),
)
@speaks_to_service
async def trial_balance(
    place: Place,
    ledger: str,
    first: Any,
    last: Any,
    period: str | None,
    as_known_on: str | None,
    adjustments: bool,
    by: str,
) -> None:
    if (period is None) is (first is None or last is None) or bool(period and (first or last)):
        raise click.UsageError(
            t("Give --from and --to, or --period.", "Dé --from y --to, o --period.")
        )
    query: dict[str, Any] = {"by": by, **known_query(as_known_on, adjustments)}
    if period is None:
        query |= {"from": first.date().isoformat(), "to": last.date().isoformat()}
    else:
        query["period"] = period
    whole = await _all_of_trial_balance(place, ledger, query)
    if place.json:
        print_json(whole)
        return
    print_trial_balance(place, whole, by)
    if not all(total["balanced"] for total in whole["totals"]):
        raise Stop(t("The books do not balance.", "Los libros no cuadran."))


async def fetch_trial_balance(
    place: Place, ledger: str, first: date, last: date, by: str
) -> dict[str, Any]:
    """All pages of a trial balance between two days as one."""
    days = {"from": first.isoformat(), "to": last.isoformat()}
    return await _all_of_trial_balance(place, ledger, {**days, "by": by})


async def _all_of_trial_balance(
    place: Place, ledger: str, query: dict[str, Any]
) -> dict[str, Any]:
    path = path_of("ledgers", ledger, "trial-balance")
    whole: dict[str, Any] = {}
    async with place.client() as client:
        page = whole = await client.get(path, query)
        while "next" in page:
            page = await client.get(path, {**query, "after": page["next"]})
            whole["lines"] += page["lines"]
    whole.pop("next", None)
    return whole


def print_trial_balance(place: Place, whole: dict[str, Any], by: str) -> None:
    """A trial balance, and what it amounts to on both sides."""
    names = ("currency", "account", "kind") if by == "account" else ("currency", "kind")
    place.console.print(table(whole["lines"], (*names, "nature", *TRIAL)))
    sides = ("opening_debit", "opening_credit", "debits", "credits")
    totals = ("currency", *sides, "closing_debit", "closing_credit", "balanced")
    place.console.print()
    place.console.print(table(whole["totals"], totals))
