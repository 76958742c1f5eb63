"""What a timer costs: armed and cancelled, armed and fired, a thousand or a million that wait.

`python -m benchmarks.timers [--quick] [--json]`. Peers in the same run: a heap of entries under a lock whose cancelled
ones stay until they are due, asyncio's `call_later`, and a `threading.Timer` for each. What things cost is the CPU time
of all threads; "late" and "longest" are of the wall clock, and the first says how fast the machine wakes a thread.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import heapq
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from statistics import median, quantiles

from benchmarks.rows import Row, median_and_spread, print_rows
from regrow.actors import SystemClock

ARM_TARGET_US = 1.0
IDLE_TARGET = 0.5  # percent of a core
ROUNDS = 5
FAR = 30.0  # seconds: the time that a start may take, which is what most timers are for


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer of everything, under half a minute")
    parser.add_argument("--json", action="store_true", help="print a JSON list of rows")
    arguments = parser.parse_args()
    short, many, idle = (20_000, 100_000, 2.0) if arguments.quick else (200_000, 1_000_000, 20.0)
    rows = [
        *_cancel_rows(short, 0, ""),
        *_cancel_rows(short, many, f", {many:,} others armed"),
        *_fire_rows(short),
        *_crowd_rows(many),
        *_late_rows(200 if arguments.quick else 1000),
        _idle_row(idle),
    ]
    print_rows(f"Timers: {short:,} of each kind", rows, as_json=arguments.json)
    return 0


class Heap:
    """What most libraries have: a heap, a lock, and entries that are dropped when their time has come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heap: list[tuple[float, int, list[Callable[[], object]]]] = []
        self._order = count()

    def call_at(self, when: float, callback: Callable[[], object]) -> list[Callable[[], object]]:
        cell = [callback]
        with self._lock:
            heapq.heappush(self._heap, (when, next(self._order), cell))
        return cell

    def cancel(self, cell: list[Callable[[], object]]) -> None:
        with self._lock:
            cell.clear()

    def fire(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            with self._lock:
                cell = heapq.heappop(self._heap)[2]
            if cell:
                cell[0]()


@contextmanager
def system_clock() -> Iterator[SystemClock]:
    clock = SystemClock()
    yield clock
    clock.close()


def nothing() -> None:
    pass


def timed(times: int, what: Callable[[int], object]) -> float:
    """Give microseconds of CPU for each of `times`."""
    gc.collect()
    began = time.process_time()
    what(times)
    return (time.process_time() - began) / times * 1e6


def _cancel_rows(times: int, others: int, suffix: str) -> list[Row]:
    rounds: dict[str, list[float]] = {"ours": [], "heap": [], "loop": [], "thread": []}
    heap, loop = Heap(), asyncio.new_event_loop()
    with system_clock() as clock:
        far = clock.now() + 3600
        for n in range(others):
            clock.call_at(far + n / 300, nothing)
            heap.call_at(far + n / 300, nothing)
            loop.call_later(3600 + n / 300, nothing)

        def ours(times: int) -> None:
            call_at, when = clock.call_at, clock.now() + FAR
            for _ in range(times):
                call_at(when, nothing).cancel()

        def on_heap(times: int) -> None:
            when = clock.now() + FAR
            for _ in range(times):
                heap.cancel(heap.call_at(when, nothing))

        def on_loop(times: int) -> None:
            for _ in range(times):
                loop.call_later(FAR, nothing).cancel()

        for _ in range(ROUNDS):
            rounds["ours"].append(timed(times, ours))
            rounds["heap"].append(timed(times, on_heap))
            rounds["loop"].append(timed(times, on_loop))
            if not others:
                rounds["thread"].append(timed(times // 200, _threads))
    loop.close()
    took, spread = median_and_spread(rounds["ours"])
    peers = {"heap and lock": "heap", "asyncio call_later": "loop", "threading.Timer": "thread"}
    target, met = f"<= {ARM_TARGET_US:g} us", took <= ARM_TARGET_US
    rows = []
    for peer, key in peers.items():
        if rounds[key]:
            theirs = median(rounds[key])
            name = f"arm and cancel, from another thread{suffix}"
            rows.append(Row(name, took, "us", peer, theirs, theirs / took, target, met, spread))
    return rows


def _threads(times: int) -> None:
    for _ in range(times):
        timer = threading.Timer(FAR, nothing)
        timer.start()
        timer.cancel()
        timer.join()


def _fire_rows(times: int) -> list[Row]:
    rounds: dict[str, list[float]] = {"ours": [], "heap": [], "loop": [], "thread": []}
    for _ in range(ROUNDS):
        with system_clock() as clock:
            rounds["ours"].append(timed(times, lambda n, clock=clock: _fire(clock, n)))  # type: ignore[misc]
        rounds["heap"].append(timed(times, _fire_heap))
        rounds["loop"].append(timed(times, _fire_loop))
        rounds["thread"].append(timed(times // 200, _fire_threads))
    took, spread = median_and_spread(rounds["ours"])
    peers = {"heap, the same thread": "heap", "asyncio call_later": "loop", "threading.Timer": "thread"}
    return [
        Row("arm and fire", took, "us", peer, median(rounds[key]), median(rounds[key]) / took, "", None, spread)
        for peer, key in peers.items()
    ]


def _fire(clock: SystemClock, times: int) -> None:
    done, now = threading.Event(), clock.now()
    for n in range(times - 1):
        clock.call_at(now + n * 1e-7, nothing)
    clock.call_at(now + times * 1e-7, done.set)
    done.wait()


def _fire_heap(times: int) -> None:
    heap = Heap()
    for n in range(times):
        heap.call_at(n * 1e-7, nothing)
    heap.fire(1.0)


def _fire_loop(times: int) -> None:
    loop = asyncio.new_event_loop()
    now = loop.time()
    for n in range(times - 1):
        loop.call_at(now + n * 1e-7, nothing)
    loop.call_at(now + times * 1e-7, loop.stop)
    loop.run_forever()
    loop.close()


def _fire_threads(times: int) -> None:
    timers = [threading.Timer(0.0, nothing) for _ in range(times)]
    for timer in timers:
        timer.start()
    for timer in timers:
        timer.join()


def _crowd_rows(times: int) -> list[Row]:
    """Arm a million over an hour, then take them back one by one: the longest pause is what others would notice."""
    with system_clock() as clock:
        now = clock.now() + 60
        began = time.process_time()
        timers = [clock.call_at(now + (n * 7919 % times) * (3600 / times), nothing) for n in range(times)]
        armed = (time.process_time() - began) / times * 1e6
        worst, began = 0.0, time.process_time()
        for timer in timers:
            before = time.perf_counter()
            timer.cancel()
            worst = max(worst, time.perf_counter() - before)
        cancelled = (time.process_time() - began) / times * 1e6
    return [
        Row(f"arm {times:,} over an hour, each", armed, "us", "", None, None, "", None),
        Row("take all of them back, each", cancelled, "us", "", None, None, "", None, f"longest {worst * 1e3:.2g} ms"),
    ]


def _late_rows(times: int) -> list[Row]:
    late: list[float] = []
    with system_clock() as clock:
        done, due = threading.Event(), clock.now() + 0.05
        for n in range(times):
            when = due + n * 0.001
            clock.call_at(when, lambda when=when: late.append(clock.now() - when))  # type: ignore[misc]
        clock.call_at(due + times * 0.001, done.set)
        done.wait()
    loop_late = asyncio.run(_loop_late(times))
    p99 = quantiles(late, n=100)[98]
    spread = f"p99 {p99 * 1e6:.3g}, peer's {quantiles(loop_late, n=100)[98] * 1e6:.3g}"
    ours, theirs = median(late) * 1e6, median(loop_late) * 1e6
    name = "late, one every ms, p50"
    return [Row(name, ours, "us", "asyncio call_later", theirs, theirs / ours, "", None, spread)]


async def _loop_late(times: int) -> list[float]:
    loop, late = asyncio.get_running_loop(), list[float]()
    due = loop.time() + 0.05
    for n in range(times):
        when = due + n * 0.001
        loop.call_at(when, lambda when=when: late.append(loop.time() - when))  # type: ignore[misc]
    await asyncio.sleep(0.1 + times * 0.001)
    return late


def _idle_row(seconds: float) -> Row:
    with system_clock() as clock:
        for n in range(1000):
            clock.call_at(clock.now() + 3600 + n, nothing)
        time.sleep(0.2)
        before = time.process_time()
        time.sleep(seconds)
        used = (time.process_time() - before) / seconds * 100
    target = f"<= {IDLE_TARGET:g} %"
    return Row("CPU while 1,000 timers wait", used, "% of a core", "", None, None, target, used <= IDLE_TARGET)


if __name__ == "__main__":
    sys.exit(main())
