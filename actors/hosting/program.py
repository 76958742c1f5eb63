"""An external program as a child: launched in a session of its own, listened to, ended with everything it started.

What lives here: the process. What must not: what its end means to the actor that keeps it (`command.py`).
No orphans: the system's zygote guards it, so it also ends when this process is SIGKILLed; but for a SIGKILL in the
fraction of a millisecond between its start and the word to the zygote, and where there is no zygote (macOS).
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from .exec_launcher import DirectProcess
from .loop import READ, Interest
from .os_process import ProcessEnd
from .pipes import OutputPipes, Stream

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..system import ActorSystem

__all__ = ("Program",)


class Program:
    """One run of a program. `on_output` and `on_end` are called in the I/O thread, `on_end` once."""

    def __init__(
        self,
        system: ActorSystem,
        ref: ActorRef,
        *,
        on_output: Callable[[Stream, bytes], None],
        on_end: Callable[[ProcessEnd, tuple[str, ...]], None],
    ) -> None:
        self._system = system
        self.ref = ref
        self.incarnation = ref.incarnation  # whose program it is: the life that has begun it
        self._loop = system.hosting.loop
        self._on_output = on_output
        self._on_end = on_end
        self._process: DirectProcess | None = None
        self._pipes: OutputPipes | None = None

    @property
    def pid(self) -> int:
        """Its number, and its group's."""
        return 0 if self._process is None else self._process.pid

    def launch(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str | None, first_signal: int) -> None:
        """Start it. `first_signal` is what an orphan gets before SIGKILL. Blocks for fork and exec: 1 to 3 ms.

        Errors: OSError, FileNotFoundError first of all.
        """
        self._system.hosting.prepare_guard()
        stdout, stdout_child = os.pipe()
        stderr, stderr_child = os.pipe()
        try:
            popen = subprocess.Popen(
                argv,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=stdout_child,
                stderr=stderr_child,
                start_new_session=True,
            )
        except BaseException:
            os.close(stdout)
            os.close(stderr)
            raise
        finally:
            os.close(stdout_child)
            os.close(stderr_child)
        process = self._process = DirectProcess(popen)
        if process.pidfd is not None:
            process.on_closed = self._system.hosting.guard(process.pid, process.pidfd, first_signal=first_signal)
        self._pipes = OutputPipes(self._system, self._loop, self.ref, (stdout, stderr), on_output=self._on_output)
        self._pipes.pid = process.pid
        self._pipes.start(self._broke)
        self._system.hosting.programs[self] = None
        self._loop.call(lambda: self._loop.watch(Interest(process.death_fd, self._died, self._broke), READ))

    def signal_group(self, signo: int) -> bool:
        """Signal it and what it has started; say whether anybody was there. Runs in: any thread."""
        return self._process is not None and self._process.signal_group(signo)

    def _died(self, _events: int) -> None:
        if self._process is not None and self._pipes is not None:
            self._loop.forget(self._process.death_fd)
            self._pipes.drain()
            self._process.reap(self._reaped)

    def _reaped(self, end: ProcessEnd) -> None:
        if self._process is not None and self._pipes is not None:
            self._pipes.drain()
            tail = self._pipes.close()
            self._process.close()
            self._system.hosting.programs.pop(self, None)
            self._on_end(end, tail)

    def _broke(self, error: Exception) -> None:
        self.signal_group(signal.SIGKILL)
        raise error
