"""What Python itself takes for the parts that an actor is made of: no runtime written in Python can go below."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from queue import Queue, SimpleQueue

from benchmarks.actor_serving import Workload

__all__ = ("WORKLOADS",)


class _Thing:
    def method(self) -> None:
        """Do nothing."""


def _per(count: int, began: float, unit: float) -> float:
    return (time.perf_counter() - began) / count * unit


def _deque(count: int, _size: int) -> dict[str, float]:
    waiting: deque[int] = deque()
    put, take = waiting.append, waiting.popleft
    began = time.perf_counter()
    for number in range(count):
        put(number)
        take()
    return {"ns": _per(count, began, 1e9)}


def _method(count: int, _size: int) -> dict[str, float]:
    thing = _Thing()
    began = time.perf_counter()
    for _ in range(count):
        thing.method()
    return {"ns": _per(count, began, 1e9)}


def _queue(count: int, _size: int) -> dict[str, float]:
    waiting: Queue[int] = Queue()
    began = time.perf_counter()
    for number in range(count):
        waiting.put(number)
        waiting.get()
    return {"ns": _per(count, began, 1e9)}


def _hand_off(count: int, _size: int) -> dict[str, float]:
    """Two threads, each of which lets the other one go and waits; for each time that one lets go."""
    mine, other = threading.Lock(), threading.Lock()
    mine.acquire()
    other.acquire()
    rounds = count // 2

    def answer() -> None:
        for _ in range(rounds):
            other.acquire()
            mine.release()

    thread = threading.Thread(target=answer)
    thread.start()
    began = time.perf_counter()
    for _ in range(rounds):
        other.release()
        mine.acquire()
    took = _per(rounds * 2, began, 1e6)
    thread.join()
    return {"us": took}


def _ping_pong(count: int, _size: int) -> dict[str, float]:
    there: SimpleQueue[int] = SimpleQueue()
    back: SimpleQueue[int] = SimpleQueue()
    rounds = count // 2

    def answer() -> None:
        for _ in range(rounds):
            back.put(there.get())

    thread = threading.Thread(target=answer)
    thread.start()
    began = time.perf_counter()
    for number in range(rounds):
        there.put(number)
        if back.get() != number:
            raise AssertionError(f"expected {number} back")
    took = _per(rounds * 2, began, 1e6)
    thread.join()
    return {"us": took}


def _thread(count: int, _size: int) -> dict[str, float]:
    began = time.perf_counter()
    for _ in range(count):
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
    return {"us": _per(count, began, 1e6)}


WORKLOADS: Mapping[str, Workload] = {
    "deque append+popleft": _deque,
    "method call": _method,
    "queue.Queue put+get": _queue,
    "lock hand-off between threads": _hand_off,
    "SimpleQueue ping-pong": _ping_pong,
    "thread start+join": _thread,
}
