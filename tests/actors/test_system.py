"""The system: starting, stopping in order, and what it says of those that do not stop."""

from __future__ import annotations

import signal
import threading

import pytest

from regrow.actors import (
    Actor,
    ActorExited,
    ActorStarted,
    ActorSystem,
    BadTarget,
    CallbackFailed,
    CallingSelf,
    ChildSpec,
    Down,
    SpawnOptions,
    Start,
    Started,
    StartError,
    StartFailed,
    SystemClosed,
    default_system,
)
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, Script, hang
from regrow.protocol.exits import KILLED, SHUTDOWN, Crash


def test_shutdown_stops_roots_last_started_first() -> None:
    system = ActorSystem()
    stopped: list[str] = []
    refs = [
        system.spawn(
            Puppet, Script(on_stop=lambda puppet: stopped.append(puppet.name)), options=SpawnOptions(name=name)
        )
        for name in "abc"
    ]
    exits = system.bus.collect(ActorExited)
    assert system.roots == tuple(refs)
    assert system.shutdown() == ()
    assert stopped == ["c", "b", "a"]
    assert [event.reason for event in exits.drain() if isinstance(event, ActorExited)] == [SHUTDOWN] * 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("regrow-")]


def test_shutdown_is_bounded_and_gives_those_that_still_run() -> None:
    system = ActorSystem()
    hold = Hold()
    good, bad = system.spawn(Puppet), system.spawn(Puppet)
    bad.tell(hang(hold))
    hold.wait_reached()
    exits = system.bus.collect(ActorExited)
    assert system.shutdown(0.5) == (bad,)
    reasons = [(event.ref, event.reason) for event in exits.drain() if isinstance(event, ActorExited)]
    assert reasons == [(good, SHUTDOWN), (bad, KILLED)]
    hold.release()
    assert system.shutdown() == ()


def test_nothing_starts_in_a_closed_system(probe: Probe) -> None:
    with ActorSystem("gone") as system:
        pass
    assert system.closed
    with pytest.raises(SystemClosed, match="gone"):
        system.spawn(Puppet)
    system.begin(ChildSpec(id="x", start=Script().start), parent=None, ref=None, on_outcome=probe.outcome)
    assert isinstance(probe.expect(StartFailed).error, SystemClosed)


def test_an_actor_cannot_shut_its_own_system_down(system: ActorSystem) -> None:
    with pytest.raises(CallingSelf):
        system.spawn(Puppet).ask(lambda puppet: puppet.system.shutdown(), timeout=5)


def test_begin_never_waits_for_the_child(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    ref = system.begin(
        ChildSpec(id="x", start=Script(on_start=hang(hold)).start),
        parent=probe.ref,
        ref=None,
        on_outcome=probe.outcome,
    )
    assert ref.incarnation == 1
    hold.release()
    assert probe.expect(Started).ref is ref


def no_actor() -> str:
    return "no actor"


def to_puppet(answer: object) -> Start:
    return Start(Puppet, (answer,))


def forever() -> Start:
    return Start(forever)


@pytest.mark.parametrize("target", [no_actor, forever, int, object()])
def test_a_target_that_leads_to_no_actor_is_a_failed_start(system: ActorSystem, probe: Probe, target: object) -> None:
    spec = ChildSpec(id="x", start=Start(target))  # type: ignore[arg-type]
    system.begin(spec, parent=None, ref=None, on_outcome=probe.outcome)
    assert isinstance(probe.expect(StartFailed).error, BadTarget)


def test_a_start_function_is_called_for_every_life(system: ActorSystem, probe: Probe) -> None:
    calls: list[str] = []

    def target(word: str) -> Start:
        calls.append(word)
        return Start(to_puppet, (None,))

    spec = ChildSpec(id="x", start=Start(target, ("go",)))
    ref = system.begin(spec, parent=None, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    assert ref.actor_class is Puppet
    ref.stop()
    system.begin(spec, parent=None, ref=ref, on_outcome=probe.outcome)
    probe.expect(Started)
    assert calls == ["go", "go"]


def test_spawn_links_before_on_start_runs(system: ActorSystem, probe: Probe) -> None:
    linked: list[object] = []
    script = Script(on_start=lambda puppet: linked.append(puppet.system.relations.links(puppet.ref)))
    system.spawn(Puppet, script, options=SpawnOptions(link=probe.ref))
    assert linked == [(probe.ref,)]


def test_a_thread_that_cannot_be_had_is_a_failed_start(
    system: ActorSystem, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_life: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(system.dispatchers.get(None), "launch", refuse)
    ref = system.begin(ChildSpec(id="x", start=Script().start), parent=probe.ref, ref=None, on_outcome=probe.outcome)
    assert str(probe.expect(StartFailed).error) == "can't start new thread"
    assert not ref.is_alive()
    with pytest.raises(RuntimeError, match="new thread"):
        system.spawn(Puppet)


def test_start_inside_an_actor_uses_its_system_and_outside_the_default_one(system: ActorSystem) -> None:
    inner = system.spawn(Puppet).ask(lambda _puppet: Puppet.start())
    assert inner.system is system
    outer = Puppet.start()
    try:
        assert outer.system is default_system()
        assert outer.ask("x") == "x"
    finally:
        assert default_system().shutdown() == ()
    again = Puppet.start()
    assert again.system is not outer.system
    default_system().shutdown()


def test_resolve_finds_the_living_by_urn(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    assert system.resolve(ref.urn) is ref
    ref.stop()
    assert system.resolve(ref.urn) is None


def test_errors_on_the_clock_are_events() -> None:
    with ActorSystem() as system:
        failures = system.bus.collect(CallbackFailed)
        system.clock.call_at(system.clock.now(), lambda: 1 / 0)
        failure = failures.get()
        assert isinstance(failure, CallbackFailed)
        assert "ZeroDivisionError" in str(failure.reason)


def test_the_systems_own_seams_are_used(clock: ManualClock) -> None:
    import random

    rng = random.Random(1)
    with ActorSystem(clock=clock, rng=rng) as system:
        assert (system.clock, system.rng) == (clock, rng)
        assert "0 alive" in repr(system)


def test_a_start_event_comes_before_the_outcome(system: ActorSystem, probe: Probe) -> None:
    order: list[type[object]] = []
    system.bus.subscribe(lambda event: order.append(type(event)), ActorStarted)
    system.begin(
        ChildSpec(id="x", start=Script().start),
        parent=None,
        ref=None,
        on_outcome=lambda outcome: (order.append(type(outcome)), probe.outcome(outcome))[0],
    )
    probe.expect(Started)
    assert order == [ActorStarted, Started]


def test_an_actor_may_start_others_and_wait_for_them(system: ActorSystem) -> None:
    class Nested(Actor):
        def on_start(self) -> None:
            self.inner = self.system.spawn(Puppet)

        def on_receive(self, message: object) -> object:
            return self.inner.ask(message)

    assert system.spawn(Nested).ask("through") == "through"


def test_a_start_that_ends_itself_is_a_start_error(system: ActorSystem) -> None:
    with pytest.raises(StartError, match="ended before it was ready: shutdown"):
        system.spawn(Puppet, Script(on_start=lambda puppet: puppet.exit(SHUTDOWN)))


def test_an_import_path_leads_to_the_class_of_each_life(system: ActorSystem, probe: Probe) -> None:
    spec = ChildSpec(id="x", start=Start("regrow.actors.testing.puppet:Puppet"))
    ref = system.begin(spec, parent=None, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    assert ref.actor_class is Puppet
    assert ref.ask("x") == "x"


def test_each_start_that_a_closed_system_refuses_has_a_number_of_its_own(system: ActorSystem, probe: Probe) -> None:
    spec = ChildSpec(id="x", start=Script().start)
    ref = system.begin(spec, parent=None, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    system.shutdown(5)
    outcomes: list[object] = []
    for _ in range(2):
        system.begin(spec, parent=None, ref=ref, on_outcome=outcomes.append)
    assert [outcome.incarnation for outcome in outcomes if isinstance(outcome, StartFailed)] == [2, 3]


@pytest.mark.dispatchers("thread")
def test_a_thread_that_does_not_start_is_not_waited_for(
    system: ActorSystem, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    system.begin(ChildSpec(id="x", start=Script().start), parent=probe.ref, ref=None, on_outcome=probe.outcome)
    monkeypatch.undo()
    assert "new thread" in str(probe.expect(StartFailed).error)


def test_an_actor_whose_starter_is_interrupted_is_asked_to_end(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()

    def interrupt() -> None:
        hold.wait_reached()
        ref = system.whereis("orphan")
        assert ref is not None
        probe.monitor(ref)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        hold.release()

    helper = threading.Thread(target=interrupt)
    helper.start()
    with pytest.raises(KeyboardInterrupt):
        system.spawn(Puppet, Script(on_start=hang(hold)), options=SpawnOptions(name="orphan"))
    helper.join(5.0)
    assert probe.expect(Down).reason == SHUTDOWN
    assert system.whereis("orphan") is None


def test_a_mistake_in_an_on_outcome_is_seen_and_leaves_no_zombie(system: ActorSystem) -> None:
    failures = system.bus.collect(CallbackFailed)
    exits = system.bus.collect(ActorExited)

    def broken(_outcome: object) -> None:
        raise ZeroDivisionError

    ref = system.begin(
        ChildSpec(id="x", start=Script(on_start=lambda puppet: puppet.exit(SHUTDOWN)).start),
        parent=None,
        ref=None,
        on_outcome=broken,
    )
    exits.get()
    assert system.dispatchers.close(system_deadline())
    (failure,) = failures.drain()
    assert isinstance(failure, CallbackFailed)
    assert isinstance(failure.reason, Crash)
    assert failure.reason.type == "ZeroDivisionError"
    assert not system.relations.is_living(ref)


def system_deadline() -> float:
    from regrow.actors.clock import monotonic

    return monotonic() + 5.0
