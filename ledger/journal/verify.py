"""Verification of an export, offline and without trusting whoever made it.

    checkpoint and key -> the tree -> the rules, from the first leaf -> the other files

First that a key signed this size and root; then that the leaves amount to that root, and
every tile to the leaves; then that every leaf follows from those before by the rules, with
all balances recomputed; last that no other byte was changed. The first broken place ends
it. What no verifier can tell is said in the report, so that nobody takes it for shown.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict

from ledger.core.book import Book, Posted
from ledger.core.faults import JournalBroken, LedgerFault, MalformedLine
from ledger.core.leaves import (
    AccountOpened,
    AnyLeaf,
    BatchPosted,
    BatchRefused,
    CurrencyAdded,
    DayClosed,
    HoldsExpired,
    KeyGrant,
    LimitChanged,
    Opening,
    PeriodMarked,
    Snapshot,
    StatusChanged,
)
from ledger.core.model import Phase
from ledger.core.refusals import RefusalCode
from ledger.journal.batches import write_outcomes
from ledger.journal.canonical import decode_leaf, decode_transfers
from ledger.journal.checkpoints import Checkpoint, open_checkpoint
from ledger.journal.directory import (
    CHECKPOINT,
    DETAILS,
    KEYS,
    POLICY,
    README,
    SMALL_MAX,
    SUMS,
    BrokenExport,
    Detail,
    ExportDirectory,
    Progress,
    Recorded,
    bodies_path,
    bundles_of,
    outcomes_path,
    policy_of,
    silent,
    tiles_of,
)
from ledger.journal.faults import BrokenProof
from ledger.journal.merkle import HASH_SIZE, leaf_hashes
from ledger.journal.notes import parse_note, parse_vkey
from ledger.journal.replay import History, References, replay
from ledger.journal.snapshots import chunks_of, snapshot_root
from ledger.journal.tiles import TILE_WIDTH, Edge, TileAddress

_CODES = frozenset(code.value for code in RefusalCode)
_SNAPSHOT = b'"line":"snapshot"'  # Inside a string its quotes would stand behind backslashes.
_DETAILS = b'"details":"'


class Broken(Struct, frozen=True):
    """The first place where the export is not what it should be."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class Checked(Struct, kw_only=True):
    """How many of each were checked."""

    leaves: int = 0
    tiles: int = 0
    bundles: int = 0
    currencies: int = 0
    accounts: int = 0
    limits: int = 0
    statuses: int = 0
    keys: int = 0
    batches: int = 0
    signed_batches: int = 0
    refused_batches: int = 0
    transfers: int = 0  # Rows, of which a transfer under terms may have made several.
    refused_transfers: int = 0
    holds: int = 0  # Rows that hold, of which so many
    expired_holds: int = 0
    days_closed: int = 0
    period_marks: int = 0
    references: int = 0
    snapshots: int = 0
    commitments: int = 0
    details: int = 0
    files: int = 0


class Total(Struct, kw_only=True):
    """A currency in the trial balance, in minor units."""

    code: str
    scale: int
    accounts: int = 0
    transfers: int = 0  # Rows that moved an amount.
    turnover: int = 0  # Their sum.
    debit_balances: int = 0  # The sum of those accounts that stand on the debit side.
    credit_balances: int = 0


class Report(Struct, frozen=True, kw_only=True):
    """What was checked, what it amounts to, and what it cannot show."""

    checkpoint: Checkpoint | None
    name: str  # Of the ledger, as its first leaf has it.
    vkey: str
    key_was_given: bool  # False: the key came with the export.
    checked: Checked
    totals: tuple[Total, ...]
    cannot_show: tuple[str, ...]
    broken: Broken | None = None

    @property
    def ok(self) -> bool:
        return self.broken is None


def verify_export(
    directory: Path,
    *,
    expect: tuple[int, bytes] | None = None,
    trusted_vkey: str | None = None,
    progress: Progress = silent,
) -> Report:
    """Check an export from its signature to its last byte.

    Args:
        expect: size and root of an older or the same checkpoint, from somewhere worth
            trusting: the export must begin with just those leaves.
        trusted_vkey: the ledger's key from somewhere else than the export.
        progress: told the stage ("tree", "rules", "files"), how much of it is done, and
            of how much.

    Raises:
        BrokenProof: `trusted_vkey` is no key. Of the export itself nothing is raised.
    """
    if trusted_vkey is not None:
        parse_vkey(trusted_vkey)
    check = _Check(ExportDirectory(directory), expect, trusted_vkey, progress)
    try:
        check.run()
    except BrokenExport as fault:
        return check.report(Broken(*_two(fault)))
    except OSError as error:
        return check.report(Broken(str(error.filename or directory), str(error.strerror)))
    return check.report(None)


def describe(report: Report) -> Iterator[str]:
    """The report as lines of plain text."""
    if report.checkpoint is not None:
        yield f"origin: {report.checkpoint.origin}"
        yield f"size {report.checkpoint.size}, root {report.checkpoint.root.hex()}"
    yield f"key: {report.vkey} ({'given' if report.key_was_given else 'from the export'})"
    for what, count in asdict(report.checked).items():
        yield f"checked {what.replace('_', ' ')}: {count}"
    for total in report.totals:
        yield (
            f"{total.code}: {total.accounts} accounts, {total.transfers} transfers of "
            f"{total.turnover}; debit balances {total.debit_balances}, credit balances "
            f"{total.credit_balances}, in units of scale {total.scale}"
        )
    for sentence in report.cannot_show:
        yield f"not shown: {sentence}"
    yield "verified" if report.broken is None else f"BROKEN: {report.broken}"


class _Check:
    """One verification as it goes on."""

    def __init__(
        self,
        export: ExportDirectory,
        expect: tuple[int, bytes] | None,
        trusted_vkey: str | None,
        progress: Progress,
    ) -> None:
        self._export = export
        self._expect = expect
        self._trusted_vkey = trusted_vkey
        self._progress = progress
        self._checkpoint: Checkpoint | None = None
        self._vkey = ""
        self._cosignatures = 0
        self._checked = Checked()
        self._book = Book()
        self._wanted: set[int] = set()  # Sizes that snapshots speak of.
        self._states: dict[int, tuple[int, bytes]] = {}  # Accounts and root, by size.
        self._batch_ids: set[int] = set()
        self._references = References()
        self._history = History(())
        self._turnover: list[tuple[int, int]] = []  # Rows that moved, their sum; by currency.
        self._batch_files: set[str] = set()

    def run(self) -> None:
        checkpoint = self._check_signature()
        self._check_tree(checkpoint)
        self._check_rules(checkpoint)
        self._check_files(checkpoint.size)

    # ---- the signature

    def _check_signature(self) -> Checkpoint:
        self._vkey = self._export.vkey()
        if self._trusted_vkey not in (None, self._vkey):
            raise BrokenExport(KEYS, f"names {self._vkey}, the trusted key is another")
        if self._export.read(POLICY, SMALL_MAX) != policy_of(self._vkey):
            raise BrokenExport(POLICY, "does not ask for the signature of the key in keys.txt")
        with _evidence_at(KEYS):
            verifier = parse_vkey(self._vkey)
        note = self._export.checkpoint()
        with _evidence_at(CHECKPOINT):
            checkpoint = open_checkpoint(note, [verifier])
        if checkpoint.size == 0:
            raise BrokenExport(CHECKPOINT, "signs no leaves; a ledger begins with its opening")
        self._cosignatures = len(parse_note(note).signatures) - 1
        self._checkpoint = checkpoint
        if self._expect is not None and self._expect[0] > checkpoint.size:
            raise BrokenExport(
                CHECKPOINT,
                f"signs {checkpoint.size} leaves, {self._expect[0]} were expected at least",
            )
        return checkpoint

    # ---- the tree

    def _check_tree(self, checkpoint: Checkpoint) -> None:
        """The leaves amount to the root, and every tile to the leaves."""
        edge = Edge()
        self._check_expected(edge)
        for address in bundles_of(checkpoint.size):
            entries = self._export.bundle(address)
            hashes = leaf_hashes(entries)
            self._check_leaf_tile(address, hashes)
            self._append(edge, hashes)
            self._want_snapshots(entries)
            self._checked.bundles += 1
            self._progress("tree", edge.size, checkpoint.size)
        for address in tiles_of(checkpoint.size):
            if address.level and address.width < TILE_WIDTH:
                self._check_tile(address, edge.partial_tile(address.level))
        if edge.root() != checkpoint.root:
            raise BrokenExport(
                CHECKPOINT, f"the {edge.size} leaves have another root than the signed one"
            )

    def _check_leaf_tile(self, bundle: TileAddress, hashes: list[bytes]) -> None:
        address = TileAddress(0, bundle.index, bundle.width)
        self._check_tile(address, b"".join(hashes), f"the leaves in {bundle.path}")

    def _append(self, edge: Edge, hashes: list[bytes]) -> None:
        """Add leaves, stopping where a root is expected, and compare the tiles they fill."""
        expected = -1 if self._expect is None else self._expect[0] - edge.size
        cut = expected if 0 < expected < len(hashes) else len(hashes)
        for part in (hashes[:cut], hashes[cut:]):
            for tile in edge.append(part):
                if tile.level:
                    address = TileAddress(tile.level, tile.index, TILE_WIDTH)
                    self._check_tile(address, tile.hashes)
            self._check_expected(edge)

    def _check_tile(
        self, address: TileAddress, wanted: bytes, source: str = "the tiles below"
    ) -> None:
        found = self._export.tile(address)
        self._checked.tiles += 1
        if found == wanted:
            return
        at = next(
            i
            for i in range(0, len(wanted), HASH_SIZE)
            if found[i : i + HASH_SIZE] != wanted[i : i + HASH_SIZE]
        )
        number = address.index * TILE_WIDTH + at // HASH_SIZE
        what = f"leaf {number}" if address.level == 0 else f"node {number}"
        raise BrokenExport(address.path, f"its hash of {what} is not that of {source}")

    def _check_expected(self, edge: Edge) -> None:
        if self._expect is None or edge.size != self._expect[0]:
            return
        if edge.root() != self._expect[1]:
            raise BrokenExport(
                f"the first {edge.size} leaves", "have another root than was expected"
            )

    def _want_snapshots(self, entries: list[bytes]) -> None:
        """Note which states must be hashed on the way through the rules."""
        for data in entries:
            if _SNAPSHOT in data:
                try:
                    leaf = decode_leaf(data)
                except MalformedLine:
                    continue  # The rules will say where.
                if isinstance(leaf, Snapshot):
                    self._wanted.add(leaf.size)

    # ---- the rules

    def _check_rules(self, checkpoint: Checkpoint) -> None:
        details = _Details(self._export.details())
        self._history = History(self._export.reversed_sequences(checkpoint.size))
        for recorded in self._export.recorded(checkpoint.size):
            if recorded.index in self._wanted:
                hashes = (chunk.hash for chunk in chunks_of(self._book))
                root = snapshot_root(hashes)
                self._states[recorded.index] = self._book.accounts, root
            self._check_leaf(recorded, checkpoint, details)
            if recorded.index % TILE_WIDTH == 0 or len(recorded.body) > SMALL_MAX:
                self._progress("rules", recorded.index + 1, checkpoint.size)
        self._checked.details = details.opened
        details.end()
        for total in self._totals():
            if total.debit_balances != total.credit_balances:
                raise BrokenExport(f"currency {total.code}", "its balances do not sum to zero")
        self._progress("rules", checkpoint.size, checkpoint.size)

    def _check_leaf(
        self, recorded: Recorded, checkpoint: Checkpoint, details: "_Details"
    ) -> None:
        place = f"leaf {recorded.index}"
        try:
            leaf, posted = replay(
                self._book,
                recorded.leaf,
                recorded.body or None,
                used=self._references,
                past=self._history.past,
            )
        except JournalBroken as fault:
            raise BrokenExport(*_two(fault)) from None
        if isinstance(leaf, BatchPosted | BatchRefused):
            if leaf.batch.int in self._batch_ids:
                raise BrokenExport(place, f"the id of batch {leaf.batch} was spent before")
            self._batch_ids.add(leaf.batch.int)
        if isinstance(leaf, BatchPosted):
            assert posted is not None, "a posted batch was posted"
            self._check_batch(place, recorded, leaf, posted, details)
        else:
            self._check_other(place, recorded.index, leaf, checkpoint)
        self._checked.leaves += 1

    def _check_batch(
        self,
        place: str,
        recorded: Recorded,
        leaf: BatchPosted,
        posted: Posted,
        details: "_Details",
    ) -> None:
        bundle = recorded.index // TILE_WIDTH
        self._batch_files.add(bodies_path(bundle))
        if recorded.outcomes != write_outcomes(posted):
            raise BrokenExport(
                f"{outcomes_path(bundle)}, {place}", "other outcomes than the rules give"
            )
        if recorded.outcomes:
            self._batch_files.add(outcomes_path(bundle))
        checked = self._checked
        checked.batches += 1
        checked.signed_batches += leaf.signed
        checked.transfers += leaf.posted
        checked.refused_transfers += len(posted.refused)
        checked.holds += sum(phase == Phase.HELD for phase in posted.phases)
        self._add_turnover(posted)
        self._history.add(recorded.body, posted)
        assert self._book.opening is not None
        if self._book.opening.unique_references:
            checked.references += self._references.add(recorded.body, posted)
        # No code can hold a quote, so what looks like the field is the field.
        commitments = recorded.body.count(_DETAILS)
        if commitments:
            checked.commitments += commitments
        details.open(recorded.body, posted)

    def _add_turnover(self, posted: Posted) -> None:
        number = self._book.currency_number
        sums: dict[int, tuple[int, int]] = {}
        if len(self._book.currencies) == 1 and not posted.phases:
            sums[0] = len(posted.amount), sum(posted.amount)
        else:
            phases = posted.phases or repeat(Phase.POSTED, len(posted.amount))
            for debit, amount, phase in zip(posted.debit, posted.amount, phases, strict=True):
                if not Phase(phase).moves:
                    continue
                count, total = sums.get(number(debit), (0, 0))
                sums[number(debit)] = count + 1, total + amount
        for currency, (count, total) in sums.items():
            before = self._turnover[currency]
            self._turnover[currency] = before[0] + count, before[1] + total

    def _check_other(
        self, place: str, index: int, leaf: AnyLeaf, checkpoint: Checkpoint
    ) -> None:
        checked = self._checked
        match leaf:
            case Opening():
                if leaf.origin != checkpoint.origin:
                    raise BrokenExport(place, f"opens {leaf.origin}, not the checkpoint's log")
                if leaf.public_key != self._vkey:
                    raise BrokenExport(place, "names another key than signed the checkpoint")
            case CurrencyAdded():
                checked.currencies += 1
                self._turnover.append((0, 0))
            case AccountOpened():
                checked.accounts += 1
            case LimitChanged():
                checked.limits += 1
            case StatusChanged():
                checked.statuses += 1
            case KeyGrant():
                checked.keys += 1
            case HoldsExpired():
                checked.expired_holds += len(leaf.holds)
            case DayClosed():
                checked.days_closed += 1
            case PeriodMarked():
                checked.period_marks += 1
            case BatchRefused():
                checked.refused_batches += 1
                if leaf.code not in _CODES:
                    raise BrokenExport(place, f"no reason to refuse is called {leaf.code}")
            case Snapshot():
                checked.snapshots += 1
                self._check_snapshot(place, index, leaf)

    def _check_snapshot(self, place: str, index: int, leaf: Snapshot) -> None:
        if leaf.size > index:
            raise BrokenExport(place, f"a snapshot of {leaf.size} leaves, which are not there")
        if self._states[leaf.size] != (leaf.accounts, leaf.root):
            raise BrokenExport(
                place, f"the state after {leaf.size} leaves is not that of the snapshot"
            )

    # ---- the other files

    def _check_files(self, size: int) -> None:
        """Every file is one of this export, and SHA256SUMS has the hash of each."""
        present = self._export.names()
        expected = {CHECKPOINT, KEYS, POLICY, README, SUMS} | self._batch_files
        expected |= present & {DETAILS}
        expected.update(address.path for address in bundles_of(size))
        expected.update(address.path for address in tiles_of(size))
        for name in sorted(present - expected):
            raise BrokenExport(name, "a file that does not belong to the export")
        for name in sorted(expected - present):
            raise BrokenExport(name, "the file is missing")
        names = sorted(expected - {SUMS})
        with self._export.open(SUMS) as sums:
            for number, name in enumerate(names, 1):
                with self._export.open(name) as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                tail = f"  {name}\n".encode()
                line = sums.readline(64 + len(tail) + 1)
                if not line.endswith(tail):
                    raise BrokenExport(SUMS, f"line {number} is not that of {name}")
                if line != digest.encode() + tail:
                    raise BrokenExport(name, f"not the bytes whose hash is in {SUMS}")
                self._checked.files = number
                if number % TILE_WIDTH == 0 or number == len(names):
                    self._progress("files", number, len(names))
            if sums.read(1):
                raise BrokenExport(SUMS, f"more than the {len(names)} lines it should have")

    # ---- the end

    def report(self, broken: Broken | None) -> Report:
        opening = self._book.opening
        return Report(
            checkpoint=self._checkpoint,
            name="" if opening is None else opening.name,
            vkey=self._vkey,
            key_was_given=self._trusted_vkey is not None,
            checked=self._checked,
            totals=tuple(self._totals()) if broken is None else (),
            cannot_show=tuple(self._cannot_show()),
            broken=broken,
        )

    def _totals(self) -> list[Total]:
        book = self._book
        totals = [
            Total(code=currency.code, scale=currency.scale, transfers=count, turnover=turnover)
            for currency, (count, turnover) in zip(
                book.currencies.values(), self._turnover, strict=False
            )
        ]
        for number in range(1, book.accounts + 1):
            total = totals[book.currency_number(number)]
            balance = book.balance[number]
            total.accounts += 1
            if balance < 0:
                total.debit_balances -= balance
            else:
                total.credit_balances += balance
        return totals

    def _cannot_show(self) -> Iterator[str]:
        checked = self._checked
        if self._trusted_vkey is None:
            yield (
                "that the key is the institution's: it came with the export, so this shows "
                "only that the export agrees with itself; give the key from elsewhere"
            )
        if self._cosignatures:
            yield (
                f"whose the {self._cosignatures} other signatures on the checkpoint are: their "
                "keys were not given"
            )
        yield "that everybody was shown this same journal: witnesses' signatures show that"
        if self._expect is None:
            yield "that this is all until now: compare size and root with a newer checkpoint"
        yield "that the ledger's clock was right: only that its times never go back"
        if checked.days_closed:
            yield "that the business days are those of its time zone"
        yield "who stands behind an account, a key or a poster's name"
        if checked.signed_batches:
            yield (
                f"whose the keys are that signed {checked.signed_batches} batches: only that "
                "the ledger registered them"
            )
        if checked.refused_batches:
            yield f"what {checked.refused_batches} refused batches asked for"
        closed = checked.commitments - checked.details
        if closed:
            yield f"the {closed} free texts that were erased or left out"


class _Details:
    """The texts beside the transfers that commit to them, both in order of sequence."""

    def __init__(self, details: Iterator[Detail]) -> None:
        self._details = details
        self._next = next(details, None)
        self.opened = 0

    def open(self, body: bytes, posted: Posted) -> None:
        """Check the texts of a batch."""
        end = posted.first_sequence + len(posted.amount)
        if self._next is None or self._next.sequence >= end:
            return
        lines = body.split(b"\n")
        while self._next is not None and self._next.sequence < end:
            row = self._next.sequence - posted.first_sequence
            position = posted.positions[row]
            is_own = row == 0 or posted.positions[row - 1] != position
            transfer = decode_transfers(lines[position + 1] + b"\n")[0]
            text = hashlib.sha256(self._next.salt + self._next.text.encode()).digest()
            if not is_own or transfer.details != text:
                raise BrokenExport(
                    DETAILS, f"the text of transfer {self._next.sequence} is not its own"
                )
            self.opened += 1
            self._next = next(self._details, None)

    def end(self) -> None:
        if self._next is not None:
            raise BrokenExport(DETAILS, f"there is no transfer {self._next.sequence}")


@contextmanager
def _evidence_at(place: str) -> Iterator[None]:
    """Turn faults of evidence into what is broken at this place."""
    try:
        yield
    except BrokenProof as fault:
        raise BrokenExport(place, *fault.facts) from None


def _two(fault: LedgerFault) -> tuple[str, str]:
    """The place and the rest of what a fault says."""
    place, *reasons = map(str, fault.facts)
    return place, ": ".join(reasons)
