"""What is measured with regrow's actors and with pykka's: the same deeds, with the same actors, by the same code.

What lives here: the workloads, each of which checks what has arrived. What must not: how either library starts actors
(`actor_peers.py`), rows. Times are microseconds, rates are per second.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Protocol

import pykka

from benchmarks import actor_cast as cast_of
from benchmarks.actor_serving import Workload, last, middle, resident_bytes

__all__ = ("WAIT", "Stage", "workloads_on")

WAIT = 120.0  # seconds until something that must happen is taken for not happening
SENDERS = 8
TICK = 10.0  # seconds


class Stage(Protocol):
    """Where actors of one library live; everything is gone when it is closed."""

    awaits: bool  # handlers are coroutines

    def spawn(self, mixin: type[Any], *args: object) -> pykka.ActorRef[Any]:
        """Start an actor that does what `mixin` says; as the library starts one, ready or not."""

    def crashing(self, mixin: type[Any], births: SimpleQueue[Any]) -> None:
        """Start a Fragile that somebody starts again each time that it has crashed."""

    def close(self) -> None:
        """End all of them. Errors: whatever is left behind."""


def workloads_on(open_stage: Callable[[], Stage]) -> Mapping[str, Workload]:
    """Give all workloads, each on a fresh stage."""

    def staged(measure: Callable[[Stage, int, int], dict[str, float]]) -> Workload:
        def run(count: int, size: int) -> dict[str, float]:
            with _closing(open_stage()) as stage:
                return measure(stage, count, size)

        return run

    return {name: staged(measure) for name, measure in _WORKLOADS.items()}


@contextmanager
def _closing(stage: Stage) -> Iterator[Stage]:
    try:
        yield stage
    finally:
        stage.close()


def _tell(stage: Stage, count: int, senders: int) -> dict[str, float]:
    """From so many threads to one actor, until it has handled all of it."""
    share = count // senders
    done: SimpleQueue[float] = SimpleQueue()
    sink = stage.spawn(cast_of.AsyncSink if stage.awaits else cast_of.Sink, share * senders, done)
    gate = threading.Barrier(senders)
    starts: list[float] = []  # by the senders themselves: one may have told all of it before anybody else runs

    def send() -> None:
        tell = sink.tell
        gate.wait(WAIT)
        starts.append(time.perf_counter())
        for number in range(share):
            tell(number)

    threads = [threading.Thread(target=send) for _ in range(senders)]
    for thread in threads:
        thread.start()
    ended = done.get(timeout=WAIT)
    for thread in threads:
        thread.join(WAIT)
    _expect("messages handled", share * senders, sink.ask("seen", timeout=WAIT))
    return {"rate": share * senders / (ended - min(starts))}


def _tell_from_one(stage: Stage, count: int, _size: int) -> dict[str, float]:
    return _tell(stage, count, 1)


def _tell_from_many(stage: Stage, count: int, _size: int) -> dict[str, float]:
    return _tell(stage, count, SENDERS)


def _ask_from_outside(stage: Stage, count: int, _size: int) -> dict[str, float]:
    echo = stage.spawn(cast_of.AsyncEcho if stage.awaits else cast_of.Echo)
    clock = time.perf_counter
    times = []
    for number in range(count):
        began = clock()
        answer = echo.ask(number)
        times.append((clock() - began) * 1e6)
        _expect("answer", number, answer)
    return {"p50": middle(times), "p99": last(times)}


def _ask_from_actor(stage: Stage, count: int, _size: int) -> dict[str, float]:
    done: SimpleQueue[Any] = SimpleQueue()
    echo = stage.spawn(cast_of.AsyncEcho if stage.awaits else cast_of.Echo)
    asker = stage.spawn(cast_of.AsyncAsker if stage.awaits else cast_of.Asker, echo, done)
    asker.tell(count)
    times: list[float] = done.get(timeout=WAIT)
    _expect("answers", count, len(times))
    return {"p50": middle(times), "p99": last(times)}


def _ring(stage: Stage, count: int, size: int) -> dict[str, float]:
    """One message goes around `count` times from one to the next."""
    done: SimpleQueue[float] = SimpleQueue()
    ring: list[pykka.ActorRef[Any]] = []
    kind = cast_of.AsyncPlayer if stage.awaits else cast_of.Player
    for number in range(size):
        ring.append(stage.spawn(kind, ring, (number + 1) % size, done))
    ring[0].tell(min(count, 2 * size))
    done.get(timeout=WAIT)
    began = time.perf_counter()
    ring[0].tell(count)
    took = done.get(timeout=WAIT) - began
    _expect("left over", 0, done.qsize())
    return {"hop": took / count * 1e6}


def _proxy(stage: Stage, count: int, _size: int) -> dict[str, float]:
    proxy: Any = stage.spawn(cast_of.Echo).proxy()
    clock = time.perf_counter
    times = []
    for number in range(count):
        began = clock()
        answer = proxy.repeat(number).get()
        times.append((clock() - began) * 1e6)
        _expect("answer", number, answer)
    return {"p50": middle(times)}


def _start(stage: Stage, count: int, _size: int) -> dict[str, float]:
    """Start one, wait until its on_start has run, go on; stop all of them together afterwards."""
    ready: SimpleQueue[object] = SimpleQueue()
    clock = time.perf_counter
    times, refs = [], []
    for _ in range(count):
        began = clock()
        refs.append(stage.spawn(cast_of.Greeter, ready))
        ready.get(timeout=WAIT)
        times.append((clock() - began) * 1e6)
    _expect("alive", count, sum(ref.is_alive() for ref in refs))
    _stop(refs)
    return {"p50": middle(times)}


def _start_and_stop(stage: Stage, count: int, _size: int) -> dict[str, float]:
    began = time.perf_counter()
    for _ in range(count):
        ref = stage.spawn(cast_of.Echo)
        _expect("stopped by this", True, ref.stop())
    return {"each": (time.perf_counter() - began) / count * 1e6}


def _bulk(stage: Stage, count: int, _size: int) -> dict[str, float]:
    """Start so many, until all are ready; then stop them all."""
    ready: SimpleQueue[object] = SimpleQueue()
    began = time.perf_counter()
    refs = [stage.spawn(cast_of.Greeter, ready) for _ in range(count)]
    for _ in refs:
        ready.get(timeout=WAIT)
    started = time.perf_counter()
    _stop(refs)
    stopped = time.perf_counter()
    _expect("alive", 0, sum(ref.is_alive() for ref in refs))
    return {"start": (started - began) / count * 1e6, "stop": (stopped - started) / count * 1e6}


def _crowd(stage: Stage, count: int, _size: int) -> dict[str, float]:
    """Many that do nothing: what one weighs, and what it takes to start and to stop them. For a fresh process."""
    before, began = resident_bytes(), time.perf_counter()
    refs = [stage.spawn(cast_of.Echo) for _ in range(count)]
    started = time.perf_counter()
    gc.collect()
    weight = (resident_bytes() - before) / count
    _expect("answer", "last", refs[-1].ask("last", timeout=WAIT))
    stop = time.perf_counter()
    _stop(refs)
    stopped = time.perf_counter()
    return {"bytes": weight, "start": (started - began) / count * 1e6, "stop": (stopped - stop) / count * 1e6}


def _idle(stage: Stage, count: int, size: int) -> dict[str, float]:
    """Many that do nothing, `size` of them with a timer: the share of a core that all of it takes.

    First with timers that are not due, then with as many that tick, each once in TICK seconds.
    """
    ticks: SimpleQueue[object] = SimpleQueue()
    for _ in range(count - size):
        stage.spawn(cast_of.Echo)
    timed = [stage.spawn(cast_of.Timed, ticks) for _ in range(size)]
    for ref in timed:
        ref.tell(("once", 3600.0))
    seconds = 10.0 if count > 10_000 else 1.0
    _expect("answer", True, timed[-1].ask("there?", timeout=WAIT))
    still = _cpu_percent(seconds)
    for number, ref in enumerate(timed):
        ref.tell(("every", TICK * (0.5 + number / size)))  # not all of them at once
    _expect("answer", True, timed[-1].ask("there?", timeout=WAIT))
    ticked = ticks.qsize()
    ticking = _cpu_percent(seconds)
    return {"still": still, "ticking": ticking, "ticks": (ticks.qsize() - ticked) / seconds}


def _cpu_percent(seconds: float) -> float:
    time.sleep(seconds / 10)  # what is still to be done
    before = time.process_time()
    time.sleep(seconds)
    return (time.process_time() - before) / seconds * 100


def _crash(stage: Stage, count: int, _size: int) -> dict[str, float]:
    """From telling it to crash to the answer of the next life."""
    births: SimpleQueue[Any] = SimpleQueue()
    stage.crashing(cast_of.Fragile, births)
    clock = time.perf_counter
    times = []
    ref = births.get(timeout=WAIT)
    for number in range(count + 5):
        began = clock()
        ref.tell("crash")
        ref = births.get(timeout=WAIT)
        answer = ref.ask(number)
        if number >= 5:
            times.append((clock() - began) * 1e6)
        _expect("answer", number, answer)
    return {"p50": middle(times), "p99": last(times)}


def _stop(refs: list[pykka.ActorRef[Any]]) -> None:
    futures = [ref.stop(block=False) for ref in refs]
    for future in futures:
        future.get(timeout=WAIT)


def _expect(what: str, expected: object, got: object) -> None:
    if expected != got:
        raise AssertionError(f"{what}: expected {expected!r}, got {got!r}")


_WORKLOADS: Mapping[str, Callable[[Stage, int, int], dict[str, float]]] = {
    "tell": _tell_from_one,
    "tell 8": _tell_from_many,
    "ask": _ask_from_outside,
    "ask from actor": _ask_from_actor,
    "ring": _ring,
    "proxy": _proxy,
    "start": _start,
    "start+stop": _start_and_stop,
    "bulk": _bulk,
    "crash": _crash,
    "crowd": _crowd,
    "idle": _idle,
}
