"""The service put together: the one place where the rooms meet.

    PostgreSQL -> migrations -> database, keys, notary -> sequencer, followers -> HTTP

    async with running_service(settings) as service:
        ... service.url, service.operator_key, service.desk ...

`serve`, the demo, tests and benchmarks all come through here. Leaving answers everything
that was accepted, then stops what was started, in the other order.
"""

import asyncio
import fcntl
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.api import app as api
from ledger.api.auth import digest_of, make_key
from ledger.api.service import Settings as ApiSettings
from ledger.cli.client import KEY_FILE
from ledger.cli.listening import listen
from ledger.cli.settings import (
    ORIGIN_DEFAULT,
    Settings,
    data_path,
    state_path,
)
from ledger.cli.words import Stop, t
from ledger.core.faults import LedgerFault
from ledger.core.model import Role
from ledger.core.ports import Keys
from ledger.pg.embedded import EmbeddedPostgres
from ledger.pg.follower import Follower
from ledger.pg.indexer import Indexer
from ledger.pg.keys import PgKeys
from ledger.pg.migrations import migrate
from ledger.pg.pool import Database
from ledger.pg.reads import PgReads
from ledger.pg.sql_files import sql_directory
from ledger.pg.sqlstates import answering
from ledger.pg.store import PgStore
from ledger.sequencer.desk import Sequencer
from ledger.sequencer.notary import FileNotary, write_new
from ledger.sequencer.snapshotting import Snapshotter
from ledger.services.runs import Runs
from ledger.services.scheduler import Scheduler

log = logging.getLogger(__name__)

ORIGIN_FILE: Final = "origin"
STATE_LOCK: Final = "lock"
POSTGRES_LOOK_S: Final = 0.5

Progress = Callable[[str], None]  # What begins now, for people.


@dataclass(frozen=True, slots=True)
class Service:
    """A running service, as its owner sees it."""

    url: str
    origin: str
    origin_is_new: bool  # It was chosen now, and is permanent from now on.
    operator_key: str  # Of the whole service; "" when only its holder has it.
    key_is_new: bool
    key_file: Path
    desk: Sequencer
    database_url: str
    postgres: EmbeddedPostgres | None
    settings: Settings


def silent(_: str) -> None:
    """Show nobody what begins."""


@asynccontextmanager
async def running_service(
    settings: Settings,
    *,
    progress: Progress = silent,
    listener: socket.socket | None = None,
) -> AsyncIterator[Service]:
    """Start the service, and stop it when the block is left.

    Call it in the main thread: the embedded PostgreSQL lives only as long as the thread
    that starts it. A block that is left by an exception or cancelled stops the same way.

    Args:
        listener: a socket that listens already; it is served instead of the setting's address.

    Raises:
        Stop: a setting cannot be meant, or the address is taken.
        LedgerFault: a room behind does not start, in its own words.
    """
    async with AsyncExitStack() as stack:
        state = open_state(stack, state_path(settings))
        origin, origin_is_new = _origin(settings, state)
        postgres, url = _start_postgres(stack, settings, progress)
        if postgres is not None:
            run_beside(stack, _keep_running(postgres), "embedded PostgreSQL")
        progress(t("Bringing the tables up to date", "Poniendo al día las tablas"))
        try:
            with answering():
                await migrate(url, sql_directory("migrations"))
        except ValueError as error:  # What asyncpg makes of an address that is none.
            raise Stop(f"database_url: {error}") from error
        database = await stack.enter_async_context(
            Database(url, size=settings.database_sessions)
        )
        keys = PgKeys(database)
        operator_key, key_is_new = await _operator_key(keys, state / KEY_FILE)

        notary = FileNotary(state / "notary")
        stack.callback(notary.close)
        progress(t("Reading the ledgers", "Leyendo los libros"))
        desk = Sequencer(
            PgStore(database),
            notary,
            origin=origin,
            owner=f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}",
            snapshotter=Snapshotter(),
        )
        stack.push_async_callback(desk.close)
        await desk.start()
        follower = Follower(database)
        run_beside(stack, follower.run(), "follower")
        indexer = Indexer(database)
        run_beside(stack, indexer.run(), "indexer")

        reads = PgReads(database, follower)
        app = api.make_app(
            desk,
            reads,
            keys,
            runs=Runs(desk, reads),
            settings=ApiSettings(
                batch_size_max=settings.batch_size_max,
                body_seconds_max=settings.body_seconds_max,
            ),
        )
        app[api.SERVICE].metrics.watch_index(lambda: indexer.lag)
        scheduler = Scheduler(desk, registry=app[api.SERVICE].metrics.registry)
        app[api.SERVICE].schedule_runs = scheduler
        run_beside(stack, scheduler.run(), "scheduler")
        address = await listen(stack, app, settings, listener)
        if origin_is_new:
            write_new(state / ORIGIN_FILE, f"{origin}\n".encode())
        yield Service(
            url=address,
            origin=origin,
            origin_is_new=origin_is_new,
            operator_key=operator_key,
            key_is_new=key_is_new,
            key_file=state / KEY_FILE,
            desk=desk,
            database_url=url,
            postgres=postgres,
            settings=settings,
        )
        progress(t("Answering what was accepted", "Respondiendo lo aceptado"))


def open_state(stack: AsyncExitStack, state: Path) -> Path:
    """The state directory, for this process alone: two signers with one memory could fork."""
    try:
        for path in reversed([p for p in (state, *state.parents) if not p.exists()]):
            # Folders above are passed through by whoever runs PostgreSQL.
            path.mkdir(mode=0o700 if path == state else 0o711, exist_ok=True)
        lock = stack.enter_context((state / STATE_LOCK).open("a"))
    except OSError as error:
        raise Stop(f"{state}: {error.strerror}") from error
    try:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Stop(
            t(
                f"Another service is using {state}. Stop it, or choose another --state-dir.",
                f"Otro servicio usa {state}. Deténgalo, o elija otro --state-dir.",
            )
        ) from None
    return state


def _origin(settings: Settings, state: Path) -> tuple[str, bool]:
    """The origin, and whether it is used for the first time."""
    path = state / ORIGIN_FILE
    earlier = _written(path)
    if earlier and settings.origin and settings.origin != earlier:
        raise Stop(
            t(
                f"This service signs as {earlier!r}, which is permanent; it cannot become "
                f"{settings.origin!r}. Leave --origin out, or start a new service with another "
                "data directory.",
                f"Este servicio firma como {earlier!r}, y eso es permanente; no puede ser "
                f"{settings.origin!r}. Quite --origin, o inicie otro servicio con otro "
                "directorio de datos.",
            )
        )
    return earlier or settings.origin or ORIGIN_DEFAULT, not earlier


def _start_postgres(
    stack: AsyncExitStack, settings: Settings, progress: Progress
) -> tuple[EmbeddedPostgres | None, str]:
    if settings.database_url:
        return None, settings.database_url
    progress(t("Starting PostgreSQL", "Iniciando PostgreSQL"))
    postgres = EmbeddedPostgres(data_path(settings) / "postgres")
    postgres.start()  # Blocks for some seconds; nothing else runs yet.

    async def stop() -> None:
        progress(t("Stopping PostgreSQL", "Deteniendo PostgreSQL"))
        await asyncio.to_thread(postgres.stop)

    stack.push_async_callback(stop)
    return postgres, postgres.dsn()


async def _keep_running(postgres: EmbeddedPostgres) -> None:
    """Start the embedded PostgreSQL again when it ended by itself, or was killed.

    It is started in this thread, since it must live as long; meanwhile nothing is answered,
    but nothing could be.
    """
    while True:
        await asyncio.sleep(POSTGRES_LOOK_S)
        if postgres.pid is None:
            log.error("PostgreSQL ended; starting it again")
            postgres.stop()
            try:
                postgres.start()
            except LedgerFault as fault:
                log.critical("PostgreSQL cannot be started: %s", fault)


async def _operator_key(keys: Keys, path: Path) -> tuple[str, bool]:
    """The service's own operator key: made where there is none; and whether it was."""
    there = await keys.all_of("")
    secret = _written(path)
    if there:
        known = secret and await keys.find(digest_of(secret))
        return (secret if known else ""), False
    new = make_key(secrets.token_bytes, Role.OPERATOR)
    # First the file: a key that is in the database and nowhere else opens nothing.
    write_new(path, f"{new.secret}\n".encode())
    await keys.add(new.digest, new.caller)
    return new.secret, True


def _written(path: Path) -> str:
    """What stands in a file; "" where there is none."""
    return path.read_text().strip() if path.exists() else ""


def run_beside(stack: AsyncExitStack, work: Coroutine[object, object, None], name: str) -> None:
    """Run it until the service stops. If it ends before, that is in the log."""
    task = asyncio.create_task(work, name=name)

    async def end() -> None:
        task.cancel()
        await asyncio.wait({task})  # What it raised was told when it did.

    def tell(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A task of the service ended", exc_info=error, extra={"task_name": name})

    task.add_done_callback(tell)
    stack.push_async_callback(end)
