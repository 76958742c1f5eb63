"""The process that runs functions, one at a time: what lives in it.

What lives here: the root actor of an executor process. Its own thread only takes orders, so that a cancel is heard
while a function runs; the function runs in the Runner's thread. The process is named by import path:
"regrow.actors.roles.executor.process_child:slot".
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Final

from ....protocol.exits import Crash
from ...actor import Actor
from ...child_spec import Start
from ...errors import ActorDeadError
from ...hosting.errors import OutboxFull
from ...hosting.home import Home
from ...ref import ActorRef
from ..calling import FunctionTable
from ..invocation import Invocation
from ..log_sender import LogSender, level_number, refuse_record
from ..logger import Logger, StdlibHandler, set_process_sink
from ..messages import CancelRun, InterruptRun, InvocationProgressed, RunFinished, RunFunction, SlotReady
from .runner import Runner, invocation_of

__all__ = ("FunctionSlot", "slot")

_PROGRESS_SECONDS: Final = 0.05  # progress is advisory: a loop that reports every step must not fill the lane
_TELL_SECONDS: Final = 60.0  # how long an outcome waits for room on the way to an executor that does not read
_RETRY_SECONDS: Final = 0.02
_EXIT_UNTOLD: Final = 75  # EX_TEMPFAIL: the executor hears of this death, if of nothing else, and answers for the run


def slot(index: int, executor: ActorRef, log_level: str) -> Start:
    """Name what an executor process hosts."""
    return Start(FunctionSlot, (index, executor, log_level))


class FunctionSlot(Actor):
    """Takes orders for one slot."""

    def __init__(self, index: int, executor: ActorRef, log_level: str) -> None:
        super().__init__()
        self._index = index
        self._executor = executor
        self._log_level = log_level
        self._runner: Runner | None = None  # set by on_start
        self._handler: StdlibHandler | None = None
        self._progress_at = 0.0
        self._pid = os.getpid()
        self._work_on: Callable[[str], None] = lambda _text: None

    def on_start(self) -> None:
        """Make the thread for functions and say that this slot is ready."""
        link = self.system.host_link
        if isinstance(link, Home):
            self._work_on = link.work_on
        self._sender = LogSender(
            link.log if link is not None else refuse_record,
            source=f"executor-{self._index}",
            epoch=self.system.clock.epoch,
            level=self._log_level,
            pid=self._pid,
        )
        set_process_sink(self._log)
        self._handler = StdlibHandler(Logger(self._log))
        root = logging.getLogger()
        if not root.handlers:  # the user's module may configure logging itself; then its own handlers do
            root.addHandler(self._handler)
            root.setLevel(self._log_level.upper() if self._log_level != "trace" else logging.DEBUG)
        self._runner = Runner("regrow-function", FunctionTable(), context=self._context, finished=self._finished)
        self._tell(SlotReady(slot=self._index, pid=self._pid))

    def on_receive(self, message: object) -> None:
        """Run, cancel, interrupt."""
        if self._runner is None:
            raise AssertionError("on_start makes the runner before any message")
        match message:
            case RunFunction():
                self._runner.submit(message)
            case CancelRun():
                self._runner.cancel(message.request_id, message.reason)
            case InterruptRun():
                self._runner.interrupt(message.request_id, message.reason)

    def on_stop(self) -> None:
        """Let go of the thread; a function that still runs ends with the process."""
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
        set_process_sink(None)
        if self._runner is not None:
            self._runner.close(wait=False)

    def _context(self, run: RunFunction) -> Invocation:
        """Runs in: the runner's thread, before the function."""
        self._work_on(f"{run.function.name} {run.request_id}")
        return invocation_of(run, now=self.system.clock.now, log=self._log, report=self._progress)

    def _finished(self, run: RunFunction, outcome: bytes) -> None:
        """Runs in: the runner's thread, which may wait: there is no next run before this one is told."""
        finished = RunFinished(
            slot=self._index, incarnation=run.incarnation, request_id=run.request_id, outcome=outcome
        )
        try:
            told = self._tell_patiently(finished)
        except Exception as error:  # noqa: BLE001 - no memory left to say it in, for one
            sys.excepthook(type(error), error, error.__traceback__)
            told = False
        if not told:
            os._exit(_EXIT_UNTOLD)
        self._work_on("")

    def _tell_patiently(self, finished: RunFinished) -> bool:
        give_up_at = self.system.clock.now() + _TELL_SECONDS
        pause = threading.Event()
        while not self._tell(finished):
            if self.system.clock.now() > give_up_at:
                return False
            pause.wait(_RETRY_SECONDS)
        return True

    def _progress(self, request_id: str, done: float, total: float | None, note: str) -> None:
        if os.getpid() != self._pid:
            return  # a fork that the function made; the way home is its parent's
        now = self.system.clock.now()
        if now - self._progress_at < _PROGRESS_SECONDS and done != total:
            return
        self._progress_at = now
        self._tell(InvocationProgressed(request_id=request_id, done=done, total=total, note=note))

    def _log(self, level: str, text: str, context: Mapping[str, object], exception: Crash | None) -> None:
        if os.getpid() != self._pid:
            _print_in_fork(level, text, exception)
            return
        self._sender.log(level, text, context, exception)

    def _tell(self, message: object) -> bool:
        """Send it; False if there is no room just now."""
        try:
            self._executor.tell(message)
        except ActorDeadError:
            return True  # the main process is going; so are we
        except OutboxFull:
            return False
        return True


def _print_in_fork(level: str, text: str, exception: Crash | None) -> None:
    """Log in a fork that a function made: its output is captured as that of its parent, and no lock is in the way."""
    fd = 2 if level_number(level) >= level_number("warning") else 1
    with contextlib.suppress(OSError):  # it has closed them
        os.write(fd, f"{text}\n{exception.traceback if exception is not None else ''}".encode("utf-8", "replace"))
