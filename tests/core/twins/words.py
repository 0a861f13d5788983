"""The plain model's words as the book's, and back."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from msgspec import UNSET, convert, to_builtins

from ledger.core.asked import AskedBatch, AskedTerms, AskedTransfer
from ledger.core.leaves import AnyLeaf
from ledger.core.lines import Beside, Rate
from ledger.core.model import Action, Late, Mode, Phase, Side
from ledger.core.terms import Past
from tests.core.plain.ledger import Plain
from tests.core.plain.nouns import Batch, Leaf, Line
from tests.core.plain.snapshot import number_of, numbered

T0 = datetime(1970, 1, 1, tzinfo=UTC)


def leaf_of(plain: Plain, line: Leaf) -> AnyLeaf:
    """A line of the model, as the journal would have it now."""
    return convert(numbered(plain, {**line, "recorded_at": plain.now}), AnyLeaf)


def line_of(plain: Plain, leaf: AnyLeaf) -> Leaf:
    """A leaf that the book made of itself, in the model's words."""
    line: Leaf = to_builtins(leaf, builtin_types=(bytes, date, UUID))
    del line["recorded_at"]
    if "account" in line:
        line["account"] = list(plain.accounts)[line["account"] - 1]
    return line


def asked_batch(plain: Plain, batch: Batch, batch_id: UUID) -> AskedBatch:
    """As people write it."""
    sums = {code: money(plain, total, code) for code, total in (batch.sums or {}).items()}
    return AskedBatch(
        id=batch_id,
        transfers=[asked_transfer(plain, line) for line in batch.lines],
        mode=Mode(batch.mode),
        source=batch.source or UNSET,
        control_sums=sums or UNSET,
        late=Late(batch.late) if batch.late else UNSET,
    )


def asked_transfer(plain: Plain, line: Line) -> AskedTransfer:
    terms = AskedTerms(
        action=Action(line.action) if line.action else UNSET,
        target=line.target or UNSET,
        expires=T0 + timedelta(microseconds=line.expires) if line.expires else UNSET,
        release=line.release,
        entry=line.entry or UNSET,
        up_to=Side(line.up_to) if line.up_to else UNSET,
        rest=line.rest or UNSET,
        suspense=line.suspense or UNSET,
        rate=Rate(n=line.rate[0], d=line.rate[1]) if line.rate else UNSET,
        residue=line.residue,
        adjusting=line.adjusting,
    )
    currency = currency_stated(plain, line)
    return AskedTransfer(
        debit_account=line.debit,
        credit_account=line.credit,
        amount=money(plain, line.amount, currency),
        currency=currency,
        kind=line.kind,
        reference=line.reference,
        business_date=line.day or UNSET,
        value_date=line.value_day or UNSET,
        entered_by=line.entered_by,
        terms=UNSET if terms == AskedTerms() else terms,
    )


def currency_stated(plain: Plain, line: Line) -> str:
    """The debited account's; where that is not there, the other's."""
    there = [code for code in (line.debit, line.credit) if code in plain.accounts]
    right = plain.currency(there[0]) if there else "MXN"
    return line.currency or right


def money(plain: Plain, minor: int, currency: str) -> str:
    there = plain.currencies.get(currency)
    scale = 2 if there is None else there["scale"]
    if not scale:
        return str(minor)
    return f"{minor // 10**scale}.{minor % 10**scale:0{scale}d}"


def past_of(plain: Plain, n: int) -> Past:
    """A row, as whoever takes it back must know it."""
    row = plain.rows[n - 1]
    return Past(
        debit=number_of(plain, row.debit),
        credit=number_of(plain, row.credit),
        amount=row.amount,
        phase=Phase[row.phase.upper()],
        taken=plain.taken(n),
        kind=row.kind if row.goes_with_another else row.asked_kind,
        is_link=row.takes > 0,
        is_beside=row.goes_with_another,
        beside=tuple(beside_of(plain, *each) for each in plain.charges.going_with(n)),
    )


def beside_of(plain: Plain, kind: str, debit: str, credit: str, amount: int) -> Beside:
    return Beside(
        amount=amount,
        credit_account=number_of(plain, credit),
        debit_account=number_of(plain, debit),
        kind=kind,
    )
