"""What can be seen of an actor from outside, and done with it."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    ActorSystem,
    AskTimeout,
    CallingSelf,
    Deadlocked,
    FunctionActor,
    HandlerStuck,
    SpawnOptions,
)
from regrow.actors.clock import monotonic
from regrow.actors.current import FENCES
from regrow.actors.elsewhere import GetStatistics, PutState, ShowState
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, Script
from regrow.protocol.errors import CodecError

WAIT = 5.0


def test_a_suspended_actor_handles_nothing_of_users_until_it_is_resumed(system: ActorSystem) -> None:
    puppet = system.spawn(Puppet)
    puppet.suspend()
    answer = puppet.ask("asked", block=False)
    puppet.tell("told")
    assert puppet.get_state()["seen"] == []
    assert puppet.statistics().state == "suspended"
    assert puppet.statistics().waiting == 2
    with pytest.raises(AskTimeout):
        answer.get(timeout=0.05)
    puppet.resume()
    assert answer.get(timeout=WAIT) == "asked"
    assert puppet.ask(lambda actor: list(actor.seen)) == ["asked", "told"]


def test_a_suspended_actor_hears_of_ends_and_can_be_stopped(system: ActorSystem) -> None:
    other = system.spawn(Puppet)
    puppet = system.spawn(Puppet)
    puppet.ask(lambda actor: actor.monitor(other))
    puppet.suspend()
    other.kill()
    assert [type(message).__name__ for message in puppet.get_state()["seen"]] == ["Down"]
    for end in (lambda ref: ref.shutdown(), lambda ref: ref.kill()):
        puppet = system.spawn(Puppet)
        puppet.suspend()
        waits = puppet.ask("waits", block=False)
        end(puppet)
        with pytest.raises(ActorDeadError):
            waits.get(timeout=WAIT)


def test_a_new_life_is_not_suspended_and_suspending_twice_is_once(system: ActorSystem) -> None:
    puppet = system.spawn(Puppet)
    puppet.suspend()
    puppet.suspend()
    puppet.resume()
    assert puppet.ask(1, timeout=WAIT) == 1


def test_a_state_is_shown_without_the_runtimes_members_and_can_be_replaced(system: ActorSystem) -> None:
    puppet = system.spawn(Puppet)
    puppet.ask(1)
    assert set(puppet.get_state()) == {"_script", "trap_exit", "seen"}
    new = puppet.replace_state(lambda state: {**state, "seen": [7], "extra": 1})
    assert new["extra"] == 1
    assert puppet.ask(lambda actor: actor.seen) == [7]
    puppet.replace_state(lambda state: {name: value for name, value in state.items() if name != "extra"})
    assert "extra" not in puppet.get_state()


def test_what_a_replacement_raises_goes_to_who_has_asked_and_changes_nothing(system: ActorSystem) -> None:
    puppet = system.spawn(Puppet)
    before = puppet.get_state()
    with pytest.raises(ZeroDivisionError):
        puppet.replace_state(lambda _: 1 / 0)
    with pytest.raises(TypeError, match="mapping"):
        puppet.replace_state(lambda _: 1)
    assert puppet.get_state() == before


def test_an_actor_says_itself_what_its_state_is(system: ActorSystem) -> None:
    class Counter(Actor):
        count = 3

        def on_get_state(self) -> object:
            return self.count

        def on_replace_state(self, function: Callable[[Any], object]) -> object:
            new = function(self.count)
            assert isinstance(new, int)
            self.count = new
            return new

    ref = system.spawn(Counter)
    assert ref.get_state() == 3
    assert ref.replace_state(lambda count: count + 1) == 4


def test_statistics_can_be_had_of_one_that_is_busy(system: ActorSystem, clock: ManualClock) -> None:
    puppet = system.spawn(Puppet)
    for number in range(3):
        puppet.ask(number)
    clock.advance(5.0)
    hold = Hold()
    held = puppet.ask(hold, block=False)
    hold.wait_reached()
    puppet.tell("waits")
    found = puppet.statistics()
    assert (found.state, found.in_hand, found.waiting) == ("running", "Hold", 1)
    assert (found.uptime, found.incarnation, found.restarts) == (5.0, 1, 0)
    hold.release()
    held.get(timeout=WAIT)
    puppet.ask("fence")
    puppet.suspend()
    assert puppet.statistics().handled == 6
    puppet.stop(block=False)
    puppet.kill()
    with pytest.raises(ActorDeadError):
        puppet.statistics()


def test_a_load_is_what_waits_and_what_is_in_hand(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    assert ref.load() == 0
    hold = Hold()
    ref.tell(hold)
    hold.wait_reached()
    ref.tell("one")
    ref.tell("two")
    assert ref.load() == 3
    hold.release()
    ref.kill()
    assert ref.load() == 0


def test_a_trace_tells_what_comes_what_goes_and_which_hook_runs(system: ActorSystem, probe: Probe) -> None:
    fences = FENCES.count
    puppet = system.spawn(Puppet)
    puppet.ask("before")
    with system.trace(puppet) as trace:
        puppet.ask("in")

        def send(_puppet: object) -> None:
            probe.ref.tell("out")

        puppet.ask(send)
        puppet.stop()
        records = trace.records()
    assert [record.kind for record in records] == ["in", "in", "out", "in", "hook"]
    assert (records[0].what, records[2].what, records[2].peer) == ("in", "out", probe.ref)
    assert records[4].what == "on_stop"
    assert not trace.open
    assert probe.expect(str) == "out"
    assert FENCES.count == fences


def test_a_trace_is_bounded_and_counts_what_is_lost(system: ActorSystem) -> None:
    puppet = system.spawn(Puppet)
    with system.trace(puppet, maxlen=2) as trace:
        for number in range(5):
            puppet.ask(number)
        assert [record.what for record in trace.records()] == [3, 4]
        assert trace.lost == 3
    puppet.ask("after")
    assert [record.what for record in trace.records()] == [3, 4]
    with pytest.raises(ValueError, match="at least 1"):
        system.trace(puppet, maxlen=0)


def test_a_trace_that_nobody_holds_ends(system: ActorSystem) -> None:
    fences = FENCES.count
    puppet = system.spawn(Puppet)
    trace = system.trace(puppet)
    puppet.ask(1)
    assert FENCES.count == fences + 1
    del trace
    gc.collect()
    puppet.ask(2)
    puppet.ask("fence")
    assert FENCES.count == fences


def test_a_traced_actor_that_is_suspended_goes_on_being_traced(system: ActorSystem) -> None:
    puppet = system.spawn(Puppet)
    with system.trace(puppet) as trace:
        puppet.suspend()
        answer = puppet.ask("later", block=False)
        puppet.resume()
        answer.get(timeout=WAIT)
        assert "later" in [record.what for record in trace.records()]


class Nest(Actor):
    def __init__(self, depth: int) -> None:
        self._depth = depth

    def on_start(self) -> None:
        if self._depth:
            options = SpawnOptions(name=f"nest-{self._depth - 1}", link=self.ref)
            self.system.spawn(Nest, self._depth - 1, options=options)


def test_a_tree_shows_who_has_begun_whom(system: ActorSystem) -> None:
    system.spawn(Nest, 2, options=SpawnOptions(name="top"))
    alone = system.spawn(Puppet, options=SpawnOptions(name="alone"))
    alone.suspend()
    alone.tell(1)
    tree = system.tree()
    assert [(depth, node.name) for depth, node in tree.nodes()] == [
        (0, "top"),
        (1, "nest-1"),
        (2, "nest-0"),
        (0, "alone"),
    ]
    assert "  nest-1 (Nest): " in str(tree)
    assert "alone (Puppet): suspended on " in str(tree)
    assert str(tree).endswith(", 1 waiting")


@pytest.mark.dispatchers("thread", "pool")
def test_a_stuck_handler_is_found_with_its_stack(system: ActorSystem, clock: ManualClock) -> None:
    puppet, quick = system.spawn(Puppet), system.spawn(Puppet)
    hold = Hold()
    events = system.bus.collect(HandlerStuck)
    watch = system.watch_stuck(10.0)
    assert system.stuck(10.0) == ()
    held = puppet.ask(hold, block=False)
    hold.wait_reached()
    clock.advance(5.0)
    quick.ask(1)
    clock.advance(5.0)
    assert len(events) == 0
    clock.advance(30.0)
    event = events.get(timeout=WAIT)
    assert isinstance(event, HandlerStuck)
    assert event.ref is puppet
    assert event.seconds == 10.0
    assert "_released.wait" in event.stack
    assert len(events) == 0
    watch.close()
    hold.release()
    held.get(timeout=WAIT)


@pytest.mark.dispatchers("asyncio")
def test_a_handler_that_awaits_for_too_long_is_found(system: ActorSystem, clock: ManualClock) -> None:
    puppet = system.spawn(Puppet)
    hold = Hold()
    held = puppet.ask(hold, block=False)
    hold.wait_reached()
    events = system.bus.collect(HandlerStuck)
    watch = system.watch_stuck(10.0)
    clock.advance(20.0)
    event = events.get(timeout=WAIT)
    assert isinstance(event, HandlerStuck)
    assert "_wait_on_loop" in event.stack
    watch.close()
    hold.release()
    held.get(timeout=WAIT)


@pytest.mark.dispatchers("thread", "pool")
def test_a_system_can_report_stuck_handlers_from_its_start(
    clock: ManualClock, dispatcher: str, caplog: pytest.LogCaptureFixture
) -> None:
    with ActorSystem(clock=clock, dispatcher=dispatcher, stuck_after=10.0) as system:
        events = system.bus.collect(HandlerStuck)
        puppet = system.spawn(Puppet)
        hold = Hold()
        held = puppet.ask(hold, block=False)
        hold.wait_reached()
        clock.advance(20.0)
        event = events.get(timeout=WAIT)
        assert isinstance(event, HandlerStuck)
        assert (event.ref, event.seconds) == (puppet, 10.0)
        assert "has been in one handler of life 1 for 10.0 seconds" in caplog.text
        assert "_released.wait" in caplog.text
        hold.release()
        held.get(timeout=WAIT)
        assert len(events) == 0


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 0 seconds"):
        ActorSystem(stuck_after=0.0)


@pytest.mark.dispatchers("thread")
def test_functions_and_what_is_meant_to_last_are_not_taken_for_stuck(system: ActorSystem, clock: ManualClock) -> None:
    begun, over = threading.Event(), threading.Event()

    def last() -> None:
        begun.set()
        over.wait(WAIT)

    class Lasting(Puppet):
        long_running = True

    events = system.bus.collect(HandlerStuck)
    watch = system.watch_stuck(10.0)
    system.spawn(FunctionActor, last)
    hold = Hold()
    system.spawn(Lasting).tell(hold)
    hold.wait_reached()
    assert begun.wait(WAIT)
    clock.advance(40.0)
    assert len(events) == 0
    watch.close()
    hold.release()
    over.set()


@pytest.mark.dispatchers("thread")
def test_one_can_ask_who_is_stuck_and_waits_as_long_as_that_takes() -> None:
    with ActorSystem() as system:
        puppet = system.spawn(Puppet)
        hold = Hold()
        puppet.tell(hold)
        hold.wait_reached()
        (stuck,) = system.stuck(0.02)
        assert (stuck.ref, stuck.in_hand) == (puppet, "Hold")
        assert stuck.seconds >= 0.02
        assert stuck.thread is not None
        hold.release()


# Circles.


class Chain(Actor):
    """Asks the next one, if it is told to."""

    def __init__(self) -> None:
        self.next: ActorRef[Any] | None = None

    def on_receive(self, message: object) -> object:
        if isinstance(message, ActorRef):
            self.next = message
            return None
        assert self.next is not None
        return self.next.ask(message, timeout=20.0 if message == "exact" else None)


@pytest.mark.parametrize("message", ["exact", "for ever"])
@pytest.mark.parametrize("length", [2, 3, 5])
@pytest.mark.dispatchers("thread", "pool")
def test_a_circle_is_found_within_a_second_and_reported(system: ActorSystem, length: int, message: str) -> None:
    refs = [system.spawn(Chain, options=SpawnOptions(name=f"chain-{n}")) for n in range(length)]
    for one, other in zip(refs, refs[1:] + refs[:1], strict=True):
        one.ask(other)
    events = system.bus.collect(Deadlocked)
    begun = monotonic()
    with pytest.raises(CallingSelf):
        refs[0].ask(message, timeout=20.0)
    assert monotonic() - begun < 1.0
    event = events.get(timeout=WAIT)
    assert isinstance(event, Deadlocked)
    assert len(event.cycle) == length


class AsyncChain(Actor):
    dispatcher = "asyncio"

    def __init__(self, how: str) -> None:
        self._how = how
        self.next: ActorRef[Any] | None = None

    async def on_receive(self, message: object) -> object:
        if isinstance(message, ActorRef):
            self.next = message
            return None
        assert self.next is not None
        future = self.next.ask(message, block=False)
        if self._how == "bounded":
            async with asyncio.timeout(20.0):
                return await future
        return await future


@pytest.mark.parametrize("how", ["plain", "bounded"])
def test_a_circle_of_those_who_await_is_found(how: str) -> None:
    with ActorSystem() as system:
        refs: list[ActorRef[Any]] = [system.spawn(AsyncChain, how) for _ in range(2)]
        refs.append(system.spawn(Chain))  # and one that blocks its thread
        for one, other in zip(refs, refs[1:] + refs[:1], strict=True):
            one.ask(other)
        events = system.bus.collect(Deadlocked)
        with pytest.raises(CallingSelf):
            refs[0].ask("round", timeout=WAIT)
        assert isinstance(events.get(timeout=WAIT), Deadlocked)


def test_a_task_of_its_own_may_wait_for_what_its_actor_answers_later() -> None:
    class Spawner(Actor):
        dispatcher = "asyncio"

        def on_start(self) -> None:
            self.tasks: list[asyncio.Task[object]] = []
            self.answers: list[object] = []

        async def on_receive(self, message: object) -> object:
            if message == "go":

                async def later() -> None:
                    self.answers.append(await self.ref.ask("question", block=False))
                    done.set()

                self.tasks.append(asyncio.create_task(later()))
                return None
            return message

    done = threading.Event()
    with ActorSystem() as system:
        ref = system.spawn(Spawner)
        ref.ask("go", timeout=WAIT)
        assert done.wait(WAIT)
        assert ref.get_state()["answers"] == ["question"]


@pytest.mark.dispatchers("thread", "pool")
def test_a_child_that_asks_its_starter_while_that_one_waits_for_it_is_a_circle(system: ActorSystem) -> None:
    class Child(Actor):
        def __init__(self, asked: ActorRef[Any]) -> None:
            self._asked = asked

        def on_start(self) -> None:
            self._asked.ask("are you there?", timeout=20.0)

    def start(puppet: Puppet) -> object:
        try:
            puppet.system.spawn(Child, puppet.ref)
        except CallingSelf as error:
            return error.circle
        return None

    puppet = system.spawn(Puppet)
    begun = monotonic()
    assert len(puppet.ask(start, timeout=20.0)) == 2
    assert monotonic() - begun < 1.0


@pytest.mark.dispatchers("thread", "pool")
def test_one_that_is_asked_while_it_stops_who_asks_is_a_circle(system: ActorSystem) -> None:
    first = system.spawn(Puppet)
    errors: list[BaseException] = []

    def ask_first(_puppet: Puppet) -> None:
        try:
            first.ask("there?", timeout=20.0)
        except CallingSelf as error:
            errors.append(error)

    second = system.spawn(Puppet, Script(on_stop=ask_first))

    def stop_second(_puppet: Puppet) -> None:
        try:
            second.stop(timeout=20.0)
        except CallingSelf as error:  # it was the last of the two to wait
            errors.append(error)

    first.ask(stop_second, timeout=WAIT)
    assert len(errors) == 1


@pytest.mark.dispatchers("thread", "pool")
def test_a_future_taken_without_blocking_is_looked_at_when_it_is_waited_for(system: ActorSystem) -> None:
    one, other = system.spawn(Puppet), system.spawn(Puppet)

    def ask_back(_puppet: Puppet) -> object:
        return one.ask("there?", block=False).get(timeout=20.0)

    with pytest.raises(CallingSelf):
        one.ask(lambda _: other.ask(ask_back, block=False).get(timeout=20.0), timeout=WAIT)


def test_what_is_asked_from_elsewhere_is_answered_here_too(system: ActorSystem) -> None:
    puppet = system.spawn(Nest, 0)
    shown = puppet.ask(ShowState())
    assert shown.state == {"_depth": 0}
    assert puppet.ask(ShowState()) == shown
    put = puppet.ask(PutState({"_depth": 0, "peer": puppet}, shown.mark))
    assert put.state == {"_depth": 0, "peer": puppet}
    assert put.mark != shown.mark
    assert puppet.ask(PutState({}, shown.mark)) is None
    assert puppet.get_state() == put.state
    found = puppet.ask(GetStatistics())  # as an actor of another process that is not asked aside
    assert (found.state, found.in_hand) == ("running", "GetStatistics")


def test_a_state_that_cannot_be_sent_says_where(system: ActorSystem) -> None:
    puppet = system.spawn(Puppet)
    with pytest.raises(CodecError, match=re.escape("state['_script']")):
        puppet.ask(ShowState())
    assert puppet.is_alive()
