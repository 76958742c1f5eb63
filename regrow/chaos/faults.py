"""Faults as values: what can be done to a process, and the one place that does it.

What lives here: `Kill`, `Freeze`, `Thaw` and `inject`. What must not: when and to whom (that is the plan's business).
Signals go through a pidfd where the system has them, so that a recycled pid is never hit.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from typing import TypeAlias

from regrow.protocol.errors import RegrowError

__all__ = ("Fault", "Freeze", "Kill", "TargetGone", "Thaw", "inject")


class TargetGone(RegrowError):
    """The process that a fault was meant for had ended before the fault reached it."""

    def __init__(self, fault: Fault, pid: int) -> None:
        super().__init__(fault, pid)
        self.fault = fault
        self.pid = pid

    def __str__(self) -> str:
        return f"{self.fault} not injected: expected process {self.pid} to be alive, but it is gone"


@dataclass(frozen=True, slots=True)
class Kill:
    """End a process with a signal; SIGKILL leaves it no chance to clean up."""

    signo: int = signal.SIGKILL

    def __str__(self) -> str:
        return signal.Signals(self.signo).name


@dataclass(frozen=True, slots=True)
class Freeze:
    """Stop a process in its tracks: it is alive, keeps its sockets, and does nothing."""

    def __str__(self) -> str:
        return "SIGSTOP"


@dataclass(frozen=True, slots=True)
class Thaw:
    """Let a frozen process go on."""

    def __str__(self) -> str:
        return "SIGCONT"


Fault: TypeAlias = Kill | Freeze | Thaw


def inject(fault: Fault, pid: int) -> None:
    """Do the fault to the process. Does not block. Errors: TargetGone if the process has ended."""
    number = _signal_of(fault)
    try:
        if sys.platform == "linux":
            handle = os.pidfd_open(pid)
            try:
                signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)
        else:
            os.kill(pid, number)
    except ProcessLookupError as error:
        raise TargetGone(fault, pid) from error


def _signal_of(fault: Fault) -> int:
    match fault:
        case Kill(signo):
            return signo
        case Freeze():
            return signal.SIGSTOP
        case Thaw():
            return signal.SIGCONT
