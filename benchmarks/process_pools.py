"""Executors of one process as sides of `benchmarks.processes`: concurrent.futures' own, and loky's.

What lives here: the workloads for any executor that is like `concurrent.futures.ProcessPoolExecutor`. A function is
called where others send a message. Imports the standard library only: loky's side runs elsewhere.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from benchmarks.actor_serving import Workload, last, middle
from benchmarks.process_children import echo
from benchmarks.process_goods import KINDS, MEBIBYTE, Bin, Tally, expect, payloads, small, tallied
from benchmarks.process_lives import WAIT, life_workloads

__all__ = ("futures_workloads", "loky_workloads")

IN_FLIGHT = 16  # payloads that have been submitted and not been handled
clock = time.perf_counter
_tally = Tally()  # in the worker
_bin = Bin(0)


def futures_workloads() -> Mapping[str, Workload]:
    """Give the workloads of ProcessPoolExecutor, as it comes: it forks this process."""
    from concurrent.futures import ProcessPoolExecutor

    return _workloads(lambda: ProcessPoolExecutor(1))


def loky_workloads() -> Mapping[str, Workload]:
    """Give the workloads of loky's executor, as it comes: it executes a fresh interpreter."""
    import loky  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

    with loky.ProcessPoolExecutor(1) as first:  # what is started with the first one stays: the resource tracker
        expect("answer", 1, first.submit(echo, 1).result(WAIT))
    return _workloads(lambda: loky.ProcessPoolExecutor(1))


def _workloads(make: Callable[[], Any]) -> Mapping[str, Workload]:
    def warm(measure: Callable[[Executor, int, int], dict[str, float]]) -> Workload:
        def run(count: int, size: int) -> dict[str, float]:
            with make() as executor:
                expect("answer", "ready", executor.submit(echo, "ready").result(WAIT))
                return measure(executor, count, size)

        return run

    lives = life_workloads(lambda: _Nursery(make))
    messages = {"tell": warm(_tell), "ask": warm(_ask), "payload": warm(_payload)}
    return {"crash": lives["crash"], "memory": lives["memory"], **messages}


class _Life:
    """An executor, since that is what has to be replaced when its process has died."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._first: Future[object] = executor.submit(echo, "ready")
        self._pending: Future[object] | None = None

    @property
    def pid(self) -> int:
        (pid,) = self._executor._processes
        return int(pid)

    def ready(self) -> None:
        expect("first answer", "ready", self._first.result(WAIT))

    def ask(self, message: object) -> object:
        answer: object = self._executor.submit(echo, message).result(WAIT)
        return answer

    def expect_death(self) -> None:
        """Have something under way: an executor says that it is broken to who waits for a result."""
        self._pending = self._executor.submit(time.sleep, WAIT)

    def wait_death(self) -> float:
        assert self._pending is not None
        try:
            self._pending.result(WAIT)
        except BrokenProcessPool:
            return clock()
        raise AssertionError("expected the executor to be broken")

    def stop(self) -> None:
        """As `release`, which asks before it waits."""

    def release(self) -> None:
        self._executor.shutdown()


class _Nursery:
    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def begin(self) -> _Life:
        return _Life(self._make())

    def replace(self, _dead: _Life) -> _Life:
        return self.begin()

    def close(self) -> None:
        """Nothing is left."""


def _count(message: dict[str, object]) -> None:
    _tally.take(message)


def _counted() -> list[int]:
    return _tally.said()


def _tell(executor: Executor, count: int, _size: int) -> dict[str, float]:
    submit = executor.submit
    began = clock()
    for number in range(count):
        submit(_count, small(number))
    said = submit(_counted).result(WAIT)
    took = clock() - began
    expect("tally", tallied(count), said)
    return {"rate": count / took, "seconds": took}


def _ask(executor: Executor, count: int, _size: int) -> dict[str, float]:
    times = []
    for number in range(count):
        began = clock()
        answer = executor.submit(echo, number).result(WAIT)
        times.append((clock() - began) * 1e6)
        expect("answer", number, answer)
    return {"p50": middle(times), "p99": last(times), "seconds": sum(times) / 1e6}


def _open_bin(size: int) -> None:
    global _bin
    _bin = Bin(size)


def _put(payload: bytes) -> None:
    _bin.take(payload)


def _in_bin() -> list[int]:
    return _bin.said()


def _payload(executor: Executor, count: int, size: int) -> dict[str, float]:
    goods = payloads(size * MEBIBYTE)
    for payload in goods:
        expect("sum", zlib.crc32(payload), executor.submit(zlib.crc32, payload).result(WAIT))
    executor.submit(_open_bin, len(goods[0])).result(WAIT)
    under_way: list[Future[None]] = []
    began = clock()
    for number in range(count):
        under_way.append(executor.submit(_put, goods[number % KINDS]))
        if len(under_way) >= IN_FLIGHT:
            under_way.pop(0).result(WAIT)
    wait(under_way, WAIT)
    took = clock() - began
    expect("payloads", [count, 0], executor.submit(_in_bin).result(WAIT))
    return {"GB/s": count * len(goods[0]) / took / 1e9, "seconds": took}
