"""External programs as supervised children: `ChildSpec(start=Start(CommandActor, (Command(("redis-server",)),)))`.

What lives here: what a program is to be, when it is ready, and what its end means. What must not: processes, pipes.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...protocol.exits import NORMAL, ExitReason, ExitStatus
from ..actor import Actor
from ..errors import ActorDeadError
from ..events import ActorExited
from .errors import CommandNotReady
from .events import CommandEnded
from .notify_socket import NOTIFY_SOCKET, NotifySocket
from .os_process import ProcessEnd, exit_reason_of
from .pipes import Stream
from .program import Program
from .readiness import (
    PROBE_SECONDS,
    FileReady,
    LineReady,
    LineWatch,
    NotifyReady,
    PortReady,
    Readiness,
    check_readiness,
)

if TYPE_CHECKING:
    from ..describe import Description
    from ..handshake import StartHandle

__all__ = ("Command", "CommandActor")

KILLED_SECONDS: Final = 2.0  # from SIGKILL to the end; longer only in uninterruptible sleep


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run. `env` is added to this process's; `ready=None`: ready as soon as it runs.

    It runs in a session and process group of its own, with /dev/null as its stdin; its output is captured, line by
    line, so much a second and no more. Ended by `stop_signal` to its process group, then SIGKILL after `stop_timeout`,
    or at the supervisor's deadline.
    Errors: ValueError naming field, expected and got.
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
        argv: object = self.argv
        if isinstance(argv, str) or not isinstance(argv, Sequence) or not argv or not all(map(_is_text, argv)):
            raise ValueError(f"Command.argv: expected a sequence of words, got {argv!r}")
        for name, value in self.env.items():
            if not _is_text(name) or not name or "=" in name or not _is_text(value):
                raise ValueError(f"Command.env: expected names and values that are text, got {name!r}: {value!r}")
        check_readiness(self.ready)
        if isinstance(self.ready, NotifyReady) and NOTIFY_SOCKET in self.env:
            raise ValueError(f"Command.env: expected no {NOTIFY_SOCKET} beside ready=NotifyReady(), which sets it")
        for field_name, least in (("ready_timeout", "> 0"), ("stop_timeout", ">= 0")):
            seconds: object = getattr(self, field_name)
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not _fits(seconds, least):
                raise ValueError(f"Command.{field_name}: expected finite seconds {least}, got {seconds!r}")

    def reason_of(self, end: ProcessEnd) -> ExitReason:
        """Say what the end of the program means."""
        reason = exit_reason_of(end)
        return NORMAL if isinstance(reason, ExitStatus) and reason.code in self.normal_exit_codes else reason


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _fits(seconds: float, least: str) -> bool:
    return math.isfinite(seconds) and (seconds > 0 if least == "> 0" else seconds >= 0)


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
        self._line_watch = LineWatch(command.ready) if isinstance(command.ready, LineReady) else None
        self._notify: NotifySocket | None = None
        self._status = ""  # what it has said of itself last
        self._unsubscribe: Callable[[], None] = lambda: None

    def on_start(self) -> None:
        """Launch the program; ready when `command.ready` says so. Errors: OSError, CommandNotReady."""
        command = self.command
        if isinstance(command.ready, FileReady):
            Path(command.ready.path).unlink(missing_ok=True)
        self.program = Program(self.system, self.ref, on_output=self._output, on_end=self._end)
        env = {name: value for name, value in os.environ.items() if name != NOTIFY_SOCKET}  # ours is not theirs
        env.update(command.env)
        self._unready = self.defer_start()
        if isinstance(command.ready, NotifyReady):
            self._notify = NotifySocket(self.system.hosting.loop, self._notified, abstract=command.ready.abstract)
            env[NOTIFY_SOCKET] = self._notify.address
        self._unsubscribe = self.system.bus.subscribe(self._slay_with(self.ref.urn), ActorExited)
        try:
            self.program.launch(command.argv, env=env, cwd=command.cwd, first_signal=command.stop_signal)
        except BaseException:
            self._let_go()
            raise
        if command.ready is None:
            self._be_ready()
            return
        self.send_after(command.ready_timeout, _Late())
        if isinstance(command.ready, PortReady | FileReady):
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
                said = f'; it last said "{self._status}"' if self._status else ""
                why = f"no {self.command.ready} within {self.command.ready_timeout} seconds{said}"
                raise CommandNotReady(self.command.argv, why)
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
        if self._status:
            words["status"] = self._status
        return replace(super().describe(), pid=self.program.pid, details=words)

    def tell_self(self, message: object) -> None:
        """Put a message into its own mailbox; the dead need none."""
        with contextlib.suppress(ActorDeadError):
            self.ref.tell(message)

    def _check_ready(self, *, seen: bool) -> None:
        ready = self.command.ready
        if self._unready is None:
            return
        if seen or (isinstance(ready, PortReady | FileReady) and ready.holds()):
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

    def _output(self, stream: Stream, data: bytes) -> None:
        if self._line_watch is not None and self._line_watch.feed(stream, data):
            self._line_watch = None
            self.tell_self(_Ready(seen=True))

    def _notified(self, fields: Mapping[str, str]) -> None:
        self._status = fields.get("STATUS", self._status)
        if fields.get("READY") == "1":
            self.tell_self(_Ready(seen=True))

    def _let_go(self) -> None:
        self._unsubscribe()
        if self._notify is not None:
            self._notify.close()

    def _end(self, end: ProcessEnd, tail: tuple[str, ...]) -> None:
        reason = self.command.reason_of(end)
        self._let_go()
        self._ended.set()
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
