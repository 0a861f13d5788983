"""Verification finds every kind of damage, and names the place.

Accidents first: bytes, files and lines of a good export are changed. Then fraud: exports
of an operator who signs whatever he likes, with a tree and a signature that hold.
"""

import shutil
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from ledger.core.book import Posted
from ledger.core.leaves import AccountOpened, BatchPosted, BatchRefused, CurrencyAdded, Snapshot
from ledger.core.model import CurrencyKind, Mode, Nature
from ledger.journal.canonical import decode_leaf, encode_line
from ledger.journal.directory import Recorded, bodies_path
from ledger.journal.faults import BrokenProof
from ledger.journal.merkle import leaf_hash, root_of
from ledger.journal.tiles import TILE_WIDTH
from ledger.journal.verify import Report, describe, verify_export
from tests.building import DAY, NOON, ORIGIN, Building, a_bit_of_everything, many, signer_of


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with every kind of file and leaf in it."""
    out = tmp_path_factory.mktemp("good") / "journal"
    a_bit_of_everything(unique_references=True).export(out, with_details=True)
    return out


@pytest.fixture
def copy(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "copy"))


def verified(it: Building, tmp_path: Path) -> Report:
    it.export(tmp_path / "journal")
    return verify_export(tmp_path / "journal", trusted_vkey=it.signer.vkey)


def broken(report: Report) -> tuple[str, str]:
    assert not report.ok
    assert report.broken is not None
    return report.broken.place, report.broken.reason


# ---- what is whole


def test_a_whole_export_is_verified_and_counted(good: Path) -> None:
    report = verify_export(good)
    assert report.ok, report.broken
    checked = report.checked
    assert (checked.leaves, checked.currencies, checked.accounts) == (23, 3, 8)
    assert (checked.batches, checked.signed_batches, checked.refused_batches) == (4, 1, 1)
    assert (checked.transfers, checked.refused_transfers) == (7, 2)
    assert (checked.snapshots, checked.references) == (2, 4)
    assert (checked.commitments, checked.details) == (1, 1)
    assert (checked.tiles, checked.bundles) == (1, 1)
    assert checked.files == len([path for path in good.rglob("*") if path.is_file()]) - 1
    mxn = report.totals[0]
    assert (mxn.code, mxn.accounts, mxn.turnover) == ("MXN", 4, 62_346)
    assert mxn.debit_balances == mxn.credit_balances == 50_001


def test_it_says_what_it_cannot_show(good: Path) -> None:
    """A key that came with the export proves nothing about the institution."""
    alone = " ".join(verify_export(good).cannot_show)
    assert "the key is the institution's" in alone
    assert "witnesses" in alone
    given = verify_export(good, trusted_vkey=signer_of(ORIGIN).vkey)
    assert given.ok
    assert "the key is the institution's" not in " ".join(given.cannot_show)
    assert list(describe(given))[-1] == "verified"


def test_texts_may_be_left_out(tmp_path: Path) -> None:
    report = verified(a_bit_of_everything(), tmp_path)
    assert report.ok, report.broken
    assert (report.checked.commitments, report.checked.details) == (1, 0)
    assert "1 free texts" in report.cannot_show[-1]


def test_a_tree_of_several_tiles(tmp_path: Path) -> None:
    """Past a full tile there is a level above, and a partial bundle behind."""
    it = many(20, [1] * (2 * TILE_WIDTH))
    stages: set[str] = set()
    it.export(tmp_path / "journal")
    report = verify_export(
        tmp_path / "journal", progress=lambda stage, done, total: stages.add(stage)
    )
    assert report.ok, report.broken
    assert (report.checked.bundles, report.checked.tiles) == (3, 4)
    assert stages == {"tree", "rules", "files"}
    tile = tmp_path / "journal" / "tile/1/000.p/2"
    tile.write_bytes(tile.read_bytes()[:32] + bytes(32))
    place, reason = broken(verify_export(tmp_path / "journal"))
    assert place == "tile/1/000.p/2"
    assert reason == "its hash of node 1 is not that of the tiles below"


@pytest.mark.parametrize("size", [0, 1, 7, 22])
def test_it_begins_with_the_checkpoint_somebody_kept(good: Path, size: int) -> None:
    it = a_bit_of_everything(unique_references=True)
    root = root_of(leaf_hash(each.leaf) for each in it.recorded[:size])
    assert verify_export(good, expect=(size, root)).ok
    place, _ = broken(verify_export(good, expect=(size, bytes(32))))
    assert place == f"the first {size} leaves"


def test_a_shorter_journal_than_somebody_saw(good: Path) -> None:
    place, reason = broken(verify_export(good, expect=(24, bytes(32))))
    assert place == "checkpoint"
    assert reason == "signs 23 leaves, 24 were expected at least"


def test_another_key_than_the_trusted_one(good: Path) -> None:
    place, reason = broken(
        verify_export(good, trusted_vkey=signer_of("example.org/other").vkey)
    )
    assert place == "keys.txt"
    assert "the trusted key is another" in reason
    with pytest.raises(BrokenProof):
        verify_export(good, trusted_vkey="not a key")


# ---- accidents


def test_one_byte_changed_anywhere(good: Path, tmp_path: Path) -> None:
    """Every file, at its beginning, its middle and its end; also where a line feed was."""
    copy = Path(shutil.copytree(good, tmp_path / "copy"))
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    assert len(files) == 10
    for path in files:
        data = path.read_bytes()
        for at in {0, 1, len(data) // 3, len(data) // 2, data.find(b"\n"), len(data) - 1}:
            changed = bytearray(data)
            changed[at] ^= 1
            path.write_bytes(changed)
            report = verify_export(copy)
            assert not report.ok, f"{path.name} at {at}"
        path.write_bytes(data)
    assert verify_export(copy).ok


def test_every_byte_of_a_small_file_counts(copy: Path) -> None:
    for name in ("checkpoint", "batch/000.outcomes.jsonl", "details.jsonl", "policy.txt"):
        path = copy / name
        data = path.read_bytes()
        for at in range(len(data)):
            path.write_bytes(data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :])
            assert not verify_export(copy).ok, f"{name} at {at}"
        path.write_bytes(data)


def test_a_file_missing_cut_or_grown(copy: Path) -> None:
    for path in sorted(path for path in copy.rglob("*") if path.is_file()):
        name = path.relative_to(copy).as_posix()
        data = path.read_bytes()
        for changed in (data[:-1], data + b"\n", b""):
            path.write_bytes(changed)
            place, _ = broken(verify_export(copy))
            assert name == "keys.txt" or place.startswith((name, "leaf")), place
        path.unlink()
        place, reason = broken(verify_export(copy))
        if name != "details.jsonl":
            assert place.split(",")[0] == name
            assert reason == "the file is missing"
        path.write_bytes(data)
    assert verify_export(copy).ok


@pytest.mark.parametrize(
    "name", ["notes.txt", "tile/0/001", "tile/entries/001.p/3", "batch/001.jsonl", ".hidden"]
)
def test_a_surplus_file(copy: Path, name: str) -> None:
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    (copy / name).write_bytes(b"surplus")
    assert broken(verify_export(copy)) == (name, "a file that does not belong to the export")


def test_a_link_is_no_file(copy: Path, good: Path) -> None:
    (copy / "README.txt").unlink()
    (copy / "README.txt").symlink_to(good / "README.txt")
    assert broken(verify_export(copy)) == ("README.txt", "the file is missing")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert broken(verify_export(tmp_path / "no")) == ("keys.txt", "the file is missing")


def test_two_batches_swapped(copy: Path) -> None:
    """Each body is whole, but under the other's header."""
    path = copy / bodies_path(0)
    lines = path.read_bytes().split(b"\n")
    swapped = [*lines[3:5], *lines[0:3], *lines[5:]]
    path.write_bytes(b"\n".join(swapped))
    place, reason = broken(verify_export(copy))
    assert place == "leaf 12"
    assert "unknown field `count`" in reason


def test_one_transfer_changed_in_its_body(copy: Path) -> None:
    path = copy / bodies_path(0)
    path.write_bytes(path.read_bytes().replace(b'"amount":50000', b'"amount":50001'))
    place, reason = broken(verify_export(copy))
    assert place == "leaf 12"
    assert reason.endswith("the transfers are not those of the root")


def test_a_text_that_is_not_the_transfers(copy: Path) -> None:
    path = copy / "details.jsonl"
    path.write_text(path.read_text().replace("asamblea", "Asamblea"))
    assert broken(verify_export(copy)) == (
        "details.jsonl",
        "the text of transfer 1 is not its own",
    )


def test_leaves_reordered_under_an_honest_signature(good: Path, tmp_path: Path) -> None:
    """The tree is made again to fit the new order, but nobody signed its root."""
    it = a_bit_of_everything(unique_references=True)
    signed = it.checkpoint()
    one, two = it.recorded[17], it.recorded[18]
    it.recorded[17] = Recorded(17, two.leaf)
    it.recorded[18] = Recorded(18, one.leaf)
    it.export(tmp_path / "journal")
    (tmp_path / "journal/checkpoint").write_bytes(signed)
    assert broken(verify_export(tmp_path / "journal")) == (
        "checkpoint",
        "the 23 leaves have another root than the signed one",
    )


# ---- fraud: signed, and against the rules


def small() -> tuple[Building, int, int]:
    """A ledger with two members; the first may owe 100."""
    it = Building()
    it.currency("MXN")
    return it, it.account("ana", "MXN", lower=-100), it.account("ben", "MXN")


def forged(
    it: Building, ana: int, ben: int, amount: int, **changes: object
) -> tuple[BatchPosted, bytes]:
    """A header for a transfer from ana to ben as an honest one would look, then changed."""
    batch, _, body = it.write([it.pay(ana, ben, amount)])
    posted = Posted(
        number=it.book.batches + 1,
        first_sequence=it.book.transfers + 1,
        positions=range(1),
        debit=[ana],
        credit=[ben],
        amount=[amount],
        debit_balance=[0],
        credit_balance=[0],
    )
    leaf = it.header(batch, body, posted, b"", it.tick())
    return replace(leaf, **changes), body.data


Fraud = Callable[[Building, int, int], object]


def beyond_the_limit(it: Building, ana: int, ben: int) -> None:
    it.put(*forged(it, ana, ben, 101))


def an_account_nobody_has(it: Building, ana: int, ben: int) -> None:
    it.put(*forged(it, ana, 77, 1))


def a_gap_in_sequences(it: Building, ana: int, ben: int) -> None:
    it.put(*forged(it, ana, ben, 1, first_sequence=2))


def a_gap_in_batch_numbers(it: Building, ana: int, ben: int) -> None:
    it.put(*forged(it, ana, ben, 1, number=2))


def another_root(it: Building, ana: int, ben: int) -> None:
    it.put(*forged(it, ana, ben, 1, root=bytes(32)))


def another_business_date(it: Building, ana: int, ben: int) -> None:
    late = it.pay(ana, ben, 1, business_date=date(2026, 11, 23))
    batch, _, body = it.write([late])
    leaf, _ = forged(it, ana, ben, 1)
    it.put(replace(leaf, batch=batch, root=body.root), body.data)


def time_went_back(it: Building, ana: int, ben: int) -> None:
    it.put(*forged(it, ana, ben, 1, recorded_at=NOON))


def an_account_opened_twice(it: Building, ana: int, ben: int) -> None:
    line = decode_leaf(it.recorded[2].leaf)
    assert isinstance(line, AccountOpened)
    it.put(replace(line, number=3, recorded_at=it.tick()))


def an_account_number_left_out(it: Building, ana: int, ben: int) -> None:
    line = AccountOpened(
        recorded_at=it.tick(),
        number=4,
        code="new",
        currency="MXN",
        nature=Nature.CREDIT,
        kind="member",
        holder=it.salt(),
        by="op-1",
    )
    it.put(line)


def a_currency_twice(it: Building, ana: int, ben: int) -> None:
    it.put(
        CurrencyAdded(
            recorded_at=it.tick(), code="MXN", kind=CurrencyKind.TIME, scale=0, by="op-1"
        )
    )


def outcomes_without_refusals(it: Building, ana: int, ben: int) -> None:
    leaf, body = forged(it, ana, ben, 1, outcomes=bytes(32))
    it.put(leaf, body, b'{"position":0,"sequence":1}\n')


def an_id_spent_before(it: Building, ana: int, ben: int) -> None:
    it.post([it.pay(ana, ben, 1)])
    it._batches -= 1
    it.post([it.pay(ana, ben, 1)])


def a_wrong_snapshot(it: Building, ana: int, ben: int) -> None:
    it.put(Snapshot(recorded_at=it.tick(), size=3, accounts=1, root=bytes(32)))


def a_snapshot_of_fewer_accounts(it: Building, ana: int, ben: int) -> None:
    index = it.snapshot()
    line = decode_leaf(it.recorded.pop(index).leaf)
    it.put(replace(line, accounts=1))


def a_snapshot_of_the_future(it: Building, ana: int, ben: int) -> None:
    it.put(Snapshot(recorded_at=it.tick(), size=9, accounts=1, root=bytes(32)))


def a_second_opening(it: Building, ana: int, ben: int) -> None:
    it.put(replace(decode_leaf(it.recorded[0].leaf), recorded_at=it.tick()))


def a_reason_that_is_none(it: Building, ana: int, ben: int) -> None:
    it.put(
        BatchRefused(
            recorded_at=it.tick(),
            batch=it.next_batch(),
            poster="caja-1",
            business_date=DAY,
            signed=False,
            code="because",
            digest=sha256(b"").digest(),
            salt=it.salt(),
            key="key-1",
        )
    )


def a_kind_that_is_no_code(it: Building, ana: int, ben: int) -> None:
    batch, _, body = it.write([it.pay(ana, ben, 1, kind="Ana Pérez")])
    leaf, _ = forged(it, ana, ben, 1)
    it.put(replace(leaf, batch=batch, root=body.root), body.data)


def the_note_of_another_batch(it: Building, ana: int, ben: int) -> None:
    leaf, body = forged(it, ana, ben, 1)
    other, _, _ = it.write([it.pay(ana, ben, 1)])
    posted = Posted(
        number=1,
        first_sequence=1,
        positions=range(1),
        debit=[],
        credit=[],
        amount=[1],
        debit_balance=[],
        credit_balance=[],
    )
    _, _, written = it.write([it.pay(ana, ben, 1)])
    note = it.header(other, written, posted, b"", it.now, signed_by="caja-1").note
    it.put(replace(leaf, signed=True, note=note, root=UNSET, key=UNSET), body)


def a_note_of_another_size(it: Building, ana: int, ben: int) -> None:
    batch, _, written = it.write([it.pay(ana, ben, 1)])
    posted = Posted(
        number=1,
        first_sequence=1,
        positions=range(1),
        debit=[],
        credit=[],
        amount=[1],
        debit_balance=[],
        credit_balance=[],
    )
    leaf = it.header(batch, written, posted, b"", it.tick(), signed_by="caja-1", count=2)
    it.put(replace(leaf, count=1), written.data)


def the_name_of_another_batch(it: Building, ana: int, ben: int) -> None:
    it.put(*forged(it, ana, ben, 1, batch=it.next_batch()))


@pytest.mark.parametrize(
    ("fraud", "reason"),
    [
        (beyond_the_limit, "against the rules: exceeds_credit_limit at position 0"),
        (an_account_nobody_has, "against the rules: credit_account_not_found at position 0"),
        (a_gap_in_sequences, "a batch out of order"),
        (a_gap_in_batch_numbers, "a batch out of order"),
        (another_root, "the transfers are not those of the root"),
        (another_business_date, "against the rules: business_date_not_open at position 0"),
        (time_went_back, "the ledger's time went back"),
        (an_account_opened_twice, "against the rules: account_code_used"),
        (an_account_number_left_out, "account 4 out of order"),
        (a_currency_twice, "against the rules: currency_code_used"),
        (outcomes_without_refusals, "other outcomes than the rules give"),
        (a_wrong_snapshot, "the state after 3 leaves is not that of the snapshot"),
        (a_snapshot_of_fewer_accounts, "the state after 4 leaves is not that of the snapshot"),
        (a_snapshot_of_the_future, "a snapshot of 9 leaves, which are not there"),
        (a_second_opening, "a journal has one opening, and first"),
        (a_reason_that_is_none, "no reason to refuse is called because"),
        (a_kind_that_is_no_code, "not a code: [a-z][a-z0-9_]{0,31}"),
        (the_note_of_another_batch, "the note names another batch"),
        (a_note_of_another_size, "the note has another size"),
        (the_name_of_another_batch, "the manifest names another batch"),
    ],
)
def test_signed_but_against_the_rules(fraud: Fraud, reason: str, tmp_path: Path) -> None:
    it, ana, ben = small()
    fraud(it, ana, ben)
    place, said = broken(verified(it, tmp_path))
    assert place == "leaf 4"
    assert said.endswith(reason)


def test_a_batch_id_spent_twice(tmp_path: Path) -> None:
    it, ana, ben = small()
    an_id_spent_before(it, ana, ben)
    place, reason = broken(verified(it, tmp_path))
    assert place == "leaf 5"
    assert "was spent before" in reason


def test_a_batch_before_the_opening(tmp_path: Path) -> None:
    it, ana, ben = small()
    leaf, body = forged(it, ana, ben, 1)
    it.recorded = [Recorded(0, encode_line(leaf), body)]
    place, reason = broken(verified(it, tmp_path))
    assert place == "leaf 0"
    assert reason.endswith("stands before the opening")


def test_an_opening_that_names_another_key(tmp_path: Path) -> None:
    it, _, _ = small()
    opening = replace(decode_leaf(it.recorded[0].leaf), public_key="example.org/x+00000000+AQ")
    it.recorded[0] = Recorded(0, encode_line(opening))
    assert broken(verified(it, tmp_path)) == (
        "leaf 0",
        "names another key than signed the checkpoint",
    )


def test_a_reference_used_twice(tmp_path: Path) -> None:
    """Where references are unique, a second one is refused by whoever replays."""
    it = Building(unique_references=True)
    it.currency("MXN")
    ana, ben = it.account("ana", "MXN", lower=-100), it.account("ben", "MXN")
    for _ in range(2):
        it.post([it.pay(ana, ben, 1, reference="R-1")], source="branch-1")
    place, reason = broken(verified(it, tmp_path))
    assert place == "leaf 5"
    assert reason.endswith("against the rules: reference_used at position 0")


def test_a_reference_refused_in_its_place(tmp_path: Path) -> None:
    """An `each` batch refuses what an earlier batch took, and both verify."""
    it = Building(unique_references=True)
    it.currency("MXN")
    ana, ben = it.account("ana", "MXN", lower=-100), it.account("ben", "MXN")
    it.post([it.pay(ana, ben, 1, reference="R-1")])
    posted = it.post(
        [it.pay(ana, ben, 1, reference="R-1"), it.pay(ana, ben, 1, reference="R-2")],
        mode=Mode.EACH,
        used=frozenset({("", "R-1")}),
    )
    assert len(posted.refused) == 1
    report = verified(it, tmp_path)
    assert report.ok, report.broken
    assert report.checked.references == 2
