"""Hooks, members, and what a handler can say."""

from __future__ import annotations

import threading

import pytest

from regrow.actors import (
    HOOKS,
    Actor,
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorSystem,
    Cause,
    ChildSpec,
    Down,
    HookFailed,
    Ignore,
    NotStarted,
    Reply,
    ReplyHandle,
    SpawnOptions,
    StartError,
    StartFailed,
    StartIgnored,
    StartTimeout,
)
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, PuppetError, Script, crash, exit_with, hang, refuse
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason, Shutdown


def spawn(system: ActorSystem, script: Script | None = None) -> ActorRef[Puppet]:
    return system.spawn(Puppet, script)


def end_by_stop(ref: ActorRef, _clock: ManualClock) -> None:
    ref.stop(block=False)


def end_by_shutdown(ref: ActorRef, _clock: ManualClock) -> None:
    ref.shutdown()


def end_by_own_exit(ref: ActorRef, _clock: ManualClock) -> None:
    ref.tell(exit_with(Shutdown("own")))


def end_by_signal(ref: ActorRef, _clock: ManualClock) -> None:
    ref.exit(Shutdown("signal"))


def end_by_link(ref: ActorRef, _clock: ManualClock) -> None:
    peer = ref.system.spawn(Puppet)
    ref.system.link(ref, peer)
    peer.tell(exit_with(Shutdown("linked")))


def end_by_tell_crash(ref: ActorRef, _clock: ManualClock) -> None:
    ref.tell(crash())


def end_by_ask_crash(ref: ActorRef, _clock: ManualClock) -> None:
    ref.ask(crash(), block=False)


def end_by_system_exit(ref: ActorRef, _clock: ManualClock) -> None:
    ref.tell(crash(SystemExit(3)))


def end_by_asked_interrupt(ref: ActorRef, _clock: ManualClock) -> None:
    ref.ask(crash(KeyboardInterrupt()), block=False)


def end_by_kill(ref: ActorRef, _clock: ManualClock) -> None:
    ref.kill()


ENDS = [
    (Cause.STOPPED, end_by_stop, NORMAL),
    (Cause.STOPPED, end_by_shutdown, SHUTDOWN),
    (Cause.EXITED, end_by_own_exit, Shutdown("own")),
    (Cause.SIGNALED, end_by_signal, Shutdown("signal")),
    (Cause.SIGNALED, end_by_link, Shutdown("linked")),
    (Cause.CRASHED, end_by_tell_crash, "PuppetError"),
    (Cause.CRASHED, end_by_ask_crash, "PuppetError"),
    (Cause.INTERRUPTED, end_by_system_exit, "SystemExit"),
    (Cause.INTERRUPTED, end_by_asked_interrupt, "KeyboardInterrupt"),
    (Cause.KILLED, end_by_kill, KILLED),
]


@pytest.mark.parametrize(("cause", "end", "reason"), ENDS)
def test_the_cause_of_an_end_decides_which_hook_runs(
    system: ActorSystem, clock: ManualClock, probe: Probe, cause: Cause, end: object, reason: object
) -> None:
    script = Script()
    ref = spawn(system, script)
    probe.monitor(ref)
    end(ref, clock)  # type: ignore[operator]
    from regrow.actors import Down

    down = probe.expect(Down)
    if isinstance(reason, str):
        assert isinstance(down.reason, Crash)
        assert down.reason.type.endswith(reason)
    else:
        assert down.reason == reason
    hook = HOOKS[cause]
    asked = ("on_stop_request",) if end in (end_by_shutdown, end_by_stop) else ()
    assert script.hooks() == ("on_start", *asked, *([hook] if hook else []))


STARTS = [
    (Cause.START_FAILED, crash(ValueError("no")), ValueError),
    (Cause.START_FAILED, crash(SystemExit(1)), StartError),
    (Cause.DECLINED, crash(Ignore()), StartIgnored),
    (Cause.DECLINED, exit_with(SHUTDOWN), StartError),
    (Cause.KILLED, lambda puppet: puppet.ref.kill(), StartError),
]


@pytest.mark.parametrize(("cause", "command", "error"), STARTS)
def test_a_start_that_does_not_come_to_ready_raises_in_spawn_and_runs_its_hook(
    system: ActorSystem, cause: Cause, command: object, error: type[Exception]
) -> None:
    script = Script(on_start=command)  # type: ignore[arg-type]
    with pytest.raises(error) as caught:
        spawn(system, script)
    assert type(caught.value) is error
    hook = HOOKS[cause]
    assert script.hooks() == ("on_start", *([hook] if hook else []))


def test_an_error_in_the_constructor_is_a_start_failure(system: ActorSystem) -> None:
    class Broken(Actor):
        def __init__(self) -> None:
            raise LookupError("in __init__")

    with pytest.raises(LookupError, match="in __init__"):
        system.spawn(Broken)


def test_every_cause_has_a_row_in_the_table_of_hooks() -> None:
    assert set(HOOKS) == set(Cause)
    assert {cause for cause, *_ in [*ENDS, *STARTS]} == set(Cause)  # and each is tried above


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_a_start_that_takes_too_long_is_abandoned(system: ActorSystem, clock: ManualClock, probe: Probe) -> None:
    hold = Hold()
    script = Script(on_start=hang(hold))
    spec = ChildSpec(id="slow", start=script.start, start_timeout=2.0)
    ref = system.begin(spec, parent=probe.ref, ref=None, on_outcome=probe.outcome)
    hold.wait_reached()
    clock.advance(1.9)
    probe.expect_nothing()
    clock.advance(0.2)
    failed = probe.expect(StartFailed)
    assert isinstance(failed.error, StartTimeout)
    assert failed.ref is ref
    assert not ref.is_alive()
    assert system.abandoned.refs() == (ref,)
    hold.release()
    probe.expect_nothing()


def test_an_error_in_on_stop_becomes_the_reason(system: ActorSystem, probe: Probe) -> None:
    ref = spawn(system, Script(on_stop=crash(ValueError("cleanup"))))
    exits = system.bus.collect(ActorExited)
    ref.stop()
    event = exits.get()
    assert isinstance(event, ActorExited)
    assert isinstance(event.reason, Crash)
    assert event.reason.type == "ValueError"


def test_an_error_in_on_failure_is_an_event_and_the_first_reason_stays(system: ActorSystem) -> None:
    ref = spawn(system, Script(on_failure=crash(ValueError("cleanup"))))
    events = system.bus.collect(HookFailed, ActorExited)
    with pytest.raises(PuppetError):
        ref.ask(crash())
    failed, exited = events.get(), events.get()
    assert isinstance(failed, HookFailed)
    assert isinstance(failed.reason, Crash)
    assert isinstance(exited, ActorExited)
    assert isinstance(exited.reason, Crash)
    assert (failed.reason.type, exited.reason.text) == ("ValueError", "told to crash")


def test_the_traceback_of_a_crash_begins_in_the_actors_own_code(system: ActorSystem, probe: Probe) -> None:
    ref = spawn(system)
    probe.monitor(ref)
    with pytest.raises(PuppetError) as raised:
        ref.ask(crash())
    assert not any(entry.path.name == "turn.py" for entry in raised.traceback)
    reason = probe.expect(Down).reason
    assert isinstance(reason, Crash)
    assert "turn.py" not in reason.traceback
    assert "in on_receive" in reason.traceback


def test_on_stop_request_may_put_the_end_off(system: ActorSystem, probe: Probe) -> None:
    ref = spawn(system, Script(on_stop_request=lambda _puppet: None))
    ref.shutdown(Shutdown("later"), deadline=7.0)
    probe.sync(ref)
    assert ref.ask(lambda puppet: puppet.stop_deadline) == 7.0
    ref.ask(exit_with(NORMAL), block=False)


@pytest.mark.parametrize("error", [ValueError("refused"), KeyError("x")])
def test_reply_answers_an_error_and_the_actor_lives(system: ActorSystem, error: Exception) -> None:
    ref = spawn(system)
    with pytest.raises(type(error)):
        ref.ask(refuse(error))
    with pytest.raises(type(error)):
        ref.ask(lambda _puppet: Reply(error))
    assert ref.ask("alive") == "alive"


def test_reply_to_a_tell_is_nothing(system: ActorSystem) -> None:
    ref = spawn(system)
    ref.tell(refuse(ValueError("nobody hears")))
    assert ref.ask("alive") == "alive"


def test_reply_can_carry_a_plain_value(system: ActorSystem) -> None:
    assert spawn(system).ask(lambda _puppet: Reply(5)) == 5


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_continue_with_goes_before_everything_that_waits(system: ActorSystem) -> None:
    ref = spawn(system)
    hold = Hold()

    def command(puppet: Puppet) -> None:
        hold(puppet)
        puppet.continue_with("first")
        puppet.continue_with("second")

    ref.tell(command)
    hold.wait_reached()
    ref.tell("queued")
    hold.release()
    assert ref.ask(lambda puppet: list(puppet.seen)) == ["first", "second", "queued"]


def test_a_request_to_stop_goes_before_messages_that_wait(system: ActorSystem) -> None:
    script = Script()
    ref = spawn(system, script)
    hold = Hold()
    ref.tell(hang(hold))
    hold.wait_reached()
    waiting = ref.ask("waits", block=False)
    ref.shutdown()
    hold.release()
    with pytest.raises(ActorDeadError) as caught:
        waiting.get(timeout=5)
    assert caught.value.reason == SHUTDOWN


def test_a_deferred_reply_is_answered_later_by_any_thread(system: ActorSystem) -> None:
    ref = spawn(system)
    handles: list[ReplyHandle] = []
    future = ref.ask(lambda puppet: handles.append(puppet.defer_reply()), block=False)
    assert ref.ask("next") == "next"
    assert handles[0].wanted
    thread = threading.Thread(target=handles[0].set, args=("late",))
    thread.start()
    thread.join()
    assert future.get(timeout=5) == "late"
    assert not handles[0].set("twice")


def test_a_deferred_reply_can_fail(system: ActorSystem) -> None:
    ref = spawn(system)
    handle: ReplyHandle
    handles: list[ReplyHandle] = []
    future = ref.ask(lambda puppet: handles.append(puppet.defer_reply()), block=False)
    ref.ask("sync")
    (handle,) = handles
    assert handle.fail(ValueError("late"))
    with pytest.raises(ValueError, match="late"):
        future.get(timeout=5)


@pytest.mark.parametrize("end", [end_by_stop, end_by_kill, end_by_tell_crash])
def test_a_deferred_reply_fails_when_the_actor_ends_first(system: ActorSystem, clock: ManualClock, end: object) -> None:
    ref = spawn(system)
    future = ref.ask(lambda puppet: puppet.defer_reply() and None, block=False)
    ref.ask("sync")
    end(ref, clock)  # type: ignore[operator]
    with pytest.raises(ActorDeadError):
        future.get(timeout=5)


def test_a_deferred_reply_to_a_tell_is_wanted_by_nobody(system: ActorSystem) -> None:
    ref = spawn(system)
    handles: list[ReplyHandle] = []
    ref.tell(lambda puppet: handles.append(puppet.defer_reply()))
    ref.ask("sync")
    assert not handles[0].wanted
    assert not handles[0].set(1)


def test_members_work_in_the_constructor_without_super(system: ActorSystem) -> None:
    class Early(Actor):
        def __init__(self) -> None:
            self.at_birth = (self.name, self.incarnation, self.system.name, self.parent)

    ref = system.spawn(Early, options=SpawnOptions(name="early"))
    assert ref.proxy().at_birth.get() == ("early", 1, "test", None)


@pytest.mark.dispatchers("thread")
def test_code_of_an_actor_runs_on_its_own_thread(system: ActorSystem) -> None:
    class Where(Actor):
        def __init__(self) -> None:
            self.threads = [threading.current_thread().name]

        def on_start(self) -> None:
            self.threads.append(threading.current_thread().name)

        def on_receive(self, _message: object) -> list[str]:
            return [*self.threads, threading.current_thread().name]

    assert set(system.spawn(Where).ask("where")) == {"regrow-Where"}


def test_an_actor_made_by_hand_says_that_it_has_no_life() -> None:
    with pytest.raises(NotStarted, match="Puppet has no life"):
        _ = Puppet().ref


def test_start_info_reaches_the_starter(system: ActorSystem, probe: Probe) -> None:
    from regrow.actors import Started

    def note(puppet: Puppet) -> None:
        puppet.start_info = {"port": 80}

    spec = ChildSpec(id="x", start=Script(on_start=note).start)
    system.begin(spec, parent=None, ref=None, on_outcome=probe.outcome)
    assert probe.expect(Started).info == {"port": 80}


def test_stop_from_inside_ends_after_what_waits(system: ActorSystem, probe: Probe) -> None:
    from regrow.actors import Down

    ref = spawn(system)
    probe.monitor(ref)
    ref.ask(lambda puppet: puppet.stop())
    assert probe.expect(Down).reason == NORMAL


def test_exit_with_any_reason_is_announced_as_it_is(system: ActorSystem, probe: Probe) -> None:
    from regrow.actors import Down

    reasons: list[ExitReason] = [NORMAL, SHUTDOWN, Shutdown("x"), Crash("T", "t")]
    for reason in reasons:
        ref = spawn(system)
        probe.monitor(ref)
        ref.tell(exit_with(reason))
        assert probe.expect(Down).reason == reason


def test_the_asker_of_one_that_exits_gets_the_reason(system: ActorSystem) -> None:
    with pytest.raises(ActorDeadError) as caught:
        spawn(system).ask(exit_with(Shutdown("bye")), timeout=5)
    assert caught.value.reason == Shutdown("bye")
