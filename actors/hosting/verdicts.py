"""What a hosted process may be judged to be, and how two looks at what the kernel says of it become that.

What lives here: the verdicts, and the table that gives them; pure. What must not: time that adds up (`hang.py`), /proc
(`kernel_facts.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

__all__ = ("Cpu", "ProcessFacts", "ThreadFacts", "Verdict", "cpu_between", "verdict_of")

BURNS: Final = 0.2  # of a processor by the whole process: it computes, and its threads need no look
RUNS: Final = 0.05  # by one thread; one that waits for the GIL takes 0.006, because it asks for it every 5 ms
WANTS: Final = 0.5  # of the time a thread ran or was ready to,
GETS: Final = 0.2  # and ran for less than this part of that: it is starved
NS: Final = 1_000_000_000


class Verdict(StrEnum):
    """What a hosted process is judged to be."""

    HEALTHY = "healthy"
    BLOCKED = "blocked"  # its root waits for something: I/O, an answer, a lock that somebody may release
    BUSY = "busy"  # it computes
    STARVED = "starved"  # it would compute, and the machine does not let it
    DEADLOCKED = "deadlocked"  # nothing in it moves, and nothing in it can
    STOPPED = "stopped"  # by a signal
    TRACED = "traced"  # by a debugger


class Cpu(Enum):
    """What a process did with the processor between two looks."""

    GROWS = "it used one"
    DELAYED = "it waited for one, or for its own memory to come back from the disk"
    FLAT = "it wanted none"
    UNKNOWN = "the kernel does not say"


@dataclass(frozen=True, slots=True)
class ThreadFacts:
    """One thread. `endless`: it waits for another thread without a limit of time; `runnable`: it has a processor, or is
    ready for one; `ours`: it runs no code of the user.
    """

    run_ns: int
    delay_ns: int
    endless: bool = False
    runnable: bool = False
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFacts:
    """What the kernel says. `state`: as in proc_pid_stat(5); `threads`: None if they were not looked at."""

    state: str
    traced: bool = False
    cpu_ns: int = 0
    faults: int = 0  # pages that had to come from the disk
    threads: Mapping[int, ThreadFacts] | None = None

    @property
    def locked(self) -> bool:
        """Say whether all threads of the user wait for each other, and none of them would ever go on by itself."""
        users = [thread for thread in (self.threads or {}).values() if not thread.ours]
        return bool(users) and all(thread.endless for thread in users)


_VERDICTS: Final[Mapping[tuple[bool, Cpu], Verdict]] = {
    # of one whose root does not get on; True: its main thread beats
    (True, Cpu.GROWS): Verdict.BUSY,  # Python code
    (True, Cpu.DELAYED): Verdict.STARVED,
    (True, Cpu.FLAT): Verdict.BLOCKED,
    (True, Cpu.UNKNOWN): Verdict.BLOCKED,
    (False, Cpu.GROWS): Verdict.BUSY,  # C code that holds the GIL
    (False, Cpu.DELAYED): Verdict.STARVED,
    (False, Cpu.FLAT): Verdict.DEADLOCKED,  # or C code that waits, and holds the GIL
    (False, Cpu.UNKNOWN): Verdict.BUSY,  # the verdict with the most patience
}


def verdict_of(*, thread_beats: bool, cpu: Cpu, locked: bool = False) -> Verdict:
    """Judge one whose root does not get on. `locked`: as ProcessFacts says, and the root waits for no actor's answer.

    >>> verdict_of(thread_beats=False, cpu=Cpu.GROWS)
    <Verdict.BUSY: 'busy'>
    """
    return Verdict.DEADLOCKED if locked and cpu is Cpu.FLAT else _VERDICTS[thread_beats, cpu]


def cpu_between(before: ProcessFacts | None, after: ProcessFacts | None, seconds: float) -> Cpu:
    """Compare two looks that are so many seconds apart."""
    if before is None or after is None or seconds <= 0:
        return Cpu.UNKNOWN
    span = seconds * NS
    if after.cpu_ns - before.cpu_ns >= BURNS * span:
        return Cpu.GROWS
    if after.faults > before.faults:
        return Cpu.DELAYED
    was, now = before.threads or {}, after.threads or {}
    both = [(was[tid], thread) for tid, thread in now.items() if tid in was]
    if not both:
        return Cpu.UNKNOWN
    if any(_is_starved(was, now, span) for was, now in both):
        return Cpu.DELAYED
    return Cpu.GROWS if any(now.run_ns - was.run_ns >= RUNS * span for was, now in both) else Cpu.FLAT


def _is_starved(was: ThreadFacts, now: ThreadFacts, span: float) -> bool:
    ran, delayed = now.run_ns - was.run_ns, now.delay_ns - was.delay_ns
    # The kernel counts a delay when it is over: who is ready to run, and has not run, is in one.
    wants = ran + delayed >= WANTS * span or now.runnable
    return wants and ran < GETS * max(ran + delayed, WANTS * span)
