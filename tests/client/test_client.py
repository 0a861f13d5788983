"""The client: whatever fails on the way, a batch is posted once and its outcome known."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ledger.client.client import Client, NotKnown, Outcome, Receipt, Refused, Waits
from ledger.client.plain import PlainClient
from ledger.client.sealing import SealedBatch, Sealer
from ledger.client.spool import Spool, SpoolBusy
from ledger.core.lines import Transfer
from ledger.core.model import BATCH_MAX, Mode
from ledger.journal.batches import read_written
from ledger.journal.canonical import decode_leaf
from ledger.journal.notes import signer_from_seed
from tests.api.offices import CAJA, Office
from tests.client.wires import Wire

CASH, ANA, BEN = 1, 2, 3
SEED = bytes(range(32))


def line(amount: int, debit: int = CASH, credit: int = ANA) -> Transfer:
    return Transfer(debit_account=debit, credit_account=credit, amount=amount, kind="payment")


def client_of(office: Office, wire: Wire, who: str = "poster", **more: Any) -> Client:
    settings = {"first_wait_s": 0.001, "patience_s": 20.0, "language": "en"} | more
    return Client(wire.url, ledger="caja", key=office.secrets[who], **settings)


def sealer_of(office: Office, **more: Any) -> Sealer:
    opening = office.sequencer.facts("caja").opening
    assert opening is not None
    house = office.house
    settings = {"chance": house.random.randbytes, "clock": lambda: house.now / 1e6} | more
    return Sealer(opening.origin, **settings)


def balance(office: Office, account: int = ANA) -> int:
    return office.sequencer.facts("caja").balance[account]


async def test_what_is_sealed_is_posted(office: Office, wire: Wire) -> None:
    async with client_of(office, wire, "operator") as client:
        opening = office.sequencer.facts("caja").opening
        assert opening is not None
        assert await client.origin() == opening.origin
        assert await client.number("cash") == CASH
        assert await client.number("nobody") is None
        batch = sealer_of(office).seal([line(5), line(7)], source="till-1")
        first = await client.post(batch)
        assert isinstance(first, Receipt)
        assert (first.id, first.posted, first.replayed) == (str(batch.id), 2, False)
        again = await client.post(batch)
        assert isinstance(again, Receipt)
        assert again.replayed
    assert balance(office) == 12


@pytest.mark.parametrize("fate", ["before", "after", "busy"])
async def test_what_fails_on_the_way_is_sent_again(
    office: Office, wire: Wire, fate: Any
) -> None:
    wire.fates.extend([fate] * 3)
    async with client_of(office, wire) as client:
        outcome = await client.post(sealer_of(office).seal([line(5)]))
    assert isinstance(outcome, Receipt)
    assert outcome.replayed is (fate == "after")
    assert wire.asked == 4
    assert balance(office) == 5


async def test_it_gives_up_and_says_so(office: Office, wire: Wire) -> None:
    wire.fates.extend(["after"] * 100)
    batch = sealer_of(office).seal([line(5)])
    async with client_of(office, wire, patience_s=0.02) as client:
        with pytest.raises(NotKnown):
            await client.post(batch)
        wire.fates.clear()
        outcome = await client.post(batch)
    assert isinstance(outcome, Receipt)
    assert outcome.replayed
    assert balance(office) == 5


async def test_a_refusal_is_an_answer(office: Office, wire: Wire) -> None:
    sealer = sealer_of(office)
    async with client_of(office, wire, "operator") as client:
        outcome = await client.post(sealer.seal([line(1, ANA, BEN)]))
        assert isinstance(outcome, Refused)
        assert (outcome.status, outcome.code) == (409, "exceeds_credit_limit")
        assert outcome.leaf_index is not None
        assert "available" in outcome.detail or outcome.detail
        some = await client.post(sealer.seal([line(1), line(1, ANA, 99)], mode=Mode.EACH))
        assert isinstance(some, Receipt)
        assert some.posted == 1
        (refused,) = some.outcomes or []
        assert refused["code"] == "credit_account_not_found"
    assert wire.asked == 2


async def test_a_wrong_key_is_not_tried_for_ever(office: Office, wire: Wire) -> None:
    async with Client(wire.url, ledger="caja", key="tq_wrong") as client:
        outcome = await client.post(sealer_of(office).seal([line(1)]))
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.code, wire.asked) == (401, "key_unknown", 1)


async def test_several_are_on_their_way_and_answered_in_order(
    office: Office, wire: Wire
) -> None:
    wire.fates.extend(["after", "pass", "before", "busy", "pass", "after"])
    sealer = sealer_of(office)
    batches = [sealer.seal([line(n)]) for n in range(1, 11)]
    async with client_of(office, wire, in_flight=4) as client:
        outcomes = [outcome async for outcome in client.post_all(batches)]
    assert [outcome.id for outcome in outcomes] == [str(batch.id) for batch in batches]
    assert balance(office) == 55
    assert office.state().transfers == 10


async def test_a_batch_that_must_be_approved_waits(office: Office, wire: Wire) -> None:
    rule = {"approvals": 1, "expires_after": 3600, "currency": "MXN", "amount_from": "100.00"}
    policy = {"code": "large", "reason": "board", "rule": rule}
    assert (await office.ask("POST", f"{CAJA}/policies", policy)).status == 200
    async with client_of(office, wire) as client:
        outcome = await client.post(sealer_of(office).seal([line(100_00)]))
    assert isinstance(outcome, Waits)


async def test_all_numbers_that_the_key_may_read(office: Office, wire: Wire) -> None:
    async with client_of(office, wire, "operator") as client:
        assert await client.numbers() == {"cash": 1, "ana": 2, "ben": 3, "eva": 4}


# ---- sealing


async def test_a_signed_batch(office: Office, wire: Wire) -> None:
    vkey = signer_from_seed("branch", SEED).vkey
    path = f"{CAJA}/posters/branch/keys"
    assert (await office.ask("POST", path, {"public_key": vkey})).status == 201
    async with client_of(office, wire) as client:
        unsigned = await client.post(sealer_of(office).seal([line(5)]))
        assert isinstance(unsigned, Refused)
        assert unsigned.code == "signature_missing"
        signed = await client.post(sealer_of(office, seed=SEED).seal([line(5), line(6)]))
        assert isinstance(signed, Receipt)
    leaf = decode_leaf(office.database.ledgers[1].lines[-1])
    assert leaf.signed  # type: ignore[union-attr]


def test_every_line_has_a_salt_of_its_own() -> None:
    sealer = Sealer("example.org/caja")
    salts = [t.salt for t in read_written(sealer.seal([line(5)] * 3).data).transfers]
    assert len(set(salts)) == 3
    assert all(len(salt) == 16 for salt in salts if isinstance(salt, bytes))
    plain = read_written(sealer.seal([line(5)] * 3, salted=False).data)
    assert plain.transfers == [line(5)] * 3


def test_a_batch_has_a_size_and_a_seed_too() -> None:
    sealer = Sealer("example.org/caja")
    for wrong in ([], [line(1)] * (BATCH_MAX + 1)):
        with pytest.raises(ValueError, match="8190"):
            sealer.seal(wrong)
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer("example.org/caja", seed=b"short")


# ---- the spool


def seal_some(office: Office, count: int, **more: Any) -> list[SealedBatch]:
    sealer = sealer_of(office, **more)
    return [sealer.seal([line(n)]) for n in range(1, count + 1)]


async def emptied(spool: Spool, client: Client) -> list[Outcome]:
    return [outcome async for outcome in spool.send(client)]


async def test_a_branch_posts_what_it_kept(office: Office, wire: Wire, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    batches = seal_some(office, 5, seed=SEED)
    vkey = signer_from_seed("branch", SEED).vkey
    await office.ask("POST", f"{CAJA}/posters/branch/keys", {"public_key": vkey})
    for batch in batches:
        spool.add(batch)
        spool.add(batch)
    assert list(Spool(tmp_path / "spool").waiting()) == batches
    wire.fates.extend(["before", "after"])
    async with client_of(office, wire) as client:
        outcomes = await emptied(spool, client)
        assert [outcome.id for outcome in outcomes] == [str(batch.id) for batch in batches]
        assert await emptied(spool, client) == []
    assert balance(office) == 15
    assert len(list((tmp_path / "spool/posted").iterdir())) == 5
    assert list((tmp_path / "spool/waiting").iterdir()) == []
    spool.add(batches[0])  # It was posted: it does not wait anew.
    assert list(spool.waiting()) == []


async def test_what_was_not_answered_waits_on(
    office: Office, wire: Wire, tmp_path: Path
) -> None:
    spool = Spool(tmp_path)
    for batch in seal_some(office, 4):
        spool.add(batch)
    wire.fates.extend(["pass", "pass", *["after"] * 50])
    async with client_of(office, wire, patience_s=0.02, in_flight=1) as client:
        with pytest.raises(NotKnown):
            await emptied(spool, client)
        assert len(list(spool.waiting())) == 2
        wire.fates.clear()
        assert len(await emptied(spool, client)) == 2
    assert balance(office) == 10


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("at", range(6))
async def test_killed_while_it_keeps_what_became_of_a_batch(
    office: Office, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """At every change of the folder in turn; then another process goes on."""
    spool = Spool(tmp_path)
    ben = sealer_of(office).seal([line(100_00, ANA, BEN)])  # Is refused.
    for batch in (*seal_some(office, 2), ben):
        spool.add(batch)
    left = count_down(at)
    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, dying(getattr(Path, name), left))
    async with client_of(office, wire, "operator") as client:
        with pytest.raises(Killed):
            await emptied(spool, client)
        monkeypatch.undo()
        await emptied(Spool(tmp_path), client)
    assert balance(office) == 3
    assert list(spool.waiting()) == []
    assert len(list((tmp_path / "posted").glob("*.json"))) == 2
    (refused,) = (tmp_path / "refused").glob("*.ndjson")
    assert refused.read_bytes() == ben.data


def count_down(start: int) -> Iterator[int]:
    yield from range(start, -1, -1)


def dying(change: Any, left: Iterator[int]) -> Any:
    def changed(self: Path, *args: Any, **more: Any) -> Any:
        if next(left) == 0:
            raise Killed
        return change(self, *args, **more)

    return changed


async def test_one_sends_at_a_time(office: Office, wire: Wire, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add(seal_some(office, 1)[0])
    async with client_of(office, wire) as client:
        sending = spool.send(client)
        await anext(sending)
        with pytest.raises(SpoolBusy):
            await emptied(Spool(tmp_path), client)


# ---- without asyncio


async def test_the_plain_client_does_the_same(office: Office, wire: Wire) -> None:
    batches = seal_some(office, 6)
    wire.fates.extend(["after", "before"])

    def work() -> list[Outcome]:
        with PlainClient(
            wire.url, ledger="caja", key=office.secrets["operator"], first_wait_s=0.001
        ) as client:
            assert client.origin()
            assert client.number("ana") == ANA
            assert len(client.numbers()) == 4
            return [client.post(batches[0]), *client.post_all(batches[1:])]

    outcomes = await asyncio.to_thread(work)
    assert [UUID(outcome.id) for outcome in outcomes] == [batch.id for batch in batches]
    assert balance(office) == 21
