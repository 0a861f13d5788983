"""What commands print: tables for people, JSON for programs.

Where nobody looks (a pipe, a file) tables are as wide as they need to be and have no colour.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, ParamSpec, TypeVar

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ledger.cli.client import Client, find_key
from ledger.cli.words import is_moment, moment, money, t

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])

WIDE: Final = 400  # Columns where nobody looks.
AMOUNTS: Final = frozenset(
    {
        "amount",
        "amount_from",
        "available",
        "balance",
        "closing_balance",
        "closing_credit",
        "closing_debit",
        "credit_balance",
        "collected",
        "collected_now",
        "circulation",
        "credit_outstanding",
        "credits",
        "current_value",
        "debit_balance",
        "debits",
        "exempt",
        "fixed",
        "given",
        "headroom",
        "held_posted",
        "in_reserve",
        "issued",
        "left",
        "lower_bound",
        "maximum",
        "minimum",
        "opening_balance",
        "opening_credit",
        "opening_debit",
        "pending_credits",
        "pending_debits",
        "unpaid",
        "upper_bound",
    }
)
NUMBERS: Final = AMOUNTS | {
    "accounts",
    "age_days",
    "batch_number",
    "batches",
    "last_sequence",
    "leaf_index",
    "number",
    "position",
    "row",
    "scale",
    "sequence",
    "size",
    "transfers",
}

# What a field is called above a column; what is not here keeps its own name.
HEADS: Final[Mapping[str, tuple[str, str]]] = {
    "accept_after": ("accepted after", "se acepta tras"),
    "accept_at": ("accepted at", "se acepta el"),
    "accepts": ("accepts", "acepta"),
    "account": ("account", "cuenta"),
    "accounts": ("accounts", "cuentas"),
    "act": ("act", "acta"),
    "action": ("action", "acción"),
    "adjustments": ("adjustments", "ajustes"),
    "age_days": ("days", "días"),
    "amount": ("amount", "importe"),
    "amount_from": ("from", "desde"),
    "approvals": ("approvals left", "autorizaciones"),
    "approvals_needed": ("approvals", "autorizaciones"),
    "approved_by": ("approved by", "autorizó"),
    "at": ("at", "hora"),
    "at_limit_since": ("at its limit since", "en su límite desde"),
    "attempt": ("attempt", "intento"),
    "attempts": ("attempts", "intentos"),
    "as_known_on": ("as known on", "conocido al"),
    "available": ("available", "disponible"),
    "balance": ("balance", "saldo"),
    "balanced": ("balanced", "cuadra"),
    "base": ("base", "base"),
    "batch_number": ("batch number", "número de lote"),
    "batches": ("batches", "lotes"),
    "begun": ("begun", "empezó"),
    "beside": ("besides", "además"),
    "business_date": ("business date", "fecha contable"),
    "circulation": ("in circulation", "en circulación"),
    "by": ("by", "por"),
    "cap": ("at most", "tope"),
    "cleared_by": ("cleared by", "depurado por"),
    "closed_at": ("closed at", "cerrado el"),
    "closed_by": ("closed by", "cerrado por"),
    "close_after_minutes": ("minutes until it is closed", "minutos para su cierre"),
    "closed_through": ("closed through", "cerrado hasta"),
    "closing": ("the clock closes", "el reloj cierra"),
    "closing_balance": ("closing", "saldo final"),
    "closing_credit": ("closing credit", "final acreedor"),
    "closing_debit": ("closing debit", "final deudor"),
    "code": ("code", "código"),
    "collected": ("collected", "cobrado"),
    "collected_now": ("collected now", "cobrado ahora"),
    "count": ("count", "número"),
    "credit_account": ("credit account", "cuenta de abono"),
    "credit_balance": ("credit balance", "saldo de abono"),
    "credit_outstanding": ("credit outstanding", "crédito vigente"),
    "credits": ("credits", "abonos"),
    "currency": ("currency", "moneda"),
    "current_value": ("current value", "valor actual"),
    "current": ("day now", "día actual"),
    "cut_off": ("cut-off", "hora de corte"),
    "decision": ("decided", "se decidió"),
    "date": ("date", "fecha"),
    "dates": ("dates", "fechas"),
    "days": ("days by", "días por"),
    "debit_account": ("debit account", "cuenta de cargo"),
    "debit_balance": ("debit balance", "saldo de cargo"),
    "debits": ("debits", "cargos"),
    "description": ("description", "descripción"),
    "due": ("due", "vence"),
    "earned": ("earned", "ganado"),
    "ended_at": ("ended at", "cerrada el"),
    "ended_by": ("ended by", "cerrada por"),
    "entered_by": ("entered by", "capturó"),
    "entry": ("entry", "póliza"),
    "exempt": ("exempt", "exento"),
    "every": ("every", "cada"),
    "expires": ("until", "vence"),
    "expires_after": ("waits for", "espera"),
    "first": ("first", "primera"),
    "first_sequence": ("first sequence", "primer folio"),
    "from": ("from", "desde"),
    "fraction": ("fraction kept", "fracción no entregada"),
    "file_amount": ("sum in the file", "suma del archivo"),
    "file_count": ("in the file", "en el archivo"),
    "flags": ("flags", "avisos"),
    "fixed": ("fixed", "fijo"),
    "given": ("given to members", "repartido"),
    "headroom": ("headroom", "margen"),
    "in_reserve": ("in reserve", "en reserva"),
    "issued": ("issued", "emitido"),
    "issuer": ("issued from", "cuenta emisora"),
    "found": ("what", "qué"),
    "held": ("held", "retenido"),
    "held_posted": ("posted of it", "aplicado"),
    "hold": ("amount held", "retiene"),
    "key": ("key", "llave"),
    "kind": ("kind", "tipo"),
    "kinds": ("kinds", "tipos"),
    "last": ("last", "última"),
    "last_outcome": ("last outcome", "último resultado"),
    "last_sequence": ("last sequence", "último folio"),
    "leaf_index": ("leaf", "hoja"),
    "linked": ("made good by", "reparado por"),
    "ledger_amount": ("sum in the ledger", "suma del libro"),
    "ledger_count": ("in the ledger", "en el libro"),
    "left": ("left", "queda"),
    "limit": ("limit", "tope"),
    "lower_bound": ("lower bound", "límite inferior"),
    "makers": ("entered by", "capturado por"),
    "maximum": ("at most", "máximo"),
    "minimum": ("at least", "mínimo"),
    "meant_for": ("meant for", "era para"),
    "miss_after_minutes": ("missed after minutes", "se deja tras minutos"),
    "negative_since": ("negative since", "en negativo desde"),
    "next": ("next", "próxima"),
    "on_holiday": ("on a holiday", "si es inhábil"),
    "on_weekend": ("on a weekend", "si es fin de semana"),
    "mark": ("mark", "cierre"),
    "name": ("name", "nombre"),
    "nature": ("nature", "naturaleza"),
    "holder": ("holder", "titular"),
    "on": ("at the end of", "al cierre de"),
    "only_accounts": ("accounts", "cuentas"),
    "opening_balance": ("opening", "saldo inicial"),
    "opening_credit": ("opening credit", "inicial acreedor"),
    "opening_debit": ("opening debit", "inicial deudor"),
    "order": ("order", "oficio"),
    "origin": ("origin", "origen"),
    "other_account": ("other account", "contracuenta"),
    "overdue_since": ("overdue since", "vencida desde"),
    "partner": ("accepts from", "acepta de"),
    "payer": ("paid by", "lo paga"),
    "payment_limits": ("limits of payments", "topes de pagos"),
    "plan": ("plan", "plan"),
    "outcome": ("outcome", "resultado"),
    "pending_credits": ("held for it", "retenido a favor"),
    "pending_debits": ("held back", "retenido"),
    "period": ("period", "periodo"),
    "phase": ("phase", "fase"),
    "position": ("position", "posición"),
    "posted": ("posted", "registrados"),
    "posted_on": ("posted on", "se registra el"),
    "poster": ("poster", "quien registra"),
    "public_key": ("public key", "llave pública"),
    "rate": ("rate", "tasa"),
    "ratio": ("ratio", "proporción"),
    "reason": ("reason", "motivo"),
    "recorded_at": ("recorded at", "registrado"),
    "reference": ("reference", "referencia"),
    "received": ("received", "recibido"),
    "residue": ("residue", "residuo de cambio"),
    "reserve": ("reserve", "reserva"),
    "reserve_currency": ("of", "de"),
    "retries": ("retries", "reintentos"),
    "retry_minutes": ("minutes between", "minutos entre intentos"),
    "resolved_by": ("resolved by", "resuelto por"),
    "reversed_by": ("reversed by", "reversado por"),
    "run": ("run", "corrida"),
    "role": ("role", "papel"),
    "scale": ("scale", "decimales"),
    "row": ("row", "renglón"),
    "seconds": ("seconds", "segundos"),
    "seconds_at_limit": ("seconds at its limit", "segundos en su límite"),
    "sentence": ("why", "por qué"),
    "sequence": ("sequence", "folio"),
    "side": ("side", "lado"),
    "since": ("since", "desde"),
    "size": ("leaves", "hojas"),
    "soft_bounds": ("soft bounds", "límites flexibles"),
    "starts": ("started by", "inicia"),
    "spread": ("spread", "se reparte"),
    "source": ("source", "origen"),
    "standing": ("standing", "vigencia"),
    "status": ("status", "estado"),
    "step": ("step", "paso"),
    "sums": ("sums", "sumas"),
    "suspense": ("in suspense", "cuenta puente"),
    "target": ("of", "sobre el folio"),
    "to": ("to", "hasta"),
    "time_zone": ("time zone", "zona horaria"),
    "totals_hash": ("hash of totals", "resumen de totales"),
    "transfers": ("transfers", "movimientos"),
    "treasury": ("treasury", "tesorería"),
    "user": ("person", "persona"),
    "unpaid": ("unpaid", "sin pagar"),
    "up_to": ("up to", "hasta el límite de"),
    "until": ("until", "hasta"),
    "upper_bound": ("upper bound", "límite superior"),
    "value_date": ("value date", "fecha valor"),
    "week": ("week", "semana"),
    "what": ("what", "qué"),
    "why": ("refused as", "por qué"),
    "year": ("year", "año"),
    "workflow": ("workflow", "flujo"),
    "value_days_back": ("value date days back", "días atrás de fecha valor"),
}

VALUES: Final[Mapping[tuple[str, str], str]] = {
    ("accepts", "payee"): "quien cobra",
    ("accepts", "payer"): "quien paga",
    ("action", "clear"): "depuración",
    ("action", "hold"): "retención",
    ("action", "post"): "aplicación de retención",
    ("action", "reverse"): "reverso",
    ("action", "void"): "liberación de retención",
    ("decision", "accepted"): "aceptada",
    ("decision", "approved"): "autorizada",
    ("decision", "cancelled"): "cancelada",
    ("decision", "declined"): "rechazada",
    ("decision", "expired"): "vencida",
    ("every", "once"): "una vez",
    ("every", "day"): "día",
    ("every", "week"): "semana",
    ("every", "month"): "mes",
    ("every", "year"): "año",
    ("days", "clock"): "reloj",
    ("days", "command"): "orden",
    ("flags", "balance_limit_passed"): "pasa del tope de saldo",
    ("flags", "credit_limit_passed"): "pasa del límite de crédito",
    ("found", "file_says"): "distinto: archivo",
    ("found", "ledger_says"): "distinto: libro",
    ("found", "only_in_file"): "sólo en el archivo",
    ("found", "only_in_ledger"): "sólo en el libro",
    ("kind", "backed"): "respaldada",
    ("kind", "closing"): "traspaso al cerrar",
    ("kind", "mutual_credit"): "crédito mutuo",
    ("kind", "national"): "nacional",
    ("kind", "rest"): "resto",
    ("kind", "reversal"): "reverso",
    ("kind", "time"): "tiempo",
    ("lower_bound", "none"): "sin límite",
    ("mark", "final"): "definitivo",
    ("mark", "preliminary"): "preliminar",
    ("mark", "reopened"): "reabierto",
    ("nature", "credit"): "acreedora",
    ("payer", "credit"): "quien cobra",
    ("payer", "debit"): "quien paga",
    ("period", "day"): "día",
    ("period", "transfer"): "por movimiento",
    ("period", "month"): "mes",
    ("period", "quarter"): "trimestre",
    ("period", "week"): "semana",
    ("period", "year"): "año",
    ("on_holiday", "as_is"): "se queda",
    ("on_holiday", "before"): "antes",
    ("on_holiday", "after"): "después",
    ("on_holiday", "skip"): "se omite",
    ("on_weekend", "as_is"): "se queda",
    ("on_weekend", "before"): "antes",
    ("on_weekend", "after"): "después",
    ("on_weekend", "skip"): "se omite",
    ("outcome", "posted"): "registrado",
    ("outcome", "refused"): "rechazado",
    ("outcome", "skipped"): "omitido",
    ("outcome", "missed"): "vencido",
    ("nature", "debit"): "deudora",
    ("phase", "adjusted"): "ajuste",
    ("phase", "expired"): "vencido",
    ("phase", "held"): "retenido",
    ("phase", "part_posted"): "aplicado en parte",
    ("phase", "posted"): "registrado",
    ("phase", "released"): "liberado",
    ("phase", "voided"): "liberado",
    ("side", "credit"): "abono",
    ("side", "debit"): "cargo",
    ("role", "approver"): "autorizador",
    ("role", "auditor"): "auditor",
    ("role", "compliance"): "cumplimiento",
    ("role", "member"): "socio",
    ("role", "operator"): "operador",
    ("role", "poster"): "capturista",
    ("soft_bounds", "both"): "ambos",
    ("soft_bounds", "lower"): "inferior",
    ("soft_bounds", "none"): "ninguno",
    ("soft_bounds", "upper"): "superior",
    ("standing", "in_force"): "vigente",
    ("standing", "over"): "pasada",
    ("standing", "to_come"): "por venir",
    ("status", "closed"): "cerrada",
    ("status", "frozen"): "congelada",
    ("status", "frozen_credits"): "congelada para abonos",
    ("status", "frozen_debits"): "congelada para cargos",
    ("status", "not_open"): "no abierta",
    ("status", "open"): "abierta",
    ("status", "reopened"): "reabierta",
    ("starts", "payee"): "quien cobra",
    ("starts", "payer"): "quien paga",
    ("starts", "third"): "un operador",
    ("upper_bound", "none"): "sin límite",
    ("what", "bounds"): "límites",
    ("what", "earned"): "ganado con el uso",
    ("what", "payments"): "topes de pagos",
    ("what", "planned"): "previsto",
    ("what", "unplanned"): "plan retirado",
    ("suspense", "credit"): "en el abono",
    ("suspense", "debit"): "en el cargo",
    ("why", "credit_account_closed"): "cuenta cerrada",
    ("why", "credit_account_frozen"): "cuenta congelada",
    ("why", "debit_account_closed"): "cuenta cerrada",
    ("why", "debit_account_frozen"): "cuenta congelada",
    ("why", "exceeds_balance_limit"): "tope de saldo",
    ("why", "exceeds_credit_limit"): "sin fondos",
    ("why", "exceeds_payment_limit"): "tope de pagos",
}
TEXTS: Final = frozenset({"description", "name", "reference"})  # Whatever they look like.


def console(*, stderr: bool = False) -> Console:
    """Where people read. Nothing is coloured by guessing what it might be."""
    plain = Console(stderr=stderr, highlight=False)
    if not plain.is_terminal:
        plain = Console(stderr=stderr, highlight=False, width=WIDE)
    return plain


def head_of(name: str) -> str:
    """A field's name as people read it."""
    return t(*HEADS[name]) if name in HEADS else name.replace("_", " ")


def cell(name: str, value: object) -> str:
    """A field's value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return t("yes", "sí") if value else "no"
    if isinstance(value, list):
        return ", ".join(cell(name, one) for one in value)
    if isinstance(value, dict) and value.keys() == {"n", "d"}:
        return f"{value['n']}/{value['d']}"
    if isinstance(value, dict):
        return " ".join(f"{head_of(n)} {cell(n, one)}" for n, one in value.items())
    text = str(value)
    if name in AMOUNTS:
        return money(t(text, VALUES.get((name, text), text)))
    if name not in TEXTS and is_moment(text):
        return moment(text)
    return escape(t(text, VALUES.get((name, text), text)))


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], title: str = "") -> Table:
    """Rows as a table with these columns."""
    made = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for name in columns:
        right = name in NUMBERS
        made.add_column(head_of(name), justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell(name, row.get(name)) for name in columns))
    return made


def facts(row: Mapping[str, Any], names: Sequence[str] = ()) -> Table:
    """One thing, field under field."""
    made = Table(show_header=False, box=None, pad_edge=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name in names or row:
        if row.get(name) not in (None, ""):
            made.add_row(head_of(name), cell(name, row[name]))
    return made


def print_json(value: object) -> None:
    """A value for programs."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


class Place:
    """Where a command speaks to, and how it prints."""

    def __init__(self, url: str, key: str | None, as_json: bool) -> None:
        self.url = url
        self.key = find_key(url, key)
        self.json = as_json
        self.console = console()

    def client(self) -> Client:
        return Client(self.url, self.key)

    async def take(
        self, path: str, name: str, limit: int, query: dict[str, Any] | None = None
    ) -> list[Any]:
        """The first rows of a list, and a hint where there are more."""
        found: list[Any] = []
        asked = {**(query or {}), "limit": min(limit + 1, 1000)}
        async with self.client() as client:
            async for page in client.pages(path, name, asked):
                found += page
                if len(found) > limit:
                    break
        if len(found) > limit and not self.json:
            more = t(
                f"The first {limit}; --limit shows more.", f"Los primeros {limit}; hay más."
            )
            click.echo(more, err=True)
        return found[:limit]

    def rows(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print a list, in the form that was asked for."""
        if self.json:
            print_json(rows)
        elif rows:
            self.console.print(table(rows, columns))
        else:
            self.console.print(t("None.", "Ninguno."))

    def one(self, row: Mapping[str, Any], names: Sequence[str] = ()) -> None:
        """Print one thing, in the form that was asked for."""
        if self.json:
            print_json(row)
        else:
            self.console.print(facts(row, names))

    def dry(self, answer: Mapping[str, Any], what: str, names: Sequence[str] = ()) -> None:
        """Print what a write would do. Of a list, all."""
        if self.json:
            print_json(answer)
            return
        self.console.print(
            t("Nothing was written. It would be:", "No se escribió nada. Quedaría así:")
        )
        found = answer.get(what)
        if isinstance(found, list):
            self.console.print(table(found, names))
        elif isinstance(found, dict):
            self.console.print(facts(found, names))
