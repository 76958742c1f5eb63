"""Lives on an event loop: hooks and handlers may be `async def`.

What lives here: whose turn it is on the loop, and the tasks of those who await. What must not: what a turn does.
A handler that is not `async` runs on the loop as it is: it must not block.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from ..clock import monotonic
from ..control import NeverBegan
from ..crash_frames import OUR_FILES
from ..current import Here, here
from .dispatcher import DEPTH_MAX, QUANTUM, report_mistake
from .turns import leave, lent_limit, take_turn

if TYPE_CHECKING:
    from ..life import Life

__all__ = ("AsyncioDispatcher",)

LIVES_AT_ONCE: Final = 64
"""Turns before the loop gets to look at its sockets again."""


class AsyncioDispatcher:
    """Runs lives on one event loop: a given one, or its own, on a daemon thread `regrow-asyncio` made on first use.

    Whoever waits on the loop's own thread for the answer of a life that sleeps runs it: there nobody else could.
    """

    name = "asyncio"
    runs_coroutines = True

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, *, quantum: int = QUANTUM) -> None:
        if quantum < 1:
            raise ValueError(f"asyncio dispatcher: expected a quantum of at least 1, got {quantum}")
        self._loop = loop
        self._owned = loop is None
        self._quantum: Final = quantum
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._queue: deque[Life] = deque()
        self._called = False  # a run of the queue has been asked for
        self._tasks: dict[asyncio.Task[object], Life] = {}
        self._closed = False
        self._context: Final = contextvars.Context()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop; its own is made and started when it is first asked for. Errors: RuntimeError without a thread."""
        with self._lock:
            if self._loop is None:
                loop = asyncio.new_event_loop()
                started = threading.Event()
                self._thread = threading.Thread(
                    target=self._run_loop, args=(loop, started), name="regrow-asyncio", daemon=True
                )
                try:
                    self._thread.start()
                except RuntimeError:
                    self._thread = None
                    loop.close()
                    raise
                started.wait()
                self._loop = loop
            return self._loop

    def launch(self, life: Life) -> None:
        """Queue its first turn. Errors: RuntimeError if the loop is closed, or there is no thread for one."""
        if self.loop.is_closed():
            raise RuntimeError("asyncio dispatcher: its event loop is closed")
        self.wake(life)

    def wake(self, life: Life) -> None:
        """Queue a turn."""
        self._queue.append(life)
        if not self._called or self.loop.is_closed():
            self._call()

    def lends_here(self, life: Life, me: Here, *, exact: bool) -> bool:
        """Say whether this is the loop's own thread, where nobody else could run it."""
        del exact
        return me.depth < DEPTH_MAX and self.would_block() and (life.born or not life.may_move())

    def would_block(self) -> bool:
        """Say whether this is the thread that the loop runs on, now."""
        loop = asyncio._get_running_loop()
        return loop is not None and loop is self._loop

    def run_here(self, life: Life, me: Here) -> None:
        """Run a turn, seized by the caller, on the loop's own thread."""
        leave(life, take_turn(life, me, lent_limit(life)))

    def drive(
        self,
        life: Life,
        coroutine: Coroutine[Any, Any, object],
        done: Callable[[BaseException | None, object], None],
    ) -> None:
        """Run it as a task. Runs in: the loop's thread, in a turn of `life`."""
        life.coroutine = coroutine  # until there is a task, so that nobody takes the turn for over
        steps = _Steps(life, coroutine)
        task = _start(self.loop, steps, f"regrow-{life.label}")
        life.coroutine = None
        if task.done():
            _tell(task, steps, done)
            return
        life.coroutine = task
        self._tasks[task] = life
        task.add_done_callback(lambda task: self._resume(life, task, steps, done))
        if life.fenced:
            task.cancel()

    def cut(self, life: Life) -> None:
        """Cancel what it awaits."""
        self._soon(lambda: self._cancel(life))

    def publish_to(self, publish: Callable[[object], None]) -> None:
        """There is nothing to tell."""

    def rescue(self) -> None:
        """End those who have, or await, a turn on a loop that its program has closed. Others end when they are woken.

        What they awaited is lost: their code can run nowhere else.
        """
        loop = self._loop
        if loop is None or not loop.is_closed():
            return
        while True:
            try:
                life = self._queue.popleft()
            except IndexError:
                break
            if life.mailbox.begin():
                self._strand(life)
        while self._tasks:
            self._strand(self._tasks.popitem()[1])

    def close(self, deadline: float) -> bool:
        """Cancel all that is awaited, and end the loop if it is its own. Gives False if it has not ended in time."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is None or loop.is_closed():
            return True
        self._soon(self._finish)
        if thread is None or thread is threading.current_thread():
            return not self._tasks
        thread.join(max(0.0, deadline - monotonic()))
        return not thread.is_alive()

    def awaiting(self) -> tuple[tuple[asyncio.Task[object], Life], ...]:
        """Give the tasks of the coroutines that run, and whose they are. Runs in: any thread."""
        return tuple(self._tasks.copy().items())

    # On the loop's thread.

    def _run_loop(self, loop: asyncio.AbstractEventLoop, started: threading.Event) -> None:
        asyncio.set_event_loop(loop)
        loop.call_soon(started.set)
        try:
            loop.run_forever()
        finally:
            try:
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())
            finally:
                asyncio.set_event_loop(None)
                loop.close()

    def _run_queue(self) -> None:
        self._called = False  # first: whoever puts one in now asks again, once too often at worst
        me = here()
        for _ in range(LIVES_AT_ONCE):
            try:
                life = self._queue.popleft()
            except IndexError:
                return
            if life.mailbox.begin():
                self._run(life, me)
        if self._queue and not self._called:
            self._call()

    def _run(self, life: Life, me: Here) -> None:
        leave(life, take_turn(life, me, self._quantum))

    def _resume(
        self,
        life: Life,
        task: asyncio.Task[object],
        steps: _Steps,
        done: Callable[[BaseException | None, object], None],
    ) -> None:
        self._tasks.pop(task, None)
        me = here()
        before, me.life = me.life, life
        try:
            life.coroutine = None
            _tell(task, steps, done)
            if life.awaits():
                return
            life.mailbox.in_hand = None
        except BaseException as error:  # noqa: BLE001 - as in `take_turn`
            life.broken(error)
            report_mistake(error)
        finally:
            me.life = before
        self._run(life, me)

    def _cancel(self, life: Life) -> None:
        for task, whose in tuple(self._tasks.items()):
            if whose is life:
                task.cancel()

    def _finish(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        if not self._owned:
            return
        loop = self.loop
        if self._tasks:
            loop.call_later(0.001, self._finish)  # some take a while to be cancelled
        else:
            loop.stop()

    # On any thread.

    @staticmethod
    def _strand(life: Life) -> None:
        life.broken(RuntimeError("asyncio dispatcher: its event loop is closed"))
        life.finished()

    def _call(self) -> None:
        self._called = True
        self._soon(self._run_queue)

    def _soon(self, callback: Callable[[], None]) -> None:
        loop = self.loop
        context = self._context.copy()  # not that of who happens to call
        try:
            if asyncio._get_running_loop() is loop:
                loop.call_soon(callback, context=context)
            else:
                loop.call_soon_threadsafe(callback, context=context)
        except RuntimeError:
            self.rescue()  # the loop is closed: nobody else runs any more


class _Interrupt(Exception):
    """Carries what a task would raise through its loop, and end it with: it is the affair of one actor."""

    def __init__(self, interrupt: BaseException) -> None:
        super().__init__(interrupt)
        self.interrupt = interrupt


class _Steps(Coroutine[Any, Any, object]):
    """A coroutine that says at each of its steps whose code runs."""

    __slots__ = ("begun", "coroutine", "whose")

    def __init__(self, life: Life, coroutine: Coroutine[Any, Any, object]) -> None:
        self.whose = life
        self.coroutine = coroutine
        self.begun = False

    def send(self, value: Any) -> Any:
        self.begun = True
        me = here()
        before, me.life = me.life, self.whose
        try:
            return self.coroutine.send(value)
        except (SystemExit, KeyboardInterrupt) as interrupt:
            raise _Interrupt(interrupt) from None
        finally:
            me.life = before

    def throw(
        self,
        typ: Any,
        val: BaseException | object | None = None,
        tb: TracebackType | None = None,  # noqa: ARG002 - the old form of throw()
    ) -> Any:
        me = here()
        before, me.life = me.life, self.whose
        try:
            return self.coroutine.throw(typ if val is None else val)  # type: ignore[arg-type]
        except (SystemExit, KeyboardInterrupt) as interrupt:
            raise _Interrupt(interrupt) from None
        finally:
            me.life = before

    def close(self) -> None:
        self.coroutine.close()

    def __await__(self) -> Generator[Any, Any, object]:
        return self.coroutine.__await__()


def _start(loop: asyncio.AbstractEventLoop, steps: _Steps, name: str) -> asyncio.Task[object]:
    if _EAGER and asyncio._get_running_loop() is loop:
        return asyncio.Task(steps, loop=loop, name=name, eager_start=True)  # type: ignore[call-arg]
    return asyncio.Task(steps, loop=loop, name=name)


def _tell(task: asyncio.Task[object], steps: _Steps, done: Callable[[BaseException | None, object], None]) -> None:
    if task.cancelled():
        done(asyncio.CancelledError() if steps.begun else NeverBegan(), None)
        return
    error = task.exception()
    if isinstance(error, _Interrupt):
        error = error.interrupt
    done(error, None if error is not None else task.result())


_EAGER: Final = hasattr(asyncio, "eager_task_factory")  # from 3.12 on
OUR_FILES.add(__file__)
