"""Our own sides of `benchmarks.processes`: hosted processes, by launcher. Imported by who is one of them."""

from __future__ import annotations

import contextlib
import logging
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, Literal, cast

from benchmarks.actor_serving import Workload, last, middle
from benchmarks.process_blob import filled
from benchmarks.process_cast import Bucket, Chronicler, Counter, Echo, Listener, Looker, Sender
from benchmarks.process_goods import KINDS, MEBIBYTE, expect, payloads, small, tallied
from benchmarks.process_lives import WAIT, life_workloads
from benchmarks.process_logs import tempo
from benchmarks.process_plan import NOT_BUILT
from benchmarks.process_ports import Neighbour, measure_neighbours
from benchmarks.restarts import measure_hosted
from regrow.actors import Actor, ActorExited, ActorSystem, Blob, ChildSpec, Isolation, Start, Started
from regrow.actors.hosting import HostedRef, OutboxFull
from regrow.actors.outcome import StartWaiter
from regrow.protocol.codec import encode

__all__ = ("hosted_workloads",)

PROCESSES = 8  # that get the same
ROW_BYTES = 9  # of a float, said
LOOK_SECONDS = 0.01  # between looks at a page
BEAT_MS = 1000.0  # between beats, when all is well
FULL_SECONDS = 0.0002  # until another look at an outbox that was full
clock = time.perf_counter


def hosted_workloads(launcher: Literal["zygote", "exec"]) -> Mapping[str, Workload]:
    """Give the workloads, each in a fresh system."""
    logging.disable(logging.CRITICAL)  # every end is one that was asked for here

    def staged(measure: Callable[[_Stage, int, int], dict[str, float]]) -> Workload:
        def run(count: int, size: int) -> dict[str, float]:
            stage = _Stage(launcher)
            try:
                return measure(stage, count, size)
            finally:
                stage.close()

        return run

    def supervised(count: int, _size: int) -> dict[str, float]:
        times = measure_hosted(count, launcher)
        return {"p50": middle(times), "p99": last(times), "seconds": sum(times) / 1e3}

    lives = life_workloads(lambda: _Stage(launcher))
    others = {name: staged(measure) for name, measure in _WORKLOADS.items()}
    return {**lives, "supervised crash": supervised, **others}


class _Stage:
    """A system; as a nursery, of lives that only answer."""

    def __init__(self, launcher: Literal["zygote", "exec"]) -> None:
        self.system = ActorSystem("bench")
        self.system.hosting.preload("benchmarks.process_cast")
        self.exits: dict[str, SimpleQueue[tuple[float, ActorExited]]] = {}  # by urn, of those lives
        self._launcher: Literal["zygote", "exec"] = launcher
        self.system.bus.subscribe(self._exited, ActorExited)

    def spec(self, kind: type[Actor], *args: object) -> ChildSpec:
        start = Start(kind, args)
        return ChildSpec(
            id="child", start=start, isolation=Isolation.PROCESS, launcher=self._launcher, start_timeout=WAIT
        )

    def start(self, kind: type[Actor], *args: object) -> HostedRef:
        """Start one and wait until it is ready."""
        waiter = StartWaiter()
        self.system.begin(self.spec(kind, *args), parent=None, ref=None, on_outcome=waiter)
        return cast("HostedRef", waiter.wait())

    def begin(self) -> _Life:
        return _Life(self, None)

    def replace(self, dead: _Life) -> _Life:
        return _Life(self, dead.ref)

    def close(self) -> None:
        left = self.system.shutdown(WAIT)
        if left:
            raise AssertionError(f"still running: {left}")

    def _exited(self, event: object) -> None:
        now = clock()
        if isinstance(event, ActorExited) and event.ref.urn in self.exits:
            self.exits[event.ref.urn].put((now, event))


class _Life:
    def __init__(self, stage: _Stage, ref: HostedRef | None) -> None:
        self._outcomes: SimpleQueue[object] = SimpleQueue()
        begun = stage.system.begin(stage.spec(Echo), parent=None, ref=ref, on_outcome=self._outcomes.put)
        self.ref = cast("HostedRef", begun)
        self._exits = stage.exits.setdefault(self.ref.urn, SimpleQueue())
        self._dead = False

    @property
    def pid(self) -> int:
        return self.ref.pid or 0

    def ready(self) -> None:
        outcome = self._outcomes.get(timeout=WAIT)
        if not isinstance(outcome, Started):
            raise AssertionError(f"expected it to be ready, got {outcome}")

    def ask(self, message: object) -> object:
        answer: object = self.ref.ask(message, timeout=WAIT)
        return answer

    def expect_death(self) -> None:
        """Nothing is needed: every end is announced."""

    def wait_death(self) -> float:
        when, event = self._exits.get(timeout=WAIT)
        expect("who has ended", self.ref, event.ref)
        self._dead = True
        return when

    def stop(self) -> None:
        self.ref.shutdown()

    def release(self) -> None:
        if not self._dead:
            self.wait_death()


def _tell(stage: _Stage, count: int, _size: int) -> dict[str, float]:
    """To the child, until it has answered how much came."""
    counter = stage.start(Counter)
    tell = counter.tell
    began = clock()
    for number in range(count):
        tell(small(number))
    said = counter.ask("said", timeout=WAIT)
    took = clock() - began
    expect("tally", tallied(count), said)
    return {"rate": count / took, "seconds": took}


def _tell_back(stage: _Stage, count: int, _size: int) -> dict[str, float]:
    """From the child to an actor at home."""
    done: SimpleQueue[tuple[float, list[int]]] = SimpleQueue()
    listener = stage.system.spawn(Listener, count, done)
    sender = stage.start(Sender)
    began = clock()
    sender.tell((count, listener))
    ended, said = done.get(timeout=WAIT)
    expect("tally", tallied(count), said)
    took = ended - began
    return {"rate": count / took, "seconds": took}


def _ask(stage: _Stage, count: int, _size: int) -> dict[str, float]:
    """From a thread as actors and services have: the main thread leaves the reading to the loop."""
    ask = stage.start(Echo).ask
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_ask_here, ask, count).result()


def _ask_here(ask: Callable[[object], object], count: int) -> dict[str, float]:
    times = []
    for number in range(count):
        began = clock()
        answer = ask(number)
        times.append((clock() - began) * 1e6)
        expect("answer", number, answer)
    return {"p50": middle(times), "p99": last(times), "seconds": sum(times) / 1e6}


def _payload(stage: _Stage, count: int, size: int) -> dict[str, float]:
    """Large ones to the child, as fast as it takes them."""
    goods = payloads(size * MEBIBYTE)
    bucket = stage.start(Bucket, len(goods[0]))
    for payload in goods:
        expect("sum", zlib.crc32(payload), bucket.ask((payload,), timeout=WAIT))
    began = clock()
    for number in range(count):
        _tell_when_there_is_room(bucket, goods[number % KINDS])
    said = bucket.ask("said", timeout=WAIT)
    took = clock() - began
    expect("payloads", [count, 0], said)
    return {"GB/s": count * len(goods[0]) / took / 1e9, "seconds": took}


def _tell_when_there_is_room(ref: HostedRef, message: object) -> None:
    while True:
        try:
            ref.tell(message)
        except OutboxFull:
            time.sleep(FULL_SECONDS)
        else:
            return


def _broadcast(stage: _Stage, count: int, size: int) -> dict[str, float]:
    """Many small values to all processes: by a broadcast, told to each, and only encoded."""
    rows = [float(number) for number in range(size * MEBIBYTE // ROW_BYTES)]
    refs = [stage.start(Echo) for _ in range(PROCESSES)]
    together, each, encoded = [], [], []
    sent = 0
    for _ in range(count):
        began = clock()
        sent += stage.system.hosting.broadcast(refs, rows).sent
        together.append((clock() - began) * 1e3)
        _settle(refs)
        began = clock()
        for ref in refs:
            ref.tell(rows)
        each.append((clock() - began) * 1e3)
        _settle(refs)
        began = clock()
        encode(rows)
        encoded.append((clock() - began) * 1e3)
    expect("told", count * PROCESSES, sent)
    return {
        "ms": middle(together),
        "each": middle(each),
        "encoding": middle(encoded),
        "seconds": (sum(together) + sum(each)) / 1e3,
    }


def _settle(refs: Sequence[HostedRef]) -> None:
    for ref in refs:
        expect("answer", 1, ref.ask(1, timeout=WAIT))


def _port(stage: _Stage, count: int, _size: int) -> dict[str, float]:
    """Two children that talk to each other, by a port and through the host."""
    return measure_neighbours(stage.start(Neighbour), stage.start(Neighbour), count)


def _page(stage: _Stage, count: int, _size: int) -> dict[str, float]:
    """What it has written down, read without asking it."""
    ref = stage.start(Echo)
    expect("answer", 1, ref.ask(1))
    began = clock()
    for _ in range(count):
        page = ref.black_box
    took = clock() - began
    expect("received", 1, None if page is None else page.received)
    return {"ns": took / count * 1e9}


def _load(stage: _Stage, count: int, _size: int) -> dict[str, float]:
    """How busy it is, read without asking it."""
    ref: Any = stage.start(Echo)
    if not hasattr(ref, "load"):
        raise NotImplementedError(NOT_BUILT)
    expect("answer", 1, ref.ask(1))
    load = ref.load
    began = clock()
    for _ in range(count):
        found = load()
    took = clock() - began
    expect("it has a load", True, found is not None)
    return {"ns": took / count * 1e9}


def _blob(stage: _Stage, count: int, size: int) -> dict[str, float]:
    """Memory that is handed over instead of sent: a second handle each time, for the child that lets go of it."""
    ref = stage.start(Looker)
    times = []
    with Blob.of_size(size * MEBIBYTE) as blob:
        expected = _filled(blob)
        for _ in range(count):
            began = clock()
            seen = ref.ask(blob.copy())
            times.append((clock() - began) * 1000)
            expect("what the child saw", expected, seen)
    return {"p50": middle(times)}


def _logs(stage: _Stage, count: int, way: str) -> dict[str, float]:
    """Until the process has ended well, which is when all has come; meanwhile its page is looked at for beats."""
    came = 0

    def sink(_record: object, _ref: object) -> None:
        nonlocal came
        came += 1

    logging.disable(logging.NOTSET)
    stage.system.log_sink = sink
    stage.system.hosting.set_log_level("info")
    ref = stage.start(Chronicler)
    stage.exits[ref.urn] = SimpleQueue()
    began, worst, ended = clock(), 0.0, None
    ref.tell((way, count))
    while ended is None and clock() < began + WAIT:
        page = ref.black_box
        if page is not None and page.beat_ns:
            worst = max(worst, (time.monotonic_ns() - page.beat_ns) / 1e6)
        with contextlib.suppress(Empty):
            ended, _ = stage.exits[ref.urn].get(timeout=LOOK_SECONDS)
    logging.disable(logging.CRITICAL)
    expect("it has ended", True, ended is not None)
    return {**tempo(count, came, (ended or 0.0) - began), "late": max(0.0, worst - BEAT_MS)}


def _logs_of_logging(stage: _Stage, count: int, _size: int) -> dict[str, float]:
    return _logs(stage, count, "logs")


def _log_records(stage: _Stage, count: int, _size: int) -> dict[str, float]:
    return _logs(stage, count, "records")


def _filled(blob: Blob) -> list[str]:
    with blob.memory() as memory:
        return filled(memory)


_WORKLOADS: Mapping[str, Callable[[_Stage, int, int], dict[str, float]]] = {
    "tell": _tell,
    "tell back": _tell_back,
    "ask": _ask,
    "payload": _payload,
    "broadcast": _broadcast,
    "port": _port,
    "page": _page,
    "load": _load,
    "blob": _blob,
    "logs": _logs_of_logging,
    "log records": _log_records,
}
