"""Answers that come later than the handler returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from .errors import CallingSelf
from .events import Deadlocked
from .futures import AskFuture
from .lineage import way_down
from .waits import end_circle

if TYPE_CHECKING:
    from .life import Life
    from .ref import ActorRef

__all__ = ("UNWANTED", "ReplyHandle", "answer_at_end", "waiting_asker")


def waiting_asker(life: Life) -> ActorRef[Any] | None:
    """Who waits for the answer to the ask that `life` has in hand, and does nothing else; None if nobody does."""
    future = life.ask_in_hand()
    return future.asker if future is not None and future.waits else None


def answer_at_end(life: Life) -> None:
    """Answer the ask in hand with None when the exit of `life` has been announced."""
    future = life.ask_in_hand()
    if future is not None:
        future.deferred = True
        life.answer_when_over(future)
        _answer_waits_for(future, life.ref)


def _answer_waits_for(future: AskFuture[Any], ref: ActorRef[Any]) -> None:
    future.until_end_of = ref  # first: an asker that begins to wait after the look below finds it
    asker, asked = future.asker, future.to
    waiting_for = None if asker is None else getattr(asker.cell, "waiting_for", None)
    if asker is None or asked is None or waiting_for is not future:
        return
    circle = way_down(ref, asker, asked=asked.ref)
    if circle and future.try_fail(CallingSelf(*circle)):
        asked.system.bus.publish(Deadlocked(tuple(circle)))


class ReplyHandle:
    """Answers one ask, once, from any thread; if the actor dies first the asker gets ActorDeadError.

    Source: gen_server:reply/2 with {noreply, State}.
    """

    __slots__ = ("_forget", "_future")

    def __init__(self, future: AskFuture[Any] | None, forget: Callable[[ReplyHandle], None]) -> None:
        self._future = future
        self._forget = forget

    @property
    def wanted(self) -> bool:
        """False if nobody waits: the message was told, or has its answer."""
        return self._future is not None and not self._future.done

    def until(self, ref: ActorRef[Any]) -> None:
        """Say that the answer comes when `ref` has ended: whoever lives below it gets CallingSelf if it waits."""
        if self._future is not None:
            _answer_waits_for(self._future, ref)

    def until_started(self, ref: ActorRef[Any]) -> None:
        """Say that the answer comes when `ref` has started: who waits for that, and is waited for, gets CallingSelf."""
        if self._future is not None:
            self._future.until_start_of = ref  # first, as above
            end_circle(ref)

    def set(self, value: object = None) -> bool:
        """Answer. Gives False if nobody waits (any more)."""
        self._forget(self)
        return self._future is not None and self._future.try_set(value)

    def fail(self, error: BaseException) -> bool:
        """Answer with an error. Gives False if nobody waits (any more)."""
        self._forget(self)
        return self._future is not None and self._future.try_fail(error)


UNWANTED: Final = ReplyHandle(None, lambda _: None)
"""For all messages whose answer nobody wants."""
