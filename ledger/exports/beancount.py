"""A ledger as a file for beancount, which `bean-check` passes.

A debit is a positive amount, a credit a negative one. An account is opened on the day of
its first transfer, which may be back-dated to before the ledger was; balances are asserted
for the morning after the last day, exactly, since beancount would let a unit pass. What
only holds an amount, or gives it back, moves nothing and is not there.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from msgspec import UNSET

from ledger.core.model import Account
from ledger.exports.books import Closed, Closing, Entered, Written, write_books
from ledger.exports.names import beancount_account, beancount_currency
from ledger.journal.directory import Progress, silent


def write_beancount(journal: Path, out: Path, *, progress: Progress = silent) -> Written:
    """Write the file `out` from a journal folder. Verify the folder first.

    Raises:
        BrokenExport: a leaf does not follow, or a file is missing.
    """
    return write_books(journal, out, Beancount(), progress)


class Beancount:
    """The words of beancount."""

    def account(self, account: Account) -> str:
        return beancount_account(account)

    def currency(self, code: str) -> str:
        return beancount_currency(code)

    def head(self, closing: Closing, accounts: Iterable[Closed]) -> Iterator[str]:
        checkpoint = closing.checkpoint
        yield f'option "title" "{closing.ledger}"\n'
        for currency in closing.currencies:
            yield f'option "operating_currency" "{beancount_currency(currency.code)}"\n'
        yield f"; {checkpoint.origin}, {checkpoint.size} leaves\n"
        yield f"; root {checkpoint.root.hex()}\n\n"
        for currency in closing.currencies:
            yield (
                f"1970-01-01 commodity {beancount_currency(currency.code)}\n"
                f'  code: "{currency.code}"\n'
                f'  kind: "{currency.kind}"\n'
                f"  scale: {currency.scale}\n"
            )
        yield "\n"
        for closed in accounts:
            account = closed.account
            yield (
                f"{closed.first_day or closing.last_day} open {closed.name} {closed.currency}\n"
                f'  code: "{account.code}"\n'
                f"  number: {account.number}\n"
                f'  holder: "{account.holder.hex()}"\n'
                f'  status: "{account.status}"\n'
            )
        yield "\n"

    def transfer(self, entered: Entered) -> str:
        line = entered.line
        value_date = by = ""
        if line.value_date is not UNSET:
            value_date = f"  value_date: {line.value_date}\n"
        if line.entered_by:
            by = f'  entered_by: "{line.entered_by}"\n'
        if line.approved_by:
            by += f'  approved_by: "{line.approved_by}"\n'
        told = "".join(
            f"  {name}: {value}\n" if value.isdigit() else f'  {name}: "{value}"\n'
            for name, value in entered.facts
        )
        return (
            f'{entered.day} * "{entered.kind}" "{line.reference}"\n'
            f"  sequence: {entered.sequence}\n"
            f'  batch: "{entered.batch}"\n'
            f"  leaf: {entered.leaf_index}\n"
            f'  line: "{entered.line_hash}"\n'
            f"{value_date}{by}{told}"
            f"  {entered.debit}  {entered.amount} {entered.currency}\n"
            f"  {entered.credit}  -{entered.amount} {entered.currency}\n\n"
        )

    def tail(self, closing: Closing, accounts: Iterable[Closed]) -> Iterator[str]:
        morning = closing.last_day + timedelta(days=1)
        for closed in accounts:
            yield f"{morning} balance {closed.name} {closed.balance} ~ 0 {closed.currency}\n"
