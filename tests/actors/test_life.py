"""Kills, abandoned threads, and restarts behind a stable ref."""

from __future__ import annotations

import threading

import pytest

from regrow.actors import (
    AbandonedEnded,
    ActorAbandoned,
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorStarted,
    ActorSystem,
    AskFuture,
    CallbackFailed,
    ChildSpec,
    DeadLetter,
    Down,
    Exit,
    Ignore,
    Ignored,
    Started,
    StartFailed,
    StartHandle,
)
from regrow.actors.ending import ORPHAN_SECONDS
from regrow.actors.life import Life
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, PuppetError, Script, crash, hang, kill_self
from regrow.protocol.exits import KILLED, SHUTDOWN, Crash, Killed, Shutdown


def begin(system: ActorSystem, probe: Probe, script: Script, ref: ActorRef | None = None) -> ActorRef:
    spec = ChildSpec(id="child", start=script.start, name="child")
    return system.begin(spec, parent=probe.ref, ref=ref, on_outcome=probe.outcome)


def test_an_idle_actor_is_gone_when_kill_returns(system: ActorSystem) -> None:
    script = Script()
    ref = system.spawn(Puppet, script)
    ref.ask("sync")
    exits = system.bus.collect(ActorExited, ActorAbandoned)
    ref.kill()
    assert [event.reason for event in exits.drain() if isinstance(event, ActorExited)] == [KILLED]
    assert not ref.is_alive()
    assert script.hooks() == ("on_start",)


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_a_busy_actor_is_abandoned_fenced_and_reported_until_it_ends(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    other = system.spawn(Puppet)
    ref = system.spawn(Puppet)
    events = system.bus.collect(ActorExited, ActorAbandoned, AbandonedEnded)
    reached: list[str] = []

    def command(puppet: Puppet) -> str:
        hold(puppet)
        try:
            other.tell("from beyond")
        finally:
            reached.append("fence")
        return "answer"

    answer = ref.ask(command, block=False)
    queued = ref.ask("queued", block=False)
    hold.wait_reached()
    ref.kill()
    for future in (answer, queued):
        with pytest.raises(ActorDeadError) as caught:
            future.get(timeout=5)
        assert caught.value.reason == KILLED
    assert isinstance(events.get(), ActorExited)
    assert isinstance(events.get(), ActorAbandoned)
    assert system.abandoned.refs() == (ref,)
    hold.release()
    assert isinstance(events.get(), AbandonedEnded)
    assert system.abandoned.refs() == ()
    assert reached == ["fence"]
    assert other.ask(lambda puppet: list(puppet.seen)) == []


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_a_kill_reaches_a_thread_that_waits_for_an_answer(system: ActorSystem) -> None:
    hold = Hold()
    slow, waiting = system.spawn(Puppet), system.spawn(Puppet)
    events = system.bus.collect(AbandonedEnded)
    after: list[str] = []

    def wait_for_slow(_puppet: Puppet) -> None:
        slow.ask(hang(hold))
        after.append("went on")

    waiting.tell(wait_for_slow)
    hold.wait_reached()
    cell = waiting.cell
    assert isinstance(cell, Life)
    for _ in range(5000):  # it has asked; now it is to wait
        if cell.waiting_at is not None:
            break
        threading.Event().wait(0.001)
    waiting.kill()
    assert isinstance(events.get(), AbandonedEnded)
    assert after == []
    hold.release()


def test_a_kill_by_itself_ends_it_without_a_hook(system: ActorSystem, probe: Probe) -> None:
    script = Script()
    ref = system.spawn(Puppet, script)
    probe.monitor(ref)
    ref.tell(kill_self)
    assert probe.expect(Down).reason == KILLED
    assert script.hooks() == ("on_start",)
    assert system.abandoned.refs() == ()


@pytest.mark.parametrize("hook", ["on_stop", "on_failure"])
def test_a_kill_ends_one_that_hangs_in_its_hook(system: ActorSystem, probe: Probe, hook: str) -> None:
    hold = Hold()
    ref = system.spawn(Puppet, Script(**{hook: hang(hold)}))  # type: ignore[arg-type]
    probe.monitor(ref)
    if hook == "on_stop":
        ref.shutdown(SHUTDOWN)
    else:
        ref.tell(crash())
    hold.wait_reached()
    ref.kill()
    assert probe.expect(Down).reason == KILLED
    hold.release()
    probe.expect_nothing()


def test_a_kill_during_the_start_is_the_outcome(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    ref = begin(system, probe, Script(on_start=hang(hold)))
    hold.wait_reached()
    ref.kill()
    failed = probe.expect(StartFailed)
    assert (failed.ref, failed.reason) == (ref, KILLED)
    hold.release()
    probe.expect_nothing()


def test_a_kill_while_the_starter_is_told_comes_after_started(system: ActorSystem, probe: Probe) -> None:
    order: list[object] = []

    def outcome(outcome: object) -> None:
        assert isinstance(outcome, Started)
        outcome.ref.kill()
        order.append(type(outcome))
        probe.ref.tell("told")

    system.bus.subscribe(lambda event: order.append(type(event)), ActorExited)
    spec = ChildSpec(id="child", start=Script().start)
    system.begin(spec, parent=probe.ref, ref=None, on_outcome=outcome)
    probe.fish(Exit)
    assert order == [Started, ActorExited]


def test_a_ref_survives_its_lives(system: ActorSystem, probe: Probe) -> None:
    script = Script()
    ref = begin(system, probe, script)
    probe.expect(Started)
    proxy = ref.proxy()
    assert proxy.incarnation.get(timeout=5) == 1
    with pytest.raises(PuppetError):
        ref.ask(crash())
    assert probe.expect(Exit).incarnation == 1
    letters = system.bus.collect(DeadLetter)
    with pytest.raises(ActorDeadError):
        ref.tell("between")
    with pytest.raises(ActorDeadError):
        ref.ask("between", timeout=5)
    assert [event.message for event in letters.drain() if isinstance(event, DeadLetter)] == ["between"]
    assert system.whereis("child") is None
    assert begin(system, probe, script, ref) is ref
    assert probe.expect(Started).incarnation == 2
    assert (ref.incarnation, proxy.incarnation.get(timeout=5)) == (2, 2)
    assert system.whereis("child") is ref


def test_a_message_to_one_that_starts_waits_for_it(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    ref = begin(system, probe, Script(on_start=hang(hold)))
    hold.wait_reached()
    answer = ref.ask("early", block=False)
    hold.release()
    assert answer.get(timeout=5) == "early"


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_messages_to_one_whose_start_fails_are_answered(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()

    def fail(puppet: Puppet) -> None:
        hold(puppet)
        raise ValueError("start")

    ref = begin(system, probe, Script(on_start=fail))
    hold.wait_reached()
    letters = system.bus.collect(DeadLetter)
    answer = ref.ask("early", block=False)
    ref.tell("told")
    hold.release()
    with pytest.raises(ActorDeadError) as caught:
        answer.get(timeout=5)
    assert isinstance(caught.value.reason, Crash)
    letter = letters.get()
    assert isinstance(letter, DeadLetter)
    assert letter.message == "told"


def test_ignore_is_an_outcome_and_no_exit(system: ActorSystem, probe: Probe) -> None:
    ref = begin(system, probe, Script(on_start=crash(Ignore())))
    assert probe.expect(Ignored).ref is ref
    assert system.whereis("child") is None
    probe.expect_nothing()


def test_a_second_life_beside_a_first_is_refused(system: ActorSystem, probe: Probe) -> None:
    ref = begin(system, probe, Script())
    probe.expect(Started)
    with pytest.raises(ValueError, match="last life has ended"):
        begin(system, probe, Script(), ref)


def test_the_next_life_can_begin_while_the_thread_of_the_last_runs_on(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    script = Script()
    ref = begin(system, probe, script)
    probe.expect(Started)
    ref.tell(hang(hold))
    hold.wait_reached()
    ref.kill()
    probe.expect(Exit)
    begin(system, probe, script, ref)
    assert probe.expect(Started).incarnation == 2
    assert ref.ask("new") == "new"
    hold.release()
    assert ref.ask("still") == "still"


def test_a_timer_of_an_old_life_says_nothing_to_the_new_one(
    system: ActorSystem, probe: Probe, clock: ManualClock
) -> None:
    script = Script()
    ref = begin(system, probe, script)
    probe.expect(Started)
    ref.ask(lambda puppet: puppet.send_after(1.0, "old") and None)
    ref.tell(crash())
    probe.expect(Exit)
    begin(system, probe, script, ref)
    probe.expect(Started)
    letters = system.bus.collect(DeadLetter)
    clock.advance(2.0)
    assert ref.ask(lambda puppet: list(puppet.seen)) == []
    assert letters.drain() == ()


def test_each_life_is_started_and_exited_once(system: ActorSystem, probe: Probe) -> None:
    events = system.bus.collect(ActorStarted, ActorExited)
    script = Script()
    ref: ActorRef | None = None
    for _ in range(3):
        ref = begin(system, probe, script, ref)
        probe.expect(Started)
        ref.tell(crash())
        probe.expect(Exit)
    kinds = [(type(event), event.incarnation) for event in events.drain()]  # type: ignore[attr-defined]
    assert kinds == [(kind, life) for life in (1, 2, 3) for kind in (ActorStarted, ActorExited)]


def deferring(script_handles: list[StartHandle]) -> Script:
    return Script(on_start=lambda puppet: script_handles.append(puppet.defer_start()))


def test_a_deferred_start_is_ready_when_it_says_so_and_handles_messages_before(
    system: ActorSystem, probe: Probe
) -> None:
    handles: list[StartHandle] = []
    ref = begin(system, probe, deferring(handles))
    assert ref.ask("early", timeout=5) == "early"
    probe.expect_nothing()
    ref.tell(lambda _puppet: handles[0].ready("info"))
    assert probe.expect(Started).info == "info"
    ref.tell(lambda _puppet: handles[0].ready("again"))
    probe.sync(ref)
    probe.expect_nothing()


@pytest.mark.parametrize("end", ["fail", "end", "crash", "kill", "time"])
def test_a_deferred_start_that_ends_before_it_is_ready_has_failed(
    system: ActorSystem, probe: Probe, clock: ManualClock, end: str
) -> None:
    handles: list[StartHandle] = []
    ref = begin(system, probe, deferring(handles))
    probe.sync(ref)
    match end:
        case "fail":
            ref.tell(lambda _puppet: handles[0].fail(ValueError("later")))
        case "end":
            ref.tell(lambda _puppet: handles[0].end(SHUTDOWN))
        case "crash":
            ref.tell(crash())
        case "kill":
            ref.kill()
        case "time":
            clock.advance(10.0)
    failed = probe.expect(StartFailed)
    kinds = {"fail": Crash, "end": Shutdown, "crash": Crash, "kill": Killed, "time": Crash}
    assert isinstance(failed.reason, kinds[end])
    probe.expect_nothing()


def test_what_was_to_be_continued_is_not_lost_silently(system: ActorSystem) -> None:
    letters = system.bus.collect(DeadLetter)
    ref = system.spawn(Puppet)

    def command(puppet: Puppet) -> None:
        puppet.continue_with("never")
        puppet.exit(SHUTDOWN)

    with pytest.raises(ActorDeadError):
        ref.ask(command)
    letter = letters.get()
    assert isinstance(letter, DeadLetter)
    assert letter.message == "never"


def test_a_kill_from_the_moment_of_begin_on_is_never_lost_or_doubled(system: ActorSystem) -> None:
    outcomes: list[object] = []
    exits = system.bus.collect(ActorExited)
    ref: ActorRef = system.begin(
        ChildSpec(id="c", start=Script().start), parent=None, ref=None, on_outcome=outcomes.append
    )
    stop = threading.Event()

    def killer() -> None:
        while not stop.is_set():
            ref.kill()

    thread = threading.Thread(target=killer)
    thread.start()
    lives = 200
    for life in range(2, lives + 1):
        while system.relations.is_living(ref) or len(outcomes) < life - 1:
            ref.kill()
        system.begin(ChildSpec(id="c", start=Script().start), parent=None, ref=ref, on_outcome=outcomes.append)
    stop.set()
    thread.join(5)
    ref.kill()
    assert len(outcomes) == lives
    assert len(exits) == lives
    assert not system.relations.is_living(ref)


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
@pytest.mark.parametrize("call", ["tell", "ask", "wait", "exit", "spawn"])
def test_the_fence_stops_every_way_out_of_an_abandoned_life(system: ActorSystem, probe: Probe, call: str) -> None:
    hold = Hold()
    other, ref = system.spawn(Puppet), system.spawn(Puppet)
    ended = system.bus.collect(AbandonedEnded)
    after: list[str] = []

    def command(puppet: Puppet) -> None:
        question = other.ask("before", block=False)
        hold(puppet)
        match call:
            case "tell":
                other.tell("beyond")
            case "ask":
                other.ask("beyond", block=False)
            case "wait":
                AskFuture[int]().get()
            case "exit":
                other.exit(SHUTDOWN)
            case "spawn":
                Puppet.start()
        after.append(f"went on with {question}")

    ref.tell(command)
    hold.wait_reached()
    ref.kill()
    hold.release()
    ended.get()
    assert after == []
    assert other.ask(lambda puppet: list(puppet.seen)) == ["before"]
    assert system.roots == (probe.ref, other)


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_whom_an_abandoned_life_kills_is_announced_to_all(system: ActorSystem, probe: Probe) -> None:
    hold = Hold()
    log, victim, ref = system.spawn(Puppet), system.spawn(Puppet), system.spawn(Puppet)
    unsubscribe = system.bus.subscribe(lambda event: log.tell(event), ActorExited)  # sends, on the killer's thread
    probe.monitor(victim)

    def command(puppet: Puppet) -> None:
        hold(puppet)
        victim.kill()

    ref.tell(command)
    hold.wait_reached()
    ref.kill()
    hold.release()
    assert probe.expect(Down).ref is victim
    unsubscribe()


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_an_abandoned_life_gets_no_monitor_that_nobody_would_take_back(system: ActorSystem) -> None:
    hold = Hold()
    other, ref = system.spawn(Puppet), system.spawn(Puppet)
    ended = system.bus.collect(AbandonedEnded)

    def command(puppet: Puppet) -> None:
        hold(puppet)
        puppet.monitor(other)

    ref.tell(command)
    hold.wait_reached()
    ref.kill()
    hold.release()
    ended.get()
    assert len(system.relations._monitors) == 0


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise SystemExit("in __str__")


def test_an_error_that_cannot_be_told_is_answered_all_the_same(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    with pytest.raises(Unspeakable):
        ref.ask(crash(Unspeakable()), timeout=5)
    assert not ref.is_alive()


def test_an_asker_is_answered_also_after_a_mistake_of_the_runtime(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise ZeroDivisionError

    seen = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _args: seen.set())
    monkeypatch.setattr("regrow.actors.turn._end", broken)
    ref = system.spawn(Puppet)
    with pytest.raises(ActorDeadError):
        ref.ask(crash(), timeout=5)
    assert seen.wait(5)


@pytest.mark.parametrize("traps", [False, True])
def test_a_child_that_hangs_does_not_outlive_its_parent_for_long(
    system: ActorSystem, clock: ManualClock, probe: Probe, traps: bool
) -> None:
    hold = Hold()
    parent = system.spawn(Puppet)
    spec = ChildSpec(id="child", start=Script(trap_exit=traps).start, name="child")
    child = system.begin(spec, parent=parent, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    probe.monitor(child)
    child.tell(hang(hold))
    hold.wait_reached()
    parent.kill()
    clock.advance(ORPHAN_SECONDS - 0.1)
    probe.expect_nothing()
    clock.advance(0.2)
    assert probe.expect(Down).reason == KILLED
    assert system.whereis("child") is None
    hold.release()


def test_a_trapping_child_that_has_heard_takes_its_time(system: ActorSystem, clock: ManualClock, probe: Probe) -> None:
    parent = system.spawn(Puppet)
    script = Script(trap_exit=True, on_stop_request=lambda _puppet: None)
    child = system.begin(ChildSpec(id="child", start=script.start), parent=parent, ref=None, on_outcome=probe.outcome)
    probe.expect(Started)
    parent.kill()
    script.wait_for("on_stop_request")
    clock.advance(ORPHAN_SECONDS * 2)
    assert child.ask("still there", timeout=5) == "still there"


@pytest.mark.parametrize("then", ["exit", "kill"])
def test_stop_waits_for_one_with_work_to_finish(system: ActorSystem, then: str) -> None:
    ref = system.spawn(Puppet, Script(on_stop_request=lambda _puppet: None))
    stopped = ref.stop(block=False)
    assert ref.ask("still here") == "still here"
    if then == "exit":
        ref.tell(lambda puppet: puppet.exit(SHUTDOWN))
    else:
        ref.kill()
    assert stopped.get(timeout=5) is True


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
@pytest.mark.parametrize("error", [ActorDeadError("nobody"), RuntimeError("bad listener")])
def test_a_listener_of_a_start_that_raises_does_not_reach_whoever_kills_the_life(
    system: ActorSystem, error: Exception
) -> None:
    hold = Hold()

    def on_outcome(_outcome: object) -> None:
        raise error

    failures = system.bus.collect(CallbackFailed)
    spec = ChildSpec(id="child", start=Script(on_start=hang(hold)).start)
    ref = system.begin(spec, parent=None, ref=None, on_outcome=on_outcome)
    hold.wait_reached()
    ref.kill()
    assert not ref.is_alive()
    assert len(failures.drain()) == (0 if isinstance(error, ActorDeadError) else 1)
    ended = system.bus.collect(AbandonedEnded)
    hold.release()
    ended.get(timeout=5)
