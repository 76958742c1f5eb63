"""A circuit breaker around calls: fails at once while the other side is known to fail, instead of piling up waits.

What lives here: the lock, the clock and the ways to call. When it opens is decided in `circuit.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from .circuit import BreakerSettings, Circuit, CircuitState, Permit, Refusal
from .errors import CircuitOpen
from .events import CircuitClosed, CircuitHalfOpened, CircuitOpened

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..system import ActorSystem

__all__ = ("BreakerStatistics", "CircuitBreaker", "Guard")

P = ParamSpec("P")
T = TypeVar("T")

DEFAULTS: Final = BreakerSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerStatistics:
    """What has become of calls since the beginning."""

    state: CircuitState
    succeeded: int
    failed: int
    refused: int
    opened: int  # times
    retry_after: float  # seconds; 0 if it is not open


def _every(_error: Exception) -> bool:
    return True


class CircuitBreaker:
    """One for each thing that can fail on its own; share it among all who call that.

    `with breaker.guard(): ...` around any code, also in coroutines; `call`, `call_async`, `ask` and `ask_async` for the
    rest. What takes longer than `call_timeout` counts as a failure, also if it succeeds; only those that can be
    ended are: `call_async`, `ask` and `ask_async` raise when the time is over, `call` and `guard` cannot.
    An error for which `counts(error)` is false is an answer like any other. A call that is cancelled, or whose actor
    is ended, says nothing.

    Publishes CircuitOpened, CircuitHalfOpened and CircuitClosed on the bus of the system.
    Runs in: any thread; never waits. Time and jitter are those of the system.
    """

    def __init__(
        self,
        system: ActorSystem,
        name: str,
        settings: BreakerSettings = DEFAULTS,
        *,
        counts: Callable[[Exception], bool] = _every,
    ) -> None:
        self.name = name
        self.settings = settings
        self._counts = counts
        self._system = system
        self._lock = threading.Lock()
        self._circuit = Circuit(settings, system.rng)
        self._succeeded = self._failed = self._refused = self._opened = 0

    @property
    def state(self) -> CircuitState:
        """What it is now. An open one half opens with the first call after its time, not by itself."""
        return self._circuit.state

    def guard(self) -> Guard:
        """Make a context that is one call. Errors, on entering: CircuitOpen."""
        return Guard(self)

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call it. Errors: CircuitOpen; what it raises."""
        with self.guard():
            return function(*args, **kwargs)

    async def call_async(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call and await it, for `call_timeout` seconds. Errors: CircuitOpen; TimeoutError; what it raises."""
        import asyncio

        with self.guard():
            async with asyncio.timeout(self.settings.call_timeout):
                return await function(*args, **kwargs)

    def ask(self, ref: ActorRef, message: object) -> object:
        """Ask and wait for `call_timeout` seconds. Errors: CircuitOpen; those of `ref.ask`."""
        with self.guard():
            return ref.ask(message, timeout=self.settings.call_timeout)

    async def ask_async(self, ref: ActorRef, message: object) -> object:
        """Ask and await the answer for `call_timeout` seconds. Errors: CircuitOpen; TimeoutError; those of an ask."""

        async def answer() -> object:
            return await ref.ask(message, block=False)

        return await self.call_async(answer)

    def reset(self) -> None:
        """Close it now, as if it had never seen a failure."""
        with self._lock:
            self._circuit.reset()
            changes = self._take_changes()
        self._publish(changes, 0.0)

    def statistics(self) -> BreakerStatistics:
        """Count calls."""
        with self._lock:
            return BreakerStatistics(
                state=self._circuit.state,
                succeeded=self._succeeded,
                failed=self._failed,
                refused=self._refused,
                opened=self._opened,
                retry_after=self._circuit.remaining(self._system.clock.now()),
            )

    def _admit(self) -> Permit:
        now = self._system.clock.now()
        with self._lock:
            admitted = self._circuit.admit(now)
            if isinstance(admitted, Refusal):
                self._refused += 1
            remaining = self._circuit.remaining(now)
            changes = self._take_changes()
        self._publish(changes, remaining)
        if isinstance(admitted, Refusal):
            raise CircuitOpen(self.name, admitted.retry_after)
        return admitted

    def _settle(self, permit: Permit, error: BaseException | None) -> None:
        if error is None:
            succeeded: bool | None = True
        else:
            succeeded = not self._counts(error) if isinstance(error, Exception) else None
        now = self._system.clock.now()
        with self._lock:
            self._succeeded += succeeded is True
            self._failed += succeeded is False
            self._circuit.settle(permit, now, succeeded=succeeded)
            remaining = self._circuit.remaining(now)
            changes = self._take_changes()
        self._publish(changes, remaining)

    def _take_changes(self) -> tuple[CircuitState, ...]:
        changes = tuple(self._circuit.changes)
        self._circuit.changes.clear()
        self._opened += changes.count(CircuitState.OPEN)
        return changes

    def _publish(self, changes: tuple[CircuitState, ...], remaining: float) -> None:
        for state in changes:
            match state:
                case CircuitState.OPEN:
                    self._system.bus.publish(CircuitOpened(self.name, remaining))
                case CircuitState.HALF_OPEN:
                    self._system.bus.publish(CircuitHalfOpened(self.name))
                case CircuitState.CLOSED:
                    self._system.bus.publish(CircuitClosed(self.name))


class Guard:
    """One call through a breaker, as a context; to be entered once."""

    __slots__ = ("_breaker", "_permit")

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._permit: Permit | None = None

    def __enter__(self) -> None:
        if self._permit is not None:
            raise RuntimeError(f"circuit {self._breaker.name!r}: a guard is one call, expected a new one, got it again")
        self._permit = self._breaker._admit()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._permit is None:
            raise AssertionError("left without having been entered")
        self._breaker._settle(self._permit, error)
