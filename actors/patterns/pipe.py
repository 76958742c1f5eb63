"""Results of work that runs elsewhere, as messages: no actor has to wait for a future.

Source: akka's pipeTo.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pykka

from ..current import enter_life
from ..errors import ActorDeadError, MailboxFull
from ..events import DeadLetter
from ..futures import AskFuture

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..system import ActorSystem

__all__ = ("PipedError", "Pipes", "Source", "pipe_to")


Source: TypeAlias = "AskFuture[Any] | concurrent.futures.Future[Any] | Awaitable[Any] | object"
"""What can be piped: the future of an ask, one of an executor, or anything that can be awaited."""

CAUGHT: Final = (Exception, asyncio.CancelledError)
"""What a result may be instead of a value; asyncio's cancellation is no Exception."""


@dataclass(frozen=True, slots=True)
class PipedError:
    """What comes instead of a result."""

    error: BaseException


class Pipes:
    """The tasks of a system that run to be piped: an event loop itself does not keep them alive."""

    def __init__(self, _system: ActorSystem) -> None:
        self.tasks: set[asyncio.Future[Any]] = set()

    def close(self) -> None:
        """Let go of them; they belong to their loops."""
        self.tasks.clear()


def pipe_to(
    source: Source,
    ref: ActorRef,
    *,
    transform: Callable[[Any], object] | None = None,
    on_error: Callable[[BaseException], object] = PipedError,
    this_life_only: bool = False,
) -> None:
    """Tell `ref` the result when there is one, made into a message by `transform`; an error as `on_error` makes it.

    A coroutine, or another awaitable that is no future, is run in the event loop of the caller. With `this_life_only`
    a result that comes when `ref` has begun another life is a dead letter.
    Runs in: any thread, never blocks; what it is given runs on the thread that has the result.
    Errors: RuntimeError for an awaitable without a running loop; TypeError for what is none of these.
    """
    deliver = _Delivery(ref, transform, on_error, ref.incarnation if this_life_only else None)
    if isinstance(source, AskFuture) and source._get_hook is None:
        asked = source
        asked.add_done_callback(lambda: deliver(asked.get))
    elif isinstance(source, concurrent.futures.Future | asyncio.Future):
        source.add_done_callback(lambda done: deliver(done.result))
    elif isinstance(source, Awaitable) and not isinstance(source, pykka.Future):
        _run(source, ref.system.part(Pipes), deliver)
    else:
        raise TypeError(
            f"pipe_to: expected the future of an ask, of an executor or of asyncio, or an awaitable, got {source!r}"
        )


class _Delivery:
    def __init__(
        self,
        ref: ActorRef,
        transform: Callable[[Any], object] | None,
        on_error: Callable[[BaseException], object],
        incarnation: int | None,
    ) -> None:
        self._ref = ref
        self._transform = transform
        self._on_error = on_error
        self._incarnation = incarnation

    def __call__(self, result: Callable[[], object]) -> None:
        """Send it. Runs in: whoever has the result, who may be an actor and has no part in this."""
        before = enter_life(None)
        try:
            self._send(self._message(result))
        finally:
            enter_life(before)

    def _message(self, result: Callable[[], object]) -> object:
        try:
            value = result()
            return value if self._transform is None else self._transform(value)
        except CAUGHT as error:
            return self._on_error(error)

    def _send(self, message: object) -> None:
        ref = self._ref
        if self._incarnation is not None and ref.incarnation != self._incarnation:
            ref.system.bus.publish(DeadLetter(ref, message, "meant for an earlier life"))
            return
        try:
            ref.tell(message)
        except ActorDeadError:
            return  # a dead letter has been published
        except MailboxFull as full:
            ref.system.bus.publish(DeadLetter(ref, message, str(full)))


def _run(source: Awaitable[Any], pipes: Pipes, deliver: _Delivery) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        if isinstance(source, Coroutine):
            source.close()  # it will never run
        raise RuntimeError(
            f"pipe_to: expected a running event loop for {source!r}, got none in this thread; "
            "give it the future of asyncio.run_coroutine_threadsafe(coroutine, loop)"
        ) from None
    task = asyncio.ensure_future(source, loop=loop)
    pipes.tasks.add(task)
    task.add_done_callback(pipes.tasks.discard)
    task.add_done_callback(lambda done: deliver(done.result))
