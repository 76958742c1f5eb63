"""Who has a spare at which moment: the one that watches it, the one that takes it, the one that dismisses it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from regrow.actors.hosting.forked_process import ForkedProcess
from regrow.actors.hosting.launcher import LaunchOutcome, LaunchRequest
from regrow.actors.hosting.loop import Interest, IoLoop
from regrow.actors.hosting.os_process import ProcessEnd
from regrow.actors.hosting.spares import Spares
from regrow.actors.hosting.zygote_link import Fork, ZygoteLink


@dataclass
class FakeProcess:
    """Lives until it is said that it has died; counts its burials."""

    death_fd: int
    pid: int = os.getpid()
    closed: int = 0

    def send_signal(self, signo: int) -> bool:
        return bool(signo)

    def signal_group(self, signo: int) -> bool:
        return bool(signo)

    def reap(self, on_reaped: Callable[[ProcessEnd], None]) -> None:
        on_reaped(ProcessEnd(9))

    def close(self) -> None:
        self.closed += 1


class FakeLoop:
    """A loop that runs when the test says so."""

    def __init__(self) -> None:
        self.watched: dict[int, Interest] = {}
        self.calls: list[Callable[[], None]] = []

    def watch(self, interest: Interest, _events: int) -> None:
        self.watched[interest.fd] = interest

    def forget(self, fd: int) -> None:
        self.watched.pop(fd, None)

    def call(self, callback: Callable[[], None]) -> bool:
        self.calls.append(callback)
        return True

    def step(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()

    def say_dead(self, fd: int) -> None:
        if fd in self.watched:
            self.watched[fd].callback(1)


@dataclass
class FakeLink:
    """A zygote whose forks have no environment; `meanwhile` runs while one is told what it is to be."""

    meanwhile: Callable[[], None] = field(default=lambda: None)

    def env_changes(self, env: Mapping[str, str]) -> dict[str, str | None]:
        assert not env
        self.meanwhile()
        return {}


class Nursery:
    """Spares of a zygote that answers when the test says so."""

    def __init__(self) -> None:
        self.loop = FakeLoop()
        self.link = FakeLink()
        self.forks: list[Fork] = []
        self.far_ends: list[socket.socket] = []
        self.launched: list[LaunchOutcome] = []
        self.warned: list[str] = []
        self.spares = Spares(cast("IoLoop", self.loop), ask=self._ask, warn=self.warned.append)
        self.spares.want(1)
        self.spares.refill()

    def _ask(self) -> Fork:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.far_ends.append(far)
        self.forks.append(Fork(cast("ZygoteLink", self.link), near))
        return self.forks[-1]

    def fork(self) -> tuple[Fork, FakeProcess]:
        """Have the zygote say that the last one asked for is there; nobody has looked at that yet."""
        process = FakeProcess(death_fd=1000 + len(self.forks))
        self.forks[-1].process = cast("ForkedProcess", process)
        return self.forks[-1], process

    def take(self) -> bool:
        fds = [os.open(os.devnull, os.O_RDONLY) for _ in range(4)]
        request = LaunchRequest(
            name="one",
            socket_fd=fds[0],
            black_box_fd=fds[1],
            stdout_fd=fds[2],
            stderr_fd=fds[3],
            path=(),
            cwd="/",
            env={},
            orphan_grace=1.0,
        )
        taken = self.spares.take(request, self.launched.append)
        if not taken:
            request.close()  # it is still ours, or this fails with EBADF
        return taken

    def close(self) -> None:
        for fork, far in zip(self.forks, self.far_ends, strict=True):
            fork.cradle.close()
            far.close()


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


def test_a_fork_is_not_taken_before_the_io_thread_has_made_it_a_spare(nursery: Nursery) -> None:
    fork, process = nursery.fork()
    assert not nursery.take()
    assert nursery.spares.pids() == ()
    nursery.spares.born(fork)
    assert nursery.spares.pids() == (process.pid,)
    assert nursery.take()
    assert nursery.launched == [process]


def test_one_that_is_dismissed_before_it_is_there_is_never_taken(nursery: Nursery) -> None:
    nursery.spares.dismiss_all()
    fork, process = nursery.fork()
    nursery.spares.born(fork)
    assert not nursery.take()
    nursery.loop.say_dead(process.death_fd)
    assert process.closed == 1


def test_one_that_dies_while_it_is_taken_belongs_to_who_takes_it(nursery: Nursery) -> None:
    fork, process = nursery.fork()
    nursery.spares.born(fork)
    nursery.link.meanwhile = lambda: nursery.loop.say_dead(process.death_fd)
    assert nursery.take()
    assert nursery.launched == [process]
    assert process.closed == 0
    assert nursery.spares.lost == 0
    assert process.death_fd not in nursery.loop.watched  # whoever has it now watches it


def test_one_that_dies_before_it_can_be_told_is_buried_once(nursery: Nursery) -> None:
    fork, process = nursery.fork()
    nursery.spares.born(fork)

    def die() -> None:
        nursery.far_ends[0].close()
        nursery.loop.say_dead(process.death_fd)

    nursery.link.meanwhile = die
    assert not nursery.take()
    assert process.closed == 0
    nursery.loop.step()
    nursery.loop.say_dead(process.death_fd)
    nursery.loop.say_dead(process.death_fd)
    assert process.closed == 1
    assert nursery.loop.watched == {}


def test_one_that_dies_at_hand_is_buried_once_and_replaced(nursery: Nursery) -> None:
    fork, process = nursery.fork()
    nursery.spares.born(fork)
    nursery.loop.say_dead(process.death_fd)
    nursery.spares.dismiss_all()
    assert (process.closed, nursery.spares.lost, len(nursery.forks)) == (1, 1, 2)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        fork.cradle.getsockname()
