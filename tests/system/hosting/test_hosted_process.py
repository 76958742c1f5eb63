"""Hosted processes: messages both ways, every way to die, links, monitors and refs across the boundary."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from hosted_actors import Order, Puppet, puppet_start
from hosting_bench import WAIT, Bench, settle, stop_process

from regrow.actors import (
    ActorDeadError,
    ActorExited,
    AskTimeout,
    ChildSpec,
    DeadLetter,
    Describe,
    Description,
    Down,
    Exit,
    Ignored,
    Isolation,
    Limits,
    LogReceived,
    NameTaken,
    OutputCaptured,
    Start,
    Started,
    StartFailed,
    StartTimeout,
)
from regrow.actors.hosting import BlackBoxState, HostedRef, HostingWarning, LogsLost, OutboxFull
from regrow.protocol.errors import CodecError
from regrow.protocol.exits import KILLED, NOPROC, NORMAL, SHUTDOWN, Crash, ExitStatus, Hang, Shutdown, Signaled
from regrow.protocol.limits import FRAME_MAX_BYTES
from regrow.protocol.remote_error import RemoteError


def end_of(bench: Bench, ref: HostedRef) -> ActorExited:
    return bench.events.wait(ActorExited, lambda event: event.ref is ref)


# Messages.


def test_tell_and_ask_reach_the_root_and_values_come_back_as_they_were(bench: Bench) -> None:
    ref = bench.start()
    assert ref.ask(Order("echo", {"a": [1, (2, b"3")]}), timeout=WAIT) == {"a": [1, (2, b"3")]}
    assert ref.ask(Order("set"), timeout=WAIT) == ({1, 2}, (3, 4))
    inbox_ref, inbox = bench.mailbox()
    ref.tell(Order("tell", (inbox_ref, "hello home")))
    assert inbox.get(timeout=WAIT) == "hello home"


def test_messages_keep_their_order(bench: Bench) -> None:
    ref = bench.start()
    inbox_ref, inbox = bench.mailbox()
    for number in range(500):
        ref.tell(Order("tell", (inbox_ref, number)))
    assert [inbox.get(timeout=WAIT) for _ in range(500)] == list(range(500))


def test_what_one_that_does_not_read_is_told_shares_frames(bench: Bench) -> None:
    ref = bench.start()
    inbox_ref, inbox = bench.mailbox()
    process = ref.process
    assert process is not None
    assert ref.pid is not None
    stop_process(ref.pid)
    for number in range(20_000):
        ref.tell(Order("tell", (inbox_ref, number)))
    waiting = process._link.protocol._ordered
    assert 0 < len(waiting) < 20_000 / 50
    os.kill(ref.pid, signal.SIGCONT)
    assert [inbox.get(timeout=WAIT) for _ in range(20_000)] == list(range(20_000))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_how_far_it_is_can_be_seen_without_asking_it(bench: Bench) -> None:
    ref = bench.start()
    assert ref.ask("ready", timeout=WAIT) == "ready"
    assert ref.pid is not None
    stop_process(ref.pid)
    for number in range(1_000):
        ref.tell(number)
    settle(lambda: ref.load() == 1_000)  # one that is just being written may be missed
    os.kill(ref.pid, signal.SIGCONT)
    assert ref.ask("done", timeout=WAIT) == "done"
    settle(lambda: ref.load() == 0)
    ref.kill()
    end_of(bench, ref)
    assert ref.load() == 0


def test_a_burst_arrives_whole_and_in_order_whatever_is_in_it(bench: Bench) -> None:
    ref = bench.start()
    inbox_ref, inbox = bench.mailbox()
    said: list[object] = [number if number % 3 else (number, {number}, "x" * (number % 700)) for number in range(3_000)]
    for value in said:
        ref.tell(Order("tell", (inbox_ref, value)))
    assert [inbox.get(timeout=WAIT) for _ in said] == said


def test_who_is_killed_refuses_what_is_told_from_then_on_and_says_so(bench: Bench) -> None:
    ref = bench.start()
    ref.tell("heard")
    ref.kill()
    with pytest.raises(ActorDeadError):
        ref.tell("too late")
    assert bench.events.wait(DeadLetter).message == "too late"
    end_of(bench, ref)
    with pytest.raises(ActorDeadError):
        ref.tell("far too late")


def test_a_large_message_goes_both_ways(bench: Bench) -> None:
    ref = bench.start()
    body = os.urandom(5_000_000)
    assert ref.ask(Order("echo", body), timeout=WAIT) == body


def test_what_cannot_be_said_is_an_error_at_the_call_that_names_the_path(bench: Bench) -> None:
    ref = bench.start()
    with pytest.raises(CodecError, match="jobs"):
        ref.tell({"jobs": [print]})
    with pytest.raises(CodecError, match="jobs"):
        ref.ask({"jobs": [print]}, timeout=WAIT)
    assert ref.ask("still here", timeout=WAIT) == "still here"


def test_an_answer_that_cannot_be_said_fails_the_ask(bench: Bench) -> None:
    ref = bench.start()
    with pytest.raises(RemoteError, match="CodecError"):
        ref.ask(Order("unencodable"), timeout=WAIT)
    assert ref.ask("still here", timeout=WAIT) == "still here"


def test_an_answer_that_is_too_large_fails_the_ask(bench: Bench) -> None:
    ref = bench.start()
    with pytest.raises(RemoteError, match="FrameTooLarge"):
        ref.ask(Order("bytes", FRAME_MAX_BYTES + 1), timeout=WAIT)
    assert ref.ask("still here", timeout=WAIT) == "still here"


def test_start_arguments_that_cannot_be_said_fail_the_start(bench: Bench) -> None:
    outcome = bench.outcome(print)
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, CodecError)


def test_a_late_answer_is_dropped(bench: Bench) -> None:
    ref = bench.start()
    with pytest.raises(AskTimeout):
        ref.ask(Order("sleep", 0.3), timeout=0.05)
    assert ref.ask(Order("echo", "next"), timeout=WAIT) == "next"


def test_the_root_is_described_through_the_boundary(bench: Bench) -> None:
    said = bench.start().ask(Describe(), timeout=WAIT)
    assert isinstance(said, Description)
    assert said.kind == "hosted_actors.Puppet"


def test_messages_sent_before_the_process_is_ready_wait_for_it(bench: Bench) -> None:
    outcomes = bench.begin(bench.spec())
    ref = bench.system.relations.living()[0]
    answer = ref.ask(Order("echo", 1), block=False)
    assert answer.get(timeout=WAIT) == 1
    assert isinstance(outcomes.get(timeout=WAIT), Started)


def test_an_outbox_over_its_bound_refuses_messages_but_not_the_stop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = bench.start()
    assert ref.process is not None
    ref.process._link._limit_bytes = 1_000_000
    assert ref.pid is not None
    stop_process(ref.pid)
    with pytest.raises(OutboxFull):
        for _ in range(100):
            ref.tell(b"x" * 100_000)
    ref.kill()
    assert end_of(bench, ref).reason == KILLED


# Starts.


def test_a_start_gives_its_info_and_the_child_knows_who_it_is(bench: Bench) -> None:
    outcome = bench.outcome("one", 2)
    assert isinstance(outcome, Started)
    ref = outcome.ref
    assert isinstance(ref, HostedRef)
    assert outcome.info == {"pid": ref.pid}
    facts = ref.ask(Order("facts"), timeout=WAIT)
    assert facts["args"] == ("one", 2)
    assert facts["urn"] == ref.urn
    assert facts["name"] == "puppet"
    assert facts["sid"] == ref.pid != os.getsid(0)


def test_the_child_has_the_parents_directory_search_path_and_environment(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bench.start().ask(Order("facts"), timeout=WAIT)  # a zygote is born with the environment of before
    assert before["malloc"] is None  # what a zygote is started with is its own affair
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    monkeypatch.setenv("HOSTED_TEST", "yes")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.syspath_prepend(str(tmp_path))
    facts = bench.start().ask(Order("facts"), timeout=WAIT)
    assert facts["cwd"] == str(tmp_path)
    assert (facts["env"], facts["malloc"]) == ("yes", "1000000")
    assert facts["pythonpath"] == "/nowhere"
    assert facts["path"][0] == str(tmp_path)


def test_the_child_has_no_descriptors_of_its_siblings(bench: Bench) -> None:
    first = bench.start().ask(Order("facts"), timeout=WAIT)["fds"]
    for _ in range(3):
        bench.start()
    assert len(bench.start().ask(Order("facts"), timeout=WAIT)["fds"]) == len(first)


@pytest.mark.parametrize("target", ["hosted_actors:Puppet", puppet_start, "hosted_actors:puppet_start"])
def test_a_target_may_be_a_path_or_a_function_that_gives_a_start(bench: Bench, target: object) -> None:
    assert bench.start(target=target).ask(Order("echo", 5), timeout=WAIT) == 5


def test_an_error_in_on_start_is_the_outcome_and_nothing_is_left(bench: Bench) -> None:
    parent, inbox = bench.mailbox(trap=True)
    outcome = bench.outcome("fail", parent=parent)
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.reason, Crash)
    assert outcome.reason.type == "ValueError"
    assert "cannot start" in outcome.reason.traceback
    assert inbox.empty()
    assert not outcome.ref.is_alive()


def test_a_start_that_declines_is_ignored(bench: Bench) -> None:
    assert isinstance(bench.outcome("ignore"), Ignored)


def test_a_process_that_dies_in_its_start_is_a_failed_start_with_its_status(bench: Bench) -> None:
    outcome = bench.outcome("exit")
    assert isinstance(outcome, StartFailed)
    assert outcome.reason == ExitStatus(7)


def test_a_start_that_takes_too_long_is_killed(bench: Bench) -> None:
    bench.start()
    outcome = bench.outcome("hang", start_timeout=2.0)
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, StartTimeout)
    assert outcome.report is not None
    assert outcome.report.stack_dump is not None
    assert "on_start" in outcome.report.stack_dump  # where it hung
    assert outcome.report.stderr_tail == ()


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (lambda: None, "lambda"),
        ("no_such_module:Thing", "no_such_module"),
        ("hosted_actors:Nothing", "has no 'Nothing'"),
        ("hosted_actors:not_callable", "expected an Actor class"),
    ],
)
def test_what_cannot_be_imported_is_a_failed_start_that_says_why(bench: Bench, target: object, why: str) -> None:
    outcome = bench.outcome(target=target)
    assert isinstance(outcome, StartFailed)
    assert why in str(outcome.reason)


def test_a_name_that_is_taken_is_a_failed_start(bench: Bench) -> None:
    bench.system.registry.register("puppet", bench.mailbox()[0])
    spec = ChildSpec(id="x", name="puppet", start=Start(Puppet), isolation=Isolation.PROCESS, launcher=bench.launcher)
    outcome = bench.begin(spec).get(timeout=WAIT)
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, NameTaken)


def test_a_second_life_has_the_same_ref_and_the_next_number(bench: Bench) -> None:
    ref = bench.start()
    ref.kill()
    end_of(bench, ref)
    outcome = bench.begin(bench.spec("again"), ref=ref).get(timeout=WAIT)
    assert outcome == Started(ref, 2, {"pid": ref.pid})
    assert ref.ask(Order("facts"), timeout=WAIT)["args"] == ("again",)
    assert ref.black_box is not None
    assert ref.black_box.incarnation == 2


def test_limits_are_in_force(bench: Bench) -> None:
    ref = bench.start(limits=Limits(nice=3, open_files=64, memory_bytes=2_000_000_000))
    assert ref.ask(Order("facts"), timeout=WAIT)["nice"] == os.nice(0) + 3
    with pytest.raises(RemoteError, match="MemoryError"):
        ref.ask(Order("allocate", 4_000_000_000), timeout=WAIT)
    reason = end_of(bench, ref).reason
    assert isinstance(reason, Crash)
    assert reason.type == "MemoryError"


def test_a_root_that_has_taken_all_descriptors_starts_and_is_heard(bench: Bench) -> None:
    ref = bench.start("full", limits=Limits(open_files=64))
    assert ref.ask(Order("echo", "here"), timeout=WAIT) == "here"


# Deaths.


def test_a_process_that_is_stopped_for_too_long_is_killed_as_hanging(bench: Bench) -> None:
    ref = bench.start(limits=Limits(stopped_seconds=0.4))
    assert ref.pid is not None
    os.kill(ref.pid, signal.SIGSTOP)
    assert end_of(bench, ref).reason == Hang("stopped")


def test_a_handler_that_raises_is_a_crash_with_its_traceback(bench: Bench) -> None:
    ref = bench.start()
    with pytest.raises(RemoteError, match="broken"):
        ref.ask(Order("raise", "broken"), timeout=WAIT)
    event = end_of(bench, ref)
    assert isinstance(event.reason, Crash)
    assert (event.reason.type, event.reason.text) == ("ValueError", "broken")
    assert "do_raise" in event.reason.traceback
    assert event.report is not None
    assert event.report.in_hand == "Order"
    assert event.report.max_rss_bytes is not None
    assert event.report.max_rss_bytes > 1_000_000
    assert not ref.is_alive()


@pytest.mark.parametrize(("what", "code"), [("sys_exit", 3), ("os_exit", 4), ("os_exit", 0), ("sys_exit", 0)])
def test_exits_of_the_process_are_its_status(bench: Bench, what: str, code: int) -> None:
    ref = bench.start()
    ref.tell(Order(what, code))
    assert end_of(bench, ref).reason == ExitStatus(code)


@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_signal_is_the_reason_and_the_message_in_hand_is_known(bench: Bench, signo: signal.Signals) -> None:
    ref = bench.start()
    ref.tell(Order("kill_self", int(signo)))
    event = end_of(bench, ref)
    assert isinstance(event.reason, Signaled)
    assert event.reason.signo == signo
    assert event.report is not None
    assert event.report.in_hand == "Order"


def test_the_handler_may_say_better_what_is_in_hand(bench: Bench) -> None:
    ref = bench.start()
    ref.tell(Order("describe_hand", "resize_image request 17"))
    report = end_of(bench, ref).report
    assert report is not None
    assert report.in_hand == "resize_image request 17"


def test_sigterm_from_outside_is_a_clean_shutdown(bench: Bench) -> None:
    ref = bench.start()
    assert ref.pid is not None
    os.kill(ref.pid, signal.SIGTERM)
    assert end_of(bench, ref).reason == Shutdown("SIGTERM")


def test_asks_fail_at_once_with_the_reason_when_the_process_dies(bench: Bench) -> None:
    ref = bench.start()
    waiting = [ref.ask(Order("sleep", 60), block=False) for _ in range(3)]
    ref.kill()
    for future in waiting:
        with pytest.raises(ActorDeadError) as caught:
            future.get(timeout=WAIT)
        assert caught.value.reason == KILLED
    end_of(bench, ref)
    with pytest.raises(ActorDeadError):
        ref.tell("anybody?")
    with pytest.raises(ActorDeadError):
        ref.ask("anybody?", timeout=WAIT)


def test_the_last_words_on_stderr_are_in_the_report(bench: Bench) -> None:
    ref = bench.start()
    ref.tell(Order("stderr_and_exit", "out of\ncheese"))
    event = end_of(bench, ref)
    assert event.reason == ExitStatus(9)
    assert event.report is not None
    assert event.report.stderr_tail == ("out of", "cheese")


def test_garbage_on_the_socket_kills_only_that_child(bench: Bench) -> None:
    other, ref = bench.start(), bench.start()
    ref.tell(Order("garbage"))
    reason = end_of(bench, ref).reason
    assert isinstance(reason, Crash)
    assert "GarbageReceived" in reason.type
    assert "print statements" in reason.text
    assert other.ask("well?", timeout=WAIT) == "well?"


def test_what_a_child_has_forked_dies_with_it(bench: Bench) -> None:
    ref = bench.start()
    grandchild = ref.ask(Order("fork"), timeout=WAIT)
    ref.tell(Order("os_exit", 1))
    assert end_of(bench, ref).reason == ExitStatus(1)
    wait_gone(grandchild)


def test_a_child_that_holds_the_gil_can_be_killed(bench: Bench) -> None:
    ref = bench.start()
    ref.tell(Order("hold_gil", 30.0))
    wait_in_hand(ref)  # a stop overtakes messages that wait
    began = time.monotonic()
    ref.shutdown(deadline=bench.system.clock.now() + 0.4)
    event = end_of(bench, ref)
    assert event.reason == KILLED
    assert time.monotonic() - began < 5.0
    assert event.report is not None
    assert event.report.stack_dump is not None
    assert "do_hold_gil" in event.report.stack_dump  # faulthandler needs no GIL
    assert event.report.stderr_tail == ()


# Stops.


def test_a_stop_is_clean_and_gives_its_reason(bench: Bench) -> None:
    inbox_ref, inbox = bench.mailbox()
    ref = bench.start(kwargs={"report_to": inbox_ref})
    pid = ref.pid
    ref.shutdown(Shutdown("enough"), deadline=bench.system.clock.now() + WAIT)
    assert end_of(bench, ref).reason == Shutdown("enough")
    assert inbox.get(timeout=WAIT) == ("stopping", pid)


def test_pykkas_stop_waits_for_what_was_sent_before(bench: Bench) -> None:
    inbox_ref, inbox = bench.mailbox()
    ref = bench.start()
    for number in range(20):
        ref.tell(Order("tell", (inbox_ref, number)))
    assert ref.stop(timeout=WAIT) is True
    assert end_of(bench, ref).reason == NORMAL
    assert [inbox.get(timeout=WAIT) for _ in range(20)] == list(range(20))
    assert ref.stop(timeout=WAIT) is False


def test_one_that_ignores_the_stop_gets_sigterm(bench: Bench) -> None:
    ref = bench.start()
    ref.ask(Order("deafen"), timeout=WAIT)
    began = bench.system.clock.now()
    ref.shutdown(deadline=began + 1.0)
    assert end_of(bench, ref).reason == KILLED  # deaf to both: asked by STOP and by SIGTERM alike
    assert bench.system.clock.now() - began < 5.0


def test_one_that_ignores_stop_and_sigterm_is_killed_at_the_deadline(bench: Bench) -> None:
    ref = bench.start()
    ref.ask(Order("ignore_sigterm"), timeout=WAIT)
    began = bench.system.clock.now()
    ref.shutdown(deadline=began + 0.5)
    assert end_of(bench, ref).reason == KILLED
    assert 0.4 < bench.system.clock.now() - began < 5.0


def test_a_stop_while_it_starts_ends_it(bench: Bench) -> None:
    outcomes = bench.begin(bench.spec("hang"))
    ref = bench.system.relations.living()[0]
    ref.shutdown(deadline=bench.system.clock.now() + 1.0)
    assert isinstance(outcomes.get(timeout=WAIT), StartFailed)


def test_a_kill_before_it_is_launched_ends_it(bench: Bench) -> None:
    outcomes = bench.begin(bench.spec())
    bench.system.relations.living()[0].kill()
    outcome = outcomes.get(timeout=WAIT)
    assert isinstance(outcome, StartFailed)
    assert outcome.reason == KILLED


def test_the_systems_shutdown_stops_its_processes_well(bench: Bench) -> None:
    first, second = bench.start(), bench.start()
    assert bench.system.shutdown(timeout=WAIT) == ()
    assert {event.reason for event in (end_of(bench, second), end_of(bench, first))} == {SHUTDOWN}


# Links and monitors.


def test_a_parent_hears_of_the_childs_end_by_its_link(bench: Bench) -> None:
    parent, inbox = bench.mailbox(trap=True)
    ref = bench.start(parent=parent)
    ref.tell(Order("os_exit", 5))
    signal_ = inbox.get(timeout=WAIT)
    assert isinstance(signal_, Exit)
    assert (signal_.sender, signal_.reason, signal_.incarnation) == (ref, ExitStatus(5), 1)
    assert signal_.report is not None


def test_a_monitor_gets_one_down_and_noproc_for_the_dead(bench: Bench) -> None:
    watcher, inbox = bench.mailbox()
    ref = bench.start()
    number = bench.system.monitor(watcher, ref)
    ref.kill()
    assert inbox.get(timeout=WAIT) == Down(number, ref, KILLED, 1)
    again = bench.system.monitor(watcher, ref)
    assert inbox.get(timeout=WAIT) == Down(again, ref, NOPROC, 1)


def test_the_child_ends_with_the_parent_that_it_is_linked_to(bench: Bench) -> None:
    parent, _ = bench.mailbox()
    ref = bench.start(parent=parent)
    parent.exit(Crash("Boom", "parent"))
    assert end_of(bench, ref).reason == Crash("Boom", "parent")


def test_a_child_that_is_too_busy_to_hear_of_its_parents_end_is_killed(bench: Bench) -> None:
    parent, _ = bench.mailbox()
    ref = bench.start(parent=parent)
    ref.tell(Order("hold_gil", 60.0))
    wait_in_hand(ref)
    parent.kill()
    assert end_of(bench, ref).reason == KILLED


def test_a_child_that_traps_exits_is_asked_to_stop_by_the_end_of_its_parent(bench: Bench) -> None:
    parent, _ = bench.mailbox()
    ref = bench.start(parent=parent, kwargs={"trap": True})
    parent.kill()
    assert end_of(bench, ref).reason == KILLED


def test_a_link_made_by_the_child_reaches_both_ways(bench: Bench) -> None:
    friend, inbox = bench.mailbox(trap=True)
    ref = bench.start()
    ref.ask(Order("link", friend), timeout=WAIT)
    ref.tell(Order("raise", "together"))
    signal_ = inbox.get(timeout=WAIT)
    assert isinstance(signal_, Exit)
    assert signal_.sender is ref
    assert inbox.empty()

    second = bench.start()
    doomed, _ = bench.mailbox()
    second.ask(Order("link", doomed), timeout=WAIT)
    doomed.exit(Crash("Boom", "friend"))
    assert end_of(bench, second).reason == Crash("Boom", "friend")


def test_a_link_made_by_the_host_reaches_the_root_and_is_taken_back(bench: Bench) -> None:
    reports, heard = bench.mailbox()
    friend, _ = bench.mailbox()
    ref = bench.start(kwargs={"trap": True, "report_to": reports})
    bench.system.link(friend, ref)
    ref.ask("sync", timeout=WAIT)
    friend.kill()
    assert heard.get(timeout=WAIT) == ("signal", "Exit", KILLED)

    other, _ = bench.mailbox()
    bench.system.link(other, ref)
    ref.ask("sync", timeout=WAIT)
    bench.system.unlink(other, ref)
    ref.ask("sync", timeout=WAIT)
    other.kill()
    assert ref.ask("sync", timeout=WAIT) == "sync"
    assert heard.empty()


def test_a_child_may_unlink_what_the_host_has_linked(bench: Bench) -> None:
    friend, inbox = bench.mailbox(trap=True)
    ref = bench.start()
    bench.system.link(friend, ref)
    ref.ask(Order("unlink", friend), timeout=WAIT)
    assert friend.ask("sync", timeout=WAIT)
    inbox.get(timeout=WAIT)
    ref.kill()
    end_of(bench, ref)
    assert friend.ask("sync", timeout=WAIT)
    assert inbox.get(timeout=WAIT) == "sync"


def test_a_child_monitors_an_actor_of_the_host(bench: Bench) -> None:
    reports, heard = bench.mailbox()
    ref = bench.start(kwargs={"report_to": reports})
    watched, _ = bench.mailbox()
    ref.ask(Order("monitor", watched), timeout=WAIT)
    watched.exit(Crash("Boom", "watched"))
    assert heard.get(timeout=WAIT) == ("signal", "Down", Crash("Boom", "watched"))
    ref.ask(Order("monitor", watched), timeout=WAIT)
    kind = heard.get(timeout=WAIT)
    assert isinstance(kind, tuple)
    assert kind[:2] == ("signal", "Down")


def test_the_host_monitors_an_actor_inside_the_child(bench: Bench) -> None:
    watcher, inbox = bench.mailbox(trap=True)
    ref = bench.start()
    inner = ref.ask(Order("spawn"), timeout=WAIT)
    number = bench.system.monitor(watcher, inner)
    assert inner.ask(Order("echo", 1), timeout=WAIT) == 1
    with pytest.raises(RemoteError):
        inner.ask(Order("raise", "inner"), timeout=WAIT)
    down = inbox.get(timeout=WAIT)
    assert isinstance(down, Down)
    assert (down.monitor, down.ref) == (number, inner)
    assert isinstance(down.reason, Crash)
    with pytest.raises(ActorDeadError):
        inner.ask("anybody?", timeout=WAIT)


def test_links_to_actors_inside_the_child_fire_when_the_whole_process_dies(bench: Bench) -> None:
    watcher, inbox = bench.mailbox(trap=True)
    ref = bench.start()
    inner = ref.ask(Order("spawn"), timeout=WAIT)
    bench.system.link(watcher, inner)
    ref.kill()
    signal_ = inbox.get(timeout=WAIT)
    assert isinstance(signal_, Exit)
    assert (signal_.sender, signal_.reason) == (inner, KILLED)
    assert inbox.empty()


def test_an_actor_inside_the_child_can_be_stopped_and_killed(bench: Bench) -> None:
    watcher, inbox = bench.mailbox()
    ref = bench.start()
    for end, reason in (("shutdown", SHUTDOWN), ("kill", KILLED)):
        inner = ref.ask(Order("spawn"), timeout=WAIT)
        bench.system.monitor(watcher, inner)
        inner.ask("sync", timeout=WAIT)
        getattr(inner, end)()
        down = inbox.get(timeout=WAIT)
        assert isinstance(down, Down)
        assert down.reason == reason
    assert ref.is_alive()


# Refs.


def test_a_ref_that_went_over_and_came_back_is_the_same_object(bench: Bench) -> None:
    friend, _ = bench.mailbox()
    ref = bench.start()
    assert ref.ask(Order("echo", friend), timeout=WAIT) is friend
    assert ref.ask(Order("echo", ref), timeout=WAIT) is ref
    assert ref.ask(Order("self"), timeout=WAIT) is ref


def test_the_child_asks_an_actor_of_the_host(bench: Bench) -> None:
    friend, _ = bench.mailbox()
    assert bench.start().ask(Order("ask", (friend, "question")), timeout=WAIT) == ("got", "question")


def test_siblings_reach_each_other_through_the_host(bench: Bench) -> None:
    one, two = bench.start("one"), bench.start("two")
    assert one.ask(Order("ask", (two, Order("pid"))), timeout=WAIT) == two.pid
    inner = two.ask(Order("spawn"), timeout=WAIT)
    assert one.ask(Order("ask", (inner, Order("pid"))), timeout=WAIT) == two.pid


def test_a_message_of_the_child_to_the_dead_is_a_dead_letter_at_home(bench: Bench) -> None:
    friend, _ = bench.mailbox()
    ref = bench.start()
    ref.ask(Order("keep", friend), timeout=WAIT)
    friend.kill()
    ref.tell(Order("tell", (friend, "too late")))
    assert bench.events.wait(DeadLetter).message == "too late"
    with pytest.raises(RemoteError, match="ActorDeadError"):
        ref.ask(Order("ask", (friend, "too late")), timeout=WAIT)


# Output and logs.


def test_output_is_captured_by_line_and_goes_to_the_log_sink(bench: Bench) -> None:
    logged: list[tuple[str, str, str]] = []
    bench.system.log_sink = lambda record, _ref: logged.append((record.level, record.text, record.source))
    ref = bench.start()
    ref.tell(Order("print", "hello\nworld"))
    ref.tell(Order("print_error", "oh no"))
    lines = [bench.events.wait(OutputCaptured) for _ in range(3)]
    assert sorted((line.stream, line.line) for line in lines) == [
        ("stderr", "oh no"),
        ("stdout", "hello"),
        ("stdout", "world"),
    ]
    ref.stop(timeout=WAIT)
    end_of(bench, ref)
    assert sorted(logged) == [
        ("INFO", "hello", "puppet"),
        ("INFO", "world", "puppet"),
        ("WARNING", "oh no", "puppet"),
    ]


def test_log_records_come_numbered_and_all_of_them_before_the_end(bench: Bench) -> None:
    ref = bench.start()
    ref.tell(Order("log_and_die", 300))
    end = end_of(bench, ref)
    assert isinstance(end.reason, Crash)
    records = [event.record for event in bench.events.seen if isinstance(event, LogReceived)]
    assert [record.sequence for record in records] == list(range(1, 301))
    assert records[0].pid != os.getpid()
    assert records[0].incarnation == 1
    assert not [event for event in bench.events.seen if isinstance(event, LogsLost)]


def test_a_log_sink_that_raises_takes_nothing_away(bench: Bench) -> None:
    def sink(_record: object, _ref: object) -> None:
        raise RuntimeError("disk full")

    bench.system.log_sink = sink
    ref = bench.start()
    ref.tell(Order("log", 3))
    assert ref.ask("still here", timeout=WAIT) == "still here"


def test_the_black_box_is_read_without_asking(bench: Bench) -> None:
    ref = bench.start()
    for _ in range(5):
        ref.ask("x", timeout=WAIT)
    recorded = ref.black_box
    assert recorded is not None
    assert recorded.state is BlackBoxState.READY
    assert (recorded.received, recorded.started) == (5, 5)


# The zygote.


def test_a_killed_zygote_is_replaced_and_its_children_live_on(zygote_bench: Bench) -> None:
    bench = zygote_bench
    first = bench.start()
    pid = bench.system.hosting.zygote_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    bench.events.wait(HostingWarning)
    assert first.ask("still here", timeout=WAIT) == "still here"
    second = bench.start()
    assert bench.system.hosting.zygote_pid not in (None, pid)
    first.tell(Order("raise", "last words"))
    assert isinstance(end_of(bench, first).reason, Crash)
    second.tell(Order("os_exit", 3))
    assert end_of(bench, second).reason == ExitStatus(3)


def test_a_preloaded_module_that_starts_a_thread_falls_back_to_exec(
    zygote_bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "starts_a_thread.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True, name='rude').start()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    zygote_bench.system.hosting.preload("starts_a_thread", "no_such_module")
    assert zygote_bench.start().ask("x", timeout=WAIT) == "x"
    texts = [event.text for event in zygote_bench.events.all() if isinstance(event, HostingWarning)]
    assert any("rude" in text for text in texts)
    assert any("no_such_module" in text for text in texts)


def wait_in_hand(ref: HostedRef) -> None:
    deadline = time.monotonic() + WAIT
    while ref.black_box is None or ref.black_box.in_hand is None:
        assert time.monotonic() < deadline, "the message was never taken"
        time.sleep(0.005)
    time.sleep(0.1)  # from the note in the black box to the C call


def wait_gone(pid: int) -> None:
    deadline = time.monotonic() + WAIT
    while Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.01)


def test_a_zygote_that_was_stopped_is_a_start_timeout_and_replaced(zygote_bench: Bench) -> None:
    bench = zygote_bench
    bench.system.hosting.spares = 0
    bench.start()
    pid = bench.system.hosting.zygote_pid
    assert pid is not None
    stop_process(pid)
    outcome = bench.outcome(start_timeout=0.3)
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, StartTimeout)
    assert bench.start().ask("x", timeout=WAIT) == "x"
    assert bench.system.hosting.zygote_pid != pid
