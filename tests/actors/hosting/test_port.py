"""A channel between two actors of one process: what comes, in which order, and how it ends."""

from __future__ import annotations

import gc
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    ActorSystem,
    Blob,
    DeadLetter,
    MailboxOptions,
    Port,
    PortClosed,
    PortMessage,
    SpawnOptions,
    SystemClosed,
)
from regrow.actors.hosting import HostedRef, PortState, PortUnusable, port_link
from regrow.actors.hosting.carried import Departure
from regrow.protocol.codec import encode
from regrow.protocol.errors import CodecError
from regrow.protocol.exits import KILLED, NOPROC, NORMAL, Crash, Shutdown
from regrow.protocol.ext import Refusal
from regrow.protocol.limits import WINDOW_MESSAGES

WAIT = 10.0  # seconds; only for what does not come
LARGE = 1_000_000  # more than a socket takes at once


def until(true: Callable[[], bool]) -> None:
    ticking = threading.Event()
    for _ in range(1_000):
        if true():
            return
        ticking.wait(0.01)
    raise AssertionError("it never was so")


Inbox = queue.SimpleQueue[object]


class Listener(Actor):
    """Opens the port that it is told, calls what it is told to call, and collects everything else."""

    def __init__(self, inbox: Inbox) -> None:
        super().__init__()
        self.inbox = inbox

    def on_receive(self, message: object) -> object:
        if isinstance(message, Port):
            message.open(self.ref)
        elif callable(message):
            message()
        else:
            self.inbox.put(message)
        return None


class Stage:
    """A system, and a channel in it."""

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        self.first, self.second = Port.pair()
        self.letters = system.bus.collect(DeadLetter)

    def listener(self, *ports: Port, bound: int | None = None) -> tuple[ActorRef, Inbox]:
        """Start an actor that has opened these."""
        inbox: Inbox = queue.SimpleQueue()
        ref = self.system.spawn(Listener, inbox, options=SpawnOptions(mailbox=MailboxOptions(maxsize=bound)))
        for port in ports:
            ref.ask(port, timeout=WAIT)
        return ref, inbox

    def both(self) -> tuple[tuple[ActorRef, Inbox], tuple[ActorRef, Inbox]]:
        return self.listener(self.first), self.listener(self.second)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with ActorSystem("ports") as system:
        made = Stage(system)
        yield made
        made.first.close()
        made.second.close()


def test_messages_come_in_their_order_both_ways_and_say_at_which_port(stage: Stage) -> None:
    (_, at_first), (_, at_second) = stage.both()
    for number in range(1_000):
        stage.first.tell(number)
    stage.second.tell({"any": ("value", {1})})
    assert [at_second.get(timeout=WAIT) for _ in range(1_000)] == [PortMessage(stage.second, n) for n in range(1_000)]
    assert at_first.get(timeout=WAIT) == PortMessage(stage.first, {"any": ("value", {1})})


def test_what_was_told_before_the_other_end_is_open_waits_for_it(stage: Stage) -> None:
    stage.listener(stage.first)
    stage.first.tell("early")
    stage.first.tell(bytes(LARGE))
    _, inbox = stage.listener(stage.second)
    assert inbox.get(timeout=WAIT) == PortMessage(stage.second, "early")
    assert inbox.get(timeout=WAIT) == PortMessage(stage.second, bytes(LARGE))


def test_the_end_comes_once_after_all_that_was_told(stage: Stage) -> None:
    (_, at_first), (_, at_second) = stage.both()
    stage.first.tell("last words")
    stage.first.close(Shutdown("enough"))
    stage.first.close()
    assert at_second.get(timeout=WAIT) == PortMessage(stage.second, "last words")
    assert at_second.get(timeout=WAIT) == PortClosed(stage.second, Shutdown("enough"))
    assert stage.second.state is PortState.LOST
    stage.second.close()
    assert (at_first.empty(), at_second.empty()) == (True, True)


def test_what_a_closed_end_could_not_write_yet_still_arrives(stage: Stage) -> None:
    stage.listener(stage.first)
    for _ in range(5):
        stage.first.tell(bytes(LARGE))
    stage.first.close()
    assert stage.first.closed
    _, inbox = stage.listener(stage.second)
    assert [inbox.get(timeout=WAIT) for _ in range(5)] == [PortMessage(stage.second, bytes(LARGE))] * 5
    assert inbox.get(timeout=WAIT) == PortClosed(stage.second, NORMAL)


def test_nothing_comes_to_an_end_that_was_closed_here(stage: Stage) -> None:
    (_, at_first), (second, at_second) = stage.both()
    stage.first.close()
    assert at_second.get(timeout=WAIT) == PortClosed(stage.second, NORMAL)
    with pytest.raises(ActorDeadError, match=r"the other end of a port .* normal"):
        stage.second.tell("too late")
    with pytest.raises(PortUnusable, match="tell: expected a port that is open"):
        stage.first.tell("too late")
    second.ask(lambda: None, timeout=WAIT)
    assert at_first.empty()


def test_both_may_close_it_at_once(stage: Stage) -> None:
    stage.both()
    barrier = threading.Barrier(2)

    def close(port: Port) -> None:
        barrier.wait(WAIT)
        port.close()

    threads = [threading.Thread(target=close, args=(port,)) for port in (stage.first, stage.second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert stage.first.closed
    assert stage.second.closed


def test_it_is_closed_with_the_life_of_who_opened_it_for_the_same_reason(stage: Stage) -> None:
    (first, _), (_, at_second) = stage.both()
    first.shutdown(Shutdown("going"))
    assert at_second.get(timeout=WAIT) == PortClosed(stage.second, Shutdown("going"))
    assert stage.first.closed


def test_a_crash_and_a_kill_are_told_as_what_they_are(stage: Stage) -> None:
    (first, _), (second, at_second) = stage.both()
    first.tell(lambda: 1 / 0)
    match at_second.get(timeout=WAIT):
        case PortClosed(_, Crash("ZeroDivisionError")):
            pass
        case other:
            raise AssertionError(other)
    third, fourth = Port.pair()
    killed, _ = stage.listener(third)
    second.ask(fourth, timeout=WAIT)
    killed.kill()
    assert at_second.get(timeout=WAIT) == PortClosed(fourth, KILLED)


def test_an_end_that_is_dropped_unopened_is_closed(stage: Stage) -> None:
    _, inbox = stage.listener(stage.first)
    stage.second = Port.pair()[0]
    gc.collect()
    assert inbox.get(timeout=WAIT) == PortClosed(stage.first, NOPROC)


def test_an_end_in_the_mailbox_of_one_who_dies_is_closed(stage: Stage) -> None:
    _, inbox = stage.listener(stage.first)
    other, _ = stage.listener()
    busy = threading.Event()
    other.tell(lambda: (busy.wait(WAIT), 1 / 0))
    other.tell(stage.second)
    stage.second = Port.pair()[0]
    busy.set()
    assert isinstance(stage.letters.get(WAIT), DeadLetter)
    gc.collect()
    assert inbox.get(timeout=WAIT) == PortClosed(stage.first, NOPROC)


def test_it_is_opened_once_by_one_who_lives_in_this_process(stage: Stage) -> None:
    ref, _ = stage.listener(stage.first)
    with pytest.raises(PortUnusable, match="expected a port that is not opened yet, got one that is open"):
        stage.first.open(ref)
    far = HostedRef(stage.system, name="far", actor_class=Actor)
    with pytest.raises(ValueError, match="expected the ref of an actor in this process"):
        stage.second.open(far)
    ref.stop()
    with pytest.raises(ActorDeadError):
        stage.second.open(ref)
    assert stage.second.closed


def test_only_what_is_open_can_be_told_something(stage: Stage) -> None:
    with pytest.raises(PortUnusable, match="tell: expected a port that is open, got one that is not opened yet"):
        stage.first.tell("hello")
    stage.first.close()
    with pytest.raises(PortUnusable, match="try_tell: expected a port that is open, got one that is closed"):
        stage.first.try_tell("hello")
    with pytest.raises(TypeError, match=r"Port\.pair\(\)"):
        Port()
    with pytest.raises(TypeError, match="expected an exit reason, got 'enough'"):
        stage.second.close("enough")  # type: ignore[arg-type]


def test_an_open_one_cannot_be_sent_through_another_and_one_that_is_held_can(stage: Stage) -> None:
    _, (_, inbox) = stage.both()
    third, fourth = Port.pair()
    with pytest.raises(CodecError, match="got one that is open"):
        stage.first.tell([third, stage.first])
    stage.first.tell({"port": third, "blob": Blob(b"abc")})
    assert third.state is PortState.MOVED
    match inbox.get(timeout=WAIT):
        case PortMessage(_, {"port": Port() as received, "blob": Blob() as blob}):
            assert bytes(blob.memory()) == b"abc"
            blob.close()
            received.close()
        case other:
            raise AssertionError(other)
    fourth.close()


def test_a_ref_leads_through_the_port_and_ends_with_it(stage: Stage) -> None:
    (first, at_first), (_, at_second) = stage.both()
    stage.first.tell(first)
    match at_second.get(timeout=WAIT):
        case PortMessage(_, ActorRef() as far):
            pass
        case other:
            raise AssertionError(other)
    far.tell("hello")
    assert at_first.get(timeout=WAIT) == "hello"
    assert far.is_alive()
    stage.first.close()
    assert at_second.get(timeout=WAIT) == PortClosed(stage.second, NORMAL)
    assert not far.is_alive()


def test_what_cannot_be_said_is_refused_with_its_path(stage: Stage) -> None:
    _, (_, inbox) = stage.both()
    with pytest.raises(CodecError, match=r"message\['x'\]"):
        stage.first.tell({"x": print})
    stage.first.tell("the next")
    assert inbox.get(timeout=WAIT) == PortMessage(stage.second, "the next")


def test_who_wants_to_keeps_the_pace_of_the_other_end(stage: Stage) -> None:
    _, (second, inbox) = stage.both()
    slow = threading.Event()
    second.tell(lambda: slow.wait(WAIT))
    told = 0
    while stage.first.try_tell(told):
        told += 1
    assert told == WINDOW_MESSAGES
    held = stage.first.tell(told)
    assert not held.wait(0)
    slow.set()
    assert held.wait(WAIT)
    assert [inbox.get(timeout=WAIT) for _ in range(told + 1)] == [PortMessage(stage.second, n) for n in range(told + 1)]


class Feeder(Actor):
    """Awaits room for each message."""

    dispatcher = "asyncio"

    async def on_receive(self, message: object) -> object:
        match message:
            case ("open", Port() as port):
                port.open(self.ref)
            case ("feed", Port() as port, int(count)):
                for number in range(count):
                    await port.tell(number)
        return None


def test_a_coroutine_awaits_room(stage: Stage) -> None:
    _, inbox = stage.listener(stage.second)
    feeder = stage.system.spawn(Feeder)
    feeder.ask(("open", stage.first), timeout=WAIT)
    count = 5 * WINDOW_MESSAGES
    feeder.ask(("feed", stage.first, count), timeout=WAIT)
    assert [inbox.get(timeout=WAIT) for _ in range(count)] == [PortMessage(stage.second, n) for n in range(count)]


def test_a_full_mailbox_refuses_messages_but_not_the_end(stage: Stage) -> None:
    second, inbox = stage.listener(stage.second, bound=1)
    stage.listener(stage.first)
    busy, begun = threading.Event(), threading.Event()
    second.tell(lambda: (begun.set(), busy.wait(WAIT)))
    assert begun.wait(WAIT)
    for number in range(3):
        stage.first.tell(number)
    stage.first.close()
    letters = [stage.letters.get(WAIT) for _ in range(2)]
    assert [letter.message for letter in letters if isinstance(letter, DeadLetter)] == [encode(1), encode(2)]
    busy.set()
    assert inbox.get(timeout=WAIT) == PortMessage(stage.second, 0)
    assert inbox.get(timeout=WAIT) == PortClosed(stage.second, NORMAL)


def test_what_is_no_message_ends_this_port_alone(stage: Stage) -> None:
    _, (_, inbox) = stage.both()
    third, stranger = Port.pair()
    _, at_third = stage.listener(third)
    with socket.socket(fileno=stranger.lend()) as theirs:
        theirs.sendall(b"GET / HTTP/1.1\r\n\r\n")
        match at_third.get(timeout=WAIT):
            case PortClosed(port, Crash(kind, text)):
                assert port is third
                assert kind.endswith("GarbageReceived")
                assert "GET /" in text
            case other:
                raise AssertionError(other)
    stranger.close()
    stage.first.tell("others go on")
    assert inbox.get(timeout=WAIT) == PortMessage(stage.second, "others go on")


def test_the_end_of_the_system_closes_what_was_never_read(stage: Stage) -> None:
    ref, _ = stage.listener(stage.first)
    for _ in range(5):
        stage.first.tell(bytes(LARGE))
    stage.system.shutdown()
    assert stage.first.closed
    with pytest.raises((SystemClosed, ActorDeadError)):
        stage.second.open(ref)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_in_a_fork_that_user_code_makes_every_port_is_closed_and_nobody_hears_of_it(stage: Stage) -> None:
    (_, at_first), (_, at_second) = stage.both()
    held, other = Port.pair()
    pid = os.fork()
    if pid == 0:  # it must neither write into what is its parent's nor wait for a thread that it does not have
        closed = [port.closed for port in (stage.first, stage.second, held, other)]
        stage.first.close()
        held.close()
        try:
            stage.second.tell("from the fork")
        except PortUnusable:
            os._exit(0 if all(closed) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    stage.first.tell("hello")
    stage.second.tell("hello")
    assert at_first.get(timeout=WAIT) == PortMessage(stage.first, "hello")
    assert at_second.get(timeout=WAIT) == PortMessage(stage.second, "hello")
    held.close()
    other.close()


def test_one_that_is_left_while_the_other_end_reads_nothing_is_let_go_after_a_while(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_link, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(port_link, "STALLED_SECONDS", 0.05)
    stage.listener(stage.first)
    for _ in range(5):
        stage.first.tell(bytes(LARGE))
    stage.first.close()
    until(lambda: stage.first.state is PortState.CLOSED)


def test_one_that_is_being_sent_is_in_no_other_message_and_comes_back_if_it_is_not_sent(stage: Stage) -> None:
    def say(_value: object) -> None:
        return None

    with Departure(say) as one, pytest.raises(Refusal, match="about to be handed over"), Departure(say) as other:
        one.say(stage.first)
        other.say(stage.first)
    for descriptor in one.descriptors:
        os.close(descriptor)
    assert stage.first.state is PortState.MOVED
    with pytest.raises(RuntimeError, match="not sent"), Departure(say) as one:
        one.say(stage.second)
        assert stage.second.state is PortState.LENT
        raise RuntimeError("not sent")
    assert stage.second.state is PortState.HELD
