"""The JSON door: what people asked, turned into the lines the ledger writes for them.

Codes become account numbers and decimal text becomes minor units here, against the book
as it stands when the batch is decided. Randomness is an argument.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from msgspec import UNSET, UnsetType

from ledger.core.amounts import parse_total, show_amount
from ledger.core.asked import AskedBatch, AskedTerms, AskedTransfer, check_codes, parse_all
from ledger.core.book import Book
from ledger.core.faults import MalformedRequest
from ledger.core.lines import Manifest, Terms, Transfer
from ledger.core.refusals import Refusal, RefusalCode
from ledger.core.written import AnyBatch

SALT = 16  # Bytes.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXPIRES_AFTER = 86_400_000_000  # Microseconds that a batch written by the ledger may wait.


def check_form(asked: AskedBatch) -> None:
    """What can be said of a batch without knowing the ledger.

    Raises:
        MalformedRequest: a code of a wrong form, or not as many transfers as declared.
    """
    check_codes(asked.transfers)
    if asked.count is not UNSET and asked.count != len(asked.transfers):
        raise MalformedRequest(
            f"{len(asked.transfers)} transfers came, {asked.count} were declared", field="count"
        )


def resolve(asked: AskedBatch, book: Book) -> Refusal | tuple[list[int], list[int], list[int]]:
    """Account numbers and minor units of a batch: debit, credit and amount columns.

    An account code that the ledger does not know becomes 0, which `post` refuses.

    Raises:
        MalformedAmount: an amount is no amount of its currency; with its position.
    """
    transfers = asked.transfers
    scales = book.scales
    if not {t.currency for t in transfers} <= scales.keys():
        position = next(i for i, t in enumerate(transfers) if t.currency not in scales)
        return Refusal(code=RefusalCode.CURRENCY_NOT_FOUND, position=position)
    number = book.numbers.get
    debit = [number(t.debit_account, 0) for t in transfers]
    credit = [number(t.credit_account, 0) for t in transfers]
    refusal = _refuse_currencies(transfers, debit, credit, book)
    if refusal is not None:
        return refusal
    return debit, credit, parse_all(transfers, scales)


def _refuse_currencies(
    transfers: Sequence[AskedTransfer], debit: list[int], credit: list[int], book: Book
) -> Refusal | None:
    """The stated currency must be the debited account's; where that is unknown, the other's."""
    if len(book.currencies) == 1:
        return None
    stated = [book.currencies[t.currency].number for t in transfers]
    for position, (s, d, c) in enumerate(zip(stated, debit, credit, strict=True)):
        if (d or c) and book.currency_number(d or c) != s:
            return Refusal(
                code=RefusalCode.CURRENCY_MUST_MATCH_ACCOUNTS, position=position, account=d or c
            )
    return None


def write_terms(terms: AskedTerms, book: Book) -> Terms:
    """What is asked besides, with account numbers; 0 for a code the ledger does not know."""
    number = book.numbers.get
    return Terms(
        action=terms.action,
        target=terms.target,
        expires=UNSET if terms.expires is UNSET else micros_of(terms.expires),
        release=terms.release,
        entry=terms.entry,
        up_to=terms.up_to,
        rest=UNSET if terms.rest is UNSET else number(terms.rest, 0),
        suspense=UNSET if terms.suspense is UNSET else number(terms.suspense, 0),
        rate=terms.rate,
        residue=terms.residue,
        adjusting=terms.adjusting,
    )


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970; a moment before that is as good as its beginning."""
    return max(0, (moment - EPOCH) // timedelta(microseconds=1))


def write_lines(
    asked: AskedBatch,
    columns: tuple[list[int], list[int], list[int]],
    chance: bytes,
    book: Book,
) -> list[Transfer]:
    """The transfers as lines, each with a salt of its own where there are several.

    A batch of one needs none: its only sibling is the manifest, which has a salt.

    Args:
        chance: random bytes, SALT for each salt in the order they are used.
    """
    salts = _cut(chance)
    salted = len(asked.transfers) > 1
    debit, credit, amount = columns
    return [
        Transfer(
            amount=a,
            credit_account=c,
            debit_account=d,
            kind=t.kind,
            reference=t.reference,
            business_date=t.business_date,
            value_date=t.value_date,
            entered_by=t.entered_by,
            approved_by=t.approved_by,
            details=commitment(next(salts), t.description) if t.description else UNSET,
            salt=next(salts) if salted else UNSET,
            terms=UNSET if t.terms is UNSET else write_terms(t.terms, book),
        )
        for t, d, c, a in zip(asked.transfers, debit, credit, amount, strict=True)
    ]


def in_words(batch: AnyBatch, book: Book) -> AskedBatch:
    """A batch in people's terms: lines with codes and decimal text, as if asked so.

    What an account that is not there was called, nobody knows: it reads as its number.
    """
    if isinstance(batch, AskedBatch):
        return batch

    def code_of(number: int) -> str:
        return book.codes[number] if 0 < number <= book.accounts else str(number)

    def asked_of(line: Transfer) -> AskedTransfer:
        sides = line.debit_account, line.credit_account
        known = next((number for number in sides if 0 < number <= book.accounts), 0)
        code = book.currency_of(known)
        return AskedTransfer(
            debit_account=code_of(line.debit_account),
            credit_account=code_of(line.credit_account),
            amount=show_amount(line.amount, book.scales.get(code, 0)),
            currency=code,
            kind=line.kind,
            reference=line.reference,
            business_date=line.business_date,
            value_date=line.value_date,
            entered_by=line.entered_by,
            approved_by=line.approved_by,
            terms=UNSET if line.terms is UNSET else _terms_in_words(line.terms, code_of),
        )

    manifest = batch.manifest
    return AskedBatch(
        id=batch.id,
        transfers=[asked_of(line) for line in batch.transfers],
        mode=manifest.mode,
        source=manifest.source,
        branch=manifest.branch,
        control_sums=manifest.control_sums
        and {
            code: show_amount(int(total), book.scales.get(code, 0))
            for code, total in manifest.control_sums.items()
        },
        late=manifest.late,
    )


def _terms_in_words(terms: Terms, code_of: Callable[[int], str]) -> AskedTerms:
    return AskedTerms(
        action=terms.action,
        target=terms.target,
        expires=UNSET
        if terms.expires is UNSET
        else EPOCH + timedelta(microseconds=terms.expires),
        release=terms.release,
        entry=terms.entry,
        up_to=terms.up_to,
        rest=UNSET if terms.rest is UNSET else code_of(terms.rest),
        suspense=UNSET if terms.suspense is UNSET else code_of(terms.suspense),
        rate=terms.rate,
        residue=terms.residue,
        adjusting=terms.adjusting,
    )


def chance_needed(asked: AskedBatch) -> int:
    """How many random bytes the manifest and the lines of a batch use."""
    lines = len(asked.transfers)
    texts = sum(1 for t in asked.transfers if t.description)
    return SALT * (1 + texts + (lines if lines > 1 else 0))


def _cut(chance: bytes) -> Iterator[bytes]:
    return (chance[at : at + SALT] for at in range(0, len(chance), SALT))


def commitment(salt: bytes, text: str) -> bytes:
    """What stands in a line for a text that must be erasable: SHA-256(salt || UTF-8 text)."""
    assert len(salt) == SALT
    return sha256(salt + text.encode()).digest()


def write_manifest(
    asked: AskedBatch, *, origin: str, scales: dict[str, int], recorded_at: int, salt: bytes
) -> Manifest:
    """The manifest the ledger writes for a batch that came through the JSON door.

    Raises:
        MalformedAmount: a control sum is no amount of its currency.
    """
    return Manifest(
        origin=f"{origin}/batch/{asked.id}",
        created=recorded_at,
        expires=recorded_at + EXPIRES_AFTER,
        count=len(asked.transfers),
        mode=asked.mode,
        salt=salt,
        source=asked.source,
        branch=asked.branch,
        control_sums=_control_sums(asked, scales),
        late=asked.late,
    )


def _control_sums(asked: AskedBatch, scales: dict[str, int]) -> dict[str, str] | UnsetType:
    if asked.control_sums is UNSET:
        return UNSET
    return {
        code: str(parse_total(text, scales[code])) if code in scales else "0"
        for code, text in asked.control_sums.items()
    }
