"""An import: the transfers in a file, each posted once however often it is run.

    first pass    the file's SHA-256, its rows, the accounts in them
    second pass   batches of rows in the file's order, each under an id of its own

A batch's id is made from the file's hash, the columns and constants, the place of its first
row and the attempt. So an import that was cut off is run again: what was recorded answers as
it did the first time. The first batch goes alone, and names the batch size as its source: an
import begun with other options stops there, before anything could be posted twice. Rows
that are tried again are batches of one, under ids of their own.
"""

import asyncio
import hashlib
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType, field

from ledger.cli.client import Client, Refused, path_of
from ledger.cli.refused import RefusedFile, read_refused, refused_path
from ledger.cli.rows import (
    EXACT,
    ZERO,
    Prepared,
    Reader,
    Reading,
    Row,
    Unreadable,
    opened,
)
from ledger.cli.words import Stop, t
from ledger.core.asked import AskedBatch
from ledger.core.model import Late, Mode
from ledger.journal.directory import Progress, silent

NAMESPACE: Final = uuid.UUID("c1f5f2f4-7c33-5d0a-9f0b-0e2b8a5d6d11")
BATCH_SIZE: Final = 2_000
ACCOUNTS_AT_ONCE: Final = 4_000
SHOWN: Final = 5  # Reasons told on the screen; all are in the file.
MALFORMED: Final = frozenset({"malformed_request", "malformed_amount"})
ENDED: Final = frozenset({"proposal_declined", "proposal_cancelled", "proposal_expired"})


class Plan(Struct, frozen=True, kw_only=True):
    """What is to be imported, and how."""

    file: Path
    ledger: str
    reading: Reading
    batch_size: int = BATCH_SIZE
    parallel: int = 1
    source: str = ""
    late: Late | UnsetType = UNSET
    create_accounts: bool = False
    account_kind: str = "member"
    unbounded: frozenset[str] = frozenset()
    retry: bool = False

    @property
    def refused_file(self) -> Path:
        return refused_path(self.file)


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
    waiting: int = 0  # For somebody's approval; they are posted once they have it.
    proposals: list[str] = field(default_factory=list)  # In which they wait.
    accounts: int = 0
    residues: dict[str, Decimal] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)


class Chunk(Struct, frozen=True):
    """Rows that are posted together, and what each is."""

    rows: Sequence[Row]
    read: Sequence[Prepared | Unreadable]
    attempts: Sequence[int]


class Sent(Struct, frozen=True):
    """What came of a chunk: its refused rows by index, and of the others how they stand."""

    chunk: Chunk
    refused: dict[int, Unreadable]
    replayed: bool = False  # As they were answered before.
    proposal: str = ""  # In which they wait for approval.


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
        self._scales = await self._client.scales(self._plan.ledger)
        return scan(self._plan, self._scales, self._progress)

    async def look(self) -> Outcome:
        """What would be sent, without sending anything."""
        scanned = await self.prepare()
        there: set[str] = set()
        if scanned.accounts:
            there = {a["code"] async for a in existing(self._client, self._plan.ledger)}
        self.outcome.accounts = len(scanned.accounts.keys() - there)
        again = read_refused(self._plan.file, scanned.header) if self._plan.retry else {}
        for chunk in chunks(self._plan, scanned, self._scales, again):
            unread = [
                (index, read)
                for index, read in enumerate(chunk.read)
                if isinstance(read, Unreadable)
            ]
            self._count(Sent(chunk, dict(unread)))
        return self.outcome

    async def run(self) -> Outcome:
        """Post all rows that are not posted, and keep those that were refused in a file.

        Raises:
            Stop: it cannot go on; running it again takes it up.
        """
        plan = self._plan
        scanned = await self.prepare()
        again = read_refused(plan.file, scanned.header) if plan.retry else {}
        total = len(again) if plan.retry else scanned.rows
        if scanned.accounts:
            await open_accounts(self._client, plan, scanned.accounts, self._progress)
            self.outcome.accounts = len(scanned.accounts)
        refused_file = RefusedFile(plan.file, scanned.header)
        under_way: deque[asyncio.Task[Sent]] = deque()
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

    async def _post(self, sha256: str, chunk: Chunk) -> Sent:
        """Post a chunk."""
        plan = self._plan
        refused = {
            index: read for index, read in enumerate(chunk.read) if isinstance(read, Unreadable)
        }
        if len(refused) == len(chunk.rows):
            if self.outcome.rows == 0 and not plan.retry:
                raise self._nothing_readable(chunk)
            return Sent(chunk, refused)
        wanted = batch_id(plan, sha256, chunk.rows[0].number, chunk.attempts[0])
        path = path_of("ledgers", plan.ledger, "batches")
        while True:
            kept = [index for index in range(len(chunk.rows)) if index not in refused]
            if not kept:
                return Sent(chunk, refused)
            asked = AskedBatch(
                id=wanted,
                transfers=[_asked(chunk.read[index]) for index in kept],
                mode=Mode.EACH,
                source=plan.source or f"csv-{plan.batch_size}",
                late=plan.late,
            )
            try:
                answer, replayed = await self._client.send(
                    "POST", path, asked, headers={"Prefer": "return=minimal"}
                )
            except Refused as no:
                position = no.document.get("position")
                if no.code in ENDED:  # Others decided so, of all that waited together.
                    refused |= dict.fromkeys(kept, Unreadable(no.code, no.message))
                    return Sent(chunk, refused, True)
                if no.code not in MALFORMED or position is None:
                    raise self._stopped(no) from no
                # Of this form it leaves no trace: the others are sent without it.
                refused[kept[position]] = Unreadable(no.code, no.message)
                continue
            if "proposal" in answer:
                return Sent(chunk, refused, replayed, answer["proposal"]["id"])
            for outcome in answer["receipt"].get("outcomes", ()):
                if "code" in outcome:
                    why = Unreadable(outcome["code"], outcome["sentence"])
                    refused[kept[outcome["position"]]] = why
            return Sent(chunk, refused, replayed)

    def _take(self, done: Sent, refused_file: RefusedFile, total: int) -> None:
        chunk = done.chunk
        for index in sorted(done.refused):
            refused_file.add(chunk.rows[index], chunk.attempts[index], done.refused[index])
        self._count(done)
        self._progress("transfers", self.outcome.rows, total)

    def _count(self, done: Sent) -> None:
        outcome, chunk, refused = self.outcome, done.chunk, done.refused
        others = len(chunk.rows) - len(refused)
        outcome.rows += len(chunk.rows)
        outcome.refused += len(refused)
        if done.proposal:
            outcome.waiting += others
            outcome.proposals.append(done.proposal)
        else:
            outcome.posted += others
            outcome.before += others if done.replayed else 0
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
                    "--scale-excess, --source, --date-format, --late) or another key. Nothing "
                    "was posted now. Use the same as then, and --retry-refused for the rows "
                    "that were refused.",
                    "Este archivo ya se importó con otras opciones (--batch-size, "
                    "--scale-excess, --source, --date-format, --late) o con otra llave. Ahora "
                    "no se registró nada. Use las mismas, y --retry-refused para los renglones "
                    "que fueron rechazados.",
                )
            )
        return no


def _asked(read: Prepared | Unreadable) -> Any:
    assert isinstance(read, Prepared), "only what could be read is sent"
    return read.asked


def _reason(row: Row, why: Unreadable) -> str:
    return f"  {t('row', 'renglón')} {row.number}: {why.sentence} [{why.code}]"
