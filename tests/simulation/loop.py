"""An event loop whose time is simulated and whose order is always the same.

Nothing waits: time goes to where the next thing is due. There are no sockets, threads or
selectors, what is due at one time runs in the order in which it was asked for, and where
nothing is due but somebody waits the loop says so instead of hanging.

What runs belongs to a Life or to none. A life that has ended is not cancelled: its callbacks
are dropped, so that nothing of it runs any more, as after kill -9.
"""

import asyncio
import heapq
import itertools
import logging
import warnings
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

T = TypeVar("T")

END_S = 10_000_000.0  # Of simulated time; who waits still will wait for ever.
TICKS_MAX = 5_000  # Of what ticks for ever, while nothing else happens.
CLOSINGS_MAX = 10  # Of a coroutine; each passes one `finally` that waits for something.


class Stuck(Exception):
    """Everybody waits, and nothing will ever happen."""


class Life:
    """Tasks that live and end together, such as those of one process."""

    def __init__(self) -> None:
        self.has_ended = False
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.context = copy_context()
        self.context.run(LIFE.set, self)

    def begin(self, work: Coroutine[Any, Any, T], *, ticks: bool = False) -> "asyncio.Task[T]":
        """Run something in this life.

        Args:
            ticks: whether it looks for work from time to time, for ever: nobody waits for it.
        """
        context = self.context.copy()
        context.run(TICKS.set, ticks)
        return context.run(asyncio.get_running_loop().create_task, work)


LIFE: ContextVar[Life | None] = ContextVar("life", default=None)
TICKS: ContextVar[bool] = ContextVar("ticks", default=False)


class AtOnce(Executor):
    """Does it now."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        done: Future[Any] = Future()
        done.set_result(function(*args, **kwargs))
        return done


class SimulatedLoop(asyncio.AbstractEventLoop):
    """As much of an event loop as the ledger uses.

    `complaints` are exceptions that nobody looked after.
    """

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._now = 0.0
        self._numbers = itertools.count()
        self._ready: deque[tuple[asyncio.Handle, Life | None]] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle, Context]] = []
        self._ticks = 0  # Since anything else was due.
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._is_over = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it to its end, and then end whatever is left."""
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(work)
            while not task.done():
                self._turn()
            return task.result()
        finally:
            self._is_over = True
            _end_all(list(self._tasks))
            asyncio._set_running_loop(None)

    def _turn(self) -> None:
        if not self._ready:
            if not self._timers:
                raise Stuck
            self._now = max(self._now, self._timers[0][0])
            if self._now > END_S:
                raise Stuck("only alarms ring")
            self._ticks += 1
            while self._timers and self._timers[0][0] <= self._now:
                _, _, timer, context = heapq.heappop(self._timers)
                self._ready.append((timer, context.get(LIFE)))
                if not (context.get(TICKS) or timer.cancelled()):
                    self._ticks = 0
            if self._ticks > TICKS_MAX:
                raise Stuck("only what ticks for ever goes on")
        handle, life = self._ready.popleft()
        if not handle.cancelled() and (life is None or not life.has_ended):
            handle._run()

    # ---- what asyncio asks of a loop

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append((handle, context.get(LIFE)))
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        entry = (when, next(self._numbers), handle, context)
        heapq.heappush(self._timers, entry)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is skipped when it is due."""

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        work: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> "asyncio.Task[T]":
        if self._is_over:
            work.close()
            raise RuntimeError("everything is over")
        task = asyncio.Task(work, loop=self, name=name, context=context)
        life = LIFE.get() if context is None else context.get(LIFE)
        self._tasks[task] = None
        if life is not None:
            life.tasks[task] = None
        task.add_done_callback(lambda done: self._ended(done, life), context=Context())
        return task

    def _ended(self, task: "asyncio.Task[Any]", life: Life | None) -> None:
        del self._tasks[task]
        if life is not None:
            del life.tasks[task]

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, function: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        assert isinstance(executor, AtOnce), "no threads here"
        return asyncio.wrap_future(executor.submit(function, *args), loop=self)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._is_over:
            self.complaints.append(str(context))

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self._is_over

    def is_closed(self) -> bool:
        return self._is_over


def _end_all(tasks: "list[asyncio.Task[Any]]") -> None:
    """Unwind tasks that will not run again, while nothing they do matters any more.

    Left to the garbage collector they would do it later, and complain.
    """
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for task in tasks:
                _end(task.get_coro())
    finally:
        logging.disable(logging.NOTSET)


def _end(work: Any) -> None:
    for _ in range(CLOSINGS_MAX):
        try:
            work.close()
            return
        except (RuntimeError, GeneratorExit):
            continue  # It waits for something on its way out.
    raise AssertionError(f"{work} does not end")
