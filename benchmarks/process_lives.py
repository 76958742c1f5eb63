"""Processes that are started, killed and replaced: the same deeds for every side of `benchmarks.processes`.

What lives here: the workloads, each of which asks whoever it has started. What must not: how a side starts a process.
Times are milliseconds, memory is millions of bytes. Imports the standard library only: sides run elsewhere too.
"""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from benchmarks.actor_serving import Workload, last, middle
from benchmarks.process_goods import expect

__all__ = ("WAIT", "Life", "Nursery", "life_workloads")

WAIT = 120.0  # seconds until something that must happen is taken for not happening
clock = time.perf_counter


class Life(Protocol):
    """One process, from its beginning to its end."""

    @property
    def pid(self) -> int:
        """Its number, once it is ready."""

    def ready(self) -> None:
        """Wait until it is."""

    def ask(self, message: object) -> object:
        """Have it answer with the message."""

    def expect_death(self) -> None:
        """Prepare to notice its end."""

    def wait_death(self) -> float:
        """Wait until its end has been noticed; give when that was."""

    def stop(self) -> None:
        """Ask it to end, without waiting for it."""

    def release(self) -> None:
        """Wait until it has ended, and let go of all that belonged to it."""


L = TypeVar("L", bound=Life)


class Nursery(Protocol[L]):
    """Where lives begin."""

    def begin(self) -> L:
        """Begin one, without waiting for it."""

    def replace(self, dead: L) -> L:
        """Begin another one instead of one that has died."""

    def close(self) -> None:
        """End whatever is left of the nursery itself."""


def life_workloads(open_nursery: Callable[[], Nursery[L]]) -> Mapping[str, Workload]:
    """Give the workloads, each in a fresh nursery."""

    def inside(measure: Callable[[Nursery[L], int], dict[str, float]]) -> Workload:
        def run(count: int, _size: int) -> dict[str, float]:
            nursery = open_nursery()
            try:
                return measure(nursery, count)
            finally:
                nursery.close()

        return run

    return {"crash": inside(_crash), "memory": inside(_memory), "crowd": inside(_crowd)}


def _crash(nursery: Nursery[L], count: int) -> dict[str, float]:
    """From SIGKILL to knowing of it, and to another one that is ready."""
    known, back = [], []
    life = nursery.begin()
    life.ready()
    for number in range(count + 1):
        expect("answer", number, life.ask(number))
        pid = life.pid
        life.expect_death()
        killed = clock()
        os.kill(pid, signal.SIGKILL)
        noticed = life.wait_death()
        life.release()
        life = nursery.replace(life)
        life.ready()
        ready = clock()
        expect("still there after its end", [], _there([pid]))
        if number:  # the first one warms up
            known.append((noticed - killed) * 1000)
            back.append((ready - killed) * 1000)
    expect("answer", "last", life.ask("last"))
    life.stop()
    life.release()
    noticed = {"noticed p50": middle(known), "noticed p99": last(known)}
    return {**noticed, "p50": middle(back), "p99": last(back), "seconds": sum(back) / 1e3}


def _memory(nursery: Nursery[L], count: int) -> dict[str, float]:
    """What one holds that has answered once, and does nothing now."""
    lives = _started(nursery, count)
    weights = [_weight(life.pid) for life in lives]
    _end(lives)
    return {name: statistics.median(weight[name] for weight in weights) for name in weights[0]}


def _crowd(nursery: Nursery[L], count: int) -> dict[str, float]:
    """Start so many, until all are ready; then stop them all."""
    _end(_started(nursery, 1))  # whatever a nursery needs before its first child
    began = clock()
    lives = [nursery.begin() for _ in range(count)]
    for life in lives:
        life.ready()
    started = clock()
    for number, life in enumerate(lives):
        expect("answer", number, life.ask(number))
    pids = [life.pid for life in lives]
    expect("processes", count, len(_there(pids)))
    stop = clock()
    _end(lives)
    stopped = clock()
    expect("still there after their end", [], _there(pids))
    return {"start": (started - began) / count * 1000, "stop": (stopped - stop) / count * 1000}


def _started(nursery: Nursery[L], count: int) -> list[L]:
    lives = [nursery.begin() for _ in range(count)]
    for number, life in enumerate(lives):
        life.ready()
        expect("answer", number, life.ask(number))
    return lives


def _end(lives: Iterable[Life]) -> None:
    for life in lives:
        life.stop()
    for life in lives:
        life.release()


def _there(pids: Iterable[int]) -> list[int]:
    return sorted({pid for pid in pids if Path(f"/proc/{pid}").exists()})


def _weight(pid: int) -> dict[str, float]:
    """Give what is its own, and its share of what it has in common with others."""
    private = shared = 0.0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size = line.split()[:2]
        if name.startswith("Private_"):
            private += int(size) * 1024 / 1e6
        elif name == "Pss:":
            shared = int(size) * 1024 / 1e6
    return {"private": private, "pss": shared}
