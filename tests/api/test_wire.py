"""Reading strictly and cheaply: the count of colons against a reader that sees the pairs."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.api import wire
from ledger.api.problems import Problem, language_of, malformed
from ledger.api.wire import BatchRequest, TransferRequest, decode
from ledger.core.faults import MalformedRequest
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


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"kind": None}, "$.kind", "no tiene la forma debida"),
        ({"business_date": "24/11/2026"}, "$.business_date", "2026-11-24"),
        ({"terms": {"action": "hold", "expires": "2026-12-01"}}, "$.terms.expires", "T18:00"),
        ({"color": "red"}, "$.color", "no se conoce"),
        ({"amount": ...}, "$.amount", "falta"),
    ],
)
def test_what_is_wrong_with_a_field_is_said_in_plain_words(
    changed: dict[str, Any], field: str, said: str
) -> None:
    """Which of missing, unknown and malformed it is, and how a word or a day is written."""
    body = {**pay("a", "b", "1"), "id": uid(1), **changed}
    sent = {name: value for name, value in body.items() if value is not ...}
    with pytest.raises(Problem) as raised:
        decode(json.dumps(sent).encode(), TransferRequest)
    detail = raised.value.document("es", "x").detail
    assert detail.startswith(f"No se puede leer {field}: ")
    assert said in detail
    assert "regex" not in detail


def test_a_kind_that_is_no_word_is_said_so() -> None:
    problem = malformed(MalformedRequest("not a code", field="kind"))
    assert "minúsculas" in problem.document("es", "x").detail
