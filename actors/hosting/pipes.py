"""The two output pipes of a process: read, cut into lines, published; a tail of stderr kept for the report.

Runs in: the I/O thread. Subscribers and the log sink are called there, too, so they must be quick.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ...protocol.exits import crash_of
from ...protocol.host.messages import LogRecord
from ..events import OutputCaptured
from .capture import Capture
from .events import HostingFault
from .loop import READ, Interest, IoLoop

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..system import ActorSystem

__all__ = ("OutputPipes", "Stream", "give_to_log_sink")

Stream: TypeAlias = Literal["stdout", "stderr"]

READ_BYTES: Final = 64 * 1024  # what a pipe of Linux holds
DRAIN_BYTES: Final = 1024 * 1024  # read from a dead process's pipe; somebody it left behind may write for ever


class OutputPipes:
    """Owns the reading ends. `on_output` hears of all that is read, whatever the rate limit drops."""

    def __init__(
        self,
        system: ActorSystem,
        loop: IoLoop,
        ref: ActorRef,
        fds: tuple[int, int],
        *,
        on_output: Callable[[Stream, bytes], None] | None = None,
    ) -> None:
        self._system = system
        self._loop = loop
        self._ref = ref
        self._incarnation = ref.incarnation
        self._on_output = on_output
        self._names: dict[int, Stream] = {fds[0]: "stdout", fds[1]: "stderr"}
        self._stderr = Capture()
        self._open = {fds[0]: Capture(), fds[1]: self._stderr}
        self.pid = 0  # set when the process is known
        for fd in fds:
            os.set_blocking(fd, False)

    def start(self, on_error: Callable[[Exception], None]) -> None:
        """Begin to read. Runs in: any thread."""
        if self._loop.in_loop:
            self._listen(on_error)
        else:
            self._loop.call(lambda: self._listen(on_error))

    def drain(self) -> None:
        """Read what is left of a process that has died."""
        for fd in tuple(self._open):
            self._read(fd, DRAIN_BYTES)

    def close(self) -> tuple[str, ...]:
        """Publish what is left and let go of the pipes; give the last lines of stderr."""
        for fd in tuple(self._open):
            self._ended(fd)
        return self._stderr.tail.lines()

    def _listen(self, on_error: Callable[[Exception], None]) -> None:
        for fd in self._open:
            self._loop.watch(Interest(fd, lambda _events, fd=fd: self._read(fd, READ_BYTES), on_error), READ)  # type: ignore[misc]

    def _read(self, fd: int, limit: int) -> None:
        read = 0
        while read < limit and fd in self._open:
            try:
                data = os.read(fd, READ_BYTES)
            except BlockingIOError:
                return
            read += len(data)
            if data:
                self._publish(fd, data)
            else:
                self._ended(fd)

    def _ended(self, fd: int) -> None:
        self._publish(fd, b"")
        self._loop.forget(fd)
        os.close(fd)
        del self._open[fd]

    def _publish(self, fd: int, data: bytes) -> None:
        now, capture, stream = self._system.clock.now(), self._open[fd], self._names[fd]
        if self._on_output is not None:
            self._on_output(stream, data or b"\n")
        for line in capture.feed(data, now) if data else capture.flush(now):
            if line.suppressed:
                self._give(stream, f"<{line.suppressed} lines suppressed>")
            if line.text or not line.suppressed:
                self._give(stream, line.text)

    def _give(self, stream: Stream, text: str) -> None:
        self._system.bus.publish(OutputCaptured(self._ref, stream, text))
        record = LogRecord(
            level="INFO" if stream == "stdout" else "WARNING",
            text=text,
            at=self._system.clock.epoch(),
            context={"stream": stream},
            source=self._ref.name,
            pid=self.pid,
            incarnation=self._incarnation,
        )
        give_to_log_sink(self._system, record, self._ref)


def give_to_log_sink(system: ActorSystem, record: LogRecord, ref: ActorRef) -> None:
    """Hand a record to the user's logger, whose mistakes must not take the I/O of all processes away."""
    sink = system.log_sink
    if sink is not None:
        try:
            sink(record, ref)
        except Exception as error:  # noqa: BLE001 - any logger may be behind it
            system.bus.publish(HostingFault(ref, crash_of(error)))
