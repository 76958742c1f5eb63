"""Ports between hosted processes: a channel of their own, which ends with either of them and leaves nothing behind."""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
from pathlib import Path

import pytest
from hosting_bench import WAIT, Bench, settle
from port_actors import Talker

from regrow.actors import ActorExited, Blob, Port
from regrow.actors.hosting import HostedRef
from regrow.protocol.errors import CodecError
from regrow.protocol.exits import NOPROC, NORMAL, Crash, ExitStatus
from regrow.protocol.limits import WINDOW_MESSAGES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")

Inbox = queue.SimpleQueue[object]


class Channel:
    """Two processes that have opened the two ends of a port, and what they report."""

    def __init__(self, bench: Bench) -> None:
        self.inboxes: list[Inbox] = []
        self.refs: list[HostedRef] = []
        for _ in range(2):
            home, inbox = bench.mailbox()
            self.inboxes.append(inbox)
            self.refs.append(bench.start(target=Talker, kwargs={"report_to": home}))
        for ref, end in zip(self.refs, Port.pair(), strict=True):
            ref.ask(("open", end), timeout=WAIT)
            assert end.closed


def test_two_processes_talk_and_the_host_hears_nothing_of_it(bench: Bench) -> None:
    channel = Channel(bench)
    (first, second), (at_first, at_second) = channel.refs, channel.inboxes
    first.tell(("tell", {"from": "first", "value": (1, {2})}))
    assert at_second.get(timeout=WAIT) == ("heard", {"from": "first", "value": (1, {2})})
    first.tell(("tell", ("back", "there and back")))
    assert at_first.get(timeout=WAIT) == ("heard", "there and back")
    assert second.black_box is not None
    assert second.black_box.received == 1  # over the link to its host: that it is to open its end


def test_many_messages_come_once_each_and_large_ones_too(bench: Bench) -> None:
    channel = Channel(bench)
    first, second = channel.refs
    first.ask(("count to", 20_000), timeout=WAIT)
    first.ask(("tell", bytes(3_000_000)), timeout=WAIT)
    assert channel.inboxes[1].get(timeout=WAIT) == ("heard", bytes(3_000_000))
    assert second.ask(("counted",), timeout=WAIT) == (20_000, sum(range(20_000)))


def test_the_other_end_of_one_that_is_killed_hears_of_it_after_its_last_message(bench: Bench) -> None:
    channel = Channel(bench)
    (first, second), (_, inbox) = channel.refs, channel.inboxes
    before = second.ask(("descriptors",), timeout=WAIT)
    first.tell(("tell and die", "last words"))
    assert inbox.get(timeout=WAIT) == ("heard", "last words")
    assert inbox.get(timeout=WAIT) == ("closed", NOPROC)
    bench.events.wait(ActorExited, lambda event: event.ref is first)
    assert second.ask(("descriptors",), timeout=WAIT) == before - 1
    assert inbox.empty()


def test_a_fork_of_its_process_that_lives_on_does_not_keep_it_open(bench: Bench) -> None:
    channel = Channel(bench)
    (first, _), (_, inbox) = channel.refs, channel.inboxes
    fork = first.ask(("fork away",), timeout=WAIT)
    try:
        settle(lambda: os.getsid(fork) == fork)
        first.kill()
        assert inbox.get(timeout=WAIT) == ("closed", NOPROC)
        os.kill(fork, 0)  # still there
    finally:
        os.kill(fork, signal.SIGKILL)


def test_what_is_told_just_before_a_stop_arrives_and_so_does_the_reason(bench: Bench) -> None:
    channel = Channel(bench)
    (first, _), (_, inbox) = channel.refs, channel.inboxes
    large = bytes(5_000_000)
    first.tell(("tell and stop", large))
    assert inbox.get(timeout=WAIT) == ("heard", large)
    assert inbox.get(timeout=WAIT) == ("closed", NORMAL)


def test_a_closed_end_is_heard_of_and_both_processes_go_on(bench: Bench) -> None:
    channel = Channel(bench)
    (first, second), (_, inbox) = channel.refs, channel.inboxes
    first.ask(("close",), timeout=WAIT)
    assert inbox.get(timeout=WAIT) == ("closed", NORMAL)
    for ref, end in zip((first, second), Port.pair(), strict=True):
        ref.ask(("open", end), timeout=WAIT)
    first.tell(("tell", "through another one"))
    assert inbox.get(timeout=WAIT) == ("heard", "through another one")


def test_one_end_may_stay_with_the_host(bench: Bench) -> None:
    home, inbox = bench.mailbox()
    ref = bench.start(target=Talker)
    ours, theirs = Port.pair()
    ours.open(home)
    ref.tell(("open", theirs))
    ours.tell(("back", "hello"))
    got = inbox.get(timeout=WAIT)
    assert getattr(got, "message", None) == "hello"
    ref.kill()
    got = inbox.get(timeout=WAIT)
    assert (getattr(got, "port", None), getattr(got, "reason", None)) == (ours, NOPROC)


def test_an_end_travels_on_with_what_waits_in_it(bench: Bench) -> None:
    home, inbox = bench.mailbox()
    ref = bench.start(target=Talker)
    ours, theirs = Port.pair()
    between, far = Port.pair()
    ours.open(home)
    between.open(home)
    ours.tell("told before it was moved twice")
    ref.tell(("open", far))
    between.tell(("back", theirs))  # there, not opened, and here again
    moved = getattr(inbox.get(timeout=WAIT), "message", None)
    assert isinstance(moved, Port)
    moved.open(home)
    assert getattr(inbox.get(timeout=WAIT), "message", None) == "told before it was moved twice"


def test_a_process_makes_a_port_and_gives_another_process_its_other_end(bench: Bench) -> None:
    home, inbox = bench.mailbox()
    maker, sibling = bench.start(target=Talker), bench.start(target=Talker, kwargs={"report_to": home})
    maker.ask(("make", sibling), timeout=WAIT)
    maker.ask(("tell", "made here"), timeout=WAIT)
    assert inbox.get(timeout=WAIT) == ("heard", "made here")
    maker.kill()
    assert inbox.get(timeout=WAIT) == ("closed", NOPROC)


def test_the_report_of_a_death_names_what_had_come_through_a_port(bench: Bench) -> None:
    channel = Channel(bench)
    first, second = channel.refs
    first.tell(("tell", "exit"))
    end = bench.events.wait(ActorExited, lambda event: event.ref is second)
    assert end.reason == ExitStatus(3)
    assert end.report.in_hand == "PortMessage: str 'exit'"
    assert channel.inboxes[0].get(timeout=WAIT) == ("closed", NOPROC)


def test_an_end_that_is_dropped_where_it_came_to_is_closed(bench: Bench) -> None:
    home, inbox = bench.mailbox()
    ref = bench.start(target=Talker)
    for told in (("keep", 0), "to nobody"):
        ours, theirs = Port.pair()
        ours.open(home)
        if told == "to nobody":
            gone, _ = bench.mailbox()
            gone.stop()
            ref.tell(("pass on", gone, theirs))
        else:
            ref.tell(("keep", theirs))
            ref.tell(("forget",))
        got = inbox.get(timeout=WAIT)
        assert (getattr(got, "port", None), getattr(got, "reason", None)) == (ours, NOPROC)


def test_an_end_that_never_arrives_is_closed(bench: Bench) -> None:
    home, inbox = bench.mailbox()
    ref = bench.start(target=Talker)
    ours, theirs = Port.pair()
    ours.open(home)
    ref.tell(("open", theirs))
    ref.kill()
    assert getattr(inbox.get(timeout=WAIT), "reason", None) == NOPROC


def test_an_end_cannot_be_sent_twice(bench: Bench) -> None:
    ref = bench.start(target=Talker)
    ours, theirs = Port.pair()
    ref.ask(("open", theirs), timeout=WAIT)
    with pytest.raises(CodecError, match="got one that is handed over"):
        ref.tell(("keep", theirs))
    ours.close()


def test_blobs_and_sockets_go_through_as_well(bench: Bench) -> None:
    home, inbox = bench.mailbox()
    ref = bench.start(target=Talker)
    ours, theirs = Port.pair()
    ours.open(home)
    ref.tell(("open", theirs))
    here, there = socket.socketpair()
    ours.tell(("back", [Blob(b"abc"), there]))
    match getattr(inbox.get(timeout=WAIT), "message", None):
        case [Blob() as blob, socket.socket() as back]:
            assert bytes(blob.memory()) == b"abc"
            back.sendall(b"hello")
            assert here.recv(10) == b"hello"
            blob.close()
            back.close()
        case other:
            raise AssertionError(other)
    here.close()


def test_garbage_ends_the_port_and_nobody_else(bench: Bench) -> None:
    home, inbox = bench.mailbox()
    ref = bench.start(target=Talker)
    ours, theirs = Port.pair()
    descriptor = theirs.lend()
    inode = os.fstat(descriptor).st_ino
    os.close(descriptor)
    ours.open(home)
    ref.ask(("keep", inode), timeout=WAIT)
    ref.ask(("open", theirs), timeout=WAIT)
    ref.tell(("garbage",))
    match getattr(inbox.get(timeout=WAIT), "reason", None):
        case Crash(kind, text):
            assert kind.endswith("GarbageReceived")
            assert "print sta" in text
        case other:
            raise AssertionError(other)
    assert ref.ask(("counted",), timeout=WAIT) == (0, 0)


def test_a_stopped_process_holds_back_who_keeps_its_pace(bench: Bench) -> None:
    home, _ = bench.mailbox()
    ref = bench.start(target=Talker)
    ours, theirs = Port.pair()
    ours.open(home)
    ref.ask(("open", theirs), timeout=WAIT)
    assert ref.pid is not None
    os.kill(ref.pid, signal.SIGSTOP)
    told = 0
    while ours.try_tell(("count", told)):
        told += 1
    assert told == WINDOW_MESSAGES
    held = ours.tell(("count", told))
    os.kill(ref.pid, signal.SIGCONT)
    assert held.wait(WAIT)
    ours.close()
    settle(lambda: bool(ref.ask(("counted",), timeout=WAIT) == (told + 1, sum(range(told + 1)))))


def test_nothing_is_left_of_processes_that_were_killed_with_many_ports(bench: Bench) -> None:
    counts = []
    for ports in (0, 30):
        channel = Channel(bench)
        for _ in range(ports):
            for ref, end in zip(channel.refs, Port.pair(), strict=True):
                ref.tell(("open", end))
        for ref in channel.refs:
            ref.kill()
            bench.events.wait(ActorExited, lambda event, ref=ref: event.ref is ref)  # type: ignore[misc]
        counts.append(len(list(Path("/proc/self/fd").iterdir())))
    settle(lambda: len(list(Path("/proc/self/fd").iterdir())) <= counts[0])
