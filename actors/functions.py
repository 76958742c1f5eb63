"""A function as the whole life of an actor: it runs on the actor's own thread, and its end is the actor's end.

What lives here: running a plain or an async function, and telling it that it is to end. What must not: who starts it.
Whether an end was asked for is decided by what came into the mailbox, never by the type of what was raised: a
CancelledError or a TimeoutError of somebody else is a crash like any other.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from ..protocol.exits import KILLED, NORMAL, ExitReason, Normal
from .actor import Actor
from .child_spec import Start
from .errors import ActorDeadError, ReturnedStart, ReturnedUnready
from .signals import ExitSignal, StopRequest

if TYPE_CHECKING:
    from .handshake import StartHandle
    from .life import Life
    from .ref import ActorRef

__all__ = (
    "CANCELLED",
    "FunctionActor",
    "StopToken",
    "injected_names",
    "is_async",
    "name_of",
    "order_to_run",
    "run_function",
)

CANCELLED: Final = object()
READY: Final = "ready"
STOP: Final = "stop"


class StopToken:
    """Tells a function that it is to end; it has the methods of a threading.Event that only looks.

    It is set by a request to stop, by an exit signal, and also when the life has been killed: then nobody waits for
    the function any more, but its thread is free again as soon as it returns.
    """

    __slots__ = ("_callback", "_event", "_lock", "_reason")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._reason: ExitReason | None = None
        self._callback: Callable[[], object] | None = None

    @property
    def reason(self) -> ExitReason | None:
        """Why it is to end; None while it is not."""
        return self._reason

    def is_set(self) -> bool:
        """Say whether it is to end."""
        return self._event.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is to end, at most `timeout` seconds of real time; without, for as long as it lives.

        Gives True if it is to end: `while not stop.wait(10.0): ...` does something every ten seconds.
        """
        return self._event.wait(timeout)

    def set(self, reason: ExitReason) -> None:
        """Say that it is to end; the first reason stays. Runs in: any thread."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            self._event.set()  # with the lock held: a callback that comes now must find it set
            callback = self._callback
        if callback is not None:
            callback()

    def on_set(self, callback: Callable[[], object]) -> None:
        """Call back once it is set: at once if it is, else on the thread that sets it."""
        with self._lock:
            self._callback = callback
            due = self._reason is not None
        if due:
            callback()

    def __repr__(self) -> str:
        return f"StopToken({'not set' if self._reason is None else self._reason})"


@functools.lru_cache(maxsize=256)
def order_to_run(name: str | None) -> object:
    """Make what an actor tells itself to run its function, once a name: of a class with the name of the function, as
    that is what an ExitReport gives for the message in hand.
    """
    return type(name or "function", (), {"__slots__": ()})()


class FunctionActor(Actor):
    """Runs `function(*args, **kwargs)`, and ends with it: normally when it returns, with a crash when it raises.

    A parameter named `stop` that is not given gets a StopToken; one named `ready` gets a function to call, once, with
    whatever its starter shall be told: without it, the child is ready before the function begins. An async function
    runs in an event loop of its own and is told to end by the cancellation of its task.
    What ignores both is abandoned when its shutdown time is over. Messages to it are not handled while it runs.
    `function` may be an import path. Errors: ReturnedUnready; ReturnedStart.
    """

    dispatcher = "thread"  # which it has for itself as long as it runs
    long_running = True

    def __init__(self, function: Callable[..., object] | str, *args: object, **kwargs: object) -> None:
        if isinstance(function, str):
            from .hosting.import_path import resolve

            function = cast(Callable[..., object], resolve(function))
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._unready: StartHandle | None = None
        self._run_it = order_to_run(name_of(function))

    def on_start(self) -> None:
        """Be ready, unless the function wants to say that itself; it runs right after this."""
        if READY in injected_names(self._function, self._args, self._kwargs):
            self._unready = self.defer_start()
        with suppress(ActorDeadError):  # killed already
            self.ref.tell(self._run_it)

    def on_receive(self, message: object) -> object:
        """Run, and end; there is nothing else that it understands. A request to stop that came before goes first."""
        if message is self._run_it:
            self._run()
        return super().on_receive(message)

    def _run(self) -> NoReturn:
        token = StopToken()
        more = {READY: self._be_ready} if self._unready is not None else {}
        returned = run_function(self._alive(), token, self._function, self._args, {**self._kwargs, **more})
        if token.reason is not None:
            self.exit(token.reason)
        if isinstance(returned, Start):
            raise ReturnedStart(self._function)
        if self._unready is not None:
            raise ReturnedUnready(self._function)
        self.exit(NORMAL)

    def _be_ready(self, info: object = None) -> None:
        handle, self._unready = self._unready, None
        if handle is not None:
            handle.ready(info)


def is_async(function: Callable[..., object]) -> bool:
    """Say whether calling it gives a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def name_of(target: object) -> str | None:
    """Say what a class, a function or what it was made of is called; None for what has no name."""
    while isinstance(target, functools.partial):
        target = target.func
    if isinstance(target, str):
        return target.rpartition(":")[2]
    name: object = getattr(target, "__name__", None) or type(target).__name__
    return name if isinstance(name, str) and name.isidentifier() else None


def injected_names(
    function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> frozenset[str]:
    """Give which of `stop` and `ready` the function takes by name and is not given. An async one is given no `stop`."""
    code: object = getattr(function, "__code__", None)
    if isinstance(code, CodeType) and not hasattr(function, "__wrapped__") and not hasattr(function, "__signature__"):
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if READY not in names and STOP not in names:
            return frozenset()  # as most; to read a signature takes longer than to start a task
    try:
        signature = inspect.signature(function)
        given = signature.bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):  # it does not say, or the arguments do not fit: calling it will tell
        return frozenset()
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    offered = (READY,) if is_async(function) else (READY, STOP)
    return frozenset(
        name
        for name in offered
        if name not in given and name in signature.parameters and signature.parameters[name].kind in by_name
    )


def run_function(
    life: Life,
    token: StopToken,
    function: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> object:
    """Run it to its end on this thread and give what it returns; `token` is set when it is to end.

    A coroutine whose end was asked for and that let itself be cancelled gives CANCELLED.
    Errors: whatever it raises.
    """
    own = life.ref

    def watch(message: object) -> None:
        reason = _reason_to_end(own, message)
        if reason is not None:
            token.set(reason)

    life.mailbox.watch_stops(watch)
    try:
        more = {STOP: token} if STOP in injected_names(function, args, kwargs) else {}
        returned = function(*args, **kwargs, **more)
        if inspect.iscoroutine(returned):
            return _run_coroutine(token, returned)
        return returned
    finally:
        life.mailbox.watch_stops(None)


def _run_coroutine(token: StopToken, coroutine: Coroutine[Any, Any, object]) -> object:
    import asyncio  # here: most programs have no coroutines, and it takes its time to import

    async def cancellable() -> object:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is None:
            raise AssertionError("a coroutine without a task")

        def cancel() -> None:
            with suppress(RuntimeError):  # the loop is closed: it has ended already
                loop.call_soon_threadsafe(task.cancel)

        token.on_set(cancel)
        return await coroutine

    try:
        with asyncio.Runner() as runner:
            return runner.run(cancellable())
    except asyncio.CancelledError:
        if token.is_set():
            return CANCELLED
        raise


def _reason_to_end(own: ActorRef[Any], message: object) -> ExitReason | None:
    """Say with what a message of the stop lane will end an actor that does not trap exits; None closes the mailbox."""
    match message:
        case None:
            return KILLED
        case StopRequest(reason=reason):
            return reason
        case ExitSignal(signal) if not isinstance(signal.reason, Normal) or signal.sender is own:
            return signal.reason
        case _:
            return None
