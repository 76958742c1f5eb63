"""Real actors under a real supervisor, on a clock that the test moves."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorExited,
    ActorStarted,
    ActorSystem,
    AskTimeout,
    ChildSpec,
    Describe,
    Grace,
    Ignore,
    MailboxOptions,
    Restart,
    SpawnOptions,
    Start,
    StartError,
)
from regrow.actors.child_spec import BrutalKill, Infinity
from regrow.actors.testing import Hold, ManualClock, Puppet, Script, crash, exit_with
from regrow.protocol.exits import KILLED, NOPROC, NORMAL, SHUTDOWN, Crash, Killed, Shutdown
from regrow.supervision import (
    NO_BACKOFF,
    AlreadyStarted,
    AutoShutdown,
    Backoff,
    BackoffWasReset,
    ChildNotFound,
    ChildRunning,
    ChildStarted,
    ChildTerminated,
    DescribeTree,
    DynamicSupervisorHandle,
    FailedToStartChild,
    IntensityReached,
    InvalidSpec,
    NotASupervisor,
    RestartIntensity,
    RestartScheduled,
    ShutdownError,
    Strategy,
    Supervisor,
    SupervisorHandle,
    SupervisorSpec,
    TaskSupervisorHandle,
    Unstopped,
    supervisor_child,
)
from regrow.supervision.requests import StartChild, TerminateChild
from tests.supervision.facts import Facts
from tests.supervision.stage import OFTEN
from tests.supervision.trees import info_of, puppet, ref_of, start


def stops(facts: Facts) -> list[str]:
    return [event.ref.name for event in facts.all(ActorExited) if event.ref.actor_class is Puppet]


# Start


def test_spawn_returns_when_all_children_are_ready(system: ActorSystem) -> None:
    scripts = [Script(), Script()]
    children = [puppet("a", scripts[0]), puppet("b", scripts[1])]
    ref = system.spawn(Supervisor, SupervisorSpec(children=children))
    assert [script.hooks() for script in scripts] == [("on_start",), ("on_start",)]
    assert SupervisorHandle(ref).count_children().active == 2


def test_a_child_that_does_not_start_fails_the_start_with_its_id_and_cause(system: ActorSystem, facts: Facts) -> None:
    with pytest.raises(
        FailedToStartChild, match=r"child 'b' failed to start: crash: ValueError: no database"
    ) as caught:
        start(system, puppet("a"), puppet("b", Script(on_start=crash(ValueError("no database")))), puppet("c"))
    assert caught.value.child_id == "b"
    assert isinstance(caught.value.reason, Crash)
    assert stops(facts) == ["b", "a"]
    assert system.roots == ()


def test_a_failed_start_deep_down_names_the_way_to_it(system: ActorSystem) -> None:
    bad = puppet("bad", Script(on_start=crash(ValueError("no"))))
    with pytest.raises(FailedToStartChild, match=r"child 'inner' failed to start: .*child 'bad' failed to start: .*no"):
        start(system, supervisor_child("inner", SupervisorSpec(children=[bad])))


def test_all_mistakes_of_a_spec_are_raised_in_the_starter(system: ActorSystem) -> None:
    with pytest.raises(InvalidSpec) as caught:
        start(system, puppet("a", shutdown=Grace(-1)), puppet("a"))
    assert len(caught.value.problems) == 2


def test_a_child_may_decline_to_run(system: ActorSystem) -> None:
    handle = start(system, puppet("a", Script(on_start=crash(Ignore()))), puppet("b"))
    assert info_of(handle, "a").state == "stopped"


def test_a_hung_start_does_not_block_the_supervisor(system: ActorSystem) -> None:
    hold = Hold()
    spec = SupervisorSpec(children=[puppet("a"), puppet("b", Script(on_start=hold))], name="top")
    starter = threading.Thread(target=SupervisorHandle.start, args=(system, spec), daemon=True)
    starter.start()
    hold.wait_reached()
    ref = system.whereis("top")
    assert ref is not None
    assert [(info.id, str(info.state)) for info in SupervisorHandle(ref).which_children()] == [
        ("b", "starting"),
        ("a", "running"),
    ]
    hold.release()
    starter.join(5.0)
    assert SupervisorHandle(ref).count_children().active == 2


def test_a_start_that_takes_too_long_is_a_failed_start(system: ActorSystem, clock: ManualClock, facts: Facts) -> None:
    hold = Hold()
    handle = start(system)
    answer = handle.ref.ask(StartChild(puppet("a", Script(on_start=hold), start_timeout=2.0)), block=False)
    hold.wait_reached()
    clock.advance(2.0)
    with pytest.raises(FailedToStartChild, match=r"(?i)timeout|within"):
        answer.get(timeout=5.0)
    assert facts.wait(Unstopped).child_id == "a"
    hold.release()


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_a_child_may_ask_its_own_supervisor_while_it_starts(system: ActorSystem) -> None:
    seen: list[object] = []

    class Curious(Actor):
        def on_start(self) -> None:
            assert self.parent is not None
            handle = SupervisorHandle(self.parent)
            seen.append([str(info.state) for info in handle.which_children()])
            seen.append(handle.start_child(puppet("sibling")).child_id)

    handle = start(system, ChildSpec(id="curious", start=Start(Curious)))
    assert seen == [["starting"], "sibling"]
    assert handle.count_children().active == 2


def test_a_stop_while_a_child_hangs_in_its_start_ends_the_supervisor(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    hold = Hold()
    spec = SupervisorSpec(children=[puppet("a"), puppet("b", Script(on_start=hold), shutdown=Grace(2.0))], name="top")
    errors: list[BaseException] = []

    def run() -> None:
        try:
            SupervisorHandle.start(system, spec)
        except StartError as error:
            errors.append(error)

    starter = threading.Thread(target=run, daemon=True)
    starter.start()
    hold.wait_reached()
    ref = system.whereis("top")
    assert ref is not None
    ref.shutdown()
    SupervisorHandle(ref).which_children()
    clock.advance(2.0)
    starter.join(5.0)
    assert len(errors) == 1
    assert [event.ref.name for event in facts.all(ActorExited)] == ["b", "a", "top"]
    hold.release()


# Restart


def test_a_restart_keeps_the_ref_and_makes_a_new_incarnation(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"), puppet("b"))
    ref, other = ref_of(handle, "a"), ref_of(handle, "b")
    ref.tell(crash())
    facts.wait(ChildStarted, child_id="a", times=2)
    assert ref_of(handle, "a") is ref
    assert (ref.incarnation, other.incarnation) == (2, 1)
    assert ref.ask("hello") == "hello"


@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize(
    ("command", "abnormal"), [(exit_with(NORMAL), False), (exit_with(SHUTDOWN), False), (crash(), True)]
)
def test_the_restart_type_decides(
    system: ActorSystem, facts: Facts, restart: Restart, command: Any, abnormal: bool
) -> None:
    handle = start(system, puppet("a", restart=restart))
    ref_of(handle, "a").tell(command)
    facts.wait(ChildTerminated, child_id="a")
    counts = handle.count_children()
    if restart is Restart.TEMPORARY:
        assert counts.specs == 0
    elif restart is Restart.TRANSIENT and not abnormal:
        assert (counts.specs, counts.active) == (1, 0)
    else:
        facts.wait(ChildStarted, child_id="a", times=2)


def test_delays_are_exactly_nothing_then_base_then_twice_that(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    handle = start(system, puppet("a"), backoff=Backoff(base=0.25, jitter="none"))
    ref = ref_of(handle, "a")
    for turn, wait in enumerate([0.0, 0.25, 0.5, 1.0], start=1):
        ref.tell(crash())
        scheduled = facts.wait(RestartScheduled, times=turn)
        assert scheduled.delay == wait
        if wait:
            info = info_of(handle, "a")
            assert (str(info.state), info.next_restart_in) == ("backoff", wait)
            clock.advance(wait - 0.01)
            assert handle.count_children().active == 0
            clock.advance(0.01)
        facts.wait(ChildStarted, times=turn + 1)
    assert ref.incarnation == 5


def test_a_life_that_stays_up_resets_the_delay(system: ActorSystem, clock: ManualClock, facts: Facts) -> None:
    handle = start(system, puppet("a"), backoff=Backoff(base=0.25, jitter="none", reset_after=3.0))
    ref = ref_of(handle, "a")
    ref.tell(crash())
    facts.wait(ChildStarted, times=2)
    clock.advance(3.0)
    facts.wait(BackoffWasReset)
    ref.tell(crash())
    assert facts.wait(RestartScheduled, times=2).delay == 0.0


def test_one_for_all_stops_in_reverse_and_starts_in_order(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"), puppet("b"), puppet("c"), strategy=Strategy.ONE_FOR_ALL)
    ref_of(handle, "b").tell(crash())
    facts.wait(ChildStarted, times=6)
    assert stops(facts) == ["b", "c", "a"]
    assert facts.ids(ChildStarted) == ["a", "b", "c", "a", "b", "c"]


def test_rest_for_one_leaves_the_earlier_ones_alone(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"), puppet("b"), puppet("c"), strategy=Strategy.REST_FOR_ONE)
    ref_of(handle, "b").tell(crash())
    facts.wait(ChildStarted, times=5)
    assert stops(facts) == ["b", "c"]
    assert [ref_of(handle, name).incarnation for name in "abc"] == [1, 2, 2]


def test_a_name_follows_the_child_through_its_lives(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a", name="server"))
    ref_of(handle, "a").tell(crash())
    facts.wait(ChildStarted, times=2)
    assert system.whereis("server") is ref_of(handle, "a")


def test_a_start_that_fails_in_a_restart_is_tried_again(system: ActorSystem, facts: Facts) -> None:
    script = Script()
    handle = start(system, puppet("a", script))
    script.on_start = lambda puppet: crash()(puppet) if puppet.incarnation < 4 else None
    ref_of(handle, "a").tell(crash())
    facts.wait(ChildStarted, times=2)
    assert ref_of(handle, "a").incarnation == 4


# Escalation


def test_too_many_restarts_escalate_to_the_parent(system: ActorSystem, facts: Facts) -> None:
    inner = SupervisorSpec(children=[puppet("worker")], intensity=RestartIntensity(1, 60.0), backoff=NO_BACKOFF)
    top = start(system, supervisor_child("inner", inner), puppet("other"))
    inner_ref, other = ref_of(top, "inner"), ref_of(top, "other")
    for turn in (2, 3):
        ref_of(SupervisorHandle(inner_ref), "worker").tell(crash())
        facts.wait(ChildStarted, child_id="worker", times=turn)
    assert facts.wait(IntensityReached).supervisor == "root/inner"
    facts.wait(ChildStarted, child_id="inner", times=2)
    [exit_of_inner] = facts.all(ActorExited, ref=inner_ref)
    assert exit_of_inner.reason == Shutdown("reached_max_restart_intensity")
    assert (inner_ref.incarnation, other.incarnation) == (2, 1)
    assert ref_of(SupervisorHandle(inner_ref), "worker").is_alive()


def test_a_transient_supervisor_that_gives_up_is_not_restarted(system: ActorSystem, facts: Facts) -> None:
    inner = SupervisorSpec(children=[puppet("worker")], intensity=RestartIntensity(0, 60.0))
    top = start(system, supervisor_child("inner", inner, restart=Restart.TRANSIENT))
    ref_of(SupervisorHandle(ref_of(top, "inner")), "worker").tell(crash())
    facts.wait(ChildTerminated, child_id="inner")
    assert top.count_children().active == 0


def test_an_inner_supervisor_can_shut_its_parent_down(system: ActorSystem, facts: Facts) -> None:
    inner = SupervisorSpec(
        children=[puppet("job", restart=Restart.TEMPORARY, significant=True)],
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
    )
    top = start(
        system,
        puppet("other"),
        supervisor_child("inner", inner, restart=Restart.TRANSIENT, significant=True),
        auto_shutdown=AutoShutdown.ALL_SIGNIFICANT,
    )
    ref_of(SupervisorHandle(ref_of(top, "inner")), "job").tell(exit_with(NORMAL))
    assert facts.wait(ActorExited, ref=top.ref).reason == Shutdown("auto_shutdown")
    assert system.relations.living() == ()


def test_a_killed_supervisor_takes_its_children_with_it_and_its_next_life_starts_new_ones(
    system: ActorSystem, facts: Facts
) -> None:
    top = start(system, supervisor_child("inner", SupervisorSpec(children=[puppet("worker")])))
    inner = ref_of(top, "inner")
    worker = ref_of(SupervisorHandle(inner), "worker")
    inner.kill()
    assert facts.wait(ActorExited, ref=worker).reason == KILLED
    facts.wait(ChildStarted, child_id="worker", times=2)
    facts.wait(ChildStarted, child_id="inner", times=2)
    assert ref_of(SupervisorHandle(inner), "worker") is not worker


# Stop


def test_children_stop_in_reverse_one_after_the_other(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"), puppet("b"), puppet("c"))
    handle.stop(timeout=5.0)
    assert stops(facts) == ["c", "b", "a"]
    assert facts.wait(ActorExited, ref=handle.ref).reason == SHUTDOWN
    assert not facts.all(ShutdownError)
    with pytest.raises(ActorDeadError):
        handle.which_children()


def test_pykkas_stop_stops_the_children_too(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"), puppet("b"))
    assert handle.ref.stop(timeout=5.0) is True
    assert stops(facts) == ["b", "a"]
    assert facts.wait(ActorExited, ref=handle.ref).reason == NORMAL


def test_a_nested_tree_stops_from_its_last_leaf(system: ActorSystem, facts: Facts) -> None:
    inner = SupervisorSpec(children=[puppet("x"), puppet("y")])
    handle = start(system, puppet("a"), supervisor_child("inner", inner), puppet("z"))
    handle.stop(timeout=5.0)
    assert [event.ref.name for event in facts.all(ActorExited)] == ["z", "y", "x", "inner", "a", "Supervisor"]


def test_a_child_that_does_not_stop_in_time_is_abandoned_and_reported(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    hold = Hold()
    handle = start(system, puppet("a"), puppet("b", shutdown=Grace(2.0)))
    ref_of(handle, "b").tell(hold)
    hold.wait_reached()
    handle.ref.shutdown()
    handle.which_children()
    clock.advance(2.0)
    facts.wait(ActorExited, ref=handle.ref)
    assert facts.wait(Unstopped).child_id == "b"
    assert facts.wait(ShutdownError).reason == Killed()
    assert stops(facts) == ["b", "a"]
    hold.release()


def test_a_brutal_kill_abandons_a_busy_thread_at_once(system: ActorSystem, facts: Facts) -> None:
    hold = Hold()
    handle = start(system, puppet("a", shutdown=BrutalKill()))
    ref_of(handle, "a").tell(hold)
    hold.wait_reached()
    handle.terminate_child("a")
    assert facts.wait(Unstopped).child_id == "a"
    assert not facts.all(ShutdownError)
    assert handle.restart_child("a").ref is ref_of(handle, "a")
    hold.release()


def test_a_brutal_kill_of_an_idle_child_leaves_nothing_behind(system: ActorSystem, facts: Facts) -> None:
    script = Script()
    handle = start(system, puppet("a", script, shutdown=BrutalKill()))
    handle.terminate_child("a")
    assert script.hooks() == ("on_start",)
    assert not facts.all(Unstopped)


def test_requests_are_answered_while_a_child_is_slow_to_stop(system: ActorSystem, facts: Facts) -> None:
    hold = Hold()
    handle = start(system, puppet("a"), puppet("slow", Script(on_stop=hold), shutdown=Infinity()))
    asked = handle.ref.ask(TerminateChild("slow"), block=False)
    hold.wait_reached()
    assert [str(info.state) for info in handle.which_children()] == ["stopping", "running"]
    ref_of(handle, "a").tell(crash())
    facts.wait(ChildStarted, child_id="a", times=2)
    hold.release()
    asked.get(timeout=5.0)
    assert handle.count_children().active == 1


# The handle


def test_the_handle_speaks_for_every_request(system: ActorSystem) -> None:
    handle = start(system)
    spec = puppet("a", restart=Restart.TRANSIENT)
    started = handle.start_child(spec)
    assert started.ref is not None
    assert started.ref.is_alive()
    assert handle.get_childspec("a") is spec
    with pytest.raises(ChildRunning):
        handle.delete_child("a")
    handle.terminate_child("a")
    handle.terminate_child("a")
    assert handle.restart_child("a").ref is started.ref
    handle.terminate_child("a")
    handle.delete_child("a")
    with pytest.raises(ChildNotFound, match="child 'a' is not known to this supervisor"):
        handle.restart_child("a")
    with pytest.raises(ChildNotFound):
        handle.terminate_child("a")
    assert handle.count_children().specs == 0
    assert handle.which_child("a") is None


def test_start_child_gives_the_extra_info_of_the_start(system: ActorSystem) -> None:
    class Listening(Actor):
        def on_start(self) -> None:
            self.start_info = {"port": 4000}

    handle = start(system)
    assert handle.start_child(ChildSpec(id="a", start=Start(Listening))).info == {"port": 4000}


def test_a_start_that_fails_on_request_leaves_no_spec(system: ActorSystem) -> None:
    handle = start(system)
    with pytest.raises(FailedToStartChild, match="no luck"):
        handle.start_child(puppet("a", Script(on_start=crash(ValueError("no luck")))))
    assert handle.which_children() == ()


def test_a_taken_name_is_refused_with_its_holder(system: ActorSystem) -> None:
    holder = system.spawn(Puppet, options=SpawnOptions(name="taken"))
    handle = start(system)
    text = r"child 'a' is not started: the name 'taken' is held by taken \(Puppet"
    with pytest.raises(AlreadyStarted, match=text) as caught:
        handle.start_child(puppet("a", name="taken"))
    assert (caught.value.ref, caught.value.name) == (holder, "taken")
    assert handle.count_children().specs == 0


def test_a_handle_of_somebody_else_is_refused_at_once(system: ActorSystem) -> None:
    ref = system.spawn(Puppet, options=SpawnOptions(name="p"))
    text = r"^p \(Puppet .*\): expected a supervisor, got an actor of the class Puppet$"
    for handle in (SupervisorHandle, DynamicSupervisorHandle, TaskSupervisorHandle):
        with pytest.raises(NotASupervisor, match=text):
            handle(ref)
    with pytest.raises(NotASupervisor, match=text):
        SupervisorHandle.named(system, "p")


def test_whoever_is_behind_a_ref_that_does_not_say_is_found_out_by_the_first_answer(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    ref.actor_class = Actor  # as that of an actor in another process
    handle = SupervisorHandle(ref)
    calls = {
        "Children": handle.which_children,
        "NoneType": handle.stop,
        "Done": lambda: handle.terminate_child("a"),
        "Reconfigured": lambda: handle.reconfigure(SupervisorSpec()),
    }
    for kind, call in calls.items():
        with pytest.raises(NotASupervisor, match=rf"expected a supervisor, got .* where a {kind} answers ") as caught:
            call()
        assert caught.value.ref is ref


def test_an_unanswered_request_ends_with_the_supervisor(system: ActorSystem) -> None:
    hold = Hold()
    handle = start(system, puppet("a", Script(on_stop=hold), shutdown=Infinity()))
    with pytest.raises(AskTimeout):
        handle.terminate_child("a", timeout=0.01)
    waiting = handle.ref.ask(TerminateChild("a"), block=False)
    hold.wait_reached()
    handle.which_children()
    handle.ref.kill()
    with pytest.raises(ActorDeadError):
        waiting.get(timeout=5.0)
    hold.release()


@pytest.mark.parametrize("kind", [SupervisorHandle, DynamicSupervisorHandle, TaskSupervisorHandle])
def test_a_name_that_nobody_has_is_nobody_who_has_ended(system: ActorSystem, kind: Any) -> None:
    with pytest.raises(ActorDeadError, match=r"^supervisor 'nobody' not found$") as caught:
        kind.named(system, "nobody")
    assert caught.value.reason == NOPROC


# Signals


def test_an_exit_signal_from_a_child_that_lives_is_not_its_end(system: ActorSystem) -> None:
    handle = start(system, puppet("a"))
    ref = ref_of(handle, "a")
    ref.ask(lambda puppet: puppet.parent.exit(Crash("X", "x")))
    assert handle.count_children().active == 1
    assert ref.incarnation == 1


def test_exit_signals_of_strangers_are_ignored(system: ActorSystem) -> None:
    handle = start(system, puppet("a"))
    stranger = system.spawn(Puppet)
    system.link(stranger, handle.ref)
    stranger.tell(crash())
    handle.ref.exit(Crash("X", "x"))
    assert handle.count_children().active == 1


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_news_for_an_earlier_life_of_the_supervisor_does_not_reach_a_later_one(
    system: ActorSystem, facts: Facts
) -> None:
    hold = Hold()
    script = Script()
    inner = SupervisorSpec(children=[puppet("worker", script)], backoff=NO_BACKOFF, intensity=OFTEN)
    top = start(system, supervisor_child("inner", inner))
    inner_ref = ref_of(top, "inner")
    script.on_start = lambda puppet: hold() if puppet.incarnation == 2 else None
    ref_of(SupervisorHandle(inner_ref), "worker").tell(crash())
    hold.wait_reached()
    inner_ref.kill()
    facts.wait(ChildStarted, child_id="inner", times=2)
    hold.release()
    info = info_of(SupervisorHandle(inner_ref), "worker")
    assert (str(info.state), info.life) == ("running", 1)


# Description


def test_the_tree_is_described_without_waiting_for_anybody(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    hold = Hold()
    inner = SupervisorSpec(children=[puppet("busy"), puppet("idle")])
    top = start(system, puppet("a", restart=Restart.TRANSIENT), supervisor_child("inner", inner))
    busy = ref_of(SupervisorHandle(ref_of(top, "inner")), "busy")
    busy.tell(hold)
    hold.wait_reached()
    ref_of(top, "a").tell(exit_with(NORMAL))
    facts.wait(ChildTerminated, child_id="a")
    answer = top.ref.ask(DescribeTree(1.0), block=False)
    below = SupervisorHandle(ref_of(top, "inner"))
    assert ref_of(below, "idle").ask("everything before this is answered")
    clock.advance(1.0)
    tree = answer.get(timeout=5.0)
    assert [(child.child_id, child.state) for child in tree.children] == [("a", "stopped"), ("inner", "running")]
    assert tree.children[0].reason == "normal"
    leaves = tree.children[1].children
    assert [(leaf.child_id, leaf.state, leaf.uptime is None) for leaf in leaves] == [
        ("busy", "running", True),
        ("idle", "running", False),
    ]
    hold.release()


def test_a_supervisor_describes_its_children_and_their_waits(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    handle = start(system, puppet("a"), backoff=Backoff(initial=4.0, jitter="none"), name="top")
    ref_of(handle, "a").tell(crash())
    facts.wait(RestartScheduled)
    clock.advance(1.0)
    said = handle.ref.ask(Describe())
    assert (said.name, said.state, said.details["strategy"]) == ("top", "running", "one_for_one")
    [child] = said.children
    assert (child.state, child.details["next_restart_in"], child.details["restarting"]) == ("backoff", 3.0, True)
    assert child.reason.startswith("crash")


# What must not depend on how it was spawned


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_a_full_mailbox_does_not_keep_the_news_of_a_child_out(system: ActorSystem) -> None:
    start_hold, event_hold = Hold(), Hold()
    options = SpawnOptions(mailbox=MailboxOptions(maxsize=1))
    handle = SupervisorHandle(system.spawn(Supervisor, SupervisorSpec(), options=options))
    slow = handle.ref.ask(StartChild(puppet("slow", Script(on_start=start_hold))), block=False)
    start_hold.wait_reached()

    def hold_the_supervisor(_event: object) -> None:
        event_hold()

    unsubscribe = system.bus.subscribe(hold_the_supervisor, ChildStarted)
    quick = handle.ref.ask(StartChild(puppet("quick")), block=False)
    event_hold.wait_reached()
    handle.ref.tell("fills the mailbox")
    started = system.bus.collect(ActorStarted, ActorExited)
    start_hold.release()
    assert isinstance(started.get(), ActorStarted)
    event_hold.release()
    unsubscribe()
    assert slow.get(timeout=5).ref.incarnation == 1
    assert quick.get(timeout=5).ref.is_alive()
    assert ref_of(handle, "slow").is_alive()


def test_a_supervisor_that_gives_up_says_so_in_the_log(
    system: ActorSystem, facts: Facts, caplog: pytest.LogCaptureFixture
) -> None:
    handle = start(system, puppet("a"), intensity=RestartIntensity(0, 1.0), name="top")
    ref_of(handle, "a").tell(crash())
    facts.wait(ActorExited, ref=handle.ref)
    said = "top: gives up, a was one restart too many (allowed: 0 restarts in 1 s), life 1 ended with crash: "
    assert said in "".join(caplog.messages)
