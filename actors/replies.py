"""Answers that come later than the handler returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .futures import AskFuture

__all__ = ("ReplyHandle",)


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

    def set(self, value: object = None) -> bool:
        """Answer. Gives False if nobody waits (any more)."""
        self._forget(self)
        return self._future is not None and self._future.try_set(value)

    def fail(self, error: BaseException) -> bool:
        """Answer with an error. Gives False if nobody waits (any more)."""
        self._forget(self)
        return self._future is not None and self._future.try_fail(error)
