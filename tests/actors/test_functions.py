"""A function as an actor's life: how it begins, how it is told to end, and what its ends mean."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from regrow.actors import (
    AbandonedEnded,
    ActorAbandoned,
    ActorExited,
    ActorRef,
    ActorSystem,
    ChildSpec,
    Down,
    FunctionActor,
    ReturnedStart,
    ReturnedUnready,
    SpawnOptions,
    Start,
    Started,
    StartFailed,
    StopToken,
)
from regrow.actors.functions import injected_names
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, exit_with
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, Shutdown

WAIT = 5.0


def spawn(system: ActorSystem, function: Callable[..., object], *args: object, **kwargs: Any) -> ActorRef:
    return system.spawn(FunctionActor, function, *args, **kwargs)


class Patient:
    """A function that waits for its stop, and what it saw of it."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.over = threading.Event()
        self.told: StopToken | None = None

    def __call__(self, stop: StopToken) -> None:
        self.told = stop
        self.running.set()
        assert stop.wait(WAIT)
        self.over.set()


def held(hold: Hold) -> Callable[[], None]:
    """A function that waits in a place without looking at anything."""

    def function() -> None:
        hold()

    return function


# Ends


def test_to_return_is_a_normal_end(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    ref = spawn(system, held(hold))
    probe.monitor(ref)
    hold.release()
    assert probe.expect(Down).reason == NORMAL


def test_to_raise_is_a_crash_with_what_was_raised(system: ActorSystem, probe: Probe) -> None:
    def function(number: int, *, word: str) -> None:
        hold()
        raise ValueError(f"{number} {word}")

    hold = Hold()
    ref = spawn(system, function, 3, word="times")
    probe.monitor(ref)
    hold.release()
    reason = probe.expect(Down).reason
    assert isinstance(reason, Crash)
    assert (reason.type, reason.text) == ("ValueError", "3 times")


@pytest.mark.parametrize(
    "error", [TimeoutError(), asyncio.CancelledError(), concurrent.futures.CancelledError(), KeyboardInterrupt()]
)
@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
def test_b_51_an_end_that_nobody_asked_for_is_a_crash_whatever_was_raised(
    system: ActorSystem, probe: Probe, error: BaseException, is_async: bool
) -> None:
    hold = Hold()

    def plain() -> None:
        hold()
        raise error

    async def coroutine() -> None:
        plain()

    ref = spawn(system, coroutine if is_async else plain)
    probe.monitor(ref)
    hold.release()
    reason = probe.expect(Down).reason
    assert isinstance(reason, Crash)
    assert reason.type.endswith(type(error).__name__)


def test_a_function_that_gives_a_start_is_told_apart(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()

    def function() -> Start:
        hold()
        return Start(Puppet)

    ref = spawn(system, function)
    probe.monitor(ref)
    hold.release()
    reason = probe.expect(Down).reason
    assert isinstance(reason, Crash)
    assert reason.type.endswith(ReturnedStart.__name__)
    assert "use ChildSpec(id=..., start=Start(function))" in reason.text


# Being told to end


def test_a_request_to_stop_sets_the_token_and_its_reason_is_the_reason(system: ActorSystem, probe: Probe) -> None:
    patient = Patient()
    ref = spawn(system, patient)
    assert patient.running.wait(WAIT)
    assert patient.told is not None
    assert not patient.told.is_set()
    assert repr(patient.told) == "StopToken(not set)"
    probe.monitor(ref)
    ref.shutdown(Shutdown("enough"))
    ref.shutdown(Shutdown("once more"))
    assert probe.expect(Down).reason == Shutdown("enough")
    assert patient.over.is_set()
    assert patient.told.is_set()
    assert patient.told.reason == Shutdown("enough")


def test_a_request_that_comes_before_the_function_runs_is_not_missed() -> None:
    token = StopToken()
    token.set(SHUTDOWN)
    called: list[str] = []
    token.on_set(lambda: called.append("at once"))
    assert called == ["at once"]
    assert token.wait(0.0)


def test_whoever_is_called_back_finds_the_token_set_also_while_it_is_being_set() -> None:
    token, seen = StopToken(), []

    class Slow(threading.Event):
        def set(self) -> None:
            other.start()
            other.join(0.05)  # it gets here in the meantime
            super().set()

    other = threading.Thread(target=token.on_set, args=(lambda: seen.append(token.is_set()),))
    token._event = Slow()
    token.set(SHUTDOWN)
    other.join(WAIT)
    assert seen == [True]


def test_a_link_that_breaks_tells_the_function_to_end_but_a_normal_end_of_the_other_does_not(
    system: ActorSystem, probe: Probe
) -> None:
    patient = Patient()
    ref = spawn(system, patient)
    assert patient.running.wait(WAIT)
    calm, wild = system.spawn(Puppet), system.spawn(Puppet)
    for peer in (calm, wild):
        system.link(ref, peer)
        probe.monitor(peer)
    calm.tell(exit_with(NORMAL))
    probe.expect(Down)
    assert patient.told is not None
    assert not patient.told.is_set()
    probe.monitor(ref)
    wild.tell(exit_with(Shutdown("wild")))
    assert {probe.expect(Down).reason, probe.expect(Down).reason} == {Shutdown("wild")}


def test_what_does_not_look_is_abandoned_and_its_thread_is_reported_when_it_is_over(system: ActorSystem) -> None:
    events = system.bus.collect(ActorAbandoned, AbandonedEnded)
    hold = Hold()
    ref = spawn(system, held(hold))
    hold.wait_reached()
    ref.shutdown()
    ref.kill()
    assert not ref.is_alive()
    assert events.get(timeout=WAIT) == ActorAbandoned(ref, 1)
    hold.release()
    assert events.get(timeout=WAIT) == AbandonedEnded(ref, 1)


def test_a_kill_sets_the_token_too_so_that_the_thread_becomes_free(system: ActorSystem, probe: Probe) -> None:
    events = system.bus.collect(AbandonedEnded)
    patient = Patient()
    ref = spawn(system, patient)
    assert patient.running.wait(WAIT)
    ref.kill()
    assert events.get(timeout=WAIT) == AbandonedEnded(ref, 1)
    assert patient.told is not None
    assert patient.told.reason == KILLED


def test_a_stop_that_is_given_is_the_callers_own(system: ActorSystem, probe: Probe) -> None:
    own = threading.Event()
    seen: list[object] = []

    def function(stop: threading.Event) -> None:
        seen.append(stop)
        stop.wait(WAIT)

    ref = spawn(system, function, stop=own)
    probe.monitor(ref)
    own.set()
    assert probe.expect(Down).reason == NORMAL
    assert seen == [own]


def test_only_what_is_taken_by_name_and_not_given_is_injected() -> None:
    def both(stop: object, *, ready: object) -> None: ...

    def by_place(stop: object, /) -> None: ...

    def any_name(**kwargs: object) -> None: ...

    async def coroutine(ready: object, stop: object) -> None: ...

    @functools.wraps(both)
    def wrapped(*args: object, **kwargs: object) -> None: ...

    assert injected_names(wrapped, (), {}) == {"stop", "ready"}
    assert injected_names(Patient().__call__, (), {}) == injected_names(Patient(), (), {}) == {"stop"}
    assert injected_names(both, (), {}) == {"stop", "ready"}
    assert injected_names(both, (1,), {}) == {"ready"}
    assert injected_names(functools.partial(both, ready=1), (), {}) == {"stop", "ready"}
    assert injected_names(by_place, (), {}) == injected_names(any_name, (), {}) == frozenset()
    assert injected_names(coroutine, (), {}) == {"ready"}
    assert injected_names(both, (1, 2, 3), {}) == frozenset()
    assert injected_names(max, (), {}) == frozenset()


# Being ready


def start(system: ActorSystem, probe: Probe, function: Callable[..., object]) -> ActorRef:
    spec = ChildSpec(id="it", start=Start(FunctionActor, (function,)), start_timeout=3.0)
    return system.begin(spec, parent=None, ref=None, on_outcome=probe.outcome)


def test_it_is_ready_when_it_says_so_and_may_say_more(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()

    def function(ready: Callable[[object], None], stop: StopToken) -> None:
        hold()
        ready({"port": 4711})
        ready("the second time is nothing")
        stop.wait(WAIT)

    ref = start(system, probe, function)
    hold.wait_reached()
    probe.expect_nothing()
    hold.release()
    assert probe.expect(Started) == Started(ref, 1, {"port": 4711})


def test_one_that_was_ready_may_return_at_any_time(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()

    def function(ready: Callable[[], None]) -> None:
        ready()
        hold()

    ref = start(system, probe, function)
    probe.expect(Started)
    probe.monitor(ref)
    hold.release()
    assert probe.expect(Down).reason == NORMAL


def test_an_async_one_may_say_when_it_is_ready(system: ActorSystem, probe: Probe) -> None:
    async def function(ready: Callable[[], None]) -> None:
        await asyncio.sleep(0)
        ready()
        await asyncio.Event().wait()

    ref = start(system, probe, function)
    assert probe.expect(Started).ref is ref


def test_to_return_without_having_been_ready_is_a_failed_start(system: ActorSystem, probe: Probe) -> None:
    start(system, probe, lambda ready: None)
    reason = probe.expect(StartFailed).reason
    assert isinstance(reason, Crash)
    assert reason.type.endswith(ReturnedUnready.__name__)
    assert "expected a call of ready() before that" in reason.text


def test_to_raise_before_being_ready_is_a_failed_start(system: ActorSystem, probe: Probe) -> None:
    def function(ready: Callable[[], None]) -> None:
        raise ValueError("no database")

    start(system, probe, function)
    assert str(probe.expect(StartFailed).reason) == "crash: ValueError: no database"


def test_not_to_become_ready_in_time_is_a_failed_start(system: ActorSystem, probe: Probe, clock: ManualClock) -> None:
    ended = threading.Event()

    def function(ready: Callable[[], None], stop: StopToken) -> None:
        stop.wait(WAIT)
        ended.set()

    start(system, probe, function)
    clock.advance(3.0)
    assert "not ready within 3.0 seconds" in str(probe.expect(StartFailed).reason)
    assert ended.wait(WAIT)


# Async functions


def test_an_async_function_returns_and_raises_like_a_plain_one(system: ActorSystem, probe: Probe) -> None:
    go = threading.Event()

    async def returns() -> str:
        await asyncio.get_running_loop().run_in_executor(None, go.wait, WAIT)
        return "ignored"

    async def raises() -> None:
        await asyncio.get_running_loop().run_in_executor(None, go.wait, WAIT)
        raise ValueError("no")

    refs = [spawn(system, returns), spawn(system, raises)]
    for ref in refs:
        probe.monitor(ref)
    go.set()
    reasons = {down.ref: str(down.reason) for down in (probe.expect(Down), probe.expect(Down))}
    assert reasons == {refs[0]: "normal", refs[1]: "crash: ValueError: no"}


class Sleeper:
    """An async function that sleeps until it is cancelled, and then does something."""

    def __init__(self, cleanup: Callable[[], object] = lambda: None) -> None:
        self.running = threading.Event()
        self.cleaned = threading.Event()
        self._cleanup = cleanup

    async def __call__(self) -> None:
        self.running.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cleaned.set()
            self._cleanup()


def test_a_request_to_stop_cancels_its_task_and_that_is_no_crash(system: ActorSystem, probe: Probe) -> None:
    sleeper = Sleeper()
    ref = spawn(system, sleeper)
    assert sleeper.running.wait(WAIT)
    probe.monitor(ref)
    ref.shutdown()
    assert probe.expect(Down).reason == SHUTDOWN
    assert sleeper.cleaned.is_set()


def test_a_cleanup_that_raises_is_a_crash_although_the_end_was_asked_for(system: ActorSystem, probe: Probe) -> None:
    def fail() -> None:
        raise OSError("disk full")

    sleeper = Sleeper(fail)
    ref = spawn(system, sleeper)
    assert sleeper.running.wait(WAIT)
    probe.monitor(ref)
    ref.shutdown()
    assert str(probe.expect(Down).reason) == "crash: OSError: disk full"


def test_one_that_takes_its_cancellation_and_returns_has_ended_as_it_was_asked_to(
    system: ActorSystem, probe: Probe
) -> None:
    running = threading.Event()

    async def function() -> None:
        running.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    ref = spawn(system, function)
    assert running.wait(WAIT)
    probe.monitor(ref)
    ref.shutdown()
    assert probe.expect(Down).reason == SHUTDOWN


def test_one_that_ignores_its_cancellation_is_abandoned(system: ActorSystem) -> None:
    events = system.bus.collect(ActorAbandoned, AbandonedEnded)
    running, cancelled, go = threading.Event(), threading.Event(), threading.Event()

    async def function() -> None:
        running.set()
        while not go.is_set():
            try:
                await asyncio.get_running_loop().run_in_executor(None, go.wait, WAIT)
            except asyncio.CancelledError:
                cancelled.set()

    ref = spawn(system, function)
    assert running.wait(WAIT)
    ref.shutdown()
    assert cancelled.wait(WAIT)
    assert ref.is_alive()
    ref.kill()
    assert events.get(timeout=WAIT) == ActorAbandoned(ref, 1)
    go.set()
    assert events.get(timeout=WAIT) == AbandonedEnded(ref, 1)


def test_a_plain_function_that_gives_a_coroutine_has_it_run(system: ActorSystem, probe: Probe) -> None:
    sleeper = Sleeper()
    ref = spawn(system, lambda: sleeper())
    assert sleeper.running.wait(WAIT)
    probe.monitor(ref)
    ref.shutdown()
    assert probe.expect(Down).reason == SHUTDOWN
    assert sleeper.cleaned.is_set()


def test_a_function_may_be_named_by_its_import_path(system: ActorSystem) -> None:
    with pytest.raises(Exception, match="no module"):
        system.spawn(FunctionActor, "no_such_module:function")
    ref = system.spawn(FunctionActor, "regrow.actors.testing.puppet:crash", options=SpawnOptions(name="by path"))
    assert str(ref).startswith("by path (FunctionActor")


class Nameless:
    """Something that can be called and has no name of its own."""

    def __call__(self) -> None:
        raise ValueError("disk")


def fill_the_disk() -> None:
    raise ValueError("disk")


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (fill_the_disk, "fill_the_disk"),
        (functools.partial(fill_the_disk), "fill_the_disk"),
        (f"{__name__}:fill_the_disk", "fill_the_disk"),
        (Nameless(), "Nameless"),
        (lambda: fill_the_disk(), "function"),
    ],
)
def test_the_report_of_its_end_has_the_function_in_hand(system: ActorSystem, function: Any, name: str) -> None:
    ends: queue.SimpleQueue[object] = queue.SimpleQueue()
    system.bus.subscribe(ends.put, ActorExited)
    spawn(system, function)
    event = ends.get(timeout=WAIT)
    assert isinstance(event, ActorExited)
    report = event.report
    assert report is not None
    assert report.in_hand == name
