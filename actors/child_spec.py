"""What a supervisor has to know of a child, as one frozen value.

What lives here: `ChildSpec` and the words it is written in. What must not: who restarts whom (that is `supervision/`).
Source: OTP supervisor child_spec(); Gleam's closed sum for shutdown (a time exists only where it means something).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, Protocol, TypeAlias

__all__ = (
    "DISPATCHERS",
    "BrutalKill",
    "ChildSpec",
    "ChildType",
    "Delays",
    "DispatcherName",
    "Grace",
    "Infinity",
    "Isolation",
    "Limits",
    "Restart",
    "Shutdown",
    "Start",
)


class Restart(StrEnum):
    """When a child that ended is started again: always, only after an abnormal end, never."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class ChildType(StrEnum):
    """Supervisors get unlimited time to stop, because they have children of their own."""

    WORKER = "worker"
    SUPERVISOR = "supervisor"


class Isolation(StrEnum):
    """Where a child lives: in a thread of this process, or in an OS process of its own."""

    THREAD = "thread"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class BrutalKill:
    """Kill at once. A thread cannot be killed: it is abandoned, fenced, and reported as unstopped."""


@dataclass(frozen=True, slots=True)
class Grace:
    """Ask, wait so many seconds, then kill."""

    seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Infinity:
    """Ask and wait for as long as it takes."""


Shutdown: TypeAlias = BrutalKill | Grace | Infinity

DispatcherName: TypeAlias = Literal["thread", "pool", "asyncio"]
"""Who runs a life: a thread of its own, threads that many share, or an event loop."""

DISPATCHERS: Final[tuple[DispatcherName, ...]] = ("thread", "pool", "asyncio")


@dataclass(frozen=True, slots=True)
class Limits:
    """What an OS process may use, and how long it may not get on before it is killed; None means no limit.

    Only for `isolation="process"`. The times are seconds, of which those do not count in which the machine lets the
    process, or us, not run; one that a debugger holds is never killed.

    `stopped_seconds`: that it may be stopped by a signal (SIGSTOP).
    `hang_limit`: that it may stand still for good: its threads wait for each other, or C code waits and holds the GIL.
    `busy_limit`: that C code may compute and hold the GIL; where there is a `deadline`, only that one counts.
    `deadline`: that its root may handle one message, whatever it does meanwhile.

    The system refuses: `memory_bytes` of address space, `data_bytes` of memory that it may write to and shares with
    nobody (MemoryError), more than `open_files` (OSError); after `cpu_seconds` of processor time SIGXCPU ends it.
    The host looks at what is in memory of its own, once a second: with more than `resident_bytes` it is killed.

    A process that is worn out is replaced by a new one behind the same ref, which is started first: with more than
    `resident_soft_bytes` in memory, or `max_growth_bytes` more than when it was ready; after `max_messages` were sent
    to its root; at the age of `max_age` seconds, and up to `max_age_variance` more, so that not all go at once.

    `window_messages` and `window_bytes`: what may be sent to it, or by it, and be unfinished before those who keep its
    pace wait (`await ref.tell()`, `try_tell`); None for 256 messages and 1 MiB.

    A message that `deaths_before_quarantine` processes have died of is refused at its sender; 0: never.
    """

    nice: int = 0
    memory_bytes: int | None = None
    data_bytes: int | None = None
    resident_bytes: int | None = None
    resident_soft_bytes: int | None = None
    open_files: int | None = None
    cpu_seconds: float | None = None
    max_messages: int | None = None
    max_age: float | None = None
    max_age_variance: float = 0.0
    max_growth_bytes: int | None = None
    window_messages: int | None = None
    window_bytes: int | None = None
    deaths_before_quarantine: int = 3
    stopped_seconds: float | None = 10.0
    hang_limit: float | None = 60.0
    busy_limit: float | None = 600.0
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """How one life of a child begins.

    `target` is an actor class, a callable that gives a `Start` (called anew for every life, in the process that the
    child lives in), or an import path "package.module:name" of either.
    """

    target: type[object] | Callable[..., object] | str
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)


class Delays(Protocol):
    """How long to wait before a restart; the values in `supervision.backoff` are the ones that are meant."""

    @property
    def reset_after(self) -> float:
        """Seconds of life after ready that make the next failure the first again."""

    def delay(self, restarts: int, rng: random.Random, previous: float) -> float:
        """Seconds to wait before restart number `restarts` (1 is the first) since the last reset.

        `previous`: what this method gave for the restart before, 0.0 for the first.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """A child of a supervisor. `shutdown=None` means the type's default: 5 s for a worker, infinity for a supervisor.

    `backoff=None` means the supervisor's own. `dispatcher=None` means that of the actor's class, or of the system where
    the class names none; with `isolation="process"` it is who runs the actor in that process.
    """

    id: str
    start: Start
    restart: Restart = Restart.PERMANENT
    shutdown: Shutdown | None = None
    type: ChildType = ChildType.WORKER
    significant: bool = False
    isolation: Isolation = Isolation.THREAD
    start_timeout: float = 10.0  # seconds; math.inf for no limit
    backoff: Delays | None = None
    name: str | None = None  # registered in the system's name registry while it lives
    limits: Limits = Limits()
    launcher: Literal["auto", "exec", "zygote"] = "auto"
    dispatcher: DispatcherName | None = None

    @property
    def effective_shutdown(self) -> Shutdown:
        """The shutdown value with the type's default filled in."""
        if self.shutdown is not None:
            return self.shutdown
        return Infinity() if self.type is ChildType.SUPERVISOR else Grace(5.0)
