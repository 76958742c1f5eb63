"""The answer to an ask: a pykka Future that costs little, can be awaited, and is answered at most once."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import pykka

from ..protocol.exits import KILLED
from .clock import monotonic
from .control import ActorExit
from .current import here
from .errors import AskTimeout, BlockingLoop, CallingSelf
from .events import Deadlocked
from .lending import lend
from .pykka_seam import NO_RESULT
from .waits import circle_of

if TYPE_CHECKING:
    from .life import Life
    from .ref import ActorRef

__all__ = ("AskFuture", "Gate", "wait_at")

T = TypeVar("T")
HELP_SECONDS: Final = 0.002  # who waits less long keeps his time
ExcInfo: TypeAlias = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class Gate:
    """One thread waits, any thread opens; a bare lock, because a Semaphore or Event costs ten times as much."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def open(self) -> None:
        """Let the waiting thread go. Opening twice is opening once."""
        try:
            self._lock.release()
        except RuntimeError:
            return  # it is open

    def wait(self, timeout: float | None) -> bool:
        """Wait until it is open. Gives False after `timeout` seconds."""
        bound = -1.0 if timeout is None else min(max(timeout, 0.0), threading.TIMEOUT_MAX)
        return self._lock.acquire(timeout=bound)


def wait_at(gate: Gate, timeout: float | None, first: Callable[[], object] | None = None) -> bool:
    """Wait at a gate; a thread of a pool leaves its work to another one meanwhile. Gives False after `timeout`.

    `first` may help, for about a millisecond.
    """
    pool = here().pool
    if pool is not None:
        pool.cool()
    try:
        if first is not None and (timeout is None or timeout >= HELP_SECONDS):
            deadline = None if timeout is None else monotonic() + timeout
            first()
            timeout = None if deadline is None else deadline - monotonic()
        return gate.wait(timeout)
    finally:
        if pool is not None:
            pool.heat()


def _call_all(callbacks: list[Callable[[], object]]) -> None:
    """Call each of them once, whoever else does the same at this moment."""
    while callbacks:
        try:
            callback = callbacks.pop(0)
        except IndexError:
            return
        callback()


class AskFuture(pykka.Future[T]):
    """Set once, by whoever comes first: the handler, or the end of the actor.

    `set` and `set_exception` raise queue.Full the second time, as pykka's do; the runtime uses `try_*`.
    """

    # Most asks change few of these, so they are the class's until then.
    to: Life | None = None  # who has to answer, to find circles; None if nobody of this process
    deferred = False  # set by defer_reply(): anybody may answer, so waiting for it is no circle
    asker: ActorRef[Any] | None = None  # whose code has asked; for one of another process, its root
    waits = False  # set when the asker does nothing else until there is an answer
    until_end_of: ActorRef[Any] | None = None  # set by ReplyHandle.until(): the answer waits for that end
    until_start_of: ActorRef[Any] | None = None  # the same of a start
    reads: Callable[[AskFuture[Any]], object] | None = None  # has whoever waits fetch the answer by himself
    bell = None  # whoever waits like that looks by himself
    _get_hook: Callable[[float | None], T] | None = None
    _get_hook_result: Any = NO_RESULT
    _done = False
    _value: T | None = None
    _error: BaseException | None = None
    _traceback: TracebackType | None = None
    _callbacks: list[Callable[[], object]] | None = None

    def __init__(self, to: Life | None = None) -> None:
        # pykka's own would set what the class says above.
        self._open = [None]
        if to is not None:
            self.to = to

    @property
    def done(self) -> bool:
        """True once there is an answer."""
        return self._done

    @property
    def error(self) -> BaseException | None:
        """What it was answered with, if that was an error; None also while there is no answer."""
        return self._error

    def get(self, *, timeout: float | None = None) -> T:
        """Wait for the answer.

        Errors: what the handler raised; AskTimeout; CallingSelf; ActorDeadError; BlockingLoop.
        """
        return self.wait_for(timeout, exact=timeout is not None)

    def wait_for(self, timeout: float | None, *, exact: bool) -> T:
        """Do the same. `exact`: the time is the caller's own, and to be kept whatever it costs."""
        if self._get_hook is not None:
            computed: T = self._get_by_hook(timeout)
            return computed
        if not self._done:
            to = self.to
            lent = to is not None and lend(to, self, exact=exact)
            if not lent:
                life = here().life
                if to is not None and to.dispatcher.would_block():
                    raise BlockingLoop(to.ref)
                if life is None:
                    self._wait(timeout)
                else:
                    self._wait_in(life, timeout)
        if self._error is not None:
            raise self._error.with_traceback(self._traceback)
        return self._value  # type: ignore[return-value]  # an answer without an error has a value

    def set(self, value: T | None = None) -> None:
        """Answer. Errors: queue.Full if it has an answer or a hook."""
        if self._get_hook is not None or not self._settle(value, None, None):
            raise queue.Full

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Answer with an error, by default the one being handled. Errors: queue.Full as for set()."""
        kind, error, traceback = sys.exc_info() if exc_info is None else exc_info
        if error is None:
            if kind is None:
                raise AssertionError("set_exception() without an exception")
            error = kind()
        if self._get_hook is not None or not self._settle(None, error, traceback):
            raise queue.Full

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Let `func` compute the answer when it is asked for. Errors: queue.Full if there is one already."""
        if self._done:
            raise queue.Full
        super().set_get_hook(func)

    def try_set(self, value: object) -> bool:
        """Answer unless somebody has."""
        return self._settle(value, None, None)

    def try_fail(self, error: BaseException) -> bool:
        """Answer with an error unless somebody has answered."""
        return self._settle(None, error, error.__traceback__)

    def add_done_callback(self, callback: Callable[[], object]) -> None:
        """Call back once there is an answer: at once if there is, else on the thread that answers."""
        callbacks = self.__dict__.setdefault("_callbacks", [])
        callbacks.append(callback)
        if self._done:  # perhaps since a moment ago: whoever takes it out of the list calls it
            _call_all(callbacks)

    def __await__(self) -> Generator[Any, None, T]:
        """Await the answer without holding up the event loop."""
        import asyncio  # whoever awaits has it already; for all others it would double the time to import this

        if self._get_hook is not None:
            computing = asyncio.get_running_loop().run_in_executor(None, self.get)
            computed: T = yield from computing.__await__()
            return computed
        if not self._done:
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[None] = loop.create_future()

            def wake() -> None:
                if not waiter.done():
                    waiter.set_result(None)

            def call() -> None:
                try:
                    loop.call_soon_threadsafe(wake)
                except RuntimeError:
                    return  # the loop has been closed: nobody awaits any more, and the actor is not to blame

            life = _awaiting_life()
            if life is not None:
                life.waiting_for = self
            try:
                if life is not None:
                    self.refuse_circle(life)
                self.add_done_callback(call)
                yield from waiter.__await__()
            finally:
                if life is not None:
                    life.waiting_for = None
        return self.get()

    __iter__ = __await__

    def _get_by_hook(self, timeout: float | None) -> Any:
        return super().get(timeout=timeout)

    def refuse_circle(self, life: Life) -> None:
        """Errors: CallingSelf if `life`, which is about to wait for this, would wait for itself."""
        circle = self.find_circle(life)
        if circle:
            life.system.bus.publish(Deadlocked(circle))
            raise CallingSelf(*circle)

    def find_circle(self, life: Life) -> tuple[str, ...]:
        """Who waits for whom, if that leads back to `life`, which is about to wait for this. Runs in: its thread."""
        return tuple(circle_of(self, life))

    def _settle(self, value: Any, error: BaseException | None, traceback: TracebackType | None) -> bool:
        try:
            self._open.pop()  # one step for all threads, and a quarter of the price of a lock
        except IndexError:
            return False
        self._value = value
        if error is not None:
            self._error = error
            self._traceback = traceback
        self._done = True
        callbacks = self._callbacks
        if callbacks:
            _call_all(callbacks)
        return True

    def _wait(self, timeout: float | None) -> None:
        gate = Gate()
        self.add_done_callback(gate.open)
        self._pass_through(gate, timeout)

    def _wait_in(self, life: Life, timeout: float | None) -> None:
        life.waiting_for = self
        try:
            self.refuse_circle(life)
            gate = Gate()
            life.waiting_at = gate
            self.add_done_callback(gate.open)
            if not life.fenced:
                self._pass_through(gate, timeout)
            if life.fenced:
                raise ActorExit(KILLED, killed=True)
        finally:
            life.waiting_for = life.waiting_at = None

    def _read(self) -> None:
        if self.reads is not None:
            self.reads(self)

    def _pass_through(self, gate: Gate, timeout: float | None) -> None:
        in_time = wait_at(gate, timeout, None if self.reads is None else self._read)
        if in_time:
            return
        with suppress(ValueError):  # it is being called
            (self._callbacks or []).remove(gate.open)  # who polls must not pile them up
        if not self._done and timeout is not None:
            raise AskTimeout(timeout, None if self.to is None else self.to.ref)


def _awaiting_life() -> Life | None:
    """Whose handler awaits here: not those who have made tasks of their own, which do not keep it from its messages."""
    import asyncio

    life = here().life
    task = asyncio.current_task()
    return life if task is not None and getattr(task.get_coro(), "whose", None) is life else None
