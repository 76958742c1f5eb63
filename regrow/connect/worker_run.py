"""Running a worker as a program: signals, drain, exit codes.

What lives here: the loop of `Worker.run()`. Handlers only put into a queue that is safe to use inside of one; the
caller's own handlers are put back at the end.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from regrow.actors import SystemClock
from regrow.actors.roles.log_sinks import record_sink
from regrow.connect.service_manager import ServiceManager
from regrow.connect.worker_errors import WorkerError, WorkerMisused, WorkerRefused, WorkerStartFailed
from regrow.connect.worker_report import WorkerReport
from regrow.protocol.host.messages import LogRecord

if TYPE_CHECKING:
    from regrow.connect.worker import Worker

__all__ = ("EXIT_GAVE_UP", "EXIT_REFUSED", "EXIT_START_FAILED", "EXIT_USAGE", "exit_code_of", "run_worker", "serve")

EXIT_GAVE_UP: Final = 1
EXIT_USAGE: Final = 2
EXIT_START_FAILED: Final = 3
EXIT_REFUSED: Final = 4
"""docs/reference/cli.md has the table."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_WAKE: Final = 0  # in the queue of signals: something else has happened
_POLL_SECONDS: Final = 60.0  # nothing is polled; a wait has to have an end
_ABANDON_SECONDS: Final = 5.0  # for a start that was told to end


def run_worker(worker: Worker) -> int:
    """Serve; say why it ended, if that was no order; leave with a code. Errors: SystemExit, WorkerMisused."""
    try:
        code = serve(worker)
    except WorkerMisused:
        raise
    except WorkerError as error:
        _say(worker, "critical", str(error))
        code = exit_code_of(error)
    if code:
        raise SystemExit(code)
    return 0


def exit_code_of(error: WorkerError) -> int:
    """Give the exit code that tells this error to other programs."""
    if isinstance(error, WorkerMisused):
        return EXIT_USAGE
    if isinstance(error, WorkerStartFailed):
        return EXIT_START_FAILED
    return EXIT_REFUSED if isinstance(error, WorkerRefused) else EXIT_GAVE_UP


def serve(worker: Worker) -> int:
    """Start, wait for a signal or the end, drain.

    Gives 0, or 128 + the signal if a second one came, the grace was over, or it was starting. Errors: WorkerError of
    any kind.
    """
    wakes: SimpleQueue[int] = SimpleQueue()
    report = WorkerReport(worker, ServiceManager.from_environment(), partial(_say, worker, "info"))
    with _signals(wakes.put):
        ended_by = _start(worker, wakes)
        if ended_by != _WAKE:
            return 128 + ended_by
        try:
            worker.watch.on_change(lambda: wakes.put(_WAKE))
            signo = _until(worker, wakes, lambda: False, None, report)
            if signo == _WAKE:
                worker.raise_for_end()
            in_order = _drain(worker, wakes, signo, report)
        finally:
            worker.stop(0.0)
    return 0 if in_order else 128 + signo


def _start(worker: Worker, wakes: SimpleQueue[int]) -> int:
    """Start it while signals are heard: the first one ends the start. Give that signal, or _WAKE. Errors: WorkerError.

    A thread of its own, because what a start waits for may take long: imports, slow disks, a machine that swaps.
    """
    started: Future[None] = Future()

    def start() -> None:
        try:
            worker.start()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the start was asked for
            started.set_exception(error)
        else:
            started.set_result(None)
        wakes.put(_WAKE)

    thread = threading.Thread(target=start, name="regrow-start", daemon=True)
    thread.start()
    signo = wakes.get()  # a start is bounded by the timeouts of what is started
    if signo == _WAKE:
        thread.join()
        started.result()
        return _WAKE
    _say(worker, "warning", f"{signal.Signals(signo).name} while it starts: ended")
    deadline = SystemClock().now() + _ABANDON_SECONDS
    while thread.is_alive() and SystemClock().now() < deadline:
        worker.kill()  # again, if there was nothing to kill yet
        thread.join(0.05)
    worker.kill()
    return signo


def _drain(worker: Worker, wakes: SimpleQueue[int], signo: int, report: WorkerReport) -> bool:
    name = signal.Signals(signo).name
    grace = worker.options.drain_grace
    _say(worker, "info", f"{name}: draining, for at most {grace:g} s; a second signal ends it now")
    began = SystemClock().now()
    report.stopping(f"{name}: drains for at most {grace:g} s", began)
    worker.begin_drain(name)
    deadline = began + grace
    watch = worker.watch
    second = _until(worker, wakes, lambda: watch.drained, deadline, report)
    if watch.drained:
        return True
    why = f"{signal.Signals(second).name} came while it drained" if second else f"not drained within {grace:g} s"
    _say(worker, "warning", f"ended without order: {why}; the gateway redelivers what ran")
    worker.kill()
    return False


def _until(
    worker: Worker, wakes: SimpleQueue[int], done: Callable[[], bool], deadline: float | None, report: WorkerReport
) -> int:
    """Wait for a signal, the end of the worker, or `done`; give the signal, or _WAKE. Report meanwhile."""
    clock = SystemClock()
    watch = worker.watch
    while not done() and watch.ended is None and not watch.refused:
        left = _POLL_SECONDS if deadline is None else deadline - clock.now()
        if left <= 0:
            break
        report.look(clock.now())
        try:
            signo = wakes.get(timeout=min(left, report.left(clock.now())))
        except Empty:
            continue
        if signo != _WAKE:
            return signo
    return _WAKE


@contextmanager
def _signals(put: Callable[[int], None]) -> Iterator[None]:
    """Send signals to `put` while it lasts. Off the main thread Python allows no handler, and none is set."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signo: signal.signal(signo, lambda number, _frame: put(number)) for signo in _SIGNALS}
    try:
        yield
    finally:
        for signo, handler in before.items():
            signal.signal(signo, handler)


def _say(worker: Worker, level: str, text: str) -> None:
    """Say one line through the user's logger, whether or not the tree that carries records is there."""
    sink = record_sink(worker.logger)
    sink(LogRecord(level=level, text=text, at=SystemClock().epoch(), context={"worker": worker.name}))
