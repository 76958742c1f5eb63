"""An address for tests: it collects what it is sent, and lets a test wait for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

from pykka.messages import ProxyGetAttr

from ..actor import Actor
from ..clock import monotonic
from ..options import SpawnOptions
from ..outcome import StartOutcome
from ..ref import ActorRef
from ..system import ActorSystem

__all__ = ("Probe",)

T = TypeVar("T")

WAIT_SECONDS: Final = 5.0  # real time; only a failing test ever waits that long


class _Collector(Actor):
    dispatcher = "thread"  # so that it hears of those who hold up everybody else
    trap_exit = True

    def __init__(self, take: Callable[[object], None]) -> None:
        self._take = take

    def on_receive(self, message: object) -> None:
        self._take(message)


class Probe:
    """An actor that traps exits and keeps every message, with its `ref`, for the test's thread to look at.

    Source: akka TestProbe; suture's sync channel.
    """

    def __init__(self, system: ActorSystem, name: str = "probe") -> None:
        self.system = system
        self._condition = threading.Condition()
        self._messages: deque[object] = deque()
        self.ref: ActorRef = system.spawn(_Collector, self._take, options=SpawnOptions(start_timeout=WAIT_SECONDS))
        self.ref.name = name

    def expect(self, kind: type[T], timeout: float = WAIT_SECONDS, *, match: Callable[[T], bool] | None = None) -> T:
        """Take the next message; it must be of this kind (and match). Errors: AssertionError naming what came."""
        message = self._next(timeout, f"expected a {kind.__name__}")
        if not isinstance(message, kind) or (match is not None and not match(message)):
            raise AssertionError(f"probe: expected a {kind.__name__}, got {message!r}; then {self.received()!r}")
        return message

    def fish(self, kind: type[T], timeout: float = WAIT_SECONDS, *, match: Callable[[T], bool] | None = None) -> T:
        """Take messages until one is of this kind (and matches); the others are lost. Errors: AssertionError."""
        deadline = monotonic() + timeout
        while True:
            message = self._next(deadline - monotonic(), f"expected a {kind.__name__}")
            if isinstance(message, kind) and (match is None or match(message)):
                return message

    def expect_nothing(self) -> None:
        """Say that nothing has come; what is in its mailbox now is handled first. Errors: AssertionError."""
        self.sync(self.ref)
        if self._messages:
            raise AssertionError(f"probe: expected nothing, got {self.received()!r}")

    def received(self) -> tuple[object, ...]:
        """All that has come and has not been taken."""
        with self._condition:
            return tuple(self._messages)

    def sync(self, ref: ActorRef, timeout: float = WAIT_SECONDS) -> None:
        """Wait until `ref` has handled all that it was sent before. Errors: ActorDeadError; AskTimeout."""
        ref.ask(ProxyGetAttr(("actor_urn",)), timeout=timeout)

    def monitor(self, ref: ActorRef) -> int:
        """Get a Down when it ends."""
        return self.system.monitor(self.ref, ref)

    def link(self, ref: ActorRef) -> None:
        """Get an Exit when it ends, and let it get one when the probe ends."""
        self.system.link(self.ref, ref)

    def outcome(self, outcome: StartOutcome) -> None:
        """Collect the outcome of a start: pass it as `on_outcome` to `system.begin`."""
        self._take(outcome)

    def _take(self, message: object) -> None:
        with self._condition:
            self._messages.append(message)
            self._condition.notify_all()

    def _next(self, timeout: float, wanted: str) -> object:
        with self._condition:
            if not self._condition.wait_for(lambda: self._messages, max(0.0, timeout)):
                raise AssertionError(f"probe: {wanted} within the time, got nothing")
            return self._messages.popleft()
