"""tequio import csv: the transfers in a file, each posted once however often it is run.

    first pass    the file's SHA-256, its rows, the accounts in them
    second pass   batches of rows in the file's order, each under an id of its own

A batch's id is made from the file's hash, the columns and constants, the place of its first
row and the attempt. So an import that was cut off is run again: what was recorded answers as
it did the first time. The first batch goes alone, and names the batch size as its source: an
import begun with other options stops there, before anything could be posted twice. Rows
that are tried again are batches of one, under ids of their own.
"""

import asyncio
import csv
import fcntl
import hashlib
import os
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final

import click
from msgspec import Struct, field

from ledger.cli.client import Client, Refused, path_of
from ledger.cli.options import ledger_option, speaks_to_service
from ledger.cli.rows import (
    EXACT,
    FIELDS,
    REQUIRED,
    ZERO,
    Prepared,
    Reader,
    Reading,
    Row,
    Unreadable,
    opened,
)
from ledger.cli.show import Place, facts, print_json
from ledger.cli.words import Stop, money, t
from ledger.core.asked import AskedBatch
from ledger.core.model import BATCH_MAX, Mode
from ledger.journal.directory import Progress, silent

NAMESPACE: Final = uuid.UUID("c1f5f2f4-7c33-5d0a-9f0b-0e2b8a5d6d11")
BATCH_SIZE: Final = 2_000
ACCOUNTS_AT_ONCE: Final = 4_000
REFUSED_HEAD: Final = ("row", "attempt", "code", "sentence")
REFUSED_SUFFIX: Final = ".refused.csv"
SHOWN: Final = 5  # Reasons told on the screen; all are in the file.
MALFORMED: Final = frozenset({"malformed_request", "malformed_amount"})


class Plan(Struct, frozen=True, kw_only=True):
    """What is to be imported, and how."""

    file: Path
    ledger: str
    reading: Reading
    batch_size: int = BATCH_SIZE
    parallel: int = 1
    source: str = ""
    create_accounts: bool = False
    account_kind: str = "member"
    unbounded: frozenset[str] = frozenset()
    retry: bool = False

    @property
    def refused_file(self) -> Path:
        return self.file.with_name(self.file.name + REFUSED_SUFFIX)


class Scan(Struct, frozen=True, kw_only=True):
    """What the first pass found."""

    sha256: str
    header: list[str]
    rows: int
    accounts: dict[str, str]  # Code and currency, in order of appearance.


class Outcome(Struct, kw_only=True):
    """What came of an import."""

    rows: int = 0
    posted: int = 0
    before: int = 0  # Of those, how many an earlier run had posted.
    refused: int = 0
    accounts: int = 0
    residues: dict[str, Decimal] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)


class Chunk(Struct, frozen=True):
    """Rows that are posted together, and what each is."""

    rows: Sequence[Row]
    read: Sequence[Prepared | Unreadable]
    attempts: Sequence[int]


# ---- the first pass


def scan(plan: Plan, scales: dict[str, int], progress: Progress) -> Scan:
    """Read the file once without sending anything. Raises Stop."""
    try:
        with plan.file.open("rb") as raw:
            digest = hashlib.file_digest(raw, "sha256").hexdigest()
    except OSError as error:
        raise Stop(f"{plan.file}: {error.strerror}") from error
    rows = 0
    accounts: dict[str, str] = {}
    with opened(plan.file, plan.reading) as (header, found):
        reader = Reader(header, plan.reading, scales)
        for row in found:
            rows += 1
            if plan.create_accounts and (both := reader.accounts(row)) is not None:
                debit, credit, currency = both
                accounts.setdefault(debit, currency)
                accounts.setdefault(credit, currency)
            if rows % 10_000 == 0:
                progress("reading", rows, rows)
    return Scan(sha256=digest, header=header, rows=rows, accounts=accounts)


def check_unchanged(plan: Plan, sha256: str) -> None:
    """Raise Stop when the file is no longer what the ids were made from."""
    with plan.file.open("rb") as raw:
        if hashlib.file_digest(raw, "sha256").hexdigest() != sha256:
            raise Stop(
                t(
                    f"{plan.file} was changed while it was imported. What was posted is from "
                    "the earlier file; look before you import the new one.",
                    f"{plan.file} cambió mientras se importaba. Lo registrado es del archivo "
                    "anterior; revise antes de importar el nuevo.",
                )
            )


# ---- accounts


async def open_accounts(
    client: Client, plan: Plan, accounts: dict[str, str], progress: Progress
) -> None:
    """Open those accounts that are not there; those that are stay as they are."""
    path = path_of("ledgers", plan.ledger, "accounts")
    missing = list(accounts.items())
    done = 0
    while missing:
        part = missing[:ACCOUNTS_AT_ONCE]
        asked = [
            {
                "code": code,
                "currency": currency,
                "kind": plan.account_kind,
                "lower_bound": "none" if code in plan.unbounded else "0",
            }
            for code, currency in part
        ]
        try:
            await client.send("POST", path, {"accounts": asked})
        except Refused as refused:
            if refused.code != "account_code_used":
                raise
            # Somebody opened or changed some of them otherwise. They are there: good.
            there = {account["code"] async for account in existing(client, plan.ledger)}
            missing = [pair for pair in missing if pair[0] not in there]
            continue
        del missing[:ACCOUNTS_AT_ONCE]
        done += len(part)
        progress("accounts", done, len(accounts))


async def existing(client: Client, ledger: str) -> Any:
    """All accounts of a ledger, one by one."""
    async for page in client.pages(path_of("ledgers", ledger, "accounts"), "accounts"):
        for account in page:
            yield account


async def fetch_scales(client: Client, ledger: str) -> dict[str, int]:
    """The currencies of a ledger, and how many decimals each has."""
    path = path_of("ledgers", ledger, "currencies")
    return {
        c["code"]: c["scale"] async for page in client.pages(path, "currencies") for c in page
    }


# ---- rows that were refused


class RefusedFile:
    """FILE.refused.csv as it grows beside its place; `keep` puts it there whole.

    While it grows it is locked, so that two imports of one file do not run at once.
    """

    def __init__(self, plan: Plan, header: list[str]) -> None:
        self._place = plan.refused_file
        self._part = self._place.with_name(f".{self._place.name}.part")
        # Only its owner can read it: it repeats what may be bank secrets.
        fd = os.open(self._part, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise Stop(
                t(
                    f"Another import of {plan.file} is running.",
                    f"Otra importación de {plan.file} está en marcha.",
                )
            ) from None
        os.ftruncate(fd, 0)
        # With a mark that tells spreadsheets it is UTF-8.
        self._file = os.fdopen(fd, "w", encoding="utf-8-sig", newline="")
        self._count = 0
        self._writer = csv.writer(self._file)
        self._writer.writerow([*REFUSED_HEAD, *header])

    def add(self, row: Row, attempt: int, why: Unreadable) -> None:
        self._count += 1
        self._writer.writerow([row.number, attempt, why.code, why.sentence, *row.cells])

    def keep(self) -> None:
        """Put it in its place; where nothing was refused, there is none."""
        self._file.flush()
        os.fsync(self._file.fileno())
        if self._count:
            self._part.replace(self._place)
        else:
            self._place.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove what was not kept, while the lock is still ours."""
        self._part.unlink(missing_ok=True)
        self._file.close()


def read_refused(plan: Plan, header: list[str]) -> dict[int, tuple[int, tuple[str, ...]]]:
    """Rows to try again: the attempt each had, and its cells.

    Raises:
        Stop: there is no such file, or it is of another.
    """
    path = plan.refused_file
    if not path.exists():
        raise Stop(
            t(
                f"There is no {path}: nothing was refused, or the file was not imported yet.",
                f"No existe {path}: nada fue rechazado, o el archivo aún no se importa.",
            )
        )
    found: dict[int, tuple[int, tuple[str, ...]]] = {}
    with opened(path, Reading(columns={}, constants={})) as (head, rows):
        if head != [*REFUSED_HEAD, *header]:
            raise Stop(t(f"{path} belongs to another file.", f"{path} es de otro archivo."))
        for row in rows:
            number, attempt, _, _, *cells = row.cells
            if not (number.isdigit() and attempt.isdigit()):
                raise Stop(f"{path}: {number!r}, {attempt!r}")
            found[int(number)] = int(attempt), tuple(cells)
    return found


# ---- the second pass


def chunks(
    plan: Plan, scanned: Scan, scales: dict[str, int], again: dict[int, tuple[int, Any]]
) -> Iterator[Chunk]:
    """The rows in the file's order, as they are posted together. Raises Stop."""
    with opened(plan.file, plan.reading) as (header, rows):
        if header != scanned.header:
            check_unchanged(plan, scanned.sha256)
        reader = Reader(header, plan.reading, scales)
        if plan.retry:
            for row in rows:
                if row.number not in again:
                    continue
                attempt, cells = again[row.number]
                if cells != row.cells:
                    raise Stop(
                        t(
                            f"Row {row.number} of {plan.refused_file} is not that of "
                            f"{plan.file}. To post corrected rows, import the corrected file "
                            "under a name of its own.",
                            f"El renglón {row.number} de {plan.refused_file} no es el de "
                            f"{plan.file}. Para registrar renglones corregidos, importe el "
                            "archivo corregido con otro nombre.",
                        )
                    )
                yield Chunk([row], [reader.read(row)], [attempt + 1])
            return
        while part := list(islice(rows, plan.batch_size)):
            yield Chunk(part, list(map(reader.read, part)), [0] * len(part))


def batch_id(plan: Plan, sha256: str, row: int, attempt: int) -> uuid.UUID:
    """The id under which the rows from `row` on are posted, in this and every later run."""
    name = "\n".join([sha256, plan.reading.name(), str(row), str(attempt)])
    return uuid.uuid5(NAMESPACE, name)


class Import:
    """One run over one file."""

    def __init__(self, client: Client, plan: Plan, *, progress: Progress = silent) -> None:
        self._client = client
        self._plan = plan
        self._progress = progress
        self.outcome = Outcome()
        self._scales: dict[str, int] = {}

    async def prepare(self) -> Scan:
        """The first pass. Raises Stop."""
        self._scales = await fetch_scales(self._client, self._plan.ledger)
        return scan(self._plan, self._scales, self._progress)

    async def look(self) -> Outcome:
        """What would be sent, without sending anything."""
        scanned = await self.prepare()
        there: set[str] = set()
        if scanned.accounts:
            there = {a["code"] async for a in existing(self._client, self._plan.ledger)}
        self.outcome.accounts = len(scanned.accounts.keys() - there)
        again = read_refused(self._plan, scanned.header) if self._plan.retry else {}
        for chunk in chunks(self._plan, scanned, self._scales, again):
            unread = [
                (index, read)
                for index, read in enumerate(chunk.read)
                if isinstance(read, Unreadable)
            ]
            self._count(chunk, dict(unread), replayed=False)
        return self.outcome

    async def run(self) -> Outcome:
        """Post all rows that are not posted, and keep those that were refused in a file.

        Raises:
            Stop: it cannot go on; running it again takes it up.
        """
        plan = self._plan
        scanned = await self.prepare()
        again = read_refused(plan, scanned.header) if plan.retry else {}
        total = len(again) if plan.retry else scanned.rows
        if scanned.accounts:
            await open_accounts(self._client, plan, scanned.accounts, self._progress)
            self.outcome.accounts = len(scanned.accounts)
        refused_file = RefusedFile(plan, scanned.header)
        under_way: deque[asyncio.Task[tuple[Chunk, dict[int, Unreadable], bool]]] = deque()
        try:
            for chunk in chunks(plan, scanned, self._scales, again):
                while len(under_way) >= plan.parallel:
                    self._take(await under_way.popleft(), refused_file, total)
                under_way.append(asyncio.create_task(self._post(scanned.sha256, chunk)))
                if self.outcome.rows == 0:  # The first goes alone: see above.
                    self._take(await under_way.popleft(), refused_file, total)
            while under_way:
                self._take(await under_way.popleft(), refused_file, total)
            check_unchanged(plan, scanned.sha256)
            refused_file.keep()
        finally:
            refused_file.close()
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
        return self.outcome

    async def _post(
        self, sha256: str, chunk: Chunk
    ) -> tuple[Chunk, dict[int, Unreadable], bool]:
        """Post a chunk: which of its rows were refused and why, and whether it was before."""
        plan = self._plan
        refused = {
            index: read for index, read in enumerate(chunk.read) if isinstance(read, Unreadable)
        }
        if len(refused) == len(chunk.rows):
            if self.outcome.rows == 0 and not plan.retry:
                raise self._nothing_readable(chunk)
            return chunk, refused, False
        wanted = batch_id(plan, sha256, chunk.rows[0].number, chunk.attempts[0])
        path = path_of("ledgers", plan.ledger, "batches")
        while True:
            kept = [index for index in range(len(chunk.rows)) if index not in refused]
            if not kept:
                return chunk, refused, False
            asked = AskedBatch(
                id=wanted,
                transfers=[_asked(chunk.read[index]) for index in kept],
                mode=Mode.EACH,
                source=plan.source or f"csv-{plan.batch_size}",
            )
            try:
                answer, replayed = await self._client.send(
                    "POST", path, asked, headers={"Prefer": "return=minimal"}
                )
            except Refused as no:
                position = no.document.get("position")
                if no.code not in MALFORMED or position is None:
                    raise self._stopped(no) from no
                # Of this form it leaves no trace: the others are sent without it.
                refused[kept[position]] = Unreadable(no.code, no.message)
                continue
            if "proposal" in answer:
                waits = t("waits for approval", "espera autorización")
                click.echo(f"{answer['proposal']['id']}: {waits}", err=True)
                return chunk, refused, replayed
            for outcome in answer["receipt"].get("outcomes", ()):
                if "code" in outcome:
                    why = Unreadable(outcome["code"], outcome["sentence"])
                    refused[kept[outcome["position"]]] = why
            return chunk, refused, replayed

    def _take(
        self,
        done: tuple[Chunk, dict[int, Unreadable], bool],
        refused_file: RefusedFile,
        total: int,
    ) -> None:
        chunk, refused, replayed = done
        for index in sorted(refused):
            refused_file.add(chunk.rows[index], chunk.attempts[index], refused[index])
        self._count(chunk, refused, replayed=replayed)
        self._progress("transfers", self.outcome.rows, total)

    def _count(self, chunk: Chunk, refused: dict[int, Unreadable], *, replayed: bool) -> None:
        outcome = self.outcome
        posted = len(chunk.rows) - len(refused)
        outcome.rows += len(chunk.rows)
        outcome.refused += len(refused)
        outcome.posted += posted
        outcome.before += posted if replayed else 0
        for index, read in enumerate(chunk.read):
            if index not in refused and isinstance(read, Prepared) and read.residue:
                currency = read.asked.currency
                sum_before = outcome.residues.get(currency, ZERO)
                outcome.residues[currency] = EXACT.add(sum_before, read.residue)
        for index in sorted(refused)[: SHOWN - len(outcome.reasons)]:
            outcome.reasons.append(_reason(chunk.rows[index], refused[index]))

    def _nothing_readable(self, chunk: Chunk) -> Stop:
        reasons = "\n".join(
            _reason(row, read)
            for row, read in islice(zip(chunk.rows, chunk.read, strict=True), SHOWN)
            if isinstance(read, Unreadable)
        )
        count = len(chunk.rows)
        return Stop(
            t(
                f"None of the first {count} rows can be read; nothing was sent.\n{reasons}",
                f"Ninguno de los primeros {count} renglones se puede leer; nada se envió.\n"
                f"{reasons}",
            )
        )

    def _stopped(self, no: Refused) -> Stop:
        if no.code == "id_used_by_another_batch":
            return Stop(
                t(
                    "This file was imported before with other options (--batch-size, "
                    "--scale-excess, --source, --date-format) or another key. Nothing was "
                    "posted now. Use the same as then, and --retry-refused for the rows that "
                    "were refused.",
                    "Este archivo ya se importó con otras opciones (--batch-size, "
                    "--scale-excess, --source, --date-format) o con otra llave. Ahora no se "
                    "registró nada. Use las mismas, y --retry-refused para los renglones que "
                    "fueron rechazados.",
                )
            )
        return no


def _asked(read: Prepared | Unreadable) -> Any:
    assert isinstance(read, Prepared), "only what could be read is sent"
    return read.asked


def _reason(row: Row, why: Unreadable) -> str:
    return f"  {t('row', 'renglón')} {row.number}: {why.sentence} [{why.code}]"


# ---- the command


@click.group(help=t("Post the transfers in a file.", "Registra los movimientos de un archivo."))
def import_group() -> None:
    pass


def _pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    """FIELD=VALUE options as a table."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name not in FIELDS or name in pairs:
            known = ", ".join(FIELDS)
            raise click.UsageError(
                t(
                    f"{option} {text}: write FIELD=…, each field once, of: {known}",
                    f"{option} {text}: escriba CAMPO=…, cada campo una vez, de: {known}",
                )
            )
        pairs[name] = value
    return pairs


def make_reading(columns: Sequence[str], constants: Sequence[str], **options: Any) -> Reading:
    """How the file is read, from the options. Raises click.UsageError."""
    mapped, fixed = _pairs(columns, "--map"), _pairs(constants, "--set")
    twice = mapped.keys() & fixed.keys()
    missing = [name for name in REQUIRED if name not in mapped and name not in fixed]
    if twice or missing:
        names = ", ".join(sorted(twice) or missing)
        raise click.UsageError(
            t(
                f"Say once with --map or --set what is: {names}",
                f"Diga una vez, con --map o --set, qué es: {names}",
            )
        )
    return Reading(columns=mapped, constants=fixed, **options)


@import_group.command(
    "csv",
    help=t(
        "Post every row of FILE as a transfer. Run it again after an interruption: nothing is "
        "posted twice. Rows that are refused go to FILE.refused.csv with the reason.\n\n"
        "Example: tequio import csv may.csv --ledger caja --map debit_account=from --map "
        "credit_account=to --map amount=amount --map reference=folio --set currency=MXN --set "
        "kind=deposit",
        "Registra cada renglón de FILE como un movimiento. Si se interrumpe, repita la orden: "
        "nada se registra dos veces. Los rechazados van a FILE.refused.csv con su razón.\n\n"
        "Ejemplo: tequio import csv mayo.csv --ledger caja --map debit_account=cargo --map "
        "credit_account=abono --map amount=importe --map reference=folio --set currency=MXN "
        "--set kind=deposito",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@ledger_option
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    help=t(
        f"Which column holds a field: {', '.join(FIELDS)}.",
        f"Qué columna tiene cada campo: {', '.join(FIELDS)}.",
    ),
)
@click.option(
    "--set",
    "constants",
    multiple=True,
    metavar="FIELD=VALUE",
    help=t("A field that is the same in all rows.", "Un campo igual en todos los renglones."),
)
@click.option(
    "--create-accounts",
    is_flag=True,
    help=t(
        "Open the accounts in the file that are not there, with lower bound 0.",
        "Abre las cuentas del archivo que no existan, con límite inferior 0.",
    ),
)
@click.option(
    "--account-kind",
    default="member",
    show_default=True,
    help=t("The kind of such accounts.", "El tipo de esas cuentas."),
)
@click.option(
    "--unbounded",
    multiple=True,
    metavar="CODE",
    help=t(
        "Such an account may go below zero without end, as one that issues. May come again.",
        "Esa cuenta puede bajar de cero sin límite, como una emisora. Se repite.",
    ),
)
@click.option(
    "--scale-excess",
    type=click.Choice(["refuse", "half-even"]),
    default="refuse",
    show_default=True,
    help=t(
        "What to do with more decimals than the currency has. What rounding changed is told.",
        "Qué hacer con más decimales que los de la moneda. Se informa cuánto cambió.",
    ),
)
@click.option(
    "--date-format",
    default="",
    help=t(
        "How dates are written, such as %d/%m/%Y; else YYYY-MM-DD.",
        "Cómo se escriben las fechas, como %d/%m/%Y; si no, AAAA-MM-DD.",
    ),
)
@click.option("--delimiter", default=",", show_default=True)
@click.option("--encoding", default="utf-8-sig", show_default="utf-8")
@click.option(
    "--batch-size",
    type=click.IntRange(1, BATCH_MAX),
    default=BATCH_SIZE,
    show_default=True,
    help=t("Rows in a batch.", "Renglones por lote."),
)
@click.option(
    "--parallel",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help=t(
        "Batches on their way at once. Above 1 the file's order is not kept.",
        "Lotes a la vez. Con más de 1 no se guarda el orden del archivo.",
    ),
)
@click.option(
    "--source",
    default="",
    help=t("Where the rows come from, a code.", "De dónde vienen los renglones, un código."),
)
@click.option(
    "--retry-refused",
    "retry",
    is_flag=True,
    help=t(
        "Try the rows in FILE.refused.csv again, as they are in FILE.",
        "Intenta otra vez los renglones de FILE.refused.csv, como están en FILE.",
    ),
)
@click.option(
    "--dry-run",
    is_flag=True,
    help=t(
        "Read it all and send nothing. Limits are tried only when it is posted.",
        "Lee todo y no envía nada. Los límites se prueban sólo al registrar.",
    ),
)
@speaks_to_service
async def import_csv(
    place: Place,
    file: Path,
    ledger: str,
    columns: tuple[str, ...],
    constants: tuple[str, ...],
    create_accounts: bool,
    account_kind: str,
    unbounded: tuple[str, ...],
    scale_excess: str,
    date_format: str,
    delimiter: str,
    encoding: str,
    batch_size: int,
    parallel: int,
    source: str,
    retry: bool,
    dry_run: bool,
) -> None:
    from ledger.cli.progress import showing

    if unbounded and not create_accounts:
        raise click.UsageError("--unbounded: --create-accounts")
    if source and batch_size != BATCH_SIZE:
        # The source guards against another batch size; see the head of this file.
        raise click.UsageError(
            t("--source goes without --batch-size", "--source va sin --batch-size")
        )
    if len(delimiter) != 1:
        raise click.UsageError(t("--delimiter: one character", "--delimiter: un carácter"))
    plan = Plan(
        file=file,
        ledger=ledger,
        reading=make_reading(
            columns,
            constants,
            half_even=scale_excess == "half-even",
            date_format=date_format,
            delimiter=delimiter,
            encoding=encoding,
        ),
        batch_size=batch_size,
        parallel=parallel,
        source=source,
        create_accounts=create_accounts,
        account_kind=account_kind,
        unbounded=frozenset(unbounded),
        retry=retry,
    )
    try:
        with showing() as progress:
            async with Client(place.url, place.key, patient=True) as client:
                work = Import(client, plan, progress=progress)
                outcome = await (work.look() if dry_run else work.run())
    except (asyncio.CancelledError, Stop):
        if not dry_run:
            click.echo(
                t(
                    "The import did not end. Run the same command again: what was posted is "
                    "not posted twice.",
                    "La importación no terminó. Repita la misma orden: lo ya registrado no se "
                    "registra dos veces.",
                ),
                err=True,
            )
        raise
    tell(place, plan, outcome, dry_run)
    if outcome.refused:
        raise SystemExit(1)


def plain(value: Decimal) -> str:
    """A decimal in full, without an exponent or zeros at its end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def tell(place: Place, plan: Plan, outcome: Outcome, dry_run: bool) -> None:
    """What came of it, for people or programs."""
    refused_file = str(plan.refused_file) if outcome.refused and not dry_run else None
    residues = {code: plain(residue) for code, residue in outcome.residues.items()}
    if place.json:
        print_json(
            {
                "dry_run": dry_run,
                "rows": outcome.rows,
                "posted": outcome.posted,
                "posted_before": outcome.before,
                "refused": outcome.refused,
                "accounts": outcome.accounts,
                "residue": residues,
                "refused_file": refused_file,
            }
        )
        return
    posted = t("would be sent", "se enviarían") if dry_run else t("posted", "registrados")
    opened_word = t("accounts to open", "cuentas por abrir")
    if not dry_run:
        opened_word = t("accounts in the file, all open", "cuentas del archivo, abiertas")
    rows: dict[str, object] = {
        t("rows", "renglones"): money(str(outcome.rows)),
        posted: money(str(outcome.posted)),
    }
    if outcome.before:
        rows[t("  of them before", "  de ellos, antes")] = money(str(outcome.before))
    if plan.create_accounts:
        rows[opened_word] = money(str(outcome.accounts))
    rows[t("refused", "rechazados")] = money(str(outcome.refused))
    for code, residue in residues.items():
        name = t("rounding residue", "residuo por redondeo")
        rows[name] = f"{residue} {code} ({t('rounded minus exact', 'redondeado menos exacto')})"
    place.console.print(facts(rows))
    for reason in outcome.reasons:
        place.console.print(reason, markup=False)
    if refused_file:
        place.console.print(
            t(f"All refused rows: {refused_file}", f"Todos los rechazados: {refused_file}"),
            markup=False,
        )
