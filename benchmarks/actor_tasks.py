"""The same without any actors: a task with an asyncio.Queue for each, all of them on one event loop.

What lives here: the workloads of the side "plain asyncio" of `benchmarks.actors`. Nothing is asked from a foreign
thread except in "ask", which is what that is about.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from benchmarks.actor_serving import Workload, last, middle, resident_bytes

__all__ = ("WORKLOADS",)

WAIT = 900.0  # seconds for one workload; a million take their time, and the coordinator has a limit of its own
SENDERS = 8
BOUND = 100  # of a queue that several put into: without one they never wait, and nobody else has a turn
Box: TypeAlias = "asyncio.Queue[Any]"


def _looped(measure: Callable[[int, int], Awaitable[dict[str, float]]]) -> Workload:
    def run(count: int, size: int) -> dict[str, float]:
        async def within() -> dict[str, float]:
            return await asyncio.wait_for(measure(count, size), WAIT)

        return asyncio.run(within())

    return run


async def _sink(box: Box, expected: int, done: asyncio.Future[int]) -> None:
    seen = 0
    while seen < expected:
        await box.get()
        seen += 1
    done.set_result(seen)


async def _echo(box: Box) -> None:
    while True:
        message, answer = await box.get()
        answer.set_result(message)


async def _ask(box: Box, message: object) -> object:
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    box.put_nowait((message, answer))
    return await answer


async def _tell(count: int, _size: int) -> dict[str, float]:
    box: Box = asyncio.Queue()
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(_sink(box, count, done))
    began = time.perf_counter()
    for number in range(count):
        box.put_nowait(number)
    seen = await done
    took = time.perf_counter() - began
    await task
    return {"rate": seen / took}


async def _tell_from_many(count: int, _size: int) -> dict[str, float]:
    share = count // SENDERS
    box: Box = asyncio.Queue(BOUND)
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def send() -> None:
        for number in range(share):
            await box.put(number)

    began = time.perf_counter()
    await asyncio.gather(_sink(box, share * SENDERS, done), *(send() for _ in range(SENDERS)))
    return {"rate": done.result() / (time.perf_counter() - began)}


async def _ask_from_outside(count: int, _size: int) -> dict[str, float]:
    box: Box = asyncio.Queue()
    task = asyncio.create_task(_echo(box))
    loop = asyncio.get_running_loop()
    times: list[float] = []

    def ask() -> None:
        for number in range(count):
            began = time.perf_counter()
            answer = asyncio.run_coroutine_threadsafe(_ask(box, number), loop).result(WAIT)
            times.append((time.perf_counter() - began) * 1e6)
            assert answer == number

    await asyncio.to_thread(ask)
    task.cancel()
    return {"p50": middle(times), "p99": last(times)}


async def _ask_from_task(count: int, _size: int) -> dict[str, float]:
    box: Box = asyncio.Queue()
    task = asyncio.create_task(_echo(box))
    times = []
    for number in range(count):
        began = time.perf_counter()
        answer = await _ask(box, number)
        times.append((time.perf_counter() - began) * 1e6)
        assert answer == number
    task.cancel()
    return {"p50": middle(times), "p99": last(times)}


async def _ring(count: int, size: int) -> dict[str, float]:
    boxes: list[Box] = [asyncio.Queue() for _ in range(size)]
    done: Box = asyncio.Queue()

    async def player(box: Box, to: Box) -> None:
        while True:
            left = await box.get()
            if left:
                to.put_nowait(left - 1)
            else:
                done.put_nowait(True)

    tasks = [asyncio.create_task(player(boxes[n], boxes[(n + 1) % size])) for n in range(size)]
    boxes[0].put_nowait(min(count, 2 * size))
    await done.get()
    began = time.perf_counter()
    boxes[0].put_nowait(count)
    await done.get()
    took = time.perf_counter() - began
    for task in tasks:
        task.cancel()
    return {"hop": took / count * 1e6}


class _Greeter:
    """A task that says that it runs, and ends when it is told to."""

    def __init__(self) -> None:
        self.box: Box = asyncio.Queue()
        self.ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        self.ready.set_result(True)
        await self.box.get()

    async def stop(self) -> None:
        self.box.put_nowait("stop")
        await self.task


async def _start(count: int, _size: int) -> dict[str, float]:
    times, started = [], []
    for _ in range(count):
        began = time.perf_counter()
        started.append(greeter := _Greeter())
        await greeter.ready
        times.append((time.perf_counter() - began) * 1e6)
    for greeter in started:
        await greeter.stop()
    return {"p50": middle(times)}


async def _start_and_stop(count: int, _size: int) -> dict[str, float]:
    began = time.perf_counter()
    for _ in range(count):
        greeter = _Greeter()
        await greeter.ready
        await greeter.stop()
    return {"each": (time.perf_counter() - began) / count * 1e6}


async def _ready_greeters(count: int) -> list[_Greeter]:
    greeters = [_Greeter() for _ in range(count)]
    for greeter in greeters:
        await greeter.ready
    return greeters


async def _stop_all(greeters: list[_Greeter]) -> None:
    for greeter in greeters:
        greeter.box.put_nowait("stop")
    for greeter in greeters:
        await greeter.task


async def _bulk(count: int, _size: int) -> dict[str, float]:
    began = time.perf_counter()
    greeters = await _ready_greeters(count)
    started = time.perf_counter()
    await _stop_all(greeters)
    stopped = time.perf_counter()
    return {"start": (started - began) / count * 1e6, "stop": (stopped - started) / count * 1e6}


async def _crowd(count: int, _size: int) -> dict[str, float]:
    before, began = resident_bytes(), time.perf_counter()
    greeters = await _ready_greeters(count)
    started = time.perf_counter()
    gc.collect()
    weight = (resident_bytes() - before) / count
    stop = time.perf_counter()
    await _stop_all(greeters)
    stopped = time.perf_counter()
    return {"bytes": weight, "start": (started - began) / count * 1e6, "stop": (stopped - stop) / count * 1e6}


async def _crash(count: int, _size: int) -> dict[str, float]:
    """A task that fails, and a callback that starts the next one."""
    births: asyncio.Queue[Box] = asyncio.Queue()
    over = threading.Event()

    async def live(box: Box) -> None:
        births.put_nowait(box)
        while True:
            message, answer = await box.get()
            if message == "crash":
                raise RuntimeError("told to crash")
            answer.set_result(message)

    running: list[asyncio.Task[None]] = []

    def begin(ended: asyncio.Task[None] | None = None) -> None:
        if ended is not None and not ended.cancelled():
            assert isinstance(ended.exception(), RuntimeError)
        if not over.is_set():
            running[:] = [asyncio.create_task(live(asyncio.Queue()))]
            running[0].add_done_callback(begin)

    begin()
    times = []
    box = await births.get()
    for number in range(count):
        began = time.perf_counter()
        box.put_nowait(("crash", None))
        box = await births.get()
        answer = await _ask(box, number)
        times.append((time.perf_counter() - began) * 1e6)
        assert answer == number
    over.set()
    running[0].cancel()
    return {"p50": middle(times), "p99": last(times)}


WORKLOADS: Mapping[str, Workload] = {
    "tell": _looped(_tell),
    "tell 8": _looped(_tell_from_many),
    "ask": _looped(_ask_from_outside),
    "ask from actor": _looped(_ask_from_task),
    "ring": _looped(_ring),
    "start": _looped(_start),
    "start+stop": _looped(_start_and_stop),
    "bulk": _looped(_bulk),
    "crash": _looped(_crash),
    "crowd": _looped(_crowd),
}
