"""The report of a death, put together from all who know something of it.

What lives here: which of them is believed about what. What must not: asking them (`hosted_process.py`).
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from ...protocol.exits import KILLED, Crash, ExitReason, Hang, Signaled, crash_of
from ...protocol.host.messages import Exited, InitFailed, InitIgnored
from ..signals import ExitReport
from .black_box import Recorded
from .last_words import stacks_in, traceback_at_the_end
from .os_process import ProcessEnd, exit_reason_of
from .vitals import Vitals

__all__ = ("Remains", "reason_of", "report_of", "signal_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What is left of a process. `words`: its last ones; `stacks`: that it wrote down when it was asked to.

    `begun_as`: the incarnation that its child was begun with, of one that may have been replaced; `error`: why it was
    killed by its host, or never launched, `killed`: so it was, for no reason that is known here; `asked`: it was asked
    to end for this reason.
    """

    pid: int | None
    incarnation: int
    begun_as: int | None
    end: ProcessEnd
    words: Exited | InitFailed | InitIgnored | None
    error: Exception | None
    hang: Hang | None
    killed: bool
    asked: ExitReason | None
    recorded: Recorded
    stderr: tuple[str, ...]
    stacks: str | None
    vitals: Vitals
    started_at: float | None


def reason_of(remains: Remains) -> ExitReason:
    """Say why it ended: as it says itself, as its host knows, as the kernel says."""
    if isinstance(remains.words, Exited | InitFailed):
        return remains.words.reason
    if remains.error is not None:
        return crash_of(remains.error)
    if remains.hang is not None:
        return remains.hang
    return KILLED if remains.killed else exit_reason_of(remains.end, remains.asked)


def report_of(remains: Remains, reason: ExitReason, now: float) -> ExitReport:
    """Say all that is known. `reason`: as it is announced; `now`: monotonic seconds."""
    status = remains.end.status
    signo = os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else None
    words, resident = remains.words, remains.vitals.resident
    said = words.report.get("in_hand") if isinstance(words, Exited | InitFailed) else None
    killed = isinstance(reason, Signaled) and signo == signal.SIGKILL
    traceback = reason.traceback if isinstance(reason, Crash) else ""
    if not traceback and words is None and signo is None:
        traceback = traceback_at_the_end(remains.stderr) or ""
    return ExitReport(
        pid=remains.pid,
        incarnation=remains.incarnation,
        begun_as=None if remains.begun_as == remains.incarnation else remains.begun_as,
        status=None if status is None or signo is not None else os.WEXITSTATUS(status),
        signal=None if signo is None else signal_name(signo),
        core_dumped=status is not None and os.WCOREDUMP(status),
        oom=None if status is None else remains.vitals.oom(now, killed=killed),
        stderr_tail=remains.stderr,
        in_hand=said if isinstance(said, str) else remains.recorded.in_hand,
        uptime=None if remains.started_at is None else now - remains.started_at,
        resident_bytes=None if resident is None else resident.total,
        max_rss_bytes=remains.end.max_rss_bytes,
        traceback=traceback or None,
        stack_dump=remains.stacks or stacks_in(remains.stderr),
    )


def signal_name(signo: int) -> str:
    """Say a signal as it is called.

    >>> signal_name(11), signal_name(63)
    ('SIGSEGV', 'signal 63')
    """
    try:
        return signal.Signals(signo).name
    except ValueError:
        return f"signal {signo}"
