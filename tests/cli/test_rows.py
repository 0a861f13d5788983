"""Rows as transfers: amounts to the last digit, dates as they come, and what is no transfer."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.cli.rows import Prepared, Reader, Reading, Row, Unreadable, opened
from ledger.cli.words import Stop

HEADER = ["from", "to", "much", "what", "day"]
COLUMNS = {
    "debit_account": "from",
    "credit_account": "to",
    "amount": "much",
    "kind": "what",
    "business_date": "day",
}


def reader(*, scale: int = 2, **options: object) -> Reader:
    reading = Reading(columns=COLUMNS, constants={"currency": "MXN"}, **options)  # type: ignore[arg-type]
    return Reader(HEADER, reading, {"MXN": scale})


def read(amount: str, *, scale: int = 2, day: str = "", **options: object) -> Prepared:
    got = reader(scale=scale, **options).read(Row(2, ("ana", "ben", amount, "X", day)))
    assert isinstance(got, Prepared), got
    return got


def unread(*cells: str, **options: object) -> str:
    got = reader(**options).read(Row(2, cells))  # type: ignore[arg-type]
    assert isinstance(got, Unreadable), got
    return got.code


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12.5", "12.50"),
        ("12", "12.00"),
        (" 7. ", "7.00"),
        (".5", "0.50"),
        ("+3", "3.00"),
        ("1.500000000000000000", "1.50"),
        ("1e3", "1000.00"),
        ("1.25E+01", "12.50"),
        ("5e-2", "0.05"),
        ("0001.10", "1.10"),
    ],
)
def test_exact_amounts_need_no_rounding(text: str, amount: str) -> None:
    got = read(text)
    assert (got.asked.amount, got.residue) == (amount, 0)


@pytest.mark.parametrize(
    ("text", "amount", "residue"),
    [
        ("0.125", "0.12", "-0.005"),
        ("0.135", "0.14", "0.005"),
        ("0.30000000000000004", "0.30", "-0.00000000000000004"),
        ("9047.660892016263", "9047.66", "-0.000892016263"),
    ],
)
def test_rounded_half_to_even_when_asked(text: str, amount: str, residue: str) -> None:
    got = read(text, half_even=True)
    assert (got.asked.amount, got.residue) == (amount, Decimal(residue))


@given(
    whole=st.integers(0, 10**9),
    tail=st.text("0123456789", max_size=40),
    scale=st.integers(0, 6),
)
def test_rounded_minus_exact_is_the_residue(whole: int, tail: str, scale: int) -> None:
    text = f"{whole}.{tail}"
    got = reader(scale=scale, half_even=True).read(Row(2, ("a", "b", text, "x", "")))
    exact = Fraction(Decimal(text)) if tail else Fraction(whole)
    if isinstance(got, Unreadable):
        assert exact * 10**scale <= Fraction(1, 2)
        return
    assert Fraction(got.residue) == Fraction(got.asked.amount) - exact
    assert abs(Fraction(got.residue)) * 10**scale <= Fraction(1, 2)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "-1", "0", "0.00", "1,5", "1_000", "nan", "inf", "٣", "1e99", "0x10"),
        *("1.2.3", "9" * 30, "0.001", "1.005", "9007199254740992"),
    ],
)
def test_what_is_no_amount(text: str) -> None:
    assert unread("ana", "ben", text, "x", "") == "malformed_amount"


def test_what_rounding_leaves_nothing_of_is_refused() -> None:
    assert unread("ana", "ben", "0.005", "x", "", half_even=True) == "malformed_amount"
    assert read("0.0051", half_even=True).asked.amount == "0.01"


@pytest.mark.parametrize(
    "day", ["2020-01-25", "2020-01-25 19:13:17.731529", "2020-01-25T23:59:59Z", "2020-01-25 "]
)
def test_days_as_they_come(day: str) -> None:
    assert str(read("1", day=day).asked.business_date) == "2020-01-25"


def test_days_of_another_form_are_named_first() -> None:
    assert unread("ana", "ben", "1", "x", "25/01/2020") == "malformed_request"
    assert str(read("1", day="25/01/2020", date_format="%d/%m/%Y").asked.business_date) == (
        "2020-01-25"
    )
    assert unread("ana", "ben", "1", "x", "2020-13-01") == "malformed_request"
    assert unread("ana", "ben", "1", "x", "2020-01-25 99:99") == "malformed_request"


def test_kinds_become_words() -> None:
    got = reader().read(Row(2, ("ana", "ben", "1", "AGENT Out-2", "")))
    assert isinstance(got, Prepared)
    assert got.asked.kind == "agent_out_2"


@pytest.mark.parametrize(
    "cells",
    [
        ("ana", "ben", "1"),
        ("", "ben", "1", "x", ""),
        ("a b", "ben", "1", "x", ""),
        ("ana", "ñ", "1", "x", ""),
        ("ana", "x" * 65, "1", "x", ""),
    ],
)
def test_rows_that_are_no_transfer(cells: tuple[str, ...]) -> None:
    assert unread(*cells) == "malformed_request"


def test_a_currency_the_ledger_has_not() -> None:
    reading = Reading(columns=COLUMNS, constants={"currency": "EUR"})
    got = Reader(HEADER, reading, {"MXN": 2}).read(Row(2, ("ana", "ben", "1", "x", "")))
    assert isinstance(got, Unreadable)
    assert got.code == "currency_not_found"


@pytest.mark.parametrize(
    "data",
    [b"", b'a,b\n"open,1\n', b"a,b\n\xff,1\n", b'a,b\n"x"y,1\n'],
)
def test_files_that_cannot_be_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    with pytest.raises(Stop), opened(path, Reading(columns={}, constants={})) as (_, rows):
        list(rows)


def test_marks_quotes_and_lines_in_cells(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes('\ufefffrom,to\r\n"a ""b""\nc",d\r\n\r\ne,f'.encode())
    with opened(path, Reading(columns={}, constants={})) as (header, rows):
        assert header == ["from", "to"]
        assert list(rows) == [Row(2, ('a "b"\nc', "d")), Row(4, ("e", "f"))]


def test_columns_that_are_not_there_or_twice() -> None:
    with pytest.raises(Stop, match="much"):
        Reader(["from", "to", "what", "day"], Reading(columns=COLUMNS, constants={}), {})
    with pytest.raises(Stop, match="much"):
        Reader([*HEADER, "much"], Reading(columns=COLUMNS, constants={}), {})
