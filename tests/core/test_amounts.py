"""Text becomes an amount once, exactly, or not at all."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.amounts import (
    AMOUNT_MAX,
    parse_amount,
    parse_amounts,
    parse_bound,
    show_amount,
)
from ledger.core.faults import MalformedAmount


@pytest.mark.parametrize(
    ("text", "scale", "amount"),
    [
        ("12.50", 2, 1250),
        ("12.5", 2, 1250),
        ("3", 2, 300),
        ("0.01", 2, 1),
        ("0.000001", 6, 1),
        ("7", 0, 7),
        ("007.10", 2, 710),
        ("90071992547409.91", 2, AMOUNT_MAX),
        ("9007199254740991", 0, AMOUNT_MAX),
    ],
)
def test_read(text: str, scale: int, amount: int) -> None:
    assert parse_amount(text, scale) == amount


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("0", 2),
        ("0.00", 2),
        ("-1", 2),
        ("+1", 2),
        ("1.234", 2),
        ("1.0", 0),
        ("1.", 2),
        (".5", 2),
        ("1e3", 2),
        ("1,000.00", 2),
        ("1 000", 2),
        (" 1", 2),
        ("1\n", 2),
        ("\uff11\uff12", 2),  # Full-width digits.
        ("\u0663", 2),  # An Arabic digit.
        ("NaN", 2),
        ("Infinity", 2),
        ("", 2),
        ("1_000", 2),
        ("90071992547409.92", 2),
        ("9" * 30, 0),
        ("1.50\n2.50", 2),
    ],
)
def test_refused(text: str, scale: int) -> None:
    with pytest.raises(MalformedAmount):
        parse_amount(text, scale)
    with pytest.raises(MalformedAmount):
        parse_amounts([text], scale)
    with pytest.raises(MalformedAmount) as refused:
        parse_amounts(["1", text], scale)
    assert refused.value.position == 1


@pytest.mark.parametrize("text", ["0.00", "90071992547409.92", "9999999999999999.99"])
def test_refused_among_others_written_alike(text: str) -> None:
    """Where all have just as many decimals, many are read at once."""
    with pytest.raises(MalformedAmount) as refused:
        parse_amounts(["1.00", text, "2.00"], 2)
    assert refused.value.position == 1


@given(st.integers(1, AMOUNT_MAX), st.integers(0, 6))
def test_shown_and_read_again(amount: int, scale: int) -> None:
    shown = show_amount(amount, scale)
    assert parse_amount(shown, scale) == amount
    assert Decimal(shown) == Decimal(amount).scaleb(-scale)


@given(st.lists(st.integers(1, AMOUNT_MAX), min_size=1), st.integers(0, 6), st.data())
def test_many_are_read_as_each_alone(
    amounts: list[int], scale: int, data: st.DataObject
) -> None:
    """The fast road for uniform amounts and the slow one agree."""
    texts = [show_amount(amount, scale) for amount in amounts]
    shortened = [
        text.rstrip("0").rstrip(".") if "." in text and data.draw(st.booleans()) else text
        for text in texts
    ]
    assert parse_amounts(texts, scale) == amounts
    assert parse_amounts(shortened, scale) == amounts


@given(st.integers(-AMOUNT_MAX, AMOUNT_MAX), st.integers(0, 6))
def test_bounds_have_signs(bound: int, scale: int) -> None:
    assert parse_bound(show_amount(bound, scale), scale) == bound


@pytest.mark.parametrize("text", ["--1", "-", "1-", "none", "-90071992547409.92"])
def test_bound_refused(text: str) -> None:
    with pytest.raises(MalformedAmount):
        parse_bound(text, 2)
