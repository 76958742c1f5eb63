"""The processes of a running system, as rows: `processes(system)`.

What lives here: who is asked, and how long is waited. What must not: what a row says (`process_rows.py`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import Any, Final
from weakref import WeakKeyDictionary

from regrow.actors import ActorRef, ActorSystem
from regrow.actors.clock import monotonic
from regrow.actors.futures import AskFuture
from regrow.actors.hosting.census import own_process, processes_of
from regrow.actors.hosting.seen import ListProcesses, ProcessesSeen, ProcessKind, ProcessSeen
from regrow.actors.hosting.usage import children_by_parent, usage_of
from regrow.observe.process_rows import UNKNOWN, ProcessRow, rows_of
from regrow.protocol.errors import RegrowError

__all__ = ("ANSWER_SECONDS", "ProcessRow", "processes")

ANSWER_SECONDS: Final = 0.25
"""For the processes that host others to say whom; one that gets on answers in less than a millisecond."""

_DEPTH_MAX: Final = 16  # of processes within processes, against a circle that cannot be
_STOPPED: Final = "TtZX"  # states of the kernel's in which nobody answers


def processes(system: ActorSystem, *, timeout: float = ANSWER_SECONDS) -> tuple[ProcessRow, ...]:
    """Look at all processes of a system: this one, its children, programs, zygotes and spares, and those below them.

    Runs in: any thread. What this process knows is read without asking anybody; only processes that host others are
    asked for these, all at once, and blocks up to `timeout` seconds if one does not answer. Those below it are then
    known by the kernel alone: rows of the kind "other" in the state "unknown".
    Shape: O(processes); some 60 microseconds each.
    """
    return system.part(_Looks).look(timeout)


class _Looks:
    """The questions of one system that are not answered yet, so that one that hangs is not asked again and again."""

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._lock = threading.Lock()  # guards the questions
        self._asked: WeakKeyDictionary[ActorRef[Any], AskFuture[Any]] = WeakKeyDictionary()

    def look(self, timeout: float) -> tuple[ProcessRow, ...]:
        """Look once."""
        deadline = monotonic() + timeout
        below: dict[int, list[ProcessSeen]] = {os.getpid(): processes_of(self._system)}
        silent: list[int] = []
        level = below[os.getpid()]
        for _ in range(_DEPTH_MAX):
            level = self._next_level(level, below, silent, deadline)
        if silent:
            _add_by_kernel(silent, below)
        pids = {seen.pid for level in below.values() for seen in level if seen.pid is not None}
        usage = {pid: seen for pid in (*pids, os.getpid()) if (seen := usage_of(pid)) is not None}
        return rows_of(own_process(self._system), below, usage)

    def close(self) -> None:
        """Nothing is held that the system would miss."""

    def _next_level(
        self, level: Iterable[ProcessSeen], below: dict[int, list[ProcessSeen]], silent: list[int], deadline: float
    ) -> list[ProcessSeen]:
        """Ask those who host others; note whom they host, and who is silent."""
        hosts = [seen for seen in level if seen.hosts and seen.pid is not None and seen.pid not in below]
        asked = [(seen.pid or 0, self._ask(seen)) for seen in hosts]
        found: list[ProcessSeen] = []
        for pid, future in asked:
            answer = None if future is None else _answer(future, deadline)
            if answer is None:
                silent.append(pid)
            else:
                below[pid] = answer
                found += answer
        return found

    def _ask(self, seen: ProcessSeen) -> AskFuture[Any] | None:
        """Ask, or wait for the answer to what was asked before; None: nobody there can answer."""
        usage = None if seen.pid is None else usage_of(seen.pid)
        ref = seen.ref
        if ref is None or (usage is not None and usage.state in _STOPPED):
            return None
        with self._lock:
            future = self._asked.get(ref)
            if future is None or future.done:
                try:
                    future = self._asked[ref] = ref.ask_for(None, ListProcesses())
                except RegrowError:  # its outbox is full
                    return None
        return future


def _answer(future: AskFuture[Any], deadline: float) -> list[ProcessSeen] | None:
    try:
        said: object = future.get(timeout=max(0.0, deadline - monotonic()))
    except RegrowError:  # it is late, has ended, or refuses
        return None
    if not isinstance(said, ProcessesSeen):
        return None
    return said.processes


def _add_by_kernel(pids: Iterable[int], below: dict[int, list[ProcessSeen]]) -> None:
    """Note who is below these processes, as the kernel knows it, and below those."""
    children = children_by_parent()
    left = list(pids)
    while left:
        pid = left.pop()
        if pid not in below:
            below[pid] = [
                ProcessSeen(kind=ProcessKind.OTHER, pid=child, state=UNKNOWN) for child in children.get(pid, ())
            ]
            left += children.get(pid, ())
