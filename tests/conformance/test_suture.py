"""What suture's suite says of a supervisor, said of ours. Its services restart for ever; here an intensity is given."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorSystem,
    AskTimeout,
    ChildSpec,
    NameTaken,
    NotStarted,
    Restart,
    Start,
)
from regrow.actors.child_spec import Grace, Infinity
from regrow.actors.testing import Hold, ManualClock, Script, crash
from regrow.protocol.exits import NORMAL, Shutdown
from regrow.supervision import (
    AlreadyStarted,
    AutoShutdown,
    Backoff,
    ChildStarted,
    ChildTerminated,
    FailureDecay,
    InvalidSpec,
    RestartIntensity,
    ShutdownError,
    SignificantChildEnded,
    Strategy,
    SupervisionEvent,
    Supervisor,
    SupervisorSpec,
    Unstopped,
    supervisor_child,
)
from regrow.supervision.requests import TerminateChild
from tests.conformance.case import case
from tests.conformance.tree import BOOM, below, crash_child, end_child, ends, ids, info_of, lives, puppet, ref_of, start
from tests.supervision.facts import Facts
from tests.supervision.stage import Stage, child


@case("S-01")
def test_s_01_a_service_that_fails_is_restarted_and_one_that_is_stopped_is_not(
    system: ActorSystem, facts: Facts
) -> None:
    handle = start(system, puppet("a"))
    for _ in range(3):
        crash_child(handle, facts, "a")
    handle.stop()
    assert [reason for _, reason in ends(facts)] == [BOOM, BOOM, BOOM, Shutdown()]
    assert len(facts.all(ChildStarted)) == 4


@case("S-02")
def test_s_02_a_service_added_to_a_running_supervisor_is_started_at_once(system: ActorSystem) -> None:
    handle = start(system, puppet("a"))
    script = Script()
    handle.start_child(puppet("b", script))
    assert script.hooks() == ("on_start",)
    assert lives(handle) == {"a": 1, "b": 1}


@case("S-04")
def test_s_04_what_runs_already_is_refused_a_second_start(system: ActorSystem) -> None:
    handle = start(system, puppet("a"), name="only")
    with pytest.raises(NameTaken):
        start(system, name="only")
    with pytest.raises(AlreadyStarted):
        handle.start_child(puppet("a"))
    assert lives(handle) == {"a": 1}


@case("S-05")
def test_s_05_what_it_is_told_can_be_looked_up(system: ActorSystem) -> None:
    spec = puppet("a", restart=Restart.TRANSIENT, shutdown=Grace(1.5), significant=True, backoff=Backoff(base=1.0))
    handle = start(
        system,
        spec,
        strategy=Strategy.REST_FOR_ONE,
        intensity=RestartIntensity(7, 2.5),
        auto_shutdown=AutoShutdown.ALL_SIGNIFICANT,
        name="full",
    )
    assert handle.get_childspec("a") is spec
    description = handle.describe_tree()
    assert description.name == "full"
    assert description.details == {
        "strategy": "rest_for_one",
        "max_restarts": 7,
        "max_seconds": 2.5,
        "auto_shutdown": "all_significant",
    }


@case("S-06")
def test_s_06_every_event_can_be_shown_and_backoff_works_with_tiny_limits(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    seen: list[object] = []
    system.bus.subscribe(seen.append, *SupervisionEvent.__args__)
    handle = start(system, puppet("a"), backoff=Backoff(initial=0.001, base=0.001, cap=0.001, jitter="none"))
    end_child(handle, facts, "a")
    assert info_of(handle, "a").restarting
    clock.advance(0.001)
    facts.wait(ChildStarted, child_id="a", times=2)
    handle.stop()
    assert {type(event).__name__ for event in seen} >= {"SupervisorStarted", "ChildTerminated", "RestartScheduled"}
    assert all(str(event).startswith(f"{type(event).__name__}(supervisor='") for event in seen)


@case("S-06")
def test_s_06_a_burst_is_forgiven_and_failures_decay_by_half() -> None:
    decay = FailureDecay(5.0, 30.0)
    stage = Stage(child("a"), intensity=decay).boot()
    for _ in range(5):
        stage.crash("a")
    assert not stage.over
    stage.pass_time(29.0)  # 5 failures weigh a little over 2.5, and each that follows weighs 1
    for _ in range(2):
        stage.crash("a")
    assert not stage.over
    stage.crash("a")
    assert stage.over


@case("S-08")
def test_s_08_a_stopped_supervisor_has_stopped_its_services_and_answers_nothing(system: ActorSystem) -> None:
    handle = start(system, puppet("a"), puppet("b"))
    refs = [ref_of(handle, "a"), ref_of(handle, "b")]
    handle.stop()
    assert not any(ref.is_alive() for ref in refs)
    calls: list[Any] = [
        handle.which_children,
        handle.count_children,
        lambda: handle.start_child(puppet("c")),
        lambda: handle.terminate_child("a"),
        lambda: handle.restart_child("a"),
        lambda: handle.delete_child("a"),
    ]
    for call in calls:
        with pytest.raises(ActorDeadError):
            call()


@case("S-09", "S-12")
def test_s_09_a_hung_service_is_reported_and_the_supervisor_stops_all_the_same(
    clock: ManualClock,
) -> None:
    system = ActorSystem("test", clock=clock)
    facts = Facts(system)
    hold = Hold()
    handle = start(system, puppet("a"), puppet("hung", Script(on_stop=hold), shutdown=Grace(2.0)), name="top")
    hung = ref_of(handle, "hung")
    handle.ref.shutdown()
    hold.wait_reached()
    clock.advance(2.0)
    facts.wait(ChildTerminated, child_id="a")
    assert facts.all(Unstopped) == [Unstopped(supervisor="top", child_id="hung", life=2)]
    assert [ref.name for ref in system.shutdown(0.5)] == [hung.name]  # who still runs, by ref
    hold.release()


@case("S-10")
def test_s_10_removing_a_hung_service_reports_it_when_its_time_is_up(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    hold = Hold()
    handle = start(system, puppet("hung", Script(on_stop=hold), shutdown=Grace(2.0)))
    answer = handle.ref.ask(TerminateChild("hung"), block=False)
    hold.wait_reached()
    clock.advance(1.9)
    assert facts.all(Unstopped) == []
    clock.advance(0.1)
    answer.get(timeout=5.0)
    assert facts.wait(Unstopped).child_id == "hung"
    assert str(info_of(handle, "hung").state) == "stopped"
    hold.release()


@case("S-13")
def test_s_13_a_supervisor_that_cannot_be_made_raises_and_starts_nothing(system: ActorSystem) -> None:
    script = Script()
    with pytest.raises(InvalidSpec):
        start(system, puppet("a", script), puppet("a", script))
    assert script.hooks() == ()


@case("S-14", "S-16")
def test_s_14_a_supervisor_that_was_never_started_says_so() -> None:
    with pytest.raises(NotStarted):
        Supervisor(SupervisorSpec())


@case("S-17")
def test_s_17_many_threads_add_to_a_nested_supervisor(system: ActorSystem) -> None:
    top = start(system, supervisor_child("inner", SupervisorSpec()))
    inner = below(top, "inner")
    barrier = threading.Barrier(8)

    def add(number: int) -> None:
        barrier.wait(5.0)
        for turn in range(4):
            inner.start_child(puppet(f"{number}-{turn}"))

    threads = [threading.Thread(target=add, args=(number,), daemon=True) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    assert sorted(ids(inner)) == sorted(f"{number}-{turn}" for number in range(8) for turn in range(4))
    assert inner.count_children().active == 32


@case("S-18")
def test_s_18_removing_and_waiting(system: ActorSystem, clock: ManualClock) -> None:
    hold, slow = Hold(), Hold()
    handle = start(
        system,
        puppet("quick"),
        puppet("hung", Script(on_stop=hold), shutdown=Grace(60.0)),
        puppet("slow", Script(on_stop=slow), shutdown=Infinity()),
    )
    handle.terminate_child("quick")
    handle.terminate_child("quick")  # removed already
    with pytest.raises(AskTimeout):
        handle.terminate_child("hung", timeout=0.01)
    waits = handle.ref.ask(TerminateChild("slow"), block=False)
    slow.wait_reached()
    clock.advance(59.0)
    slow.release()
    waits.get(timeout=5.0)
    hold.release()
    handle.stop()
    with pytest.raises(ActorDeadError):
        handle.terminate_child("quick")


@case("S-21")
def test_s_21_a_stop_after_a_removal_reports_nothing(system: ActorSystem, clock: ManualClock, facts: Facts) -> None:
    handle = start(system, puppet("a", shutdown=Grace(1.0)), puppet("b", shutdown=Grace(1.0)))
    handle.terminate_child("a")
    clock.advance(5.0)
    handle.stop()
    clock.advance(5.0)
    assert facts.all(Unstopped) == []
    assert facts.all(ShutdownError) == []


@case("S-22")
def test_s_22_a_service_may_end_for_good_and_may_end_the_whole_tree(system: ActorSystem, facts: Facts) -> None:
    fatal = puppet("fatal", restart=Restart.TRANSIENT, significant=True)
    inner = SupervisorSpec(children=[fatal], auto_shutdown=AutoShutdown.ANY_SIGNIFICANT, name="inner")
    top = start(
        system,
        puppet("job", restart=Restart.TRANSIENT),
        supervisor_child("inner", inner, restart=Restart.TRANSIENT, significant=True),
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
        name="top",
    )
    end_child(top, facts, "job", NORMAL)
    assert lives(top) == {"job": 1, "inner": 1}
    assert str(info_of(top, "job").state) == "stopped"
    end_child(below(top, "inner"), facts, "fatal", NORMAL)
    facts.wait(SignificantChildEnded, times=2)
    assert facts.ids(SignificantChildEnded) == ["fatal", "inner"]
    top.ref.stop(timeout=5.0)
    assert system.roots == ()


class _OldStyle:
    """A service of two calls: one that runs until the other is made."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def serve(self) -> None:
        self.ended.wait(60.0)

    def stop(self) -> None:
        self.ended.set()


class _Shim(Actor):
    """Runs one; the thread is its own, and over when the actor is."""

    def __init__(self, made: list[_OldStyle]) -> None:
        self._service = _OldStyle()
        made.append(self._service)

    def on_start(self) -> None:
        self._thread = threading.Thread(target=self._service.serve, daemon=True)
        self._thread.start()

    def on_receive(self, message: object) -> object:
        raise RuntimeError(message)

    def on_failure(self, *_: object) -> None:
        self.on_stop()

    def on_stop(self) -> None:
        self._service.stop()
        self._thread.join(5.0)


@case("S-24")
def test_s_24_a_service_of_start_and_stop_is_adapted_restarted_and_stopped(system: ActorSystem, facts: Facts) -> None:
    made: list[_OldStyle] = []
    handle = start(system, ChildSpec(id="old", start=Start(_Shim, (made,))))
    ref_of(handle, "old").tell("fail")
    facts.wait(ChildStarted, child_id="old", times=2)
    assert [service.ended.is_set() for service in made] == [True, False]
    handle.stop()
    assert [service.ended.is_set() for service in made] == [True, True]


@case("S-25")
def test_s_25_a_service_never_runs_twice_at_a_time(system: ActorSystem, facts: Facts) -> None:
    lock, alive, most = threading.Lock(), [0], [0]

    def enter(_puppet: object) -> None:
        with lock:
            alive[0] += 1
            most[0] = max(most[0], alive[0])

    def leave(_puppet: object) -> None:
        with lock:
            alive[0] -= 1

    script = Script(on_start=enter, on_failure=leave, on_stop=leave)
    handle = start(system, puppet("a", script))
    ref = ref_of(handle, "a")
    for turn in range(20):
        ref.tell(crash())
        facts.wait(ChildStarted, child_id="a", times=turn + 2)
    handle.terminate_child("a")
    handle.restart_child("a")
    assert (most, alive) == ([1], [1])


@case("S-26")
def test_s_26_an_addition_to_a_stopped_supervisor_is_refused_at_once(system: ActorSystem) -> None:
    handle = start(system)
    handle.stop()
    with pytest.raises(ActorDeadError):
        handle.start_child(puppet("late"))


@case("S-28", "S-29")
def test_s_28_a_job_runs_once_and_its_supervisor_goes_on(system: ActorSystem, facts: Facts) -> None:
    script = Script()
    handle = start(system, puppet("job", script, restart=Restart.TRANSIENT), puppet("service"))
    assert ref_of(handle, "service").ask("work", timeout=5.0) == "work"
    end_child(handle, facts, "job", NORMAL)
    assert script.hooks() == ("on_start", "on_stop")
    assert handle.count_children().active == 1
    handle.stop()
    assert handle.ref.is_alive() is False
