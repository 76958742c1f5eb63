"""Python's `multiprocessing` as sides of `benchmarks.processes`: by start method, over Pipe, over Queue."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.queues import Queue
from multiprocessing.shared_memory import SharedMemory
from typing import Any

from benchmarks.actor_serving import Workload, middle
from benchmarks.process_blob import filled, look
from benchmarks.process_channels import Channel, channel_workloads, clock, serve_channel
from benchmarks.process_children import stay
from benchmarks.process_goods import MEBIBYTE, expect, small
from benchmarks.process_lives import WAIT, life_workloads

__all__ = ("child_serving", "fresh_queue", "pipe_workloads", "queue_workloads", "start_tracker", "start_workloads")


def start_workloads(method: str) -> Mapping[str, Workload]:
    """Give the workloads about processes that `multiprocessing` starts."""
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["benchmarks.process_children"])
    first = _Life(context)  # what is started with the first one stays: the fork server, the resource tracker
    first.stop()
    first.release()
    return life_workloads(partial(_Nursery, context))


class _Life:
    def __init__(self, context: Any) -> None:
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=stay, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def ready(self) -> None:
        expect("first word", "ready", self._pipe.recv())

    def ask(self, message: object) -> object:
        self._pipe.send(message)
        return self._pipe.recv()

    def expect_death(self) -> None:
        """Nothing is needed: there is a descriptor."""

    def wait_death(self) -> float:
        expect("ended", [self._process.sentinel], wait([self._process.sentinel], WAIT))
        return time.perf_counter()

    def stop(self) -> None:
        self._pipe.send(None)

    def release(self) -> None:
        self._process.join(WAIT)
        self._process.close()
        self._pipe.close()


class _Nursery:
    def __init__(self, context: Any) -> None:
        self._context = context

    def begin(self) -> _Life:
        return _Life(self._context)

    def replace(self, _dead: _Life) -> _Life:
        return self.begin()

    def close(self) -> None:
        """Nothing is left."""


@contextmanager
def child_serving(target: Callable[..., None], *args: object) -> Iterator[None]:
    """Have a child that ends by itself when it is told to."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=args, daemon=True)
    process.start()
    try:
        yield
        process.join(WAIT)
        expect("exit code of the child", 0, process.exitcode)
    finally:
        process.kill()
        process.join()
        process.close()


class _PipeChannel:
    def __init__(self, pipe: Connection) -> None:
        self.give, self.take = pipe.send, pipe.recv
        self.give_bytes = pipe.send_bytes
        self._receive = pipe.recv_bytes

    def take_bytes(self, _size: int) -> bytes:
        return self._receive()


def _serve_pipe(pipe: Connection) -> None:
    serve_channel(_PipeChannel(pipe))


@contextmanager
def _open_pipe() -> Iterator[Channel]:
    ours, theirs = multiprocessing.Pipe()
    with ours, child_serving(_serve_pipe, theirs):
        theirs.close()
        yield _PipeChannel(ours)


def pipe_workloads() -> Mapping[str, Workload]:
    """Give the workloads over a Pipe; a blob is a named SharedMemory."""
    start_tracker()
    return {**channel_workloads(_open_pipe), "blob": _blob}


def _serve_blobs(pipe: Connection) -> None:
    pipe.send("ready")
    while (asked := pipe.recv()) is not None:
        memory = SharedMemory(name=asked)
        pipe.send(look(memory.buf))
        memory.close()


def _blob(count: int, size: int) -> dict[str, float]:
    memory = SharedMemory(create=True, size=size * MEBIBYTE)
    expected = filled(memory.buf)
    ours, theirs = multiprocessing.Pipe()
    times = []
    try:
        with ours, child_serving(_serve_blobs, theirs):
            theirs.close()
            expect("first word", "ready", ours.recv())
            for _ in range(count):
                began = clock()
                ours.send(memory.name)
                seen = ours.recv()
                times.append((clock() - began) * 1000)
                expect("what the child saw", expected, seen)
            ours.send(None)
    finally:
        memory.close()
        memory.unlink()
    return {"p50": middle(times)}


class _QueueChannel:
    def __init__(self, inbox: Queue[Any], outbox: Queue[Any]) -> None:
        self.give, self.take = outbox.put, inbox.get
        self.give_bytes = outbox.put

    def take_bytes(self, _size: int) -> bytes:
        payload: bytes = self.take()
        return payload


def _serve_queue(inbox: Queue[Any], outbox: Queue[Any]) -> None:
    serve_channel(_QueueChannel(inbox, outbox))


@contextmanager
def _open_queues() -> Iterator[Channel]:
    with fresh_queue() as down, fresh_queue() as up, child_serving(_serve_queue, down, up):
        yield _QueueChannel(up, down)


@contextmanager
def fresh_queue() -> Iterator[Queue[Any]]:
    queue: Queue[Any] = multiprocessing.get_context("spawn").Queue()
    try:
        yield queue
    finally:
        queue.close()
        queue.join_thread()


def _page(count: int, _size: int) -> dict[str, float]:
    """How many wait in a queue."""
    with fresh_queue() as queue:
        queue.put(small(0))
        began = clock()
        for _ in range(count):
            waiting = queue.qsize()
        took = clock() - began
        expect("waiting", 1, waiting)
        expect("message", small(0), queue.get())
    return {"ns": took / count * 1e9}


def queue_workloads() -> Mapping[str, Workload]:
    """Give the workloads over two Queues."""
    start_tracker()
    opened: Callable[[], AbstractContextManager[Channel]] = _open_queues
    return {**channel_workloads(opened), "page": _page}


def start_tracker() -> None:
    """It is started with the first spawn, and stays."""
    resource_tracker.ensure_running()
