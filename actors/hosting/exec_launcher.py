"""A launcher that executes a fresh interpreter: works everywhere, costs the imports of every start.

The child finds its code by `PYTHONPATH` and gives that variable back its old value before anything else runs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Final

from .errors import LaunchFailed
from .launcher import LaunchOutcome, LaunchRequest
from .os_process import ProcessEnd, has_pidfd, lost_status, open_pidfd, signal_group, signal_process

__all__ = ("ZYGOTE_ENV", "DirectProcess", "ExecLauncher", "interpreter_argv", "interpreter_env", "restore_python_path")

ZYGOTE_ENV: Final = {
    # ld.so(8): with its symbols bound now, or every fork binds them again, each in a page of its own.
    "LD_BIND_NOW": "1",
    # mallopt(3): what has held a large message holds the next one, or each page of that is faulted in again, which
    # takes as long as all the rest. glibc alone would go there by itself, and further, but gives back too soon.
    "MALLOC_MMAP_THRESHOLD_": str(4 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(8 * 1024 * 1024),
}
"""What a zygote is started with, and its forks inherit the effect of; they do not find it in their environment."""

# The child puts this back into PYTHONPATH; unset means that there was none.
_SAVED_PATH: Final = "REGROW_SAVED_PYTHONPATH"


def interpreter_argv(module: str, *args: str) -> list[str]:
    """Give the command line of a fresh interpreter that runs one of our modules. -P: the cwd must shadow nothing."""
    return [sys.executable, "-P", "-m", module, *args]


def interpreter_env(env: dict[str, str], path: tuple[str, ...]) -> dict[str, str]:
    """Give the environment in which such an interpreter imports what this one can."""
    made = {**env, "PYTHONPATH": os.pathsep.join(path)}
    if "PYTHONPATH" in env:
        made[_SAVED_PATH] = env["PYTHONPATH"]
    return made


def restore_python_path() -> None:
    """Give PYTHONPATH its old value back, so that the programs that this process starts do not inherit ours."""
    saved = os.environ.pop(_SAVED_PATH, None)
    os.environ.pop("PYTHONPATH", None)
    if saved is not None:
        os.environ["PYTHONPATH"] = saved


class DirectProcess:
    """A process that this one has forked itself, and reaps itself; a `LaunchedProcess`.

    Without pidfds (macOS) a thread waits for it; then a signal is fenced by a lock against the moment of reaping.
    """

    def __init__(self, popen: subprocess.Popen[bytes], *, use_pidfd: bool | None = None) -> None:
        self._popen = popen
        self._lock = threading.Lock()
        self._end: ProcessEnd | None = None  # set once it is reaped
        self._pidfd: int | None = None
        self.on_closed: Callable[[], object] | None = None  # called once nobody needs its descriptor any more
        if has_pidfd() if use_pidfd is None else use_pidfd:
            self._pidfd = self._death_fd = open_pidfd(popen.pid)
        else:
            self._death_fd, self._alarm_fd = os.pipe()
            threading.Thread(target=self._wait, name=f"regrow-wait-{popen.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its number, its group's and its session's."""
        return self._popen.pid

    @property
    def death_fd(self) -> int:
        """Readable once it has ended."""
        return self._death_fd

    @property
    def pidfd(self) -> int | None:
        """Its descriptor where the system has such."""
        return self._pidfd

    def send_signal(self, signo: int) -> bool:
        """Signal this process and never another one; say whether it was there."""
        with self._lock:
            if self._end is not None:
                return False
            if self._pidfd is not None:
                return signal_process(self._pidfd, signo)
            os.kill(self.pid, signo)
            return True

    def signal_group(self, signo: int) -> bool:
        """Signal its whole process group; say whether anybody was there."""
        with self._lock:
            return self._end is None and signal_group(self.pid, self._pidfd, signo)

    def reap(self, on_reaped: Callable[[ProcessEnd], None]) -> None:
        """Sweep the group, collect the status, call back."""
        if self._pidfd is not None:
            # Sweep while the leader is still a zombie: its number, and so its group's, cannot be anybody else's.
            signal_group(self.pid, self._pidfd, signal.SIGKILL)
            self._collect()
        with self._lock:
            end = self._end
        on_reaped(end or ProcessEnd(None))

    def close(self) -> None:
        """Release the descriptor."""
        if self.on_closed is not None:
            self.on_closed()
        os.close(self._death_fd)

    def _collect(self) -> None:
        try:
            _, status, usage = os.wait4(self.pid, 0)
            end = ProcessEnd(status, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
        except ChildProcessError:  # somebody in this process waits for any child, and was faster
            end = ProcessEnd(None if self._pidfd is None else lost_status(self._pidfd))
        with self._lock:
            self._end = end
            # Popen must neither wait for it again nor warn that nobody did.
            self._popen.returncode = 0 if end.status is None else os.waitstatus_to_exitcode(end.status)

    def _wait(self) -> None:
        self._collect()
        signal_group(self.pid, None, signal.SIGKILL)
        os.close(self._alarm_fd)


class ExecLauncher:
    """Launches a fresh interpreter for each process. `guard` is told of each, to outlive us if need be.

    Runs in: the calling thread, for the 1 to 3 ms that fork and exec take.
    """

    def __init__(self, guard: Callable[[DirectProcess, float], None] | None = None) -> None:
        self._guard = guard

    def launch(self, request: LaunchRequest, on_launched: Callable[[LaunchOutcome], None]) -> None:
        """Start the interpreter and call back at once."""
        outcome: LaunchOutcome
        try:
            popen = subprocess.Popen(
                interpreter_argv(
                    "regrow.actors.hosting.child", str(request.socket_fd), str(request.black_box_fd), request.name
                ),
                env=interpreter_env(dict(request.env), request.path),
                cwd=request.cwd,
                stdin=subprocess.DEVNULL,
                stdout=request.stdout_fd,
                stderr=request.stderr_fd,
                pass_fds=(request.socket_fd, request.black_box_fd),
                start_new_session=True,
            )
            outcome = process = DirectProcess(popen)
            if self._guard is not None:
                self._guard(process, request.orphan_grace)
        except (OSError, ValueError) as error:
            outcome = LaunchFailed(str(error))
        finally:
            request.close()
        on_launched(outcome)

    def close(self) -> None:
        """Nothing is held."""
