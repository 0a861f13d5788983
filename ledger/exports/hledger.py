"""A ledger as a journal file for hledger, which `hledger check --strict` passes.

A debit is a positive amount, a credit a negative one. Transfers stand in order of their
sequence; hledger sorts them by date itself, and back-dated ones are where they belong. So
balances are asserted once, in transactions of zero on the last day, after all others.
What only holds an amount, or gives it back, moves nothing and is not there.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from msgspec import UNSET

from ledger.core.amounts import show_amount
from ledger.core.model import Account
from ledger.exports.books import Closed, Closing, Entered, Written, write_books
from ledger.exports.names import hledger_account, hledger_currency
from ledger.journal.directory import Progress, silent

ASSERTED = 1000  # Accounts in one transaction of closing balances.


def write_hledger(journal: Path, out: Path, *, progress: Progress = silent) -> Written:
    """Write the file `out` from a journal folder. Verify the folder first.

    Raises:
        BrokenExport: a leaf does not follow, or a file is missing.
    """
    return write_books(journal, out, Hledger(), progress)


class Hledger:
    """The words of hledger."""

    def account(self, account: Account) -> str:
        return hledger_account(account)

    def currency(self, code: str) -> str:
        return hledger_currency(code)

    def head(self, closing: Closing, accounts: Iterable[Closed]) -> Iterator[str]:
        checkpoint = closing.checkpoint
        yield f"; {closing.ledger}\n"
        yield f"; {checkpoint.origin}, {checkpoint.size} leaves\n"
        yield f"; root {checkpoint.root.hex()}\n\n"
        yield "decimal-mark .\n\n"
        for currency in closing.currencies:
            # The number shows only how many decimals there are; a point has to be there.
            sample = f"1000.{'0' * currency.scale}"
            yield f"commodity {sample} {hledger_currency(currency.code)}\n"
        yield "\n"
        for closed in accounts:
            account = closed.account
            yield (
                f"account {closed.name}  ; code:{account.code}, number:{account.number}, "
                f"holder:{account.holder.hex()}, status:{account.status}\n"
            )
        yield "\n"

    def transfer(self, entered: Entered) -> str:
        line = entered.line
        facts = (
            f"sequence:{entered.sequence}, batch:{entered.batch}, leaf:{entered.leaf_index}, "
            f"line:{entered.line_hash}"
        )
        if line.reference:
            facts += f", reference:{line.reference}"
        if line.value_date is not UNSET:
            facts += f", value_date:{line.value_date}"
        if line.entered_by:
            facts += f", entered_by:{line.entered_by}"
        if line.approved_by:
            facts += f", approved_by:{line.approved_by}"
        facts += "".join(f", {name}:{value}" for name, value in entered.facts)
        about = f"{entered.kind} {line.reference}".rstrip()
        return (
            f"{entered.day} * ({entered.sequence}) {about}\n"
            f"    ; {facts}\n"
            f"    {entered.debit}  {entered.amount} {entered.currency}\n"
            f"    {entered.credit}  -{entered.amount} {entered.currency}\n\n"
        )

    def tail(self, closing: Closing, accounts: Iterable[Closed]) -> Iterator[str]:
        parts = groupby(accounts, key=lambda closed: (closed.account.number - 1) // ASSERTED)
        for _, part in parts:
            yield f"{closing.last_day} * closing balances\n"
            for closed in part:
                zero = show_amount(0, closed.scale)
                yield (
                    f"    {closed.name}  {zero} {closed.currency} "
                    f"== {closed.balance} {closed.currency}\n"
                )
            yield "\n"
