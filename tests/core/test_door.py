"""Between people's words and lines: what is written in numbers is read in the same words."""

from datetime import UTC, date, datetime

from msgspec import UNSET

from ledger.core.asked import AskedTerms
from ledger.core.door import chance_needed, in_words, resolve, write_lines, write_manifest
from ledger.core.lines import Rate
from ledger.core.model import Action, Late, Side
from ledger.core.refusals import Refusal
from ledger.core.written import WrittenBatch
from tests.core.books import NOW, ORIGIN, add, batch, opened, pay


def test_lines_are_told_in_the_words_that_asked_for_them() -> None:
    """All terms, dates and sums: who approves lines sees what they would do."""
    book = opened(currencies=["MXN", "USD"])
    for code, currency in [("ana", "MXN"), ("ben", "MXN"), ("usa", "USD"), ("usb", "USD")]:
        add(book, code, None, currency=currency)
    end = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)
    terms = [
        AskedTerms(action=Action.HOLD, expires=end, up_to=Side.BOTH),
        AskedTerms(action=Action.POST, target=1, release=True),
        AskedTerms(up_to=Side.DEBIT, rest="ben"),
        AskedTerms(suspense="ben", adjusting=True),
        AskedTerms(entry=1),
        AskedTerms(entry=1, rate=Rate(n=1, d=20)),
        AskedTerms(entry=1, residue=True),
    ]
    transfers = [pay("ana", "ben", "12.50", terms=one) for one in terms]
    transfers[5] = pay("usa", "usb", "0.62", currency="USD", terms=terms[5])
    transfers += [
        pay("ana", "ben", "0.01", reference="R-1", entered_by="eva", approved_by="jefa"),
        pay("ana", "ben", "7.00", business_date=date(2023, 11, 1), value_date=date(2023, 1, 2)),
    ]
    sums = {"MXN": "82.01", "USD": "0.62"}
    asked = batch(*transfers, mode="each", source="till", late=Late.REFUSE, control_sums=sums)
    columns = resolve(asked, book)
    assert not isinstance(columns, Refusal)
    written = WrittenBatch(
        id=asked.id,
        data=b"",
        root=b"",
        manifest=write_manifest(
            asked, origin=ORIGIN, scales=book.scales, recorded_at=NOW, salt=bytes(16)
        ),
        transfers=write_lines(asked, columns, bytes(chance_needed(asked)), book),
        note=UNSET,
    )
    assert in_words(written, book) == asked
