"""tequio reconcile: a business day of the ledger beside the file of another system.

    rows of the file, counted by what they say
    rows of the ledger, each taken from that count
    what is left of both: the same reference, else the same accounts and amount, else nothing

Only what differs is kept of the ledger, so it may be any size; the file is kept whole. Exit
code 0 when both say the same, 1 when anything differs, 2 when they could not be compared.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
from msgspec import Struct, field

from ledger.cli.client import Client, path_of
from ledger.cli.options import (
    delimiter_option,
    encoding_option,
    ledger_option,
    pairs,
    speaks_to_service,
)
from ledger.cli.rows import Reader, Reading, Unreadable, opened
from ledger.cli.show import Place, print_json, table
from ledger.cli.words import Stop, t
from ledger.core.amounts import parse_amount, show_amount
from ledger.journal.directory import Progress, silent

FIELDS: Final = ("reference", "debit_account", "credit_account", "amount", "currency")
SHOWN: Final = 200  # Rows told on the screen; --json has all.
PAGE: Final = 1000


class BadInput(Stop):
    """The two could not be compared."""

    exit_code = 2


class Entry(NamedTuple):
    """What both sides say of a transfer."""

    reference: str
    debit_account: str
    credit_account: str
    amount: str  # With all the decimals of its currency.
    currency: str

    @property
    def content(self) -> tuple[str, str, str, str]:
        """What it is, whatever it is called."""
        return self[1:]


class Placed(NamedTuple):
    """An entry and where it stands: its row in the file, or its sequence in the ledger."""

    place: int
    entry: Entry


class Side(Struct):
    """How many entries one side has, and their sums in minor units by currency."""

    counts: dict[str, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)

    def add(self, entry: Entry, scale: int) -> None:
        units = parse_amount(entry.amount, scale)
        self.counts[entry.currency] = self.counts.get(entry.currency, 0) + 1
        self.sums[entry.currency] = self.sums.get(entry.currency, 0) + units


class Compared(Struct, frozen=True, kw_only=True):
    """What came of it, in the order of rows and sequences."""

    matched: int
    only_in_file: list[Placed]
    only_in_ledger: list[Placed]
    different: list[tuple[Placed, Placed]]  # As the file says, and as the ledger does.

    @property
    def is_equal(self) -> bool:
        return not (self.only_in_file or self.only_in_ledger or self.different)


class Comparison:
    """Two sides on their way: first all of the file, then all of the ledger, then `end`."""

    def __init__(self, scales: Mapping[str, int]) -> None:
        self.file, self.ledger = Side(), Side()
        self._scales = scales
        self._rows: dict[Entry, deque[int]] = {}
        self._left: list[Placed] = []
        self._matched = 0

    def add_row(self, row: int, entry: Entry) -> None:
        """An entry of the file."""
        self.file.add(entry, self._scales[entry.currency])
        self._rows.setdefault(entry, deque()).append(row)

    def add_transfer(self, sequence: int, entry: Entry) -> None:
        """An entry of the ledger."""
        self.ledger.add(entry, self._scales[entry.currency])
        rows = self._rows.get(entry)
        if rows is None:
            self._left.append(Placed(sequence, entry))
            return
        self._matched += 1
        rows.popleft()
        if not rows:
            del self._rows[entry]

    def end(self) -> Compared:
        """What differs. What has the same reference is one transfer told in two ways."""
        file = sorted(Placed(row, entry) for entry, rows in self._rows.items() for row in rows)
        different, file, ledger = _pair(file, self._left, _reference, _reference)
        matched = self._matched
        # Under another reference it is another transfer; one without may be any.
        for file_key, ledger_key in ((_nameless, _content), (_content, _nameless)):
            pairs, file, ledger = _pair(file, ledger, file_key, ledger_key)
            matched += len(pairs)
        return Compared(
            matched=matched,
            only_in_file=file,
            only_in_ledger=ledger,
            different=different,
        )


Key = Callable[[Placed], object]  # What is compared; None for nothing.


def _reference(placed: Placed) -> object:
    return placed.entry.reference or None


def _content(placed: Placed) -> object:
    return placed.entry.content


def _nameless(placed: Placed) -> object:
    return None if placed.entry.reference else placed.entry.content


def _pair(
    file: list[Placed], ledger: list[Placed], file_key: Key, ledger_key: Key
) -> tuple[list[tuple[Placed, Placed]], list[Placed], list[Placed]]:
    """Those of one key beside each other, in order; and what is left of both sides."""
    waiting: dict[object, deque[Placed]] = {}
    for placed in file:
        waiting.setdefault(file_key(placed), deque()).append(placed)
    waiting.pop(None, None)
    pairs: list[tuple[Placed, Placed]] = []
    left: list[Placed] = []
    for placed in ledger:
        same = waiting.get(ledger_key(placed))
        if same:
            pairs.append((same.popleft(), placed))
        else:
            left.append(placed)
    paired = {placed.place for placed, _ in pairs}
    return pairs, [placed for placed in file if placed.place not in paired], left


# ---- where both come from


def read_file(
    path: Path, reading: Reading, scales: Mapping[str, int], progress: Progress = silent
) -> Iterator[Placed]:
    """The entries of a file with the numbers of their rows.

    Raises:
        Stop: it cannot be read, or a row is no transfer.
    """
    with opened(path, reading) as (header, rows):
        # A file without references is compared by what its rows say.
        known = {f: c for f, c in reading.columns.items() if c in header or c != "reference"}
        constants = {"kind": "any", **reading.constants}
        reader = Reader(
            header,
            Reading(
                columns=known,
                constants=constants,
                delimiter=reading.delimiter,
                encoding=reading.encoding,
            ),
            scales,
        )
        for count, row in enumerate(rows, 1):
            read = reader.read(row)
            if isinstance(read, Unreadable):
                raise Stop(f"{path}, {t('row', 'renglón')} {row.number}: {read.sentence}")
            asked = read.asked
            yield Placed(
                row.number,
                Entry(
                    asked.reference,
                    asked.debit_account,
                    asked.credit_account,
                    asked.amount,
                    asked.currency,
                ),
            )
            if count % PAGE == 0:
                progress("reading", count, count)


async def compare(
    client: Client,
    ledger: str,
    day: str,
    path: Path,
    reading: Reading,
    progress: Progress = silent,
) -> tuple[Comparison, Compared, dict[str, int]]:
    """A file beside a business day of the ledger. What only held an amount is no transfer."""
    scales = await client.scales(ledger)
    comparison = Comparison(scales)
    for row, entry in read_file(path, reading, scales, progress):
        comparison.add_row(row, entry)
    query: dict[str, str | int] = {"business_date": day, "limit": PAGE}
    done = 0
    async for page in client.pages(path_of("ledgers", ledger, "transfers"), "transfers", query):
        for one in page:
            if one["phase"] == "posted":
                entry = Entry(*(one.get(name, "") for name in FIELDS))
                comparison.add_transfer(one["sequence"], entry)
        done += len(page)
        progress("transfers", done, done)
    return comparison, comparison.end(), scales


# ---- the command


@click.command(
    help=t(
        "Compare FILE, a CSV of another system's transfers of a day, with the ledger: what is "
        "only in one, only in the other, or different. By reference; what has none, by "
        "accounts and amount.\n\n"
        "Exit code: 0 all the same, 1 something differs, 2 could not be compared.\n\n"
        "Example: tequio reconcile core.csv --ledger caja --day 2026-01-31 --map "
        "reference=folio --set currency=MXN",
        "Compara FILE, un CSV con los movimientos de un día según otro sistema, con el libro: "
        "lo que está sólo en uno, sólo en el otro, o difiere. Por referencia; lo que no tiene, "
        "por cuentas e importe.\n\n"
        "Código de salida: 0 todo igual, 1 algo difiere, 2 no se pudo comparar.\n\n"
        "Ejemplo: tequio reconcile core.csv --ledger caja --day 2026-01-31 --map "
        "reference=folio --set currency=MXN",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@ledger_option
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help=t("The business day.", "El día contable."),
)
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    help=t(
        f"Which column holds a field, where it is called otherwise: {', '.join(FIELDS)}.",
        f"Qué columna tiene un campo, si se llama de otro modo: {', '.join(FIELDS)}.",
    ),
)
@click.option(
    "--set",
    "constants",
    multiple=True,
    metavar="FIELD=VALUE",
    help=t("A field that is the same in all rows.", "Un campo igual en todos los renglones."),
)
@delimiter_option
@encoding_option
@speaks_to_service
async def reconcile(
    place: Place,
    file: Path,
    ledger: str,
    day: datetime,
    columns: tuple[str, ...],
    constants: tuple[str, ...],
    delimiter: str,
    encoding: str,
) -> None:
    from ledger.cli.progress import showing

    if len(delimiter) != 1:
        raise click.UsageError(t("--delimiter: one character", "--delimiter: un carácter"))
    fixed = pairs(constants, "--set", FIELDS)
    mapped = {name: name for name in FIELDS if name not in fixed} | pairs(
        columns, "--map", FIELDS
    )
    reading = Reading(columns=mapped, constants=fixed, delimiter=delimiter, encoding=encoding)
    iso = day.date().isoformat()
    try:
        with showing() as progress:
            async with place.client() as client:
                comparison, compared, scales = await compare(
                    client, ledger, iso, file, reading, progress
                )
    except Stop as stop:
        raise BadInput(stop.message) from stop
    sums = list(_sums(comparison, scales))
    if place.json:
        print_json(_document(ledger, iso, compared, sums))
    else:
        _tell(place, compared, sums)
    if not compared.is_equal:
        raise SystemExit(1)


def _sums(comparison: Comparison, scales: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Count and sum by currency on both sides."""
    file, ledger = comparison.file, comparison.ledger
    for currency in sorted({*file.counts, *ledger.counts}):
        scale = scales[currency]
        yield {
            "currency": currency,
            "file_count": file.counts.get(currency, 0),
            "file_amount": show_amount(file.sums.get(currency, 0), scale),
            "ledger_count": ledger.counts.get(currency, 0),
            "ledger_amount": show_amount(ledger.sums.get(currency, 0), scale),
        }


def _document(
    ledger: str, day: str, compared: Compared, sums: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "ledger": ledger,
        "day": day,
        "equal": compared.is_equal,
        "matched": compared.matched,
        "sums": sums,
        "only_in_file": [_row("row", placed) for placed in compared.only_in_file],
        "only_in_ledger": [_row("sequence", placed) for placed in compared.only_in_ledger],
        "different": [
            {
                "reference": mine.entry.reference,
                "file": _row("row", mine),
                "ledger": _row("sequence", theirs),
            }
            for mine, theirs in compared.different
        ],
    }


def _row(place: str, placed: Placed) -> dict[str, Any]:
    return {place: placed.place, **placed.entry._asdict()}


def _tell(place: Place, compared: Compared, sums: list[dict[str, Any]]) -> None:
    names = ("currency", "file_count", "file_amount", "ledger_count", "ledger_amount")
    place.console.print(table(sums, names))
    rows = [
        *({"found": "only_in_file", **_row("row", one)} for one in compared.only_in_file),
        *(
            {"found": "only_in_ledger", **_row("sequence", one)}
            for one in compared.only_in_ledger
        ),
    ]
    for mine, theirs in compared.different:
        rows.append({"found": "file_says", **_row("row", mine)})
        rows.append({"found": "ledger_says", **_row("sequence", theirs)})
    if rows:
        place.console.print()
        place.console.print(table(rows[:SHOWN], ("found", "row", "sequence", *FIELDS)))
    if len(rows) > SHOWN:
        more = len(rows) - SHOWN
        place.console.print(t(f"And {more} more: --json", f"Y {more} más: --json"))
    place.console.print()
    place.console.print(
        t("All the same.", "Todo igual.")
        if compared.is_equal
        else t(
            f"{compared.matched} the same, {len(compared.only_in_file)} only in the file, "
            f"{len(compared.only_in_ledger)} only in the ledger, "
            f"{len(compared.different)} different.",
            f"{compared.matched} iguales, {len(compared.only_in_file)} sólo en el archivo, "
            f"{len(compared.only_in_ledger)} sólo en el libro, "
            f"{len(compared.different)} distintos.",
        )
    )
