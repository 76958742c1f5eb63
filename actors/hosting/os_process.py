"""The few calls of the operating system that need care: pidfds, process groups, wait statuses, orphaned exits.

Each function is small and says what it does where the call does not exist (macOS), so that callers have one code path.
Source: pidfd_open(2), pidfd_send_signal(2), PIDFD_GET_INFO in linux/pidfd.h; CPython #127049 (a recycled pid).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import struct
import sys
from dataclasses import dataclass
from typing import Final

from ...protocol.exits import ExitReason, ExitStatus, Signaled

__all__ = (
    "STATUS_UNKNOWN",
    "ProcessEnd",
    "exit_reason_of",
    "has_pidfd",
    "has_zygote",
    "lost_status",
    "open_pidfd",
    "open_pidfd_or_end",
    "signal_group",
    "signal_process",
    "wait_readable",
    "wait_writable",
)

# Nobody can say how it ended: its parent, the zygote, died first. 255 is what asyncio reports then, too.
STATUS_UNKNOWN: Final = 255
_PIDFD_SIGNAL_PROCESS_GROUP: Final = 4  # linux/pidfd.h, since Linux 6.9
_PIDFD_GET_INFO: Final = 0xC040FF0B  # _IOWR(0xFF, 11, 64 bytes), since Linux 6.13
_PIDFD_INFO_EXIT: Final = 8  # since Linux 6.15
_PIDFD_INFO: Final = struct.Struct("=QQ11Ii")  # mask, cgroup, eleven ids, exit code


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How a process ended. `status` is a wait status, None when its parent died before it; `max_rss_bytes` its peak."""

    status: int | None
    max_rss_bytes: int | None = None


def has_pidfd() -> bool:
    """Say whether this system has descriptors of processes."""
    return hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")


def has_zygote() -> bool:
    """Say whether forking from a zygote is sound here: Linux, with pidfds."""
    return sys.platform == "linux" and has_pidfd()


def open_pidfd(pid: int) -> int:
    """Give a close-on-exec descriptor that is readable once the process has ended. Only for one's own children."""
    return os.pidfd_open(pid)


def open_pidfd_or_end(child: int) -> int:
    """Give the pidfd of a child that was just forked. Errors: OSError; then it is killed and reaped."""
    try:
        return open_pidfd(child)
    except OSError:
        os.kill(child, signal.SIGKILL)  # it is our unreaped child, so the number is its own
        os.waitpid(child, 0)
        raise


def signal_process(pidfd: int, signo: int) -> bool:
    """Signal exactly the process of this descriptor, never one that got its pid later; say whether it was there."""
    try:
        signal.pidfd_send_signal(pidfd, signo)
    except ProcessLookupError:
        return False
    return True


def signal_group(pid: int, pidfd: int | None, signo: int) -> bool:
    """Signal the process group that `pid` leads; say whether anybody was there.

    Call it before `pid` is reaped, or with its pidfd, so that no other group can be meant.
    """
    if pidfd is not None:
        try:
            signal.pidfd_send_signal(pidfd, signo, None, _PIDFD_SIGNAL_PROCESS_GROUP)
            return True
        except ProcessLookupError:
            return False
        except OSError:  # EINVAL before Linux 6.9: name the group by its number
            pass
    try:
        os.killpg(pid, signo)
    except (ProcessLookupError, PermissionError):  # PermissionError: macOS, for a group of zombies
        return False
    return True


def wait_readable(fd: int, timeout: float) -> bool:
    """Block until the descriptor is readable, at most `timeout` seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(max(0, round(timeout * 1000))))


def wait_writable(fd: int, timeout: float) -> bool:
    """Block until the descriptor is writable, at most `timeout` seconds."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(max(0, round(timeout * 1000))))


def exit_reason_of(end: ProcessEnd, asked: ExitReason | None = None) -> ExitReason:
    """Turn a wait status into the reason of an end that nobody announced.

    `asked`: what it was to end with, if it was asked to. That is the reason if it obeyed without a word: it ended with
    0, or by the SIGTERM that it gets when it does not answer. A crash in the clean-up stays one.
    >>> from regrow.protocol.exits import SHUTDOWN
    >>> exit_reason_of(ProcessEnd(9), SHUTDOWN)
    Signaled(signo=9, core_dumped=False)
    """
    if asked is not None and end.status in {None, 0, signal.SIGTERM}:
        return asked
    if end.status is None:
        return ExitStatus(STATUS_UNKNOWN)
    if os.WIFSIGNALED(end.status):
        return Signaled(os.WTERMSIG(end.status), os.WCOREDUMP(end.status))
    return ExitStatus(os.WEXITSTATUS(end.status))


def lost_status(pidfd: int) -> int | None:
    """Ask the kernel for the wait status of a process that is not our child and was reaped by somebody else.

    None where the kernel does not keep it (before Linux 6.15) or nobody has reaped it yet.
    """
    if sys.platform != "linux":
        return None
    import fcntl

    request = bytearray(_PIDFD_INFO.pack(_PIDFD_INFO_EXIT, *([0] * 13)))
    with contextlib.suppress(OSError):
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, request)
        mask, *_, code = _PIDFD_INFO.unpack(request)
        if mask & _PIDFD_INFO_EXIT:
            return int(code)
    return None
