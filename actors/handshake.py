"""A start that is not over when on_start returns: for actors that have to wait for others before they are ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from ..protocol.exits import ExitReason
from .beginning import settle_started
from .control import ActorExit
from .extras import extras_of
from .waits import end_circle

if TYPE_CHECKING:
    from .life import Life
    from .ref import ActorRef

__all__ = ("StartHandle",)


class StartHandle:
    """Finishes one start, on the actor's own thread. Until then the starter waits, and its start_timeout runs on.

    An actor that ends before, however that comes, has failed to start.
    Source: OTP proc_lib:init_ack/1.
    """

    __slots__ = ("_life",)

    def __init__(self, life: Life) -> None:
        self._life = life

    def ready(self, info: object = None) -> None:
        """Tell the starter that it is ready. Nothing happens the second time."""
        settle_started(self._life, info)

    def until(self, ref: ActorRef[Any]) -> None:
        """Say that it is ready when `ref` is: so a circle of waits through this start is found."""
        extras_of(self._life).starts_with = ref  # first: who begins to wait after the look below finds it
        end_circle(ref)

    def fail(self, error: BaseException) -> NoReturn:
        """End, with this error as the outcome of the start. Does not return."""
        self._life.start_refused = error.__traceback__ is None
        raise error

    def end(self, reason: ExitReason) -> NoReturn:
        """End with this reason, before being ready. Does not return."""
        raise ActorExit(reason)
