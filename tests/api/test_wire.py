"""Reading strictly and cheaply: the count of colons against a reader that sees the pairs."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.api import wire
from ledger.api.problems import Problem, language_of
from ledger.api.wire import BatchRequest, TransferRequest, decode
from tests.api.offices import pay, uid

TEXTS = st.text(max_size=8).filter(lambda text: "\0" not in text)
NAMES = ["reference", "description", "entered_by", "kind"]


def written(pairs: list[tuple[str, Any]], *, escaped: bool) -> bytes:
    """An object with pairs as they are, twice the same name and all."""
    inside = ",".join(
        f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=escaped)}" for name, value in pairs
    )
    return f"{{{inside}}}".encode()


@given(
    extra=st.lists(st.tuples(st.sampled_from(NAMES), TEXTS), max_size=6),
    escaped=st.booleans(),
    inside=st.booleans(),
)
def test_a_field_twice_is_refused_and_nothing_else_is(
    extra: list[tuple[str, str]], escaped: bool, inside: bool
) -> None:
    """Exactly when a name stands twice: whatever the texts, colons and escapes hold."""
    base = {k: v for k, v in pay("a", "b", "1").items() if k != "kind"}
    pairs = [*base.items(), *extra]
    names = [name for name, _ in pairs]
    if "kind" not in names:
        pairs.append(("kind", "payment"))
    body = written(pairs, escaped=escaped)
    kind: type[msgspec.Struct] = TransferRequest
    if inside:
        kind, body = BatchRequest, b'{"transfers":[' + body + b"]}"
    twice = len(set(names)) < len(names)
    if twice:
        with pytest.raises(Problem, match="duplicate_field"):
            decode(body, kind)
    else:
        decode(body, kind)


def test_a_large_batch_is_not_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that says its mode: a slow second reading would cost a third of posting."""
    transfers = [pay("cash", "ana", "0.01", reference=f"R:{i}") for i in range(8190)]
    body = json.dumps({"id": uid(1), "mode": "atomic", "transfers": transfers}).encode()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("read a second time")

    monkeypatch.setattr(wire.json, "loads", never)
    assert len(decode(body, BatchRequest).transfers) == 8190


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "es"),
        ("", "es"),
        ("*", "es"),
        ("en", "en"),
        ("EN-us", "en"),
        ("pt-BR, en;q=0.9", "pt"),
        ("en;q=0.1, pt;q=0.2", "pt"),
        ("fr-CH, fr;q=0.9", "es"),
        ("english", "es"),
        ("en;q=0", "es"),
        ("en;q=nan", "es"),
        ("en;q=x, pt", "pt"),
        ("en;q=inf", "es"),
        ("," * 100_000, "es"),
    ],
)
def test_the_language_that_is_liked_best(header: str | None, language: str) -> None:
    assert language_of(header) == language
