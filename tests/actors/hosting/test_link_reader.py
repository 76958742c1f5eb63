"""Whoever waits for what comes over a link may read it himself, and takes nothing away from the loop by that."""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from regrow.actors.current import here
from regrow.actors.dispatchers.bell import Bell
from regrow.actors.hosting import link_reader
from regrow.actors.hosting.link_reader import LinkReader
from regrow.actors.hosting.link_socket import LinkSocket
from regrow.actors.hosting.loop import IoLoop
from regrow.protocol.exits import SHUTDOWN
from regrow.protocol.host.messages import Hello, Init, LinkMessage, Parcel, Ready, Stop, Tell
from regrow.protocol.host.protocol import Carrying, LinkProtocol
from regrow.protocol.host.states import Side

WAIT = 5.0
LOOP = "regrow-test-io"
END = "the end"


class Heard(NamedTuple):
    """A message, or the end, and on which thread it was heard of."""

    what: object
    thread: str


class Until:
    """Waits until it has heard something."""

    bell: int | None = None

    def __init__(self, done: Callable[[], bool]) -> None:
        self._done = done

    @property
    def done(self) -> bool:
        return self._done()


class Ends:
    """A link of a child, and the script of its host."""

    def __init__(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.errors: list[Exception] = []
        self.loop = IoLoop(LOOP, on_error=self.errors.append)
        self.heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self.count = 0
        self.fails_at: object = None
        self.host = LinkProtocol(Side.PARENT)
        child = LinkProtocol(Side.CHILD)
        child.send(Hello(1, 1))
        self.host.send(Init(target="a:B", args=b"", incarnation=1, name="x", urn="urn:x", parent=None, options={}))
        child.receive_data(self._said())
        child.send(Ready(b""))
        self.link = LinkSocket(self.loop, ours, child, on_message=self._take, on_end=self._ended)
        self.link.start()
        self.loop.run(lambda: None, WAIT)

    def say(self, *messages: LinkMessage) -> None:
        for message in messages:
            self.host.send(message)
        self.theirs.sendall(self._said())

    def here(self, *, heard: int = 1) -> threading.Thread:
        """Read on another thread until so much more has been heard of."""
        wanted = self.count + heard
        return self.run(lambda: self.link.read_here(Until(lambda: self.count >= wanted)))

    def run(self, step: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=step, name="here")
        thread.start()
        return thread

    def next(self) -> Heard:
        return self.heard.get(timeout=WAIT)

    def close(self) -> None:
        self.loop.run(self.link.close, WAIT)
        self.loop.close()
        self.theirs.close()

    def _said(self) -> bytes:
        pieces = self.host.data_to_send()
        return b"".join(piece.data if isinstance(piece, Carrying) else bytes(piece) for piece in pieces)

    def _take(self, message: LinkMessage) -> None:
        inner = message.message if isinstance(message, Parcel) else message
        what = bytes(inner.body) if isinstance(inner, Tell) else type(inner)
        if what == self.fails_at:
            raise ZeroDivisionError(what)
        self.count += 1
        self.heard.put(Heard(what, threading.current_thread().name))

    def _ended(self, error: Exception | None) -> None:
        self.heard.put(Heard(error or END, threading.current_thread().name))


class Late:
    """The turn of a reader, had right after somebody who has left something to the loop."""

    def __init__(self, reader: LinkReader) -> None:
        self._reader = reader
        self._turn = reader.turn

    def acquire(self, *, blocking: bool) -> bool:
        if threading.current_thread().name != LOOP:
            self._reader._left.append(tell(b"1"))
        return self._turn.acquire(blocking=blocking)

    def release(self) -> None:
        self._turn.release()


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    monkeypatch.setattr(link_reader, "HERE_MS", 1000)  # the test says when it is over
    monkeypatch.setattr(link_reader, "HERE_SECONDS", WAIT)
    ends = Ends()
    yield ends
    ends.close()
    assert ends.errors == []


def tell(body: bytes) -> Tell:
    return Tell("urn:x", body)


def until_it_reads(ends: Ends) -> None:
    """Wait until somebody has the turn."""
    while ends.link.turn.acquire(blocking=False):
        ends.link.turn.release()


linux = pytest.mark.skipif(not hasattr(os, "eventfd"), reason="only Linux has epoll, by which the loop is told")


@linux
def test_who_waits_reads_on_his_own_thread_and_the_loop_after_him(ends: Ends) -> None:
    reading = ends.here()
    until_it_reads(ends)
    ends.say(tell(b"1"))
    assert ends.next() == (b"1", "here")
    reading.join(WAIT)
    ends.say(tell(b"2"))
    assert ends.next() == (b"2", LOOP)


@linux
def test_what_only_the_loop_may_handle_is_left_to_it_and_so_is_all_behind_it(ends: Ends) -> None:
    reading = ends.here(heard=3)
    until_it_reads(ends)
    words = b""
    for message in (tell(b"1"), Stop(SHUTDOWN, 1000), tell(b"2")):
        ends.host.send(message)
        words += ends._said()
    ends.theirs.sendall(words)
    reading.join(WAIT)
    assert [ends.next() for _ in range(3)] == [(b"1", "here"), (Stop, LOOP), (b"2", LOOP)]


@linux
def test_the_end_is_told_once_by_the_loop(ends: Ends) -> None:
    reading = ends.here()
    until_it_reads(ends)
    ends.theirs.close()
    assert ends.next() == (END, LOOP)
    reading.join(WAIT)
    assert ends.heard.empty()


@linux
def test_a_fault_of_who_takes_the_messages_ends_the_link_as_it_does_in_the_loop(ends: Ends) -> None:
    read, write = os.pipe()
    ends.fails_at = b"1"
    reading = ends.here(heard=3)
    until_it_reads(ends)
    ends.host.send(tell(b"1"))
    ends.host.send(Parcel(tell(b"2"), (write,)))
    socket.send_fds(ends.theirs, [ends._said()], [write])
    os.close(write)
    heard = ends.next()
    assert isinstance(heard.what, ZeroDivisionError)
    assert heard.thread == LOOP
    reading.join(WAIT)
    assert os.read(read, 1) == b"", "the descriptor behind it is still open"
    os.close(read)


@linux
def test_garbage_ends_the_link_in_the_loop(ends: Ends) -> None:
    reading = ends.here()
    until_it_reads(ends)
    ends.theirs.sendall(b"garbage" * 10)
    assert ends.next().thread == LOOP
    reading.join(WAIT)


@linux
def test_one_reads_at_a_time(ends: Ends) -> None:
    reading = ends.here()
    until_it_reads(ends)
    ends.run(lambda: ends.link.read_here(Until(lambda: False))).join(WAIT)  # does not wait for what the first one gets
    ends.say(tell(b"1"))
    assert ends.next() == (b"1", "here")
    reading.join(WAIT)


def test_the_main_thread_reads_nothing_since_a_signal_could_tear_what_it_takes(ends: Ends) -> None:
    ends.link.read_here(Until(lambda: False))
    ends.say(tell(b"1"))
    assert ends.next() == (b"1", LOOP)


@linux
def test_who_waits_looks_when_his_bell_rings(ends: Ends) -> None:
    gate = threading.Lock()
    gate.acquire()
    bell = Bell(gate)
    waiting = ends.run(lambda: bell.linger(ends.link.read_here))
    until_it_reads(ends)
    bell.release()
    waiting.join(WAIT)
    assert bell.done
    bell.close()


@linux
def test_a_bell_that_nobody_lingers_at_is_a_gate(ends: Ends) -> None:
    gate = threading.Lock()
    gate.acquire()
    bell = Bell(gate)
    bell.release()
    bell.linger(lambda _waiter: pytest.fail("it is open"))
    bell.close()
    bell.close()


@linux
def test_who_gets_nothing_again_and_again_leaves_the_reading_to_the_loop(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_reader, "HERE_MS", 0)
    monkeypatch.setattr(link_reader, "SPIN_SECONDS", 0.0)
    looked: list[bool] = []
    monkeypatch.setattr(ends.link, "hear", lambda *, loop: looked.append(loop) or True)
    for _ in range(2 * link_reader.TRIED_AGAIN):
        ends.run(lambda: ends.link.read_here(Until(lambda: False))).join(WAIT)
    assert looked.count(False) == link_reader.IN_VAIN_MAX + 1 + 2
    assert looked.count(True) == looked.count(False)


@linux
def test_what_was_left_to_a_loop_that_closes_the_link_is_let_go(ends: Ends) -> None:
    read, write = os.pipe()
    hold, held = threading.Event(), threading.Event()
    ends.loop.call(lambda: (held.set(), hold.wait(WAIT))[0])
    held.wait(WAIT)
    reading = ends.here(heard=2)
    until_it_reads(ends)
    ends.loop.call(ends.link.close)
    ends.host.send(Parcel(tell(b"1"), (write,)))
    socket.send_fds(ends.theirs, [ends._said()], [write])
    os.close(write)
    reading.join(WAIT)
    hold.set()
    assert os.read(read, 1) == b"", "the descriptor is still open"
    os.close(read)


@linux
def test_nothing_is_read_before_what_was_left_to_the_loop_is_heard(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    hold, held = threading.Event(), threading.Event()
    ends.loop.call(lambda: (held.set(), hold.wait(WAIT))[0])
    held.wait(WAIT)
    ends.say(tell(b"2"))
    monkeypatch.setattr(ends.link._reader, "turn", Late(ends.link._reader))
    ends.here().join(WAIT)
    assert ends.heard.empty()
    hold.set()
    assert [ends.next(), ends.next()] == [(b"1", LOOP), (b"2", LOOP)]


@linux
def test_who_reads_leaves_the_rest_to_a_drain_that_waits_for_him(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, waits = threading.Event(), threading.Event()
    turn = ends.link.turn

    class Seen:
        """The turn, which says when the loop is about to wait for it."""

        def acquire(self, *, blocking: bool = True, timeout: float = -1) -> bool:
            if timeout > 0:
                waits.set()
            return turn.acquire(blocking, timeout)

        def release(self) -> None:
            turn.release()

    def take(message: LinkMessage) -> None:
        if threading.current_thread().name == "here":
            assert go_on.wait(WAIT)
        ends._take(message)

    monkeypatch.setattr(ends.link._reader, "turn", Seen())
    monkeypatch.setattr(ends.link, "heard", take)
    monkeypatch.setattr(link_reader, "DRAIN_SECONDS", WAIT)
    reading = ends.here(heard=3)
    while not turn.locked():
        pass
    ends.say(tell(b"1"), tell(b"2"), tell(b"3"))
    ends.loop.call(ends.link.drain)
    assert waits.wait(WAIT)
    go_on.set()
    heard = [ends.next() for _ in range(3)]
    reading.join(WAIT)
    assert [what for what, _ in heard] == [b"1", b"2", b"3"]
    assert heard[1:] == [(b"2", LOOP), (b"3", LOOP)]


@linux
def test_the_socket_stays_open_while_somebody_reads_it(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else he would read on under a number that may be somebody else's by then."""
    inside, go_on, closed = threading.Event(), threading.Event(), threading.Event()
    numbers: list[int] = []

    def take(_message: LinkMessage) -> None:
        inside.set()
        assert go_on.wait(WAIT)
        numbers.append(ends.link._sock.fileno())

    monkeypatch.setattr(ends.link, "heard", take)
    monkeypatch.setattr(link_reader, "DRAIN_SECONDS", WAIT)
    reading = ends.here()
    until_it_reads(ends)
    ends.say(tell(b"1"))
    assert inside.wait(WAIT)

    def close() -> None:
        ends.link.close()
        closed.set()

    ends.loop.call(close)
    while ends.link._open:
        pass  # the loop is about to: it only waits for the reader now
    go_on.set()
    assert closed.wait(WAIT)
    reading.join(WAIT)
    assert numbers != [-1]
    assert ends.link._sock.fileno() == -1


def test_a_thread_that_runs_what_may_be_interrupted_reads_nothing(ends: Ends) -> None:
    def read() -> None:
        here().interruptible = True
        ends.link.read_here(Until(lambda: False))

    ends.run(read).join(WAIT)
    ends.say(tell(b"1"))
    assert ends.next() == (b"1", LOOP)


@linux
def test_who_reads_may_not_be_kept_waiting_meanwhile(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(ends.link, "heard", lambda _message: (seen.append(here().may_wait), ends._take(_message)))
    after: list[bool] = []

    def read() -> None:
        ends.link.read_here(Until(lambda: ends.count > 0))
        after.append(here().may_wait)

    reading = ends.run(read)
    until_it_reads(ends)
    ends.say(tell(b"1"))
    reading.join(WAIT)
    ends.say(tell(b"2"))
    assert [ends.next().thread, ends.next().thread] == ["here", LOOP]
    assert (seen, after) == ([False, False], [True])
