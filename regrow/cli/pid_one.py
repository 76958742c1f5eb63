"""`regrow` as the first process of a container: what init does there, so that no other program has to.

The kernel gives orphans to process 1, which has to reap them, and ignores signals there that have no handler. So
process 1 forks at once: the child is the program and reaps its own children as everywhere; process 1 passes signals on
to it, reaps whoever else ends, and ends as the program does.

What lives here: process 1. What must not: threads, locks and imports that the fork would take along half done.
Source: pid_namespaces(7); tini.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Final

__all__ = ("run_as_init",)

_PASSED_ON: Final = frozenset(
    {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH}
)


def run_as_init() -> None:
    """Return at once unless this is process 1; there, return in a child, and stay behind as its init.

    Has to come before anything starts a thread. Errors: OSError if there is no second process to be had; SystemExit in
    process 1, with the exit code of the program, or 128 + the signal that ended it.
    """
    if os.getpid() != 1 or not sys.platform.startswith("linux"):
        return
    heard = _PASSED_ON | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, heard)  # none is lost between here and whoever handles it
    program = os.fork()
    if program == 0:
        os.setpgid(0, 0)  # else Ctrl-C would come twice: from the terminal, and from process 1
        _take_terminal()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    status = None
    while status is None:
        signo = signal.sigwait(heard)
        if signo != signal.SIGCHLD:
            os.kill(program, signo)  # it is there: only this process reaps it
            continue
        status = _reap(program)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def _take_terminal() -> None:
    """Be the one who reads the terminal, if there is one."""
    if not os.isatty(0):
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})  # asked for by who is not in front yet
    try:
        os.tcsetpgrp(0, os.getpgrp())
    except OSError:
        return  # it is the terminal of another session
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _reap(program: int) -> int | None:
    """Reap all that have ended; give the wait status of the program if it is one of them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == program:
            found = status
