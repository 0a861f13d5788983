"""Rows of a CSV file as transfers: which column means what, and amounts to the last digit.

    bytes -> records of cells -> a transfer as the API takes it, or why not

Nothing here speaks to a ledger. Amounts are read exactly, also with a float's tail of
decimals or an exponent; where a currency has fewer decimals they are rounded half to even
if that was asked for, and what rounding changed is kept, exactly.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation
from pathlib import Path
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ledger.cli.words import Stop, language, t
from ledger.core.amounts import AMOUNT_MAX, show_amount
from ledger.core.asked import DESCRIPTION_MAX, AskedTransfer
from ledger.core.model import AccountCode
from ledger.core.texts import sentence

REQUIRED: Final = ("debit_account", "credit_account", "amount", "currency", "kind")
OPTIONAL: Final = (
    "reference",
    "description",
    "business_date",
    "value_date",
    "entered_by",
    "approved_by",
)
FIELDS: Final = REQUIRED + OPTIONAL
FIRST_ROW: Final = 2  # As a spreadsheet counts: the names of the columns are row 1.

DAYS_KEPT: Final = 10_000  # Texts of dates that are not read a second time.

# Digits, a point, an exponent as floats are written with. The bounds keep sums exact.
_AMOUNT: Final = re.compile(
    r"\+?([0-9]{1,24}(\.[0-9]{0,60})?|\.[0-9]{1,60})([eE][+-]?[0-9]{1,2})?", re.ASCII
)
_ISO_DAY: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ].*)?", re.ASCII)
_NOT_WORD: Final = re.compile(r"[^a-z0-9]+")
# Wide enough for any sum of what _AMOUNT lets in; if it were not, that would be an error.
EXACT: Final = Context(prec=260, rounding=ROUND_HALF_EVEN, traps=[Inexact, InvalidOperation])
ZERO: Final = Decimal(0)


class Reading(Struct, frozen=True, kw_only=True):
    """How a file is read: which column is which field, and what is the same in every row."""

    columns: dict[str, str]
    constants: dict[str, str]
    half_even: bool = False
    date_format: str = ""  # Of strptime; without it dates begin YYYY-MM-DD.
    delimiter: str = ","
    encoding: str = "utf-8-sig"

    def name(self) -> str:
        """What makes this another import of the same file: columns and constants."""
        return msgspec.json.encode(
            [self.columns, self.constants], order="deterministic"
        ).decode()


class Row(Struct, frozen=True, gc=False):
    """A record of the file; the number is the one a spreadsheet shows."""

    number: int
    cells: tuple[str, ...]


class Unreadable(Struct, frozen=True, gc=False):
    """Why a row is no transfer, or was refused."""

    code: str
    sentence: str


class Prepared(Struct, frozen=True, gc=False):
    """A transfer as the API takes it, and what rounding added to its amount."""

    asked: AskedTransfer
    residue: Decimal = ZERO


class _NotReadable(Exception):
    def __init__(self, code: str, en: str, es: str, **facts: str) -> None:
        self.code, self.en, self.es, self.facts = code, en, es, facts


# ---- the file


@contextmanager
def opened(path: Path, reading: Reading) -> Iterator[tuple[list[str], Iterator[Row]]]:
    """The names of the columns, and the rows one by one.

    Raises:
        Stop: it cannot be opened, decoded or read as CSV; also while rows are read.
    """
    try:
        with path.open(encoding=reading.encoding, newline="") as file:
            records = csv.reader(file, delimiter=reading.delimiter, strict=True)
            header = next(records, None)
            if not header:
                raise Stop(t(f"{path} is empty.", f"{path} está vacío."))
            rows = (
                Row(number, tuple(cells))
                for number, cells in enumerate(records, FIRST_ROW)
                if cells  # An empty line is no row, and still counts as one.
            )
            yield header, rows
    except OSError as error:
        raise Stop(f"{path}: {error.strerror}") from error
    except (UnicodeError, LookupError) as error:
        raise Stop(
            t(
                f"{path} is not text in {reading.encoding} ({error}). Files from spreadsheets "
                "are often --encoding cp1252.",
                f"{path} no es texto en {reading.encoding} ({error}). Los archivos de hojas de "
                "cálculo suelen ser --encoding cp1252.",
            )
        ) from error
    except csv.Error as error:
        raise Stop(
            t(
                f"{path} is broken as CSV, near line {records.line_num}: {error}",
                f"{path} no es CSV válido, cerca de la línea {records.line_num}: {error}",
            )
        ) from error


def places_of(header: list[str], reading: Reading) -> dict[str, int]:
    """At which place of a row each field is.

    Raises:
        Stop: a column is not there, or is there twice.
    """
    places: dict[str, int] = {}
    for field, column in reading.columns.items():
        if header.count(column) != 1:
            names = ", ".join(header)
            raise Stop(
                t(
                    f"There is no single column {column!r} for {field}. The file has: {names}",
                    f"No hay una única columna {column!r} para {field}. Hay: {names}",
                )
            )
        places[field] = header.index(column)
    return places


# ---- a row


class Reader:
    """Makes transfers of rows.

    Args:
        scales: the ledger's currencies and how many decimals each has.
    """

    def __init__(self, header: list[str], reading: Reading, scales: Mapping[str, int]) -> None:
        self._width = len(header)
        self._reading = reading
        self._places = places_of(header, reading)
        self._scales = scales
        self._codes: set[str] = set()  # That were looked at and are account codes.
        self._days: dict[str, date] = {}

    def read(self, row: Row) -> Prepared | Unreadable:
        """A row as a transfer, or why it is none."""
        try:
            return self._read(row)
        except _NotReadable as not_readable:
            said = sentence(not_readable.code, language(), **not_readable.facts)
            reason = t(not_readable.en, not_readable.es)
            return Unreadable(not_readable.code, f"{said} ({reason})")

    def accounts(self, row: Row) -> tuple[str, str, str] | None:
        """Both account codes and the currency of a row, where they can be told."""
        if len(row.cells) != self._width:
            return None
        currency = self._text(row, "currency")
        debit, credit = self._text(row, "debit_account"), self._text(row, "credit_account")
        both = self._is_code(debit) and self._is_code(credit)
        return (debit, credit, currency) if both and currency in self._scales else None

    def _read(self, row: Row) -> Prepared:
        if len(row.cells) != self._width:
            count, width = len(row.cells), self._width
            raise _NotReadable(
                "malformed_request",
                f"{count} cells instead of {width}",
                f"{count} celdas en vez de {width}",
            )
        debit, credit = (
            self._account(row, "debit_account"),
            self._account(row, "credit_account"),
        )
        currency = self._text(row, "currency")
        if currency not in self._scales:
            raise _NotReadable("currency_not_found", currency or "—", currency or "—")
        amount, residue = self._amount(self._text(row, "amount"), self._scales[currency])
        description = self._text(row, "description")
        if len(description) > DESCRIPTION_MAX or "\0" in description:
            raise _NotReadable(
                "malformed_request",
                f"description: more than {DESCRIPTION_MAX} characters, or a zero byte",
                f"description: más de {DESCRIPTION_MAX} caracteres, o un byte cero",
                field="description",
            )
        asked = AskedTransfer(
            debit_account=debit,
            credit_account=credit,
            amount=amount,
            currency=currency,
            kind=_NOT_WORD.sub("_", self._text(row, "kind").lower()).strip("_"),
            reference=self._text(row, "reference"),
            description=description,
            business_date=self._day(row, "business_date"),
            value_date=self._day(row, "value_date"),
            entered_by=self._text(row, "entered_by"),
            approved_by=self._text(row, "approved_by"),
        )
        return Prepared(asked, residue)

    def _text(self, row: Row, field: str) -> str:
        place = self._places.get(field)
        if place is None:
            return self._reading.constants.get(field, "")
        return row.cells[place].strip()

    def _account(self, row: Row, field: str) -> str:
        code = self._text(row, field)
        if not self._is_code(code):
            raise _NotReadable(
                "malformed_request",
                f"{field}: {code[:70]!r} is no account code",
                f"{field}: {code[:70]!r} no es código de cuenta",
                field=field,
            )
        return code

    def _is_code(self, text: str) -> bool:
        if text in self._codes:
            return True
        try:
            msgspec.convert(text, AccountCode)
        except msgspec.ValidationError:
            return False
        self._codes.add(text)
        return True

    def _amount(self, text: str, scale: int) -> tuple[str, Decimal]:
        """An amount with exactly `scale` decimals, and rounded minus exact."""
        if not _AMOUNT.fullmatch(text):
            raise _NotReadable(
                "malformed_amount",
                f"{text[:70]!r} is no plain number",
                f"{text[:70]!r} no es un número",
            )
        exact = Decimal(text)
        units = EXACT.scaleb(exact, scale)
        whole = units.to_integral_value(ROUND_HALF_EVEN)
        if whole != units and not self._reading.half_even:
            raise _NotReadable(
                "malformed_amount",
                f"{text}: more than {scale} decimals; --scale-excess half-even rounds them",
                f"{text}: más de {scale} decimales; --scale-excess half-even los redondea",
            )
        if not 1 <= whole <= AMOUNT_MAX:
            raise _NotReadable(
                "malformed_amount",
                f"{text}: nothing is left of it, or it is too large",
                f"{text}: no queda nada, o es demasiado grande",
            )
        shown = show_amount(int(whole), scale)
        if whole == units:
            return shown, ZERO
        return shown, EXACT.subtract(Decimal(shown), exact)

    def _day(self, row: Row, field: str) -> date | UnsetType:
        text = self._text(row, field)
        if not text:
            return UNSET
        day = self._days.get(text)
        if day is None:
            day = self._parse_day(text, field)
            if len(self._days) < DAYS_KEPT:
                self._days[text] = day
        return day

    def _parse_day(self, text: str, field: str) -> date:
        wanted = self._reading.date_format
        try:
            if wanted:
                return datetime.strptime(text, wanted).date()  # noqa: DTZ007 - A day has no zone.
            match = _ISO_DAY.fullmatch(text)
            if match is not None:
                datetime.fromisoformat(text.replace("Z", "+00:00"))
                return date.fromisoformat(match[1])  # As written: whose midnight is not asked.
        except ValueError:
            pass
        shown = wanted or "YYYY-MM-DD"
        raise _NotReadable(
            "malformed_request",
            f"{field}: {text[:40]!r} is no date {shown}; --date-format tells another form",
            f"{field}: {text[:40]!r} no es fecha {shown}; --date-format indica otra forma",
            field=field,
        )
