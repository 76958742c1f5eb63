"""What a process that hosts actors does to itself: its output, its stack dumps, its name, its end.

What lives here: the steps, for a fresh interpreter, a zygote and its forks. What must not: actors, links.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import signal
import sys
import threading
from typing import NoReturn

__all__ = ("TermMask", "buffer_lines", "dump_stacks_on_request", "flush_output", "leave", "show_name")


def buffer_lines() -> None:
    """Have each line that is printed leave at once: it goes into a pipe that somebody reads."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)


def dump_stacks_on_request() -> None:
    """Have a fatal signal, and SIGUSR1, write all stacks to stderr. Forks keep it until they say where else."""
    if not faulthandler.is_enabled():
        faulthandler.enable()
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, all_threads=True)


def show_name(name: str) -> None:
    """Have ps and top show it (Linux). Without pathlib, which would cost a fork some twenty pages of memory."""
    with contextlib.suppress(OSError):
        fd = os.open("/proc/self/comm", os.O_WRONLY)
        os.write(fd, name.encode("utf-8", "replace")[:15])
        os.close(fd)


def leave(code: int) -> NoReturn:
    """End this process now: threads of user code, and what they registered to run at exit, are not waited for."""
    flush_output()
    os._exit(code)


def flush_output() -> None:
    """Let go of what has been printed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or nobody reads it
            stream.flush()


class TermMask(threading.local):
    """Keeps SIGTERM from a fork until it has its default action there: CPython forgets what a handler of the parent's
    catches in a child before its hooks have run, and a program that ends its child at once would wait for it for ever.

    Runs in: whichever thread forks; the mask is the thread's, and its child has a copy.
    """

    _before: set[signal.Signals | int] | None = None

    def hold(self) -> None:
        """Block it."""
        self._before = {*signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))}

    def restore(self) -> None:
        """Let what has come meanwhile be delivered, unless the user's code had blocked it."""
        if self._before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._before)
