"""The benchmarks run, and end with the figures they promise."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks.load import ID_MARK, ID_SIZE, post_request, read_answer
from benchmarks.work import CURRENCY, batch_bodies, shared_transfers, single_bodies
from ledger.api.wire import BatchRequest, TransferRequest, decode

ROOT = Path(__file__).parents[2]
FIGURES = {
    "transfers_per_s",
    "copy_rows_per_s",
    "ratio_to_copy",
    "ratio_to_copy_sustained",
    "growth_10x",
    "transfers_per_s_json",
    "ratio_to_copy_json",
    "singles_per_s",
    "echo_per_s",
    "ratio_to_echo",
    "batch_p50_ms",
    "batch_p99_ms",
    "single_p50_ms",
    "single_p99_ms",
    "single_paced_p99_ms",
    "ratio_hot",
    "startup_s",
    "bytes_per_account",
    "bytes_per_batch",
}
MAY_BE_ZERO = {"bytes_per_batch"}  # The less the better.


def run(module: str, *arguments: str) -> dict[str, object]:
    """The last line a benchmark printed, as the object it is."""
    ended = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    last: dict[str, object] = json.loads(ended.stdout.splitlines()[-1])
    return last


def test_posting_ends_with_all_its_figures(tmp_path: Path) -> None:
    """Small enough for every day; what the figures are is no matter here."""
    figures = run(
        "bench_posting",
        *("--seconds", "0.2", "--rounds", "1", "--accounts", "200"),
        *("--start-accounts", "1000", "--singles", "200", "--rows", "50000"),
        *("--plot", str(tmp_path / "growth.png")),
    )
    assert figures.keys() >= FIGURES
    for name in FIGURES:
        value = figures[name]
        assert isinstance(value, int | float), name
        assert value > 0 or (name in MAY_BE_ZERO and value == 0), name
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_country_ends_with_all_its_figures() -> None:
    """Two batches of interest, so that the run is cut off; it looks for its sums itself."""
    figures = run("bench_country", "--scale", "0.001", "--seconds", "0.2")
    names = {
        "accounts_opened_per_s",
        "interest_transfers_per_s",
        "ratio_interest",
        "snapshot_s",
    }
    assert figures.keys() >= names | {"startup_s", "bytes_per_account", "trial_balance_s"}
    assert figures["accounts"] == 8_550


def test_stages_end_with_a_figure_for_each() -> None:
    figures = run("bench_stages", "--scale", "0.002", "--seconds", "0.5")
    stages = {"read", "tree", "verify", "post", "pack", "compress", "write", "commit", "sign"}
    assert figures.keys() >= {f"{stage}_us" for stage in stages} | {"client_us_per_transfer"}
    for kind in ("lines", "json", "singles"):
        found = figures[kind]
        assert isinstance(found, dict)
        assert found["transfers_per_s"] > 0
        assert found["cpu_us"]["here"] > 0


def test_statements_end_with_all_their_figures() -> None:
    figures = run("bench_statements", *("--seconds", "0.2", "--scale", "0.004"))
    assert figures["transfers"] == 5 * 8190
    for name in (
        "statement_p50_ms",
        "statement_end_p50_ms",
        "trial_balance_s",
        "loading_transfers_per_s",
        "statement_posting_transfers_per_s",
        "lag_max_reading",
        "catch_up_s",
    ):
        value = figures[name]
        assert isinstance(value, int | float), name
        assert value > 0, name


def test_one_account_has_its_share() -> None:
    columns = shared_transfers(Random(1), 5, 1_000, 10)
    assert columns.debit.count(1) == 100
    assert columns.credit.count(1) == 0
    assert all(d != c for d, c in zip(columns.debit, columns.credit, strict=True))
    assert set(columns.debit + columns.credit) == {1, 2, 3, 4, 5}


def test_what_is_posted_is_what_the_api_reads() -> None:
    (batch,) = batch_bodies(10, 1, size=7)
    read = decode(batch, BatchRequest)
    assert len(read.transfers) == 7
    assert all(t.debit_account != t.credit_account for t in read.transfers)
    (hot,) = batch_bodies(10, 1, size=7, hot=True)
    assert len({t.debit_account for t in decode(hot, BatchRequest).transfers}) == 1
    (single,) = single_bodies(10, 1)
    assert decode(single, TransferRequest).currency == CURRENCY


def test_a_request_is_cut_where_its_id_goes() -> None:
    """The length that was declared holds for whatever id is put in."""
    request = post_request("/x", b'{"id":"' + ID_MARK + b'"}', {"A": "b"})
    whole = request.before + b"i" * ID_SIZE + request.after
    head, _, body = whole.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert body == b'{"id":"' + b"i" * ID_SIZE + b'"}'


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        (b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}", (201, b"{}")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (
            b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1;\r\na\r\n1\r\nb\r\n0\r\n\r\n",
            (200, b"ab"),
        ),
    ],
)
def test_an_answer_is_read_when_it_is_whole(answer: bytes, read: tuple[int, bytes]) -> None:
    """Every part before the last byte is waited for, however the bytes arrive."""
    for cut in range(len(answer)):
        assert read_answer(answer[:cut]) is None, cut
    assert read_answer(answer) == read
