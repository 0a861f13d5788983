"""Transfers as they are read: by sequence, by reference, as a feed, as a statement.

Rows come from the database in integers; what is text stands in the batches' bodies, and
what was done otherwise than the text says in their outcomes. This joins the three, and
leaves out what the caller may not read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from typing import Annotated, Final, NamedTuple

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import replace

from ledger.api.answers.base import PHASES, Faces, fraction_answer, show_time
from ledger.api.answers.rules import RateAnswer
from ledger.api.answers.transfers import (
    DisputeAnswer,
    HoldStandingAnswer,
    LinkAnswer,
    Statement,
    StatementLine,
    TransferAnswer,
    TransfersPage,
)
from ledger.api.problems import Problem
from ledger.api.queries import PAGE, Limit
from ledger.api.service import Call, answer
from ledger.core.amounts import show_amount
from ledger.core.book import Book
from ledger.core.faults import JournalBroken
from ledger.core.leaves import AccountOpened, BatchPosted
from ledger.core.lines import Beside, Outcome, Terms, Transfer
from ledger.core.model import DATE_MIN, Nature, Phase, Reference
from ledger.core.ports import TransferRow
from ledger.core.resolutions import Resolution, hold_standing
from ledger.core.store import StoredBatch
from ledger.core.terms import NO_TERMS, Link
from ledger.journal.batches import pick_lines
from ledger.journal.canonical import decode_leaf, decode_outcomes, decode_transfers

Sequence53 = Annotated[int, Meta(ge=0, le=2**53 - 1)]
DATE_MAX = date(9999, 12, 31)
SCAN_ROWS: Final = 1_000  # At once, where a caller's few are picked out of all,
SCAN_PAGES: Final = 20  # so often at most.


class FeedQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those after a sequence, waiting for new ones if asked; or just those of a reference.

    With `business_date` only those that count for that day.
    """

    after: Sequence53 = 0
    limit: Limit = PAGE
    wait: Annotated[float, Meta(ge=0, le=3600)] = 0
    reference: Reference | UnsetType = UNSET
    business_date: date | UnsetType = UNSET


class StatementQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By business dates, both included, or by sequences, both excluded; else everything.

    What ends on the last day of a year leaves out adjustments to that year, as a balance on
    that day does, unless `adjustments`.
    """

    first: date | UnsetType = field(name="from", default=UNSET)
    last: date | UnsetType = field(name="to", default=UNSET)
    after: Sequence53 | UnsetType = UNSET
    before: Sequence53 | UnsetType = UNSET
    adjustments: bool = False
    limit: Limit = PAGE
    cursor: Annotated[str, Meta(pattern=r"^[0-9]{1,16}:-?[0-9]{1,19}\Z")] | UnsetType = UNSET


class Told(NamedTuple):
    """A row with what its batch says of it."""

    row: TransferRow
    line: Transfer
    leaf: BatchPosted
    description: str
    outcome: Outcome | None  # Where anything in the batch was done otherwise than asked.

    @property
    def terms(self) -> Terms:
        return NO_TERMS if self.line.terms is UNSET else self.line.terms

    @property
    def beside(self) -> Beside | None:
        """What this row is, where it stands beside its transfer's own."""
        if self.outcome is None or self.outcome.beside is UNSET:
            return None
        own = 0 if self.outcome.amount == 0 else 1
        place = self.row.sequence - _first_sequence(self.outcome) - own
        return self.outcome.beside[place] if place >= 0 else None

    @property
    def own(self) -> Outcome | None:
        """What was done otherwise than asked, where this row is the transfer's own."""
        return self.outcome if self.beside is None else None

    @property
    def kind(self) -> str:
        return self.beside.kind if self.beside else self.line.kind

    @property
    def value_date(self) -> date:
        own = self.line.value_date
        return self.row.business_date if own is UNSET else own


# ---- routes


async def get_transfers(call: Call) -> web.Response:
    """Transfers after a sequence, or those of a reference, which goes with limit alone."""
    query = call.query(FeedQuery)
    ledger_id = await call.service.ledger_id(call.ledger)
    if query.reference is not UNSET:
        if query.after or query.wait or query.business_date is not UNSET:
            reason = "goes with limit alone"
            raise Problem("malformed_request", field="reference", reason=reason)
        rows = await call.reads.by_reference(ledger_id, query.reference, query.limit)
        return answer(TransfersPage(transfers=await _shown(call, ledger_id, rows)))
    rows, following = await _rows(call, ledger_id, query)
    if not rows and query.wait:
        await _wait(call, following, query.wait)
        rows, following = await _rows(call, ledger_id, query)
    told = await _tell(call, ledger_id, rows)
    return answer(TransfersPage(transfers=await _transfers(call, told), next=following))


async def _rows(call: Call, ledger_id: int, query: FeedQuery) -> tuple[list[TransferRow], int]:
    """Rows of a page that the caller may read, and after which sequence the next begins."""
    day = None if query.business_date is UNSET else query.business_date
    page = partial(call.reads.transfers, ledger_id, first_date=day, last_date=day)
    if call.reach.all:
        rows = await page(after=query.after, limit=query.limit)
        return rows, rows[-1].sequence if rows else query.after
    newest, accounts = await call.desk.read(
        call.ledger, lambda book: (book.transfers, call.reach.numbers(book))
    )
    if accounts is not None:
        rows = await page(after=query.after, limit=query.limit, accounts=accounts)
        passed = rows[-1].sequence if rows else query.after
        return rows, passed if len(rows) == query.limit else max(newest, passed)
    return await _scanned(call, page, query)


async def _scanned(
    call: Call, page: Callable[..., Awaitable[list[TransferRow]]], query: FeedQuery
) -> tuple[list[TransferRow], int]:
    """The same of a caller who reaches accounts by how they begin: picked out of all rows."""
    found: list[TransferRow] = []
    after = query.after
    for _ in range(SCAN_PAGES):
        rows = await page(after=after, limit=SCAN_ROWS)
        found += _readable(call, rows)
        if len(found) >= query.limit:
            return found[: query.limit], found[query.limit - 1].sequence
        after = rows[-1].sequence if rows else after
        if len(rows) < SCAN_ROWS:
            break
    return found, after


async def _wait(call: Call, after: int, seconds: float) -> None:
    """Until something was posted, the time is up, or the service stops."""
    service = call.service
    seconds = min(seconds, service.settings.wait_seconds_max)
    waiting = service.metrics.waiting
    if service.feed_waiting >= service.settings.feed_waiting_max or service.closing.is_set():
        return
    service.feed_waiting += 1
    waiting.inc()
    posted = asyncio.ensure_future(call.desk.wait_for(call.ledger, after, seconds))
    closing = asyncio.ensure_future(service.closing.wait())
    try:
        await asyncio.wait({posted, closing}, return_when=asyncio.FIRST_COMPLETED)
        if posted.done():
            posted.result()
    finally:
        service.feed_waiting -= 1
        waiting.dec()
        for task in (posted, closing):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


async def get_transfer(call: Call) -> web.Response:
    """One transfer by its sequence."""
    told = await find_transfer(call)
    return answer((await _transfers(call, [told]))[0])


async def find_transfer(call: Call) -> Told:
    """The transfer that the path names. Raises Problem where the caller sees none."""
    text = call.part("sequence")
    sequence = int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else 0
    if not 1 <= sequence < 2**53:
        raise Problem("transfer_not_found")
    ledger_id = await call.service.ledger_id(call.ledger)
    rows = await call.reads.transfers(ledger_id, after=sequence - 1, limit=1)
    seen = _readable(call, [row for row in rows if row.sequence == sequence])
    if not seen:
        raise Problem("transfer_not_found")
    return (await _tell(call, ledger_id, seen))[0]


async def get_statement(call: Call) -> web.Response:
    """An account's opening balance, what was posted, and its closing balance."""
    query = call.query(StatementQuery)
    code = call.part("code")
    call.check_reach(code)
    ledger_id = await call.service.ledger_id(call.ledger)
    number = call.desk.facts(call.ledger).numbers.get(code, 0)
    after, said = _begins(query)
    by_date = query.first is not UNSET or query.last is not UNSET
    # Asked together: between two answers of the database a large batch may be decided.
    committed, opening, rows = await asyncio.gather(
        _committed(call, ledger_id, code, number),
        _opening(call, ledger_id, number, query, said),
        call.reads.transfers(
            ledger_id,
            after=after,
            limit=query.limit + 1,
            accounts=[number],
            first_date=(query.first or DATE_MIN) if by_date else None,
            last_date=(query.last or DATE_MAX) if by_date else None,
        ),
    )
    if committed == 0:
        raise Problem("account_not_found")
    if committed != number:  # The ledger was read again meanwhile, and numbered it anew.
        return await get_statement(call)
    if query.before is not UNSET:
        rows = [row for row in rows if row.sequence < query.before]
    page = rows[: query.limit]
    goes_on = page[-1].sequence if len(rows) > query.limit else None
    posted = [row for row in page if Phase(row.phase).moves and not _is_after(row, query)]
    told = await _tell(call, ledger_id, posted)
    return answer(_statement(call.faces(), number, opening, told, goes_on))


async def _committed(call: Call, ledger_id: int, code: str, number: int) -> int:
    """The number of an account that is committed, or 0; `number` is what it should have.

    Where the database says that it has, no commit need be waited for.
    """
    line = await call.reads.opening_of(ledger_id, number) if number else None
    leaf = None if line is None else decode_leaf(line)
    if isinstance(leaf, AccountOpened) and leaf.code == code:
        return number
    return await call.desk.read(call.ledger, lambda book: book.numbers.get(code, 0))


def _is_after(row: TransferRow, query: StatementQuery) -> bool:
    """Whether a row adjusts the year that the statement ends with, and is not asked for."""
    is_last = row.phase == Phase.ADJUSTED and row.business_date == query.last
    return is_last and not query.adjustments


async def _opening(
    call: Call, ledger_id: int, number: int, query: StatementQuery, said: int | None
) -> int:
    """The balance that is said, or that before the first day, or after a sequence."""
    if said is not None:
        return said
    if query.first is not UNSET:
        return await call.reads.balance_before(
            ledger_id, number, sequence=None, day=query.first
        )
    assert query.after is not UNSET, "else the balance it begins with is known"
    return await call.reads.balance_before(
        ledger_id, number, sequence=query.after + 1, day=None
    )


def _begins(query: StatementQuery) -> tuple[int, int | None]:
    """After which sequence a page begins, and with which balance, where that is known."""
    by_date = query.first is not UNSET or query.last is not UNSET
    if by_date and not (query.after is UNSET and query.before is UNSET):
        raise Problem("malformed_request", field="from", reason="dates or sequences, not both")
    if query.first is not UNSET and query.last is not UNSET and query.first > query.last:
        raise Problem("malformed_request", field="from", reason="from is after to")
    if query.cursor is not UNSET:
        sequence, _, balance = query.cursor.partition(":")
        if int(sequence) >= 2**53 or abs(int(balance)) >= 2**63:
            raise Problem("malformed_request", field="cursor")
        return int(sequence), int(balance)
    if by_date:
        return 0, 0 if query.first is UNSET else None
    after = 0 if query.after is UNSET else query.after
    return after, 0 if after == 0 else None


def _statement(
    faces: Faces, number: int, opening: int, told: Sequence[Told], goes_on: int | None
) -> Statement:
    """A page of a statement. It `goes_on` after a sequence, or ends here."""
    face = faces[number]
    balance = opening
    lines: list[StatementLine] = []
    for one in told:
        row = one.row
        debited = row.debit_account == number
        balance += -row.amount if debited else row.amount
        lines.append(
            StatementLine(
                sequence=row.sequence,
                id=one.leaf.batch,
                position=row.position,
                side=Nature.DEBIT if debited else Nature.CREDIT,
                other_account=faces[row.credit_account if debited else row.debit_account].code,
                amount=show_amount(row.amount, face.scale),
                balance=face.balance(balance),
                kind=one.kind,
                business_date=row.business_date,
                value_date=one.value_date,
                recorded_at=show_time(one.leaf.recorded_at),
                reference=one.line.reference,
                description=one.description,
                rate=_rate(one),
                fraction=fraction_answer(one.own.fraction if debited and one.own else UNSET),
            )
        )
    return Statement(
        account=face.code,
        currency=face.currency,
        nature=Nature.CREDIT if face.sign > 0 else Nature.DEBIT,
        opening_balance=face.balance(opening),
        transfers=lines,
        closing_balance=face.balance(balance),
        next=UNSET if goes_on is None else f"{goes_on}:{balance}",
    )


# ---- rows and their words


async def _shown(
    call: Call, ledger_id: int, rows: Sequence[TransferRow]
) -> list[TransferAnswer]:
    """Those transfers that touch an account the caller may read."""
    return await _transfers(call, await _tell(call, ledger_id, _readable(call, rows)))


def _readable(call: Call, rows: Sequence[TransferRow]) -> Sequence[TransferRow]:
    faces, reach = call.faces(), call.reach
    if reach.all:
        return rows
    return [
        row
        for row in rows
        if faces[row.debit_account].code in reach or faces[row.credit_account].code in reach
    ]


async def _transfers(call: Call, told: Sequence[Told]) -> list[TransferAnswer]:
    """Rows as answers, with what later ones took back of them, or made of a hold."""
    faces = call.faces()
    sequences = [one.row.sequence for one in told]
    ledger_id = await call.service.ledger_id(call.ledger)
    links = await call.reads.links(ledger_id, sequences) if sequences else {}
    held = [one.row.sequence for one in told if one.row.phase == Phase.HELD]
    ends = await call.reads.resolutions(ledger_id, held) if held else {}
    shown = [
        _transfer(
            call,
            faces,
            one,
            links.get(one.row.sequence, ()),
            ends.get(one.row.sequence, ()),
        )
        for one in told
    ]
    if not call.desk.facts(call.ledger).disputes.open:  # Most often; then nothing is asked.
        return shown
    marks = await call.desk.read(call.ledger, lambda book: disputes_of(book, sequences))
    return [replace(one, dispute=marks.get(one.sequence, UNSET)) for one in shown]


def disputes_of(book: Book, sequences: Sequence[int]) -> dict[int, DisputeAnswer]:
    """The open disputes about some transfers."""
    disputes = book.disputes.open
    return {
        sequence: DisputeAnswer(
            sequence=sequence,
            since=show_time(one.since),
            by=one.by,
            reason=one.reason,
            leaf_index=one.index,
            due=one.due,
            overdue_since=UNSET if one.overdue is UNSET else show_time(one.overdue),
        )
        for sequence in sequences
        if (one := disputes.get(sequence)) is not None
    }


async def readable_sequences(call: Call, sequences: Sequence[int]) -> set[int]:
    """Those of these transfers that the caller may read."""
    if call.reach.all:
        return set(sequences)
    ledger_id = await call.service.ledger_id(call.ledger)
    seen: set[int] = set()
    for sequence in sequences:
        rows = await call.reads.transfers(ledger_id, after=sequence - 1, limit=1)
        seen |= {row.sequence for row in _readable(call, rows) if row.sequence == sequence}
    return seen


def _meant_for(told: Told, faces: Faces) -> str | UnsetType:
    """Whom a suspense account stood in for, if one did."""
    own, line = told.own, told.line
    if own is None or own.suspense is UNSET:
        return UNSET
    number = line.debit_account if own.suspense == "debit" else line.credit_account
    return faces[number].code


def _transfer(
    call: Call,
    faces: Faces,
    told: Told,
    links: Sequence[Link],
    ends: Sequence[Resolution],
) -> TransferAnswer:
    row, line, terms = told.row, told.line, told.terms
    own = told.own
    suspense = UNSET if own is None else own.suspense
    taken = [link for link in links if link.target == row.sequence]
    debit, credit = faces[row.debit_account], faces[row.credit_account]
    return TransferAnswer(
        sequence=row.sequence,
        id=told.leaf.batch,
        position=row.position,
        debit_account=debit.code,
        credit_account=credit.code,
        amount=show_amount(row.amount, debit.scale),
        currency=debit.currency,
        kind=told.kind,
        business_date=row.business_date,
        value_date=told.value_date,
        recorded_at=show_time(told.leaf.recorded_at),
        reference=line.reference,
        description=told.description,
        entered_by=line.entered_by,
        approved_by=line.approved_by,
        debit_balance=debit.balance(row.debit_balance) if debit.code in call.reach else UNSET,
        credit_balance=credit.balance(row.credit_balance)
        if credit.code in call.reach
        else UNSET,
        phase=PHASES[row.phase],
        action=terms.action,
        target=terms.target,
        expires=UNSET if terms.expires is UNSET else show_time(terms.expires),
        entry=terms.entry,
        rate=_rate(told),
        fraction=UNSET if own is None else fraction_answer(own.fraction),
        residue=terms.residue,
        suspense=suspense,
        meant_for=_meant_for(told, faces),
        why=UNSET if own is None else own.why,
        flags=UNSET if own is None else own.flags,
        hold=_hold(row, ends, debit.scale) if row.phase == Phase.HELD else UNSET,
        reversed_by=UNSET if suspense else _taken(taken, debit.scale),
        cleared_by=_taken(taken, debit.scale) if suspense else UNSET,
    )


def _hold(row: TransferRow, ends: Sequence[Resolution], scale: int) -> HoldStandingAnswer:
    standing = hold_standing(row.amount, ends)
    rows = [
        LinkAnswer(sequence=one.sequence, amount=show_amount(one.amount, scale))
        for one in ends
        if one.sequence
    ]
    return HoldStandingAnswer(
        status=standing.status,
        posted=show_amount(standing.posted, scale),
        left=show_amount(standing.left, scale),
        by=rows or UNSET,
    )


def _rate(told: Told) -> RateAnswer | UnsetType:
    """The rate of an exchange, where the row is what was bought."""
    rate = told.terms.rate
    if rate is UNSET or told.beside is not None:
        return UNSET
    return RateAnswer(n=rate.n, d=rate.d)


def _taken(links: Sequence[Link], scale: int) -> list[LinkAnswer] | UnsetType:
    found = [
        LinkAnswer(sequence=x.sequence, amount=show_amount(x.amount, scale)) for x in links
    ]
    return found or UNSET


async def _tell(call: Call, ledger_id: int, rows: Sequence[TransferRow]) -> list[Told]:
    """Rows with their lines, batches and descriptions."""
    numbers = {row.batch_number for row in rows}
    batches = await call.reads.batches_by_number(ledger_id, numbers) if numbers else {}
    positions: dict[int, list[int]] = {number: [] for number in numbers}
    for row in rows:
        positions[row.batch_number].append(row.position)
    lines = {n: _lines_at(batches[n], positions[n]) for n in numbers}
    outcomes = {n: _outcomes_at(batches[n], positions[n]) for n in numbers}
    leaves = {n: posted_leaf(batches[n]) for n in numbers}
    told: list[Told] = []
    described: dict[int, int] = {}  # Which sequence has a row's description.
    for row in rows:
        line = lines[row.batch_number][row.position]
        outcome = outcomes[row.batch_number].get(row.position)
        told.append(Told(row, line, leaves[row.batch_number], "", outcome))
        if line.details is not UNSET:
            described[row.sequence] = _first_sequence(outcome) if outcome else row.sequence
    if not described:
        return told
    texts = await call.reads.details(ledger_id, set(described.values()))
    return [
        one._replace(description=texts.get(described.get(one.row.sequence, 0), ""))
        for one in told
    ]


def _lines_at(batch: StoredBatch, positions: Sequence[int]) -> dict[int, Transfer]:
    """Some lines of a batch's body; its first is the manifest."""
    lines = pick_lines(batch.body, [position + 1 for position in positions])
    wanted = b"".join(line + b"\n" for line in lines)
    return dict(zip(positions, decode_transfers(wanted), strict=True))


def _outcomes_at(batch: StoredBatch, positions: Sequence[int]) -> dict[int, Outcome]:
    """Some lines of a batch's outcomes; it has one for every position, or none at all."""
    if not batch.outcomes:
        return {}
    wanted = b"".join(line + b"\n" for line in pick_lines(batch.outcomes, positions))
    return dict(zip(positions, decode_outcomes(wanted), strict=True))


def _first_sequence(outcome: Outcome) -> int:
    assert outcome.sequence is not UNSET, "what has a row was posted"
    return outcome.sequence


def posted_leaf(batch: StoredBatch) -> BatchPosted:
    """The leaf of a posted batch. Raises JournalBroken when it is another."""
    leaf = decode_leaf(batch.line)
    if not isinstance(leaf, BatchPosted):
        raise JournalBroken(f"leaf {batch.leaf_index}", "not a posted batch's")
    return leaf
