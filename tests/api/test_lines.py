"""The signed door over HTTP: what is signed, sent, hashed and stored is the same bytes."""

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from ledger.core.book import Book
from ledger.core.leaves import BatchPosted, BatchRefused
from ledger.core.lines import Manifest, Terms, Transfer
from ledger.core.model import Mode, Side
from ledger.journal.batches import root_of_lines, write_body
from ledger.journal.canonical import decode_leaf
from ledger.journal.checkpoints import Checkpoint, batch_origin, sign_checkpoint
from ledger.journal.notes import signer_from_seed
from ledger.journal.replay import replay
from tests.api.offices import CAJA, Answered, Office, pay, uid

BATCHES = f"{CAJA}/batches"
CASH, ANA, BEN, EVA = 1, 2, 3, 4
SEED, OTHER = bytes(range(32)), bytes(32)


def line(debit: int, credit: int, amount: int, **more: Any) -> Transfer:
    return Transfer(
        debit_account=debit, credit_account=credit, amount=amount, kind="payment", **more
    )


class Poster:
    """Somebody who writes batches for the office's caja."""

    def __init__(self, office: Office) -> None:
        self.office = office
        opening = office.sequencer.facts("caja").opening
        assert opening is not None
        self.origin = opening.origin

    def write(self, number: int, lines: Sequence[Transfer], **more: Any) -> bytes:
        now = self.office.house.now
        fields = {
            "origin": batch_origin(self.origin, UUID(int=number)),
            "created": now,
            "expires": now + 60_000_000,
            "count": len(lines),
            "mode": Mode.ATOMIC,
            "salt": bytes(16),
        }
        return write_body(Manifest(**(fields | more)), lines).data

    def note(self, data: bytes, number: int, *, seed: bytes = SEED, **more: Any) -> bytes:
        origin = batch_origin(more.get("origin", self.origin), UUID(int=number))
        size = more.get("size", data.count(b"\n"))
        checkpoint = Checkpoint(origin, size, root_of_lines(data))
        return sign_checkpoint(checkpoint, [signer_from_seed(origin, seed)])

    async def send(
        self,
        data: bytes,
        note: bytes | None = None,
        *,
        who: str = "poster",
        query: str = "",
        headers: dict[str, str] | None = None,
    ) -> Answered:
        sent = {"Content-Type": "application/x-ndjson", **(headers or {})}
        if note is not None:
            sent["Signed-Note"] = b64encode(note).decode()
        return await self.office.ask("POST", BATCHES + query, data=data, who=who, headers=sent)

    async def register(self, seed: bytes = SEED, poster: str = "branch") -> Answered:
        key = signer_from_seed(poster, seed).vkey
        path = f"{CAJA}/posters/{poster}/keys"
        return await self.office.ask("POST", path, {"public_key": key})


@pytest.fixture
def poster(office: Office) -> Poster:
    return Poster(office)


def body_of(office: Office, number: int) -> bytes:
    """What the database keeps of a batch."""
    return office.database.ledgers[1].batches[UUID(int=number)].body


async def last_leaf(office: Office) -> Any:
    return decode_leaf(office.database.ledgers[1].lines[-1])


async def test_the_bytes_that_were_sent_are_kept(office: Office, poster: Poster) -> None:
    data = poster.write(1, [line(CASH, ANA, 12_50, reference="R-1"), line(CASH, BEN, 1)])
    posted = await poster.send(data)
    assert posted.status == 201, posted
    assert posted.body["receipt"]["id"] == uid(1)
    outcomes = posted.body["receipt"]["outcomes"]
    assert [o["debit_balance"] for o in outcomes] == ["-12.50", "-12.51"]
    assert body_of(office, 1) == data
    leaf = await last_leaf(office)
    assert isinstance(leaf, BatchPosted)
    assert not leaf.signed
    assert leaf.root == root_of_lines(data)


async def test_a_repeat_is_answered_again_and_other_bytes_are_not(
    office: Office, poster: Poster
) -> None:
    data = poster.write(1, [line(CASH, ANA, 100)])
    first = await poster.send(data)
    before = office.state()
    again = await poster.send(data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.body["receipt"] == first.body["receipt"]
    other = await poster.send(poster.write(1, [line(CASH, ANA, 101)]))
    assert (other.status, other.code) == (409, "id_used_by_another_batch")
    json_door = {"id": uid(1), **pay("cash", "ana", "1.01")}
    crossed = await office.ask("POST", f"{CAJA}/transfers", json_door, who="poster")
    assert crossed.code == "id_used_by_another_batch"
    assert office.state() == before


async def test_the_same_by_the_other_door_is_the_same_batch(
    office: Office, poster: Poster
) -> None:
    data = poster.write(1, [line(CASH, ANA, 100)])
    first = await poster.send(data)
    again = await office.ask(
        "POST", f"{CAJA}/transfers", {"id": uid(1), **pay("cash", "ana", "1.00")}, who="poster"
    )
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.body["receipt"]["sequence"] == first.body["receipt"]["first_sequence"]


async def test_a_refused_batch_is_known_by_its_bytes(office: Office, poster: Poster) -> None:
    data = poster.write(1, [line(ANA, BEN, 1)])
    refused = await poster.send(data, who="operator")
    assert (refused.status, refused.code) == (409, "exceeds_credit_limit")
    leaf = await last_leaf(office)
    assert isinstance(leaf, BatchRefused)
    assert leaf.digest == sha256(leaf.salt + data).digest()
    again = await poster.send(data, who="operator")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.code == "exceeds_credit_limit"
    other = await poster.send(poster.write(1, [line(CASH, BEN, 1)]), who="operator")
    assert other.code == "id_used_by_another_batch"


async def test_each_posts_what_can_be(office: Office, poster: Poster) -> None:
    lines = [line(CASH, ANA, 5), line(EVA, ANA, 1), line(CASH, 999, 1), line(CASH, EVA, 7)]
    posted = await poster.send(poster.write(1, lines, mode=Mode.EACH), who="operator")
    outcomes = posted.body["receipt"]["outcomes"]
    assert [o.get("code") for o in outcomes] == [
        None,
        "exceeds_credit_limit",
        "credit_account_not_found",
        None,
    ]
    assert posted.body["receipt"]["posted"] == 2


async def test_terms_go_through_this_door_too(office: Office, poster: Poster) -> None:
    await poster.send(poster.write(1, [line(CASH, ANA, 50)]))
    terms = Terms(up_to=Side.DEBIT, rest=CASH)
    paid = await poster.send(poster.write(2, [line(ANA, BEN, 80, terms=terms)]), who="operator")
    assert paid.status == 201, paid
    assert office.sequencer.facts("caja").balance[ANA] == 0
    assert office.sequencer.facts("caja").balance[BEN] == 80


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda d: d[:-1], ""),
        (lambda d: d.replace(b'"amount":100', b'"amount": 100'), "not canonical"),
        (lambda d: d.replace(b'"amount":100', b'"amount":1e2'), ""),
        (lambda d: d.replace(b'"amount":100', b'"amount":0'), ""),
        (lambda d: d.replace(b'"amount":100', b'"amount":9007199254740992'), ""),
        (lambda d: d.replace(b'"kind":"payment"', b'"kind":"Payment"'), ""),
        (lambda d: d.replace(b'"count":1', b'"count":2'), "the manifest says 2"),
        (lambda d: d.replace(b"{", b"\xef\xbb\xbf{", 1), ""),
        (lambda d: d.replace(b"\n", b"\r\n"), ""),
        (lambda d: d + b"\n", ""),
        (lambda d: b"", ""),
        (lambda d: b"\n" * 9000, ""),
        (lambda d: d.replace(b"/batch/", b"/lot/"), "not the origin of a batch"),
        (lambda d: d.replace(b'"line":"manifest"', b'"line":"transfer"'), ""),
    ],
)
async def test_what_is_not_canonical_leaves_no_trace(
    office: Office, poster: Poster, spoil: Any, reason: str
) -> None:
    before = office.state()
    data = spoil(poster.write(1, [line(CASH, ANA, 100)]))
    answered = await poster.send(data)
    assert (answered.status, answered.code) == (422, "malformed_request")
    assert reason in answered.body["reason"]
    assert office.state() == before


async def test_a_batch_of_another_ledger_is_none_of_ours(
    office: Office, poster: Poster
) -> None:
    before = office.state()
    origin = batch_origin("example.org/red", UUID(int=1))
    answered = await poster.send(poster.write(1, [line(CASH, ANA, 1)], origin=origin))
    assert (answered.status, answered.body["field"]) == (422, "origin")
    assert office.state() == before


async def test_a_poster_debits_its_own_accounts_only(office: Office, poster: Poster) -> None:
    before = office.state()
    data = poster.write(1, [line(CASH, ANA, 1), line(ANA, BEN, 1)])
    answered = await poster.send(data)
    assert (answered.status, answered.code) == (403, "account_not_yours")
    assert answered.body["position"] == 1
    assert office.state() == before


async def test_a_dry_run_changes_nothing(office: Office, poster: Poster) -> None:
    before = office.state()
    data = poster.write(1, [line(CASH, ANA, 1)])
    answered = await poster.send(data, query="?dry_run=true")
    assert answered.body["outcomes"][0]["debit_balance"] == "-0.01"
    assert office.state() == before


async def test_a_dry_run_says_that_the_signature_is_missing(
    office: Office, poster: Poster
) -> None:
    """As posting it would; by either door."""
    await poster.register()
    data = poster.write(1, [line(CASH, ANA, 1)])
    unsigned = await poster.send(data, query="?dry_run=true")
    assert (unsigned.status, unsigned.code) == (403, "signature_missing")
    by_json = {"id": uid(2), **pay("cash", "ana", "1.00")}
    answered = await office.ask("POST", f"{CAJA}/transfers?dry_run=true", by_json, who="poster")
    assert answered.code == "signature_missing"
    signed = await poster.send(data, poster.note(data, 1), query="?dry_run=true")
    assert signed.status == 200


async def test_an_expired_batch_is_refused_for_ever(office: Office, poster: Poster) -> None:
    data = poster.write(1, [line(CASH, ANA, 1)], expires=office.house.now - 1)
    assert (await poster.send(data)).code == "batch_expired"
    assert (await poster.send(data)).headers["Idempotent-Replayed"] == "true"


async def test_the_id_may_stand_in_the_header_but_not_another(poster: Poster) -> None:
    data = poster.write(1, [line(CASH, ANA, 1)])
    wrong = await poster.send(data, headers={"Idempotency-Key": uid(2)})
    assert wrong.body["field"] == "Idempotency-Key"
    assert (await poster.send(data, headers={"Idempotency-Key": uid(1)})).status == 201


# ---- signatures


async def test_a_signed_batch_names_its_note(office: Office, poster: Poster) -> None:
    assert (await poster.register()).status == 201
    data = poster.write(1, [line(CASH, ANA, 100)])
    note = poster.note(data, 1)
    posted = await poster.send(data, note)
    assert posted.status == 201, posted
    leaf = await last_leaf(office)
    assert leaf.signed
    assert leaf.note == note.decode()
    assert (await poster.send(data, note)).headers["Idempotent-Replayed"] == "true"


async def test_who_has_a_key_posts_signed_only(office: Office, poster: Poster) -> None:
    await poster.register()
    before = office.state()
    unsigned = await poster.send(poster.write(1, [line(CASH, ANA, 100)]))
    assert (unsigned.status, unsigned.code) == (403, "signature_missing")
    by_json = {"id": uid(2), **pay("cash", "ana", "1.00")}
    answered = await office.ask("POST", f"{CAJA}/transfers", by_json, who="poster")
    assert answered.code == "signature_missing"
    assert office.state() == before
    operators = await poster.send(poster.write(3, [line(CASH, ANA, 100)]), who="operator")
    assert operators.status == 201


async def test_what_came_before_the_key_is_still_answered(
    office: Office, poster: Poster
) -> None:
    data = poster.write(1, [line(CASH, ANA, 100)])
    first = await poster.send(data)
    await poster.register()
    again = await poster.send(data)
    assert again.body["receipt"] == first.body["receipt"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": OTHER},
        {"size": 3},
        {"origin": "example.org/red"},
        {"number": 2},
        {"data": b"another body\n"},
    ],
)
async def test_a_note_that_is_not_over_this_is_refused(
    office: Office, poster: Poster, wrong: dict[str, Any]
) -> None:
    await poster.register()
    before = office.state()
    data = poster.write(1, [line(CASH, ANA, 100)])
    note = poster.note(**({"data": data, "number": 1} | wrong))
    answered = await poster.send(data, note)
    assert (answered.status, answered.code) == (403, "signature_not_accepted")
    assert office.state() == before


async def test_a_note_without_a_registered_key_is_refused(
    office: Office, poster: Poster
) -> None:
    data = poster.write(1, [line(CASH, ANA, 100)])
    assert (await poster.send(data, poster.note(data, 1))).code == "signature_not_accepted"


@pytest.mark.parametrize("header", ["no base64!", "aGVsbG8", "/w==", "A" * 20_000])
async def test_a_header_that_is_no_note(office: Office, poster: Poster, header: str) -> None:
    before = office.state()
    data = poster.write(1, [line(CASH, ANA, 100)])
    answered = await poster.send(data, headers={"Signed-Note": header})
    assert answered.status in (400, 403, 422, 431)
    assert office.state() == before


async def test_keys_are_registered_once_and_revoked(office: Office, poster: Poster) -> None:
    registered = await poster.register()
    key = registered.body["key"]["key"]
    size = office.state().size
    assert (await poster.register()).status == 201
    assert office.state().size == size
    assert (await poster.register(poster="other")).code == "poster_key_used"
    listed = await office.ask("GET", f"{CAJA}/posters/keys", who="auditor")
    assert listed.body["keys"] == [{**registered.body["key"], "since": size - 1}]
    path = f"{CAJA}/posters/branch/keys/{key}"
    assert (await office.ask("DELETE", path, who="poster")).status == 403
    assert (await office.ask("DELETE", path)).status == 204
    assert (await poster.register()).code == "poster_key_used"
    size = office.state().size
    assert (await office.ask("DELETE", path)).status == 204
    assert office.state().size == size
    for nobodys in ("00" * 32, "no-hex"):
        wrong = await office.ask("DELETE", f"{CAJA}/posters/branch/keys/{nobodys}")
        assert (wrong.status, wrong.code) == (404, "poster_key_not_found")
    data = poster.write(1, [line(CASH, ANA, 100)])
    assert (await poster.send(data, poster.note(data, 1))).code == "signature_not_accepted"
    assert (await poster.send(data)).status == 201


async def test_what_a_revoked_key_signed_is_still_answered(
    office: Office, poster: Poster
) -> None:
    """Or who never got the answer would take it for lost, and post it a second time."""
    key = (await poster.register()).body["key"]["key"]
    data = poster.write(1, [line(CASH, ANA, 100)])
    first = await poster.send(data, poster.note(data, 1))
    path = f"{CAJA}/posters/branch/keys/{key}"
    assert (await office.ask("DELETE", path)).status == 204
    again = await poster.send(data, poster.note(data, 1))
    assert (again.status, again.body["receipt"]) == (201, first.body["receipt"])
    other = poster.write(2, [line(CASH, ANA, 100)])
    refused = await poster.send(other, poster.note(other, 2))
    assert (refused.status, refused.code) == (403, "signature_not_accepted")


async def test_a_key_is_checked_before_it_is_registered(office: Office) -> None:
    path = f"{CAJA}/posters/branch/keys"
    for key in ("", "branch", signer_from_seed("other", SEED).vkey):
        wrong = await office.ask("POST", path, {"public_key": key})
        assert (wrong.status, wrong.body["field"]) == (422, "public_key")


# ---- what must be approved


async def test_lines_that_must_be_approved_wait_as_they_are(
    office: Office, poster: Poster
) -> None:
    registered = await poster.register()
    made = await office.ask("POST", f"{CAJA}/keys", {"role": "approver"})
    office.secrets["approver"] = made.body["secret"]
    rule = {"approvals": 1, "expires_after": 3600, "currency": "MXN", "amount_from": "100.00"}
    policy = {"code": "large", "reason": "board", "rule": rule}
    assert (await office.ask("POST", f"{CAJA}/policies", policy)).status == 200
    data = poster.write(1, [line(CASH, EVA, 100_00, reference="R-9")])
    note = poster.note(data, 1)
    assert (await poster.send(data, note)).status == 202
    assert (await poster.send(data, note)).headers["Idempotent-Replayed"] == "true"
    shown = await office.ask("GET", f"{CAJA}/proposals/{uid(1)}", who="approver")
    (transfer,) = shown.body["transfers"]
    assert (transfer["debit_account"], transfer["amount"]) == ("cash", "100.00")
    key = registered.body["key"]["key"]
    assert (await office.ask("DELETE", f"{CAJA}/posters/branch/keys/{key}")).status == 204
    approve = f"{CAJA}/proposals/{uid(1)}/approve"
    decided = await office.ask("POST", approve, {}, who="approver")
    assert decided.body["receipt"]["posted"] == 1, decided
    assert body_of(office, 1) == data
    leaf = await last_leaf(office)
    assert leaf.note == note.decode()
    assert replayed(office).balance == office.sequencer.facts("caja").balance


def replayed(office: Office) -> Book:
    """The book that follows from the journal and its bodies alone."""
    ledger = office.database.ledgers[1]
    bodies = {batch.leaf_index: batch.body for batch in ledger.batches.values()}
    book = Book()
    for index, data in enumerate(ledger.lines):
        replay(book, data, bodies.get(index))
    return book


async def test_the_answer_may_be_short(poster: Poster) -> None:
    data = poster.write(1, [line(CASH, ANA, 1)])
    posted = await poster.send(data, headers={"Prefer": "return=minimal"})
    assert "outcomes" not in posted.body["receipt"]
    json.dumps(posted.body)
