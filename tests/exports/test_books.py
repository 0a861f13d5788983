"""What hledger and beancount make of a ledger: the same balances, and not a word of complaint.

The texts are spelled out once for a small ledger; the programs themselves judge all others.
"""

import csv
import io
import os
import shutil
import subprocess
import sys
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.amounts import show_amount
from ledger.core.days import hash_of
from ledger.core.leaves import DayClosed
from ledger.core.model import Account, CurrencyKind, Late, Mode, Nature, Status
from ledger.exports.beancount import write_beancount
from ledger.exports.hledger import write_hledger
from ledger.exports.names import beancount_account, beancount_code, hledger_account
from ledger.journal.directory import BrokenExport
from tests.building import NO_BOUND, Building, a_bit_of_everything, many, under_terms

CODES = st.text("AXZaxz019._:-", min_size=1, max_size=8)


def needs(program: str) -> str:
    """Where a program is: on the PATH, or beside the Python that runs the tests."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which(program) or shutil.which(program, path=beside)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def hledger(*arguments: str) -> str:
    run = subprocess.run(
        [needs("hledger"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return run.stdout


def bean_check(path: Path) -> None:
    run = subprocess.run(
        [needs("bean-check"), "--no-cache", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def tiny() -> Building:
    it = Building()
    it.currency("MXN", 2)
    cash = it.account("0001", "MXN", nature=Nature.DEBIT, kind="cash", lower=NO_BOUND)
    ana = it.account("ana:1", "MXN")
    it.post([it.pay(cash, ana, 12_50, kind="deposit", reference="R1")])
    it.post([it.pay(cash, ana, 5, business_date=date(2026, 1, 31))])
    return it


HLEDGER = """\
; Caja del Norte
; example.org/caja-norte, 6 leaves
; root {root}

decimal-mark .

commodity 1000.00 MXN

account assets:MXN:cash:0001  ; code:0001, number:1, holder:{one}, status:open
account liabilities:MXN:member:ana/1  ; code:ana:1, number:2, holder:{two}, status:open

2026-11-22 * (1) deposit R1
    ; sequence:1, batch:00000000-0000-0000-0000-000000000001, leaf:4, line:{first}, reference:R1
    assets:MXN:cash:0001  12.50 MXN
    liabilities:MXN:member:ana/1  -12.50 MXN

2026-01-31 * (2) payment
    ; sequence:2, batch:00000000-0000-0000-0000-000000000002, leaf:5, line:{second}
    assets:MXN:cash:0001  0.05 MXN
    liabilities:MXN:member:ana/1  -0.05 MXN

2026-11-22 * closing balances
    assets:MXN:cash:0001  0.00 MXN == 12.55 MXN
    liabilities:MXN:member:ana/1  0.00 MXN == -12.55 MXN

"""

BEANCOUNT = """\
option "title" "Caja del Norte"
option "operating_currency" "MXN"
; example.org/caja-norte, 6 leaves
; root {root}

1970-01-01 commodity MXN
  code: "MXN"
  kind: "national"
  scale: 2

2026-01-31 open Assets:MXN:Cash:0001 MXN
  code: "0001"
  number: 1
  holder: "{one}"
  status: "open"
2026-01-31 open Liabilities:MXN:Member:X-xana-c1 MXN
  code: "ana:1"
  number: 2
  holder: "{two}"
  status: "open"

2026-11-22 * "deposit" "R1"
  sequence: 1
  batch: "00000000-0000-0000-0000-000000000001"
  leaf: 4
  line: "{first}"
  Assets:MXN:Cash:0001  12.50 MXN
  Liabilities:MXN:Member:X-xana-c1  -12.50 MXN

2026-01-31 * "payment" ""
  sequence: 2
  batch: "00000000-0000-0000-0000-000000000002"
  leaf: 5
  line: "{second}"
  Assets:MXN:Cash:0001  0.05 MXN
  Liabilities:MXN:Member:X-xana-c1  -0.05 MXN

2026-11-23 balance Assets:MXN:Cash:0001 12.55 ~ 0 MXN
2026-11-23 balance Liabilities:MXN:Member:X-xana-c1 -12.55 ~ 0 MXN
"""


def filled(text: str, it: Building) -> str:
    # The second line of a body is its first transfer; a leaf's hash has a zero in front.
    first, second = (
        sha256(b"\x00" + each.body.split(b"\n")[1]).hexdigest() for each in it.recorded[4:6]
    )
    one, two = (it.book.account(number).holder.hex() for number in (1, 2))
    return text.format(root=it.root.hex(), one=one, two=two, first=first, second=second)


def test_the_texts_of_a_small_ledger(tmp_path: Path) -> None:
    it = tiny()
    it.export(tmp_path / "journal")
    written = write_hledger(tmp_path / "journal", tmp_path / "books.journal")
    assert (written.accounts, written.transfers) == (2, 2)
    assert written.last_day == date(2026, 11, 22)
    assert (tmp_path / "books.journal").read_text() == filled(HLEDGER, it)
    write_beancount(tmp_path / "journal", tmp_path / "books.beancount")
    assert (tmp_path / "books.beancount").read_text() == filled(BEANCOUNT, it)
    assert {path.name for path in tmp_path.iterdir()} == {
        "journal",
        "books.journal",
        "books.beancount",
    }


def awkward() -> Building:
    """Codes that look alike, every scale, amounts at both ends, and much back-dating."""
    it = Building(unique_references=True)
    days = [date(1970, 1, 1), date(2026, 11, 22), date(2024, 2, 29), date(1999, 12, 31)]
    for scale in range(7):
        currency = f"C{scale}" if scale else "NULL"
        it.currency(currency, scale, CurrencyKind.MUTUAL_CREDIT)
        codes = [
            "a",
            "A",
            "0",
            "-",
            ".",
            "_",
            ":",
            "a:b",
            "a.b",
            "a_b",
            "a-b",
            "X-xa",
            "::",
            "--",
        ]
        numbers = [
            it.account(f"{code}{scale}", currency, lower=NO_BOUND, kind=f"k{scale}_x")
            for code in codes
        ]
        it.post(
            [
                it.pay(
                    numbers[i],
                    numbers[i + 1],
                    amount,
                    business_date=days[(i + scale) % 4],
                    reference=f"R{scale}/{i}#+",
                )
                for i, amount in enumerate([1, 2**53 - 1, 10**scale, 10**scale - 1 or 1, 99])
            ]
        )
        it.account(f"code{scale}", currency, nature=Nature.DEBIT)
    it.status(1, Status.FROZEN)
    it.post([it.pay(1, 2, 1, reference="x"), it.pay(2, 3, 1, reference="x")], mode=Mode.EACH)
    return it


@pytest.fixture(params=["everything", "awkward", "many", "empty", "terms"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Building:
    """A ledger whose export lies in tmp_path / "journal"."""
    it = {
        "everything": a_bit_of_everything,
        "awkward": awkward,
        "many": lambda: many(1_500, [500, 1, 1, 40]),
        "empty": Building,
        "terms": under_terms,
    }[request.param]()
    it.export(tmp_path / "journal")
    return it


def expected(it: Building, name_of: object) -> dict[str, str]:
    """Every account's balance as the programs have it: debits minus credits."""
    assert callable(name_of)
    balances = {}
    for number in range(1, it.book.accounts + 1):
        account = it.book.account(number)
        scale = it.book.currencies[account.currency].scale
        balances[name_of(account)] = show_amount(-account.balance, scale)
    assert len(balances) == it.book.accounts, "every account has a name of its own"
    return balances


def test_hledger_agrees(ledger: Building, tmp_path: Path) -> None:
    path = tmp_path / "books.journal"
    write_hledger(tmp_path / "journal", path)
    hledger("-f", str(path), "check", "--strict")
    hledger("-f", str(path), "check", "accounts", "commodities", "balancednoautoconversion")
    rows = csv.reader(io.StringIO(hledger("-f", str(path), "balance", "-NEO", "csv", "--flat")))
    next(rows)
    found = {name: amount.split(" ")[0] for name, amount in rows}
    wanted = expected(ledger, hledger_account)
    assert {name: Decimal(found.get(name, "0").replace(",", "")) for name in wanted} == {
        name: Decimal(balance) for name, balance in wanted.items()
    }


def test_hledger_would_notice(ledger: Building, tmp_path: Path) -> None:
    """The closing balances are asserted for real: one of another amount is refused."""
    if not ledger.book.transfers:
        pytest.skip("nothing to change")
    path = tmp_path / "books.journal"
    write_hledger(tmp_path / "journal", path)
    head, mark, tail = path.read_text().rpartition(" == ")
    path.write_text(f"{head}{mark}9{tail}")
    run = subprocess.run(
        [needs("hledger"), "-f", str(path), "check", "--strict"],
        capture_output=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert run.returncode != 0


def test_beancount_agrees(ledger: Building, tmp_path: Path) -> None:
    path = tmp_path / "books.beancount"
    write_beancount(tmp_path / "journal", path)
    bean_check(path)
    loader = pytest.importorskip("beancount.loader")
    entries, errors, _ = loader.load_file(str(path))
    assert errors == []
    found: dict[str, Decimal] = {}
    for entry in entries:
        for posting in getattr(entry, "postings", ()):
            before = found.get(posting.account, Decimal(0))
            found[posting.account] = before + posting.units.number
    wanted = expected(ledger, beancount_account)
    assert {name: found.get(name, Decimal(0)) for name in wanted} == {
        name: Decimal(balance) for name, balance in wanted.items()
    }


@given(one=CODES, two=CODES)
def test_two_codes_never_get_one_name(one: str, two: str) -> None:
    assert (beancount_code(one) == beancount_code(two)) is (one == two)
    assert (one.replace(":", "/") == two.replace(":", "/")) is (one == two)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("0001", "0001"),
        ("ana", "X-xana"),
        ("X-xana", "X--xana"),
        ("M.1:2_3-4", "M-d1-c2-u3--4"),
        (":", "X-x-c"),
    ],
)
def test_the_name_of_a_code_in_beancount(code: str, name: str) -> None:
    assert beancount_code(code) == name


def test_kinds_may_share_a_name_but_accounts_do_not() -> None:
    def account(kind: str) -> Account:
        return Account(
            number=1,
            code="a-b",
            currency="MXN",
            nature=Nature.CREDIT,
            kind=kind,
            holder=bytes(16),
            status=Status.OPEN,
            lower=0,
            upper=0,
            balance=0,
        )

    assert beancount_account(account("time_bank")) == "Liabilities:MXN:Time-bank:X-xa--b"
    assert hledger_account(account("time_bank")) == "liabilities:MXN:time_bank:a-b"


def test_what_was_only_held_is_not_in_the_books(tmp_path: Path) -> None:
    it = under_terms()
    it.export(tmp_path / "journal")
    written = write_hledger(tmp_path / "journal", tmp_path / "books.journal")
    text = (tmp_path / "books.journal").read_text()
    held = {number for number, row in it.past.items() if row.phase}
    assert held == {3, 6, 7, 8, 28}
    assert written.transfers == len(it.past) - len(held) == 23
    for number in it.past:
        assert (f"* ({number}) " in text) is (number not in held)


@pytest.mark.parametrize(
    ("sequence", "about", "facts", "postings"),
    [
        (5, "post", "posts:3", ["member:ana  15.00", "member:shop  -15.00"]),
        (9, "payment E-1", "entry:1", ["member:ana  50.00", "member:shop  -50.00"]),
        (12, "reverse", "reverses:2", ["member:shop  40.00", "member:ana  -40.00"]),
        (15, "rest", "beside:14 reverses:2", ["suspense:bridge  30.00", "member:ana  -30.00"]),
        (16, "rest", "", ["suspense:bridge  5.00", "member:ana  -5.00"]),
        (18, "payment", "suspense:credit", ["cash:cash  7.00", "suspense:bridge  -7.00"]),
        (20, "clear", "clears:18", ["suspense:bridge  4.00", "member:ana  -4.00"]),
        (
            22,
            "payment",
            "entry:1 rate:7/111 fraction:2/37",
            ["exchange:dollars  0.06", "member:eva  -0.06"],
        ),
        (
            27,
            "payment",
            "flags:credit_limit_passed",
            ["member:shop  400.00", "cash:cash  -400.00"],
        ),
    ],
)
def test_what_the_books_say_of_a_row_under_terms(
    sequence: int, about: str, facts: str, postings: list[str], tmp_path: Path
) -> None:
    """Its own accounts and amount, and beside them what it was about."""
    under_terms().export(tmp_path / "journal")
    write_hledger(tmp_path / "journal", tmp_path / "books.journal")
    text = (tmp_path / "books.journal").read_text()
    head, tags, *moved = text.partition(f"* ({sequence}) ")[2].split("\n")[:4]
    assert head == about
    found = tags.split(f"sequence:{sequence}, ")[1].split(", ")[3:]
    assert [tag for tag in found if not tag.startswith("reference:")] == facts.split()
    for line, wanted in zip(moved, postings, strict=True):
        assert f":{wanted} " in line

    write_beancount(tmp_path / "journal", tmp_path / "books.beancount")
    loader = pytest.importorskip("beancount.loader")
    entries, errors, _ = loader.load_file(str(tmp_path / "books.beancount"))
    assert errors == []
    entry = next(e for e in entries if e.meta.get("sequence") == sequence)
    assert f"{entry.payee} {entry.narration}".rstrip() == about
    every = {"filename", "lineno", "__tolerances__", "sequence", "batch", "leaf", "line"}
    meta = {name: str(value) for name, value in entry.meta.items() if name not in every}
    assert meta == dict(fact.split(":") for fact in facts.split())
    for name, value in meta.items():
        assert isinstance(entry.meta[name], Decimal) is value.isdigit()


def test_what_came_late_counts_for_the_next_open_day(tmp_path: Path) -> None:
    """The day in the books is the one in the outcome, not the closed one that was asked."""
    it = Building()
    it.currency("MXN", 2)
    it.account("0001", "MXN", nature=Nature.DEBIT, kind="cash", lower=NO_BOUND)
    it.account("ana:1", "MXN")
    closed = date(2026, 11, 20)
    it.post([it.pay(1, 2, 11, business_date=closed)])
    totals = it.book.days.totals_of([closed])
    it.add(
        DayClosed(
            recorded_at=it.tick(),
            date=closed,
            by="op-1",
            count=1,
            totals=hash_of(totals),
            shown=totals,
        )
    )
    it.post([it.pay(1, 2, 77, business_date=closed)], late=Late.NEXT_OPEN_DAY)
    it.export(tmp_path / "journal")
    write_hledger(tmp_path / "journal", tmp_path / "books.journal")
    assert "2026-11-21 * (2) payment" in (tmp_path / "books.journal").read_text()
    hledger("-f", str(tmp_path / "books.journal"), "check", "--strict")


def test_a_reference_refused_for_an_earlier_batch_makes_books(tmp_path: Path) -> None:
    """Whoever replays must know which references were taken, here as in verify."""
    it = Building(unique_references=True)
    it.currency("MXN")
    ana, ben = it.account("ana", "MXN", lower=-100), it.account("ben", "MXN")
    it.post([it.pay(ana, ben, 1, reference="R-1")])
    it.post(
        [it.pay(ana, ben, 1, reference="R-1"), it.pay(ana, ben, 1, reference="R-2")],
        mode=Mode.EACH,
        used=frozenset({("", "R-1")}),
    )
    it.export(tmp_path / "journal")
    assert write_hledger(tmp_path / "journal", tmp_path / "books.journal").transfers == 2


def test_broken_journals_make_no_books(tmp_path: Path) -> None:
    a_bit_of_everything().export(tmp_path / "journal")
    body = tmp_path / "journal" / "batch/000.jsonl"
    body.write_bytes(body.read_bytes().replace(b'"amount":50000', b'"amount":50001'))
    with pytest.raises(BrokenExport, match="leaf 12"):
        write_hledger(tmp_path / "journal", tmp_path / "books.journal")
    assert {path.name for path in tmp_path.iterdir()} == {"journal"}
