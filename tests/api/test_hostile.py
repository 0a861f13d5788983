"""Bad input gets a problem document and costs nothing.

A table of requests, each with the status and code it must get, and then what only a bare
socket can do. After each the ledger is as it was; where a refusal is meant to be recorded,
it has one leaf more, one id spent and not a centavo moved.
"""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.api.offices import CAJA, QUICK, Office, State, open_office, pay, uid
from tests.sequencer.houses import House

T = f"{CAJA}/transfers"
B = f"{CAJA}/batches"
A = f"{CAJA}/accounts"
ID = uid(77)
GOOD = {"id": ID, **pay("cash", "ana", "1.00")}
GOOD_BODY = json.dumps(GOOD).encode()
DEEP = 100_000


@dataclass(frozen=True)
class Hostile:
    """A request that must not succeed."""

    name: str
    status: int
    code: str
    body: object = None  # As JSON, or bytes as they are.
    path: str = T
    method: str = "POST"
    who: str = "operator"
    headers: dict[str, str] = field(default_factory=dict)
    recorded: bool = False


def but(**changes: object) -> dict[str, object]:
    """A good transfer with something changed."""
    return GOOD | changes


def batch(*transfers: dict[str, object], **more: object) -> dict[str, object]:
    return {"id": ID, "transfers": list(transfers), **more}


def written(template: bytes, **parts: bytes) -> bytes:
    """The good body with a part of its bytes replaced."""
    return GOOD_BODY.replace(template, parts["by"])


def form(name: str, body: object, path: str = T, **more: Any) -> Hostile:
    """A body that is JSON and has not the form."""
    return Hostile(name, 422, "malformed_request", body, path, **more)


def broken(name: str, body: bytes, path: str = T) -> Hostile:
    """A body that is no JSON."""
    return Hostile(name, 400, "malformed_json", body, path)


def amount(text: str) -> Hostile:
    return Hostile(f"amount {text!a}", 422, "malformed_amount", but(amount=text))


def doubled(name: str, body: bytes, path: str = T) -> Hostile:
    return Hostile(name, 400, "duplicate_field", body, path)


def query(path: str, text: str) -> Hostile:
    return Hostile(
        f"{path.rpartition('/')[2]}?{text}",
        422,
        "malformed_request",
        None,
        f"{path}?{text}",
        "GET",
    )


def nowhere(name: str, path: str, code: str = "route_not_found", **more: Any) -> Hostile:
    return Hostile(name, 404, code, None, path, "GET", **more)


TABLE = [
    # ---- no JSON
    broken("nothing", b""),
    broken("cut off", GOOD_BODY[:-5]),
    broken("a comma too many", GOOD_BODY[:-1] + b",}"),
    broken("a comment", GOOD_BODY + b" // good"),
    broken("two documents", GOOD_BODY + GOOD_BODY),
    broken("single quotes", GOOD_BODY.replace(b'"', b"'")),
    broken("NaN", written(b'"1.00"', by=b"NaN")),
    broken("Infinity", written(b'"1.00"', by=b"Infinity")),
    broken("a leading zero", json.dumps(batch(pay("cash", "ana", "1"))).encode()[:-1]
           + b',"count":01}', B),
    broken("a raw line feed in a text", written(b"cash", by=b"ca\nsh")),
    broken("a raw NUL in a text", written(b"cash", by=b"ca\0sh")),
    broken("not UTF-8", written(b"cash", by=b"ca\xffsh")),
    broken("an overlong NUL", written(b"cash", by=b"ca\xc0\x80sh")),
    broken("a byte order mark", b"\xef\xbb\xbf" + GOOD_BODY),
    broken("UTF-16", GOOD_BODY.decode().encode("utf-16")),
    broken("a high surrogate alone", written(b"cash", by=b"ca\\ud800sh")),
    broken("a low surrogate alone", written(b"cash", by=b"ca\\udc00sh")),
    broken("a raw surrogate", written(b"cash", by=b"ca\xed\xa0\x80sh")),
    broken("a surrogate in a name", GOOD_BODY[:-1] + b',"\\ud800":1}'),
    broken("a million brackets in a list of accounts",
           b'{"accounts":' + b"[" * DEEP, A),
    broken("a deep object among accounts", b'{"x":' * DEEP, A),
    # ---- JSON of another form
    form("a list", b"[]"),
    form("null", b"null"),
    form("a text", b'"transfer"'),
    form("a number", b"17"),
    form("deep lists", b"[" * DEEP, B),
    form("deep lists in a field", b'{"id":' + b"[" * DEEP, B),
    form("deep objects in an unknown field", b'{"x":' * DEEP, B),
    form("lists as deep as a transfer may be long", b"[" * 60_000),
    form("an unknown field", but(extra=1)),
    form("an unknown field inside", batch(pay("cash", "ana", "1", extra=1)), B),
    form("a field of another case", but(Amount="1")),
    form("a null", but(reference=None)),
    form("a null id", but(id=None)),
    form("a null inside", batch(pay("cash", "ana", "1", value_date=None)), B),
    form("no amount", {k: v for k, v in GOOD.items() if k != "amount"}),
    form("no id", {k: v for k, v in GOOD.items() if k != "id"}),
    form("an id that is none", but(id="1")),
    form("an id that is a number", but(id=1)),
    form("another id in the header", GOOD, headers={"Idempotency-Key": uid(78)}),
    form("an empty key in the header", GOOD, headers={"Idempotency-Key": '""'}),
    form("a long key in the header", pay("cash", "ana", "1"),
         headers={"Idempotency-Key": "x" * 256}),
    form("1e400", written(b'"1.00"', by=b"1e400")),
    form("an amount that is a number", but(amount=1.5)),
    form("an amount that is true", but(amount=True)),
    form("an escaped NUL in a text", but(description="a\0b")),
    form("a kind that is no code", but(kind="Pago de luz")),
    form("a kind with a line feed", but(kind="payment\n")),
    form("an address for a reference", but(reference="ana@example.org")),
    form("a reference too long", but(reference="R" * 36)),
    form("a description too long", but(description="x" * 501)),
    form("an account code too long", but(debit_account="x" * 65)),
    form("a person's name for an id", but(entered_by="Ana López")),
    form("the thirtieth of February", but(business_date="2023-02-30")),
    form("a moment for a day", but(business_date="2023-11-14T00:00:00Z")),
    form("a day before 1970", but(value_date="1969-12-31")),
    form("no transfers", batch(), B),
    form("a transfer too many", batch(*[pay("cash", "ana", "1")] * 8191), B),
    form("another count", batch(pay("cash", "ana", "1"), count=2), B),
    form("a count of 2^63", batch(pay("cash", "ana", "1"), count=2**63), B),
    form("a count of 2^64", batch(pay("cash", "ana", "1"), count=2**64), B),
    form("a count of 10^400", batch(pay("cash", "ana", "1"), count=10**400), B),
    form("a count of 1e400", json.dumps(batch(pay("cash", "ana", "1"))).encode()[:-1]
         + b',"count":1e400}', B),
    form("a count below zero", batch(pay("cash", "ana", "1"), count=-1), B),
    form("a mode there is not", batch(pay("cash", "ana", "1"), mode="most"), B),
    form("a sum of no currency", batch(pay("cash", "ana", "1"), control_sums={"x": "1"}), B),
    form("an account code with a slash", {"code": "a/b", "currency": "MXN"}, A),
    form("an account of no nature", {"code": "x", "currency": "MXN", "nature": "odd"}, A),
    form("no accounts", {"accounts": []}, A),
    form("one account and many", {"accounts": [], "code": "x", "currency": "MXN"}, A),
    form("a change of nothing", {"reason": "board"}, f"{A}/ana", method="PATCH"),
    form("a change without a reason", {"status": "closed"}, f"{A}/ana", method="PATCH"),
    form("a time zone in another folder",
         {"code": "x", "name": "X", "time_zone": "../../etc/passwd"}, "/v1/ledgers",
         who="service"),
    form("a time zone that is a folder",
         {"code": "x", "name": "X", "time_zone": "America"}, "/v1/ledgers", who="service"),
    form("a ledger code with dots",
         {"code": "..", "name": "X", "time_zone": "UTC"}, "/v1/ledgers", who="service"),
    form("a scale of 7", {"code": "XTS", "kind": "backed", "scale": 7}, f"{CAJA}/currencies"),
    form("a poster without accounts", {"role": "poster"}, f"{CAJA}/keys"),
    form("an auditor with accounts", {"role": "auditor", "accounts": ["*"]}, f"{CAJA}/keys"),
    form("a pattern with two stars", {"role": "poster", "accounts": ["*a*"]}, f"{CAJA}/keys"),
    form("patterns without end", {"role": "poster", "accounts": ["a"] * 501}, f"{CAJA}/keys"),
    form("a dry run that is misspelt", GOOD, f"{T}?dryrun=true"),
    form("a dry run that is neither", GOOD, f"{T}?dry_run=perhaps"),
    form("a dry run twice", GOOD, f"{T}?dry_run=true&dry_run=false"),
    # ---- a field twice, at any depth
    doubled("an amount twice", GOOD_BODY[:-1] + b',"amount":"9.00"}'),
    doubled("an amount twice, once in escapes", GOOD_BODY[:-1] + b',"\\u0061mount":"9.00"}'),
    doubled("the same amount twice", GOOD_BODY[:-1] + b',"amount":"1.00"}'),
    doubled("an amount twice inside", json.dumps(batch(pay("cash", "ana", "1"))).encode()
            .replace(b'"amount"', b'"amount":"9.00","amount"'), B),
    doubled("an amount twice, with colons in a text", GOOD_BODY.replace(
        b'"amount"', b'"description":"::::","amount":"9.00","amount"')),
    doubled("transfers twice", json.dumps(batch(pay("cash", "ana", "1"))).encode()[:-1]
            + b',"transfers":[' + json.dumps(pay("cash", "ana", "2")).encode() + b"]}", B),
    doubled("a sum twice", json.dumps(batch(pay("cash", "ana", "1"))).encode()[:-1]
            + b',"control_sums":{"MXN":"2.00","MXN":"1.00"}}', B),
    doubled("a bound twice",
            b'{"accounts":[{"code":"x","currency":"MXN","code":"y"}]}', A),
    # ---- amounts
    *map(amount, ["0", "0.00", "-1.00", "+1.00", "1.001", "1,00", "1.", ".5", "", " 1", "1e2"]),
    *map(amount, ["NaN", "Infinity", "0x10", "1_000", "\u0661", "90071992547409.92"]),
    *map(amount, [str(2**63), str(2**64), "9" * 64]),
    Hostile("a sum that is none", 422, "malformed_amount",
            batch(pay("cash", "ana", "1"), control_sums={"MXN": "1.001"}), B),
    Hostile("a bound that is none", 422, "malformed_amount",
            {"code": "x", "currency": "MXN", "lower_bound": "-"}, A),
    # ---- too much, and not what was said
    Hostile("megabytes for a transfer", 413, "content_too_large", b" " * 70_000),
    Hostile("megabytes for a batch", 413, "content_too_large", b" " * (5 << 20), B),
    Hostile("text", 415, "unsupported_media_type", GOOD,
            headers={"Content-Type": "text/plain"}),
    Hostile("a form", 415, "unsupported_media_type", GOOD,
            headers={"Content-Type": "application/x-www-form-urlencoded"}),
    Hostile("another encoding", 415, "unsupported_media_type", GOOD,
            headers={"Content-Type": "application/json; charset=utf-7"}),
    Hostile("compressed", 415, "unsupported_media_type", GOOD,
            headers={"Content-Encoding": "gzip"}),
    # ---- who asks
    Hostile("no key", 401, "key_missing", GOOD, who=""),
    Hostile("no key to a ledger that is not there", 401, "key_missing", None,
            "/v1/ledgers/nada", "GET", ""),
    Hostile("another scheme", 401, "key_unknown", GOOD, who="",
            headers={"Authorization": "Basic b3BlcmF0b3I6"}),
    Hostile("a key of no form", 401, "key_unknown", GOOD, who="",
            headers={"Authorization": "Bearer tq_short"}),
    Hostile("a key nobody has", 401, "key_unknown", GOOD, who="",
            headers={"Authorization": "Bearer tq_" + "A" * 43}),
    Hostile("a megabyte of key", 431, "headers_too_large", GOOD, who="",
            headers={"Authorization": "Bearer tq_" + "A" * 1_000_000}),
    Hostile("an auditor posts", 403, "role_not_allowed", GOOD, who="auditor"),
    Hostile("a poster opens an account", 403, "role_not_allowed",
            {"code": "x", "currency": "MXN"}, A, who="poster"),
    Hostile("a poster gives a key", 403, "role_not_allowed", {"role": "operator"},
            f"{CAJA}/keys", who="poster"),
    Hostile("an operator opens a ledger", 403, "role_not_allowed",
            {"code": "x", "name": "X", "time_zone": "UTC"}, "/v1/ledgers"),
    Hostile("a foreign account", 403, "account_not_yours", but(debit_account="ana"),
            who="poster"),
    Hostile("a foreign account that is not there", 403, "account_not_yours",
            but(debit_account="nobody"), who="poster"),
    Hostile("a foreign account among one's own", 403, "account_not_yours",
            batch(pay("cash", "ana", "1"), pay("ana", "eva", "1"), mode="each"), B,
            who="poster"),
    Hostile("a ledger of others", 404, "ledger_not_found", GOOD, "/v1/ledgers/red/transfers"),
    Hostile("a ledger that is not there", 404, "ledger_not_found", GOOD,
            "/v1/ledgers/nada/transfers"),
    # ---- understood, refused and recorded
    Hostile("another ledger's account", 409, "credit_account_not_found",
            but(credit_account="red-only"), recorded=True),
    Hostile("a transfer to itself", 422, "accounts_must_differ", but(credit_account="cash"),
            recorded=True),
    Hostile("a closed account", 409, "credit_account_closed", but(credit_account="shut"),
            recorded=True),
    Hostile("an unknown currency", 422, "currency_not_found", but(currency="XTS"),
            recorded=True),
    Hostile("a currency that is none", 422, "currency_not_found", but(currency="${jndi:x}"),
            recorded=True),
    Hostile("an id that was used", 409, "id_used_by_another_batch", but(id=uid(1))),
    # ---- addresses
    nowhere("dots", f"{CAJA}/../caja/accounts"),
    nowhere("dots in escapes", "/v1/ledgers/%2e%2e/%2e%2e/etc/passwd"),
    nowhere("a ledger that is dots", "/v1/ledgers/%2e%2e/accounts", "ledger_not_found"),
    nowhere("two slashes", "/v1//ledgers/caja/accounts"),
    nowhere("a slash at the end", f"{A}/"),
    nowhere("a slash in escapes", f"{A}/a%2Fb", "account_not_found"),
    nowhere("a NUL", f"{A}/a%00b", "account_not_found"),
    nowhere("half an escape", f"{A}/%zz", "account_not_found"),
    nowhere("not UTF-8 in the address", f"{A}/%ff%fe", "account_not_found"),
    Hostile("not UTF-8 in the address of a poster", 403, "account_not_yours", None,
            f"{A}/%ff%fe", "GET", "poster"),
    nowhere("a ledger that is not UTF-8", "/v1/ledgers/%ff/accounts", "ledger_not_found"),
    nowhere("quotes and SQL", f"{A}/x'%20OR%20'1'='1", "account_not_found"),
    nowhere("the root", "/"),
    nowhere("a file", "/etc/passwd"),
    nowhere("a sequence of letters", f"{T}/one", "transfer_not_found"),
    nowhere("a sequence of 2^64", f"{T}/{2**64}", "transfer_not_found"),
    nowhere("a sequence in other digits", f"{T}/%D9%A1", "transfer_not_found"),
    nowhere("sequence zero", f"{T}/0", "transfer_not_found"),
    nowhere("a batch that is no id", f"{B}/x", "batch_not_found"),
    nowhere("a position past the end", f"{B}/{uid(1)}/proof?position=1", "transfer_not_found"),
    nowhere("a tile out of order", f"{CAJA}/journal/tile/0/x000/000", "tile_not_found"),
    nowhere("a tile that is not there", f"{CAJA}/journal/tile/0/999", "tile_not_found"),
    nowhere("a level that is not there", f"{CAJA}/journal/tile/64/000", "tile_not_found"),
    nowhere("a full tile as a part", f"{CAJA}/journal/tile/0/000.p/256", "tile_not_found"),
    nowhere("dots for a tile", f"{CAJA}/journal/tile/0/../../checkpoint", "tile_not_found"),
    nowhere("lines past the checkpoint", f"{CAJA}/journal/tile/entries/000.p/200",
            "tile_not_found", who="auditor"),
    Hostile("another method", 405, "method_not_allowed", GOOD, T, "PUT"),
    Hostile("deleting a transfer", 405, "method_not_allowed", None, f"{T}/1", "DELETE"),
    Hostile("an unknown method", 405, "method_not_allowed", None, T, "PROPFIND"),
    # ---- parameters
    *[query(T, text) for text in ("limit=0", "limit=1001", "limit=ten", "limit=1.5")],
    *[query(T, text) for text in ("after=-1", f"after={2**64}", "wait=nan", "wait=inf")],
    *[query(T, text) for text in ("wait=1e400", "wait=-1", "reference=a%00b", "reference=")],
    *[query(T, f"reference=R-1&{text}") for text in ("after=1", "business_date=2026-01-31")],
    *[query(T, text) for text in ("%ff=1", "reference=%ff", "wait=1;limit=2", "=1")],
    *[query(A, text) for text in ("after=nobody", "after=a/b", "offset=3", "limit=1&limit=2")],
    *[query(f"{A}/ana/statement", text) for text in ("from=today", "cursor=1", "cursor=1:2:3")],
    *[query(f"{A}/ana/statement", text) for text in ("from=2023-02-01&to=2023-01-01",)],
    *[query(f"{A}/ana/statement", text) for text in ("from=2023-01-01&after=1",)],
    query(f"{A}/ana/statement", f"cursor={'9' * 16}:1"),
    query(f"{CAJA}/trial-balance", "from=2023-01-01"),
    query(f"{CAJA}/trial-balance", "from=2023-01-01&to=2023-01-31&by=holder"),
    query(f"{CAJA}/trial-balance", "from=2023-02-01&to=2023-01-01"),
    query(f"{B}/{uid(1)}/proof", "position=-1"),
    query(f"{B}/{uid(1)}/proof", "position=8190"),
]  # fmt: skip


@pytest.fixture
async def hostile(tmp_path: Path) -> Any:
    """An office with another ledger beside the caja, a closed account and a spent id."""
    async with open_office(House(tmp_path)) as office:
        red = {"code": "red", "name": "Red", "time_zone": "UTC"}
        mxn = {"code": "MXN", "kind": "national", "scale": 2}
        only = {"code": "red-only", "currency": "MXN"}
        shut = {"code": "shut", "currency": "MXN"}
        close = {"reason": "board", "status": "closed"}
        spent = {"id": uid(1), **pay("cash", "ana", "5.00")}
        for method, path, body in [
            ("POST", "/v1/ledgers", red),
            ("POST", "/v1/ledgers/red/currencies", mxn),
            ("POST", "/v1/ledgers/red/accounts", only),
            ("POST", A, shut),
            ("PATCH", f"{A}/shut", close),
        ]:
            assert (await office.ask(method, path, body, who="service")).status in (200, 201)
        assert (await office.ask("POST", T, spent)).status == 201
        yield office


def cost(before: State, after: State) -> tuple[bool, int, int]:
    """Whether money or settings moved; how many leaves and ids were spent."""
    moved = before._replace(size=0, leaves=0, spent=frozenset()) != after._replace(
        size=0, leaves=0, spent=frozenset()
    )
    return moved, after.leaves - before.leaves, len(after.spent - before.spent)


def test_the_table_is_long_enough_and_names_are_its_own() -> None:
    assert len(TABLE) >= 60
    names = [row.name for row in TABLE]
    assert sorted(set(names)) == sorted(names)


async def test_hostile_requests_get_a_problem_and_cost_nothing(hostile: Office) -> None:
    """One service for all of them: each is followed by one that must still work."""
    wrong: list[tuple[object, ...]] = []
    for number, row in enumerate(TABLE):
        before = hostile.state()
        data = row.body if isinstance(row.body, bytes) else None
        body = row.body if data is None else None
        if row.recorded and isinstance(body, dict):
            body = body | {"id": uid(1000 + number)}  # It will be spent.
        answer = await hostile.ask(
            row.method, row.path, body, data=data, who=row.who, headers=row.headers
        )
        is_problem = answer.headers.get("Content-Type") == "application/problem+json"
        code = answer.code if is_problem else "no problem"
        spent = (False, 1, 1) if row.recorded else (False, 0, 0)
        found = (answer.status, code, cost(before, hostile.state()))
        if found != (row.status, row.code, spent):
            wrong.append((row.name, *found, answer.body))
    assert not wrong, "\n".join(map(str, wrong))
    good = await hostile.ask("POST", T, GOOD)
    assert good.status == 201


async def test_a_position_and_a_field_say_where_it_is_wrong(hostile: Office) -> None:
    transfers = [pay("cash", "ana", "1"), pay("cash", "ana", "1") | {"amount": 1}]
    answer = await hostile.ask("POST", B, batch(*transfers))
    assert (answer.body["position"], answer.body["field"]) == (1, "amount")
    transfers[1] = pay("cash", "ana", "1", kind="Not a code")
    answer = await hostile.ask("POST", B, batch(*transfers))
    assert (answer.body["position"], answer.body["field"]) == (1, "kind")
    transfers[1] = pay("cash", "ana", "1.234")
    answer = await hostile.ask("POST", B, batch(*transfers))
    assert (answer.body["position"], answer.body["field"]) == (1, "amount")
    answer = await hostile.ask("POST", T, but(extra=1))
    assert answer.body["field"] == "$.extra"


# ---- what only a bare socket can do


def request(
    body: bytes = GOOD_BODY, *, line: str = f"POST {T} HTTP/1.1", **headers: str
) -> bytes:
    """A request as bytes; headers may be given anew or more of them."""
    given = {
        "Host": "localhost",
        "Authorization": "Bearer {key}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    return f"{line}\r\n{head}\r\n".encode("latin-1") + body


CHUNKED = request(b"", Content_Length="", Transfer_Encoding="chunked")
HOSTILE_BYTES = {
    "two lengths": (request(Content_Length="5\r\nContent-Length: 6"), 400),
    "a length and chunks": (request(Transfer_Encoding="chunked"), 400),
    "chunks in another coding": (request(Content_Length="", Transfer_Encoding="xchunked"), 400),
    "a length below zero": (request(Content_Length="-5"), 400),
    "a length with a sign": (request(Content_Length="+5"), 400),
    "a length of 2^64": (request(Content_Length=str(2**64)), 400),
    "a length in other digits": (request(Content_Length="0x10"), 400),
    "a space before a colon": (request(X_Trick="a\r\nContent-Length : 5"), 400),
    "a folded header": (request(X_Trick="a\r\n b: c"), 400),
    "a NUL in a header": (request(X_Trick="a\0b"), 400),
    "a line feed alone": (request().replace(b"\r\n", b"\n"), 400),
    "another version": (request(line=f"POST {T} HTTP/9.9"), 400),
    "no version": (request(line=f"POST {T}"), 400),
    "a space in the address": (request(line=f"POST {T} x HTTP/1.1"), 400),
    "a method of symbols": (request(line=f"P(ST {T} HTTP/1.1"), 400),
    "a greeting of TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), 400),
    "no HTTP at all": (b"hello, is this the bank?\r\n\r\n", 400),
    "a header of 64 KiB": (request(X_Large="x" * 65_536), 431),
    "an address of 64 KiB": (request(line=f"GET /{'x' * 65_536} HTTP/1.1"), 431),
    "a thousand headers": (request(**{f"X_{i}": "x" for i in range(1000)}), 400),
    "a chunk of no size": (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk below zero": (CHUNKED + b"-1\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk without its end": (CHUNKED + b"2\r\n{}XX0\r\n\r\n", 400),
    "chunks without end": (CHUNKED + b"10001\r\n" + b" " * 65_537 + b"\r\n" + b"9\r\n", 413),
    "an expectation": (request(Expect="a miracle"), 417),
    "an expectation of an address there is not": (
        request(line="POST /nowhere HTTP/1.1", Expect="a miracle"), 417),
    "a slow body": (request()[:-9], 408),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_BYTES)
async def test_hostile_bytes_get_a_problem_and_cost_nothing(hostile: Office, name: str) -> None:
    data, status = HOSTILE_BYTES[name]
    before = hostile.state()
    data = data.replace(b"{key}", hostile.secrets["operator"].encode())
    answer = await hostile.raw(data)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[:2][-1] == str(status).encode(), answer[:200]
    assert b"application/problem+json" in head
    document = json.loads(body)
    assert document["status"] == status
    assert cost(before, hostile.state()) == (False, 0, 0)


async def test_what_the_head_hides_is_not_a_second_request(hostile: Office) -> None:
    """Bytes behind a request that was refused by the parser are not read as another."""
    before = hostile.state()
    inner = request().replace(b"{key}", hostile.secrets["operator"].encode())
    for outer in (
        request(b"0\r\n\r\n", Transfer_Encoding="chunked"),
        request(b"", Content_Length="0\r\nContent-Length: 9"),
    ):
        answer = await hostile.raw(outer.replace(b"Connection: close\r\n", b"") + inner)
        assert answer.count(b"HTTP/1.") == 1
        assert cost(before, hostile.state()) == (False, 0, 0)


async def test_whoever_hangs_up_in_the_middle_of_a_body_posted_nothing(hostile: Office) -> None:
    before = hostile.state()
    data = request().replace(b"{key}", hostile.secrets["operator"].encode())
    for cut in (10, len(data) // 2, len(data) - 1):
        _, writer = await asyncio.open_connection("127.0.0.1", hostile.port)
        writer.write(data[:cut])
        await writer.drain()
        writer.transport.abort()
    await asyncio.sleep(0.05)
    assert cost(before, hostile.state()) == (False, 0, 0)
    assert (await hostile.ask("GET", "/healthz", who="")).status == 200


async def test_whoever_hangs_up_after_a_whole_request_posted_it_once(hostile: Office) -> None:
    """The answer is lost, the transfer is not; sent again it is a repeat."""
    data = request().replace(b"{key}", hostile.secrets["operator"].encode())
    _, writer = await asyncio.open_connection("127.0.0.1", hostile.port)
    before = hostile.state()
    writer.write(data)
    await writer.drain()
    writer.transport.abort()
    async with asyncio.timeout(3):
        feed = await hostile.ask("GET", f"{T}?after={before.transfers}&wait=3")
    assert len(feed.body["transfers"]) == 1
    again = await hostile.ask("POST", T, GOOD)
    assert (again.status, again.headers.get("Idempotent-Replayed")) == (201, "true")
    assert hostile.state().transfers == before.transfers + 1


async def test_a_connection_without_a_request_is_closed(hostile: Office) -> None:
    """Whether it says nothing, or very slowly a little."""
    for beginning in (b"", b"POST /v1/ledgers HTTP/1.1\r\nHost: x\r\n"):
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert await hostile.raw(beginning) == b""
        assert loop.time() - started < QUICK.header_seconds_max + 1


async def test_the_log_line_tells_nothing_of_a_person(
    hostile: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """Route, ledger, key and status; never the address, the account or what was in it."""
    with caplog.at_level("INFO", logger="ledger.access"):
        await hostile.ask("GET", f"{A}/ana?limit=1")
        await hostile.ask("GET", f"{A}/GODE561231GR8")
        await hostile.ask("GET", "/v1/ledgers/GODE561231GR8/accounts")
        await hostile.ask("GET", "/GODE561231GR8", who="")
        await hostile.ask("POST", T, GOOD)
    lines = [json.loads(record.message) for record in caplog.records]
    assert [line["status"] for line in lines] == [422, 404, 404, 404, 201]
    assert lines[-1]["route"] == "/v1/ledgers/{ledger}/transfers"
    assert (lines[-1]["ledger"], lines[2]["ledger"]) == ("caja", "")
    assert lines[-1]["key"].startswith("key-")
    assert "ana" not in caplog.text
    assert "GODE" not in caplog.text
    assert hostile.secrets["operator"] not in caplog.text


async def test_a_body_is_sent_for_when_the_client_asks_first(hostile: Office) -> None:
    """Expect: 100-continue is answered before the body comes, and then the request is."""
    head = request(Expect="100-continue").replace(GOOD_BODY, b"")
    reader, writer = await asyncio.open_connection("127.0.0.1", hostile.port)
    async with asyncio.timeout(3):
        writer.write(head.replace(b"{key}", hostile.secrets["operator"].encode()))
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        writer.write(GOOD_BODY)
        answer = await reader.read()
    writer.close()
    assert b"HTTP/1.1 201 " in answer


async def test_a_service_that_stops_lets_its_listeners_go(tmp_path: Path) -> None:
    """A long poll does not hold up the stop, and gets its answer."""
    async with open_office(House(tmp_path)) as office:
        feed = asyncio.create_task(office.ask("GET", f"{T}?wait=30"))
        await asyncio.sleep(0.05)
        loop = asyncio.get_running_loop()
        started = loop.time()
        await office.stop()
        answer = await feed
        assert answer.body == {"transfers": [], "next": 0}
        assert loop.time() - started < 5
