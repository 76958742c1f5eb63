"""What the system itself takes for the parts, with as little Python as there can be: fork, socketpair, memfd.

What lives here: the side "bare" of `benchmarks.processes`. No hosting can go below, but for what it does in C.
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgpack  # type: ignore[import-untyped]

from benchmarks.actor_serving import Workload, middle
from benchmarks.process_blob import filled, look
from benchmarks.process_channels import Channel, channel_workloads, clock, serve_channel
from benchmarks.process_children import stay
from benchmarks.process_goods import MEBIBYTE, expect
from benchmarks.process_lives import WAIT, life_workloads

__all__ = ("bare_workloads",)

TOGETHER: Final = 64  # small messages that are written with one call
_RECEIVE_BYTES: Final = 65536


class _BareChannel:
    """msgpack over a blocking socket; TOGETHER messages at a time, and whatever waits before it listens."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pack = msgpack.Packer().pack
        self._waiting: list[bytes] = []
        self._unpacker = msgpack.Unpacker()
        self._body = bytearray()

    def give(self, message: object) -> None:
        self._waiting.append(self._pack(message))
        if len(self._waiting) >= TOGETHER:
            self.flush()

    def take(self) -> object:
        try:
            return next(self._unpacker)
        except StopIteration:
            self.flush()
        while True:
            data = self._sock.recv(_RECEIVE_BYTES)
            if not data:
                raise EOFError("the other side has ended")
            self._unpacker.feed(data)
            try:
                return next(self._unpacker)
            except StopIteration:
                continue

    def send(self, message: object) -> None:
        """As a pipe's."""
        self.give(message)
        self.flush()

    recv = take

    def give_bytes(self, payload: bytes) -> None:
        self.flush()
        self._sock.sendall(payload)

    def take_bytes(self, size: int) -> bytearray:
        self.flush()
        if len(self._body) != size:
            self._body = bytearray(size)
        left = memoryview(self._body)
        while left:
            left = left[self._sock.recv_into(left) :]
        return self._body

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._sock.sendall(b"".join(waiting))


def _fork(child: Callable[[socket.socket], None]) -> tuple[int, socket.socket]:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    code = 1
    try:
        ours.close()
        child(theirs)
        code = 0
    finally:
        os._exit(code)


class _Life:
    def __init__(self) -> None:
        self.pid, self._sock = _fork(lambda sock: stay(_BareChannel(sock)))  # type: ignore[arg-type]
        self._channel = _BareChannel(self._sock)
        self._pidfd = os.pidfd_open(self.pid)

    def ready(self) -> None:
        expect("first word", "ready", self._channel.take())

    def ask(self, message: object) -> object:
        self._channel.send(message)
        return self._channel.take()

    def expect_death(self) -> None:
        """Nothing is needed: there is a descriptor."""

    def wait_death(self) -> float:
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        expect("ended", [(self._pidfd, select.POLLIN)], poll.poll(WAIT * 1000))
        return clock()

    def stop(self) -> None:
        self._channel.send(None)

    def release(self) -> None:
        os.waitpid(self.pid, 0)
        os.close(self._pidfd)
        self._sock.close()


class _Nursery:
    def begin(self) -> _Life:
        return _Life()

    def replace(self, _dead: _Life) -> _Life:
        return self.begin()

    def close(self) -> None:
        """Nothing is left."""


@contextmanager
def _child(serve: Callable[[socket.socket], None]) -> Iterator[socket.socket]:
    pid, sock = _fork(serve)
    try:
        yield sock
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
        sock.close()
    expect("exit code of the child", 0, status)


@contextmanager
def _open() -> Iterator[Channel]:
    with _child(lambda sock: serve_channel(_BareChannel(sock))) as sock:
        channel = _BareChannel(sock)
        yield channel
        channel.flush()


def _serve_blobs(sock: socket.socket) -> None:
    while True:
        data, fds, _, _ = socket.recv_fds(sock, 100, 1)
        if not data:
            return
        with mmap.mmap(fds[0], 0, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as memory:
            said = look(memory)
        os.close(fds[0])
        sock.sendall(msgpack.packb(said))


def _blob(count: int, size: int) -> dict[str, float]:
    """A file without a name, that is passed from hand to hand."""
    fd = os.memfd_create("blob", os.MFD_CLOEXEC)
    os.ftruncate(fd, size * MEBIBYTE)
    times = []
    try:
        with mmap.mmap(fd, 0) as mapped, memoryview(mapped) as memory:
            expected = filled(memory)
        with _child(_serve_blobs) as sock:
            for _ in range(count):
                began = clock()
                socket.send_fds(sock, [b"blob"], [fd])
                seen = msgpack.unpackb(sock.recv(1000))
                times.append((clock() - began) * 1000)
                expect("what the child saw", expected, seen)
            sock.shutdown(socket.SHUT_WR)
    finally:
        os.close(fd)
    return {"p50": middle(times)}


def bare_workloads() -> Mapping[str, Workload]:
    """Give the workloads."""
    return {**life_workloads(_Nursery), **channel_workloads(_open), "blob": _blob}
