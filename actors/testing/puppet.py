"""An actor that does what a test tells it, and keeps a diary that outlives it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, TypeAlias

from ...protocol.exits import ExitReason
from ..actor import Actor
from ..child_spec import Start
from ..clock import monotonic
from ..control import Reply

__all__ = ("Hold", "Puppet", "PuppetError", "Script", "crash", "exit_with", "hang", "kill_self", "refuse")

WAIT_SECONDS: Final = 5.0

Command: TypeAlias = "Callable[[Puppet], object]"


class PuppetError(Exception):
    """What a puppet raises when it is told to crash."""


class Hold:
    """A place where a puppet waits until the test lets it go; the test can wait until it is there."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._wakes: list[Callable[[], object]] = []

    def __call__(self, puppet: object = None) -> object:
        """Wait here, at most for a minute. Runs in: the puppet's thread; on an event loop it is to be awaited."""
        life = puppet._life if isinstance(puppet, Actor) else None
        if life is not None and life.dispatcher.runs_coroutines:
            return self._wait_on_loop()
        self._reached.set()
        self._released.wait(60.0)
        return "released"

    async def _wait_on_loop(self) -> str:
        import asyncio

        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        with self._lock:
            self._wakes.append(lambda: loop.call_soon_threadsafe(wake))
            released = self._released.is_set()
        if released:
            wake()
        self._reached.set()
        await asyncio.wait_for(waiter, 60.0)
        return "released"

    def wait_reached(self, timeout: float = WAIT_SECONDS) -> None:
        """Wait until somebody is held. Errors: AssertionError."""
        if not self._reached.wait(timeout):
            raise AssertionError("hold: expected somebody to get here, nobody came")

    def release(self) -> None:
        """Let everybody go, now and later."""
        with self._lock:
            self._released.set()
            wakes, self._wakes = self._wakes, []
        for wake in wakes:
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                wake()


@dataclass
class Script:
    """What puppets do in their hooks, and their diary: shared by all lives that are started with it."""

    on_start: Command | None = None
    on_stop: Command | None = None
    on_failure: Command | None = None
    on_stop_request: Command | None = None
    trap_exit: bool = False
    _entries: list[tuple[str, int]] = field(default_factory=list)
    _condition: threading.Condition = field(default_factory=threading.Condition)

    @property
    def start(self) -> Start:
        """How a supervisor starts a puppet that follows this script."""
        return Start(Puppet, (self,))

    def diary(self) -> tuple[tuple[str, int], ...]:
        """Which hooks have run, in which incarnation."""
        with self._condition:
            return tuple(self._entries)

    def hooks(self) -> tuple[str, ...]:
        """Which hooks have run."""
        return tuple(hook for hook, _ in self.diary())

    def wait_for(self, hook: str, *, times: int = 1, timeout: float = WAIT_SECONDS) -> None:
        """Wait until a hook has run so many times. Errors: AssertionError."""
        deadline = monotonic() + timeout
        with self._condition:
            while sum(entry == hook for entry, _ in self._entries) < times:
                if not self._condition.wait(max(0.0, deadline - monotonic())):
                    raise AssertionError(f"script: expected {hook} {times} times, got {self._entries}")

    def note(self, hook: str, incarnation: int) -> None:
        """Write into the diary."""
        with self._condition:
            self._entries.append((hook, incarnation))
            self._condition.notify_all()


class Puppet(Actor):
    """Calls messages that can be called, with itself; answers all others with themselves, and keeps them."""

    def __init__(self, script: Script | None = None) -> None:
        self._script = Script() if script is None else script
        self.trap_exit = self._script.trap_exit
        self.seen: list[object] = []

    def on_start(self) -> Any:
        """Follow the script."""
        return self._follow("on_start", self._script.on_start)

    def on_stop(self) -> Any:
        """Follow the script."""
        return self._follow("on_stop", self._script.on_stop)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,  # noqa: ARG002
        exception_value: BaseException | None,  # noqa: ARG002
        traceback: TracebackType | None,  # noqa: ARG002
    ) -> Any:
        """Follow the script."""
        return self._follow("on_failure", self._script.on_failure)

    def on_stop_request(self, reason: ExitReason) -> Any:
        """Follow the script, or end at once."""
        returned = self._follow("on_stop_request", self._script.on_stop_request)
        if self._script.on_stop_request is None:
            self.exit(reason)
        return returned

    def on_receive(self, message: object) -> object:
        """Do what it is told, or keep it."""
        if callable(message):
            return message(self)
        self.seen.append(message)
        return message

    def _follow(self, hook: str, command: Command | None) -> object:
        """Give what the command gives: a coroutine, if it is one that waits on an event loop."""
        self._script.note(hook, self.incarnation)
        return None if command is None else command(self)


def crash(error: BaseException | None = None) -> Command:
    """Raise this."""

    def command(_puppet: Puppet) -> object:
        raise PuppetError("told to crash") if error is None else error

    return command


def exit_with(reason: ExitReason) -> Command:
    """End with this reason."""
    return lambda puppet: puppet.exit(reason)


def hang(hold: Hold) -> Command:
    """Wait until the test lets it go."""
    return hold


def refuse(error: BaseException) -> Command:
    """Answer an error and live."""

    def command(_puppet: Puppet) -> object:
        raise Reply(error)

    return command


def kill_self(puppet: Puppet) -> object:
    """End at once, without a hook."""
    puppet.ref.kill()
    return None
