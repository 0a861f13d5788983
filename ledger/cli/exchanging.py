"""The command that exchanges: what is sold, what that buys, and the residue, as one entry."""

import uuid
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import click

from ledger.cli.client import path_of
from ledger.cli.options import CODE, ledger_option, speaks_to_service
from ledger.cli.posting import present, print_batch, said_of_it, send_once
from ledger.cli.show import Place
from ledger.cli.words import Stop, t
from ledger.core.amounts import AMOUNT_MAX, parse_amount, show_amount
from ledger.core.exchange import EXCHANGE, Exchange
from ledger.core.faults import MalformedAmount
from ledger.core.lines import Rate

PARTS: Final = ("debit_account", "credit_account", "amount", "currency")


class RateOfUnits(click.ParamType[Fraction]):
    """What one unit sold buys: 17.25, or 69/4."""

    name = "rate"

    def convert(self, value: Any, param: Any, ctx: Any) -> Fraction:
        try:
            rate = Fraction(str(value))
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if rate <= 0:
            self.fail(t("Write it as 17.25 or 69/4.", "Escríbala como 17.25 o 69/4."))
        return rate


@click.command(
    "exchange",
    help=t(
        "Sell an amount for another currency, as one entry of a batch: what it buys is rounded "
        "down, and what of it buys nothing goes back to who paid, or to --residue-to.",
        "Cambia un importe a otra moneda, en una sola póliza: lo que compra se redondea hacia "
        "abajo, y lo que no alcanza a comprar nada vuelve a quien pagó, o va a --residue-to.",
    ),
)
@ledger_option
@click.option("--debit", required=True, help=t("It pays.", "Cuenta que paga."))
@click.option("--sell-to", required=True, help=t("It takes that.", "Cuenta que recibe eso."))
@click.option("--amount", required=True, help=t("Such as 125.50.", "Por ejemplo 125.50."))
@click.option("--currency", required=True, help=t("Of the amount.", "Moneda del importe."))
@click.option("--buy-from", required=True, help=t("It gives.", "Cuenta que entrega."))
@click.option("--credit", required=True, help=t("It is paid.", "Cuenta que cobra."))
@click.option("--for", "bought", required=True, help=t("Currency bought.", "Moneda comprada."))
@click.option(
    "--rate",
    type=RateOfUnits(),
    required=True,
    help=t(
        "What one unit buys, as on the board: 17.25, or 69/4.",
        "Lo que compra una unidad, como en la pizarra: 17.25, o 69/4.",
    ),
)
@click.option(
    "--residue-to",
    help=t(
        "Account for what buys nothing; else it goes back.",
        "Cuenta para lo que no compra nada; si no, se devuelve.",
    ),
)
@click.option(
    "--kind", type=CODE, default=EXCHANGE, show_default=True, help=t("Its kind.", "Su tipo.")
)
@said_of_it
@speaks_to_service
async def exchange(
    place: Place,
    ledger: str,
    sent_id: uuid.UUID | None,
    dry_run: bool,
    debit: str,
    sell_to: str,
    amount: str,
    currency: str,
    buy_from: str,
    credit: str,
    bought: str,
    rate: Fraction,
    residue_to: str | None,
    kind: str,
    **given: str | None,
) -> None:
    async with place.client() as client:
        scales = await client.scales(ledger)
    one = exchange_of(amount, (currency, bought), rate, scales)
    parts = [
        _leg(debit, sell_to, one.sold, currency, scales),
        {
            **_leg(buy_from, credit, one.bought, bought, scales),
            "terms": {"entry": 1, "rate": {"n": one.rate.n, "d": one.rate.d}},
        },
    ]
    if one.residue:
        back = _leg(sell_to, residue_to or debit, one.residue, currency, scales)
        parts.append({**back, "terms": {"entry": 1, "residue": True}})
    said = {"kind": kind, **present(**given)}
    reference = said.pop("reference", None)
    transfers = [{**part, **said} for part in parts]
    if reference is not None:
        transfers[0]["reference"] = reference  # Where they must be unique, of one of them.
    path = path_of("ledgers", ledger, "batches")
    answer = await send_once(place, path, {"transfers": transfers}, sent_id, dry_run)
    if not place.json:
        place.rows(parts, PARTS)
    print_batch(place, answer)


def exchange_of(
    amount: str, currencies: tuple[str, str], rate: Fraction, scales: Mapping[str, int]
) -> Exchange:
    """What is sold, in minor units of the first currency, for some of the second.

    Raises:
        Stop: it cannot be said exactly, or buys nothing.
    """
    for code in currencies:
        if code not in scales:
            raise Stop(t(f"The ledger has no {code}.", f"El libro no tiene {code}."))
    sold, bought = (scales[code] for code in currencies)
    minor = rate * Fraction(10**bought, 10**sold)
    if max(minor.numerator, minor.denominator) > AMOUNT_MAX:
        raise Stop(t("The rate has too many digits.", "La tasa tiene demasiados dígitos."))
    try:
        one = Exchange(parse_amount(amount, sold), Rate(n=minor.numerator, d=minor.denominator))
    except MalformedAmount as fault:
        raise Stop(f"{amount}: {fault.facts[-1]}") from None
    if not one.bought:
        raise Stop(
            t(
                f"At that rate {amount} {currencies[0]} buy nothing.",
                f"Con esa tasa {amount} {currencies[0]} no compran nada.",
            )
        )
    return one


def _leg(
    debit: str, credit: str, amount: int, currency: str, scales: Mapping[str, int]
) -> dict[str, Any]:
    return {
        "debit_account": debit,
        "credit_account": credit,
        "amount": show_amount(amount, scales[currency]),
        "currency": currency,
        "terms": {"entry": 1},
    }
