"""How the start of a life ended: the handshake between a starter and what it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from ..protocol.exits import ExitReason
from .current import current_life
from .errors import StartError, StartIgnored
from .futures import AskFuture, Gate, wait_at
from .signals import ExitReport

if TYPE_CHECKING:
    from .ref import ActorRef

__all__ = ("Ignored", "StartFailed", "StartOutcome", "StartWaiter", "Started")


@dataclass(frozen=True, slots=True)
class Started:
    """It is ready. `info` is what its on_start left in `start_info`."""

    ref: ActorRef
    incarnation: int
    info: object = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """It chose not to run."""

    ref: ActorRef
    incarnation: int


@dataclass(frozen=True, slots=True)
class StartFailed:
    """It ended before it was ready. `error` is the exception itself, if there is one in this process."""

    ref: ActorRef
    incarnation: int
    reason: ExitReason
    report: ExitReport | None = None
    error: BaseException | None = field(default=None, compare=False, repr=False)


StartOutcome: TypeAlias = Started | Ignored | StartFailed


class StartWaiter:
    """An `on_outcome` for starters that want to wait."""

    def __init__(self) -> None:
        self._gate: Gate | None = None  # made by who waits: most have been told by then, where starters run the start
        self._outcome: StartOutcome | None = None

    def __call__(self, outcome: StartOutcome) -> None:
        """Take the outcome."""
        if self._outcome is not None:
            raise AssertionError(f"a start has one outcome: {self._outcome}, then {outcome}")
        self._outcome = outcome
        gate = self._gate
        if gate is not None:
            gate.open()

    def wait_for(self, ref: ActorRef[Any], begin: Callable[[], object]) -> ActorRef[Any]:
        """Begin a life of `ref` and wait. An actor waits for it as for an answer, so that a circle is found.

        Errors: as `wait`; CallingSelf.
        """
        life = current_life()
        if life is None:
            begin()
            return self.wait()
        starting: AskFuture[None] = AskFuture()
        starting.until_start_of = ref
        life.waiting_for = starting
        try:
            begin()
            if self._outcome is None:
                starting.refuse_circle(life)
            return self.wait()
        finally:
            life.waiting_for = None

    @property
    def told(self) -> bool:
        """True once there is nothing to wait for."""
        return self._outcome is not None

    def wait(self) -> ActorRef:
        """Wait until it is ready. The wait is bounded by the start_timeout of what is being started.

        Errors: the start's own exception; StartTimeout; StartIgnored; StartError for any other end.
        """
        if self._outcome is None:
            gate = self._gate = Gate()
            if not self.told:  # looked at again: it may have come before there was a gate to open
                wait_at(gate, None)
        outcome = self._outcome
        match outcome:
            case Started(ref=ref):
                return ref
            case Ignored(ref=ref):
                raise StartIgnored(ref)
            case StartFailed(ref=ref, reason=reason, error=error):
                # SystemExit of the child must not become the caller's.
                if isinstance(error, Exception):
                    raise error
                raise StartError(ref, reason)
            case None:
                raise AssertionError("settled without an outcome")
