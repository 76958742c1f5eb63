"""External programs as supervised children: `ChildSpec(start=Start(CommandActor, (Command(("redis-server",)),)))`.

What lives here: what a program is to be, when it is ready, and what its end means. What must not: processes, pipes.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ...protocol.exits import NORMAL, ExitReason, ExitStatus
from ..actor import Actor
from ..errors import ActorDeadError
from ..events import ActorExited
from .errors import CommandNotReady
from .events import CommandEnded
from .os_process import ProcessEnd, exit_reason_of
from .pipes import Stream
from .program import Program

if TYPE_CHECKING:
    from ..describe import Description
    from ..handshake import StartHandle

__all__ = ("Command", "CommandActor", "FileReady", "LineReady", "PortReady", "Readiness")

PROBE_SECONDS: Final = 0.05  # between two looks at a port or a file; nobody tells of those
KILLED_SECONDS: Final = 2.0  # from SIGKILL to the end; longer only in uninterruptible sleep


@dataclass(frozen=True, slots=True)
class LineReady:
    """Ready when a line of its output matches this regular expression (anywhere in it)."""

    pattern: str
    stream: Literal["stdout", "stderr", "any"] = "any"

    def matches(self, stream: Stream, line: str) -> bool:
        """Say whether this line is the one."""
        return self.stream in ("any", stream) and re.search(self.pattern, line) is not None


@dataclass(frozen=True, slots=True)
class PortReady:
    """Ready when it accepts TCP connections on this port."""

    port: int
    host: str = "127.0.0.1"

    def holds(self) -> bool:
        """Look once; at most for the time between two looks."""
        try:
            with socket.create_connection((self.host, self.port), timeout=PROBE_SECONDS):
                return True
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class FileReady:
    """Ready when this file exists. One left over from the run before is removed at the start."""

    path: str

    def holds(self) -> bool:
        """Look once."""
        return Path(self.path).exists()


Readiness: TypeAlias = LineReady | PortReady | FileReady


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run. `env` is added to this process's; `ready=None`: ready as soon as it runs.

    Ended by `stop_signal` to its process group, then SIGKILL after `stop_timeout`, or at the supervisor's deadline.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    ready: Readiness | None = None
    ready_timeout: float = 10.0
    normal_exit_codes: frozenset[int] = frozenset({0})
    stop_signal: int = signal.SIGTERM
    stop_timeout: float = 5.0

    def __post_init__(self) -> None:
        given: object = self.argv
        if isinstance(given, str) or not given:
            raise ValueError(f"Command.argv: expected a sequence of words, got {self.argv!r}")

    def reason_of(self, end: ProcessEnd) -> ExitReason:
        """Say what the end of the program means."""
        reason = exit_reason_of(end)
        return NORMAL if isinstance(reason, ExitStatus) and reason.code in self.normal_exit_codes else reason


@dataclass(frozen=True, slots=True)
class _Ready:
    """Its line has come, or it is time to look."""

    seen: bool


@dataclass(frozen=True, slots=True)
class _Ended:
    """The program has ended."""

    reason: ExitReason


@dataclass(frozen=True, slots=True)
class _Late:
    """The time to be ready is over."""


class CommandActor(Actor):
    """Keeps one run of a program; ends when it ends.

    Its exit reason: NORMAL for the normal exit codes, ExitStatus, Signaled, or what it was asked to stop with.
    The last lines of stderr are in the `CommandEnded` event that comes before.
    """

    def __init__(self, command: Command) -> None:
        super().__init__(command)
        self.command = command
        self._ended = threading.Event()
        self._unready: StartHandle | None = None  # while it is not ready
        self._unsubscribe: Callable[[], None] = lambda: None

    def on_start(self) -> None:
        """Launch the program; ready when `command.ready` says so. Errors: OSError, CommandNotReady."""
        command = self.command
        if isinstance(command.ready, FileReady):
            Path(command.ready.path).unlink(missing_ok=True)
        self.program = Program(self.system, self.ref, on_line=self._line, on_end=self._end)
        self._unsubscribe = self.system.bus.subscribe(self._slay_with(self.ref.urn), ActorExited)
        env = {**os.environ, **command.env}
        self._unready = self.defer_start()
        self.program.launch(command.argv, env=env, cwd=command.cwd, first_signal=command.stop_signal)
        if command.ready is None:
            self._be_ready()
            return
        self.send_after(command.ready_timeout, _Late())
        if not isinstance(command.ready, LineReady):
            self.tell_self(_Ready(seen=False))

    def on_receive(self, message: object) -> object:
        """Hear of its readiness and of its end; it understands nothing else."""
        match message:
            case _Ended(reason):
                if self._unready is not None:
                    raise CommandNotReady(self.command.argv, f"it ended first: {reason}")
                self.exit(reason)
            case _Ready(seen=seen):
                self._check_ready(seen=seen)
            case _Late() if self._unready is not None:
                raise CommandNotReady(
                    self.command.argv, f"no {self.command.ready} within {self.command.ready_timeout} seconds"
                )
        return None

    def on_stop(self) -> None:
        """Walk down the ladder until the program has ended. Blocks at most up to the deadline, and a little."""
        if not self._ended.is_set():
            self.program.signal_group(self.command.stop_signal)
            patience = self.command.stop_timeout
            if self.stop_deadline is not None:
                patience = min(patience, max(0.0, self.stop_deadline - self.system.clock.now()) * 0.8)
            if not self._ended.wait(patience):
                self._kill()

    def on_failure(self, *_details: object) -> None:
        """Let nothing run on that nobody keeps."""
        self._kill()

    def describe(self) -> Description:
        """Say which program it is."""
        words: dict[str, object] = {"argv": list(self.command.argv)}
        return replace(super().describe(), pid=self.program.pid, details=words)

    def tell_self(self, message: object) -> None:
        """Put a message into its own mailbox; the dead need none."""
        with contextlib.suppress(ActorDeadError):
            self.ref.tell(message)

    def _check_ready(self, *, seen: bool) -> None:
        ready = self.command.ready
        if self._unready is None:
            return
        if seen or (ready is not None and not isinstance(ready, LineReady) and ready.holds()):
            self._be_ready()
        else:
            self.send_after(PROBE_SECONDS, _Ready(seen=False))

    def _be_ready(self) -> None:
        handle, self._unready = self._unready, None
        if handle is not None:
            handle.ready({"pid": self.program.pid})

    def _kill(self) -> None:
        if not self._ended.is_set() and self.program.pid:
            self.program.signal_group(signal.SIGKILL)
            self._ended.wait(KILLED_SECONDS)

    # In the I/O thread.

    def _line(self, stream: Stream, line: str) -> None:
        ready = self.command.ready
        if self._unready is not None and isinstance(ready, LineReady) and ready.matches(stream, line):
            self.tell_self(_Ready(seen=True))

    def _end(self, end: ProcessEnd, tail: tuple[str, ...]) -> None:
        reason = self.command.reason_of(end)
        self._ended.set()
        self._unsubscribe()
        program = self.program
        self.system.bus.publish(CommandEnded(self.ref, program.pid, reason, tail, end.max_rss_bytes))
        self.tell_self(_Ended(reason))

    def _slay_with(self, urn: str) -> Callable[[object], None]:
        """A kill runs no hook: end the program when the end of this life is announced."""
        number, program = self.incarnation, self.program

        def slay(event: object) -> None:
            if isinstance(event, ActorExited) and event.ref.urn == urn and event.incarnation == number:
                program.signal_group(signal.SIGKILL)
                self._unsubscribe()

        return slay
